"""Sessions run where they were asked to run, or say what is missing."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from specc.diagnostics import MissingDependency, UsageError
from specc.verify import sessions
from specc.verify.doctor import Status, diagnose
from specc.verify.sessions import ModelRefused, ProviderError, assignment, cuda_refusal, load_runtime, open_session, run


def relu_twice() -> bytes:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["h"], "first"), helper.make_node("Relu", ["h"], ["y"], "second")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()


def cuda_works() -> bool:
    try:
        open_session(relu_twice(), "cuda", optimise=True)
    except ProviderError:
        return False
    return True


HAS_CUDA = cuda_works()
without_cuda = pytest.mark.skipif(HAS_CUDA, reason="CUDA works here, so nothing is refused")


@pytest.mark.parametrize("form", ["bytes", "file"])
def test_runs_from_bytes_and_from_a_file(form: str, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(relu_twice())
    session = open_session(relu_twice() if form == "bytes" else file, "cpu", optimise=True)
    (result,) = run(session, {"x": np.array([[-1, 2]], np.float32)})
    assert result.tolist() == [[0.0, 2.0]]


def test_a_result_keeps_nothing_of_its_session() -> None:
    """ONNX Runtime's own array is a view that keeps all that the session has ever taken."""
    (result,) = run(open_session(relu_twice(), "cpu", optimise=False), {"x": np.array([[-1, 2]], np.float32)})
    assert result.flags.owndata


def test_optimisation_is_off_or_on() -> None:
    """Relu of Relu is one node after optimisation, and two without."""
    nodes = {optimise: assignment(open_session(relu_twice(), "cpu", optimise)) for optimise in (False, True)}
    assert len(nodes[False]) == 2
    assert {provider for _, provider in nodes[False]} == {"CPUExecutionProvider"}
    assert [name for name, _ in nodes[False]] == ["first", "second"]


def test_assignment_needs_the_key() -> None:
    """ONNX Runtime takes any key; only the right one has this effect."""
    session = ort.InferenceSession(relu_twice(), providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match=sessions.RECORD_ASSIGNMENT):
        session.get_provider_graph_assignment_info()
    assert assignment(open_session(relu_twice(), "cpu", optimise=False))


@pytest.mark.parametrize(
    ("key", "refused"), [(sessions.NO_CPU_FALLBACK, True), ("session.disable_cpu_fallback", False)]
)
def test_fallback_key_has_its_effect(key: str, refused: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """With the key, the CPU beside it is a contradiction; a misspelt key is taken in silence."""
    options = ort.SessionOptions()
    options.add_session_config_entry(key, "1")
    if refused:
        with pytest.raises(Exception, match="disabled fallback to the CPU"):
            ort.InferenceSession(relu_twice(), options, providers=["CPUExecutionProvider"])
    else:
        ort.InferenceSession(relu_twice(), options, providers=["CPUExecutionProvider"])


def test_cuda_is_asked_for_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches ONNX Runtime, where no GPU can show it."""
    asked = {}

    def session(source: bytes, options: ort.SessionOptions, **arguments: object) -> None:
        keys = (sessions.NO_CPU_FALLBACK, sessions.RECORD_ASSIGNMENT)
        asked.update(arguments, keys=[options.get_session_config_entry(key) for key in keys])
        raise RuntimeError("enough")

    monkeypatch.setattr(ort, "InferenceSession", session)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(ProviderError):
        open_session(b"", "cuda", optimise=True)
    assert asked == {
        "providers": [("CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"})],
        "enable_fallback": 0,
        "keys": ["1", "1"],
    }


@without_cuda
def test_missing_cuda_is_refused_and_nothing_leaks(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ProviderError, match=r"^CUDA cannot be used: .+\. .+") as caught:
        open_session(relu_twice(), "cuda", optimise=True)
    assert isinstance(caught.value, UsageError)
    assert caught.value.remedy
    assert capfd.readouterr() == ("", "")


def test_session_that_fell_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if ONNX Runtime gives a session, it must have CUDA in it."""

    def on_the_cpu(source: bytes, options: object, **arguments: object) -> object:
        return real(source, providers=["CPUExecutionProvider"])

    real = ort.InferenceSession
    monkeypatch.setattr(ort, "InferenceSession", on_the_cpu)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(ProviderError):
        open_session(relu_twice(), "cuda", optimise=True)


def test_nodes_left_to_the_cpu_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session with CUDA in it, whose nodes run on the CPU all the same."""
    session = open_session(relu_twice(), "cpu", optimise=False)
    monkeypatch.setattr(session, "get_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "InferenceSession", lambda *_, **__: session)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(ProviderError, match="these nodes: first, second"):
        open_session(relu_twice(), "cuda", optimise=False)


def test_runtime_that_cannot_tell_where_nodes_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of ONNX Runtime before 1.24, with CUDA in it: no check would be no proof."""

    class Old:
        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

    monkeypatch.setattr(ort, "InferenceSession", lambda *_, **__: Old())
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with pytest.raises(ProviderError, match=r"does not tell where each node runs.*onnxruntime-gpu>=1\.24"):
        open_session(relu_twice(), "cuda", optimise=True)


def test_build_without_cuda_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ProviderError, match=r"is built without it.*pip install 'specc-nn\[gpu\]'"):
        open_session(relu_twice(), "cuda", optimise=True)


