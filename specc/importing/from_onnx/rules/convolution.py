"""Convolutions."""

from __future__ import annotations

from typing import Any

from specc.importing.building import plain
from specc.importing.from_onnx.call import NodeReader, rule
from specc.importing.from_onnx.windows import options, padding, window
from specc.importing.program import Known, Unsayable


def _weights(call: NodeReader, outputs: int, bias: int = 2) -> dict[str, Known]:
    """The weight and, where there is one, the bias of a node."""
    tensors = {"weight": call.weight(1)}
    if call.has_input(bias):
        tensors["bias"] = call.weight(bias)
        if tensors["bias"].shape != (outputs,):
            raise Unsayable(f"its bias has shape {list(tensors['bias'].shape)}, and its outputs are {outputs}")
    return tensors


@rule("Conv")
def conv(call: NodeReader) -> str:
    x, weight = call.data(0), call.weight(1)
    if len(weight.shape) < 3:
        raise Unsayable(f"its weight has shape {list(weight.shape)}")
    outputs, *_ = weight.shape
    whole = window(call, call.type(x), weight.shape[2:])
    tensors = _weights(call, outputs)
    arguments = options(
        stride=plain(whole.stride),
        padding=whole.padding,
        dilation=plain(whole.dilation),
        groups=call.attribute("group", 1),
    )
    if "bias" not in tensors:
        arguments["bias"] = False
    return call.step("conv", x, tensors=tensors, out_channels=outputs, kernel=plain(whole.kernel), **arguments)


@rule("ConvTranspose")
def conv_transpose(call: NodeReader) -> str:
    x, weight = call.data(0), call.weight(1)
    if len(weight.shape) < 3:
        raise Unsayable(f"its weight has shape {list(weight.shape)}")
    kind, groups = call.type(x), call.attribute("group", 1)
    axes = len(kind.spatial)
    outputs = weight.shape[1] * groups
    whole = window(call, kind, weight.shape[2:])
    extra = call.attribute("output_padding", (0,) * axes)
    arguments = options(
        stride=plain(whole.stride),
        padding=padding(whole.before, whole.after),
        output_padding=plain(extra),
        groups=groups,
        dilation=plain(whole.dilation),
    )
    if whole.is_same or call.has("output_shape") or call.attribute("auto_pad", "NOTSET").startswith("SAME"):
        arguments = options(stride=plain(whole.stride), groups=groups, dilation=plain(whole.dilation))
        arguments |= _cropped(call, whole.kernel, whole.stride, whole.dilation, extra)
    tensors = _weights(call, outputs)
    if "bias" not in tensors:
        arguments["bias"] = False
    return call.step("convtranspose", x, tensors=tensors, out_channels=outputs, kernel=plain(whole.kernel), **arguments)


def _cropped(call: NodeReader, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...],
             extra: tuple[int, ...]) -> dict[str, object]:  # fmt: skip
    """Padding of a node that says the size of its result, or that it is stride times the input's.

    The total is that of ONNX: stride*(n - 1) + output_padding + d*(k - 1) + 1 - size. The odd place is cropped from the
    end where auto_pad is SAME_UPPER, else from the start.
    """
    kind = call.type(call.data(0))
    auto_pad = call.attribute("auto_pad", "NOTSET")
    reaches = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if call.has("output_shape"):
        shape: tuple[int, ...] = call.attribute("output_shape", ())[-len(kernel) :]
        each = zip(stride, kind.spatial, extra, reaches, shape, strict=True)
        totals: list[Any] = [s * (n - 1) + e + r - o for s, n, e, r, o in each]
    else:
        totals = [e + r - s for s, e, r in zip(stride, extra, reaches, strict=True)]
    if not all(isinstance(total, int) for total in totals):
        raise Unsayable("output_shape is a number, and a size of its input is symbolic")
    if min(totals) < 0:
        raise Unsayable("its output_shape is larger than what a transposed convolution gives")
    halves, rests = [t // 2 for t in totals], [t - t // 2 for t in totals]
    upper = auto_pad == "SAME_UPPER"
    return options(padding=padding(halves if upper else rests, rests if upper else halves), output_padding=plain(extra))
