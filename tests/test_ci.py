"""What others run specc by: the GitHub Action's script in a plain shell, and the hooks of pre-commit.

The Action's steps are taken from action.yml and run as the runner runs them: bash, the inputs as variables. Only its
own installation is left to `.ci/run`, which does both in full, with pre-commit itself.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
RIGHT = "model Net : [N, 3, 8, 8] -> [N, 10] {\n  flatten -> fc(10)\n}\n"
WRONG = RIGHT.replace("flatten -> fc(10)", "cnov(4, 3) -> flatten -> fc(10)")


class Runner:
    """A checkout and the files that a GitHub runner gives to an action."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.temp = folder / "temp"
        self.summary = folder / "summary.md"
        (self.temp / "specc" / "bin").mkdir(parents=True)
        self.checkout.mkdir()
        installed = self.temp / "specc" / "bin" / "specc"
        installed.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m specc "$@"\n')
        installed.chmod(0o755)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.checkout, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, **specs: str) -> str:
        """Write the specs, commit all, and return the commit."""
        for name, text in specs.items():
            (self.checkout / f"{name}.cnn").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "specs")
        return self.git("rev-parse", "HEAD")

    def check(self, base: str = "", **inputs: str) -> subprocess.CompletedProcess[str]:
        """The step that checks, with the action's inputs."""
        (step,) = [step for step in ACTION["runs"]["steps"] if step.get("name") == "Check"]
        given = {name: entry["default"] for name, entry in ACTION["inputs"].items()} | inputs
        environment = {name: _filled(value, given, base) for name, value in step["env"].items()}
        self.summary.write_text("")
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.checkout,
            env={
                **os.environ,
                **environment,
                "PYTHONPATH": str(ROOT),
                "RUNNER_TEMP": str(self.temp),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "SPECC_CACHE_DIR": str(self.temp / "cache"),
            },
            check=False,
            capture_output=True,
            text=True,
        )


def _filled(expression: str, inputs: dict[str, str], base: str) -> str:
    """The value of ``${{ a || b }}``, whose parts are an input or the base of a pull request."""
    found = re.fullmatch(r"\$\{\{ (.*) \}\}", expression)
    assert found is not None, expression
    known = {f"inputs.{name}": value for name, value in inputs.items()} | {"github.event.pull_request.base.sha": base}
    return next((known[part] for part in found[1].split(" || ") if known[part]), "")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    runner = Runner(tmp_path)
    runner.git("init", "-q")
    return runner


