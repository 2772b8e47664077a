"""What the uses of a class differ in becomes the arguments of its constructor.

All uses of a class have the same holes for numbers and the like. A hole with one value everywhere is that
value; the others are arguments, and those that always agree are one argument. What is a parameter of the
block goes by its name (``c``); what the block takes is ``in_channels``; a small multiple or fraction of these
is told from them (``4 * c``). The rest go by PyTorch's names, as far as those are true of the whole block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from specc.backends.torch.class_code import IN_TURN
from specc.backends.torch.classes import Instance, ModuleClass
from specc.backends.torch.formulas import Bases, Counts, Formula, Key, are_counts, half
from specc.backends.torch.python import Expr, Hole, Listing, Offset, PythonCall, holes
from specc.backends.torch.python_names import free
from specc.backends.torch.step_code import CHANNELS, NOTHING, Hint, Layer, Literal, Options, literal

_OF_A_LAYER = frozenset("in_channels out_channels in_features out_features num_features num_channels".split())
"""PyTorch's names that would be taken for the whole block's."""

_TAKEN = frozenset("in_channels in_features num_features num_channels normalized_shape".split())
"""Arguments that count the channels of what a layer takes."""

_INNER = "inner channels"
"""The kind of such an argument where the layer takes another value than the block's input."""

_MEANT = CHANNELS | {"kernel_size", "padding", "start", "groups"}
"""Names of arguments for which formulas are looked for."""

_ENDS = frozenset(name for name in _OF_A_LAYER if name.startswith(("in_", "out_")))


@dataclass(frozen=True, slots=True)
class ConstantValue:
    """The same value everywhere."""

    value: object


@dataclass(frozen=True, slots=True)
class ArgumentFormula:
    """A `Formula` of the constructor's arguments, each by its index."""

    index: int
    factor: int = 1
    divisor: int = 1
    offset: int = 0
    unit: int | None = None
    share: int = 1

    @property
    def indices(self) -> tuple[int, ...]:
        """The arguments that it speaks of."""
        return (self.index,) if self.unit is None else (self.index, self.unit)


@dataclass(frozen=True, slots=True)
class ModuleValue:
    """A module of the class ``family``, by the values of its constructor's arguments."""

    family: int
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A tuple of such."""

    items: tuple[Meaning, ...]


Meaning = ConstantValue | ArgumentFormula | TupleOf


@dataclass(frozen=True, slots=True)
class ConstructorArgument:
    """An argument of a constructor, or what a sequence leaves open to whatever holds it.

    Attributes:
        hint: its name and default.
        by_position: how it is passed.
        values: by the number of the instance.
        meant: what the layer calls it that it is for, whatever the classes on the way do.
        is_inner: whether it counts the channels that a layer takes of something else than the block's input.
    """

    hint: Hint
    by_position: bool
    values: tuple[object, ...]
    meant: str
    is_inner: bool = False

    @property
    def annotation(self) -> str:
        kinds = {_kind(value) for value in self.values}
        return " | ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))


@dataclass(frozen=True)
class Constructor:
    """The arguments of a class, in order, and what they mean for its holes.

    Attributes:
        literals: by the number of the "literal" or "slot" hole.
        options: by the number of the "options" hole: the keyword arguments that are written.
        children: by the number of the "child" hole: the arguments of that module's own constructor; for one that is
            handed in, the module.
        counts: by the number of the "count" hole.
    """

    arguments: tuple[ConstructorArgument, ...]
    literals: dict[int, Meaning]
    options: dict[int, tuple[tuple[str, Meaning], ...]]
    children: dict[int, tuple[Meaning, ...]]
    counts: dict[int, Meaning]

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
            arguments = tuple(columns.varying)
            made[number] = columns.constructor(arguments, list(map(ArgumentFormula, range(len(arguments)))))
        else:
            made[number] = columns.constructor(*_named(family, columns.varying, never))

    for number in range(len(families)):
        if number not in made:
            make(number)
    return [made[number] for number in range(len(families))]


def shown(meaning: Meaning, names: Sequence[str]) -> Expr:
    """The text of what stands in a hole."""
    match meaning:
        case ConstantValue(value):
            return literal(value)
        case TupleOf(items):
            return Listing(tuple(shown(item, names) for item in items))
        case ArgumentFormula(index, factor, divisor, offset, unit, share):
            times = f"{factor} * " if factor > 1 else ""
            over = f" // {divisor}" if divisor > 1 else ""
            grown = Offset(f"{times}{names[index]}{over}", str(offset), "" if unit is None else names[unit])
            return grown if share == 1 else f"({grown}) // {share}"


def in_terms_of(meaning: Meaning, outer: Sequence[Meaning]) -> Meaning:
    """The meaning of a sequence's hole where the sequence stands, ``outer`` being that of its arguments."""
    match meaning:
        case ArgumentFormula(index, offset=offset):
            return more(outer[index], offset)
        case TupleOf(items):
            return TupleOf(tuple(in_terms_of(item, outer) for item in items))
    return meaning


