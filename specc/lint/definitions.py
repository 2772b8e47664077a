"""S0508: imports and lets that nothing uses.

Names are followed through the scopes of the text, so that a use of one name is no use of another that it hides.
Where that depends on how the spec is run (a shared step sees the scope in which it is applied), both are used.
A let or block of the file itself may be there to be imported, and so may an import of a file without models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety, Severity
from specc.source import Span
from specc.syntax import ast, is_yaml
from specc.syntax.trivia import own_lines


def unused_definitions(file: ast.File) -> Iterator[Diagnostic]:
    """One finding for each."""
    if "let" not in file.source.text and not any(isinstance(item, ast.Import) for item in file.items):
        return
    reader = _Uses(file)
    imports = [item for item in file.items if isinstance(item, ast.Import)] if file.models else []
    for item in imports:
        for label in item.names:
            if label.span not in reader.used:
                what = "leave the import out" if len(item.names) == 1 else f"leave {label.name} out of the import"
                yield Diagnostic(
                    Code.UNUSED_DEFINITION,
                    f"nothing in this file uses {label.name}",
                    Label(label.span, "is imported here"),
                    helps=(f"{what}, unless another file imports {label.name} from here",),
                    severity=Severity.WARNING,
                )
    for let in reader.lets:
        if let.name_span not in reader.used:
            # The fix is for a let with lines of its own.
            lines = None if is_yaml(file.source.name) else own_lines(let.span)
            yield Diagnostic(
                Code.UNUSED_DEFINITION,
                f"the let {let.name} is never used",
                Label(let.name_span),
                helps=("leave it out",),
                severity=Severity.WARNING,
                fix=Fix((Edit(lines, ""),), Safety.SAFE) if lines else None,
            )


class _Scope:
    """Names, and where each of them is defined; None for one whose use does not matter."""

    def __init__(self, outer: _Scope | None = None) -> None:
        self._names: dict[str, Span | None] = {}
        self._labels: set[str] = set()
        self._outer = outer

    def define(self, name: str, place: Span | None = None) -> None:
        self._names[name] = place

    def label(self, name: str) -> None:
        """Define a label: a value, which cannot be called. A call with arguments is of what the label hides."""
        if name not in self._names:
            self._labels.add(name)
        self._names[name] = None

    def knows(self, name: str) -> bool:
        return name in self._names or (self._outer is not None and self._outer.knows(name))

    def find(self, name: str, *, called: bool = False) -> Span | None:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope._names and not (called and name in scope._labels):
                return scope._names[name]
            scope = scope._outer
        return None


class _Uses:
    """Follows every name of a file. ``used`` has the places of the definitions that something reads."""

    def __init__(self, file: ast.File) -> None:
        self.used: set[Span] = set()
        self.lets: list[ast.Let] = []
        names = _Scope()
        for item in file.items:
            if isinstance(item, ast.Import):
                for label in item.names:
                    names.define(label.name, label.span)
        for item in file.items:
            match item:
                case ast.Let():
                    self._read(item.value, names)
                case ast.Default():
                    self._name(item.name, names)
                    self._read(item.arguments, names)
                case ast.BlockDefinition() | ast.ModelDefinition():
                    self._definition(item, _Scope(names))

    def _definition(self, item: ast.BlockDefinition | ast.ModelDefinition, scope: _Scope) -> None:
        for param in item.params:
            self._read(param.default, scope)
            scope.define(param.name)
        if item.contract is not None:
            for port in item.contract.inputs:
                for name in _names_in(port.shape):
                    self._name(name, scope)
                    if not scope.knows(name):
                        scope.define(name)  # a name in a shape that means nothing yet is a size of its own
            for port in item.contract.inputs:
                if port.name is not None:
                    scope.define(port.name)
            self._read(item.contract.where, scope)
        self._list(item.body.statements, scope, scope)
        for port in (item.contract.outputs or ()) if item.contract else ():  # which see the lets of the body
            self._read(port.shape, scope)
            self._name(port.name or "", scope)

    def _list(self, statements: tuple[ast.Statement, ...], scope: _Scope, frame: _Scope) -> None:
        """Statements in order.

        Args:
            frame: the scope that their labels belong to.
        """
        later: list[object] = []
        for statement in statements:
            match statement:
                case ast.Let():
                    self._read(statement.value, scope)
                    scope.define(statement.name, statement.name_span)
                    self.lets.append(statement)
                case ast.Assert():
                    later.append(statement.test)  # proven in the end, with all that is known then
                case ast.Shared():
                    inner = _Scope(scope)
                    self._list(statement.steps, inner, inner)
                    scope.define(statement.name)
                    later.append(statement.steps)
                case _:
                    self._step(statement, scope, frame)
        for part in later:
            self._read(part, scope)

    def _step(self, step: ast.Step, scope: _Scope, frame: _Scope) -> None:
        if step.label is not None:
            self._read(step.label.parts, scope)
        inner = _Scope(scope)
        place = inner if step.label is not None else frame
        match step:
            case ast.Call() | ast.Merge():
                self._name(step.name, scope, called=isinstance(step, ast.Call) and not step.bare)
                if step.arguments:
                    self._read(step.arguments, scope)
                for arm in step.arms if isinstance(step, ast.Merge) else ():
                    self._list(arm.statements, _Scope(scope), frame)
            case ast.Checkpoint() | ast.Reference():
                self._read(step[1], scope)
            case ast.Group():
                self._read(step.frozen, scope)
                self._list(step.body.statements, inner, place)
            case ast.If():
                self._read(step.test, scope)
                for body in filter(None, (step.body, step.otherwise)):
                    branch = _Scope(scope)
                    self._list(body.statements, branch, branch if step.label is not None else frame)
            case ast.Repeat() | ast.For():
                self._read(step.rounds if isinstance(step, ast.Repeat) else step.table, scope)
                for label in step.names if isinstance(step, ast.For) else ():
                    inner.define(label.name)
                self._list(step.body.statements, inner, inner)
        if step.label is not None:
            frame.label(step.label.name)

    def _read(self, part: object, scope: _Scope) -> None:
        """Every name in expressions and arguments, and in steps that are read a second time."""
        for name in _names_in(part):
            self._name(name, scope)

    def _name(self, name: str, scope: _Scope, *, called: bool = False) -> None:
        place = scope.find(name, called=called)
        if place is not None:
            self.used.add(place)


def _names_in(part: object) -> Iterable[str]:
    return (one.name for one in ast.parts(part) if isinstance(one, (ast.Name, ast.Call, ast.Merge)))
