"""The Pygments lexer: specs in documents, in Sphinx, MkDocs and wherever else Pygments colours text.

Only Pygments imports this, by its entry point.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygments import token
from pygments.lexer import Lexer

from specc.highlighting.roles import Role, roles

TOKENS: dict[Role, Any] = {
    Role.BLANK: token.Whitespace,
    Role.COMMENT: token.Comment.Single,
    Role.KEYWORD: token.Keyword,
    Role.DEFINITION: token.Name.Class,
    Role.STEP: token.Name.Function,
    Role.LABEL: token.Name.Label,
    Role.BINDING: token.Name.Attribute,
    Role.TYPE: token.Keyword.Type,
    Role.NAME: token.Name,
    Role.NUMBER: token.Number,
    Role.STRING: token.String,
    Role.OPERATOR: token.Operator,
    Role.PUNCTUATION: token.Punctuation,
    Role.UNKNOWN: token.Error,
}


class SpeccLexer(Lexer):  # type: ignore[misc]  # Pygments has no types of its own
    """The language of specc, as its own lexer reads it."""

    name = "specc"
    aliases = ["specc", "cnn"]
    filenames = ["*.cnn"]
    mimetypes = ["text/x-specc"]

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        for role, start, end in roles(text):
            yield start, TOKENS[role], text[start:end]
