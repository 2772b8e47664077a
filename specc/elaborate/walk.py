"""The statements of a model, one after the other, into its blocks and through its loops.

A step that is wrong gives a value of unknown type, which silences what follows from it; so one run finds
every independent mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from specc.diagnostics import Code, Label
from specc.elaborate import hints
from specc.elaborate.calls import Calls
from specc.elaborate.contracts import agree
from specc.elaborate.drafts import Construction, DraftBlock, refuse_label, resolved, two_of_a_name
from specc.elaborate.errors import Invalid, Unknown, invalid
from specc.elaborate.evaluation import Row, evaluate, rows, truth
from specc.elaborate.freezing import freezer
from specc.elaborate.limits import MOST_DEPTH, StepBudget
from specc.elaborate.scopes import Environment, Scope, is_sole, require_name
from specc.elaborate.values import UNKNOWN, Signal, Value, display, display_arguments, is_whole, kind_of
from specc.ir.graph import Port
from specc.ir.size import Size
from specc.source import Span
from specc.syntax import ast

Loop = ast.Repeat | ast.For


class Walk:
    """One model on its way to a graph.

    Attributes:
        root: the block that is the model itself.
        network: what has been built of it.
        calls: what follows calls and merges.
        assertions: each with the names that it sees.
    """

    def __init__(
        self, model: ast.ModelDefinition, inputs: tuple[Port, ...], scope: Scope, environment: Environment
    ) -> None:
        """Begin at the inputs: they claim their names, and those that the contract names are values."""
        assert model.contract is not None, "a model without a contract has no inputs"
        declared = list(zip(inputs, model.contract.inputs, strict=True))
        signals = [Signal(port.name, port.type, (place.shape or place).span) for port, place in declared]
        only = signals[0] if len(signals) == 1 else None
        self.root = DraftBlock("model", model.name, model.span, scope, environment, only, only)
        self.network = Construction(self.root)
        self.assertions: list[tuple[ast.Assert, Scope]] = []
        self._statements = model.body.statements
        self._budget = StepBudget()
        self._depth = 0
        self._is_numbered: dict[int, bool] = {}
        """Whether a loop numbers its rounds, by the identity of its node: the tree of the file outlives the walk."""
        names = tuple(port.name for port in inputs)
        self.calls = Calls(self.network, self._budget, names, model, self.walk, self._each)
        for (port, place), signal in zip(declared, signals, strict=True):
            if place.name is not None:
                self.network.claim_name(port.name, place.span, scope)
                scope.names[port.name] = signal.seen
            self.root.names.labels[port.name] = place.span
        if only is not None:
            scope.names["in"] = only.seen

    def run(self) -> Signal | None:
        """Follow the model's body; its last value."""
        self.root.result = self.walk(self._statements, self.root.entry, self.root.scope)
        return self.root.result

    def walk(
        self, statements: tuple[ast.Statement, ...], current: Signal | None, scope: Scope, name: str | None = None
    ) -> Signal | None:
        """Follow ``statements`` from ``current`` and return the last value.

        Args:
            current: None where there is none yet: a model of several inputs begins with one of them.
            name: what the only step of these is called, where they are a round of a loop.
        """
        if not statements:  # an empty body adds no depth
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
                if isinstance(statement, ast.Call):  # as nearly all are
                    current = self.calls.call(statement, current, scope, name)
                else:
                    current = self._follow(statement, current, scope, name)
            except (Invalid, Unknown) as problem:
                if isinstance(problem, Invalid):
                    self.network.report(problem.diagnostic)
                # A step's value is unknown, and so is what the statement names.
                if isinstance(statement, (ast.Let, ast.Shared)):
                    scope.names[statement.name] = UNKNOWN
                elif not isinstance(statement, (ast.Assert, ast.Checkpoint)):
                    here, current = self.network.block, Signal(None, None, statement.span)
                    if statement.label is not None:
                        here.scope.names.setdefault(statement.label.name, UNKNOWN)
                        here.names.inside.values.setdefault(statement.label.name, current)
        self._depth -= 1
        return current

    def _follow(
        self, statement: ast.Statement, current: Signal | None, scope: Scope, name: str | None
    ) -> Signal | None:
        """One statement; the value behind it. Raises Invalid, Unknown."""
        match statement:
            case ast.Merge():
                return self.calls.merge(statement, current, scope, name)
            case ast.Group(frozen=None):
                return self._group(statement, statement.body, current, scope, name)
            case ast.Group():
                return self._frozen(statement, current, scope, name)
            case ast.If():
                branch = statement.body if truth(statement.test, scope) else statement.otherwise
                if branch is None:
                    return current
                if statement.label is None and (name is None or is_sole(branch.statements, scope)):
                    return self.walk(branch.statements, current, Scope({}, scope), name)
                return self._group(statement, branch, current, scope, name)
            case ast.Repeat() | ast.For():
                return self._loop(statement, current, scope, name)
            case ast.Shared():
                self.calls.declare(statement, scope)
            case ast.Assert():
                # Proven when the whole network is known, but ``_`` means the value at this place.
                self.assertions.append((statement, Scope({"_": current.seen} if current else {}, scope)))
            case ast.Let():
                require_name(statement.name, statement.name_span)
                if statement.name in scope.names:
                    message, helps = (
                        f"{statement.name} has a value here already",
                        ("values never change: choose another name",),
                    )
                    raise invalid(Code.DUPLICATE_LABEL, message, statement.name_span, helps=helps)
                scope.names[statement.name] = evaluate(statement.value, scope)
            case ast.Checkpoint() | ast.Enclosing():
                refuse_label(statement)
                value = current if isinstance(statement, ast.Checkpoint) else self.network.block.entry
                if value is None:
                    raise self.calls.nothing_yet(statement.span)
                if isinstance(statement, ast.Checkpoint) and value.type is not None:
                    agree(statement.shape, value, scope, Code.CHECKPOINT, "the shape here is")
                return value
            case ast.Reference():
                refuse_label(statement)
                return self.calls.reference(statement, scope)
        return current

    # ---- groups, conditions and loops -------------------------------------------------------------------------------

    def _group(
        self, step: ast.Group | ast.If, body: ast.Body, current: Signal | None, scope: Scope, name: str | None
    ) -> Signal | None:
        """``label: { … }`` names its steps under one name; without a label it only has a scope of its own."""
        label = step.label and resolved(step.label, scope)
        called = label.name if label else name
        if called is None:
            return self.walk(body.statements, current, Scope({}, scope))
        return self._under("group", called, step, label, current, scope, partial(self.walk, body.statements, current))

    def _frozen(self, group: ast.Group, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        """``frozen { … }``: the group, whose parameters are not trained. Without a label it renames nothing."""
        body = partial(self._group, group, group.body, current, scope, name)
        if group.label is None:
            body = partial(self.walk, group.body.statements, current, Scope({}, scope), name)
        assert group.frozen is not None, "it is a group that says whether it is frozen"
        place = group.frozen.span
        return self.calls.freezing.follow(freezer("group", "this group", place, group.frozen, scope), body)

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
        """Run ``body`` with its steps under ``name``, which ``label`` claims if there is one."""
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

    def _each(self, step: ast.For, current: Signal | None, scope: Scope) -> list[Signal | None]:
        """The values of the rounds of ``for each``, which all begin with the current one."""
        arms: list[Signal | None] = []
        self._loop(step, current, scope, None, arms)
        return arms

    def _loop(
        self,
        step: Loop,
        current: Signal | None,
        scope: Scope,
        name: str | None,
        arms: list[Signal | None] | None = None,
    ) -> Signal | None:
        """The rounds one after the other, each of its own name: its number.

        Args:
            arms: what each round gives is added to it, and all begin with the same value.
        """
        if isinstance(step, ast.For):
            try:
                table = rows(step, scope)
            except Invalid as problem:
                from specc.elaborate.declarations import sizes_declared  # a spec without mistakes needs none of it

                places = sizes_declared(step.table, scope, self.calls.around)
                raise Invalid(replace(problem.diagnostic, secondary=(*problem.diagnostic.secondary, *places))) from None
            self._budget.loop(len(table), step.body, scope, step.table.span)
        else:
            rounds, place = evaluate(step.rounds, scope), step.rounds.span
            if not is_whole(rounds) or rounds < 0:
                value = kind_of(rounds) if isinstance(rounds, Size) else display(rounds)
                message = f"repeat takes a whole number of at least 0, not {value}"
                helps = hints.real_for_whole(rounds, step.rounds)
                if isinstance(rounds, Size):
                    helps = ("how often something comes is known when the spec is checked: make it a parameter",)
                from specc.elaborate.declarations import sizes_declared

                secondary = sizes_declared(step.rounds, scope, self.calls.around)
                raise invalid(Code.BAD_VALUE, message, place, secondary=secondary, helps=helps)
            self._budget.loop(rounds, step.body, scope, place)  # before a table of a billion rows
            table = [()] * rounds
        label = step.label and resolved(step.label, scope)
        called = label.name if label else name
        if called is None:
            return self._rounds(step, table, arms, current, scope)
        body = partial(self._rounds, step, table, arms, current)
        return self._under("loop", called, step, label, current, scope, body)

    def _rounds(
        self,
        step: Loop,
        table: Sequence[Row],
        arms: list[Signal | None] | None,
        current: Signal | None,
        scope: Scope,
    ) -> Signal | None:
        entry = current
        is_numbered = self._is_numbered.get(id(step))
        if is_numbered is None:
            is_numbered = self._is_numbered[id(step)] = not _names_its_rounds(step)
        header = Span(step.span.source, step.span.start, step.body.span.start)
        statements, variables, network = step.body.statements, _variables(step), self.network
        takes_number = is_sole(statements, scope)
        for index, row in enumerate(table):
            if self._budget.is_gone or scope.budget.is_exceeded:
                raise Unknown  # no further round says more
            number = None
            if is_numbered:  # its name in this block is the next number
                names = network.block.names
                number = str(names.inside.rounds)
                names.inside.rounds += 1
                earlier = names.labels.setdefault(number, header)
                if earlier is not header:
                    network.report(two_of_a_name(number, header, earlier, by_round=True))
            values = dict(zip(variables, row, strict=True))
            network.trace.append(partial(_round_label, header, index, len(table), values))
            inner = Scope({**values}, scope)
            if arms is not None:
                current = entry
            try:
                if number is None or takes_number:
                    current = self.walk(statements, current, inner, number)
                else:
                    body = partial(self.walk, statements, current)
                    current = self._under("round", number, step, None, current, inner, body)
                if number is not None and current is not None:
                    # Of a round that is a single step, or that the value passes: no block has told.
                    network.block.names.inside.values.setdefault(number, current)
                if arms is not None:
                    arms.append(current)
            finally:
                network.trace.pop()
        return current


# ---- loops ----------------------------------------------------------------------------------------------------------


def _variables(step: Loop) -> tuple[str, ...]:
    """The names that a loop gives values to."""
    return tuple(label.name for label in step.names) if isinstance(step, ast.For) else ()


def _round_label(header: Span, index: int, rounds: int, values: dict[str, Value]) -> Label:
    """``round 3 of 4: c = 64``"""
    return Label(header, f"round {index + 1} of {rounds}" + (f": {display_arguments(values)}" if values else ""))


def _names_its_rounds(loop: Loop) -> bool:
    """Whether a label is computed from the loop's variables, and says by itself which round it is of.

    A label of another scope of names does not: in a numbered round of an inner loop, in a labelled loop.
    """
    return isinstance(loop, ast.For) and _is_read(loop.body.statements, frozenset(_variables(loop)))


def _is_read(statements: tuple[ast.Statement, ...], names: frozenset[str]) -> bool:
    """Whether a label that is computed from one of the names belongs to the place of these statements, or to a group
    there, which may go on."""
    for statement in statements:
        if isinstance(statement, ast.Let):
            reads = not names.isdisjoint(ast.names_in(statement.value))
            names = names | {statement.name} if reads else names - {statement.name}
            continue
        if isinstance(statement, (ast.Assert, ast.Shared)):
            continue
        label = statement.label
        if label and label.parts and not names.isdisjoint(ast.names_in(label.parts)):
            return True
        inner: list[ast.Body | ast.Arm] = []
        match statement:
            case ast.For(label=None) if _names_its_rounds(statement):
                inner = [statement.body]
            case ast.Group():
                inner = [statement.body]
            case ast.If():
                inner = [body for body in (statement.body, statement.otherwise) if body is not None]
            case ast.Merge():
                inner = [*statement.arms]
        visible = names - {*_variables(statement)} if isinstance(statement, ast.For) else names
        if any(_is_read(body.statements, visible) for body in inner):
            return True
    return False
