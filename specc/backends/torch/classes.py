"""Which classes there are: modules whose code is the same but for numbers share one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from specc.backends.torch.class_code import (
    LIST,
    ClassCode,
    Declaration,
    RoundsOnce,
    Statement,
    folded,
    is_chain,
    unsplit,
)
from specc.backends.torch.module_tree import ModuleTree, ModuleUse, is_nameless, results
from specc.backends.torch.python import Hole, Listing, PythonCall
from specc.backends.torch.python_names import inside, is_plain
from specc.backends.torch.step_code import (
    IDENTITY,
    Literal,
    Noted,
    applied,
    constructed,
    layer,
    slotted,
    started,
)
from specc.ir.graph import Graph, Node
from specc.ir.targets import TorchModule


@dataclass(frozen=True, eq=False)
class Instance:
    """One use of a class.

    Attributes:
        number: its place among the uses of the class.
        family: the number of the class.
        noted: the arguments in its code.
        children: the modules that its own modules are, by the number of the hole.
        counts: how many rounds there are like one of them, by the number of the hole.
        labels: what its values are called, by number; the inputs first.
        shapes: their shapes, as text.
        channels: of each, where they are a number.
        takes: the channels of the block's own input, where it has one and they are a number.
        gives: of its own output.
    """

    use: ModuleUse
    number: int
    family: int
    noted: Noted
    children: tuple[Instance, ...]
    counts: tuple[int, ...]
    labels: tuple[str, ...]
    shapes: tuple[str, ...]
    channels: tuple[int | None, ...]
    takes: int | None
    gives: int | None

    @cached_property
    def made(self) -> tuple[object, ...]:
        """What it is made of, whole: equal for modules that the same expression makes."""
        return (self.family, repr(self.noted), self.counts, tuple(child.made for child in self.children))


@dataclass(frozen=True, eq=False)
class ModuleClass:
    """A class: its code and where it is used. Classes that it uses stand before it."""

    body: ClassCode
    instances: tuple[Instance, ...]

    @cached_property
    def is_sequence(self) -> bool:
        """Whether it is written as ``nn.Sequential(…)`` where it is used, and needs no class.

        One with rounds among other names is long to write: it is a class, where there are several of it.
        """
        has_rounds = any(declaration.count is not None for declaration in self.body.declarations)
        is_short = self.body.is_numbered or not has_rounds or len(self.instances) == 1
        return self.body.base == "nn.Sequential" and not self.body.is_model and is_short

    @cached_property
    def handed(self) -> tuple[int, ...]:
        """The modules in it, by number, that are of several classes: its constructor takes them."""
        numbers = range(len(self.instances[0].children))
        return tuple(n for n in numbers if len({instance.children[n].family for instance in self.instances}) > 1)


def module_classes(graph: Graph) -> list[ModuleClass]:
    """The classes of a network, the network's own last."""
    dissolved: frozenset[str] = frozenset()
    idle: frozenset[tuple[str, str]] = frozenset()
    closed: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    while True:
        try:
            found = _Classification(graph, ModuleTree(graph, dissolved, idle), closed, apart).all()
        except _Differs as error:
            if error.path in dissolved:
                raise
            # Shared steps that are not the same code in every place are written out in each.
            dissolved |= {error.path}
            continue
        # Where no use of a class has a layer in a slot, it is no argument either.
        without = {name for family in found for name in _idle_slots(family)}
        # A module is handed to one class and no further: handed on, it could become two.
        passed_on = {path for family in found for path in (*_passed_on(family, found), *_variants(family))}
        split = set(_first_apart(found)) - apart
        if not without and not passed_on and not split:
            return found
        idle |= without
        closed |= passed_on
        apart |= split


def _variants(family: ModuleClass) -> Iterator[str]:
    """Paths of the modules that a class would be handed though they are all of one block, but of several classes."""
    for place in family.handed:
        uses = [instance.children[place].use for instance in family.instances]
        if len({use.block.title for use in uses if use.block}) == 1:
            yield from (use.path for use in uses)


def _first_apart(families: list[ModuleClass]) -> Iterator[str]:
    """Paths of the modules whose first round has to stand apart for them to share a class with others.

    In those the first round differs from the rest: it takes fewer channels.
    """
    alike: dict[object, list[ModuleClass]] = {}
    for family in families:
        if any(declaration.count for declaration in family.body.declarations):
            alike.setdefault(unsplit(family.body), []).append(family)
    for several in alike.values():
        if len(several) > 1:
            yield from (use.use.path for family in several for use in family.instances if sum(use.counts) > 1)


def _passed_on(family: ModuleClass, families: list[ModuleClass]) -> Iterator[str]:
    """Paths of the modules that an outer class would have to be handed for a class in it."""
    for place, child in enumerate(family.instances[0].children):
        same = [instance.children[place] for instance in family.instances]
        if any(other.family != child.family for other in same):
            continue
        for hole in families[child.family].handed:
            if len({other.children[hole].made for other in same}) > 1:
                yield from (user.children[hole].use.path for user in families[child.family].instances)


