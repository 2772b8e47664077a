"""The search of examples/search: what does not fit is pruned before a module is made of it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import specc

pytestmark = pytest.mark.example

PROGRAM = Path(__file__).parents[2] / "examples" / "search" / "search.py"


def test_the_best_is_accurate_and_the_rest_untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = specc.Model.to_torch

    def to_torch(self: specc.Model, **options: object) -> object:
        made.append(self.macs)
        return real(self, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(specc.Model, "to_torch", to_torch)
    study = runpy.run_path(str(PROGRAM))["search"](10)
    states = [trial.state.name for trial in study.trials]
    assert {*states} == {"COMPLETE", "PRUNED"}
    assert made == [trial.user_attrs["macs"] for trial in study.trials if trial.state.name == "COMPLETE"]
    assert max(made) < 200_000
    assert study.best_value > 0.9
