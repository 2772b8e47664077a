"""Shift and reduce: from text to tree by the tables that Lark made of the grammar, without Lark.

A plain LALR(1) parser. The builder's method for a rule is called the moment the rule is complete, from the leaves up,
so there is no tree but the one that is wanted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

TABLES = Path(__file__).with_name("tables.json")
END = "$END"
"""The terminal behind the last one of a text."""
DEEPEST = 100
"""How deep brackets, and the parts of the tree, may nest."""

_NEWLINE = "_NL"
# What each bracket does to the depth of all of them, and to that of those in which a newline means nothing.
_BRACKETS = {
    "_LPAR": (1, 1), "_LSQB": (1, 1), "_LBRACE": (1, 0),
    "_RPAR": (-1, -1), "_RSQB": (-1, -1), "_RBRACE": (-1, 0),
}  # fmt: skip


class NotInGrammar(Exception):
    """The text has a mistake of syntax, or nests too deep. `specc.syntax.brackets` and Lark say where and which."""


class Token(NamedTuple):
    """A terminal that the tree keeps: what is written, and its offset."""

    text: str
    start: int


class Rule(NamedTuple):
    """What becomes of the symbols of a rule.

    Attributes:
        symbol: the one that takes their place.
        size: how many they are; at least one.
        passes: the place of the one whose value is the value of the whole; -1 where something is made of them.
        method: the number of the builder's method, which is called with the offsets of begin and end and with the
            parts; -1 where the parts are only a list for the rule around this one.
        parts: places among the symbols; -1 stands for an optional part that was left out.
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
        lexer: a regular expression that matches any one terminal and the blanks in front of it. The empty group
            ``begin`` is where it begins; behind it is an empty group that has its name, or ``unknown``.
        keywords: the names that are terminals of their own.
        kept: the terminals that rules take, as a `Token`.
        rows: for each state what a symbol leads to: a state, or ``-1 - n`` to apply rule ``n`` first. A text is right
            if `END` leads back to state 0, the first.
        rules: in the order of their numbers.
        methods: the names of the builder's methods, in the order of theirs.
    """

    grammar: str
    lexer: str
    keywords: dict[str, str]
    kept: list[str]
    rows: list[dict[str, int]]
    rules: list[Rule]
    methods: list[str]


class Parser:
    """The parser of the language that the tables were made for."""

    def __init__(self, tables: Tables) -> None:
        self._lexer = re.compile(tables.lexer)
        self._keywords = tables.keywords
        self._kept = frozenset(tables.kept)
        self._rows = tables.rows
        self._rules = [_prepared(rule) for rule in tables.rules]
        self._methods = tables.methods

    def parse(self, text: str, builder: object) -> Any:
        """What ``builder`` makes of a text that ends in a newline.

        Raises:
            NotInGrammar: there is a mistake of syntax in it, or brackets nest deeper than `DEEPEST`.
        """
        rows, rules = self._rows, self._rules
        methods = [getattr(builder, name) for name in self._methods]
        # Three stacks side by side: states, the values that led to them, and where these begin. The None at the
        # bottom stands for every optional part that was left out.
        states: list[int] = [0]
        values: list[Any] = [None]
        starts: list[int] = [0]
        row, end = rows[0], 0
        # All in one function: a call for each rule would take a tenth of the time.
        for terminal, value, start, stop in self._tokens(text):
            while (action := row.get(terminal, _MISTAKE)) < 0:
                symbol, top, method, take = rules[-1 - action]
                if take is None:
                    states.pop()
                elif top is None:
                    parts = take(values)
                    values[-1] = parts if method is None else methods[method](starts[-1], end, *parts)
                    states.pop()
                else:
                    parts, begin = take(values), starts[top][0]
                    del values[top], starts[top], states[top]
                    values.append(parts if method is None else methods[method](begin, end, *parts))
                    starts.append(begin)
                state = rows[states[-1]][symbol]
                states.append(state)
                row = rows[state]
            if action == _MISTAKE:
                raise NotInGrammar(terminal)
            states.append(action)
            values.append(value)
            starts.append(start)
            row, end = rows[action], stop
        return values[1]

    def _tokens(self, text: str) -> Iterator[tuple[str, Token | None, int, int]]:
        """Terminals with their offsets; "unknown" where there is none."""
        keywords, kept = self._keywords, self._kept
        stop = depth = parentheses = 0
        for found in self._lexer.finditer(text):
            terminal = found.lastgroup or ""
            start, stop = found.start(1), found.end()
            if terminal in kept:
                word = text[start:stop]
                yield keywords.get(word, terminal), Token(word, start), start, stop
                continue
            if terminal in _BRACKETS:
                both, inner = _BRACKETS[terminal]
                depth += both
                parentheses += inner
                if depth > DEEPEST:
                    raise NotInGrammar(terminal)
            elif terminal == _NEWLINE and parentheses:
                continue
            yield terminal, None, start, stop
        yield END, None, stop, stop


def grammar_text() -> str:
    """The grammar: inside the package where it is installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "grammar" / "specc.lark"
    path = installed if installed.exists() else package.parent / "grammar" / "specc.lark"
    return path.read_text(encoding="utf-8")


@cache
def parser() -> Parser:
    """The parser of specs: from the tables computed ahead where they belong to this grammar, else from it by Lark."""
    grammar = grammar_text()
    if TABLES.exists():
        stored = json.loads(TABLES.read_text(encoding="utf-8"))
        if stored["grammar"] == grammar:
            rules = [Rule(*rule) for rule in stored.pop("rules")]
            return Parser(Tables(rules=rules, **stored))
    from specc.syntax.tables import tables

    return Parser(tables(grammar))


# ---- rules made ready ---------------------------------------------------------------------------------

_MISTAKE = 2**30
"""Above every state."""
_Take = Callable[[list[Any]], Any]


def _prepared(rule: Rule) -> tuple[str, slice | None, int | None, _Take | None]:
    """Its symbol; what it takes off the stack, None for a single value; its method; what picks its parts.

    Nothing does where a single value is only handed on.
    """
    places = [place - rule.size if place >= 0 else 0 for place in rule.parts]  # from the top, or the bottom itself
    top = slice(-rule.size, None) if rule.size > 1 else None
    method = rule.method if rule.method >= 0 else None
    if rule.passes >= 0:
        return rule.symbol, top, method, itemgetter(*places) if top else None
    if rule.lists or (method is None and len(places) > 1):
        return rule.symbol, top, method, _joined(places, frozenset(place - rule.size for place in rule.lists))
    return rule.symbol, top, method, _picked(places)


def _picked(places: list[int]) -> _Take:
    if len(places) > 1:
        return itemgetter(*places)
    # An itemgetter of one place gives no sequence, but one of a slice does.
    return itemgetter(slice(places[0], places[0] + 1 or None) if places else slice(0))


def _joined(places: list[int], lists: frozenset[int]) -> _Take:
    """The parts, with the members of lists. A list in front grows in place: copies of it would take quadratic time."""
    first, rest = places[0], [(place, place in lists) for place in places[1:]]

    def take(values: list[Any]) -> list[Any]:
        parts: list[Any] = values[first] if first in lists else [values[first]]
        for place, is_list in rest:
            if is_list:
                parts += values[place]
            else:
                parts.append(values[place])
        return parts

    return take
