"""What the uses of a class differ in becomes the arguments of its constructor.

All uses of a class have the same holes. A hole with one value in every use is that value; the others are columns of
values, and those that always agree are one argument. A parameter of the block goes by its name (``c``); the channels of
its input are ``in_channels``; a small multiple or fraction of these is a formula (``4 * c``). The rest go by PyTorch's
names, as far as those are true of the whole block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from specc.backends.torch.classes import ModuleClass
from specc.backends.torch.formulas import (
    Bases,
    Binding,
    ConstantValue,
    Formula,
    Key,
    ModuleValue,
    TupleOf,
    are_counts,
    half,
    in_terms_of,
)
from specc.backends.torch.python import Hole, holes
from specc.backends.torch.python_names import free
from specc.backends.torch.step_code import CHANNELS, NOTHING, Hint, Layer, Literal, Options

_OF_A_LAYER = frozenset("in_channels out_channels in_features out_features num_features num_channels".split())
"""PyTorch's names that would be taken for the whole block's."""

_ENDS = frozenset(name for name in _OF_A_LAYER if name.startswith(("in_", "out_")))

_OF_AN_INPUT = frozenset("in_channels in_features num_features num_channels normalized_shape".split())
"""Arguments that count the channels of a layer's input."""

_INNER = "inner channels"
"""The kind of such an argument where the layer's input is not the block's."""

_COMPUTED = CHANNELS | {"kernel_size", "padding", "start", "groups"}
"""Names of arguments for which formulas are looked for."""


@dataclass(frozen=True, slots=True)
class ConstructorArgument:
    """An argument of a constructor, or a column that a sequence leaves open to whatever it stands in.

    Attributes:
        hint: its name and default.
        by_position: how it is passed.
        values: by the number of the instance.
        layer_name: what it is called by the layer that it is for, whatever the classes on the way do.
        is_inner: whether it counts the channels of a layer's input that is not the block's.
    """

    hint: Hint
    by_position: bool
    values: tuple[object, ...]
    layer_name: str
    is_inner: bool = False

    @property
    def annotation(self) -> str:
        kinds = {_annotation(value) for value in self.values}
        return " | ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))


def _annotation(value: object) -> str:
    if isinstance(value, tuple):
        inner = sorted({_annotation(part) for part in value})
        return f"tuple[{' | '.join(inner)}, ...]" if inner else "tuple[()]"
    if isinstance(value, (Layer, ModuleValue)):
        return "nn.Module"
    return "None" if value is None else type(value).__name__


@dataclass(frozen=True)
class Constructor:
    """The arguments of a class, in order, and what stands in its holes in terms of them.

    Attributes:
        literals: by the number of the "literal" or "slot" hole.
        options: by the number of the "options" hole: the keyword arguments that are written.
        children: by the number of the "child" hole: the arguments of that module's own constructor; for one that is
            an argument itself, the module.
        counts: by the number of the "count" hole.
    """

    arguments: tuple[ConstructorArgument, ...]
    literals: dict[int, Binding]
    options: dict[int, tuple[tuple[str, Binding], ...]]
    children: dict[int, tuple[Binding, ...]]
    counts: dict[int, Binding]

    @property
    def names(self) -> list[str]:
        return [argument.hint.name for argument in self.arguments]


def constructors(families: list[ModuleClass], reserved: Iterable[str]) -> list[Constructor]:
    """The constructor of each class; no argument has one of the ``reserved`` names."""
    made: dict[int, Constructor] = {}
    never = frozenset(("i", *reserved))

    def make(number: int) -> None:
        family = families[number]
        for inner in {child.family for instance in family.instances for child in instance.children} - made.keys():
            make(inner)
        columns = _Columns(family, made)
        if family.is_sequence:
            made[number] = columns.constructor(
                columns.varying, [Formula(index) for index in range(len(columns.varying))]
            )
        else:
            made[number] = columns.constructor(*_Arguments(family, columns.varying, never).chosen())

    for number in range(len(families)):
        if number not in made:
            make(number)
    return [made[number] for number in range(len(families))]


