"""The content of a sidecar, made of a checked network, its file and its proof."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite, isinf
from typing import TYPE_CHECKING, Any

from specc.analyses.dataflow import layouts, ranges
from specc.analyses.normalisation import normalisations
from specc.bundle.sidecar import (
    FORMAT,
    BudgetEntry,
    CostsEntry,
    GoldenPair,
    InputEntry,
    InputNormalisation,
    ModelFile,
    OutputEntry,
    Sidecar,
    SymbolEntry,
    Verdict,
    WorstErrors,
)
from specc.diagnostics import UsageError
from specc.diagnostics.spelling import advice
from specc.diagnostics.words import listed, plural
from specc.elaborate import Checked
from specc.ir.digest import digest
from specc.ir.graph import Graph, Port
from specc.ir.size import Dim, Size
from specc.ir.traits import Scaling
from specc.project.budgets import Budget, budget_use
from specc.verify.result import Parity
from specc.version import __version__

if TYPE_CHECKING:
    from specc.options import Labels

NOT_CHECKED = "not checked"
_VERSIONS = {"onnxruntime": "onnxruntime", "torch": "PyTorch"}
"""By what they are called among the settings of a proof."""


def described(
    checked: Checked,
    *,
    arguments: Mapping[str, str],
    weights: str,
    runs_on: tuple[str, ...],
    tried: Mapping[str, tuple[float, float]],
    labels: Labels | None,
    budget: Budget | None,
) -> dict[str, Any]:
    """The fields of a `Sidecar` that are known before its file is written: nothing of them can fail after the proof.

    Args:
        arguments: parameters of the model that were given a value, as the language writes them.
        weights: where they come from, as `specc.weights.origin` says it.
        runs_on: the requirements that were asked for.
        tried: between which numbers the proof will try each input, by name; empty without a proof.
        labels: what each channel stands for: of the only output with as many, or by output.
        budget: what the project's configuration says of the spec; None where it says nothing.

    Raises:
        UsageError: the labels do not fit.
    """
    graph, costs = checked.graph, checked.costs
    labelled = {} if labels is None else labels_by_output(graph, labels)
    of_inputs, of_outputs = layouts(graph)
    normalised = normalisations(graph)
    inputs = tuple(
        InputEntry(
            layout=of_inputs[port.name],
            range=tried.get(port.name),
            tried=tried.get(port.name),
            normalisation=_normalisation(normalised[port.name]),
            **_declared(port),
        )
        for port in graph.inputs
    )
    known_ranges, outputs = ranges(graph, (value for _, value in graph.outputs)), []
    for port, value in graph.outputs:
        # Infinite bounds say nothing, and are no numbers of JSON.
        least, most = (None if isinf(bound) else float(bound) for bound in known_ranges[value])
        bounds = None if least is most is None else (least, most)
        labels_here = labelled.get(port.name)
        outputs.append(OutputEntry(layout=of_outputs[port.name], range=bounds, labels=labels_here, **_declared(port)))
    # The batch first, then the sizes in the order of the contract.
    symbolic = (size for port in graph.inputs for size in port.type.shape if isinstance(size, Size))
    symbols = dict.fromkeys(symbol for size in symbolic for symbol in size.symbols)
    numbers = ("params", "trainable_params", "macs", "activation_memory", "peak_memory")
    return {
        "model": graph.name,
        "spec": digest(graph),
        "settings": dict(arguments),
        "weights": weights,
        "runs_on": runs_on,
        "symbols": {
            symbol.name: SymbolEntry(
                least=symbol.value(symbol.first),
                most=None if symbol.last is None else symbol.value(symbol.last),
                modulus=symbol.modulus,
                residue=symbol.residue,
            )
            for symbol in symbols
        },
        "inputs": inputs,
        "outputs": tuple(outputs),
        "costs": CostsEntry(**{number: getattr(costs, number) for number in numbers}),
        "budgets": tuple(
            BudgetEntry(cost=use.limit.number, most=use.limit.most, has=use.has, at=dict(use.at))
            for use in (budget_use(checked, budget) if budget is not None else ())
        ),
    }


def _normalisation(scaling: Scaling | None) -> InputNormalisation | None:
    """Nine digits say a float32; what is multiplied out has sixteen, the last of them noise: 123.67499999999998."""
    if scaling is None:
        return None
    count = max(len(scaling.mean), len(scaling.std))
    mean, std = (
        tuple(float(f"{number:.9g}") for number in (numbers * count)[:count]) for numbers in (scaling.mean, scaling.std)
    )
    if not all(map(isfinite, (*mean, *std))):  # of a factor below 1e-308; JSON has no infinity
        return None
    return InputNormalisation(mean=mean, std=std, axis=None if scaling.axis is None else scaling.axis + 1)


def _declared(port: Port) -> dict[str, Any]:
    """What an entry says of the tensor itself."""
    shape = tuple(size if isinstance(size, int) else str(size) for size in port.type.shape)
    return {"name": port.name, "dtype": port.dtype, "shape": shape}


def labels_by_output(graph: Graph, labels: Labels) -> dict[str, tuple[str, ...]]:
    """The labels under the output that they are for: where it is not said, the only one with as many channels.

    Raises:
        UsageError: there is no such output, or several; another number of channels; a label is empty or of several
            lines.
    """
    channels = {port.name: port.type.sample[0] for port, _ in graph.outputs}
    if not isinstance(labels, Mapping):
        _require_lines(labels, "")
        fitting = [name for name, size in channels.items() if size == len(labels)]
        if len(fitting) == 1:
            return {fitting[0]: tuple(labels)}
        if fitting:
            raise UsageError(
                f"there are {plural(len(labels), 'label')}, and {listed(fitting)} have as many channels each: say "
                f"which output is meant, --labels {fitting[0]}=FILE (labels={{{fitting[0]!r}: […]}} in Python)"
            )
        has = listed(f"{name} has {_count(size)}" for name, size in channels.items())
        raise UsageError(f"there are {plural(len(labels), 'label')}, and {has}: one label for each is needed")
    for name, texts in labels.items():
        if name not in channels:
            raise UsageError(f"labels are for {name}, and there is no such output; {advice(name, channels)}")
        _require_lines(texts, f" of {name}")
        if len(texts) != channels[name]:
            has = _count(channels[name])
            raise UsageError(f"{plural(len(texts), 'label')} for {name}, which has {has}: one for each is needed")
    return {name: tuple(texts) for name, texts in labels.items()}


def _count(size: Dim) -> str:
    return plural(size, "channel") if isinstance(size, int) else f"{size} channels"


def _require_lines(labels: Sequence[str], of: str) -> None:
    for place, label in enumerate(labels, 1):
        if not label.strip() or "\n" in label:
            raise UsageError(f"label {place}{of} is {'of several lines' if label.strip() else 'empty'}")


def sidecar(
    description: Mapping[str, Any], file: ModelFile, parity: Parity | None, golden: GoldenPair | None
) -> Sidecar:
    """The sidecar of a file that has been written.

    Args:
        description: what `described` says.
        file: its name and hash, and those of its data.
        parity: the proof; None without one.
        golden: the pair that the proof was made with; None where there is none.
    """
    verdict = _verdict(parity, golden)
    return Sidecar(format=FORMAT, specc=__version__, file=file, verdict=verdict, golden=golden, **description)


def sidecar_json(sidecar: Sidecar) -> bytes:
    """The same bytes for the same facts."""
    text = json.dumps(sidecar.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def verdict_words(parity: Parity | None) -> str:
    """The verdict on a file that is put in place, in words that the same environment gives again."""
    if parity is None:
        return NOT_CHECKED
    settings = dict(parity.settings)
    runtime, torch = settings.get("onnxruntime", "unknown"), settings.get("PyTorch", "unknown").partition("+")[0]
    by = "" if parity.tolerance is None else f", within {parity.tolerance.atol:g} + {parity.tolerance.rtol:g} * |truth|"
    level = f" ({settings['proof']} proof)" if "proof" in settings else ""
    return f"proven on {parity.provider}{level}: onnxruntime {runtime} against torch {torch} in float64{by}"


def _verdict(parity: Parity | None, golden: GoldenPair | None) -> Verdict:
    words = verdict_words(parity)
    if parity is None:
        return Verdict(
            words=words, passed=None, provider=None, proof=None, versions={}, checks=0, steps=0, worst=None, notes=()
        )
    settings = dict(parity.settings)
    ours = [row.error_onnx for row in parity.rows if row.error_onnx is not None]
    theirs = [row.error_torch for row in parity.rows if row.error_torch is not None]
    return Verdict(
        words=words,
        passed=parity.passed,
        provider=parity.provider,
        proof=parity.level,
        versions={name: settings[title] for name, title in _VERSIONS.items() if title in settings},
        checks=len(parity.rows),
        steps=len(parity.steps),
        worst=WorstErrors(onnx=max(ours), torch=max(theirs)) if ours and theirs else None,
        notes=parity.notes if golden is not None else (*parity.notes, "no golden pair: it would be too large"),
    )
