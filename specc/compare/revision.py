"""The specs of a commit, put into a folder of their own, where what they import is found as it was."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from specc.compare.git import Blob, Repository
from specc.diagnostics import Diagnostic, Label, SpecError, UsageError
from specc.filesystem import SETTINGS
from specc.source import Source, Span
from specc.syntax import ast, parse, read
from specc.syntax.reader import LARGEST

MOST_SPECS = 20_000
MOST_BYTES = 2**28
MOST_LINKS = 40
"""Symbolic links that may lead to a file."""
LONGEST_LINK = 4096
"""Bytes of a symbolic link's target."""

_SPECS = (".cnn", ".yaml", ".yml")
_IMPORTED = re.compile(rb"""\bfrom\s*:?\s*["']?([^"'\n,}]*)""")


class Revision(NamedTuple):
    """The specs of a commit.

    Attributes:
        ref: as the user calls it.
        folder: where they are, as they lie below the top of the repository.
        top: of the repository.
        specs: those that can be read, by path from the top; symbolic links to one, too.
        tree: everything in the commit, by path from the top, and in those of its submodules that are checked out.
        links: what its symbolic links say, by path from the top.
    """

    ref: str
    folder: Path
    top: Path
    specs: dict[str, Blob]
    tree: dict[str, Blob]
    links: dict[str, str]

    def shown(self, path: str) -> str:
        """How a file of the commit is called, given its path from the top: the path to it now, and the reference."""
        return f"{present(self.top, path)}@{self.ref}"

    def place(self, path: str) -> str:
        """Where it lies while it is compared."""
        return (self.folder / path).as_posix()

    def obstacle(self, path: str) -> str | None:
        """Why the old version of a spec, or of what it imports, cannot be read; None: it can, or is wrong in itself."""
        left, seen = [path], {path}
        while left:
            here = left.pop()
            if (reason := self._closed(here)) is not None:
                what = f"{self.shown(here)} {reason}"
                return what if here == path else f"{self.shown(path)} imports it, and {what}"
            fresh = set(self._imports(here)) - seen
            seen |= fresh
            left += fresh
        return None

    def _closed(self, path: str) -> str | None:
        real = followed(path, self.links).real
        if real is None:
            return "is a symbolic link that leads out of the repository"
        module = next((above for above in above_all(real) if self._is_submodule(above)), None)
        if module is None or real in self.tree:
            return None
        return f"is in the submodule {module}, whose commit {self.tree[module].name[:12]} is not here"

    def _is_submodule(self, path: str) -> bool:
        return path in self.tree and self.tree[path].kind == "submodule"

    def _imports(self, path: str) -> list[str]:
        try:
            return imported(path, parse(read(self.place(path))))
        except (SpecError, UsageError):
            return []

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
    """A path from the top of the repository as it is called here."""
    return Path(os.path.relpath(top / path, os.path.realpath("."))).as_posix()


def above_all(path: str) -> Iterator[str]:
    """``a``, ``a/b``, ``a/b/c``"""
    parts = path.split("/")
    return ("/".join(parts[:n]) for n in range(1, len(parts) + 1))


class Way(NamedTuple):
    """Where a path leads, and the symbolic links on the way; ``real`` is None where it leads out of the repository, or
    round in a circle."""

    real: str | None
    links: tuple[str, ...]


def followed(path: str, links: Mapping[str, str]) -> Way:
    """Follow a path from the top."""
    left, here, passed = path.split("/")[::-1], list[str](), list[str]()
    while left:
        part = left.pop()
        if part == ".." and not here:
            return Way(None, tuple(passed))
        if part == "..":
            here.pop()
        elif part not in ("", "."):
            here.append(part)
        name = "/".join(here)
        if name in links:
            passed.append(name)
            if len(passed) > MOST_LINKS or os.path.isabs(links[name]):
                return Way(None, tuple(passed))
            here.pop()
            left += links[name].split("/")[::-1]
    return Way("/".join(here), tuple(passed))


def imported(path: str, file: ast.File) -> list[str]:
    """What a file imports, as paths from the top; those that lead out are refused as they are written."""
    folder = os.path.dirname(path)
    names = (item.path for item in file.items if isinstance(item, ast.Import))
    plain = (name for name in names if name and "\0" not in name and not os.path.isabs(name))
    targets = (os.path.normpath(os.path.join(folder, name)) for name in plain)
    return [target for target in targets if target != ".." and not target.startswith("../")]


@contextmanager
def revision(repository: Repository, ref: str, named: Iterable[str] = ()) -> Iterator[Revision]:
    """The specs of the commit that ``ref`` names, as long as the body runs.

    Args:
        named: paths from the top that are specs whatever they are called.

    Raises:
        UsageError: there is no such commit, or it holds too much.
    """
    repositories = {"": repository}
    tree = _tree(repositories, repository.commit(ref))
    links = _links(repositories, tree)
    asked = set(named)
    with tempfile.TemporaryDirectory(prefix="specc-") as name:
        folder = Path(os.path.realpath(name))
        found = Revision(ref, folder, repository.top, {}, tree, links)
        for top in repositories:  # a project's folder ends here: nothing above is imported
            (folder / top / ".git").mkdir(parents=True)
        _write_settings(repositories, found)
        _extract(repositories, found, [path for path in tree if path.endswith(_SPECS) or path in asked])
        _link(found)
        yield found


