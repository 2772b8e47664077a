"""The expressions of a YAML spec: each must be one, the whole of one, and nothing besides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source
from specc.syntax.labels import WORDS
from specc.syntax.yaml.transcript import Piece, Transcript

_BEFORE = {"value": "let value = ", "condition": "model M {\nassert "}
_AFTER = {"value": "\n", "condition": "\n}\n"}
_OPERATORS = frozenset("if else and or not in".split())
_TOKEN = re.compile(
    r"""
      [ \t]+
    | "[^"\\\n]*(?:\\.[^"\\\n]*)*"
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | [0-9][0-9A-Za-z_]*
    | [=!<>]= | [-+*/%<>.]
    | (?P<inner>[,=])
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    """,
    re.VERBOSE,
)
_CLOSER = {"(": ")", "[": "]"}
_LONE_EQUALS = re.compile("(?<![=!<>])=(?!=)")


def stays_inside(text: str) -> bool:
    """Whether a text has only what an expression is made of, with brackets that pair up and no comma outside of them.

    Such a text, put where an expression stands, cannot end it, begin another, or close what is around it: signs that
    part expressions from what is around them (newlines, braces, bars, arrows, comments, the words of statements, and
    outside of brackets commas and `=`) do not occur in it. That it is an expression is left to the parser.
    """
    waiting: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            return False
        at = found.end()
        match found.lastgroup:
            case "word" if found[0] in WORDS - _OPERATORS:
                return False
            case "inner" if not waiting:
                return False
            case "open":
                waiting.append(_CLOSER[found[0]])
            case "close" if not waiting or waiting.pop() != found[0]:
                return False
    return not waiting and text[at - 2 : at] != "->" and "->" not in text


def problems(source: Source, piece: Piece) -> Iterator[Diagnostic]:
    """What is wrong with the text of an expression, read alone."""
    from specc.syntax.parser import parse

    # Of `=` for `==` the parser says more where a condition stands; of all else, it would ask for a message there.
    kind = piece.hole if _LONE_EQUALS.search(piece.text) else "value"
    around = Piece(_BEFORE[kind], piece.start, piece.start), piece, Piece(_AFTER[kind], piece.end, piece.end)
    transcript = Transcript(source, list(around))
    try:
        parse(transcript.source)
    except SpecError as error:
        for finding in error.diagnostics:
            yield _reworded(transcript.finding(finding))
        return
    if not stays_inside(piece.text):
        message = "here one expression stands, and nothing besides"
        shown = piece.text if len(piece.text) <= 40 else f"{piece.text[:20]}..."
        yield Diagnostic(Code.SYNTAX, message, Label(source.span(piece.start, piece.end), f"`{shown}`"))


def _reworded(finding: Diagnostic) -> Diagnostic:
    """The expression was read on a line of its own, which nobody has seen."""
    message = finding.message.replace("the end of the line", "the end of the expression")
    secondary = tuple(
        Label(label.span, label.text.replace("the file ends", "the expression ends")) for label in finding.secondary
    )
    return replace(finding, message=message, secondary=secondary)
