"""The tables of the lexer and the parser: what Lark makes of ``grammar/specc.lark``, and the file that keeps them.

Lark would take a third of a second at every start, so the tables lie in tables.json. ``python -m specc.syntax.tables``
writes them anew after a change of the grammar or of Lark, and where they belong to another grammar they are not used.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lark import Lark
    from lark.grammar import Rule

TABLES = Path(__file__).with_name("tables.json")
END = "$END"
"""The terminal behind the last one of a text."""
OPTIONS: dict[str, Any] = {"parser": "lalr", "lexer": "basic"}


class Production(NamedTuple):
    """What becomes of the symbols of a rule.

    Attributes:
        symbol: the one that takes their place.
        size: how many they are; at least one.
        passes: the place of the one whose value is the value of the whole; -1 where something is made of them.
        method: the number of the builder's method, which is called with the offsets of begin and end and with the
            parts; -1 where the parts are only a list for the rule around this one.
        parts: places among the symbols; -1 for an optional part that was left out.
        lists: which of these places hold such a list, which gives its members.
    """

    symbol: str
    size: int
    passes: int
    method: int
    parts: list[int]
    lists: list[int]


class Tables(NamedTuple):
    """A lexer and an automaton.

    Attributes:
        grammar: the text that they were made from.
        terminals: their names and regular expressions, in the order in which Lark tries them.
        blanks: a regular expression of what may stand between any two of them.
        keywords: the names that are terminals of their own.
        in_tree: the terminals that the tree keeps.
        rows: for each state what a symbol leads to: a state, or ``-1 - n`` to apply rule ``n`` first. A text is right
            if `END` leads back to state 0, the first.
        rules: in the order of their numbers.
        methods: the names of the builder's methods, in the order of theirs.
    """

    grammar: str
    terminals: list[tuple[str, str]]
    blanks: str
    keywords: dict[str, str]
    in_tree: list[str]
    rows: list[dict[str, int]]
    rules: list[Production]
    methods: list[str]


@cache
def tables() -> Tables:
    """The tables of the language: the stored ones where they belong to the grammar, else from it by Lark."""
    grammar = grammar_text()
    if TABLES.exists():
        stored = json.loads(TABLES.read_text(encoding="utf-8"))
        if stored["grammar"] == grammar:
            rules = [Production(*rule) for rule in stored.pop("rules")]
            terminals = [(name, pattern) for name, pattern in stored.pop("terminals")]
            return Tables(rules=rules, terminals=terminals, **stored)
    return made(grammar)


def grammar_text() -> str:
    """The grammar: inside the package where it is installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "grammar" / "specc.lark"
    path = installed if installed.exists() else package.parent / "grammar" / "specc.lark"
    return path.read_text(encoding="utf-8")


# ---- made by Lark -------------------------------------------------------------------------------------


def build(grammar: str, **options: Any) -> Lark:
    """Lark's own parser. ``strict`` refuses conflicts and colliding terminals."""
    from lark import Lark

    return Lark(grammar, **OPTIONS, **options)


def serialise() -> str:
    """The text of tables.json for the present grammar: the same on every run."""
    return json.dumps(made(grammar_text())._asdict(), separators=(",", ":"), sort_keys=True) + "\n"


def made(grammar: str) -> Tables:
    """The automaton and the lexer that Lark makes of a grammar."""
    built = build(grammar)
    # An empty text is the only one that a rule without symbols could be for, and there is none: a newline ends it.
    rules = sorted((rule for rule in built.rules if rule.expansion), key=lambda rule: (rule.origin.name, rule.order))
    methods = sorted({_method(rule) for rule in rules if _makes_node(rule)})
    symbols: Any = [symbol for rule in rules for symbol in rule.expansion]
    # Lark's lexer reads keywords as names first, which have a lexer of their own for them.
    lexer: Any = built.parser.lexer
    patterns = {terminal.name: terminal.pattern.to_regexp() for terminal in lexer.scanner.terminals}
    (ignored,) = lexer.ignore_types
    (names,) = lexer.callback.values()
    return Tables(
        grammar=grammar,
        terminals=[(name, pattern) for name, pattern in patterns.items() if name != ignored],
        blanks=patterns[ignored],
        keywords={str(terminal.pattern.value): terminal.name for terminal in names.scanner.terminals},
        in_tree=sorted({symbol.name for symbol in symbols if symbol.is_term and not symbol.filter_out}),
        rows=_rows(built, {rule: number for number, rule in enumerate(rules)}),
        rules=[_production(rule, methods) for rule in rules],
        methods=methods,
    )


def _rows(built: Lark, numbers: dict[Rule, int]) -> list[dict[str, int]]:
    """The states in the order in which they are reached from the first, symbols in alphabetical order."""
    table: Any = built.parser.parser._parse_table
    reached = {table.start_states["start"]: 0}
    rows: list[dict[str, int]] = []
    for state in (queue := list(reached)):
        rows.append({})
        for symbol, (_, target) in sorted(table.states[state].items()):
            if isinstance(target, int):
                next_state = _behind(table.states, state, symbol)
                if next_state not in reached:
                    reached[next_state] = len(queue)
                    queue.append(next_state)
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
        if not isinstance(rule, int) and len(rule.expansion) == 1 and _passes(rule) == 0:
            return _behind(states, state, rule.origin.name)
    return target


def _production(rule: Rule, methods: list[str]) -> Production:
    parts, lists = _parts(rule)
    method = methods.index(_method(rule)) if _makes_node(rule) else -1
    return Production(rule.origin.name, len(rule.expansion), _passes(rule), method, parts, lists)


def _passes(rule: Rule) -> int:
    """A single member that is a list already is the list; so is, under `?`, a single value the value."""
    parts, lists = _parts(rule)
    hands_on = not _makes_node(rule) and len(parts) == 1 and (lists or rule.options.expand1)
    return parts[0] if hands_on else -1


def _parts(rule: Rule) -> tuple[list[int], list[int]]:
    """What Lark keeps: no terminal in quotes or with `_`, the members of a rule with `_`, None for [ ] left out."""
    assert not rule.options.keep_all_tokens
    parts, lists, place = [], [], 0
    for absent in rule.options.empty_indices or [False] * len(rule.expansion):
        if absent:
            parts.append(-1)
            continue
        symbol = rule.expansion[place]
        if not getattr(symbol, "filter_out", False):
            parts.append(place)
        if not symbol.is_term and symbol.name.startswith("_"):
            lists.append(place)
        place += 1
    return parts, lists


def _makes_node(rule: Rule) -> bool:
    hands_on = rule.options.expand1 and not rule.alias
    return not (hands_on or rule.origin.name.startswith("_"))


def _method(rule: Rule) -> str:
    return str(rule.alias or rule.origin.name)


if __name__ == "__main__":
    TABLES.write_text(serialise(), encoding="utf-8")
