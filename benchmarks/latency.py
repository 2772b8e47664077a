"""How long files take in onnxruntime: specc's, and what PyTorch exports of the same module with the same weights.

    python -m benchmarks.latency [--only NAME ...] [--all] [--processes 3] [--json FILE]

Processor time on one core, run in turn; medians of several processes. Exits with 1 where a file of specc's takes longer
than an exporter's, beyond what the processes differ by.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import onnx
import torch

import specc
from benchmarks.exports import Network, export, write_module
from benchmarks.processes import ROOT, Spread, cost
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse

ZOO = "examples/zoo"
IMAGE = {"H": 224, "W": 224}
NETWORKS = {
    "LeNet": (Network("examples/lenet.cnn"), {}),
    "AlexNet": (Network(f"{ZOO}/alexnet.cnn"), {}),
    "GoogLeNet": (Network(f"{ZOO}/googlenet.cnn"), IMAGE),
    "ResNet18": (Network(f"{ZOO}/resnet.cnn", "ResNet18"), IMAGE),
    "ResNet50": (Network(f"{ZOO}/resnet.cnn", "ResNet50"), IMAGE),
    "DenseNet121": (Network(f"{ZOO}/densenet.cnn", "DenseNet121"), IMAGE),
    "SqueezeNet1_1": (Network(f"{ZOO}/squeezenet.cnn", "SqueezeNet1_1"), IMAGE),
    "MobileNetV2": (Network(f"{ZOO}/mobilenet_v2.cnn"), IMAGE),
    "EfficientNetB0": (Network(f"{ZOO}/efficientnet.cnn"), IMAGE),
    "ConvNeXtTiny": (Network(f"{ZOO}/convnext.cnn"), IMAGE),
    "ResNet18_CBAM": (Network(f"{ZOO}/cbam.cnn", "ResNet18_CBAM"), IMAGE),
    "EEGNet": (Network(f"{ZOO}/eegnet.cnn"), {}),
    "TCN": (Network(f"{ZOO}/tcn.cnn"), {"L": 784}),
    "UNet": (Network(f"{ZOO}/unet.cnn"), {"H": 64, "W": 64}),
    "Rhythm": (Network(f"{ZOO}/residual1d.cnn"), {"L": 1000}),
    "Scan": (Network("examples/volume.cnn"), {}),
    "Clips": (Network(f"{ZOO}/residual3d.cnn"), {"T": 8, "H": 64, "W": 64}),
}
"""Of every family of the zoo that has operators or shapes of its own, and the sizes of a sample."""
SIZES = {"H": 224, "W": 224, "L": 1000, "T": 8}
"""Of what else is in the zoo."""
BATCHES = (1, 16)
SEED = 1
TOOLS = ("specc", "dynamo", "script")
NONE = Spread(0, 0, 0)
NOISE = 0.02
"""What two runs of one file differ by here."""


@dataclass(frozen=True)
class Latency:
    """One file at one batch: seconds of a run, and specc's part of them.

    Attributes:
        nodes: written in the file, and left to run when onnxruntime has optimised it.
        fault: why the file cannot be set beside specc's; nothing is measured of it then.
    """

    network: str
    sizes: dict[str, int]
    batch: int
    tool: str
    nodes: tuple[int, int]
    processor: Spread = NONE
    wall: Spread = NONE
    ratio: Spread = NONE
    fault: str = ""

    @property
    def is_slower(self) -> bool:
        """Whether specc's file takes longer than this one, in every process."""
        return self.ratio.median > 1 + NOISE and self.ratio.least > 1


def further() -> dict[str, tuple[Network, dict[str, int]]]:
    """Whatever else is in the zoo, by its name, or by that of its file, too, where there are two."""
    found: dict[str, tuple[Network, dict[str, int]]] = {}
    measured = {(network.path, network.graph.name) for network, _ in NETWORKS.values()}
    for file in sorted((ROOT / ZOO).glob("*.cnn")):
        path = file.relative_to(ROOT).as_posix()
        for checked in check_file(parse(Source(path, file.read_text("utf-8")))):
            graph = checked.graph
            if (path, graph.name) not in measured:
                name = graph.name if graph.name not in NETWORKS | found else f"{graph.name}, {file.stem}"
                sizes = {symbol.name: SIZES[symbol.name] for symbol in graph.symbols if symbol.name != "N"}
                found[name] = Network(path, graph.name), sizes
    return found


def write_files(network: Network, sizes: dict[str, int], folder: Path) -> dict[str, Path]:
    """The same weights in the files of all three."""
    files = {tool: folder / f"{tool}.onnx" for tool in TOOLS}
    model = specc.load(ROOT / network.path, model=network.model or None)
    torch.save(model.to_torch(seed=SEED).state_dict(), folder / "state.pt")
    cost(network.compile(files["specc"], "--no-verify", "--seed", str(SEED)))
    facts = write_module(network, folder, sizes)
    for way in TOOLS[1:]:
        cost(export(facts, files[way], way, "--state"))
    return files


def latencies(name: str, processes: int) -> list[Latency]:
    network, sizes = NETWORKS[name] if name in NETWORKS else further()[name]
    with tempfile.TemporaryDirectory() as text:
        files = write_files(network, sizes, Path(text))
        shapes = {port.name: port.type.sample for port in network.graph.at(sizes).inputs}
        nodes = {tool: len(onnx.load(file, load_external_data=False).graph.node) for tool, file in files.items()}
        command = [sys.executable, str(ROOT / "benchmarks/sessions.py"), json.dumps(shapes)]
        command += [",".join(map(str, BATCHES)), str(files["specc"])]
        runs = []
        for process in range(processes):
            # Which file is opened first decides where in memory it lies.
            order = [str(files[TOOLS[(place + process) % len(TOOLS)]]) for place in range(len(TOOLS))]
            runs.append(json.loads(subprocess.check_output([*command, *order], cwd=ROOT)))

    def of(tool: str, batch: int) -> Latency:
        file = str(files[tool])
        if fault := runs[0]["faults"][file]:
            return Latency(name, sizes, batch, tool, (nodes[tool], 0), fault=fault)
        each = [run[str(batch)][file] for run in runs]
        processor, wall, ratio = (Spread.of(run[what] for run in each) for what in ("processor", "wall", "ratio"))
        return Latency(name, sizes, batch, tool, (nodes[tool], runs[0]["nodes"][file]), processor, wall, ratio)

    return [of(tool, batch) for batch in BATCHES for tool in TOOLS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="the whole zoo")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    names = options.only or [*NETWORKS, *(further() if options.all else ())]
    print(
        f"{'network':<16}{'batch':>6}{'tool':>8}{'ms':>10}{'wall':>10}{'specc':>8}{'least':>8}{'most':>8}  nodes, run"
    )
    found: list[Latency] = []
    for name in names:
        for each in latencies(name, options.processes):
            found.append(each)
            if each.fault:
                print(f"{name:<16}{each.batch:>6}{each.tool:>8}  {each.fault}", flush=True)
                continue
            times = f"{each.processor.median * 1e3:10.3f}{each.wall.median * 1e3:10.3f}"
            ratio = f"{each.ratio.median:8.3f}{each.ratio.least:8.3f}{each.ratio.most:8.3f}"
            nodes = f"{each.nodes[0]:7}{each.nodes[1]:5}{'  NO' if each.is_slower else ''}"
            print(f"{name:<16}{each.batch:>6}{each.tool:>8}{times}{ratio}{nodes}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1) + "\n", encoding="utf-8")
    sys.exit(any(each.is_slower for each in found))


if __name__ == "__main__":
    main()
