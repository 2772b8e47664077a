"""What a proof costs beside the export that everyone uses: processor time and memory of whole processes, in one run.

    python -m benchmarks.proofs [--rounds 1] [--only NAME ...] [--proof quick] [--json FILE]

Each network is compiled with its proof, and the PyTorch module that specc emits for it is exported by
``torch.onnx.export(dynamo=True, verify=True)``, with the same symbolic sizes, one after the other. The exporter needs
onnxscript. Exits with 1 where a proof costs more than its limit: the exporter's time, or twice that of the deepest.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.exports import Network, export, write_module
from benchmarks.processes import Spread, in_turn, ratios

ZOO = "examples/zoo"
NETWORKS = {
    "LeNet": (Network("examples/lenet.cnn"), 1),
    "ResNet18": (Network(f"{ZOO}/resnet.cnn", "ResNet18"), 1),
    "ResNet50": (Network(f"{ZOO}/resnet.cnn", "ResNet50"), 1),
    "MobileNetV2": (Network(f"{ZOO}/mobilenet_v2.cnn"), 1),
    "DenseNet121": (Network(f"{ZOO}/densenet.cnn", "DenseNet121"), 1),
    "VGG16": (Network("examples/vgg16.cnn"), 1),
    "UNet": (Network(f"{ZOO}/unet.cnn"), 1),
    "Scan": (Network("examples/volume.cnn"), 1),
    "ResNet152": (Network(f"{ZOO}/resnet.cnn", "ResNet152"), 2),
    "DenseNet201": (Network(f"{ZOO}/densenet.cnn", "DenseNet201"), 2),
}
"""Each network, and how many times the exporter's processor time its proof may take."""


@dataclass(frozen=True)
class Comparison:
    """A network's proof beside its export: seconds of processor time, bytes, and our part of their time."""

    name: str
    processor: tuple[Spread, Spread]
    memory: tuple[int, int]
    ratio: Spread
    limit: float

    @property
    def is_kept(self) -> bool:
        return self.ratio.median <= self.limit and self.memory[0] <= self.memory[1]


def compared(name: str, rounds: int, options: list[str]) -> Comparison:
    network, limit = NETWORKS[name]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        facts = write_module(network, folder)
        costs = in_turn(
            {
                "ours": network.compile(folder / "ours.onnx", *options),
                "theirs": export(facts, folder / "theirs.onnx", "dynamo", "--verify"),
            },
            rounds,
        )
    ours, theirs = costs["ours"], costs["theirs"]
    processor = Spread.of(each.processor for each in ours), Spread.of(each.processor for each in theirs)
    memory = max(each.memory for each in ours), max(each.memory for each in theirs)
    return Comparison(name, processor, memory, ratios(ours, theirs), limit)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    arguments.add_argument("--proof", help="which proof; without it the default")
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    asked = ["--proof", options.proof] if options.proof else []
    print(f"{'network':<12} {'specc':>8} {'export':>8} {'ratio':>6} {'limit':>6} {'specc':>8} {'export':>8}")
    print(f"{'':<12} {'s':>8} {'s':>8} {'':>6} {'':>6} {'MB':>8} {'MB':>8}", flush=True)
    found = []
    for name in options.only:
        each = compared(name, options.rounds, asked)
        found.append(each)
        seconds = " ".join(f"{spread.median:8.1f}" for spread in each.processor)
        memory = " ".join(f"{size / 1e6:8.0f}" for size in each.memory)
        kept = "" if each.is_kept else "  NO"
        print(f"{name:<12} {seconds} {each.ratio.median:6.2f} {each.limit:6.1f} {memory}{kept}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(each.is_kept for each in found))


if __name__ == "__main__":
    main()
