"""Written arguments become an operator: every argument finds its attribute or is refused at its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from pydantic import ValidationError

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.condition import together
from specc.diagnostics.words import listed
from specc.elaborate import hints
from specc.elaborate.errors import Invalid, Unknown, in_form, invalid, short, suggestion
from specc.elaborate.evaluation import evaluate
from specc.elaborate.scopes import Scope
from specc.elaborate.values import CONSTANTS, Evaluated, Metric, Partial, Signal, Value, display, evaluated
from specc.ir.conditions import where_fixed
from specc.ir.op import Op
from specc.ir.size import Size
from specc.ops.fields import choices, expected, takes_sizes, takes_whole_numbers
from specc.source import Span
from specc.syntax import ast

_KNOWN_FROM_INPUT = frozenset(("in_channels", "in_features", "num_features", "num_channels", "input_size"))
"""What PyTorch's layers ask for and the language does not."""

_OPEN = object()
"""Stands for the value of an argument that depends on the scope, or is charged to a budget, or is none."""


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
        findings: arguments that have no attribute, attributes that have no argument.
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
            arguments: those of the call, behind those that the operator was handed over with.
            defaults: for attributes that ``arguments`` leave out.
        """
        self.kind = kind
        self.span = call.name_span.to(call.span)
        self._call = call
        self.findings: list[Diagnostic] = []
        self._assigned: dict[str, ast.Argument] = {}
        for name, argument in _assign(arguments, kind, defaults, self.findings):
            if name not in self._assigned:
                self._assigned[name] = argument
                continue
            habit = hints.features_first(call, kind) if name == "bias" else ()
            self.findings.append(
                Diagnostic(
                    Code.BAD_ARGUMENT,
                    f"{name} of {kind.kind} is given twice",
                    Label(argument.span, "again here"),
                    (Label(self._assigned[name].span, "first here"),),
                    helps=habit or (signature(kind),),
                )
            )
        self._places = {name: argument.span for name, argument in self._assigned.items()}
        self._missing = [name for name in _required(kind) if name not in self._assigned]
        self._values = {name: _literal(argument.value) for name, argument in self._assigned.items()}
        self._open = [(name, self._assigned[name]) for name, value in self._values.items() if value is _OPEN]
        self.fixed: BoundOperator | None = None

    def bound(self, scope: Scope) -> tuple[BoundOperator | None, list[Diagnostic]]:
        """The operator with the values that its arguments have in ``scope``; None and the reasons where they are wrong.

        None without a reason where an earlier error left a value unknown.
        """
        values, findings = self._values.copy(), self.findings.copy()
        is_known = True
        for name, argument in self._open:
            try:
                values[name] = _evaluated(name, argument, self.kind, scope)
            except Invalid as problem:
                findings.append(problem.diagnostic)
            except Unknown:
                is_known = False
        if self._missing and not any(finding.code == Code.UNKNOWN_ARGUMENT for finding in findings):
            # An argument by a wrong name is most likely the one that is missing.
            findings.append(self._without_missing())
        if findings or not is_known:
            return None, findings
        try:
            bound = BoundOperator(_operator(self.kind, values), self._places, self._assigned)
        except ValidationError as error:
            return None, self._refused(error, values, scope)
        if not self._open:
            self.fixed = bound
        return bound, []

    def _without_missing(self) -> Diagnostic:
        fields = self.kind.model_fields
        return Diagnostic(
            Code.MISSING_ARGUMENT,
            f"{self.kind.kind} needs {' and '.join(self._missing)}",
            Label(self._call.name_span, "; ".join(f"{name} is {expected(fields[name])}" for name in self._missing)),
            helps=(*hints.several_arguments(self._call.arguments), signature(self.kind)),
        )

    def _refused(self, error: ValidationError, values: dict[str, Value], scope: Scope) -> list[Diagnostic]:
        """One finding for each attribute whose value is not allowed."""
        kind, findings = self.kind, list[Diagnostic]()
        for name in dict.fromkeys(str(problem["loc"][0]) for problem in error.errors() if problem["loc"]):
            argument, field, value = self._assigned.get(name), kind.model_fields[name], values[name]
            symbolic = () if takes_sizes(field) else tuple(_sizes(value))
            message = f"{name} must be {expected(field)}, not {display(value)}"
            if symbolic:
                message = f"{name} of {kind.kind} takes numbers, no symbolic sizes, and {_dependence(symbolic)}"
            helps: tuple[str, ...] = ()
            if argument:
                helps = hints.text_argument(kind, name, argument, values, scope)
                helps += hints.input_for_current((argument.value,), scope)
                if takes_whole_numbers(field):
                    helps += hints.real_for_whole(value, argument.value)
            helps += kind.instead(name, values)
            if name == "bias":
                helps += hints.features_first(self._call, kind)
            finding = Diagnostic(
                Code.BAD_ARGUMENT,
                message,
                Label(argument.span if argument else self._call.name_span, f"{name} of {kind.kind}"),
                helps=helps,
                where=together(map(where_fixed, symbolic)) or None,
            )
            if argument and not helps and isinstance(value, str) and (known := choices(field)):
                finding = finding.suggesting(suggestion(value, known, "choice"), argument.value.span)
            findings.append(finding)
        return findings


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
            arguments[argument.name] = evaluated(argument, evaluate(argument.value, scope))
        except Invalid as problem:
            findings.append(problem.diagnostic)
        except Unknown:
            continue
    return arguments, findings


def name_of(argument: ast.Argument) -> Span:
    """Where the name of an argument stands, which has one."""
    start = argument.span.start
    return argument.span.source.span(start, start + len(argument.name or ""))


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
        span = positional[0].span.to(positional[-1].span)
        entries = ast.Sequence(span, tuple(argument.value for argument in positional))
        yield kind.variadic, ast.Argument(span, None, entries)
        positional = []
    for index, argument in enumerate(positional):
        if kind.positional is not None and index >= kind.positional:
            message = f"{kind.kind} takes its arguments by name"
            helps = ("the number of channels is left out: the input tells it", signature(kind))
            label = Label(argument.span, "which one is this?")
            findings.append(Diagnostic(Code.BAD_ARGUMENT, message, label, helps=helps))
        elif index < len(fields):
            left.pop(fields[index], None)
            yield fields[index], argument
        else:
            most = f"{len(fields) or 'no'} argument{'s' if len(fields) != 1 else ''}"
            message = f"{kind.kind} takes {most}, not {len(positional)}"
            label = Label(argument.span, "one too many")
            findings.append(Diagnostic(Code.UNKNOWN_ARGUMENT, message, label, helps=(signature(kind),)))
    for argument in arguments:
        if argument.name in fields:
            left.pop(argument.name, None)
            yield argument.name, argument
        elif argument.name is not None:
            findings.append(_no_such(kind, argument.name, argument))
    yield from left.items()


def _no_such(kind: type[Op], name: str, argument: ast.Argument) -> Diagnostic:
    message = f"{kind.kind} has no argument called {short(name)}"
    near = None
    helps: tuple[str, ...] = (f"leave it out: the input tells {name}",) if name in _KNOWN_FROM_INPUT else ()
    if not helps:
        helps = kind.instead(name, {})
        near = None if helps else suggestion(name, kind.model_fields, "argument")
        helps = helps or (() if near else (signature(kind),))
    return Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(name_of(argument)), helps=helps).suggesting(near)


@cache  # one entry for each operator
def _fields(kind: type[Op]) -> tuple[str, ...]:
    return tuple(kind.model_fields)


@cache  # one entry for each operator
def _required(kind: type[Op]) -> tuple[str, ...]:
    return tuple(name for name, field in kind.model_fields.items() if field.is_required())


def _literal(expression: ast.Expr | Evaluated) -> Value:
    """The value of an argument that has the same everywhere; `_OPEN` for any other."""
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


def _evaluated(name: str, argument: ast.Argument, kind: type[Op], scope: Scope) -> Value:
    """The value of an argument in ``scope``. Raises Invalid, Unknown."""
    expression = argument.value
    try:
        value = evaluate(expression, scope)
        if isinstance(value, (tuple, Partial)) and isinstance(expression, ast.Name):
            scope.budget.charge(value, argument.span)  # a list used again costs time again
    except Invalid as problem:
        first = expression.items[0] if isinstance(expression, ast.Sequence) and expression.items else expression
        if kind.variadic == "shape" and isinstance(first, ast.Name) and not scope.has(first.name):
            help_ = "-1 stands for the batch, whatever it is called"
        elif problem.diagnostic.code == Code.UNKNOWN_NAME and _is_choice(kind, name, word := _word(expression)):
            help_ = _quoted(word, argument)
        else:
            raise
        raise Invalid(replace(problem.diagnostic, helps=(help_,))) from None
    if type(value) not in _SIMPLE and _is_foreign(value):
        word = value.name if isinstance(value, Partial) else ""
        raise invalid(
            Code.BAD_ARGUMENT,
            f"{kind.kind} takes {display(value)} for no argument",
            argument.span,
            f"{name} is {expected(kind.model_fields[name])}",
            helps=(_quoted(word, argument),) if _is_choice(kind, name, word) else (),
        )
    return value


def _word(expression: ast.Expr | Evaluated) -> str:
    return expression.name if isinstance(expression, ast.Name) else ""


def _is_choice(kind: type[Op], name: str, word: str) -> bool:
    """Whether the attribute takes a word as a text."""
    return word in choices(kind.model_fields[name]) and not kind.instead(name, {name: word})


def _quoted(word: str, argument: ast.Argument) -> str:
    return in_form(argument.span, f'a text is quoted: "{word}"', f"a text has no `=` before it: `{word}`")


_MOST_OPERATORS = 4096
_SIMPLE = frozenset((int, float, bool, str, type(None)))
_operators: dict[tuple[object, ...], Op] = {}
"""Operators by their attributes, emptied when it is full. A validation costs more than all else that a step takes:
without this, elaborating examples/zoo takes 25 % longer."""


def _operator(kind: type[Op], values: dict[str, Value]) -> Op:
    """The operator with these attributes, the same object where it has been made before.

    Raises:
        ValidationError: a value is not allowed.
    """
    arguments = tuple(values.values())
    types: tuple[object, ...] = tuple(map(type, arguments))
    if not _SIMPLE.issuperset(types):
        # Of a short list those of its entries, for 1 is no true, though the two are equal; a long one is not worth it.
        if any(isinstance(v, tuple) and (len(v) > 8 or any(isinstance(e, tuple) for e in v)) for v in arguments):
            return kind(**values)
        types = tuple([tuple(map(type, v)) if isinstance(v, tuple) else type(v) for v in arguments])
    key = kind, tuple(values), arguments, types
    op = _operators.get(key)
    if op is None:
        if len(_operators) >= _MOST_OPERATORS:
            _operators.clear()
        # Defaults need no validation, and a layer written without arguments no validator built for it.
        op = _operators[key] = kind(**values) if values else kind.model_construct()
    return op


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
