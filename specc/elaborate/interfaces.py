"""What goes into a block: the values that its contract names, an arm for each; the values among its arguments."""

from __future__ import annotations

from collections.abc import Mapping

from specc.diagnostics import Code, Label
from specc.diagnostics.words import listed
from specc.elaborate.errors import Invalid, in_form, invalid, short
from specc.elaborate.scopes import Definition
from specc.elaborate.values import Signal, Value
from specc.syntax import ast


def inputs_of(definition: Definition) -> tuple[ast.PortDeclaration, ...]:
    """What its contract says of its inputs."""
    return definition.block.contract.inputs if definition.block.contract is not None else ()


def value_arguments(values: Mapping[str, Value]) -> dict[str, list[tuple[str, Signal]]]:
    """By parameter, the values of the network that are arguments, each with a name: of a list ``xs0``, ``xs1`` …"""
    found: dict[str, list[tuple[str, Signal]]] = {}
    for key, value in values.items():
        if isinstance(value, Signal):
            found[key] = [(key, value)]
        elif isinstance(value, tuple) and value and all(isinstance(entry, Signal) for entry in value):
            found[key] = [(f"{key}{place}", entry) for place, entry in enumerate(value)]
    return found


def without_arms(step: ast.Call | ast.Merge, definition: Definition) -> Invalid:
    """Where a block of several inputs is given no arms, or not as many."""
    names = [port.name or "" for port in inputs_of(definition)]
    arms = f"{len(step.arms)} arm{'' if len(step.arms) == 1 else 's'}" if isinstance(step, ast.Merge) else "no arms"
    called = " ".join(step.name_span.to(step.span).text.partition("{")[0].split())
    example = f"`{short(called)} {{ | {' | '.join(names)} }}`"
    return invalid(
        Code.RANK,
        f"{step.name} takes {len(names)} values, {listed(names)}, and is given {arms}",
        step.name_span,
        secondary=(Label(definition.block.contract.span, "its inputs"),) if definition.block.contract else (),
        helps=(in_form(step.span, f"give it an arm for each: {example}", "give it an entry of `arms` for each"),),
    )
