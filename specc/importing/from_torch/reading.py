"""An exported program read as a network of the language: the story.

Call by call, a rule makes steps of what an operator of ATen means; calls of constants alone PyTorch computes itself.
Then the fusions make the language's operators of steps that belong together, as for ONNX. Of all calls that cannot be
said each is named, with the module that it stands in.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node

import specc.importing.from_torch.rules  # noqa: F401 - enters them
from specc.diagnostics import UsageError
from specc.diagnostics.words import plural, visible
from specc.importing.building import Building
from specc.importing.from_torch.aliases import Aliases, changes_in_place
from specc.importing.from_torch.attention import AttentionCalls, attentions, read_attention
from specc.importing.from_torch.call import CallReader, is_size, rule_of
from specc.importing.fusions import fused
from specc.importing.naming import identifier
from specc.importing.network import ImportedNetwork, ImportedPort, Reading
from specc.importing.program import Known, Program, Unsayable
from specc.importing.symbols import FileSymbols
from specc.importing.translation import translated
from specc.importing.turned import OTHER_FIRST, batch_place
from specc.ir.types import TensorType
from specc.ops.fields import LARGEST

MOST_CALLS = 50_000
"""Calls of a program: a spec of as many steps is nothing that a person reads."""

SHOWN = 40
"""Faults that are shown; of others, how many there are."""

_SIZES: dict[Any, Callable[..., Any]] = {
    operator.add: operator.add,
    operator.sub: operator.sub,
    operator.mul: operator.mul,
    operator.floordiv: operator.floordiv,
    operator.mod: operator.mod,
    operator.neg: operator.neg,
}
"""What Python computes of sizes."""

_WHEREVER_THE_BATCH = frozenset(
    "permute transpose t numpy_T movedim moveaxis select unbind squeeze clone contiguous detach alias sym_size".split()
)
"""What may read a value whose batch is not its first axis: see `specc.importing.turned`."""

_COMPARISONS = {operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge, operator.and_}
_CHECKS = {"_assert_scalar", "_assert_tensor_metadata", "sym_constrain_range", "sym_constrain_range_for_size"}
"""Calls that give nothing: where the program stops. The conditions that the spec needs the checker finds itself."""


def read_program(
    program: ExportedProgram, name: str, title: str, shapes: Sequence[Sequence[int | str]], conditions: str = ""
) -> ImportedNetwork:
    """The network of a program.

    Args:
        name: of the model.
        title: what messages call it.
        shapes: of the inputs, with names for the sizes that stay open.
        conditions: what is asked of these sizes.

    Raises:
        UsageError: something in it cannot be said: every call at fault by name.
    """
    contract = FileSymbols()
    while True:
        reading = _CallWalk(program, contract, name, title, shapes, conditions)
        network = reading.network()
        if network is not None:
            return network
        if not reading.missing or not contract.narrowed(reading.missing):
            more = [f"and {len(reading.faults) - SHOWN} more"] if len(reading.faults) > SHOWN else []
            shown = [visible(fault) for fault in reading.faults[:SHOWN]]
            raise UsageError(f"{title} cannot be imported: of {plural(reading.count, 'call')}", *shown, *more)


@dataclass
class _CallWalk:
    """One walk over the calls, with what is known of the symbols so far.

    Attributes:
        faults: one line for each call that cannot be said.
        missing: conditions on the symbols without which an operator does not take what it is given.
    """

    exported: ExportedProgram
    contract: FileSymbols
    name: str
    title: str
    shapes: Sequence[Sequence[int | str]]
    conditions: str
    faults: list[str] = field(default_factory=list)
    missing: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._program = Program()
        self._values: dict[Node, Any] = {}
        self._checks: set[Node] = set()
        self._lost: set[Node] = set()
        self._aliases = Aliases(self.exported.graph)

    @property
    def count(self) -> int:
        return sum(node.op == "call_function" for node in self.exported.graph.nodes)

    def network(self) -> ImportedNetwork | None:
        if self.count > MOST_CALLS:
            raise UsageError(f"{self.title} has {self.count:,} calls, and specc imports {MOST_CALLS:,} at most")
        ports = self._inputs()
        attended = {calls.nodes[0]: calls for calls in attentions(self.exported.graph)}
        within = {node for calls in attended.values() for node in calls.nodes}
        for place, node in enumerate(self.exported.graph.nodes):
            if node in attended:
                self._attention(attended[node])
            if node in within and (_is_tensor(node) or within.intersection(node.all_input_nodes)):
                continue  # sizes are read: what stands behind may compute with them, too
            is_part = node.target is operator.getitem  # of several results, of which some are not read
            if node.op not in ("placeholder", "output") and (node.users or not is_part):
                self._node(place, node)
        outputs = self._outputs()
        if self.faults:
            return None
        fused(self._program)
        network = translated(self._program, ports, outputs, self.name, self.contract)
        self.faults += _tied(network) if isinstance(network, ImportedNetwork) else network
        return network if isinstance(network, ImportedNetwork) and not self.faults else None

    # ---- what comes in and goes out ----------------------------------------------------------------------------

    def _inputs(self) -> tuple[ImportedPort, ...]:
        for shape in self.shapes:
            self.contract.shape(shape)
        self.contract.stated(self.conditions)
        ports: list[ImportedPort] = []
        shapes = iter(self.shapes)
        nodes = {node.name: node for node in self.exported.graph.nodes if node.op == "placeholder"}
        for spec in self.exported.graph_signature.input_specs:
            node = nodes.get(getattr(spec.arg, "name", ""))
            if spec.kind is not InputKind.USER_INPUT:
                if node is not None:
                    self._values[node] = self._stored(spec.kind, str(spec.target))
                continue
            if node is None or not isinstance(node.meta.get("val"), torch.Tensor):
                continue  # a number or a truth value that the call was traced with: the program has it as it was
            ports.append(self._port(node, next(shapes), {port.name for port in ports}))
        if not ports:
            raise UsageError(f"{self.title} has no inputs: it is no network, but numbers")
        return tuple(ports)

    def _port(self, node: Node, given: Sequence[int | str], taken: set[str]) -> ImportedPort:
        name = identifier(node.name, taken, "input")
        shape = self.contract.shape(given)
        self._program.types[name] = TensorType(shape[0], shape[1:])
        self._values[node] = name
        return ImportedPort(name, tuple(n if isinstance(n, int) else str(n) for n in shape), "float32", node.name)

    def _stored(self, kind: InputKind, name: str) -> Known:
        """A parameter, a buffer, or a constant of the code."""
        state = self.exported.state_dict
        tensor = state[name] if name in state else self.exported.constants[name]
        if not isinstance(tensor, torch.Tensor):
            raise UsageError(f"{self.title} has {name}, a {type(tensor).__name__}, and specc reads tensors")
        tensor = tensor.detach()
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            word = str(tensor.dtype).removeprefix("torch.")
            raise UsageError(f"{self.title} has {name} as {word}, and specc imports float32: call module.float() first")
        key = (tensor.data_ptr(), *tensor.shape, *tensor.stride()) if tensor.numel() else (name,)
        return known(tensor, name, is_learned=kind is InputKind.PARAMETER, key=key)

    def _outputs(self) -> tuple[str, ...]:
        (node,) = (node for node in self.exported.graph.nodes if node.op == "output")
        given = list(node.args[0])
        specs = self.exported.graph_signature.output_specs
        names: list[str] = []
        values: list[str] = []
        for place, (result, spec) in enumerate(zip(given, specs, strict=True)):
            if spec.kind is not OutputKind.USER_OUTPUT:
                kind = spec.kind.name.lower().replace("_", " ")
                self.faults.append(f"{spec.target or getattr(spec.arg, 'name', '')}: it is changed in place ({kind})")
                continue
            value = self._values.get(result) if isinstance(result, Node) else None
            name = self._output_name(place, len(given))
            if isinstance(value, str):
                names.append(name)
                values.append(value)
            elif not (isinstance(result, Node) and result in self._lost):
                self.faults.append(f"{name}: it is {result}, and no value that depends on the inputs")
        self._program.outputs = values
        return tuple(names)

    def _output_name(self, place: int, count: int) -> str:
        """The key of a dictionary that the module gives, or its place in a list."""
        spec = self.exported.call_spec.out_spec
        if spec is not None and spec.type is dict and len(spec.context or ()) == count:
            return str(spec.context[place])
        return "output" if count == 1 else f"output_{place + 1}"

    # ---- calls -------------------------------------------------------------------------------------------------

    def _node(self, place: int, node: Node) -> None:
        """Read one call; what cannot be said is noted, and its results are lost."""
        module = module_path(node)
        self._program.origin = f"{module or 'forward'}: {title_of(node)} ({node.name})"
        if node.op == "get_attr" or any(source in self._lost for source in node.all_input_nodes):
            if node.op == "get_attr":
                self.faults.append(f"{self._program.origin}: it holds a part of the program that runs on a condition")
            self._lost.add(node)
            return
        try:
            self._program.paths = self._paths(node, module)
            self._aliases.require_alone(place, node)
            self._values[node] = self._read(node)
        except Unsayable as fault:
            self._fault(fault)
            self._lost.add(node)
            return
        if isinstance(value := self._values[node], str):
            taken = tuple(source.name for source in node.all_input_nodes)
            self._program.readings.append(Reading(node.name, value, self._program.origin, taken))
        if (changed := changes_in_place(node)) is not None:
            self._values[changed] = self._values[node]

    def _attention(self, calls: AttentionCalls) -> None:
        """Read the calls of a module of attention, as one."""
        self._program.origin = f"{calls.path}: MultiheadAttention ({calls.nodes[-1].name})"
        self._program.paths = (calls.path,)
        if any(source in self._lost for source in calls.outside):
            self._lost.update(calls.nodes)
            return
        try:
            value = read_attention(Building(self._program), calls, self._values)
        except Unsayable as fault:
            self._fault(fault)
            self._lost.update(calls.nodes)
            return
        (given,) = calls.given
        self._values[given] = value
        taken = tuple(source.name for source in calls.outside)
        self._program.readings.append(Reading(given.name, value, self._program.origin, taken))

    def _fault(self, fault: Unsayable) -> None:
        condition = fault.refusal.where if fault.refusal is not None else None
        if condition:
            self.missing.append(condition)
        self.faults.append(f"{self._program.origin}: {fault.reason}")

    def _paths(self, node: Node, module: str) -> tuple[str, ...]:
        """Where the numbers of a call lie, which is where a module stands that is applied under several names."""
        for source in node.all_input_nodes:
            value = self._values.get(source)
            if isinstance(value, Known) and value.is_learned and "." in value.name:
                return (value.name.rpartition(".")[0],)
        return (module,) if module else ()

    def _read(self, node: Node) -> Any:
        target: Any = node.target
        if target in _COMPARISONS:
            self._checks.add(node)
            return None
        if target is operator.getitem:
            several, at = self._argument(node.args[0]), cast("int", node.args[1])
            if several[at] is None:
                raise Unsayable(f"it reads the {at + 1}. result, which the language does not have")
            return several[at]
        if target in _SIZES or (getattr(target, "__name__", "") in ("sym_int", "sym_not")):
            return self._computed(target, [self._argument(argument) for argument in node.args])
        if not isinstance(target, torch._ops.OpOverload):
            raise Unsayable("it is no operator of ATen")
        name = target._schema.name.removeprefix("aten::")
        if name in _CHECKS:
            return None
        if "::" in name:
            raise Unsayable(f"specc imports no {name}")
        arguments = {argument.name: self._argument(given) for argument, given in bound(target, node)}
        if self._is_constant(node, name):
            moved = self._moved(name, target._overloadname, arguments)
            return moved if moved is not None else self._folded(target, node)
        rule = rule_of(name, target._overloadname)
        if rule is None:
            raise Unsayable(f"specc imports no {name}")
        values = _leaves(self._values[source] for source in node.all_input_nodes)
        turned = any(isinstance(value, str) and batch_place(self._program, value) for value in values)
        if turned and name not in _WHEREVER_THE_BATCH:
            raise Unsayable(OTHER_FIRST)
        defaults = {argument.name: argument.default_value for argument in target._schema.arguments}
        call = CallReader(name.removesuffix("_"), arguments, defaults, self._program)
        result = rule(call)
        call.finish()
        return result

    def _is_constant(self, node: Node, name: str) -> bool:
        """Whether a call is of constants alone, or makes one."""
        sources = [*_leaves(self._values[source] for source in node.all_input_nodes)]
        if any(isinstance(value, str) for value in sources) or name == "sym_size":
            return False
        return not sources or any(isinstance(value, Known) for value in sources)

    def _argument(self, given: Any) -> Any:
        """An argument as rules see it: values, numbers that are known, sizes; words for types."""
        if isinstance(given, Node):
            if given in self._checks:
                raise Unsayable("it computes with a condition on sizes")
            return self._values[given]
        if isinstance(given, list | tuple):
            return [self._argument(each) for each in given]
        if isinstance(given, torch.dtype):
            return str(given).removeprefix("torch.")
        if isinstance(given, int) and not isinstance(given, bool):
            return min(given, LARGEST)  # which means the end of an axis, whatever its size
        return given

    def _computed(self, target: Any, arguments: list[Any]) -> Any:
        if not all(map(is_size, arguments)) or target not in _SIZES:
            raise Unsayable("it computes with what are no whole sizes")
        try:
            return _SIZES[target](*arguments)
        except (ArithmeticError, TypeError, ValueError) as error:
            raise Unsayable(f"its sizes do not fit it: {error}") from None

    def _moved(self, name: str, overload: str, arguments: dict[str, Any]) -> Known | None:
        """Numbers that are only moved are still those of the module, by name."""
        plain = name.removesuffix("_")
        if plain in _MOVES and (rule := rule_of(name, overload)) is not None:
            call = CallReader(plain, arguments, {}, self._program)
            result = rule(call)
            return result if isinstance(result, Known) else None
        return None

    def _folded(self, target: Any, node: Node) -> Any:
        """What a call of constants alone gives: PyTorch computes it."""
        if torch.Tag.nondeterministic_seeded in target.tags:
            raise Unsayable("it draws at random")
        sources = [self._values[source] for source in node.all_input_nodes]
        learned = any(isinstance(value, Known) and value.is_learned for value in sources)

        def real(given: Any) -> Any:
            value = self._values[given] if isinstance(given, Node) else given
            if isinstance(value, Known):
                return torch.from_numpy(np.ascontiguousarray(value.read())).clone()
            if isinstance(value, list | tuple):
                return type(value)(real(each) for each in value)
            if is_size(value) and not isinstance(value, int):
                raise Unsayable(f"it computes numbers whose size {value} is symbolic{_token(node)}")
            return value

        try:
            with torch.no_grad():
                result = target(*(real(each) for each in node.args), **{k: real(v) for k, v in node.kwargs.items()})
        except (RuntimeError, TypeError, ValueError) as error:
            raise Unsayable(f"its constants do not fit it: {' '.join(str(error).split())[:200]}") from None
        if isinstance(result, list | tuple):
            return [known(each, is_learned=learned) for each in result]
        return known(result, is_learned=learned) if isinstance(result, torch.Tensor) else result


def _is_tensor(node: Node) -> bool:
    return not isinstance(node.meta.get("val"), int | torch.SymInt)


def _token(node: Node) -> str:
    """What that mostly is: a learned row that is given to every sample."""
    return ": no operator joins a learned row, as a class token, to each sample" if title_of(node) == "expand" else ""


_MOVES = ("clone", "detach", "lift_fresh_copy", "contiguous", "alias", "view", "reshape", "permute", "t", "unsqueeze",
          "transpose", "numpy_T")  # fmt: skip


def known(tensor: torch.Tensor, name: str = "", *, is_learned: bool, key: tuple[object, ...] = ()) -> Known:
    """A tensor's numbers; where they lie on another device, they are fetched when they are read."""
    dtype = np.dtype(str(tensor.dtype).removeprefix("torch."))
    shape = tuple(tensor.shape)
    return Known(shape, dtype, lambda: tensor.detach().cpu().numpy(), name, is_learned, key or (object(),))


