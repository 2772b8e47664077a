"""The tree of a text that is still being written: what is no statement yet counts as a step that nobody knows."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from string import ascii_letters

from specc.diagnostics import SpecError
from specc.source import Source, is_yaml
from specc.syntax import ast
from specc.syntax.lalr import parser
from specc.syntax.parser import TreeBuilder
from specc.syntax.reader import refuse_hidden_characters
from specc.syntax.recovery import MOST_MISTAKES, FaultlessText, flatten, item_starts
from specc.syntax.tokens import NEWLINE, NotInGrammar, scan

_MARGIN = re.compile(r"^(?:model|block|from|default)\b", re.MULTILINE)
_VISIBLE = re.compile(r"[^\n]")
_LETTER = re.compile(r"(?<![A-Za-z_])[A-Za-z](?![A-Za-z_0-9])")
LONGEST = 2**16
"""Characters of the longest text that is mended; a longer one is parsed as it is, or not at all."""
MOST_PARTS = 256
"""Models, blocks and the like of half-written texts that are remembered: somebody writes in one of them."""


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

        file = mended_yaml(source, unknown)
        return file._replace(unknown=unknown) if file else None
    try:
        refuse_hidden_characters(source)
    except SpecError:
        return None
    items: list[ast.Item] = []
    # Part by part, as no bracket is open where the next begins, and item by item: to read all again for each mistake
    # would take ten times as long.
    text = source.text
    begins = [0, *(match.start() for match in _MARGIN.finditer(text) if match.start()), len(text)]
    for begin, behind in pairwise(begins):
        for start, item in _item_texts(text[begin:behind], unknown, behind == len(text)):
            items += _items(source, item, begin + start, unknown)
    return ast.File(source, tuple(items), unknown)


def _items(source: Source, text: str, start: int, unknown: str) -> tuple[ast.Item, ...]:
    """What can be parsed of a part of the text; nothing where too little can."""
    for rest in (text, None):
        try:
            file: ast.File = parser().parse(rest or _faultless(text, unknown), TreeBuilder(source, start))
            return file.items
        except NotInGrammar:
            pass
    return ()


@lru_cache(MOST_PARTS)
def _faultless(text: str, unknown: str) -> str:
    """A part of a text without its mistakes, as far as they can be found."""
    rest = FaultlessText(text, unknown)
    for _ in range(MOST_MISTAKES):
        try:
            parser().parse(rest.text, TreeBuilder(Source("", text)))
            break
        except NotInGrammar as mistake:
            at = min(mistake.start, len(rest.text) - 1)
            if rest.text[at] == "}":  # what it ends has no end yet: `body.`, `conv(8, 3) ->`
                at = max((begin for kind, begin, _ in scan(rest.text) if kind != NEWLINE and begin < at), default=at)
            if not rest.drop(at):
                break
    return rest.text


def _unused(text: str) -> str | None:
    """A name that the text does not have, not even in its comments."""
    words = set(_LETTER.findall(text))
    return next((letter for letter in ascii_letters if letter not in words), None)


@lru_cache(MOST_PARTS)
def _item_texts(part: str, unknown: str, is_last: bool) -> tuple[tuple[int, str], ...]:
    """The items of a part of a text, each at its offset."""
    text = _bracketed(part, unknown, is_last)
    return tuple([(start, text[start:end]) for start, end in pairwise([*item_starts(text), len(text)])])


def _bracketed(text: str, unknown: str, is_last: bool) -> str:
    """The text without newlines that mean nothing; a line with an open bracket or string is an unknown step.

    Where there are too many of them nothing is left.
    """
    whole = text
    for _ in range(MOST_MISTAKES):
        try:
            return flatten(Source("", text))
        except SpecError as error:
            at = error.diagnostics[0].primary.span.start
        if text[at : at + 1] == "{" and (
            closed := _closed(text, is_last)
        ):  # whoever writes a body has not come to its end
            text = closed
            continue
        begin = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at) % (len(text) + 1)
        begin += len(text[begin:end]) - len(text[begin:end].lstrip())
        if begin == end or text[begin:end].rstrip() == unknown:
            break
        text = text[:begin] + unknown.ljust(end - begin) + text[end:]
    return _VISIBLE.sub(" ", whole) + "\n"


def _closed(text: str, is_last: bool) -> str | None:
    """A part with one more brace at its end; None where it has no blank for it before the next part."""
    if is_last:
        return f"{text}\n}}"  # nothing stands behind it whose place would be another one
    end = len(text.rstrip())
    is_comment = "#" in text[text.rfind("\n", 0, end) + 1 : end]
    place = text.index("\n", end) + 1 if is_comment else end
    return f"{text[:place]}}}{text[place + 1 :]}" if place < len(text) - 1 else None
