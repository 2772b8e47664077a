"""Memory, depth and size of small networks, counted by hand. A float32 takes 4 bytes."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pytest

import specc
from specc.analyses import Costs
from specc.elaborate import check_file
from specc.ir.graph import Graph, Port
from specc.ir.symbols import samples as allowed
from specc.ops import operators
from specc.source import Source
from specc.syntax import parse
from tests.ops.test_symbolic import EVERY_SIZE
from tests.twins import graph_of, make


def counted(steps: str, *sample: int, batch: str = "N") -> Costs:
    shape = ", ".join(map(str, (batch, *sample)))
    (checked,) = check_file(parse(Source("m.cnn", f"model M : [{shape}] {{ {steps} }}")))
    return checked.costs


def giving(graph: Graph, *outputs: tuple[Port, str]) -> Graph:
    """The same steps with other outputs."""
    return Graph(graph.name, graph.inputs, outputs, graph.members)


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


def test_bytes_are_counted_as_bytes() -> None:
    """48 bytes beside 48 floats while these are made; then 48 + 48 floats at the relu, or 48 + 3 at the pool."""
    wide, narrow = (specc.loads(f"model M : uint8 [N, 3, 4, 4] {{ {steps} }}") for steps in ("relu", "globalavgpool"))
    assert wide.costs.peak_memory == 4 * (48 + 48)
    assert narrow.costs.peak_memory == 48 + 4 * 48
    assert narrow.activation_memory == 4 * 3


def test_an_output_lives_to_the_end() -> None:
    """16 + 32, 32 + 128, then 32 + 128 + 128 while the first result waits to be given out."""
    graph = counted("conv(2, 1) -> conv(8, 1) -> relu", 1, 4, 4).graph
    first = graph.nodes[0]
    early = Port("early", first.type)
    assert Costs(graph).peak_memory == 4 * (128 + 128)
    assert Costs(giving(graph, *graph.outputs, (early, first.name))).peak_memory == 4 * (32 + 128 + 128)


def test_without_steps_there_is_the_input() -> None:
    graph = counted("relu", 2, 3).graph
    (source,) = graph.inputs
    nothing = Costs(Graph("Nothing", graph.inputs, ((source, source.name),), ()))
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
    early = Port("early", graph.nodes[0].type)
    for outputs in (((early, graph.nodes[0].name), *graph.outputs), (*graph.outputs, (early, graph.nodes[0].name))):
        assert Costs(giving(graph, *outputs)).depth == 2


# ---- shared steps, several inputs ---------------------------------------------------------------------

PAIR = """
model Pair : (a: [N, 1, 6, 6], b: [N, 1, 6, 6]) -> [N, 4] {
  shared tower = { conv(2, 3) -> bn }
  add { | a -> tower | b -> tower }
  flatten -> fc(4)
}
"""


def test_shared_parameters_count_once_and_their_macs_every_time() -> None:
    (checked,) = check_file(parse(Source("m.cnn", PAIR)))
    network = checked.costs
    assert network.params == (2 * 9 + 2) + 2 * 2 + (32 * 4 + 4)
    assert network.macs == 2 * (2 * 16 * 9) + 32 * 4
    assert [step.params for step in network.steps] == [20, 4, 0, 0, 0, 0, 132]
    assert network.depth == 2
    assert network.receptive_field == (6, 6)
    # 36 + 36 and 32 at the first conv; later the first input is free, and at most two results wait beside the other
    assert network.peak_memory == 4 * max(36 + 36 + 32, 36 + 32 + 32, 32 + 32 + 32)


def test_inputs_of_different_rank_have_no_field_in_common() -> None:
    text = "model M : (a: [N, 2, 5, 5], b: [N, 2, 5]) -> [N, 4] { concat { | a -> mean([2, 3]) | b -> mean(2) } }"
    (checked,) = check_file(parse(Source("m.cnn", text)))
    assert checked.costs.receptive_field is None
    assert [step.receptive_field for step in checked.costs.steps] == [(5, 5), (5,), None]


# ---- symbolic sizes ------------------------------------------------------------------------------------

ANY_SIZE = """
model M : [N, 3, H, W] -> [N, 5] where H >= 16, W >= 16 {
  conv(4, 3, stride=2, padding=1) -> bn -> relu
  add { | conv(4, 3, padding=1) -> conv(4, 1) | _ }
  globalavgpool -> flatten -> fc(5)
}
"""


def test_what_depends_on_the_size_is_asked_at_a_size() -> None:
    (checked,) = check_file(parse(Source("m.cnn", ANY_SIZE)))
    network = checked.costs
    assert (network.macs, network.activation_memory, network.peak_memory, network.receptive_field) == (None,) * 4
    for step in network.steps:
        assert (step.macs, step.activation_memory, step.receptive_field) == (None,) * 3
    assert network.params == (3 * 4 * 9 + 4) + 2 * 4 + (4 * 4 * 9 + 4) + (4 * 4 + 4) + (4 * 5 + 5)
    assert network.depth == 4


@pytest.mark.parametrize("size", [{"H": 16, "W": 16}, {"H": 33, "W": 18}])
def test_at_a_size_it_is_the_network_of_that_size(size: dict[str, int]) -> None:
    (checked,) = check_file(parse(Source("m.cnn", ANY_SIZE)))
    fixed = ANY_SIZE.replace(" where H >= 16, W >= 16", "").replace("H, W", f"{size['H']}, {size['W']}")
    (expected,) = check_file(parse(Source("m.cnn", fixed)))
    network = Costs(checked.graph.at(size))
    for number in (
        "params",
        "trainable_params",
        "macs",
        "activation_memory",
        "peak_memory",
        "receptive_field",
        "depth",
    ):
        assert getattr(network, number) == getattr(expected.costs, number), number


@pytest.mark.parametrize("kind", [op.kind for op in operators()])
def test_what_multiplies_is_the_same_at_every_size(kind: str) -> None:
    """Depth is told of symbolic sizes too: no operator multiplies at one size and not at another."""
    for arguments, samples in EVERY_SIZE.get(kind, []):
        graph = graph_of(make(kind, **arguments), *samples)
        (symbolic,) = Costs(graph).steps
        for place in (0, 3):
            (step,) = Costs(graph.at({s.name: allowed(s, 4)[place] for s in graph.symbols})).steps
            assert step.multiplies == symbolic.multiplies == bool(step.macs)


def test_many_values_that_live_to_the_end() -> None:
    """One input, then 400 results that a single merge reads, and its own: the input is read by the first only."""
    steps = " -> ".join(f"s{i}: relu" for i in range(400))
    kept = " ".join(f"| s{i}" for i in range(400))
    network = counted(f"{steps} -> concat {{ {kept} }}", 1, 2, 2)
    assert network.peak_memory == 4 * 4 * (400 + 400)


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
