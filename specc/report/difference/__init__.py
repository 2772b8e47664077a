"""How a comparison is shown: for people, for programs, for a pull request."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from specc.compare.specs import Comparison, FailOn

_MODULES = {"text": "terminal", "json": "json", "markdown": "markdown"}
FORMATS = tuple(_MODULES)
_NOTHING = FailOn()


def rendered(
    name: str, comparison: Comparison, *, fail_on: FailOn = _NOTHING, color: bool = False, unicode: bool = True
) -> str:
    """The comparison in one of `FORMATS`, without a newline at the end.

    Args:
        fail_on: what the run fails on: Markdown marks it.
        color: ANSI colours; in text only.
        unicode: False: what specc adds is ASCII, where the format leaves the choice.
    """
    if name not in FORMATS:
        raise ValueError(f"there is no format {name}; there are {', '.join(FORMATS)}")
    options: dict[str, Any] = {
        "text": {"color": color, "unicode": unicode}, "json": {"unicode": unicode}, "markdown": {"fail_on": fail_on},
    }  # fmt: skip
    shown: str = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)(comparison, **options[name])
    return shown
