"""Draws and writes a network's worth of numbers with NumPy alone: what `benchmarks.weights` measures specc against.

    python benchmarks/plain_weights.py SHAPES OUTPUT [--piece 65536] [--threads 1] [--normal] [--from FILE]

SHAPES is JSON, a list of shapes. The numbers are those of PyTorch's layers, U(±1/√fan_in), of Philox, drawn as float64
and rounded to float32. With --from they are read from a file instead.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ThreadPoolExecutor
from math import prod, sqrt
from pathlib import Path

import numpy as np
from numpy.random import Generator, Philox


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--piece", type=int, default=1 << 16, help="numbers drawn at once; 0: a whole tensor")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--normal", action="store_true")
    parser.add_argument("--from", dest="source", type=Path)
    options = parser.parse_args()
    shapes = [tuple(shape) for shape in json.loads(options.shapes.read_text())]
    with options.output.open("wb", buffering=0) as file:
        if options.source:
            _copy(options.source, file.fileno(), options.piece)
        else:
            _draw(shapes, file.fileno(), options)
        os.fsync(file.fileno())  # as specc does


def _copy(source: Path, output: int, piece: int) -> None:
    with source.open("rb", buffering=0) as file:
        while (numbers := np.fromfile(file, np.float32, piece)).size:
            os.write(output, numbers)


def _draw(shapes: list[tuple[int, ...]], output: int, options: argparse.Namespace) -> None:
    pieces, place = [], 0
    for shape in shapes:
        size, bound = prod(shape), 1 / sqrt(prod(shape[1:]))
        step = options.piece or size
        for start in range(0, size, step):
            pieces.append((place, min(step, size - start), bound))
            place += pieces[-1][1]

    def work(thread: int) -> None:
        generator = Generator(Philox(thread))
        for start, count, bound in pieces[thread :: options.threads]:
            drawn = generator.normal(0, bound, count) if options.normal else generator.uniform(-bound, bound, count)
            os.pwrite(output, drawn.astype(np.float32), 4 * start)

    with ThreadPoolExecutor(options.threads) as pool:
        list(pool.map(work, range(options.threads)))


if __name__ == "__main__":
    main()
