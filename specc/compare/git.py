"""What specc asks of git. It only reads: no index is refreshed, nothing is fetched, no hook or filter runs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Literal, NamedTuple

from specc.diagnostics import UsageError
from specc.elaborate.errors import suggestion
from specc.filesystem import DISK

_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_ELSEWHERE = frozenset(
    "GIT_DIR GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_PREFIX GIT_INTERNAL_SUPER_PREFIX "
    "GIT_NAMESPACE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_CONFIG "
    "GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS".split()
)
"""What makes git read another repository than the folder's, or read paths otherwise. Git itself sets some of these for
its hooks, where the folder would then pass for the top. Settings (GIT_CONFIG_COUNT …) stay: ``safe.directory`` may be
among them."""
_NAMED = re.compile(r"[0-9a-f]{40,64}")
_OPTIONS = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "diff.autoRefreshIndex=false",
    "-c",
    "core.quotePath=false",
    "--no-pager",
)


Kind = Literal["file", "link", "submodule"]


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
    kind: Kind
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
        if done.returncode == 0 and _NAMED.fullmatch(name):
            return name
        names = self._asked("for-each-ref", "--format=%(refname:short)").decode(errors="replace").split("\n")
        near = suggestion(ref, [name for name in names if name])
        advice = near.text if near else ""
        if self._asked("rev-parse", "--is-shallow-repository").strip() == b"true":
            fetch = "fetch the history too: git fetch --unshallow, or fetch-depth: 0 for actions/checkout"
            advice = f"this clone is shallow, and lacks old commits: {fetch}"
        raise UsageError(f"the repository has no commit called {ref}" + (advice and f"; {advice}"))

    def tree(self, commit: str) -> list[Blob]:
        """Everything in the commit."""
        listed = self._asked("ls-tree", "-r", "-l", "-z", "--full-tree", commit)
        return [_blob(line) for line in listed.split(b"\0") if line]

    def renames(self, commit: str, patterns: list[str]) -> dict[str, str]:
        """Files that have another path now, as git finds them: old path, new path, from the top.

        Args:
            patterns: git's pathspecs: which files may be.
        """
        options = ["-M", "--name-status", "-z", "--diff-filter=R", "--no-ext-diff", "--no-textconv", "--no-relative"]
        found = self._asked("diff", *options, "--ignore-submodules=all", commit, "--", *patterns).split(b"\0")
        return {os.fsdecode(found[i + 1]): os.fsdecode(found[i + 2]) for i in range(0, len(found) - 2, 3)}

    def content(self, blob: Blob) -> bytes | None:
        """What a blob holds; None: the clone does not have it, or it is damaged."""
        if self._reader is None:  # one process for all of them: a commit may have thousands of specs
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

    def _asked(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
        if done.returncode:
            raise UsageError(f"git {arguments[0]} fails: {_reason(done)}")
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        process = self._started(subprocess.PIPE, *arguments)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _started(self, errors: int, *arguments: str) -> subprocess.Popen[bytes]:
        command = ["git", *_OPTIONS, "-C", str(self._folder), *arguments]
        known = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        try:
            pipe = subprocess.PIPE
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, env=known | _QUIET)
        except FileNotFoundError:
            raise UsageError("--against git:… needs git, which is not installed, or not on the PATH") from None
        except OSError as error:
            raise UsageError(f"git cannot be run: {(error.strerror or str(error)).lower()}") from None


def _blob(line: bytes) -> Blob:
    """``100644 blob 1f7a7a… 215<tab>nets/lenet.cnn``"""
    facts, _, path = line.partition(b"\t")
    mode, kind, name, size = facts.decode().split()
    if kind != "blob":
        return Blob(os.fsdecode(path), name, 0, "submodule")
    known = -1 if size == "BAD" else int(size)  # of what a partial clone lacks, or of a damaged object
    return Blob(os.fsdecode(path), name, known, "link" if mode == "120000" else "file")


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return (lines[0] if lines else f"exit code {done.returncode}").removeprefix("fatal: ")
