"""Files that earlier versions have compiled, kept as they were written: each version must read all before it.

A release adds its own folder to ``compiled_by``; none is ever changed.
"""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from specc.bundle.inspection import inspect
from specc.bundle.recheck import recheck
from specc.bundle.sidecar import read_sidecar, sidecar_path, sidecar_schema
from specc.embedding.program import program

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
def test_has_a_program_that_fits(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    text = program(tmp_path / "digits.onnx", "python")
    assert "normalis" not in text, "it does not say whether it does"
    (tmp_path / "use.py").write_text(text, encoding="utf-8")
    runpy.run_path(str(tmp_path / "use.py"))
    assert capsys.readouterr().out.startswith("golden pair: fits\n")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_fits_the_schema(folder: Path) -> None:
    value = json.loads((folder / "digits.specc.json").read_text(encoding="utf-8"))
    Draft202012Validator(json.loads(sidecar_schema())).validate(value)
