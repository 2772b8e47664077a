"""How an operator writes a step for PyTorch and for ONNX, without either of them: the backends render it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from specc.ir.record import Record

# ---- PyTorch: names and arguments, which the backend renders as source ------------------------------------------

_NONE: Mapping[str, object] = MappingProxyType({})


class ModuleCall(Record):
    """How a module is called, where that is not just on the step's inputs: ``self.conv1(F.pad(x, (0, 1, 0, 1)))``.

    Attributes:
        args: what the arguments of a `TorchCall` may be.
        kwargs: plain values.
        item: of several results, the place of the one that is the step's.
    """

    args: tuple[object, ...]
    kwargs: Mapping[str, object] = _NONE
    item: int | None = None


class TorchModule(Record):
    """An ``nn.Module`` made once and called on the step's inputs: ``nn.Conv2d(1, 6, 3)``.

    Arguments are plain values: int, float, bool, str, None, and tuples of them; or modules, of ``nn.Sequential``.
    ``note`` says why it is this layer, where its name does not. ``call`` is how it is called, where that is not on the
    inputs themselves; ``then`` is what is made of what it gives, its `Value`.
    """

    name: str
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = _NONE
    note: str = ""
    call: ModuleCall | None = None
    then: TorchCall | None = None

    @property
    def made(self) -> TorchModule:
        """What is made, however it is called."""
        return TorchModule(self.name, self.args, self.kwargs, self.note)


class Value(Record):
    """The step's input ``index``, as an argument of a call."""

    index: int = 0


class Own(Record):
    """The step's own parameter ``name``, as an argument of a call."""

    name: str


class SizeOf(Record):
    """The size of axis ``axis`` of the step's input ``index`` when the network runs, as an argument of a call."""

    axis: int
    index: int = 0


class SpatialSizesOf(Record):
    """The sizes of the step's input ``index`` behind its channels when the network runs: ``y.shape[2:]``."""

    index: int = 0


class SizeFormula(Record):
    """Whole numbers and sizes with ``operator`` between them: ``(y.size(2) - x.size(2)) // 2``.

    ``+``, ``-``, ``*``, ``//`` (which rounds down) and ``%`` are taken from left to right. `SizeOf` and other formulas
    are operands.
    """

    operator: str
    operands: tuple[object, ...]


class Numbers(Record):
    """Constants as a tensor like the step's first input, as an argument of a call.

    Attributes:
        values: they lie along an axis.
        behind: so many axes of size 1 are behind it.
    """

    values: tuple[float, ...]
    behind: int = 0


class TorchCall(Record):
    """A function without state: ``F.max_pool2d(x, 2)``.

    `Value`, `Own`, `SizeOf`, `SpatialSizesOf`, `SizeFormula`, `Numbers`, another call, and tuples of these may be
    arguments: ``torch.add(torch.add(x, y), z)``.
    """

    name: str
    args: tuple[object, ...] = (Value(),)
    kwargs: Mapping[str, object] = _NONE


# ---- ONNX: nodes -------------------------------------------------------------------------------------------------

DEFAULT_OPSET, NEWEST_OPSET = 18, 23
"""The default opset, and the newest of which the tests prove every node."""

FLOAT, INT64 = 1, 7
"""What ONNX calls these types, in the attribute of a ``Cast``."""

Ref = str
"""The name of a value in the ONNX graph."""

Nested = int | float | Sequence["Nested"]


class Builder(Protocol):
    """Collects the nodes of one step. The ONNX backend implements it."""

    def node(self, op_type: str, *inputs: Ref, **attributes: object) -> Ref:
        """Add a node with one output and return it. ``""`` is an input left out.

        Attributes carry ONNX's own names; int, float, str and flat lists of them.
        """

    def parameter(self, name: str, shape: tuple[int, ...] | None = None) -> Ref:
        """The step's own `Parameter`; with ``shape``, the same elements in that shape.

        The file has a tensor once, in the shape that its first step uses; others that share it get it reshaped.
        """

    def floats(self, values: Nested) -> Ref:
        """A float32 constant; a number gives a scalar, nested sequences a tensor."""

    def integers(self, values: Nested) -> Ref:
        """An int64 constant."""
