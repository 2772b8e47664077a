"""The outcome of a check as text: for people, for programs, and for the machines that run it for a team.

Each format is a function of its own name in one of the modules; only the module that is asked for is loaded.
"""

from __future__ import annotations

from importlib import import_module

from specc.project.outcome import Outcome
from specc.report.snippets import Style

_MODULES = {
    "full": "terminal",
    "concise": "terminal",
    "json": "json",
    "github": "ci",
    "gitlab": "ci",
    "junit": "ci",
    "sarif": "ci",
}
FORMATS = tuple(_MODULES)


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
    module = import_module(f"{__name__}.{_MODULES[name]}")
    text: str = getattr(module, name)(outcome, Style(color, unicode, width))
    return text
