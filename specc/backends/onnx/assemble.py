"""The graph as ONNX: every part but the bytes of the weights, whose places are known."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto, helper

from specc.backends.onnx.builder import StepBuilder, stored_name
from specc.diagnostics import UsageError
from specc.ir.graph import Graph
from specc.ir.onnx import DEFAULT_OPSET, NEWEST_OPSET
from specc.ir.op import Parameter
from specc.ir.size import Dim
from specc.ir.types import TensorType
from specc.version import __version__

_IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
"""The IR version each opset came with; onnx's own default is too new for onnxruntime."""


@dataclass(frozen=True)
class Stored:
    """A weight of the file: its path in the state dict, the parameter, the shape it is stored in."""

    path: str
    parameter: Parameter
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return stored_name(self.path, self.parameter)

    @property
    def size(self) -> int:
        """Bytes of data."""
        width = 8 if self.parameter.integer else 4
        return width * prod(self.shape)

    def header(self) -> TensorProto:
        """The tensor without its data."""
        kind = TensorProto.INT64 if self.parameter.integer else TensorProto.FLOAT
        return TensorProto(name=self.name, dims=self.shape, data_type=kind)


@dataclass(frozen=True)
class Assembly:
    """An ONNX model whose weights are still to be written."""

    model: ModelProto
    """Complete but for ``weights``, which are in no list of it."""
    weights: tuple[Stored, ...]

    def skeleton(self) -> ModelProto:
        """The model with its weights declared as inputs: as checkable as the whole, and always small."""
        skeleton = ModelProto()
        skeleton.CopyFrom(self.model)
        for weight in self.weights:
            skeleton.graph.input.append(
                helper.make_tensor_value_info(weight.name, weight.header().data_type, weight.shape)
            )
        return skeleton


def assemble(graph: Graph, opset: int = DEFAULT_OPSET) -> Assembly:
    """Write every step of ``graph`` as ONNX nodes.

    Args:
        opset: 18 to 23; the IR version follows from it.

    Raises:
        UsageError: an opset outside that range.
    """
    if opset not in _IR_VERSIONS:
        raise UsageError(f"opset {opset!r} is not supported: choose {DEFAULT_OPSET} to {NEWEST_OPSET}")
    names = _value_names(graph)
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    weights: list[Stored] = []
    for step in graph.nodes:
        build = StepBuilder(step)
        values = tuple(names[value] for value in step.inputs)
        build.finish(step.op.onnx(build, values, *step.input_types), names[step.name])
        nodes += build.nodes
        constants += build.constants
        weights += [Stored(path, parameter, shape) for path, (parameter, shape) in build.stored.items()]
    outputs = []
    for port, value in graph.outputs:
        if names[value] != port.name:
            nodes.append(helper.make_node("Identity", [names[value]], [port.name], name=port.name))
        outputs.append(_value_info(port.name, port.type))
    proto = GraphProto(
        name=graph.name,
        node=nodes,
        initializer=constants,
        input=[_value_info(port.name, port.type) for port in graph.inputs],
        output=outputs,
        value_info=[_value_info(names[n.name], n.type) for n in graph.nodes if names[n.name] == n.name],
    )
    model = ModelProto(
        ir_version=_IR_VERSIONS[opset],
        producer_name="specc",
        producer_version=__version__,
        graph=proto,
        opset_import=[OperatorSetIdProto(version=opset)],
    )
    return Assembly(model, tuple(weights))


def _value_names(graph: Graph) -> dict[str, str]:
    """What each value is called in the file: its own name, or that of the output it is given out as."""
    names = {port.name: port.name for port in graph.inputs}
    steps = {node.name: node.name for node in graph.nodes}
    for port, value in graph.outputs:
        if steps.get(value) == value:
            steps[value] = port.name
    return names | steps


def _value_info(name: str, tensor: TensorType) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [_dim(d) for d in tensor.shape])


def _dim(dim: Dim) -> int | str:
    return dim if isinstance(dim, int) else str(dim)
