"""Which classes there are: modules whose code is the same but for numbers share one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from specc.backends.torch.class_code import (
    LIST,
    ClassCode,
    Declaration,
    FoldedRounds,
    Instance,
    ModuleClass,
    Statement,
    folded,
    is_chain,
    separated,
)
from specc.backends.torch.module_tree import ModuleTree, ModuleUse, is_nameless, results
from specc.backends.torch.python import Expr, Hole, Infix, Listing, PythonCall
from specc.backends.torch.python_names import inside, is_plain, numbered
from specc.backends.torch.step_code import (
    IDENTITY,
    Fillings,
    Literal,
    applied,
    constructed,
    layer,
    slotted,
    started,
)
from specc.ir.graph import Graph, Node
from specc.ir.targets import TorchCall, TorchModule


def module_classes(graph: Graph) -> list[ModuleClass]:
    """The classes of a network, the network's own last."""
    dissolved: frozenset[str] = frozenset()
    unused_slots: frozenset[tuple[str, str]] = frozenset()
    no_arguments: frozenset[str] = frozenset()
    separate: frozenset[str] = frozenset()
    # What the classes are decides what may be a slot, an argument or a round in them, and that what they are. Each turn
    # adds to one of the four sets, which the graph bounds.
    while True:
        tree = ModuleTree(graph, dissolved, unused_slots)
        try:
            classes = _Classification(graph, tree, no_arguments, separate).classes()
        except _NotOneModule as error:
            if error.path in dissolved:
                raise
            # Shared steps that are not the same code in every place are in each place's own code.
            dissolved |= {error.path}
            continue
        # Where no use of a class has a layer in a slot, it is no argument either.
        unused = {name for family in classes for name in _unused_slots(family)}
        fixed = {path for family in classes for path in _no_arguments(family, classes)}
        unequal = set(_separate_rounds(classes)) - separate
        if not unused and not fixed and not unequal:
            return classes
        unused_slots |= unused
        no_arguments |= fixed
        separate |= unequal


def _no_arguments(family: ModuleClass, families: list[ModuleClass]) -> Iterator[str]:
    """Paths of the modules that have to be of one class in every use of an outer one.

    A module is an argument of one class and no further: passed on, it could become two. And where all are of one block
    but of several classes, they differ in more than the author's argument.
    """
    for place, child in enumerate(family.instances[0].children):
        same = [instance.children[place] for instance in family.instances]
        if place in family.module_arguments:
            if len({other.use.block.title for other in same if other.use.block}) == 1:
                yield from (other.use.path for other in same)
            continue
        inner = families[child.family]
        for hole in inner.module_arguments:
            if len({other.children[hole].key for other in same}) > 1:
                yield from (instance.children[hole].use.path for instance in inner.instances)


def _separate_rounds(families: list[ModuleClass]) -> Iterator[str]:
    """Paths of the modules whose first round has to be separate for them to share a class with others.

    In those the first round differs from the rest: it takes fewer channels.
    """
    alike: dict[object, list[ModuleClass]] = {}
    for family in families:
        if any(declaration.count for declaration in family.body.declarations):
            alike.setdefault(separated(family.body), []).append(family)
    for several in alike.values():
        if len(several) > 1:
            yield from (use.use.path for family in several for use in family.instances if sum(use.counts) > 1)


def _unused_slots(family: ModuleClass) -> Iterator[tuple[str, str]]:
    """The slots that are identity in every use: the name of each use, and the slot's."""
    for hole in family.body.holes:
        if hole.kind == "slot":
            values = [(instance.use.name, instance.fillings[hole.index]) for instance in family.instances]
            slots = [
                (use, value.name) for use, value in values if isinstance(value, Literal) and value.value == IDENTITY
            ]
            if len(slots) == len(values):
                yield from slots


