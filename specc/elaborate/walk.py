"""The statements of a model, one after the other, into its blocks and through its loops.

A step that is wrong gives a value of unknown type, which silences what follows from it; so one run finds
every independent mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from specc.diagnostics import Code
from specc.elaborate import loops
from specc.elaborate.calls import Calls
from specc.elaborate.contracts import agree
from specc.elaborate.drafts import Construction, DraftBlock, two_of_a_name
from specc.elaborate.errors import Invalid, Unknown, invalid
from specc.elaborate.evaluation import truth
from specc.elaborate.limits import MOST_DEPTH, StepBudget
from specc.elaborate.naming import define, refuse_label, resolved
from specc.elaborate.scopes import Scope
from specc.elaborate.values import UNKNOWN, Signal
from specc.source import Span
from specc.syntax import ast

Loop = ast.Repeat | ast.For


class Walk:
    """One model on its way to a graph.

    Attributes:
        network: what has been built of it.
        calls: what follows calls and merges.
        assertions: each with the names that it sees.
    """

    def __init__(self, model: DraftBlock, inputs: tuple[str, ...], statements: tuple[ast.Statement, ...]) -> None:
        self.network = Construction(model)
        self.assertions: list[tuple[ast.Assert, Scope]] = []
        self._budget = StepBudget()
        self._depth = 0
        self._is_numbered: dict[int, bool] = {}
        """Whether a loop numbers its rounds, by the identity of its node: the tree of the file outlives the walk."""
        self.calls = Calls(self.network, self._budget, inputs, statements, self.walk)
        self._follow: Mapping[type, Callable[[Any, Signal | None, Scope, str | None], Signal | None]] = {
            ast.Call: self.calls.call,
            ast.Merge: self.calls.merge,
            ast.Shared: self.calls.declare,
            ast.Group: self._group,
            ast.If: self._if,
            ast.Repeat: self._loop,
            ast.For: self._loop,
            ast.Let: self._let,
            ast.Assert: self._assert,
            ast.Checkpoint: self._checkpoint,
            ast.Enclosing: self._enclosing,
        }

    def enter(self, name: str, place: ast.PortDeclaration, value: Signal) -> None:
        """Make an input of the model known: its name is taken, and where the contract gives it, it is a value."""
        block = self.network.block
        if place.name is not None:
            self.network.claim_name(name, place.span, block.scope)
            block.scope.define(name, value.seen)
        block.names.labels[name] = place.span

    def walk(
        self, statements: tuple[ast.Statement, ...], current: Signal | None, scope: Scope, name: str | None = None
    ) -> Signal | None:
        """Follow ``statements`` from ``current`` and return the last value.

        Args:
            current: None where there is none yet: a model of several inputs begins with one of them.
            name: what the only step of these is called, where they are a round of a loop.
        """
        if not statements:  # an empty body stands no deeper than what it belongs to
            return current
        if self._depth >= MOST_DEPTH:
            span = statements[0].span
            raise invalid(Code.LIMIT, f"blocks, groups and loops stand more than {MOST_DEPTH} deep in each other", span)
        self._depth += 1
        local, budget = scope.names, self._budget
        for statement in statements:
            if current is not None:
                local["_"] = UNKNOWN if current.type is None else current
            try:
                if budget.left > 0:
                    budget.left -= 1
                else:
                    budget.spend(1, statement.span)
                current = self._follow[type(statement)](statement, current, scope, name)
            except (Invalid, Unknown) as problem:
                if isinstance(problem, Invalid):
                    self.network.findings.report([problem.diagnostic])
                # A step's value is unknown, and so is what the statement names.
                if isinstance(statement, (ast.Let, ast.Shared)):
                    scope.define(statement.name, UNKNOWN)
                elif not isinstance(statement, (ast.Assert, ast.Checkpoint)):
                    here = self.network.block.scope
                    if statement.label is not None and not here.holds(statement.label.name):
                        here.define(statement.label.name, UNKNOWN)
                    current = Signal(None, None, statement.span)
        self._depth -= 1
        return current

    # ---- what makes no value ----------------------------------------------------------------------------------------

    def _let(self, let: ast.Let, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        define(let, scope)
        return current

    def _assert(self, claim: ast.Assert, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        # Proven when the whole network is known, but ``_`` means the value at this place.
        self.assertions.append((claim, Scope({"_": current.seen} if current else {}, scope)))
        return current

    def _checkpoint(self, shape: ast.Checkpoint, current: Signal | None, scope: Scope, name: str | None) -> Signal:
        refuse_label(shape)
        if current is None:
            raise self.calls.nothing_yet(shape.span)
        if current.type is not None:
            agree(shape.shape, current, scope, Code.CHECKPOINT, "the shape here is")
        return current

    def _enclosing(self, step: ast.Enclosing, current: Signal | None, scope: Scope, name: str | None) -> Signal:
        refuse_label(step)
        if self.network.block.entry is None:
            raise self.calls.nothing_yet(step.span)
        return self.network.block.entry

    # ---- groups, conditions and loops -------------------------------------------------------------------------------

    def _group(
        self,
        step: ast.Group | ast.If,
        current: Signal | None,
        scope: Scope,
        name: str | None,
        body: ast.Body | None = None,
    ) -> Signal | None:
        """``label: { … }`` names its steps under one name; without a label it only holds them together."""
        statements = (body or step.body).statements
        label = step.label and resolved(step.label, scope)
        called = label.name if label else name
        if called is None:
            return self.walk(statements, current, Scope({}, scope))
        return self._under("group", called, step, label, current, scope, partial(self.walk, statements, current))

    def _under(
        self,
        kind: Literal["group", "loop", "round"],
        name: str,
        step: ast.Step,
        label: ast.Binder | None,
        current: Signal | None,
        scope: Scope,
        body: Callable[[Scope], Signal | None],
    ) -> Signal | None:
        """Run ``body`` with its steps under ``name``, which ``label`` claims if the spec has written one."""
        here = self.network.block
        is_labelled_group = kind == "group" and label is not None
        continues = here.names.groups.get(name) if is_labelled_group else None
        if continues is None:
            self.network.claim(label, scope)
        inner = Scope({}, scope)
        draft = DraftBlock(
            kind, name, step.span, inner, here.environment, here.entry, current, name, continues=continues
        )
        if is_labelled_group:
            here.names.groups.setdefault(name, draft)
        return self.network.fill(draft, label, partial(body, inner))

    def _if(self, step: ast.If, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        taken = step.body if truth(step.test, scope) else step.otherwise
        if taken is None:
            return current
        if step.label is None and (name is None or loops.is_sole(taken.statements)):
            return self.walk(taken.statements, current, Scope({}, scope), name)
        return self._group(step, current, scope, name, taken)

    def _loop(self, step: Loop, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        """The rounds one after the other, each of its own name: its number."""
        table: Sequence[loops.Row]
        if isinstance(step, ast.Repeat):
            rounds = loops.repetitions(step, scope)
            self._budget.loop(rounds, step.body, scope, step.rounds.span)
            table = [()] * rounds
        else:
            table = loops.rows(step, scope)
            self._budget.loop(len(table), step.body, scope, step.table.span)
        label = step.label and resolved(step.label, scope)
        called = label.name if label else name
        if called is None:
            return self._rounds(step, table, current, scope)
        return self._under("loop", called, step, label, current, scope, partial(self._rounds, step, table, current))

    def _rounds(self, step: Loop, table: Sequence[loops.Row], current: Signal | None, scope: Scope) -> Signal | None:
        is_numbered = self._is_numbered.get(id(step))
        if is_numbered is None:
            is_numbered = self._is_numbered[id(step)] = not loops.names_its_rounds(step)
        header = Span(step.span.source, step.span.start, step.body.span.start)
        statements, variables, is_sole = (
            step.body.statements,
            loops.variables(step),
            loops.is_sole(step.body.statements),
        )
        for index, row in enumerate(table):
            if self._budget.is_gone or scope.budget.is_exceeded:
                raise Unknown  # no further round says more
            number = self._next_number(header) if is_numbered else None
            values = dict(zip(variables, row, strict=True))
            self.network.findings.enter(partial(loops.round_label, header, index, len(table), values))
            inner = Scope({**values}, scope)
            try:
                if number is None or is_sole:
                    current = self.walk(statements, current, inner, number)
                else:
                    body = partial(self.walk, statements, current)
                    current = self._under("round", number, step, None, current, inner, body)
            finally:
                self.network.findings.leave()
        return current

    def _next_number(self, header: Span) -> str:
        """The next round's number, which is its name among all that stands here."""
        names = self.network.block.names
        number = str(names.rounds)
        names.rounds += 1
        earlier = names.labels.setdefault(number, header)
        if earlier is not header:
            self.network.findings.report([two_of_a_name(number, header, earlier, by_round=True)])
        return number
