"""Values of a block's inside, outputs and inputs of blocks: which step is meant, and who reads what."""

from __future__ import annotations

import pytest

from specc.diagnostics import Code, SpecError
from specc.elaborate import check_file
from specc.ir.graph import Graph, Region
from specc.lint import lint
from specc.source import Source
from specc.syntax import parse


def graph(text: str) -> Graph:
    (checked,) = check_file(parse(Source("net.cnn", text)))
    return checked.graph


BODY = """
block body(c) -> (low, high) {
  low: conv(c, 3, padding=1) -> relu
  high: conv(2 * c, 3, padding=1) -> bn
}
"""


@pytest.mark.parametrize(
    ("steps", "value", "name"),
    [
        ("b: body(4)", "b.low", "b.low"),
        ("b: body(4)", "b.high", "b.batchnorm1"),  # the last value is that of the output whose label is before it
        ("b: body(4)", "b", "b.batchnorm1"),
        ("b: body(4)\n let x = b.low", "x", "b.low"),
        ("let inner = 4\n g: { inner2: body(inner) -> relu }", "g.inner2.low", "g.inner2.low"),
        ('g: { "a-b": conv(4, 1) -> relu }', 'g["a-b"]', "g.a-b"),
        ("g: { 0: conv(4, 1) -> 1: bn }", "g[0]", "g.0"),
        ("g: { relu: conv(4, 1) -> sigmoid }", "g.relu", "g.relu"),  # behind a point, a layer's name is a label
        ("g: { in: conv(4, 1) -> sigmoid }", 'g["in"]', "g.in"),
        ("r: repeat 3 { conv(4, 1) }", "r[0]", "r.0"),
        ("r: repeat 3 { conv(4, 1) }", "r[-1]", "r.2"),
        ("r: repeat 3 { conv(4, 1) -> relu }", "r[1]", "r.1.relu1"),
        ("r: repeat 3 { a: conv(4, 1) -> relu }", "r[2 - 1].a", "r.1.a"),
        ("r: for i in range(2) { repeat 2 { a: conv(4, 1) -> relu } }", "r[1][0].a", "r.1.0.a"),
        ("r: for i in range(2) { if i == 0 { a: conv(4, 1) -> relu } else { sigmoid } }", "r[0].a", "r.0.a"),
        ("s: conv(3, 1) -> r: for i in range(2) { if i == 5 { relu } }", "r[1]", "s"),  # the value passes
        ('d: for i in range(2) { "l{i + 1}": conv(4, 1) }', "d.l1", "d.l1"),
        ("shared t = body(4)\n x: t -> relu", "x.low", "x.low"),
        ("g: { a: conv(3, 1) }\n relu\n g: { b: conv(3, 1) }", "g.a", "g.a"),  # a group that goes on
        ("g: { 0: conv(3, 1) }\n relu\n g: { 1: conv(3, 1) }", "g[0]", "g.0"),
        ('g: { "a-b": conv(3, 1) }\n relu\n g: { b: conv(3, 1) }', 'g["a-b"]', "g.a-b"),
        ("g: { depth: conv(3, 1) }", "g.depth", "g.depth"),  # an image has no depth
        ("add { | a: body(3) | b: conv(6, 1) }", "a.low", "a.low"),
        ("if true { a: body(3) }", "a.low", "a.low"),
        (
            "g: { conv(4, 1) -> body(4) }",
            "g.low",
            "g.body1.low",
        ),  # nothing in the group has a label: it is seen through
        ("b: body(4)\n let xs = [b.high, b.low]", "xs[1]", "b.low"),
        ("g: { x: body(4) }", "g.x.low", "g.x.low"),
        ("r: repeat 2 { relu -> body(4) }", "r[1].low", "r.1.body1.low"),
    ],
)
def test_which_value_is_meant(steps: str, value: str, name: str) -> None:
    text = f"{BODY}model M : [N, 3, 8, 8] -> (all, out) {{\n {steps}\n all: conv(1, 1)\n {value} -> out: conv(1, 1)\n}}"
    assert graph(text).node("out").inputs == (name,)
    # The same handed over as an argument.
    text = f"block take(x) {{ x -> conv(1, 1) }}\n{text.replace(f'{value} ->', f'take({value}) ->')}"
    assert graph(text).node("take1.conv1").inputs == (name,)


def test_sizes_come_before_labels_of_the_same_name() -> None:
    """As in every spec that was written before: `g.height` is 8 here."""
    network = graph("model M : [N, 3, 8, 8] { g: { height: conv(4, 1) -> maxpool(2) } -> conv(g.height, 1) }")
    assert network.nodes[-1].type.sample == (4, 4, 4)


@pytest.mark.parametrize(("outputs", "last"), [("one, two", "two"), ("two, one", "one")])
def test_the_value_of_a_block_is_the_last_output_that_it_names(outputs: str, last: str) -> None:
    model = "model M : [N, 3] -> (x, y) { t: b -> x: fc(1)\n t.two -> y: fc(1) }"
    assert graph(f"block b -> ({outputs}) {{ one: fc(4) -> two: fc(5) }}\n{model}").node("x").inputs == (f"t.{last}",)


def test_what_a_block_states_is_in_the_tree_of_blocks() -> None:
    network = graph(f"{BODY}model M : [N, 3, 8, 8] -> (x, y) {{ b: body(2)\n b.low -> x: relu6\n b -> y: relu6 }}")
    (block, *_) = network.members
    assert isinstance(block, Region)
    assert block.outputs == (("low", "b.low"), ("high", "b.batchnorm1"))
    assert block.output == "b.batchnorm1"


