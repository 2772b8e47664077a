"""Files named where others belong: said at once, with the command that was meant."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from specc.bundle import SUFFIX
from specc.diagnostics import UsageError
from specc.diagnostics.words import listed

_FORMS = {".json": "json", ".html": "html", ".htm": "html", ".txt": "full"}
"""The format of a report by the end of its name."""


def is_onnx(name: str) -> bool:
    return name.lower().endswith(".onnx")


def report_format(form: str | None, output: str | None) -> str:
    """The format of a report that goes to ``output``; ``form`` is what ``--format`` says.

    Raises:
        UsageError: the two contradict each other.
    """
    meant = _FORMS.get(Path(output).suffix.lower()) if output else None
    if form is not None and meant is not None and form != meant:
        raise UsageError(f"-o {output} is the name of a file for --format {meant}, and --format {form} is asked for")
    return form or meant or "full"


def refuse_misplaced(spec: str, files: Sequence[str]) -> None:
    """Of ``specc verify``: an ONNX file or a sidecar in place of the spec, a sidecar in place of the ONNX file, or
    several ONNX files.

    Raises:
        UsageError: with the command that was meant.
    """
    names = (spec, *files)
    sidecar = next((name for name in names if name.lower().endswith(SUFFIX)), None)
    if sidecar is not None:
        own = next(filter(is_onnx, names), f"{sidecar[: -len(SUFFIX)]}.onnx")
        told = _command(own, "--sidecar", sidecar)
        raise UsageError(f"{sidecar} is a sidecar, which goes with its ONNX file: {told}")
    if len(files) == 1 and is_onnx(spec) and not is_onnx(files[0]):
        raise UsageError(f"the spec comes first: {_command(files[0], spec)}")
    if files and is_onnx(spec):
        none = f"none of {listed(names)}" if len(names) > 2 else f"neither {spec} nor {files[0]}"
        one = _command("SPEC", spec)
        raise UsageError(f"{none} is a spec: {one} proves one; each against its own sidecar: {_loop(names)}")
    if len(files) > 1:
        raise UsageError(f"one file at a time: {_loop(files, spec)}")


def refuse_others(spec: str, others: Sequence[str]) -> None:
    """Of ``specc compile``, which takes one spec. Raises UsageError, with the option that names what to write."""
    if not others:
        return
    told = shlex.join(("specc", "compile", spec, "-o", others[0]))
    if len(others) == 1 and others[0].endswith((".onnx", ".py")):
        raise UsageError(f"{others[0]} is what to write: {told}")
    raise UsageError(f"one spec at a time, and what to write behind -o: {listed(others)} stands behind {spec}")


def _command(*arguments: str) -> str:
    return shlex.join(("specc", "verify", *arguments))


def _loop(files: Sequence[str], *before: str) -> str:
    """What a shell does with each of several files, until one fails."""
    return f'for file in {shlex.join(files)}; do {_command(*before)} "$file" || break; done'
