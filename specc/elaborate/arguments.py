"""Written arguments become an operator: every argument finds its attribute or is refused at its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from pydantic import ValidationError

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.condition import together
from specc.diagnostics.words import listed
from specc.elaborate.errors import Invalid, in_form, invalid, short, suggestion
from specc.elaborate.evaluation import evaluate
from specc.elaborate.scope import Scope, Unknown
from specc.elaborate.values import CONSTANTS, Evaluated, Metric, Partial, Signal, Value, display, ready
from specc.ir.conditions import where_fixed
from specc.ir.op import Op
from specc.ir.size import Size
from specc.ops.fields import choices, expected, takes_sizes
from specc.source import Span
from specc.syntax import ast

_TOLD_BY_THE_INPUT = frozenset(("in_channels", "in_features", "num_features", "num_channels", "input_size"))
"""What PyTorch's layers ask for and the language does not."""


class BoundOperator:
    """An operator, the place where each of its written attributes stands, and what is written there."""

    __slots__ = ("arguments", "op", "places")

    def __init__(self, op: Op, places: dict[str, Span], arguments: Mapping[str, ast.Argument]) -> None:
        self.op = op
        self.places = places
        self.arguments = arguments


class OperatorPlan:
    """Which argument of a call is which attribute of its operator: the same in every round that comes to the call.

    Attributes:
        span: the whole step.
        findings: arguments that have no place, attributes that have no argument.
        fixed: what `bound` gives everywhere, once it is known, where no argument depends on the scope.
    """

    __slots__ = ("_assigned", "_call", "_missing", "_open", "_places", "_values", "findings", "fixed", "kind", "span")

    def __init__(
        self,
        call: ast.Call | ast.Merge,
        kind: type[Op],
        arguments: tuple[ast.Argument, ...],
        defaults: Mapping[str, ast.Argument],
    ) -> None:
        """Plan the call.

        Args:
            arguments: those of the call, behind those that were given when the operator was handed over.
            defaults: for attributes that ``arguments`` leave out.
        """
        self.kind = kind
        self.span = call.name_span.to(call.span)
        self._call = call
        self.findings: list[Diagnostic] = []
        self._assigned: dict[str, ast.Argument] = {}
        for name, argument in _assign(arguments, kind, defaults, self.findings):
            if name in self._assigned:
                self.findings.append(_twice(call, kind, name, self._assigned[name].span, argument))
            else:
                self._assigned[name] = argument
        self._places = {name: argument.span for name, argument in self._assigned.items()}
        self._missing = _missing(call, kind, self._places)
        self._values = {name: _literal(argument.value) for name, argument in self._assigned.items()}
        self._open = [(name, self._assigned[name]) for name, value in self._values.items() if value is _OPEN]
        self.fixed: BoundOperator | None = None

    def bound(self, scope: Scope) -> tuple[BoundOperator | None, list[Diagnostic]]:
        """The operator with the values that its arguments have in ``scope``; None and the reasons where they are wrong.

        None without a reason where an earlier error left a value unknown.
        """
        values, findings = self._values.copy(), self.findings.copy()
        unknown = False
        for name, argument in self._open:
            try:
                values[name] = _evaluated(name, argument, self.kind, scope)
            except Invalid as problem:
                findings.append(problem.diagnostic)
            except Unknown:
                unknown = True
        if self._missing and not any(finding.code == Code.UNKNOWN_ARGUMENT for finding in findings):
            # An argument by a wrong name is most likely the one that is missing.
            findings += self._missing
        if findings or unknown:
            return None, findings
        return self._checked(values, scope)

    def _checked(self, values: dict[str, Value], scope: Scope) -> tuple[BoundOperator | None, list[Diagnostic]]:
        try:
            bound = BoundOperator(_made(self.kind, values), self._places, self._assigned)
        except ValidationError as error:
            return None, _invalid(error, self.kind, values, self._assigned, self._call, scope)
        if not self._open:
            self.fixed = bound
        return bound, []


_OPEN = object()
"""Stands for the value of an argument that depends on the scope, or is charged to a budget, or is none."""


