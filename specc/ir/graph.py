"""The checked network: typed, in topological order, with the tree of blocks it came from.

A Graph exists only of a spec that fits together: its types have been checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

from specc.ir.op import Op, Parameter
from specc.ir.record import Record
from specc.ir.size import Size
from specc.ir.symbols import Symbol
from specc.ir.types import DType, TensorType
from specc.source import Span


class Port(NamedTuple):
    """A named input or output of the network.

    Every value inside is float32, and so are the outputs; what an input takes may be ``uint8``, 0 to 255, and is
    cast before the first step.
    """

    name: str
    type: TensorType
    dtype: DType = "float32"

    @property
    def is_cast(self) -> bool:
        """Whether the network computes with another type than it is given."""
        return self.dtype != "float32"

    @property
    def declaration(self) -> str:
        """As the language writes it: ``[N, 3, H, W]``, ``uint8 [N, 3, H, W]``."""
        return f"{self.dtype} {self.type}" if self.is_cast else str(self.type)

    def at(self, sizes: Mapping[str, int]) -> Port:
        """Where the symbolic sizes have these values; the batch stays as it is."""
        return self._replace(type=self.type.at(sizes))


class Node:
    """One step.

    Attributes:
        name: dotted path, unique in the graph; the step's value goes by this name too.
        op: what it does.
        inputs: names of the values it takes: of earlier nodes or of the graph's inputs.
        input_types: their types, in order.
        type: the type of its result.
        span: the step in the spec.
        owner: the path of the module with its tensors, where that is not ``name``: shared steps that are
            applied several times are several nodes with one owner.
        slot: the name that the spec calls it by, where that is no layer's own: of a parameter, a let, a loop's
            variable (``act``).
    """

    # Slots, and so no `Record`: lints and costs read these attributes again and again, and take a tenth longer without.
    __slots__ = ("_parameters", "input_types", "inputs", "name", "op", "owner", "slot", "span", "type")

    def __init__(
        self,
        name: str,
        op: Op,
        inputs: tuple[str, ...],
        input_types: tuple[TensorType, ...],
        type: TensorType,
        span: Span,
        owner: str | None = None,
        parameters: tuple[Parameter, ...] | None = None,
        slot: str | None = None,
    ) -> None:
        """``parameters``: the tensors for these inputs, where they are known; else they are computed at first use."""
        self.name = name
        self.op = op
        self.inputs = inputs
        self.input_types = input_types
        self.type = type
        self.span = span
        self.owner = owner
        self._parameters = parameters
        self.slot = slot

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        if self._parameters is None:
            self._parameters = self.op.parameters(*self.input_types)
        return self._parameters

    @property
    def reads(self) -> tuple[str, ...]:
        """Of ``inputs`` those whose numbers it takes; of the others, the last ones, it takes the sizes alone."""
        return self.inputs[: len(self.inputs) - self.op.measured]

    @property
    def module(self) -> str:
        """The path of the module that is this step in PyTorch: ``layer1.0.conv1``."""
        return self.owner or self.name

    def path(self, parameter: Parameter) -> str:
        """The parameter's key in the state dict: ``conv1.weight``."""
        return f"{self.module}.{parameter.name}" if parameter.name else self.module

    def at(self, sizes: Mapping[str, int], known: dict[TensorType, TensorType] | None = None) -> Node:
        """The step where the symbolic sizes have these values.

        Args:
            known: types of earlier steps at these sizes: most steps take what another gives.
        """
        known = {} if known is None else known
        for x in (*self.input_types, self.type):
            if x not in known:
                known[x] = x.at(sizes)
        types = tuple([known[x] for x in self.input_types])
        op, type = _op_at(self.op, sizes), known[self.type]
        return Node(self.name, op, self.inputs, types, type, self.span, self.owner, slot=self.slot)

    def moved(self, span: Span) -> Node:
        """The step at another place of the text."""
        return Node(
            self.name, self.op, self.inputs, self.input_types, self.type, span, self.owner, self._parameters, self.slot
        )

    def __repr__(self) -> str:
        return f"Node({self.name}: {self.op!r} -> {self.type})"


