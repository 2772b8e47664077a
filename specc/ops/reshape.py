"""Operators that move elements or leave some out, and compute nothing. None of them mixes samples."""

from math import prod
from typing import Annotated

from pydantic import Field

from specc.ir.conditions import AtLeast, Equal, always_at_least, where_fixed
from specc.ir.op import Op, Refusal, Weightless
from specc.ir.size import Dim, Size
from specc.ir.targets import Builder, Ref, SizeOf, TorchCall, TorchModule, Value
from specc.ir.traits import EACH, AxisMap, Flat, Moved, Opaque, Pointwise, Sliding, Window, regrouped, same, taps
from specc.ir.types import TensorType, fixed, times
from specc.ops.bases import Elementwise, Functional, Selector
from specc.ops.fields import LARGEST, Expect, Integer, Integers
from specc.ops.pad import slice_axis
from specc.ops.registry import register
from specc.ops.shapes import as_factor, equation, never_equal, product_text, sample_axis, unproven

Sizes = Annotated[
    tuple[Annotated[int, Field(ge=-1, le=LARGEST)] | Size, ...],
    Expect("a list of sizes: the batch first (-1 or its name), then whole numbers below 2^31, one of them -1 at most"),
]
Place = Annotated[
    Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | Size, Expect("a whole number (below 2^31) or a size of the input")
]


@register
class Identity(Elementwise, Weightless):
    """The value itself: torch.nn.Identity."""

    kind = "identity"
    passes = True
    keeps_order = True

    def identity(self, *inputs: TensorType) -> str:
        return "gives what it takes"

    def torch(self, *inputs: TensorType) -> TorchModule:
        return TorchModule("nn.Identity")

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return values[0]


class Regrouping(Selector):
    """Base of the operators that lay a sample out anew, in row-major order."""

    keeps_order = True

    def axes(self, *inputs: TensorType) -> AxisMap:
        return regrouped(inputs[0].sample, self.infer(*inputs).sample)

    def window(self, *inputs: TensorType) -> Window:
        result = self.infer(*inputs)
        if result == inputs[0]:
            return Pointwise()
        return Flat() if len(result.sample) == 1 else Opaque()

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        result = self.infer(*inputs)
        if len(result.sample) == 1:
            return build.node("Flatten", *values, axis=1)
        # Reshape takes 0 as "the size that it has there", -1 as "what is left".
        return build.node("Reshape", *values, build.integers([0, *self._target(inputs[0], result)]))

    def _target(self, x: TensorType, result: TensorType) -> tuple[int, ...]:
        """The sample of ``result`` as numbers: 0 is a symbolic size that ``x`` has on the same axis, -1 another one."""
        before = x.sample + (None,) * len(result.sample)
        return tuple(
            size if isinstance(size, int) else 0 if size == same_axis else -1
            for size, same_axis in zip(result.sample, before, strict=False)
        )

    def _require_target(self, x: TensorType, result: TensorType) -> None:
        """Refuses a result with two sizes that are neither numbers nor those of the same axis of the input."""
        new = [size for size, target in zip(result.sample, self._target(x, result), strict=True) if target == -1]
        if len(new) < 2 or len(result.sample) == 1:
            return
        sizes = times(tuple(new))
        raise Refusal(
            "S0108",
            f"{self.kind} of {x} to {result} computes {len(new)} sizes, {sizes}, and only one can be inferred",
            cause=0,
            label="one size may depend on symbols, besides those that keep their axis",
        )


