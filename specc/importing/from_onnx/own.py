"""Steps of files that specc has written, of which one step is many nodes: told by writing what they may be once more.

A resize to the sizes of another value, or bins that do not divide, are dozens of nodes in which nobody finds the step
again. But they have the step's name before theirs, and what specc writes for a step is always the same: so the
candidates are written, and the one whose nodes are those of the file is the step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import permutations
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, numpy_helper

from specc.backends.onnx.step_nodes import PathNamespace, StepBuilder, initializer_name
from specc.importing.program import Known, Program, Unsayable, operator, real
from specc.ir.graph import Node
from specc.ir.op import Op, Refusal
from specc.ir.targets import Value
from specc.ir.types import TensorType
from specc.source import Source, Span

TELLING = frozenset(
    """
    Cast Range Mod Where Gather Floor Softmax Pad Slice Pow Tanh InstanceNormalization MatMul AveragePool ReduceMean
    Transpose Expand
    """.split()
)
"""Nodes that stand in steps of many nodes; other steps are read node by node."""
_ALONE = frozenset({"Mul", "Gather"})
_LINEAR = frozenset({"Mul", "Add"})
"""Those of a factor, a shuffle and an affine: in other files a part of the norm before it, or nothing."""

_MODES: tuple[dict[str, Any], ...] = (
    {},
    {"mode": "linear"},
    {"mode": "bilinear"},
    {"mode": "trilinear"},
    {"mode": "bicubic"},
)
_OFFSETS: tuple[dict[str, Any], ...] = ({}, {"offset": "end"}, {"offset": 0})
_PADS: tuple[dict[str, Any], ...] = ({}, {"mode": "reflect"}, {"mode": "replicate"}, {"mode": "circular"})


class OwnSteps:
    """The steps of a file of ours by the place of their first node.

    Args:
        nodes: of the file, none of them in a function.
        declared: the shapes that the file states of values, as far as they are numbers.
    """

    def __init__(self, nodes: Sequence[NodeProto], declared: Mapping[str, tuple[int, ...]]) -> None:
        self._declared = declared
        self._groups: dict[int, list[NodeProto]] = {}
        start, label = 0, ""
        for place, node in enumerate(nodes):
            if node.name.partition("/")[0] != label:
                start, label = place, node.name.partition("/")[0]
            self._groups.setdefault(start, []).append(node)

    def at(self, place: int) -> list[NodeProto]:
        """The nodes of the step that begins there, if they are such as only writing tells; else none."""
        group = self._groups.get(place, [])
        kinds = {node.op_type for node in group}
        if len(group) == 1:
            own = f"{group[0].name}/"
            return group if kinds <= _ALONE and group[0].input[1].startswith(own) else []
        return group if TELLING & kinds or kinds == _LINEAR else []

    def read(self, nodes: list[NodeProto], values: Mapping[str, str | Known | None], program: Program) -> str | None:
        """Add the step that the nodes are to the program, and give its value; None where none is found."""
        made = {name for node in nodes for name in node.output}
        outside = [*dict.fromkeys(name for node in nodes for name in node.input if name and name not in made)]
        data = [(name, value) for name in outside if isinstance(value := values.get(name), str)]
        stored = {name: value for name in outside if isinstance(value := values.get(name), Known)}
        for order in permutations(data) if len(data) < 4 else [data]:
            types = tuple(program.types[value] for _, value in order)
            candidates = _candidates(types, nodes, self._declared.get(nodes[-1].output[0]), stored)
            for op in candidates:
                tensors = _tensors(op, types, [name for name, _ in order], nodes, stored)
                if tensors is not None:
                    given = {name: getattr(op, name) for name in op.model_fields_set}
                    return program.step(op.kind, *(value for _, value in order), tensors=tensors, **given)
        return None


def _candidates(
    types: tuple[TensorType, ...],
    nodes: Sequence[NodeProto],
    shape: tuple[int, ...] | None,
    stored: Mapping[str, Known],
) -> Iterator[Op]:
    """What a step of so many nodes may be."""
    wanted: list[tuple[str, dict[str, Any]]] = []
    kinds = {node.op_type for node in nodes}
    if any(name.endswith("in_proj_weight") for name in stored):
        features = types[0].sample[-1]
        bias = {} if any(name.endswith("in_proj_bias") for name in stored) else {"bias": False}
        heads = [n for n in range(1, 129) if isinstance(features, int) and features % n == 0]
        wanted += [("multiheadattention", {"num_heads": n, **bias}) for n in heads]
    elif len(nodes) == 1 and any(name.endswith("/factor") for name in stored):
        axes: list[dict[str, Any]] = [{}, {"dim": None}, *({"dim": axis} for axis in range(2, types[0].rank))]
        wanted += [("scale", axis) for axis in axes]
    elif kinds <= _LINEAR:
        lists = [[real(number) for number in known.read().reshape(-1)] for known in stored.values() if known.is_float]
        given = [numbers[0] if len(numbers) == 1 else tuple(numbers) for numbers in lists]
        numbered: dict[str, Any] = dict(zip(("factor", "offset"), given, strict=False))
        wanted += [("affine", numbered | dim) for dim in ({}, *({"dim": n} for n in range(2, types[0].rank)))]
    elif any(name.endswith("/factor") for name in stored):
        numbers = [real(k.read().reshape(-1)[0]) for k in stored.values() if k.is_float and k.size == 1]
        wanted += [("fuse", {} if eps == 1e-4 else {"eps": eps}) for eps in numbers]
    elif len(types) == 2:
        like = {"like": Value(1)}
        wanted += [("upsample", like | mode | corners) for mode in _MODES for corners in ({}, {"align_corners": True})]
        dims: list[dict[str, Any]] = [{}, *({"dim": axis} for axis in range(2, types[0].rank))]
        offsets = [*_OFFSETS, *({"offset": place} for place in _places(stored))]
        wanted += [("crop", like | offset | dim) for offset in offsets for dim in dims]
        wanted += [("pad", like | offset | dim | mode) for offset in offsets for dim in dims for mode in _PADS]
    elif "Pow" in kinds and "AveragePool" in kinds:
        wanted += _responses(nodes, stored)
    elif "Tanh" in kinds:
        wanted.append(("gelu", {"approximate": "tanh"}))
    elif "InstanceNormalization" in kinds:
        affine = {} if any(name.endswith(".weight") for name in stored) else {"affine": False}
        wanted += [
            ("groupnorm", {"num_groups": n} | affine | eps) for n in _divisors(types[0]) for eps in _epsilons(nodes)
        ]
    elif "ReduceMean" in kinds and "Sqrt" in kinds:
        affine = {} if any(name.endswith(".weight") for name in stored) else {"elementwise_affine": False}
        numbers = [real(k.read().reshape(-1)[0]) for k in stored.values() if k.is_float and k.size == 1]
        shapes: list[dict[str, Any]] = [
            {},
            *({"normalized_shape": types[0].shape[-n:]} for n in range(2, types[0].rank)),
        ]
        wanted += [("rmsnorm", affine | eps | over) for over in shapes for eps in ({}, *({"eps": n} for n in numbers))]
    elif kinds in ({"Reshape", "Transpose"}, {"Gather"}):
        wanted += [("channelshuffle", {"groups": n}) for n in _divisors(types[0])]
    elif len(types) == 1 and shape is not None and len(shape) > 2:
        size = shape[2] if len(set(shape[2:])) == 1 else tuple(shape[2:])
        wanted += [(kind, {"size": size}) for kind in ("adaptiveavgpool", "adaptivemaxpool")]
        wanted += [("upsample", {"size": size} | mode) for mode in _MODES]
    for kind, arguments in wanted:
        with suppress(Unsayable, Refusal):
            op = operator(kind, **arguments)
            op.infer(*types)
            yield op


def _responses(nodes: Sequence[NodeProto], stored: Mapping[str, Known]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The local response norms: over so many channels, with the factor, the shift and the exponent of the file."""
    last = [node.input[1] for node in nodes if node.op_type in ("Mul", "Add", "Pow")]
    numbers = [real(known.read().reshape(-1)[0]) for name in last if (known := stored.get(name)) and known.size == 1]
    windows = [
        a.ints for node in nodes if node.op_type == "AveragePool" for a in node.attribute if a.name == "kernel_shape"
    ]
    if len(numbers) == 3 and windows:
        given = dict(zip(("alpha", "k", "beta"), numbers, strict=True))
        usual = {"alpha": 1e-4, "k": 1.0, "beta": 0.75}
        yield "lrn", {"size": max(windows[0])} | {name: given[name] for name in usual if given[name] != usual[name]}


