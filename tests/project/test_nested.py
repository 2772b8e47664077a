"""A repository of packages with settings of their own: those that are nearest to a file hold for it, whoever asks."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Specc
from tests.project.specs import BAD, BIAS, BLOCK, CALLER, FINE, FLOOR, write

CONV = "model A : [N, 3, 32, 32] { conv(8, 3) }\n"
"""224 parameters."""


@pytest.fixture
def package(here: Path) -> Path:
    """The root of the repository has settings that would find nothing."""
    (here / "pyproject.toml").write_text('[tool.specc.budget]\nparams = "1M"\n')
    package = here / "packages" / "a"
    package.mkdir(parents=True)
    return package


def configure(folder: Path, text: str) -> None:
    (folder / "specc.toml").write_text(text)


PLACES = [(".", ()), (".", ("packages",)), ("packages/a", ()), ("packages", ("a/a.cnn",)), ("..", ("project",))]
"""Where a run starts, and what it is about: each time the package's spec is checked."""


def ended(specc: Specc, here: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> set[int]:
    """The exit codes from wherever the run starts."""
    codes = set()
    for folder, paths in PLACES:
        monkeypatch.chdir(here / folder)
        codes.add(specc("check", *paths, *options).code)
    monkeypatch.chdir(here)
    return codes


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (CONV, "budget.params = 10"),
        (CONV, "budget.'/a.cnn'.params = 10"),
        (FLOOR, 'fail-on = "warning"'),
        (BAD, ""),
    ],
)
def test_what_fails(
    specc: Specc, here: Path, package: Path, monkeypatch: pytest.MonkeyPatch, spec: str, text: str
) -> None:
    write(package, a=spec)
    configure(package, text)
    assert ended(specc, here, monkeypatch) == {1}


