"""Which tensor of a file is which of the network: by name, or by order and shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import accumulate, takewhile
from typing import Literal

from specc.diagnostics import UsageError
from specc.diagnostics.spelling import suggest
from specc.ir.op import Parameter
from specc.weights.parametrized import Computed, computed, replaced
from specc.weights.tensors import Archive, State, plain

Match = Literal["name", "order"]
MATCHES: tuple[Match, ...] = ("name", "order")

_EXACT = ("float32", "float16", "bfloat16", "float64")
"""What float32 can hold: the last where its numbers happen to be float32's, which reading finds out."""
_ROLES = ("weight", "bias", "running_mean", "running_var")
"""Names that mean the same in every PyTorch module."""
_UNORDERED = (
    "  its tensors are sorted by name, as the safetensors library writes them, so that their order says nothing, and\n"
    "  some are of one shape; torch.save and numpy.savez keep the order of a state dict"
)
_PARALLEL, _COMPILED = "DataParallel or DistributedDataParallel", "torch.compile"
_WRAPPERS = {
    "module.": _PARALLEL,
    "_orig_mod.": _COMPILED,
    "module._orig_mod.": f"{_PARALLEL}, around {_COMPILED}",
    "_orig_mod.module.": f"{_COMPILED}, around {_PARALLEL}",
}
"""What PyTorch's wrappers put before every name of the network that they hold. Other prefixes are of the model that it
was a part of: a training framework's ``model.``, a detector's ``backbone.``."""
_ALIGNED = 2_000
"""Tensors up to which lists of shapes are aligned, which takes time by the square of their number."""
_COMPARED = 2_500
"""Pairs of names up to which near ones are looked for."""


def matched(state: State, archive: Archive, match: Match) -> dict[str, str]:
    """The file's name of every tensor of the network, by the network's name.

    The ``num_batches_tracked`` are the file's whole numbers. A file that has none at all lacks nothing: they
    are missing from the result too.

    By order, the tensors pair in the order of the state dict and of the file, the counters among themselves; every
    shape must agree, and no ``weight`` may pair with a ``bias``.

    Raises:
        UsageError: all tensors that are missing, unexpected, or of another shape or type, in one message. Where the
            names are the network's but for what a wrapper has put before each, it says that instead; and where the file
            has parts that PyTorch computes weights from, how to put the weights in their place.
    """
    pairing = _paired(state, archive, match)
    lines = _parametrized(state, archive, match) or _misfit(state, archive, match, pairing)
    if lines:
        raise UsageError("\n".join([f"{archive.path} does not fit the network:", *lines]))
    return {name: theirs for name, _, theirs in pairing.pairs}


def _misfit(state: State, archive: Archive, match: Match, pairing: _Pairing) -> list[str]:
    """All that keeps the file from fitting; nothing, where it fits."""
    findings = _findings(pairing, archive)
    if not findings:
        return []
    return _wrapped(state, archive, match) or [*_suggestion(state, archive, match), *findings]


_Ours = list[tuple[str, Parameter]]


@dataclass
class _Pairing:
    by: Match
    pairs: list[tuple[str, Parameter, str]] = field(default_factory=list)
    missing: _Ours = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


def _paired(state: State, archive: Archive, match: Match) -> _Pairing:
    return _by_name(state, archive) if match == "name" else _by_order(state, archive)


def _by_name(state: State, archive: Archive) -> _Pairing:
    entries, known = archive.entries, {name for name, _ in state}
    uncounted = not any(parameter.integer and name in entries for name, parameter in state)
    return _Pairing(
        "name",
        [(name, parameter, name) for name, parameter in state if name in entries],
        [(name, p) for name, p in state if name not in entries and not (p.integer and uncounted)],
        [name for name in entries if name not in known],
    )


def _by_order(state: State, archive: Archive) -> _Pairing:
    """Paired one by one where there are as many tensors, else where the shapes agree and as far as the numbers go."""
    pairing = _Pairing("order")
    for counting in (False, True):
        ours = [(name, parameter) for name, parameter in state if parameter.integer == counting]
        theirs = [name for name, entry in archive.entries.items() if entry.counts == counting]
        if counting and not theirs:  # a file without counters lacks nothing
            continue
        stretches: Sequence[tuple[str, int, int, int, int]] = [("equal", 0, len(ours), 0, len(theirs))]
        if len(ours) != len(theirs) and max(len(ours), len(theirs)) <= _ALIGNED:
            shapes = [p.shape for _, p in ours], [archive.entries[name].shape for name in theirs]
            stretches = SequenceMatcher(None, *shapes, autojunk=False).get_opcodes()
        for _, start, end, their_start, their_end in stretches:
            left, right = ours[start:end], theirs[their_start:their_end]
            both = min(len(left), len(right))
            pairing.pairs += [(name, parameter, other) for (name, parameter), other in zip(left, right, strict=False)]
            pairing.missing += left[both:]
            pairing.unexpected += right[both:]
    return pairing


