"""Calls that move elements, or leave some out: other shapes and orders, parts, and values end to end."""

from __future__ import annotations

from math import prod
from typing import Any

from specc.importing.from_torch.call import CallReader, is_size, rule, shown
from specc.importing.picking import backwards, picked
from specc.importing.program import Known, Unsayable
from specc.importing.shapes import require_batch, reshaped, times
from specc.importing.turned import batch_place, part, permuted, shape_there, without_axis
from specc.ir.size import Dim, Size
from specc.ir.targets import Value as InputOf
from specc.ops.fields import LARGEST

# ---- sizes --------------------------------------------------------------------------------------------------


@rule("sym_size.int")
def size(call: CallReader) -> Dim:
    x = call["self"]
    shape = x.shape if isinstance(x, Known) else shape_there(call, call.data("self"))
    found: Dim = shape[call["dim"]]
    return found


# ---- the same elements in another shape ---------------------------------------------------------------------


@rule("view.default", "reshape", "_unsafe_view")
def view(call: CallReader) -> Any:
    x = call["self"]
    target = call["size" if call.name != "reshape" else "shape"]
    if not all(map(is_size, target)):
        raise Unsayable(f"it reshapes to {shown(target)}, which has to be known")
    if isinstance(x, Known):
        return _known(x, target)
    return reshaped(call, x, target, keeps_zero=True)


def _known(x: Known, target: list[Any]) -> Known:
    if not all(isinstance(n, int) for n in target):
        raise Unsayable(f"it reshapes a constant to {shown(target)}, which has to be known")
    rest = x.size // max(1, prod(n for n in target if n != -1))
    return x.reshaped(*(rest if n == -1 else n for n in target))


@rule("flatten.using_ints")
def flatten(call: CallReader) -> str:
    x = call.data("self")
    kind, start, end = call.type(x), call.axis("start_dim", x), call.axis("end_dim", x)
    return reshaped(call, x, (*kind.shape[:start], times(kind.shape[start : end + 1]), *kind.shape[end + 1 :]))


@rule("unflatten.int")
def unflatten(call: CallReader) -> str:
    x = call.data("self")
    kind, axis, sizes = call.type(x), call.axis("dim", x), call["sizes"]
    return reshaped(call, x, (*kind.shape[:axis], *sizes, *kind.shape[axis + 1 :]), keeps_zero=True)


@rule("squeeze.default", "squeeze.dim", "squeeze.dims")
def squeeze(call: CallReader) -> str:
    x = call.data("self")
    shape, axes = shape_there(call, x), call.axes("dim", x)
    if axes is None:
        require_batch(call, x)
    gone = {axis for axis in (range(len(shape)) if axes is None else axes) if shape[axis] == 1}
    if batch_place(call.program, x):
        for axis in sorted(gone, reverse=True):
            x = without_axis(call, x, axis)
        return x
    return reshaped(call, x, [n for axis, n in enumerate(shape) if axis not in gone])


@rule("unsqueeze")
def unsqueeze(call: CallReader) -> Any:
    x, axis = call["self"], call["dim"]
    shape = list(x.shape if isinstance(x, Known) else call.type(x).shape)
    shape.insert(axis % (len(shape) + 1), 1)
    return _known(x, shape) if isinstance(x, Known) else reshaped(call, x, shape)


# ---- another order ------------------------------------------------------------------------------------------


@rule("permute")
def permute(call: CallReader) -> Any:
    return _permuted(call, call.numbers("dims"))


@rule("transpose.int")
def transpose(call: CallReader) -> Any:
    first, second = call.numbers("dim0")[0], call.numbers("dim1")[0]
    order = list(range(_rank(call)))
    order[first], order[second] = order[second], order[first]
    return _permuted(call, order)


@rule("t", "numpy_T")
def t(call: CallReader) -> Any:
    return _permuted(call, range(_rank(call))[::-1])


def _rank(call: CallReader) -> int:
    x = call["self"]
    return len(x.shape) if isinstance(x, Known) else call.type(x).rank


def _permuted(call: CallReader, order: Any) -> Any:
    x, rank = call["self"], _rank(call)
    order = tuple(axis % rank for axis in order)
    if isinstance(x, Known):
        return x.transposed(*order)
    return permuted(call, x, order)


@rule("movedim.int", "movedim.intlist", "moveaxis.int", "moveaxis.intlist")
def movedim(call: CallReader) -> Any:
    rank = _rank(call)
    sources, targets = ([axis % rank for axis in call.numbers(name)] for name in ("source", "destination"))
    rest = iter(axis for axis in range(rank) if axis not in sources)
    moved = dict(zip(targets, sources, strict=True))
    return _permuted(call, [moved[place] if place in moved else next(rest) for place in range(rank)])