class _NotOneModule(Exception):
    """The uses of a module do not have the same code."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class _Classification:
    """Sorts a network's modules into classes, from the inside out.

    Args:
        no_arguments: paths of the modules that are not to be arguments of a class.
        separate: paths of the modules whose first round is separate from equal ones.
    """

    def __init__(self, graph: Graph, tree: ModuleTree, no_arguments: frozenset[str], separate: frozenset[str]) -> None:
        self._graph = graph
        self._no_arguments = no_arguments
        self._separate = separate
        self._tree = tree
        self._types = {port.name: port.type for port in graph.inputs} | {n.name: n.type for n in graph.nodes}
        self._instances: dict[ClassCode, list[Instance]] = {}
        self._modules: dict[str, Node | Instance] = {}
        self._lists: dict[str, bool] = {}
        self._slotted = {use.path for use in (tree.root, *tree.root.uses) if use.has_slots}

    def classes(self) -> list[ModuleClass]:
        self._instance(self._tree.root)
        return [ModuleClass(body, tuple(instances)) for body, instances in self._instances.items()]

    def _instance(self, use: ModuleUse) -> Instance:
        for member in use.members:
            if isinstance(member, ModuleUse):
                self._add(member.path, self._instance(member))
            elif self._tree.is_registered(member):
                self._add(member.module, member)
        scope, block = _CodeScope(use, self._tree.names), use.block
        declarations = tuple(self._declarations(scope, use.path, ()))
        statements = tuple(self._statements(scope))
        body = ClassCode(
            title=use.title,
            inputs=len(use.inputs),
            borrowed=tuple("nn.Module" if self._is_module(path) else "torch.Tensor" for path in use.borrowed),
            declarations=declarations,
            statements=statements,
            outputs=tuple(scope.values[value] for value in use.outputs),
            is_model=block is None,
            is_nameless=block is not None and is_nameless(block),
            is_loop=block is not None and block.kind == "loop",
        )
        if is_chain(body):
            body = replace(body, base="nn.Sequential")
        elif self._is_list(use.path) and not use.has_slots:
            body = replace(body, base="nn.ModuleList")
        keys = [child.key for child in scope.children]
        if fold := folded(body, keys, first_separate=use.path in self._separate):
            body = fold.body
            scope.fold(fold)
        instances = self._instances.setdefault(body, [])
        instance = Instance(
            use=use,
            number=len(instances),
            family=instances[0].family if instances else len(self._instances) - 1,
            fillings=scope.fillings,
            children=tuple(scope.children),
            counts=scope.counts,
            labels=tuple(scope.labels),
            shapes=tuple(str(self._types[value]) for value in scope.names),
            channels=tuple(map(self._channels, scope.names)),
            in_channels=self._channels(block.input) if block else None,
            out_channels=self._channels(block.output) if block else None,
        )
        instances.append(instance)
        return instance

    def _channels(self, value: str | None) -> int | None:
        sample = self._types[value].sample if value in self._types else ()
        return sample[0] if sample and isinstance(sample[0], int) else None

    def _add(self, path: str, module: Node | Instance) -> None:
        """Remembers what the module at ``path`` is; where it is applied again, it must be the same."""
        first = self._modules.setdefault(path, module)
        if first is module:
            return
        steps = self._tree.steps
        match first, module:
            case Instance(), Instance():
                if (first.family, first.fillings, first.counts) != (module.family, module.fillings, module.counts):
                    raise _NotOneModule(path)
            case Node(), Node() if (
                _made(steps[first.name]) == _made(steps[module.name]) and first.parameters == module.parameters
            ):
                pass
            case _:
                raise ValueError(f"graph {self._graph.name}: {path} is not the same module everywhere")

    def _is_module(self, path: str) -> bool:
        """Whether it is known by now, and not a parameter."""
        module = self._modules.get(path)
        return isinstance(module, Instance) or (
            module is not None and isinstance(self._tree.steps[module.name], TorchModule)
        )

    def _declarations(self, scope: _CodeScope, path: str, above: tuple[str, ...]) -> Iterator[Declaration]:
        """What is in the module at ``path``, in the order in which it must be registered."""
        for label in self._tree.labels.get(path, ()):
            inner, labels = _joined(path, label), (*above, label)
            module = self._modules.get(inner)
            if isinstance(module, Instance):
                scope.children.append(module)
                # Of a block that is an argument, under a name for one, it may be of another class in another use.
                block = module.use.block
                is_argument = block is not None and block.slot is not None and block.owner is None
                is_argument = is_argument and len(labels) == 1 and is_plain(label) and inner not in self._no_arguments
                family = () if is_argument else (module.family,)
                yield Declaration(labels, "_modules", Hole("child", len(scope.children) - 1, family))
            elif isinstance(module, Node):
                step = self._tree.steps[module.name]
                registry, note = ("_modules", step.note) if isinstance(step, TorchModule) else ("_parameters", "")
                expr = constructed(module, step, scope.fillings)
                after = started(module, step, self._reference(scope.use, labels, registry))
                yield Declaration(labels, registry, expr, after, note)
            elif inner in self._tree.parents:
                parts = list(self._declarations(scope, inner, labels))
                if self._is_list(inner):
                    items = tuple(d.expr for d in parts if d.expr is not None)
                    note = next((d.note for d in parts if d.note), "")
                    after = tuple(line for d in parts for line in d.after)
                    yield Declaration(labels, "_modules", PythonCall(LIST, (Listing(items, "[]"),)), after, note)
                else:
                    yield Declaration(labels, "_modules", None)
                    yield from parts
            elif inner in self._tree.leaves:
                raise _NotOneModule(scope.use.path)  # made by steps outside of the block

    def _is_list(self, path: str) -> bool:
        """Whether the module at ``path`` has modules 0, 1, 2 … in it and nothing else; all are known by now."""
        if path not in self._lists:
            labels = list(self._tree.labels.get(path, ()))
            is_numbered = bool(labels) and labels == [*map(str, range(len(labels)))]
            self._lists[path] = is_numbered and all(self._is_module(_joined(path, label)) for label in labels)
        return self._lists[path]

    def _statements(self, scope: _CodeScope) -> Iterator[Statement]:
        """The lines of ``forward``: what passes a slot between its members. The network's begin with its casts."""
        if scope.use is self._tree.root:
            for port in self._graph.inputs:
                if port.is_cast:
                    given = scope.values[port.name]
                    yield Statement(scope.rename(port.name, port.name), self._cast(scope.use, given))
        passed = list(scope.use.passed)
        for place, member in enumerate((*scope.use.members, None)):
            while passed and passed[0].place == place:
                slot, value, _ = passed.pop(0)
                if value in scope.values:
                    before = Hole("value", scope.values[value])
                    yield Statement(scope.rename(value, slot), slotted(slot, IDENTITY, before, scope.fillings))
            if member is not None:
                yield self._statement(scope, member)

    def _cast(self, use: ModuleUse, value: int) -> Expr:
        """An input of whole numbers as numbers of the type that the module computes in, which its first weight has.

        A module without weights computes in whatever it is given.
        """
        for node in self._graph.nodes:
            for parameter in node.parameters:
                if not parameter.integer:
                    registry = "_modules" if isinstance(self._tree.steps[node.name], TorchModule) else "_parameters"
                    owner = self._reference(use, tuple(node.module.split(".")), registry)
                    weight = f"{owner}.{parameter.name}" if parameter.name else owner
                    return PythonCall(Hole("value", value, (".to",)), (f"{weight}.dtype",))
        is_real, as_real = (PythonCall(Hole("value", value, (name,)), ()) for name in (".is_floating_point", ".float"))
        return Infix("if", (Hole("value", value), Infix("else", (is_real, as_real))))

    def _statement(self, scope: _CodeScope, member: Node | ModuleUse) -> Statement:
        """The line of ``forward`` for a member."""
        inputs = tuple(Hole("value", scope.values[value]) for value in member.inputs)
        targets = scope.add(member)
        if isinstance(member, ModuleUse):
            place, labels = self._place(scope, member.path)
            borrowed = (self._place(scope, path)[0] for path in member.borrowed)
            gives_names = member.block is not None and len(member.block.outputs) > 1
            return Statement(targets, PythonCall(place, (*inputs, *borrowed)), labels, gives_names)
        step = self._tree.steps[member.name]
        if self._tree.is_registered(member):
            place, labels = self._place(scope, member.module)
            return Statement(targets, applied(member, step, place, inputs, scope.fillings), labels)
        if member.slot is not None and (as_layer := layer(step)):
            return Statement(targets, slotted(member.slot, as_layer, inputs[0], scope.fillings))
        return Statement(targets, applied(member, step, None, inputs, scope.fillings))

    def _place(self, scope: _CodeScope, path: str) -> tuple[str | Hole, tuple[str, ...]]:
        """How the code reaches a module or parameter, and its labels if it is in the module itself."""
        use = scope.use
        if not use.contains(path):
            return Hole("borrowed", use.borrowed.index(path)), ()
        labels = tuple(path[len(use.path) + 1 if use.path else 0 :].split("."))
        return self._reference(use, labels, "_modules" if self._is_module(path) else "_parameters"), labels

    def _reference(self, use: ModuleUse, labels: tuple[str, ...], registry: str) -> str:
        """How the code of a module reaches what is in it: ``self.conv1``, in a list ``self.convs[0]``."""
        place, path = "self", use.path
        for depth, label in enumerate(labels, 1):
            if self._is_list(path) and path not in self._slotted:
                place = f"{place}[{label}]"
            else:
                place = inside(place, label, registry if depth == len(labels) else "_modules")
            path = _joined(path, label)
        return place


