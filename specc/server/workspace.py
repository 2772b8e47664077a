"""The files that a name may go through: those that a file imports, and those that import it, as the editor has them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import islice

from specc.diagnostics import Diagnostic, SpecError, UsageError
from specc.elaborate.model_cache import ModelCache
from specc.filesystem import FileSystem, is_within, project_root
from specc.server.bindings import Bindings
from specc.server.importers import MOST_FILES, specs_below
from specc.server.resolution import imported_path
from specc.source import Source
from specc.syntax import ast, read

MOST_KNOWN = 8
"""Files whose names are not looked into again for every question."""


class Workspace:
    """The specs of a project, each read and parsed when it is asked for, and once.

    Args:
        files: what they are read from.
        open_paths: the absolute paths of what the editor has open.
        models: what is known of the texts before.
        known: what the names of files stood for when it was asked last, by path; it is kept up.
    """

    def __init__(
        self,
        files: FileSystem,
        open_paths: Iterable[str] = (),
        models: ModelCache | None = None,
        known: MutableMapping[str, Bindings] | None = None,
    ) -> None:
        self.files = files
        self._models = models or ModelCache()
        self._known = {} if known is None else known
        self._open = tuple(open_paths)
        self._sources: dict[str, Source | None] = {}
        self._trees: dict[str, ast.File | None] = {}

    def source(self, path: str) -> Source | None:
        """The text at a path; None where it cannot be read."""
        if path not in self._sources:
            try:
                self._sources[path] = read(path, self.files)
            except (SpecError, UsageError):
                self._sources[path] = None
        return self._sources[path]

    def tree(self, path: str) -> ast.File | None:
        """What of a file can be parsed."""
        if path not in self._trees:
            source = self.source(path)
            self._trees[path] = None if source is None else self._models.partial(source)
        return self._trees[path]

    def half_written(self) -> Iterator[tuple[str, Diagnostic]]:
        """Why files do not parse whose trees were asked for."""
        for path in list(self._trees):
            source = self.source(path)
            if source is not None:
                try:
                    self._models.tree(source)
                except SpecError as error:
                    yield path, error.diagnostics[0]

    def specs(self, path: str) -> list[str]:
        """The specs of the project that a file is of, `MOST_FILES` at most: what is open, and what a search finds."""
        root = project_root(posixpath.dirname(path), self.files).folder
        found = dict.fromkeys(one for one in (path, *self._open) if is_within(root, one))
        found |= dict.fromkeys(map(self.files.absolute, islice(specs_below([root], self.files), MOST_FILES)))
        return list(found)[:MOST_FILES]

    def imported(self, path: str) -> dict[str, ast.File]:
        """The trees of a file and of all that it imports, by path."""
        trees: dict[str, ast.File] = {}
        waiting = [path]
        while waiting:
            here = waiting.pop()
            tree = None if here in trees else self.tree(here)
            if tree is not None:
                trees[here] = tree
                waiting += self._imports(here, tree)
        return trees

    def around(self, path: str) -> dict[str, ast.File]:
        """The trees of a file, of what it imports and of all specs of the project that import one of these."""
        trees = self.imported(path)
        others = [one for one in self.specs(path) if one not in trees and self._may_import(one)]
        grows = True
        while grows:
            grows = False
            stems = {posixpath.basename(one) for one in trees}
            for one in [one for one in others if one not in trees and self._mentions(one, stems)]:
                tree = self.tree(one)
                if tree is not None and any(imported in trees for imported in self._imports(one, tree)):
                    trees |= self.imported(one)
                    grows = True
        return trees

    def bindings(self, path: str, *, importers: bool) -> Bindings:
        """What the names of a file stand for, in it and around it."""
        if importers:
            return Bindings(self.around(path), self.files.real)
        trees = self.imported(path)
        before = self._known.get(path)
        if before is None or not before.is_of(trees, self.files.real):
            before = self._known[path] = Bindings(trees, self.files.real)
            if len(self._known) > MOST_KNOWN:
                del self._known[next(iter(self._known))]
        return before

    def _imports(self, path: str, tree: ast.File) -> Iterator[str]:
        return (imported_path(path, item) for item in tree.items if isinstance(item, ast.Import))

    def _may_import(self, path: str) -> bool:
        source = self.source(path)
        return source is not None and "from" in source.text

    def _mentions(self, path: str, names: Iterable[str]) -> bool:
        source = self.source(path)
        return source is not None and any(name in source.text for name in names)
