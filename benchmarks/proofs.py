"""What a proof costs beside the export that everyone uses: processor time and memory of whole processes, in one run.

    python -m benchmarks.proofs [--rounds 1] [--only NAME ...] [--proof quick] [--json FILE]

Each network is compiled with its proof, and the PyTorch module that specc emits for it is exported by
``torch.onnx.export(dynamo=True, verify=True)``, with the same symbolic sizes, one after the other. The exporter needs
onnxscript. Exits with 1 where a proof costs more than its limit: the exporter's time, or twice that of the deepest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.ir.size import Size
from specc.source import Source
from specc.syntax import parse
from specc.verify.cases import Case, sizes_tried

ROOT = Path(__file__).resolve().parent.parent
ZOO = "examples/zoo"
NETWORKS = {
    "LeNet": ("examples/lenet.cnn", 1),
    "ResNet18": (f"{ZOO}/resnet.cnn:ResNet18", 1),
    "ResNet50": (f"{ZOO}/resnet.cnn:ResNet50", 1),
    "MobileNetV2": (f"{ZOO}/mobilenet_v2.cnn:MobileNetV2", 1),
    "DenseNet121": (f"{ZOO}/densenet.cnn:DenseNet121", 1),
    "VGG16": ("examples/vgg16.cnn", 1),
    "UNet": (f"{ZOO}/unet.cnn:UNet", 1),
    "Scan": ("examples/volume.cnn", 1),
    "ResNet152": (f"{ZOO}/resnet.cnn:ResNet152", 2),
    "DenseNet201": (f"{ZOO}/densenet.cnn:DenseNet201", 2),
}
"""The spec of each network, and how many times the exporter's processor time its proof may take."""

EXPORT = """
import sys, warnings, torch
warnings.simplefilter("ignore")
sys.path.insert(0, {folder!r})
import network
model = network.{name}().eval()
inputs = tuple(torch.randn(shape) for shape in {shapes})
dims = tuple({{axis: torch.export.Dim.AUTO for axis in axes}} for axes in {axes})
names = dict(input_names={inputs}, output_names={outputs})
torch.onnx.export(model, inputs, {file!r}, dynamo=True, verify=True, dynamic_shapes=dims, **names)
"""


@dataclass(frozen=True)
class Cost:
    """Of one finished process: seconds of processor time, seconds of wall clock, bytes at its largest."""

    processor: float
    wall: float
    memory: int


def cost(command: list[str]) -> Cost:
    """Run ``command`` to its end, which must be a good one."""
    with tempfile.TemporaryFile() as output:
        start = os.times().elapsed
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)[:200]} failed\n{output.read().decode(errors='replace')[-2000:]}")
    # ru_maxrss counts kilobytes on Linux, bytes on macOS.
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(usage.ru_utime + usage.ru_stime, os.times().elapsed - start, memory)


def graph_of(target: str) -> Graph:
    path, _, name = target.partition(":")
    checked = check_file(parse(Source(path, (ROOT / path).read_text("utf-8"))))
    return next(each.graph for each in checked if not name or each.graph.name == name)


def arguments(target: str) -> list[str]:
    """The network as the command takes it."""
    path, _, name = target.partition(":")
    return [path, "--model", name] if name else [path]


def export_script(target: str, folder: Path) -> str:
    """The program that exports the network, whose PyTorch module is written to the folder."""
    graph = graph_of(target)
    cost([sys.executable, "-m", "specc", "compile", *arguments(target), "-o", str(folder / "network.py")])
    case = Case("normal", 2, sizes=sizes_tried(graph)[0])
    return EXPORT.format(
        folder=str(folder),
        name=graph.name,
        shapes=[case.shape(port) for port in graph.inputs],
        axes=[[i for i, size in enumerate(p.type.shape) if isinstance(size, Size)] for p in graph.inputs],
        inputs=[port.name for port in graph.inputs],
        outputs=[port.name for port, _ in graph.outputs],
        file=str(folder / "exported.onnx"),
    )


@dataclass(frozen=True)
class Comparison:
    """A network's proof beside its export; the ratio of processor times is the median of the rounds."""

    name: str
    ours: Cost
    export: Cost
    ratio: float
    limit: float

    @property
    def is_kept(self) -> bool:
        return self.ratio <= self.limit and self.ours.memory <= self.export.memory


def compared(name: str, rounds: int, options: list[str]) -> Comparison:
    target, limit = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        script = export_script(target, Path(folder))
        ours = [sys.executable, "-m", "specc", "compile", *arguments(target), "-o", f"{folder}/ours.onnx", *options]
        pairs = [(cost(ours), cost([sys.executable, "-c", script])) for _ in range(rounds)]
    ratio = median(a.processor / b.processor for a, b in pairs)
    return Comparison(name, pairs[-1][0], pairs[-1][1], ratio, limit)


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
        seconds = f"{each.ours.processor:8.1f} {each.export.processor:8.1f} {each.ratio:6.2f} {each.limit:6.1f}"
        memory = f"{each.ours.memory / 1e6:8.0f} {each.export.memory / 1e6:8.0f}"
        print(f"{name:<12} {seconds} {memory}{'' if each.is_kept else '  NO'}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(each.is_kept for each in found))


if __name__ == "__main__":
    main()
