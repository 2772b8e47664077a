"""Where the name under the cursor is given: a block, a let, a label; of what is imported, in its own file."""

from __future__ import annotations

import posixpath
import re

from specc.diagnostics import SpecError, UsageError
from specc.elaborate import Imports
from specc.filesystem import FileSystem
from specc.source import Span
from specc.syntax import ast


def definition(file: ast.File, at: int, files: FileSystem) -> Span | None:
    """None where no name stands, or one that the language has."""
    text = file.source.text
    word = next((match for match in re.finditer(r"[A-Za-z_]\w*", text) if match.start() <= at <= match.end()), None)
    if word is None or not _is_code(text, word.start()):
        return None
    name = word[0]
    for item in file.items:
        if isinstance(item, ast.Import) and name in [one.name for one in item.names]:
            return _imported(file, item, name, files)
    return _given(file, name) or next(
        (
            part.label.span
            for part in ast.parts(file)
            if isinstance(part, ast.Step) and part.label is not None and part.label.name == name
        ),
        None,
    )


def _is_code(text: str, at: int) -> bool:
    before = text[text.rfind("\n", 0, at) + 1 : at]
    return "#" not in before and before.count('"') % 2 == 0


def _given(file: ast.File, name: str) -> Span | None:
    kinds = (ast.BlockDefinition, ast.Let, ast.ModelDefinition)
    return next((item.name_span for item in file.items if isinstance(item, kinds) and item.name == name), None)


def _imported(file: ast.File, item: ast.Import, name: str, files: FileSystem) -> Span | None:
    """In the file that it comes from, as far as that can be read; else where it is imported."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file.source.name), item.path))
    try:
        found = _given(Imports(files).tree(path), name)
    except (SpecError, UsageError):
        found = None
    return found or next(one.span for one in item.names if one.name == name)
