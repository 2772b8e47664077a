"""From text to tree: reading a spec file and parsing it. Everything here knows syntax and no meaning.

A spec has one of two forms: the language (`specc.syntax.parser`), or YAML (`specc.syntax.yaml`), which is translated to
it. Both give the tree of `specc.syntax.ast`. `specc.syntax.tokens` is the one lexer; `specc.syntax.trivia` reads
comments, what they say to specc, and lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.source import Source, is_yaml
from specc.syntax.reader import read, read_stdin

if TYPE_CHECKING:
    from specc.syntax import ast

__all__ = ["SUFFIXES", "is_yaml", "parse", "read", "read_stdin"]

SUFFIXES = (".cnn", ".cnn.yaml", ".cnn.yml")
"""What a folder is searched for; other YAML files are other people's, but for those that a project includes."""


def parse(source: Source) -> ast.File:
    """The tree of a spec: in YAML where the source's name ends in .yaml, .yml or .json, else in the language.

    Raises:
        SpecError: as `specc.syntax.parser.parse` does; of YAML, for what is no YAML or no spec.
    """
    if not is_yaml(source.name):
        from specc.syntax import parser  # where all specs are known from before, none is parsed

        return parser.parse(source)
    from specc.syntax.yaml import parse as parse_yaml

    return parse_yaml(source)
