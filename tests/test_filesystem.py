"""File systems: what they say of files, specs checked without a disk, and those that fail in the middle."""

from __future__ import annotations

import ast
import builtins
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import specc
from specc.compare.commit import Commit, Repository
from specc.compare.history import compare_with
from specc.diagnostics import Code
from specc.filesystem import DISK, Disk, FileSystem, Memory, project_root
from specc.project.check import check
from specc.project.discovery import spec_files
from specc.project.selection import CheckOptions
from specc.project.settings import Configuration
from specc.syntax import read
from tests.cli.conftest import Specc, here
from tests.cli.conftest import specc as command

__all__ = ["command", "here"]

BLOCKS = "block unit(c) { conv(c, 3, padding=1) -> relu }\nlet width = 8\n"
NET = 'from "lib/blocks.cnn" import unit, width\nmodel Net(k = 4) : [N, 3, 8, 8] { unit(k) -> flatten -> fc(width) }\n'
IN_YAML = "- from: lib/blocks.cnn\n  import: [unit]\n- model: Net\n  input: [N, 3, 8, 8]\n  body: [unit: 4]\n"
LIBRARY = {"lib/blocks.cnn": BLOCKS}

TREE = {"net.cnn": NET, "lib/blocks.cnn": BLOCKS, "nets/deep/a.cnn": "", "nets/b.yaml": "", ".hidden/c.cnn": ""}


def on_disk(tmp_path: Path) -> FileSystem:
    for path, text in TREE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / ".git").mkdir()
    return DISK


def in_memory(tmp_path: Path) -> FileSystem:
    return Memory(TREE)


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def in_a_commit(tmp_path: Path) -> FileSystem:
    on_disk(tmp_path)
    (tmp_path / ".git").rmdir()
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "x")
    for path in TREE:
        (tmp_path / path).unlink()
    return Commit(Repository(tmp_path), "main")


@pytest.fixture(params=[on_disk, in_memory, in_a_commit])
def files(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileSystem]:
    """The same files in each kind of file system."""
    if request.param is in_a_commit and shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.chdir(tmp_path)
    made = request.param(tmp_path)
    yield made
    if isinstance(made, Commit):
        made.close()


class TestEach:
    """One interface: whatever holds the files, it answers alike."""

    def test_kinds(self, files: FileSystem) -> None:
        kinds = {
            path: files.kind(path) for path in ("net.cnn", "lib", "nets/deep", "none", "net.cnn/x", "lib/none", "")
        }
        assert kinds == {
            "net.cnn": "file", "lib": "folder", "nets/deep": "folder", "none": None, "net.cnn/x": None,
            "lib/none": None, "": "folder",
        }  # fmt: skip

    def test_what_a_folder_has(self, files: FileSystem) -> None:
        found = files.entries("nets")
        assert found == [("b.yaml", "file", False), ("deep", "folder", False)]
        with pytest.raises(FileNotFoundError):
            files.entries("none")

    def test_content(self, files: FileSystem) -> None:
        assert files.read("lib/blocks.cnn", 1000) == BLOCKS.encode()
        assert len(files.read("lib/blocks.cnn", 10)) == 11
        assert files.size("lib/blocks.cnn") == len(BLOCKS)
        with pytest.raises(FileNotFoundError):
            files.read("none.cnn", 10)

    def test_paths(self, files: FileSystem) -> None:
        assert files.absolute("lib/../net.cnn") == files.real("net.cnn")
        assert files.absolute("net.cnn") == f"{files.absolute('').rstrip('/')}/net.cnn"
        assert project_root("nets/deep", files) == (files.absolute(""), True)

    def test_its_specs_are_found(self, files: FileSystem) -> None:
        none = Configuration(files=files)
        assert spec_files(["."], none, files=files) == (["net.cnn", "lib/blocks.cnn", "nets/deep/a.cnn"], [])
        assert spec_files(["**/b.*"], none, files=files) == (["nets/b.yaml"], [])
        assert spec_files([".hidden"], none, files=files) == ([".hidden/c.cnn"], [])

    def test_its_specs_are_checked(self, files: FileSystem) -> None:
        outcome = check(["net.cnn", "nets/deep/a.cnn"], CheckOptions(Configuration(files=files)), files=files)
        first, second = outcome.files
        assert (first.models, first.imports, first.findings) == (1, ("lib/blocks.cnn",), ())
        assert [finding.code for finding in second.findings] == [Code.NO_MODEL]


READS = set(
    "open read_text read_bytes exists is_file is_dir resolve stat lstat iterdir glob rglob scandir listdir isfile "
    "isdir lexists islink realpath abspath samefile getsize".split()
)
"""What asks the disk, by the name of the function."""
NO_SPECS = {
    "project/cache.py": "reads and writes the cache, and what specc itself is made of",
    "project/baseline.py": "reads baselines",
    "syntax/tables.py": "reads the grammar",
}


