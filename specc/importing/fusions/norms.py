"""Normalisations that tools write in several nodes, or whose input they centre first."""

from __future__ import annotations

import math
from typing import Any

from specc.importing.fusions.activations import is_square, orders
from specc.importing.fusions.affine import arguments_of, single
from specc.importing.fusions.fusion import fusion
from specc.importing.program import Program, Step
from specc.ir.op import Op


def mean_axes(program: Program, value: str) -> tuple[str, tuple[int, ...]] | None:
    """What a value is the mean of, widened again or not, and over which axes."""
    step = program.maker(value, "expand", "mean", "globalavgpool")
    if step is not None and step.kind == "expand":
        step = program.maker(step.inputs[0], "mean", "globalavgpool")
    if step is None:
        return None
    if step.kind == "globalavgpool":
        return step.inputs[0], tuple(range(2, step.type.rank))
    if not step["keepdim"]:
        return None
    dims = step["dim"] if isinstance(step["dim"], tuple) else (step["dim"],)
    return step.inputs[0], tuple(sorted(dim % step.type.rank for dim in dims))


def centred(program: Program, value: str) -> tuple[str, tuple[int, ...]] | None:
    """What a value is less its own mean, and over which axes."""
    step = program.maker(value, "sub")
    if step is None or len(step.inputs) != 2:
        return None
    found = mean_axes(program, step.inputs[1])
    return found if found is not None and found[0] == step.inputs[0] else None


@fusion("layernorm", "instancenorm", "groupnorm")
def of_centred(program: Program, step: Step) -> bool:
    """A normalisation of what is centred over the axes that it centres anyway."""
    found = centred(program, step.inputs[0])
    if found is None:
        return False
    x, axes = found
    assert isinstance(step.op, Op)
    rank = step.type.rank
    shape = step["normalized_shape"] if step.kind == "layernorm" else None
    last = len(shape) if isinstance(shape, tuple) else 1
    over = tuple(range(rank - last, rank)) if step.kind == "layernorm" else tuple(range(2, rank))
    if step.kind == "groupnorm" or axes != over:
        return False
    return program.become(step, step.kind, x, tensors=step.tensors, **arguments_of(step.op))


@fusion("reshape", "Reshape")
def group_norm(program: Program, step: Step) -> bool:
    """Groups of channels as rows of an instance norm, and back."""
    norm = program.inner(step.inputs[0], "instancenorm")
    if norm is None or norm.tensors:
        return False
    rows = program.maker(norm.inputs[0], "reshape")
    if rows is None or program.types[rows.inputs[0]] != step.type or norm.type.rank < 3:
        return False
    groups, channels = norm.type.shape[1], step.type.shape[1]
    behind = norm.type.shape[3:]
    if not (isinstance(groups, int) and isinstance(channels, int)) or channels % groups:
        return False
    if behind and behind != step.type.shape[3:]:
        return False
    eps = {} if norm["eps"] == 1e-5 else {"eps": norm["eps"]}
    return program.become(step, "groupnorm", *rows.inputs, num_groups=groups, affine=False, **eps)


@fusion("div")
def by_deviation(program: Program, step: Step) -> bool:
    """(x - mean)/√(mean of squares + eps): a layernorm; without the mean, an rmsnorm; and x over its length."""
    x, below = step.inputs[0], step.inputs[-1]
    if len(step.inputs) != 2:
        return False
    found = _root(program, below)
    if found is None:
        return _by_length(program, step, x, below)
    square, axes, eps = found
    rank = step.type.rank
    if axes != tuple(range(rank - len(axes), rank)) or not eps or not is_square(program, square, x):
        return False
    options: dict[str, Any] = {} if len(axes) == 1 else {"normalized_shape": step.type.shape[axes[0] :]}
    centre = centred(program, x)
    if centre is not None and centre[1] == axes:
        eps_option = {} if math.isclose(eps, 1e-5) else {"eps": eps}
        return program.become(step, "layernorm", centre[0], elementwise_affine=False, **options, **eps_option)
    return program.become(step, "rmsnorm", x, eps=eps, elementwise_affine=False, **options)


@fusion("mul")
def times_inverse(program: Program, step: Step) -> bool:
    """The same with a product: x * (1/√…)."""
    for x, inverse in orders(step):
        power = program.inner(inverse, "pow")
        if power is None or power["exponent"] != -1:
            continue
        found = _root(program, power.inputs[0])
        if found is None:
            continue
        square, axes, eps = found
        rank = step.type.rank
        if axes != tuple(range(rank - len(axes), rank)) or not eps or not is_square(program, square, x):
            continue
        options: dict[str, Any] = {} if len(axes) == 1 else {"normalized_shape": step.type.shape[axes[0] :]}
        centre = centred(program, x)
        if centre is not None and centre[1] == axes:
            return program.become(step, "layernorm", centre[0], eps=eps, elementwise_affine=False, **options)
        return program.become(step, "rmsnorm", x, eps=eps, elementwise_affine=False, **options)
    return False


def _root(program: Program, value: str) -> tuple[str, tuple[int, ...], float] | None:
    """Of √(mean of a value + eps): the value, the axes, eps."""
    root = program.maker(value, "sqrt", "pow")
    if root is None or (root.kind == "pow" and root["exponent"] != 0.5):
        return None
    shift = program.maker(root.inputs[0], "Shift")
    eps = single(shift)
    if shift is None or eps is None:
        return None
    found = mean_axes(program, shift.inputs[0])
    return None if found is None else (*found, eps)


def _by_length(program: Program, step: Step, x: str, below: str) -> bool:
    """x over the larger of its length along an axis and eps."""
    widened = program.maker(below, "expand")
    bound = program.maker(widened.inputs[0] if widened is not None else below, "clamp")
    if bound is None or bound["max"] is not None or not bound["min"]:
        return False
    length = program.maker(bound.inputs[0], "sqrt", "sum")
    total = program.maker(length.inputs[0], "sum") if length is not None and length.kind == "sqrt" else length
    if length is None or total is None or not total["keepdim"] or not isinstance(total["dim"], int):
        return False
    inner = program.maker(total.inputs[0])
    if length.kind == "sqrt":
        p = 2.0 if is_square(program, total.inputs[0], x) else 0.0
    else:
        p = 1.0 if inner is not None and inner.kind == "abs" and inner.inputs[0] == x else 0.0
    if not p:
        return False
    axis, eps = total["dim"] % step.type.rank, bound["min"]
    options: dict[str, Any] = {} if p == 2 else {"p": p}
    options |= {} if axis == 1 else {"dim": axis}
    options |= {} if eps == 1e-12 else {"eps": eps}
    return program.become(step, "normalize", x, **options)
