"""Drafts become the graph: every step and block gets its name and its place.

A step with tensors is named by its kind and its place among the steps of that kind with tensors, labelled
ones counted: labelling a step renames no other. Steps without tensors are numbered apart, past every name
taken, so that inserting a relu never renames a weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.elaborate.drafts import DraftBlock, DraftNode
from specc.elaborate.outputs import GraphOutput
from specc.elaborate.values import Signal
from specc.ir.graph import Block, Graph, Node, Passed, Port
from specc.source import Span


def lower(name: str, inputs: tuple[Port, ...], exits: list[GraphOutput], root: DraftBlock) -> Graph:
    """The graph of the model.

    Raises:
        SpecError: two things would have one name, or shared steps would have two sets of weights.
    """
    building = _Lowering({port.name for port in inputs}, exits)
    members = building.members(root, "", None)
    if building.findings:
        raise SpecError(building.findings)
    graph = Graph(name, inputs, tuple((leave.port, building.value(leave.given)) for leave in exits), members)
    if building.shares and (findings := _two_sets_of_weights(graph)):
        raise SpecError(findings)
    return graph


class _Lowering:
    """Every step and frame gets its dotted name, and that of what holds its tensors, in the order of the network."""

    def __init__(self, inputs: set[str], exits: list[GraphOutput]) -> None:
        self.findings: list[Diagnostic] = []
        self.shares = False
        """Whether steps are shared at all."""
        self._inputs = inputs
        self._outputs = {leave.port.name: leave.given.producer for leave in exits}
        self._values: dict[int | str | None, str] = {name: name for name in inputs}
        self._homes: dict[DraftBlock, str] = {}
        self._labels: dict[DraftBlock, list[str]] = {}

    def members(self, frame: DraftBlock, path: str, owner: str | None) -> tuple[Node | Block, ...]:
        """The steps and blocks of ``frame``.

        Args:
            path: of the frame itself; "" for the model.
            owner: the same path in the module that holds the tensors, where that is another one.
        """
        self._homes[frame] = path if owner is None else owner
        members, labels = frame.members, self._labels_of(frame, path)
        inside, owned = f"{path}." if path else "", f"{owner}." if owner else ""
        built: list[Node | Block] = []
        for member, label in zip(members, labels, strict=True):
            its_owner = f"{owned}{label}" if owner is not None else None
            if isinstance(member, DraftBlock):
                built += self._frame(member, f"{inside}{label}", its_owner)
                continue
            if not path:
                self._refuse_port(label, member)
            built.append(self._node(member, f"{inside}{label}", its_owner))
        return tuple(built)

    def _labels_of(self, frame: DraftBlock, path: str) -> list[str]:
        """The names of a frame's members: of a group that goes on those of all its parts are told apart together."""
        parts = frame.first.parts
        if frame not in self._labels:
            taken = (self._inputs | set(self._outputs)) if not path else set()
            members = [member for part in parts for member in part.members]
            labels, findings = name_steps(members, frame.labels, taken)
            self.findings += findings
            for part in parts:
                self._labels[part], labels = labels[: len(part.members)], labels[len(part.members) :]
        return self._labels[frame]

    def _node(self, draft: DraftNode, path: str, owner: str | None) -> Node:
        values = self._values
        values[draft.producer] = path
        inputs = tuple([values[given.producer] for given in draft.inputs])
        return Node(path, draft.op, inputs, draft.types, draft.type, draft.span, owner, draft.parameters, draft.slot)

    def _frame(self, frame: DraftBlock, path: str, owner: str | None) -> tuple[Node | Block, ...]:
        if frame.shared is not None:
            self.shares = True
            home = self._homes[frame.shared.frame]
            owner = f"{home}.{frame.shared.name}" if home else frame.shared.name
        if not frame.sole or len(frame.members) != 1:
            return (self._block(frame, path, owner),)
        (member,) = frame.members
        self._homes[frame] = path if owner is None else owner
        return (
            self._frame(member, path, owner) if isinstance(member, DraftBlock) else (self._node(member, path, owner),)
        )

    def _refuse_port(self, label: str, step: DraftNode) -> None:
        """A step may share an output's name only if it was labelled so; an input's never."""
        if label in self._inputs or (label in self._outputs and step.label != label):
            what = "input" if label in self._inputs else "output"
            message = f"{label} is the name of the model's {what}, not of this value"
            finding = Diagnostic(Code.BAD_LABEL, message, Label(step.span), helps=("label the step differently",))
            self.findings.append(finding)

    def value(self, given: Signal) -> str:
        """The name of a value: of the step that makes it, or of the input that it is."""
        assert given.producer is not None, "an unknown value is never assembled"
        return self._values[given.producer]

    def _block(self, frame: DraftBlock, path: str, owner: str | None) -> Block:
        assert frame.kind != "model", "the model is no block of itself"
        assert frame.result is not None, "a frame with steps has a result"
        members = self.members(frame, path, owner)
        return Block(
            path,
            frame.kind,
            frame.title,
            frame.arguments,
            self.value(frame.start) if frame.start is not None else None,
            self.value(frame.result),
            members,
            frame.span,
            owner,
            tuple((name, self.value(given)) for name, given in frame.values),
            tuple(Passed(slot, self.value(given), place) for slot, given, place in frame.passed),
            frame.slot,
        )


