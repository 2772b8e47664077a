"""The tables computed ahead say what the grammar says."""

import json
from pathlib import Path

import interegular
import pytest
from lark.exceptions import LexError

from specc.source import Source
from specc.syntax import lalr, parse, parser, tables
from specc.syntax.brackets import flatten
from specc.syntax.builder import Builder
from specc.syntax.reader import read
from tests.syntax.corpus import specs

GRAMMAR = lalr.grammar_text()


@pytest.fixture(name="stale")
def _stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both files of tables belong to another grammar, and would be of no use here."""
    for module, name, key, empty in ((lalr, "TABLES", "grammar", "rows"), (tables, "LARK_TABLES", "made_from", "data")):
        stored = json.loads(getattr(module, name).read_text(encoding="utf-8"))
        stored |= {key: "another", empty: [{}]}
        path = tmp_path / name
        path.write_text(json.dumps(stored), encoding="utf-8")
        monkeypatch.setattr(module, name, path)


def test_the_stored_tables_are_current() -> None:
    assert lalr.TABLES.read_text(encoding="utf-8") == tables.serialise(), "run python -m specc.syntax.tables"


def test_the_stored_tables_of_lark_are_current() -> None:
    """The same automaton: states are numbered differently on every run, so both are walked side by side."""
    stored = json.loads(tables.LARK_TABLES.read_text(encoding="utf-8"))
    assert stored["made_from"] == tables._made_from(GRAMMAR), "run python -m specc.syntax.tables"
    ours = tables.lark_parser().parser.parser._parse_table
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
        for p in (tables.lark_parser(), tables.build(GRAMMAR))
    ]
    assert terminals[0] == terminals[1]


def test_strict_mode_accepts_the_grammar() -> None:
    tables.build(GRAMMAR, strict=True)


def test_strict_mode_would_refuse_a_collision() -> None:
    colliding = GRAMMAR.replace("?atom: NUMBER", "?atom: WORD -> word\n     | NUMBER") + "WORD: /[a-z]+/\n"
    with pytest.raises(LexError, match="Collision"):
        tables.build(colliding, strict=True)


def test_terminals_with_a_priority_begin_as_the_lexer_supposes() -> None:
    """The lexer tries them only where one of these characters stands; automata tell what they can begin with."""
    begins: set[str] = set()
    for terminal in tables.build(GRAMMAR).terminals:
        if terminal.priority > 0:
            automaton = interegular.parse_pattern(terminal.pattern.to_regexp()).to_fsm()
            ways = automaton.map[automaton.initial]
            begins |= {str(char) for char, key in automaton.alphabet.items() if automaton.islive(ways.get(key))}
    assert begins - {" ", "\t"} == set(tables.FIRST.replace("\\n", "\n"))


def test_the_builder_has_a_method_for_every_rule_and_no_others() -> None:
    methods = {name for name in vars(Builder) if not name.startswith("_")}
    assert methods == set(tables.tables(GRAMMAR).methods)


@pytest.mark.parametrize("path", specs("accepted"), ids=lambda path: path.stem)
def test_stale_tables_are_not_used(path: Path, stale: None) -> None:
    source = read(path)
    text = flatten(source)
    stored, fresh = lalr.parser(), lalr.parser.__wrapped__()
    assert stored is not fresh
    assert stored.parse(text, Builder(source)) == fresh.parse(text, Builder(source))


def test_stale_tables_of_lark_are_not_used(stale: None) -> None:
    assert tables.lark_parser.__wrapped__().parse("let x = 1\n").data == "start"


def test_a_text_that_only_lark_accepts_is_an_error_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the two ever to disagree, nobody is told that a right spec is wrong."""
    whole = tables.tables(GRAMMAR)
    rows = [{symbol: to for symbol, to in row.items() if symbol != "LET"} for row in whole.rows]
    broken = lalr.Parser(whole._replace(rows=rows))
    monkeypatch.setattr(parser, "parser", lambda: broken)
    assert parse(Source("t", "model M { relu }")).models
    with pytest.raises(lalr.NotInGrammar):
        parse(Source("t", "let x = 1"))
