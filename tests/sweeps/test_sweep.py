"""What a sweep says of each variant: what a check of it alone says."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import pytest

import specc
from specc import SpecError, UsageError, sweep
from specc.elaborate import scopes
from specc.sweeps import sweep as sweeping
from specc.sweeps.pareto import Front, objectives
from specc.sweeps.variant import Variant, VariantChecker
from tests.project.test_workers import forks
from tests.sweeps.conftest import params

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_every_number_is_that_of_the_network_alone(net: Path) -> None:
    for variant in sweep(net, {"width": [4, 8], "depth": "1..3"}):
        model = specc.load(net, **variant.settings)
        assert variant.numbers is not None
        for name, value in variant.numbers._asdict().items():
            assert value == getattr(model.costs, name), name
        assert variant.numbers.params == params(**variant.settings)
        assert variant.fits
        assert variant.kept


def test_what_does_not_fit_says_why(net: Path) -> None:
    four, bad = [*sweep(net, {"depth": [4]}), *sweep(net, {"act": ["relu(1)"]})]
    assert not four.fits
    assert not four.kept
    assert four.numbers is None
    assert [(reason.code, reason.place.rpartition("/")[2]) for reason in four.reasons] == [("S0104", "net.cnn:5:46")]
    assert [reason.code for reason in bad.reasons] == ["S0301"]
    assert bad.settings == {"act": "relu(1)"}
    assert bad.name == "act=relu(1)"


def test_where_keeps_by_the_languages_own_expressions(net: Path) -> None:
    grid = {"width": "4..32:x2", "depth": "1..3"}
    found = {variant.name: variant.kept for variant in sweep(net, grid, where="params < 2k and width >= 8")}
    assert found == {
        f"width={width},depth={depth}": params(width, depth) < 2000 and width >= 8
        for width in (4, 8, 16, 32)
        for depth in (1, 2, 3)
    }


def test_what_where_does_not_know_is_refused_before_it_starts(net: Path) -> None:
    for condition, code in (("parms < 3", "S0202"), ("depth < 3", "S0304"), ("params <", "S0002")):
        with pytest.raises(SpecError) as caught:
            sweep(net, {"width": [4]}, where=condition)
        assert caught.value.diagnostics[0].code == code
    # Of no variant could these be decided; the first does not fit, and is not asked.
    for condition, place in (("macs(H=3) < 3M", "--where:1:1"), ("1 < 2 and params", "--where:1:11"), ("1 / 0", "")):
        with pytest.raises(SpecError) as caught:
            sweep(net, {"depth": [9, 2]}, where=condition)
        assert str(caught.value.diagnostics[0].primary.span).startswith(place)
    decided, undecided = sweep(net, {"width": [4, 8]}, where="8 / (8 - width) < 3")
    assert decided.kept
    assert [reason.place for reason in undecided.reasons] == ["--where:1:1"]
    assert not undecided.kept


def test_a_parameter_that_is_called_like_a_number_is_told_from_it(net: Path) -> None:
    """Of this model the network is one step deeper than its parameter says."""
    grid = {"depth": "1..3"}
    for condition in ("set.depth == 2", "network.depth == 3", "network.depth - set.depth == 1 and set.depth == 2"):
        assert [variant.kept for variant in sweep(net, grid, where=condition)] == [False, True, False], condition
    assert [variant.settings["depth"] for variant in sweep(net, grid, when="set.depth > 1 and set.width == 8")] == [
        2,
        3,
    ]
    front = Front(objectives("set.depth,-network.depth", ["width", "depth"]))
    assert [one.value(variant) for variant in sweep(net, {"depth": [2]}) for one in front.by] == [2, 3]
    with pytest.raises(UsageError, match=r"write network\.depth for the network's own depth, or set\.depth"):
        objectives("params,depth", ["depth"])
    with pytest.raises(SpecError) as caught:
        sweep(net, grid, where="params < 3 and depth < 2")
    (finding,) = caught.value.diagnostics
    assert finding.helps == ("write network.depth for that of the network, or set.depth for the parameter",)


def test_sizes_of_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "any.cnn"
    path.write_text(
        "model A(c = 4) : [N, 3, H, W] -> [N, c] where H >= 8, W >= 3 { conv(c, 3) -> globalavgpool -> flatten }"
    )
    (symbolic,) = sweep(path, {"c": [4]})
    (sized,) = sweep(path, {"c": [4]}, at={"H": 10, "W": 12})
    (small,) = sweep(path, {"c": [4]}, at={"H": 4, "W": 12})
    (both,) = sweep(path, {"c": [4]}, where="macs(H=10, W=12) == 4 * 27 * 8 * 10")
    for condition in ("macs < 3", "macs(H=10, V=12) < 3"):
        with pytest.raises(SpecError):
            sweep(path, {"c": [4]}, where=condition)
    path.write_text(path.read_text().replace("H >= 8", "H >= c"))
    (refused, allowed) = sweep(path, {"c": [9, 4]}, where="macs(H=8, W=8) < 3M")  # whichever comes first
    assert not refused.fits
    assert allowed.kept
    assert symbolic.numbers is not None
    assert sized.numbers is not None
    assert symbolic.numbers.macs is None
    assert sized.numbers.macs == 4 * 27 * 8 * 10
    assert [reason.code for reason in small.reasons] == ["sizes"]
    assert both.kept


def test_budgets_have_margins(net: Path) -> None:
    net.with_name("specc.toml").write_text("[budget]\nparams = 1000\n")
    small, large = sweep(net, {"width": [4, 16]})
    assert small.margins == {"params": 1000 - params(4, 2)}
    assert small.kept
    assert large.margins == {"params": 1000 - params(16, 2)}
    assert [reason.code for reason in large.reasons] == ["S0404"]
    assert large.numbers is not None


def test_a_spec_that_is_wrong_whatever_its_parameters_is_refused(net: Path) -> None:
    net.write_text("let a = b\n" + net.read_text())
    with pytest.raises(SpecError):
        sweep(net, {"width": [4]})


def test_lists_of_one_variant_take_nothing_from_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of lists are counted for a network, and 3 * 400 are more than one may have."""
    monkeypatch.setattr(scopes, "MOST_ENTRIES", 1000)
    (tmp_path / "lib.cnn").write_text("block b(c) { let l = [1] * 400\n conv(c, 1) }")
    path = tmp_path / "net.cnn"
    path.write_text('from "lib.cnn" import b\nmodel M(c = 1) : [N, 3, 2, 2] { let l = [1] * 400\n b(c) }')
    assert [variant.fits for variant in sweep(path, {"c": "1..3"}, jobs=1)] == [True] * 3