def _literal(expression: ast.Expr | Evaluated) -> Value:
    """The value of an argument that has the same everywhere."""
    if isinstance(expression, ast.Name):
        return CONSTANTS.get(expression.name, _OPEN)
    if isinstance(expression, (ast.Number, ast.Text)) or (
        isinstance(expression, Evaluated) and not _is_foreign(expression.value)
    ):
        return expression.value
    return _OPEN


def _is_foreign(value: Value) -> bool:
    """Whether a value is none that an operator takes, whatever the attribute."""
    return isinstance(value, (Signal, Metric, Partial))


_MOST_MADE = 4096
_SIMPLE = frozenset((int, float, bool, str, type(None)))
_made_before: dict[tuple[object, ...], Op] = {}


def _made(kind: type[Op], values: dict[str, Value]) -> Op:
    """The operator with these attributes; networks repeat themselves, and so the same object serves again.

    Raises:
        ValidationError: a value is not allowed.
    """
    given = tuple(values.values())
    kinds: tuple[object, ...] = tuple(map(type, given))
    if not _SIMPLE.issuperset(kinds):
        kinds = tuple([_kinds(v) if isinstance(v, tuple) else type(v) for v in given])
        if None in kinds:
            return kind(**values)
    key = kind, tuple(values), given, kinds
    op = _made_before.get(key)
    if op is None:
        if len(_made_before) >= _MOST_MADE:
            _made_before.clear()
        op = _made_before[key] = _new(kind, values)
    return op


def _new(kind: type[Op], values: dict[str, Value]) -> Op:
    # Defaults need no validation, and a layer written without arguments no validator built for it.
    return kind(**values) if values else kind.model_construct()


def _kinds(value: tuple[Value, ...]) -> object:
    """The types of the entries of a short list: 1 is no true, though the two are equal.

    None for a list that is not worth remembering.
    """
    return tuple(map(type, value)) if len(value) <= 8 and not any(isinstance(v, tuple) for v in value) else None


@cache
def _fields(kind: type[Op]) -> tuple[str, ...]:
    return tuple(kind.model_fields)


@cache
def _required(kind: type[Op]) -> tuple[str, ...]:
    return tuple(name for name, field in kind.model_fields.items() if field.is_required())


def signature(kind: type[Op]) -> str:
    """``maxpool(kernel, stride=none, padding=0)``"""
    fields = kind.model_fields.items()
    parts = (name if field.is_required() else f"{name}={display(field.default)}" for name, field in fields)
    return f"{kind.kind}({', '.join(parts)})"


def prepare_default(
    item: ast.Default, parameters: list[str], scope: Scope
) -> tuple[dict[str, ast.Argument], list[Diagnostic]]:
    """The arguments of ``default NAME(…)`` by name, evaluated; and what is wrong with them."""
    arguments: dict[str, ast.Argument] = {}
    findings: list[Diagnostic] = []
    for argument in item.arguments:
        try:
            if argument.name is None:
                first = parameters[0] if parameters else "name"
                example = in_form(
                    argument.span, f"default {item.name}({first} = …)", f"`default: {{{item.name}: {{{first}: …}}}}`"
                )
                raise invalid(Code.BAD_ARGUMENT, "a default gives arguments by name", argument.span, helps=(example,))
            if argument.name not in parameters:
                near = suggestion(argument.name, parameters, "argument")
                raise invalid(
                    Code.UNKNOWN_ARGUMENT,
                    f"{item.name} has no argument called {short(argument.name)}",
                    name_of(argument),
                    helps=() if near else (f"it has {', '.join(parameters) or 'none'}",),
                    suggestion=near,
                )
            value = evaluate(argument.value, scope)
            arguments[argument.name] = ready(argument, value)
        except Invalid as problem:
            findings.append(problem.diagnostic)
        except Unknown:
            continue
    return arguments, findings


