"""How much a spec may grow into: growth is refused before it happens, wherever a forecast is possible."""

from __future__ import annotations

from typing import get_args

from specc.diagnostics import Code
from specc.elaborate.errors import Invalid, Unknown, invalid
from specc.elaborate.evaluation import FUNCTIONS, evaluate
from specc.elaborate.scopes import ABSENT, Definition, EntryBudget, Scope, entries
from specc.elaborate.values import CONSTANTS, UNKNOWN, Evaluated, Partial, is_plain
from specc.ops import find
from specc.source import Span
from specc.syntax import ast

MOST_STEPS = 1_000_000
"""Statements that a model may come to, with its blocks written out and its loops unrolled."""

MOST_DEPTH = 64
"""How many bodies may be around a statement: of the model, of blocks, groups, loops and arms."""

_MOST_CALLS = 10_000
"""Forecasts of calls with different arguments; further calls have the forecast of unknown arguments."""

_MOST_COMPARED = 100
"""Entries of a list among the arguments of a forecast; a longer one counts as unknown."""

_BUILT_IN = {*FUNCTIONS, *CONSTANTS}
_WITHOUT_LABELS = frozenset((ast.Argument, ast.Binder, ast.Shape, *get_args(ast.Expr)))


class StepBudget:
    """The statements that are left, and a forecast of how many come out of some at least.

    What depends on shapes counts as none.

    Attributes:
        left: below 0 once it has been reported that there are none.
    """

    def __init__(self) -> None:
        self.left = MOST_STEPS
        self._blocks: dict[tuple[object, ...], int] = {}
        self._open: set[Definition] = set()
        # What is known of nodes of the tree, by their identity: the tree of the file outlives the walk. Arguments of
        # ``default`` are evaluated anew, and an entry holds its node so that the identity is not used again.
        self._statements: dict[int, tuple[list[ast.Statement], set[str]]] = {}
        self._read: dict[int, tuple[ast.Expr | Evaluated, set[str]]] = {}
        self._depth = 0
        self._entries = EntryBudget()

    @property
    def is_gone(self) -> bool:
        return self.left < 0

    def spend(self, count: int, span: Span) -> None:
        """Raises Invalid, once and for all, where the model has grown too large."""
        if self.left < 0:
            raise Unknown  # it has been reported
        self.left -= count
        if self.left < 0:
            raise invalid(
                Code.LIMIT,
                f"the model comes to more than {MOST_STEPS:,} steps",
                span,
                helps=("a network of this size is most likely a loop too many",),
            )

    def loop(self, rounds: int, body: ast.Body, scope: Scope, span: Span) -> None:
        """Refuse a loop before its first round where at least its rounds would be too many."""
        if self.left < 0:
            raise Unknown
        if rounds and rounds * max(1, self._least(body.statements, scope)) > self.left:
            self.spend(self.left + 1, span)

    def block(self, call: ast.Call | ast.Merge, scope: Scope) -> None:
        """Refuse a call before its first step where what it comes to at least would be too much."""
        if self.left < 0:
            raise Unknown
        if self._least_of_call(call, scope) > self.left:
            self.spend(self.left + 1, call.name_span)

    def _least(self, statements: tuple[ast.Statement, ...], scope: Scope) -> int:
        if self._depth >= MOST_DEPTH:
            return 0  # it is refused for that
        self._depth += 1
        known = self._statements.get(id(statements))
        if known is None:
            growing = [
                s for s in statements if not (isinstance(s, ast.Call) and find(s.name) and not scope.has(s.name))
            ]
            # Names that these define beside their lets, at any depth: their values are not known yet.
            parts = ast.parts(statements, _WITHOUT_LABELS) if growing else ()
            labels = {part.name for part in parts if isinstance(part, (ast.Binder, ast.Shared))}
            known = self._statements[id(statements)] = growing, labels
        growing, labels = known
        count = len(statements)
        inner = Scope(dict.fromkeys(labels, UNKNOWN), scope)
        for statement in growing:
            match statement:
                case ast.Let():
                    inner.names[statement.name] = self._value(statement.value, inner)
                case ast.Call():
                    count += self._least_of_call(statement, inner)
                case ast.Group(_, body):
                    count += self._least(body.statements, inner)
                case ast.Merge():
                    count += self._least_of_call(statement, inner)  # a block of several inputs
                    count += sum(self._least(arm.statements, inner) for arm in statement.arms)
                case ast.If(_, test, body, otherwise):
                    truth = self._value(test, inner)
                    yes = 0 if truth is False else self._least(body.statements, inner)
                    no = 0 if truth is True or otherwise is None else self._least(otherwise.statements, inner)
                    count += yes + no if isinstance(truth, bool) else min(yes, no)
                case ast.Repeat(_, rounds, body):
                    value = self._value(rounds, inner)
                    if type(value) is int and value > 0:
                        count += value * self._least(body.statements, inner)
                case ast.For(_, names, values, body):
                    table = self._value(values, inner)
                    if isinstance(table, tuple) and table:
                        row = Scope({label.name: UNKNOWN for label in names}, inner)
                        count += len(table) * self._least(body.statements, row)
        self._depth -= 1
        return count

    def _least_of_call(self, call: ast.Call | ast.Merge, scope: Scope) -> int:
        """The body of a block, with the arguments that are known."""
        value = scope.get(call.name)
        if not isinstance(value, Partial) or not isinstance(value.target, Definition):
            return 0
        definition = value.target
        if definition in self._open:
            return 0  # a block that contains itself is refused where it is called
        params = definition.block.params
        values: dict[str, object] = dict.fromkeys([param.name for param in params], UNKNOWN)
        try:
            if len(self._blocks) < _MOST_CALLS:
                values = self._arguments(params, (*value.arguments, *call.arguments), scope)
            key = definition, tuple(values.items())
            if key not in self._blocks:
                self._open.add(definition)
                inner = Scope(values, definition.environment.scope)
                self._blocks[key] = self._least(definition.block.body.statements, inner)
                self._open.remove(definition)
            return self._blocks[key]
        except TypeError:
            return 0  # a value without a hash: a tensor's, which is not known here

    def _arguments(
        self, params: tuple[ast.Param, ...], arguments: tuple[ast.Argument, ...], scope: Scope
    ) -> dict[str, object]:
        """The parameters of a block by name; UNKNOWN where they depend on shapes."""
        names = [param.name for param in params]
        assigned = dict(zip(names, (a for a in arguments if a.name is None), strict=False))
        assigned |= {argument.name: argument for argument in arguments if argument.name in names}
        values: dict[str, object] = {}
        for param in params:
            own = assigned.get(param.name)
            expression = own.value if own else param.default
            value = UNKNOWN if expression is None else self._value(expression, scope if own else Scope(values))
            if isinstance(value, (tuple, Partial)) and entries(value, _MOST_COMPARED) > _MOST_COMPARED:
                value = UNKNOWN
            values[param.name] = value
        return values

    def _value(self, expression: ast.Expr | Evaluated, scope: Scope) -> object:
        """The value of an expression whose names are all known; else UNKNOWN.

        A forecast charges no entries of lists to the file. It has as many of its own; beyond them all is UNKNOWN.
        """
        if self._entries.is_exceeded:
            return UNKNOWN
        if isinstance(expression, ast.Number):
            return expression.value
        if isinstance(expression, ast.Name) and expression.name not in _BUILT_IN:
            value = scope.get(expression.name)
            return value if _is_known(expression.name, value) else UNKNOWN
        read = self._read.get(id(expression))
        if read is None:
            names = {name.name for name in ast.free_names(expression)}
            read = self._read[id(expression)] = expression, names - _BUILT_IN
        if not all(_is_known(name, scope.get(name)) for name in read[1]):
            return UNKNOWN
        try:
            return evaluate(expression, Scope({}, scope, self._entries))
        except (Invalid, Unknown):
            return UNKNOWN


def _is_known(name: str, value: object) -> bool:
    """Whether a value is known ahead: a plain one, a block; ``in``, which is the same all through a body."""
    return isinstance(value, Partial) or is_plain(value) or (name == "in" and value is not ABSENT)
