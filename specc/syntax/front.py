"""Which of the two forms a spec has: the language, or YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.source import Source, is_yaml

if TYPE_CHECKING:
    from specc.syntax import ast

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
