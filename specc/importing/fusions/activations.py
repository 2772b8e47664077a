"""Activations that tools write in several nodes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from specc.importing.fusions.affine import single
from specc.importing.fusions.fusion import fusion
from specc.importing.program import Program, Step

ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)


def near(value: float | None, wanted: float) -> bool:
    """Whether a number is the one that is meant, as float32 has left it: with another one it is another function."""
    return value is not None and math.isclose(value, wanted, rel_tol=1e-6)


def orders(step: Step) -> Iterator[tuple[str, str]]:
    """The two inputs of a step, in both orders."""
    if len(step.inputs) == 2:
        a, b = step.inputs
        yield a, b
        yield b, a


def scaled_from(program: Program, value: str, factor: float) -> str | None:
    """Of what a value is so many times."""
    step = program.maker(value, "Factor")
    return step.inputs[0] if step is not None and near(single(step), factor) else None


@fusion("mul")
def with_its_sign(program: Program, step: Step) -> bool:
    """The sign of a value times its size, as PyTorch's LPPool has it."""
    for sign, size in orders(step):
        signed, part = program.maker(sign, "Sign"), program.maker(size, "abs", "relu")
        if part is not None and part.kind == "relu":
            part = program.maker(part.inputs[0], "abs")
        if signed is not None and part is not None and signed.inputs == part.inputs:
            program.pass_on(step, part.inputs[0])
            return True
    return False


_GATES = {"sigmoid": "silu", "hardsigmoid": "hardswish"}


@fusion("mul")
def gated(program: Program, step: Step) -> bool:
    """x * sigmoid(x), x * hardsigmoid(x), x * tanh(softplus(x)), and glu."""
    for x, gate in orders(step):
        maker = program.inner(gate, *_GATES, "tanh")
        if maker is None:
            continue
        if maker.kind in _GATES and maker.inputs[0] == x:
            return program.become(step, _GATES[maker.kind], x)
        if maker.kind == "tanh":
            inner = program.inner(maker.inputs[0], "softplus")
            if inner is not None and inner.inputs[0] == x and inner["beta"] == 1:
                return program.become(step, "mish", x)
        if maker.kind == "sigmoid" and _is_glu(program, step, x, maker):
            return True
    return False


def _is_glu(program: Program, step: Step, x: str, gate: Step) -> bool:
    first, second = program.inner(x, "slice"), program.inner(gate.inputs[0], "slice")
    if first is None or second is None or first.inputs != second.inputs or first["dim"] != second["dim"]:
        return False
    whole = program.types[first.inputs[0]]
    axis = first["dim"] % whole.rank
    n = whole.shape[axis]
    if (first["start"], first["stop"], second["start"], second["stop"]) != (0, second["start"], first["stop"], n):
        return False
    dim = {} if axis == whole.rank - 1 else {"dim": axis}
    return program.become(step, "glu", *first.inputs, **dim)


@fusion("Factor")
def hard_gates(program: Program, step: Step) -> bool:
    """relu6(x + 3)/6, and x * relu6(x + 3)/6 in the order of the papers."""
    if not near(single(step), 1 / 6):
        return False
    inner = program.inner(step.inputs[0], "relu6", "mul")
    if inner is None:
        return False
    if inner.kind == "relu6":
        x = _plus_three(program, inner.inputs[0])
        return x is not None and program.become(step, "hardsigmoid", x)
    for x, gate in orders(inner):
        clip = program.inner(gate, "relu6")
        if clip is not None and _plus_three(program, clip.inputs[0]) == x:
            return program.become(step, "hardswish", x)
    return False


def _plus_three(program: Program, value: str) -> str | None:
    shift = program.inner(value, "Shift")
    return shift.inputs[0] if shift is not None and near(single(shift), 3) else None


