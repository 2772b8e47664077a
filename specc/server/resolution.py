"""How names are followed: through the scopes of the text, through calls and their arguments, and through steps.

All files are gone through together, and again until nothing new is found: a value comes to a block by its calls, which
may stand behind it or in another file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping

from specc.elaborate.assertions import METRICS
from specc.elaborate.drafts import RESERVED
from specc.elaborate.values import CONSTANTS
from specc.ops import find
from specc.server.declared import LAYER, Applicable, DeclaredName, Kind, LabelScope, NameScope, Value, applicable_as
from specc.source import Span
from specc.syntax import ast
from specc.syntax.tokens import is_name

_MOST_ROUNDS = 8
"""How often all files are gone through: a value may come to a block through so many calls."""


class Resolution:
    """What is read at each place of some files, and what is declared.

    Args:
        files: trees by their absolute paths.
        real: the path that tells whether two are one file.

    Attributes:
        uses: what each place reads; several where it depends on the call.
        things: all that is declared, by kind and place.
    """

    def __init__(self, files: Mapping[str, ast.File], real: Callable[[str], str]) -> None:
        self.uses: dict[Span, set[DeclaredName]] = {}
        self.things: dict[tuple[Kind, Span], DeclaredName] = {}
        self._files = files
        self._by_real = {real(path): path for path in files}
        self._real = real
        self._parts: dict[object, LabelScope] = {}
        self._globals: dict[str, NameScope] = {}
        for _ in range(_MOST_ROUNDS):
            before = self._size
            self._globals.clear()
            for path in files:
                self._file(path)
            if self._size == before:
                break

    @property
    def _size(self) -> int:
        things = sum(len(thing.value) for thing in self.things.values())
        parts = sum(len(part.entry) + len(part.result) + len(part.rounds) for part in self._parts.values())
        return things + parts + sum(map(len, self.uses.values()))

    # ---- files ------------------------------------------------------------------------------------------------------

    def _file(self, path: str) -> NameScope:
        """The names at the top of a file, after all of it has been read."""
        if path in self._globals:
            return self._globals[path]
        file = self._files[path]
        names = self._globals[path] = NameScope(self._part(path, ""))
        blocks = [item for item in file.items if isinstance(item, ast.BlockDefinition)]
        for block in blocks:
            thing = self._declared("block", block.name, block.name_span)
            part = self._part(block.span, block.name)
            part.block = block
            thing.value.add(Applicable(part))
            names.define(thing)
        for item in file.items:
            match item:
                case ast.Import():
                    self._import(path, item, names)
                case ast.Let():
                    self._let(item, names)
                case ast.Default():
                    given = names.find(item.name)
                    if given is not None:
                        self._use(item.name_span, given)
                    self._arguments(item.arguments, applicable_as(given), names)
                case ast.ModelDefinition():
                    self._declared("model", item.name, item.name_span)
        for item in file.items:
            if isinstance(item, (ast.BlockDefinition, ast.ModelDefinition)):
                self._item(item, names)
        return names

    def _import(self, path: str, item: ast.Import, names: NameScope) -> None:
        other = self._by_real.get(self._real(imported_path(path, item)))
        exported = self._file(other) if other else None
        if other:
            self._use(item.path_span, self._declared("file", item.path, self._files[other].source.span(0, 0)))
        for label in item.names:
            thing = exported.find(label.name) if exported else None
            if thing is None:
                thing = self._declared("import", label.name, label.span)
            else:
                self._use(label.span, thing)
            names.define(thing)

    def _item(self, item: ast.BlockDefinition | ast.ModelDefinition, outer: NameScope) -> None:
        part = self._part(item.span, item.name)
        names = NameScope(part, outer)
        names.item, names.current = part, part.entry
        for param in item.params:
            default = self._expression(param.default, names)
            thing = self._declared("parameter", param.name, _begin(param.span, param.name), item.name)
            thing.value |= default
            thing.of_model = isinstance(item, ast.ModelDefinition)
            part.parameters[param.name] = thing
            names.define(thing)
        contract = item.contract
        for port in contract.inputs if contract else ():
            for name in ast.free_names(port.shape):
                if not self._read(name, names) and name.name not in ("_", *CONSTANTS):
                    size = self._declared("size", name.name, name.span, item.name)
                    size.of_model = isinstance(item, ast.ModelDefinition)
                    names.define(size)
        part.inputs = []
        for port in contract.inputs if contract else ():
            if port.name is not None:
                thing = self._declared("input", port.name, _begin(port.span, port.name), item.name)
                part.inputs.append(thing)
                names.define(thing)
        if contract:
            self._expression(contract.where, names)
        outputs = [port for port in (contract.outputs or ()) if port.name is not None] if contract else []
        if outputs and isinstance(item, ast.BlockDefinition) and part.outputs is None:
            part.outputs = {}
        part.result |= self._statements(item.body.statements, part.entry, names, names)
        for port in (contract.outputs or ()) if contract else ():  # which see the lets of the body
            self._expression(port.shape, names)
        for port in outputs:
            assert port.name is not None, "those without a name were left out"
            place = _begin(port.span, port.name)
            output = part.labels.get(port.name) or names.find(port.name)
            if output is None or output.kind not in ("label", "let"):
                output = self._declared("output", port.name, place, item.name)
                output.value |= part.result
            else:
                self._use(place, output)
            if part.outputs is not None:
                part.outputs[port.name] = output

    # ---- statements -------------------------------------------------------------------------------------------------

    def _statements(
        self, statements: tuple[ast.Statement, ...], current: Value, names: NameScope, home: NameScope
    ) -> Value:
        """What the last value may be a value of.

        Args:
            home: the place that labels belong to.
        """
        later: list[ast.Assert | ast.Shared] = []
        for statement in statements:
            names.current = current
            match statement:
                case ast.Let():
                    self._let(statement, names, names.part.title)
                case ast.Assert():
                    later.append(statement)  # proven in the end, with all that is known then
                case ast.Shared():
                    shared = self._declared("shared", statement.name, statement.name_span, home.part.title)
                    shared.value.add(Applicable(self._part(statement.span, statement.name, through=True)))
                    names.define(shared)
                    later.append(statement)
                case _:
                    current = self._step(statement, current, names, home)
        for statement in later:
            if isinstance(statement, ast.Assert):
                self._expression(statement.test, names)
            else:
                part = self._part(statement.span, statement.name, through=True)
                inner = NameScope(part, names)
                part.result |= self._statements(statement.steps, part.entry, inner, inner)
        return current

    def _let(self, let: ast.Let, names: NameScope, owner: str = "") -> None:
        value = self._expression(let.value, names)
        thing = self._declared("let", let.name, let.name_span, owner)
        thing.value |= value
        names.define(thing)

    def _step(self, step: ast.Step, current: Value, names: NameScope, home: NameScope) -> Value:
        label = step.label
        if label is not None:
            self._expression(label.parts, names)
        value = self._value(step, current, names, home)
        if label is not None:
            thing = home.part.labels.get(label.name)
            if thing is None or label.span not in thing.places:
                # Of one name in one place: both branches of an `if`, the parts of a group that goes on.
                thing = self._declared("label", label.name, label.span, home.part.title, thing)
            thing.is_computed = bool(label.parts)
            thing.value |= value
            home.part.labels[label.name] = thing
            if not label.parts and is_name(label.name) and label.name not in (*CONSTANTS, *RESERVED):
                home.define(thing, is_label=True)
        return value

    def _value(self, step: ast.Step, current: Value, names: NameScope, home: NameScope) -> Value:
        match step:
            case ast.Call():
                return self._call(step, current, names)
            case ast.Merge():
                return self._merge(step, current, names, home)
            case ast.Enclosing():
                return names.item.entry
            case ast.Checkpoint():
                self._expression(step.shape.dims, names)
                return current
            case ast.Reference():
                return self._expression(step.value, names)
            case ast.Group() | ast.If():
                return self._group(step, current, names, home)
            case ast.Repeat() | ast.For():
                return self._loop(step, current, names, home)

    def _group(self, step: ast.Group | ast.If, current: Value, names: NameScope, home: NameScope) -> Value:
        self._expression(step.frozen if isinstance(step, ast.Group) else step.test, names)
        bodies = [step.body] if isinstance(step, ast.Group) else [step.body, step.otherwise]
        part = None
        if step.label is not None:
            part = self._part((home.part, step.label.name), step.label.name, through=True)
        value: Value = set()
        for body in bodies:
            if body is None:  # a condition without `else` lets the value pass
                value |= current
                continue
            inner = NameScope(part or names.part, names)
            value |= self._statements(body.statements, current, inner, inner if part else home)
        if part is None:
            return value
        part.result |= value
        return part.inside

    def _loop(self, step: ast.Repeat | ast.For, current: Value, names: NameScope, home: NameScope) -> Value:
        table = self._expression(step.rounds if isinstance(step, ast.Repeat) else step.table, names)
        loop = home.part
        if step.label is not None:
            loop = self._part((home.part, step.label.name), step.label.name)
        rounds = self._part(step.span, loop.title, through=True)
        inner = NameScope(rounds, names)
        for binder in step.names if isinstance(step, ast.For) else ():
            variable = self._declared("variable", binder.name, binder.span, home.part.title)
            variable.value |= table
            inner.define(variable)
        entry = current | rounds.result
        if any(isinstance(one, ast.Binder) and one.parts for one in ast.parts(step.body)):
            # A label that is computed says which round it is of: the steps belong to the place around. Where it is that
            # of a group further in, more is seen than there is, and nothing that is there is missed.
            around = NameScope(loop, inner)
            rounds.result |= self._statements(step.body.statements, entry, around, around)
            rounds.labels |= loop.labels
        else:
            rounds.result |= self._statements(step.body.statements, entry, inner, inner)
        loop.rounds |= rounds.inside
        return current | rounds.inside if step.label is None else {loop}

    def _merge(self, step: ast.Merge, current: Value, names: NameScope, home: NameScope) -> Value:
        thing = names.find(step.name, called=True)
        called = applicable_as(thing)
        if thing is not None:
            self._use(step.name_span, thing)
        self._arguments(step.arguments, called, names)
        values = [self._statements(arm.statements, current, NameScope(names.part, names), home) for arm in step.arms]
        for one in called:
            for thing, value in zip(one.part.inputs, values, strict=False):
                thing.value |= value
        if called:
            return set().union(*(one.part.inside for one in called))
        return set().union(*values) if any(arm.each for arm in step.arms) else set()

    def _call(self, step: ast.Call, current: Value, names: NameScope) -> Value:
        if step.name == "_":
            return current
        thing = names.find(step.name, called=not step.bare)
        is_layer = not step.bare and find(step.name) is not None
        if thing is not None and is_layer and LAYER not in thing.value and not applicable_as(thing):
            thing = None  # `pad(pad)`: only the layer can be called
        if thing is None:
            self._arguments(step.arguments, (), names)
            return set()
        self._use(step.name_span, thing)
        called = applicable_as(thing)
        self._arguments(step.arguments, called, names)
        for one in called:
            one.part.entry.update(current)
            if len(one.part.inputs) == 1:
                one.part.inputs[0].value.update(current)
        values = {value for value in thing.value if isinstance(value, LabelScope)}
        return values.union(*(one.part.inside for one in called))

    def _arguments(self, arguments: tuple[ast.Argument, ...], called: Iterable[Applicable], names: NameScope) -> None:
        """Read the arguments of a call, and hand them to what may be called."""
        place = 0
        for argument in arguments:
            value = self._expression(argument.value, names)
            for one in called:
                parameters = one.part.parameters
                name = argument.name
                if name is None:
                    name = next(iter([*parameters][one.given + place : one.given + place + 1]), None)
                thing = parameters.get(name or "")
                if thing is not None:
                    thing.value |= value
                    if argument.name is not None:
                        self._use(_begin(argument.span, argument.name), thing)
            place += argument.name is None

    # ---- expressions ------------------------------------------------------------------------------------------------

    def _expression(self, part: object, names: NameScope) -> Value:
        """What the value of an expression, or of one of several, may be a value of; its names are read."""
        match part:
            case ast.Name():
                return self._name(part, names)
            case ast.Attribute():
                return self._member(part, names)
            case ast.Index():
                value, _ = self._expression(part.value, names), self._expression(part.place, names)
                for one in list(value):
                    if isinstance(one, LabelScope):
                        value = value | one.rounds
                        place = part.place
                        word = place.value if isinstance(place, (ast.Text, ast.Number)) else None
                        if (thing := one.seen(str(word))) is not None and not isinstance(word, float):
                            self._use(place.span, thing)
                            value = value | thing.value
                return value
            case ast.Comprehension():
                table, inner = self._expression(part.table, names), NameScope(names.part, names)
                inner.current = names.current
                for label in part.names:
                    thing = self._declared("variable", label.name, label.span, names.part.title)
                    thing.value |= table
                    inner.define(thing)
                self._expression(part.test, inner)
                return self._expression(part.item, inner)
            case ast.Apply():
                return self._apply(part, names)
            case tuple():
                return set().union(*(self._expression(inner, names) for inner in part if isinstance(inner, tuple)))
        return set()

    def _apply(self, apply: ast.Apply, names: NameScope) -> Value:
        function = self._expression(apply.function, names)
        self._arguments(apply.arguments, [one for one in function if isinstance(one, Applicable)], names)
        if isinstance(apply.function, ast.Name) and apply.function.name in METRICS:  # `macs(H=224)`
            for argument in apply.arguments:
                size = names.find(argument.name) if argument.name else None
                if size is not None and size.kind == "size":
                    self._use(_begin(argument.span, size.name), size)
        given = sum(argument.name is None for argument in apply.arguments)
        value = {
            Applicable(one.part, one.given + given) if isinstance(one, Applicable) else one
            for one in function
            if not (isinstance(one, Applicable) and one.given + given > len(one.part.parameters))
        }
        if function:
            return value
        return value.union(*(self._expression(argument.value, names) for argument in apply.arguments))

    def _name(self, name: ast.Name, names: NameScope) -> Value:
        if name.name == "_":
            return names.current
        if name.name == "in":
            return names.item.entry
        if self._read(name, names):
            thing = names.find(name.name)
            return thing.value if thing else set()
        return {LAYER} if find(name.name) else set()

    def _member(self, attribute: ast.Attribute, names: NameScope) -> Value:
        value = self._expression(attribute.value, names)
        place = Span(attribute.span.source, attribute.span.end - len(attribute.name), attribute.span.end)
        found: Value = set()
        for one in value:
            thing = one.seen(attribute.name) if isinstance(one, LabelScope) else None
            if thing is not None:
                self._use(place, thing)
                found = found | thing.value
        return found

    def _read(self, name: ast.Name, names: NameScope) -> bool:
        thing = names.find(name.name)
        if thing is not None:
            self._use(name.span, thing)
        return thing is not None

    # ---- what is made once ------------------------------------------------------------------------------------------

    def _use(self, place: Span, thing: DeclaredName) -> None:
        if place not in thing.places:
            self.uses.setdefault(place, set()).add(thing)

    def _declared(
        self, kind: Kind, name: str, place: Span, owner: str = "", same: DeclaredName | None = None
    ) -> DeclaredName:
        thing = self.things.get((kind, place)) or same or DeclaredName(kind, name, owner)
        self.things[kind, place] = thing
        thing.places[place] = None
        return thing

    def _part(self, place: object, title: str, *, through: bool = False) -> LabelScope:
        if place not in self._parts:
            self._parts[place] = LabelScope(title, sees_through=through)
        return self._parts[place]


def imported_path(path: str, item: ast.Import) -> str:
    """The path that an import of a file names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), item.path))


def _begin(span: Span, name: str) -> Span:
    """The name that something begins with."""
    return span.source.span(span.start, span.start + len(name))
