"""What a proof was about, so that who reads its report can tell: which bytes, and what their weights had to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specc.project.paths import shown
from specc.report.proof.subject import OWN_WEIGHTS, Evidence, Subject

if TYPE_CHECKING:
    from onnx import ModelProto

_CLAIM = "specc.weights"
"""The entry of a file's metadata that says where its weights come from."""


def subject_of(model: str, onnx: str | None, seed: int | None, weights: str | None) -> Subject:
    """``model`` in the file ``onnx``, or without one in what compile would write.

    Raises:
        UsageError: the file, or one that its weights are in, cannot be read.
    """
    if weights is not None:
        wanted = shown(weights)
    else:
        wanted = f"seed {seed or 0}" if seed is not None or onnx is None else OWN_WEIGHTS
    if onnx is None:
        return Subject(model, None, weights=wanted)
    from specc.backends.onnx import entries_of
    from specc.verify.file.reading import read_model

    proto, path = read_model(Path(onnx)), Path(onnx)
    parts = [path, *(path.parent / name for name in _beside(proto))]
    claimed = entries_of(proto).get(_CLAIM, "")
    # One that is missing is the proof's to tell.
    files = tuple(_evidence(part) for part in parts if part.is_file())
    return Subject(model, shown(onnx), files, wanted, claimed)


def _beside(proto: ModelProto) -> list[str]:
    """The files that tensors are in, in the order in which they are met."""
    said = (entry for tensor in proto.graph.initializer for entry in tensor.external_data)
    return list(dict.fromkeys(entry.value for entry in said if entry.key == "location"))


def _evidence(path: Path) -> Evidence:
    from specc.verify.embedding.sidecar import sha256_of

    return Evidence(shown(path.as_posix()), path.stat().st_size, sha256_of(path))
