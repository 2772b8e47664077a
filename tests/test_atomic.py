import errno
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from specc.atomic import new_folder, replace, replace_all, require_new_folder, require_place
from specc.diagnostics import UsageError
from tests.signals import heed_signals

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions, signals and limits")
OLD, NEW = b"the old file", b"the new file, which is longer"


@pytest.fixture
def out(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(OLD)
    return path


def refusal(path):
    with pytest.raises(UsageError) as caught, replace(path) as output:
        output.write(NEW)
    return str(caught.value)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def only(path, content):
    """``path`` holds ``content``, and nothing else lies in its folder."""
    assert path.read_bytes() == content
    assert names(path.parent) == [path.name]


def test_new_file_appears_only_at_the_end(tmp_path):
    path = tmp_path / "net.onnx"
    with replace(path) as output:
        output.write(NEW)
        assert not path.exists()
        assert output.path.parent == tmp_path
        assert output.path.name.startswith(".net.onnx.")
        assert output.path.name.endswith(".tmp")
    only(path, NEW)


def test_old_file_stands_until_the_new_one_is_whole(out):
    with replace(out) as output:
        output.write(NEW)
        output.flush()
        assert out.read_bytes() == OLD
    only(out, NEW)


def test_body_can_examine_the_temporary_before_it_is_put_in_place(out):
    with replace(out) as output:
        output.write(NEW)
        output.close()
        assert output.path.read_bytes() == NEW
        assert out.read_bytes() == OLD
    only(out, NEW)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, UsageError])
@pytest.mark.parametrize("closed", [False, True])
def test_any_exception_leaves_the_old_file(out, error, closed):
    def write():
        with replace(out) as output:
            output.write(NEW)
            if closed:
                output.close()
            raise error("mine")

    with pytest.raises(error, match="mine"):
        write()
    only(out, OLD)


def halfway():
    yield NEW
    raise RuntimeError("halfway")


def test_exception_leaves_no_file_where_there_was_none(tmp_path):
    with pytest.raises(RuntimeError, match="halfway"), replace(tmp_path / "net.onnx") as output:
        output.writelines(halfway())
    assert names(tmp_path) == []


def test_other_files_errors_are_not_renamed(out):
    with pytest.raises(FileNotFoundError, match="weights"), replace(out):
        Path(out.parent / "weights").read_bytes()
    only(out, OLD)


@posix
def test_mode_of_a_new_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with replace(tmp_path / "net.onnx") as output:
            output.write(NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "net.onnx").stat().st_mode) == 0o640


@posix
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_mode_of_the_replaced_file_is_kept(out, mode):
    out.chmod(mode)
    with replace(out) as output:
        assert stat.S_IMODE(output.path.stat().st_mode) == mode  # never readable by more people in between
        output.write(NEW)
    assert stat.S_IMODE(out.stat().st_mode) == mode


@posix
def test_symbolic_link_is_followed(tmp_path, out):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "latest.onnx"
    link.symlink_to(Path("..") / out.name)
    with replace(link) as output:
        output.write(NEW)
        assert output.path.parent == tmp_path
    assert link.is_symlink()
    assert out.read_bytes() == NEW
    assert names(tmp_path / "links") == ["latest.onnx"]


@posix
def test_dangling_link_is_filled(tmp_path):
    link = tmp_path / "latest.onnx"
    link.symlink_to("net.onnx")
    with replace(link) as output:
        output.write(NEW)
    assert link.is_symlink()
    assert (tmp_path / "net.onnx").read_bytes() == NEW


@posix
def test_circle_of_links_is_refused(tmp_path):
    path = tmp_path / "a"
    path.symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert refusal(path) == f"cannot write {path}: its symbolic links lead round in a circle"
    assert names(tmp_path) == ["a", "b"]


def test_missing_folder_names_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("my nets/deep/net.onnx")
    message = refusal(path)
    assert message.startswith(f"cannot write {path}: the folder {path.parent} does not exist")
    if os.name == "posix":
        subprocess.run(message.split("first: ")[1], shell=True, check=True)  # the suggested fix works
        with replace(path) as output:
            output.write(NEW)
        only(path, NEW)


