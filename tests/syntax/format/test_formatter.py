"""The formatter: the corpus, each spec with its text in the one style beside it, and what holds for every spec.

SPECC_UPDATE=1 writes the expected texts anew: read the difference before committing it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source, Span
from specc.syntax import read
from specc.syntax.format import formatted
from specc.syntax.parser import parse
from tests.elaborate.random_specs import Spec, specs
from tests.syntax.format.scramble import comments, scrambled, without_comments

ROOT = Path(__file__).parents[3]
CORPUS = sorted(Path(__file__).with_name("corpus").glob("*.cnn"))
EXAMPLES = sorted(ROOT.glob("examples/**/*.cnn"))
ACCEPTED = sorted(path for path in ROOT.glob("tests/**/*.cnn") if "refused" not in path.parts)
EVERY = EXAMPLES + ACCEPTED


def text_of(path: Path) -> str:
    return path.read_bytes().decode()


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def bare(tree: Any) -> Any:
    """The tree without its places."""
    if not isinstance(tree, tuple):
        return type(tree).__name__, tree
    return type(tree).__name__, [bare(part) for part in tree if not isinstance(part, (Span, Source))]


def tree_of(text: str) -> Any:
    return bare(parse(Source("spec.cnn", text)))


def fmt(text: str) -> str:
    return formatted(Source("spec.cnn", text))


def graphs_of(text: str, path: Path) -> list[str]:
    """Every model's graph, in words; of a spec that does not fit, its findings."""
    try:
        graphs = [checked.graph for checked in check_file(parse(Source(str(path), text)))]
    except SpecError as error:
        return [f"{finding.code} {finding.message}" for finding in error.diagnostics]
    return [f"{node.name} {node.op!r} {node.inputs} {node.type}" for graph in graphs for node in graph.nodes]


# ---- the corpus -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_style(path: Path) -> None:
    text = fmt(text_of(path))
    expected = path.with_suffix(".fmt")
    if os.environ.get("SPECC_UPDATE"):
        expected.write_bytes(text.encode())
    assert text == text_of(expected)


def test_every_expected_text_has_its_spec() -> None:
    assert CORPUS
    assert {path.stem for path in CORPUS} == {path.stem for path in Path(__file__).with_name("corpus").glob("*.fmt")}


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_examples_are_in_the_style(path: Path) -> None:
    assert fmt(text_of(path)) == text_of(path)


def test_the_document_on_the_style_is_in_the_style() -> None:
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    steps, whole = re.findall(r"```cnn (?:steps|net\.cnn)\n(.*?)```", text, re.DOTALL)
    assert fmt(whole) == whole
    body = "".join(f"  {line}\n" for line in steps.splitlines())
    assert fmt(f"model M : [N, 3] {{\n{body}}}\n") == f"model M : [N, 3] {{\n{body}}}\n"


# ---- what holds for every spec ------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_formatting_changes_neither_tree_nor_comments(path: Path) -> None:
    text = text_of(path)
    once = fmt(text)
    assert tree_of(once) == tree_of(text)
    assert comments(once) == comments(text)
    assert fmt(once) == once


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_formatting_changes_no_graph(path: Path) -> None:
    text = text_of(path)
    untidy = scrambled(without_comments(text), Random(1))
    assert graphs_of(fmt(untidy), path) == graphs_of(text, path)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_any_layout_with_any_comments(path: Path, seed: int) -> None:
    plain = without_comments(text_of(path).replace("\r\n", "\n"))
    random = Random(f"{path.stem} {seed}")
    check_layout(plain, scrambled(plain, random, often=random.choice([0.03, 0.1, 0.3])))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(), st.integers(0, 2**32))
def test_random_specs(spec: Spec, seed: int) -> None:
    check_layout(spec.text, scrambled(spec.text, Random(seed)))


def check_layout(plain: str, untidy: str) -> None:
    """``untidy`` is ``plain`` in another layout, with comments: it is formatted to the same text around them."""
    assert tree_of(untidy) == tree_of(plain), "the test's own mistake"
    tidy = fmt(untidy)
    assert tree_of(tidy) == tree_of(plain)
    assert comments(tidy) == comments(untidy)
    assert fmt(tidy) == tidy
    assert fmt(without_comments(tidy)) == fmt(plain)
    assert not [line for line in tidy.splitlines() if line != line.rstrip()]
    assert "\n\n\n" not in tidy


@pytest.mark.parametrize("path", EVERY, ids=name_of)
def test_width(path: Path) -> None:
    """Only what cannot be broken goes beyond the width: a string, a name, and what a comment for a tool is about."""
    for line in without_comments(fmt(text_of(path))).splitlines():
        assert len(line) <= 100 or '"' in line or "silenced" in path.stem


