"""What turns findings off: the rules of a project and the comments of a spec. Lints and budgets only, never errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, Severity, UsageError
from specc.source import Source, Span
from specc.syntax.directives import CodeLines, directives

CHOICES = tuple(code for code in Code if code.startswith("S05") or code is Code.BUDGET)
"""What may be turned off."""


class Rules(NamedTuple):
    """Which of `CHOICES` are on: those of ``select`` (None: all) without those of ``ignore``. Codes or beginnings.

    Budgets, which a project has set itself, are on unless they are ignored: to choose among lints turns none off.
    """

    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()

    def want(self, code: str) -> bool:
        if code not in CHOICES:
            return True
        selected = self.select is None or code == Code.BUDGET or code.startswith(self.select)
        return selected and not code.startswith(self.ignore or "-")


def refuse_unknown(codes: Iterable[str], where: str) -> None:
    """Raises UsageError where a code, or the beginning of one, is none that can be turned on and off."""
    for code in codes:
        if problem := choice_problem(code):
            raise UsageError(f"{where}: {problem}")


def lint_codes(text: str | None, option: str) -> tuple[str, ...] | None:
    """The codes that an option names; None: it is not given, and the settings of each file decide."""
    if text is None:
        return None
    codes = tuple(code.strip().upper() for code in text.split(","))
    refuse_unknown(codes, option)
    return codes


def choice_problem(code: str) -> str | None:
    """Why this is no code, nor the beginning of one, that can be turned on and off."""
    if len(code) > 1 and any(choice.startswith(code) for choice in CHOICES):
        return None
    if code in set(Code):
        return f"{code} is an error: without a network that fits there is nothing to overlook"
    known = f"they go from {CHOICES[1]} to {CHOICES[-1]}, and {CHOICES[0]} is the budget"
    return f"{code or 'an empty text'} is no code of a lint; {known}"


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


def ignores(source: Source) -> tuple[list[Ignore], list[Diagnostic]]:
    """The comments of a file that silence something, and what is wrong with others that try to."""
    valid: list[Ignore] = []
    findings: list[Diagnostic] = []
    if "specc:" not in source.text:
        return valid, findings
    lines = CodeLines(source)
    for span, directive in directives(source):
        word, codes = directive.word, directive.codes or ()
        bad_code = next(filter(None, map(choice_problem, codes)), None)
        if word not in ("ignore", "ignore-file"):
            findings.append(_idle(span, f"specc reads no comment `{word}`", "write # specc: ignore[S0505] reason"))
        elif directive.codes is None:
            write = f"write # specc: {word}[S0505] reason"
            findings.append(_idle(span, "the comment does not say what to ignore", write))
        elif bad_code is not None:
            findings.append(_idle(span, bad_code, "`specc explain CODE` says what a code means"))
        elif not directive.reason:
            why = "say behind the bracket why it is right here"
            findings.append(_idle(span, "the comment gives no reason", why))
        else:
            line = None if word == "ignore-file" else lines.about(span.start)
            valid.append(Ignore(span, codes, line, lines.in_block(line)))
    return valid, findings


def _idle(span: Span, message: str, help_: str) -> Diagnostic:
    return Diagnostic(Code.IDLE_IGNORE, message, Label(span), helps=(help_,), severity=Severity.WARNING)


class _FileComments(NamedTuple):
    """The comments of one file.

    Attributes:
        by_line: those that are about a line; under None those about the whole file.
        silenced: by line and code, whether a comment silences it: a thousand findings ask a thousand comments once.
    """

    ignores: list[Ignore]
    wrong: list[Diagnostic]
    by_line: dict[int | None, list[Ignore]]
    silenced: dict[tuple[int | None, Code], bool]


class IgnoreComments:
    """The comments of all files of a run, and which of them were needed."""

    def __init__(self) -> None:
        self._files: dict[str, _FileComments] = {}
        self._needed: set[Span] = set()

    def is_silenced(self, finding: Diagnostic) -> bool:
        """Whether a comment in the finding's own file silences it; lints and budgets only."""
        if finding.code is Code.IDLE_IGNORE:  # no comment silences what is wrong with comments
            return False
        span = finding.primary.span
        comments = self._of(span.source)
        keys = [(span.position[0], finding.code), (None, finding.code)]
        for line, code in keys:
            if (line, code) not in comments.silenced:
                needed = [one.span for one in comments.by_line.get(line, ()) if code.startswith(one.codes)]
                comments.silenced[line, code] = bool(needed)
                self._needed.update(needed)
        return any(comments.silenced[key] for key in keys)

    def wrong(self, source: Source) -> list[Diagnostic]:
        """Comments of the file that cannot be followed."""
        return self._of(source).wrong

    def unneeded(self, source: Source, want: Callable[[str], bool]) -> list[Diagnostic]:
        """Comments that silenced nothing in the whole run, where all was looked for that they might silence."""
        return [
            _idle(span, f"nothing here is {', '.join(codes)}, and the comment ignores nothing", "remove it")
            for span, codes, _, in_block in self._of(source).ignores
            if span not in self._needed
            if not in_block and all(want(choice) for choice in CHOICES if choice.startswith(codes))
        ]

    def _of(self, source: Source) -> _FileComments:
        if source.name not in self._files:
            valid, wrong = ignores(source)
            by_line: dict[int | None, list[Ignore]] = defaultdict(list)
            for ignore in valid:
                by_line[ignore.line].append(ignore)
            self._files[source.name] = _FileComments(valid, wrong, by_line, {})
        return self._files[source.name]
