"""Variants checked by the workers of a Dask cluster that is there already.

A task carries all that it needs, the text of the spec too: workers may come and go, and have no file. What a worker had
that has gone is given to another one by the scheduler; what takes its worker along again and again is checked here.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import warnings
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from specc.diagnostics import MissingDependency, UsageError
from specc.elaborate import Template
from specc.project.workers import Lost
from specc.sweeps.variant import Question, Variant, VariantChecker
from specc.version import __version__

if TYPE_CHECKING:
    from distributed import Client

    from specc.sweeps.grid import Settings

BATCH = 32
"""Variants of a task: a tenth of a second or more, beside a millisecond that the scheduler takes."""
_CONNECTING = 10
"""Seconds to wait for the scheduler, and for its first worker."""
_AHEAD = 3
"""Tasks for each thread of the cluster that are on their way: no worker waits, and few are in memory."""

_Task = list[tuple[int, "Settings"]]

# Evaluated by a worker: of specc's own nothing is sent but bytes, since a scheduler would have to know what it passes
# on, and a worker that has no specc must be able to say so.
_ASKED = (
    "__import__('importlib.util').util.find_spec('specc') and "
    "__import__('specc.version', fromlist=['version']).__version__"
)
_CALLED = "__import__('specc.sweeps.cluster', fromlist=['cluster']).checked(sent, task, version)"


def results(
    address: str, tasks: Iterator[tuple[int, _Task]], template: Template, question: Question
) -> Generator[tuple[int, list[Variant] | Lost], None, None]:
    """What comes of each task, under its number, in whatever order it comes.

    Args:
        address: of the scheduler: ``tcp://host:8786``.

    Raises:
        MissingDependency: distributed is not installed.
        UsageError: there is no scheduler, or of another version; it has no workers, or such as have no specc, or
            another one; it has gone.
    """
    with _connected(address) as client:
        sent = pickle.dumps((template, question))
        run = uuid4().hex[:8]
        running: dict[Any, int] = {}
        from distributed import as_completed
        from distributed.client import ClosedClientError

        def submit(count: int) -> None:
            for number, task in islice(tasks, max(0, count)):
                key = f"specc-sweep-{run}-{number}"
                names = {"sent": sent, "task": pickle.dumps(task), "version": __version__}
                future = client.submit(eval, _CALLED, names, key=key, pure=False)
                running[future] = number
                arriving.add(future)

        arriving = as_completed(loop=client.loop)
        room = _room(client)
        while True:
            try:
                submit(room - len(running))
                if not running:
                    return
                future = next(arriving)
                number = running.pop(future)
                result = _result(future, address)
                future.release()
                room = max(1, _room(client))
            except (OSError, StopIteration, ClosedClientError) as error:
                raise _gone(address) from error
            yield number, result


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        if error.name not in ("distributed", "dask"):
            raise
        raise MissingDependency("a cluster", "distributed", "cluster") from None
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("distributed", "tornado")]
    quiet = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in quiet]
    for logger in quiet:  # what they say of lost connections is said here in one sentence
        logger.setLevel(logging.CRITICAL + 1)
    client = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ, which are looked at below
            _require_scheduler(address)
            client = Client(address, timeout=_CONNECTING, set_as_default=False)
            versions = client.get_versions()
            try:
                client.wait_for_workers(1, timeout=_CONNECTING)
            except TimeoutError:
                start = f"start one with dask worker {address}"
                raise UsageError(f"the scheduler at {address} has no worker: {start}") from None
            installed = client.run(eval, _ASKED, on_error="return")
        require_versions(address, versions)
        require_workers(installed)
        yield client
    finally:
        if client is not None:
            with suppress(OSError, TimeoutError):
                client.close(timeout=_CONNECTING)
        for logger, level in zip(quiet, levels, strict=True):
            logger.setLevel(level)


def _require_scheduler(address: str) -> None:
    """Raises UsageError where none is. A client would wait for one for ever, where another program answers."""
    from distributed import rpc

    async def identity() -> Mapping[str, Any]:
        async with rpc(address, timeout=_CONNECTING) as there:
            facts: Mapping[str, Any] = await asyncio.wait_for(there.identity(), _CONNECTING)
            return facts

    try:
        with ThreadPoolExecutor(1) as pool:  # this thread may have a loop of its own, as in a notebook
            facts = pool.submit(asyncio.run, identity()).result()
    except TimeoutError as error:
        raise UsageError(f"no scheduler of Dask answers at {address}, in {_CONNECTING} seconds") from error
    except MemoryError as error:  # the first bytes of another program are taken for a length
        raise UsageError(f"no scheduler of Dask answers at {address}, but another program") from error
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(f"no scheduler of Dask answers at {address}: {reason}") from error
    if facts.get("type") != "Scheduler":
        raise UsageError(f"no scheduler of Dask answers at {address}, but a {str(facts.get('type')).lower()}")


def require_versions(address: str, versions: Mapping[str, Any]) -> None:
    """Raises UsageError where the scheduler, or a worker, is of another version of Dask or Python than this process.

    Args:
        versions: as `distributed.Client.get_versions` has them.
    """
    ours = _versions(versions["client"])
    others = {f"the scheduler at {address}": versions["scheduler"]}
    others |= {f"the worker at {worker}": its for worker, its in versions["workers"].items()}
    for who, theirs in others.items():
        for name, version in _versions(theirs).items():
            if version != ours[name]:
                here = f"and here it is {ours[name]}"
                raise UsageError(
                    f"{who} has {name} {version}, {here}: what is sent between them would not be understood"
                )


def _versions(facts: Mapping[str, Any]) -> dict[str, str]:
    python = ".".join(str(facts["host"]["python"]).split(".")[:2])
    return {"Python": python, **{name: str(facts["packages"][name]) for name in ("distributed", "dask")}}


def require_workers(installed: Mapping[str, Any]) -> None:
    """Raises UsageError where a worker has no specc, or another one.

    Args:
        installed: by worker the version of specc, None or an error.
    """
    for worker, version in installed.items():
        if not isinstance(version, str):
            raise UsageError(
                f"the worker at {worker} has no specc: pip install 'specc-nn[cluster]=={__version__}' there"
            )
        if version != __version__:
            raise UsageError(
                f"the worker at {worker} has specc {version}, and this is {__version__}: they must be the same"
            )


def _room(client: Client) -> int:
    """How many tasks may be on their way."""
    return max(1, _AHEAD * sum(map(int, client.nthreads().values())))


def _result(future: Any, address: str) -> list[Variant] | Lost:
    """Raises UsageError."""
    from distributed import CancelledError, KilledWorker

    try:
        answer: tuple[str, list[Variant]] | str = future.result()
    except KilledWorker:
        return Lost("its worker has ended, again and again")
    except CancelledError as error:
        raise _gone(address) from error
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "specc":
            raise
        raise UsageError(
            f"a worker that has come to {address} has no specc: pip install 'specc-nn[cluster]=={__version__}' there"
        ) from None
    if isinstance(answer, str):
        raise UsageError(f"a worker that has come to {address} has specc {answer}, and this is {__version__}")
    return answer[1]


def _gone(address: str) -> UsageError:
    return UsageError(f"the scheduler at {address} has gone: start it again; of a folder (-o) --resume goes on")


# ---- in a worker ----------------------------------------------------------------------------------------------------

_turn = Lock()
"""Threads of a worker take turns: the work is Python's alone, and templates count what they make."""
_checkers: dict[bytes, VariantChecker] = {}
"""That of the sweep at hand: what a task carries is unpacked once."""


def checked(sent: bytes, task: bytes, version: str) -> tuple[str, list[Variant]] | str:
    """The variants of a task, and the version of specc that has checked them; where that is another, it alone."""
    if version != __version__:
        return __version__
    with _turn:
        if sent not in _checkers:
            _checkers.clear()
            _checkers[sent] = VariantChecker(*pickle.loads(sent))
        checker = _checkers[sent]
        return __version__, [checker.check(number, settings) for number, settings in pickle.loads(task)]
