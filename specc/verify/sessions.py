"""ONNX Runtime sessions that run where they were asked to run, or not at all."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from specc.diagnostics import MissingDependency, UsageError

if TYPE_CHECKING:
    from specc.weights import Array  # numpy may be missing, which the doctor says

Session = Any
"""An onnxruntime.InferenceSession; onnxruntime has no type stubs, and is imported only when needed."""

# ONNX Runtime accepts a misspelt configuration key in silence; tests prove that these have their effect.
NO_CPU_FALLBACK = "session.disable_cpu_ep_fallback"
NO_PREPACKING = "session.disable_prepacking"
RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
CUDA_OPTIONS = {
    "use_tf32": "0",  # TF32 keeps 10 bits of each factor: no float32 result
    "cudnn_conv_algo_search": "DEFAULT",  # the search times algorithms, so runs would differ
}
TF32_OPTIONS = CUDA_OPTIONS | {"use_tf32": "1"}
TELLS_ASSIGNMENT = "get_provider_graph_assignment_info"
"""The session's method that says where each node runs, which ONNX Runtime has from 1.24 on."""

FIRST_FOR_NUMPY_2 = "1.19"
"""Releases before it are built for numpy 1: beside numpy 2 they fail to load, or crash when they run."""

DRIVER = ("libcuda.so.1", "nvcuda.dll")
"""What comes with the driver; every other CUDA library can be installed with pip."""

OUT_OF_MEMORY = re.compile(r"bad_alloc|bad allocation|allocate memory|(not enough|out of) memory", re.IGNORECASE)
"""In the messages of C++, PyTorch, ONNX Runtime and CUDA, which have no kind of error of their own for it."""

CPU_WORKS = "--provider cpu proves it on the CPU"


class ProviderError(UsageError):
    """The execution provider asked for cannot run here: what is missing, and how to get it."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(f"{fault}. {remedy}")
        self.fault = fault
        self.remedy = remedy


class ModelRefused(Exception):
    """ONNX Runtime will not load or run this model; the message is its own."""


class BrokenRuntime(UsageError):
    """onnxruntime is installed, and cannot be used here: why, and what to do."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(f"{fault}. {remedy}; specc doctor says more")
        self.fault = fault
        self.remedy = remedy


def load_runtime() -> ModuleType:
    """The module onnxruntime.

    Raises:
        MissingDependency: it is not installed.
        BrokenRuntime: it cannot be loaded, would crash, or is older than all that specc is tested with.
    """
    if "onnxruntime" not in sys.modules:
        _require_fitting(_version_in_text())
    try:
        runtime = import_module("onnxruntime")
    except ModuleNotFoundError as error:
        if error.name == "onnxruntime":
            raise MissingDependency("parity", "onnxruntime", "cpu") from None
        raise _unloadable(f"it lacks {error.name}") from error
    except Exception as error:  # a broken native library may raise anything
        raise _unloadable(f"{_plain(str(error)) or type(error).__name__}") from error
    lacking = [name for name in ("__version__", "InferenceSession") if not hasattr(runtime, name)]
    if lacking:
        raise _unloadable(f"it has no {' and no '.join(lacking)}")
    _require_fitting(runtime.__version__)
    return runtime


def _unloadable(why: str) -> BrokenRuntime:
    return BrokenRuntime(
        f"onnxruntime is installed and cannot be loaded: {why}",
        "Install it anew: pip install --force-reinstall onnxruntime",
    )


def _version_in_text() -> str | None:
    """The version in the text of the package: a build that does not fit may crash when it is imported."""
    with suppress(ImportError, OSError, ValueError):  # whoever imports it says what is wrong
        found = find_spec("onnxruntime")
        text = Path(found.origin).read_text("utf-8") if found and found.origin else ""
        version = re.search(r"""^__version__ = ["']([^"']+)""", text, re.MULTILINE)
        return version and version[1]
    return None


