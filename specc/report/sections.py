"""A difference in words: a verdict for every section, and the rows that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isfinite, prod
from typing import Literal, NamedTuple, TypeVar

from specc.compare import Difference
from specc.compare.checkpoint import TensorChange, WeightsChange
from specc.compare.difference import Amount, CostChange, CostNumber, FileDifference, Unit, Unread
from specc.compare.header import HeaderChange, HeaderEntryChange
from specc.compare.interface import InterfaceChange
from specc.compare.numbers import NumbersChange, TensorNumbers
from specc.compare.wiring import GraphChange, Member, StepChange
from specc.diagnostics.words import listed, plural, visible
from specc.elaborate.values import display
from specc.ir.graph import Node, Region
from specc.report.notation import block, count, cut, field, memory, scaled, some, step

Tone = Literal["same", "changed", "breaking"]
Row = tuple[str, ...]
Item = TypeVar("Item")
Key = TypeVar("Key")

LONGEST_VALUE = 40
"""Characters of an attribute's value that are shown."""
MOST_NAMES = 4
"""Names in a row about steps with the same change, as far as they fit."""
NAMES_WIDTH = 44
"""Characters that their names may take, so that a line with what changed is about as wide as a terminal."""


class Section(NamedTuple):
    """One section of a difference in words.

    Attributes:
        verdict: one sentence, without a full stop.
        rows: what it rests on, in columns.
    """

    name: str
    verdict: str
    tone: Tone
    rows: tuple[Row, ...] = ()


def sections(difference: Difference | FileDifference) -> tuple[Section, ...]:
    """All that it has, in their order."""
    every = list(_networks(difference) if isinstance(difference, Difference) else _files(difference))
    assert tuple(section.name for section in every) == difference.sections
    return tuple(every)


def _networks(difference: Difference) -> Iterator[Section]:
    yield _interface(difference.interface)
    yield _weights(difference.weights)
    yield _graph(difference.graph)
    yield _cost(difference.cost)


def _files(difference: FileDifference) -> Iterator[Section]:
    if difference.networks is not None:
        yield from _networks(difference.networks)
    else:
        yield _interface(difference.interface)
        yield from _not_compared(difference.unread)
    if "numbers" in difference.sections:
        yield _numbers(difference.numbers) if difference.numbers is not None else _unknown("numbers", ())
    if "file" in difference.sections:
        yield _file(difference.file)


def _not_compared(unread: Sequence[Unread]) -> Iterator[Section]:
    """The sections of the networks, where there are none."""
    yield _unknown("weights", ())
    yield _unknown("graph", [(reason,) for each in unread for reason in reasons(each)])
    yield _unknown("cost", ())


def reasons(unread: Unread) -> list[str]:
    """Why a file cannot be read as a network, the file and its nodes by name."""
    return [*unread.reasons, *(f"{unread.name}: {finding.message}" for finding in unread.findings)]


def _unknown(name: str, rows: Sequence[Row]) -> Section:
    return Section(name, "not compared:" if rows else "not compared", "breaking", tuple(rows))


def _numbers(numbers: NumbersChange) -> Section:
    left = [("not compared", plural(numbers.left_out, "tensor"), "in one file alone")] if numbers.left_out else []
    if not numbers.compared:
        return Section("numbers", "there are none to compare", "same", tuple(left))
    if not numbers.changed:
        verdict = f"the same in {plural(numbers.compared, 'tensor')}" if left else "the same"
        return Section("numbers", verdict, "same", tuple(left))
    most, number = numbers.tensors[0], len(numbers.tensors)
    of = f"{number:,} of {plural(numbers.compared, 'tensor')}"
    if numbers.is_rounding:
        verdict = f"those of {of} are rounded to float16 on one side, and are the same otherwise"
    elif number == numbers.compared > 1:
        every = plural(numbers.compared, "tensor")
        verdict = f"all {every} have others, as if trained anew, {_by_at_most(most)} in {most.after}"
    else:
        verdict = f"{of} {'has' if number == 1 else 'have'} others, {_by_at_most(most)} in {most.after}"
    rows = [("changed", _arrow(tensor.before, tensor.after), _numbers_row(tensor)) for tensor in numbers.tensors]
    return Section("numbers", verdict, "changed", (*rows, *left))


def _by_at_most(tensor: TensorNumbers) -> str:
    return f"by {tensor.largest:.2g} at most" if isfinite(tensor.largest) else "one of them no number"


