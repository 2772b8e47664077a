"""Which tensor of a file, or of a state dict in memory, is which of the network: by name, or by order and shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, takewhile
from typing import Literal

from specc.diagnostics import UsageError
from specc.diagnostics.spelling import suggest
from specc.ir.op import Parameter
from specc.weights.parametrized import Computed, computed, replaced
from specc.weights.tensors import Archive, State, TensorEntry, plain

Match = Literal["name", "order"]
MATCHES: tuple[Match, ...] = ("name", "order")

_EXACT = ("float32", "float16", "bfloat16", "float64")
"""What float32 can hold: the last where its numbers happen to be float32's, which reading finds out."""
_ROLES = ("weight", "bias", "running_mean", "running_var")
"""Names that mean the same in every PyTorch module."""
_UNORDERED = (
    "  its tensors are sorted by name, as the safetensors library writes them, so that their order says nothing, and",
    "  some are of one shape; torch.save and numpy.savez keep the order of a state dict",
)
_PARALLEL, _COMPILED = "DataParallel or DistributedDataParallel", "torch.compile"
_COMPILER_SCOPE = "_orig_mod."
_WRAPPERS = {
    "module.": _PARALLEL,
    _COMPILER_SCOPE: _COMPILED,
    "module._orig_mod.": f"{_PARALLEL}, around {_COMPILED}",
    "_orig_mod.module.": f"{_COMPILED}, around {_PARALLEL}",
}
"""What PyTorch's wrappers put before every name of the network that they hold. Other prefixes are of the model that it
was a part of: a training framework's ``model.``, a detector's ``backbone.``."""
_ALIGNED = 2_000
"""Tensors up to which lists of shapes are aligned, which takes time by the square of their number."""
_SCOPES, _SHOWN = 8, 4
"""How many places in a file are looked at for a whole network, and how many tensors beside it are named."""
_COMPARED = 2_500
"""Pairs of names up to which similar ones are looked for."""


def matched(state: State, archive: Archive, match: Match) -> tuple[dict[str, str], tuple[str, ...]]:
    """The file's name of every tensor of the network, by the network's name; and what the user should know of it.

    By name, a prefix that is before every name of the file and none of the network's is left out where all fits
    without it, and is said; so is what torch.compile has put into the names of the parts that it has compiled.

    The ``num_batches_tracked`` are the file's whole numbers. A file that has none at all lacks nothing: they
    are missing from the result too.

    By order, the tensors pair in the order of the state dict and of the file, the counters among themselves; every
    shape must agree, and no ``weight`` may pair with a ``bias``.

    Raises:
        UsageError: all tensors that are missing, unexpected, or of another shape or type, in one message. Where the
            file has parts that PyTorch computes weights from, it says how to put the weights in their place.
    """
    pairing = _Pairing(state, archive, match)
    lines = _parametrized(pairing)
    faults = [] if lines else pairing.faults()
    prefix = _prefix(pairing) if faults and match == "name" else ""
    if prefix and not (bare := pairing.below(prefix)).faults():
        return {name: prefix + other for name, _, other in bare.pairs}, (f"{_begins(archive, prefix)}: left out",)
    inner = _inside(archive) if faults and match == "name" else {}
    if inner:
        with suppress(UsageError):
            names, notes = matched(
                state, replace(archive, entries={n: archive.entries[o] for n, o in inner.items()}), match
            )
            left_out = f"some of its names have {_COMPILER_SCOPE}, which {_COMPILED} has added: left out"
            return {name: inner[other] for name, other in names.items()}, (left_out, *notes)
    if lines or faults:
        raise UsageError(f"{archive.source} does not fit the network:", *lines, *_advised(pairing, faults))
    return {name: other for name, _, other in pairing.pairs}, ()


