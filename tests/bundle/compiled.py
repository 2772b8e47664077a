"""A small network compiled with its proof, once for all tests of a module."""

from __future__ import annotations

import shutil
from pathlib import Path

import specc

SPEC = """
model Digits(classes = 3) : [N, 1, H, W] -> [N, classes] where H >= 6, W >= 4, W % 2 == 0 {
  conv(4, 3) -> bn -> relu -> globalavgpool -> flatten -> fc(classes) -> softmax
}
"""


def compiled(folder: Path) -> Path:
    """``digits.onnx`` with its sidecar."""
    (folder / "digits.cnn").write_text(SPEC)
    specc.load(folder / "digits.cnn").to_onnx(folder / "digits.onnx", labels=["zero", "one", "two"])
    return folder / "digits.onnx"


def copied(model: Path, folder: Path) -> Path:
    """A copy of the file and its sidecar that may be broken."""
    for path in model.parent.iterdir():
        shutil.copy(path, folder / path.name)
    return folder / model.name
