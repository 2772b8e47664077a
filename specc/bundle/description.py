"""The sidecar of a compiled file: what a program must know to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from specc.analyses.layout import layouts
from specc.analyses.ranges import ranges
from specc.bundle.sidecar import (
    FORMAT,
    Budget,
    Costs,
    Golden,
    OnnxFile,
    Output,
    Port,
    Sidecar,
    Symbol,
    Verdict,
    Worst,
)
from specc.diagnostics import UsageError
from specc.diagnostics.words import listed, plural
from specc.elaborate import Checked
from specc.ir import graph as ir
from specc.ir import size as sizes
from specc.ir.types import TensorType
from specc.project.budgets import Budget as Limits
from specc.project.budgets import budget_use
from specc.verify.result import Parity
from specc.version import __version__

NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Subject:
    """What is to be written, and all that is known of it beforehand.

    Attributes:
        spec: the hash of what the network means.
        settings: parameters of the model that were set, as written.
        weights: where they come from.
        runs_on: the requirements that were asked for.
        tried: between which numbers the proof will try each input, by name; empty without a proof.
        labels: of each output that has some, by name.
        budget: what the project's configuration says of the spec; None where it says nothing.
    """

    checked: Checked
    spec: str
    settings: Mapping[str, str]
    weights: str
    runs_on: Sequence[str]
    tried: Mapping[str, tuple[float, float]]
    labels: Mapping[str, tuple[str, ...]]
    budget: Limits | None


@dataclass(frozen=True)
class Description:
    """The parts of a sidecar that are known before its file is written: nothing of them can fail after the proof."""

    subject: Subject
    symbols: dict[str, Symbol]
    inputs: tuple[Port, ...]
    outputs: tuple[Output, ...]
    costs: Costs
    budgets: tuple[Budget, ...]


def described(subject: Subject) -> Description:
    graph, costs = subject.checked.graph, subject.checked.costs
    known = ranges(graph)
    of_inputs, of_outputs = layouts(graph)
    return Description(
        subject,
        symbols=_symbols(graph),
        inputs=tuple(_input(port, of_inputs[port.name], subject.tried.get(port.name)) for port in graph.inputs),
        outputs=tuple(
            _output(port, of_outputs[port.name], known[value], subject.labels.get(port.name))
            for port, value in graph.outputs
        ),
        costs=Costs(
            params=costs.params,
            trainable_params=costs.trainable_params,
            macs=costs.macs,
            activation_memory=costs.activation_memory,
            peak_memory=costs.peak_memory,
        ),
        budgets=_budgets(subject.checked, subject.budget),
    )


def sidecar(of: Description, file: OnnxFile, parity: Parity | None, golden: Golden | None) -> Sidecar:
    """Of a file that has been written.

    Args:
        file: its name and hash, and those of its data.
        parity: the proof; None without one.
        golden: the pair that the proof was made with; None where there is none.
    """
    subject = of.subject
    return Sidecar(
        format=FORMAT,
        specc=__version__,
        model=subject.checked.graph.name,
        file=file,
        spec=subject.spec,
        settings=dict(subject.settings),
        weights=subject.weights,
        runs_on=tuple(subject.runs_on),
        symbols=of.symbols,
        inputs=of.inputs,
        outputs=of.outputs,
        costs=of.costs,
        budgets=of.budgets,
        verdict=_verdict(parity, golden),
        golden=golden,
    )


def written(sidecar: Sidecar) -> bytes:
    """As JSON: the same bytes for the same facts."""
    text = json.dumps(sidecar.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def proven(parity: Parity | None) -> str:
    """The verdict on a file that is put in place, in words that the same environment gives again."""
    if parity is None:
        return NOT_CHECKED
    settings = dict(parity.settings)
    runtime, torch = settings.get("onnxruntime", "unknown"), settings.get("PyTorch", "unknown").partition("+")[0]
    by = "" if parity.tolerance is None else f", within {parity.tolerance.atol:g} + {parity.tolerance.rtol:g} * |truth|"
    return f"proven on {parity.provider}: onnxruntime {runtime} against torch {torch} in float64{by}"


def labelled(graph: ir.Graph, labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The output that ``labels`` are for: the only one with as many channels.

    Raises:
        UsageError: there is none, or several; a label is empty or of several lines.
    """
    for place, label in enumerate(labels, 1):
        if not label.strip() or "\n" in label:
            raise UsageError(f"label {place} is {'of several lines' if label.strip() else 'empty'}")
    fitting = [port.name for port, _ in graph.outputs if port.type.sample[:1] == (len(labels),)]
    if len(fitting) == 1:
        return {fitting[0]: tuple(labels)}
    if fitting:
        raise UsageError(
            f"there are {plural(len(labels), 'label')}, and {listed(fitting)} have as many channels each: "
            "which of them is meant cannot be said yet"
        )
    channels = [f"{port.name} has {_channels(port.type)}" for port, _ in graph.outputs]
    raise UsageError(f"there are {plural(len(labels), 'label')}, and {listed(channels)}: one label for each is needed")


