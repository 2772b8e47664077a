"""A search space of Optuna, made of a model's parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from specc import MissingDependency, UsageError, search_space
from specc.elaborate.values import literal
from specc.sweeps.axes import axes_of
from specc.sweeps.search import _suggested

GRID = {"width": "4..32", "depth": "1..4", "act": "relu,leakyrelu(0.2)"}


@pytest.mark.swept
class TestSuggestions:
    @pytest.mark.parametrize(
        ("written", "given", "expected"),
        [
            ("4..32", 17, 17),
            ("4..32:4", 12, 12),
            ("16..256:log", 100, 100),
            ("0.0..0.5", 0.3, 0.3),
            ("0.1..0.5:0.1", 0.3, 0.3),
            ("1e-4..1e-1:log", 1e-3, 1e-3),
            ("16..256:x2", 64, 64),
            ("1,true,0.5", "true", True),
            ("relu,leakyrelu(0.2)", "leakyrelu(0.2)", "leakyrelu(0.2)"),
            ("[1,2],[2,4]", "[2, 4]", (2, 4)),
        ],
    )
    def test_they_are_of_the_kind_that_is_written(self, written: str, given: object, expected: object) -> None:
        from optuna.trial import FixedTrial

        value = _suggested(FixedTrial({"x": given}), axes_of({"x": written})["x"])
        assert (literal(value) if isinstance(expected, str) else value) == expected
        assert isinstance(expected, str) or type(value) is type(expected)

    def test_what_does_not_fit_is_pruned_with_its_reasons(self, net: Path) -> None:
        import optuna

        space = search_space(net, GRID, where="params < 5k", when="width != 5")
        fixed = {"width": 8, "depth": 2, "act": "relu"}
        fits = optuna.trial.FixedTrial(fixed)
        assert space.suggest(fits).params == fits.user_attrs["params"] < 5000
        for changed, reason in (
            ({"depth": 4}, "S0104: "),
            ({"width": 32}, "left out by where"),
            ({"width": 5}, "when: does not meet width != 5"),
        ):
            trial = optuna.trial.FixedTrial({**fixed, **changed})
            with pytest.raises(optuna.TrialPruned, match=reason):
                space.suggest(trial)
            assert trial.user_attrs["reasons"][0].startswith(reason)

    def test_the_same_seed_finds_the_same(self, net: Path) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)

        def best() -> tuple[float, dict[str, object]]:
            study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
            study.optimize(lambda trial: float(search_space(net, GRID).suggest(trial).params), 20)
            return study.best_value, study.best_params

        assert best() == best()

    def test_a_choice_among_too_many_is_refused(self, net: Path) -> None:
        from optuna.trial import FixedTrial

        space = search_space(net, {"width": [*range(1, 1100)]})
        with pytest.raises(UsageError, match="give a range"):
            space.suggest(FixedTrial({"width": 3}))


def test_it_says_what_it_needs(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependency, match="search"):
        search_space(net, GRID)
