"""An ONNX file on its way to its place: written, proven, described, and only then put there."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specc.atomic import AtomicFile, replace, replace_all
from specc.backends.onnx import (
    Assembly,
    checked,
    fits_in_one_file,
    metadata_of,
    serialise,
    size_of,
    with_external_data,
    write_data,
    write_model,
)
from specc.backends.onnx.runtimes import Target, outside, require_readable, require_room
from specc.bundle.description import Description, Subject, described, proven, sidecar, written
from specc.bundle.sidecar import DataFile, Golden, OnnxFile, golden_hash, sha256_of, sidecar_path
from specc.diagnostics import UsageError
from specc.elaborate import Checked
from specc.ir.digest import digest
from specc.project.budgets import Budget
from specc.verify.result import Parity, Progress
from specc.version import __version__
from specc.weights import Weights, origin

if TYPE_CHECKING:
    from specc.ir.graph import Graph


class Unproven(Exception):
    """The proof of what was to be written failed, and nothing was."""

    def __init__(self, parity: Parity) -> None:
        super().__init__(parity)
        self.parity = parity


@dataclass(frozen=True)
class Delivery:
    """What is to be written.

    Attributes:
        path: where the file goes; above protobuf's 2 GB its weights go beside it.
        targets: the runtimes that it must run on.
        functions: keep the spec's blocks as ONNX local functions.
        verified: prove it before it is put in place.
        provider: where the proof runs.
        settings: parameters that were given a value, as the language writes them.
        sidecar: write ``NAME.specc.json`` too.
        labels: by output: what each of its channels stands for.
        budget: what the project allows the spec.
    """

    checked: Checked
    weights: Weights
    path: Path
    opset: int
    targets: tuple[Target, ...]
    functions: bool
    verified: bool
    provider: str
    settings: Mapping[str, str]
    sidecar: bool
    labels: Mapping[str, tuple[str, ...]]
    budget: Budget | None
    progress: Progress | None

    @property
    def graph(self) -> Graph:
        return self.checked.graph

    @property
    def runs_on(self) -> tuple[str, ...]:
        return tuple(target.text for target in self.targets)


def deliver(wanted: Delivery) -> Parity | None:
    """Write all that is wanted, or nothing; gives the proof.

    Raises:
        Unproven: the proof failed.
        UsageError, MissingDependency: as `specc.Model.to_onnx`.
    """
    assembly = checked(wanted.graph, wanted.opset, functions=wanted.functions)
    require_readable(wanted.targets, wanted.opset, functions=wanted.functions)
    fits = fits_in_one_file(assembly)
    require_room(wanted.targets, size_of(assembly), wanted.checked.costs.peak_memory, beside=not fits)
    description = described(_subject(wanted))
    if not fits:
        return _deliver_large(wanted, assembly, description)
    with _outputs(wanted) as (output, beside):
        write_model(assembly, wanted.weights, output)
        return _complete(wanted, assembly, description, output, beside)


def _subject(wanted: Delivery) -> Subject:
    from specc.bundle.golden_pair import tried

    return Subject(
        wanted.checked,
        digest(wanted.graph),
        wanted.settings,
        origin(wanted.graph.state, wanted.weights),
        wanted.runs_on,
        tried=tried(wanted.graph) if wanted.verified and wanted.sidecar else {},
        labels=wanted.labels,
        budget=wanted.budget,
    )


def _deliver_large(wanted: Delivery, assembly: Assembly, description: Description) -> Parity | None:
    """The weights' file is named by their hash, so that no crash pairs a model with others' weights."""
    hashed = hashlib.sha256()
    write_data(assembly, wanted.weights, hashed.update)
    data = wanted.path.with_name(f"{wanted.path.stem}.{hashed.hexdigest()[:16]}.data")
    there = data.exists()
    try:
        with replace(data) as output:
            write_data(assembly, wanted.weights, output.write)
        with _outputs(wanted) as (output, beside):
            output.write(serialise(with_external_data(assembly, data.name)))
            stored = DataFile(name=data.name, sha256=hashed.hexdigest())
            return _complete(wanted, assembly, description, output, beside, stored)
    except BaseException:
        if not there:
            with suppress(OSError):
                data.unlink(missing_ok=True)
        raise


@contextmanager
def _outputs(wanted: Delivery) -> Iterator[tuple[AtomicFile, AtomicFile | None]]:
    """The ONNX file and its sidecar, None where there is none, on their way: both are put in place, or none."""
    if not wanted.sidecar:
        with replace(wanted.path) as output:
            yield output, None
        return
    where = sidecar_path(wanted.path)
    if os.path.realpath(where) == os.path.realpath(wanted.path):
        raise UsageError(f"{where}, where the sidecar goes, and {wanted.path} are the same file: remove the link")
    with replace_all(wanted.path, where) as (output, beside):
        yield output, beside


def _complete(
    wanted: Delivery,
    assembly: Assembly,
    description: Description,
    output: AtomicFile,
    beside: AtomicFile | None,
    data: DataFile | None = None,
) -> Parity | None:
    """Prove what ``output`` has written, put the metadata behind it, and write the sidecar."""
    output.close()
    parity = _proven(wanted, output.path) if wanted.verified else None
    golden = _golden(wanted, parity) if beside is not None else None
    output.append(metadata_of(output.path, _metadata(description.subject, parity, golden)))
    if beside is not None:
        file = _file(wanted, assembly, output.path, data)
        beside.write(written(sidecar(description, file, parity, golden)))
        beside.close()
    return parity


def _metadata(subject: Subject, parity: Parity | None, golden: Golden | None) -> dict[str, str]:
    entries = {
        "version": __version__,
        "spec": subject.spec,
        "settings": ", ".join(f"{name} = {value}" for name, value in subject.settings.items()),
        "weights": subject.weights,
        "runs_on": ", ".join(subject.runs_on),
        "parity": proven(parity),
        "golden": "" if golden is None else golden_hash(golden),
    }
    return {key: value for key, value in entries.items() if value}


def _golden(wanted: Delivery, parity: Parity | None) -> Golden | None:
    from specc.bundle.golden_pair import made

    return None if parity is None else made(wanted.graph, wanted.weights, parity)


def _proven(wanted: Delivery, file: Path) -> Parity:
    from specc.verify.parity import verify
    from specc.verify.sessions import load_runtime

    parity = verify(wanted.graph, file, wanted.weights, provider=wanted.provider, progress=wanted.progress)
    if not parity.passed:
        raise Unproven(parity)
    note = outside(wanted.targets, load_runtime().__version__)
    return dataclasses.replace(parity, notes=(*parity.notes, note)) if note else parity


def _file(wanted: Delivery, assembly: Assembly, there: Path, data: DataFile | None) -> OnnxFile:
    model = assembly.model
    opset = next(imported.version for imported in model.opset_import if not imported.domain)
    name, hashed = wanted.path.name, sha256_of(there)
    return OnnxFile(name=name, sha256=hashed, data=data, opset=opset, ir_version=model.ir_version)