def _write_settings(repositories: Mapping[str, Repository], found: Revision) -> None:
    """Where a project ends is what its settings said then."""
    named = [path for path in (*found.tree, *found.links) if PurePosixPath(path).name in SETTINGS]
    blobs = {path: blob for path in named if (blob := _file(found, path)) is not None and blob.size <= LARGEST}
    for path, content in zip(blobs, _contents(repositories, list(blobs.values())), strict=True):
        _write(found.folder / path, content)


def _tree(repositories: dict[str, Repository], commit: str) -> dict[str, Blob]:
    """Everything in the commit, and in the commits of its submodules; of these the repositories are added."""
    tree: dict[str, Blob] = {}
    left = [("", commit)]
    while left:
        home, name = left.pop()
        prefix = f"{home}/" if home else ""
        blobs = [blob._replace(path=prefix + blob.path, home=home) for blob in repositories[home].tree(name)]
        tree |= {blob.path: blob for blob in blobs if _is_sane(blob.path)}
        for blob in blobs:
            if blob.kind == "submodule" and tree.get(blob.path) == blob:
                inner = _submodule(repositories[""].top, blob)
                if inner is not None:
                    repositories[blob.path] = inner
                    left.append((blob.path, blob.name))
    return tree


def _submodule(top: Path, blob: Blob) -> Repository | None:
    """None: it is not checked out, or does not have that commit."""
    folder = top / blob.path
    if not os.path.lexists(folder / ".git"):
        return None
    try:
        inner = Repository(folder)
        inner.commit(blob.name)
    except UsageError:
        return None
    return inner if inner.top == folder else None


def _links(repositories: Mapping[str, Repository], tree: Mapping[str, Blob]) -> dict[str, str]:
    blobs = [blob for blob in tree.values() if blob.kind == "link" and blob.size <= LONGEST_LINK]
    targets = _contents(repositories, blobs)
    return {blob.path: os.fsdecode(target) for blob, target in zip(blobs, targets, strict=True)}


def _contents(repositories: Mapping[str, Repository], blobs: Sequence[Blob]) -> list[bytes]:
    """What is in the files. Raises UsageError where a clone does not have one."""
    found: dict[str, bytes] = {}
    for home, repository in repositories.items():
        own = [blob for blob in blobs if blob.home == home]
        if own:
            found |= zip((blob.path for blob in own), repository.contents(own), strict=True)
    return [found[blob.path] for blob in blobs]


def _file(found: Revision, path: str) -> Blob | None:
    """The file to which a path leads."""
    blob = found.tree.get(followed(path, found.links).real or "")
    return blob if blob is not None and blob.is_file else None


def _link(found: Revision) -> None:
    """Links that lead to something in the tree, as they are there: nothing leads out of the folder."""
    for path in found.links:
        real, place = followed(path, found.links).real, found.folder / path
        if real is not None and not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # not every system lets everybody make links
                place.symlink_to(os.path.relpath(found.folder / real, place.parent))


def _extract(repositories: Mapping[str, Repository], found: Revision, paths: Iterable[str]) -> None:
    """Write the specs, and whatever else they import."""
    left = list(paths)
    by_name: dict[str, list[str]] = {}
    for path in found.tree:
        by_name.setdefault(PurePosixPath(path).name, []).append(path)
    written = set[str]()
    while left:
        blobs = {path: blob for path in left if (blob := _file(found, path)) is not None}
        found.specs.update({path: blob._replace(path=path) for path, blob in blobs.items()})
        _refuse_too_much(found)
        wanted = [blob for blob in dict.fromkeys(blobs.values()) if blob.path not in written]
        written |= {blob.path for blob in wanted}
        small = [blob for blob in wanted if blob.size <= LARGEST]
        contents = _contents(repositories, small)
        for blob, content in zip(small, contents, strict=True):
            _write(found.folder / blob.path, content)
        for blob in wanted:
            if blob.size > LARGEST:
                _write(found.folder / blob.path, b"", blob.size)  # refused by its size, whatever is in it
        left = [path for name in _imported(contents) for path in by_name.get(name, ()) if path not in found.specs]


def _refuse_too_much(found: Revision) -> None:
    size = sum(blob.size for blob in found.specs.values() if blob.size <= LARGEST)
    if len(found.specs) > MOST_SPECS or size > MOST_BYTES:
        raise UsageError(
            f"{found.ref} holds {len(found.specs):,} specs of {size:,} bytes; at most {MOST_SPECS:,} specs "
            f"and {MOST_BYTES:,} bytes are compared"
        )


def _imported(contents: Iterable[bytes]) -> set[str]:
    """The names of the files that are imported, wherever they are: a spec may be called anything."""
    return {os.path.basename(os.fsdecode(path)) for text in contents for path in _IMPORTED.findall(text)}


def _write(path: Path, content: bytes, size: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        if size is not None:
            file.truncate(size)


def _is_sane(path: str) -> bool:
    """Whether it leads to a place below the top: git does not promise it of a tree that somebody has made up."""
    parts = path.split("/")
    is_plain = os.sep == "/" or os.sep not in path  # a backslash is a sign like others, but on Windows
    return is_plain and not any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
