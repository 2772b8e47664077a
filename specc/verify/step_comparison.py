"""What a step should give, and what the file gives in its place, case by case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from specc.verify.cases import Case
from specc.verify.network_proof import errors_by_bound, structure_fault
from specc.verify.sessions import ModelRefused
from specc.verify.step_cases import StepInputs

HALF = 0.5
"""The part of a bound that PyTorch may need; the bound is widened where it needs more."""

FAR = 8.0
"""So many times at most: where PyTorch is further off, float32 cannot compute the step, and agreement means nothing."""

IMPOSSIBLE = "float32 cannot compute this step here"
"""Said of a fault where PyTorch's float32 result is no better."""


@dataclass(frozen=True)
class StepReference:
    """What a step should give in one case.

    Attributes:
        exact: in float64; where only PyTorch's float32 result is finite, that; ``single`` where its bits are due.
        single: PyTorch's float32 result.
        allowed: the largest difference from ``exact`` for each element; None where the bits of ``single`` are due.
        widened: how many times as large it is as the arithmetic says, since PyTorch itself needs that.
    """

    exact: NDArray[np.floating[Any]]
    single: NDArray[np.float32]
    allowed: NDArray[np.float64] | None
    widened: float = 1.0

    def of(self, samples: slice) -> StepReference:
        """Of some of the samples."""
        limit = None if self.allowed is None else self.allowed[samples]
        return replace(self, exact=self.exact[samples], single=self.single[samples], allowed=limit)

    def with_room(self) -> StepReference:
        """Widened so that PyTorch needs half of what is allowed, unless it is out of all proportion."""
        times = self.error(self.single) / HALF
        if self.allowed is None or not 1 < times <= FAR:
            return self
        return replace(self, allowed=self.allowed * times, widened=times)

    def error(self, result: NDArray[Any]) -> float:
        """The largest difference as a part of what is allowed, over the elements that are finite in float32."""
        if self.allowed is None:
            return 0.0 if np.array_equal(result, self.single, equal_nan=True) else np.inf
        finite, exact, limit = np.isfinite(self.single), self.exact, self.allowed
        if not finite.all():  # picking elements takes longer than all that is done with them
            result, exact, limit = result[finite], exact[finite], limit[finite]
        distance = np.subtract(result, exact)
        return float(errors_by_bound(np.abs(distance, out=distance), limit).max(initial=0.0))

    def fault(self, result: NDArray[Any], error: float) -> str:
        """What is to be said of a result that is beyond its bound; empty where it is not."""
        if error <= 1:
            return ""
        if self.allowed is None:
            wrong = int(np.count_nonzero(result != self.single))
            return f"{wrong} of {result.size} elements are not PyTorch's to the bit"
        with np.errstate(invalid="ignore"):  # infinite less infinite is no number, and not looked at
            difference = np.where(np.isfinite(self.single), np.abs(result - self.exact) - self.allowed, -np.inf)
        place = np.unravel_index(int(difference.argmax()), difference.shape)
        where = ", ".join(map(str, place))
        return (
            f"element [{where}] is {result[place]:.9g} and should be {self.exact[place]:.9g}: "
            f"off by {abs(result[place] - self.exact[place]):.3g}, allowed: {self.allowed[place]:.3g}"
        )

    @property
    def beyond_float32(self) -> str:
        """Why the inputs are beyond float32, in words; empty where they are not."""
        if self.allowed is None:
            return ""
        lost = int(np.count_nonzero(np.isfinite(self.exact) & ~np.isfinite(self.single)))
        if lost:
            return f"{IMPOSSIBLE}: {lost} of PyTorch's own {self.single.size} elements overflow"
        own = self.error(self.single)
        return f"{IMPOSSIBLE}: PyTorch's own error is {own:.3g} times the bound" if own > 1 else ""


class ComparedRun(NamedTuple):
    """A case in a run of a piece of the file, compared with what it should give.

    Attributes:
        place: of its inputs, among all that the step is tried on.
    """

    place: int
    case: Case
    optimised: bool
    error: float
    fault: str


class ComparedCase(NamedTuple):
    """A case in all runs, by whether the graph is optimised; PyTorch's own error, and `StepReference.widened`."""

    case: Case
    runs: dict[bool, ComparedRun]
    own_error: float
    widened: float


def compared_cases(
    tried: Sequence[StepInputs],
    references: Iterable[Iterable[StepReference]],
    results: Mapping[bool, Sequence[NDArray[Any] | ModelRefused]],
) -> Iterator[ComparedCase]:
    """Each case of each of ``tried`` in all runs.

    Args:
        results: by whether the graph is optimised, for each of ``tried``.
    """
    for place, (inputs, expected) in enumerate(zip(tried, references, strict=True)):
        for (case, samples), reference in zip(inputs.samples, expected, strict=True):
            runs = {}
            for optimised, by_place in results.items():
                error, fault = _judged(by_place[place], inputs.single, samples, reference)
                runs[optimised] = ComparedRun(place, case, optimised, error, fault)
            yield ComparedCase(case, runs, reference.error(reference.single), reference.widened)


def _judged(
    result: NDArray[Any] | ModelRefused, single: NDArray[np.float32], samples: slice, reference: StepReference
) -> tuple[float, str]:
    """The error of some samples of a result, and what is wrong with them; empty where nothing is.

    Args:
        single: PyTorch's of all samples.
    """
    if isinstance(result, ModelRefused):
        return np.inf, str(result)
    if result.shape != single.shape:
        return np.inf, structure_fault(result, single)
    part = result[samples]
    fault = structure_fault(part, reference.single)
    error = np.inf if fault else reference.error(part)
    fault = fault or reference.fault(part, error)
    impossible = reference.beyond_float32 if fault else ""
    return error, "; ".join(filter(None, (fault, impossible)))


def widening(by_case: Sequence[ComparedCase]) -> str:
    """Where bounds are wider than the arithmetic says; empty where they are not."""
    widest = max(by_case, key=lambda each: each.widened)
    if widest.widened == 1:
        return ""
    return (
        f"; up to {widest.widened:.3g} times as much ({widest.case.title}), where PyTorch itself needs more than half"
    )