class _CodeScope:
    """The values and holes in the code of one use of a module.

    Attributes:
        values: the number by which each value goes at this point of the code.
        names: the value that has each number.
        labels: what the value of each number is called.
        fillings, children, counts: as of `Instance`.
    """

    def __init__(self, use: ModuleUse, names: Mapping[str, list[str]]) -> None:
        """``names``: what values are called beside their steps' names."""
        self.use = use
        self._names = names
        self.names = [*use.inputs]
        self.values: dict[str, int] = {value: number for number, value in enumerate(use.inputs)}
        arguments = {value: name for name, value in use.block.values} if use.block else {}
        self.labels = [
            arguments.get(value) or _label_beside(use.name, [*names.get(value, ()), value]) for value in use.inputs
        ]
        self.fillings: Fillings = []
        self.children: list[Instance] = []
        self.counts: tuple[int, ...] = ()

    def fold(self, fold: FoldedRounds) -> None:
        """Drops what is no more in the code where one round is in it for several."""
        self.children = [self.children[number] for number in fold.children]
        self.names = [self.names[value] for value in fold.values]
        self.labels = [self.labels[value] for value in fold.values]
        self.counts = fold.counts

    def add(self, member: Node | ModuleUse) -> tuple[int, ...]:
        """Numbers for the values that a member gives."""
        first = len(self.names)
        stated = {v: name for name, v in member.block.outputs} if isinstance(member, ModuleUse) and member.block else {}
        for value in results(member):
            inside = (name for name in self._names.get(value, ()) if f"{name}.".startswith(f"{member.name}."))
            name = stated.get(value)
            label = next(inside, value) if name is None else f"{member.name}.{name}"
            label = label.removeprefix(f"{self.use.name}.") if self.use.name else label
            self.rename(value, name if name is not None and self._is_free(name) else label)
        return tuple(range(first, len(self.names)))

    def _is_free(self, name: str) -> bool:
        """Whether nothing else in the module goes by the name, nor another block gives a value of that name."""
        blocks = (member.block for member in self.use.members if isinstance(member, ModuleUse) and member.block)
        given = [output for block in blocks for output, _ in block.outputs]
        labels = {member.name.rpartition(".")[2] for member in self.use.members}
        return given.count(name) == 1 and name not in labels and name not in self.labels

    def rename(self, value: str, label: str) -> tuple[int]:
        """A new number for a value, which is called by ``label``: from here on it goes by this one."""
        number = self.values[value] = len(self.names)
        self.names.append(value)
        self.labels.append(label)
        return (number,)


def _joined(path: str, label: str) -> str:
    return f"{path}.{label}" if path else label


def _label_beside(place: str, names: Sequence[str]) -> str:
    """What the steps beside the one called ``place`` call a value: ``e4`` for what comes out of ``e4.conv2``.

    Args:
        names: of the value, the outer ones first.
    """
    labels = next(name for name in names if not f"{place}.".startswith(f"{name}.")).split(".")
    pairs = zip(place.split(".")[:-1], labels[:-1], strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    own = labels[shared:]
    place_of_name = next((at for at in reversed(range(len(own))) if not own[at].isdigit()), 0)
    around = [*own[place_of_name + 1 : place_of_name + 2], *own[max(place_of_name - 1, 0) : place_of_name]]
    return numbered(own[place_of_name], next((label for label in around if label.isdigit()), ""))


def _made(step: TorchModule | TorchCall) -> TorchModule | TorchCall:
    """The module, on whatever it is called."""
    return step.made if isinstance(step, TorchModule) else step
