"""Which classes there are: modules whose code is the same but for numbers share one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from specc.backends.torch.layout import Call, Expr, Hole, holes
from specc.backends.torch.names import is_attribute, is_plain, reached
from specc.backends.torch.steps import (
    PASSES,
    Line,
    Literal,
    Noted,
    applied,
    constructed,
    layer,
    slotted,
    started,
)
from specc.backends.torch.tree import Tree, Use, is_nameless, results
from specc.ir.graph import Graph, Node
from specc.ir.torch import TorchModule


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a module holds under some labels, and how that starts.

    ``made`` is the constructor's call, or a hole of kind "child"; None for a module that only holds others, a
    ``ModuleList`` where ``is_list``. ``note`` is what must be said of it.
    """

    labels: tuple[str, ...]
    registry: str
    made: Expr | None
    after: tuple[Line, ...] = ()
    note: str = ""
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """A line of ``forward``: values, by number, made of others. ``labels``: of the module called, if it is its own."""

    targets: tuple[int, ...]
    expr: Expr
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The code of a module with holes for whatever may differ where it stands.

    Holes: "literal", "slot" and "options" (what a step notes), "child" (a module in it, by number; with its class,
    where that is the same in every use), "value" (counted from the inputs on) and "given" (a module or parameter
    handed in).
    """

    title: str
    inputs: int
    given: tuple[str, ...]
    """"nn.Module" or "torch.Tensor" for each."""
    declarations: tuple[Declaration, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[int, ...]
    is_model: bool
    is_nameless: bool
    is_loop: bool

    @property
    def holes(self) -> Iterator[Hole]:
        """In the order of the text."""
        for declaration in self.declarations:
            if declaration.made is not None:
                yield from holes(declaration.made)
        for statement in self.statements:
            yield from holes(statement.expr)


@dataclass(frozen=True, eq=False)
class Instance:
    """One use of a class.

    Attributes:
        number: its place among the uses of the class.
        family: the number of the class.
        noted: the arguments in its code.
        children: the modules that its own modules are, by the number of the hole.
        labels: what its values are called, by number; the inputs first.
        shapes: their shapes, as text.
        channels: of each, where they are a number.
        takes: the channels of the block's own input, where it has one and they are a number.
        gives: of its own output.
    """

    use: Use
    number: int
    family: int
    noted: Noted
    children: tuple[Instance, ...]
    labels: tuple[str, ...]
    shapes: tuple[str, ...]
    channels: tuple[int | None, ...]
    takes: int | None
    gives: int | None

    @cached_property
    def made(self) -> tuple[object, ...]:
        """What it is made of, whole: equal for modules that the same expression makes."""
        return (self.family, repr(self.noted), tuple(child.made for child in self.children))


@dataclass(frozen=True, eq=False)
class Family:
    """A class: its code and where it is used. Classes that it uses stand before it."""

    body: Body
    instances: tuple[Instance, ...]

    @cached_property
    def is_sequence(self) -> bool:
        """Whether it is written as ``nn.Sequential(…)`` where it is used, and needs no class."""
        return _is_sequence(self.body)

    @cached_property
    def handed(self) -> tuple[int, ...]:
        """The modules in it, by number, that are of several classes: its constructor takes them."""
        numbers = range(len(self.instances[0].children))
        return tuple(n for n in numbers if len({instance.children[n].family for instance in self.instances}) > 1)

    @property
    def is_numbered(self) -> bool:
        """Whether what it holds is labelled 0, 1, 2 …"""
        return all(d.labels == (str(place),) for place, d in enumerate(self.body.declarations))


def families(graph: Graph) -> list[Family]:
    """The classes of a network, the network's own last."""
    dissolved: frozenset[str] = frozenset()
    idle: frozenset[tuple[str, str]] = frozenset()
    closed: frozenset[str] = frozenset()
    while True:
        try:
            found = _Families(graph, Tree(graph, dissolved, idle), closed).all()
        except _Differs as error:
            if error.path in dissolved:
                raise
            # Shared steps that are not the same code in every place are written out in each.
            dissolved |= {error.path}
            continue
        # Where no use of a class has a layer in a slot, it is no argument either.
        without = {name for family in found for name in _idle_slots(family)}
        # A module is handed to one class and no further: handed on, it could become two.
        passed_on = {path for family in found for path in _passed_on(family, found)}
        if not without and not passed_on:
            return found
        idle |= without
        closed |= passed_on


