"""``assert``: claims about the whole network, proven or refused with the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specc.analyses import Costs, StepCost
from specc.diagnostics import Code, Diagnostic
from specc.elaborate.expressions import Scope, Unknown, evaluate, truth
from specc.elaborate.trouble import Trouble, trouble
from specc.elaborate.values import Metric, PerAxis, written
from specc.ir.types import Symbol
from specc.syntax import ast

_PER_STEP = ("params", "trainable_params", "macs", "activation_memory")
"""The numbers that are sums over the steps: for them the costliest step is named."""

_UNITS = {"memory": " bytes", "activation_memory": " bytes", "peak_memory": " bytes"}


def metrics(costs: Costs) -> dict[str, Metric]:
    """Every number that an assert may use, by name. Memory is in bytes; costs are of one sample.

    ``memory`` is short for ``activation_memory``, as in the table of `specc show`.

    ``macs`` and the two memories grow with the batch and may be asked at one: ``macs(N=8)``.
    """
    batch = costs.graph.inputs[0].type.batch
    field = costs.receptive_field

    def growing(name: str) -> Metric:
        one: int = getattr(costs, name)

        def at(sizes: Mapping[str, int]) -> int:
            known = {batch.name} if isinstance(batch, Symbol) else set()
            for size in sizes:
                if size not in known:
                    raise KeyError(size)
            samples = 1
            for count in sizes.values():
                samples *= count
            return one * samples

        return Metric(name, one, at)

    fixed = {name: Metric(name, getattr(costs, name)) for name in ("params", "trainable_params", "depth")}
    grow = {name: growing(name) for name in ("macs", "activation_memory", "peak_memory")}
    grow["memory"] = grow["activation_memory"]
    seen = {} if field is None else {"receptive_field": Metric("receptive_field", PerAxis(field))}
    return fixed | grow | seen


def prove(assertions: list[tuple[ast.Assert, Scope]], costs: Costs) -> list[Diagnostic]:
    """The assertions, each with the names it sees, that do not hold or cannot be decided."""
    known = metrics(costs)
    findings = []
    for assertion, scope in assertions:
        inner = Scope(known, scope)
        try:
            _refuse_two_meanings(assertion.test, known, scope)
            if not truth(assertion.test, inner):
                findings.append(_failed(assertion, known, costs, inner).diagnostic)
        except Trouble as problem:
            findings.append(problem.diagnostic)
        except Unknown:
            continue
    return findings


def _refuse_two_meanings(test: ast.Expr, known: Mapping[str, Metric], scope: Scope) -> None:
    """A budget must not be met by a parameter that happens to be called macs."""
    for name in _names(test):
        if name in known and name in scope.known():
            raise trouble(
                Code.BAD_VALUE,
                f"{name} means two things here: a name of the spec, and the network's own {name}",
                test.span,
                helps=(f"call the parameter, let or label {name} differently",),
            )


def _failed(assertion: ast.Assert, known: Mapping[str, Metric], costs: Costs, scope: Scope) -> Trouble:
    test = assertion.test
    used = [name for name in dict.fromkeys(_names(test)) if name in known]
    sides = (test.left, test.right) if isinstance(test, ast.Binary) and test.operator not in ("and", "or") else ()
    facts = {side.span.text: evaluate(side, scope) for side in sides if not isinstance(side, ast.Number)}
    shown = facts or {name: known[name] for name in used}
    return trouble(
        Code.ASSERTION,
        assertion.message or f"{test.span.text} does not hold",
        test.span,
        ", ".join(f"{what} = {written(value)}{_UNITS.get(what, '')}" for what, value in shown.items()),
        notes=tuple(_costliest(name, costs) for name in used if name in _PER_STEP and getattr(costs, name)),
    )


def _costliest(name: str, costs: Costs) -> str:
    def of(step: StepCost) -> int:
        return int(getattr(step, name))

    step = max(costs.steps, key=of)
    line, _ = step.node.span.position
    total = getattr(costs, name)
    return f"of these, {step.node.name} (line {line}) has the most: {written(of(step))}, {100 * of(step) / total:.0f}%"


def _names(expression: ast.Expr) -> Iterator[str]:
    match expression:
        case ast.Name(_, name):
            yield name
        case ast.Unary(_, _, operand):
            yield from _names(operand)
        case ast.Binary(_, _, left, right):
            yield from _names(left)
            yield from _names(right)
        case ast.Conditional(_, value, test, other):
            for part in (value, test, other):
                yield from _names(part)
        case ast.Attribute(_, value, _):
            yield from _names(value)
        case ast.Index(_, value, index):
            yield from _names(value)
            yield from _names(index)
        case ast.Apply(_, function, arguments):
            yield from _names(function)
            for argument in arguments:
                yield from _names(argument.value)
        case ast.Sequence(_, items):
            for item in items:
                yield from _names(item)
