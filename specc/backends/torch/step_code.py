"""One step in PyTorch text: the call, its arguments, how its tensors start.

Numbers and other plain arguments are holes in the text, with their values in a list beside it (`Fillings`): where steps
of several places share their text, these are what may differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, prod

from specc.backends.torch.python import Expr, Hole, Infix, Keyword, Listing, NumberRow, PythonCall, flat, walk
from specc.ir.graph import Node
from specc.ir.init import INITIALISERS, Constant, Fixed, Init, named
from specc.ir.op import Op, Parameter
from specc.ir.targets import Numbers, Own, SizeFormula, SizeOf, SpatialSizesOf, TorchCall, TorchModule, Value

TorchStep = TorchModule | TorchCall

_INFIX = {"torch.add": "+", "torch.sub": "-", "torch.mul": "*", "torch.div": "/"}
_UNFORMATTED = "  # fmt: skip"
_LONG_ROW = 60
"""Characters of a row of constants up to which it fits on a line at any depth of a 5-axis weight."""

NOTHING = object()
"""No default."""

CHANNELS = frozenset(
    """
    channels in_channels out_channels in_features out_features num_features num_channels normalized_shape embed_dim
    length
    """.split()
)
"""Arguments that count channels: one may be a multiple of another (``4 * c``), and they are passed by position."""

# What PyTorch calls the arguments that are passed by position; the number of axes in a name is left out.
_POSITIONAL = {
    "nn.Conv": ("in_channels", "out_channels", "kernel_size"),
    "nn.ConvTranspose": ("in_channels", "out_channels", "kernel_size"),
    "nn.Linear": ("in_features", "out_features"),
    "nn.BatchNorm": ("num_features",),
    "nn.InstanceNorm": ("num_features",),
    "nn.GroupNorm": ("num_groups", "num_channels"),
    "nn.LayerNorm": ("normalized_shape",),
    "nn.RMSNorm": ("normalized_shape",),
    "nn.MultiheadAttention": ("embed_dim", "num_heads"),
    "F.max_pool": ("input", "kernel_size", "stride", "padding"),
    "F.avg_pool": ("input", "kernel_size", "stride", "padding"),
    "F.lp_pool": ("input", "norm_type", "kernel_size", "stride"),
    "F.adaptive_avg_pool": ("input", "output_size"),
    "F.adaptive_max_pool": ("input", "output_size"),
    "F.pad": ("input", "pad"),
    "F.local_response_norm": ("input", "size"),
    "F.pixel_shuffle": ("input", "upscale_factor"),
    "F.pixel_unshuffle": ("input", "downscale_factor"),
    "F.channel_shuffle": ("input", "groups"),
    "F.threshold": ("input", "threshold", "value"),
    "torch.pow": ("input", "exponent"),
    "torch.flatten": ("input", "start_dim"),
    "torch.reshape": ("input", "shape"),
    "torch.permute": ("input", "dims"),
    "torch.narrow": ("input", "dim", "start", "length"),
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A plain argument by PyTorch's name for it, or the `Layer` of a slot."""

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Options:
    """The plain keyword arguments of one call; those with a default may be left out.

    Attributes:
        defaults: PyTorch's, of all that the operator has, in PyTorch's order.
    """

    values: Mapping[str, object]
    defaults: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Layer:
    """The layer in a slot, without tensors: as a module, and as a function where the slot is no argument."""

    module: Expr
    function: Expr


Fillings = list[Literal | Options]
"""The values of a text's "literal", "slot" and "options" holes, by the number of the hole."""


IDENTITY = Layer(PythonCall("nn.Identity", ()), Hole("value", 0))
"""The slot is identity: nothing is called."""

