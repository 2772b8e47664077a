"""Padding as ONNX nodes, for every mode of PyTorch."""

from specc.ir.onnx import Builder, Ref
from specc.ir.op import Refusal
from specc.ir.size import Dim
from specc.ir.types import TensorType, times
from specc.ops.fields import LARGEST
from specc.ops.proof import require_at_least

ONNX_MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge"}


def require_room(mode: str, x: TensorType, before: tuple[int, ...], after: tuple[int, ...]) -> None:
    """Refuses widths of ``padding`` (one for each spatial axis) that the mode cannot fill from ``x``.

    Reflection needs more elements than it mirrors; a circle cannot wrap round more than once.
    """
    if mode not in ("reflect", "circular"):
        return
    spare = 1 if mode == "reflect" else 0
    widths = tuple(map(max, before, after))
    for size, width in zip(x.spatial, widths, strict=True):
        if isinstance(size, int) and width and width + spare > size:
            raise Refusal(
                "S0104",
                f"{mode} padding of {width} is too wide for an input of {times(x.spatial)}",
                argument="padding",
                label=f"at most {size - spare} here",
                cause=0,
            )
    claim = f"{mode} padding of {max(widths, default=0)} fits into an input of {times(x.spatial)}"
    require_at_least(x.spatial, (w + spare if w else 0 for w in widths), claim, argument="padding")


def pad(
    build: Builder,
    x: Ref,
    shape: tuple[Dim, ...],
    before: tuple[int, ...],
    after: tuple[int, ...],
    *,
    mode: str,
    value: float = 0.0,
) -> Ref:
    """Pad the sample axes of ``x`` (sample shape ``shape``, one entry of ``before`` and ``after`` each).

    ONNX's "wrap" needs opset 19, so "circular" is written as slices joined end to end.
    """
    if mode == "circular":
        for axis, (size, left, right) in enumerate(zip(shape, before, after, strict=True), start=1):
            x = _wrap(build, x, axis, size, (left, right))
        return x
    if ONNX_MODES[mode] != "constant":
        return build.node("Pad", x, build.integers([0, *before, 0, *after]), mode=ONNX_MODES[mode])
    # The padded axes are listed first. In the usual order ONNX Runtime's optimiser folds zeros into a pool
    # behind them: a max pool then pads with -inf instead, and pads as wide as the kernel do not load at all.
    widths = ((0, 0), *zip(before, after, strict=True))
    axes = sorted(range(len(widths)), key=lambda axis: widths[axis] == (0, 0))
    pads = [widths[axis][0] for axis in axes] + [widths[axis][1] for axis in axes]
    filler = build.floats(value) if value else ""
    return build.node("Pad", x, build.integers(pads), filler, build.integers(axes), mode="constant")


def _wrap(build: Builder, x: Ref, axis: int, size: Dim, widths: tuple[int, int]) -> Ref:
    left, right = widths
    parts = [x]
    if left:
        places = (size - left, size) if isinstance(size, int) else (-left, LARGEST)
        parts.insert(0, slice_axis(build, x, axis, *places))
    if right:
        parts.append(slice_axis(build, x, axis, 0, right))
    return build.node("Concat", *parts, axis=axis) if len(parts) > 1 else x


def slice_axis(build: Builder, x: Ref, axis: int, start: int, stop: int, step: int = 1) -> Ref:
    """``x[start:stop:step]`` along one axis; negative places count from the end, a stop of ``LARGEST`` is the end."""
    steps = () if step == 1 else (build.integers([step]),)
    return build.node("Slice", x, build.integers([start]), build.integers([stop]), build.integers([axis]), *steps)
