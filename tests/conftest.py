"""What all tests share: a cache of their own, and random numbers that are the same in every run.

None finds what another run of specc has kept, and none depends on a draw that nobody has seeded: every test begins with
the same generators, whatever ran before it, and a module that draws while it is imported, before any test could seed
(a layer in a list of parameters is such a draw), is refused. To look further than the seeds that are always drawn:
``--hypothesis-profile default``, and pytest-randomly, whose seeds come after these.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Generator
from itertools import count
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from tests.processor import Costs

_CACHES = TemporaryDirectory(prefix="specc-tests-")
_numbers = count()

# No deadline and no "too slow": a busy machine is no mistake of a test's.
settings.register_profile(
    "same", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slowest", type=int, metavar="N", help="processor time by folder, and of the N slowest tests")


def pytest_configure(config: pytest.Config) -> None:
    """Before any test is collected: some keep the environment for their subprocesses."""
    if (slowest := config.getoption("slowest")) is not None:
        config.pluginmanager.register(Costs(slowest))
    os.environ["SPECC_CACHE_DIR"] = _CACHES.name
    # PyTorch adds in another order with another number of threads; it reads this as it is imported.
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_unconfigure() -> None:
    _CACHES.cleanup()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is not there: most tests keep nothing."""
    monkeypatch.setenv("SPECC_CACHE_DIR", os.path.join(_CACHES.name, str(next(_numbers))))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Before fixtures of modules, too, which are made for whichever test comes first."""
    seed()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Once more: whether such a fixture was made just now must not count."""
    seed()


def seed() -> None:
    """Seed all global generators that there are: what is not imported costs nothing."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        # torch.manual_seed also notes down the whole stack, for every kind of device: half a millisecond.
        sys.modules["torch"].default_generator.manual_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    if not isinstance(collector, pytest.Module):
        return (yield)
    seed()
    report = yield
    if report.passed and (name := drawn()):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} draws from {name} while it is imported: draw in the test"
    return report


def drawn() -> str | None:
    """The global generator that is no longer as a seed has left it. Not Python's: rich draws while it is imported."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    # How far a Mersenne twister is through its 624 numbers: 623 as NumPy is imported, 624 where it has been seeded.
    if numpy and numpy.random.get_state()[2] < 623:
        return "numpy.random"
    if torch and not torch.equal(
        torch.get_rng_state(), torch.Generator().manual_seed(torch.initial_seed()).get_state()
    ):
        return "torch"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays, and no collection of garbage goes through it: a fifth of this time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A command turns the collection of garbage off, as its process ends with it. This one goes on."""
    gc.enable()
