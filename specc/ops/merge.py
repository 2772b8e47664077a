"""Merges: several values become one."""

from functools import reduce
from typing import ClassVar

from specc.ir.conditions import Equal, always_at_least
from specc.ir.op import Op, Refusal, Weightless
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import ANY, NON_NEGATIVE, NON_POSITIVE, AxisMap, Joined, Range, hull, same
from specc.ir.types import TensorType
from specc.ops.bases import Elementwise, Selector
from specc.ops.fields import Integer
from specc.ops.registry import register
from specc.ops.shapes import counterexample, never_equal, sample_axis, unproven


class Pairwise(Elementwise, Weightless):
    """Base of the merges that take their inputs two by two, from left to right, on both sides.

    Floating-point sums depend on their order.
    """

    arity = (2, None)
    unites = True
    torch_name: ClassVar[str]
    onnx_name: ClassVar[str]

    def torch(self, *inputs: TensorType) -> TorchCall:
        call = TorchCall(self.torch_name, (Value(0), Value(1)))
        for index in range(2, len(inputs)):
            call = TorchCall(self.torch_name, (call, Value(index)))
        return call

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        result = values[0]
        for value in values[1:]:
            result = build.node(self.onnx_name, result, value)
        return result


class Alike(Pairwise):
    """Base of the merges whose arms have one shape: nothing is broadcast."""

    def infer(self, *inputs: TensorType) -> TensorType:
        return require_alike(self, inputs)


def require_alike(op: Op, inputs: tuple[TensorType, ...]) -> TensorType:
    """The one type of all arms; refuses others."""
    for index, x in enumerate(inputs):
        if x != inputs[0]:
            raise _differ(op, inputs[0], x, index, "needs arms of one shape")
    return inputs[0]


@register
class Add(Alike):
    """The sum of values of one shape: torch.add, without broadcasting."""

    kind = "add"
    torch_name = "torch.add"
    onnx_name = "Add"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return hull(ranges).signs


@register
class Sub(Alike):
    """The first value less the others, all of one shape: torch.sub, without broadcasting."""

    kind = "sub"
    torch_name = "torch.sub"
    onnx_name = "Sub"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """The sign of a difference is that of the comparison, rounded or not."""
        result, *others = ranges
        for other in others:
            falls = NON_POSITIVE if result.most <= other.least else ANY
            result = NON_NEGATIVE if result.least >= other.most else falls
        return result


@register
class Maximum(Selector, Alike):
    """At each place the largest of values of one shape: torch.maximum, without broadcasting."""

    kind = "maximum"
    torch_name = "torch.maximum"
    onnx_name = "Max"

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return Range(*map(max, zip(*ranges, strict=True)))


@register
class Minimum(Selector, Alike):
    """At each place the smallest of values of one shape: torch.minimum, without broadcasting."""

    kind = "minimum"
    torch_name = "torch.minimum"
    onnx_name = "Min"

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return Range(*map(min, zip(*ranges, strict=True)))


class Widening(Pairwise):
    """Base of the merges that widen a size of exactly 1 to the other's."""

    def infer(self, *inputs: TensorType) -> TensorType:
        result = inputs[0]
        for index, x in enumerate(inputs):
            pairs = [*zip(result.sample, x.sample, strict=False)]
            widens = x.rank == result.rank and all(a == b or 1 in (a, b) for a, b in pairs)
            if x.batch != result.batch or not widens:
                free = tuple(axis for axis, pair in enumerate(pairs, start=1) if 1 in pair)
                helps: tuple[str, ...] = ()
                flat, wide = sorted((result, x), key=lambda t: t.rank)
                if len(flat.sample) == 1 and wide.spatial and flat.sample[0] in (1, wide.sample[0]):
                    shape = ", ".join(map(str, (-1, flat.sample[0], *(1 for _ in wide.spatial))))
                    helps = (f"reshape({shape}) makes the {flat.sample[0]} features a factor for each channel",)
                raise _differ(self, result, x, index, "only a size of exactly 1 is widened", *helps, free=free)
            result = result.with_sample(*(b if a == 1 else a for a, b in pairs))
        return result


