"""Two versions of a spec file: which model of one is which of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from specc.compare.model import Difference, compare
from specc.diagnostics import Diagnostic, UsageError
from specc.ir.graph import Graph


class ModelChange(NamedTuple):
    """A model of both versions, compared; or of one alone: then there is no name and no difference."""

    before: str | None
    after: str | None
    difference: Difference | None = None

    @property
    def changed(self) -> bool:
        return self.difference is None or self.difference.changed

    def fails(self, section: str) -> bool:
        """Whether the section breaks somebody: see `Difference.fails`. A model that is gone breaks all who used it; a
        new one breaks nobody."""
        if self.difference is not None:
            return self.difference.fails(section)
        return self.after is None and section != "cost"


class FileChange(NamedTuple):
    """Two versions of a file.

    Attributes:
        before, after: its names, as they are shown; None where there is no such version.
        models: of a file whose versions are both sound.
        wrong_before: the mistakes that the old version has: nothing can be compared with it.
        wrong_after: the mistakes of the new one.
        note: what else should be known, in a sentence.
    """

    before: str | None
    after: str | None
    models: tuple[ModelChange, ...] = ()
    wrong_before: tuple[Diagnostic, ...] = ()
    wrong_after: tuple[Diagnostic, ...] = ()
    note: str = ""

    @property
    def name(self) -> str:
        return self.after or self.before or ""

    @property
    def is_wrong(self) -> bool:
        return bool(self.wrong_before or self.wrong_after)

    @property
    def changed(self) -> bool:
        moved = (self.before is None) != (self.after is None)
        return moved or self.is_wrong or bool(self.note) or any(model.changed for model in self.models)


class Comparison(NamedTuple):
    """All that was compared.

    Attributes:
        files: those of which something is to be said, and those that were asked for by name.
        same: number of other files, in which nothing changed.
        against: what the old version is called: ``main``; None where two files were named.
    """

    files: tuple[FileChange, ...]
    same: int = 0
    against: str | None = None

    @property
    def models(self) -> list[ModelChange]:
        return [model for file in self.files for model in file.models]

    def fails(self, sections: Sequence[str]) -> bool:
        """Whether a spec is wrong now, or a section breaks somebody."""
        wrong = any(file.wrong_after for file in self.files)
        return wrong or any(model.fails(section) for model in self.models for section in sections)


def compare_models(
    before: Sequence[Graph], after: Sequence[Graph], sizes: Mapping[str, int] | None, *, chosen: bool = False
) -> tuple[ModelChange, ...]:
    """Pair the models by name; a single one that is left on both sides has another name now.

    Args:
        sizes: at which costs are counted.
        chosen: there is one of each, and the caller meant these two.
    """
    old, new = {graph.name: graph for graph in before}, {graph.name: graph for graph in after}
    pairs = {name: name for name in old if name in new}
    lost, fresh = [name for name in old if name not in pairs], [name for name in new if name not in pairs]
    if len(lost) == len(fresh) == 1:
        pairs[lost.pop()] = fresh.pop()
    _refuse_unknown_sizes(sizes, [*before, *after])
    compared = [
        ModelChange(name, other, compare(old[name], new[other], sizes=sizes, other_name=chosen))
        for name, other in pairs.items()
    ]
    return (*compared, *(ModelChange(name, None) for name in lost), *(ModelChange(None, name) for name in fresh))


def _refuse_unknown_sizes(sizes: Mapping[str, int] | None, graphs: Sequence[Graph]) -> None:
    known = {symbol.name for graph in graphs for symbol in graph.symbols}
    for name in sizes or {}:
        if name not in known:
            has = f"there are {', '.join(sorted(known))}" if known else "all their sizes are numbers"
            raise UsageError(f"--at {name}: no model here has a symbolic size called {name}; {has}")