class _Pairing:
    """Tensors of the network and of the file, and those of one alone.

    By order they are paired one by one where there are as many, else where the shapes agree and as far as the numbers
    go.
    """

    def __init__(self, state: State, archive: Archive, by: Match) -> None:
        self.state, self.archive, self.by = state, archive, by
        self.pairs: list[tuple[str, Parameter, str]] = []
        self.missing: list[tuple[str, Parameter]] = []
        self.unexpected: list[str] = []
        if by == "name":
            self._pair_by_name()
        else:
            self._pair_by_order()

    def _pair_by_name(self) -> None:
        entries, names = self.archive.entries, {name for name, _ in self.state}
        uncounted = not any(parameter.integer and name in entries for name, parameter in self.state)
        self.pairs = [(name, parameter, name) for name, parameter in self.state if name in entries]
        self.missing = [(n, p) for n, p in self.state if n not in entries and not (p.integer and uncounted)]
        self.unexpected = [name for name in entries if name not in names]

    def _pair_by_order(self) -> None:
        entries = self.archive.entries
        for counting in (False, True):
            ours = [(name, parameter) for name, parameter in self.state if parameter.integer == counting]
            theirs = [name for name, entry in entries.items() if entry.counts == counting]
            if counting and not theirs:  # a file without counters lacks nothing
                continue
            stretches: Sequence[tuple[str, int, int, int, int]] = [("equal", 0, len(ours), 0, len(theirs))]
            if len(ours) != len(theirs) and max(len(ours), len(theirs)) <= _ALIGNED:
                shapes = [p.shape for _, p in ours], [entries[name].shape for name in theirs]
                # By default shapes that are frequent among 200 tensors or more begin no stretch.
                stretches = SequenceMatcher(None, *shapes, autojunk=False).get_opcodes()
            for _, start, end, their_start, their_end in stretches:
                some, others = ours[start:end], theirs[their_start:their_end]
                both = min(len(some), len(others))
                self.pairs += [(name, parameter, other) for (name, parameter), other in zip(some, others, strict=False)]
                self.missing += some[both:]
                self.unexpected += others[both:]

    def of(self, entries: Mapping[str, TensorEntry]) -> _Pairing:
        """The same for a file with these tensors instead."""
        return _Pairing(self.state, replace(self.archive, entries=entries), self.by)

    def below(self, prefix: str) -> _Pairing:
        """By name, for a file with the tensors whose names begin so, without that."""
        entries = {
            name.removeprefix(prefix): entry for name, entry in self.archive.entries.items() if name.startswith(prefix)
        }
        return _Pairing(self.state, replace(self.archive, entries=entries), "name")

    def faults(self) -> list[str]:
        """Everything that keeps the file from being the weights of this network, under headlines."""
        entries = self.archive.entries
        shapes = [entry.shape for entry in entries.values() if not entry.counts]
        if self.by == "order" and self.archive.sorted_by_name and len({*shapes}) < len(shapes):
            return [*_UNORDERED]
        lists: dict[str, list[str]] = {
            "missing": [self._missing(name, p) for name, p in self.missing],
            "not in the network": [f"{plain(name)} {list(entries[name].shape)}" for name in self.unexpected],
            "of another shape": [],
            f"of another type; convert the {self.archive.kind} first": [],
            "of another kind, paired by order": [],
        }
        _, _, shape_faults, type_faults, kind_faults = lists.values()
        for name, p, other in self.pairs:
            entry, there = entries[other], f"({plain(other)} in the {self.archive.kind})"
            both = name if name == other else f"{name} {there}"
            if p.shape != entry.shape:
                shape_faults.append(f"{both} is {list(entry.shape)}, needs {list(p.shape)}")
            elif p.name in _ROLES and other.rpartition(".")[2] in {*_ROLES} - {p.name}:
                kind_faults.append(f"{name} with {plain(other)}")
            if entry.dtype not in (("int64",) if p.integer else _EXACT):
                type_faults.append(f"{both} is {entry.dtype}, needs {'int64' if p.integer else 'float32'}")
        return [
            line
            for what, items in lists.items()
            if items
            for line in (f"  {what}:", *(f"    {item}" for item in items))
        ]

    def _missing(self, name: str, parameter: Parameter) -> str:
        """The tensor, and the unexpected one of its shape that it may be: the one that ends with its name
        (``net.conv1.weight``), or else one with a similar name."""
        line = f"{name} {list(parameter.shape)}"
        if self.by == "order" or len(self.missing) * len(self.unexpected) > _COMPARED:
            return line
        others = [other for other in self.unexpected if self.archive.entries[other].shape == parameter.shape]
        candidates = [other for other in others if other.endswith(f".{name}")]
        if len(candidates) != 1:
            similar = suggest(name, others)
            candidates = [*similar.names[:1]] if similar else []
        if not candidates:
            return line
        return f"{line}; did you mean {plain(candidates[0])}, which the {self.archive.kind} has?"


