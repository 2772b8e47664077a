"""What the uses of a class differ in becomes the arguments of its constructor.

All uses of a class have the same holes for numbers and the like. A hole with one value everywhere is that
value; the others are arguments, and those that always agree are one argument (``c``) or told from one
(``4 * c``). Arguments go by the name that the block of the spec has for them, else by PyTorch's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from specc.backends.torch.classes import Family
from specc.backends.torch.layout import Expr, Listing
from specc.backends.torch.names import free
from specc.backends.torch.steps import CHANNELS, NOTHING, Hint, Literal, Options, literal

_LARGEST_FACTOR = 32
"""``4 * c`` is how the author thought of it; 57 * c is a coincidence."""


@dataclass(frozen=True, slots=True)
class Known:
    """The same value everywhere."""

    value: object


@dataclass(frozen=True, slots=True)
class Told:
    """The constructor's argument ``index``, times ``factor``, over ``divisor``; one of the two is 1."""

    index: int
    factor: int = 1
    divisor: int = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """A tuple of such."""

    items: tuple[Meaning, ...]


Meaning = Known | Told | Parts


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a constructor, or what a sequence leaves open to whatever holds it.

    Attributes:
        hint: its name and default.
        by_position: how it is passed.
        values: by the number of the instance.
    """

    hint: Hint
    by_position: bool
    values: tuple[object, ...]

    @property
    def annotation(self) -> str:
        kinds = {_kind(value) for value in self.values}
        return " | ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))


@dataclass(frozen=True)
class Constructor:
    """The arguments of a class, in order, and what they mean for its holes.

    Attributes:
        literals: by the number of the "literal" hole.
        options: by the number of the "options" hole: the keyword arguments that are written.
        children: by the number of the "child" hole: the arguments of that module's own constructor.
    """

    arguments: tuple[Argument, ...]
    literals: dict[int, Meaning]
    options: dict[int, tuple[tuple[str, Meaning], ...]]
    children: dict[int, tuple[Meaning, ...]]

    @property
    def names(self) -> list[str]:
        return [argument.hint.name for argument in self.arguments]


def constructors(families: list[Family], reserved: Iterable[str]) -> list[Constructor]:
    """The constructor of each class; no argument has one of the ``reserved`` names."""
    made: list[Constructor] = []
    never = frozenset(("i", *reserved))
    for family in families:
        columns = _Columns(family, made)
        if family.is_sequence:
            made.append(columns.constructor(tuple(columns.varying), list(map(Told, range(len(columns.varying))))))
        else:
            made.append(columns.constructor(*_named(family, columns.varying, never)))
    return made


def shown(meaning: Meaning, names: Sequence[str]) -> Expr:
    """The text of what stands in a hole."""
    match meaning:
        case Known(value):
            return literal(value)
        case Parts(items):
            return Listing(tuple(shown(item, names) for item in items))
        case Told(index, factor, divisor):
            times = f"{factor} * " if factor > 1 else ""
            over = f" // {divisor}" if divisor > 1 else ""
            return f"{times}{names[index]}{over}"


def in_terms_of(meaning: Meaning, outer: Sequence[Meaning]) -> Meaning:
    """The meaning of a sequence's hole where the sequence stands, ``outer`` being that of its arguments."""
    match meaning:
        case Told(index):
            return outer[index]
        case Parts(items):
            return Parts(tuple(in_terms_of(item, outer) for item in items))
    return meaning


