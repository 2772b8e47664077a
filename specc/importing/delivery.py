"""A network that was read, as files: its spec is proven to be the file's network, and only then put in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from onnx import ModelProto, TensorShapeProto

from specc.atomic import replace_all
from specc.diagnostics import ParityError, UsageError
from specc.diagnostics.words import plural, visible
from specc.importing.from_onnx.precision import HALF, in_float32
from specc.importing.from_onnx.reading import read_network
from specc.importing.from_onnx.size_names import with_open_sizes
from specc.importing.network import ImportedNetwork
from specc.importing.structure import Spec, structured
from specc.ir.op import Parameter
from specc.onnxfile import OnnxFile
from specc.options import ProofOptions
from specc.verify.cases import Inputs
from specc.verify.extraction import SubmodelExtractor
from specc.verify.result import Level, Parity
from specc.verify.sessions import ModelRefused, open_session, run
from specc.verify.stress import randomised
from specc.weights import Weights, write_safetensors
from specc.weights.tensors import Array

if TYPE_CHECKING:
    from specc.importing.misreading import Misreading, Values


class ImportedWeights:
    """The tensors of an imported network by their paths in the spec, as `specc.weights.Weights`."""

    def __init__(self, network: ImportedNetwork, spec: Spec) -> None:
        self._tensors = network.tensors
        self._names = spec.tensors

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        """One piece; how many batches training has seen, no file of a network that is run says: none."""
        if parameter.integer:
            return iter((np.zeros(parameter.shape, np.int64).reshape(-1),))
        return iter((self._tensors[self._names[path]].read().reshape(-1),))


def proven(network: ImportedNetwork, spec: Spec, file: OnnxFile, proof: ProofOptions) -> Parity:
    """Whether the spec's network is the file's: what ``specc verify SPEC FILE.onnx`` says."""
    from specc.verify.parity import verify

    names = [(port.origin, port.name) for port in network.inputs] + [(o.origin, o.name) for o in network.outputs]
    rename = {theirs: ours for theirs, ours in names if theirs and theirs != ours}
    return verify(spec.graph, _declared(file, spec), ImportedWeights(network, spec), rename=rename, **proof.run())


def _declared(file: OnnxFile, spec: Spec) -> OnnxFile:
    """The file, with the shapes of its outputs where it states none: there is nothing that they could contradict.

    A size by a name that no input has says nothing either, and exporters give one name to sizes that differ.
    """
    named = {size for port in file.inputs for size in port.shape or () if isinstance(size, str)}
    sizes = [size for port in file.outputs for size in (port.shape if port.shape is not None else ("",))]
    if file.is_lean or all(isinstance(size, int) or size in named for size in sizes):
        return file
    model = ModelProto()
    model.CopyFrom(file.proto)
    for value, (port, _) in zip(model.graph.output, spec.graph.outputs, strict=True):
        shape = value.type.tensor_type.shape
        if not value.type.tensor_type.HasField("shape"):
            shape.dim.extend(TensorShapeProto.Dimension() for _ in port.type.shape)
        for stated, size in zip(shape.dim, port.type.shape, strict=False):
            if stated.HasField("dim_value") or stated.dim_param in named:
                continue
            if isinstance(size, int):
                stated.dim_value = size
            else:
                stated.dim_param = str(size)
    return OnnxFile(file.source, model)


@dataclass(frozen=True)
class Imported:
    """A network that was read, the spec that says it, and the proof of that; None where there is none."""

    network: ImportedNetwork
    spec: Spec
    parity: Parity | None

    @property
    def params(self) -> int:
        """Elements of all parameters."""
        state = self.spec.graph.state
        return sum(prod(parameter.shape) for _, parameter in state if not parameter.buffer)


Failure = Callable[[Parity, "Misreading | None"], ParityError]
"""The error for a proof that did not hold and for what was read wrongly, where that is known; in the report's words."""


class Origin(Protocol):
    """What a network was read from, which knows whether a spec is it."""

    def proven(self, spec: Spec) -> Parity: ...

    def misread(self, spec: Spec) -> Misreading | None:
        """What a rule has read wrongly, where the proof fails."""
        ...


