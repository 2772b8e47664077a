"""The variants that are left, built: each as a proven ONNX file, or run to see how long it takes."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from specc.atomic import replace
from specc.diagnostics import ParityError, UsageError
from specc.diagnostics.words import listed
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


def compile_all(sweep: Sweep, variants: Sequence[Variant], folder: Path, *, resume: bool) -> Iterator[Compiled]:
    """Write the ONNX of each into a folder, proven.

    Args:
        resume: leave those that are there.

    Raises:
        UsageError: the folder has other things in it; a file cannot be written.
        MissingDependency: torch or onnxruntime is not installed.
    """
    _require_folder(sweep, folder, resume=resume)
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


def _require_folder(sweep: Sweep, folder: Path, *, resume: bool) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        if not resume:
            raise UsageError(f"{folder} is not empty: name a new one, or --resume goes on with what a sweep left there")
        require_same(folder, sweep.description())
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from error
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
