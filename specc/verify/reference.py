"""The two PyTorch runs that a model is judged by, and how far rounding alone may move the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from specc.verify import growth
from specc.verify.growth import U

TINY = 2.0**-126
"""The smallest normal float32: below it, rounding is no longer relative."""

PATTERNS = 4
"""Random rounding patterns tried per case (half as many for large networks)."""

Inputs = Mapping[str, NDArray[np.float32]]
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Expected:
    """One output of one case.

    Attributes:
        exact: PyTorch's float64 result; its float32 result where only that is a finite number.
        single: PyTorch's float32 result.
        unit: how far rounding alone moves each channel of each sample, broadcastable to ``exact``; what
            errors are counted in.
    """

    exact: NDArray[np.float64]
    single: NDArray[np.float32]
    unit: NDArray[np.float64]

    def error(self, result: NDArray[np.float32]) -> float:
        """The largest error of ``result`` in units, over the elements that are finite in PyTorch's float32."""
        distance = np.zeros(self.exact.shape)
        np.subtract(result, self.exact, out=distance, where=np.isfinite(self.single), dtype=np.float64)
        return _largest(distance / self.unit)


class TorchRefused(Exception):
    """The PyTorch module fails on an input that the contract allows; the message is PyTorch's own."""


def expectations(
    module: torch.nn.Module,
    batches: Sequence[Inputs],
    patterns: int = PATTERNS,
    u: float = U,
    progress: Told | None = None,
) -> list[tuple[Expected, ...]]:
    """For each of ``batches`` what every output of ``module`` should be.

    The module comes in float32 and is float64 afterwards: a second copy of the weights never exists.

    Args:
        u: unit roundoff of the factors of products: 2^-11 where TF32 is allowed.
        progress: told how many of the batches are done, and how many there are.

    Raises:
        TorchRefused: the module does not take some of the inputs.
    """
    singles = [run_module(module, inputs, torch.float32) for inputs in batches]
    module.double()
    expected: list[tuple[Expected, ...]] = []
    for inputs, single in zip(batches, singles, strict=True):
        if progress:
            progress(len(expected), len(batches))
        expected.append(_expect(module, inputs, single, patterns, u))
    return expected


def _expect(
    module: torch.nn.Module, inputs: Inputs, singles: list[NDArray[Any]], patterns: int, u: float
) -> tuple[Expected, ...]:
    exact = list(map(finite_truth, run_module(module, inputs, torch.float64), singles))
    moved = [np.zeros(value.shape) for value in exact]
    for pattern in range(patterns):
        with Rounding(pattern, u):
            rounded = run_module(module, inputs, torch.float64)
        for most, value, truth in zip(moved, rounded, exact, strict=True):
            np.maximum(most, _distance(value, truth), out=most)
    return tuple(
        Expected(truth, single, _unit(truth, most)) for truth, single, most in zip(exact, singles, moved, strict=True)
    )


def finite_truth(exact: NDArray[np.float64], single: NDArray[np.float32]) -> NDArray[np.float64]:
    """The float64 result, or the float32 one where only that is a finite number."""
    return np.where(np.isfinite(exact) | ~np.isfinite(single), exact, single)