def test_folder_that_is_a_file(out):
    for path in (out / "net.onnx", out / "deep" / "net.onnx"):
        assert refusal(path) == f"cannot write {path}: {out} is a file, not a folder"
    only(out, OLD)


def test_folder_in_place_of_a_file(tmp_path):
    assert refusal(tmp_path) == f"cannot write {tmp_path}: it is a folder; name a file in it"
    assert names(tmp_path) == []


@posix
def test_devices_are_never_replaced(tmp_path):
    """Root could really replace /dev/null, so root tries it on a device of its own."""
    device = Path("/dev/null")
    if os.geteuid() == 0:
        device = tmp_path / "null"
        try:
            os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("this root may make no devices")
    assert "it is a device, pipe or socket" in refusal(device)
    assert device.is_char_device()


@posix
def test_pipes_and_sockets_are_never_replaced(tmp_path):
    pipe, sock = tmp_path / "pipe", tmp_path / "sock"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(sock))  # the name of a socket must be short
        for path in (pipe, sock):
            assert "it is a device, pipe or socket" in refusal(path)
    assert pipe.is_fifo()
    assert sock.is_socket()


@posix
def test_name_too_long(tmp_path):
    path = tmp_path / ("n" * 300)
    assert refusal(path) == f"cannot write {path}: the name is too long for this file system"
    assert names(tmp_path) == []


@posix
@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "網" * 85])
def test_longest_names_fit(tmp_path, name):
    with replace(tmp_path / name) as output:
        output.write(NEW)
    only(tmp_path / name, NEW)


def test_nul_in_the_name(tmp_path):
    assert "a file name holds no NUL character" in refusal(tmp_path / "net\0.onnx")


