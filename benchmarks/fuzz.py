"""Every reader of what a stranger may write is tried on inputs at random.

    python -m benchmarks.fuzz [--inputs 1000000] [--seed 1] [--target NAME]... [--into build/fuzz] [--publish]
    python -m benchmarks.fuzz --target NAME --seed 1 --input 1234       one input once more, shown whole

Input 1234 of a target is the same in every run with the same seed, so a run that was interrupted goes on, and a fault
can be looked at; `benchmarks.guided` chooses inputs by what they run. Inputs are tried in a process of their own,
within `tests.fuzz.limits`; where one ends the process, or takes a minute without an answer, that is a fault, too, and
the next process goes on behind it. Exits with 1 where there is a fault. `benchmarks.kills` is about runs that are ended
before their time; ``--publish`` puts the figures of both into docs/hardening.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import hardening
from tests.fuzz.limits import bound_memory, tried
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

ROUNDS = 2
"""A run goes through all targets so often: interrupted, it has tried something of each."""
SILENCE = 60.0
"""Seconds of processor time without a word until a process is given up: what hangs inside a library hears no signal of
Python's. Where it waits for something, ten times as long by the clock; a busy machine lets a process wait, too."""
TWICE = 8
"""One in so many inputs is answered twice."""

Figures = dict[str, Any]


