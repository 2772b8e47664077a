"""Where the names of a place in the spec are declared: the second place of a finding about what they stand for."""

from __future__ import annotations

from specc.diagnostics import Label
from specc.elaborate.scopes import Scope
from specc.ir.size import Size
from specc.source import Span
from specc.syntax import ast


def declaration(name: str, place: Span, item: ast.ModelDefinition | ast.BlockDefinition) -> tuple[Label, ...]:
    """The parameter, size, ``let`` or loop's variable that ``name`` means at a place of a model or block.

    None where that is of the file, or of another one.
    """
    before: list[Span] = [param.span for param in item.params if param.name == name]
    for port in item.contract.inputs if item.contract is not None else ():
        dims = port.shape.dims if port.shape is not None else ()
        before += [dim.span for dim in dims if isinstance(dim, ast.Name) and dim.name == name and not before]
    for part in ast.parts(item.body):
        if isinstance(part, ast.Let) and part.name == name and part.span.end <= place.start:
            before.append(part.name_span)
        elif isinstance(part, ast.For) and part.span.covers(place):
            before += [label.span for label in part.names if label.name == name]
    last = max(before, key=lambda span: span.start, default=None)
    return () if last is None else (Label(last, f"{name} is declared here"),)


def sizes_declared(
    expression: ast.Expr, scope: Scope, item: ast.ModelDefinition | ast.BlockDefinition
) -> tuple[Label, ...]:
    """The declarations of the symbolic sizes that an expression reads by name."""
    names = dict.fromkeys(name.name for name in ast.free_names(expression))
    return tuple(
        label
        for name in names
        if isinstance(scope.get(name), Size)
        for label in declaration(name, expression.span, item)
    )
