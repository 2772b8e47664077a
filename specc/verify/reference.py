"""The two PyTorch runs that a model is judged by, and how far rounding alone may move the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import prod
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode

from specc.verify import growth
from specc.verify.cases import Inputs
from specc.verify.growth import TINY, U
from specc.verify.large_layers import InSlices, is_large, widen
from specc.verify.sessions import require_memory

COARSE = 64
"""How many times as large noise is where it is tried in float32, whose own rounding is a small part of it then.

What it moves, divided by this, is what noise of the right size would: functions are straight on so short a way,
but where they saturate, and there it is less than they bend.
"""

PATTERNS = 4
"""Random rounding patterns tried per case (half as many for large networks)."""


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

    def of(self, samples: slice) -> Expected:
        """Of some of the samples."""
        return Expected(self.exact[samples], self.single[samples], self.unit[samples])

    def error(self, result: NDArray[np.float32]) -> float:
        """The largest error of ``result`` in units, over the elements that are finite in PyTorch's float32."""
        distance = np.zeros(self.exact.shape)
        np.subtract(result, self.exact, out=distance, where=np.isfinite(self.single), dtype=np.float64)
        return float(np.abs(distance / self.unit).max(initial=0.0))


class TorchRefused(Exception):
    """The PyTorch module fails on an input that the contract allows; the message is PyTorch's own."""


def expectations(
    module: torch.nn.Module,
    batches: Sequence[Inputs],
    patterns: int = PATTERNS,
    u: float = U,
    progress: Callable[[int, int], None] | None = None,
    coarse: bool = False,
) -> list[tuple[Expected, ...]]:
    """For each of ``batches`` what every output of ``module`` should be.

    The module comes in float32 and is float64 afterwards, but for large linear layers where ``coarse``: a second copy
    of the weights never exists.

    Args:
        u: unit roundoff of the factors of products: 2^-11 where TF32 is allowed.
        progress: told how many of the batches are done, and how many there are.
        coarse: measure how far rounding moves the result in float32, where it costs a third: see `COARSE`.

    Raises:
        TorchRefused: the module does not take some of the inputs.
    """
    singles = [run_module(module, inputs, torch.float32) for inputs in batches]
    shifts = []
    if coarse:
        equal = EqualWeights(module.state_dict().values())
        for inputs, of_outputs in zip(batches, singles, strict=True):
            noise = [Rounding(pattern, u, equal, torch.float32, COARSE) for pattern in range(patterns)]
            shifts.append([shift / COARSE for shift in _shifts(module, inputs, of_outputs, noise)])
    if coarse:
        widen(module)
    else:
        module.double()
    equal = EqualWeights(module.state_dict().values())
    expected: list[tuple[Expected, ...]] = []
    for place, (inputs, of_outputs) in enumerate(zip(batches, singles, strict=True)):
        if progress:
            progress(place, len(batches))
        exact = list(map(finite_truth, run_module(module, inputs, torch.float64), of_outputs))
        noise = [Rounding(pattern, u, equal) for pattern in range(patterns)]
        moved = shifts[place] if coarse else _shifts(module, inputs, exact, noise)
        expected.append(
            tuple(Expected(*each) for each in zip(exact, of_outputs, map(_unit, exact, moved), strict=True))
        )
    return expected


def _shifts(
    module: torch.nn.Module, inputs: Inputs, results: Sequence[NDArray[Any]], noise: Sequence[Rounding]
) -> list[NDArray[np.float64]]:
    """How far noise moves each element of the results, at most."""
    moved = [np.zeros(value.shape) for value in results]
    for rounding in noise:
        with rounding:
            rounded = run_module(module, inputs, rounding.dtype)
        for most, value, result in zip(moved, rounded, results, strict=True):
            finite = np.isfinite(value) & np.isfinite(result)
            distance = np.subtract(value, result, out=np.zeros(value.shape), where=finite, dtype=np.float64)
            np.maximum(most, np.abs(distance), out=most)
    return moved


def finite_truth(exact: NDArray[np.float64], single: NDArray[np.float32]) -> NDArray[np.float64]:
    """The float64 result, or the float32 one where only that is a finite number."""
    return np.where(np.isfinite(exact) | ~np.isfinite(single), exact, single)


