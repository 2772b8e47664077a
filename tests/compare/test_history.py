"""Specs compared with a commit, in real repositories."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from specc.compare.difference import Comparison, FailOn, FileChange
from specc.compare.history import compare_with
from specc.diagnostics import UsageError
from specc.project.discovery import spec_files
from specc.project.outcome import Unreadable
from specc.project.settings import Configuration, Settings

ONE = "model One : [N, 3, 8, 8] { conv(4, 3) -> relu }\n"
TWO = "model Two : [N, 4] {\n  fc(8) -> relu\n  fc(2)\n}\n"
IN_YAML = "- model: Two\n  input: [N, 4]\n  body:\n    - [fc: 8, relu]\n    - fc: 2\n"
BLOCKS = "block unit(c) { conv(c, 3, padding=1) -> relu }\n"
USER = 'from "../lib/blocks.cnn" import unit\nmodel User : [N, 3, 8, 8] { unit(4) }\n'

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(*arguments: str, folder: Path = Path()) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def put(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def commit(name: str) -> None:
    git("add", "-A")
    git("commit", "-q", "-m", name)
    git("tag", name)


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One commit, ``old``: two specs in nets, one that imports, blocks in lib."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    folder = tmp_path / "repo"
    folder.mkdir()
    monkeypatch.chdir(folder)
    git("init", "-q", "-b", "main")
    for path, text in (("one", ONE), ("two", TWO), ("user", USER)):
        put(f"nets/{path}.cnn", text)
    put("lib/blocks.cnn", BLOCKS)
    commit("old")
    return folder


def changed(ref: str = "old", *paths: str) -> dict[str, FileChange]:
    comparison, unreadable = compare_with(ref, paths or (".",))
    assert not unreadable
    return {file.name: file for file in comparison.files}


def model_names(file: FileChange) -> list[tuple[str | None, str | None]]:
    return [(model.before, model.after) for model in file.models]


def test_nothing_has_changed() -> None:
    comparison, unreadable = compare_with("old", (".",))
    assert comparison == Comparison((), 4, "old")
    assert not unreadable


def test_a_change_that_is_not_committed() -> None:
    put("nets/one.cnn", ONE.replace("conv(4", "conv(6"))
    (file,) = changed().values()
    assert (file.before, file.after) == ("nets/one.cnn@old", "nets/one.cnn")
    (model,) = file.models
    assert model.difference is not None
    assert [tensor.before for tensor in model.difference.weights.resized] == ["conv1.weight", "conv1.bias"]


def test_a_change_that_is_committed() -> None:
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    commit("new")
    assert list(changed()) == ["nets/one.cnn"]
    assert not changed("new")
    assert list(changed("HEAD~1")) == ["nets/one.cnn"]


def test_imports_of_the_old_version_are_the_old_ones() -> None:
    put("lib/blocks.cnn", BLOCKS.replace("relu", "gelu"))
    (file,) = changed().values()
    assert file.name == "nets/user.cnn"
    assert file.models[0].difference is not None
    assert [step.after.op.kind for step in file.models[0].difference.graph.changed_steps] == ["gelu"]


def test_an_import_that_is_called_otherwise() -> None:
    put("lib/blocks.txt", BLOCKS)
    put("nets/user.cnn", USER.replace("blocks.cnn", "blocks.txt"))
    commit("new")
    put("lib/blocks.txt", BLOCKS.replace("relu", "gelu"))
    assert list(changed("new")) == ["nets/user.cnn"]
    assert changed("new")["nets/user.cnn"].models[0].difference is not None


LOST = 'from "nowhere.cnn" import unit\nmodel Lost : [N, 3, 8, 8] { unit(4) }\n'
"""Wrong: what it imports is not there."""


class TestUnchanged:
    """Nothing is said of a spec that is what it was, with all that it imports: however wrong it is."""

    def test_an_import_is_missing_before_and_now(self) -> None:
        put("nets/lost.cnn", LOST)
        commit("new")
        comparison, _ = compare_with("new", (".",))
        assert comparison == Comparison((), 5, "new")

    def test_a_wrong_import(self) -> None:
        put("lib/blocks.cnn", BLOCKS.replace("relu", "rulu"))
        put("nets/far.cnn", 'from "../lib/more.cnn" import unit\nmodel Far : [N, 3, 8, 8] { unit(4) }\n')
        put("lib/more.cnn", 'from "nowhere.cnn" import unit\n')
        put("nets/round.cnn", 'from "round.cnn" import x\nmodel L : [N, 3, 8] { x(3) }\n')
        put("nets/folder.cnn", LOST.replace("nowhere.cnn", "../lib"))
        put("nets/above.cnn", LOST.replace("nowhere.cnn", "../../nowhere.cnn"))
        put("nets/hash.cnn", LOST.replace("import", "imprt"))
        commit("new")
        assert not changed("new")
        assert not changed("new", "nets/far.cnn")

    @pytest.mark.parametrize(
        "imported", ["../data", "/data/blocks.cnn", "", ".", "nets\\\\x.cnn", "../lib/blocks.cnn/x"]
    )
    def test_what_can_be_no_import(self, imported: str) -> None:
        put("data/readme.md", "nothing here")
        put("nets/lost.cnn", LOST.replace("nowhere.cnn", imported))
        commit("new")
        assert not changed("new")

    def test_in_yaml(self) -> None:
        put(
            "nets/user.cnn.yaml",
            '- {"fr\\u006fm": ../lib/blocks.cnn, import: [unit]}\n'
            "- model: User\n  input: [N, 3, 8, 8]\n  body:\n    - unit: 4\n",
        )
        commit("new")
        assert not changed("new")
        put("lib/blocks.cnn", BLOCKS.replace("relu", "gelu"))
        assert list(changed("new")) == ["nets/user.cnn", "nets/user.cnn.yaml"]

    @pytest.mark.parametrize("path", ["lib/blocks.cnn", "lib/deep.cnn"])
    def test_an_import_that_has_changed_somewhere_below(self, path: str) -> None:
        put("lib/deep.cnn", BLOCKS)
        put("lib/blocks.cnn", 'from "deep.cnn" import unit\nblock other(c) { unit(c) }\n')
        put("nets/user.cnn", USER.replace("import unit", "import other").replace("{ unit", "{ other"))
        put("nets/again.cnn", USER.replace("import unit", "import other").replace("{ unit", "{ other"))
        commit("new")
        assert not changed("new")
        put(path, Path(path).read_text(encoding="utf-8").replace("(c) {", "(c) { tanh ->"))
        assert list(changed("new")) == ["nets/again.cnn", "nets/user.cnn"]

    def test_an_import_that_comes_or_goes(self) -> None:
        put("nets/lost.cnn", LOST)
        commit("new")
        put("nets/nowhere.cnn", BLOCKS)
        file = changed("new")["nets/lost.cnn"]
        assert file.wrong_before
        assert not file.wrong_after
        commit("newer")
        Path("nets/nowhere.cnn").unlink()
        assert changed("newer")["nets/lost.cnn"].is_broken

    def test_a_project_that_begins_elsewhere(self) -> None:
        """The import leaves the project now: the text of both files is the same, and what is said of them is not."""
        put("nets/specc.toml", "root = true\n")
        assert changed()["nets/user.cnn"].is_broken
        commit("new")
        assert not changed("new")

    def test_a_package_within_the_repository(self) -> None:
        """Its pyproject.toml is no border, neither then nor now; root = true is one where it stands there."""
        put("nets/pyproject.toml", "[project]\n[tool.specc]\nignore = ['S0507']\n")
        commit("package")
        put("nets/user.cnn", USER.replace("unit(4)", "unit(5)"))
        (file,) = changed("package").values()
        assert not file.wrong_before
        assert not file.wrong_after
        put("nets/user.cnn", USER)
        put("nets/pyproject.toml", "[tool.specc]\nroot = true\n")
        assert changed("package")["nets/user.cnn"].is_broken
        commit("border")
        assert not changed("border")
        Path("nets/pyproject.toml").unlink()
        assert changed("border")["nets/user.cnn"].wrong_before

    def test_links(self) -> None:
        Path("nets/lib").symlink_to("../lib")
        Path("nets/also.cnn").symlink_to("one.cnn")
        put("nets/user.cnn", USER.replace("../lib", "lib"))
        commit("new")
        assert not changed("new")
        put("lib/blocks.cnn", BLOCKS.replace("relu", "gelu"))
        assert list(changed("new")) == ["nets/user.cnn"]
        put("lib/blocks.cnn", BLOCKS)
        Path("nets/lib").unlink()
        Path("nets/lib").symlink_to("../other")
        put("other/blocks.cnn", BLOCKS)
        assert list(changed("new")) == ["other/blocks.cnn"]
        put("other/blocks.cnn", BLOCKS.replace("relu", "gelu"))
        assert set(changed("new")) == {"nets/user.cnn", "other/blocks.cnn"}

    def test_a_link_that_leads_elsewhere(self, tmp_path: Path) -> None:
        """The spec is the same, and so are the file that it imported and the one that it imports."""
        Path("nets/lib").symlink_to("../lib")
        put("other/blocks.cnn", BLOCKS.replace("relu", "gelu"))
        put("nets/user.cnn", USER.replace("../lib", "lib"))
        commit("new")
        Path("nets/lib").unlink()
        Path("nets/lib").symlink_to("../other")
        assert list(changed("new")) == ["nets/user.cnn"]
        Path("nets/lib").unlink()
        Path("nets/lib").symlink_to(tmp_path)
        put(str(tmp_path / "blocks.cnn"), BLOCKS)
        assert changed("new")["nets/user.cnn"].is_broken

    def test_a_folder_that_is_a_link_out_of_the_project(self, tmp_path: Path) -> None:
        shutil.move("lib", tmp_path / "lib")
        Path("lib").symlink_to(tmp_path / "lib")
        assert changed()["nets/user.cnn"].is_broken

    def test_links_in_a_circle(self) -> None:
        Path("nets/a").symlink_to("b")
        Path("nets/b").symlink_to("a")
        put("nets/user.cnn", USER.replace("../lib", "a"))
        commit("new")
        assert not changed("new")

    def test_a_folder_in_place_of_links(self) -> None:
        Path("nets/lib").mkdir()
        put("nets/lib/blocks.cnn", BLOCKS)
        put("nets/user.cnn", USER.replace("../lib", "lib"))
        commit("new")
        shutil.rmtree("nets/lib")
        Path("nets/lib").symlink_to("../lib")
        assert "nets/user.cnn" not in changed("new")  # compared, and the same

    def test_a_file_of_any_name(self) -> None:
        put("nets/three.txt", ONE)
        commit("new")
        assert not changed("new", "nets/three.txt")
        put("nets/three.txt", ONE.replace("relu", "gelu"))
        (file,) = changed("new", "nets/three.txt").values()
        assert (file.before, file.after) == ("nets/three.txt@new", "nets/three.txt")


class TestKnownMistakes:
    """A spec that had all its mistakes before is no failure of this change."""

    def test_in_another_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        put("nets/lost.cnn", LOST)
        put("nets/one.cnn", ONE.replace("relu", "rulu"))
        commit("new")
        put("nets/lost.cnn", "# a word\n" + LOST)
        put("nets/one.cnn", "# a word\n" + ONE.replace("relu", "rulu"))
        here = Path.cwd()
        for folder, path in (
            (".", "."), (".", str(here)), ("nets", "."), ("nets", ".."), ("lib", "../nets"), ("lib", str(here)),
        ):  # fmt: skip
            monkeypatch.chdir(here / folder)
            comparison, _ = compare_with("new", (path,))
            assert [(file.known, file.is_broken) for file in comparison.files] == [(True, False)] * 2, folder
            assert not comparison.fails(FailOn(frozenset({"interface", "weights", "graph", "cost"})))

    def test_in_another_file(self) -> None:
        put("nets/lost.cnn", LOST + "# a long enough text, so that git sees that it is the same file\n" * 9)
        commit("new")
        git("mv", "nets/lost.cnn", "nets/found.cnn")
        (file,) = changed("new").values()
        assert file.known
        assert file.moved

    def test_a_file_without_a_model(self) -> None:
        put("nets/empty.cnn", "")
        commit("new")
        put("nets/empty.cnn", "# a word\n")
        assert changed("new")["nets/empty.cnn"].known

    def test_one_of_two_is_mended(self) -> None:
        put("nets/two.cnn", TWO.replace("relu", "rulu").replace("fc(2)", "fk(2)"))
        commit("new")
        put("nets/two.cnn", TWO.replace("relu", "rulu"))
        assert changed("new")["nets/two.cnn"].known

    @pytest.mark.parametrize("after", [TWO.replace("relu", "r").replace("fc(2)", "r"), TWO.replace("relu", "s")])
    def test_another_one(self, after: str) -> None:
        """The same mistake a second time, or another one instead."""
        put("nets/two.cnn", TWO.replace("relu", "r"))
        commit("new")
        put("nets/two.cnn", after)
        file = changed("new")["nets/two.cnn"]
        assert file.wrong_before
        assert file.is_broken


def test_renamed_in_the_index() -> None:
    git("mv", "nets/two.cnn", "nets/second.cnn")
    put("nets/second.cnn", TWO.replace("relu", "gelu"))
    (file,) = changed().values()
    assert (file.before, file.after) == ("nets/two.cnn@old", "nets/second.cnn")
    assert file.moved
    assert model_names(file) == [("Two", "Two")]


def test_renamed_in_a_commit() -> None:
    git("mv", "nets/two.cnn", "lib/second.cnn")
    commit("new")
    for paths in ((".",), ("nets",), ("lib",), ("lib/second.cnn",), ("nets/two.cnn",)):
        (file,) = changed("old", *paths).values()
        assert (file.before, file.after) == ("nets/two.cnn@old", "lib/second.cnn")


def test_new_and_gone() -> None:
    Path("nets/two.cnn").unlink()
    put("nets/three.cnn", "model Three : [N, 3, 16, 16] { maxpool(2) -> tanh }\n")
    found = changed()
    assert [(f.before, f.after) for f in found.values()] == [(None, "nets/three.cnn"), ("nets/two.cnn@old", None)]
    assert [model_names(file) for file in found.values()] == [[(None, "Three")], [("Two", None)]]
    comparison, _ = compare_with("old", ("nets/two.cnn",))
    assert [file.before for file in comparison.files] == ["nets/two.cnn@old"]
    assert all(comparison.fails(FailOn(frozenset({section}))) for section in ("interface", "weights", "graph"))
    assert not comparison.fails(FailOn(frozenset({"cost"})))


def test_wrong_now_and_wrong_before() -> None:
    put("nets/one.cnn", ONE.replace("conv", "konv"))
    put("nets/bad.cnn", TWO.replace("fc(8)", "conv(8, 3)"))
    commit("new")
    put("nets/bad.cnn", TWO)
    put("nets/two.cnn", TWO.replace("relu", "gelu"))
    found = changed("new")
    assert [str(d.primary.span) for d in found["nets/bad.cnn"].wrong_before] == ["nets/bad.cnn@new:2:3"]
    assert not found["nets/bad.cnn"].wrong_after
    assert found["nets/one.cnn"].wrong_after if "nets/one.cnn" in found else True
    assert found["nets/two.cnn"].models[0].changed
    now = changed("old")["nets/one.cnn"]
    assert [str(d.primary.span) for d in now.wrong_after] == ["nets/one.cnn:1:28"]


def test_findings_of_the_old_version_have_the_names_that_the_user_knows(tmp_path: Path) -> None:
    put("lib/blocks.cnn", BLOCKS.replace("relu", "rulu"))
    put("nets/lost.cnn", 'from "nowhere.cnn" import x\nmodel L : [N, 3, 8] { x(3) }\n')
    put("nets/round.cnn", 'from "round.cnn" import x\nmodel L : [N, 3, 8] { x(3) }\n')
    commit("new")
    for name in ("lost", "round"):
        put(f"nets/{name}.cnn", ONE)
    put("lib/blocks.cnn", BLOCKS)
    found = changed("new")
    told = {name: [(str(d.primary.span), d.message, d.notes) for d in f.wrong_before] for name, f in found.items()}
    assert told["nets/lost.cnn"] == [("nets/lost.cnn@new:1:6", "nets/nowhere.cnn@new: there is no such file", ())]
    assert told["nets/round.cnn"][0][2] == ("nets/round.cnn@new imports nets/round.cnn@new",)
    (finding,) = found["nets/user.cnn"].wrong_before
    assert str(finding.primary.span) == "lib/blocks.cnn@new:1:42"
    assert [str(label.span) for label in finding.trace] == ["nets/user.cnn@new:2:29"]
    assert "specc-" not in repr(told)


def test_the_repository_is_as_it_was(repository: Path) -> None:
    """Not even its index is refreshed, where the times of files differ."""
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    os.utime("nets/two.cnn", (1, 1))

    def state() -> dict[str, str]:
        files = (path for path in (repository / ".git").rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    changed()
    assert state() == before


def test_a_hook_of_the_repository_does_not_run(repository: Path) -> None:
    hook = repository.parent / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {repository.parent}/ran\n", encoding="utf-8")
    hook.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command"):
        git("config", key, str(hook))
    put(".git/info/attributes", "*.cnn diff=x\n")
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    git("mv", "nets/two.cnn", "nets/second.cnn")
    (repository.parent / "ran").unlink(missing_ok=True)
    assert changed()
    assert not (repository.parent / "ran").exists()


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_LITERAL_PATHSPECS"])
def test_what_git_sets_for_its_hooks(name: str, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    values = {"GIT_DIR": str(repository / ".git"), "GIT_INDEX_FILE": str(repository / "none")}
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    git("mv", "nets/two.cnn", "nets/second.cnn")
    monkeypatch.setenv(name, values.get(name, "1"))
    found = [(file.before, file.after) for file in changed("old", "nets").values()]
    assert found == [("nets/one.cnn@old", "nets/one.cnn"), ("nets/two.cnn@old", "nets/second.cnn")]


def test_in_a_hook_of_a_linked_worktree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    """Git runs it with GIT_DIR and without GIT_WORK_TREE: the folder would pass for the top of the work tree."""
    git("worktree", "add", "-q", str(tmp_path / "linked"))
    monkeypatch.chdir(tmp_path / "linked")
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    hook = repository / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    code = "from tests.compare.test_history import changed; print(list(changed('HEAD', 'nets')))"
    hook.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" >&2\n', encoding="utf-8")
    hook.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    git("add", "-A")
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", "commit", "-m", "x"], check=True, capture_output=True
    )
    assert done.stderr.decode().strip() == "['nets/one.cnn']"


ALL = FailOn(frozenset({"interface", "weights", "graph"}))


class TestLinks:
    def test_to_a_spec(self) -> None:
        """In the commit it leads to the old spec."""
        Path("nets/alias.cnn").symlink_to("one.cnn")
        commit("new")
        assert not changed("new")
        put("nets/one.cnn", ONE.replace("relu", "gelu"))
        found = changed("new")
        assert list(found) == ["nets/alias.cnn", "nets/one.cnn"]
        assert all(file.models[0].changed for file in found.values())

    @pytest.mark.parametrize("imported", ["../lib/alias.cnn", "../again/blocks.cnn", "../again/alias.cnn"])
    def test_on_the_way_to_an_import(self, imported: str) -> None:
        Path("lib/alias.cnn").symlink_to("../lib/blocks.cnn")
        Path("again").symlink_to("lib")
        put("nets/user.cnn", USER.replace("../lib/blocks.cnn", imported))
        commit("new")
        put("lib/blocks.cnn", BLOCKS.replace("relu", "gelu"))
        (file,) = changed("new").values()
        assert (file.name, file.wrong_before) == ("nets/user.cnn", ())
        assert [step.after.op.kind for step in file.models[0].difference.graph.changed_steps] == ["gelu"]  # type: ignore[union-attr]

    def test_to_a_file_of_another_name(self) -> None:
        put("lib/blocks.txt", BLOCKS)
        Path("lib/alias").symlink_to("blocks.txt")
        put("nets/user.cnn", USER.replace("blocks.cnn", "alias"))
        commit("new")
        put("lib/blocks.txt", BLOCKS.replace("relu", "gelu"))
        (file,) = changed("new").values()
        assert not file.wrong_before
        assert file.models[0].changed

    def test_out_of_the_repository(self, tmp_path: Path) -> None:
        """What is there is not read, now or in an earlier version, of which nothing can be said."""
        (tmp_path / "outside.cnn").write_text(ONE, encoding="utf-8")
        for name, target in (("far", tmp_path / "outside.cnn"), ("up", "../../outside.cnn"), ("gone", "../../x.cnn")):
            Path(f"nets/{name}.cnn").symlink_to(target)
        put("nets/user.cnn", 'from "far.cnn" import unit\nmodel User : [N, 3, 8, 8] { unit(4) }\n')
        (tmp_path / "outside.cnn").write_text(BLOCKS, encoding="utf-8")
        commit("new")
        comparison, unreadable = compare_with("new", (".",))
        assert [problem.name for problem in unreadable] == ["nets/far.cnn", "nets/gone.cnn", "nets/up.cnn"]
        assert all("leads out of the project's folder" in problem.message for problem in unreadable)
        assert not comparison.files
        for name in ("far", "up", "gone"):
            Path(f"nets/{name}.cnn").unlink()
        put("nets/far.cnn", ONE + BLOCKS)
        comparison, _ = compare_with("new", (".",))
        leads = "is a symbolic link that leads out of the repository"
        assert {file.name: file.note for file in comparison.files} == {
            "nets/far.cnn": f"cannot be compared: nets/far.cnn@new {leads}",
            "nets/up.cnn@new": f"cannot be compared: nets/up.cnn@new {leads}",
            "nets/gone.cnn@new": f"cannot be compared: nets/gone.cnn@new {leads}",
            "nets/user.cnn": f"cannot be compared: nets/user.cnn@new imports it, and nets/far.cnn@new {leads}",
        }
        assert comparison.fails(ALL)
        assert not comparison.fails(FailOn())

    def test_in_a_circle_and_to_nothing(self) -> None:
        for name, target in (("a", "b.cnn"), ("b", "a.cnn"), ("c", "none.cnn")):
            Path(f"nets/{name}.cnn").symlink_to(target)
        commit("new")
        put("nets/one.cnn", ONE.replace("relu", "gelu"))
        comparison, _ = compare_with("new", (".",))
        assert [file.name for file in comparison.files] == ["nets/one.cnn"]


class TestSubmodules:
    @pytest.fixture(autouse=True)
    def submodule(self, tmp_path: Path, repository: Path) -> None:
        """``sub``, with a spec and blocks; a spec imports them."""
        other = tmp_path / "other"
        other.mkdir()
        git("init", "-q", folder=other)
        (other / "inner.cnn").write_text(ONE, encoding="utf-8")
        (other / "blocks.cnn").write_text(BLOCKS, encoding="utf-8")
        git("add", "-A", folder=other)
        git("commit", "-q", "-m", "x", folder=other)
        git("submodule", "add", "-q", str(other), "sub")
        put("nets/user.cnn", USER.replace("../lib", "../sub"))
        commit("new")

    def test_it_is_compared_with_its_own_commit(self) -> None:
        assert not changed("new")
        put("sub/inner.cnn", ONE.replace("relu", "gelu"))
        put("sub/blocks.cnn", BLOCKS.replace("relu", "gelu"))
        found = changed("new")
        assert [(file.before, file.wrong_before) for file in found.values()] == [
            ("nets/user.cnn@new", ()), ("sub/inner.cnn@new", ()),
        ]  # fmt: skip
        assert all(file.models[0].changed for file in found.values())
        git("add", "-A", folder=Path("sub"))
        git("commit", "-q", "-m", "y", folder=Path("sub"))
        assert set(changed("new")) == set(found)
        commit("newer")
        assert not changed("newer")

    def test_it_is_not_checked_out(self) -> None:
        git("submodule", "deinit", "-q", "--force", "sub")
        assert not changed("new")

    def test_a_spec_that_is_new_in_it(self) -> None:
        put("sub/fresh.cnn", ONE)
        assert [(file.before, file.incomparable) for file in changed("new").values()] == [(None, False)]

    def test_its_commit_is_not_there(self) -> None:
        """A gate must not be open for what cannot be compared."""
        Path("sub/.git").unlink()
        git("init", "-q", folder=Path("sub"))
        put("sub/blocks.cnn", BLOCKS.replace("relu", "gelu"))
        put("nets/one.cnn", ONE + "# the same\n")
        comparison, _ = compare_with("new", (".",))
        missing = git("rev-parse", "new:sub")[:12]
        reason = f"is in the submodule sub, whose commit {missing} is not here"
        assert {file.name: file.note for file in comparison.files} == {
            "nets/user.cnn": f"cannot be compared: nets/user.cnn@new imports it, and sub/blocks.cnn@new {reason}",
            "sub/blocks.cnn": f"cannot be compared: sub/blocks.cnn@new {reason}",
            "sub/inner.cnn": f"cannot be compared: sub/inner.cnn@new {reason}",
        }
        assert comparison.fails(ALL)
        assert not comparison.fails(FailOn())


def test_a_spec_in_the_other_syntax() -> None:
    """However little the texts have in common, so that git sees no renamed file."""
    git("mv", "nets/two.cnn", "nets/two.cnn.yaml")
    put("nets/two.cnn.yaml", IN_YAML)
    for paths in ((".",), ("nets/two.cnn.yaml",), ("nets/two.cnn",), ("nets/*",)):
        (file,) = changed("old", *paths).values()
        assert (file.before, file.after, file.moved) == ("nets/two.cnn@old", "nets/two.cnn.yaml", True)
        assert not file.wrong_after
        assert not any(model.changed for model in file.models)


def test_two_files_in_place_of_one() -> None:
    """The old one is there still, or is another one already."""
    put("nets/two.cnn.yaml", IN_YAML)
    assert [file.before for file in changed().values()] == [None]
    put("nets/two.cnn.yml", IN_YAML)
    Path("nets/two.cnn").unlink()
    assert [file.before for file in changed().values()] == ["nets/two.cnn@old", None]


@pytest.mark.skipif(os.sep == "\\", reason="a backslash is no sign like others here")
def test_a_backslash_in_a_name() -> None:
    put("nets/a\\b.cnn", ONE)
    commit("new")
    assert not changed("new")
    put("nets/a\\b.cnn", ONE.replace("relu", "gelu"))
    assert [file.before for file in changed("new").values()] == ["nets/a\\b.cnn@new"]


PATTERNS = ["**/*.cnn", "*", "*/*.cnn", "**", "nets/**", "**/one*", ".hid*/*", ".*/**/*.cnn", "n?ts", "**/*.yaml"]
PATTERNS += ["[mn]ets/*.c[!x]n", "**/**/*.cnn", "nets/**/x.cnn", "a[[]1]/*", "a[1]", "a[1]/*.cnn", "*/.x.cnn", "**/.*"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_the_same_files_before_and_now(pattern: str) -> None:
    for path in (".hidden/x", ".hidden/.deep/x", "nets/.hidden/x", "nets/deep/x", "nets/.x", "top", "a[1]/x", "a1/x"):
        put(f"{path}.cnn", ONE)
    put("nets/other.yaml", IN_YAML)
    put("nets/own.cnn.yaml", IN_YAML)
    commit("new")
    here, _ = spec_files([pattern])
    comparison, unreadable = compare_with("new", (pattern,))
    assert (comparison.files, comparison.same, unreadable) == ((), len(here), [])
    for folder in {Path(path).parts[0] for path in here}:
        shutil.rmtree(folder) if Path(folder).is_dir() else Path(folder).unlink()
    Path("nets").mkdir(exist_ok=True)
    if "a[1]" not in pattern:  # that a folder of this name was there is known no more
        gone, _ = compare_with("new", (pattern,))
        assert sorted(file.name.removesuffix("@new") for file in gone.files) == sorted(here)


def test_a_file_that_is_included_is_gone() -> None:
    put("nets/three.yaml", IN_YAML)
    commit("new")
    Path("nets/three.yaml").unlink()
    only = Configuration(Settings(Path.cwd(), include=("nets/*.yaml",)))
    assert [file.name for file in compare_with("new", (".",), configuration=only)[0].files] == ["nets/three.yaml@new"]
    assert not changed("new")


def test_the_nearest_settings_say_which_specs_are_meant() -> None:
    put("nets/specc.toml", "include = ['three.yaml']\nexclude = ['two.cnn']\n")
    put("nets/three.yaml", IN_YAML)
    commit("new")
    Path("nets/three.yaml").unlink()
    Path("nets/two.cnn").unlink()
    assert list(changed("new")) == ["nets/three.yaml@new"]
    put("specc.toml", "exclude = ['nets']\n")
    assert not changed("new")


def test_from_below_the_names_are_those_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    put("nets/user.cnn", USER.replace("unit(4)", "unit(5, 6)"))
    commit("new")
    put("nets/user.cnn", USER)
    Path("nets/two.cnn").unlink()
    monkeypatch.chdir("lib")
    found = changed("old", "..")
    assert [(file.before, file.after) for file in found.values()] == [
        ("../nets/one.cnn@old", "../nets/one.cnn"), ("../nets/two.cnn@old", None),
    ]  # fmt: skip
    whole = Path("../nets").resolve().as_posix()
    assert next(file.before for file in changed("old", whole).values()) == f"{whole}/one.cnn@old"
    (finding,) = changed("new", "..")["../nets/user.cnn"].wrong_before
    assert str(finding.primary.span).startswith("../nets/user.cnn@new:2:")


def test_from_a_folder_below_and_from_outside(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    Path("nets/two.cnn").unlink()
    monkeypatch.chdir("nets")
    assert list(changed()) == ["one.cnn", "two.cnn@old"]
    monkeypatch.chdir("../lib")
    assert [Path(name).name for name in changed("old", "../nets")] == ["one.cnn", "two.cnn@old"]
    monkeypatch.chdir(repository.parent)
    assert list(changed("old", "repo/nets")) == ["repo/nets/one.cnn", "repo/nets/two.cnn@old"]


def test_patterns_and_hidden_folders() -> None:
    put(".hidden/x.cnn", ONE)
    put("nets/other.yaml", "x: 1\n")
    commit("new")
    for path in ("nets/one.cnn", "nets/two.cnn", ".hidden/x.cnn", "nets/other.yaml"):
        Path(path).unlink()
    assert list(changed("new")) == ["nets/one.cnn@new", "nets/two.cnn@new"]
    assert list(changed("new", "nets/t*.cnn")) == ["nets/two.cnn@new"]


def test_excluded_files_are_left_out() -> None:
    Path("nets/one.cnn").unlink()
    put("nets/two.cnn", TWO.replace("relu", "gelu"))
    comparison, _ = compare_with("old", (".",), configuration=Configuration(Settings(Path.cwd(), exclude=("nets",))))
    assert not comparison.files


def refused(ref: str, *paths: str) -> str:
    with pytest.raises(UsageError) as caught:
        compare_with(ref, paths or (".",))
    return str(caught.value)


@pytest.mark.parametrize("ref", ["^main", "-x", "--help", "", "--output=x", "a\nb"])
def test_what_is_no_reference(ref: str) -> None:
    assert "names no commit: write git:main" in refused(ref)
    assert not Path("x").exists()


def test_a_reference_that_is_not_there() -> None:
    assert refused("mian") == "the repository has no commit called mian; did you mean main?"
    assert refused("HEAD:nets") == "the repository has no commit called HEAD:nets"
    blob = git("rev-parse", "HEAD:nets/one.cnn").strip()
    assert refused(blob) == f"the repository has no commit called {blob}"


def test_a_shallow_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    commit("new")
    git("clone", "-q", "--depth", "1", f"file://{repository}", "clone", folder=tmp_path)
    monkeypatch.chdir(tmp_path / "clone")
    assert refused("HEAD~1").startswith("the repository has no commit called HEAD~1; this clone is shallow")
    assert "fetch-depth: 0" in refused("old")


def test_a_clone_without_the_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    commit("new")
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--filter=blob:none", f"file://{repository}", "clone", folder=tmp_path)
    git("config", "uploadpack.allowFilter", "false")
    shutil.rmtree(repository)
    monkeypatch.chdir(tmp_path / "clone")
    (file,) = changed("HEAD~1").values()
    assert file.incomparable


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(outside)
    assert refused("main") == "--against git:… compares with a commit, and the present folder is in no git repository"


def test_a_path_outside_the_repository(tmp_path: Path) -> None:
    (tmp_path / "x.cnn").write_text(ONE, encoding="utf-8")
    assert "lies outside the repository" in refused("old", ".", str(tmp_path / "x.cnn"))


def test_git_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert refused("old") == "--against git:… needs git, which is not installed, or not on the PATH"


def test_a_path_that_never_was() -> None:
    put("nets/one.cnn", ONE.replace("relu", "gelu"))
    comparison, unreadable = compare_with("old", ("nope.cnn", "nets", "q*.cnn"))
    assert [file.name for file in comparison.files] == ["nets/one.cnn"]
    assert [p.message for p in unreadable] == [
        f"{n}: there is no such file, now or in old" for n in ("nope.cnn", "q*.cnn")
    ]


def test_a_spec_that_is_too_large_was_wrong() -> None:
    put("nets/large.cnn", ONE + "#" * 2**20)
    commit("new")
    put("nets/large.cnn", ONE)
    (finding,) = changed("new")["nets/large.cnn"].wrong_before
    assert "too large for a spec" in finding.message


def test_a_tree_that_leads_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that somebody made up: git itself would not write such a tree."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def tree(mode: str, name: str, of: str) -> str:
        entry = f"{mode} {name}\0".encode() + bytes.fromhex(of)
        command = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
        return subprocess.run(command, input=entry, capture_output=True, check=True).stdout.decode().strip()

    blob = git("rev-parse", "HEAD:nets/one.cnn").strip()
    for outer in ("..", ".git"):
        made = git("commit-tree", tree("40000", outer, tree("100644", "evil.cnn", blob)), "-m", "bad").strip()
        assert {file.before for file in changed(made).values()} == {None}
        assert not list(folder.iterdir())


def test_a_pattern_does_not_go_round_in_links() -> None:
    for name in ("round", "and_round"):
        Path(name).symlink_to(".")
    comparison, unreadable = compare_with("old", ("**/*.cnn",))
    assert (comparison.files, unreadable) == ((), [])
    assert compare_with("old", ("**/none*.cnn",))[1] == [
        Unreadable("**/none*.cnn", "**/none*.cnn: there is no such file, now or in old")
    ]


# ---- what a repository may do, and may lack --------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["clean", "process"])
@pytest.mark.parametrize("is_required", [False, True])
def test_no_filter_of_the_repository_runs(how: str, is_required: bool, tmp_path: Path) -> None:
    """The old spec has moved, so git compares files; a filter could be any program."""
    Path("nets/one.cnn").rename("nets/moved.cnn")
    put(".gitattributes", "*.cnn filter=made.up\n")
    git("add", "-A")
    os.utime("nets/moved.cnn", (1, 1))
    git("config", f"filter.made.up.{how}", f"touch '{tmp_path}/ran'; cat")
    git("config", "filter.made.up.required", str(is_required).lower())
    with suppress(subprocess.CalledProcessError):
        git("diff", "old")  # here it runs, which shows that it would
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    assert changed()["nets/moved.cnn"].before == "nets/one.cnn@old"
    assert not (tmp_path / "ran").exists()


def test_a_partial_clone_compares_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("nets/one.cnn", ONE.replace("conv(4", "conv(6"))
    Path("nets/two.cnn").rename("nets/moved.cnn")
    commit("new")
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--filter=blob:none", f"file://{Path().absolute()}", str(tmp_path / "partial"))
    monkeypatch.chdir(tmp_path / "partial")
    comparison, unreadable = compare_with("old", (".",))
    assert not unreadable
    one, moved = sorted(comparison.files, key=lambda file: str(file.after), reverse=True)
    assert (one.incomparable, moved.incomparable) == (True, False)
    assert one.note == "cannot be compared: nets/one.cnn@old is not in this clone, or is damaged: " + HELP
    assert (moved.before, moved.after, comparison.same) == ("nets/two.cnn@old", "nets/moved.cnn", 2)


HELP = "git fetch or git fsck may help"


def test_an_object_that_is_lost() -> None:
    name = git("rev-parse", "old:nets/one.cnn").strip()
    Path(".git/objects", name[:2], name[2:]).unlink()
    put("nets/one.cnn", ONE.replace("conv(4", "conv(6"))
    assert changed()["nets/one.cnn"].note.endswith(f"is not in this clone, or is damaged: {HELP}")
    tree = git("rev-parse", "old:nets").strip()
    Path(".git/objects", tree[:2], tree[2:]).unlink()
    with pytest.raises(UsageError, match=f"is not whole in this repository: .*; {HELP}"):
        compare_with("old", (".",))


def made_up(*entries: tuple[str, str, str]) -> str:
    """A tree that no checkout makes: of a mode, a name and an object for each entry."""
    raw = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(of) for mode, name, of in entries)
    whole = b"tree %d\0" % len(raw) + raw
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = Path(".git/objects", name[:2], name[2:])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole))
    return name


def tagged(name: str, tree: str) -> None:
    git("tag", name, git("commit-tree", tree, "-m", name).strip())


def test_trees_that_somebody_has_made_up() -> None:
    one, nets = git("rev-parse", "old:nets/one.cnn").strip(), git("rev-parse", "old:nets").strip()
    tagged("both", made_up(("100644", "one.cnn", one), ("40000", "one.cnn", nets)))
    tagged("twice", made_up(("100644", "one.cnn", one), ("100644", "one.cnn", one)))
    for ref, what in (("both", "a file and a folder called one.cnn"), ("twice", "two things called one.cnn")):
        with pytest.raises(UsageError, match=f"{ref} has {what}"):
            compare_with(ref, (".",))
    long = f"{'x' * 300}.cnn"
    tagged("long", made_up(("100644", long, one)))
    assert {file.before for file in changed("long").values()} == {f"{long}@long", None}
    tree = nets
    for _ in range(1500):
        tree = made_up(("40000", "d", tree))
    tagged("deep", tree)
    assert any((file.before or "").startswith("d/" * 1500) for file in changed("deep").values())
