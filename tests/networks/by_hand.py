"""Networks written by hand in PyTorch, as its users write them: what the specs beside them must give."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


def conv_bn(a: int, b: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(a, b, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(b)]


def conv_bn_relu(a: int, b: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [*conv_bn(a, b, kernel, stride, groups), nn.ReLU()]


class Residual(nn.Module):
    """relu(body(x) + shortcut(x))"""

    def __init__(self, body: Iterable[nn.Module], shortcut: Iterable[nn.Module] = ()) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(x) + self.shortcut(x))


class UNet(nn.Module):
    def __init__(self, c: int, channels: int, classes: int) -> None:
        super().__init__()
        widths = [c, 2 * c, 4 * c, 8 * c, 16 * c]
        self.down = nn.ModuleList(self.convs(a, b) for a, b in zip([channels, *widths], widths, strict=False))
        pairs = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.up = nn.ModuleList(
            nn.ModuleList([nn.ConvTranspose2d(a, b, 2, stride=2), self.convs(2 * b, b)]) for a, b in pairs
        )
        self.head = nn.Conv2d(c, classes, 1)

    @staticmethod
    def convs(a: int, b: int) -> nn.Sequential:
        return nn.Sequential(*conv_bn_relu(a, b), *conv_bn_relu(b, b))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips: list[torch.Tensor] = []
        for level in self.down:
            x = level(functional.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for (larger, convs), skip in zip(self.up, skips[-2::-1], strict=True):  # type: ignore[misc]
            x = convs(torch.cat([skip, larger(x)], 1))
        return self.head(x)


def rhythm() -> nn.Module:
    def unit(a: int, b: int, stride: int) -> nn.Module:
        body = [nn.Conv1d(a, b, 7, stride, 3, bias=False), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(0.2)]
        body += [nn.Conv1d(b, b, 7, padding=3, bias=False), nn.BatchNorm1d(b)]
        other = [nn.Conv1d(a, b, 1, stride, bias=False), nn.BatchNorm1d(b)] if a != b else []
        return Residual(body, other)

    units = [unit(32, 32, 1), unit(32, 32, 1), unit(32, 64, 2), unit(64, 64, 1)]
    units += [unit(64, 128, 2), unit(128, 128, 1), unit(128, 256, 2), unit(256, 256, 1)]
    stem = [nn.Conv1d(2, 32, 15, 2, 7, bias=False), nn.BatchNorm1d(32), nn.ReLU()]
    return nn.Sequential(*stem, *units, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(256, 5))


def clips() -> nn.Module:
    def factored(a: int, b: int, stride: int) -> list[nn.Module]:
        between = (a * b * 3 * 3 * 3) // (a * 3 * 3 + 3 * b)
        return [
            nn.Conv3d(a, between, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
            nn.BatchNorm3d(between), nn.ReLU(),
            nn.Conv3d(between, b, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
        ]  # fmt: skip

    def unit(a: int, b: int, stride: int) -> nn.Module:
        body = [*factored(a, b, stride), nn.BatchNorm3d(b), nn.ReLU(), *factored(b, b, 1), nn.BatchNorm3d(b)]
        return Residual(body, [nn.Conv3d(a, b, 1, stride, bias=False), nn.BatchNorm3d(b)] if a != b else [])

    units = [unit(16, 16, 1), unit(16, 32, 2), unit(32, 64, 2)]
    stem = [*factored(3, 16, 1), nn.BatchNorm3d(16), nn.ReLU()]
    return nn.Sequential(*stem, *units, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(64, 10))


class SqueezeExcite(nn.Module):
    def __init__(self, c: int, r: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(c, c // r)
        self.excite = nn.Linear(c // r, c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(x.mean(dim=(2, 3))))))
        return x * gate[:, :, None, None]


def se_resnet() -> nn.Module:
    def unit(a: int, b: int, stride: int) -> nn.Module:
        body = [*conv_bn_relu(a, b, stride=stride), *conv_bn(b, b), SqueezeExcite(b, 8)]
        return Residual(body, conv_bn(a, b, 1, stride) if a != b else [])

    units = [unit(24, 24, 1), unit(24, 24, 1), unit(24, 48, 2), unit(48, 48, 1), unit(48, 96, 2), unit(96, 96, 1)]
    stem = [*conv_bn_relu(3, 24, 7, 2), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *units, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10))


def mobilenet_v1(width: float) -> nn.Module:
    def separable(a: int, b: int, stride: int) -> list[nn.Module]:
        return [*conv_bn_relu(a, a, 3, stride, groups=a), *conv_bn_relu(a, b, 1)]

    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *5 * [(512, 1)], (1024, 2), (1024, 1)]
    c = int(32 * width)
    layers = conv_bn_relu(3, c, stride=2)
    for wide, stride in rows:
        layers += separable(c, int(wide * width), stride)
        c = int(wide * width)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 1000))


class TinyYolo(nn.Module):
    def __init__(self, c: int, outputs: int) -> None:
        super().__init__()

        def unit(a: int, b: int, kernel: int = 3) -> nn.Module:
            return nn.Sequential(*conv_bn(a, b, kernel), nn.LeakyReLU(0.1))

        self.stem = nn.ModuleList(unit(a, b) for a, b in ((3, c), (c, 2 * c), (2 * c, 4 * c), (4 * c, 8 * c)))
        self.middle = unit(8 * c, 16 * c)
        self.wide = unit(16 * c, 32 * c)
        self.neck = nn.Sequential(unit(32 * c, 64 * c), unit(64 * c, 16 * c, 1))
        self.coarse = nn.Sequential(unit(16 * c, 32 * c), nn.Conv2d(32 * c, outputs, 1))
        self.narrow = unit(16 * c, 8 * c, 1)
        self.fine = nn.Sequential(unit(24 * c, 16 * c), nn.Conv2d(16 * c, outputs, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for unit in self.stem:
            x = functional.max_pool2d(unit(x), 2)
        middle = self.middle(x)
        x = self.wide(functional.max_pool2d(middle, 2))
        neck = self.neck(functional.max_pool2d(functional.pad(x, (0, 1, 0, 1), mode="replicate"), 2, stride=1))
        finer = functional.interpolate(self.narrow(neck), scale_factor=2)
        return self.coarse(neck), self.fine(torch.cat([finer, middle], 1))


def espcn(r: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh(),
        nn.Conv2d(32, r * r, 3, padding=1), nn.PixelShuffle(r),
    )  # fmt: skip


class Pyramid(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        widths = (3, 8, 16, 24, 40, 64)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1), nn.ReLU())
            for a, b in pairwise(widths)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, c, 1) for width in (64, 40, 24, 16))
        self.smooth = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        levels = []
        for level in self.levels:
            x = level(x)
            levels.append(x)
        merged = [self.lateral[0](levels[-1])]
        for lateral, fine in zip(self.lateral[1:], levels[-2:0:-1], strict=True):
            merged.append(functional.interpolate(merged[-1], scale_factor=2) + lateral(fine))
        return tuple(smooth(m) for smooth, m in zip(self.smooth, merged[::-1], strict=True))


class Siamese(nn.Module):
    def __init__(self, w: int) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(1, w, 3, padding=1), nn.BatchNorm2d(w), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(w, 2 * w, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Linear(4 * w, w), nn.ReLU(), nn.Linear(w, 1), nn.Sigmoid())

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([self.tower(a), self.tower(b)], 1))


def bottleneck(a: int, b: int, stride: int, inner: Iterable[nn.Module] = ()) -> nn.Module:
    """``inner``: what stands in place of the convolution of 3 x 3."""
    mid = b // 4
    body = [*conv_bn_relu(a, mid, 1), *(inner or conv_bn_relu(mid, mid, 3, stride)), *conv_bn(mid, b, 1)]
    return Residual(body, conv_bn(a, b, 1, stride) if stride != 1 or a != b else ())


class FeaturePyramid(nn.Module):
    """Lin et al., 2017, on a ResNet of bottlenecks: names and order as in examples/zoo/fpn.cnn."""

    def __init__(self, c: int, width: int, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_bn_relu(3, width, 7, 2), nn.MaxPool2d(3, 2, 1))
        widths = [width * 4 * 2**i for i in range(4)]
        self.levels = nn.ModuleList(
            nn.Sequential(bottleneck(a, b, 1 + (i > 0)), *(bottleneck(b, b, 1) for _ in range(n - 1)))
            for i, (a, b, n) in enumerate(zip([width, *widths], widths, depths, strict=False))
        )
        self.lateral = nn.ModuleList(nn.Conv2d(a, c, 1) for a in reversed(widths))
        self.smooth = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in widths)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.stem(x)
        levels = [x := level(x) for level in self.levels]
        merged = [self.lateral[0](x)]
        for lateral, fine in zip(self.lateral[1:], levels[-2::-1], strict=True):
            merged.append(lateral(fine) + functional.interpolate(merged[-1], size=fine.shape[2:]))
        return tuple(smooth(m) for smooth, m in zip(self.smooth, merged[::-1], strict=True))


class OneShot(nn.Module):
    """Koch et al., 2015, figure 4."""

    def __init__(self, c: int, features: int) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(1, c, 10), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(c, 2 * c, 7), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(2 * c, 2 * c, 4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(2 * c, 4 * c, 4), nn.ReLU(),
            nn.Flatten(), nn.Linear(4 * c * 6 * 6, features), nn.Sigmoid(),
        )  # fmt: skip
        self.out = nn.Linear(features, 1)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.out(torch.abs(self.tower(a) - self.tower(b))))


class Attention(nn.Module):
    def __init__(self, c: int, r: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, c, 3, padding=1)
        self.mlp = nn.Sequential(nn.Linear(c, c // r), nn.ReLU(), nn.Linear(c // r, c))
        self.place = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1))
        self.second = nn.Conv2d(c, 2 * c, 3, 2, 1)
        self.along = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.head = nn.Linear(2 * c, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.first(x))
        x = x * torch.sigmoid(self.mlp(x.mean((2, 3))) + self.mlp(x.amax((2, 3))))[:, :, None, None]
        x = x * torch.sigmoid(self.place(torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)))
        x = functional.relu(self.second(x))
        x = x * torch.sigmoid(self.along(x.mean((2, 3))[:, None, :]))[:, 0, :, None, None]
        return self.head(x.mean((2, 3)))


class Hierarchy(nn.Module):
    """Bottle2neck without a stride: the last part of the channels is passed on as it is."""

    def __init__(self, c: int, width: int, parts: int) -> None:
        super().__init__()
        self.width = width
        self.narrow = nn.Sequential(*conv_bn_relu(c, width * parts, 1))
        self.convs = nn.ModuleList(nn.Sequential(*conv_bn_relu(width, width)) for _ in range(parts - 1))
        self.wide = nn.Sequential(*conv_bn(width * parts, c, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *split, last = torch.split(self.narrow(x), self.width, 1)
        made: list[torch.Tensor] = []
        for conv, part in zip(self.convs, split, strict=True):
            made.append(conv(part + made[-1] if made else part))
        return functional.relu(x + self.wide(torch.cat([*made, last], 1)))


class Gated(nn.Module):
    def __init__(self, channels: int, c: int, dilation: int) -> None:
        super().__init__()
        self.value = nn.Conv1d(channels, c, 3, padding=dilation, dilation=dilation, bias=False)
        self.gate = nn.Conv1d(channels, c, 3, padding=dilation, dilation=dilation, bias=False)
        self.out = nn.Conv1d(c, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.out(torch.tanh(self.value(x)) * torch.sigmoid(self.gate(x)))


def res2net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.ReLU(), Hierarchy(16, 6, 4), Hierarchy(16, 4, 3), nn.Flatten(2),
        Gated(16, 8, 1), Gated(16, 8, 2), Gated(16, 8, 4), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 7),
    )  # fmt: skip


class Segmenter(nn.Module):
    def __init__(self, c: int, classes: int) -> None:
        super().__init__()

        def dilated(a: int, b: int, dilation: int) -> nn.Module:
            conv = nn.Conv2d(a, b, 3, padding=dilation, dilation=dilation, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(b), nn.ReLU())

        pool = nn.MaxPool2d(2)
        self.backbone = nn.Sequential(
            *conv_bn_relu(3, 8), pool, *conv_bn_relu(8, 16), pool, *conv_bn_relu(16, 24), pool
        )
        one = nn.Sequential(*conv_bn_relu(24, c, 1))
        self.arms = nn.ModuleList([one, dilated(24, c, 2), dilated(24, c, 4)])
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_bn_relu(24, c, 1))
        self.head = nn.Sequential(*conv_bn_relu(4 * c, c, 1), nn.Conv2d(c, classes, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[2:]
        x = self.backbone(x)
        mean = functional.interpolate(self.mean(x), size=x.shape[2:], mode="bilinear", align_corners=False)
        x = self.head(torch.cat([*(arm(x) for arm in self.arms), mean], 1))
        return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


class TCN(nn.Module):
    """The network of the paper's code (locuslab), without weight norm; padded at the beginning, and never cut."""

    class Level(nn.Module):
        def __init__(self, a: int, b: int, kernel: int, dilation: int) -> None:
            super().__init__()
            self.future = (kernel - 1) * dilation
            self.conv1 = nn.Conv1d(a, b, kernel, dilation=dilation)
            self.conv2 = nn.Conv1d(b, b, kernel, dilation=dilation)
            self.downsample = nn.Conv1d(a, b, 1) if a != b else nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.conv1(functional.pad(x, (self.future, 0))))
            y = torch.relu(self.conv2(functional.pad(y, (self.future, 0))))
            return torch.relu(y + self.downsample(x))

    def __init__(self, c: int, levels: int, kernel: int, classes: int) -> None:
        super().__init__()
        self.levels = nn.Sequential(*(self.Level(c if i else 1, c, kernel, 2**i) for i in range(levels)))
        self.linear = nn.Linear(c, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.levels(x)[:, :, -1])


