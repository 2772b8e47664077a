"""The tables computed ahead say what the grammar says."""

import json
from pathlib import Path

import pytest
from lark import Lark
from lark.exceptions import LexError

from specc.syntax import tables
from specc.syntax.brackets import flatten
from specc.syntax.builder import build
from specc.syntax.reader import read
from tests.syntax.corpus import specs

GRAMMAR = tables.grammar_text()


@pytest.fixture
def from_grammar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lark:
    """The parser as it is made where the tables belong to another grammar."""
    stored = json.loads(tables.TABLES.read_text(encoding="utf-8"))
    stored["made_from"]["grammar"] = "another"
    stale = tmp_path / "tables.json"
    stale.write_text(json.dumps(stored), encoding="utf-8")
    monkeypatch.setattr(tables, "TABLES", stale)
    return tables.parser.__wrapped__()


def test_the_stored_tables_are_current() -> None:
    """The same automaton: states are numbered differently on every run, so both are walked side by side."""
    stored = json.loads(tables.TABLES.read_text(encoding="utf-8"))
    assert stored["made_from"] == tables._made_from(GRAMMAR), "run python -m specc.syntax.tables"
    ours = tables.parser().parser.parser._parse_table
    fresh = tables.build(GRAMMAR).parser.parser._parse_table
    pairs = [(ours.start_states["start"], fresh.start_states["start"])]
    seen: dict[int, int] = {}
    while pairs:
        left, right = pairs.pop()
        if left in seen:
            assert seen[left] == right
            continue
        seen[left] = right
        assert ours.states[left].keys() == fresh.states[right].keys()
        for token, (kind, target) in ours.states[left].items():
            fresh_kind, fresh_target = fresh.states[right][token]
            assert str(kind) == str(fresh_kind)
            if isinstance(target, int):
                pairs.append((target, fresh_target))
            else:
                assert target == fresh_target
    assert len(seen) == len(fresh.states)
    terminals = [
        {t.name: (t.pattern.to_regexp(), t.priority) for t in p.terminals}
        for p in (tables.parser(), tables.build(GRAMMAR))
    ]
    assert terminals[0] == terminals[1]


def test_strict_mode_accepts_the_grammar() -> None:
    tables.build(GRAMMAR, strict=True)


def test_strict_mode_would_refuse_a_collision() -> None:
    colliding = GRAMMAR.replace("?atom: NUMBER", "?atom: WORD -> word\n     | NUMBER") + "WORD: /[a-z]+/\n"
    with pytest.raises(LexError, match="Collision"):
        tables.build(colliding, strict=True)


@pytest.mark.parametrize("path", specs("accepted"), ids=lambda path: path.stem)
def test_both_ways_give_the_same_tree(path: Path, from_grammar: Lark) -> None:
    source = read(path)
    stored, fresh = (build(parser.parse(flatten(source)), source) for parser in (tables.parser(), from_grammar))
    assert stored == fresh
