"""Labels that checkpoints have: words of the language, names of layers, texts. What they name, and what they hide."""

from __future__ import annotations

import runpy
from pathlib import Path

import onnx
import pytest
import torch
from click.testing import CliRunner

import specc
from specc.api import Model
from specc.cli.commands import cli
from specc.diagnostics import Code, Diagnostic, SpecError
from specc.elaborate import check_file
from specc.lint.definitions import unused_definitions
from specc.lint.lints import Network
from specc.source import Source
from specc.syntax import parse
from specc.syntax.format import formatted
from specc.syntax.tokens import keywords
from specc.syntax.yaml import language_text
from specc.syntax.yaml.writer import to_yaml

torch.set_num_threads(1)
ODD = ("block1-0", "01", "1e5", "3x3_reduce", "=x", "a|b`c'<d>&#é", "²", "ﬁ", "else", "[1]", "a,b", "--x", "~", "-")
"""Labels that need quotes, each of which some reader or writer could take for something else."""
HELPERS = "block head(c = 3) { conv(c, 1) }\nblock unit(c) { conv(c, 1) }\nblock two(make, x) { add { | make | x } }\n"


def network(body: str, result: str = "", name: str = "t.cnn", before: str = "") -> Model:
    source = Source(name, f"{before}model M : [N, 3, 8, 8]{result} {{\n{body}\n}}\n")
    (checked,) = check_file(parse(source))
    return Model(checked)


def names(body: str, result: str = "", before: str = "") -> list[str]:
    return [node.name for node in network(body, result, before=before).graph.nodes]


def state(body: str) -> list[str]:
    """The state dict of the module that PyTorch runs."""
    return list(network(body).to_torch().state_dict())


def refused(body: str, before: str = HELPERS) -> list[str]:
    with pytest.raises(SpecError) as error:
        network(body, before=before)
    assert {finding.code for finding in error.value.diagnostics} <= {Code.BAD_LABEL, Code.DUPLICATE_LABEL}
    return [finding.message for finding in error.value.diagnostics]


def output(*arguments: str) -> str:
    """What a command prints."""
    return str(CliRunner().invoke(cli, arguments, catch_exceptions=False).output)


# ---- what can be a label ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", sorted((keywords() - {"else"}) | {"true", "false", "none", "null", "conv", "linear", "fc"})
)
def test_a_word_is_a_label_before_a_colon(word: str) -> None:
    assert state(f"{word}: conv(3, 1, bias=false)") == [f"{word}.weight"]
    assert state(f"a: {{ {word}: {{ {word} : conv(3, 1, bias=false) }}\n relu }}") == [f"a.{word}.{word}.weight"]
    text = f"model M : [N, 3, 8, 8] {{ {word}: conv(3, 1) }}\n"
    assert formatted(Source("t.cnn", text.replace(f"{word}:", f'"{word}":'))) == text


@pytest.mark.parametrize("label", ODD)
def test_a_text_is_a_label(label: str) -> None:
    assert state(f'"{label}": conv(3, 1, bias=false)') == [f"{label}.weight"]
    text = f'model M : [N, 3, 8, 8] {{ "{label}": conv(3, 1) }}\n'
    assert formatted(Source("t.cnn", text)) == text


def test_a_whole_number_in_quotes_is_that_number() -> None:
    assert formatted(Source("t.cnn", 'model M : [N, 3] { "0": relu }\n')) == "model M : [N, 3] { 0: relu }\n"
    assert refused('0: relu -> "0": relu') == ["two things are called 0"]


@pytest.mark.parametrize(
    "label", ["a.b", "a/b", "a:b", "a b", "", "_", "training", 'a\\"b', "a\\\\b", "a\\tb", "\u00a0"]
)
def test_what_is_no_label(label: str) -> None:
    (message,) = refused(f'"{label}": conv(3, 1)')
    assert message.split()[0].strip("`") in label or "at least one" in message or "cannot stand in a label" in message