def eegnet(electrodes: int) -> nn.Module:
    return nn.Sequential(
        nn.ZeroPad2d((31, 32, 0, 0)), nn.Conv2d(1, 8, (1, 64), bias=False), nn.BatchNorm2d(8),
        nn.Conv2d(8, 16, (electrodes, 1), groups=8, bias=False), nn.BatchNorm2d(16), nn.ELU(),
        nn.AvgPool2d((1, 4)), nn.ZeroPad2d((7, 8, 0, 0)),
        nn.Conv2d(16, 16, (1, 16), groups=16, bias=False), nn.Conv2d(16, 16, 1, bias=False),
        nn.BatchNorm2d(16), nn.ELU(), nn.AvgPool2d((1, 8)), nn.Flatten(), nn.Linear(64, 2),
    )  # fmt: skip


class CBAM(nn.Module):
    """Attention over channels, then over places (Jongchan/attention-module)."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Conv2d(c, c // 16, 1), nn.ReLU(), nn.Conv2d(c // 16, c, 1))
        self.spatial = nn.Sequential(*conv_bn(2, 1, 7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = functional.adaptive_avg_pool2d(x, 1), functional.adaptive_max_pool2d(x, 1)
        x = x * torch.sigmoid(self.mlp(pooled[0]) + self.mlp(pooled[1]))
        places = torch.cat([x.max(1, keepdim=True)[0], x.mean(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.spatial(places))


def resnet18_cbam() -> nn.Module:
    def unit(a: int, b: int, stride: int) -> nn.Module:
        body = [*conv_bn_relu(a, b, stride=stride), *conv_bn(b, b), CBAM(b)]
        return Residual(body, conv_bn(a, b, 1, stride) if a != b else [])

    widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
    units = [unit(a, b, 1 + (a != b)) for a, b in pairwise(widths)]
    stem = [*conv_bn_relu(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *units, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


class NonLocal(nn.Module):
    """Wang et al., 2018, embedded Gaussian."""

    def __init__(self, a: int, c: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(a, c, 1) for _ in range(3))
        self.last = nn.Sequential(*conv_bn(c, a, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (layer(x).flatten(2) for layer in (self.theta, self.phi, self.g))
        alike = torch.softmax(torch.bmm(query.transpose(1, 2), key), -1)
        taken = torch.bmm(alike, value.transpose(1, 2)).transpose(1, 2)
        return x + self.last(taken.reshape(*taken.shape[:2], *x.shape[2:]))


class Heads(nn.Module):
    """nn.MultiheadAttention over the places of a map, as Vaswani et al., 2017, write it."""

    def __init__(self, c: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.randn(3 * c, c) / c**0.5)
        self.in_proj_bias = nn.Parameter(torch.randn(3 * c))
        self.out_proj = nn.Linear(c, c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = x.flatten(2).transpose(1, 2)
        packed = functional.linear(places, self.in_proj_weight, self.in_proj_bias)
        query, key, value = packed.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(query @ key.transpose(2, 3) / query.shape[3] ** 0.5, -1)
        joined = (weights @ value).transpose(1, 2).flatten(2)
        return self.out_proj(joined).transpose(1, 2).reshape(x.shape)


def resnet50(width: int, classes: int, attends: str) -> nn.Module:
    """ResNet-50 with a non-local block before the last of the third stage ("places"), or with heads in the fourth."""
    widths, depths = [width, *(width * 4 * 2**i for i in range(4))], (3, 4, 6, 3)
    stages: list[nn.Module] = []
    for stage, (a, b, n) in enumerate(zip(widths, widths[1:], depths, strict=False)):
        with_heads = attends == "heads" and stage == 3
        for i in range(n):
            if attends == "places" and (stage, i) == (2, 5):
                stages.append(NonLocal(b, b // 2))
            inner = [Heads(b // 4, 4), nn.BatchNorm2d(b // 4), nn.ReLU()] if with_heads else []
            stages.append(bottleneck(b if i else a, b, 2 if stage and not i and not with_heads else 1, inner))
    stem = [*conv_bn_relu(3, width, 7, 2), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], classes))
