"""``specc compile --runs-on``: what is said, and what is refused."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from tests.cli.conftest import Specc

LENET = Path(__file__).parents[2] / "examples" / "lenet.cnn"


def test_what_was_chosen_is_said(specc: Specc, here: Path) -> None:
    result = specc("compile", LENET, "-o", "net.onnx", "--runs-on", "onnxruntime>=1.16,<1.20")
    assert result.code == 0
    assert "; opset 18, IR 8, for onnxruntime>=1.16,<1.20 (tested: 1.16.0 to 1.19.2); parity proven" in result.out
    model = onnx.load(here / "net.onnx")
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)


def test_a_proof_in_another_release_is_noted(specc: Specc, here: Path) -> None:
    inside = specc("compile", LENET, "-o", "net.onnx", "--runs-on", "onnxruntime")
    assert "asked for" not in inside.out + inside.err
    result = specc("compile", LENET, "-o", "net.onnx", "--runs-on", "onnxruntime==1.20.1")
    assert result.code == 0
    assert "not in what was asked for: onnxruntime==1.20.1 (tested: 1.20.1)" in result.out + result.err


def test_it_may_be_given_again(specc: Specc, here: Path) -> None:
    several = ("--runs-on", "onnxruntime>=1.18", "--runs-on", "onnxruntime-web~=1.20")
    result = specc("compile", LENET, "-o", "net.onnx", "--no-verify", "--opset", 21, *several)
    assert result.code == 0
    assert "; opset 21, IR 10, for onnxruntime>=1.18 (tested: 1.18.0 to " in result.out
    assert ") and onnxruntime-web~=1.20 (tested: 1.20.0 to " in result.out
    assert onnx.load(here / "net.onnx").ir_version == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--runs-on", "onnxruntime>=1.16", "--opset", 21], "choose an opset up to 19, or ask for onnxruntime>=1.18.0"),
        (["--runs-on", "onnxruntime", "--functions"], "leave them out, or ask for onnxruntime>=1.16.0"),
        (["--runs-on", "onnxruntime>=1.10"], "1.15.0, the oldest that is tested: ask for onnxruntime>=1.15.0"),
        (
            ["--runs-on", "onnxruntime", "--runs-on", "tensorrt"],
            "tensorrt is not tested: onnxruntime and onnxruntime-web",
        ),
        (["--runs-on", ""], '"" is no list of runtimes and versions'),
        (["--runs-on", "onnxruntime", "--opset", 99], "opset 99 is not supported: choose 18 to 23"),
        (["--runs-on", "onnxruntime", "-o", "net.py"], "--runs-on is for ONNX, and this writes PyTorch"),
    ],
)
def test_what_cannot_be_is_refused(options: list[object], words: str, specc: Specc, here: Path) -> None:
    result = specc("compile", LENET, *([] if "-o" in options else ["-o", "net.onnx"]), *options)
    assert result.code == 2
    assert words in result.err
    assert not list(here.glob("net.*"))
