"""How steps, blocks, interfaces and sizes are written."""

import io

import pytest
from rich.console import Console
from rich.text import Text

from specc.elaborate import check_file
from specc.ir.graph import Graph, Region
from specc.ir.symbols import Symbol
from specc.report import notation
from specc.report.notation import print_columns
from specc.source import Source
from specc.syntax import parse


def graph(spec: str) -> Graph:
    (checked,) = check_file(parse(Source("net.cnn", spec)))
    return checked.graph


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("relu", "relu"),
        ("conv(8, 3)", "conv(8, 3)"),
        ("conv(kernel=(3, 5), out_channels=2 * 4, padding=1, stride=1)", "conv(8, [3, 5], padding=1)"),
        ("bn(eps=0.001)", "batchnorm(eps=0.001)"),
        ("maxpool(2, ceil_mode=true)", "maxpool(2, ceil_mode=true)"),
        ("conv(1, 2, weight=[[[[1, -1], [0, 0]], [[1, 1], [2, 2]]]])", "conv(1, 2, weight=[...])"),
        ('conv(8, 3, init="xavier_uniform")', 'conv(8, 3, init="xavier_uniform")'),
    ],
)
def test_a_step_as_it_really_is(written: str, shown: str) -> None:
    assert notation.step(graph(f"model M : [N, 2, 8, 8] {{ {written} }}").nodes[0]) == shown


def test_a_default_is_an_argument_that_the_step_has() -> None:
    made = graph("default conv(bias = false)\nmodel M : [N, 2, 8, 8] { conv(8, 3) }")
    assert notation.step(made.nodes[0]) == "conv(8, 3, bias=false)"


def test_blocks() -> None:
    made = graph("""
        block unit(c, names = ["a", "b", "c", "d", "e", "f", "g"], act = relu) {
          repeat len(names) - 5 { conv(c, 1) -> act }
        }
        model M(depths = [1, 2, 3, 4, 5, 6, 7, 8, 9]) : [N, 2, 8, 8] {
          first: unit(4)
          low: { conv(2, 1) }
          high: for c, n in [(1, 2), (3, 4),
                             (5, 6), (7, 8), (9, len(depths))] { conv(c * n, 1) -> relu }
        }
        """)
    assert [notation.block(member) for member in made.members if isinstance(member, Region)] == [
        "unit(c=4, names=[...], act=relu)",
        "group",
        "for c, n in [(1, 2), (3, 4), (5, 6), (7, 8), ...",
    ]
    rounds = [
        m for member in made.members if isinstance(member, Region) for m in member.members if isinstance(m, Region)
    ]
    assert {notation.block(member) for member in rounds} == {"round of repeat", "round of for"}


def test_interface() -> None:
    made = graph("model M : (a: [N, H], b: [N, H]) -> (x: [N, H], y: [N, H]) where H % 4 == 0 {\n"
                 "  a -> x: relu\n  y: add { | a | b }\n}")  # fmt: skip
    assert notation.interface(made) == "a [N, H], b [N, H] -> x [N, H], y [N, H] where H % 4 == 0"
    assert notation.interface(made.at({"H": 8})) == "a [N, 8], b [N, 8] -> x [N, 8], y [N, 8]"


@pytest.mark.parametrize(
    ("symbol", "condition", "size"),
    [
        (Symbol("H"), "", 224),
        (Symbol("H", modulus=16), "H % 16 == 0", 224),
        (Symbol("H", modulus=100, residue=1), "H % 100 == 1", 301),
        (Symbol("H", least=500), "H >= 500", 500),
        (Symbol("H", least=32, most=100, modulus=7), "H % 7 == 0, H >= 32, H <= 100", 98),
        (Symbol("H", least=9, most=9), "H == 9", 9),
    ],
)
def test_conditions_and_a_size_that_they_allow(symbol: Symbol, condition: str, size: int) -> None:
    assert str(symbol.condition) == condition
    assert notation.example_sizes([symbol]) == {"H": size}
    assert symbol.allows(size)


def test_ask_at_sizes() -> None:
    made = graph("model M : [N, 1, T, H, W] where H >= 11, W % 3 == 1 { relu }")
    assert notation.ask_at_sizes(made) == (
        "MACs, memory and receptive field depend on T, H and W: add --at T=224 --at H=224 --at W=226, "
        "or any other sizes with H >= 11, W % 3 == 1"
    )


def test_cut() -> None:
    assert notation.cut("abcdef", 6) == "abcdef"
    assert notation.cut("abcdefg", 6) == "abc..."


def test_columns_are_set_by_the_width_of_their_characters() -> None:
    """Wide characters take two places; behind the last cell stands nothing, and an empty one leaves its place free."""
    file = io.StringIO()
    console = Console(file=file, width=80)
    rows = [
        [Text("层"), Text("7"), Text("yes")],
        [Text("conv"), Text(""), Text("")],
        [Text(""), Text("1,000"), Text("é")],
    ]
    print_columns(console, ("step", "params", "seen"), rows, right=("params",))
    assert file.getvalue() == "step  params  seen\n层         7  yes\nconv\n       1,000  é\n"


def test_a_narrow_screen_cuts_words_and_no_number() -> None:
    file = io.StringIO()
    rows = [[Text("a_long_name_of_a_step"), Text("1,234,567,890")]]
    print_columns(Console(file=file, width=28), ("step", "params"), rows, right=("params",), describing=("step",))
    _, line = file.getvalue().splitlines()
    assert line.endswith("1,234,567,890")
    assert len(line) == 28
    assert "..." in line


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5])
def test_rows_that_are_printed_some_at_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def printed() -> str:
        file = io.StringIO()
        cells = [(f"step{row}", "", "9" * row) for row in range(rows)]
        print_columns(Console(file=file, width=80), ("step", "kind", "params"), cells, right=("params",))
        return file.getvalue()

    whole = printed()
    assert whole.count("\n") == rows + 1
    monkeypatch.setattr(notation, "_BATCH", 2)
    assert printed() == whole
