"""How a comparison is shown: for people, for programs, for a pull request."""

from __future__ import annotations

from importlib import import_module

from specc.compare.specs import Comparison

FORMATS = ("text", "json", "markdown")


def rendered(name: str, comparison: Comparison, *, color: bool = False, unicode: bool = True) -> str:
    """The comparison in one of `FORMATS`, without a newline at the end.

    Args:
        color: ANSI colours; in text only.
        unicode: False: what specc adds is ASCII, where the format leaves the choice.
    """
    if name not in FORMATS:
        raise ValueError(f"there is no format {name}; there are {', '.join(FORMATS)}")
    options = {"text": {"color": color, "unicode": unicode}, "json": {"unicode": unicode}, "markdown": {}}[name]
    shown: str = getattr(import_module(f"{__name__}.{name}"), name)(comparison, **options)
    return shown
