"""Nodes that move elements, or leave some out: other shapes and orders, parts, and values end to end."""

from __future__ import annotations

from typing import Any

import numpy as np

from specc.importing.from_onnx.call import NodeReader, Value, rule
from specc.importing.from_onnx.folding import shape_of, sized, slices
from specc.importing.picking import backwards, picked
from specc.importing.program import Known, Unsayable, real
from specc.importing.shapes import require_batch, reshaped, shown_sizes, times
from specc.importing.turned import (
    OTHER_FIRST,
    batch_place,
    joined_heads,
    part,
    permuted,
    shape_there,
    within_heads,
    without_axis,
)
from specc.ir.size import Dim, Size
from specc.ir.targets import Value as InputOf
from specc.ir.types import TensorType
from specc.ops.fields import LARGEST


@rule("Shape")
def shape(call: NodeReader) -> Known:
    x = call.data(0)
    return shape_of(call, shape_there(call, x))


@rule("Size")
def size(call: NodeReader) -> Known:
    kind = call.type(call.data(0))
    return sized([kind.batch * kind.elements]).reshaped()


# ---- the same elements in another shape ----------------------------------------------------------------------


@rule("Reshape")
def reshape(call: NodeReader) -> str:
    x = call.data(0)
    target = call.sizes(1) if call.has_input(1) else call.required("shape", ())
    keeps_zero = call.flag("allowzero")
    heads = joined_heads(call, x, target)
    return heads if heads is not None else reshaped(call, x, target, keeps_zero=keeps_zero)


@rule("Flatten")
def flatten(call: NodeReader) -> str:
    x = call.data(0)
    kind, axis = call.type(x), call.attribute("axis", 1)
    axis = axis + kind.rank if axis < 0 else axis
    return reshaped(call, x, (times(kind.shape[:axis]), times(kind.shape[axis:])))


@rule("Squeeze")
def squeeze(call: NodeReader) -> str:
    x = call.data(0)
    kind, axes = call.type(x), call.integers_either("axes", 1)
    shape = shape_there(call, x)
    if axes is None:
        require_batch(call, x)
        axes = tuple(axis for axis, n in enumerate(shape) if n == 1)
    gone = {axis % kind.rank for axis in axes}
    if any(shape[axis] != 1 for axis in gone):
        raise Unsayable(f"an axis of {kind} that is squeezed has not size 1")
    if batch_place(call.program, x):
        for axis in sorted(gone, reverse=True):
            x = without_axis(call, x, axis)
        return x
    return reshaped(call, x, [n for axis, n in enumerate(kind.shape) if axis not in gone])


@rule("Unsqueeze")
def unsqueeze(call: NodeReader) -> str:
    x = call.data(0)
    kind, axes = call.type(x), call.integers_either("axes", 1) or ()
    rank = kind.rank + len(axes)
    new = {axis % rank for axis in axes}
    old = iter(kind.shape)
    return reshaped(call, x, [1 if axis in new else next(old) for axis in range(rank)])


# ---- another order ------------------------------------------------------------------------------------------


@rule("Transpose")
def transpose(call: NodeReader) -> str:
    x = call.data(0)
    rank = call.type(x).rank - (call.program.maker(x, "Joined") is not None)
    order = call.attribute("perm", tuple(reversed(range(rank))))
    if sorted(order) != list(range(rank)):
        raise Unsayable(f"perm = {list(order)} is no order of {rank} axes")
    if call.program.maker(x, "Joined") is not None:
        return within_heads(call, x, order)
    return permuted(call, x, order)


@rule("DepthToSpace")
def depth_to_space(call: NodeReader) -> str:
    r, mode = call.required("blocksize", 0), call.attribute("mode", "DCR")
    if mode == "CRD":
        return call.step("pixelshuffle", call.data(0), upscale_factor=r)
    return call.step("depthtospace", call.data(0), blocksize=r)


@rule("SpaceToDepth")
def space_to_depth(call: NodeReader) -> str:
    return call.step("spacetodepth", call.data(0), blocksize=call.required("blocksize", 0))


# ---- parts and wholes ---------------------------------------------------------------------------------------


@rule("Concat")
def concat(call: NodeReader) -> str:
    axis = call.required("axis", 0)
    values = [call.data(place) for place in range(call.arity)]
    if len(values) == 1:
        return values[0]
    rank = call.type(values[0]).rank
    return call.step("concat", *values, **_dim(axis, rank))


