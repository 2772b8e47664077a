"""Output that is whole or not there: written beside its place, then put there in one step."""

from __future__ import annotations

import errno
import io
import os
import re
import shlex
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from specc.diagnostics import UsageError
from specc.diagnostics.words import system_reason
from specc.leftovers import hidden, hold, mark, sweep, turn

_FORBIDDEN = "no permission to make or replace a file in its folder"
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "the file grows beyond the largest size allowed here",
    errno.EROFS: "its file system is read-only",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENAMETOOLONG: "the name is too long for this file system",
}


class AtomicFile(io.BufferedWriter):
    """A file on its way to its place; see `replace`.

    Attributes:
        path: where the bytes are now: a hidden temporary in the folder of the final place.
    """

    def __init__(self, raw: _Raw, move: _Move) -> None:
        super().__init__(raw, buffer_size=1 << 18)
        self._raw = raw
        self._move = move
        self.path = move.temporary

    def turn_to(self, path: Path) -> None:
        """Have it put at ``path`` instead, in the same folder: for a name that depends on what was written."""
        with _system_errors(path):
            self._move.target = _target(path)
        self._move.path = path

    def close(self) -> None:
        """Finish writing: every byte is on the disk, and ``path`` may be read or handed to others."""
        if self.closed:
            return
        self.flush()
        with _system_errors(self._raw.shown):
            # Many file systems write data later than names: a crash would leave an empty file at the place.
            os.fsync(self.fileno())
        super().close()

    def append(self, data: bytes) -> None:
        """Put ``data`` behind what was written, when that has been closed and examined as it was."""
        with _system_errors(self._raw.shown), self.path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def abandon(self) -> None:
        """Close without writing what is still buffered: after a full disk that would fail once more."""
        self._raw.close()


@contextmanager
def replace(path: Path) -> Iterator[AtomicFile]:
    """Write ``path`` as a whole or not at all.

    The bytes go to a temporary in the same folder. When the body ends, the temporary takes the place
    of ``path`` (of its target, where it is a symbolic link) and the permissions of the file replaced;
    when the body raises anything, KeyboardInterrupt included, the temporary is removed and what stood
    at ``path`` is as it was. The body may `AtomicFile.close` early and examine ``output.path``, the
    temporary, before it is put in place.

    Raises:
        UsageError: where ``path`` cannot be a file, or cannot be written, such as on a full disk.
            An OSError of the body's own, about another file, passes through unchanged.
    """
    with replace_all(path) as (output,):
        yield output


@contextmanager
def replace_all(*paths: Path) -> Iterator[tuple[AtomicFile, ...]]:
    """Write all of ``paths`` or none, each as `replace` does.

    The first is put in place last. Where one cannot be, or the user interrupts, those that were are taken back,
    and the files that they have replaced stand there again. Only what ends the process at once can come between; what
    that leaves, the next run removes. Of two runs that write the same files, all are those of the last.
    """
    moves = [_Move(path) for path in paths]
    folders = [move.target.parent for move in moves]
    try:
        with ExitStack() as stack:
            with turn(*folders) as locked:
                if locked:
                    for folder in set(folders):
                        sweep(folder)
                outputs = tuple(stack.enter_context(move.opened(swept=locked)) for move in moves)
            yield outputs
        with turn(*folders) as locked:
            _put(moves[::-1], swept=locked)
    finally:
        # Python heeds a signal between any two calls, here too: then it is done once more.
        try:
            _clean(moves)
        except BaseException:
            _clean(moves)
            raise


@contextmanager
def provisional(path: Path, fill: Callable[[AtomicFile], object]) -> Iterator[Path]:
    """Have a file in its place while the body runs, which is given the path; taken back where that fails and it is new.

    Args:
        fill: writes it, and may turn it to another name.
    """
    move = _Move(path)
    folder = move.target.parent
    try:
        with ExitStack() as stack:
            with turn(folder) as locked:
                if locked:
                    sweep(folder)
                output = stack.enter_context(move.opened(swept=locked))
            fill(output)
        with turn(folder) as locked, _system_errors(move.path):
            move.put_provisionally(swept=locked)
        yield move.path
    except BaseException:
        with turn(folder):
            move.take_back()
        raise
    finally:
        try:
            _clean([move])
        except BaseException:
            _clean([move])
            raise


