"""That what tests cost is added up and shown, the most first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.processor import Costs


def test_what_is_shown_adds_up() -> None:
    costs, lines = Costs(slowest=2), []
    for test, seconds in (("a", 1.0), ("b", 0.25), ("a", 2.0), ("c", 0.5)):
        report = SimpleNamespace(nodeid=f"tests/ops/test_x.py::{test}", user_properties=[("processor", seconds)])
        costs.pytest_runtest_logreport(cast(Any, report))
    costs.pytest_testnodedown(SimpleNamespace(workeroutput={"processor": 6000.0}))
    terminal = SimpleNamespace(section=lines.append, write_line=lines.append)
    costs.pytest_terminal_summary(cast(Any, terminal))
    assert lines == [
        "processor time",
        "    3.75 s  tests/ops",
        "",
        "    3.00 s  tests/ops/test_x.py::a",
        "    0.50 s  tests/ops/test_x.py::c",
        "",
        lines[-1],
    ]
    assert float(lines[-1].split()[0]) >= 100
