"""Budgets, against numbers worked out by hand."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Specc
from tests.project.specs import write

# conv: 4 x 3 x 3 x 3 + 4 = 112 parameters; 4 x 8 x 8 results of 3 x 3 x 3 products: 6,912 MACs; 4 * 256 = 1,024 bytes.
# fc: 10 x 256 + 10 = 2,570 parameters; 2,560 MACs; 40 bytes. flatten: 1,024 bytes.
NET = "model Net : [N, 3, 8, 8] {\n  conv(4, 3, padding=1)\n  flatten\n  fc(10)\n}\n"
PARAMS, MACS, MEMORY = 112 + 2570, 6912 + 2560, 1024 + 1024 + 40
# At once: the input, 3 * 64 * 4 = 768 bytes, with the result of conv, 1,024; then that with flatten's, 2 * 1,024.
PEAK = 2 * 1024

# At H = W = 8 as above, without fc; in general 4 * H * W * 27 MACs.
SYMBOLIC = "model Net : [N, 3, H, W] where H % 2 == 0 {\n  conv(4, 3, padding=1)\n}\n"


def configure(folder: Path, text: str) -> None:
    (folder / "specc.toml").write_text(text)


@pytest.mark.parametrize(
    ("number", "has", "words"),
    [
        ("params", PARAMS, "2,682 parameters"),
        ("macs", MACS, "9,472 MACs"),
        ("memory", MEMORY, "2,088 bytes of activations"),
        ("peak_memory", PEAK, "2,048 bytes at once"),
    ],
)
def test_the_limit_is_exact(specc: Specc, here: Path, number: str, has: int, words: str) -> None:
    write(here, a=NET)
    configure(here, f"budget.{number} = {has}")
    assert specc("check").code == 0
    configure(here, f"budget.{number} = {has - 1}")
    result = specc("check")
    assert result.code == 1
    assert f"error[S0404]: Net has {words}, and the budget is {has - 1:,}" in result.out
    assert "--> a.cnn:1:7" in result.out
    assert "^^^ 1 too many" in result.out
    assert "= note: the budget is in specc.toml: budget" in result.out


@pytest.mark.parametrize(
    ("number", "line"),
    [
        ("params", "of these, fc1 (line 4) has the most: 2,570, 96%"),
        ("macs", "of these, conv1 (line 2) has the most: 6,912, 73%"),
        ("memory", "of these, conv1 (line 2) has the most: 1,024, 49%"),
        ("peak_memory", None),
    ],
)
def test_the_step_that_costs_most(specc: Specc, here: Path, number: str, line: str | None) -> None:
    write(here, a=NET)
    configure(here, f"budget.{number} = 1")
    out = specc("check").out
    assert line in out if line else "of these" not in out


def test_a_step_of_an_imported_block_is_placed_in_its_file(specc: Specc, here: Path) -> None:
    write(
        here,
        blocks="\nblock big(c) { conv(c, 3) }",
        a='from "blocks.cnn" import big\nmodel M : [N, 3, 8, 8] { big(9) }',
    )
    configure(here, "budget.params = 1")
    assert "of these, big1.conv1 (blocks.cnn:2:16) has the most" in specc("check", "a.cnn").out


@pytest.mark.parametrize(
    ("amount", "most"),
    [
        ("2_682", 2682),
        ('"2682"', 2682),
        ('"2_682"', 2682),
        ('"2.682k"', 2682),
        ('"2.682 k"', 2682),
        ('"0.002682M"', 2682),
        ('"2.5k"', 2500),
        ('"1 KiB"', 1024),
        ('"2.5KiB"', 2560),
        ('"3 MiB"', 3 * 2**20),
        ('"3GiB"', 3 * 2**30),
        ('"4.1G"', 4_100_000_000),
        ("0", 0),
        ("0x10", 16),
    ],
)
def test_amounts(specc: Specc, here: Path, amount: str, most: int) -> None:
    write(here, a=NET)
    configure(here, f"budget.params = {amount}")
    result = specc("check")
    assert result.code == (most < PARAMS)
    assert most >= PARAMS or f"and the budget is {most:,}\n" in result.out


@pytest.mark.parametrize(
    "amount",
    [
        *("-1", "4.1", "1e6", "true", "[]"),
        *('"4.1 m"', '"4.1MB"', '"-1"', '"1e6"', '""', '"k"', '"4__0"', '"_4"', '"٤"', f'"{"9" * 5000}"'),
    ],
)
def test_amounts_that_are_none(specc: Specc, here: Path, amount: str) -> None:
    configure(here, f"budget.params = {amount}")
    result = specc("check")
    assert result.code == 2
    expected = 'error: specc.toml: budget: params must be a whole number, or a text such as "4.1M" or "64 MiB", not '
    assert result.err.startswith(expected)


def test_a_part_of_a_whole(specc: Specc, here: Path) -> None:
    configure(here, 'budget.params = "0.0001k"')
    assert specc("check").err == "error: specc.toml: budget: params must come to a whole number, and 0.0001k does not\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget.param = 1", "specc.toml: budget: there is no budget for param; did you mean params?"),
        ("budget.flops = 1", "there is no budget for flops; there are at, macs, memory, params, peak_memory"),
        ('budget."a.cnn".mac = 1', "specc.toml: budget: a.cnn: there is no budget for mac; did you mean macs?"),
        ("budget = 1", "specc.toml: budget must be a table, not 1"),
        ("budget.at = 224", "specc.toml: budget: at must give sizes, as in at = { H = 224, W = 224 }, not 224"),
        ("budget.at.H = 0", "specc.toml: budget: at must give sizes"),
        ('budget.at.H = "224"', "specc.toml: budget: at must give sizes"),
        ("budget.at.H = true", "specc.toml: budget: at must give sizes"),
        (
            "budget.at.H = 8",
            "specc.toml: budget: at says at which sizes macs, memory and peak_memory are meant, and none",
        ),
        ("budget = { params = 1, at = { H = 8 } }", "none of them has a limit: give one, or leave out at"),
        ("budget = { params = 1, 'a.cnn' = { at = { H = 8 } } }", "none of them has a limit: give one, or leave out"),
        ('budget."".params = 1', "specc.toml: budget: '' fits no path; ** fits all of them"),
    ],
)
def test_what_is_no_budget(specc: Specc, here: Path, text: str, message: str) -> None:
    configure(here, text)
    result = specc("check")
    assert (result.code, result.out) == (2, "")
    assert f"{message}" in result.err


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "over"),
        [
            ("**", ["a", "nets/b", "nets/deep/c"]),
            ("*.cnn", ["a", "nets/b", "nets/deep/c"]),
            ("/*.cnn", ["a"]),
            ("./*.cnn", ["a"]),
            ("nets", ["nets/b", "nets/deep/c"]),
            ("nets/", ["nets/b", "nets/deep/c"]),
            ("nets/*", ["nets/b", "nets/deep/c"]),
            ("nets/*.cnn", ["nets/b"]),
            ("nets/**/*.cnn", ["nets/b", "nets/deep/c"]),
            ("**/deep/**", ["nets/deep/c"]),
            ("deep", ["nets/deep/c"]),
            ("?.cnn", ["a", "nets/b", "nets/deep/c"]),
            ("b.cnn", ["nets/b"]),
            ("other", []),
        ],
    )
    def test_which_files(self, specc: Specc, here: Path, pattern: str, over: list[str]) -> None:
        write(here, a=NET, nets__b=NET, nets__deep__c=NET)
        configure(here, f'budget."{pattern}".params = 1')
        out = specc("check", "--format", "concise").out
        assert [line.split(".cnn:")[0] for line in out.splitlines() if "S0404" in line] == over

    def test_the_last_that_fits_decides_each_number(self, specc: Specc, here: Path) -> None:
        write(here, a=NET, nets__b=NET, nets__c=NET)
        configure(here, "budget.params = 10\nbudget.macs = 20\nbudget.nets.params = 30\nbudget.'nets/c.cnn'.macs = 40")
        out = specc("check", "--format", "concise").out.splitlines()
        assert [line[line.rindex(" ") + 1 :] for line in out[:6]] == ["10", "20", "30", "20", "30", "40"]

    def test_each_number_knows_where_it_is_from(self, specc: Specc, here: Path) -> None:
        write(here, nets__b=NET)
        configure(here, "budget.params = 10\nbudget.nets.macs = 20")
        out = specc("check").out
        first, second = out.split("error[S0404]")[1:]
        assert "the budget is in specc.toml: budget\n" in first
        assert "9,472 MACs" in second
        assert "the budget is in specc.toml: budget: nets\n" in second

    def test_from_another_folder(self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, nets__b=NET)
        configure(here, "budget.'nets/b.cnn'.params = 1")
        monkeypatch.chdir(here / "nets")
        assert specc("check").code == 1
        monkeypatch.chdir(here.parent)
        assert specc("check", "project", "--config", "project/specc.toml").code == 1

    def test_through_a_link_to_the_project(self, specc: Specc, here: Path) -> None:
        write(here, nets__b=NET)
        configure(here, "budget.'nets/b.cnn'.params = 1")
        (here.parent / "link").symlink_to(here)
        assert specc("check", here.parent / "link").code == 1

    def test_standard_input_has_the_budget_of_its_name(
        self, specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(here, "budget.'nets/b.cnn'.params = 1")
        for name, code in (("nets/b.cnn", 1), (str(here / "nets" / "b.cnn"), 1), ("b.cnn", 0)):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NET.encode())))
            assert specc("check", "-", "--stdin-filename", name).code == code


class TestSymbolicSizes:
    def test_parameters_need_none(self, specc: Specc, here: Path) -> None:
        write(here, a=SYMBOLIC)
        configure(here, "budget.params = 111")
        assert "Net has 112 parameters, and the budget is 111" in specc("check").out

    def test_at_sizes(self, specc: Specc, here: Path) -> None:
        write(here, a=SYMBOLIC)
        most = 4 * 10 * 6 * 27
        configure(here, f"budget.macs = {most}\nbudget.at = {{ H = 10, W = 6, T = 3 }}")
        assert specc("check").code == 0
        configure(here, f"budget.macs = {most - 1}\nbudget.at = {{ H = 10, W = 6, T = 3 }}")
        assert f"Net has {most:,} MACs at H = 10, W = 6, and the budget is {most - 1:,}" in specc("check").out

    def test_sizes_of_a_pattern(self, specc: Specc, here: Path) -> None:
        write(here, a=SYMBOLIC, b=SYMBOLIC)
        configure(here, "budget = { macs = 6911, at = { H = 8, W = 8 }, 'b.cnn' = { at = { H = 4 } } }")
        result = specc("check", "--format", "concise")
        assert "a.cnn:1:7: error[S0404] Net has 6,912 MACs at H = 8, W = 8" in result.out
        assert "b.cnn" not in result.out

    @pytest.mark.parametrize(
        ("at", "why", "help_"),
        [
            ("", "^^^ H and W are not given", "at = { H = 224, W = 224 }"),
            ("budget.at = { H = 8 }", "^^^ W is not given", "at = { H = 8, W = 224 }"),
            ("budget.at = { h = 8, W = 8 }", "^^^ H is not given", "at = { H = 224, W = 8 }"),
            ("budget.at = { H = 9, W = 8 }", "^^^ H = 9 is not allowed: ", "at = { H = 10, W = 8 }"),
        ],
    )
    def test_without_them_it_is_no_silence(self, specc: Specc, here: Path, at: str, why: str, help_: str) -> None:
        write(here, a=SYMBOLIC)
        configure(here, f"budget.macs = 1\n{at}")
        result = specc("check")
        assert result.code == 1
        assert "error[S0404]: the budget for macs cannot be held against Net" in result.out
        assert why in result.out
        assert f"say at which sizes it is meant, as in {help_}" in result.out


class TestToldOnce:
    """What the settings alone have caused is one finding, at the first of the models, and counts in each file."""

    @pytest.fixture
    def many(self, here: Path) -> Path:
        write(here, **{f"m{i}": SYMBOLIC.replace("Net", f"M{i}") for i in range(8)})
        configure(here, "budget = { macs = 1, memory = 1, params = 500 }")
        return here

    def test_it_tells_how_many_models_it_concerns(self, specc: Specc, many: Path) -> None:
        out = specc("check").out
        assert out.count("error[") == 1
        assert "the budgets for macs and memory cannot be held against M0 and 7 other models\n --> m0.cnn:1:7" in out
        assert "the same holds for M1 (m1.cnn:1:7), M2 (m2.cnn:1:7), M3 (m3.cnn:1:7), M4 (m4.cnn:1:7), M5 (" in out
        assert "M5 (m5.cnn:1:7) and 2 more\n" in out
        assert out.endswith("1 error in 8 of 8 files\n")

    def test_of_two(self, specc: Specc, many: Path) -> None:
        out = specc("check", "m1.cnn", "m2.cnn").out
        assert "against M1 and 1 other model\n" in out
        assert "the same holds for M2 (m2.cnn:1:7)\n" in out

    def test_other_sizes_or_another_budget_are_another_mistake(self, specc: Specc, many: Path) -> None:
        write(many, m0=SYMBOLIC.replace("H", "T"))
        configure(many, "budget = { macs = 1, 'm1.cnn' = { macs = 1 } }")
        out = specc("check", "--format", "concise").out.splitlines()
        assert [line.split("against ")[1] for line in out[:-1]] == ["Net", "M1", "M2 and 5 other models"]

    def test_what_is_over_the_limit_is_told_of_each(self, specc: Specc, many: Path) -> None:
        write(many, m0=NET, m1=NET)
        configure(many, "budget = { params = 1 }")
        assert specc("check").out.count("error[") == 8

    def test_comments_and_baselines_are_about_each_model(self, specc: Specc, many: Path) -> None:
        write(many, m0="# specc: ignore-file[S0404] an experiment\n" + SYMBOLIC)
        assert "against M1 and 6 other models" in specc("check").out
        assert specc("check", "--write-baseline", "base.json").out == "base.json: 7 findings in 8 files\n"
        assert specc("check", "--baseline", "base.json").code == 0
        assert specc("check", "--baseline", "base.json", "m3.cnn").code == 0
        write(many, new=SYMBOLIC.replace("Net", "New"))
        result = specc("check", "--baseline", "base.json", "--format", "concise")
        assert result.out.startswith(
            "new.cnn:1:7: error[S0404] the budgets for macs and memory cannot be held against New\n"
        )

    def test_every_file_fails_its_own_test(self, specc: Specc, many: Path) -> None:
        out = specc("check", "--format", "junit").out
        assert out.count("<failure ") == 8
        assert "cannot be held against M7" in out

    def test_a_warm_run_tells_the_same(self, specc: Specc, many: Path) -> None:
        assert specc("check").out == specc("check").out == specc("check", "--no-cache").out


def test_every_model_of_a_file(specc: Specc, here: Path) -> None:
    write(here, a=NET + NET.replace("Net", "Two") + "model Small : [N, 3] { relu }\n")
    configure(here, "budget.params = 1")
    out = specc("check", "--format", "concise").out
    assert [line.split("] ")[1].split()[0] for line in out.splitlines() if "S0404" in line] == ["Net", "Two"]


def test_shared_steps_are_counted_once(specc: Specc, here: Path) -> None:
    write(here, a="model M : [N, 3] {\n  shared t = fc(3)\n  t -> t\n}\n")
    configure(here, "budget.params = 12")
    assert specc("check").code == 0
    configure(here, "budget.params = 11")
    assert specc("check").code == 1


def test_of_a_spec_that_does_not_fit_nothing_is_asked(specc: Specc, here: Path) -> None:
    write(here, a=NET.replace("flatten", "flaten"))
    configure(here, "budget.params = 1")
    assert "S0404" not in specc("check").out


def test_it_can_be_ignored_and_no_choice_of_lints_turns_it_off(specc: Specc, here: Path) -> None:
    write(here, a=NET)
    configure(here, "budget.params = 1")
    assert specc("check", "--select", "S0502").code == 1
    assert specc("check", "--select", "S0404").code == 1
    assert specc("check", "--ignore", "S0404").code == 0
    assert specc("check", "--ignore", "S05").code == 1
