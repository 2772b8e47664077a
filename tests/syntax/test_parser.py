"""What the tree says, what is refused, and that no text does anything else."""

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specc.diagnostics import Code, Diagnostic, SpecError
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import ast, parse, read
from tests.syntax.corpus import specs

ACCEPTED = [read(path).text for path in specs("accepted")]
WORDS = (
    "model block let default from import repeat for in if else assert shared where and or not true conv relu x _ "
    '( ) [ ] { } | -> : = , . + - * / // % == != <= < 1 2.5 3k 1e400 "s" \' # & ; ! \\ \n \n \t'
).split(" ")


def value(text: str) -> ast.Expr:
    (item,) = parse(Source("t", f"let x = {text}")).items
    assert isinstance(item, ast.Let)
    return item.value


def steps(text: str) -> tuple[ast.Statement, ...]:
    (model,) = parse(Source("t", f"model M {{ {text} }}")).models
    return model.body.statements


def written(expr: ast.Expr) -> str:
    """The expression with every pair of parentheses."""
    match expr:
        case ast.Binary(_, operator, left, right):
            return f"({written(left)} {operator} {written(right)})"
        case ast.Unary(_, operator, operand):
            return f"({operator} {written(operand)})"
        case ast.Conditional(_, yes, test, other):
            return f"({written(yes)} if {written(test)} else {written(other)})"
        case ast.Attribute(_, inner, name):
            return f"{written(inner)}.{name}"
        case ast.Index(_, inner, index):
            return f"{written(inner)}[{written(index)}]"
    return expr.span.text


def findings(text: str) -> list[tuple[str, int]]:
    """Code and line of what is wrong."""
    try:
        parse(Source("t", text))
    except SpecError as error:
        return [(finding.code, finding.primary.span.position[0]) for finding in error.diagnostics]
    return []


# ---- expressions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("007", 7),
        ("61_706", 61706),
        ("420k", 420_000),
        ("4.1G", 4_100_000_000),
        ("1.50M", 1_500_000),
        ("0.0005k", 0.5),
        ("1.2345k", 1234.5),
        ("0.5", 0.5),
        ("1.0", 1.0),
        ("1e3", 1000.0),
        ("1e-3", 1e-3),
        ("2.5E+2", 250.0),
        ("9223372036854775807", 2**63 - 1),
        ("0.1", 0.1),
        ("0e999", 0.0),
    ],
)
def test_number(text: str, expected: float) -> None:
    number = value(text)
    assert isinstance(number, ast.Number)
    assert number.value == expected
    assert type(number.value) is type(expected)


@given(st.decimals(0, 10**6, places=6, allow_nan=False), st.sampled_from("kMG"))
def test_no_digit_of_a_suffixed_number_is_lost(number: object, suffix: str) -> None:
    exact = Fraction(str(number)) * 1000 ** (1 + "kMG".index(suffix))
    parsed = value(f"{number}{suffix}")
    assert isinstance(parsed, ast.Number)
    assert parsed.value == (int(exact) if exact.denominator == 1 else float(exact))


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "1" + "0" * 5000, "10_000_000_000G", "1e400", "1e-400", "1e999k"]
)
def test_number_out_of_range(text: str) -> None:
    code = Code.SYNTAX if text.endswith("e999k") else Code.LIMIT
    assert findings(f"let x = {text}") == [(code, 1)]


