"""The digest of a network: one number for all spellings of it, another for every other meaning."""

from __future__ import annotations

import json

from specc.ir.graph import Graph
from specc.ir.op import Op
from specc.ir.record import Record
from specc.ir.size import Size
from specc.ir.types import TensorType

FORMAT = 1
"""Of the canonical description: it grows with every change of it, and no old hash fits then."""


def digest(graph: Graph) -> str:
    """``sha256:`` and 64 hexadecimal digits: the same in every process, on every machine.

    It comes from the names, types and order of the inputs and outputs, the conditions on symbolic sizes, and of every
    step the name, the operator with all its attributes, what it takes, what it gives, and its tensors with how they
    start. Blanks, comments and how steps are grouped into blocks are not in it, but for the names that come of it.
    """
    from hashlib import sha256  # loads OpenSSL

    return "sha256:" + sha256(canonical(graph).encode("utf-8", "surrogatepass")).hexdigest()


def canonical(graph: Graph) -> str:
    """The description that is hashed, as JSON."""
    types = (*(port.type for port in graph.inputs), *(node.type for node in graph.nodes))
    sizes = (size for x in types for size in x.shape if isinstance(size, Size))
    symbols = {symbol.name: symbol for size in sizes for symbol in size.symbols}
    value = {
        "format": FORMAT,
        "name": graph.name,
        "symbols": [[name, s.least, s.most, s.modulus, s.residue] for name, s in sorted(symbols.items())],
        "inputs": [[p.name, _plain(p.type), *([p.dtype] if p.is_cast else [])] for p in graph.inputs],
        "outputs": [[port.name, _plain(port.type), value] for port, value in graph.outputs],
        "steps": [
            {
                "name": node.name,
                "owner": node.owner,
                "operator": node.op.kind,
                "attributes": {name: _plain(value) for name, value in _attributes(node.op).items()},
                "inputs": list(node.inputs),
                "type": _plain(node.type),
                "parameters": [[*map(_plain, vars(parameter).values())] for parameter in node.parameters],
            }
            for node in graph.nodes
        ],
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _attributes(op: Op) -> dict[str, object]:
    """All of them, but for later ones (`Op.added`) that have their default: hashes that were made before still fit."""
    unchanged = op.added - op.non_default(*op.added).keys() if op.added else ()
    return {name: getattr(op, name) for name in type(op).model_fields if name not in unchanged}


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
            return {type(value).__name__: [*map(_plain, vars(value).values())]}
    raise TypeError(f"{type(value).__name__} has no place in the description of a network")
