"""Every step of the file by itself: fed PyTorch's own values, judged by what rounding can do in that step alone.

Where every step is right and the whole is not, an optimiser has made something of several steps at once: then the step
up to which the file is wrong is found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from operator import is_not
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from specc.backends.onnx import initializer_name
from specc.backends.torch import torch_source
from specc.diagnostics.words import listed, plural
from specc.ir.graph import Graph, Node
from specc.onnxfile import OnnxFile
from specc.source import Span
from specc.verify.cases import Case, Feed, Plan
from specc.verify.excerpt import is_local, reach
from specc.verify.extraction import SubgraphExtractor, Submodel, SubmodelExtractor
from specc.verify.large_layers import widen
from specc.verify.network_proof import Trial, roundings_allowed
from specc.verify.proof_settings import ProofSettings
from specc.verify.reference import expectations, finite_truth, run_module
from specc.verify.result import FEW, Reproduction, Row, StepRow
from specc.verify.sessions import ModelRefused, run
from specc.verify.step_alignment import AlignedStep, align
from specc.verify.step_bounds import allowed, is_exact, product_magnitude, rule, why
from specc.verify.step_cases import FeedValues, StepInputs
from specc.verify.step_comparison import StepReference, compared_cases, widening
from specc.verify.whole_progress import STEP_BY_STEP
from specc.weights import Weights

TOGETHER = "computed as one by the file"
SENSITIVITY = "what rounding every value in between does to the result"
"""How steps are judged that a file has merged, and why."""

WITH_ALL = "with all steps before it, from the network's inputs on"
"""How the step is judged up to which the file is wrong."""

LARGE_VALUE = 2**20
"""Elements of a result whose cases are judged at once."""

MANY = 2**22
"""Elements of a result on all kinds of numbers that a step is tried on at once."""


class StepResults(NamedTuple):
    """A row for every step that is found in the file, and what goes with them."""

    rows: tuple[StepRow, ...]
    notes: tuple[str, ...]
    reproduction: Reproduction | None
    settings: tuple[tuple[str, str], ...]


def prove_steps(
    graph: Graph,
    file: OnnxFile,
    renamed: Mapping[str, str],
    weights: Weights,
    plan: Plan,
    trials: Sequence[Trial],
    network_rows: Sequence[Row],
    settings: ProofSettings,
) -> StepResults:
    """Every step by itself; where all are right and the whole is not, the step up to which it is not, too.

    Args:
        renamed: what inputs and outputs under other names are called in the spec.
        plan: what is run.
        trials: what the whole network was tried on.
        network_rows: what that has shown.
    """
    extractor = SubmodelExtractor(file, renamed)
    steps, notes = align(graph, extractor, weights, plan.probe.inputs(graph, settings.seed), settings)
    feeds, kinds = (plan.reaching, ()) if notes and plan.reaching else (plan.steps, plan.kinds)
    judge = StepJudge(extractor, weights, settings, kinds, plan.at_once)
    rows, reproduction = [], None
    values = [FeedValues.of(graph, feed, feed.inputs(graph, settings.seed)) for feed in feeds]
    for row, shown in judge.judge_all(steps, values):
        rows.append(row)
        reproduction = reproduction or shown
    failing = {(row.case, row.batch) for row in network_rows if not row.passed}
    tried = ((trial, (case.title, trial.feed.batch)) for trial in trials for case in trial.feed.cases)
    wrong = next((trial for trial, named in tried if named in failing), None)
    if wrong is not None and all(row.passed for row in rows):
        first = _first_wrong_prefix(graph, steps, judge, FeedValues.of(graph, wrong.feed, wrong.inputs))
        if first is not None:
            rows.append(first.row)
            reproduction = first.reproduction
    words = tuple(in_words(rows, feeds, kinds)) if settings.level == "quick" and rows else ()
    return StepResults(tuple(rows), tuple(notes), reproduction, words)


def in_words(rows: Sequence[StepRow], feeds: Sequence[Feed], kinds: Sequence[Case]) -> Iterator[tuple[str, str]]:
    """(name, value): on what the quick proof has tried the steps."""
    names = dict.fromkeys(case.name for case in (*(case for feed in feeds for case in feed.cases), *kinds))
    new = sum(not row.like for row in rows)
    yield "steps", f"{new} tried on {listed(names)} numbers"
    if new < len(rows):
        yield (
            "steps alike",
            f"{len(rows) - new} computed like one of these: their own weights, normal and negated numbers",
        )
    if any(row.in_part for row in rows):
        count = sum(row.in_part for row in rows)
        yield "places", f"{plural(count, 'step')} that do the same at each place tried on a part of the places"


class _Heading(NamedTuple):
    """What a row is about, before anything is judged: the fields of a `StepRow`."""

    steps: tuple[str, ...]
    layer: str
    span: Span
    rule: str
    is_exact: bool
    why: str

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> _Heading:
        last = nodes[-1]
        judged = (rule(last), is_exact(last), why(last)) if len(nodes) == 1 else (TOGETHER, False, SENSITIVITY)
        # Of many steps the first and the last are enough.
        shown, joint = (nodes, " -> ") if len(nodes) <= FEW else ((nodes[0], last), " ... ")
        return cls(tuple(node.name for node in nodes), joint.join(map(written, shown)), nodes[0].span, *judged)


def written(node: Node) -> str:
    """The step as the spec says it, in one line; of one with arms, what stands before them."""
    return " ".join(node.span.text.partition("{")[0].split())


class JudgedStep(NamedTuple):
    """A row; where the step has failed in a run, what shows it."""

    row: StepRow
    reproduction: Reproduction | None = None


class StepJudge:
    """The judge of one file's steps.

    Args:
        weights: what the file's tensors should be.
        kinds: kinds of numbers that every step is tried on in the quick proof, beside what reaches it; ``at_once``, in
            one batch with that.
    """

    def __init__(
        self,
        extractor: SubmodelExtractor,
        weights: Weights,
        settings: ProofSettings,
        kinds: Sequence[Case] = (),
        at_once: bool = True,
    ) -> None:
        self.extractor = extractor
        self._kinds = kinds
        self._at_once = at_once
        self._weights = weights
        self._settings = settings
        self._tried: dict[object, str] = {}

    def judge_all(self, steps: Sequence[AlignedStep], runs: Sequence[FeedValues]) -> Iterator[JudgedStep]:
        """A row for each step, in order. The values of ``runs`` are dropped where no later step takes them."""
        users = Counter(value for step in steps for value in step.subgraph.inputs)
        progress = self._settings.progress_of(STEP_BY_STEP)
        for place, step in enumerate(steps):
            if progress:
                progress(place, len(steps))
            module = step.subgraph.module(self._weights)
            whole = [StepInputs.of(step, run, module) for run in runs]
            yield self._judged(step, module, whole, _Heading.of(step.subgraph.nodes))
            users.subtract(step.subgraph.inputs)
            for each, inputs in zip(runs, whole, strict=True):
                each.values[step.subgraph.last.name] = inputs.single
                for value in step.subgraph.inputs:
                    if not users[value]:
                        each.values.pop(value, None)

    def judge(self, step: AlignedStep, run: FeedValues, heading: _Heading) -> JudgedStep:
        """One step in one feed."""
        module = step.subgraph.module(self._weights)
        return self._compared(step, module, [StepInputs.of(step, run, module)], heading)

    def _judged(
        self, step: AlignedStep, module: torch.nn.Module, whole: Sequence[StepInputs], heading: _Heading
    ) -> JudgedStep:
        """In the quick proof on less, where that shows what the whole would; where it fails, the whole decides."""
        if self._settings.level == "full" or step.submodel is None or len(step.subgraph.nodes) > 1:
            return self._compared(step, module, whole, heading)
        parts = self._parts(step, step.submodel, whole, module)
        in_part = any(map(is_not, parts, whole))
        name, key = step.subgraph.last.name, self._likeness(step, step.submodel, parts)
        like = self._tried.setdefault(key, name)
        if like == name:
            judged = self._on_all_kinds(step, module, parts, heading)
        else:
            normal = parts[0].first_case()
            both = normal.with_kinds(self._kinds[-1:], self._at_once, module) if self._kinds else [normal]
            judged = self._compared(step, module, both, heading, (False,))
        if judged.row.passed:
            return JudgedStep(replace(judged.row, in_part=in_part, like="" if like == name else like))
        if like == name and not in_part:
            return judged
        return self._on_all_kinds(step, module.float(), whole, heading)

    def _on_all_kinds(
        self, step: AlignedStep, module: torch.nn.Module, inputs: Sequence[StepInputs], heading: _Heading
    ) -> JudgedStep:
        """On what reaches the step and what is made of it: of many numbers one kind after the other."""
        ordinary, *others = inputs
        one = ordinary.first_case().single.size
        if one * len(self._kinds) <= MANY:
            tried = [*ordinary.with_kinds(self._kinds, self._at_once, module), *others]
            return self._compared(step, module, tried, heading)
        judged = self._compared(step, module, inputs, heading)
        for kind in self._kinds:
            if judged.row.passed:
                _, *made = ordinary.with_kinds([kind], False, module.float())
                other = self._compared(step, module, made, heading)
                judged = JudgedStep(_worse(judged.row, other.row), other.reproduction)
        return judged

    def _parts(
        self, step: AlignedStep, submodel: Submodel, whole: Sequence[StepInputs], module: torch.nn.Module
    ) -> list[StepInputs]:
        """Excerpts, where the step and its nodes of the file do the same at every place."""
        most = reach(whole[0].node)
        if most is None or not is_local(submodel, self.extractor.shapes, most):
            return list(whole)
        return [inputs.excerpt(module) or inputs for inputs in whole]

    def _likeness(self, step: AlignedStep, submodel: Submodel, tried: Sequence[StepInputs]) -> object:
        """The same for steps that are computed alike on inputs of the same sizes, whatever their weights are."""
        node = step.subgraph.last
        own = {initializer_name(node.path(p), p) for p in node.parameters if not p.integer}
        if not own <= {name for each in submodel.nodes for name in each.input}:
            return node.name  # its numbers are in the nodes, if anywhere: it is like no other
        sizes = tuple(x.sample for inputs in tried for x in inputs.node.input_types)
        return repr(node.op), sizes, self.extractor.likeness(submodel, own)

    def _compared(
        self,
        step: AlignedStep,
        module: torch.nn.Module,
        tried: Sequence[StepInputs],
        heading: _Heading,
        optimisation: Sequence[bool] = (False, True),
    ) -> JudgedStep:
        submodel = step.submodel
        if submodel is None:
            return JudgedStep(StepRow(*heading[:5], passed=False, reason=step.reason, why=heading.why))
        ranks = {tensor: tried[0].values[value].ndim for value, tensor in step.tensors.items()}
        large = self.extractor.large_tensors(submodel) if self._settings.level == "quick" else []
        model = self.extractor.model(submodel, ranks, large)
        if model is None:
            reason = "holds more than 2 GB of tensors: judged with the whole network only"
            return JudgedStep(StepRow(*heading[:5], True, reason, heading.why, nodes=submodel.operators))
        fed = self.extractor.read(large)
        by_tensor = [{tensor: each.values[value] for value, tensor in step.tensors.items()} for each in tried]
        feeds = [self.extractor.taken({name: tensors[name] for name in submodel.inputs}) | fed for tensors in by_tensor]
        results = {optimised: self._results(model, feeds, optimised) for optimised in optimisation}
        by_case = list(compared_cases(tried, self._references(step, module, tried), results))
        runs = [case.runs[optimised] for optimised in optimisation for case in by_case]
        worst = next((run for run in runs if run.fault), None) or max(runs, key=lambda run: run.error)
        row = StepRow(
            *heading[:5],
            passed=not worst.fault,
            reason=worst.fault,
            why=heading.why + widening(by_case),
            runs=len(runs),
            error_onnx=worst.error,
            error_torch=max(case.own_error for case in by_case),
            case=worst.case.title,
            batch=tried[worst.place].batch,
            optimised=worst.optimised,
            nodes=submodel.operators,
        )
        if row.passed:
            return JudgedStep(row)
        shown = self._reproduction(row, model, feeds[worst.place], (step, module, tried), worst.place)
        return JudgedStep(row, shown)

    def _reproduction(
        self,
        row: StepRow,
        model: bytes,
        fed: dict[str, Any],
        judged: tuple[AlignedStep, torch.nn.Module, Sequence[StepInputs]],
        place: int,
    ) -> Reproduction:
        """What shows that the step is wrong on ``fed``, made of the inputs at that place of those that are judged.

        The references are made once more: before, those of all cases are not in memory together.
        """
        step, module, tried = judged
        references = [*next(islice(self._references(step, module.float(), tried), place, None))]
        limits = [np.zeros(each.exact.shape) if each.allowed is None else each.allowed for each in references]
        exact = np.concatenate([each.exact for each in references], dtype=np.float64)
        if row.is_exact:
            (exact,) = run_module(widen(module), tried[place].values, torch.float64)
        source = torch_source(step.subgraph.graph())
        return Reproduction(row, model, fed, exact, tried[place].single, np.concatenate(limits), source)

    def _results(
        self, model: bytes, feeds: Sequence[dict[str, Any]], optimised: bool
    ) -> list[NDArray[Any] | ModelRefused]:
        """What the piece of the file gives to each of ``feeds``, or ONNX Runtime's refusal."""
        try:
            session = self._settings.session(model, optimised)
        except ModelRefused as refused:
            return [refused] * len(feeds)
        results: list[NDArray[Any] | ModelRefused] = []
        for fed in feeds:
            try:
                results.extend(run(session, fed))
            except ModelRefused as refused:
                results.append(refused)
        return results

    def _references(
        self, step: AlignedStep, module: torch.nn.Module, tried: Sequence[StepInputs]
    ) -> Iterator[Iterable[StepReference]]:
        """For each of ``tried``, what each of its cases should give; the module is wide afterwards.

        Of large values one case at a time is made, when it is asked for: a reference is several times as large.
        """
        if len(step.subgraph.nodes) > 1:
            yield from self._merged_references(module, tried)
            return
        pieces = [
            [s for _, s in inputs.samples] if inputs.single.size > LARGE_VALUE else [slice(None)] for inputs in tried
        ]
        sums = [self._magnitudes(inputs, module, places) for inputs, places in zip(tried, pieces, strict=True)]
        widen(module)
        for inputs, places, magnitudes in zip(tried, pieces, sums, strict=True):
            whole = (self._reference(inputs, module, *each) for each in zip(places, magnitudes, strict=True))
            if len(places) == len(inputs.samples):
                yield (reference.with_room() for reference in whole)
            else:
                (together,) = whole
                yield [together.of(samples).with_room() for _, samples in inputs.samples]

    def _magnitudes(
        self, inputs: StepInputs, module: torch.nn.Module, pieces: Sequence[slice]
    ) -> list[NDArray[np.float64] | None]:
        if self._settings.level == "full":
            return [None] * len(pieces)
        return [
            product_magnitude(inputs.node, module, [value[samples] for value in inputs.values.values()])
            for samples in pieces
        ]

    def _reference(
        self, inputs: StepInputs, module: torch.nn.Module, samples: slice, magnitude: NDArray[np.float64] | None
    ) -> StepReference:
        """What some samples should give."""
        single = inputs.single[samples]
        if is_exact(inputs.node):
            return StepReference(single, single, None)
        values = {name: value[samples] for name, value in inputs.values.items()}
        exact = finite_truth(run_module(module, values, torch.float64)[0], single)
        wide = [np.asarray(value, np.float64) for value in values.values()]
        limit = allowed(inputs.node, module, wide, exact, self._settings.u, magnitude)
        return StepReference(exact, single, limit)

    def _merged_references(
        self, module: torch.nn.Module, tried: Sequence[StepInputs]
    ) -> list[tuple[StepReference, ...]]:
        """Steps that are computed as one are a small network, and are judged as one."""
        made = expectations(module.float(), [inputs.values for inputs in tried], u=self._settings.u)
        by_case = [[outputs[0].of(s) for _, s in inputs.samples] for inputs, outputs in zip(tried, made, strict=True)]
        usual = median(each.error(each.single) for cases in by_case for each in cases)
        found = []
        for cases in by_case:
            limits = (roundings_allowed(each.error(each.single), usual) * each.unit for each in cases)
            pairs = zip(cases, limits, strict=True)
            wide = [StepReference(e.exact, e.single, np.broadcast_to(limit, e.exact.shape)) for e, limit in pairs]
            found.append(tuple(wide))
        return found


