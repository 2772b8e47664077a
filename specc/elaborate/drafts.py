"""What the walk leaves behind: steps and blocks without names yet, as `specc.ir.graph` will have them with names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from specc.elaborate.scopes import Environment, Scope
from specc.elaborate.values import Signal, Target
from specc.ir.op import Op, Parameter
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast


class DraftNode(Signal):
    """A step that fits, before it has a name; it is the value that it gives, too.

    ``producer`` is its own index among all steps of the model; ``types`` are those of what it takes; ``slot`` is as of
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
    def is_numbered_with_tensors(self) -> bool:
        """Whether it is numbered among the steps of its kind that hold tensors."""
        return bool(self.parameters)


class LocalNames:
    """All that is counted or called by a name in one block; of a group that goes on, in all its parts together.

    Attributes:
        labels: every name given there, of shared steps and of rounds too, with its place.
        scopes: for each label what its place sees, which tells its rounds apart.
        groups: the labelled groups, by name; the first part of each.
        rounds: how many rounds of unlabelled loops have been numbered.
        parts: the parts of the group, or the block alone.
    """

    __slots__ = ("groups", "labels", "parts", "rounds", "scopes")

    def __init__(self) -> None:
        self.labels: dict[str, Span] = {}
        self.scopes: dict[str, Scope] = {}
        self.groups: dict[str, DraftBlock] = {}
        self.rounds = 0
        self.parts: list[DraftBlock] = []


@dataclass(slots=True, eq=False)
class DraftBlock:
    """A part of the network whose steps are named together: a model, a block called, a labelled group, a loop.

    Attributes:
        entry: what ``in`` stands for; None in a model of several inputs.
        start: what it is applied to.
        values: arguments that are values of the network.
        shared: the shared steps that this is an application of.
        sole: they are a single step, which takes their name.
        slot: the name that the spec calls it by, where that is not the block's own.
        continues: the first part of the group that goes on here.
        passed: the slot, the value and how many members there were, for every slot that is identity.
    """

    kind: Literal["model", "block", "group", "loop", "round"]
    title: str
    span: Span
    scope: Scope
    environment: Environment
    entry: Signal | None
    start: Signal | None
    label: str | None = None
    arguments: tuple[tuple[str, object], ...] = ()
    values: tuple[tuple[str, Signal], ...] = ()
    shared: SharedSteps | None = None
    sole: bool = False
    slot: str | None = None
    continues: DraftBlock | None = None
    names: LocalNames = field(init=False)
    members: list[DraftNode | DraftBlock] = field(default_factory=list)
    passed: list[tuple[str, Signal, int]] = field(default_factory=list)
    result: Signal | None = None

    def __post_init__(self) -> None:
        self.names = self.continues.names if self.continues is not None else LocalNames()
        self.names.parts.append(self)

    @property
    def noun(self) -> str:
        """What it counts as where it has no label."""
        return self.title

    @property
    def is_numbered_with_tensors(self) -> bool:
        """Whether it is numbered among the blocks of its name that hold tensors.

        A group labelled `conv` is no convolution. The tensors of shared steps go by another name: they count apart.
        """
        return self.kind == "block" and self.shared is None and self.holds_tensors

    @property
    def holds_tensors(self) -> bool:
        return any(m.holds_tensors if isinstance(m, DraftBlock) else m.parameters for m in self.members)


class SharedSteps(Target):
    """Steps that are applied several times with one set of weights: what they see, and whose they are.

    ``block`` is where they are declared: their tensors belong to it.
    """

    def __init__(self, statement: ast.Shared, scope: Scope, block: DraftBlock) -> None:
        self.name = statement.name
        self.statement = statement
        self.scope = scope
        self.block = block
