"""Files on their way to their places: written, proven, described, and only then put there."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specc.atomic import AtomicFile, provisional, replace, replace_all
from specc.backends.onnx import (
    Assembly,
    checked,
    fits_in_one_file,
    largest_tensor,
    metadata_of,
    serialise,
    size_of,
    with_external_data,
    write_data,
    write_model,
)
from specc.backends.onnx.runtimes import outside, require_readable, require_room
from specc.bundle.description import described, sidecar, sidecar_json, verdict_words
from specc.bundle.golden_pair import golden_pair, tried
from specc.bundle.sidecar import DataFile, ModelFile, golden_hash, sidecar_path
from specc.diagnostics import ParityError, UsageError
from specc.elaborate import Checked
from specc.ir.graph import Graph
from specc.ir.targets import DEFAULT_OPSET
from specc.options import OnnxOptions, ProofOptions
from specc.project.budgets import Budget
from specc.verify.result import Parity
from specc.version import __version__
from specc.weights import Weights, origin, write_safetensors
from specc.weights.tensors import State


@dataclass(frozen=True)
class Delivery:
    """An ONNX file that is to be written.

    Attributes:
        path: where the file goes; above protobuf's 2 GB its weights go beside it.
        proof: how it is proven before it is put in place; None: not at all.
        arguments: parameters that were given a value, as the language writes them.
        budget: what the project allows the spec.
        failure: the error for a proof that did not hold; its words are the report's.
        saved: where the weights go as safetensors too; None: nowhere.
    """

    checked: Checked
    weights: Weights
    path: Path
    options: OnnxOptions
    proof: ProofOptions | None
    arguments: Mapping[str, str]
    budget: Budget | None
    failure: Callable[[Parity], ParityError]
    saved: Path | None = None


def deliver_onnx(delivery: Delivery) -> Parity | None:
    """Write the file and what goes with it, or nothing; gives the proof.

    Raises:
        ParityError: the proof failed.
        UsageError, MissingDependency: as `specc.Model.to_onnx`.
    """
    options, graph = delivery.options, delivery.checked.graph
    assembly = checked(graph, options.opset, functions=options.functions)
    require_readable(options.targets, options.opset, functions=options.functions)
    fits = fits_in_one_file(assembly)
    values = delivery.checked.costs.peak_memory
    require_room(options.targets, size_of(assembly), largest_tensor(assembly), values, beside=not fits)
    # Described first: what cannot be, as labels that do not fit, is refused before the proof.
    description = described(
        delivery.checked,
        arguments=delivery.arguments,
        weights=origin(graph.state, delivery.weights),
        runs_on=tuple(target.text for target in options.targets),
        tried=tried(graph, delivery.proof.level) if delivery.proof and options.sidecar else {},
        labels=options.labels,
        budget=delivery.budget,
    )
    if fits:
        with _outputs(delivery) as (output, sidecar_file):
            model = _Hashed(output)
            write_model(assembly, delivery.weights, model.write)
            return _complete(delivery, assembly, description, model, sidecar_file)
    with _data_file(delivery, assembly) as data, _outputs(delivery) as (output, sidecar_file):
        model = _Hashed(output)
        model.write(serialise(with_external_data(assembly, data.name)))
        return _complete(delivery, assembly, description, model, sidecar_file, data)


def deliver_source(
    graph: Graph,
    source: str,
    path: Path,
    weights: Weights,
    proof: ProofOptions | None,
    failure: Callable[[Parity], ParityError],
    saved: Path | None = None,
) -> Parity | None:
    """Write PyTorch source, proven first: it is the PyTorch side of every proof. Raises as `deliver_onnx`."""
    from specc.verify.parity import verify_emitted

    with replace_all(path, *_given(saved)) as (output, *others):
        for file in others:
            _save(file, graph.state, weights)
        output.write(source.encode())
        output.close()
        if proof is None:
            return None
        parity = verify_emitted(graph, weights, opset=DEFAULT_OPSET, **proof.run())
        if not parity.passed:
            raise failure(parity)
        return parity


def deliver_weights(path: Path, state: State, weights: Weights) -> None:
    """Write weights as safetensors."""
    with replace(path) as output:
        _save(output, state, weights)


class _Hashed:
    """A file on its way, and the hash of what was written to it: a large one is not read again for that."""

    def __init__(self, file: AtomicFile) -> None:
        self.file = file
        self.hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        self.hash.update(data)
        self.file.write(data)

    def append(self, data: bytes) -> None:
        self.hash.update(data)
        self.file.append(data)


@contextmanager
def _data_file(delivery: Delivery, assembly: Assembly) -> Iterator[DataFile]:
    """The weights in a file of their own, beside the model; taken back where the body fails and it is new."""
    hashes = []

    def fill(output: AtomicFile) -> None:
        weights = _Hashed(output)
        write_data(assembly, delivery.weights, weights.write)
        hashes.append(weights.hash.hexdigest())
        # Named by its content, so that no crash pairs a model with others' weights.
        output.turn_to(delivery.path.with_name(f"{delivery.path.stem}.{hashes[0][:16]}.data"))

    with provisional(delivery.path.with_name(f"{delivery.path.stem}.HASH.data"), fill) as path:
        yield DataFile(name=path.name, sha256=hashes[0])


@contextmanager
def _outputs(delivery: Delivery) -> Iterator[tuple[AtomicFile, AtomicFile | None]]:
    """The ONNX file and its sidecar, None where there is none, on their way: all files are put in place, or none."""
    paths = [delivery.path]
    if delivery.options.sidecar:
        where = sidecar_path(delivery.path)
        if os.path.realpath(where) == os.path.realpath(delivery.path):
            raise UsageError(f"{where}, where the sidecar goes, and {delivery.path} are the same file: remove the link")
        paths.append(where)
    # The ONNX file is the first, so it comes last: with a new one, all is new.
    with replace_all(*paths, *_given(delivery.saved)) as (output, *others):
        sidecar_file = others.pop(0) if delivery.options.sidecar else None
        for file in others:
            _save(file, delivery.checked.graph.state, delivery.weights)
        yield output, sidecar_file


def _given(saved: Path | None) -> tuple[Path, ...]:
    return () if saved is None else (saved,)


def _save(output: AtomicFile, state: State, weights: Weights) -> None:
    write_safetensors(output, state, weights)
    output.close()


def _complete(
    delivery: Delivery,
    assembly: Assembly,
    description: Mapping[str, Any],
    model: _Hashed,
    sidecar_file: AtomicFile | None,
    data: DataFile | None = None,
) -> Parity | None:
    """Prove the ``model`` as it was written, put the metadata behind it, and write the sidecar."""
    model.file.close()  # onnxruntime opens it by its path
    parity = _prove(delivery, delivery.proof, model.file.path) if delivery.proof else None
    pair = golden_pair(delivery.checked.graph, delivery.weights, parity) if parity and sidecar_file else None
    entries = {
        "version": __version__,
        "spec": description["spec"],
        "settings": ", ".join(f"{name} = {value}" for name, value in description["settings"].items()),
        "weights": description["weights"],
        "runs_on": ", ".join(description["runs_on"]),
        "parity": verdict_words(parity),
        "golden": "" if pair is None else golden_hash(pair),
    }
    # Protobuf reads what is appended to a message as more of it: the proven bytes stay as they are.
    model.append(metadata_of(model.hash, {key: value for key, value in entries.items() if value}))
    if sidecar_file is not None:
        file = ModelFile(
            name=delivery.path.name,
            sha256=model.hash.hexdigest(),
            data=data,
            opset=next(imported.version for imported in assembly.model.opset_import if not imported.domain),
            ir_version=assembly.model.ir_version,
        )
        sidecar_file.write(sidecar_json(sidecar(description, file, parity, pair)))
        sidecar_file.close()
    return parity


def _prove(delivery: Delivery, proof: ProofOptions, file: Path) -> Parity:
    from specc.verify.parity import verify
    from specc.verify.sessions import load_runtime

    parity = verify(delivery.checked.graph, file, delivery.weights, **proof.run())
    if not parity.passed:
        raise delivery.failure(parity)
    note = outside(delivery.options.targets, load_runtime().__version__)
    return dataclasses.replace(parity, notes=(*parity.notes, note)) if note else parity