def _idle_slots(family: ModuleClass) -> Iterator[tuple[str, str]]:
    """The slots that are identity in every use: the name of each use, and the slot's."""
    for hole in family.body.holes:
        if hole.kind == "slot":
            noted = [(instance.use.name, instance.noted[hole.index]) for instance in family.instances]
            slots = [
                (use, entry.hint.name) for use, entry in noted if isinstance(entry, Literal) and entry.value == IDENTITY
            ]
            if len(slots) == len(noted):
                yield from slots


class _Differs(Exception):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _Classification:
    """Sorts a network's modules into classes, from the inside out."""

    def __init__(self, graph: Graph, tree: ModuleTree, closed: frozenset[str], apart: frozenset[str]) -> None:
        self._graph = graph
        self._closed = closed
        self._apart = apart
        self._tree = tree
        self._types = {port.name: port.type for port in graph.inputs} | {n.name: n.type for n in graph.nodes}
        self._numbers: dict[ClassCode, int] = {}
        self._members: list[list[Instance]] = []
        self._makers: dict[str, Node | Instance] = {}
        self._lists: dict[str, bool] = {}

    def all(self) -> list[ModuleClass]:
        self._instance(self._tree.root)
        return [ModuleClass(body, tuple(self._members[number])) for body, number in self._numbers.items()]

    def _instance(self, use: ModuleUse) -> Instance:
        for member in use.members:
            if isinstance(member, ModuleUse):
                self._add(member.path, self._instance(member))
            elif self._tree.is_held(member):
                self._add(member.module, member)
        scope = _CodeScope(use)
        declarations = tuple(self._declarations(scope, use.path, ()))
        statements = tuple(self._statements(scope))
        outputs = tuple(scope.values[value] for value in use.outputs)
        given = tuple(self._type_of(path) for path in use.given)
        is_model, nameless = use.block is None, use.block is not None and is_nameless(use.block)
        is_loop = use.block is not None and use.block.kind == "loop"
        body = ClassCode(
            use.title, len(use.inputs), given, declarations, statements, outputs, is_model, nameless, is_loop
        )
        if is_chain(body):
            body = replace(body, base="nn.Sequential")
        elif self._is_list(use.path) and not _has_slots(use):
            body = replace(body, base="nn.ModuleList")
        fold = folded(body, [child.made for child in scope.children], apart=use.path in self._apart)
        return self._filed(scope, body) if fold is None else self._filed(scope.folded(fold), fold.body)

    def _filed(self, scope: _CodeScope, body: ClassCode) -> Instance:
        family = self._numbers.setdefault(body, len(self._numbers))
        if family == len(self._members):
            self._members.append([])
        labels, shapes = tuple(scope.labels), tuple(str(self._types[value]) for value in scope.names)
        number, block = len(self._members[family]), scope.use.block
        ends = (self._channels(block.input), self._channels(block.output)) if block else (None, None)
        channels = tuple(map(self._channels, scope.names))
        code = scope.noted, tuple(scope.children), scope.counts
        made = Instance(scope.use, number, family, *code, labels, shapes, channels, *ends)
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
            if (first.family, first.noted, first.counts) != (maker.family, maker.noted, maker.counts):
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

    def _declarations(self, scope: _CodeScope, path: str, above: tuple[str, ...]) -> Iterator[Declaration]:
        """What the module at ``path`` holds, in the order in which it must be registered."""
        for label in self._tree.held.get(path, ()):
            inner, labels = f"{path}.{label}" if path else label, (*above, label)
            maker = self._makers.get(inner)
            if isinstance(maker, Instance):
                scope.children.append(maker)
                family = () if self._may_be_handed(maker, labels) else (maker.family,)
                yield Declaration(labels, "_modules", Hole("child", len(scope.children) - 1, family))
            elif isinstance(maker, Node):
                yield self._layer(maker, scope.use, labels, scope.noted)
            elif inner in self._tree.filled:
                held = self._declarations(scope, inner, labels)
                if self._is_list(inner):
                    yield _listed(labels, held)
                else:
                    yield Declaration(labels, "_modules", None)
                    yield from held
            elif inner in self._tree.leaves:
                raise _Differs(scope.use.path)  # made by steps outside of the block

    def _may_be_handed(self, maker: Instance, labels: tuple[str, ...]) -> bool:
        """Whether it may be of another class in another use: of a block that is an argument, under a name for one."""
        block = maker.use.block
        is_argument = block is not None and block.slot is not None and block.owner is None
        return is_argument and len(labels) == 1 and is_plain(labels[0]) and maker.use.path not in self._closed

    def _is_list(self, path: str) -> bool:
        """Whether the module at ``path`` holds modules 0, 1, 2 … and nothing else, all of which are known by now."""
        if path not in self._lists:
            labels = self._tree.held.get(path, ())
            paths = [f"{path}.{label}" if path else label for label in labels]
            numbered = all(label == str(place) for place, label in enumerate(labels))
            self._lists[path] = bool(labels) and numbered and all(map(self._is_module, paths))
        return self._lists[path]

    def _is_module(self, path: str) -> bool:
        return path in self._makers and self._type_of(path) == "nn.Module"

    def _layer(self, node: Node, use: ModuleUse, labels: tuple[str, ...], noted: Noted) -> Declaration:
        made = self._tree.made[node.name]
        registry = "_modules" if isinstance(made, TorchModule) else "_parameters"
        expr = constructed(node, made, noted)
        note = made.note if isinstance(made, TorchModule) else ""
        place = self._reached(use, labels, registry)
        return Declaration(labels, registry, expr, started(node, made, place), note)

    def _statements(self, scope: _CodeScope) -> Iterator[Statement]:
        """What ``forward`` says, in order: what passes a slot between its members."""
        passed = list(scope.use.passed)
        for place, member in enumerate((*scope.use.members, None)):
            while passed and passed[0].place == place:
                slot, value, _ = passed.pop(0)
                if value in scope.values:
                    before = Hole("value", scope.values[value])
                    yield Statement(scope.renew(value, slot), slotted(slot, IDENTITY, before, scope.noted))
            if member is not None:
                yield self._statement(scope, member)

    def _statement(self, scope: _CodeScope, member: Node | ModuleUse) -> Statement:
        """What ``forward`` says for a member."""
        taken = tuple(Hole("value", scope.values[value]) for value in member.inputs)
        targets = scope.add(member)
        if isinstance(member, ModuleUse):
            place, labels = self._place(scope, member.path)
            given = (self._place(scope, path)[0] for path in member.given)
            return Statement(targets, PythonCall(place, (*taken, *given)), labels)
        held, made = self._tree.is_held(member), self._tree.made[member.name]
        where, labels = self._place(scope, member.module) if held else (None, ())
        if member.slot is not None and not held and (as_layer := layer(made)):
            return Statement(targets, slotted(member.slot, as_layer, taken[0], scope.noted))
        return Statement(targets, applied(member, made, where, taken, scope.noted), labels)

    def _place(self, scope: _CodeScope, path: str) -> tuple[str | Hole, tuple[str, ...]]:
        use = scope.use
        if not use.holds(path):
            return Hole("given", scope.given[path]), ()
        labels = tuple(path[len(use.path) + 1 if use.path else 0 :].split("."))
        return self._reached(use, labels, "_modules" if self._type_of(path) == "nn.Module" else "_parameters"), labels

    def _reached(self, use: ModuleUse, labels: tuple[str, ...], registry: str) -> str:
        """How the code of a module reaches what is in it: ``self.conv1``, in a list ``self.convs[0]``."""
        place, path = "self", use.path
        for depth, label in enumerate(labels, 1):
            if self._is_list(path) and not (path == use.path and _has_slots(use)):
                place = f"{place}[{label}]"
            else:
                place = inside(place, label, registry if depth == len(labels) else "_modules")
            path = f"{path}.{label}" if path else label
        return place


