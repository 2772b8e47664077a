"""An ONNX file read as a network of the language: the story.

Node by node, a rule makes steps of a node, or numbers of one that has constants and sizes alone; then the fusions make
the language's operators of steps that belong together; what is left has names. Of all nodes that cannot be said each is
named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto
from onnx.defs import onnx_opset_version

import specc.importing.from_onnx.rules  # noqa: F401 - enters them
from specc.diagnostics import UsageError
from specc.diagnostics.words import plural, visible
from specc.importing.from_onnx.call import NodeReader, Value, rule_of
from specc.importing.from_onnx.folding import folding_of
from specc.importing.from_onnx.own import OwnSteps
from specc.importing.fusions import fused
from specc.importing.naming import identifier, is_path, scoped_path
from specc.importing.network import ImportedNetwork, ImportedPort, Reading
from specc.importing.program import Known, Program, Unsayable
from specc.importing.symbols import FileSymbols
from specc.importing.translation import translated
from specc.importing.turned import OTHER_FIRST, batch_place
from specc.ir.size import Dim
from specc.ir.types import TensorType
from specc.onnxfile import OnnxFile, PortInfo
from specc.onnxfile.inlining import values_taken
from specc.onnxfile.tensor_index import FileTensor

MOST_NODES = 50_000
"""Nodes of a file: a spec of as many steps is nothing that a person reads."""

OLDEST_OPSET = 6

SHOWN = 40
"""Faults that are shown; of others, how many there are."""

_ROW_BY_ROW = frozenset(
    "Gemm MatMul Add Sub Mul Div Relu Sigmoid Tanh Erf Gelu HardSigmoid HardSwish Clip LeakyRelu Elu Softplus Sqrt Pow "
    "Identity Cast Dropout Reshape".split()
)
"""What computes the same of the rows of all samples as of those of each: by elements, or along the last axis."""

_WHEREVER_THE_BATCH = frozenset("Transpose Gather Split Slice Squeeze Identity Shape".split())
"""What may read a value whose batch is not its first axis: see `specc.importing.turned`."""

_ONNX = ("", "ai.onnx")
_DTYPES = {"float32": "float32", "uint8": "uint8"}
_SCOPES = "pkg.torch.onnx.name_scopes"
_MADE_UP = ("onnx::", "val_", "/")


@dataclass
class Refused(Exception):
    """What of a file cannot be said, node by node."""

    faults: tuple[str, ...]


def read_network(file: OnnxFile) -> ImportedNetwork:
    """The network in a file.

    Raises:
        UsageError: the file cannot be read, or something in it cannot be said: every node at fault by name.
    """
    contract = FileSymbols()
    while True:
        reading = _NodeWalk(file, contract)
        network = reading.network()
        if network is not None:
            return network
        if not reading.missing or not contract.narrowed(reading.missing):
            raise _refused(file, reading.faults)


def _refused(file: OnnxFile, faults: Sequence[str]) -> UsageError:
    more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    shown = [visible(fault) for fault in faults[:SHOWN]]
    return UsageError(f"{file.name} cannot be imported: of {plural(len(faults), 'node')}", *shown, *more)


@dataclass
class _NodeWalk:
    """One walk over the nodes, with what is known of the symbols so far.

    Attributes:
        faults: one line for each node that cannot be said.
        missing: conditions on the symbols without which an operator does not take what it is given.
    """

    file: OnnxFile
    contract: FileSymbols
    faults: list[str] = field(default_factory=list)
    missing: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._program = Program(is_own=self._is_own, is_tensorflow=self.file.proto.producer_name == "tf2onnx")
        self._values: dict[str, Value | None] = {}
        self._bytes: set[str] = set()
        self._rows: set[str] = set()
        self._opsets = {o.domain if o.domain not in _ONNX else "": o.version for o in self.file.proto.opset_import}

    def network(self) -> ImportedNetwork | None:
        opset, newest = self._opsets.get("", 0), onnx_opset_version()
        if opset > newest:
            raise UsageError(
                f"{self.file.name} is written in opset {opset}, and the newest that is known here is {newest}: "
                "export it with an older one"
            )
        nodes = self._nodes()
        self._wanted = {name for node in nodes for name in values_taken(node)} | {o.name for o in self.file.outputs}
        self._tensors()
        ports = self._inputs()
        own = OwnSteps(nodes, self._declared()) if self._is_own and not self.file.proto.functions else None
        behind = 0
        for place, node in enumerate(nodes):
            step = own.at(place) if own is not None else []
            if step and own is not None and (value := self._own(own, place, step)):
                self._values[step[-1].output[0]], behind = value, place + len(step)
                taken = tuple(dict.fromkeys(name for node in step for name in values_taken(node)))
                self._program.readings.append(Reading(step[-1].output[0], value, self._program.origin, taken))
            if place >= behind:
                self._node(place, node)
        outputs = self._outputs()
        if self.faults:
            return None
        fused(self._program)
        network = translated(self._program, ports, outputs, self._name(), self.contract)
        if isinstance(network, ImportedNetwork):
            return network
        self.faults += network
        return None

    @property
    def _is_own(self) -> bool:
        """Whether specc has written it, whose nodes are called after their steps."""
        return bool(self.file.proto.producer_name == "specc")

    def _declared(self) -> dict[str, tuple[int, ...]]:
        """The shapes that the file states, behind the batch, as far as they are numbers."""
        infos = map(PortInfo.of, (*self.file.proto.graph.value_info, *self.file.proto.graph.output))
        return {
            info.name: tuple(size if isinstance(size, int) else 0 for size in info.shape)
            for info in infos
            if info.shape is not None and all(isinstance(size, int) for size in info.shape[1:])
        }

    def _own(self, own: OwnSteps, place: int, nodes: list[NodeProto]) -> str | None:
        self._program.origin = origin(place, nodes[-1])
        self._program.paths = tuple(_paths(nodes[-1], is_own=True))
        return own.read(nodes, self._values, self._program)

    def _name(self) -> str:
        path = self.file.origin
        text = self.file.proto.graph.name
        if not text or text in ("tf2onnx", "main_graph", "main", "torch_jit", "torch-jit-export", "graph"):
            text = path.stem if path is not None else "Network"
        name = identifier(text, fallback="Network")
        return name[0].upper() + name[1:]

    def _nodes(self) -> tuple[NodeProto, ...]:
        count = len(self.file.proto.graph.node)
        if count > MOST_NODES:
            raise UsageError(f"{self.file.name} has {count:,} nodes, and specc imports {MOST_NODES:,} at most")
        if "" not in self._opsets:
            raise UsageError(f"{self.file.name} does not say which opset of ONNX it is written in")
        if self._opsets[""] < OLDEST_OPSET:
            raise UsageError(
                f"{self.file.name} is written in opset {self._opsets['']}, and specc imports {OLDEST_OPSET} and later: "
                "onnx.version_converter makes a newer file of it"
            )
        return self.file.nodes

    def _tensors(self) -> None:
        self.file.require_data()
        for tensor in self.file.stored:
            if tensor.name in self._values:
                raise UsageError(f"{self.file.name} has two initializers called {visible(tensor.name)}")
            self._values[tensor.name] = _stored(tensor)

    def _inputs(self) -> tuple[ImportedPort, ...]:
        ports: list[ImportedPort] = []
        taken: set[str] = set()
        if not self.file.inputs:
            raise UsageError(f"{self.file.name} has no inputs: it is no network, but numbers")
        for info in self.file.inputs:
            self.contract.shape(info.shape or (), info.name)
        taken |= self.contract.names
        notes = {value.name: value.doc_string for value in self.file.proto.graph.input} if self._is_own else {}
        for info in self.file.inputs:
            if notes.get(info.name) and info.shape is not None:
                self.contract.stated(notes[info.name])
            dtype = _DTYPES.get(info.dtype)
            if dtype is None or info.shape is None or not info.is_tensor:
                raise UsageError(
                    f"{self.file.name} has the input {visible(str(info))}, and specc takes float32 or uint8"
                )
            if len(info.shape) < 2:
                shown = visible(str(info))
                raise UsageError(f"{self.file.name} has the input {shown}, and an input has a batch and one more axis")
            if any(isinstance(size, int) and size < 1 for size in info.shape):
                raise UsageError(f"{self.file.name} has the input {visible(str(info))}, and a size is at least 1")
            name = identifier(info.name, taken, "input")
            taken.add(name)
            shape = self.contract.shape(info.shape, info.name)
            self._program.types[name] = TensorType(shape[0], shape[1:])
            if dtype == "uint8":
                self._bytes.add(info.name)
            self._values[info.name] = name
            ports.append(ImportedPort(name, tuple(map(_shown, shape)), dtype, info.name))
        return tuple(ports)

    def _node(self, place: int, node: NodeProto) -> None:
        """Read one node; what cannot be said is noted, and its results are none."""
        self._program.origin = origin(place, node)
        # In a file of ours a weight has the path of its module, and a value that of its use: shared steps have several.
        learns = any(isinstance(k := self._values.get(name), Known) and k.is_learned for name in node.input)
        self._program.paths = () if self._is_own and learns else tuple(_paths(node, is_own=self._is_own))
        if self._program.is_tensorflow and learns:
            self._program.paths = tuple(_layer(node.name))
        results: Sequence[Value | None] = [None] * len(node.output)
        try:
            unknown = [name for name in node.input if name and name not in self._values]
            if unknown:
                raise Unsayable(f"it reads {unknown[0]}, which nothing before it gives")
            twice = [name for name in node.output if name and name in self._values]
            if twice:
                raise Unsayable(f"it gives {twice[0]}, which something else gives, too")
            inputs = [self._values[name] if name else None for name in node.input]
            lost = any(value is None for name, value in zip(node.input, inputs, strict=True) if name)
            if not lost:
                results = self._read(node, inputs)
        except Unsayable as fault:
            condition = fault.refusal.where if fault.refusal is not None else None
            if condition:
                self.missing.append(condition)
            self.faults.append(f"{self._program.origin}: {fault.reason}")
        for name, value in zip(node.output, results, strict=False):
            if name:
                self._values[name] = value
            if name and isinstance(value, str):
                self._program.readings.append(Reading(name, value, self._program.origin, tuple(node.input)))

    def _read(self, node: NodeProto, inputs: Sequence[Value | None]) -> Sequence[Value | None]:
        domain = "" if node.domain in _ONNX else node.domain
        casts = node.op_type == "Cast" and not domain
        raw = [name for name in node.input if name in self._bytes]
        if raw and not casts:
            raise Unsayable(f"it computes with the bytes of {raw[0]}, which a Cast to float32 has to make numbers of")
        outputs = [name if name in self._wanted else "" for name in node.output]
        data = [value for value in inputs if isinstance(value, str)]
        rows = [value for value in data if value in self._rows]
        if rows and (node.op_type not in _ROW_BY_ROW or len(rows) < len(data)):
            raise Unsayable("it computes with rows of all samples of a batch, as if they were samples")
        call = NodeReader(node, self._opsets.get(domain, 1), inputs, outputs, self._program)
        given = [value for value in inputs if value is not None]
        fold = folding_of(domain, node.op_type) if all(isinstance(value, Known) for value in given) else None
        meaning: Any = fold or rule_of(domain, node.op_type)
        if meaning is None:
            where = f" of {domain}" if domain else ""
            raise Unsayable(f"specc imports no {node.op_type}{where}{_instead(node)}")
        if node.op_type not in _WHEREVER_THE_BATCH and any(batch_place(self._program, value) for value in data):
            raise Unsayable(f"{OTHER_FIRST}; nn.MultiheadAttention is read of its module, with specc import net.py:Net")
        if node.op_type not in ("Transpose", "Reshape") and any(self._program.maker(v, "Joined") for v in data):
            raise Unsayable("it computes with heads that are joined with the batch: take them apart before")
        try:
            result: Any = meaning(call)
        except (ArithmeticError, LookupError, StopIteration, TypeError, ValueError) as error:
            said = " ".join(str(error).split())
            raise Unsayable(f"its attributes and inputs do not fit each other{f': {said}' if said else ''}") from None
        call.finish()
        results: Sequence[Value | None] = [result] if isinstance(result, str | Known) else result
        if node.op_type in ("Reshape", "Flatten"):
            return [self._laid_out(value) if isinstance(value, str) else value for value in results]
        if rows:
            self._rows.update(value for value in results if isinstance(value, str))
        return results

    def _laid_out(self, value: str) -> str:
        """What a reshape gives: rows of all samples, which the program has in their own shape, or what it has."""
        if self._program.maker(value, "Rows") is not None and value not in self._rows:
            self._rows.add(value)
            return value
        return self._program.foreign("Samples", value) if value in self._rows else value

    def _outputs(self) -> tuple[str, ...]:
        outputs: list[str] = []
        values: list[str] = []
        for info in self.file.outputs:
            value = self._values.get(info.name, "")
            if isinstance(value, Known):
                self.faults.append(f"output {info.name}: it is a constant, which no input has a part in")
            elif value == "":
                self.faults.append(f"output {info.name}: nothing gives it")
            elif value in self._rows:
                self.faults.append(
                    f"output {info.name}: it has rows of all samples of a batch, as if they were samples"
                )
            elif value is not None:
                outputs.append(info.name)
                values.append(value)
        self._program.outputs = values
        return tuple(outputs)


def origin(place: int, node: NodeProto) -> str:
    """``node 17 conv1/Conv (Conv)``."""
    name = node.name or next(filter(None, node.output), "")
    return f"node {place}{f' {name}' if name else ''} ({node.op_type})"


def _paths(node: NodeProto, *, is_own: bool) -> list[str]:
    """What the file says of the module that a node is of.

    Args:
        is_own: whether specc has written it, whose nodes are called after their steps.
    """
    paths = []
    for entry in node.metadata_props:
        if entry.key == _SCOPES:
            scopes = [part.strip(" '\"") for part in entry.value.strip("[]").split(",")]
            if len(scopes) > 1:
                paths.append(scopes[-2])
    if node.name.startswith("/"):
        paths.append(scoped_path(node.name))
    elif is_own and "/" not in node.name and is_path(node.name):
        paths.append(node.name)
    return [path for path in paths if path]


_QUANTISED = frozenset(
    "QuantizeLinear DequantizeLinear DynamicQuantizeLinear ConvInteger MatMulInteger QLinearConv QLinearMatMul".split()
)


def _instead(node: NodeProto) -> str:
    """What to do about a node without a rule, where that is known."""
    if node.domain == "com.microsoft.nchwc":
        return ": it is laid out for one processor; ORT_ENABLE_EXTENDED leaves a file as it is everywhere"
    if node.op_type in _QUANTISED:
        return ": import the file that this one was quantised from"
    return ""


_WITHIN_LAYERS = frozenset("batchnorm moments convolution conv_transpose separable_conv2d depthwise Tensordot".split())
"""Scopes that TensorFlow's own functions open in a layer."""


