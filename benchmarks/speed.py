"""The speed promises, measured: whole processes, side by side in one run, as ratios of medians.

    python -m benchmarks.speed [--rounds 9]

Prints a table and exits with 1 where a promise is not kept. The yardstick is ``python -c "import torch"``, run in turn
with each command, so that a busy or slow machine weighs on both. By the clock on the wall, since it is about waiting.
"""

from __future__ import annotations

import argparse
import compileall
import gc
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from benchmarks.processes import ROOT, Spread, cost
from benchmarks.specs import generate

SPECC = [sys.executable, "-m", "specc"]
TORCH = [sys.executable, "-c", "import torch"]
MEGABYTE = 10**6


@dataclass(frozen=True)
class Promise:
    """What is promised of a command, and what it is: in parts of importing torch, times, or megabytes."""

    name: str
    unit: str
    found: Spread
    limit: float

    @property
    def is_kept(self) -> bool:
        return self.found.median <= self.limit


def promises(rounds: int) -> Iterator[Promise]:
    """Every promise, measured."""
    with tempfile.TemporaryDirectory() as text:
        yield from _commands(Path(text), rounds)
        yield Promise("elaborating 10,000 steps, beside 1,000", "times", _growth(rounds), 12)
        output = Path(text, "vgg.onnx")
        vgg = cost([*SPECC, "compile", "--no-verify", "examples/vgg16.cnn", "-o", str(output)])
        yield Promise("memory of specc compile --no-verify vgg16.cnn", "MB", Spread.of([vgg.memory / MEGABYTE]), 200)


def _commands(folder: Path, rounds: int) -> Iterator[Promise]:
    bad, many, cache = folder / "bad.cnn", folder / "many", folder / "cache"
    bad.write_text("model Bad : [N, 3, 8, 8] {\n  cnov(4, 3)\n}\n")
    many.mkdir()
    generate(many)
    unverified = ["compile", "--no-verify", "examples/lenet.cnn", "-o", str(folder / "out.onnx")]

    def as_it_is() -> None:
        pass

    def without_a_cache() -> None:
        shutil.rmtree(cache, ignore_errors=True)

    # The limits are 0.2 s, 0.5 s and 2 s where importing torch takes 1.6.
    for name, command, expected, limit, prepare in (
        ("specc --help", ["--help"], 0, 1 / 8, as_it_is),
        ("specc check examples/lenet.cnn", ["check", "examples/lenet.cnn"], 0, 1 / 8, without_a_cache),
        ("specc check with an error", ["check", str(bad)], 1, 1 / 8, without_a_cache),
        ("specc check examples/zoo", ["check", "examples/zoo"], 0, 5 / 16, without_a_cache),
        ("specc check, 500 specs, cold", ["check", str(many)], 0, 5 / 4, without_a_cache),
        ("specc check, 500 specs, warm", ["check", str(many)], 0, 5 / 16, as_it_is),
        ("specc compile --no-verify lenet.cnn", unverified, 0, 1 / 3, as_it_is),
    ):
        environment = {"SPECC_CACHE_DIR": str(cache)}
        ours, torch = [], []
        for counted in range(-1, rounds):  # the first of each reads the disk, and is not counted
            prepare()
            a, b = cost([*SPECC, *command], expected, environment), cost(TORCH)
            if counted >= 0:
                ours.append(a)
                torch.append(b)
        waited = Spread.of(a.wall / b.wall for a, b in zip(ours, torch, strict=True))
        yield Promise(name, "of import torch", waited, limit)


def _growth(rounds: int) -> Spread:
    gc.disable()  # as the command does
    _elaborated(1000)
    found = Spread.of(_elaborated(10_000) / _elaborated(1000) for _ in range(rounds))
    gc.enable()
    return found


def _elaborated(steps: int) -> float:
    """Seconds of reading and checking a network of so many steps, in blocks and loops."""
    from specc.elaborate import check_file
    from specc.source import Source
    from specc.syntax import parse

    block = "block unit(c) { add { | conv(c, 3, padding=1) -> bn -> relu | _ } }"
    text = f"{block}\nmodel M : [N, 8, H, W] {{ repeat {steps // 4} {{ unit(8) }} }}"
    start = process_time()
    (checked,) = check_file(parse(Source("long.cnn", text)))
    seconds = process_time() - start
    if len(checked.graph.nodes) != steps:
        raise SystemExit(f"{len(checked.graph.nodes)} steps instead of {steps}")
    return seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=9, help="counted runs of each command")
    rounds = arguments.parse_args().rounds
    compileall.compile_dir(ROOT / "specc", quiet=1)  # as pip leaves an installed package
    kept = True
    print(f"{'promise':<48} {'median':>8} {'least':>8} {'most':>8} {'at most':>8}")
    for promise in promises(rounds):
        found, limit = promise.found, promise.limit
        numbers = f"{found.median:8.3f} {found.least:8.3f} {found.most:8.3f} {limit:8.3f} {promise.unit}"
        print(f"{promise.name:<48} {numbers}{'' if promise.is_kept else '  NO'}", flush=True)
        kept &= promise.is_kept
    sys.exit(not kept)


if __name__ == "__main__":
    main()
