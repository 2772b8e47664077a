"""``# specc: ignore[S0505] reason``: what a spec's author has seen and answers for.

On the line of a finding, or alone on the line before it; ``ignore-file`` holds for the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.project.codes import choice_problem
from specc.source import Source, Span

_COMMENT = re.compile(r"#[ \t]*specc:[ \t]*(?P<what>[\w-]*)(?:\[(?P<codes>[^\]\n]*)\])?[ \t]*(?P<reason>[^\n]*)")
_ITEM = re.compile(r"^(?:-[ \t]+)?(model|block)\b", re.MULTILINE)
_WORDS = ("ignore", "ignore-file")


class Ignore(NamedTuple):
    """One comment.

    Attributes:
        span: the comment.
        codes: what it silences: codes or their beginnings.
        line: the line it is about; None: the whole file.
        in_block: it stands in a block, and what it is about comes up only where the block is called.
    """

    span: Span
    codes: tuple[str, ...]
    line: int | None
    in_block: bool

    def silences(self, finding: Diagnostic) -> bool:
        if not finding.code.startswith(self.codes):
            return False
        return self.line is None or finding.primary.span.position[0] == self.line


def ignores(source: Source) -> tuple[list[Ignore], list[Diagnostic]]:
    """The comments of a file that silence something, and what is wrong with others that try to."""
    found: list[Ignore] = []
    findings: list[Diagnostic] = []
    if "specc:" not in source.text:
        return found, findings
    for comment in _COMMENT.finditer(source.text):
        if _in_string(source, comment.start()):
            continue
        span = source.span(comment.start(), comment.start() + len(comment[0].rstrip()))
        codes = tuple(code.strip() for code in (comment["codes"] or "").split(","))
        problem = _problem(comment, codes)
        if problem:
            findings.append(_idle(span, *problem))
        else:
            found.append(Ignore(span, codes, _line(comment, source), _in_block(source, comment.start())))
    return found, findings


def idle(ignore: Ignore) -> Diagnostic:
    """The finding for a comment that nothing needs."""
    silenced = ", ".join(ignore.codes)
    return _idle(ignore.span, f"nothing here is {silenced}, and the comment ignores nothing", "remove it")


def _problem(comment: re.Match[str], codes: tuple[str, ...]) -> tuple[str, str] | None:
    if comment["what"] not in _WORDS:
        return f"specc reads no comment `{comment['what']}`", "write # specc: ignore[S0505] reason"
    if comment["codes"] is None:
        return "the comment does not say what to ignore", f"write # specc: {comment['what']}[S0505] reason"
    for code in codes:
        if problem := choice_problem(code):
            return problem, "`specc explain CODE` says what a code means"
    if not comment["reason"].strip():
        return "the comment gives no reason", "say behind the bracket why it is right here"
    return None


def _idle(span: Span, message: str, help_: str) -> Diagnostic:
    return Diagnostic(Code.IDLE_IGNORE, message, Label(span), helps=(help_,), severity=Severity.WARNING)


def _line(comment: re.Match[str], source: Source) -> int | None:
    """The line that the comment is about: its own, or, where it stands alone, the next one that is no comment."""
    if comment["what"] == "ignore-file":
        return None
    number, column = source.position(comment.start())
    if source.line(number)[: column - 1].strip():
        return number
    rest = source.text[comment.end() :].split("\n")[1:]
    skipped = next((i for i, line in enumerate(rest) if line.strip() and not line.lstrip().startswith("#")), 0)
    return number + 1 + skipped


def _in_string(source: Source, offset: int) -> bool:
    """Strings end on their line, so that an odd number of quotation marks before it means inside one."""
    number, column = source.position(offset)
    before = source.line(number)[: column - 1]
    return "#" not in before and before.replace('\\"', "").count('"') % 2 == 1


def _in_block(source: Source, offset: int) -> bool:
    items = [item[1] for item in _ITEM.finditer(source.text, 0, offset)]
    return bool(items) and items[-1] == "block"


class Silence:
    """The comments of all files of a run, and which of them were needed."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[list[Ignore], list[Diagnostic]]] = {}
        self._needed: set[Span] = set()

    def is_silenced(self, finding: Diagnostic) -> bool:
        """Whether a comment in the finding's own file silences it; lints and budgets only."""
        source = finding.primary.span.source
        needed = [ignore for ignore in self._in(source)[0] if ignore.silences(finding)]
        self._needed.update(ignore.span for ignore in needed)
        return bool(needed)

    def wrong(self, source: Source) -> list[Diagnostic]:
        """Comments of the file that cannot be followed."""
        return self._in(source)[1]

    def unneeded(self, sources: Iterable[Source], want: Callable[[str], bool]) -> list[Diagnostic]:
        """Comments that silenced nothing in the whole run; of codes that were looked for, and outside of blocks."""
        return [
            idle(ignore)
            for source in sources
            for ignore in self._in(source)[0]
            if ignore.span not in self._needed and not ignore.in_block and all(map(want, ignore.codes))
        ]

    def _in(self, source: Source) -> tuple[list[Ignore], list[Diagnostic]]:
        if source.name not in self._of:
            self._of[source.name] = ignores(source)
        return self._of[source.name]
