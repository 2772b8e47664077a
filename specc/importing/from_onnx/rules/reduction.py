"""Numbers of whole axes."""

from __future__ import annotations

from typing import Any

from specc.importing.from_onnx.call import NodeReader, rule
from specc.importing.program import Unsayable
from specc.importing.shapes import reshaped

_NAMES = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax"}
_BY_PARTS = {
    "ReduceL1": ("abs", "sum", None),
    "ReduceL2": ("square", "sum", "sqrt"),
    "ReduceSumSquare": ("square", "sum", None),
    "ReduceLogSum": (None, "sum", "log"),
    "ReduceLogSumExp": ("exp", "sum", "log"),
    "ReduceMin": ("neg", "amax", "neg"),
}
"""What is done before, over the axes, and after."""


@rule(*_NAMES, *_BY_PARTS)
def reduce(call: NodeReader) -> str:
    x = call.data(0)
    kind, axes = call.type(x), call.integers_either("axes", 1)
    keeps, may_do_nothing = call.flag("keepdims", True), call.flag("noop_with_empty_axes")
    if not axes:
        if may_do_nothing and call.op_type in _NAMES:
            return x
        if may_do_nothing:
            raise Unsayable(
                "noop_with_empty_axes with no axes is read by some tools as nothing, by others as elementwise"
            )
        axes = tuple(range(kind.rank))
    places = tuple(sorted(axis % kind.rank for axis in axes))
    if 0 in places:
        raise Unsayable(f"it goes over the axes {list(axes)} of {kind}, the batch among them")
    before, name, after = _BY_PARTS.get(call.op_type, (None, _NAMES.get(call.op_type), None))
    if before == "square":
        x = call.step("pow", x, exponent=2.0)
    elif before is not None:
        x = call.step(before, x)
    assert name is not None
    x = _over(call, x, name, places, keeps)
    return call.step(after, x) if after is not None else x


def _over(call: NodeReader, x: str, name: str, axes: tuple[int, ...], keeps: bool) -> str:
    kind = call.type(x)
    if axes == tuple(range(2, kind.rank)) and axes and name in ("mean", "amax") and kind.rank <= 5:
        pooled = call.step("globalavgpool" if name == "mean" else "globalmaxpool", x)
        return pooled if keeps else reshaped(call, pooled, kind.shape[:2])
    arguments: dict[str, Any] = {"dim": axes[0] if len(axes) == 1 else axes}
    if len(axes) == kind.rank - 1 and not keeps:
        raise Unsayable(f"it makes one number of all axes of {kind}, and a value of the language has an axis")
    return call.step(name, x, **arguments, **({"keepdim": True} if keeps else {}))
