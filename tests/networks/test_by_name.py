"""Networks whose published modules have names that no variable has: their state dicts load by name.

The twins are written by hand in plain PyTorch, with the names of torchvision's, timm's and milesial's modules.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from specc.api import Model
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse

torch.set_num_threads(1)


class Residual(nn.Module):
    """``body`` under a name, added to what it takes; a parameter ``layer_scale`` before it, if there is one."""

    def __init__(self, name: str, body: nn.Module, scale: int = 0, proj: nn.Module | None = None) -> None:
        super().__init__()
        if scale:
            self.layer_scale = nn.Parameter(torch.ones(scale, 1, 1))
        if proj is not None:
            self.proj = proj
        self.add_module(name, body)
        self._name = name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.get_submodule(self._name)(x)
        if hasattr(self, "layer_scale"):
            return x + self.layer_scale * y
        if self._name == "f":
            return nn.functional.relu((self.proj(x) if hasattr(self, "proj") else x) + y)
        return x + y


class Permute(nn.Module):
    def __init__(self, *dims: int) -> None:
        super().__init__()
        self._dims = dims

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(self._dims)


def cn(c: int) -> nn.Module:
    body = (
        nn.Conv2d(c, c, 7, padding=3, groups=c), Permute(0, 2, 3, 1), nn.LayerNorm(c, eps=1e-6),
        nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c), Permute(0, 3, 1, 2),
    )  # fmt: skip
    return Residual("block", nn.Sequential(*body), scale=c)


def unit(in_: int, out: int, kernel: int, groups: int = 1, stride: int = 1, act: nn.Module | None = None) -> nn.Module:
    conv = nn.Conv2d(in_, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), *([act] if act else []))


class SqueezeExcitation(nn.Module):
    def __init__(self, c: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(c, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, c, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        squeezed = nn.functional.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * nn.functional.hardsigmoid(self.fc2(squeezed))


def inverted(c: int, mid: int) -> nn.Module:
    act = nn.Hardswish()
    layers = (unit(c, mid, 1, act=act), unit(mid, mid, 3, mid, act=act), SqueezeExcitation(mid, 2), unit(mid, c, 1))
    return Residual("block", nn.Sequential(*layers))


def regnet() -> nn.Module:
    """Two stages of two blocks: ``trunk_output.block1.block1-0.f.a.0.weight``."""
    trunk, channels = nn.Sequential(), 3
    for i in (1, 2):
        stage = nn.Sequential()
        for j in range(2):
            out, stride = 4 * i, 2 if j == 0 else 1
            f, relu = nn.Sequential(), nn.ReLU()
            f.add_module("a", unit(channels, out, 1, act=relu))
            f.add_module("b", unit(out, out, 3, 2, stride, relu))
            f.add_module("c", unit(out, out, 1))
            proj = unit(channels, out, 1, stride=stride) if channels != out or stride > 1 else None
            stage.add_module(f"block{i}-{j}", Residual("f", f, proj=proj))
            channels = out
        trunk.add_module(f"block{i}", stage)
    whole = nn.Sequential()
    whole.add_module("trunk_output", trunk)
    return whole


class Bottle2neck(nn.Module):
    """timm's: lists of convolutions and norms, used in turns."""

    def __init__(self, c: int, w: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, 4 * w, 1, bias=False), nn.BatchNorm2d(4 * w)
        self.convs = nn.ModuleList(nn.Conv2d(w, w, 3, padding=1, bias=False) for _ in range(3))
        self.bns = nn.ModuleList(nn.BatchNorm2d(w) for _ in range(3))
        self.conv3, self.bn3 = nn.Conv2d(4 * w, c, 1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = nn.functional.relu(self.bn1(self.conv1(x))).chunk(4, 1)
        made: list[torch.Tensor] = []
        for part, conv, bn in zip(parts, self.convs, self.bns, strict=False):
            made.append(nn.functional.relu(bn(conv(part + made[-1] if made else part))))
        return nn.functional.relu(x + self.bn3(self.conv3(torch.cat([*made, parts[-1]], 1))))


class DoubleConv(nn.Module):
    def __init__(self, in_: int, out: int) -> None:
        super().__init__()
        layers = (*unit(in_, out, 3, act=nn.ReLU()), *unit(out, out, 3, act=nn.ReLU()))
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.double_conv(x)  # type: ignore[no-any-return]


class Down(nn.Module):
    def __init__(self, in_: int, out: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(in_, out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.maxpool_conv(x)  # type: ignore[no-any-return]


class Up(nn.Module):
    def __init__(self, in_: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_, in_ // 2, 2, 2)
        self.conv = DoubleConv(in_, in_ // 2)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cat([skip, self.up(x)], 1))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """milesial's, two levels of four."""

    def __init__(self) -> None:
        super().__init__()
        self.inc, self.down1, self.down2 = DoubleConv(3, 4), Down(4, 8), Down(8, 16)
        self.up1, self.up2 = Up(16), Up(8)
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(4, 2, 1)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.inc(x)
        second = self.down1(first)
        up = self.up2(self.up1(self.down2(second), second), first)
        return self.outc["conv"](up)  # type: ignore[no-any-return]


CONVNEXT = """
block cn(c) {
  add {
    | _
    | block: {
        0: conv(c, 7, padding=3, groups=c) -> permute(0, 2, 3, 1)
        2: layernorm(eps=1e-6) -> 3: linear(4 * c) -> gelu -> 5: linear(c)
        permute(0, 3, 1, 2)
      }
      layer_scale: scale
  }
}
model M : [N, 3, H, W] { repeat 2 { cn(3) } }
"""
MOBILENET = """
default conv(bias = false)
block unit(c, kernel, groups = 1) { 0: conv(c, kernel, padding=kernel // 2, groups=groups) -> 1: bn }
block inverted(mid) {
  add {
    | _
    | block: {
        0: { 0: conv(mid, 1) -> 1: bn -> hardswish }
        1: { 0: conv(mid, 3, padding=1, groups=mid) -> 1: bn -> hardswish }
        2: {
          mul {
            | _
            | globalavgpool -> fc1: conv(2, 1, bias=true) -> relu -> fc2: conv(mid, 1, bias=true) -> hardsigmoid
          }
        }
        3: unit(in.channels, 1)
      }
  }
}
model M : [N, 3, H, W] { repeat 2 { inverted(6) } }
"""
REGNET = """
default conv(bias = false)
block res(width, stride) {
  add {
    | if stride != 1 or in.channels != width { proj: { 0: conv(width, 1, stride=stride) -> 1: bn } }
    | f: {
        a: { 0: conv(width, 1) -> 1: bn -> relu }
        b: { 0: conv(width, 3, stride=stride, padding=1, groups=2) -> 1: bn -> relu }
        c: { 0: conv(width, 1) -> 1: bn }
      }
  }
  relu
}
model M : [N, 3, H, W] {
  trunk_output: {
    for i in range(1, 3) { "block{i}": for j in range(2) { "block{i}-{j}": res(4 * i, 2 if j == 0 else 1) } }
  }
}
"""
RES2NET = """
default conv(bias = false)
block bottle2neck(w) {
  add {
    | _
    | conv1: conv(4 * w, 1) -> bn1: bn -> parts: relu
      slice(0, w) -> convs: { 0: conv(w, 3, padding=1) } -> bns: { 0: bn } -> first: relu
      add { | _ | parts -> slice(w, 2 * w) } -> convs: { 1: conv(w, 3, padding=1) } -> bns: { 1: bn } -> second: relu
      add { | _ | parts -> slice(2 * w, 3 * w) } -> convs: { 2: conv(w, 3, padding=1) } -> bns: { 2: bn } -> third: relu
      concat { | first | second | third | parts -> slice(3 * w, 4 * w) }
      conv3: conv(in.channels, 1) -> bn3: bn
  }
  relu
}
model M : [N, 3, H, W] { repeat 2 { bottle2neck(2) } }
"""
UNET = """
default conv(bias = false)
block double(c) {
  double_conv: { 0: conv(c, 3, padding=1) -> 1: bn -> relu -> 3: conv(c, 3, padding=1) -> 4: bn -> relu }
}
block down(c) { maxpool_conv: { maxpool(2) -> 1: double(c) } }
block up(c, skip) { up: convtranspose(c, 2, stride=2) -> concat { | skip | _ } -> conv: double(c) }
model M : [N, 3, H, W] -> [N, 2, H, W] where H % 4 == 0, W % 4 == 0 {
  inc: double(4)
  down1: down(8)
  down2: down(16)
  up1: up(8, down1)
  up2: up(4, inc)
  outc: { conv: conv(2, 1, bias=true) }
}
"""
NETWORKS = {
    "ConvNeXt": (CONVNEXT, lambda: nn.Sequential(cn(3), cn(3)), "0.block.0.weight"),
    "MobileNetV3": (MOBILENET, lambda: nn.Sequential(inverted(3, 6), inverted(3, 6)), "1.block.2.fc1.bias"),
    "RegNet": (REGNET, regnet, "trunk_output.block1.block1-0.f.a.0.weight"),
    "Res2Net": (RES2NET, lambda: nn.Sequential(Bottle2neck(3, 2), Bottle2neck(3, 2)), "1.convs.2.weight"),
    "U-Net": (UNET, UNet, "up1.conv.double_conv.0.weight"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_state_dict_loads_by_name(name: str) -> None:
    spec, twin, known = NETWORKS[name]
    (checked,) = check_file(parse(Source("t.cnn", spec)))
    theirs = twin().double().eval()
    with torch.no_grad():
        for tensor in theirs.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.25)
    ours = Model(checked).to_torch().double().eval()
    assert known in theirs.state_dict()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.rand(2, 3, 8, 12, dtype=torch.float64)
    with torch.no_grad():
        got, wanted = ours(x), theirs(x)
    assert (got - wanted).abs().max() <= 1e-9 * wanted.abs().max()
