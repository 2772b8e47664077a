"""``specc verify FILE.onnx``: without a spec, the golden pair of the sidecar."""

from __future__ import annotations

from pathlib import Path

from specc.cli.exits import FINDINGS, NOTHING
from specc.diagnostics import UsageError


def run(onnx: str, sidecar: str | None, provider: str, form: str, output: str | None) -> int:
    """Hold the file against its sidecar, and say what was found.

    Returns:
        0 where all agree; 1 where something does not; 3 where the sidecar has no golden pair.

    Raises:
        UsageError: the file or its sidecar cannot be read, or there is none.
    """
    from specc.report.golden import as_json, text
    from specc.verify.embedding.recheck import recheck
    from specc.verify.embedding.sidecar import read_sidecar

    if form not in ("full", "json"):
        raise UsageError(f"--format {form} is for a proof against a spec: specc verify SPEC {onnx} --format {form}")
    where = _place(onnx, sidecar)
    found = recheck(Path(onnx), read_sidecar(where), where, provider)
    _put((as_json if form == "json" else text)(onnx, where, found), output)
    if not all(check.passed for check in found.checks):
        return FINDINGS
    return 0 if found.is_tested else NOTHING


def _place(onnx: str, sidecar: str | None) -> Path:
    from specc.verify.embedding.sidecar import beside

    if sidecar is not None:
        return Path(sidecar)
    where = beside(Path(onnx))
    if Path(onnx).exists() and not where.exists():
        raise UsageError(
            f"{where} is not there, and without it nothing is known of what {onnx} should compute: name the sidecar "
            f"with --sidecar FILE, or the spec: specc verify SPEC {onnx}"
        )
    return where


def _put(report: str, output: str | None) -> None:
    from specc.cli.output import echo
    from specc.files import replace

    if output is None:
        echo(report)
        return
    with replace(Path(output)) as file:
        file.write(f"{report}\n".encode())
