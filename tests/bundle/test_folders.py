"""The same spec gives the same bytes from wherever it is compiled: its settings are found from its own folder."""

from __future__ import annotations

import json
import os
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

import specc as api
from tests.cli.conftest import Specc, here, specc

__all__ = ["here", "specc"]

SPEC = "model Small : [N, 3, 8, 8] { conv(4, 3) -> relu -> flatten -> fc(2) }\n"
OTHERS = {"elsewhere": '[budget]\nmacs = "1k"\n', "broken": "[[["}
"""The settings of folders that have nothing to do with the spec."""


@pytest.fixture
def spec(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec whose project has a budget; beside the project lie folders with settings of their own."""
    (here / "specc.toml").write_text('[budget]\nparams = "1M"\n')
    for name, settings in OTHERS.items():
        (here.parent / name).mkdir()
        (here.parent / name / "specc.toml").write_text(settings)
    (here / "nets").mkdir()
    (here / "nets" / "small.cnn").write_text(SPEC)
    return here / "nets" / "small.cnn"


FOLDERS = ("project", "project/nets", "elsewhere", "broken")


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("is_relative", [True, False])
def test_by_the_command(specc: Specc, spec: Path, monkeypatch: pytest.MonkeyPatch, is_relative: bool) -> None:
    there = spec.parents[2]
    results = []
    for number, folder in enumerate(FOLDERS):
        monkeypatch.chdir(there / folder)
        name = os.path.relpath(spec) if is_relative else spec
        out = there / f"out{number}"
        out.mkdir()
        for file in ("small.onnx", "small.py"):
            assert specc("compile", name, "-o", out / file, "--no-verify").code == 0
        results.append(written(out))
    assert sorted(results[0]) == ["small.onnx", "small.py", "small.specc.json"]
    assert json.loads(results[0]["small.specc.json"])["budgets"][0]["most"] == 1_000_000
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_program_that_goes_elsewhere(spec: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """A relative path is that of the folder in which the spec was read."""
    monkeypatch.chdir(spec.parent)
    model = api.load("small.cnn")
    first, second = spec.parents[2] / "first.onnx", spec.parents[2] / "second.onnx"
    model.to_onnx(first, verify=False)
    monkeypatch.chdir(spec.parents[2] / folder)
    model.to_onnx(second, verify=False)
    assert second.read_bytes() == first.read_bytes()
    one, other = (json.loads(path.with_suffix(".specc.json").read_text("utf-8")) for path in (first, second))
    assert one | {"file": None} == other | {"file": None}
    assert one["budgets"]


def test_standard_input_has_no_folder(specc: Specc, spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of the present folder either, which may be anybody's."""
    monkeypatch.chdir(spec.parents[2] / "broken")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(SPEC.encode())))
    assert specc("compile", "-", "-o", "small.onnx", "--no-verify").code == 0
    assert json.loads(Path("small.specc.json").read_text("utf-8"))["budgets"] == []


def test_each_spec_has_the_settings_of_its_own_folder(
    specc: Specc, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the present folder hold for none of them, and are not even read."""
    other = spec.parents[2] / "elsewhere" / "other.cnn"
    other.write_text(SPEC)
    monkeypatch.chdir(spec.parents[2] / "broken")
    result = specc("check", os.path.relpath(spec), os.path.relpath(other))
    assert result.code == 1
    assert "has 4,176 MACs, and the budget is 1,000" in result.out
    assert "1 error in 1 of 2 files" in result.out
    assert specc("check").code == 2
