"""Whether a file's inputs and outputs are the spec's: names, order, types, and what their sizes claim.

An application sees the interface and nothing else, so it is the spec's to the letter, but for three things that others
write differently: what inputs and outputs are called, what symbolic sizes are called, and how the size of an output is
spelled or left open. What a name claims must still be true: a size called like another one is as large as that, and a
formula is the spec's formula at every size that the contract allows.

An input or output under another name is the one at its place, where it has that one's type and no other with a name of
its own could stand there. Where two could, nothing is guessed: whoever asks says which is which.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import onnx
from onnx import TensorShapeProto, ValueInfoProto

from specc.diagnostics import UsageError
from specc.diagnostics.words import listed, plural
from specc.ir.graph import Graph, Port
from specc.ir.size import Dim, Size
from specc.verify.file.declared import as_declared, fed


@dataclass
class Interface:
    """What has been found; ``faults`` fail the proof, ``notes`` do not.

    Attributes:
        sizes: what the names of sizes in the file stand for.
        inputs, outputs: what each of the spec's is called in the file, in the spec's order.
    """

    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sizes: dict[str, Dim] = field(default_factory=dict)

    @property
    def renamed(self) -> dict[str, str]:
        """What those under another name in the file are called in the spec."""
        pairs = [*self.inputs.items(), *self.outputs.items()]
        return {theirs: ours for ours, theirs in pairs if theirs != ours}

    def fed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of inputs by the file's names."""
        return {self.inputs[name]: value for name, value in values.items()}


def interface(graph: Graph, proto: onnx.ModelProto, rename: Mapping[str, str] | None = None) -> Interface:
    """The file's inputs and outputs against the graph's.

    Args:
        rename: what some of the file's are called in the spec; the others may have names of their own. None: all have
            the spec's.

    Raises:
        UsageError: ``rename`` names what is not there, or one of the spec's twice.
    """
    found = Interface()
    ins, outs = _Side("input", fed(proto), graph.inputs), _Side("output", [*proto.graph.output], _outputs(graph))
    _require_known(rename or {}, ins, outs)
    found.inputs, found.outputs = (_compared(found, side, rename) for side in (ins, outs))
    if found.faults and proto.producer_name == "pytorch":
        found.faults[-1] += f". {_export(graph)} writes what the spec says"
    return found


class _Side(NamedTuple):
    """The inputs, or the outputs: of the file, and of the spec."""

    what: str
    values: Sequence[ValueInfoProto]
    ports: Sequence[Port]

    def given(self, rename: Mapping[str, str]) -> dict[str, str]:
        """Of ``rename`` what is about this side."""
        names = {value.name for value in self.values}
        return {theirs: ours for theirs, ours in rename.items() if theirs in names}


def _outputs(graph: Graph) -> list[Port]:
    return [port for port, _ in graph.outputs]


def _require_known(rename: Mapping[str, str], *sides: _Side) -> None:
    for theirs, ours in rename.items():
        side = next((side for side in sides if any(value.name == theirs for value in side.values)), None)
        if side is None:
            names = [value.name for side in sides for value in side.values]
            raise UsageError(f"the file has no input or output called {theirs}: it has {listed(names)}")
        names = [port.name for port in side.ports]
        if ours not in names:
            raise UsageError(f"{theirs} is an {side.what} of the file, and the spec's are {listed(names)}, not {ours}")
    twice = [ours for ours, times in Counter(rename.values()).items() if times > 1]
    if twice:
        raise UsageError(f"{listed([name for name in rename if rename[name] == twice[0]])} cannot both be {twice[0]}")


