"""The names of steps: labels as written, and numbers for the rest.

A step with tensors is named by its kind and its place among the steps of that kind with tensors, labelled
ones counted: labelling a step renames no other. Steps without tensors are numbered apart, past every name
taken, so that inserting a relu never renames a weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.words import visible
from specc.elaborate.values import CONSTANTS
from specc.ops import find
from specc.source import Span

if TYPE_CHECKING:
    from specc.elaborate.drafts import DraftBlock, DraftNode


@lru_cache(maxsize=1024)
def name_problem(name: str) -> str | None:
    """Why nothing can be called ``name``; None where it can."""
    if find(name):
        return f"{name} is a layer, and no other thing can be called so"
    if name in CONSTANTS:
        return f"{name} is a constant, and no other thing can be called so"
    if name == "_":
        return "_ is the current value, and no other thing can be called so"
    return None


LONGEST_LABEL = 200


@lru_cache(maxsize=1024)
def label_problem(label: str) -> str | None:
    """Why ``label`` cannot name a step; None where it can. Names of layers and of constants can."""
    if label in _NO_LABELS:
        return _NO_LABELS[label]
    if len(label) > LONGEST_LABEL:
        return f"a label has at most {LONGEST_LABEL} characters, and this one has {len(label):,}"
    wrong = next((c for c in label if c in _NOT_IN_LABELS or c.isspace() or not c.isprintable()), None)
    if wrong is None:
        return None
    reason = _NOT_IN_LABELS.get(wrong, "a blank or a character that nobody sees is none of a name")
    return f"`{visible(wrong)}` cannot stand in a label: {reason}"


_NO_LABELS = {
    "": "a label has at least one character",
    "_": "_ is the current value, and no other thing can be called so",
    "training": "training is where PyTorch's modules keep their mode, and a step cannot be called so",
}
_NOT_IN_LABELS = {
    ".": "a dot parts a step's name from that of the group it is in",
    "/": "what a step needs besides is called after it, behind a slash",
    ":": "a step is asked for as SPEC:STEP",
    '"': "quotation marks end a text",
    "\\": "it begins an escape",
    "{": "braces are kept for formulas",
    "}": "braces are kept for formulas",
}


def name_steps(
    steps: Sequence[DraftNode | DraftBlock], labels: Mapping[str, Span], taken: set[str]
) -> tuple[list[str], list[Diagnostic]]:
    """A unique name for each step of one scope; labels are unique already.

    Args:
        labels: every name given in that scope, those of shared steps and of rounds too, with its place.
        taken: other names of that scope (its inputs and outputs).
    """
    names = [step.label or "" for step in steps]
    if all(names):
        return names, []
    findings = _count_stateful(steps, names, labels)
    _count_others(steps, names, {*taken, *labels, *names})
    return names, findings


def _count_stateful(
    steps: Sequence[DraftNode | DraftBlock], names: list[str], labels: Mapping[str, Span]
) -> list[Diagnostic]:
    """Name the steps with tensors by their place among those of their kind."""
    findings: list[Diagnostic] = []
    places: dict[str, int] = {}
    counted: dict[str, DraftNode | DraftBlock] = {}
    for i, step in enumerate(steps):
        if not step.stateful or not step.is_counted:
            continue
        noun = step.noun
        place = places[noun] = places.get(noun, 0) + 1
        if names[i]:
            continue
        name = names[i] = f"{noun}{place}"
        if name in labels:
            findings.append(_collision(name, labels[name], step))
        elif counted.setdefault(name, step) is not step:
            findings.append(_two_counts(name, counted[name], step))
    return findings


def _count_others(steps: Sequence[DraftNode | DraftBlock], names: list[str], used: set[str]) -> None:
    """Name the steps that have no name yet, past every name that is taken."""
    numbers: dict[str, int] = {}
    for i, step in enumerate(steps):
        while not names[i]:
            noun = step.noun
            number = numbers[noun] = numbers.get(noun, 0) + 1
            free = f"{noun}{number}"
            if free not in used:
                names[i] = free
                used.add(free)


def _two_counts(name: str, first: DraftNode | DraftBlock, second: DraftNode | DraftBlock) -> Diagnostic:
    return Diagnostic(
        Code.BAD_LABEL,
        f"an unlabelled {first.noun} and an unlabelled {second.noun} both count as {name}",
        Label(second.span, f"this {second.noun}"),
        (Label(first.span, f"this {first.noun}"),),
        helps=("label one of them",),
    )


def _collision(name: str, label: Span, unlabelled: DraftNode | DraftBlock) -> Diagnostic:
    return Diagnostic(
        Code.BAD_LABEL,
        f"the label {name} is also the name of an unlabelled {unlabelled.noun}",
        Label(label, "the label"),
        (Label(unlabelled.span, f"this step counts as {name}"),),
        helps=("label the other step too, or choose another label",),
    )