def _layer(name: str) -> Iterator[str]:
    """The layer of Keras in the name of a node: ``conv1`` in ``model/conv1/BiasAdd``."""
    _, *scopes, _ = ("", *name.split("/")) if "/" in name else ("", "")
    layers = [scope for scope in scopes[1:] if scope not in _WITHIN_LAYERS]
    if layers:
        yield ".".join(layers)


def _stored(tensor: FileTensor) -> Known:
    """An initializer, read when it is asked for; small ones at once, since they are asked for again and again."""
    dtype = np.dtype(tensor.dtype) if tensor.dtype != "bfloat16" else np.dtype(np.float32)
    learned = tensor.is_floating and not tensor.name.startswith(_MADE_UP) and "/const" not in tensor.name
    shape = tuple(tensor.proto.dims)
    if tensor.proto.data_type == TensorProto.STRING:
        raise UsageError(f"the initializer {visible(tensor.name)} is a text")
    if prod(shape) <= 1 << 12:
        numbers = np.asarray(tensor.values())
        return Known(shape, numbers.dtype, lambda: numbers, tensor.name, learned, (tensor.name,))
    return Known(shape, dtype, lambda: np.asarray(tensor.values()), tensor.name, learned, (tensor.name,))


def _shown(size: Dim) -> int | str:
    return size if isinstance(size, int) else str(size)
