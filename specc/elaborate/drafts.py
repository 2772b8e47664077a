"""The network under construction: steps and blocks without names yet, as `specc.ir.graph` will have them with names,
the block that the next step goes to, and who has which label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from specc.diagnostics import Code, Diagnostic, Label
from specc.elaborate.errors import Findings, Invalid, Unknown, in_form, invalid, short
from specc.elaborate.naming import label_problem, name_problem, stands_for_value
from specc.elaborate.scopes import ABSENT, Definition, Environment, Scope
from specc.elaborate.values import Callee, Partial, Signal, display
from specc.ir.op import Op, Parameter
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.ops import find
from specc.source import Span
from specc.syntax import ast
from specc.syntax.tokens import is_name, is_plain_number


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


class SharedSteps(Callee):
    """Steps that are applied several times with one set of weights: what they see, and whose they are.

    ``block`` is where they are declared: their tensors belong to it.
    """

    def __init__(self, statement: ast.Shared, scope: Scope, block: DraftBlock) -> None:
        self.name = statement.name
        self.statement = statement
        self.scope = scope
        self.block = block


class Construction:
    """What a walk builds.

    Attributes:
        block: where steps and labels go now.
        nodes: all steps of the model, in its order.
        shared: shared steps, and whether they are applied anywhere.
        outputs: what labels of the model's own body name and no step can take: an output can be called so all the same.
    """

    def __init__(self, model: DraftBlock) -> None:
        self.block = model
        self.findings = Findings()
        self.nodes: list[DraftNode] = []
        self.shared: dict[SharedSteps, bool] = {}
        self.outputs: dict[str, Signal] = {}

    def claim(self, label: ast.Binder | None, scope: Scope, kind: type[Op] | None = None) -> None:
        """Take a label for a step of the block; see `claim`."""
        if label is not None and (findings := claim(label, self.block, scope, kind)):
            self.findings.report(findings)

    def claim_name(self, name: str, place: Span, scope: Scope) -> None:
        """Take the name of what steps mean by it: of an input, of shared steps."""
        if problem := name_problem(name):
            self.block.names.labels[name] = place
            self.findings.report([invalid(Code.BAD_LABEL, problem, place, helps=("choose another name",)).diagnostic])
        else:
            self.claim(ast.Binder(place, name), scope)

    def label(self, label: ast.Binder | None, value: Signal) -> Signal:
        """``value``, which goes by its label from now on."""
        if label is None:
            return value
        if stands_for_value(label):
            self.block.scope.define(label.name, value.seen)
        elif self.block.kind == "model":
            self.outputs[label.name] = value
        return value

    def fill(
        self,
        block: DraftBlock,
        label: ast.Binder | None,
        body: Callable[[], Signal | None],
        trace: Callable[[], Label] | None = None,
    ) -> Signal | None:
        """Run ``body``, whose steps and labels go to ``block``, and make that a member of the present block.

        Args:
            trace: how the block is called, should something be wrong in it.
        """
        outer, self.block = self.block, block
        if trace is not None:
            self.findings.enter(trace)
        try:
            block.result = body()
        except Unknown:
            block.result = Signal(None, None, block.span)
        except Invalid as problem:
            self.findings.report([problem.diagnostic])
            block.result = Signal(None, None, block.span)
        finally:
            self.block = outer
        if trace is not None:
            self.findings.leave()
        if block.members:
            outer.members.append(block)
        if label is None or block.continues is None:
            return block.result and self.label(label, block.result)
        # The group has gone on: no one value goes by its label any more.
        self.outputs.pop(label.name, None)
        if stands_for_value(label):
            outer.scope.names.pop(label.name, None)
            outer.scope.mark_ambiguous(label.name, (outer.names.labels[label.name], label.span))
        return block.result


# ---- who may have a label -------------------------------------------------------------------------------------------


def claim(label: ast.Binder, block: DraftBlock, scope: Scope, kind: type[Op] | None = None) -> list[Diagnostic]:
    """Take a label for a step of ``block``; the reason where the step cannot have it.

    Args:
        kind: of the step, if it is an operator: only then is its label no second meaning of that layer's name.
    """
    name, place, names = label.name, label.span, block.names
    earlier = names.labels.setdefault(name, place)
    if earlier is not place:
        by_round = is_plain_number(name) and len(name) < 10 and int(name) < names.rounds
        return [two_of_a_name(name, place, earlier, by_round=by_round)]
    if name in names.scopes:
        return [_two_rounds(label, names.scopes[name])]
    names.scopes[name] = scope
    if _could_be_called(name, block, scope, kind, place):
        block.scope.mark_ambiguous(name, (place,))
    if name[:1].isdigit() and place.text == name and not is_plain_number(name):
        message = f"a label is a name or a plain whole number, and {name} is none"
        advice = "choose another label"
        if label_problem(name) is None:
            advice = in_form(place, f'in quotes it is one: `"{name}": …`', f'in quotes it is one: `"{name}"`')
        return [Diagnostic(Code.BAD_LABEL, message, Label(place), helps=(advice,))]
    if (problem := label_problem(name)) is not None:
        advice = "choose another label"
        if "." in name:
            group, _, step = (short(part) or "…" for part in name.partition("."))
            advice = in_form(
                place,
                f"`{group}: {{ {step}: … }}` is the step {group}.{step}",
                f"a group labelled {group} with a step labelled {step} in it is the step {group}.{step}",
            )
        return [Diagnostic(Code.BAD_LABEL, problem, Label(place), helps=(advice,))]
    # Blocks and labels further out may be hidden, a parameter, a let or a loop's variable may not.
    value = scope.get(name) if is_name(name) else ABSENT
    if value is not ABSENT and (block.scope.holds(name) or not isinstance(value, (Partial, Signal))):
        what = "a size" if isinstance(value, Size) else "a parameter, a let or a loop's variable"
        problem = f"{name} is {what} here, and a label cannot hide it"
        helps = (f"call that other thing something else, or choose another label than {name}",)
        return [Diagnostic(Code.BAD_LABEL, problem, Label(place), helps=helps)]
    return []


def _could_be_called(name: str, block: DraftBlock, scope: Scope, kind: type[Op] | None, place: Span) -> bool:
    """Whether ``name`` alone is a step as well: another layer than that which it labels, a block without arguments."""
    layer = find(name)
    if layer is not None:
        return layer is not kind
    called = scope.get(name)
    if not isinstance(called, Partial):
        return False
    if not isinstance(called.target, Definition):
        return True
    params = called.target.block.params
    bound = {argument.name for argument in called.arguments} | {*block.environment.defaults_for(called.target, place)}
    bound |= {param.name for param, _ in zip(params, (a for a in called.arguments if a.name is None), strict=False)}
    return all(param.default is not None or param.name in bound for param in params)


def _two_rounds(label: ast.Binder, first: Scope) -> Diagnostic:
    """One label of two rounds whose steps belong to one block."""
    names = sorted(ast.names_in(label.parts))
    values = ", ".join(f"{name} = {display(first.get(name))}" for name in names if first.has(name))
    before = f"it was {label.name} with {values} already" if values else f"it was {label.name} already"
    helps = ("the label must be another one in every round",)
    if not label.parts:
        before = "it was given in an earlier round"
        helps = ("the rounds have no numbers here, since a label in them is computed: compute this one too",)
    message = f"two things are called {label.name}"
    return Diagnostic(Code.DUPLICATE_LABEL, message, Label(label.span, before), helps=helps)


def two_of_a_name(name: str, again: Span, first: Span, *, by_round: bool = False) -> Diagnostic:
    """Two things of one name.

    Args:
        by_round: whether one of the two is a round of a loop without a label, which is called by its number.
    """
    how = in_form(again, "`layers: repeat …`", "`label: layers` beside it")
    return Diagnostic(
        Code.DUPLICATE_LABEL,
        f"two things are called {name}",
        Label(again, "again here"),
        (Label(first, "first here"),),
        notes=("the rounds of a loop without a label are called by their numbers",) if by_round else (),
        helps=(f"give the loop a label: {how}",) if by_round else (),
    )
