"""The tensors of a file against those that it should hold: the same, moved, merged, or other numbers.

A file made elsewhere may rename tensors, turn them round, share equal ones and multiply a batch norm into the layer
before it. Each of these is recomputed and compared; nothing is taken on trust, and nothing depends on who made it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations

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
"""Of tensors that may be turned round: those of a 3-D convolution. 120 orders are tried at most."""

ROUNDINGS = 8
"""Float32 roundings that a batch norm may be off by when it is multiplied into the layer before it: five operations."""

NEAR = 1e-2
"""How far, as a part of itself, a tensor may be from what stands in its place, to be taken for it with other numbers.

What is farther off than that changes the result of its step, which is judged by itself.
"""


def compare_tensors(
    graph: Graph, onnx_file: OnnxFile, weights: Weights, alone: Collection[str] = ()
) -> tuple[TensorRow, ...]:
    """What has become in the file of every tensor of ``graph``, in the order of the state dict; counters are left out.

    Args:
        weights: what its tensors should be.
        alone: steps that the file computes by themselves, so that their tensors must be in it.

    Raises:
        UsageError: the file's tensors, or ``weights``, cannot be read.
    """
    file = onnx_file.tensors
    found = _Found()
    for fold in folds(graph):
        _add_folded(found, fold, file, weights)
    others = [(path, p) for path, p in graph.state if not p.integer and path not in found.rows]
    for path, parameter in others:
        _add_held(found, path, file.named(path, parameter), file, tensor(weights, path, parameter))
    for path, parameter in others:
        own = file.named(path, parameter)
        if own is not None and own.name not in found.explained:
            found.rows[path] = TensorRow(path, "different", _difference(own, tensor(weights, path, parameter)))
        elif path not in found.rows:
            found.rows[path] = _missing(path, file, tensor(weights, path, parameter))
    for absent in _absent_by_module(graph, found, alone):
        found.rows |= _in_their_place(absent, found, file, weights)
    return tuple(found.rows[path] for path, _ in graph.state if path in found.rows)


@dataclass
class _Found:
    """What is known so far.

    Attributes:
        explained: the names in the file of what is some tensor of the spec.
    """

    rows: dict[str, TensorRow] = field(default_factory=dict)
    explained: set[str] = field(default_factory=set)


def _add_held(found: _Found, path: str, own: FileTensor | None, file: TensorIndex, wanted: Values) -> None:
    """The tensor where its numbers are: under its own name, else anywhere in the file; nothing where they are not."""
    for candidate in (*([own] if own else []), *file.of_size(wanted.size)):
        moved = _moved(candidate, wanted)
        if moved is None:
            continue
        where = "" if candidate is own else f"in the file as {candidate.name}"
        detail = ", ".join(filter(None, (moved, where)))
        found.rows[path] = TensorRow(path, "reordered" if detail else "same", detail)
        found.explained.add(candidate.name)
        return


def _absent_by_module(graph: Graph, found: _Found, alone: Collection[str]) -> Iterator[dict[str, Parameter]]:
    """The absent tensors of each step that the file computes by itself, with their paths."""
    seen: set[str] = set()
    for node in graph.nodes:
        if node.name in alone and node.module not in seen:
            seen.add(node.module)
            paths = {node.path(p): p for p in node.parameters if not p.integer}
            yield {path: p for path, p in paths.items() if found.rows[path].status == "absent"}


def _in_their_place(
    absent: Mapping[str, Parameter], found: _Found, file: TensorIndex, weights: Weights
) -> dict[str, TensorRow]:
    """Rows of the absent tensors of one step where each has another in its place, with nearly its numbers.

    Not where two would have the same one: the four of a batch norm may have become its factor and its shift.
    """
    rows: dict[str, TensorRow] = {}
    names = set()
    for path, parameter in absent.items():
        wanted = tensor(weights, path, parameter)
        nearest = _nearest(wanted, found.explained, file)
        if nearest is None:
            return {}
        candidate, layout = nearest
        names.add(candidate.name)
        rows[path] = TensorRow(path, "different", f"in the file as {candidate.name}: {_difference(candidate, layout)}")
    return rows if len(names) == len(rows) else {}


def _nearest(wanted: Values, explained: Collection[str], file: TensorIndex) -> tuple[FileTensor, Values] | None:
    """The tensor nearest to ``wanted`` that is no other one of the spec, and in which layout; None: none is near."""
    least, nearest = NEAR, None
    for candidate in file.of_size(wanted.size):
        if not candidate.is_float32 or candidate.name in explained or candidate.name not in file.on_data:
            continue
        for layout in _layouts(wanted):
            distance = _distance(candidate, layout)
            if distance < least:
                least, nearest = distance, (candidate, layout)
    return nearest


def _distance(candidate: FileTensor, wanted: Values) -> float:
    """The root mean square of the difference as a part of that of ``wanted``."""
    exact = wanted.reshape(-1).astype(np.float64)
    size = np.linalg.norm(exact)
    return float(np.linalg.norm(candidate.values().reshape(-1) - exact) / size) if size else np.inf


def _missing(path: str, file: TensorIndex, wanted: Values) -> TensorRow:
    """A tensor whose numbers are nowhere in the file, nor others under its name."""
    rounded = file.quantised(path, wanted.size)
    if rounded is not None:
        return TensorRow(path, "different", f"quantised to {rounded.dtype} ({rounded.name})")
    lower = next((other for other in file.of_size(wanted.size) if _is_rounding_of(other, wanted)), None)
    if lower is not None:
        return TensorRow(path, "different", f"stored as {lower.dtype} ({lower.name})")
    changed = _changed(file, wanted, 0.0)
    if changed is not None:
        layout = next(layout for layout in _layouts(wanted) if _is_mostly(changed, layout, 0.0))
        return TensorRow(path, "different", f"in the file as {changed.name}: {_difference(changed, layout)}")
    return TensorRow(path, "absent", _trace(file, wanted) or "nothing in the file has these numbers")


def _trace(file: TensorIndex, wanted: Values) -> str:
    """What the tensor may have become, in words: nothing that its numbers alone prove; empty without an idea."""
    multiple = next(((e, factor) for e in file.of_size(wanted.size) if (factor := _factor(e, wanted))), None)
    if multiple is not None:
        candidate, factor = multiple
        return f"{candidate.name} is {factor:.7g} times it: the factor of another step may be folded into it"
    blocked = next((candidate for candidate in file.padded_from(wanted.size) if _is_padded(candidate, wanted)), None)
    return f"{blocked.name} has its numbers in another order: a layout of ONNX Runtime's own" if blocked else ""


def _factor(candidate: FileTensor, wanted: Values) -> float | None:
    """The number by which the whole of ``wanted`` was multiplied; None where that is not what was done."""
    flat = wanted.reshape(-1).astype(np.float64)
    largest = int(np.abs(flat).argmax()) if flat.size > 1 else 0
    if flat.size < 2 or not flat[largest] or not candidate.is_float32:
        return None
    factor = float(candidate.values().reshape(-1)[largest] / flat[largest])
    if not factor or not np.isfinite(factor) or not _is_close(candidate.probes, probed(flat) * factor):
        return None
    return factor if _is_close(candidate.values().reshape(-1), flat * factor) else None


def _is_padded(candidate: FileTensor, wanted: Values) -> bool:
    """Whether the tensor is ``wanted`` in any order, with zeros among it."""
    if not candidate.is_float32 or candidate.bit_sum != bit_sum(wanted):
        return False
    found, given = bits(candidate.values()), bits(wanted)
    return np.array_equal(np.sort(found[found != 0]), np.sort(given[given != 0]))


def _moved(candidate: FileTensor, wanted: Values) -> str | None:
    """How the tensor holds the numbers of ``wanted``: empty where in their order and to the bit; None: it does not."""
    if candidate.size != wanted.size or not candidate.is_floating:
        return None
    if candidate.is_float32 and _is_equal(candidate, wanted):
        return ""
    if candidate.is_float32 and 1 < wanted.ndim <= MOST_AXES and candidate.bit_sum == bit_sum(wanted):
        return _turned(candidate.values(), wanted)
    if not candidate.is_float32 and np.array_equal(
        candidate.values().reshape(-1).astype(np.float64), wanted.reshape(-1)
    ):
        return f"the same numbers as {candidate.dtype}"
    return None


def _is_equal(candidate: FileTensor, wanted: Values) -> bool:
    probes = candidate.probes.astype(np.float32)
    return np.array_equal(bits(probes), bits(probed(wanted.reshape(-1)))) and np.array_equal(
        bits(candidate.values()), bits(wanted)
    )


def _turned(values: Values, wanted: Values) -> str | None:
    """The order of axes in which ``wanted`` is stored."""
    for order in permutations(range(wanted.ndim)):
        turned = wanted.transpose(order)
        if _long(turned.shape) == _long(values.shape) and np.array_equal(bits(turned), bits(values)):
            return "transposed" if wanted.ndim == 2 else f"with its axes in the order {listed(map(str, order))}"
    return None


def _long(shape: Sequence[int]) -> list[int]:
    """The axes that have more than one element."""
    return [size for size in shape if size != 1]


def _is_rounding_of(candidate: FileTensor, wanted: Values) -> bool:
    """Whether the tensor, of another floating-point type, is ``wanted`` rounded to it, in order or transposed."""
    if candidate.is_float32:
        return False
    values = candidate.values()
    with np.errstate(over="ignore"):
        rounded = wanted.astype(values.dtype)
    flat = values.reshape(-1)
    return np.array_equal(rounded.reshape(-1), flat) or np.array_equal(rounded.T.reshape(-1), flat)


def _difference(candidate: FileTensor, wanted: Values) -> str:
    """In words: how the tensor differs from ``wanted``."""
    if not candidate.is_floating:
        return f"quantised to {candidate.dtype}"
    if candidate.size != wanted.size:
        return f"has shape {list(candidate.proto.dims)} in the file, {list(wanted.shape)} in the spec"
    found = candidate.values().reshape(-1).astype(np.float64)
    other_type = "" if candidate.is_float32 else f"stored as {candidate.dtype}: "
    return other_type + _largest(found, wanted.astype(np.float64))


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


def _add_folded(found: _Found, fold: Fold, file: TensorIndex, weights: Weights) -> None:
    """The rows of both steps' tensors where the norm is merged into the layer's weight; none where it is not."""
    given = fold.tensors(weights)
    path, parameter, weight = given["weight"]
    own = file.named(path, parameter)
    if own is not None and _moved(own, weight.astype(np.float32)) is not None:
        return
    merged = folded_tensors(fold, given)
    candidate = _folded_weight(file, own, merged.weight) or _changed(file, merged.weight, ROUNDINGS * U)
    if candidate is None:
        return
    bias = _bias_beside(file, candidate, merged)
    faults = {"weight": _weight_fault(candidate, merged), fold.shift(given): _beside_fault(bias, merged)}
    title = f"{fold.norm.name} is folded into {fold.layer.name}: "
    merged_into = [e.name for e in (candidate, bias) if e]
    found.explained.update(merged_into)
    for name, (tensor_path, _, _) in given.items():
        fault = faults.get(name)
        detail = title + fault if fault else f"into {listed(merged_into)}"
        found.rows[tensor_path] = TensorRow(tensor_path, "different" if fault else "folded", detail)


def _weight_fault(candidate: FileTensor, merged: FoldedTensors) -> str:
    """Empty where the tensor is the folded weight but for rounding."""
    for wanted in _layouts(merged.weight):
        if _is_close(candidate.values().reshape(-1), wanted.reshape(-1)):
            return ""
    wanted = next(w for w in _layouts(merged.weight) if _is_mostly(candidate, w, ROUNDINGS * U))
    found = candidate.values().reshape(-1).astype(np.float64)
    right = np.abs(found - wanted.reshape(-1)) <= ROUNDINGS * U * np.abs(wanted.reshape(-1)) + TINY
    return f"of the weight {candidate.name}, {_largest(np.where(right, wanted.reshape(-1), found), wanted)}"


def _beside_fault(bias: FileTensor | None, merged: FoldedTensors) -> str:
    if bias is not None:
        return _bias_fault(bias, merged)
    return "the bias that this gives is not in the file" if merged.bias.any() else ""


def _layouts(weight: Values) -> tuple[Values, ...]:
    """As given, and a matrix transposed too."""
    return (weight, weight.T) if weight.ndim == 2 else (weight,)


def _changed(file: TensorIndex, wanted: Values, slack: float) -> FileTensor | None:
    """The tensor that was ``wanted``, and had less than half of its numbers changed."""
    for candidate in file.of_size(wanted.size):
        if any(_is_mostly(candidate, layout, slack) for layout in _layouts(wanted)):
            return candidate
    return None


def _is_mostly(candidate: FileTensor, wanted: Values, slack: float) -> bool:
    """Whether more than half of the numbers are those of ``wanted``, each different one counted once.

    Many ones and zeros prove nothing: every tensor may have these.
    """
    flat = wanted.reshape(-1).astype(np.float64)
    near = np.abs(candidate.probes - probed(flat)) <= slack * np.abs(probed(flat))
    if not candidate.is_float32 or 4 * np.count_nonzero(near) < near.size:
        return False
    _, single = np.unique(flat, return_index=True)
    close = np.abs(candidate.values().reshape(-1)[single] - flat[single]) <= slack * np.abs(flat[single])
    return bool(single.size > 1 and 2 * np.count_nonzero(close) > single.size)


def _bias_beside(file: TensorIndex, weight: FileTensor, merged: FoldedTensors) -> FileTensor | None:
    """The folded bias: that of ``weight`` where it has one, right or wrong; else what has its numbers."""
    beside = file.biases_of(weight)
    right = (candidate for candidate in beside or file.of_size(merged.bias.size) if not _bias_fault(candidate, merged))
    return next(right, beside[0] if beside else None)


def _folded_weight(file: TensorIndex, own: FileTensor | None, weight: Values) -> FileTensor | None:
    """The tensor that is ``weight`` but for rounding, in order or transposed; that of its own name before others."""
    first = [own] if own is not None and own.size == weight.size and own.is_float32 else []
    for wanted in _layouts(weight):
        flat = wanted.reshape(-1)
        for candidate in (*first, *file.of_size(weight.size)):
            if _is_close(candidate.probes, probed(flat)) and _is_close(candidate.values().reshape(-1), flat):
                return candidate
    return None


def _is_close(found: Values, wanted: Values) -> bool:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return bool((np.abs(found - wanted) <= ROUNDINGS * U * np.abs(wanted) + TINY).all())


def _bias_fault(candidate: FileTensor, merged: FoldedTensors) -> str:
    """Empty where the tensor is the folded bias but for rounding."""
    if candidate.size != merged.bias.size or not candidate.is_floating:
        return f"{candidate.name} has shape {list(candidate.proto.dims)}, not {list(merged.bias.shape)}"
    found = candidate.values().reshape(-1).astype(np.float64)
    right = np.abs(found - merged.bias) <= ROUNDINGS * U * merged.sizes + TINY
    if right.all():
        return ""
    return f"of the bias {candidate.name}, {_largest(np.where(right, merged.bias, found), merged.bias)}"
