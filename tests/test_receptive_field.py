"""Receptive fields against gradients: which inputs does one place of the output really depend on?"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch

from specc.analyses import Costs
from specc.analyses.receptive_field import Reason
from specc.analyses.seen import seen
from specc.api import Model
from specc.elaborate import Checked, check_file
from specc.ir.types import fixed
from specc.source import Source
from specc.syntax import parse
from tests.fields import KINDS, LENGTH, checked, marked, measured, touched, widest

# No padding anywhere, so that a field is not cut at the border; sizes large enough that it fits.
STACKS = {
    "conv(4, 3) -> conv(4, 5, stride=2) -> maxpool(2) -> conv(4, 3, dilation=2)": (1, 64, 64),
    "conv(4, (1, 3)) -> avgpool((2, 1)) -> conv(4, (3, 1), stride=(1, 2))": (1, 24, 24),
    "conv(2, 5, stride=3) -> lppool(2, 2) -> conv(2, 3)": (1, 60),
    "conv(2, 3) -> conv(2, 2, stride=2) -> conv(2, 2)": (1, 14, 14, 14),
    "conv(2, 3, stride=2) -> upsample(scale_factor=2) -> conv(2, 3)": (1, 31, 31),
    "conv(2, 3) -> convtranspose(2, 4, stride=2) -> conv(2, 3)": (1, 16, 16),
    "convtranspose(2, 2, stride=2) -> conv(2, 2)": (1, 9),
    "pixelunshuffle(2) -> conv(8, 3) -> pixelshuffle(2)": (1, 20, 20),
    "pixelunshuffle(2)": (1, 8, 8),
    "avgpool(2) -> conv(4, 1) -> pixelshuffle(2) -> conv(1, 2)": (1, 20, 20),
    "conv(9, 3, stride=3) -> pixelshuffle(3) -> conv(1, 2, stride=2)": (1, 30, 30),
    'avgpool(2) -> upsample(scale_factor=2, mode="bicubic") -> conv(1, 2)': (1, 28, 28),
    "avgpool((4, 1)) -> upsample(scale_factor=(4, 1.5)) -> conv(1, 3)": (1, 32, 20),
    'avgpool(2) -> upsample(scale_factor=2, mode="trilinear") -> conv(1, (1, 2, 3))': (1, 8, 10, 12),
    "conv(4, 3) -> permute(0, 1, 3, 2) -> conv(4, (1, 5))": (1, 16, 16),
    "conv(4, 3) -> add { | conv(4, 5, padding=2) | _ } -> slice(2, 12, dim=2)": (1, 24, 24),
    "conv(4, 3) -> softmax(2)": (1, 11, 11),
    "conv(4, 3) -> groupnorm(2)": (1, 9, 9),
    "conv(4, 3) -> layernorm": (1, 9, 12),
    "conv(4, 3) -> linear(5)": (1, 9, 12),
    "conv(4, 3) -> globalavgpool": (1, 9, 9),
    "conv(4, 3) -> adaptiveavgpool((2, 3))": (1, 10, 14),
    "conv(4, 3) -> maxpool(2) -> flatten -> fc(3)": (1, 12, 12),
    "conv(4, 3) -> maxpool(2) -> flatten -> linear(3)": (1, 12, 12),
    "conv(4, 3) -> mean([2, 3]) -> fc(3)": (1, 9, 9),
    "conv(4, 3) -> mean(3) -> conv(2, 3)": (1, 9, 9),
    "conv(4, 3) -> conv(4, 3) -> amax(1, keepdim=true)": (1, 9, 9),
    # The arms of a gate: what sees everything, and what is widened.
    "mul { | conv(2, 3) | conv(2, 3) -> globalavgpool } -> conv(2, 3)": (1, 12, 12),
    "mul { | _ | slice(3, 4, dim=2) } -> conv(1, 2)": (1, 12, 9),
    "mul { | _ | mean(2, keepdim=true) } -> conv(1, 3)": (1, 12, 9),
    # Places between those of a filter that is smaller than the stride read nothing.
    "convtranspose(1, 1, stride=3, padding=1) -> conv(1, 2, stride=3)": (1, 8),
    "convtranspose(1, 2, stride=3) -> conv(1, 2) -> avgpool(2, stride=3)": (1, 8),
    "mul { | _ | globalavgpool } -> convtranspose(1, 1, stride=3, padding=1) -> conv(1, 2, stride=3)": (1, 8),
    # Padding of one side shifts what is seen: of i - 2 to i and i to i + 2 that is 5.
    "add { | avgpool(3, 1, padding=[[2, 0]]) | maxpool(3, 1, padding=[[0, 2]]) }": (1, 16),
    "convtranspose(1, 3, stride=2, padding=[[2, 0]]) -> conv(1, 2) -> convtranspose(1, 4, stride=2, padding=[[0, 3]])"
    " -> conv(1, 2)": (1, 16),
    'conv(1, 4, stride=2, padding="same_upper") -> convtranspose(1, 5, stride=3, padding="same_upper") -> conv(1, 2)': (
        1,
        16,
    ),
    # Of small inputs not every phase is there; and nothing is read beyond a border without padding.
    "avgpool(4) -> upsample(scale_factor=4) -> conv(1, 2)": (1, 4),
    'upsample(scale_factor=2, mode="linear") -> globalavgpool': (1, 8),
    'upsample(scale_factor=2, mode="linear") -> conv(1, 3)': (1, 2),
    "convtranspose(1, 4, stride=2, padding=1) -> flatten -> fc(1)": (1, 8),
    "convtranspose(1, 4, stride=2, padding=1) -> groupnorm(1)": (1, 8),
    'upsample(scale_factor=3, mode="linear") -> slice(11, 12, dim=2)': (1, 8),
    # Drifting: an enlarged arm beside one that is not, sizes that fit by cropping, a map that is made for a size.
    'avgpool(2) -> upsample(scale_factor=2, mode="linear", align_corners=true) -> conv(1, 3, padding=1)': (1, 24),
    'add { | _ | avgpool(2) -> upsample(scale_factor=2, mode="bilinear", align_corners=true) }'
    " -> conv(1, 3, padding=1)": (1, 14, 18),
    "add { | slice(0, 8, dim=2) | maxpool(2) } -> conv(1, 3, padding=1)": (1, 16),
    'concat { | _ | adaptiveavgpool(5) -> upsample(size=24, mode="linear") } -> conv(1, 3, padding=2)': (1, 24),
    # Sizes of other values, whose numbers are not read: a wider one would see more.
    "avgpool(9, 1, padding=4) -> wide: relu -> in -> avgpool(2) -> conv(1, 3, padding=1) -> upsample(like=wide)": (
        1,
        25,
    ),
    'avgpool(3, stride=2, padding=1) -> upsample(like=in, mode="linear") -> conv(1, 3, padding=1)': (1, 19),
    "avgpool(2) -> convtranspose(1, 2, stride=2) -> pad(like=in) -> add { | _ | in } -> conv(1, 2)": (1, 15),
    "pad([4, 3]) -> conv(1, 3) -> crop(like=in) -> add { | _ | in }": (1, 15),
    "pad([4, 3]) -> crop(like=in, offset=0) -> conv(1, 2) -> add { | _ | in -> conv(1, 2) }": (1, 15),
    # An axis of places may be where a layer has its channels.
    "permute(0, 2, 1) -> conv(4, 3)": (5, 16),
    "permute(0, 2, 1) -> conv(16, 3, groups=4) -> permute(0, 2, 1)": (5, 16),
    "permute(0, 2, 1) -> conv(16, 3, groups=16) -> permute(0, 2, 1)": (5, 16),
    "permute(0, 2, 1) -> convtranspose(8, 3, groups=4) -> permute(0, 2, 1)": (5, 16),
    "permute(0, 2, 1) -> slice(2, 9) -> lrn(4) -> permute(0, 2, 1)": (5, 16),
    "permute(0, 2, 1) -> groupnorm(4) -> permute(0, 2, 1)": (5, 16),
    "permute(0, 3, 2, 1) -> channelshuffle(4) -> conv(16, 3, groups=8) -> permute(0, 3, 2, 1)": (5, 9, 16),
    "permute(0, 2, 1) -> pad([0, 0, 2, 1]) -> conv(19, 3, groups=19) -> permute(0, 2, 1)": (5, 16),
    "mean(1) -> groupnorm(4) -> reshape(-1, 16)": (5, 16),
    "permute(0, 2, 3, 1) -> concat(dim=3) { | slice(0, 8, dim=1) | slice(2, 10, dim=1) } -> permute(0, 3, 1, 2)": (
        2,
        10,
        9,
    ),
}


@pytest.mark.parametrize(("steps", "sample"), STACKS.items())
def test_as_far_as_gradients_reach(steps: str, sample: tuple[int, ...]) -> None:
    network = checked(steps, *sample)
    gradients = touched(network, sample)
    assert network.receptive_field == widest(gradients, sample)
    check_places(network, gradients)


def check_places(network: Model, gradients: torch.Tensor) -> None:
    """Of the first place of the output, one in the middle and the last, exactly which places they see."""
    ((port, value),) = network.graph.outputs
    places = [*product(*map(range, map(fixed, port.type.spatial)))]
    for number in (0, len(places) // 2, len(places) - 1):
        told = seen(network.graph, value, places[number]).get("input", ())
        of_place = gradients[number] if port.type.spatial else gradients.any(0)
        assert marked(told) == {*map(tuple, of_place.nonzero().tolist())}, places[number]


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("kind", KINDS)
def test_of_random_networks(kind: str, seed: int) -> None:
    """`benchmarks/fields.py` tries hundreds of them, of longer inputs."""
    draw = KINDS[kind](seed)
    network = checked(draw.network(LENGTH), 2, LENGTH)
    told = network.receptive_field
    assert told is not None
    gradients = touched(network, (2, LENGTH))
    check_places(network, gradients)
    if "padded" in kind and told[0] > LENGTH // 2:
        pytest.skip("sees too much of its input, in which padding counts")
    assert told == widest(gradients, (2, LENGTH), unwrapped=draw.circular)


def test_of_public_reports() -> None:
    """The asserts state what autograd measured on the emitted modules."""
    path = Path(__file__).parent / "fields.cnn"
    models = check_file(parse(Source(path.name, path.read_text(encoding="utf-8"))))
    assert len(models) == 11


# ---- padding counts, whatever the size -----------------------------------------------------------------------

UNET = """
conv(2, 3, padding=1) -> a: relu
maxpool(2) -> conv(2, 3, padding=1) -> b: relu
maxpool(2) -> conv(2, 3, padding=1)
upsample(scale_factor=2) -> concat { | _ | b } -> conv(2, 3, padding=1)
convtranspose(2, 4, stride=2, padding=1) -> concat { | _ | a } -> conv(2, 3, padding=1)
"""


@pytest.mark.parametrize("size", [4, 8, 64, 96])
def test_a_field_is_the_same_at_every_size(size: int) -> None:
    # Measured on 96; down to 4, where padding is most of it.
    network = checked(UNET, 2, size)
    assert network.receptive_field == measured(checked(UNET, 2, 96), 2, 96)


@pytest.mark.parametrize(
    ("steps", "sample", "field"),
    [
        # A window of 3 lies half in the padding; a global pool sees 8 places of which each sees 3.
        ("conv(1, 3, padding=1)", (1, 1), 3),
        ("conv(1, 3, padding=1) -> globalavgpool", (1, 8), 10),
        # What has seen the whole of an axis sees no more.
        ("conv(1, 3, padding=1) -> mul { | _ | globalavgpool } -> conv(1, 3, padding=1)", (1, 8), 10),
        # At the first place 4 before what a 3-window sees in the padding, and all that the pool sees.
        (
            "conv(1, 3, padding=1) -> concat { | conv(1, 3, padding=4, dilation=4)"
            " | globalavgpool -> upsample(size=8) } -> conv(1, 3, padding=1)",
            (1, 8),
            14,
        ),
        # All modes alike: the places in circular padding are not the other end.
        ('conv(1, 5, padding=2, padding_mode="circular")', (1, 16), 5),
        ('pad([2, 2], mode="reflect") -> conv(1, 5)', (1, 16), 5),
        ('pad([2, 2], mode="replicate") -> conv(1, 5)', (1, 16), 5),
        # Extents, not counts: three places, 3 apart; two windows, 5 apart.
        ("conv(1, 3, dilation=3)", (1, 16), 7),
        ("avgpool(2, stride=5) -> conv(1, 2)", (1, 16), 7),
        ("add { | slice(0, 10, dim=2) | slice(6, 16, dim=2) }", (1, 16), 7),
    ],
)
def test_what_a_field_is(steps: str, sample: tuple[int, ...], field: int) -> None:
    assert checked(steps, *sample).receptive_field == (field,)


def test_padding_does_not_count_where_the_field_depends_on_the_size() -> None:
    """The arms drift apart: at place i of 8 they see i - 1 to i + 1 and 2i, 2i + 1; at the last, 6 to 7 and 14, 15."""
    steps = "add {| slice(0, 8, dim=2) -> conv(1, 3, padding=1) | maxpool(2) }"
    assert checked(steps, 1, 16).receptive_field == (10,) == measured(checked(steps, 1, 16), 1, 16)


# ---- several inputs ------------------------------------------------------------------------------------------


def graph_of(text: str) -> Checked:
    (model,) = check_file(parse(Source("m.cnn", text)))
    return model


def test_inputs_are_told_apart() -> None:
    """The same place of two images, 5 further right in one: no image is seen but at one place."""
    text = "model M : (a: [N, 1, 20], b: [N, 1, 20]) { add { | a -> slice(0, 15, dim=2) | b -> slice(5, 20, dim=2) } }"
    assert graph_of(text).costs.receptive_field == (1,)


def test_of_several_inputs_the_one_that_is_seen_most() -> None:
    text = "model M : (a: [N, 1, 20], b: [N, 1, 20]) { add { | a -> conv(1, 3) | b -> conv(1, 5, padding=1) } }"
    assert graph_of(text).costs.receptive_field == (5,)


# ---- features that were places -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ("conv(1, 3) -> flatten", 3),
        ("add { | conv(1, 3) | slice(0, 14, dim=2) } -> flatten", 3),
        # Side by side: each sees what it saw, and a layer behind them all of it.
        ("concat { | avgpool(4) -> flatten | avgpool(2) -> conv(1, 3) -> flatten }", 6),
        ("slice(2, 14, dim=2) -> concat { | avgpool(4) -> flatten | slice(0, 6, dim=2) -> flatten } -> fc(1)", 12),
        ("concat { | flatten | globalavgpool -> flatten } -> softmax", 16),
        # A gate over features sees what its factors see.
        ("conv(1, 3) -> flatten -> mul { | _ | fc(14) }", 16),
        ("concat { | flatten | flatten } -> mul { | _ | fc(32) }", 16),
    ],
)
def test_of_flat_values(steps: str, field: int) -> None:
    assert checked(steps, 1, 16).receptive_field == (field,)


# ---- nothing is claimed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "sample", "reason"),
    [
        ("relu", (4,), Reason.FLAT_INPUT),
        ("flatten(2) -> relu", (2, 4, 4), Reason.REARRANGED),
        ("reshape(-1, 4, 2, 4) -> conv(1, 1)", (2, 4, 4), Reason.REARRANGED),
        ("flatten -> slice(0, 8)", (2, 4, 4), Reason.REARRANGED),
        ("permute(0, 3, 2, 1) -> pixelshuffle(2)", (2, 4, 4), Reason.REARRANGED),
        ("concat(dim=2) { | _ | _ } -> relu", (2, 4, 4), Reason.JOINED),
        ("permute(0, 2, 3, 1) -> concat { | _ | _ } -> relu", (2, 4, 4), Reason.JOINED),
        ("mean(1) -> concat { | _ | _ }", (2, 4), Reason.JOINED),
        ("add { | _ | permute(0, 1, 3, 2) }", (2, 4, 4), Reason.CROSSED),
        ("add { | _ | permute(0, 2, 1) }", (4, 4), Reason.CROSSED),
        ("add { | flatten | permute(0, 1, 3, 2) -> flatten }", (2, 4, 4), Reason.CROSSED),
        # Beyond 65,536 places that are not periodic.
        ('conv(1, 3) -> upsample(scale_factor=2, mode="linear", align_corners=true)', (1, 70_000), Reason.IRREGULAR),
        ("add { | slice(0, 70_000, dim=2) | maxpool(2) }", (1, 140_000), Reason.IRREGULAR),
    ],
)
def test_nothing_is_claimed(steps: str, sample: tuple[int, ...], reason: Reason) -> None:
    found = checked(steps, *sample).costs
    assert found.receptive_field is None
    assert found.no_receptive_field is not None
    assert found.no_receptive_field.reason is reason
    assert reason is Reason.IRREGULAR or (found.no_receptive_field.step is None) == (reason is Reason.FLAT_INPUT)


def test_larger_sizes_cost_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows are counted, and places that are read one by one."""
    from specc.analyses.receptive_field import _Reading

    asked = 0
    at = _Reading.at

    def counted(self: _Reading, place: int) -> tuple[int, int] | None:
        nonlocal asked
        asked += 1
        return at(self, place)

    monkeypatch.setattr(_Reading, "at", counted)
    counts = []
    for size in (96, 9600):
        asked = 0
        assert Costs(checked(UNET, 2, size).graph).receptive_field == (26,)
        counts.append(asked)
    assert counts[0] == counts[1] < 2000
