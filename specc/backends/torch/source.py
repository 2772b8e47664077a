"""The graph as the PyTorch source that a person would have written: one class, one line a step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite, prod
from pathlib import PurePosixPath

from specc.backends.torch.layout import Call, Expr, Infix, Listing, Row, flat, statement
from specc.backends.torch.names import attribute, free, variables
from specc.ir.graph import Graph, Node
from specc.ir.init import INITIALISERS, Constant, Fixed, named
from specc.ir.op import Parameter
from specc.ir.torch import Own, TorchCall, TorchModule, Value
from specc.ir.types import TensorType

_INFIX = {"torch.add": "+", "torch.mul": "*"}
_UNFORMATTED = "fmt: skip"
_LONG_ROW = 60
"""Characters of a row of constants up to which it fits on a line at any depth of a 5-axis weight."""


def torch_source(graph: Graph) -> str:
    """A standalone Python file with the network as one ``nn.Module``; the text depends on the graph alone.

    Formatted as `ruff format --line-length 100` formats. Attributes carry the steps' names, so the
    state dict has the keys of ``graph.state``.

    Raises:
        ValueError, TypeError: an operator describes itself in a way this backend cannot render.
    """
    body = _forward(graph)
    made = [line for node in graph.nodes for line in _declare(node)]
    if made:
        body = ["    def __init__(self) -> None:", "        super().__init__()", *made, "", *body]
    functional = ["import torch.nn.functional as F"] if re.search(r"(?<![\w.])F\.", "\n".join(body)) else []
    return "\n".join(
        [
            f'"""{graph.name}, made by specc{_origin(graph)}."""',
            "",
            "import torch",
            *functional,
            "from torch import nn",
            "",
            "",
            f"class {class_name(graph)}(nn.Module):",
            *_docstring(graph),
            "",
            *body,
            "",
        ]
    )


def class_name(graph: Graph) -> str:
    """The model's name; with an underscore after it where Python or the file itself needs that name."""
    return free(graph.name)


def _origin(graph: Graph) -> str:
    """`` from lenet.cnn``: the files the steps stand in, without folders."""
    files = dict.fromkeys(node.span.source.name for node in graph.nodes)
    shown = (PurePosixPath(name).name for name in files if name != "<stdin>")
    text = ", ".join("".join(c if c.isprintable() and c not in '"\\' else "?" for c in name) for name in shown)
    return f" from {text}" if text else ""


def _docstring(graph: Graph) -> list[str]:
    weights = [p for _, p in graph.state if not p.buffer]
    total = sum(prod(p.shape) for p in weights)
    frozen = sum(prod(p.shape) for p in weights if not p.trainable)
    size = f"{total:,} parameter{'' if total == 1 else 's'}"
    if frozen:
        size += ", all frozen" if frozen == total else f", {frozen:,} of them frozen"
    inputs = [(port.name, port.type) for port in graph.inputs]
    outputs = [(port.name, port.type) for port, _ in graph.outputs]
    lines = [f"{graph.name}: {size}.", "", "Takes", *_ports(inputs), "Gives", *_ports(outputs)]
    if len(inputs) == len(outputs) == 1:
        lines = [f"{graph.name}: {inputs[0][1]} -> {outputs[0][1]}, {size}."]
    if class_name(graph) != graph.name:
        lines += ["", f"The class is not called {graph.name}: Python or this file needs that name."]
    if len(lines) == 1:
        return [f'    """{lines[0]}"""']
    return [f'    """{lines[0]}', *(f"    {line}".rstrip() for line in lines[1:]), '    """']


def _ports(ports: list[tuple[str, TensorType]]) -> list[str]:
    return [f"    {name}: {tensor}" for name, tensor in ports]


def _declare(node: Node) -> Iterator[str]:
    """The lines of ``__init__`` for one step."""
    made = node.op.torch(*node.input_types)
    if isinstance(made, TorchCall):
        for parameter in node.parameters:
            yield from _own(node, parameter)
        return
    place = _place(node, made)
    yield from statement(_call(made, _Arguments(node.name)), 8, f"{place} = ")
    for parameter in node.parameters:
        yield from _start(f"{place}.{parameter.name}", parameter)
    yield from _freeze(place, [p for p in node.parameters if not p.buffer])


