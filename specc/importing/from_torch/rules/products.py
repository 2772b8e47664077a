"""Products of matrices."""

from __future__ import annotations

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Known, Unsayable


@rule("linear")
def linear(call: CallReader) -> str:
    return _linear(call, call.data("input"), call.tensors("weight", "bias"))


@rule("addmm")
def addmm(call: CallReader) -> str:
    """What decomposed programs have of a linear layer."""
    call.demand("beta", 1)
    call.demand("alpha", 1)
    return _linear(call, call.data("mat1"), {"weight": _turned(call.weight("mat2")), "bias": call.weight("self")})


@rule("mm", "matmul", "bmm")
def matmul(call: CallReader) -> str:
    left, right = ("self", "other") if call.name == "matmul" else ("self", "mat2")
    if isinstance(call[right], Known):
        return _linear(call, call.data(left), {"weight": _turned(call.weight(right))})
    return call.step("matmul", call.data(left), call.data(right))


def _turned(weight: Known) -> Known:
    if len(weight.shape) != 2:
        raise Unsayable(f"it multiplies by numbers of shape {list(weight.shape)}")
    return weight.transposed(1, 0)


def _linear(call: CallReader, x: str, tensors: dict[str, Known]) -> str:
    kind = "fc" if call.type(x).rank == 2 else "linear"
    outputs = tensors["weight"].shape[0]
    return call.step(kind, x, tensors=tensors, out_features=outputs, bias="bias" in tensors)
