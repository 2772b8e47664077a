"""Networks with skips, gates, splits, shared weights, several inputs and outputs, and symbolic sizes, against the
same networks written by hand in PyTorch, at several sizes, with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import specc
from specc.analyses import Costs
from specc.backends import onnx as onnx_backend
from specc.backends.torch import torch_module
from specc.ir.graph import Graph
from tests.networks import by_hand, high_resolution, segmentation
from tests.networks.published import Rounded, Zeros

ZOO = Path(__file__).parents[2] / "examples" / "zoo"
OTHERS = Path(__file__).parent / "others"


class Twin(NamedTuple):
    """A spec, the network by hand, and samples to try both on: a shape for each input."""

    spec: Path
    settings: dict[str, Any]
    network: Callable[[], nn.Module]
    tries: list[list[tuple[int, ...]]]


PICTURES = [[(3, 64, 64)], [(3, 33, 70)], [(3, 17, 1)]]
HALVED = [[(3, 32, 32)], [(3, 64, 96)]]
TWINS = {
    "unet": Twin(
        ZOO / "unet.cnn", {"c": 4, "classes": 3}, lambda: by_hand.UNet(4, 1, 3), [[(1, 16, 16)], [(1, 64, 32)]]
    ),
    "unet_any_size": Twin(
        ZOO / "unet_any_size.cnn",
        {"c": 4, "channels": 1, "classes": 3},
        lambda: segmentation.PaddedUNet(4, 1, 3),
        [[(1, 16, 16)], [(1, 17, 31)], [(1, 45, 22)]],
    ),
    "fcn8s": Twin(
        ZOO / "fcn8s.cnn",
        {"classes": 4, "c": 2, "features": 12},
        lambda: segmentation.FCN8s(4, 2, 12),
        [[(3, 1, 1)], [(3, 33, 70)], [(3, 59, 28)]],
    ),
    "deeplabv3": Twin(
        ZOO / "deeplabv3.cnn",
        {"classes": 5, "c": 4},
        lambda: segmentation.DeepLabV3(5, 4),
        [[(3, 1, 1)], [(3, 33, 70)], [(3, 58, 25)]],
    ),
    "hrnet": Twin(
        ZOO / "hrnet.cnn",
        {"c": 2, "keypoints": 3, "modules": [1, 2, 1]},
        lambda: high_resolution.HRNet(2, 3, (1, 2, 1)),
        [[(3, 32, 32)], [(3, 39, 50)]],
    ),
    "residual1d": Twin(ZOO / "residual1d.cnn", {}, by_hand.rhythm, [[(2, 500)], [(2, 77)], [(2, 1)]]),
    "residual3d": Twin(ZOO / "residual3d.cnn", {}, by_hand.clips, [[(3, 8, 16, 20)], [(3, 5, 7, 9)]]),
    "tcn": Twin(
        ZOO / "tcn.cnn", {"c": 6, "levels": 3}, lambda: by_hand.TCN(6, 3, 7, 10), [[(1, 50)], [(1, 7)], [(1, 1)]]
    ),
    "eegnet": Twin(ZOO / "eegnet.cnn", {}, lambda: by_hand.eegnet(64), [[(1, 64, 128)]]),
    "resnet18_cbam": Twin(
        ZOO / "cbam.cnn", {"model": "ResNet18_CBAM"}, by_hand.resnet18_cbam, [[(3, 64, 64)], [(3, 33, 70)]]
    ),
    "se_resnet": Twin(OTHERS / "se_resnet.cnn", {}, by_hand.se_resnet, PICTURES),
    "mobilenet_v1": Twin(OTHERS / "mobilenet_v1.cnn", {"width": 0.25}, lambda: by_hand.mobilenet_v1(0.25), PICTURES),
    "yolov3_tiny": Twin(
        ZOO / "yolov3_tiny.cnn", {"c": 4, "classes": 3}, lambda: by_hand.TinyYolo(4, 3 * (5 + 3)), HALVED
    ),
    "fpn_resnet": Twin(
        ZOO / "fpn.cnn",
        {"c": 6, "width": 4, "depths": [2, 1, 2, 1]},
        lambda: by_hand.FeaturePyramid(6, 4, (2, 1, 2, 1)),
        [[(3, 64, 96)], [(3, 75, 41)], [(3, 1, 1)], [(3, 33, 130)]],
    ),
    "nonlocal": Twin(
        ZOO / "nonlocal.cnn",
        {"width": 4, "classes": 5},
        lambda: by_hand.resnet50(4, 5, "places"),
        [[(3, 64, 96)], [(3, 75, 41)], [(3, 1, 1)]],
    ),
    "botnet": Twin(
        ZOO / "botnet.cnn",
        {"width": 4, "classes": 5},
        lambda: by_hand.resnet50(4, 5, "heads"),
        [[(3, 64, 96)], [(3, 75, 41)], [(3, 1, 1)]],
    ),
    "one_shot": Twin(
        ZOO / "siamese.cnn",
        {"c": 2, "features": 12},
        lambda: by_hand.OneShot(2, 12),
        [[(1, 105, 105), (1, 105, 105)]],
    ),
    "espcn": Twin(OTHERS / "espcn.cnn", {}, lambda: by_hand.espcn(3), [[(1, 9, 11)], [(1, 1, 1)]]),
    "fpn": Twin(OTHERS / "fpn.cnn", {"c": 12}, lambda: by_hand.Pyramid(12), HALVED),
    "siamese": Twin(
        OTHERS / "siamese.cnn", {}, lambda: by_hand.Siamese(16), [[(1, 8, 8), (1, 8, 8)], [(1, 13, 30), (1, 13, 30)]]
    ),
    "attention": Twin(OTHERS / "attention.cnn", {}, lambda: by_hand.Attention(16, 4), [[(3, 24, 20)]]),
    "res2net": Twin(OTHERS / "res2net.cnn", {}, by_hand.res2net, [[(3, 8, 10)], [(3, 3, 1)]]),
    "aspp": Twin(OTHERS / "aspp.cnn", {}, lambda: by_hand.Segmenter(16, 4), [[(3, 32, 48)]]),
}


@pytest.mark.parametrize("name", TWINS)
def test_network_is_the_one_written_by_hand(name: str, tmp_path: Path) -> None:
    twin = TWINS[name]
    graph = specc.load(twin.spec, **twin.settings).graph
    theirs = randomised(twin.network())
    ours = torch_module(graph, Zeros()).double()
    assert [t.shape for t in ours.state_dict().values()] == [t.shape for t in theirs.state_dict().values()]
    assert Costs(graph).params == sum(p.numel() for p in theirs.parameters())
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))

    path = tmp_path / "network.onnx"
    with path.open("wb") as file:
        onnx_backend.write(graph, Rounded(ours.state_dict()), file)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for shapes in twin.tries:
        inputs = [torch.randn(2, *shape, dtype=torch.float64) for shape in shapes]
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            expected = several(theirs(*inputs))
        with torch.no_grad():
            got = several(ours(*inputs))
        feed = {port.name: x.float().numpy() for port, x in zip(graph.inputs, inputs, strict=True)}
        assert 2 * 2 * Costs(graph.at(sizes(graph, shapes))).macs == counter.get_total_flops()
        for exact, live, onnx in zip(expected, got, session.run(None, feed), strict=True):
            scale = exact.abs().max().item()
            assert live.shape == exact.shape == onnx.shape
            assert (live - exact).abs().max().item() <= 1e-12 * scale
            assert np.abs(onnx - exact.numpy()).max() <= 2e-5 * scale


@pytest.mark.parametrize("name", ["fcn8s", "deeplabv3", "hrnet"])
def test_names_are_those_of_the_published_code(name: str) -> None:
    """So that its weights load by name."""
    twin = TWINS[name]
    ours = torch_module(specc.load(twin.spec, **twin.settings).graph, Zeros())
    assert set(ours.state_dict()) == set(twin.network().state_dict())


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        ("deeplabv3.cnn", 42_004_074),  # torchvision's deeplabv3_resnet50, COCO_WITH_VOC_LABELS_V1
        (OTHERS / "inception_resnet_v2.cnn", 55_813_192),  # Keras's, without the moving statistics
        ("hrnet.cnn", 28_535_552 + 561),  # its authors' backbone of W32, and the last layer
        ("nonlocal.cnn", 25_557_032 + 4 * 1024 * 512 + 3 * 512 + 2 * 1024),  # torchvision's ResNet-50 and the block
        ("unet_any_size.cnn", 31_037_698),  # milesial/Pytorch-UNet, transposed convolutions and two classes
    ],
)
def test_counts_are_the_published_ones(spec: str | Path, published: int) -> None:
    assert specc.load(ZOO / spec).params == published


def sizes(graph: Graph, shapes: list[tuple[int, ...]]) -> dict[str, int]:
    """What the symbolic sizes are where the inputs have the given shapes."""
    pairs = [
        pair
        for port, shape in zip(graph.inputs, shapes, strict=True)
        for pair in zip(map(str, port.type.sample), shape, strict=True)
    ]
    return {name: size for name, size in pairs if not name.isdigit()}


def several(result: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def randomised(network: nn.Module) -> nn.Module:
    """float64, and no tensor at a value that would hide it: running statistics and norms too."""
    torch.manual_seed(0)
    network = network.double().eval()
    for path, tensor in network.state_dict().items():
        if path.endswith("running_var") or (path.endswith("weight") and tensor.dim() == 1):
            tensor.uniform_(0.5, 1.5)
        elif path.endswith("running_mean") or (path.endswith("bias") and tensor.dim() == 1):
            tensor.uniform_(-0.3, 0.3)
    return network
