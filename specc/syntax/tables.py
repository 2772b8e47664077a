"""The parser, made from tables computed ahead: building them from the grammar takes a third of a second.

``python -m specc.syntax.tables`` writes them anew after a change of the grammar or of Lark.
"""

from __future__ import annotations

import json
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import lark
from lark import Lark

TABLES = Path(__file__).with_name("tables.json")
OPTIONS: dict[str, Any] = {"parser": "lalr", "lexer": "basic", "propagate_positions": True}


@cache
def parser() -> Lark:
    """The parser: from the tables where they belong to this grammar and this Lark, else from the grammar."""
    grammar = grammar_text()
    if TABLES.exists():
        stored = json.loads(TABLES.read_text(encoding="utf-8"))
        if stored["made_from"] == _made_from(grammar):
            return _load(stored["data"], stored["memo"])
    return build(grammar)


def build(grammar: str, *, strict: bool = False) -> Lark:
    """The parser from the grammar itself. ``strict`` refuses conflicts and colliding terminals."""
    return Lark(grammar, strict=strict, **OPTIONS)


def grammar_text() -> str:
    """The grammar: inside the package where it is installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "grammar" / "specc.lark"
    path = installed if installed.exists() else package.parent / "grammar" / "specc.lark"
    return path.read_text(encoding="utf-8")


def serialise() -> str:
    """The text of tables.json for the present grammar."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    grammar = grammar_text()
    data, memo = build(grammar).memo_serialize([TerminalDef, Rule])
    stored = {"made_from": _made_from(grammar), "data": data, "memo": memo}
    return json.dumps(stored, separators=(",", ":"), sort_keys=True) + "\n"


def _made_from(grammar: str) -> dict[str, str]:
    major, minor, *_ = lark.__version__.split(".")
    return {"grammar": grammar, "lark": f"{major}.{minor}"}


def _load(data: dict[str, Any], memo: dict[str, Any]) -> Lark:
    # JSON has text for keys only; Lark numbers its states, tokens and memo.
    table = data["parser"]["parser"]
    for name in ("tokens", "states"):
        table[name] = _numbered(table[name])
    table["states"] = {state: _numbered(actions) for state, actions in table["states"].items()}
    loaded = Lark.load({"data": data, "memo": _numbered(memo)})
    # A third of the time on long lists: a number climbs ten rules that only hand it on, and Lark's own actions
    # for these work out positions that are known already.
    for rule in loaded.rules:
        if rule.options.expand1 and len(rule.expansion) == 1 and not rule.expansion[0].is_term:
            loaded._callbacks[rule] = itemgetter(0)
    return loaded


def _numbered(mapping: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in mapping.items()}


if __name__ == "__main__":
    TABLES.write_text(serialise(), encoding="utf-8")