def _passed_on(family: Family, families: list[Family]) -> Iterator[str]:
    """Paths of the modules that an outer class would have to be handed for a class in it."""
    for place, child in enumerate(family.instances[0].children):
        same = [instance.children[place] for instance in family.instances]
        if any(other.family != child.family for other in same):
            continue
        for hole in families[child.family].handed:
            if len({other.children[hole].made for other in same}) > 1:
                yield from (user.children[hole].use.path for user in families[child.family].instances)


def _idle_slots(family: Family) -> Iterator[tuple[str, str]]:
    """The slots that are identity in every use: the name of each use, and the slot's."""
    for hole in family.body.holes:
        if hole.kind == "slot":
            noted = [(instance.use.name, instance.noted[hole.index]) for instance in family.instances]
            slots = [
                (use, entry.hint.name) for use, entry in noted if isinstance(entry, Literal) and entry.value == PASSES
            ]
            if len(slots) == len(noted):
                yield from slots


class _Differs(Exception):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _Families:
    """Sorts a network's modules into classes, from the inside out."""

    def __init__(self, graph: Graph, tree: Tree, closed: frozenset[str] = frozenset()) -> None:
        self._graph = graph
        self._closed = closed
        self._tree = tree
        self._types = {port.name: port.type for port in graph.inputs} | {n.name: n.type for n in graph.nodes}
        self._numbers: dict[Body, int] = {}
        self._members: list[list[Instance]] = []
        self._makers: dict[str, Node | Instance] = {}

    def all(self) -> list[Family]:
        self._instance(self._tree.root)
        return [Family(body, tuple(self._members[number])) for body, number in self._numbers.items()]

    def _instance(self, use: Use) -> Instance:
        for member in use.members:
            if isinstance(member, Use):
                self._add(member.path, self._instance(member))
            elif self._tree.is_held(member):
                self._add(member.module, member)
        scope = _Scope(use)
        declarations = tuple(self._declarations(scope, use.path, ()))
        statements = tuple(self._statements(scope))
        outputs = tuple(scope.values[value] for value in use.outputs)
        given = tuple(self._type_of(path) for path in use.given)
        is_model, nameless = use.block is None, use.block is not None and is_nameless(use.block)
        is_loop = use.block is not None and use.block.kind == "loop"
        body = Body(use.title, len(use.inputs), given, declarations, statements, outputs, is_model, nameless, is_loop)
        return self._filed(scope, body)

    def _filed(self, scope: _Scope, body: Body) -> Instance:
        family = self._numbers.setdefault(body, len(self._numbers))
        if family == len(self._members):
            self._members.append([])
        labels, shapes = tuple(scope.labels), tuple(str(self._types[value]) for value in scope.names)
        number, block = len(self._members[family]), scope.use.block
        ends = (self._channels(block.input), self._channels(block.output)) if block else (None, None)
        channels = tuple(map(self._channels, scope.names))
        made = Instance(scope.use, number, family, scope.noted, tuple(scope.children), labels, shapes, channels, *ends)
        self._members[family].append(made)
        return made

    def _channels(self, value: str | None) -> int | None:
        sample = self._types[value].sample if value in self._types else ()
        return sample[0] if sample and isinstance(sample[0], int) else None

    def _add(self, path: str, maker: Node | Instance) -> None:
        """Remembers what the module at ``path`` is; where it is applied again, it must be the same."""
        first = self._makers.setdefault(path, maker)
        if first is maker:
            return
        if isinstance(first, Instance) and isinstance(maker, Instance):
            if (first.family, first.noted) != (maker.family, maker.noted):
                raise _Differs(path)
        elif not (isinstance(first, Node) and isinstance(maker, Node) and self._same(first, maker)):
            raise ValueError(f"graph {self._graph.name}: {path} is not the same module everywhere")

    def _same(self, one: Node, other: Node) -> bool:
        made = self._tree.made
        return made[one.name] == made[other.name] and one.parameters == other.parameters

    def _type_of(self, path: str) -> str:
        maker = self._makers[path]
        is_module = isinstance(maker, Instance) or isinstance(self._tree.made[maker.name], TorchModule)
        return "nn.Module" if is_module else "torch.Tensor"

    def _declarations(self, scope: _Scope, path: str, above: tuple[str, ...]) -> Iterator[Declaration]:
        """What the module at ``path`` holds, in the order in which it must be registered."""
        for label in self._tree.held.get(path, ()):
            inner, labels = f"{path}.{label}" if path else label, (*above, label)
            maker = self._makers.get(inner)
            if isinstance(maker, Instance):
                scope.children.append(maker)
                family = () if self._may_be_handed(maker, labels) else (maker.family,)
                yield Declaration(labels, "_modules", Hole("child", len(scope.children) - 1, family))
            elif isinstance(maker, Node):
                yield self._layer(maker, labels, scope.noted)
            elif inner in self._tree.filled:
                yield Declaration(labels, "_modules", None, is_list=self._is_list(inner))
                yield from self._declarations(scope, inner, labels)
            elif inner in self._tree.leaves:
                raise _Differs(scope.use.path)  # made by steps outside of the block

    def _may_be_handed(self, maker: Instance, labels: tuple[str, ...]) -> bool:
        """Whether it may be of another class in another use: a block's, under a name that an argument can have."""
        block = maker.use.block
        is_block = block is not None and block.kind == "block" and block.owner is None
        return is_block and len(labels) == 1 and is_plain(labels[0]) and maker.use.path not in self._closed

    def _layer(self, node: Node, labels: tuple[str, ...], noted: Noted) -> Declaration:
        made = self._tree.made[node.name]
        registry = "_modules" if isinstance(made, TorchModule) else "_parameters"
        expr = constructed(node, made, noted)
        note = made.note if isinstance(made, TorchModule) else ""
        place = reached(labels, registry, in_list=self._is_in_list(node.module, labels))
        return Declaration(labels, registry, expr, started(node, made, place), note)

    def _is_in_list(self, path: str, labels: tuple[str, ...]) -> bool:
        """Whether the module at ``path``, which its class has under the labels, is an entry of a list there."""
        return len(labels) > 1 and self._is_list(path.rpartition(".")[0])

    def _is_list(self, path: str) -> bool:
        """Whether the module at ``path``, which is no step and no block, only holds modules, labelled 0, 1, 2 …"""
        held = [f"{path}.{label}" for label in self._tree.held[path]]
        are_modules = all(inner in self._makers and self._type_of(inner) == "nn.Module" for inner in held)
        return are_modules and held == [f"{path}.{place}" for place in range(len(held))]

    def _statements(self, scope: _Scope) -> Iterator[Statement]:
        """What ``forward`` says, in order: what passes a slot between its members."""
        passed = list(scope.use.passed)
        for place, member in enumerate((*scope.use.members, None)):
            while passed and passed[0].place == place:
                slot, value, _ = passed.pop(0)
                if value in scope.values:
                    before = Hole("value", scope.values[value])
                    yield Statement(scope.renew(value, slot), slotted(slot, PASSES, before, scope.noted))
            if member is not None:
                yield self._statement(scope, member)

    def _statement(self, scope: _Scope, member: Node | Use) -> Statement:
        """What ``forward`` says for a member."""
        taken = tuple(Hole("value", scope.values[value]) for value in member.inputs)
        targets = scope.add(member)
        if isinstance(member, Use):
            place, labels = self._place(scope, member.path)
            given = (self._place(scope, path)[0] for path in member.given)
            return Statement(targets, Call(place, (*taken, *given)), labels)
        held, made = self._tree.is_held(member), self._tree.made[member.name]
        where, labels = self._place(scope, member.module) if held else (None, ())
        if member.slot is not None and not held and (as_layer := layer(made)):
            return Statement(targets, slotted(member.slot, as_layer, taken[0], scope.noted))
        return Statement(targets, applied(member, made, where, taken, scope.noted), labels)

    def _place(self, scope: _Scope, path: str) -> tuple[str | Hole, tuple[str, ...]]:
        use = scope.use
        if not use.holds(path):
            return Hole("given", scope.given[path]), ()
        labels = tuple(path[len(use.path) + 1 if use.path else 0 :].split("."))
        registry = "_modules" if self._type_of(path) == "nn.Module" else "_parameters"
        return reached(labels, registry, in_list=self._is_in_list(path, labels)), labels