@fusion("clamp", "hardtanh")
def clipped(program: Program, step: Step) -> bool:
    """max(x, 0) and then min(·, 6); an affine that leads to hardsigmoid."""
    if step.kind == "clamp" and step["min"] == 0 and step["max"] == 1:
        return _hard_sigmoid(program, step)
    if step.kind == "hardtanh":
        return step["min_val"] == 0 and step["max_val"] == 1 and _hard_sigmoid(program, step)
    before = program.inner(step.inputs[0], "relu", "clamp")
    if before is None or step["min"] is not None or step["max"] is None:
        return False
    least = 0.0 if before.kind == "relu" else before["min"]
    if least is None or (before.kind == "clamp" and before["max"] is not None):
        return False
    if (least, step["max"]) == (0, 6):
        return program.become(step, "relu6", *before.inputs)
    return least < step["max"] and program.become(step, "hardtanh", *before.inputs, min_val=least, max_val=step["max"])


def _hard_sigmoid(program: Program, step: Step) -> bool:
    """min(max(x/6 + 1/2, 0), 1)."""
    shift = program.inner(step.inputs[0], "Shift")
    if shift is None or not near(single(shift), 0.5):
        return False
    x = scaled_from(program, shift.inputs[0], 1 / 6)
    return x is not None and program.become(step, "hardsigmoid", x)


@fusion("mul", "Factor")
def gelu(program: Program, step: Step) -> bool:
    """x * (1 + erf(x/√2)) * 0.5, whichever two are multiplied first; and its approximation by tanh."""
    for x, gate, half in _halved(program, step):
        shift = program.maker(gate, "Shift")
        if not half or not near(single(shift), 1):
            continue
        assert shift is not None
        curve = program.maker(shift.inputs[0], "Erf", "tanh")
        if curve is None:
            continue
        if curve.kind == "Erf" and scaled_from(program, curve.inputs[0], ROOT_HALF) == x:
            return program.become(step, "gelu", x)
        if curve.kind == "tanh" and _is_approximate(program, curve.inputs[0], x):
            return program.become(step, "gelu", x, approximate="tanh")
    return False


def _halved(program: Program, step: Step) -> Iterator[tuple[str, str, bool]]:
    """The two factors of a product, and whether it is halved: as a whole, or one of the factors."""
    if step.kind == "Factor":
        product = program.inner(step.inputs[0], "mul")
        if product is not None and near(single(step), 0.5):
            for x, gate in orders(product):
                yield x, gate, True
        return
    for x, gate in orders(step):
        for one, other in ((x, gate), (gate, x)):
            half = program.maker(one, "Factor")
            if half is not None and near(single(half), 0.5):
                if one == x:
                    yield half.inputs[0], other, True
                else:
                    yield other, half.inputs[0], True


def _is_approximate(program: Program, inner: str, x: str) -> bool:
    """Whether the value is √(2/π) * (x + 0.044715 * x³)."""
    total = scaled_from(program, inner, ROOT_TWO_OVER_PI)
    whole = program.maker(total, "add") if total is not None else None
    if whole is None:
        return total is not None and _by_factoring(program, total, x)
    return any(one == x and _is_cube(program, scaled_from(program, other, 0.044715), x) for one, other in orders(whole))


def _by_factoring(program: Program, total: str, x: str) -> bool:
    """Whether the value is x * (1 + 0.044715 * x²)."""
    product = program.maker(total, "mul")
    if product is None:
        return False
    for one, other in orders(product):
        shift = program.maker(other, "Shift")
        if one == x and shift is not None and near(single(shift), 1):
            square = scaled_from(program, shift.inputs[0], 0.044715)
            return square is not None and is_square(program, square, x)
    return False


def _is_cube(program: Program, value: str | None, x: str) -> bool:
    if value is None:
        return False
    power = program.maker(value, "pow", "mul")
    if power is None:
        return False
    if power.kind == "pow":
        return bool(power["exponent"] == 3 and power.inputs[0] == x)
    return any(one == x and is_square(program, other, x) for one, other in orders(power))


def is_square(program: Program, value: str, x: str) -> bool:
    """Whether a value is x², however that is written."""
    step = program.maker(value, "pow", "mul")
    if step is None:
        return False
    if step.kind == "pow":
        return bool(step["exponent"] == 2 and step.inputs[0] == x)
    return step.inputs == (x, x)


