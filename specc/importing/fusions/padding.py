"""Padding that a layer behind it can do itself, and pools that are written as means of something else."""

from __future__ import annotations

import math
from math import prod
from typing import Any

from specc.importing.fusions.affine import arguments_of, single
from specc.importing.fusions.fusion import fusion
from specc.importing.program import Program, Step
from specc.ir.op import Op
from specc.ops.pool import Pool


def _plain(values: tuple[Any, ...]) -> Any:
    return values[0] if len(set(values)) == 1 else values


def _sides(pad: Step, axes: int) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Places before and after each spatial axis; None where it pads the channels, too, or depends on sizes."""
    widths = pad["padding"]
    if isinstance(widths, int):
        return (widths,) * axes, (widths,) * axes
    if not isinstance(widths, tuple) or len(widths) > 2 * axes or not all(isinstance(n, int) for n in widths):
        return None
    pairs = [*zip(widths[0::2], widths[1::2], strict=True)]
    pairs += [(0, 0)] * (axes - len(pairs))
    before, after = zip(*reversed(pairs), strict=True)
    return before, after


def _padding(before: tuple[int, ...], after: tuple[int, ...]) -> Any:
    return _plain(before) if before == after else tuple(zip(before, after, strict=True))


def _is_a_step(program: Program, pad: Step) -> bool:
    """Whether the padding is a step of the spec that a file of ours was written of, and not the convolution's own."""
    return program.is_own and bool(pad.paths)


@fusion("conv")
def padded_conv(program: Program, step: Step) -> bool:
    """Zeros, or what a convolution pads with by itself."""
    pad = program.inner(step.inputs[0], "pad")
    if pad is None or len(pad.inputs) != 1 or step["padding"] != 0 or _is_a_step(program, pad):
        return False
    axes = step.type.rank - 2
    sides = _sides(pad, axes)
    if sides is None or (pad["mode"] == "constant" and pad["value"] != 0):
        return False
    assert isinstance(step.op, Op)
    arguments = arguments_of(step.op) | {"padding": _padding(*sides)}
    if pad["mode"] != "constant":
        arguments["padding_mode"] = pad["mode"]
    return program.become(step, "conv", *pad.inputs, tensors=step.tensors, **arguments)


@fusion("avgpool")
def padded_mean(program: Program, step: Step) -> bool:
    """Zeros that count."""
    pad = program.inner(step.inputs[0], "pad")
    if pad is None or len(pad.inputs) != 1 or step["padding"] != 0 or (pad["mode"], pad["value"]) != ("constant", 0):
        return False
    if _is_a_step(program, pad):
        return False
    sides = _sides(pad, step.type.rank - 2)
    assert isinstance(step.op, Op)
    arguments = {name: value for name, value in arguments_of(step.op).items() if name != "count_include_pad"}
    return sides is not None and program.become(step, "avgpool", *pad.inputs, **arguments, padding=_padding(*sides))


@fusion("maxpool")
def padded_maximum(program: Program, step: Step) -> bool:
    """Minus infinity, or zeros behind a relu, whose results are none below."""
    pad = program.inner(step.inputs[0], "Pad")
    if pad is None or pad["value"] != -math.inf or step["padding"] != 0:
        return False
    widths = [pad["widths"][axis] for axis in range(2, step.type.rank)]
    if pad["widths"][1] != (0, 0):
        return False
    before, after = zip(*widths, strict=True)
    assert isinstance(step.op, Op)
    return program.become(step, "maxpool", *pad.inputs, **arguments_of(step.op), padding=_padding(before, after))


def _has_parts(program: Program, pool: Step) -> bool:
    """Whether windows reach beyond the input, and have fewer places than the kernel to be the mean of."""
    op, x = pool.op, program.types[pool.inputs[0]]
    return isinstance(op, Pool) and any(op.grid(x).overhang(x.spatial))


@fusion("Factor")
def other_divisor(program: Program, step: Step) -> bool:
    """A mean times the size of its window over another number: ``divisor_override``."""
    pool = program.inner(step.inputs[0], "avgpool")
    factor = single(step)
    if pool is None or not factor or pool["divisor_override"] is not None:
        return False
    kernel = pool["kernel"] if isinstance(pool["kernel"], tuple) else (pool["kernel"],) * (step.type.rank - 2)
    divisor = prod(kernel) / factor
    if not math.isclose(divisor, round(divisor), rel_tol=1e-6) or round(divisor) < 1 or pool["padding"] != 0:
        return False
    if _has_parts(program, pool):
        return False
    assert isinstance(pool.op, Op)
    return program.become(step, "avgpool", *pool.inputs, **arguments_of(pool.op), divisor_override=round(divisor))


@fusion("pow", "sqrt")
def power_mean(program: Program, step: Step) -> bool:
    """The root of sums of powers: the mean of the powers, times how many there are."""
    mean = program.inner(step.inputs[0], "avgpool", "Factor")
    if mean is None:
        return False
    factor, pool = 1.0, mean
    if mean.kind == "Factor":
        factor, inner = single(mean) or 0.0, program.inner(mean.inputs[0], "avgpool")
        if inner is None:
            return False
        pool = inner
    else:
        factor = 1.0 / max(1, pool["divisor_override"] or 0)
    powers = program.inner(pool.inputs[0], "pow", "mul")
    exponent = 0.5 if step.kind == "sqrt" else step["exponent"]
    kernel = pool["kernel"] if isinstance(pool["kernel"], tuple) else (pool["kernel"],) * (step.type.rank - 2)
    is_sum = abs(factor - prod(kernel)) < 1e-3 or pool["divisor_override"] == 1
    if powers is None or not exponent or not is_sum or pool["padding"] != 0:
        return False
    if powers.kind == "mul":
        p, x = (2.0, powers.inputs[0]) if len(set(powers.inputs)) == 1 and len(powers.inputs) == 2 else (0.0, "")
    else:
        p, x = powers["exponent"], powers.inputs[0]
    if not p or not math.isclose(p * exponent, 1, rel_tol=1e-5):
        return False
    options = {name: pool[name] for name in ("stride", "ceil_mode") if pool[name] not in (None, False)}
    return program.become(step, "lppool", x, norm_type=p, kernel=pool["kernel"], **options)
