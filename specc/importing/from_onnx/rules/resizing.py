"""Interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from specc.importing.building import plain
from specc.importing.from_onnx.call import NodeReader, rule
from specc.importing.program import Unsayable, real
from specc.ir.size import Dim
from specc.ir.types import TensorType

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@rule("Upsample")
def upsample(call: NodeReader) -> str:
    """Before opset 10: by factors, each place a copy of the one before it; or by the factors' own linear."""
    x, mode = call.data(0), call.attribute("mode", "nearest")
    scales = _floats(call, 1) if call.has_input(1) else call.required("scales", (1.0,))
    kind = call.type(x)
    if mode != "nearest":
        raise Unsayable("its linear mode reads other places than any of PyTorch's: asymmetric coordinates")
    return _by_factors(call, x, kind, tuple(scales), {})


@rule("Resize")
def resize(call: NodeReader) -> str:
    x = call.data(0)
    kind, mode = call.type(x), call.attribute("mode", "nearest")
    places = call.attribute("coordinate_transformation_mode", "half_pixel" if call.opset >= 11 else "asymmetric")
    rounding = call.attribute("nearest_mode", "round_prefer_floor" if call.opset >= 11 else "floor")
    cubic, outside = call.attribute("cubic_coeff_a", -0.75), call.flag("exclude_outside")
    call.ignore("extrapolation_value")  # of tf_crop_and_resize, which is refused
    call.demand("antialias", 0)
    call.demand("keep_aspect_ratio_policy", "stretch")
    first = 1 if call.opset < 11 else 2
    if call.opset >= 11 and call.has_input(1):
        call.value(1)  # the region of tf_crop_and_resize
    if places == "tf_crop_and_resize":
        raise Unsayable("coordinate_transformation_mode = tf_crop_and_resize takes a part of its input")
    axes = tuple(axis % kind.rank for axis in call.attribute("axes", tuple(range(kind.rank))))
    scales = _scales(call, first)
    sizes = call.sizes(first + 1) if call.has_input(first + 1) else None
    given = scales if scales is not None else sizes
    if given is None or len(given) != len(axes):
        raise Unsayable("neither its scales nor its sizes are known")
    whole: list[Any] = [1.0] * kind.rank if scales is not None else [*kind.shape]
    for axis, amount in zip(axes, given, strict=True):
        whole[axis] = amount
    if any(
        amount != (1.0 if scales is not None else size) for amount, size in zip(whole[:2], kind.shape[:2], strict=True)
    ):
        raise Unsayable("it resizes the channels or the batch")
    out = _targets(kind, whole, by_factor=scales is not None)
    exact = scales is None or all(
        f == int(f) or (isinstance(n, int) and n * f == o) for n, f, o in zip(kind.spatial, whole[2:], out, strict=True)
    )
    arguments = _arguments(kind, mode, places, rounding, real(cubic), outside, out, exact)
    if scales is not None:
        return _by_factors(call, x, kind, tuple(whole), arguments)
    return _to_sizes(call, x, kind, tuple(out), arguments)


def _targets(kind: TensorType, whole: list[Any], *, by_factor: bool) -> list[Dim]:
    if not by_factor:
        return whole[2:]
    return [int(n * f) if isinstance(n, int) else n * int(f) for n, f in zip(kind.spatial, whole[2:], strict=True)]


def _arguments(
    kind: TensorType, mode: str, places: str, rounding: str, cubic: float, outside: bool, out: list[Dim], exact: bool
) -> dict[str, Any]:
    """Mode and corners in PyTorch's words. Raises Unsayable where PyTorch has none.

    Args:
        exact: whether the sizes are what they were times the factors, without rounding.
    """
    axes = len(kind.spatial)
    grows = [(isinstance(n, int) and isinstance(o, int) and o % n == 0) or not isinstance(n, int)
             for n, o in zip(kind.spatial, out, strict=True)]  # fmt: skip
    if mode == "nearest":
        # Where every axis grows by a whole factor, each of these picks the place that a copy is of.
        copies = (
            all(grows)
            and exact
            and (places, rounding)
            in (
                ("half_pixel", "round_prefer_floor"),
                ("half_pixel", "round_prefer_ceil"),
                ("pytorch_half_pixel", "round_prefer_floor"),
                ("pytorch_half_pixel", "round_prefer_ceil"),
                ("half_pixel_symmetric", "round_prefer_floor"),
                ("tf_half_pixel_for_nn", "floor"),
            )
        )
        if (places, rounding) == ("asymmetric", "floor") or copies:
            return {}
        raise Unsayable(f"its nearest places, {places} and {rounding}, are other than PyTorch's")
    if outside:
        raise Unsayable("exclude_outside weighs places at the border otherwise than PyTorch")
    names = {"linear": _LINEAR.get(axes, "linear"), "cubic": "bicubic"}
    if mode not in names:
        raise Unsayable(f"mode = {mode} is none of ONNX")
    if mode == "cubic" and cubic != -0.75:
        raise Unsayable(f"cubic_coeff_a = {cubic}, and PyTorch's is -0.75")
    arguments: dict[str, Any] = {"mode": names[mode]}
    if places == "align_corners":
        arguments["align_corners"] = True
    elif places == "pytorch_half_pixel" and any(not isinstance(o, int) or o == 1 for o in out):
        raise Unsayable("pytorch_half_pixel reads another place where a size becomes 1, as it may here")
    elif places == "half_pixel_symmetric" and not exact:
        raise Unsayable("half_pixel_symmetric reads other places where sizes are no whole multiples of the factors")
    elif places not in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"):
        raise Unsayable(f"coordinate_transformation_mode = {places} reads other places than PyTorch")
    return arguments


def _scales(call: NodeReader, place: int) -> tuple[float, ...] | None:
    if not call.has_input(place):
        return None
    known = call.known(place)
    return tuple(real(scale) for scale in known.read().reshape(-1)) if known.size else None


def _floats(call: NodeReader, place: int) -> tuple[float, ...]:
    return tuple(real(scale) for scale in np.asarray(call.known(place).read()).reshape(-1))


def _by_factors(
    call: NodeReader, x: str, kind: TensorType, scales: tuple[float, ...], arguments: dict[str, Any]
) -> str:
    if len(scales) != kind.rank or scales[:2] != (1.0, 1.0):
        raise Unsayable(f"it resizes {kind} by {list(scales)}, and not the places alone")
    factors = tuple(map(real, scales[2:]))
    for n, factor in zip(kind.spatial, factors, strict=True):
        if isinstance(n, int) and int(n * factor) != int(n * float(np.float32(factor))):
            raise Unsayable(f"{n} places times {factor} come out even, and as float32 of ONNX just below")
    return call.step("upsample", x, scale_factor=plain(factors), **arguments)


def _to_sizes(call: NodeReader, x: str, kind: TensorType, sizes: tuple[Dim, ...], arguments: dict[str, Any]) -> str:
    """Numbers are taken as they are; formulas as `Building.upsampled` does."""
    if all(isinstance(size, int) for size in (*sizes, *kind.spatial)):
        return call.step("upsample", x, size=plain(sizes), **arguments)
    return call.upsampled(x, sizes, arguments)
