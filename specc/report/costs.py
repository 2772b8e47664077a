"""`specc show` and `specc explain`: what a network costs, as a table, side by side, and step by step."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from math import prod
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from specc.analyses import Costs, StepCost
from specc.diagnostics import UsageError
from specc.diagnostics.spelling import advice
from specc.diagnostics.words import listed, plural
from specc.ir.graph import Graph, Node, Region
from specc.ir.op import Parameter
from specc.ir.types import times
from specc.report import notation
from specc.report.notation import WIDEST, count, field, memory, print_columns, scaled
from specc.report.operators import meaning

MOST_NAMES = 12
"""Names in the message about an unknown one."""
_IN_BRACKETS = re.compile(r"""\[["']?([^\[\]"']+)["']?\]""")
_COMMENT = re.compile(r"""("[^"\n]*"|'[^'\n]*')|\#[^\n]*""")
"""A comment, or a text, in which no comment begins."""
DESCRIBING = ("step", "layer", "output")
COLUMNS = (*DESCRIBING, "params", "MACs", "memory", "sees")


class Entry(NamedTuple):
    """A row of the table: a step, or a closed block.

    Attributes:
        layer: it as a call.
        output: its result's shape.
        params: elements of its parameters; those that an earlier step has, too, are counted there.
        shared: whether it has none but such.
        macs, memory: for one sample; memory in bytes. None where they depend on symbolic sizes.
        receptive_field: of its result; None where none is claimed.
    """

    step: str
    layer: str
    output: str
    params: int
    shared: bool
    macs: int | None
    memory: int | None
    receptive_field: tuple[int, ...] | None


# ---- show: a row for each step ------------------------------------------------------------------------


def show(costs: Costs, console: Console, depth: int | None = None) -> None:
    """Print the table and the sums. Costs are of one sample; memory is that of each step's float32 result.

    Args:
        depth: how deep blocks are opened; those at this depth are a row each. None: every step is.
    """
    console.print(Text(f"{costs.graph.name} : {notation.interface(costs.graph)}", style="bold"), soft_wrap=True)
    header, *rows = table(costs, depth)
    print_columns(
        console,
        header,
        rows,
        right=COLUMNS[len(DESCRIBING) :],
        describing=("layer",),
    )
    for line in sums(costs):
        console.print(Text(line), soft_wrap=True)


def summary(costs: Costs) -> str:
    """The same as plain text, as wide as it needs to be."""
    file = io.StringIO()
    show(costs, Console(file=file, width=WIDEST, no_color=True))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def compare(networks: list[Costs], console: Console) -> None:
    """Print networks side by side, a row each."""
    header = ("model", "params", "MACs", "memory", "sees", "depth")
    rows = [
        (
            costs.graph.name,
            count(costs.params),
            scaled(costs.macs),
            memory(costs.activation_memory),
            field(costs.receptive_field),
            str(costs.depth),
        )
        for costs in networks
    ]
    print_columns(console, header, rows, right=header[1:])