@rule("pixel_shuffle")
def pixel_shuffle(call: CallReader) -> str:
    return call.step("pixelshuffle", call.data("self"), upscale_factor=call["upscale_factor"])


@rule("pixel_unshuffle")
def pixel_unshuffle(call: CallReader) -> str:
    return call.step("pixelunshuffle", call.data("self"), downscale_factor=call["downscale_factor"])


@rule("channel_shuffle")
def channel_shuffle(call: CallReader) -> str:
    return call.step("channelshuffle", call.data("self"), groups=call["groups"])


# ---- parts and wholes ---------------------------------------------------------------------------------------


@rule("cat")
def cat(call: CallReader) -> str:
    values = list(call["tensors"])
    if not all(isinstance(value, str) for value in values):
        raise Unsayable("it joins constants to values")
    axis = call.axis("dim", values[0])
    return call.step("concat", *values, dim=axis) if len(values) > 1 else str(values[0])


@rule("stack")
def stack(call: CallReader) -> str:
    """Each value with one more axis, of size 1, and then end to end."""
    values = list(call["tensors"])
    if not all(isinstance(value, str) for value in values):
        raise Unsayable("it joins constants to values")
    shape = call.type(values[0]).shape
    axis = call["dim"] % (len(shape) + 1)
    if axis == 0:
        raise Unsayable("it makes a batch of its values")
    wide = [reshaped(call, value, (*shape[:axis], 1, *shape[axis:])) for value in values]
    return call.step("concat", *wide, dim=axis)


@rule("unbind")
def unbind(call: CallReader) -> list[str]:
    x = call.data("self")
    axis = call.axis("dim", x)
    whole = shape_there(call, x)[axis]
    if not isinstance(whole, int) or axis == batch_place(call.program, x):
        raise Unsayable(f"it takes {call.type(x)} apart along axis {axis}, whose size has to be known")
    return [without_axis(call, part(call, x, axis, place, place + 1), axis) for place in range(whole)]


@rule("expand", "expand_as")
def expand(call: CallReader) -> str:
    x = call.data("self")
    kind = call.type(x)
    sizes = call.type(call.data("other")).shape if call.name == "expand_as" else call["size"]
    if call.name == "expand":
        call.ignore("implicit")  # which says who asks
    if len(sizes) != kind.rank:
        raise Unsayable(f"it gives {kind} more axes")
    result = tuple(n if m == -1 else m for n, m in zip(kind.shape, sizes, strict=True))
    if result == kind.shape:
        return x
    for value, other in reversed(call.program.types.items()):
        if other.shape == result:
            return call.step("expand", x, value, like=InputOf(1))
    raise Unsayable(f"no value of the network has the shape {shown(result)} that it expands {kind} to")


@rule("repeat", "tile")
def repeat(call: CallReader) -> str:
    x, repeats = call.data("self"), call.numbers("repeats" if call.name == "repeat" else "dims")
    if len(repeats) != call.type(x).rank or repeats[0] != 1 or min(repeats) < 1:
        raise Unsayable("it repeats the samples of a batch, leaves nothing of them, or gives more axes")
    for axis, count in enumerate(repeats):
        if count > 1:
            x = call.step("concat", *[x] * count, dim=axis)
    return x


