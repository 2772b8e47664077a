"""How a file is told that was held against its sidecar: for people, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from specc.bundle.recheck import Check, Recheck
from specc.diagnostics.words import visible

VERSION = 1
"""Of the JSON. It grows where a field goes or changes its meaning; fields may be added at any time."""


def text(onnx: str, where: Path, found: Recheck) -> str:
    """A line for each check, and the verdict. ``where`` is the sidecar."""
    return "\n".join(map(visible, [*(_line(check, where) for check in found.checks), _verdict(onnx, where, found)]))


def _line(check: Check, where: Path) -> str:
    optimised = "" if check.optimised is None else f", graph optimisation {'on' if check.optimised else 'off'}"
    what = f"{check.name}{optimised}"
    if not check.passed:
        return f"failed  {what}: {check.reason}"
    if check.error is not None:
        return f"ok      {what}: {100 * check.error:.2g} % of what is allowed"
    return f"ok      {what}: as {where.name} says"


def _verdict(onnx: str, where: Path, found: Recheck) -> str:
    failed = [check.name for check in found.checks if not check.passed]
    if failed:
        return f"{onnx} is not what {where.name} says: {', '.join(dict.fromkeys(failed))}"
    by = f"{found.provider}, onnxruntime {found.runtime}"
    if not found.is_tested:
        return f"{onnx}: nothing was run, since {where.name} has no golden pair: compile with the proof to get one"
    return f"{onnx} gives the golden output on {by}"


def as_json(onnx: str, where: Path, found: Recheck) -> str:
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
