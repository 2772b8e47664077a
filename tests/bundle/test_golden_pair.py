"""The golden pair: made with PyTorch, checked by whoever has ONNX Runtime, and by nothing that is ours."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper

import specc
from specc.bundle import golden_pair
from specc.bundle.inspection import inspect
from specc.bundle.recheck import Recheck, recheck
from specc.bundle.sidecar import read_sidecar
from specc.diagnostics import MissingDependency, UsageError
from specc.verify.reference import Expected
from tests.bundle.compiled import compiled, copied

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def model(original: Path, tmp_path: Path) -> Path:
    return copied(original, tmp_path)


def sidecar_of(model: Path) -> Path:
    return model.with_name("digits.specc.json")


def said(model: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(sidecar_of(model).read_text())
    return value


def rewritten(model: Path, value: dict[str, Any]) -> None:
    sidecar_of(model).write_text(json.dumps(value))


def checked(model: Path) -> Recheck:
    where = sidecar_of(model)
    return recheck(model, read_sidecar(where), where)


def array(tensor: dict[str, Any]) -> np.ndarray:
    """As another program reads it."""
    return np.frombuffer(base64.b64decode(tensor["data"]), "<f4").reshape(tensor["shape"])


class TestMade:
    def test_the_output_is_pytorchs_in_float64(self, original: Path) -> None:
        pair = said(original)["golden"]
        module = specc.load(original.with_name("digits.cnn")).to_torch(seed=0).double()
        with torch.no_grad():
            right = module(torch.from_numpy(array(pair["inputs"][0]).astype(np.float64))).numpy()
        np.testing.assert_array_equal(array(pair["outputs"][0]), right.astype(np.float32))

    def test_it_is_what_the_contract_says(self, original: Path) -> None:
        pair = said(original)["golden"]
        (image,), (scores,) = pair["inputs"], pair["outputs"]
        assert (image["name"], scores["name"]) == ("input", "output")
        assert image["shape"] == [1, 1, pair["sizes"]["H"], pair["sizes"]["W"]]
        assert pair["sizes"]["H"] >= 6
        assert pair["sizes"]["W"] % 2 == 0
        assert scores["shape"] == [1, 3]
        assert len(scores["allowed"]) == 3
        assert abs(array(image).std() - 1) < 0.2

    def test_a_right_engine_is_well_within_and_the_bound_is_no_barn_door(self, original: Path) -> None:
        pair = said(original)["golden"]
        session = ort.InferenceSession(original, providers=["CPUExecutionProvider"])
        (result,) = session.run(None, {"input": array(pair["inputs"][0])})
        truth, allowed = array(pair["outputs"][0]), np.array(pair["outputs"][0]["allowed"])
        assert (np.abs(result - truth) <= allowed).all()
        assert (allowed < 1e-4 * np.abs(truth).max()).all()
        assert (allowed > 0).all()

    def test_the_bound_is_worked_out_by_hand(self) -> None:
        """8 * (PyTorch's error and 1) units, PyTorch's being what is usual where it is lucky; and one more rounding."""
        exact = np.array([[[1.0, -4.0], [0.5, 0.25]]])
        expected = Expected(exact, exact.astype(np.float32), np.array([[[1e-7], [3e-7]]]))
        truth = golden_pair._truth("y", expected, usual=2.0)
        assert truth.allowed == pytest.approx((24e-7 + 4 * 2**-24, 72e-7 + 0.5 * 2**-24), rel=1e-12)
        assert array(truth.model_dump()).tolist() == exact.tolist()

    def test_spatial_outputs_have_one_bound_a_channel(self, tmp_path: Path) -> None:
        (tmp_path / "net.cnn").write_text("model M : [2, 1, 6, 5] { conv(3, 3) }")
        specc.load(tmp_path / "net.cnn").to_onnx(tmp_path / "net.onnx")
        pair = json.loads((tmp_path / "net.specc.json").read_text())["golden"]
        assert pair["inputs"][0]["shape"] == [2, 1, 6, 5]
        assert pair["outputs"][0]["shape"] == [2, 3, 4, 3]
        assert len(pair["outputs"][0]["allowed"]) == 3

    def test_bytes_are_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "net.cnn").write_text("model M : (image: uint8 [2, 6, 5, 1]) { permute(0, 3, 1, 2) -> conv(3, 3) }")
        model = tmp_path / "net.onnx"
        specc.load(tmp_path / "net.cnn").to_onnx(model)
        value = json.loads((tmp_path / "net.specc.json").read_text())
        (port,), (image,) = value["inputs"], value["golden"]["inputs"]
        assert (port["dtype"], port["range"], port["layout"]) == ("uint8", [0.0, 255.0], "NHWC")
        assert value["outputs"][0]["dtype"] == "float32"
        given = np.frombuffer(base64.b64decode(image["data"]), np.uint8).reshape(2, 6, 5, 1)
        assert given.max() > 127
        (result,) = ort.InferenceSession(model).run(None, {"image": given})
        right = value["golden"]["outputs"][0]
        allowed = np.array(right["allowed"]).reshape(1, 3, 1, 1)
        assert (np.abs(result - array(right)) <= allowed).all()
        where = tmp_path / "net.specc.json"
        assert recheck(model, read_sidecar(where), where).passed
        value["inputs"][0]["dtype"] = "float32"
        where.write_text(json.dumps(value))
        with pytest.raises(UsageError, match=r"golden input image has 60 bytes, and float32 \[2, 6, 5, 1\] takes 240"):
            recheck(model, read_sidecar(where), where)

    def test_a_pair_that_is_too_large_is_left_out_with_a_note(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(golden_pair, "LARGEST", 20)
        (tmp_path / "net.cnn").write_text("model M : [N, 1, 6, 5] { relu }\nmodel L : [N, 1, H] { relu }")
        for name in ("M", "L"):
            specc.load(tmp_path / "net.cnn", model=name).to_onnx(tmp_path / f"{name}.onnx")
        large, small = (json.loads((tmp_path / f"{name}.specc.json").read_text()) for name in ("M", "L"))
        assert large["golden"] is None
        assert "no golden pair: it would be too large" in large["verdict"]["notes"]
        assert small["golden"]["sizes"] == {"H": 1}

    def test_without_a_proof_there_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "net.cnn").write_text("model M : [N, 1, 6, 5] { relu }")
        specc.load(tmp_path / "net.cnn").to_onnx(tmp_path / "net.onnx", verify=False)
        value = json.loads((tmp_path / "net.specc.json").read_text())
        assert value["golden"] is None
        assert value["verdict"]["words"] == "not checked"
        assert value["verdict"]["passed"] is None
        assert value["inputs"][0]["range"] is None

    def test_the_same_bytes_again(self, original: Path, tmp_path: Path) -> None:
        again = compiled(tmp_path)
        for name in ("digits.onnx", "digits.specc.json"):
            assert again.with_name(name).read_bytes() == original.with_name(name).read_bytes()


class TestRecheck:
    def test_all_well(self, model: Path) -> None:
        found = checked(model)
        assert found.passed
        assert found.runtime == ort.__version__
        assert [(c.name, c.optimised) for c in found.checks] == [
            ("belongs", None), ("interface", None), ("golden pair", False), ("golden pair", True)
        ]  # fmt: skip
        assert all(c.error is not None and c.error < 0.5 for c in found.checks[2:])

    def test_under_another_name(self, model: Path) -> None:
        other = model.rename(model.with_name("renamed.onnx"))
        where = sidecar_of(model)
        assert recheck(other, read_sidecar(where), where).passed

    @pytest.mark.parametrize("tensor", ["conv1.weight", "batchnorm1.running_var", "fc1.bias"])
    def test_changed_weights_are_found(self, model: Path, tensor: str) -> None:
        proto = onnx.load(model)
        stored = next(entry for entry in proto.graph.initializer if entry.name == tensor)
        stored.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(stored) * np.float32(1.001) + np.float32(1e-3), tensor)
        )
        onnx.save(proto, model)
        found = checked(model)
        assert not found.passed
        assert [c.passed for c in found.checks] == [False, True, False, False]
        assert "SHA-256" in found.checks[0].reason
        assert "allowed" in found.checks[2].reason
        assert (found.checks[2].error or 0) > 1

    def test_a_change_that_computes_the_same_does_not_belong(self, model: Path) -> None:
        proto = onnx.load(model)
        proto.graph.doc_string = "touched"
        onnx.save(proto, model)
        assert [c.passed for c in checked(model).checks] == [False, True, True, True]

    def test_another_interface(self, model: Path) -> None:
        proto = onnx.load(model)
        proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
        onnx.save(proto, model)
        found = checked(model)
        assert [c.name for c in found.checks] == ["belongs", "interface"]
        assert "input: float32 [N, 1, height, W]" in found.checks[1].reason
        assert "input: float32 [N, 1, H, W]" in found.checks[1].reason
        assert not found.passed

    def test_a_model_that_does_not_load(self, model: Path) -> None:
        proto = onnx.load(model)
        proto.graph.node[0].op_type = "Convolve"
        onnx.save(proto, model)
        found = checked(model)
        assert [c.passed for c in found.checks] == [False, True, False, False]
        assert "ONNX Runtime refuses the model" in found.checks[2].reason

    def test_a_wrong_golden_output_is_found(self, model: Path) -> None:
        value = said(model)
        truth = value["golden"]["outputs"][0]
        off = array(truth).copy()
        off[0, 1] += 3 * truth["allowed"][1]
        truth["data"] = base64.b64encode(off.tobytes()).decode()
        rewritten(model, value)
        found = checked(model)
        assert [c.passed for c in found.checks] == [False, True, False, False]
        assert "the golden pair is not the one that the file was proven with" in found.checks[0].reason
        assert "output[0, 1] is" in found.checks[2].reason

    def test_nan_where_a_number_is_right(self, model: Path) -> None:
        value = said(model)
        truth = value["golden"]["outputs"][0]
        off = array(truth).copy()
        off[0, 1] = np.nan
        truth["data"] = base64.b64encode(off.tobytes()).decode()
        rewritten(model, value)
        found = checked(model)
        assert not found.passed
        assert "NaN" in found.checks[2].reason

    def test_nothing_allowed_means_to_the_bit(self, model: Path) -> None:
        value = said(model)
        session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        (result,) = session.run(None, {"input": array(value["golden"]["inputs"][0])})
        truth = value["golden"]["outputs"][0] | {"allowed": [0, 0, 0]}
        for shift, passes in ((0, True), (1, False)):
            off = np.nextafter(result, np.float32(9)) if shift else result
            value["golden"]["outputs"][0] = truth | {"data": base64.b64encode(off.tobytes()).decode()}
            rewritten(model, value)
            assert checked(model).checks[3].passed is passes

    def test_no_pair(self, tmp_path: Path) -> None:
        (tmp_path / "digits.cnn").write_text("model M : [N, 3] { relu }")
        specc.load(tmp_path / "digits.cnn").to_onnx(tmp_path / "digits.onnx", verify=False)
        found = checked(tmp_path / "digits.onnx")
        assert (found.passed, found.is_tested) == (False, False)
        assert all(c.passed for c in found.checks)

    @pytest.mark.parametrize("wider", [{"allowed": [9, 9, 9]}, None])
    def test_a_pair_that_was_made_easier_or_taken_out_is_found(self, model: Path, wider: dict[str, Any] | None) -> None:
        value = said(model)
        value["golden"]["outputs"][0] |= wider or {}
        rewritten(model, value if wider else value | {"golden": None})
        found = checked(model)
        assert not found.checks[0].passed
        assert "the golden pair is not the one" in found.checks[0].reason

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"spec": "sha256:" + "0" * 64}, "the file says that it is of another spec"),
            ({"weights": "seed 5"}, "the file says that its weights are seed 0, the sidecar seed 5"),
            ({"file": {"opset": 19}}, "the file has opset 18, IR 8, and the sidecar says opset 19, IR 8"),
            ({"file": {"ir_version": 9}}, "the file has opset 18, IR 8, and the sidecar says opset 18, IR 9"),
        ],
    )
    def test_what_the_sidecar_says_otherwise_is_found(self, model: Path, change: dict[str, Any], message: str) -> None:
        """In the same words as by `specc inspect`."""
        value = said(model)
        parts = {key: value[key] | part if isinstance(part, dict) else part for key, part in change.items()}
        rewritten(model, value | parts)
        assert message in checked(model).checks[0].reason
        beside = inspect(model).sidecar
        assert beside is not None
        assert beside.fault == message

    def test_weights_beside_the_file(self, model: Path) -> None:
        proto = onnx.load(model)
        onnx.save(proto, model, save_as_external_data=True, location="digits.data", size_threshold=64)
        assert checked(model).checks[2].passed
        data = model.with_name("digits.data")
        whole = data.read_bytes()
        data.write_bytes(whole[:-4])
        with pytest.raises(UsageError, match=r"digits\.data is cut short"):
            checked(model)
        data.unlink()
        with pytest.raises(UsageError, match=r"are in digits\.data, which is not beside it"):
            checked(model)

    @pytest.mark.parametrize("key", ["offset", "length"])
    def test_weights_at_no_place(self, model: Path, key: str) -> None:
        proto = onnx.load(model)
        onnx.save(proto, model, save_as_external_data=True, location="digits.data", size_threshold=64)
        proto = onnx.load(model, load_external_data=False)
        places = [entry for tensor in proto.graph.initializer for entry in tensor.external_data]
        next(entry for entry in places if entry.key == key).value = "x\x1b[31m"
        model.write_bytes(proto.SerializeToString())
        for read in (checked, inspect):
            with pytest.raises(
                UsageError, match=rf"is damaged: .*: the {key} of its numbers in digits\.data is 'x\\x1b"
            ) as caught:
                read(model)
            assert "\x1b" not in str(caught.value)

    def test_without_onnxruntime(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(MissingDependency, match="onnxruntime"):
            checked(model)

    def test_without_torch(self, model: Path) -> None:
        """As on a machine that has only ONNX Runtime."""
        program = (
            "import sys; sys.modules['torch'] = None\n"
            f"sys.argv = ['specc', 'verify', {str(model)!r}]\n"
            "from specc.cli.main import main; main()"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert "gives the golden output" in done.stdout


class TestDamaged:
    """What the sidecar says of the pair is held against itself before anything runs."""

    @pytest.mark.parametrize(
        ("place", "change", "message"),
        [
            ("inputs", {"data": "no base64!"}, "golden input input is no base64"),
            ("inputs", {"data": "AAAA"}, r"golden input input has 3 bytes, and float32 \[1, 1, .*\] takes"),
            ("inputs", {"shape": [1, 3]}, r"golden input input has shape \[1, 3\], the network \[N, 1, H, W\]"),
            ("inputs", {"shape": [1, 2, 20, 28]}, "golden input input has shape"),
            ("inputs", {"name": "image"}, "the golden pair has the inputs image, and the network input"),
            ("outputs", {"allowed": [1.0]}, "has 3 channels, and 1 difference to be allowed"),
            ("outputs", {"data": ""}, "has 0 bytes"),
            ("outputs", {"name": "scores"}, "the golden pair has the outputs scores, and the network output"),
            ("outputs", {"name": "\x1b[31m"}, r"the golden pair has the outputs \\x1b\[31m, and"),
        ],
    )
    def test_is_refused(self, model: Path, place: str, change: dict[str, Any], message: str) -> None:
        value = said(model)
        value["golden"][place][0] |= change
        rewritten(model, value)
        with pytest.raises(UsageError, match=message):
            checked(model)

    def test_an_input_that_is_no_number(self, model: Path) -> None:
        value = said(model)
        tensor = value["golden"]["inputs"][0]
        broken = array(tensor).copy()
        broken[0, 0, 0, 0] = np.inf
        tensor["data"] = base64.b64encode(broken.tobytes()).decode()
        rewritten(model, value)
        with pytest.raises(UsageError, match="holds NaN or infinity"):
            checked(model)
