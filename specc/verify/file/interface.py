"""Whether a file's inputs and outputs are the spec's: names, order, types, and what their sizes claim.

An application sees the interface and nothing else, so it is the spec's to the letter, but for two things that others
write differently: what symbolic sizes are called, and how the size of an output is spelled or left open. What a name
claims must still be true: a size called like another one is as large as that, and a formula is the spec's formula at
every size that the contract allows.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import onnx
from onnx import TensorShapeProto, ValueInfoProto

from specc.ir.graph import Graph, Port
from specc.ir.size import Dim, Size
from specc.verify.file.declared import as_declared, fed
from specc.words import plural


@dataclass
class Interface:
    """What has been found; ``faults`` fail the proof, ``notes`` do not.

    Attributes:
        sizes: what the names of sizes in the file stand for.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sizes: dict[str, Dim] = field(default_factory=dict)


def interface(graph: Graph, proto: onnx.ModelProto) -> Interface:
    """The file's inputs and outputs against the graph's."""
    found = Interface()
    _compare(found, "input", fed(proto), graph.inputs)
    _compare(found, "output", proto.graph.output, [port for port, _ in graph.outputs])
    if found.faults and proto.producer_name == "pytorch":
        found.faults[-1] += f". {_export(graph)} writes what the spec says"
    return found


def _compare(found: Interface, what: str, values: Sequence[ValueInfoProto], ports: Sequence[Port]) -> None:
    if len(values) != len(ports):
        found.faults.append(_count(what, [str(as_declared(v)) for v in values], [_wanted(p) for p in ports]))
        return
    for value, port in zip(values, ports, strict=True):
        reason = _difference(found, what, value, port)
        if reason is not None:
            text = f"the file has the {what} {as_declared(value)}, the spec {_wanted(port)}"
            found.faults.append(f"{text}: {reason}" if reason else text)


def _count(what: str, found: list[str], wanted: list[str]) -> str:
    has = plural(len(found), what)
    return f"the file has {has} ({'; '.join(found)}), the spec {len(wanted)} ({'; '.join(wanted)})"


def _wanted(port: Port) -> str:
    return f"{port.name}: float32 {port.type}"


def _difference(found: Interface, what: str, value: ValueInfoProto, port: Port) -> str | None:
    """None where the file's input or output is the spec's; else why not, or nothing where that is plain to see."""
    tensor = value.type.tensor_type
    if value.name != port.name:
        return ""
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        half = tensor.elem_type in {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
        return "converters keep float at both ends with keep_io_types=True" if half else ""
    if not tensor.HasField("shape") or len(tensor.shape.dim) != len(port.type.shape):
        return ""
    for axis, (size, wanted) in enumerate(zip(tensor.shape.dim, port.type.shape, strict=True)):
        reason = _size_fault(found, f"{what} {port.name}", axis, size, wanted)
        if reason is not None:
            return reason
    return None


def _size_fault(found: Interface, where: str, axis: int, size: TensorShapeProto.Dimension, wanted: Dim) -> str | None:
    if size.HasField("dim_value"):
        return _number_fault(size.dim_value, wanted)
    if isinstance(wanted, int) and where.startswith("input"):
        return f"axis {axis} is {wanted}, and not any number"
    if not size.dim_param:
        found.notes.append(f"{where}: the file leaves axis {axis} open, which is {wanted}")
        return None
    return _name_fault(found, where, axis, size.dim_param, wanted)


def _number_fault(number: int, wanted: Dim) -> str | None:
    if isinstance(wanted, int):
        return None if number == wanted else ""
    return f"{wanted} may be other numbers than {number}"


def _name_fault(found: Interface, where: str, axis: int, name: str, wanted: Dim) -> str | None:
    """A name or formula in the file against the size that it stands for; a name is learnt where it is new."""
    claimed = found.sizes[name] if name in found.sizes else _formula(name, found.sizes)
    if claimed is None:
        known = next((other for other, size in found.sizes.items() if size == wanted), None)
        if known is not None and isinstance(wanted, Size) and where.startswith("input"):
            return f"{wanted} is called {known} before, and {name} here, as if the two could differ"
        found.sizes[name] = wanted
        if isinstance(wanted, int):
            found.notes.append(f'{where}: the file leaves axis {axis} open, as "{name}", which is {wanted}')
        elif name != str(wanted):
            found.notes.append(f'the file calls {wanted} "{name}"')
        return None
    if claimed == wanted:
        return None
    if name == str(wanted):
        return f"{name} stands for {claimed} too"
    return f"{name} is not {wanted}" if name == str(claimed) else f"{name} is {claimed} here, and not {wanted}"


def _formula(text: str, sizes: Mapping[str, Dim]) -> Dim | None:
    """The size that ``text`` computes from names that are known; None where it is no such formula.

    Exporters write whole-numbered arithmetic: ``((H - 3)//2) + 1``; specc writes ``floor((H - 1)/2)``.
    """
    try:
        tree = ast.parse(text, mode="eval").body
        return None if isinstance(tree, ast.Name) else _computed(tree, sizes)
    except (SyntaxError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _computed(tree: ast.expr, sizes: Mapping[str, Dim]) -> Dim:
    """Raises KeyError for unknown names, TypeError and ValueError for what sizes cannot do."""
    match tree:
        case ast.Name(name):
            return sizes[name]
        case ast.Constant(int(number)):
            return number
        case ast.UnaryOp(ast.USub(), operand):
            return -_computed(operand, sizes)
        case ast.BinOp(left, operation, right):
            return _arithmetic(operation, _computed(left, sizes), _computed(right, sizes))
        case ast.Call(ast.Name("floor"), [ast.BinOp(left, ast.Div(), right)], []):
            return _arithmetic(ast.FloorDiv(), _computed(left, sizes), _computed(right, sizes))
    raise ValueError("no arithmetic of whole numbers")


def _arithmetic(operation: ast.operator, left: Dim, right: Dim) -> Dim:
    match operation:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.FloorDiv() if isinstance(right, int) and right > 0:
            return left // right
        case ast.Mod() if isinstance(right, int) and right > 0:
            return left % right
    raise ValueError("no arithmetic of sizes")


def _export(graph: Graph) -> str:
    """The call of PyTorch's exporter that writes this interface."""
    shapes = ", ".join(str(_symbols(port)) for port in graph.inputs)
    outputs = [port.name for port, _ in graph.outputs]
    names = f"input_names={[port.name for port in graph.inputs]}, output_names={outputs}".replace("'", '"')
    symbolic = any(_symbols(port) for port in graph.inputs)
    dynamic = f", dynamic_shapes=({shapes},)".replace("'", '"') if symbolic else ""
    return f"torch.onnx.export(model, x, FILE, {names}{dynamic})"


def _symbols(port: Port) -> dict[int, str]:
    """Axes of symbolic size and their names."""
    return {axis: str(size) for axis, size in enumerate(port.type.shape) if isinstance(size, Size)}
