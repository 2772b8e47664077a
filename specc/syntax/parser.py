"""From text to tree: brackets, the parser's tables, the tree; every independent mistake in one run."""

from __future__ import annotations

import re

from lark import Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source
from specc.syntax import ast
from specc.syntax.brackets import MOST_MISTAKES, flatten
from specc.syntax.builder import build
from specc.syntax.reader import refuse_hidden_characters

_PIN = re.compile(r"#[ \t]*specc[ \t]*[:=]?[ \t]*(v?\d\S*)[ \t]*\r?(?:\n|\Z)", re.IGNORECASE)
_VERSION = "1"
_MOST_REREAD = 2**16
"""Characters that are parsed again to find further mistakes: a mistake in a huge file is answered at once."""


def parse(source: Source) -> ast.File:
    """The tree of a spec. A file without items gives a File without items.

    Raises:
        SpecError: hidden characters, an unknown language version, brackets that do not pair up,
            or every independent mistake of syntax that could be found.
    """
    refuse_hidden_characters(source)
    _refuse_other_version(source)
    tree, findings = _tree(source, flatten(source))
    if tree is not None:
        file, more = build(tree, source)
        findings += more
    if findings or tree is None:
        raise SpecError(findings)
    return file


def _tree(source: Source, text: str) -> tuple[Tree[Token] | None, list[Diagnostic]]:
    """Lark's tree; after a mistake, the tree of the text without the statements that have one."""
    # Not at the top: the package may not import a module that `python -m` is about to run.
    from specc.syntax.tables import parser

    try:
        return parser().parse(text), []
    except (UnexpectedToken, UnexpectedCharacters):
        return _recovered(source, text)


def _recovered(source: Source, text: str) -> tuple[Tree[Token] | None, list[Diagnostic]]:
    """What is wrong, and the tree of the rest; imported only here, for most files are right."""
    from specc.syntax.mistakes import explain
    from specc.syntax.recovery import Rest
    from specc.syntax.tables import parser

    findings: list[Diagnostic] = []
    rest = Rest(text)
    for _ in range(min(MOST_MISTAKES, 1 + _MOST_REREAD // len(text))):
        try:
            return parser().parse(rest.text), findings
        except (UnexpectedToken, UnexpectedCharacters) as error:
            finding = explain(source, rest.text, error)
        at = finding.primary.span.start
        if not rest.follows(at):
            findings.append(finding)
        if not rest.drop(at):
            break
    return None, findings


def _refuse_other_version(source: Source) -> None:
    pin = _PIN.match(source.text)
    if pin and pin[1] != _VERSION:
        message = f"this file is written for version {pin[1]} of the language; this compiler reads version {_VERSION}"
        place = Label(source.span(pin.start(1), pin.end(1)))
        raise SpecError([Diagnostic(Code.LANGUAGE_VERSION, message, place)])
