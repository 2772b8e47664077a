"""One class as text: its constructor, what it holds, its ``forward``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from specc.backends.torch.class_code import LIST, Declaration
from specc.backends.torch.classes import ModuleClass
from specc.backends.torch.constructor import (
    ArgumentFormula,
    ConstantValue,
    Constructor,
    ConstructorArgument,
    Meaning,
    ModuleValue,
    TupleOf,
    in_terms_of,
    more,
    shown,
)
from specc.backends.torch.forward import Forward
from specc.backends.torch.module_tree import is_nameless
from specc.backends.torch.python import (
    WIDTH,
    Comprehension,
    EqualRun,
    Expr,
    Hole,
    Keyword,
    Listing,
    PythonCall,
    Repeated,
    filled,
    flat,
    holes,
    repeated,
    runs,
    statement,
)
from specc.backends.torch.python_names import is_plain, reached, whole
from specc.backends.torch.step_code import NOTHING, Layer, Line, Options, literal

_LEAST_NAMED = 4
"""As many equal layers as nobody writes one below another: conv1, conv2 and conv3 read best as they are."""

_OF_A_LIST = {"append", "extend", "insert", "pop"}
"""What nn.ModuleList has besides what every module has."""


class ClassWriter:
    """Writes the classes of one file.

    Args:
        names: of the classes; empty for a sequence, which is written where it stands.
    """

    def __init__(self, families: list[ModuleClass], names: list[str], constructors: list[Constructor]) -> None:
        self._families = families
        self._names = names
        self._constructors = constructors

    def lines(self, number: int, model_docstring: list[str]) -> Iterator[str]:
        """The class without a line end after it."""
        family = self._families[number]
        docstring = model_docstring if family.body.is_model else [_summary(family)]
        yield f"class {self._names[number]}({family.body.base}):"
        yield from _quoted(docstring)
        yield ""
        made = list(self._init(number))
        if made:
            arguments = tuple(map(_parameter, self._constructors[number].arguments))
            yield from statement(PythonCall("def __init__", ("self", *arguments)), 4, after=" -> None:")
            yield from made
        if family.body.base != "nn.Sequential":
            yield from [""] if made else []
            yield from self._forward(number)

    def called(self, number: int) -> Iterator[Expr]:
        """What the statements of ``forward`` call: the function itself where a slot is the same layer in every use."""
        literals = self._constructors[number].literals
        for line in self._families[number].body.statements:
            match line.expr:
                case PythonCall(Hole("slot", index), items) if isinstance(meaning := literals[index], ConstantValue):
                    assert isinstance(meaning.value, Layer), "a layer stands in a slot"
                    yield filled(meaning.value.called, partial(_same, items))
                case expr:
                    yield expr

    def _slots(self, number: int) -> Iterator[tuple[int, str]]:
        """The values that come out of a slot which is an argument, with its name."""
        constructor = self._constructors[number]
        for line in self._families[number].body.statements:
            for hole in holes(line.expr):
                if hole.kind == "slot" and isinstance(meaning := constructor.literals[hole.index], ArgumentFormula):
                    yield line.targets[0], constructor.names[meaning.index]

    def _init(self, number: int) -> Iterator[str]:
        """The lines of the constructor; none where it would only call that of nn.Module."""
        names, body = self._constructors[number].names, self._families[number].body
        kept = [f"        self.{attribute} = {names[index]}" for index, attribute in self._kept(number).items()]
        if body.base != "nn.Module":
            notes = dict.fromkeys(note for d in body.declarations for note in self._notes(number, d))
            yield from (f"        # {note}" for note in notes)
            yield from statement(self._container(number, "super().__init__", None, names), 8)
            yield from kept
            yield from (text for d in body.declarations for line in d.after for text in _text(line))
        elif kept or body.declarations:
            yield "        super().__init__()"
            yield from kept
            yield from self._declarations(number)

    def _declarations(self, number: int) -> Iterator[str]:
        said: set[str] = set()
        for together in _together(self._families[number].body.declarations):
            notes = dict.fromkeys(note for declaration in together for note in self._notes(number, declaration))
            yield from (f"        # {note}" for note in notes if note not in said)
            said |= notes.keys()
            if _item(together[0]) is None:
                yield from (line for declaration in together for line in self._declaration(number, declaration))
            else:
                yield from self._loops(number, together)

    def _notes(self, number: int, declaration: Declaration) -> Iterator[str]:
        """What must be said of a declaration, those of a sequence in it too: it is written in place."""
        if declaration.note:
            yield declaration.note
        for _, made in declaration.parts:
            if isinstance(made, Hole) and made.index not in self._families[number].handed:
                inner = self._families[number].instances[0].children[made.index].family
                if self._families[inner].is_sequence:
                    yield from (note for d in self._families[inner].body.declarations for note in self._notes(inner, d))

    def _declaration(self, number: int, declaration: Declaration) -> Iterator[str]:
        made = "nn.Module()" if declaration.made is None else self._made(number, declaration.made)
        *above, label = declaration.labels
        place = reached(declaration.labels, declaration.registry)
        if place.endswith(")"):  # a call gives it, and cannot be assigned to
            register = "add_module" if declaration.registry == "_modules" else "register_parameter"
            yield from statement(
                PythonCall(f"{reached(above) if above else 'self'}.{register}", (f'"{label}"', made)), 8
            )
        else:
            yield from statement(made, 8, f"{place} = ")
        yield from (text for line in declaration.after for text in _text(line))

    def _loops(self, number: int, declarations: list[Declaration]) -> Iterator[str]:
        """Modules whose labels count on: ``0``, ``1``, … or ``layer1``, ``layer2``, …"""
        (stem, first), place = _counted(declarations[0].labels[0]), 0
        assert first is not None, "they are together since they have numbers"
        for run in runs([self._made(number, declaration.made or "nn.Module()") for declaration in declarations]):
            if run.count < (_LEAST_NAMED if stem else 2):
                for declaration in declarations[place : place + run.count]:
                    yield from self._declaration(number, declaration)
            else:
                # Where the item speaks of i, it reads best from 0 on.
                start = 0 if run.counts else first
                label = _label(stem, first, start)
                yield f"        for i in {EqualRun(run.item, start, run.count, run.counts).range}:"
                yield from statement(PythonCall("self.add_module", (label, run.item)), 12)
            first, place = first + run.count, place + run.count

    def _made(self, number: int, expr: Expr) -> Expr:
        """The constructor's call as ``__init__`` says it."""
        made = self._filled(number, expr, None, self._constructors[number].names)
        match made:
            case PythonCall(head, (Listing(items),)) if head == LIST:
                return PythonCall(LIST, (_list(tuple(map(repeated, runs([*items])))),))
        return made

    def _filled(self, number: int, expr: Expr, outer: Sequence[Meaning] | None, names: Sequence[str]) -> Expr:
        """The text of a class with its holes filled in.

        Args:
            outer: what the arguments of the class mean where a sequence is written in place.
            names: of the arguments that all of it is told in.
        """
        constructor = self._constructors[number]

        def meant(meaning: Meaning) -> Meaning:
            return meaning if outer is None else in_terms_of(meaning, outer)

        def at_default(hole: Hole, name: str, meaning: Meaning) -> bool:
            options = self._families[number].instances[0].noted[hole.index]
            assert isinstance(options, Options), "what is noted for such a hole"
            default = options.defaults.get(name, NOTHING)
            return outer is not None and isinstance(meaning, ConstantValue) and repr(meaning.value) == repr(default)

        def fill(hole: Hole) -> Iterable[Expr]:
            if hole.kind in ("literal", "slot"):
                return (self._shown(meant(constructor.literals[hole.index]), names),)
            if hole.kind == "options":
                set_here = ((n, meant(m)) for n, m in constructor.options[hole.index])
                return tuple(Keyword(n, self._shown(m, names)) for n, m in set_here if not at_default(hole, n, m))
            arguments = [meant(meaning) for meaning in constructor.children[hole.index]]
            if hole.index in self._families[number].handed:
                return (self._shown(arguments[0], names),)
            return (self._child(self._families[number].instances[0].children[hole.index].family, arguments, names),)

        return filled(expr, fill)

    def _shown(self, meaning: Meaning, names: Sequence[str]) -> Expr:
        """The text of what stands in a hole, modules as the calls that make them."""
        if isinstance(meaning, ConstantValue) and isinstance(meaning.value, ModuleValue):
            return self._child(meaning.value.family, list(map(ConstantValue, meaning.value.values)), names)
        return shown(meaning, names)

    def _child(self, number: int, given: Sequence[Meaning], names: Sequence[str]) -> Expr:
        """The call that makes a module of a class, or the sequence in place."""
        family = self._families[number]
        if not family.is_sequence:
            return PythonCall(self._names[number], tuple(self._arguments(number, given, names)))
        return self._container(number, "nn.Sequential", given, names)

    def _container(self, number: int, head: str, outer: Sequence[Meaning] | None, names: Sequence[str]) -> PythonCall:
        """The call that makes a Sequential or a list of all that a class holds; arguments as of `_filled`."""
        body = self._families[number].body
        rounds = list(self._rounds(number, outer, names))
        if not body.is_numbered:
            pairs = tuple(pair for several in _known_together(rounds) for pair in _labelled(several, names))
            return PythonCall(head, (PythonCall("OrderedDict", (Listing(pairs, "[]"),)),))
        items = tuple(item for several in _known_together(rounds) for item in _unlabelled(several, names))
        return PythonCall(head, (_list(items),) if body.base == LIST else items)

    def _rounds(self, number: int, outer: Sequence[Meaning] | None, names: Sequence[str]) -> Iterator[_Rounds]:
        """What a container holds, those together that are alike and follow one another."""
        constructor = self._constructors[number]
        body = self._families[number].body
        last: _Rounds | None = None
        for declaration in body.declarations:
            item, count = self._filled(number, declaration.made or "", outer, names), declaration.count
            meaning = ConstantValue(1) if count is None else constructor.counts[count.index]
            meaning = meaning if outer is None else in_terms_of(meaning, outer)
            this = _Rounds(declaration.labels[0], item, meaning, count is not None)
            joined = last and last.joined(this, are_places=body.is_numbered)
            if last and not joined:
                yield last
            last = joined or this
        if last:
            yield last

    def _arguments(self, number: int, given: Sequence[Meaning], names: Sequence[str]) -> Iterator[Expr]:
        for argument, meaning in zip(self._constructors[number].arguments, given, strict=True):
            if argument.by_position:
                yield self._shown(meaning, names)
            elif not (isinstance(meaning, ConstantValue) and repr(meaning.value) == repr(argument.hint.default)):
                yield Keyword(argument.hint.name, self._shown(meaning, names))

    def _kept(self, number: int) -> dict[int, str]:
        """The attributes that keep the arguments which ``forward`` needs, by the number of the argument."""
        body, constructor = self._families[number].body, self._constructors[number]
        needed = {index for line in body.statements for index in _needed(line.expr, constructor)}
        taken = {declaration.labels[0] for declaration in body.declarations}
        taken |= _OF_A_LIST if body.base == LIST else set()
        kept: dict[int, str] = {}
        for index in sorted(needed):
            kept[index] = _attribute(constructor.names[index], taken)
            taken.add(kept[index])
        return kept

    def _forward(self, number: int) -> Iterator[str]:
        family = self._families[number]
        code = Forward(family, dict(self._slots(number)))
        kept = self._kept(number)
        names = [f"self.{kept.get(index)}" for index in range(len(self._constructors[number].arguments))]

        def fill(hole: Hole) -> Iterable[Expr]:
            if hole.kind in ("value", "given"):
                return (code.name(hole),)
            return _parts(self._filled(number, PythonCall("", (hole,)), None, names))

        yield from code.signature()
        for line, expr in zip(family.body.statements, self.called(number), strict=True):
            yield from code.line(line, filled(expr, fill))
        yield from code.result()


