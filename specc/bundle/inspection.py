"""What an ONNX file says of itself, and whether the sidecar beside it is about this very file. Runs nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from specc.bundle.sidecar import (
    InputEntry,
    OutputEntry,
    Sidecar,
    golden_hash,
    is_newer,
    read_json,
    sha256_of,
    sidecar_of,
    sidecar_path,
    unknown,
)
from specc.diagnostics import UsageError
from specc.diagnostics.words import visible
from specc.onnxfile import NondeterministicNode, OnnxFile, PortInfo


@dataclass(frozen=True, slots=True)
class External:
    """A file beside the model that tensors are in; ``size`` in bytes, None where it is not there."""

    name: str
    tensors: int
    size: int | None


@dataclass(frozen=True, slots=True)
class SidecarInspection:
    """The sidecar of a file.

    Attributes:
        name: of the file, without its folder.
        fault: why it does not belong; empty where it does.
        known: what it says, as far as this specc understands it.
        inputs, outputs: what it says of them; empty where it is of a format that this specc does not know.
        notes: what this specc does not know of it.
        is_readable: False where it is no sidecar, or damaged; ``fault`` says how.
    """

    name: str
    fault: str
    known: Mapping[str, str]
    notes: tuple[str, ...]
    is_readable: bool = True
    inputs: tuple[InputEntry, ...] = ()
    outputs: tuple[OutputEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file read back.

    Attributes:
        name: as it was given.
        size: bytes of the file itself.
        sha256: of these bytes.
        ir_version: of the file's format.
        opsets: versions by domain; the standard one is "ai.onnx".
        producer: who says to have written it, with the version.
        metadata: every entry, in order.
        sealed: whether the file is as it was when specc wrote its metadata; None where it does not say how it was.
        network: the graph's name.
        inputs, outputs: the interface.
        nodes: how many, those of functions counted once.
        functions: names of the local functions.
        tensors: how many initializers.
        elements: numbers in all of them.
        external: files that hold some of them.
        unsteady: nodes that draw at random, or work as in training.
        sidecar: None where there is none beside it.
    """

    name: str
    size: int
    sha256: str
    ir_version: int
    opsets: Mapping[str, int]
    producer: str
    metadata: Mapping[str, str]
    sealed: bool | None
    network: str
    inputs: tuple[PortInfo, ...]
    outputs: tuple[PortInfo, ...]
    nodes: int
    functions: tuple[str, ...]
    tensors: int
    elements: int
    external: tuple[External, ...]
    unsteady: tuple[NondeterministicNode, ...]
    sidecar: SidecarInspection | None

    @property
    def is_ours(self) -> bool:
        """Whether the file says that specc has made it."""
        return self.producer.split(" ")[0] == "specc" or "specc.version" in self.metadata

    @property
    def is_whole(self) -> bool:
        """Whether it is as it was written, and all that belongs to it is there and belongs to it."""
        there = all(part.size is not None for part in self.external)
        return there and self.sealed is not False and (self.sidecar is None or not self.sidecar.fault)


def inspect(model: Path, sidecar: Path | None = None) -> Inspection:
    """Read a file back.

    Args:
        sidecar: left out: the one beside it, if there is any.

    Raises:
        UsageError: the file is no ONNX file; ``sidecar`` is given and is not there.
    """
    file = OnnxFile(model)
    proto = file.proto
    where = sidecar or sidecar_path(model)
    if sidecar is not None and not os.path.exists(sidecar):
        raise UsageError(f"{sidecar} cannot be read: no such file")
    digest = sha256_of(model)
    return Inspection(
        name=str(model),
        size=file.size,
        sha256=digest,
        ir_version=proto.ir_version,
        opsets=file.opsets,
        producer=file.producer,
        metadata=file.metadata,
        sealed=file.is_sealed,
        network=proto.graph.name,
        inputs=file.inputs,
        outputs=file.outputs,
        nodes=len(proto.graph.node) + sum(len(function.node) for function in proto.functions),
        functions=tuple(function.name for function in proto.functions),
        tensors=len(proto.graph.initializer),
        elements=sum(prod(tensor.dims) for tensor in proto.graph.initializer),
        external=tuple(External(name, file.data_files[name], size) for name, size in file.data_sizes.items()),
        unsteady=file.nondeterministic,
        sidecar=_inspected(where, digest, file) if os.path.exists(where) else None,
    )