@pytest.mark.parametrize("number", ["01", "1_0", "1k", "1e3"])
def test_a_number_that_is_not_plain_is_a_label_in_quotes_only(number: str) -> None:
    assert refused(f"{number}: relu") == [f"a label is a name or a plain whole number, and {number} is none"]
    assert names(f'"{number}": relu') == [number]
    text = f"model M : [N, 3] {{ {number}: relu }}\n"
    assert formatted(Source("t.cnn", text)) == text


def test_else_is_a_label_in_quotes_only() -> None:
    """Without them it would read as the end of an `if`."""
    assert names('if in.rank > 9 { relu }\n"else": relu') == ["else"]
    with pytest.raises(SpecError, match="else"):
        network("if in.rank > 9 { relu }\nelse: { relu }")


def test_where_is_a_label_on_its_own_line() -> None:
    assert names("relu\nwhere: conv(3, 1)\n\n# comment\n  where2: relu") == ["relu1", "where", "where2"]


@pytest.mark.parametrize(
    "label", [*sorted(keywords()), "true", "0", "7", *ODD, "null", "no", "on", "y", "1_0", "0x1f", "1e3x"]
)
def test_yaml_has_the_same_labels(label: str) -> None:
    source = Source("t.cnn", f'model M : [N, 3, 8, 8] {{ "{label}": conv(3, 1) }}\n')
    in_yaml = Source("t.yaml", to_yaml(source))
    (model,) = parse(in_yaml).models
    (step,) = model.body.statements
    assert step.label is not None
    assert step.label.name == label
    (checked,) = check_file(parse(in_yaml))
    assert [node.name for node in checked.graph.nodes] == [label]


# ---- what a label means as a word ---------------------------------------------------------------------


def test_a_label_named_as_a_layer_names_weights_only() -> None:
    assert state("conv: { 0: conv(3, 1, bias=false) } -> conv(4, 1, bias=false)") == ["conv.0.weight", "conv1.weight"]
    assert names("bn: bn -> bn") == ["bn", "batchnorm2"]
    assert names("relu: prelu -> relu()") == ["relu", "relu1"]


def test_a_module_named_as_its_layer_keeps_its_name() -> None:
    """milesial's `self.conv = DoubleConv(…)`, and the `self.linear = nn.Linear(…)` that everybody writes."""
    before = "block double(c) { double_conv: { 0: conv(c, 3, padding=1) -> 1: bn -> relu } }\n"
    model = network("conv: double(4) -> flatten -> linear: fc(6)", before=before)
    held = ("conv.double_conv.0", "conv.double_conv.1", "linear")
    assert list(dict.fromkeys(path.rpartition(".")[0] for path, _ in model.graph.state)) == list(held)


def test_a_label_named_as_a_block_keeps_the_block() -> None:
    assert names("unit: unit(4) -> unit(5) -> unit(6)", before=HELPERS) == [
        "unit.conv1", "unit2.conv1", "unit3.conv1",
    ]  # fmt: skip


def test_a_block_that_needs_arguments_cannot_be_meant_by_the_word_alone() -> None:
    """So it is the value there, in a step and in an expression."""
    body = "unit: unit(3) -> conv(3, 1) -> add { | _ | unit } -> two(relu(), unit) -> [N, unit.channels, 8, 8]"
    assert names(body, before=HELPERS)[:2] == ["unit.conv1", "conv1"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("relu: prelu -> conv(3, 1) -> relu", "relu"),
        ("relu: prelu -> { conv(3, 1) -> relu }", "relu"),
        ("bn: conv(3, 1) -> two(bn, in)", "bn"),
        ("head: head -> head", "head"),
        ("head: conv(3, 1) -> two(relu, head)", "head"),
        ("shared tower = conv(3, 1)\n tower -> a: { tower: relu -> tower }", "tower"),
    ],
)
def test_a_word_of_two_meanings_is_refused(body: str, word: str) -> None:
    assert refused(body) == [f"{word} can be called, and it is a label: the word alone does not say which is meant"]


