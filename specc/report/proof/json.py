"""A proof for programs, as JSON with a version. proof.schema.json, beside this file, describes it."""

from __future__ import annotations

from math import isfinite, isnan

from specc.report.formats.json import dumped, position
from specc.report.proof.wording import ProofSubject, full_reason, verdict
from specc.report.snippets import Style
from specc.verify.result import Parity
from specc.version import __version__

VERSION = 1
"""It grows where a field goes or changes its meaning. New fields may come at any time."""


def json(parity: Parity, subject: ProofSubject, style: Style, everything: bool) -> str:
    """All that was found; ``everything`` makes no difference."""
    first, tolerance = parity.first_divergence, parity.tolerance
    value = {
        "version": VERSION,
        "specc": __version__,
        "model": subject.model,
        "onnx": subject.file,
        "files": [file._asdict() for file in subject.files],
        "weights": subject.weights,
        "claimed": subject.claimed,
        "passed": parity.passed,
        "verdict": verdict(parity, subject),
        "provider": parity.provider,
        "tolerance": tolerance and {"atol": _number(tolerance.atol), "rtol": _number(tolerance.rtol)},
        "first_divergence": first and first.name,
        "steps": [
            {
                "name": row.name,
                "steps": list(row.steps),
                "layer": row.layer,
                "path": row.span.source.name,
                "start": position(row.span, row.span.start),
                "end": position(row.span, row.span.end),
                "rule": row.rule,
                "why": row.why,
                "passed": row.passed,
                "reason": row.reason,
                "runs": row.runs,
                "error_onnx": _number(row.error_onnx),
                "error_torch": _number(row.error_torch),
                "case": row.case,
                "batch": row.batch,
                "optimised": row.optimised,
                "nodes": list(row.nodes),
            }
            for row in parity.steps
        ],
        "checks": [
            {
                "case": check.case,
                "passed": check.passed,
                "reason": full_reason(check),
                "batch": check.batch,
                "optimised": check.optimised,
                "output": check.output,
                "error_onnx": _number(check.error_onnx),
                "error_torch": _number(check.error_torch),
                "bound": _number(check.bound),
            }
            for check in parity.rows
        ],
        "tensors": [{"path": t.path, "status": t.status, "detail": t.detail} for t in parity.tensors],
        "assignment": [{"node": node, "provider": provider} for node, provider in parity.assignment],
        "tf32": parity.tf32,
        "settings": [{"name": name, "value": value} for name, value in parity.settings],
        "renamed": [{"file": theirs, "spec": ours} for theirs, ours in parity.renamed],
        "notes": list(parity.notes),
    }
    return dumped(value, style)


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity and no NaN: they are texts."""
    if value is None or isfinite(value):
        return value if value is None else float(value)
    if isnan(value):
        return "nan"
    return "infinity" if value > 0 else "-infinity"
