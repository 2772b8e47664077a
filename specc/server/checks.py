"""When which spec is checked, and what an editor is shown of it: nothing that was found in an older text."""

from __future__ import annotations

import asyncio
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from specc.diagnostics import Diagnostic
from specc.filesystem import SETTINGS
from specc.project.fresh import guarded
from specc.server.diagnosis import Diagnosis, diagnosis
from specc.server.documents import Documents
from specc.server.importers import Importers

PAUSE = 0.15
"""Seconds without a change after which a file is checked."""
PATIENCE = 0.001
"""Seconds between two things that are done for later: in them the editor is answered."""
MOST_CLOSED = 200
"""Files that import what is being written and are not open: of more, the others are not checked while one writes."""


class Shown(NamedTuple):
    """What is shown at a file: why it could not be checked, and its findings, each once."""

    problem: str
    findings: tuple[Diagnostic, ...]


class _Found(NamedTuple):
    """What the check of a spec has found in a file, and what stood in it then; None: it was not open."""

    text: str | None
    findings: list[Diagnostic]


class Checks:
    """The specs that are open, those on the disk that import them, and what was found in each.

    A spec is checked when nobody has typed in it for `PAUSE`, then one after the other those that import it; between
    two of them the editor is answered.

    Args:
        show: shows what there is at a path in the place of what was shown.
    """

    def __init__(self, documents: Documents, importers: Importers, show: Callable[[str, Shown], None]) -> None:
        self._documents = documents
        self._importers = importers
        self._show = show
        self._diagnoses: dict[str, Diagnosis] = {}
        self._now: dict[str, Diagnosis] = {}
        """What was found since anything has changed."""
        self._at: defaultdict[str, dict[str, _Found]] = defaultdict(dict)
        """By the path where it is shown, and by the spec whose check has found it."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._changed: set[str] = set()
        self._queue: dict[str, None] = {}

    # ---- what happens -------------------------------------------------------------------------------

    def search(self, folders: list[str]) -> None:
        """The editor has these folders: look for specs there, a little at a time."""
        self._importers.search(folders)
        self._search_on()

    def _search_on(self) -> None:
        if self._importers.step():
            asyncio.get_running_loop().call_later(PATIENCE, self._search_on)

    def later(self, path: str, *, is_new: bool = True) -> None:
        """Check a text when nobody has typed for a moment.

        Args:
            is_new: it is another one than before: what imports it is checked, too.
        """
        if path in self._timers:
            self._timers[path].cancel()
        if is_new:
            self._now.clear()
            self._changed.add(path)
            self._importers.changed(path)
            for root in [each for each in self._queue if each not in self._documents.texts]:
                del self._queue[root]  # they come again behind this one
        self._timers[path] = asyncio.get_running_loop().call_later(PAUSE, self._begin, path)

    def closed(self, path: str) -> None:
        """The text is again that of the disk."""
        if path in self._timers:
            self._timers.pop(path).cancel()
        self._changed.discard(path)
        self._queue.pop(path, None)
        self._now.clear()
        self._importers.changed(path)
        importing = self._importing(path)
        self._withdraw(path)
        for root, known in list(self._diagnoses.items()):
            if root not in self._documents.texts and known.imports.isdisjoint(self._documents.texts):
                self._withdraw(root)
        self._enqueue(root for root in importing if root in self._diagnoses)

    def changed_on_disk(self, paths: Iterable[str]) -> None:
        """Files were written, made or removed by whoever did."""
        self._now.clear()
        for path in paths:
            self._importers.changed(path)
            if posixpath.basename(path) in SETTINGS:
                self._enqueue(list(self._diagnoses))
            elif path not in self._documents.texts:
                if path in self._diagnoses and not self._documents.files.is_file(path):
                    self._withdraw(path)
                self._enqueue([path] if path in self._diagnoses else [])
                self._enqueue(self._importing(path))

    def diagnosis(self, path: str) -> Diagnosis:
        """What there is to say of the text as it stands now."""
        if path not in self._now:
            answer = guarded(path, lambda: diagnosis(path, self._documents.files, self._documents.models))
            self._now[path] = Diagnosis(problem=answer) if isinstance(answer, str) else answer
        return self._now[path]

    @property
    def is_busy(self) -> bool:
        """Whether there is something to be checked."""
        return bool(self._timers or self._queue)

    # ---- one after the other ------------------------------------------------------------------------

    def _begin(self, path: str) -> None:
        self._timers.pop(path, None)
        self._enqueue([path])
        if path in self._changed:
            self._changed.discard(path)
            self._enqueue(self._importing(path))

    def _enqueue(self, paths: Iterable[str]) -> None:
        idle = not self._queue
        self._queue |= dict.fromkeys(path for path in paths if path not in self._timers)
        if idle and self._queue:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        path = next(iter(self._queue), None)
        if path is None:
            return
        try:
            if path in self._documents.texts or self._documents.files.is_file(path):
                self._diagnose(path)
        finally:  # the pipe may be broken
            self._queue.pop(path, None)
            if self._queue:
                # Not at once: what the editor has asked meanwhile is answered first.
                asyncio.get_running_loop().call_later(PATIENCE, self._next)

    def _importing(self, path: str) -> list[str]:
        """What is to be checked when that file has changed: what is open first."""
        known = [root for root, found in self._diagnoses.items() if path in found.imports and root != path]
        known.sort(key=lambda root: root not in self._documents.texts)
        others = [root for root in self._importers.of(path) if root not in self._diagnoses]
        return [*known, *others[:MOST_CLOSED]]

    def _diagnose(self, path: str) -> None:
        before = self._places(path)
        found = self._diagnoses[path] = self.diagnosis(path)
        for place in before:
            del self._at[place][path]
        for finding in found.findings:
            place = self._documents.files.absolute(finding.primary.span.source.name)
            text = self._documents.texts.get(place)
            self._at[place].setdefault(path, _Found(text, [])).findings.append(finding)
        self._show_all({path, *before, *self._places(path)})

    def _withdraw(self, path: str) -> None:
        self._diagnoses.pop(path, None)
        places = self._places(path)
        for place in places:
            del self._at[place][path]
        self._show_all({path, *places})

    def _places(self, root: str) -> list[str]:
        return [place for place, by_root in self._at.items() if root in by_root]

    # ---- what is shown ------------------------------------------------------------------------------

    def _show_all(self, places: set[str]) -> None:
        for place in sorted(places):
            if place not in self._timers:  # its own check comes, and its places have moved
                known = self._diagnoses.get(place)
                findings = {finding.sort_key: finding for finding in self._current(place)}
                self._show(place, Shown(known.problem if known else "", tuple(findings.values())))
            if not self._at.get(place):
                self._at.pop(place, None)

    def _current(self, place: str) -> Iterator[Diagnostic]:
        """The findings there, but for those of an older text."""
        for text, findings in self._at.get(place, {}).values():
            if text == self._documents.texts.get(place):
                yield from findings
