"""The examples against the same networks written by hand in PyTorch, with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

import specc

EXAMPLES = Path(__file__).parents[2] / "examples"


def lenet(kernel: int, features: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, kernel), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(features, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def birds() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(2048, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 2),
        nn.LogSoftmax(dim=1),
    )  # fmt: skip


def timeseries() -> nn.Module:
    layers: list[nn.Module] = []
    for channels, filters, dilation in ((3, 32, 1), (32, 32, 2), (32, 32, 4), (32, 64, 8)):
        layers += [nn.Conv1d(channels, filters, 3, padding=dilation, dilation=dilation, bias=False)]
        layers += [nn.BatchNorm1d(filters), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.AvgPool1d(4, ceil_mode=True), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 6)
    )


def volume() -> nn.Module:
    return nn.Sequential(
        nn.Conv3d(1, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.SiLU(), nn.MaxPool3d(2),
        nn.Conv3d(8, 16, 3, padding=1), nn.GroupNorm(4, 16), nn.SiLU(), nn.MaxPool3d(2),
        nn.Conv3d(16, 32, 3, padding=1), nn.GroupNorm(8, 32), nn.SiLU(), nn.MaxPool3d((2, 4, 4)),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(32, 1), nn.Sigmoid(),
    )  # fmt: skip


class Photos(nn.Sequential):
    """The network with torchvision's transforms in front of it."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for channels, filters in ((3, 16), (16, 32), (32, 64)):
            layers += [
                nn.Conv2d(channels, filters, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(filters),
                nn.ReLU(),
            ]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = image.permute(0, 3, 1, 2).div(255)
        mean, std = (torch.tensor(n)[:, None, None] for n in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        return super().forward((x - mean) / std)


NETWORKS = {
    "lenet": (lambda: lenet(3, 576), (1, 32, 32), 81_194),
    "lenet5": (lambda: lenet(5, 400), (1, 32, 32), 61_706),
    "birds": (birds, (3, 32, 32), 136_402),
    "timeseries": (timeseries, (3, 256), 13_286),
    "volume": (volume, (1, 32, 64, 64), 17_697),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_example_is_the_network_written_by_hand(name: str, tmp_path: Path) -> None:
    make, sample, params = NETWORKS[name]
    network = specc.load(EXAMPLES / f"{name}.cnn")
    ours = network.to_torch(seed=3)
    theirs = make().eval()
    assert network.params == params == sum(p.numel() for p in theirs.parameters())
    assert [t.shape for t in ours.state_dict().values()] == [t.shape for t in theirs.state_dict().values()]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))

    x = torch.randn(2, *sample, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs(x)
        assert torch.equal(ours(x), expected)

    network.to_onnx(tmp_path / "network.onnx", seed=3, verify=False)
    session = ort.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"input": x.numpy()})
    np.testing.assert_allclose(got, expected.numpy(), rtol=2e-5, atol=2e-6)


def test_photos_take_the_bytes_that_transforms_take(tmp_path: Path) -> None:
    network = specc.load(EXAMPLES / "photos.cnn")
    ours, theirs = network.to_torch(seed=3), Photos().eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    image = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs(image)
        torch.testing.assert_close(ours(image), expected)
    network.to_onnx(tmp_path / "photos.onnx", seed=3, verify=False)
    session = ort.InferenceSession(tmp_path / "photos.onnx", providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"image": image.numpy()})
    np.testing.assert_allclose(got, expected.numpy(), rtol=2e-5, atol=2e-6)


def test_lenet_is_the_tutorials() -> None:
    state = specc.load(EXAMPLES / "lenet.cnn").graph.state
    assert len(state) == 10
    assert state[0] == ("conv1.weight", state[0][1])
    assert state[0][1].shape == (6, 1, 3, 3)
    assert dict(state)["fc1.weight"].shape == (120, 576)


def test_lenet5_macs() -> None:
    assert specc.load(EXAMPLES / "lenet5.cnn").macs == 416_520


@pytest.mark.parametrize("target", ["torch", "onnx"])
def test_edge_detector(target: str, tmp_path: Path) -> None:
    network = specc.load(EXAMPLES / "edges.cnn")
    image = np.ones((1, 1, 6, 8), np.float32)
    image[..., 2:6] = 0
    expected = np.zeros((1, 1, 6, 7), np.float32)
    expected[..., 1] = 1
    expected[..., 5] = -1
    if target == "torch":
        got = network.to_torch()(torch.from_numpy(image)).numpy()
    else:
        network.to_onnx(tmp_path / "edges.onnx", verify=False)
        session = ort.InferenceSession(tmp_path / "edges.onnx", providers=["CPUExecutionProvider"])
        (got,) = session.run(None, {"input": image})
    np.testing.assert_array_equal(got, expected)
    assert network.trainable_params == 0
    assert network.params == 2


def test_twins_show_what_sharing_saves() -> None:
    shared = specc.load(EXAMPLES / "twins.cnn", model="Convolution")
    dense = specc.load(EXAMPLES / "twins.cnn", model="FullyConnected")
    assert (shared.params, dense.params) == (80, 784 * 6272 + 6272)
    assert shared.graph.outputs[0][0].type == dense.graph.outputs[0][0].type
