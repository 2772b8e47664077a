"""How elaboration refuses: an exception with one finding, and what several phases word alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from specc.diagnostics import Code, Diagnostic, Fact, Fix, Label, Suggestion
from specc.diagnostics.finding import Condition
from specc.source import Span
from specc.syntax import is_yaml

if TYPE_CHECKING:
    from specc.diagnostics.vocabulary import Kind


class Invalid(Exception):
    """A step, an expression or a claim is wrong; the diagnostic says how."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


class Unknown(Exception):
    """The expression asks about a value whose shape an earlier error left unknown: nothing more to say."""


def invalid(
    code: Code,
    message: str,
    span: Span,
    label: str = "",
    *,
    secondary: tuple[Label, ...] = (),
    notes: tuple[str, ...] = (),
    helps: tuple[str, ...] = (),
    where: Condition | None = None,
    fix: Fix | None = None,
    suggestion: Suggestion | None = None,
    fact: Fact | None = None,
) -> Invalid:
    """The exception.

    Args:
        helps: besides what a ``suggestion`` says.
        where: a condition under which all would be well; `specc.elaborate.where` decides whether it is shown.
    """
    place = Label(span, label)
    finding = Diagnostic(code, message, place, secondary, notes, helps, where=where or None, fix=fix, fact=fact)
    return Invalid(finding.suggesting(suggestion))


@contextmanager
def collecting(add: Callable[[Diagnostic], object]) -> Iterator[None]:
    """Statements of which a mistake ends no more than themselves: its finding goes to ``add``; Unknown has none."""
    try:
        yield
    except Invalid as problem:
        add(problem.diagnostic)
    except Unknown:
        pass


def in_form(span: Span, language: str, in_yaml: str) -> str:
    """One of two texts: about the form, language or YAML, of the file that the span is in."""
    return in_yaml if is_yaml(span.source.name) else language


def ambiguous(name: str, place: Span, labels: tuple[Span, ...]) -> Invalid:
    """Where a word alone may mean several things.

    Args:
        labels: one, where it is also something to call; two, of the parts of a group.
    """
    label, *others = labels
    if others:
        return invalid(
            Code.BAD_LABEL,
            f"the group {name} goes on, and the word alone does not say which part's value is meant",
            place,
            secondary=(Label(label, "it begins here"), *(Label(other, "and goes on here") for other in others)),
            helps=("label the step behind the part, or put that part under a name of its own",),
        )
    return invalid(
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


def suggestion(word: str, known: Iterable[str], kind: Kind = "name") -> Suggestion | None:
    """The names among ``known`` that a word which is none of them may be a slip of."""
    from specc.diagnostics.spelling import suggest  # a spec without mistakes needs none of it

    return suggest(word, known, kind)
