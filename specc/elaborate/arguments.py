"""Arguments of operators and blocks: each finds its attribute or parameter, or is refused at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache

from pydantic import ValidationError

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.finding import conjunction
from specc.diagnostics.words import listed
from specc.elaborate import hints
from specc.elaborate.errors import Invalid, Unknown, in_form, invalid, short, suggestion
from specc.elaborate.evaluation import evaluate, help_with_function
from specc.elaborate.freezing import Freezer, freezer
from specc.elaborate.inference import SIMPLE, BoundOperator, operator
from specc.elaborate.scopes import Definition, Scope, require_name
from specc.elaborate.values import CONSTANTS, UNKNOWN, Evaluated, Metric, Partial, Signal, Value, display, kind_of
from specc.ir.conditions import where_fixed
from specc.ir.op import Op
from specc.ir.size import Size
from specc.ir.targets import Value as Input
from specc.ops.fields import choices, expected, takes_sizes, takes_whole_numbers
from specc.source import Span
from specc.syntax import ast

_FROZEN_AROUND = (
    "`frozen { … }` around it freezes what is in its arms",
    "`{frozen: true, group: …}` around it does that",
)
_KNOWN_FROM_INPUT = frozenset(("in_channels", "in_features", "num_features", "num_channels", "input_size"))
"""What PyTorch's layers ask for and the language does not."""

_OPEN = object()
"""Stands for the value of an argument that depends on the scope, or is charged to a budget, or is none."""


Elsewhere = Callable[[str, Span], tuple[str, ...]]
"""Says where a label of a name is which the step at a place does not see, if there is one."""

Report = Callable[..., None]
"""Takes findings: `specc.elaborate.drafts.Construction.report`."""

_FOREIGN = (Signal, Metric, Partial)
"""Values that no operator takes, whatever the attribute."""


@cache
def _required(kind: type[Op]) -> tuple[str, ...]:
    return tuple([name for name, field in kind.model_fields.items() if field.is_required()])


