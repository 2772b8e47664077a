"""One class as text: its constructor, what it holds, its ``forward``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from specc.backends.torch.classes import Declaration, Family
from specc.backends.torch.constructor import (
    Argument,
    Built,
    Constructor,
    Known,
    Meaning,
    Parts,
    Told,
    in_terms_of,
    shown,
)
from specc.backends.torch.forward import Forward
from specc.backends.torch.layout import (
    WIDTH,
    Call,
    Comprehension,
    Expr,
    Hole,
    Keyword,
    Listing,
    filled,
    flat,
    holes,
    statement,
)
from specc.backends.torch.names import is_plain, reached, whole
from specc.backends.torch.runs import Run, clause, repeated, runs
from specc.backends.torch.steps import NOTHING, Layer, Line, Options, literal
from specc.backends.torch.tree import is_nameless

_LEAST_NAMED = 4
"""As many equal layers as nobody writes one below another: conv1, conv2 and conv3 read best as they are."""


class ClassWriter:
    """Writes the classes of one file.

    Args:
        names: of the classes; empty for a sequence, which is written where it stands.
    """

    def __init__(self, families: list[Family], names: list[str], constructors: list[Constructor]) -> None:
        self._families = families
        self._names = names
        self._constructors = constructors

    def lines(self, number: int, model_docstring: list[str]) -> Iterator[str]:
        """The class without a line end after it."""
        family = self._families[number]
        docstring = model_docstring if family.body.is_model else [_summary(family)]
        yield f"class {self._names[number]}(nn.Module):"
        yield from _quoted(docstring)
        yield ""
        made = list(self._init(number))
        if made:
            arguments = tuple(map(_parameter, self._constructors[number].arguments))
            yield from statement(Call("def __init__", ("self", *arguments)), 4, after=" -> None:")
            yield "        super().__init__()"
            yield from made
            yield ""
        yield from self._forward(number)

    def called(self, number: int) -> Iterator[Expr]:
        """What the statements of ``forward`` call: the function itself where a slot is the same layer in every use."""
        literals = self._constructors[number].literals
        for line in self._families[number].body.statements:
            match line.expr:
                case Call(Hole("slot", index), items) if isinstance(meaning := literals[index], Known):
                    assert isinstance(meaning.value, Layer), "a layer stands in a slot"
                    yield filled(meaning.value.called, partial(_same, items))
                case expr:
                    yield expr

    def _slots(self, number: int) -> Iterator[tuple[int, str]]:
        """The values that come out of a slot which is an argument, with its name."""
        constructor = self._constructors[number]
        for line in self._families[number].body.statements:
            for hole in holes(line.expr):
                if hole.kind == "slot" and isinstance(meaning := constructor.literals[hole.index], Told):
                    yield line.targets[0], constructor.names[meaning.index]

    def _init(self, number: int) -> Iterator[str]:
        """What follows ``super().__init__()``."""
        names = self._constructors[number].names
        for index, attribute in self._kept(number).items():
            yield f"        self.{attribute} = {names[index]}"
        said: set[str] = set()
        for together in _together(self._families[number].body.declarations):
            notes = dict.fromkeys(note for declaration in together for note in self._notes(number, declaration))
            yield from (f"        # {note}" for note in notes if note not in said)
            said |= notes.keys()
            if together[0].is_list:
                yield from self._list(number, together)
            elif _item(together[0]) is None:
                yield from (line for declaration in together for line in self._declaration(number, declaration))
            else:
                yield from self._loops(number, together)

    def _notes(self, number: int, declaration: Declaration) -> Iterator[str]:
        """What must be said of a declaration, those of a sequence in it too: it is written in place."""
        if declaration.note:
            yield declaration.note
        if isinstance(declaration.made, Hole) and declaration.made.index not in self._families[number].handed:
            inner = self._families[number].instances[0].children[declaration.made.index].family
            if self._families[inner].is_sequence:
                yield from (note for d in self._families[inner].body.declarations for note in self._notes(inner, d))

    def _declaration(self, number: int, declaration: Declaration) -> Iterator[str]:
        made = "nn.Module()" if declaration.made is None else self._made(number, declaration.made)
        *above, label = declaration.labels
        place = reached(declaration.labels, declaration.registry)
        if place.endswith(")"):  # a call gives it, and cannot be assigned to
            register = "add_module" if declaration.registry == "_modules" else "register_parameter"
            yield from statement(Call(f"{reached(above) if above else 'self'}.{register}", (f'"{label}"', made)), 8)
        else:
            yield from statement(made, 8, f"{place} = ")
        yield from (text for line in declaration.after for text in _text(line))

    def _list(self, number: int, declarations: list[Declaration]) -> Iterator[str]:
        """A ``ModuleList`` and what is in it."""
        outer, *held = declarations
        items = [self._made(number, declaration.made or "") for declaration in held]
        all_runs = list(runs(items))
        inner: Expr = Listing(tuple(map(repeated, all_runs)), "[]")
        if len(all_runs) == 1 and len(items) > 1:
            inner = Comprehension(all_runs[0].item, clause(all_runs[0]))
        yield from statement(Call("nn.ModuleList", (inner,)), 8, f"{reached(outer.labels)} = ")
        yield from (text for declaration in held for line in declaration.after for text in _text(line))

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
                yield f"        for i in {Run(run.item, start, run.count, run.counts).range}:"
                yield from statement(Call("self.add_module", (label, run.item)), 12)
            first, place = first + run.count, place + run.count

    def _made(self, number: int, expr: Expr) -> Expr:
        """The constructor's call as ``__init__`` says it."""
        return self._filled(number, expr, None, self._constructors[number].names)

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
            return outer is not None and isinstance(meaning, Known) and repr(meaning.value) == repr(default)

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
        if isinstance(meaning, Known) and isinstance(meaning.value, Built):
            return self._child(meaning.value.family, list(map(Known, meaning.value.values)), names)
        return shown(meaning, names)

    def _child(self, number: int, given: Sequence[Meaning], names: Sequence[str]) -> Expr:
        """The call that makes a module of a class, or the sequence in place."""
        family = self._families[number]
        if not family.is_sequence:
            return Call(self._names[number], tuple(self._arguments(number, given, names)))
        declarations = family.body.declarations
        items = [self._filled(number, declaration.made or "", given, names) for declaration in declarations]
        if family.is_numbered:
            return Call("nn.Sequential", tuple(map(repeated, runs(items))))
        pairs = tuple(_labelled([declaration.labels[0] for declaration in declarations], items))
        return Call("nn.Sequential", (Call("OrderedDict", (Listing(pairs, "[]"),)),))

    def _arguments(self, number: int, given: Sequence[Meaning], names: Sequence[str]) -> Iterator[Expr]:
        for argument, meaning in zip(self._constructors[number].arguments, given, strict=True):
            if argument.by_position:
                yield self._shown(meaning, names)
            elif not (isinstance(meaning, Known) and repr(meaning.value) == repr(argument.hint.default)):
                yield Keyword(argument.hint.name, self._shown(meaning, names))

    def _kept(self, number: int) -> dict[int, str]:
        """The attributes that keep the arguments which ``forward`` needs, by the number of the argument."""
        body, constructor = self._families[number].body, self._constructors[number]
        needed = {index for line in body.statements for index in _needed(line.expr, constructor)}
        taken = {declaration.labels[0] for declaration in body.declarations}
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
            return _parts(self._filled(number, Call("", (hole,)), None, names))

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


