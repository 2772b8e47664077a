"""Budgets: what the models of a project may cost, as its configuration says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from specc.diagnostics import BudgetExceeded, BudgetUnsized, Code, Diagnostic, Label, UsageError
from specc.diagnostics.words import listed, plural

if TYPE_CHECKING:
    from specc.analyses import Costs, StepCost
    from specc.elaborate import Checked
    from specc.source import Span

_COSTS = {"params": "params", "macs": "macs", "memory": "activation_memory", "peak_memory": "peak_memory"}
_WORDS = {"params": "parameters", "macs": "MACs", "memory": "bytes of activations", "peak_memory": "bytes at once"}
NUMBERS = tuple(_COSTS)
"""``memory`` is that of all results of a sample, ``peak_memory`` what inference needs of it at once, in bytes."""

_MOST_NAMED = 5

_AMOUNT = re.compile(r"([0-9](?:_?[0-9]){0,29})(?:\.([0-9]{1,30}))? ?(k|M|G|KiB|MiB|GiB)?")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class Limit(NamedTuple):
    """The most that a model may have of one of `NUMBERS`, and where that is written."""

    number: str
    most: int
    origin: str


class Budget(NamedTuple):
    """Limits, and the sizes at which a symbolic model is compared with them."""

    limits: tuple[Limit, ...]
    at: tuple[tuple[str, int], ...]

    def overridden(self, other: Budget) -> Budget:
        """With the limits and sizes of ``other`` in place of those that it has, too."""
        limits = {limit.number: limit for limit in (*self.limits, *other.limits)}
        return Budget(tuple(limits.values()), tuple((dict(self.at) | dict(other.at)).items()))


def read_budget(table: Mapping[str, object], where: str) -> Budget:
    """What a table of the configuration says. Raises UsageError."""
    for key in table:
        if key not in (*NUMBERS, "at"):
            from specc.diagnostics.spelling import advice  # only a wrong key asks for it

            raise UsageError(f"{where}: there is no budget for {key}; {advice(key, (*NUMBERS, 'at'))}")
    amounts = {key: _amount(value, f"{where}: {key}") for key, value in table.items() if key != "at"}
    limits = tuple(Limit(key, amount, where) for key, amount in amounts.items())
    sizes = table.get("at", {})
    if not isinstance(sizes, dict) or not all(type(size) is int and size > 0 for size in sizes.values()):
        raise UsageError(f"{where}: at must give sizes, as in at = {{ H = 224, W = 224 }}, not {sizes!r}")
    return Budget(limits, tuple(sizes.items()))


def _amount(value: object, where: str) -> int:
    if type(value) is int and value >= 0:
        return value
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise UsageError(f'{where} must be a whole number, or a text such as "4.1M" or "64 MiB", not {value!r}')
    part = match[2] or ""
    shift: int = 10 ** len(part)  # of a number whose sign is unknown, a power may be a fraction
    amount, rest = divmod(int(match[1] + part) * _UNITS[match[3] or ""], shift)
    if rest:
        raise UsageError(f"{where} must come to a whole number, and {value} does not")
    return amount


class BudgetUse(NamedTuple):
    """A limit beside what the model has.

    Attributes:
        at: the budget's sizes that the limit is about; none for a number that depends on none.
        costs: the model's numbers there, or why there are none.
    """

    limit: Limit
    at: Mapping[str, int]
    costs: Costs | str

    @property
    def has(self) -> int | None:
        return None if isinstance(self.costs, str) else int(getattr(self.costs, _COSTS[self.limit.number]))


def budget_use(checked: Checked, budget: Budget) -> tuple[BudgetUse, ...]:
    """Every limit beside what the model has."""
    names = [symbol.name for symbol in checked.graph.symbols]
    at = {name: size for name, size in budget.at if name in names}
    costs: Costs | str = checked.costs
    if missing := [name for name in names if name not in at]:
        costs = f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} not given"
    elif names and any(limit.number != "params" for limit in budget.limits):
        try:
            costs = checked.at(at).costs
        except UsageError as error:
            costs = str(error)
    return tuple(
        BudgetUse(limit, {}, checked.costs) if limit.number == "params" else BudgetUse(limit, at, costs)
        for limit in budget.limits
    )


def budget_findings(checked: Checked, name: Span, budget: Budget) -> list[Diagnostic]:
    """Where a model costs more than ``budget`` allows. ``name``: where the spec names the model."""
    model, uses = checked.graph.name, budget_use(checked, budget)
    findings = [
        _exceeded(model, use, use.costs, use.has, name)
        for use in uses
        if not isinstance(use.costs, str) and use.has is not None and use.has > use.limit.most
    ]
    unsized = [use for use in uses if use.has is None]
    return [*findings, *([_unsized_finding(checked, unsized, name)] if unsized else [])]


def merge_unsized(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings, but that sizes which the settings do not give are missed once, at the first model of many."""
    groups: dict[object, list[Diagnostic]] = {}
    for finding in findings:
        fact = finding.fact
        # One mistake in the settings is one finding for each model, which differ in the model alone.
        cause = fact._replace(model="") if isinstance(fact, BudgetUnsized) else finding.sort_key
        groups.setdefault(cause, []).append(finding)
    return tuple(_merged(group) if len(group) > 1 else group[0] for group in groups.values())


