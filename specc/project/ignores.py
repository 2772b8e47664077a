"""``# specc: ignore[S0505] reason``: what a spec's author has seen and answers for.

On the line of a finding, or alone on the line before it; ``ignore-file`` holds for the whole file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.project.codes import CHOICES, choice_problem
from specc.source import Source, Span
from specc.syntax import is_yaml

_COMMENT = re.compile(r"#[ \t]*specc:[ \t]*(?P<what>[\w-]*)(?:\[(?P<codes>[^\]]*)\])?[ \t]*(?P<reason>.*)")
# What stands before the comment of a line. In YAML a # in a word begins none, and a quotation mark in a word is one of
# its letters.
_CODE = re.compile(r'(?:[^"#]|"(?:[^"\\]|\\.)*")*')
_YAML = re.compile(r"""(?:[^"'#]|(?<![^\s\[{,:])(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|(?<=\S)["'#])*""")
_ITEM = re.compile(r"^[ \t]*(?:-[ \t]+)?(model|block)\b", re.MULTILINE)
_PIN = re.compile(r"v?\d")
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
    lines = _Lines(source)
    for span, comment in _comments(source):
        codes = tuple(code.strip() for code in (comment["codes"] or "").split(","))
        problem = _problem(comment, codes)
        if problem:
            findings.append(_idle(span, *problem))
        else:
            line = None if comment["what"] == "ignore-file" else lines.meant(span)
            found.append(Ignore(span, codes, line, lines.in_block(line)))
    return found, findings


def idle(ignore: Ignore) -> Diagnostic:
    """The finding for a comment that nothing needs."""
    silenced = ", ".join(ignore.codes)
    return _idle(ignore.span, f"nothing here is {silenced}, and the comment ignores nothing", "remove it")


def _comments(source: Source) -> Iterator[tuple[Span, re.Match[str]]]:
    """The comments that speak to specc, but for the version of the language."""
    code = _YAML if is_yaml(source.name) else _CODE
    end = 0
    while (there := source.text.find("specc:", end)) >= 0:
        start = source.text.rfind("\n", 0, there) + 1
        end = source.text.find("\n", there) % (len(source.text) + 1)
        line = source.text[start:end].rstrip()
        comment = _COMMENT.search(line, code.match(line).end())  # type: ignore[union-attr]  # it matches anything
        if comment and not _PIN.match(comment["what"]):
            yield source.span(start + comment.start(), start + len(line)), comment


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


class _Lines:
    """Which lines of a file have code, and which of its items are blocks."""

    def __init__(self, source: Source) -> None:
        lines = enumerate(source.text.split("\n"), 1)
        self._code = [number for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
        items = list(_ITEM.finditer(source.text))
        self._items = [source.position(item.start(1))[0] for item in items]
        self._kinds = [item[1] for item in items]

    def meant(self, comment: Span) -> int:
        """The line that a comment is about: its own, or, where it stands alone, the next one with code."""
        number, _ = comment.position
        place = bisect_left(self._code, number)
        return self._code[place] if place < len(self._code) else number

    def in_block(self, line: int | None) -> bool:
        """Whether a comment about that line, or about the whole file, is about a block."""
        if line is None:
            return "block" in self._kinds
        place = bisect_right(self._items, line) - 1
        return place >= 0 and self._kinds[place] == "block"


class Silence:
    """The comments of all files of a run, and which of them were needed."""

    def __init__(self) -> None:
        self._of: dict[str, _Comments] = {}
        self._needed: set[Span] = set()

    def is_silenced(self, finding: Diagnostic) -> bool:
        """Whether a comment in the finding's own file silences it; lints and budgets only."""
        span = finding.primary.span
        comments = self._in(span.source)
        needed = comments.about(span.position[0], finding)
        self._needed.update(ignore.span for ignore in needed)
        return self._is_silenced_everywhere(comments, finding) or bool(needed)

    def _is_silenced_everywhere(self, comments: _Comments, finding: Diagnostic) -> bool:
        """Whether comments about the whole file silence it, which is looked for once for each code."""
        if finding.code not in comments.everywhere:
            needed = comments.about(None, finding)
            comments.everywhere[finding.code] = bool(needed)
            self._needed.update(ignore.span for ignore in needed)
        return comments.everywhere[finding.code]

    def wrong(self, source: Source) -> list[Diagnostic]:
        """Comments of the file that cannot be followed."""
        return self._in(source).wrong

    def unneeded(self, sources: Iterable[Source], want: Callable[[str], bool]) -> list[Diagnostic]:
        """Comments that silenced nothing in the whole run, where all was looked for that they might silence."""
        return [
            idle(ignore)
            for source in sources
            for ignore in self._in(source).ignores
            if ignore.span not in self._needed and ignore.is_judged(want)
        ]

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