# The modules that are a function of one value, by the function; the number of axes in a name is left out.
_MODULES = {
    "F.relu": "nn.ReLU",
    "F.relu6": "nn.ReLU6",
    "F.leaky_relu": "nn.LeakyReLU",
    "F.elu": "nn.ELU",
    "F.selu": "nn.SELU",
    "F.celu": "nn.CELU",
    "F.gelu": "nn.GELU",
    "F.silu": "nn.SiLU",
    "F.mish": "nn.Mish",
    "torch.sigmoid": "nn.Sigmoid",
    "torch.tanh": "nn.Tanh",
    "F.softplus": "nn.Softplus",
    "F.softsign": "nn.Softsign",
    "F.hardsigmoid": "nn.Hardsigmoid",
    "F.hardswish": "nn.Hardswish",
    "F.hardtanh": "nn.Hardtanh",
    "F.logsigmoid": "nn.LogSigmoid",
    "F.softshrink": "nn.Softshrink",
    "F.hardshrink": "nn.Hardshrink",
    "F.tanhshrink": "nn.Tanhshrink",
    "F.threshold": "nn.Threshold",
    "F.glu": "nn.GLU",
    "F.softmin": "nn.Softmin",
    "F.softmax": "nn.Softmax",
    "F.log_softmax": "nn.LogSoftmax",
    "F.max_pool": "nn.MaxPool",
    "F.avg_pool": "nn.AvgPool",
    "F.lp_pool": "nn.LPPool",
    "F.adaptive_avg_pool": "nn.AdaptiveAvgPool",
    "F.adaptive_max_pool": "nn.AdaptiveMaxPool",
    "F.local_response_norm": "nn.LocalResponseNorm",
}


def layer(step: TorchStep) -> Layer | None:
    """The step as a layer that can be an argument of a class; None where it has tensors, or is no module's function."""
    if not isinstance(step, TorchCall) or step.args[:1] != (Value(),):
        return None
    axes = re.search(r"\d+d$", step.name)
    suffix = axes[0] if axes else ""
    module = _MODULES.get(step.name.removesuffix(suffix))
    if module is None or not all(map(_is_plain, (*step.args[1:], *step.kwargs.values()))):
        return None
    options = (*map(literal, step.args[1:]), *(Keyword(name, literal(value)) for name, value in step.kwargs.items()))
    return Layer(PythonCall(module + suffix, options), PythonCall(step.name, (Hole("value", 0), *options)))


def slotted(slot: str, value_layer: Layer, value: Hole, fillings: Fillings) -> Expr:
    """A value through the layer that is in a slot here."""
    fillings.append(Literal(slot, value_layer))
    return PythonCall(Hole("slot", len(fillings) - 1), (value,))


def applied(node: Node, step: TorchStep, place: Expr | None, values: tuple[Hole, ...], fillings: Fillings) -> Expr:
    """The step applied to its values.

    Args:
        place: its module or parameter, where it has one.
    """
    call = _Call(node, fillings, values, place)
    if isinstance(step, TorchModule):
        head, how = place if isinstance(place, Hole) else flat(place or ""), step.call
        result = PythonCall(head, values)
        if how is not None:
            options = [Keyword(name, literal(value)) for name, value in how.kwargs.items()]
            taken = [call.argument(argument, "value") for argument in how.args]
            result = PythonCall(head, (*taken, *options), "" if how.item is None else f"[{how.item}]")
        return result if step.then is None else _Call(node, fillings, (result,)).expr(step.then)
    expr = call.expr(step, node.op)
    if call.used != {*range(len(values)), *(p.name for p in node.parameters)}:
        raise ValueError(f"{node.name}: {step} leaves out an input or a parameter of the step")
    return expr


