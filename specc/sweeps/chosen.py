"""The variants that are left, built: each as a proven ONNX file, or run to see how long it takes."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from specc.atomic import replace
from specc.diagnostics import MissingDependency, ParityError, UsageError
from specc.diagnostics.words import listed, system_reason
from specc.sweeps.results import DESCRIPTION, describe, require_same
from specc.sweeps.sweep import Sweep
from specc.sweeps.variant import Variant

if TYPE_CHECKING:
    from specc.verify.latency import Latency

LATENCIES = "latency.jsonl"
_LONGEST = 120
"""Characters of the name of a file: some systems allow 255 bytes, with what stands beside it while it is written."""


class Compiled(NamedTuple):
    """A variant's file, and why it is not there: its proof failed.

    Attributes:
        was_there: it has been compiled before.
    """

    path: Path
    failure: ParityError | None
    was_there: bool = False


def file_names(variants: Sequence[Variant]) -> list[str]:
    """By variant the name of its file, made of its settings: ``width=8,depth=2.onnx``; no two are the same."""
    names = [re.sub(r"[^\w=,.+-]", "_", variant.name)[:_LONGEST] for variant in variants]
    folded = [name.lower() for name in names]  # some file systems take capitals for the same letters
    counted = [name if folded.count(key) == 1 else f"{name},variant={variant.number}"
               for name, key, variant in zip(names, folded, variants, strict=True)]  # fmt: skip
    return [f"{name}.onnx" for name in counted]


def compile_all(sweep: Sweep, variants: Sequence[Variant], folder: Path) -> Iterator[Compiled]:
    """Write the ONNX of each that is not there yet into a folder, as `require_folder` has made it, proven.

    Raises:
        UsageError: a file cannot be written.
    """
    names = dict(zip((variant.number for variant in variants), file_names(variants), strict=True))
    for number, model in sweep.models(names.keys()):
        path = folder / names[number]
        if path.exists():
            yield Compiled(path, None, was_there=True)
            continue
        try:
            model.to_onnx(path)
        except ParityError as error:
            yield Compiled(path, error)
        else:
            yield Compiled(path, None)


def require_installed(what: str, *packages: str) -> None:
    """Raises MissingDependency, without importing what processes of a sweep would carry along."""
    if (missing := next((name for name in packages if find_spec(name) is None), None)) is not None:
        raise MissingDependency(what, missing, "cpu")


def require_folder(sweep: Sweep, folder: Path, *, resume: bool) -> None:
    """Make the folder that ONNX files go to, and write into it of which sweep they are.

    Args:
        resume: go on with what is there.

    Raises:
        UsageError: it has other things in it, or cannot be written.
    """
    if os.path.isdir(folder) and any(path.name != DESCRIPTION for path in folder.iterdir()):
        if not resume:
            raise UsageError(f"{folder} is not empty: name a new one, or --resume goes on with what a sweep left there")
        require_same(folder, sweep.description())
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {system_reason(error)}") from error
    with replace(folder / DESCRIPTION) as file:
        file.write(describe(sweep.description()))


def require_sizes(sweep: Sweep) -> None:
    """Raises UsageError where how long a variant takes depends on sizes that are not given."""
    if sweep.symbols and not sweep.question.at:
        sizes = " ".join(f"--at {name}=…" for name in sweep.symbols)
        raise UsageError(f"how long a variant takes depends on {listed(sweep.symbols)}: add {sizes}")


def latencies(sweep: Sweep, numbers: Collection[int]) -> Iterator[tuple[int, Latency]]:
    """How long each takes in ONNX Runtime, with weights of seed 0.

    Raises:
        UsageError: a size is not given.
        MissingDependency: onnxruntime is not installed.
    """
    from specc.verify.latency import latency
    from specc.verify.sessions import ModelRefused

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "variant.onnx"
        for number, model in sweep.models(numbers):
            sized = model.at(**sweep.question.at) if model.symbols else model
            model.to_onnx(path, verify=False, sidecar=False)
            try:
                yield number, latency(path, sized.graph)
            except ModelRefused as error:
                raise UsageError(f"variant {number:,} cannot be measured: {error}") from error


def write_latencies(folder: Path, found: dict[int, Latency]) -> None:
    """Beside the results, in a file of its own: no two runs have the same. Raises UsageError."""
    lines = (json.dumps({"variant": number, **one._asdict()}) + "\n" for number, one in sorted(found.items()))
    with replace(folder / LATENCIES) as file:
        file.write("".join(lines).encode())
