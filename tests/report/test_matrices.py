"""Steps as matrices: of a small image by hand, in numbers against PyTorch, and what is refused."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
import torch

import specc
from specc.diagnostics import UsageError
from specc.report import matrices
from specc.report.matrices import constants, matrix_of, written


def shown(text: str, step: str, form: str = "text") -> str:
    graph = specc.loads(text, name="net.cnn").graph
    matrix = matrix_of(graph, step)
    return written(graph, matrix, constants(matrix.node), form)


TINY = "model M : [N, 1, 3, 3] -> [N, 1, 2, 2] { conv(1, 2) }"


def test_a_convolution_by_hand() -> None:
    """Row 2r + c reads the four pixels from (r, c) on, each by the same weight in every row."""
    assert (
        shown(TINY, "conv1")
        == """conv1: conv(1, 2)
  at net.cnn:1:42

  takes   input [N, 1, 3, 3]: x0 to x8, row by row
  gives   [N, 1, 2, 2]: y0 to y3, row by row

       x0   x1   x2   x3   x4   x5   x6   x7   x8
  y0  w00  w01    .  w10  w11    .    .    .    .  + b
  y1    .  w00  w01    .  w10  w11    .    .    .  + b
  y2    .    .    .  w00  w01    .  w10  w11    .  + b
  y3    .    .    .    .  w00  w01    .  w10  w11  + b

  w00 is conv1.weight[0, 0, 0, 0], b is conv1.bias[0]
  4 x 9 = 36 entries: 16 hold a weight, the others are 0
  4 weights, each in 4 entries; 1 bias
  fully connected, fc(4) on all 9 elements: 36 weights and 4 biases"""
    )


def test_its_product_by_hand() -> None:
    """The image 0 to 8 under [[0, 1], [2, 3]], as in https://d2l.ai/chapter_convolutional-neural-networks/."""
    text = TINY.replace("conv(1, 2)", "conv(1, 2, weight=[[0, 1], [2, 3]], bias=[0.5])")
    matrix, bias = specc.loads(text).matrix("conv1")
    assert (matrix @ np.arange(9)).tolist() == [19, 25, 37, 43]
    assert bias.tolist() == [0.5] * 4
    said = shown(text, "conv1")
    assert "  y1   .   0   1   .   2   3   .   .   .  + 0.5\n" in said
    assert "  numbers: conv1.weight and conv1.bias, from the spec\n" in said


LAYERS = {
    "conv(3, 2, stride=2)": (2, 7),
    "conv(4, 3, padding=1, groups=2)": (2, 4, 5),
    "conv(2, (2, 3), stride=(1, 2), padding=(0, 1), dilation=(2, 1), bias=false)": (3, 5, 6),
    'conv(2, 3, padding=1, padding_mode="reflect")': (1, 4, 4),
    'conv(2, 4, stride=3, padding="same_upper")': (1, 8, 7),
    "conv(2, 2, padding=[[1, 0], [0, 1], [1, 1]])": (2, 2, 3, 2),
    "convtranspose(2, 3, stride=2, padding=1, output_padding=1)": (3, 3, 4),
    "convtranspose(4, (2, 3), dilation=2, groups=2)": (2, 3, 3),
    "fc(3)": (5,),
    "linear(2)": (2, 3, 4),
    "avgpool(3, stride=2, padding=1)": (2, 5, 5),
    "avgpool(2, ceil_mode=true, count_include_pad=false)": (1, 5, 3),
    "globalavgpool": (3, 2, 4),
    "adaptiveavgpool((3, 2))": (2, 5, 4),
    'upsample(scale_factor=2, mode="bilinear")': (1, 3, 3),
    "pixelshuffle(2)": (4, 2, 3),
    "permute(0, 2, 3, 1)": (2, 3, 4),
}


