"""Dropout: noise while training, nothing afterwards."""

from specc.ir.onnx import Builder, Ref
from specc.ir.op import Weightless
from specc.ir.torch import TorchModule
from specc.ir.types import TensorType
from specc.ir.window import Pointwise
from specc.ops.fields import Probability
from specc.ops.registry import register


@register
class Dropout(Weightless):
    """Zeroes elements with probability p and scales the rest by 1/(1 - p), in training only: torch.nn.Dropout."""

    kind = "dropout"

    p: Probability = 0.5

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()

    def torch(self, *inputs: TensorType) -> TorchModule:
        return TorchModule("nn.Dropout", kwargs=self.non_default("p"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return values[0]


@register
class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of what selu gives, in training only: torch.nn.AlphaDropout."""

    kind = "alphadropout"

    def torch(self, *inputs: TensorType) -> TorchModule:
        return TorchModule("nn.AlphaDropout", kwargs=self.non_default("p"))