def _numbers_row(tensor: TensorNumbers) -> str:
    elements = f"{tensor.differing:,} of {plural(tensor.elements, 'element')}"
    rounded = ", rounded to float16" if tensor.is_rounding else ""
    return f"{elements}, {_by_at_most(tensor)}, where the largest was {tensor.scale:.2g}{rounded}"


def _file(file: HeaderChange) -> Section:
    if not file.changed:
        return Section("file", "the same", "same")
    kinds = dict.fromkeys(_KINDS.get(c.kind, c.kind) for c in file.changes if c.breaking or not file.breaking)
    rows = tuple(map(_header_row, file.changes))
    if file.breaking:
        return Section("file", f"what runs or reads it may break: {listed(kinds)}", "breaking", rows)
    return Section("file", f"{listed(kinds)} changed, and what runs and reads it works as before", "changed", rows)


_KINDS = {"weights in": "files beside it", "bytes": "size"}
"""What kinds of changes of a header are called, where that is not their name."""


def _header_row(change: HeaderEntryChange) -> Row:
    before, after = (
        memory(value) if change.kind == "bytes" and isinstance(value, int) else _text(value)
        for value in (change.before, change.after)
    )
    name = "size" if change.kind == "bytes" else change.kind
    return name, visible(change.name), f"{before} -> {after}" + (f": {change.effect}" if change.effect else "")


