"""Mutations of one node: another attribute, constant or operator."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import pi, prod, sqrt

import numpy as np
from onnx import NodeProto, TensorProto, helper

from tests.verify.mutants.draft import MADE, Body, attribute, become, set_attribute
from tests.verify.mutants.kinds import Change, node_kind

Found = Iterator[tuple[str, Change]]
WINDOWS = ("Conv", "ConvTranspose", "MaxPool", "AveragePool")
LARGEST = 2**31


def setting(name: str, value: object) -> tuple[str, Change]:
    return f"{name} = {value}", lambda body, node: set_attribute(node, name, value)


def giving(position: int, values: object) -> Change:
    return lambda body, node: body.give(node, position, np.asarray(values))


def constant(body: Body, node: NodeProto, position: int) -> np.ndarray | None:
    return body.constants.get(node.input[position]) if len(node.input) > position else None


def float_constants(body: Body, node: NodeProto) -> Iterator[tuple[int, np.ndarray]]:
    """The positions of the node's inputs that are constants in floating point, and these."""
    for position, name in enumerate(node.input):
        value = body.constants.get(name)
        if value is not None and value.dtype == np.float32:
            yield position, value


def feeds(body: Body, node: NodeProto, op_type: str) -> bool:
    return any(user.op_type == op_type for user in body.users(node.output[0]))


# Constants of formulas


def _scaled_epsilon(factor: float, body: Body, node: NodeProto) -> Found:
    """As an attribute, or (of rmsnorm) added before the root."""
    epsilon = attribute(node, "epsilon")
    if epsilon is not None:
        yield setting("epsilon", float(np.float32(epsilon * factor)))
    elif node.op_type == "Add" and feeds(body, node, "Sqrt"):
        for position, value in float_constants(body, node):
            yield f"{value * factor:g}", giving(position, np.float32(value * factor))


_NORMS = ("BatchNormalization", "InstanceNormalization", "LayerNormalization", "Add")
node_kind("epsilon ten times as large", *_NORMS)(partial(_scaled_epsilon, 10.0))
node_kind("epsilon a tenth", *_NORMS)(partial(_scaled_epsilon, 0.1))


@node_kind("bytes cast by way of a smaller type", "Cast")
def bytes_cut(body: Body, node: NodeProto) -> Found:
    """As int8 they are negative from 128 on, and as truth values 0 or 1."""
    if node.input[0] in body.bytes:
        for other in (TensorProto.INT8, TensorProto.BOOL):
            yield str(other), partial(_by_way_of, other)


def _by_way_of(other: int, body: Body, node: NodeProto) -> None:
    body.append_behind(node, "Cast", to=TensorProto.FLOAT)
    set_attribute(node, "to", other)


@node_kind("the other gelu", "Erf", "Tanh")
def other_gelu(body: Body, node: NodeProto) -> Found:
    """erf(x/sqrt(2)) against tanh(sqrt(2/pi)*(x + 0.044715 x^3)), which differ by up to 5e-4."""
    inner = body.makers.get(node.input[0])
    if inner is None or inner.op_type != "Mul":
        return
    value = next(iter(v for _, v in float_constants(body, inner)), None)
    if value is None or value.size != 1:
        return
    if node.op_type == "Erf":
        yield "tanh", partial(_write_curve, [inner.input[0]], _TANH)
    elif np.isclose(value, sqrt(2 / pi), rtol=1e-6):
        total = body.makers[inner.input[0]]
        yield "erf", partial(_write_curve, [total.input[0]], _ERF)


_TANH = (
    ("Mul", ("x", "x")), ("Mul", (0, "x")), ("Mul", (1, 0.044715)), ("Add", ("x", 2)), ("Mul", (3, sqrt(2 / pi))),
    ("Tanh", (4,)),
)  # fmt: skip
_ERF = (("Mul", ("x", sqrt(0.5))), ("Erf", (0,)))
Formula = tuple[tuple[str, tuple[str | int | float, ...]], ...]


def _write_curve(x: list[str], formula: Formula, body: Body, node: NodeProto) -> None:
    """The formula in the place of ``node``: numbers are constants, whole ones the results of its earlier lines."""
    names = [f"{MADE}/{node.output[0]}/{line}" for line in range(len(formula) - 1)]
    for line, (op_type, operands) in enumerate(formula[:-1]):
        taken = [x[0] if o == "x" else names[o] if isinstance(o, int) else "" for o in operands]
        made = helper.make_node(op_type, taken, [names[line]], name=f"{node.name.partition('/')[0]}/{MADE}{line}")
        body.insert(node, made)
        for position, operand in enumerate(operands):
            if isinstance(operand, float):
                body.give(body.nodes[body.place(made)], position, np.float32(operand))
    target = body.nodes[body.place(node)]
    become(target, formula[-1][0], [names[-1]])


