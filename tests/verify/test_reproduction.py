"""A step in a folder of its own: what its script says, run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import specc
from specc.diagnostics import UsageError
from specc.verify.reproduction import write_reproduction
from specc.verify.result import Parity, Reproduction

SPEC = """model Small : [N, 3, 9, 7] {
  conv(4, 3) -> relu -> maxpool(2)
  conv(5, 2) -> softmax
}
"""
FILES = {"README.txt", "expected.npz", "inputs.npz", "repro.py", "step.onnx", "step.py"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def small(folder: Path) -> specc.api.Model:
    path = folder / "small.cnn"
    path.write_text(SPEC, encoding="utf-8")
    return specc.load(path)


@pytest.fixture(scope="module")
def biased(small: specc.api.Model, folder: Path) -> Parity:
    """The proof of a file whose second convolution has another bias."""
    proto = onnx.load_from_string(emitted(small, folder))
    stored = next(tensor for tensor in proto.graph.initializer if tensor.name == "conv2.bias")
    stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) + np.float32(0.01), stored.name))
    return failed(small, proto, folder / "biased.onnx")


@pytest.fixture(scope="module")
def unsigned(small: specc.api.Model, folder: Path) -> Parity:
    """The proof of a file that has Abs for Relu."""
    proto = onnx.load_from_string(emitted(small, folder))
    next(node for node in proto.graph.node if node.op_type == "Relu").op_type = "Abs"
    return failed(small, proto, folder / "unsigned.onnx")


def emitted(model: specc.api.Model, folder: Path) -> bytes:
    model.to_onnx(folder / "small.onnx", verify=False)
    return (folder / "small.onnx").read_bytes()


def failed(model: specc.api.Model, proto: onnx.ModelProto, path: Path) -> Parity:
    onnx.save(proto, path)
    parity = model.verify(path, seed=0)
    assert not parity.passed
    assert parity.reproduction is not None
    return parity


def script(folder: Path) -> tuple[int, str]:
    """What repro.py says, in another folder and without specc."""
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "repro.py")], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def written(parity: Parity, folder: Path) -> Path:
    assert parity.reproduction is not None
    write_reproduction(folder, parity.reproduction, parity)
    assert {path.name for path in folder.iterdir()} == FILES
    return folder


def put_right(folder: Path, op: str, bias: float = 0.0) -> None:
    """Repair the piece as it was broken."""
    proto = onnx.load(folder / "step.onnx")
    proto.graph.node[0].op_type = op
    for stored in proto.graph.initializer:
        if stored.name == "conv2.bias":
            stored.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(stored) - np.float32(bias), stored.name))
    onnx.save(proto, folder / "step.onnx")


def test_a_rounded_step(biased: Parity, tmp_path: Path) -> None:
    folder = written(biased, tmp_path / "repro")
    code, said = script(folder)
    assert code == 1
    assert said.startswith("conv2, ")
    assert said.count("WRONG") == 2
    assert "off by 0.01, allowed" in said
    put_right(folder, "Conv", 0.01)
    code, said = script(folder)
    assert (code, said.count("right")) == (0, 2)
    assert "it does not show here" in said


def test_an_exact_step(unsigned: Parity, tmp_path: Path) -> None:
    folder = written(unsigned, tmp_path / "repro")
    code, said = script(folder)
    assert code == 1
    assert "elements are not PyTorch's to the bit" in said
    put_right(folder, "Relu")
    assert script(folder)[0] == 0


def test_nan_and_shapes_are_seen(unsigned: Parity, tmp_path: Path) -> None:
    folder = written(unsigned, tmp_path / "repro")
    put_right(folder, "Log")  # of negative numbers
    code, said = script(folder)
    assert (code, "NaN at other places than in PyTorch" in said) == (1, True)
    put_right(folder, "Shape")
    code, said = script(folder)
    assert (code, "int64 [4] instead of float32" in said) == (1, True)
    put_right(folder, "NoSuchOperator")
    code, said = script(folder)
    assert (code, "onnxruntime refuses it" in said) == (1, True)


def test_what_is_expected_is_pytorchs(small: specc.api.Model, biased: Parity, tmp_path: Path) -> None:
    """The source in the folder, with the weights of the model, gives what is expected; in float64 as well."""
    folder = written(biased, tmp_path / "repro")
    names: dict[str, object] = {}
    exec((folder / "step.py").read_text(encoding="utf-8"), names)
    step = names["Step"]()  # type: ignore[operator]
    state = small.to_torch().state_dict()
    step.load_state_dict({"conv1.weight": state["conv2.weight"], "conv1.bias": state["conv2.bias"]})
    (fed,) = np.load(folder / "inputs.npz").values()
    expected = np.load(folder / "expected.npz")
    with torch.no_grad():
        assert np.array_equal(step(torch.from_numpy(fed)).numpy(), expected["single"])
        exact = step.double()(torch.from_numpy(fed).double()).numpy()
    np.testing.assert_allclose(expected["exact"], exact, rtol=1e-14, atol=1e-14)
    assert expected["allowed"].shape == exact.shape
    assert (expected["allowed"] > 0).all()


def test_it_says_what_it_is(small: specc.api.Model, biased: Parity, tmp_path: Path) -> None:
    text = (written(biased, tmp_path / "repro") / "README.txt").read_text(encoding="utf-8")
    assert text.startswith("conv2 of a file is not what the spec says.")
    assert "small.cnn:3:3: conv(5, 2)\n" in text
    assert "in the file: Conv\n" in text


def test_the_same_bytes(biased: Parity, tmp_path: Path) -> None:
    parity = biased
    one, two = (written(parity, tmp_path / name) for name in ("one", "two"))
    for name in FILES:
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("name", ["file", "../x.npy", "日本"])
def test_inputs_of_any_name(unsigned: Parity, tmp_path: Path, name: str) -> None:
    parity = unsigned
    found = parity.reproduction
    assert found is not None
    proto = onnx.load_from_string(found.model)
    (old,) = found.inputs
    proto.graph.input[0].name = name
    proto.graph.node[0].input[0] = name
    renamed = replace(found, model=proto.SerializeToString(), inputs={name: found.inputs[old]})
    folder = written(replace(parity, reproduction=renamed), tmp_path / "repro")
    code, said = script(folder)
    assert (code, "are not PyTorch's to the bit" in said) == (1, True)


def test_cuda_is_asked_for_as_in_the_proof(unsigned: Parity, tmp_path: Path) -> None:
    parity = replace(unsigned, provider="cuda")
    strict = (written(parity, tmp_path / "strict") / "repro.py").read_text(encoding="utf-8")
    assert "'use_tf32': '0'" in strict
    assert "CONFIG = {'session.disable_cpu_ep_fallback': '1'}" in strict
    loose = replace(parity, tf32=True)
    assert "'use_tf32': '1'" in (written(loose, tmp_path / "tf32") / "repro.py").read_text(encoding="utf-8")


class TestFolder:
    def test_an_empty_one_is_taken(self, unsigned: Parity, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        written(unsigned, tmp_path / "there")

    @pytest.mark.parametrize("kind", ["full", "file", "missing"])
    def test_nothing_is_overwritten(self, unsigned: Parity, tmp_path: Path, kind: str) -> None:
        folder = tmp_path / "there"
        if kind == "full":
            folder.mkdir()
            (folder / "mine.txt").write_text("mine", encoding="utf-8")
        elif kind == "file":
            folder.write_text("mine", encoding="utf-8")
        else:
            folder = folder / "deeper"
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UsageError, match="cannot write"):
            written(unsigned, folder)
        assert sorted(tmp_path.rglob("*")) == before

    def test_whole_or_not_at_all(self, unsigned: Parity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full_disk(*_: object) -> str:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("specc.verify.reproduction._readme", full_disk)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UsageError, match="the disk is full"):
            written(unsigned, tmp_path / "new")
        assert sorted(tmp_path.rglob("*")) == before


def test_a_reproduction_is_of_the_first_step(unsigned: Parity) -> None:
    assert isinstance(unsigned.reproduction, Reproduction)
    assert unsigned.first_divergence is not None
    assert unsigned.reproduction.row.name == unsigned.first_divergence.name == "relu1"
    assert [node.op_type for node in onnx.load_from_string(unsigned.reproduction.model).graph.node] == ["Abs"]
