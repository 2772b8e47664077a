"""Lists, numbers and unprintable characters in messages."""

import errno
from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """``H``, ``H and W``, ``T, H and W``"""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def plural(number: int, noun: str) -> str:
    """``1 error``, ``2 errors``"""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was not enough memory: for Python, or for the system in a call of it."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


def system_reason(error: OSError) -> str:
    """Why the system has refused, in its words: ``no such file or directory``."""
    return (error.strerror or str(error)).lower()


def visible(text: str) -> str:
    """Without line ends or anything else that a terminal or a log would obey: such characters are shown as escapes."""
    if text.isprintable():
        return text
    from unicodedata import category

    return "".join(
        character
        if character.isprintable() or category(character) == "Zs"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def encodable(text: str) -> str:
    """Text that UTF-8 has: of file names that are no UTF-8, the bytes that are not are shown as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
