"""Factors and shifts: constants, or a learned factor for each channel or each place of another axis."""

from collections.abc import Iterable, Iterator
from itertools import repeat
from math import inf, isinf, prod
from typing import Annotated

from specc.ir.init import Constant
from specc.ir.op import Op, Parameter, Refusal, Weightless
from specc.ir.targets import Builder, Nested, Numbers, Own, Ref, TorchCall, Value
from specc.ir.traits import ANY, NON_NEGATIVE, NON_POSITIVE, Coefficient, Range, Scaling, hull, scaled
from specc.ir.types import TensorType, fixed
from specc.ops.bases import Elementwise
from specc.ops.fields import Expect, Flag, Integer, Real, Reals, is_float32
from specc.ops.registry import register
from specc.ops.shapes import fixed_number, require_sample, sample_axis

TINIEST = 2.0**-126
"""What is smaller may be 0 in float32."""


_Numbers = float | tuple[float, ...]


def _require_one_each(op: Op, dim: int, x: TensorType, **constants: _Numbers) -> None:
    """Refuses lists that have not one number for each place of axis ``dim``."""
    for name, numbers in constants.items():
        if not isinstance(numbers, tuple):
            continue
        axis = sample_axis(op, dim, x)
        size = fixed_number(op, x.sample[axis - 1], "numbers")
        if len(numbers) != size:
            raise Refusal(
                "S0107",
                f"{name} has {len(numbers)} {'number' if len(numbers) == 1 else 'numbers'}, and axis {axis} of {x} "
                f"has {size} {'place' if size == 1 else 'places'}",
                argument=name,
                cause=0,
                label=f"needs one number, or {size}",
            )


