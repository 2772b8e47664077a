"""``assert``: claims about the whole network, proven or refused with the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from math import prod
from operator import attrgetter

from specc.analyses import Costs
from specc.analyses.receptive_field import Reason
from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.elaborate.errors import Invalid, collecting, invalid, short, suggestion
from specc.elaborate.evaluation import FUNCTIONS, evaluate, present, truth
from specc.elaborate.scopes import Scope
from specc.elaborate.values import CONSTANTS, Absent, Metric, PerAxis, Value, display
from specc.ir.size import Size
from specc.syntax import ast

_PER_STEP = ("params", "trainable_params", "macs", "activation_memory")
"""The numbers that are sums over the steps: for them the costliest step is named."""

_UNCLAIMED = {
    Reason.FLAT_INPUT: "its inputs have no spatial axes",
    Reason.RANKS: "its inputs have different numbers of spatial axes",
    Reason.REARRANGED: "no window describes what its output sees",
    Reason.JOINED: "no window describes what its output sees",
    Reason.CROSSED: "no window describes what its output sees",
    Reason.IRREGULAR: "its windows lie too irregularly, over too many places, to tell what its output sees",
}
_CAUSES = {
    Reason.REARRANGED: "lays the places out anew: nothing is claimed behind it",
    Reason.JOINED: "puts places of one value behind those of another: nothing is claimed behind it",
    Reason.CROSSED: "the places of its arms do not lie side by side: nothing is claimed behind it",
}
_UNITS = {"memory": " bytes", "activation_memory": " bytes", "peak_memory": " bytes"}


METRICS = (
    "params",
    "trainable_params",
    "macs",
    "activation_memory",
    "memory",
    "peak_memory",
    "depth",
    "receptive_field",
)
"""Every number of the network that an assert may use. ``memory`` is short for ``activation_memory``."""
NETWORK = "network."
"""Before one of them in a condition that a command takes, where a parameter or a ``let`` is called so, too."""


def metrics(costs: Costs) -> dict[str, Metric]:
    """The numbers by name. Memory is in bytes; costs are of one sample.

    ``macs`` and the memories grow with the batch and take one as an argument: ``macs(N=8)``. Where heights or widths
    are symbolic they, and the receptive field, take those: ``macs(H=224, W=224)``.
    """
    graph = costs.graph
    batch = {str(port.type.batch) for port in graph.inputs if isinstance(port.type.batch, Size)}
    needs = tuple(symbol.name for symbol in graph.symbols)

    def at(name: str, scaled: bool, sizes: Mapping[str, int]) -> Value:
        samples = prod(size for symbol, size in sizes.items() if scaled and symbol in batch)
        fixed = {symbol: size for symbol, size in sizes.items() if not scaled or symbol not in batch}
        of = Costs(graph.at(fixed)) if needs or fixed else costs
        return _field(of) if name == "receptive_field" else getattr(of, name) * samples

    known = {name: Metric(name, partial(getattr, costs, name)) for name in ("params", "trainable_params", "depth")}
    for name in ("macs", "activation_memory", "peak_memory"):
        known[name] = Metric(name, partial(getattr, costs, name), partial(at, name, True), needs)
    sees = needs if needs and costs.no_receptive_field is None else ()
    at_sizes = partial(at, "receptive_field", False) if needs else None
    known["receptive_field"] = Metric("receptive_field", partial(_field, costs), at_sizes, sees)
    return known | {"memory": known["activation_memory"]}


def _field(costs: Costs) -> Value:
    """None where it depends on sizes that are symbolic."""
    if costs.receptive_field is not None:
        return PerAxis(costs.receptive_field)
    unclaimed = costs.no_receptive_field
    if unclaimed is None:
        return None
    cause = _CAUSES.get(unclaimed.reason)
    message = f"this network has no receptive field: {_UNCLAIMED[unclaimed.reason]}"
    return Absent(message, Label(unclaimed.step.span, cause) if unclaimed.step and cause else None)


def unknown_names(tests: Iterable[tuple[ast.Expr, Scope]]) -> list[Diagnostic]:
    """Findings about names in assertions that nothing is called by, shown even where other mistakes prevent a proof."""
    findings: list[Diagnostic] = []
    for test, scope in tests:
        known = scope.known() | {*METRICS, *CONSTANTS, *FUNCTIONS}
        for name in _names(test):
            if name.name not in known:
                message = f"nothing is called {short(name.name)} here"
                finding = Diagnostic(Code.UNKNOWN_NAME, message, Label(name.span))
                findings.append(finding.suggesting(suggestion(name.name, known, "value")))
    return findings


def prove(assertions: list[tuple[ast.Assert, Scope]], costs: Costs) -> list[Diagnostic]:
    """The assertions, each with the names it sees, that do not hold or cannot be decided."""
    known = metrics(costs)
    findings = unknown_names((assertion.test, scope) for assertion, scope in assertions)
    doubtful = {finding.primary.span for finding in findings}
    for assertion, scope in assertions:
        if any(name.span in doubtful for name in _names(assertion.test)):
            continue
        with collecting(findings.append):
            if not _holds(assertion.test, known, scope):
                raise _failed(assertion, known, costs, Scope(known, scope))
    return findings


def condition_holds(test: ast.Expr, scope: Scope, costs: Costs) -> bool:
    """Whether a condition, such as an assert has, is true of a network, whose numbers it may call ``network.depth``.

    Raises:
        SpecError: that cannot be decided.
    """
    try:
        known = metrics(costs)
        known |= {NETWORK + name: replace(metric, name=NETWORK + metric.name) for name, metric in known.items()}
        return _holds(test, known, scope)
    except Invalid as problem:
        raise SpecError([problem.diagnostic]) from None


def condition_findings(test: ast.Expr, scope: Scope, parameter: str) -> list[Diagnostic]:
    """What is wrong with the names of a condition on networks, whatever the network.

    Args:
        parameter: what stands before a parameter's name where it is to mean nothing else.
    """
    known = scope.known()
    findings = unknown_names([(test, Scope(dict.fromkeys(NETWORK + name for name in METRICS), scope))])
    for name in _names(test):
        if name.name in METRICS and name.name in known:
            kind = "parameter" if parameter + name.name in known else "let"
            own = f", or {parameter}{name.name} for the parameter" if kind == "parameter" else ""
            message = f"{name.name} means two things here: a {kind}, and the network's own {name.name}"
            helps = (f"write {NETWORK}{name.name} for that of the network{own}",)
            findings.append(invalid(Code.BAD_VALUE, message, name.span, helps=helps).diagnostic)
    return findings


def _holds(test: ast.Expr, known: dict[str, Metric], scope: Scope) -> bool:
    """Raises Invalid where it cannot be decided, Unknown."""
    # A budget must not be met by a parameter that happens to be called macs, nor by a number nobody knows.
    for part in ast.parts(test):
        if isinstance(part, ast.Binder) and part.name in known:
            message = f"{part.name} is the network's own {part.name} here, and no variable"
            raise invalid(Code.BAD_VALUE, message, part.span, helps=("call the variable differently",))
    for name in _names(test):
        if name.name in known and name.name in scope.known():
            raise _two_meanings(name)
        if name.name in known and known[name.name].at is None:  # one that takes sizes is refused at its call
            present(known[name.name].value, name.span)
    return truth(test, Scope(known, scope))


def _two_meanings(name: ast.Name) -> Invalid:
    """What is wrong with a name of the spec that a number of the network has, too."""
    message = f"{name.name} means two things here: a name of the spec, and the network's own {name.name}"
    helps = (f"call the parameter, let or label {name.name} differently",)
    return invalid(Code.BAD_VALUE, message, name.span, helps=helps)


def _failed(assertion: ast.Assert, known: Mapping[str, Metric], costs: Costs, scope: Scope) -> Invalid:
    test = assertion.test
    used = [name for name in dict.fromkeys(name.name for name in _names(test)) if name in known]
    sides = (test.left, test.right) if isinstance(test, ast.Binary) and test.operator not in ("and", "or") else ()
    facts = {side.span.text: evaluate(side, scope) for side in sides if not isinstance(side, ast.Number)}
    notes: list[str] = []
    for name in used:
        if name in _PER_STEP and (total := getattr(costs, name)):
            step = max(costs.steps, key=attrgetter(name))
            own, (line, _) = int(getattr(step, name)), step.node.span.position
            share = f"{display(own)}, {100 * own / total:.0f}%"
            notes.append(f"of these, {step.node.name} (line {line}) has the most: {share}")
    shown = facts or {name: known[name] for name in used if not known[name].needs}
    return invalid(
        Code.ASSERTION,
        assertion.message or f"{test.span.text} does not hold",
        test.span,
        ", ".join(f"{what} = {display(value)}{_UNITS.get(what, '')}" for what, value in shown.items()),
        notes=tuple(notes),
    )


def _names(expression: ast.Expr) -> list[ast.Name]:
    """The names that an expression reads, in their order."""
    return [*ast.free_names(expression)]
