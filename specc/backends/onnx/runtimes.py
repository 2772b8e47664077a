"""The runtimes that a file can be asked to run on: which of their releases were tested, and what those read.

``benchmarks/runtimes.py`` is the test: the files of every operator, of random networks and of the zoo run on a release
and are judged as `specc verify` judges. What specc writes is right on all of these; where one is wrong about what
would be the plain lowering, another is written for everyone (docs/semantics.md lists these).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.version import InvalidVersion, Version

from specc.diagnostics import UsageError
from specc.diagnostics.words import listed

_READS = {
    "onnxruntime": {
        18: "1.15.0 1.15.1",
        19: "1.16.0 1.16.1 1.16.2 1.16.3",
        20: "1.17.0 1.17.1 1.17.3",
        21: "1.18.0 1.18.1 1.19.0 1.19.2 1.20.0 1.20.1",
        22: "1.21.0 1.21.1 1.22.0 1.22.1",
        23: "1.23.0 1.23.1 1.23.2",
        25: "1.24.1 1.24.2 1.24.3 1.24.4",
        26: "1.25.0 1.25.1 1.26.0 1.27.0 1.28.0 1.29.0 1.30.0 1.31.0 1.31.1",
    },
    "onnxruntime-web": {
        18: "1.15.0 1.15.1",
        19: "1.16.0 1.16.1 1.16.2 1.16.3",
        20: "1.17.0 1.17.1 1.17.3",
        21: "1.18.0 1.19.0 1.19.2 1.20.0 1.20.1",
        22: "1.21.0 1.21.1 1.22.0",
        23: "1.23.0 1.23.2",
        25: "1.24.1 1.24.2 1.24.3",
        26: "1.25.1 1.26.0 1.27.0 1.29.0 1.30.0",
    },
}
"""By runtime and newest opset: the releases that read it. The IR version that came with an opset is read with it."""

NEWEST_IR = {18: 9, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11, 25: 13, 26: 13}
"""By newest opset: the newest IR version that those releases read."""

_PART = re.compile(r"\s*([a-z][a-z0-9._-]*)?\s*(.*?)\s*", re.IGNORECASE | re.ASCII | re.DOTALL)
_DEPTH = 3
"""Numbers in a version of ONNX Runtime; in one with more there is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Release:
    """A tested release: its version, and the newest opset that it reads."""

    version: str
    opset: int

    @property
    def functions(self) -> bool:
        """Whether it loads local functions: 1.15 names nodes of functions within functions alike, and then refuses."""
        return Version(self.version) >= Version("1.16")


TESTED = {
    runtime: tuple(Release(version, opset) for opset, versions in reads.items() for version in versions.split())
    for runtime, reads in _READS.items()
}
"""The tested releases of each runtime, oldest first."""


@dataclass(frozen=True, slots=True)
class Target:
    """One requirement, ``onnxruntime>=1.16,<1.20``: every release of the runtime that all clauses allow."""

    runtime: str
    clauses: tuple[Specifier, ...]

    @property
    def text(self) -> str:
        return self.runtime + ",".join(map(str, self.clauses))

    @property
    def releases(self) -> tuple[Release, ...]:
        """The tested ones, oldest first."""
        return tuple(release for release in TESTED[self.runtime] if self.allows(release.version))

    def allows(self, version: str) -> bool:
        return all(clause.contains(_release(version)) for clause in self.clauses)

    def __str__(self) -> str:
        """``onnxruntime>=1.16 (tested: 1.16.0 to 1.31.1)``"""
        return f"{self.text} (tested: {_span(self.releases)})"


def targets(runs_on: Sequence[str]) -> tuple[Target, ...]:
    """The requirements in ``runs_on``, each a text of one or several with commas between; the same one counts once.

    Raises:
        UsageError: one is no requirement, or allows releases of which nothing is known.
    """
    required = dict.fromkeys(target for text in runs_on for target in _parsed(text))
    for target in required:
        _require_tested(target)
    return tuple(required)


def oldest_tested(runtime: str) -> str:
    return TESTED[runtime][0].version