@register
class Mul(Widening):
    """The product of values of one shape; a size of exactly 1 is widened: torch.mul."""

    kind = "mul"
    torch_name = "torch.mul"
    onnx_name = "Mul"

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return reduce(Range.times, ranges)


@register
class Div(Widening):
    """The first value over the others, of one shape; a size of exactly 1 is widened: torch.div.

    Over 0 it is infinite, and 0 over 0 is NaN: an ``affine(1, 1e-12)`` in the arm below keeps clear of both.
    """

    kind = "div"
    torch_name = "torch.div"
    onnx_name = "Div"

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """Signs, where no divisor is 0: of two zeros either may be the one below 0."""
        result, *others = ranges
        for other in others:
            if other.least > 0:
                result = result.signs
            elif other.most < 0:
                result = Range(-result.most, -result.least).signs
            else:
                return ANY
        return result


@register
class Concat(Selector):
    """The values end to end along an axis; their other sizes agree: torch.cat."""

    kind = "concat"
    arity = (2, None)
    unites = True

    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        first = inputs[0]
        axis = sample_axis(self, self.dim, first)
        place, joined = axis - 1, list(first.sample)
        others = first.sample[:place], first.sample[axis:]
        for index, x in enumerate(inputs):
            alike = x.batch is first.batch or x.batch == first.batch
            if not alike or x.rank != first.rank or (x.sample[:place], x.sample[axis:]) != others:
                raise _differ(self, first, x, index, f"only axis {axis} may differ", free=(axis,))
            if index:
                joined[place] += x.sample[place]
        return TensorType(first.batch, tuple(joined))

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Joined:
        return Joined(sample_axis(self, self.dim, inputs[0]) - 1)

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.cat", (tuple(Value(i) for i in range(len(inputs))),), {"dim": self.dim})

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Concat", *values, axis=self.dim)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        axis = sample_axis(self, self.dim, inputs[0])
        sizes = [x.sample[axis - 1] for x in inputs]
        return (f"axis {axis}: {' + '.join(map(str, sizes))} = {sum(sizes)}",)


def _differ(
    op: Op,
    first: TensorType,
    x: TensorType,
    index: int,
    rule: str,
    *helps: str,
    free: tuple[int, ...] = (),
) -> Refusal:
    """The refusal of an arm of another shape; the axes ``free`` may differ."""
    arms = f"{first} and, as arm {index + 1}, {x}"
    pairs = enumerate(zip(first.shape, x.shape, strict=False))
    bound = {axis: (a, b) for axis, (a, b) in pairs if a != b and axis not in free}
    if x.rank == first.rank and x.batch == first.batch and not any(never_equal(a, b) for a, b in bound.values()):
        notes = tuple(
            f"axis {axis}: {a} and {b}" + (f"; {example}" if (example := counterexample(a, b)) else "")
            for axis, (a, b) in bound.items()
        )
        # A size that happens to be 1 is widened, whatever the other is: no condition is the only one.
        widens = isinstance(op, Widening)
        necessary = not widens or all(always_at_least(size, 2) for pair in bound.values() for size in pair)
        needed = (Equal(*pair) for pair in bound.values())
        claim = f"the arms of {op.kind} agree"
        return unproven(claim, needed, necessary=necessary, detail=arms, label=rule, cause=index, notes=notes)
    notes = tuple(f"axis {axis}: {a} and {b}" for axis, (a, b) in bound.items())
    if x.rank != first.rank:
        notes = (f"{first} has {first.rank} axes, {x} has {x.rank}",)
    return Refusal("S0105", f"the arms of {op.kind} differ: {arms}", label=rule, cause=index, notes=notes, helps=helps)
