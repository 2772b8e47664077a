"""A file before the judge: what `specc.verify` says of a mutant, and what it should."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from onnx import ModelProto, TensorProto, numpy_helper
from onnx.external_data_helper import set_external_data

from specc.backends.onnx import initializer_name
from specc.ir.graph import Graph
from specc.verify import Parity, verify
from specc.weights import Randomised, Weights
from tests.verify.mutants import Mutant
from tests.verify.mutants.function import Effect, Evaluation

OF_THE_FILE = ("interface", "loading")
"""Cases of rows that say what a file is, before anything is computed."""

ROUNDED = 1e-3
"""What a harmless change may do in float64, as a part of the largest element: new weights are rounded."""


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant.

    Attributes:
        effect: whether it computes something else, by onnx's evaluator; "not measured" where that is not asked.
        counts: whether it should be caught.
        caught_by: "interface", "tensors", "steps", "end to end"; none where the file has passed.
        first: the step that is wrong while its inputs are right.
        named: the steps that the check names first, judged together; none where no step is at fault.
        crash: what the check failed with, which it never should; or that a harmless change is none.
    """

    kind: str
    aim: str
    place: str
    effect: str
    counts: bool
    caught_by: tuple[str, ...]
    first: str | None
    named: tuple[str, ...]
    crash: str = ""

    @property
    def survived(self) -> bool:
        return self.counts and not self.caught_by

    @property
    def false_alarm(self) -> bool:
        return self.aim == "harmless" and bool(self.caught_by)


def tried(
    mutant: Mutant, graph: Graph, weights: Weights, evaluation: Evaluation | None, *, external: bool = False
) -> Outcome:
    """One mutant before the judge. Without an ``evaluation`` all but the harmless count."""
    effect, counts = _effect(mutant, evaluation)
    outcome = Outcome(mutant.kind.name, mutant.kind.aim, mutant.place, effect, counts, (), mutant.first, ())
    if not counts and mutant.kind.aim != "harmless":
        return outcome
    if mutant.kind.aim == "harmless" and evaluation and evaluation.difference(mutant.model).ends > ROUNDED:
        return replace(outcome, crash="not harmless")
    try:
        parity = proven(mutant.model, graph, weights, external=external)
    except Exception as error:  # noqa: BLE001 - a check that fails is what is looked for
        return replace(outcome, crash=f"{type(error).__name__}: {error}")
    named = parity.first_divergence.steps if parity.first_divergence else ()
    return replace(outcome, caught_by=caught_by(parity), named=named)


def _effect(mutant: Mutant, evaluation: Evaluation | None) -> tuple[str, bool]:
    aim = mutant.kind.aim
    if aim in ("contract", "tensor") or evaluation is None:
        return "not measured", aim != "harmless"
    difference = evaluation.difference(mutant.model)
    return difference.effect, aim == "function" and difference.effect is Effect.CLEAR


def proven(model: ModelProto, graph: Graph, weights: Weights, *, external: bool = False) -> Parity:
    """The verdict on a model, whose weights lie in a file of their own where ``external``."""
    if not external:
        return verify(graph, model.SerializeToString(), weights, stress=False)
    with TemporaryDirectory(prefix="specc-") as folder:
        return verify(graph, _saved(model, graph, Path(folder)), weights, stress=False)


def _saved(model: ModelProto, graph: Graph, folder: Path) -> Path:
    outside = ModelProto()
    outside.CopyFrom(model)
    known = {initializer_name(path, parameter) for path, parameter in graph.state}
    with Path(folder, "model.data").open("wb") as data:
        for stored in outside.graph.initializer:
            if stored.name in known:
                values = numpy_helper.to_array(stored).tobytes()
                stored.CopyFrom(
                    TensorProto(name=stored.name, dims=stored.dims, data_type=stored.data_type, raw_data=b" ")
                )
                set_external_data(stored, "model.data", offset=data.tell(), length=len(values))
                stored.ClearField("raw_data")
                data.write(values)
    path = Path(folder, "model.onnx")
    path.write_bytes(outside.SerializeToString())
    return path


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