class _Scope:
    """What the code of one use of a module speaks of."""

    def __init__(self, use: Use) -> None:
        self.use = use
        self.names = [*use.inputs]
        self.values: dict[str, int] = {value: number for number, value in enumerate(use.inputs)}
        handed = {value: name for name, value in use.block.values} if use.block else {}
        self.labels = [handed.get(value) or _seen_from(use.name, value) for value in use.inputs]
        self.given = {path: number for number, path in enumerate(use.given)}
        self.noted: Noted = []
        self.children: list[Instance] = []

    def add(self, member: Node | Use) -> tuple[int, ...]:
        """Numbers for the values that a member gives."""
        first = len(self.names)
        for value in results(member):
            own = isinstance(member, Use) and member.block is not None and value == member.block.output
            self.renew(value, self._inside(member.name if own else value))
        return tuple(range(first, len(self.names)))

    def renew(self, value: str, label: str) -> tuple[int]:
        """A number for a value, which is called by ``label``: from here on it goes by this one."""
        number = self.values[value] = len(self.names)
        self.names.append(value)
        self.labels.append(label)
        return (number,)

    def _inside(self, name: str) -> str:
        return name.removeprefix(f"{self.use.name}.") if self.use.name else name


def _seen_from(place: str, value: str) -> str:
    """What the steps beside the one called ``place`` call a value: ``e4`` for what comes out of ``e4.conv2``."""
    here, there = place.split("."), value.split(".")
    shared = 0
    while shared < min(len(here), len(there)) - 1 and here[shared] == there[shared]:
        shared += 1
    return there[shared]


