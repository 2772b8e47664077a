"""How a whole proof is shown: for people, for programs, and as a page to hand on."""

from __future__ import annotations

from importlib import import_module

from specc.report.proof.wording import ProofSubject
from specc.report.snippets import Style
from specc.verify.result import Parity

_MODULES = {"full": "terminal", "json": "json", "html": "html"}
FORMATS = tuple(_MODULES)
_PLAIN = Style()


def rendered(
    name: str, parity: Parity, subject: ProofSubject, *, style: Style = _PLAIN, everything: bool = False
) -> str:
    """The proof in one of `FORMATS`, without a newline at the end.

    Args:
        style: how the format may write, where it leaves the choice.
        everything: all rows of the long tables; the other formats have them anyway.
    """
    if name not in FORMATS:
        raise ValueError(f"there is no format {name}; there are {', '.join(FORMATS)}")
    shown: str = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)(parity, subject, style, everything)
    return shown
