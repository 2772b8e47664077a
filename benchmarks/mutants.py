"""The check of parity is itself checked: broken files must be caught, right ones and harmless changes must not.

    python -m benchmarks.mutants [--networks 500] [--seed 0] [--sites 12] [--zoo] [--jobs 2] [--json FILE]

A small network of every operator, random networks and, with --zoo, narrow ones of the zoo are compiled: flat, with
functions, and with tensors outside the file. Each must pass. Then files are broken in every way of
`tests/verify/mutants`: of every kind so many places are drawn from all networks, and each broken file is judged. Which
mutants count, because they compute something else, is decided by onnx's evaluator in float64. Exits with 1 where a
mutant survives, or a right file or harmless change is refused.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from onnx import ModelProto

from benchmarks.specs import narrow
from specc.diagnostics import SpecError
from specc.ir.graph import Graph
from specc.verify.cases import allowed
from tests.verify.mutants import KINDS, Draft, mutants
from tests.verify.mutants.function import Evaluation
from tests.verify.mutants.trial import WEIGHTS, Outcome, caught_by, proven, tried
from tests.verify.networks import emitted, graph_of
from tests.verify.specimens import SMALL, random_specs

SLOW = 20_000_000
"""MACs above which ONNX Runtime tells whether a mutant counts: onnx's own evaluator is slow."""

NARROW = 1
"""Eighths of the widths of the zoo's networks that are left."""

CHECKS = ("interface", "tensors", "steps", "end to end")


@dataclass(frozen=True)
class Specimen:
    """A network, and how its file is written."""

    name: str
    text: str
    functions: bool
    external: bool


@dataclass
class Report:
    """What was found in one network: closeness is error over bound, 1 where a file would be refused."""

    name: str
    runs: int = 0
    refused: str = ""
    end_to_end: float = 0.0
    step: float = 0.0
    closest_step: str = ""
    outcomes: list[Outcome] = field(default_factory=list)


def specimens(count: int, seed: int, zoo: bool) -> Iterator[Specimen]:
    """The small networks flat and with functions, so many random ones, and the zoo's."""
    for name, text in SMALL.items():
        yield Specimen(name, text, functions=False, external=False)
        if "block " in text:
            yield Specimen(f"{name}, functions", text, functions=True, external=False)
    for place, text in zip(range(count), _fitting(seed), strict=False):
        yield Specimen(f"random {place}", text, functions=place % 3 == 0, external=place % 7 == 0)
    if zoo:
        for place, (name, text) in enumerate(narrow(NARROW)):
            yield Specimen(f"zoo {name}", text, functions=place % 2 == 1, external=place % 3 == 0)


def _fitting(seed: int) -> Iterator[str]:
    for text in random_specs(seed):
        try:
            graph_of(text)
        except SpecError:
            continue
        yield text


Plan = dict[Specimen, list[tuple[str, int]]]
"""What each network is broken by: kinds, and the numbers of their places."""


def planned(found: Sequence[Specimen], sites: int, seed: int, jobs: int) -> tuple[Plan, Counter[str]]:
    """So many places of every kind, drawn from those of all networks; and how many there are."""
    with ProcessPoolExecutor(jobs) as pool:
        counted = list(pool.map(_places, found, chunksize=8))
    plan: Plan = {specimen: [] for specimen in found}
    totals: Counter[str] = Counter()
    for kind in KINDS:
        places = [(s, i) for s, counts in zip(found, counted, strict=True) for i in range(counts.get(kind, 0))]
        totals[kind] = len(places)
        stream = random.Random(f"{seed}/{kind}")
        for specimen, place in stream.sample(places, min(sites, len(places))):
            plan[specimen].append((kind, place))
    return plan, totals


def _places(specimen: Specimen) -> dict[str, int]:
    graph = graph_of(specimen.text)
    draft = Draft(emitted(graph, WEIGHTS, functions=specimen.functions), graph)
    return {kind.name: sum(1 for _ in kind.sites(draft)) for kind in KINDS.values()}


def _is_slow(graph: Graph) -> bool:
    at = {symbol.name: allowed(symbol, symbol.least + 32) for symbol in graph.symbols}
    return sum(node.op.macs(*node.input_types) for node in graph.at(at).nodes) > SLOW


def examined(specimen: Specimen, wanted: list[tuple[str, int]]) -> Report:
    """The right file of a network, and its mutants."""
    import torch

    torch.set_num_threads(1)
    graph = graph_of(specimen.text)
    model = emitted(graph, WEIGHTS, functions=specimen.functions)
    report = _right(specimen, model, graph)
    evaluation = Evaluation(model, graph, fast=_is_slow(graph)) if wanted else None
    draft = Draft(model, graph)
    for kind, place in wanted:
        (mutant,) = mutants(draft, KINDS[kind], [place])
        report.outcomes.append(tried(mutant, graph, WEIGHTS, evaluation, external=specimen.external))
    return report


