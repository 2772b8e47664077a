"""Worker processes, which do many tasks on all processors.

Of a check, the main process reads every spec, asks the cache and writes to it. A worker is given texts and sends back
what is in them. It writes nothing, so that it may be killed at any time; and of one that is, it is known what it had.
"""

from __future__ import annotations

import gc
import io
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, NamedTuple, TypeVar

from specc.filesystem import FileSystem
from specc.project.budgets import Budget
from specc.project.cache import FileFindings
from specc.project.fresh import FreshChecker
from specc.source import Source

MOST = 60
"""Processes: Windows waits for 63 things at most."""
_BATCH = 8
"""Tasks that a worker is given at once, so that it need not wait after each."""

Task = tuple[Source, Budget | None]
T = TypeVar("T")
R = TypeVar("R")


class Lost(NamedTuple):
    """What there is of a task whose worker has ended too early: how that ended."""

    how: str


class Work(NamedTuple, Generic[T, R]):
    """What workers do.

    Attributes:
        begin: called in each worker when it starts; what that gives makes of a task the message that is sent back.
        receiver: called for each worker in the main process; what that gives makes the result of a message.
    """

    begin: Callable[[], Callable[[T], Any]]
    receiver: Callable[[], Callable[[Any], R]]


class _Worker(NamedTuple):
    """A process.

    Attributes:
        pipe: to and from it.
        tasks: the numbers of what it was given and has not sent back, in order.
        received: makes the result of a message of its.
    """

    process: BaseProcess
    pipe: Connection
    tasks: deque[int]
    received: Callable[[Any], Any]


def check_all(
    tasks: Mapping[int, Task], files: FileSystem, jobs: int
) -> Iterator[tuple[int, FileFindings | str | Lost]]:
    """What is in each spec, as of `FreshChecker.attempt`, under its number, in whatever order it comes.

    Args:
        files: where the specs are.
        jobs: how many processes.
    """
    batch = max(1, min(_BATCH, len(tasks) // (4 * min(jobs, len(tasks), MOST))))
    work: Work[Task, FileFindings | str] = Work(partial(_Checker, files), _Receiver)
    return results(tasks.items(), work, min(jobs, len(tasks)), batch)


def results(
    tasks: Iterable[tuple[int, T]], work: Work[T, R], jobs: int, batch: int = 1
) -> Generator[tuple[int, R | Lost], None, None]:
    """What comes of each task, under its number, in whatever order it comes; a task is taken when a worker is free.

    Args:
        jobs: how many processes.
        batch: how many tasks one is given at once.
    """
    workers: list[_Worker] = []
    try:
        _start(workers, min(jobs, MOST), work)
        yield from _results(workers, tasks, batch) if workers else _alone(tasks, work)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()


def _start(workers: list[_Worker], count: int, work: Work[Any, Any]) -> None:
    """Start processes; fewer where the system allows no more."""
    # A fork has at once what is loaded here. Other systems have no fork, or libraries that do not stand one.
    context = get_context("fork") if sys.platform == "linux" else get_context("spawn")
    for _ in range(count):
        ours, theirs = context.Pipe()
        # Else an end that a fork has inherited keeps a pipe open when this process is no more.
        inherited = [ours, *(worker.pipe for worker in workers)] if sys.platform == "linux" else []
        process = context.Process(target=_work, args=(theirs, work.begin, inherited), daemon=True)
        try:
            process.start()
        except OSError:
            ours.close()
            return
        finally:
            theirs.close()
        workers.append(_Worker(process, ours, deque(), work.receiver()))


def _alone(tasks: Iterable[tuple[int, T]], work: Work[T, R]) -> Iterator[tuple[int, R]]:
    done, received = work.begin(), work.receiver()
    for number, task in tasks:
        yield number, received(done(task))


# ---- in the main process --------------------------------------------------------------------------------------------


def _results(workers: Sequence[_Worker], tasks: Iterable[tuple[int, T]], batch: int) -> Iterator[tuple[int, Any]]:
    upcoming = iter(tasks)
    given: dict[int, T] = {}
    waiting: deque[int] = deque()
    """What a worker that has ended had besides the task at hand."""
    alive: dict[object, _Worker] = {worker.pipe: worker for worker in workers}
    while alive:
        for worker in alive.values():
            if worker.tasks:
                continue
            if not waiting:
                given.update(new := dict(islice(upcoming, batch)))
                waiting.extend(new)
            worker.tasks.extend(waiting.popleft() for _ in range(min(batch, len(waiting))))
            if worker.tasks:
                with suppress(OSError):  # it has ended, and will be found so
                    # It waits for this: neither is ever kept from sending by the other that does not read.
                    worker.pipe.send([given[number] for number in worker.tasks])
        busy = [worker.pipe for worker in alive.values() if worker.tasks]
        if not busy:
            return
        for pipe in wait(busy):
            worker = alive[pipe]
            try:
                result = worker.received(worker.pipe.recv())
            except (EOFError, OSError):
                del alive[pipe]
                worker.process.join()
                result = Lost(_end(worker.process))
            number = worker.tasks.popleft()
            del given[number]
            yield number, result
            if pipe not in alive:  # the task at hand is lost; the others go to whoever is left
                waiting.extendleft(reversed(worker.tasks))
    for number in (*waiting, *(number for number, _ in upcoming)):
        yield number, Lost("no process was left for it")


def _end(process: BaseProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"its process ended with exit code {code}"
    return f"its process was killed ({signal.Signals(-code).name})"


class _Receiver:
    """Makes findings of what a worker sends: imported files come once, before the first findings that speak of them."""

    def __init__(self) -> None:
        self._imports: list[Source] = []

    def __call__(self, message: tuple[list[Source], bytes]) -> FileFindings | str:
        imports, data = message
        self._imports.extend(imports)
        result: FileFindings | str = _Unpickler(io.BytesIO(data), self._imports).load()
        return result


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, imports: Sequence[Source]) -> None:
        super().__init__(file)
        self._imports = imports

    def persistent_load(self, number: int) -> Source:
        return self._imports[number]


# ---- in a worker ----------------------------------------------------------------------------------------------------


def _work(pipe: Connection, begin: Callable[[], Callable[[Any], Any]], inherited: Sequence[Connection]) -> None:
    """Do what comes until nothing comes any more."""
    for end in inherited:
        end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the main one ends the others
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    gc.disable()  # as in the main process; who does the work frees what each task leaves
    done = begin()
    with suppress(EOFError, OSError):  # the main process has ended
        while True:
            for task in pipe.recv():
                pipe.send(done(task))


class _Checker:
    """Checks a spec, and makes of what is in it a message for a `_Receiver`."""

    def __init__(self, files: FileSystem) -> None:
        self._checker = FreshChecker(files)
        self._imports: dict[Source, int] = {}

    def __call__(self, task: Task) -> tuple[list[Source], bytes]:
        result = self._checker.attempt(*task)
        imports = [] if isinstance(result, str) else result.sources[1:]
        new = [one for one in imports if one not in self._imports]
        for one in new:
            self._imports[one] = len(self._imports)
        data = io.BytesIO()
        _Pickler(data, self._imports).dump(result)
        return new, data.getvalue()


class _Pickler(pickle.Pickler):
    """Writes imported files as numbers: what a hundred specs import is sent once."""

    def __init__(self, file: io.BytesIO, imports: Mapping[Source, int]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._imports = imports

    def persistent_id(self, value: object) -> int | None:
        return self._imports.get(value) if isinstance(value, Source) else None
