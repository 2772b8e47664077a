"""Nodes that compute with constants and sizes alone: done while the network is read.

Sizes are arrays of whole numbers and formulas of symbols, so that what ``Shape``, ``Gather`` and arithmetic make of the
sizes of a value is known, too, for every size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from specc.importing.from_onnx.call import NodeReader
from specc.importing.program import Known, Unsayable
from specc.ir.conditions import always_at_least
from specc.ir.size import Size, quotient
from specc.weights.tensors import Array

MOST_ELEMENTS = 2**28
"""Elements of what is computed: a node of a few bytes may ask for any number of them."""

Fold = Callable[[NodeReader], Known]
_FOLDS: dict[str, Fold] = {}


def fold(*names: str) -> Callable[[Fold], Fold]:
    def enter(function: Fold) -> Fold:
        _FOLDS.update(dict.fromkeys(names, function))
        return function

    return enter


def folding_of(domain: str, name: str) -> Fold | None:
    """How a node of constants alone is computed; None where it is not."""
    return _FOLDS.get(name) if not domain else None


def _room(shape: Sequence[int]) -> None:
    if prod(shape) > MOST_ELEMENTS:
        raise Unsayable(f"it makes a constant of {prod(shape):,} elements, and {MOST_ELEMENTS:,} are the most")


def _numbers(call: NodeReader, place: int = 0) -> Array:
    known = call.known(place)
    _room(known.shape)
    return known.read()


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < max(rank, 1):
        raise Unsayable(f"axis {axis} is none of {rank}")
    return axis % rank if rank else 0


# ---- constants ----------------------------------------------------------------------------------------------


@fold("Constant")
def _constant(call: NodeReader) -> Known:
    for name in ("value", "sparse_value", "value_float", "value_floats", "value_int", "value_ints", "value_string",
                 "value_strings"):  # fmt: skip
        attribute = call.tensor_attribute(name)
        if attribute is None:
            continue
        if name == "value":
            if attribute.t.data_type == TensorProto.STRING:
                raise Unsayable("it is a text")
            tensor = attribute.t
            return Known.of(numpy_helper.to_array(tensor), call.outputs[0])
        if name in ("value_float", "value_floats"):
            return Known.of(np.asarray(helper.get_attribute_value(attribute), np.float32), call.outputs[0])
        if name in ("value_int", "value_ints"):
            return Known.of(np.asarray(helper.get_attribute_value(attribute), np.int64), call.outputs[0])
        raise Unsayable(f"its {name} is no tensor of numbers")
    raise Unsayable("it has no value")


@fold("ConstantOfShape")
def _constant_of_shape(call: NodeReader) -> Known:
    attribute = call.tensor_attribute("value")
    filler = np.zeros(1, np.float32) if attribute is None else numpy_helper.to_array(attribute.t)
    shape = call.integers(0)
    _room(shape)
    return Known.of(np.full(shape, filler.reshape(-1)[0], filler.dtype))


# ---- sizes --------------------------------------------------------------------------------------------------


def shape_of(call: NodeReader, sizes: Sequence[Any]) -> Known:
    """What ``Shape`` gives of a value with these sizes."""
    start, end = call.attribute("start", 0), call.attribute("end", len(sizes))
    return sized(sizes[start:end])


def sized(sizes: Sequence[Any]) -> Known:
    """Sizes as numbers that are known: plain integers where all of them are numbers."""
    if all(isinstance(size, int) for size in sizes):
        return Known.of(np.asarray(sizes, np.int64))
    array = np.empty(len(sizes), object)
    array[:] = sizes
    return Known.of(array)


# ---- elements moved -----------------------------------------------------------------------------------------


@fold("Identity")
def _identity(call: NodeReader) -> Known:
    return call.known(0)


@fold("Cast")
def _cast(call: NodeReader) -> Known:
    call.ignore("saturate")
    call.ignore("round_mode")
    return cast_to(call.known(0), call.required("to", 0))


def cast_to(known: Known, to: int) -> Known:
    """Constants as another type, by the number that ONNX has for it."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(to))
    if known.is_size and dtype.kind in "iu":
        return known
    if known.is_size:
        raise Unsayable("it makes other numbers of sizes that are symbolic")
    if known.dtype == dtype:
        return known
    if known.is_float and dtype.kind == "f":
        read = known.read
        return Known(known.shape, dtype, lambda: read().astype(dtype), known.name, known.is_learned, (*known.key, to))
    with np.errstate(all="ignore"):
        _room(known.shape)
        return Known.of(known.read().astype(dtype))


