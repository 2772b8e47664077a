"""The gated linear unit: half of the elements of an axis decide what passes of the other half."""

from specc.ir.op import Refusal, Weightless
from specc.ir.rounding import Gated
from specc.ir.targets import Builder, Ref
from specc.ir.traits import EACH, AxisMap, Range, Sliding, Taps, hull, same
from specc.ir.types import TensorType, fixed
from specc.ops.bases import Functional
from specc.ops.fields import Integer
from specc.ops.pad import slice_axis
from specc.ops.registry import register
from specc.ops.shapes import fixed_number, sample_axis


@register
class Glu(Functional, Weightless):
    """The first half of an axis times the sigmoid of the second (Dauphin et al. 2017): torch.nn.GLU.

    As in PyTorch it is the last axis; of channels it is ``glu(1)``.
    """

    kind = "glu"
    torch_name = "F.glu"

    dim: Integer = -1

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        axis = sample_axis(self, self.dim, x)
        size = fixed_number(self, x.sample[axis - 1], "elements to halve")
        if size % 2:
            raise Refusal(
                "S0103",
                f"glu halves axis {axis} of {x}, and {size} is odd",
                argument="dim",
                cause=0,
                label=f"{size} = 2*{size // 2} + 1",
            )
        return x.with_sample(*x.sample[: axis - 1], size // 2, *x.sample[axis:])

    def axes(self, *inputs: TensorType) -> AxisMap:
        axis = sample_axis(self, self.dim, inputs[0]) - 1
        return same(len(inputs[0].sample), mixed=axis)

    def window(self, *inputs: TensorType) -> Sliding:
        """Each place reads itself and the one half of the axis further on."""
        (x,) = inputs
        place = sample_axis(self, self.dim, x) - 1
        half = fixed(x.sample[place]) // 2
        both = Taps(1, (range(0, half + 1, half),), fitted=True)
        return Sliding(tuple([both if axis == place else EACH for axis in range(len(x.sample))]))

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        """A factor from 0 to 1 leaves the sign."""
        return hull((ranges[0], Range(0, 0)))

    def rounding(self, *inputs: TensorType) -> Gated:
        return Gated(sample_axis(self, self.dim, inputs[0]))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        axis = sample_axis(self, self.dim, x)
        size = fixed(x.sample[axis - 1])
        passed, gate = (slice_axis(build, values[0], axis, end - size // 2, end) for end in (size // 2, size))
        return build.node("Mul", passed, build.node("Sigmoid", gate))

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        axis = sample_axis(self, self.dim, inputs[0])
        size = fixed(inputs[0].sample[axis - 1])
        return (f"axis {axis}: {size}/2 = {size // 2}",)
