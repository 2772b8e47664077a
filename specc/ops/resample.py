"""Resampling: more or fewer places by interpolation, or by moving elements between channels and places."""

from fractions import Fraction
from functools import partial, reduce
from math import floor
from struct import pack, unpack
from typing import Annotated, Literal

from pydantic import Field

from specc.ir.onnx import Builder, Nested, Ref
from specc.ir.op import Refusal, Weightless
from specc.ir.torch import TorchCall, Value
from specc.ir.types import TensorType, times
from specc.ir.window import Pointwise, Sliding
from specc.ops.fields import LARGEST, Expect, Flag, Positive, Positives
from specc.ops.registry import register
from specc.ops.shapes import AXIS_NAMES, per_axis, require_divides, require_spatial, tried

_Factor = Annotated[float, Field(gt=0, le=LARGEST)]
Factors = Annotated[
    _Factor | tuple[_Factor, ...],
    Expect("numbers above 0 (and below 2^31): one for every axis, or a list of one for each"),
]
Mode = Annotated[
    Literal["nearest", "linear", "bilinear", "trilinear", "bicubic"],
    Expect('one of "nearest", "linear", "bilinear", "trilinear", "bicubic"'),
]

_RANK = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
_FARTHEST = 2**22
"""Places on an axis up to which float32 coordinates tell halves apart."""
_SEEN = {"nearest": 1, "bicubic": 4}


