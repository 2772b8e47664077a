"""Labels: who may have which, and lets, which are told apart from them."""

from __future__ import annotations

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.expressions import evaluate
from specc.elaborate.frames import Frame
from specc.elaborate.naming import label_problem, name_problem
from specc.elaborate.scope import ABSENT, Scope
from specc.elaborate.trouble import trouble
from specc.elaborate.values import Given, Prepared
from specc.ir.op import Op
from specc.ops import find
from specc.source import Span
from specc.syntax import ast


def claim(label: ast.Label, frame: Frame, scope: Scope, kind: type[Op] | None = None) -> list[Diagnostic]:
    """Take a label for a step of ``frame``; the reason where the step cannot have it.

    Args:
        kind: of the step, if it is an operator: it may be called what it is (``fc: fc(10)``).
    """
    name = label.name
    if name in frame.labels:
        return [two_of_a_name(name, label.span, frame.labels[name])]
    frame.labels[name] = label.span
    problem = None if kind and find(name) is kind else label_problem(name)
    if not problem and _hides(name, frame, scope):
        problem = f"{name} is a parameter, a let or a loop's variable here, and a label cannot hide it"
    if not problem:
        return []
    return [Diagnostic(Code.BAD_LABEL, problem, Label(label.span), helps=("choose another label",))]


def _hides(name: str, frame: Frame, scope: Scope) -> bool:
    """Whether a label would hide a parameter, a let or a loop variable; blocks and outer labels it may."""
    value = scope.get(name)
    return value is not ABSENT and (frame.scope.holds(name) or not isinstance(value, (Prepared, Given)))


def two_of_a_name(name: str, again: Span, first: Span) -> Diagnostic:
    return Diagnostic(
        Code.DUPLICATE_LABEL,
        f"two things are called {name}",
        Label(again, "again here"),
        (Label(first, "first here"),),
    )


def refuse_label(step: ast.Call | ast.Checkpoint | ast.Enclosing) -> None:
    """Raises Trouble where a step that makes no value of its own has a label."""
    if step.label is not None:
        raise trouble(
            Code.BAD_LABEL,
            f"{step.label.name} labels no layer, so it would name nothing",
            step.label.span,
            helps=("put the label on the layer that makes the value",),
        )


def define(let: ast.Let, scope: Scope) -> None:
    """``let name = value``; a name may be given once in a scope."""
    if problem := name_problem(let.name):
        raise trouble(Code.BAD_LABEL, problem, let.name_span)
    if scope.holds(let.name):
        raise trouble(
            Code.DUPLICATE_LABEL,
            f"{let.name} has a value here already",
            let.name_span,
            helps=("values never change: choose another name",),
        )
    scope.define(let.name, evaluate(let.value, scope))