def _same(items: tuple[Expr, ...], _: Hole) -> tuple[Expr, ...]:
    return items


def _text(line: Line) -> list[str]:
    return statement(line.expr, 8, line.before, line.after)


def _quoted(lines: list[str]) -> list[str]:
    if len(lines) == 1:
        return [f'    """{lines[0]}"""']
    return [f'    """{lines[0]}', *(f"    {line}".rstrip() for line in lines[1:]), '    """']


def _summary(family: ModuleClass) -> str:
    """What the class is in the spec, and where."""
    first, *more = (instance.use for instance in family.instances)
    block = first.block
    if block is None:
        raise ValueError("the network is no block")
    what = f"{block.kind.capitalize()} {block.title}" if not is_nameless(block) else f"A {block.kind}"
    where = f": {first.name}{f' and {len(more)} more' if more else ''}."
    return what + where if len(what + where) <= WIDTH - 10 else "A block of the spec."


def _parameter(argument: ConstructorArgument) -> Expr:
    """``stride: int = 1``"""
    name, default = argument.hint.name, argument.hint.default
    value = "" if default is NOTHING else f" = {flat(literal(default))}"
    return f"{name}: {argument.annotation}{value}"


def _together(declarations: tuple[Declaration, ...]) -> Iterator[list[Declaration]]:
    """Modules whose labels count on together, the others alone."""
    place = 0
    while place < len(declarations):
        end = place + 1
        while end < len(declarations) and _follows(_item(declarations[end - 1]), _item(declarations[end])):
            end += 1
        yield list(declarations[place:end])
        place = end