@register
class Flatten(Regrouping):
    """The axes start_dim to end_dim as one: torch.flatten, torch.nn.Flatten."""

    kind = "flatten"

    start_dim: Integer = 1
    end_dim: Integer = -1

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        start, end = self._axes(x)
        if start > end:
            raise Refusal(
                "S0305",
                f"start_dim = {self.start_dim} lies behind end_dim = {self.end_dim} in {x}",
                argument="start_dim",
                cause=0,
                label=f"axis {start}, and end_dim is axis {end}",
            )
        result = x.with_sample(*x.sample[: start - 1], prod(x.sample[start - 1 : end]), *x.sample[end:])
        self._require_target(x, result)
        return result

    def identity(self, *inputs: TensorType) -> str | None:
        (x,) = inputs
        if self.infer(x) != x:
            return None
        return f"its input is flat already: {x}" if len(x.sample) == 1 else "joins a single axis"

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.flatten", (Value(), self.start_dim), self.non_default("end_dim"))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        start, end = self._axes(x)
        return (_product(x.sample[start - 1 : end]),)

    def _axes(self, x: TensorType) -> tuple[int, int]:
        """First and last of the axes to become one, the batch counted."""
        return sample_axis(self, self.start_dim, x, "start_dim"), sample_axis(self, self.end_dim, x, "end_dim")