LOADER = (
    "\x1b[1;31m2026-01-01 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 operator()] FAIL : Failed to load "
    "library libonnxruntime_providers_cuda.so with error: {}: cannot open shared object file: "
    "No such file or directory\n\x1b[m\n\x1b[0;93m[W:onnxruntime:Default] Failed to create CUDAExecutionProvider. "
    "Require cuDNN 9.* and CUDA 13.*. Please install all dependencies\x1b[m\n"
)
"""What ONNX Runtime 1.31.1 writes, once without CUDA and once with it but without a driver."""


def test_refusal_names_the_library_and_the_versions() -> None:
    error = cuda_refusal(LOADER.format("libcublasLt.so.13"), "no fallback")
    assert "libcublasLt.so.13 cannot be loaded (cannot open shared object file" in error.fault
    assert "CUDA 13.* and cuDNN 9.*" in error.remedy
    assert "pip install" in error.remedy


def test_refusal_names_the_driver() -> None:
    error = cuda_refusal(LOADER.format("libcuda.so.1"), "no fallback")
    assert "no NVIDIA driver (libcuda.so.1 is missing)" in error.fault
    assert "pip" not in error.remedy


def test_refusal_without_a_device() -> None:
    error = cuda_refusal("", "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=x")
    assert error.fault == "CUDA cannot be used: CUDA failure 100: no CUDA-capable device is detected"


def test_refusal_of_a_model_that_needs_the_cpu() -> None:
    error = cuda_refusal("", "This session contains graph nodes that are assigned to the default CPU EP")
    assert error.fault.startswith("CUDA cannot run this model as a whole: This session contains")


def test_unknown_provider() -> None:
    with pytest.raises(ProviderError, match=r'No provider is called "gpu"\. Choose cpu or cuda'):
        open_session(relu_twice(), "gpu", optimise=True)


def test_missing_onnxruntime_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> ModuleType:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(sessions, "import_module", absent)
    with pytest.raises(MissingDependency, match=r"pip install 'specc-nn\[cpu\]'"):
        open_session(relu_twice(), "cpu", optimise=True)
    assert sessions.import_module is not importlib.import_module


