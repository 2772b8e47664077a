"""Two versions of a spec file: which model of one is which of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from specc.compare.difference import Difference, compare
from specc.compare.interface import InterfaceChange, PortChange
from specc.diagnostics import Diagnostic, UsageError
from specc.ir.graph import Graph
from specc.syntax import ast


class ModelChange(NamedTuple):
    """A model of both versions, compared; or of one alone: then there is no name and no difference."""

    before: str | None
    after: str | None
    difference: Difference | None = None

    @property
    def changed(self) -> bool:
        return self.difference is None or self.difference.changed

    def fails(self, section: str, growth: Fraction = Fraction(0)) -> bool:
        """Whether the section breaks somebody: see `Difference.fails`. A model that is gone breaks all who used it; a
        new one breaks nobody."""
        if self.difference is not None:
            return self.difference.fails(section, growth)
        return self.after is None and section != "cost"


class FailOn(NamedTuple):
    """What a comparison fails on, but for specs that are wrong.

    Attributes:
        sections: of `specc.compare.SECTIONS`.
        growth: how much a cost may grow, in percent.
    """

    sections: frozenset[str] = frozenset()
    growth: Fraction = Fraction(0)

    def fails(self, model: ModelChange, section: str) -> bool:
        return section in self.sections and model.fails(section, self.growth)


class FileChange(NamedTuple):
    """Two versions of a file.

    Attributes:
        before, after: its names, as they are shown; None where there is no such version.
        models: of a file whose versions are both sound.
        wrong_before: the mistakes that the old version has: nothing can be compared with it.
        wrong_after: the mistakes of the new one.
        note: what else should be known, in a sentence.
        moved: it has another path now.
        known: the old version has all the mistakes of the new one.
        incomparable: the old version cannot be read, as ``note`` says; whether something breaks is not known.
    """

    before: str | None
    after: str | None
    models: tuple[ModelChange, ...] = ()
    wrong_before: tuple[Diagnostic, ...] = ()
    wrong_after: tuple[Diagnostic, ...] = ()
    note: str = ""
    moved: bool = False
    known: bool = False
    incomparable: bool = False

    @property
    def name(self) -> str:
        return self.after or self.before or ""

    @property
    def is_wrong(self) -> bool:
        return bool(self.wrong_before or self.wrong_after)

    @property
    def is_broken(self) -> bool:
        """Whether it has mistakes that it did not have."""
        return bool(self.wrong_after) and not self.known

    @property
    def changed(self) -> bool:
        is_single = (self.before is None) != (self.after is None)
        changed = is_single or self.moved or self.is_wrong or bool(self.note)
        return changed or any(model.changed for model in self.models)


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

    def fails(self, on: FailOn) -> bool:
        """Whether a spec has mistakes that it did not have, or a section breaks somebody, or may do so unseen."""
        wrong = any(file.is_broken or (bool(on.sections) and file.incomparable) for file in self.files)
        return wrong or any(on.fails(model, section) for model in self.models for section in on.sections)


Parameters = Mapping[str, Mapping[str, str]]
"""Of each model by name its parameters by name, as they are written."""


def parameters(file: ast.File) -> Parameters:
    """Those of the models of a file."""
    return {
        model.name: {param.name: " ".join(param.span.text.split()) for param in model.params} for model in file.models
    }


def compare_models(
    before: Sequence[Graph],
    after: Sequence[Graph],
    sizes: Mapping[str, int] | None,
    *,
    chosen: bool = False,
    parameters: tuple[Parameters, Parameters] = ({}, {}),
) -> tuple[ModelChange, ...]:
    """Pair the models by name; a single one that is left on both sides has another name now.

    Args:
        sizes: at which costs are counted.
        chosen: there is one of each, and the caller meant these two.
        parameters: of the models of both.
    """
    old, new = {graph.name: graph for graph in before}, {graph.name: graph for graph in after}
    pairs = {name: name for name in old if name in new}
    removed, added = [name for name in old if name not in pairs], [name for name in new if name not in pairs]
    if len(removed) == len(added) == 1:
        pairs[removed.pop()] = added.pop()
    known = {symbol.name for graph in (*before, *after) for symbol in graph.symbols}
    for name in sizes or {}:
        if name not in known:
            has = f"there are {', '.join(sorted(known))}" if known else "all their sizes are numbers"
            raise UsageError(f"--at {name}: no model here has a symbolic size called {name}; {has}")
    compared = []
    for name, other in pairs.items():
        difference = compare(old[name], new[other], sizes=sizes, other_name=chosen)
        # For those who set parameters. Another default is no change of these: it shows in everything else.
        was, now = parameters[0].get(name, {}), parameters[1].get(other, {})
        effect = "a caller that sets it is refused"
        changes = [PortChange("parameter", "removed", p, was[p], None, True, effect) for p in was if p not in now]
        effect = "a caller may set it"
        changes += [PortChange("parameter", "added", p, None, now[p], False, effect) for p in now if p not in was]
        if len(old) == 1 < len(new):
            others, effect = ", ".join(name for name in new if name != other), "a caller that names no model is refused"
            changes.append(PortChange("model", "added", others, None, "beside it", True, effect))
        interface = InterfaceChange((*difference.interface.changes, *changes))
        compared.append(ModelChange(name, other, difference._replace(interface=interface)))
    return (*compared, *(ModelChange(name, None) for name in removed), *(ModelChange(None, name) for name in added))
