"""What is installed, which execution providers really work, what is missing and how to get it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module, metadata
from typing import Any

from specc.diagnostics import MissingDependency
from specc.verify.sessions import PROVIDERS, BrokenRuntime, ProviderError, load_runtime, open_session, run
from specc.version import __version__

BASE = ("click", "lark", "numpy", "onnx", "pydantic", "rich", "safetensors")
PICTURES = ("pygraphviz", "resvg_py")
"""What `specc draw` needs for SVG and PNG."""
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")


class Status(StrEnum):
    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: ``remedy`` says how to get what is missing, and is empty where nothing is."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def diagnose() -> tuple[Finding, ...]:
    """Everything specc stands on. Tries each provider on a model of one node; never raises."""
    return (
        Finding("python", Status.OK, f"{platform.python_version()} ({sys.implementation.name})"),
        Finding("platform", Status.OK, platform.platform()),
        Finding("specc", Status.OK, __version__),
        *(_package(name, name, f"pip install {name}") for name in BASE),
        _package("torch", "torch", "pip install 'specc-nn[cpu]'"),
        *_torch_cuda(),
        _runtime(),
        *(_provider(provider) for provider in PROVIDERS),
        *(_package(name, name, "pip install 'specc-nn[draw]'") for name in PICTURES),
    )


def _distribution(name: str, remedy: str) -> Finding:
    try:
        return Finding(name, Status.OK, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, Status.MISSING, "not installed", remedy)


def _package(name: str, module: str, remedy: str) -> Finding:
    """A package that is not only there but can be imported."""
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        missing = "not installed" if error.name == module else f"lacks {error.name}"
        return Finding(name, Status.MISSING, missing, remedy)
    except Exception as error:  # noqa: BLE001 - a broken native library may raise anything
        return Finding(name, Status.BROKEN, f"cannot be imported: {error}", f"{remedy} --force-reinstall")
    return _distribution(name, remedy)


def _torch_cuda() -> Iterator[Finding]:
    try:
        torch = import_module("torch")
    except Exception:  # noqa: BLE001 - the line on torch itself has said it
        return
    if torch.cuda.is_available():
        yield Finding("torch CUDA", Status.OK, torch.cuda.get_device_name())
        return
    built = f"built for CUDA {torch.version.cuda}, finds no GPU" if torch.version.cuda else "built without CUDA"
    yield Finding("torch CUDA", Status.MISSING, built, "not needed: PyTorch is the reference on the CPU")


def _runtime() -> Finding:
    """ONNX Runtime comes as one of several distributions; two of them overwrite each other's files."""
    installed = [name for name in RUNTIMES if _distribution(name, "").status is Status.OK]
    if len(installed) > 1:
        return Finding(
            "onnxruntime",
            Status.BROKEN,
            f"{' and '.join(installed)} are both installed and overwrite each other's files",
            f"pip uninstall {' '.join(installed)}, then install one: pip install 'specc-nn[gpu]'",
        )
    name = installed[0] if installed else "onnxruntime"
    try:
        return Finding("onnxruntime", Status.OK, f"{name} {load_runtime().__version__}")
    except MissingDependency:
        return Finding("onnxruntime", Status.MISSING, f"{name} not installed", "pip install 'specc-nn[cpu]'")
    except BrokenRuntime as broken:
        return Finding("onnxruntime", Status.BROKEN, broken.fault, broken.remedy)
    except Exception as error:  # noqa: BLE001 - what specc needs to judge it is missing or broken itself
        return Finding("onnxruntime", Status.BROKEN, f"not tried: {error}")


def _provider(provider: str) -> Finding:
    name = f"provider {provider}"
    try:
        model, feeds, expected = _one_node()
        result = run(open_session(model, provider, optimise=True), feeds)[0].tolist()
    except ProviderError as error:
        return Finding(name, Status.MISSING, error.fault, error.remedy)
    except BrokenRuntime:
        return Finding(name, Status.MISSING, "not tried: onnxruntime cannot be used")
    except (MissingDependency, ModuleNotFoundError) as error:
        return Finding(name, Status.MISSING, f"not tried: {error}")
    except Exception as error:  # noqa: BLE001 - whatever is broken here is what the reader came to learn
        return Finding(name, Status.BROKEN, f"{type(error).__name__}: {error}")
    if result != expected:
        return Finding(name, Status.BROKEN, f"computes {result} where {expected} is right")
    return Finding(name, Status.OK, "ran a model")


def _one_node() -> tuple[bytes, dict[str, Any], Any]:
    """A model of one convolution (so that cuDNN is needed too), its input and the result worked out by hand."""
    onnx, np = import_module("onnx"), import_module("numpy")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "edge"], ["y"])],
        "doctor",
        [helper.make_tensor_value_info("x", float32, [1, 1, 3])],
        [helper.make_tensor_value_info("y", float32, [1, 1, 2])],
        [helper.make_tensor("edge", float32, [1, 1, 2], [1.0, -1.0])],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    return model.SerializeToString(), {"x": np.array([[[1, 3, 7]]], np.float32)}, [[[-2.0, -4.0]]]
