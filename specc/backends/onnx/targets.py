"""The runtimes that a file can be asked to run on: which of their releases were tested, and what those read.

``benchmarks/runtimes.py`` is the test: the files of every operator, of random networks and of the zoo run on a release
and are judged as `specc verify` judges. What specc writes is right on all of these; where one is wrong about what
would be the plain lowering, another is written for everyone (docs/semantics.md lists these).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from specc.diagnostics import UsageError
from specc.diagnostics.words import listed

Version = tuple[int, ...]

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

_PART = re.compile(
    r"\s*([a-z][a-z0-9._-]*)?\s*(?:(~=|==|!=|<=|>=|<|>)\s*(\d+(?:\.\d+){0,2})(\.\*)?)?\s*", re.IGNORECASE | re.ASCII
)
_NUMBER = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Release:
    """A tested release: its version, and the newest opset that it reads."""

    version: str
    opset: int

    @property
    def functions(self) -> bool:
        """Whether it loads local functions: 1.15 names nodes of functions within functions alike, and then refuses."""
        return _numbers(self.version) >= (1, 16)


TESTED = {
    runtime: tuple(Release(version, opset) for opset, versions in reads.items() for version in versions.split())
    for runtime, reads in _READS.items()
}
"""The tested releases of each runtime, oldest first."""


@dataclass(frozen=True, slots=True)
class _Clause:
    """``>=1.16``: one condition on a version."""

    operator: str
    version: str
    wild: bool

    def allows(self, version: Version) -> bool:
        given = _numbers(self.version)
        match self.operator:
            case "~=":
                return version >= _padded(given) and version[: len(given) - 1] == given[:-1]
            case "==" | "!=":
                same = version[: len(given)] == given if self.wild else version == _padded(given)
                return same == (self.operator == "==")
            case "<=":
                return version <= _padded(given)
            case ">=":
                return version >= _padded(given)
            case "<":
                return version < _padded(given)
            case _:
                return version > _padded(given)

    @property
    def is_lower_bound(self) -> bool:
        return self.operator in (">=", ">", "~=", "==")

    def reaches_below(self, version: Version) -> bool:
        """Whether it allows releases older than ``version``."""
        return not self.is_lower_bound or _padded(_numbers(self.version)) < version

    def narrows_from(self, version: Version) -> bool:
        """Whether it may still forbid something, of ``version`` and later ones."""
        below = _padded(_numbers(self.version)) < version
        return not below or self.operator not in (">=", ">", "!=")

    def __str__(self) -> str:
        return f"{self.operator}{self.version}{'.*' if self.wild else ''}"


@dataclass(frozen=True, slots=True)
class Target:
    """One requirement, ``onnxruntime>=1.16,<1.20``: every release of the runtime that all clauses allow."""

    runtime: str
    text: str
    clauses: tuple[_Clause, ...]

    @property
    def releases(self) -> tuple[Release, ...]:
        """The tested ones, oldest first."""
        return tuple(release for release in TESTED[self.runtime] if self.allows(release.version))

    def allows(self, version: str) -> bool:
        return all(clause.allows(_padded(_numbers(version))) for clause in self.clauses)

    def __str__(self) -> str:
        """``onnxruntime>=1.16 (tested: 1.16.0 to 1.31.1)``"""
        return f"{self.text} (tested: {_span(self.releases)})"


def targets(runs_on: Sequence[str]) -> tuple[Target, ...]:
    """The requirements in ``runs_on``, each a text of one or several with commas between; the same one counts once.

    Raises:
        UsageError: one is no requirement, or allows releases of which nothing is known.
    """
    found = dict.fromkeys(target for text in runs_on for target in _parsed(text))
    for target in found:
        _require_tested(target)
    return tuple(found)


def oldest_tested(runtime: str) -> str:
    return TESTED[runtime][0].version


def is_older(version: str, other: str) -> bool:
    return _padded(_numbers(version)) < _padded(_numbers(other))


def require_readable(found: Sequence[Target], opset: int, *, functions: bool) -> None:
    """Raises UsageError where a release that ``found`` allows does not read ``opset``, or local functions."""
    for target in found:
        tested = TESTED[target.runtime]
        if deaf := [release for release in target.releases if release.opset < opset]:
            first = next(release.version for release in tested if release.opset >= opset)
            raise UsageError(
                f"opset {opset} is too new for {target.runtime} {_span(deaf)}, which {target.text} allows: "
                f"choose an opset up to {deaf[0].opset}, or ask for {target.runtime}>={first}"
            )
        if functions and (deaf := [release for release in target.releases if not release.functions]):
            first = next(release.version for release in tested if release.functions)
            raise UsageError(
                f"functions do not always load in {target.runtime} {_span(deaf)}, which {target.text} allows: "
                f"leave them out, or ask for {target.runtime}>={first}"
            )


def require_room(found: Sequence[Target], size: int, values: int | None, *, beside: bool) -> None:
    """Raises UsageError where a release that ``found`` allows is not shown to run so large a network.

    Args:
        size: bytes of the model with its weights.
        values: bytes of what inference holds at once for one sample; None where it depends on symbolic sizes.
        beside: the weights are in a file of their own.
    """
    for target in (target for target in found if target.runtime == "onnxruntime-web"):
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
        if values is not None and size + values > _WEB_MEMORY:
            raise UsageError(
                f"the network has {_amount(size)}, and one sample needs {_amount(values)} at once beside it: more than "
                f"the {_amount(_WEB_MEMORY)} that {target.runtime}, which {target.text} asks for, has for everything"
            )


_WEB = "WebAssembly has 4 GiB for the file, the copies that loading makes of it, and all values"
_WEB_MEMORY = 2**32
_WEB_LARGEST = {(1, 15, 0): 966_215_000, (1, 17, 3): 1_341_903_000, (1, 20, 1): 1_395_769_000}
"""By the first release: the bytes of the largest file that was tried and ran, with the right result (in Node.js, from
memory). The last is not loaded by 1.15.1 and 1.17.1, and one of 1.9 GiB neither by 1.20.1 nor by 1.30.0. Of networks of
2.3 GB, their weights in a file of their own, 1.15.1, 1.17.1 and 1.30.0 load none, and 1.20.1 gives NaN.
"""


def _largest(release: Release) -> int:
    """The bytes of the largest file that this release of onnxruntime-web is shown to run."""
    return max(size for first, size in _WEB_LARGEST.items() if first <= _padded(_numbers(release.version)))


def _amount(size: int) -> str:
    unit, name = next(((unit, name) for unit, name in ((2**30, "GiB"), (2**20, "MiB")) if size >= unit), (1024, "KiB"))
    return f"{size / unit:.3g} {name}"


def outside(found: Sequence[Target], installed: str) -> str | None:
    """The note where a proof in the onnxruntime ``installed`` is none of what was asked for."""
    others = [target for target in found if target.runtime != "onnxruntime" or not target.allows(installed)]
    if not others:
        return None
    return f"proven in onnxruntime {installed}, not in what was asked for: {listed(map(str, others))}"


def _parsed(text: str) -> list[Target]:
    """``onnxruntime>=1.16,<1.20,onnxruntime-web``: a part that begins with no name belongs to the one before."""
    found: list[Target] = []
    for part in text.split(","):
        match = _PART.fullmatch(part)
        name, operator, version, wild = match.groups() if match else (None,) * 4
        if not match or not (name or (found and operator)) or not _fits(operator, version, wild):
            raise UsageError(
                f'"{text.strip()}" is no list of runtimes and versions: write for example onnxruntime>=1.16, '
                "onnxruntime==1.20.1 or onnxruntime-web"
            )
        clauses = (_Clause(operator, version, bool(wild)),) if operator and version else ()
        if name:
            runtime = name.lower().replace("_", "-")
            _require_once(runtime, clauses, found)
            found.append(Target(runtime, runtime + _written(clauses), clauses))
        else:
            last = found.pop()
            found.append(Target(last.runtime, f"{last.text},{_written(clauses)}", last.clauses + clauses))
    return found


def _fits(operator: str | None, version: str | None, wild: str | None) -> bool:
    """``.*`` goes with == and != only; ~= needs a part of the version to vary."""
    if wild:
        return operator in ("==", "!=")
    return operator != "~=" or "." in (version or "")


def _require_once(runtime: str, clauses: tuple[_Clause, ...], found: Sequence[Target]) -> None:
    """pip means releases that meet both, and a reader may mean both releases."""
    before = next((target for target in found if target.runtime == runtime), None)
    if before is None:
        return
    both, this = f"{runtime}{_written(before.clauses + clauses)}", f"{runtime}{_written(clauses)}"
    raise UsageError(
        f"{runtime} stands twice: write {both} for releases that meet both, or {before.text} and {this} apart, "
        "each as a requirement of its own"
    )


def _written(clauses: Sequence[_Clause]) -> str:
    return ",".join(map(str, clauses))


def _require_tested(target: Target) -> None:
    if target.runtime not in TESTED:
        raise UsageError(f"{target.runtime} is not tested: {listed(TESTED)} are, on the CPU")
    if not target.releases:
        raise UsageError(f"{target.text} allows no release that is tested: {_nearest(target)}")
    oldest = oldest_tested(target.runtime)
    if target.clauses and all(clause.reaches_below(_numbers(oldest)) for clause in target.clauses):
        kept = [clause for clause in target.clauses if clause.narrows_from(_numbers(oldest))]
        raise UsageError(
            f"{target.text} allows releases before {oldest}, the oldest that is tested: "
            f"ask for {','.join([f'{target.runtime}>={oldest}', *map(str, kept)])}"
        )


def _nearest(target: Target) -> str:
    """``the nearest are 1.17.1 and 1.17.3``: the tested releases next to the first version that is named."""
    named, tested = _padded(_numbers(target.clauses[0].version)), TESTED[target.runtime]
    older = [release.version for release in tested if _numbers(release.version) < named][-1:]
    newer = [release.version for release in tested if _numbers(release.version) >= named][:1]
    near = older + newer
    return f"the nearest {'are' if len(near) > 1 else 'is'} {listed(near)}"


def _span(releases: Sequence[Release]) -> str:
    first, last = releases[0].version, releases[-1].version
    return first if first == last else f"{first} to {last}"


def _numbers(version: str) -> Version:
    """``1.31.1`` as numbers; what builds add behind them (``.dev3``, ``+cu12``) is left out."""
    found = _NUMBER.match(version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _padded(version: Version) -> Version:
    return (*version, 0, 0)[:3]
