"""One step in PyTorch text: the call, its arguments, how its tensors start.

Numbers and other plain arguments are holes in the text, and noted beside it: where steps of several places
share their text, these are what may differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, prod

from specc.backends.torch.python import Expr, Hole, Infix, Keyword, Listing, NumberRow, PythonCall, flat
from specc.ir.graph import Node
from specc.ir.init import INITIALISERS, Constant, Fixed, named
from specc.ir.op import Op, Parameter
from specc.ir.targets import Own, SizeOf, TorchCall, TorchModule, Value

Made = TorchModule | TorchCall

_INFIX = {"torch.add": "+", "torch.mul": "*"}
_UNFORMATTED = "  # fmt: skip"
_LONG_ROW = 60
"""Characters of a row of constants up to which it fits on a line at any depth of a 5-axis weight."""

NOTHING = object()
"""No default."""

CHANNELS = frozenset(
    """
    channels in_channels out_channels in_features out_features num_features num_channels normalized_shape length
    """.split()
)
"""Arguments that count channels: they may be told from one another (``4 * c``), and are passed by position."""

# What PyTorch calls the arguments that are written by position; the number of axes in a name is left out.
_POSITIONAL = {
    "nn.Conv": ("in_channels", "out_channels", "kernel_size"),
    "nn.ConvTranspose": ("in_channels", "out_channels", "kernel_size"),
    "nn.Linear": ("in_features", "out_features"),
    "nn.BatchNorm": ("num_features",),
    "nn.InstanceNorm": ("num_features",),
    "nn.GroupNorm": ("num_groups", "num_channels"),
    "nn.LayerNorm": ("normalized_shape",),
    "nn.RMSNorm": ("normalized_shape",),
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
    "torch.flatten": ("input", "start_dim"),
    "torch.reshape": ("input", "shape"),
    "torch.permute": ("input", "dims"),
    "torch.narrow": ("input", "dim", "start", "length"),
}


@dataclass(frozen=True, slots=True)
class Hint:
    """What is known of an argument besides its values: PyTorch's name and default for it."""

    name: str
    default: object = NOTHING


@dataclass(frozen=True, slots=True)
class Literal:
    """A plain value of one place, or the `Layer` of a slot."""

    hint: Hint
    value: object


@dataclass(frozen=True, slots=True)
class Options:
    """The plain keyword arguments of one call; those with a default may be left out."""

    values: Mapping[str, object]
    defaults: Mapping[str, object]
    """PyTorch's, of all that the operator has, in PyTorch's order."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a slot stands for, without tensors: the module that it is, and the call where the slot is no argument."""

    made: Expr
    called: Expr


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
    "F.softmax": "nn.Softmax",
    "F.log_softmax": "nn.LogSoftmax",
    "F.max_pool": "nn.MaxPool",
    "F.avg_pool": "nn.AvgPool",
    "F.lp_pool": "nn.LPPool",
    "F.adaptive_avg_pool": "nn.AdaptiveAvgPool",
    "F.adaptive_max_pool": "nn.AdaptiveMaxPool",
    "F.local_response_norm": "nn.LocalResponseNorm",
}


def layer(made: Made) -> Layer | None:
    """The step as a layer that can be an argument of a class; None where it has tensors, or is no module's function."""
    if not isinstance(made, TorchCall) or made.args[:1] != (Value(),):
        return None
    axes = re.search(r"\d+d$", made.name)
    module = _MODULES.get(made.name.removesuffix(axes[0]) if axes else made.name)
    if module is None or not all(map(_plain, (*made.args[1:], *made.kwargs.values()))):
        return None
    said = (*map(literal, made.args[1:]), *(Keyword(name, literal(value)) for name, value in made.kwargs.items()))
    return Layer(PythonCall(module + (axes[0] if axes else ""), said), PythonCall(made.name, (Hole("value", 0), *said)))


Noted = list[Literal | Options]


def note(value: object, hint: Hint, noted: Noted) -> Hole:
    noted.append(Literal(hint, value))
    return Hole("literal", len(noted) - 1)


@dataclass
class Arguments:
    """What stands for a step's inputs and its own parameter, and which of them have been used."""

    node: Node
    noted: Noted
    values: tuple[Hole, ...] = ()
    own: Expr | None = None
    seen: set[int | str] = field(default_factory=set)

    def expr(self, argument: object, hint: Hint) -> Expr:
        match argument:
            case Value(index) if index in range(len(self.values)):
                self.seen.add(index)
                return self.values[index]
            case SizeOf(axis, index) if index in range(len(self.values)):
                self.seen.add(index)
                return PythonCall(replace(self.values[index], detail=(".size",)), (repr(axis),))
            case Own("") if self.own is not None:
                self.seen.add("")
                return self.own
            case TorchCall() if self.values:
                return call(argument, self)
            case tuple() if not _plain(argument):
                return Listing(tuple(self.expr(part, hint) for part in argument))
        try:
            literal(argument)
        except TypeError as error:
            raise TypeError(f"{self.node.name}: {error}") from None
        return note(argument, hint, self.noted)


def applied(node: Node, made: Made, place: Expr | None, values: tuple[Hole, ...], noted: Noted) -> Expr:
    """The step applied to its values.

    Args:
        place: its module or parameter, where it has one.
    """
    if isinstance(made, TorchModule):
        return PythonCall(_head(place), values)
    arguments = Arguments(node, noted, values, place)
    expr = call(made, arguments, node.op)
    if arguments.seen != {*range(len(values)), *(p.name for p in node.parameters)}:
        raise ValueError(f"{node.name}: {made} leaves out an input or a parameter of the step")
    return expr


