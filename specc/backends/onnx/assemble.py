"""The graph as ONNX: every part but the bytes of the weights, whose places are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto, helper

from specc.backends.onnx.builder import StepBuilder
from specc.backends.onnx.functions import DOMAIN, Functions
from specc.backends.onnx.scope import BodyScope, MainScope, Scope, Store, Stored
from specc.diagnostics import UsageError
from specc.ir.graph import Block, Graph, Node, Port
from specc.ir.onnx import DEFAULT_OPSET, NEWEST_OPSET
from specc.ir.size import Dim, Size, asked_of
from specc.ir.types import TensorType
from specc.version import __version__

IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
"""The IR version each opset came with; onnx's own default is too new for onnxruntime."""


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


def assemble(graph: Graph, opset: int = DEFAULT_OPSET, *, functions: bool = False) -> Assembly:
    """Write every step of ``graph`` as ONNX nodes.

    Args:
        opset: 18 to 23; the IR version follows from it.
        functions: keep the blocks of the spec as local functions, instead of one flat graph.

    Raises:
        UsageError: an opset outside that range.
    """
    if opset not in IR_VERSIONS:
        raise UsageError(f"opset {opset!r} is not supported: choose {DEFAULT_OPSET} to {NEWEST_OPSET}")
    imported = OperatorSetIdProto(version=opset)
    scope, kept = MainScope(Store(), graph), Functions(graph, imported) if functions else None
    _write(graph.members, scope, kept)
    model = ModelProto(
        ir_version=IR_VERSIONS[opset],
        producer_name="specc",
        producer_version=__version__,
        graph=_graph_proto(graph, scope),
        functions=kept.protos if kept else (),
        opset_import=[imported, DOMAIN] if kept and kept.protos else [imported],
    )
    return Assembly(model, tuple(scope.store.weights.values()))


def _write(members: tuple[Node | Block, ...], scope: Scope, functions: Functions | None) -> None:
    for member in members:
        if isinstance(member, Node):
            _write_step(member, scope)
        elif functions and member.kind == "block":
            body = BodyScope(scope.store, member)
            _write(member.members, body, functions)
            scope.add([functions.call(member, body, scope)], [])
        else:
            _write(member.members, scope, functions)


def _write_step(step: Node, scope: Scope) -> None:
    build = StepBuilder(step, scope)
    values = tuple(scope.values[value] for value in step.inputs)
    build.finish(step.op.onnx(build, values, *step.input_types))


def _graph_proto(graph: Graph, scope: MainScope) -> GraphProto:
    outputs = {port.name for port, _ in graph.outputs}
    written = {name for node in scope.nodes for name in node.output} - outputs
    inner = ((scope.values[node.name], node.type) for node in graph.nodes)
    return GraphProto(
        name=graph.name,
        node=[*scope.nodes, *_given_again(graph, scope)],
        initializer=scope.constants,
        input=[_value_info(port.name, port.type, _condition(port)) for port in graph.inputs],
        output=[_value_info(port.name, port.type) for port, _ in graph.outputs],
        value_info=[_value_info(name, tensor) for name, tensor in inner if name in written],
    )


def _given_again(graph: Graph, scope: MainScope) -> Iterator[NodeProto]:
    """A node for each output that gives out an input, or a value that goes by another output's name."""
    for port, value in graph.outputs:
        if scope.values[value] != port.name:
            yield helper.make_node("Identity", [scope.values[value]], [port.name], name=f"{port.name}/Identity")


def _value_info(name: str, tensor: TensorType, text: str = "") -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [_dim(d) for d in tensor.shape], text)


def _dim(dim: Dim) -> int | str:
    return dim if isinstance(dim, int) else str(dim)


def _condition(port: Port) -> str:
    """What the contract asks of the symbolic sizes of an input, as its ``where`` says it: ``H % 16 == 0``."""
    sizes = [size for size in port.type.shape if isinstance(size, Size)]
    return str(asked_of(dict.fromkeys(symbol for size in sizes for symbol in size.symbols)))
