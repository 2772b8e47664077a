"""What the walk leaves behind: steps without names yet, in the frames that will name them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from specc.elaborate.files import Environment
from specc.elaborate.scope import UNKNOWN, Scope
from specc.elaborate.values import Tensor
from specc.ir.op import Op, Parameter
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast


@dataclass(frozen=True, slots=True)
class Given:
    """A value on its way: where it comes from, and its type (None: an earlier error left it unknown)."""

    producer: int | str | None
    """Index of the step that makes it; the name of the model's input that it is; None where it is unknown."""
    type: TensorType | None
    span: Span

    @property
    def seen(self) -> object:
        """The value as an expression sees it."""
        return UNKNOWN if self.type is None else Tensor(self.type, self)


@dataclass(frozen=True, slots=True)
class Draft:
    """A step that fits, before it has a name. ``index`` is its place among all steps of the model."""

    index: int
    op: Op
    inputs: tuple[Given, ...]
    types: tuple[TensorType, ...]
    type: TensorType
    parameters: tuple[Parameter, ...]
    label: str | None
    span: Span


@dataclass(eq=False, slots=True)
class Frame:
    """A part of the network whose steps are named together: a model, a block called, a labelled group, a loop."""

    kind: Literal["model", "block", "group", "loop", "round"]
    title: str
    span: Span
    scope: Scope
    environment: Environment
    entry: Given | None
    """What ``in`` stands for; None in a model of several inputs."""
    start: Given | None
    """What it is applied to."""
    label: str | None = None
    arguments: tuple[tuple[str, object], ...] = ()
    values: tuple[tuple[str, Given], ...] = ()
    """Arguments that are values of the network."""
    shared: Shared | None = None
    """The shared steps that this is an application of."""
    sole: bool = False
    """They are a single step, which takes their name."""
    members: list[Draft | Frame] = field(default_factory=list)
    labels: dict[str, Span] = field(default_factory=dict)
    rounds: int = 0
    """How many rounds of unlabelled loops have been numbered here."""
    result: Given | None = None

    @property
    def stateful(self) -> bool:
        return any(m.stateful if isinstance(m, Frame) else bool(m.parameters) for m in self.members)


@dataclass(eq=False, slots=True)
class Shared:
    """Steps that are applied several times with one set of weights: what they see, and whose they are."""

    statement: ast.Shared
    scope: Scope
    frame: Frame
    """Where they are declared: their tensors belong to it."""
    applied: bool = False

    @property
    def name(self) -> str:
        return self.statement.name