def test_escapes() -> None:
    text = value(r'"a\"b\\n\n\t"')
    assert isinstance(text, ast.Text)
    assert text.value == 'a"b\\n\n\t'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"),
        ("- 1 * 2", "((- 1) * 2)"),
        ("-a.b[0]", "(- a.b[0])"),
        ("8 // 4 / 2 % 3", "(((8 // 4) / 2) % 3)"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("a or b and c", "(a or (b and c))"),
        ("1 - (2 - 3)", "(1 - (2 - 3))"),
        ("1 if a or b else 2 if c else 3", "(1 if (a or b) else (2 if c else 3))"),
        ("a + 1 <= b * 2", "((a + 1) <= (b * 2))"),
        ("not not a", "(not (not a))"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    """As in Python, which has the same operators."""
    assert written(value(text)) == expected


# ---- steps and items ----------------------------------------------------------------------------------


def test_arrow_and_newline_leave_no_trace() -> None:
    def shape(text: str) -> list[tuple[str, int, bool, str]]:
        calls = [step for step in steps(text) if isinstance(step, ast.Call)]
        return [(call.name, len(call.arguments), call.bare, call.label.name if call.label else "") for call in calls]

    expected = [("conv", 2, False, ""), ("relu", 0, True, "act"), ("tanh", 0, False, "")]
    assert shape("conv(6, 5) -> act: relu -> tanh()") == expected
    assert shape("conv(6,\n5)\n\n  # c\n act: relu\ntanh()") == expected
    assert shape("conv(6, 5) -> # c\n act: relu\n # c\n -> tanh()") == expected


def test_every_step_may_have_a_label() -> None:
    text = "a: x\nb: add { | x }\nc: { x }\nd: [N]\ne: in\nf: repeat 2 { x }\ng: for i in r { x }\nh: if c { x }"
    kinds = [ast.Call, ast.Merge, ast.Group, ast.Checkpoint, ast.Enclosing, ast.Repeat, ast.For, ast.If]
    found = steps(text)
    assert [type(step) for step in found] == kinds
    assert [step.label.name for step in found if isinstance(step, ast.Step) and step.label] == list("abcdefgh")


def test_else_if_is_the_only_statement_of_the_else_part() -> None:
    (outer,) = steps("if a { x } else if b { y } else { z }")
    assert isinstance(outer, ast.If)
    assert outer.otherwise
    (inner,) = outer.otherwise.statements
    assert isinstance(inner, ast.If)
    assert inner.otherwise
    assert [type(step) for step in inner.otherwise.statements] == [ast.Call]


def test_arms_hold_all_their_lines() -> None:
    (merge,) = steps("add {\n | a -> b\n c\n | d\n }")
    assert isinstance(merge, ast.Merge)
    assert [[step.span.text for step in arm.statements] for arm in merge.arms] == [["a", "b", "c"], ["d"]]


def test_contract() -> None:
    text = "model A : [N, 2*H] {}\nmodel B : (a: [N], b: []) -> (c: [N],)\n where N > 1, N < 9 {}\nmodel C {}\n"
    bare, named, none = parse(Source("t", text)).models
    assert bare.contract
    assert [port.name for port in bare.contract.inputs] == [None]
    assert bare.contract.outputs is None
    assert named.contract
    assert [port.name for port in named.contract.inputs] == ["a", "b"]
    assert named.contract.outputs is not None
    assert [port.name for port in named.contract.outputs] == ["c"]
    assert [test.span.text for test in named.contract.where] == ["N > 1", "N < 9"]
    assert none.contract is None


def test_items() -> None:
    text = 'from "a.cnn" import b, c\ndefault conv(bias=false)\nblock f(a, n = 2) { assert a == 1, "so" }\n'
    imported, default, block = parse(Source("t", text)).items
    assert isinstance(imported, ast.Import)
    assert (imported.path, [name.name for name in imported.names]) == ("a.cnn", ["b", "c"])
    assert isinstance(default, ast.Default)
    assert (default.name, [argument.name for argument in default.arguments]) == ("conv", ["bias"])
    assert isinstance(block, ast.BlockDefinition)
    assert [(param.name, param.default is None) for param in block.params] == [("a", True), ("n", False)]
    (claim,) = block.body.statements
    assert isinstance(claim, ast.Assert)
    assert claim.message == "so"


@pytest.mark.parametrize("text", ["", "\n\n", "# specc 1", "#specc 1\r\n", "\t# c"])
def test_no_items(text: str) -> None:
    assert parse(Source("t", text)).items == ()


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        ("# specc 1", True),
        ("# specc 1 is old", True),
        ("# specc", True),
        ("# specc 2", False),
        ("#\tspecc 1.5 ", False),
    ],
)
def test_language_version(line: str, accepted: bool) -> None:
    assert findings(line + "\nlet x = 1\n") == ([] if accepted else [(Code.LANGUAGE_VERSION, 1)])
    assert findings("\n" + line) == []


# ---- depth and time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "repeated", "end"),
    [
        ("let x = 1", " + 1", ""),
        ("let x = ", "not ", "a"),
        ("let x = ", "- ", "a"),
        ("let x = ", "1 if a else ", "2"),
        ("let x = a", ".b", ""),
        ("let x = a", "[0]", ""),
        ("let x = a", "()", ""),
        ("model M { if a { b }", " else if a { b }", "}"),
    ],
)
def test_depth_without_brackets_is_limited(begin: str, repeated: str, end: str) -> None:
    inside = 99 if "else if" in repeated else 100
    assert findings(begin + repeated * inside + end) == []
    assert findings(begin + repeated * (inside + 1) + end) == [(Code.LIMIT, 1)]
    assert findings(begin + repeated * 20_000 + end) == [(Code.LIMIT, 1)]


