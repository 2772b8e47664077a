"""What a process costs, and what several of them make together."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from benchmarks import processes
from benchmarks.processes import Cost, Spread, cost, in_turn, ratios


def python(program: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", program]


def test_a_process_counts_for_itself_alone() -> None:
    """Not for the memory of this one, which is many times as much."""
    ballast = bytearray(b"1") * 300_000_000
    lean = cost(python("pass"))
    assert lean.memory < 60e6 < len(ballast)
    assert cost(python("b'1' * 100_000_000")).memory > 100e6
    assert 0 < lean.processor < cost(python("sum(range(10_000_000))")).processor


def test_a_failure_ends_the_run_with_its_words() -> None:
    with pytest.raises(SystemExit, match=r"ended with 3, not 0\nno such luck"):
        cost(python("import sys; print('no such luck'); sys.exit(3)"))
    cost(python("import sys; sys.exit(3)"), expected=3)


def test_every_round_begins_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def noted(command: Sequence[str]) -> Cost:
        ran.append(command[0])
        return Cost(len(ran), 0, 0)

    monkeypatch.setattr(processes, "cost", noted)
    costs = in_turn({name: [name] for name in "abc"}, 4, lambda: ran.append("-"))
    assert "".join(ran) == "-a-b-c" + "-b-c-a" + "-c-a-b" + "-a-b-c"
    assert [len(each) for each in costs.values()] == [4, 4, 4]


def test_a_ratio_is_taken_round_by_round() -> None:
    """A machine that is twice as slow in one round changes none of them: 1/4, 1/4, 1/2."""
    ours, theirs = ([Cost(seconds, 0, 0) for seconds in each] for each in ((1, 2, 3), (4, 8, 6)))
    assert ratios(ours, theirs) == Spread(0.25, 0.25, 0.5)
    assert Spread.of([4.0, 1.0, 3.0, 2.0]) == Spread(2.5, 1.0, 4.0)
