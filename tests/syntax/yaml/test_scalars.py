"""Single values, by the core schema of YAML 1.2 (section 10.3.2 of its specification)."""

import pytest
from ruamel.yaml import YAML

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import ast, parse
from specc.syntax.yaml import nodes


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
