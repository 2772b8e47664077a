"""The hash of what a network means: the same for every spelling, another for every change of meaning."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from specc.elaborate import check_file
from specc.ir.digest import digest
from specc.ir.graph import Graph
from specc.source import Source
from specc.syntax import parse
from specc.syntax.format import formatted
from tests.graphs import encoder, residual, siamese

ROOT = Path(__file__).parents[2]
NET = "model M : [N, 4, H, 8] where H % 4 == 0 { a: conv(4, 3, padding=1) -> bn -> relu -> maxpool(2) }"


def graph(text: str) -> Graph:
    return check_file(parse(Source("net.cnn", text)))[0].graph


def test_the_description_is_what_it_says() -> None:
    """Worked out by hand: JSON with sorted keys and no blanks."""
    canonical = (
        '{"format":1,"inputs":[["input",[{"size":"N"},3,{"size":"H"}]]],"name":"M",'
        '"outputs":[["output",[{"size":"N"},3,{"size":"H"}],"x"]],'
        '"steps":[{"attributes":{"negative_slope":0.5},"inputs":["input"],"name":"x","operator":"leakyrelu",'
        '"owner":null,"parameters":[],"type":[{"size":"N"},3,{"size":"H"}]}],'
        '"symbols":[["H",8,null,4,0],["N",1,null,1,0]]}'
    )
    network = graph("model M : [N, 3, H] where H % 4 == 0, H >= 8 { x: leakyrelu(0.5) }")
    assert digest(network) == f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


@pytest.mark.parametrize(
    "other",
    [
        NET.replace(" -> ", "\n"),
        f"# a comment\n{NET}  # and one more",
        NET.replace("maxpool(2)", "maxpool(kernel=2)"),
        NET.replace("conv(4, 3, padding=1)", "conv(padding=1, kernel=3, out_channels=4, stride=1)"),
        f"let c = 4\n{NET.replace('conv(4,', 'conv(c,')}",
        NET.replace("H % 4 == 0", "H % 2 == 0, H % 4 == 0"),
        "default conv(padding = 1)\n" + NET.replace(", padding=1", ""),
    ],
)
def test_spelling_makes_no_difference(other: str) -> None:
    assert digest(graph(other)) == digest(graph(NET))


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.cnn")), ids=lambda path: path.stem)
def test_the_one_style_means_the_same(path: Path) -> None:
    text = path.read_text()
    before = [digest(checked.graph) for checked in check_file(parse(Source(str(path), text)))]
    again = formatted(Source(str(path), text))
    assert [digest(checked.graph) for checked in check_file(parse(Source(str(path), again)))] == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model M", "model L"),
        ("[N,", "[B,"),
        ("[N,", "[2,"),
        ("H, 8]", "H, 10]"),
        ("H % 4", "H % 8"),
        ("== 0", "== 0, H >= 16"),
        ("== 0", "== 0, H <= 1024"),
        ("a: ", "b: "),
        ("conv(4, 3", "conv(4, 5"),
        ("conv(4", "conv(8"),
        ("padding=1", "padding=0"),
        ("padding=1", "padding=1, bias=false"),
        ("padding=1", "padding=1, groups=2"),
        ("padding=1", "padding=1, frozen=true"),
        ("padding=1", 'padding=1, init="zeros"'),
        ("padding=1", 'padding=1, padding_mode="reflect"'),
        ("bn", "bn(eps=1e-4)"),
        ("bn", "bn(momentum=0.2)"),
        ("bn -> relu", "relu -> bn"),
        ("relu", "relu6"),
        ("maxpool(2)", "maxpool(2, ceil_mode=true)"),
        ("maxpool(2)", "avgpool(2)"),
        ("maxpool(2) }", "maxpool(2) -> identity }"),
        ("[N, 4, H, 8] where", "[N, 4, H, 8] -> (y: [N, 4, H/2, 4]) where"),
        ("[N, 4, H, 8] where", "(x: [N, 4, H, 8]) -> [N, 4, H/2, 4] where"),
    ],
)
def test_every_change_of_meaning_makes_one(old: str, new: str) -> None:
    assert old in NET
    assert digest(graph(NET.replace(old, new))) != digest(graph(NET))


def test_what_a_size_is_called_makes_one() -> None:
    assert digest(graph(NET.replace("H", "W"))) != digest(graph(NET))


def test_which_steps_share_their_weights() -> None:
    body = "shared f = fc(4)\n  add { | f | f }"
    apart = body.replace("shared f = fc(4)\n", "").replace("| f | f", "| fc(4) | fc(4)")
    shared, own = (graph(f"model M : [N, 4] {{\n  {text}\n}}") for text in (body, apart))
    assert digest(shared) != digest(own)


@pytest.mark.parametrize("make", [siamese, residual, encoder])
def test_graphs_of_every_kind_have_one(make: type) -> None:
    assert digest(make()) == digest(make())
    assert digest(make()).startswith("sha256:")
    assert len(digest(make())) == 71


def test_it_is_the_same_in_every_process() -> None:
    program = (
        "import specc, sys\nfrom specc.ir.digest import digest\n"
        "print(digest(specc.load(sys.argv[1]).graph), 'numpy' in sys.modules)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program, str(ROOT / "examples" / "birds.cnn")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(seen) == 1
    assert seen.pop().endswith(" False\n")
