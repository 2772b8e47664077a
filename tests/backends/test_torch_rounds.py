"""Rounds: how many there are is an argument of the class, and numbered modules are a Sequential or a list."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch

from specc.backends.torch import torch_module, torch_source
from specc.weights import Randomised
from tests.backends.test_torch import ADD, RELU, images
from tests.backends.test_torch_blocks import Net, check, class_text, conv, interpret_shared, listed
from tests.backends.test_torch_script import check_scripted
from tests.backends.test_torch_slots import classes, graph_of

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")

BLOCKS = """
default conv(bias = false)
block unit(c) { conv(c, 3, padding=1) -> bn -> relu }
block res(c) { add { | conv(c, 3, padding=1) -> bn | _ } -> relu }
block down(c) { conv(c, 3, stride=2, padding=1) -> bn -> relu }
block after(c, n) { down(c) -> repeat n - 1 { res(c) } }
block labelled(c, n) { down(c) -> body: repeat n { res(c) } -> relu }
block units(c, n) { repeat n { unit(c) } }
block strided(c, stride, n) { conv(c, 3, stride=stride, padding=1) -> repeat n { res(c) } }
block two(c, n, m) { a: repeat n { res(c) } -> relu -> b: repeat m { res(c) } -> relu }
block last(c, n) { for i in range(n) { if i < n - 1 { res(c) } else { unit(2 * c) } } }
"""


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            "after(8, 3) -> after(16, 4) -> after(32, 2) -> relu",
            [
                "class After(nn.Sequential):",
                '[("down1", Down(in_channels, c)), *((str(i), Res(c)) for i in range(n - 1))]',
                "self.after2 = After(8, 16, n=4)",
            ],
        ),
        (
            "labelled(8, 3) -> labelled(16, 1)",
            ["self.body = nn.Sequential(*(Res(c) for _ in range(n)))", "self.labelled2 = Labelled(8, 16, n=1)"],
        ),
        # The first round takes other channels than the rest, in most of the uses: it stands apart in all of them.
        (
            "for c, n in [(8, 2), (8, 3), (16, 2)] { units(c, n) -> maxpool(2) }",
            [
                "self.units1 = nn.Sequential(",
                "Unit(in_channels, out_channels),",
                "*(Unit(out_channels, out_channels) for _ in range(n - 1)),",
                "UnitsMaxpool(3, 8, n=2), UnitsMaxpool(8, 8, n=3), UnitsMaxpool(8, 16, n=2)",
            ],
        ),
        (
            "conv(4, 1) -> two(4, 1, 3) -> two(4, 2, 1)",
            ["def __init__(self, n: int, m: int) -> None:", "Two(n=1, m=3)", "Two(n=2, m=1)"],
        ),
        (
            "for c, n in [(4, 2), (8, 4)] { conv(c, 1) -> last(c, n) -> relu }",
            ["*(Res(mid_channels) for _ in range(n - 1)), Unit(mid_channels, out_channels)\n"],
        ),
        (
            "l1: units(8, 3) -> l2: units(16, 4) -> l3: units(16, 2) -> relu",
            [
                "self.l1 = nn.Sequential(Unit(3, 8), *(Unit(8, 8) for _ in range(2)))",
                "self.l2 = nn.Sequential(Unit(8, 16), *(Unit(16, 16) for _ in range(3)))",
                "self.l3 = nn.Sequential(*(Unit(16, 16) for _ in range(2)))",
            ],
        ),
        # That a stride happens to be as large means nothing.
        (
            "strided(8, 1, 1) -> strided(16, 2, 2) -> relu",
            ["def __init__(self, in_channels: int, c: int, n: int, stride: int = 1) -> None:", "for i in range(n)"],
        ),
        # Without an argument that says it, the number is of all rounds.
        (
            "for c, n in [(8, 2), (16, 4)] { repeat n { unit(c) } -> maxpool(2) }",
            [
                "class Round(nn.ModuleList):",
                "def __init__(self, in_channels: int, out_channels: int, depth: int) -> None:",
                "*(Unit(out_channels, out_channels) for _ in range(depth - 1)),",
                "        for layer in self:\n            x = layer(x)\n        x = F.max_pool2d(x, 2)\n",
                "super().__init__(Round(3, 8, depth=2), Round(8, 16, depth=4))",
            ],
        ),
    ],
)
def test_the_number_of_rounds_is_an_argument(body: str, wanted: list[str], tmp_path: Path) -> None:
    graph = graph_of(f"{BLOCKS}model Net : [N, 3, 16, 16] {{ {body} }}")
    source = check(graph, tmp_path, images(2, 3, 16, 16))
    for text in wanted:
        assert text in source, source
    assert not [name for name in classes(source) if name[-1].isdigit()], source
    check_scripted(graph, images(2, 3, 16, 16))


KINDS = ("after(c, n)", "labelled(c, n)", "units(c, n)", "two(c, n, 3)", "last(c, n)", "units(c, n) -> relu")


@pytest.mark.parametrize(("kind", "channels"), list(product(KINDS, ("c", "8"))))
def test_any_numbers_of_rounds(kind: str, channels: str) -> None:
    """What is left of one round, or none, in some uses and not in others."""
    stages = "(8, 1), (8, 3), (4, 2), (4, 4), (4, 1), (8, 2)"
    inside = f"conv({channels}, 1) -> {kind.replace('c,', f'{channels},')}"
    graph = graph_of(f"{BLOCKS}model Net : [N, 4, 8, 8] {{ for c, n in [{stages}] {{ {inside} }}\nrelu }}")
    module, x = torch_module(graph, Randomised(3)).eval(), images(2, 4, 8, 8)
    with torch.no_grad():
        for a, b in zip(listed(module(x)), interpret_shared(graph, module.state_dict(), x), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
    check_scripted(graph, x)


UNIT = (
    "block unit(c, s) {\n  add { | conv(c, 3, stride=s, padding=1) -> bn"
    " | if s != 1 or in.channels != c { conv(c, 1, stride=s) } }\n  relu\n}\n"
)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("for c, s in [(4, 1), (8, 2), (16, 2)] { unit(c, s) -> unit(c, 1) }", ["UnitUnit", "UnitUnit2"]),
        ("either(4, true) -> either(4, false)", ["Either", "Either2"]),
        ("wrap(unit, 4, 1) -> wrap(unit, 8, 2) -> wrap(unit, 16, 2)", ["Wrap", "Wrap2"]),
    ],
)
def test_a_difference_in_structure_is_no_argument(body: str, names: list[str], tmp_path: Path) -> None:
    """Nor that of one block that was given each time."""
    wrap = "block wrap(f, c, s) { inner: f(c, s) -> maxpool(1) }\n"
    wrap += "block other(c) { conv(c, 1) -> relu }\n"
    wrap += "block either(c, is_unit) { if is_unit { inner: unit(c, 1) } else { inner: other(c) }\nmaxpool(1) }\n"
    source = check(graph_of(f"{UNIT}{wrap}model Net : [N, 4, 8, 8] {{ {body} }}"), tmp_path, images(2, 4, 8, 8))
    assert ": nn.Module" not in source
    assert [name for name in sorted(classes(source)) if name.startswith(names[0])] == names


def test_a_network_of_rounds_is_a_sequential(tmp_path: Path) -> None:
    graph = graph_of("model Net : [N, 3, 8, 8] { repeat 4 { add { | conv(3, 3, padding=1) -> relu | _ } } }")
    source = check(graph, tmp_path, images(2, 3, 8, 8))
    assert source.endswith(
        "class Net(nn.Sequential):\n"
        '    """Net: [N, 3, 8, 8] -> [N, 3, 8, 8], 336 parameters."""\n\n'
        "    def __init__(self) -> None:\n"
        "        super().__init__(*(ConvReluAdd() for _ in range(4)))\n"
    )
    check_scripted(graph, images(2, 3, 8, 8))


def test_a_network_of_rounds_between_layers_is_a_sequential(tmp_path: Path) -> None:
    body = "conv(4, 1)\n repeat 5 { add { | conv(4, 3, padding=1) -> relu | _ } }\n conv(2, 1)"
    graph = graph_of(f"model Net : [N, 3, 8, 8] {{ {body} }}")
    source = check(graph, tmp_path, images(2, 3, 8, 8))
    assert "class Net(nn.Sequential):" in source
    assert "                    *((str(i), ConvReluAdd()) for i in range(5)),\n" in source
    check_scripted(graph, images(2, 3, 8, 8))


def test_layers_alone_have_a_forward(tmp_path: Path) -> None:
    source = check(graph_of("model Net : [N, 3, 8, 8] { conv(4, 1) -> bn }"), tmp_path, images(2, 3, 8, 8))
    assert "class Net(nn.Module):" in source
    assert "x = self.batchnorm1(x)  # [N, 4, 8, 8]" in source


def test_nothing_is_imported_for_a_sequential_alone(tmp_path: Path) -> None:
    x = images(2, 4, 8, 8)
    source = check(graph_of("model Net : [N, 4, 8, 8] { repeat 2 { conv(4, 1) -> bn } }"), tmp_path, x)
    assert "import torch\n" in source  # the rounds have a forward
    source = check(graph_of("model Net : [N, 4, 8, 8] { 0: conv(4, 1) -> 1: bn }"), tmp_path, x)
    assert "import torch\n" not in source


def test_groups_of_numbers_are_lists(tmp_path: Path) -> None:
    graph = graph_of(
        "model Net : [N, 6, 8, 8] {\n"
        "  convs: { 0: conv(6, 3, padding=1) } -> bns: { 0: bn } -> relu\n"
        "  convs: { 1: conv(6, 3, padding=1) } -> bns: { 1: bn } -> relu\n"
        "  odd: { 1: conv(6, 1) } -> relu\n  odd: { 3: conv(6, 1) } -> relu\n"
        "  mixed: { 0: conv(6, 1) } -> relu\n  mixed: { tail: conv(6, 1) } -> relu\n"
        "  own: { 0: scale } -> relu\n  own: { 1: conv(6, 1) } -> relu\n}"
    )
    source = check(graph, tmp_path, images(2, 6, 8, 8))
    assert "self.convs = nn.ModuleList([nn.Conv2d(6, 6, 3, padding=1) for _ in range(2)])" in source
    assert "self.bns = nn.ModuleList([nn.BatchNorm2d(6) for _ in range(2)])" in source
    assert "x = self.bns[1](x)  # [N, 6, 8, 8]" in source
    for label in ("odd", "mixed", "own"):
        assert f"self.{label} = nn.Module()" in source
    check_scripted(graph, images(2, 6, 8, 8))


def test_lists_of_different_layers_and_their_starts(tmp_path: Path) -> None:
    graph = graph_of(
        "block u(c) { add { | conv(c, 1) | _ } }\nmodel Net : [N, 4, 8, 8] {\n"
        '  parts: { 0: conv(4, 1, init="xavier_normal") } -> relu\n  parts: { 1: u(4) } -> relu\n'
        "  parts: { 2: u(4) } -> relu\n  parts: { 3: conv(4, 3, padding=1, frozen=true) } -> relu\n}"
    )
    source = check(graph, tmp_path, images(2, 4, 8, 8))
    assert "[nn.Conv2d(4, 4, 1), *(U() for _ in range(2)), nn.Conv2d(4, 4, 3, padding=1)]\n" in source
    assert "        nn.init.xavier_normal_(self.parts[0].weight)\n" in source
    assert "        self.parts[3].requires_grad_(False)\n" in source
    check_scripted(graph, images(2, 4, 8, 8))


@pytest.mark.parametrize(("last", "items"), [("5", '("5", U()),'), ("1", "*((str(i), U()) for i in range(2)),")])
def test_numbers_that_do_not_follow_stay(last: str, items: str, tmp_path: Path) -> None:
    net = Net(input=(4, 8, 8))
    with net.group("features"):
        net.step("stem", conv(4))
        for label in ("0", last):
            start = net.current
            with net.block(label, "u"):
                net.step("conv1", conv(4))
                net.step("add1", ADD, start, net.current)
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert items in source.replace("],", "").replace("]", ","), source
    check_scripted(net.graph(), images(2, 4, 8, 8))


@pytest.mark.parametrize("label", ["append", "layer", "self"])
def test_a_list_with_a_forward_of_its_own(label: str, tmp_path: Path) -> None:
    """Rounds that take a value besides, which has any name."""
    body = f"{label}: conv(4, 1)\nrepeat 3 {{ add {{ | conv(4, 3, padding=1) | {label} }} }}"
    graph = graph_of(
        f"model Net : [N, 4, 8, 8] {{\n l: {{ {body}\n relu }}\n k: {{ repeat 2 {{ conv(4, 1) }}\n relu }} }}"
    )
    check(graph, tmp_path, images(2, 4, 8, 8))
    if label != "self":
        check_scripted(graph, images(2, 4, 8, 8))
    inner = f"{label}: relu\n repeat 3 {{ add {{ | conv(4, 3, padding=1) | {label} }} }}\n relu"
    graph = graph_of(f"model Net : [N, 4, 8, 8] {{ conv(4, 1)\n l: {{ {inner} }} }}")
    source = check(graph, tmp_path, images(2, 4, 8, 8))
    assert "class L(nn.ModuleList):" in source
    assert "x = self[2](x, " in source
    check_scripted(graph, images(2, 4, 8, 8))


def test_a_round_whose_value_is_used_again(tmp_path: Path) -> None:
    """The rounds are no loop then."""
    net = Net(input=(4, 8, 8))
    net.step("conv1", conv(4))
    with net.group("l"):
        for number in range(3):
            with net.round(number):
                net.step("conv1", conv(4))
                net.step("relu1", RELU)
        net.step("add1", ADD, "l.0.relu1", net.current)
    source = check(net.graph(), tmp_path, images(2, 4, 8, 8))
    assert "class L(nn.ModuleList):" in source
    assert "self[2](" in source
    check_scripted(net.graph(), images(2, 4, 8, 8))


def test_an_argument_called_as_a_method_of_lists(tmp_path: Path) -> None:
    graph = graph_of(
        "block stage(pop) { repeat 2 { add { | conv(4, 1) | _ } } -> leakyrelu(pop) }\n"
        "model Net : [N, 4, 8, 8] { conv(4, 1) -> stage(0.1) -> stage(0.2) }"
    )
    source = check(graph, tmp_path, images(2, 4, 8, 8))
    assert "self.pop_ = pop" in class_text(source, "Stage")
    check_scripted(graph, images(2, 4, 8, 8))


def test_a_layer_that_is_an_argument_is_no_item_of_a_list(tmp_path: Path) -> None:
    graph = graph_of(
        "block stage(n, act) { repeat n { add { | conv(4, 1) | _ } } -> act }\n"
        "model Net : [N, 4, 8, 8] { stage(2, relu) -> stage(2, tanh) }"
    )
    source = check(graph, tmp_path, images(2, 4, 8, 8))
    assert "ModuleList" not in class_text(source, "Stage")
    assert "self.act = act" in source
    check_scripted(graph, images(2, 4, 8, 8))


def test_what_else_rounds_are_given_stays_what_it_is(tmp_path: Path) -> None:
    blocks = "block unit(b) { conv(4, 1, bias=b) -> relu }\nblock units(b, n) { repeat n { unit(b) } }\n"
    graph = graph_of(f"{blocks}model Net : [N, 4, 8, 8] {{ units(false, 2) -> relu -> units(true, 3) }}")
    source = check(graph, tmp_path, images(2, 4, 8, 8))
    assert "self.units1 = nn.Sequential(*(Unit(b=False) for _ in range(2)))" in source
    assert "self.units2 = nn.Sequential(*(Unit() for _ in range(3)))" in source


def test_the_source_does_not_grow_with_the_rounds() -> None:
    sources = [
        torch_source(graph_of(f"{BLOCKS}model Net : [N, 3, 8, 8] {{ labelled(4, {n}) -> labelled(8, {n + 1}) }}"))
        for n in (2, 20)
    ]
    assert sources[0].count("\n") == sources[1].count("\n")
