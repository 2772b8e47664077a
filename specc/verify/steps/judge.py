"""Every step of the file by itself: fed PyTorch's own values, judged by what rounding can do in that step alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specc.backends.torch import torch_source
from specc.ir.graph import Graph, Node
from specc.verify.cases import Case
from specc.verify.conditions import Conditions
from specc.verify.judge import allowed as roundings_allowed
from specc.verify.judge import parts, structure_fault
from specc.verify.reference import expectations, finite_truth, run_module
from specc.verify.result import FEW, Reproduction, StepRow
from specc.verify.sessions import ModelRefused, run
from specc.verify.steps.bounds import allowed, is_exact, rule, why
from specc.verify.steps.location import Cut
from specc.verify.steps.pieces import Pieces
from specc.weights import Weights

TOGETHER = "computed as one by the file"
SENSITIVITY = "what rounding every value in between does to the result"
"""How steps are judged that a file has merged, and why."""

HALF = 0.5
"""The part of a bound that PyTorch may need; the bound is widened where it needs more."""

FAR = 8.0
"""So many times at most: where PyTorch is further off, float32 cannot compute the step, and agreement means nothing."""


IMPOSSIBLE = "float32 cannot compute this step here"
"""Said of a fault where PyTorch's float32 result is no better."""


@dataclass(frozen=True)
class Running:
    """One case on its way through the network.

    Attributes:
        graph: the network at the sizes of the case.
        values: PyTorch's float32 values that later steps still take, by name; the network's inputs first.
    """

    case: Case
    graph: Graph
    values: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Truth:
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

    def with_room(self) -> Truth:
        """Widened so that PyTorch needs half of what is allowed, unless it is out of all proportion."""
        times = self.error(self.single) / HALF
        if self.allowed is None or not 1 < times <= FAR:
            return self
        return replace(self, allowed=self.allowed * times, widened=times)

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

    def error(self, result: NDArray[Any]) -> float:
        """The largest difference as a part of what is allowed, over the elements that are finite in float32."""
        if self.allowed is None:
            return 0.0 if np.array_equal(result, self.single, equal_nan=True) else np.inf
        finite = np.isfinite(self.single)
        distance = np.abs(result[finite] - self.exact[finite])
        return float(parts(distance, self.allowed[finite]).max(initial=0.0))


@dataclass(frozen=True)
class _Run:
    """One comparison."""

    trial: int
    optimised: bool
    error: float
    fault: str = ""


class Steps:
    """The judge of one file's steps.

    Args:
        weights: what the file's tensors should be.

    Attributes:
        reproduction: the first step that has failed.
    """

    def __init__(self, pieces: Pieces, weights: Weights, conditions: Conditions) -> None:
        self._pieces = pieces
        self._weights = weights
        self._conditions = conditions
        self.reproduction: Reproduction | None = None

    def rows(self, cuts: Sequence[Cut], trials: Sequence[Running]) -> Iterator[StepRow]:
        """A row for each cut, in order. The values of ``trials`` are dropped where no later cut takes them."""
        left = Counter(value for cut in cuts for value in cut.part.taken)
        told = self._conditions.progress_of("step by step")
        for place, cut in enumerate(cuts):
            if told:
                told(place, len(cuts))
            yield self._row(cut, trials)
            _drop(trials, left, cut)

    def _row(self, cut: Cut, trials: Sequence[Running]) -> StepRow:
        truths = self._truths(cut, trials)
        row = self._unjudged(cut)
        if cut.piece is None:
            row = replace(row, passed=False, reason=cut.reason)
        else:
            row = self._judged(row, cut, trials, truths)
        for trial, truth in zip(trials, truths, strict=True):
            trial.values[cut.part.last.name] = truth.single
        return row

    def _unjudged(self, cut: Cut) -> StepRow:
        last, together = cut.part.last, len(cut.part.nodes) > 1
        how, reason = (TOGETHER, SENSITIVITY) if together else (rule(last), why(last))
        operators = cut.piece.operators if cut.piece else ()
        names = tuple(node.name for node in cut.part.nodes)
        return StepRow(
            names, _layers(cut.part.nodes), cut.part.nodes[0].span, how, why=reason, passed=True, nodes=operators
        )

    def _judged(self, row: StepRow, cut: Cut, trials: Sequence[Running], truths: Sequence[Truth]) -> StepRow:
        assert cut.piece is not None
        ranks = {tensor: trials[0].values[value].ndim for value, tensor in cut.tensors.items()}
        model = self._pieces.model(cut.piece, ranks)
        if model is None:
            return replace(row, reason="holds more than 2 GB of tensors: judged with the whole network only")
        feeds = [_feeds(cut, trial) for trial in trials]
        runs = [run for optimised in (False, True) for run in self._runs(model, feeds, truths, optimised)]
        worst = next((run for run in runs if run.fault), None) or max(runs, key=lambda run: run.error)
        found = replace(
            row,
            passed=not worst.fault,
            reason=worst.fault,
            runs=len(runs),
            error_onnx=worst.error,
            why=row.why + _widening(trials, truths),
            error_torch=max(truth.error(truth.single) for truth in truths),
            case=trials[worst.trial].case.title,
            batch=trials[worst.trial].case.batch,
            optimised=worst.optimised,
        )
        if not found.passed and self.reproduction is None:
            self.reproduction = _reproduction(found, cut, model, feeds[worst.trial], truths[worst.trial])
        return found

    def _runs(
        self, model: bytes, feeds: Sequence[dict[str, Any]], truths: Sequence[Truth], optimised: bool
    ) -> Iterator[_Run]:
        try:
            session = self._conditions.session(model, optimised)
        except ModelRefused as refused:
            yield _Run(0, optimised, np.inf, str(refused))
            return
        for trial, (fed, truth) in enumerate(zip(feeds, truths, strict=True)):
            try:
                (result,) = run(session, fed)
            except ModelRefused as refused:
                yield _Run(trial, optimised, np.inf, str(refused))
                continue
            fault = structure_fault(result, truth.single)
            error = np.inf if fault else truth.error(result)
            fault = fault or _fault(truth, result, error)
            yield _Run(trial, optimised, error, "; ".join(filter(None, (fault, fault and truth.beyond_float32))))

    def _truths(self, cut: Cut, trials: Sequence[Running]) -> list[Truth]:
        module = cut.part.module(self._weights)
        inputs = [{value: trial.values[value] for value in cut.part.taken} for trial in trials]
        if len(cut.part.nodes) > 1:
            return self._together(module, inputs)
        singles = [run_module(module, fed, torch.float32)[0] for fed in inputs]
        module.double()
        nodes = [trial.graph.node(cut.part.last.name) for trial in trials]
        return [self._alone(module, *parts) for parts in zip(nodes, inputs, singles, strict=True)]

    def _alone(
        self, module: torch.nn.Module, node: Node, fed: Mapping[str, NDArray[np.float32]], single: NDArray[np.float32]
    ) -> Truth:
        exact = finite_truth(run_module(module, fed, torch.float64)[0], single)
        if is_exact(node):
            return Truth(exact, single, None)
        wide = [np.asarray(value, np.float64) for value in fed.values()]
        return Truth(exact, single, allowed(node, module, wide, exact, self._conditions.u)).with_room()

    def _together(self, module: torch.nn.Module, inputs: Sequence[Mapping[str, NDArray[np.float32]]]) -> list[Truth]:
        expected = [outputs[0] for outputs in expectations(module, inputs, u=self._conditions.u)]
        usual = median(each.error(each.single) for each in expected)
        truths = []
        for each in expected:
            roundings = roundings_allowed(each.error(each.single), usual)
            limit = np.broadcast_to(roundings * each.unit, each.exact.shape)
            truths.append(Truth(each.exact, each.single, limit))
        return truths


