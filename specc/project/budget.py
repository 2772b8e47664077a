"""Budgets: what the models of a project may cost, as its configuration says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, UsageError
from specc.project.near import near

if TYPE_CHECKING:
    from specc.analyses import Costs, StepCost
    from specc.elaborate import Checked
    from specc.source import Span

NUMBERS = ("params", "macs", "memory", "peak_memory")
"""``memory`` is that of all results of a sample, ``peak_memory`` what inference needs of it at once, in bytes."""

_COSTS = {"params": "params", "macs": "macs", "memory": "activation_memory", "peak_memory": "peak_memory"}
_WORDS = {"params": "parameters", "macs": "MACs", "memory": "bytes of activations", "peak_memory": "bytes at once"}
_AMOUNT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?) ?(k|M|G|KiB|MiB|GiB)?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class Budget(NamedTuple):
    """The most that a model may have of each number, and the sizes at which that is asked of a symbolic one."""

    most: tuple[tuple[str, int], ...]
    at: tuple[tuple[str, int], ...]
    origin: str
    """Where it is written."""

    def overridden(self, other: Budget) -> Budget:
        """With what ``other`` says instead."""
        most, at = dict(self.most) | dict(other.most), dict(self.at) | dict(other.at)
        return Budget(tuple(most.items()), tuple(at.items()), other.origin)


def read_budget(table: Mapping[str, object], where: str) -> Budget:
    """What a table of the configuration says. Raises UsageError."""
    for key in table:
        if key not in (*NUMBERS, "at"):
            raise UsageError(f"{where}: there is no budget for {key}; {near(key, (*NUMBERS, 'at'))}")
    most = tuple((key, _amount(value, f"{where}: {key}")) for key, value in table.items() if key != "at")
    return Budget(most, _sizes(table.get("at", {}), f"{where}: at"), where)


def _amount(value: object, where: str) -> int:
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if found is None:
        raise UsageError(f'{where} is a whole number, or a text such as "4.1M" or "64 MiB", not {value!r}')
    whole, _, part = found[1].replace("_", "").partition(".")
    shift: int = 10 ** len(part)
    return int(whole + part) * _UNITS[found[2] or ""] // shift


def _sizes(table: object, where: str) -> tuple[tuple[str, int], ...]:
    if not isinstance(table, dict) or not all(type(size) is int and size > 0 for size in table.values()):
        raise UsageError(f"{where} gives sizes, as in at = {{ H = 224, W = 224 }}, not {table!r}")
    return tuple(table.items())


def budget_findings(checked: Checked, name: Span, budget: Budget) -> list[Diagnostic]:
    """Where a model costs more than ``budget`` allows. ``name``: where the spec names the model."""
    asked = _asked(checked, budget)
    findings = []
    for number, most in budget.most:
        costs = checked.costs if number == "params" else asked
        if isinstance(costs, str):
            findings.append(_unasked(checked, name, number, budget, costs))
        elif (has := getattr(costs, _COSTS[number])) > most:
            findings.append(_exceeded(costs, name, number, has, most, budget))
    return findings


def _asked(checked: Checked, budget: Budget) -> Costs | str:
    """The costs at the budget's sizes, or why there are none."""
    names = [symbol.name for symbol in checked.graph.symbols]
    try:
        return checked.at({name: size for name, size in budget.at if name in names}).costs
    except UsageError as error:
        return str(error)


def _unasked(checked: Checked, name: Span, number: str, budget: Budget, why: str) -> Diagnostic:
    sizes = ", ".join(f"{symbol.name} = 224" for symbol in checked.graph.symbols)
    return Diagnostic(
        Code.BUDGET,
        f"the budget for {number} cannot be held against {checked.graph.name}",
        Label(name, why),
        notes=(f"the budget is in {budget.origin}",),
        helps=(f"say at which sizes it is meant: at = {{ {sizes} }}",),
    )


def _exceeded(costs: Costs, name: Span, number: str, has: int, most: int, budget: Budget) -> Diagnostic:
    sizes = ", ".join(f"{key} = {size}" for key, size in budget.at if number != "params")
    return Diagnostic(
        Code.BUDGET,
        f"{costs.graph.name} has {has:,} {_WORDS[number]}{f' at {sizes}' if sizes else ''}, and the budget is {most:,}",
        Label(name, f"{has - most:,} too many"),
        notes=(*_costliest(costs, number, has), f"the budget is in {budget.origin}"),
    )


def _costliest(costs: Costs, number: str, has: int) -> tuple[str, ...]:
    if number == "peak_memory":
        return ()

    def of(step: StepCost) -> int:
        return int(getattr(step, _COSTS[number]))

    step = max(costs.steps, key=of)
    line, _ = step.node.span.position
    return (f"of these, {step.node.name} (line {line}) has the most: {of(step):,}, {100 * of(step) / has:.0f}%",)