def is_older(version: str, other: str) -> bool:
    """By their numbers alone: a development build counts as the release that it leads to."""
    return _release(version) < _release(other)


def require_readable(required: Sequence[Target], opset: int, *, functions: bool) -> None:
    """Raises UsageError where a release that ``required`` allows does not read ``opset``, or local functions."""
    for target in required:
        tested = TESTED[target.runtime]
        if too_old := [release for release in target.releases if release.opset < opset]:
            first = next(release.version for release in tested if release.opset >= opset)
            raise UsageError(
                f"opset {opset} is too new for {target.runtime} {_span(too_old)}, which {target.text} allows: "
                f"choose an opset up to {too_old[0].opset}, or ask for {target.runtime}>={first}"
            )
        if functions and (too_old := [release for release in target.releases if not release.functions]):
            first = next(release.version for release in tested if release.functions)
            raise UsageError(
                f"functions do not always load in {target.runtime} {_span(too_old)}, which {target.text} allows: "
                f"leave them out, or ask for {target.runtime}>={first}"
            )


def require_room(required: Sequence[Target], size: int, largest: int, values: int | None, *, beside: bool) -> None:
    """Raises UsageError where a release that ``required`` allows is not shown to run so large a network.

    Args:
        size: bytes of the model with its weights.
        largest: bytes of the largest of them.
        values: bytes of the values in memory at once for one sample; None where they depend on symbolic sizes.
        beside: the weights are in a file of their own.
    """
    for target in (target for target in required if target.runtime == "onnxruntime-web"):
        if beside:
            raise UsageError(
                f"the network has {_amount(size)}, which above protobuf's 2 GB go to a file of their own, and "
                f"{target.runtime} {_span(target.releases)}, which {target.text} allows, is not shown to run such "
                f"files: {_WEB}"
            )
        small = [release for release in target.releases if _largest(release) < size]
        if small:
            larger = [release.version for release in TESTED[target.runtime] if _largest(release) >= size]
            other = f", or ask for {target.runtime}>={larger[0]}" if larger else ""
            raise UsageError(
                f"the network has {_amount(size)}, and {target.runtime} {_span(small)}, which {target.text} allows, is "
                f"shown to run {_amount(_largest(small[0]))} at most: {_WEB}{other}"
            )
        if 2 * (size + largest) > _WEB_LOADING:
            raise UsageError(
                f"the network has {_amount(size)}, {_amount(largest)} of them in one tensor, and loading needs both "
                f"twice: {_amount(2 * (size + largest))}, and {target.runtime} {_span(target.releases)}, which "
                f"{target.text} allows, is shown to have room for {_amount(_WEB_LOADING)}: {_WEB}"
            )
        if values is not None and size + values > _WEB_MEMORY:
            raise UsageError(
                f"the network has {_amount(size)}, and one sample needs {_amount(values)} at once beside it: more than "
                f"the {_amount(_WEB_MEMORY)} that {target.runtime}, which {target.text} asks for, has for everything"
            )


_WEB = "WebAssembly has 4 GiB for the file, the copies that loading makes of it, and all values"
_WEB_MEMORY = 2**32
_WEB_LARGEST = {"1.15.0": 966_215_000, "1.17.3": 1_341_903_000, "1.20.1": 1_395_769_000}
"""By the first release: the bytes of the largest file that was tried and ran, with the right result (in Node.js, from
memory). The last is not loaded by 1.15.1 and 1.17.1, and one of 1.9 GiB neither by 1.20.1 nor by 1.30.0. Of networks of
2.3 GB, their weights in a file of their own, 1.15.1, 1.17.1 and 1.30.0 load none, and 1.20.1 gives NaN.
"""

_WEB_LOADING = 4_022_805_000
"""Twice the file and twice its largest tensor: the file and what is parsed of it, the tensor and what it becomes for a
matrix product. A file of 1.04 GB, 0.97 of them in one tensor, ran in 1.17.3, 1.20.1 and 1.30.0 (in
Chromium, too); one of 1.14 GB, 1.08 in one tensor, is not loaded by 1.30.0.
"""