def test_a_label_of_one_block_means_nothing_in_another() -> None:
    before = "block a { relu: prelu }\nblock b { relu }\n"
    assert names("a -> b", before=before) == ["a1.relu", "b1.relu1"]


def test_in_stays_the_input_where_a_label_is_called_so() -> None:
    unit = "block unit { in: conv(3, 1)\n add { | _ | in } }\n"
    model = network("unit -> unit -> in: relu -> add { | _ | in }", before=unit)
    assert [node.inputs for node in model.graph.nodes if node.op.kind == "add"] == [
        ("unit1.in", "input"), ("unit2.in", "unit1.add1"), ("in", "input"),
    ]  # fmt: skip


def test_an_output_may_be_called_as_a_layer() -> None:
    assert names("globalavgpool -> flatten -> linear: fc(5)", " -> (linear: [N, 5])")[-1] == "linear"


def test_what_a_spec_defines_hides_the_layer_of_its_name() -> None:
    nodes = network("flatten -> fc(3)\nshared conv = fc(3)\nconv").graph.nodes
    assert [node.op.kind for node in nodes] == ["flatten", "fc", "fc"]
    assert names("let conv = 3\nconv(conv, 1)") == ["conv1"]


# ---- through everything -------------------------------------------------------------------------------

EVERY_FORM = """block unit(c) {
  in: conv(c, 3, padding=1) -> "else": bn -> not: relu
  add { | _ | in -> model: conv(c, 1) -> where: bn }
  relu: prelu
}

model M : [N, 3, H, W] -> (linear: [N, 5]) {
  and: unit(4)
  stage: for i in range(2) { "layer{i + 1}": unit(4) -> "norm-{i}": bn }
  convs: { 0: conv(4, 1) } -> bns: { 0: bn } -> convs: { 1: conv(4, 1) } -> bns: { 1: bn }
  assert: conv(4, 1) -> block: { 0: conv(4, 3, padding=1) -> "01": bn -> if: relu }
  default: unit(4) -> for: { from: conv(4, 1) -> import: { let: conv(4, 1, bias=false) } }
  repeat: repeat 2 { "block1-0": conv(4, 1) -> "block1-1": conv(4, 1) }
  conv: unit(4) -> bn: groupnorm(2) -> "gamma-1": scale -> true: conv(4, 1)
  "a|b`c'<d>&#é": conv(4, 1) -> "²": conv(4, 1) -> "ﬁ": conv(4, 1) -> forward: conv(4, 1)
  globalavgpool -> flatten
  linear: fc(5)
}
"""
"""Every form of label, with symbolic sizes."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "every.cnn"
    path.write_text(EVERY_FORM, encoding="utf-8")
    return path


def test_the_compiled_module_has_the_graphs_names(spec: Path) -> None:
    model = specc.load(spec)
    module = runpy.run_path(str(_written(model, spec.with_suffix(".py"))))["M"]()
    assert list(module.state_dict()) == [path for path, _ in model.graph.state]
    x = torch.zeros(2, 3, 6, 7)
    module.load_state_dict(model.to_torch().state_dict())
    assert torch.equal(module.eval()(x), model.to_torch().eval()(x))


def _written(model: specc.Model, path: Path) -> Path:
    path.write_text(model.torch_source(), encoding="utf-8")
    return path


@pytest.mark.parametrize("functions", [False, True])
def test_the_onnx_file_is_proven(spec: Path, functions: bool) -> None:
    out = spec.with_suffix(".onnx")
    assert specc.load(spec).to_onnx(out, functions=functions)
    graph = onnx.load(out).graph
    assert {"block.01.weight", "ﬁ.weight", "gamma-1/factor"} < {tensor.name for tensor in graph.initializer}


def test_both_forms_say_the_same(spec: Path) -> None:
    source = Source("every.cnn", EVERY_FORM)
    in_yaml = Source("every.yaml", to_yaml(source))
    back = formatted(Source("every.cnn", language_text(in_yaml)))
    assert back == formatted(source)
    assert to_yaml(Source("every.cnn", back)) == in_yaml.text


def test_every_command_takes_every_label(spec: Path) -> None:
    shown = output("show", str(spec))
    changed = spec.with_name("changed.cnn")
    changed.write_text(EVERY_FORM.replace("from: conv(4, 1)", "from: conv(4, 1, bias=false)"), encoding="utf-8")
    diff = output("diff", str(spec), str(changed))
    for node in specc.load(spec).graph.nodes:
        assert f"\n{node.name} " in shown
        assert output("explain", f"{spec}:{node.name}").startswith(f"{node.name}: ")
    assert "for.from.bias" in diff
    assert output("fmt", "--check", str(spec)) == "1 file would be left unchanged\n"
    assert "#: [N, 4, H, W]" in output("fmt", "--annotate", "--diff", str(spec))
    assert "linear" in output("show", "--depth", "1", str(spec))


# ---- groups that go on --------------------------------------------------------------------------------

SPLIT = """
block bottle(w) {
  conv1: conv(3 * w, 1) -> r: relu
  concat {
    | slice(0, w) -> convs: { 0: conv(w, 3, padding=1) } -> bns: { 0: bn } -> relu
    | slice(w, 2 * w) -> convs: { 1: conv(w, 3, padding=1) -> relu } -> bns: { 1: bn } -> relu
    | slice(2 * w, 3 * w)
  }
  convs: { 2: conv(in.channels, 1) }
}