@dataclass
class _Call:
    """Writes the call of a step.

    Attributes:
        values: the step's inputs.
        own: its own parameter, where it is one.
        used: which of these, by number and name, are in the text.
    """

    node: Node
    fillings: Fillings
    values: tuple[Expr, ...] = ()
    own: Expr | None = None
    used: set[int | str] = field(default_factory=set)

    def expr(self, step: TorchStep, op: Op | None = None) -> Expr:
        """``step`` with its arguments; those of ``op``'s own call may be left out where they are the default."""
        if not re.fullmatch(r"(torch|nn|F)(\.\w+)+", step.name):
            raise ValueError(f"{self.node.name}: {step.name} is none of torch, nn and F")
        if step.name in _INFIX and len(step.args) == 2 and not step.kwargs:
            return _infix(_INFIX[step.name], [self.argument(operand, "value") for operand in _operands(step)])
        names = _POSITIONAL.get(re.sub(r"\d+d$", "", step.name), ())
        names = (*names, *["value"] * len(step.args))
        return PythonCall(step.name, (*map(self.argument, step.args, names), *self._keywords(step, op)))

    def argument(self, argument: object, name: str) -> Expr:
        match argument:
            case Value(index) if index in range(len(self.values)):
                self.used.add(index)
                return self.values[index]
            case SizeOf(axis, index) if index in range(len(self.values)):
                self.used.add(index)
                return PythonCall(replace(self._input(index), detail=(".size",)), (repr(axis),))
            case SpatialSizesOf(index) if index in range(len(self.values)):
                self.used.add(index)
                return replace(self._input(index), detail=(".shape[2:]",))
            case SizeFormula(operator, operands):
                return _infix(operator, [self.argument(operand, name) for operand in operands])
            case Own("") if self.own is not None:
                self.used.add("")
                return self.own
            case Numbers(numbers, behind) if self.values:
                self.used.add(0)
                columns = [_bracketed(literal(number), behind) for number in numbers]
                like = [Keyword(name, replace(self._input(0), detail=(f".{name}",))) for name in ("dtype", "device")]
                return PythonCall("torch.tensor", (Listing(tuple(columns), "[]"), *like))
            case TorchCall() if self.values:
                return self.expr(argument)
            case TorchModule():
                return self.expr(argument)
            case tuple() if not _is_plain(argument):
                return Listing(tuple(self.argument(part, name) for part in argument))
        try:
            literal(argument)
        except TypeError as error:
            raise TypeError(f"{self.node.name}: {error}") from None
        self.fillings.append(Literal(name, argument))
        return Hole("literal", len(self.fillings) - 1)

    def _input(self, index: int) -> Hole:
        value = self.values[index]
        assert isinstance(value, Hole), "only the step's own inputs are asked for their sizes"
        return value

    def _keywords(self, step: TorchStep, op: Op | None) -> list[Expr]:
        plain = {name: value for name, value in step.kwargs.items() if _is_plain(value)}
        for value in plain.values():
            literal(value)  # refused here, where the step is known
        others: list[Expr] = [
            Keyword(name, self.argument(value, name)) for name, value in step.kwargs.items() if name not in plain
        ]
        fields = type(op).model_fields if op else {}
        defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
        if not plain and not defaults:
            return others
        # Attributes that are set and yet no argument: only where these agree may an argument be left out.
        unwritten = tuple(name for name, value in defaults.items() if name not in plain and getattr(op, name) != value)
        required = tuple(name for name in plain if name not in defaults)
        self.fillings.append(Options(plain, defaults))
        return [*others, Hole("options", len(self.fillings) - 1, (type(op).__name__, unwritten, required))]


def _is_plain(argument: object) -> bool:
    if isinstance(argument, tuple):
        return all(map(_is_plain, argument))
    return not isinstance(argument, (Value, Own, SizeOf, SpatialSizesOf, SizeFormula, Numbers, TorchCall, TorchModule))


def _infix(operator: str, operands: list[Expr]) -> Infix:
    """The operator between its operands: formulas among them in parentheses, but for quotients in a difference."""

    def operand(part: Expr) -> Expr:
        is_bare = not isinstance(part, Infix) or (operator, part.operator) == ("-", "//")
        return part if is_bare else PythonCall("", (part,))

    return Infix(operator, tuple(map(operand, operands)))


def _bracketed(number: Expr, times: int) -> Expr:
    """``[[number]]``"""
    for _ in range(times):
        number = Listing((number,), "[]")
    return number


def _operands(step: TorchStep) -> list[object]:
    """Those of ``f(f(f(a, b), c), d)``: a, b, c, d."""
    operands: list[object] = []
    rest: object = step
    while isinstance(rest, type(step)) and rest.name == step.name and len(rest.args) == 2 and not rest.kwargs:
        rest, operand = rest.args
        operands.append(operand)
    return [rest, *reversed(operands)]


def literal(value: object) -> Expr:
    """A plain value that reads back as itself, floats to the last bit.

    Raises:
        TypeError: any other kind of value.
    """
    if isinstance(value, tuple):
        return Listing(tuple(map(literal, value)))
    if type(value) is float:
        return repr(value) if isfinite(value) else f'float("{value}")'
    if type(value) is str:
        return json.dumps(value)
    if value is None or type(value) in (bool, int):
        return repr(value)
    if isinstance(value, Layer):
        return value.module
    raise TypeError(f"no way to write {value!r} as an argument")