def more(count: Meaning, number: int) -> Meaning:
    """So many more than that."""
    match count:
        case _ if number == 0:
            return count
        case ConstantValue(int(value)):
            return ConstantValue(value + number)
        case ArgumentFormula(unit=None, share=1):
            return replace(count, offset=count.offset + number)
    raise TypeError(f"{count} is no number of rounds")


class _Columns:
    """The holes of a class as columns: the values of each by the number of the instance, where they vary."""

    def __init__(self, family: ModuleClass, made: Mapping[int, Constructor]) -> None:
        self._instances = family.instances
        self._made = made
        self.varying: list[ConstructorArgument] = []
        self._literals: dict[int, Meaning] = {}
        self._options: dict[int, tuple[tuple[str, Meaning], ...]] = {}
        self._children: dict[int, tuple[Meaning, ...]] = {}
        self._counts: dict[int, Meaning] = {}
        self._given = _block_arguments(family)
        self._numbers: set[str] = set()
        inner = _on_inner_values(family)
        self._handed = family.handed
        parts = [(made, labels[-1]) for d in family.body.declarations for labels, made in d.parts]
        labels = {made.index: label for made, label in parts if isinstance(made, Hole) and made.kind == "child"}
        others = _other_rounds(family)
        for hole in family.body.holes:
            self._is_inner = (hole.kind, hole.index) in inner
            match hole.kind:
                case "literal" | "slot":
                    self._literals[hole.index] = self._literal(hole.index)
                case "options":
                    self._options[hole.index] = tuple(self._named_options(hole.index))
                case "child":
                    self._children[hole.index] = tuple(self._arguments(hole.index, labels[hole.index]))
                case "count":
                    self._counts[hole.index] = self._count(hole.index, others)

    def constructor(self, arguments: tuple[ConstructorArgument, ...], meanings: Sequence[Meaning]) -> Constructor:
        """With the varying columns in terms of the arguments."""
        return Constructor(
            arguments,
            {hole: in_terms_of(meaning, meanings) for hole, meaning in self._literals.items()},
            {hole: tuple((n, in_terms_of(m, meanings)) for n, m in named) for hole, named in self._options.items()},
            {hole: tuple(in_terms_of(m, meanings) for m in inner) for hole, inner in self._children.items()},
            {hole: in_terms_of(meaning, meanings) for hole, meaning in self._counts.items()},
        )

    def _literal(self, hole: int) -> Meaning:
        noted = [instance.noted[hole] for instance in self._instances]
        literals = [entry for entry in noted if isinstance(entry, Literal)]
        hint = literals[0].hint
        values = tuple(entry.value for entry in literals)
        return self._meaning(hint, hint.name in CHANNELS and not isinstance(values[0], Layer), values)

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

    def _arguments(self, hole: int, label: str) -> Iterator[Meaning]:
        children = [instance.children[hole] for instance in self._instances]
        if hole in self._handed:
            yield self._meaning(Hint(label), False, tuple(self._built(child) for child in children))
            return
        for argument in self._made[children[0].family].arguments:
            values = tuple(argument.values[child.number] for child in children)
            yield self._meaning(argument.hint, argument.by_position, values, argument.meant)

    def _count(self, hole: int, others: int) -> Meaning:
        """How many rounds: told from all that there are, which is what people count, or from the block's own number.

        Args:
            others: how many rounds there are besides those whose number varies.
        """
        counts = [instance.counts[hole] for instance in self._instances]
        if len({*counts}) == 1:
            return ConstantValue(counts[0])
        whole = [count + others for count in counts]
        name, own = next(self._counted(whole), ("depth", tuple(whole)))
        self._numbers.add(name)
        self.varying.append(ConstructorArgument(Hint(name), False, own, name))
        return ArgumentFormula(len(self.varying) - 1, offset=counts[0] - own[0])

    def _counted(self, whole: list[int]) -> Iterator[tuple[str, Counts]]:
        """The arguments of the block that are the number of rounds, or one more or less."""
        others = (
            _MEANT | {column.hint.name for column in self.varying} - self._numbers
        )  # a stride is no number of rounds
        given = [(name, values) for name, values in self._given.items() if are_counts(values) and name not in others]
        for more_ in (0, 1, -1):
            yield from ((n, values) for n, values in given if [count + more_ for count in whole] == [*values])

    def _built(self, child: Instance) -> ModuleValue:
        arguments = self._made[child.family].arguments
        return ModuleValue(child.family, tuple(argument.values[child.number] for argument in arguments))

    def _meaning(self, hint: Hint, by_position: bool, values: tuple[object, ...], meant: str = "") -> Meaning:
        if len(values) == 1 or len(set(map(repr, values))) == 1:
            return ConstantValue(values[0])
        tuples = [value for value in values if isinstance(value, tuple)]
        if len(tuples) == len(values) and _differ_in_one(tuples):
            return TupleOf(tuple(self._meaning(hint, by_position, part, meant) for part in zip(*tuples, strict=True)))
        is_inner = self._is_inner and hint.name in _TAKEN
        self.varying.append(ConstructorArgument(hint, by_position, values, meant or hint.name, is_inner))
        return ArgumentFormula(len(self.varying) - 1)


