"""`specc inspect`, and `specc verify` of a file with its sidecar: what a compiled file is, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from specc.bundle.inspection import Inspection, SidecarInspection
from specc.bundle.recheck import Check, Recheck
from specc.diagnostics.words import listed, plural, visible
from specc.onnxfile import PortInfo
from specc.report.notation import count, memory

VERSION = 1
"""Of the JSON. It grows where a field goes or changes its meaning; fields may be added at any time."""

_WIDTH = 11
"""Of the titles, with a blank."""

_SHOWN = 5
"""Nodes that are named; the rest is counted."""

_KNOWN = {
    "specc.spec": "spec",
    "specc.settings": "settings",
    "specc.weights": "weights",
    "specc.runs_on": "runs on",
    "specc.parity": "parity",
}
"""What an entry of the metadata is called, in this order."""

_SAID_ELSEWHERE = ("specc.version", "specc.golden", "specc.sha256")


def inspection_text(found: Inspection) -> str:
    """A line for each fact, the maker first; whether the sidecar belongs comes last."""
    head = visible(f"{found.name}: {found.network or 'no name'}, {_maker(found)}")
    return "\n".join([head, *_facts(found), *_sidecar(found)])


def inspection_json(found: Inspection) -> str:
    value = {
        "version": VERSION,
        "file": found.name,
        "size": found.size,
        "sha256": found.sha256,
        "made_by_specc": found.is_ours,
        "producer": found.producer,
        "network": found.network,
        "ir_version": found.ir_version,
        "opsets": dict(found.opsets),
        "inputs": list(map(_port, found.inputs)),
        "outputs": list(map(_port, found.outputs)),
        "nodes": found.nodes,
        "functions": list(found.functions),
        "tensors": found.tensors,
        "elements": found.elements,
        "unsteady": [{"operator": node.operator, "name": node.name, "why": node.why} for node in found.unsteady],
        "external": [{"name": part.name, "tensors": part.tensors, "size": part.size} for part in found.external],
        "metadata": dict(found.metadata),
        "sealed": found.sealed,
        "sidecar": _as_value(found.sidecar),
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _maker(found: Inspection) -> str:
    if not found.is_ours:
        return f"not made by specc{f', but by {found.producer}' if found.producer else ''}"
    version = found.metadata.get("specc.version") or found.producer.partition(" ")[2]
    return f"made by specc {version}".rstrip()


def _facts(found: Inspection) -> Iterator[str]:
    opsets = ", ".join(f"{'opset' if name == 'ai.onnx' else name} {number}" for name, number in found.opsets.items())
    yield _line("file", f"{memory(found.size)}, {opsets}, IR {found.ir_version}, {plural(found.nodes, 'node')}")
    if found.functions:
        yield _line("functions", listed(found.functions))
    yield _line("tensors", f"{count(found.tensors)} with {plural(found.elements, 'number')}")
    for part in found.external:
        size = "which is not there" if part.size is None else memory(part.size)
        yield _line("", f"{count(part.tensors)} of them in {part.name}, {size}")
    yield from _unsteady(found)
    yield from (_line("input", str(port)) for port in found.inputs)
    yield from (_line("output", str(port)) for port in found.outputs)
    yield from (_line(title, found.metadata[key]) for key, title in _KNOWN.items() if key in found.metadata)
    others = {key: value for key, value in found.metadata.items() if key not in (*_KNOWN, *_SAID_ELSEWHERE)}
    yield from (_line("metadata", f"{key} = {value}") for key, value in others.items())
    if found.sealed is False:
        yield _line("changed", "since specc wrote it: what it says of itself was said of other bytes")


def _unsteady(found: Inspection) -> Iterator[str]:
    training = [str(node) for node in found.unsteady if node.why != "draws"]
    if training:
        yield _line("training", f"{_some(training)} as in training: it is for inference after model.eval()")
    if random := [str(node) for node in found.unsteady if node.why == "draws"]:
        yield _line("random", f"{_some(random)} at random: no run says what the next one gives")


def _some(nodes: list[str]) -> str:
    """``Dropout "drop1" works``, the verb with it."""
    more = len(nodes) - _SHOWN
    shown = listed([*nodes[:_SHOWN], *([f"{more} more"] if more > 0 else [])])
    return f"{shown} {'work' if len(nodes) > 1 else 'works'}"


def _sidecar(found: Inspection) -> Iterator[str]:
    sidecar = found.sidecar
    if sidecar is None:
        if found.is_ours:
            yield _line("sidecar", "none beside it")
        return
    if not sidecar.is_readable:
        lines = zip_longest(["sidecar"], sidecar.fault.splitlines(), fillvalue="")
        yield from (_line(title, line) for title, line in lines)
        return
    if sidecar.fault:
        yield _line("sidecar", f"{sidecar.name} does not belong to it: {sidecar.fault}")
    else:
        yield _line("sidecar", f"{sidecar.name} belongs to it")
        told = ((key, sidecar.known.get(key), found.metadata.get(f"specc.{key}")) for key in ("weights", "parity"))
        yield from (_line("", f"{key}: {text}") for key, text, said in told if text and text != said)
    yield from (_line("", note) for note in sidecar.notes)


def _line(title: str, fact: str) -> str:
    return f"{title:{_WIDTH}}{visible(fact)}"


def _port(port: PortInfo) -> dict[str, object]:
    return {"name": port.name, "dtype": port.dtype, "shape": None if port.shape is None else list(port.shape)}


def _as_value(sidecar: SidecarInspection | None) -> Mapping[str, object] | None:
    if sidecar is None:
        return None
    return {
        "name": sidecar.name,
        "readable": sidecar.is_readable,
        "belongs": not sidecar.fault,
        "fault": sidecar.fault,
        "known": dict(sidecar.known),
        "notes": list(sidecar.notes),
    }


# ---- a file held against its sidecar ----------------------------------------------------------------


def recheck_text(onnx: str, where: Path, found: Recheck) -> str:
    """A line for each check, and the verdict. ``where`` is the sidecar."""
    lines = []
    for check in found.checks:
        optimised = "" if check.optimised is None else f", graph optimisation {'on' if check.optimised else 'off'}"
        mark, outcome = "ok    ", f"as {where.name} says"
        if not check.passed:
            mark, outcome = "failed", check.reason
        elif check.error is not None:
            outcome = f"{100 * check.error:.2g} % of what is allowed"
        lines.append(f"{mark}  {check.name}{optimised}: {outcome}")
    failed = [check.name for check in found.checks if not check.passed]
    if failed:
        lines.append(f"{onnx} is not what {where.name} says: {', '.join(dict.fromkeys(failed))}")
    elif not found.is_tested:
        why = f"{where.name} has no golden pair: compile with the proof to get one"
        lines.append(f"{onnx}: nothing was run, since {why}")
    else:
        lines.append(f"{onnx} gives the golden output on {found.provider}, onnxruntime {found.runtime}")
    return "\n".join(map(visible, lines))


def recheck_json(onnx: str, where: Path, found: Recheck) -> str:
    value = {
        "version": VERSION,
        "file": onnx,
        "sidecar": str(where),
        "passed": found.passed,
        "is_tested": found.is_tested,
        "provider": found.provider,
        "onnxruntime": found.runtime,
        "checks": [_check(check) for check in found.checks],
    }
    return json.dumps(value, indent=2, ensure_ascii=False)


def _check(check: Check) -> dict[str, object]:
    finite = check.error is not None and check.error < float("inf")
    return {
        "check": check.name,
        "passed": check.passed,
        "reason": check.reason,
        "optimised": check.optimised,
        "error": check.error if finite else None,
    }
