"""What makes no sense is refused in the same words, whether Python or a command asks for it, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import specc as api
from specc.diagnostics import OptionError, UsageError
from specc.options import OnnxOptions, ProofOptions, WeightOptions, onnx_options, proof_of_output
from specc.verify.result import Tolerance
from tests.cli.conftest import Specc, here, specc

__all__ = ["here", "specc"]

SPEC = "model Small : [N, 2, 9, 8] -> [N, 3] { conv(4, 3) -> relu -> flatten -> fc(3) }"
WRITTEN = [
    (["--seed", 1, "--weights", "w.npz"], {"seed": 1, "weights": "w.npz"}),
    (["--match", "order"], {"match": "order"}),
    (["--seed", -1], {"seed": -1}),
    (["--no-verify", "--provider", "cuda"], {"verify": False, "provider": "cuda"}),
    (["--runs-on", "tensorrt"], {"runs_on": "tensorrt"}),
    (["--runs-on", "onnxruntime>=1.10"], {"runs_on": ["onnxruntime>=1.10"]}),
    (["--opset", 99], {"opset": 99}),
    (["--labels", "small.cnn", "--no-sidecar"], {"labels": [SPEC], "sidecar": False}),
    (["--labels", "small.cnn"], {"labels": [SPEC]}),
]
PROVEN = [
    (["--tf32"], {"tf32": True}),
    (["--rename", "a=b"], {"rename": {"a": "b"}}),
    (["--atol", "-1"], {"tolerance": Tolerance(-1.0, 0.0)}),
    (["--rtol", "nan"], {"tolerance": Tolerance(0.0, float("nan"))}),
]


@pytest.fixture(autouse=True)
def model(here: Path) -> api.Model:
    Path("small.cnn").write_text(SPEC)
    return api.load("small.cnn")


def said_by_python(call: Any, options: dict[str, Any]) -> str:
    """The words of Python's error, with its option called as the command calls it."""
    with pytest.raises(UsageError) as caught:
        call(**options)
    error = caught.value
    return f"error: {error.typed if isinstance(error, OptionError) else error}\n"


@pytest.mark.parametrize(("typed", "options"), WRITTEN)
def test_what_is_written(specc: Specc, model: api.Model, typed: list[object], options: dict[str, Any]) -> None:
    before = sorted(Path().iterdir())
    result = specc("compile", "small.cnn", "-o", "small.onnx", *typed)
    assert (result.code, result.out) == (2, "")
    assert result.err == said_by_python(lambda **given: model.to_onnx("small.onnx", **given), options)
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(("typed", "options"), PROVEN)
def test_what_is_proven(specc: Specc, model: api.Model, typed: list[object], options: dict[str, Any]) -> None:
    result = specc("verify", "small.cnn", *typed)
    assert (result.code, result.out) == (2, "")
    assert result.err == said_by_python(model.verify, options)


def test_an_option_that_is_left_out_has_one_default(model: api.Model) -> None:
    assert onnx_options() == OnnxOptions(18, (), False, True, None)
    assert proof_of_output(True, "cpu") == ProofOptions()
    assert proof_of_output(False, "cpu") is None
    weights = WeightOptions()
    assert weights.is_empty
    assert weights.read(model.graph.state) == model.weights(seed=0)