def _advised(pairing: _Pairing, faults: list[str]) -> list[str]:
    """All that keeps the file from fitting, below what to do about it; nothing, where nothing does."""
    if not faults:
        return []
    prefix = _prefix(pairing)
    if not prefix:
        return _part(pairing) or [*_other_match(pairing), *faults]
    bare = pairing.below(prefix)
    still = bare.faults()
    begins = f"  {_begins(pairing.archive, prefix)}"
    if pairing.by == "order":
        by_name = [begins, "  without it all of them fit by name: leave out --match order"]
        return [*_other_match(pairing), *faults] if still else by_name
    if not still:  # once the weights are in the place of their parts, it is left out
        return []
    return [begins, "  without it they do not all fit either:", *_other_match(pairing), *still]


def _part(pairing: _Pairing) -> list[str]:
    """That the network is a part of what the file holds, and how to take it; nothing where it is not.

    A loss with weights of its own is kept beside it, and a teacher beside a student.
    """
    entries, first = pairing.archive.entries, next((name for name, _ in pairing.state), "")
    if pairing.by == "order" or not first:
        return []
    candidates = [name.removesuffix(first) for name in entries if name.endswith(f".{first}")]
    prefixes = [prefix for prefix in candidates[:_SCOPES] if not pairing.below(prefix).faults()]
    if not prefixes:
        return []
    others = [plain(name) for name in entries if not name.startswith(tuple(prefixes))]
    listed = [*others[:_SHOWN], *([f"{len(others) - _SHOWN:,} more"] if len(others) > _SHOWN else [])]
    beside = f"; beside it: {', '.join(listed)}" if others else ""
    where = " and once more below ".join(map(plain, prefixes))
    taken = (
        f"{{name.removeprefix({prefixes[0]!r}): tensor for name, tensor in state_dict.items() "
        f"if name.startswith({prefixes[0]!r})}}"
    )
    return [f"  the network is in it as a part, below {where}{beside}", f"  this is that part alone: {taken}"]


def _parametrized(pairing: _Pairing) -> list[str]:
    """That weights are computed from parts that the file has in their place, and what does not fit even so."""
    entries = pairing.archive.entries
    tensors = computed(entries, {name for name, _ in pairing.state})
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
    whole = pairing.of(replaced(entries, tensors))
    further = _parametrized(whole)  # pruned below a norm
    rest = [] if further else _advised(whole, whole.faults())
    return [*lines, *further, *(["  with them in place it does not fit either:"] if rest else []), *rest]


def _inside(archive: Archive) -> dict[str, str]:
    """The file's names by what they are without the scopes of torch.compile; nothing where none has one."""
    bare = {re.sub(rf"(^|\.){re.escape(_COMPILER_SCOPE)}", r"\1", name): name for name in archive.entries}
    return bare if len(bare) == len(archive.entries) and bare.keys() != archive.entries.keys() else {}


def _prefix(pairing: _Pairing) -> str:
    """What is before every name of the file, up to a dot, where without it more of them are the network's; else ""."""
    entries, known = pairing.archive.entries, {name for name, _ in pairing.state}
    scopes = zip(*(name.split(".")[:-1] for name in entries), strict=False)
    shared = takewhile(lambda parts: len({*parts}) == 1, scopes)
    prefixes = accumulate((f"{part}." for part, *_ in shared), initial="")
    return max(prefixes, key=lambda prefix: sum(name[len(prefix) :] in known for name in entries))


def _begins(archive: Archive, prefix: str) -> str:
    by = f", which {_WRAPPERS[prefix]} has added" if prefix in _WRAPPERS else ""
    return f"all {len(archive.entries)} of its names begin with {plain(prefix)}{by}"


def _other_match(pairing: _Pairing) -> list[str]:
    """The advice to match in the other way, where all of it fits so."""
    other: Match = "order" if pairing.by == "name" else "name"
    if _Pairing(pairing.state, pairing.archive, other).faults():
        return []
    if other == "name":
        return ["  all of it fits by name: leave out --match order"]
    return ['  the shapes agree in order: --match order (match="order" in Python) takes the tensors so']
