"""What changed: between two networks (`compare`), all models of two files (`compare_models`), and many files.

Whether a change breaks somebody is asked by section, of each of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

from specc.analyses import Costs
from specc.compare.alignment import alignments, isomorphism
from specc.compare.attributes import KeyedGraph, StepKeys
from specc.compare.checkpoint import WeightsChange, compare_weights, exchanged
from specc.compare.header import HeaderChange
from specc.compare.interface import InterfaceChange, PortChange, Ports, common_sizes, compare_interface, pair_ports
from specc.compare.numbers import NumbersChange
from specc.compare.wiring import GraphChange, compare_graphs
from specc.diagnostics import Diagnostic, UsageError
from specc.ir.graph import Graph
from specc.syntax import ast

SECTIONS = ("interface", "weights", "graph", "cost")
"""What of a network may change, each an attribute of `Difference`."""

FILE_SECTIONS = ("numbers", "file")
"""What of an ONNX file may change beside its network, each an attribute of `FileDifference`."""


Unit = Literal["elements", "operations", "bytes", "places", "layers"]
Amount = int | tuple[int, ...] | None


class CostNumber(NamedTuple):
    """One number of both networks; None where it depends on sizes, or where none is claimed."""

    name: str
    unit: Unit
    before: Amount
    after: Amount

    @property
    def changed(self) -> bool:
        return self.before != self.after

    @property
    def grew(self) -> bool:
        """Whether it costs more. What a network sees (its receptive field) is no cost."""
        return self.grew_by_more_than(Fraction(0))

    def grew_by_more_than(self, percent: Fraction) -> bool:
        """Where there was nothing, anything is more by any percentage."""
        if not isinstance(self.before, int) or not isinstance(self.after, int):
            return False
        return self.after * 100 > self.before * (100 + percent)


class CostChange(NamedTuple):
    """The numbers of both networks, at sizes that both allow.

    Attributes:
        sizes_before, sizes_after: the symbolic sizes at which they are counted; empty where there are none.
        comparable: False: the contracts have no sizes in common, and what depends on them is unknown.
    """

    numbers: tuple[CostNumber, ...]
    sizes_before: Mapping[str, int]
    sizes_after: Mapping[str, int]
    comparable: bool

    @property
    def changed(self) -> bool:
        return any(number.changed for number in self.numbers) or not self.comparable

    def fails(self, percent: Fraction) -> bool:
        """Whether a number grew by more than that, or may have."""
        return any(number.grew_by_more_than(percent) for number in self.numbers) or not self.comparable


class Difference(NamedTuple):
    """What changed from one network to another, for whoever uses it."""

    before: str
    after: str
    interface: InterfaceChange
    weights: WeightsChange
    graph: GraphChange
    cost: CostChange

    @property
    def sections(self) -> tuple[str, ...]:
        """Of which something is said."""
        return SECTIONS

    @property
    def changed(self) -> bool:
        return bool(self.interface.changed or self.weights.changed or self.graph.changed or self.cost.changed)

    def fails(self, section: str, growth: Fraction = Fraction(0)) -> bool:
        """Whether what changed in the section (of `SECTIONS`) breaks somebody.

        interface: a caller that worked may not work any more. weights: an old checkpoint does not load by name, or not
        into its own steps. graph: it is not the same network. cost: a number grew by more than ``growth`` percent.
        """
        match section:
            case "interface":
                return self.interface.breaking
            case "weights":
                return self.weights.breaking
            case "graph":
                return self.graph.changed
            case "cost":
                return self.cost.fails(growth)
        raise ValueError(f"{section} is none of {', '.join(SECTIONS)}")


def compare(
    before: Graph,
    after: Graph,
    *,
    sizes: Mapping[str, int] | None = None,
    other_name: bool = False,
    written: tuple[StepKeys | None, StepKeys | None] = (None, None),
) -> Difference:
    """What changed.

    Args:
        sizes: at which costs are counted; left out: some that both contracts allow.
        other_name: the two have different names on purpose: that is no change then.
        written: of networks that run from files, what each step is there: those of one key are the same.

    Raises:
        UsageError: ``sizes`` lacks one, or gives one that is not allowed.
    """
    ports = pair_ports(before, after)
    common = common_sizes(before, after, ports.inputs)
    old, new = map(KeyedGraph.of, (before, after), common or (None, None), written)
    graph, steps = _compare_graphs(old, new, ports)
    return Difference(
        before.name,
        after.name,
        compare_interface(before, after, ports, common, renamed=not other_name),
        compare_weights(before, after, steps, graph.proven_same),
        graph,
        _compare_costs(before, after, (old.sizes, new.sizes) if sizes is None else (sizes, sizes)),
    )


def _compare_graphs(before: KeyedGraph, after: KeyedGraph, ports: Ports) -> tuple[GraphChange, dict[str, str]]:
    """The graph's changes, and which old step is which new one: of several accounts the shortest one.

    Names are believed, but where another account is shorter, and by it labels have only changed places.
    """
    same = isomorphism(before, after, ports)
    if same is not None:
        inputs = {old.name for old, _ in ports.inputs.pairs}
        steps = {old: new for old, new in same.items() if old not in inputs}
        return compare_graphs(before, after, ports, steps, proven=True), steps
    accounts = alignments(before, after, ports)
    *believing, doubting = [(compare_graphs(before, after, ports, steps, proven=False), steps) for steps in accounts]
    best = min(believing, key=lambda account: account[0].size)
    if doubting[0].size < best[0].size and exchanged(before.graph, after.graph, doubting[1]):
        return doubting
    return best


def _compare_costs(
    before: Graph, after: Graph, sizes: tuple[Mapping[str, int] | None, Mapping[str, int] | None]
) -> CostChange:
    """The numbers at these sizes; a network may have some of them. None: no sizes are allowed by both.

    Raises:
        UsageError: a size is missing, or is not allowed.
    """
    at: list[dict[str, int]] = []
    counts: list[Costs] = []
    for graph, chosen in zip((before, after), sizes, strict=True):
        symbols = {symbol.name for symbol in graph.symbols}
        at.append({name: size for name, size in (chosen or {}).items() if name in symbols})
        try:
            counts.append(Costs(graph if chosen is None else graph.at(at[-1])))
        except ValueError as error:
            raise UsageError(str(error)) from None
    old, new = counts
    numbers = (
        CostNumber("parameters", "elements", old.params, new.params),
        CostNumber("trainable parameters", "elements", old.trainable_params, new.trainable_params),
        CostNumber("MACs", "operations", old.macs, new.macs),
        CostNumber("activation memory", "bytes", old.activation_memory, new.activation_memory),
        CostNumber("peak memory", "bytes", old.peak_memory, new.peak_memory),
        CostNumber("receptive field", "places", old.receptive_field, new.receptive_field),
        CostNumber("depth", "layers", old.depth, new.depth),
    )
    return CostChange(numbers, at[0], at[1], comparable=None not in sizes)


class Unread(NamedTuple):
    """A file that cannot be read as a network, and why.

    Attributes:
        reasons: the headline, then the nodes at fault; empty where ``findings`` say it.
        findings: of the spec that it would be.
    """

    name: str
    reasons: tuple[str, ...]
    findings: tuple[Diagnostic, ...] = ()


class FileDifference(NamedTuple):
    """What changed from one file to another, of which one at least is an ONNX file, for whoever uses it.

    Attributes:
        interface: as the files declare it where the networks are not compared.
        networks: None where a file is no network of the language, as ``unread`` says: whether something breaks there is
            not known, and counts as breaking.
        numbers: of two ONNX files whose networks are compared.
        beside: which of `FILE_SECTIONS` there are.
    """

    before: str
    after: str
    interface: InterfaceChange
    networks: Difference | None
    numbers: NumbersChange | None
    file: HeaderChange
    beside: tuple[str, ...]
    unread: tuple[Unread, ...] = ()

    @property
    def sections(self) -> tuple[str, ...]:
        """Of which something is said."""
        return (*SECTIONS, *self.beside)

    @property
    def changed(self) -> bool:
        parts = (self.interface, self.networks, self.numbers, self.file)
        return bool(self.unread) or any(part.changed for part in parts if part is not None)

    def fails(self, section: str, growth: Fraction = Fraction(0)) -> bool:
        """Whether what changed in the section (of `sections`) breaks somebody: see `Difference.fails`.

        numbers: a tensor has others. file: it may not run where the old one ran, or lacks what is read of it.
        """
        match section:
            case "interface":
                return self.interface.breaking
            case "file":
                return self.file.breaking
            case _ if self.networks is None:
                return section in self.sections
            case "numbers":
                return self.numbers is not None and self.numbers.changed
        return self.networks.fails(section, growth)


# ---- files of several models ----------------------------------------------------------------------------------


class ModelChange(NamedTuple):
    """A model of both versions, compared; or of one alone: then there is no name and no difference."""

    before: str | None
    after: str | None
    difference: Difference | FileDifference | None = None

    @property
    def sections(self) -> tuple[str, ...]:
        """Of which something is said."""
        return SECTIONS if self.difference is None else self.difference.sections

    @property
    def changed(self) -> bool:
        return self.difference is None or self.difference.changed

    def fails(self, section: str, growth: Fraction = Fraction(0)) -> bool:
        """Whether the section breaks somebody: see `Difference.fails`. A model that is gone breaks all who used it; a
        new one breaks nobody. Of a section that is not there nothing does."""
        if self.difference is not None:
            return section in self.sections and self.difference.fails(section, growth)
        return self.after is None and section != "cost"


class FailOn(NamedTuple):
    """What a comparison fails on, but for specs that are wrong.

    Attributes:
        sections: of `SECTIONS` and `FILE_SECTIONS`.
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
"""Of each model by name its parameters by name, as in the spec: ``classes = 10``."""


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
    """Pair the models by name; where one of each remains, it has been renamed.

    Args:
        sizes: at which costs are counted.
        chosen: there is one of each, and the caller has chosen these two.
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