model M : [N, 3, H, W] {
  shared tower = a: { b: { 0: conv(3, 1) } } -> relu -> a: { b: { 1: conv(3, 1) } }
  layer1: repeat 2 { bottle(4) }
  tower -> tower
  a: { b: { 0: conv(4, 1) } } -> relu -> a: { b: { 1: conv(4, 1) } -> c: conv(3, 1) }
}
"""


def test_a_group_may_go_on() -> None:
    """Its steps are counted, and its rounds numbered, through all its parts."""
    body = (
        "a: { repeat 1 { conv(4, 1) } } -> b: relu -> a: { conv(3, 1) -> repeat 2 { conv(3, 1) } }\na: { conv(3, 1) }"
    )
    assert names(body) == ["a.0", "b", "a.conv2", "a.1", "a.2", "a.conv5"]
    assert names("a: { conv1: conv(3, 1) }\na: { conv(3, 1) }") == ["a.conv1", "a.conv2"]


def test_what_is_called_alike_in_two_parts_is_refused() -> None:
    assert refused("a: { 0: relu }\na: { 0: conv(3, 1) }") == ["two things are called 0"]
    assert refused("a: { b: { x: relu } }\na: { b: { x: relu } }") == ["two things are called x"]
    assert refused("a: { conv2: conv(3, 1) }\na: { conv(3, 1) }") == [
        "the label conv2 is also the name of an unlabelled conv"
    ]
    assert refused("a: { relu }\na: relu") == ["two things are called a"]
    assert refused("a: relu\na: { relu }") == ["two things are called a"]
    assert refused("a: repeat 2 { relu }\na: repeat 2 { relu }") == ["two things are called a"]


@pytest.mark.parametrize("use", ["a", "conv(a.channels, 1)", "two(relu, a)", "a[2]", "a[-1]"])
def test_a_group_that_goes_on_is_no_value(use: str) -> None:
    assert refused(f"a: {{ 0: relu }}\na: {{ 1: relu }}\n{use}") == [
        "the group a goes on, and the word alone does not say which part's value is meant"
    ]


def test_a_group_is_a_value_until_it_goes_on() -> None:
    assert names("a: { 0: relu }\nconv(3, 1) -> add { | _ | a }\na: { 1: relu }")[-1] == "a.1"


def test_both_places_of_one_name_are_shown() -> None:
    with pytest.raises(SpecError) as error:
        network("a: { 0: relu }\na: { 0: conv(3, 1) }")
    (finding,) = error.value.diagnostics
    assert [label.span.position[0] for label in (finding.primary, *finding.secondary)] == [3, 2]


def test_a_group_in_parts_is_one_module_and_two_rows(tmp_path: Path) -> None:
    path = tmp_path / "split.cnn"
    path.write_text(SPLIT)
    model = specc.load(path)
    module = model.to_torch()
    paths = [
        f"layer1.{i}.{name}" for i in (0, 1) for name in ("conv1", "convs.0", "convs.1", "convs.2", "bns.0", "bns.1")
    ]
    named = dict.fromkeys(name.rpartition(".")[0] for name in module.state_dict())
    assert list(named) == [*paths, "tower.a.b.0", "tower.a.b.1", "a.b.0", "a.b.1", "a.c"]
    assert model.to_onnx(tmp_path / "split.onnx", functions=True)
    costs = model.at(H=4, W=4)
    rows = [
        line.split()[0]
        for line in output("show", "--depth", "3", str(path)).splitlines()
        if line.startswith("layer1.0")
    ]
    assert rows.count("layer1.0.convs") == 3
    assert output("explain", f"{path}:layer1.0.convs").count("layer1.0.convs: group") == 3
    assert costs.params == sum(p.numel() for p in module.parameters())


def test_a_lint_finds_its_way_through_the_parts() -> None:
    """The trace of a finding in a later part leads through that part."""
    before = "block b(c) { conv(c, 1) -> bn }\n"
    (checked,) = check_file(
        parse(Source("t.cnn", f"{before}model M : [N, 3, 8, 8] {{ a: {{ 0: relu }}\na: {{ 1: b(3) }} }}"))
    )
    (around, *_) = Network(checked).around(checked.graph.nodes[-1])
    assert around.name == "a.1"


# ---- labels that are computed -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('for i in range(2) { "l{i + 1}": relu }', ["l1", "l2"]),
        ('a: for i in range(2) { "l{i}": { conv(3, 1) } }', ["a.l0.conv1", "a.l1.conv1"]),
        ('for i in range(2) { "{i}": relu\n conv(3, 1) }', ["0", "conv1", "1", "conv2"]),
        ('for i in range(2) { let k = 2 * i\n "l{k}_{k + 1}": relu }', ["l0_1", "l2_3"]),
        ('for i in range(2) { a: { "{i}": conv(3, 1) } -> b: { "{i}": bn } }', ["a.0", "b.0", "a.1", "b.1"]),
        ('for n, c in [("a", 3), ("b-", 4)] { "{n}{c}": conv(c, 1) }', ["a3", "b-4"]),
        ('for n in [1, 2] { for j in range(n) { "l{j}": relu } }', ["0.l0", "1.l0", "1.l1"]),
        ('for n in [1, 2] { for j in range(n) { "l{n}_{j}": relu } }', ["l1_0", "l2_0", "l2_1"]),
        ('for i in range(2) { for i in range(2) { "l{i}": relu } }', ["0.l0", "0.l1", "1.l0", "1.l1"]),
        ('for i in range(2) { repeat 1 { "l{i}": relu } }', ["0.0.l0", "1.0.l1"]),
        ('for i in range(2) { x: for j in range(1) { "l{i}": relu } }', ["0.x.0.l0", "1.x.0.l1"]),
        ('for i in range(2) { if i > 0 { "t{i}": relu } else { add { | _ | "u{i}": relu } } }', ["u0", "add1", "t1"]),
        ('let k = 3\n"l{k}": relu', ["l3"]),
        ('repeat 2 { "l{1 + 1}": relu }', ["0.l2", "1.l2"]),
        ('for i in [] { "l{i}": relu }\nrelu', ["relu1"]),
        ('for i in range(2) { "l{i}": unit(3) }', ["l0.conv1", "l1.conv1"]),
        ('shared t = conv(3, 1)\nfor i in range(2) { "l{i}": t }', ["l0", "l1"]),
        ('for i in range(2) { "l{i}": repeat 2 { relu } }', ["l0.0", "l0.1", "l1.0", "l1.1"]),
    ],
)  # fmt: skip
def test_a_computed_label_says_which_round_it_is_of(body: str, expected: list[str]) -> None:
    assert names(body, before=HELPERS) == expected
    text = f"{HELPERS}model M : [N, 3, 8, 8] {{\n{body}\n}}\n"
    in_yaml = Source("t.yaml", to_yaml(Source("t.cnn", text)))
    (checked,) = check_file(parse(in_yaml))
    assert [node.name for node in checked.graph.nodes] == expected
    assert formatted(Source("t.cnn", formatted(Source("t.cnn", text)))) == formatted(Source("t.cnn", text))


def test_a_label_of_two_rounds_is_refused_with_both() -> None:
    with pytest.raises(SpecError) as error:
        network('for i in range(4) { "l{i // 2}": relu }')
    finding = error.value.diagnostics[0]
    assert (finding.code, finding.message) == (Code.DUPLICATE_LABEL, "two things are called l0")
    assert finding.primary.text == "it was l0 with i = 0 already"
    assert [label.text for label in finding.trace] == ["round 2 of 4: i = 1"]
    (static,) = {d.message for d in _findings('for i in range(2) { "l{i}": relu -> x: relu }')}
    assert static == "two things are called x"


def _findings(body: str) -> list[Diagnostic]:
    with pytest.raises(SpecError) as error:
        network(body)
    return list(error.value.diagnostics)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("{1 / 2}", "a label is made of whole numbers and texts, and 1 / 2 is 0.5"),
        ("{in}", "a label is made of whole numbers and texts, and in is"),
        ("{in.height}x{true}", "a label is made of whole numbers and texts, and true is true"),
        ("{nothing}", "nothing is called nothing here"),
        ("{relu}", "a label is made of whole numbers and texts, and relu is"),
        ("{}", "here a formula is missing"),
        ("{1 +}", "`1 +` is no formula"),
        ("a{", "braces hold a formula in a label, and this one has no partner"),
        ("a}", "braces hold a formula in a label, and this one has no partner"),
        ("{1, 2}", "`1, 2` is no formula"),
        ("{1 # one}", "`1 # one` is no formula"),
        ("{99999999999999999999}", "the number 99999999999999999999 is out of range"),
    ],
)
def test_what_is_no_formula_of_a_label(label: str, message: str) -> None:
    finding, *_ = _findings(f'"{label}": relu')
    assert finding.message.startswith(message)
    assert finding.primary.span.position[0] == 2


def test_a_label_has_an_end() -> None:
    assert names(f'"{"7" * 200}": relu') == ["7" * 200]
    assert refused(f'"{"7" * 5000}": relu') == ["a label has at most 200 characters, and this one has 5,000"]
    assert refused(f'"{"7" * 5000}": relu\n"{"7" * 5000}": relu')[1] == f"two things are called {'7' * 5000}"


def test_a_formula_stands_at_its_place() -> None:
    (finding,) = _findings('relu\n  "layer{0}_{1 + nothing}": relu')
    assert finding.primary.span.text == "nothing"
    assert finding.primary.span.position == (3, 18)


def test_what_a_label_reads_is_used() -> None:
    (checked,) = check_file(
        parse(Source("t.cnn", 'block b(k) { "x{k}": relu }\nmodel M : [N, 3] { let n = 2\n b(n) }\n'))
    )
    assert [node.name for node in checked.graph.nodes] == ["b1.x2"]
    unused = parse(Source("t.cnn", 'model M : [N, 3] { let n = 2\n "x{n}": relu }\n'))
    assert list(unused_definitions(unused)) == []
