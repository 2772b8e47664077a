"""Mutation of emitted models: the parity check is itself checked by files that are broken in every known way.

`KINDS` are the ways; `mutants` finds their places in a model and breaks a copy at each. Whether a mutant of the aim
"function" counts is decided by `tests.verify.mutants.function`, without specc.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from onnx import ModelProto

from tests.verify.mutants import arithmetic, contract, harmless, stored, structure  # noqa: F401 - they register kinds
from tests.verify.mutants.draft import Draft, Site
from tests.verify.mutants.kinds import KINDS, Aim, Kind

__all__ = ["KINDS", "Aim", "Draft", "Kind", "Mutant", "Site", "mutants"]


@dataclass(frozen=True)
class Mutant:
    """A broken copy of a model.

    Attributes:
        steps: those of the spec whose results are wrong though their inputs are right; none where it is not theirs.
        first: the first of them in the network, which a check step by step should name.
    """

    kind: Kind
    place: str
    steps: tuple[str, ...]
    first: str | None
    model: ModelProto


def mutants(draft: Draft, kind: Kind, chosen: Collection[int] | None = None) -> Iterator[Mutant]:
    """The mutants of one kind of a model: of all its places, or of those with the ``chosen`` numbers."""
    for place, site in enumerate(kind.sites(draft)):
        if chosen is not None and place not in chosen:
            continue
        copy = draft.copy()
        site.edit(copy)
        yield Mutant(kind, site.place, site.steps, draft.first(site.steps), copy.model)