def _summary(family: Family) -> str:
    """What the class is in the spec, and where."""
    first, *more = (instance.use for instance in family.instances)
    block = first.block
    if block is None:
        raise ValueError("the network is no block")
    what = f"{block.kind.capitalize()} {block.title}" if not is_nameless(block) else f"A {block.kind}"
    where = f": {first.name}{f' and {len(more)} more' if more else ''}."
    return what + where if len(what + where) <= WIDTH - 10 else "A block of the spec."


def _parameter(argument: Argument) -> Expr:
    """``stride: int = 1``"""
    name, default = argument.hint.name, argument.hint.default
    value = "" if default is NOTHING else f" = {flat(literal(default))}"
    return f"{name}: {argument.annotation}{value}"


def _together(declarations: tuple[Declaration, ...]) -> Iterator[list[Declaration]]:
    """Those that are written as one: a list with what is in it, and modules whose labels count on."""
    place = 0
    while place < len(declarations):
        end, first = place + 1, declarations[place]
        if first.is_list:
            while end < len(declarations) and declarations[end].labels[:-1] == first.labels:
                end += 1
        else:
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


def _labelled(labels: list[str], items: list[Expr]) -> Iterator[Expr]:
    """The items of an OrderedDict: those whose labels count on, ``layer1``, ``layer2`` …, together."""
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
            yield repeated(Run(Listing((name, run.item)), run.start, run.count, True))
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
    if isinstance(meaning, Told):
        yield from meaning.indices
    elif isinstance(meaning, Parts):
        yield from (index for item in meaning.items for index in _told(item))


def _attribute(name: str, taken: set[str]) -> str:
    while name in taken or not is_plain(name):
        name = f"{name.lstrip('_')}_"
    return name


def _parts(expr: Expr) -> tuple[Expr, ...]:
    return expr.items if isinstance(expr, Call) else (expr,)
