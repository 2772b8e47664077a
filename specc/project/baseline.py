"""The baseline: the findings that a project had when it began to check, in a file that is committed.

It has a file of its own, so that two rules stay narrow: outside the report nothing but its writer reads the words of
findings, and it is read from the disk, where specs are read through a file system.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from specc.diagnostics import Diagnostic, UsageError
from specc.diagnostics.words import system_reason
from specc.project.paths import relative_to
from specc.project.settings import Settings
from specc.version import __version__

VERSION = 1

Key = tuple[str, str, str]
"""Path, code, and the line without what is only its layout."""


class Baseline(NamedTuple):
    """The findings that a project had when it began to check, so that only new ones fail it.

    A finding is known by its file, its code and the text of its line, so that it stays known when lines move; a number
    in its message may change. The file has no clock and no order but its own: it can be committed and reviewed.

    Attributes:
        folder: where the file lies: its paths start there, from wherever specc is run.
        entries: how many findings have each key.
    """

    name: str
    folder: Path
    entries: Mapping[Key, int]

    def relative(self, name: str) -> str:
        return relative_to(name, self.folder)

    def key(self, finding: Diagnostic) -> Key:
        """What a finding is known by."""
        span = finding.primary.span
        line, _ = span.position
        return self.relative(span.source.name), str(finding.code), " ".join(span.source.line(line).split())


class Baselines:
    """The baseline of each file: that which its settings name, read once, or one for all files.

    Args:
        only: the one for all.
    """

    def __init__(self, only: Baseline | None = None) -> None:
        self._only = only
        self._read: dict[str, Baseline] = {}

    def of(self, settings: Settings) -> Baseline | None:
        """Raises UsageError where it cannot be read."""
        if self._only is not None or settings.baseline is None or settings.root is None:
            return self._only
        name = Path(os.path.relpath(settings.root / settings.baseline)).as_posix()
        if name not in self._read:
            self._read[name] = read_baseline(name)
        return self._read[name]


def read_baseline(name: str) -> Baseline:
    """The baseline in that file.

    Raises:
        UsageError: it cannot be read, or it is of a version of specc whose format this one does not read.
    """
    from specc.atomic import require_regular

    require_regular(Path(name))
    renew = f"write it anew: specc check --write-baseline {name}"
    try:
        document = json.loads(Path(name).read_bytes())
    except FileNotFoundError:
        raise UsageError(f"there is no baseline {name}; make it first: specc check --write-baseline {name}") from None
    except OSError as error:
        raise UsageError(f"the baseline {name} cannot be read: {system_reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the baseline {name} is not JSON: {error}; {renew}") from None
    if not isinstance(document, dict) or "version" not in document:
        raise UsageError(f"{name} is not a baseline of specc; {renew}")
    if document["version"] != VERSION:
        raise UsageError(
            f"the baseline {name} has version {document['version']} (of specc {document.get('specc', 'unknown')}), "
            f"and specc {__version__} reads version {VERSION}; {renew}"
        )
    try:
        entries: list[Any] = [(entry["path"], entry["code"], entry["line"]) for entry in document["findings"]]
    except (KeyError, TypeError):
        entries = [None]
    if not all(entry and all(isinstance(part, str) for part in entry) for entry in entries):
        raise UsageError(f"the baseline {name} is damaged; {renew}")
    return Baseline(name, Path(os.path.realpath(Path(name).parent)), Counter(entries))


def write_baseline(name: str, findings: Iterable[Diagnostic]) -> None:
    """Write the findings as a baseline, by path, and of one file in their order. Raises UsageError."""
    from specc.atomic import replace

    baseline = Baseline(name, Path(os.path.realpath(Path(name).parent)), {})
    keys = sorted(((baseline.key(finding), finding.message) for finding in findings), key=lambda pair: pair[0][0])
    entries = [{"path": path, "code": code, "line": line, "message": text} for (path, code, line), text in keys]
    document = {"version": VERSION, "specc": __version__, "findings": entries}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    with replace(Path(name)) as output:
        output.write(text.encode("utf-8", "backslashreplace"))  # bytes of a path that are no UTF-8 are escapes of JSON