@pytest.mark.parametrize(
    "text",
    [
        'fail-on = "never"',
        'fail-on = "warning"\nignore = ["S0505"]',
        'fail-on = "warning"\nselect = ["S0502"]',
        'fail-on = "warning"\nper-file-ignores."a.cnn" = ["S05"]',
        'fail-on = "warning"\nbaseline = "base.json"',
        "",
    ],
)
def test_what_passes(specc: Specc, here: Path, package: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """The root's settings would fail it: the nearest hold whole, and nothing of the others is mixed in."""
    (here / "pyproject.toml").write_text('[tool.specc]\nfail-on = "warning"\n')
    write(package, a=FLOOR)
    assert specc("check", "packages/a", "--write-baseline", "packages/a/base.json").code == 0
    assert ended(specc, here, monkeypatch) == {1}
    configure(package, text)
    assert ended(specc, here, monkeypatch) == {0}


def test_each_package_fails_by_its_own(specc: Specc, here: Path) -> None:
    write(here, packages__a__a=FLOOR, packages__b__b=FLOOR)
    configure(here / "packages" / "a", 'fail-on = "never"')
    assert specc("check").code == 0
    configure(here / "packages" / "b", 'fail-on = "warning"')
    assert specc("check").code == 1
    assert specc("check", "packages/a").code == 0
    suite = specc("check", "--format", "junit").out
    assert suite.count("<failure") == 1
    assert specc("check", "--fail-on", "error").code == 0
    assert specc("check", "packages/a", "--fail-on", "warning").code == 1


def test_options_take_the_place_of_all_settings(specc: Specc, here: Path, package: Path) -> None:
    write(package, a=FLOOR)
    configure(package, 'ignore = ["S0505"]')
    assert "S0505" not in specc("check").out
    assert "S0505" in specc("check", "--ignore", "S0502").out


def test_one_that_is_named_holds_for_all(
    specc: Specc, here: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(package, a=CONV)
    configure(package, "budget.params = 10\nexclude = ['x']")
    (here / "ci.toml").write_text("budget.params = 224\n")
    for folder, config in ((".", "ci.toml"), ("packages/a", "../../ci.toml")):
        monkeypatch.chdir(here / folder)
        assert specc("check", "--config", config).code == 0
    monkeypatch.chdir(here)
    (package / "specc.toml").write_text("nonsense")
    assert specc("check", "--config", "ci.toml").code == 0


def test_what_is_searched(specc: Specc, here: Path, package: Path) -> None:
    """Of a folder with settings, whether it is entered is for those above it, and what is in it for its own."""
    write(here, old__x=BAD, packages__b__old__x=BAD, packages__a__x=FINE, packages__a__old__x=BAD)
    (package / "y.json").write_text('[{"model": "J", "input": ["N", 3, 8, 8], "body": ["rellu"]}]')
    (here / "pyproject.toml").write_text('[tool.specc]\nexclude = ["old"]\ninclude = ["*.yaml"]\n')
    configure(package, 'include = ["y.json"]')
    (package / "z.yaml").write_text("other people's")
    named = {
        name for line in specc("check", "--format", "concise").out.splitlines() if (name := line.partition(":")[0])
    }
    assert {"packages/a/old/x.cnn", "packages/a/y.json"} == {name for name in named if "/" in name}
    (here / "pyproject.toml").write_text('[tool.specc]\nexclude = ["packages/a", "old"]\n')
    assert specc("check").code == 3
    assert specc("check", "packages/a").code == 1
    for options, code in (([], 1), (["--force-exclude"], 3)):
        assert specc("check", "packages/a/old/x.cnn", *options).code == code


def test_the_formatter_excludes_alike(specc: Specc, here: Path, package: Path) -> None:
    untidy = "model   M : [N, 3] { relu }\n"
    write(package, x=untidy, old__x=untidy)
    configure(package, 'exclude = ["old"]')
    assert specc("fmt", "--check").out == "packages/a/x.cnn\n"
    assert specc("fmt", "--check", "--force-exclude", "packages/a/old/x.cnn").code == 3


def test_a_finding_is_judged_where_it_stands(specc: Specc, here: Path) -> None:
    """A block that packages share is the root's, whichever of them calls it."""
    write(here, shared__blocks=BLOCK, packages__a__a=CALLER.replace("blocks.cnn", "../../shared/blocks.cnn"))
    configure(here / "packages" / "a", 'ignore = ["S0502"]')
    assert "S0502" in specc("check", "packages/a").out
    configure(here, 'ignore = ["S0502"]')
    configure(here / "packages" / "a", "")
    assert "S0502" not in specc("check", "packages/a").out


def test_standard_input(specc: Specc, here: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked as if it were a file: with that file's settings; else with those of the present folder."""
    configure(package, "budget.params = 10\nexclude = ['old']")
    for options, code in (([], 0), (["--stdin-filename", "packages/a/new.cnn"], 1)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONV.encode())))
        assert specc("check", "-", *options).code == code
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONV.encode())))
    assert specc("check", "-", "--force-exclude", "--stdin-filename", "packages/a/old/new.cnn").code == 3


