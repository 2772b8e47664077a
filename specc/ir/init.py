"""How a tensor starts. `specc.weights` draws the numbers; the PyTorch backend names the initialiser."""

from __future__ import annotations

from math import prod, sqrt
from typing import Literal, get_args

from specc.ir.record import Record


class Uniform(Record):
    """U(-bound, bound). ``name`` is the function of torch.nn.init, None where the layer does it itself."""

    bound: float
    name: str | None = None


class Normal(Record):
    """N(mean, std²). ``name`` as in `Uniform`."""

    std: float
    mean: float = 0.0
    name: str | None = None


class Constant(Record):
    """Every element the same. ``name`` as in `Uniform`."""

    value: float
    name: str | None = None


class Fixed(Record):
    """The numbers that the spec itself gives, flattened in row-major order."""

    values: tuple[float, ...]


Init = Uniform | Normal | Constant | Fixed


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight of shape (out, in, *kernel), as torch.nn.init computes them."""
    receptive = prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def pytorch_default(shape: tuple[int, ...]) -> Uniform:
    """What PyTorch's conv and linear layers draw weight and bias from: U(±1/√fan_in).

    kaiming_uniform_ with a = √5 has gain √(2/6) and bound gain·√(3/fan_in) = 1/√fan_in.
    ``shape`` is the weight's, for the bias too.
    """
    fan_in, _ = fans(shape)
    return Uniform(1 / sqrt(fan_in) if fan_in else 0.0)


Initialiser = Literal["kaiming_uniform", "kaiming_normal", "xavier_uniform", "xavier_normal", "normal", "zeros", "ones"]
INITIALISERS: tuple[Initialiser, ...] = get_args(Initialiser)


def named(name: Initialiser, shape: tuple[int, ...]) -> Init:
    """The initialiser ``name`` of torch.nn.init, with that function's own defaults.

    Args:
        name: one of `INITIALISERS`.
        shape: the weight's, (out, in, *kernel).

    Kaiming (He et al. 2015): gain √2, fan_in. Xavier (Glorot & Bengio 2010): gain 1. normal: N(0, 1).
    """
    fan_in, fan_out = fans(shape)
    function = f"nn.init.{name}_"
    match name:
        case "kaiming_uniform":
            return Uniform(sqrt(6 / fan_in), function)
        case "kaiming_normal":
            return Normal(sqrt(2 / fan_in), name=function)
        case "xavier_uniform":
            return Uniform(sqrt(6 / (fan_in + fan_out)), function)
        case "xavier_normal":
            return Normal(sqrt(2 / (fan_in + fan_out)), name=function)
        case "normal":
            return Normal(1.0, name=function)
        case "zeros" | "ones":
            return Constant(float(name == "ones"), function)
