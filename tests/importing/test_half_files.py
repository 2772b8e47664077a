"""Files in float16, as converters write them, held against ONNX Runtime running them as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import ModelProto
from onnxruntime.transformers.float16 import convert_float_to_float16
from safetensors.numpy import load_file

from specc.backends.torch import torch_module
from specc.diagnostics import UsageError
from specc.importing import import_onnx
from specc.importing.delivery import ImportedWeights
from specc.importing.from_onnx import precision
from specc.options import ProofOptions
from specc.report.proof_wording import failed
from tests.importing.onnx_files import draw, model, node

WEIGHTS = {"conv.weight": draw(4, 3, 3, 3), "conv.bias": draw(4), "fc.weight": draw(5, 64), "fc.bias": draw(5)}
HALVES = {name: numbers.astype(np.float16).astype(np.float32) for name, numbers in WEIGHTS.items()}


def network() -> ModelProto:
    nodes = [
        node("Conv", "x conv.weight conv.bias", "a", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", "a", "b"),
        node("Flatten", "b", "c"),
        node("Gemm", "c fc.weight fc.bias", "y", transB=1),
    ]
    return model(nodes, ["N", 3, 8, 8], WEIGHTS)


@pytest.mark.parametrize("keeps_ports", [False, True], ids=["float16 ports", "float32 ports"])
@pytest.mark.parametrize("beside", [False, True], ids=["in the file", "beside it"])
def test_converted(keeps_ports: bool, beside: bool, tmp_path: Path) -> None:
    """Where ports are kept, the converter puts the cast of an input behind what takes it."""
    half = convert_float_to_float16(network(), keep_io_types=keeps_ports)
    source = tmp_path / "half.onnx"
    where: dict[str, Any] = {"location": "half.data", "size_threshold": 0} if beside else {}
    onnx.save(half, source, save_as_external_data=beside, **where)
    assert (tmp_path / "half.data").exists() == beside
    done = import_onnx(source, tmp_path / "half.cnn", tmp_path / "half.safetensors", ProofOptions(), failed)
    assert done.parity is not None
    assert done.parity.passed
    assert any("float16" in note for note in done.network.notes)
    saved = load_file(tmp_path / "half.safetensors")
    assert saved.keys() == HALVES.keys()
    assert all(np.array_equal(saved[name], HALVES[name]) for name in HALVES)
    session = onnxruntime.InferenceSession(str(source), providers=["CPUExecutionProvider"])
    x = draw(2, 3, 8, 8)
    (expected,) = session.run(None, {"x": x if keeps_ports else x.astype(np.float16)})
    module = torch_module(done.spec.graph, ImportedWeights(done.network, done.spec), {}).eval()
    with torch.no_grad():
        given = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(given, expected.astype(np.float32), rtol=0.01, atol=0.05)


@pytest.mark.parametrize("fault", ["missing", "cut short", "a node", "too large"])
def test_refused(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of the file, and nothing is written."""
    half = convert_float_to_float16(network())
    if fault == "a node":
        half.graph.node[1].op_type = "NonZero"
    source, data = tmp_path / "half.onnx", tmp_path / "half.data"
    onnx.save(half, source, save_as_external_data=True, location="half.data", size_threshold=0)
    if fault == "missing":
        data.unlink()
    elif fault == "cut short":
        data.write_bytes(data.read_bytes()[:100])
    elif fault == "too large":
        monkeypatch.setattr(precision, "MOST_BYTES", 1000)
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(UsageError) as refused:
        import_onnx(source, tmp_path / "half.cnn", tmp_path / "half.safetensors", None, failed)
    said = {
        "missing": "half.data",
        "cut short": "half.data is cut short",
        "a node": f"{source} cannot be imported",
        "too large": f"{source} computes in float16: as float32 its 437 numbers are more than the 2 GB",
    }
    assert said[fault] in str(refused.value)
    assert {path.name for path in tmp_path.iterdir()} == before
