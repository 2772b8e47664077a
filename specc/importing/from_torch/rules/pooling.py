"""Pools."""

from __future__ import annotations

from typing import Any

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Unsayable


def _window(call: CallReader, x: str) -> dict[str, Any]:
    """Kernel, stride and padding, which all pools have."""
    axes = int(call.name.split("pool")[1][0])
    if call.type(x).rank != axes + 2:
        raise Unsayable(f"it slides over {call.type(x)}, whose first axis is the batch, as if it were none")
    kernel = call.spread("kernel_size", axes)
    stride = call.spread("stride", axes) if call["stride"] else kernel
    return {
        "kernel": kernel,
        "stride": None if stride == kernel else stride,
        "padding": call.spread("padding", axes),
        "ceil_mode": bool(call["ceil_mode"]),
    }


@rule("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(call: CallReader) -> str:
    x = call.data("self")
    whole = _window(call, x)
    return call.step("maxpool", x, dilation=call.spread("dilation", call.type(x).rank - 2), **whole)


@rule("max_pool2d_with_indices", "max_pool3d_with_indices")
def max_pool_with_indices(call: CallReader) -> list[Any]:
    """The places of the largest elements are a value that the language does not have."""
    return [max_pool(call), None]


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(call: CallReader) -> str:
    x = call.data("self")
    whole = _window(call, x)
    counts = bool(call["count_include_pad"]) or whole["padding"] == 0
    return call.step("avgpool", x, count_include_pad=counts, divisor_override=call["divisor_override"], **whole)


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "_adaptive_avg_pool2d")
def adaptive_avg_pool(call: CallReader) -> str:
    return _adaptive(call, "avg")


@rule("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(call: CallReader) -> list[Any]:
    return [_adaptive(call, "max"), None]


def _adaptive(call: CallReader, what: str) -> str:
    x = call.data("self")
    size = call.spread("output_size", call.type(x).rank - 2)
    if size == 1:
        return call.step(f"global{what}pool", x)
    return call.step(f"adaptive{what}pool", x, size=size)
