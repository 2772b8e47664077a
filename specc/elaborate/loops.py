"""Loops: how many rounds they have, and what their names stand for in each."""

from __future__ import annotations

from specc.diagnostics import Code, Label
from specc.elaborate import hints
from specc.elaborate.errors import invalid
from specc.elaborate.evaluation import evaluate
from specc.elaborate.labels import name_problem
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Value, display, kind_of
from specc.ir.size import Size
from specc.source import Span
from specc.syntax import ast

Row = tuple[Value, ...]
"""The values of a loop's names in one round."""


def repetitions(step: ast.Repeat, scope: Scope) -> int:
    """How many rounds ``repeat`` has. Raises Invalid, Unknown."""
    rounds = evaluate(step.rounds, scope)
    if isinstance(rounds, int) and not isinstance(rounds, bool) and rounds >= 0:
        return rounds
    given = kind_of(rounds) if isinstance(rounds, Size) else display(rounds)
    message = f"repeat takes a whole number of at least 0, not {given}"
    raise invalid(Code.BAD_VALUE, message, step.rounds.span, helps=hints.real_for_whole(rounds, step.rounds))


def rows(step: ast.For, scope: Scope) -> list[Row]:
    """The rounds of ``for``. Raises Invalid, Unknown."""
    table = evaluate(step.table, scope)
    if not isinstance(table, tuple):
        message = f"for goes through a list, and {step.table.span.text} is {kind_of(table)}"
        raise invalid(Code.BAD_VALUE, message, step.table.span)
    if problem := next((p for label in step.names if (p := name_problem(label.name))), None):
        raise invalid(Code.BAD_LABEL, problem, step.names[0].span)
    return [_row(step, place, entry) for place, entry in enumerate(table)]


def _row(step: ast.For, place: int, entry: Value) -> Row:
    if len(step.names) == 1:
        return (entry,)
    if isinstance(entry, tuple) and len(entry) == len(step.names):
        return entry
    what = f"has {len(entry)} values" if isinstance(entry, tuple) else f"is {kind_of(entry)}"
    wanted = ", ".join(label.name for label in step.names)
    raise invalid(
        Code.BAD_VALUE,
        f"row {place + 1} of the table {what}, and {wanted} take {len(step.names)}",
        step.table.span,
        f"row {place + 1} is {display(entry)}",
    )


def variables(step: ast.Repeat | ast.For) -> tuple[str, ...]:
    """The names that a loop gives values to."""
    return tuple(label.name for label in step.names) if isinstance(step, ast.For) else ()


def header(step: ast.Repeat | ast.For) -> Span:
    """The loop without its body."""
    return Span(step.span.source, step.span.start, step.body.span.start)


def round_label(header: Span, place: int, rounds: int, values: dict[str, Value]) -> Label:
    """``round 3 of 4: c = 64``"""
    shown = ", ".join(f"{name} = {display(value)}" for name, value in values.items())
    return Label(header, f"round {place + 1} of {rounds}" + (f": {shown}" if shown else ""))


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
            tells = not names.isdisjoint(ast.names_in(statement.value))
            names = names | {statement.name} if tells else names - {statement.name}
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


def sole(statements: tuple[ast.Statement, ...]) -> ast.Step | None:
    """The only step of a round, where it may take the round's number as its name."""
    found = [s for s in statements if not isinstance(s, (ast.Let, ast.Assert, ast.Checkpoint, ast.Shared))]
    declares = any(isinstance(s, ast.Shared) for s in statements)
    if len(found) != 1 or found[0].label is not None or declares:
        return None
    return found[0] if isinstance(found[0], (ast.Call, ast.Group, ast.Repeat, ast.For, ast.If)) else None
