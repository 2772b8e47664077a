"""What was found before is told again to the byte, and never where something has changed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from specc.project import cache as caching
from specc.project.cache import compiler
from tests.cli.conftest import Specc
from tests.project.specs import BAD, BIAS, BLOCK, CALLER, FINE, FLOOR, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the cache is."""
    monkeypatch.setenv("SPECC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were not known from before, as they are checked."""
    from specc.project.fresh import FreshChecker

    names: list[str] = []
    real: Callable[..., caching.FileFindings] = FreshChecker.check

    def spy(self: FreshChecker, source: object, *rest: object) -> caching.FileFindings:
        names.append(source.name)  # type: ignore[attr-defined]
        return real(self, source, *rest)

    monkeypatch.setattr(FreshChecker, "check", spy)
    return names


def entries(folder: Path) -> list[Path]:
    return [path for path in folder.glob("??/*") if path.is_file()]


class TestTheSameAgain:
    @pytest.mark.parametrize("form", ["full", "concise", "json", "github", "gitlab", "junit", "sarif"])
    def test_every_format_to_the_byte(
        self, specc: Specc, here: Path, folder: Path, checked: list[str], form: str
    ) -> None:
        nested = "block a(c) { conv(c, 9) }\nblock b(c) { a(c) -> relu }\n"
        caller = 'from "nested.cnn" import b\nmodel M : [N, 3, 8, 8] { repeat 2 { b(4) } }\nmodel O : [N, 3] { b(3) }'
        write(here, a=FINE, b=BAD, c=FLOOR, d=BIAS, blocks=BLOCK, e=CALLER, nested=nested, f=caller)
        (here / "pyproject.toml").write_text("[tool.specc.budget]\nparams = 100\nmacs = 100\n")
        fresh = specc("check", "--no-cache", "--format", form)
        assert fresh.code == 1
        assert entries(folder) == []
        cold = specc("check", "--format", form)
        assert len(entries(folder)) == 8
        checked.clear()
        warm = specc("check", "--format", form)
        assert checked == []
        assert fresh == cold == warm

    def test_nothing_heavy_is_imported_where_all_is_known(self, here: Path, folder: Path) -> None:
        write(here, a=FINE, b=BAD, c=FLOOR, blocks=BLOCK, d=CALLER)
        program = (
            "import sys, atexit\n"
            "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
            "sys.argv = ['specc', 'check']\n"
            "from specc.cli.main import main; main()\n"
        )
        heavy = {"pydantic", "lark", "yaml", "specc.elaborate", "specc.lint", "specc.syntax.parser", "specc.ops"}
        loaded = []
        for _ in range(2):
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            ended = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
            )
            assert ended.returncode == 1, ended.stderr
            loaded.append(heavy & set(ended.stderr.split()))
        assert {"pydantic", "specc.elaborate", "specc.lint", "specc.syntax.parser"} <= loaded[0]
        assert loaded[1] == set()

    def test_findings_in_an_imported_file_keep_their_places(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, blocks=BLOCK, a=CALLER)
        for _ in range(2):
            assert "blocks.cnn:2:3: warning[S0502]" in specc("check", "a.cnn", "--format", "concise").out


