"""What is said of what people write in YAML first: the fix, as YAML has it; and a fix that is said is right."""

from __future__ import annotations

import re
from typing import Any

import pytest

from specc.diagnostics import Diagnostic, SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from specc.syntax.yaml import writer
from tests.syntax.yaml.texts import without_places

HEAD = "- model: M\n  params: [{classes: 10}]\n  input: [N, 3, 32, 32]\n  body:\n"


def findings(text: str, name: str = "net.yaml") -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as error:
        check_file(parse(Source(name, text)))
    return error.value.diagnostics


def of_line(line: str) -> list[Diagnostic]:
    """What is said of a line of a body, but that nothing reads a parameter."""
    return [finding for finding in findings(f"{HEAD}    - {line}\n") if finding.code != "S0205"]


TEXTS = [
    ("fc: classes", "an expression begins with `=`: `=classes`"),
    ("conv: [2 * classes, 3]", "an expression begins with `=`: `=2 * classes`"),
    ('conv: ["2 * classes", 3]', 'an expression begins with `=`: `"=2 * classes"`'),
    ("conv: [16, '3']", "leave out the quotes: `3`"),
    ('conv: [16, [3, "3"]]', "leave out the quotes: `3`"),
    ("conv: [16, 3, {bias: no}]", "write `false`: in YAML 1.2 `no` is a text"),
    ("conv: [16, 3, {bias: On}]", "write `true`: in YAML 1.2 `On` is a text"),
    ('conv: [16, 3, {bias: "false"}]', "leave out the quotes: `false`"),
    ("maxpool: [2, {stride: None}]", "write `null`"),
    ("batchnorm: {eps: 1_000.5}", "an expression begins with `=`: `=1_000.5`"),
    ("fc: clases", "clases is a text here: an expression begins with `=`"),
    ("maxpool: 2, 2", '"2, 2" is one text: write `[2, 2]`'),
    ("conv: 16, 3", '"16, 3" is one text: write `[16, 3]`'),
    ("conv: 16, 3, padding=1", '"16, 3, padding=1" is one text: write `[16, 3, {padding: 1}]`'),
    ("conv: [16, 3, {padding: =same}]", "a text has no `=` before it: `same`"),
]


@pytest.mark.parametrize(("line", "help_"), TEXTS, ids=lambda text: text)
def test_texts(line: str, help_: str) -> None:
    (finding,) = of_line(line)
    assert finding.helps[0] == help_


@pytest.mark.parametrize(
    "line",
    ["conv: [16, 3, {padding: smae}]", "conv: [16, 3, {bias: None}]", "dropout: 50%", 'fc: "a b"', "fc: -3", "fc: 2.5"],
)
def test_nothing_is_said_where_nothing_is_known_to_help(line: str) -> None:
    (finding,) = of_line(line)
    assert not finding.helps


def test_what_a_default_gives_is_told_where_it_stands() -> None:
    text = f"- default: {{conv: {{bias: off}}}}\n{HEAD}    - conv: [=classes, 3]\n"
    (finding,) = findings(text)
    assert finding.helps == ("write `false`: in YAML 1.2 `off` is a text",)
    assert finding.primary.span.position[0] == 1


def test_what_a_name_stands_for_is_not_told_to_stand_without_quotes() -> None:
    text = '- let: {w: "16"}\n- model: M\n  input: [N, 3, 8, 8]\n  body: [conv: [=w, 3]]\n'
    (finding,) = findings(text)
    assert not finding.helps
    text = (
        '- let: {w: "1"}\n- default: {conv: {stride: =w}}\n- model: M\n  input: [N, 3, 8, 8]\n  body: [conv: [1, 3]]\n'
    )
    (finding,) = findings(text)
    assert not finding.helps


def test_a_parameter_that_only_a_text_names() -> None:
    (unused, _) = findings(f"{HEAD}    - fc: classes\n")
    assert unused.helps == ('"classes" is a text, and does not read it; an expression begins with `=`: `=classes`',)


@pytest.mark.parametrize(
    ("line", "help_"),
    [
        ('conv("16", 3)', "leave out the quotes: 16"),
        ('conv(16, ["3", 3])', "leave out the quotes: 3"),
        ('conv(16, 3, bias="false")', "leave out the quotes: false"),
        ('fc("classes")', "leave out the quotes: classes"),
        ('conv("16, 3")', '"16, 3" is one text: leave out the quotes: 16, 3'),
        ('conv(16, 3, bias="no")', "write false"),
        ("add(left, right)", "write `add { | left | right }`"),
    ],
)
def test_in_the_language(line: str, help_: str) -> None:
    text = f"model M(classes = 10) : [N, 3, 32, 32] {{\n  left: relu\n  right: relu\n  {line}\n}}\n"
    (finding,) = (finding for finding in findings(text, "net.cnn") if finding.code != "S0205")
    assert finding.helps[0] == help_


