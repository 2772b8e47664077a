"""The table on screens of any width."""

import io

import pytest
from rich.console import Console

from specc.elaborate import check_file
from specc.report.table import show
from specc.source import Source
from specc.syntax import parse

SPEC = """
block wide(channels, kernel, groups = 1) { conv(channels, kernel, padding=1, groups=groups, padding_mode="replicate") }
model M : [N, 3, 128, 128] { wide(64, 3) -> wide(64, 3, groups=16) }
model S : [N, 3, 8, 8] { relu }
"""


def shown(width: int, model: int = 0, depth: int | None = None) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, no_color=True, highlight=False)
    show(check_file(parse(Source("net.cnn", SPEC)))[model].costs, console, depth)
    assert console.width == width, "the next table is for the same screen"
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [200, 120, 100, 80, 60, 20])
def test_only_what_a_step_is_gets_cut(width: int) -> None:
    rows = [line for line in shown(width) if line.startswith("wide")]
    assert len(rows) == 2
    assert all("[N, 64, 128, 128]" in row for row in rows)
    assert [row.split()[-3:] for row in rows] == [["3", "x", "3"], ["5", "x", "5"]]
    assert "1,792  28.31 M   4 MiB" in rows[0]
    assert not any("…" in row for row in rows)
    assert ("..." in rows[1]) == (width < 150)
    assert len(rows[1].rstrip()) <= max(width, 90)


def test_a_narrow_table_is_as_wide_as_it_needs_to_be() -> None:
    (row,) = (line for line in shown(200, model=1) if line.startswith("relu1"))
    assert row.rstrip() == "relu1  relu   [N, 3, 8, 8]                 768 B  1 x 1"


def test_depth_one_has_a_row_for_a_block() -> None:
    rows = [line for line in shown(200, depth=1) if line.startswith("wide")]
    assert [row.split("  ")[0] for row in rows] == ["wide1", "wide2"]
    assert "wide(channels=64, kernel=3, groups=16)" in rows[1]