def test_refused_specs_are_refused_with_their_findings() -> None:
    with pytest.raises(SpecError, match="S0003"):
        fmt("model M : [N, 3] { conv( }\n")


# ---- corners ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_end_as_the_first_one_does(end: str) -> None:
    text = f"let a=1 # b{end}\r\nlet c = 2\nlet d = 3"
    tidy = f"let a = 1  # b{end}{end}let c = 2{end}let d = 3{end}"
    assert fmt(text) == tidy
    assert fmt(tidy) == tidy
    assert fmt("let a=1") == "let a = 1\n"
    assert fmt("\nlet a=1\r\n") == "let a = 1\n"


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "bom.cnn"
    path.write_bytes(b"\xef\xbb\xbflet a = 1\n")
    assert formatted(read(path)) == "let a = 1\n"


@pytest.mark.parametrize("pin", ["# specc 1", "#specc: 1", "#   specc   1"])
def test_the_pin_stays_a_pin(pin: str) -> None:
    again = fmt(f"{pin}\n\n\nlet a=1\n")
    assert again.splitlines()[1:] == ["", "let a = 1"]
    with pytest.raises(SpecError, match="S0005"):
        parse(Source("spec.cnn", again.replace("1", "2", 1)))


def nested(kind: str, depth: int) -> str:
    opening, closing = {
        "merge": ("add { # c\n | conv(8, 3) -> relu | ", " }"),
        "merge_plain": ("add { | conv(8, 3) -> relu | ", " }"),
        "repeat": ("repeat 2 { # c\n conv(8, 3) -> ", " }"),
        "if": ("if a { # c\n conv(8, 3) -> ", " }"),
        "else_if": ("if a { relu } # c\n else ", ""),
    }[kind]
    inner = "{ relu }" if kind == "else_if" else "relu"
    return f"model M : [N, 3] {{ {opening * depth}{inner}{closing * depth} }}\n"


@pytest.mark.parametrize("kind", ["merge", "merge_plain", "repeat", "if", "else_if"])
def test_what_nests_as_deep_as_the_parser_takes_is_formatted(kind: str) -> None:
    text = nested(kind, 97)
    assert fmt(fmt(text)) == fmt(text)


@pytest.mark.parametrize("inner", ["f(1, # c\n ", "[2, # c\n ", "not (a or # c\n ", "1 + (2 * # c\n "])
def test_deep_expressions(inner: str) -> None:
    closing = {"f": ")", "[": "]", "n": ")", "1": ")"}[inner[0]]
    text = f"let a = {inner * 45}3{closing * 45}\n"
    once = fmt(text)
    assert comments(once) == comments(text)
    assert fmt(once) == once


def test_operators_keep_their_tree() -> None:
    """Every pair of operators, nested on either side: parentheses stand where they are needed, and nowhere else."""
    for text in operator_pairs():
        written = fmt(f"let a = {text}\n")
        assert tree_of(written) == tree_of(f"let a = {text}\n")
        assert written.count("(") == needed(text)


def operator_pairs() -> Iterator[str]:
    operators = ["or", "and", "==", "<", "+", "-", "*", "/", "//", "%", "**"]
    for outer in operators:
        for inner in operators:
            yield f"(a {inner} b) {outer} c"
            yield f"a {outer} (b {inner} c)"
        yield f"(not a) {outer} b"
        yield f"a {outer} (not b)"
        yield f"(-a) {outer} (-b)"
        yield f"-(a {outer} b)"
        yield f"not (a {outer} b)"
        yield f"(a if b else c) {outer} d"
        yield f"a {outer} (b if c else d)"
        yield f"(a {outer} b).c"
        yield f"(a {outer} b)[0]"
        yield f"(a {outer} b)[c {outer} d :]"


def needed(text: str) -> int:
    """How many of the pairs of parentheses in ``text`` change the tree, tried one by one."""
    plain = tree_of(f"let a = {text}\n")
    opens = [at for at, mark in enumerate(text) if mark == "("]
    count = 0
    for at in opens:
        close = text.index(")", at)
        without = text[:at] + " " + text[at + 1 : close] + " " + text[close + 1 :]
        try:
            count += tree_of(f"let a = {without}\n") != plain
        except SpecError:
            count += 1
    return count


def test_a_result_that_says_something_else_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    from specc.syntax.format import inline

    monkeypatch.setattr(inline, "string", lambda value: f'"{value}"')
    with pytest.raises(RuntimeError, match="would change what"):
        fmt('let a = "\\n"\n'.replace("\\n", "\\\\n"))


def test_a_lost_comment_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from specc.syntax.format.lists import LineWriter

    monkeypatch.setattr(LineWriter, "comment", lambda self, comment: None)
    with pytest.raises(RuntimeError, match="would change what"):
        fmt("let a = 1  # why\n")
