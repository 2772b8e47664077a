"""Kernels, strides and padding of the nodes whose windows slide, as the language writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from specc.importing.building import plain
from specc.importing.from_onnx.call import NodeReader
from specc.importing.program import Unsayable
from specc.ir.types import TensorType


class Window(NamedTuple):
    """One entry for each spatial axis.

    Attributes:
        before, after: places of padding.
        auto_pad: ``NOTSET``, where these say it; ``SAME_UPPER`` or ``SAME_LOWER``, where the sizes do.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    auto_pad: str = "NOTSET"

    @property
    def is_same(self) -> bool:
        return self.auto_pad in ("SAME_UPPER", "SAME_LOWER")

    @property
    def padding(self) -> Any:
        """As the attribute of an operator: a number, one for each axis, or a pair for each."""
        return "same_upper" if self.auto_pad == "SAME_UPPER" else padding(self.before, self.after)


def window(call: NodeReader, x: TensorType, kernel: Sequence[int] | None = None) -> Window:
    """The window of a node over ``x``; ``kernel`` is that of its weights.

    Raises:
        Unsayable: its numbers do not belong together.
    """
    axes = len(x.spatial)
    if not axes:
        raise Unsayable(f"it slides over {x}, which has no places")
    said = call.attribute("kernel_shape", tuple(kernel or ()))
    if kernel is not None and tuple(kernel) != said:
        raise Unsayable(f"its kernel_shape is {list(said)}, and its weights have {list(kernel)}")
    stride, dilation = call.attribute("strides", (1,) * axes), call.attribute("dilations", (1,) * axes)
    auto_pad, pads = call.attribute("auto_pad", "NOTSET"), call.attribute("pads", (0,) * (2 * axes))
    if len(said) != axes or len(stride) != axes or len(dilation) != axes or len(pads) != 2 * axes:
        raise Unsayable(f"its kernel, strides, dilations or pads are not those of the {axes} spatial axes of {x}")
    if auto_pad not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", ""):
        raise Unsayable(f"auto_pad = {auto_pad} is none of ONNX")
    if auto_pad in ("VALID", ""):
        auto_pad, pads = "NOTSET", pads if auto_pad == "" else (0,) * (2 * axes)
    if min((*said, *stride, *dilation)) < 1 or min(pads) < 0:
        raise Unsayable("its kernel, strides or dilations are below 1, or its pads below 0")
    whole = Window(said, stride, dilation, pads[:axes], pads[axes:], auto_pad)
    return _resolved(whole, x) if whole.is_same else whole


def _resolved(whole: Window, x: TensorType) -> Window:
    """Padding that the sizes say, as numbers where that is all there is to it: a stride of 1, or SAME_LOWER."""
    before, after = [], []
    for n, k, s, d in zip(x.spatial, whole.kernel, whole.stride, whole.dilation, strict=True):
        reach = d * (k - 1) + 1
        if s == 1:
            total = reach - 1
        elif isinstance(n, int):
            total = max(0, (-(-n // s) - 1) * s + reach - n)
        elif whole.auto_pad == "SAME_UPPER":
            return whole
        else:
            raise Unsayable("auto_pad = SAME_LOWER with a stride depends on symbolic sizes")
        less, more = total // 2, total - total // 2
        before.append(less if whole.auto_pad == "SAME_UPPER" else more)
        after.append(more if whole.auto_pad == "SAME_UPPER" else less)
    if whole.auto_pad == "SAME_UPPER" and before != after:
        return whole
    return whole._replace(before=tuple(before), after=tuple(after), auto_pad="NOTSET")


def padding(before: Sequence[int], after: Sequence[int]) -> Any:
    """A number where all are alike, one for each axis where both sides are, or a pair for each axis."""
    if tuple(before) == tuple(after):
        return plain(before)
    return tuple(zip(before, after, strict=True))


def options(**arguments: Any) -> dict[str, Any]:
    """Without those that are the usual default: a stride or dilation of 1, no padding, one group."""
    usual = {"stride": 1, "dilation": 1, "groups": 1, "padding": 0, "output_padding": 0}
    return {name: value for name, value in arguments.items() if value != usual.get(name, object())}
