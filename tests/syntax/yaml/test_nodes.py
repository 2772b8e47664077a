"""Reading YAML: bounded in depth and time, and the same with both parsers of PyYAML."""

from __future__ import annotations

import re
import sys

import pytest
import yaml
from ruamel.yaml import YAML

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import ast, is_yaml, parse
from specc.syntax.reader import LARGEST
from specc.syntax.tables import grammar_text
from specc.syntax.tokens import keywords
from specc.syntax.yaml import comments, nodes
from tests.syntax.yaml.texts import EXAMPLES, without_places

HEAD = "- model: M\n  body:\n    - "


def refused(text: str) -> SpecError:
    with pytest.raises(SpecError) as error:
        parse(Source("t.yaml", text))
    return error.value


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_parser_in_python_reads_the_same(path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source("t.yaml", path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]  # a Path
    by_c = parse(source)
    monkeypatch.setattr(nodes, "_loader", lambda: yaml.SafeLoader)
    assert parse(source) == by_c


def test_without_the_parser_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert nodes._loader() is yaml.SafeLoader
    assert len(parse(Source("t.yaml", f"{HEAD}relu\n")).items) == 1


@pytest.mark.parametrize("sign", ["[", "{a: ", "- ", "[{a: ["])
def test_depth_is_bounded(sign: str) -> None:
    text = sign * (LARGEST // len(sign))
    assert refused(text).diagnostics[0].code == "S0601"


def test_a_bomb_is_refused_before_anything_is_built() -> None:
    levels = "".join(f"- let: {{l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]}}\n" for n in range(1, 12))
    error = refused("- let: {l0: &l0 [1]}\n" + levels)
    assert {finding.code for finding in error.diagnostics} == {"S0002"}
    assert len(error.diagnostics) == 12


def test_mistakes_are_counted() -> None:
    assert len(refused("- {a: &x 1}\n" * 500).diagnostics) == 20
    assert len(refused(HEAD.rstrip("- ") + "    - 5\n" * 500).diagnostics) == 20


@pytest.mark.parametrize("kind", ["repeat: 2, body", "group", "if: true, then"])
def test_as_deep_as_the_language(kind: str) -> None:
    """As many levels as it has, in the fullest form, under a stack that is no deeper than Python's own."""
    inside = 98
    text = HEAD + f"{{{kind}: [[" * inside + "relu" + "]]}" * inside + "\n"
    before = sys.getrecursionlimit()
    assert isinstance(parse(Source("t.yaml", text)).items[0], ast.ModelDefinition)
    assert sys.getrecursionlimit() == before


def test_arms_as_deep_as_the_language() -> None:
    text = HEAD + "{add: , arms: [_, [[" * 98 + "relu" + "]]]}" * 98 + "\n"
    assert isinstance(parse(Source("t.yaml", text)).items[0], ast.ModelDefinition)


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "---\n", "---\n...\n", "[]\n", "~\n", "%YAML 1.2\n---\n[]\n"]
)
def test_a_file_of_nothing(text: str) -> None:
    assert parse(Source("t.yaml", text)).items == ()


def test_a_byte_order_mark_in_a_text_of_a_program() -> None:
    assert refused("\ufeff- let: {a: 1}\n").diagnostics[0].code == "S0001"


def test_the_version() -> None:
    assert len(parse(Source("t.yaml", "# specc 1\n- let: {a: 1}\n")).items) == 1
    assert refused("# specc 3\n- let: {a: 1}\n").diagnostics[0].code == "S0005"


def test_comments() -> None:
    text = '# one\n- let: {a: "# no", b#c: d}  # two "quoted"\n- [a#b, \'#\']#no\n  #three\n'
    assert [span.source.text[span.start : span.end] for span in comments(Source("t.yaml", text))][:2] == [
        "# one",
        '# two "quoted"',
    ]


def test_which_form() -> None:
    language, in_yaml = "let a = 1\n", "- let: {a: 1}\n"
    trees = {
        without_places(parse(Source(name, text)))
        for name, text in {
            "a.cnn": language, "a": language, "<stdin>": language, "a.yaml.cnn": language,
            "a.yaml": in_yaml, "a.yml": in_yaml, "a.cnn.yaml": in_yaml, "A.YAML": in_yaml,
        }.items()
    }  # fmt: skip
    assert len(trees) == 1
    assert is_yaml("a.cnn.yml")
    assert not is_yaml("yaml")


def test_the_words_of_the_language() -> None:
    """Every keyword of the grammar, and no other word."""
    rules = re.sub(r"//.*", "", grammar_text())
    literal = set(re.findall(r'"([a-z]+)"', rules)) | set(re.findall(r"\b(where|else)\(\?!", rules))
    assert literal == keywords()


