"""What a check of many specs comes to: plain values, for every format that shows them."""

from __future__ import annotations

from typing import NamedTuple

from specc.diagnostics import Diagnostic, Severity


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

    @property
    def has_errors(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)


class Unreadable(NamedTuple):
    """A path that could not be checked at all, and why, in a sentence for the user that names it."""

    name: str
    message: str


class Outcome(NamedTuple):
    """A whole run.

    ``findings`` are in order (path, line, column, code, message), each once, however many files come to it: what is
    wrong in an imported block is found at the block, and its span's source may be a file that was not asked for.
    """

    files: tuple[FileOutcome, ...]
    unreadable: tuple[Unreadable, ...]
    findings: tuple[Diagnostic, ...]
    gone: int = 0
    """How many of the baseline's findings have not come up again."""

    @property
    def silenced(self) -> int:
        return sum(file.silenced for file in self.files)


NOTHING_CHECKED = Outcome((), (), ())