def _is_sequence(body: Body) -> bool:
    """Whether each module of it takes just what the one before gives, the input first."""
    labels = [label for declaration in body.declarations for label in declaration.labels]
    if body.is_model or body.given or body.inputs != 1 or len(body.outputs) != 1:
        return False
    if not all(len(d.labels) == 1 for d in body.declarations) or len(labels) != len(body.statements):
        return False
    alone = body.is_nameless and len(labels) == 1
    if not (alone or body.is_loop or not all(map(is_plain, labels))) or not all(map(_may_be_item, labels)):
        return False
    plain = all(d.registry == "_modules" and d.made is not None and not d.after for d in body.declarations)
    called = [statement.labels[:1] for statement in body.statements if passes_on(statement)]
    in_order = called == [(label,) for label in labels]
    return plain and in_order and body.outputs[0] == len(body.statements)


def passes_on(statement: Statement) -> bool:
    """Whether it calls a module of its own on nothing but the value before."""
    expr, (target, *others) = statement.expr, statement.targets
    if not statement.labels or others:
        return False
    return expr == Call(reached(statement.labels), (Hole("value", target - 1),))


def _may_be_item(label: str) -> bool:
    """Whether nn.Sequential takes it as a name."""
    return is_attribute(label) and label not in ("append", "extend", "insert", "pop")