@register
class Upsample(Weightless):
    """Interpolation to ``size``, or by ``scale_factor`` (which may shrink too): torch.nn.Upsample."""

    kind = "upsample"

    size: Positives | None = None
    scale_factor: Factors | None = None
    mode: Mode = "nearest"
    align_corners: Flag | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axes = require_spatial(self, x)
        self._check_arguments()
        if _RANK.get(self.mode, axes) != axes:
            fits = tried(self, {"mode": _LINEAR[axes]}, x)
            raise Refusal(
                "S0305",
                f'mode="{self.mode}" is for {_RANK[self.mode]} spatial '
                f"{'axis' if _RANK[self.mode] == 1 else 'axes'}, and the input of upsample has {axes}",
                argument="mode",
                cause=0,
                helps=(fits,) if fits else (),
            )
        out = self._sizes(x)
        if min(out) < 1:
            axis = out.index(min(out))
            factor = self._factors(axes)[axis]
            raise Refusal(
                "S0100",
                f"scale_factor = {factor} leaves nothing of {x.spatial[axis]} places",
                argument="scale_factor",
                cause=0,
                label=f"floor({x.spatial[axis]}*{factor}) = {out[axis]}",
            )
        if max(*out, *x.spatial) > _FARTHEST:
            raise Refusal(
                "S0601",
                f"upsample from {times(x.spatial)} to {times(out)} is beyond float32",
                label=f"at most {_FARTHEST} places on an axis",
                notes=("coordinates are float32",),
            )
        if self.mode == "nearest":
            self._check_unambiguous(x, out)
        return x.with_sample(x.channels, *out)

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        out = self._sizes(x)
        stride = tuple(map(Fraction, x.spatial, out))
        kernel = tuple(
            1 if n == o and self.mode != "bicubic" else _SEEN.get(self.mode, 2)
            for n, o in zip(x.spatial, out, strict=True)
        )
        return Sliding(kernel, stride, (1,) * len(out))

    def torch(self, *inputs: TensorType) -> TorchCall:
        options = self.non_default("size", "scale_factor", "mode", "align_corners")
        return TorchCall("F.interpolate", (Value(),), options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        return self._nearest(build, values[0], x) if self.mode == "nearest" else self._smooth(build, values[0], x)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        if self.scale_factor is None:
            return ()
        names = AXIS_NAMES[len(x.spatial)]
        return tuple(
            f"{name}: floor({n}*{factor}) = {o}"
            for name, n, factor, o in zip(names, x.spatial, self._factors(len(names)), self._sizes(x), strict=True)
        )

    def _check_arguments(self) -> None:
        if self.size is not None and self.scale_factor is not None:
            raise Refusal(
                "S0305",
                "upsample takes size or scale_factor, not both",
                argument="scale_factor",
                label="leave out one of the two",
            )
        if self.size is None and self.scale_factor is None:
            raise Refusal("S0302", "upsample needs size or scale_factor", helps=("scale_factor=2 doubles every axis",))
        if self.mode == "nearest" and self.align_corners is not None:
            raise Refusal(
                "S0305",
                'align_corners has no meaning with mode="nearest": PyTorch refuses it',
                argument="align_corners",
                label="only for the linear modes and bicubic",
            )

    def _check_unambiguous(self, x: TensorType, out: tuple[int, ...]) -> None:
        """Refuses a factor that gives n or 2n places without being 1 or 2, where that makes a difference.

        For these two sizes PyTorch has a shortcut that ignores the factor. Its kernels for 2-D take it,
        those for 1-D do not, and in 3-D it depends on the memory layout (channels last).
        """
        for n, o, factor in zip(x.spatial, out, self._factors(len(out)), strict=False):
            if o in (n, 2 * n) and _nearest_sources(n, o, factor) != [i * n // o for i in range(o)]:
                fits = tried(
                    self.model_copy(update={"scale_factor": None}), {"size": out[0] if len(set(out)) == 1 else out}, x
                )
                raise Refusal(
                    "S0305",
                    f"scale_factor = {factor} makes {o} of {n} places, where PyTorch follows the factor or ignores it, "
                    "depending on rank and memory layout",
                    argument="scale_factor",
                    label=f"floor({n}*{factor}) = {o}",
                    cause=0,
                    helps=(f"{fits}, whatever the layout",) if fits else (),
                )

    def _factors(self, axes: int) -> tuple[float, ...]:
        """``scale_factor`` per axis; empty where the size is given instead."""
        factor = self.scale_factor
        if factor is None:
            return ()
        if isinstance(factor, float):
            return (factor,) * axes
        per_axis(tuple(range(len(factor))), axes, self, "scale_factor")
        return factor

    def _sizes(self, x: TensorType) -> tuple[int, ...]:
        axes = len(x.spatial)
        if self.size is not None:
            return per_axis(self.size, axes, self, "size")
        return tuple(floor(n * factor) for n, factor in zip(x.spatial, self._factors(axes), strict=True))

    def _nearest(self, build: Builder, value: Ref, x: TensorType) -> Ref:
        """Resize where every axis grows by a whole factor; else the places are looked up.

        Resize in floating point would pick other places than PyTorch now and then (14 -> 8).
        """
        out = self._sizes(x)
        factors = self._factors(len(out)) or (None,) * len(out)
        sources = tuple(map(_nearest_sources, x.spatial, out, factors))
        ratios = [o // n for n, o in zip(x.spatial, out, strict=True)]
        if all(source == [i // r for i in range(len(source))] for source, r in zip(sources, ratios, strict=True) if r):
            whole = [r * n == o for r, n, o in zip(ratios, x.spatial, out, strict=True)]
            if all(whole):
                return build.node(
                    "Resize",
                    value,
                    "",
                    build.floats([1, 1, *ratios]),
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
        for axis, (n, source) in enumerate(zip(x.spatial, sources, strict=True), start=2):
            if source != list(range(n)):
                value = build.node("Gather", value, build.integers(source), axis=axis)
        return value

    def _smooth(self, build: Builder, value: Ref, x: TensorType) -> Ref:
        """Resize where its float32 scale is exact, as it is for whole factors; else weighted look-ups.

        An inexact scale puts places as far off as their distance from the origin times its rounding,
        also where PyTorch, which divides the other way round, is exact (seven to one, 210 -> 30).
        """
        out = self._sizes(x)
        cubic = self.mode == "bicubic"
        options: dict[str, object] = {"mode": "cubic", "cubic_coeff_a": -0.75} if cubic else {"mode": "linear"}
        if self.align_corners:
            return build.node(
                "Resize",
                value,
                "",
                "",
                build.integers(list(out)),
                axes=list(range(2, x.rank)),
                coordinate_transformation_mode="align_corners",
                **options,
            )
        factors = self._factors(len(out)) or tuple(o / n for n, o in zip(x.spatial, out, strict=True))
        # An axis that keeps its size PyTorch copies, whatever the factor; the cubic mode does not.
        factors = tuple(1.0 if n == o and not cubic else f for n, o, f in zip(x.spatial, out, factors, strict=True))
        if all(map(_is_exact, x.spatial, out, factors)):
            return build.node(
                "Resize",
                value,
                "",
                build.floats([1, 1, *factors]),
                coordinate_transformation_mode="half_pixel",
                **options,
            )
        for axis, (n, o, factor) in enumerate(zip(x.spatial, out, factors, strict=True), start=2):
            if factor != 1:
                value = _weighted(build, value, axis, x.rank, _taps(n, o, factor, cubic))
        return value


@register
class PixelShuffle(Weightless):
    """[N, C*r*r, H, W] -> [N, C, H*r, W*r]: torch.nn.PixelShuffle (Shi et al. 2016)."""

    kind = "pixelshuffle"

    upscale_factor: Positive

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x, 2)
        r = self.upscale_factor
        if x.channels % (r * r):
            raise Refusal(
                "S0103",
                f"upscale_factor = {r} takes a multiple of {r}*{r} = {r * r} channels, and the "
                f"input of pixelshuffle has {x.channels}",
                argument="upscale_factor",
                cause=0,
                label=f"{x.channels} = {x.channels // (r * r)}*{r * r} + {x.channels % (r * r)}",
            )
        height, width = x.spatial
        return x.with_sample(x.channels // (r * r), height * r, width * r)

    def window(self, *inputs: TensorType) -> Sliding:
        return Sliding((1, 1), (Fraction(1, self.upscale_factor),) * 2, (1, 1))

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.pixel_shuffle", (Value(), self.upscale_factor))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("DepthToSpace", *values, blocksize=self.upscale_factor, mode="CRD")

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        r, out = self.upscale_factor, self.infer(x)
        return (
            f"channels: {x.channels}/({r}*{r}) = {out.channels}",
            *(f"{name}: {n}*{r} = {n * r}" for name, n in zip(AXIS_NAMES[2], x.spatial, strict=True)),
        )


@register
class PixelUnshuffle(Weightless):
    """[N, C, H*r, W*r] -> [N, C*r*r, H, W]: torch.nn.PixelUnshuffle, the inverse of pixelshuffle."""

    kind = "pixelunshuffle"

    downscale_factor: Positive

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x, 2)
        r = self.downscale_factor
        height, width = x.spatial
        require_divides(self, "downscale_factor", r, height, "rows")
        require_divides(self, "downscale_factor", r, width, "columns")
        return x.with_sample(x.channels * r * r, height // r, width // r)

    def window(self, *inputs: TensorType) -> Sliding:
        r = self.downscale_factor
        return Sliding((r, r), (Fraction(r),) * 2, (1, 1))

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.pixel_unshuffle", (Value(), self.downscale_factor))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # SpaceToDepth orders its channels otherwise.
        (x,) = inputs
        r, out = self.downscale_factor, self.infer(x)
        height, width = out.spatial
        split = build.node("Reshape", values[0], build.integers([0, x.channels, height, r, width, r]))
        moved = build.node("Transpose", split, perm=[0, 1, 3, 5, 2, 4])
        return build.node("Reshape", moved, build.integers([0, *out.sample]))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        r, out = self.downscale_factor, self.infer(x)
        return (
            f"channels: {x.channels}*{r}*{r} = {out.channels}",
            *(f"{name}: {n}/{r} = {n // r}" for name, n in zip(AXIS_NAMES[2], x.spatial, strict=True)),
        )


@register
class ChannelShuffle(Weightless):
    """The channels of ``groups`` groups interleaved: torch.nn.ChannelShuffle (Zhang et al. 2018)."""

    kind = "channelshuffle"

    groups: Positive

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x)
        require_divides(self, "groups", self.groups, x.channels, "input channels")
        return x

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.channel_shuffle", (Value(), self.groups))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        each = x.channels // self.groups
        split = build.node("Reshape", values[0], build.integers([0, self.groups, each, *x.spatial]))
        moved = build.node("Transpose", split, perm=[0, 2, 1, *range(3, 3 + len(x.spatial))])
        return build.node("Reshape", moved, build.integers([0, *x.sample]))


def _float32(number: float) -> float:
    """The float32 nearest to ``number``."""
    return float(unpack("<f", pack("<f", number))[0])


def _nearest_sources(n: int, o: int, factor: float | None) -> list[int]:
    """The place that each of ``o`` places takes its value from: min(floor(i*step), n - 1).

    In float32 throughout, as PyTorch computes it for float32 tensors: rounding decides at whole numbers.
    The step is 1/factor, or n/o where the size was given.
    """
    step = _float32(n / o if factor is None else 1 / factor)
    return [min(floor(_float32(_float32(i) * step)), n - 1) for i in range(o)]


def _is_exact(n: int, o: int, factor: float) -> bool:
    """Whether Resize, which computes in float32, has this very factor and gives ``o`` places with it."""
    return _float32(factor) == factor and floor(n * factor) == o == floor(_float32(n * factor))


def _taps(n: int, o: int, factor: float, cubic: bool) -> list[tuple[list[int], list[float]]]:
    """For each tap of the interpolation, the places it reads and their weights: ``o`` of each.

    Place i lies at (i + 1/2)/factor - 1/2 of the input. Linear: two taps. Cubic (Keys 1981, a = -3/4): four.
    Places beyond the edge are the edge.
    """
    centres = [(i + 0.5) / factor - 0.5 for i in range(o)]
    if not cubic:
        centres = [max(centre, 0.0) for centre in centres]
    first = [floor(centre) for centre in centres]
    offsets = (-1, 0, 1, 2) if cubic else (0, 1)
    weight = _keys if cubic else _triangle
    return [
        (
            [min(max(place + offset, 0), n - 1) for place in first],
            [weight(abs(centre - place - offset)) for centre, place in zip(centres, first, strict=True)],
        )
        for offset in offsets
    ]


def _triangle(distance: float) -> float:
    return 1 - distance


def _keys(distance: float, a: float = -0.75) -> float:
    """Keys' cubic convolution kernel, for a distance from 0 to 2."""
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance * distance + 1
    return ((distance - 5) * distance + 8) * distance * a - 4 * a


def _weighted(build: Builder, value: Ref, axis: int, rank: int, taps: list[tuple[list[int], list[float]]]) -> Ref:
    """The sum over ``taps`` of the places of one axis times their weights."""
    terms = []
    for places, weights in taps:
        read = build.node("Gather", value, build.integers(places), axis=axis)
        column: list[Nested] = [*weights]
        for _ in range(rank - axis - 1):
            column = [[weight] for weight in column]
        terms.append(build.node("Mul", read, build.floats(column)))
    return reduce(partial(build.node, "Add"), terms)
