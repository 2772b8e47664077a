"""What the uses of a class differ in becomes the arguments of its constructor.

All uses of a class have the same holes. A hole with one value in every use is that value; the others are columns of
values, and those that always agree are one argument. A parameter of the block goes by its name (``c``); the channels of
its input are ``in_channels``; a small multiple or fraction of these is a formula (``4 * c``). The rest go by PyTorch's
names, as far as those are true of the whole block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from specc.backends.torch.class_arguments import (
    Arguments,
    ConstructorArgument,
    Formula,
    ModuleValue,
    are_counts,
    block_arguments,
)
from specc.backends.torch.class_code import ModuleClass
from specc.backends.torch.python import Expr, Hole, Listing, Offset, holes
from specc.backends.torch.step_code import CHANNELS, NOTHING, Layer, Literal, Options, literal

_OF_AN_INPUT = frozenset("in_channels in_features num_features num_channels normalized_shape".split())
"""Arguments that count the channels of a layer's input."""

_COMPUTED = CHANNELS | {"kernel_size", "padding", "start", "groups"}
"""Names of arguments for which formulas are looked for."""


@dataclass(frozen=True, slots=True)
class ConstantValue:
    """The same value everywhere."""

    value: object


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A tuple of such."""

    items: tuple[Binding, ...]


Binding = ConstantValue | Formula[int] | TupleOf
"""What is in a hole."""


def expression(binding: Binding, names: Sequence[str]) -> Expr:
    """The text of a binding.

    Args:
        names: of the arguments.
    """
    match binding:
        case ConstantValue(value):
            return literal(value)
        case TupleOf(items):
            return Listing(tuple(expression(item, names) for item in items))
        case Formula(base, factor, divisor, offset, unit, share):
            times = f"{factor} * " if factor > 1 else ""
            over = f" // {divisor}" if divisor > 1 else ""
            grown = Offset(f"{times}{names[base]}{over}", str(offset), "" if unit is None else names[unit])
            return grown if share == 1 else f"({grown}) // {share}"


def in_terms_of(binding: Binding, outer: Sequence[Binding]) -> Binding:
    """A binding of a sequence in the class that has the sequence in it, where its arguments are ``outer``."""
    match binding:
        case Formula(base, offset=offset):
            return increased(outer[base], offset)
        case TupleOf(items):
            return TupleOf(tuple(in_terms_of(item, outer) for item in items))
    return binding


def increased(count: Binding, number: int) -> Binding:
    """The number of rounds and so many more."""
    match count:
        case _ if number == 0:
            return count
        case ConstantValue(int(value)):
            return ConstantValue(value + number)
        case Formula(unit=None, share=1):
            return replace(count, offset=count.offset + number)
    raise TypeError(f"{count} is no number of rounds")


@dataclass(frozen=True)
class Constructor:
    """The arguments of a class, in order, and what is in its holes in terms of them.

    Attributes:
        bindings: by the kind and number of the hole, each with a name that is empty for a "literal", "slot" or "count".
            For "options" they are the keyword arguments that are set; for a "child" the arguments of that module's
            own constructor, or the module where that is an argument itself.
    """

    arguments: tuple[ConstructorArgument, ...]
    bindings: Mapping[tuple[str, int], Sequence[tuple[str, Binding]]]

    @property
    def names(self) -> list[str]:
        return [argument.name for argument in self.arguments]

    def binding(self, hole: Hole) -> Binding:
        """The only one of a hole."""
        ((_, binding),) = self.bindings[hole.kind, hole.index]
        return binding


def constructors(families: list[ModuleClass], reserved: Iterable[str]) -> list[Constructor]:
    """The constructor of each class; no argument has one of the ``reserved`` names."""
    never = frozenset(("i", *reserved))

    @cache  # a class may use one that comes after it, where that is of a module that is an argument
    def constructor(number: int) -> Constructor:
        family = families[number]
        columns = _Columns(family, constructor)
        if family.is_sequence:
            return columns.constructor(columns.varying, [Formula(index) for index in range(len(columns.varying))])
        return columns.constructor(*Arguments(family, columns.varying, never).chosen())

    return list(map(constructor, range(len(families))))


class _Columns:
    """The holes of a class as columns: the values of each by the number of the instance, where they vary."""

    def __init__(self, family: ModuleClass, constructor_of: Callable[[int], Constructor]) -> None:
        self._family = family
        self._constructor_of = constructor_of
        self.varying: list[ConstructorArgument] = []
        self._inner = _inner_holes(family)
        self._numbers: set[str] = set()
        read = {
            "literal": self._literal,
            "slot": self._literal,
            "options": self._keywords,
            "child": self._arguments,
            "count": self._count,
        }
        holes = (hole for hole in family.body.holes if hole.kind in read)
        self._bindings = {(hole.kind, hole.index): list(read[hole.kind](hole)) for hole in holes}

    def constructor(self, arguments: Iterable[ConstructorArgument], bindings: Sequence[Binding]) -> Constructor:
        """With the varying columns in terms of the arguments."""
        filled = {
            hole: [(name, in_terms_of(binding, bindings)) for name, binding in named]
            for hole, named in self._bindings.items()
        }
        return Constructor(tuple(arguments), filled)

    def _literal(self, hole: Hole) -> Iterator[tuple[str, Binding]]:
        fillings = [instance.fillings[hole.index] for instance in self._family.instances]
        literals = [filling for filling in fillings if isinstance(filling, Literal)]
        name, values = literals[0].name, tuple(each.value for each in literals)
        by_position = name in CHANNELS and not isinstance(values[0], Layer)
        yield "", self._binding(hole, ConstructorArgument(name, NOTHING, by_position, values, name))

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
            yield name, self._binding(hole, ConstructorArgument(name, default, False, values, name))

    def _arguments(self, hole: Hole) -> Iterator[tuple[str, Binding]]:
        children = [instance.children[hole.index] for instance in self._family.instances]
        arguments = [self._constructor_of(child.family).arguments for child in children]
        rows = [
            tuple(argument.values[child.number] for argument in each)
            for child, each in zip(children, arguments, strict=True)
        ]
        if hole.index in self._family.module_arguments:
            modules = tuple(ModuleValue(child.family, row) for child, row in zip(children, rows, strict=True))
            parts = (part for declaration in self._family.body.declarations for part in declaration.parts)
            label = next(labels[-1] for labels, expr in parts if expr == hole)
            yield label, self._binding(hole, ConstructorArgument(label, NOTHING, False, modules, label))
            return
        for argument, *values in zip(arguments[0], *rows, strict=True):
            yield argument.name, self._binding(hole, replace(argument, values=tuple(values)))

    def _count(self, hole: Hole) -> Iterator[tuple[str, Binding]]:
        """How many rounds: all of them, which is what people count, or the block's own number."""
        instances = self._family.instances
        counts = [instance.counts[hole.index] for instance in instances]
        if len({*counts}) == 1:
            yield "", ConstantValue(counts[0])
            return
        # The numbered modules besides, where all but these are the same in every use.
        numbered = [d.count for d in self._family.body.declarations if d.number is not None]
        rounds = [{1} if count is None else {i.counts[count.index] for i in instances} for count in numbered]
        fixed = [min(each) for each in rounds if len(each) == 1]
        total = tuple(count + sum(fixed if len(fixed) == len(rounds) - 1 else ()) for count in counts)
        # A parameter of the block that is this number, or one more or less. A stride is no number of rounds.
        others = _COMPUTED | {column.name for column in self.varying} - self._numbers
        own = [(name, values) for name, values in block_arguments(self._family).items() if name not in others]
        totals = [tuple(count + more for count in total) for more in (0, 1, -1)]
        fitting = [(n, values) for each in totals for n, values in own if are_counts(values) and values == each]
        name, values = next(iter(fitting), ("depth", total))
        self._numbers.add(name)
        self.varying.append(ConstructorArgument(name, NOTHING, False, values, name))
        yield "", Formula(len(self.varying) - 1, offset=counts[0] - values[0])

    def _binding(self, hole: Hole, column: ConstructorArgument) -> Binding:
        values = column.values
        if len(set(map(repr, values))) == 1:
            return ConstantValue(values[0])
        tuples = [value for value in values if isinstance(value, tuple)]
        if len(tuples) == len(values) and len({*map(len, tuples)}) == 1:
            parts = list(zip(*tuples, strict=True))
            if sum(len({*map(repr, part)}) > 1 for part in parts) == 1:  # (c, 1, 1)
                return TupleOf(tuple(self._binding(hole, replace(column, values=part)) for part in parts))
        is_inner = (hole.kind, hole.index) in self._inner and column.name in _OF_AN_INPUT
        self.varying.append(replace(column, is_inner=is_inner))
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
