"""A step in PyTorch, neutrally: names and arguments, not text. The backend renders it as source."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from specc.ir.record import Record

_NONE: Mapping[str, object] = MappingProxyType({})


class TorchModule(Record):
    """An ``nn.Module`` made once and called on the step's inputs: ``nn.Conv2d(1, 6, 3)``.

    Arguments are plain values: int, float, bool, str, None, and tuples of them. ``note`` says why it is this layer,
    where its name does not.
    """

    __slots__ = __match_args__ = ("name", "args", "kwargs", "note")

    def __init__(
        self, name: str, args: tuple[object, ...] = (), kwargs: Mapping[str, object] = _NONE, note: str = ""
    ) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
        self.note = note


class Value(Record):
    """Stands for the step's input ``index`` among the arguments of a call."""

    __slots__ = __match_args__ = ("index",)

    def __init__(self, index: int = 0) -> None:
        self.index = index


class Own(Record):
    """Stands for the step's own parameter ``name`` among the arguments of a call."""

    __slots__ = __match_args__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class SizeOf(Record):
    """Stands for the size of axis ``axis`` of the step's input ``index``, as it is when the network runs."""

    __slots__ = __match_args__ = ("axis", "index")

    def __init__(self, axis: int, index: int = 0) -> None:
        self.axis = axis
        self.index = index


class TorchCall(Record):
    """A function without state: ``F.max_pool2d(x, 2)``.

    `Value`, `Own`, `SizeOf`, another call, and tuples of these may be arguments: ``torch.add(torch.add(x, y), z)``.
    """

    __slots__ = __match_args__ = ("name", "args", "kwargs")

    def __init__(self, name: str, args: tuple[object, ...] = (Value(),), kwargs: Mapping[str, object] = _NONE) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs
