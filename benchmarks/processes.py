"""Whole processes, measured: one, or several in turn, so that a busy or slow machine weighs on all of them.

    python benchmarks/processes.py COMMAND ...

runs a command and prints what it cost. Every command is measured by such a process in between, since Linux counts the
memory of whoever starts a command as the command's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Cost:
    """Of one finished process: seconds of processor time, seconds of wall clock, bytes at its largest."""

    processor: float
    wall: float
    memory: int


@dataclass(frozen=True)
class Spread:
    """The median of several runs, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        every = [*values]
        return cls(median(every), min(every), max(every))


def cost(command: Sequence[str], expected: int = 0, environment: Mapping[str, str] | None = None) -> Cost:
    """Run ``command`` to its end; its own exit code must be ``expected``, or the program ends with what it printed."""
    measured = [sys.executable, "-I", "-S", __file__, *command]
    run = subprocess.run(
        measured, cwd=ROOT, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=True
    )
    found = json.loads(run.stdout)
    if found["code"] != expected:
        raise SystemExit(f"{' '.join(command)[:300]} ended with {found['code']}, not {expected}\n{found['printed']}")
    return Cost(found["processor"], found["wall"], found["memory"])


def in_turn(
    commands: Mapping[str, Sequence[str]], rounds: int, prepare: Callable[[], None] | None = None
) -> dict[str, list[Cost]]:
    """What each command cost in each round; every round begins with another one.

    Args:
        prepare: what is done before each run, and not measured.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    names = [*commands]
    for place in range(rounds):
        first = place % len(names)
        for name in names[first:] + names[:first]:
            if prepare:
                prepare()
            costs[name].append(cost(commands[name]))
    return costs


def ratios(ours: Sequence[Cost], theirs: Sequence[Cost]) -> Spread:
    """Our processor time as a part of theirs in the same round."""
    return Spread.of(a.processor / b.processor for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    """Imports little and stays small, since what it starts begins with its memory."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        output.seek(0)
        printed = output.read().decode(errors="replace")
    process.returncode = os.waitstatus_to_exitcode(status)
    found = {
        "code": process.returncode,
        "processor": usage.ru_utime + usage.ru_stime,
        "wall": wall,
        # ru_maxrss counts kilobytes on Linux, bytes on macOS.
        "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "printed": printed[-3000:],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
