"""Products of matrices."""

from __future__ import annotations

import numpy as np

from specc.importing.from_onnx.call import NodeReader, rule
from specc.importing.merging import added
from specc.importing.products import summed_over_a_letter
from specc.importing.program import Known, Unsayable


@rule("Gemm")
def gemm(call: NodeReader) -> str:
    """alpha * A * B + beta * C, of which B and C are weights."""
    x, weight = call.data(0), call.weight(1)
    if call.opset < 7:
        call.ignore("broadcast")  # of the bias, along the last axis
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    if call.attribute("transA", 0):
        raise Unsayable("transA = 1 would take the samples of a batch for features")
    if len(weight.shape) != 2:
        raise Unsayable(f"its weight has shape {list(weight.shape)}")
    if not call.attribute("transB", 0):
        weight = weight.transposed(1, 0)
    if alpha != 1:
        weight = weight.mapped(lambda numbers: (numbers * np.float32(alpha)).astype(np.float32))
    outputs = weight.shape[0]
    tensors = {"weight": weight}
    if call.has_input(2) and isinstance(call.value(2), Known) and beta != 0:
        bias = call.weight(2)
        if bias.size not in (1, outputs) or (bias.size == outputs and bias.shape[-1:] not in ((outputs,), ())):
            raise Unsayable(f"its bias has shape {list(bias.shape)}, and its outputs are {outputs}")
        if bias.size == outputs:
            bias = bias.reshaped(outputs)
        else:
            bias = bias.mapped(lambda numbers: np.full(outputs, numbers.reshape(-1)[0], np.float32), (outputs,))
        if beta != 1:
            bias = bias.mapped(lambda numbers: (numbers * np.float32(beta)).astype(np.float32))
        tensors["bias"] = bias
    kind = "fc" if call.type(x).rank == 2 else "linear"  # of rows of all samples
    result = call.step(kind, x, tensors=tensors, out_features=outputs, **({} if "bias" in tensors else {"bias": False}))
    if call.has_input(2) and isinstance(call.value(2), str) and beta != 0:
        other = call.data(2)
        if beta != 1:
            other = call.step("affine", other, factor=float(beta))
        result = added(call, result, other)
    return result


@rule("MatMul")
def matmul(call: NodeReader) -> str:
    a, b = call.value(0), call.value(1)
    if isinstance(a, str) and isinstance(b, Known):
        return linear(call, a, call.weight(1))
    if isinstance(a, Known) and isinstance(b, str):
        weight = call.weight(0)
        kind = call.type(b)
        if len(weight.shape) != 2 or kind.rank < 3:
            raise Unsayable(f"it multiplies numbers of shape {list(weight.shape)} by {kind}")
        order = (*range(kind.rank - 2), kind.rank - 1, kind.rank - 2)
        turned = call.step("permute", b, dims=order)
        product = call.step("linear", turned, tensors={"weight": weight}, out_features=weight.shape[0], bias=False)
        return call.step("permute", product, dims=order)
    return call.step("matmul", call.data(0), call.data(1))


def linear(call: NodeReader, x: str, weight: Known) -> str:
    """x by a matrix of (inputs, outputs)."""
    kind = call.type(x)
    shape = weight.shape
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2 or kind.rank < 2 or len(weight.shape) > kind.rank:
        raise Unsayable(f"it multiplies {kind} by numbers of shape {list(weight.shape)}")
    weight = weight.reshaped(*shape).transposed(1, 0)
    name = "fc" if kind.rank == 2 else "linear"
    return call.step(name, x, tensors={"weight": weight}, out_features=weight.shape[0], bias=False)


@rule("Einsum")
def einsum(call: NodeReader) -> str:
    return summed_over_a_letter(call, call.required("equation", ""), call.values())
