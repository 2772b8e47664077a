"""An ONNX file on its way to its place: written, proven, described, and only then put there."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specc.backends.onnx import (
    Assembly,
    checked,
    fits_in_one_file,
    metadata_of,
    serialise,
    with_external_data,
    write_data,
    write_model,
)
from specc.backends.onnx.targets import Target, outside, require_readable
from specc.elaborate import Checked
from specc.files import Output, replace
from specc.ir.digest import digest
from specc.project.budget import Budget
from specc.report.parity import failed
from specc.report.sidecar import Compiled, proven, sidecar, written
from specc.verify.embedding.sidecar import DataFile, OnnxFile, beside, sha256_of
from specc.verify.result import Parity, Progress
from specc.version import __version__
from specc.weights import Weights, origin

if TYPE_CHECKING:
    from specc.ir.graph import Graph


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


def deliver(wanted: Delivery) -> Parity | None:
    """Write all that is wanted, or nothing; gives the proof.

    Raises:
        ParityError: the proof failed.
        UsageError, MissingDependency: as `specc.Model.to_onnx`.
    """
    assembly = checked(wanted.graph, wanted.opset, functions=wanted.functions)
    require_readable(wanted.targets, wanted.opset, functions=wanted.functions)
    if not fits_in_one_file(assembly):
        return _deliver_large(wanted, assembly)
    with replace(wanted.path) as output, _beside(wanted) as described:
        write_model(assembly, wanted.weights, output)
        return _sent(wanted, assembly, output, described)


def _deliver_large(wanted: Delivery, assembly: Assembly) -> Parity | None:
    """The weights' file is named by their hash, so that no crash pairs a model with others' weights."""
    hashed = hashlib.sha256()
    write_data(assembly, wanted.weights, hashed.update)
    data = wanted.path.with_name(f"{wanted.path.stem}.{hashed.hexdigest()[:16]}.data")
    there = data.exists()
    try:
        with replace(data) as output:
            write_data(assembly, wanted.weights, output.write)
        with replace(wanted.path) as output, _beside(wanted) as described:
            output.write(serialise(with_external_data(assembly, data.name)))
            return _sent(wanted, assembly, output, described, DataFile(name=data.name, sha256=hashed.hexdigest()))
    except BaseException:
        if not there:
            with suppress(OSError):
                data.unlink(missing_ok=True)
        raise


@contextmanager
def _beside(wanted: Delivery) -> Iterator[Output | None]:
    """The sidecar on its way; None where there is none."""
    if not wanted.sidecar:
        yield None
        return
    with replace(beside(wanted.path)) as output:
        yield output


def _sent(
    wanted: Delivery, assembly: Assembly, output: Output, described: Output | None, data: DataFile | None = None
) -> Parity | None:
    """Prove what ``output`` has written, put the metadata behind it, and write the sidecar."""
    output.close()
    parity = _proven(wanted, output.path) if wanted.verified else None
    spec, weights = digest(wanted.graph), origin(wanted.graph.state, wanted.weights)
    settings = ", ".join(f"{name} = {value}" for name, value in wanted.settings.items())
    entries = {"version": __version__, "spec": spec, "settings": settings, "weights": weights}
    said = {key: value for key, value in entries.items() if value} | {"parity": proven(parity)}
    output.append(metadata_of(output.path, said))
    if described is not None:
        described.write(_sidecar(wanted, _file(wanted, assembly, output.path, data), spec, weights, parity))
        described.close()
    return parity


def _proven(wanted: Delivery, file: Path) -> Parity:
    from specc.verify.parity import verify
    from specc.verify.sessions import load_runtime

    parity = verify(wanted.graph, file, wanted.weights, provider=wanted.provider, progress=wanted.progress)
    if not parity.passed:
        raise failed(parity)
    note = outside(wanted.targets, load_runtime().__version__)
    return dataclasses.replace(parity, notes=(*parity.notes, note)) if note else parity


def _file(wanted: Delivery, assembly: Assembly, there: Path, data: DataFile | None) -> OnnxFile:
    model = assembly.model
    opset = next(imported.version for imported in model.opset_import if not imported.domain)
    name, hashed = wanted.path.name, sha256_of(there)
    return OnnxFile(name=name, sha256=hashed, data=data, opset=opset, ir_version=model.ir_version)


def _sidecar(wanted: Delivery, file: OnnxFile, spec: str, weights: str, parity: Parity | None) -> bytes:
    from specc.verify.embedding import golden

    compiled = Compiled(
        wanted.checked,
        file,
        spec,
        wanted.settings,
        weights,
        parity,
        golden=None if parity is None else golden.made(wanted.graph, wanted.weights, parity),
        tried={} if parity is None else golden.tried(wanted.graph),
        labels=wanted.labels,
        budget=wanted.budget,
    )
    return written(sidecar(compiled))
