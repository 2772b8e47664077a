"""Files that take a size from another value than the spec does, or use it otherwise: caught, with the step named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import helper

from specc.ir.graph import Graph
from specc.verify import Parity, verify
from specc.weights import Randomised
from tests.verify.networks import emitted, graph_of

Mutation = Callable[[onnx.GraphProto], None]


def network(step: str) -> Graph:
    """``step`` is one of its own, up to the sizes of the input; there are other values of other sizes."""
    return graph_of(
        "model M : [N, 2, H, W] where H >= 8, W >= 8 {\n"
        "  half: conv(2, 3, stride=2, padding=1)\n"
        "  triple: upsample(scale_factor=3)\n"
        f"  {step}\n"
        "  add { | sized | in } -> pad(like=triple)\n"
        "}\n"
    )


STEPS = {
    "linear": 'half -> sized: upsample(like=in, mode="bilinear")',
    "cubic": 'half -> sized: upsample(like=in, mode="bicubic")',
    "aligned": 'half -> sized: upsample(like=in, mode="bilinear", align_corners=true)',
    "nearest": "half -> sized: upsample(like=in)",
    "pooled": "triple -> globalavgpool -> sized: upsample(like=in)",
    "padded": "half -> sized: pad(like=in)",
    "ended": "half -> sized: pad(like=in, offset=0)",
    "mirrored": 'half -> sized: pad(like=in, offset=0, mode="replicate")',
    "circled": 'half -> sized: pad(like=in, mode="circular")',
    "cropped": "triple -> sized: crop(like=in)",
    "placed": "triple -> sized: crop(like=in, offset=1)",
}


def node(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    return next(
        node for node in graph.node if f"sized/{name}" in node.output or (name == "" and "sized" in node.output)
    )


def takes(name: str, place: int, value: str) -> Mutation:
    """The node takes another value in this place."""

    def mutate(graph: onnx.GraphProto) -> None:
        target = node(graph, name)
        assert target.input[place] != value, "the mutant is no mutant"
        target.input[place] = value

    return mutate


def becomes(name: str, op_type: str, **attributes: object) -> Mutation:
    def mutate(graph: onnx.GraphProto) -> None:
        target = node(graph, name)
        target.CopyFrom(helper.make_node(op_type, target.input, target.output, **attributes))

    return mutate


def more(name: str, place: int, number: int) -> Mutation:
    """What the node takes in this place is larger by ``number``."""

    def mutate(graph: onnx.GraphProto) -> None:
        target = node(graph, name)
        taken, target.input[place] = target.input[place], "moved"
        graph.initializer.append(helper.make_tensor("by", onnx.TensorProto.INT64, [], [number]))
        graph.node.insert([*graph.node].index(target), helper.make_node("Add", [taken, "by"], ["moved"]))

    return mutate


def swapped(name: str) -> Mutation:
    def mutate(graph: onnx.GraphProto) -> None:
        target = node(graph, name)
        target.input[:] = [*reversed(target.input)]

    return mutate


def several(*mutations: Mutation) -> Mutation:
    def mutate(graph: onnx.GraphProto) -> None:
        for mutation in mutations:
            mutation(graph)

    return mutate


MUTANTS: dict[str, tuple[str, Mutation]] = {
    "linear from the corners on": ("linear", takes("Sub_2", 1, "sized/const_2")),
    "linear with places half a place off": ("linear", takes("Sub_6", 1, "sized/const_8")),
    "linear up to the sizes of another value": (
        "linear",
        several(takes("Shape_2", 0, "triple"), takes("Shape_4", 0, "triple")),
    ),
    "one axis up to the size of another value": ("linear", takes("Shape_4", 0, "triple")),
    "the weights of two places swapped": (
        "linear",
        several(takes("Mul_2", 1, "sized/Sub_3"), takes("Mul_3", 1, "sized/Sub_4")),
    ),
    "the last place read twice": ("linear", more("Sub", 1, 1)),
    "cubic without places before": ("cubic", takes("Min", 0, "sized/Cast_3")),
    "corners not aligned": (
        "aligned",
        becomes("", "Resize", mode="linear", coordinate_transformation_mode="half_pixel", axes=[2, 3]),
    ),
    "nearest rounded up": ("nearest", becomes("Floor", "Ceil")),
    "nearest rounded": ("nearest", becomes("Floor", "Round")),
    "one place along one axis only": ("pooled", takes("Shape", 0, "half")),
    "the odd place before": ("padded", several(takes("Concat", 0, "sized/Sub_2"), takes("Concat", 1, "sized/Div"))),
    "all before": ("padded", several(takes("Concat", 0, "sized/Sub"), more("Concat", 1, 0))),
    "at the beginning": ("ended", swapped("Concat")),
    "the edge for zeros": ("ended", becomes("", "Pad", mode="edge")),
    "zeros for the edge": ("mirrored", becomes("", "Pad", mode="constant")),
    "a circle that begins elsewhere": ("circled", more("Sub_2", 1, 1)),
    "a crop moved by one place": ("cropped", more("Add", 0, 1)),
    "a crop from the beginning": (
        "cropped",
        several(takes("Add", 0, "sized/const_0"), takes("", 1, "sized/const_0")),
    ),
    "a crop from the next place on": ("placed", several(more("", 1, 1))),
    "a crop up to another value": ("cropped", takes("Shape", 0, "half")),
}  # fmt: skip


def proof(graph: Graph, model: onnx.ModelProto, tmp_path: Path) -> Parity:
    file = tmp_path / "net.onnx"
    file.write_bytes(model.SerializeToString())
    return verify(graph, file, Randomised(1))


@pytest.mark.parametrize("step", STEPS)
def test_right_files_pass(step: str, tmp_path: Path) -> None:
    graph = network(STEPS[step])
    parity = proof(graph, emitted(graph, Randomised(1)), tmp_path)
    assert parity.passed, parity


@pytest.mark.parametrize("what", MUTANTS)
def test_mutants_are_caught_at_the_step(what: str, tmp_path: Path) -> None:
    step, mutate = MUTANTS[what]
    graph = network(STEPS[step])
    model = emitted(graph, Randomised(1))
    zero = helper.make_tensor("sized/const_0", onnx.TensorProto.INT64, [2], [0, 0])
    model.graph.initializer.append(zero)
    mutate(model.graph)
    parity = proof(graph, model, tmp_path)
    assert not parity.passed
    assert parity.first_divergence is not None
    assert parity.first_divergence.steps == ("sized",)