def _findings(pairing: _Pairing, archive: Archive) -> list[str]:
    """Everything that keeps the file from being the weights of this network, under headlines."""
    shapes = [entry.shape for entry in archive.entries.values() if not entry.counts]
    if pairing.by == "order" and archive.sorted_by_name and len({*shapes}) < len(shapes):
        return [_UNORDERED]
    fitting = [(name, p, other) for name, p, other in pairing.pairs if p.shape == archive.entries[other].shape]
    lists = {
        "missing": [_missing(name, p, pairing, archive) for name, p in pairing.missing],
        "not in the network": [f"{plain(n)} {list(archive.entries[n].shape)}" for n in pairing.unexpected],
        "of another shape": [
            f"{_both(name, other)} is {list(archive.entries[other].shape)}, needs {list(p.shape)}"
            for name, p, other in pairing.pairs
            if p.shape != archive.entries[other].shape
        ],
        "of another type; convert the file first": [
            f"{_both(name, other)} is {archive.entries[other].dtype}, needs {'int64' if p.integer else 'float32'}"
            for name, p, other in pairing.pairs
            if archive.entries[other].dtype not in (("int64",) if p.integer else _EXACT)
        ],
        "of another kind, paired by order": [
            f"{name} with {plain(other)}"
            for name, p, other in fitting
            if p.name in _ROLES and other.rpartition(".")[2] in {*_ROLES} - {p.name}
        ],
    }
    return [f"  {what}:" + "".join(f"\n    {item}" for item in items) for what, items in lists.items() if items]


def _missing(name: str, parameter: Parameter, pairing: _Pairing, archive: Archive) -> str:
    """The tensor, and the name that was perhaps meant, of an unexpected tensor of its shape: the one that ends with it
    (``net.conv1.weight``), or else a similar one."""
    line = f"{name} {list(parameter.shape)}"
    if pairing.by == "order" or len(pairing.missing) * len(pairing.unexpected) > _COMPARED:
        return line
    others = [other for other in pairing.unexpected if archive.entries[other].shape == parameter.shape]
    meant = [other for other in others if other.endswith(f".{name}")]
    if len(meant) != 1:
        similar = suggest(name, others)
        meant = [*similar.names[:1]] if similar else []
    return f"{line}; did you mean {plain(meant[0])}, which the file has?" if meant else line


def _both(name: str, other: str) -> str:
    return name if name == other else f"{name} ({plain(other)} in the file)"


def _parametrized(state: State, archive: Archive, match: Match) -> list[str]:
    """That weights are computed from parts that the file has in their place, and what does not fit even so."""
    tensors = computed(archive.entries, {name for name, _ in state})
    if not tensors:
        return []
    alike: dict[tuple[str, str], list[Computed]] = {}
    for tensor in tensors:
        alike.setdefault((tensor.by.name, tensor.attribute), []).append(tensor)
    lines = []
    for first, *others in alike.values():  # the same lines of Python put all of these in place
        parts = " and ".join(map(plain, first.parts))
        likewise = f", and {len(others):,} more likewise" if others else ""
        lines += [
            f"  {plain(first.name)} is not in it: torch.nn.utils.{first.by.name} computes it from {parts}{likewise}",
            "  let PyTorch put what is computed in place in the model, and save the state dict anew:",
            *(f"    {line}" for line in first.by.code(first.attribute)),
        ]
    whole = replace(archive, entries=replaced(archive.entries, tensors))
    further = _parametrized(state, whole, match)  # pruned below a norm
    rest = [] if further else _misfit(state, whole, match, _paired(state, whole, match))
    return [*lines, *further, *(["  with them in place it does not fit either:"] if rest else []), *rest]


def _wrapped(state: State, archive: Archive, match: Match) -> list[str]:
    """That one prefix is before every name, if names fit without it; and what does not fit even so."""
    known = {name for name, _ in state}
    scopes = zip(*(name.split(".")[:-1] for name in archive.entries), strict=False)
    shared = takewhile(lambda parts: len({*parts}) == 1, scopes)
    prefixes = accumulate((f"{part}." for part, *_ in shared), initial="")
    prefix = max(prefixes, key=lambda p: sum(name[len(p) :] in known for name in archive.entries))
    if not prefix:  # none leaves more of the network's names than there are as it is
        return []
    bare = replace(archive, entries={name.removeprefix(prefix): entry for name, entry in archive.entries.items()})
    findings = _findings(_by_name(state, bare), bare)
    by = f", which {_WRAPPERS[prefix]} has added" if prefix in _WRAPPERS else ""
    lines = [f"  all {len(archive.entries)} of its names begin with {plain(prefix)}{by}"]
    if not findings:
        advice = "  without it all of them fit by name: write the file anew in Python, and take the new one\n"
        return [*lines, f"{advice}    {archive.without(prefix)}"]
    if match == "order":
        return []
    return [*lines, "  without it they do not all fit either:", *_suggestion(state, archive, match), *findings]


def _suggestion(state: State, archive: Archive, match: Match) -> list[str]:
    """The other way to match, where it finds nothing wrong."""
    other: Match = "order" if match == "name" else "name"
    if _findings(_paired(state, archive, other), archive):
        return []
    if other == "name":
        return ["  all of it fits by name: leave out --match order"]
    return ['  the shapes agree in order: --match order (match="order" in Python) takes the tensors so']
