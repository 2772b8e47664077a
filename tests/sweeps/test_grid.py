"""Which variants there are: all, those that meet conditions, those that are drawn; and grids in files."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from specc import SpecError, UsageError, sweep
from specc.sweeps.sweep import Sweep


def settings(of: Sweep) -> list[tuple[object, ...]]:
    return [tuple(one.values()) for one in of.grid.variants(of._template)]


def test_all_combinations_the_last_axis_fastest(net: Path) -> None:
    found = settings(sweep(net, {"width": "4,8", "depth": "1..3"}))
    assert found == list(product((4, 8), (1, 2, 3)))


def test_conditions_see_parameters_defaults_and_the_file(net: Path) -> None:
    found = settings(sweep(net, {"width": "8..32:x2", "depth": [1, 2, 3]}, when="width * depth <= most"))
    assert found == [(width, depth) for width in (8, 16, 32) for depth in (1, 2, 3) if width * depth <= 64]
    assert len(settings(sweep(net, {"width": [4, 8]}, when=["depth == 2", "width > 4"]))) == 1


def test_no_variant_is_an_error(net: Path) -> None:
    with pytest.raises(UsageError, match="no variant of 2 meets --when width > 9"):
        sweep(net, {"width": [4, 8]}, when="width > 9")


@pytest.mark.parametrize("condition", ["widht > 3", "width", "width >", "width > relu"])
def test_a_condition_that_cannot_be_decided_is_a_finding(net: Path, condition: str) -> None:
    with pytest.raises(SpecError) as caught:
        sweep(net, {"width": [4, 8]}, when=condition)
    assert caught.value.diagnostics[0].primary.span.source.name == "--when"


class TestDraws:
    def test_each_once_and_the_same_again(self, net: Path) -> None:
        grid = {"width": "1..100", "depth": "1..3"}
        one, two = (settings(sweep(net, grid, random=50, seed=seed)) for seed in (1, 2))
        assert len(set(one)) == 50
        assert one == settings(sweep(net, grid, random=50, seed=1))
        assert set(one) != set(two)
        assert set(one) <= set(product(range(1, 101), range(1, 4)))

    def test_they_do_not_change_from_version_to_version(self, net: Path) -> None:
        assert settings(sweep(net, {"width": "1..1000", "depth": "1..3"}, random=3)) == [(845, 3), (421, 1), (512, 2)]

    def test_all_of_a_small_grid(self, net: Path) -> None:
        assert set(settings(sweep(net, {"depth": "1..3"}, random=50))) == {(1,), (2,), (3,)}

    def test_a_latin_hypercube_takes_each_part_once(self, net: Path) -> None:
        found = settings(sweep(net, {"width": "1..100", "depth": "1..50", "act": "relu,gelu"}, latin=50))
        assert sorted((width - 1) // 2 for width, _, _ in found) == list(range(50))  # type: ignore[operator]
        assert sorted(depth for _, depth, _ in found) == list(range(1, 51))  # type: ignore[type-var]
        assert len({str(act) for *_, act in found}) == 2

    def test_they_meet_the_conditions(self, net: Path) -> None:
        found = settings(sweep(net, {"width": "1..100", "depth": "1..3"}, random=40, when="width > 60"))
        assert len(found) == 40
        assert all(width > 60 for width, _ in found)  # type: ignore[operator]


class TestLimit:
    def test_a_grid_beyond_it_is_refused_with_its_number(self, net: Path) -> None:
        with pytest.raises(UsageError) as caught:
            sweep(net, {"width": range(1, 10**6 + 1), "depth": range(1, 10**6 + 1)})
        assert "1,000,000 (width) x 1,000,000 (depth) = 1,000,000,000,000 variants" in str(caught.value)
        assert "--limit 1000000000000" in str(caught.value)

    def test_it_is_the_number_that_may_be(self, net: Path) -> None:
        assert sweep(net, {"width": "1..10"}, limit=10).most == 10
        with pytest.raises(UsageError, match="the limit is 9"):
            sweep(net, {"width": "1..10"}, limit=9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grid": {"widht": [1]}}, "did you mean width"),
        ({"grid": {}}, "nothing to sweep"),
        ({"random": 3, "latin": 3}, "leave out one"),
        ({"seed": 3}, "nothing is drawn"),
        ({"random": 0}, "at least one"),
        ({"model": "Nte"}, "did you mean Net"),
    ],
)
def test_what_makes_no_sense_is_refused(net: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        sweep(net, options.pop("grid", {"width": [4]}), **options)  # type: ignore[arg-type]


class TestFile:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("g.yaml", "set:\n  width: 4..8:x2\n  act: [relu, gelu]\nwhen: width > 4\n"),
            ("g.toml", 'when = ["width > 4"]\n[set]\nwidth = "4..8:x2"\nact = ["relu", "gelu"]\n'),
        ],
    )
    def test_a_file_is_as_a_mapping(self, net: Path, tmp_path: Path, name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        by_file = sweep(net, tmp_path / name, when="width < 100")
        in_python = sweep(net, {"width": "4..8:x2", "act": ["relu", "gelu"]}, when=["width > 4", "width < 100"])
        assert [*by_file] == [*in_python]
        assert len([*by_file]) == 2

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("g.yaml", "set: {width: 1, width: 2}", "width is given twice"),
            ("g.yaml", "width: [1]", "has no table set"),
            ("g.yaml", "set: [", "cannot be read"),
            ("g.yaml", "set: {a: 1}\nwhne: x", "did you mean when"),
            ("g.yaml", "set: {a: 1}\nwhen: 3", "a condition in quotes"),
            ("g.yaml", "set: {1: 1}", "no name of a parameter"),
            ("g.yaml", "set: {a: {b: 1}}", "a: {'b': 1} is no number"),
            ("g.yaml", "!!python/object:os.system {}", "cannot be read"),
            ("g.toml", "[set]\na = 1\na = 2", "cannot be read"),
            ("none.yaml", None, "no such file"),
        ],
    )
    def test_what_is_no_grid_is_refused(
        self, net: Path, tmp_path: Path, name: str, text: str | None, words: str
    ) -> None:
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(UsageError, match=words) as caught:
            sweep(net, tmp_path / name)
        assert name in str(caught.value)