def _channels(x: TensorType) -> str:
    if not x.sample:
        return "no channels"
    return plural(size, "channel") if isinstance(size := x.sample[0], int) else f"{size} channels"


# ---- parts --------------------------------------------------------------------------------------------------


def _symbols(graph: ir.Graph) -> dict[str, Symbol]:
    """The batch first, then the sizes in the order of the contract."""
    symbolic = (size for port in graph.inputs for size in port.type.shape if isinstance(size, sizes.Size))
    symbols = dict.fromkeys(symbol for size in symbolic for symbol in size.symbols)
    return {symbol.name: _symbol(symbol) for symbol in symbols}


def _symbol(symbol: sizes.Symbol) -> Symbol:
    most = None if symbol.last is None else symbol.value(symbol.last)
    least = symbol.value(symbol.first)
    return Symbol(least=least, most=most, modulus=symbol.modulus, residue=symbol.residue)


def _input(port: ir.Port, layout: str | None, tried: tuple[float, float] | None) -> Port:
    return Port(name=port.name, dtype="float32", shape=_shape(port.type), layout=layout, range=tried)


def _output(port: ir.Port, layout: str | None, bounds: tuple[float, float], labels: tuple[str, ...] | None) -> Output:
    least, most = (None if isinf(bound) else float(bound) for bound in bounds)
    within = None if (least, most) == (None, None) else (least, most)
    shape = _shape(port.type)
    return Output(name=port.name, dtype="float32", shape=shape, layout=layout, range=within, labels=labels)


def _shape(x: TensorType) -> tuple[int | str, ...]:
    return tuple(size if isinstance(size, int) else str(size) for size in x.shape)


def _budgets(checked: Checked, budget: Limits | None) -> tuple[Budget, ...]:
    found = budget_use(checked, budget) if budget is not None else ()
    return tuple(Budget(cost=part.limit.number, most=part.limit.most, has=part.has, at=dict(part.at)) for part in found)


def _verdict(parity: Parity | None, golden: Golden | None) -> Verdict:
    words = proven(parity)
    if parity is None:
        return Verdict(words=words, passed=None, provider=None, versions={}, checks=0, steps=0, worst=None, notes=())
    notes = parity.notes if golden is not None else (*parity.notes, "no golden pair: it would be too large")
    settings = dict(parity.settings)
    versions = {name: settings[title] for name, title in _VERSIONS.items() if title in settings}
    return Verdict(
        words=words,
        passed=parity.passed,
        provider=parity.provider,
        versions=versions,
        checks=len(parity.rows),
        steps=len(parity.steps),
        worst=_worst(parity),
        notes=tuple(notes),
    )


_VERSIONS = {"onnxruntime": "onnxruntime", "torch": "PyTorch"}
"""By what they are called among the settings of a proof."""


def _worst(parity: Parity) -> Worst | None:
    measured = [(row.error_onnx, row.error_torch) for row in parity.rows]
    ours, theirs = ([error for error in errors if error is not None] for errors in zip(*measured, strict=True))
    return Worst(onnx=max(ours), torch=max(theirs)) if ours and theirs else None
