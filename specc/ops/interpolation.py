"""Where interpolation reads its input, with which weights, and as PyTorch rounds it."""

from fractions import Fraction
from functools import lru_cache, partial, reduce
from math import floor
from typing import Annotated, Literal

from specc.ir.targets import FLOAT, INT64, Builder, Nested, Ref
from specc.ir.traits import EACH, MOST_PHASES, Taps
from specc.ops.fields import Expect, float32

_LARGEST_FACTOR = 1024
"""The largest denominator of a fraction that a factor is read as: 0.3333333333333333 is a third."""

Mode = Annotated[
    Literal["nearest", "linear", "bilinear", "trilinear", "bicubic"],
    Expect('one of "nearest", "linear", "bilinear", "trilinear", "bicubic"'),
]


@lru_cache(maxsize=256)  # gone through place by place: 5 % of the receptive fields and lints of examples/zoo
def upsample_taps(n: int, o: int, factor: float | None, mode: Mode, align_corners: bool) -> Taps | None:
    """What the places of an axis read that goes from ``n`` places to ``o``.

    The coordinates repeat themselves where the step from one to the next is a simple fraction.
    """
    if n == o and mode not in ("nearest", "bicubic"):
        return EACH
    step = Fraction(n - 1, max(1, o - 1)) if align_corners else _step(n, o, factor)
    period, advance = step.denominator, step.numerator
    fitted = period > 1 and (align_corners or (factor is None and period == o))
    sources = nearest_sources(n, o, factor) if mode == "nearest" and o <= MOST_PHASES else []
    if period > MOST_PHASES or any(source != i * advance // period for i, source in enumerate(sources)):
        period, advance, fitted = o, n, True
    if max(period, o) > MOST_PHASES:
        return None
    if mode == "nearest":
        places = sources if fitted else [i * advance // period for i in range(period)]
        return Taps(advance, tuple([range(place, place + 1) for place in places]), fitted=fitted)
    shift = Fraction(0) if align_corners else (step - 1) / 2
    phases = [_neighbours(i * step + shift, cubic=mode == "bicubic") for i in range(period)]
    return Taps(advance, tuple(phases), fitted=fitted, bordered=True)


def _step(n: int, o: int, factor: float | None) -> Fraction:
    """From one coordinate to the next: n/o, or 1/factor, a factor of 0.3333333333333333 being a third."""
    if factor is None:
        return Fraction(n, o)
    simple = Fraction(factor).limit_denominator(_LARGEST_FACTOR)
    return 1 / (simple if simple and float(simple) == factor else Fraction(factor))


def _neighbours(coordinate: Fraction, *, cubic: bool) -> range:
    """The places that an interpolation at ``coordinate`` reads; one, where it meets that."""
    place = floor(coordinate)
    if coordinate == place:
        return range(place, place + 1)
    return range(place - 1, place + 3) if cubic else range(place, place + 2)


def nearest_sources(n: int, o: int, factor: float | None) -> list[int]:
    """The place that each of ``o`` places takes its value from: min(floor(i*step), n - 1).

    In float32 throughout, as PyTorch computes it for float32 tensors: rounding decides at whole numbers.
    The step is 1/factor, or n/o where there is no factor.
    """
    step = float32(n / o if factor is None else 1 / factor)
    return [min(source(i, step), n - 1) for i in range(o)]


def source(place: int, step: float) -> int:
    return floor(float32(float32(place) * step))


def is_exact(n: int, o: int, factor: float) -> bool:
    """Whether Resize, which computes in float32, has this very factor and gives ``o`` places with it."""
    return float32(factor) == factor and floor(n * factor) == o == floor(float32(n * factor))


def weighted_places(n: int, o: int, factor: float | None, cubic: bool) -> list[tuple[list[int], list[float]]]:
    """For each tap of the interpolation, the places it reads and their weights: ``o`` of each.

    Place i lies at (i + 1/2)/factor - 1/2 of the input; without a factor the corners meet, and it lies at
    i*(n - 1)/(o - 1). Linear: two taps. Cubic (Keys 1981, a = -3/4): four. Places beyond the edge are the edge.
    """
    if factor is None:
        centres = [i * (n - 1) / max(1, o - 1) for i in range(o)]
    else:
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


# ---- in ONNX --------------------------------------------------------------------------------------------------------


def weighted_sum(build: Builder, value: Ref, axis: int, rank: int, taps: list[tuple[list[int], list[float]]]) -> Ref:
    """The sum over ``taps`` of the places of one axis times their weights."""
    terms = []
    for places, weights in taps:
        read = build.node("Gather", value, build.integers(places), axis=axis)
        column: list[Nested] = [*weights]
        for _ in range(rank - axis - 1):
            column = [[weight] for weight in column]
        terms.append(build.node("Mul", read, build.floats(column)))
    return reduce(partial(build.node, "Add"), terms)


class ComputedPlaces:
    """Where one axis is read, computed while the network runs, from the sizes that it then has: as PyTorch does it.

    In float32, with one correctly rounded operation of ONNX for each of PyTorch's. ``Resize`` divides by the size of
    the result over that of the input instead, which puts places off by their distance from the origin times its
    rounding: 255 -> 256 of normal numbers is 8e-5 off by it, and PyTorch 5e-7.
    """

    def __init__(self, build: Builder, axis: int, rank: int, value: Ref, like: Ref) -> None:
        """``value`` is read, up to the size that ``like`` has along the axis."""
        self._build = build
        self._axis, self._rank = axis, rank
        self._value = value
        self._n, self._o = (build.node("Squeeze", self._size(x)) for x in (value, like))
        self._last = build.node("Sub", self._n, build.integers(1))
        inputs, outputs = self._real(self._n), self._real(self._o)
        self._step = build.node("Div", inputs, outputs)
        self._numbers = build.node("Range", build.floats(0.0), outputs, build.floats(1.0))

    def nearest(self) -> Ref:
        """The place min(floor(i * step), n - 1) for each i: see `nearest_sources`."""
        place = self._build.node("Floor", self._build.node("Mul", self._numbers, self._step))
        return self._read(self._build.node("Min", self._whole(place), self._last))

    def linear(self) -> Ref:
        build = self._build
        place = build.node("Relu", self._centres())
        first = build.node("Floor", place)
        far = build.node("Sub", place, first)
        near = build.node("Sub", build.floats(1.0), far)
        start = self._whole(first)
        next_ = build.node("Min", build.node("Add", start, build.integers(1)), self._last)
        return build.node("Add", self._weighted(start, near), self._weighted(next_, far))

    def cubic(self) -> Ref:
        """Keys' kernel over four places, those beyond the edge being the edge: see `weighted_places`."""
        build = self._build
        place = self._centres()
        first = build.node("Floor", place)
        start, far = self._whole(first), build.node("Sub", place, first)
        terms = []
        for offset in (-1, 0, 1, 2):
            inside = build.node("Min", build.node("Add", start, build.integers(offset)), self._last)
            inside = build.node("Max", inside, build.integers(0))
            distance = build.node("Abs", build.node("Sub", far, build.floats(float(offset))))
            terms.append(self._weighted(inside, self._keys(distance, 1 if offset in (0, 1) else 2)))
        return reduce(partial(build.node, "Add"), terms)

    def _keys(self, distance: Ref, most: int, a: float = -0.75) -> Ref:
        """`_keys` of distances up to 1, or from 1 to 2, by Horner's rule."""
        build = self._build
        factors = (a + 2, -(a + 3), 0.0, 1.0) if most == 1 else (a, -5 * a, 8 * a, -4 * a)
        result = build.floats(factors[0])
        for factor in factors[1:]:
            result = build.node("Mul", result, distance)
            result = build.node("Add", result, build.floats(factor)) if factor else result
        return result

    def _centres(self) -> Ref:
        """(i + 1/2) * step - 1/2 for each i."""
        build, half = self._build, self._build.floats(0.5)
        return build.node("Sub", build.node("Mul", build.node("Add", self._numbers, half), self._step), half)

    def _weighted(self, places: Ref, weights: Ref) -> Ref:
        behind = self._rank - self._axis - 1
        if behind:
            weights = self._build.node("Reshape", weights, self._build.integers([-1, *(1,) * behind]))
        return self._build.node("Mul", self._read(places), weights)

    def _read(self, places: Ref) -> Ref:
        return self._build.node("Gather", self._value, places, axis=self._axis)

    def _size(self, value: Ref) -> Ref:
        return self._build.node("Shape", value, start=self._axis, end=self._axis + 1)

    def _real(self, number: Ref) -> Ref:
        return self._build.node("Cast", number, to=FLOAT)

    def _whole(self, number: Ref) -> Ref:
        return self._build.node("Cast", number, to=INT64)