class OperatorPlan:
    """Which argument of a call is which attribute of its operator: the same in every round that comes to the call.

    Attributes:
        span: the whole step.
        fixed: what `bound` returns everywhere, where no argument depends on the scope; None before its first use.
    """

    __slots__ = ("_assigned", "_call", "_findings", "_kind", "_missing", "_open", "_places", "_values", "fixed", "span")

    def __init__(
        self,
        call: ast.Call | ast.Merge,
        kind: type[Op],
        arguments: tuple[ast.Argument, ...],
        defaults: Mapping[str, ast.Argument],
    ) -> None:
        """Plan the call.

        Args:
            arguments: those of the call, behind those that the operator comes with (``act``: ``leakyrelu(0.1)``).
            defaults: for attributes that ``arguments`` leave out.
        """
        self.span = call.name_span.to(call.span)
        self.fixed: BoundOperator | None = None
        self._call = call
        self._kind = kind
        self._findings: list[Diagnostic] = []
        self._assigned = _assigned(call, kind, arguments, defaults, self._findings)
        self._places = {name: argument.span for name, argument in self._assigned.items()}
        self._missing = [name for name in _required(kind) if name not in self._assigned]
        self._values = {name: _literal(argument.value) for name, argument in self._assigned.items()}
        self._open = [(name, self._assigned[name]) for name, value in self._values.items() if value is _OPEN]

    def bound(self, scope: Scope, report: Report, elsewhere: Elsewhere) -> BoundOperator | None:
        """The operator with the values that its arguments have in ``scope``.

        None where one is wrong, which is reported, or where an earlier error left one unknown.

        Args:
            elsewhere: where a label is that the step does not see, as helps.
        """
        values, findings = self._values.copy(), self._findings.copy()
        is_known = True
        for name, argument in self._open:
            try:
                values[name] = _evaluated(name, argument, self._kind, scope, elsewhere)
            except Invalid as problem:
                findings.append(problem.diagnostic)
            except Unknown:
                is_known = False
        if self._missing and not any(finding.code == Code.UNKNOWN_ARGUMENT for finding in findings):
            # An argument by a wrong name is most likely the one that is missing.
            fields = self._kind.model_fields
            message = f"{self._kind.kind} needs {' and '.join(self._missing)}"
            words = "; ".join(f"{name} is {expected(fields[name])}" for name in self._missing)
            helps = (*hints.several_arguments(self._call.arguments), signature(self._kind))
            findings.append(Diagnostic(Code.MISSING_ARGUMENT, message, Label(self._call.name_span, words), helps=helps))
        bound = None
        if not findings and is_known:
            given = [name for name in self._kind.measures if isinstance(values.get(name), Signal)]
            signals = tuple([values[name] for name in given])
            values |= {name: Input(place) for place, name in enumerate(given, start=1)}
            try:
                bound = BoundOperator(operator(self._kind, values), self._places, self._assigned, signals)
            except ValidationError as error:
                findings = self._refused(error, values, scope)
        if findings:
            report(*findings)
        elif not self._open:
            self.fixed = bound
        return bound

    def _refused(self, error: ValidationError, values: dict[str, Value], scope: Scope) -> list[Diagnostic]:
        """One finding for each attribute whose value is not allowed."""
        kind, findings = self._kind, list[Diagnostic]()
        for name in dict.fromkeys(str(problem["loc"][0]) for problem in error.errors() if problem["loc"]):
            argument, field, value = self._assigned.get(name), kind.model_fields[name], values[name]
            symbolic = () if takes_sizes(field) else tuple(_sizes(value))
            message = f"{name} must be {expected(field)}, not {display(value)}"
            if symbolic:
                formulas = dict.fromkeys(map(str, symbolic))
                symbols = dict.fromkeys(symbol.name for size in symbolic for symbol in size.symbols)
                why = f"{listed(formulas)} {'depends' if len(formulas) == 1 else 'depend'} on {listed(symbols)}"
                if formulas.keys() == symbols.keys():
                    why = f"here it is {listed(formulas)}"
                message = f"{name} of {kind.kind} takes numbers, no symbolic sizes, and {why}"
            helps: tuple[str, ...] = ()
            if argument:
                helps = hints.text_argument(kind, name, argument, values, scope)
                helps += hints.input_for_current((argument.value,), scope)
                if takes_whole_numbers(field):
                    helps += hints.real_for_whole(value, argument.value)
            helps += kind.alternatives(name, values)
            finding = Diagnostic(
                Code.BAD_ARGUMENT,
                message,
                Label(argument.span if argument else self._call.name_span, f"{name} of {kind.kind}"),
                helps=helps,
                where=conjunction(map(where_fixed, symbolic)) or None,
            )
            if argument and not helps and isinstance(value, str) and (known := choices(field)):
                finding = finding.suggesting(suggestion(value, known, "choice"), argument.value.span)
            findings.append(finding)
        return findings


