"""Memory, depth and size of small networks, counted by hand. A float32 takes 4 bytes."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest

import specc
from specc.analyses import Costs, costs
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse


def counted(steps: str, *sample: int, batch: str = "N") -> Costs:
    shape = ", ".join(map(str, (batch, *sample)))
    (checked,) = check_file(parse(Source("m.cnn", f"model M : [{shape}] {{ {steps} }}")))
    return checked.costs


# ---- activation memory: every result once; the input is none -------------------------------------------

CHAIN = "conv(2, 3) -> relu -> flatten -> fc(3)"
"""16 elements come in: 2*2*2 = 8, again 8, again 8, then 3."""


def test_activation_memory_is_every_result() -> None:
    network = counted(CHAIN, 1, 4, 4)
    assert [step.activation_memory for step in network.steps] == [32, 32, 32, 12]
    assert network.activation_memory == 108


@pytest.mark.parametrize("batch", ["N", "1", "7"])
def test_costs_are_of_one_sample(batch: str) -> None:
    network = counted(CHAIN, 1, 4, 4, batch=batch)
    assert (network.activation_memory, network.peak_memory) == (108, 96)
    assert network.macs == 8 * 9 + 8 * 3
    assert network.params == (2 * 9 + 2) + (8 * 3 + 3)


# ---- peak memory: elements that live while each step runs ----------------------------------------------

PEAKS = {
    # 16 + 8 at the conv. Were the input kept, 16 + 8 + 8 at the relu.
    "at the first step": (CHAIN, (1, 4, 4), 24),
    # 4 + 16, 16 + 64, 64 + 64, 64 + 4, 4 + 4
    "in the middle": ("conv(4, 1) -> upsample(scale_factor=2) -> relu -> globalavgpool -> flatten", (1, 2, 2), 128),
    # 8 + 8, 8 + 200
    "at the last step": ("relu -> fc(200)", (8,), 208),
    # 512 + 8
    "mostly the input": ("globalavgpool -> flatten", (8, 8, 8), 520),
    # 32 + 128, then 32 + 128 + 128, 32 + 128 + 32, and at the add 32 + 32 + 32
    "a residual keeps the input": ("add { | conv(8, 1) -> relu -> conv(2, 1) | _ }", (2, 4, 4), 288),
    # 16 + 32, 32 + 64, then 32 + 64 + 16, and at the concat 16 + 32 + 48
    "a label keeps its value": (
        "stem: conv(2, 1) -> conv(4, 1) -> conv(1, 1) -> concat { | _ | stem }",
        (1, 4, 4),
        112,
    ),
    # 16 + 64, and at the second arm 16 + 64 + 48; 64 + 48 + 112 at the concat, 112 + 16 behind it
    "both arms at the merge": ("concat { | conv(4, 1) | conv(3, 1) } -> conv(1, 1)", (1, 4, 4), 224),
}


@pytest.mark.parametrize("where", PEAKS)
def test_peak_memory(where: str) -> None:
    steps, sample, elements = PEAKS[where]
    assert counted(steps, *sample).peak_memory == 4 * elements


def test_an_output_lives_to_the_end() -> None:
    """16 + 32, 32 + 128, then 32 + 128 + 128 while the first result waits to be given out."""
    graph = counted("conv(2, 1) -> conv(8, 1) -> relu", 1, 4, 4).graph
    first = graph.nodes[0]
    early = replace(graph.outputs[0][0], name="early", type=first.type)
    assert costs(graph).peak_memory == 4 * (128 + 128)
    assert costs(replace(graph, outputs=(*graph.outputs, (early, first.name)))).peak_memory == 4 * (32 + 128 + 128)


def test_without_steps_there_is_the_input() -> None:
    graph = counted("relu", 2, 3).graph
    (source,) = graph.inputs
    nothing = costs(replace(graph, members=(), outputs=((source, source.name),)))
    assert (nothing.peak_memory, nothing.activation_memory, nothing.depth) == (24, 0, 0)


# ---- depth: what multiplies, on the longest path -------------------------------------------------------

DEPTHS = {
    "relu -> maxpool(2) -> flatten": 0,
    "conv(2, 3, padding=1) -> bn -> groupnorm(2) -> layernorm -> prelu(2) -> scale": 1,
    "conv(2, 3) -> convtranspose(2, 3) -> linear(5) -> flatten -> fc(3)": 4,
    "add { | conv(2, 1) -> conv(2, 1) -> conv(2, 1) | conv(2, 1) | _ } -> conv(2, 1)": 4,
    "add { | _ | conv(2, 1) | conv(2, 1) -> bn -> conv(2, 1) }": 2,
    "add { | conv(2, 1) -> conv(2, 1) | _ } -> add { | _ | conv(2, 1) }": 3,
}


@pytest.mark.parametrize(("steps", "depth"), DEPTHS.items())
def test_depth(steps: str, depth: int) -> None:
    assert counted(steps, 2, 6, 6).depth == depth


def test_depth_of_several_outputs_is_that_of_the_deepest() -> None:
    graph = counted("conv(2, 1) -> conv(2, 1)", 1, 4, 4).graph
    early = replace(graph.outputs[0][0], name="early")
    for outputs in (((early, graph.nodes[0].name), *graph.outputs), (*graph.outputs, (early, graph.nodes[0].name))):
        assert costs(replace(graph, outputs=outputs)).depth == 2


# ---- parameters of a model reach its shapes ------------------------------------------------------------

SPEC = """
model M(width = 4, kernel = [3, 3], bias = true, classes = 10) : [N, 2, 8, 8] -> [N, classes] {
  conv(width, kernel, bias=bias)
  flatten
  fc(classes)
}
"""


@pytest.mark.parametrize(
    ("params", "shapes", "size"),
    [
        ({}, [(4, 6, 6), (144,), (10,)], (4 * 18 + 4) + (144 * 10 + 10)),
        ({"width": 6}, [(6, 6, 6), (216,), (10,)], (6 * 18 + 6) + (216 * 10 + 10)),
        ({"kernel": [1, 5]}, [(4, 8, 4), (128,), (10,)], (4 * 10 + 4) + (128 * 10 + 10)),
        ({"kernel": (5, 1)}, [(4, 4, 8), (128,), (10,)], (4 * 10 + 4) + (128 * 10 + 10)),
        ({"bias": False}, [(4, 6, 6), (144,), (10,)], 4 * 18 + (144 * 10 + 10)),
        ({"classes": 3, "width": 1}, [(1, 6, 6), (36,), (3,)], (18 + 1) + (36 * 3 + 3)),
    ],
)
def test_load_with_parameters(params: dict[str, Any], shapes: list[tuple[int, ...]], size: int, tmp_path: Path) -> None:
    path = tmp_path / "m.cnn"
    path.write_text(SPEC, encoding="utf-8")
    network = specc.load(path, **params)
    assert [node.type.sample for node in network.graph.nodes] == shapes
    assert network.graph.outputs[0][0].type.sample == shapes[-1]
    assert network.params == size
    assert network.activation_memory == 4 * sum(map(prod, shapes))
