"""What `specc check` says of a file as it stands in the editor."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from specc.diagnostics import Diagnostic, Edit, ImportFault, Safety, UsageError
from specc.elaborate import ModelCache
from specc.filesystem import FileSystem
from specc.project.check import check
from specc.project.selection import CheckOptions
from specc.project.settings import Configuration


class Diagnosis(NamedTuple):
    """What there is to say of a file.

    Attributes:
        findings: those of the file and of what it imports, in order.
        problem: why it could not be checked; empty where it was.
        imports: the absolute paths of the files that it is made of besides, or would be if they were there.
    """

    findings: tuple[Diagnostic, ...] = ()
    problem: str = ""
    imports: frozenset[str] = frozenset()


def diagnosis(path: str, files: FileSystem, models: ModelCache | None = None) -> Diagnosis:
    """The findings of one file, by the settings that it has on the disk or in the editor.

    Args:
        models: those of earlier texts.
    """
    try:
        outcome = check([path], CheckOptions(Configuration(files=files)), files=files, models=models)
    except UsageError as error:  # broken settings
        return Diagnosis(problem=str(error))
    imports = {files.absolute(name) for file in outcome.files for name in file.imports}
    for finding in outcome.file_findings:
        if isinstance(finding.fact, ImportFault):  # a file that is not there may come to be
            folder = posixpath.dirname(finding.primary.span.source.name)
            imports.add(files.absolute(posixpath.join(folder, finding.fact.path.replace("\0", ""))))
    return Diagnosis(outcome.file_findings, "; ".join(one.message for one in outcome.unreadable), frozenset(imports))


class Correction(NamedTuple):
    """A fix of a finding within one file."""

    finding: Diagnostic
    edits: tuple[Edit, ...]
    is_safe: bool

    @property
    def title(self) -> str:
        """What it does, in the words of a menu."""
        doubt = "" if self.is_safe else " (may not be what was meant)"
        return ", ".join(_change(edit.span.text, edit.text) for edit in self.edits) + doubt


def _change(old: str, new: str) -> str:
    if not old.strip():
        return f"write `{new.strip()}`"
    return f"`{new.strip()}` instead of `{old.strip()}`" if new.strip() else f"remove `{old.strip()}`"


def corrections(findings: tuple[Diagnostic, ...], path: str, files: FileSystem) -> list[Correction]:
    """Those that a file takes: what is only to be read is none."""
    return [
        Correction(finding, finding.fix.edits, finding.fix.safety is Safety.SAFE)
        for finding in findings
        if finding.fix is not None
        and finding.fix.safety is not Safety.DISPLAY_ONLY
        and all(files.absolute(edit.span.source.name) == path for edit in finding.fix.edits)
    ]