@fold("Transpose")
def _transpose(call: NodeReader) -> Known:
    known = call.known(0)
    order = call.attribute("perm", tuple(reversed(range(len(known.shape)))))
    if sorted(order) != list(range(len(known.shape))):
        raise Unsayable(f"perm = {list(order)} is no order of {len(known.shape)} axes")
    return known.transposed(*order)


@fold("Reshape")
def _reshape(call: NodeReader) -> Known:
    known, target = call.known(0), list(call.integers(1) if call.has_input(1) else call.required("shape", ()))
    keeps_zero = call.flag("allowzero")
    for place, size in enumerate(target):
        if size == 0 and not keeps_zero:
            target[place] = known.shape[place]
    if -1 in target:
        place = target.index(-1)
        rest = prod(size for size in target if size != -1)
        target[place] = known.size // rest if rest > 0 else 0
    if prod(target) != known.size or any(size < 0 for size in target):
        raise Unsayable(f"{list(known.shape)} cannot be reshaped to {target}")
    return known.reshaped(*target)


@fold("Squeeze")
def _squeeze(call: NodeReader) -> Known:
    known, axes = call.known(0), call.integers_either("axes", 1)
    rank = len(known.shape)
    gone = (
        {_axis(axis, rank) for axis in axes} if axes is not None else {a for a, n in enumerate(known.shape) if n == 1}
    )
    if any(known.shape[axis] != 1 for axis in gone):
        raise Unsayable(f"an axis of {list(known.shape)} that is squeezed has not size 1")
    return known.reshaped(*(n for axis, n in enumerate(known.shape) if axis not in gone))


@fold("Unsqueeze")
def _unsqueeze(call: NodeReader) -> Known:
    known, axes = call.known(0), call.integers_either("axes", 1) or ()
    rank = len(known.shape) + len(axes)
    new = {_axis(axis, rank) for axis in axes}
    old = iter(known.shape)
    return known.reshaped(*(1 if axis in new else next(old) for axis in range(rank)))


@fold("Flatten")
def _flatten(call: NodeReader) -> Known:
    known, axis = call.known(0), call.attribute("axis", 1)
    axis = axis % len(known.shape) if axis < 0 else axis
    return known.reshaped(prod(known.shape[:axis]), prod(known.shape[axis:]))


@fold("Concat")
def _concat(call: NodeReader) -> Known:
    axis = call.required("axis", 0)
    parts = [known.read() for known in map(call.known, range(call.arity))]
    _room([sum(part.size for part in parts)])
    return Known.of(np.concatenate(parts, axis=axis))


@fold("Slice")
def _slice(call: NodeReader) -> Known:
    known = call.known(0)
    ranges = slices(call, len(known.shape))
    cut: list[slice] = [slice(None)] * len(known.shape)
    for axis, (start, stop, step) in ranges.items():
        cut[axis] = slice(start, None if step < 0 and stop < -known.shape[axis] else stop, step)
    key = ("slice", *((a, *r) for a, r in sorted(ranges.items())))
    shape = tuple(len(range(*part.indices(n))) for part, n in zip(cut, known.shape, strict=True))
    return _picked(known.moved(key, shape, lambda numbers: numbers[tuple(cut)]))


def _picked(known: Known) -> Known:
    """Of sizes, some of which are symbolic, those that are taken may all be plain numbers."""
    return _tidy(known.read(), known.dtype) if known.is_size else known


