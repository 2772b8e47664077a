"""What kinds of mutations there are: a name each, and how its places are found in any emitted model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from onnx import NodeProto, numpy_helper

from tests.verify.mutants.draft import Body, Draft, Site, Use, set_tensor

Change = Callable[[Body, NodeProto], None]
Aim = Literal["function", "contract", "tensor", "harmless"]


@dataclass(frozen=True)
class Kind:
    """A way to break a file.

    Attributes:
        aim: what is broken. "function": what the file computes; such a mutant counts only where it is shown to compute
            something else. "contract": what the file says of itself, or of which inputs it takes. "tensor": the
            numbers of a weight, however little. "harmless": nothing; whoever flags it gives a false alarm.
        sites: finds its places.
    """

    name: str
    aim: Aim
    sites: Callable[[Draft], Iterator[Site]]


KINDS: dict[str, Kind] = {}


def kind(name: str, aim: Aim) -> Callable[[Callable[[Draft], Iterator[Site]]], Callable[[Draft], Iterator[Site]]]:
    """Register a kind that finds its places by itself."""

    def register(find: Callable[[Draft], Iterator[Site]]) -> Callable[[Draft], Iterator[Site]]:
        assert name not in KINDS, name
        KINDS[name] = Kind(name, aim, find)
        return find

    return register


NodeFinder = Callable[[Body, NodeProto], Iterator[tuple[str, Change]]]


def node_kind(name: str, *op_types: str, aim: Aim = "function") -> Callable[[NodeFinder], NodeFinder]:
    """Register a kind of change to one node of the given types (of any, where none is given).

    What is decorated gives, for a node, what becomes of it in words, and the change.
    """

    def register(find: NodeFinder) -> NodeFinder:
        def sites(draft: Draft) -> Iterator[Site]:
            for place, body in enumerate(draft.bodies):
                for index, node in enumerate(body.nodes):
                    if (node.op_type in op_types or not op_types) and node.op_type != "Constant":
                        for words, change in find(body, node):
                            what = f"{node.op_type} {node.name}{f': {words}' if words else ''}"
                            yield Site(what, _at(place, index, change), body.steps(node))

        kind(name, aim)(sites)
        return find

    return register


def _at(place: int, index: int, change: Change) -> Callable[[Draft], None]:
    def edit(draft: Draft) -> None:
        body = draft.bodies[place]
        change(body, body.nodes[index])

    return edit


WeightFinder = Callable[[np.ndarray, Use], Iterator[tuple[str, np.ndarray]]]


def weight_kind(name: str, aim: Aim = "tensor") -> Callable[[WeightFinder], WeightFinder]:
    """Register a kind of change to the numbers of one stored weight.

    What is decorated gives, for a weight and its first use, what becomes of it in words, and the new numbers.
    """

    def register(find: WeightFinder) -> WeightFinder:
        def sites(draft: Draft) -> Iterator[Site]:
            for path, stored in draft.weights.items():
                uses = draft.uses[path]
                values = numpy_helper.to_array(stored)
                if not uses or stored.data_type != 1:
                    continue
                for words, new in find(values.copy(), uses[0]):
                    if not np.array_equal(new, values):
                        what = f"{path}{f': {words}' if words else ''}"
                        yield Site(what, _stored(path, new.astype(np.float32)), tuple(use.step for use in uses))

        kind(name, aim)(sites)
        return find

    return register


def _stored(name: str, values: np.ndarray) -> Callable[[Draft], None]:
    return lambda draft: set_tensor(draft.weights[name], values)