def _merged(findings: list[Diagnostic]) -> Diagnostic:
    """The first of them, with the others in a note."""
    from dataclasses import replace

    facts = [(finding.fact, finding) for finding in findings if isinstance(finding.fact, BudgetUnsized)]
    (fact, first), *others = facts
    more = len(others) - _MOST_NAMED
    named = [f"{other.model} ({finding.primary.span})" for other, finding in others[:_MOST_NAMED]]
    named += [f"{more:,} more"] if more > 0 else []
    message = _unsized(fact, f" and {plural(len(others), 'other model')}")
    return replace(first, message=message).with_note(f"the same holds for {listed(named)}")


def _unsized(fact: BudgetUnsized, others: str = "") -> str:
    budgets = f"the budget{'s' if len(fact.numbers) > 1 else ''} for {listed(fact.numbers)}"
    return f"{budgets} cannot be held against {fact.model}{others}"


def _unsized_finding(checked: Checked, uses: list[BudgetUse], name: Span) -> Diagnostic:
    """One finding for all limits of a model: they want for the same sizes."""
    from specc.ir.symbols import USUAL  # loaded where a model is checked, and not where all is known already

    at = uses[0].at
    fact = BudgetUnsized(
        checked.graph.name,
        tuple(use.limit.number for use in uses),
        tuple(dict.fromkeys(use.limit.origin for use in uses)),
        tuple(at.items()),
        tuple((symbol.name, symbol.nearest(at.get(symbol.name, USUAL))) for symbol in checked.graph.symbols),
    )
    sizes = ", ".join(f"{symbol} = {size}" for symbol, size in fact.possible)
    return Diagnostic(
        Code.BUDGET,
        _unsized(fact),
        Label(name, str(uses[0].costs)),
        notes=tuple(f"the budget is in {origin}" for origin in fact.origins),
        helps=(f"say at which sizes it is meant, as in at = {{ {sizes} }}",),
        fact=fact,
    )


def _exceeded(model: str, use: BudgetUse, costs: Costs, has: int, name: Span) -> Diagnostic:
    limit, sizes = use.limit, ", ".join(f"{symbol} = {size}" for symbol, size in use.at.items())
    share: tuple[str, ...] = ()
    if limit.number != "peak_memory":  # of what is needed at once no step has a share

        def of(step: StepCost) -> int:
            return int(getattr(step, _COSTS[limit.number]))

        step = max(costs.steps, key=of)
        span = step.node.span
        place = f"line {span.position[0]}" if span.source is name.source else str(span)
        most = f"{of(step):,}, {100 * of(step) / has:.0f}%"
        share = (f"of these, {step.node.name} ({place}) has the most: {most}",)
    cost = f"{has:,} {_WORDS[limit.number]}{f' at {sizes}' if sizes else ''}"
    return Diagnostic(
        Code.BUDGET,
        f"{model} has {cost}, and the budget is {limit.most:,}",
        Label(name, f"{has - limit.most:,} too many"),
        notes=(*share, f"the budget is in {limit.origin}"),
        fact=BudgetExceeded(limit.number, limit.most, has),
    )
