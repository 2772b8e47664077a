"""What the axes of inputs and outputs mean, as far as the steps of the network say it.

A convolution, a pool or a batch norm is defined on (channels, places …): its input and its result are laid out so. What
lies between such a step and an input or an output carries the axes along, changes their order or makes one of several.
An axis of which no step says anything has no meaning, and neither has one of which two steps say different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from specc.ir.graph import Graph
from specc.ir.traits import Axes, AxisMap, ChannelsFirst, Group

_PLACES = ("", "L", "HW", "DHW")
_DISPUTED = "?"
_Letters = tuple[str | None, ...]
"""One for each axis of a sample; None: nothing is known."""


def layouts(graph: Graph) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """The layout of each input, by what is done with it, and of each output, by what has made it, by port.

    ``NCHW``, ``NHWC``, ``NCL``: N batch, C channels, F features, L, HW or DHW places. None: not every axis is known.
    """
    taken = _taken(graph)
    made = _made(graph, {port.name: taken[port.name] for port in graph.inputs})
    inputs = {port.name: _written(taken[port.name]) for port in graph.inputs}
    return inputs, {port.name: _written(made[value]) for port, value in graph.outputs}


def _taken(graph: Graph) -> dict[str, _Letters]:
    """By value: as what the steps behind it take its axes."""
    found: dict[str, _Letters] = {port.name: (None,) * len(port.type.sample) for port in graph.inputs}
    found.update((node.name, (None,) * len(node.type.sample)) for node in graph.nodes)
    for node in reversed(graph.nodes):
        axes = node.op.axes(*node.input_types)
        for value, x in zip(node.inputs, node.input_types, strict=True):
            said = _before(axes, found[node.name], len(x.sample))
            found[value] = _agreed([found[value], said])
    return found


def _made(graph: Graph, inputs: Mapping[str, _Letters]) -> dict[str, _Letters]:
    """By value: as what the steps that lead to it give its axes."""
    found = dict(inputs)
    for node in graph.nodes:
        axes, rank = node.op.axes(*node.input_types), len(node.type.sample)
        found[node.name] = _agreed([_behind(axes, found[value], rank) for value in node.inputs])
    return found


def _before(axes: Axes, letters: _Letters, rank: int) -> _Letters:
    """What the input's axes are, where those of the result are ``letters``."""
    if isinstance(axes, ChannelsFirst):
        return _channels_first(rank)
    return _carried(letters, ((to, of) for of, to in axes.groups), rank, axes)


def _behind(axes: Axes, letters: _Letters, rank: int) -> _Letters:
    """What the result's axes are, where those of the input are ``letters``."""
    if isinstance(axes, ChannelsFirst):
        return _channels_first(rank)
    return _carried(letters, axes.groups, rank, axes)


def _channels_first(rank: int) -> _Letters:
    return ("C", *(_PLACES[rank - 1] if rank <= len(_PLACES) else (None,) * (rank - 1)))


def _carried(letters: _Letters, groups: Iterable[Group], rank: int, axes: AxisMap) -> _Letters:
    result: list[str | None] = [None] * rank
    for of, to in groups:
        if len(to) == 1:
            letter = _together([letters[axis] for axis in of], rank)
            result[to[0]] = None if to[0] == axes.mixed and letter != "C" else letter
    return tuple(result)


def _together(letters: list[str | None], rank: int) -> str | None:
    """The one axis that all of them become: several of places are places still, but for a flat vector's features."""
    if len(letters) == 1:
        return letters[0]
    return "L" if rank > 1 and all(letter is not None and letter in "DHWL" for letter in letters) else None


def _agreed(of: list[_Letters]) -> _Letters:
    return tuple(map(_one, zip(*of, strict=True)))


def _one(letters: Iterable[str | None]) -> str | None:
    known = {letter for letter in letters if letter is not None}
    return _DISPUTED if len(known) > 1 else next(iter(known), None)


def _written(letters: _Letters) -> str | None:
    if len(letters) == 1 and letters[0] in (None, "C"):
        return "NF"
    known = [letter for letter in letters if letter is not None and letter != _DISPUTED]
    return "N" + "".join(known) if len(set(known)) == len(letters) else None
