"""A network as it runs from a file: without steps and attributes that a file says nothing of.

What a file says is known exactly: it is written. Two steps for which the same nodes are written are one, whatever the
language calls them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import NamedTuple, cast

from specc.backends.onnx.step_nodes import PathNamespace, StepBuilder
from specc.compare.attributes import StepKeys
from specc.ir.graph import Graph, Node, Passed, Port, Region
from specc.ir.op import Op, Refusal
from specc.ir.targets import Value
from specc.ir.types import DType, TensorType
from specc.ops.upsample import Upsample
from specc.source import Source, Span

_STEP = "step"
_NO_NAMES: Mapping[str, str] = {}


class _Written(NamedTuple):
    """What a file has for a step, whatever the step is called.

    Attributes:
        nodes, constants: serialised.
        tensors: the names and shapes of its parameters.
    """

    nodes: tuple[bytes, ...]
    constants: tuple[bytes, ...]
    tensors: tuple[tuple[str, tuple[int, ...]], ...]


class RuntimeGraph(NamedTuple):
    """A network of which every step has nodes in a file.

    Attributes:
        graph: its attributes have their defaults where these write the same.
        written: by step.
    """

    graph: Graph
    written: StepKeys

    @classmethod
    def of(
        cls,
        graph: Graph,
        name: str = "",
        origins: Mapping[str, str] = _NO_NAMES,
        dtypes: Mapping[str, str] = _NO_NAMES,
        owners: Mapping[str, str] = _NO_NAMES,
    ) -> RuntimeGraph:
        """The network without what is written as no node, as dropout, and without what only says how tensors start.

        Args:
            name: of the network; empty for its own.
            origins: what a file calls an input or output, which callers go by.
            dtypes: of these, by their names in the file.
            owners: of a module with tensors, what it is called in their names in the file.
        """

        def port(of: Port) -> Port:
            name = origins.get(of.name, of.name)
            return Port(name, of.type, cast(DType, dtypes.get(name, of.dtype)))

        inputs = tuple(map(port, graph.inputs))
        values = {of.name: new.name for of, new in zip(graph.inputs, inputs, strict=True)}
        taken = set(values.values())
        writer = _Writer()
        steps: dict[str, Op] = {}
        written: dict[str, tuple[object, ...]] = {}
        for node in graph.nodes:
            operator = writer.plainest(node.op, node.input_types)
            each = writer.written(operator, node.input_types)
            if each.nodes:
                values[node.name] = _free(node.name, taken)  # an input of a file may be called as a step is
                taken.add(values[node.name])
                steps[node.name], written[values[node.name]] = operator, each
            else:
                values[node.name] = values[node.inputs[0]]
        members = tuple(_running(graph.members, values, steps, owners))
        outputs = tuple((port(of), values[value]) for of, value in graph.outputs)
        return cls(Graph(name or graph.name, inputs, outputs, members), written)


class _Writer:
    """Writes steps, each of one operator and inputs of one type once."""

    def __init__(self) -> None:
        self._written: dict[tuple[Op, tuple[TensorType, ...]], _Written] = {}
        self._plainest: dict[tuple[Op, tuple[TensorType, ...]], Op] = {}

    def plainest(self, op: Op, types: tuple[TensorType, ...]) -> Op:
        """The operator with as many defaults as write the same."""
        key = op, types
        if key not in self._plainest:
            plain, wanted = op, self.written(op, types)
            fields = type(op).model_fields.items()
            for name in op.non_default(*(n for n, f in fields if not f.is_required() and n not in op.measures)):
                other = plain.model_copy(update={name: type(op).model_fields[name].default})
                try:
                    is_same = other.infer(*types) == op.infer(*types) and self.written(other, types) == wanted
                except Refusal:
                    is_same = False
                plain = other if is_same else plain
            if op.kind == "expand" and types[0].spatial and all(size == 1 for size in types[0].spatial):
                # As a file copies a single place, whatever it was to be interpolated by.
                other = Upsample(like=Value(1))
                plain = other if other.infer(*types) == op.infer(*types) else op
            self._plainest[key] = plain
        return self._plainest[key]

    def written(self, op: Op, types: tuple[TensorType, ...]) -> _Written:
        key = op, types
        if key not in self._written:
            self._written[key] = _written(op, types)
        return self._written[key]


def _written(op: Op, types: tuple[TensorType, ...]) -> _Written:
    inputs = tuple(f"input{place}" for place in range(len(types)))
    parameters = op.parameters(*types)
    span = Span(Source("", ""), 0, 0)
    step = Node(_STEP, op, inputs, types, op.infer(*types), span, parameters=parameters)
    space = PathNamespace({}, {_STEP: _STEP})
    build = StepBuilder(step, space)
    result = op.onnx(build, inputs, *types)
    if result in inputs:
        return _Written((), (), ())
    build.finish(result)
    nodes, constants = (
        tuple(part.SerializeToString(deterministic=True) for part in parts) for parts in (space.nodes, space.constants)
    )
    return _Written(nodes, constants, tuple((each.name, each.shape) for each in parameters if not each.integer))


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    return next(other for number in count(2) if (other := f"{name}_{number}") not in taken)


def _running(
    members: Iterable[Node | Region], values: Mapping[str, str], steps: Mapping[str, Op], owners: Mapping[str, str]
) -> Iterable[Node | Region]:
    """The steps that are written, in the blocks that still have some.

    Args:
        values: what each value is called now: that of a step that is left out is what it took.
        steps: those that are written, by their old names.
    """
    for member in members:
        if isinstance(member, Region):
            inner = tuple(_running(member.members, values, steps, owners))
            if inner:
                yield _around(member, inner, values)
        elif member.name in steps:
            inputs, types = tuple(values[value] for value in member.inputs), member.input_types
            name, op, owner = values[member.name], steps[member.name], owners.get(member.module, member.module)
            yield Node(name, op, inputs, types, member.type, member.span, owner, slot=member.slot)


def _around(block: Region, members: tuple[Node | Region, ...], values: Mapping[str, str]) -> Region:
    return Region(
        block.name,
        block.kind,
        block.title,
        block.arguments,
        None if block.input is None else values[block.input],
        values[block.output],
        members,
        block.span,
        block.owner,
        tuple((name, values[value]) for name, value in block.values),
        tuple(Passed(each.slot, values[each.value], each.place) for each in block.passed),
        block.slot,
        tuple((name, values[value]) for name, value in block.outputs),
    )
