"""The names of steps: labels as written, and numbers for the rest.

A step with tensors is named by its kind and its place among the steps of that kind with tensors, labelled
ones counted: labelling a step renames no other. Steps without tensors are numbered apart, past every name
taken, so that inserting a relu never renames a weight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.values import CONSTANTS
from specc.ops import find
from specc.source import Span


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A step or a block before it is named; ``kind`` is the operator's or the block's name."""

    kind: str
    stateful: bool
    label: str | None
    span: Span


def name_problem(name: str) -> str | None:
    """Why nothing can be called ``name``; None where it can."""
    if find(name):
        return f"{name} is a layer, and no other thing can be called so"
    if name in CONSTANTS:
        return f"{name} is a constant, and no other thing can be called so"
    if name == "_":
        return "_ is the current value, and no other thing can be called so"
    return None


def label_problem(label: str) -> str | None:
    """Why ``label`` cannot name a step; None where it can."""
    if label == "training":
        return "training is where PyTorch's modules keep their mode, and a step cannot be called so"
    if label[0].isdigit() and not (label.isdecimal() and (label == "0" or label[0] != "0")):
        return f"a label is a name or a plain whole number, and {label} is none"
    return name_problem(label)


def name_steps(steps: list[Unnamed], labels: Mapping[str, Span], taken: set[str]) -> tuple[list[str], list[Diagnostic]]:
    """A unique name for each step of one scope; labels are unique already.

    Args:
        labels: every name given in that scope, those of shared steps and of rounds too, with its place.
        taken: other names of that scope (its inputs and outputs).
    """
    names = [step.label or "" for step in steps]
    findings: list[Diagnostic] = []
    places: Counter[str] = Counter()
    counted: dict[str, Unnamed] = {}
    for i, step in enumerate(steps):
        if step.stateful:
            places[step.kind] += 1
            if not names[i]:
                names[i] = f"{step.kind}{places[step.kind]}"
                if names[i] in labels:
                    findings.append(_collision(names[i], labels[names[i]], step))
                elif counted.setdefault(names[i], step) is not step:
                    findings.append(_two_counts(names[i], counted[names[i]], step))
    used = taken | set(labels) | set(filter(None, names))
    numbers: Counter[str] = Counter()
    for i, step in enumerate(steps):
        while not names[i]:
            numbers[step.kind] += 1
            free = f"{step.kind}{numbers[step.kind]}"
            if free not in used:
                names[i] = free
                used.add(free)
    return names, findings


def _two_counts(name: str, first: Unnamed, second: Unnamed) -> Diagnostic:
    return Diagnostic(
        Code.BAD_LABEL,
        f"an unlabelled {first.kind} and an unlabelled {second.kind} both count as {name}",
        Label(second.span, f"this {second.kind}"),
        (Label(first.span, f"this {first.kind}"),),
        helps=("label one of them",),
    )


def _collision(name: str, label: Span, unlabelled: Unnamed) -> Diagnostic:
    return Diagnostic(
        Code.BAD_LABEL,
        f"the label {name} is also the name of an unlabelled {unlabelled.kind}",
        Label(label, "the label"),
        (Label(unlabelled.span, f"this step counts as {name}"),),
        helps=("label the other step too, or choose another label",),
    )
