"""The walked model becomes a graph: every step and block gets its name and its place."""

from __future__ import annotations

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.elaborate.frames import Draft, Frame, Given
from specc.elaborate.naming import Unnamed, name_steps
from specc.elaborate.outputs import Exit
from specc.ir.graph import Block, Graph, Node, Port


def assemble(name: str, inputs: tuple[Port, ...], exits: list[Exit], root: Frame) -> Graph:
    """The graph of the model.

    Raises:
        SpecError: two things would have one name, or shared steps would have two sets of weights.
    """
    names = _Names({port.name for port in inputs}, exits)
    names.enter(root, "", None)
    if names.findings:
        raise SpecError(names.findings)
    graph = Graph(
        name,
        inputs,
        tuple((leave.port, names.value(leave.given)) for leave in exits),
        names.members(root),
    )
    if findings := _two_sets_of_weights(graph):
        raise SpecError(findings)
    return graph


class _Names:
    """The dotted name of every step and frame, and of what holds its tensors."""

    def __init__(self, inputs: set[str], exits: list[Exit]) -> None:
        self.findings: list[Diagnostic] = []
        self._inputs = inputs
        self._outputs = {leave.port.name: leave.given.producer for leave in exits}
        self._steps: dict[int, tuple[str, str | None]] = {}
        self._frames: dict[Frame, tuple[str, str | None]] = {}

    def enter(self, frame: Frame, path: str, owner: str | None) -> None:
        """Name what stands in ``frame``.

        Args:
            path: of the frame itself; "" for the model.
            owner: the same path in the module that holds the tensors, where that is another one.
        """
        self._frames[frame] = path, owner
        members = frame.members
        taken = (self._inputs | set(self._outputs)) if not path else set()
        labels, findings = name_steps([_unnamed(member) for member in members], frame.labels, taken)
        self.findings += findings
        for member, label in zip(members, labels, strict=True):
            if not path and isinstance(member, Draft):
                self._refuse_port(label, member)
            self._name(member, _join(path, label), _join(owner, label) if owner is not None else None)

    def _name(self, member: Draft | Frame, path: str, owner: str | None) -> None:
        if isinstance(member, Draft):
            self._steps[member.index] = path, owner
            return
        if member.shared is not None:
            home, home_owner = self._frames[member.shared.frame]
            owner = _join(home if home_owner is None else home_owner, member.shared.name)
        if member.sole and len(member.members) == 1:
            self._frames[member] = path, owner
            self._name(member.members[0], path, owner)
        else:
            self.enter(member, path, owner)

    def _refuse_port(self, label: str, step: Draft) -> None:
        """A step may share an output's name only if it was labelled so; an input's never."""
        if label in self._inputs or (label in self._outputs and step.label != label):
            what = "input" if label in self._inputs else "output"
            message = f"{label} is the name of the model's {what}, not of this value"
            finding = Diagnostic(Code.BAD_LABEL, message, Label(step.span), helps=("label the step differently",))
            self.findings.append(finding)

    def value(self, given: Given) -> str:
        if isinstance(given.producer, int):
            return self._steps[given.producer][0]
        assert given.producer is not None, "an unknown value is never assembled"
        return given.producer

    def members(self, frame: Frame) -> tuple[Node | Block, ...]:
        return tuple(m for member in frame.members for m in self._built(member))

    def _built(self, member: Draft | Frame) -> tuple[Node | Block, ...]:
        if isinstance(member, Draft):
            return (self._node(member),)
        if member.sole and len(member.members) == 1:
            return self.members(member)
        return (self._block(member),)

    def _node(self, draft: Draft) -> Node:
        path, owner = self._steps[draft.index]
        inputs = tuple(map(self.value, draft.inputs))
        return Node(path, draft.op, inputs, draft.types, draft.type, draft.span, owner)

    def _block(self, frame: Frame) -> Block:
        assert frame.kind != "model", "the model is no block of itself"
        assert frame.result is not None, "a frame with steps has a result"
        path, owner = self._frames[frame]
        return Block(
            path,
            frame.kind,
            frame.title,
            frame.arguments,
            self.value(frame.start) if frame.start is not None else None,
            self.value(frame.result),
            self.members(frame),
            frame.span,
            owner,
            tuple((name, self.value(given)) for name, given in frame.values),
        )


def _unnamed(member: Draft | Frame) -> Unnamed:
    if isinstance(member, Draft):
        return Unnamed(member.op.kind, bool(member.parameters), member.label, member.span)
    # Applications of shared steps are numbered apart: their tensors go by another name.
    stateful = member.stateful and member.shared is None
    return Unnamed(member.title, stateful, member.label, member.span)


def _join(path: str, label: str) -> str:
    return f"{path}.{label}" if path else label


def _two_sets_of_weights(graph: Graph) -> list[Diagnostic]:
    """Shared steps that would not be the same at every place where they are applied."""
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
        if member.owner is not None and first.setdefault(member.owner, steps) != steps:
            message = f"{member.owner} is shared, and would have other steps here than where it is applied first"
            findings.append(Diagnostic(Code.SHARED, message, Label(member.span)))
        else:
            findings += _other_steps(member.members, first)
    return findings