class BlockPlan:
    """Which argument of a call is which parameter of a block: the same in every round that comes to the call.

    Attributes:
        frozen: the argument that freezes all parameters in the block; None where there is none.
    """

    __slots__ = ("_arguments", "_block", "_call", "_findings", "frozen")

    def __init__(
        self,
        call: ast.Call | ast.Merge,
        definition: Definition,
        arguments: tuple[ast.Argument, ...],
        defaults: Mapping[str, ast.Argument],
    ) -> None:
        """Plan the call. The arguments and defaults are as of `OperatorPlan`."""
        self._block = definition.block
        self._call = call
        self._findings: list[Diagnostic] = []
        # Every block takes it, as every layer with weights does: unless it has a parameter of that name itself.
        is_own = any(param.name == "frozen" for param in self._block.params)
        given = next((each for each in arguments if each.name == "frozen"), defaults.get("frozen"))
        self.frozen = None if is_own else given
        arguments = tuple(each for each in arguments if each is not self.frozen)
        self._arguments = _assigned(call, self._block, arguments, defaults, self._findings)

    def freezer(self, scope: Scope) -> Freezer | None:
        """Whether all parameters in the block are frozen, where the call says so. Raises Invalid, Unknown."""
        if self.frozen is None:
            return None
        return freezer("block", self._block.name, self.frozen.span, self.frozen.value, scope)

    def values(self, scope: Scope, inner: Scope, report: Report) -> dict[str, Value] | None:
        """The values of the parameters, defined in ``inner`` too; None as of `OperatorPlan.bound`.

        Args:
            scope: what the arguments see.
            inner: what the parameters' own defaults see: the block's file, its input, the parameters before.
        """
        findings = self._findings.copy()
        values: dict[str, Value] = {}
        for param in self._block.params:
            value = UNKNOWN
            try:
                require_name(param.name, param.span)
                argument = self._arguments.get(param.name)
                if argument is not None:
                    value = evaluate(argument.value, scope)
                    if isinstance(argument.value, ast.Name):
                        inner.budget.charge(value, argument.span)  # a list used again costs time again
                elif param.default is not None:
                    value = evaluate(param.default, inner)
                else:
                    message = f"{self._block.name} needs {param.name}"
                    span, helps = self._call.name_span, (signature(self._block),)
                    raise invalid(Code.MISSING_ARGUMENT, message, span, helps=helps)
                values[param.name] = value
            except Invalid as problem:
                findings.append(problem.diagnostic)
            except Unknown:
                pass
            inner.names[param.name] = value
        if any(finding.code == Code.UNKNOWN_ARGUMENT for finding in findings):
            # An argument by a wrong name is most likely the one that is missing.
            findings = [finding for finding in findings if finding.code != Code.MISSING_ARGUMENT]
        if findings:
            report(*findings)
        return None if findings or len(values) < len(self._block.params) else values


def unused_parameters(item: ast.BlockDefinition | ast.ModelDefinition) -> list[Diagnostic]:
    """Parameters that nothing in the body, the contract or another default reads: an argument must not be ignored.

    And so must none of several inputs of a block, which has no value to begin with but these.
    """
    unread = {param.name for param in item.params}
    inputs = item.contract.inputs if item.contract is not None and isinstance(item, ast.BlockDefinition) else ()
    several = {port.name: port.span for port in inputs if port.name is not None} if len(inputs) > 1 else {}
    unread |= several.keys()
    for part in ast.parts((item.params, item.contract, item.body)):
        if not unread:
            return []
        if isinstance(part, (ast.Name, ast.Call, ast.Merge)):
            unread.discard(part.name)
    what = "block" if isinstance(item, ast.BlockDefinition) else "model"
    findings: list[Diagnostic] = []
    for param in item.params:
        if param.name in unread:
            # The contract may have a name like it: that is a symbolic size, whatever its name.
            similar = suggestion(param.name, ast.names_in(item.contract))
            advice = (
                f"did you mean {param.name} where the contract says {similar.names[0]}?" if similar else "leave it out"
            )
            helps = () if similar else hints.unread_text(param.name, item.body)
            message = f"the parameter {short(param.name)} of {what} {short(item.name)} is never used"
            findings.append(Diagnostic(Code.UNUSED, message, Label(param.span), helps=helps or (advice,)))
    for name, place in several.items():
        if name in unread:
            message = f"the input {short(name)} of block {short(item.name)} is never used"
            helps = ("leave it out, and its arm in each call",)
            findings.append(Diagnostic(Code.UNUSED, message, Label(place), helps=helps))
    return findings


def signature(target: type[Op] | ast.BlockDefinition) -> str:
    """``maxpool(kernel, stride=none, padding=0)``; of a block ``basic(c, stride = 1)``, as its own line has it."""
    if isinstance(target, ast.BlockDefinition):
        return f"{target.name}({', '.join(param.span.text for param in target.params)})"
    fields = target.model_fields.items()
    parts = (name if field.is_required() else f"{name}={display(field.default)}" for name, field in fields)
    return f"{target.kind}({', '.join(parts)})"