# ---- how it is written --------------------------------------------------------------------------------

WRITTEN = [
    ("conv:[16, 3]", "a step is a name", "a blank is missing behind the colon: `conv: [16, 3]`"),
    ("[relu, fc:16]", "a step is a name", "a blank is missing behind the colon: `fc: 16`"),
    ("conv: [16, 3, {bias:false}]", "an argument is a name", "a blank is missing behind the colon: `bias: false`"),
    ("{repeat: 2, body:relu}", "`repeat` has no key", "a blank is missing behind the colon: `body: relu`"),
    ("[N, 3, 32, 32]", "a chain has steps, and `3` is none", "a checkpoint is `shape: [N, 3, 32, 32]`"),
    ("[N, 3, H//4, W//4]", "a chain has steps, and `3` is none", "a checkpoint is `shape: [N, 3, H//4, W//4]`"),
    ("conv(=16, 3)", "a step is a name", "a step with arguments is a mapping: `conv: [16, 3]`"),
    ("conv1: relu -> relu:", "`:` cannot stand here", "put the value in braces"),
    ("add: [_, relu]", "add joins several values", "`{add: , arms: [_, relu]}` with one arm for each"),
    ("add: {arms: [_, relu]}", "add joins several values", "`{add: , arms: […, …]}` with one arm for each"),
    ("[=f[0], relu]", "expected `,` or `]`", "a text with `[` in it stands in quotes here"),
]


@pytest.mark.parametrize(("line", "message", "help_"), WRITTEN)
def test_written(line: str, message: str, help_: str) -> None:
    (finding,) = of_line(line)
    assert finding.message.startswith(message)
    assert finding.helps[0].startswith(help_)


CUT = [
    ("conv: [=max(16, classes), 3]", "=max(16, classes)"),
    ("{repeat: =max(1, 2), body: relu}", "=max(1, 2)"),
    ("{if: classes > max(1, 2) + 1, then: relu}", "classes > max(1, 2) + 1"),
    ("conv: [=max(16, max(classes, 2)), 3]", "=max(16, max(classes, 2))"),
]


@pytest.mark.parametrize(("line", "expression"), CUT)
def test_an_expression_that_a_comma_cuts(line: str, expression: str) -> None:
    (finding,) = of_line(line)
    assert finding.message == "within brackets a comma ends a text, and here it cuts this expression in two"
    assert finding.helps == (f'put it in quotes: `"{expression}"`',)
    span = finding.primary.span
    assert span.source.text[span.start : span.end] == expression
    assert reads(line.replace(expression, f'"{expression}"'))


def test_a_step_that_a_comma_cuts() -> None:
    (finding,) = of_line("[relu, conv(16, 3), fc(=, 2)]")[:1]
    assert finding.message == "within brackets a comma ends a text, and here it cuts this step in two"
    assert finding.helps == ("in YAML it is written `conv: [16, 3]`",)


def test_several_cuts_and_another_mistake() -> None:
    found = of_line("[conv: [=max(16, 8), =min(3, 5)], 7x]")
    assert [finding.message[:14] for finding in found] == ["within bracket", "within bracket", "a step is a na"]


@pytest.mark.parametrize("line", ["conv: [=max(16, 8]", "conv: [=max(16,\n       8), 3]", "where: =max(1"])
def test_what_no_comma_cuts(line: str) -> None:
    assert not any("comma" in finding.message for finding in of_line(line))


def test_texts_with_lone_parentheses_are_texts() -> None:
    text = "- block: b\n  params: [s, t]\n  body: [{if: s == t, then: relu, else: tanh}]\n"
    assert check_file(parse(Source("net.yaml", f"{text}- model: M\n  input: [N, 3]\n  body: [b: [f(, )]]\n")))


IN_THE_LANGUAGE = [
    "conv(16, 3, padding=1) -> relu",
    "conv(2 * classes, 3, padding=[1, 2])",
    "stem: conv(16, 3)",
    "add { | _ | relu -> tanh }",
    "if classes > 3 { relu }",
    "repeat 2 { conv(16, 1) -> bn }",
]


