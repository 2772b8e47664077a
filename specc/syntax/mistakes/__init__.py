"""The diagnostics of a text that the grammar refuses; imported only for such a text.

The parser knows the token that does not fit and the kinds that would (`unexpected`). The first of the `rules` that
recognises the mistake explains it, else what was expected.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source
from specc.syntax.mistakes import rules
from specc.syntax.mistakes.rules import SIGNS, step_for_sum
from specc.syntax.mistakes.unexpected import Explanation, UnexpectedToken, unexpected_token
from specc.syntax.recovery import short
from specc.syntax.tokens import UNKNOWN, NotInGrammar

__all__ = ["explain", "step_for_sum"]


# The more special ones first.
_RULES: tuple[Callable[[UnexpectedToken], Explanation | None], ...] = (
    rules.behind_a_point,
    rules.keyword_as_name,
    rules.nested_item,
    rules.without_step,
    rules.arm,
    rules.equals_sign,
    rules.colon,
    rules.contract,
    rules.arithmetic,
    rules.python,
    rules.shape_in_parentheses,
    rules.number_as_step,
    rules.bracketed_step,
    rules.operator,
    rules.point,
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
        explanation = _unknown_character(text, error.start)
        start, end = explanation.place or (error.start, error.end)
    else:
        token = unexpected_token(text, error, "expression" if is_expression else "line")
        explanation = next(filter(None, (rule(token) for rule in _RULES)), Explanation(token.headline))
        start, end = explanation.place or (token.start, token.start + len(token.word))
    helps = (explanation.help,) if explanation.help else ()
    return Diagnostic(Code.SYNTAX, explanation.message, Label(source.span(start, end)), helps=helps)


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
    return Explanation(f"{shown} is no part of the language", SIGNS.get(character, ""), (at, at + 1))