class _Columns:
    """The holes of a class as columns: the values of each by the number of the instance, where they vary."""

    def __init__(self, family: ModuleClass, made: Mapping[int, Constructor]) -> None:
        self._family = family
        self._made = made
        self.varying: list[ConstructorArgument] = []
        self._literals: dict[int, Binding] = {}
        self._options: dict[int, tuple[tuple[str, Binding], ...]] = {}
        self._children: dict[int, tuple[Binding, ...]] = {}
        self._counts: dict[int, Binding] = {}
        self._inner = _inner_holes(family)
        self._numbers: set[str] = set()
        parts = [(expr, labels[-1]) for d in family.body.declarations for labels, expr in d.parts]
        labels = {expr.index: label for expr, label in parts if isinstance(expr, Hole) and expr.kind == "child"}
        for hole in family.body.holes:
            match hole.kind:
                case "literal" | "slot":
                    self._literals[hole.index] = self._literal(hole)
                case "options":
                    self._options[hole.index] = tuple(self._keywords(hole))
                case "child":
                    self._children[hole.index] = tuple(self._arguments(hole, labels[hole.index]))
                case "count":
                    self._counts[hole.index] = self._count(hole)

    def constructor(self, arguments: Iterable[ConstructorArgument], bindings: Sequence[Binding]) -> Constructor:
        """With the varying columns in terms of the arguments."""
        return Constructor(
            tuple(arguments),
            {hole: in_terms_of(binding, bindings) for hole, binding in self._literals.items()},
            {hole: tuple((n, in_terms_of(b, bindings)) for n, b in named) for hole, named in self._options.items()},
            {hole: tuple(in_terms_of(b, bindings) for b in inner) for hole, inner in self._children.items()},
            {hole: in_terms_of(binding, bindings) for hole, binding in self._counts.items()},
        )

    def _literal(self, hole: Hole) -> Binding:
        fillings = [instance.fillings[hole.index] for instance in self._family.instances]
        literals = [filling for filling in fillings if isinstance(filling, Literal)]
        hint, values = literals[0].hint, tuple(literal.value for literal in literals)
        return self._binding(hole, hint, values, by_position=hint.name in CHANNELS and not isinstance(values[0], Layer))

    def _keywords(self, hole: Hole) -> Iterator[tuple[str, Binding]]:
        """Every option that some instance sets; the others have it at its default."""
        fillings = [instance.fillings[hole.index] for instance in self._family.instances]
        options = [filling for filling in fillings if isinstance(filling, Options)]
        defaults = options[0].defaults
        names = list(dict.fromkeys(name for option in options for name in option.values))
        if any({*names} != option.values.keys() for option in options):
            order = {name: place for place, name in enumerate(defaults)}
            names.sort(key=lambda name: order.get(name, -1))
        for name in names:
            default = defaults.get(name, NOTHING)
            values = tuple(option.values.get(name, default) for option in options)
            yield name, self._binding(hole, Hint(name, default), values)

    def _arguments(self, hole: Hole, label: str) -> Iterator[Binding]:
        children = [instance.children[hole.index] for instance in self._family.instances]
        made = [
            [argument.values[child.number] for argument in self._made[child.family].arguments] for child in children
        ]
        if hole.index in self._family.module_arguments:
            modules = [ModuleValue(child.family, tuple(row)) for child, row in zip(children, made, strict=True)]
            yield self._binding(hole, Hint(label), tuple(modules))
            return
        for argument, *values in zip(self._made[children[0].family].arguments, *made, strict=True):
            yield self._binding(hole, argument.hint, tuple(values), argument.by_position, argument.layer_name)

    def _count(self, hole: Hole) -> Binding:
        """How many rounds: all that there are, which is what people count, or the block's own number."""
        instances = self._family.instances
        counts = [instance.counts[hole.index] for instance in instances]
        if len({*counts}) == 1:
            return ConstantValue(counts[0])
        # The numbered modules besides, where all but these are the same in every use.
        numbered = [
            declaration.count for declaration in self._family.body.declarations if declaration.number is not None
        ]
        rounds = [{1} if count is None else {i.counts[count.index] for i in instances} for count in numbered]
        fixed = [min(each) for each in rounds if len(each) == 1]
        total = tuple(count + sum(fixed if len(fixed) == len(rounds) - 1 else ()) for count in counts)
        # A parameter of the block that is this number, or one more or less. A stride is no number of rounds.
        others = _COMPUTED | {column.hint.name for column in self.varying} - self._numbers
        own = [(n, values) for n, values in _block_arguments(self._family).items() if n not in others]
        near = [
            (name, values)
            for more in (0, 1, -1)
            for name, values in own
            if are_counts(values) and values == tuple(count + more for count in total)
        ]
        name, values = next(iter(near), ("depth", total))
        self._numbers.add(name)
        self.varying.append(ConstructorArgument(Hint(name), False, values, name))
        return Formula(len(self.varying) - 1, offset=counts[0] - values[0])

    def _binding(
        self, hole: Hole, hint: Hint, values: tuple[object, ...], by_position: bool = False, layer_name: str = ""
    ) -> Binding:
        if len(set(map(repr, values))) == 1:
            return ConstantValue(values[0])
        tuples = [value for value in values if isinstance(value, tuple)]
        if len(tuples) == len(values) and len({*map(len, tuples)}) == 1:
            parts = list(zip(*tuples, strict=True))
            if sum(len({*map(repr, part)}) > 1 for part in parts) == 1:  # (c, 1, 1)
                return TupleOf(tuple(self._binding(hole, hint, part, by_position, layer_name) for part in parts))
        is_inner = (hole.kind, hole.index) in self._inner and hint.name in _OF_AN_INPUT
        self.varying.append(ConstructorArgument(hint, by_position, values, layer_name or hint.name, is_inner))
        return Formula(len(self.varying) - 1)


