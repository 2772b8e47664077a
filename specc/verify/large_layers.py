"""Linear layers of many weights in another precision, or in absolute values, a few rows at a time.

A second copy of VGG16's first one takes 0.8 GB in float64, and longer to be made room for than to be computed with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LARGE = 2**22
"""Weights from which on a layer is taken in slices."""

SLICE = 2**20
"""Weights of a slice: as many as stay in a processor's cache, and in memory that is there already."""


_DTYPE = cast(Any, torch.Tensor).dtype.__get__
"""The function that PyTorch calls for ``x.dtype``."""


def is_large(weight: torch.Tensor) -> bool:
    return weight.ndim == 2 and weight.numel() >= LARGE


def widen(module: nn.Module) -> nn.Module:
    """The module itself in float64, but for the weights of large linear layers, which `InSlices` widens."""
    large = {id(part.weight) for part in module.modules() if isinstance(part, nn.Linear) and is_large(part.weight)}
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point() and id(tensor) not in large:
            tensor.data = tensor.data.double()
    return module


class InSlices(TorchFunctionMode):
    """Large linear layers take their weights in the precision of their input, and in absolute values where asked.

    Where not, the module around them is in float64, and so they say that they are.
    """

    def __init__(self, *, absolute: bool = False) -> None:
        super().__init__()
        self._absolute = absolute

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func == _DTYPE and not self._absolute and is_large(args[0]):
            return torch.float64  # bytes are cast to the type of the first weight, which may be such a one
        if func is not functional.linear or not is_large(args[1]):
            return func(*args, **(kwargs or {}))
        x, weight, bias = args
        if x.dtype == weight.dtype and not self._absolute:
            return func(*args)
        parts = []
        for rows in weight.split(max(1, SLICE // weight.shape[1])):
            wide = rows.to(x.dtype)
            parts.append(functional.linear(x, wide.abs() if self._absolute else wide))
        result = torch.cat(parts, -1)
        return result if bias is None else result + bias
