"""The `where` that a contract lacks: one clause after the other is asked for, and the whole is tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from specc.diagnostics import Diagnostic, SpecError
from specc.diagnostics.condition import Clause, Condition
from specc.elaborate.errors import in_form
from specc.ir.graph import Graph
from specc.ir.symbols import asked_of
from specc.source import Span
from specc.syntax import ast

_MOST_CLAUSES = 24
"""Halvings of two axes that may each ask for something."""


def explained(error: SpecError, model: ast.ModelDefinition, again: Callable[[Condition], Graph]) -> SpecError:
    """``error`` with the ``where`` that mends it.

    A U-Net asks at its first pool for H >= 2 and at its first merge for H % 16 == 0; whoever is told only the
    first has four more errors to come. So every clause is taken in, until the model fits or another mistake shows.

    Args:
        again: elaborates the model with a condition besides its contract's. Raises SpecError, and ValueError where
            the condition cannot hold.
    """
    inputs = model.contract.inputs if model.contract else ()
    firsts = [port.shape.dims[0] for port in inputs if port.shape.dims]
    batches = frozenset(first.name for first in firsts if isinstance(first, ast.Name))
    shown = last = error = _possible(error, batches)
    known: dict[Clause, None] = {}
    while _asking(last) and len(known) < _MOST_CLAUSES:
        if all(finding.where for finding in last.diagnostics):
            shown = last
        new = {clause: None for finding in _asking(last) if finding.where for clause in finding.where.clauses}
        if not new.keys() - known.keys():
            break
        try:
            graph = again(Condition((*known, *new)))
        except SpecError as other:
            known |= new
            last = _possible(other, batches)
            continue
        except ValueError:  # in words, that some of them contradict each other: each finding keeps its own advice
            break
        equal = (clause for clause in known | new if isinstance(clause.value, str))
        whole = Condition((*equal, *asked_of(graph.symbols).clauses))
        return _helped(shown.diagnostics, whole, ": with it every step fits")
    # Other mistakes are left where the sizes are as asked: both are shown.
    left = [finding for finding in last.diagnostics if not finding.where]
    return _helped((*_asking(error), *left), None, "")


def _possible(error: SpecError, batches: frozenset[str]) -> SpecError:
    """The mistakes with the conditions that a contract can ask for and may well do."""
    findings: list[Diagnostic] = []
    for finding in error.diagnostics:
        where = finding.where
        if where is not None and (batch := ", ".join(sorted(where.names & batches))):
            note = f"{batch} is the batch, whatever the caller brings: no condition can speak of it"
            findings.append(replace(finding.with_note(note), where=None))
        else:
            findings.append(replace(finding, where=where if where is not None and where.is_general else None))
    return SpecError(findings)


def _asking(error: SpecError) -> tuple[Diagnostic, ...]:
    return tuple(finding for finding in error.diagnostics if finding.where)


def _helped(findings: Iterable[Diagnostic], whole: Condition | None, tried: str) -> SpecError:
    """The findings, those that ask for a condition with the words that say where it goes.

    Args:
        whole: the condition of them all, where it is known.
        tried: what is known of it.
    """

    def help_for(own: Condition, span: Span) -> str:
        clauses = whole or own
        return f"add `{in_form(span, f'where {clauses}', f'where: [{clauses}]')}` to the model's contract{tried}"

    return SpecError([f.with_help(help_for(f.where, f.primary.span)) if f.where else f for f in findings])
