"""Weights as fast as the machine: compiling without proof beside NumPy that draws and writes the same, in one run.

    python -m benchmarks.weights [--rounds 5] [--json FILE]

Whole processes, in turn: ``specc compile --no-verify`` of VGG-16 (138 million numbers, drawn or read from a file) and
`benchmarks.plain_weights`, which draws as many of the same distribution with the same generator and does nothing else:
no hash, no header, no check. Both put their bytes on the disk before they end (fsync). Ratios are medians of those of
the rounds; the one of processor time hardly depends on what else the machine does, that of wall clock does. Exits with
1 where the first is above 1.5.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import ROOT, Cost, Spread, cost, in_turn, ratios
from specc import load

PLAIN = [sys.executable, str(Path(__file__).with_name("plain_weights.py"))]
SPEC = ROOT / "examples" / "vgg16.cnn"
LIMIT = 1.5


@dataclass(frozen=True)
class Row:
    """One way to fill the weights: seconds and bytes, and specc's seconds as a part of these."""

    name: str
    processor: Spread
    wall: Spread
    memory: int
    ratio: Spread
    wall_ratio: Spread


def rows(commands: dict[str, list[str]], rounds: int, output: Path) -> list[Row]:
    """The first command is specc's, and the others are what it is set beside."""
    costs = in_turn(commands, rounds, lambda: output.unlink(missing_ok=True))
    (_, ours), *_ = costs.items()
    return [_row(name, ours, found) for name, found in costs.items()]


def _row(name: str, ours: list[Cost], found: list[Cost]) -> Row:
    return Row(
        name,
        Spread.of(each.processor for each in found),
        Spread.of(each.wall for each in found),
        max(each.memory for each in found),
        ratios(ours, found),
        Spread.of(a.wall / b.wall for a, b in zip(ours, found, strict=True)),
    )


def measured(rounds: int, folder: Path) -> dict[str, list[Row]]:
    """The tables by what they are about."""
    model, threads = load(SPEC), str(len(os.sched_getaffinity(0)))
    shapes, output = folder / "shapes.json", folder / "out.onnx"
    shapes.write_text(json.dumps([p.shape for _, p in model.graph.state]))
    normal = folder / "normal.cnn"
    starts = 'default conv(init="kaiming_normal")\ndefault fc(init="kaiming_normal")\n'
    normal.write_text(starts + SPEC.read_text("utf-8"), encoding="utf-8")
    stored, saved = folder / "vgg.safetensors", folder / "vgg.pth"
    model.save_weights(stored)
    cost([sys.executable, "-c", _SAVE.format(stored=str(stored), saved=str(saved))])

    def specc(spec: Path, *options: str) -> list[str]:
        return [sys.executable, "-m", "specc", "compile", "--no-verify", str(spec), "-o", str(output), *options]

    plain = [*PLAIN, str(shapes), str(output)]
    tables = {
        "VGG-16, uniform": {
            "specc": specc(SPEC),
            "NumPy, in pieces": plain,
            f"NumPy, in pieces, {threads} threads": [*plain, "--threads", threads],
            "NumPy, a tensor at once": [*plain, "--piece", "0"],
        },
        "VGG-16, normal": {"specc": specc(normal), "NumPy, in pieces": [*plain, "--normal"]},
        "VGG-16 from .safetensors": {
            "specc": specc(SPEC, "--weights", str(stored)),
            "NumPy, in pieces": [*plain, "--from", str(stored)],
        },
        "VGG-16 from .pth": {
            "specc": specc(SPEC, "--weights", str(saved)),
            "torch.load": [sys.executable, "-c", _COPY.format(saved=str(saved), output=str(output))],
        },
    }
    return {title: rows(commands, rounds, output) for title, commands in tables.items()}


_SAVE = """
import torch
from safetensors.torch import load_file
torch.save(load_file({stored!r}), {saved!r})
"""
_COPY = """
import os, torch
with open({output!r}, "wb", buffering=0) as file:
    for tensor in torch.load({saved!r}, mmap=True, weights_only=True).values():
        tensor.numpy().tofile(file)
    os.fsync(file.fileno())
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    compileall.compile_dir(ROOT / "specc", quiet=1)  # as pip leaves an installed package
    with tempfile.TemporaryDirectory() as folder:
        tables = measured(options.rounds, Path(folder))
    for title, found in tables.items():
        print(f"\n{title:<32} {'processor':>10} {'wall':>8} {'MB':>6} {'ratio':>7} {'of wall':>8}")
        for row in found:
            seconds = f"{row.processor.median:8.2f} s {row.wall.median:6.2f} s {row.memory / 1e6:6.0f}"
            print(f"{row.name:<32} {seconds} {row.ratio.median:7.2f} {row.wall_ratio.median:8.2f}")
    if options.json:
        found = {title: [asdict(row) for row in rows] for title, rows in tables.items()}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    ratio = tables["VGG-16, uniform"][1].ratio.median
    sys.exit(ratio > LIMIT)


if __name__ == "__main__":
    main()