class TestWhatIsTold:
    def test_settings_that_are_wrong(self, specc: Specc, here: Path, package: Path) -> None:
        write(package, a=FINE)
        configure(package, "budgets = {}")
        assert specc("check").err == "error: packages/a/specc.toml: there is no setting budgets; did you mean budget?\n"

    def test_a_template_of_settings_is_none(self, specc: Specc, here: Path, package: Path) -> None:
        write(package, a=FINE)
        (package / "pyproject.toml").write_text("name = {{ cookiecutter.name }}\n")
        assert specc("check").code == 0

    def test_patterns_that_fit_nothing(self, specc: Specc, here: Path, package: Path) -> None:
        """Those of all settings whose folder was searched; and why, where files have others."""
        write(package, a=FINE)
        write(here, b=FINE)
        (here / "pyproject.toml").write_text(
            "[tool.specc.budget]\n'packages/a/*.cnn'.params = 9\n'packages/b/*.cnn'.params = 9\n"
        )
        configure(package, "exclude = ['old']\nper-file-ignores.'b.cnn' = ['S05']\nbudget.'a.cnn'.params = 9")
        root, own = "note: pyproject.toml, [tool.specc]: budget: ", "note: packages/a/specc.toml: "
        notes = [
            f"{own}per-file-ignores: b.cnn fits no file that is checked",
            f"{own}exclude: old fits no spec and no folder that the search comes to",
        ]
        assert specc("check").err.splitlines() == [
            *notes,
            f"{root}packages/a/*.cnn fits only files that have settings of their own: packages/a/specc.toml",
            f"{root}packages/b/*.cnn fits no file that is checked",
        ]
        assert specc("check", "packages").err.splitlines() == notes
        assert specc("check", "packages/a/a.cnn").err == ""

    def test_where_a_budget_is(self, specc: Specc, here: Path, package: Path) -> None:
        write(package, a=CONV)
        (package / "pyproject.toml").write_text("[tool.specc.budget]\nparams = 10\n")
        assert "the budget is in packages/a/pyproject.toml, [tool.specc]: budget\n" in specc("check").out


class TestBaselines:
    def test_each_package_has_its_own(self, specc: Specc, here: Path) -> None:
        write(here, packages__a__a=FLOOR, packages__b__b=FLOOR, c=FLOOR)
        assert specc("check", "packages/a", "--write-baseline", "packages/a/base.json").code == 0
        assert specc("check", "c.cnn", "--write-baseline", "base.json").code == 0
        configure(here / "packages" / "a", 'baseline = "base.json"')
        configure(here, 'baseline = "base.json"')
        out = specc("check", "--format", "concise").out
        assert [line.split(":")[0] for line in out.splitlines() if "S0505" in line] == ["packages/b/b.cnn"]
        assert "2 findings silenced" in out
        assert specc("check", "--write-baseline", "all.json").out == "all.json: 3 findings in 3 files\n"
        assert specc("check", "--baseline", "all.json", "--fail-on", "warning").code == 0

    def test_what_has_gone(self, specc: Specc, here: Path, package: Path) -> None:
        write(package, a=FLOOR)
        assert specc("check", "packages/a", "--write-baseline", "packages/a/base.json").code == 0
        configure(package, 'baseline = "base.json"')
        write(package, a=FINE)
        update = "--write-baseline packages/a/base.json brings it up to date"
        told = f"note: 1 finding of the baseline came up no more: {update}"
        write(here, b=FINE)
        assert specc("check").err == f"{told}, in a run over what it is about alone\n"
        assert specc("check", "packages/a").err == f"{told}\n"


def test_the_cache_goes_by_them(specc: Specc, here: Path, package: Path) -> None:
    write(package, a=CONV)
    for most, code in ((1000, 0), (10, 1), (1000, 0)):
        configure(package, f"budget.params = {most}")
        first, again = specc("check"), specc("check")
        assert (first.code, first) == (code, again)


def test_the_sidecar_has_the_budget_of_the_spec(here: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not that of wherever it is compiled."""
    import specc

    write(package, a=CONV)
    configure(package, "budget.params = 1000")
    texts = []
    for folder, path in (here, "packages/a/a.cnn"), (package, "a.cnn"), (here.parent, str(package / "a.cnn")):
        monkeypatch.chdir(folder)
        specc.load(path).to_onnx(here / "a.onnx", verify=False)
        texts.append((here / "a.specc.json").read_text())
    assert len(set(texts)) == 1
    assert "1000" in json.dumps(json.loads(texts[0])["budgets"])


def test_a_run_over_a_few_of_many_reads_only_what_is_on_the_way(specc: Specc, here: Path, package: Path) -> None:
    write(here, packages__b__b=FINE)
    write(package, a=BIAS)
    configure(package, "nonsense")
    assert specc("check", "packages/b").code == 0
    assert specc("check", "packages/a").code == 2