def _unit(exact: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the noise moves a channel, plus one rounding of the channel's largest element."""
    axes = tuple(range(2, exact.ndim))
    sizes = np.abs(exact, out=np.zeros(exact.shape), where=np.isfinite(exact))
    unit = moved.max(axes, keepdims=True) + U * sizes.max(axes, keepdims=True) + TINY
    return np.asarray(unit, np.float64)


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    both = np.isfinite(a) & np.isfinite(b)
    return np.abs(np.subtract(a, b, out=np.zeros(a.shape), where=both))


def _largest(values: NDArray[np.float64]) -> float:
    return float(np.abs(values).max(initial=0.0))


def run_module(module: torch.nn.Module, inputs: Inputs, dtype: torch.dtype) -> list[NDArray[Any]]:
    """Every output of ``module`` for ``inputs``, given in order. Raises TorchRefused."""
    with torch.no_grad(), catch_warnings():
        simplefilter("ignore", UserWarning)  # PyTorch's advice on speed is nothing to the reader of a proof
        try:
            result = module(*(torch.from_numpy(value).to(dtype) for value in inputs.values()))
        except (RuntimeError, ValueError) as error:
            shapes = ", ".join(str(list(value.shape)) for value in inputs.values())
            raise TorchRefused(f"PyTorch fails on {shapes}: {' '.join(str(error).split())}") from error
    outputs = (result,) if isinstance(result, torch.Tensor) else result
    return [output.numpy() for output in outputs]


class Rounding(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch leaves its base class untyped
    """Runs every operation as a float32 engine might have rounded it (Monte Carlo arithmetic, Parker 1997).

    Each operand is moved by one unit of roundoff up or down at random; operands and result of a sum by as many
    as `specc.verify.growth` says. Where a function is computed through values of a fixed size, as
    exp(x) - 1 in elu or 1 + erf in gelu, the result also moves by one unit of that size. Odd patterns move all
    elements of a channel alike: where they are equal, so are their errors, and no average takes them out.

    The plain equivalent: add random noise of relative size 2^-24 to every tensor before it is used.
    """

    def __init__(self, pattern: int, u: float = U) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # as above
        self._random = torch.Generator().manual_seed(pattern)
        self._coherent = pattern % 2 == 1
        self._coarser = u / U

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """PyTorch would load its compiler to keep it off this class: seconds for nothing, as nothing is compiled."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        # A view or an in-place operation works on its operand's own memory, which must not be a copy then.
        if any(argument.alias_info is not None for argument in func._schema.arguments):
            return func(*args, **options)
        roundings = _SUMS.get(func.overloadpacket)
        size = 1.0 if roundings is None else roundings(*args)
        weight = _WEIGHT.get(func.overloadpacket)
        if weight is not None:
            size *= self._coarser
        moved = [value if place == weight else self._moved(value, size) for place, value in enumerate(args)]
        result = func(*moved, **self._moved(options, size))
        if roundings is not None:
            result = self._moved(result, size)
        scale = _FIXED_SIZE.get(func.overloadpacket)
        return result if scale is None else result + self._signs(result).mul_(U) * scale(*args)

    def _moved(self, values: Any, size: float) -> Any:
        """Every float64 tensor among ``values`` moved by ``size`` units of roundoff."""

        def move(value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or value.dtype != torch.float64:
                return value
            return self._signs(value).mul_(U * size).add_(1) * value

        return tree_map(move, values)

    def _signs(self, like: torch.Tensor) -> torch.Tensor:
        shape = [*like.shape[:2], *(1 for _ in like.shape[2:])] if self._coherent else like.shape
        bits = torch.randint(0, 2, shape, dtype=torch.int8, generator=self._random)
        return bits.to(torch.float64).mul_(2).sub_(1)


def _convolution(x: Any, weight: Any, *options: Any) -> float:
    *_, transposed, _, groups = options
    return growth.products(weight.numel() // (weight.shape[1] * groups if transposed else weight.shape[0]))


def _mean(x: Any, axes: Any = None, *_: Any) -> float:
    return growth.average(prod(x.shape[axis] for axis in axes) if axes else x.numel())


def _batch_norm(x: Any, *options: Any) -> float:
    """In training mode the statistics come from the input: so instance normalisation is computed."""
    *_, training, _, _ = options
    return growth.statistics(x.numel() // x.shape[1] if training else 1)


def _group_norm(x: Any, *options: Any) -> float:
    *_, channels, places, groups, _ = options  # fmt: skip
    return growth.statistics(channels * places // groups)


_aten = torch.ops.aten
_SUMS: Mapping[Any, Callable[..., float]] = {
    _aten.convolution: _convolution,
    _aten.mm: lambda a, b: growth.products(a.shape[-1]),
    _aten.bmm: lambda a, b: growth.products(a.shape[-1]),
    _aten.addmm: lambda bias, a, b: growth.products(a.shape[-1]),
    _aten.sum: _mean,
    _aten.mean: _mean,
    _aten.avg_pool2d: lambda x, kernel, *_: growth.average(prod(kernel)),
    _aten.avg_pool3d: lambda x, kernel, *_: growth.average(prod(kernel)),
    _aten._adaptive_avg_pool2d: lambda x, size: growth.average(prod(x.shape[-2:]) // prod(size)),
    _aten._adaptive_avg_pool3d: lambda x, size: growth.average(prod(x.shape[-3:]) // prod(size)),
    _aten.native_layer_norm: lambda x, shape, *_: growth.statistics(prod(shape)),
    _aten.native_group_norm: _group_norm,
    _aten.native_batch_norm: _batch_norm,
}
"""The operations that sum, and how many roundings each result goes through."""

_WEIGHT = {_aten.convolution: 1, _aten.mm: 1, _aten.bmm: 1, _aten.addmm: 2}
"""The place of the factor that stays as it is: noise on the other does the same, on far fewer numbers."""

_FIXED_SIZE: Mapping[Any, Callable[..., Any]] = {
    _aten.sigmoid: lambda x: 1.0,
    _aten.elu: lambda x, alpha=1.0, scale=1.0, *_: (x < 0) * (alpha * scale),
    _aten.celu: lambda x, alpha=1.0: (x < 0) * alpha,
    _aten.gelu: lambda x: x.abs(),
    _aten.silu: lambda x: x.abs(),
    _aten.mish: lambda x: x.abs(),
    _aten.softplus: lambda x, *_: 1.0,
    _aten._log_softmax: lambda x, *_: 1.0,
}
"""The size of what is rounded inside these functions, where it may be larger than their result.

ONNX Runtime's elu(-1e-6) is exp(x) - 1 and off by 1e-8, its sigmoid(-20) is 0: right at the scale of 1 only.
"""
