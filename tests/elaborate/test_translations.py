"""What is proposed for a line of PyTorch computes what that line does: its own modules and functions are the oracle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as every program has it)
from torch import nn

import specc
from specc.syntax.mistakes.translation import translated

MODULES = (
    "nn.Conv2d(4, 8, 3, padding=1)",
    "nn.Conv2d(4, 8, 3, 2, 1, 1, 2, False)",
    "nn.Conv2d(in_channels=4, out_channels=6, kernel_size=(1, 3), padding='same')",
    "nn.ConvTranspose2d(4, 6, 3, 2, 1, 1)",
    "nn.BatchNorm2d(4, 1e-3, 0.2)",
    "nn.GroupNorm(2, 4)",
    "nn.InstanceNorm2d(4, affine=True)",
    "nn.MaxPool2d(3, 2, 1)",
    "nn.AvgPool2d(2, ceil_mode=True)",
    "nn.LeakyReLU(0.2)",
    "nn.ELU(alpha=0.5)",
    "nn.Hardtanh(0, 6)",
    "nn.Softmax(dim=1)",
    "nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)",
    "nn.UpsamplingBilinear2d(scale_factor=2)",
    "nn.ReflectionPad2d(1)",
    "nn.ReplicationPad2d(2)",
    "nn.ZeroPad2d(1)",
    "nn.PixelShuffle(2)",
    "nn.AdaptiveAvgPool2d(1)",
    "nn.GELU(approximate='tanh')",
    "nn.Threshold(0.1, 20)",
    "nn.GLU(dim=1)",
    "nn.Flatten()",
    "nn.Linear(8, 5)",
    "nn.Sequential(nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))",
)
FORMULAS = (
    "x + y + x",
    "x - (y + x)",
    "x + y - x * y",
    "2 * x - 1",
    "1 - x / 4",
    "3 / (x ** 2 + 1)",
    "(x + y) ** 2 * 0.5",
    "-x + y",
    "x ** 0.5 + y",
    "x @ y",
    "F.relu(x - y)",
    "torch.cat([x, y], dim=1)",
    "torch.cat((x, F.relu(y)), 2)",
    "torch.maximum(x, y).mean(dim=(2, 3))",
    "F.max_pool2d(F.leaky_relu(x, 0.2), 2).view(x.size(0), -1)",
    "F.interpolate(x, scale_factor=2) * torch.sigmoid(F.interpolate(y, scale_factor=2))",
)


def network(folder: Path, steps: str) -> nn.Module:
    path = folder / "net.cnn"
    path.write_text(f"model M : [N, 4, 8, 8] {{\n{steps}\n}}\n")
    return specc.load(path).to_torch(seed=1)


@pytest.mark.parametrize("line", MODULES)
def test_a_module(line: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = eval(line, {"nn": nn}).eval()
    ours = network(tmp_path, translated(line, lambda _: "").text)
    state = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    ours.load_state_dict(state)
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("line", FORMULAS)
def test_a_formula(line: str, tmp_path: Path) -> None:
    """Of two positive values, which a power has at every number."""
    steps = translated(line, lambda name: "value" if name in ("x", "y") else "").text
    assert steps
    other = "  in -> y: exp\n" if re.search(r"\by\b", line) else ""
    ours = network(tmp_path, f"  x: abs\n{other}  {steps}")
    value = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    names = {"x": value.abs(), "y": value.exp(), "F": F, "torch": torch}
    with torch.no_grad():
        torch.testing.assert_close(ours(value), eval(line, names))