def belonging(digest: str, file: OnnxFile, sidecar: Sidecar) -> str:
    """Why the file is not the one that the sidecar is about; empty where it is. Its name may be another.

    Args:
        digest: the file's SHA-256.
    """
    if digest != sidecar.file.sha256:
        return "the file is another one, or was changed since: its SHA-256 is not the one in the sidecar"
    if (data := sidecar.file.data) is not None:
        path = file.folder / data.name
        # The sidecar is no more to be trusted than the file: what it names is looked at where the file has weights.
        if data.name not in file.data_files:
            return f"the sidecar has the weights in {data.name}, and the file has none there"
        if not os.path.isfile(path):
            return f"the weights, in {data.name}, are not beside the file"
        if sha256_of(path) != data.sha256:
            return f"the weights, in {data.name}, are not those of the sidecar"
    # The metadata may contradict the sidecar; earlier versions have written fewer entries.
    metadata, proto = file.metadata, file.proto
    if metadata.get("specc.spec", sidecar.spec) != sidecar.spec:
        return "the file says that it is of another spec"
    if metadata.get("specc.weights", sidecar.weights) != sidecar.weights:
        return f"the file says that its weights are {metadata['specc.weights']}, the sidecar {sidecar.weights}"
    here = next((imported.version for imported in proto.opset_import if not imported.domain), 0), proto.ir_version
    if here != (sidecar.file.opset, sidecar.file.ir_version):
        there = f"opset {sidecar.file.opset}, IR {sidecar.file.ir_version}"
        return f"the file has opset {here[0]}, IR {here[1]}, and the sidecar says {there}"
    golden = "none" if sidecar.golden is None else golden_hash(sidecar.golden)
    if metadata.get("specc.golden", golden) != golden:
        return "the golden pair is not the one that the file was proven with"
    return ""


def interface_faults(file: OnnxFile, sidecar: Sidecar) -> list[str]:
    """Where the inputs and outputs of the file are not, to the letter, those of the sidecar."""
    faults = []
    for what, actual, entries in (("inputs", file.inputs, sidecar.inputs), ("outputs", file.outputs, sidecar.outputs)):
        declared = tuple(PortInfo(entry.name, entry.dtype, entry.shape) for entry in entries)
        if actual != declared:
            here, there = ("; ".join(map(str, ports)) or "none" for ports in (actual, declared))
            faults.append(f"the file has the {what} {here}, the sidecar {there}")
    return faults


def _inspected(where: Path, digest: str, file: OnnxFile) -> SidecarInspection:
    """Of a format that only a later specc knows, what is known of it."""
    try:
        value = read_json(where)
        sidecar = None if is_newer(value) else sidecar_of(value, where)
    except UsageError as error:
        fault = "\n".join(map(visible, error.lines)).replace(visible(str(where)), visible(where.name), 1)
        return SidecarInspection(where.name, fault, {}, (), is_readable=False)
    keys = ("specc", "model", "spec", "weights")
    if sidecar is not None:
        known = {key: getattr(sidecar, key) for key in keys} | {"parity": sidecar.verdict.words}
        notes = tuple(f"{name} is not known to this specc" for name in unknown(sidecar))
        fault = belonging(digest, file, sidecar)
        return SidecarInspection(where.name, fault, known, notes, inputs=sidecar.inputs, outputs=sidecar.outputs)
    known = {key: text for key in keys if isinstance(text := value.get(key), str)}
    model, verdict = (part if isinstance(part := value.get(key), dict) else {} for key in ("file", "verdict"))
    if isinstance(verdict.get("words"), str):
        known["parity"] = verdict["words"]
    note = f"format {value['format']} is of a newer specc: only this is known of it"
    fault = "" if model.get("sha256") == digest else "its SHA-256 is not that of the file, or stands at another place"
    return SidecarInspection(where.name, fault, known, (note,))
