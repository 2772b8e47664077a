"""Words of other tools whose numbers decide what they are here: what is written keeps them, or nothing is written."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as every program has it)
from torch import nn

import specc
from specc.diagnostics import Diagnostic, Safety, SpecError
from specc.elaborate import check_file
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import parse

IMAGE, SEQUENCE = "[N, 8, 6, 6]", "[N, 20, 64]"


def finding_of(steps: str, shape: str = IMAGE) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source("a.cnn", f"model M : {shape} {{ {steps} }}\n")))
    (finding,) = caught.value.diagnostics
    return finding


def written(steps: str, shape: str = IMAGE) -> str:
    """What is proposed in place of the steps; empty where nothing is."""
    fix = finding_of(steps, shape).fix
    return "".join(edit.text for edit in fix.edits) if fix else ""


@pytest.mark.parametrize(
    ("word", "here"),
    [
        ("Normalize([0.5, 0.4, 0.3], [0.2, 0.1, 0.3])", "standardize([0.5, 0.4, 0.3], [0.2, 0.1, 0.3])"),
        ("Normalize(mean=0.5, std=0.25)", "standardize(0.5, 0.25)"),
        ("transforms.Normalize([0.5], [0.2])", "standardize([0.5], [0.2])"),
        ("Normalize([0.5, 0.4], [0.2, 0.1])", ""),
        ("Normalize", ""),
    ],
)
def test_a_normalize_of_torchvision_is_no_norm(word: str, here: str) -> None:
    assert written(word, "[N, 3, 8, 8]") == here


@pytest.mark.parametrize(
    ("word", "here"),
    [
        ("ReLU(6)", "relu6"),
        ("ReLU(max_value=6.0)", "relu6"),
        ("nn.ReLU(6)", "relu6"),
        ("ReLU(4)", "clamp(0, 4)"),
        ("ReLU(negative_slope=0.2)", "leakyrelu(0.2)"),
        ("ReLU(True)", "relu"),
        ("nn.SiLU(True)", "silu"),
        ("nn.Sigmoid(5)", ""),
        ("ReLU(6, 0.1)", ""),
        ("ReLU(threshold=1)", ""),
    ],
)
def test_the_largest_value_of_a_relu_is_kept(word: str, here: str) -> None:
    assert written(word) == here


@pytest.mark.parametrize("step", ["Sigmoid(5)", "Softmax(axis=-1)", "simgoid(5)", "GLU(2, 3, 4)"])
def test_no_word_is_put_right_that_refuses_its_arguments(step: str) -> None:
    assert written(step) == ""


@pytest.mark.parametrize("step", ["Sigmoid", "Softmax(1)", "convv(8, 3, paddding=1)", "simgoid"])
def test_a_word_that_takes_them_is(step: str) -> None:
    fix = finding_of(step).fix
    assert fix is not None
    assert fix.safety is Safety.SAFE


@pytest.mark.parametrize(
    ("steps", "shape", "here"),
    [
        ("Dense(10)", SEQUENCE, "linear(10)"),
        ("permute(0, 2, 3, 1) -> relu -> Dense(10)", IMAGE, "linear(10)"),
        ("permute(0, 2, 3, 1) -> permute(0, 3, 1, 2) -> Dense(10)", IMAGE, "flatten -> fc(10)"),
        ("Dense(10)", "[N, 64]", "fc(10)"),
        ("InnerProduct(10)", SEQUENCE, "flatten -> fc(10)"),
    ],
)
def test_a_dense_layer_is_of_the_last_axis(steps: str, shape: str, here: str) -> None:
    assert written(steps, shape) == here


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("Dense(10)", "that is `conv(10, 1)`"),
        ("softmax(axis=-1)", "dim=1 here"),
        ("Softmax(axis=-1)", "dim=1 here"),
        ("concat(axis=-1) { | _ | _ }", "dim=1 here"),
        ('UpSampling2D(2, interpolation="bicubic")', "a = -0.5"),
        ('tf.keras.layers.UpSampling2D(2, interpolation="bicubic")', "a = -0.5"),
        ("tf.keras.layers.Dense(10)", "linear(…) the last axis"),
        ("LayerNormalization()", "eps=0.001"),
    ],
)
def test_what_differs_is_said(steps: str, said: str) -> None:
    assert said in render([finding_of(steps)])


@pytest.mark.parametrize(
    ("word", "here"),
    [
        ("Conv2DTranspose(4, 1, 2)", "convtranspose(4, 1, stride=2, output_padding=1)"),
        ("Conv2DTranspose(4, (1, 3), 2)", "convtranspose(4, [1, 3], stride=2, output_padding=[1, 0])"),
        ("Conv2DTranspose(4, 3, 2)", "convtranspose(4, 3, stride=2)"),
        ('Conv2DTranspose(4, 4, 2, "same")', 'convtranspose(4, 4, stride=2, padding="same_upper")'),
        ("Conv2DTranspose(4, 1, 2, output_padding=0)", ""),
        ("ZeroPadding2D((1, 2))", "pad([2, 2, 1, 1])"),
        ("ZeroPadding2D(((1, 2), (3, 4)))", "pad([3, 4, 1, 2])"),
        ("ZeroPadding1D((1, 2))", "pad([1, 2])"),
    ],
)
def test_sizes_of_keras_are_kept(word: str, here: str) -> None:
    assert written(word) == here


def test_as_many_places_as_keras_has() -> None:
    """A transposed convolution of Keras is never smaller than its strides times what it takes."""
    for word in ("Conv2DTranspose(4, 1, 2)", "Conv2DTranspose(4, (1, 2), (3, 2))"):
        model = specc.loads(f"model M : {IMAGE} {{ {written(word)} }}")
        assert tuple(model.to_torch()(torch.zeros(1, 8, 6, 6)).shape)[3] == 12, word


@pytest.mark.parametrize(
    ("word", "module"),
    [
        ("nn.ReplicationPad2d((1, 2, 0, 3))", nn.ReplicationPad2d((1, 2, 0, 3))),
        ("nn.ZeroPad2d((1, 2, 0, 3))", nn.ZeroPad2d((1, 2, 0, 3))),
    ],
)
def test_sides_of_pytorch_are_kept(word: str, module: nn.Module) -> None:
    x = torch.arange(288.0).reshape(1, 8, 6, 6)
    assert torch.equal(specc.loads(f"model M : {IMAGE} {{ {written(word)} }}").to_torch()(x), module(x))


def test_the_mean_of_keras_counts_what_the_input_has() -> None:
    x = torch.arange(288.0).reshape(1, 8, 6, 6)
    steps = written('AveragePooling2D(3, 1, padding="same")')
    counted = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    assert torch.allclose(specc.loads(f"model M : {IMAGE} {{ {steps} }}").to_torch()(x), counted)
