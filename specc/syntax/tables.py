"""The tables of both parsers, computed ahead: from the grammar they would take a third of a second at every start.

``python -m specc.syntax.tables`` writes them anew after a change of the grammar or of Lark: tables.json for
`specc.syntax.lalr`, which parses every spec, and lark.json for Lark, which explains what is wrong with one.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import lark
from lark import Lark
from lark.grammar import Rule as LarkRule
from lark.grammar import Terminal
from lark.lexer import TerminalDef

from specc.syntax.lalr import END, TABLES, Rule, Tables, grammar_text

LARK_TABLES = Path(__file__).with_name("lark.json")
OPTIONS: dict[str, Any] = {"parser": "lalr", "lexer": "basic"}
FIRST = r"-\n#|we}"
"""What the terminals with a priority can begin with, behind blanks: of the characters of a spec most are none of it."""


@cache
def lark_parser() -> Lark:
    """Lark: from its tables where they belong to this grammar and this Lark, else from the grammar."""
    grammar = grammar_text()
    if LARK_TABLES.exists():
        stored = json.loads(LARK_TABLES.read_text(encoding="utf-8"))
        if stored["made_from"] == _made_from(grammar):
            return _load(stored["data"], stored["memo"])
    return build(grammar)


def build(grammar: str, *, strict: bool = False) -> Lark:
    """Lark from the grammar itself. ``strict`` refuses conflicts and colliding terminals."""
    return Lark(grammar, strict=strict, **OPTIONS)


def serialise() -> str:
    """The text of tables.json for the present grammar: the same on every run."""
    return _as_json(tables(grammar_text())._asdict())


def serialise_lark() -> str:
    """The text of lark.json for the present grammar. Lark numbers the states anew on every run."""
    grammar = grammar_text()
    data, memo = build(grammar).memo_serialize([TerminalDef, LarkRule])
    return _as_json({"made_from": _made_from(grammar), "data": data, "memo": memo})


# ---- the tables of specc's own parser -----------------------------------------------------------------


def tables(grammar: str) -> Tables:
    """The automaton and the lexer that Lark makes of a grammar."""
    built = build(grammar)
    # An empty text is the only one that a rule without symbols could be for, and there is none: a newline ends it.
    rules = sorted((rule for rule in built.rules if rule.expansion), key=lambda rule: (rule.origin.name, rule.order))
    methods = sorted({_method(rule) for rule in rules if _makes_node(rule)})
    lexer, keywords = _lexer(built)
    return Tables(
        grammar=grammar,
        lexer=lexer,
        keywords=keywords,
        kept=_kept(rules),
        rows=_rows(built, {rule: number for number, rule in enumerate(rules)}),
        rules=[_rule(rule, methods) for rule in rules],
        methods=methods,
    )


def _kept(rules: list[LarkRule]) -> list[str]:
    symbols = (symbol for rule in rules for symbol in rule.expansion)
    return sorted({symbol.name for symbol in symbols if isinstance(symbol, Terminal) and not symbol.filter_out})


def _lexer(built: Lark) -> tuple[str, dict[str, str]]:
    """The terminals in the order in which Lark tries them, and the keywords among the names."""
    lexer: Any = built.parser.lexer
    terminals = {terminal.name: terminal for terminal in lexer.scanner.terminals}
    (ignored,) = lexer.ignore_types
    blanks = terminals.pop(ignored).pattern.to_regexp()
    # Groups around the terminals would keep Python's matcher from telling by a first character what cannot match.
    first = "|".join(_alternative(terminal) for terminal in terminals.values() if terminal.priority > 0)
    others = "|".join(_alternative(terminal) for terminal in terminals.values() if terminal.priority <= 0)
    (names,) = lexer.callback.values()
    keywords = {str(terminal.pattern.value): terminal.name for terminal in names.scanner.terminals}
    # Blanks in front: a terminal that may begin with blanks matches behind them too.
    return f"(?:{blanks})?(?P<begin>)(?:(?=[{FIRST}])(?:{first})|{others}|.(?P<unknown>))", keywords


def _alternative(terminal: TerminalDef) -> str:
    return f"(?:{terminal.pattern.to_regexp()})(?P<{terminal.name}>)"


def _rows(built: Lark, numbers: dict[LarkRule, int]) -> list[dict[str, int]]:
    """The states in the order in which they are reached from the first, symbols in alphabetical order."""
    table: Any = built.parser.parser._parse_table
    reached = {table.start_states["start"]: 0}
    rows: list[dict[str, int]] = []
    for state in (waiting := list(reached)):
        rows.append({})
        for symbol, (_, target) in sorted(table.states[state].items()):
            if isinstance(target, int):
                next_state = _behind(table.states, state, symbol)
                if next_state not in reached:
                    reached[next_state] = len(waiting)
                    waiting.append(next_state)
                rows[-1][symbol] = reached[next_state]
            elif target.expansion:
                rows[-1][symbol] = -1 - numbers[target]
    rows[reached[table.end_states["start"]]][END] = 0
    return rows


def _behind(states: Any, state: int, symbol: str) -> int:
    """The state that a symbol leads to, past those in which all that can be done is to hand its value on.

    ``atom: NUMBER`` climbs ten rules to an ``expr``; four of them are passed here. A terminal that does not fit is
    found a state later then, and still before it is taken.
    """
    target: int = states[state][symbol][1]
    actions = {action for _, action in states[target].values()}
    if len(actions) == 1:
        (rule,) = actions
        if isinstance(rule, LarkRule) and len(rule.expansion) == 1 and _passes(rule) == 0:
            return _behind(states, state, rule.origin.name)
    return target


def _rule(rule: LarkRule, methods: list[str]) -> Rule:
    parts, lists = _parts(rule)
    method = methods.index(_method(rule)) if _makes_node(rule) else -1
    return Rule(rule.origin.name, len(rule.expansion), _passes(rule), method, parts, lists)


def _passes(rule: LarkRule) -> int:
    """A single member that is a list already is the list; so is, under `?`, a single value the value."""
    parts, lists = _parts(rule)
    hands_on = not _makes_node(rule) and len(parts) == 1 and (lists or rule.options.expand1)
    return parts[0] if hands_on else -1


def _parts(rule: LarkRule) -> tuple[list[int], list[int]]:
    """What Lark keeps: no terminal in quotes or with `_`, the members of a rule with `_`, None for [ ] left out."""
    assert not rule.options.keep_all_tokens
    parts, lists, place = [], [], 0
    for absent in rule.options.empty_indices or [False] * len(rule.expansion):
        if absent:
            parts.append(-1)
            continue
        symbol = rule.expansion[place]
        if not (isinstance(symbol, Terminal) and symbol.filter_out):
            parts.append(place)
        if not symbol.is_term and symbol.name.startswith("_"):
            lists.append(place)
        place += 1
    return parts, lists


def _makes_node(rule: LarkRule) -> bool:
    hands_on = rule.options.expand1 and not rule.alias
    return not (hands_on or rule.origin.name.startswith("_"))


def _method(rule: LarkRule) -> str:
    return str(rule.alias or rule.origin.name)


# ---- files --------------------------------------------------------------------------------------------


def _made_from(grammar: str) -> dict[str, str]:
    major, minor, *_ = lark.__version__.split(".")
    return {"grammar": grammar, "lark": f"{major}.{minor}"}


def _load(data: dict[str, Any], memo: dict[str, Any]) -> Lark:
    # JSON has text for keys only; Lark numbers its states, tokens and memo.
    table = data["parser"]["parser"]
    for name in ("tokens", "states"):
        table[name] = _numbered(table[name])
    table["states"] = {state: _numbered(actions) for state, actions in table["states"].items()}
    return Lark.load({"data": data, "memo": _numbered(memo)})


def _numbered(mapping: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in mapping.items()}


def _as_json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True) + "\n"


if __name__ == "__main__":
    TABLES.write_text(serialise(), encoding="utf-8")
    LARK_TABLES.write_text(serialise_lark(), encoding="utf-8")