def slices(call: NodeReader, rank: int) -> dict[int, tuple[Any, Any, int]]:
    """Start, stop and step by axis, as the node says them."""
    if call.has_input(1):
        starts, stops = call.sizes(1), call.sizes(2)
        axes = call.integers(3) if call.has_input(3) else tuple(range(len(starts)))
        steps = call.integers(4) if call.has_input(4) else (1,) * len(starts)
    else:
        starts, stops = call.required("starts", ()), call.required("ends", ())
        axes, steps = call.attribute("axes", tuple(range(len(starts)))), (1,) * len(starts)
    if not len(starts) == len(stops) == len(axes) == len(steps) or 0 in steps:
        raise Unsayable("its starts, ends, axes and steps do not belong together")
    places = (_axis(axis, rank) for axis in axes)
    return dict(zip(places, zip(starts, stops, steps, strict=True), strict=True))


@fold("Gather")
def _gather(call: NodeReader) -> Known:
    known, axis = call.known(0), call.attribute("axis", 0)
    indices = np.asarray(call.known(1).read())
    axis = _axis(axis, len(known.shape))
    if indices.dtype.kind not in "iu" or (
        indices.size and not (-known.shape[axis] <= indices.min() and indices.max() < known.shape[axis])
    ):
        raise Unsayable(f"it takes places that are not among the {known.shape[axis]} of its axis")
    shape = (*known.shape[:axis], *indices.shape, *known.shape[axis + 1 :])
    _room(shape)
    key = ("gather", axis, indices.shape, *indices.reshape(-1).tolist())
    return _picked(known.moved(key, shape, lambda numbers: np.asarray(np.take(numbers, indices, axis=axis))))


@fold("Split")
def _no_split(call: NodeReader) -> Known:
    raise Unsayable("it splits a constant")


@fold("Expand")
def _expand(call: NodeReader) -> Known:
    known, target = call.known(0), call.integers(1)
    shape = np.broadcast_shapes(known.shape, target)
    _room(shape)
    return known.moved(("expand", shape), shape, lambda numbers: np.broadcast_to(numbers, shape))


@fold("Tile")
def _tile(call: NodeReader) -> Known:
    known, repeats = call.known(0), call.integers(1)
    shape = tuple(n * r for n, r in zip(known.shape, repeats, strict=True))
    _room(shape)
    return known.moved(("tile", repeats), shape, lambda numbers: np.tile(numbers, repeats))


@fold("Range")
def _range(call: NodeReader) -> Known:
    start, stop, step = (_numbers(call, place).reshape(-1)[0] for place in range(3))
    if any(isinstance(each, Size) for each in (start, stop, step)):
        raise Unsayable("it counts up to a symbolic size")
    if step == 0 or abs((stop - start) / step) > MOST_ELEMENTS:
        raise Unsayable("it counts too far")
    return Known.of(np.arange(start, stop, step))


@fold("Size")
def _size(call: NodeReader) -> Known:
    return Known.of(np.asarray(call.known(0).size, np.int64))


@fold("Shape")
def _shape(call: NodeReader) -> Known:
    return shape_of(call, call.known(0).shape)


# ---- arithmetic ---------------------------------------------------------------------------------------------


