"""The outputs of a model: which value each port gives out, and that nothing is computed in vain."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.contracts import agree
from specc.elaborate.drafts import DraftNode
from specc.elaborate.errors import Invalid, Unknown, ambiguous, in_form, invalid, suggestion
from specc.elaborate.scopes import ABSENT, Scope
from specc.elaborate.values import Signal
from specc.elaborate.walk import Walk
from specc.ir.graph import Port
from specc.syntax import ast


class GraphOutput(NamedTuple):
    """An output and the value that it gives out."""

    port: Port
    given: Signal


def exits(model: ast.Model, walk: Walk, scope: Scope, last: Signal) -> tuple[list[GraphOutput], list[Diagnostic]]:
    """The model's outputs, its contract (if stated) proven.

    An output gives out the value of the step labelled with its name. The body's last value is an output too:
    of the port that no label names; where every port has its label, of the one whose label stands nearest before
    it (``score: fc(1) -> sigmoid`` labels the weights of fc, and gives out the sigmoid).
    """
    stated = model.contract.outputs if model.contract else None
    if not stated:
        return ([GraphOutput(Port("output", last.type), last)] if last.type else []), []
    found: list[GraphOutput] = []
    findings: list[Diagnostic] = []
    try:
        values = _values(stated, walk, scope, last)
    except Invalid as problem:
        return [], [problem.diagnostic]
    for port, given in zip(stated, values, strict=True):
        try:
            if given.type is None:
                continue
            agree(port.shape, given, scope, Code.CONTRACT, "the model gives")
            found.append(GraphOutput(Port(port.name or "output", given.type), given))
        except Invalid as problem:
            findings.append(problem.diagnostic)
        except Unknown:
            continue
    return found, findings


def _values(stated: tuple[ast.Port, ...], walk: Walk, scope: Scope, last: Signal) -> list[Signal]:
    labelled = [_labelled(port, walk, scope) for port in stated]
    unnamed = [place for place, given in enumerate(labelled) if given is None]
    is_given_out = last.producer in [given.producer for given in labelled if given is not None]
    if len(unnamed) > (0 if is_given_out else 1):
        raise _unlabelled([stated[place] for place in unnamed], scope)
    values = [given or last for given in labelled]
    if not unnamed and last.producer not in [given.producer for given in values]:
        nearest = _nearest(values, walk.drafts, last)
        if nearest is not None:
            values[nearest] = last
    return values


def _with_label(port: ast.Port) -> str:
    return in_form(port.span, f"{port.name}: …", f"`{{label: {port.name}, …}}`")


def _unlabelled(ports: list[ast.Port], scope: Scope) -> Invalid:
    """Several outputs that no label names: shown at one that a label nearly does."""
    near = {port: suggestion(port.name or "", scope.known()) for port in ports}
    port = next((port for port in ports if near[port]), ports[1] if len(ports) > 1 else ports[0])
    return invalid(
        Code.CONTRACT,
        f"nothing is labelled {port.name}, and the last value is one output only",
        port.span,
        helps=() if near[port] else (f"label the step that gives it, in the model's own body: {_with_label(port)}",),
        suggestion=near[port],
    )


def _labelled(port: ast.Port, walk: Walk, scope: Scope) -> Signal | None:
    """The value called by the port's name; None where nothing is."""
    if port.name is None:
        return None
    if len(labels := scope.ambiguity(port.name)) > 1:
        raise ambiguous(port.name, port.span, labels)
    value = scope.get(port.name)
    if value is ABSENT:
        return walk.outputs.get(port.name)
    if isinstance(value, Signal):
        return value
    return Signal(None, None, port.span)


def _nearest(values: list[Signal], drafts: list[DraftNode], last: Signal) -> int | None:
    """Which of ``values`` the last one was made from, a step at a time along first inputs."""
    producers = [given.producer for given in values]
    here = last.producer
    while isinstance(here, int):
        if here in producers:
            return producers.index(here)
        here = drafts[here].inputs[0].producer
    return None


def unused(walk: Walk, given_out: list[Signal]) -> list[Diagnostic]:
    """Steps whose value no output depends on; of a chain of such steps the last."""
    needed = {given.producer for given in given_out}
    vain = []
    for draft in reversed(walk.drafts):  # whatever takes a value stands behind what makes it
        if draft.producer not in needed:
            vain.append(draft)
            continue
        for given in draft.inputs:
            needed.add(given.producer)
    read = {given.producer for draft in vain for given in draft.inputs}
    findings = {
        draft.span: Diagnostic(
            Code.UNUSED,
            f"the value of this {draft.op.kind} is never used",
            Label(draft.span),
            helps=("every step must lead to the output",),
        )
        for draft in reversed(vain)
        if draft.producer not in read
    }
    shared = [
        Diagnostic(Code.UNUSED, f"the shared steps {s.name} are never applied", Label(s.statement.name_span))
        for s, is_applied in walk.shared.items()
        if not is_applied
    ]
    return [*findings.values(), *shared]


def unused_inputs(
    inputs: tuple[Port, ...], stated: tuple[ast.Port, ...], walk: Walk, out: list[GraphOutput]
) -> list[Diagnostic]:
    """Inputs that nothing reads."""
    read = {given.producer for draft in walk.drafts for given in draft.inputs} | {e.given.producer for e in out}
    return [
        Diagnostic(Code.UNUSED, f"the input {port.name} is never used", Label(place.span))
        for port, place in zip(inputs, stated, strict=True)
        if port.name not in read
    ]
