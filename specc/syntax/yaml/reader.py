"""From YAML to the syntax tree, by way of the language: the tree of the nodes is written out in it, and that is parsed.

So there is one grammar and one parser. What comes from the file's author as text, its expressions, is checked to stay
inside of its place first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import cast

from specc.diagnostics import Diagnostic, SpecError
from specc.source import Source
from specc.syntax import ast
from specc.syntax.brackets import MOST_MISTAKES
from specc.syntax.parser import parse as parse_language
from specc.syntax.reader import refuse_hidden_characters
from specc.syntax.yaml.cut import without_cuts
from specc.syntax.yaml.expressions import problems, stays_inside
from specc.syntax.yaml.items import Items
from specc.syntax.yaml.nodes import List, Node, tree
from specc.syntax.yaml.steps import Steps, after_blank
from specc.syntax.yaml.transcript import Piece, Transcript
from specc.syntax.yaml.values import Values, flat

PIN = re.compile(r"#[ \t]*specc[ \t]*[:=]?[ \t]*v?\d[^\n]*", re.IGNORECASE)
"""A first line that may pin the version: it means the same in both forms."""


def parse(source: Source) -> ast.File:
    """The tree of a spec in YAML; every span lies in ``source``.

    Raises:
        SpecError: as `specc.syntax.parser.parse` does, and for what is no YAML or no spec in YAML.
    """
    transcript, file = _read(source)
    return cast(ast.File, transcript.tree(file))


def transcribed(source: Source) -> str:
    """The text of the language that a spec in YAML stands for, without layout. Raises SpecError as `parse` does."""
    return _read(source)[0].source.text


def _read(source: Source) -> tuple[Transcript, ast.File]:
    """The text of the language, and its tree, with the places of that text."""
    refuse_hidden_characters(source)
    values = Values(source)
    root = tree(source)
    pieces = [*_pin(source, root), *flat(Items(values, Steps(values)).file(root))]
    holes = [piece for piece in pieces if piece.hole]
    if values.findings or not all(stays_inside(hole.text) for hole in holes):
        raise _refused(without_cuts(source, root, [*values.findings, *_in_expressions(source, holes)]))
    transcript = Transcript(source, pieces)
    try:
        return transcript, parse_language(transcript.source)
    except SpecError as error:
        raise _refused(_in_all(transcript, error)) from None


def _pin(source: Source, root: Node | None) -> Iterator[Piece]:
    """The first line, where it pins the version, and the empty line behind it."""
    found = PIN.match(source.text)
    if found:
        line = found[0].rstrip()
        apart = isinstance(root, List) and root.items and after_blank(source.text, root.items[0])
        yield Piece(line, 0, len(line), exact=True)
        yield Piece("\n\n" if apart else "\n", len(line), len(line))


def _in_expressions(source: Source, holes: list[Piece]) -> Iterator[Diagnostic]:
    wrong = chain.from_iterable(problems(source, hole) for hole in holes)
    yield from islice(wrong, MOST_MISTAKES)  # more are not shown


def _in_all(transcript: Transcript, error: SpecError) -> list[Diagnostic]:
    """What is wrong in the expressions, each read alone, for a mistake may surface behind its end; and in the rest."""
    wrong: dict[Piece, list[Diagnostic]] = {}
    findings: list[Diagnostic] = []
    for hole in (piece for piece in transcript.pieces if piece.hole):
        findings += wrong.setdefault(hole, list(problems(transcript.yaml, hole)))
        if len(findings) >= MOST_MISTAKES:
            return findings  # more are not shown
    if not findings:
        return list(map(transcript.finding, error.diagnostics))
    rest = Transcript(
        transcript.yaml,
        [piece._replace(text="0".ljust(len(piece.text))) if wrong.get(piece) else piece for piece in transcript.pieces],
    )
    try:
        parse_language(rest.source)
    except SpecError as further:
        findings += map(rest.finding, further.diagnostics)
    return findings


def _refused(findings: list[Diagnostic]) -> SpecError:
    return SpecError(SpecError(findings).diagnostics[:MOST_MISTAKES])
