"""Every step of the file by itself: fed PyTorch's own values, judged by what rounding can do in that step alone.

Where every step is right and the whole is not, an optimiser has made something of several steps at once: then the step
up to which the file is wrong is found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from specc.backends.torch import torch_source
from specc.ir.graph import Graph, Node
from specc.onnxfile import OnnxFile
from specc.source import Span
from specc.verify.cases import Case
from specc.verify.extraction import SubgraphExtractor, SubmodelExtractor
from specc.verify.network_proof import Trial, errors_by_bound, roundings_allowed, structure_fault
from specc.verify.proof_settings import ProofSettings
from specc.verify.reference import expectations, finite_truth, run_module
from specc.verify.result import FEW, Reproduction, Row, StepRow
from specc.verify.sessions import ModelRefused, run
from specc.verify.step_alignment import AlignedStep, align
from specc.verify.step_bounds import allowed, is_exact, rule, why
from specc.weights import Weights

TOGETHER = "computed as one by the file"
SENSITIVITY = "what rounding every value in between does to the result"
"""How steps are judged that a file has merged, and why."""

WITH_ALL = "with all steps before it, from the network's inputs on"
"""How the step is judged up to which the file is wrong."""

HALF = 0.5
"""The part of a bound that PyTorch may need; the bound is widened where it needs more."""

FAR = 8.0
"""So many times at most: where PyTorch is further off, float32 cannot compute the step, and agreement means nothing."""

IMPOSSIBLE = "float32 cannot compute this step here"
"""Said of a fault where PyTorch's float32 result is no better."""


class StepResults(NamedTuple):
    """A row for every step that is found in the file, and what goes with them."""

    rows: tuple[StepRow, ...]
    notes: tuple[str, ...]
    reproduction: Reproduction | None


def prove_steps(
    graph: Graph,
    file: OnnxFile,
    renamed: Mapping[str, str],
    weights: Weights,
    trials: Sequence[Trial],
    network_rows: Sequence[Row],
    settings: ProofSettings,
) -> StepResults:
    """Every step by itself; where all are right and the whole is not, the step up to which it is not, too.

    Args:
        renamed: what inputs and outputs under other names are called in the spec.
        trials: the cases.
        network_rows: what they have shown of the whole network.
    """
    extractor = SubmodelExtractor(file, renamed)
    # Of two samples, so that no size of 1 is taken for the batch.
    probe = next((trial for trial in trials if trial.case.batch > 1), trials[0])
    steps, notes = align(graph, extractor, weights, probe.inputs, settings)
    judge = StepJudge(extractor, weights, settings)
    rows, reproduction = [], None
    for row, shown in judge.judge_all(steps, [CaseValues.of(graph, trial) for trial in trials]):
        rows.append(row)
        reproduction = reproduction or shown
    failing = {(row.case, row.batch) for row in network_rows if not row.passed}
    wrong = next((trial for trial in trials if (trial.case.title, trial.case.batch) in failing), None)
    if wrong is not None and all(row.passed for row in rows):
        first = _first_wrong_prefix(graph, steps, judge, CaseValues.of(graph, wrong))
        if first is not None:
            rows.append(first.row)
            reproduction = first.reproduction
    return StepResults(tuple(rows), tuple(notes), reproduction)


@dataclass(frozen=True)
class CaseValues:
    """One case on its way through the network.

    Attributes:
        graph: the network at the sizes of the case.
        values: PyTorch's float32 values that later steps still take, by name; the network's inputs first.
    """

    case: Case
    graph: Graph
    values: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, graph: Graph, trial: Trial) -> CaseValues:
        return cls(trial.case, graph.at(dict(trial.case.sizes)), dict(trial.inputs))


