"""The speed promises, measured: whole processes, side by side in one run, as ratios of medians.

    python benchmarks/speed.py [--rounds 9]

Prints a table and exits with 1 where a promise is not kept. The yardstick is ``python -c "import torch"`` of
the same interpreter, run in turn with each command, so that a busy or slow machine weighs on both.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from specs import generate

ROOT = Path(__file__).resolve().parent.parent
TORCH = [sys.executable, "-c", "import torch"]
MEGABYTE = 10**6


@dataclass(frozen=True)
class Run:
    """One finished process: seconds of wall clock, and its largest resident size in bytes."""

    seconds: float
    memory: int


def run(command: list[str], expected: int = 0) -> Run:
    """Run ``command`` to its end; its own exit code must be ``expected``."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}, not {expected}")
    # ru_maxrss counts kilobytes on Linux, bytes on macOS.
    return Run(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def ratio(
    command: list[str], rounds: int, expected: int = 0, prepare: Callable[[], None] = lambda: None
) -> tuple[float, float, float]:
    """Median seconds of ``command`` and of importing torch, in turn, and the median of their ratios.

    Args:
        prepare: what is done before each run, and not timed.
    """

    def prepared() -> Run:
        prepare()
        return run(command, expected)

    prepared()
    run(TORCH)
    pairs = [(prepared().seconds, run(TORCH).seconds) for _ in range(rounds)]
    return median(ours for ours, _ in pairs), median(torch for _, torch in pairs), median(a / b for a, b in pairs)


def _elaborated(steps: int) -> float:
    """Seconds of reading and checking a network of so many steps, in blocks and loops."""
    from specc.elaborate import check_file
    from specc.source import Source
    from specc.syntax import parse

    block = "block unit(c) { add { | conv(c, 3, padding=1) -> bn -> relu | _ } }"
    text = f"{block}\nmodel M : [N, 8, H, W] {{ repeat {steps // 4} {{ unit(8) }} }}"
    start = time.perf_counter()
    (checked,) = check_file(parse(Source("long.cnn", text)))
    seconds = time.perf_counter() - start
    if len(checked.graph.nodes) != steps:
        raise SystemExit(f"{len(checked.graph.nodes)} steps instead of {steps}")
    return seconds


def _linear(rounds: int) -> bool:
    """Whether 10,000 steps take at most 12 times as long as 1,000."""
    _elaborated(1000)
    share = median(_elaborated(10_000) / _elaborated(1000) for _ in range(rounds))
    print(f"\nelaborating 10,000 steps takes {share:.1f} times as long as 1,000 (at most 12)")
    return share <= 12


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=9, help="counted runs of each command")
    rounds = arguments.parse_args().rounds
    specc = [sys.executable, "-m", "specc"]
    compileall.compile_dir(ROOT / "specc", quiet=1)  # as pip leaves an installed package
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        bad = Path(folder, "bad.cnn")
        bad.write_text("model Bad : [N, 3, 8, 8] {\n  cnov(4, 3)\n}\n")
        onnx = ["-o", str(Path(folder, "out.onnx"))]
        many, cache = Path(folder, "many"), Path(folder, "cache")
        many.mkdir()
        generate(many)
        os.environ["SPECC_CACHE_DIR"] = str(cache)

        def as_it_is() -> None:
            pass

        def without_a_cache() -> None:
            shutil.rmtree(cache, ignore_errors=True)

        print(f"{'command':<42} {'seconds':>8} {'torch':>8} {'ratio':>7} {'at most':>8}")
        # The limits are 0.2 s, 0.5 s and 2 s where importing torch takes 1.6.
        for name, command, expected, limit, prepare in (
            ("specc --help", ["--help"], 0, 1 / 8, as_it_is),
            ("specc check examples/lenet.cnn", ["check", "examples/lenet.cnn"], 0, 1 / 8, without_a_cache),
            ("specc check with an error", ["check", str(bad)], 1, 1 / 8, without_a_cache),
            ("specc check examples/zoo", ["check", "examples/zoo"], 0, 5 / 16, without_a_cache),
            ("specc check, 500 specs, cold", ["check", str(many)], 0, 5 / 4, without_a_cache),
            ("specc check, 500 specs, warm", ["check", str(many)], 0, 5 / 16, as_it_is),
            (
                "specc compile --no-verify lenet.cnn",
                ["compile", "--no-verify", "examples/lenet.cnn", *onnx],
                0,
                1 / 3,
                as_it_is,
            ),
        ):
            ours, torch, share = ratio([*specc, *command], rounds, expected, prepare)
            kept &= share <= limit
            print(f"{name:<42} {ours:8.3f} {torch:8.3f} {share:7.3f} {limit:8.3f}{'' if share <= limit else '  NO'}")
        kept &= _linear(rounds)
        vgg = run([*specc, "compile", "--no-verify", "examples/vgg16.cnn", *onnx])
        size = Path(folder, "out.onnx").stat().st_size
        small = vgg.memory <= 200 * MEGABYTE
        kept &= small
        print(
            f"\nspecc compile --no-verify vgg16.cnn: {vgg.seconds:.1f} s for {size / MEGABYTE:.0f} MB, "
            f"largest resident size {vgg.memory / MEGABYTE:.0f} MB (at most 200){'' if small else '  NO'}"
        )
    sys.exit(not kept)


if __name__ == "__main__":
    main()
