"""HRNet by hand, with the names of its authors' code (Sun et al., 2019, pose_hrnet.py), for pictures of any size."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from tests.networks.segmentation import Bottleneck


def conv_bn(a: int, b: int, kernel: int, stride: int = 1, *more: nn.Module) -> nn.Sequential:
    conv = nn.Conv2d(a, b, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(b), *more)


class Basic(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(c, c, 3)
        self.conv2, self.bn2 = conv_bn(c, c, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + x)


class Exchange(nn.Module):
    def __init__(self, c: int, count: int, outputs: int) -> None:
        super().__init__()

        def resized(j: int, i: int) -> nn.Module:
            if j > i:
                return conv_bn(c * 2**j, c * 2**i, 1)
            halving = [
                conv_bn(c * 2**j, c * 2 ** (i if k == i - 1 else j), 3, 2, *[nn.ReLU()] * (k < i - 1))
                for k in range(j, i)
            ]
            return nn.Sequential(*halving)

        self.branches = nn.ModuleList(nn.Sequential(*(Basic(c * 2**i) for _ in range(4))) for i in range(count))
        self.fuse_layers = nn.ModuleList(nn.ModuleList(resized(j, i) for j in range(count)) for i in range(outputs))

    def forward(self, xs: list[torch.Tensor]) -> list[torch.Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        fused = []
        for i, layers in enumerate(self.fuse_layers):
            size = maps[i].shape[2:]
            terms = [layer(y) for layer, y in zip(layers, maps, strict=True)]
            terms = [functional.interpolate(y, size=size) if j > i else y for j, y in enumerate(terms)]
            fused.append(functional.relu(sum(terms[1:], terms[0])))
        return fused


class HRNet(nn.Module):
    def __init__(self, c: int, keypoints: int, modules: tuple[int, ...]) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(3, 64, 3, 2)
        self.conv2, self.bn2 = conv_bn(64, 64, 3, 2)
        self.layer1 = nn.Sequential(Bottleneck(64, 256, 1, 1), *(Bottleneck(256, 256, 1, 1) for _ in range(3)))
        for n, count in zip((2, 3, 4), modules, strict=True):
            new = nn.Sequential(conv_bn(c * 2 ** (n - 2) if n > 2 else 256, c * 2 ** (n - 1), 3, 2, nn.ReLU()))
            kept = [conv_bn(256, c, 3, 1, nn.ReLU())] if n == 2 else [nn.Identity() for _ in range(n - 1)]
            self.add_module(f"transition{n - 1}", nn.ModuleList([*kept, new]))
            last = [n] * (count - 1) + [1 if n == 4 else n]
            self.add_module(f"stage{n}", nn.ModuleList(Exchange(c, n, outputs) for outputs in last))
        self.final_layer = nn.Conv2d(c, keypoints, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        maps = [self.layer1(functional.relu(self.bn2(self.conv2(x))))]
        for n in (2, 3, 4):
            transition, stage = self.get_submodule(f"transition{n - 1}"), self.get_submodule(f"stage{n}")
            maps = [layer(y) for layer, y in zip(transition, [*maps, maps[-1]], strict=True)]
            for exchange in stage:
                maps = exchange(maps)
        return self.final_layer(maps[0])
