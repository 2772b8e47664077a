"""A commit of git as a file system: what its files were, and where its symbolic links led.

`Repository` is what specc asks of git. It only reads: no index is refreshed, nothing fetched, no program of the
repository's run, be it a hook, a filter or a driver.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import subprocess
from contextlib import suppress
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
        home: path of the submodule in whose repository the content is; empty for the repository itself.
    """

    path: str
    name: str
    kind: Literal["file", "link", "submodule"]
    home: str = ""


class Repository:
    """A repository with files checked out.

    Attributes:
        top: its folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._readers: dict[str, subprocess.Popen[bytes]] = {}
        self._sizes: dict[str, int] = {}
        self._environment = _environment()
        done = self._run("rev-parse", "--show-toplevel")
        if done.returncode:
            shown = "the present folder" if folder == Path() else str(folder)
            reason = _reason(done)
            if "not a git repository" in reason:
                raise UsageError(f"--against git:… compares with a commit, and {shown} is in no git repository")
            raise UsageError(f"git cannot read the repository of {shown}: {reason}")
        self.top = Path(DISK.real(os.fsdecode(done.stdout).removesuffix("\n")))
        self._turn_filters_off()

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
        """Everything in the commit. Raises UsageError where a tree of it is not here."""
        done = self._run("ls-tree", "-r", "-z", "--full-tree", commit)
        if done.returncode:
            reason = f"{_reason(done)}; git fetch or git fsck may help"
            raise UsageError(f"the commit {commit[:12]} is not whole in this repository: {reason}")
        blobs = []
        for line in filter(None, done.stdout.split(b"\0")):
            facts, _, path = line.partition(b"\t")  # 100644 blob 1f7a7a…<tab>nets/lenet.cnn
            mode, kind, name = facts.decode().split()
            is_link = mode == "120000"
            blobs.append(
                Blob(os.fsdecode(path), name, "submodule" if kind != "blob" else "link" if is_link else "file")
            )
        return blobs

    def renames(self, commit: str, patterns: list[str]) -> dict[str, str]:
        """Files that have another path now, as git finds them: old path, new path, from the top.

        Args:
            patterns: git's pathspecs: which files may be.
        """
        # Drivers of diff and textconv are programs of the user's; diff.relative would leave out what is not below here.
        options = ["--name-status", "-z", "--diff-filter=R", "--no-ext-diff", "--no-textconv", "--no-relative"]
        command = [*options, "--ignore-submodules=all", commit, "--", *patterns]
        done = self._run("diff", "-M", *command)
        # Where the old content is not here, as in a partial clone, only what has not changed can be found again.
        output = self._output("diff", "-M100%", *command) if done.returncode else done.stdout
        fields = [os.fsdecode(field) for field in output.split(b"\0")[:-1]]  # of each R100, old path, new path
        return dict(zip(fields[1::3], fields[2::3], strict=True))

    def size(self, blob: Blob) -> int:
        """Bytes that a blob holds; -1: the clone does not have it, or it is damaged.

        Asked for where it matters: the list of a commit with all sizes is refused as a whole where one is not there.
        """
        if blob.name not in self._sizes:
            answer = self._asked("--batch-check", blob)
            self._sizes[blob.name] = -1 if answer is None else answer[0]
        return self._sizes[blob.name]

    def content(self, blob: Blob) -> bytes | None:
        """What a blob holds; None: the clone does not have it, or it is damaged."""
        answer = self._asked("--batch", blob)
        return None if answer is None else answer[1]

    def _asked(self, how: str, blob: Blob) -> tuple[int, bytes] | None:
        """The size and, of ``--batch``, the content of a blob; None where git has none.

        Git ends at some damaged objects, and at any if somebody ends it: then it is asked once more, from anew.
        """
        for _ in range(2):
            # One process for all of them: a commit may have thousands of specs. Nobody reads its errors, and a pipe
            # that is full would stop it.
            if how not in self._readers:
                self._readers[how] = self._started(subprocess.DEVNULL, "cat-file", how)
            requests, answers = self._readers[how].stdin, self._readers[how].stdout
            assert requests is not None
            assert answers is not None
            with suppress(OSError):
                requests.write(f"{blob.name}\n".encode())
                requests.flush()
                header = answers.readline()
                found = re.fullmatch(rb"[0-9a-f]+ blob ([0-9]+)\n", header)
                size = int(found[1]) if found else -1
                content = answers.read(size + 1) if found and how == "--batch" else b""
                if found and (how == "--batch-check" or len(content) == size + 1):
                    return size, content[:-1]
                if header and not found:
                    return None
            self._end(how)
        return None

    def close(self) -> None:
        """End the processes that read."""
        for how in [*self._readers]:
            self._end(how)

    def _end(self, how: str) -> None:
        reader = self._readers.pop(how)
        reader.kill()
        reader.communicate()

    def _turn_filters_off(self) -> None:
        """A filter may be any program that the repository's settings name; git runs it for files that it compares.

        An empty command is no filter, and one that is required would have to be there.
        """
        listed = self._run(
            "config", "-z", "--name-only", "--get-regexp", r"^filter\..*\.(clean|smudge|process|required)$"
        )
        keys = sorted({os.fsdecode(key) for key in listed.stdout.split(b"\0") if key})
        before = int(self._environment.get("GIT_CONFIG_COUNT") or 0)
        self._environment["GIT_CONFIG_COUNT"] = str(before + len(keys))
        for number, key in enumerate(keys, before):
            self._environment[f"GIT_CONFIG_KEY_{number}"] = key
            self._environment[f"GIT_CONFIG_VALUE_{number}"] = "false" if key.endswith(".required") else ""

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
        try:
            pipe = subprocess.PIPE
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, env=self._environment)
        except FileNotFoundError:
            raise UsageError("--against git:… needs git, which is not installed, or not on the PATH") from None
        except OSError as error:
            raise UsageError(f"git cannot be run: {system_reason(error)}") from None


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _OTHER_REPOSITORY}
    return inherited | _READ_ONLY


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return (lines[0] if lines else f"exit code {done.returncode}").removeprefix("fatal: ")


class OutOfReach(Unavailable):
    """A file of the commit that is not here: in a partial clone, in a submodule, behind a link out of the repository.

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
        self._links = {path for path, blob in self._tree.items() if blob.kind == "link"}
        self._depths = {path.count("/") + 1 for path in self._links}
        """How many parts the paths of links have: most paths come by none, and need no step for each part."""
        self._absent = [p for p, blob in self._tree.items() if blob.kind == "submodule" and p not in self._repositories]
        self._names: dict[str, set[str]] = {"": set()}
        # The top of a repository is a project's: nothing above it is imported.
        for path in (*self._tree, *(posixpath.join(home, ".git", "HEAD") for home in self._repositories)):
            parts = path.split("/")
            for n, part in enumerate(parts):
                above = "/".join(parts[:n])
                if above in self._tree and self._tree[above].kind != "submodule":
                    raise UsageError(f"{ref} has a file and a folder called {above}: git fsck says more")
                self._names.setdefault(above, set()).add(part)

    def _add_tree(self, home: str, commit: str) -> None:
        """Add what a commit of the repository or of a submodule has, and of the submodules in it those that are here.

        Args:
            home: path of the submodule; empty for the repository itself.
        """
        for blob in self._repositories[home].tree(commit):
            path = posixpath.join(home, blob.path)
            if not _is_sane(path):
                continue
            if path in self._tree:
                raise UsageError(f"{self.ref} has two things called {path}, and no checkout can: git fsck says more")
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
        parts = place.split("/")
        if not any("/".join(parts[:depth]) in self._links for depth in self._depths):
            return ResolvedPath(place, ())
        pending, here, links = parts[::-1], list[str](), list[tuple[str, str]]()
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
        if blob is None or blob.kind != "link" or self._size(blob) > LONGEST_LINK:
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
        above = next((path for path in self._absent if real.startswith(f"{path}/")), None)
        if above is None:
            return None
        reason = f"is in the submodule {above}, whose commit {self._tree[above].name[:12]} is not here"
        return OutOfReach(self.shown(path), reason)

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

    def _size(self, blob: Blob) -> int:
        return self._repositories[blob.home].size(blob)

    def _content(self, blob: Blob) -> bytes:
        content = self._repositories[blob.home].content(blob)
        if content is None:
            reason = "is not in this clone, or is damaged: git fetch or git fsck may help"
            raise OutOfReach(self.shown(posixpath.join(self.top, blob.path)), reason)
        return content

    def read(self, path: str, most: int) -> bytes:
        blob = self._file(path)
        if blob is not None:
            # One that is too large is refused by its size, whatever is in it.
            return self._content(blob) if self._size(blob) <= most else bytes(most + 1)
        if (obstacle := self.obstacle(path)) is not None:
            raise obstacle
        raise FileNotFoundError(path)

    def size(self, path: str) -> int:
        blob = self._file(path)
        return 0 if blob is None else max(self._size(blob), 0)

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
