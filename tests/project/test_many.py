"""Much to say: it takes work by its number, and people are shown the first of what is alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from specc.project.check import check
from specc.project.selection import CheckOptions
from specc.project.settings import Configuration
from specc.report.formats import OUTCOME_FORMATS, outcome_text
from specc.report.snippets import MOST_ALIKE
from specc.source import Source
from specc.syntax.format import formatted
from tests.cli.conftest import Specc
from tests.counting import calls

HEAD = "model M : [N, 3, 8, 8] {\n"
SILENCED = "# specc: ignore[S0504] why"


def model(line: str, count: int) -> str:
    return HEAD + line * count + "}\n"


MANY = {
    "names that are unknown": lambda n: model("  rellu\n", n),
    "names in one line": lambda n: HEAD + "  rellu -> " * n + "relu\n}\n",
    "names in arms": lambda n: HEAD + "  add {\n" + "    | rellu\n" * n + "  }\n}\n",
    "names in blocks": lambda n: "".join(f"block b{i} {{ rellu }}\n" for i in range(n)) + HEAD
    + "".join(f"  b{i}\n" for i in range(n)) + "}\n",
    "arguments": lambda n: model("  conv(3, 1, strde=1)\n", n),
    "checkpoints": lambda n: model("  [N, 3, 8, 9]\n", n),
    "labels": lambda n: model("  a: relu\n", n),
    "asserts": lambda n: model("  assert 1 == 2\n", n),
    "lints": lambda n: model("  relu -> relu\n", n),
    "silenced lints": lambda n: model(f"  relu -> relu  {SILENCED}\n", n),
    "a chain of silenced lints": lambda n: HEAD + "  relu\n" + f"    -> relu  {SILENCED}\n" * n + "}\n",
    "comments for the whole file": lambda n: "# specc: ignore-file[S0504] why\n" * n + model("  relu -> relu\n", n),
    "idle comments": lambda n: model("  relu  # specc: ignore[S0501] why\n  tanh\n", n),
    "models": lambda n: "".join(f"model M{i} : [N, 3, 8, 8] {{ relu -> relu }}\n" for i in range(n)),
    "models of one name": lambda n: "model M : [N, 3, 8, 8] { relu }\n" * n,
    "imports beside models": lambda n: "".join(
        f'from "x{i}.cnn" import a{i}\nmodel M{i} : [N, 3, 8, 8] {{ relu }}\n' for i in range(n)),
    "imports": lambda n: "".join(f'from "x{i}.cnn" import a{i}\n' for i in range(n)) + model("  relu\n", 1),
}  # fmt: skip
YAML = {
    "names that are unknown": lambda n: "    - rellu\n" * n,
    "lints": lambda n: "    - [relu, relu]\n" * n,
    "silenced lints": lambda n: f"    - [relu, relu]  {SILENCED}\n" * n,
}
STYLE = {
    "silenced": lambda n: model(f"  relu -> relu  {SILENCED}\n", n),
    "alone above": lambda n: model(f"  {SILENCED}\n  relu -> relu\n", n),
    "in a chain": lambda n: HEAD + "  relu\n" + f"    -> relu  {SILENCED}\n" * n + "}\n",
    "above links of a chain": lambda n: HEAD + "  relu\n" + f"    {SILENCED}\n    -> relu -> relu\n" * n + "}\n",
    "at an argument": lambda n: model(f"  conv(3,  {SILENCED}\n    1)\n", n),
    "behind two lines": lambda n: model(f"  relu -> conv(3,\n    1)  {SILENCED}\n", n),
    "at imported names": lambda n: (
        f'from "a.cnn" import b,\n{"".join(f"  {SILENCED}{chr(10)}  b{i},{chr(10)}" for i in range(n))}  c\n'
    ),
    "other comments": lambda n: model("  relu  # why\n", n),
}


def work(path: str, form: str) -> int:
    """What a check of a file and the text of what it found takes; the cache is not asked."""
    return calls(lambda: outcome_text(form, check([path], CheckOptions(Configuration()))))


def grows_by_its_number(half: int, whole: int) -> bool:
    """Twice as many take at most twice as much, with something for logarithms; four times would be the square."""
    return whole < 2.5 * half


@pytest.mark.parametrize("kind", MANY)
def test_findings(here: Path, kind: str) -> None:
    for count in (1, 60, 120):
        Path(f"{count}.cnn").write_text(MANY[kind](count))
    for form in OUTCOME_FORMATS if kind == "lints" else ("full",):
        work("1.cnn", form)  # imports, and what is remembered
        assert grows_by_its_number(work("60.cnn", form), work("120.cnn", form)), form


@pytest.mark.parametrize("kind", YAML)
def test_findings_in_yaml(here: Path, kind: str) -> None:
    for count in (1, 60, 120):
        Path(f"{count}.cnn.yaml").write_text("- model: M\n  input: [N, 3, 8, 8]\n  body:\n" + YAML[kind](count))
    work("1.cnn.yaml", "full")
    assert grows_by_its_number(work("60.cnn.yaml", "full"), work("120.cnn.yaml", "full"))


@pytest.mark.parametrize("kind", STYLE)
def test_style(kind: str) -> None:
    one, half, whole = (Source("m.cnn", STYLE[kind](count)) for count in (1, 60, 120))
    formatted(one)
    assert grows_by_its_number(calls(lambda: formatted(half)), calls(lambda: formatted(whole)))


class TestShown:
    """A file with fifty findings of a code more than are shown, and three of another code."""

    COUNT = MOST_ALIKE + 50
    REST = "and 50 more of S0201 in m.cnn (check --format json has them all)"

    @pytest.fixture(autouse=True)
    def spec(self, here: Path) -> None:
        (here / "m.cnn").write_text(HEAD + "  rellu\n" * self.COUNT + "  conv(3, 1, strde=1)\n" * 3 + "}\n")

    @pytest.mark.parametrize(("form", "shown"), [("full", "error[S0201]"), ("concise", "error[S0201]")])
    def test_to_people(self, specc: Specc, form: str, shown: str) -> None:
        result = specc("check", "--format", form, "--no-cache")
        assert result.out.count(shown) == MOST_ALIKE
        assert result.out.count("error[S0301]") == 3
        assert f"\n{self.REST}\n" in result.out
        assert f"{self.COUNT + 3} errors in 1 of 1 file" in result.out
        assert result.code == 1

    @pytest.mark.parametrize(
        ("form", "one"),
        [
            ("json", '"code": "S0201"'),
            ("sarif", '"ruleId": "S0201"'),
            ("github", "title=specc S0201"),
            ("gitlab", '"check_name": "S0201"'),
            ("junit", "error[S0201]"),
        ],
    )
    def test_to_programs_all_of_them(self, specc: Specc, form: str, one: str) -> None:
        result = specc("check", "--format", form, "--no-cache")
        assert (result.code, result.out.count(one)) == (1, self.COUNT)
        assert "more of" not in result.out

    def test_statistics_and_baseline(self, specc: Specc) -> None:
        counted = specc("check", "--statistics", "--no-cache").out.splitlines()[-2]
        assert counted.split()[:2] == [str(self.COUNT), "S0201"]
        assert specc("check", "--write-baseline", "b.json", "--no-cache").out.startswith(f"b.json: {self.COUNT + 3} ")
        assert specc("check", "--baseline", "b.json", "--no-cache").code == 0

    @pytest.mark.parametrize("command", [["show", "m.cnn"], ["compile", "m.cnn", "-o", "m.py"]])
    def test_by_other_commands(self, specc: Specc, command: list[str]) -> None:
        result = specc(*command)
        assert (result.code, result.err.count("error[S0201]")) == (1, MOST_ALIKE)
        assert result.err.endswith(f"\n{self.REST}\n")

    def test_just_as_many_as_are_shown(self, specc: Specc, here: Path) -> None:
        (here / "m.cnn").write_text(model("  rellu\n", MOST_ALIKE))
        result = specc("check", "--no-cache")
        assert result.out.count("error[S0201]") == MOST_ALIKE
        assert "more of" not in result.out
