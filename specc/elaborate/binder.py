"""Written arguments become an operator: every argument finds its attribute or is refused at its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ValidationError

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.expressions import Scope, Unknown, evaluate
from specc.elaborate.trouble import Trouble, did_you_mean, short, trouble
from specc.elaborate.values import Metric, Tensor, Value, written
from specc.ir.op import Op
from specc.ops.fields import expected
from specc.source import Span
from specc.syntax import ast

_TOLD_BY_THE_INPUT = frozenset(("in_channels", "in_features", "num_features", "num_channels", "input_size"))
"""What PyTorch's layers ask for and the language does not."""


class Bound:
    """An operator, and the place where each of its written attributes stands."""

    def __init__(self, op: Op, places: dict[str, Span]) -> None:
        self.op = op
        self.places = places


def bind(call: ast.Call | ast.Merge, kind: type[Op], scope: Scope) -> tuple[Bound | None, list[Diagnostic]]:
    """The operator that ``call`` describes; None and the reasons where its arguments are wrong."""
    findings: list[Diagnostic] = []
    values: dict[str, Value] = {}
    places: dict[str, Span] = {}
    unknown = False
    for name, argument in _assign(call, kind, findings):
        if name in places:
            findings.append(_twice(kind, name, places[name], argument))
            continue
        places[name] = argument.span
        try:
            values[name] = _evaluated(name, argument, kind, scope)
        except Trouble as problem:
            findings.append(problem.diagnostic)
        except Unknown:
            unknown = True
    if not any(finding.code == Code.UNKNOWN_ARGUMENT for finding in findings):
        # An argument by a wrong name is most likely the one that is missing.
        findings += _missing(call, kind, places)
    if findings or unknown:
        return None, findings
    if not values:
        # Defaults need no validation, and a layer written without arguments no validator built for it.
        return Bound(kind.model_construct(), places), []
    try:
        return Bound(kind(**values), places), []
    except ValidationError as error:
        return None, _invalid(error, kind, values, places, call)


def signature(kind: type[Op]) -> str:
    """``maxpool(kernel, stride=none, padding=0)``"""
    fields = kind.model_fields.items()
    parts = (name if field.is_required() else f"{name}={written(field.default)}" for name, field in fields)
    return f"{kind.kind}({', '.join(parts)})"


def _assign(
    call: ast.Call | ast.Merge, kind: type[Op], findings: list[Diagnostic]
) -> Iterable[tuple[str, ast.Argument]]:
    """Each argument with the attribute it names, or stands for by its position."""
    fields = list(kind.model_fields)
    positional = [argument for argument in call.arguments if argument.name is None]
    if kind.variadic and len(positional) > 1:
        yield kind.variadic, _gathered(positional)
        positional = []
    for place, argument in enumerate(positional):
        if place < len(fields):
            yield fields[place], argument
        else:
            findings.append(_too_many(kind, argument, len(positional)))
    for argument in call.arguments:
        if argument.name in fields:
            yield argument.name, argument
        elif argument.name is not None:
            findings.append(_no_such(kind, argument.name, argument))


def _gathered(arguments: list[ast.Argument]) -> ast.Argument:
    span = arguments[0].span.to(arguments[-1].span)
    return ast.Argument(span, None, ast.Sequence(span, tuple(argument.value for argument in arguments)))


def _evaluated(name: str, argument: ast.Argument, kind: type[Op], scope: Scope) -> Value:
    expectation = expected(kind.model_fields[name])
    try:
        value = evaluate(argument.value, scope)
        if isinstance(argument.value, ast.Name):
            scope.spend(value, argument.span)  # a list used again costs time again
    except Trouble as problem:
        word = argument.value.name if isinstance(argument.value, ast.Name) else ""
        if problem.diagnostic.code != Code.UNKNOWN_NAME or f'"{word}"' not in expectation:
            raise
        raise Trouble(replace(problem.diagnostic, helps=(f'a text is quoted: "{word}"',))) from None
    if isinstance(value, (Tensor, Metric)):
        raise trouble(
            Code.BAD_ARGUMENT,
            f"{kind.kind} takes {written(value)} for no argument",
            argument.span,
            f"{name} is {expectation}",
        )
    return value


def _invalid(
    error: ValidationError,
    kind: type[Op],
    values: dict[str, Value],
    places: dict[str, Span],
    call: ast.Call | ast.Merge,
) -> list[Diagnostic]:
    """One finding for each attribute whose value is not allowed."""
    wrong = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors() if problem["loc"])
    return [
        Diagnostic(
            Code.BAD_ARGUMENT,
            f"{name} must be {expected(kind.model_fields[name])}, not {written(values[name])}",
            Label(places.get(name, call.name_span), f"{name} of {kind.kind}"),
        )
        for name in wrong
    ]


def _missing(call: ast.Call | ast.Merge, kind: type[Op], given: Iterable[str]) -> list[Diagnostic]:
    required = [name for name, field in kind.model_fields.items() if field.is_required()]
    lost = [name for name in required if name not in given]
    if not lost:
        return []
    return [
        Diagnostic(
            Code.MISSING_ARGUMENT,
            f"{kind.kind} needs {' and '.join(lost)}",
            Label(call.name_span, "; ".join(f"{name} is {expected(kind.model_fields[name])}" for name in lost)),
            helps=(signature(kind),),
        )
    ]


def _no_such(kind: type[Op], name: str, argument: ast.Argument) -> Diagnostic:
    helps = did_you_mean(name, kind.model_fields) or (signature(kind),)
    if name in _TOLD_BY_THE_INPUT:
        helps = (f"leave it out: the input tells {name}",)
    span = Span(argument.span.source, argument.span.start, argument.span.start + len(name))
    return Diagnostic(
        Code.UNKNOWN_ARGUMENT, f"{kind.kind} has no argument called {short(name)}", Label(span), helps=helps
    )


def _too_many(kind: type[Op], argument: ast.Argument, given: int) -> Diagnostic:
    most = len(kind.model_fields)
    return Diagnostic(
        Code.UNKNOWN_ARGUMENT,
        f"{kind.kind} takes {most or 'no'} argument{'s' if most != 1 else ''}, not {given}",
        Label(argument.span, "one too many"),
        helps=(signature(kind),),
    )


def _twice(kind: type[Op], name: str, first: Span, argument: ast.Argument) -> Diagnostic:
    return Diagnostic(
        Code.BAD_ARGUMENT,
        f"{name} of {kind.kind} is given twice",
        Label(argument.span, "again here"),
        (Label(first, "first here"),),
        helps=(signature(kind),),
    )
