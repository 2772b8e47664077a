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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from specc.diagnostics import UsageError
from specc.diagnostics.words import listed, plural
from specc.ir.graph import Graph, Port
from specc.ir.size import Dim, Size
from specc.onnxfile import OnnxFile, PortInfo
from specc.onnxfile.file import OPEN


@dataclass(frozen=True)
class Signature:
    """The spec's inputs and outputs in a file.

    Attributes:
        inputs, outputs: what each of the spec's is called in the file, in the spec's order; empty where the file has
            more or fewer.
        faults: why they are not the spec's, which fails the proof.
        notes: what else they are called, which does not.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    faults: Sequence[str]
    notes: Sequence[str]

    @property
    def renamed(self) -> dict[str, str]:
        """What those under another name in the file are called in the spec."""
        pairs = [*self.inputs.items(), *self.outputs.items()]
        return {theirs: ours for ours, theirs in pairs if theirs != ours}

    def feeds(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of inputs by the file's names."""
        return {self.inputs[name]: value for name, value in values.items()}


def compare_signature(graph: Graph, file: OnnxFile, rename: Mapping[str, str] | None = None) -> Signature:
    """The file's inputs and outputs against the graph's.

    Args:
        rename: what some of the file's are called in the spec; the others may have names of their own. None: all have
            the spec's.

    Raises:
        UsageError: ``rename`` names what is not there, or one of the spec's twice.
    """
    outputs = [port for port, _ in graph.outputs]
    _require_known(rename or {}, ("input", file.inputs, graph.inputs), ("output", file.outputs, outputs))
    comparison = _PortComparison()
    input_names = comparison.compare("input", file.inputs, graph.inputs, rename)
    output_names = comparison.compare("output", file.outputs, outputs, rename)
    if comparison.faults and file.proto.producer_name == "pytorch":
        comparison.faults[-1] += f". {_export_call(graph)} writes what the spec says"
    return Signature(input_names, output_names, comparison.faults, comparison.notes)


def _require_known(rename: Mapping[str, str], *sides: tuple[str, Sequence[PortInfo], Sequence[Port]]) -> None:
    for theirs, ours in rename.items():
        side = next((side for side in sides if any(value.name == theirs for value in side[1])), None)
        if side is None:
            names = [value.name for _, values, _ in sides for value in values]
            raise UsageError(f"the file has no input or output called {theirs}: it has {listed(names)}")
        what, _, ports = side
        names = [port.name for port in ports]
        if ours not in names:
            raise UsageError(f"{theirs} is an {what} of the file, and the spec's are {listed(names)}, not {ours}")
    twice = [ours for ours, times in Counter(rename.values()).items() if times > 1]
    if twice:
        raise UsageError(f"{listed([name for name in rename if rename[name] == twice[0]])} cannot both be {twice[0]}")


def _paired(
    values: Sequence[PortInfo], ports: Sequence[Port], rename: Mapping[str, str]
) -> Iterator[tuple[PortInfo, Port]]:
    """In the order of the ports: first what is renamed, then the same names, then the same place among what is left.

    Without anything renamed the order is the spec's to the letter too.
    """
    if not rename:
        yield from zip(values, ports, strict=True)
        return
    by_port = {rename[value.name]: value for value in values if value.name in rename}
    for value in values:
        if value.name not in rename and any(port.name == value.name for port in ports):
            by_port.setdefault(value.name, value)
    left = iter([value for value in values if all(value is not taken for taken in by_port.values())])
    for port in ports:
        yield (by_port[port.name] if port.name in by_port else next(left)), port


