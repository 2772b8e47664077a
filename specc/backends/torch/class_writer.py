"""One class as text: its constructor, the modules in it, its ``forward``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from specc.backends.torch.class_arguments import Formula, ModuleValue
from specc.backends.torch.class_code import LIST, Declaration, ModuleClass
from specc.backends.torch.constructor import (
    Binding,
    ConstantValue,
    Constructor,
    TupleOf,
    expression,
    in_terms_of,
    increased,
)
from specc.backends.torch.forward import Forward
from specc.backends.torch.module_tree import is_nameless
from specc.backends.torch.python import (
    WIDTH,
    EqualRun,
    Expr,
    Generator,
    Hole,
    Keyword,
    Listing,
    PythonCall,
    filled,
    flat,
    holes,
    runs,
    statement,
)
from specc.backends.torch.python_names import consecutive, counted, is_plain, reached, whole
from specc.backends.torch.step_code import NOTHING, Layer, Options, literal

_LEAST_NAMED = 4
"""As many equal layers as nobody writes one below another: conv1, conv2 and conv3 read best as they are."""

_OF_A_LIST = {"append", "extend", "insert", "pop"}
"""What nn.ModuleList has besides what every module has."""


@dataclass(frozen=True, slots=True)
class FileClasses:
    """The classes of one file.

    Attributes:
        names: empty for a sequence, which has no class: it is text in others.
    """

    families: list[ModuleClass]
    names: list[str]
    constructors: list[Constructor]


@dataclass(frozen=True, slots=True)
class _Rounds:
    """So many modules that the same expression makes, from the label on."""

    label: str
    item: Expr
    count: Binding
    is_round: bool


class ClassWriter:
    """Writes a class, or a sequence as an expression in another.

    Args:
        names: what its arguments are called; without them, as in its constructor.
        outer: what the arguments of a sequence are in that other class.
    """

    def __init__(
        self,
        file: FileClasses,
        number: int,
        names: Sequence[str] | None = None,
        outer: Sequence[Binding] | None = None,
    ) -> None:
        self._file = file
        self._number = number
        self._name = file.names[number]
        self._family = file.families[number]
        self._body = self._family.body
        self._constructor = file.constructors[number]
        self._names = self._constructor.names if names is None else names
        self._outer = outer

    def lines(self, model_docstring: list[str]) -> Iterator[str]:
        """The class without a line end after it."""
        yield f"class {self._name}({self._body.base}):"
        first, *rest = model_docstring if self._body.is_model else [self._summary()]
        yield f'    """{first}' if rest else f'    """{first}"""'
        yield from (f"    {line}".rstrip() for line in rest)
        if rest:
            yield '    """'
        yield ""
        init = list(self._init())
        if init:
            parameters = ["self"]
            for argument in self._constructor.arguments:  # stride: int = 1
                default = argument.default
                value = "" if default is NOTHING else f" = {flat(literal(default))}"
                parameters.append(f"{argument.name}: {argument.annotation}{value}")
            yield from statement(PythonCall("def __init__", tuple(parameters)), 4, after=" -> None:")
            yield from init
        if self._body.base != "nn.Sequential":
            yield from [""] if init else []
            yield from self._forward()

    def calls(self) -> Iterator[Expr]:
        """The expressions of ``forward``: the function itself where a slot is the same layer in every use."""
        for line in self._body.statements:
            match line.expr:
                case PythonCall(Hole("slot") as slot, items) if isinstance(
                    binding := self._constructor.binding(slot), ConstantValue
                ):
                    assert isinstance(binding.value, Layer), "a slot is filled by a layer"
                    yield filled(binding.value.function, {Hole("value", 0): items}.__getitem__)
                case expr:
                    yield expr

    def _summary(self) -> str:
        """What the class is in the spec, and where."""
        first, *more = (instance.use for instance in self._family.instances)
        block = first.block
        if block is None:
            raise ValueError("the network is no block")
        what = f"{block.kind.capitalize()} {block.title}" if not is_nameless(block) else f"A {block.kind}"
        where = f": {first.name}{f' and {len(more)} more' if more else ''}."
        return what + where if len(what + where) <= WIDTH - 10 else "A block of the spec."

    def _init(self) -> Iterator[str]:
        """The lines of the constructor; none where it would only call that of nn.Module."""
        body, attributes = self._body, self._attributes()
        assignments = [f"        self.{name} = {self._names[index]}" for index, name in attributes.items()]
        if body.base != "nn.Module":
            notes = dict.fromkeys(note for d in body.declarations for note in self._notes(d))
            yield from (f"        # {note}" for note in notes)
            yield from statement(self._container("super().__init__"), 8)
            yield from assignments
            yield from (text for d in body.declarations for text in _started(d))
        elif assignments or body.declarations:
            yield "        super().__init__()"
            yield from assignments
            yield from self._declarations()

    def _declarations(self) -> Iterator[str]:
        """The modules in order, those whose labels count on in loops: ``0``, ``1``, … or ``layer1``, ``layer2``, …"""
        commented: set[str] = set()
        declarations = self._body.declarations
        # Only a module of which there is no more than a call can be one of a loop.
        labels = [
            d.labels[0]
            if len(d.labels) == 1 and d.registry == "_modules" and d.expr is not None and not d.after
            else None
            for d in declarations
        ]
        for start, end in consecutive(labels):
            several = declarations[start:end]
            notes = dict.fromkeys(note for declaration in several for note in self._notes(declaration))
            yield from (f"        # {note}" for note in notes if note not in commented)
            commented |= notes.keys()
            stem, number = counted(labels[start] or "")
            if number is None:
                yield from self._declaration(*several)
                continue
            place = 0
            for run in runs([self._made(declaration) for declaration in several]):
                if run.count < (_LEAST_NAMED if stem else 2):
                    yield from self._declaration(*several[place : place + run.count])
                else:
                    # Where the item speaks of i, it reads best from 0 on.
                    first = 0 if run.counts else number
                    i = f"i + {number}" if first < number else "i"
                    label = f'f"{stem}{{{i}}}"' if stem else f"str({number} + i)" if first < number else "str(i)"
                    yield f"        for i in {EqualRun(run.item, first, run.count, run.counts).range}:"
                    yield from statement(PythonCall("self.add_module", (label, run.item)), 12)
                number, place = number + run.count, place + run.count

    def _notes(self, declaration: Declaration) -> Iterator[str]:
        """The comments on a declaration, and on those of a sequence in it: it has no class to have them in."""
        if declaration.note:
            yield declaration.note
        for _, expr in declaration.parts:
            if isinstance(expr, Hole) and expr.index not in self._family.module_arguments:
                number = self._family.instances[0].children[expr.index].family
                if self._file.families[number].is_sequence:
                    inner = ClassWriter(self._file, number)
                    yield from (note for d in inner._body.declarations for note in inner._notes(d))

    def _declaration(self, *declarations: Declaration) -> Iterator[str]:
        for declaration in declarations:
            *above, label = declaration.labels
            place = reached(declaration.labels, declaration.registry)
            made = self._made(declaration)
            if place.endswith(")"):  # a call gives it, and cannot be assigned to
                register = "add_module" if declaration.registry == "_modules" else "register_parameter"
                owner = reached(above) if above else "self"
                yield from statement(PythonCall(f"{owner}.{register}", (f'"{label}"', made)), 8)
            else:
                yield from statement(made, 8, f"{place} = ")
            yield from _started(declaration)

    def _made(self, declaration: Declaration) -> Expr:
        """The constructor's call in ``__init__``."""
        if declaration.expr is None:
            return "nn.Module()"
        match filled(declaration.expr, self._fill):
            case PythonCall(head, (Listing(items),)) if head == LIST:
                return PythonCall(LIST, (_listing([run.argument for run in runs([*items])]),))
            case made:
                return made

    def _fill(self, hole: Hole) -> Iterable[Expr]:
        """The text in a hole of the class."""
        bindings = [(name, self._bound(b)) for name, b in self._constructor.bindings[hole.kind, hole.index]]
        if hole.kind == "options":
            options = self._family.instances[0].fillings[hole.index]
            assert isinstance(options, Options), "they fill such a hole"
            # What differs from use to use may be the default in one of them.
            return [
                Keyword(name, self._expression(binding))
                for name, binding in bindings
                if self._outer is None or not _is(binding, options.defaults.get(name, NOTHING))
            ]
        if hole.kind != "child" or hole.index in self._family.module_arguments:
            return [self._expression(binding) for _, binding in bindings]
        number = self._family.instances[0].children[hole.index].family
        return [self._child(number, [binding for _, binding in bindings])]

    def _bound(self, binding: Binding) -> Binding:
        """The binding in terms of the arguments that have names here."""
        return binding if self._outer is None else in_terms_of(binding, self._outer)

    def _expression(self, binding: Binding) -> Expr:
        """The text of it, modules as the calls that make them."""
        match binding:
            case ConstantValue(ModuleValue(family, values)):
                return self._child(family, list(map(ConstantValue, values)))
        return expression(binding, self._names)

    def _child(self, number: int, bindings: Sequence[Binding]) -> Expr:
        """The call that makes a module of a class, or the sequence in place."""
        if self._file.families[number].is_sequence:
            return ClassWriter(self._file, number, self._names, bindings)._container("nn.Sequential")
        items: list[Expr] = []
        for argument, binding in zip(self._file.constructors[number].arguments, bindings, strict=True):
            if argument.by_position:
                items.append(self._expression(binding))
            elif not _is(binding, argument.default):
                items.append(Keyword(argument.name, self._expression(binding)))
        return PythonCall(self._file.names[number], tuple(items))

    def _container(self, head: str) -> PythonCall:
        """The call that makes a Sequential or a list of all that the class has in it."""
        items: list[Expr] = []
        for is_known, several in groupby(self._rounds(), lambda rounds: isinstance(rounds.count, ConstantValue)):
            if is_known:
                items += self._known(list(several))
                continue
            for rounds in several:
                first, variable, item = 0, "_", rounds.item
                if not self._body.is_numbered:
                    first, variable, item = int(rounds.label), "i", Listing(("str(i)", item))
                end = flat(expression(increased(rounds.count, first), self._names))
                clause = f"{variable} in range({f'{first}, ' if first else ''}{end})"
                items.append(Generator(item, clause, "*()"))
        if not self._body.is_numbered:
            return PythonCall(head, (PythonCall("OrderedDict", (Listing(tuple(items), "[]"),)),))
        return PythonCall(head, (_listing(items),) if self._body.base == LIST else tuple(items))

    def _known(self, rounds: list[_Rounds]) -> Iterator[Expr]:
        """The items of a container whose number is known."""
        labels: list[str] = []
        items: list[Expr] = []
        for each in rounds:
            number = whole(each.label)
            count = each.count.value if isinstance(each.count, ConstantValue) and number is not None else 1
            assert isinstance(count, int), "it is known"
            labels += [each.label] if number is None else [str(number + place) for place in range(count)]
            items += [each.item] * count
        if self._body.is_numbered:
            yield from (run.argument for run in runs(items))
            return
        for start, end in consecutive(labels):
            stem, first = counted(labels[start])
            for run in runs(items[start:end], first or 0):
                label = f'"{stem}"' if first is None else f'"{stem}{run.start}"'
                if run.count > 1:
                    label = f'f"{stem}{{i}}"' if stem else "str(i)"
                yield EqualRun(Listing((label, run.item)), run.start, run.count, True).argument

    def _rounds(self) -> list[_Rounds]:
        """What a container has in it, those as one that are alike and follow one another."""
        rounds: list[_Rounds] = []
        for declaration in self._body.declarations:
            hole = declaration.count
            count = ConstantValue(1) if hole is None else self._bound(self._constructor.binding(hole))
            item = filled(declaration.expr or "", self._fill)
            after = _Rounds(declaration.labels[0], item, count, hole is not None)
            total = self._total(rounds[-1], after) if rounds else None
            if total is None:
                rounds.append(after)
            else:
                rounds[-1] = replace(rounds[-1], count=total)
        return rounds

    def _total(self, before: _Rounds, after: _Rounds) -> Binding | None:
        """How many both are, if the same expression makes them and their numbers go on."""
        if not (before.is_round and after.is_round and before.item == after.item):
            return None
        # Where all labels are places, they go on whatever the counts are.
        match before.count, after.count:
            case ConstantValue(int(count)), other if (
                self._body.is_numbered or int(after.label) == int(before.label) + count
            ):
                return increased(other, count)
            case other, ConstantValue(int(count)) if self._body.is_numbered:
                return increased(other, count)
        return None

    def _attributes(self) -> dict[int, str]:
        """The attributes for the arguments that ``forward`` needs, by the number of the argument."""
        used = (hole for line in self._body.statements for hole in holes(line.expr))
        named = (pair for hole in used for pair in self._constructor.bindings.get((hole.kind, hole.index), ()))
        bindings = [binding for _, binding in named]
        needed: set[int] = set()
        for binding in bindings:  # which grows by what is in the tuples
            match binding:
                case Formula():
                    needed.update(binding.terms)
                case TupleOf(items):
                    bindings += items
        names: dict[int, str] = {}
        labels = {declaration.labels[0] for declaration in self._body.declarations}
        labels |= _OF_A_LIST if self._body.base == LIST else set()
        for index in sorted(needed):
            name = self._constructor.names[index]
            while name in labels or name in names.values() or not is_plain(name):
                name = f"{name.lstrip('_')}_"
            names[index] = name
        return names

    def _forward(self) -> Iterator[str]:
        slots = {}
        for line in self._body.statements:
            for hole in holes(line.expr):
                if hole.kind == "slot" and isinstance(binding := self._constructor.binding(hole), Formula):
                    slots[line.targets[0]] = self._constructor.names[binding.base]
        code = Forward(self._family, slots)
        attributes = self._attributes()
        # Where it is no attribute, no line of `forward` speaks of the argument.
        names = [f"self.{attributes.get(index)}" for index in range(len(self._constructor.arguments))]
        inner = ClassWriter(self._file, self._number, names)

        def fill(hole: Hole) -> Iterable[Expr]:
            return (code.name(hole),) if hole.kind in ("value", "borrowed") else inner._fill(hole)

        yield from code.signature()
        for line, expr in zip(self._body.statements, self.calls(), strict=True):
            yield from code.line(line, filled(expr, fill))
        yield from code.result()


def _started(declaration: Declaration) -> Iterator[str]:
    """The statements that start it."""
    return (text for line in declaration.after for text in statement(line.expr, 8, line.before, line.after))


def _is(binding: Binding, value: object) -> bool:
    """Whether it is that value in every use, to the last bit and type."""
    return isinstance(binding, ConstantValue) and repr(binding.value) == repr(value)


def _listing(items: list[Expr]) -> Expr:
    """``[a, *(b for _ in range(3))]``, or a comprehension."""
    match items:
        case [Generator(item, clause)]:
            return Generator(item, clause)
    return Listing(tuple(items), "[]")
