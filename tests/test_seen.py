"""What one place sees of every value before it, against gradients of the emitted module at every step.

`tests/test_receptive_field.py` asks the same of the input, for its hundreds of networks.
"""

from __future__ import annotations

import pytest
import torch

import specc
from specc.analyses.seen import Untold, seen
from tests.fields import above_zero, marked, positive

NETWORKS = {
    "a: conv(2, 3, stride=2, padding=1) -> b: relu -> c: maxpool(2) -> d: conv(2, 2)": (1, 17, 13),
    "a: conv(2, 3, dilation=2, padding=2) -> b: avgpool(3, stride=2) -> c: conv(2, (1, 3))": (1, 11, 12),
    "a: conv(2, 3, padding=1) -> b: add { | conv(2, (1, 5), padding=(0, 2)) | conv(2, (5, 1), padding=(2, 0)) }"
    " -> c: concat { | _ | a } -> d: conv(2, 2, stride=2)": (1, 9, 10),
    "a: conv(2, 3, padding=1) -> b: avgpool(2) -> c: upsample(scale_factor=2) -> d: concat { | _ | a }"
    " -> e: conv(2, 3)": (
        1,
        12,
        8,
    ),
    'a: conv(2, 4, stride=2, padding="same_upper") -> b: convtranspose(2, 3, stride=3) -> c: conv(2, 2)': (2, 14),
    'a: conv(2, 3, padding=2, padding_mode="circular") -> b: pad(1, mode="reflect") -> c: conv(2, 3, stride=2)': (
        1,
        12,
    ),
    "a: conv(2, 2) -> b: avgpool(2) -> c: conv(2, (1, 2, 2))": (1, 5, 7, 7),
    "a: conv(2, 3) -> b: mul { | _ | globalavgpool } -> c: conv(2, 3) -> d: groupnorm(2)": (1, 8, 8),
    "a: conv(2, 3) -> b: flatten -> c: fc(4) -> d: relu": (1, 6, 6),
    "a: conv(2, 3) -> b: concat(dim=2) { | _ | avgpool(3, stride=1, padding=1) } -> c: conv(2, 2)": (1, 7, 6),
    "a: conv(4, 3) -> b: reshape(-1, 2, 2, 4, 4) -> c: reshape(-1, 4, 4, 4) -> d: conv(2, 2)": (1, 6, 6),
}


@pytest.mark.parametrize(("steps", "sample"), NETWORKS.items(), ids=NETWORKS)
def test_every_step(steps: str, sample: tuple[int, ...]) -> None:
    names = [name for name in "abcde" if f"{name}: " in steps]
    types = ", ".join(map(str, sample))
    model = specc.loads(f"model M : [N, {types}] -> ({', '.join(names)}) {{ {steps} }}")
    x, outputs = positive(model, sample)
    values = {"input": x, **dict(zip(names, outputs, strict=True))}
    *_, last = outputs
    for place in {(0,) * (last.dim() - 2), tuple(n // 2 for n in last.shape[2:]), tuple(n - 1 for n in last.shape[2:])}:
        told = seen(model.graph, names[-1], place)
        element = last[(0, slice(None), *place)].sum()
        for name, value in values.items():
            (gradient,) = torch.autograd.grad(element, value, retain_graph=True, allow_unused=True)
            assert gradient is not None
            places = above_zero(gradient.abs().sum(1)) if value.dim() > 2 else above_zero(gradient).any(1)
            assert marked(told[name]) == {*map(tuple, places[0].nonzero().tolist())}, (name, place)


def test_where_places_go_astray() -> None:
    """A reshape mixes rows and columns: of what lies before it nothing is claimed, but where all of it is seen."""
    graph = specc.loads("model M : [N, 1, 4, 4] { a: relu -> b: reshape(-1, 1, 2, 8) -> c: conv(1, 1) }").graph
    told = seen(graph, "c", (0, 3))
    assert told["b"] == ((frozenset({0}), frozenset({0}), frozenset({3})),)
    assert told["a"] == told["input"] == Untold(graph.node("b"))
    behind = specc.loads("model M : [N, 6] { a: relu -> fc(8) -> b: reshape(-1, 2, 2, 2) }").graph
    told = seen(behind, "b", (0, 1))
    assert told["fc1"] == Untold(behind.node("b"))
    assert told["a"] == told["input"] == ((frozenset(range(6)),),)
    whole = specc.loads("model M : [N, 1, 4, 4] { a: relu -> b: reshape(-1, 1, 2, 8) -> c: globalavgpool }").graph
    assert len(marked(seen(whole, "c", (0, 0))["input"])) == 16


def test_what_a_place_does_not_depend_on() -> None:
    graph = specc.loads("model M : [N, 1, 8] -> (a, b) { x: conv(1, 3) -> a: relu -> x -> b: conv(1, 1) }").graph
    assert {*seen(graph, "a", (0,))} == {"input", "x", "a"}
    crop = specc.loads("model M : [N, 2, 8] { a: conv(2, 1) -> b: slice(1, 2) -> c: relu }").graph
    assert seen(crop, "c", (3,))["a"] == ((frozenset({1}), frozenset({3})),)
