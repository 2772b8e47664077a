"""`specc explain`: the arithmetic behind one step, or what a block holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from specc.analyses import Costs, StepCost
from specc.diagnostics import UsageError
from specc.diagnostics.words import listed, plural
from specc.elaborate.errors import suggestion
from specc.ir.graph import Block, Graph, Node
from specc.ir.op import Parameter
from specc.ir.types import TensorType, times
from specc.report import text
from specc.report.text import count, field, memory, scaled

MOST_NAMES = 12
"""Names that are listed for whoever asked for one that is none."""


def explain(costs: Costs, name: str) -> str:
    """The numbers of the step or block called ``name``, and the formulas they come from.

    Raises:
        UsageError: there is none.
    """
    steps = {step.node.name: step for step in costs.steps}
    blocks: dict[str, list[Block]] = {}
    for block in _blocks(costs.graph.members):
        blocks.setdefault(block.name, []).append(block)
    if name in steps:
        return "\n".join(_of_step(costs.graph, steps[name]))
    if name in blocks:
        parts = ("\n".join(_of_block(costs.graph, block, steps)) for block in blocks[name])
        return "\n\n".join(parts)  # several, where a group goes on further down
    everything: list[Node | Block] = [*costs.graph.nodes, *_blocks(costs.graph.members)]
    if sharing := list(dict.fromkeys(part.name for part in everything if part.module == name)):
        shared = f"its tensors are shared by {listed(sharing)}"
        raise UsageError(f"{costs.graph.name} has no step called {name}: {shared}; ask for one of these")
    near = suggestion(name, [*steps, *blocks])
    has = near.text if near else f"it has {_some(costs.graph.members)}"
    raise UsageError(f"{costs.graph.name} has no step called {name}; {has}")


def _of_step(graph: Graph, step: StepCost) -> Iterator[str]:
    node = step.node
    yield from _head(graph, node, text.step(node.op))
    taken = zip(node.inputs, node.input_types, strict=True)
    yield from _values([(f"{name} {kind}") for name, kind in taken], node.type)
    yield from (f"  {line}" for line in node.op.arithmetic(*node.input_types))
    yield f"  in float32: {node.op.rounding(*node.input_types).rule}"
    yield from (f"  {_parameter(parameter)}" for parameter in node.parameters)
    own = [parameter for parameter in node.parameters if not parameter.buffer]
    trainable = [parameter for parameter in own if parameter.trainable]
    frozen = "" if trainable == own else f", of them trainable {count(_elements(trainable))}"
    yield f"  parameters: {count(_elements(own))}{frozen}{_shared(graph, node)}"
    if step.macs is None:
        yield f"  {text.ask_at_sizes(graph)}"
        return
    yield f"  MACs: {count(step.macs)} a sample"
    yield f"  memory: {' * '.join(map(str, node.type.sample))} * 4 bytes = {memory(step.activation_memory)} a sample"
    yield f"  sees: {field(step.receptive_field)} of the input"


def _of_block(graph: Graph, block: Block, steps: dict[str, StepCost]) -> Iterator[str]:
    inside = [steps[node.name] for node in block.nodes]
    types = {port.name: port.type for port in graph.inputs} | {node.name: node.type for node in graph.nodes}
    yield from _head(graph, block, text.block(block))
    yield from _values([f"{name} {types[name]}" for name in block.inputs], types[block.output])
    yield f"  holds   {plural(len(inside), 'step')}: {_some(block.members, block.name)}"
    own = {node.module: _elements(p for p in node.parameters if not p.buffer) for node in block.nodes}
    yield f"  parameters: {count(sum(own.values()))}{_shared(graph, block)}"
    if graph.symbols:
        yield f"  {text.ask_at_sizes(graph)}"
        return
    yield f"  MACs: {scaled(sum(step.macs or 0 for step in inside))} a sample"
    yield f"  memory: {memory(sum(step.activation_memory or 0 for step in inside))} a sample, of all its results"
    yield f"  sees: {field(steps[block.output].receptive_field)} of the input"


def _head(graph: Graph, part: Node | Block, meaning: str) -> Iterator[str]:
    """What was written, what it means with its values filled in, where it stands, and in what."""
    line, column = part.span.position
    written = " ".join(part.span.text.partition("{")[0].split()) or meaning
    yield f"{part.name}: {written}"
    if _plain(written) != _plain(meaning):
        yield f"  is {meaning}"
    yield f"  at {part.span.source.name}:{line}:{column}"
    inside = part.nodes[0] if isinstance(part, Block) else part
    near = [block for block in _blocks(graph.members) if part.name.startswith(f"{block.name}.")]
    for around in reversed([block for block in near if inside in block.nodes]):  # of a group in parts, that part
        yield f"  in {around.name}: {text.block(around)}"
    yield ""


def _plain(call: str) -> str:
    """Without what makes no difference to the reader: blanks, and the kind of brackets around a list."""
    return call.replace(" ", "").translate(str.maketrans("[]", "()"))


def _values(taken: list[str], gives: TensorType) -> Iterator[str]:
    yield from (f"  takes   {value}" for value in taken)
    yield f"  gives   {gives}"
    yield ""


def _shared(graph: Graph, part: Node | Block) -> str:
    """Where shared tensors are counted."""
    if part.owner is None:
        return ""
    everything: list[Node | Block] = [*graph.nodes, *_blocks(graph.members)]
    others = [other.name for other in everything if other.name != part.name and other.module == part.module]
    return f", shared with {listed(others)}" if others else ""


def _elements(parameters: Iterable[Parameter]) -> int:
    return sum(prod(parameter.shape) for parameter in parameters)


def _blocks(members: tuple[Node | Block, ...]) -> Iterator[Block]:
    """Every block, the outer ones before those in them."""
    for member in members:
        if isinstance(member, Block):
            yield member
            yield from _blocks(member.members)


def _some(members: tuple[Node | Block, ...], owner: str = "") -> str:
    """The members' names, as long as the list is of use."""
    names = [member.name.removeprefix(f"{owner}.") for member in members]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _parameter(parameter: Parameter) -> str:
    kind = "running statistic" if parameter.buffer else "parameter" if parameter.trainable else "frozen parameter"
    size = count(prod(parameter.shape))
    if len(parameter.shape) > 1:
        size = f"{times(parameter.shape)} = {size}"
    return f"{parameter.name or 'its factor'}: {size} ({kind})"
