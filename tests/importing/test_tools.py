"""Files as other tools write them: both of PyTorch's exporters, and what rewrites a file afterwards.

ONNX Runtime runs the file, PyTorch the module of the spec that it is imported as.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import onnxsim
import onnxslim
import pytest
import torch
from onnx import version_converter
from torch import nn

from benchmarks.imports import FOLDERS, cases, judged
from specc.compare.onnx_files import compare_versions, file_version
from specc.onnxfile import OnnxFile
from tests.importing.onnx_files import agrees
from tests.networks import by_hand

pytestmark = pytest.mark.imported


class Mixed(nn.Module):
    """Activations, norms and shapes that exporters write in several nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.group = nn.GroupNorm(4, 16)
        self.instance = nn.InstanceNorm2d(16, affine=True)
        self.layer = nn.LayerNorm(16)
        self.linear = nn.Linear(16, 32)
        self.back = nn.Linear(32, 16)
        self.slope = nn.PReLU(16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.slope(self.group(self.stem(x)))
        x = torch.nn.functional.silu(self.instance(x)) + x
        y = self.layer(x.permute(0, 2, 3, 1))
        y = self.back(torch.nn.functional.gelu(self.linear(y))).permute(0, 3, 1, 2)
        x = torch.nn.functional.mish(self.up(x + y))
        x = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear")
        x = torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return torch.log_softmax(self.head(x), 1)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mixed": (Mixed, (1, 3, 8, 8)),
    "squeeze-and-excite": (by_hand.se_resnet, (1, 3, 32, 32)),
    "mobilenet": (lambda: by_hand.mobilenet_v1(0.25), (1, 3, 32, 32)),
    "unet": (lambda: by_hand.UNet(4, 1, 2), (1, 1, 16, 16)),
    "rhythm": (by_hand.rhythm, (1, 2, 640)),
    "clips": (by_hand.clips, (1, 3, 8, 16, 16)),
    "superresolution": (lambda: by_hand.espcn(3), (1, 1, 8, 8)),
    "yolo": (lambda: by_hand.TinyYolo(4, 18), (1, 3, 64, 64)),
}


def exported(name: str, path: Path, *, dynamo: bool, **options: Any) -> Path:
    """The file that PyTorch writes of a network, with numbers of its own in every norm."""
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    module = make().eval()
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias):
                tensor.data.uniform_(0.5, 1.5)
    file = path / f"{name}.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (torch.randn(shape),), str(file), dynamo=dynamo, **options)
    return file


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dynamo", [False, True], ids=["by tracing", "by torch.export"])
def test_exporters(name: str, dynamo: bool, tmp_path: Path) -> None:
    spec = agrees(exported(name, tmp_path, dynamo=dynamo), atol=1e-4)
    assert spec.structure != "list"


def test_open_sizes(tmp_path: Path) -> None:
    open_axes = {0: "batch", 2: "height", 3: "width"}
    file = exported("unet", tmp_path, dynamo=False, input_names=["image"], dynamic_axes={"image": open_axes})
    assert "(image: [batch, 1, height, width])" in agrees(file, size=16, atol=1e-4).text


def _simplified(proto: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    result, _ = onnxsim.simplify(proto)
    return result


def _slimmed(proto: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    return onnxslim.slim(proto)


def _optimised(level: Any) -> Callable[[onnx.ModelProto, Path], onnx.ModelProto]:
    def run(proto: onnx.ModelProto, path: Path) -> onnx.ModelProto:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.optimized_model_filepath = str(path / "optimised.onnx")
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(path / "optimised.onnx")

    return run


def _converted(opset: int) -> Callable[[onnx.ModelProto, Path], onnx.ModelProto]:
    return lambda proto, path: version_converter.convert_version(proto, opset)


REWRITERS: dict[str, Callable[[onnx.ModelProto, Path], onnx.ModelProto]] = {
    "onnxsim": _simplified,
    "onnxslim": _slimmed,
    "onnxruntime, basic": _optimised(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC),
    "onnxruntime, extended": _optimised(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED),
    "opset 21": _converted(21),
}


@pytest.mark.parametrize("name", ["mixed", "squeeze-and-excite", "yolo"])
@pytest.mark.parametrize("tool", REWRITERS)
def test_rewritten(name: str, tool: str, tmp_path: Path) -> None:
    """What is read computes the same, and `specc diff` says that it is the same network."""
    proto = onnx.load(exported(name, tmp_path, dynamo=False, opset_version=17))
    rewritten = REWRITERS[tool](proto, tmp_path)
    agrees(rewritten, atol=1e-4)
    versions = (file_version(OnnxFile(each.SerializeToString())) for each in (proto, rewritten))
    networks = compare_versions(*versions).networks
    assert networks is not None
    assert networks.graph.proven_same or (name, tool) in LOSE_ONES


LOSE_ONES = {("mixed", "onnxsim"), ("mixed", "onnxslim")}
"""They take out factors of 1 and offsets of 0 of a group norm: a network of fewer tensors."""


@pytest.mark.parametrize("folder", FOLDERS)
def test_cases_of_the_onnx_package(folder: str) -> None:
    """What is read is right, and what is not is refused."""
    results = [judged(path) for path in cases(folder)]
    wrong = [result for result in results if not result.is_right and not result.is_refused]
    assert not wrong
    least = {"light": 9, "pytorch-converted": 79, "pytorch-operator": 20, "simple": 1}
    assert sum(result.is_right for result in results) >= least[folder]