class TestWorkers:
    GRID = {"width": "1..30", "depth": "1..4"}

    def test_however_many_the_results_are_the_same_in_order(self, net: Path) -> None:
        one, three = ([*sweep(net, self.GRID, where="params < 5k", jobs=jobs)] for jobs in (1, 3))
        assert one == three
        assert [variant.number for variant in one] == list(range(120))
        assert {variant.fits for variant in one} == {True, False}

    @forks
    def test_what_a_killed_worker_had_is_not_lost(self, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        check, here = VariantChecker.check, os.getpid()

        def fatal(self: VariantChecker, number: int, settings: dict[str, object]) -> Variant:
            if number in (50, 90) and os.getpid() != here:
                os.kill(os.getpid(), signal.SIGKILL)
            return check(self, number, settings)

        whole = [*sweep(net, self.GRID, jobs=1)]
        monkeypatch.setattr(VariantChecker, "check", fatal)
        assert [*sweep(net, self.GRID, jobs=2)] == whole

    def test_what_they_are_sent_has_the_text_with_it(self, net: Path) -> None:
        """So a file that is edited meanwhile changes no result, and a worker need not have it."""
        of = sweep(net, self.GRID)
        sent = pickle.dumps(of._template)
        net.unlink()
        assert VariantChecker(pickle.loads(sent), of.question).check(0, {"depth": 4}).reasons[0].code == "S0104"
        assert of.changed() == str(net)

    def test_a_mistake_of_specc_costs_one_variant(self, net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweeping.VariantChecker, "_checked", lambda self, number, *_: 1 / number)
        first, *_ = sweep(net, {"width": [4]}, jobs=1)
        assert first.reasons[0].code == "internal"
        assert "ZeroDivisionError" in first.reasons[0].message


class TestFront:
    def test_it_has_those_that_none_beats(self, net: Path) -> None:
        by = objectives("macs,-receptive_field", ["width"])
        front = Front(by)
        variants = [variant for variant in sweep(net, {"width": "1..6", "depth": "1..4"}) if variant.kept]
        for variant in variants:
            front.add(variant)
        points = {variant.number: tuple(one.of(variant) for one in by) for variant in variants}
        best = {
            number
            for number, (a, b) in points.items()
            if not any((c, d) != (a, b) and c <= a and d <= b for c, d in points.values())  # type: ignore[operator]
        }
        assert {variant.number for variant in front.variants} == best
        assert len(best) == 3

    @pytest.mark.parametrize("text", ["params", "params,params", "parms,macs", "", "params,", "macs,depth"])
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(specc.UsageError, match="--pareto"):
            objectives(text, ["width", "depth"])
