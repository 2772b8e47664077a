"""Means, sums and their kin over axes."""

from __future__ import annotations

from specc.importing.from_onnx.call import NodeReader, rule
from specc.importing.program import Unsayable
from specc.importing.reductions import least, length, log_sum_exp, over

_NAMES = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax"}
_OTHERS = ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceMin")


@rule(*_NAMES, *_OTHERS)
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
    match call.op_type:
        case "ReduceMin":
            return least(call, x, places, keeps=keeps)
        case "ReduceL1" | "ReduceL2":
            return length(call, x, float(call.op_type[-1]), places, keeps=keeps)
        case "ReduceLogSumExp":
            return log_sum_exp(call, x, places, keeps=keeps)
        case "ReduceLogSum":
            return call.step("log", over(call, x, "sum", places, keeps=keeps))
        case "ReduceSumSquare":
            return over(call, call.step("pow", x, exponent=2.0), "sum", places, keeps=keeps)
    return over(call, x, _NAMES[call.op_type], places, keeps=keeps)


@rule("ArgMax", "ArgMin", "TopK")
def places(call: NodeReader) -> str:
    raise Unsayable(
        "it gives places, whole numbers, and every value of the language is float32: leave it to the caller"
    )
