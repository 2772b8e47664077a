"""How much a spec may grow into: it is stopped before it grows, wherever that can be told."""

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
"""In how many bodies a statement may stand: of the model, of blocks, groups, loops and arms."""

_MOST_CALLS = 10_000
"""Calls of different arguments that are told apart; beyond them a block comes to what it does with any arguments."""

_MOST_SEEN = 100
"""Entries of a list that tells apart calls of a block; with a longer one they count as one."""

_BUILT_IN = {*FUNCTIONS, *CONSTANTS}
_WITHOUT_LABELS = frozenset((ast.Argument, ast.Label, ast.Shape, *get_args(ast.Expr)))


class StepBudget:
    """The statements that are left."""

    def __init__(self) -> None:
        self.left = MOST_STEPS
        """Below 0 once it has been said that there are none."""
        self._least = _Forecast()

    @property
    def is_gone(self) -> bool:
        return self.left < 0

    def spend(self, count: int, span: Span) -> None:
        """Raises Invalid, once and for all, where the model has grown too large."""
        if self.left < 0:
            raise Unknown  # it has been said
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
        if rounds and rounds * max(1, self._least.of(body.statements, scope)) > self.left:
            self.spend(self.left + 1, span)

    def block(self, call: ast.Call, scope: Scope) -> None:
        """Refuse a call before its first step where what it comes to at least would be too much."""
        if self.left < 0:
            raise Unknown
        if self._least.of_call(call, scope) > self.left:
            self.spend(self.left + 1, call.name_span)


