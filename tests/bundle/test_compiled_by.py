"""Files that earlier versions have compiled, kept as they were written: each version must read all before it.

A release adds its own folder to ``compiled_by``; none is ever changed.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from specc.bundle.inspection import inspect
from specc.bundle.recheck import recheck
from specc.bundle.sidecar import read_sidecar, sidecar_path, sidecar_schema

FOLDERS = sorted((Path(__file__).parent / "compiled_by").iterdir())


def test_there_are_some() -> None:
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_still_reads(folder: Path) -> None:
    model = folder / "digits.onnx"
    found = inspect(model)
    assert found.is_ours
    assert found.is_whole
    assert found.metadata["specc.version"] == folder.name
    assert found.sidecar is not None
    assert found.sidecar.known["specc"] == folder.name
    assert found.sidecar.notes == ()
    assert recheck(model, read_sidecar(sidecar_path(model)), sidecar_path(model)).passed


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_fits_the_schema(folder: Path) -> None:
    value = json.loads((folder / "digits.specc.json").read_text(encoding="utf-8"))
    Draft202012Validator(json.loads(sidecar_schema())).validate(value)
