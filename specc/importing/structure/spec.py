"""The spec of a flat network, and the proof that it is that network."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from specc.diagnostics import SpecError
from specc.elaborate import choose, elaborate
from specc.importing.network import ImportedNetwork
from specc.importing.structure.automatic import leave_out_calls, leave_out_layers
from specc.importing.structure.blocks import with_blocks
from specc.importing.structure.body import (
    Block,
    EarlierValue,
    LabelledGroup,
    Required,
    Statement,
    WrittenStep,
    labels_here,
    read_values,
    result_of,
    statements_here,
)
from specc.importing.structure.chains import chain, is_merge
from specc.importing.structure.comparison import Different, paired
from specc.importing.structure.concats import nested
from specc.importing.structure.loops import with_loops
from specc.importing.structure.paths import placed
from specc.importing.structure.repeats import with_groups, without_groups
from specc.importing.structure.shared import SharedModule, declare, shared_modules
from specc.importing.structure.towers import with_towers
from specc.importing.structure.tree import grown
from specc.importing.structure.writing import BodyWriter
from specc.ir.graph import Graph, Node
from specc.ir.size import Dim
from specc.source import Source
from specc.syntax import parse
from specc.syntax.format import formatted
from specc.syntax.tokens import is_name

_FILE = "imported.cnn"

Structure = Literal["loops", "blocks", "groups", "list"]
_DEPTHS: tuple[Structure, ...] = ("loops", "blocks", "groups")


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec that says an imported network.

    Attributes:
        text: in the one style.
        graph: what it comes to.
        tensors: names of `ImportedNetwork.tensors`, by the paths that they have in the state dict of ``graph``.
        renamed: of these the paths that are not the names; the others are as in the origin.
        steps: names of the graph's nodes, by the values of the network's steps.
        structure: how much was found. ``loops`` is all; less where a text with more of it was not the same network, and
            a ``list`` of steps, under names of ours, where no other was.
    """

    text: str
    graph: Graph
    tensors: Mapping[str, str]
    steps: Mapping[str, str]
    structure: Structure

    @property
    def renamed(self) -> dict[str, str]:
        return {path: name for path, name in self.tensors.items() if path != name}


def structured(network: ImportedNetwork) -> Spec:
    """The spec of a network.

    Raises:
        SpecError: the network does not fit together, however it is written.
    """
    flat_text, steps = _flat(network), nested(network)
    flat = _graph(flat_text, network.name)
    shapes = {port.name: port.type.shape for port, _ in flat.outputs}
    types = {node.name: node.type for node in flat.nodes} | {port.name: port.type for port in flat.inputs}
    names = {port.name: port.name for port in network.inputs}
    names |= {step.outputs[0]: name for step, name in zip(network.steps, _flat_names(network), strict=True)}
    channels = {value: _number(types[name].sample) for value, name in names.items()}
    named = {tensor for step in network.steps if step.name for tensor in step.tensors.values()}
    for depth in _DEPTHS:
        for leaves_out in (True, False):
            try:
                text = formatted(Source(_FILE, _chained(steps, shapes, channels, depth, leaves_out=leaves_out)))
                graph = _graph(text, network.name)
                spec = _spec(network, text, graph, paired(flat, graph), depth)
            except (SpecError, Different):
                continue
            if not leaves_out or named.isdisjoint(spec.renamed.values()):
                return spec
    return _spec(network, formatted(Source(_FILE, flat_text)), flat, {node.name: node for node in flat.nodes}, "list")


def _number(sample: Sequence[Dim]) -> int | None:
    """The channels of a value, where they are a number."""
    return sample[0] if sample and isinstance(sample[0], int) else None


def _graph(text: str, model: str) -> Graph:
    file = parse(Source(_FILE, text))
    return elaborate(file, choose(file, model), {}).graph


