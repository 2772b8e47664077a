"""Pieces of a tensor made ahead of whoever takes them: in order, on all processors, in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import TypeVar

import numpy as np

Piece = TypeVar("Piece")

_MOST = 8
"""Threads. Whoever takes the pieces writes and hashes them: no faster than so many threads draw them."""

# glibc hands memory back to the system at once where a block is larger than any that was freed before, and to fetch it
# anew for each piece took 7 % of compiling VGG-16, half of drawing normal numbers. This block is never touched, and
# costs nothing: what is freed up to its size is kept for the next piece.
np.empty(2**24, np.uint8)


def ahead(make: Callable[[int, int], Piece], spans: Iterator[tuple[int, int]], *, most: int = _MOST) -> Iterator[Piece]:
    """``make(start, stop)`` of each span, in order; a thread for each processor makes those that come next.

    At most two for each thread are waiting. NumPy lets threads run side by side while it works on arrays.

    Args:
        most: threads. With 1 each piece is made when the one before it is, in a thread beside that of who takes them.

    Raises:
        whatever ``make`` raises, at the place of the piece. The threads have ended then, as they have when the iterator
        is closed.
    """
    first = [*islice(spans, 2)]
    processors = _processors() if len(first) > 1 else 1
    if processors == 1:
        for span in chain(first, spans):
            yield make(*span)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # where no tensor is large, nothing waits for its import

    threads = min(processors, most)
    pool = ThreadPoolExecutor(threads, "specc-pieces")
    waiting: deque[Future[Piece]] = deque()
    try:
        for span in chain(first, spans):
            waiting.append(pool.submit(make, *span))
            if len(waiting) == 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