def _unit(exact: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the noise moves a channel, plus one rounding of the channel's largest element."""
    axes = tuple(range(2, exact.ndim))
    sizes = np.abs(exact, out=np.zeros(exact.shape), where=np.isfinite(exact))
    unit = moved.max(axes, keepdims=True) + U * sizes.max(axes, keepdims=True) + TINY
    return np.asarray(unit, np.float64)


def run_module(module: torch.nn.Module, inputs: Inputs, dtype: torch.dtype) -> list[NDArray[Any]]:
    """Every output of ``module`` for ``inputs``, given in order. Raises TorchRefused, MemoryError."""
    slices = InSlices() if dtype == torch.float64 and any(map(is_large, module.parameters())) else nullcontext()
    with torch.no_grad(), catch_warnings(), slices:
        simplefilter("ignore", UserWarning)  # PyTorch's advice on speed is nothing to the reader of a proof
        try:
            result = module(*(_given(module, value, dtype) for value in inputs.values()))
        except (RuntimeError, ValueError) as error:
            require_memory(error)
            shapes = ", ".join(str(list(value.shape)) for value in inputs.values())
            raise TorchRefused(f"PyTorch fails on {shapes}: {' '.join(str(error).split())}") from error
    outputs = (result,) if isinstance(result, torch.Tensor) else result
    return [output.numpy() for output in outputs]


def _given(module: torch.nn.Module, value: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    """An input as a tensor of ``dtype``. Bytes the module casts itself, to its own type.

    One without weights has none: it casts to float32, and is given the numbers as ``dtype`` where that is another.
    """
    given = torch.from_numpy(value)
    if value.dtype == np.uint8 and (
        dtype == torch.float32 or any(tensor.is_floating_point() for tensor in module.state_dict().values())
    ):
        return given
    return given.to(dtype)


class EqualWeights:
    """How many weights of a filter are equal, for ``weights`` that stay in memory: see `growth.most_equal`."""

    def __init__(self, weights: Iterable[torch.Tensor]) -> None:
        self._own = {weight.data_ptr() for weight in weights}
        self._most: dict[int, int] = {}

    def most(self, weight: torch.Tensor, axis: int) -> int:
        """Of ``weight``, whose filters lie along ``axis``; 0 where it is none of them."""
        place = weight.data_ptr()
        if place not in self._own:
            return 0
        if place not in self._most:
            self._most[place] = growth.most_equal(weight.movedim(axis, 0).flatten(1).numpy())
        return self._most[place]


class Rounding(TorchDispatchMode):  # type: ignore[no-untyped-call] # torch leaves its base class untyped
    """Runs every operation as a float32 engine might have rounded it (Monte Carlo arithmetic, Parker 1997).

    Each operand is moved by one unit of roundoff up or down at random; operands and result of a sum by as many
    as `specc.verify.growth` says. Where a function is computed through values of a fixed size, as
    exp(x) - 1 in elu or 1 + erf in gelu, the result also moves by one unit of that size. Odd patterns move all
    elements of a channel alike: where they are equal, so are their errors, and no average takes them out.

    The plain equivalent: add random noise of relative size 2^-24 to every tensor before it is used.
    """

    def __init__(
        self,
        pattern: int,
        u: float = U,
        equal: EqualWeights | None = None,
        dtype: torch.dtype = torch.float64,
        times: int = 1,
    ) -> None:
        """``dtype``: of the tensors that are moved, ``times`` as far as float32 rounds."""
        super().__init__()  # type: ignore[no-untyped-call] # as above
        self.dtype = dtype
        self._unit = U * times
        self._random = torch.Generator().manual_seed(pattern)
        self._coherent = pattern % 2 == 1
        self._coarser = u / U
        self._equal = equal or EqualWeights(())

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
        factors = _PRODUCTS.get(func.overloadpacket)
        size, weight = 1.0 if roundings is None else roundings(*args), None
        if factors is not None:
            terms, weight, axis = factors(*args)
            size = self._coarser * growth.products(terms, min(terms, self._equal.most(args[weight], axis)))
        moved = [value if place == weight else self._moved(value, size) for place, value in enumerate(args)]
        result = func(*moved, **{name: self._moved(value, size) for name, value in options.items()})
        if roundings is not None or factors is not None:
            result = self._moved(result, size)
        scale = _FIXED_SIZE.get(func.overloadpacket)
        if scale is None:
            return result
        signs = self._bits(result).mul_(2).sub_(1)
        return result + signs.mul_(self._unit) * scale(*args)

    def _moved(self, value: Any, size: float) -> Any:
        """A tensor, or those in a list, moved by ``size`` units of roundoff; all else as it is."""
        if isinstance(value, list | tuple):
            return type(value)(self._moved(part, size) for part in value)
        if not isinstance(value, torch.Tensor) or value.dtype != self.dtype:
            return value
        less, more = 1 - self._unit * size, 1 + self._unit * size
        return self._bits(value).mul_(more - less).add_(less) * value

    def _bits(self, like: torch.Tensor) -> torch.Tensor:
        """Zeros and ones at random, for each element or for each channel."""
        shape = [*like.shape[:2], *(1 for _ in like.shape[2:])] if self._coherent else like.shape
        return torch.randint(0, 2, shape, dtype=torch.int8, generator=self._random).to(self.dtype)


def _convolution(x: Any, weight: Any, *options: Any) -> tuple[int, int, int]:
    *_, transposed, _, groups = options
    return weight.numel() // (weight.shape[1] * groups if transposed else weight.shape[0]), 1, int(transposed)


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
    _aten.sum: _mean,
    _aten.mean: _mean,
    _aten.avg_pool2d: lambda x, kernel, *_: growth.average(prod(kernel)),
    _aten.avg_pool3d: lambda x, kernel, *_: growth.average(prod(kernel)),
    _aten._adaptive_avg_pool2d: lambda x, size: growth.average(prod(x.shape[-2:]) // prod(size)),
    _aten._adaptive_avg_pool3d: lambda x, size: growth.average(prod(x.shape[-3:]) // prod(size)),
    _aten.native_layer_norm: lambda x, shape, *_: growth.statistics(prod(shape)),
    _aten.native_group_norm: _group_norm,
    _aten.native_batch_norm: _batch_norm,
    # Whole layers, which PyTorch computes at once: rows of keys by queries, and values by as many weights as places.
    _aten._native_multi_head_attention: lambda x, keys, *_: growth.products(max(keys.shape[1:])),
    _aten._scaled_dot_product_flash_attention_for_cpu: lambda x, keys, *_: growth.products(max(keys.shape[2:])),
}
"""The operations that sum what is no product, and how many roundings each result goes through."""

_PRODUCTS: Mapping[Any, Callable[..., tuple[int, int, int]]] = {
    _aten.convolution: _convolution,
    _aten.mm: lambda a, b: (a.shape[-1], 1, 1),
    _aten.bmm: lambda a, b: (a.shape[-1], 1, 2),
    _aten.addmm: lambda bias, a, b: (a.shape[-1], 2, 1),
}
"""The sums of products: their terms, the place of the weight, and the axis of it along which the filters lie.

The weight stays as it is: noise on the other factor does the same, on far fewer numbers.
"""

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
