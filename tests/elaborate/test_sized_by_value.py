"""Sizes that are written as formulas, and are those of a value: the step takes them from it."""

from __future__ import annotations

import pytest

import specc
from specc.diagnostics import SpecError
from specc.ir.graph import Node


def steps(text: str) -> tuple[Node, ...]:
    return specc.loads(text).graph.nodes


@pytest.mark.parametrize(
    ("step", "taken"),
    [
        ("upsample(size=[in.height, in.width])", "input"),
        ("upsample(size=[H, W])", "input"),
        ("upsample(size=[half.height, half.width])", "half"),
        ('upsample(size=[(H + 1) // 2, (W + 1) // 2], mode="bilinear")', "half"),
        ('upsample(size=[(H + 2) // 3, (W + 1) // 2], mode="bilinear")', None),
        ("upsample(size=half.shape[2]) -> upsample(like=in)", None),
        ("upsample(size=[pair.a.height, pair.a.width])", "pair.a"),
        ("upsample(size=[h, w])", "half"),
    ],
)
def test_the_value_that_has_the_sizes_is_taken(step: str, taken: str | None) -> None:
    text = f"""
    model M : [N, 2, H, W] {{
      half: maxpool(3, stride=2, padding=1)
      let h = half.height
      let w = half.width
      pair: {{ a: maxpool(2, padding=1) -> relu }} -> upsample(like=half)
      maxpool(3, stride=2, padding=1) -> sized: {step}
      [N, 2, _, _]
      upsample(like=half) -> add {{ | _ | half }}
    }}
    """
    if taken is None:  # no value of the block's input, and none that is named, has these
        with pytest.raises(SpecError, match="times"):
            steps(text)
        return
    node = next(node for node in steps(text) if node.name == "sized")
    assert node.inputs[1:] == (taken,)


def test_a_whole_factor_stays_a_factor() -> None:
    text = "model M : [N, 2, H, W] where H % 2 == 0, W % 2 == 0 { maxpool(2) -> upsample(size=[in.height, in.width]) }"
    assert steps(text)[-1].inputs == ("maxpool1",)


def test_one_place_becomes_as_many_as_the_contract_says() -> None:
    assert steps("model M : [N, 4, L] { globalavgpool -> upsample(size=L) }")[-1].inputs[1:] == ("input",)


def test_of_several_inputs_the_one_that_has_the_sizes() -> None:
    text = """
    model M : (x: [N, 4, L], y: [N, 4, M]) -> (z: [N, 4, L]) {
      y -> upsample(size=L) -> resized: relu
      z: add { | x | resized }
    }
    """
    assert steps(text)[0].inputs == ("y", "x")


def test_in_a_block_its_own_input() -> None:
    text = """
    block pooled(c) { globalavgpool -> conv(c, 1) -> upsample(size=[in.height, in.width], mode="bilinear") }
    model M : [N, 3, H, W] { conv(4, 3, stride=2, padding=1) -> a: relu -> p: pooled(2) -> concat { | _ | a } }
    """
    assert steps(text)[-2].inputs[1:] == ("a",)


def test_weights_whose_value_is_only_measured_are_refused() -> None:
    """They would be in the file and in the state dict, and never be trained."""
    text = """
    model M : [N, 3, H, W] {
      half: conv(8, 3, stride=2, padding=1) -> bn -> other: relu
      in -> upsample(like=%s)
    }
    """
    with pytest.raises(SpecError) as caught:
        steps(text % "other")
    conv, norm = caught.value.diagnostics
    assert (conv.code, norm.code) == ("S0205", "S0205")
    assert conv.primary.span.text.startswith("conv")
    pooled = text.replace("conv(8, 3, stride=2, padding=1) -> bn", "maxpool(3, stride=2, padding=1)")
    assert len(steps(pooled % "other")) == 3