def name_of(argument: ast.Argument) -> Span:
    """The place of the name of an argument that has one."""
    start = argument.span.start
    return argument.span.source.span(start, start + len(argument.name or ""))


def _assigned(
    call: ast.Call | ast.Merge,
    target: type[Op] | ast.BlockDefinition,
    arguments: tuple[ast.Argument, ...],
    defaults: Mapping[str, ast.Argument],
    findings: list[Diagnostic],
) -> dict[str, ast.Argument]:
    """Each argument by attribute or parameter, which it names or has the position of; then the defaults of the rest."""
    if isinstance(target, ast.BlockDefinition):
        kind, called, names = None, target.name, [param.name for param in target.params]
    else:
        kind, called, names = target, target.kind, list(target.model_fields)
    positional = [argument for argument in arguments if argument.name is None]
    pairs: list[tuple[str, ast.Argument]] = []
    if kind and kind.variadic and len(positional) > 1:
        span = positional[0].span.to(positional[-1].span)
        entries = ast.Sequence(span, tuple(argument.value for argument in positional))
        pairs.append((kind.variadic, ast.Argument(span, None, entries)))
        positional = []
    for index, argument in enumerate(positional):
        if kind and kind.positional is not None and index >= kind.positional:
            message = f"{called} takes its arguments by name"
            helps: tuple[str, ...] = (signature(target),)
            label = Label(argument.span, "which one is this?")
            findings.append(Diagnostic(Code.BAD_ARGUMENT, message, label, helps=helps))
        elif index < len(names):
            pairs.append((names[index], argument))
        else:
            most = f"{len(names) or 'no'} argument{'s' if len(names) != 1 else ''}"
            message = f"{called} takes {most}, not {len(positional)}"
            label = Label(argument.span, "one too many")
            findings.append(Diagnostic(Code.UNKNOWN_ARGUMENT, message, label, helps=(signature(target),)))
    for argument in arguments:
        name = argument.name
        if name is None:
            continue
        if name in names:
            pairs.append((name, argument))
            continue
        similar = None
        helps = (kind.alternatives(name, {}) or hints.last_axis(argument, names)) if kind else ()
        if kind and name in _KNOWN_FROM_INPUT:
            helps = (f"leave it out: the input tells {name}",)
        if name == "frozen" and isinstance(call, ast.Merge):
            helps = (in_form(argument.span, *_FROZEN_AROUND),)
        if not helps:
            similar = suggestion(name, names, "argument")
            helps = () if similar else (signature(target),)
        message = f"{called} has no argument called {short(name)}"
        finding = Diagnostic(Code.UNKNOWN_ARGUMENT, message, Label(name_of(argument)), helps=helps)
        findings.append(finding.suggesting(similar))
    assigned: dict[str, ast.Argument] = {}
    for name, argument in pairs:
        first = assigned.setdefault(name, argument)
        if first is not argument:
            message = f"{name} of {called} is given twice"
            helps = (signature(kind),) if kind else ()
            label, earlier = Label(argument.span, "again here"), (Label(first.span, "first here"),)
            findings.append(Diagnostic(Code.BAD_ARGUMENT, message, label, earlier, helps=helps))
    return assigned | {name: argument for name, argument in defaults.items() if name not in assigned}


def _literal(expression: ast.Expr | Evaluated) -> Value:
    """The value of an argument that has the same everywhere; `_OPEN` for any other."""
    if isinstance(expression, ast.Name):
        return CONSTANTS.get(expression.name, _OPEN)
    if isinstance(expression, (ast.Number, ast.Text, Evaluated)) and not isinstance(expression.value, _FOREIGN):
        return expression.value
    return _OPEN


