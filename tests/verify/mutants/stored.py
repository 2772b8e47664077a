"""Mutations of the stored weights: other numbers under the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from onnx import numpy_helper

from tests.verify.mutants.draft import Draft, Site, Use, set_tensor
from tests.verify.mutants.kinds import kind, weight_kind

Found = Iterator[tuple[str, np.ndarray]]
KERNELS = ("Conv", "ConvTranspose")


@weight_kind("square weight transposed")
def transposed(values: np.ndarray, use: Use) -> Found:
    if values.ndim == 2 and values.shape[0] == values.shape[1]:
        yield "", values.T


@weight_kind("weight in the other layout")
def other_layout(values: np.ndarray, use: Use) -> Found:
    """[in, out] for [out, in], its numbers in the shape that was."""
    if values.ndim == 2 and use.op_type in ("Gemm", "Transpose"):
        yield "", values.T.reshape(values.shape)


@weight_kind("kernel turned round")
def turned(values: np.ndarray, use: Use) -> Found:
    """Convolution for cross-correlation."""
    if use.op_type in KERNELS and use.position == 1:
        yield "", np.flip(values, tuple(range(2, values.ndim)))


@weight_kind("kernel axes swapped")
def axes_swapped(values: np.ndarray, use: Use) -> Found:
    if use.op_type in KERNELS and values.ndim > 3 and values.shape[-1] == values.shape[-2]:
        yield "", np.swapaxes(values, -1, -2)


@weight_kind("filters and channels swapped")
def filters_and_channels(values: np.ndarray, use: Use) -> Found:
    if use.op_type in KERNELS and use.position == 1 and values.shape[0] == values.shape[1]:
        yield "", np.swapaxes(values, 0, 1)


@weight_kind("filters in another order")
def filters_reordered(values: np.ndarray, use: Use) -> Found:
    if len(values) > 1:
        yield "moved on by one", np.roll(values, 1, 0)


@weight_kind("filters of groups interleaved")
def interleaved(values: np.ndarray, use: Use) -> Found:
    if use.group > 1 and use.position == 1 and len(values) % use.group == 0:
        yield "", values.reshape(use.group, -1, *values.shape[1:]).swapaxes(0, 1).reshape(values.shape)


@weight_kind("channels in another order (BGR for RGB)")
def channels_reordered(values: np.ndarray, use: Use) -> Found:
    if use.op_type == "Conv" and use.position == 1 and values.shape[1] > 1:
        yield "", values[:, ::-1]


@weight_kind("one weight in float16")
def one_in_half(values: np.ndarray, use: Use) -> Found:
    yield "", half(values)


@weight_kind("one number off by a hundredth")
def off_by_hundredth(values: np.ndarray, use: Use) -> Found:
    yield "", nudged(values, 1.01)


@weight_kind("one number off by a thousandth")
def off_by_thousandth(values: np.ndarray, use: Use) -> Found:
    yield "", nudged(values, 1.001)


@weight_kind("one number off by one unit in its last place")
def off_by_unit(values: np.ndarray, use: Use) -> Found:
    flat = values.reshape(-1)
    flat[flat.size // 2] = np.nextafter(flat[flat.size // 2], np.float32(np.inf))
    yield "", values


@weight_kind("one number of the other sign")
def other_sign(values: np.ndarray, use: Use) -> Found:
    yield "", nudged(values, -1.0)


@weight_kind("all numbers a thousandth larger")
def all_larger(values: np.ndarray, use: Use) -> Found:
    yield "", values * np.float32(1.001)


@weight_kind("a filter of zeros")
def pruned(values: np.ndarray, use: Use) -> Found:
    if values.ndim > 1:
        values[len(values) // 2] = 0
        yield f"filter {len(values) // 2}", values


@weight_kind("quantised to 8 bits")
def quantised(values: np.ndarray, use: Use) -> Found:
    if values.ndim > 1 and values.any():
        step = np.abs(values).max() / 127
        yield "", np.round(values / step) * step


@weight_kind("NaN in a weight")
def with_nan(values: np.ndarray, use: Use) -> Found:
    values.reshape(-1)[0] = np.nan
    yield "", values


@weight_kind("infinity in a weight")
def with_infinity(values: np.ndarray, use: Use) -> Found:
    values.reshape(-1)[-1] = np.inf
    yield "", values


def half(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)


def brain(values: np.ndarray) -> np.ndarray:
    """Rounded to bfloat16: the upper half of the bits, halves to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def nudged(values: np.ndarray, factor: float) -> np.ndarray:
    """One number of many, the largest."""
    flat = values.reshape(-1)
    flat[np.abs(flat).argmax()] *= np.float32(factor)
    return values


def _every(name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    @kind(name, "tensor")
    def sites(draft: Draft) -> Iterator[Site]:
        stored = [numpy_helper.to_array(t) for t in draft.weights.values()]
        if any(not np.array_equal(change(v.copy()), v) for v in stored):
            steps = tuple(use.step for uses in draft.uses.values() for use in uses)
            yield Site("all weights", partial(_change_all, change), steps)


def _change_all(change: Callable[[np.ndarray], np.ndarray], draft: Draft) -> None:
    for stored in draft.weights.values():
        set_tensor(stored, change(numpy_helper.to_array(stored).copy()))


_every("all weights in float16", half)
_every("all weights in bfloat16", brain)