class TestNeverStale:
    def test_the_text(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, a=BAD)
        assert specc("check").code == 1
        write(here, a=FINE)
        assert specc("check").code == 0
        write(here, a=BAD)
        assert specc("check").code == 1

    @pytest.mark.parametrize(
        "broken", ["block pair() { relu(9) }", "block pairs() { relu }", "block pair( {", "", "\0"]
    )
    def test_an_import(self, specc: Specc, here: Path, folder: Path, broken: str) -> None:
        write(here, blocks=BLOCK, a=CALLER)
        assert specc("check", "a.cnn").code == 0
        write(here, blocks=broken)
        assert specc("check", "a.cnn").code == 1
        assert specc("check", "a.cnn").code == 1
        write(here, blocks=BLOCK)
        assert specc("check", "a.cnn").code == 0

    def test_only_what_depends_on_it_is_checked_anew(
        self, specc: Specc, here: Path, folder: Path, checked: list[str]
    ) -> None:
        write(here, blocks=BLOCK, a=CALLER, b=FINE)
        specc("check")
        checked.clear()
        write(here, blocks=BLOCK.replace("3", "5"))
        specc("check")
        assert checked == ["a.cnn", "blocks.cnn"]

    def test_an_import_of_an_import(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, blocks='from "deep.cnn" import k\nblock pair() { conv(8, k) }', deep="let k = 3", a=CALLER)
        assert specc("check", "a.cnn").code == 0
        write(here, deep="let k = 300")
        assert specc("check", "a.cnn").code == 1

    def test_an_import_that_comes_and_goes(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, a=CALLER)
        assert "there is no such file" in specc("check", "a.cnn").out
        write(here, blocks=BLOCK)
        assert specc("check", "a.cnn").code == 0
        (here / "blocks.cnn").unlink()
        assert specc("check", "a.cnn").code == 1

    def test_an_import_under_two_names(self, specc: Specc, here: Path, folder: Path) -> None:
        """The second name is read, too, though it is the same file at first."""
        write(here, blocks="block pair() { relu }\nblock other() { relu }\n")
        (here / "link.cnn").symlink_to("blocks.cnn")
        imports = 'from "blocks.cnn" import pair\nfrom "link.cnn" import other\n'
        write(here, a=imports + "model M : [N, 3] { pair() -> other() }")
        assert specc("check", "a.cnn").code == 0
        (here / "link.cnn").unlink()
        write(here, link="block other() { rellu6 }")
        assert specc("check", "a.cnn").code == 1

    def test_an_import_that_becomes_a_link_out_of_the_project(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, blocks=BLOCK, a=CALLER)
        assert specc("check", "a.cnn").code == 0
        (here / "blocks.cnn").rename(here.parent / "outside.cnn")
        (here / "blocks.cnn").symlink_to("../outside.cnn")
        assert "goes through a symlink out of the project's folder" in specc("check", "a.cnn").out

    def test_the_project_root(self, specc: Specc, here: Path, folder: Path) -> None:
        """The same spec by the same name may import from above only as long as the project begins there."""
        write(here, blocks=BLOCK, nets__a=CALLER.replace("blocks", "../blocks"))
        assert specc("check", "nets").code == 0
        (here / "nets" / "specc.toml").write_text("root = true")
        assert "climbs above the project's folder" in specc("check", "nets").out

    def test_another_folder_of_the_same_project(
        self, specc: Specc, here: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same name, text and root, and the import leads to the same file; but from here it climbs out."""
        climbing = CALLER.replace("blocks", "../blocks")
        write(here, nets__a=climbing, a=climbing, blocks=BLOCK)
        (here.parent / "blocks.cnn").symlink_to(here / "blocks.cnn")
        monkeypatch.chdir(here / "nets")
        assert specc("check", "a.cnn").code == 0
        monkeypatch.chdir(here)
        assert "climbs above the project's folder" in specc("check", "a.cnn").out

    def test_a_project_that_has_moved_as_a_whole(
        self, specc: Specc, here: Path, folder: Path, checked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As between two checkouts of continuous integration: what is known is still right."""
        write(here, blocks=BLOCK, a=CALLER)
        before = specc("check")
        monkeypatch.chdir(here.parent)
        here.rename(here.parent / "moved")
        monkeypatch.chdir(here.parent / "moved")
        checked.clear()
        assert specc("check") == before
        assert checked == []

    def test_a_budget(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, a=BIAS)
        settings = here / "specc.toml"
        codes = []
        for text in ("", "budget.params = 1", "budget.params = 1000", 'budget."b.cnn".params = 1'):
            settings.write_text(text)
            codes.append(specc("check").code)
        assert codes == [0, 1, 0, 0]

    def test_what_is_selected_is_decided_anew(self, specc: Specc, here: Path, folder: Path, checked: list[str]) -> None:
        write(here, a=FLOOR)
        assert "S0505" in specc("check").out
        checked.clear()
        assert "S0505" not in specc("check", "--ignore", "S0505").out
        assert "S0505" in specc("check", "--select", "S0505").out
        assert checked == []

    def test_another_compiler(
        self, specc: Specc, here: Path, folder: Path, checked: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(here, a=FINE)
        specc("check")
        checked.clear()
        monkeypatch.setattr(caching, "compiler", lambda _: b"another")
        specc("check")
        assert checked == ["a.cnn"]


class TestTheCompiler:
    @pytest.fixture
    def package(self, tmp_path: Path) -> Path:
        package = tmp_path / "specc"
        (package / "ops").mkdir(parents=True)
        (package / "ops" / "conv.py").write_text("a = 1\n")
        (package / "tables.json").write_text("{}")
        return package

    def test_it_is_its_bytes_and_not_their_times(self, package: Path, folder: Path) -> None:
        first = compiler(folder, str(package))
        os.utime(package / "ops" / "conv.py", (1, 1))
        assert compiler(folder, str(package)) == first
        moved = package.with_name("elsewhere")
        shutil.copytree(package, moved)
        assert compiler(folder, str(moved)) == first

    @pytest.mark.parametrize("change", ["ops/conv.py", "tables.json", "new.py", "rename"])
    def test_every_file_counts(self, package: Path, folder: Path, change: str) -> None:
        first = compiler(folder, str(package))
        if change == "rename":
            (package / "tables.json").rename(package / "table.json")
        else:
            (package / change).write_text("[]")
        assert compiler(folder, str(package)) != first

    def test_a_change_within_the_same_size(self, package: Path, folder: Path) -> None:
        first = compiler(folder, str(package))
        (package / "ops" / "conv.py").write_text("a = 2\n")
        assert compiler(folder, str(package)) != first

    @pytest.mark.parametrize("library", ["pydantic", "lark", "yaml"])
    def test_libraries_count(
        self, package: Path, folder: Path, library: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from specc.project import cache as module

        first = compiler(folder, str(package))
        real = module.find_spec
        copy = tmp_path / library / "__init__.py"
        copy.parent.mkdir()
        for name in ("__init__.py", "version.py"):
            (copy.parent / name).write_text("VERSION = '99'\n")

        def other(name: str) -> object:
            return SimpleNamespace(origin=str(copy)) if name == library else real(name)

        monkeypatch.setattr(module, "find_spec", other)
        assert compiler(folder, str(package)) != first

    def test_what_is_kept_of_it_may_be_damaged(self, package: Path, folder: Path) -> None:
        first = compiler(folder, str(package))
        for path in (folder / "compilers").iterdir():
            path.write_bytes(b"")
        assert compiler(folder, str(package)) == first


class TestEntries:
    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: b"",
            lambda data: data[: len(data) // 2],
            lambda data: data.replace(b'"models": 1', b'"models": 2'),
            lambda data: data.replace(b"\n", b"", 1),
            lambda data: b"{}",
            lambda data: b"\x80\x81" + data,
            lambda data: data + b" ",
        ],
        ids=["empty", "truncated", "changed", "joined", "foreign", "binary", "longer"],
    )
    def test_a_damaged_one_is_none(
        self, specc: Specc, here: Path, folder: Path, damage: Callable[[bytes], bytes], checked: list[str]
    ) -> None:
        write(here, a=FLOOR)
        before = specc("check")
        (entry,) = entries(folder)
        entry.write_bytes(damage(entry.read_bytes()))
        checked.clear()
        assert specc("check") == before
        assert checked == ["a.cnn"]
        assert specc("check") == before
        assert checked == ["a.cnn"]

    def test_one_that_is_another_s_is_none(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, a=FINE)
        specc("check")
        (fine,) = entries(folder)
        write(here, a=BAD)
        specc("check")
        (bad,) = set(entries(folder)) - {fine}
        bad.write_bytes(fine.read_bytes())
        assert specc("check").code == 1

    def test_a_folder_in_its_place(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, a=BAD)
        specc("check")
        (entry,) = entries(folder)
        entry.unlink()
        entry.mkdir()
        assert specc("check").code == 1

    def test_a_cache_that_cannot_be_written(self, specc: Specc, here: Path, folder: Path) -> None:
        folder.write_text("a file, where the folder should be")
        write(here, a=FINE, b=BAD)
        result = specc("check")
        assert result.code == 1
        assert result.err == ""
        assert specc("check") == result

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_a_full_disk(self, here: Path, folder: Path, jobs: int) -> None:
        """A limit on the size of files stands for it: what is written fails half-way."""
        write(here, a=FINE, b=BAD, c=FLOOR)

        def limited() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))

        command = [sys.executable, "-m", "specc", "check", "-j", str(jobs)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        full, fresh = (
            subprocess.run(
                [*command, *extra], capture_output=True, check=False, env=environment, preexec_fn=limit,
            )
            for extra, limit in (([], limited), (["--no-cache"], None))
        )  # fmt: skip
        assert (full.returncode, full.stdout, full.stderr) == (1, fresh.stdout, b"")
        assert [path for path in folder.rglob("*") if path.is_file()] == []

    def test_ctrl_c_while_one_is_written(
        self, specc: Specc, here: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(here, a=FINE)

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", interrupted)
        assert specc("check").code == 130
        assert [path for path in folder.rglob("*") if path.is_file()] == []

    def test_paths_that_are_no_utf8(self, specc: Specc, here: Path, folder: Path) -> None:
        name = os.fsdecode(b"\xff.cnn")
        (here / name).write_text(FLOOR)
        first = specc("check", "--format", "concise")
        assert len(entries(folder)) == 1
        assert specc("check", "--format", "concise") == first

    def test_old_ones_go(self, specc: Specc, here: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(here, a=FINE)
        specc("check")
        (entry,) = entries(folder)
        old, young, interrupted = (entry.with_name(f"{digit * 62}.findings") for digit in "012")
        interrupted = interrupted.with_name(f"{interrupted.name}.01234567.tmp")
        foreign = [entry.with_name("1" * 62), entry.with_name("mine.findings"), entry.with_name(f"{'3' * 62}.findings")]
        for path in (old, young, interrupted, *foreign[:2], folder / "mine"):
            path.write_bytes(b"")
        foreign[2].mkdir()
        month = caching.DAYS * 24 * 60 * 60
        now = entry.stat().st_mtime
        for path in (old, interrupted, *foreign, folder / "mine"):
            os.utime(path, (now, now - month - 3600))
        os.utime(young, (now, now - month + 3600))
        entry.unlink()
        caching._make.cache_clear()
        specc("check")
        assert (old.exists(), young.exists(), interrupted.exists()) == (False, True, False)
        assert all(path.exists() for path in (*foreign, folder / "mine", entry))

    def test_two_processes_at_once(self, here: Path, folder: Path) -> None:
        for number in range(12):
            write(here, **{f"a{number}": FLOOR.replace("33", str(33 + 2 * number)), f"b{number}": BAD})
        command = [sys.executable, "-m", "specc", "check"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(3)]
        outputs = [process.communicate()[0] for process in running]
        fresh = subprocess.run([*command, "--no-cache"], stdout=subprocess.PIPE, check=False, env=environment).stdout
        assert outputs == [fresh] * 3
        assert list(folder.glob("*/*.tmp")) == []
        warm = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=environment).stdout
        assert warm == fresh


class TestTrust:
    """Who can write an entry has a say in what is found."""

    @pytest.fixture
    def poisoned(self, specc: Specc, here: Path, folder: Path) -> Path:
        """The entry of a bad spec, which says that it is fine, as who knows how entries are written makes it."""
        write(here, a=FINE)
        specc("check")
        (fine,) = entries(folder)
        payload = fine.read_bytes().partition(b"\n")[2]
        fine.unlink()
        write(here, a=BAD)
        specc("check")
        (bad,) = entries(folder)
        key = bad.parent.name + bad.stem
        bad.write_bytes(caching._signature(key, payload) + b"\n" + payload)
        return bad

    def test_ones_own_is_believed(self, specc: Specc, poisoned: Path) -> None:
        assert specc("check").code == 0

    @pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
    def test_one_that_others_may_write_is_not(self, specc: Specc, poisoned: Path, mode: int) -> None:
        poisoned.chmod(mode)
        assert specc("check").code == 1

    @pytest.mark.skipif(os.getuid() != 0, reason="giving a file to another user takes root")
    def test_another_users_is_not(self, specc: Specc, poisoned: Path, folder: Path) -> None:
        os.chown(poisoned, 65534, 65534)
        assert specc("check").code == 1
        os.chown(folder, 65534, 65534)
        result = specc("check")
        assert result.code == 1
        assert f"note: the cache {folder} is not used: it is another user's" in result.err

    def test_a_link_is_not(self, specc: Specc, poisoned: Path, tmp_path: Path) -> None:
        poisoned.rename(tmp_path / "elsewhere")
        poisoned.symlink_to(tmp_path / "elsewhere")
        assert specc("check").code == 1

    @pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
    def test_a_folder_that_others_may_write_to_is_not_used(
        self, specc: Specc, here: Path, poisoned: Path, folder: Path, mode: int
    ) -> None:
        folder.chmod(mode)
        before = poisoned.read_bytes()
        result = specc("check")
        assert result.code == 1
        do = f"chmod go-w {folder}, or set SPECC_CACHE_DIR to a folder of yours"
        why = "others may write to it, and would say what is found"
        assert result.err == f"note: the cache {folder} is not used: {why}; {do}\n"
        assert poisoned.read_bytes() == before
        assert specc("check", "--no-cache").err == ""
        folder.chmod(0o755)
        assert specc("check").code == 0

    def test_with_a_key_only_those_that_have_it(
        self,
        specc: Specc,
        here: Path,
        folder: Path,
        poisoned: Path,
        monkeypatch: pytest.MonkeyPatch,
        checked: list[str],
    ) -> None:
        monkeypatch.setenv("SPECC_CACHE_KEY", "secret")
        assert specc("check").code == 1
        checked.clear()
        assert specc("check").code == 1
        assert checked == []
        monkeypatch.setenv("SPECC_CACHE_KEY", "another")
        assert specc("check").code == 1
        assert checked == ["a.cnn"]

    def test_what_is_written_is_private(self, specc: Specc, here: Path, folder: Path) -> None:
        write(here, a=FINE)
        before = os.umask(0)
        try:
            specc("check")
        finally:
            os.umask(before)
        assert folder.stat().st_mode & 0o777 == 0o700
        for path in folder.rglob("*"):
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)

    def test_of_what_specc_is_made_of(self, folder: Path, tmp_path: Path) -> None:
        """Believing another hash of itself, it would believe the findings of another specc."""
        package = tmp_path / "specc"
        package.mkdir()
        (package / "a.py").write_text("a = 1\n")
        first = compiler(folder, str(package))
        (path,) = (folder / "compilers").iterdir()
        path.write_bytes(path.read_bytes()[:-32] + bytes(32))
        assert compiler(folder, str(package)) == first
        path.write_bytes(caching._signature(path.stem, bytes(32)) + b"\n" + bytes(32))
        assert compiler(folder, str(package)) == bytes(32)
        path.chmod(0o666)
        assert compiler(folder, str(package)) == first


def test_the_platform_s_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SPECC_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = caching.cache_folder()
    assert found.name == "specc"
    assert tmp_path in found.parents
