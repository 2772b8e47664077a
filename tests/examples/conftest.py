"""The examples are programs: their folder is not a package, and its modules are imported as when they are run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TRAIN = Path(__file__).parents[2] / "examples" / "train"


@pytest.fixture(autouse=True, scope="package")
def _importable() -> None:
    sys.path.insert(0, str(TRAIN))
