"""A file before the judge: what `specc.verify` says of a mutant, and what it should."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnx import ModelProto

from specc.backends.onnx import write
from specc.ir.graph import Graph
from specc.verify import Parity, verify
from specc.weights import Randomised, Weights
from tests.verify.mutants import Mutant
from tests.verify.mutants.function import Effect, Evaluation

OF_THE_FILE = ("interface", "loading")
"""Cases of rows that say what a file is, before anything is computed."""

ROUNDED = 1e-6
"""What a harmless change may do in float64, as a part of the largest element: new weights are rounded to float32."""


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant.

    Attributes:
        effect: whether it computes something else, by onnx's evaluator; "not measured" where that is not asked.
        counts: whether it should be caught.
        caught_by: "interface", "tensors", "steps", "end to end"; none where the file has passed.
        first: the step that is wrong while its inputs are right.
        named: the steps that the check names first, judged together; none where no step is at fault.
    """

    kind: str
    aim: str
    place: str
    effect: str
    counts: bool
    caught_by: tuple[str, ...]
    first: str | None
    named: tuple[str, ...]

    @property
    def survived(self) -> bool:
        return self.counts and not self.caught_by

    @property
    def false_alarm(self) -> bool:
        return self.aim == "harmless" and bool(self.caught_by)


def emitted(graph: Graph, weights: Weights, *, functions: bool = False) -> ModelProto:
    file = BytesIO()
    write(graph, weights, file, functions=functions)
    return onnx.load_from_string(file.getvalue())


def tried(
    mutant: Mutant, graph: Graph, weights: Weights, evaluation: Evaluation | None, *, external: bool = False
) -> Outcome:
    """One mutant before the judge. Without an ``evaluation`` it counts where that does not depend on what it computes."""
    effect, counts = _effect(mutant, evaluation)
    parity = proven(mutant.model, graph, weights, external=external) if counts or mutant.kind.aim == "harmless" else None
    named = parity.first_divergence.steps if parity and parity.first_divergence else ()
    caught = caught_by(parity) if parity else ()
    return Outcome(
        mutant.kind.name, mutant.kind.aim, mutant.place, effect, counts, caught, mutant.first, named
    )  # fmt: skip


def _effect(mutant: Mutant, evaluation: Evaluation | None) -> tuple[str, bool]:
    aim = mutant.kind.aim
    if aim in ("contract", "tensor") or evaluation is None:
        return "not measured", aim != "harmless"
    difference = evaluation.difference(mutant.model)
    if aim == "harmless":
        assert difference.ends < ROUNDED, f"{mutant.kind.name} is not harmless: {mutant.place}: {difference}"
    return difference.effect, aim == "function" and difference.effect is Effect.CLEAR


def proven(model: ModelProto, graph: Graph, weights: Weights, *, external: bool = False) -> Parity:
    """The verdict on a model, whose tensors lie in a file of their own where ``external``."""
    if not external:
        return verify(graph, model.SerializeToString(), weights, stress=False)
    with TemporaryDirectory(prefix="specc-") as folder:
        file = Path(folder, "model.onnx")
        onnx.save(model, file, save_as_external_data=True, location="model.data", size_threshold=0)
        return verify(graph, file, weights, stress=False)


def caught_by(parity: Parity) -> tuple[str, ...]:
    """The parts of the check that find a fault. What does not load is caught at the interface."""
    failed = {row.case for row in parity.rows if not row.passed}
    found = {
        "interface": bool(failed & set(OF_THE_FILE)),
        "tensors": any(row.status == "different" for row in parity.tensors),
        "steps": any(not row.passed for row in parity.steps),
        "end to end": bool(failed - set(OF_THE_FILE)),
    }
    caught = tuple(name for name, fault in found.items() if fault)
    assert bool(caught) != parity.passed, "the verdict and its parts disagree"
    return caught


WEIGHTS = Randomised(3)
"""What the networks are tried with: no ones and zeros that faults could hide behind."""