def _evaluated(name: str, argument: ast.Argument, kind: type[Op], scope: Scope, elsewhere: Elsewhere) -> Value:
    """The value of an argument in ``scope``. Raises Invalid, Unknown."""
    expression = argument.value
    try:
        value = evaluate(expression, scope)
        if isinstance(value, (tuple, Partial)) and isinstance(expression, ast.Name):
            scope.budget.charge(value, argument.span)  # a list used again costs time again
    except Invalid as problem:
        first = expression.items[0] if isinstance(expression, ast.Sequence) and expression.items else expression
        helps: tuple[str, ...] = ()
        if kind.variadic == "shape" and isinstance(first, ast.Name) and not scope.has(first.name):
            helps = ("-1 stands for the batch, whatever it is called",)
            if isinstance(expression, ast.Sequence) and any(item.span.text == "-1" for item in expression.items[1:]):
                helps = ("_.batch is the batch, whatever it is called",)  # one size only may be -1
        elif problem.diagnostic.code == Code.UNKNOWN_NAME and isinstance(expression, ast.Name):
            helps = _quoted_choice(expression.name, kind, name, argument.span)
            helps = helps or elsewhere(expression.name, expression.span)
        if not helps:
            raise
        raise Invalid(replace(problem.diagnostic, helps=helps)) from None
    if name in kind.measures and value is not None:
        return _measured(name, argument, value, kind, scope)
    if type(value) not in SIMPLE and isinstance(value, _FOREIGN):
        helps = _quoted_choice(value.name, kind, name, argument.span) if isinstance(value, Partial) else ()
        if isinstance(expression, ast.Apply) and isinstance(value, Partial):  # sqrt(4) is a layer, with an argument
            helps = help_with_function(expression, value.name)
        if isinstance(value, Signal) and kind.measures:
            helps = (f"{kind.measures[0]}={short(expression.span.text)} takes its sizes",)
        raise invalid(
            Code.BAD_ARGUMENT,
            f"{kind.kind} takes {display(value)} for no argument",
            argument.span,
            f"{name} is {expected(kind.model_fields[name])}",
            helps=helps,
        )
    return value


def _measured(name: str, argument: ast.Argument, value: Value, kind: type[Op], scope: Scope) -> Signal:
    """The value of the network that an attribute takes the sizes of. Raises Invalid for anything else."""
    if isinstance(value, Signal):
        return value
    expression: ast.Expr | Evaluated = argument.value
    sizes = expression.items[0] if isinstance(expression, ast.Sequence) and expression.items else expression
    helps: tuple[str, ...] = ()
    if isinstance(sizes, (ast.Attribute, ast.Index)) and (owner := _owner(sizes)):
        helps = (f"{name}={owner} takes all its spatial sizes",)
    raise invalid(
        Code.BAD_ARGUMENT,
        f"{name} of {kind.kind} takes a value of the network, and {short(expression.span.text)} is {kind_of(value)}",
        expression.span,
        f"{name} is {expected(kind.model_fields[name])}",
        helps=helps or hints.text_argument(kind, name, argument, {}, scope),
    )


def _owner(expression: ast.Expr) -> str:
    """What the sizes of are asked for: ``skip`` of ``skip.height`` and of ``skip.shape[2]``."""
    while isinstance(expression, (ast.Attribute, ast.Index)):
        expression = expression.value
    return expression.name if isinstance(expression, ast.Name) else ""


def _quoted_choice(word: str, kind: type[Op], name: str, span: Span) -> tuple[str, ...]:
    """How a word is written as a text, where the attribute ``name`` takes that text."""
    if word not in choices(kind.model_fields[name]) or kind.alternatives(name, {name: word}):
        return ()
    return (in_form(span, f'a text is quoted: "{word}"', f"a text has no `=` before it: `{word}`"),)


def _sizes(value: Value) -> Iterator[Size]:
    """The symbolic sizes in a value."""
    if isinstance(value, Size):
        yield value
    elif isinstance(value, tuple):
        for entry in value:
            yield from _sizes(entry)
