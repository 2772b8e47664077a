"""An input tried within bounds: 5 s of processor time, 1 GB of memory, nothing written elsewhere, nothing started.

The answer must be a value or a refusal in words; of every eighth input, the same one twice.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NamedTuple, NoReturn
from unittest.mock import patch

from specc.diagnostics import SpecError, UsageError
from specc.elaborate import limits as growth
from tests.fuzz.target import Broken, Target, require, require_sound

SECONDS = 5.0
"""Of processor time, so that a busy machine is no fault of specc's."""
MEMORY = 2**30
"""Bytes above what a process has that has everything loaded."""
STEPS = 20_000
"""A spec may come to a million steps, and takes its time in proportion (docs/benchmarks.md); here to so many."""


class Verdict(NamedTuple):
    """What an input came to.

    Attributes:
        seconds: of processor time, for one answer.
        fault: what must not be; the same words for the same mistake, so that it is counted once.
        details: where it happened.
    """

    outcome: Literal["accepted", "refused", "fault"]
    seconds: float
    fault: str = ""
    details: str = ""


class TooSlow(BaseException):
    """Not an Exception: no handler of what is tried may take it for one of its own."""


class Escaped(BaseException):
    """A file outside was to be written, a program to be started, a connection to be opened."""


def tried(target: Target, data: bytes, *, twice: bool = False) -> Verdict:
    """Try one input. The process should have `bounded_memory`, and its tracebacks asked for (SPECC_TRACEBACK)."""
    start = time.process_time()
    seconds = 0.0
    try:
        with _watched(target), _bounded_time(), patch.object(growth, "MOST_STEPS", STEPS):
            answers = [_answer(target, data)]
            seconds = time.process_time() - start
            if twice:
                answers.append(_answer(target, data))
                require(answers[0] == answers[1], "another answer the second time")
    except (TooSlow, Escaped, Exception) as error:  # noqa: BLE001 - that is what is looked for
        return Verdict("fault", time.process_time() - start, *_described(error))
    return Verdict("accepted" if answers[0][0] else "refused", seconds)


def _answer(target: Target, data: bytes) -> tuple[bool, object]:
    """Whether it is accepted, and the value or the words."""
    try:
        return True, target.answer(data)
    except SpecError as error:
        return False, require_sound(error.diagnostics)
    except UsageError as error:
        require(error.lines and error.lines[0].strip(), "refused without a word")
        return False, tuple(error.lines)


def _described(error: BaseException) -> tuple[str, str]:
    """The mistake, by its kind and the innermost place of ours, and the whole traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{Path(frame.filename).name}:{frame.name}" for frame in frames if f"{os.sep}specc{os.sep}" in frame.filename
    ]
    what = str(error) if isinstance(error, Broken | Escaped) else type(error).__name__
    details = "".join(traceback.format_exception(error, limit=-12))
    return f"{what} ({places[-1] if places else frames[-1].name})", details


# ---- time and memory ----------------------------------------------------------------------------------------


@contextmanager
def _bounded_time() -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return

    def late(number: int, frame: FrameType | None) -> NoReturn:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS)  # for two answers
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bound_memory() -> None:
    """For a process of its own that has everything loaded: from now on, more than `MEMORY` on top is a MemoryError."""
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))


# ---- what is written and started ------------------------------------------------------------------------------

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = {
    "os.rename": ((0, 2), (1, 3)), "os.remove": ((0, 1),), "os.mkdir": ((0, 2),), "os.rmdir": ((0, 1),),
    "os.link": ((1, 3),), "os.symlink": ((1, 2),), "os.truncate": ((0, None),), "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),), "os.utime": ((0, 3),),
}  # fmt: skip
"""What changes files, and which of its arguments are their paths and the open folders that these start from."""
_STARTING = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn", "socket.connect"}

_watching: list[Target] = []
"""The target that is tried now; a hook of Python's can never be taken off again, and rests while there is none."""
_hooked: list[bool] = []


@contextmanager
def _watched(target: Target) -> Iterator[None]:
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    _watching.append(target)
    try:
        yield
    finally:
        _watching.pop()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open":
        path, mode, flags = arguments
        writes = any(sign in mode for sign in "wax+") if mode else bool(flags & _WRITING)
        if writes:
            _require_inside(event, path)
    elif event in _CHANGING:
        for path, folder in _CHANGING[event]:
            _require_inside(event, arguments[path], -1 if folder is None else arguments[folder])
    elif event in _STARTING and not getattr(_watching[-1], "starts", False):
        raise Escaped(f"{event} was called")


def _require_inside(event: str, path: object, folder: int = -1) -> None:
    if isinstance(path, int):  # something that is open
        return
    with suppress(TypeError):
        start = os.getcwd() if folder == -1 else os.readlink(f"/proc/self/fd/{folder}")
        place = os.path.normpath(os.path.join(start, os.fsdecode(path)))  # type: ignore[arg-type]
        inside = f"{place}{os.sep}".startswith((f"{_watching[-1].folder}{os.sep}", "/dev/"))
        if not inside and f"{os.sep}__pycache__{os.sep}" not in place:
            raise Escaped(f"{event} of a file outside")
