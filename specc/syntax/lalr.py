"""Shift and reduce: from text to tree by the tables that Lark made of the grammar, without Lark.

A plain LALR(1) parser, five times as fast as Lark's own. The builder's method for a rule is called the moment the rule
is complete, from the leaves up, so there is no other tree in between.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import itemgetter
from typing import Any

from specc.syntax.tables import END, Production, Tables, tables
from specc.syntax.tokens import NotInGrammar, significant


class Parser:
    """The parser of the language that the tables were made for."""

    def __init__(self, tables: Tables) -> None:
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
        for terminal, value, start, stop in significant(text):
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
                raise NotInGrammar(terminal, start, stop, self._accepted(states))
            states.append(action)
            values.append(value)
            starts.append(start)
            row, end = rows[action], stop
        return values[1]

    def _accepted(self, states: list[int]) -> frozenset[str]:
        """The terminals that can come next, `END` aside: those that are shifted after all rules that they complete."""
        accepted = set()
        for terminal in self._rows[states[-1]]:
            if terminal.isupper() and terminal != END:
                stack = states.copy()
                while (action := self._rows[stack[-1]].get(terminal, _MISTAKE)) < 0:
                    symbol, top, *_ = self._rules[-1 - action]
                    del stack[top or slice(-1, None)]
                    stack.append(self._rows[stack[-1]][symbol])
                if action != _MISTAKE:
                    accepted.add(terminal)
        return frozenset(accepted)


@cache
def parser() -> Parser:
    """The parser of specs."""
    return Parser(tables())


# ---- rules made ready ---------------------------------------------------------------------------------

_MISTAKE = 2**30
"""Above every state."""
_Take = Callable[[list[Any]], Any]


def _prepared(rule: Production) -> tuple[str, slice | None, int | None, _Take | None]:
    """Its symbol; what it takes off the stack, None for a single value; its method; what picks its parts.

    Nothing does where a single value is only handed on.
    """
    places = [place - rule.size if place >= 0 else 0 for place in rule.parts]  # from the top, or the bottom itself
    top = slice(-rule.size, None) if rule.size > 1 else None
    method = rule.method if rule.method >= 0 else None
    take: _Take | None
    if rule.passes >= 0:
        take = itemgetter(*places) if top else None
    elif rule.lists or (method is None and len(places) > 1):
        take = _joined(places, frozenset(place - rule.size for place in rule.lists))
    elif len(places) > 1:
        take = itemgetter(*places)
    else:
        # An itemgetter of one place gives no sequence, but one of a slice does.
        take = itemgetter(slice(places[0], places[0] + 1 or None) if places else slice(0))
    return rule.symbol, top, method, take


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
