"""Means, sums and their kin over axes."""

from __future__ import annotations

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Unsayable
from specc.importing.reductions import least, length, log_sum_exp, over, variance


@rule("mean.dim", "sum.dim_IntList", "amax", "amin")
def reduce(call: CallReader) -> str:
    x = call.data("self")
    if call.name in ("mean", "sum"):
        call.demand("dtype", None, "float32")
    if call.name == "amin":
        return least(call, x, _axes(call, x), keeps=bool(call["keepdim"]))
    return over(call, x, call.name, _axes(call, x), keeps=bool(call["keepdim"]))


@rule("max.dim", "min.dim")
def extreme_with_places(call: CallReader) -> list[str | None]:
    """Where the largest elements are is a value that the language does not have."""
    x, keeps = call.data("self"), bool(call["keepdim"])
    axes = (call.axis("dim", x),)
    return [over(call, x, "amax", axes, keeps=keeps) if call.name == "max" else least(call, x, axes, keeps=keeps), None]


@rule("var.correction", "std.correction", "var.dim", "std.dim")
def var(call: CallReader) -> str:
    value = _variance(call)
    return value if call.name == "var" else call.step("sqrt", value)


@rule("var_mean.correction", "std_mean.correction", "var_mean.dim", "std_mean.dim")
def var_mean(call: CallReader) -> list[str]:
    x = call.data("self")
    mean = over(call, x, "mean", _axes(call, x), keeps=bool(call["keepdim"]))
    value = _variance(call)
    return [value if call.name == "var_mean" else call.step("sqrt", value), mean]


def _variance(call: CallReader) -> str:
    x, given, unbiased = call.data("self"), call["correction"], call["unbiased"]
    correction = 1.0 if given is None else float(given)
    if unbiased is not None:
        correction = float(bool(unbiased))
    return variance(call, x, _axes(call, x), correction, keeps=bool(call["keepdim"]))


@rule("linalg_vector_norm", "norm.ScalarOpt_dim")
def vector_norm(call: CallReader) -> str:
    x, order = call.data("self"), call["ord" if call.name.startswith("linalg") else "p"]
    if call.name.startswith("linalg"):
        call.demand("dtype", None, "float32")
    return length(call, x, 2.0 if order is None else float(order), _axes(call, x), keeps=bool(call["keepdim"]))


@rule("logsumexp")
def logsumexp(call: CallReader) -> str:
    x = call.data("self")
    return log_sum_exp(call, x, _axes(call, x), keeps=bool(call["keepdim"]))


@rule("argmax", "argmin", "topk", "sort", "argsort")
def places(call: CallReader) -> str:
    raise Unsayable(
        "it gives places, whole numbers, and every value of the language is float32: leave it to the caller"
    )


def _axes(call: CallReader, x: str) -> tuple[int, ...]:
    axes = call.axes("dim", x)
    return tuple(range(call.type(x).rank)) if axes is None else axes
