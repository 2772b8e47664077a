"""A step in PyTorch, neutrally: names and arguments, not text. The backend renders it as source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NONE: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class TorchModule:
    """An ``nn.Module`` made once and called on the step's inputs: ``nn.Conv2d(1, 6, 3)``.

    Arguments are plain values: int, float, bool, str, None, and tuples of them.
    """

    name: str
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=lambda: _NONE)


@dataclass(frozen=True)
class Value:
    """Stands for the step's input ``index`` among the arguments of a call."""

    index: int = 0


@dataclass(frozen=True)
class Own:
    """Stands for the step's own parameter ``name`` among the arguments of a call."""

    name: str


@dataclass(frozen=True)
class SizeOf:
    """Stands for the size of axis ``axis`` of the step's input ``index``, as it is when the network runs."""

    axis: int
    index: int = 0


@dataclass(frozen=True)
class TorchCall:
    """A function without state: ``F.max_pool2d(x, 2)``.

    `Value`, `Own`, `SizeOf`, another call, and tuples of these may be arguments: ``torch.add(torch.add(x, y), z)``.
    """

    name: str
    args: tuple[object, ...] = (Value(),)
    kwargs: Mapping[str, object] = field(default_factory=lambda: _NONE)