def _first_wrong_prefix(
    graph: Graph, steps: Sequence[AlignedStep], judge: StepJudge, run: FeedValues
) -> JudgedStep | None:
    """The first step up to which the file, from the network's inputs on, is wrong; None where there is none.

    Args:
        steps: all of them right by themselves.
        run: one in which the whole file is wrong; its inputs alone.
    """
    subgraphs = SubgraphExtractor(graph)
    inputs = {port.name: port.name for port in graph.inputs}

    @cache  # bisection asks for the one that it finds twice
    def judged(place: int) -> JudgedStep:
        last, end = steps[place].subgraph.last, steps[place].submodel
        subgraph = subgraphs.extract(last.name, ())
        submodel = judge.extractor.extract(end.output, inputs) if end else None
        prefix = AlignedStep(subgraph, submodel, {value: value for value in subgraph.inputs})
        reason = _Heading.of(subgraph.nodes).why
        return judge.judge(prefix, run, _Heading((last.name,), written(last), last.span, WITH_ALL, False, reason))

    place = bisect_left(range(len(steps)), True, key=lambda place: not judged(place).row.passed)
    return judged(place) if place < len(steps) else None


def worse_of(rows: Sequence[StepRow], others: Sequence[StepRow]) -> tuple[StepRow, ...]:
    """The rows of two passes over the same steps as one: what failed, else what came closer to its bound."""
    again = {row.steps: row for row in others}
    return tuple(_worse(row, again[row.steps]) if row.steps in again else row for row in rows)


def _worse(row: StepRow, other: StepRow) -> StepRow:
    worst = max(row, other, key=lambda r: (not r.passed, r.error_onnx or 0.0))
    torch_error = max((r.error_torch for r in (row, other) if r.error_torch is not None), default=None)
    return replace(worst, runs=row.runs + other.runs, error_torch=torch_error)
