"""Operators that move elements or leave some out, and compute nothing. None of them mixes samples."""

from math import prod
from typing import Annotated

from pydantic import Field

from specc.ir.conditions import Equal
from specc.ir.op import Op, Refusal, Weightless
from specc.ir.size import Dim, Size, quotient
from specc.ir.targets import Builder, Ref, SizeOf, TorchCall, TorchModule, Value
from specc.ir.traits import AxisMap, Flat, Moved, Opaque, Pointwise, Window, regrouped
from specc.ir.types import TensorType, times
from specc.ops.bases import Elementwise, Functional, Selector
from specc.ops.fields import LARGEST, Expect, Integer, Integers, Like
from specc.ops.registry import register
from specc.ops.shapes import equation, never_equal, product_text, sample_axis, unproven

Sizes = Annotated[
    tuple[Annotated[int, Field(ge=-1, le=LARGEST)] | Size, ...],
    Expect("a list of sizes: the batch first (-1 or its name), then whole numbers below 2^31, one of them -1 at most"),
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
            return build.node("Flatten", values[0], axis=1)
        # Reshape takes 0 as "the size that it has there", -1 as "what is left".
        parts: list[Ref] = []
        for run in _runs((0, *self._target(result, *inputs))):
            match run[0]:
                case SizeOf(first, index):
                    last = first + len(run)
                    end = {} if last == inputs[index].rank else {"end": last}
                    parts.append(build.node("Shape", values[index], start=first, **end))
                case _:
                    parts.append(build.integers([size for size in run if isinstance(size, int)]))
        return build.node("Reshape", values[0], parts[0] if len(parts) == 1 else build.node("Concat", *parts, axis=0))

    def _target(self, result: TensorType, x: TensorType, *like: TensorType) -> tuple[int | SizeOf, ...]:
        """How each size of the sample of ``result`` is known when the network runs.

        A number; 0, the symbolic size that ``x`` has on the same axis; -1, what is left of the others; or the size of a
        value that has it. A size is asked for only where more than one would be left.
        """
        before = x.sample + (None,) * len(result.sample)
        target: list[int | SizeOf] = [
            size if isinstance(size, int) else 0 if size == same_axis else -1
            for size, same_axis in zip(result.sample, before, strict=False)
        ]
        if len(target) > 1 and (like or target.count(-1) > 1):
            left = [place for place, size in enumerate(target) if size == -1]
            # Where all sizes are numbers, those of the value are among them.
            for place in left or range(len(target)):
                target[place] = _size_of(result, place + 1, x, *like) or target[place]
        return tuple(target)


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
        return x.with_sample(*x.sample[: start - 1], prod(x.sample[start - 1 : end]), *x.sample[end:])

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
    of which one may be -1 where the batch is not. They may be sizes of a value:
    ``reshape(-1, 8, top.height, top.width)``.

    ``like`` alone puts flattened places where another value has them: of what ``flatten(2)`` has made of [N, C, H, W],
    ``reshape(like=top)`` makes [N, C, H, W] again, whatever the sizes are. Beside a shape it is the value that symbolic
    sizes are asked of; it need not be written where the sizes name the value, or this is the input.
    """

    kind = "reshape"
    variadic = "shape"
    measures = ("like",)
    added = frozenset(("like",))

    shape: Sizes | None = None
    like: Like | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        x, *like = inputs
        if self.shape is None:
            if like:
                return self._laid_out(x, *like)
            helps = ("reshape(-1, 8, 4) says the sizes, reshape(like=…) takes the places of another value",)
            raise Refusal("S0302", "reshape needs the shape, or like", helps=helps)
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
                "with _.batch for the batch, one other size may be -1",
            )
        result = x.with_sample(*self._sizes(x, sizes))
        self._require_known(result, *inputs)
        return result

    def sized_by(self, x: TensorType, value: TensorType) -> Op | None:
        if self.shape is None:
            return None
        sized = self.model_copy(update={"like": Value(1)})
        sized.infer(x, value)  # refuses where these are not its sizes
        return sized

    def identity(self, *inputs: TensorType) -> str | None:
        return "this is the shape already" if self.infer(*inputs) == inputs[0] else None

    def torch(self, *inputs: TensorType) -> TorchCall:
        target = self._target(self.infer(*inputs), *inputs)
        # PyTorch infers one size: the batch, or else the size that only follows from the others.
        batch = SizeOf(0) if -1 in target else -1
        sizes = (SizeOf(axis) if size == 0 else size for axis, size in enumerate(target, start=1))
        return TorchCall("torch.reshape", (Value(), (batch, *sizes)))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        return (f"{_product(inputs[0].sample)}, and {_product(self.infer(*inputs).sample)}",)

    def _target(self, result: TensorType, x: TensorType, *like: TensorType) -> tuple[int | SizeOf, ...]:
        target = super()._target(result, x, *like)
        if self.shape is None:
            axes = range(2, like[0].rank)
            target = (*target[: -len(axes)], *(SizeOf(axis, 1) for axis in axes))
        return target

    def _require_known(self, result: TensorType, x: TensorType, *like: TensorType) -> None:
        """Refuses two sizes that nothing tells when the network runs, and a value that tells none."""
        target = self._target(result, x, *like)
        new = [size for size, known in zip(result.sample, target, strict=True) if known == -1]
        if len(new) > 1 and len(target) > 1:
            raise Refusal(
                "S0108",
                f"reshape of {x} to {result} computes {len(new)} sizes, {times(tuple(new))}, and only one can be "
                "inferred",
                argument="shape",
                cause=0,
                label="needs a value that has them",
                helps=("like=… names the value whose sizes these are",),
            )
        if like and not any(isinstance(size, SizeOf) and size.index for size in target):
            is_open = not all(each.is_fixed for each in (x, result, *like))
            raise Refusal(
                "S0108" if is_open else "S0305",
                f"reshape of {x} to {result} takes no size of {like[0]}",
                argument="like",
                cause=1,
                label="leave it out",
            )

    def _laid_out(self, x: TensorType, like: TensorType) -> TensorType:
        """The channels of ``x`` on the places of ``like``; refuses where its last axes are not as many places."""
        if not like.spatial or not x.sample:
            no_places = f"{like} is flat" if x.sample else f"its input is {x}"
            raise Refusal("S0101", f"reshape takes the places of like, and {no_places}", argument="like", cause=1)
        places, text = prod(like.spatial), times(like.spatial)
        if len(x.sample) == 1:
            channels = quotient(x.elements, places)
            if channels is not None:
                return x.with_sample(channels, *like.spatial)
            claim = f"reshape finds channels of {text} places in the features of {x}"
            if not (x.is_fixed and like.is_fixed):
                raise unproven(claim, (), argument="like", cause=0)
            message = f"{x} has {x.elements} features, which are no channels of {text} places"
            raise Refusal("S0107", message, argument="like", label=f"{text} = {places}", cause=0)
        axes = range(len(x.sample))
        for axis in axes:
            if prod(x.sample[axis:]) == places:
                return x.with_sample(prod(x.sample[:axis]), *like.spatial)
        helps = tuple(
            f"permute({', '.join(map(str, (0, *(a + 1 for a in axes if a != axis), axis + 1)))}) before it: "
            f"of {x} axis {axis + 1} has the places, and they come last"
            for axis in axes
            if x.sample[axis] == places
        )
        possible = [size for axis in reversed(axes) if not never_equal(size := prod(x.sample[axis:]), places)]
        if possible:
            claim = f"reshape finds the {text} places of like in the last axes of {x}"
            is_only = len(possible) == 1
            raise unproven(
                claim, [Equal(possible[0], places)], necessary=is_only, argument="like", cause=0, helps=helps
            )
        message = f"the last axes of {x} do not hold the {text} places of like"
        label = f"has {equation(product_text(like.spatial), places)} places"
        raise Refusal("S0107", message, argument="like", label=label, cause=0, helps=helps)

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
        if is_open and (rest := quotient(whole, by)) is not None:
            return [rest if size == -1 else size for size in sizes]
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
            for sizes in ((self.shape or ())[1:], self.shape or ()):
                if sizes and -1 not in sizes and 0 not in sizes and prod(sizes) == x.elements:
                    sample = sizes
            helps = (f"reshape(({', '.join(map(str, (-1, *sample)))})) keeps every sample to itself",)
        helps = helps or ("flatten keeps every sample to itself",)
        return Refusal(code, message, argument="shape", label=label, cause=0, notes=notes, helps=helps)

    def _shape_text(self) -> str:
        return ", ".join(map(str, self.shape or ())) or "nothing"


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


def _size_of(result: TensorType, axis: int, *values: TensorType) -> SizeOf | None:
    """The size on ``axis`` of ``result`` as that of a value, the last one first; None where none has it.

    Of several axes it is the one that lies as far from the end, so that axes of one size keep their order.
    """
    for index, value in reversed([*enumerate(values)]):
        axes = [a for a in range(1, value.rank) if value.shape[a] == result.shape[axis]]
        if axes:
            return SizeOf(min(axes, key=lambda a: abs((value.rank - a) - (result.rank - axis))), index)
    return None


def _runs(sizes: tuple[int | SizeOf, ...]) -> list[list[int | SizeOf]]:
    """Numbers in a row, and sizes of axes that follow each other in one value."""
    runs: list[list[int | SizeOf]] = []
    for size in sizes:
        match runs[-1][-1] if runs else None, size:
            case int(), int():
                runs[-1].append(size)
            case SizeOf(axis, index), SizeOf() if size == SizeOf(axis + 1, index):
                runs[-1].append(size)
            case _:
                runs.append([size])
    return runs


def _names(size: Dim) -> set[str]:
    return {symbol.name for symbol in size.symbols} if isinstance(size, Size) else set()


def _product(sizes: tuple[Dim, ...]) -> str:
    return equation(product_text(sizes), prod(sizes))