class _Columns:
    """The holes of a class as columns: the values of each by the number of the instance, where they vary."""

    def __init__(self, family: Family, made: list[Constructor]) -> None:
        self._instances = family.instances
        self._made = made
        self.varying: list[Argument] = []
        self._literals: dict[int, Meaning] = {}
        self._options: dict[int, tuple[tuple[str, Meaning], ...]] = {}
        self._children: dict[int, tuple[Meaning, ...]] = {}
        for hole in family.body.holes:
            match hole.kind:
                case "literal":
                    self._literals[hole.index] = self._literal(hole.index)
                case "options":
                    self._options[hole.index] = tuple(self._named_options(hole.index))
                case "child":
                    self._children[hole.index] = tuple(self._arguments(hole.index))

    def constructor(self, arguments: tuple[Argument, ...], meanings: Sequence[Meaning]) -> Constructor:
        """With the varying columns in terms of the arguments."""
        return Constructor(
            arguments,
            {hole: in_terms_of(meaning, meanings) for hole, meaning in self._literals.items()},
            {hole: tuple((n, in_terms_of(m, meanings)) for n, m in named) for hole, named in self._options.items()},
            {hole: tuple(in_terms_of(m, meanings) for m in inner) for hole, inner in self._children.items()},
        )

    def _literal(self, hole: int) -> Meaning:
        noted = [instance.noted[hole] for instance in self._instances]
        literals = [entry for entry in noted if isinstance(entry, Literal)]
        hint = literals[0].hint
        return self._meaning(hint, hint.name in CHANNELS, tuple(entry.value for entry in literals))

    def _named_options(self, hole: int) -> Iterator[tuple[str, Meaning]]:
        """Every option that some instance sets; the others have it at its default."""
        noted = [instance.noted[hole] for instance in self._instances]
        options = [entry for entry in noted if isinstance(entry, Options)]
        defaults = options[0].defaults
        order = {name: place for place, name in enumerate(defaults)}
        names = dict.fromkeys(name for entry in options for name in entry.values)
        if any(names.keys() != entry.values.keys() for entry in options):
            names = dict.fromkeys(sorted(names, key=lambda name: order.get(name, -1)))
        for name in names:
            default = defaults.get(name, NOTHING)
            values = tuple(entry.values.get(name, default) for entry in options)
            yield name, self._meaning(Hint(name, default), False, values)

    def _arguments(self, hole: int) -> Iterator[Meaning]:
        children = [instance.children[hole] for instance in self._instances]
        for argument in self._made[children[0].family].arguments:
            values = tuple(argument.values[child.number] for child in children)
            yield self._meaning(argument.hint, argument.by_position, values)

    def _meaning(self, hint: Hint, by_position: bool, values: tuple[object, ...]) -> Meaning:
        if len(values) == 1 or len(set(map(repr, values))) == 1:
            return Known(values[0])
        tuples = [value for value in values if isinstance(value, tuple)]
        if len(tuples) == len(values) and _differ_in_one(tuples):
            return Parts(tuple(self._meaning(hint, by_position, part) for part in zip(*tuples, strict=True)))
        self.varying.append(Argument(hint, by_position, values))
        return Told(len(self.varying) - 1)


def _differ_in_one(tuples: list[tuple[object, ...]]) -> bool:
    """Whether they differ in at most one place: ``(c, 1, 1)``."""
    if len({len(value) for value in tuples}) > 1:
        return False
    return sum(len(set(map(repr, part))) > 1 for part in zip(*tuples, strict=True)) <= 1


_Key = tuple[str, tuple[str, ...]]
"""What arguments that are one have in common: their kind, and their values to the last bit and type."""


def _named(
    family: Family, varying: list[Argument], reserved: frozenset[str]
) -> tuple[tuple[Argument, ...], Sequence[Meaning]]:
    """The arguments of a class, and the varying columns in terms of them."""
    keys = _keys(varying)
    groups: dict[_Key, list[Argument]] = {}
    for key, column in zip(keys, varying, strict=True):
        groups.setdefault(key, []).append(column)
    claimed = _claimed(groups, _block_arguments(family))
    told = _told(groups, claimed)
    own = {key: columns for key, columns in groups.items() if told[key][0] == key}
    given_out = [key for key, column in zip(keys, varying, strict=True) if column.hint.name.startswith("out_")]
    arguments = _arguments(own, claimed, reserved, told[given_out[-1]][0] if given_out else None)
    place = {key: index for index, (key, _) in enumerate(arguments)}
    meanings = [Told(place[base], factor, divisor) for base, factor, divisor in (told[key] for key in keys)]
    return tuple(argument for _, argument in arguments), meanings


def _keys(varying: list[Argument]) -> list[_Key]:
    texts = [tuple(map(repr, column.values)) for column in varying]
    channels = {text for column, text in zip(varying, texts, strict=True) if column.by_position}
    kinds = [
        # A depthwise convolution has as many groups as channels; the second half starts where the first one ends.
        "channels" if c.by_position or (c.hint.name in ("groups", "start") and text in channels) else c.hint.name
        for c, text in zip(varying, texts, strict=True)
    ]
    return list(zip(kinds, texts, strict=True))


def _block_arguments(family: Family) -> dict[str, tuple[str, ...]]:
    """The values of the block's own arguments, where every instance has them."""
    given = [dict(instance.use.block.arguments) if instance.use.block else {} for instance in family.instances]
    names = [name for name in given[0] if all(name in other for other in given)]
    return {name: tuple(repr(other[name]) for other in given) for name in names}


def _claimed(groups: Iterable[_Key], arguments: dict[str, tuple[str, ...]]) -> dict[_Key, str]:
    """Which columns are an argument of the block, in the block's order: by name if it can be, else by value.

    An argument is of one kind only: that a padding happens to equal the stride means nothing.
    """
    found = {name: (name, texts) for name, texts in arguments.items() if (name, texts) in groups}
    for key in groups:
        same = (name for name, texts in arguments.items() if texts == key[1] and name not in found)
        name = next(same, None)
        if name is not None and key not in found.values():
            found[name] = key
    return {found[name]: name for name in arguments if name in found}