def _place(node: Node, made: TorchModule | TorchCall) -> str:
    return attribute(node.name, "_modules" if isinstance(made, TorchModule) else "_parameters")


def _own(node: Node, parameter: Parameter) -> Iterator[str]:
    """``self.scale1 = nn.Parameter(…)``: the step is its own parameter."""
    if parameter.name or parameter.buffer or parameter.integer or not isinstance(parameter.init, Constant):
        raise ValueError(f"{node.name}: no way to declare {parameter} beside a function call")
    start = Call("torch.full", (_literal(parameter.shape), _literal(parameter.init.value)))
    frozen = () if parameter.trainable else ("requires_grad=False",)
    yield from statement(Call("nn.Parameter", (start, *frozen)), 8, f"{attribute(node.name, '_parameters')} = ")


def _start(place: str, parameter: Parameter) -> Iterator[str]:
    """How a layer's tensor starts, where that is not the layer's own way."""
    init = parameter.init
    if isinstance(init, Fixed):
        if parameter.buffer or parameter.integer:
            raise ValueError(f"{place}: no way to give a buffer its numbers")
        constant = _tensor(init.values, parameter.shape)
        comment = f"  # {_UNFORMATTED}" if _has_row(constant) else ""
        yield from statement(Call("nn.Parameter", (constant,)), 8, f"{place} = ", comment)
    elif init.name:
        if init not in (named(name, parameter.shape) for name in INITIALISERS):
            raise ValueError(f"{place}: {init} is not what {init.name} does by default")
        yield from statement(Call(init.name, (place,)), 8)


def _freeze(place: str, parameters: list[Parameter]) -> Iterator[str]:
    frozen = [p for p in parameters if not p.trainable]
    if frozen and len(frozen) == len(parameters):
        yield f"        {place}.requires_grad_(False)"
    else:
        yield from (f"        {place}.{p.name}.requires_grad_(False)" for p in frozen)


def _tensor(values: tuple[float, ...], shape: tuple[int, ...]) -> Expr:
    """The constant as ``torch.tensor``; one kernel that serves all filters is written once."""
    if prod(shape) != len(values):
        raise ValueError(f"{len(values)} numbers do not fill {shape}")
    one = len(values) // shape[0]
    if shape[0] > 1 and len(shape) > 1 and values == values[:one] * shape[0]:
        kernel = Call("torch.tensor", (_nested(values[:one], (1, *shape[1:])),))
        return Call("torch.tile", (kernel, _literal((shape[0], *(1,) * (len(shape) - 1)))))
    return Call("torch.tensor", (_nested(values, shape),))


def _nested(values: tuple[float, ...], shape: tuple[int, ...]) -> Expr:
    """Row-major ``values`` as nested lists."""
    if len(shape) == 1:
        numbers = tuple(flat(_literal(value)) for value in values)
        row = Row(numbers)
        return row if len(flat(row)) > _LONG_ROW else Listing(numbers, "[]")
    step = len(values) // shape[0]
    parts = (values[i * step : (i + 1) * step] for i in range(shape[0]))
    return Listing(tuple(_nested(part, shape[1:]) for part in parts), "[]")


def _has_row(expr: Expr) -> bool:
    if isinstance(expr, (Call, Listing)):
        return any(map(_has_row, expr.items))
    return isinstance(expr, Row)


def _forward(graph: Graph) -> list[str]:
    names = variables(tuple(p.name for p in graph.inputs), [n.name for n in graph.nodes], _chained(graph))
    parameters = ("self", *(f"{names[port.name]}: torch.Tensor" for port in graph.inputs))
    result = ["torch.Tensor"] * len(graph.outputs)
    returns = result[0] if len(result) == 1 else f"tuple[{', '.join(result)}]"
    lines = statement(Call("def forward", parameters), 4, after=f" -> {returns}:")
    for node in graph.nodes:
        value = _step(node, [names[v] for v in node.inputs])
        lines += statement(value, 8, f"{names[node.name]} = ", f"  # {node.type}")
    given = tuple(names[value] for _, value in graph.outputs)
    return lines + statement(given[0] if len(given) == 1 else Listing(given, ""), 8, "return ")