def _assign(
    arguments: tuple[ast.Argument, ...],
    kind: type[Op],
    defaults: Mapping[str, ast.Argument],
    findings: list[Diagnostic],
) -> Iterable[tuple[str, ast.Argument]]:
    """Each argument with the attribute it names, or stands for by its position; then the defaults of the rest."""
    fields = _fields(kind)
    positional = [argument for argument in arguments if argument.name is None]
    left = dict(defaults)
    if kind.variadic and len(positional) > 1:
        left.pop(kind.variadic, None)
        yield kind.variadic, _gathered(positional)
        positional = []
    for place, argument in enumerate(positional):
        if kind.positional is not None and place >= kind.positional:
            findings.append(_by_name(kind, argument))
        elif place < len(fields):
            left.pop(fields[place], None)
            yield fields[place], argument
        else:
            findings.append(_too_many(kind, argument, len(positional)))
    for argument in arguments:
        if argument.name in fields:
            left.pop(argument.name, None)
            yield argument.name, argument
        elif argument.name is not None:
            findings.append(_no_such(kind, argument.name, argument))
    yield from left.items()


def _gathered(arguments: list[ast.Argument]) -> ast.Argument:
    span = arguments[0].span.to(arguments[-1].span)
    return ast.Argument(span, None, ast.Sequence(span, tuple(argument.value for argument in arguments)))


def _evaluated(name: str, argument: ast.Argument, kind: type[Op], scope: Scope) -> Value:
    try:
        value = evaluate(argument.value, scope)
        if isinstance(value, (tuple, Partial)) and isinstance(argument.value, ast.Name):
            scope.spend(value, argument.span)  # a list used again costs time again
    except Invalid as problem:
        if kind.variadic == "shape" and _is_batch(argument, scope):
            raise Invalid(
                replace(problem.diagnostic, helps=("-1 stands for the batch, whatever it is called",))
            ) from None
        word = argument.value.name if isinstance(argument.value, ast.Name) else ""
        known = expected(kind.model_fields[name])
        if problem.diagnostic.code != Code.UNKNOWN_NAME or f'"{word}"' not in known:
            raise
        raise Invalid(replace(problem.diagnostic, helps=(_quoted(word, argument),))) from None
    if type(value) not in _SIMPLE and _is_foreign(value):
        expectation = expected(kind.model_fields[name])
        name_of_text = value.name if isinstance(value, Partial) and f'"{value.name}"' in expectation else ""
        raise invalid(
            Code.BAD_ARGUMENT,
            f"{kind.kind} takes {display(value)} for no argument",
            argument.span,
            f"{name} is {expectation}",
            helps=(_quoted(name_of_text, argument),) if name_of_text else (),
        )
    return value


def _is_batch(argument: ast.Argument, scope: Scope) -> bool:
    """Whether the first size of a shape is a name that means nothing here."""
    value = argument.value
    first = value.items[0] if isinstance(value, ast.Sequence) and value.items else value
    return isinstance(first, ast.Name) and not scope.has(first.name)


def _quoted(word: str, argument: ast.Argument) -> str:
    return in_form(argument.span, f'a text is quoted: "{word}"', f"a text has no `=` before it: `{word}`")


def _invalid(
    error: ValidationError,
    kind: type[Op],
    values: dict[str, Value],
    assigned: Mapping[str, ast.Argument],
    call: ast.Call | ast.Merge,
    scope: Scope,
) -> list[Diagnostic]:
    """One finding for each attribute whose value is not allowed."""
    from specc.elaborate.hints import of_features, of_input, of_real
    from specc.elaborate.instead import of_text

    wrong = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors() if problem["loc"])
    findings: list[Diagnostic] = []
    for name in wrong:
        argument, field = assigned.get(name), kind.model_fields[name]
        symbolic = () if takes_sizes(field) else tuple(_sizes(values[name]))
        message = f"{name} must be {expected(field)}, not {display(values[name])}"
        if symbolic:
            message = f"{name} of {kind.kind} takes numbers, no symbolic sizes, and {_dependence(symbolic)}"
        helps: tuple[str, ...] = ()
        if argument:
            helps = (*of_text(kind, name, argument, values, scope), *of_input((argument.value,), scope))
            if "whole number" in expected(field):
                helps += of_real(values[name], argument.value)
        helps += kind.instead(name, values)
        if name == "bias":
            helps += of_features(call, kind)
        finding = Diagnostic(
            Code.BAD_ARGUMENT,
            message,
            Label(argument.span if argument else call.name_span, f"{name} of {kind.kind}"),
            helps=helps,
            where=together(map(where_fixed, symbolic)) or None,
        )
        if argument and not helps and isinstance(text := values[name], str) and (known := choices(field)):
            finding = finding.suggesting(suggestion(text, known, "choice"), argument.value.span)
        findings.append(finding)
    return findings


