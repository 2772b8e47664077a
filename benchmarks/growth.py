"""How cost grows: with the steps of a network, its parameters, and the number of files. Whole processes, one by one.

    python -m benchmarks.growth [--json] [--steps 100 1000 10000 100000] [--only check,show]

Prints, for each command, processor time and largest resident size at each size, and how many times as much each takes
as the size before it: at most as many times as the size has grown, where cost is linear.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.specs import generate

ROOT = Path(__file__).resolve().parent.parent
SPECC = [sys.executable, "-m", "specc"]
STEPS = (100, 1_000, 10_000, 100_000)
PARAMETERS = (10**5, 10**6, 10**7, 10**8)
FILES = (50, 500, 5_000)


def blocks(steps: int) -> str:
    """A residual network: three steps and their sum, in a block that a loop repeats."""
    return (
        "block unit(c) { add { | conv(c, 3, padding=1) -> bn -> relu | _ } }\n"
        f"model Deep : [N, 8, 32, 32] {{ repeat {steps // 4} {{ unit(8) }} }}\n"
    )


def lines(steps: int) -> str:
    """The steps one by one, four a line."""
    body = "  conv(8,1) -> bn -> relu -> tanh\n" * (steps // 4)
    return f"model Deep : [N, 8, 32, 32] {{\n{body}}}\n"


def wide(parameters: int) -> str:
    """One layer that has nearly all of the parameters."""
    width = round(parameters**0.5)
    return f"model Wide : [N, {width}] {{ fc({width}) -> relu -> fc(10) }}\n"


class Run(NamedTuple):
    """A process: seconds of the processor, and its largest resident size in MB."""

    seconds: float
    memory: float


class Row(NamedTuple):
    """A command at growing sizes."""

    command: str
    of: str
    sizes: tuple[int, ...]
    runs: tuple[Run, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times as long each takes as the one before."""
        return tuple(after.seconds / before.seconds for before, after in zip(self.runs, self.runs[1:], strict=False))


def measured(command: Sequence[str], folder: Path) -> Run:
    """Run specc to its end; with a cache that is empty."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SPECC_CACHE_DIR": str(folder / "cache")}
    with open(folder / "errors", "wb") as errors:
        process = subprocess.Popen(
            [*SPECC, *command], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):  # 1: a difference, a file whose style is another
        message = (folder / "errors").read_text()
        raise SystemExit(f"specc {' '.join(command)} ended with {process.returncode}: {message}")
    # ru_maxrss counts kilobytes on Linux, bytes on macOS.
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    return Run(usage.ru_utime + usage.ru_stime, memory)


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "check": lambda spec: ["check", "--no-cache", "--jobs", "1", spec],
    "show": lambda spec: ["show", spec],
    "compile .onnx": lambda spec: ["compile", "--no-verify", spec, "-o", "out.onnx"],
    "compile .py": lambda spec: ["compile", "--no-verify", spec, "-o", "out.py"],
    "fmt": lambda spec: ["fmt", "--diff", spec],
    "convert": lambda spec: ["convert", spec, "-"],
    "explain": lambda spec: ["explain", f"{spec}:conv1" if spec.startswith("lines") else f"{spec}:unit1"],
    "diff": lambda spec: ["diff", spec, f"other_{spec}"],
}
MODERATE = ("fmt", "convert", "explain", "diff")
"""Commands that are measured at 10,000 steps at most."""


def rows(folder: Path, steps: Sequence[int], only: Callable[[str], bool]) -> Iterator[Row]:
    for spec in (blocks, lines):
        for name, command in COMMANDS.items():
            if not only(name):
                continue
            sizes = tuple(size for size in steps if size <= 10_000 or name not in MODERATE)
            runs = []
            for size in sizes:
                path = folder / f"{spec.__name__}.cnn"
                path.write_text(spec(size))
                (folder / f"other_{path.name}").write_text(spec(size).replace("-> relu", "-> gelu", 1))
                runs.append(measured(command(path.name), folder))
            yield Row(f"{name}, {spec.__name__}", "steps", sizes, tuple(runs))
    if only("parameters"):
        runs = []
        for size in PARAMETERS:
            (folder / "wide.cnn").write_text(wide(size))
            runs.append(measured(COMMANDS["compile .onnx"]("wide.cnn"), folder))
        yield Row("compile .onnx", "parameters", PARAMETERS, tuple(runs))
    if only("files"):
        for jobs in ("1", "2"):
            runs = []
            for size in FILES:
                many = folder / f"files{size}"
                many.mkdir(exist_ok=True)
                generate(many, size)
                runs.append(measured(["check", "--no-cache", "--jobs", jobs, many.name], folder))
            yield Row(f"check --jobs {jobs}", "files", FILES, tuple(runs))


def table(row: Row) -> str:
    """The sizes side by side: seconds, megabytes, and the ratio to the size before."""
    ratios = ("", *(f"x {ratio:.1f}" for ratio in row.ratios))
    cells = (
        f"{size:>11,}: {run.seconds:7.2f} s {run.memory:6.0f} MB {ratio:>7}"
        for size, run, ratio in zip(row.sizes, row.runs, ratios, strict=True)
    )
    return "\n".join([f"{row.command}, by {row.of}", *cells])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    arguments.add_argument("--steps", type=int, nargs="+", default=STEPS, metavar="N")
    arguments.add_argument("--only", default="", help="commands, and parameters or files, parted by commas")
    asked = arguments.parse_args()
    chosen = set(filter(None, asked.only.split(",")))
    if unknown := chosen - {*COMMANDS, "parameters", "files"}:
        arguments.error(f"nothing is called {', '.join(sorted(unknown))}")
    documents = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), asked.steps, lambda name: not chosen or name in chosen):
            if not asked.json:
                print(table(row), flush=True)
            runs = [run._asdict() for run in row.runs]
            documents.append({**row._asdict(), "runs": runs, "ratios": row.ratios})
    if asked.json:
        print(json.dumps({"growth": documents}, indent=2))


if __name__ == "__main__":
    main()
