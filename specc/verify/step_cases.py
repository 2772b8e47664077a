"""What a step is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specc.ir.graph import Graph, Node
from specc.verify.cases import Case, Feed, Inputs, cast
from specc.verify.excerpt import around_largest, smaller
from specc.verify.reference import run_module
from specc.verify.step_alignment import AlignedStep


@dataclass(frozen=True)
class FeedValues:
    """What was fed, on its way through the network.

    Attributes:
        graph: the network at the sizes of the feed.
        values: PyTorch's float32 values that later steps still take, by name; the network's inputs first.
    """

    feed: Feed
    graph: Graph
    values: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, graph: Graph, feed: Feed, inputs: Inputs) -> FeedValues:
        return cls(feed, graph.at(dict(feed.sizes)), cast(inputs))

    @property
    def bytes(self) -> frozenset[str]:
        """The inputs of uint8."""
        return frozenset(port.name for port in self.graph.inputs if port.is_cast)


@dataclass(frozen=True)
class StepInputs:
    """What a step is judged on: all that reaches it in one feed, an excerpt of that, or numbers made of it.

    Attributes:
        node: the step at these sizes; of several, the last.
        values: by the names of the spec.
        single: PyTorch's float32 result.
        samples: each case and where its samples lie.
        batch: how many samples there are.
        bytes: of the values those that the file takes as uint8: whole numbers from 0 to 255.
    """

    node: Node
    values: dict[str, NDArray[np.float32]]
    single: NDArray[np.float32]
    samples: tuple[tuple[Case, slice], ...]
    batch: int
    bytes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, step: AlignedStep, run: FeedValues, module: torch.nn.Module) -> StepInputs:
        """``module``: the step in float32, here and below."""
        values = {value: run.values[value] for value in step.subgraph.inputs}
        (single,) = run_module(module, values, torch.float32)
        node, samples = run.graph.node(step.subgraph.last.name), tuple(run.feed.samples())
        return cls(node, values, single, samples, run.feed.batch, run.bytes & values.keys())

    def excerpt(self, module: torch.nn.Module) -> StepInputs | None:
        """See `specc.verify.excerpt`; None where the step has to see the whole."""
        node = smaller(self.node)
        if node is None:
            return None
        types = dict(zip(node.inputs, node.input_types, strict=True))
        parts = around_largest(list(self.values.values()), [types[value] for value in self.values])
        values = dict(zip(self.values, parts, strict=True))
        return replace(self, node=node, values=values, single=run_module(module, values, torch.float32)[0])

    def first_case(self) -> StepInputs:
        """Of the first case alone."""
        case, samples = self.samples[0]
        values = {name: value[samples] for name, value in self.values.items()}
        return replace(self, values=values, single=self.single[samples], samples=((case, samples),), batch=case.batch)

    def with_kinds(self, kinds: Sequence[Case], at_once: bool, module: torch.nn.Module) -> list[StepInputs]:
        """Also what other kinds of numbers are: normal ones, as they reach the step, scaled and moved.

        Negated ones are made of the last case, the spikes: then large numbers of both signs are there. Of infinity and
        NaN, which a log or a quotient gives, nothing is made: 0 stands for them.

        Args:
            at_once: as further samples of the same batch; else each by itself.
        """
        if not kinds:
            return [self]
        normal = self.first_case()
        finite = {name: np.where(np.isfinite(value), value, 0) for name, value in self.values.items()}
        made = [
            {name: self._possible(name, kind.scale * value[source] + kind.mean) for name, value in finite.items()}
            for kind in kinds
            for _, source in [self.samples[-1 if kind.scale < 0 else 0]]
        ]
        if not at_once:
            singles = [run_module(module, values, torch.float32)[0] for values in made]
            others = zip(kinds, made, singles, strict=True)
            whole = slice(None)
            return [
                self,
                *(replace(normal, values=v, single=s, samples=((kind, whole),)) for kind, v, s in others),
            ]
        new = {name: np.concatenate([each[name] for each in made]) for name in self.values}
        (of_new,) = run_module(module, new, torch.float32)  # of the others it is known
        values = {name: np.concatenate([value, new[name]]) for name, value in self.values.items()}
        single = np.concatenate([self.single, of_new])
        starts = range(self.batch, self.batch + len(kinds) * normal.batch, normal.batch)
        samples = ((kind, slice(start, start + normal.batch)) for kind, start in zip(kinds, starts, strict=True))
        return [
            replace(self, values=values, single=single, samples=(*self.samples, *samples), batch=starts.stop),
        ]

    def _possible(self, name: str, numbers: NDArray[Any]) -> NDArray[np.float32]:
        """The numbers as the value may have them: bytes are the nearest that there are."""
        if name in self.bytes:
            numbers = np.clip(np.rint(numbers), 0, 255)
        return numbers.astype(np.float32)
