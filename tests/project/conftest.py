"""The command, as the tests of the command line run it, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import specc

__all__ = ["here", "specc"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the present one: a project of its own."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder
