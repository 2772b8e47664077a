"""What becomes of a checkpoint: which of the old network's tensors the new one still takes.

Whether it loads is not judged here: it is asked of `specc.weights`, as if a state dict of the old network were loaded
into the new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple

from specc.diagnostics import UsageError
from specc.ir.graph import Graph
from specc.ir.op import Parameter
from specc.weights.matching import MATCHES, matched
from specc.weights.tensors import Archive, Array, TensorEntry

Loads = Literal["name", "order", "no"]


class TensorChange(NamedTuple):
    """A tensor of the old network, of the new one, or of both; None where it is not there."""

    before: str | None
    after: str | None
    shape_before: tuple[int, ...] | None
    shape_after: tuple[int, ...] | None

    @property
    def elements_before(self) -> int:
        return 0 if self.shape_before is None else prod(self.shape_before)

    @property
    def elements_after(self) -> int:
        return 0 if self.shape_after is None else prod(self.shape_after)


class WeightsChange(NamedTuple):
    """What becomes of every tensor.

    Every tensor of the old network is kept, renamed, resized or lost, and every one of the new network is kept,
    renamed, resized or added: each in one of these.

    Attributes:
        loads: how an old checkpoint loads: by ``name``, by ``order`` only, or not.
        kept: number of tensors with the same name and shape.
        kept_elements: their elements.
        renamed: of the same shape, under another name.
        guessed: whether the renamed and the misplaced ones are taken from an alignment of the steps; else the two
            networks are proven to be one, and so are they.
        misplaced: tensors that load by name into a step that is another one than the one they come from. Where that is
            guessed, their names have only changed places.
        order_fits: of a checkpoint that loads by order only, whether every tensor gets to its own step; None where the
            graph has changed, so that nothing is proven.
        frozen, trainable: tensors that training changes no more, or again; by their new names.
        before, after: the names of all tensors of the two networks.
        pairs: tensors that stand for one another, by their names: those of steps that are proven to do so; else those
            of one name and shape that are not misplaced.
    """

    loads: Loads
    kept: int
    kept_elements: int
    renamed: tuple[TensorChange, ...]
    guessed: bool
    resized: tuple[TensorChange, ...]
    added: tuple[TensorChange, ...]
    lost: tuple[TensorChange, ...]
    misplaced: tuple[TensorChange, ...]
    order_fits: bool | None
    frozen: tuple[str, ...]
    trainable: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]

    @property
    def changed(self) -> bool:
        return self.breaking or bool(self.renamed or self.frozen or self.trainable)

    @property
    def breaking(self) -> bool:
        """Whether an old checkpoint does not load by name any more, or would load into other steps."""
        return self.loads != "name" or bool(self.misplaced)


@dataclass(frozen=True, kw_only=True)
class _Checkpoint(Archive):
    """A state dict of a network, as PyTorch saves it: names and shapes, no numbers."""

    def pieces(self, name: str) -> Iterator[Array]:
        raise AssertionError(f"{name}: nothing asks for numbers")


def compare_weights(before: Graph, after: Graph, steps: Mapping[str, str], proven: bool) -> WeightsChange:
    """Compare the tensors.

    Args:
        steps: which old step is which new one, by name.
        proven: whether the two graphs are the same but for names, so that ``steps`` is no guess.
    """
    old, new = dict(before.state), dict(after.state)
    counterparts = _counterparts(before, after, steps)
    kept = [name for name in old if name in new and _form(old[name]) == _form(new[name])]
    resized = [name for name in old if name in new and _form(old[name]) != _form(new[name])]
    # Their step is there and has one like it, under a name that the old network does not have.
    gone = [name for name in old if name in counterparts and name not in new and counterparts[name] not in old]
    renamed = {name: counterparts[name] for name in gone if _form(old[name]) == _form(new[counterparts[name]])}
    misplaced = [name for name in kept if counterparts[name] != name] if proven else exchanged(before, after, steps)
    loads, destinations = _loads(before, after)
    now = {name: name for name in kept} | renamed
    pairs = now | {name: name for name in resized}
    new_names = set(pairs.values())
    return WeightsChange(
        loads=loads,
        kept=len(kept),
        kept_elements=sum(prod(old[name].shape) for name in kept),
        renamed=tuple(_tensor(name, other, old, new) for name, other in renamed.items()),
        guessed=bool(renamed or misplaced) and not proven,
        resized=tuple(_tensor(name, name, old, new) for name in resized),
        added=tuple(_tensor(None, name, old, new) for name in new if name not in new_names),
        lost=tuple(_tensor(name, None, old, new) for name in old if name not in pairs),
        misplaced=tuple(_tensor(name, counterparts[name], old, new) for name in misplaced),
        order_fits=destinations == counterparts if proven and loads == "order" else None,
        frozen=tuple(b for a, b in now.items() if old[a].trainable and not new[b].trainable),
        trainable=tuple(b for a, b in now.items() if new[b].trainable and not old[a].trainable),
        before=tuple(old),
        after=tuple(new),
        pairs=tuple(counterparts.items() if proven else ((name, name) for name in kept if name not in misplaced)),
    )


def exchanged(before: Graph, after: Graph, steps: Mapping[str, str]) -> list[str]:
    """Tensors that both networks have, of the same shape, and whose names have changed places among themselves.

    Where a step is put in or taken out of a row of others like it, an alignment may take each for its neighbour: there
    the names do not come back to where they began.
    """
    old, new = dict(before.state), dict(after.state)
    counterparts = _counterparts(before, after, steps)
    kept = {name for name in old if name in new and _form(old[name]) == _form(new[name])}
    moved = {name: counterparts[name] for name in old if name in kept and counterparts.get(name, name) != name}
    moved = {one: other for one, other in moved.items() if other in kept and _form(old[one]) == _form(new[other])}
    while True:
        targets = set(moved.values())
        closed = {one: other for one, other in moved.items() if one in targets and other in moved}
        if len(closed) == len(moved):
            return list(moved)
        moved = closed


def _form(parameter: Parameter) -> tuple[tuple[int, ...], bool]:
    return parameter.shape, parameter.integer


def _counterparts(before: Graph, after: Graph, steps: Mapping[str, str]) -> dict[str, str]:
    """For the old tensors the name that the new step has for them; none for those that were shared and are not, or are
    and were not: which of several is the one, nothing says."""
    pairs = set[tuple[str, str]]()
    for node in before.nodes:
        if node.name in steps:
            other = after.node(steps[node.name])
            paths = {parameter.name: other.path(parameter) for parameter in other.parameters}
            pairs |= {(node.path(p), paths[p.name]) for p in node.parameters if p.name in paths}
    old, new = Counter(name for name, _ in pairs), Counter(name for _, name in pairs)
    return {name: other for name, other in sorted(pairs) if old[name] == new[other] == 1}


def _tensor(
    one: str | None, other: str | None, old: Mapping[str, Parameter], new: Mapping[str, Parameter]
) -> TensorChange:
    before = None if one is None else old[one].shape
    return TensorChange(one, other, before, None if other is None else new[other].shape)


def _loads(before: Graph, after: Graph) -> tuple[Loads, dict[str, str]]:
    """How an old checkpoint loads, and to which new tensor then every old one."""
    entries = {name: TensorEntry("int64" if p.integer else "float32", p.shape) for name, p in before.state}
    checkpoint = _Checkpoint(source="checkpoint", entries=entries)
    for match in MATCHES:
        with suppress(UsageError):  # it does not fit
            names, notes = matched(after.state, checkpoint, match)
            if not notes:  # PyTorch's own load_state_dict leaves no prefix out
                return match, {old: new for new, old in names.items()}
    return "no", {}