@dataclass(frozen=True)
class OriginalFile:
    """An ONNX file as an `Origin`."""

    network: ImportedNetwork
    file: OnnxFile
    proof: ProofOptions

    def proven(self, spec: Spec) -> Parity:
        return proven(self.network, spec, self.file, self.proof)

    def misread(self, spec: Spec) -> Misreading | None:
        """With the file's own numbers, and then with random ones, as in the proof."""
        level: Level = "full" if self.proof.level == "full" else "quick"
        own = ImportedWeights(self.network, spec)
        found = self._misread(spec, self.file, own, level)
        if found is not None:
            return found
        with randomised(spec.graph, self.file, own, 0, as_named=False) as (copy, others, _):
            return self._misread(spec, copy, others, level) if copy is not None else None

    def _misread(self, spec: Spec, file: OnnxFile, weights: Weights, level: Level) -> Misreading | None:
        from specc.importing.misreading import misreading  # with PyTorch, which a file without a proof does not need

        origins = {port.name: port.origin for port in self.network.inputs}

        def values(inputs: Inputs, names: Sequence[str]) -> Values | None:
            wanted = [*dict.fromkeys(names)]
            try:
                exposed = SubmodelExtractor(file).with_outputs(wanted, {})
                session = open_session(exposed.message, "cpu", optimise=False, tensors=exposed.tensors)
                results = run(session, {origins[name]: given for name, given in inputs.items()}, wanted)
            except (ModelRefused, ValueError):
                return None
            return dict(zip(wanted, results, strict=True))

        return misreading(self.network, spec, weights, level, 0, values)


def import_onnx(source: Path, path: Path, weights: Path, proof: ProofOptions | None, failure: Failure) -> Imported:
    """Read an ONNX file, and put its spec and its weights in place: proven, or nothing.

    Args:
        weights: where they go; a network without any leaves no such file.

    Raises:
        ParityError: the proof failed.
        UsageError: the file cannot be read, or something in it cannot be said; a file cannot be written.
    """
    given = OnnxFile(source)
    wide = in_float32(given)
    file, notes = with_open_sizes(wide or given)
    network = read_network(file)
    network = replace(network, notes=(*network.notes, *([HALF] if wide is not None else []), *notes))
    origin = OriginalFile(network, file, proof) if proof is not None else None
    return delivered(network, path, weights, origin, failure)


def delivered(network: ImportedNetwork, path: Path, weights: Path, origin: Origin | None, failure: Failure) -> Imported:
    """Put the spec of a network and its weights in place: proven, or nothing. Raises as `import_onnx`."""
    imported = only_spec(network, origin, failure)
    spec = imported.spec
    with replace_all(path, *([weights] if spec.tensors else [])) as (output, *tensors):
        for each in tensors:
            write_safetensors(each, spec.graph.state, ImportedWeights(network, spec))
            each.close()
        output.write(spec.text.encode())
    return imported


def only_spec(network: ImportedNetwork, origin: Origin | None, failure: Failure) -> Imported:
    """The spec of a network, proven where there is an origin to prove it against, and no file."""
    spec = structured(network)
    parity = origin.proven(spec) if origin is not None else None
    if parity is not None and origin is not None and not parity.passed:
        _require_numbers(network)
        raise failure(parity, origin.misread(spec))
    return Imported(network, spec, parity)


def _require_numbers(network: ImportedNetwork) -> None:
    """Raises UsageError where the proof cannot hold, since a weight is NaN or infinite."""
    for name, tensor in network.tensors.items():
        finite = np.isfinite(tensor.read())
        if not finite.all():
            place = ", ".join(str(index) for index in np.argwhere(~finite)[0])
            raise UsageError(
                f"{visible(name)} is NaN or infinite at {plural(int((~finite).sum()), 'place')}, first at [{place}], "
                "of which runtimes make different things, so that the two cannot be shown to be the same: "
                "nothing was written"
            )