_Relation = tuple[_Key, int, int]


def _told(groups: dict[_Key, list[Argument]], claimed: Container[_Key]) -> dict[_Key, _Relation]:
    """Each group as a multiple or a fraction of one that is an argument, itself where it is one."""
    told: dict[_Key, _Relation] = {}
    bases: dict[tuple[int, ...], list[tuple[_Key, int]]] = {}
    for key in sorted(groups, key=lambda key: key not in claimed):
        told[key] = (key, 1, 1)
        ratio = _ratio(groups[key][0].values) if key[0] == "channels" else None
        if ratio is None:
            continue
        alike = bases.setdefault(ratio[0], [])
        relation = None if key in claimed else _relation(ratio[1], alike)
        if relation:
            told[key] = relation
        else:
            alike.append((key, ratio[1]))
    return told


def _ratio(values: tuple[object, ...]) -> tuple[tuple[int, ...], int] | None:
    """Whole numbers above 0 as their smallest proportion, and what times that they are."""
    numbers = [value for value in values if type(value) is int and value > 0]
    if len(numbers) < len(values):
        return None
    unit = gcd(*numbers)
    return tuple(number // unit for number in numbers), unit


def _relation(unit: int, alike: list[tuple[_Key, int]]) -> _Relation | None:
    for key, base in alike:
        if unit % base == 0 and unit // base <= _LARGEST_FACTOR:
            return key, unit // base, 1
        if base % unit == 0 and base // unit <= _LARGEST_FACTOR:
            return key, 1, base // unit
    return None


def _arguments(
    own: dict[_Key, list[Argument]], claimed: dict[_Key, str], reserved: frozenset[str], result: _Key | None
) -> list[tuple[_Key, Argument]]:
    """The arguments in order: channels first, what comes in before the block's own; those with a default last.

    Args:
        result: which of them the last layer's channels are.
    """
    names = _names(own, claimed, reserved, result)
    arguments = [
        (key, Argument(Hint(name, _default(own[key])), key[0] == "channels", own[key][0].values))
        for key, name in names.items()
    ]
    by_position = [(key, argument) for key, argument in arguments if argument.by_position]
    by_name = [(key, argument) for key, argument in arguments if not argument.by_position]
    by_name.sort(key=lambda item: (item[1].hint.default is not NOTHING, item[0] not in claimed))
    return by_position + by_name


def _names(
    own: dict[_Key, list[Argument]], claimed: dict[_Key, str], reserved: frozenset[str], result: _Key | None
) -> dict[_Key, str]:
    """A name for each argument: first those that PyTorch names, then the block's own."""
    blocks: dict[_Key, str] = {}
    for key in (key for key in claimed if key in own):
        blocks[key] = _unlike(claimed[key], blocks.values(), reserved)
    taken, used = {*blocks.values()}, Counter[str]()
    names: dict[_Key, str] = {}
    for key in (key for key in own if key not in blocks):
        wanted = _wanted([column.hint.name for column in own[key]], used, key == result)
        used[wanted] += 1
        names[key] = _unlike(wanted if used[wanted] == 1 else f"{wanted}{used[wanted]}", taken, reserved)
        taken.add(names[key])
    return names | blocks


def _wanted(hints: list[str], used: Container[str], is_result: bool) -> str:
    """The first of ``in_channels``, ``out_channels`` … that fits; ``mid_channels`` between two layers."""
    taken_in = next((hint for hint in hints if hint.startswith("in_")), None)
    given_out = next((hint for hint in hints if hint.startswith("out_")), None)
    if taken_in is not None and taken_in not in used:
        return taken_in
    if taken_in is not None and given_out is not None and not is_result:
        return given_out.replace("out_", "mid_")
    return given_out or hints[0]


def _unlike(name: str, taken: Collection[str], reserved: frozenset[str]) -> str:
    name = free(name, taken)
    return name if name not in reserved else _unlike(f"{name}_", taken, reserved)


def _default(columns: list[Argument]) -> object:
    """The default that all share and some instance has."""
    first = columns[0]
    shared = {repr(column.hint.default) for column in columns}
    has_it = any(repr(value) == repr(first.hint.default) for value in first.values)
    return first.hint.default if len(shared) == 1 and has_it else NOTHING


def _kind(value: object) -> str:
    """The type as an annotation."""
    if isinstance(value, tuple):
        inner = sorted({_kind(part) for part in value})
        return f"tuple[{' | '.join(inner)}, ...]" if inner else "tuple[()]"
    return "None" if value is None else type(value).__name__
