"""How the cost of a sweep grows: with the variants, and with the processes that check them. Whole commands, one by one.

    python -m benchmarks.sweeps [--variants 100 1000 10000 100000] [--jobs 1 2 4] [--json]

The model is a ResNet of the zoo's blocks with one to four of them in each stage (so ResNet-18 and ResNet-34 are among
them), in as many widths as it takes. Processor time is that of all processes together; memory that of the largest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DEPTHS = 4
MODEL = """
model ResNet(width = 64, depth = 2) : [N, 3, 224, 224] -> [N, 1000] {
  conv1: conv(width, 7, stride=2, padding=3) -> bn1: bn -> relu -> maxpool(3, stride=2, padding=1)
  layer1: stage(basic, width, depth) -> layer2: stage(basic, 2 * width, depth, 2)
  layer3: stage(basic, 4 * width, depth, 2) -> layer4: stage(basic, 8 * width, depth, 2)
  globalavgpool -> flatten -> fc: fc(1000)
}
"""


class Run(NamedTuple):
    """A sweep: how many variants and processes, seconds by the clock and of processors, megabytes."""

    variants: int
    jobs: int
    clock: float
    processors: float
    memory: float


def spec() -> str:
    """The zoo's blocks, and a model of them with parameters."""
    zoo = (ROOT / "examples" / "zoo" / "resnet.cnn").read_text(encoding="utf-8")
    return zoo.partition("\nmodel ")[0] + MODEL


def measured(folder: Path, variants: int, jobs: int) -> Run:
    """Run one sweep, whose results go into a folder of their own."""
    widths = f"width=8..{8 + variants // DEPTHS - 1}"
    into = folder / f"{variants}-{jobs}"
    command = [sys.executable, "-m", "specc", "sweep", "net.cnn", "--set", widths, "--set", f"depth=1..{DEPTHS}"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--jobs", str(jobs), "-o", str(into)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    clock = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a sweep of {variants} variants ended with {process.returncode}")
    lines = (into / "variants.jsonl").read_bytes().count(b"\n")
    if lines != variants:
        raise SystemExit(f"{lines} of {variants} variants are in {into}")
    # ru_maxrss counts kilobytes on Linux, bytes on macOS.
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return Run(variants, jobs, clock, usage.ru_utime + usage.ru_stime, memory)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--variants", type=int, nargs="+", default=(100, 1_000, 10_000, 100_000), metavar="N")
    arguments.add_argument("--jobs", type=int, nargs="+", default=(1, 2, 4), metavar="N")
    arguments.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    asked = arguments.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "net.cnn").write_text(spec(), encoding="utf-8")
        for variants in asked.variants:
            for jobs in asked.jobs:
                run = measured(folder, variants, jobs)
                runs.append(run)
                if not asked.json:
                    each = 1000 * run.processors / run.variants
                    numbers = f"{run.clock:8.1f} s  {run.processors:8.1f} s of processors, {each:5.2f} ms each"
                    print(f"{variants:>9,} in {jobs}: {numbers}  {run.memory:5.0f} MB", flush=True)
    if asked.json:
        print(json.dumps([run._asdict() for run in runs], indent=2))


if __name__ == "__main__":
    main()
