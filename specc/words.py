"""Words that every part says in the same way."""

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """``H``, ``H and W``, ``T, H and W``"""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def plural(number: int, noun: str) -> str:
    """``1 error``, ``2 errors``"""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