def run(code, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


@posix
@pytest.mark.parametrize("size", [10_000, 3_000_000])  # met when the file is closed; met while writing
def test_file_size_limit(out, size):
    """EFBIG as the kernel gives it: half of a write succeeds, the next one fails."""
    done = run(
        """
        import resource, signal, sys
        from pathlib import Path
        from specc.diagnostics import UsageError
        from specc.atomic import replace
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
        try:
            with replace(Path(sys.argv[1])) as output:
                output.write(bytes(int(sys.argv[2])))
        except UsageError as error:
            print(error)
        """,
        out, size,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"cannot write {out}: the file grows beyond the largest size allowed here\n"
    only(out, OLD)


@posix
def test_full_disk(tmp_path):
    """A file system of 64 KiB, truly full."""
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"]
    if not mount or subprocess.run([mount, *options, str(tmp_path)], capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a small file system")
    try:
        path = tmp_path / "net.onnx"
        path.write_bytes(OLD)
        for size in (70_000, 3_000_000):
            with pytest.raises(UsageError) as caught, replace(path) as output:
                output.write(bytes(size))
            assert str(caught.value) == f"cannot write {path}: the disk is full"
            assert isinstance(caught.value.__cause__, OSError)
            assert caught.value.__cause__.errno == errno.ENOSPC
            only(path, OLD)
        subprocess.run([mount, "-o", "remount,ro", str(tmp_path)], check=True)
        for place in (path, tmp_path / "other"):
            assert refusal(place) == f"cannot write {place}: its file system is read-only"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@posix
def test_interrupt_from_outside(out):
    """Ctrl-C in the middle of a write."""
    code = """
        import sys, time
        from pathlib import Path
        from specc.atomic import replace
        with replace(Path(sys.argv[1])) as output:
            output.write(bytes(1_000_000))
            print("writing", flush=True)
            time.sleep(60)
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_signals,  # noqa: PLW1509 - it takes no lock
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        assert len(names(out.parent)) == 2
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGINT
    assert b"KeyboardInterrupt" in errors
    only(out, OLD)


@posix
def test_without_permission():
    """As a user whom permission bits bind: root steps down first."""
    code = """
        import os, sys
        from pathlib import Path
        from specc.diagnostics import UsageError
        from specc.atomic import replace
        if os.geteuid() == 0:
            os.setgroups([]), os.setgid(65534), os.setuid(65534)
        for name in ("locked/net.onnx", "locked/new.onnx", "protected.onnx"):
            try:
                with replace(Path(name)) as output:
                    output.write(b"new")
            except UsageError as error:
                print(error)
        """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "locked").mkdir()
        inside, protected = folder / "locked" / "net.onnx", folder / "protected.onnx"
        for path, mode in ((inside, 0o666), (protected, 0o444), (folder / "locked", 0o555), (folder, 0o777)):
            if not path.exists():
                path.write_bytes(OLD)
            path.chmod(mode)
        done = run(code, cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        (folder / "locked").chmod(0o755)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            "cannot write locked/net.onnx: no permission to make or replace a file in its folder",
            "cannot write locked/new.onnx: no permission to make or replace a file in its folder",
            "cannot write protected.onnx: the file there is write-protected",
        ]
        only(inside, OLD)
        assert protected.read_bytes() == OLD


def entries(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", ["new", "empty", "link"])
def test_new_folder_appears_whole(tmp_path, kind):
    place = tmp_path / "place"
    if kind != "new":
        (tmp_path / "real").mkdir()
    if kind == "empty":
        place.mkdir()
    if kind == "link":
        place.symlink_to(tmp_path / "real")
    with new_folder(place) as folder:
        (folder / "a").write_text("a")
        assert not (place / "a").exists()
    assert (place / "a").read_text() == "a"
    assert place.is_symlink() == (kind == "link")
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(28, "full")])
def test_failed_folder_leaves_nothing(tmp_path, error):
    def fill():
        with new_folder(tmp_path / "place") as folder:
            (folder / "a").write_text("a")
            raise error

    with pytest.raises((KeyboardInterrupt, ValueError, UsageError)):
        fill()
    assert entries(tmp_path) == []


def test_folders_that_hold_something_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    before = entries(tmp_path)
    for place, said in (
        ("full", "the folder is not empty"),
        ("full/mine", "it is a file"),
        ("full/mine/a", "full/mine is a file, not a folder"),
        ("none/a", "make it first: mkdir -p none"),
        (".", "name a new folder"),
        ("", "name a new folder"),
        ("a\0b", "name a new folder"),
    ):
        for function in (require_new_folder, lambda path: new_folder(path).__enter__()):
            with pytest.raises(UsageError, match="cannot write") as caught:
                function(Path(place))
            assert said in str(caught.value)
    assert entries(tmp_path) == before


def test_places_are_looked_at_and_left_alone(tmp_path):
    require_place(tmp_path / "new")
    assert entries(tmp_path) == []
    with pytest.raises(UsageError, match="it is a folder"):
        require_place(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        require_place(tmp_path / "no" / "new")


def write_all(folder):
    with replace_all(*(folder / name for name in "abc")) as outputs:
        for output in outputs:
            output.write(b"new")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("old", [(), ("a",), ("b",), ("a", "b", "c")])
@pytest.mark.parametrize("fails", ["a", "b", "c"])
@pytest.mark.parametrize("error", [PermissionError(1, "no"), KeyboardInterrupt()])
def test_all_files_or_none(tmp_path, monkeypatch, links, old, fails, error):
    real = Path.replace

    def put(self, target):
        if target.name == fails and self.suffix == ".tmp":
            raise error
        return real(self, target)

    def no_link(*_):
        raise OSError(1, "no links here")

    for name in old:
        (tmp_path / name).write_bytes(OLD)
        (tmp_path / name).chmod(0o640)
    monkeypatch.setattr(Path, "replace", put)
    if not links:
        monkeypatch.setattr(os, "link", no_link)

    with pytest.raises((UsageError, KeyboardInterrupt)):
        write_all(tmp_path)
    assert entries(tmp_path) == list(old)
    for name in old:
        assert (tmp_path / name).read_bytes() == OLD
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640
    monkeypatch.undo()
    write_all(tmp_path)
    assert entries(tmp_path) == ["a", "b", "c"]
    assert {(tmp_path / name).read_bytes() for name in "abc"} == {b"new"}


def test_an_interrupt_behind_the_last_file_takes_nothing_back(tmp_path, monkeypatch):
    real = Path.replace

    def put(self, target):
        real(self, target)
        if target.name == "a":  # the first is put in place last
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", put)
    for name in "abc":
        (tmp_path / name).write_bytes(OLD)
    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path)
    assert entries(tmp_path) == ["a", "b", "c"]
    assert {(tmp_path / name).read_bytes() for name in "abc"} == {b"new"}