def _other_rounds(family: ModuleClass) -> int:
    """How many of the numbered modules there are in every use alike; 0 where the numbers of several kinds vary."""
    rounds = [declaration for declaration in family.body.declarations if declaration.number is not None]
    counts = [
        {1} if d.count is None else {instance.counts[d.count.index] for instance in family.instances} for d in rounds
    ]
    varying = sum(len(each) > 1 for each in counts)
    return sum(min(each) for each in counts if len(each) == 1) if varying == 1 else 0


def _on_inner_values(family: ModuleClass) -> set[tuple[str, int]]:
    """The holes in the constructors of what is applied to other values than the block's own input.

    What a layer has given as many channels as the input has counts as the input, and what comes of such values alone.
    A concatenation of others does not: it has as many by chance.
    """
    body = family.body
    entries = {0} if body.inputs and not body.is_model else set()
    for line in body.statements:
        taken = [hole.index for hole in holes(line.expr) if hole.kind == "value"]
        if line.labels or _is_in_turn(line.expr) or (taken and entries.issuperset(taken)):
            entries.update(t for t in line.targets if all(i.channels[t] == i.takes for i in family.instances))
    applied: dict[tuple[str, ...], bool] = {}
    for line in body.statements:
        taken = [hole.index for hole in holes(line.expr) if hole.kind == "value"]
        if line.labels and taken:
            applied[line.labels] = applied.get(line.labels, False) or taken[0] in entries
        elif _is_in_turn(line.expr):  # only the first of a list takes the value itself
            first, *rest = (d.labels for d in body.declarations)
            applied |= {first: taken[0] in entries} | dict.fromkeys(rest, entries.issuperset(line.targets))
    inner = [made for d in body.declarations for labels, made in d.parts if applied.get(labels) is False]
    return {(hole.kind, hole.index) for made in inner for hole in holes(made)}


def _is_in_turn(expr: Expr) -> bool:
    return isinstance(expr, PythonCall) and expr.head == IN_TURN


def _differ_in_one(tuples: list[tuple[object, ...]]) -> bool:
    """Whether they differ in at most one place: ``(c, 1, 1)``."""
    if len({len(value) for value in tuples}) > 1:
        return False
    return sum(len(set(map(repr, part))) > 1 for part in zip(*tuples, strict=True)) <= 1