class LayerText(str):
    """A layer or a block that is an argument of a block, as text: ``leakyrelu(0.2)``."""

    __slots__ = ()


class Passed(NamedTuple):
    """Where a value passes a slot that is identity: there is no step, but other calls have one.

    Attributes:
        slot: as of `Node`.
        value: its name.
        place: how many members of the block come before it.
    """

    slot: str
    value: str
    place: int


class Region(Record):
    """Steps with one name in the spec: a block called, a labelled group or loop, one round of a loop.

    Attributes:
        name: dotted path; every member's name begins with it.
        kind: where it comes from.
        title: what a person calls it: the block's name in the spec (``bottleneck``); the label, or the
            round's number, of the others.
        arguments: a block's parameters by name, in order: numbers, truth values, texts, none and tuples of these,
            and `LayerText` for layers and blocks.
        input: name of the value that it is applied to; None where it takes none.
        output: name of the value that it gives: one of its own steps', the last of them that it states where what it
            gives is one that it was given.
        outputs: where it states several values that it gives, their names there and those of the values, in order.
        members: its steps and the blocks in it, in topological order.
        span: the call, group or loop in the spec.
        owner: as of `Node`.
        values: its parameters that are values of the network, by name: ``skip`` and the name of the value.
        passed: what passes slots of its own that are identity, in order.
        slot: the name that the spec calls it by, where that is not the block's own: of a parameter, a let, a loop's
            variable.
    """

    name: str
    kind: Literal["block", "group", "loop", "round"]
    title: str
    arguments: tuple[tuple[str, object], ...]
    input: str | None
    output: str
    members: tuple[Node | Region, ...]
    span: Span
    owner: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    passed: tuple[Passed, ...] = ()
    slot: str | None = None
    outputs: tuple[tuple[str, str], ...] = ()

    __eq__ = object.__eq__  # another call of the same block is another region
    __hash__ = object.__hash__

    def with_members(self, members: tuple[Node | Region, ...], span: Span | None = None) -> Region:
        """The same around other members of the same names, and at another place of the text where one is given."""
        attributes: dict[str, Any] = {name: getattr(self, name) for name in self.__match_args__}
        return Region(**attributes | {"members": members, "span": span or self.span})

    def __repr__(self) -> str:
        return f"Region({self.name}: {len(self.members)} members)"

    @property
    def module(self) -> str:
        """The path of the module that is this block in PyTorch."""
        return self.owner or self.name

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every step in it, at any depth."""
        return tuple(steps(self.members))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the values that its steps take from outside: ``input`` first, then in order of use."""
        inside = {node.name for node in self.nodes}
        return tuple(in_order(self, (value for node in self.nodes for value in node.inputs if value not in inside)))


def result(member: Node | Region) -> str:
    """The name of the value that a step or a block gives."""
    return member.name if isinstance(member, Node) else member.output


