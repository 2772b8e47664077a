"""What models cost, at sizes that somebody has chosen, and what each part of a file has of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from math import prod
from typing import NamedTuple

from specc.diagnostics import UsageError
from specc.elaborate import Imports, fitting
from specc.elaborate.model_cache import ModelCache, Shift
from specc.filesystem import FileSystem
from specc.ir.graph import Graph, Node, Region
from specc.ir.symbols import USUAL
from specc.ir.types import TensorType
from specc.project.settings import Configuration
from specc.report.notation import scaled
from specc.source import Source
from specc.syntax import ast

Sizes = Mapping[str, int]
"""Of symbolic sizes by name."""
_Place = tuple[int, int]


class _Amount(NamedTuple):
    parameters: int
    macs: int


class SizedModel(NamedTuple):
    """A model that fits, at sizes that its contract allows.

    Attributes:
        text: ``11.69 M parameters, 1.814 G MACs at H = 224, W = 224``
        costs: of its parts, in the text in which they were counted.
        shift: from there to the present text.
    """

    model: ast.ModelDefinition
    text: str
    costs: _Costs
    shift: Shift


class _Costs(NamedTuple):
    """What a model costs.

    Attributes:
        places: each amount that the part at a place has, once.
        blocks: the same of blocks by their names.
    """

    whole: _Amount
    places: dict[_Place, dict[_Amount, None]]
    blocks: dict[str, dict[_Amount, None]]


def read_sizes(value: object) -> Sizes:
    """What an editor gives as its option ``sizes``. Raises UsageError."""
    if isinstance(value, dict) and all(type(size) is int and size > 0 for size in value.values()):
        return {str(name): size for name, size in value.items()}
    raise UsageError(f'the option sizes must give sizes, as in {{"H": 224, "W": 224}}, not {value!r}')


def chosen_sizes(path: str, files: FileSystem, asked: Sizes) -> Sizes:
    """At which sizes the models of a file are counted: those that are asked for, or else those of its budget."""
    try:
        budget = Configuration(files=files).of(path).budget(path)
    except UsageError:  # broken settings are a finding
        budget = None
    return {**dict(budget.at if budget else ()), **asked}


def sized_models(file: ast.File, files: FileSystem, sizes: Sizes, cache: ModelCache | None = None) -> list[SizedModel]:
    """The models of a file that fit, with their parameters at their defaults.

    Args:
        sizes: where the contract does not allow one the next that it does is taken; of others `USUAL`.
        cache: models of earlier texts.
    """
    found = []
    for model, known in fitting(file, Imports(files), cache or ModelCache()):
        at = {one.name: one.nearest(sizes.get(one.name, USUAL)) for one in known.graph.symbols}
        costs, shift = known.note("costs", partial(_costs, at), of=at)
        where = ", ".join(f"{name} = {size}" for name, size in at.items())
        text = _words([costs.whole]) + (f" at {where}" if where else "")
        found.append(SizedModel(model, text, costs, shift))
    return found


def details(file: ast.File, models: Iterable[SizedModel]) -> dict[tuple[int, int], str]:
    """What the parts of a file cost, by where they begin and end: models, blocks, and steps without their labels.

    Where a part is run several times, and does not always have as much, the least and the most of it.
    """
    places: dict[_Place, dict[_Amount, None]] = {}
    texts = {}
    blocks = {
        item.name: (item.span.start, item.span.end) for item in file.items if isinstance(item, ast.BlockDefinition)
    }
    for one in models:
        texts[one.model.span.start, one.model.span.end] = one.text
        for place, amounts in one.costs.places.items():
            places.setdefault(one.shift(place), {}).update(amounts)
        for name in one.costs.blocks.keys() & blocks.keys():
            places.setdefault(blocks[name], {}).update(one.costs.blocks[name])
    texts |= {place: text for place, amounts in places.items() if (text := _words(amounts))}
    return texts


def _costs(at: Sizes, graph: Graph, source: Source) -> _Costs:
    found = _Costs(_Amount(0, 0), {}, {})
    return found._replace(whole=_collect(graph.members, _amounts(graph, at), source, found))


def _amounts(graph: Graph, at: Sizes) -> dict[str, _Amount]:
    """Of each step, by name; shared steps have their parameters where they are applied first.

    Not `Costs.steps`: that would take as long again for receptive fields, which nobody asks for here.
    """
    seen: set[str] = set()
    found = {}
    types: dict[TensorType, TensorType] = {}
    # By identity: blocks are repeated, with one operator and one type in many rounds. A third of the time is so saved.
    alike: dict[tuple[int, ...], _Amount] = {}
    for node in graph.nodes:
        key = (id(node.op), *map(id, node.input_types))
        if key not in alike:
            sized = node.at(at, types) if at else node
            elements = sum(prod(one.shape) for one in sized.parameters if not one.buffer)
            alike[key] = _Amount(elements, sized.op.macs(*sized.input_types))
        found[node.name] = alike[key]._replace(parameters=0) if node.module in seen else alike[key]
        seen.add(node.module)
    return found


def _collect(
    members: Iterable[Node | Region],
    own: Mapping[str, _Amount],
    source: Source,
    found: _Costs,
) -> _Amount:
    """What these have together; what each of them has is added to its places in the source."""
    parameters = macs = 0
    for member in members:
        amount = _collect(member.members, own, source, found) if isinstance(member, Region) else own[member.name]
        parameters, macs = parameters + amount.parameters, macs + amount.macs
        if member.span.source is source and not (isinstance(member, Region) and member.kind == "round"):
            found.places.setdefault((member.span.start, member.span.end), {})[amount] = None
            if isinstance(member, Region) and member.kind == "block":
                found.blocks.setdefault(member.title, {})[amount] = None
    return _Amount(parameters, macs)


def _words(amounts: Iterable[_Amount]) -> str:
    parts = []
    for numbers, unit in (([one.parameters for one in amounts], "parameters"), ([one.macs for one in amounts], "MACs")):
        least, most = scaled(min(numbers)), scaled(max(numbers))
        if max(numbers):
            parts.append(f"{most} {unit}" if least == most else f"{least} to {most} {unit}")
    return ", ".join(parts)
