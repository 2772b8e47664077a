"""Normalisations: by running statistics, or by those of the sample itself."""

from math import prod
from typing import Annotated

from specc.ir.init import Constant
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.rounding import Normalised, Products
from specc.ir.size import Dim
from specc.ir.targets import Builder, Nested, Ref, TorchModule
from specc.ir.traits import (
    ANY,
    Norm,
    Pointwise,
    Range,
    Sliding,
    Whole,
    every,
    grouped,
)
from specc.ir.types import TensorType, times
from specc.ops.bases import Channelwise, Elementwise, one_each
from specc.ops.fields import Bias, Constants, Epsilon, Expect, Flag, Positive, Positives, Real
from specc.ops.registry import register
from specc.ops.shapes import (
    across,
    fixed_numbers,
    numbers,
    per_channel,
    require_at_least,
    require_channels,
    require_divides,
    require_sample,
    require_spatial,
)

RMS_EPS = 1.1920928955078125e-07
"""torch.finfo(torch.float32).eps, which torch.nn.RMSNorm means by eps=None; in float64 it means another."""
_MOMENTUM = 0.1
"""PyTorch's default; ONNX's own, of 0.9, is the same."""


class Normalisation(Op):
    """Base of the normalisations with weight and bias, which PyTorch's counter finds no multiply-accumulates in."""

    def macs(self, *inputs: TensorType) -> int:
        return 0