class Graph:
    """A network.

    Attributes:
        name: the model's name, as in the spec.
        inputs: its input ports; an input's value goes by the port's name. All have the same batch.
        outputs: its output ports, each with the name of the value it gives out.
        members: its steps and blocks in topological order; every step is used by a later one or by an output.
    """

    def __init__(
        self,
        name: str,
        inputs: tuple[Port, ...],
        outputs: tuple[tuple[Port, str], ...],
        members: tuple[Node | Region, ...],
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.members = members
        known = {port.name for port in self.inputs}
        for node in self.nodes:
            if not known.issuperset(node.inputs) or node.name in known:
                missing = [value for value in node.inputs if value not in known]
                raise ValueError(f"graph {self.name}: step {node.name} is out of order or named twice: {missing}")
            known.add(node.name)
        unknown = [value for _, value in self.outputs if value not in known]
        if unknown:
            raise ValueError(f"graph {self.name}: outputs of unknown values {unknown}")

    def __repr__(self) -> str:
        return f"Graph({self.name}: {len(self.nodes)} steps)"

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every step, in topological order."""
        return tuple(steps(self.members))

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbolic sizes of its inputs but for the batch, in the order of the contract."""
        sizes = (size for port in self.inputs for size in port.type.sample if isinstance(size, Size))
        return tuple(dict.fromkeys(symbol for size in sizes for symbol in size.symbols))

    @cached_property
    def state(self) -> tuple[tuple[str, Parameter], ...]:
        """Every tensor of the network with its path, in PyTorch's state-dict order.

        A module lists its own tensors (a step that is its own parameter) before those of the modules in it, and
        these in the order in which they first appear; a shared tensor is listed once.
        """
        root: _Holder = _Holder({}, {})
        for node in self.nodes:
            *above, last = node.module.split(".")
            holder = root
            for part in above:
                holder = holder.modules.setdefault(part, _Holder({}, {}))
            for parameter in node.parameters:
                if parameter.name:
                    module = holder.modules.setdefault(last, _Holder({}, {}))
                    module.own[node.path(parameter)] = parameter
                else:
                    holder.own[node.path(parameter)] = parameter
        return tuple(root.listed())

    def node(self, name: str) -> Node:
        """The step called ``name``. Raises KeyError."""
        return self._by_name[name]

    def at(self, sizes: Mapping[str, int]) -> Graph:
        """The network where its symbolic sizes have these values; the batch stays as it is.

        Args:
            sizes: a value for every symbol of `symbols`.

        Raises:
            ValueError: a value is missing, is for no symbol, or is not allowed; the message is for the user.
        """
        symbols = {symbol.name: symbol for symbol in self.symbols}
        known = " and ".join(symbols) or "none but the batch"
        for name, size in sizes.items():
            if name not in symbols:
                raise ValueError(f"{self.name} has no symbolic size called {name}: it has {known}")
            if type(size) is not int or not symbols[name].allows(size):
                raise ValueError(symbols[name].refusal(size))
        missing = [name for name in symbols if name not in sizes]
        if missing:
            raise ValueError(f"{self.name} depends on {known}, and {' and '.join(missing)} must be given too")
        if not symbols:
            return self
        inputs = tuple([port.at(sizes) for port in self.inputs])
        outputs = tuple([(port.at(sizes), value) for port, value in self.outputs])
        return Graph(self.name, inputs, outputs, _members_at(self.members, sizes, {}))

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}


def in_order(block: Region, outside: Iterable[str]) -> list[str]:
    """The values that a block takes from outside, in the order of its interface: its input first, then in order of use.

    Where it has several inputs, which have names, these come first.
    """
    taken = dict.fromkeys(outside)
    first = [block.input] if block.input is not None else [value for _, value in block.values]
    return list(dict.fromkeys([*(value for value in first if value in taken), *taken]))


def steps(members: Iterable[Node | Region]) -> list[Node]:
    """The steps among ``members`` and in their blocks, in order."""
    nodes: list[Node] = []
    for member in members:
        if isinstance(member, Node):
            nodes.append(member)
        else:
            nodes += steps(member.members)
    return nodes


class _Holder(NamedTuple):
    """A module: its own tensors by path, and the modules in it by name."""

    own: dict[str, Parameter]
    modules: dict[str, _Holder]

    def listed(self) -> Iterator[tuple[str, Parameter]]:
        yield from self.own.items()
        for module in self.modules.values():
            yield from module.listed()


def _members_at(
    members: tuple[Node | Region, ...], sizes: Mapping[str, int], known: dict[TensorType, TensorType]
) -> tuple[Node | Region, ...]:
    return tuple(
        member.at(sizes, known)
        if isinstance(member, Node)
        else member.with_members(_members_at(member.members, sizes, known))
        for member in members
    )


def _op_at(op: Op, sizes: Mapping[str, int]) -> Op:
    """The operator with numbers for the symbolic sizes among its attributes (``reshape`` has such)."""
    if not any(isinstance(value, (Size, tuple)) for value in vars(op).values()):
        return op

    def known(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(map(known, value))
        if isinstance(value, Size) and all(symbol.name in sizes for symbol in value.symbols):
            return value.at(sizes)
        return value  # the batch stays a symbol

    update = {field: known(getattr(op, field)) for field in type(op).model_fields}
    changed = {field: value for field, value in update.items() if value is not getattr(op, field)}
    return op.model_copy(update=changed) if changed else op
