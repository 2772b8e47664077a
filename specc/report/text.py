"""How numbers and sizes are written for people."""

from __future__ import annotations

from specc.ir.types import times


def count(number: int) -> str:
    """``81,194``"""
    return f"{number:,}"


def scaled(number: int) -> str:
    """``416.5 k``, ``15.47 G``: four digits and a unit, exact below ten thousand."""
    if number < 10_000:
        return count(number)
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.4g} {unit}"
    raise AssertionError("unreachable: numbers below 10,000 are exact")


def memory(size: int) -> str:
    """Bytes in binary units: ``22.5 KiB``."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        amount /= 1024
        if amount < 1024 or unit == "TiB":
            return f"{amount:.4g} {unit}"
    raise AssertionError("unreachable: the last unit returns")


def field(sizes: tuple[int, ...] | None) -> str:
    """A receptive field; ``-`` where none is claimed."""
    return times(sizes) if sizes else "-"


def plural(number: int, noun: str) -> str:
    """``1 error``, ``2 errors``"""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