def _divisors(type_: TensorType) -> list[int]:
    channels = type_.sample[0]
    return [n for n in range(1, channels + 1) if channels % n == 0] if isinstance(channels, int) else []


def _epsilons(nodes: Sequence[NodeProto]) -> list[dict[str, Any]]:
    """What is added to a variance, where it is not what is meant anyway."""
    given = [real(a.f) for node in nodes for a in node.attribute if a.name == "epsilon"]
    return [{}, *({"eps": eps} for eps in given)]


def _places(stored: Mapping[str, Known]) -> set[int]:
    """The whole numbers among the constants."""
    whole = (known.read().reshape(-1) for known in stored.values() if known.dtype.kind == "i" and known.size <= 3)
    return {int(number) for numbers in whole for number in numbers if number > 0}


def _tensors(
    op: Op, types: tuple[TensorType, ...], names: list[str], nodes: list[NodeProto], stored: Mapping[str, Known]
) -> dict[str, Known] | None:
    """The tensors of the operator where the nodes are those that specc writes for it; None where they are not."""
    label = nodes[-1].name
    step = Node(label, op, tuple(names), types, op.infer(*types), Span(Source("", ""), 0, 0))
    space = PathNamespace({}, {**{name: name for name in names}, label: nodes[-1].output[0]})
    try:
        build = StepBuilder(step, space)
        build.finish(op.onnx(build, tuple(names), *types))
    except Refusal:
        return None
    if len(space.nodes) != len(nodes) or not all(map(_same, space.nodes, nodes)):
        return None
    if not all(_equal(constant, stored.get(constant.name)) for constant in space.constants):
        return None
    tensors = {}
    for parameter in step.parameters:
        known = stored.get(initializer_name(step.path(parameter), parameter))
        if known is None:
            return None
        tensors[parameter.name] = known.reshaped(*parameter.shape)
    return tensors


def _same(ours: NodeProto, theirs: NodeProto) -> bool:
    if (ours.op_type, [*ours.input], [*ours.output]) != (theirs.op_type, [*theirs.input], [*theirs.output]):
        return False
    one, other = (sorted(each.SerializeToString() for each in node.attribute) for node in (ours, theirs))
    return one == other


def _equal(constant: TensorProto, known: Known | None) -> bool:
    if known is None:
        return False
    ours, theirs = numpy_helper.to_array(constant), known.read()
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and bool(np.array_equal(ours, theirs))
