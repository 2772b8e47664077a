"""How the phases of elaboration say no: one exception with one diagnostic, collected by the driver."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from specc.condition import Condition
from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Span


class Trouble(Exception):
    """A step, an expression or a claim is wrong; the diagnostic says how."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def trouble(
    code: Code,
    message: str,
    span: Span,
    label: str = "",
    *,
    secondary: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    helps: tuple[str, ...] = (),
    where: Condition | None = None,
) -> Trouble:
    """The exception.

    Args:
        where: a condition under which all would be well; `specc.elaborate.sufficient` decides whether it is told.
    """
    return Trouble(Diagnostic(code, message, Label(span, label), secondary, notes, helps, where=where or None))


def in_form(span: Span, language: str, in_yaml: str) -> str:
    """Words about how something is written, in the form of the file that the span is in."""
    from specc.syntax import is_yaml

    return in_yaml if is_yaml(span.source.name) else language


def two_meanings(name: str, place: Span, label: Span) -> Trouble:
    """Where a word alone may mean a step to apply, and the value of another step that has it as its label."""
    return trouble(
        Code.BAD_LABEL,
        f"{name} can be called, and it is a label: the word alone does not say which is meant",
        place,
        secondary=(Label(label, "the label"),),
        helps=(
            in_form(place, f"write `{name}()` to apply it", f"write `{name}: []` to apply it"),
            f"to take the value of the labelled step, give it another label than {name}",
        ),
    )


def short(text: str) -> str:
    """``text``, cut where nobody would read on."""
    return text if len(text) <= 60 else f"{text[:40]}…"


def did_you_mean(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """``did you mean conv?`` as helps, where a known name is near; one that differs in case only stands alone."""
    names = sorted(known)
    near = [n for n in names if n.lower() == name.lower()]
    near = near or [n for n in names if len(name) > 2 and n.startswith(f"{name.lower()}_")]
    near = near or get_close_matches(name[:100].lower(), names, n=3, cutoff=0.7)
    return (f"did you mean {' or '.join(near)}?",) if near else ()
