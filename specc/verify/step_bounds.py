"""How far a right float32 engine's result of one step may be from the exact one, element by element.

Every bound is (a number of roundings) * u * (a magnitude): the first-order error analysis of the step's arithmetic
(Higham 2002, Accuracy and Stability of Numerical Algorithms, chapters 2 to 4), with the growth of sums as engines add
them (`specc.verify.growth`). The numbers of roundings are measured: ``benchmarks/steps.py`` prints how much of the
bound PyTorch and ONNX Runtime need, over every operator. Where the inputs or the exact result are not finite, so may be
the bound.

The sign of zeros is no error: of 0.0 and -0.0 either may be called the larger, and for the uneven bins of an adaptive
maximum ONNX Runtime and PyTorch disagree. Subnormal numbers are kept by both on a CPU; the bounds, but for those of
exact steps, allow for engines that do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call
from torch.nn import functional

from specc.ir.graph import Node
from specc.ir.rounding import (
    Attention,
    Averaged,
    Exact,
    Function,
    Fused,
    Gated,
    Interpolated,
    Normalised,
    Power,
    PowerMean,
    Products,
    Quotient,
    Rounding,
    SoftmaxOver,
)
from specc.ir.types import fixed
from specc.verify import growth
from specc.verify.growth import TINY, U
from specc.verify.large_layers import InSlices, is_large

Array = NDArray[np.float64]

SHORT = 64
"""Elements of a mean up to which the worst of all numbers is allowed for, instead of what the given ones do."""

HUGE = 2**25
"""Elements in all bins of a sample beyond which no engine's sums are imitated, and the worst is allowed for too."""


def rule(node: Node) -> str:
    """How the step is judged, in words: ``exact``, ``sum of 27 products``."""
    return _rounding(node).rule


def why(node: Node) -> str:
    """Where the bound comes from, in one line."""
    return _rounding(node).why


def is_exact(node: Node) -> bool:
    """Whether every right engine gives PyTorch's float32 result, but for the sign of zeros."""
    return isinstance(_rounding(node), Exact)


def allowed(
    node: Node,
    module: torch.nn.Module,
    inputs: Sequence[Array],
    exact: Array,
    u: float = U,
    magnitude: Array | None = None,
) -> Array:
    """The largest ``|result - exact|`` of a right engine, for each element; 0 where the step `is_exact`.

    Args:
        node: the step, at sizes that are numbers.
        module: the step alone, in float64.
        inputs: what it was given.
        exact: what ``module`` makes of them.
        u: unit roundoff of sums of products: 2^-24, or 2^-11 where their factors may be TF32.
        magnitude: what `product_magnitude` has made of them; None: it is found in float64.
    """
    rounding = _rounding(node)
    with np.errstate(all="ignore"):
        match rounding:
            case Exact():
                return np.zeros(exact.shape)
            case Products():
                terms = fixed(rounding.terms)
                weights = [tensor for tensor in module.state_dict().values() if tensor.ndim > 1]
                filters = [weight.movedim(rounding.filters, 0).flatten(1).numpy() for weight in weights[:1]]
                equal = min(terms, max(map(growth.most_equal, filters), default=0))
                sums = _magnitude(module, inputs) if magnitude is None else magnitude
                size = (growth.signed_chain(terms, equal) * U + 2 * (u - U)) * sums
            case Averaged():
                size = _averaged(rounding, inputs[0], _magnitude(module, inputs))
            case PowerMean():
                size = _power_mean(rounding, module, inputs, exact)
            case Interpolated():
                size = U * _interpolated(rounding, inputs[0], exact.shape)
            case Function():
                inner = rounding.inner * (np.abs(inputs[0]) if rounding.gate else 1.0)
                size = _moved(module, inputs[0], exact) + 8 * U * (np.abs(exact) + inner)
            case Power():
                x = inputs[0]
                size = _moved(module, x, exact) + (8 + _exponent(x, rounding.exponent)) * U * np.abs(exact)
            case Fused():  # the shares are computed from the weights as they are, with a sum of all of them
                size = (growth.chain(rounding.terms) + rounding.terms + 8) * U * _run(module, [*map(np.abs, inputs)])
            case Gated():
                gated = np.split(np.abs(inputs[0]), 2, rounding.axis)[0]
                size = _moved(module, inputs[0], exact) + 8 * U * (np.abs(exact) + gated)
            case SoftmaxOver():
                size = U * _softmax(rounding, -inputs[0] if rounding.negated else inputs[0], exact)
            case Attention():
                size = _attention(rounding, module, inputs, u)
            case Normalised():
                size = U * _normalised(rounding, module, inputs[0])
            case Quotient():
                size = _quotient(rounding, inputs[0], exact)
        return np.where(np.isnan(size), 0, size) + TINY


