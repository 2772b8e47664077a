"""How a network normalises its inputs: by known numbers, in its first steps."""

from __future__ import annotations

from collections import defaultdict

from specc.ir.graph import Graph, Node
from specc.ir.traits import AxisMap, Scaling


def normalisations(graph: Graph) -> dict[str, Scaling | None]:
    """By input, with the axes of the input; None where its numbers are taken as they come.

    Steps with known means and deviations are followed from the input on, and orders of axes between them, as long as
    there is no other way that the input goes: whatever else read it would see other numbers.
    """
    readers: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for value in node.reads:
            readers[value].append(node)
    for _, value in graph.outputs:
        readers[value].clear()
    return {port.name: _of_input(port.name, len(port.type.sample), readers) for port in graph.inputs}


def _of_input(value: str, rank: int, readers: dict[str, list[Node]]) -> Scaling | None:
    found: Scaling | None = None
    origin = [*range(rank)]  # of each axis of the value, which one of the input it is
    while len(readers[value]) == 1:
        (node,) = readers[value]
        if (scaling := node.op.scaling(*node.input_types)) is not None:
            if scaling.axis is not None:
                scaling = Scaling(scaling.mean, scaling.std, origin[scaling.axis])
            if found is not None and None is not found.axis != scaling.axis is not None:
                break
            found = scaling if found is None else _both(found, scaling)
        elif (order := _order(node)) is not None:
            origin = [origin[axis] for axis in order]
        else:
            break
        value = node.name
    changes = found is not None and (any(found.mean) or any(std != 1 for std in found.std))
    return found if changes else None


def _both(first: Scaling, then: Scaling) -> Scaling:
    """((x - m)/s - mean)/std is (x - (m + s mean))/(s std)."""
    numbers = (first.mean, first.std, then.mean, then.std)
    count = max(map(len, numbers))
    each = [*zip(*((entry * count)[:count] for entry in numbers), strict=True)]
    axis = then.axis if first.axis is None else first.axis
    return Scaling(tuple(m + s * mean for m, s, mean, _ in each), tuple(s * std for _, s, _, std in each), axis)


def _order(node: Node) -> list[int] | None:
    """Which axis of the input each one of the result is, where a step does nothing but order them."""
    axes = node.op.axes(*node.input_types)
    if not isinstance(axes, AxisMap) or len(node.inputs) > 1 or not node.op.selects(*node.input_types):
        return None
    (x,) = node.input_types
    moves = {to[0]: of[0] for of, to in axes.groups if len(of) == len(to) == 1}
    order = [moves[axis] for axis in range(len(node.type.sample)) if axis in moves]
    is_whole = sorted(order) == [*range(len(x.sample))]
    return order if is_whole and tuple(x.sample[axis] for axis in order) == node.type.sample else None
