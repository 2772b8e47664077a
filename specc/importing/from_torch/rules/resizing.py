"""Interpolation."""

from __future__ import annotations

from typing import Any

from specc.importing.building import plain
from specc.importing.from_torch.call import CallReader, rule

_MODES = {
    "upsample_nearest1d": "nearest",
    "upsample_nearest2d": "nearest",
    "upsample_nearest3d": "nearest",
    "upsample_linear1d": "linear",
    "upsample_bilinear2d": "bilinear",
    "upsample_bicubic2d": "bicubic",
    "upsample_trilinear3d": "trilinear",
}


@rule(*(f"{name}.vec" for name in _MODES))
def upsample(call: CallReader) -> str:
    x, mode = call.data("input"), _MODES[call.name]
    factors, sizes = call["scale_factors"], call["output_size"]
    arguments: dict[str, Any] = {"mode": mode}
    if mode != "nearest":
        arguments["align_corners"] = True if call["align_corners"] else None
    if factors is not None:
        return call.step("upsample", x, scale_factor=plain([float(factor) for factor in factors]), **arguments)
    return call.upsampled(x, tuple(sizes), arguments)
