"""An ONNX file compared with its sidecar by ONNX Runtime alone: no torch, no spec."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.bundle.golden_pair import Expectation, PairArrays, decoded
from specc.bundle.inspection import belonging, interface_faults
from specc.bundle.sidecar import Sidecar, sha256_of
from specc.onnxfile import OnnxFile, as_onnx_file
from specc.verify.network_proof import errors_by_bound, structure_fault
from specc.verify.sessions import ModelRefused, load_runtime, open_session, run


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a file against its sidecar.

    Attributes:
        name: "belongs", "interface" or "golden pair".
        reason: why it has not passed.
        optimised: of the golden pair, with ONNX Runtime's graph optimisation or without.
        error: the largest difference as a part of what is allowed, so that 1 is the bound.
    """

    name: str
    passed: bool
    reason: str = ""
    optimised: bool | None = None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Recheck:
    """The result of a recheck. ``is_tested`` is False where the sidecar has no golden pair."""

    provider: str
    runtime: str
    checks: tuple[Check, ...]
    is_tested: bool

    @property
    def passed(self) -> bool:
        return self.is_tested and all(check.passed for check in self.checks)


def recheck(model: Path | OnnxFile, sidecar: Sidecar, where: Path, provider: str = "cpu") -> Recheck:
    """Compare a file with its sidecar, by ONNX Runtime alone: that the two belong together, its interface, its
    golden pair with graph optimisation off and on.

    Args:
        where: the sidecar's place, for messages.

    Raises:
        UsageError: the model cannot be read; its external data is missing; the golden pair is damaged; `ProviderError`
            where the provider cannot be used.
        MissingDependency: onnxruntime is not installed.
    """
    file = as_onnx_file(model)
    file.require_data()
    pair = decoded(sidecar, where)
    runtime = str(load_runtime().__version__)
    faults = interface_faults(file, sidecar)
    assert file.path is not None
    other = belonging(sha256_of(file.path), file, sidecar)
    belongs = Check("belongs", not other, f"{where} does not belong to {file.name}: {other}" if other else "")
    checks = [belongs, *(Check("interface", False, fault) for fault in faults)]
    if not faults:
        checks.append(Check("interface", True))
    if pair is not None and not faults:
        checks += [_tested(file, provider, optimised, pair) for optimised in (False, True)]
    return Recheck(provider, runtime, tuple(checks), pair is not None)


def _tested(file: OnnxFile, provider: str, optimised: bool, pair: PairArrays) -> Check:
    """One run of the golden pair."""
    try:
        results = run(open_session(file.source, provider, optimised), dict(pair.inputs))
    except ModelRefused as refused:
        return Check("golden pair", False, str(refused), optimised)
    named = zip(pair.outputs.items(), results, strict=True)
    checks = [_compared(name, result, truth) for (name, truth), result in named]
    worst = next((check for check in checks if not check.passed), None) or max(checks, key=lambda c: c.error or 0.0)
    return replace(worst, optimised=optimised)


def _compared(name: str, result: NDArray[Any], truth: Expectation) -> Check:
    fault = structure_fault(result, truth.values)
    if fault:
        return Check("golden pair", False, f"{name} {fault}")
    finite = np.isfinite(truth.values)  # elsewhere the two are the same NaN or infinity, whose difference is NaN
    distance = np.abs(np.subtract(result, truth.values, out=np.zeros(finite.shape), where=finite, dtype=np.float64))
    shares = errors_by_bound(distance, np.broadcast_to(truth.allowed, distance.shape))
    error = float(shares.max(initial=0.0))
    if error <= 1:
        return Check("golden pair", True, error=error)
    place = np.unravel_index(int(shares.argmax()), shares.shape)
    at = ", ".join(map(str, place))
    here, right = float(result[place]), float(truth.values[place])
    allowed = float(np.broadcast_to(truth.allowed, shares.shape)[place])
    reason = f"{name}[{at}] is {here:.9g}, right is {right:.9g}: {abs(here - right):.3g} apart, allowed {allowed:.3g}"
    return Check("golden pair", False, reason, error=error)
