"""What of the findings is shown: not what is turned off, ignored by a comment, or in the baseline.

Rules and comments turn off lints and budgets only, never errors.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.project.baseline import Baseline, Baselines, Key
from specc.project.cache import FileFindings
from specc.project.settings import CHOICES, Configuration, Rules, choice_problem
from specc.source import Source, Span
from specc.syntax.trivia import CodeLines, directives

_SortKey = tuple[str, int, int, str, str]


class Ignore(NamedTuple):
    """A comment that ignores findings.

    Attributes:
        span: the comment.
        codes: what it ignores: codes or their beginnings.
        line: the line it is about; None: the whole file.
        in_block: it is about a block, too, and that is seen only where the block is called.
    """

    span: Span
    codes: tuple[str, ...]
    line: int | None
    in_block: bool


def ignores(source: Source) -> tuple[list[Ignore], list[Diagnostic]]:
    """The comments of a file that ignore something, and what is wrong with others that try to."""
    valid: list[Ignore] = []
    findings: list[Diagnostic] = []
    if "specc:" not in source.text:
        return valid, findings
    lines = CodeLines(source)
    for span, directive in directives(source):
        word, codes = directive.word, directive.codes or ()
        bad_code = next(filter(None, map(choice_problem, codes)), None)
        if word not in ("ignore", "ignore-file"):
            findings.append(_warning(span, f"specc reads no comment `{word}`", "write # specc: ignore[S0505] reason"))
        elif directive.codes is None:
            write = f"write # specc: {word}[S0505] reason"
            findings.append(_warning(span, "the comment does not say what to ignore", write))
        elif bad_code is not None:
            findings.append(_warning(span, bad_code, "`specc explain CODE` says what a code means"))
        elif not directive.reason:
            why = "say behind the bracket why it is right here"
            findings.append(_warning(span, "the comment gives no reason", why))
        else:
            line = None if word == "ignore-file" else lines.about(span.start)
            valid.append(Ignore(span, codes, line, lines.in_block(line)))
    return valid, findings


def _warning(span: Span, message: str, help_: str) -> Diagnostic:
    return Diagnostic(Code.IDLE_IGNORE, message, Label(span), helps=(help_,), severity=Severity.WARNING)


class _FileComments(NamedTuple):
    """The comments of one file.

    Attributes:
        by_line: those that are about a line; under None those about the whole file.
        ignored: by line and code, whether a comment ignores it: a thousand findings ask a thousand comments once.
    """

    ignores: list[Ignore]
    wrong: list[Diagnostic]
    by_line: dict[int | None, list[Ignore]]
    ignored: dict[tuple[int | None, Code], bool]


class IgnoreComments:
    """The comments of all files of a run, and which of them were needed."""

    def __init__(self) -> None:
        self._files: dict[str, _FileComments] = {}
        self._needed: set[Span] = set()

    def is_silenced(self, finding: Diagnostic) -> bool:
        """Whether a comment in the finding's own file ignores it; lints and budgets only."""
        if finding.code is Code.IDLE_IGNORE:  # no comment ignores what is wrong with comments
            return False
        span = finding.primary.span
        comments = self._of(span.source)
        keys = [(span.position[0], finding.code), (None, finding.code)]
        for line, code in keys:
            if (line, code) not in comments.ignored:
                needed = [one.span for one in comments.by_line.get(line, ()) if code.startswith(one.codes)]
                comments.ignored[line, code] = bool(needed)
                self._needed.update(needed)
        return any(comments.ignored[key] for key in keys)

    def wrong(self, source: Source) -> list[Diagnostic]:
        """Comments of the file that cannot be followed."""
        return self._of(source).wrong

    def unneeded(self, source: Source, want: Callable[[str], bool]) -> list[Diagnostic]:
        """Comments that ignored nothing in the whole run, where all was looked for that they might ignore."""
        return [
            _warning(span, f"nothing here is {', '.join(codes)}, and the comment ignores nothing", "remove it")
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


class CheckOptions(NamedTuple):
    """What a check goes by.

    Attributes:
        select, ignore, fail_on: what takes the place of each file's settings; None: nothing does.
        baselines: None: nothing is left out because a baseline has it.
        stdin_name: the name under which standard input is checked: what it imports is looked for from there.
    """

    configuration: Configuration
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    fail_on: str | None = None
    baselines: Baselines | None = None
    stdin_name: str | None = None


class Selected(NamedTuple):
    """Of the findings of one file: those that are shown, and how many are left out that no other file had."""

    shown: tuple[Diagnostic, ...]
    silenced: int
    baselined: tuple[Diagnostic, ...] = ()
    """The errors that the baseline has, whichever file had them first."""


class Selection:
    """Judges the findings of a run, file after file; one that several files come to is judged once.

    It is judged by the settings of the file in which it stands, whichever import led there.
    """

    def __init__(self, options: CheckOptions) -> None:
        self._options = options
        self._unmet: dict[str, Counter[Key]] = {}
        self._comments = IgnoreComments()
        self._shown: dict[_SortKey, Diagnostic] = {}
        self._suppressed: set[_SortKey] = set()
        self._baselined_errors: set[_SortKey] = set()

    @property
    def shown(self) -> tuple[Diagnostic, ...]:
        """All findings that are shown, in order."""
        return in_order(self._shown.values())

    def of(self, file: FileFindings) -> Selected:
        """What a file's check has found, and what is wrong with its comments."""
        return self._select_from([*file.findings, *(self._comments.wrong(file.sources[0]) if file.sources else ())])

    def unneeded_comments(self, file: FileFindings) -> Selected:
        """The file's comments that were not needed; to be asked when every file is judged.

        A file whose models do not fit may need them yet.
        """
        if not file.models:
            return self._select_from(())
        return self._select_from(self._comments.unneeded(file.sources[0], self._rules(file.sources[0].name).want))

    def unmet(self, files: Iterable[FileFindings]) -> tuple[tuple[str, int], ...]:
        """How many entries of each baseline, in these files, have met no finding. What was not looked for is not."""
        counts: Counter[str] = Counter()
        for name in (file.sources[0].name for file in files if file.models):
            if (baseline := self._baseline(name)) is not None:
                path, want = baseline.relative(name), self._rules(name).want
                unmet = self._unmet[baseline.name].items()
                counts[baseline.name] += sum(count for key, count in unmet if key[0] == path and want(key[1]))
        return tuple((name, count) for name, count in counts.items() if count)

    def _rules(self, name: str) -> Rules:
        """The lints that are on in a file."""
        own, options = self._options.configuration.of(name).rules, self._options
        return Rules(
            own.select if options.select is None else options.select,
            own.ignore if options.ignore is None else options.ignore,
        )

    def _baseline(self, name: str) -> Baseline | None:
        """That of a file, with what is left of it."""
        options = self._options
        baseline = None if options.baselines is None else options.baselines.of(options.configuration.of(name))
        if baseline is not None and baseline.name not in self._unmet:
            self._unmet[baseline.name] = Counter(baseline.entries)
        return baseline

    def _select_from(self, findings: Sequence[Diagnostic]) -> Selected:
        before = len(self._suppressed)
        # Of equal ones, such as those that two models come to, the first is the one that is shown.
        selected = {}
        for finding in reversed(findings):
            if finding.code not in CHOICES or self._rules(finding.primary.span.source.name).want(finding.code):
                selected[finding.sort_key] = finding
        for key, finding in selected.items():
            if key in self._shown or key in self._suppressed:
                continue
            if self._is_turned_off(finding):
                self._suppressed.add(key)
            elif self._is_baselined(finding):
                self._suppressed.add(key)
                if finding.severity is Severity.ERROR:
                    self._baselined_errors.add(key)
            else:
                self._shown[key] = finding
        shown = [self._shown[key] for key in selected if key in self._shown]
        baselined = in_order(finding for key, finding in selected.items() if key in self._baselined_errors)
        return Selected(in_order(shown), len(self._suppressed) - before, baselined)

    def _is_turned_off(self, finding: Diagnostic) -> bool:
        """Whether a comment or the settings for its file leave it out."""
        if finding.code not in CHOICES:
            return False
        # The comment is asked first: it would seem needless otherwise.
        if self._comments.is_silenced(finding):
            return True
        name = finding.primary.span.source.name
        return finding.code.startswith(self._options.configuration.of(name).ignored_in(name) or "-")

    def _is_baselined(self, finding: Diagnostic) -> bool:
        """Whether an entry of the baseline stands for it: each stands for one finding."""
        baseline = self._baseline(finding.primary.span.source.name)
        if baseline is None or self._unmet[baseline.name][key := baseline.key(finding)] <= 0:
            return False
        self._unmet[baseline.name][key] -= 1
        return True


def in_order(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))
