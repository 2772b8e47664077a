"""The tensors of a file against those that it should hold: the same, moved, merged, or other numbers.

A file made elsewhere may rename tensors, transpose them, share equal ones and multiply a batch norm into the layer
before it. Each of these is recomputed and compared; nothing is taken on trust, and nothing depends on who made it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import permutations
from math import prod

import numpy as np

from specc.diagnostics.words import listed, plural
from specc.ir.graph import Graph
from specc.ir.op import Parameter
from specc.onnxfile import OnnxFile
from specc.onnxfile.tensor_index import FileTensor, TensorIndex, Values, bit_sum, bits, probed
from specc.verify.folding import Fold, FoldedTensors, folded_tensors, folds
from specc.verify.growth import TINY, U
from specc.verify.result import TensorRow
from specc.weights import Weights, tensor

MOST_AXES = 5
"""Of tensors that may be transposed: those of a 3-D convolution. 120 orders are tried at most."""

ROUNDINGS = 8
"""Float32 roundings that a batch norm may be off by when it is multiplied into the layer before it: five operations."""

ALIKE = 1e-2
"""How far, as a part of itself, a tensor may be from another, to be taken for it with other numbers.

What is farther off than that changes the result of its step, which is judged by itself.
"""


def compare_tensors(
    graph: Graph, file: OnnxFile, weights: Weights, alone: Collection[str] = ()
) -> tuple[TensorRow, ...]:
    """What has become in the file of every tensor of ``graph``, in the order of the state dict; counters are left out.

    Args:
        weights: what its tensors should be.
        alone: steps that the file computes by themselves, so that their tensors must be in it.

    Raises:
        UsageError: the file's tensors, or ``weights``, cannot be read.
    """
    comparison = _TensorComparison(file.tensors, weights)
    for fold in folds(graph):
        comparison.add_folded(fold)
    others = [(path, p) for path, p in graph.state if not p.integer and path not in comparison.rows]
    for path, parameter in others:
        comparison.add_same(path, parameter)
    for path, parameter in others:
        comparison.add_different(path, parameter)
    modules = set()
    for node in graph.nodes:
        if node.name in alone and node.module not in modules:
            modules.add(node.module)
            own = {node.path(p): p for p in node.parameters if not p.integer}
            comparison.add_replaced({path: p for path, p in own.items() if comparison.rows[path].status == "absent"})
    return tuple(comparison.rows[path] for path, _ in graph.state if path in comparison.rows)


class _TensorComparison:
    """The comparison, tensor by tensor.

    Attributes:
        rows: what has been found, by path.
        explained: the names in the file of what is some tensor of the spec.
    """

    def __init__(self, index: TensorIndex, weights: Weights) -> None:
        self._index = index
        self._weights = weights
        self.rows: dict[str, TensorRow] = {}
        self.explained: set[str] = set()

    def add_folded(self, fold: Fold) -> None:
        """The rows of both steps' tensors where the norm is merged into the layer's weight; none where it is not."""
        path, parameter = fold.weight
        own = self._index.named(path, parameter)
        if own is not None and _holds(own, self._weights, path, parameter):
            return
        given = fold.tensors(self._weights)
        *_, weight = given["weight"]
        if own is not None and _layout_of(own, weight.astype(np.float32)) is not None:
            return
        merged = folded_tensors(fold, given)
        found = self._folded_weight(own, merged.weight) or self._mostly(merged.weight, ROUNDINGS * U)
        if found is None:
            return
        # The bias that the file adds beside that weight, right or wrong; else what has its numbers.
        beside = self._index.biases_of(found)
        candidates = beside or self._index.of_size(merged.bias.size)
        right = (candidate for candidate in candidates if not _bias_fault(candidate, merged))
        bias = next(right, beside[0] if beside else None)
        if bias is not None:
            shift_fault = _bias_fault(bias, merged)
        else:
            shift_fault = "the bias that this gives is not in the file" if merged.bias.any() else ""
        faults = {"weight": _weight_fault(found, merged), fold.shift(given): shift_fault}
        names = [t.name for t in (found, bias) if t]
        self.explained.update(names)
        for name, (tensor_path, _, _) in given.items():
            fault = faults.get(name)
            title = f"{fold.norm.name} is folded into {fold.layer.name}: {fault}"
            detail = title if fault else f"into {listed(names)}"
            self.rows[tensor_path] = TensorRow(tensor_path, "different" if fault else "folded", detail)

    def add_same(self, path: str, parameter: Parameter) -> None:
        """The tensor with these numbers: under its own name, else anywhere in the file; nothing where there is none."""
        own = self._index.named(path, parameter)
        if own is not None and _holds(own, self._weights, path, parameter):
            self.rows[path] = TensorRow(path, "same")
            self.explained.add(own.name)
            return
        wanted = tensor(self._weights, path, parameter)
        for candidate in (*([own] if own else []), *self._index.of_size(wanted.size)):
            layout = _layout_of(candidate, wanted)
            if layout is not None:
                where = "" if candidate is own else f"in the file as {candidate.name}"
                detail = ", ".join(filter(None, (layout, where)))
                self.rows[path] = TensorRow(path, "reordered" if detail else "same", detail)
                self.explained.add(candidate.name)
                return

    def add_different(self, path: str, parameter: Parameter) -> None:
        """What stands under its name, where that is no other tensor; else what its numbers may have become."""
        own = self._index.named(path, parameter)
        if own is not None and own.name not in self.explained:
            difference = _difference(own, tensor(self._weights, path, parameter))
            self.rows[path] = TensorRow(path, "different", difference)
        elif path not in self.rows:
            self.rows[path] = self._missing(path, tensor(self._weights, path, parameter))

    def add_replaced(self, absent: Mapping[str, Parameter]) -> None:
        """The absent tensors of one step, where each has another instead, with nearly its numbers.

        Not where two would have the same one: the four of a batch norm may have become its factor and its shift.
        """
        rows, names = {}, set()
        for path, parameter in absent.items():
            least, nearest = ALIKE, None
            for layout in _layouts(tensor(self._weights, path, parameter)):
                for candidate in self._index.of_size(layout.size):
                    free = candidate.name in self._index.on_data and candidate.name not in self.explained
                    if candidate.is_float32 and free and (distance := _distance(candidate, layout)) < least:
                        least, nearest = distance, (candidate, layout)
            if nearest is None:
                return
            found, layout = nearest
            names.add(found.name)
            rows[path] = TensorRow(path, "different", f"in the file as {found.name}: {_difference(found, layout)}")
        if len(names) == len(rows):
            self.rows |= rows

    def _missing(self, path: str, wanted: Values) -> TensorRow:
        """A tensor whose numbers are nowhere in the file, nor others under its name."""
        quantised = self._index.quantised(path, wanted.size)
        if quantised is not None:
            return TensorRow(path, "different", f"quantised to {quantised.dtype} ({quantised.name})")
        same_size = list(self._index.of_size(wanted.size))
        lower = next((other for other in same_size if _is_rounding_of(other, wanted)), None)
        if lower is not None:
            return TensorRow(path, "different", f"stored as {lower.dtype} ({lower.name})")
        changed = self._mostly(wanted, 0.0)
        if changed is not None:
            layout = next(layout for layout in _layouts(wanted) if _is_mostly(changed, layout, 0.0))
            return TensorRow(path, "different", f"in the file as {changed.name}: {_difference(changed, layout)}")
        # What it may have become: nothing that its numbers alone prove.
        detail = "nothing in the file has these numbers"
        multiple = next(((other, factor) for other in same_size if (factor := _factor(other, wanted))), None)
        padded = next((other for other in self._index.padded_from(wanted.size) if _is_padded(other, wanted)), None)
        if multiple is not None:
            times = f"{multiple[0].name} is {multiple[1]:.7g} times it"
            detail = f"{times}: the factor of another step may be folded into it"
        elif padded is not None:
            detail = f"{padded.name} has its numbers in another order: a layout of ONNX Runtime's own"
        return TensorRow(path, "absent", detail)

    def _mostly(self, wanted: Values, slack: float) -> FileTensor | None:
        """The tensor that was ``wanted``, and had less than half of its numbers changed."""
        for candidate in self._index.of_size(wanted.size):
            if any(_is_mostly(candidate, layout, slack) for layout in _layouts(wanted)):
                return candidate
        return None

    def _folded_weight(self, own: FileTensor | None, weight: Values) -> FileTensor | None:
        """The tensor that is ``weight`` but for rounding, in order or transposed; its own name goes before others."""
        first = [own] if own is not None and own.size == weight.size and own.is_float32 else []
        for layout in _layouts(weight):
            flat = layout.reshape(-1)
            for candidate in (*first, *self._index.of_size(weight.size)):
                if _is_close(candidate.probes, probed(flat)) and _is_close(candidate.values().reshape(-1), flat):
                    return candidate
        return None


# ---- one tensor beside another ------------------------------------------------------------------------------


def _layouts(values: Values) -> tuple[Values, ...]:
    """As given, and a matrix transposed too."""
    return (values, values.T) if values.ndim == 2 else (values,)


def _holds(found: FileTensor, weights: Weights, path: str, parameter: Parameter) -> bool:
    """Whether the tensor has these numbers, in their order and to the bit: compared as they come, piece by piece."""
    if not found.is_float32 or found.size != prod(parameter.shape):
        return False
    numbers, start = bits(found.values()), 0
    for piece in weights.chunks(path, parameter):
        if not np.array_equal(numbers[start : start + piece.size], bits(piece)):
            return False
        start += piece.size
    return start == found.size


def _layout_of(found: FileTensor, wanted: Values) -> str | None:
    """How the tensor holds the numbers of ``wanted``: empty where in their order and to the bit; None: it does not."""
    if found.size != wanted.size or not found.is_floating:
        return None
    if not found.is_float32:
        same = np.array_equal(found.values().reshape(-1).astype(np.float64), wanted.reshape(-1))
        return f"the same numbers as {found.dtype}" if same else None
    if np.array_equal(bits(found.probes), bits(probed(wanted.reshape(-1)))) and np.array_equal(
        bits(found.values()), bits(wanted)
    ):
        return ""
    if not 1 < wanted.ndim <= MOST_AXES or found.bit_sum != bit_sum(wanted):
        return None
    values = found.values()
    for order in permutations(range(wanted.ndim)):
        turned = wanted.transpose(order)
        if _long_axes(turned.shape) == _long_axes(values.shape) and np.array_equal(bits(turned), bits(values)):
            return "transposed" if wanted.ndim == 2 else f"with its axes in the order {listed(map(str, order))}"
    return None


def _long_axes(shape: Sequence[int]) -> list[int]:
    """The axes that have more than one element."""
    return [size for size in shape if size != 1]


def _distance(found: FileTensor, wanted: Values) -> float:
    """The root mean square of the difference as a part of that of ``wanted``."""
    exact = wanted.reshape(-1).astype(np.float64)
    size = np.linalg.norm(exact)
    return float(np.linalg.norm(found.values().reshape(-1) - exact) / size) if size else np.inf


def _is_close(found: Values, wanted: Values) -> bool:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return bool((np.abs(found - wanted) <= ROUNDINGS * U * np.abs(wanted) + TINY).all())


def _is_mostly(found: FileTensor, wanted: Values, slack: float) -> bool:
    """Whether more than half of the numbers are those of ``wanted``, each different one counted once.

    Many ones and zeros prove nothing: every tensor may have these.
    """
    flat = wanted.reshape(-1).astype(np.float64)
    near = np.abs(found.probes - probed(flat)) <= slack * np.abs(probed(flat))
    if not found.is_float32 or 4 * np.count_nonzero(near) < near.size:
        return False
    _, single = np.unique(flat, return_index=True)
    close = np.abs(found.values().reshape(-1)[single] - flat[single]) <= slack * np.abs(flat[single])
    return bool(single.size > 1 and 2 * np.count_nonzero(close) > single.size)


def _is_rounding_of(found: FileTensor, wanted: Values) -> bool:
    """Whether the tensor, of another floating-point type, is ``wanted`` rounded to it, in order or transposed."""
    if found.is_float32:
        return False
    values = found.values()
    with np.errstate(over="ignore"):
        rounded = wanted.astype(values.dtype)
    return any(np.array_equal(each.reshape(-1), values.reshape(-1)) for each in (rounded, rounded.T))


def _is_padded(found: FileTensor, wanted: Values) -> bool:
    """Whether the tensor is ``wanted`` in any order, with zeros among it."""
    if not found.is_float32 or found.bit_sum != bit_sum(wanted):
        return False
    here, there = bits(found.values()), bits(wanted)
    return np.array_equal(np.sort(here[here != 0]), np.sort(there[there != 0]))


def _factor(found: FileTensor, wanted: Values) -> float | None:
    """The number by which the whole of ``wanted`` was multiplied; None where that is not what was done."""
    flat = wanted.reshape(-1).astype(np.float64)
    largest = int(np.abs(flat).argmax()) if flat.size > 1 else 0
    if flat.size < 2 or not flat[largest] or not found.is_float32:
        return None
    factor = float(found.values().reshape(-1)[largest] / flat[largest])
    if not factor or not np.isfinite(factor) or not _is_close(found.probes, probed(flat) * factor):
        return None
    return factor if _is_close(found.values().reshape(-1), flat * factor) else None


# ---- differences in words -----------------------------------------------------------------------------------


def _difference(found: FileTensor, wanted: Values) -> str:
    """How the tensor differs from ``wanted``."""
    if not found.is_floating:
        return f"quantised to {found.dtype}"
    if found.size != wanted.size:
        return f"has shape {list(found.proto.dims)} in the file, {list(wanted.shape)} in the spec"
    values = found.values().reshape(-1).astype(np.float64)
    other_type = "" if found.is_float32 else f"stored as {found.dtype}: "
    return other_type + _largest(values, wanted.astype(np.float64))


def _largest(found: Values, wanted: Values) -> str:
    """``3 of 864 elements differ, most at [0, 1, 2, 2]: 0.1 in the file, 0.125 as given``"""
    flat = wanted.reshape(-1)
    differ = found != flat
    count = int(np.count_nonzero(differ))
    distance = np.where(np.isfinite(found), np.abs(found - flat), np.inf)
    distance[~differ] = -1.0
    worst = int(distance.argmax())
    place = [int(i) for i in np.unravel_index(worst, wanted.shape)]
    verb = "differs" if count == 1 else "differ"
    values = f"{found[worst]:.7g} in the file, {flat[worst]:.7g} as given"
    return f"{count:,} of {plural(flat.size, 'element')} {verb}, most at {place}: {values}"


def _weight_fault(found: FileTensor, merged: FoldedTensors) -> str:
    """Empty where the tensor is the folded weight but for rounding."""
    values = found.values().reshape(-1).astype(np.float64)
    layouts = _layouts(merged.weight)
    if any(_is_close(values, layout.reshape(-1)) for layout in layouts):
        return ""
    wanted = next(layout for layout in layouts if _is_mostly(found, layout, ROUNDINGS * U))
    flat = wanted.reshape(-1)
    right = np.abs(values - flat) <= ROUNDINGS * U * np.abs(flat) + TINY
    return f"of the weight {found.name}, {_largest(np.where(right, flat, values), wanted)}"


def _bias_fault(found: FileTensor, merged: FoldedTensors) -> str:
    """Empty where the tensor is the folded bias but for rounding."""
    if found.size != merged.bias.size or not found.is_floating:
        return f"{found.name} has shape {list(found.proto.dims)}, not {list(merged.bias.shape)}"
    values = found.values().reshape(-1).astype(np.float64)
    right = np.abs(values - merged.bias) <= ROUNDINGS * U * merged.sizes + TINY
    if right.all():
        return ""
    return f"of the bias {found.name}, {_largest(np.where(right, merged.bias, values), merged.bias)}"
