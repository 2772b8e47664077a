"""Places: every part of the tree stands where its YAML does, and reads as the language."""

from pathlib import Path
from typing import Any

import pytest

from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source, Span
from specc.syntax import ast, parse
from specc.syntax.yaml.writer import to_yaml
from tests.syntax.test_spans import nodes
from tests.syntax.yaml.texts import ROOT, specs

HEAD = "- model: M\n  input: [N, 3, 8, 8]\n  body:\n"


def shown(span: Span) -> str:
    """The characters of the YAML; the span's own text is that of the language."""
    return span.source.text[span.start : span.end]


def found(text: str, kind: type[Any]) -> list[Any]:
    return [node for node in nodes(parse(Source("t.yaml", text))) if type(node) is kind]


def body(line: str) -> str:
    return f"{HEAD}    - {line}\n"


@pytest.mark.parametrize(
    ("kind", "text", "yaml", "language"),
    [
        (ast.Import, "- from: a  # c\n  import: [b]\n", ["from: a  # c\n  import: [b]"], ['from "a" import b']),
        (ast.Let, "- {let: {x: =a + 1}}\n", ["let: {x: =a + 1}"], ["let x = a + 1"]),
        (ast.Binary, "- let: {x: =(1 + 2) * 3}   # a sum\n", ["(1 + 2) * 3", "1 + 2"], ["(1 + 2) * 3", "1 + 2"]),
        (ast.Binary, "- let: {x: '= 1 + 2'}\n", ["1 + 2"], ["1 + 2"]),
        (ast.Name, '- let: {x: "=ab  +  cd"}\n', ["ab", "cd"], ["ab", "cd"]),
        (ast.Name, '- let: {x: "=\\x61b + cd"}\n', ['"=\\x61b + cd"'] * 2, ["ab", "cd"]),
        (ast.Name, "- let: {x: '=f(\"it''s\", cd)'}\n", ["'=f(\"it''s\", cd)'"] * 2, ["f", "cd"]),
        (ast.Name, "- let:\n    x: >\n      =ab\n- let: {y: =e}\n", [">\n      =ab", "e"], ["ab", "e"]),
        (ast.Name, "- let:\n    x: =ab +\n      cd\n", ["=ab +\n      cd"] * 2, ["ab", "cd"]),
        (ast.Number, "- let: {x: [0x10, -.5, 1_0, =1_0]}\n", ["0x10", "-.5", "1_0"], ["16", "0.5", "1_0"]),
        (ast.Text, '- let: {x: [é𝄞, "a b"]}\n', ["é𝄞", '"a b"'], ['"é𝄞"', '"a b"']),
        (
            ast.Sequence,
            "- let:\n    x:\n      - 1\n      - [2]\n\n# c",
            ["- 1\n      - [2]", "[2]"],
            ["[1, [2]]", "[2]"],
        ),
        (
            ast.Default,
            "- default: {conv: {bias: false}}\n",
            ["default: {conv: {bias: false}}"],
            ["default conv(bias=false)"],
        ),
        (ast.Param, "- {block: f, params: [a, {b: 2}], body: relu}\n", ["a", "b: 2"], ["a", "b = 2"]),
        (ast.BlockDefinition, "- body: relu\n  block: f\n\n", ["body: relu\n  block: f"], ["block f {relu}"]),
        (ast.PortDeclaration, "- {model: M, input: {a: [N]}, body: a}\n", ["a: [N]"], ["a: [N]"]),
        (
            ast.Call,
            body("[conv: [1, 2], relu, {label: x, bn: }]  # c"),
            ["conv: [1, 2]", "relu", "bn"],
            ["conv(1, 2)", "relu", "bn"],
        ),
        (ast.Call, body('{"conv": 3, label: x}'), ['conv": 3'], ["conv(3)"]),
        (ast.Call, body("{call: group, args: [1], label: x}"), ["group, args: [1]"], ["group(1)"]),
        (
            ast.Argument,
            body('conv: [8, =a, {stride: 2, "bias": no}]'),
            ["8", "a", "stride: 2", 'bias": no'],
            ["8", "a", "stride=2", 'bias="no"'],
        ),
        (ast.Binder, body("{conv: 3, label: x}"), ["x"], ["x"]),
        (ast.Binder, body('{conv: 3, label: "0"}'), ["0"], ["0"]),
        (ast.Merge, body("{label: m, add: , arms: [_, [relu]]}"), ["add: , arms: [_, [relu]]"], ["add { | _ | relu }"]),
        (ast.Merge, body("{arms: [_, relu], add: }"), ["[_, relu], add"], ["add { | _ | relu }"]),
        (ast.Arm, body("{add: , arms: [_, [relu, [a, b]]]}"), ["_", "[relu, [a, b]]"], ["| _", "| relu\na -> b"]),
        (ast.Group, body("{label: g, group: [relu, tanh]}"), ["[relu, tanh]"], ["{relu\ntanh}"]),
        (
            ast.Group,
            body("{frozen: c > 1, label: g, group: relu}"),
            ["frozen: c > 1, label: g, group: relu"],
            ["frozen(c > 1) {relu}"],
        ),
        (ast.Checkpoint, body("shape: [ N, =c ]"), ["[ N, =c ]"], ["[N, c]"]),
        (ast.Enclosing, body("[in, {label: a, in: }]"), ["in", "in"], ["in", "in"]),
        (
            ast.Repeat,
            body("{body: relu, label: x, repeat: =n}"),
            ["body: relu, label: x, repeat: =n"],
            ["repeat n {relu}"],
        ),
        (
            ast.For,
            body("{for: [a, b], in: =t, body: [relu]}"),
            ["for: [a, b], in: =t, body: [relu]"],
            ["for a, b in t {relu}"],
        ),
        (
            ast.If,
            body("{if: a, then: b, else: {if: c, then: d}}"),
            ["if: a, then: b, else: {if: c, then: d}", "if: c, then: d"],
            ["if a {b} else if c {d}", "if c {d}"],
        ),
        (ast.Assert, body('{assert: a == 1, message: "b"}'), ['assert: a == 1, message: "b"'], ['assert a == 1, "b"']),
        (ast.Shared, body("{shared: t, steps: [a, b: 1]}"), ["shared: t, steps: [a, b: 1]"], ["shared t = a -> b(1)"]),
        (ast.Body, body("relu"), ["- relu"], ["{relu}"]),
    ],
)
def test_span_of(kind: type[Any], text: str, yaml: list[str], language: list[str]) -> None:
    spans = [node.span for node in found(text, kind)]
    assert [shown(span) for span in spans] == yaml
    assert [span.text for span in spans] == language


