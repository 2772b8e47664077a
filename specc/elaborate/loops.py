"""Loops: how many rounds they have, what their names stand for in each, and which rounds go by a number."""

from __future__ import annotations

from specc.diagnostics import Code, Label
from specc.elaborate import hints
from specc.elaborate.errors import invalid
from specc.elaborate.evaluation import evaluate
from specc.elaborate.naming import name_problem
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Value, display, display_arguments, is_whole, kind_of
from specc.ir.size import Size
from specc.source import Span
from specc.syntax import ast

Row = tuple[Value, ...]
"""The values of a loop's names in one round."""


def repetitions(step: ast.Repeat, scope: Scope) -> int:
    """How many rounds ``repeat`` has. Raises Invalid, Unknown."""
    rounds = evaluate(step.rounds, scope)
    if is_whole(rounds) and rounds >= 0:
        return int(rounds)
    value = kind_of(rounds) if isinstance(rounds, Size) else display(rounds)
    message = f"repeat takes a whole number of at least 0, not {value}"
    raise invalid(Code.BAD_VALUE, message, step.rounds.span, helps=hints.real_for_whole(rounds, step.rounds))


def rows(step: ast.For, scope: Scope) -> list[Row]:
    """The rounds of ``for``. Raises Invalid, Unknown."""
    table = evaluate(step.table, scope)
    if not isinstance(table, tuple):
        message = f"for goes through a list, and {step.table.span.text} is {kind_of(table)}"
        raise invalid(Code.BAD_VALUE, message, step.table.span)
    if problem := next((p for label in step.names if (p := name_problem(label.name))), None):
        raise invalid(Code.BAD_LABEL, problem, step.names[0].span)
    if len(step.names) == 1:
        return [(entry,) for entry in table]
    for number, entry in enumerate(table, 1):
        if not isinstance(entry, tuple) or len(entry) != len(step.names):
            what = f"has {len(entry)} values" if isinstance(entry, tuple) else f"is {kind_of(entry)}"
            names = ", ".join(label.name for label in step.names)
            raise invalid(
                Code.BAD_VALUE,
                f"row {number} of the table {what}, and {names} take {len(step.names)}",
                step.table.span,
                f"row {number} is {display(entry)}",
            )
    return list(table)


def variables(step: ast.Repeat | ast.For) -> tuple[str, ...]:
    """The names that a loop gives values to."""
    return tuple(label.name for label in step.names) if isinstance(step, ast.For) else ()


def round_label(header: Span, index: int, rounds: int, values: dict[str, Value]) -> Label:
    """``round 3 of 4: c = 64``"""
    return Label(header, f"round {index + 1} of {rounds}" + (f": {display_arguments(values)}" if values else ""))


def names_its_rounds(loop: ast.Repeat | ast.For) -> bool:
    """Whether a label is computed from the loop's variables, and says by itself which round it is of.

    A label of another scope of names does not: in a numbered round of an inner loop, in a labelled loop.
    """
    return isinstance(loop, ast.For) and _is_read(loop.body.statements, frozenset(variables(loop)))


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
        hidden = variables(statement) if isinstance(statement, ast.For) else ()
        if any(_is_read(inner, names - {*hidden}) for inner in _inner(statement)):
            return True
    return False


def _inner(step: ast.Step) -> list[tuple[ast.Statement, ...]]:
    """The statements in a step whose labels belong to the same place, or to a group there."""
    match step:
        case ast.For(label=None) if names_its_rounds(step):
            return [step.body.statements]
        case ast.Group():
            return [step.body.statements]
        case ast.If():
            return [body.statements for body in (step.body, step.otherwise) if body is not None]
        case ast.Merge():
            return [arm.statements for arm in step.arms]
    return []


def is_sole(statements: tuple[ast.Statement, ...]) -> bool:
    """Whether there is only one step, which may take the name of the round, or of the shared steps, that it is."""
    others = [s for s in statements if not isinstance(s, (ast.Let, ast.Assert, ast.Checkpoint))]
    if len(others) != 1 or not isinstance(others[0], (ast.Call, ast.Group, ast.Repeat, ast.For, ast.If)):
        return False
    return others[0].label is None
