"""How much a spec may grow into: it is stopped before it grows, wherever that can be told."""

from __future__ import annotations

from specc.diagnostics import Code
from specc.elaborate.calls import names_in
from specc.elaborate.expressions import evaluate
from specc.elaborate.files import Definition
from specc.elaborate.functions import FUNCTIONS
from specc.elaborate.scope import Scope, Unknown
from specc.elaborate.trouble import Trouble, trouble
from specc.elaborate.values import Prepared
from specc.source import Span
from specc.syntax import ast

MOST_STEPS = 1_000_000
"""Statements that a model may come to, with its blocks written out and its loops unrolled."""


class Budget:
    """The statements that are left."""

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def spend(self, count: int, span: Span) -> None:
        """Raises Trouble, once and for all, where the model has grown too large."""
        if self._left < 0:
            raise Unknown  # it has been said
        self._left -= count
        if self._left < 0:
            raise trouble(
                Code.LIMIT,
                f"the model comes to more than {MOST_STEPS:,} steps",
                span,
                helps=("a network of this size is most likely a loop too many",),
            )

    def loop(self, rounds: int, body: ast.Body, scope: Scope, span: Span) -> None:
        """Refuse a loop before its first round where at least its rounds would be too many."""
        if self._left < 0:
            raise Unknown
        if rounds * max(1, _least(body.statements, scope, self._left, {})) > self._left:
            self.spend(self._left + 1, span)


def _least(statements: tuple[ast.Statement, ...], scope: Scope, most: int, known: dict[Definition, int]) -> int:
    """How many statements these come to at least; what cannot be told yet counts as one."""
    count = 0
    for statement in statements:
        count += 1 + _inside(statement, scope, most, known)
        if count > most:
            break
    return count


def _inside(statement: ast.Statement, scope: Scope, most: int, known: dict[Definition, int]) -> int:
    match statement:
        case ast.Group(_, body):
            return _least(body.statements, scope, most, known)
        case ast.Merge():
            return sum(_least(arm.statements, scope, most, known) for arm in statement.arms)
        case ast.If(_, _, body, otherwise):
            other = _least(otherwise.statements, scope, most, known) if otherwise else 0
            return min(_least(body.statements, scope, most, known), other)
        case ast.Repeat(_, rounds, body):
            return _rounds(rounds, scope) * _least(body.statements, scope, most, known)
        case ast.For(_, _, table, body):
            return _rounds(table, scope) * _least(body.statements, scope, most, known)
        case ast.Call():
            return _block(statement, scope, most, known)
    return 0


def _rounds(expression: ast.Expr, scope: Scope) -> int:
    """The rounds of a loop that can be told from what is known already; else none."""
    if not all(scope.has(name) for name in names_in(expression) - set(FUNCTIONS)):
        return 0
    try:
        value = evaluate(expression, scope)
    except (Trouble, Unknown):
        return 0
    if isinstance(value, tuple):
        return len(value)
    return max(0, value) if type(value) is int else 0


def _block(call: ast.Call, scope: Scope, most: int, known: dict[Definition, int]) -> int:
    """The body of a block, whatever its arguments."""
    value = scope.find(call.name) if scope.has(call.name) else None
    if not isinstance(value, Prepared) or not isinstance(value.target, Definition):
        return 0
    definition = value.target
    if definition not in known:
        known[definition] = 0  # a block that contains itself is refused where it is called
        outer = Scope({}, definition.environment.scope)
        known[definition] = _least(definition.block.body.statements, outer, most, known)
    return known[definition]
