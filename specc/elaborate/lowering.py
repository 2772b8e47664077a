"""Drafts become the graph: every step and block gets its name and its place.

A step with tensors is named by its kind and its place among the steps of that kind with tensors, labelled
ones counted: labelling a step renames no other. Steps without tensors are numbered after them, past every name
in use, so that inserting a relu never renames a weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.elaborate.contracts import GraphOutput
from specc.elaborate.drafts import DraftBlock, DraftNode
from specc.elaborate.errors import in_form
from specc.elaborate.values import Signal
from specc.ir.graph import Graph, Node, Passed, Port, Region, steps
from specc.source import Span


def lower(name: str, inputs: tuple[Port, ...], outputs: list[GraphOutput], root: DraftBlock) -> Graph:
    """The graph of the model.

    Raises:
        SpecError: two things would have one name, or shared steps would have two sets of weights.
    """
    lowering = _Lowering({port.name for port in inputs}, outputs)
    members = lowering.members(root, "", None)
    if lowering.findings:
        raise SpecError(lowering.findings)
    graph = Graph(name, inputs, tuple((port, lowering.value(value)) for port, value in outputs), members)
    if lowering.shares and (findings := _two_sets_of_weights(graph)):
        raise SpecError(findings)
    return graph


class _Lowering:
    """Every step and block gets its dotted name, and that of what holds its tensors, in the order of the network.

    Attributes:
        shares: whether steps are shared at all.
    """

    def __init__(self, inputs: set[str], outputs: list[GraphOutput]) -> None:
        self.findings: list[Diagnostic] = []
        self.shares = False
        self._inputs = inputs
        self._outputs = {port.name for port, _ in outputs}
        self._values: dict[int | str | None, str] = {name: name for name in inputs}
        self._homes: dict[DraftBlock, str] = {}
        self._labels: dict[DraftBlock, list[str]] = {}

    def members(self, block: DraftBlock, path: str, owner: str | None) -> tuple[Node | Region, ...]:
        """The steps and blocks of ``block``.

        Args:
            path: of the block itself; "" for the model.
            owner: the same path in the module that holds the tensors, where that is another one.
        """
        self._homes[block] = path if owner is None else owner
        if block not in self._labels:
            # The members of a group that goes on have unique names in all its parts.
            parts, ports = block.names.parts, set() if path else self._inputs | self._outputs
            names, findings = _names([m for part in parts for m in part.members], block.names.labels, ports)
            self.findings += findings
            for part in parts:
                self._labels[part], names = names[: len(part.members)], names[len(part.members) :]
        inside, owned = f"{path}." if path else "", f"{owner}." if owner else ""
        lowered: list[Node | Region] = []
        for member, label in zip(block.members, self._labels[block], strict=True):
            its_owner = f"{owned}{label}" if owner is not None else None
            if isinstance(member, DraftBlock):
                lowered.append(self._block(member, f"{inside}{label}", its_owner))
                continue
            # A step may share an output's name only if it was labelled so; an input's never.
            is_output = label in self._outputs and member.label != label
            if not path and (label in self._inputs or is_output):
                what = "input" if label in self._inputs else "output"
                message = f"{label} is the name of the model's {what}, not of this value"
                helps = ("label the step differently",)
                self.findings.append(Diagnostic(Code.BAD_LABEL, message, Label(member.span), helps=helps))
            lowered.append(self._node(member, f"{inside}{label}", its_owner))
        return tuple(lowered)

    def _node(self, draft: DraftNode, path: str, owner: str | None) -> Node:
        values = self._values
        values[draft.producer] = path
        inputs = tuple([values[value.producer] for value in draft.inputs])
        return Node(path, draft.op, inputs, draft.types, draft.type, draft.span, owner, draft.parameters, draft.slot)

    def _block(self, block: DraftBlock, path: str, owner: str | None) -> Node | Region:
        if block.shared is not None:
            self.shares = True
            home = self._homes[block.shared.block]
            owner = f"{home}.{block.shared.name}" if home else block.shared.name
        if block.sole and len(block.members) == 1:
            (member,) = block.members
            self._homes[block] = path if owner is None else owner
            if isinstance(member, DraftBlock):
                return self._block(member, path, owner)
            return self._node(member, path, owner)
        assert block.kind != "model", "the model is no block of itself"
        assert block.result is not None, "a block with steps has a result"
        members = self.members(block, path, owner)
        output = self.value(block.result)
        if not output.startswith(f"{path}."):  # it gives what it was given
            stated = (self.value(value) for _, value in reversed(block.outputs))
            output = next((name for name in stated if name.startswith(f"{path}.")), steps(members)[-1].name)
        return Region(
            path,
            block.kind,
            block.title,
            block.arguments,
            self.value(block.start) if block.start is not None else None,
            output,
            members,
            block.span,
            owner,
            tuple([(name, self.value(value)) for name, value in block.values]),
            tuple([Passed(slot, self.value(value), index) for slot, value, index in block.passed]),
            block.slot,
            tuple([(name, self.value(value)) for name, value in block.outputs]) if block.outputs else (),
        )

    def value(self, value: Signal) -> str:
        """The name of a value: of the step that makes it, or of the input that it is."""
        assert value.producer is not None, "an unknown value is never lowered"
        return self._values[value.producer]


def _names(
    steps: Sequence[DraftNode | DraftBlock], labels: Mapping[str, Span], ports: set[str]
) -> tuple[list[str], list[Diagnostic]]:
    """A unique name for each step of one block; labels are unique already.

    Args:
        labels: every name in that block, those of shared steps and of rounds too, with its place.
        ports: names of inputs and outputs there.
    """
    names = [step.label or "" for step in steps]
    if all(names):
        return names, []
    findings: list[Diagnostic] = []
    counts: dict[str, int] = {}
    counted: dict[str, tuple[str, Span]] = {}
    nouns = [step.title if isinstance(step, DraftBlock) else step.op.kind for step in steps]
    for index, (step, noun) in enumerate(zip(steps, nouns, strict=True)):
        if isinstance(step, DraftBlock):
            # A group labelled `conv` is no convolution; the tensors of shared steps have another owner.
            has_number = step.kind == "block" and step.shared is None and step.holds_tensors
        else:
            has_number = bool(step.parameters)
        if not has_number:
            continue
        count = counts[noun] = counts.get(noun, 0) + 1
        if names[index]:
            continue
        name = names[index] = f"{noun}{count}"
        if name in labels:
            message = f"the label {name} is also the name of an unlabelled {noun}"
            places = Label(labels[name], "the label"), (Label(step.span, f"this step counts as {name}"),)
            helps = ("label the other step too, or choose another label",)
            findings.append(Diagnostic(Code.BAD_LABEL, message, *places, helps=helps))
        elif name in counted:
            first, place = counted[name]
            message = f"an unlabelled {first} and an unlabelled {noun} both count as {name}"
            places = Label(step.span, f"this {noun}"), (Label(place, f"this {first}"),)
            findings.append(Diagnostic(Code.BAD_LABEL, message, *places, helps=("label one of them",)))
        else:
            counted[name] = noun, step.span
    used, numbers = {*ports, *labels, *names}, dict[str, int]()
    for index, noun in enumerate(nouns):
        while not names[index]:
            number = numbers[noun] = numbers.get(noun, 0) + 1
            if (free := f"{noun}{number}") not in used:
                names[index] = free
                used.add(free)
    return names, findings


# ---- shared steps ---------------------------------------------------------------------------------------------------


def _two_sets_of_weights(graph: Graph) -> list[Diagnostic]:
    """Shared steps that would not be the same at every place where they are applied."""
    applied: dict[str, Node] = {}
    findings: dict[str, Diagnostic] = {}
    for node in graph.nodes:
        first = applied.setdefault(node.module, node)
        if node.owner is None or first is node or node.module in findings:
            continue
        pairs = zip(first.parameters, node.parameters, strict=False)
        mine, its = next((pair for pair in pairs if pair[0] != pair[1]), (None, None))
        if mine and its and mine.shape == its.shape and mine.trainable != its.trainable:
            message = f"{first.path(mine)} is shared, and would be frozen at one place and trained at another"
            where = in_form(node.span, "`shared … = frozen { … }`", "`group: …` with `frozen: true` in its `steps`")
            helps = (f"one tensor is either: freeze it where it is shared, {where}, or at no place",)
            findings[node.module] = Diagnostic(Code.SHARED, message, Label(node.span), helps=helps)
        elif mine and its:
            shapes = f"{list(mine.shape)} at one place and {list(its.shape)} at another"
            message = f"{first.path(mine)} is shared, and would be {shapes}"
            helps = ("shared steps are applied to values of the same channels",)
            findings[node.module] = Diagnostic(Code.SHARED, message, Label(node.span), helps=helps)
        elif first.op.torch(*first.input_types) != node.op.torch(*node.input_types):
            types = f"for {node.input_types[0]} than for {first.input_types[0]}"
            message = f"{first.module} is shared, and would be another {first.op.kind} {types}"
            findings[node.module] = Diagnostic(Code.SHARED, message, Label(node.span))
    return list(findings.values()) or _other_steps(graph.members, {})


def _other_steps(members: tuple[Node | Region, ...], first: dict[str, tuple[str, ...]]) -> list[Diagnostic]:
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