def _rounding(node: Node) -> Rounding:
    return node.op.rounding(*node.input_types)


def _run(
    module: torch.nn.Module, inputs: Sequence[NDArray[Any]], state: Mapping[str, torch.Tensor] | None = None
) -> Array:
    values = tuple(torch.from_numpy(np.ascontiguousarray(value)) for value in inputs)
    with torch.no_grad(), catch_warnings():
        simplefilter("ignore", UserWarning)  # PyTorch's advice on speed, as in `specc.verify.reference.run_module`
        result: torch.Tensor = functional_call(module, dict(state or {}), values)
    return np.asarray(result.numpy(), np.float64)


def _magnitude(module: torch.nn.Module, inputs: Sequence[NDArray[Any]]) -> Array:
    """The step on absolute values: the sum of the absolute products, which their errors are in proportion to."""
    state = {name: tensor.abs() for name, tensor in module.state_dict().items() if not is_large(tensor)}
    # A running mean is subtracted, so it is negative here: |x| + |mean|. A variance is positive as it is.
    state |= {name: -tensor for name, tensor in state.items() if name.rpartition(".")[2] == "running_mean"}
    with InSlices(absolute=True):
        return _run(module, [np.abs(value) for value in inputs], state)


def product_magnitude(node: Node, module: torch.nn.Module, inputs: Sequence[NDArray[np.float32]]) -> Array | None:
    """The sum of the absolute products, found in float32, in a third of the time; its own error is allowed for.

    None where the step sums no products, or float32 cannot hold the sums.

    Args:
        module: the step alone, in float32.
    """
    rounding = _rounding(node)
    if not isinstance(rounding, Products):
        return None
    sums = _magnitude(module, inputs)
    # Terms of one sign: no partial sum is further off than all of them rounded once each.
    return sums * (1 + (fixed(rounding.terms) + 2) * U) if np.isfinite(sums).all() else None


def _averaged(rounding: Averaged, x: Array, magnitude: Array) -> Array:
    """Of long sums of these very numbers, twice what the slowest right engine makes, and errors of either sign."""
    terms = fixed(rounding.terms)
    if terms <= SHORT or magnitude[0].size * terms > HUGE:
        return np.asarray(growth.chain(terms) * U * magnitude)
    samples = [_one_by_one(sample, rounding) for sample in np.split(x, x.shape[0])]
    errors, sizes = (np.concatenate(parts).reshape(magnitude.shape) for parts in zip(*samples, strict=True))
    means = np.divide(magnitude, sizes, out=np.zeros(sizes.shape), where=sizes > 0)
    return np.asarray(growth.signed_chain(terms) * U * magnitude + 2 * errors * means)


def _one_by_one(x: Array, rounding: Averaged) -> tuple[Array, Array]:
    """How far float32 sums over bins are from the exact ones, and the sums of absolute values.

    Added one by one from either end, since what is added to a large element is lost; or divided first.
    """
    binned = _binned(x, rounding)
    single = binned.astype(np.float32)
    count = np.float32(binned.shape[-1])
    exact = binned.sum(-1)
    sums = _last_sum(single), _last_sum(single[..., ::-1]), _last_sum(single / count) * np.float64(count)
    return np.max([np.abs(each - exact) for each in sums], axis=0), np.abs(binned).sum(-1)


def _last_sum(x: NDArray[np.float32]) -> Array:
    return np.add.accumulate(x, axis=-1)[..., -1].astype(np.float64)


def _binned(x: Array, rounding: Averaged) -> Array:
    """[..., bins, elements]: the elements of each bin in a row, with zeros at the end of smaller ones."""
    for axis, ranges in rounding.bins:
        longest = max(map(len, ranges))
        places = [[*places, *[x.shape[axis]] * (longest - len(places))] for places in ranges]
        nothing = np.zeros((*x.shape[:axis], 1, *x.shape[axis + 1 :]))
        x = np.moveaxis(np.concatenate([x, nothing], axis).take(places, axis), axis + 1, -1)
    return x.reshape(*x.shape[: x.ndim - len(rounding.bins)], -1)


