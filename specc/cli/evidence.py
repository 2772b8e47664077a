"""What a proof was about, so that who reads its report can tell: which bytes, and what their weights had to be."""

from __future__ import annotations

from pathlib import Path

from specc.project.paths import shown
from specc.report.proof.subject import OWN_WEIGHTS, Evidence, Subject


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
    from specc.backends.onnx import claimed_weights
    from specc.bundle.inspection import data_files
    from specc.verify.file.reading import read_model

    path = Path(onnx)
    proto = read_model(path)
    # One that is missing is the proof's to tell.
    files = tuple(_evidence(part) for part in (path, *data_files(proto, path)) if part.is_file())
    return Subject(model, shown(onnx), files, wanted, claimed_weights(proto))


def _evidence(path: Path) -> Evidence:
    from specc.bundle.sidecar import sha256_of

    return Evidence(shown(path.as_posix()), path.stat().st_size, sha256_of(path))
