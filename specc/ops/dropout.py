"""Dropout: noise while training, nothing afterwards."""

from typing import Annotated, Literal

from specc.ir.op import Refusal, Weightless
from specc.ir.targets import Builder, Ref, TorchModule
from specc.ir.traits import ANY, Range
from specc.ir.types import TensorType, fixed
from specc.ops.bases import Elementwise
from specc.ops.fields import Expect, Probability
from specc.ops.registry import register
from specc.ops.shapes import fixed_number


class Dropping(Elementwise, Weightless):
    """Base of the dropouts: each element is dropped or scaled by 1/(1 - p) in training, and left after it."""

    p: Probability

    def identity(self, *inputs: TensorType) -> str | None:
        return "p = 0 drops nothing" if self.p == 0 else None

    def homogeneous(self, *inputs: TensorType) -> bool:
        return True

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ranges[0].signs if self.p else ranges[0]

    def zeroed(self) -> float:
        return self.p

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return values[0]


@register
class Dropout(Dropping):
    """Zeroes elements with probability p and scales the rest by 1/(1 - p), in training only: torch.nn.Dropout."""

    kind = "dropout"

    p: Probability = 0.5

    def torch(self, *inputs: TensorType) -> TorchModule:
        return TorchModule("nn.Dropout", kwargs=self.non_default("p"))


@register
class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of what selu gives, in training only: torch.nn.AlphaDropout."""

    kind = "alphadropout"

    def homogeneous(self, *inputs: TensorType) -> bool:
        return False

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ANY if self.p else ranges[0]

    def zeroed(self) -> float:
        return 0.0  # what it drops becomes -1.758, what selu gives far below 0

    def torch(self, *inputs: TensorType) -> TorchModule:
        return TorchModule("nn.AlphaDropout", kwargs=self.non_default("p"))


@register
class StochasticDepth(Dropping):
    """Zeroes whole samples with probability p and scales the rest by 1/(1 - p), in training only (Huang et al. 2016).

    torchvision.ops.StochasticDepth with mode "row".
    """

    kind = "stochasticdepth"

    mode: Annotated[Literal["row", "batch"], Expect('"row"')] = "row"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if self.mode == "batch":
            raise Refusal(
                "S0106",
                'mode="batch" would drop all samples of a batch or none, and samples are not mixed',
                argument="mode",
                label='"row" drops each sample by itself',
            )
        if 1 <= len(x.sample) <= 4:
            if len(x.sample) == 4:
                fixed_number(self, x.sample[0], "channels")
            return x
        raise Refusal(
            "S0101",
            f"stochasticdepth takes [N, F], or channels and 1 to 3 spatial axes, and its input is {x}",
            cause=0,
            notes=("PyTorch has no layer that drops whole samples of another rank",),
        )

    def torch(self, *inputs: TensorType) -> TorchModule:
        """PyTorch's layers drop along the first axis of what they take for one sample: here that is the batch."""
        (x,) = inputs
        note = "Dropout3d takes N of [N, C, H, W] for channels: stochastic depth, by whole samples."
        dropout = TorchModule("nn.Dropout3d", (self.p,))
        match x.sample:
            case (_,):
                note = "Dropout1d takes N of [N, F] for channels: stochastic depth, by whole samples."
                return TorchModule("nn.Dropout1d", (self.p,), note=note)
            case (_, _):
                layers = TorchModule("nn.Unflatten", (2, (-1, 1))), dropout, TorchModule("nn.Flatten", (2, 3))
            case (_, _, _):
                return TorchModule("nn.Dropout3d", (self.p,), note=note)
            case (channels, depth, _, _):
                sizes = fixed(channels), depth if isinstance(depth, int) else -1
                layers = TorchModule("nn.Flatten", (1, 2)), dropout, TorchModule("nn.Unflatten", (1, sizes))
        return TorchModule("nn.Sequential", layers, note=note)