def _text(value: str | int | None) -> str:
    return "none" if value is None else cut(visible(str(value)), LONGEST_VALUE) or '""'


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _groups(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """The items by key, in the order of the first of each group."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _interface(interface: InterfaceChange) -> Section:
    if not interface.changed:
        return Section("interface", "the same", "same")
    rows = []
    for port in interface.changes:
        both = port.before is not None and port.after is not None
        what = f"{port.before} -> {port.after}" if both else port.before or port.after
        kind = {"shape": port.side, "where": "where"}.get(port.kind, f"{port.side} {port.kind}")
        rows.append((kind, port.name, f"{what}: {port.effect}"))
    if interface.breaking:
        return Section("interface", "a caller may break", "breaking", tuple(rows))
    return Section("interface", "changed, and every caller works as before", "changed", tuple(rows))


def _weights(weights: WeightsChange) -> Section:
    rows = tuple(_tensors(weights))
    if not weights.before and not weights.after:
        return Section("weights", "there are none", "same")
    if not weights.breaking:
        verdict = f"an old checkpoint loads: all {plural(weights.kept, 'tensor')} by name"
        return Section("weights", verdict, "changed" if rows else "same", rows)
    if weights.loads == "name":
        puts = f"{'seems to put' if weights.guessed else 'puts'} {plural(len(weights.misplaced), 'tensor')}"
        verdict = f"an old checkpoint loads by name, and {puts} into other steps than before"
    elif weights.loads == "order":
        doubt = {
            True: "every tensor gets to its own step",
            False: "that puts tensors into other steps than before",
            None: "the graph has changed, so look whether every tensor is meant for its step",
        }[weights.order_fits]
        verdict = f"an old checkpoint loads only with --match order; {doubt}"
    else:
        counts = {"renamed": weights.renamed, "resized": weights.resized, "new": weights.added, "lost": weights.lost}
        (number, first), *others = [(len(tensors), what) for what, tensors in counts.items() if tensors]
        more = "".join(f", {number:,} {what}" for number, what in others)
        verdict = f"an old checkpoint does not load: {plural(number, 'tensor')} {first}{more}"
    return Section("weights", verdict, "breaking", rows)


def _tensors(weights: WeightsChange) -> Iterator[Row]:
    if weights.breaking and weights.kept:
        yield "kept", plural(weights.kept, "tensor"), plural(weights.kept_elements, "element")
    for (old, new), names in _by_module(weights.misplaced).items():
        now = f"seems to be {new} now" if weights.guessed else f"is called {new} now"
        yield "misplaced", old, f"{_own_tensors(names)}; what was {old} {now}"
    modules = _by_module(weights.renamed)
    doubt = "as the steps seem to correspond" if weights.guessed else ""
    if doubt and len(modules) > 1:
        yield "renamed", plural(len(weights.renamed), "tensor"), f"{doubt}:"
        doubt = ""
    for (old, new), names in modules.items():
        yield "renamed", f"{old} -> {new}", "; ".join(filter(None, (_own_tensors(names), doubt)))
    # The tensors of a step are one row where they were and are of one shape, as those of a batch norm.
    by_owner = _groups(weights.resized, lambda t: ((t.before or "").rpartition(".")[0], t.shape_before, t.shape_after))
    for (owner, before, after), resized in by_owner.items():
        shapes = f"{_shape(before)} -> {_shape(after)}"
        if len(resized) == 1:
            yield "resized", resized[0].before or "", shapes
        else:
            yield "resized", owner, f"{plural(len(resized), 'tensor')}, {shapes} each"
    for what, tensors, every in (("new", weights.added, weights.after), ("lost", weights.lost, weights.before)):
        of = {(tensor.after or tensor.before or ""): tensor for tensor in tensors}
        yield from ((what, *row) for row in _grouped(of, every))
    for what, paths in (("frozen", weights.frozen), ("trainable", weights.trainable)):
        if paths:
            yield f"{what} now", _some(paths), ""


def _by_module(tensors: Iterable[TensorChange]) -> dict[tuple[str, str], list[str]]:
    """The tensors of each step or block that has another name, by its names before and after."""
    modules: dict[tuple[str, str], list[str]] = {}
    for tensor in tensors:
        old, new, own = _parted(tensor.before or "", tensor.after or "")
        modules.setdefault((old, new), []).append(own)
    return modules


def _parted(before: str, after: str) -> tuple[str, str, str]:
    """Two paths of a tensor without the end that they have in common, and that end."""
    old, new = before.split("."), after.split(".")
    common = 0
    while common < min(len(old), len(new)) - 1 and old[-1 - common] == new[-1 - common]:
        common += 1
    cut_old, cut_new = len(old) - common, len(new) - common
    return ".".join(old[:cut_old]), ".".join(new[:cut_new]), ".".join(old[cut_old:])


def _own_tensors(names: Sequence[str]) -> str:
    """Those of a step by name where they are few."""
    if len(names) <= 2 and not any("." in name for name in names):
        return ", ".join(filter(None, names)) or plural(1, "tensor")
    return plural(len(names), "tensor")


def _grouped(tensors: Mapping[str, TensorChange], every: Sequence[str]) -> Iterator[Row]:
    """The tensors, those of a module as one where all of it is among them."""
    partial = {above for name in every if name not in tensors for above in _above(name)}
    groups = _groups(tensors, lambda name: next((above for above in _above(name) if above not in partial), name))
    for group, names in groups.items():
        if names == [group]:
            tensor = tensors[group]
            yield group, _shape(tensor.shape_after or tensor.shape_before)
        else:
            size = sum(tensors[name].elements_after or tensors[name].elements_before for name in names)
            yield f"{group}.*", f"{plural(len(names), 'tensor')}, {plural(size, 'element')}"


def _above(name: str) -> Iterator[str]:
    """The modules around a tensor, the outermost first."""
    parts = name.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts)))


def _shape(shape: tuple[int, ...] | None) -> str:
    return str(list(shape or ()))


def _graph(graph: GraphChange) -> Section:
    renamed = plural(len(graph.renamed), "step")
    if graph.proven_same:
        rows = tuple(_names(graph))
        verdict = f"the same, {renamed} under another name" if rows else "the same"
        return Section("graph", verdict, "changed" if rows else "same", rows)
    counts = (
        (len(graph.changed_steps) + len(graph.outputs), "changed"),
        (_steps(graph.added), "added"),
        (_steps(graph.removed), "removed"),
    )
    verdict = ", ".join(f"{plural(number, 'step')} {what}" for number, what in counts if number)
    return Section("graph", verdict, "changed", tuple(_graph_rows(graph)))


def _steps(members: Iterable[Member]) -> int:
    return sum(len(member.nodes) if isinstance(member, Region) else 1 for member in members)


def _graph_rows(graph: GraphChange) -> Iterator[Row]:
    for what, steps in _groups(graph.changed_steps, _change).items():
        names = [(changed.before.name, changed.after.name) for changed in steps]
        yield "changed", _some([old if old == new else f"{old} -> {new}" for old, new in names]), what
    for output in graph.outputs:
        was = "nothing" if output.before is None else _was(output.before, output.was or output.before)
        yield "output", output.name, f"gives out {output.after or 'nothing'} instead of {was}"
    for kind, members in (("added", graph.added), ("removed", graph.removed)):
        for what, alike in _groups(members, _member).items():
            each = f"{what} each" if len(alike) > 1 and ", " in what else what
            yield kind, _some([member.name for member in alike]), each
    yield from _names(graph)


def _names(graph: GraphChange) -> Iterator[Row]:
    if graph.renamed:
        modules: dict[tuple[str, str], None] = {_parted(f"{old}.", f"{new}.")[:2]: None for old, new in graph.renamed}
        yield "renamed", plural(len(graph.renamed), "step"), _some([f"{old} -> {new}" for old, new in modules])


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown, width = 1, len(names[0])
    while shown < min(len(names), MOST_NAMES) and width + 2 + len(names[shown]) <= NAMES_WIDTH:
        width += 2 + len(names[shown])
        shown += 1
    return some(names, shown)


def _change(changed: StepChange) -> str:
    parts = [f"{a.name} {_value(a.before)} -> {_value(a.after)}" for a in changed.attributes]
    if changed.replaced:
        parts.append(f"{step(changed.before)} -> {step(changed.after)}")
    if changed.inputs:
        before = tuple(map(_was, changed.inputs[0], changed.former_inputs))
        parts.append(f"takes {_listed(changed.inputs[1])} instead of {_listed(before)}")
    if changed.sharing and changed.sharing[0] == changed.sharing[1]:
        parts.append(f"shares the tensors of {changed.sharing[0]} with other steps than before")
    elif changed.sharing:
        parts.append(f"had the tensors of {changed.sharing[0]}, has those of {changed.sharing[1]}")
    return ", ".join(parts)


def _was(before: str, now: str) -> str:
    """A value by the name of today, and by its own where that is another one."""
    return now if before == now else f"{now} ({before} before)"


def _listed(names: tuple[str, ...]) -> str:
    return listed(names) if len(names) <= MOST_NAMES else some(names, MOST_NAMES)


def _value(value: object) -> str:
    return cut(display(value).replace("…", "..."), LONGEST_VALUE)


def _member(member: Member) -> str:
    if isinstance(member, Node):
        return step(member)
    tensors = {node.path(p): prod(p.shape) for node in member.nodes for p in node.parameters if not p.buffer}
    size = f", {plural(sum(tensors.values()), 'parameter')}" if tensors else ""
    return f"{block(member)}: {plural(len(member.nodes), 'step')}{size}"


def _cost(cost: CostChange) -> Section:
    if not cost.changed:
        return Section("cost", "the same" + at_sizes(cost), "same")
    rows = tuple((n.name, amount(n.before, n.unit), "->", amount(n.after, n.unit), change(n)) for n in cost.numbers)
    grew = [number.name for number in cost.numbers if number.grew]
    if not cost.comparable:
        return Section("cost", "unknown where it depends on sizes: no sizes are allowed by both", "breaking", rows)
    if grew:
        return Section("cost", f"more {listed(grew)}{at_sizes(cost)}", "breaking", rows)
    changed = [number.name for number in cost.numbers if number.changed]
    return Section("cost", f"{listed(changed)} changed, and nothing costs more{at_sizes(cost)}", "changed", rows)


def at_sizes(cost: CostChange) -> str:
    """`` at H = 224, W = 224``; empty where no size is symbolic."""
    before, after = (
        ", ".join(f"{name} = {size}" for name, size in sizes.items()) for sizes in (cost.sizes_before, cost.sizes_after)
    )
    if before == after:
        return f" at {before}" if before else ""
    return f" (before at {before}, now at {after})" if before and after else f" at {before or after}"


def amount(value: Amount, unit: Unit) -> str:
    if isinstance(value, tuple) or value is None:
        return field(value)
    return {"bytes": memory, "operations": scaled}.get(unit, count)(value)


def change(number: CostNumber) -> str:
    """``+924 (+1.1 %)``, two digits of the percentage; empty where there is none, or nothing to subtract."""
    before, after = number.before, number.after
    if not isinstance(before, int) or not isinstance(after, int) or before == after:
        return ""
    sign = "+" if after > before else "-"
    more = f"{sign}{amount(abs(after - before), number.unit)}"
    if not before:
        return more
    percent = 100 * (after - before) / before
    return f"{more} ({percent:{'+,.0f' if abs(percent) >= 10 else '+.2g'}} %)"
