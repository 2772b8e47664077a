"""From text to tree: brackets, the parser's tables, the tree; every independent mistake in one run."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source
from specc.syntax import ast
from specc.syntax.builder import TreeBuilder
from specc.syntax.directives import pin
from specc.syntax.lalr import parser
from specc.syntax.reader import refuse_hidden_characters
from specc.syntax.tables import END
from specc.syntax.tokens import BAR, COMMA, NEWLINE, NotInGrammar, scan

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
    _refuse_other_version(source)
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
    from specc.syntax.brackets import MOST_MISTAKES, flatten
    from specc.syntax.mistakes import explain

    findings: list[Diagnostic] = []
    rest = Rest(flatten(source, is_expression))
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


def _refuse_other_version(source: Source) -> None:
    found = pin(source)
    if found and found.is_alone and found.version.text != _VERSION:
        version = found.version.text
        message = f"this file is written for version {version} of the language; this compiler reads version {_VERSION}"
        raise SpecError([Diagnostic(Code.LANGUAGE_VERSION, message, Label(found.version))])


# ---- going on after a mistake: the faulty statement is taken out, the rest is parsed again -----------------

_ITEMS = frozenset(("MODEL", "BLOCK", "LET", "DEFAULT", "FROM", END))


class _Region(NamedTuple):
    """Where a statement or an item stands; ``brace`` is the one around it, -1 where there is none."""

    start: int
    end: int
    brace: int


class Rest:
    """A flattened text without the statements that were found faulty.

    In a body a statement gives way to ``_``, which may stand wherever a step may; outside of bodies an item
    gives way to nothing. So what is left has no mistake that was not there before.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._dropped: set[_Region] = set()

    def follows(self, at: int) -> bool:
        """Whether a mistake at this offset only follows from an earlier one."""
        return self._around(at) in self._dropped

    def drop(self, at: int) -> bool:
        """Take out the statement at this offset, or the one around it where that is out already.

        False: there is none.
        """
        region = self._around(at)
        width = region.end - region.start
        if region in self._dropped or width == 0:
            return region.brace >= 0 and self.drop(region.brace)
        stand_in = "_" if region.brace >= 0 else " "
        self.text = self.text[: region.start] + stand_in.ljust(width) + self.text[region.end :]
        self._dropped.add(region)
        return True

    def _around(self, at: int) -> _Region:
        """One pass: up to ``at`` it keeps where the statement of each open body began, then it looks for the end."""
        starts, braces, parentheses, deeper = [0], [-1], 0, 0
        pairs = pairwise([*scan(self.text), (END, len(self.text), len(self.text))])
        previous = ""
        for (kind, start, end), (following, behind, _) in pairs:
            before = start < at
            if kind in ("_LPAR", "_LSQB"):
                parentheses += 1
            elif kind in ("_RPAR", "_RSQB"):
                parentheses -= 1
            elif parentheses:
                pass
            elif kind == "_LBRACE":
                if before:
                    starts.append(end)
                    braces.append(start)
                deeper += not before
            elif kind == "_RBRACE" and before:
                starts.pop()
                braces.pop()
            elif kind == "_RBRACE" and deeper:
                deeper -= 1
            elif kind == following == BAR and behind == end:
                next(pairs)  # `||` for `or`
            elif kind == "_RBRACE" or (not deeper and _parts(previous, kind, following, len(braces))):
                if not before:
                    return _Region(starts[-1], start, braces[-1])
                starts[-1] = behind if kind == NEWLINE else end
            previous = kind
        return _Region(starts[-1], len(self.text), braces[-1])


def _parts(previous: str, kind: str, following: str, level: int) -> bool:
    """Whether a bar or newline parts two statements, or, outside of bodies, two items."""
    if kind == BAR:
        return level > 1
    if kind != NEWLINE:
        return False
    return following in _ITEMS if level == 1 else previous != COMMA and following not in ("_ELSE", "_WHERE")
