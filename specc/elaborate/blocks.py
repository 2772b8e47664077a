"""What a block's contract asks of the value that it is given and of the one that it gives."""

from __future__ import annotations

from specc.diagnostics import Code, Label
from specc.elaborate.contracts import agree, match
from specc.elaborate.drafts import DraftBlock
from specc.elaborate.errors import invalid
from specc.elaborate.evaluation import truth
from specc.elaborate.scope import Unknown
from specc.elaborate.values import Signal
from specc.syntax import ast


def take_in(contract: ast.Contract, frame: DraftBlock, current: Signal) -> None:
    """Hold the block's contract against what it is given; the names of its sizes are defined.

    Raises:
        Invalid: it does not hold.
        Unknown: an earlier error left the value unknown.
    """
    for ports in (contract.inputs, contract.outputs or ()):
        if len(ports) > 1:
            raise invalid(
                Code.CONTRACT,
                "a block takes one value and gives one",
                ports[1].span,
                helps=("hand other values over as arguments: up(256, e4)",),
            )
    if current.type is None:
        raise Unknown
    for port in contract.inputs:
        cause = Label(current.span, f"gives {current.type}")
        match(port.shape, current.type, frame.scope, cause)
        if port.name:
            frame.scope.define(port.name, current.seen)
    for condition in contract.where:
        if not truth(condition, frame.scope):
            message = f"block {frame.title} needs {condition.span.text}, and is given {current.type}"
            raise invalid(Code.CONTRACT, message, condition.span)


def give_out(contract: ast.Contract, frame: DraftBlock, result: Signal | None) -> None:
    """Hold the contract against what the block gives, where that is known. Raises Invalid."""
    if not contract.outputs or result is None or result.type is None:
        return
    for port in contract.outputs:
        cause = Label(result.span, f"gives {result.type}")
        agree(port.shape, result.type, frame.scope, Code.CONTRACT, f"the block {frame.title} gives", cause)