@fusion("neg")
def log_sigmoid(program: Program, step: Step) -> bool:
    """-softplus(-x)."""
    soft = program.inner(step.inputs[0], "softplus")
    if soft is None or soft["beta"] != 1:
        return False
    inner = program.inner(soft.inputs[0], "neg")
    return inner is not None and program.become(step, "logsigmoid", *inner.inputs)


@fusion("log")
def logarithms(program: Program, step: Step) -> bool:
    """log(sigmoid(x)) and log(softmax(x)), which the language computes as one."""
    inner = program.inner(step.inputs[0], "sigmoid", "softmax")
    if inner is None:
        return False
    if inner.kind == "sigmoid":
        return program.become(step, "logsigmoid", *inner.inputs)
    return program.become(step, "logsoftmax", *inner.inputs, **({} if inner["dim"] == 1 else {"dim": inner["dim"]}))


@fusion("softmax")
def softmin(program: Program, step: Step) -> bool:
    inner = program.inner(step.inputs[0], "neg")
    dim = {} if step["dim"] == 1 else {"dim": step["dim"]}
    return inner is not None and program.become(step, "softmin", *inner.inputs, **dim)


@fusion("sub")
def shrunk(program: Program, step: Step) -> bool:
    """x - tanh(x), and x - clip(x, -lambd, lambd)."""
    x, other = step.inputs[0], step.inputs[-1]
    inner = program.inner(other, "tanh", "hardtanh")
    if inner is None or len(step.inputs) != 2 or inner.inputs[0] != x:
        return False
    if inner.kind == "tanh":
        return program.become(step, "tanhshrink", x)
    if inner["min_val"] != -inner["max_val"]:
        return False
    return program.become(step, "softshrink", x, **({} if inner["max_val"] == 0.5 else {"lambd": inner["max_val"]}))


_ABOVE = ("Greater", "GreaterOrEqual")


@fusion("Where")
def bounded(program: Program, step: Step) -> bool:
    """A value above a bound, and below the bound itself or a part of the value: at the bound both are the same."""
    condition = program.maker(step.inputs[0], *_ABOVE, "Less", "LessOrEqual")
    if program.is_own or condition is None or len(condition.inputs) != 1:
        return False
    x, bound = condition.inputs[0], condition["number"]
    given, values = step.op.attributes, iter(step.inputs[1:])  # type: ignore[union-attr] # a Where is Foreign
    arms = [given[name] if name in given else next(values) for name in ("yes", "no")]
    above, below = arms if condition.kind in _ABOVE else arms[::-1]
    if above == x and below == bound:
        return program.become(step, "relu", x) if bound == 0 else program.become(step, "clamp", x, min=bound)
    if below == x and above == bound:
        return program.become(step, "clamp", x, max=bound)
    scaled = program.maker(below, "Factor") if isinstance(below, str) else None
    slope = single(scaled)
    if bound != 0 or above != x or scaled is None or scaled.inputs[0] != x or slope is None:
        return False
    return program.become(step, "leakyrelu", x, negative_slope=slope)


