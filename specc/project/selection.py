"""What of the findings is shown: not what is turned off, silenced by a comment, or known from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from specc.diagnostics import Diagnostic, Severity
from specc.project.baseline import Baseline
from specc.project.cache import Found
from specc.project.codes import CHOICES, Rules
from specc.project.ignores import Silence
from specc.project.settings import Settings

_Key = tuple[str, int, int, str, str]


class Picked(NamedTuple):
    """Of the findings of one file: those that are shown, and how many are kept back that no other file had."""

    shown: tuple[Diagnostic, ...]
    silenced: int
    wrong: tuple[Diagnostic, ...] = ()
    """The errors that the baseline keeps back, whichever file had them first."""


class Selection:
    """Judges the findings of a run, file after file; one that several files come to is judged once."""

    def __init__(self, settings: Settings, rules: Rules, baseline: Baseline | None) -> None:
        self._settings = settings
        self._rules = rules
        self._baseline = baseline
        self._left = Counter(baseline.entries) if baseline else Counter()
        self._silence = Silence()
        self._shown: dict[_Key, Diagnostic] = {}
        self._held: set[_Key] = set()
        self._wrong: set[_Key] = set()

    @property
    def shown(self) -> tuple[Diagnostic, ...]:
        """All findings that are shown, in order."""
        return in_order(self._shown.values())

    def of(self, file: Found) -> Picked:
        """What a file's check has found, and what is wrong with its comments."""
        return self._picked([*file.findings, *(self._silence.wrong(file.sources[0]) if file.sources else ())])

    def idle(self, file: Found) -> Picked:
        """The file's comments that were not needed; to be asked when every file is judged.

        A file whose models do not fit may need them yet.
        """
        sound = file.sources[:1] if file.models else ()
        return self._picked(self._silence.unneeded(sound, self._rules.want))

    def gone(self, files: Iterable[Found]) -> int:
        """How many entries of the baseline, in these files, have met no finding. What was not looked for is not."""
        if self._baseline is None:
            return 0
        sound = {self._baseline.relative(file.sources[0].name) for file in files if file.models}
        left = ((path, code, count) for (path, code, _), count in self._left.items())
        return sum(count for path, code, count in left if path in sound and self._rules.want(code))

    def _picked(self, findings: Sequence[Diagnostic]) -> Picked:
        held = len(self._held)
        # Of equal ones, such as those that two models come to, the first is the one that is shown.
        wanted = {finding.sort_key: finding for finding in reversed(findings) if self._rules.want(finding.code)}
        shown = [self._shown[key] for key, finding in wanted.items() if self._is_shown(key, finding)]
        wrong = in_order(finding for key, finding in wanted.items() if key in self._wrong)
        return Picked(in_order(shown), len(self._held) - held, wrong)

    def _is_shown(self, key: _Key, finding: Diagnostic) -> bool:
        if key in self._shown or key in self._held:
            return key in self._shown
        if self._is_silenced(finding):
            self._held.add(key)
            return False
        if self._is_known(finding):
            self._held.add(key)
            if finding.severity is Severity.ERROR:
                self._wrong.add(key)
            return False
        self._shown[key] = finding
        return True

    def _is_silenced(self, finding: Diagnostic) -> bool:
        """By a comment, or by the settings for its file; the comment first, which would be idle otherwise."""
        if finding.code not in CHOICES:
            return False
        off = self._settings.ignored_in(finding.primary.span.source.name)
        return self._silence.is_silenced(finding) or finding.code.startswith(off or "-")

    def _is_known(self, finding: Diagnostic) -> bool:
        """Whether the baseline has it. Each entry stands for one finding."""
        if self._baseline is None:
            return False
        key = self._baseline.key(finding)
        if self._left[key] <= 0:
            return False
        self._left[key] -= 1
        return True


def in_order(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.sort_key))
