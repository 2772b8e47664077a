"""Convolutions, 1-D to 3-D."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import product
from json import dumps
from math import prod
from typing import Annotated, Literal

from specc.ir.op import Parameter, Refusal
from specc.ir.rounding import Products
from specc.ir.size import Dim
from specc.ir.targets import Builder, ModuleCall, Ref, TorchCall, TorchModule, Value
from specc.ir.traits import (
    Coefficient,
    Convolution,
    Sliding,
    Taps,
    every,
    filtered,
    grouped,
    row_major,
    sliding_taps,
)
from specc.ir.types import TensorType, fixed, times
from specc.ops.bases import Channelwise, weight_and_bias, without_numbers
from specc.ops.fields import LARGEST, Bias, Constants, Expect, Flag, Initialiser, Naturals, Positive, Positives
from specc.ops.pad import pad, require_room
from specc.ops.registry import register
from specc.ops.shapes import (
    AXIS_NAMES,
    as_factor,
    below_one,
    fitting,
    numbers,
    per_axis,
    reach_of,
    refuse_large_kernel,
    require_at_least,
    require_channels,
    require_divides,
    require_fit,
    require_spatial,
    slide,
    slide_text,
    sliding,
    transposed_taps,
    unslide,
)
from specc.ops.sides import (
    SAME_UPPER,
    WIDTHS,
    Geometry,
    Pairs,
    Sides,
    Width,
    by_cropping,
    given,
    is_by_side,
    padded_in_onnx,
    padded_in_torch,
    pads_itself,
    refuse_flat_list,
    same_upper,
)
from specc.ops.sides import Padding as Cropping

Padding = Annotated[
    Width | tuple[Width, ...] | Pairs | Literal["same", "valid", "same_upper"],
    Expect(f'{WIDTHS}, "same", "same_upper" or "valid"'),
]
PaddingMode = Annotated[
    Literal["zeros", "reflect", "replicate", "circular"],
    Expect('one of "zeros", "reflect", "replicate", "circular"'),
]


@register
class Conv(Channelwise):
    """Each filter slides over the places; its products with what is there are summed: torch.nn.Conv1d, Conv2d, Conv3d.

    Over [N, C, L], [N, C, H, W] or [N, C, D, H, W].
    """

    kind = "conv"

    out_channels: Positive
    kernel: Positives
    stride: Positives = 1
    padding: Padding = 0
    dilation: Positives = 1
    groups: Positive = 1
    bias: Bias = True
    padding_mode: PaddingMode = "zeros"
    weight: Constants | None = None
    frozen: Flag = False
    init: Initialiser | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        out = None
        # Networks repeat themselves, and most of their layers are of this kind: `fitting` remembers them.
        if x.sample and self.padding_mode == "zeros" and self.weight is None and isinstance(self.bias, bool):
            channels, groups = x.sample[0], self.groups
            is_plain = not is_by_side(self.padding)
            if is_plain and isinstance(channels, int) and channels % groups == self.out_channels % groups == 0:
                out = fitting(x.spatial, self.kernel, self.stride, self.padding, self.dilation)
        return x.with_sample(self.out_channels, *(out or self._proven(x)))

    def _proven(self, x: TensorType) -> tuple[Dim, ...]:
        """The spatial sizes of the result, one requirement after the other. Raises Refusal."""
        axes = require_spatial(self, x)
        kernel, stride, dilation = self._geometry(axes)
        sides = self._pads(x)
        _require_groups(self, x)
        if sides.is_fixed:
            require_room(self.padding_mode, x, numbers(sides.before), numbers(sides.after))
        if self.padding == SAME_UPPER:
            return tuple((n + s - 1) // s for n, s in zip(x.spatial, stride, strict=True))
        out = tuple(map(slide, x.spatial, kernel, stride, numbers(sides.totals), dilation))
        if (axis := below_one(out)) is not None:
            halves = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
            half = halves[0] if len(set(halves)) == 1 else halves
            formula = self._formula(x, axis)
            raise refuse_large_kernel(self, x, kernel, dilation, formula, candidates=({"padding": half},))
        require_fit(x, out, kernel, dilation, partial(self._formula, x))
        if self.weight is not None or isinstance(self.bias, tuple):
            self.parameters(x)  # refuses numbers of another shape
        return out

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return _filters(self, inputs[0], self.out_channels, inputs[0].channels)

    def macs(self, *inputs: TensorType) -> int:
        """Output elements times the weights of one filter."""
        return fixed(self.infer(*inputs).elements) * prod(_filter_shape(self, inputs[0], inputs[0].channels))

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        kernel, stride, dilation = self._geometry(len(x.spatial))
        windows = sliding(kernel, stride, dilation, numbers(self._pads(x).before), self.padding_mode)
        if self.padding == SAME_UPPER and max(stride) > 1:  # where they begin depends on the size
            windows = tuple([Taps(each.advance, each.phases, fitted=True) for each in windows])
        return Sliding((_channel_taps(self, x), *windows))

    def bias_axis(self, *inputs: TensorType) -> int | None:
        return 0 if self.bias else None

    def matrix(self, *inputs: TensorType) -> Iterable[Coefficient] | None:
        """A row for each place of a filter; rows of one filter have the same weights, further on."""
        (x,) = inputs
        axes = sliding_taps(self.window(x))
        return None if axes is None else filtered(axes, numbers(x.sample), numbers(self.infer(x).sample), 0)

    def convolution(self, *inputs: TensorType) -> Convolution:
        axes = len(inputs[0].spatial)
        kernel, stride, _ = self._geometry(axes)
        return Convolution(kernel, stride, padded=any(width != 0 for width in self._pads(inputs[0]).totals))

    def rounding(self, *inputs: TensorType) -> Products:
        return Products(prod(_filter_shape(self, inputs[0], inputs[0].channels)))

    def torch(self, *inputs: TensorType) -> TorchModule:
        (x,) = inputs
        options = without_numbers(self.non_default("stride", "padding", "dilation", "groups", "bias", "padding_mode"))
        axes = len(x.spatial)
        name, args = f"nn.Conv{axes}d", (x.channels, self.out_channels, self.kernel)
        if self.padding != SAME_UPPER and not is_by_side(self.padding):
            return TorchModule(name, args, options)
        kernel, stride, dilation = self._geometry(axes)
        sides = self._pads(x)
        others = {option: value for option, value in options.items() if option != "padding"}
        if sides.is_even:  # PyTorch pads both sides alike
            return TorchModule(name, args, others | ({"padding": numbers(sides.before)} if any(sides.before) else {}))
        mode = others.pop("padding_mode", "constant")
        padded = padded_in_torch(sides, x, reach_of(kernel, dilation), stride, str(mode))
        return TorchModule(name, args, others, call=ModuleCall((padded,)))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        axes = len(x.spatial)
        kernel, stride, dilation = self._geometry(axes)
        operands = [build.parameter("weight"), *([build.parameter("bias")] if self.bias else [])]
        sides = self._pads(x)
        if not sides.is_fixed and pads_itself(kernel, stride, dilation):
            return build.node(
                "Conv",
                *(values[0], *operands),
                kernel_shape=list(kernel),
                strides=list(stride),
                auto_pad="SAME_UPPER",
                group=self.groups,
            )
        value, pads = values[0], [0] * (2 * axes)
        if not sides.is_fixed:
            value = padded_in_onnx(build, value, reach_of(kernel, dilation), stride, 0.0)
        else:
            before, after = numbers(sides.before), numbers(sides.after)
            if self.padding_mode == "zeros":
                pads = [*before, *after]
            elif any((*before, *after)):
                value = pad(build, value, x.sample, (0, *before), (0, *after), mode=self.padding_mode)
        # Pads are explicit where they are known: ONNX Runtime refuses auto_pad together with a dilation.
        return build.node(
            "Conv",
            *(value, *operands),
            kernel_shape=list(kernel),
            strides=list(stride),
            pads=pads,
            dilations=list(dilation),
            group=self.groups,
        )

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        lines = [f"{name}: {self._formula(x, axis)}" for axis, name in enumerate(AXIS_NAMES[len(x.spatial)])]
        filter_shape = _filter_shape(self, x, x.channels)
        total = f" = {self.macs(x):,}" if x.is_fixed else ""
        return (*lines, f"macs: {times(self.infer(x).sample)} outputs * {times(filter_shape)}{total}")

    def _formula(self, x: TensorType, axis: int) -> str:
        """The size of one axis of the result, with the numbers filled in."""
        n, (kernel, stride, dilation) = x.spatial[axis], self._geometry(len(x.spatial))
        k, s, d = kernel[axis], stride[axis], dilation[axis]
        if self.padding == SAME_UPPER:
            return f"ceil({n}/{s}) = {(n + s - 1) // s}"
        before, after = (numbers(widths)[axis] for widths in self._pads(x))
        return f"{slide_text(n, k, s, before, after, d)} = {slide(n, k, s, before + after, d)}"

    def _geometry(self, axes: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        kernel = per_axis(self.kernel, axes, self, "kernel")
        return kernel, per_axis(self.stride, axes, self, "stride"), per_axis(self.dilation, axes, self, "dilation")

    def _pads(self, x: TensorType) -> Sides:
        """Padding before and after each spatial axis; of an odd "same" the spare unit goes at the end."""
        axes = len(x.spatial)
        if self.padding == "valid":
            return Sides.none(axes)
        if self.padding == SAME_UPPER:
            if self.padding_mode != "zeros":
                raise Refusal(
                    "S0305",
                    f'padding="{SAME_UPPER}" pads with zeros, and padding_mode is "{self.padding_mode}"',
                    argument="padding_mode",
                    label="leave it out",
                    against="padding",
                )
            kernel, stride, dilation = self._geometry(axes)
            return same_upper(x, kernel, stride, dilation)
        if isinstance(self.padding, str):
            kernel, stride, dilation = self._geometry(axes)
            if max(stride) > 1:
                raise Refusal(
                    "S0305",
                    'padding="same" keeps the size, and stride > 1 shrinks it: PyTorch forbids both',
                    argument="stride",
                    label="must be 1 here",
                    against="padding",
                    helps=(f'padding="{SAME_UPPER}" pads as TensorFlow\'s "same" does: ceil(size/stride) places',),
                )
            totals = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
            return Sides(tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals))
        if is_by_side(self.padding):
            assert isinstance(self.padding, tuple), "a list of pairs"
            return given(self, self.padding, axes)
        refuse_flat_list(self, self.padding, axes)
        padding: tuple[int, ...] = per_axis(self.padding, axes, self, "padding")  # type: ignore[arg-type]  # no pairs
        return Sides(padding, padding)


@register
class ConvTranspose(Channelwise):
    """Transposed convolution: torch.nn.ConvTranspose1d, ConvTranspose2d, ConvTranspose3d.

    Padding is cropped from the result; that of each side, ``padding=[[0, 1], [0, 1]]``, from that side alone. With
    ``"same_upper"`` it is as TensorFlow's "same": the result has stride times as many places as the input.
    """

    kind = "convtranspose"

    out_channels: Positive
    kernel: Positives
    stride: Positives = 1
    padding: Cropping = 0
    output_padding: Naturals = 0
    groups: Positive = 1
    bias: Bias = True
    dilation: Positives = 1
    weight: Constants | None = None
    frozen: Flag = False
    init: Initialiser | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axes = require_spatial(self, x)
        _require_groups(self, x)
        kernel, stride, sides, extra, dilation = self._geometry(axes)
        for e, s, d in zip(extra, stride, dilation, strict=True):
            if e >= max(s, d):
                raise Refusal(
                    "S0305",
                    f"output_padding = {e} must be smaller than stride {s} or dilation {d}",
                    argument="output_padding",
                    label=f"at most {max(s, d) - 1}",
                    against="dilation" if d > s else "stride",
                )
        out = tuple(map(unslide, x.spatial, kernel, stride, numbers(sides.totals), extra, dilation))
        if (axis := below_one(out)) is not None:
            raise Refusal(
                "S0100",
                f"padding = {dumps(self.padding)} crops the whole result of {self.kind} away",
                argument="padding",
                cause=0,
                label=f"the result would be {times(out)}",
                notes=(self._formula(x, axis),),
            )
        claim = f"padding = {dumps(self.padding)} leaves something of the result of {self.kind}, {times(out)},"
        require_at_least(out, (1,) * axes, claim, argument="padding")
        if self.weight is not None or isinstance(self.bias, tuple):
            self.parameters(x)  # refuses numbers of another shape
        return x.with_sample(self.out_channels, *out)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return _filters(self, inputs[0], inputs[0].channels, self.out_channels)

    def macs(self, *inputs: TensorType) -> int:
        """Input elements times the weights that each of them meets."""
        return fixed(inputs[0].elements) * prod(_filter_shape(self, inputs[0], self.out_channels))

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        kernel, stride, sides, _, dilation = self._geometry(len(x.spatial))
        before = numbers(sides.before)
        return Sliding((_channel_taps(self, x), *map(transposed_taps, kernel, stride, before, dilation)))

    def bias_axis(self, *inputs: TensorType) -> int | None:
        return 0 if self.bias else None

    def matrix(self, *inputs: TensorType) -> Iterator[Coefficient]:
        """A column for each place of a filter: the transpose of what a convolution with these weights is."""
        (x,) = inputs
        _, stride, sides, _, dilation = self._geometry(len(x.spatial))
        before, after = numbers(x.sample), numbers(self.infer(x).sample)
        shape, each = _filter_shape(self, x, self.out_channels), x.channels // self.groups
        for column, (channel, *place) in enumerate(product(*map(range, before))):
            for weight, (out, *tap) in enumerate(product(*map(range, shape)), start=channel * prod(shape)):
                axes = zip(place, tap, stride, dilation, numbers(sides.before), strict=True)
                target = (channel // each * shape[0] + out, *(p * s + t * d - b for p, t, s, d, b in axes))
                if (row := row_major(target, after)) is not None:
                    yield Coefficient(row, column, weight)

    def convolution(self, *inputs: TensorType) -> Convolution:
        kernel, stride, sides, *_ = self._geometry(len(inputs[0].spatial))
        return Convolution(kernel, stride, padded=any(numbers(sides.totals)), transposed=True)

    def rounding(self, *inputs: TensorType) -> Products:
        """At most so many: each place of a filter meets one input of each channel, where the stride lets it."""
        return Products(prod(_filter_shape(self, inputs[0], inputs[0].channels)), filters=1)

    def torch(self, *inputs: TensorType) -> TorchModule:
        (x,) = inputs
        options = without_numbers(self.non_default("stride", "padding", "output_padding", "groups", "bias", "dilation"))
        name, args = f"nn.ConvTranspose{len(x.spatial)}d", (x.channels, self.out_channels, self.kernel)
        if not isinstance(self.padding, str) and not is_by_side(self.padding):
            return TorchModule(name, args, options)
        _, stride, sides, extra, dilation = self._geometry(len(x.spatial))
        each = zip(stride, numbers(sides.before), numbers(sides.after), extra, dilation, strict=True)
        axes = [by_cropping(b, a, e, max(s, d) - 1) for s, b, a, e, d in each]
        others = {option: value for option, value in options.items() if option not in ("padding", "output_padding")}
        for place, option in enumerate(("padding", "output_padding")):
            if any(entries := tuple([axis[place] for axis in axes])):
                others[option] = entries
        widths = tuple([-width for *_, start, end in reversed(axes) for width in (start, end)])
        return TorchModule(name, args, others, then=TorchCall("F.pad", (Value(), widths)) if any(widths) else None)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        axes = len(x.spatial)
        kernel, stride, sides, extra, dilation = self._geometry(axes)
        before, after = numbers(sides.before), numbers(sides.after)
        weight = build.parameter("weight")
        shared: dict[str, object] = {
            "kernel_shape": list(kernel),
            "strides": list(stride),
            "dilations": list(dilation),
            "group": self.groups,
        }
        if all(e < s for e, s in zip(extra, stride, strict=True)):
            bias = [build.parameter("bias")] if self.bias else []
            return build.node(
                "ConvTranspose",
                values[0],
                weight,
                *bias,
                pads=[*before, *after],
                output_padding=list(extra),
                **shared,
            )
        # PyTorch allows output_padding below the dilation, ONNX only below the stride: write the whole
        # result, add the missing rows of zeros, crop both ends, and only then add the bias.
        full = build.node("ConvTranspose", values[0], weight, pads=[0] * (2 * axes), **shared)
        grown = build.node("Pad", full, build.integers([0] * (axes + 2) + [0, 0, *extra]))
        starts, ends = list(before), [-width if width else LARGEST for width in after]
        cropped = build.node(
            "Slice", grown, build.integers(starts), build.integers(ends), build.integers(list(range(2, axes + 2)))
        )
        if not self.bias:
            return cropped
        return build.node("Add", cropped, build.parameter("bias", (self.out_channels, *[1] * axes)))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        lines = [self._formula(x, axis) for axis in range(len(x.spatial))]
        filter_shape = _filter_shape(self, x, self.out_channels)
        total = f" = {self.macs(x):,}" if x.is_fixed else ""
        return (*lines, f"macs: {times(x.sample)} inputs * {times(filter_shape)}{total}")

    def _formula(self, x: TensorType, axis: int) -> str:
        kernel, stride, sides, extra, dilation = self._geometry(len(x.spatial))
        n, k, s, e, d = x.spatial[axis], kernel[axis], stride[axis], extra[axis], dilation[axis]
        b, a = numbers(sides.before)[axis], numbers(sides.after)[axis]
        name, cropped = AXIS_NAMES[len(x.spatial)][axis], f"2*{b}" if b == a else f"({b} + {a})"
        out = unslide(n, k, s, b + a, e, d)
        return f"{name}: ({as_factor(n)} - 1)*{s} - {cropped} + {d}*({k} - 1) + {e} + 1 = {out}"

    def _geometry(self, axes: int) -> Geometry:
        """One entry for each spatial axis."""
        kernel, stride, dilation = (
            per_axis(values, axes, self, name)
            for name, values in (("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation))
        )
        extra = per_axis(self.output_padding, axes, self, "output_padding")
        if self.padding == SAME_UPPER:
            if self.output_padding != 0:
                raise Refusal(
                    "S0305",
                    f'padding="{SAME_UPPER}" gives stride times as many places, and output_padding would add to them',
                    argument="output_padding",
                    label="leave it out",
                    against="padding",
                )
            # What a convolution with that stride, which pads its n * stride places so, makes of them in its gradient.
            spare = tuple([r - s for r, s in zip(reach_of(kernel, dilation), stride, strict=True)])
            totals = tuple([max(0, places) for places in spare])
            sides = Sides(tuple([t // 2 for t in totals]), tuple([t - t // 2 for t in totals]))
            return Geometry(kernel, stride, sides, tuple([max(0, -places) for places in spare]), dilation)
        if is_by_side(self.padding):
            assert isinstance(self.padding, tuple), "a list of pairs"
            return Geometry(kernel, stride, given(self, self.padding, axes), extra, dilation)
        refuse_flat_list(self, self.padding, axes)
        padding: tuple[int, ...] = per_axis(self.padding, axes, self, "padding")  # type: ignore[arg-type]  # no pairs
        return Geometry(kernel, stride, Sides(padding, padding), extra, dilation)


def _require_groups(op: Conv | ConvTranspose, x: TensorType) -> None:
    """Refuses groups of which the channels, before or after, are no multiple."""
    channels = require_channels(op, x)
    require_divides(op, "groups", op.groups, channels, "input channels", op.out_channels)
    require_divides(op, "groups", op.groups, op.out_channels, "output channels", channels)


def _filters(op: Conv | ConvTranspose, x: TensorType, filters: int, channels: int) -> tuple[Parameter, ...]:
    """Weight of (filters, channels/groups, *kernel), and the bias."""
    shape = _filter_shape(op, x, channels)
    first, second = ("filters", "channels") if isinstance(op, Conv) else ("channels", "filters")
    of_group = " of a group" if op.groups > 1 else ""
    return weight_and_bias(
        (filters, *shape),
        outputs=op.out_channels,
        bias=op.bias,
        weight=op.weight,
        frozen=op.frozen,
        init=op.init,
        kernel_only=shape[0] == 1,
        axes=(first, second + of_group, *AXIS_NAMES[len(x.spatial)]),
    )


def _filter_shape(op: Conv | ConvTranspose, x: TensorType, channels: int) -> tuple[int, ...]:
    """One filter: (channels/groups, *kernel)."""
    return channels // op.groups, *per_axis(op.kernel, len(x.spatial), op, "kernel")


def _channel_taps(op: Conv | ConvTranspose, x: TensorType) -> Taps | None:
    """The channels that a filter sees: those of its group."""
    if op.groups == 1:
        return every(x.channels)
    return grouped(x.channels // op.groups, op.out_channels // op.groups)
