"""What all tests share: a cache of their own. None finds what another run of specc has kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest

_CACHES = TemporaryDirectory(prefix="specc-tests-")


def pytest_configure() -> None:
    """Before any test is collected: some keep the environment for their subprocesses."""
    os.environ["SPECC_CACHE_DIR"] = _CACHES.name


def pytest_unconfigure() -> None:
    _CACHES.cleanup()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with TemporaryDirectory(dir=_CACHES.name) as folder:
        monkeypatch.setenv("SPECC_CACHE_DIR", folder)
        yield
