"""Worker processes, which check many specs on all processors.

The main process reads every spec, asks the cache and writes to it. A worker is given texts and sends back what is in
them. It writes nothing, so that it may be killed at any time; and of one that is, it is known what it had.
"""

from __future__ import annotations

import gc
import io
import pickle
import signal
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from specc.filesystem import FileSystem
from specc.project.budgets import Budget
from specc.project.cache import FileFindings
from specc.project.fresh import FreshChecker
from specc.source import Source

MOST = 60
"""Processes: Windows waits for 63 things at most."""
_BATCH = 8
"""Files that a worker is given at once, so that it need not wait after each."""

Task = tuple[Source, Budget | None]


class Lost(NamedTuple):
    """What there is of a file whose worker has ended too early: how that ended."""

    how: str


Result = FileFindings | str | Lost
"""As of `FreshChecker.attempt`, where there is one."""


class _Worker(NamedTuple):
    """A process.

    Attributes:
        pipe: to and from it.
        tasks: the numbers of what it was given and has not sent back, in order.
        imports: the files that its specs import, in the order in which they were sent.
    """

    process: BaseProcess
    pipe: Connection
    tasks: deque[int]
    imports: list[Source]


def check_all(tasks: Mapping[int, Task], files: FileSystem, jobs: int) -> Iterator[tuple[int, Result]]:
    """What is in each spec, under its number, in whatever order it comes.

    Args:
        files: where the specs are.
        jobs: how many processes.
    """
    workers: list[_Worker] = []
    try:
        _start(workers, min(jobs, len(tasks), MOST), files)
        yield from _results(workers, deque(tasks), tasks) if workers else _alone(tasks, files)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()


def _start(workers: list[_Worker], count: int, files: FileSystem) -> None:
    """Start processes; fewer where the system allows no more."""
    # A fork has at once what is loaded here. Other systems have no fork, or libraries that do not stand one.
    context = get_context("fork") if sys.platform == "linux" else get_context("spawn")
    for _ in range(count):
        ours, theirs = context.Pipe()
        # Else an end that a fork has inherited keeps a pipe open when this process is no more.
        inherited = [ours, *(worker.pipe for worker in workers)] if sys.platform == "linux" else []
        process = context.Process(target=_work, args=(theirs, files, inherited), daemon=True)
        try:
            process.start()
        except OSError:
            ours.close()
            return
        finally:
            theirs.close()
        workers.append(_Worker(process, ours, deque(), []))


def _alone(tasks: Mapping[int, Task], files: FileSystem) -> Iterator[tuple[int, Result]]:
    checker = FreshChecker(files)
    for number, (source, budget) in tasks.items():
        yield number, checker.attempt(source, budget)


# ---- in the main process --------------------------------------------------------------------------------------------


def _results(
    workers: Sequence[_Worker], waiting: deque[int], tasks: Mapping[int, Task]
) -> Iterator[tuple[int, Result]]:
    batch = max(1, min(_BATCH, len(tasks) // (4 * len(workers))))
    alive: dict[object, _Worker] = {worker.pipe: worker for worker in workers}
    while alive and (waiting or any(worker.tasks for worker in alive.values())):
        for worker in alive.values():
            if waiting and not worker.tasks:
                worker.tasks.extend(waiting.popleft() for _ in range(min(batch, len(waiting))))
                with suppress(OSError):  # it has ended, and will be found so
                    # It waits for this: neither is ever kept from sending by the other that does not read.
                    worker.pipe.send([tasks[number] for number in worker.tasks])
        for pipe in wait([worker.pipe for worker in alive.values() if worker.tasks]):
            worker = alive[pipe]
            try:
                result: Result = _received(worker)
            except (EOFError, OSError):
                del alive[pipe]
                worker.process.join()
                result = Lost(_end(worker.process))
            yield worker.tasks.popleft(), result
            if pipe not in alive:  # the file at hand is lost; the others go to whoever is left
                waiting.extendleft(reversed(worker.tasks))
    for number in waiting:
        yield number, Lost("no process was left for it")


def _end(process: BaseProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"its process ended with exit code {code}"
    return f"its process was killed ({signal.Signals(-code).name})"


def _received(worker: _Worker) -> FileFindings | str:
    imports, data = worker.pipe.recv()
    worker.imports.extend(imports)
    result: FileFindings | str = _Unpickler(io.BytesIO(data), worker.imports).load()
    return result


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, imports: Sequence[Source]) -> None:
        super().__init__(file)
        self._imports = imports

    def persistent_load(self, number: int) -> Source:
        return self._imports[number]


# ---- in a worker ----------------------------------------------------------------------------------------------------


def _work(pipe: Connection, files: FileSystem, inherited: Sequence[Connection]) -> None:
    """Check what comes until nothing comes any more."""
    for end in inherited:
        end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the main one ends the others
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    gc.disable()  # as in the main process; the checker frees what each file leaves
    checker = FreshChecker(files)
    imports: dict[Source, int] = {}
    with suppress(EOFError, OSError):  # the main process has ended
        while True:
            for source, budget in pipe.recv():
                result = checker.attempt(source, budget)
                new = [] if isinstance(result, str) else [one for one in result.sources[1:] if one not in imports]
                for one in new:
                    imports[one] = len(imports)
                data = io.BytesIO()
                _Pickler(data, imports).dump(result)
                pipe.send((new, data.getvalue()))


class _Pickler(pickle.Pickler):
    """Writes imported files as numbers: what a hundred specs import is sent once."""

    def __init__(self, file: io.BytesIO, imports: Mapping[Source, int]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._imports = imports

    def persistent_id(self, value: object) -> int | None:
        return self._imports.get(value) if isinstance(value, Source) else None
