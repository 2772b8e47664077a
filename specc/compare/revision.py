"""The specs of a commit, put into a folder of their own, where what they import is found as it was."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from specc.compare.git import Blob, Repository
from specc.diagnostics import Diagnostic, Label, UsageError
from specc.root import ROOT_MARKS
from specc.source import Source, Span
from specc.syntax.reader import LARGEST

MOST_SPECS = 20_000
MOST_BYTES = 2**28

_SPECS = (".cnn", ".yaml", ".yml")
_IMPORTED = re.compile(rb"""\bfrom\s*:?\s*["']?([^"'\n,}]*)""")


class Revision(NamedTuple):
    """The specs of a commit.

    Attributes:
        ref: as the user calls it.
        folder: where they are, as they lie below the top of the repository.
        top: of the repository.
        specs: those that can be read, by path from the top.
        links: paths of symbolic links and submodules, which are not followed.
    """

    ref: str
    folder: Path
    top: Path
    specs: dict[str, Blob]
    links: frozenset[str]

    def shown(self, path: str) -> str:
        """How a file of the commit is called, given its path from the top: the path to it now, and the reference."""
        return f"{present(self.top, path)}@{self.ref}"

    def place(self, path: str) -> str:
        """Where it lies while it is compared."""
        return (self.folder / path).as_posix()

    def told(self, finding: Diagnostic) -> Diagnostic:
        """The finding under the names that the user knows."""
        sources: dict[Source, Source] = {}

        def label(old: Label) -> Label:
            source = old.span.source
            new = sources.setdefault(source, Source(self.text(source.name), source.text))
            return Label(Span(new, old.span.start, old.span.end), self.text(old.text))

        return replace(
            finding,
            message=self.text(finding.message),
            primary=label(finding.primary),
            secondary=tuple(map(label, finding.secondary)),
            notes=tuple(map(self.text, finding.notes)),
            helps=tuple(map(self.text, finding.helps)),
            trace=tuple(map(label, finding.trace)),
            fix=None,
        )

    def text(self, text: str) -> str:
        """Words about files of the commit, with the names that the user knows."""
        start = self.folder.as_posix() + "/"
        if start not in text:
            return text
        for path in sorted(self.specs, key=len, reverse=True):
            text = text.replace(start + path, self.shown(path))
        return re.sub(re.escape(start) + r"([^\s:,]+)", lambda found: self.shown(found[1]), text)


def present(top: Path, path: str) -> str:
    """A path from the top of the repository as it is called here: relative, where it lies below the present folder."""
    relative = os.path.relpath(top / path, os.path.realpath("."))
    return (top / path).as_posix() if relative.startswith("..") else Path(relative).as_posix()


@contextmanager
def revision(repository: Repository, ref: str) -> Iterator[Revision]:
    """The specs of the commit that ``ref`` names, as long as the body runs.

    Raises:
        UsageError: there is no such commit, or it holds too much.
    """
    tree = [blob for blob in repository.tree(repository.commit(ref)) if _is_sane(blob.path)]
    files = {blob.path: blob for blob in tree if blob.is_file}
    specs = {path: blob for path, blob in files.items() if path.endswith(_SPECS)}
    with tempfile.TemporaryDirectory(prefix="specc-") as name:
        folder = Path(os.path.realpath(name))
        found = Revision(ref, folder, repository.top, specs, frozenset(b.path for b in tree if not b.is_file))
        (folder / ".git").mkdir()  # the project's folder ends here: nothing above is imported
        for path in files:
            if PurePosixPath(path).name in ROOT_MARKS:
                _write(folder / path, b"")
        _extract(repository, found, files)
        yield found


def _extract(repository: Repository, found: Revision, files: dict[str, Blob]) -> None:
    """Write the specs, and whatever else they import."""
    wanted = list(found.specs.values())
    while wanted:
        _refuse_too_much(found)
        small = [blob for blob in wanted if blob.size <= LARGEST]
        contents = repository.contents(small)
        for blob, content in zip(small, contents, strict=True):
            _write(found.folder / blob.path, content)
        for blob in wanted:
            if blob.size > LARGEST:
                _write(found.folder / blob.path, b"", blob.size)  # refused by its size, whatever is in it
        wanted = [files[path] for path in _imported(contents, files) if path not in found.specs]
        found.specs.update({blob.path: blob for blob in wanted})


def _refuse_too_much(found: Revision) -> None:
    size = sum(blob.size for blob in found.specs.values() if blob.size <= LARGEST)
    if len(found.specs) > MOST_SPECS or size > MOST_BYTES:
        raise UsageError(
            f"{found.ref} holds {len(found.specs):,} specs of {size:,} bytes; at most {MOST_SPECS:,} specs "
            f"and {MOST_BYTES:,} bytes are compared"
        )


def _imported(contents: Iterable[bytes], files: dict[str, Blob]) -> list[str]:
    """Files whose names are those of imports, wherever they are: a spec may be called anything."""
    names = {os.path.basename(os.fsdecode(path)) for text in contents for path in _IMPORTED.findall(text)}  # noqa: PTH119
    return [path for path in files if PurePosixPath(path).name in names] if names else []


def _write(path: Path, content: bytes, size: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        if size is not None:
            file.truncate(size)


def _is_sane(path: str) -> bool:
    """Whether it leads to a place below the top: git does not promise it of a tree that somebody has made up."""
    parts = path.split("/")
    return "\\" not in path and not any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
