"""Every step of the file by itself: fed PyTorch's own values, judged by what rounding can do in that step alone.

Where every step is right and the whole is not, an optimiser has made something of several steps at once: then the step
up to which the file is wrong is found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
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
from specc.verify.network_proof import Trial, roundings_allowed, structure_fault
from specc.verify.proof_settings import ProofSettings
from specc.verify.reference import expectations, finite_truth, run_module
from specc.verify.result import FEW, Reproduction, Row, StepRow
from specc.verify.sessions import ModelRefused, run
from specc.verify.step_alignment import AlignedStep, align
from specc.verify.step_bounds import allowed, is_exact, product_magnitude, rule, why
from specc.verify.step_cases import FeedValues, StepInputs, StepReference
from specc.verify.whole_progress import STEP_BY_STEP
from specc.weights import Weights

TOGETHER = "computed as one by the file"
SENSITIVITY = "what rounding every value in between does to the result"
"""How steps are judged that a file has merged, and why."""

WITH_ALL = "with all steps before it, from the network's inputs on"
"""How the step is judged up to which the file is wrong."""

LARGE_VALUE = 2**20
"""Elements of a result that are judged at once."""


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
        return cls(tuple(node.name for node in nodes), joint.join(map(_written, shown)), nodes[0].span, *judged)


def _written(node: Node) -> str:
    """The step as the spec says it, in one line; of one with arms, what stands before them."""
    return " ".join(node.span.text.partition("{")[0].split())


class _ComparedRun(NamedTuple):
    """A case in a run of a submodel, compared with what it should give."""

    place: int
    case: Case
    optimised: bool
    error: float
    fault: str = ""


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
            judged = self._compared(step, module, self._with_kinds(parts, module), heading)
        else:
            normal = parts[0].first_case()
            both = normal.with_kinds(self._kinds[-1:], self._at_once, module) if self._kinds else [normal]
            judged = self._compared(step, module, both, heading, (False,))
        if judged.row.passed:
            return JudgedStep(replace(judged.row, in_part=in_part, like="" if like == name else like))
        if like == name and not in_part:
            return judged
        return self._compared(step, module, self._with_kinds(whole, module.float()), heading)

    def _with_kinds(self, inputs: Sequence[StepInputs], module: torch.nn.Module) -> list[StepInputs]:
        ordinary, *others = inputs
        return [*ordinary.with_kinds(self._kinds, self._at_once, module), *others]

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
        by_tensor = [{tensor: each.values[value] for value, tensor in step.tensors.items()} for each in tried]
        references = self._references(step, module, tried)
        fed = self.extractor.read(large)
        feeds = [{name: tensors[name] for name in submodel.inputs} | fed for tensors in by_tensor]
        runs = [run for optimised in optimisation for run in self._runs(model, feeds, tried, references, optimised)]
        worst = next((run for run in runs if run.fault), None) or max(runs, key=lambda run: run.error)
        every = [reference for each in references for reference in each]
        row = StepRow(
            *heading[:5],
            passed=not worst.fault,
            reason=worst.fault,
            why=heading.why + _widening(tried, references),
            runs=len(runs),
            error_onnx=worst.error,
            error_torch=max(reference.error(reference.single) for reference in every),
            case=worst.case.title,
            batch=tried[worst.place].batch,
            optimised=worst.optimised,
            nodes=submodel.operators,
        )
        if row.passed:
            return JudgedStep(row)
        by_case, inputs = references[worst.place], feeds[worst.place]
        exact = np.concatenate([each.exact for each in by_case])
        limits = [np.zeros(each.exact.shape) if each.allowed is None else each.allowed for each in by_case]
        single, source = np.concatenate([each.single for each in by_case]), torch_source(step.subgraph.graph())
        return JudgedStep(row, Reproduction(row, model, inputs, exact, single, np.concatenate(limits), source))

    def _runs(
        self,
        model: bytes,
        feeds: Sequence[dict[str, Any]],
        tried: Sequence[StepInputs],
        references: Sequence[tuple[StepReference, ...]],
        optimised: bool,
    ) -> Iterator[_ComparedRun]:
        first = tried[0].samples[0][0]
        try:
            session = self._settings.session(model, optimised)
        except ModelRefused as refused:
            yield _ComparedRun(0, first, optimised, np.inf, str(refused))
            return
        for place, (fed, inputs, expected) in enumerate(zip(feeds, tried, references, strict=True)):
            case = inputs.samples[0][0]
            try:
                (result,) = run(session, fed)
            except ModelRefused as refused:
                yield _ComparedRun(place, case, optimised, np.inf, str(refused))
                continue
            shape = structure_fault(result, inputs.single)
            if shape and result.shape != inputs.single.shape:
                yield _ComparedRun(place, case, optimised, np.inf, shape)
                continue
            for (case, samples), reference in zip(inputs.samples, expected, strict=True):
                part = result[samples]
                fault = structure_fault(part, reference.single)
                error = np.inf if fault else reference.error(part)
                fault = fault or reference.fault(part, error)
                impossible = reference.beyond_float32 if fault else ""
                said = "; ".join(filter(None, (fault, impossible)))
                yield _ComparedRun(place, case, optimised, error, said)

    def _references(
        self, step: AlignedStep, module: torch.nn.Module, tried: Sequence[StepInputs]
    ) -> list[tuple[StepReference, ...]]:
        """For each of ``tried``, what each of its cases should give; the module is wide afterwards."""
        if len(step.subgraph.nodes) > 1:
            return self._merged_references(module, tried)
        # Large values one case at a time: what float64 needs on the way is many times their size.
        pieces = [
            [s for _, s in inputs.samples] if inputs.single.size > LARGE_VALUE else [slice(None)] for inputs in tried
        ]
        sums = [self._magnitudes(inputs, module, places) for inputs, places in zip(tried, pieces, strict=True)]
        widen(module)
        found = []
        for inputs, places, magnitudes in zip(tried, pieces, sums, strict=True):
            limits = (self._limits(inputs, module, *each) for each in zip(places, magnitudes, strict=True))
            truth, limit = (np.concatenate(parts) for parts in zip(*limits, strict=True))
            exact = is_exact(inputs.node)
            references = (
                StepReference(truth[s], inputs.single[s], None if exact else limit[s]).with_room()
                for _, s in inputs.samples
            )
            found.append(tuple(references))
        return found

    def _magnitudes(
        self, inputs: StepInputs, module: torch.nn.Module, pieces: Sequence[slice]
    ) -> list[NDArray[np.float64] | None]:
        if self._settings.level == "full":
            return [None] * len(pieces)
        return [
            product_magnitude(inputs.node, module, [value[samples] for value in inputs.values.values()])
            for samples in pieces
        ]

    def _limits(
        self, inputs: StepInputs, module: torch.nn.Module, samples: slice, magnitude: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The exact results of some samples, and the largest difference from them."""
        values = {name: value[samples] for name, value in inputs.values.items()}
        exact = finite_truth(run_module(module, values, torch.float64)[0], inputs.single[samples])
        if is_exact(inputs.node):
            return exact, exact
        wide = [np.asarray(value, np.float64) for value in values.values()]
        return exact, allowed(inputs.node, module, wide, exact, self._settings.u, magnitude)

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


def _widening(tried: Sequence[StepInputs], references: Sequence[tuple[StepReference, ...]]) -> str:
    """Where bounds are wider than the arithmetic says; empty where they are not."""
    cases = [case for inputs in tried for case, _ in inputs.samples]
    every = [reference for each in references for reference in each]
    case, widest = max(zip(cases, every, strict=True), key=lambda pair: pair[1].widened)
    if widest.widened == 1:
        return ""
    return f"; up to {widest.widened:.3g} times as much ({case.title}), where PyTorch itself needs more than half"


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
        return judge.judge(prefix, run, _Heading((last.name,), _written(last), last.span, WITH_ALL, False, reason))

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
