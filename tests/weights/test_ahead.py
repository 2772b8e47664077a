"""Pieces made ahead by threads: the same in the same order, a bounded number of them, and errors as they are."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from specc.weights import ahead as module
from specc.weights.ahead import ahead

SPANS = [(start, start + 3) for start in range(0, 300, 3)]


@pytest.fixture(params=[1, 2, 4, 64])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(module, "_processors", lambda: request.param)
    return min(request.param, 8)


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("specc-pieces")]


def made(spans: list[tuple[int, int]]) -> Iterator[list[int]]:
    return ahead(lambda start, stop: list(range(start, stop)), iter(spans))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_all_pieces_in_their_order(threads: int, count: int) -> None:
    assert list(made(SPANS[:count])) == [[i, i + 1, i + 2] for i in range(0, 3 * count, 3)]
    assert running() == []


def test_a_single_piece_is_made_without_threads(threads: int) -> None:
    names = list(ahead(lambda *_: threading.current_thread().name, iter(SPANS[:1])))
    assert names == [threading.current_thread().name]


def test_all_processors_work(threads: int) -> None:
    """Each piece waits for as many at once as there are threads: with fewer they would wait for ever."""
    together = threading.Barrier(threads)

    def make(start: int, stop: int) -> str:
        together.wait(60)
        return threading.current_thread().name

    assert len({*ahead(make, iter(SPANS[: 2 * threads]))}) == threads


def test_few_pieces_wait(threads: int) -> None:
    """However slow the one who takes them."""
    begun, most = 0, 0

    def spans() -> Iterator[tuple[int, int]]:
        nonlocal begun
        for span in SPANS:
            begun += 1
            yield span

    for taken, _ in enumerate(ahead(lambda *span: span, spans()), start=1):
        most = max(most, begun - taken)
    assert most < 2 * threads
    assert begun == len(SPANS)


@pytest.mark.parametrize("error", [MemoryError("no room"), KeyboardInterrupt(), SystemExit(3), ValueError("x")])
def test_an_error_comes_as_it_is_in_its_place(threads: int, error: BaseException) -> None:
    def make(start: int, stop: int) -> int:
        if start == SPANS[20][0]:
            raise error
        return start

    taken: list[int] = []
    with pytest.raises(type(error)) as caught:
        taken.extend(ahead(make, iter(SPANS)))
    assert caught.value is error
    assert taken == [start for start, _ in SPANS[:20]]
    assert running() == []


def test_who_takes_no_more_leaves_no_thread(threads: int) -> None:
    pieces = made(SPANS)
    next(pieces)
    assert bool(running()) == (threads > 1)
    pieces.close()  # type: ignore[attr-defined]  # a generator's
    assert running() == []


def test_a_process_ends_with_pieces_left() -> None:
    """An error that still refers to the iterator keeps its threads, which must not keep the process."""
    program = (
        "from specc.weights import ahead\n"
        "ahead._processors = lambda: 2\n"
        "pieces = ahead.ahead(lambda start, stop: bytes(stop), ((0, i) for i in range(10**6)))\n"
        "next(pieces)\n"
        "raise SystemExit(5)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=300, check=False).returncode == 5