@pytest.mark.parametrize("line", IN_THE_LANGUAGE)
def test_a_line_of_the_language_is_told_in_yaml(line: str) -> None:
    """What is suggested means what was written."""
    quoted = line if ": " not in line else f'"{line}"'
    (finding,) = of_line(quoted)
    found = re.fullmatch("in YAML it is written `(.*)`", finding.helps[0])
    assert found
    assert reads(found[1]) == without_places(parse(Source("net.cnn", f"model M {{\n{line}\n}}\n")))


def test_no_line_of_the_language() -> None:
    (finding,) = of_line("shape -> x.y(3)")
    assert finding.helps == ("the steps of a chain stand in a list: `[conv: [16, 3], relu]`",)


def reads(line: str) -> Any:
    return without_places(parse(Source("net.yaml", f"- model: M\n  body:\n    - {line}\n")))


def test_a_bracket_behind_a_blank_is_no_part_of_a_text() -> None:
    (finding,) = of_line("[relu [0], tanh]")
    assert not finding.helps


def test_json_is_read_as_yaml() -> None:
    text = '[{"model":"M","input":["N",3],"body":[{"fc":10},{"dropout":{"p":1e-3}},"relu"]}]'
    (checked,) = check_file(parse(Source("made.JSON", text)))
    assert checked.costs.params == 40


# ---- items ------------------------------------------------------------------------------------------------


def only(text: str) -> Diagnostic:
    (finding,) = findings(text)
    return finding


@pytest.mark.parametrize("text", ["", "# a comment\n", "[]\n"])
def test_a_file_without_a_model(text: str) -> None:
    (help_,) = only(text).helps
    found = re.fullmatch("a model looks like this: `(.*)`", help_)
    assert found
    assert check_file(parse(Source("net.yaml", f"{found[1]}\n")))


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("- {from: a.cnn, import: y}\n- {model: M, body: relu}\n", "one name is a list, too: `[y]`"),
        ("- model: M\n  body: relu\n", "add `input: [N, 3, 32, 32]`, with your own sizes"),
        ("- model:M\n", "a blank is missing behind the colon: `model: M`"),
        (
            "- model: M\n  params: [c]\n  input: [N, 3]\n  body: [fc: =c]\n",
            "--set c=…, or give it a default here: `{c: …}`",
        ),
        (
            "- model: M\n  input: [N, 3]\n  output: {a: [N, 3], b: [N, 3]}\n  body: [relu, {label: b, tanh: }]\n",
            "label the step that gives it, in the model's own body: `{label: a, …}`",
        ),
        (
            "- model: M\n  input: [N, 3, H, W]\n  body: [{add: , arms: [maxpool: 2, {conv: [3, 2, {stride: 2}]}]}, "
            "{upsample: {scale_factor: 2}}, {add: , arms: [_, in]}]\n",
            "add `where: [H % 2 == 0, W % 2 == 0]` to the model's contract",
        ),
    ],
)
def test_items(text: str, help_: str) -> None:
    assert only(text).helps[0].startswith(help_)


def test_a_mistake_in_every_step_of_a_large_file_is_no_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Helps are made for what is shown, and no further."""
    asked: list[str] = []
    really = writer.line_in_yaml

    def counted(text: str) -> str:
        asked.append(text)
        return really(text)

    monkeypatch.setattr(writer, "line_in_yaml", counted)
    assert len(of_line(f"[{', '.join(['f(a)'] * 500)}]")) == 20
    assert len(asked) == 20


@pytest.mark.parametrize(
    ("line", "help_"),
    [
        ("frozen: [{conv: [3, 1]}]", "write `{frozen: true, group: […]}`"),
        ("{frozen: true, body: [{conv: [3, 1]}]}", "`frozen` stands beside `group`: `{frozen: true, group: […]}`"),
        ("{conv: [3, 1], frozen: true}", "`frozen` stands beside `group`: `{frozen: true, group: […]}`"),
        (
            "{repeat: 2, frozen: true, body: [{conv: [3, 1]}]}",
            "a group around it is frozen: `{frozen: true, group: [{repeat: …}]}`",
        ),
    ],
)
def test_a_frozen_group_is_shown_where_something_else_is_frozen(line: str, help_: str) -> None:
    (finding,) = of_line(line)
    assert finding.helps == (help_,)


def test_a_model_is_in_no_frozen_group() -> None:
    finding, *_ = findings("- {model: M, frozen: true, input: [N, 3, 8, 8], body: [relu]}\n")
    assert not any("group" in help_ for help_ in finding.helps)