def console_for() -> Console:
    """Standard output; as wide as any table where nobody's screen would break it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDEST
    return console


def table(costs: Costs, depth: int | None = None) -> list[list[str]]:
    """The header and the rows. Without weights there are no params, at symbolic sizes no costs: an empty column is left
    out."""
    rows = list(map(cells, entries(costs, depth)))
    texts = list(zip(*rows, strict=True))
    columns = [i for i, name in enumerate(COLUMNS) if name in DESCRIBING or not {*texts[i]} <= {"", notation.NOTHING}]
    return [[row[i] for i in columns] for row in (COLUMNS, *rows)]


def entries(costs: Costs, depth: int | None = None) -> tuple[Entry, ...]:
    """The rows of the table; ``depth`` as of `show`."""
    steps = {step.node.name: step for step in costs.steps}
    members = costs.graph.nodes if depth is None else _opened(costs.graph.members, depth)
    return tuple(_entry(member, steps) for member in members)


def _entry(member: Node | Region, steps: dict[str, StepCost]) -> Entry:
    if isinstance(member, Node):
        inside, layer, last = [steps[member.name]], notation.step(member), steps[member.name]
    else:
        inside = [steps[node.name] for node in member.nodes]
        layer, last = notation.block(member), steps[member.output]
    params = sum(step.params for step in inside)
    return Entry(
        step=member.name,
        layer=layer,
        output=str(last.node.type),
        params=params,
        shared=not params and any(not parameter.buffer for step in inside for parameter in step.node.parameters),
        macs=_sum(step.macs for step in inside),
        memory=_sum(step.activation_memory for step in inside),
        receptive_field=last.receptive_field,
    )


def cells(entry: Entry) -> tuple[str, ...]:
    """Of `COLUMNS`, for people."""
    weights = count(entry.params) if entry.params else "shared" if entry.shared else ""
    macs = "" if entry.macs == 0 else scaled(entry.macs)
    return entry.step, entry.layer, entry.output, weights, macs, memory(entry.memory), field(entry.receptive_field)


def _opened(members: tuple[Node | Region, ...], depth: int) -> Iterator[Node | Region]:
    """Steps and blocks at most ``depth`` deep, the blocks above that opened."""
    for member in members:
        if isinstance(member, Region) and depth > 1:
            yield from _opened(member.members, depth - 1)
        else:
            yield member


def _sum(numbers: Iterable[int | None]) -> int | None:
    """None where one of them is not known."""
    addends = list(numbers)
    known = [number for number in addends if number is not None]
    return sum(known) if len(known) == len(addends) else None


def sums(costs: Costs) -> Iterator[str]:
    """What stands below the table."""
    yield ""
    for name, text in totals(costs):
        yield f"{name:<17}  {text}"
    if costs.graph.symbols:
        yield ""
        yield notation.ask_at_sizes(costs.graph)


def totals(costs: Costs) -> Iterator[tuple[str, str]]:
    """The numbers of the whole network, each with its name."""
    frozen = costs.params - costs.trainable_params
    yield "parameters", count(costs.params) + (f", {count(frozen)} of them frozen" if frozen else "")
    yield "weights", f"{memory(4 * costs.params)} as float32"
    if costs.macs is not None:
        exact = f" ({count(costs.macs)})" if scaled(costs.macs) != count(costs.macs) else ""
        at_once = f"at most {memory(costs.peak_memory)} at once"
        yield "MACs", f"{scaled(costs.macs)} a sample{exact}"
        yield "activation memory", f"{memory(costs.activation_memory)} a sample, {at_once}"
        yield "receptive field", field(costs.receptive_field)
    yield "depth", f"{costs.depth} (convolutions and fully connected layers on the longest path)"


# ---- explain: the arithmetic behind one step, or what a block holds -----------------------------------


def explain(costs: Costs, name: str) -> str:
    """The numbers of the step or block called ``name``, and the formulas they come from.

    Args:
        name: its path, or as a spec asks for it: ``down[0].skip``, ``body.c3`` of an output that no label names.

    Raises:
        UsageError: there is none.
    """
    steps = {step.node.name: step for step in costs.steps}
    found = called(costs.graph, name)
    if isinstance(found, Node):
        return "\n".join(_of_step(costs.graph, steps[found.name]))
    return "\n\n".join("\n".join(_of_block(costs.graph, block, steps)) for block in found)


def called(graph: Graph, name: str) -> Node | list[Region]:
    """The step or the block of that name; the block in several parts, where a group goes on further down.

    Args, Raises: as of `explain`.
    """
    steps = {node.name: node for node in graph.nodes}
    blocks: dict[str, list[Region]] = {}
    given: dict[str, str] = {}
    for block in _blocks(graph.members):
        blocks.setdefault(block.name, []).append(block)
        given |= {f"{block.name}.{output}": value for output, value in block.outputs}
    name = _IN_BRACKETS.sub(r".\1", name)
    if name not in steps and name not in blocks and name in given:
        if any(port.name == given[name] for port in graph.inputs):
            raise UsageError(f"{name} is what {graph.name} is given as {given[name]}: no step makes it")
        name = given[name]
    if name in steps:
        return steps[name]
    if name in blocks:
        return blocks[name]
    everything: list[Node | Region] = [*graph.nodes, *_blocks(graph.members)]
    if sharing := list(dict.fromkeys(part.name for part in everything if part.module == name)):
        shared = f"its tensors are shared by {listed(sharing)}"
        raise UsageError(f"{graph.name} has no step called {name}: {shared}; ask for one of these")
    has = advice(name, (*steps, *blocks), f"it has {_some(graph.members)}")
    raise UsageError(f"{graph.name} has no step called {name}; {has}")


def _of_step(graph: Graph, step: StepCost) -> Iterator[str]:
    node = step.node
    yield from head(graph, node, notation.step(node))
    for place, (name, type_) in enumerate(zip(node.inputs, node.input_types, strict=True)):
        alone = ", its sizes alone" if place >= len(node.reads) else ""
        yield f"  takes   {name} {type_}{_cast(graph, name)}{alone}"
    yield f"  gives   {node.type}"
    yield ""
    yield f"  {' '.join(meaning(type(node.op)).replace('``', '`').split())}"
    yield from (f"  {line}" for line in node.op.arithmetic(*node.input_types))
    yield f"  in float32: {node.op.rounding(*node.input_types).rule}"
    for parameter in node.parameters:
        kind = "running statistic" if parameter.buffer else "parameter" if parameter.trainable else "frozen parameter"
        size = count(prod(parameter.shape))
        if len(parameter.shape) > 1:
            size = f"{times(parameter.shape)} = {size}"
        yield f"  {parameter.name or 'its factor'}: {size} ({kind})"
    own = [parameter for parameter in node.parameters if not parameter.buffer]
    trainable = [parameter for parameter in own if parameter.trainable]
    frozen = "" if trainable == own else f", of them trainable {count(_elements(trainable))}"
    yield f"  parameters: {count(_elements(own))}{frozen}{_shared(graph, node)}"
    if step.macs is None:
        yield f"  {notation.ask_at_sizes(graph)}"
        return
    yield f"  MACs: {count(step.macs)} a sample"
    yield f"  memory: {' * '.join(map(str, node.type.sample))} * 4 bytes = {memory(step.activation_memory)} a sample"
    yield _seen(step)


def _seen(step: StepCost) -> str:
    seen = step.receptive_field
    return f"  sees: {field(seen) if seen else 'no single window'} of the input"


def _cast(graph: Graph, value: str) -> str:
    """What an input was before it was float32."""
    return next((f", cast from {port.dtype}" for port in graph.inputs if port.name == value and port.is_cast), "")


def _of_block(graph: Graph, block: Region, steps: dict[str, StepCost]) -> Iterator[str]:
    inside = [steps[node.name] for node in block.nodes]
    types = {port.name: port.type for port in graph.inputs} | {node.name: node.type for node in graph.nodes}
    yield from head(graph, block, notation.block(block))
    for name in block.inputs:
        yield f"  takes   {name} {types[name]}{_cast(graph, name)}"
    for name, value in block.outputs or (("", block.output),):
        yield f"  gives   {f'{name} {types[value]}'.strip()}"
    yield ""
    yield f"  holds   {plural(len(inside), 'step')}: {_some(block.members, block.name)}"
    own = {node.module: _elements(p for p in node.parameters if not p.buffer) for node in block.nodes}
    yield f"  parameters: {count(sum(own.values()))}{_shared(graph, block)}"
    if graph.symbols:
        yield f"  {notation.ask_at_sizes(graph)}"
        return
    yield f"  MACs: {scaled(sum(step.macs or 0 for step in inside))} a sample"
    yield f"  memory: {memory(sum(step.activation_memory or 0 for step in inside))} a sample, of all its results"
    yield _seen(steps[block.output])


def head(graph: Graph, part: Node | Region, meaning: str) -> Iterator[str]:
    """The call in the spec, the same with its values, its place, and the blocks around it."""
    line, column = part.span.position
    call_text = " ".join(_COMMENT.sub(r"\1", part.span.text).partition("{")[0].split()) or meaning
    yield f"{part.name}: {call_text}"
    # Blanks, the kind of brackets around a list, and which argument comes first make no difference to the reader.
    source, filled = (sorted(re.split(r"[][(),]", call.replace(" ", ""))) for call in (call_text, meaning))
    if source != filled:
        yield f"  is {meaning}"
    yield f"  at {part.span.source.name}:{line}:{column}"
    inside = part.nodes[0] if isinstance(part, Region) else part
    outer = [block for block in _blocks(graph.members) if part.name.startswith(f"{block.name}.")]
    for around in reversed([block for block in outer if inside in block.nodes]):  # of a group in parts, that part
        yield f"  in {around.name}: {notation.block(around)}"
    yield ""


def _shared(graph: Graph, part: Node | Region) -> str:
    """Where shared tensors are counted."""
    if part.owner is None:
        return ""
    everything: list[Node | Region] = [*graph.nodes, *_blocks(graph.members)]
    others = [other.name for other in everything if other.name != part.name and other.module == part.module]
    return f", shared with {listed(others)}" if others else ""


def _elements(parameters: Iterable[Parameter]) -> int:
    return sum(prod(parameter.shape) for parameter in parameters)


def _blocks(members: tuple[Node | Region, ...]) -> Iterator[Region]:
    """Every block, the outer ones before those in them."""
    for member in members:
        if isinstance(member, Region):
            yield member
            yield from _blocks(member.members)


def _some(members: tuple[Node | Region, ...], owner: str = "") -> str:
    """The members' names, as long as the list is of use."""
    return notation.some([member.name.removeprefix(f"{owner}.") for member in members], MOST_NAMES)
