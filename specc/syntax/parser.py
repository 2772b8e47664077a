"""From text to tree: brackets, the parser's tables, the tree; every independent mistake in one run."""

from __future__ import annotations

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source
from specc.syntax import ast
from specc.syntax.builder import TreeBuilder
from specc.syntax.directives import pin
from specc.syntax.lalr import parser
from specc.syntax.reader import refuse_hidden_characters
from specc.syntax.tokens import NEWLINE, NotInGrammar

_VERSION = "1"
_MOST_REREAD = 2**16
"""Characters that are parsed again to find further mistakes: a mistake in a huge file is answered at once."""


def parse(source: Source, *, is_expression: bool = False) -> ast.File:
    """The tree of a spec. A file without items gives a File without items.

    Args:
        is_expression: the text was put around an expression of YAML: what ends too early is said to be that.

    Raises:
        SpecError: hidden characters, an unknown language version, brackets that do not pair up,
            or every independent mistake of syntax that could be found.
    """
    refuse_hidden_characters(source)
    first_line = pin(source)
    if first_line and first_line.is_alone and (version := first_line.version.text) != _VERSION:
        message = f"this file is written for version {version} of the language; this compiler reads version {_VERSION}"
        raise SpecError([Diagnostic(Code.LANGUAGE_VERSION, message, Label(first_line.version))])
    file, findings = _tree(source, is_expression)
    if file is None or findings:
        raise SpecError(findings)
    return file


def _tree(source: Source, is_expression: bool) -> tuple[ast.File | None, list[Diagnostic]]:
    """The tree; after a mistake, that of the text without the statements that have one, if any is left."""
    builder = TreeBuilder(source)
    try:
        return parser().parse(source.text + "\n", builder), builder.findings
    except NotInGrammar:
        pass
    # Most files are right: what explains mistakes is imported here only.
    from specc.syntax.mistakes import explain
    from specc.syntax.recovery import MOST_MISTAKES, FaultlessText, flatten

    findings: list[Diagnostic] = []
    rest = FaultlessText(flatten(source, is_expression))
    for _ in range(min(MOST_MISTAKES, 1 + _MOST_REREAD // len(rest.text))):
        builder = TreeBuilder(source)
        try:
            return parser().parse(rest.text, builder), findings + builder.findings
        except NotInGrammar as mistake:
            error, finding = mistake, explain(source, rest.text, mistake, is_expression)
        at = finding.primary.span.start
        if error.kind == NEWLINE:
            at = min(at, error.start)  # what is shown may stand in the statement below
        if not rest.follows(at):
            findings.append(finding)
        if not rest.drop(at):
            break
    return None, findings
