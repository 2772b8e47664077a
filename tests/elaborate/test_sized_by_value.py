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


@pytest.mark.parametrize(
    ("step", "taken"),
    [
        ("reshape(N, 8, top.height, top.width)", "top"),
        ("reshape(N, 2, 4, top.height, -1)", "top"),
        ("reshape(N, 8, H, W)", "input"),
        ("permute(0, 2, 1) -> reshape(-1, H, W, 8)", "input"),
        ("flatten -> reshape(_.batch, -1, top.height, top.width)", "top"),
        ("reshape(like=top)", "top"),
    ],
)
def test_a_reshape_asks_the_value_whose_sizes_it_names(step: str, taken: str) -> None:
    nodes = steps(f"model M : [N, 3, H, W] {{ top: conv(8, 3, padding=1) -> flatten(2) -> {step} }}")
    assert nodes[-1].inputs[1:] == (taken,)
    assert str(nodes[-1].type) in ("[N, 8, H, W]", "[N, 2, 4, H, W]", "[N, H, W, 8]")


@pytest.mark.parametrize("step", ["reshape(N, 2, 4, H, W)", "reshape(N, H, -1, W)", "flatten(end_dim=2)"])
def test_a_reshape_that_has_the_sizes_itself_asks_no_other(step: str) -> None:
    assert len(steps(f"model M : [N, 8, H, W] {{ {step} }}")[-1].inputs) == 1


def test_sizes_that_no_value_has_are_refused_with_what_to_write() -> None:
    halved = "maxpool(3, stride=2, padding=1) -> flatten(2) -> reshape(N, 3, (H + 1) // 2, (W + 1) // 2)"
    with pytest.raises(SpecError) as caught:
        steps(f"model M : [N, 3, H, W] {{ {halved} }}")
    (finding,) = caught.value.diagnostics
    assert (finding.code, finding.helps) == ("S0108", ("like=… names the value whose sizes these are",))


def test_places_before_the_channels_are_told_how_to_come_behind_them() -> None:
    text = "model M : [N, 3, H, W] { flatten(2) -> permute(0, 2, 1) -> %s reshape(like=in) }"
    with pytest.raises(SpecError) as caught:
        steps(text % "")
    (finding,) = caught.value.diagnostics
    assert finding.primary.span.text == "like=in"
    assert [label.span.text for label in finding.secondary] == ["permute(0, 2, 1)"]
    assert finding.helps[0].startswith("permute(0, 2, 1) before it")
    assert str(steps(text % "permute(0, 2, 1) ->")[-1].type) == "[N, 3, H, W]"


@pytest.mark.parametrize(
    ("shape", "batch"),
    [("N, 12", "-1"), ("N, 3, -1", "_.batch")],
)
def test_in_a_block_the_batch_has_no_name(shape: str, batch: str) -> None:
    text = "block b { reshape(%s) }\nmodel M : [N, 3, 2, 2] { b }"
    with pytest.raises(SpecError) as caught:
        steps(text % shape)
    assert caught.value.diagnostics[0].helps[0].startswith(f"{batch} ")
    assert steps(text % shape.replace("N", batch))


@pytest.mark.parametrize(
    ("step", "help_"),
    [
        ("slice(in.height, in.height + in.width, dim=2)", "end"),
        ("slice(1, in.width + 1, dim=2)", "1"),
        ("slice(in.height - 1, in.height + in.width - 1, dim=2)", None),
    ],
)
def test_a_slice_by_sizes_of_no_value_says_which_crop_takes_these_places(step: str, help_: str | None) -> None:
    """As coordinate attention parts what it has joined; and what is told is tried."""
    text = """
    model M : [N, 4, H, W] where H >= 4, W >= 4 {
      mean(dim=3) -> rows: reshape(N, 4, -1, 1)
      in -> mean(dim=2) -> %sreshape(N, 4, -1, 1)
      concat(dim=2) { | rows | _ } -> %s
    }
    """
    with pytest.raises(SpecError) as caught:
        steps(text % ("", step))
    (finding,) = caught.value.diagnostics
    crops = [help_ for help_ in finding.helps if "crop(" in help_]
    if help_ is None:
        assert not crops
        return
    offset = '"end"' if help_ == "end" else help_
    assert crops == [
        f"label the value that these W places are for, and write crop(like=…, offset={offset}, dim=2) with it"
    ]
    cropped = steps(text % ("columns: ", f"crop(like=columns, offset={offset}, dim=2)"))[-1]
    assert str(cropped.type) == "[N, 4, W, 1]"
