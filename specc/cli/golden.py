"""``specc verify FILE.onnx``: without a spec, the golden pair of the sidecar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specc.cli.exits import FINDINGS, NOTHING
from specc.diagnostics import UsageError

if TYPE_CHECKING:
    from specc.bundle.sidecar import Sidecar
    from specc.onnxfile import OnnxFile


def run(onnx: str, file: OnnxFile, sidecar: str | None, provider: str, form: str, output: str | None) -> int:
    """Hold the file against its sidecar, and say what was found.

    Returns:
        0 where all agree; 1 where something does not; 3 where the sidecar has no golden pair.

    Raises:
        UsageError: the file or its sidecar cannot be read, or there is none.
    """
    from specc.bundle.recheck import recheck
    from specc.bundle.sidecar import sidecar_path
    from specc.report.artifacts import recheck_json, recheck_text

    if form not in ("full", "json"):
        raise UsageError(f"--format {form} is for a proof against a spec: specc verify SPEC {onnx} --format {form}")
    path = Path(onnx)
    _require_file(path)
    where = Path(sidecar) if sidecar is not None else sidecar_path(path)
    try:
        described = _described(onnx, where)
    except UsageError:
        _ = file.proto  # of two files that are wrong, the one that was named first
        raise
    found = recheck(file, described, where, provider)
    _put((recheck_json if form == "json" else recheck_text)(onnx, where, found), output)
    if not all(check.passed for check in found.checks):
        return FINDINGS
    return 0 if found.is_tested else NOTHING


def _require_file(path: Path) -> None:
    """Raises UsageError where there is no such file, with one that is called nearly so."""
    from specc.diagnostics.spelling import suggest

    if path.is_dir():
        raise UsageError(f"{path} is a folder: name the ONNX file in it")
    if not path.exists():
        beside = [other.name for other in path.parent.glob("*.onnx")]
        near = suggest(path.name, beside)
        hint = f"; did you mean {path.with_name(near.names[0])}?" if near else ""
        raise UsageError(f"there is no {path}{hint}")


def _described(onnx: str, where: Path) -> Sidecar:
    from specc.bundle.sidecar import read_sidecar

    if not where.exists():
        raise UsageError(
            f"{where} is not there, and without it nothing is known of what {onnx} should compute: name the sidecar "
            f"with --sidecar FILE, or the spec: specc verify SPEC {onnx}"
        )
    return read_sidecar(where)


def _put(report: str, output: str | None) -> None:
    from specc.atomic import replace
    from specc.cli.output import echo

    if output is None:
        echo(report)
        return
    with replace(Path(output)) as file:
        file.write(f"{report}\n".encode())
