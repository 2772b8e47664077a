"""What a proof was about, so that who reads its report can tell: which bytes, and what their weights had to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specc.project.paths import shown
from specc.report.proof.verdict import OWN_WEIGHTS, FileDigest, ProofSubject

if TYPE_CHECKING:
    from specc.onnxfile import OnnxFile


def subject_of(model: str, onnx: OnnxFile | None, seed: int | None, weights: str | None) -> ProofSubject:
    """``model`` in the file ``onnx``, or without one in what compile would write.

    Raises:
        UsageError: the file, or one that its weights are in, cannot be read.
    """
    if weights is not None:
        wanted = shown(weights)
    else:
        wanted = f"seed {seed or 0}" if seed is not None or onnx is None else OWN_WEIGHTS
    if onnx is None:
        return ProofSubject(model, None, weights=wanted)
    assert onnx.path is not None
    parts = (onnx.path, *(onnx.folder / name for name in onnx.data_files))
    # One that is missing is the proof's to tell.
    files = tuple(_evidence(part) for part in parts if part.is_file())
    return ProofSubject(model, shown(str(onnx.path)), files, wanted, onnx.claimed_weights)


def _evidence(path: Path) -> FileDigest:
    from specc.bundle.sidecar import sha256_of

    return FileDigest(shown(path.as_posix()), path.stat().st_size, sha256_of(path))
