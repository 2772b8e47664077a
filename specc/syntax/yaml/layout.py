"""YAML as text: lists and mappings in brackets where they fit on a line, on lines of their own where not.

What is written is read alike by readers of YAML 1.1 and 1.2: whatever one of them could take for something else than a
text stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from specc.syntax.yaml import scalars

WIDTH = 100
_PLAIN = re.compile(r"(?:[A-Za-z_=(/0-9]|\.{1,2}/|-(?=[A-Za-z0-9_(]))(?:[A-Za-z0-9_.+*/%<>=!()-]| (?=[^ #]))*")
_LIKE_A_NUMBER = re.compile(r"(?=.*[0-9])[-+.0-9][-+.:_0-9A-Fa-foxOX]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_WORDS = frozenset("true false null yes no on off".split())


class Word:
    """A single value, as it stands in YAML; empty for null."""

    tall: bool = False

    def __init__(self, flow: str) -> None:
        self.flow = flow


class Entries:
    """A list.

    Args:
        tall: its entries stand on lines of their own, whether or not they would fit on one.
        blank: the entries with an empty line before them.
    """

    def __init__(self, items: list[Out], *, tall: bool = False, blank: frozenset[int] = frozenset()) -> None:
        self.items = items
        self.blank = blank
        self.tall: bool = tall or any(item.tall for item in items)

    @cached_property
    def flow(self) -> str:
        return f"[{', '.join(_entry(item) for item in self.items)}]"


class Keys:
    """A mapping. ``step``: in a list in brackets, one of a single pair stands without braces."""

    def __init__(self, pairs: list[tuple[str, Out]], *, step: bool = False) -> None:
        self.pairs = pairs
        self.bare = step and len(pairs) == 1
        self.tall: bool = any(value.tall for _, value in pairs)

    @cached_property
    def flow(self) -> str:
        return f"{{{self.inner}}}"

    @cached_property
    def inner(self) -> str:
        return ", ".join(f"{word(key)}: {value.flow}" for key, value in self.pairs)


Out = Word | Entries | Keys


def word(text: str) -> str:
    """A text as a single value, in quotes where it could be taken for anything else."""
    if _PLAIN.fullmatch(text) and not _other_than_text(text):
        return text
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return _escaped(text)


def rendered(node: Out) -> str:
    return "\n".join(line.rstrip() for line in _lines(node, 0)) + "\n"


def _other_than_text(text: str) -> bool:
    if text == "=" or text.lower() in _WORDS or _LIKE_A_NUMBER.fullmatch(text):
        return True
    return scalars.written(text) is not None


def _escaped(text: str) -> str:
    """In double quotes; what cannot be seen is written by its number."""
    return f'"{"".join(map(_character, text))}"'


def _character(character: str) -> str:
    if character in _ESCAPES or character.isprintable():
        return _ESCAPES.get(character, character)
    code = ord(character)
    return f"\\u{code:04X}" if code < 2**16 else f"\\U{code:08X}"


def _entry(item: Out) -> str:
    return item.inner if isinstance(item, Keys) and item.bare else item.flow


def _lines(node: Out, column: int) -> Iterator[str]:
    """The node's lines; the first begins in this column, and the others are as far in as the first."""
    if isinstance(node, Word) or (not node.tall and column + len(node.flow) <= WIDTH and not _is_block(node)):
        yield node.flow
    elif isinstance(node, Keys):
        for key, value in node.pairs:
            yield from _pair(word(key), value, column)
    elif _fills(node):
        yield from _filled(node, WIDTH - column)
    else:
        for place, item in enumerate(node.items):
            if place in node.blank:
                yield ""
            yield from _behind("- ", _lines(item, column + 2))


def _is_block(node: Out) -> bool:
    """On a line of its own a pair needs no braces."""
    return isinstance(node, Keys) and node.bare


def _behind(sign: str, lines: Iterator[str]) -> Iterator[str]:
    yield sign + next(lines)
    yield from (" " * len(sign) + line if line else "" for line in lines)


def _pair(key: str, value: Out, column: int) -> Iterator[str]:
    if isinstance(value, Word) or (not value.tall and column + len(key) + 2 + len(value.flow) <= WIDTH):
        yield f"{key}: {value.flow}"
    elif _fills(value):
        first, *rest = _filled(value, WIDTH - column - 2)
        yield from (f"{key}:", f"  {first}", *(f"  {line}" for line in rest))
    else:
        yield f"{key}:"
        yield from (f"  {line}" if line else "" for line in _opened(value, column + 2))


def _opened(node: Entries | Keys, column: int) -> Iterator[str]:
    """The entries or pairs on lines of their own."""
    if isinstance(node, Keys):
        for key, value in node.pairs:
            yield from _pair(word(key), value, column)
        return
    for place, item in enumerate(node.items):
        if place in node.blank:
            yield ""
        yield from _behind("- ", _lines(item, column + 2))


def _fills(node: Out) -> bool:
    """A long list of single values goes on from line to line."""
    return isinstance(node, Entries) and not node.tall and all(isinstance(item, Word) for item in node.items)


def _filled(node: Entries | Keys, width: int) -> Iterator[str]:
    line = "["
    entries = [item.flow for item in node.items] if isinstance(node, Entries) else []
    for place, entry in enumerate(entries):
        text = entry + ("]" if place + 1 == len(entries) else ",")
        if line.strip(" [") and len(line) + 1 + len(text) > width:
            yield line.rstrip()
            line = " "
        line += text + " "
    yield line.rstrip()
