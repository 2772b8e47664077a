"""The edits that lints suggest: what is left is the same network without the step, with every weight under its name."""

from __future__ import annotations

import pytest

from specc.diagnostics import Code, Diagnostic, Fix
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.source import Source
from specc.syntax import parse
from tests.lint.test_corpus import FOUND, linted


def applied(text: str, fix: Fix) -> str:
    for edit in sorted(fix.edits, key=lambda e: -e.span.start):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def graphs(text: str) -> list[Graph]:
    return [checked.graph for checked in check_file(parse(Source("net.cnn", text)))]


def contracts(graph: Graph) -> tuple[object, ...]:
    return graph.inputs, tuple(port for port, _ in graph.outputs), graph.state


def fixable() -> list[tuple[str, Diagnostic]]:
    """Those that leave the contract as it is."""
    texts = [path.read_text() for path in FOUND]
    found = [(text, finding) for text in texts for finding in linted(text) if finding.fix is not None]
    return [(text, finding) for text, finding in found if finding.code is not Code.IMAGE_AXES]


def test_there_are_fixes() -> None:
    found = fixable()
    assert len(found) >= 25
    assert {finding.code for _, finding in found} == {
        Code.NO_EFFECT,
        Code.REPEATED_ACTIVATION,
        Code.UNUSED_DEFINITION,
    }


def test_a_fix_removes_its_step_and_nothing_else() -> None:
    for text, finding in fixable():
        assert finding.fix is not None
        fixed = applied(text, finding.fix)
        before, after = graphs(text), graphs(fixed)
        assert list(map(contracts, after)) == list(map(contracts, before)), finding.message
        kinds = [sorted(node.op.kind for node in graph.nodes) for graph in before]
        if finding.code is not Code.UNUSED_DEFINITION:
            lost = finding.message.split()[0]
            for graph, kept in zip(after, kinds, strict=True):
                gone = len(kept) - len(graph.nodes)
                assert gone == kept.count(lost) - sum(node.op.kind == lost for node in graph.nodes)
            assert sum(map(len, kinds)) > sum(len(graph.nodes) for graph in after)
        assert len(linted(fixed)) <= len(linted(text)), "what follows may now be behind another step"


def test_an_image_is_given_its_axes() -> None:
    """One fix of a file at a time: each takes its own warning away, and the network checks with its input."""
    (path,) = (path for path in FOUND if path.stem == "image_axes")
    text = path.read_text()
    found = linted(text, path.name)
    assert len(found) == 8
    for finding in found:
        if finding.fix is not None and finding.message.split("]")[0].count(",") == 2 and "16" not in finding.message:
            fixed = applied(text, finding.fix)
            assert len(linted(fixed, path.name)) == len(found) - 1


LAYOUTS = [
    ("{ relu -> dropout(0) -> conv(2, 1) }", "{ relu -> conv(2, 1) }"),
    ("{ dropout(0) -> conv(2, 1) -> relu }", "{ conv(2, 1) -> relu }"),
    ("{ conv(2, 1) -> relu -> dropout(0) }", "{ conv(2, 1) -> relu }"),
    ("{\n  conv(2, 1)\n  dropout(0)\n  relu\n}", "{\n  conv(2, 1)\n  relu\n}"),
    ("{\n  conv(2, 1)\n  -> dropout(0)\n  -> relu\n}", "{\n  conv(2, 1)\n  -> relu\n}"),
    ("{\n  conv(2, 1) ->\n  dropout(0) ->\n  relu\n}", None),
    ("{\n  conv(2, 1)\n  -> dropout(0) -> relu\n}", "{\n  conv(2, 1)\n  -> relu\n}"),
    ("{\n  # first\n\n  dropout(0)\n  conv(2, 1)\n}", "{\n  # first\n\n  conv(2, 1)\n}"),
    ("{\n  conv(2, 1)\n  dropout(0)  # why\n  relu\n}", None),
    ("{\n  conv(2, 1) ->  # on\n  dropout(0)\n}", None),
    ("{\n  dropout(0)\n  -> relu\n}", None),
    ("{ conv(2, 1) -> named: dropout(0) -> relu }", None),
    ("{ add { | dropout(0) | _ } }", None),
    ("{ repeat 2 { conv(2, 1) -> dropout(0) } }", None),
    ("{ repeat 2 { conv(2, 1) -> dropout(0) -> relu } }", "{ repeat 2 { conv(2, 1) -> relu } }"),
    ("{ shared s = conv(2, 1) -> dropout(0)\n  s -> s }", None),
]


@pytest.mark.parametrize(("body", "expected"), LAYOUTS)
def test_only_where_the_text_stays_a_chain_and_the_weights_keep_their_names(body: str, expected: str | None) -> None:
    text = f"model M : [N, 2, 8, 8] {body}\n"
    (finding,) = [f for f in linted(text) if f.code is Code.NO_EFFECT]
    if expected is None:
        assert finding.fix is None
        return
    assert finding.fix is not None
    fixed = applied(text, finding.fix)
    assert fixed == f"model M : [N, 2, 8, 8] {expected}\n"
    assert [g.state for g in graphs(fixed)] == [g.state for g in graphs(text)]


def test_a_step_with_weights_is_left_to_its_author() -> None:
    (finding,) = linted("model M : [N, 2] { relu -> prelu -> fc(2) }")
    assert finding.code is Code.NO_EFFECT
    assert finding.fix is None
