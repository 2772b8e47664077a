"""More or fewer places by interpolation."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from math import floor, frexp
from operator import mul
from typing import Annotated

from pydantic import Field

from specc.diagnostics.finding import conjunction
from specc.diagnostics.words import listed
from specc.ir.conditions import Equal
from specc.ir.op import Op, Refusal, Weightless
from specc.ir.rounding import Exact, Interpolated
from specc.ir.size import Dim, Size
from specc.ir.symbols import Symbol, samples
from specc.ir.targets import Builder, Ref, SpatialSizesOf, TorchCall, Value
from specc.ir.traits import ANY, EACH, Coefficient, Range, Sliding, interpolated
from specc.ir.types import TensorType, at, times
from specc.ops.bases import Channelwise
from specc.ops.fields import LARGEST, Expect, Flag, Like, float32
from specc.ops.interpolation import (
    ComputedPlaces,
    Mode,
    is_exact,
    nearest_sources,
    source,
    upsample_taps,
    weighted_places,
    weighted_sum,
)
from specc.ops.like import sizes_like, spatial_sizes
from specc.ops.registry import register
from specc.ops.shapes import (
    AXIS_NAMES,
    as_factor,
    counterexample,
    numbers,
    per_axis,
    require_spatial,
    suggestion,
    unproven,
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
_RANK = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
_FARTHEST = 2**22
"""Places on an axis up to which float32 coordinates tell halves apart."""
_PERIODS = 16
"""Places of the input on which the rounding of a whole factor is tried: it is coarsest at the first ones."""
_LARGE = 24
"""The sample of a symbol at which formulas are nearly in proportion."""


@register
class Upsample(Channelwise, Weightless):
    """Interpolation to ``size``, or by ``scale_factor`` (which may shrink too): torch.nn.Upsample.

    ``like`` stands for the spatial sizes of another value, whatever they are when the network runs.
    """

    kind = "upsample"
    measures = ("like",)
    added = frozenset(("like",))

    size: Sizes | None = None
    scale_factor: Factors | None = None
    mode: Mode = "nearest"
    align_corners: Flag | None = None
    like: Like | None = None

    @classmethod
    def alternatives(cls, name: str, values: Mapping[str, object]) -> tuple[str, ...]:
        match name, values.get(name):
            case "mode", "area":
                size = values.get("size")
                text = str(list(size) if isinstance(size, tuple) else size) if size else "[…]"
                return (f'over fixed sizes, mode="area" is adaptiveavgpool({text}), in PyTorch too',)
            case "mode", "nearest-exact":
                return ('mode="nearest" is the same where every axis grows by a whole factor',)
            case "antialias", _:
                return ("antialiasing is not supported; avgpool(n) shrinks by a whole factor and reads every place",)
        return ()

    def infer(self, *inputs: TensorType) -> TensorType:
        x = inputs[0]
        axes = require_spatial(self, x)
        self._check_arguments()
        sizes = self._target(*inputs)
        if _RANK.get(self.mode, axes) != axes:
            fits = suggestion(self, {"mode": _LINEAR[axes]}, *inputs)
            raise Refusal(
                "S0305",
                f'mode="{self.mode}" is for {_RANK[self.mode]} spatial '
                f"{'axis' if _RANK[self.mode] == 1 else 'axes'}, and the input of upsample has {axes}",
                argument="mode",
                cause=0,
                helps=(fits,) if fits else (),
            )
        if not self._is_fixed(*inputs):
            if self.like is not None and sizes is not None:
                return x.with_sample(x.sample[0], *sizes)
            return x.with_sample(x.sample[0], *map(mul, x.spatial, self._whole_factors(x)))
        out = self._sizes(*inputs)
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

    def window(self, *inputs: TensorType) -> Sliding:
        x, out = inputs[0], self._sizes(*inputs)
        axes = zip(numbers(x.spatial), out, self._factors(len(out)) or (None,) * len(out), strict=True)
        return Sliding((EACH, *(upsample_taps(n, o, f, self.mode, bool(self.align_corners)) for n, o, f in axes)))

    def sized_by(self, x: TensorType, value: TensorType) -> Op | None:
        sizes = self.size if isinstance(self.size, tuple) else (self.size,) * len(x.spatial)
        if sizes != value.spatial or not any(isinstance(size, Size) for size in sizes):
            return None
        return self.model_copy(update={"size": None, "like": Value(1)})

    def identity(self, *inputs: TensorType) -> str | None:
        """By factors, or sizes of a value; the cubic mode weighs neighbours by 0, which makes NaN of infinite ones."""
        if self.like is not None:
            is_alike = inputs[0].spatial == inputs[1].spatial and self.mode != "bicubic"
            return "the sizes are these already" if is_alike else None
        factors = self._factors(len(inputs[0].spatial))
        is_one = bool(factors) and all(factor == 1 for factor in factors)
        return "as many places as before" if is_one and self.mode != "bicubic" else None

    def selects(self, *inputs: TensorType) -> bool:
        return self.mode == "nearest"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        if self.selects(*inputs) or self.identity(*inputs):
            return ranges[0]
        return ANY if self.mode == "bicubic" else ranges[0].signs  # some of the cubic weights are below 0

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        if self.mode == "nearest":
            return super().matrix(*inputs)
        x, result = inputs[0], numbers(self.infer(*inputs).sample)
        before, cubic = numbers(x.sample), self.mode == "bicubic"
        factors = (None,) * len(x.spatial) if self.align_corners else self._ratios(*inputs)
        axes = [[([*range(before[0])], [1.0] * before[0])]]
        for n, o, factor in zip(before[1:], result[1:], factors, strict=True):
            kept = n == o and not cubic
            axes.append([([*range(n)], [1.0] * n)] if kept else weighted_places(n, o, factor, cubic))
        return interpolated(axes, before, result)

    def rounding(self, *inputs: TensorType) -> Exact | Interpolated:
        if self.mode == "nearest":
            return Exact()
        if not self._is_fixed(*inputs) and self.like is not None:
            return Interpolated(4 if self.mode == "bicubic" else 2, exact_places=False)
        factors = self._ratios(*inputs) if self._is_fixed(*inputs) else self._whole_factors(inputs[0])
        # By a power of two, (i + 1/2)/factor - 1/2 is a float32.
        exact = not self.align_corners and all(frexp(factor)[0] == 0.5 for factor in factors)
        return Interpolated(4 if self.mode == "bicubic" else 2, exact)

    def torch(self, *inputs: TensorType) -> TorchCall:
        x = inputs[0]
        options = self.non_default("mode", "align_corners")
        if self.like is not None:
            return TorchCall("F.interpolate", (Value(),), {"size": SpatialSizesOf(1)} | options)
        if self._is_fixed(x):
            return TorchCall("F.interpolate", (Value(),), self.non_default("size", "scale_factor") | options)
        # A size that depends on others is the factor that it always is: the source serves every size.
        factors = self._whole_factors(x)
        factor = float(factors[0]) if len(set(factors)) == 1 else tuple(map(float, factors))
        return TorchCall("F.interpolate", (Value(),), {"scale_factor": factor} | options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        if self._is_fixed(*inputs):
            write = self._nearest if self.mode == "nearest" else self._smooth
            return write(build, values[0], *inputs)
        if self.like is not None:
            return self._like(build, values, *inputs)
        return self._resize(build, values[0], build.floats([1, 1, *self._whole_factors(inputs[0])]))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        x = inputs[0]
        if self.scale_factor is None:
            return ()
        names, out = AXIS_NAMES[len(x.spatial)], self.infer(x).spatial
        return tuple(
            f"{name}: floor({as_factor(n)}*{factor}) = {o}"
            for name, n, factor, o in zip(names, x.spatial, self._factors(len(names)), out, strict=True)
        )

    def _target(self, *inputs: TensorType) -> tuple[Dim, ...] | None:
        """The sizes of the result; None where a factor says them."""
        if self.like is not None:
            return sizes_like(self, *inputs)
        return None if self.size is None else per_axis(self.size, len(inputs[0].spatial), self, "size")

    def _is_fixed(self, *inputs: TensorType) -> bool:
        """Whether every size is a number: those of the input, and those of the result."""
        return not any(isinstance(size, Size) for size in (*inputs[0].spatial, *(self._target(*inputs) or ())))

    def _whole_factors(self, x: TensorType) -> tuple[int, ...]:
        """How many times the places of each axis, whatever its size; refuses what is no whole factor."""
        axes = len(x.spatial)
        if self.size is None:
            for factor in self._factors(axes):
                if not factor.is_integer():
                    raise Refusal(
                        "S0108",
                        f"scale_factor = {factor} is no whole number, and a size of the input is symbolic",
                        argument="scale_factor",
                        cause=0,
                        label="which places are read depends on the size",
                        helps=("a whole factor serves every size",),
                    )
            factors = tuple(map(int, self._factors(axes)))
        else:
            out = per_axis(self.size, axes, self, "size")
            factors = tuple(map(_factor_at_large_sizes, x.spatial, out))
            wrong = [Equal(o, n * r) for o, n, r in zip(out, x.spatial, factors, strict=True) if o != n * r]
            if wrong:
                raise self._no_factor(x, out, factors, wrong)
        for factor in factors:
            self._check_representable(factor)
        return factors

    def _no_factor(self, x: TensorType, out: tuple[Dim, ...], factors: tuple[int, ...], wrong: list[Equal]) -> Refusal:
        """The refusal of a size that is not ``factors`` times the input at every size: ``wrong`` says of which axes."""
        size = f"size = {times(out)}"
        examples = tuple(f"{a} and {b}; {example}" for a, b in wrong if (example := counterexample(a, b)))
        condition = conjunction(equal.condition() for equal in wrong)
        possible = condition is not None and condition.is_general
        if len(examples) == len(wrong) and not possible:
            # At large sizes no other factors would be right, and somewhere these are wrong: there are none.
            names = dict.fromkeys(symbol.name for symbol in _symbols(*x.spatial, *out))
            factor = f"scale_factor={out[0]} makes {out[0]} places of each" if isinstance(self.size, int) else ""
            numbers_for = f"{'a number' if len(names) == 1 else 'numbers'} for {listed(names)}"
            return Refusal(
                "S0108",
                f"{size} is not the same whole factor times {times(x.spatial)} at every size",
                argument="size",
                label="with symbolic sizes, upsample takes whole factors, or the sizes of another value",
                cause=0,
                helps=(*filter(None, (factor,)), f"with {numbers_for} in the contract, upsample takes any size"),
            )
        return unproven(
            f"{size} is {times(factors)} times {times(x.spatial)}",
            wrong if possible else (),
            necessary=False,  # as numbers, other sizes would do as well
            argument="size",
            label="with symbolic sizes, upsample takes whole factors, or the sizes of another value",
            notes=examples,
            helps=("scale_factor takes a whole factor, which serves every size",),
        )

    def _check_representable(self, factor: int) -> None:
        """Refuses a factor whose places PyTorch, which multiplies by 1/factor in float32, finds elsewhere."""
        if self._reads_by(factor):
            return
        raise Refusal(
            "S0108",
            f"1/{factor}, rounded in float32, makes PyTorch read other places than upsample by {factor} means",
            argument="size" if self.scale_factor is None else "scale_factor",
            cause=0,
            label="refused where a size of the input is symbolic",
        )

    def _reads_by(self, *factors: int) -> bool:
        """Whether the places that PyTorch finds by 1/factor, rounded in float32, are those that the factors mean."""
        return all(
            float32(factor) == factor
            and (
                self.mode != "nearest"
                or all(
                    source(i, float32(1 / factor)) == i // factor
                    for i in (q * factor + r for q in range(_PERIODS) for r in (0, factor - 1))
                )
            )
            for factor in factors
        )

    def _check_arguments(self) -> None:
        ways = [name for name in ("size", "scale_factor", "like") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise Refusal(
                "S0305",
                f"upsample takes {ways[0]} or {ways[1]}, not both",
                argument=ways[1],
                label="leave out one of the two",
                against=ways[0],
            )
        if not ways:
            helps = ("scale_factor=2 doubles every axis, like=… takes the sizes of another value",)
            raise Refusal("S0302", "upsample needs size, scale_factor or like", helps=helps)
        if self.mode == "nearest" and self.align_corners is not None:
            raise Refusal(
                "S0305",
                'align_corners has no meaning with mode="nearest": PyTorch refuses it',
                argument="align_corners",
                label="only for the linear modes and bicubic",
                against="mode",
            )

    def _check_unambiguous(self, x: TensorType, out: tuple[int, ...]) -> None:
        """Refuses a factor that gives n or 2n places without being 1 or 2, where that makes a difference.

        For these two sizes PyTorch has a shortcut that ignores the factor. Its kernels for 2-D take it,
        those for 1-D do not, and in 3-D it depends on the memory layout (channels last).
        """
        for n, o, factor in zip(numbers(x.spatial), out, self._factors(len(out)), strict=False):
            if o in (n, 2 * n) and nearest_sources(n, o, factor) != [i * n // o for i in range(o)]:
                fits = suggestion(
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
        """``scale_factor`` per axis; empty where there is a size."""
        factor = self.scale_factor
        if factor is None:
            return ()
        if isinstance(factor, float):
            return (factor,) * axes
        per_axis(tuple(range(len(factor))), axes, self, "scale_factor")
        return factor

    def _sizes(self, *inputs: TensorType) -> tuple[int, ...]:
        """The sizes of the result where all sizes are numbers."""
        x, target = inputs[0], self._target(*inputs)
        if target is not None:
            return numbers(target)
        factors = self._factors(len(x.spatial))
        return tuple(floor(n * factor) for n, factor in zip(numbers(x.spatial), factors, strict=True))

    def _ratios(self, *inputs: TensorType) -> tuple[float, ...]:
        """How many times the places of each axis, where all sizes are numbers."""
        spatial = inputs[0].spatial
        sizes = zip(numbers(spatial), self._sizes(*inputs), strict=True)
        return self._factors(len(spatial)) or tuple(o / n for n, o in sizes)

    def _resize(self, build: Builder, value: Ref, *amounts: Ref, **options: object) -> Ref:
        """ONNX's Resize in this mode, of which there is one linear for all ranks.

        Args:
            amounts: its inputs for scales, and for sizes.
        """
        modes: dict[str, dict[str, object]] = {
            "nearest": {"mode": "nearest", "nearest_mode": "floor"},
            "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.75},
        }
        places = "align_corners" if self.align_corners else "half_pixel"
        options["coordinate_transformation_mode"] = "asymmetric" if self.mode == "nearest" else places
        return build.node("Resize", value, "", *amounts, **options, **modes.get(self.mode, {"mode": "linear"}))

    def _like(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        """Up to sizes of which some are known only when the network runs: asked for where they make a difference."""
        (value, like), (x, _), out = values, inputs, inputs[1].spatial
        factors = tuple(map(_factor_at_large_sizes, x.spatial, out))
        if all(o == n * r for n, o, r in zip(x.spatial, out, factors, strict=True)) and self._reads_by(*factors):
            return self._resize(build, value, build.floats([1, 1, *factors]))
        if all(n == 1 for n in x.spatial):  # of one place every mode makes copies
            sizes = build.node("Concat", build.integers([1, 1]), spatial_sizes(build, like), axis=0)
            return build.node("Expand", value, sizes)
        if self.align_corners:
            return self._resize(build, value, "", spatial_sizes(build, like), axes=[*range(2, x.rank)])
        for axis in reversed(range(2, x.rank)):  # from the last axis on, as PyTorch
            n, o = x.shape[axis], inputs[1].shape[axis]
            if n == o and self.mode != "bicubic":
                continue
            places = ComputedPlaces(build, axis, x.rank, value, like)
            match self.mode:
                case "nearest":
                    value = places.nearest()
                case "bicubic":
                    value = places.cubic()
                case _:
                    value = places.linear()
        return value

    def _nearest(self, build: Builder, value: Ref, *inputs: TensorType) -> Ref:
        """Resize where every axis grows by a whole factor; else the places are looked up.

        Resize in floating point would pick other places than PyTorch now and then (14 -> 8).
        """
        places, out = numbers(inputs[0].spatial), self._sizes(*inputs)
        factors = self._factors(len(out)) or (None,) * len(out)
        sources = tuple(map(nearest_sources, places, out, factors))
        ratios = tuple(o // n for n, o in zip(places, out, strict=True))
        if all(source == [i // r for i in range(len(source))] for source, r in zip(sources, ratios, strict=True) if r):
            whole = [r * n == o for r, n, o in zip(ratios, places, out, strict=True)]
            if all(whole):
                return self._resize(build, value, build.floats([1, 1, *ratios]))
        for axis, (n, read) in enumerate(zip(places, sources, strict=True), start=2):
            if read != list(range(n)):
                value = build.node("Gather", value, build.integers(read), axis=axis)
        return value

    def _smooth(self, build: Builder, value: Ref, *inputs: TensorType) -> Ref:
        """Resize where its float32 scale is exact, as it is for whole factors; else weighted look-ups.

        An inexact scale puts places as far off as their distance from the origin times its rounding,
        also where PyTorch, which divides the other way round, is exact (seven to one, 210 -> 30).
        """
        x, out = inputs[0], self._sizes(*inputs)
        places = numbers(x.spatial)
        cubic = self.mode == "bicubic"
        if self.align_corners:
            return self._resize(build, value, "", build.integers(list(out)), axes=list(range(2, x.rank)))
        factors = self._ratios(*inputs)
        # An axis that keeps its size PyTorch copies, whatever the factor; the cubic mode does not.
        factors = tuple(1.0 if n == o and not cubic else f for n, o, f in zip(places, out, factors, strict=True))
        if all(map(is_exact, places, out, factors)):
            return self._resize(build, value, build.floats([1, 1, *factors]))
        for axis, (n, o, factor) in enumerate(zip(places, out, factors, strict=True), start=2):
            if factor != 1:
                value = weighted_sum(build, value, axis, x.rank, weighted_places(n, o, factor, cubic))
        return value


def _symbols(*sizes: Dim) -> Iterator[Symbol]:
    return (symbol for size in sizes if isinstance(size, Size) for symbol in size.symbols)


def _factor_at_large_sizes(n: Dim, o: Dim) -> int:
    """The whole number of times that n goes into o, if there is one: there, formulas are nearly in proportion."""
    sizes = {symbol.name: samples(symbol, _LARGE)[-1] for symbol in _symbols(n, o)}
    return max(1, round(Fraction(at(o, sizes), max(1, at(n, sizes)))))
