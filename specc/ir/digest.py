"""What a network means, as one number: the same for every spelling of it, another for every other meaning."""

from __future__ import annotations

import json

from specc.ir.graph import Graph, Node, Port
from specc.ir.op import Parameter
from specc.ir.record import Record
from specc.ir.size import Size
from specc.ir.symbols import Symbol
from specc.ir.types import TensorType

FORMAT = 1
"""Of the canonical description: it grows with every change of it, and no old hash fits then."""


def digest(graph: Graph) -> str:
    """``sha256:`` and 64 hexadecimal digits: the same in every process, on every machine.

    It comes from the names, types and order of the inputs and outputs, what is asked of symbolic sizes, and of every
    step the name, the operator with all its attributes, what it takes, what it gives, and its tensors with how they
    start. Blanks, comments and how steps are grouped into blocks are not in it, but for the names that come of it.
    """
    from hashlib import sha256  # loads OpenSSL

    return "sha256:" + sha256(canonical(graph).encode("utf-8", "surrogatepass")).hexdigest()


def canonical(graph: Graph) -> str:
    """The description that is hashed, as JSON."""
    sizes = (size for x in _types(graph) for size in x.shape if isinstance(size, Size))
    symbols = {symbol.name: symbol for size in sizes for symbol in size.symbols}
    value = {
        "format": FORMAT,
        "name": graph.name,
        "symbols": [_symbol(symbols[name]) for name in sorted(symbols)],
        "inputs": [_port(port) for port in graph.inputs],
        "outputs": [[*_port(port), value] for port, value in graph.outputs],
        "steps": [_step(node) for node in graph.nodes],
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _types(graph: Graph) -> list[TensorType]:
    return [*(port.type for port in graph.inputs), *(node.type for node in graph.nodes)]


def _port(port: Port) -> list[object]:
    return [port.name, _plain(port.type)]


def _symbol(symbol: Symbol) -> list[object]:
    return [symbol.name, symbol.least, symbol.most, symbol.modulus, symbol.residue]


def _step(node: Node) -> dict[str, object]:
    return {
        "name": node.name,
        "owner": node.owner,
        "operator": node.op.kind,
        "attributes": {name: _plain(getattr(node.op, name)) for name in type(node.op).model_fields},
        "inputs": list(node.inputs),
        "type": _plain(node.type),
        "parameters": [_parameter(parameter) for parameter in node.parameters],
    }


def _parameter(parameter: Parameter) -> list[object]:
    return [_plain(getattr(parameter, name)) for name in Parameter.__match_args__]


def _plain(value: object) -> object:
    """The value in terms of JSON, in which 1, 1.0, true and "1" are four things. Raises TypeError for others."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple():
            return [_plain(part) for part in value]
        case Size():
            return {"size": str(value)}
        case TensorType():
            return [_plain(size) for size in value.shape]
        case Record():
            return {type(value).__name__: [_plain(getattr(value, name)) for name in value.__match_args__]}
    raise TypeError(f"{type(value).__name__} has no place in the description of a network")
