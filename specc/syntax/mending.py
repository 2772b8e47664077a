"""The tree of a text that is still being written: what is no statement yet counts as a step that nobody knows."""

from __future__ import annotations

from itertools import pairwise
from string import ascii_letters

from specc.diagnostics import SpecError
from specc.source import Source, is_yaml
from specc.syntax import ast
from specc.syntax.lalr import parser
from specc.syntax.parser import TreeBuilder
from specc.syntax.reader import refuse_hidden_characters
from specc.syntax.recovery import MOST_MISTAKES, FaultlessText, flatten, item_starts
from specc.syntax.tokens import NotInGrammar, scan

LONGEST = 2**16
"""Characters of the longest text that is mended; a longer one is parsed as it is, or not at all."""


def mended(source: Source) -> ast.File | None:
    """The tree of all that can be parsed of a text, every part at its own place.

    A faulty statement is a call of a name that the text does not have: an unknown step, whose value is unknown too.
    Outside of bodies it is nothing. None where too little can be parsed.
    """
    if len(source.text) > LONGEST:
        return None
    unknown = _unused(source.text)
    if unknown is None:
        return None
    if is_yaml(source.name):
        from specc.syntax.yaml.mending import mended as mended_yaml

        return mended_yaml(source, unknown)
    try:
        refuse_hidden_characters(source)
    except SpecError:
        return None
    text = _bracketed(source, unknown)
    if text is None:
        return None
    starts = item_starts(text)
    items: list[ast.Item] = []
    # Item by item: to parse all of them again for each mistake would take ten times as long.
    for start, end in pairwise([*starts, len(text)]):
        items += _items(source, text[start:end], start, unknown)
    return ast.File(source, tuple(items))


def _items(source: Source, text: str, start: int, unknown: str) -> tuple[ast.Item, ...]:
    """What can be parsed of a part of the text; nothing where too little can."""
    rest = FaultlessText(text, unknown)
    for _ in range(MOST_MISTAKES):
        try:
            file: ast.File = parser().parse(rest.text, TreeBuilder(source, start))
            return file.items
        except NotInGrammar as mistake:
            if not rest.drop(min(mistake.start, len(rest.text) - 1)):
                break
    return ()


def _unused(text: str) -> str | None:
    """A name that the text does not have."""
    words: set[str] = set()
    for kind, start, end in scan(text + "\n"):
        word = text[start:end]
        words.update(word if kind == "STRING" else (word,))  # a text may have formulas in it
    return next((letter for letter in ascii_letters if letter not in words), None)


def _bracketed(source: Source, unknown: str) -> str | None:
    """The text without newlines that mean nothing; a line with an open bracket or string is an unknown step."""
    text = source.text
    for _ in range(MOST_MISTAKES):
        try:
            return flatten(Source(source.name, text))
        except SpecError as error:
            at = error.diagnostics[0].primary.span.start
        begin = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at) % (len(text) + 1)
        begin += len(text[begin:end]) - len(text[begin:end].lstrip())
        if begin == end or text[begin:end].rstrip() == unknown:
            return None
        text = text[:begin] + unknown.ljust(end - begin) + text[end:]
    return None