def _follows(before: tuple[str, int] | None, after: tuple[str, int] | None) -> bool:
    return before is not None and after == (before[0], before[1] + 1)


def _item(declaration: Declaration) -> tuple[str, int] | None:
    """What a module's label counts, and its number, where nothing more is to be said of it."""
    if len(declaration.labels) > 1 or declaration.registry != "_modules" or declaration.after:
        return None
    stem, number = _counted(declaration.labels[0])
    return None if number is None or declaration.made is None else (stem, number)


def _label(stem: str, first: int, start: int) -> str:
    """The label that begins with ``first`` where i is ``start``, in terms of i."""
    if not stem:
        return f"str({first} + i)" if start < first else "str(i)"
    return f'f"{stem}{{i + {first}}}"' if start < first else f'f"{stem}{{i}}"'


@dataclass(frozen=True, slots=True)
class _Rounds:
    """So many modules that the same expression makes, from the label on."""

    label: str
    item: Expr
    count: Meaning
    is_round: bool

    def joined(self, after: _Rounds, *, are_places: bool) -> _Rounds | None:
        """With those that follow, if the same expression makes them and their numbers go on.

        Args:
            are_places: all labels are places: they do.
        """
        if not (self.is_round and after.is_round and self.item == after.item):
            return None
        match self.count, after.count:
            case ConstantValue(int(some)), others if are_places or int(after.label) == int(self.label) + some:
                return replace(self, count=more(others, some))
            case some_told, ConstantValue(int(others)) if are_places:
                return replace(self, count=more(some_told, others))
        return None

    def told(self, names: Sequence[str]) -> Expr:
        """The items of an OrderedDict, where an argument says how many."""
        first = int(self.label)
        start = f"{first}, " if first else ""
        return Repeated(
            Listing(("str(i)", self.item)), f"i in range({start}{flat(shown(more(self.count, first), names))})"
        )

    @property
    def labels(self) -> list[str]:
        """Of each, where it is known how many there are."""
        number = whole(self.label)
        match self.count:
            case ConstantValue(int(count)) if number is not None:
                return [str(number + place) for place in range(count)]
        return [self.label]


