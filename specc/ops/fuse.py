"""The weighted mean of several values, whose weights are learned."""

from specc.ir.init import Constant
from specc.ir.op import Parameter
from specc.ir.rounding import Fused
from specc.ir.targets import Builder, Own, Ref, TorchCall, Value
from specc.ir.traits import Range, hull
from specc.ir.types import TensorType
from specc.ops.bases import Elementwise
from specc.ops.fields import Flag, PositiveReal, Real
from specc.ops.merge import require_alike
from specc.ops.registry import register


@register
class Fuse(Elementwise):
    """Values of one shape, each times its learned share: the fast normalised fusion of BiFPN (Tan et al. 2020).

    A share is max(w, 0) over (eps + the sum of all max(w, 0)). The weights are the step itself, one for each arm, as in
    ``scale``; all start as ``init``.
    """

    kind = "fuse"
    arity = (1, None)  # of a single value, the only entry of a list, the share is not quite 1

    eps: PositiveReal = 1e-4
    init: Real = 1.0
    frozen: Flag = False

    def infer(self, *inputs: TensorType) -> TensorType:
        return require_alike(self, inputs)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("", (len(inputs),), Constant(self.init), trainable=not self.frozen),)

    def macs(self, *inputs: TensorType) -> int:
        """None: PyTorch's counter leaves products of single elements out."""
        return 0

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """No share is below 0."""
        return hull(ranges).signs

    def stuck(self) -> str | None:
        return None if self.init > 0 or self.frozen else f"max(w, 0) is 0 at {self.init:g}, and so is its slope"

    def rounding(self, *inputs: TensorType) -> Fused:
        return Fused(len(inputs))

    def torch(self, *inputs: TensorType) -> TorchCall:
        weights = TorchCall("F.relu", (Own(""),))
        total = TorchCall("torch.add", (TorchCall("torch.sum", (weights,)), self.eps))
        stacked = TorchCall("torch.stack", (tuple(Value(index) for index in range(len(inputs))), -1))
        weighted = TorchCall("torch.mul", (stacked, TorchCall("torch.div", (weights, total))))
        return TorchCall("torch.sum", (weighted, -1))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        weights = build.node("Relu", build.parameter(""))
        total = build.node("ReduceSum", weights, build.integers([0]))
        shares = build.node("Div", weights, build.node("Add", total, build.floats(self.eps)))
        result = ""
        for index, value in enumerate(values):
            term = build.node("Mul", value, build.node("Gather", shares, build.integers([index]), axis=0))
            result = build.node("Add", result, term) if result else term
        return result
