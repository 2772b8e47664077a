"""What a proof has found: every check, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from specc.source import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from specc.verify.cases import Case, Inputs
    from specc.verify.reference import Expected

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of the whole is done, and how much there is, in milliseconds of a usual machine."""


Level = Literal["quick", "full"]
"""How much a proof runs."""

FEW = 3
"""Steps that a file has merged are named one by one up to so many."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What the user allows of the outputs instead of the derived bounds: ``|result - truth| <= atol + rtol * |truth|``.

    Steps are not judged then: what is allowed of an output says nothing of the values on the way to it.
    """

    atol: float = 0.0
    rtol: float = 0.0

    def allowed(self, exact: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest difference for each element."""
        return self.atol + self.rtol * abs(exact)


@dataclass(frozen=True, slots=True)
class Row:
    """One check of the whole network.

    Attributes:
        case: what was fed in ("normal", "zeros" …) and at which sizes, where the contract has symbolic ones; or
            "interface", "randomness", "training" and "loading" for checks of the file.
        passed: the verdict; ``reason`` says why not, and ``faults`` what is wrong where that is several things.
        batch: number of samples.
        optimised: with ONNX Runtime's graph optimisation or without.
        output: the output that is closest to its bound, or beyond it.
        error_onnx, error_torch: largest error against float64, counted in roundings: how far rounding every
            intermediate value to float32 moves that channel of the output.
        bound: the largest ``error_onnx`` allowed.
    """

    case: str
    passed: bool
    reason: str = ""
    batch: int | None = None
    optimised: bool | None = None
    output: str = ""
    error_onnx: float | None = None
    error_torch: float | None = None
    bound: float | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of the file, run by itself on PyTorch's own inputs to it, over all cases.

    Attributes:
        steps: the names of the steps that were judged together, in order; the result compared is the last one's.
            One name, but where the file computes several steps as one.
        layer: the steps as written in the spec.
        span: the place of the first of them in the spec.
        rule: how its error is judged, in words: "exact", "sum of 27 products" …
        is_exact: whether its result must be PyTorch's to the bit.
        passed: the verdict; ``reason`` says why not.
        why: where the bound comes from, in words.
        runs: how many runs were compared.
        error_onnx, error_torch: the largest difference from float64 as a part of what is allowed, so that 1 is the
            bound; for exact steps 0, or infinity where a bit differs. None where nothing was compared.
        case, batch, optimised: the run in which ``error_onnx`` was found.
        nodes: ONNX operators of the piece of the file, in order.
        like: an earlier step that is computed alike and was tried on every kind of numbers; this one, with its own
            weights, on normal and negated ones. Empty where it was tried on every kind itself.
        in_part: it was tried on a part of the places, since it does the same at each.
    """

    steps: tuple[str, ...]
    layer: str
    span: Span
    rule: str
    is_exact: bool
    passed: bool
    reason: str = ""
    why: str = ""
    runs: int = 0
    error_onnx: float | None = None
    error_torch: float | None = None
    case: str = ""
    batch: int | None = None
    optimised: bool | None = None
    nodes: tuple[str, ...] = ()
    like: str = ""
    in_part: bool = False

    @property
    def name(self) -> str:
        return self.steps[-1]


@dataclass(frozen=True, slots=True)
class TensorRow:
    """A tensor of the network, as the file holds it.

    Attributes:
        path: its key in the state dict.
        status: "same": equal to the bit. "reordered": equal numbers, transposed or under another name. "folded":
            merged into another tensor as it must be. "absent": nothing in the file is it. "different": other numbers.
        detail: what is to be said of it, in words; empty for "same".
    """

    path: str
    status: Literal["same", "reordered", "folded", "absent", "different"]
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Reproduction:
    """The first step that diverges, with all that shows it without the rest of the network.

    Attributes:
        row: what was found.
        model: the piece of the file, as an ONNX model of its own.
        inputs: what it was fed, by the names of the model's inputs: PyTorch's own values in float32.
        exact: the float64 result.
        single: PyTorch's float32 result.
        allowed: the largest difference from ``exact`` for each element; zeros where the result must be ``single``.
        source: the step in PyTorch, as source.
    """

    row: StepRow
    model: bytes
    inputs: dict[str, NDArray[Any]]
    exact: NDArray[np.float64]
    single: NDArray[np.float32]
    allowed: NDArray[np.float64]
    source: str


class Truth(NamedTuple):
    """A case, its inputs by name, and what each output should be."""

    case: Case
    inputs: Inputs
    outputs: tuple[Expected, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Parity:
    """The outcome.

    Attributes:
        provider: "cpu" or "cuda".
        rows: every check of the whole, in order.
        steps: every step by itself, in the order of the network.
        tensors: every tensor of the network, in the order of the state dict; empty where the file's own were taken.
        assignment: (node, execution provider) of the model as optimised; empty where ONNX Runtime cannot tell.
        settings: (name, value): what the proof ran with, in words: versions, TF32, determinism.
        notes: what the reader must know to weigh the verdict.
        level: how much was run; None where nothing was.
        tf32: whether CUDA was let round factors to TF32.
        tolerance: what judged instead of the derived bounds; None where they did.
        renamed: (name in the file, name in the spec) of inputs and outputs where the two differ.
        reproduction: of the first step that diverges, where it was asked for.
        truth: of the first case, with the weights as they are; None where nothing was run.
    """

    provider: str
    rows: tuple[Row, ...]
    steps: tuple[StepRow, ...] = ()
    tensors: tuple[TensorRow, ...] = ()
    assignment: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    level: Level | None = None
    tf32: bool = False
    tolerance: Tolerance | None = None
    renamed: tuple[tuple[str, str], ...] = ()
    reproduction: Reproduction | None = field(default=None, compare=False, repr=False)
    truth: Truth | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        wrong = self.first_divergence or self.first_failure or next(iter(self.wrong_tensors), None)
        verdict = "passed" if self.passed else f"failed at {wrong}" if wrong else "nothing checked"
        return f"<Parity on {self.provider}: {len(self.steps)} steps, {len(self.rows)} checks, {verdict}>"

    @property
    def passed(self) -> bool:
        good = (*(row.passed for row in self.rows), *(step.passed for step in self.steps))
        return bool(self.rows) and all(good) and (self.tolerance is not None or not self.wrong_tensors)

    @property
    def wrong_tensors(self) -> tuple[TensorRow, ...]:
        """Those that hold other numbers than they should: a failure, but where the user's tolerance judges."""
        return tuple(tensor for tensor in self.tensors if tensor.status == "different")

    @property
    def first_failure(self) -> Row | None:
        """Of the whole network."""
        return next((row for row in self.rows if not row.passed), None)

    @property
    def first_divergence(self) -> StepRow | None:
        """The first step that is not what the spec says, in the order of the network."""
        return next((step for step in self.steps if not step.passed), None)
