"""What ONNX Runtime's optimiser writes, in its own domain: several nodes of ONNX in one."""

from __future__ import annotations

from specc.importing.from_onnx.call import NodeReader, rule
from specc.importing.from_onnx.rules.convolution import conv
from specc.importing.from_onnx.rules.products import gemm, linear
from specc.importing.merging import added
from specc.importing.program import Known, Unsayable, real

RUNTIME = "com.microsoft"


@rule("FusedConv", domain=RUNTIME)
def fused_conv(call: NodeReader) -> str:
    value = conv(call)
    if call.has_input(3):
        value = added(call, value, call.data(3))
    return activated(call, value)


@rule("FusedGemm", domain=RUNTIME)
def fused_gemm(call: NodeReader) -> str:
    return activated(call, gemm(call), parameters="activation_alpha activation_beta activation_gamma".split())


def activated(call: NodeReader, x: str, parameters: list[str] | None = None) -> str:
    """The activation that a node applies to its result."""
    name = call.attribute("activation", "")
    if parameters is None:
        numbers = list(call.attribute("activation_params", ()))
    else:
        numbers = [call.attribute(each, 0.0) for each in parameters if call.has(each)]
    match name, numbers:
        case ("", _):
            return x
        case (("Relu" | "Sigmoid" | "Tanh"), _):
            return call.step(name.lower(), x)
        case "LeakyRelu", [alpha, *_]:
            return call.step("leakyrelu", x, negative_slope=real(alpha))
        case "Clip", [least, most, *_]:
            if (least, most) == (0, 6):
                return call.step("relu6", x)
            return call.step("hardtanh", x, min_val=real(least), max_val=real(most))
        case "HardSigmoid", [alpha, beta, *_]:
            if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
                return call.step("hardsigmoid", x)
    raise Unsayable(f"its activation {name} with {numbers} is none that is known here")


@rule("Gelu", domain=RUNTIME)
def gelu(call: NodeReader) -> str:
    return call.step("gelu", call.data(0))


@rule("FastGelu", domain=RUNTIME)
def fast_gelu(call: NodeReader) -> str:
    x = call.data(0)
    if call.has_input(1):
        x = call.program.foreign("Shift", x, constant=call.weight(1), negated=False)
    return call.step("gelu", x, approximate="tanh")


@rule("QuickGelu", domain=RUNTIME)
def quick_gelu(call: NodeReader) -> str:
    """x * sigmoid(alpha * x)."""
    x, alpha = call.data(0), call.attribute("alpha", 1.702)
    if alpha == 1:
        return call.step("silu", x)
    steep = call.step("affine", x, factor=real(alpha))
    return call.step("mul", x, call.step("sigmoid", steep))


@rule("FusedMatMul", domain=RUNTIME)
def fused_matmul(call: NodeReader) -> str:
    for name in ("transA", "transB", "transBatchA", "transBatchB"):
        call.demand(name, 0)
    a, alpha = call.data(0), call.attribute("alpha", 1.0)
    b = call.value(1)
    product = linear(call, a, call.weight(1)) if isinstance(b, Known) else call.step("matmul", a, b)
    return product if alpha == 1 else call.step("affine", product, factor=real(alpha))


@rule("BiasGelu", domain=RUNTIME)
def bias_gelu(call: NodeReader) -> str:
    return call.step("gelu", call.program.foreign("Shift", call.data(0), constant=call.weight(1), negated=False))