class _Forecast:
    """How many statements come out of some at least; what cannot be told before shapes are known counts as none."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[object, ...], int] = {}
        self._open: set[Definition] = set()
        self._lists: dict[int, _Statements] = {}
        self._read: dict[int, tuple[ast.Expr | Evaluated, set[str]]] = {}  # each with what has that identity
        self._depth = 0
        self._entries = EntryBudget()

    def of(self, statements: tuple[ast.Statement, ...], scope: Scope) -> int:
        if self._depth >= MOST_DEPTH:
            return 0  # it is refused for that
        self._depth += 1
        count = self._counted(statements, scope)
        self._depth -= 1
        return count

    def _counted(self, statements: tuple[ast.Statement, ...], scope: Scope) -> int:
        read = self._lists.get(id(statements))
        if read is None:
            read = self._lists[id(statements)] = _Statements(statements)  # the tree of the file outlives the walk
        count = len(statements)
        if read.others:
            inner = Scope(dict.fromkeys(read.labels, UNKNOWN), scope)
            for statement in read.others:
                if isinstance(statement, ast.Let):
                    inner.define(statement.name, self._told(statement.value, inner))
                else:
                    count += self._inside(statement, inner)
        return count

    def of_call(self, call: ast.Call, scope: Scope) -> int:
        """The body of a block, with the arguments that are known."""
        value = scope.get(call.name)
        if not isinstance(value, Partial) or not isinstance(value.target, Definition):
            return 0
        if value.target in self._open:
            return 0  # a block that contains itself is refused where it is called
        try:
            return self._of_block(value.target, (*value.arguments, *call.arguments), scope)
        except TypeError:
            return 0  # a value without a hash: a tensor's, which is not known here

    def _of_block(self, definition: Definition, arguments: tuple[ast.Argument, ...], scope: Scope) -> int:
        if len(self._blocks) < _MOST_CALLS:
            known = self._known_arguments(definition.block, arguments, scope)
        else:
            known = {param.name: UNKNOWN for param in definition.block.params}
        key = definition, tuple(known.items())
        if key not in self._blocks:
            self._open.add(definition)
            self._blocks[key] = self.of(definition.block.body.statements, Scope(known, definition.environment.scope))
            self._open.remove(definition)
        return self._blocks[key]

    def _inside(self, statement: ast.Statement, scope: Scope) -> int:
        match statement:
            case ast.Call():
                return self.of_call(statement, scope)
            case ast.Group(_, body):
                return self.of(body.statements, scope)
            case ast.Merge():
                return sum(self.of(arm.statements, scope) for arm in statement.arms)
            case ast.If(_, test, body, otherwise):
                taken = self._told(test, scope)
                yes = 0 if taken is False else self.of(body.statements, scope)
                no = 0 if taken is True or otherwise is None else self.of(otherwise.statements, scope)
                return yes + no if isinstance(taken, bool) else min(yes, no)
            case ast.Repeat(_, rounds, body):
                return self._loop(self._told(rounds, scope), body, scope)
            case ast.For(_, names, table, body):
                inner = Scope({label.name: UNKNOWN for label in names}, scope)
                return self._loop(self._told(table, scope), body, inner)
        return 0

    def _loop(self, told: object, body: ast.Body, scope: Scope) -> int:
        """A loop whose rounds, or whose table, are known; none where they are not."""
        rounds = len(told) if isinstance(told, tuple) else told if type(told) is int else 0
        return rounds * self.of(body.statements, scope) if rounds > 0 else 0

    def _told(self, expression: ast.Expr | Evaluated, scope: Scope) -> object:
        """The value of an expression whose names are all known; else UNKNOWN.

        A forecast charges no entries of lists to the file. It has as many of its own, and then tells nothing.
        """
        if self._entries.is_exceeded:
            return UNKNOWN
        if isinstance(expression, ast.Number):
            return expression.value
        if isinstance(expression, ast.Name) and expression.name not in _BUILT_IN:
            value = scope.get(expression.name)
            return value if _is_told(expression.name, value) else UNKNOWN
        for name in self._names(expression):
            value = scope.get(name)
            if not _is_told(name, value):
                return UNKNOWN
        try:
            return evaluate(expression, Scope({}, scope, self._entries))
        except (Invalid, Unknown):
            return UNKNOWN

    def _names(self, expression: ast.Expr | Evaluated) -> set[str]:
        """The names that an expression reads but for functions and constants."""
        known = self._read.get(id(expression))
        if known is None:
            known = self._read[id(expression)] = expression, ast.names_in(expression) - _BUILT_IN
        return known[1]

    def _known_arguments(
        self, block: ast.Block, arguments: tuple[ast.Argument, ...], scope: Scope
    ) -> dict[str, object]:
        """The parameters of a block by name; UNKNOWN where the call does not tell them yet."""
        names = [param.name for param in block.params]
        positional = [argument for argument in arguments if argument.name is None]
        given = dict(zip(names, positional, strict=False))
        given |= {argument.name: argument for argument in arguments if argument.name in names}
        known: dict[str, object] = {}
        for param in block.params:
            value = given[param.name].value if param.name in given else param.default
            told = UNKNOWN if value is None else self._told(value, scope if param.name in given else Scope(known))
            if isinstance(told, (tuple, Partial)) and entries(told, _MOST_SEEN) > _MOST_SEEN:
                told = UNKNOWN
            known[param.name] = told
        return known


class _Statements:
    """A list of statements: the names of its labels, and all but the steps that come to nothing further."""

    __slots__ = ("labels", "others")

    def __init__(self, statements: tuple[ast.Statement, ...]) -> None:
        # Nothing but the operator itself goes by an operator's name.
        self.others = [s for s in statements if not (isinstance(s, ast.Call) and find(s.name))]
        self.labels = _labels(statements) if self.others else set[str]()


def _labels(statements: tuple[ast.Statement, ...]) -> set[str]:
    """The names that these define beside their lets, at any depth: what they stand for is not known yet."""
    parts = ast.parts(statements, _WITHOUT_LABELS)
    return {part.name for part in parts if isinstance(part, (ast.Label, ast.Shared))}


def _is_told(name: str, value: object) -> bool:
    """Whether a value is known ahead: a plain one, a block; ``in``, which is the same all through a body."""
    return isinstance(value, Partial) or is_plain(value) or (name == "in" and value is not ABSENT)
