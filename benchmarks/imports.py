"""The networks that ship inside the onnx package, imported: the table of docs/import.md.

    python -m benchmarks.imports [FOLDER …]

Nine light models of classics, 82 layers as PyTorch exported them, 35 operators of it, and the simple ones. Each is read
and made a spec, whose PyTorch is run on the input that lies beside the file; what it gives must be the output that lies
there. Of the light models, whose weights are constants, the input is the one that onnx's own runner makes up.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper

from specc.backends.torch import torch_module
from specc.diagnostics import UsageError
from specc.importing.delivery import ImportedWeights
from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import structured
from specc.onnxfile import OnnxFile

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
FOLDERS = ("light", "pytorch-converted", "pytorch-operator", "simple")


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes:
        lines: of the spec; 0 where there is none.
        reason: why it is refused, or in what it is wrong; empty of one that is right.
    """

    name: str
    lines: int
    reason: str = ""
    is_refused: bool = False

    @property
    def is_right(self) -> bool:
        return not self.reason


def cases(folder: str) -> Iterator[Path]:
    """The files of a folder of the onnx package."""
    pattern = "*.onnx" if folder == "light" else "*/model.onnx"
    yield from sorted((DATA / folder).glob(pattern))


def judged(path: Path) -> Result:
    """Import a case and run it."""
    name = path.stem if path.parent.name == "light" else path.parent.name
    try:
        network = read_network(OnnxFile(path))
    except UsageError as error:
        return Result(name, 0, " ".join(error.lines[-1].replace(str(path), "it").split()), is_refused=True)
    spec = structured(network)
    module = torch_module(spec.graph, ImportedWeights(network, spec), {}).eval()
    lines = len(spec.text.splitlines())
    for inputs, outputs in _data(path, [tuple(map(_fed, port.shape)) for port in network.inputs]):
        with torch.no_grad():
            given = module(*(torch.from_numpy(array.copy()) for array in inputs))
        for wanted, result in zip(outputs, given if isinstance(given, tuple) else (given,), strict=True):
            if wanted.shape != tuple(result.shape) or not np.allclose(
                result.numpy(), wanted, rtol=1e-3, atol=1e-5, equal_nan=True
            ):
                return Result(name, lines, "it gives other numbers than are expected")
    return Result(name, lines)


def _fed(size: int | str) -> int:
    return size if isinstance(size, int) else 2


def _data(path: Path, shapes: list[tuple[int, ...]]) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Inputs and expected outputs of a case."""
    if path.parent.name == "light":  # as onnx.backend.test.runner draws them
        sizes = [int(np.prod(shape)) for shape in shapes]
        inputs = [(np.arange(n) / n).astype(np.float32).reshape(shape) for n, shape in zip(sizes, shapes, strict=True)]
        yield inputs, [_tensor(path.with_name(f"{path.stem}_output_0.pb"))]
        return
    for folder in sorted(path.parent.glob("test_data_set_*")):
        read = {kind: [_tensor(folder / f"{kind}_{place}.pb") for place in range(len([*folder.glob(f"{kind}_*.pb")]))]
                for kind in ("input", "output")}  # fmt: skip
        yield read["input"][: len(shapes)], read["output"]


def _tensor(path: Path) -> np.ndarray:
    tensor = TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def main(folders: list[str]) -> int:
    """Print the table, and what is not right; the exit code is 1 where something is wrong."""
    wrong = 0
    print("| | cases | right | refused |\n|---|---|---|---|")
    told = []
    for folder in folders or FOLDERS:
        results = [judged(path) for path in cases(folder)]
        right, refused = (sum(getattr(result, kind) for result in results) for kind in ("is_right", "is_refused"))
        wrong += len(results) - right - refused
        print(f"| {folder} | {len(results)} | {right} | {refused} |")
        told += [f"{folder}/{result.name}: {result.reason}" for result in results if not result.is_right]
    print("", *told, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
