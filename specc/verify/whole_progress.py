"""How far a whole proof is, in milliseconds of a usual machine: what is left can be told from the first second on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from specc.diagnostics.words import listed, plural
from specc.ir.graph import Graph
from specc.verify.cases import Feed, Plan, plan_of, work
from specc.verify.result import Level, Progress

LOADING = "loading PyTorch and onnxruntime"
IN_FLOAT64 = "PyTorch in float64"
STEP_BY_STEP = "step by step"

LOADING_TAKES = 2000
RUN_TAKES = 40
STEP_TAKES = 20
"""Measured on ResNet-18, MobileNetV2 and LeNet: milliseconds of loading, of a feed's smallest run, and of a step."""

PER_MILLION = 0.5
"""Milliseconds of a feed for each million of MACs, with those of the elements: see `specc.verify.cases.work`."""

LONG = 30_000
"""Milliseconds from which on it is said what costs most."""


class WholeProgress:
    """Tells how far the whole proof is, of what is told of its parts one after another.

    Args:
        progress: who is told.
    """

    def __init__(self, progress: Progress, graph: Graph, level: Level) -> None:
        self._progress = progress
        self._plan = plan_of(graph, level)
        self._costs = {
            LOADING: [LOADING_TAKES],
            IN_FLOAT64: [_cost(graph, feed) for feed in self._plan.followed],
            STEP_BY_STEP: [STEP_TAKES * (1 if level == "quick" else len(self._plan.steps))] * len(graph.nodes),
        }
        self._at_ordinary_sizes = [_cost(graph, feed) for feed in self._plan.at_ordinary_sizes().followed]
        self._parts = [LOADING, IN_FLOAT64, STEP_BY_STEP]
        self._before = 0
        self._part = ("", 0, 0)
        self.expect(again=False, once=False)

    def expect(self, *, again: bool, once: bool) -> None:
        """What the proof consists of: a pass over the file, and another ``again`` with random numbers in it.

        Args:
            once: the first pass is over the whole network at its ordinary sizes alone.
        """
        loading, network, steps = (sum(costs) for costs in self._costs.values())
        if once:
            of_network, of_steps = sum(self._at_ordinary_sizes) + network, steps
        else:
            of_network, of_steps = (1 + again) * network, (1 + again) * steps
        self._total = loading + of_network + of_steps
        share = of_network / self._total
        self._most = ""
        if self._total >= LONG and share > 0.5:
            self._most = f" ({_in_words(self._plan)}: {share:.0%} of the time)"

    def __call__(self, what: str, done: int, of: int) -> None:
        name, last, pieces = self._part
        if what != name or done < last:  # of two passes the second has the same parts
            self._before += self._cost(name, pieces, pieces)
        self._part = what, done, of
        now = self._before + self._cost(what, done, of)
        end = self._before + self._cost(what, of, of)
        most = self._most if what == IN_FLOAT64 else ""
        self._progress(what + most, now, max(self._total, end))

    def _cost(self, what: str, done: int, of: int) -> int:
        """Of the first pieces of a part."""
        costs: Sequence[int] = self._costs.get(what, ())
        if of != len(costs):
            costs = self._at_ordinary_sizes if of == len(self._at_ordinary_sizes) else [STEP_TAKES] * of
        return sum(islice(costs, done))


def _cost(graph: Graph, feed: Feed) -> int:
    """Milliseconds that PyTorch takes, and onnxruntime, for one feed of the network."""
    return round(RUN_TAKES + PER_MILLION * feed.batch * work(graph, feed.sizes) / 1e6)


def _in_words(plan: Plan) -> str:
    """What is run from end to end: the sizes and kinds of numbers."""
    sizes = dict.fromkeys(feed.sizes for feed in plan.followed)
    kinds = dict.fromkeys(case.name for feed in plan.followed for case in feed.cases)
    at = [" x ".join(str(size) for _, size in each) for each in sizes if each]
    return f"{listed(kinds)} numbers" + (f" at {plural(len(at), 'size')}, {listed(at)}" if at else "")