def _places(op: Op, dim: int | None, x: TensorType) -> Iterator[int]:
    """The place on axis ``dim`` of each element; 0 for all of them where it is None."""
    if dim is None:
        return repeat(0, fixed(x.elements))
    axis = sample_axis(op, dim, x)
    behind = prod(map(fixed, x.sample[axis:]))
    return (element // behind % fixed(x.sample[axis - 1]) for element in range(fixed(x.elements)))


def _each(numbers: _Numbers) -> tuple[float, ...]:
    return numbers if isinstance(numbers, tuple) else (numbers,)


def _axis(op: Op, dim: int, x: TensorType, *numbers: _Numbers) -> int | None:
    """The axis of a sample that lists lie along; None where there is none among the numbers."""
    return sample_axis(op, dim, x) - 1 if any(isinstance(entry, tuple) for entry in numbers) else None


def _in_torch(op: Op, numbers: _Numbers, dim: int, x: TensorType) -> float | Numbers:
    """A list lies along axis ``dim``."""
    return Numbers(numbers, x.rank - 1 - sample_axis(op, dim, x)) if isinstance(numbers, tuple) else numbers


def _in_onnx(build: Builder, op: Op, numbers: _Numbers, dim: int, x: TensorType) -> Ref:
    """As in PyTorch."""
    if not isinstance(numbers, tuple):
        return build.floats(numbers)
    column: list[Nested] = [*numbers]
    for _ in range(x.rank - 1 - sample_axis(op, dim, x)):
        column = [[entry] for entry in column]
    return build.floats(column)


@register
class Affine(Elementwise, Weightless):
    """x * factor + offset, both constants: ``affine(0.17)`` weighs a residual, ``affine(-1, 1)`` is 1 - x.

    A list has one number for each channel, or with ``dim`` for each place of another axis.
    """

    kind = "affine"
    added = frozenset(("dim",))

    factor: Reals
    offset: Reals = 0.0
    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        _require_one_each(self, self.dim, inputs[0], factor=self.factor, offset=self.offset)
        return inputs[0]

    def identity(self, *inputs: TensorType) -> str | None:
        return "x * 1 + 0 is x" if set(self._pairs) == {(1, 0)} else None

    def homogeneous(self, *inputs: TensorType) -> bool:
        return all(offset == 0 for _, offset in self._pairs)

    def scaling(self, *inputs: TensorType) -> Scaling | None:
        if not all(factor for factor, _ in self._pairs):
            return None
        (x,) = inputs
        mean, std = zip(*((0 - offset / factor, 1 / factor) for factor, offset in self._pairs), strict=True)
        return Scaling(mean, std, _axis(self, self.dim, x, self.factor, self.offset))

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """An end is exact where nothing is rounded on the way; else its sign is, where both terms have the same."""
        return hull(_affine_range(ranges[0], factor, offset) for factor, offset in self._pairs)

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        if not self.homogeneous(*inputs):
            return None
        dim = self.dim if isinstance(self.factor, tuple) else None
        return scaled(_each(self.factor)[place] for place in _places(self, dim, inputs[0]))

    @property
    def _pairs(self) -> list[tuple[float, float]]:
        """Factor and offset, of each channel."""
        factors, offsets = _each(self.factor), _each(self.offset)
        count = max(len(factors), len(offsets))
        return [(factors[i % len(factors)], offsets[i % len(offsets)]) for i in range(count)]

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        product = TorchCall("torch.mul", (Value(), _in_torch(self, self.factor, self.dim, x)))
        if self.offset == 0:
            return product
        return TorchCall("torch.add", (product, _in_torch(self, self.offset, self.dim, x)))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        product = build.node("Mul", *values, _in_onnx(build, self, self.factor, self.dim, x))
        return (
            product if self.offset == 0 else build.node("Add", product, _in_onnx(build, self, self.offset, self.dim, x))
        )


def _affine_range(x: Range, factor: float, offset: float) -> Range:
    ends = [(end * factor if end and factor else 0.0, end) for end in x]
    (low, first), (high, last) = ends if factor >= 0 else reversed(ends)
    least, most = low + offset, high + offset
    return Range(
        least if _is_exact(first, factor, low, offset) else 0 if min(low, offset) >= 0 else -inf,
        most if _is_exact(last, factor, high, offset) else 0 if max(high, offset) <= 0 else inf,
    )


def _is_exact(x: float, factor: float, product: float, offset: float) -> bool:
    """Whether x * factor = ``product``, and ``product`` + offset, are computed without rounding in float32."""
    if isinf(product) or (product == offset == 0):
        return True
    return all(map(is_float32, (x, factor, product, offset))) and is_float32(product + offset)


@register
class Standardize(Elementwise, Weightless):
    """(x - mean)/std with known numbers, one for all or a list of one for each channel: inputs as training had them.

    ``affine(1 / 255) -> standardize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])`` takes the bytes of an image as
    torchvision's networks want them. It learns nothing and has no state.
    """

    kind = "standardize"

    mean: Reals
    std: Reals = 1.0
    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        if any(abs(number) < TINIEST for number in _each(self.std)):
            raise Refusal(
                "S0305",
                "std must not be 0: everything would be infinite",
                argument="std",
                label="a standard deviation is above 0",
            )
        _require_one_each(self, self.dim, inputs[0], mean=self.mean, std=self.std)
        return inputs[0]

    def identity(self, *inputs: TensorType) -> str | None:
        is_none = not any(_each(self.mean)) and set(_each(self.std)) == {1}
        return "x less 0 over 1 is x" if is_none else None

    def homogeneous(self, *inputs: TensorType) -> bool:
        return not any(_each(self.mean))

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        if not self.homogeneous(*inputs):
            return None
        dim = self.dim if isinstance(self.std, tuple) else None
        return scaled(1 / _each(self.std)[place] for place in _places(self, dim, inputs[0]))

    def scaling(self, *inputs: TensorType) -> Scaling:
        (x,) = inputs
        return Scaling(_each(self.mean), _each(self.std), _axis(self, self.dim, x, self.mean, self.std))

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """The sign of a difference is that of the comparison, rounded or not."""
        if self.identity(*inputs):
            return ranges[0]
        (x,), means, stds = ranges, _each(self.mean), _each(self.std)
        signs = {
            sign if std > 0 else -sign
            for mean in means
            for sign in ((1,) if x.least >= mean else (-1,) if x.most <= mean else (1, -1))
            for std in stds
        }
        return NON_NEGATIVE if signs == {1} else NON_POSITIVE if signs == {-1} else ANY

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        centred = TorchCall("torch.sub", (Value(), _in_torch(self, self.mean, self.dim, x)))
        return centred if self.std == 1 else TorchCall("torch.div", (centred, _in_torch(self, self.std, self.dim, x)))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        centred = build.node("Sub", *values, _in_onnx(build, self, self.mean, self.dim, x))
        return centred if self.std == 1 else build.node("Div", centred, _in_onnx(build, self, self.std, self.dim, x))


@register
class Scale(Elementwise):
    """x times a learned factor for each channel (layer scale, Touvron et al. 2021), or times a single one.

    The factor is the step itself: its path is the step's name, its shape (C, 1, 1 …), or (F,) for flat input.
    With ``dim`` it lies along another axis: (C,) for dim = -1, where the channels are last. With ``dim=none`` there is
    one for all, of shape (1,): ``scale(init=0, dim=none)`` is the factor of ReZero (Bachlechner et al. 2020).
    """

    kind = "scale"
    added = frozenset(("frozen",))

    init: Real = 1.0
    dim: Annotated[Integer | None, Expect("a whole number (below 2^31), or none for one factor in all")] = 1
    frozen: Flag = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_sample(self, x)
        if self.dim is None:
            return x
        axis = sample_axis(self, self.dim, x)
        fixed_number(self, x.sample[axis - 1], "factors")
        return x

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x,) = inputs
        shape: tuple[int, ...] = (1,)
        if self.dim is not None:
            axis = sample_axis(self, self.dim, x)
            shape = (fixed(x.sample[axis - 1]), *(1 for _ in x.sample[axis:]))
        return (Parameter("", shape, Constant(self.init), trainable=not self.frozen),)

    def matrix(self, *inputs: TensorType) -> Iterator[Coefficient]:
        weights = enumerate(_places(self, self.dim, inputs[0]))
        return (Coefficient(element, element, weight) for element, weight in weights)

    def macs(self, *inputs: TensorType) -> int:
        """None: PyTorch's counter leaves products of single elements out."""
        return 0

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.mul", (Value(), Own("")))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Mul", *values, build.parameter(""))
