"""Modules of ``nn.MultiheadAttention``, read as the one step that they are.

Its code moves the batch behind the places and joins it with the heads, a value that the language cannot have. So its
calls are not read one by one: they are those of PyTorch's own module, whatever is given to it, and the module's
parameters and shapes say the rest. What would make it another module, a mask above all, is looked for and refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch.fx import Graph, Node

from specc.importing.building import Building
from specc.importing.program import Known, Unsayable, as_float32
from specc.importing.turned import batch_at, batch_place, plain_value

_MODULE = "torch.nn.modules.activation.MultiheadAttention"
_PARAMETERS = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")

_CALLS = frozenset(
    """
    transpose linear unflatten unsqueeze squeeze contiguous select view reshape permute mul softmax bmm chunk split
    split_with_sizes scaled_dot_product_attention mean sym_size clone unbind dropout div
    """.split()
)
"""What it computes with where it masks nothing; ``add`` and ``baddbmm`` are of masks."""


@dataclass(frozen=True)
class AttentionCalls:
    """The calls of one module of attention.

    Attributes:
        path: of the module.
    """

    path: str
    nodes: tuple[Node, ...]

    @property
    def outside(self) -> tuple[Node, ...]:
        """The values that come from outside, in the order in which they are read."""
        own = set(self.nodes)
        read = (source for node in self.nodes for source in node.all_input_nodes if source not in own)
        return tuple(dict.fromkeys(read))

    @property
    def given(self) -> tuple[Node, ...]:
        """The values that are read outside."""
        own = set(self.nodes)
        tensors = (node for node in self.nodes if not isinstance(node.meta.get("val"), int | torch.SymInt))
        return tuple(node for node in tensors if any(user not in own for user in node.users))


def attentions(graph: Graph) -> Iterator[AttentionCalls]:
    """Each run of calls that stand in one such module."""
    calls = (node for node in graph.nodes if node.op == "call_function")
    for (_, path), nodes in groupby(calls, _place):
        if path:
            yield AttentionCalls(path.split("@")[0], tuple(nodes))


def _place(node: Node) -> tuple[str, str]:
    """Of the module of attention that a call stands in: which call of it, and its path; empty of any other."""
    stack = node.meta.get("nn_module_stack") or {}
    found = ((str(key), str(path)) for key, (path, kind) in stack.items() if _name(kind) == _MODULE)
    return next(found, ("", ""))


def _name(kind: Any) -> str:
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def read_attention(build: Building, calls: AttentionCalls, values: Mapping[Node, Any]) -> str:
    """The step that a module of attention is.

    Args:
        values: what was read so far, by the program's nodes.

    Raises:
        Unsayable: it masks places, gives out its weights, or has parameters of other kinds.
    """
    _require_plain(calls)
    stored = {known.name: known for node in calls.outside if isinstance(known := values[node], Known)}
    tensors = {name: stored.pop(f"{calls.path}.{name}") for name in _PARAMETERS if f"{calls.path}.{name}" in stored}
    if stored or not {"in_proj_weight", "out_proj.weight"} <= tensors.keys():
        raise Unsayable(f"it reads {next(iter(stored), 'other parameters')}, and multiheadattention has no such tensor")
    inputs, is_first = _projected(calls, values)
    if any(batch_place(build.program, x) != (0 if is_first else 1) for x in inputs):
        raise Unsayable("it attends over the first axis, which is the batch here: make it with batch_first=True")
    plain = [plain_value(build, x) for x in inputs]
    arguments = {"num_heads": _heads(calls, build.type(plain[0]).sample[-1])}
    known = {name: as_float32(each) for name, each in tensors.items()}
    bias = {} if "in_proj_bias" in tensors else {"bias": False}
    value = build.step("multiheadattention", *plain, tensors=known, **arguments, **bias)
    return batch_at(build, value, 0 if is_first else 1)


def _require_plain(calls: AttentionCalls) -> None:
    names = [_call(node) for node in calls.nodes]
    other = next((name for name in names if name not in _CALLS and not name.startswith(("_operator.", "sym_"))), None)
    attended = [node for node in calls.nodes if _call(node) == "scaled_dot_product_attention"]
    if other in ("baddbmm", "add", "masked_fill", "where") or any(len(n.args) > 3 or n.kwargs for n in attended):
        raise Unsayable("it masks places, and no operator of the language does: every place attends to all")
    if other is not None:
        raise Unsayable(f"it computes {other}, which is no part of multiheadattention")
    if len(calls.given) != 1 or not _leads(_joining(calls), calls.given[0], calls.nodes):
        raise Unsayable("it gives out its weights, too, which are no value of multiheadattention: leave them unread")


def _projected(calls: AttentionCalls, values: Mapping[Node, Any]) -> tuple[list[str], bool]:
    """Query, keys and values, one where all are, or two where the last two are; and whether their batch is first.

    Each is projected by a linear layer of its own, in this order; with ``batch_first=True`` it is transposed before.
    """
    joins = _joining(calls)
    inputs, turned = [], []
    for node in calls.nodes:
        if _call(node) == "linear" and node is not joins:
            source = node.args[0]
            is_turned = isinstance(source, Node) and source in calls.nodes and _call(source) == "transpose"
            source = source.args[0] if is_turned and isinstance(source, Node) else source
            value = values.get(source) if isinstance(source, Node) else None
            if not isinstance(value, str):
                raise Unsayable("what it projects is not to be seen")
            inputs.append(value)
            turned.append(is_turned)
    if not 1 <= len(inputs) <= 3 or len(set(turned)) > 1:
        raise Unsayable("what its query, keys and values are is not to be seen")
    return inputs, turned[0]


def _joining(calls: AttentionCalls) -> Node | None:
    """The last linear layer, which joins the heads."""
    return next((node for node in reversed(calls.nodes) if _call(node) == "linear"), None)


def _leads(source: Node | None, given: Node, nodes: Sequence[Node]) -> bool:
    """Whether a value is computed of another one among these calls."""
    reached = {source}
    for node in nodes:
        if reached.intersection(node.all_input_nodes):
            reached.add(node)
    return given in reached


def _heads(calls: AttentionCalls, features: Any) -> int:
    """As many as the features that a query has are more than those of a head."""
    products = ("scaled_dot_product_attention", "bmm")
    query = next((node.args[0] for node in calls.nodes if _call(node) in products), None)
    each = query.meta["val"].shape[-1] if isinstance(query, Node) else 0
    if not isinstance(features, int) or not isinstance(each, int) or each < 1 or features % each:
        raise Unsayable("how many heads it has is not to be seen")
    return features // each


def _call(node: Node) -> str:
    target: Any = node.target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name.removeprefix("aten::"))
    return f"{target.__module__}.{target.__name__}"
