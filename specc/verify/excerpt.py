"""Where a step does the same at every place, a part of its inputs shows what the whole would: the excerpt.

A convolution, a pool, an activation or a sum of two values asks nothing of the sizes it meets. In the quick proof such
a step runs on a part of what reaches it: several windows in every direction, the edges with their padding, as many
places behind the last window as there are in the whole, around the largest number. Whether a step is such a one is read
from its window, which must be the same at both sizes; whether its nodes in the file are, from their operators and the
shapes of their tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from specc.ir.graph import Node
from specc.ir.op import Refusal
from specc.ir.traits import EACH, Joined, Pointwise, Sliding, Taps
from specc.ir.types import TensorType, fixed
from specc.verify.extraction import Submodel

Array = NDArray[np.float32]

LEAST = 8
"""Places of an axis of an excerpt, at least."""

WINDOWS = 3
"""Windows without padding that lie side by side in an excerpt, at least."""

LOCAL = frozenset(
    "Abs Add And AveragePool BatchNormalization Cast Celu Clip Concat Constant Conv ConvTranspose Div Dropout Elu "
    "Equal Erf Exp Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity LRN LeakyRelu Less LessOrEqual Log "
    "LpPool Max MaxPool Min Mish Mul Neg Not Or PRelu Pow Reciprocal Relu Selu Sigmoid Sign Softplus Softsign Sqrt "
    "Sub Sum Tanh ThresholdedRelu Where Xor".split()
)
"""Operators of ONNX that do the same at every place, whatever the sizes."""

WINDOWED = frozenset({"AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool"})
"""Those of them that read several places."""

PLACELESS = WINDOWED | {"BatchNormalization"}
"""Those of them whose tensors lie along windows or channels, and not along the axes of a value."""


def smaller(node: Node) -> Node | None:
    """The step at the sizes of an excerpt; None where it has to see the whole."""
    axes = _taps(node, node.input_types)
    if axes is None:
        return None
    spatial = [tuple(map(fixed, x.spatial)) for x in node.input_types]
    whole = tuple(map(max, zip(*spatial, strict=True)))
    part = tuple(_places(size, taps, axis) for axis, (size, taps) in enumerate(zip(whole, axes, strict=True)))
    if 2 * prod(part) > prod(whole):
        return None
    types = tuple(
        x.with_sample(x.sample[0], *(1 if size == 1 else n for size, n in zip(sizes, part, strict=True)))
        for x, sizes in zip(node.input_types, spatial, strict=True)
    )
    try:
        if _taps(node, types) != axes:
            return None
        result = node.op.infer(*types)
    except Refusal:
        return None
    return Node(node.name, node.op, node.inputs, types, result, node.span, node.owner, node.parameters, node.slot)


def _taps(node: Node, types: Sequence[TensorType]) -> tuple[Taps, ...] | None:
    """What a place of the result reads along each spatial axis; None where that depends on the sizes."""
    ranks = {len(x.spatial) for x in types}
    if len(ranks) != 1 or ranks == {0} or node.op.measured:
        return None
    match node.op.window(*types):
        case Pointwise() | Joined(0):
            return (EACH,) * ranks.pop()
        case Sliding((_, *axes)) if axes:
            taps = tuple(each for each in axes if each is not None and each.advance and not each.fitted)
            return taps if len(taps) == len(axes) else None
    return None


def _places(size: int, taps: Taps, axis: int) -> int:
    """So many places of ``size`` that the last window ends as far from the edge; more on each further axis."""
    places = max(LEAST, _extent(taps) + WINDOWS * taps.advance) + axis * taps.advance
    return min(size, places + (size - places) % taps.advance)


def _extent(taps: Taps) -> int:
    """From the first place that is read to the last; some phases of a transposed convolution may read none."""
    ends = [place for phase in taps.phases if phase for place in (phase[0], phase[-1])]
    return max(ends) - min(ends) + 1


def reach(node: Node) -> tuple[int, ...] | None:
    """How many places further than itself a place of the result reads along each axis; None where that is not told."""
    taps = _taps(node, node.input_types)
    return None if taps is None else tuple(_extent(each) - 1 for each in taps)


def is_local(submodel: Submodel, tensors: Mapping[str, tuple[int, ...]], most: Sequence[int]) -> bool:
    """Whether the nodes do the same at every place, and read no further than the step does.

    A window that is wider than the step's, with its zeros in the right places, would read nothing but padding in an
    excerpt.

    Args:
        tensors: the shape of each tensor of the file.
        most: the step's `reach` along each spatial axis, which are the last of the values'.
    """
    axes, read = len(most), [0] * len(most)
    for node in submodel.nodes:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type not in LOCAL or node.domain or "output_shape" in attributes:
            return False
        if node.op_type == "Concat" and attributes["axis"].i != 1:
            return False
        shapes = [tensors[name] for name in node.input if name in tensors]
        if node.op_type == "Constant":
            shapes = [tuple(attribute.t.dims) for attribute in attributes.values() if attribute.HasField("t")]
        if node.op_type in WINDOWED:
            widths = _widths(node, tensors, axes)
            if widths is None:
                return False
            read = [sum(pair) for pair in zip(read, widths, strict=True)]
        if node.op_type not in PLACELESS and any(size != 1 for shape in shapes for size in shape[-axes:]):
            return False
    return all(own <= step for own, step in zip(read, most, strict=True))


def _widths(node: NodeProto, tensors: Mapping[str, tuple[int, ...]], axes: int) -> list[int] | None:
    """How many places further than itself a place of the node's result reads along each axis."""
    numbers = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    kernel = numbers.get("kernel_shape") or list(tensors.get(node.input[1], ())[2:] if len(node.input) > 1 else ())
    if len(kernel) != axes:
        return None
    dilations = numbers.get("dilations") or [1] * axes
    strides = numbers.get("strides") or [1] * axes
    if node.op_type != "ConvTranspose":
        strides = [1] * axes
    return [(k - 1) * d // s for k, d, s in zip(kernel, dilations, strides, strict=True)]


def around_largest(values: Sequence[Array], part: Sequence[TensorType]) -> list[Array]:
    """The excerpt of each input: of every sample, the places around its largest number.

    Args:
        values: [samples, channels, places ...] each; an axis of one place is widened to those of the others.
        part: the types at the sizes of the excerpt.
    """
    sizes = [tuple(map(fixed, x.spatial)) for x in part]
    whole = tuple(map(max, zip(*(value.shape[2:] for value in values), strict=True)))
    excerpts = [np.empty((*v.shape[:2], *size), np.float32) for v, size in zip(values, sizes, strict=True)]
    largest = max(values, key=lambda value: value.size)
    for sample in range(len(largest)):
        heights = np.nan_to_num(np.abs(largest[sample])).max(0)
        peak = np.unravel_index(int(heights.argmax()), heights.shape)
        for value, size, excerpt in zip(values, sizes, excerpts, strict=True):
            axes = zip(peak, size, whole, value.shape[2:], strict=True)
            # A widened axis has its one place wherever the others lie.
            starts = [min(max(p - n // 2, 0), w - n) if own > 1 else 0 for p, n, w, own in axes]
            excerpt[sample] = value[sample][:, *(slice(s, s + n) for s, n in zip(starts, size, strict=True))]
    return excerpts
