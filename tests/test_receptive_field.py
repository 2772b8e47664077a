"""Receptive fields against gradients: which inputs does one output really depend on?"""

from __future__ import annotations

import pytest
import torch

from specc.api import Model
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse

# No padding anywhere, so that a field is not cut at the border; sizes large enough that it fits.
STACKS = {
    "conv(4, 3) -> conv(4, 5, stride=2) -> maxpool(2) -> conv(4, 3, dilation=2)": (1, 64, 64),
    "conv(4, (1, 3)) -> avgpool((2, 1)) -> conv(4, (3, 1), stride=(1, 2))": (1, 24, 24),
    "conv(2, 5, stride=3) -> lppool(2, 2) -> conv(2, 3)": (1, 60),
    "conv(2, 3) -> conv(2, 2, stride=2) -> conv(2, 2)": (1, 14, 14, 14),
    "conv(2, 3, stride=2) -> upsample(scale_factor=2) -> conv(2, 3)": (1, 31, 31),
    "conv(2, 3) -> convtranspose(2, 4, stride=2) -> conv(2, 3)": (1, 16, 16),
    "convtranspose(2, 2, stride=2) -> conv(2, 2)": (1, 9),
    "pixelunshuffle(2) -> conv(8, 3) -> pixelshuffle(2)": (1, 20, 20),
    "conv(4, 3) -> permute(0, 1, 3, 2) -> conv(4, (1, 5))": (1, 16, 16),
    "conv(4, 3) -> add { | conv(4, 5, padding=2) | _ } -> slice(2, 12, dim=2)": (1, 24, 24),
    "conv(4, 3) -> softmax(2)": (1, 11, 11),
    "conv(4, 3) -> groupnorm(2)": (1, 9, 9),
    "conv(4, 3) -> layernorm": (1, 9, 12),
    "conv(4, 3) -> linear(5)": (1, 9, 12),
    "conv(4, 3) -> globalavgpool": (1, 9, 9),
    "conv(4, 3) -> adaptiveavgpool((2, 3))": (1, 10, 14),
    "conv(4, 3) -> maxpool(2) -> flatten -> fc(3)": (1, 12, 12),
    "conv(4, 3) -> mean([2, 3]) -> fc(3)": (1, 9, 9),
    "conv(4, 3) -> mean(3) -> conv(2, 3)": (1, 9, 9),
    "conv(4, 3) -> conv(4, 3) -> amax(1, keepdim=true)": (1, 9, 9),
}


@pytest.mark.parametrize(("steps", "sample"), STACKS.items())
def test_as_far_as_gradients_reach(steps: str, sample: tuple[int, ...]) -> None:
    shape = ", ".join(map(str, sample))
    (checked,) = check_file(parse(Source("m.cnn", f"model M : [N, {shape}] {{ {steps} }}")))
    network = Model(checked)
    assert network.receptive_field == reach(network, sample)


def reach(network: Model, sample: tuple[int, ...]) -> tuple[int, ...]:
    """The widest span of inputs, along each axis, that any one output has a gradient to."""
    module = network.to_torch(seed=2).double()
    widest = [0] * (len(sample) - 1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        x = torch.randn(1, *sample, dtype=torch.float64, generator=generator, requires_grad=True)
        flat = module(x).flatten()
        for output in flat[:: max(1, len(flat) // 60)]:
            (gradient,) = torch.autograd.grad(output, x, retain_graph=True)
            touched = gradient[0].abs().sum(0).nonzero()
            if len(touched):
                spans = touched.max(0).values - touched.min(0).values + 1
                widest = [max(w, int(s)) for w, s in zip(widest, spans, strict=True)]
    return tuple(widest)
