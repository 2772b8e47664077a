"""specc: a compiler for convolutional networks.

    model = specc.load("lenet.cnn")
    model.params, model.macs
    model.to_onnx("lenet.onnx")       # proven equal to PyTorch before the file appears
    model.to_torch()                  # a live nn.Module
    specc.from_torch(module, "[N, 3, 224, 224]", "net.cnn")    # and a module as a spec

`loads` takes a text instead of a path, and needs no disk. Both raise `SpecError` where a spec is wrong, `UsageError`
where a path or an option is.
"""

from __future__ import annotations

from specc.version import __version__

TYPE_CHECKING = False  # typing's own takes longer to load than the version to be said
if TYPE_CHECKING:
    from typing import Any

    from specc.api import Model, from_torch, load, loads
    from specc.diagnostics import Diagnostic, MissingDependency, ParityError, SpecError, UsageError
    from specc.sweeps.search import search_space
    from specc.sweeps.sweep import sweep

__all__ = [
    "Diagnostic",
    "MissingDependency",
    "Model",
    "ParityError",
    "SpecError",
    "UsageError",
    "__version__",
    "from_torch",
    "load",
    "loads",
    "search_space",
    "sweep",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """The compiler is imported when it is first asked for: help and version need none of it."""
    if name in ("Model", "from_torch", "load", "loads"):
        from specc import api

        return getattr(api, name)
    if name == "search_space":
        from specc.sweeps.search import search_space

        return search_space
    if name == "sweep":
        from specc.sweeps.sweep import sweep

        return sweep
    if name in __all__:
        from specc import diagnostics

        return getattr(diagnostics, name)
    raise AttributeError(f"module 'specc' has no attribute {name!r}")
