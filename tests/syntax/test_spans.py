"""Spans: exact for every kind of node, and sound for every node of the corpus."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specc.source import Source
from specc.syntax import ast, parse, read
from tests.syntax.corpus import specs

CONTRACT = "[N] ->  [N]\n  where N > 0, # c\n N < 9"


def nodes(tree: Any) -> Iterator[Any]:
    """Every node below, the tree itself first."""
    if not isinstance(tree, tuple):
        return
    if hasattr(tree, "_fields"):
        yield tree
    for part in tree:
        yield from nodes(part)


def texts(source: str, kind: type[Any]) -> list[str]:
    return [node.span.text for node in nodes(parse(Source("t", source))) if type(node) is kind]


@pytest.mark.parametrize(
    ("kind", "source", "expected"),
    [
        (ast.Import, 'from "a.cnn" import b, c   # names\n', ['from "a.cnn" import b, c']),
        (ast.Let, "let x = (1 + 2) * 3   # a sum\n", ["let x = (1 + 2) * 3"]),
        (ast.Binary, "let x = (1 + 2) * 3   # a sum\n", ["(1 + 2) * 3", "1 + 2"]),
        (ast.Unary, "let x = not - (a)  # c", ["not - (a)", "- (a)"]),
        (ast.Conditional, "let x = (1 if a else 2)\n", ["1 if a else 2"]),
        (ast.Attribute, "let x = (a).b . c\n", ["(a).b . c", "(a).b"]),
        (ast.Index, "let x = a[ 0 ] [1 ]\n", ["a[ 0 ] [1 ]", "a[ 0 ]"]),
        (ast.Apply, "let x = f( a , b = 2 )  \n", ["f( a , b = 2 )"]),
        (ast.Argument, "let x = f( a , b = (2) )\n", ["a", "b = (2)"]),
        (ast.Sequence, "let x = [1, (2,\n 3), ]\n", ["[1, (2,\n 3), ]", "(2,\n 3)"]),
        (ast.Text, 'let x = "a # b" # c\n', ['"a # b"']),
        (ast.Default, "default conv( bias = false )  # c\n", ["default conv( bias = false )"]),
        (ast.Param, "block f( a, b = 2 ) { relu }\n", ["a", "b = 2"]),
        (ast.BlockDefinition, "block f(a) {\n relu # c\n\n}  # c\n", ["block f(a) {\n relu # c\n\n}"]),
        (ast.Contract, "model M : [N] ->  [N]\n  where N > 0, # c\n N < 9 {}\n", [CONTRACT]),
        (ast.PortDeclaration, "model M : ( a : [N], b: [N] ) -> [N] {}\n", ["a : [N]", "b: [N]", "[N]"]),
        (ast.Body, "model M { # c\n relu\n # c\n }\n", ["{ # c\n relu\n # c\n }"]),
        (ast.Call, "model M { a: conv( 1,\n 2 )  -> relu # c\n b : tanh\n}\n", ["conv( 1,\n 2 )", "relu", "tanh"]),
        (ast.Binder, "model M { a: conv(1) -> b : relu\n}\n", ["a", "b"]),
        (ast.Merge, "model M { m: add( 1 ) { # c | d\n | a\n } # c\n}\n", ["add( 1 ) { # c | d\n | a\n }"]),
        (ast.Arm, "model M { add { # c | d\n # |\n | # |\n a\n b | c # d\n } }\n", ["| # |\n a\n b", "| c"]),
        (ast.Group, "model M { g: { relu } -> { tanh } }\n", ["{ relu }", "{ tanh }"]),
        (ast.Group, "model M { g: frozen ( a ) { relu } # c\n }\n", ["frozen ( a ) { relu }"]),
        (ast.Checkpoint, "model M { relu -> [ N, 3 ] # c\n}\n", ["[ N, 3 ]"]),
        (ast.Enclosing, "model M { a : in -> relu }\n", ["in"]),
        (ast.Repeat, "model M { repeat 2 { relu } -> tanh }\n", ["repeat 2 { relu }"]),
        (ast.For, "model M { for a , b in c { relu } # c\n }\n", ["for a , b in c { relu }"]),
        (ast.If, "model M { if a { b }\n else if c { d } # c\n }\n", ["if a { b }\n else if c { d }", "if c { d }"]),
        (ast.Assert, 'model M { assert a == 1 , "b" # c\n }\n', ['assert a == 1 , "b"']),
        (ast.Shared, "model M { shared t = a -> b( 1 ) # c\n }\n", ["shared t = a -> b( 1 )"]),
    ],
)
def test_span_of(kind: type, source: str, expected: list[str]) -> None:
    assert texts(source, kind) == expected


def test_name_spans() -> None:
    file = parse(Source("t", 'from "a.cnn" import b\nlet x = 1\ndefault conv(a=1)\nblock f { add ( ) { | relu } }\n'))
    imported, let, default, block = file.items
    assert isinstance(imported, ast.Import)
    assert imported.path_span.text == '"a.cnn"'
    assert isinstance(let, ast.Let)
    assert let.name_span.text == "x"
    assert isinstance(default, ast.Default)
    assert default.name_span.text == "conv"
    assert isinstance(block, ast.BlockDefinition)
    assert block.name_span.text == "f"
    (merge,) = block.body.statements
    assert isinstance(merge, ast.Merge)
    assert merge.name_span.text == "add"


@pytest.mark.parametrize("path", specs("accepted"), ids=lambda path: path.stem)
def test_spans_are_tight_and_nested(path: Path) -> None:
    for parent in nodes(parse(read(path))):
        if isinstance(parent, ast.File):
            continue
        text = parent.span.text
        assert text == text.strip()
        assert text
        label = getattr(parent, "label", None)
        for child in nodes(tuple(parent)):
            if child is not label:
                assert parent.span.start <= child.span.start <= child.span.end <= parent.span.end
