"""YAML as text: lists and mappings in brackets where they fit on a line, on lines of their own where not.

What is written is read alike by readers of YAML 1.1 and 1.2: whatever one of them could take for something else than a
text stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeGuard

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

    Attributes:
        flow: the list in brackets, on one line; None where it is longer than any line.

    Args:
        tall: its entries stand on lines of their own, whether or not they would fit on one.
        blank: the entries with an empty line before them.
    """

    def __init__(self, items: list[Out], *, tall: bool = False, blank: frozenset[int] = frozenset()) -> None:
        self.items = items
        self.blank = blank
        self.tall: bool = tall or any(item.tall for item in items)
        self.flow: str | None = _joined("[", [_entry(item) for item in items], "]")


class Keys:
    """A mapping. ``step``: in a list in brackets, one of a single pair stands without braces.

    Attributes:
        flow: the mapping on one line; None where it is longer than any line.
        inner: the same without braces.
    """

    def __init__(self, pairs: list[tuple[str, Out]], *, step: bool = False) -> None:
        self.pairs = pairs
        self.bare = step and len(pairs) == 1
        self.tall: bool = any(value.tall for _, value in pairs)
        shown = [value.flow if value.flow is None else f"{word(key)}: {value.flow}" for key, value in pairs]
        self.inner: str | None = _joined("", shown, "")
        self.flow: str | None = _joined("{", shown, "}")


Out = Word | Entries | Keys


def word(text: str) -> str:
    """A text as a single value, in quotes where it could be taken for anything else."""
    if _PLAIN.fullmatch(text) and not _other_than_text(text):
        return text
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return _escaped(text)


def rendered(node: Out) -> str:
    """The text: an explicit stack, since a spec may nest as deep as the parser lets it."""
    text: list[str] = []
    waiting = [_Placed("", node, 0, 0)]
    while waiting:
        placed = waiting.pop()
        text.append(placed.before)
        inline = _inline(placed)
        if inline is None:
            waiting += reversed([*_opened(placed)])
        else:
            text.append(inline)
    return "\n".join(line.rstrip() for line in "".join(text).split("\n")) + "\n"


class _Placed(NamedTuple):
    """A node, and where it goes.

    Attributes:
        before: what stands before it: the key or the dash, on the line where that begins.
        at: the column in which it begins.
        indent: that of its entries or pairs where they stand on lines of their own.
        behind_key: the first of them, too, begins on a line of its own.
    """

    before: str
    node: Out
    at: int
    indent: int
    behind_key: bool = False


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


def _joined(opening: str, parts: list[str | None], closing: str) -> str | None:
    """The parts on one line. One that is too long is not made: on each level it would be longer."""
    shown = [part for part in parts if part is not None]
    length = len(opening) + sum(map(len, shown)) + 2 * (len(shown) - 1) + len(closing)
    return f"{opening}{', '.join(shown)}{closing}" if len(shown) == len(parts) and length <= WIDTH else None


def _entry(item: Out) -> str | None:
    return item.inner if isinstance(item, Keys) and item.bare else item.flow


def _inline(placed: _Placed) -> str | None:
    """What goes on from where the node begins; None where its entries or pairs stand on lines of their own."""
    node = placed.node
    if isinstance(node, Word):
        return node.flow
    if isinstance(node, Entries) and not node.items:
        return "[]"
    fits = not node.tall and node.flow is not None and placed.at + len(node.flow) <= WIDTH
    if fits and (placed.behind_key or not _is_block(node)):
        return node.flow
    if not _fills(node):
        return None
    line = "\n" + " " * placed.indent
    return (line if placed.behind_key else "") + line.join(_filled(node, WIDTH - placed.indent))


def _opened(placed: _Placed) -> Iterator[_Placed]:
    """The entries or pairs on lines of their own."""
    node, indent = placed.node, placed.indent
    line = "\n" + " " * indent
    before = line if placed.behind_key else ""
    if isinstance(node, Keys):
        for key, value in node.pairs:
            written = f"{word(key)}: "
            yield _Placed(before + written, value, indent + len(written), indent + 2, behind_key=True)
            before = line
    elif isinstance(node, Entries):
        for place, item in enumerate(node.items):
            empty = "\n" if place in node.blank else ""
            yield _Placed(f"{empty}{before}- ", item, indent + 2, indent + 2)
            before = line


def _is_block(node: Out) -> bool:
    """On a line of its own a pair needs no braces."""
    return isinstance(node, Keys) and node.bare


def _fills(node: Out) -> TypeGuard[Entries]:
    """A long list of single values goes on from line to line."""
    return isinstance(node, Entries) and not node.tall and all(isinstance(item, Word) for item in node.items)


def _filled(node: Entries, width: int) -> Iterator[str]:
    line = "["
    entries = [item.flow or "" for item in node.items]
    for place, entry in enumerate(entries):
        text = entry + ("]" if place + 1 == len(entries) else ",")
        if line.strip(" [") and len(line) + 1 + len(text) > width:
            yield line.rstrip()
            line = " "
        line += text + " "
    yield line.rstrip()