@dataclass(frozen=True, slots=True)
class Line:
    """A statement: ``before`` + expression + ``after``."""

    expr: Expr
    before: str = ""
    after: str = ""


def constructed(node: Node, step: TorchStep, fillings: Fillings) -> Expr:
    """What ``__init__`` makes for a step that has a module or is its own parameter."""
    call = _Call(node, fillings)
    if isinstance(step, TorchModule):
        return call.expr(step, node.op)
    (own,) = node.parameters
    if own.name or own.buffer or own.integer or not isinstance(own.init, Constant):
        raise ValueError(f"{node.name}: no way to declare {own} beside a function call")
    shape, value = call.argument(own.shape, "channels"), call.argument(own.init.value, "value")
    frozen = () if own.trainable else ("requires_grad=False",)
    return PythonCall("nn.Parameter", (PythonCall("torch.full", (shape, value)), *frozen))


def started(node: Node, step: TorchStep, place: str) -> tuple[Line, ...]:
    """How a layer's tensors start, where that is not the layer's own way, and which are frozen."""
    if isinstance(step, TorchCall):
        return ()
    starts = [_start(f"{place}.{parameter.name}", parameter) for parameter in node.parameters]
    weights = [p for p in node.parameters if not p.buffer]
    frozen = [f"{place}.{p.name}" for p in weights if not p.trainable]
    if frozen and len(frozen) == len(weights):
        frozen = [place]
    return (*filter(None, starts), *(Line(f"{tensor}.requires_grad_(False)") for tensor in frozen))


def _start(place: str, parameter: Parameter) -> Line | None:
    init = parameter.init
    if isinstance(init, Fixed):
        if parameter.integer:
            raise ValueError(f"{place}: no way to give a count its number")
        constant = _tensor(init.values, parameter.shape)
        has_row = any(isinstance(part, NumberRow) for part in walk(constant))
        # ruff would put each number of a long row on a line of its own.
        whole = constant if parameter.buffer else PythonCall("nn.Parameter", (constant,))
        return Line(whole, f"{place} = ", _UNFORMATTED if has_row else "")
    if parameter.beside:
        fills: dict[Init, str] = {Constant(0.0): "torch.zeros_like", Constant(1.0): "torch.ones_like"}
        like = PythonCall(fills[init], (f"{place.rpartition('.')[0]}.running_mean",))
        return Line(PythonCall("nn.Parameter", (like,)), f"{place} = ")
    if not init.name:
        return None
    if init not in (named(name, parameter.shape) for name in INITIALISERS):
        raise ValueError(f"{place}: {init} is not what {init.name} does by default")
    return Line(PythonCall(init.name, (place,)))


def _tensor(values: tuple[float, ...], shape: tuple[int, ...]) -> Expr:
    """The constant as ``torch.tensor``; one kernel that serves all filters is there once."""
    if prod(shape) != len(values):
        raise ValueError(f"{len(values)} numbers do not fill {shape}")
    one = len(values) // shape[0]
    if shape[0] > 1 and len(shape) > 1 and values == values[:one] * shape[0]:
        kernel = PythonCall("torch.tensor", (_nested(values[:one], (1, *shape[1:])),))
        return PythonCall("torch.tile", (kernel, literal((shape[0], *(1,) * (len(shape) - 1)))))
    return PythonCall("torch.tensor", (_nested(values, shape),))


def _nested(values: tuple[float, ...], shape: tuple[int, ...]) -> Expr:
    """Row-major ``values`` as nested lists."""
    if len(shape) == 1:
        numbers = tuple(flat(literal(value)) for value in values)
        row = NumberRow(numbers)
        return row if len(flat(row)) > _LONG_ROW else Listing(numbers, "[]")
    step = len(values) // shape[0]
    parts = (values[i * step : (i + 1) * step] for i in range(shape[0]))
    return Listing(tuple(_nested(part, shape[1:]) for part in parts), "[]")
