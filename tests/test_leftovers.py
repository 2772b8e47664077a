"""Runs that are killed at each of their calls of the system, two that write at once, and what is nobody's to remove."""

import fcntl
import os
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from specc import leftovers
from specc.atomic import new_folder, provisional, replace, replace_all
from specc.diagnostics import UsageError
from specc.leftovers import hidden

KILLED = """
    import os, signal, sys
    from pathlib import Path
    from specc.atomic import new_folder, provisional, replace_all

    DATA = "a.0123456789abcdef.data"

    def files(text):
        with replace_all(Path("a.onnx"), Path("b"), Path("c")) as outputs:
            for output in outputs:
                output.write(text)

    def folder(text):
        with new_folder(Path("made")) as place:
            (place / "a").write_bytes(text)

    def weights(text):
        def fill(output):
            output.write(text)
            output.turn_to(Path(DATA))
        with provisional(Path("a.HASH.data"), fill), replace_all(Path("a.onnx"), Path("b")) as outputs:
            for output in outputs:
                output.write(DATA.encode() + text)

    def another():
        with replace_all(Path("other")) as (output,):
            output.write(b"new")

    def in_child(body):
        if not (child := os.fork()):
            body()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    CALLS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "fcntl.flock", "os.utime"}

    def killed(body, at):
        left = at
        def watch(event, arguments):
            nonlocal left
            if event in CALLS:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(watch)
        body(b"new")

    def seen():
        return {path.name: path.read_bytes() for path in Path().iterdir() if path.is_file() and path.name[0] != "."}

    top, (what, old) = Path.cwd(), sys.argv[1:]
    body, kills = globals()[what], 0
    (top / "warm").mkdir()
    os.chdir(top / "warm")
    body(b"warm")  # what is imported late is imported now, and no kill comes there
    while True:
        os.chdir(top)
        place = top / f"{kills}"
        place.mkdir()
        os.chdir(place)
        for name in old.split():
            Path(name).write_bytes(b"old")
        Path(".mine.tmp").write_bytes(b"mine")
        code = in_child(lambda: killed(body, kills))
        found = seen()
        if what != "folder" and found.get("a.onnx", b"").endswith(b"new"):  # it comes last: with it all is new
            assert all(content.endswith(b"new") for content in found.values()), (kills, found)
        assert in_child(another) == 0
        for path in Path().iterdir():  # what the next run of another command leaves
            assert path.name[0] != "." or path.name == ".mine.tmp", (kills, path)
        if not Path("a.onnx").exists() or DATA.encode() not in Path("a.onnx").read_bytes():
            assert not Path(DATA).exists(), kills
        elif what == "weights":
            assert Path(DATA).read_bytes() == b"new", kills
        if not code:
            break
        assert code == -signal.SIGKILL, code
        kills += 1
    print(kills)
"""


@pytest.mark.parametrize(
    ("what", "old", "least"),
    [("files", "", 15), ("files", "a.onnx b c", 20), ("files", "b", 15), ("folder", "", 8), ("weights", "a.onnx", 25)],
)
def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, what: str, old: str, least: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), what, old],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert int(done.stdout) >= least


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def written(path: Path) -> None:
    leftovers._sweep.cache_clear()
    with replace(path) as output:
        output.write(b"new")


def test_a_live_run_is_left_alone_and_a_dead_one_is_not(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from specc.atomic import replace
        with replace(Path(sys.argv[1])) as output:
            output.close()  # as before a proof
            print("written", flush=True)
            sys.stdin.readline()
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "a")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        (alive,) = names(tmp_path)
        written(tmp_path / "b")
        assert names(tmp_path) == [alive, "b"]
        process.kill()
        process.wait()
    written(tmp_path / "b")
    assert names(tmp_path) == ["b"]


def test_nothing_of_others_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    with monkeypatch.context() as patch:
        patch.setattr(leftovers, "_machine", lambda: "0123456789ab")
        foreign = hidden(tmp_path / "a", ".tmp", swept=True)
    unlocked = hidden(tmp_path / "a", ".tmp", swept=False)
    kept = [foreign, unlocked, tmp_path / ".a.tmp", tmp_path / "a.old", tmp_path / ".a.0123456789abcdef.tmp"]
    for path in kept:
        path.write_bytes(b"not yours")
    link, pipe = (hidden(tmp_path / "a", ".tmp", swept=True) for _ in range(2))
    link.symlink_to(elsewhere)
    os.mkfifo(pipe)
    written(tmp_path / "b")
    assert {*kept, link, pipe, elsewhere} < set(tmp_path.iterdir())
    assert elsewhere.read_bytes() == b"mine"