def _chained(graph: Graph) -> set[str]:
    """The values that only the very next step takes (after the last step: the result)."""
    users: dict[str, set[int]] = {port.name: set() for port in graph.inputs}
    users |= {node.name: set() for node in graph.nodes}
    for place, node in enumerate(graph.nodes):
        for value in node.inputs:
            users[value].add(place)
    for _, value in graph.outputs:
        users[value].add(len(graph.nodes))
    following = dict.fromkeys((port.name for port in graph.inputs), 0)
    following |= {node.name: place + 1 for place, node in enumerate(graph.nodes)}
    return {value for value, places in users.items() if places == {following[value]}}


def _step(node: Node, values: list[str]) -> Expr:
    """The step applied to its values, by the names of their variables."""
    made = node.op.torch(*node.input_types)
    place = _place(node, made)
    if isinstance(made, TorchModule):
        return Call(place, tuple(values))
    arguments = _Arguments(node.name, values, place)
    expr = _call(made, arguments)
    if arguments.seen != {*range(len(values)), *(p.name for p in node.parameters)}:
        raise ValueError(f"{node.name}: {made} leaves out an input or a parameter of the step")
    return expr


@dataclass
class _Arguments:
    """What `Value` and `Own` stand for in one step, and which of them have been used."""

    step: str
    values: list[str] = field(default_factory=list)
    own: str | None = None
    seen: set[int | str] = field(default_factory=set)

    def expr(self, argument: object) -> Expr:
        match argument:
            case Value(index) if index in range(len(self.values)):
                self.seen.add(index)
                return self.values[index]
            case Own("") if self.own is not None:
                self.seen.add("")
                return self.own
            case TorchCall() if self.values:
                return _call(argument, self)
            case tuple():
                return Listing(tuple(map(self.expr, argument)))
        try:
            return _literal(argument)
        except TypeError as error:
            raise TypeError(f"{self.step}: {error}") from None


def _call(made: TorchModule | TorchCall, arguments: _Arguments) -> Expr:
    if not re.fullmatch(r"(torch|nn|F)(\.\w+)+", made.name):
        raise ValueError(f"{arguments.step}: {made.name} is none of torch, nn and F")
    if made.name in _INFIX and len(made.args) == 2 and not made.kwargs:
        return Infix(_INFIX[made.name], tuple(_operand(arguments.expr(a)) for a in _folded(made)))
    options = (f"{name}={flat(arguments.expr(value))}" for name, value in made.kwargs.items())
    return Call(made.name, (*map(arguments.expr, made.args), *options))


def _folded(made: TorchModule | TorchCall) -> list[object]:
    """The operands of ``f(f(f(a, b), c), d)``: a, b, c, d."""
    operands: list[object] = []
    rest: object = made
    while isinstance(rest, type(made)) and rest.name == made.name and len(rest.args) == 2 and not rest.kwargs:
        rest, operand = rest.args
        operands.insert(0, operand)
    return [rest, *operands]


def _operand(expr: Expr) -> Expr:
    return f"({flat(expr)})" if isinstance(expr, Infix) else expr


def _literal(value: object) -> Expr:
    """A plain value that reads back as itself, floats to the last bit.

    Raises:
        TypeError: any other kind of value.
    """
    if isinstance(value, tuple):
        return Listing(tuple(map(_literal, value)))
    if type(value) is float:
        return repr(value) if isfinite(value) else f'float("{value}")'
    if type(value) is str:
        return json.dumps(value)
    if value is None or type(value) in (bool, int):
        return repr(value)
    raise TypeError(f"no way to write {value!r} as an argument")