def test_the_inputs_of_a_block_are_its_values_by_name() -> None:
    network = graph("""
        block fuse(c) : (a: [N, k, H, W], b: [N, m, H, W]) {
          b -> conv(k + m, 1) -> x: relu
          concat { | a | x } -> conv(c, 1)
        }
        model M : [N, 3, 8, 8] { stem: conv(5, 1) -> fuse(7) { | _ | in } }
    """)
    block = network.members[1]
    assert isinstance(block, Region)
    assert (block.input, block.values) == (None, (("a", "stem"), ("b", "input")))
    assert [node.inputs for node in block.nodes if node.op.kind == "conv"] == [("input",), ("fuse1.concat1",)]
    assert network.node("fuse1.conv1").type.sample == (8, 8, 8)


def test_a_loop_carries_all_that_a_block_gives() -> None:
    network = graph("""
        block step : (a, b) -> (x, y) { add { | a | b } -> x: relu
          sub { | a | b } -> y: relu }
        model M : [N, 3] -> (p, q) {
          step { | _ | in }
          repeat 2 { step { | _.x | _.y } }
          let last = _
          last.x -> p: relu6
          last -> q: relu6
        }
    """)
    assert [network.node(name).inputs for name in ("0.add1", "0.sub1")] == [("step1.x", "step1.y")] * 2
    assert [network.node(name).inputs for name in ("1.add1", "1.sub1")] == [("0.x", "0.y")] * 2
    assert (network.node("p").inputs, network.node("q").inputs) == (("1.x",), ("1.y",))


def test_lists_of_values_are_handed_over_and_gone_through() -> None:
    network = graph(f"""{BODY}
        block neck(xs, c) {{ lateral: for x in xs {{ x -> conv(c, 1) }} -> add {{ | _ | lateral[0] }} }}
        model M : [N, 3, 8, 8] {{ b: body(2) -> neck([b.low, b], 5) }}
    """)
    assert [network.node(f"neck1.lateral.{i}.conv1").inputs for i in range(2)] == [("b.low",), ("b.batchnorm1",)]
    block = network.members[1]
    assert isinstance(block, Region)
    assert block.arguments == (("c", 5),)
    assert block.values == (("xs0", "b.low"), ("xs1", "b.batchnorm1"))


def test_one_value_may_go_into_a_block_twice() -> None:
    network = graph("block fuse : (a, b) { add { | a | b } }\nmodel M : [N, 3] { fc(4) -> fuse { | _ | _ } }")
    assert network.nodes[-1].inputs == ("fc1", "fc1")


def test_what_an_argument_has_inside_goes_with_it() -> None:
    network = graph(f"""{BODY}
        block neck(features) {{ concat {{ | features.low | features.high }} }}
        model M : [N, 3, 8, 8] {{ b: body(2) -> neck(b) -> conv(1, 1) }}
    """)
    assert network.nodes[-2].inputs == ("b.low", "b.batchnorm1")


def test_an_output_that_leads_nowhere_is_refused_where_the_block_is_called() -> None:
    body = BODY.replace("(low", "(aux, low").replace("low:", "aux: conv(1, 1)\n in -> low:")
    model = "model M : [N, 3, 8, 8] -> (x, y) { b: body(2)\n d: body(3)\n b.aux -> x: relu6\n d.high -> y: relu6 }"
    text = f"{body}{model}"
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source("net.cnn", text)))
    (finding,) = caught.value.diagnostics
    assert (finding.code, finding.primary.span.text) == (Code.UNUSED, "body(3)")
    assert [label.span.text for label in finding.secondary] == ["aux"]


def test_an_output_on_the_way_to_another_need_not_be_read() -> None:
    graph(f"{BODY}model M : [N, 3, 8, 8] {{ body(2) }}")


def test_a_let_that_names_an_output_is_used() -> None:
    text = "block b -> (one, two) { fc(4) -> relu\n let one = _\n two: fc(5) }\n"
    file = parse(Source("net.cnn", f"{text}model M : [N, 3] -> (x, y) {{ t: b -> x: fc(1)\n t.one -> y: fc(1) }}"))
    assert lint(file, check_file(file)) == []


def test_growth_by_blocks_of_several_inputs_is_refused_before_it_happens() -> None:
    levels = "\n".join(
        f"block b{i} : (x, y) {{ b{i + 1} {{ | x | y }} -> b{i + 1} {{ | _ | y }} -> b{i + 1} {{ | _ | y }} }}"
        for i in range(20)
    )
    text = f"{levels}\nblock b20 : (x, y) {{ add {{ | x | y }} }}\nmodel M : [N, 3] {{ b0 {{ | _ | _ }} }}"
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source("net.cnn", text)))
    assert [finding.code for finding in caught.value.diagnostics] == [Code.LIMIT]


def test_a_block_of_several_inputs_cannot_contain_itself() -> None:
    text = "block b : (x, y) { b { | x | y } }\nmodel M : [N, 3] { b { | _ | _ } }"
    with pytest.raises(SpecError) as caught:
        check_file(parse(Source("net.cnn", text)))
    assert [finding.code for finding in caught.value.diagnostics] == [Code.RECURSION]