@register
class BatchNorm(Channelwise, Normalisation):
    """(x - running_mean)/√(running_var + eps) * weight + bias: torch.nn.BatchNorm1d, BatchNorm2d, BatchNorm3d.

    Training normalises by the batch and keeps the running statistics; afterwards those are used. ``scale=false`` leaves
    the weight out (gamma), ``bias=false`` the bias (beta): Keras's scale and center. ``frozen=true`` excludes both from
    training; the running statistics are no parameters, and go on being recorded while the module is in training mode.
    """

    kind = "batchnorm"
    aliases = ("bn",)
    positional = 0
    added = frozenset(("scale", "bias", "frozen", "weight", "running_mean", "running_var"))

    eps: Epsilon = 1e-5
    momentum: Annotated[Real | None, Expect("a finite number, or none for the plain average")] = 0.1
    affine: Flag = True
    track_running_stats: Flag = True
    bias: Bias = True
    scale: Flag = True
    frozen: Flag = False
    weight: Constants | None = None
    running_mean: Constants | None = None
    running_var: Constants | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        for name in ("scale", "bias"):
            _require_affine(self, "affine", name)
        if not self.track_running_stats:
            raise Refusal(
                "S0106",
                "batchnorm without running statistics would mix the samples of a batch",
                argument="track_running_stats",
                label="must be true",
                helps=("instancenorm and groupnorm normalise each sample by itself",),
            )
        require_spatial(self, inputs[0], 0, 1, 2, 3)
        channels = require_channels(self, inputs[0])
        if self.weight is not None and not (self.affine and self.scale):
            raise Refusal(
                "S0305",
                "batchnorm has no weight here, and weight gives its numbers",
                argument="weight",
                against="scale" if self.affine else "affine",
            )
        if self.running_var is not None and min(one_each("running_var", self.running_var, channels).values) < 0:
            raise Refusal(
                "S0305", "running_var holds a number below 0", argument="running_var", label="no variance is below 0"
            )
        self.parameters(*inputs)  # refuses numbers of another shape
        return inputs[0]

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        channels = inputs[0].channels
        has_weight, has_bias = self.affine and self.scale, self.affine and self.bias is not False
        options = {"trainable": not self.frozen, "beside": has_weight != has_bias}
        weights = []
        if has_weight:
            factor = one_each("weight", self.weight, channels) if self.weight is not None else Constant(1.0)
            weights.append(Parameter("weight", (channels,), factor, **options))
        if has_bias:
            shift = one_each("bias", self.bias, channels) if isinstance(self.bias, tuple) else Constant(0.0)
            weights.append(Parameter("bias", (channels,), shift, **options))
        running = {"running_mean": self.running_mean, "running_var": self.running_var}
        given = {name: one_each(name, values, channels) for name, values in running.items() if values is not None}
        return (*weights, *(p.with_init(given[p.name]) if p.name in given else p for p in _running(channels)))

    def window(self, *inputs: TensorType) -> Pointwise:
        return Pointwise()

    def norm(self, *inputs: TensorType) -> Norm:
        return Norm(centres=True, over_batch=True, running=True)

    def rounding(self, *inputs: TensorType) -> Products:
        return Products(1)

    def torch(self, *inputs: TensorType) -> TorchModule:
        axes = len(inputs[0].spatial) or 1
        options = self.non_default("eps", "momentum", "affine")
        if not self.scale or self.bias is False:
            options["affine"] = False  # and what there is of the two is declared beside it
        return TorchModule(f"nn.BatchNorm{axes}d", (inputs[0].channels,), options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        return _by_running(build, values[0], inputs[0], self)


@register
class InstanceNorm(Channelwise, Normalisation):
    """Each channel of each sample by its own mean and variance: torch.nn.InstanceNorm1d to InstanceNorm3d.

    With track_running_stats, the running statistics take their place after training, as in batchnorm.
    """

    kind = "instancenorm"
    positional = 0
    added = frozenset(("frozen",))

    eps: Epsilon = 1e-5
    momentum: Real = 0.1
    affine: Flag = False
    track_running_stats: Flag = False
    frozen: Flag = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_spatial(self, x)
        require_channels(self, x)
        if self.track_running_stats:
            return x
        if "momentum" in self.model_fields_set:
            raise Refusal(
                "S0305",
                "momentum is that of running statistics, and this instancenorm keeps none",
                argument="momentum",
                label="of nothing",
                against="track_running_stats",
                helps=("leave it out, or keep them with track_running_stats=true",),
            )
        if prod(x.spatial) == 1:
            raise Refusal(
                "S0100",
                f"instancenorm needs more than one place in a channel, and its input is {x}",
                cause=0,
                notes=("the variance of a single element is 0: nothing of the input would be left",),
            )
        require_at_least((prod(x.spatial),), (2,), f"instancenorm finds more than one place in a channel of {x}")
        return x

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        channels = inputs[0].channels
        learned = _affine((channels,), self.affine, frozen=self.frozen)
        return learned + (_running(channels) if self.track_running_stats else ())

    def window(self, *inputs: TensorType) -> Pointwise | Whole:
        return Pointwise() if self.track_running_stats else Whole(tuple(range(1, len(inputs[0].sample))))

    def norm(self, *inputs: TensorType) -> Norm:
        return Norm(centres=True, running=self.track_running_stats)

    def rounding(self, *inputs: TensorType) -> Products | Normalised:
        if self.track_running_stats:
            return Products(1)
        return Normalised(prod(inputs[0].spatial), self.eps, by_channel=True)

    def torch(self, *inputs: TensorType) -> TorchModule:
        options = self.non_default("eps", "momentum", "affine", "track_running_stats")
        return TorchModule(f"nn.InstanceNorm{len(inputs[0].spatial)}d", (inputs[0].channels,), options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        (x,) = inputs
        if self.track_running_stats:
            return _by_running(build, values[0], x, self)
        centred = _centred(build, values[0], len(x.spatial))
        factors = _factors(build, x.channels, self.affine, self.affine)
        return build.node("InstanceNormalization", centred, *factors, epsilon=self.eps)

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        if self.track_running_stats:
            return ()
        return (f"each mean and variance: {times(inputs[0].spatial)} = {prod(inputs[0].spatial)} elements",)


@register
class GroupNorm(Channelwise, Normalisation):
    """Groups of channels, each by its own mean and variance (Wu & He 2018): torch.nn.GroupNorm."""

    kind = "groupnorm"
    added = frozenset(("frozen",))

    num_groups: Positive
    eps: Epsilon = 1e-5
    affine: Flag = True
    frozen: Flag = False

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_sample(self, x)
        channels = require_channels(self, x)
        require_divides(self, "num_groups", self.num_groups, channels, "channels")
        if x.elements == self.num_groups:
            raise Refusal(
                "S0100",
                f"num_groups = {self.num_groups} leaves one element to each group of {times(x.sample)}",
                argument="num_groups",
                cause=0,
                label="needs at least 2 in each",
                notes=("the variance of a single element is 0: nothing of the input would be left",),
            )
        claim = f"num_groups = {self.num_groups} leaves more than one element to each group of {times(x.sample)}"
        each = channels // self.num_groups * prod(x.spatial)
        require_at_least((each,), (2,), claim, argument="num_groups")
        return x

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return _affine((inputs[0].channels,), self.affine, frozen=self.frozen)

    def window(self, *inputs: TensorType) -> Sliding | Whole:
        (x,) = inputs
        if self.num_groups == 1:
            return Whole()
        each = x.channels // self.num_groups
        return Sliding((grouped(each, each), *map(every, numbers(x.spatial))))

    def norm(self, *inputs: TensorType) -> Norm:
        return Norm(centres=self.num_groups == inputs[0].channels)

    def rounding(self, *inputs: TensorType) -> Normalised:
        (x,) = inputs
        return Normalised(x.channels // self.num_groups * prod(x.spatial), self.eps, by_channel=True)

    def torch(self, *inputs: TensorType) -> TorchModule:
        return TorchModule("nn.GroupNorm", (self.num_groups, inputs[0].channels), self.non_default("eps", "affine"))

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # GroupNormalization of opset 21 squares before it subtracts: at a mean of 1000 nothing is left.
        # Of symbolic sizes the later ones stay where they are (0), and only one is computed (-1).
        (x,) = inputs
        behind = () if x.is_fixed else (0,) * (len(x.spatial) - 1)
        whole = x.sample if x.is_fixed else (x.channels, -1, *behind)
        rows = build.node("Reshape", *values, build.integers([0, self.num_groups, -1, *behind]))
        factors = _factors(build, self.num_groups, False, False)
        centred = _centred(build, rows, 1 + len(behind))
        normal = build.node("InstanceNormalization", centred, *factors, epsilon=self.eps)
        result = build.node("Reshape", normal, build.integers([0, *numbers(whole)]))
        return _scaled(build, result, per_channel(x, x.channels)) if self.affine else result

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        (x,) = inputs
        each = x.channels // self.num_groups
        return (
            f"channels in a group: {x.channels}/{self.num_groups} = {each}",
            f"each mean and variance: {times((each, *x.spatial))} = {each * prod(x.spatial)} elements",
        )


class OverTrailing(Elementwise, Normalisation):
    """Base of the normalisations over the last axes, whose sizes ``normalized_shape`` may repeat."""

    normalized_shape: Positives | None = None

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        require_sample(self, x)
        shape = self._shape(x)
        if shape and len(shape) <= len(x.sample):
            fixed_numbers(self, x.sample[-len(shape) :], "elements to normalise over")
        if not shape or shape != x.sample[-len(shape) :]:
            actual = times(shape) or "empty"
            raise Refusal(
                "S0107",
                f"normalized_shape is {actual}, and the input of {self.kind} is {x}",
                argument="normalized_shape",
                cause=0,
                label=f"needs the last sizes of {times(x.sample)}",
                helps=(f"leave it out to normalise over the last axis, of {x.sample[-1]}",),
            )
        return x

    def window(self, *inputs: TensorType) -> Whole:
        (x,) = inputs
        axes = range(len(x.sample))
        return across(x, tuple(axes)[-len(self._shape(x)) :])

    def arithmetic(self, *inputs: TensorType) -> tuple[str, ...]:
        shape = self._shape(inputs[0])
        return (f"normalised together: {times(shape)} = {prod(shape)} elements",)

    def _shape(self, x: TensorType) -> tuple[Dim, ...]:
        """The sizes of the axes that are normalised; numbers, once `infer` has accepted them."""
        if self.normalized_shape is None:
            return x.sample[-1:]
        return (self.normalized_shape,) if isinstance(self.normalized_shape, int) else self.normalized_shape

    def _torch_shape(self, x: TensorType) -> int | tuple[int, ...]:
        shape = numbers(self._shape(x))
        return shape[0] if len(shape) == 1 else shape


@register
class LayerNorm(OverTrailing):
    """The last axes together by their mean and variance (Ba et al. 2016): torch.nn.LayerNorm."""

    kind = "layernorm"
    added = frozenset(("frozen",))

    eps: Epsilon = 1e-5
    elementwise_affine: Flag = True
    bias: Flag = True
    frozen: Flag = False

    def infer(self, *inputs: TensorType) -> TensorType:
        _require_affine(self, "elementwise_affine", "bias")
        return super().infer(*inputs)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return _affine(numbers(self._shape(inputs[0])), self.elementwise_affine, self.bias, frozen=self.frozen)

    def norm(self, *inputs: TensorType) -> Norm:
        axes = len(inputs[0].spatial)
        return Norm(centres=axes > 0 and len(self._shape(inputs[0])) == axes)

    def bias_axis(self, *inputs: TensorType) -> int | None:
        x, learned = inputs[0], self.elementwise_affine and self.bias
        return len(x.sample) - 1 if learned and len(self._shape(x)) == 1 else None

    def rounding(self, *inputs: TensorType) -> Normalised:
        return Normalised(prod(self._shape(inputs[0])), self.eps)

    def torch(self, *inputs: TensorType) -> TorchModule:
        options = self.non_default("eps", "elementwise_affine", "bias")
        return TorchModule("nn.LayerNorm", (self._torch_shape(inputs[0]),), options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        shape = numbers(self._shape(inputs[0]))
        centred = _centred(build, values[0], len(shape))
        if prod(shape) == 1:
            # ONNX Runtime 1.21 to 1.23 refuses to normalise one element. It is its own mean, so 0 is left to scale.
            return _scaled(build, centred, bias=self.bias) if self.elementwise_affine else centred
        weight = build.parameter("weight") if self.elementwise_affine else build.floats(_ones(shape))
        bias = [build.parameter("bias")] if self.elementwise_affine and self.bias else []
        return build.node("LayerNormalization", centred, weight, *bias, axis=-len(shape), epsilon=self.eps)


@register
class RmsNorm(OverTrailing):
    """The last axes together by their root mean square (Zhang & Sennrich 2019): torch.nn.RMSNorm."""

    kind = "rmsnorm"
    added = frozenset(("frozen",))

    eps: Annotated[
        Epsilon | None, Expect("a number above 0 that float32 can hold (at least 1.18e-38), or none for 2^-23")
    ] = None
    elementwise_affine: Flag = True
    frozen: Flag = False

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return _affine(numbers(self._shape(inputs[0])), self.elementwise_affine, bias=False, frozen=self.frozen)

    def norm(self, *inputs: TensorType) -> Norm:
        return Norm()

    def bounds(self, ranges: tuple[Range, ...], *inputs: TensorType) -> Range:
        return ANY if self.elementwise_affine else ranges[0].signs

    def rounding(self, *inputs: TensorType) -> Normalised:
        return Normalised(prod(self._shape(inputs[0])), self._eps, centred=False)

    def torch(self, *inputs: TensorType) -> TorchModule:
        options = {"eps": self._eps} | self.non_default("elementwise_affine")
        return TorchModule("nn.RMSNorm", (self._torch_shape(inputs[0]),), options)

    def onnx(self, build: Builder, values: tuple[Ref, ...], *inputs: TensorType) -> Ref:
        # RMSNormalization is an operator of ONNX from opset 23 only.
        square = build.node("Mul", *values, *values)
        mean = build.node("ReduceMean", square, build.integers(list(range(-len(self._shape(inputs[0])), 0))))
        root = build.node("Sqrt", build.node("Add", mean, build.floats(self._eps)))
        normal = build.node("Div", *values, root)
        return build.node("Mul", normal, build.parameter("weight")) if self.elementwise_affine else normal

    @property
    def _eps(self) -> float:
        return RMS_EPS if self.eps is None else self.eps


def _require_affine(norm: Normalisation, affine: str, name: str) -> None:
    """Refuses a weight or bias that is asked for by ``name`` where ``affine`` leaves both out: in a call, or a default.

    What leaves it out once more says nothing wrong; nor does what nobody has written.
    """
    value = getattr(norm, name)
    if getattr(norm, affine) or value is False or name not in norm.model_fields_set:
        return
    asks = f"{name}=true asks for one of them" if value is True else f"{name} gives the numbers of one of them"
    raise Refusal(
        "S0305",
        f"{affine}=false leaves out weight and bias, and {asks}",
        argument=name,
        label=f"leave it out, or write {name}=false",
        against=affine,
    )


def _affine(shape: tuple[int, ...], affine: bool, bias: bool = True, *, frozen: bool) -> tuple[Parameter, ...]:
    if not affine:
        return ()
    weight = Parameter("weight", shape, Constant(1.0), trainable=not frozen)
    shift = Parameter("bias", shape, Constant(0.0), trainable=not frozen)
    return (weight, *((shift,) if bias else ()))


def _running(channels: int) -> tuple[Parameter, ...]:
    return (
        Parameter("running_mean", (channels,), Constant(0.0), trainable=False, buffer=True),
        Parameter("running_var", (channels,), Constant(1.0), trainable=False, buffer=True),
        Parameter("num_batches_tracked", (), Constant(0.0), trainable=False, buffer=True, integer=True),
    )


def _by_running(build: Builder, value: Ref, x: TensorType, norm: BatchNorm | InstanceNorm) -> Ref:
    """BatchNormalization by the statistics that training recorded."""
    statistics = build.parameter("running_mean"), build.parameter("running_var")
    options = {}
    if norm.momentum != _MOMENTUM:
        # ONNX's is the share of the running statistics that a batch leaves, PyTorch's that of the batch. The plain
        # average over all batches (None) is no fixed share: the 1 that PyTorch writes too leaves them as they are.
        options["momentum"] = 1.0 if norm.momentum is None else 1 - norm.momentum
    has_weight, has_bias = (norm.affine and getattr(norm, name, True) is not False for name in ("scale", "bias"))
    factors = _factors(build, x.channels, has_weight, has_bias)
    return build.node("BatchNormalization", value, *factors, *statistics, epsilon=norm.eps, **options)


def _scaled(build: Builder, value: Ref, shape: tuple[int, ...] | None = None, bias: bool = True) -> Ref:
    """``value`` times the weight, plus the bias, each laid out in ``shape`` (default: as it is)."""
    result = build.node("Mul", value, build.parameter("weight", shape))
    return build.node("Add", result, build.parameter("bias", shape)) if bias else result


def _factors(build: Builder, channels: int, weight: bool, bias: bool) -> tuple[Ref, Ref]:
    """Weight and bias; ONNX's normalisations want them even where PyTorch has none."""
    factor = build.parameter("weight") if weight else build.floats([1.0] * channels)
    return factor, build.parameter("bias") if bias else build.floats([0.0] * channels)


def _centred(build: Builder, value: Ref, axes: int) -> Ref:
    """``value`` less its mean over the last ``axes``, which a normalisation over them takes away anyway.

    At a mean of 1000, ONNX Runtime's normalisations of the raw input lose more digits than PyTorch's:
    its InstanceNormalization is three times as far off, its LayerNormalization of 1.20.1 (E[x²] - E[x]²) NaN.
    """
    return build.node("Sub", value, build.node("ReduceMean", value, build.integers(list(range(-axes, 0)))))


def _ones(shape: tuple[int, ...]) -> Nested:
    return [_ones(shape[1:])] * shape[0] if shape else 1.0
