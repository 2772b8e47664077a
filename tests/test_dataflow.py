"""What axes mean: the right answers are worked out by hand, from PyTorch's documentation of each layer."""

from pathlib import Path

import pytest

import specc
from specc.analyses.dataflow import layouts


def found(tmp_path: Path, text: str) -> tuple[dict[str, str | None], dict[str, str | None]]:
    (tmp_path / "net.cnn").write_text(text)
    return layouts(specc.load(tmp_path / "net.cnn").graph)


def of(tmp_path: Path, shape: str, body: str) -> tuple[str | None, str | None]:
    inputs, outputs = found(tmp_path, f"model M : {shape} {{ {body} }}")
    return inputs["input"], outputs["output"]


IMAGE, LAST = "[N, 3, 8, 8]", "[N, 8, 8, 3]"


@pytest.mark.parametrize(
    ("shape", "body", "input", "output"),
    [
        ("[N, 3]", "fc(2)", "NF", "NF"),
        ("[N, 3]", "relu", "NF", "NF"),
        ("[N, 3, 8]", "conv(2, 3)", "NCL", "NCL"),
        (IMAGE, "conv(2, 3) -> relu", "NCHW", "NCHW"),
        ("[N, 3, H, W]", "upsample(scale_factor=2)", "NCHW", "NCHW"),
        ("[N, 3, H, W]", "adaptiveavgpool([1, none])", "NCHW", "NCHW"),
        ("[N, 3, 8, 8, 8]", "maxpool(2)", "NCDHW", "NCDHW"),
        (IMAGE, "relu -> bn -> sigmoid", "NCHW", "NCHW"),
        ("[N, 6, 2, 2, 2, 2]", "groupnorm(2)", None, None),
        # channels last
        (LAST, "permute(0, 3, 1, 2) -> conv(2, 3)", "NHWC", "NCHW"),
        (LAST, "affine(2) -> permute(0, 3, 1, 2) -> relu -> conv(2, 3)", "NHWC", "NCHW"),
        ("[N, H, W, 3]", "permute(0, 3, 1, 2) -> conv(2, 1) -> permute(0, 2, 3, 1)", "NHWC", "NHWC"),
        (LAST, "permute(0, 3, 2, 1) -> conv(2, 3)", "NWHC", "NCHW"),
        ("[N, 8, 3]", "permute(0, 2, 1) -> conv(2, 3)", "NLC", "NCL"),
        ("[N, 6, 6, 6, 2]", "permute(0, 4, 1, 2, 3) -> conv(2, 3)", "NDHWC", "NCDHW"),
        (IMAGE, "conv(4, 1) -> permute(0, 2, 3, 1) -> layernorm -> linear(5)", "NCHW", "NHWC"),
        (LAST, "linear(5) -> permute(0, 3, 1, 2) -> conv(2, 3)", "NHWC", "NCHW"),
        (
            LAST,
            "permute(0, 3, 1, 2) -> conv(2, 3) -> pad([0, 1]) -> permute(0, 2, 3, 1) -> softmax(dim=-1)",
            "NHWC",
            "NHWC",
        ),
        # nothing says what the axes are
        (IMAGE, "relu", None, None),
        (IMAGE, "permute(0, 2, 3, 1)", None, None),
        (IMAGE, "reshape(-1, 4, 3, 16)", None, None),
        ("[N, 16, 32]", "linear(8) -> gelu", None, None),
        ("[N, 16, 32]", "linear(8) -> mean(dim=1) -> fc(2)", None, "NF"),
        ("[N, 3, 2, 2, 2, 2]", "relu", None, None),
        (IMAGE, "flatten -> fc(2)", None, "NF"),
        (LAST, "flatten(1, 2) -> permute(0, 2, 1) -> conv(2, 1)", None, "NCL"),
        # reshapes
        (IMAGE, "conv(4, 1) -> flatten(2) -> permute(0, 2, 1)", "NCHW", "NLC"),
        ("[N, 3, H, W]", "conv(4, 1) -> flatten(2) -> permute(0, 2, 1) -> linear(8)", "NCHW", "NLC"),
        (IMAGE, "conv(4, 1) -> flatten(2) -> linear(10)", "NCHW", None),
        (IMAGE, "conv(4, 1) -> flatten(1, 2)", "NCHW", None),
        ("[N, 64, 3]", "permute(0, 2, 1) -> reshape(-1, 3, 8, 8) -> conv(4, 1)", "NLC", "NCHW"),
        (LAST, "reshape(-1, 3, 8, 8) -> conv(4, 1)", None, "NCHW"),
        ("[N, 8, 8]", "reshape(-1, 1, 8, 8) -> conv(4, 1)", "NHW", "NCHW"),
        ("[N, 40]", "reshape(-1, 1, 40) -> conv(4, 3)", "NL", "NCL"),
        ("[N, 64]", "reshape(-1, 1, 8, 8) -> conv(4, 1)", "NF", "NCHW"),
        ("[N, 10]", "reshape(-1, 10, 1, 1) -> convtranspose(4, 4)", "NF", "NCHW"),
        (IMAGE, "conv(4, 1) -> globalavgpool -> flatten", "NCHW", "NF"),
        (IMAGE, "conv(4, 1) -> mean(dim=[2, 3])", "NCHW", "NF"),
        (IMAGE, "conv(4, 1) -> mean(dim=1)", "NCHW", "NHW"),
        (IMAGE, "conv(4, 1) -> mean(dim=1, keepdim=true)", "NCHW", "NCHW"),
        (IMAGE, "conv(4, 1) -> slice(0, 2, dim=2)", "NCHW", "NCHW"),
        (IMAGE, "conv(4, 8) -> reshape(-1, 1, 4)", "NCHW", None),
        # several steps say it
        (IMAGE, "conv(4, 1) -> permute(0, 1, 3, 2) -> conv(4, 1)", "NCHW", "NCHW"),
        (IMAGE, "add { | conv(3, 1) | _ }", "NCHW", "NCHW"),
        (IMAGE, "add { | conv(3, 1) | permute(0, 1, 3, 2) -> conv(3, 1) }", None, "NCHW"),
        (IMAGE, "conv(4, 1) -> add { | _ | permute(0, 1, 3, 2) }", "NCHW", None),
        (IMAGE, "concat { | conv(4, 1) | maxpool(3, stride=1, padding=1) }", "NCHW", "NCHW"),
        ("[N, 4, 8, 8]", "mul { | _ | globalavgpool -> conv(4, 1) -> sigmoid }", "NCHW", "NCHW"),
    ],
)
def test_of_one_input(tmp_path: Path, shape: str, body: str, input: str | None, output: str | None) -> None:
    assert of(tmp_path, shape, body) == (input, output)


def test_of_several_inputs_and_outputs(tmp_path: Path) -> None:
    text = """
        model M : (image: [N, 8, 8, 3], mask: [N, 4, 8, 8], meta: [N, 5]) -> (map: [N, 8, 8, 4], score: [N, 2]) {
          image -> permute(0, 3, 1, 2) -> x: conv(4, 1)
          y: mul { | x | mask }
          y -> permute(0, 2, 3, 1) -> map: relu
          concat { | y -> globalavgpool -> flatten | meta } -> score: fc(2)
        }
    """
    inputs, outputs = found(tmp_path, text)
    assert inputs == {"image": "NHWC", "mask": "NCHW", "meta": "NF"}
    assert outputs == {"map": "NHWC", "score": "NF"}
