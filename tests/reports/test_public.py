"""Networks of public reports: each is what PyTorch makes of the layers that the report was about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import specc
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from tests.twins import onnx_bytes, run_onnx

FILE = Path(__file__).with_name("public.cnn")


class Pyramid(nn.Module):
    """A map beside its means over 1, 2, 3 and 6 bins an axis."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(8, 2, 1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [conv(nn.functional.adaptive_avg_pool2d(x, n)) for n, conv in zip((1, 2, 3, 6), self.convs, strict=True)]
        return torch.cat([x, *(nn.functional.interpolate(m, size=x.shape[2:], mode="bilinear") for m in maps)], 1)


class Generator(nn.Module):
    """A small CycleGAN generator."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.ReflectionPad2d(3), nn.Conv2d(3, 4, 7), nn.InstanceNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 8, 3, 2, 1), nn.InstanceNorm2d(8), nn.ReLU(),
        )  # fmt: skip
        self.residual = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(8, 4, 3, 2, 1, 1), nn.InstanceNorm2d(4), nn.ReLU(),
            nn.ReflectionPad2d(3), nn.Conv2d(4, 3, 7), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.down(x)
        return self.up(x + self.residual(x))


def dilated() -> nn.Module:
    layers: list[nn.Module] = []
    for dilation in (1, 2, 3, 1, 2, 3):
        layers += [nn.Conv1d(1, 1, 3, dilation=dilation), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def circular() -> nn.Module:
    strided = nn.Conv2d(3, 6, 3, 2, padding=1, padding_mode="circular")
    return nn.Sequential(strided, nn.GELU(), nn.Conv2d(6, 6, 7, padding=3, padding_mode="circular", groups=6))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )  # fmt: skip


TWINS: dict[str, Callable[[], nn.Module]] = {
    "Pytorch42653": Pyramid,
    "Pytorch109370": lambda: nn.AdaptiveAvgPool2d((7, 7)),
    "Onnx1957": lambda: nn.Sequential(
        nn.Conv2d(1, 16, 5, 1, 2), nn.ReLU(), nn.Conv2d(16, 9, 3, 1, 1), nn.PixelShuffle(3)
    ),
    "Pytorch183523": lambda: nn.Upsample((1, 1), mode="bilinear"),
    "Onnx7721": lambda: nn.Conv2d(1, 1, 3, 2, (1, 0)),
    "Pytorch60179": lambda: nn.ZeroPad2d((0, 0, 0, 1)),
    "Onnxruntime3292": lambda: nn.UpsamplingBilinear2d(scale_factor=2),
    "Pytorch71549": lambda: nn.AvgPool2d((3, 3), (3, 3), (1, 1), ceil_mode=True),
    "Onnxruntime15446": lambda: nn.MaxPool3d(3, padding=1, ceil_mode=True),
    "Pytorch57178": lambda: nn.MaxPool2d(1, 2, ceil_mode=True),
    "Pytorch116420": lambda: nn.AvgPool2d(4, 4, 2, ceil_mode=True),
    "Openvino18731": lambda: nn.MaxPool2d(2, 2, 1, ceil_mode=True),
    "Pytorch86690": lambda: nn.CircularPad2d((1, 1, 2, 2)),
    "Vision7541": circular,
    "Pytorch21271": lambda: nn.PReLU(16),
    "Pytorch4584": Generator,
    "Fvcore78": lambda: nn.ConvTranspose2d(32, 1, 3),
    "Deepspeed8323": lambda: nn.ConvTranspose2d(4, 4, 3, 2, 1, 1, groups=4),
    "Ptflops149": lambda: nn.ConvTranspose2d(3, 1, 2, 2),
    "Torchscan27": dilated,
    "Receptivefield9": lambda: nn.Sequential(nn.Conv1d(1, 1, 3, 2, 1), nn.ConvTranspose1d(1, 1, 4, 2, 1)),
    "Pytorch14099": lambda: nn.ConvTranspose2d(1, 1, 3, 1, dilation=2),
    "Pytorch1565": lambda: nn.ConvTranspose1d(1, 1, 3, 2, 1, 1, 1, False, 2),
    "Torchinfo82": lenet,
}


def test_every_report_has_its_twin() -> None:
    checked = check_file(parse(Source("public.cnn", FILE.read_text("utf-8"))))
    assert [model.graph.name for model in checked] == list(TWINS)


@pytest.mark.parametrize("name", TWINS)
def test_it_is_the_network_of_the_report(name: str) -> None:
    """In float64 PyTorch's very numbers, and in onnxruntime no further from them than float32 must be."""
    torch.manual_seed(0)
    network, twin = specc.load(FILE, model=name), TWINS[name]().eval()
    ours = network.to_torch(seed=5)
    twin.load_state_dict(dict(zip(twin.state_dict(), ours.state_dict().values(), strict=True)))
    shape = network.graph.inputs[0].type.sample
    x = torch.randn(2, *(size if isinstance(size, int) else 9 for size in shape))
    with torch.no_grad():
        truth, rough = twin.double()(x.double()), twin.float()(x)
        assert torch.equal(ours.double()(x.double()), truth)
    file = onnx_bytes(network.graph, {path: tensor.float().numpy() for path, tensor in ours.state_dict().items()})
    got = run_onnx(file, [x])
    assert got.shape == tuple(truth.shape)
    scale = np.abs(truth.numpy()).max()
    assert np.abs(got - truth.numpy()).max() <= 8.0 * ((rough - truth).abs().max().item() + 2.0**-24 * scale)
    declared = onnx.load_from_string(file).graph.output[0].type.tensor_type.shape.dim
    assert [d.dim_value or None for d in declared][1:] == [
        size if isinstance(size, int) else None for size in network.graph.outputs[0][0].type.sample
    ]
