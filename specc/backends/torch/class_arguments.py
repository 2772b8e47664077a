"""The arguments of a class, and the others in terms of them: ``4 * c``, ``in_channels // 2 + 3 * growth``, ``k // 2``.

A block computes its numbers from its arguments and its input, and the graph has nothing but the results. So a formula
is looked for that holds in every use, among those that people write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeGuard, TypeVar

from specc.backends.torch.class_code import ModuleClass
from specc.backends.torch.python_names import free
from specc.backends.torch.step_code import CHANNELS, NOTHING, Layer

Term = TypeVar("Term")

Key = tuple[str, tuple[str, ...]]
"""What columns that are one argument have in common: their kind, and their values to the last bit and type."""

Counts = tuple[int, ...]
"""Positive whole numbers, one for each use."""

_OF_A_LAYER = frozenset("in_channels out_channels in_features out_features num_features num_channels".split())
"""PyTorch's names of a layer's ends, which are not those of the block."""

_INNER = "inner channels"
"""The kind of an argument that counts the channels of a layer's input which is not the block's."""

_FACTORS = (*range(2, 9), 16, 32)
"""``4 * c`` is how the author thought of it; 57 * c is a coincidence."""

_SCALES = ((1, 1), (1, 2), (1, 4), (2, 1), (4, 1))
"""Factors and divisors of what grows: after a halving the channels start from half."""

_SHARES = (2, 4)
"""A transition of a dense network halves all that has grown."""


@dataclass(frozen=True, slots=True)
class Formula(Generic[Term]):
    """``(factor * base // divisor + offset * unit) // share``; without a unit, ``offset`` is the number itself.

    A term is the `Key` of an argument while arguments are looked for, and its index in the constructor afterwards.
    """

    base: Term
    factor: int = 1
    divisor: int = 1
    offset: int = 0
    unit: Term | None = None
    share: int = 1

    @property
    def terms(self) -> tuple[Term, ...]:
        return (self.base,) if self.unit is None else (self.base, self.unit)


@dataclass(frozen=True, slots=True)
class ModuleValue:
    """A module of the class ``family``, by the values of its constructor's arguments."""

    family: int
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class ConstructorArgument:
    """An argument of a constructor, or a column that a sequence leaves open to the class that has it in it.

    Attributes:
        default: `NOTHING` if it has none.
        by_position: how it is passed.
        values: by the number of the instance.
        layer_name: what it is called by the layer that it is for, whatever the classes on the way do.
        is_inner: whether it counts the channels of a layer's input that is not the block's.
    """

    name: str
    default: object
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


def are_counts(values: tuple[object, ...]) -> TypeGuard[Counts]:
    return all(type(value) is int and value > 0 for value in values)


class Bases:
    """The arguments that channels may be computed from, with their values in every use.

    Args:
        values: the block's own arguments, those that count channels first; then the channels of its input.
        entry: which one is that of the input.
        counted: all numbers of channels in the block, as text.
    """

    def __init__(self, values: Mapping[Key, Counts], entry: Key, counted: set[tuple[str, ...]]) -> None:
        self._values = values
        self._counted = counted
        self._growing = sorted((key for key in values if len({*key[1]}) > 1), key=lambda key: key != entry)
        self._multiples: dict[int, list[Formula[Key]]] = {}
        for key, (first, *_) in values.items():
            for factor in _FACTORS:
                self._multiples.setdefault(factor * first, []).append(Formula(key, factor))
                self._multiples.setdefault(first // factor, []).append(Formula(key, 1, factor))

    def multiple(self, values: Counts, *, without: Key | None = None, is_whole: bool = False) -> Formula[Key] | None:
        """The first small multiple or fraction of a base that the values are; rather one that leaves no rest.

        Args:
            without: a base that is not looked at.
            is_whole: no fraction.
        """
        fitting = [
            formula
            for formula in self._multiples.get(values[0], ())
            if formula.base != without
            and not (is_whole and formula.divisor > 1)
            and values == tuple(formula.factor * n // formula.divisor for n in self._values[formula.base])
        ]
        return min(fitting, key=lambda formula: not self._is_exact(formula), default=None)

    def share(self, values: Counts) -> Formula[Key] | None:
        """The first small multiple or fraction that leaves no rest: groups have so many channels each."""
        formula = self.multiple(values)
        return formula if formula and self._is_exact(formula) else None

    def _is_exact(self, formula: Formula[Key]) -> bool:
        return all(number % formula.divisor == 0 for number in self._values[formula.base])

    def sum(self, values: Counts) -> Formula[Key] | None:
        """The values as a base, or a part of it, and what has been added in every use alike."""
        for share in _SHARES:
            total = tuple(share * number for number in values)
            if tuple(map(repr, total)) in self._counted and (formula := next(self._grown(total, (1, 1)), None)):
                return replace(formula, share=share)
        return next((formula for scale in _SCALES for formula in self._grown(values, scale)), None)

    def _grown(self, values: Counts, scale: tuple[int, int]) -> Iterator[Formula[Key]]:
        """The values as a base, scaled so, and what has been added: one number, or so many times another argument."""
        factor, divisor = scale
        for key in self._growing:
            added = [value - factor * n // divisor for value, n in zip(values, self._values[key], strict=True)]
            if added[0] and len({*added}) == 1:
                yield Formula(key, factor, divisor, added[0])
            for unit in self._growing:
                numbers = self._values[unit]
                times = added[0] // numbers[0]
                if unit != key and times and added == [times * number for number in numbers]:
                    yield Formula(key, factor, divisor, times, unit)


def block_arguments(family: ModuleClass) -> dict[str, tuple[object, ...]]:
    """The values of the block's own arguments, where every instance has them."""
    rows = [dict(instance.use.block.arguments) if instance.use.block else {} for instance in family.instances]
    return {name: tuple(row[name] for row in rows) for name in rows[0] if all(name in row for row in rows)}


def _texts(values: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(map(repr, values))


def _channels(values: tuple[object, ...]) -> Key:
    return "channels", _texts(values)


class Arguments:
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
        own = block_arguments(family)
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

    def chosen(self) -> tuple[list[ConstructorArgument], list[Formula[int]]]:
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
            return True, argument.default is not NOTHING, key not in self._is_own

        arguments = dict(sorted(arguments.items(), key=order))
        place = {key: index for index, key in enumerate(arguments)}
        bindings: list[Formula[int]] = []
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
        return column.layer_name if of_channels else column.name, text

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
            for other, (column, *_) in self._groups.items():  # k // 2
                pairs = zip(column.values, values, strict=True)
                if other[0] == "kernel_size" and all(type(k) is int and k // 2 == value for k, value in pairs):
                    return Formula(other, divisor=2)
            return itself
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
            hints = [column.name for column in columns[key]]
            name = self._channel_name(key, hints) if key[0] == "channels" else hints[0]
            times[name] += 1
            numbered = name if times[name] == 1 else f"{name}{times[name]}"
            names[key] = self._free(numbered, (*own.values(), *names.values()))
        return names | own

    def _channel_name(self, key: Key, hints: list[str]) -> str:
        """``in_channels`` and ``out_channels`` where they are the block's; ``mid_channels`` from layer to layer."""
        end = "in" if key == self._input else "out" if key == self._output else ""
        ends = [hint.split("_") for hint in hints if hint in _OF_A_LAYER and hint.startswith(("in_", "out_"))]
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
            return ConstructorArgument(name, NOTHING, by_position, self._bases[key], name)
        # The default, where all have the same one and some instance has it.
        first, default = columns[0], columns[0].default
        is_shared = {repr(column.default) for column in columns} == {repr(default)}
        default = default if is_shared and repr(default) in _texts(first.values) else NOTHING
        return ConstructorArgument(name, default, by_position, first.values, first.layer_name)