def _require_fitting(version: str | None) -> None:
    if version is None:
        return
    from specc.backends.onnx.runtimes import is_older, oldest_tested

    numpy = str(import_module("numpy").__version__)
    if is_older(version, FIRST_FOR_NUMPY_2) and not is_older(numpy, "2"):
        raise BrokenRuntime(
            f"onnxruntime {version} is built for numpy 1, and does not run beside numpy {numpy}",
            f"pip install 'onnxruntime>={FIRST_FOR_NUMPY_2}', or pip install 'numpy<2'",
        )
    oldest = oldest_tested("onnxruntime")
    if is_older(version, oldest):
        raise BrokenRuntime(
            f"onnxruntime {version} is older than {oldest}, the oldest that specc is tested with",
            f"pip install 'onnxruntime>={oldest}'",
        )


def open_session(
    model: Path | bytes,
    provider: str,
    optimise: bool,
    *,
    tf32: bool = False,
    tensors: Mapping[str, Array] | None = None,
) -> Session:
    """A session that runs every node on ``provider``.

    Args:
        model: a file (which may have external data), or the serialised model.
        provider: "cpu" or "cuda".
        optimise: run every graph optimisation of ONNX Runtime, or none.
        tf32: let CUDA round the factors of products to 10 bits.
        tensors: the numbers of initializers that the model says are external, by name. They are not copied, and must
            be there as long as the session is.

    Raises:
        ProviderError: ``provider`` is unknown, cannot be used here, or did not take every node.
        ModelRefused: ONNX Runtime does not accept the model.
        MemoryError: for want of memory.
        MissingDependency, BrokenRuntime: as `load_runtime`.
    """
    ort = load_runtime()
    if provider not in PROVIDERS:
        raise ProviderError(f'No provider is called "{provider}"', f"Choose {' or '.join(PROVIDERS)}")
    if provider == "cuda" and PROVIDERS["cuda"] not in ort.get_available_providers():
        raise ProviderError(
            f"CUDA cannot be used: the onnxruntime {ort.__version__} installed is built without it",
            "pip uninstall onnxruntime, then pip install 'specc-nn[gpu]'",
        )
    options = ort.SessionOptions()
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    options.log_severity_level = 4  # its errors come as exceptions too
    options.use_deterministic_compute = True
    options.intra_op_num_threads = 1  # waiting threads take twice the processor time of the work on small models
    options.enable_mem_pattern = False  # made for the next run of the same sizes, beside what this one needs
    options.add_session_config_entry(RECORD_ASSIGNMENT, "1")
    if tensors:
        values = [ort.OrtValue.ortvalue_from_numpy(numbers) for numbers in tensors.values()]
        # The one has the model ask for no file, the other has the numbers used as they are; packed, they are copied.
        options.add_external_initializers(list(tensors), values)
        for name, value in zip(tensors, values, strict=True):
            options.add_initializer(name, value)
        options.add_session_config_entry(NO_PREPACKING, "1")
    providers: list[Any] = [PROVIDERS[provider]]
    if provider == "cuda":
        options.add_session_config_entry(NO_CPU_FALLBACK, "1")
        providers = [(PROVIDERS["cuda"], TF32_OPTIONS if tf32 else CUDA_OPTIONS)]
    source = model if isinstance(model, bytes) else str(model)
    session, failure = None, None
    with _captured_stderr() as stderr:
        if provider == "cuda" and hasattr(ort, "preload_dlls"):
            # It finds the CUDA libraries of the nvidia-* wheels, where the loader does not look by itself, and it
            # prints what it misses; the session's own error says the same better.
            with redirect_stdout(StringIO()):
                ort.preload_dlls()
        try:
            # enable_fallback is about run(): without it a failed run is repeated on another provider.
            session = ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's exceptions share no base class below Exception
            failure = error
    if provider == "cuda":
        _require_cuda(session, failure, "".join(stderr))
    if session is None:
        require_memory(failure)
        raise ModelRefused(f"ONNX Runtime refuses the model: {_plain(str(failure))}")
    return session


