"""What the bound of `specc verify` stands on: how far right files are from it, and how far slight faults are beyond.

    python benchmarks/parity.py [--networks 60] [--seed 0]

Random specs are compiled and judged. For each run the measure is ONNX's error over (PyTorch's error + 1), both
in roundings: what `specc.verify.network_proof.TOLERANCE` bounds. Then the same for two slight faults in one file. Exits
with 1 where a right file would be refused or a faulty one accepted.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from io import BytesIO

import onnx

from specc.api import Model
from specc.backends import onnx as backend
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from specc.verify.network_proof import TOLERANCE
from specc.verify.parity import verify
from specc.verify.result import Parity
from specc.weights import Randomised

STEPS = (
    "conv({c}, {k})", "conv({c}, {k}, padding={p}, stride=2)", "conv({c}, 3, padding=1, groups=2)", "conv({c}, 1)",
    'conv({c}, 3, padding="same", dilation=2)', 'conv({c}, 3, padding=1, padding_mode="reflect")',
    "convtranspose({c}, 3, stride=2, padding=1)", "bn", "bn", "relu", "relu", "gelu", 'gelu("tanh")', "silu", "elu",
    "mish", "hardswish", "leakyrelu(0.2)", "prelu", "sigmoid", "tanh", "softplus(2.0)", "softmax", "maxpool(2)",
    "maxpool(3, stride=2, padding=1, ceil_mode=true)", "avgpool(2)", "avgpool(3, padding=1, count_include_pad=false)",
    "lppool(2, 2)", "adaptiveavgpool(5)", "adaptivemaxpool(4)", "globalavgpool", "groupnorm(2)", "instancenorm",
    "layernorm", "rmsnorm", "lrn(3)", "scale(0.5)", "dropout", "pad(1)", "upsample(scale_factor=2)",
    'upsample(scale_factor=2, mode="bilinear")', 'upsample(scale_factor=1.5, mode="bicubic")', "channelshuffle(2)",
    "pixelunshuffle(2)", "permute(0, 1, 3, 2)", "linear({f})", "add {{ | _ | conv({c}, 1) }}",
    "concat {{ | _ | conv({c}, 1) -> relu }}", "mul {{ | _ | globalavgpool -> sigmoid }}", "logsoftmax",
)  # fmt: skip


def specs(seed: int) -> Iterator[str]:
    """Endless random specs; many of them do not fit together."""
    draw = random.Random(seed)
    while True:
        numbers = {"c": draw.choice((4, 6, 8, 16)), "k": draw.choice((2, 3, 5)), "f": draw.choice((5, 12))}
        chosen = [draw.choice(STEPS).format(p=numbers["k"] // 2, **numbers) for _ in range(draw.randint(2, 12))]
        head = " -> flatten -> fc(7)" if draw.random() < 0.5 else ""
        size = draw.choice(("8, 8", "13, 9", "16, 20"))
        yield f"model M : [N, {draw.choice((2, 4, 6))}, {size}] {{ {' -> '.join(chosen)}{head} }}"


def networks(count: int, seed: int) -> Iterator[Model]:
    """The first ``count`` random specs that check."""
    for text in specs(seed):
        try:
            (checked,) = check_file(parse(Source("random.cnn", text)))
        except SpecError:
            continue
        yield Model(checked)
        count -= 1
        if count == 0:
            return


def scores(parity: Parity) -> list[float]:
    """What the bound limits, for every judged run."""
    return [
        TOLERANCE * row.error_onnx / row.bound
        for row in parity.rows
        if row.error_onnx is not None and row.bound is not None
    ]


def emitted(network: Model) -> onnx.ModelProto:
    file = BytesIO()
    backend.write(network.graph, Randomised(0), file)
    return onnx.load_from_string(file.getvalue())


def fault(name: str) -> tuple[Model, onnx.ModelProto]:
    """A network and a file of it with one slight fault."""
    if name == "batch norm with eps 1e-6 for 1e-5":
        ours, theirs = "bn", "bn(eps=1e-6)"
    else:
        ours, theirs = "gelu", 'gelu("tanh")'
    spec = "model M : [N, 4, 9, 8] {{ conv(6, 3) -> {} -> conv(6, 3) }}"
    right, wrong = (Model(check_file(parse(Source("m.cnn", spec.format(s))))[0]) for s in (ours, theirs))
    return right, emitted(wrong)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--networks", type=int, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    worst, runs, refused = 0.0, 0, 0
    for network in networks(options.networks, options.seed):
        parity = verify(network.graph, emitted(network).SerializeToString(), Randomised(0))
        found = scores(parity)
        worst, runs = max([worst, *found]), runs + len(found)
        if not parity.passed:
            refused += 1
            steps = " -> ".join(node.span.text for node in network.graph.nodes)
            print(f"refused: {network.graph.inputs[0].type} {steps}: {parity.first_failure}")
    print(
        f"right files: {runs} runs of {options.networks} random networks, {worst:.1f} at most ({TOLERANCE:g} allowed)"
    )
    missed = 0
    for name in ("batch norm with eps 1e-6 for 1e-5", "the other gelu"):
        network, broken = fault(name)
        parity = verify(network.graph, broken.SerializeToString(), Randomised(0))
        missed += parity.passed
        print(f"{name}: {max(scores(parity)):.0f}")
    sys.exit(bool(refused or missed))


if __name__ == "__main__":
    main()