@pytest.mark.parametrize(("layer", "sample"), LAYERS.items(), ids=LAYERS)
def test_the_product_is_what_pytorch_gives(layer: str, sample: tuple[int, ...]) -> None:
    """The module that is made of the spec, with the same weights."""
    model = specc.loads(f"model M : [N, {', '.join(map(str, sample))}] {{ x: {layer} }}")
    module = model.to_torch(seed=3).double()
    matrix, bias = model.matrix("x", seed=3)
    x = torch.randn(4, *sample, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = module(x).detach().flatten(1).numpy()
    assert matrix.shape == (y.shape[1], x[0].numel())
    np.testing.assert_allclose(x.flatten(1).numpy() @ matrix.T + bias, y, rtol=1e-6, atol=1e-9)
    assert np.any(bias) == any(name.endswith("bias") for name, _ in module.named_parameters())


def test_weights_may_be_given() -> None:
    model = specc.loads("model M : [N, 2] -> [N, 2] { fc(2) }")
    weights = {"fc1.weight": np.array([[1, 2], [3, 4]], np.float32), "fc1.bias": np.array([5, 6], np.float32)}
    matrix, bias = model.matrix("fc1", weights=weights)
    assert (matrix.tolist(), bias.tolist()) == ([[1, 2], [3, 4]], [5, 6])
    with pytest.raises(UsageError, match="does not fit"):
        model.matrix("fc1", weights={"fc1.weight": weights["fc1.weight"]})


def test_channels_stand_apart() -> None:
    said = shown("model M : [N, 2, 2] -> [N, 2, 1] { conv(2, 2, bias=false) }", "conv1").splitlines()
    assert said[6:9] == [
        "        x0    x1  |    x2    x3",
        "  y0  w000  w001  |  w010  w011",
        "  y1  w100  w101  |  w110  w111",
    ]
    wide = shown("model M : [N, 12] -> [N, 2] { fc(2) }", "fc1")
    assert "w0_11  + b0\n" in wide
    assert wide.endswith(
        "24 weights, each in 1 entry; 2 biases\n  it is fully connected: every entry is a weight of its own"
    )


def test_factors_without_weights() -> None:
    said = shown("model M : [N, 1, 4] -> [N, 1, 2] { avgpool(3, stride=1) }", "avgpool1")
    assert "  y0  1/3  1/3  1/3    .\n  y1    .  1/3  1/3  1/3\n" in said
    assert "8 entries, 6 of them not 0\n  no weights: the factors are fixed" in said


def test_weights_that_meet_in_one_entry() -> None:
    """With the border repeated, the first place is read twice, by both weights."""
    text = 'model M : [N, 1, 2] { conv(1, 2, padding=1, padding_mode="replicate", bias=false) }'
    assert "  y0  w0+w1      .\n  y1     w0     w1\n  y2      .  w0+w1\n" in shown(text, "conv1")
    assert "2 weights, each in 3 entries\n" in shown(text, "conv1")


def test_for_programs() -> None:
    text = TINY.replace("conv(1, 2)", "conv(1, 2, weight=[[0, 1], [2, 3]])")
    told = json.loads(shown(text, "conv1", "json"))
    assert told["fully_connected"] == {"weights": 36, "biases": 4}
    assert (told["rows"], told["columns"], told["nonzeros"], told["weights"], told["biases"]) == (4, 9, 16, 4, 1)
    assert told["entries"][7] == {
        "row": 1, "column": 5, "entry": "3", "value": 3.0, "terms": [{"weight": [0, 0, 1, 1], "factor": 1.0}]
    }  # fmt: skip
    assert told["bias"][3] == {"row": 3, "entry": "b", "element": 0, "value": None}
    rows = [*csv.DictReader(io.StringIO(shown(text, "conv1", "csv")))]
    dense = np.zeros((4, 9))
    for row in rows[:16]:
        dense[int(row["row"]), int(row["column"])] = float(row["value"])
    assert dense.tolist() == specc.loads(text).matrix("conv1")[0].tolist()
    assert rows[16:] == [{"row": str(row), "column": "bias", "entry": "b", "value": ""} for row in range(4)]


def test_in_documents() -> None:
    lines = shown(TINY, "conv1", "markdown").splitlines()
    assert lines[0] == "`conv1: conv(1, 2)`"
    assert lines[5] == "| y1 |  | w00 | w01 |  | w10 | w11 |  |  |  | b |"
    assert {line.count("|") for line in lines[2:8]} == {12}


REFUSED = {
    "relu": "x is no matrix: relu is not linear, it bends: what it gives for x .* added up$",
    "maxpool(2)": "not linear, which elements go on is decided by the numbers themselves$",
    "dropout": "in training it drops elements at random, and afterwards it gives what it takes$",
    "groupnorm(1)": "it divides by what it computes of the very numbers that it takes$",
    "mul { | _ | in }": "mul is not linear, it takes several values, and a matrix is of one$",
    "affine(2, 1)": "affine is not linear, what it gives for",
    "{ conv(1, 1) -> relu }": "^x is a block, and a matrix is of one step: ask for one of x.conv1, x.relu1$",
}


@pytest.mark.parametrize(("layer", "said"), REFUSED.items(), ids=REFUSED)
def test_what_is_no_matrix(layer: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        specc.loads(f"model M : [N, 2, 4, 4] {{ x: {layer} }}").matrix("x")


def test_sizes_that_are_open() -> None:
    steps = "maxpool(4) -> conv(1, 1) -> globalavgpool -> flatten -> fc(3)"
    model = specc.loads(f"model M : [N, 1, H, W] where H % 4 == 0, W >= 4 {{ {steps} }}")
    asked = r"the matrix of conv1 depends on H and W: add --at H=8 --at W=6, or any other sizes with H % 4 == 0, W >= 4"
    with pytest.raises(UsageError, match=asked):
        model.matrix("conv1")
    assert model.at(H=8, W=8).matrix("conv1")[0].shape == (4, 4)
    assert model.matrix("fc1")[0].shape == (3, 1)


def test_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "model M : [N, 1, 10, 10] { conv(1, 3, bias=false) -> flatten }"
    model = specc.loads(text)
    with pytest.raises(
        UsageError, match=r"64 rows and 100 columns, and 64 of each .* json or csv gives the 576 entries"
    ):
        shown(text, "conv1")
    assert shown(text, "conv1", "csv").count("\n") == 576
    monkeypatch.setattr(matrices, "MOST_CELLS", 6399)
    with pytest.raises(UsageError, match=r"is 64 x 100, which takes 50 KiB, and 49.99 KiB is the most"):
        model.matrix("conv1")
    with pytest.raises(UsageError, match="is 64 x 100, and more than 575 of it are not 0"):
        matrix_of(model.graph, "conv1", 575)
    assert len(matrix_of(model.graph, "conv1", 576).entries) == 576