def _spec(network: ImportedNetwork, text: str, graph: Graph, nodes: Mapping[str, Node], structure: Structure) -> Spec:
    """The spec with the names of its tensors.

    Args:
        nodes: for each step of the flat list, by its name there, the same in ``graph``.
    """
    tensors: dict[str, str] = {}
    names = _flat_names(network)
    for name, step in zip(names, network.steps, strict=True):
        if step.tensors:
            node = nodes[name]
            paths = {parameter.name: node.path(parameter) for parameter in node.parameters}
            tensors |= {paths[parameter]: tensor for parameter, tensor in step.tensors.items()}
    steps = {
        step.outputs[0]: nodes[name].name for name, step in zip(names, network.steps, strict=True) if name in nodes
    }
    return Spec(text, graph, tensors, steps, structure)


# ---- models ---------------------------------------------------------------------------------------------------------


def _header(network: ImportedNetwork, shapes: Mapping[str, Sequence[Dim]] | None) -> str:
    inputs = [
        (port.name, f"{'uint8 ' if port.dtype == 'uint8' else ''}[{', '.join(map(str, port.shape))}]")
        for port in network.inputs
    ]
    if shapes is None:
        given = f"({', '.join(output.name for output in network.outputs)})"
    else:
        given = _ports([(port.name, _shape(shapes[port.name])) for port in network.outputs], "output")
    where = f" where {', '.join(network.where)}" if network.where else ""
    return f"model {network.name} : {_ports(inputs, 'input')} -> {given}{where}"


def _ports(ports: list[tuple[str, str]], usual: str) -> str:
    if len(ports) == 1 and ports[0][0] == usual:
        return ports[0][1]
    return "(" + ", ".join(f"{name}: {shape}" if shape else name for name, shape in ports) + ")"


def _shape(shape: Sequence[Dim]) -> str:
    """A shape in which formulas are left open."""
    return "[" + ", ".join(text if (text := str(size)).isdecimal() or is_name(text) else "_" for size in shape) + "]"


def _names_around(network: ImportedNetwork) -> set[str]:
    """The names of a model's ports and sizes."""
    sizes = {size for port in network.inputs for size in port.shape if isinstance(size, str)}
    return {*sizes, *(port.name for port in network.inputs)}


def _chained(
    network: ImportedNetwork,
    shapes: Mapping[str, Sequence[Dim]],
    channels: Mapping[str, int | None],
    depth: Structure,
    *,
    leaves_out: bool,
) -> str:
    """The file with its blocks.

    Args:
        shapes: of the outputs.
        channels: of each value.
        depth: how much structure is looked for; each has what stands behind it in `Structure`.
        leaves_out: whether labels are left out that the language gives by itself.
    """
    values = [output.value for output in network.outputs]
    paths = placed(network.steps, _names_around(network))
    steps, paths, towers = with_towers(network.steps, paths, frozenset(values))
    modules = shared_modules(steps, paths)
    for tower in towers:
        given = frozenset((tower.value,))
        statements = chain(grown(list(tower.paths), list(tower.steps), given), tower.entry, tower.value, given)
        modules.append(SharedModule(tower.path, tower.steps[0], frozenset(tower.values), statements))
    members = grown(paths, steps, frozenset(values))
    entry = network.inputs[0].name if len(network.inputs) == 1 else None
    body = chain(members, entry, values[0] if len(values) == 1 else None, frozenset(values))
    if result_of(body) not in values:
        body.append(EarlierValue(_last(network)))
    ports = {port.name: port.name for port in network.inputs}
    if entry is not None:
        ports[entry] = "in" if entry == "input" else entry
    around = {*_names_around(network), network.name, *(output.name for output in network.outputs)}
    around |= declare(modules, body, around)
    last = result_of(body)
    besides = {output.name: output.value for output in network.outputs if len(values) > 1 or output.value != last}
    _free(body, {name: value for name, value in besides.items() if value != last}, around)
    is_nameless = not any(step.name for step in network.steps if step.tensors)
    if is_nameless and depth != "groups":
        with_groups(body, entry)
    leaves_out = leaves_out and leave_out_layers(body, {*read_values(body), *besides.values()})
    blocks = {block.name: block for block in (with_blocks(body, channels, around) if depth != "groups" else [])}
    if is_nameless:
        body = without_groups(body)
        for block in blocks.values():
            block.body = without_groups(block.body)
    if leaves_out:
        bodies = [body, *(block.body for block in blocks.values())]
        called = {value for one in bodies for value in read_values(one)}.union(
            besides.values(), *(block.seen for block in blocks.values())
        )
        for one in bodies:
            leave_out_calls(one, called)
    if depth == "loops":
        for block in blocks.values():
            own = {name for name, _ in block.parameters}
            block.body = with_loops(block.body, blocks, around | own, block.seen)
        body = with_loops(body, blocks, around, values)
    writer = BodyWriter(ports, _names_around(network), blocks)
    for name in set(labels_here(body)).intersection(besides):
        if besides[name] == last:  # `score: fc(1) -> sigmoid` labels the weights, and gives out the last value
            del besides[name]
    text = writer.text(body, besides)
    definitions = [_block(block, blocks) for block in blocks.values()]
    return "\n".join([*definitions, f"{_header(network, shapes)} {{\n{text}\n}}\n"])