@pytest.mark.skipif(os.getuid() != 0, reason="giving a file to another user takes root")
def test_another_users_file_stays(tmp_path: Path) -> None:
    path = hidden(tmp_path / "a", ".tmp", swept=True)
    path.write_bytes(b"theirs")
    os.chown(path, 65534, 65534)
    written(tmp_path / "b")
    assert path.exists()
    os.chown(path, 0, 0)
    written(tmp_path / "b")
    assert not path.exists()


WRITER = """
    import os, subprocess, sys
    from pathlib import Path
    from specc.atomic import replace_all

    def write(text):
        with replace_all(Path("a"), Path("b"), Path("c")) as outputs:
            for output in outputs:
                output.write(text)

    if sys.argv[1:] == ["second"]:
        write(b"second")
    else:
        second, puts, real = None, 0, Path.replace
        def put(self, target):
            global second, puts
            puts += 1
            if puts == 3:  # two are in place, one is not
                second = subprocess.Popen([sys.executable, "-c", os.environ["CODE"], "second"])
                try:
                    second.wait(1.0)
                except subprocess.TimeoutExpired:
                    print("waits")
            real(self, target)
        Path.replace = put
        write(b"first")
        print(Path("a").read_bytes() == Path("b").read_bytes() == Path("c").read_bytes(), second.wait())
    """


def test_the_last_of_two_writers_wins_whole(tmp_path: Path) -> None:
    code = textwrap.dedent(WRITER)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "CODE": code, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("waits\n")
    assert names(tmp_path) == ["a", "b", "c"]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"second"}


def test_a_turn_that_does_not_end_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE", 0.0)
    with (tmp_path / leftovers.TURN).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another specc is writing in "):
            written(tmp_path / "a")
    assert names(tmp_path) == [leftovers.TURN]
    written(tmp_path / "a")  # the file of one that was killed holds nobody up
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("of", ["the file system", "the system"])
def test_without_locks_all_is_written_and_nothing_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "no locks available")

    dead = hidden(tmp_path / "a", ".tmp", swept=True)
    dead.write_bytes(b"dead, or alive: who knows")
    monkeypatch.setattr(fcntl, "flock", no_locks)
    if of == "the system":
        monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    with replace_all(tmp_path / "a", tmp_path / "b") as outputs:
        assert not any(leftovers._machine() in output.path.name for output in outputs)
    with new_folder(tmp_path / "made"):
        pass
    assert names(tmp_path) == [dead.name, "a", "b", "made"]


def test_a_provisional_file_that_another_run_has_replaced_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.0123456789abcdef.data"

    def failing() -> None:
        with provisional(path, lambda output: output.write(b"first")) as place:
            assert place.read_bytes() == b"first"
            written(place)
            raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        failing()
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("call", ["os.open", "fcntl.flock", "Path.unlink", "os.close"])
@pytest.mark.parametrize("comes", ["before", "after"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that an interrupt leaves open
def test_an_interrupt_at_any_call_of_a_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, comes: str
) -> None:
    """Ctrl-C comes once; each of these calls is tried, the n-th time that it is called."""
    owner = {"os": os, "fcntl": fcntl, "Path": Path}[call.split(".", maxsplit=1)[0]]
    name, interrupts = call.split(".")[1], 0
    real = getattr(owner, name)
    for number in range(20):
        left = number

        def watched(*arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == -1 and comes == "before":
                raise KeyboardInterrupt
            result = real(*arguments, **options)
            if left == -1:
                raise KeyboardInterrupt
            return result

        folder = tmp_path / f"{number}"
        folder.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, watched)
            with suppress(KeyboardInterrupt):
                written(folder / "a")
        interrupts += left < 0
        assert names(folder) in ([], ["a"]), (number, names(folder))
    assert interrupts
