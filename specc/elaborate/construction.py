"""The network under construction: its steps so far, the block that the next one goes to, and who has which label."""

from __future__ import annotations

from collections.abc import Callable

from specc.diagnostics import Code, Label
from specc.elaborate.drafts import DraftBlock, DraftNode, SharedSteps
from specc.elaborate.errors import Findings, Invalid, Unknown, invalid
from specc.elaborate.labels import claim, name_problem, stands_for_value
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Signal
from specc.ir.op import Op
from specc.source import Span
from specc.syntax import ast


class Construction:
    """What a walk builds.

    Attributes:
        block: where steps and labels go now.
        nodes: all steps of the model, in its order.
        shared: shared steps, and whether they are applied anywhere.
        outputs: what labels of the model's own body name and no step can take: an output can be called so all the same.
    """

    def __init__(self, model: DraftBlock) -> None:
        self.block = model
        self.findings = Findings()
        self.nodes: list[DraftNode] = []
        self.shared: dict[SharedSteps, bool] = {}
        self.outputs: dict[str, Signal] = {}

    def claim(self, label: ast.Label | None, scope: Scope, kind: type[Op] | None = None) -> None:
        """Take a label for a step of the block; see `specc.elaborate.labels.claim`."""
        if label is not None and (findings := claim(label, self.block, scope, kind)):
            self.findings.report(findings)

    def claim_name(self, name: str, place: Span, scope: Scope) -> None:
        """Take the name of what steps mean by it: of an input, of shared steps."""
        if problem := name_problem(name):
            self.block.names.labels[name] = place
            self.findings.report([invalid(Code.BAD_LABEL, problem, place, helps=("choose another name",)).diagnostic])
        else:
            self.claim(ast.Label(place, name), scope)

    def label(self, label: ast.Label | None, value: Signal) -> Signal:
        """``value``, which goes by its label from now on."""
        if label is None:
            return value
        if stands_for_value(label):
            self.block.scope.define(label.name, value.seen)
        elif self.block.kind == "model":
            self.outputs[label.name] = value
        return value

    def fill(
        self,
        block: DraftBlock,
        label: ast.Label | None,
        body: Callable[[], Signal | None],
        trace: Callable[[], Label] | None = None,
    ) -> Signal | None:
        """Run ``body``, whose steps and labels go to ``block``, and make that a member of the present block.

        Args:
            trace: how the block is called, should something be wrong in it.
        """
        outer, self.block = self.block, block
        if trace is not None:
            self.findings.enter(trace)
        try:
            block.result = body()
        except Unknown:
            block.result = Signal(None, None, block.span)
        except Invalid as problem:
            self.findings.report([problem.diagnostic])
            block.result = Signal(None, None, block.span)
        finally:
            self.block = outer
        if trace is not None:
            self.findings.leave()
        if block.members:
            outer.members.append(block)
        if label is None or block.continues is None:
            return block.result and self.label(label, block.result)
        # The group has gone on: no one value goes by its label any more.
        self.outputs.pop(label.name, None)
        if stands_for_value(label):
            outer.scope.names.pop(label.name, None)
            outer.scope.mark_ambiguous(label.name, (outer.names.labels[label.name], label.span))
        return block.result
