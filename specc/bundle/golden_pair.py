"""The golden pair: an input of the network and the right output, made with PyTorch once, read back anywhere."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specc.bundle.sidecar import GoldenInput, GoldenOutput, GoldenPair, PortEntry, Sidecar
from specc.diagnostics import UsageError
from specc.diagnostics.words import plural, visible
from specc.ir.graph import Graph
from specc.verify.cases import Case, cases, plan_of, sizes_tried
from specc.verify.growth import U
from specc.verify.network_proof import expected_outputs, roundings_allowed
from specc.verify.proof_settings import ProofSettings
from specc.verify.result import Parity
from specc.weights import Weights

if TYPE_CHECKING:
    from specc.verify.reference import Expected

LARGEST = 4_000_000
"""Numbers of a pair, input and output together: 21 MB as text. Larger ones are left out."""


# ---- made ---------------------------------------------------------------------------------------------------


def golden_pair(graph: Graph, weights: Weights, parity: Parity, seed: int = 0) -> GoldenPair | None:
    """The pair for a file that ``parity`` has proven; None where it would be larger than `LARGEST`.

    The input is the proof's first: normal numbers, batch 1 or the one that is fixed, and an ordinary size (the
    smallest, where that one is too large). A result may differ by what the proof allows: `TOLERANCE` times PyTorch's
    own error and a rounding together, in units of what rounding moves the channel; and by the rounding of the right
    output to float32.
    """
    batch = cases(graph)[0].batch
    ports = [*graph.inputs, *(port for port, _ in graph.outputs)]
    candidates = (Case("normal", batch, sizes=sizes) for sizes in sizes_tried(graph)[:2])
    case = next((case for case in candidates if sum(prod(case.shape(port)) for port in ports) <= LARGEST), None)
    if case is None:
        return None
    if parity.truth is not None and parity.truth[0] == case:
        _, inputs, results = parity.truth
    else:
        inputs = case.inputs(graph, seed)
        (results,) = expected_outputs(graph, weights, [inputs], ProofSettings())
    golden_inputs = tuple(GoldenInput(name=name, shape=x.shape, data=_encoded(x)) for name, x in inputs.items())
    golden_outputs = []
    for (port, _), expected in zip(graph.outputs, results, strict=True):
        errors = [row.error_torch for row in parity.rows if row.output == port.name and row.error_torch is not None]
        usual = median(errors) if errors else 0.0  # a single error may be small by luck
        golden_outputs.append(_truth(port.name, expected, usual))
    return GoldenPair(sizes=dict(case.sizes), inputs=golden_inputs, outputs=tuple(golden_outputs))


def tried(graph: Graph, level: str, seed: int = 0) -> dict[str, tuple[float, float]]:
    """The least and the greatest number that the proof of this level has fed into each input."""
    extremes: dict[str, tuple[float, float]] = {}
    plan = plan_of(graph, level)
    for case in dict.fromkeys(case for feed in (*plan.network, *plan.steps) for case in feed.cases):
        for name, values in case.inputs(graph, seed).items():
            least, most = extremes.get(name, (0.0, 0.0))  # zeros are among the cases
            extremes[name] = min(least, float(values.min(initial=0))), max(most, float(values.max(initial=0)))
    return extremes


def _truth(name: str, expected: Expected, usual: float) -> GoldenOutput:
    bound = roundings_allowed(expected.error(expected.single), usual)
    with np.errstate(over="ignore"):  # beyond float32 the right answer is infinity, in PyTorch too
        right = expected.exact.astype(np.float32)
    sizes = np.abs(right, out=np.zeros(right.shape), where=np.isfinite(right), dtype=np.float64)
    most = bound * expected.unit + U * sizes  # for the rounding of the right output itself
    channels = np.moveaxis(most, 1, 0).reshape(most.shape[1], -1) if most.ndim > 1 else most.reshape(1, -1)
    allowed = tuple(channels.max(1, initial=0.0).tolist())
    return GoldenOutput(name=name, shape=right.shape, data=_encoded(right), allowed=allowed)


def _encoded(values: NDArray[np.float32] | NDArray[np.uint8]) -> str:
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()).decode()


# ---- read ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an output must be, and the largest difference, broadcastable to it."""

    values: NDArray[np.float32]
    allowed: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairArrays:
    """The golden pair as arrays, by name."""

    inputs: Mapping[str, NDArray[np.float32] | NDArray[np.uint8]]
    outputs: Mapping[str, Expectation]


def decoded(sidecar: Sidecar, where: Path) -> PairArrays | None:
    """The golden pair of a sidecar; None where it has none. Raises UsageError where it is damaged."""
    golden = sidecar.golden
    if golden is None:
        return None
    _require_ports("input", sidecar.inputs, golden.inputs, where)
    _require_ports("output", sidecar.outputs, golden.outputs, where)
    dtypes = {port.name: port.dtype for port in sidecar.inputs}
    return PairArrays(
        {
            tensor.name: _array(tensor, _called("input", tensor, where), dtypes[tensor.name], finite=True)
            for tensor in golden.inputs
        },
        {truth.name: _expectation(truth, _called("output", truth, where)) for truth in golden.outputs},
    )


def _called(what: str, tensor: GoldenInput, where: Path) -> str:
    return f"{where}: golden {what} {visible(tensor.name)}"


def _require_ports(what: str, ports: Sequence[PortEntry], tensors: Sequence[GoldenInput], where: Path) -> None:
    actual, expected = (", ".join(visible(part.name) for part in parts) or "none" for parts in (tensors, ports))
    if actual != expected:
        raise UsageError(f"{where}: the golden pair has the {what}s {actual}, and the network {expected}")
    for port, tensor in zip(ports, tensors, strict=True):
        sizes = zip(port.shape, tensor.shape, strict=False)
        if len(port.shape) != len(tensor.shape) or any(isinstance(s, int) and s != t for s, t in sizes):
            raise UsageError(
                f"{_called(what, tensor, where)} has shape {_shape(tensor.shape)}, the network {_shape(port.shape)}"
            )


def _shape(sizes: Sequence[object]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def _array(tensor: GoldenInput, what: str, dtype: str = "float32", *, finite: bool = False) -> NDArray[Any]:
    little = np.dtype(dtype).newbyteorder("<")
    try:
        data = base64.b64decode(tensor.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{what} is no base64: {error}") from None
    size = little.itemsize * prod(tensor.shape)
    if len(data) != size:
        raise UsageError(f"{what} has {len(data):,} bytes, and {dtype} {_shape(tensor.shape)} takes {size:,}")
    values = np.frombuffer(data, little).reshape(tensor.shape)
    if finite and not np.isfinite(values).all():
        raise UsageError(f"{what} holds NaN or infinity, and finite numbers were written")
    return values.astype(dtype)


def _expectation(truth: GoldenOutput, what: str) -> Expectation:
    values = _array(truth, what)
    channels = values.shape[1] if values.ndim > 1 else 1
    if len(truth.allowed) != channels:
        count = plural(len(truth.allowed), "difference")
        raise UsageError(f"{what} has {plural(channels, 'channel')}, and {count} to be allowed")
    axes = (1, channels, *(1 for _ in values.shape[2:])) if values.ndim > 1 else (1,)
    return Expectation(values, np.array(truth.allowed, np.float64).reshape(axes))
