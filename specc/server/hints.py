"""The shape after each line of steps, and the parameters of its steps."""

from __future__ import annotations

import re
from typing import NamedTuple

from specc.elaborate import Imports
from specc.elaborate.model_cache import ModelCache
from specc.filesystem import FileSystem
from specc.report.annotation import LineShape, known_shapes
from specc.report.notation import scaled
from specc.source import is_yaml
from specc.syntax import ast
from specc.syntax.trivia import start

_OPENERS = re.compile(r"[-\s\[{]*(?:label:\s*)?")
_CLOSERS = re.compile(r"[\]} \t]*")


class Hint(NamedTuple):
    """A text that an editor shows behind the character before ``offset``."""

    offset: int
    text: str


def hints(file: ast.File, files: FileSystem, cache: ModelCache | None = None) -> list[Hint]:
    """Those of a file, as far as it is known: neither at a mistake nor behind it.

    Args:
        cache: models of earlier texts.
    """
    lines = known_shapes(file, Imports(files), cache)
    if is_yaml(file.source.name):
        return _beside_lines(file, lines)
    return sorted(Hint(line.statements[-1].span.end, _text(line)) for line in lines)


def _text(line: LineShape) -> str:
    return f"{line.shape}{f'  {scaled(line.parameters)}' if line.parameters else ''}"


def _beside_lines(file: ast.File, lines: list[LineShape]) -> list[Hint]:
    """One beside each line of a text in YAML: of all that ends there the outermost; a step of many has it at its first.

    In the language a step of many lines has the line of its closing brace, which YAML has not.
    """
    text = file.source.text
    found: dict[int, tuple[int, Hint]] = {}
    for line in lines:
        last = line.statements[-1]
        begin = min(start(line.statements[0]), last.span.start)
        end = begin + len(text[begin : last.span.end].rstrip())
        if "\n" in text[last.span.start : end]:
            begin = last.span.start
            end = begin + len(text[begin : text.index("\n", begin)].partition(" #")[0].rstrip())
        behind = _CLOSERS.match(text, end)
        if behind and _OPENERS.fullmatch(file.source.before(begin)):  # it is all that its line has
            end += len(behind[0].rstrip())
        number = text.count("\n", 0, end)
        if number not in found or begin < found[number][0]:
            found[number] = begin, Hint(end, _text(line))
    return sorted(hint for _, hint in found.values())
