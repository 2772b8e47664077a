"""What the steps say of the values between them: what their axes mean, and between which numbers they lie."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from specc.ir.graph import Graph
from specc.ir.op import Op
from specc.ir.traits import ANY, Axes, ChannelsFirst, Range

_PLACES = ("", "L", "HW", "DHW")
_DISPUTED = "?"
_Letters = tuple[str | None, ...]
"""One for each axis of a sample; None: nothing is known."""


def layouts(graph: Graph) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """The layouts of the inputs, from the steps that use them, and of the outputs, from the steps before them, by port.

    ``NCHW``, ``NHWC``, ``NCL``: N batch, C channels, F features, L, HW or DHW places. None: not every axis is known.

    A convolution, a pool or a batch norm is defined on (channels, places …): its input and its result are laid out so.
    A step between it and an input or an output leaves the axes alone, changes their order or makes one of several. An
    axis of which no step says anything has no meaning, and neither has one of which two steps say different things.
    """
    steps = [(node, node.op.axes(*node.input_types)) for node in graph.nodes]
    by_use: dict[str, _Letters] = {port.name: (None,) * len(port.type.sample) for port in graph.inputs}
    by_use.update((node.name, (None,) * len(node.type.sample)) for node in graph.nodes)
    for node, axes in reversed(steps):
        for value, x in zip(node.inputs, node.input_types, strict=True):
            by_use[value] = _agreed(by_use[value], _through(axes, by_use[node.name], len(x.sample), backward=True))
    by_origin = {port.name: by_use[port.name] for port in graph.inputs}
    for node, axes in steps:
        rank = len(node.type.sample)
        by_origin[node.name] = _agreed(*(_through(axes, by_origin[value], rank) for value in node.inputs))
    inputs = {port.name: _layout(by_use[port.name]) for port in graph.inputs}
    return inputs, {port.name: _layout(by_origin[value]) for port, value in graph.outputs}


def _through(axes: Axes, letters: _Letters, rank: int, *, backward: bool = False) -> _Letters:
    """What the ``rank`` axes of a step's result are, where those of its input are ``letters``; or the other way."""
    if isinstance(axes, ChannelsFirst):
        return ("C", *(_PLACES[rank - 1] if rank <= len(_PLACES) else (None,) * (rank - 1)))
    result: list[str | None] = [None] * rank
    for group in axes.groups:
        of, to = reversed(group) if backward else group
        if len(to) == 1:
            several = [letters[axis] for axis in of]
            # Several axes of places that become one are places still, but for a flat vector's features.
            places = "L" if rank > 1 and all(letter is not None and letter in "DHWL" for letter in several) else None
            letter = several[0] if len(several) == 1 else places
            result[to[0]] = None if to[0] == axes.mixed and letter != "C" else letter
    return tuple(result)


def _agreed(*statements: _Letters) -> _Letters:
    known = ({letter for letter in letters if letter is not None} for letters in zip(*statements, strict=True))
    return tuple([_DISPUTED if len(letters) > 1 else next(iter(letters), None) for letters in known])


def _layout(letters: _Letters) -> str | None:
    if len(letters) == 1 and letters[0] in (None, "C"):
        return "NF"
    known = [letter for letter in letters if letter is not None and letter != _DISPUTED]
    return "N" + "".join(known) if len(set(known)) == len(letters) else None


def ranges(graph: Graph, values: Iterable[str]) -> dict[str, Range]:
    """The ranges of ``values``, whatever the weights and the input are, in training too: as far as steps claim them.

    Those of other values are among them where they are needed for these. Of an input of the network nothing is known
    but that bytes are 0 to 255.
    """
    # Most steps have learned weights and claim nothing: behind them there is nothing to look for, which saves two
    # thirds of the time.
    needed = set(values)
    steps = []
    for node in reversed(graph.nodes):
        if node.name in needed and claims_range(type(node.op)):
            needed.update(node.reads)
            steps.append(node)
    known = dict.fromkeys(needed, ANY)
    known |= {port.name: BYTES for port in graph.inputs if port.is_cast}
    for node in reversed(steps):
        known[node.name] = node.op.bounds(tuple([known[name] for name in node.reads]), *node.input_types)
    return known


BYTES = Range(0, 255)
"""Of an input of uint8."""


@cache  # one entry for each operator
def claims_range(operator: type[Op]) -> bool:
    """Whether results of the operator may have a range."""
    members = ("bounds", "selects", "identity", "keeps_order")
    return any(getattr(operator, member) is not getattr(Op, member) for member in members)
