"""Pools."""

from __future__ import annotations

from specc.importing.building import plain
from specc.importing.from_onnx.call import NodeReader, Value, rule
from specc.importing.from_onnx.windows import Window, options, window
from specc.importing.program import Program, Unsayable, operator, real
from specc.ir.op import Refusal
from specc.ir.types import TensorType
from specc.ops.pool import Pool


@rule("MaxPool")
def max_pool(call: NodeReader) -> list[Value]:
    x = call.data(0)
    whole, ceil = window(call, call.type(x)), call.flag("ceil_mode")
    call.ignore("storage_order")  # of the places, which are a second result
    if len(call.outputs) > 1 and call.outputs[1]:
        raise Unsayable("the places of the largest elements are a second value, and the language has no such")
    return [sliding(call.program, "maxpool", x, whole, ceil=ceil, dilation=plain(whole.dilation))]


@rule("AveragePool")
def average_pool(call: NodeReader) -> str:
    x = call.data(0)
    kind = call.type(x)
    whole, ceil = window(call, kind), call.flag("ceil_mode")
    counts = call.flag("count_include_pad")
    if set(whole.dilation) != {1}:
        raise Unsayable("the language's avgpool has no dilation")
    is_padded = whole.is_same or any((*whole.before, *whole.after))
    if whole.is_same and counts:
        raise Unsayable('auto_pad with count_include_pad has no counterpart: padding="same_upper" is not counted')
    # Counted or not, there is none to count; with ceil_mode ONNX counts no place behind the padding either.
    counted = {"count_include_pad": counts} if is_padded and not counts else {}
    return sliding(call.program, "avgpool", x, whole, ceil=ceil, **counted)


def sliding(program: Program, kind: str, x: str, whole: Window, *, ceil: bool, **arguments: object) -> str:
    """A pool; places that are only there so that another window fits are said by ``ceil_mode``, as in PyTorch."""
    arguments = options(stride=plain(whole.stride), padding=whole.padding, **arguments)
    if arguments.get("stride", 1) == plain(whole.kernel):
        arguments.pop("stride", None)
    elif "stride" not in arguments:
        arguments["stride"] = 1
    shape = {"kernel": plain(whole.kernel), **arguments}
    counts = kind == "avgpool" and arguments.get("count_include_pad", True)  # the places of ceil_mode never are
    if not ceil and not counts and not whole.is_same and _is_ceil(program.types[x], kind, whole, shape):
        shape = {**shape, "padding": plain(whole.before), "ceil_mode": True}
        if not any(whole.before):
            del shape["padding"]
            shape.pop("count_include_pad", None)
        return program.step(kind, x, **shape)
    if ceil and not whole.is_same:
        _require_alike(program.types[x], kind, whole, shape)
    return program.step(kind, x, **shape, **({"ceil_mode": True} if ceil else {}))


def _require_alike(x: TensorType, kind: str, whole: Window, shape: dict[str, object]) -> None:
    """Refuses a ``ceil_mode`` whose last window is not PyTorch's."""
    pool = operator(kind, **shape, ceil_mode=True)
    assert isinstance(pool, Pool)
    grid = pool.grid(x)
    pads = zip(whole.before, whole.after, strict=True)
    for n, ours, reach, step, (b, a) in zip(
        x.spatial, grid.sizes(x.spatial), grid.reach, grid.stride, pads, strict=True
    ):
        if isinstance(n, int) and -(-(n + b + a - reach) // step) + 1 != ours:
            raise Unsayable("with ceil_mode its last window begins behind the input, where PyTorch begins none")
    if kind == "lppool" and any(grid.overhang(x.spatial)):
        raise Unsayable("with ceil_mode a last window has fewer elements, and lppool makes up for them")


def _is_ceil(x: TensorType, kind: str, whole: Window, shape: dict[str, object]) -> bool:
    """Whether the padding behind is just what ``ceil_mode`` adds to that before."""
    if whole.before == whole.after or any(a < b for b, a in zip(whole.before, whole.after, strict=True)):
        return False
    try:
        pool = operator(kind, **{**shape, "padding": plain(whole.before), "ceil_mode": True})
        assert isinstance(pool, Pool)
        grid = pool.grid(x)
        return tuple(b + o for b, o in zip(whole.before, grid.overhang(x.spatial), strict=True)) == whole.after
    except (Unsayable, Refusal):
        return False


@rule("LpPool")
def lp_pool(call: NodeReader) -> str:
    """ONNX takes powers of absolute values, the language those of the numbers: of an even p they are the same."""
    x, p = call.data(0), call.attribute("p", 2)
    whole, ceil = window(call, call.type(x)), call.flag("ceil_mode")
    if whole.is_same or any((*whole.before, *whole.after)) or set(whole.dilation) != {1}:
        raise Unsayable("the language's lppool has neither padding nor dilation")
    if p % 2:
        x = call.step("abs", x)
    return sliding(call.program, "lppool", x, whole, ceil=ceil, norm_type=float(p))


@rule("GlobalAveragePool")
def global_average_pool(call: NodeReader) -> str:
    return call.step("globalavgpool", call.data(0))


@rule("GlobalMaxPool")
def global_max_pool(call: NodeReader) -> str:
    return call.step("globalmaxpool", call.data(0))


@rule("GlobalLpPool")
def global_lp_pool(call: NodeReader) -> str:
    x, p = call.data(0), call.attribute("p", 2)
    sizes = call.type(x).spatial
    if not all(isinstance(size, int) for size in sizes):
        raise Unsayable("over symbolic sizes the language has no lppool")
    if p % 2:
        x = call.step("abs", x)
    return call.step("lppool", x, norm_type=float(p), kernel=plain(sizes))


@rule("LRN")
def lrn(call: NodeReader) -> str:
    size = call.required("size", 0)
    if size % 2 == 0:
        raise Unsayable(f"its window of {size} channels reaches one further forward than back, and lrn's the other way")
    arguments = {
        "alpha": call.attribute("alpha", 1e-4),
        "beta": call.attribute("beta", 0.75),
        "k": call.attribute("bias", 1.0),
    }
    usual = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
    given = {name: real(value) for name, value in arguments.items() if real(value) != usual[name]}
    return call.step("lrn", call.data(0), size=size, **given)
