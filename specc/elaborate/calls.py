"""Calls and merges: operators, blocks and shared steps, whose arguments are bound and whose results get a type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate import hints
from specc.elaborate.arguments import BlockPlan, OperatorPlan, signature, unused_parameters
from specc.elaborate.contracts import check_inputs, given
from specc.elaborate.drafts import Construction, DraftBlock, DraftNode, SharedSteps, refuse_label, resolved
from specc.elaborate.errors import Invalid, Unknown, ambiguous, in_form, invalid, short
from specc.elaborate.evaluation import evaluate, layer
from specc.elaborate.freezing import Freezing
from specc.elaborate.inference import BoundOperator, inferred, refused, sized_by_value
from specc.elaborate.inside import BlockValue, head_of
from specc.elaborate.interfaces import inputs_of, value_arguments, without_arms
from specc.elaborate.limits import StepBudget
from specc.elaborate.scopes import ABSENT, Definition, Scope, is_sole
from specc.elaborate.values import (
    CONSTANTS,
    UNKNOWN,
    Partial,
    Signal,
    Value,
    display,
    display_arguments,
    is_plain,
    kind_of,
)
from specc.ir.graph import LayerText
from specc.ir.op import Op, Refusal
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast

if TYPE_CHECKING:
    from specc.elaborate.unseen import Unseen

Target = TypeVar("Target", bound=type[Op] | Definition)
Plan = TypeVar("Plan")


class Calls:
    """Follows calls, merges and shared steps for a walk.

    Attributes:
        blocks: the blocks that are called, with the findings about their parameters that nothing reads.
        freezing: which steps are frozen by what is around them.
    """

    def __init__(
        self,
        network: Construction,
        budget: StepBudget,
        inputs: tuple[str, ...],
        model: ast.ModelDefinition,
        walk: Callable[[tuple[ast.Statement, ...], Signal | None, Scope], Signal | None],
        walk_each: Callable[[ast.For, Signal | None, Scope], list[Signal | None]],
    ) -> None:
        """Begin.

        Args:
            inputs: the names of the model's inputs.
            walk: follows the statements of a block from a value on.
            walk_each: follows the rounds of ``for each``, all from one value on.
        """
        self.blocks: dict[Definition, list[Diagnostic]] = {}
        self.freezing = Freezing(network.report)
        self.network = network
        self._budget = budget
        self._inputs = inputs
        self._model = model
        self._walk = walk
        self._walk_each = walk_each
        self._active: list[Definition | SharedSteps] = []
        # What is known of nodes of the tree, by their identity: the tree of the file outlives the walk.
        self._plans: dict[tuple[int, type[Op] | Definition], Any] = {}
        self._unread: list[Definition] = []

    @cached_property
    def _unseen(self) -> Unseen:
        from specc.elaborate.unseen import Unseen  # a spec without mistakes needs none of it

        return Unseen(self.network, self._model.body.statements, self._active, self._unread)

    def _label_elsewhere(self, name: str, span: Span) -> tuple[str, ...]:
        return self._unseen.label_elsewhere(name, span)

    @property
    def around(self) -> ast.BlockDefinition | ast.ModelDefinition:
        """The block, or the model, whose steps are followed."""
        blocks = (each.block for each in reversed(self._active) if isinstance(each, Definition))
        return next(blocks, None) or self._model

    def nothing_yet(self, span: Span) -> Invalid:
        """Where a model or a block of several inputs has not begun with one."""
        around = self.around
        ports = around.contract.inputs if isinstance(around, ast.BlockDefinition) and around.contract else ()
        names = [port.name or "" for port in ports] or self._inputs
        return invalid(
            Code.RANK,
            f"the {'block' if ports else 'model'} has several inputs, and nothing says which one this step takes",
            span,
            helps=(f"begin with one of them: {', '.join(names)}",),
        )

    def reference(self, step: ast.Reference, scope: Scope) -> Signal:
        """The value of the inside of an earlier step. Raises Invalid, Unknown."""
        expression = step.value
        if scope.get((head := head_of(expression)).name) is ABSENT and head.name not in CONSTANTS:
            raise self._unseen.unknown(head.name, head.span, scope)
        value = evaluate(expression, scope)
        if isinstance(value, Signal):
            return value
        what = f"{short(step.span.text)} is {kind_of(value)}, and no step"
        helps: tuple[str, ...] = ()
        if isinstance(value, Partial):
            what = "the entry of a list is no step"
            text = short(step.span.text)
            let = in_form(step.span, f"`let one = {text}`", f'`let: {{one: "={text}"}}`')
            helps = (f"give it a name first: {let}, then `one` is a step",)
        elif isinstance(expression, ast.Attribute):
            owner = evaluate(expression.value, scope)
            if isinstance(owner, BlockValue) and (label := owner.inside.values.get(expression.name)):
                text, whole = short(step.span.text), short(expression.value.span.text)
                message = f"{text} is a size of {whole}, and a label in it: nothing says which is meant"
                place = Label(label.span, "the value of that label")
                helps = (f"give the step another label than {expression.name}",)
                raise invalid(Code.BAD_LABEL, message, step.span, secondary=(place,), helps=helps)
        raise invalid(Code.UNKNOWN_LAYER, what, step.span, helps=helps)

    def call(self, call: ast.Call, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        if call.bare and call.name == "_":
            refuse_label(call)
            if current is None:
                raise self.nothing_yet(call.name_span)
            return current
        value = scope.get(call.name)
        if call.bare and scope.root.is_ambiguous and (labels := scope.ambiguity(call.name)):
            raise ambiguous(call.name, call.name_span, labels)
        if isinstance(value, Signal):  # an input, a labelled step, a value handed to the block
            if call.bare:
                if value is current and layer(call.name) is not None and scope.is_label(call.name):
                    # As a value it would do nothing here; the layer may be meant, perhaps newer than the label.
                    raise ambiguous(call.name, call.name_span, (value.span,))
                refuse_label(call)
                return value
            value = scope.behind(call.name) or value
        step = self._callee(call, value, scope, current)
        target = step.target
        if isinstance(target, Definition) and len(inputs_of(target)) > 1:
            raise without_arms(call, target)
        if current is None:
            raise self.nothing_yet(call.name_span)
        if isinstance(target, type):
            slot = call.name if step is value else None
            return self._operator(call, step, target, current, scope, name, slot)
        if isinstance(target, Definition):
            return self._block(call, step, target, (current,), scope, name)
        assert isinstance(target, SharedSteps), "there is nothing else that can be called"
        return self._shared(call, target, current, scope)

    def _callee(self, step: ast.Call | ast.Merge, value: Value, scope: Scope, current: Signal | None) -> Partial:
        """What a name calls whose value is ``value``. Raises Invalid where that is nothing to call."""
        if isinstance(value, Partial):
            return value
        if value is UNKNOWN:
            raise Unknown
        target = layer(step.name)
        if value is not ABSENT and (target is None or _is_hidden(step, value)):
            helps: tuple[str, ...] = ("a value takes no arguments",) if isinstance(value, Signal) else ()
            if target is not None:
                helps = (f"it hides the layer {step.name}: call the one that is defined here something else",)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                helps = (f"affine({step.name}) multiplies by it, and affine(1, {step.name}) adds it",)
            message = f"{step.name} is {kind_of(value)} here, and no step"
            from specc.elaborate.declarations import declaration  # a spec without mistakes needs none of it

            secondary = declaration(step.name, step.name_span, self.around)
            raise invalid(Code.UNKNOWN_LAYER, message, step.name_span, secondary=secondary, helps=helps)
        if target is not None:
            return target
        raise self._unseen.unknown(step.name, step.name_span, scope, step, current)

    def _operator(
        self,
        call: ast.Call,
        step: Partial,
        kind: type[Op],
        current: Signal,
        scope: Scope,
        name: str | None,
        slot: str | None,
    ) -> Signal:
        label = call.label and resolved(call.label, scope)
        self.network.claim(label, scope, kind)
        plan = self._plan(OperatorPlan, call, step, kind)
        if not kind.takes_one():
            if not any(
                argument.name in (None, "arms") for argument in call.arguments
            ):  # those are its arms in a wrong place
                plan.bound(scope, self.network.report, self._label_elsewhere)
            from specc.elaborate.proposals import proposed

            proposal = proposed(call, current, scope)
            helps, fix = ((proposal.help,), proposal.fix) if proposal else (hints.arms(call), None)
            raise invalid(Code.RANK, f"{call.name} joins several values", call.span, helps=helps, fix=fix)
        bound = plan.fixed or self._bound(plan, call, current, scope)
        if bound is None or current.type is None:
            return self.network.label(label, Signal(None, None, plan.span))
        if slot is not None and kind.passes:
            block = self.network.block
            block.passed.append((slot, current, len(block.members)))
            return self.network.label(label, current)
        if bound.values:
            inputs = (current, *bound.values)
            types = tuple([value.type for value in inputs if value.type is not None])
            return self._step(call, label, plan.span, bound, inputs, types, name, scope, slot)
        return self._step(call, label, plan.span, bound, (current,), (current.type,), name, scope, slot)

    def _bound(self, plan: OperatorPlan, call: ast.Call, current: Signal, scope: Scope) -> BoundOperator | None:
        """The operator with its arguments; of wrong ones is said how the call is written, where it is one of
        another tool.
        """
        findings: list[Diagnostic] = []
        bound = plan.bound(scope, lambda *found: findings.extend(found), self._label_elsewhere)
        if findings:
            from specc.elaborate.proposals import proposed

            if (proposal := proposed(call, current, scope)) is not None:
                findings[0] = proposal.added_to(findings[0])
            self.network.report(*findings)
        return bound

    def _arms(self, merge: ast.Merge, current: Signal | None, scope: Scope) -> tuple[ast.Merge, tuple[Signal, ...]]:
        """The merge with an arm for each round of ``for each``, and the value of each arm. Raises Invalid."""
        arms: list[ast.Arm] = []
        values: list[Signal] = []
        for arm in merge.arms:
            inner, each = Scope({}, scope), arm.each
            if each and not each.body.statements:
                helps = ("`_` is an arm that passes the current value on",)
                raise invalid(Code.RANK, "an arm cannot be empty", each.body.span, helps=helps)
            rounds = self._walk_each(each, current, inner) if each else [self._walk(arm.statements, current, inner)]
            for value in rounds:
                if value is None:
                    raise self.nothing_yet(arm.span)
                arms.append(arm)
                values.append(value)
        if not arms:
            place = merge.arms[0].span
            raise invalid(Code.RANK, f"{merge.name} has no arm: there is no entry to make one of", place)
        return merge._replace(arms=tuple(arms)), tuple(values)

    def merge(self, merge: ast.Merge, current: Signal | None, scope: Scope, name: str | None) -> Signal | None:
        step = self._callee(merge, scope.get(merge.name), scope, current)
        kind = step.target
        if isinstance(kind, Definition) and len(ports := inputs_of(kind)) > 1:
            is_known = not any(arm.each for arm in merge.arms)
            if is_known and len(merge.arms) != len(ports):
                raise without_arms(merge, kind)
            joined, inputs = self._arms(merge, current, scope)
            if len(inputs) != len(ports):
                raise without_arms(joined, kind)
            return self._block(merge, step, kind, inputs, scope, name)
        if not isinstance(kind, type) or kind.arity == (1, 1):
            helps = (signature(kind),) if isinstance(kind, type) else ()
            raise invalid(Code.RANK, f"{merge.name} takes one value, not arms", merge.name_span, helps=helps)
        label = merge.label and resolved(merge.label, scope)
        self.network.claim(label, scope, kind)
        plan = self._plan(OperatorPlan, merge, step, kind)
        bound = plan.fixed or plan.bound(scope, self.network.report, self._label_elsewhere)
        joined, inputs = self._arms(merge, current, scope)
        types = tuple([value.type for value in inputs if value.type is not None])
        if bound is None or len(types) < len(inputs):
            return self.network.label(label, Signal(None, None, plan.span))
        # How many entries a list has may be a parameter; an arm that is written is one too few.
        if len(inputs) == 1 and not kind.takes_one():
            if not any(arm.each for arm in merge.arms):
                raise invalid(Code.RANK, f"{kind.kind} joins at least 2 values, and has one arm", plan.span)
            if kind.unites:
                try:
                    bound.op.infer(*types)
                except Refusal as refusal:
                    raise refused(refusal, joined, bound, inputs, self.network.nodes, scope) from None
                return self.network.label(label, inputs[0])
        return self._step(joined, label, plan.span, bound, inputs, types, None, scope)

    def _plan(
        self,
        make: Callable[[ast.Call | ast.Merge, Target, tuple[ast.Argument, ...], Mapping[str, ast.Argument]], Plan],
        call: ast.Call | ast.Merge,
        step: Partial,
        target: Target,
    ) -> Plan:
        """The plan of a call, made once for each target; anew where the target comes with bound arguments."""
        key = id(call), target
        plan: Plan | None = None if step.arguments else self._plans.get(key)
        if plan is None:
            defaults = self.network.block.environment.defaults_for(target, call.span)
            plan = make(call, target, (*step.arguments, *call.arguments), defaults)
            if not step.arguments:
                self._plans[key] = plan
        return plan

    def _step(
        self,
        step: ast.Call | ast.Merge,
        label: ast.Binder | None,
        span: Span,
        bound: BoundOperator,
        inputs: tuple[Signal, ...],
        types: tuple[TensorType, ...],
        name: str | None,
        scope: Scope,
        slot: str | None = None,
    ) -> Signal:
        network = self.network
        nodes = network.nodes
        try:
            op = bound.op
            type_, parameters = inferred(op, types, span)
            if self.freezing.around and any(not parameter.buffer for parameter in parameters):
                op = self.freezing.frozen(step.name, bound)
                type_, parameters = inferred(op, types, span)
        except Refusal as refusal:
            again = sized_by_value(step, bound, types, scope)
            if again is not None:
                inputs, types = (*inputs, *again.values), (*types, *(v.type for v in again.values if v.type))
                return self._step(step, label, span, again, inputs, types, name, scope, slot)
            problem = refused(refusal, step, bound, inputs, nodes, scope)
            raise _told(problem, step, inputs[0], scope) from None
        called = label.name if label else name
        node = DraftNode(len(nodes), type_, span, op, inputs, types, parameters, called, slot)
        nodes.append(node)
        network.block.members.append(node)
        return node if label is None else network.label(label, node)

    # ---- blocks and shared steps ------------------------------------------------------------------------------------

    def _block(
        self,
        call: ast.Call | ast.Merge,
        step: Partial,
        definition: Definition,
        inputs: tuple[Signal, ...],
        scope: Scope,
        name: str | None,
    ) -> Signal | None:
        """Call a block on one value, or with several, of which each has its name in the block."""
        current = inputs[0] if len(inputs) == 1 else None
        block, environment = definition.block, definition.environment
        label = call.label and resolved(call.label, scope)
        self.network.claim(label, scope)
        self._refuse_recursion(definition, call.name_span)
        if not self._active:
            self._budget.block(call, scope)  # what is called from there is part of this forecast
        inner = Scope({} if current is None else {"in": current.seen}, environment.scope)
        plan, report = self._plan(BlockPlan, call, step, definition), self.network.report
        values = plan.values(scope, inner, report)
        if values is None:
            return self.network.label(label, Signal(None, None, call.span))
        if definition not in self.blocks:
            self.blocks[definition] = unused_parameters(block)
            self._unread.append(definition)
        if self.blocks[definition]:
            report(*self.blocks[definition])
        contract = block.contract
        signals = value_arguments(values)
        plain = {key: value for key, value in values.items() if not isinstance(value, Size) and key not in signals}
        ports = contract.inputs if contract is not None and current is None else ()
        several = tuple([(port.name or "", value) for port, value in zip(ports, inputs, strict=True)]) if ports else ()
        draft = DraftBlock(
            "block",
            block.name,
            call.name_span.to(call.span),
            inner,
            environment,
            current,
            current,
            label.name if label else name,
            tuple([(key, value if is_plain(value) else LayerText(display(value))) for key, value in plain.items()]),
            several + tuple(chain.from_iterable(signals.values())),
            slot=call.name if call.name != block.name else None,
        )

        def body() -> Signal | None:
            if contract is not None:
                check_inputs(contract, block.name, inputs, inner)
            result = self._walk(block.body.statements, current, inner)
            return result if contract is None or result is None else given(contract, draft, self.network, result)

        def followed() -> Signal | None:
            self._active.append(definition)
            result = self.network.fill(
                draft, label, body, lambda: Label(draft.span, f"in {block.name}({display_arguments(values)})")
            )
            self._active.pop()
            return result

        freezer = plan.freezer(scope)
        return followed() if freezer is None else self.freezing.follow(freezer, followed)

    def declare(self, statement: ast.Shared, scope: Scope) -> None:
        self.network.claim_name(statement.name, statement.name_span, scope)
        shared = SharedSteps(statement, scope, self.network.block)
        scope.names[statement.name] = Partial(statement.name, shared)
        self.network.shared[shared] = False

    def _shared(self, call: ast.Call, shared: SharedSteps, current: Signal, scope: Scope) -> Signal | None:
        """Apply shared steps: the same tensors as at their other places."""
        if not call.bare:
            helps: tuple[str, ...] = ()
            if any(argument.name == "frozen" for argument in call.arguments):
                form = f"`shared {call.name} = frozen {{ … }}`", "`frozen: true` beside a `group` in its `steps`"
                helps = (f"one tensor is frozen at all of its places: {in_form(call.span, *form)}",)
            message = f"{call.name} is shared steps, and takes no arguments"
            raise invalid(Code.UNKNOWN_ARGUMENT, message, call.span, helps=helps)
        label = call.label and resolved(call.label, scope)
        self.network.claim(label, scope)
        self._refuse_recursion(shared, call.name_span)
        self.network.shared[shared] = True
        inner, statements = Scope({}, shared.scope), shared.statement.steps
        draft = DraftBlock(
            "block",
            shared.name,
            call.name_span.to(call.span),
            inner,
            shared.block.environment,
            shared.block.entry,
            current,
            label.name if label else None,
            shared=shared,
            sole=is_sole(statements, inner),
        )
        self._active.append(shared)
        body = partial(self._walk, statements, current, inner)
        result = self.network.fill(draft, label, body, lambda: Label(draft.span, f"in {shared.name}"))
        self._active.pop()
        return result

    def _refuse_recursion(self, target: Definition | SharedSteps, span: Span) -> None:
        if target not in self._active:
            return
        chain = [*self._active[self._active.index(target) :], target]
        helps = ("repeat and for say how often something comes; a network has a fixed depth",)
        if len(chain) == 2 and layer(target.name):
            helps = (f"in here {target.name} is what is defined, and not the layer: call it something else",)
        header = target.block.name_span if isinstance(target, Definition) else target.statement.name_span
        raise invalid(
            Code.RECURSION,
            f"{target.name} would contain itself",
            span,
            secondary=(Label(header, f"{target.name} begins here"),),
            notes=(" calls ".join([callee.name for callee in chain]),),
            helps=helps,
        )


def _told(problem: Invalid, step: ast.Call | ast.Merge, current: Signal, scope: Scope) -> Invalid:
    """What is refused of a call whose arguments begin with the input's channels: that these are not written.

    What else may be said of it, such as a padding for a kernel that is a number of filters, helps nobody.
    """
    from specc.elaborate.proposals import proposed

    proposal = proposed(step, current, scope) if isinstance(step, ast.Call) and step.arguments else None
    if proposal is None or not proposal.told:
        return problem
    return Invalid(replace(problem.diagnostic, helps=(proposal.help,), fix=proposal.fix, where=None))


def _is_hidden(step: ast.Call | ast.Merge, value: Value) -> bool:
    """Whether a value that is no step hides the layer of its name.

    With arguments, or arms, a number or a value of the network can only be the layer: ``pad(pad)``. What says that
    there is no step, ``act = none``, is never the layer of that name.
    """
    is_bare = isinstance(step, ast.Call) and step.bare
    return is_bare or value is None or isinstance(value, bool)