def _two_sets_of_weights(graph: Graph) -> list[Diagnostic]:
    """SharedSteps steps that would not be the same at every place where they are applied."""
    first: dict[str, Node] = {}
    findings: dict[str, Diagnostic] = {}
    for node in graph.nodes:
        known = first.setdefault(node.module, node)
        if node.owner is not None and known is not node and node.module not in findings:
            findings |= _differences(known, node)
    return list(findings.values()) or _other_steps(graph.members, {})


def _differences(one: Node, other: Node) -> dict[str, Diagnostic]:
    for mine, its in zip(one.parameters, other.parameters, strict=False):
        if mine != its:
            shapes = f"{list(mine.shape)} at one place and {list(its.shape)} at another"
            message = f"{one.path(mine)} is shared, and would be {shapes}"
            help_ = "shared steps are applied to values of the same channels"
            return {one.module: Diagnostic(Code.SHARED, message, Label(other.span), helps=(help_,))}
    if one.op.torch(*one.input_types) != other.op.torch(*other.input_types):
        message = f"{one.module} is shared, and would be another {one.op.kind} for {other.input_types[0]} than for "
        finding = Diagnostic(Code.SHARED, f"{message}{one.input_types[0]}", Label(other.span))
        return {one.module: finding}
    return {}


def _other_steps(members: tuple[Node | Block, ...], first: dict[str, tuple[str, ...]]) -> list[Diagnostic]:
    """Applications of one name that are not the same steps."""
    findings: list[Diagnostic] = []
    for member in members:
        if isinstance(member, Node):
            continue
        steps = tuple(node.module for node in member.nodes)
        # A group is compared with all that it is in, and may have several parts.
        is_whole = member.owner is not None and member.kind != "group"
        if is_whole and first.setdefault(str(member.owner), steps) != steps:
            message = f"{member.owner} is shared, and would have other steps here than where it is applied first"
            findings.append(Diagnostic(Code.SHARED, message, Label(member.span)))
        else:
            findings += _other_steps(member.members, first)
    return findings


def name_steps(
    steps: Sequence[DraftNode | DraftBlock], labels: Mapping[str, Span], taken: set[str]
) -> tuple[list[str], list[Diagnostic]]:
    """A unique name for each step of one scope; labels are unique already.

    Args:
        labels: every name given in that scope, those of shared steps and of rounds too, with its place.
        taken: other names of that scope (its inputs and outputs).
    """
    names = [step.label or "" for step in steps]
    if all(names):
        return names, []
    findings = _count_stateful(steps, names, labels)
    _count_others(steps, names, {*taken, *labels, *names})
    return names, findings


def _count_stateful(
    steps: Sequence[DraftNode | DraftBlock], names: list[str], labels: Mapping[str, Span]
) -> list[Diagnostic]:
    """Name the steps with tensors by their place among those of their kind."""
    findings: list[Diagnostic] = []
    places: dict[str, int] = {}
    counted: dict[str, DraftNode | DraftBlock] = {}
    for i, step in enumerate(steps):
        if not step.stateful or not step.is_counted:
            continue
        noun = step.noun
        place = places[noun] = places.get(noun, 0) + 1
        if names[i]:
            continue
        name = names[i] = f"{noun}{place}"
        if name in labels:
            findings.append(_collision(name, labels[name], step))
        elif counted.setdefault(name, step) is not step:
            findings.append(_two_counts(name, counted[name], step))
    return findings


def _count_others(steps: Sequence[DraftNode | DraftBlock], names: list[str], used: set[str]) -> None:
    """Name the steps that have no name yet, past every name that is taken."""
    numbers: dict[str, int] = {}
    for i, step in enumerate(steps):
        while not names[i]:
            noun = step.noun
            number = numbers[noun] = numbers.get(noun, 0) + 1
            free = f"{noun}{number}"
            if free not in used:
                names[i] = free
                used.add(free)


def _two_counts(name: str, first: DraftNode | DraftBlock, second: DraftNode | DraftBlock) -> Diagnostic:
    return Diagnostic(
        Code.BAD_LABEL,
        f"an unlabelled {first.noun} and an unlabelled {second.noun} both count as {name}",
        Label(second.span, f"this {second.noun}"),
        (Label(first.span, f"this {first.noun}"),),
        helps=("label one of them",),
    )


def _collision(name: str, label: Span, unlabelled: DraftNode | DraftBlock) -> Diagnostic:
    return Diagnostic(
        Code.BAD_LABEL,
        f"the label {name} is also the name of an unlabelled {unlabelled.noun}",
        Label(label, "the label"),
        (Label(unlabelled.span, f"this step counts as {name}"),),
        helps=("label the other step too, or choose another label",),
    )