def _dim(axis: int, rank: int) -> dict[str, int]:
    axis = axis % rank
    return {} if axis == 1 else {"dim": axis}


@rule("Split")
def split(call: NodeReader) -> list[Value]:
    x = call.data(0)
    kind = call.type(x)
    axis = call.attribute("axis", 0) % kind.rank
    whole, count = shape_there(call, x)[axis], call.attribute("num_outputs", len(call.outputs))
    lengths = call.integers_either("split", 1)
    if lengths is None:
        if not isinstance(whole, int):
            raise Unsayable(f"it splits the symbolic size {whole} into {count} parts")
        each = -(-whole // count)
        lengths = tuple(min(each, whole - each * place) for place in range(count))
    if sum(lengths) != whole or len(lengths) != len(call.outputs):
        raise Unsayable(f"it splits {whole} places into parts of {list(lengths)}")
    results: list[Value] = []
    start = 0
    for name, length in zip(call.outputs, lengths, strict=True):
        results.append(part(call, x, axis, start, start + length) if name else x)
        start += length
    return results


@rule("Slice")
def slice_(call: NodeReader) -> str:
    x = call.data(0)
    for axis, (start, stop, step) in sorted(slices(call, call.type(x).rank).items()):
        x = _sliced(call, x, axis, start, stop, step)
    return x


def _sliced(call: NodeReader, x: str, axis: int, start: Any, stop: Any, step: int) -> str:
    if batch_place(call.program, x):
        n = shape_there(call, x)[axis]
        if axis == batch_place(call.program, x) or step != 1 or not isinstance(n, int):
            raise Unsayable(OTHER_FIRST)
        return part(call, x, axis, _place(start, n), _place(stop, n))
    kind = call.type(x)
    n = kind.shape[axis]
    if step < 0:
        if step != -1 or not (start >= LARGEST or start in (-1, n)) or stop > -LARGEST:
            raise Unsayable("it takes some elements backwards, and a whole axis is read so alone")
        return backwards(call, x, axis)
    first, last = _place(start, n), _place(stop, n)
    if axis == 0:
        if (first, last, step) == (0, n, 1):
            return x
        raise Unsayable("it takes some samples of a batch")
    if (first, last) != (0, n):
        x = call.step("slice", x, start=_end(first, n), stop=_end(last, n), **_dim(axis, kind.rank))
    if step == 1:
        return x
    if axis == 1 or kind.rank > 5:
        raise Unsayable(f"it takes every {step}. element of axis {axis}, which the language says of places only")
    stride = tuple(step if place == axis else 1 for place in range(2, kind.rank))
    return call.step("maxpool", x, kernel=1, stride=stride)


def _place(place: Any, n: Dim) -> Any:
    """A place as ONNX means it: from the end where it is below 0, and clamped."""
    if isinstance(place, Size):
        return place
    if place >= LARGEST:
        return n
    if isinstance(n, int):
        return max(0, min(n, place + n if place < 0 else place))
    return n + place if place < 0 and place > -LARGEST else max(0, place)


def _end(stop: Any, n: Dim) -> Any:
    """As a negative number where it is counted from the end of a symbolic size."""
    if isinstance(n, Size) and isinstance(stop, Size) and isinstance(back := stop - n, int) and back < 0:
        return back
    return stop


@rule("Gather")
def gather(call: NodeReader) -> str | Known:
    x, axis, known = call.data(0), call.attribute("axis", 0), call.known(1)
    kind = call.type(x)
    axis %= kind.rank
    if axis == batch_place(call.program, x):
        raise Unsayable("it takes some samples of a batch")
    places = [int(place) for place in np.asarray(known.read()).reshape(-1)]
    if not known.shape:
        (place,) = places
        n = shape_there(call, x)[axis]
        place = place + n if place < 0 and isinstance(n, int) else place
        stop: Any = _end(place + 1, n) if place >= 0 else (place + 1 or n)
        return without_axis(call, part(call, x, axis, place, stop), axis)
    if len(known.shape) == 1 or batch_place(call.program, x):
        return picked(call, x, axis, places)
    n = kind.shape[axis]
    if isinstance(n, int):
        places = [place + n if place < 0 else place for place in places]
    shape = (*kind.shape[:axis], *known.shape, *kind.shape[axis + 1 :])
    given = TensorType(shape[0], shape[1:])
    return call.program.foreign("Gather", x, type=given, axis=axis, places=tuple(places), shape=known.shape)


@rule("Expand")
def expand(call: NodeReader) -> str:
    x = call.data(0)
    kind, target = call.type(x), call.sizes(1)
    shape = [1] * (kind.rank - len(target)) + [*target]
    if len(shape) > kind.rank:
        raise Unsayable(f"it gives {kind} more axes")
    result = tuple(m if n == 1 else n for n, m in zip(kind.shape, shape, strict=True))
    if any(m not in (1, n) and n != 1 for n, m in zip(kind.shape, shape, strict=True)):
        raise Unsayable(f"{kind} cannot be expanded to {shown_sizes(shape)}")
    if result == kind.shape:
        return x
    for value, other in reversed(call.program.types.items()):
        if other.shape == result:
            return call.step("expand", x, value, like=InputOf(1))
    return _repeated(call, x, result)


def _repeated(call: NodeReader, x: str, result: tuple[Dim, ...]) -> str:
    """Where no value has the sizes: every axis as often end to end as it takes."""
    for axis, (n, m) in enumerate(zip(call.type(x).shape, result, strict=True)):
        if n == m:
            continue
        if axis == 0 or not isinstance(m, int):
            raise Unsayable(
                f"no value of the network has the shape {shown_sizes(result)} that it expands {call.type(x)} to"
            )
        x = call.step("concat", *[x] * m, **_dim(axis, len(result)))
    return x


@rule("Tile")
def tile(call: NodeReader) -> str:
    x, repeats = call.data(0), call.integers(1)
    for axis, count in enumerate(repeats):
        if count < 1 or (axis == 0 and count > 1):
            raise Unsayable("it repeats the samples of a batch, or leaves nothing of them")
        if count > 1:
            x = call.step("concat", *[x] * count, **_dim(axis, call.type(x).rank))
    return x


@rule("Pad")
def pad(call: NodeReader) -> str:
    x, mode = call.data(0), call.attribute("mode", "constant")
    kind = call.type(x)
    pads = call.sizes(1) if call.has_input(1) else call.required("pads", ())
    axes = call.integers(3) if call.has_input(3) else tuple(range(kind.rank))
    value = call.number(2, 0.0) if call.opset >= 11 else real(call.attribute("value", 0.0))
    if len(pads) != 2 * len(axes):
        raise Unsayable(f"its pads are {len(pads)} numbers, and it pads {len(axes)} axes")
    widths: dict[int, tuple[Any, Any]] = dict.fromkeys(range(kind.rank), (0, 0))
    for place, axis in enumerate(axes):
        widths[axis % kind.rank] = (pads[place], pads[place + len(axes)])
    if widths.pop(0) != (0, 0):
        raise Unsayable("it pads the batch")
    if all(width == (0, 0) for width in widths.values()):
        return x
    if any(isinstance(n, int) and n < 0 for pair in widths.values() for n in pair):
        return _cropped(call, x, widths)
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    if mode not in modes:
        raise Unsayable(f"mode = {mode} is none of ONNX")
    last = min(axis for axis, pair in widths.items() if pair != (0, 0)) if mode == "constant" else 2
    flat = tuple(n for axis in range(kind.rank - 1, last - 1, -1) for n in widths[axis])
    if mode != "constant" and widths.get(1, (0, 0)) != (0, 0):
        raise Unsayable(f"mode = {mode} pads the channels")
    spatial = kind.rank - 2
    alike = len(flat) == 2 * spatial and len(set(flat)) == 1 and spatial
    arguments: dict[str, Any] = {"padding": flat[0] if alike else flat}
    if mode != "constant":
        arguments["mode"] = modes[mode]
    elif value:
        if not np.isfinite(value):
            return call.program.foreign("Pad", x, type=_wide(kind, widths), widths=widths, value=value)
        arguments["value"] = value
    return call.step("pad", x, **arguments)


def _wide(kind: TensorType, widths: dict[int, tuple[Any, Any]]) -> TensorType:
    return kind.with_sample(*(n + widths[axis][0] + widths[axis][1] for axis, n in enumerate(kind.sample, start=1)))


def _cropped(call: NodeReader, x: str, widths: dict[int, tuple[Any, Any]]) -> str:
    """Negative widths cut off."""
    if any(n > 0 for pair in widths.values() for n in pair):
        raise Unsayable("it pads some sides and cuts off others")
    for axis, (before, after) in widths.items():
        if (before, after) != (0, 0):
            n = call.type(x).shape[axis]
            x = call.step("slice", x, start=-before, stop=after or n, **_dim(axis, call.type(x).rank))
    return x
