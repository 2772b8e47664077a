"""One variant of a model: its parameters, and what a check of it says."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from specc.diagnostics import Diagnostic, SpecError, UsageError
from specc.elaborate import Checked, Template
from specc.elaborate.assertions import condition_holds
from specc.elaborate.values import Partial, Value, literal
from specc.project.budgets import Budget, budget_findings, budget_use
from specc.project.fresh import guarded
from specc.report.reasons import FindingSummary, reason
from specc.sweeps.conditions import VariantCondition, names
from specc.sweeps.grid import Settings

INTERNAL = "internal"
"""In place of a code: a mistake of specc itself, or want of memory."""
WHEN = "when"
"""In place of a code: a candidate of a search that a condition on parameters leaves out."""
SIZES = "sizes"
"""In place of a code: the contract of this variant does not allow the sizes at which numbers are asked for."""


class NetworkNumbers(NamedTuple):
    """What a network costs, as of `specc.Model`; those that depend on symbolic sizes are None without sizes."""

    params: int
    trainable_params: int
    macs: int | None
    activation_memory: int | None
    peak_memory: int | None
    receptive_field: tuple[int, ...] | None
    depth: int


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant, checked.

    Attributes:
        number: from 0 on, in the order of the grid.
        settings: its parameters: numbers, texts and lists as they are, a layer as the language writes it.
        numbers: of its network; None where there is none.
        margins: by the name of a budget, how much of it is left; less than 0 where it is exceeded.
        reasons: why it does not fit.
        kept: whether it fits, and is one of those that were asked for (``where``).
    """

    number: int
    settings: Mapping[str, Any]
    numbers: NetworkNumbers | None
    margins: Mapping[str, int]
    reasons: tuple[FindingSummary, ...]
    kept: bool

    @property
    def fits(self) -> bool:
        return not self.reasons

    @property
    def name(self) -> str:
        """``width=16,depth=2``"""
        return ",".join(f"{name}={shown(value)}" for name, value in self.settings.items())


def shown(value: Any) -> str:
    """A value of `Variant.settings` in a name or a table."""
    return value if isinstance(value, str) else literal(tuple(value) if isinstance(value, list) else value)


def plain(value: Value) -> Any:
    """A parameter's value for other programs."""
    if isinstance(value, tuple):
        return [plain(entry) for entry in value]
    return literal(value) if isinstance(value, Partial) else value


class Question(NamedTuple):
    """What is asked of every variant.

    Attributes:
        at: values of the symbolic sizes, at which its numbers are.
        where: which variants are kept.
        budget: what a network may cost.
    """

    at: Mapping[str, int]
    where: VariantCondition | None
    budget: Budget | None


class VariantChecker:
    """Checks one variant after the other."""

    def __init__(self, template: Template, question: Question) -> None:
        self._template = template
        self._question = question
        self._is_new = True

    def check(self, number: int, settings: Settings) -> Variant:
        """What a variant is, whatever is wrong with it."""
        self._collect()
        values = {name: plain(value) for name, value in settings.items()}
        answer = guarded("this variant", lambda: self._checked(number, settings, values))
        if isinstance(answer, str):
            return Variant(number, values, None, {}, (FindingSummary(INTERNAL, answer, ""),), False)
        return answer

    def _checked(self, number: int, settings: Settings, values: Mapping[str, Any]) -> Variant:
        question = self._question
        try:
            network = self._template.elaborate(settings)
        except SpecError as error:
            return Variant(number, values, None, {}, tuple(map(reason, error.diagnostics)), False)
        try:
            sized = network.at(question.at) if question.at else network
        except UsageError as error:
            return Variant(number, values, None, {}, (FindingSummary(SIZES, str(error), ""),), False)
        findings: list[Diagnostic] = []
        margins: dict[str, int] = {}
        if question.budget is not None:
            findings += budget_findings(network, self._template.model.name_span, question.budget)
            uses = budget_use(network, question.budget)
            margins = {use.limit.number: use.limit.most - use.has for use in uses if use.has is not None}
        kept = not findings
        if kept and question.where is not None:
            try:
                kept = condition_holds(question.where.test, names(self._template, settings), sized.costs)
            except SpecError as error:
                kept = False
                findings += error.diagnostics
        return Variant(number, values, _numbers(sized), margins, tuple(map(reason, findings)), kept)

    def _collect(self) -> None:
        """Free what the variant before has left, where Python does not do so by itself, as in the command."""
        if gc.isenabled():
            return
        if self._is_new:
            gc.freeze()
            self._is_new = False
        else:
            gc.collect(0)


def _numbers(network: Checked) -> NetworkNumbers:
    costs = network.costs
    return NetworkNumbers(*(getattr(costs, name) for name in NetworkNumbers._fields))