@node_kind("a constant off by a thousandth")
def constant_off(body: Body, node: NodeProto) -> Found:
    """One number of a formula; those of `Resize` would make another size."""
    if node.op_type in ("Resize", "Pad", "Where", "MatMul"):
        return
    for position, value in float_constants(body, node):
        if value.any() and np.isfinite(value).all():
            yield f"input {position}", giving(position, value * np.float32(1.001))


@node_kind("a mean off by a ten-thousandth", "GlobalAveragePool", "AveragePool", "ReduceMean")
def mean_off(body: Body, node: NodeProto) -> Found:
    yield "1.0001 times", _scale_mean


def _scale_mean(body: Body, node: NodeProto) -> None:
    factor = body.append_behind(node, "Mul")
    factor.input.append("")
    body.give(factor, 1, np.float32(1.0001))


@node_kind("a constant doubled")
def constant_doubled(body: Body, node: NodeProto) -> Found:
    if node.op_type in ("Resize", "Pad", "MatMul"):
        return
    for position, value in float_constants(body, node):
        if value.any() and np.isfinite(value).all():
            yield f"input {position}", giving(position, value * np.float32(2))


@node_kind("a slope or limit off by a thousandth", "LeakyRelu", "HardSigmoid", "Elu", "Selu", "Celu")
def attribute_off(body: Body, node: NodeProto) -> Found:
    for name in ("alpha", "beta", "gamma"):
        value = attribute(node, name)
        if value:
            yield setting(name, float(np.float32(value * 1.001)))


_DEFAULTS = {
    "HardSigmoid": ("alpha", 0.2), "LeakyRelu": ("alpha", 0.01), "BatchNormalization": ("epsilon", 1e-5),
    "InstanceNormalization": ("epsilon", 1e-5), "LayerNormalization": ("epsilon", 1e-5),
    "Resize": ("cubic_coeff_a", -0.75), "DepthToSpace": ("mode", b"DCR"), "Gemm": ("transB", 0),
}  # fmt: skip


@node_kind("ONNX's own default", *_DEFAULTS)
def own_default(body: Body, node: NodeProto) -> Found:
    """What a converter that forgets an attribute writes: alpha is 1/5 in ONNX's HardSigmoid, 1/6 in PyTorch."""
    name, default = _DEFAULTS[node.op_type]
    value = attribute(node, name, default)
    if value != default and (isinstance(value, bytes) or not np.isclose(value, default, rtol=1e-6)):
        yield f"{name} left out", partial(_without, name)


def _without(name: str, body: Body, node: NodeProto) -> None:
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend(kept)


@node_kind("a factor dropped", "Mul", "Div")
def factor_dropped(body: Body, node: NodeProto) -> Found:
    """The window's size of a power mean, the divisor of an average, the half of gelu …"""
    values, constants = body.values(node), list(float_constants(body, node))
    if len(values) == 1 and constants and len(set(node.input)) == 2:
        yield "", lambda body, node: become(node, "Identity", [body.values(node)[0]])


@node_kind("an offset dropped", "Add", "Sub")
def offset_dropped(body: Body, node: NodeProto) -> Found:
    values, constants = body.values(node), list(float_constants(body, node))
    if len(values) == 1 and constants:
        yield "", lambda body, node: become(node, "Identity", [body.values(node)[0]])


# Weights that are taken wrongly


@node_kind("bias dropped", "Conv", "ConvTranspose", "Gemm", "LayerNormalization", "Add")
def bias_dropped(body: Body, node: NodeProto) -> Found:
    if node.op_type != "Add":
        if len(node.input) > 2 and node.input[2]:
            yield "", lambda body, node: node.input.__delitem__(2)
        return
    values = body.values(node)
    if len(values) == 1 and not any(name in body.constants for name in node.input):
        yield "", lambda body, node: become(node, "Identity", [body.values(node)[0]])


def _inputs_swapped(a: int, b: int, body: Body, node: NodeProto) -> None:
    node.input[a], node.input[b] = node.input[b], node.input[a]


@node_kind("running mean and variance swapped", "BatchNormalization")
def statistics_swapped(body: Body, node: NodeProto) -> Found:
    yield "", partial(_inputs_swapped, 3, 4)


