"""Elements moved between channels and places, or from channel to channel."""

from collections.abc import Iterator
from itertools import product
from typing import Annotated, ClassVar, Literal

from specc.ir.op import Refusal
from specc.ir.targets import Builder, Ref, TorchCall, Value
from specc.ir.traits import EACH, MOST_PHASES, Coefficient, Sliding, Taps, taps
from specc.ir.types import TensorType, times
from specc.ops.bases import Channelwise, Functional, Selector
from specc.ops.fields import Expect, Positive
from specc.ops.registry import register
from specc.ops.shapes import (
    AXIS_NAMES,
    as_factor,
    equation,
    numbers,
    require_channels,
    require_divides,
    require_multiples,
    require_spatial,
)


class Pixels(Functional, Channelwise, Selector):
    """Base of the operators that move blocks of r x r places into channels, or back."""

    argument: ClassVar[str] = "blocksize"
    """The name of r."""

    @property
    def factor(self) -> int:
        """r."""
        return int(getattr(self, self.argument))

    def identity(self, *inputs: TensorType) -> str | None:
        return "there is nothing to move by a factor of 1" if self.factor == 1 else None

    def _moves(self, wide: TensorType) -> Iterator[tuple[int, int]]:
        """Each element of [C, H*r, W*r], and which one of [C*r*r, H, W] it is."""
        r, (channels, height, width) = self.factor, numbers(wide.sample)
        for element, (c, y, x) in enumerate(product(range(channels), range(height), range(width))):
            block = y % r * r + x % r
            deep = block * channels + c if getattr(self, "mode", "CRD") == "DCR" else c * r * r + block
            yield element, (deep * (height // r) + y // r) * (width // r) + x // r


class ToPlaces(Pixels):
    """Base of the operators that make [N, C, H*r, W*r] of [N, C*r*r, H, W]."""

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x, 2)
        r, channels = self.factor, require_channels(self, x)
        if channels % (r * r):
            raise Refusal(
                "S0103",
                f"{self.argument} = {r} takes a multiple of {r}*{r} = {r * r} channels, and the "
                f"input of {self.kind} has {x.channels}",
                argument=self.argument,
                cause=0,
                label=f"{x.channels} = {x.channels // (r * r)}*{r * r} + {x.channels % (r * r)}",
            )
        height, width = x.spatial
        return x.with_sample(x.channels // (r * r), height * r, width * r)

    def matrix(self, *inputs: TensorType) -> Iterator[Coefficient]:
        return (Coefficient(wide, deep) for wide, deep in self._moves(self.infer(*inputs)))

    def window(self, *inputs: TensorType) -> Sliding:
        r = self.factor
        each = Taps(1, (range(1),) * r) if r <= MOST_PHASES else None
        return Sliding((None, each, each))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        r, out = self.factor, self.infer(x)
        return (
            f"channels: {x.channels}/({r}*{r}) = {out.channels}",
            *(f"{name}: {as_factor(n)}*{r} = {n * r}" for name, n in zip(AXIS_NAMES[2], x.spatial, strict=True)),
        )


class ToChannels(Pixels):
    """Base of the operators that make [N, C*r*r, H, W] of [N, C, H*r, W*r]."""

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x, 2)
        r, channels = self.factor, require_channels(self, x)
        height, width = x.spatial
        for size, what in ((height, "rows"), (width, "columns")):
            if isinstance(size, int):
                require_divides(self, self.argument, r, size, what)
        claim = f"{self.argument} = {r} divides {times(x.spatial)}"
        require_multiples(x.spatial, r, claim, argument=self.argument)
        return x.with_sample(channels * r * r, height // r, width // r)

    def matrix(self, *inputs: TensorType) -> Iterator[Coefficient]:
        return (Coefficient(deep, wide) for wide, deep in self._moves(inputs[0]))

    def window(self, *inputs: TensorType) -> Sliding:
        r = self.factor
        return Sliding((None, taps(r, stride=r), taps(r, stride=r)))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        """With the channels first, as PyTorch has them; ONNX's SpaceToDepth has the blocks first."""
        (x,) = inputs
        r, out = self.factor, self.infer(x)
        if not x.is_fixed:
            # Place s of channel c is s*C + c of ONNX and c*r*r + s of PyTorch.
            order = [s * x.channels + c for c in range(x.channels) for s in range(r * r)]
            return build.node("Gather", build.node("SpaceToDepth", *values, blocksize=r), build.integers(order), axis=1)
        height, width = numbers(out.spatial)
        split = build.node("Reshape", values[0], build.integers([0, x.channels, height, r, width, r]))
        moved = build.node("Transpose", split, perm=[0, 1, 3, 5, 2, 4])
        return build.node("Reshape", moved, build.integers([0, *numbers(out.sample)]))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        r, out = self.factor, self.infer(x)
        return (
            f"channels: {x.channels}*{r}*{r} = {out.channels}",
            *(
                f"{name}: {equation(f'{as_factor(n)}/{r}', n // r)}"
                for name, n in zip(AXIS_NAMES[2], x.spatial, strict=True)
            ),
        )


@register
class PixelShuffle(ToPlaces):
    """[N, C*r*r, H, W] -> [N, C, H*r, W*r]: torch.nn.PixelShuffle (Shi et al. 2016)."""

    kind = "pixelshuffle"
    argument = "upscale_factor"
    torch_name = "F.pixel_shuffle"

    upscale_factor: Positive

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("DepthToSpace", *values, blocksize=self.factor, mode="CRD")


@register
class PixelUnshuffle(ToChannels):
    """[N, C, H*r, W*r] -> [N, C*r*r, H, W]: torch.nn.PixelUnshuffle, the inverse of pixelshuffle."""

    kind = "pixelunshuffle"
    argument = "downscale_factor"
    torch_name = "F.pixel_unshuffle"

    downscale_factor: Positive


Order = Annotated[
    Literal["DCR", "CRD"],
    Expect('"DCR", the blocks before the channels (TensorFlow, ONNX), or "CRD", the channels first (PyTorch)'),
]


@register
class DepthToSpace(ToPlaces):
    """[N, C*r*r, H, W] -> [N, C, H*r, W*r], with the channels in TensorFlow's order, or in that of pixelshuffle.

    In mode DCR channel s*C + c is place s of a block of channel c, in mode CRD channel c*r*r + s is.
    """

    kind = "depthtospace"

    blocksize: Positive
    mode: Order = "DCR"

    def torch(self, *inputs: TensorType) -> TorchCall:
        r = self.factor
        ordered = Value() if self.mode == "CRD" else TorchCall("F.channel_shuffle", (Value(), r * r))
        return TorchCall("F.pixel_shuffle", (ordered, r))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("DepthToSpace", *values, blocksize=self.factor, mode=self.mode)


@register
class SpaceToDepth(ToChannels):
    """[N, C, H*r, W*r] -> [N, C*r*r, H, W], the inverse of depthtospace, in the same orders of channels."""

    kind = "spacetodepth"

    blocksize: Positive
    mode: Order = "DCR"

    def torch(self, *inputs: TensorType) -> TorchCall:
        places = TorchCall("F.pixel_unshuffle", (Value(), self.factor))
        if self.mode == "CRD":
            return places
        return TorchCall("F.channel_shuffle", (places, inputs[0].channels))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        if self.mode == "DCR":
            return build.node("SpaceToDepth", *values, blocksize=self.factor)
        return super().onnx(build, values, *inputs)


@register
class ChannelShuffle(Functional, Channelwise, Selector):
    """The channels of ``groups`` groups interleaved: torch.nn.ChannelShuffle (Zhang et al. 2018)."""

    kind = "channelshuffle"
    torch_name = "F.channel_shuffle"

    groups: Positive

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x)
        require_divides(self, "groups", self.groups, require_channels(self, x), "input channels")
        return x

    def window(self, *inputs: TensorType) -> Sliding:
        (x,) = inputs
        channels, each = x.channels, x.channels // self.groups
        shuffled = None
        if channels <= MOST_PHASES:
            # Channel c is channel c // groups of group c % groups.
            sources = [c % self.groups * each + c // self.groups for c in range(channels)]
            shuffled = Taps(channels, tuple([range(source, source + 1) for source in sources]))
        return Sliding((shuffled, *(EACH for _ in x.spatial)))

    def identity(self, *inputs: TensorType) -> str | None:
        in_order = self.groups in (1, inputs[0].channels)
        return "groups of one channel, or one group of all, stay in order" if in_order else None

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        each = x.channels // self.groups
        if not x.is_fixed:
            order = [group * each + place for place in range(each) for group in range(self.groups)]
            return build.node("Gather", *values, build.integers(order), axis=1)
        split = build.node("Reshape", values[0], build.integers([0, self.groups, each, *numbers(x.spatial)]))
        moved = build.node("Transpose", split, perm=[0, 2, 1, *range(3, 3 + len(x.spatial))])
        return build.node("Reshape", moved, build.integers([0, *numbers(x.sample)]))
