"""What of the findings is shown: not what is turned off, silenced by a comment, or known from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from specc.diagnostics import Diagnostic, Severity
from specc.project.baseline import Baseline, Baselines, Key
from specc.project.cache import FileFindings
from specc.project.settings import Configuration
from specc.project.suppressions import CHOICES, IgnoreComments, Rules

_SortKey = tuple[str, int, int, str, str]


class Selected(NamedTuple):
    """Of the findings of one file: those that are shown, and how many are left out that no other file had."""

    shown: tuple[Diagnostic, ...]
    silenced: int
    baselined: tuple[Diagnostic, ...] = ()
    """The errors that the baseline has, whichever file had them first."""


class Selection:
    """Judges the findings of a run, file after file; one that several files come to is judged once.

    It is judged by the settings of the file in which it stands, whichever import led there.

    Args:
        select, ignore: what takes the place of the settings' own.
        baselines: None: there are none.
    """

    def __init__(
        self,
        configuration: Configuration,
        select: tuple[str, ...] | None = None,
        ignore: tuple[str, ...] | None = None,
        baselines: Baselines | None = None,
    ) -> None:
        self._configuration = configuration
        self._select = select
        self._ignore = ignore
        self._baselines = baselines
        self._unmet: dict[str, Counter[Key]] = {}
        self._comments = IgnoreComments()
        self._shown: dict[_SortKey, Diagnostic] = {}
        self._suppressed: set[_SortKey] = set()
        self._wrong: set[_SortKey] = set()

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

    def gone(self, files: Iterable[FileFindings]) -> tuple[tuple[str, int], ...]:
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
        own = self._configuration.of(name).rules
        return Rules(
            own.select if self._select is None else self._select, own.ignore if self._ignore is None else self._ignore
        )

    def _baseline(self, name: str) -> Baseline | None:
        """That of a file, with what is left of it."""
        baseline = None if self._baselines is None else self._baselines.of(self._configuration.of(name))
        if baseline is not None and baseline.name not in self._unmet:
            self._unmet[baseline.name] = Counter(baseline.entries)
        return baseline

    def _select_from(self, findings: Sequence[Diagnostic]) -> Selected:
        before = len(self._suppressed)
        # Of equal ones, such as those that two models come to, the first is the one that is shown.
        wanted = {}
        for finding in reversed(findings):
            if finding.code not in CHOICES or self._rules(finding.primary.span.source.name).want(finding.code):
                wanted[finding.sort_key] = finding
        for key, finding in wanted.items():
            if key not in self._shown and key not in self._suppressed:
                self._judge(key, finding)
        shown = [self._shown[key] for key in wanted if key in self._shown]
        wrong = in_order(finding for key, finding in wanted.items() if key in self._wrong)
        return Selected(in_order(shown), len(self._suppressed) - before, wrong)

    def _judge(self, key: _SortKey, finding: Diagnostic) -> None:
        """Show it, but for what a comment, the settings for its file, or an entry of the baseline leaves out."""
        name = finding.primary.span.source.name
        if finding.code in CHOICES:
            off = self._configuration.of(name).ignored_in(name)
            # The comment is asked first: it would seem needless otherwise.
            if self._comments.is_silenced(finding) or finding.code.startswith(off or "-"):
                self._suppressed.add(key)
                return
        if (baseline := self._baseline(name)) is not None:
            unmet, known = self._unmet[baseline.name], baseline.key(finding)
            if unmet[known] > 0:  # each entry stands for one finding
                unmet[known] -= 1
                self._suppressed.add(key)
                if finding.severity is Severity.ERROR:
                    self._wrong.add(key)
                return
        self._shown[key] = finding


def in_order(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))