def _known_together(rounds: list[_Rounds]) -> Iterator[list[_Rounds]]:
    """Those whose number is known and that follow one another together, the others alone."""
    for is_known, several in groupby(rounds, lambda each: isinstance(each.count, ConstantValue)):
        together = list(several)
        yield from [together] if is_known else ([each] for each in together)


def _unlabelled(rounds: list[_Rounds], names: Sequence[str]) -> Iterator[Expr]:
    """The items of a container whose labels are their places."""
    (first, *_) = rounds
    if isinstance(first.count, ConstantValue):
        yield from map(repeated, runs([each.item for each in rounds for _ in each.labels]))
    else:
        yield Repeated(first.item, f"_ in range({flat(shown(first.count, names))})")


def _list(items: tuple[Expr, ...]) -> Expr:
    """``[a, *(b for _ in range(3))]``, or a comprehension."""
    match items:
        case (Repeated(item, clause),):
            return Comprehension(item, clause)
    return Listing(items, "[]")


def _labelled(rounds: list[_Rounds], names: Sequence[str]) -> Iterator[Expr]:
    """The items of an OrderedDict: those whose labels count on, ``layer1``, ``layer2`` …, together."""
    if not isinstance(rounds[0].count, ConstantValue):
        yield rounds[0].told(names)
        return
    labels = [label for each in rounds for label in each.labels]
    items = [each.item for each in rounds for _ in each.labels]
    place = 0
    while place < len(labels):
        stem, first = _counted(labels[place])
        count = 1
        while first is not None and labels[place + count : place + count + 1] == [f"{stem}{first + count}"]:
            count += 1
        for run in runs(items[place : place + count], first or 0):
            name = f'"{stem}{run.start}"' if first is not None else f'"{stem}"'
            if run.count > 1:
                name = f'f"{stem}{{i}}"' if stem else "str(i)"
            yield repeated(EqualRun(Listing((name, run.item)), run.start, run.count, True))
        place += count


def _counted(label: str) -> tuple[str, int | None]:
    """``layer`` and 12 of ``layer12``; the label itself and None where no number ends it."""
    stem = label.rstrip("0123456789")
    number = whole(label[len(stem) :]) if stem != label else None
    return (label, None) if number is None else (stem, number)


def _needed(expr: Expr, constructor: Constructor) -> Iterator[int]:
    """The arguments in terms of which the holes of an expression are told."""
    for hole in holes(expr):
        if hole.kind in ("literal", "slot"):
            yield from _told(constructor.literals[hole.index])
        elif hole.kind == "options":
            yield from (index for _, meaning in constructor.options[hole.index] for index in _told(meaning))


def _told(meaning: Meaning) -> Iterator[int]:
    if isinstance(meaning, ArgumentFormula):
        yield from meaning.indices
    elif isinstance(meaning, TupleOf):
        yield from (index for item in meaning.items for index in _told(item))


def _attribute(name: str, taken: set[str]) -> str:
    while name in taken or not is_plain(name):
        name = f"{name.lstrip('_')}_"
    return name


def _parts(expr: Expr) -> tuple[Expr, ...]:
    return expr.items if isinstance(expr, PythonCall) else (expr,)
