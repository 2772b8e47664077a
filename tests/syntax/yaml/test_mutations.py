"""Specs in YAML with something left out, doubled, swapped or put in: read or refused, and never anything else."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from specc.diagnostics import Diagnostic, SpecError
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import ast, parse
from specc.syntax.yaml import nodes
from tests.syntax.yaml.corpus import specs
from tests.syntax.yaml.texts import EXAMPLES

TEXTS = [
    path.read_bytes().decode()
    for path in (*EXAMPLES, *specs("written"), *specs("refused"))
    if not path.stem.startswith("deep")
]
PIECE = re.compile(r"\n *|\w+|[^\w\n]")
SNIPPETS = [
    "- ",
    "-",
    "[",
    "]",
    "{",
    "}",
    ": ",
    ":",
    ", ",
    ",",
    "\n",
    "\n  ",
    "    ",
    "\t",
    "#",
    " # c",
    '"',
    "'",
    "=",
    "&a ",
    "*a",
    "!t ",
    "<<: ",
    "? ",
    "| ",
    ">",
    "%",
    "@",
    "`",
    "---\n",
    "...\n",
    "~",
    "null",
    "true",
    ".inf",
    "1",
    "1e999",
    "0x",
    "\\",
    "\r",
    "label: x",
    "arms: ",
    "body: ",
    "call: ",
    "in: ",
    "if: ",
    "for: ",
    "let: ",
    "shape: ",
    "repeat: 2",
    "model: ",
    "é",
    "\u2028",
    "[]",
    "{}",
    '""',
    "=(",
    "= ",
    "=a b",
    "_",
    "in",
    "steps: ",
    "then: ",
    "else: ",
    "from: ",
    "default: ",
    "params: ",
    "where: ",
]


@pytest.fixture(params=["c", "python"], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(nodes, "_loader", lambda: yaml.SafeLoader)


def reads_or_refuses(text: str) -> None:
    source = Source("net.yaml", text)
    findings = refused(source)
    assert len(findings) <= 20
    assert bool(render(findings)) == bool(findings)
    for label in (label for finding in findings for label in (finding.primary, *finding.secondary)):
        assert 0 <= label.span.start <= label.span.end <= len(text)
        assert label.span.source is source


def refused(source: Source) -> tuple[Diagnostic, ...]:
    try:
        assert isinstance(parse(source), ast.File)
    except SpecError as error:
        return error.diagnostics
    return ()


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(TEXTS), st.data())
def test_mutated(text: str, data: st.DataObject) -> None:
    pieces = PIECE.findall(text)
    for _ in range(data.draw(st.integers(1, 4))):
        here, there = (data.draw(st.integers(0, len(pieces) - 1)) for _ in range(2))
        match data.draw(st.sampled_from("delete double swap replace insert".split())):
            case "delete" if len(pieces) > 1:
                del pieces[here]
            case "double":
                pieces.insert(here, pieces[here])
            case "swap":
                pieces[here], pieces[there] = pieces[there], pieces[here]
            case "replace":
                pieces[here] = data.draw(st.sampled_from(SNIPPETS))
            case _:
                pieces.insert(here, data.draw(st.sampled_from(SNIPPETS)))
    reads_or_refuses("".join(pieces))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=30))
def test_snippets(snippets: list[str]) -> None:
    reads_or_refuses("".join(snippets))


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    reads_or_refuses(text)
