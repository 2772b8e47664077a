"""A baseline: the findings that a project had when it began to check, so that only new ones fail it.

A finding is known by its file, its code and the text of its line, so that it stays known when lines move; a number in
its message may change. The file has no clock and no order but its own: it is meant to be committed and reviewed.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from specc.diagnostics import Diagnostic, UsageError
from specc.files import replace
from specc.version import __version__

VERSION = 1

_Key = tuple[str, str, str]


class Baseline:
    """The findings of a file that are still to be met."""

    def __init__(self, path: Path, known: Counter[_Key]) -> None:
        self._path = path
        self._left = known

    def knows(self, finding: Diagnostic) -> bool:
        """Whether it is one of them; each entry stands for one finding."""
        key = _key(finding, self._path)
        if self._left[key] <= 0:
            return False
        self._left[key] -= 1
        return True

    def gone(self, names: Iterable[str]) -> int:
        """How many entries of these files have met no finding."""
        files = {_relative(name, self._path) for name in names}
        return sum(count for (path, _, _), count in self._left.items() if path in files)


def read_baseline(name: str) -> Baseline:
    """The baseline in that file.

    Raises:
        UsageError: it cannot be read, or another version of specc has written it in a way that this one does not know.
    """
    path = Path(name)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"there is no baseline {name}; make it first: specc check --write-baseline {name}") from None
    except OSError as error:
        raise UsageError(f"the baseline {name} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise UsageError(f"the baseline {name} is no JSON: {error}; {_renew(name)}") from None
    return Baseline(path, Counter(_entries(document, name)))


def _entries(document: object, name: str) -> list[_Key]:
    if not isinstance(document, dict) or "version" not in document:
        raise UsageError(f"{name} is no baseline of specc; {_renew(name)}")
    if document["version"] != VERSION:
        raise UsageError(
            f"the baseline {name} is of version {document['version']} (specc {document.get('specc', 'unknown')}), "
            f"and specc {__version__} reads version {VERSION}; {_renew(name)}"
        )
    try:
        return [(str(entry["path"]), str(entry["code"]), str(entry["line"])) for entry in document["findings"]]
    except (KeyError, TypeError):
        raise UsageError(f"the baseline {name} is damaged; {_renew(name)}") from None


def _renew(name: str) -> str:
    return f"make it anew: specc check --write-baseline {name}"


def write_baseline(name: str, findings: Iterable[Diagnostic]) -> None:
    """Write the findings as a baseline. Raises UsageError."""
    path = Path(name)
    entries = []
    for finding in findings:
        file, code, line = _key(finding, path)
        entries.append({"path": file, "code": code, "line": line, "message": finding.message})
    document = {"version": VERSION, "specc": __version__, "findings": entries}
    with replace(path) as output:
        output.write((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def _key(finding: Diagnostic, path: Path) -> _Key:
    span = finding.primary.span
    line, _ = span.position
    return _relative(span.source.name, path), finding.code, " ".join(span.source.line(line).split())


def _relative(name: str, path: Path) -> str:
    """The spec's path from the baseline's folder: the same from wherever specc is run."""
    return name if name == "<stdin>" else Path(os.path.relpath(name, path.parent)).as_posix()
