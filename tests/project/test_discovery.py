"""Which files a check is about."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from specc.project.discovery import spec_files
from specc.project.settings import configuration
from tests.cli.conftest import Specc
from tests.project.specs import BAD, FINE, write

ROOT = Path(__file__).parents[2]


def found(*paths: object, force: bool = False) -> list[str]:
    """The files of which a search finds everything readable."""
    names, unreadable = spec_files(map(str, paths), configuration(), force_exclude=force)
    assert unreadable == []
    return names


@pytest.fixture
def tree(here: Path) -> Path:
    write(here, b=FINE, a=FINE, nets__deep__c=FINE, nets__d=FINE)
    for name in ("nets/e.cnn.yaml", "nets/f.cnn.yml", "nets/g.yaml", "nets/h.txt", "nets/cnn", ".hidden/i.cnn"):
        path = here / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (here / "nets" / ".j.cnn").touch()
    return here


ALL = ["a.cnn", "b.cnn", "nets/.j.cnn", "nets/d.cnn", "nets/e.cnn.yaml", "nets/f.cnn.yml", "nets/deep/c.cnn"]


class TestPaths:
    def test_folders(self, tree: Path) -> None:
        assert found(".") == ALL
        assert found("nets/deep", "nets") == ["nets/deep/c.cnn", *ALL[2:6]]
        assert found(".hidden") == [".hidden/i.cnn"]

    def test_a_file_by_whatever_name(self, tree: Path) -> None:
        assert found("nets/h.txt", "none", "a.cnn") == ["nets/h.txt", "none", "a.cnn"]

    def test_each_once_however_it_is_spelled(self, tree: Path) -> None:
        assert found("a.cnn", "./a.cnn", "nets/../a.cnn", tree / "a.cnn", "nets//d.cnn", "nets", ".", tree)[:2] == [
            "a.cnn",
            "nets/d.cnn",
        ]
        assert len(found("a.cnn", "./a.cnn", "nets/../a.cnn", tree / "a.cnn", "nets//d.cnn", "nets", ".", tree)) == 7
        assert found("-", "-", "./-") == ["-", "./-"]

    def test_dots_behind_a_link_are_no_other_spelling(self, tree: Path) -> None:
        """``link/..`` is where the link leads to, and not where it lies."""
        write(tree, elsewhere__a=FINE, elsewhere__in__b=FINE)
        (tree / "link").symlink_to(tree / "elsewhere" / "in")
        assert found("a.cnn", "link/../a.cnn") == ["a.cnn", "link/../a.cnn"]

    @pytest.mark.parametrize(
        ("pattern", "names"),
        [
            ("*.cnn", ["a.cnn", "b.cnn"]),
            ("nets/*", ["nets/d.cnn", "nets/deep/c.cnn", "nets/e.cnn.yaml", "nets/f.cnn.yml", "nets/g.yaml"]),
            ("**/*.cnn", ["a.cnn", "b.cnn", "nets/d.cnn", "nets/deep/c.cnn"]),
            ("nets/?.cnn", ["nets/d.cnn"]),
            ("[ab].cnn", ["a.cnn", "b.cnn"]),
            ("net*", [*ALL[2:]]),
            ("nets/*.txt", []),
        ],
    )
    def test_patterns(self, tree: Path, pattern: str, names: list[str]) -> None:
        assert found(pattern) == names
        assert sorted(found(tree / pattern)) == sorted(str(tree / name) for name in names)

    def test_a_pattern_that_is_a_file(self, tree: Path) -> None:
        (tree / "[ab].cnn").touch()
        assert found("[ab].cnn") == ["[ab].cnn"]

    def test_a_pattern_that_fits_nothing(self, specc: Specc, tree: Path) -> None:
        result = specc("check", "a.cnn", "none/*.cnn")
        assert result.code == 2
        assert result.err == "error: none/*.cnn fits no file\n"
        assert "1 file, 1 model" in result.out

    def test_an_empty_one(self, specc: Specc, tree: Path) -> None:
        result = specc("check", "")
        assert (result.code, result.out) == (2, "")
        assert result.err == "error: one of the paths is empty: name a file or a folder (. is the present one)\n"


class TestHowTheyAreShown:
    """Relative where they lie below the present folder, whatever they are called there."""

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("{}/a.cnn", "a.cnn"),
            ("{}/..x/a.cnn", "..x/a.cnn"),
            ("{}/../b.cnn", "{}/../b.cnn"),
            ("../b.cnn", "../b.cnn"),
        ],
    )
    def test_a_path(self, specc: Specc, here: Path, path: str, name: str) -> None:
        write(here, a=BAD, **{"..x__a": BAD})
        write(here.parent, b=BAD)
        out = specc("check", path.format(here), "--format", "concise").out
        assert out.startswith(f"{name.format(here)}:1:26")


class TestLinks:
    def test_to_files(self, specc: Specc, here: Path) -> None:
        write(here, real=BAD)
        (here / "link.cnn").symlink_to("real.cnn")
        assert "link.cnn:1:26" in specc("check").out

    @pytest.mark.parametrize("is_repository", [True, False])
    @pytest.mark.parametrize(
        "arguments",
        [
            ["check"],
            ["check", "nets"],
            ["check", "nets/*.cnn"],
            ["check", "--force-exclude", "nets/link.cnn"],
            ["check", "--fix", "nets"],
            ["fmt", "--check", "nets"],
            ["fmt", "--force-exclude", "nets/link.cnn"],
        ],
    )
    def test_out_of_the_project_nothing_is_read(
        self, specc: Specc, here: Path, is_repository: bool, arguments: list[str]
    ) -> None:
        write(here, nets__fine=FINE)
        (here.parent / "secret.cnn").write_text("TOKEN=hunter2\n")
        (here / "nets" / "link.cnn").symlink_to("../../secret.cnn")
        if not is_repository:
            (here / ".git").rmdir()
        result = specc(*arguments)
        assert result.code == 2
        assert "is not read: a link in it leads out of the project's folder" in result.err
        assert "hunter2" not in result.out + result.err
        assert (here.parent / "secret.cnn").read_text() == "TOKEN=hunter2\n"

    @pytest.mark.parametrize("command", ["check", "fmt", "show", "explain", "compile", "convert"])
    def test_a_named_one_is_read_only_where_no_repository_is(self, specc: Specc, here: Path, command: str) -> None:
        """A hook, a script of continuous integration names what a stranger has committed."""
        (here.parent / "secret.cnn").write_text("TOKEN=hunter2\n")
        (here / "link.cnn").symlink_to("../secret.cnn")
        rest = ["x.yaml"] if command == "convert" else []
        spec = "link.cnn:a" if command == "explain" else "link.cnn"
        (here / ".git").rmdir()
        result = specc(command, spec, *rest)
        assert "hunter2" in result.out + result.err
        (here / ".git").mkdir()
        result = specc(command, spec, *rest)
        assert result.code == 2
        assert f"link.cnn is not read: a link in it leads out of the project's folder {here}" in result.err
        assert "hunter2" not in result.out + result.err

    def test_a_named_folder_of_a_repository_is_in_it(self, specc: Specc, here: Path) -> None:
        write(here.parent, outside__a=FINE)
        write(here, inside__b=FINE)
        (here / "out").symlink_to("../outside")
        (here / "in").symlink_to("inside")
        (here / ".git").rmdir()
        assert specc("check", "out", "in").code == 0
        assert specc("check", "out/*").code == 0
        (here / ".git").mkdir()
        assert specc("check", "in").code == 0
        for path in ("out", "out/*", "out/a.cnn"):
            assert specc("check", path).code == 2

    def test_gits_own_folder_has_no_specs(self, specc: Specc, here: Path) -> None:
        """In continuous integration its configuration holds a token."""
        (here / ".git" / "config").write_text("hunter2\n")
        (here / "link.cnn").symlink_to(".git/config")
        (here / "a.cnn").write_text(f'from ".git/config" import X\n{FINE}')
        result = specc("check")
        assert result.code == 2
        assert "hunter2" not in result.out + result.err
        assert ".git/config is in git's own folder, which holds no specs" in result.out

    def test_a_pipe_that_is_typed_is_read(self, here: Path) -> None:
        command = f"cat a.cnn | {sys.executable} -m specc check --no-cache /dev/stdin"
        write(here, a=FINE)
        done = subprocess.run(["sh", "-c", command], cwd=here, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_to_folders_are_not_entered(self, here: Path) -> None:
        write(here, nets__a=FINE)
        (here / "loop").symlink_to(here)
        assert found(".") == ["nets/a.cnn"]
        assert found("loop") == ["loop/nets/a.cnn"]

    @pytest.mark.parametrize(
        ("target", "why"),
        [("nowhere.cnn", "there is no such file"), ("link.cnn", "too many levels of symbolic links")],
    )
    def test_to_nothing_are_told_of(self, specc: Specc, here: Path, target: str, why: str) -> None:
        write(here, a=FINE)
        (here / "link.cnn").symlink_to(target)
        result = specc("check")
        assert result.code == 2
        assert result.err.lower().startswith("error: link.cnn: ")
        assert why in result.err.lower()
        assert "1 file, 1 model: all fit together" in result.out


class TestNoOrdinaryFiles:
    def test_a_pipe_is_not_waited_for(self, specc: Specc, here: Path) -> None:
        os.mkfifo(here / "pipe.cnn")
        write(here, a=BAD)
        result = specc("check")
        assert (result.code, result.err) == (2, "error: pipe.cnn: is no ordinary file\n")
        assert "a.cnn:1:26" in result.out

    def test_a_folder_that_is_called_like_a_spec(self, here: Path) -> None:
        write(here, **{"x.cnn__a": FINE})
        assert found(".") == ["x.cnn/a.cnn"]

    def test_a_file_called_like_standard_input(self, specc: Specc, here: Path) -> None:
        (here / "-").write_text(BAD)
        result = specc("check", "./-")
        assert "-:1:26" in result.out


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")
def test_what_is_closed_to_us_keeps_nothing_else_from_being_checked(here: Path) -> None:
    write(here, a=BAD, closed__b=FINE, c=FINE, open__d=BAD)
    (here / "closed").chmod(0)
    (here / "c.cnn").chmod(0)
    for folder in (here, *here.parents[:3]):
        folder.chmod(0o755)
    # Everything is imported first: another user may not read this checkout, nor this Python.
    program = (
        "import os, sys\nfrom specc.cli.main import main\n"
        f"sys.argv = ['specc', 'check', '--no-cache', {str(here / 'a.cnn')!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "os.setuid(65534); print('HERE', flush=True); sys.argv = ['specc', 'check', '--no-cache']; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment, cwd=here
    )
    out = ended.stdout.split("HERE\n")[1]
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: closed: cannot be searched: permission denied\nerror: c.cnn: you have no permission to read it\n"
    )
    assert "a.cnn:1:26" in out
    assert "open/d.cnn:1:26" in out
    assert "2 paths could not be checked" in out


class TestConfigured:
    def test_included(self, tree: Path) -> None:
        (tree / "specc.toml").write_text('include = ["nets/*.yaml", "*.txt"]')
        assert found(".") == [*ALL[:6], "nets/g.yaml", "nets/h.txt", ALL[6]]

    @pytest.mark.parametrize(
        ("patterns", "left"),
        [
            ('["nets"]', ALL[:2]),
            ('["nets/"]', ALL[:2]),
            ('["deep"]', ALL[:6]),
            ('["*.yaml", "/a.cnn"]', ["b.cnn", *ALL[2:4], *ALL[5:]]),
            ('["nets/**"]', ALL[:2]),
        ],
    )
    def test_excluded(self, tree: Path, patterns: str, left: list[str]) -> None:
        (tree / "specc.toml").write_text(f"exclude = {patterns}")
        assert found(".") == left
        assert sorted(found("**/*.cnn")) == sorted(name for name in left if name.endswith("cnn") and "/." not in name)

    def test_an_excluded_file_is_checked_where_it_is_named(self, specc: Specc, tree: Path) -> None:
        (tree / "specc.toml").write_text('exclude = ["nets"]')
        assert found("nets/d.cnn", "a.cnn") == ["nets/d.cnn", "a.cnn"]
        assert found("nets/d.cnn", "a.cnn", force=True) == ["a.cnn"]
        result = specc("check", "nets/d.cnn", "--force-exclude")
        assert result.code == 3
        assert result.err == (
            "nothing to check: no spec (*.cnn, *.cnn.yaml, *.cnn.yml) in nets/d.cnn; specc.toml excludes nets\n"
        )

    def test_it_may_be_standard_input(self, specc: Specc, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tree / "specc.toml").write_text('exclude = ["nets"]')
        for options, code in (([], 2), (["--force-exclude"], 3)):
            monkeypatch.setattr(sys, "stdin", None)
            assert specc("check", "-", "--stdin-filename", "nets/d.cnn", *options).code == code