def installed(folder: Path, text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An onnxruntime that is ``text``; None: a folder without any."""
    (folder / "onnxruntime").mkdir()
    if text is not None:
        (folder / "onnxruntime" / "__init__.py").write_text(text)
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.setattr(sys, "path", [str(folder)] + [entry for entry in sys.path if "site-packages" not in entry])


WORKS = "\nclass InferenceSession: pass\n"
BROKEN = [
    (
        "raise ImportError('libonnx.so.1: cannot open shared object file')",
        "cannot be loaded: libonnx.so.1: cannot open",
    ),
    ("raise ImportError", "cannot be loaded: ImportError"),
    ("raise SystemError('1\\n2')", "cannot be loaded: 1 2"),
    ("import nothing_of_that_name", "cannot be loaded: it lacks nothing_of_that_name"),
    (None, "cannot be loaded: it has no __version__ and no InferenceSession"),
    ("__version__ = '1.31.1'", "cannot be loaded: it has no InferenceSession"),
    (f"__version__ = '1.14.1'{WORKS}", "onnxruntime 1.14.1 is older than 1.15.0, the oldest that specc is tested with"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_runtime_that_cannot_be_used_is_told(
    text: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(np, "__version__", "1.26.4")
    installed(tmp_path, text, monkeypatch)
    with pytest.raises(UsageError) as caught:
        load_runtime()
    assert message in str(caught.value)
    assert "specc doctor says more" in str(caught.value)
    found = {finding.name: finding for finding in diagnose()}
    assert found["onnxruntime"].status is Status.BROKEN
    assert message in found["onnxruntime"].detail
    assert "pip install" in found["onnxruntime"].remedy
    assert found["provider cpu"].detail == "not tried: onnxruntime cannot be used"


@pytest.mark.parametrize(
    ("version", "numpy", "fits"),
    [("1.15.1", "1.26.4", True), ("1.15.1", "2.0.0", False), ("1.18.1", "2.2.6", False), ("1.19.0", "2.2.6", True)],
)
def test_a_build_for_numpy_1_beside_numpy_2_is_not_even_imported(
    version: str, numpy: str, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 1.15.1 was tried: it gives a session, and the first run of it ends the process."""
    installed(tmp_path, f"__version__ = '{version}'\nimport nothing_of_that_name", monkeypatch)
    monkeypatch.setattr(np, "__version__", numpy)
    with pytest.raises(UsageError) as caught:
        load_runtime()
    said = f"onnxruntime {version} is built for numpy 1, and does not run beside numpy {numpy}. pip install"
    assert ("lacks nothing_of_that_name" if fits else said) in str(caught.value)


def test_an_imported_runtime_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "__version__", "1.18.1")
    monkeypatch.setattr(np, "__version__", "2.0.0")
    with pytest.raises(UsageError, match=r"1\.18\.1 is built for numpy 1"):
        open_session(relu_twice(), "cpu", optimise=True)


def test_refused_model_is_told_in_plain_words(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelRefused, match=r"^ONNX Runtime refuses the model: ") as caught:
        open_session(b"no model", "cpu", optimise=True)
    assert "[ONNXRuntimeError]" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_failed_run_is_told() -> None:
    session = open_session(relu_twice(), "cpu", optimise=True)
    with pytest.raises(ModelRefused, match=r"ONNX Runtime fails: .*dimensions"):
        run(session, {"x": np.zeros((1, 3), np.float32)})


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="ONNX Runtime's CUDA provider does not work on this machine")
def test_cuda_runs_every_node() -> None:
    session = open_session(relu_twice(), "cuda", optimise=False)
    assert assignment(session) == (("first", "CUDAExecutionProvider"), ("second", "CUDAExecutionProvider"))
    assert session.get_provider_options()["CUDAExecutionProvider"]["use_tf32"] == "0"
    (result,) = run(session, {"x": np.array([[-1, 2]], np.float32)})
    assert result.tolist() == [[0.0, 2.0]]


def test_tensors_that_are_given_stay_where_they_are() -> None:
    """No copy is made of them, as it is to be packed anew for a product: a session sees what becomes of the numbers."""
    weight = np.ones((512, 512), np.float32)
    tensor = TensorProto(name="w", dims=weight.shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="beside")
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 512])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [value], [helper.make_empty_tensor_value_info("y")], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    with pytest.raises(ModelRefused):
        open_session(model, "cpu", optimise=False)
    session = open_session(model, "cpu", optimise=False, tensors={"w": weight})
    gc.collect()  # what was made to open it is gone
    for number in (1, 2):
        weight.fill(number)
        (result,) = run(session, {"x": np.ones((1, 512), np.float32)})
        assert (result == 512 * number).all()
