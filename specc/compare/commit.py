"""A commit of git as a file system: what its files were, and where its symbolic links led.

`Repository` is what specc asks of git. It only reads: no index is refreshed, nothing fetched, no hook or filter run.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import subprocess
from pathlib import Path
from typing import Literal, NamedTuple

from specc.diagnostics import UsageError
from specc.diagnostics.spelling import advice
from specc.diagnostics.words import system_reason
from specc.filesystem import DISK, FileSystem, FolderEntry, Kind, Unavailable

MOST_LINKS = 40
"""Symbolic links that may lead to a file: as many as Linux follows."""
LONGEST_LINK = 4096
"""Bytes of a symbolic link's target."""

_READ_ONLY = {
    "GIT_OPTIONAL_LOCKS": "0",  # else a diff may write the index anew
    "GIT_NO_LAZY_FETCH": "1",  # else a partial clone fetches what it lacks
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",  # errors are read below
}
_OTHER_REPOSITORY = frozenset(
    "GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_PREFIX GIT_INTERNAL_SUPER_PREFIX "
    "GIT_NAMESPACE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_CONFIG "
    "GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS".split()
)
"""What makes git read another repository than the folder's, or read paths otherwise. Git itself sets some of these for
its hooks, where the folder would then pass for the top. Settings (GIT_CONFIG_COUNT …) stay: ``safe.directory`` may be
among them."""
_HASH = re.compile(r"[0-9a-f]{40,64}")
# A file system monitor may be any program that the repository's settings name.
_SETTINGS = ("core.fsmonitor=false", "diff.autoRefreshIndex=false", "core.quotePath=false")


class Blob(NamedTuple):
    """What is at a path of a commit: a file, a symbolic link, or the commit of a submodule.

    Attributes:
        name: what git calls its content; of a submodule its commit.
        size: in bytes; -1 where the repository does not have the content.
        home: path of the submodule in whose repository the content is; empty for the repository itself.
    """

    path: str
    name: str
    size: int
    kind: Literal["file", "link", "submodule"]
    home: str = ""


class Repository:
    """A repository with files checked out.

    Attributes:
        top: its folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reader: subprocess.Popen[bytes] | None = None
        done = self._run("rev-parse", "--show-toplevel")
        if done.returncode:
            shown = "the present folder" if folder == Path() else str(folder)
            reason = _reason(done)
            if "not a git repository" in reason:
                raise UsageError(f"--against git:… compares with a commit, and {shown} is in no git repository")
            raise UsageError(f"git cannot read the repository of {shown}: {reason}")
        self.top = Path(DISK.real(os.fsdecode(done.stdout).removesuffix("\n")))

    def commit(self, ref: str) -> str:
        """The commit that ``ref`` names.

        Raises:
            UsageError: there is none.
        """
        if not ref or ref.startswith(("-", "^")) or any(ord(c) < 32 for c in ref):
            raise UsageError(f"{ref or 'an empty text'} names no commit: write git:main, git:v1.2 or git:HEAD~1")
        done = self._run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        name = done.stdout.decode(errors="replace").strip()
        if done.returncode == 0 and _HASH.fullmatch(name):
            return name
        names = self._output("for-each-ref", "--format=%(refname:short)").decode(errors="replace").split("\n")
        help_ = advice(ref, filter(None, names), "")
        if self._output("rev-parse", "--is-shallow-repository").strip() == b"true":
            fetch = "fetch the history too: git fetch --unshallow, or fetch-depth: 0 for actions/checkout"
            help_ = f"this clone is shallow, and lacks old commits: {fetch}"
        raise UsageError(f"the repository has no commit called {ref}" + (help_ and f"; {help_}"))

    def tree(self, commit: str) -> list[Blob]:
        """Everything in the commit."""
        blobs = []
        for line in filter(None, self._output("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split(b"\0")):
            facts, _, path = line.partition(b"\t")  # 100644 blob 1f7a7a… 215<tab>nets/lenet.cnn
            mode, kind, name, size = facts.decode().split()
            if kind != "blob":
                blobs.append(Blob(os.fsdecode(path), name, 0, "submodule"))
                continue
            known = -1 if size == "BAD" else int(size)  # of what a partial clone lacks, or of a damaged object
            blobs.append(Blob(os.fsdecode(path), name, known, "link" if mode == "120000" else "file"))
        return blobs

    def renames(self, commit: str, patterns: list[str]) -> dict[str, str]:
        """Files that have another path now, as git finds them: old path, new path, from the top.

        Args:
            patterns: git's pathspecs: which files may be.
        """
        # Drivers of diff and textconv are programs of the user's; diff.relative would leave out what is not below here.
        options = ["-M", "--name-status", "-z", "--diff-filter=R", "--no-ext-diff", "--no-textconv", "--no-relative"]
        output = self._output("diff", *options, "--ignore-submodules=all", commit, "--", *patterns)
        fields = [os.fsdecode(field) for field in output.split(b"\0")[:-1]]  # of each R100, old path, new path
        return dict(zip(fields[1::3], fields[2::3], strict=True))

    def content(self, blob: Blob) -> bytes | None:
        """What a blob holds; None: the clone does not have it, or it is damaged."""
        # One process for all of them: a commit may have thousands of specs. Nobody reads its errors, and a pipe that is
        # full would stop it.
        if self._reader is None:
            self._reader = self._started(subprocess.DEVNULL, "cat-file", "--batch")
        requests, answers = self._reader.stdin, self._reader.stdout
        assert requests is not None
        assert answers is not None
        try:
            requests.write(f"{blob.name}\n".encode())
            requests.flush()
            if not answers.readline().endswith(f" blob {blob.size}\n".encode()):
                return None
            content = answers.read(blob.size + 1)
        except OSError:  # git has ended
            return None
        return content[:-1] if len(content) == blob.size + 1 else None

    def close(self) -> None:
        """End the process that reads."""
        if self._reader is not None:
            self._reader.kill()
            self._reader.communicate()
            self._reader = None

    def _output(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
        if done.returncode:
            raise UsageError(f"git {arguments[0]} fails: {_reason(done)}")
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        process = self._started(subprocess.PIPE, *arguments)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _started(self, errors: int, *arguments: str) -> subprocess.Popen[bytes]:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        command = ["git", *settings, "--no-pager", "-C", str(self._folder), *arguments]
        inherited = {name: value for name, value in os.environ.items() if name not in _OTHER_REPOSITORY}
        try:
            pipe = subprocess.PIPE
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, env=inherited | _READ_ONLY)
        except FileNotFoundError:
            raise UsageError("--against git:… needs git, which is not installed, or not on the PATH") from None
        except OSError as error:
            raise UsageError(f"git cannot be run: {system_reason(error)}") from None


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return (lines[0] if lines else f"exit code {done.returncode}").removeprefix("fatal: ")


class OutOfReach(Unavailable):
    """A file that the commit does not have: behind a link out of the repository, or in a submodule that is not here.

    Attributes:
        path: as the commit shows it.
        reason: ``is a symbolic link that leads out of the repository``
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} {reason}")
        self.path = path
        self.reason = reason


