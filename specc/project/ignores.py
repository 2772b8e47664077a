"""The ignore comments of a run: which findings they silence, and which of them nothing needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.project.rules import CHOICES, choice_problem
from specc.source import Source, Span
from specc.syntax.directives import CodeLines, Directive, directives

_WORDS = ("ignore", "ignore-file")


class Ignore(NamedTuple):
    """One comment.

    Attributes:
        span: the comment.
        codes: what it silences: codes or their beginnings.
        line: the line it is about; None: the whole file.
        in_block: it is about a block, too, and that is seen only where the block is called.
    """

    span: Span
    codes: tuple[str, ...]
    line: int | None
    in_block: bool

    def silences(self, finding: Diagnostic) -> bool:
        """Whether it is about the finding; what is said of comments themselves cannot be silenced by one."""
        if not finding.code.startswith(self.codes) or finding.code is Code.IDLE_IGNORE:
            return False
        return self.line is None or finding.primary.span.position[0] == self.line

    def is_judged(self, want: Callable[[str], bool]) -> bool:
        """Whether all was looked for that it might silence."""
        return not self.in_block and all(want(choice) for choice in CHOICES if choice.startswith(self.codes))


def ignores(source: Source) -> tuple[list[Ignore], list[Diagnostic]]:
    """The comments of a file that silence something, and what is wrong with others that try to."""
    found: list[Ignore] = []
    findings: list[Diagnostic] = []
    if "specc:" not in source.text:
        return found, findings
    lines = CodeLines(source)
    for span, directive in directives(source):
        if problem := _problem(directive):
            findings.append(_idle(span, *problem))
        else:
            line = None if directive.word == "ignore-file" else lines.about(span.start)
            found.append(Ignore(span, directive.codes or (), line, lines.in_block(line)))
    return found, findings


def _problem(directive: Directive) -> tuple[str, str] | None:
    if directive.word not in _WORDS:
        return f"specc reads no comment `{directive.word}`", "write # specc: ignore[S0505] reason"
    if directive.codes is None:
        return "the comment does not say what to ignore", f"write # specc: {directive.word}[S0505] reason"
    for code in directive.codes:
        if problem := choice_problem(code):
            return problem, "`specc explain CODE` says what a code means"
    if not directive.reason:
        return "the comment gives no reason", "say behind the bracket why it is right here"
    return None


def _idle(span: Span, message: str, help_: str) -> Diagnostic:
    return Diagnostic(Code.IDLE_IGNORE, message, Label(span), helps=(help_,), severity=Severity.WARNING)


class IgnoreComments:
    """The comments of all files of a run, and which of them were needed."""

    def __init__(self) -> None:
        self._of: dict[str, _Comments] = {}
        self._needed: set[Span] = set()

    def is_silenced(self, finding: Diagnostic) -> bool:
        """Whether a comment in the finding's own file silences it; lints and budgets only."""
        span = finding.primary.span
        comments = self._in(span.source)
        needed = comments.about(span.position[0], finding)
        if finding.code not in comments.everywhere:
            whole = comments.about(None, finding)
            comments.everywhere[finding.code] = bool(whole)
            needed = [*needed, *whole]
        self._needed.update(ignore.span for ignore in needed)
        return bool(needed) or comments.everywhere[finding.code]

    def wrong(self, source: Source) -> list[Diagnostic]:
        """Comments of the file that cannot be followed."""
        return self._in(source).wrong

    def unneeded(self, sources: Iterable[Source], want: Callable[[str], bool]) -> list[Diagnostic]:
        """Comments that silenced nothing in the whole run, where all was looked for that they might silence."""
        findings = []
        for ignore in (ignore for source in sources for ignore in self._in(source).ignores):
            if ignore.span not in self._needed and ignore.is_judged(want):
                message = f"nothing here is {', '.join(ignore.codes)}, and the comment ignores nothing"
                findings.append(_idle(ignore.span, message, "remove it"))
        return findings

    def _in(self, source: Source) -> _Comments:
        if source.name not in self._of:
            self._of[source.name] = _Comments(*ignores(source))
        return self._of[source.name]


class _Comments:
    """The comments of one file, by the line that they are about: each finding asks for those of its own.

    Attributes:
        everywhere: of codes that were asked for, whether the whole file is silent about them.
    """

    def __init__(self, ignores: list[Ignore], wrong: list[Diagnostic]) -> None:
        self.ignores = ignores
        self.wrong = wrong
        self.everywhere: dict[str, bool] = {}
        self._by_line: dict[int | None, list[Ignore]] = defaultdict(list)
        for ignore in ignores:
            self._by_line[ignore.line].append(ignore)

    def about(self, line: int | None, finding: Diagnostic) -> list[Ignore]:
        """Those that silence a finding and are about its line; without a line, about the whole file."""
        return [ignore for ignore in self._by_line.get(line, ()) if ignore.silences(finding)]
