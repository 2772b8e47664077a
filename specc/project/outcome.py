"""What a check of many specs comes to: plain values, for every format that shows them."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import Diagnostic, Severity

FAIL_ON = ("error", "warning", "never")
"""What may make a run fail: findings of this severity and above, or none."""


class FileOutcome(NamedTuple):
    """One file that was read.

    ``findings`` are shown: whatever ignore comments, a baseline or a selection keep back is only counted in
    ``silenced``. A file of ``models == 0`` and ``is_library`` has blocks alone.
    """

    name: str
    """As the spans of its findings show it: posix, relative to the present folder where it lies in it."""
    models: int
    is_library: bool
    findings: tuple[Diagnostic, ...]
    silenced: int = 0
    """Of a finding that several files come to, the first of them counts it."""
    imports: tuple[str, ...] = ()
    """The files that it is made of besides itself."""
    baselined: tuple[Diagnostic, ...] = ()
    """Errors that the baseline has: they are not shown, and yet the file is wrong."""
    fail_on: str = "error"
    """What of its findings makes a run fail: one of `FAIL_ON`."""

    @property
    def has_errors(self) -> bool:
        """Whether it is wrong, whatever of that is shown."""
        return bool(self.baselined) or any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def fails(self) -> bool:
        """Whether its findings make the run fail."""
        if self.fail_on == "never":
            return False
        return any(self.fail_on == "warning" or finding.severity is Severity.ERROR for finding in self.findings)


class Unreadable(NamedTuple):
    """A path that could not be checked at all, and why, in a sentence for the user that names it."""

    name: str
    message: str


class Uncalled(NamedTuple):
    """A block that no model comes to: nothing was proven of it."""

    name: str
    path: str
    line: int


class Outcome(NamedTuple):
    """A whole run.

    ``findings`` are in order (path, line, column, code, message), each once, however many files come to it: what is
    wrong in an imported block is found at the block, and its span's source may be a file that was not asked for. What
    the settings alone have caused in many models is one of them; in the findings of the files it is one for each model.
    """

    files: tuple[FileOutcome, ...]
    unreadable: tuple[Unreadable, ...]
    findings: tuple[Diagnostic, ...]
    unmet: tuple[tuple[str, int], ...] = ()
    """The baselines of which findings have not come up again, each with how many."""
    fixable: int = 0
    """How many of the findings have a safe fix, which ``--fix`` would try."""
    unsafe: int = 0
    """How many have one that is not safe, which ``--fix --unsafe-fixes`` would try, too."""
    uncalled: tuple[Uncalled, ...] = ()
    """The blocks of the files without errors that no model of such a file comes to, in order."""

    @property
    def fails(self) -> bool:
        """Whether the findings make the run fail."""
        return any(file.fails for file in self.files)

    @property
    def silenced(self) -> int:
        return sum(file.silenced for file in self.files)

    @property
    def file_findings(self) -> tuple[Diagnostic, ...]:
        """The findings of all files, in order: what the settings have caused is there for each model."""
        findings = {finding.sort_key: finding for file in self.files for finding in file.findings}
        return tuple(findings[key] for key in sorted(findings))

    @property
    def baselined(self) -> int:
        """How many errors the baseline has."""
        return len({finding.sort_key for file in self.files for finding in file.baselined})

    @property
    def wrong_files(self) -> int:
        """How many files have an error, shown or not."""
        return sum(file.has_errors for file in self.files)


NOTHING_CHECKED = Outcome((), (), ())


def fingerprint(finding: Diagnostic, seen: dict[str, int]) -> str:
    """32 hexadecimal digits: the same for the same fault, however its line moves; of one run, each once.

    They come from the path, the code, and the text of the line where the fault begins, however it is spaced. Neither
    the number of the line nor the message is in them: both change with what is written elsewhere. Equal ones
    differ by their order.

    Args:
        seen: how often each was met: the same dictionary for all findings of a run, in order.
    """
    from hashlib import sha256  # loads OpenSSL

    span = finding.primary.span
    line = " ".join(span.source.line(span.position[0]).split())
    known = "\0".join((span.source.name, finding.code, line))
    seen[known] = nth = seen.get(known, -1) + 1
    return sha256(f"{known}\0{nth}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
