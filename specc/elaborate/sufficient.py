"""The whole condition under which a model fits: found by asking for one clause after the other, and tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from specc.diagnostics import Diagnostic, SpecError
from specc.elaborate.trouble import in_form
from specc.ir.graph import Graph
from specc.ir.size import Symbol
from specc.source import Source, Span
from specc.syntax import ast, parse

_MOST_CLAUSES = 24
"""Halvings of two axes that may each ask for something."""


def explained(error: SpecError, model: ast.Model, again: Callable[[ast.Model], Graph]) -> SpecError:
    """``error`` with the ``where`` that mends it.

    A U-Net asks at its first pool for H >= 2 and at its first merge for H % 16 == 0; whoever is told only the
    first has four more errors to come. So every clause is taken in, until the model fits or another mistake shows.

    Args:
        again: elaborates the model with more conditions in its contract. Raises SpecError.
    """
    shown = last = error
    known: dict[str, None] = {}
    while _asking(last) and len(known) < _MOST_CLAUSES:
        if all(finding.where for finding in last.diagnostics):
            shown = last
        new = {clause: None for finding in _asking(last) for clause in (finding.where or "").split(", ")}
        if not new.keys() - known.keys():
            break
        known |= new
        try:
            graph = again(_with(model, ", ".join(known)))
        except SpecError as other:
            last = other
            continue
        return _helped(shown.diagnostics, f"where {_text(graph, known)}", ": with it every step fits")
    # Other mistakes are left where the sizes are as asked: both are told.
    left = [finding for finding in last.diagnostics if not finding.where]
    return _helped((*_asking(error), *left), None, "")


def _asking(error: SpecError) -> tuple[Diagnostic, ...]:
    return tuple(finding for finding in error.diagnostics if finding.where)


def _with(model: ast.Model, clauses: str) -> ast.Model:
    """The model with more conditions in its contract."""
    (asking,) = parse(Source("where", f"model M : [N, F] where {clauses} {{ identity }}")).models
    assert asking.contract is not None, "it was written above"
    assert model.contract is not None, "its sizes have been spoken of"
    return model._replace(contract=model.contract._replace(where=(*model.contract.where, *asking.contract.where)))


def _helped(findings: tuple[Diagnostic, ...], where: str | None, tried: str) -> SpecError:
    def help_for(own: str, span: Span) -> str:
        clauses = (where or own).removeprefix("where ")
        return f"add `{in_form(span, f'where {clauses}', f'where: [{clauses}]')}` to the model's contract{tried}"

    return SpecError(
        [replace(f, helps=(help_for(f.where, f.primary.span), *f.helps)) if f.where else f for f in findings]
    )


def _text(graph: Graph, clauses: dict[str, None]) -> str:
    """Everything that is asked of the sizes, as short as it can be said."""
    equal = [clause for clause in clauses if clause.split(" == ")[-1].isidentifier()]
    return ", ".join([*equal, *(part for symbol in graph.symbols for part in _asked(symbol))])


def _asked(symbol: Symbol) -> list[str]:
    free = Symbol(symbol.name, modulus=symbol.modulus, residue=symbol.residue)
    parts = [f"{symbol.name} % {symbol.modulus} == {symbol.residue}"] if symbol.modulus > 1 else []
    if symbol.value(symbol.first) > free.value(free.first):
        parts.append(f"{symbol.name} >= {symbol.least}")
    if symbol.most is not None:
        parts.append(f"{symbol.name} <= {symbol.most}")
    return parts
