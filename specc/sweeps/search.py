"""The parameters of a model as a search space of Optuna: what a trial suggests is a network, or is pruned untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.api import Model
from specc.diagnostics import MissingDependency, UsageError
from specc.elaborate.values import Value, literal
from specc.sweeps.axes import Axis
from specc.sweeps.sweep import Sweep, sweep

if TYPE_CHECKING:
    from optuna import Trial

_MOST_CHOICES = 1_000
"""Values of a list: a sampler keeps each of them."""


class SearchSpace:
    """What the parameters of a model take, for the trials of a study of Optuna's.

    Args:
        of: whose axes, conditions and sizes these are.
    """

    def __init__(self, of: Sweep) -> None:
        self._sweep = of

    def suggest(self, trial: Trial) -> Model:
        """The network that a trial suggests.

        Its numbers become attributes of the trial (``trial.user_attrs["macs"]``), and so does why it does not fit.

        Raises:
            optuna.TrialPruned: it does not fit, or is none of those that were asked for: nothing is to be trained.
        """
        from optuna import TrialPruned

        settings = {axis.name: _suggested(trial, axis) for axis in self._sweep.grid.axes}
        variant, model = self._sweep.candidate(trial.number, settings)
        for name, number in variant.numbers._asdict().items() if variant.numbers else ():
            trial.set_user_attr(name, number)
        if model is None:
            reasons = [f"{reason.code}: {reason.message}" for reason in variant.reasons]
            trial.set_user_attr("reasons", reasons or ["left out by where"])
            raise TrialPruned("; ".join(reasons) or "left out by where")
        return model


def search_space(
    spec: str | Path,
    grid: Mapping[str, Any] | str | Path,
    /,
    *,
    model: str | None = None,
    when: str | Sequence[str] = (),
    where: str | None = None,
    at: Mapping[str, int] | None = None,
) -> SearchSpace:
    """The parameters of a model as a search space of Optuna; `SearchSpace.suggest` gives a trial's network.

    Args:
        spec, grid, model, when, where, at: as in `specc.sweep`. A range without steps is searched as one: ``"8..64"``,
            ``"0.0..0.5"``, by ratios ``"1e-4..1e-1:log"``; a list as a choice, layers too.

    Raises:
        SpecError, UsageError: as `specc.sweep`.
        MissingDependency: Optuna is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise MissingDependency("a search", "optuna", "search") from None
    return SearchSpace(sweep(spec, grid, model=model, when=when, where=where, at=at, random=1))


def _suggested(trial: Trial, axis: Axis) -> Value:
    """What the trial takes from an axis: a number from a range, or one of a list, which Optuna knows by its text."""
    if (span := axis.span) is not None:
        low, high = span.low, span.high
        if span.whole:
            return trial.suggest_int(axis.name, int(low), int(high), log=span.by_ratio)
        return trial.suggest_float(axis.name, float(low), float(high), log=span.by_ratio)
    if (steps := axis.progression) is not None and not steps.by_factor:
        if steps.whole:
            return trial.suggest_int(axis.name, steps.value(0), steps.value(steps.number - 1), step=int(steps.step))
        return trial.suggest_float(axis.name, steps.value(0), steps.value(steps.number - 1), step=float(steps.step))
    if axis.count > _MOST_CHOICES:
        raise UsageError(
            f"{axis.name} has {axis.count:,} values, and a choice has at most {_MOST_CHOICES:,}: give a range"
        )
    values = [axis.value(place) for place in range(axis.count)]
    # Values of several kinds go by their texts: to Optuna, 1 and true would be one choice.
    is_known = any(axis.kinds == {kind} for kind in (bool, int, float, str))
    choices = values if is_known else [*map(literal, values)]
    return values[choices.index(trial.suggest_categorical(axis.name, choices))]
