"""What the walk leaves behind: steps without names yet, in the frames that will name them."""

from __future__ import annotations

from typing import Literal

from specc.elaborate.scopes import Environment, Scope
from specc.elaborate.values import Signal, Target
from specc.ir.op import Op, Parameter
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast


class DraftNode(Signal):
    """A step that fits, before it has a name; it is the value that it gives, too.

    ``producer`` is its own place among all steps of the model; ``types`` are those of what it takes; ``slot`` is as of
    `specc.ir.graph.Node`.
    """

    __slots__ = ("inputs", "label", "op", "parameters", "slot", "types")

    producer: int
    type: TensorType

    def __init__(
        self,
        producer: int,
        op: Op,
        inputs: tuple[Signal, ...],
        types: tuple[TensorType, ...],
        type: TensorType,
        parameters: tuple[Parameter, ...],
        label: str | None,
        span: Span,
        slot: str | None = None,
    ) -> None:
        self.producer = producer
        self.type = type
        self.span = span
        self.op = op
        self.inputs = inputs
        self.types = types
        self.parameters = parameters
        self.label = label
        self.slot = slot

    @property
    def noun(self) -> str:
        """What it counts as where it has no label."""
        return self.op.kind

    @property
    def stateful(self) -> bool:
        return bool(self.parameters)

    @property
    def is_counted(self) -> bool:
        return True


class DraftBlock:
    """A part of the network whose steps are named together: a model, a block called, a labelled group, a loop.

    Attributes:
        entry: what ``in`` stands for; None in a model of several inputs.
        start: what it is applied to.
        values: arguments that are values of the network.
        shared: the shared steps that this is an application of.
        sole: they are a single step, which takes their name.
        rounds: how many rounds of unlabelled loops have been numbered here.
        slot: the name that the spec calls it by, where that is not the block's own.
        passed: the slot, the value and how many members there were, for every slot that is identity.
        first: the first of the parts of a group that goes on, itself where there is one only. All that is counted or
            called by a name in one of them is kept there.
        parts: all of them, of the first.
        groups: the labelled groups in it, by name.
        rounds_of: for each label what the place sees where it stands, which tells its rounds apart.
    """

    __slots__ = (
        "arguments",
        "entry",
        "environment",
        "first",
        "groups",
        "kind",
        "label",
        "labels",
        "members",
        "parts",
        "passed",
        "result",
        "rounds",
        "rounds_of",
        "scope",
        "shared",
        "slot",
        "sole",
        "span",
        "start",
        "title",
        "values",
    )

    def __init__(
        self,
        kind: Literal["model", "block", "group", "loop", "round"],
        title: str,
        span: Span,
        scope: Scope,
        environment: Environment,
        entry: Signal | None,
        start: Signal | None,
        label: str | None = None,
        arguments: tuple[tuple[str, object], ...] = (),
        values: tuple[tuple[str, Signal], ...] = (),
        shared: SharedSteps | None = None,
        sole: bool = False,
        goes_on: DraftBlock | None = None,
        slot: str | None = None,
    ) -> None:
        self.kind = kind
        self.title = title
        self.span = span
        self.scope = scope
        self.environment = environment
        self.entry = entry
        self.start = start
        self.label = label
        self.arguments = arguments
        self.values = values
        self.shared = shared
        self.sole = sole
        self.slot = slot
        self.members: list[DraftNode | DraftBlock] = []
        self.first = goes_on or self
        self.parts = [self]
        self.labels: dict[str, Span] = {}
        self.passed: list[tuple[str, Signal, int]] = []
        self.groups: dict[str, DraftBlock] = {}
        self.rounds_of: dict[str, Scope] = {}
        self.rounds = 0
        if goes_on is not None:
            goes_on.parts.append(self)
            self.labels, self.groups, self.rounds_of = goes_on.labels, goes_on.groups, goes_on.rounds_of
        self.result: Signal | None = None

    @property
    def noun(self) -> str:
        """What it counts as where it has no label."""
        return self.title

    @property
    def is_counted(self) -> bool:
        """Whether it is one more of its kind: a group labelled `conv` is no convolution."""
        return self.kind == "block"

    @property
    def stateful(self) -> bool:
        """Whether it holds tensors of its own. Those of shared steps go by another name: they are numbered apart."""
        return self.shared is None and self.holds_tensors

    @property
    def holds_tensors(self) -> bool:
        return any(m.holds_tensors if isinstance(m, DraftBlock) else m.parameters for m in self.members)


class SharedSteps(Target):
    """Steps that are applied several times with one set of weights: what they see, and whose they are.

    ``frame`` is where they are declared: their tensors belong to it.
    """

    def __init__(self, statement: ast.Shared, scope: Scope, frame: DraftBlock) -> None:
        self.statement = statement
        self.scope = scope
        self.frame = frame

    @property
    def name(self) -> str:
        return self.statement.name