def _largest(release: Release) -> int:
    """The bytes of the largest file that this release of onnxruntime-web is shown to run."""
    return max(size for first, size in _WEB_LARGEST.items() if Version(first) <= Version(release.version))


def _amount(size: int) -> str:
    unit, name = next(((unit, name) for unit, name in ((2**30, "GiB"), (2**20, "MiB")) if size >= unit), (1024, "KiB"))
    return f"{size / unit:.3g} {name}"


def outside(required: Sequence[Target], installed: str) -> str | None:
    """The note where a proof in the onnxruntime ``installed`` is none of what was required."""
    others = [target for target in required if target.runtime != "onnxruntime" or not target.allows(installed)]
    if not others:
        return None
    return f"proven in onnxruntime {installed}, not in what was asked for: {listed(map(str, others))}"


def _parsed(text: str) -> list[Target]:
    """``onnxruntime>=1.16,<1.20,onnxruntime-web``: a part that begins with no name belongs to the one before."""
    required: list[Target] = []
    for part in text.split(","):
        name, condition = _PART.fullmatch(part).groups()  # type: ignore[union-attr]  # it matches anything
        clause = _clause(condition)
        clauses = () if clause is None else (clause,)
        if (condition and not clauses) or not (name or (required and clauses)):
            raise UsageError(
                f'"{text.strip()}" is no list of runtimes and versions: write for example onnxruntime>=1.16, '
                "onnxruntime==1.20.1 or onnxruntime-web"
            )
        if not name:
            required[-1] = replace(required[-1], clauses=required[-1].clauses + clauses)
            continue
        target = Target(name.lower().replace("_", "-"), clauses)
        if before := next((other for other in required if other.runtime == target.runtime), None):
            # pip means releases that meet both, and a reader may mean both releases.
            both = replace(target, clauses=before.clauses + clauses)
            raise UsageError(
                f"{target.runtime} stands twice: write {both.text} for releases that meet both, or {before.text} and "
                f"{target.text} apart, each as a requirement of its own"
            )
        required.append(target)
    return required


def _clause(text: str) -> Specifier | None:
    """``>=1.16`` as pip reads it; None of what it does not take, and of versions that no release can have."""
    try:
        clause = Specifier(text)
        version = Version(clause.version.removesuffix(".*"))
    except (InvalidSpecifier, InvalidVersion):
        return None
    is_release = str(version) == version.base_version and len(version.release) <= _DEPTH
    return clause if is_release and clause.operator != "===" and text.isascii() else None


def _require_tested(target: Target) -> None:
    if target.runtime not in TESTED:
        raise UsageError(f"{target.runtime} is not tested: {listed(TESTED)} are, on the CPU")
    tested = [Version(release.version) for release in TESTED[target.runtime]]
    oldest = tested[0]
    bounds = [(clause, Version(clause.version.removesuffix(".*"))) for clause in target.clauses]
    if not target.releases:
        _, version = bounds[0]
        older, newer = [v for v in tested if v < version], [v for v in tested if v >= version]
        near = [str(v) for v in (*older[-1:], *newer[:1])]
        nearest = f"the nearest {'are' if len(near) > 1 else 'is'} {listed(near)}"
        raise UsageError(f"{target.text} allows no release that is tested: {nearest}")
    # Whether every clause allows releases older than all that are tested.
    if bounds and all(clause.operator not in (">=", ">", "~=", "==") or v < oldest for clause, v in bounds):
        # Those that may still forbid something of the oldest release and later ones.
        narrower = [clause for clause, v in bounds if v >= oldest or clause.operator not in (">=", ">", "!=")]
        raise UsageError(
            f"{target.text} allows releases before {oldest}, the oldest that is tested: "
            f"ask for {','.join([f'{target.runtime}>={oldest}', *map(str, narrower)])}"
        )


def _span(releases: Sequence[Release]) -> str:
    first, last = releases[0].version, releases[-1].version
    return first if first == last else f"{first} to {last}"


def _release(version: str) -> Version:
    """``1.31.1``; what builds add behind it (``.dev3``, ``+cu12``) is left out. Of no version the lowest."""
    try:
        return Version(Version(version).base_version)
    except InvalidVersion:
        return Version("0")