class _Move:
    """A file on its way from ``temporary`` to ``target``, which is ``path`` after all links."""

    def __init__(self, path: Path) -> None:
        with _system_errors(path):
            self.target = _target(path)
        self.path = path
        self.temporary = hidden(self.target, ".tmp", swept=False)
        self.backup = hidden(self.target, ".old", swept=False)
        self.replaces = False
        self.provisional: os.stat_result | None = None
        self._locks: list[int] = []

    @contextmanager
    def opened(self, *, swept: bool) -> Iterator[AtomicFile]:
        """The temporary, with the mode of what it will replace; closed when the body ends."""
        with _system_errors(self.path):
            self.temporary = hidden(self.target, ".tmp", swept=swept)
            raw = _Raw(self.temporary, self.path)
            if swept:
                self.temporary = self._held(self.temporary)
            output = AtomicFile(raw, self)
        try:
            with _system_errors(self.path):
                if self.target.exists():  # a new file keeps the mode that it was made with, 0666 less the umask
                    self.temporary.chmod(stat.S_IMODE(self.target.stat().st_mode))
            yield output
            output.close()
        except BaseException:
            output.abandon()
            raise

    def _held(self, path: Path) -> Path:
        path, lock = hold(path)
        if lock is not None:
            self._locks.append(lock)
        return path

    def back_up(self, *, swept: bool) -> None:
        """Have what stands at the target under another name too."""
        if not self.target.exists():
            return
        self.backup = hidden(self.target, ".old", swept=swept)
        try:
            os.link(self.target, self.backup)
        except OSError:  # a file system without links, or one that forbids them
            shutil.copy2(self.target, self.backup)
        if swept:
            self.backup = self._held(self.backup)
        self.replaces = True

    def put_provisionally(self, *, swept: bool) -> None:
        """At the target, with a mark beside it while that is so: the next run finds it where this one is killed."""
        if not self.target.exists():
            self.provisional = self.temporary.stat()
        if swept and self.provisional is not None:
            self.backup = hidden(self.target, ".new", swept=True)
            self.backup.touch()
            self.backup = self._held(self.backup)
            self.backup.write_bytes(mark(self.provisional))
        self.temporary.replace(self.target)

    def take_back(self) -> None:
        """Remove what was put provisionally, unless another run has put its own there since then."""
        with suppress(OSError):
            if self.provisional is not None and os.path.samestat(self.provisional, self.target.stat()):
                self.target.unlink()

    def roll_back(self) -> None:
        """As it was before the temporary took the target's place, where that has come so far."""
        if self.temporary.exists():  # it has not been moved yet
            return
        if self.replaces:
            self.backup.replace(self.target)
        else:
            self.target.unlink(missing_ok=True)

    def clean(self) -> None:
        for path in (self.temporary, self.backup):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        while self._locks:
            os.close(self._locks.pop())


def _clean(moves: Sequence[_Move]) -> None:
    for move in moves:
        move.clean()


def _put(moves: Sequence[_Move], *, swept: bool) -> None:
    """In this order. With the last one all are there: what comes then takes nothing back."""
    last = moves[-1]
    try:
        for move in moves:
            with _system_errors(move.path):
                if move is not last:
                    move.back_up(swept=swept)
                move.temporary.replace(move.target)
    except BaseException:
        for move in moves if last.temporary.exists() else ():
            with suppress(OSError):
                move.roll_back()
        raise


