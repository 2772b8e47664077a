"""Labels that need not be written: steps and calls of blocks that the language calls so by itself.

It calls an unlabelled step by its layer and its place among the steps of that layer in its scope, a call by its block.
A file that has been written of a spec is full of such names. They are left out where nearly all names of a network are
such, and no value of that name is called; in others, `conv1` beside `bn1`, somebody has chosen them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from itertools import groupby

from specc.importing.structure.body import (
    LabelledGroup,
    SharedDeclaration,
    Statement,
    WrittenStep,
    all_statements,
    inner_bodies,
)

_MOST = 0.75
"""The share of labels that are the language's in a network whose labels nobody has chosen."""
_LONGEST_ROW = 4
"""Calls of one block in a row that are not better said as a loop, which needs their labels."""


def leave_out_layers(body: list[Statement], called: Collection[str]) -> bool:
    """Mark the layers of a model whose labels need not be written, if most are such.

    Args:
        called: the values that are called by name.
    """
    scopes = list(_scopes(body))
    usual = [layer for scope in scopes for layer in _usual_layers(scope) if layer.value not in called]
    labelled = sum(isinstance(s, WrittenStep) and bool(s.step.tensors and s.label) for scope in scopes for s in scope)
    if len(usual) < _MOST * labelled or not usual:
        return False
    for layer in usual:
        layer.is_automatic = True
    return True


def leave_out_calls(body: list[Statement], called: Collection[str]) -> None:
    """Mark the calls of blocks in the body of a model or block whose labels need not be written.

    Args:
        called: the values that are called by name.
    """
    for scope in _scopes(body):
        counts = Counter[str]()
        for block, row in groupby(scope, _block):
            calls = [call for call in row if isinstance(call, LabelledGroup) and _has_tensors(call)]
            for call in calls if block else ():
                counts[block] += 1
                is_usual = call.label == f"{block}{counts[block]}" and len(calls) <= _LONGEST_ROW
                call.is_automatic = is_usual and _values(call).isdisjoint(called)


def has_automatic_labels(body: list[Statement]) -> bool:
    """Whether a label is left out that belongs to the place of a body."""
    return any(isinstance(s, (WrittenStep, LabelledGroup)) and s.is_automatic for s in _of_scope(body))


def _scopes(body: list[Statement]) -> Iterator[list[Statement]]:
    """The statements of each scope of names; of those without the groups that stand in several parts."""
    here = list(_of_scope(body))
    yield here
    for statement in here:
        match statement:
            case LabelledGroup(call=None, goes_on=False) | SharedDeclaration():
                yield from _scopes(statement.body)


def _of_scope(body: list[Statement]) -> Iterator[Statement]:
    """The statements whose names belong to the place of a body: its own, and those in arms and conditions."""
    for statement in body:
        yield statement
        if not isinstance(statement, (LabelledGroup, SharedDeclaration)):
            for inner in inner_bodies(statement):
                yield from _of_scope(inner)


def _usual_layers(scope: list[Statement]) -> Iterator[WrittenStep]:
    counts = Counter[str]()
    for statement in scope:
        if isinstance(statement, WrittenStep) and statement.step.tensors and statement.shared is None:
            counts[statement.step.operator] += 1
            if statement.label == f"{statement.step.operator}{counts[statement.step.operator]}":
                yield statement


def _block(statement: Statement) -> str:
    """The block that it is a call of; empty of anything else."""
    return statement.call.block if isinstance(statement, LabelledGroup) and statement.call else ""


def _has_tensors(group: LabelledGroup) -> bool:
    return any(isinstance(s, WrittenStep) and s.step.tensors and s.shared is None for s in all_statements(group.body))


def _values(group: LabelledGroup) -> set[str]:
    return {group.value, *(s.value for s in all_statements(group.body) if isinstance(s, WrittenStep))}