def _power_mean(rounding: PowerMean, module: torch.nn.Module, inputs: Sequence[Array], exact: Array) -> Array:
    """The sum s of the powers is off by its roundings d; the root of s + d or s - d is as far off as the result."""
    p, terms = rounding.power, fixed(rounding.terms)
    sums = np.abs(exact) ** p
    roundings = growth.chain(terms) + _exponent(inputs[0], p).max(initial=0.0)
    spread = roundings * U * _magnitude(module, inputs) ** p + TINY
    up, down = (sums + spread) ** (1 / p), np.maximum(sums - spread, 0) ** (1 / p)
    root = np.abs(exact)
    return np.asarray(np.maximum(up - root, root - down) + 4 * (1 + np.abs(np.log(sums + TINY)) / p) * U * root)


def _exponent(x: Array, power: float) -> Array:
    """Roundings of x^p = e^(p log x) through that of p, where p is no float32: |p log x| at most."""
    if float(np.float32(power)) == power:  # beside a float32 the other is one, too
        return np.zeros(x.shape)
    return np.asarray(np.abs(power * np.log(np.abs(x), out=np.zeros(x.shape), where=x != 0)))


def _interpolated(rounding: Interpolated, x: Array, shape: tuple[int, ...]) -> Array:
    """Each weight, product and sum is rounded, in proportion to the largest element that could be read near the place.

    An inexact coordinate is off by its own size times u, once for the factor and once for the product with it; so is
    the weight that it gives, which moves the result by the difference of two elements.
    """
    sizes = tuple(zip(x.shape[2:], shape[2:], strict=True))
    reach = [rounding.taps // 2 + -(-n // o) for n, o in sizes]
    drift = 0 if rounding.exact_places else sum(n for n, _ in sizes)
    return np.asarray((2 * rounding.taps ** len(sizes) + 4 * drift) * _largest_near(np.abs(x), reach, shape[2:]))


def _largest_near(x: Array, reach: Sequence[int], size: tuple[int, ...]) -> Array:
    """For each place of a grid of ``size`` laid over ``x``, its largest element at most ``reach`` places away."""
    pool = getattr(functional, f"max_pool{len(size)}d")
    most = pool(torch.from_numpy(x), [2 * r + 1 for r in reach], stride=1, padding=list(reach))
    return np.asarray(functional.interpolate(most, size=size, mode="nearest").numpy(), np.float64)


def _moved(module: torch.nn.Module, x: Array, exact: Array) -> Array:
    """How far a function moves where its argument moves by some roundings."""
    return np.maximum(*(np.abs(_run(module, [x * (1 + sign * 4 * U)]) - exact) for sign in (-1, 1)))


def _softmax(rounding: SoftmaxOver, x: Array, exact: Array) -> Array:
    """e^(x - max) is off by |x - max| u of itself; the sum by that of its terms, and by its own roundings."""
    axis = rounding.axis
    below = x.max(axis, keepdims=True) - x
    parts = np.exp(-below)
    total = (parts * below).sum(axis, keepdims=True) / parts.sum(axis, keepdims=True)
    relative = growth.chain(fixed(rounding.terms)) + 2 * (below + total)
    return np.asarray(relative + 2 * np.abs(exact) if rounding.log else relative * exact)


def _attention(rounding: Attention, module: torch.nn.Module, inputs: Sequence[Array], u: float) -> Array:
    """Each of its operations on values that are off already: first order, but for the weights, which may saturate."""
    state = module.state_dict()
    own = {key: value.numpy() for name, value in state.items() for key in _OF_ATTENTION if name.endswith(key)}
    packed, bias, joined, last_bias = (own.get(key, np.zeros(1)) for key in _OF_ATTENTION)
    features = joined.shape[0]

    def roundings(terms: int, weight: Array | None = None) -> float:
        equal = 0 if weight is None else min(terms, growth.most_equal(weight))
        return growth.signed_chain(terms, equal) * U + 2 * (u - U)

    def by_head(x: Array) -> Array:
        return np.moveaxis(x.reshape(*x.shape[:2], rounding.heads, -1), 2, 1)

    def projected(part: int) -> tuple[Array, Array]:
        x = inputs[min(part, len(inputs) - 1)]
        weight = packed[part * features : (part + 1) * features]
        shift = bias[part * features : (part + 1) * features] if bias.size > 1 else bias
        size = np.abs(x) @ np.abs(weight).T + np.abs(shift)
        return by_head(x @ weight.T + shift), by_head(roundings(features, weight) * size)

    (query, query_off), (keys, keys_off), (values, values_off) = map(projected, range(3))
    keys, keys_off = keys.swapaxes(2, 3), keys_off.swapaxes(2, 3)
    near, length = np.abs(query) @ np.abs(keys), query.shape[-1]
    # The factor 1/sqrt(length) is rounded, and so is what it multiplies.
    off = query_off @ np.abs(keys) + (np.abs(query) + query_off) @ keys_off + (roundings(length) + 4 * U) * near
    scores, off = query @ keys / np.sqrt(length), off / np.sqrt(length)
    weights, low, high = _shares(scores, scores), scores - off, scores + off
    moved = np.maximum(_shares(high, low) - weights, weights - _shares(low, high))
    below = scores.max(-1, keepdims=True) - scores
    relative = growth.chain(fixed(rounding.terms)) + 2 * (below + (weights * below).sum(-1, keepdims=True))
    weights_off = np.minimum(1, moved + U * relative * weights)
    means, sizes = weights @ values, weights @ np.abs(values)
    means_off = weights_off @ np.abs(values) + (weights + weights_off) @ values_off
    means_off += roundings(fixed(rounding.terms)) * sizes
    means, means_off = (np.moveaxis(each, 1, 2).reshape(*inputs[0].shape) for each in (np.abs(means), means_off))
    size = (means + means_off) @ np.abs(joined).T + np.abs(last_bias)
    return np.asarray(means_off @ np.abs(joined).T + roundings(features, joined) * size)


_OF_ATTENTION = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")


def _shares(x: Array, others: Array) -> Array:
    """Of each e^x in the sum of it and of e^y for the others in its row."""
    most = np.maximum(x, others).max(-1, keepdims=True)
    own, rest = np.exp(x - most), np.exp(others - most)
    total = own + np.maximum(0, rest.sum(-1, keepdims=True) - rest)
    return np.asarray(np.divide(own, total, out=np.ones(own.shape), where=total > 0))


def _normalised(rounding: Normalised, module: torch.nn.Module, x: Array) -> Array:
    """The mean is off by its roundings of mean |x|; the variance, relatively, by its own, as if not centred exactly."""
    rows = x.reshape(-1, fixed(rounding.terms))
    mean = rows.mean(1, keepdims=True) if rounding.centred else 0.0
    deviation = np.sqrt(np.square(rows - mean).mean(1, keepdims=True) + rounding.eps)
    near = np.abs(rows).mean(1, keepdims=True) if rounding.centred else 0.0
    normal = np.abs(rows - mean) / deviation
    errors = (np.abs(rows) + near) / deviation + normal * (1 + near / deviation)
    weight, bias = _affine(rounding, module, x)
    terms = fixed(rounding.terms)
    grown = 3 + max(growth.statistics(terms), growth.signed_chain(terms))  # a large element among small ones
    return np.asarray(grown * errors.reshape(x.shape) * weight + 4 * bias)


def _affine(rounding: Normalised, module: torch.nn.Module, x: Array) -> tuple[Any, Any]:
    """Absolute weight and bias, laid along the axes of ``x`` that they belong to."""
    own = {name.rpartition(".")[2]: tensor.abs().numpy() for name, tensor in module.state_dict().items()}
    if rounding.by_channel:
        own = {name: value.reshape(-1, *(1 for _ in x.shape[2:])) for name, value in own.items()}
    return own.get("weight", 1.0), own.get("bias", 0.0)


def _quotient(rounding: Quotient, x: Array, exact: Array) -> Array:
    """The base, (x/result)^(1/power), is off by the roundings of its absolute terms, the result by what follows."""
    if rounding.power == 0:
        return 2 * U * np.abs(exact)
    divisor = np.abs(np.divide(x, exact, out=np.ones(x.shape), where=x != 0))
    base, offset = divisor ** (1 / rounding.power), rounding.offset
    spread = growth.statistics(fixed(rounding.terms)) * U * (abs(offset) + np.abs(base - offset)) / base
    moved = np.maximum(*(np.abs((1 + sign * spread) ** -rounding.power - 1) for sign in (-1, 1)))
    return np.asarray((2 * moved + (4 + np.abs(np.log(divisor))) * U) * np.abs(exact))
