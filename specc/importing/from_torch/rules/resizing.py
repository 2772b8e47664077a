"""Interpolation."""

from __future__ import annotations

from typing import Any

from specc.importing.building import plain
from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Unsayable
from specc.ir.size import quotient

_MODES = {
    "upsample_nearest1d": "nearest",
    "upsample_nearest2d": "nearest",
    "upsample_nearest3d": "nearest",
    "upsample_linear1d": "linear",
    "upsample_bilinear2d": "bilinear",
    "upsample_bicubic2d": "bicubic",
    "upsample_trilinear3d": "trilinear",
}


@rule(*(f"_upsample_nearest_exact{axes}d.vec" for axes in (1, 2, 3)))
def nearest_exact(call: CallReader) -> str:
    """Reads the middle of each place: where every axis grows by a whole factor, that is nearest."""
    x, factors, sizes = call.data("input"), call["scale_factors"], call["output_size"]
    if sizes is not None:
        pairs = zip(sizes, call.type(x).spatial, strict=True)
        factors = [m / n if isinstance(n, int) and isinstance(m, int) else quotient(m, n) or 0.5 for m, n in pairs]
    if any(factor != int(factor) for factor in factors):
        shown = ", ".join(f"{factor:g}" for factor in factors)
        raise Unsayable(f"nearest-exact by {shown} reads other places than nearest, which is what the language has")
    return call.step("upsample", x, scale_factor=plain([float(factor) for factor in factors]))


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
