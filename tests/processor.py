"""What each test costs: seconds of processor time, its subprocesses' included, whatever else the machine does."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

_PROPERTY = "processor"


def spent() -> float:
    """Seconds of all threads of this process, and of the subprocesses that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Costs:
    """Measures in the process that runs the tests, adds up and prints in the one that shows them (pytest-xdist's two).

    A fixture counts for the test that it is made for first.
    """

    def __init__(self, slowest: int) -> None:
        self.slowest = slowest
        self.mark = spent()
        self.tests: Counter[str] = Counter()
        self.workers = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self.mark = spent()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """After set-up, call and tear-down, each."""
        report = yield
        now = spent()
        report.user_properties.append((_PROPERTY, now - self.mark))
        self.mark = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tests[report.nodeid] += sum(value for name, value in report.user_properties if name == _PROPERTY)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_PROPERTY] = spent()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.workers += getattr(node, "workeroutput", {}).get(_PROPERTY, 0.0)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        folders: Counter[str] = Counter()
        for test, seconds in self.tests.items():
            folders[str(Path(test.split("::")[0]).parent)] += seconds
        terminalreporter.section("processor time")
        for table in (folders.most_common(), self.tests.most_common(self.slowest)):
            for name, seconds in table:
                terminalreporter.write_line(f"{seconds:8.2f} s  {name}")
            terminalreporter.write_line("")
        # Imports and collecting are in it. Workers are subprocesses of this one that have ended: they count once.
        own = os.times()
        total = self.workers + own.user + own.system if self.workers else spent()
        terminalreporter.write_line(f"{total / 60:.1f} min in all, with collecting")
