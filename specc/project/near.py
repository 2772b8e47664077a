"""What was most likely meant."""

from __future__ import annotations

from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> str:
    """``did you mean select?``, or all that there is."""
    from difflib import get_close_matches

    names = sorted(known)
    close = get_close_matches(name[:100].lower(), names, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}"