@rule("chunk")
def chunk(call: CallReader) -> list[str]:
    x = call.data("self")
    axis, count = call.axis("dim", x), call["chunks"]
    whole = _known_size(call, x, axis)
    return _split(call, x, axis, -(-whole // count))


@rule("split.Tensor", "split.default")
def split(call: CallReader) -> list[str]:
    x = call.data("self")
    return _split(call, x, call.axis("dim", x), call.numbers("split_size")[0])


@rule("split_with_sizes", "split.sizes")
def split_with_sizes(call: CallReader) -> list[str]:
    x = call.data("self")
    sizes = call.numbers("split_sizes" if call.name.startswith("split_with") else "split_size")
    return _parts(call, x, call.axis("dim", x), sizes)


def _known_size(call: CallReader, x: str, axis: int) -> int:
    whole = call.type(x).shape[axis]
    if not isinstance(whole, int) or axis == 0:
        raise Unsayable(f"it splits {call.type(x)} along axis {axis}, whose size has to be known")
    return whole


def _split(call: CallReader, x: str, axis: int, each: int) -> list[str]:
    whole = _known_size(call, x, axis)
    return _parts(call, x, axis, [min(each, whole - start) for start in range(0, whole, each)])


def _parts(call: CallReader, x: str, axis: int, sizes: Any) -> list[str]:
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return [
        call.step("slice", x, start=start, stop=start + n, dim=axis) for start, n in zip(starts, sizes, strict=True)
    ]


@rule("slice.Tensor")
def slice_(call: CallReader) -> str:
    x = call.data("self")
    kind, axis, step = call.type(x), call.axis("dim", x), call["step"]
    n = kind.shape[axis]
    start, stop = _place(call["start"] or 0, n), _place(n if call["end"] is None else call["end"], n)
    if axis == 0:
        if (start, stop, step) != (0, n, 1):
            raise Unsayable("it takes some samples of a batch")
        return x
    if (start, stop) != (0, n):
        x = call.step("slice", x, start=_from_end(start, n), stop=_from_end(stop, n), dim=axis)
    if step == 1:
        return x
    if axis == 1 or kind.rank > 5:
        raise Unsayable(f"it takes every {step}. element of axis {axis}, which the language says of places only")
    return call.step("maxpool", x, kernel=1, stride=tuple(step if a == axis else 1 for a in range(2, kind.rank)))


@rule("flip")
def flip(call: CallReader) -> str:
    x = call.data("self")
    for axis in call.axes("dims", x) or ():
        x = backwards(call, x, axis)
    return x


@rule("index_select")
def index_select(call: CallReader) -> str:
    x = call.data("self")
    return _picked(call, x, call.axis("dim", x), call["index"])


@rule("index.Tensor")
def index(call: CallReader) -> str:
    """``x[:, [2, 0, 1]]``: one axis by places that are known."""
    x, indices = call.data("self"), call["indices"]
    places = [(axis, known) for axis, known in enumerate(indices) if known is not None]
    if len(places) != 1:
        raise Unsayable("it picks elements along several axes at once")
    return _picked(call, x, *places[0])


def _picked(call: CallReader, x: str, axis: int, known: Any) -> str:
    if not isinstance(known, Known) or known.dtype.kind != "i" or len(known.shape) != 1:
        raise Unsayable("it picks elements at places that are computed while the network runs, or by a mask")
    return picked(call, x, axis, [int(place) for place in known.read()])


@rule("narrow")
def narrow(call: CallReader) -> str:
    x = call.data("self")
    axis, start = call.axis("dim", x), call.numbers("start")[0]
    return call.step("slice", x, start=start, stop=start + call.numbers("length")[0], dim=axis)


@rule("select.int")
def select(call: CallReader) -> str:
    x = call.data("self")
    axis, place = call.axis("dim", x), call.numbers("index")[0]
    if axis == batch_place(call.program, x):
        raise Unsayable("it takes some samples of a batch")
    n = shape_there(call, x)[axis]
    stop: Any = n if place == -1 else place + 1
    return without_axis(call, part(call, x, axis, place, stop), axis)


def _place(place: Any, n: Dim) -> Any:
    """A place as PyTorch means it: from the end where it is below 0, and clamped."""
    if isinstance(place, Size):
        return place
    if isinstance(n, int):
        return max(0, min(n, place + n if place < 0 else place))
    if place >= LARGEST:
        return n
    return n + place if place < 0 else place


def _from_end(place: Any, n: Dim) -> Any:
    """As a negative number where it is counted from the end of a symbolic size."""
    if isinstance(n, Size) and isinstance(place, Size) and isinstance(back := place - n, int) and back < 0:
        return back
    return place


@rule("pad", "constant_pad_nd")
def pad(call: CallReader) -> str:
    x = call.data("self")
    kind, widths, value = call.type(x), call.numbers("pad"), call["value"]
    mode = "constant" if call.name == "constant_pad_nd" else call["mode"]
    if len(widths) > 2 * (kind.rank - 1):
        raise Unsayable("it pads the batch")
    if any(n < 0 for n in widths):
        if any(n > 0 for n in widths):
            raise Unsayable("it pads some sides and cuts off others")
        for place in range(0, len(widths), 2):
            axis = kind.rank - 1 - place // 2
            if widths[place] or widths[place + 1]:
                stop = widths[place + 1] or kind.shape[axis]
                x = call.step("slice", x, start=-widths[place], stop=stop, dim=axis)
        return x
    alike = len(widths) == 2 * (kind.rank - 2) and len(set(widths)) == 1
    arguments = {"padding": widths[0] if alike else widths, "mode": mode}
    return call.step("pad", x, value=float(value or 0.0), **arguments)
