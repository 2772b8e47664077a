"""Parity: the ONNX graph in ONNX Runtime and the PyTorch module, both against PyTorch in float64.

Names are imported on first use, so that `specc.verify.doctor` works on a broken installation too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specc.onnxfile import weights_of
    from specc.verify.doctor import Finding, Status, diagnose
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
    "Finding": "specc.verify.doctor",
    "Parity": "specc.verify.result",
    "ProviderError": "specc.verify.sessions",
    "Row": "specc.verify.result",
    "Status": "specc.verify.doctor",
    "StepRow": "specc.verify.result",
    "TensorRow": "specc.verify.result",
    "Tolerance": "specc.verify.result",
    "diagnose": "specc.verify.doctor",
    "verify": "specc.verify.parity",
    "verify_emitted": "specc.verify.parity",
    "weights_of": "specc.onnxfile",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