def _compared(found: Interface, side: _Side, rename: Mapping[str, str] | None) -> dict[str, str]:
    """What each port is called in the file; faults and notes go to ``found``."""
    what, values, ports = side
    if len(values) != len(ports):
        found.faults.append(_count(what, [str(as_declared(v)) for v in values], [_wanted(p) for p in ports]))
        return {}
    given = side.given(rename or {})
    pairs = _paired(values, ports, given)
    loose = [(value, port) for value, port in pairs if value.name != port.name and value.name not in given]
    taken = [port.name for _, port in loose]
    wrong = [value.name for value, _ in loose if rename is None or value.name in taken]
    faults = [fault for value, port in pairs if (fault := _fault(found, what, value, port, wrong)) is not None]
    found.faults += faults or _doubt(what, loose)
    order = [value.name for value in values]
    places = [order.index(value.name) for value, _ in pairs]
    if places != sorted(places):
        found.notes.append(f"the file has the {what}s in another order than the spec: {listed(order)}")
    for value, port in pairs:
        if value.name != port.name:
            found.notes.append(f'the file calls the {what} {port.name} "{value.name}"')
    return {port.name: value.name for value, port in pairs}


def _paired(
    values: Sequence[ValueInfoProto], ports: Sequence[Port], given: Mapping[str, str]
) -> list[tuple[ValueInfoProto, Port]]:
    """In the order of the ports: first what is given, then the same names, then the same place among what is left.

    Without anything given the order is the spec's to the letter too.
    """
    if not given:
        return list(zip(values, ports, strict=True))
    by_port = {given[value.name]: value for value in values if value.name in given}
    for value in values:
        if value.name not in given and any(port.name == value.name for port in ports):
            by_port.setdefault(value.name, value)
    left = iter([value for value in values if all(value is not taken for taken in by_port.values())])
    return [(by_port[port.name] if port.name in by_port else next(left), port) for port in ports]


def _fault(found: Interface, what: str, value: ValueInfoProto, port: Port, wrong: Sequence[str]) -> str | None:
    """Why the file's input or output is not the spec's; None where it is.

    Args:
        wrong: names that none may have. A name of the spec's own at another place is no other name: whoever fed it by
            name would feed the wrong one.
    """
    reason = "" if value.name in wrong else _difference(found, what, value, port)
    if reason is None:
        return None
    text = f"the file has the {what} {as_declared(value)}, the spec {_wanted(port)}"
    return f"{text}: {reason}" if reason else text


def _doubt(what: str, loose: Sequence[tuple[ValueInfoProto, Port]]) -> list[str]:
    """A fault where those under other names could be told apart by nothing but their order."""
    left = dict(enumerate(loose))
    while True:  # who could stand for no other, or be stood for by none, is in no exchange
        fits = {(i, j) for i, (v, _) in left.items() for j, (_, p) in left.items() if i != j and _fits(what, v, p)}
        kept = {i: left[i] for i in left if any(i == a for a, _ in fits) and any(i == b for _, b in fits)}
        if len(kept) == len(left):
            break
        left = kept
    if not left:
        return []
    theirs, ours = [value.name for value, _ in left.values()], [port.name for _, port in left.values()]
    return [
        f"the file's {what}s {listed(theirs)} could be the spec's {listed(ours)} in one order as in another: say which "
        f"is which with --rename {theirs[0]}=NAME, in Python rename={{{theirs[0]!r}: NAME}}"
    ]


def _fits(what: str, value: ValueInfoProto, port: Port) -> bool:
    """Whether the type of the one may be that of the other, whatever the others are."""
    return _difference(Interface(), what, value, port) is None


def _count(what: str, found: list[str], wanted: list[str]) -> str:
    has = plural(len(found), what)
    return f"the file has {has} ({'; '.join(found)}), the spec {len(wanted)} ({'; '.join(wanted)})"


def _wanted(port: Port) -> str:
    return f"{port.name}: float32 {port.type}"


def _difference(found: Interface, what: str, value: ValueInfoProto, port: Port) -> str | None:
    """None where the file's input or output is the spec's; else why not, or nothing where that is plain to see."""
    tensor = value.type.tensor_type
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
