"""The steps of a body, one after the other: each is bound, its shape inferred, its place remembered.

A step that is wrong gives a value of unknown type, which silences what follows from it; so one run finds
every independent mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.binder import Bound, bind, signature
from specc.elaborate.contract import MOST_ELEMENTS, agree, within_limit
from specc.elaborate.expressions import UNKNOWN, Scope, Unknown, evaluate
from specc.elaborate.naming import label_problem, name_problem
from specc.elaborate.trouble import Trouble, did_you_mean, not_yet, short, trouble
from specc.elaborate.values import Tensor
from specc.ir.op import Op, Refusal
from specc.ir.types import TensorType, times
from specc.ops import find, names
from specc.source import Span
from specc.syntax import ast

MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Given:
    """A value on its way: where it comes from, and its type (None: an earlier error left it unknown)."""

    producer: int | None
    """Index of the step that makes it; None for the model's input."""
    type: TensorType | None
    span: Span


@dataclass(frozen=True, slots=True)
class Draft:
    """A step that fits, before it has a name."""

    op: Op
    inputs: tuple[Given, ...]
    type: TensorType
    label: str | None
    span: Span


class Body:
    """Walks the statements of one model."""

    def __init__(self, scope: Scope, entry: Given, reserved: dict[str, Span], blocks: frozenset[str]) -> None:
        """``reserved``: names of ports, which no label may take; ``blocks``: names refused where they were defined."""
        self.drafts: list[Draft] = []
        self.findings: list[Diagnostic] = []
        self.assertions: list[tuple[ast.Assert, Scope]] = []
        self._scope = scope
        self._entry = entry
        self._blocks = blocks
        self._reserved = reserved
        self._labels: dict[str, Span] = {}
        self._values: dict[str, Given] = {}
        scope.define("in", _seen(entry))

    def walk(self, statements: tuple[ast.Statement, ...], current: Given) -> Given:
        """Follow ``statements`` from ``current`` and return the last value."""
        for statement in statements:
            self._scope.define("_", _seen(current))
            try:
                current = self._statement(statement, current)
            except Trouble as problem:
                self.findings.append(problem.diagnostic)
                current = self._lost(statement, current)
            except Unknown:
                current = self._lost(statement, current)
        return current

    def _lost(self, statement: ast.Statement, current: Given) -> Given:
        """What stands after a statement that failed: a step's value is unknown, and so is what it names."""
        if isinstance(statement, ast.Let):
            self._scope.define(statement.name, UNKNOWN)
        if isinstance(statement, (ast.Let, ast.Assert, ast.Checkpoint)):
            return current
        lost = Given(None, None, statement.span)
        label = getattr(statement, "label", None)
        if label is not None:
            self._values.setdefault(label.name, lost)
            self._scope.define(label.name, UNKNOWN)
        return lost

    def _statement(self, statement: ast.Statement, current: Given) -> Given:
        match statement:
            case ast.Let():
                define(statement, self._scope)
                return current
            case ast.Assert():
                # Proven when the whole network is known, but ``_`` means the value at this place.
                self.assertions.append((statement, Scope({"_": _seen(current)}, self._scope)))
                return current
            case ast.Call():
                return self._call(statement, current)
            case ast.Merge():
                return self._merge(statement, current)
            case ast.Checkpoint():
                return self._checkpoint(statement, current)
            case ast.Enclosing():
                self._no_label(statement)
                return self._entry
            case ast.Shared():
                raise not_yet("shared steps are", statement.name_span)
            case ast.Group():
                raise not_yet("groups of steps are", _opening(statement.span))
            case ast.Repeat():
                raise not_yet("repeat is", _word(statement.span, "repeat"))
            case ast.For():
                raise not_yet("for is", _word(statement.span, "for"))
            case ast.If():
                raise not_yet("if as a step is", _word(statement.span, "if"))

    def _call(self, call: ast.Call, current: Given) -> Given:
        kind = find(call.name)
        if call.name in self._blocks:
            raise Unknown
        if kind is None:
            return self._earlier_value(call, current)
        self._claim(call.label)
        bound, findings = bind(call, kind, self._scope)
        self.findings += findings
        if kind.arity != (1, 1):
            raise trouble(
                Code.RANK,
                f"{call.name} joins several values",
                call.span,
                helps=(f"{call.name} {{ | … | … }} with one arm for each, _ for the current value",),
            )
        return self._step(call, bound, (current,), call.name_span)

    def _merge(self, merge: ast.Merge, current: Given) -> Given:
        kind = find(merge.name)
        if merge.name in self._blocks:
            raise Unknown
        if kind is None:
            raise self._unknown_layer(merge)
        if kind.arity == (1, 1):
            raise trouble(
                Code.RANK, f"{merge.name} takes one value, not arms", merge.name_span, helps=(signature(kind),)
            )
        self._claim(merge.label)
        bound, findings = bind(merge, kind, self._scope)
        self.findings += findings
        arms = tuple(self.walk(arm.statements, current) for arm in merge.arms)
        self._scope.define("_", _seen(current))
        return self._step(merge, bound, arms, merge.name_span)

    def _step(self, step: ast.Call | ast.Merge, bound: Bound | None, inputs: tuple[Given, ...], where: Span) -> Given:
        span = where.to(step.span)
        types = tuple(given.type for given in inputs)
        if bound is None or any(t is None for t in types):
            return self._remember(step, Given(None, None, span))
        known = tuple(t for t in types if t is not None)
        try:
            result = self._infer(bound.op, known, span)
        except Refusal as refusal:
            raise self._refused(refusal, step, bound, inputs) from None
        if len(self.drafts) >= MOST_STEPS:
            raise trouble(Code.LIMIT, f"the network has more than {MOST_STEPS:,} steps", span)
        label = step.label.name if step.label else None
        self.drafts.append(Draft(bound.op, inputs, result, label, span))
        return self._remember(step, Given(len(self.drafts) - 1, result, span))

    def _infer(self, op: Op, types: tuple[TensorType, ...], span: Span) -> TensorType:
        least, _ = op.arity
        if len(types) < least:
            raise Refusal(Code.RANK, f"{op.kind} joins at least {least} values, and has one arm")
        result = within_limit(op.infer(*types), span)
        for parameter in op.parameters(*types):
            if prod(parameter.shape) > MOST_ELEMENTS:
                raise Refusal(
                    Code.LIMIT,
                    f"{parameter.name} of {op.kind} would be {times(parameter.shape)} = "
                    f"{prod(parameter.shape):,} numbers, and the most is 2^40",
                )
        return result

    def _remember(self, step: ast.Call | ast.Merge, given: Given) -> Given:
        if step.label:
            self._values[step.label.name] = given
            self._scope.define(step.label.name, _seen(given))
        return given

    def _earlier_value(self, call: ast.Call, current: Given) -> Given:
        """A bare name that is no layer: ``_``, or the value of a labelled step."""
        if not call.bare or (call.name != "_" and call.name not in self._values):
            raise self._unknown_layer(call)
        self._no_label(call)
        return current if call.name == "_" else self._values[call.name]

    def _unknown_layer(self, call: ast.Call | ast.Merge) -> Trouble:
        return trouble(
            Code.UNKNOWN_LAYER,
            f"no layer is called {short(call.name)}",
            call.name_span,
            helps=did_you_mean(call.name, {*names(), *self._values, *self._blocks}),
        )

    def _checkpoint(self, checkpoint: ast.Checkpoint, current: Given) -> Given:
        self._no_label(checkpoint)
        if current.type is not None:
            cause = Label(current.span, f"gives {current.type}")
            agree(checkpoint.shape, current.type, self._scope, Code.CHECKPOINT, "the shape here is", cause)
        return current

    def _no_label(self, step: ast.Call | ast.Checkpoint | ast.Enclosing) -> None:
        if step.label is not None:
            raise trouble(
                Code.BAD_LABEL,
                f"{step.label.name} labels no layer, so it would name nothing",
                step.label.span,
                helps=("put the label on the layer that makes the value",),
            )

    def _claim(self, label: ast.Label | None) -> None:
        """Take a label for a step, or report why it cannot have it."""
        if label is None:
            return
        name, earlier = label.name, self._labels.get(label.name) or self._reserved.get(label.name)
        if earlier is not None:
            self.findings.append(
                Diagnostic(
                    Code.DUPLICATE_LABEL,
                    f"two things are called {name}",
                    Label(label.span, "again here"),
                    (Label(earlier, "first here"),),
                )
            )
        elif problem := label_problem(name):
            self.findings.append(
                Diagnostic(Code.BAD_LABEL, problem, Label(label.span), helps=("choose another label",))
            )
        elif self._is_taken(name):
            self.findings.append(
                Diagnostic(
                    Code.BAD_LABEL,
                    f"{name} is a parameter or a let here, and a label cannot hide it",
                    Label(label.span),
                    helps=("choose another label",),
                )
            )
        self._labels.setdefault(name, label.span)

    def _is_taken(self, name: str) -> bool:
        return name in self._scope.known() and name not in self._labels

    def _refused(
        self, refusal: Refusal, step: ast.Call | ast.Merge, bound: Bound, inputs: tuple[Given, ...]
    ) -> Trouble:
        primary = bound.places.get(refusal.argument or "", step.name_span.to(step.span))
        secondary: tuple[Label, ...] = ()
        if isinstance(step, ast.Merge) and refusal.argument not in bound.places:
            primary, secondary = self._arms(refusal, step, inputs, primary)
        elif refusal.cause is not None:
            secondary = (self._cause(inputs[refusal.cause], shrinking=refusal.code == Code.KERNEL_TOO_LARGE),)
        return trouble(
            Code(refusal.code),
            refusal.message,
            primary,
            refusal.label,
            secondary=secondary,
            notes=refusal.notes,
            helps=refusal.helps,
        )

    def _arms(
        self, refusal: Refusal, merge: ast.Merge, inputs: tuple[Given, ...], default: Span
    ) -> tuple[Span, tuple[Label, ...]]:
        """The arm at fault, and the first one, which it was compared with."""
        if refusal.cause is None:
            return default, ()
        first = Label(merge.arms[0].span, f"gives {inputs[0].type}")
        return merge.arms[refusal.cause].span, (first,)

    def _cause(self, given: Given, *, shrinking: bool) -> Label:
        assert given.type is not None, "an unknown type is never refused"
        sizes = self._history(given)
        if shrinking and len(sizes) > 1:
            return Label(given.span, f"the size has shrunk to {sizes[-1]} here: {' > '.join(map(_short, sizes))}")
        verb = "the input is" if given.producer is None else "gives"
        return Label(given.span, f"{verb} {times(given.type.sample)} here")

    def _history(self, given: Given) -> list[str]:
        """The spatial sizes on the way to ``given``, without repetitions."""
        sizes: list[str] = []
        while given.type is not None:
            size = times(given.type.spatial)
            if not sizes or sizes[-1] != size:
                sizes.append(size)
            if given.producer is None:
                break
            given = self.drafts[given.producer].inputs[0]
        return sizes[::-1]


def define(let: ast.Let, scope: Scope) -> None:
    """``let name = value``; a name may be given once in a scope."""
    if problem := name_problem(let.name):
        raise trouble(Code.BAD_LABEL, problem, let.name_span)
    if scope.holds(let.name):
        raise trouble(
            Code.DUPLICATE_LABEL,
            f"{let.name} has a value here already",
            let.name_span,
            helps=("values never change: choose another name",),
        )
    scope.define(let.name, evaluate(let.value, scope))


def _seen(given: Given) -> object:
    return UNKNOWN if given.type is None else Tensor(given.type)


def _short(sizes: str) -> str:
    """``32`` for ``32 x 32``."""
    parts = sizes.split(" x ")
    return parts[0] if len(set(parts)) == 1 else sizes


def _opening(span: Span) -> Span:
    return Span(span.source, span.start, span.start + 1)


def _word(span: Span, word: str) -> Span:
    """The first ``word`` of a step, behind its label if it has one."""
    start = span.text.find(word)
    return Span(span.source, span.start + start, span.start + start + len(word))