def _divided(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.divide(a, b)
    if object in (a.dtype, b.dtype):
        return np.asarray(np.frompyfunc(_size_divided, 2, 1)(a, b), object)
    return np.asarray(np.abs(a) // np.abs(b) * np.sign(a) * np.sign(b), a.dtype)  # whole numbers are cut off towards 0


def _size_divided(a: Any, b: Any) -> Any:
    """Cut off towards 0, as ONNX does: of what is never below 0 that is the floor."""
    exact = quotient(a, b) if isinstance(b, Size) or b != 0 else None
    if exact is not None:
        return exact
    if isinstance(b, Size) or b < 1 or not always_at_least(a, 0):
        raise Unsayable(f"it divides {a} by {b}")
    return a // b


def _equal(a: Array, b: Array) -> Array:
    if object in (a.dtype, b.dtype):
        return np.asarray(np.frompyfunc(_size_equal, 2, 1)(a, b), bool)
    return np.asarray(np.equal(a, b))


def _size_equal(a: Any, b: Any) -> bool:
    """Whether two sizes are the same, where that is so or not so of all values of their symbols."""
    difference = a - b
    if isinstance(difference, Size):
        if not (always_at_least(difference, 1) or always_at_least(-1 * difference, 1)):
            raise Unsayable(f"it asks whether {a} is {b}, and some sizes are so and others not")
        return False
    return bool(difference == 0)


_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divided,
    "Pow": np.power,
    "Mod": np.mod,
    "Equal": _equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Max": np.maximum,
    "Min": np.minimum,
}
_ON_SIZES = frozenset({"Add", "Sub", "Mul", "Div", "Mod", "Equal"})


@fold(*_BINARY)
def _binary(call: NodeReader) -> Known:
    numbers = [_numbers(call, place) for place in range(call.arity)]
    _room(np.broadcast_shapes(*(each.shape for each in numbers)))
    if call.op_type == "Mod":
        call.demand("fmod", 0)
    if any(each.dtype == object for each in numbers) and call.op_type not in _ON_SIZES:
        raise Unsayable("it computes with symbolic sizes what cannot be said of all of them")
    result = numbers[0]
    with np.errstate(all="ignore"):
        for other in numbers[1:]:
            result = np.asarray(_BINARY[call.op_type](result, other))
    return _tidy(result, numbers[0].dtype)


_UNARY: dict[str, Callable[[Array], Array]] = {
    "Neg": np.negative,
    "Abs": np.abs,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Log": np.log,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.round,
    "Reciprocal": np.reciprocal,
    "Not": np.logical_not,
    "Sign": np.sign,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Relu": lambda x: np.maximum(x, 0),
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Tanh": np.tanh,
    "Sin": np.sin,
    "Cos": np.cos,
}


@fold(*_UNARY)
def _unary(call: NodeReader) -> Known:
    known = call.known(0)
    if known.is_size:
        raise Unsayable("it computes with symbolic sizes what cannot be said of all of them")
    _room(known.shape)
    function = _UNARY[call.op_type]

    def computed(x: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(function(x)).astype(x.dtype if call.op_type != "Not" else bool)

    return known.mapped(computed) if known.is_float else Known.of(computed(known.read()))


@fold("Where")
def _where(call: NodeReader) -> Known:
    condition, a, b = (_numbers(call, place) for place in range(3))
    return _tidy(np.where(condition, a, b), a.dtype)


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
    "ReduceMax": np.max,
    "ReduceMin": np.min,
    "ReduceMean": np.mean,
    "ReduceL1": lambda numbers, **over: np.sum(np.abs(numbers), **over),
    "ReduceL2": lambda numbers, **over: np.sqrt(np.sum(np.square(numbers), **over)),
    "ReduceSumSquare": lambda numbers, **over: np.sum(np.square(numbers), **over),
}


@fold(*_REDUCTIONS)
def _reduce(call: NodeReader) -> Known:
    if call.known(0).is_learned and call.op_type == "ReduceL2":
        raise Unsayable(
            "it computes weights of others, as weight_norm does: remove_parametrizations before the export, or onnxsim "
            "behind it, makes numbers of them"
        )
    numbers, axes = _numbers(call), call.integers_either("axes", 1)
    keeps, ignores_none = call.flag("keepdims", True), call.flag("noop_with_empty_axes")
    if not axes and ignores_none:
        return call.known(0)
    if numbers.dtype == object and call.op_type not in ("ReduceProd", "ReduceSum"):
        raise Unsayable("it compares symbolic sizes")
    function = _REDUCTIONS[call.op_type]
    return _tidy(np.asarray(function(numbers, axis=tuple(axes) if axes else None, keepdims=keeps)), numbers.dtype)


def _tidy(array: Array, dtype: np.dtype[Any]) -> Known:
    """Sizes that came to plain numbers are plain numbers."""
    array = np.asarray(array)
    if array.dtype == object:
        flat = array.reshape(-1)
        if all(isinstance(each, int | np.integer) for each in flat):
            return Known.of(np.asarray([int(each) for each in flat], np.int64).reshape(array.shape))
        return Known.of(array)
    return Known.of(array if array.dtype.kind == "b" or dtype.kind == "O" else array.astype(dtype))