def is_stream(path: Path) -> bool:
    """Whether a text goes there as it comes: to a stream of this process (``/dev/stdout``), a device, a named pipe."""
    if _stream(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_stream(path: Path, text: bytes) -> None:
    """Write to a stream. Raises UsageError."""
    with _system_errors(path):
        number = _stream(path)
        # Opened by its name, a file behind it would be written from its beginning, or by others from where they were.
        with open(path if number is None else os.dup(number), "wb") as file:
            file.write(text)


def _stream(path: Path) -> int | None:
    """The number of the stream of this process that a path names."""
    name = os.path.abspath(path) if "\0" not in str(path) else ""
    named = re.fullmatch(r"/(?:dev/(?:fd/([0-9]{1,9})|(stdout|stderr))|proc/self/fd/([0-9]{1,9}))", name)
    if named is None:
        return None
    return {"stdout": 1, "stderr": 2}[named[2]] if named[2] else int(named[1] or named[3])


def require_regular(path: Path) -> None:
    """Raises UsageError where ``path`` is no file and no folder: to open a pipe waits, perhaps for ever."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # who opens it says what is wrong
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"{path} cannot be read: it is a device, pipe or socket, and a regular file is needed")


def require_place(path: Path) -> None:
    """Raises UsageError where a text could not be written to ``path``: to know it before long work."""
    if is_stream(path):
        return
    with _system_errors(path):
        _try_folder(_target(path).parent)


def require_new_folder(path: Path) -> None:
    """Raises UsageError where something is at ``path`` that is no empty folder, or nothing can be made there."""
    if str(path) == "." or "\0" in str(path):
        raise UsageError(f"cannot write {str(path)!r}: name a new folder")
    with _system_errors(path):
        target = Path(os.path.realpath(path))
        _require_folder(path, target)
        if target.exists() and not target.is_dir():
            raise UsageError(f"cannot write {path}: it is a file; name a new folder")
        if target.exists() and any(target.iterdir()):
            raise UsageError(f"cannot write {path}: the folder is not empty; name a new one, or remove what is in it")
        _try_folder(target.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make the folder ``path`` as a whole or not at all.

    The body fills the folder that it is given, which is then put in place; when it raises, nothing is left.

    Raises:
        UsageError: as `require_new_folder`, or where it cannot be written.
    """
    require_new_folder(path)
    target, lock = Path(os.path.realpath(path)), None
    temporary = hidden(target, ".tmp", swept=False)
    try:
        with _system_errors(path):
            with turn(target.parent) as locked:
                if locked:
                    sweep(target.parent)
                    temporary = hidden(target, ".tmp", swept=True)
                temporary.mkdir()
                if locked:
                    temporary, lock = hold(temporary)
            yield temporary
            if target.exists():
                target.rmdir()
            temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        if lock is not None:
            os.close(lock)


class _Raw(io.FileIO):
    """Writes that fail in plain words, under the name of the final place."""

    def __init__(self, temporary: Path, shown: Path) -> None:
        super().__init__(temporary, "xb")
        self.shown = shown

    def write(self, data: object) -> int:
        with _system_errors(self.shown):
            return super().write(data)  # type: ignore[arg-type]  # the buffer protocol has no name before 3.12


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Turns the system's refusals into the user's words."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, system_reason(error))
        raise UsageError(f"cannot write {path}: {reason}") from error


def _target(path: Path) -> Path:
    """The place that ``path`` leads to, once it is known that a regular file may stand there."""
    if "\0" in str(path):
        raise UsageError(f"cannot write {str(path)!r}: a file name holds no NUL character")
    if is_stream(path):
        raise UsageError(f"cannot write {path}: it is a device, pipe or socket, and only a regular file is replaced")
    target = Path(os.path.realpath(path))
    # Of links in a circle, realpath gives up and leaves one in the path; it raises nothing.
    if any(place.is_symlink() for place in (target, *target.parents)):
        raise UsageError(f"cannot write {path}: its symbolic links lead round in a circle")
    _require_folder(path, target)
    if target.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder; name a file in it")
    if not target.exists():
        return target
    # To replace a file only its folder must be writable; who has write-protected the file wants to have it as it is.
    try:
        target.open("ab").close()
    except PermissionError as error:
        raise UsageError(f"cannot write {path}: the file there is write-protected") from error
    return target


def _try_folder(folder: Path) -> None:
    """Make a file in it that has no name, or none for long. Raises OSError where the system forbids that."""
    from tempfile import TemporaryFile

    TemporaryFile(dir=folder).close()


def _require_folder(path: Path, target: Path) -> None:
    for folder in reversed(target.parents):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"cannot write {path}: {folder} is a file, not a folder")
    if target.parent.exists():
        return
    folder = path.parent if path.absolute() == target else target.parent
    raise UsageError(
        f"cannot write {path}: the folder {folder} does not exist; make it first: mkdir -p {shlex.quote(str(folder))}"
    )
