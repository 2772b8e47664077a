"""Resampling: more or fewer places by interpolation, or by moving elements between channels and places."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache, partial, reduce
from math import floor, frexp
from operator import mul
from typing import Annotated, Literal

from pydantic import Field

from specc.diagnostics.condition import together
from specc.diagnostics.words import listed
from specc.ir.axes import ChannelsFirst
from specc.ir.conditions import Equal, samples
from specc.ir.onnx import Builder, Nested, Ref
from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Exact, Interpolated
from specc.ir.size import Dim, Size, Symbol
from specc.ir.torch import TorchCall, Value
from specc.ir.traits import ANY, Range
from specc.ir.types import TensorType, at, times
from specc.ir.window import EACH, MOST_PHASES, Sliding, Taps, taps
from specc.ops.fields import LARGEST, Expect, Flag, Positive, float32
from specc.ops.proof import parting, require_multiples, unproven
from specc.ops.registry import register
from specc.ops.shapes import (
    AXIS_NAMES,
    as_factor,
    equation,
    numbers,
    per_axis,
    require_channels,
    require_divides,
    require_spatial,
    tried,
)

_Factor = Annotated[float, Field(gt=0, le=LARGEST)]
Factors = Annotated[
    _Factor | tuple[_Factor, ...],
    Expect("numbers above 0 (and below 2^31): one for every axis, or a list of one for each"),
]
_Size = Annotated[int, Field(ge=1, le=LARGEST)] | Size
Sizes = Annotated[
    _Size | tuple[_Size, ...],
    Expect("whole numbers of at least 1 (and below 2^31): one for every axis, or a list of one for each"),
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
_PERIODS = 16
"""Places of the input on which the rounding of a whole factor is tried: it is coarsest at the first ones."""
_LARGEST_FACTOR = 1024
"""Denominator up to which a factor is taken for the fraction that it stands for: 0.3333333333333333 for a third."""
_LARGE = 24
"""The sample of a symbol at which formulas are nearly in proportion."""


@register
class Upsample(Weightless):
    """Interpolation to ``size``, or by ``scale_factor`` (which may shrink too): torch.nn.Upsample."""

    kind = "upsample"

    size: Sizes | None = None
    scale_factor: Factors | None = None
    mode: Mode = "nearest"
    align_corners: Flag | None = None

    @classmethod
    def instead(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        match name, values.get(name):
            case "mode", "area":
                size = values.get("size")
                written = str(list(size) if isinstance(size, tuple) else size) if size else "[…]"
                return (f'over fixed sizes, mode="area" is adaptiveavgpool({written}), in PyTorch too',)
            case "mode", "nearest-exact":
                return ('mode="nearest" is the same where every axis grows by a whole factor',)
            case "antialias", _:
                return ("antialiasing is not supported; avgpool(n) shrinks by a whole factor and reads every place",)
        return ()

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
        if not self._is_fixed(x):
            return x.with_sample(x.sample[0], *map(mul, x.spatial, self._whole_factors(x)))
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
        if max(*out, *numbers(x.spatial)) > _FARTHEST:
            raise Refusal(
                "S0601",
                f"upsample from {times(x.spatial)} to {times(out)} is beyond float32",
                label=f"at most {_FARTHEST} places on an axis",
                notes=("coordinates are float32",),
            )
        if self.mode == "nearest":
            self._check_unambiguous(x, out)
        return x.with_sample(x.sample[0], *out)

    def axes(self, *inputs: TensorType) -> ChannelsFirst:
        return ChannelsFirst()

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        out = self._sizes(x)
        axes = zip(numbers(x.spatial), out, self._factors(len(out)) or (None,) * len(out), strict=True)
        return Sliding((EACH, *(_upsample_taps(n, o, f, self.mode, bool(self.align_corners)) for n, o, f in axes)))

    def identity(self, *inputs: TensorType) -> str | None:
        """By factors alone; the cubic mode weighs neighbours by 0, which makes NaN of infinite ones."""
        factors = self._factors(len(inputs[0].spatial))
        is_one = bool(factors) and all(factor == 1 for factor in factors)
        return "as many places as before" if is_one and self.mode != "bicubic" else None

    def selects(self, *inputs: TensorType) -> bool:
        return self.mode == "nearest"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, taken: tuple[Range, ...], *inputs: TensorType) -> Range:
        if self.selects(*inputs) or self.identity(*inputs):
            return taken[0]
        return ANY if self.mode == "bicubic" else taken[0].signs  # some of the cubic weights are below 0

    def rounding(self, *inputs: TensorType) -> Exact | Interpolated:
        if self.mode == "nearest":
            return Exact()
        return Interpolated(_SEEN.get(self.mode, 2), self._has_exact_places(inputs[0]))

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        options = self.non_default("mode", "align_corners")
        if self._is_fixed(x):
            return TorchCall("F.interpolate", (Value(),), self.non_default("size", "scale_factor") | options)
        # A size that depends on others is the factor that it always is: the source serves every size.
        factors = self._whole_factors(x)
        factor = float(factors[0]) if len(set(factors)) == 1 else tuple(map(float, factors))
        return TorchCall("F.interpolate", (Value(),), {"scale_factor": factor} | options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        if not self._is_fixed(x):
            return self._enlarged(build, values[0], self._whole_factors(x))
        return self._nearest(build, values[0], x) if self.mode == "nearest" else self._smooth(build, values[0], x)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        if self.scale_factor is None:
            return ()
        names, out = AXIS_NAMES[len(x.spatial)], self.infer(x).spatial
        return tuple(
            f"{name}: floor({as_factor(n)}*{factor}) = {o}"
            for name, n, factor, o in zip(names, x.spatial, self._factors(len(names)), out, strict=True)
        )

    def _is_fixed(self, x: TensorType) -> bool:
        """Whether every size is a number: those of the input, and those that are asked for."""
        asked = self.size if isinstance(self.size, tuple) else (self.size,)
        return not any(isinstance(size, Size) for size in (*x.spatial, *asked))

    def _has_exact_places(self, x: TensorType) -> bool:
        """Whether the factor of every axis is a power of two: (i + 1/2)/factor - 1/2 is then a float32."""
        if self.align_corners:
            return False
        if not self._is_fixed(x):
            return all(frexp(factor)[0] == 0.5 for factor in self._whole_factors(x))
        sizes = zip(numbers(x.spatial), self._sizes(x), strict=True)
        factors = self._factors(len(x.spatial)) or tuple(o / n for n, o in sizes)
        return all(frexp(factor)[0] == 0.5 for factor in factors)

    def _whole_factors(self, x: TensorType) -> tuple[int, ...]:
        """How many times the places of each axis, whatever its size; refuses what is no whole factor."""
        axes = len(x.spatial)
        if self.size is None:
            return tuple(map(self._whole_factor, self._factors(axes)))
        pairs = tuple(zip(per_axis(self.size, axes, self, "size"), x.spatial, strict=True))
        factors = tuple(_ratio(o, n) for o, n in pairs)
        off = [Equal(o, n * r) for (o, n), r in zip(pairs, factors, strict=True) if o != n * r]
        if off:
            raise self._no_factor(x, tuple(o for o, _ in pairs), factors, off)
        for r in factors:
            self._check_representable(r)
        return factors

    def _no_factor(self, x: TensorType, out: tuple[Dim, ...], factors: tuple[int, ...], off: list[Equal]) -> Refusal:
        """Of a size that is not ``factors`` times the input at every size: of ``off`` nothing is proven."""
        given = f"size = {times(out)}"
        examples = tuple(f"{a} and {b}; {example}" for a, b in off if (example := parting(a, b)))
        condition = together(equal.condition() for equal in off)
        possible = condition is not None and condition.is_general
        if len(examples) == len(off) and not possible:
            # At large sizes no other factors would be right, and somewhere these are wrong: there are none.
            names = dict.fromkeys(symbol.name for size in (*x.spatial, *out) for symbol in _symbols(size))
            numbers_for = f"{'a number' if len(names) == 1 else 'numbers'} for {listed(names)}"
            return Refusal(
                "S0108",
                f"{given} is not the same whole factor times {times(x.spatial)} at every size",
                argument="size",
                label="with symbolic sizes, upsample takes only whole factors that serve every size",
                cause=0,
                helps=(f"with {numbers_for} in the contract, upsample takes any size",),
            )
        return unproven(
            f"{given} is {times(factors)} times {times(x.spatial)}",
            off if possible else (),
            necessary=False,  # as numbers, other sizes would do as well
            argument="size",
            label="with symbolic sizes, upsample takes only whole factors that serve every size",
            notes=examples,
            helps=("scale_factor takes a whole factor, which serves every size",),
        )

    def _whole_factor(self, factor: float) -> int:
        if not factor.is_integer():
            raise Refusal(
                "S0108",
                f"scale_factor = {factor} is no whole number, and a size of the input is symbolic",
                argument="scale_factor",
                cause=0,
                label="which places are read depends on the size",
                helps=("a whole factor serves every size",),
            )
        self._check_representable(int(factor))
        return int(factor)

    def _check_representable(self, factor: int) -> None:
        """Refuses a factor whose places PyTorch, which multiplies by 1/factor in float32, finds elsewhere."""
        places = (q * factor + r for q in range(_PERIODS) for r in (0, factor - 1))
        if float32(factor) == factor and (
            self.mode != "nearest" or all(_source(i, float32(1 / factor)) == i // factor for i in places)
        ):
            return
        raise Refusal(
            "S0108",
            f"1/{factor}, rounded in float32, makes PyTorch read other places than upsample by {factor} means",
            argument="size" if self.scale_factor is None else "scale_factor",
            cause=0,
            label="refused where a size of the input is symbolic",
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
        for n, o, factor in zip(numbers(x.spatial), out, self._factors(len(out)), strict=False):
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
        """The sizes of the result where all sizes are numbers."""
        axes = len(x.spatial)
        if self.size is not None:
            return numbers(per_axis(self.size, axes, self, "size"))
        return tuple(floor(n * factor) for n, factor in zip(numbers(x.spatial), self._factors(axes), strict=True))

    def _enlarged(self, build: Builder, value: Ref, factors: tuple[int, ...]) -> Ref:
        """Resize by whole factors: of any size."""
        options: dict[str, object] = {"mode": "nearest", "nearest_mode": "floor"}
        if self.mode != "nearest":
            options = {"mode": "cubic", "cubic_coeff_a": -0.75} if self.mode == "bicubic" else {"mode": "linear"}
        places = "align_corners" if self.align_corners else "half_pixel"
        if self.mode == "nearest":
            places = "asymmetric"
        scales = build.floats([1, 1, *factors])
        return build.node("Resize", value, "", scales, coordinate_transformation_mode=places, **options)

    def _nearest(self, build: Builder, value: Ref, x: TensorType) -> Ref:
        """Resize where every axis grows by a whole factor; else the places are looked up.

        Resize in floating point would pick other places than PyTorch now and then (14 -> 8).
        """
        places, out = numbers(x.spatial), self._sizes(x)
        factors = self._factors(len(out)) or (None,) * len(out)
        sources = tuple(map(_nearest_sources, places, out, factors))
        ratios = tuple(o // n for n, o in zip(places, out, strict=True))
        if all(source == [i // r for i in range(len(source))] for source, r in zip(sources, ratios, strict=True) if r):
            whole = [r * n == o for r, n, o in zip(ratios, places, out, strict=True)]
            if all(whole):
                return self._enlarged(build, value, ratios)
        for axis, (n, source) in enumerate(zip(places, sources, strict=True), start=2):
            if source != list(range(n)):
                value = build.node("Gather", value, build.integers(source), axis=axis)
        return value

    def _smooth(self, build: Builder, value: Ref, x: TensorType) -> Ref:
        """Resize where its float32 scale is exact, as it is for whole factors; else weighted look-ups.

        An inexact scale puts places as far off as their distance from the origin times its rounding,
        also where PyTorch, which divides the other way round, is exact (seven to one, 210 -> 30).
        """
        places, out = numbers(x.spatial), self._sizes(x)
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
        factors = self._factors(len(out)) or tuple(o / n for n, o in zip(places, out, strict=True))
        # An axis that keeps its size PyTorch copies, whatever the factor; the cubic mode does not.
        factors = tuple(1.0 if n == o and not cubic else f for n, o, f in zip(places, out, factors, strict=True))
        if all(map(_is_exact, places, out, factors)):
            return build.node(
                "Resize",
                value,
                "",
                build.floats([1, 1, *factors]),
                coordinate_transformation_mode="half_pixel",
                **options,
            )
        for axis, (n, o, factor) in enumerate(zip(places, out, factors, strict=True), start=2):
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
        r, channels = self.upscale_factor, require_channels(self, x)
        if channels % (r * r):
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

    def axes(self, *inputs: TensorType) -> ChannelsFirst:
        return ChannelsFirst()

    def window(self, *inputs: TensorType) -> Sliding:
        r = self.upscale_factor
        each = Taps(1, (range(1),) * r) if r <= MOST_PHASES else None
        return Sliding((None, each, each))

    def identity(self, *inputs: TensorType) -> str | None:
        return "there is nothing to move by a factor of 1" if self.upscale_factor == 1 else None

    def selects(self, *inputs: TensorType) -> bool:
        return True

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.pixel_shuffle", (Value(), self.upscale_factor))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("DepthToSpace", *values, blocksize=self.upscale_factor, mode="CRD")

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        r, out = self.upscale_factor, self.infer(x)
        return (
            f"channels: {x.channels}/({r}*{r}) = {out.channels}",
            *(f"{name}: {as_factor(n)}*{r} = {n * r}" for name, n in zip(AXIS_NAMES[2], x.spatial, strict=True)),
        )


@register
class PixelUnshuffle(Weightless):
    """[N, C, H*r, W*r] -> [N, C*r*r, H, W]: torch.nn.PixelUnshuffle, the inverse of pixelshuffle."""

    kind = "pixelunshuffle"

    downscale_factor: Positive

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x, 2)
        r, channels = self.downscale_factor, require_channels(self, x)
        height, width = x.spatial
        for size, what in ((height, "rows"), (width, "columns")):
            if isinstance(size, int):
                require_divides(self, "downscale_factor", r, size, what)
        claim = f"downscale_factor = {r} divides {times(x.spatial)}"
        require_multiples(x.spatial, r, claim, argument="downscale_factor")
        return x.with_sample(channels * r * r, height // r, width // r)

    def axes(self, *inputs: TensorType) -> ChannelsFirst:
        return ChannelsFirst()

    def window(self, *inputs: TensorType) -> Sliding:
        r = self.downscale_factor
        return Sliding((None, taps(r, stride=r), taps(r, stride=r)))

    def identity(self, *inputs: TensorType) -> str | None:
        return "there is nothing to move by a factor of 1" if self.downscale_factor == 1 else None

    def selects(self, *inputs: TensorType) -> bool:
        return True

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.pixel_unshuffle", (Value(), self.downscale_factor))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        r, out = self.downscale_factor, self.infer(x)
        if not x.is_fixed:
            # ONNX counts the channels last, PyTorch first: place s of channel c is s*C + c and c*r*r + s.
            order = [s * x.channels + c for c in range(x.channels) for s in range(r * r)]
            return build.node("Gather", build.node("SpaceToDepth", *values, blocksize=r), build.integers(order), axis=1)
        height, width = numbers(out.spatial)
        split = build.node("Reshape", values[0], build.integers([0, x.channels, height, r, width, r]))
        moved = build.node("Transpose", split, perm=[0, 1, 3, 5, 2, 4])
        return build.node("Reshape", moved, build.integers([0, *numbers(out.sample)]))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        r, out = self.downscale_factor, self.infer(x)
        return (
            f"channels: {x.channels}*{r}*{r} = {out.channels}",
            *(
                f"{name}: {equation(f'{as_factor(n)}/{r}', n // r)}"
                for name, n in zip(AXIS_NAMES[2], x.spatial, strict=True)
            ),
        )


@register
class ChannelShuffle(Weightless):
    """The channels of ``groups`` groups interleaved: torch.nn.ChannelShuffle (Zhang et al. 2018)."""

    kind = "channelshuffle"

    groups: Positive

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x)
        require_divides(self, "groups", self.groups, require_channels(self, x), "input channels")
        return x

    def axes(self, *inputs: TensorType) -> ChannelsFirst:
        return ChannelsFirst()

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        return Sliding((_shuffled_taps(x.channels, self.groups), *(EACH for _ in x.spatial)))

    def identity(self, *inputs: TensorType) -> str | None:
        in_order = self.groups in (1, inputs[0].channels)
        return "groups of one channel, or one group of all, stay in order" if in_order else None

    def selects(self, *inputs: TensorType) -> bool:
        return True

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("F.channel_shuffle", (Value(), self.groups))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        each = x.channels // self.groups
        if not x.is_fixed:
            order = [group * each + place for place in range(each) for group in range(self.groups)]
            return build.node("Gather", *values, build.integers(order), axis=1)
        split = build.node("Reshape", values[0], build.integers([0, self.groups, each, *numbers(x.spatial)]))
        moved = build.node("Transpose", split, perm=[0, 2, 1, *range(3, 3 + len(x.spatial))])
        return build.node("Reshape", moved, build.integers([0, *numbers(x.sample)]))


@lru_cache(maxsize=256)
def _shuffled_taps(channels: int, groups: int) -> Taps | None:
    """Channel c is channel c // groups of group c % groups."""
    if channels > MOST_PHASES:
        return None
    each = channels // groups
    sources = (c % groups * each + c // groups for c in range(channels))
    return Taps(channels, tuple([range(source, source + 1) for source in sources]))


@lru_cache(maxsize=256)
def _upsample_taps(n: int, o: int, factor: float | None, mode: Mode, align_corners: bool) -> Taps | None:
    """What the places of an axis read that goes from ``n`` places to ``o``.

    The coordinates repeat themselves where the step from one to the next is a simple fraction.
    """
    if n == o and mode not in ("nearest", "bicubic"):
        return EACH
    step = Fraction(n - 1, max(1, o - 1)) if align_corners else _step(n, o, factor)
    period, advance = step.denominator, step.numerator
    fitted = period > 1 and (align_corners or (factor is None and period == o))
    sources = _nearest_sources(n, o, factor) if mode == "nearest" and o <= MOST_PHASES else []
    if period > MOST_PHASES or any(source != i * advance // period for i, source in enumerate(sources)):
        period, advance, fitted = o, n, True
    if max(period, o) > MOST_PHASES:
        return None
    if mode == "nearest":
        places = sources if fitted else [i * advance // period for i in range(period)]
        return Taps(advance, tuple([range(place, place + 1) for place in places]), fitted=fitted)
    shift = Fraction(0) if align_corners else (step - 1) / 2
    phases = [_weighed(i * step + shift, cubic=mode == "bicubic") for i in range(period)]
    return Taps(advance, tuple(phases), fitted=fitted, bordered=True)


def _step(n: int, o: int, factor: float | None) -> Fraction:
    """From one coordinate to the next: n/o, or 1/factor, a factor of 0.3333333333333333 being a third."""
    if factor is None:
        return Fraction(n, o)
    simple = Fraction(factor).limit_denominator(_LARGEST_FACTOR)
    return 1 / (simple if simple and float(simple) == factor else Fraction(factor))


def _weighed(coordinate: Fraction, *, cubic: bool) -> range:
    """The places that an interpolation at ``coordinate`` reads; one, where it meets that."""
    place = floor(coordinate)
    if coordinate == place:
        return range(place, place + 1)
    return range(place - 1, place + 3) if cubic else range(place, place + 2)


def _nearest_sources(n: int, o: int, factor: float | None) -> list[int]:
    """The place that each of ``o`` places takes its value from: min(floor(i*step), n - 1).

    In float32 throughout, as PyTorch computes it for float32 tensors: rounding decides at whole numbers.
    The step is 1/factor, or n/o where the size was given.
    """
    step = float32(n / o if factor is None else 1 / factor)
    return [min(_source(i, step), n - 1) for i in range(o)]


def _source(place: int, step: float) -> int:
    return floor(float32(float32(place) * step))


def _symbols(size: Dim) -> tuple[Symbol, ...]:
    return size.symbols if isinstance(size, Size) else ()


def _ratio(o: Dim, n: Dim) -> int:
    """The whole number of times that n goes into o, if there is one: as at large sizes."""
    sizes = {symbol.name: samples(symbol, _LARGE)[-1] for size in (o, n) for symbol in _symbols(size)}
    return max(1, round(Fraction(at(o, sizes), max(1, at(n, sizes)))))


def _is_exact(n: int, o: int, factor: float) -> bool:
    """Whether Resize, which computes in float32, has this very factor and gives ``o`` places with it."""
    return float32(factor) == factor and floor(n * factor) == o == floor(float32(n * factor))


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
