"""The graph as ONNX: every part but the bytes of the weights, whose places are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from onnx import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    ValueInfoProto,
    helper,
)

from specc.backends.onnx.step_nodes import (
    FunctionNamespace,
    GraphNamespace,
    Initializer,
    Namespace,
    StepBuilder,
)
from specc.diagnostics import UsageError
from specc.ir.graph import Graph, Node, Port, Region
from specc.ir.size import Size
from specc.ir.symbols import contract_condition
from specc.ir.targets import DEFAULT_OPSET, NEWEST_OPSET
from specc.ir.types import DType, TensorType
from specc.version import __version__

IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
"""The IR version each opset came with; onnx's own default is too new for onnxruntime."""

ELEMENTS: Mapping[DType, int] = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}
"""What ONNX calls the types of inputs."""

DOMAIN = OperatorSetIdProto(domain="specc", version=1)
"""What the functions belong to; a file that has some imports it, and so does every function for those it calls."""


@dataclass(frozen=True)
class Assembly:
    """An ONNX model whose weights are still to be written.

    Attributes:
        model: complete but for ``weights``, which are in no list of it.
    """

    model: ModelProto
    weights: tuple[Initializer, ...]

    def skeleton(self) -> ModelProto:
        """The model with its weights declared as inputs: as checkable as the whole, and always small."""
        skeleton = ModelProto()
        skeleton.CopyFrom(self.model)
        skeleton.graph.input.extend(
            helper.make_tensor_value_info(weight.name, weight.header().data_type, weight.shape)
            for weight in self.weights
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
    namespace, local = GraphNamespace({}, graph), Functions(graph, imported) if functions else None
    _write(graph.members, namespace, local)
    model = ModelProto(
        ir_version=IR_VERSIONS[opset],
        producer_name="specc",
        producer_version=__version__,
        graph=_graph_proto(graph, namespace),
        functions=local.protos if local else (),
        opset_import=[imported, DOMAIN] if local and local.protos else [imported],
    )
    return Assembly(model, tuple(namespace.initializers.values()))


def _write(members: tuple[Node | Region, ...], namespace: Namespace, functions: Functions | None) -> None:
    for member in members:
        if isinstance(member, Node):
            build = StepBuilder(member, namespace)
            inputs = tuple(namespace.values[value] for value in member.inputs)
            build.finish(member.op.onnx(build, inputs, *member.input_types))
        elif functions and member.kind == "block":
            body = FunctionNamespace(namespace.initializers, member)
            _write(member.members, body, functions)
            namespace.add([functions.call(member, body, namespace)], [])
        else:
            _write(member.members, namespace, functions)


def _graph_proto(graph: Graph, namespace: GraphNamespace) -> GraphProto:
    names = namespace.values
    # ONNX has no other way for an output to be an input, or a value that goes by another output's name.
    identities = [
        helper.make_node("Identity", [names[value]], [port.name], name=f"{port.name}/Identity")
        for port, value in graph.outputs
        if names[value] != port.name
    ]
    # Declared shapes help those who read the file; an output has its own, and is not declared twice.
    results = {name for node in namespace.nodes for name in node.output} - {port.name for port, _ in graph.outputs}
    inner = {port.name: port.type for port in graph.inputs} | {node.name: node.type for node in graph.nodes}
    return GraphProto(
        name=graph.name,
        node=[*namespace.nodes, *identities],
        initializer=namespace.constants,
        input=[_value_info(port.name, port.type, port.dtype, _condition(port)) for port in graph.inputs],
        output=[_value_info(port.name, port.type) for port, _ in graph.outputs],
        value_info=[_value_info(names[value], x) for value, x in inner.items() if names[value] in results],
    )


def _condition(port: Port) -> str:
    """What the contract asks of its symbolic sizes, as the language has it: ``H % 16 == 0``."""
    sizes = (size for size in port.type.shape if isinstance(size, Size))
    return str(contract_condition(dict.fromkeys(symbol for size in sizes for symbol in size.symbols)))


def _value_info(name: str, tensor: TensorType, dtype: DType = "float32", note: str = "") -> ValueInfoProto:
    shape = [size if isinstance(size, int) else str(size) for size in tensor.shape]
    return helper.make_tensor_value_info(name, ELEMENTS[dtype], shape, note)


class Functions:
    """The functions of a file. Instances of a block with equal bodies are one function.

    Attributes:
        protos: the functions, those that others call before them.
    """

    def __init__(self, graph: Graph, opset: OperatorSetIdProto) -> None:
        self._opsets = (opset, DOMAIN)
        self._places = {node.name: place for place, node in enumerate(graph.nodes)}
        self._last_use = {value: place for place, node in enumerate(graph.nodes) for value in node.inputs}
        self._last_use |= {value: len(graph.nodes) for _, value in graph.outputs}
        self._names: dict[tuple[str, bytes], str] = {}
        self._counts: dict[str, int] = {}
        self.protos: list[FunctionProto] = []

    def call(self, block: Region, body: FunctionNamespace, namespace: Namespace) -> NodeProto:
        """The node in ``namespace`` that stands for ``block``, whose steps ``body`` has."""
        # The values that it states, so that all calls of it are alike, and those used outside: the steps of a block
        # are next to each other, so their last use is behind them all.
        end = self._places[block.nodes[-1].name]
        made = [node.name for node in block.nodes]
        stated = [value for _, value in block.outputs if value in made]
        used = [value for value in made if self._last_use[value] > end and value not in stated]
        outputs = [*dict.fromkeys(stated), *sorted(used, key=lambda value: value != block.output)]
        function = FunctionProto(
            domain=DOMAIN.domain,
            input=[*(body.values[value] for value in body.inputs), *(name for name, *_ in body.weights.values())],
            output=[body.values[value] for value in outputs],
            node=body.nodes,
            opset_import=self._opsets,
        )
        weights = [
            namespace.weight(step, weight.parameter, weight.shape)[0] for _, step, weight in body.weights.values()
        ]
        return helper.make_node(
            self._name(block.title, function),
            [*(namespace.values[value] for value in body.inputs), *weights],
            [namespace.values[value] for value in outputs],
            name=namespace.label(block),
            domain=DOMAIN.domain,
        )

    def _name(self, title: str, function: FunctionProto) -> str:
        """The name of the function of that title and body, which is added if it is new: ``unit``, ``unit_2`` …"""
        key = title, bytes(function.SerializeToString(deterministic=True))
        if key not in self._names:
            name = title
            while name in self._counts:
                self._counts[title] += 1
                name = f"{title}_{self._counts[title]}"
            self._counts[name] = 1
            self._names[key] = function.name = name
            self.protos.append(function)
        return self._names[key]