class _CodeScope:
    """What the code of one use of a module speaks of."""

    def __init__(self, use: ModuleUse) -> None:
        self.use = use
        self.names = [*use.inputs]
        self.values: dict[str, int] = {value: number for number, value in enumerate(use.inputs)}
        handed = {value: name for name, value in use.block.values} if use.block else {}
        self.labels = [handed.get(value) or _seen_from(use.name, value) for value in use.inputs]
        self.given = {path: number for number, path in enumerate(use.given)}
        self.noted: Noted = []
        self.children: list[Instance] = []
        self.counts: tuple[int, ...] = ()

    def folded(self, fold: RoundsOnce) -> _CodeScope:
        """What is left of it where rounds stand for several."""
        self.children = [self.children[number] for number in fold.children]
        self.names = [self.names[value] for value in fold.values]
        self.labels = [self.labels[value] for value in fold.values]
        self.counts = fold.counts
        return self

    def add(self, member: Node | ModuleUse) -> tuple[int, ...]:
        """Numbers for the values that a member gives."""
        first = len(self.names)
        for value in results(member):
            own = isinstance(member, ModuleUse) and member.block is not None and value == member.block.output
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


def _has_slots(use: ModuleUse) -> bool:
    """Whether a layer may be an argument of its class: it would be one more module in a list."""
    return bool(use.passed) or any(isinstance(member, Node) and member.slot is not None for member in use.members)


def _listed(labels: tuple[str, ...], held: Iterable[Declaration]) -> Declaration:
    """The modules as one list."""
    held = list(held)
    made = PythonCall(LIST, (Listing(tuple(d.made for d in held if d.made is not None), "[]"),))
    note = next((d.note for d in held if d.note), "")
    return Declaration(labels, "_modules", made, tuple(line for d in held for line in d.after), note)