@dataclass(frozen=True)
class StepReference:
    """What steps should give in one case.

    Attributes:
        exact: in float64; where only PyTorch's float32 result is finite, that.
        single: PyTorch's float32 result.
        allowed: the largest difference from ``exact`` for each element; None where the bits of ``single`` are due.
        widened: how many times as large it is as the arithmetic says, since PyTorch itself needs that.
    """

    exact: NDArray[np.float64]
    single: NDArray[np.float32]
    allowed: NDArray[np.float64] | None
    widened: float = 1.0

    def with_room(self) -> StepReference:
        """Widened so that PyTorch needs half of what is allowed, unless it is out of all proportion."""
        times = self.error(self.single) / HALF
        if self.allowed is None or not 1 < times <= FAR:
            return self
        return replace(self, allowed=self.allowed * times, widened=times)

    def error(self, result: NDArray[Any]) -> float:
        """The largest difference as a part of what is allowed, over the elements that are finite in float32."""
        if self.allowed is None:
            return 0.0 if np.array_equal(result, self.single, equal_nan=True) else np.inf
        finite = np.isfinite(self.single)
        distance = np.abs(result[finite] - self.exact[finite])
        return float(errors_by_bound(distance, self.allowed[finite]).max(initial=0.0))

    def fault(self, result: NDArray[Any], error: float) -> str:
        """What is to be said of a result that is beyond its bound; empty where it is not."""
        if error <= 1:
            return ""
        if self.allowed is None:
            wrong = int(np.count_nonzero(result != self.single))
            return f"{wrong} of {result.size} elements are not PyTorch's to the bit"
        difference = np.where(np.isfinite(self.single), np.abs(result - self.exact) - self.allowed, -np.inf)
        place = np.unravel_index(int(difference.argmax()), difference.shape)
        where = ", ".join(map(str, place))
        return (
            f"element [{where}] is {result[place]:.9g} and should be {self.exact[place]:.9g}: "
            f"off by {abs(result[place] - self.exact[place]):.3g}, allowed: {self.allowed[place]:.3g}"
        )

    @property
    def beyond_float32(self) -> str:
        """Why the inputs are beyond float32, in words; empty where they are not."""
        if self.allowed is None:
            return ""
        lost = int(np.count_nonzero(np.isfinite(self.exact) & ~np.isfinite(self.single)))
        if lost:
            return f"{IMPOSSIBLE}: {lost} of PyTorch's own {self.single.size} elements overflow"
        own = self.error(self.single)
        return f"{IMPOSSIBLE}: PyTorch's own error is {own:.3g} times the bound" if own > 1 else ""


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
    """A run of a submodel, compared with what it should give."""

    place: int
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
    """

    def __init__(self, extractor: SubmodelExtractor, weights: Weights, settings: ProofSettings) -> None:
        self.extractor = extractor
        self._weights = weights
        self._settings = settings

    def judge_all(self, steps: Sequence[AlignedStep], cases: Sequence[CaseValues]) -> Iterator[JudgedStep]:
        """A row for each step, in order. The values of ``cases`` are dropped where no later step takes them."""
        users = Counter(value for step in steps for value in step.subgraph.inputs)
        progress = self._settings.progress_of("step by step")
        for place, step in enumerate(steps):
            if progress:
                progress(place, len(steps))
            references = self._references(step, cases)
            yield self._judged(step, cases, references, _Heading.of(step.subgraph.nodes))
            users.subtract(step.subgraph.inputs)
            for case, reference in zip(cases, references, strict=True):
                case.values[step.subgraph.last.name] = reference.single
                for value in step.subgraph.inputs:
                    if not users[value]:
                        case.values.pop(value, None)

    def judge(self, step: AlignedStep, case: CaseValues, heading: _Heading) -> JudgedStep:
        """One step in one case."""
        return self._judged(step, [case], self._references(step, [case]), heading)

    def _judged(
        self, step: AlignedStep, cases: Sequence[CaseValues], references: Sequence[StepReference], heading: _Heading
    ) -> JudgedStep:
        submodel = step.submodel
        if submodel is None:
            return JudgedStep(StepRow(*heading[:5], passed=False, reason=step.reason, why=heading.why))
        ranks = {tensor: cases[0].values[value].ndim for value, tensor in step.tensors.items()}
        model = self.extractor.model(submodel, ranks)
        if model is None:
            reason = "holds more than 2 GB of tensors: judged with the whole network only"
            return JudgedStep(StepRow(*heading[:5], True, reason, heading.why, nodes=submodel.operators))
        values = [{tensor: case.values[value] for value, tensor in step.tensors.items()} for case in cases]
        feeds = [{name: by_tensor[name] for name in submodel.inputs} for by_tensor in values]
        runs = [run for optimised in (False, True) for run in self._runs(model, feeds, references, optimised)]
        worst = next((run for run in runs if run.fault), None) or max(runs, key=lambda run: run.error)
        row = StepRow(
            *heading[:5],
            passed=not worst.fault,
            reason=worst.fault,
            why=heading.why + _widening(cases, references),
            runs=len(runs),
            error_onnx=worst.error,
            error_torch=max(reference.error(reference.single) for reference in references),
            case=cases[worst.place].case.title,
            batch=cases[worst.place].case.batch,
            optimised=worst.optimised,
            nodes=submodel.operators,
        )
        if row.passed:
            return JudgedStep(row)
        reference = references[worst.place]
        limit = np.zeros(reference.exact.shape) if reference.allowed is None else reference.allowed
        source = torch_source(step.subgraph.graph())
        fed = feeds[worst.place]
        return JudgedStep(row, Reproduction(row, model, fed, reference.exact, reference.single, limit, source))

    def _runs(
        self, model: bytes, feeds: Sequence[dict[str, Any]], references: Sequence[StepReference], optimised: bool
    ) -> Iterator[_ComparedRun]:
        try:
            session = self._settings.session(model, optimised)
        except ModelRefused as refused:
            yield _ComparedRun(0, optimised, np.inf, str(refused))
            return
        for place, (fed, reference) in enumerate(zip(feeds, references, strict=True)):
            try:
                (result,) = run(session, fed)
            except ModelRefused as refused:
                yield _ComparedRun(place, optimised, np.inf, str(refused))
                continue
            fault = structure_fault(result, reference.single)
            error = np.inf if fault else reference.error(result)
            fault = fault or reference.fault(result, error)
            impossible = reference.beyond_float32 if fault else ""
            yield _ComparedRun(place, optimised, error, "; ".join(filter(None, (fault, impossible))))

    def _references(self, step: AlignedStep, cases: Sequence[CaseValues]) -> list[StepReference]:
        module = step.subgraph.module(self._weights)
        inputs = [{value: case.values[value] for value in step.subgraph.inputs} for case in cases]
        if len(step.subgraph.nodes) > 1:
            return self._merged_references(module, inputs)
        singles = [run_module(module, fed, torch.float32)[0] for fed in inputs]
        module.double()
        references = []
        for case, fed, single in zip(cases, inputs, singles, strict=True):
            node = case.graph.node(step.subgraph.last.name)
            exact = finite_truth(run_module(module, fed, torch.float64)[0], single)
            if is_exact(node):
                references.append(StepReference(exact, single, None))
                continue
            wide = [np.asarray(value, np.float64) for value in fed.values()]
            limit = allowed(node, module, wide, exact, self._settings.u)
            references.append(StepReference(exact, single, limit).with_room())
        return references

    def _merged_references(
        self, module: torch.nn.Module, inputs: Sequence[Mapping[str, NDArray[np.float32]]]
    ) -> list[StepReference]:
        """Steps that are computed as one are a small network, and are judged as one."""
        expected = [outputs[0] for outputs in expectations(module, inputs, u=self._settings.u)]
        usual = median(each.error(each.single) for each in expected)
        references = []
        for each in expected:
            roundings = roundings_allowed(each.error(each.single), usual)
            limit = np.broadcast_to(roundings * each.unit, each.exact.shape)
            references.append(StepReference(each.exact, each.single, limit))
        return references


def _widening(cases: Sequence[CaseValues], references: Sequence[StepReference]) -> str:
    """Where bounds are wider than the arithmetic says; empty where they are not."""
    case, widest = max(zip(cases, references, strict=True), key=lambda pair: pair[1].widened)
    if widest.widened == 1:
        return ""
    return f"; up to {widest.widened:.3g} times as much ({case.case.title}), where PyTorch itself needs more than half"


def _first_wrong_prefix(
    graph: Graph, steps: Sequence[AlignedStep], judge: StepJudge, case: CaseValues
) -> JudgedStep | None:
    """The first step up to which the file, from the network's inputs on, is wrong; None where there is none.

    Args:
        steps: all of them right by themselves.
        case: one in which the whole file is wrong; its inputs alone.
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
        return judge.judge(prefix, case, _Heading((last.name,), _written(last), last.span, WITH_ALL, False, reason))

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
