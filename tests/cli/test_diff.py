"""``specc diff`` as a command: what it prints, where, and the exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from specc.compare import SECTIONS
from tests.cli.conftest import Specc

ONE = "model One : [N, 3, 8, 8] -> [N, 2] { conv(4, 3) -> relu -> flatten -> fc(2) }\n"
WIDER = ONE.replace("conv(4", "conv(6")
NARROWER = ONE.replace("conv(4", "conv(2")
GELU = ONE.replace("relu", "gelu")
LABELLED = ONE.replace("fc(2)", "head: fc(2)")
TAKES_LESS = ONE.replace("N,", "1,")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.cnn").write_text(ONE, encoding="utf-8")
    return tmp_path


def put(text: str, name: str = "other.cnn") -> str:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")
    return name


@pytest.mark.parametrize(
    ("text", "failing"),
    [
        (ONE, set()),
        (WIDER, {"weights", "graph", "cost"}),
        (NARROWER, {"weights", "graph"}),
        (GELU, {"graph"}),
        (LABELLED, {"weights"}),
        (TAKES_LESS, {"interface"}),
        (ONE.replace("One", "Two"), {"interface"}),
    ],
)
def test_fail_on(specc: Specc, text: str, failing: set[str]) -> None:
    other = put(text)
    assert specc("diff", "one.cnn", other).code == 0
    assert {name for name in SECTIONS if specc("diff", "one.cnn", other, "--fail-on", name).code} == failing
    together = specc("diff", "one.cnn", other, "--fail-on", "interface, weights", "--fail-on", "graph,cost")
    assert together.code == bool(failing)


@pytest.mark.parametrize("text", ["", "interfaces", "weights,", "error"])
def test_what_is_no_section(specc: Specc, text: str) -> None:
    done = specc("diff", "one.cnn", "one.cnn", "--fail-on", text)
    assert done.code == 2
    assert done.err.startswith("error: --fail-on takes interface, weights, graph, cost, numbers and file, not ")


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (("cost",), 1),
        (("cost+0%",), 1),
        (("cost + 49.9 %",), 1),
        (("cost+50%",), 0),
        (("graph,cost+50%",), 1),
        (("cost+50%", "cost+50.0%"), 0),
    ],
)
def test_costs_may_grow_a_little(specc: Specc, limits: tuple[str, ...], code: int) -> None:
    """Every cost of it grows by 50 % at most: 4 channels become 6."""
    before, after = (put(f"model One : [N, 3, 8, 8] {{ conv({n}, 3) }}", f"{n}.cnn") for n in (4, 6))
    assert specc("diff", before, after, *[part for limit in limits for part in ("--fail-on", limit)]).code == code


@pytest.mark.parametrize(
    "text", ["cost+", "cost+1", "cost+-1%", "cost+x%", "cost+1%%", "cost+1e3%", "cost+nan%", "cost+٣%"]
)
def test_what_is_no_limit(specc: Specc, text: str) -> None:
    done = specc("diff", "one.cnn", "one.cnn", "--fail-on", text)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: --fail-on {text}: the limit is a percentage, as in cost+1%")


def test_limits_that_contradict(specc: Specc) -> None:
    done = specc("diff", "one.cnn", "one.cnn", "--fail-on", "cost,cost+1%")
    assert (done.code, done.err) == (2, "error: --fail-on names cost twice, with different limits: leave one out\n")
    done = specc("diff", "one.cnn", "one.cnn", "--fail-on", "graph+1%")
    assert done.code == 2
    assert done.err.startswith("error: --fail-on graph+1%: only cost takes a limit, as in cost+1%")


def test_red_in_markdown_is_what_fails(specc: Specc) -> None:
    plain = specc("diff", "one.cnn", put(WIDER), "--format", "markdown")
    assert "❌" not in plain.out
    failing = specc("diff", "one.cnn", "other.cnn", "--format", "markdown", "--fail-on", "graph")
    assert failing.out == plain.out.replace("🔸 graph", "❌ graph")
    assert (
        specc("diff", "one.cnn", "other.cnn", "--format", "markdown", "--fail-on", "graph", "--output-file", "x").code
        == 1
    )
    assert Path("x").read_text(encoding="utf-8") == failing.out


def test_text_in_a_pipe_has_no_colour(specc: Specc) -> None:
    done = specc("diff", "one.cnn", put(WIDER))
    assert "\x1b" not in done.out
    assert done.out.startswith(
        "one.cnn -> other.cnn, One\ninterface  the same\nweights    an old checkpoint does not load"
    )


def test_colour_where_it_is_forced(specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = specc("diff", "one.cnn", put(WIDER)).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    colored = specc("diff", "one.cnn", "other.cnn").out
    assert click.unstyle(colored) == plain != colored


def test_json(specc: Specc) -> None:
    value = json.loads(specc("diff", "one.cnn", put(WIDER), "--format", "json").out)
    assert value["version"] == 1
    (file,) = value["files"]
    (model,) = file["models"]
    assert model["breaking"] == {"interface": False, "weights": True, "graph": True, "cost": True}
    assert model["weights"]["loads"] == "no"
    assert model["weights"]["resized"][0]["shape_after"] == [6, 3, 3, 3]
    assert model["graph"]["changed"][0]["attributes"] == [{"name": "out_channels", "before": "4", "after": "6"}]
    numbers = {number["name"]: (number["before"], number["after"]) for number in model["cost"]["numbers"]}
    assert numbers["parameters"] == (4 * 27 + 4 + 2 * 144 + 2, 6 * 27 + 6 + 2 * 216 + 2)


def test_an_output_file(specc: Specc) -> None:
    printed = specc("diff", "one.cnn", put(WIDER)).out
    done = specc("diff", "one.cnn", "other.cnn", "--output-file", "diff.txt", "--fail-on", "graph")
    assert (done.code, done.out) == (1, "")
    assert Path("diff.txt").read_text(encoding="utf-8") == printed
    assert specc("diff", "one.cnn", "other.cnn", "--output-file", "no/diff.txt").code == 2
    refused = specc("diff", "one.cnn", "other.cnn", "--output-file", "./one.cnn")
    assert (refused.code, refused.err) == (2, "error: ./one.cnn is read by this command: write to another file\n")
    assert Path("one.cnn").read_text(encoding="utf-8") == ONE


def test_two_models_of_one_file(specc: Specc) -> None:
    name = put(ONE + WIDER.replace("One", "Two"))
    done = specc("diff", name, name, "--model", "One", "--model", "Two", "--fail-on", "interface")
    assert done.code == 0
    assert "One -> Two\ninterface  the same\n" in done.out
    assert specc("diff", name, name, "--model", "One").out.endswith("One\nnothing has changed\n")
    assert specc("diff", name, name, *["--model", "One"] * 3).code == 2
    missing = specc("diff", "one.cnn", name, "--model", "Two")
    assert (missing.code, missing.err) == (2, "error: one.cnn has no model called Two; it has One\n")


def test_settings_are_for_both(specc: Specc) -> None:
    text = "model One(c = 4) : [N, 3, 8, 8] {{ conv(c, {}) }}"
    name, other = put(text.format(3)), put(text.format(5), "third.cnn")
    assert "[8, 3, 3, 3] -> [8, 3, 5, 5]" in specc("diff", name, other, "--set", "c=8").out
    refused = specc("diff", name, "one.cnn", "--set", "c=8")
    assert (refused.code, refused.err) == (2, "error: one.cnn: model One has no parameter called c; it has none\n")


def test_sizes(specc: Specc) -> None:
    name = put("model One : [N, 3, H, W] where H % 4 == 0 { conv(4, 1) }")
    other = put("model One : [N, 3, H, W] { conv(8, 1) }", "third.cnn")
    assert " at H = 224, W = 224\n" in specc("diff", name, other).out
    assert " at H = 8, W = 5\n" in specc("diff", name, other, "--at", "H=8", "--at", "W=5").out
    for sizes, told in (
        (("H=6", "W=5"), "H = 6 is not allowed: H % 4 == 0"),
        (("H=8",), "One depends on H and W, and W must be given too"),
        (("H=8", "W=5", "D=1"), "--at D: no model here has a symbolic size called D; there are H, W"),
    ):
        refused = specc("diff", name, other, *[part for size in sizes for part in ("--at", size)])
        assert (refused.code, refused.err) == (2, f"error: {told}\n")


def test_standard_input(specc: Specc, folder: Path) -> None:
    assert specc("diff", "-", "-").code == 2
    assert specc("diff", "-", "--against", "git:main").err.startswith("error: standard input has no earlier version")
    command = ["-m", "specc", "diff", "one.cnn", "-", "--fail-on", "graph"]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, *command], input=GELU.encode(), capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.decode().startswith("one.cnn -> <stdin>, One\n")


def test_mistakes_of_both_specs(specc: Specc) -> None:
    done = specc("diff", put(ONE.replace("relu", "rulu")), put(ONE.replace("fc", "fk"), "third.cnn"))
    assert done.code == 1
    assert "--> other.cnn:1:" in done.err
    assert "--> third.cnn:1:" in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("one.cnn",), "diff takes two specs or ONNX files, or --against git:REF"),
        ((), "diff takes two specs or ONNX files, or --against git:REF"),
        (("one.cnn", "one.cnn", "one.cnn"), "diff takes two specs or ONNX files, or --against git:REF"),
        (("one.cnn", "none.cnn"), "none.cnn: there is no such file"),
        (("--against", "main"), "--against takes git:REF, as in --against git:main, not main"),
        (("--against", "hg:main"), "--against takes git:REF, as in --against git:main, not hg:main"),
        (("--against", "git:main", "--model", "One"), "--model is for two files"),
        (("--against", "git:main", "--set", "c=1"), "--set is for two files"),
        (("one.cnn", "one.cnn", "--config", "x.toml"), "--config says which specs a folder holds"),
        (("one.cnn", "one.cnn", "--at", "H=8"), "--at H: no model here has a symbolic size called H; all their sizes"),
        (("one.cnn", "one.cnn", "--at", "H"), "--at takes NAME=SIZE"),
    ],
)
def test_wrong_usage(specc: Specc, arguments: tuple[str, ...], told: str) -> None:
    done = specc("diff", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"error: {told}")


def test_nothing_to_compare(specc: Specc) -> None:
    name = put("block unit(c) { conv(c, 1) }")
    done = specc("diff", name, name)
    assert (done.code, done.err) == (3, "nothing to compare: no model, before or now\n")


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(folder: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    put(GELU.replace("One", "Two"), "nets/two.cnn")
    put("block unit(c) { conv(c, 1) }", "nets/blocks.cnn")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "first")


@pytest.mark.usefixtures("repository")
def test_against_a_commit(specc: Specc) -> None:
    done = specc("diff", "--against", "git:main", "--fail-on", "graph")
    assert (done.code, done.out) == (0, "nothing has changed since main: 3 specs\n")
    put(WIDER, "one.cnn")
    put(ONE.replace("One", "New"), "nets/new.cnn")
    done = specc("diff", "--against", "git:main")
    assert done.code == 0
    assert done.out.startswith("nets/new.cnn, New\nnew\n\none.cnn, One\ninterface  the same\n")
    assert done.out.endswith("\n2 of 4 specs have changed since main: 1 new\n")
    assert specc("diff", "nets", "--against", "git:main", "--fail-on", "graph").code == 0
    assert specc("diff", "--against", "git:main", "--fail-on", "weights").code == 1


@pytest.mark.usefixtures("repository")
def test_a_spec_that_is_wrong_now_fails(specc: Specc) -> None:
    put(ONE.replace("relu", "rulu"), "one.cnn")
    put(GELU.replace("One", "Two").replace("fc(2)", "head: fc(2)"), "nets/two.cnn")
    done = specc("diff", "--against", "git:main")
    assert done.code == 1
    assert "one.cnn\nwrong now: 1 error" in done.out
    assert "error[S0201]" in done.out
    assert "renamed  fc1 -> head" in done.out
    git("commit", "-q", "-a", "-m", "wrong")
    put(ONE, "one.cnn")
    done = specc("diff", "--against", "git:HEAD")
    assert done.code == 0
    assert "wrong before: 1 error" in done.out


@pytest.mark.usefixtures("repository")
def test_a_spec_that_is_as_wrong_as_before_does_not_fail(specc: Specc) -> None:
    wrong = 'from "nowhere.cnn" import unit\nmodel One : [N, 3, 8, 8] { unit(4) }\n'
    put(wrong, "one.cnn")
    git("commit", "-q", "-a", "-m", "wrong")
    done = specc("diff", "--against", "git:main", "--fail-on", "interface,weights,graph,cost")
    assert (done.code, done.out) == (0, "nothing has changed since main: 3 specs\n")
    put("# a word\n" + wrong, "one.cnn")
    done = specc("diff", "--against", "git:main", "--fail-on", "interface,weights,graph,cost")
    told = "one.cnn\nwrong before and now: 1 error, so that there is nothing to compare: one.cnn:2:6: nowhere.cnn:"
    assert done.code == 0
    assert done.out.startswith(told)
    assert done.out.endswith("\n1 of 3 specs has changed since main: 1 wrong before and now\n")
    markdown = specc("diff", "--against", "git:main", "--format", "markdown").out
    assert "🔸 wrong before and now: 1 error" in markdown
    (file,) = json.loads(specc("diff", "--against", "git:main", "--format", "json").out)["files"]
    assert (file["broken"], len(file["wrong_after"])) == (False, 1)


@pytest.mark.usefixtures("repository")
def test_a_path_that_cannot_be_read(specc: Specc) -> None:
    put(WIDER, "one.cnn")
    done = specc("diff", "one.cnn", "nope.cnn", "--against", "git:main")
    assert (done.code, done.err) == (2, "error: nope.cnn: there is no such file, now or in main\n")
    assert done.out.startswith("one.cnn, One\n")


@pytest.mark.usefixtures("repository")
def test_no_spec_before_or_now(specc: Specc) -> None:
    Path("empty").mkdir()
    assert specc("diff", "empty", "--against", "git:main").code == 3


@pytest.mark.usefixtures("repository")
def test_settings_of_the_project(specc: Specc) -> None:
    put('exclude = ["nets"]\n', "specc.toml")
    put(ONE.replace("One", "Two"), "nets/two.cnn")
    assert specc("diff", "--against", "git:main").out == "nothing has changed since main: 1 spec\n"


def test_diff_imports_no_framework(folder: Path) -> None:
    put(WIDER)
    code = (
        "import sys; from specc.cli.diff import command; "
        "command.main(['one.cnn', 'other.cnn'], standalone_mode=False); "
        "sys.exit(bool({'torch', 'onnx', 'rich', 'onnxruntime', 'specc.importing'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