def slotted(slot: str, of: Layer, value: Hole, noted: Noted) -> Expr:
    """A value through the layer that a slot stands for here."""
    noted.append(Literal(Hint(slot), of))
    return PythonCall(Hole("slot", len(noted) - 1), (value,))


def _head(place: Expr | None) -> str | Hole:
    return place if isinstance(place, Hole) else flat(place or "")


def call(made: Made, arguments: Arguments, op: Op | None = None) -> Expr:
    """``made`` with its arguments; those of ``op``'s own call may be left out where they are the default."""
    if not re.fullmatch(r"(torch|nn|F)(\.\w+)+", made.name):
        raise ValueError(f"{arguments.node.name}: {made.name} is none of torch, nn and F")
    if made.name in _INFIX and len(made.args) == 2 and not made.kwargs:
        operands = (_operand(arguments.expr(a, Hint("value"))) for a in _folded(made))
        return Infix(_INFIX[made.name], tuple(operands))
    hints = _POSITIONAL.get(re.sub(r"\d+d$", "", made.name), ())
    named_by = [Hint(name) for name in hints] + [Hint("value")] * len(made.args)
    positional = tuple(map(arguments.expr, made.args, named_by))
    return PythonCall(made.name, (*positional, *_keywords(made, arguments, op)))


def _keywords(made: Made, arguments: Arguments, op: Op | None) -> list[Expr]:
    plain = {name: value for name, value in made.kwargs.items() if _plain(value)}
    for value in plain.values():
        literal(value)
    others: list[Expr] = [Keyword(n, arguments.expr(v, Hint(n))) for n, v in made.kwargs.items() if n not in plain]
    defaults = _defaults(op) if op else {}
    # Attributes that are set and yet no argument: only where these agree may an argument be left out.
    unsaid = tuple(name for name, default in defaults.items() if name not in plain and getattr(op, name) != default)
    required = tuple(name for name in plain if name not in defaults)
    if not plain and not defaults:
        return others
    arguments.noted.append(Options(plain, defaults))
    return [*others, Hole("options", len(arguments.noted) - 1, (type(op).__name__, unsaid, required))]


def _defaults(op: Op) -> Mapping[str, object]:
    fields = type(op).model_fields
    return {name: f.default for name, f in fields.items() if not f.is_required()}


def _plain(argument: object) -> bool:
    if isinstance(argument, tuple):
        return all(map(_plain, argument))
    return not isinstance(argument, (Value, Own, SizeOf, TorchCall))


def _folded(made: Made) -> list[object]:
    """The operands of ``f(f(f(a, b), c), d)``: a, b, c, d."""
    operands: list[object] = []
    rest: object = made
    while isinstance(rest, type(made)) and rest.name == made.name and len(rest.args) == 2 and not rest.kwargs:
        rest, operand = rest.args
        operands.append(operand)
    return [rest, *reversed(operands)]


def _operand(expr: Expr) -> Expr:
    return PythonCall("", (expr,)) if isinstance(expr, Infix) else expr


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
        return value.made
    raise TypeError(f"no way to write {value!r} as an argument")


@dataclass(frozen=True, slots=True)
class Line:
    """A statement: ``before`` + expression + ``after``."""

    expr: Expr
    before: str = ""
    after: str = ""


def constructed(node: Node, made: Made, noted: Noted) -> Expr:
    """What ``__init__`` makes for a step that has a module or is its own parameter."""
    if isinstance(made, TorchModule):
        return call(made, Arguments(node, noted), node.op)
    (own,) = node.parameters
    if own.name or own.buffer or own.integer or not isinstance(own.init, Constant):
        raise ValueError(f"{node.name}: no way to declare {own} beside a function call")
    shape = note(own.shape, Hint("channels"), noted)
    start = PythonCall("torch.full", (shape, note(own.init.value, Hint("value"), noted)))
    frozen = () if own.trainable else ("requires_grad=False",)
    return PythonCall("nn.Parameter", (start, *frozen))


def started(node: Node, made: Made, place: str) -> tuple[Line, ...]:
    """How a layer's tensors start, where that is not the layer's own way, and which are frozen."""
    if isinstance(made, TorchCall):
        return ()
    lines = [line for parameter in node.parameters for line in _start(f"{place}.{parameter.name}", parameter)]
    return (*lines, *_freeze(place, [p for p in node.parameters if not p.buffer]))


def _start(place: str, parameter: Parameter) -> list[Line]:
    init = parameter.init
    if isinstance(init, Fixed):
        if parameter.buffer or parameter.integer:
            raise ValueError(f"{place}: no way to give a buffer its numbers")
        constant = _tensor(init.values, parameter.shape)
        return [
            Line(PythonCall("nn.Parameter", (constant,)), f"{place} = ", _UNFORMATTED if _has_row(constant) else "")
        ]
    if not init.name:
        return []
    if init not in (named(name, parameter.shape) for name in INITIALISERS):
        raise ValueError(f"{place}: {init} is not what {init.name} does by default")
    return [Line(PythonCall(init.name, (place,)))]


def _freeze(place: str, parameters: list[Parameter]) -> list[Line]:
    frozen = [p for p in parameters if not p.trainable]
    if frozen and len(frozen) == len(parameters):
        return [Line(f"{place}.requires_grad_(False)")]
    return [Line(f"{place}.{p.name}.requires_grad_(False)") for p in frozen]


def _tensor(values: tuple[float, ...], shape: tuple[int, ...]) -> Expr:
    """The constant as ``torch.tensor``; one kernel that serves all filters is written once."""
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


def _has_row(expr: Expr) -> bool:
    if isinstance(expr, (PythonCall, Listing)):
        return any(map(_has_row, expr.items))
    return isinstance(expr, NumberRow)