def generator(target: str, seed: int, number: int) -> Random:
    """The generator of one input."""
    return Random(f"{seed}/{target}/{number}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be repeated")
    parser.add_argument("--into", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--input", type=int, metavar="NUMBER", help="only this one, shown whole")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    os.environ["SPECC_TRACEBACK"] = "1"  # a mistake of specc's own is raised, not told
    os.environ["OMP_NUM_THREADS"] = "1"
    options.into.mkdir(parents=True, exist_ok=True)
    names = options.target or list(TARGETS)
    if options.input is not None:
        once(TARGETS[names[0]], options.seed, options.input)
        return
    import onnxruntime  # noqa: F401 - loaded once, and not in each process that is forked off
    import torch

    torch.set_num_threads(1)
    if options.target:
        figures = {name: run(name, options.seed, options.inputs, options.into) for name in names}
    else:
        figures = everything(options)
    print(hardening.table(figures))
    if options.publish:
        hardening.publish(figures, options.into, options.seed)
    if any(one["faults"] for one in figures.values()):
        sys.exit(1)


def everything(options: argparse.Namespace) -> dict[str, Figures]:
    shares = sum(target.share for target in TARGETS.values())
    figures: dict[str, Figures] = {}
    for turn in range(1, ROUNDS + 1):
        for name, target in TARGETS.items():
            wanted = round(options.inputs * target.share / shares)
            figures[name] = run(name, options.seed, wanted * turn // ROUNDS, options.into)
            print(f"{turn}/{ROUNDS}", hardening.line(name, figures[name]), flush=True)
    return figures


# ---- one target -------------------------------------------------------------------------------------------------


def run(name: str, seed: int, wanted: int, into: Path) -> Figures:
    """Go on until so many inputs have been tried, and return the figures of all of them."""
    path = into / f"{name}.json"
    figures: Figures = {"seed": seed, **_nothing(), "fatal": [], "mended": 0}
    if path.exists():
        earlier = json.loads(path.read_text("utf-8"))
        if earlier["seed"] == seed:
            figures = earlier
            _try_again(name, figures)
    while figures["inputs"] < wanted:
        for piece in _pieces(name, seed, range(figures["inputs"], wanted), figures["fatal"]):
            _add(figures, piece)
            path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def _try_again(name: str, figures: Figures) -> None:
    """Of a run that goes on: a fault that has been mended since then is counted as that."""
    for fault, facts in list(figures["faults"].items()):
        number = facts["input"]
        again = list(_pieces(name, figures["seed"], range(number, number + 1), []))
        if not any(piece["faults"] for piece in again):
            del figures["faults"][fault]
            figures["mended"] += 1
            figures["fatal"] = [one for one in figures["fatal"] if one != number]


def _add(figures: Figures, piece: Figures) -> None:
    for key in ("inputs", "accepted", "refused", "seconds"):
        figures[key] += piece[key]
    for key in ("slowest", "memory"):
        figures[key] = max(figures[key], piece[key])
    for fault, facts in piece["faults"].items():
        known = figures["faults"].setdefault(fault, {"count": 0, **facts})
        known["count"] += 1


def _pieces(name: str, seed: int, numbers: range, fatal: list[int]) -> Iterator[Figures]:
    """What a process of its own finds, piece by piece; where it ends before its last input, the reason is ``fatal``."""
    context = multiprocessing.get_context("fork")  # everything is loaded once
    ours, theirs = context.Pipe(duplex=False)
    now = context.Value("q", numbers.start, lock=False)
    folder = Path(tempfile.mkdtemp(prefix="specc-fuzz-"))
    process = context.Process(target=_work, args=(name, seed, numbers, frozenset(fatal), folder, now, theirs))
    process.start()
    theirs.close()
    how = ""
    heard = time.monotonic(), 0.0
    try:
        while True:
            if ours.poll(SILENCE / 4):
                try:
                    yield ours.recv()
                except EOFError:
                    break
                heard = time.monotonic(), _used(process.pid)
            elif _used(process.pid) - heard[1] > SILENCE or time.monotonic() - heard[0] > 10 * SILENCE:
                how = f"no answer in {SILENCE:.0f} s"
                break
    finally:
        if how:
            process.kill()
        process.join()
        shutil.rmtree(folder, ignore_errors=True)
    if how or process.exitcode:
        # What was tried since the last word is tried again, but for this input.
        how = how or f"the process ended with {process.exitcode}"
        fatal.append(now.value)
        yield {**_nothing(), "faults": {how: {"input": now.value, "details": how}}}


def _used(process: int | None) -> float:
    """Seconds of processor time."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _nothing() -> Figures:
    return {"inputs": 0, "accepted": 0, "refused": 0, "slowest": 0.0, "seconds": 0.0, "memory": 0, "faults": {}}


def _work(
    name: str, seed: int, numbers: range, fatal: frozenset[int], folder: Path, now: Any, results: Connection
) -> None:
    tempfile.tempdir = str(folder)
    target = TARGETS[name](folder)
    for number in {0, 1, 2} - fatal:  # what is loaded and made once
        now.value = number
        tried(target, target.draw(generator(name, seed, number)))
    bound_memory()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    piece, last = _nothing(), time.monotonic()
    for number in numbers:
        now.value = number
        verdict = None
        if number not in fatal:
            verdict = tried(target, target.draw(generator(name, seed, number)), twice=number % TWICE == 0)
            piece["seconds"] += verdict.seconds
            piece["slowest"] = max(piece["slowest"], verdict.seconds)
        if verdict is not None and verdict.outcome != "fault":
            piece[verdict.outcome] += 1
        elif verdict is not None:
            piece["faults"][verdict.fault] = {"input": number, "details": verdict.details}
        piece["inputs"] += 1
        if time.monotonic() - last > 1 or piece["faults"] or number == numbers[-1]:
            piece["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
            results.send(piece)
            piece, last = _nothing(), time.monotonic()
    results.close()
    os._exit(0)


def once(target: type[Target], seed: int, number: int) -> None:
    """One input, and what it comes to."""
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        one = target(Path(folder))
        data = one.draw(generator(target.name, seed, number))
        sys.stdout.flush()
        sys.stdout.buffer.write(data + b"\n")
        verdict = tried(one, data, twice=True)
    print(verdict.outcome, f"{verdict.seconds:.3f} s", verdict.fault, verdict.details, sep="\n")


if __name__ == "__main__":
    main()
