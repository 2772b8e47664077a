"""Random edits over standard input and output, and what docs/editors.md shows of many of them."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("pygls")

from benchmarks import server
from benchmarks.hardening import between

pytestmark = pytest.mark.served


def test_two_thousand_edits_leave_the_server_as_it_was() -> None:
    found = server.figures(2_000, seed=2)
    assert found["faults"] == []
    assert found["edits"] == 2_000
    assert set(server.QUESTIONS) <= set(found["answers"])
    assert found["memory"]["100 %"] < 2 * found["memory"]["50 %"]


def test_an_answer_may_only_say_more_than_one_of_the_text_alone_of_what_models_cost() -> None:
    one = {"name": "A", "range": 1, "detail": "4 parameters", "children": []}
    less, other = {**one, "detail": None}, {**one, "name": "B"}
    for what in ("codeLens", "documentSymbol", "hover"):
        method = f"textDocument/{what}"
        assert server.agrees(method, [one, other], [one, other])
        assert not server.agrees(method, [one], [other])
        assert not server.agrees(method, [], [one])
        assert server.agrees(method, [one, other], [one]) == (what == "codeLens")
        assert server.agrees(method, [one], [less]) == (what == "documentSymbol")
        assert not server.agrees(method, [less], [one])
    inner = [{**one, "children": [other]}], [{**one, "children": [one]}]
    assert not server.agrees("textDocument/documentSymbol", *inner)


def test_the_document_shows_what_was_measured() -> None:
    published = json.loads(server.PUBLISHED.read_text("utf-8"))
    document = server.DOCUMENT.read_text("utf-8")
    assert document == between(document, server.text(published), server.BEGIN)
    assert published["faults"] == []


def test_the_spec_that_is_edited_has_the_lines_that_are_said() -> None:
    assert 0.9 * server.LINES < server.spec().count("\n") <= server.LINES
