"""The names of steps: labels as written, and numbers for the rest.

A step with tensors is named by its kind and its place among the steps of that kind with tensors, labelled
ones counted: labelling a step renames no other. Steps without tensors are numbered apart, past every name
taken, so that inserting a relu never renames a weight.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from keyword import iskeyword

from specc.diagnostics import Code, Diagnostic, Label
from specc.ops import find
from specc.source import Span

MODULE_ATTRIBUTES = frozenset(
    """T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty
    train training type xpu zero_grad""".split()
)
"""What torch.nn.Module calls its own; a step of that name would overwrite it."""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A step before it is named."""

    kind: str
    stateful: bool
    label: str | None
    span: Span


def label_problem(label: str) -> str | None:
    """Why ``label`` cannot name a step; None where it can."""
    if find(label):
        return f"{label} is a layer, and a label cannot hide it"
    if iskeyword(label) or label in ("None", "True", "False"):
        return f"{label} is a word of Python, and the PyTorch module could not carry it"
    if label in MODULE_ATTRIBUTES or label.startswith("__") or label == "_":
        return f"{label} has a meaning of its own in PyTorch's modules"
    return None


def name_steps(steps: list[Unnamed], taken: set[str]) -> tuple[list[str], list[Diagnostic]]:
    """A unique name for each step of one scope; labels are unique already.

    Args:
        taken: other names of that scope (its inputs).
    """
    labels = {step.label: step for step in steps if step.label}
    names = [step.label or "" for step in steps]
    findings: list[Diagnostic] = []
    places: Counter[str] = Counter()
    for i, step in enumerate(steps):
        if step.stateful:
            places[step.kind] += 1
            if not names[i]:
                names[i] = f"{step.kind}{places[step.kind]}"
                if names[i] in labels:
                    findings.append(_collision(names[i], labels[names[i]], step))
    used = taken | set(filter(None, names))
    numbers: Counter[str] = Counter()
    for i, step in enumerate(steps):
        while not names[i]:
            numbers[step.kind] += 1
            free = f"{step.kind}{numbers[step.kind]}"
            if free not in used:
                names[i] = free
                used.add(free)
    return names, findings


def _collision(name: str, labelled: Unnamed, unlabelled: Unnamed) -> Diagnostic:
    return Diagnostic(
        Code.BAD_LABEL,
        f"the label {name} is also the name of an unlabelled {unlabelled.kind}",
        Label(labelled.span, "the label"),
        (Label(unlabelled.span, f"this step counts as {name}"),),
        helps=("label the other step too, or choose another label",),
    )