def _free(body: list[Statement], outputs: Mapping[str, str], taken: Collection[str]) -> None:
    """Give another name to labels that are those of outputs, and of another value: callers go by the outputs' names."""
    labelled = [(s.label, s) for s in statements_here(body) if isinstance(s, (WrittenStep, LabelledGroup)) and s.label]
    wrong = {label for label, s in labelled if label in outputs and s.value != outputs[label]}
    used = {*taken, *labels_here(body)}
    for label in sorted(wrong):
        free = f"{label}_"
        while free in used:
            free += "_"
        used.add(free)
        for before, statement in labelled:
            if before == label:
                statement.label = free


def _block(block: Block, blocks: Mapping[str, Block]) -> str:
    """The definition of a block."""
    writer = BodyWriter(block.known, [name for name, _ in block.parameters], blocks=blocks)
    text = writer.text(block.body, {})
    parameters = [
        name if isinstance(default, Required) else f"{name} = {writer.argument(default)}"
        for name, default in block.parameters
    ]
    header = f"({', '.join(parameters)})" if parameters else ""
    return f"block {block.name}{header} {{\n{text}\n}}\n"


def _last(network: ImportedNetwork) -> str:
    """The value of the outputs that is made last."""
    places = {value: index for index, step in enumerate(network.steps) for value in step.outputs}
    return max((output.value for output in network.outputs), key=lambda value: places.get(value, -1))


def _flat_names(network: ImportedNetwork) -> list[str]:
    """What each step is called in the flat list."""
    taken = {*_names_around(network), *(output.name for output in network.outputs), network.name}
    stem = "step"
    while any(name.startswith(stem) for name in taken):
        stem += "_"
    return [f"{stem}{index}" for index in range(len(network.steps))]


def _flat(network: ImportedNetwork) -> str:
    """The model as a list, in which every step has a name of ours and says by name what it takes."""
    names = _flat_names(network)
    ports = {port.name: port.name for port in network.inputs}
    if len(network.inputs) == 1 and network.inputs[0].name == "input":
        ports["input"] = "in"
    modules = shared_modules(network.steps, [(f"shared_{name}",) for name in names])
    body: list[Statement] = []
    for name, step in zip(names, network.steps, strict=True):
        layer = WrittenStep(step, name)
        reads = step.inputs[: len(step.inputs) - len(layer.measured)]
        if len(reads) > 1 or is_merge(step.operator):
            layer.arms = [[EarlierValue(value)] for value in reads]
            body.append(EarlierValue(reads[0]))
        else:
            body.append(EarlierValue(reads[0]))
        body.append(layer)
    declare(modules, body, _names_around(network))
    writer = BodyWriter(ports, _names_around(network))
    text = writer.text(body, {output.name: output.value for output in network.outputs})
    return f"{_header(network, None)} {{\n{text}\n}}\n"