class ResolvedPath(NamedTuple):
    """Where a path leads, and the symbolic links on the way there; all paths are from the top of the repository.

    Attributes:
        real: None where it leads out of the repository, or round in a circle.
        links: each with what it says.
    """

    real: str | None
    links: tuple[tuple[str, str], ...]


class Commit(FileSystem):
    """The files of a commit, at the places where they would be if it were checked out.

    Those of its submodules are there as far as these are checked out now, each in the commit that this one names. What
    cannot be had is `Unavailable`: a link out of the repository, a submodule's commit that was never fetched, the
    content of a file in a partial clone.

    Attributes:
        ref: as the user calls it; the names of its files end with it: ``nets/lenet.cnn@main``.
        top: the folder of the repository, without links.
        name: what git calls the commit.
    """

    def __init__(self, repository: Repository, ref: str) -> None:
        self.ref = ref
        self.top = repository.top.as_posix()
        self._here = DISK.real(".")
        self._repositories = {"": repository}
        self.name = repository.commit(ref)
        self._tree: dict[str, Blob] = {}
        self._add_tree("", self.name)
        self._targets: dict[str, str] = {}
        self._names: dict[str, set[str]] = {"": set()}
        # The top of a repository is a project's: nothing above it is imported.
        for path in (*self._tree, *(posixpath.join(home, ".git", "HEAD") for home in self._repositories)):
            parts = path.split("/")
            for n, part in enumerate(parts):
                self._names.setdefault("/".join(parts[:n]), set()).add(part)

    def _add_tree(self, home: str, commit: str) -> None:
        """Add what a commit of the repository or of a submodule has, and of the submodules in it those that are here.

        Args:
            home: path of the submodule; empty for the repository itself.
        """
        for blob in self._repositories[home].tree(commit):
            path = posixpath.join(home, blob.path)
            if not _is_sane(path):
                continue
            self._tree[path] = blob._replace(path=path, home=home)
            folder = Path(self.top, path)
            if blob.kind == "submodule" and DISK.has(str(folder / ".git")):
                try:
                    inner = Repository(folder)
                    inner.commit(blob.name)
                except UsageError:  # it is not checked out, or does not have that commit
                    continue
                if inner.top == folder:
                    self._repositories[path] = inner
                    self._add_tree(path, blob.name)

    def close(self) -> None:
        for repository in self._repositories.values():
            repository.close()

    def from_top(self, path: str) -> str | None:
        """The path from the top of the repository; None outside of it."""
        whole = self.absolute(path)
        return whole[len(self.top) :].strip("/") if f"{whole}/".startswith(f"{self.top.rstrip('/')}/") else None

    def present(self, path: str) -> str:
        """How the path is called here and now: from the present folder."""
        return Path(os.path.relpath(self.absolute(path), self._here)).as_posix()

    def resolved(self, path: str) -> ResolvedPath:
        """Follow a path; out of the repository it leads nowhere."""
        place = self.from_top(path)
        if place is None:
            return ResolvedPath(None, ())
        pending, here, links = place.split("/")[::-1], list[str](), list[tuple[str, str]]()
        while pending:
            part = pending.pop()
            if part == ".." and not here:
                return ResolvedPath(None, tuple(links))
            if part == "..":
                here.pop()
            elif part not in ("", "."):
                here.append(part)
            name = "/".join(here)
            target = self._target(name)
            if target is not None:
                links.append((name, target))
                if len(links) > MOST_LINKS or os.path.isabs(target):
                    return ResolvedPath(None, tuple(links))
                here.pop()
                pending += target.split("/")[::-1]
        return ResolvedPath("/".join(here), tuple(links))

    def _target(self, path: str) -> str | None:
        """What a symbolic link says, at a path from the top; None: it is none."""
        blob = self._tree.get(path)
        if blob is None or blob.kind != "link" or blob.size > LONGEST_LINK:
            return None
        if path not in self._targets:
            self._targets[path] = os.fsdecode(self._content(blob))
        return self._targets[path]

    def obstacle(self, path: str) -> OutOfReach | None:
        """Why it is not known what a path in the repository led to."""
        if self.from_top(path) is None:
            return None
        real = self.resolved(path).real
        if real is None:
            return OutOfReach(self.shown(path), "is a symbolic link that leads out of the repository")
        parts = real.split("/")
        for above in ("/".join(parts[:n]) for n in range(1, len(parts) + 1)):
            blob = self._tree.get(above)
            if blob is not None and blob.kind == "submodule" and above not in self._repositories and above != real:
                reason = f"is in the submodule {above}, whose commit {blob.name[:12]} is not here"
                return OutOfReach(self.shown(path), reason)
        return None

    def is_content(self, path: str, content: bytes) -> bool:
        """Whether a file holds just that: git's name of it is the hash of a header and the content."""
        blob = self._file(path)
        if blob is None:
            return False
        whole = b"blob %d\0" % len(content) + content
        hashed = hashlib.sha1(whole, usedforsecurity=False) if len(blob.name) == 40 else hashlib.sha256(whole)
        return hashed.hexdigest() == blob.name

    def _file(self, path: str) -> Blob | None:
        blob = self._tree.get(self.resolved(path).real or "")
        return blob if blob is not None and blob.kind == "file" else None

    def _content(self, blob: Blob) -> bytes:
        content = self._repositories[blob.home].content(blob)
        if content is None:
            old = f"the old version of {blob.path}"
            raise Unavailable(f"this clone does not have {old}, or it is damaged: git fetch or git fsck may help")
        return content

    def read(self, path: str, most: int) -> bytes:
        blob = self._file(path)
        if blob is not None:
            # One that is too large is refused by its size, whatever is in it.
            return self._content(blob) if blob.size <= most else bytes(most + 1)
        if (obstacle := self.obstacle(path)) is not None:
            raise obstacle
        raise FileNotFoundError(path)

    def size(self, path: str) -> int:
        blob = self._file(path)
        return 0 if blob is None else max(blob.size, 0)

    def kind(self, path: str, *, follow: bool = True) -> Kind | None:
        if not follow:
            folder, name = posixpath.split(self.absolute(path))
            above = self.resolved(folder).real
            if above is not None and self._target(posixpath.join(above, name)) is not None:
                return "link"
        real = self.resolved(path).real
        if real is None:
            return None
        blob = self._tree.get(real)
        if blob is not None:
            return {"file": "file", "submodule": "folder"}.get(blob.kind)  # type: ignore[return-value]
        return "folder" if real in self._names else None

    def entries(self, folder: str) -> list[FolderEntry]:
        real = self.resolved(folder).real
        if real is None or real not in self._names:
            raise FileNotFoundError(folder)
        paths = {name: posixpath.join(real, name) for name in sorted(self._names[real])}
        return [FolderEntry(n, self.kind(f"{self.top}/{p}"), self._target(p) is not None) for n, p in paths.items()]

    def real(self, path: str) -> str:
        if self.from_top(path) is None:
            return self.absolute(path)
        if (obstacle := self.obstacle(path)) is not None:
            raise obstacle
        return posixpath.join(self.top, self.resolved(path).real or "").rstrip("/")

    def absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._here, path.replace(os.sep, "/")))

    def shown(self, path: str) -> str:
        return f"{path if self.from_top(path) is None else self.present(path)}@{self.ref}"


def _is_sane(path: str) -> bool:
    """Whether it leads to a place below the top: git does not promise it of a tree that somebody has made up."""
    parts = path.split("/")
    is_plain = os.sep == "/" or os.sep not in path  # a backslash is a sign like others, but on Windows
    return is_plain and not any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)