def _named(
    family: ModuleClass, varying: list[ConstructorArgument], reserved: frozenset[str]
) -> tuple[tuple[ConstructorArgument, ...], Sequence[Meaning]]:
    """The arguments of a class, and the varying columns in terms of them."""
    taken = tuple(instance.takes for instance in family.instances)
    entry = _channels(taken)
    keys = _keys(varying, entry)
    groups: dict[Key, list[ConstructorArgument]] = {}
    for key, column in zip(keys, varying, strict=True):
        groups.setdefault(key, []).append(column)
    given = _block_arguments(family)
    claimed = _claimed(groups, {name: _texts(values) for name, values in given.items()})
    numbers = _bases(given, claimed, taken)
    own = _own(given, claimed, numbers)
    bases = Bases(numbers, entry, {text for kind, text in groups if kind == "channels"})
    kernels = [(key, columns[0].values) for key, columns in groups.items() if key[0] == "kernel_size"]
    told = {key: _told(key, columns[0].values, bases, own, kernels) for key, columns in groups.items()}
    used = {key for formula in told.values() for key in formula.keys}
    columns_of = {key: groups.get(key, []) for key in (*numbers, *groups) if key in used}
    names = _names(columns_of, own, reserved, family)
    arguments = _arguments(names, columns_of, numbers, claimed)
    place = {key: index for index, (key, _) in enumerate(arguments)}
    meanings = [_meant(told[key], place) for key in keys]
    return tuple(argument for _, argument in arguments), meanings


def _meant(formula: Formula, place: dict[Key, int]) -> ArgumentFormula:
    unit = None if formula.unit is None else place[formula.unit]
    return ArgumentFormula(place[formula.base], formula.factor, formula.divisor, formula.offset, unit, formula.share)


