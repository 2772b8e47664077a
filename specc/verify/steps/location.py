"""Where in a file the steps of the spec are: by name in specc's own files, by value in others.

A place is only a proposal: the piece of the file between places is then proven to be the steps between them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from specc.backends.onnx import value_names
from specc.diagnostics.words import plural
from specc.ir.graph import Graph
from specc.verify.conditions import Conditions
from specc.verify.sessions import ModelRefused
from specc.verify.steps.parts import Part, Parts
from specc.verify.steps.pieces import Piece, Pieces
from specc.verify.steps.search import Search, Values, values_in_torch
from specc.weights import Weights


@dataclass(frozen=True)
class Cut:
    """Steps of the spec and the piece of the file that should compute the same.

    Attributes:
        piece: None where the file computes the steps from other values than the spec does; ``reason`` says from which.
        tensors: what the values that the steps take are called in the file.
    """

    part: Part
    piece: Piece | None
    tensors: Mapping[str, str]
    reason: str = ""


def located(
    graph: Graph, pieces: Pieces, weights: Weights, inputs: Values, conditions: Conditions
) -> tuple[list[Cut], list[str]]:
    """The steps with their pieces of the file, and notes on how they were found.

    Args:
        inputs: of one case, to find values by.
    """
    if pieces.fault:
        return [], [f"judged as a whole only: {pieces.fault}"]
    names = names_of(graph, pieces)
    if names is not None:
        return list(cuts(graph, pieces, names, trusted=True)), []
    try:
        search = Search(graph, pieces, inputs, values_in_torch(graph, weights, inputs), conditions)
    except (ModelRefused, ValueError) as refused:
        return [], [f"judged as a whole only: its values cannot be looked at ({refused})"]
    places = search.places()
    found = list(cuts(graph, pieces, places, trusted=False))
    alone = sum(len(cut.part.nodes) == 1 for cut in found)
    note = f"found by their values: {alone} of {plural(len(graph.nodes), 'step')} by themselves, the others together"
    return found, [note]


def names_of(graph: Graph, pieces: Pieces) -> dict[str, str] | None:
    """What every value is called in the file, where the file has specc's names for all of them, and float32 values."""
    names = value_names(graph)
    return names if all(name in pieces for name in names.values()) and pieces.only_single else None


def cuts(graph: Graph, pieces: Pieces, places: Mapping[str, str], *, trusted: bool) -> Iterator[Cut]:
    """The steps one after another, each with its piece of the file; several where the file computes them as one.

    Args:
        places: what the values are called in the file, those of outputs included.
        trusted: the names are specc's own: a step that the file computes from other values is wrong there. Else its
            place is a mistake of ours, and it is judged together with the steps behind it.
    """
    parts = Parts(graph)
    outputs = {value for _, value in graph.outputs}
    kept = {port.name: port.name for port in graph.inputs}
    for node in graph.nodes:
        if node.name not in places:
            continue
        part = parts.of(node.name, kept)
        piece = pieces.cut(places[node.name], {kept[value] for value in part.taken})
        if piece is None and not trusted and node.name not in outputs:
            continue
        if piece is None and not trusted:
            part = parts.of(node.name, ())
            piece = pieces.cut(places[node.name], {kept[value] for value in part.taken})
        kept[node.name] = places[node.name]
        reason = "" if piece else _reason(part, pieces, kept, places[node.name])
        yield Cut(part, piece, {value: kept[value] for value in part.taken}, reason)


def _reason(part: Part, pieces: Pieces, kept: Mapping[str, str], result: str) -> str:
    stops: Collection[str] = {tensor for tensor in kept.values() if tensor != result}
    piece = pieces.cut(result, stops)
    really = ", ".join(piece.taken) if piece else "other values"
    wanted = ", ".join(kept[value] for value in part.taken)
    return f"the file computes {part.last.name} from {really}, the spec from {wanted}"
