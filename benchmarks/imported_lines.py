"""How many lines the specs of imported networks have: five of torchvision's, by both of PyTorch's exporters.

    python -m benchmarks.imported_lines           # a table
    python -m benchmarks.imported_lines --specs   # and the specs

docs/import.md carries the table.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import torch
from torch import nn

from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import Spec, structured
from specc.onnxfile import OnnxFile
from tests.importing.published import NETWORKS


def exported(network: type[nn.Module], path: Path, *, dynamo: bool) -> tuple[int, Spec]:
    """How many nodes a network has by an exporter, and the spec that they become."""
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
    return len(read.steps), structured(read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", action="store_true", help="print the specs, too")
    shows_specs = parser.parse_args().specs
    print("| network | steps | new exporter | older exporter | at most |")
    for network, most in NETWORKS.items():
        counts, specs = [], []
        for dynamo in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                steps, spec = exported(network, Path(folder) / "net.onnx", dynamo=dynamo)
            counts.append(spec.text.count("\n"))
            specs.append(spec.text)
        print(f"| {network.__name__} | {steps} | {counts[0]} | {counts[1]} | {most} |", flush=True)
        if shows_specs:
            print("\n\n".join(specs))


if __name__ == "__main__":
    main()