class _PortComparison:
    """Compares ports, and learns on the way what the names of sizes in the file stand for."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.notes: list[str] = []
        self._sizes: dict[str, Dim] = {}

    def compare(
        self, what: str, values: Sequence[PortInfo], ports: Sequence[Port], rename: Mapping[str, str] | None
    ) -> dict[str, str]:
        """What each port is called in the file.

        Args:
            what: "input" or "output".
        """
        if len(values) != len(ports):
            here, wanted = "; ".join(map(str, values)), "; ".join(map(_declaration, ports))
            self.faults.append(f"the file has {plural(len(values), what)} ({here}), the spec {len(ports)} ({wanted})")
            return {}
        names = [value.name for value in values]
        own = {theirs: ours for theirs, ours in (rename or {}).items() if theirs in names}
        pairs = list(_paired(values, ports, own))
        loose = [(value, port) for value, port in pairs if value.name != port.name and value.name not in own]
        # A name of the spec's own at another place is no other name: whoever fed it by name would feed the wrong one.
        taken = {port.name for _, port in loose}
        forbidden = {value.name for value, _ in loose if rename is None or value.name in taken}
        faults = []
        for value, port in pairs:
            reason = "" if value.name in forbidden else self._difference(what, value, port)
            if reason is not None:
                text = f"the file has the {what} {value}, the spec {_declaration(port)}"
                faults.append(f"{text}: {reason}" if reason else text)
        self.faults += faults or _ambiguity(what, loose)
        places = [names.index(value.name) for value, _ in pairs]
        if places != sorted(places):
            self.notes.append(f"the file has the {what}s in another order than the spec: {listed(names)}")
        for value, port in pairs:
            if value.name != port.name:
                self.notes.append(f'the file calls the {what} {port.name} "{value.name}"')
        return {port.name: value.name for value, port in pairs}

    def fits(self, what: str, value: PortInfo, port: Port) -> bool:
        return self._difference(what, value, port) is None

    def _difference(self, what: str, value: PortInfo, port: Port) -> str | None:
        """None where the file's input or output is the spec's; else why not, or nothing where that is plain to see."""
        if value.dtype != port.dtype:
            if port.is_cast and value.dtype == "float32":
                return "the spec's input takes bytes and casts them itself"
            half = value.dtype in {"float16", "bfloat16"}
            return "converters keep float at both ends with keep_io_types=True" if half else ""
        if value.shape is None or len(value.shape) != len(port.type.shape):
            return ""
        for axis, (size, wanted) in enumerate(zip(value.shape, port.type.shape, strict=True)):
            reason = self._size_fault(what, port, axis, size, wanted)
            if reason is not None:
                return reason
        return None

    def _size_fault(self, what: str, port: Port, axis: int, size: int | str, wanted: Dim) -> str | None:
        """A number, name or formula in the file against the size that it stands for; a new name is learnt."""
        if isinstance(size, int):
            if isinstance(wanted, int):
                return None if size == wanted else ""
            return f"{wanted} may be other numbers than {size}"
        if isinstance(wanted, int) and what == "input":
            return f"axis {axis} is {wanted}, and not any number"
        if size == OPEN:
            self.notes.append(f"{what} {port.name}: the file leaves axis {axis} open, which is {wanted}")
            return None
        claimed = self._sizes[size] if size in self._sizes else _formula(size, self._sizes)
        if claimed is None:
            known = next((other for other, found in self._sizes.items() if found == wanted), None)
            if known is not None and isinstance(wanted, Size) and what == "input":
                return f"{wanted} is called {known} before, and {size} here, as if the two could differ"
            self._sizes[size] = wanted
            if isinstance(wanted, int):
                self.notes.append(
                    f'{what} {port.name}: the file leaves axis {axis} open, as "{size}", which is {wanted}'
                )
            elif size != str(wanted):
                self.notes.append(f'the file calls {wanted} "{size}"')
            return None
        if claimed == wanted:
            return None
        if size == str(wanted):
            return f"{size} stands for {claimed} too"
        return f"{size} is not {wanted}" if size == str(claimed) else f"{size} is {claimed} here, and not {wanted}"


def _ambiguity(what: str, loose: Sequence[tuple[PortInfo, Port]]) -> list[str]:
    """A fault where those under other names could be told apart by nothing but their order."""
    left = dict(enumerate(loose))
    while True:  # who could stand for no other, or be stood for by none, is in no exchange
        # Whether the type of the one may be that of the other, whatever the others are: a comparison for each.
        fits = {
            (i, j)
            for i, (value, _) in left.items()
            for j, (_, port) in left.items()
            if i != j and _PortComparison().fits(what, value, port)
        }
        exchanged = {i: left[i] for i in left if any(i == a for a, _ in fits) and any(i == b for _, b in fits)}
        if len(exchanged) == len(left):
            break
        left = exchanged
    if not left:
        return []
    theirs, ours = [value.name for value, _ in left.values()], [port.name for _, port in left.values()]
    return [
        f"the file's {what}s {listed(theirs)} could be the spec's {listed(ours)} in one order as in another: say which "
        f"is which with --rename {theirs[0]}=NAME, in Python rename={{{theirs[0]!r}: NAME}}"
    ]


def _declaration(port: Port) -> str:
    return f"{port.name}: {port.dtype} {port.type}"


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
        case ast.Call(ast.Name("floor"), [ast.BinOp(left, ast.Div(), right)], []):
            return _computed(ast.BinOp(left, ast.FloorDiv(), right), sizes)
        case ast.BinOp(left, operation, right):
            one, other = _computed(left, sizes), _computed(right, sizes)
            match operation:
                case ast.Add():
                    return one + other
                case ast.Sub():
                    return one - other
                case ast.Mult():
                    return one * other
                case ast.FloorDiv() if isinstance(other, int) and other > 0:
                    return one // other
                case ast.Mod() if isinstance(other, int) and other > 0:
                    return one % other
    raise ValueError("no arithmetic of sizes")


def _export_call(graph: Graph) -> str:
    """The call of PyTorch's exporter that writes this interface."""
    symbols = [{i: str(size) for i, size in enumerate(p.type.shape) if isinstance(size, Size)} for p in graph.inputs]
    outputs = [port.name for port, _ in graph.outputs]
    names = f"input_names={[port.name for port in graph.inputs]}, output_names={outputs}".replace("'", '"')
    shapes = ", ".join(map(str, symbols))
    dynamic = f", dynamic_shapes=({shapes},)".replace("'", '"') if any(symbols) else ""
    return f"torch.onnx.export(model, x, FILE, {names}{dynamic})"