def test_name_spans() -> None:
    text = '- {from: "a.cnn", import: [b]}\n- {let: {"x": 1}}\n- default: {conv: {a: 1}}\n- {block: f, body: a}\n'
    imported, let, default, block = parse(Source("t.yaml", text)).items
    assert isinstance(imported, ast.Import)
    assert shown(imported.path_span) == '"a.cnn"'
    for item, name in ((let, "x"), (default, "conv"), (block, "f")):
        assert isinstance(item, ast.Let | ast.Default | ast.BlockDefinition)
        assert shown(item.name_span) == name


def test_lines_end_in_two_characters() -> None:
    text = body("[conv: [8, =ab], relu]").replace("\n", "\r\n")
    assert [shown(node.span) for node in found(text, ast.Call)] == ["conv: [8, =ab]", "relu"]
    assert "ab" in [shown(node.span) for node in found(text, ast.Name)]


def test_spans_join() -> None:
    first, second = (node.span for node in found(body("permute: [0, 1]"), ast.Argument))
    assert shown(first.to(second)) == "0, 1"
    assert first.to(second).text == "0, 1"


@pytest.mark.parametrize("path", specs(), ids=lambda path: str(path.relative_to(ROOT)))
def test_spans_are_tight_and_nested(path: Path) -> None:
    for parent in nodes(parse(Source("t.yaml", to_yaml(Source("t.cnn", path.read_bytes().decode()))))):
        if isinstance(parent, ast.File):
            continue
        text = shown(parent.span)
        assert text == text.strip()
        assert text or parent.span.text == "none"
        label = {*map(id, nodes(getattr(parent, "label", None)))}  # with its formulas, under a key of its own
        for child in nodes(tuple(parent)):
            if id(child) not in label:
                assert parent.span.start <= child.span.start <= child.span.end <= parent.span.end


@pytest.mark.parametrize(
    ("line", "code", "place"),
    [
        ("conv: [8, 3, {paddding: 1}]", "S0301", "paddding"),
        ('conv: [8, 3, {"paddding": 1}]', "S0301", "paddding"),
        ("[relu, cnov: [8, 3]]", "S0201", "cnov"),
        ("conv: [=2 * width, 3]", "S0202", "width"),
        ("{if: 'in.channels > \"a\"', then: relu}", "S0304", '"a"'),
        ("conv: [8, 3, {padding: some}]", "S0303", "padding: some"),
        ("conv: [8, 99]", "S0104", "99"),
        ("{repeat: half, body: relu}", "S0202", "half"),
        ("{label: training, relu: }", "S0204", "training"),
        ("shape: [N, 3, 8, 9]", "S0401", "9"),
        ("{for: c, in: 3, body: relu}", "S0304", "3"),
    ],
)
def test_findings_of_every_phase_stand_in_the_yaml(line: str, code: str, place: str) -> None:
    with pytest.raises(SpecError) as error:
        check_file(parse(Source("t.yaml", body(line))))
    finding = error.value.diagnostics[0]
    assert (finding.code, shown(finding.primary.span)) == (code, place)