def _inner_holes(family: ModuleClass) -> set[tuple[str, int]]:
    """The holes in the constructors of what is applied to other values than the block's own input.

    A layer's result with as many channels as the input counts as the input, and what comes of such values alone.
    A concatenation of others does not: it has as many by chance.
    """
    body = family.body
    entries = {0} if body.inputs and not body.is_model else set()
    for line in body.statements:
        if line.labels or line.is_in_turn or (line.values and entries.issuperset(line.values)):
            entries.update(t for t in line.targets if all(i.channels[t] == i.in_channels for i in family.instances))
    is_entered: dict[tuple[str, ...], bool] = {}
    for line in body.statements:
        if line.labels and line.values:
            is_entered[line.labels] = is_entered.get(line.labels, False) or line.values[0] in entries
        elif line.is_in_turn:  # only the first of a list takes the value itself
            first, *rest = (d.labels for d in body.declarations)
            is_entered |= {first: line.values[0] in entries} | dict.fromkeys(rest, entries.issuperset(line.targets))
    inner = [expr for d in body.declarations for labels, expr in d.parts if is_entered.get(labels) is False]
    return {(hole.kind, hole.index) for expr in inner for hole in holes(expr)}


def _block_arguments(family: ModuleClass) -> dict[str, tuple[object, ...]]:
    """The values of the block's own arguments, where every instance has them."""
    rows = [dict(instance.use.block.arguments) if instance.use.block else {} for instance in family.instances]
    return {name: tuple(row[name] for row in rows) for name in rows[0] if all(name in row for row in rows)}