class TestAction:
    def test_specs_that_fit(self, runner: Runner) -> None:
        runner.commit(net=RIGHT)
        done = runner.check()
        assert done.returncode == 0, done.stderr
        assert "::error" not in done.stdout
        assert "1 file, 1 model: all fit together" in runner.summary.read_text()

    def test_a_mistake_is_annotated_and_fails(self, runner: Runner) -> None:
        runner.commit(net=WRONG, other=RIGHT)
        done = runner.check()
        assert done.returncode == 1
        assert re.search(r"^::error file=net\.cnn,line=2,", done.stdout, re.MULTILINE)
        assert "net.cnn:2:3: error[S0201] no layer is called cnov" in runner.summary.read_text()

    def test_the_change_of_a_pull_request_is_in_the_summary(self, runner: Runner) -> None:
        base = runner.commit(net=RIGHT)
        runner.commit(net=RIGHT.replace("10", "12"))
        done = runner.check(base)
        assert done.returncode == 0, done.stderr
        summary = runner.summary.read_text()
        assert "[N, 10]" in summary
        assert "[N, 12]" in summary

    def test_a_change_may_fail_it(self, runner: Runner) -> None:
        base = runner.commit(net=RIGHT)
        runner.commit(net=RIGHT.replace("10", "12"))
        assert runner.check(base, **{"diff-fail-on": "interface,weights"}).returncode == 1
        assert runner.check(base, **{"diff-fail-on": "weights"}).returncode == 1
        runner.commit(net=RIGHT)
        assert runner.check(base, **{"diff-fail-on": "interface,weights"}).returncode == 0

    def test_a_commit_that_is_not_there_is_said(self, runner: Runner) -> None:
        runner.commit(net=RIGHT)
        done = runner.check(against="0123456789012345678901234567890123456789")
        assert done.returncode == 2
        assert "0123456789" in done.stderr

    def test_inputs_are_never_run(self, runner: Runner) -> None:
        runner.commit(net=RIGHT)
        done = runner.check(paths='$(touch ran) "; touch ran #\n`touch ran`')
        assert done.returncode == 2
        assert not (runner.checkout / "ran").exists()

    def test_several_paths(self, runner: Runner) -> None:
        runner.commit(net=RIGHT, other=WRONG)
        assert runner.check(paths="net.cnn\n\n").returncode == 0
        assert runner.check(paths="net.cnn\nother.cnn").returncode == 1

    def test_the_summary_is_whole_whatever_happens(self, runner: Runner) -> None:
        base = runner.commit(net=RIGHT)
        runner.commit(net=RIGHT.replace("10", "12"))
        done = runner.check(base, paths="net.cnn\nnowhere.cnn")
        assert done.returncode == 2
        summary = runner.summary.read_text()
        assert summary.count("```") % 2 == 0
        assert "nowhere.cnn: there is no such file" in summary
        assert "1 file, 1 model: all fit together" in summary
        (runner.checkout / "empty").mkdir()
        done = runner.check(paths="empty")
        assert done.returncode == 3
        assert "nothing to check" in runner.summary.read_text()

    def test_a_long_summary_is_cut(self, runner: Runner) -> None:
        """GitHub drops a summary of more than 1 MiB as a whole. Of a file it has at most a hundred findings alike."""
        warned = "model Net : [N, 3, 8, 8] {\n  relu\n" + "  relu\n" * 100 + "}\n"
        runner.commit(**{f"{'n' * 200}{i}": warned for i in range(10)})
        assert runner.check().returncode == 0
        summary = runner.summary.read_text()
        assert len(summary) < 300_000
        assert "... and more: see the log\n```" in summary

    def test_warnings_fail_it_on_demand(self, runner: Runner) -> None:
        runner.commit(net=RIGHT.replace("flatten", "flatten -> dropout(p=0)"))
        assert runner.check().returncode == 0
        assert runner.check(**{"fail-on": "warning"}).returncode == 1


def test_the_hooks_are_those_of_commands() -> None:
    """Their use with pre-commit itself is in `.ci/run`."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    assert [hook["id"] for hook in hooks] == ["specc-check", "specc-fmt"]
    for hook in hooks:
        program, command, *_ = hook["entry"].split()
        assert program == "specc"
        done = subprocess.run(
            [sys.executable, "-m", "specc", command, "--help"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        assert done.stdout.startswith("Usage: specc")

    check, format_ = hooks
    assert (check["always_run"], check["pass_filenames"]) == (True, False)
    assert re.search(format_["files"], "nets/a.cnn")
    assert not re.search(format_["files"], "nets/a.cnn.txt")


def hook(name: str, folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """What pre-commit would start there."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    program, *arguments = next(hook["entry"] for hook in hooks if hook["id"] == name).split()
    return subprocess.run(
        [sys.executable, "-m", program, *arguments, *files], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip


def test_nothing_to_check_stops_no_commit(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".pre-commit-config.yaml").write_text("repos: []\n")
    done = hook("specc-check", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("nothing to check")


def test_excluded_files_alone_stop_no_commit(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "specc.toml").write_text("exclude = ['old']\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.cnn").write_text("model   M : [N, 3] { relu }\n")
    assert hook("specc-check", tmp_path).returncode == 0
    assert hook("specc-fmt", tmp_path, "old/a.cnn").returncode == 0


def test_a_spec_that_the_settings_name_is_checked(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "specc.toml").write_text("include = ['nets/*.json']\n")
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "j.json").write_text('[{"model": "J", "input": ["N", 3, 8, 8], "body": ["cnov"]}]\n')
    done = hook("specc-check", tmp_path)
    assert done.returncode == 1
    assert "nets/j.json:1:" in done.stdout
