"""The outcome of a check as text: for people, for programs, and for the machines that run it for a team.

A format is one file with one function, ``text(outcome, style)``; only the one that is asked for is loaded.
"""

from __future__ import annotations

from importlib import import_module

from specc.project.outcome import Outcome
from specc.report.formats.style import Style

FORMATS = ("full", "concise", "json", "github", "gitlab", "junit", "sarif")


def rendered(
    name: str,
    outcome: Outcome,
    *,
    color: bool = False,
    unicode: bool = True,
    width: int | None = None,
) -> str:
    """The outcome in one of `FORMATS`, without a newline at the end.

    Args:
        color: ANSI colours, in the two formats for people.
        unicode: False: what specc adds is ASCII, and so is all of json, gitlab, junit and sarif.
        width: columns of the screen that it is for, in full.
    """
    if name not in FORMATS:
        raise ValueError(f"there is no format {name}; there are {', '.join(FORMATS)}")
    text: str = import_module(f"{__name__}.{name}").text(outcome, Style(color, unicode, width))
    return text
