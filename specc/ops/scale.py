"""A learned factor for each channel, or for each place of another axis."""

from specc.ir.axes import AxisMap, same
from specc.ir.init import Constant
from specc.ir.onnx import Builder, Ref
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.rounding import Exact
from specc.ir.torch import Own, TorchCall, Value
from specc.ir.types import TensorType, fixed
from specc.ir.window import Pointwise
from specc.ops.fields import Integer, Real
from specc.ops.proof import fixed_number
from specc.ops.registry import register
from specc.ops.shapes import sample_axis


@register
class Scale(Op):
    """x times a learned factor for each channel (layer scale, Touvron et al. 2021).

    The factor is the step itself: its path is the step's name, its shape (C, 1, 1 …), or (F,) for flat input.
    With ``dim`` it lies along another axis: (C,) for dim = -1, where the channels are last.
    """

    kind = "scale"

    init: Real = 1.0
    dim: Integer = 1

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if not x.sample:
            raise Refusal("S0101", f"scale takes at least [N, F], and its input is {x}", cause=0)
        axis = sample_axis(self, self.dim, x)
        fixed_number(self, x.sample[axis - 1], "factors")
        return x

    def axes(self, *inputs: TensorType) -> AxisMap:
        return same(len(inputs[0].sample))

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x,) = inputs
        axis = sample_axis(self, self.dim, x)
        shape = (fixed(x.sample[axis - 1]), *(1 for _ in x.sample[axis:]))
        return (Parameter("", shape, Constant(self.init)),)

    def macs(self, *inputs: TensorType) -> int:
        """None: PyTorch's counter leaves products of single elements out."""
        return 0

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()

    def rounding(self, *inputs: TensorType) -> Exact:
        return Exact()

    def torch(self, *inputs: TensorType) -> TorchCall:
        return TorchCall("torch.mul", (Value(), Own("")))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return build.node("Mul", *values, build.parameter(""))