def _texts(values: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(map(repr, values))


def _channels(values: tuple[object, ...]) -> Key:
    return "channels", _texts(values)


class _Arguments:
    """Chooses the arguments of a class for the columns that vary."""

    def __init__(self, family: ModuleClass, varying: list[ConstructorArgument], reserved: frozenset[str]) -> None:
        self._reserved = reserved
        inputs = tuple(instance.in_channels for instance in family.instances)
        self._input = _channels(inputs)
        self._output = _channels(tuple(instance.out_channels for instance in family.instances))
        by_position = {_texts(column.values) for column in varying if column.by_position}
        self._keys = [self._key(column, by_position) for column in varying]
        self._groups: dict[Key, list[ConstructorArgument]] = {}
        for key, column in zip(self._keys, varying, strict=True):
            self._groups.setdefault(key, []).append(column)
        own = _block_arguments(family)
        keys = self._keys_of_own(own)
        self._is_own = {*keys.values()}
        # What channels may be computed from: the block's own arguments, those of channels first, its input last.
        counted = {name for name, key in keys.items() if key[0] == "channels"}
        others = keys.keys() - counted  # a stride is no number of channels
        names = sorted((name for name in own if name not in others), key=lambda name: name not in counted)
        bases = [values for values in (*(own[name] for name in names), inputs) if are_counts(values)]
        self._bases = {_channels(values): values for values in bases}
        self._own_names: dict[Key, str] = {}
        for name, values in own.items():
            key = keys.get(name, _channels(values))
            if name in keys or key in self._bases:
                self._own_names.setdefault(key, name)

    def chosen(self) -> tuple[list[ConstructorArgument], list[Binding]]:
        """The arguments in order, and the varying columns in terms of them.

        Channels come first, what comes in before the block's own; those with a default last.
        """
        bases = Bases(self._bases, self._input, {text for kind, text in self._groups if kind == "channels"})
        formulas = {key: self._formula(key, columns[0].values, bases) for key, columns in self._groups.items()}
        used = {key for formula in formulas.values() for key in formula.terms}
        names = self._names({key: self._groups.get(key, []) for key in (*self._bases, *self._groups) if key in used})
        arguments = {key: self._argument(key, name) for key, name in names.items()}

        def order(item: tuple[Key, ConstructorArgument]) -> tuple[bool, ...]:
            key, argument = item
            if argument.by_position:
                return (False,)
            return True, argument.hint.default is not NOTHING, key not in self._is_own

        arguments = dict(sorted(arguments.items(), key=order))
        place = {key: index for index, key in enumerate(arguments)}
        bindings: list[Binding] = []
        for formula in (formulas[key] for key in self._keys):
            unit = None if formula.unit is None else place[formula.unit]
            bindings.append(
                Formula(place[formula.base], formula.factor, formula.divisor, formula.offset, unit, formula.share)
            )
        return list(arguments.values()), bindings

    def _key(self, column: ConstructorArgument, by_position: Collection[tuple[str, ...]]) -> Key:
        text = _texts(column.values)
        if column.is_inner and text == self._input[1]:
            return _INNER, text
        # A depthwise convolution has as many groups as channels; the second half starts where the first one ends.
        of_channels = column.layer_name in ("groups", "start")
        if column.by_position or (of_channels and text in by_position):
            return "channels", text
        return column.layer_name if of_channels else column.hint.name, text

    def _keys_of_own(self, own: Mapping[str, tuple[object, ...]]) -> dict[str, Key]:
        """The columns that are an argument of the block, by its name: by name if it can be, else by value.

        An argument is of one kind only: that a padding happens to equal the stride means nothing.
        """
        texts = {name: _texts(values) for name, values in own.items()}
        keys: dict[str, Key] = {name: (name, text) for name, text in texts.items() if (name, text) in self._groups}
        for key in self._groups:
            name = next((name for name, text in texts.items() if text == key[1] and name not in keys), None)
            if name is not None and key not in keys.values():
                keys[name] = key
        return keys

    def _formula(self, key: Key, values: tuple[object, ...], bases: Bases) -> Formula[Key]:
        """A group as the first formula that holds in every instance; as itself where it is a base, or none does."""
        kind, texts = key
        itself = Formula(key)
        if key in self._bases or key in self._own_names:
            return itself
        if kind == "padding":
            kernels = [(key, columns[0].values) for key, columns in self._groups.items() if key[0] == "kernel_size"]
            return half(values, kernels) or itself
        if not are_counts(values):
            return itself
        same = ("channels", texts)
        formula = None
        if kind == _INNER:  # where the block says how many, its input has as many by chance
            formula = (None if same in self._own_names else bases.multiple(values, without=same)) or Formula(same)
        elif kind == "channels":
            formula = bases.multiple(values) or bases.sum(values)
        elif kind in ("groups", "start") and same in self._bases:
            formula = Formula(same)
        elif kind == "groups":
            formula = bases.share(values)
        elif kind == "start":
            formula = bases.multiple(values, is_whole=True) or bases.multiple(values) or bases.sum(values)
        return formula or itself

    def _names(self, columns: dict[Key, list[ConstructorArgument]]) -> dict[Key, str]:
        """A name for each argument: first what comes in, then those that PyTorch names, then the block's own."""
        own: dict[Key, str] = {}
        for key in (key for key in self._own_names if key in columns):
            own[key] = self._free(self._own_names[key], own.values())
        names: dict[Key, str] = {}
        times = Counter[str]()
        for key in sorted((key for key in columns if key not in own), key=lambda key: key != self._input):
            hints = [column.hint.name for column in columns[key]]
            name = self._channel_name(key, hints) if key[0] == "channels" else hints[0]
            times[name] += 1
            numbered = name if times[name] == 1 else f"{name}{times[name]}"
            names[key] = self._free(numbered, (*own.values(), *names.values()))
        return names | own

    def _channel_name(self, key: Key, hints: list[str]) -> str:
        """``in_channels`` and ``out_channels`` where they are the block's; ``mid_channels`` from layer to layer."""
        end = "in" if key == self._input else "out" if key == self._output else ""
        ends = [hint.split("_") for hint in hints if hint in _ENDS]
        noun = ends[0][1] if ends else "channels"
        if end or len({side for side, _ in ends}) == 2:
            return f"{end or 'mid'}_{noun}"
        return hints[0] if hints[0] in CHANNELS and hints[0] not in _OF_A_LAYER else noun

    def _free(self, name: str, others: Collection[str]) -> str:
        name = free(name, others)
        return name if name not in self._reserved else self._free(f"{name}_", others)

    def _argument(self, key: Key, name: str) -> ConstructorArgument:
        """One for all the columns; for none where it is only in formulas of others."""
        by_position = key[0] == "channels"
        columns = self._groups.get(key)
        if columns is None:
            return ConstructorArgument(Hint(name), by_position, self._bases[key], name)
        # The default, where all have the same one and some instance has it.
        first, default = columns[0], columns[0].hint.default
        is_shared = {repr(column.hint.default) for column in columns} == {repr(default)}
        hint = Hint(name, default if is_shared and repr(default) in _texts(first.values) else NOTHING)
        return ConstructorArgument(hint, by_position, first.values, first.layer_name)
