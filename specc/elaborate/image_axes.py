"""Images without a batch, without channels, or with the channels last: what the axes of an input may have been meant
to be.

``[3, 32, 32]`` is a batch of three here, of 32 channels and 32 places. That fits into many networks, so it is told
where nothing else is likely, and where a step refuses what it would take with one axis more.
"""

from __future__ import annotations

from specc.elaborate.values import Signal
from specc.ir.op import Op, Refusal
from specc.ir.size import Dim
from specc.ir.terms import Unwieldy
from specc.ir.types import TensorType

_NAMES = frozenset((("h", "w"), ("height", "width"), ("h", "h"), ("size", "size")))
_SMALLEST = 8
"""The smallest image that anybody takes for one: less is a signal of few channels."""
_OF_COLOUR = (3, 4)
"""Numbers of channels that hardly anybody has as a batch."""


def without_batch(value: TensorType) -> str:
    """``[N, 3, 32, 32]`` for what reads as an image without its batch, ``[3, 32, 32]``; empty for anything else."""
    if (
        value.rank != 3
        or value.batch not in (1, *_OF_COLOUR)
        or not _is_image(*value.sample, colour=value.batch in _OF_COLOUR)
    ):
        return ""
    return f"[N, {', '.join(map(str, value.shape))}]"


def channels_last(value: TensorType) -> str:
    """``[N, 3, 32, 32]`` for an image whose channels come last, with its batch or without; empty for anything else."""
    has_batch = value.rank == 4
    sizes = value.sample if has_batch else value.shape if isinstance(value.batch, int) else ()
    if len(sizes) != 3 or sizes[2] not in (1, 3) or not _is_image(sizes[0], sizes[1], colour=False):
        return ""
    return f"[{value.batch if has_batch else 'N'}, {sizes[2]}, {sizes[0]}, {sizes[1]}]"


def _is_image(height: Dim, width: Dim, *, colour: bool) -> bool:
    if isinstance(height, int) and isinstance(width, int):
        return min(height, width) >= _SMALLEST and (height == width or (colour and min(height, width) >= 4 * _SMALLEST))
    return (str(height).lower(), str(width).lower()) in _NAMES


def missing_axis(op: Op, inputs: tuple[TensorType, ...], source: Signal | None) -> tuple[str, ...]:
    """What is said where a step refuses a value that it takes with one axis more: the model's input may lack it.

    Args:
        source: that input, if the value comes from one.
    """
    if source is None or source.type is None or len(inputs) != 1 or inputs[0].rank not in (2, 3):
        return ()
    (value,), entry = inputs, source.type
    if value is entry and entry.rank == 2 and isinstance(entry.batch, int):
        is_square = entry.batch == entry.sample[0] and _is_image(entry.batch, entry.batch, colour=False)
        is_meant = is_square or not _takes(op, TensorType(1, (1, *entry.sample)))  # a kernel of two axes takes no row
        help_ = f"an image of one channel is [N, 1, {_listed(entry.shape)}]"
        return (help_,) if is_meant and _takes(op, TensorType(1, (1, *entry.shape))) else ()
    if entry.rank != 3 or value.rank != 3:
        return ()
    if isinstance(entry.batch, int):
        wider = TensorType(1, value.shape)
        meant = image(entry.batch, f"[N, {_listed(entry.shape)}]")
        what = f"the first axis is the batch, here {entry.batch}: {meant}"
    else:
        wider = TensorType(entry.batch, (1, *value.sample))
        what = (
            f"the second axis is that of the channels: an image of one is [{entry.batch}, 1, {_listed(entry.sample)}]"
        )
    return (what,) if _takes(op, wider) else ()


def _takes(op: Op, value: TensorType) -> bool:
    try:
        op.infer(value)
    except (Refusal, Unwieldy):
        return False
    return True


def _listed(sizes: tuple[Dim, ...]) -> str:
    return ", ".join(map(str, sizes))


def of_input(source: Signal | None) -> tuple[str, ...]:
    """What is said of an input that reads as an image without its batch, or with its channels last, as helps."""
    if source is None or source.type is None:
        return ()
    if meant := without_batch(source.type):
        return (f"the first axis is the batch, here {source.type.batch}: {image(source.type.batch, meant)}",)
    if meant := channels_last(source.type):
        return (f"channels come before the places: {image(source.type.sample[-1], meant)}",)
    return ()


def image(channels: Dim, shape: str) -> str:
    """``an image of 3 channels is [N, 3, 32, 32]``"""
    return f"an image of {channels} channel{'' if channels == 1 else 's'} is {shape}"