@register
class Reshape(Regrouping):
    """The same elements in another shape, sample by sample: torch.reshape.

    ``shape`` is the whole shape: first the batch (-1, its name or its number), then the sizes of a sample,
    of which one may be -1 where the batch is not.
    """

    kind = "reshape"
    variadic = "shape"

    shape: Sizes

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if not self.shape or self.shape[0] not in (-1, x.batch):
            raise self._refuse(
                x,
                "S0106",
                f"reshape to {self._shape_text()} would mix the samples of a batch",
                f"the first size is the batch: -1 or {x.batch}",
            )
        sizes = list(self.shape[1:])
        if 0 in sizes or any(_names(size) & _names(x.batch) for size in sizes):
            raise self._refuse(
                x,
                "S0303",
                f"reshape to {self._shape_text()} needs whole numbers above 0 after the batch",
                "needs the sizes of a sample",
            )
        if self.shape.count(-1) > 1:
            raise self._refuse(
                x,
                "S0303",
                "reshape can infer one size only, and -1 stands in two places",
                "one -1 at most",
                f"with {x.batch} for the batch, one other size may be -1",
            )
        result = x.with_sample(*self._sizes(x, sizes))
        self._require_target(x, result)
        return result

    def identity(self, *inputs: TensorType) -> str | None:
        return "this is the shape already" if self.infer(*inputs) == inputs[0] else None

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        target = self._target(x, self.infer(x))
        # PyTorch infers one size: the batch, or else the size that only follows from the others.
        batch = SizeOf(0) if -1 in target else -1
        sizes = (SizeOf(axis) if size == 0 else size for axis, size in enumerate(target, start=1))
        return TorchCall("torch.reshape", (Value(), (batch, *sizes)))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        return (f"{_product(inputs[0].sample)}, and {_product(self.infer(*inputs).sample)}",)

    def _sizes(self, x: TensorType, sizes: list[Dim]) -> list[Dim]:
        """The sizes of a sample, the -1 filled in; refuses where they do not hold exactly one sample."""
        known, is_open = [size for size in sizes if size != -1], -1 in sizes
        if not is_open and prod(known) == x.elements:
            return sizes
        # Without the symbolic factors that both have, what is left is often two numbers.
        left = [*x.sample]
        for size in [size for size in known if isinstance(size, Size) and size in x.sample]:
            if size in left:
                left.remove(size)
                known.remove(size)
        whole, by = prod(left), prod(known)
        if is_open and isinstance(by, int) and whole % by == 0:
            return [whole // by if size == -1 else size for size in sizes]
        if isinstance(whole, int) and isinstance(by, int):
            relation = "is no multiple of" if is_open else "is not"
            count = prod(size for size in sizes if size != -1)
            message = f"a sample of {x} has {x.elements} elements, which {relation} {count}"
            notes = (_product(x.sample), _product(tuple(sizes)))
            raise self._refuse(x, "S0107", message, "holds other than one sample", notes=notes)
        if not is_open and never_equal(whole, by):
            message = f"reshape to {self._shape_text()} never holds one sample of {x}"
            raise self._refuse(x, "S0107", message, "holds other than one sample")
        needed = [] if is_open else [Equal(whole, by)]
        if is_open and isinstance(by, int):
            needed = [Equal(whole % by, 0)]
        raise unproven(f"reshape to {self._shape_text()} holds one sample of {x}", needed, argument="shape")

    def _refuse(
        self, x: TensorType, code: str, message: str, label: str, *helps: str, notes: tuple[str, ...] = ()
    ) -> Refusal:
        if not helps and x.is_fixed:
            # The sizes as they are, with or without the first, where they hold a sample; else the flat sample.
            sample: tuple[Dim, ...] = (x.elements,)
            for sizes in (self.shape[1:], self.shape):
                if sizes and -1 not in sizes and 0 not in sizes and prod(sizes) == x.elements:
                    sample = sizes
            helps = (f"reshape(({', '.join(map(str, (-1, *sample)))})) keeps every sample to itself",)
        helps = helps or ("flatten keeps every sample to itself",)
        return Refusal(code, message, argument="shape", label=label, cause=0, notes=notes, helps=helps)

    def _shape_text(self) -> str:
        return ", ".join(map(str, self.shape)) or "nothing"


@register
class Permute(Functional, Selector):
    """The axes in another order; the batch stays first: torch.permute."""

    kind = "permute"
    torch_name = "torch.permute"
    variadic = "dims"

    dims: Integers

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        order = self._order(x)
        if sorted(order) != list(range(x.rank)):
            example = ", ".join(map(str, (0, *range(2, x.rank), 1)))
            raise Refusal(
                "S0303",
                f"dims of permute must name each of the {x.rank} axes of {x} once",
                argument="dims",
                cause=0,
                label=f"names {', '.join(map(str, self.dims)) or 'none'}",
                helps=(f"permute({example}) moves the channels to the end",) if x.rank > 2 else (),
            )
        if order[0] != 0:
            raise Refusal("S0106", "permute keeps the batch first", argument="dims", label=f"axis 0 of {x} must stay")
        return x.with_sample(*(x.sample[axis - 1] for axis in order[1:]))

    def axes(self, *inputs: TensorType) -> AxisMap:
        return AxisMap(tuple(((axis - 1,), (place,)) for place, axis in enumerate(self._order(inputs[0])[1:])))

    def window(self, *inputs: TensorType) -> Moved:
        return Moved(tuple(axis - 1 for axis in self._order(inputs[0])[1:]))

    def identity(self, *inputs: TensorType) -> str | None:
        (x,) = inputs
        return "the axes are in this order already" if self._order(x) == tuple(range(x.rank)) else None

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Transpose", *values, perm=list(self._order(inputs[0])))

    def _order(self, x: TensorType) -> tuple[int, ...]:
        return tuple(dim + x.rank if dim < 0 else dim for dim in self.dims)


@register
class Slice(Selector):
    """The elements start to stop (exclusive) along an axis: torch.narrow.

    Negative places count from the end, as in Python; unlike there, places outside are refused, never clamped.
    """

    kind = "slice"

    start: Place
    stop: Place
    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axis, start, stop = self._places(x)
        size = x.sample[axis - 1]
        if not (isinstance(size, int) and isinstance(start, int) and isinstance(stop, int)):
            self._check_symbolic(x, axis, start, stop)
            return x.with_sample(*x.sample[: axis - 1], stop - start, *x.sample[axis:])
        for name, argument, place in (("start", self.start, start), ("stop", self.stop, stop)):
            if not 0 <= place <= size:
                raise Refusal(
                    "S0303",
                    f"{name} = {argument} lies outside axis {axis} of {x}",
                    argument=name,
                    cause=0,
                    label=f"from {-size} to {size}",
                )
        if start >= stop:
            raise Refusal(
                "S0305",
                f"slice({self.start}, {self.stop}) of {size} elements is empty",
                argument="stop",
                cause=0,
                label=f"from place {start} to before place {stop}",
            )
        return x.with_sample(*x.sample[: axis - 1], stop - start, *x.sample[axis:])

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample))

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        cut, start, _ = self._places(x)
        return Sliding(tuple([taps(1, start=fixed(start)) if a == cut else EACH for a in range(1, x.rank)]))

    def identity(self, *inputs: TensorType) -> str | None:
        return "it takes the whole axis" if self.infer(*inputs) == inputs[0] else None

    def torch(self, *inputs: TensorType) -> TorchCall:
        (x,) = inputs
        axis, start, stop = self._places(x)
        length, first = stop - start, start if isinstance(start, int) else self._from_end(x, start)
        if isinstance(length, int) and isinstance(first, int):
            return TorchCall("torch.narrow", (Value(), axis, first, length))
        # Negative padding crops both ends, whatever the size is.
        widths = (0, 0) * (len(x.sample) - axis) + (-fixed(start), self._from_end(x, stop))
        return TorchCall("F.pad", (Value(), widths))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        axis, start, stop = self._places(x)
        first = start if isinstance(start, int) else self._from_end(x, start)
        last = stop if isinstance(stop, int) else self._from_end(x, stop) or LARGEST
        return slice_axis(build, values[0], axis, first, last)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        axis, start, stop = self._places(inputs[0])
        return (f"axis {axis}: {stop} - {as_factor(start)} = {stop - start}",)

    def sized_by(self, x: TensorType, value: TensorType) -> Op | None:
        """The places that `crop` takes for a value of that size, where the formulas say these."""
        from specc.ops.crop import Crop  # most slices are of numbers, and load no more families than before
        from specc.ops.like import offset_of

        axis, start, stop = self._places(x)
        is_open = isinstance(self.start, Size) or isinstance(self.stop, Size)
        if axis == 1 or value.rank != x.rank or not is_open:
            return None
        offset = offset_of([(start, x.shape[axis] - stop)], [(value.shape[axis], x.shape[axis])])
        return None if offset is None else Crop(like=Value(1), offset=offset, dim=axis)

    def _places(self, x: TensorType) -> tuple[int, Dim, Dim]:
        """Axis, start and stop, counted from the front."""
        axis = sample_axis(self, self.dim, x)
        size = x.sample[axis - 1]
        start, stop = (p + size if isinstance(p, int) and p < 0 else p for p in (self.start, self.stop))
        return axis, start, stop

    def _from_end(self, x: TensorType, place: Dim) -> int:
        """``place`` as a negative number, counted from the end of the axis; 0 is the end itself."""
        return fixed(place - x.sample[sample_axis(self, self.dim, x) - 1])

    def _check_symbolic(self, x: TensorType, axis: int, start: Dim, stop: Dim) -> None:
        """Refuses places that are a fixed number from neither end, or that not every size has."""
        size = x.sample[axis - 1]
        for name, place in (("start", start), ("stop", stop)):
            if not isinstance(place, int) and not isinstance(place - size, int):
                raise Refusal(
                    "S0108",
                    f"{name} = {place} lies a fixed number of places neither from the start nor from the end of "
                    f"axis {axis} of {x}",
                    argument=name,
                    cause=0,
                    label=f"needs a number, or {size} less a number",
                    where=where_fixed(place - size),
                )
        if isinstance(stop, int) and not isinstance(start, int):
            raise Refusal(
                "S0108",
                f"slice({self.start}, {self.stop}) begins a fixed number of places before the end of {size} and ends "
                "a fixed number behind its start",
                argument="stop",
                cause=0,
                label="count both from one side",
            )
        needed = [(start, 0), (size - stop, 0), (stop - start, 1)]
        lacking = [AtLeast(number, least) for number, least in needed if not always_at_least(number, least)]
        if lacking:
            claim = f"slice({self.start}, {self.stop}) lies within axis {axis} of {x}"
            raise unproven(claim, lacking, argument="stop")


def _names(size: Dim) -> set[str]:
    return {symbol.name for symbol in size.symbols} if isinstance(size, Size) else set()


def _product(sizes: tuple[Dim, ...]) -> str:
    return equation(product_text(sizes), prod(sizes))
