"""`specc inspect`, and `specc verify` of a file with its sidecar: what a compiled file is, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from specc.bundle.inspection import Inspection
from specc.bundle.recheck import Recheck
from specc.bundle.sidecar import InputEntry, OutputEntry
from specc.diagnostics.words import listed, plural, visible
from specc.embedding.notes import bounds, formula
from specc.onnxfile import PortInfo
from specc.report.json import dumped
from specc.report.notation import count, memory
from specc.report.snippets import Style

VERSION = 1
"""Of the JSON. It grows where a field goes or changes its meaning; fields may be added at any time."""

_WIDTH = 11
"""Of the titles, with a blank."""

_MOST_NODES = 5
"""Nodes that are named; the rest is counted."""

_MOST_LABELS = 3
"""Labels of an output that are shown; the rest is counted."""

_TITLES = {
    "specc.spec": "spec",
    "specc.settings": "settings",
    "specc.weights": "weights",
    "specc.runs_on": "runs on",
    "specc.parity": "parity",
}
"""What an entry of the metadata is called, in this order."""

_SHOWN_ELSEWHERE = ("specc.version", "specc.golden", "specc.sha256")


def inspection_text(file: Inspection) -> str:
    """A line for each fact, the maker first; whether the sidecar belongs comes last."""
    if file.is_ours:
        version = file.metadata.get("specc.version") or file.producer.partition(" ")[2]
        maker = f"made by specc {version}".rstrip()
    else:
        maker = f"not made by specc{f', but by {file.producer}' if file.producer else ''}"
    head = visible(f"{file.name}: {file.network or 'no name'}, {maker}")
    facts = (f"{title:{_WIDTH}}{visible(fact)}" for title, fact in (*_facts(file), *_sidecar(file)))
    return "\n".join([head, *facts])


def inspection_json(file: Inspection) -> str:
    sidecar = file.sidecar
    value = {
        "version": VERSION,
        "file": file.name,
        "size": file.size,
        "sha256": file.sha256,
        "made_by_specc": file.is_ours,
        "producer": file.producer,
        "network": file.network,
        "ir_version": file.ir_version,
        "opsets": dict(file.opsets),
        "inputs": list(map(_port, file.inputs)),
        "outputs": list(map(_port, file.outputs)),
        "nodes": file.nodes,
        "functions": list(file.functions),
        "tensors": file.tensors,
        "elements": file.elements,
        "unsteady": [{"operator": node.operator, "name": node.name, "why": node.why} for node in file.unsteady],
        "external": [{"name": part.name, "tensors": part.tensors, "size": part.size} for part in file.external],
        "metadata": dict(file.metadata),
        "sealed": file.sealed,
        "sidecar": sidecar
        and {
            "name": sidecar.name,
            "readable": sidecar.is_readable,
            "belongs": not sidecar.fault,
            "fault": sidecar.fault,
            "known": dict(sidecar.known),
            "notes": list(sidecar.notes),
            "inputs": [entry.model_dump(mode="json") for entry in sidecar.inputs],
            "outputs": [entry.model_dump(mode="json") for entry in sidecar.outputs],
        },
    }
    return dumped(value, Style(unicode=True))


def _port(port: PortInfo) -> dict[str, object]:
    return {"name": port.name, "dtype": port.dtype, "shape": None if port.shape is None else list(port.shape)}


def _facts(file: Inspection) -> Iterator[tuple[str, str]]:
    opsets = ", ".join(f"{'opset' if name == 'ai.onnx' else name} {number}" for name, number in file.opsets.items())
    yield "file", f"{memory(file.size)}, {opsets}, IR {file.ir_version}, {plural(file.nodes, 'node')}"
    if file.functions:
        yield "functions", listed(file.functions)
    yield "tensors", f"{count(file.tensors)} with {plural(file.elements, 'number')}"
    for part in file.external:
        size = "which is not there" if part.size is None else memory(part.size)
        yield "", f"{count(part.tensors)} of them in {part.name}, {size}"
    for title, draws, consequence in (
        ("training", False, "as in training: it is for inference after model.eval()"),
        ("random", True, "at random: no run says what the next one gives"),
    ):
        if nodes := [str(node) for node in file.unsteady if (node.why == "draws") is draws]:
            more = [f"{len(nodes) - _MOST_NODES} more"] if len(nodes) > _MOST_NODES else []
            verb = "work" if len(nodes) > 1 else "works"
            yield title, f"{listed([*nodes[:_MOST_NODES], *more])} {verb} {consequence}"
    yield from (("input", str(port)) for port in file.inputs)
    yield from (("output", str(port)) for port in file.outputs)
    yield from ((title, file.metadata[key]) for key, title in _TITLES.items() if key in file.metadata)
    others = (key for key in file.metadata if key not in (*_TITLES, *_SHOWN_ELSEWHERE))
    yield from (("metadata", f"{key} = {file.metadata[key]}") for key in others)
    if file.sealed is False:
        yield "changed", "since specc wrote it: what it says of itself was said of other bytes"


def _sidecar(file: Inspection) -> Iterator[tuple[str, str]]:
    sidecar = file.sidecar
    if sidecar is None:
        if file.is_ours:
            yield "sidecar", "none beside it"
        return
    if not sidecar.is_readable:
        yield from zip_longest(["sidecar"], sidecar.fault.split("\n"), fillvalue="")
        return
    if sidecar.fault:
        yield "sidecar", f"{sidecar.name} does not belong to it: {sidecar.fault}"
    else:
        yield "sidecar", f"{sidecar.name} belongs to it"
        for key in ("weights", "parity"):
            text = sidecar.known.get(key)
            if text and text != file.metadata.get(f"specc.{key}"):
                yield "", f"{key}: {text}"
        yield from (
            ("", f"{port.name}: {'; '.join(facts)}") for port in sidecar.inputs if (facts := [*_of_input(port)])
        )
        yield from (
            ("", f"{port.name}: {'; '.join(facts)}") for port in sidecar.outputs if (facts := [*_of_output(port)])
        )
    yield from (("", note) for note in sidecar.notes)


def _of_input(port: InputEntry) -> Iterator[str]:
    if port.layout is not None:
        yield port.layout
    if port.normalisation is not None:
        yield f"the network computes {formula(port.normalisation)}"
    if port.tried is not None:
        least, most = port.tried
        yield f"tried from {least:g} to {most:g}"


def _of_output(port: OutputEntry) -> Iterator[str]:
    if port.layout is not None:
        yield port.layout
    if port.range is not None:
        yield bounds(*port.range)
    if port.labels:
        more = [f"{len(port.labels) - _MOST_LABELS} more"] if len(port.labels) > _MOST_LABELS else []
        yield f"labels {listed([*port.labels[:_MOST_LABELS], *more])}"


# ---- a file compared with its sidecar ---------------------------------------------------------------


def recheck_text(onnx: str, where: Path, recheck: Recheck) -> str:
    """A line for each check, and the verdict. ``where`` is the sidecar."""
    lines = []
    for check in recheck.checks:
        optimised = "" if check.optimised is None else f", graph optimisation {'on' if check.optimised else 'off'}"
        mark, outcome = "ok    ", f"as {where.name} says"
        if not check.passed:
            mark, outcome = "failed", check.reason
        elif check.error is not None:
            outcome = f"{100 * check.error:.2g} % of what is allowed"
        lines.append(f"{mark}  {check.name}{optimised}: {outcome}")
    failed = [check.name for check in recheck.checks if not check.passed]
    if failed:
        lines.append(f"{onnx} is not what {where.name} says: {', '.join(dict.fromkeys(failed))}")
    elif not recheck.is_tested:
        why = f"{where.name} has no golden pair: compile with the proof to get one"
        lines.append(f"{onnx}: nothing was run, since {why}")
    else:
        lines.append(f"{onnx} gives the golden output on {recheck.provider}, onnxruntime {recheck.runtime}")
    return "\n".join(map(visible, lines))


def recheck_json(onnx: str, where: Path, recheck: Recheck) -> str:
    value = {
        "version": VERSION,
        "file": onnx,
        "sidecar": str(where),
        "passed": recheck.passed,
        "is_tested": recheck.is_tested,
        "provider": recheck.provider,
        "onnxruntime": recheck.runtime,
        "checks": [
            {
                "check": check.name,
                "passed": check.passed,
                "reason": check.reason,
                "optimised": check.optimised,
                # JSON has no infinity and no NaN.
                "error": check.error if check.error is not None and check.error < float("inf") else None,
            }
            for check in recheck.checks
        ],
    }
    return dumped(value, Style(unicode=True))