def _texts(values: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(map(repr, values))


def _channels(values: tuple[object, ...]) -> Key:
    return "channels", _texts(values)


def _keys(varying: list[ConstructorArgument], taken: Key) -> list[Key]:
    texts = [_texts(column.values) for column in varying]
    channels = {text for column, text in zip(varying, texts, strict=True) if column.by_position}
    return [(_kind_of(column, text, channels, taken), text) for column, text in zip(varying, texts, strict=True)]


def _kind_of(column: ConstructorArgument, text: tuple[str, ...], channels: set[tuple[str, ...]], taken: Key) -> str:
    if column.is_inner and text == taken[1]:
        return _INNER
    # A depthwise convolution has as many groups as channels; the second half starts where the first one ends.
    of_channels = column.meant in ("groups", "start")
    if column.by_position or (of_channels and text in channels):
        return "channels"
    return column.meant if of_channels else column.hint.name


def _block_arguments(family: ModuleClass) -> dict[str, tuple[object, ...]]:
    """The values of the block's own arguments, where every instance has them."""
    given = [dict(instance.use.block.arguments) if instance.use.block else {} for instance in family.instances]
    names = [name for name in given[0] if all(name in other for other in given)]
    return {name: tuple(other[name] for other in given) for name in names}


def _claimed(groups: Iterable[Key], arguments: dict[str, tuple[str, ...]]) -> dict[Key, str]:
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


def _bases(
    given: dict[str, tuple[object, ...]], claimed: dict[Key, str], taken: tuple[object, ...]
) -> dict[Key, Counts]:
    """What channels may be told from, with its values: the block's own arguments, those that count channels first.

    Args:
        taken: the channels of the block's input; they come last.
    """
    counted = {name for key, name in claimed.items() if key[0] == "channels"}
    others = set(claimed.values()) - counted  # a stride is no number of channels
    names = sorted((name for name in given if name not in others), key=lambda name: name not in counted)
    bases = [values for values in (*(given[name] for name in names), taken) if are_counts(values)]
    return {_channels(values): values for values in bases}


def _own(given: dict[str, tuple[object, ...]], claimed: dict[Key, str], bases: Container[Key]) -> dict[Key, str]:
    """The block's names for its arguments, in its order."""
    found = {name: key for key, name in claimed.items()}
    own: dict[Key, str] = {}
    for name, values in given.items():
        key = found.get(name, _channels(values))
        if name in found or key in bases:
            own.setdefault(key, name)
    return own


def _told(
    key: Key,
    values: tuple[object, ...],
    bases: Bases,
    own: Container[Key],
    kernels: list[tuple[Key, tuple[object, ...]]],
) -> Formula:
    """A group as the first formula that holds in every instance; as itself where it is a base, or none does.

    Args:
        own: what is an argument of the block.
    """
    kind, texts = key
    plain = Formula(key)
    if key in bases or key in own:
        return plain
    if kind == "padding":
        return half(values, kernels) or plain
    if not are_counts(values):
        return plain
    same = ("channels", texts)
    if kind == _INNER:  # where the block says how many, its input has as many by chance
        return Formula(same) if same in own else bases.multiple(values, without=same) or Formula(same)
    if kind == "channels":
        return bases.multiple(values) or bases.sum(values) or plain
    if kind in ("groups", "start") and same in bases:
        return Formula(same)
    if kind == "groups":
        return bases.share(values) or plain
    if kind == "start":
        return bases.multiple(values, is_whole=True) or bases.multiple(values) or bases.sum(values) or plain
    return plain


def _arguments(
    names: dict[Key, str],
    columns: dict[Key, list[ConstructorArgument]],
    bases: Mapping[Key, Counts],
    claimed: Container[Key],
) -> list[tuple[Key, ConstructorArgument]]:
    """The arguments in order: channels first, what comes in before the block's own; those with a default last."""
    arguments = [
        (key, _argument(name, key[0] == "channels", columns[key], bases.get(key))) for key, name in names.items()
    ]
    by_position = [(key, argument) for key, argument in arguments if argument.by_position]
    by_name = [(key, argument) for key, argument in arguments if not argument.by_position]
    by_name.sort(key=lambda item: (item[1].hint.default is not NOTHING, item[0] not in claimed))
    return by_position + by_name


def _argument(
    name: str, by_position: bool, columns: list[ConstructorArgument], base: tuple[object, ...] | None
) -> ConstructorArgument:
    """One for all the columns; for none where it is only what others are told from."""
    values, meant = (columns[0].values, columns[0].meant) if columns else (base or (), name)
    return ConstructorArgument(Hint(name, _default(columns)), by_position, values, meant)


def _names(
    columns: dict[Key, list[ConstructorArgument]], own: dict[Key, str], reserved: frozenset[str], family: ModuleClass
) -> dict[Key, str]:
    """A name for each argument: first what comes in, then those that PyTorch names, then the block's own."""
    blocks: dict[Key, str] = {}
    for key in (key for key in own if key in columns):
        blocks[key] = _unlike(own[key], blocks.values(), reserved)
    taken_in = _channels(tuple(instance.takes for instance in family.instances))
    given_out = _channels(tuple(instance.gives for instance in family.instances))
    taken, used = {*blocks.values()}, Counter[str]()
    names: dict[Key, str] = {}
    for key in sorted((key for key in columns if key not in blocks), key=lambda key: key != taken_in):
        end = "in" if key == taken_in else "out" if key == given_out else ""
        hints = [column.hint.name for column in columns[key]]
        wanted = _wanted(hints, end) if key[0] == "channels" else hints[0]
        used[wanted] += 1
        names[key] = _unlike(wanted if used[wanted] == 1 else f"{wanted}{used[wanted]}", taken, reserved)
        taken.add(names[key])
    return names | blocks


def _wanted(hints: list[str], end: str) -> str:
    """``in_channels`` and ``out_channels`` where they are the block's; ``mid_channels`` from layer to layer.

    Args:
        end: "in" for what the block takes, "out" for what it gives.
    """
    ends = [hint.split("_") for hint in hints if hint in _ENDS]
    what = ends[0][1] if ends else "channels"
    if end or len({side for side, _ in ends}) == 2:
        return f"{end or 'mid'}_{what}"
    is_plain = hints[0] in CHANNELS and hints[0] not in _OF_A_LAYER
    return hints[0] if is_plain else what


def _unlike(name: str, taken: Collection[str], reserved: frozenset[str]) -> str:
    name = free(name, taken)
    return name if name not in reserved else _unlike(f"{name}_", taken, reserved)


def _default(columns: list[ConstructorArgument]) -> object:
    """The default that all share and some instance has."""
    if not columns:
        return NOTHING
    first = columns[0]
    shared = {repr(column.hint.default) for column in columns}
    has_it = any(repr(value) == repr(first.hint.default) for value in first.values)
    return first.hint.default if len(shared) == 1 and has_it else NOTHING


def _kind(value: object) -> str:
    """The type as an annotation."""
    if isinstance(value, tuple):
        inner = sorted({_kind(part) for part in value})
        return f"tuple[{' | '.join(inner)}, ...]" if inner else "tuple[()]"
    if isinstance(value, (Layer, ModuleValue)):
        return "nn.Module"
    return "None" if value is None else type(value).__name__
