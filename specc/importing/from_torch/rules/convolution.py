"""Convolutions."""

from __future__ import annotations

from typing import Any

from specc.importing.building import plain
from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Unsayable


@rule("conv1d", "conv2d", "conv3d", "convolution")
def conv(call: CallReader) -> str:
    """The last one is what decomposed programs have of all, transposed ones among them."""
    if call.name == "convolution":
        if call["transposed"]:
            return conv_transpose(call)
        call.ignore("output_padding")  # of transposed ones
    x, tensors = call.data("input"), call.tensors("weight", "bias")
    shape = tensors["weight"].shape
    axes = len(shape) - 2
    padding: Any = call["padding"]
    dilation = call.spread("dilation", axes)
    if padding == "valid":
        padding = 0
    elif padding == "same":
        each = dilation if isinstance(dilation, tuple) else (dilation,) * axes
        totals = [d * (k - 1) for d, k in zip(each, shape[2:], strict=True)]
        pairs = tuple((total // 2, total - total // 2) for total in totals)
        padding = plain([before for before, _ in pairs]) if all(a == b for a, b in pairs) else pairs
    else:
        padding = call.spread("padding", axes)
    _require_batch(call, x, axes)
    return call.step(
        "conv", x, tensors=tensors, out_channels=shape[0], kernel=plain(shape[2:]),
        stride=call.spread("stride", axes), padding=padding, dilation=dilation, groups=call["groups"],
        bias="bias" in tensors,
    )  # fmt: skip


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def conv_transpose(call: CallReader) -> str:
    x, tensors = call.data("input"), call.tensors("weight", "bias")
    shape, groups = tensors["weight"].shape, call["groups"]
    axes = len(shape) - 2
    _require_batch(call, x, axes)
    return call.step(
        "convtranspose", x, tensors=tensors, out_channels=shape[1] * groups, kernel=plain(shape[2:]),
        stride=call.spread("stride", axes), padding=call.spread("padding", axes),
        output_padding=call.spread("output_padding", axes), groups=groups, dilation=call.spread("dilation", axes),
        bias="bias" in tensors,
    )  # fmt: skip


def _require_batch(call: CallReader, x: str, axes: int) -> None:
    if call.type(x).rank != axes + 2:
        raise Unsayable(f"it slides over {call.type(x)}, whose first axis is the batch, as if it were none")
