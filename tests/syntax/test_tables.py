"""The tables computed ahead say what the grammar says."""

import json
from pathlib import Path

import pytest
from lark.exceptions import LexError

from specc.syntax import tables
from specc.syntax.parser import TreeBuilder

GRAMMAR = tables.grammar_text()


@pytest.fixture(name="stale")
def _stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file of tables belongs to another grammar, and would be of no use here."""
    stored = json.loads(tables.TABLES.read_text(encoding="utf-8")) | {"grammar": "another", "rows": [{}]}
    path = tmp_path / "tables.json"
    path.write_text(json.dumps(stored), encoding="utf-8")
    monkeypatch.setattr(tables, "TABLES", path)


def test_the_stored_tables_are_current() -> None:
    assert tables.TABLES.read_text(encoding="utf-8") == tables.serialise(), "run python -m specc.syntax.tables"


def test_strict_mode_accepts_the_grammar() -> None:
    tables.build(GRAMMAR, strict=True)


def test_strict_mode_would_refuse_a_collision() -> None:
    colliding = GRAMMAR.replace("?atom: NUMBER", "?atom: WORD -> word\n     | NUMBER") + "WORD: /[a-z]+/\n"
    with pytest.raises(LexError, match="Collision"):
        tables.build(colliding, strict=True)


def test_the_builder_has_a_method_for_every_rule_and_no_others() -> None:
    methods = {name for name in vars(TreeBuilder) if not name.startswith("_")}
    assert methods == set(tables.tables().methods)


def test_stale_tables_are_not_used(stale: None) -> None:
    assert tables.tables.__wrapped__() == tables.tables()