@fusion("Where")
def chosen(program: Program, step: Step) -> bool:
    """A number, or something else, below a threshold: the ways in which our own files write some activations."""
    condition = program.maker(step.inputs[0], "Greater", "LessOrEqual")
    if condition is None or len(condition.inputs) != 1 or "number" not in condition.op.attributes:  # type: ignore[union-attr]
        return False
    x, bound = condition.inputs[0], condition["number"]
    given = step.op.attributes  # type: ignore[union-attr]
    if condition.kind == "LessOrEqual" and given.get("yes") == 0 and step.inputs[1:] and "no" not in given:
        size = program.maker(x, "abs")
        if size is not None and size.inputs[0] == step.inputs[1]:
            return program.become(step, "hardshrink", step.inputs[1], **({} if bound == 0.5 else {"lambd": bound}))
        return False
    if condition.kind == "LessOrEqual" and "yes" in given and "no" not in given and step.inputs[1:] == (x,):
        return program.become(step, "threshold", x, threshold=bound, value=given["yes"])
    is_size = program.maker(x, "abs") is not None
    is_scaled = step.inputs[1:2] == (x,) or scaled_at(program, x, step.inputs[1:2])
    if condition.kind != "Greater" or not (is_scaled or is_size):
        return False
    if "no" in given and step.inputs[1:] == (x,):
        return program.become(step, "threshold", x, threshold=bound, value=given["no"])
    if len(step.inputs) != 3:
        return False
    if (size := program.maker(x, "abs")) is not None:
        return _soft_shrink(program, step, size.inputs[0], bound)
    if bound == 0 and step.inputs[1] == x:
        return _exponential(program, step, x, step.inputs[2])
    return _softplus(program, step, x, bound)


def scaled_at(program: Program, value: str, others: tuple[str, ...]) -> bool:
    step = program.maker(value, "Factor")
    return step is not None and step.inputs == others


def _exponential(program: Program, step: Step, x: str, below: str) -> bool:
    """alpha * (e^(x/width) - 1) as 2 * alpha * t/(1 - t), with t = tanh(x/(2 * width))."""
    quotient = program.maker(below, "div")
    over = program.maker(quotient.inputs[1], "affine") if quotient is not None else None
    twice = program.maker(quotient.inputs[0], "Factor") if quotient is not None else None
    if over is None or twice is None or (over["factor"], over["offset"]) != (-1, 1) or over.inputs != twice.inputs:
        return False
    curve = program.maker(twice.inputs[0], "tanh")
    narrow = program.maker(curve.inputs[0], "Factor") if curve is not None else None
    factor, inner = single(twice), single(narrow)
    if narrow is None or factor is None or not inner or narrow.inputs[0] != x:
        return False
    alpha, width = round(factor / 2, 7), round(0.5 / inner, 7)
    if width == 1:
        return program.become(step, "elu", x, **({} if alpha == 1 else {"alpha": alpha}))
    return near(alpha, width) and program.become(step, "celu", x, alpha=width)


def _soft_shrink(program: Program, step: Step, x: str, bound: float) -> bool:
    """x - sign(x) * lambd where |x| is above lambd, and x * 0 below."""
    less, nothing = program.maker(step.inputs[1], "sub"), program.maker(step.inputs[2], "Factor")
    if less is None or nothing is None or nothing.inputs != (x,) or single(nothing) != 0 or less.inputs[0] != x:
        return False
    shift = program.maker(less.inputs[-1], "Factor")
    sign = program.maker(shift.inputs[0], "Sign") if shift is not None else None
    if sign is None or len(less.inputs) != 2 or sign.inputs != (x,) or single(shift) != bound:
        return False
    return program.become(step, "softshrink", x, **({} if bound == 0.5 else {"lambd": bound}))


def _softplus(program: Program, step: Step, compared: str, bound: float) -> bool:
    """softplus(beta * x)/beta, and x itself where beta * x is above a threshold."""
    x, below = step.inputs[1:]
    outer = program.maker(below, "Factor")
    soft = program.maker(outer.inputs[0], "softplus") if outer is not None else None
    steep = program.maker(soft.inputs[0], "Factor") if soft is not None else None
    beta = single(steep)
    if steep is None or not beta or steep.inputs[0] != x or not near(single(outer), 1 / beta):
        return False
    if compared != steep.value:
        return False
    options = {"beta": beta} | ({} if bound == 20 else {"threshold": bound})
    return program.become(step, "softplus", x, **{k: v for k, v in options.items() if (k, v) != ("beta", 1.0)})


@fusion("Factor")
def selu(program: Program, step: Step) -> bool:
    inner = program.inner(step.inputs[0], "elu")
    if inner is None or not near(single(step), 1.0507009873554805) or not near(inner["alpha"], 1.6732632423543772):
        return False
    return program.become(step, "selu", *inner.inputs)
