"""The network under construction: steps and blocks without names yet, as `specc.ir.graph` will have them with names,
the block that the next step goes to, and who has which label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from specc.diagnostics import Code, Diagnostic, Label
from specc.diagnostics.words import visible
from specc.elaborate.errors import Invalid, Unknown, in_form, invalid, short
from specc.elaborate.evaluation import evaluate
from specc.elaborate.inside import BlockValue, Inside
from specc.elaborate.scopes import ABSENT, Definition, Environment, Scope, require_name
from specc.elaborate.values import CONSTANTS, UNKNOWN, Callee, Partial, Signal, display, is_whole
from specc.ir.op import Op, Parameter
from specc.ir.size import Size
from specc.ir.types import TensorType
from specc.ops import find
from specc.source import Span
from specc.syntax import ast
from specc.syntax.tokens import is_name, is_plain_number


@dataclass(slots=True, eq=False)
class DraftNode(Signal):
    """A step that fits, before it has a name; it is the value that it gives, too.

    ``producer`` is its own index among all steps of the model; ``types`` are those of what it takes; ``slot`` is as of
    `specc.ir.graph.Node`.
    """

    producer: int
    type: TensorType
    op: Op
    inputs: tuple[Signal, ...]
    types: tuple[TensorType, ...]
    parameters: tuple[Parameter, ...]
    label: str | None
    slot: str | None


@dataclass(slots=True)
class LocalNames:
    """The names and counts of one block; a group that goes on has one for all its parts.

    Attributes:
        labels: every name there, of shared steps and of rounds too, with its place.
        scopes: for each label the scope at its place, whose variables say which round it was.
        groups: the labelled groups, by name; the first part of each.
        parts: the parts of the group, or the block alone.
        inside: the values that go by these names.
    """

    inside: Inside
    labels: dict[str, Span] = field(default_factory=dict)
    scopes: dict[str, Scope] = field(default_factory=dict)
    groups: dict[str, DraftBlock] = field(default_factory=dict)
    parts: list[DraftBlock] = field(default_factory=list)


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
        outputs: those that a block states, by name.
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
    outputs: tuple[tuple[str, Signal], ...] = ()
    result: Signal | None = None

    def __post_init__(self) -> None:
        self.names = self.continues.names if self.continues is not None else LocalNames(Inside(self.title, self.span))
        self.names.parts.append(self)

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
        findings: the mistakes so far, by what makes one a repetition of another.
        stated: the outputs that blocks state.
        open: the blocks that the present one is in, and itself.
        trace: the calls and rounds that the walk is in; a label is made only if there is a mistake in it.
    """

    def __init__(self, model: DraftBlock) -> None:
        self.block = model
        self.open: list[DraftBlock] = [model]
        self.findings: dict[tuple[object, ...], Diagnostic] = {}
        self.trace: list[Callable[[], Label]] = []
        self.nodes: list[DraftNode] = []
        self.shared: dict[SharedSteps, bool] = {}
        self.stated: list[tuple[DraftBlock, ast.PortDeclaration, Signal]] = []

    def report(self, *findings: Diagnostic) -> None:
        """Add mistakes; of one place in a block or loop only the first, with the calls that led there."""
        for finding in findings:
            key = (finding.primary.span, finding.code if self.trace else finding.identity)
            if key not in self.findings:
                self.findings[key] = replace(finding, trace=tuple(label() for label in reversed(self.trace)))

    def claim(self, label: ast.Binder | None, scope: Scope, kind: type[Op] | None = None) -> None:
        """Take a label for a step of the block, and report it where the step cannot have it.

        Args:
            kind: of the step, if it is an operator: only then is its label no second meaning of that layer's name.
        """
        if label is None:
            return
        name, place, names = label.name, label.span, self.block.names
        earlier = names.labels.setdefault(name, place)
        if earlier is not place:
            by_round = is_plain_number(name) and len(name) < 10 and int(name) < names.inside.rounds
            self.report(two_of_a_name(name, place, earlier, by_round=by_round))
        elif name in names.scopes:
            self.report(_two_rounds(label, names.scopes[name]))
        else:
            names.scopes[name] = scope
            if _could_be_called(name, self.block, scope, kind, place):
                self.block.scope.mark_ambiguous(name, (place,))
            if problem := _label_conflict(name, place, self.block, scope):
                message, advice = problem
                self.report(Diagnostic(Code.BAD_LABEL, message, Label(place), helps=(advice,)))

    def claim_name(self, name: str, place: Span, scope: Scope) -> None:
        """Take the name of what steps mean by it: of an input, of shared steps."""
        try:
            require_name(name, place)
        except Invalid as problem:
            self.block.names.labels[name] = place
            self.report(problem.diagnostic.with_help("choose another name"))
        else:
            self.claim(ast.Binder(place, name), scope, find(name))  # no second meaning of the layer that it hides

    def label(self, label: ast.Binder | None, value: Signal) -> Signal:
        """``value``, which goes by its label from now on."""
        if label is None:
            return value
        self.block.names.inside.values[label.name] = value
        if _stands_for_value(label):
            self.block.scope.names[label.name] = value.seen
            self.block.scope.labels.add(label.name)
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
            trace: the call, as a finding inside the block shows it.
        """
        outer, self.block = self.block, block
        self.open.append(block)
        if trace is not None:
            self.trace.append(trace)
        try:
            block.result = body()
        except (Invalid, Unknown) as problem:
            if isinstance(problem, Invalid):
                self.report(problem.diagnostic)
            block.result = Signal(None, None, block.span)
        self.open.pop()
        self.block = outer
        value = _with_inside(block, outer)
        if trace is not None:
            self.trace.pop()
        if block.members:
            outer.members.append(block)
        if value is not None and label is None and block.label is not None:  # a round, which has a number
            outer.names.inside.values[block.label] = value
        if label is None or block.continues is None:
            return value and self.label(label, value)
        # The group has gone on: no one value goes by its label any more.
        outer.names.inside.values.pop(label.name, None)
        if _stands_for_value(label):
            outer.scope.names[label.name] = UNKNOWN if value is None else value.seen  # the way to the labels in it
            outer.scope.mark_ambiguous(label.name, (outer.names.labels[label.name], label.span))
        return value


def _with_inside(block: DraftBlock, outer: DraftBlock) -> Signal | None:
    """The value of a block that has been walked, with the way to those inside of it."""
    value = block.result
    if value is None or value.type is None or (block.sole and isinstance(value, BlockValue)):
        return value
    inside = block.names.inside
    inside.around = outer.names.inside
    if not inside.values and block.kind in ("group", "round") and isinstance(value, BlockValue):
        return value  # nothing in it has a label: what its last step has inside is seen through it
    return BlockValue(value.producer, value.type, value.span, inside)


# ---- labels ---------------------------------------------------------------------------------------------------------

RESERVED = frozenset(
    """
    adaptiveavgpool adaptivemaxpool add affine alphadropout amax avgpool batchnorm bn celu channelshuffle concat conv
    convtranspose dropout elu fc flatten gelu globalavgpool globalmaxpool groupnorm hardsigmoid hardswish hardtanh
    identity instancenorm layernorm leakyrelu linear logsoftmax lppool lrn maximum maxpool mean mish mul pad permute
    pixelshuffle pixelunshuffle prelu relu relu6 reshape rmsnorm scale selu sigmoid silu slice softmax softplus softsign
    stochasticdepth sub tanh upsample
    """.split()
)
"""The layers that the language began with: a label named as one of them names the weights only. As a later one, it
names the value, and hides the layer: a spec that is older than the layer means what it meant."""
LONGEST_LABEL = 200
_NO_LABELS = {
    "": "a label has at least one character",
    "_": "_ is the current value, and no other thing can be called so",
    "training": "training is where PyTorch's modules keep their mode, and a step cannot be called so",
}
_NOT_IN_LABELS = {
    ".": "a dot parts a step's name from that of the group it is in",
    "/": "what a step needs besides is called after it, behind a slash",
    ":": "a step is asked for as SPEC:STEP",
    '"': "quotation marks end a text",
    "\\": "it begins an escape",
    "{": "braces are kept for formulas",
    "}": "braces are kept for formulas",
}


@lru_cache(maxsize=1024)  # in the rounds of a loop each label comes again: 5 % of the elaboration of examples/zoo
def label_problem(label: str) -> str | None:
    """Why ``label`` cannot name a step; None where it can. Names of layers and of constants can."""
    if label in _NO_LABELS:
        return _NO_LABELS[label]
    if len(label) > LONGEST_LABEL:
        return f"a label has at most {LONGEST_LABEL} characters, and this one has {len(label):,}"
    wrong = next((c for c in label if c in _NOT_IN_LABELS or c.isspace() or not c.isprintable()), None)
    if wrong is None:
        return None
    reason = _NOT_IN_LABELS.get(wrong, "a blank or a character that nobody sees is none of a name")
    return f"`{visible(wrong)}` cannot stand in a label: {reason}"


def _label_conflict(name: str, place: Span, block: DraftBlock, scope: Scope) -> tuple[str, str] | None:
    """Why a step of ``block`` cannot be called ``name``, and what to do; None where it can."""
    problem = label_problem(name)
    if name[:1].isdigit() and place.text == name and not is_plain_number(name):
        advice = "choose another label"
        if problem is None:
            advice = in_form(place, f'in quotes it is one: `"{name}": …`', f'in quotes it is one: `"{name}"`')
        return f"a label is a name or a plain whole number, and {name} is none", advice
    if problem is not None:
        if "." not in name:
            return problem, "choose another label"
        group, _, step = (short(part) or "…" for part in name.partition("."))
        language = f"`{group}: {{ {step}: … }}` is the step {group}.{step}"
        in_yaml = f"a group labelled {group} with a step labelled {step} in it is the step {group}.{step}"
        return problem, in_form(place, language, in_yaml)
    # Blocks and labels further out may be hidden, a parameter, a let or a loop's variable may not.
    value = scope.get(name) if is_name(name) else ABSENT
    if value is ABSENT or (name not in block.scope.names and isinstance(value, (Partial, Signal))):
        return None
    what = "a size" if isinstance(value, Size) else "a parameter, a let or a loop's variable"
    advice = f"call that other thing something else, or choose another label than {name}"
    return f"{name} is {what} here, and a label cannot hide it", advice


def resolved(label: ast.Binder, scope: Scope) -> ast.Binder:
    """The label with its formulas computed. Raises Invalid, Unknown."""
    if not label.parts:
        return label
    name = ""
    for part in label.parts:
        value = part if isinstance(part, str) else evaluate(part, scope)
        if not isinstance(part, str) and not isinstance(value, str) and not is_whole(value):
            message = f"a label is made of whole numbers and texts, and {part.span.text} is {display(value)}"
            raise invalid(Code.BAD_LABEL, message, part.span)
        name += str(value)
    return label._replace(name=name)


def refuse_label(step: ast.Call | ast.Checkpoint | ast.Enclosing | ast.Reference) -> None:
    """Raises Invalid where a step that makes no value of its own has a label."""
    if step.label is not None:
        raise invalid(
            Code.BAD_LABEL,
            f"{step.label.name} labels no layer, so it would name nothing",
            step.label.span,
            helps=("put the label on the layer that makes the value",),
        )


def _stands_for_value(label: ast.Binder) -> bool:
    """Whether the value of the step goes by its label.

    Not where the word means something else: a reserved layer's name stays the layer, `in` the input. Such a label names
    the weights only, and so does one that is no name, or is computed.
    """
    return not label.parts and is_name(label.name) and label.name not in RESERVED and label.name not in CONSTANTS


def _could_be_called(name: str, block: DraftBlock, scope: Scope, kind: type[Op] | None, place: Span) -> bool:
    """Whether ``name`` alone is a step as well: another layer than that which it labels, a block without arguments."""
    if name in RESERVED:
        return find(name) is not kind
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
