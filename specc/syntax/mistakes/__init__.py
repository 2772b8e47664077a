"""The diagnostics of a text that the grammar refuses; imported only for such a text.

The parser knows the token that does not fit and the kinds that would (`unexpected`). The first of the `rules` that
recognises the mistake explains it, else what was expected.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety
from specc.source import Source
from specc.syntax.mistakes import habits, headers, rules
from specc.syntax.mistakes.habits import SIGNS, WIDE_PAIRS, WIDE_SIGNS, step_for_sum
from specc.syntax.mistakes.unexpected import Explanation, Replacement, UnexpectedToken, unexpected_token
from specc.syntax.recovery import short
from specc.syntax.tokens import UNKNOWN, NotInGrammar

__all__ = ["explain", "step_for_sum"]


# The more special ones first.
_RULES: tuple[Callable[[UnexpectedToken], Explanation | None], ...] = (
    headers.contract_line,
    headers.block_line,
    headers.loop,
    headers.path,
    headers.condition,
    rules.behind_a_point,
    rules.keyword_as_name,
    rules.nested_item,
    rules.frozen,
    rules.without_step,
    habits.arguments,
    rules.arm,
    habits.several_names,
    habits.assignment,
    rules.colon,
    rules.contract,
    rules.element_type,
    habits.arithmetic,
    habits.python,
    habits.shape_in_parentheses,
    habits.number_as_step,
    habits.bracketed_step,
    habits.operator,
    habits.point,
    rules.hyphen_in_name,
    rules.missing_comma,
    rules.misspelt,
    rules.after_step,
    rules.missing_body,
    rules.outside,
)


def explain(source: Source, text: str, error: NotInGrammar, is_expression: bool = False) -> Diagnostic:
    """The diagnostic of a syntax error in the flattened ``text`` of ``source``."""
    if error.kind == UNKNOWN:
        token = unexpected_token(text, error, "expression" if is_expression else "line")
        explanation = habits.arithmetic(token) or _unknown_character(text, error.start)
        start, end = explanation.place or (error.start, error.end)
    else:
        token = unexpected_token(text, error, "expression" if is_expression else "line")
        explanation = next(filter(None, (rule(token) for rule in _RULES)), Explanation(token.headline))
        start, end = explanation.place or (token.start, token.start + len(token.word))
    helps, fix = ((explanation.help,) if explanation.help else ()), None
    if (instead := explanation.instead) is not None and not is_expression:
        fix = Fix((Edit(source.span(instead.start, instead.end), instead.text),), Safety.DISPLAY_ONLY)
    return Diagnostic(Code.SYNTAX, explanation.message, Label(source.span(start, end)), helps=helps, fix=fix)


def _unknown_character(text: str, at: int) -> Explanation:
    if number := re.compile(r"[0-9][0-9A-Za-z_]*").match(text, at):
        return Explanation(
            f"`{short(number[0])}` is neither a number nor a name",
            "a name begins with a letter; a number may end in k, M or G, and `_` stands between two digits",
            number.span(),
        )
    character = text[at]
    shown = f"`{character}`" if character.isprintable() else unicodedata.name(character, "a character").lower()
    if not character.isascii():
        shown += f" (U+{ord(character):04X})"
    help_ = SIGNS.get(character) or WIDE_SIGNS.get(character, "")
    instead: Replacement | None = None
    if character in ";；":
        help_, instead = _semicolon(text, at)
    elif text[at : at + 2] in ("&&", "||"):
        help_, instead = SIGNS[character], Replacement(at, at + 2, " and ")
        shown = "`&&`"
    elif character == "?":
        help_, instead = _ternary(text, at)
    else:
        written = re.fullmatch(r"write `(.*)`|put an ordinary (space) there", help_)
        instead = Replacement(at, at + 1, written[1] or " ") if written else None
        if instead and character in WIDE_PAIRS and (end := _partner(text, at)):
            closing = chr(ord(text[end]) - 0xFEE0)
            help_ = f"write `{instead.text}` and `{closing}`"
            instead = Replacement(at, end + 1, instead.text + text[at + 1 : end] + closing)
    return Explanation(f"{shown} is no part of the language", help_, (at, at + 1), instead)


def _partner(text: str, at: int) -> int | None:
    """Where on its line the wide bracket is closed by one that is wide, too: the one alone would leave it open."""
    depth = 0
    for place, character in enumerate(text[at:].partition("\n")[0], start=at):
        depth += (character == text[at]) - (character == WIDE_PAIRS[text[at]])
        if not depth:
            return place
    return None


def _ternary(text: str, at: int) -> tuple[str, Replacement | None]:
    """``c ? 8 : 4``"""
    before = re.compile(r"[^(\[,=\n]+(?:\([^()]*\))?\s*\Z").search(text, max(0, at - 200), at)
    behind = re.compile(r"\s*([\w.]+)\s*:\s*([\w.]+)").match(text, at + 1)
    if not before or not behind:
        return "write `a if c else b`", None
    test = before[0].strip()
    written = f"{behind[1]} if {test} else {behind[2]}"
    return f"write `{short(written)}`", Replacement(at - len(before[0].lstrip()), behind.end(), written)


def _semicolon(text: str, at: int) -> tuple[str, Replacement]:
    """Behind a step, between two, or between two arguments."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    if line.count("(") + line.count("[") > line.count(")") + line.count("]"):
        return "write `,`", Replacement(at, at + 1, ",")
    if not text[at + 1 : text.index("\n", at)].partition("#")[0].strip(" };"):
        return "leave it out: a step ends with its line", Replacement(at, at + 1, "")
    return "write `->`: steps in a row stand with arrows between, or each on its own line", Replacement(
        at, at + 1, " ->"
    )
