"""What all formats share: how they may write, and text that is safe to write."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics.words import visible

__all__ = ["STDIN", "Style", "encodable", "visible"]

STDIN = "<stdin>"
"""The name of what is no file."""


class Style(NamedTuple):
    """See `specc.report.formats.rendered`."""

    color: bool = False
    unicode: bool = True
    width: int | None = None


def encodable(text: str) -> str:
    """Text that UTF-8 has: of file names that are no UTF-8, the bytes that are not are shown as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
