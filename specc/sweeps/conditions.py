"""Conditions on variants, in the language's own expressions: on parameters alone, or on networks.

A parameter may be called like a number of the network: ``set.depth`` is the parameter then, and ``network.depth`` the
number. No value of a parameter has attributes, so that both mean one thing, whatever parameters are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from specc.diagnostics import SpecError, UsageError
from specc.elaborate import Checked, Template
from specc.elaborate.assertions import METRICS, NETWORK, condition_findings, condition_holds
from specc.elaborate.scopes import Scope
from specc.elaborate.values import Value
from specc.source import Source
from specc.syntax import ast, parse

PARAMETER = "set."
"""Before the name of a parameter, where a number of the network has it, too."""
_BEGIN = "let holds = "


class VariantCondition(NamedTuple):
    """An expression that is true or false.

    Attributes:
        text: as it was written.
    """

    text: str
    test: ast.Expr


class _Expression(Source):
    """An expression as the file that it is parsed in, and shown without what stands before it there."""

    __slots__ = ()

    def position(self, offset: int) -> tuple[int, int]:
        line, column = super().position(offset)
        return line, max(1, column - len(_BEGIN))

    def line(self, number: int) -> str:
        return super().line(number).removeprefix(_BEGIN)


def condition(text: str, origin: str) -> VariantCondition:
    """An expression as a condition of ``origin`` (``--where``). Raises SpecError, UsageError."""
    flat = " ".join(text.split("\n")).strip()
    if not flat:
        raise UsageError(f"{origin} is empty: it takes a condition, as in 'params < 2M'")
    (let, *_) = parse(_Expression(origin, _BEGIN + flat)).items
    assert isinstance(let, ast.Let), "it begins with one, and is one line"
    return VariantCondition(text, _qualified(let.value))


def _qualified(tree: Any) -> Any:
    """``set.depth`` and ``network.depth`` as names, which no parameter can have."""
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
        name = f"{tree.value.name}.{tree.name}"
        return ast.Name(tree.span, name) if name.startswith((PARAMETER, NETWORK)) else tree
    if not isinstance(tree, tuple):
        return tree
    parts = map(_qualified, tree)
    return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)


def names(template: Template, settings: Mapping[str, Value]) -> Scope:
    """What a condition sees of a variant, besides the numbers of its network. Raises SpecError."""
    scope = template.scope(settings)
    return Scope({PARAMETER + param.name: scope.get(param.name) for param in template.model.params}, scope)


def number_of_network(of: VariantCondition, scope: Scope) -> str | None:
    """The first name of a condition on parameters that is none of them, but a number of the network."""
    names = (name.name for name in ast.free_names(of.test) if not scope.has(name.name))
    return next((name for name in names if name.removeprefix(NETWORK) in METRICS), None)


def require_names(of: VariantCondition, template: Template, settings: Mapping[str, Value]) -> None:
    """Raises SpecError where a condition on networks speaks of what no network of the model has.

    Args:
        settings: values of the parameters, such as of the first variant.
    """
    if findings := condition_findings(of.test, names(template, settings), PARAMETER):
        raise SpecError(findings)


def require_decision(of: VariantCondition, scope: Scope, network: Checked) -> None:
    """Raises SpecError where a condition cannot be decided for a network that fits, and so for no other of the model.

    Its networks differ in whether they have a receptive field, and in the sizes that they allow: that is passed over.
    """
    try:
        condition_holds(of.test, scope, network.costs)
    except SpecError:
        asked = [part.name for part in ast.parts(of.test) if isinstance(part, ast.Argument)]
        sizes = {symbol.name for symbol in network.graph.symbols}
        sizes |= {str(port.type.batch) for port in network.graph.inputs}
        if network.costs.no_receptive_field is None and not (any(asked) and sizes.issuperset(filter(None, asked))):
            raise
