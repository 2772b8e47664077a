"""When what answers leave behind is freed: never within one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from specc.server import collector
from specc.server.collector import FEW, MANY, SOME, Collector


class Heap:
    """In the place of Python's own: how much has come since it was looked at."""

    def __init__(self) -> None:
        self.young = 0
        self.looked: list[object] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.looked.append(name)

    def get_count(self) -> tuple[int, int, int]:
        return self.young, 0, 0

    def collect(self, generation: int = 2) -> int:
        self.looked.append(generation)
        garbage, self.young = self.young // 2, 0
        return garbage


async def answers(heap: Heap, sizes: list[int], wait: float = 0) -> None:
    server = Collector()
    server.begin()
    assert heap.looked == ["enable", 2, "freeze", "set_threshold"]
    for size in sizes:
        heap.looked.clear()
        heap.young += size
        server.soon()
        assert heap.looked == []  # the answer is not sent yet
        await asyncio.sleep(0)
    await asyncio.sleep(wait)


def looked(monkeypatch: pytest.MonkeyPatch, sizes: list[int], wait: float = 0) -> list[object]:
    """What was looked at after the last of some answers."""
    heap = Heap()
    monkeypatch.setattr(collector, "gc", heap)
    asyncio.run(answers(heap, sizes, wait))
    return heap.looked


def test_what_is_young_is_looked_at_after_an_answer_and_all_where_much_has_outlived_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert looked(monkeypatch, [FEW]) == []
    assert looked(monkeypatch, [FEW, 1]) == [0]
    assert looked(monkeypatch, [MANY]) == [0]
    assert looked(monkeypatch, [MANY, MANY]) == [0, 2]
    assert looked(monkeypatch, [MANY, MANY, MANY]) == [0]


def test_all_is_looked_at_where_nothing_is_asked_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked(monkeypatch, [2 * SOME, 0], wait=0.05) == []
    monkeypatch.setattr(collector, "IDLE", 0.01)
    assert looked(monkeypatch, [2 * SOME, 0], wait=0.05) == [2]
    assert looked(monkeypatch, [SOME, 0], wait=0.05) == []


def test_before_it_begins_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = Heap()
    monkeypatch.setattr(collector, "gc", heap)
    Collector().soon()
    assert heap.looked == []