def _layers(nodes: Sequence[Node]) -> str:
    """What the steps are in the spec; of many the first and the last."""
    named = nodes if len(nodes) <= FEW else (nodes[0], nodes[-1])
    return (" -> " if len(nodes) <= FEW else " ... ").join(map(written, named))


def written(node: Node) -> str:
    """The step as the spec says it, in one line; of one with arms, what stands before them."""
    return " ".join(node.span.text.partition("{")[0].split())


def _widening(trials: Sequence[Running], truths: Sequence[Truth]) -> str:
    """Where bounds are wider than the arithmetic says; empty where they are not."""
    trial, widest = max(zip(trials, truths, strict=True), key=lambda pair: pair[1].widened)
    if widest.widened == 1:
        return ""
    return f"; up to {widest.widened:.3g} times as much ({trial.case.title}), where PyTorch itself needs more than half"


def merged(rows: Sequence[StepRow], others: Sequence[StepRow]) -> tuple[StepRow, ...]:
    """The rows of two passes over the same steps as one: what failed, else what came closer to its bound."""
    again = {row.steps: row for row in others}
    return tuple(_worse(row, again[row.steps]) if row.steps in again else row for row in rows)


def _worse(row: StepRow, other: StepRow) -> StepRow:
    worst = max(row, other, key=lambda r: (not r.passed, r.error_onnx or 0.0))
    torch_error = max((r.error_torch for r in (row, other) if r.error_torch is not None), default=None)
    return replace(worst, runs=row.runs + other.runs, error_torch=torch_error)


def _feeds(cut: Cut, trial: Running) -> dict[str, NDArray[np.float32]]:
    assert cut.piece is not None
    fed = {tensor: trial.values[value] for value, tensor in cut.tensors.items()}
    return {name: fed[name] for name in cut.piece.taken}


def _fault(truth: Truth, result: NDArray[Any], error: float) -> str:
    """What is to be said where the result is beyond its bound; empty where it is not."""
    if error <= 1:
        return ""
    if truth.allowed is None:
        wrong = int(np.count_nonzero(result != truth.single))
        return f"{wrong} of {result.size} elements are not PyTorch's to the bit"
    difference = np.where(np.isfinite(truth.single), np.abs(result - truth.exact) - truth.allowed, -np.inf)
    place = np.unravel_index(int(difference.argmax()), difference.shape)
    where = ", ".join(map(str, place))
    return (
        f"element [{where}] is {result[place]:.9g} and should be {truth.exact[place]:.9g}: "
        f"off by {abs(result[place] - truth.exact[place]):.3g}, allowed: {truth.allowed[place]:.3g}"
    )


def _reproduction(
    row: StepRow, cut: Cut, model: bytes, fed: dict[str, NDArray[np.float32]], truth: Truth
) -> Reproduction:
    limit = np.zeros(truth.exact.shape) if truth.allowed is None else truth.allowed
    return Reproduction(row, model, fed, truth.exact, truth.single, limit, torch_source(cut.part.graph()))


def _drop(trials: Sequence[Running], left: Counter[str], cut: Cut) -> None:
    left.subtract(cut.part.taken)
    for value in cut.part.taken:
        if not left[value]:
            for trial in trials:
                trial.values.pop(value, None)
