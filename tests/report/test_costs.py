"""The table on screens of any width."""

import io
import re

import pytest
from rich.console import Console

from specc.diagnostics import UsageError
from specc.elaborate import check_file
from specc.report.costs import explain, show
from specc.source import Source
from specc.syntax import parse

SPEC = """
block wide(channels, kernel, groups = 1) { conv(channels, kernel, padding=1, groups=groups, padding_mode="replicate") }
model M : [N, 3, 128, 128] { wide(64, 3) -> wide(64, 3, groups=16) }
model S : [N, 3, 8, 8] { relu }
model D : [N, 3, H, W] { conv(64, 3, padding=1, bias=true) -> conv(64, 3, padding=1, padding_mode="replicate") }
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
    assert row.rstrip() == "relu1  relu   [N, 3, 8, 8]   768 B  1 x 1"


def test_columns_that_say_nothing_are_left_out() -> None:
    """Without weights there are no params and no MACs; at symbolic sizes there are no costs at all."""
    plain = [[re.sub(r"\x1b\[[0-9;]*m", "", line) for line in shown(200, model)] for model in (0, 1, 2)]
    assert [next(line for line in lines if line.startswith("step")).split() for lines in plain] == [
        ["step", "layer", "output", "params", "MACs", "memory", "sees"],
        ["step", "layer", "output", "memory", "sees"],
        ["step", "layer", "output", "params"],
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_layer_is_not_cut_for_columns_that_say_nothing(width: int) -> None:
    """With its four columns of dashes the table would be 98 wide."""
    rows = [line for line in shown(width, model=2) if line.startswith("conv")]
    cut = [row for row in rows if "..." in row]
    assert len(rows) == 2
    assert bool(cut) == (width < 80)
    assert all(row.rstrip().endswith(("1,792", "36,928")) for row in rows)


def test_depth_one_has_a_row_for_a_block() -> None:
    rows = [line for line in shown(200, depth=1) if line.startswith("wide")]
    assert [row.split("  ")[0] for row in rows] == ["wide1", "wide2"]
    assert "wide(channels=64, kernel=3, groups=16)" in rows[1]


VALUES = """
block body(c) -> (low, high, same) {
  low: conv(c, 3, padding=1) -> relu
  conv(c, 3, padding=1) -> bn
  let same = in
}
model V : [N, 3, 8, 8] {
  b: body(4)
  r: repeat 2 { a: conv(3, 1) -> sigmoid }
  concat { | _ | b.low | b.high | r[0].a }
}
"""


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("b.low", "b.low: conv(c, 3, padding=1)"),
        ("b.high", "b.batchnorm1: bn"),  # the last value, which is the output that no label names
        ("r[1].a", "r.1.a: conv(3, 1)"),
        ("r.1.a", "r.1.a: conv(3, 1)"),
        ('r["0"]', "r.0: repeat 2"),
    ],
)
def test_a_value_is_explained_by_what_the_spec_calls_it(name: str, first: str) -> None:
    (checked,) = check_file(parse(Source("net.cnn", VALUES)))
    assert explain(checked.costs, name).splitlines()[0] == first


def test_what_a_block_gives_is_explained_by_name() -> None:
    (checked,) = check_file(parse(Source("net.cnn", VALUES)))
    gives = [line.split() for line in explain(checked.costs, "b").splitlines() if line.startswith("  gives")]
    shapes = (("low", 4), ("high", 4), ("same", 3))
    assert gives == [["gives", name, "[N,", f"{c},", "8,", "8]"] for name, c in shapes]
    with pytest.raises(UsageError, match=r"b\.same is what V is given as input: no step makes it"):
        explain(checked.costs, "b.same")
