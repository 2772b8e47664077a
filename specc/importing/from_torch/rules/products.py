"""Products of matrices: linear layers, and values by values, as in attention."""

from __future__ import annotations

from math import sqrt

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.merging import added
from specc.importing.products import linear_layer, summed_over_a_letter
from specc.importing.program import Known, Unsayable


@rule("linear")
def linear(call: CallReader) -> str:
    return linear_layer(call, call.data("input"), call.tensors("weight", "bias"))


@rule("addmm")
def addmm(call: CallReader) -> str:
    """What decomposed programs have of a linear layer."""
    call.demand("beta", 1)
    call.demand("alpha", 1)
    return linear_layer(call, call.data("mat1"), {"weight": _turned(call.weight("mat2")), "bias": call.weight("self")})


@rule("mm", "matmul", "bmm")
def matmul(call: CallReader) -> str:
    left, right = ("self", "other") if call.name == "matmul" else ("self", "mat2")
    if isinstance(call[right], Known):
        return linear_layer(call, call.data(left), {"weight": _turned(call.weight(right))})
    return call.step("matmul", call.data(left), call.data(right))


@rule("baddbmm")
def baddbmm(call: CallReader) -> str:
    call.demand("beta", 1)
    call.demand("alpha", 1)
    return added(call, call.step("matmul", call.data("batch1"), call.data("batch2")), call.data("self"))


@rule("scaled_dot_product_attention")
def attention(call: CallReader) -> str:
    """softmax(query * keys * scale) * values, over the last two axes."""
    if call["attn_mask"] is not None or call["is_causal"]:
        raise Unsayable("it masks places, and no operator of the language does: every place attends to all")
    if call["dropout_p"]:
        raise Unsayable("it drops weights at random, as in training: export the module after module.eval()")
    call.demand("enable_gqa", False)
    query, keys, values = (call.data(name) for name in ("query", "key", "value"))
    rank, features = call.type(query).rank, call.type(query).shape[-1]
    if rank < 3 or not isinstance(features, int):
        raise Unsayable(f"its query is {call.type(query)}, and should be rows of features that are known")
    scale = 1 / sqrt(features) if call["scale"] is None else float(call["scale"])
    turned = call.step("permute", keys, dims=(*range(rank - 2), rank - 1, rank - 2))
    answers = call.step("affine", call.step("matmul", query, turned), factor=scale)
    return call.step("matmul", call.step("softmax", answers, dim=-1), values)


@rule("einsum")
def einsum(call: CallReader) -> str:
    call.ignore("path")  # the order of what is two alone
    return summed_over_a_letter(call, str(call["equation"]), list(call["tensors"]))


def _turned(weight: Known) -> Known:
    if len(weight.shape) != 2:
        raise Unsayable(f"it multiplies by numbers of shape {list(weight.shape)}")
    return weight.transposed(1, 0)