def _right(specimen: Specimen, model: ModelProto, graph: Graph) -> Report:
    report = Report(specimen.name)
    try:
        parity = proven(model, graph, WEIGHTS, external=specimen.external)
    except Exception as error:  # noqa: BLE001 - a check that fails is what is looked for
        report.refused = f"{type(error).__name__}: {error}"
        return report
    judged = [row for row in parity.rows if row.error_onnx is not None and row.bound]
    report.runs = len(judged) + sum(step.runs for step in parity.steps)
    report.end_to_end = max(((row.error_onnx or 0) / (row.bound or 1) for row in judged), default=0.0)
    for step in parity.steps:
        if (step.error_onnx or 0) > report.step:
            report.step, report.closest_step = step.error_onnx or 0, f"{step.name} ({step.layer})"
    if not parity.passed:
        report.refused = f"{caught_by(parity)}: {parity.first_divergence or parity.first_failure}"
    return report


def table(reports: Iterable[Report], totals: Counter[str]) -> Iterator[str]:
    """Kinds by what caught them, as text."""
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in (outcome for report in reports for outcome in report.outcomes):
        by_kind[outcome.kind].append(outcome)
    yield f"{'kind':48} {'places':>7} {'tried':>5} {'count':>5} {'caught':>6}  " + "  ".join(CHECKS) + "  named"
    for name, kind in KINDS.items():
        outcomes = by_kind[name]
        counting = [o for o in outcomes if o.counts or kind.aim == "harmless"]
        by = "  ".join(f"{sum(c in o.caught_by for o in counting):{len(c)}}" for c in CHECKS)
        right, told = localised(counting)
        caught = sum(bool(o.caught_by) for o in counting)
        counted = f"{totals[name]:7,} {len(outcomes):5} {len(counting):5} {caught:6}"
        yield f"{name:48} {counted}  {by}  {f'{right}/{told}' if told else '':>5}"


def localised(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    """Of the mutants of a step that are caught step by step: how often that step is the first that is named."""
    known = [o for o in outcomes if o.counts and o.first and "steps" in o.caught_by]
    return sum(o.first in o.named for o in known), len(known)


def summary(reports: Sequence[Report]) -> Iterator[str]:
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    counting = [o for o in outcomes if o.counts]
    harmless = [o for o in outcomes if o.aim == "harmless"]
    right, told = localised(outcomes)
    caught = sum(bool(outcome.caught_by) for outcome in counting)
    yield f"mutants: {len(counting)} that count of {len(outcomes) - len(harmless)}, {caught} caught"
    yield f"the step at fault is the first that is named: {right} of {told}"
    yield f"harmless changes: {len(harmless)}, {sum(o.false_alarm for o in harmless)} refused"
    refused = sum(bool(report.refused) for report in reports)
    yield f"right files: {len(reports)}, {sum(r.runs for r in reports):,} runs, {refused} refused"
    for what in ("end_to_end", "step"):
        worst = max(reports, key=lambda report: getattr(report, what))
        where = f"{worst.name} {worst.closest_step}" if what == "step" else worst.name
        yield f"  closest to its bound, {what.replace('_', ' ')}: {getattr(worst, what):.2f} of it ({where})"


def complaints(reports: Iterable[Report]) -> Iterator[str]:
    """What makes the run fail."""
    for report in reports:
        if report.refused:
            yield f"refused: {report.name}: {report.refused}"
        for outcome in report.outcomes:
            if outcome.crash:
                yield f"crashed: {outcome.kind}: {report.name}: {outcome.place}: {outcome.crash}"
            elif outcome.survived:
                yield f"survived: {outcome.kind}: {report.name}: {outcome.place} ({outcome.effect})"
            if outcome.false_alarm:
                by = f"{outcome.caught_by} {outcome.named}"
                yield f"false alarm: {outcome.kind}: {report.name}: {outcome.place}: {by}"


def mislocated(reports: Iterable[Report]) -> Iterator[str]:
    for report in reports:
        for o in report.outcomes:
            if o.counts and o.first and "steps" in o.caught_by and o.first not in o.named:
                yield f"elsewhere: {o.kind}: {report.name}: {o.place}: {o.first} is at fault, {o.named} named"


def _progress(reports: Iterable[Report], total: int) -> Iterator[Report]:
    for done, report in enumerate(reports, start=1):
        if sys.stderr.isatty() or done % 50 == 0:
            print(f"{done} of {total} networks", file=sys.stderr)
        yield report


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--networks", type=int, default=500, help="random networks")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--sites", type=int, default=12, help="places of each kind that are tried")
    arguments.add_argument("--zoo", action="store_true")
    arguments.add_argument("--jobs", type=int, default=1)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    found = list(specimens(options.networks, options.seed, options.zoo))
    plan, totals = planned(found, options.sites, options.seed, options.jobs)
    with ProcessPoolExecutor(options.jobs) as pool:
        reports = list(_progress(pool.map(examined, plan.keys(), plan.values()), len(plan)))
    print("\n".join([*table(reports, totals), "", *summary(reports), "", *mislocated(reports)]))
    bad = [*complaints(reports), *(f"no place: {kind}" for kind in KINDS if not totals[kind])]
    print("\n".join(bad))
    if options.json:
        options.json.write_text(json.dumps([asdict(report) for report in reports], indent=1) + "\n", encoding="utf-8")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