def bound(target: Any, node: Node) -> Iterator[tuple[Any, Any]]:
    """The arguments that the call gives, with what PyTorch's schema says of each."""
    named = {argument.name: argument for argument in target._schema.arguments}
    yield from zip(target._schema.arguments, node.args, strict=False)
    yield from ((named[name], given) for name, given in node.kwargs.items())


def _tied(network: ImportedNetwork) -> Iterator[str]:
    """Tensors that steps of different kinds or with other tensors share, a line each: a spec shares whole steps."""
    names: dict[str, list[str]] = {}
    for name, stored in network.tensors.items():
        if stored.origin:
            names.setdefault(stored.origin, []).append(name)
    for name, several in names.items():
        if len(several) > 1:
            yield (
                f"{name}: it is one tensor of several modules ({', '.join(several)}) whose others differ, and the "
                "language shares all of a step's tensors or none"
            )


def module_path(node: Node) -> str:
    """The module that a call stands in: ``layer1.0.conv1``; empty for the whole one's own ``forward``."""
    stack = node.meta.get("nn_module_stack") or {}
    path = next(reversed([entry[0] for entry in stack.values()]), "")
    return ".".join(part.split("@")[0] for part in path.split(".")) if not path.startswith("_empty_") else ""


def title_of(node: Node) -> str:
    """``conv2d``, as code calls it."""
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name.removeprefix("aten::"))
    return str(getattr(target, "__name__", target))


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value
