"""Conditions on variants, in the language's own expressions: on parameters alone, or on networks."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import SpecError
from specc.elaborate import Template
from specc.elaborate.assertions import condition_findings
from specc.source import Source
from specc.syntax import ast, parse


class Condition(NamedTuple):
    """An expression that is true or false.

    Attributes:
        text: as it was written.
    """

    text: str
    test: ast.Expr


def condition(text: str, origin: str) -> Condition:
    """An expression as a condition of ``origin`` (``--where``). Raises SpecError."""
    flat = " ".join(text.split("\n"))
    (let, *_) = parse(Source(origin, f"let holds = {flat}")).items
    assert isinstance(let, ast.Let), "it begins with one, and is one line"
    return Condition(text, let.value)


def require_names(of: Condition, template: Template, names: dict[str, object]) -> None:
    """Raises SpecError where a condition on networks speaks of what no network of the model has.

    Args:
        names: values of the parameters, such as of the first variant.
    """
    if findings := condition_findings(of.test, template.scope(names)):
        raise SpecError(findings)