def run(session: Session, feeds: dict[str, Any], outputs: Iterable[str] = ()) -> list[Any]:
    """The values of ``outputs``, or of every output in order.

    Raises:
        ModelRefused: ONNX Runtime fails.
        MemoryError: for want of memory.
    """
    try:
        # Copies: ONNX Runtime's own share the memory of its session, and keep all of that.
        return [value.copy() for value in session.run(list(outputs) or None, feeds)]
    except Exception as error:
        require_memory(error)
        raise ModelRefused(f"ONNX Runtime fails: {_plain(str(error))}") from error


def require_memory(failure: Exception | None) -> None:
    """Raises MemoryError where ONNX Runtime or PyTorch has failed for want of memory: that says nothing of a file."""
    if failure is not None and OUT_OF_MEMORY.search(str(failure)):
        raise MemoryError(_plain(str(failure))) from failure


def assignment(session: Session) -> tuple[tuple[str, str], ...]:
    """(node, provider) of every node that runs; empty where ONNX Runtime is too old to tell (before 1.24)."""
    if not hasattr(session, TELLS_ASSIGNMENT):
        return ()
    parts = session.get_provider_graph_assignment_info()
    return tuple((node.name or node.op_type, part.ep_name) for part in parts for node in part.get_nodes())


def _require_cuda(session: Any, failure: Exception | None, stderr: str) -> None:
    if session is None or PROVIDERS["cuda"] not in session.get_providers():
        raise cuda_refusal(stderr, _plain(str(failure or "ONNX Runtime left it out of the session")))
    if not hasattr(session, TELLS_ASSIGNMENT):
        raise ProviderError(
            "CUDA cannot be proven: the onnxruntime installed does not tell where each node runs, 1.24 and later do",
            "pip install 'onnxruntime-gpu>=1.24'",
        )
    elsewhere = [node for node, provider in assignment(session) if provider != PROVIDERS["cuda"]]
    if elsewhere:
        raise ProviderError(f"CUDA does not take these nodes: {', '.join(elsewhere)}", CPU_WORKS)


def cuda_refusal(stderr: str, failure: str) -> ProviderError:
    """Why CUDA cannot be used, from what ONNX Runtime wrote to standard error and from its exception."""
    wanted = re.search(r"Require (cuDNN [\d.*]+) and (CUDA [\d.*]+)\.", stderr)
    needs = f"This onnxruntime needs {wanted[2]} and {wanted[1]}" if wanted else "It needs CUDA and cuDNN"
    library = re.search(r"with error: ([^:\s]+): ([^\n]*)", stderr)
    if library and library[1] in DRIVER:
        return ProviderError(
            f"CUDA cannot be used: there is no NVIDIA driver ({library[1]} is missing)",
            "It needs an NVIDIA GPU and its driver",
        )
    if library:
        return ProviderError(
            f"CUDA cannot be used: {library[1]} cannot be loaded ({_plain(library[2])})",
            f"{needs}: install them, or their wheels: pip install 'onnxruntime-gpu[cuda,cudnn]'",
        )
    device = re.search(r"CUDA (?:failure|error)[^\n;]*", f"{stderr}\n{failure}")
    if device:
        return ProviderError(
            f"CUDA cannot be used: {_plain(device[0])}", "It needs an NVIDIA GPU and a driver new enough for it"
        )
    if wanted:
        return ProviderError("CUDA cannot be used: ONNX Runtime could not create its CUDA provider", needs)
    return ProviderError(f"CUDA cannot run this model as a whole: {failure}", CPU_WORKS)


def _plain(message: str) -> str:
    """ONNX Runtime's message in one line, without its colours and its prefix."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", message)
    text = re.sub(r"^\s*\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return " ".join(text.split())


@contextmanager
def _captured_stderr() -> Iterator[list[str]]:
    """What native code writes to file descriptor 2 goes to the list, which has it afterwards, not to the terminal."""
    text: list[str] = []
    try:
        terminal = os.dup(2)
    except OSError:  # standard error is closed: nothing can leak to it
        yield text
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield text
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            file.seek(0)
            text.append(file.read().decode(errors="replace"))
