"""The outputs of a model: which value each port gives out, and that nothing is computed in vain."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.contracts import agree
from specc.elaborate.drafts import Construction
from specc.elaborate.errors import Invalid, Unknown, ambiguous, in_form, invalid, suggestion
from specc.elaborate.scopes import ABSENT, Scope
from specc.elaborate.values import Signal
from specc.ir.graph import Port
from specc.source import Span
from specc.syntax import ast


class GraphOutput(NamedTuple):
    """An output and the value that it gives out."""

    port: Port
    value: Signal


def outputs(
    model: ast.ModelDefinition, network: Construction, scope: Scope, last: Signal
) -> tuple[list[GraphOutput], list[Diagnostic]]:
    """The model's outputs, its contract (if stated) proven.

    An output gives out the value of the step labelled with its name. The body's last value is an output too:
    of the port that no label names; where every port has its label, of the one whose label stands nearest before
    it (``score: fc(1) -> sigmoid`` labels the weights of fc, and gives out the sigmoid).
    """
    stated = model.contract.outputs if model.contract else None
    if not stated:
        return ([GraphOutput(Port("output", last.type), last)] if last.type else []), []
    proven: list[GraphOutput] = []
    findings: list[Diagnostic] = []
    try:
        values = _values(stated, network, scope, last)
    except Invalid as problem:
        return [], [problem.diagnostic]
    for port, value in zip(stated, values, strict=True):
        try:
            if value.type is not None:
                agree(port.shape, value, scope, Code.CONTRACT, "the model gives")
                proven.append(GraphOutput(Port(port.name or "output", value.type), value))
        except Invalid as problem:
            findings.append(problem.diagnostic)
        except Unknown:
            continue
    return proven, findings


def _values(stated: tuple[ast.PortDeclaration, ...], network: Construction, scope: Scope, last: Signal) -> list[Signal]:
    labelled = [_labelled(port, network, scope) for port in stated]
    unnamed = [port for port, value in zip(stated, labelled, strict=True) if value is None]
    producers = [value.producer for value in labelled if value is not None]
    if len(unnamed) > (0 if last.producer in producers else 1):
        # Shown at one that a label nearly names.
        near = {port: suggestion(port.name or "", scope.known()) for port in unnamed}
        port = next((port for port in unnamed if near[port]), unnamed[1] if len(unnamed) > 1 else unnamed[0])
        with_label = in_form(port.span, f"{port.name}: …", f"`{{label: {port.name}, …}}`")
        raise invalid(
            Code.CONTRACT,
            f"nothing is labelled {port.name}, and the last value is one output only",
            port.span,
            helps=() if near[port] else (f"label the step that gives it, in the model's own body: {with_label}",),
            suggestion=near[port],
        )
    values = [value or last for value in labelled]
    if not unnamed and last.producer not in producers:
        # The output that the last value was made from, a step at a time along first inputs.
        here = last.producer
        while isinstance(here, int):
            if here in producers:
                values[producers.index(here)] = last
                break
            here = network.nodes[here].inputs[0].producer
    return values


def _labelled(port: ast.PortDeclaration, network: Construction, scope: Scope) -> Signal | None:
    """The value called by the port's name; None where nothing is."""
    if port.name is None:
        return None
    if len(labels := scope.ambiguity(port.name)) > 1:
        raise ambiguous(port.name, port.span, labels)
    value = scope.get(port.name)
    if value is ABSENT:
        return network.outputs.get(port.name)
    return value if isinstance(value, Signal) else Signal(None, None, port.span)


def unused(
    inputs: tuple[Port, ...], stated: tuple[ast.PortDeclaration, ...], network: Construction, out: list[GraphOutput]
) -> list[Diagnostic]:
    """Steps whose value no output depends on, of a chain of such steps the last; shared steps that are never applied;
    inputs that nothing reads."""
    needed = {output.value.producer for output in out}
    read = needed | {value.producer for node in network.nodes for value in node.inputs}
    vain = []
    for node in reversed(network.nodes):  # whatever takes a value stands behind what makes it
        if node.producer in needed:
            needed.update([value.producer for value in node.inputs])
        else:
            vain.append(node)
    in_vain = {value.producer for node in vain for value in node.inputs}
    last = {node.span: node.op.kind for node in reversed(vain) if node.producer not in in_vain}
    helps = ("every step must lead to the output",)
    return [
        *(
            Diagnostic(Code.UNUSED, f"the value of this {kind} is never used", Label(span), helps=helps)
            for span, kind in last.items()
        ),
        *(
            Diagnostic(Code.UNUSED, f"the shared steps {s.name} are never applied", Label(s.statement.name_span))
            for s, is_applied in network.shared.items()
            if not is_applied
        ),
        *(
            Diagnostic(Code.UNUSED, f"the input {port.name} is never used", Label(place.span))
            for port, place in zip(inputs, stated, strict=True)
            if port.name not in read
        ),
    ]


def duplicate_ports(contract: ast.Contract, inputs: tuple[Port, ...], out: list[GraphOutput]) -> list[Diagnostic]:
    """Every input and output is a value of its own, and a file can call only one of them so."""
    stated = [port.span for port in contract.outputs or ()] or [contract.span]
    places = [*(port.span for port in contract.inputs), *stated]
    names = [*(port.name for port in inputs), *(output.port.name for output in out)]
    first: dict[str, Span] = {}
    findings: list[Diagnostic] = []
    for name, place in zip(names, places, strict=False):
        if first.setdefault(name, place) is not place:
            again = "again here" if contract.outputs else "an output without a name is called output"
            findings.append(
                Diagnostic(
                    Code.DUPLICATE_LABEL,
                    f"two ports are called {name}",
                    Label(place, again),
                    (Label(first[name], "first here"),),
                    helps=("name the ports differently: (x: …) -> (y: …)",),
                )
            )
    return findings