@pytest.mark.parametrize(("begin", "left", "middle", "right"), [
    ("let x = ", "(", "1", ")"), ("let x = ", "[", "1", "]"), ("model M ", "{", "", "}"),
])  # fmt: skip
def test_depth_of_brackets_is_limited(begin: str, left: str, middle: str, right: str) -> None:
    assert findings(begin + left * 100 + middle + right * 100) == []
    assert findings(begin + left * 101 + middle + right * 101) == [(Code.LIMIT, 1)]
    assert findings(begin + left * 1_000_000) == [(Code.LIMIT, 1)]


def test_long_is_not_deep() -> None:
    assert findings("model M { relu" + " -> relu" * 3000 + "}") == []
    assert findings("let x = [" + "1, " * 3000 + "]") == []


# ---- mistakes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_mistake_has_no_followers(text: str) -> None:
    """A foreign character at the start of any one line is found there, and nothing else is.

    Or at the end of the line before, where that one would have gone on in this one.
    """
    lines = text.split("\n")
    for number in range(len(lines)):
        broken = "\n".join([*lines[:number], "@ " + lines[number], *lines[number + 1 :]])
        assert findings(broken) in ([(Code.SYNTAX, number + 1)], [(Code.SYNTAX, number)])


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(ACCEPTED), st.data())
def test_several_mistakes_have_no_followers(text: str, data: st.DataObject) -> None:
    lines = text.split("\n")
    broken = data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=5))
    found = findings("\n".join("@ " * (number in broken) + line for number, line in enumerate(lines)))
    assert found
    assert len(found) <= len(broken)
    assert {line - 1 for _, line in found} <= broken | {number - 1 for number in broken}


def test_independent_mistakes_are_all_found() -> None:
    text = (
        "let a 1\nmodel M {\n relu relu\n tanh\n add { | x y\n | z\n }\n conv(1 2)\n f(a=1, 2)\n}\nblock b { relu; }\n"
    )
    assert [line for _, line in findings(text)] == [1, 3, 5, 8, 9, 11]


def test_no_message_shows_a_name_of_the_grammar() -> None:
    """Lark's terminals are spelt in capitals, which no message of ours uses for a word of its own."""
    for path in specs("refused"):
        with pytest.raises(SpecError) as error:
            parse(Source(path.name, path.read_bytes().decode()))
        for finding in error.value.diagnostics:
            for name in ("_NL", "NAME", "NUMBER", "RBRACE", "LPAR", "ARROW", "EQUAL", "$END"):
                assert name not in finding.message


def total(text: str) -> None:
    """Any text gives a tree or diagnostics, and these can be shown."""
    found: tuple[Diagnostic, ...] = ()
    try:
        assert isinstance(parse(Source("t", text)), ast.File)
    except SpecError as error:
        found = error.diagnostics
    assert len(render(found).split("error[")) >= len(found)
    for finding in found:
        for label in (finding.primary, *finding.secondary):
            assert 0 <= label.span.start <= label.span.end <= len(text)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    total(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.sampled_from(["", " "]))
def test_any_words(words: list[str], between: str) -> None:
    total(between.join(words))


@settings(deadline=None, max_examples=300)
@given(st.sampled_from([text for text in ACCEPTED if text]), st.data())
def test_any_mutation(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(st.sampled_from([*WORDS, "", "\r", "\0", "é"])) + text[end:]
    total(text)


def test_reading_a_spec_imports_nothing_heavy() -> None:
    code = (
        "import sys; from specc.syntax import parse; from specc.source import Source; parse(Source('t', 'let a = 1'));"
        "print(sorted({'torch', 'onnx', 'numpy', 'pydantic', 'rich', 'lark', 'yaml'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "argument", ["not ( # one ( of } |\n a)", "((((a))))", 'a == "}{" # )\n', "# (\n# {\n a"], ids=range(4)
)
def test_what_freezes_is_known_whatever_stands_in_its_argument(argument: str) -> None:
    (group,) = steps(f"frozen({argument}) {{ relu }}")
    assert isinstance(group, ast.Group)
    assert group.frozen is not None