@node_kind("scale and shift swapped", "BatchNormalization", "InstanceNormalization", "LayerNormalization")
def affine_swapped(body: Body, node: NodeProto) -> Found:
    if len(node.input) > 2 and node.input[1] != node.input[2]:
        yield "", partial(_inputs_swapped, 1, 2)


@node_kind("weight taken the other way round", "Gemm", "Transpose")
def other_transposition(body: Body, node: NodeProto) -> Found:
    """transB of a Gemm, or the transposition before a product left out: it runs where the weight is square."""
    if node.op_type == "Gemm":
        yield setting("transB", 1 - attribute(node, "transB", 0))
    elif not body.values(node):
        yield "left out", lambda body, node: become(node, "Identity")


# Windows


def _halves(values: list[int]) -> tuple[list[int], list[int]]:
    return values[: len(values) // 2], values[len(values) // 2 :]


@node_kind("padding of begin and end swapped", *WINDOWS, "Pad")
def pads_swapped(body: Body, node: NodeProto) -> Found:
    found = _pads(body, node)
    if found and found[0] != found[1]:
        yield "", _set_pads(body, node, found[1], found[0])


@node_kind("padding of two axes swapped", *WINDOWS, "Pad")
def pad_axes_swapped(body: Body, node: NodeProto) -> Found:
    found = _pads(body, node)
    if found:
        before, after = ([*half[:-2], half[-1], half[-2]] if len(half) > 1 else half for half in found)
        if (before, after) != found:
            yield "", _set_pads(body, node, before, after)


@node_kind("padding moved by one", *WINDOWS, "Pad")
def padding_moved(body: Body, node: NodeProto) -> Found:
    """One more at the end, one less at the beginning, or the other way round: of the same size."""
    found = _pads(body, node)
    for axis in range(len(found[0])) if found else ():
        for sign in (1, -1):
            before, after = list(found[0]), list(found[1])
            before[axis], after[axis] = before[axis] - sign, after[axis] + sign
            if min(before[axis], after[axis]) >= 0:
                yield f"axis {axis} by {sign}", _set_pads(body, node, before, after)


def _pads(body: Body, node: NodeProto) -> tuple[list[int], list[int]] | None:
    if node.op_type != "Pad":
        pads = attribute(node, "pads")
        return _halves(list(pads)) if pads is not None else None
    stored = constant(body, node, 1)
    return _halves([int(v) for v in stored]) if stored is not None else None


def _set_pads(body: Body, node: NodeProto, before: list[int], after: list[int]) -> Change:
    pads = [*before, *after]
    return giving(1, np.array(pads, np.int64)) if node.op_type == "Pad" else setting("pads", pads)[1]


@node_kind("padded with another value", "Pad")
def pad_value(body: Body, node: NodeProto) -> Found:
    if constant(body, node, 2) is not None:
        yield "-0.5", giving(2, np.float32(-0.5))


@node_kind("padded in another mode", "Pad")
def pad_mode(body: Body, node: NodeProto) -> Found:
    mode = attribute(node, "mode", b"constant").decode()
    for other in ("edge", "reflect"):
        if other != mode:
            yield other, partial(_pad_mode, other)


def _pad_mode(mode: str, body: Body, node: NodeProto) -> None:
    set_attribute(node, "mode", mode)
    if len(node.input) > 2:
        node.input[2] = ""


@node_kind("another stride", *WINDOWS)
def another_stride(body: Body, node: NodeProto) -> Found:
    strides = list(attribute(node, "strides", ()))
    for axis, stride in enumerate(strides):
        for other in (stride - 1, stride + 1):
            if other > 0:
                yield setting("strides", [*strides[:axis], other, *strides[axis + 1 :]])


@node_kind("another dilation", "Conv", "MaxPool")
def another_dilation(body: Body, node: NodeProto) -> Found:
    """With pads that keep the size; where the dilation was more than 1, one less too."""
    kernel = list(attribute(node, "kernel_shape", ()))
    dilations = list(attribute(node, "dilations", [1] * len(kernel)))
    before, after = _pads(body, node) or ([0] * len(kernel), [0] * len(kernel))
    for axis, k in enumerate(kernel):
        for step in (1, -1):
            wider = step * (k - 1)
            moved = before[axis] + wider // 2, after[axis] + wider - wider // 2
            if k > 1 and dilations[axis] + step > 0 and min(moved) >= 0:
                new = [*dilations[:axis], dilations[axis] + step, *dilations[axis + 1 :]]
                yield f"dilations = {new}", partial(_window, axis, moved, "dilations", new)


@node_kind("a window one larger", "MaxPool", "AveragePool")
def larger_window(body: Body, node: NodeProto) -> Found:
    kernel = list(attribute(node, "kernel_shape", ()))
    before, after = _pads(body, node) or ([0] * len(kernel), [0] * len(kernel))
    for axis, k in enumerate(kernel):
        new = [*kernel[:axis], k + 1, *kernel[axis + 1 :]]
        moved = before[axis], after[axis] + 1
        yield f"kernel = {new}", partial(_window, axis, moved, "kernel_shape", new)


def _window(axis: int, moved: tuple[int, int], name: str, value: list[int], body: Body, node: NodeProto) -> None:
    axes = len(attribute(node, "kernel_shape"))
    before, after = _halves(list(attribute(node, "pads", [0] * (2 * axes))))
    before[axis], after[axis] = moved
    set_attribute(node, name, value)
    set_attribute(node, "pads", [*before, *after])


@node_kind("padding counted the other way", "AveragePool")
def padding_counted(body: Body, node: NodeProto) -> Found:
    yield setting("count_include_pad", 1 - attribute(node, "count_include_pad", 0))
    above = body.makers.get(node.input[0])
    if above is None or above.op_type != "Pad" or constant(body, above, 1) is None:
        return
    before, after = _pads(body, above) or ([], [])
    own = _pads(body, node)
    axes = len(attribute(node, "kernel_shape"))
    if own and len(before) in (axes, axes + 2):
        both = [
            b + o for b, o in zip([*before[-axes:], *after[-axes:]], [*own[0], *own[1]], strict=True)
        ]  # fmt: skip
        yield "the zeros left out", partial(_take_directly, above.input[0], both)


def _take_directly(value: str, pads: list[int], body: Body, node: NodeProto) -> None:
    node.input[0] = value
    set_attribute(node, "pads", pads)


@node_kind("ceiling for floor", "MaxPool", "AveragePool")
def ceiling(body: Body, node: NodeProto) -> Found:
    """With a stride of 1 nothing is left over: the same function, which onnx 1.23.2's evaluator computes otherwise."""
    if set(attribute(node, "strides", [1])) == {1}:
        return
    yield setting("ceil_mode", 1 - attribute(node, "ceil_mode", 0))


# Axes and places


@node_kind("along another axis", "Concat", "Softmax", "LogSoftmax", "Gather", "Flatten", "LayerNormalization")
def another_axis(body: Body, node: NodeProto) -> Found:
    """The next axis, and the one before."""
    axis = attribute(node, "axis")
    if axis is None:
        return
    for other in (axis + 1, axis - 1):
        if (other >= 0) == (axis >= 0):
            yield setting("axis", other)


@node_kind("reduced over another axis", "ReduceMean", "ReduceMax")
def another_reduction(body: Body, node: NodeProto) -> Found:
    axes = constant(body, node, 1)
    if axes is None:
        return
    for step in (1, -1):
        moved = axes + step
        if ((moved >= 0) == (axes >= 0)).all():
            yield f"axes = {moved.tolist()}", giving(1, moved)


@node_kind("one axis fewer reduced", "ReduceMean", "ReduceMax")
def fewer_reduced(body: Body, node: NodeProto) -> Found:
    axes = constant(body, node, 1)
    if axes is not None and axes.size > 1 and attribute(node, "keepdims", 1):
        yield f"axes = {axes[1:].tolist()}", giving(1, axes[1:])


@node_kind("transposed otherwise", "Transpose")
def another_order(body: Body, node: NodeProto) -> Found:
    order = list(attribute(node, "perm", ()))
    for axis in range(1, len(order) - 1):
        if body.values(node):
            new = [*order[:axis], order[axis + 1], order[axis], *order[axis + 2 :]]
            yield setting("perm", new)


@node_kind("DCR for CRD", "DepthToSpace")
def other_shuffle(body: Body, node: NodeProto) -> Found:
    yield setting("mode", "DCR" if attribute(node, "mode", b"DCR") == b"CRD" else "CRD")


@node_kind("channels left in ONNX's order", "Gather")
def channels_unordered(body: Body, node: NodeProto) -> Found:
    """A gather that only reorders is left out: SpaceToDepth counts channels otherwise than PyTorch."""
    indices = constant(body, node, 1)
    if indices is not None and indices.ndim == 1 and sorted(indices) == list(range(len(indices))):
        yield "", lambda body, node: become(node, "Identity")


@node_kind("reshaped in another order", "Reshape")
def reshaped_otherwise(body: Body, node: NodeProto) -> Found:
    """Two sizes of the new shape exchanged, behind the batch."""
    shape = constant(body, node, 1)
    for axis in range(1, len(shape) - 1) if shape is not None and shape.ndim else ():
        if shape[axis] != shape[axis + 1] and 0 not in (shape[axis], shape[axis + 1]):
            new = shape.copy()
            new[[axis, axis + 1]] = shape[[axis + 1, axis]]
            yield f"{new.tolist()}", giving(1, new)


@node_kind("an index off by one", "Gather")
def index_off(body: Body, node: NodeProto) -> Found:
    indices = constant(body, node, 1)
    if indices is None or indices.size < 2:
        return
    new = indices.copy()
    new.reshape(-1)[indices.size // 2] += 1 if new.reshape(-1)[indices.size // 2] < indices.max() else -1
    yield f"index {indices.size // 2}", giving(1, new)


@node_kind("a bin off by one", "MatMul")
def bin_off(body: Body, node: NodeProto) -> Found:
    """A bin of an adaptive pool begins and ends one place later."""
    for position, matrix in float_constants(body, node):
        for line in range(min(matrix.shape)):
            new = matrix.copy()
            rows = new if position == 0 else new.T
            if line < len(rows):
                rows[line] = np.roll(rows[line], 1)
                yield f"bin {line}", giving(position, new)


@node_kind("a slice moved by one", "Slice")
def slice_moved(body: Body, node: NodeProto) -> Found:
    starts, ends = constant(body, node, 1), constant(body, node, 2)
    if starts is None or ends is None:
        return
    for step in (1, -1):
        moved = ends + np.where(abs(ends) < LARGEST - 1, step, 0)
        if (starts + step >= 0).all():
            yield f"by {step}", partial(_move_slice, starts + step, moved)


def _move_slice(starts: np.ndarray, ends: np.ndarray, body: Body, node: NodeProto) -> None:
    body.give(node, 1, starts)
    body.give(node, 2, ends)


# Resampling


@node_kind("nearest rounded otherwise", "Resize")
def nearest_mode(body: Body, node: NodeProto) -> Found:
    if attribute(node, "mode", b"nearest") == b"nearest":
        for mode in ("round_prefer_floor", "round_prefer_ceil", "ceil"):
            yield setting("nearest_mode", mode)


@node_kind("other places for resampling", "Resize")
def places_mode(body: Body, node: NodeProto) -> Found:
    mode = attribute(node, "coordinate_transformation_mode", b"half_pixel").decode()
    for other in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
        if other != mode:
            yield setting("coordinate_transformation_mode", other)


@node_kind("another cubic", "Resize")
def other_cubic(body: Body, node: NodeProto) -> Found:
    """PyTorch's coefficient is -3/4, that of many others -1/2."""
    if attribute(node, "mode") == b"cubic":
        yield setting("cubic_coeff_a", -0.5)


@node_kind("another interpolation", "Resize")
def other_interpolation(body: Body, node: NodeProto) -> Found:
    mode = attribute(node, "mode", b"nearest").decode()
    for other in {"nearest": ("linear",), "linear": ("cubic", "nearest"), "cubic": ("linear",)}[mode]:
        yield setting("mode", other)


# Other operators

_ACTIVATIONS: dict[str, tuple[tuple[str, dict[str, object]], ...]] = {
    "Relu": (("LeakyRelu", {"alpha": 0.01}), ("Elu", {}), ("Abs", {}), ("Softplus", {})),
    "LeakyRelu": (("Relu", {}), ("Elu", {})),
    "PRelu": (("Relu", {}), ("LeakyRelu", {"alpha": 0.25})),
    "Clip": (("Relu", {}),),
    "Tanh": (("Sigmoid", {}), ("Erf", {})),
    "Sigmoid": (("Tanh", {}), ("HardSigmoid", {"alpha": 1 / 6})),
    "Mish": (("HardSwish", {}), ("Relu", {})),
    "HardSwish": (("Mish", {}), ("Relu", {})),
    "HardSigmoid": (("Sigmoid", {}),),
    "Softplus": (("Relu", {}),),
    "Softsign": (("Tanh", {}),),
    "Erf": (("Tanh", {}),),
}


@node_kind("another activation", *_ACTIVATIONS)
def another_activation(body: Body, node: NodeProto) -> Found:
    for op_type, attributes in _ACTIVATIONS[node.op_type]:
        yield op_type, partial(_become, op_type, attributes)


def _become(op_type: str, attributes: dict[str, object], body: Body, node: NodeProto) -> None:
    become(node, op_type, **attributes)


@node_kind("activation left out", *(op for op in _ACTIVATIONS if op not in ("Erf", "Mul")))
def activation_left_out(body: Body, node: NodeProto) -> Found:
    yield "", lambda body, node: become(node, "Identity")


@node_kind("relu6 for relu", "Relu", aim="function")
def clipped_relu(body: Body, node: NodeProto) -> Found:
    yield "", partial(_clip, 0.0, 6.0)


def _clip(least: float, most: float, body: Body, node: NodeProto) -> None:
    become(node, "Clip", [node.input[0], "", ""])
    body.give(node, 1, np.float32(least))
    body.give(body.nodes[body.place(node)], 2, np.float32(most))


@node_kind("a limit of clipping changed", "Clip")
def limit_changed(body: Body, node: NodeProto) -> Found:
    for position, value in float_constants(body, node):
        yield f"input {position}: {value + 0.01:g}", giving(position, np.float32(value + 0.01))


@node_kind("softmax for logsoftmax, or the other way", "Softmax", "LogSoftmax")
def other_softmax(body: Body, node: NodeProto) -> Found:
    other = "LogSoftmax" if node.op_type == "Softmax" else "Softmax"
    yield other, partial(_become, other, {"axis": attribute(node, "axis")})


_POOLS = {
    "MaxPool": "AveragePool", "AveragePool": "MaxPool", "GlobalMaxPool": "GlobalAveragePool",
    "GlobalAveragePool": "GlobalMaxPool", "ReduceMean": "ReduceMax", "ReduceMax": "ReduceMean",
}  # fmt: skip


@node_kind("average for maximum, or the other way", *_POOLS)
def other_pool(body: Body, node: NodeProto) -> Found:
    yield _POOLS[node.op_type], _exchange_pool


def _exchange_pool(body: Body, node: NodeProto) -> None:
    kept = [a for a in node.attribute if a.name not in ("count_include_pad", "storage_order", "dilations")]
    node.op_type = _POOLS[node.op_type]
    del node.attribute[:]
    node.attribute.extend(kept)


_MERGES = {"Add": ("Mul", "Sub", "Max"), "Sub": ("Add",), "Mul": ("Add",), "Max": ("Add", "Min"), "Div": ("Mul",)}


@node_kind("another merge", *_MERGES)
def other_merge(body: Body, node: NodeProto) -> Found:
    if len(body.values(node)) > 1:
        for other in _MERGES[node.op_type]:
            yield other, partial(_rename, other)


def _rename(op_type: str, body: Body, node: NodeProto) -> None:
    node.op_type = op_type


@node_kind("operands swapped", "Sub", "Div", "Concat", "Where", "Pow")
def operands_swapped(body: Body, node: NodeProto) -> Found:
    if node.op_type == "Where":
        yield "", partial(_inputs_swapped, 1, 2)
    elif node.input[0] != node.input[1]:
        yield "", partial(_inputs_swapped, 0, 1)


@node_kind("compared the other way", "Greater")
def comparison(body: Body, node: NodeProto) -> Found:
    yield "Less", partial(_rename, "Less")


@node_kind("a value taken through float16")
def through_half(body: Body, node: NodeProto) -> Found:
    """What mixed precision does."""
    if node.op_type in ("Conv", "Gemm", "MatMul", "BatchNormalization", "Add", "Mul", "Softmax", "Relu"):
        yield "", _through_half


def _through_half(body: Body, node: NodeProto) -> None:
    body.append_behind(node, "Cast", to=TensorProto.FLOAT16)
    half = next(n for n in body.nodes if n.op_type == "Cast" and n.input[0] == node.output[0])
    body.append_behind(half, "Cast", to=TensorProto.FLOAT)


@node_kind("all padding at the end", "Conv")
def padding_at_end(body: Body, node: NodeProto) -> Found:
    """What a wrong reading of "same" writes."""
    pads = list(attribute(node, "pads", ()))
    if pads and prod(attribute(node, "kernel_shape")) > 1 and any(pads):
        total = [a + b for a, b in zip(*_halves(pads), strict=True)]
        new = [*[0] * len(total), *total]
        if new != pads:
            yield setting("pads", new)