def _dependence(sizes: tuple[Size, ...]) -> str:
    """``H/2 depends on H``, ``here it is H``"""
    formulas = dict.fromkeys(map(str, sizes))
    symbols = dict.fromkeys(symbol.name for size in sizes for symbol in size.symbols)
    if formulas.keys() == symbols.keys():
        return f"here it is {listed(formulas)}"
    return f"{listed(formulas)} {'depends' if len(formulas) == 1 else 'depend'} on {listed(symbols)}"


def _sizes(value: Value) -> Iterator[Size]:
    """The symbolic sizes in a value."""
    if isinstance(value, Size):
        yield value
    elif isinstance(value, tuple):
        for entry in value:
            yield from _sizes(entry)


def _missing(call: ast.Call | ast.Merge, kind: type[Op], given: Iterable[str]) -> list[Diagnostic]:
    lost = [name for name in _required(kind) if name not in given]
    if not lost:
        return []
    return [
        Diagnostic(
            Code.MISSING_ARGUMENT,
            f"{kind.kind} needs {' and '.join(lost)}",
            Label(call.name_span, "; ".join(f"{name} is {expected(kind.model_fields[name])}" for name in lost)),
            helps=(*_one_for_all(call), signature(kind)),
        )
    ]


def _one_for_all(call: ast.Call | ast.Merge) -> tuple[str, ...]:
    """The help where one text was to be all arguments: ``conv: 16, 3``."""
    from specc.elaborate.instead import lone_text, of_several

    lone = lone_text(call.arguments)
    return of_several(*lone) if lone and "," in lone[0] else ()


def _no_such(kind: type[Op], name: str, argument: ast.Argument) -> Diagnostic:
    message = f"{kind.kind} has no argument called {short(name)}"
    if name in _TOLD_BY_THE_INPUT:
        told = (f"leave it out: the input tells {name}",)
        return Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(name_of(argument)), helps=told)
    others = kind.instead(name, {})
    near = None if others else suggestion(name, kind.model_fields, "argument")
    helps = others or (() if near else (signature(kind),))
    return Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(name_of(argument)), helps=helps).suggesting(near)


def name_of(argument: ast.Argument) -> Span:
    """Where the name of an argument stands, which has one."""
    start = argument.span.start
    return argument.span.source.span(start, start + len(argument.name or ""))


def _by_name(kind: type[Op], argument: ast.Argument) -> Diagnostic:
    return Diagnostic(
        Code.BAD_ARGUMENT,
        f"{kind.kind} takes its arguments by name",
        Label(argument.span, "which one is this?"),
        helps=("the number of channels is left out: the input tells it", signature(kind)),
    )


def _too_many(kind: type[Op], argument: ast.Argument, given: int) -> Diagnostic:
    most = len(kind.model_fields)
    return Diagnostic(
        Code.UNKNOWN_ARGUMENT,
        f"{kind.kind} takes {most or 'no'} argument{'s' if most != 1 else ''}, not {given}",
        Label(argument.span, "one too many"),
        helps=(signature(kind),),
    )


def _twice(call: ast.Call | ast.Merge, kind: type[Op], name: str, first: Span, argument: ast.Argument) -> Diagnostic:
    from specc.elaborate.hints import of_features

    habit = of_features(call, kind) if name == "bias" else ()
    return Diagnostic(
        Code.BAD_ARGUMENT,
        f"{name} of {kind.kind} is given twice",
        Label(argument.span, "again here"),
        (Label(first, "first here"),),
        helps=habit or (signature(kind),),
    )
