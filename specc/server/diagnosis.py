"""What `specc check` says of a file as it stands in the editor."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from specc.diagnostics import Diagnostic, ImportFault, UsageError
from specc.elaborate.model_cache import ModelCache
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
