"""What runs leave in a folder when they are killed: known by its name, known to be dead by its lock, and removed.

A file on its way has a hidden name of ours (``.net.onnx.RANDOM.MACHINE.tmp``), and its process holds a lock on it, that
the system lifts when the process ends, however it ends: no live process is taken for a dead one, whatever its number.
Some shared folders keep the locks of each machine to itself, so MACHINE is part of the name, and no other machine
touches it (nor this one, when it was started anew). What cannot be locked has no MACHINE, and stays.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path

from specc.diagnostics import UsageError

TURN = ".specc.lock"
"""Stands in a folder while a run makes its hidden files there or puts files in their places: for milliseconds."""
PATIENCE = 10.0
"""Seconds to wait for another run's turn to end."""
_PROVISIONAL = re.compile(r"(.+)\.[0-9a-f]{16}\.data")


def hidden(target: Path, suffix: str, *, swept: bool) -> Path:
    """A new hidden name beside ``target``; of one that is not to be swept nobody but its own process takes care."""
    # A name has at most 255 bytes on most file systems: 40 characters take 160 of them at most.
    machine = f".{_machine()}" if swept else ""
    return target.with_name(f".{target.name[:40]}.{os.urandom(8).hex()}{machine}{suffix}")


def hold(path: Path) -> tuple[Path, int | None]:
    """Lock a hidden file or folder just made, in our turn: gives its name from now on, and what to close in the end."""
    lock = None
    with suppress(OSError):
        lock = _opened(path)
        lock_file(lock)
        return path, lock
    if lock is not None:
        os.close(lock)
    unswept = path.with_name(path.name.replace(f".{_machine()}.", "."))
    return path.rename(unswept), None


@contextmanager
def turn(*folders: Path) -> Iterator[bool]:
    """Have the folders to oneself among all runs of specc; False where one of them cannot be locked.

    Raises:
        UsageError: another run does not end its turn.
    """
    with ExitStack() as stack:
        # All in one order: no two runs wait for each other.
        turns = [stack.enter_context(_turn(folder)) for folder in sorted(set(folders))]
        yield all(turns)


@contextmanager
def _turn(folder: Path) -> Iterator[bool]:
    path, lock = folder / TURN, None
    try:
        lock = _locked_file(path)
        yield lock is not None
    except BaseException:
        if lock is None:  # a signal came when the file was made, and nobody knew of it yet
            with suppress(OSError):
                _remove_if_dead(path)
        raise
    finally:
        # Python heeds a signal between any two calls, here too: then it is done once more.
        try:
            _end_turn(path, lock)
        except BaseException:
            _end_turn(path, lock)
            raise


def _end_turn(path: Path, lock: int | None) -> None:
    if lock is None:
        return
    with suppress(OSError):
        # Before the lock is lifted: who waits for it sees that the file has gone, and makes another.
        if _is_at(path, lock):
            path.unlink()
    with suppress(OSError):
        os.close(lock)


def _locked_file(path: Path) -> int | None:
    """Raises UsageError where it stays locked."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
        except OSError:
            return None
        try:
            lock_file(lock)
            if _is_at(path, lock):
                return lock
        except BlockingIOError:
            pass
        except BaseException as error:
            os.close(lock)
            if isinstance(error, OSError):  # a system or a file system without locks
                with suppress(OSError):
                    path.unlink()
                return None
            raise
        os.close(lock)
        if time.monotonic() > end:
            raise UsageError(f"another specc is writing in {path.parent or '.'} and does not come to an end: try again")
        time.sleep(0.005)


def sweep(folder: Path) -> None:
    """Remove what dead runs of this machine and this user have left in a folder, in our turn."""
    _sweep(folder, int(time.monotonic() // 60))


@lru_cache(1024)  # once a minute is enough: some commands write a file after the other in a folder of thousands
def _sweep(folder: Path, _minute: int) -> None:
    names = re.compile(rf"\.(.{{1,40}})\.[0-9a-f]{{16}}\.{_machine()}\.(tmp|old|new)", re.DOTALL)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if names.fullmatch(entry.name):
                with suppress(OSError):
                    _remove_if_dead(Path(entry.path))


def _remove_if_dead(path: Path) -> None:
    """Raises OSError where it is alive, or not ours."""
    lock = _opened(path)
    try:
        status = os.fstat(lock)
        if status.st_uid != os.geteuid():
            return
        lock_file(lock)
        if not _is_at(path, lock):
            return
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path)
        elif stat.S_ISREG(status.st_mode):
            if path.suffix == ".new":
                _remove_provisional(path)
            path.unlink()
    finally:
        os.close(lock)


def mark(status: os.stat_result) -> bytes:
    """What stands in a hidden file, with the suffix ``.new``, beside a file that is in its place provisionally."""
    return f"{status.st_ino} {status.st_mtime_ns}".encode()


def _remove_provisional(marking: Path) -> None:
    """Remove weights that were put in place before the proof of the model that they are for, which never came."""
    content = marking.read_bytes()
    for path in marking.parent.iterdir():
        named = _PROVISIONAL.fullmatch(path.name)
        if named and mark(path.lstat()) == content:
            model = marking.with_name(f"{named[1]}.onnx")
            if not model.exists() or path.name.encode() not in model.read_bytes():
                path.unlink()


def _opened(path: Path) -> int:
    """Raises OSError."""
    is_folder = stat.S_ISDIR(path.lstat().st_mode)
    return os.open(path, (os.O_RDONLY if is_folder else os.O_RDWR) | _FLAGS)


_FLAGS = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"))
"""No link is followed, and no pipe waited for."""


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still what the path names."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def lock_file(descriptor: int) -> None:
    """Raises OSError where another process has locked it, or where there are no such locks."""
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise OSError(errno.ENOSYS, "no file is locked here") from error
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@cache  # reads a file
def _machine() -> str:
    """Twelve digits for this machine since it was started; what runs in its containers is the same machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().replace("-", "")[:12]
    except OSError:
        import platform

        return platform.node().encode().hex()[-12:].rjust(12, "0")
