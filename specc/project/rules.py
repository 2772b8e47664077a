"""Which findings are wanted: lints and budgets may be turned off by code, errors may not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from specc.diagnostics import Code, UsageError

CHOICES = tuple(code for code in Code if code.startswith("S05") or code is Code.BUDGET)
"""What may be turned off."""


class Rules(NamedTuple):
    """Which of `CHOICES` are on: those of ``select`` (None: all) without those of ``ignore``. Codes or beginnings.

    Budgets, which a project has set itself, are on unless they are ignored: to choose among lints turns none off.
    """

    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()

    def want(self, code: str) -> bool:
        if code not in CHOICES:
            return True
        selected = self.select is None or code == Code.BUDGET or code.startswith(self.select)
        return selected and not code.startswith(self.ignore or "-")


def refuse_unknown(codes: Iterable[str], where: str) -> None:
    """Raises UsageError where a code, or the beginning of one, is none that can be turned on and off."""
    for code in codes:
        if problem := choice_problem(code):
            raise UsageError(f"{where}: {problem}")


def lint_codes(text: str | None, option: str) -> tuple[str, ...] | None:
    """The codes that an option names; None: it is not given, and the settings of each file decide."""
    if text is None:
        return None
    codes = tuple(code.strip().upper() for code in text.split(","))
    refuse_unknown(codes, option)
    return codes


def choice_problem(code: str) -> str | None:
    """Why this is no code, nor the beginning of one, that can be turned on and off."""
    if len(code) > 1 and any(choice.startswith(code) for choice in CHOICES):
        return None
    if code in set(Code):
        return f"{code} is an error: without a network that fits there is nothing to overlook"
    known = f"they go from {CHOICES[1]} to {CHOICES[-1]}, and {CHOICES[0]} is the budget"
    return f"{code or 'an empty text'} is no code of a lint; {known}"
