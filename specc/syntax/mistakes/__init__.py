"""The diagnostics of a text that the grammar refuses; imported only for such a text.

The parser knows the token that does not fit and the kinds that would (`unexpected`). Rules recognise the mistake this
most likely is, of the order of a spec (`structure`) or a habit of another language (`habits`): the first that does
explains it, else what was expected.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source
from specc.syntax.mistakes import habits, structure
from specc.syntax.mistakes.habits import step_for_sum
from specc.syntax.mistakes.unexpected import Explanation, UnexpectedToken, short, unexpected_token
from specc.syntax.tokens import UNKNOWN, NotInGrammar

__all__ = ["explain", "step_for_sum"]

# The more special ones first.
_RULES: tuple[Callable[[UnexpectedToken], Explanation | None], ...] = (
    structure.keyword_as_name,
    structure.nested_item,
    structure.without_step,
    structure.arm,
    structure.equals_sign,
    structure.colon,
    structure.contract,
    habits.arithmetic,
    habits.python,
    habits.shape_in_parentheses,
    habits.number_as_step,
    habits.bracketed_step,
    habits.operator,
    habits.point,
    structure.hyphen_in_name,
    structure.missing_comma,
    structure.misspelt,
    structure.after_step,
    structure.missing_body,
    structure.outside,
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
    return Explanation(f"{shown} is no part of the language", habits.SIGNS.get(character, ""), (at, at + 1))
