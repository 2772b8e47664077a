"""What all formats share: how they may write, and text that is safe to write."""

from __future__ import annotations

from typing import NamedTuple
from unicodedata import category

STDIN = "<stdin>"
"""The name of what is no file."""


class Style(NamedTuple):
    """See `specc.report.formats.rendered`."""

    color: bool = False
    unicode: bool = True
    fail_on: str = "error"
    width: int | None = None


def visible(text: str) -> str:
    """Without line ends or anything else that a terminal or a log would obey: such characters are shown as escapes."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable() or category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode("ascii")


def encodable(text: str) -> str:
    """Text that UTF-8 has: of file names that are no UTF-8, the bytes that are not are shown as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
