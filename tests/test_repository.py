"""What the next maintainer relies on: one list of versions, and one list of checks, whoever runs them.

That the workflows are well formed and pinned is for `make lint`.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
UNLOCKED = {"onnxruntime", "torch"}
"""Which of their builds is right depends on the machine."""


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    assert found
    return {normal(name): version for name, version in found}


def workflow(name: str) -> dict[str, dict[str, object]]:
    jobs: dict[str, dict[str, object]] = yaml.safe_load(read(f".github/workflows/{name}.yml"))["jobs"]
    return jobs


def targets(text: str) -> set[str]:
    """The targets that lines of a shell call make for."""
    calls = re.findall(r"^(?:- run: )?make ([a-z ]+)", text.replace("      ", ""), re.MULTILINE)
    return {target for call in calls for target in call.split()}


class TestLock:
    def test_it_has_what_constraints_txt_has(self) -> None:
        tested, locked = pins(read("constraints.txt")), pins(read("requirements.lock"))
        assert {name: locked[name] for name in tested.keys() & locked.keys()} == {
            name: tested[name] for name in tested.keys() & locked.keys()
        }, "make lock"

    def test_it_has_all_that_is_required(self) -> None:
        project = tomllib.loads(read("pyproject.toml"))
        required = [
            *project["project"]["dependencies"],
            *project["build-system"]["requires"],
            *read("requirements-dev.txt").split(),
        ]
        names = {normal(re.split(r"[<>=\[]", requirement)[0]) for requirement in required}
        assert names <= pins(read("requirements.lock")).keys(), "make lock"
        assert names <= pins(read("constraints.txt")).keys()

    def test_every_version_has_hashes(self) -> None:
        for entry in re.split(r"\n(?=[a-z])", read("requirements.lock").partition("\n")[2]):
            if "==" in entry:
                assert "--hash=sha256:" in entry, entry

    def test_it_pulls_no_gigabytes(self) -> None:
        names = pins(read("requirements.lock")).keys()
        assert not UNLOCKED & names
        assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton", "torch"))]


def test_our_hooks_have_the_tested_versions() -> None:
    (local,) = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]
    wanted = pins("\n".join(line for hook in local["hooks"] for line in hook["additional_dependencies"]))
    tested = pins(read("constraints.txt"))
    assert wanted == {name: tested[name] for name in wanted}


class TestWorkflows:
    def test_they_call_what_ci_run_calls(self) -> None:
        called = targets(read(".github/workflows/test.yml"))
        assert called == targets(read(".ci/run"))
        assert {"test", "lint", "package"} <= called

    def test_the_makefile_has_these_targets(self) -> None:
        phony = re.search(r"^\.PHONY: (.*)", read("Makefile"), re.MULTILINE)
        assert phony is not None
        called = targets(read(".ci/run")) | targets(read(".github/workflows/release.yml"))
        assert "package" in called
        assert called <= {*phony[1].split()}

    def test_only_the_jobs_that_publish_may_do_more_than_read(self) -> None:
        rights = {
            f"{name}: {job}": facts["permissions"]
            for name in ("test", "release", "pages")
            for job, facts in workflow(name).items()
        }
        assert rights.pop("release: publish") == {"id-token": "write"}
        assert rights.pop("pages: publish") == {"pages": "write", "id-token": "write"}
        assert {*map(str, rights.values())} == {str({"contents": "read"})}