@pytest.mark.parametrize("package", ["compare", "elaborate", "lint", "project", "syntax"])
def test_specs_are_read_by_nothing_else(package: str) -> None:
    """Import contracts say so of most packages; these two need paths, and ask no disk about them."""
    top = Path(specc.__file__).parent
    asked = []
    for path in sorted((top / package).rglob("*.py")):
        if path.relative_to(top).as_posix() in NO_SPECS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.func if isinstance(node, ast.Call) else None
            called = name.id if isinstance(name, ast.Name) else name.attr if isinstance(name, ast.Attribute) else ""
            of = ast.unparse(name.value) if isinstance(name, ast.Attribute) else ""
            if called in READS and "files" not in of and of not in ("DISK", "old", "self._old", "ast"):
                asked.append(f"{path.relative_to(top)}:{node.lineno}: {ast.unparse(name or node)}")
    assert not asked


@pytest.mark.parametrize("path", ["", ".", "..", "/net.cnn", "../net.cnn", "a/../net.cnn", "a//b.cnn", "./a.cnn", "a/"])
def test_what_is_no_path_in_memory(path: str) -> None:
    with pytest.raises(specc.UsageError, match="no path of a file in memory"):
        Memory({path: ""})


def test_a_file_in_memory_is_no_folder() -> None:
    with pytest.raises(specc.UsageError, match="lib is a file in memory, and a folder of another one"):
        Memory({"lib": "", "lib/blocks.cnn": ""})


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be asked of the disk, once what specc itself is made of has been read."""
    warm = specc.loads(NET, files=LIBRARY)
    specc.loads(IN_YAML, name="n.yaml", files=LIBRARY)
    assert (bool(warm.summary()), bool(warm.torch_source()), warm.lint()) == (True, True, ())
    with pytest.raises(specc.SpecError):
        specc.loads("model M : [N] { rulu -> conv( }")
    with pytest.raises(specc.SpecError):
        specc.loads(NET.replace("lib/", "lob/"), files=LIBRARY)

    def refusing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any, **options: Any) -> Any:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:  # pytest goes on using the disk
                assert not frame.f_globals["__name__"].startswith("specc."), f"{name}{arguments} in {frame}"
                frame = frame.f_back
            return real(*arguments, **options)

        return asked

    for module, names in {
        os: "open stat lstat scandir listdir readlink getcwd access mkdir replace rename remove unlink",
        io: "open open_code",
        builtins: "open",
        os.path: "exists lexists isfile isdir islink realpath",
    }.items():
        for name in names.split():
            monkeypatch.setattr(module, name, refusing(name, getattr(module, name)))


class TestLoads:
    """A spec that is a text, with no disk."""

    def test_all_that_a_model_can_do(self, no_disk: None) -> None:
        model = specc.loads(NET, files=LIBRARY, k=5)
        assert model.name == "Net"
        assert [step.name for step in model.graph.nodes] == ["unit1.conv1", "unit1.relu1", "flatten1", "fc1"]
        assert (model.params, model.depth) == (5 * 27 + 5 + 8 * 320 + 8, 2)
        assert "unit" in model.summary()
        assert "class Net" in model.torch_source()
        assert model.lint() == ()
        assert repr(model).startswith("<specc model Net")

    def test_warnings(self, no_disk: None) -> None:
        (warning,) = specc.loads("model M : [N, 3] { relu -> relu }").lint()
        assert str(warning.primary.span) == "net.cnn:1:28"

    def test_sizes(self, no_disk: None) -> None:
        model = specc.loads("model M : [N, 3, H, W] where H >= 3, W >= 3 { conv(4, 3) }")
        assert model.at(H=8, W=8).macs == 6 * 6 * 4 * 27

    def test_yaml_by_its_name(self, no_disk: None) -> None:
        for name in ("net.yaml", "nets/net.cnn.yml", "net.json"):
            text = IN_YAML if name[0:4] != "nets" else IN_YAML.replace("lib/", "../lib/")
            assert specc.loads(text, name=name, files=LIBRARY).params == 4 * 27 + 4

    def test_imports_start_from_its_folder_and_end_at_the_top(self, no_disk: None) -> None:
        text = NET.replace("lib/", "../lib/")
        assert specc.loads(text, name="nets/net.cnn", files=LIBRARY)
        with pytest.raises(specc.SpecError, match="climbs above the project's folder"):
            specc.loads(text, files=LIBRARY)
        bounded = {**LIBRARY, "nets/specc.toml": "root = true\n"}
        with pytest.raises(specc.SpecError, match="climbs above the project's folder"):
            specc.loads(text, name="nets/net.cnn", files=bounded)

    def test_an_import_that_is_not_there(self, no_disk: None) -> None:
        with pytest.raises(specc.SpecError) as caught:
            specc.loads(NET, files={"lib/block.cnn": BLOCKS})
        (finding,) = caught.value.diagnostics
        assert (finding.code, finding.message) == (Code.IMPORT, "lib/blocks.cnn: there is no such file")
        assert finding.helps == ("did you mean lib/block.cnn?",)

    def test_findings(self, no_disk: None) -> None:
        with pytest.raises(specc.SpecError, match=r"nets/a\.cnn:1:20: error\[S0201\] no layer is called rulu"):
            specc.loads("model M : [N, 3] { rulu }", name="nets/a.cnn")
        for text in ("model M : [N, 3] { relu }\0", "model M : [N, 3] { relu } # \ud800", "#" * 2**21):
            with pytest.raises(specc.SpecError):
                specc.loads(text)

    def test_usage(self, no_disk: None) -> None:
        with pytest.raises(specc.UsageError, match=r"net\.cnn has several models"):
            specc.loads("model A : [N, 3] { relu }\nmodel B : [N, 3] { relu }")
        with pytest.raises(specc.UsageError, match="no path of a file in memory"):
            specc.loads(NET, name="../net.cnn")
        assert specc.loads(NET, files={**LIBRARY, "net.cnn": "another text"}), (
            "the text stands for the file of its name"
        )

    def test_what_is_written_goes_to_the_disk(self, tmp_path: Path) -> None:
        files = {**LIBRARY, "specc.toml": "[budget]\nparams = '1M'\n"}
        model = specc.loads(NET, files=files)
        assert model.to_onnx(tmp_path / "net.onnx", verify=False) is None
        assert '"params"' in (tmp_path / "net.specc.json").read_text(encoding="utf-8")


VANISHED, CLOSED = FileNotFoundError(2, "No such file"), PermissionError(13, "Permission denied")
BROKEN = OSError(5, "Input/output error")
CHANGED = OSError("it changed while it was read; try again")


@pytest.fixture
def failing(here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, OSError], None]:
    """A project on a disk that will not read one of its files, which is there all the same when it is looked for."""
    for path, text in {"net.cnn": NET, "lib/blocks.cnn": BLOCKS, "one.cnn": "model One : [N, 3] { relu }\n"}.items():
        (here / path).parent.mkdir(exist_ok=True)
        (here / path).write_text(text, encoding="utf-8")
    read = Disk.read

    def fail(path: str, error: OSError) -> None:
        def reading(self: Disk, place: str, most: int) -> bytes:
            if place == path:
                raise error
            return read(self, place, most)

        monkeypatch.setattr(Disk, "read", reading)

    return fail


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (VANISHED, "there is no such file"),
        (CLOSED, "you have no permission to read it"),
        (BROKEN, "cannot be read: Input/output error"),
        (CHANGED, "cannot be read: it changed while it was read; try again"),
    ],
    ids=["vanished", "closed", "broken", "changed"],
)
class TestReadingFails:
    """In the middle: the search has found the file. What can be said of the others is said."""

    def test_check(self, command: Specc, failing: Callable[..., None], error: OSError, said: str) -> None:
        failing("one.cnn", error)
        result = command("check", ".", "--no-cache")
        assert (result.code, result.err) == (2, f"error: one.cnn: {said}\n")
        assert "1 model" in result.out

    def test_check_of_an_import(self, command: Specc, failing: Callable[..., None], error: OSError, said: str) -> None:
        failing("lib/blocks.cnn", error)
        result = command("check", "net.cnn", "one.cnn", "--no-cache")
        assert result.code == 1
        assert f"error[S0006]: lib/blocks.cnn: {said}" in result.out

    def test_check_with_a_cache(self, command: Specc, failing: Callable[..., None], error: OSError, said: str) -> None:
        """What was known of a file is not said of one that cannot be read."""
        assert command("check", "net.cnn").code == 0
        failing("lib/blocks.cnn", error)
        assert f"lib/blocks.cnn: {said}" in command("check", "net.cnn").out

    def test_fmt(self, command: Specc, failing: Callable[..., None], error: OSError, said: str, here: Path) -> None:
        before = (here / "one.cnn").read_bytes()
        failing("one.cnn", error)
        result = command("fmt", ".")
        assert (result.code, result.err.splitlines()[0]) == (2, f"error: one.cnn: {said}")
        assert (here / "one.cnn").read_bytes() == before

    def test_fix(self, command: Specc, failing: Callable[..., None], error: OSError, said: str, here: Path) -> None:
        (here / "one.cnn").write_text("model One : [N, 3] { rulu }\n", encoding="utf-8")
        failing("one.cnn", error)
        result = command("check", "one.cnn", "--fix", "--no-cache")
        assert result.code == 2
        assert f"error: one.cnn: {said}\n" in result.err
        assert "rulu" in (here / "one.cnn").read_text(encoding="utf-8")

    def test_diff(self, command: Specc, failing: Callable[..., None], error: OSError, said: str) -> None:
        failing("lib/blocks.cnn", error)
        result = command("diff", "one.cnn", "net.cnn")
        assert (result.code, result.out) == (1, "")
        assert f"lib/blocks.cnn: {said}" in result.err

    def test_compile(self, command: Specc, failing: Callable[..., None], error: OSError, said: str, here: Path) -> None:
        failing("lib/blocks.cnn", error)
        result = command("compile", "net.cnn", "-o", "net.onnx", "--no-verify")
        assert result.code == 1
        assert f"lib/blocks.cnn: {said}" in result.err
        assert not (here / "net.onnx").exists()


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first lines may well be a smaller network."""
    path = tmp_path / "net.cnn"
    path.write_text("model M : [N, 3] { relu }\n" * 3, encoding="utf-8")
    real, calls = os.fstat, list[int]()

    def fstat(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        calls.append(descriptor)
        os.truncate(path, 26)
        return found

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(specc.UsageError, match=r"net\.cnn: cannot be read: it changed while it was read; try again"):
        read(path)
    assert len(calls) == 2


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
class TestCommitFails:
    """A commit of which something cannot be had: nothing is said to be the same, or new, or wrong, that may be none."""

    @pytest.fixture(autouse=True)
    def repository(self, here: Path) -> None:
        for path, text in {"net.cnn": NET, "lib/blocks.cnn": BLOCKS}.items():
            (here / path).parent.mkdir(exist_ok=True)
            (here / path).write_text(text, encoding="utf-8")
        git(here, "init", "-q", "-b", "main")
        git(here, "add", "-A")
        git(here, "commit", "-q", "-m", "x")

    def lose(self, path: str, content: bytes | None = None) -> None:
        """Take what a file holds out of the repository, or put something else in its place."""
        name = subprocess.run(["git", "rev-parse", f"main:{path}"], capture_output=True, check=True, text=True).stdout
        stored = Path(".git/objects", name[:2], name[2:].strip())
        stored.chmod(0o644)
        stored.unlink() if content is None else stored.write_bytes(content)

    @pytest.mark.parametrize("content", [None, b"", b"no object of git"], ids=["pruned", "empty", "damaged"])
    @pytest.mark.parametrize("path", ["net.cnn", "lib/blocks.cnn"])
    def test_what_it_holds_is_gone(self, command: Specc, path: str, content: bytes | None) -> None:
        Path("net.cnn").write_text(NET.replace("unit(k)", "unit(k) -> relu"), encoding="utf-8")
        Path("lib/blocks.cnn").write_text(BLOCKS.replace("relu", "gelu"), encoding="utf-8")
        self.lose(path, content)
        result = command("diff", "--against", "git:main")
        assert (result.code, result.err) == (0, "")
        lost = f"{path}@main is not in this clone, or is damaged: git fetch or git fsck may help"
        assert lost in result.out
        assert "1 not comparable" in result.out or "2 not comparable" in result.out
        assert command("diff", "--against", "git:main", "--fail-on", "interface").code == 1

    def test_git_ends_in_the_middle(self, command: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever has ended it: what it was asked for is asked of another."""
        content = Repository.content
        ended = []

        def killed(self: Repository, blob: Any) -> bytes | None:
            found = content(self, blob)
            reader = self._readers["--batch"]
            reader.kill()
            reader.wait()
            ended.append(reader)
            return found

        Path("net.cnn").write_text(NET.replace("unit(k)", "unit(k) -> relu"), encoding="utf-8")
        expected = command("diff", "--against", "git:main")
        monkeypatch.setattr(Repository, "content", killed)
        assert command("diff", "--against", "git:main") == expected
        assert len(ended) > 1

    def test_no_import_is_missing_that_cannot_be_had(self, here: Path) -> None:
        self.lose("lib/blocks.cnn")
        Path("lib/blocks.cnn").write_text(BLOCKS.replace("relu", "gelu"), encoding="utf-8")
        comparison, _ = compare_with("main", (".",))
        assert [file.incomparable for file in comparison.files] == [True, True]

    def test_a_file_of_the_working_tree_fails(self, command: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
        read = Disk.read

        def closed(self: Disk, path: str, most: int) -> bytes:
            if path.endswith("net.cnn"):
                raise CLOSED
            return read(self, path, most)

        monkeypatch.setattr(Disk, "read", closed)
        result = command("diff", "--against", "git:main")
        assert (result.code, result.err) == (2, "error: net.cnn: you have no permission to read it\n")
