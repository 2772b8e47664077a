"""The statements of a model, one after the other, into its blocks and through its loops.

A step that is wrong gives a value of unknown type, which silences what follows from it; so one run finds
every independent mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate import hints, loops
from specc.elaborate.arguments import BoundOperator, OperatorPlan, signature
from specc.elaborate.contracts import agree, check_input, check_output
from specc.elaborate.drafts import DraftBlock, DraftNode, SharedSteps
from specc.elaborate.errors import Findings, Invalid, Unknown, ambiguous, invalid, short, suggestion
from specc.elaborate.evaluation import layer, truth
from specc.elaborate.inference import inferred, refused
from specc.elaborate.labels import claim, define, name_problem, refuse_label, resolved, stands_for_value, two_of_a_name
from specc.elaborate.limits import MOST_DEPTH, StepBudget
from specc.elaborate.parameters import BlockPlan, unused_parameters
from specc.elaborate.scopes import ABSENT, Definition, Scope
from specc.elaborate.values import UNKNOWN, Partial, Signal, Value, display, display_arguments, is_plain, kind_of
from specc.ir.graph import Handed
from specc.ir.op import Op, Refusal
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.ops import names
from specc.source import Span
from specc.syntax import ast


class Walk:
    """One model on its way to a graph."""

    def __init__(self, model: DraftBlock, inputs: tuple[str, ...], statements: tuple[ast.Statement, ...] = ()) -> None:
        self._statements = statements
        self.drafts: list[DraftNode] = []
        self.shared: dict[SharedSteps, bool] = {}
        """SharedSteps steps, and whether they are applied anywhere."""
        self.called: dict[Definition, list[Diagnostic]] = {}
        """The blocks that are called, with what is said of their parameters that nothing reads."""
        self.assertions: list[tuple[ast.Assert, Scope]] = []
        self.outputs: dict[str, Signal] = {}
        """What labels of the model's own body name and no step can take: an output can be called so all the same."""
        self._inputs = inputs
        self._found = Findings()
        self._frame = model
        self._plans: dict[int, OperatorPlan] = {}
        self._calls: dict[int, BlockPlan] = {}
        self._named: dict[int, bool] = {}
        self._labels: dict[int, dict[str, ast.Label]] = {}
        self._active: list[Definition | SharedSteps] = []
        self._depth = 0
        self._budget = StepBudget()

    def enter(self, name: str, place: ast.Port, value: Signal) -> None:
        """Make an input of the model known: its name is taken, and where the contract gives it, it is a value."""
        if place.name is not None:
            self._claim_name(name, place.span, self._frame.scope)
            self._frame.scope.define(name, value.seen)
        self._frame.labels[name] = place.span

    @property
    def findings(self) -> list[Diagnostic]:
        return self._found.all

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
        names, budget = scope.names, self._budget
        for statement in statements:
            if current is not None:
                names["_"] = UNKNOWN if current.type is None else current
            try:
                if budget.left > 0:
                    budget.left -= 1
                else:
                    budget.spend(1, statement.span)
                current = _FOLLOWED[type(statement)](self, statement, current, scope, name)
            except Invalid as problem:
                self._found.report([problem.diagnostic])
                current = self._lost(statement, current, scope)
            except Unknown:
                current = self._lost(statement, current, scope)
        self._depth -= 1
        return current

    def _lost(self, statement: ast.Statement, current: Signal | None, scope: Scope) -> Signal | None:
        """What stands after a statement that failed: a step's value is unknown, and so is what it names."""
        if isinstance(statement, (ast.Let, ast.Shared)):
            scope.define(statement.name, UNKNOWN)
        if isinstance(statement, (ast.Let, ast.Shared, ast.Assert, ast.Checkpoint)):
            return current
        if statement.label is not None and not self._frame.scope.holds(statement.label.name):
            self._frame.scope.define(statement.label.name, UNKNOWN)
        return Signal(None, None, statement.span)

    def _enter_let(self, let: ast.Let, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        define(let, scope)
        return current

    def _enter_assert(
        self, assertion: ast.Assert, current: Signal | None, scope: Scope, name: str | None
    ) -> Signal | None:
        # Proven when the whole network is known, but ``_`` means the value at this place.
        here = Scope({"_": current.seen} if current else {}, scope)
        self.assertions.append((assertion, here))
        return current

    # ---- calls --------------------------------------------------------------------------------------

    def _call(self, call: ast.Call, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        if call.bare and call.name == "_":
            refuse_label(call)
            if current is None:
                raise self._nothing_yet(call.name_span)
            return current
        value = scope.get(call.name)
        if call.bare and scope.root.is_ambiguous and (labels := scope.ambiguity(call.name)):
            raise ambiguous(call.name, call.name_span, labels)
        if isinstance(value, Signal):  # an input, a labelled step, a value handed to the block
            if call.bare:
                refuse_label(call)
                return value
            value = scope.behind(call.name) or value
        prepared = value if isinstance(value, Partial) else self._target(call, value, scope)
        if current is None:
            raise self._nothing_yet(call.name_span)
        target = prepared.target
        if isinstance(target, type):
            slot = call.name if prepared is value else None
            return self._operator(call, prepared, target, current, scope, name, slot)
        if isinstance(target, Definition):
            return self._block(call, prepared, target, current, scope, name)
        assert isinstance(target, SharedSteps), "there is nothing else that can be called"
        return self._shared(call, target, current, scope)

    def _target(self, step: ast.Call | ast.Merge, value: Value, scope: Scope) -> Partial:
        """What is called by a name that stands for ``value``. Raises Invalid where that is nothing that can be."""
        if isinstance(value, Partial):
            return value
        if value is UNKNOWN:
            raise Unknown
        target = layer(step.name)
        if target is not None:
            return target
        if value is not ABSENT:
            raise invalid(
                Code.UNKNOWN_LAYER,
                f"{step.name} is {kind_of(value)} here, and no step",
                step.name_span,
                helps=("a value takes no arguments",) if isinstance(value, Signal) else (),
            )
        elsewhere = self._elsewhere(step)
        raise invalid(
            Code.UNKNOWN_LAYER,
            f"no layer is called {short(step.name)}",
            step.name_span,
            helps=elsewhere,
            suggestion=None if elsewhere else suggestion(step.name, {*names(), *scope.known()}, "layer"),
        )

    def _elsewhere(self, step: ast.Call | ast.Merge) -> tuple[str, ...]:
        """Where a label of that name stands, if this place does not see it."""
        here = next((d.block.body.statements for d in reversed(self._active) if isinstance(d, Definition)), None)
        statements = here or self._statements
        labels = self._labels.get(id(statements))
        if labels is None:
            found = (getattr(part, "label", None) for part in ast.parts(statements))
            labels = self._labels[id(statements)] = {}
            for label in found:
                if isinstance(label, ast.Label):
                    labels.setdefault(label.name, label)
        label = labels.get(step.name)
        if label is None:
            return ()
        line, _ = label.span.position
        if label.span.start > step.span.start:
            return (f"{step.name} is labelled further down, in line {line}: a value is used behind its label",)
        return (f"{step.name} is labelled in line {line}, in a block, group, loop or branch that this place is not in",)

    def _nothing_yet(self, span: Span) -> Invalid:
        return invalid(
            Code.RANK,
            "the model has several inputs, and nothing says which one this step takes",
            span,
            helps=(f"begin with one of them: {', '.join(self._inputs)}",),
        )

    def _enclosing(self, step: ast.Enclosing, current: Signal | None, scope: Scope, name: str | None) -> Signal:
        refuse_label(step)
        if self._frame.entry is None:
            raise self._nothing_yet(step.span)
        return self._frame.entry

    def _operator(
        self,
        call: ast.Call,
        target: Partial,
        kind: type[Op],
        current: Signal,
        scope: Scope,
        name: str | None,
        slot: str | None,
    ) -> Signal:
        label = call.label and resolved(call.label, scope)
        self._claim(label, scope, kind)
        plan = self._plans.get(id(call))
        if plan is None or plan.kind is not kind or target.arguments:
            plan = self._planned(call, target, kind)
        if kind.arity != (1, 1):
            raise self._without_arms(call, plan.bound(scope)[1])
        bound = plan.fixed or self._bound(plan, scope)
        if bound is None or current.type is None:
            return self._remember(label, Signal(None, None, plan.span))
        if slot is not None and kind.passes:
            self._frame.passed.append((slot, current, len(self._frame.members)))
            return self._remember(label, current)
        return self._step(call, label, plan.span, bound, (current,), (current.type,), name, scope, slot)

    def _without_arms(self, call: ast.Call, findings: list[Diagnostic]) -> Invalid:
        if not any(argument.name in (None, "arms") for argument in call.arguments):  # which were meant as its arms
            self._found.report(findings)
        return invalid(Code.RANK, f"{call.name} joins several values", call.span, helps=hints.arms(call))

    def _merge(self, merge: ast.Merge, current: Signal | None, scope: Scope, name: str | None) -> Signal:
        target = self._target(merge, scope.get(merge.name), scope)
        kind = target.target
        if not isinstance(kind, type) or kind.arity == (1, 1):
            helps = (signature(kind),) if isinstance(kind, type) else ()
            raise invalid(Code.RANK, f"{merge.name} takes one value, not arms", merge.name_span, helps=helps)
        label = merge.label and resolved(merge.label, scope)
        self._claim(label, scope, kind)
        plan = self._plans.get(id(merge))
        if plan is None or plan.kind is not kind or target.arguments:
            plan = self._planned(merge, target, kind)
        bound = plan.fixed or self._bound(plan, scope)
        arms = [self.walk(arm.statements, current, Scope({}, scope)) for arm in merge.arms]
        inputs = tuple([given for given in arms if given is not None])
        if len(inputs) < len(arms):
            raise self._nothing_yet(
                next(arm.span for arm, given in zip(merge.arms, arms, strict=True) if given is None)
            )
        types = tuple([given.type for given in inputs if given.type is not None])
        if bound is None or len(types) < len(inputs):
            return self._remember(label, Signal(None, None, plan.span))
        return self._step(merge, label, plan.span, bound, inputs, types, None, scope)

    def _planned(self, call: ast.Call | ast.Merge, target: Partial, kind: type[Op]) -> OperatorPlan:
        """How the call's arguments are the operator's attributes."""
        defaults = self._frame.environment.defaults_for(kind, call.span)
        plan = OperatorPlan(call, kind, (*target.arguments, *call.arguments), defaults)
        if not target.arguments:
            self._plans[id(call)] = plan  # the tree of the file outlives the walk
        return plan

    def _bound(self, plan: OperatorPlan, scope: Scope) -> BoundOperator | None:
        bound, findings = plan.bound(scope)
        if findings:
            self._found.report(findings)
        return bound

    def _step(
        self,
        step: ast.Call | ast.Merge,
        label: ast.Label | None,
        span: Span,
        bound: BoundOperator,
        inputs: tuple[Signal, ...],
        types: tuple[TensorType, ...],
        name: str | None,
        scope: Scope,
        slot: str | None = None,
    ) -> Signal:
        try:
            type_, parameters = inferred(bound.op, types, span)
        except Refusal as refusal:
            raise refused(refusal, step, bound, inputs, self.drafts, scope) from None
        called = label.name if label else name
        draft = DraftNode(len(self.drafts), bound.op, inputs, types, type_, parameters, called, span, slot)
        self.drafts.append(draft)
        self._frame.members.append(draft)
        return draft if label is None else self._remember(label, draft)

    # ---- blocks -------------------------------------------------------------------------------------

    def _block(
        self,
        call: ast.Call,
        target: Partial,
        definition: Definition,
        current: Signal,
        scope: Scope,
        name: str | None,
    ) -> Signal | None:
        block = definition.block
        label = call.label and resolved(call.label, scope)
        self._claim(label, scope)
        self._refuse_recursion(definition, block.name, call.name_span)
        if not self._active:
            self._budget.block(call, scope)  # what is called from there is part of this forecast
        plan = self._calls.get(id(call))
        if plan is None or plan.block is not block or target.arguments:
            plan = self._call_planned(call, target, definition)
        inner = Scope({"in": current.seen}, definition.environment.scope)
        values, findings = plan.values(scope, inner)
        if findings:
            self._found.report(findings)
        if values is None:
            return self._remember(label, Signal(None, None, call.span))
        if definition not in self.called:
            self.called[definition] = unused_parameters(block)
        if self.called[definition]:
            self._found.report(self.called[definition])
        frame = DraftBlock(
            "block",
            block.name,
            call.name_span.to(call.span),
            inner,
            definition.environment,
            current,
            current,
            label.name if label else name,
            tuple([(key, _kept(value)) for key, value in values.items() if not isinstance(value, (Signal, Size))]),
            tuple([(key, value) for key, value in values.items() if isinstance(value, Signal)]),
            slot=call.name if call.name != block.name else None,
        )
        return self._called(
            frame,
            label,
            definition,
            lambda: Label(frame.span, f"in {block.name}({display_arguments(values)})"),
            lambda: self._body(block, frame, current),
        )

    def _call_planned(self, call: ast.Call, target: Partial, definition: Definition) -> BlockPlan:
        defaults = self._frame.environment.defaults_for(definition, call.span)
        plan = BlockPlan(definition.block, call, (*target.arguments, *call.arguments), defaults)
        if not target.arguments:
            self._calls[id(call)] = plan
        return plan

    def _body(self, block: ast.Block, frame: DraftBlock, current: Signal) -> Signal | None:
        if block.contract is None:
            return self.walk(block.body.statements, current, frame.scope)
        check_input(block.contract, block.name, current, frame.scope)
        result = self.walk(block.body.statements, current, frame.scope)
        check_output(block.contract, block.name, result, frame.scope)
        return result

    def _refuse_recursion(self, target: Definition | SharedSteps, name: str, span: Span) -> None:
        if target not in self._active:
            return
        inner = self._active[self._active.index(target) :]
        chain = [d.block.name if isinstance(d, Definition) else d.name for d in inner]
        raise invalid(
            Code.RECURSION,
            f"{name} would contain itself",
            span,
            notes=(" calls ".join([*chain, name]),),
            helps=("repeat and for say how often something comes; a network has a fixed depth",),
        )

    def _called(
        self,
        frame: DraftBlock,
        label: ast.Label | None,
        target: Definition | SharedSteps,
        called: Callable[[], Label],
        body: Callable[[], Signal | None],
    ) -> Signal | None:
        """Run ``body`` in ``frame``; ``called`` says how ``target`` is called, should something be wrong in it."""
        self._active.append(target)
        self._found.enter(called)
        self._run(frame, body)
        self._found.leave()
        self._active.pop()
        return self._left(frame, label)

    def _run(self, frame: DraftBlock, body: Callable[[], Signal | None]) -> None:
        """Run ``body`` with ``frame`` as the place where steps and labels go."""
        outer, self._frame = self._frame, frame
        try:
            frame.result = body()
        except Unknown:
            frame.result = Signal(None, None, frame.span)
        except Invalid as problem:
            self._found.report([problem.diagnostic])
            frame.result = Signal(None, None, frame.span)
        finally:
            self._frame = outer

    def _left(self, frame: DraftBlock, label: ast.Label | None) -> Signal | None:
        """What a frame gives to the one around it."""
        if frame.members:
            self._frame.members.append(frame)
        if label and frame.first is not frame:
            self._in_parts(label, frame.first)
            return frame.result
        return self._remember(label, frame.result) if frame.result else None

    def _in_parts(self, label: ast.Label, first: DraftBlock) -> None:
        """A group has gone on: no one value goes by its label any more."""
        self.outputs.pop(label.name, None)
        scope = self._frame.scope
        if stands_for_value(label):
            scope.names.pop(label.name, None)
            scope.mark_ambiguous(label.name, (self._frame.labels[label.name], label.span))

    def _group(self, step: ast.Group, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        return self._grouped(step, step.body, current, scope, name)

    def _grouped(
        self,
        step: ast.Group | ast.If,
        body: ast.Body,
        current: Signal | None,
        scope: Scope,
        name: str | None,
    ) -> Signal | None:
        """``label: { … }`` names its steps under one name; without a label it only holds them together."""
        label = step.label and resolved(step.label, scope)
        called = label.name if label else name
        if called is None:
            return self.walk(body.statements, current, Scope({}, scope))
        return self._under(
            "group", called, step, label, current, scope, lambda inner: self.walk(body.statements, current, inner)
        )

    def _under(
        self,
        kind: Literal["group", "loop", "round"],
        name: str,
        step: ast.Step,
        label: ast.Label | None,
        current: Signal | None,
        scope: Scope,
        body: Callable[[Scope], Signal | None],
    ) -> Signal | None:
        """Run ``body`` with its steps under ``name``, which ``label`` claims if the spec has written one."""
        here = self._frame
        goes_on = here.groups.get(name) if kind == "group" and label is not None else None
        if goes_on is None:
            self._claim(label, scope)
        frame = DraftBlock(
            kind, name, step.span, Scope({}, scope), here.environment, here.entry, current, name, goes_on=goes_on
        )
        if kind == "group" and label is not None:
            here.groups.setdefault(name, frame)
        self._run(frame, lambda: body(frame.scope))
        return self._left(frame, label)

    # ---- conditions and loops -----------------------------------------------------------------------

    def _if(self, step: ast.If, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        taken = step.body if truth(step.test, scope) else step.otherwise
        if taken is None:
            return current
        if step.label is None and (name is None or loops.sole(taken.statements) is not None):
            return self.walk(taken.statements, current, Scope({}, scope), name)
        return self._grouped(step, taken, current, scope, name)

    def _loop(
        self, step: ast.Repeat | ast.For, current: Signal | None, scope: Scope, name: str | None
    ) -> Signal | None:
        """The rounds one after the other, each of its own name: its number."""
        table = self._table(step, scope)
        label = step.label and resolved(step.label, scope)
        called = label.name if label else name
        if called is None:
            return self._rounds(step, table, current, scope)
        return self._under(
            "loop", called, step, label, current, scope, lambda inner: self._rounds(step, table, current, inner)
        )

    def _table(self, step: ast.Repeat | ast.For, scope: Scope) -> Sequence[loops.Row]:
        """A row of values for every round, once it is known that there are not too many."""
        if isinstance(step, ast.Repeat):
            rounds = loops.repetitions(step, scope)
            self._budget.loop(rounds, step.body, scope, step.rounds.span)
            return [()] * rounds
        table = loops.rows(step, scope)
        self._budget.loop(len(table), step.body, scope, step.table.span)
        return table

    def _rounds(
        self, step: ast.Repeat | ast.For, table: Sequence[loops.Row], current: Signal | None, scope: Scope
    ) -> Signal | None:
        is_numbered = not self._names_its_rounds(step)
        is_sole = loops.sole(step.body.statements) is not None
        header, variables = loops.header(step), loops.variables(step)
        for place, row in enumerate(table):
            if self._budget.is_gone or scope.budget.is_exceeded:
                raise Unknown  # no further round says more
            number = self._next_round(header) if is_numbered else None
            values = dict(zip(variables, row, strict=True))
            self._found.enter(partial(loops.round_label, header, place, len(table), values))
            inner = Scope({**values}, scope)
            try:
                if number is None or is_sole:
                    current = self.walk(step.body.statements, current, inner, number)
                else:
                    current = self._round(step, number, current, inner)
            finally:
                self._found.leave()
        return current

    def _names_its_rounds(self, step: ast.Repeat | ast.For) -> bool:
        known = self._named.get(id(step))
        if known is None:
            known = self._named[id(step)] = loops.names_its_rounds(step)
        return known

    def _next_round(self, header: Span) -> str:
        """The next round's number, which is its name among all that stands here."""
        number = str(self._frame.first.rounds)
        self._frame.first.rounds += 1
        earlier = self._frame.labels.setdefault(number, header)
        if earlier is not header:
            self._found.report([two_of_a_name(number, header, earlier, by_round=True)])
        return number

    def _round(self, step: ast.Repeat | ast.For, number: str, current: Signal | None, scope: Scope) -> Signal | None:
        return self._under(
            "round", number, step, None, current, scope, lambda inner: self.walk(step.body.statements, current, inner)
        )

    # ---- shared steps -------------------------------------------------------------------------------

    def _declare(self, statement: ast.Shared, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        self._claim_name(statement.name, statement.name_span, scope)
        shared = SharedSteps(statement, scope, self._frame)
        scope.define(statement.name, Partial(statement.name, shared))
        self.shared[shared] = False
        return current

    def _shared(self, call: ast.Call, shared: SharedSteps, current: Signal, scope: Scope) -> Signal | None:
        """Apply shared steps: the same tensors as at their other places."""
        if not call.bare:
            raise invalid(Code.UNKNOWN_ARGUMENT, f"{call.name} is shared steps, and takes no arguments", call.span)
        label = call.label and resolved(call.label, scope)
        self._claim(label, scope)
        self._refuse_recursion(shared, shared.name, call.name_span)
        frame = DraftBlock(
            "block",
            shared.name,
            call.name_span.to(call.span),
            Scope({}, shared.scope),
            shared.frame.environment,
            shared.frame.entry,
            current,
            label.name if label else None,
            shared=shared,
            sole=loops.sole(shared.statement.steps) is not None,
        )
        self.shared[shared] = True
        statements = shared.statement.steps
        return self._called(
            frame,
            label,
            shared,
            lambda: Label(frame.span, f"in {shared.name}"),
            lambda: self.walk(statements, current, frame.scope),
        )

    # ---- labels and checkpoints ---------------------------------------------------------------------

    def _checkpoint(
        self, checkpoint: ast.Checkpoint, current: Signal | None, scope: Scope, name: str | None
    ) -> Signal | None:
        refuse_label(checkpoint)
        if current is None:
            raise self._nothing_yet(checkpoint.span)
        if current.type is not None:
            agree(checkpoint.shape, current, scope, Code.CHECKPOINT, "the shape here is")
        return current

    def _remember(self, label: ast.Label | None, given: Signal) -> Signal:
        if label is None:
            return given
        if stands_for_value(label):
            self._frame.scope.define(label.name, given.seen)
        elif self._frame.kind == "model":
            self.outputs[label.name] = given
        return given

    def _claim_name(self, name: str, place: Span, scope: Scope) -> None:
        """Claim the name of what steps say by it: of an input, of shared steps."""
        if problem := name_problem(name):
            self._frame.labels[name] = place
            self._found.report([invalid(Code.BAD_LABEL, problem, place, helps=("choose another name",)).diagnostic])
        else:
            self._claim(ast.Label(place, name), scope)

    def _claim(self, label: ast.Label | None, scope: Scope, kind: type[Op] | None = None) -> None:
        if label is not None and (findings := claim(label, self._frame, scope, kind)):
            self._found.report(findings)


_FOLLOWED: Mapping[type, Callable[[Walk, Any, Signal | None, Scope, str | None], Signal | None]] = {
    ast.Call: Walk._call,
    ast.Merge: Walk._merge,
    ast.Group: Walk._group,
    ast.If: Walk._if,
    ast.Repeat: Walk._loop,
    ast.For: Walk._loop,
    ast.Let: Walk._enter_let,
    ast.Assert: Walk._enter_assert,
    ast.Shared: Walk._declare,
    ast.Checkpoint: Walk._checkpoint,
    ast.Enclosing: Walk._enclosing,
}
"""How the walk goes on behind each kind of statement."""


def _kept(value: Value) -> object:
    """An argument as the graph keeps it."""
    return value if is_plain(value) else Handed(display(value))
