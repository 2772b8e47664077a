"""The shape after each line of steps, and the parameters of its steps."""

from __future__ import annotations

from typing import NamedTuple

from specc.elaborate import Imports
from specc.filesystem import FileSystem
from specc.report.annotation import known_shapes
from specc.report.notation import scaled
from specc.syntax import ast


class Hint(NamedTuple):
    """A text that an editor shows behind the character before ``offset``."""

    offset: int
    text: str


def hints(file: ast.File, files: FileSystem) -> list[Hint]:
    """Those of a file, as far as it is known: neither at a mistake nor behind it."""
    return sorted(
        Hint(line.statements[-1].span.end, f"{line.shape}{f'  {scaled(line.parameters)}' if line.parameters else ''}")
        for line in known_shapes(file, Imports(files))
    )
