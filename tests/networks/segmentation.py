"""Networks that give a mask as large as the picture, by hand, with the names that their published code has."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

from tests.networks.by_hand import UNet


class PaddedUNet(UNet):
    """Any size: as github.com/milesial/Pytorch-UNet pads what halving has rounded off."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips: list[torch.Tensor] = []
        for level in self.down:
            x = level(functional.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for (larger, convs), skip in zip(self.up, skips[-2::-1], strict=True):  # type: ignore[misc]
            x = larger(x)
            diff_y, diff_x = skip.size(2) - x.size(2), skip.size(3) - x.size(3)
            x = functional.pad(x, [diff_x // 2, diff_x - diff_x // 2, diff_y // 2, diff_y - diff_y // 2])
            x = convs(torch.cat([skip, x], 1))
        return self.head(x)


class FCN8s(nn.Module):
    """As github.com/wkentaro/pytorch-fcn, torchfcn/models/fcn8s.py."""

    def __init__(self, classes: int, c: int, features: int) -> None:
        super().__init__()
        widths, channels = (c, 2 * c, 4 * c, 8 * c, 8 * c), 3
        for group, width in enumerate(widths, 1):
            for number in range(1, 3 if group < 3 else 4):
                padding = 100 if (group, number) == (1, 1) else 1
                setattr(self, f"conv{group}_{number}", nn.Conv2d(channels, width, 3, padding=padding))
                channels = width
        self.fc6 = nn.Conv2d(8 * c, features, 7)
        self.fc7 = nn.Conv2d(features, features, 1)
        self.score_fr = nn.Conv2d(features, classes, 1)
        self.upscore2 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.score_pool4 = nn.Conv2d(8 * c, classes, 1)
        self.upscore_pool4 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.score_pool3 = nn.Conv2d(4 * c, classes, 1)
        self.upscore8 = nn.ConvTranspose2d(classes, classes, 16, stride=8, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h, pools = x, []
        for group in range(1, 6):
            for number in range(1, 3 if group < 3 else 4):
                h = functional.relu(getattr(self, f"conv{group}_{number}")(h))
            h = functional.max_pool2d(h, 2, ceil_mode=True)
            pools.append(h)
        h = functional.relu(self.fc7(functional.relu(self.fc6(h))))
        upscore2 = self.upscore2(self.score_fr(h))
        score4 = self.score_pool4(pools[3])
        score4 = score4[:, :, 5 : 5 + upscore2.size(2), 5 : 5 + upscore2.size(3)]
        upscore4 = self.upscore_pool4(upscore2 + score4)
        score3 = self.score_pool3(pools[2])
        score3 = score3[:, :, 9 : 9 + upscore4.size(2), 9 : 9 + upscore4.size(3)]
        h = self.upscore8(upscore4 + score3)
        return h[:, :, 31 : 31 + x.size(2), 31 : 31 + x.size(3)].contiguous()


def conv_bn_relu(a: int, b: int, kernel: int = 1, dilation: int = 1) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    return [nn.Conv2d(a, b, kernel, padding=padding, dilation=dilation, bias=False), nn.BatchNorm2d(b), nn.ReLU()]


class Bottleneck(nn.Module):
    def __init__(self, a: int, c: int, stride: int, dilation: int) -> None:
        super().__init__()
        mid = c // 4
        self.conv1, self.bn1 = nn.Conv2d(a, mid, 1, bias=False), nn.BatchNorm2d(mid)
        self.conv2 = nn.Conv2d(mid, mid, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(mid)
        self.conv3, self.bn3 = nn.Conv2d(mid, c, 1, bias=False), nn.BatchNorm2d(c)
        if a != c or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(a, c, 1, stride, bias=False), nn.BatchNorm2d(c))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(functional.relu(self.bn2(self.conv2(y)))))
        return functional.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ASPP(nn.Module):
    def __init__(self, a: int, c: int) -> None:
        super().__init__()
        dilated = (nn.Sequential(*conv_bn_relu(a, c, 3, rate)) for rate in (12, 24, 36))
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_bn_relu(a, c))
        self.convs = nn.ModuleList([nn.Sequential(*conv_bn_relu(a, c)), *dilated, pooled])
        self.project = nn.Sequential(*conv_bn_relu(5 * c, c), nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        *others, pooled = (conv(x) for conv in self.convs)
        pooled = functional.interpolate(pooled, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return self.project(torch.cat([*others, pooled], 1))


class DeepLabV3(nn.Module):
    """As torchvision's deeplabv3_resnet50, with the auxiliary head."""

    def __init__(self, classes: int, c: int) -> None:
        super().__init__()
        layers = [
            ("conv1", nn.Conv2d(3, c, 7, 2, 3, bias=False)),
            ("bn1", nn.BatchNorm2d(c)),
            ("relu", nn.ReLU()),
            ("maxpool", nn.MaxPool2d(3, 2, 1)),
        ]
        # torchvision's _make_layer with dilate: the stride becomes a dilation, which the first block has not yet.
        plan = [(4 * c, 3, 1, 1, 1), (8 * c, 4, 2, 1, 1), (16 * c, 6, 1, 1, 2), (32 * c, 3, 1, 2, 4)]
        a = c
        for number, (width, count, stride, before, dilation) in enumerate(plan, 1):
            blocks = [Bottleneck(a, width, stride, before)]
            blocks += [Bottleneck(width, width, 1, dilation) for _ in range(count - 1)]
            layers.append((f"layer{number}", nn.Sequential(*blocks)))
            a = width
        self.backbone = nn.Sequential(OrderedDict(layers))
        convs = [nn.Conv2d(4 * c, 4 * c, 3, padding=1, bias=False), nn.BatchNorm2d(4 * c), nn.ReLU()]
        self.classifier = nn.Sequential(ASPP(32 * c, 4 * c), *convs, nn.Conv2d(4 * c, classes, 1))
        head = [nn.Conv2d(16 * c, 4 * c, 3, padding=1, bias=False), nn.BatchNorm2d(4 * c), nn.ReLU(), nn.Dropout(0.1)]
        self.aux_classifier = nn.Sequential(*head, nn.Conv2d(4 * c, classes, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = x
        for name, layer in self.backbone.named_children():
            y = layer(y)
            if name == "layer3":
                middle = y
        size = x.shape[-2:]
        out = functional.interpolate(self.classifier(y), size=size, mode="bilinear", align_corners=False)
        aux = functional.interpolate(self.aux_classifier(middle), size=size, mode="bilinear", align_corners=False)
        return out, aux
