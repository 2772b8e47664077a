"""A layer that is an argument of a block is an argument of the class; identity there is no step at all."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

import specc
from specc import ops
from specc.backends.torch import torch_module, torch_source
from specc.backends.torch.python import flat
from specc.backends.torch.step_code import layer
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.ir.op import Op
from specc.source import Source
from specc.syntax import parse
from specc.weights import Randomised
from tests.backends.test_torch import images
from tests.backends.test_torch_blocks import check, class_text
from tests.backends.test_torch_script import any_step, check_scripted
from tests.ops.test_registry import twin

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning")

SPECS = Path(__file__).parent / "specs"


def graph_of(text: str) -> Graph:
    (checked,) = check_file(parse(Source("net.cnn", text)))
    return checked.graph


def classes(source: str) -> list[str]:
    return [line[6:].partition("(")[0] for line in source.splitlines() if line.startswith("class ")]


UNIT = "block unit(c, act) { conv(c, 3, padding=1, bias=false) -> bn -> act }\n"


def test_an_activation_is_an_argument_of_the_class(tmp_path: Path) -> None:
    graph = graph_of(
        UNIT + "model Net : [N, 3, 8, 8] { unit(8, relu) -> unit(8, hardswish) -> unit(4, leakyrelu(0.2)) }"
    )
    source = check(graph, tmp_path, images(2, 3, 8, 8))
    assert classes(source) == ["Unit", "Net"]
    unit = class_text(source, "Unit")
    assert "def __init__(self, in_channels: int, c: int, act: nn.Module) -> None:" in unit
    assert "        self.act = act\n" in unit
    assert "        x = self.act(x)\n" in unit
    assert "self.unit1 = Unit(3, 8, act=nn.ReLU())" in source
    assert "self.unit3 = Unit(8, 4, act=nn.LeakyReLU(negative_slope=0.2))" in source
    assert "functional" not in source
    check_scripted(graph, images(2, 3, 8, 8))


def test_one_activation_everywhere_is_called_where_it_stands(tmp_path: Path) -> None:
    source = check(
        graph_of(UNIT + "model Net : [N, 3, 8, 8] { unit(8, leakyrelu(0.2)) -> unit(4, leakyrelu(0.2)) }"),
        tmp_path,
        images(2, 3, 8, 8),
    )
    assert "        x = F.leaky_relu(x, negative_slope=0.2)\n" in class_text(source, "Unit")
    assert "nn.Module)" not in source.replace("(nn.Module)", "")


def test_identity_is_an_argument_where_other_uses_have_a_layer(tmp_path: Path) -> None:
    graph = graph_of(UNIT + "model Net : [N, 3, 8, 8] { unit(8, relu) -> unit(4, identity) }")
    assert [node.name for node in graph.nodes][3:] == ["unit2.conv1", "unit2.batchnorm1"]
    source = check(graph, tmp_path, images(2, 3, 8, 8))
    assert classes(source) == ["Unit", "Net"]
    assert "self.unit2 = Unit(8, 4, act=nn.Identity())" in source


@pytest.mark.parametrize(
    "body",
    [
        "unit(8, identity) -> unit(4, identity)",
        "for f in [identity, identity] { conv(8, 1) -> f }",
        "let f = identity\n conv(8, 1) -> f -> a: f -> add { | a | f -> conv(8, 1) | f }",
        "for f in [identity, relu] { f } -> conv(3, 1)",
        "unit(8, norm=identity, act=identity)",
        "f: { conv(8, 1) -> deep(identity) -> l: deep(identity) }",
        "repeat 2 { deep(identity) -> conv(8, 1) }",
    ],
)
def test_identity_leaves_nothing(body: str, tmp_path: Path) -> None:
    blocks = UNIT.replace("c, act", "c, act, norm = bn").replace("-> bn", "-> norm")
    blocks += "block deep(f) { add { | inner(f) | f } -> relu }\nblock inner(f) { conv(8, 1) -> f }\n"
    graph = graph_of(f"{blocks}model Net : [N, 8, 8, 8] {{ {body} }}")
    source = check(graph, tmp_path, images(2, 8, 8, 8))
    assert "Identity" not in source
    assert "identity" not in [node.op.kind for node in graph.nodes]
    spec = tmp_path / "net.cnn"
    spec.write_text(f"{blocks}model Net : [N, 8, 8, 8] {{ {body} }}")
    parity = specc.load(spec).to_onnx(tmp_path / "net.onnx")
    assert parity is not None
    assert parity.passed
    assert "Identity" not in [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]


def test_identity_that_is_needed_stays(tmp_path: Path) -> None:
    """Written as a step; and where an output is an input."""
    spec = tmp_path / "net.cnn"
    spec.write_text(
        "block unit(f) { f }\n"
        "model Net : (x: [N, 3, 8, 8]) -> (same: [N, 3, 8, 8], y: [N, 4, 8, 8], z: [N, 4, 8, 8]) {\n"
        "  same: unit(identity) -> y: conv(4, 1) -> z: identity\n}\n"
    )
    model = specc.load(spec)
    assert [node.name for node in model.graph.nodes] == ["y", "z"]
    parity = model.to_onnx(tmp_path / "net.onnx")
    assert parity is not None
    assert parity.passed
    x = images(2, 3, 8, 8)
    same, y, z = model.to_torch()(x)
    assert torch.equal(same, x)
    assert torch.equal(y, z)


def test_a_value_from_before_the_slot_is_still_that_value(tmp_path: Path) -> None:
    """Where the code is another with identity, it is another class, and right."""
    graph = graph_of(
        "block unit(f) { a: conv(8, 1) -> b: f -> add { | a | b } -> conv(8, 1) }\n"
        "model Net : [N, 8, 8, 8] { unit(relu) -> unit(identity) -> unit(tanh) }"
    )
    source = check(graph, tmp_path, images(2, 8, 8, 8))
    assert "act" not in source
    assert len(classes(source)) == 3


def test_rounds_and_stages_hand_it_on(tmp_path: Path) -> None:
    graph = graph_of(
        UNIT + "block stage(c, n, act) { unit(c, act) -> body: repeat n { unit(c, act) } -> act -> unit(c, relu) }\n"
        "model Net : [N, 3, 8, 8] {\n  stage(8, 2, relu) -> stage(4, 2, hardswish) -> stage(4, 2, identity)\n"
        "  for f, c in [(relu, 8), (identity, 16), (softmax, 4)] { conv(c, 1) -> f -> maxpool(2, stride=1) }\n}"
    )
    source = check(graph, tmp_path, images(2, 3, 8, 8))
    assert len([name for name in classes(source) if name.startswith("Stage")]) == 1
    assert '("stage1", Stage(3, 8, act=nn.ReLU())),' in source
    assert '("stage3", Stage(4, 4, act=nn.Identity())),' in source
    assert '("2", ConvFMaxpool(16, 4, f=nn.Softmax(dim=1))),' in source
    check_scripted(graph, images(2, 3, 8, 8))


BODIES = (
    "block a(c) { conv(c, 3, padding=1) -> relu }\n"
    "block b(c) { conv(c, 1) -> bn -> tanh }\n"
    "block wrap(f, c) { add { | _ | body: f(c) } -> relu }\n"
    "block pair(f, c) { wrap(f, c) -> wrap(f, c) -> relu }\n"
    "block many(f, c) { inner: repeat 3 { wrap(f, c) } -> relu }\n"
    "block chosen(f, g, c) { first: f(c) -> second: g(c) -> relu }\n"
)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("wrap(a, 4) -> wrap(b, 4)", ["self.wrap1 = Wrap(body=A())", "self.wrap2 = Wrap(body=B())"]),
        ("pair(a, 4) -> pair(b, 4)", []),
        ("many(a, 4) -> many(b, 4) -> many(a, 4)", []),
        ("for f in [a, b, a] { pair(f, 4) -> wrap(f, 4) -> maxpool(1) }", []),
        ("chosen(a, a, 4) -> chosen(b, b, 4) -> chosen(a, b, 4)", ["Chosen(first=A(), second=B())"]),
        ("deep: { wrap(a, 4) } -> deeper: { wrap(b, 4) -> relu }", []),
        ("repeat 2 { wrap(a, 4) } -> repeat 2 { wrap(b, 4) }", ["*(Wrap(body=B()) for _ in range(2))"]),
    ],
)
def test_a_block_is_an_argument_of_the_class(body: str, wanted: list[str], tmp_path: Path) -> None:
    """Each use has its own: a module that is handed on could come to stand in two places."""
    graph = graph_of(f"{BODIES}model Net : [N, 4, 8, 8] {{ {body} }}")
    source = check(graph, tmp_path, images(2, 4, 8, 8))
    for text in wanted:
        assert text in source, source
    module = torch_module(graph, Randomised(3))
    assert len(list(module.parameters())) == sum(not p.buffer for _, p in graph.state)
    check_scripted(graph, images(2, 4, 8, 8))


@pytest.mark.parametrize("kind", ops.operators(), ids=lambda kind: kind.kind)
def test_the_module_of_a_layer_is_its_function(kind: type[Op]) -> None:
    if kind.arity != (1, 1):
        return
    (node,) = any_step(kind).nodes
    of = layer(node.op.torch(*node.input_types))
    assert (of is not None) == (kind.kind in WITH_A_MODULE)
    if of is not None:
        module = eval(flat(of.module), {"nn": nn})
        assert not list(module.parameters())
        x = images(2, *node.input_types[0].sample)
        torch.testing.assert_close(module(x), twin(node.op, node.input_types)(x), rtol=0, atol=0, equal_nan=True)


WITH_A_MODULE = frozenset(
    """
    relu relu6 leakyrelu elu selu celu gelu silu mish sigmoid tanh softplus softsign hardsigmoid hardswish hardtanh
    logsigmoid softshrink hardshrink tanhshrink threshold glu softmin
    softmax logsoftmax maxpool avgpool lppool adaptiveavgpool adaptivemaxpool globalavgpool globalmaxpool lrn
    """.split()
)


@pytest.mark.parametrize("spec", sorted(SPECS.glob("*.cnn")), ids=lambda path: path.stem)
def test_networks_as_people_write_them(spec: Path, tmp_path: Path) -> None:
    """Held against the lines that a reader looks for, which stand in the spec's own comments."""
    graph = specc.load(spec).graph
    source = torch_source(graph)
    wanted = [line[2:] for line in spec.read_text().splitlines() if line.startswith("#:")]
    assert wanted
    for line in wanted:
        assert line.strip() in source, source
    (port,) = graph.inputs
    x = images(1, *port.type.sample)
    check_scripted(graph, x)
    check(graph, tmp_path, x)
