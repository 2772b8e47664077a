"""What a file says of its own making, and that saying it changes nothing else."""

from __future__ import annotations

import io
import socket
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from safetensors.numpy import save_file

import specc
from specc.backends import onnx as backend
from specc.backends.onnx import serialization
from specc.ir.digest import digest
from specc.weights import Initialised

EXAMPLES = Path(__file__).parents[2] / "examples"


def said(path: Path) -> dict[str, str]:
    """As ONNX Runtime reads it: the file is one message to others than us, too."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.get_modelmeta().custom_metadata_map


@pytest.mark.parametrize("functions", [False, True])
def test_the_proven_bytes_come_first_and_stay_as_they_are(tmp_path: Path, functions: bool) -> None:
    model, path = specc.load(EXAMPLES / "birds.cnn"), tmp_path / "birds.onnx"
    model.to_onnx(path, verify=False, functions=functions)
    proven = io.BytesIO()
    backend.write(model.graph, Initialised(0), proven, functions=functions)
    assert path.read_bytes().startswith(proven.getvalue())
    before, after = onnx.load_from_string(proven.getvalue()), onnx.load(path)
    assert [entry.key for entry in after.metadata_props] == [
        "specc.version", "specc.spec", "specc.weights", "specc.parity", "specc.sha256"
    ]  # fmt: skip
    del after.metadata_props[:]
    assert after == before
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_what_is_proven_is_what_comes_before_the_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from specc.verify import parity

    seen: list[bytes] = []
    real = parity.verify

    def watched(graph: object, model: Path, *rest: object, **more: object) -> object:
        seen.append(model.read_bytes())
        return real(graph, model, *rest, **more)

    monkeypatch.setattr(parity, "verify", watched)
    specc.load(EXAMPLES / "edges.cnn").to_onnx(tmp_path / "edges.onnx")
    final = (tmp_path / "edges.onnx").read_bytes()
    assert final.startswith(seen[0])
    assert len(final) > len(seen[0])
    assert onnx.load_from_string(final).graph == onnx.load_from_string(seen[0]).graph


def test_the_entries(tmp_path: Path) -> None:
    model, path = specc.load(EXAMPLES / "timeseries.cnn", classes=7), tmp_path / "t.onnx"
    model.to_onnx(path, seed=3, verify=False)
    entries = said(path)
    assert entries["specc.version"] == specc.__version__
    assert entries["specc.spec"] == digest(model.graph)
    assert entries["specc.settings"] == "classes = 7"
    assert entries["specc.weights"] == "seed 3"
    assert entries["specc.parity"] == "not checked"


def test_the_verdict_names_what_it_was_found_with(tmp_path: Path) -> None:
    import torch

    specc.load(EXAMPLES / "edges.cnn").to_onnx(tmp_path / "edges.onnx")
    torch_version = torch.__version__.split("+")[0]
    assert said(tmp_path / "edges.onnx")["specc.parity"] == (
        f"proven on cpu (quick proof): onnxruntime {ort.__version__} against torch {torch_version} in float64"
    )


def test_the_same_numbers_from_another_file_give_the_same_bytes(tmp_path: Path) -> None:
    model = specc.load(EXAMPLES / "lenet.cnn")
    numbers = {name: value.numpy() for name, value in model.to_torch(seed=5).state_dict().items()}
    np.savez(tmp_path / "w.npz", **numbers)
    save_file(numbers, tmp_path / "w.safetensors")
    for name in ("npz", "safetensors"):
        model.to_onnx(tmp_path / f"{name}.onnx", weights=tmp_path / f"w.{name}", verify=False)
    assert (tmp_path / "npz.onnx").read_bytes() == (tmp_path / "safetensors.onnx").read_bytes()
    assert said(tmp_path / "npz.onnx")["specc.weights"].startswith("sha256:")


def test_nothing_of_this_machine(tmp_path: Path) -> None:
    specc.load(EXAMPLES / "lenet.cnn").to_onnx(tmp_path / "lenet.onnx", verify=False)
    for path in tmp_path.iterdir():
        for secret in (str(tmp_path), str(EXAMPLES), socket.gethostname()):
            assert secret.encode() not in path.read_bytes()


class TestSeal:
    """The hash of all that stands before the metadata."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        specc.load(EXAMPLES / "lenet.cnn").to_onnx(tmp_path / "lenet.onnx", verify=False)
        return tmp_path / "lenet.onnx"

    def test_holds(self, path: Path) -> None:
        assert backend.is_sealed(path, onnx.load(path)) is True

    def test_written_again_as_it_is(self, path: Path) -> None:
        onnx.save(onnx.load(path), path)
        assert backend.is_sealed(path, onnx.load(path)) is True

    @pytest.mark.parametrize("change", ["weight", "node", "verdict", "entry"])
    def test_breaks(self, path: Path, change: str) -> None:
        model = onnx.load(path)
        if change == "weight":
            tensor = model.graph.initializer[0]
            tensor.raw_data = tensor.raw_data[:-1] + b"\0"
        elif change == "node":
            model.graph.node[0].name = "other"
        elif change == "verdict":
            model.metadata_props[3].value = "proven by hand"
        else:
            model.metadata_props.add(key="more", value="x")
        onnx.save(model, path)
        assert backend.is_sealed(path, onnx.load(path)) is False

    def test_says_nothing(self, path: Path) -> None:
        model = onnx.load(path)
        del model.metadata_props[:]
        onnx.save(model, path)
        assert backend.is_sealed(path, onnx.load(path)) is None


def test_a_setting_that_no_encoding_knows_and_one_that_never_ends() -> None:
    end = backend.metadata_of(sha256(), {"settings": "a\udcff" + "b" * 100_000})
    value = onnx.load_from_string(end).metadata_props[0].value
    assert value.startswith("a\\udcffbbb")
    assert value.endswith("b…")
    assert len(end) < serialization.ROOM


def test_room_is_left_for_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file just below protobuf's limit would be above it with them."""
    assembly = backend.checked(specc.load(EXAMPLES / "lenet.cnn").graph)
    file = io.BytesIO()
    backend.write_model(assembly, Initialised(0), file.write)
    size = len(file.getvalue())
    monkeypatch.setattr(serialization, "PROTOBUF_LIMIT", size + serialization.ROOM)
    assert backend.fits_in_one_file(assembly)
    monkeypatch.setattr(serialization, "PROTOBUF_LIMIT", size + serialization.ROOM - 1)
    assert not backend.fits_in_one_file(assembly)
