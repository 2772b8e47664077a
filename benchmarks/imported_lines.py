"""How many lines the specs of imported networks have: five of torchvision's, by both of PyTorch's exporters, as they
are written and without any names.

    python -m benchmarks.imported_lines           # a table
    python -m benchmarks.imported_lines --specs   # and the specs

docs/import.md carries the table.
"""

import argparse
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import nn

from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import Spec, structured
from specc.onnxfile import OnnxFile
from tests.importing.published import NETWORKS


@dataclass(frozen=True, slots=True)
class Export:
    """A network as an exporter has written it: how many steps it has, its spec, and that of the file without names."""

    steps: int
    spec: Spec
    nameless: Spec


def exported(network: type[nn.Module], path: Path, *, dynamo: bool) -> Export:
    """A network by an exporter, imported."""
    torch.manual_seed(0)
    module = network().eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tensor in [*module.parameters(), *module.buffers()]:  # equal numbers would be stored once
            tensor.copy_(0.5 + 0.1 * torch.rand(tensor.shape))
        image = torch.zeros(1, 3, 224, 224)
        if dynamo:
            torch.onnx.export(module, (image,), str(path), dynamo=True, external_data=False, verbose=False)
        else:
            torch.onnx.export(module, (image,), str(path), dynamo=False)
    read = read_network(OnnxFile(path))
    nameless = read_network(OnnxFile(without_names(onnx.load(path)).SerializeToString()))
    return Export(len(read.steps), structured(read), structured(nameless))


def without_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same file with numbers in the place of all names but those of inputs and outputs: ``n0001``."""
    graph = model.graph
    names = {port.name: port.name for port in [*graph.input, *graph.output]}

    def new(name: str) -> str:
        return names.setdefault(name, f"n{len(names):04d}") if name else name

    for tensor in graph.initializer:
        tensor.name = new(tensor.name)
    for place, node in enumerate(graph.node):
        node.name = f"n{place}"
        node.input[:] = map(new, node.input)
        node.output[:] = map(new, node.output)
        del node.metadata_props[:]
    del graph.value_info[:]
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", action="store_true", help="print the specs, too")
    shows_specs = parser.parse_args().specs
    print("| network | steps | new exporter | older exporter | without names | at most |")
    for network, most in NETWORKS.items():
        exports: list[Export] = []
        for dynamo in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                exports.append(exported(network, Path(folder) / "net.onnx", dynamo=dynamo))
        specs = [exports[0].spec, exports[1].spec, exports[0].nameless]
        counts = " | ".join(str(spec.text.count("\n")) for spec in specs)
        print(f"| {network.__name__} | {exports[1].steps} | {counts} | {most} |", flush=True)
        if shows_specs:
            print("\n\n".join(spec.text for spec in specs))


if __name__ == "__main__":
    main()
