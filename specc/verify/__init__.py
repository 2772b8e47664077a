"""Parity: the ONNX graph in ONNX Runtime and the PyTorch module, both against PyTorch in float64.

Names are imported on first use, so that `specc.verify.doctor` works on a broken installation too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specc.verify.doctor import Finding, Status, diagnose
    from specc.verify.file.reading import weights_of
    from specc.verify.parity import verify, verify_emitted
    from specc.verify.result import Parity, Row, StepRow, TensorRow, Tolerance
    from specc.verify.sessions import ProviderError

__all__ = [
    "Finding",
    "Parity",
    "ProviderError",
    "Row",
    "Status",
    "StepRow",
    "TensorRow",
    "Tolerance",
    "diagnose",
    "verify",
    "verify_emitted",
    "weights_of",
]

_HOME = {
    "Finding": "doctor",
    "Parity": "result",
    "ProviderError": "sessions",
    "Row": "result",
    "Status": "doctor",
    "StepRow": "result",
    "TensorRow": "result",
    "Tolerance": "result",
    "diagnose": "doctor",
    "verify": "parity",
    "verify_emitted": "parity",
    "weights_of": "file.reading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
