"""What the Python API takes and refuses, in words; the numbers are the business of other tests."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import specc

SPEC = "model Small(width = 4) : [N, 2, 9, 8] -> [N, 3] { conv(width, 3) -> relu -> flatten -> fc(3) }"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> specc.Model:
    monkeypatch.chdir(tmp_path)
    Path("small.cnn").write_text(SPEC)
    return specc.load("small.cnn")


def test_what_it_has() -> None:
    assert set(dir(specc)) == set(specc.__all__)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weights": [np.zeros((4, 2, 3, 3))]}, "not of type list"),
        ({"weights": {"conv1.weight": np.zeros((4, 2, 3, 3))}}, "the state dict does not fit the network:"),
        ({"weights": {"conv1.weight": [1.0]}}, "conv1.weight is of type list"),
        ({"weights": {1: np.zeros(3)}}, "names of the state dict are texts, and 1 is none"),
        ({"weights": {}, "seed": 1}, "a seed draws the weights and the state dict has them"),
        ({"match": "order"}, "no file is given"),
        ({"labels": "abc"}, "labels are a list of texts"),
        ({"labels": [1, 2, 3]}, "labels are a list of texts"),
        ({"path": "small.py"}, "the name of a Python file"),
        ({"seed": 0.0}, "a seed is a whole number"),
        ({"seed": False}, "a seed is a whole number"),
        ({"seed": np.float64(1)}, "a seed is a whole number"),
    ],
    ids=[
        "list",
        "state dict",
        "numbers",
        "a number for a name",
        "both",
        "match alone",
        "a text of labels",
        "numbers as labels",
        "py",
        "float",
        "truth value",
        "float of NumPy",
    ],
)
def test_what_would_go_wrong_is_refused_before_anything_is_written(
    model: specc.Model, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(specc.UsageError, match=said):
        model.to_onnx(options.pop("path", "small.onnx"), verify=False, **options)
    assert sorted(path.name for path in Path().iterdir()) == ["small.cnn"]


def test_numbers_of_numpy_are_seeds(model: specc.Model) -> None:
    model.to_onnx("one.onnx", seed=np.int64(1), verify=False, sidecar=False)  # type: ignore[arg-type]
    model.to_onnx("same.onnx", seed=1, verify=False, sidecar=False)
    assert Path("one.onnx").read_bytes() == Path("same.onnx").read_bytes()


def test_a_proof_is_short_to_look_at(model: specc.Model) -> None:
    parity = model.to_onnx("small.onnx")
    assert repr(parity) == "<Parity on cpu: 4 steps, 15 checks, passed>"
    assert repr(model.verify("small.onnx", seed=1)).startswith("<Parity on cpu: 4 steps, 15 checks, failed at ")


def test_a_file_that_was_changed_is_said_to_be(model: specc.Model) -> None:
    model.to_onnx("small.onnx", seed=3)
    assert not model.verify("small.onnx").notes
    proto = onnx.load("small.onnx")
    stored = next(tensor for tensor in proto.graph.initializer if tensor.name == "fc1.bias")
    stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) + np.float32(1), stored.name))
    onnx.save(proto, "small.onnx")
    parity = model.verify("small.onnx")
    assert parity.passed, "its own weights are right for themselves"
    assert parity.notes == (
        "the file was changed since specc wrote it, and what it says of itself proves nothing; "
        "it says that its weights are those of seed 3",
    )
    assert not model.verify("small.onnx", seed=3).passed


def test_of_several_models_one_is_chosen_as_python_has_it(tmp_path: Path) -> None:
    path = tmp_path / "two.cnn"
    path.write_text("model A : [N, 3] { relu }\nmodel B : [N, 3] { relu }\n")
    with pytest.raises(specc.UsageError) as caught:
        specc.load(path)
    assert str(caught.value).endswith('two.cnn has several models: choose with model="A" or model="B"')
    assert specc.load(path, model="B").graph.name == "B"


def test_a_traceback_shows_findings_with_their_lines_and_helps() -> None:
    """Below the message, which stays as short as it was."""
    with pytest.raises(specc.SpecError) as caught:
        specc.loads("model M : [N, 1, 6, 8] { convv(1, 3) }")
    error = caught.value
    head, _, note = "".join(traceback.format_exception_only(error)).partition("\n\n")
    assert head.endswith(f"SpecError: {error}")
    assert note.startswith("error[S0201]: no layer is called convv\n --> net.cnn:1:26\n")
    assert note.endswith("\n  = help: did you mean conv?\n")
