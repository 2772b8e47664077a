"""``frozen``: which parameters are not trained, since a block or a group around their step says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.errors import invalid
from specc.elaborate.evaluation import evaluate
from specc.elaborate.inference import BoundOperator
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Signal, display
from specc.ir.op import Op
from specc.source import Span
from specc.syntax import ast


class Freezer(NamedTuple):
    """A block or a group that says whether all that is in it is frozen.

    Attributes:
        noun: "block" or "group".
        name: what a message calls it.
        place: where it says so.
        freezes: what it says.
    """

    noun: str
    name: str
    place: Span
    freezes: bool


def freezer(noun: str, name: str, place: Span, test: ast.Expr, scope: Scope) -> Freezer:
    """What ``frozen=test`` of a call, or ``frozen(test)`` of a group, says. Raises Invalid, Unknown."""
    value = evaluate(test, scope)
    if not isinstance(value, bool):
        message = f"frozen must be true or false, not {display(value)}"
        raise invalid(Code.BAD_ARGUMENT, message, place, f"frozen of {name}")
    return Freezer(noun, name, place, value)


class Freezing:
    """Which steps are frozen by what is around them.

    Attributes:
        around: what is around the present step and freezes, the outermost first.
    """

    def __init__(self, report: Callable[[Diagnostic], None]) -> None:
        self.around: list[Freezer] = []
        self._report = report
        self._steps = 0
        """How many steps have been frozen so far."""
        self._frozen: dict[int, tuple[Op, Op]] = {}
        """Operators and what they are frozen, by the identity of the first, which the entry keeps alive."""

    def follow(self, freezer: Freezer, body: Callable[[], Signal | None]) -> Signal | None:
        """Follow ``body``, the steps in the block or group; their last value. Raises Invalid."""
        if not freezer.freezes:
            what = "frozen=false" if freezer.noun == "block" else "that `frozen`"
            self._require_none(freezer.name, freezer.place, what)
            return body()
        before = self._steps
        self.around.append(freezer)
        try:
            result = body()
        finally:
            self.around.pop()
        if result is not None and result.type is not None and self._steps == before:
            what = "frozen=true" if freezer.noun == "block" else "frozen"
            message = f"{freezer.name} has no parameters here, and {what} would freeze nothing"
            self._report(Diagnostic(Code.CONTRADICTION, message, Label(freezer.place, "leave it out")))
        return result

    def frozen(self, name: str, bound: BoundOperator) -> Op:
        """The operator of a step with parameters, frozen. Raises Invalid where the step says that it is not."""
        op = bound.op
        if "frozen" in bound.places and not getattr(op, "frozen", True):
            self._require_none(name, bound.places["frozen"], "frozen=false")
        self._steps += 1
        return self._frozen.setdefault(id(op), (op, op.model_copy(update={"frozen": True})))[1]

    def _require_none(self, name: str, place: Span, what: str) -> None:
        """Refuses ``frozen=false`` (``what``, in a message) in what is frozen. Raises Invalid."""
        if not self.around:
            return
        outer = self.around[-1]
        message = f"{name} is not to be frozen, and is in a {outer.noun} that is"
        secondary = (Label(outer.place, f"freezes all that is in the {outer.noun}"),)
        helps = (f"freeze the other parts of the {outer.noun} by themselves, or leave {what} out",)
        raise invalid(Code.CONTRADICTION, message, place, secondary=secondary, helps=helps)
