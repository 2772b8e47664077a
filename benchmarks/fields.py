"""Receptive fields against gradients, on random networks.

    python -m benchmarks.fields --networks 500 --seed 1

Networks are drawn with convolutions, pools, transposed convolutions, upsampling by whole and other factors, crops and
merges of arms that lie apart; some of them with padding, some with steps that are fitted to the size of their input and
arms that do not keep step. Each must see exactly what the gradients of its emitted module
reach: too much is as wrong as too little. Networks that see more than half of their input are left out where padding
counts.
"""

from __future__ import annotations

import argparse
from collections import Counter

import torch

from tests.fields import KINDS, LENGTH, checked, measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts: Counter[str] = Counter()
    for index in range(options.networks):
        kind = list(KINDS)[index % len(KINDS)]
        draw = KINDS[kind](1000 * options.seed + index)
        steps = draw.network()
        network = checked(steps, 2, LENGTH)
        told = network.receptive_field
        if "padded" in kind and (told is None or told[0] > LENGTH // 2):
            counts[f"{kind}, sees too much of its input"] += 1
            continue
        counts[kind] += 1
        seen = measured(network, 2, LENGTH, unwrapped=draw.circular)
        if told != seen:
            counts["differences"] += 1
            print(f"{kind}: told {told}, measured {seen}: {steps}")
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    return min(1, counts["differences"])


if __name__ == "__main__":
    raise SystemExit(main())