# ---- single values, by the core schema of YAML 1.2 (section 10.3.2 of its specification) ------------------


def value(text: str) -> ast.Expr:
    let = parse(Source("t.yaml", f"- let: {{x: {text}}}\n")).items[0]
    assert isinstance(let, ast.Let)
    return let.value


def number(expr: ast.Expr) -> int | float:
    if isinstance(expr, ast.Unary):
        return -number(expr.operand)
    assert isinstance(expr, ast.Number), expr
    return expr.value


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null(text: str) -> None:
    expr = value(text)
    assert isinstance(expr, ast.Name)
    assert expr.name == "none"


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_truth(text: str) -> None:
    expr = value(text)
    assert isinstance(expr, ast.Name)
    assert expr.name == text.lower()


# The specification's own examples, and the corners of its regular expressions.
@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("0", 0),
        ("0o7", 7),
        ("0o17", 15),
        ("0x3A", 58),
        ("-19", -19),
        ("+12", 12),
        ("-0", 0),
        ("007", 7),
        ("12345678901", 12345678901),
        ("0.", 0.0),
        ("-0.0", -0.0),
        (".5", 0.5),
        ("+12e03", 12000.0),
        ("-2E+05", -200000.0),
        ("1e-3", 1e-3),
        ("1.e1", 10.0),
        ("-.25", -0.25),
        ("+.5e1", 5.0),
        ("9223372036854775807", 2**63 - 1),
        ("0x7FFFFFFFFFFFFFFF", 2**63 - 1),
    ],
)  # fmt: skip
def test_numbers(text: str, meaning: float) -> None:
    found = number(value(text))
    assert found == meaning
    assert type(found) is type(meaning)
    if text not in ("007", "+.5e1"):  # ruamel warns of the one, and takes the other for a text
        assert YAML(typ="safe", pure=True).load(text) == meaning


@pytest.mark.parametrize(
    "text",
    ["no", "on", "off", "yes", "y", "61_706", "4.1G", "200k", "1:30", "0b11", "0o8", "0xG", "1e", ".", "-", "+", "nULL",
     "tRUE", "2001-12-14", "1.2.3", ".e1", "-0x1", "none"],
)  # fmt: skip
def test_texts(text: str) -> None:
    expr = value(text)
    assert isinstance(expr, ast.Text)
    assert expr.value == text


@pytest.mark.parametrize("text", ["'1'", '"true"', "'~'", '""', '".inf"', "'null'"])
def test_quoted_values_are_texts(text: str) -> None:
    expr = value(text)
    assert isinstance(expr, ast.Text)
    assert expr.value == text[1:-1]


@pytest.mark.parametrize("text", [".inf", "-.INF", "+.Inf", ".nan", ".NaN", ".NAN"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(nodes.NotFinite):
        nodes.literal(text)


@pytest.mark.parametrize("text", ["0x8000000000000000", "0o1000000000000000000000", "0x" + "F" * 100_000])
def test_too_large(text: str) -> None:
    with pytest.raises(nodes.TooLarge):
        nodes.literal(text)


def let_of(name: str, text: str) -> str:
    """What the value of a let reads as, or the headline of its only mistake."""
    try:
        let = parse(Source(name, text)).items[0]
    except SpecError as error:
        (finding,) = error.diagnostics
        return finding.message
    assert isinstance(let, ast.Let)
    leaves = (ast.Number, ast.Text, ast.Name)
    parts = [part for part in ast.parts(let.value) if isinstance(part, ast.Expr)]
    return repr([part[1] if isinstance(part, leaves) else type(part).__name__ for part in parts])


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('"a -> b"', ""),
        ('f("->", x) + 1', ""),
        ('1 if m == "a -> b" else 2', ""),
        ('["->", " -> "]', ""),
        ('"a" -> b', "found `->`"),
        ('f("->") -> relu', "found `->`"),
        ('"a -> b', "this string is not closed"),
        ('"a \\q-> b"', "`\\q` is no escape of a string"),
    ],
)
def test_an_arrow_in_a_string_of_an_expression(text: str, mistake: str) -> None:
    """It is accepted or refused as in the language."""
    in_yaml, in_language = let_of("t.yaml", f"- let: {{x: '={text}'}}\n"), let_of("t.cnn", f"let x = {text}\n")
    assert in_yaml.replace("the end of the expression", "the end of the line") == in_language
    assert mistake in in_language
    assert bool(mistake) != in_language.startswith("[")
