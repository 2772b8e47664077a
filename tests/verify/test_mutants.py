"""The check itself is checked: broken models that must be caught, and the right one that must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from specc.diagnostics import SpecError
from specc.ir.graph import Graph
from specc.ops import registry
from specc.verify import Parity, verify, weights_of
from specc.verify.result import Level
from specc.weights import Initialised, Randomised, Weights
from tests.verify import specimens
from tests.verify.mutants import KINDS, Draft, Mutant, mutants
from tests.verify.mutants.function import Effect, Evaluation
from tests.verify.mutants.trial import caught_by, proven, tried
from tests.verify.networks import NETWORK, chain, emitted, graph_of

Mutation = Callable[[onnx.ModelProto], None]


def node(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    return next(n for n in model.graph.node if output in n.output)


def attribute(step: str, name: str, value: object) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        (old,) = (a for a in target.attribute if a.name == name)
        assert helper.get_attribute_value(old) != value, "the mutant is no mutant"
        target.attribute.remove(old)
        target.attribute.append(helper.make_attribute(name, value))

    return mutate


def inputs(step: str, *order: int) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        target.input[:] = [target.input[i] for i in order]

    return mutate


def stored(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        (old,) = (t for t in model.graph.initializer if t.name == name)
        value = numpy_helper.to_array(old)
        new = change(value.copy())
        assert not np.array_equal(new, value), "the mutant is no mutant"
        old.CopyFrom(numpy_helper.from_array(new, name))

    return mutate


def after(step: str, op_type: str, **attributes: object) -> Mutation:
    """Another node behind a step."""

    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        target.output[0] = "before"
        model.graph.node.insert(
            list(model.graph.node).index(target) + 1, helper.make_node(op_type, ["before"], [step], **attributes)
        )

    return mutate


def replaced(step: str, op_type: str, **attributes: object) -> Mutation:
    def mutate(model: onnx.ModelProto) -> None:
        target = node(model, step)
        assert target.op_type != op_type
        target.CopyFrom(helper.make_node(op_type, target.input[:1], target.output, **attributes))

    return mutate


def half(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).astype(np.float32)


def nudged(values: np.ndarray) -> np.ndarray:
    """One weight of many, off by a hundredth."""
    values.reshape(-1)[np.abs(values).argmax()] *= 1.01
    return values


def channels_called_as_the_batch(model: onnx.ModelProto) -> None:
    """The file says that the output has as many channels as samples; the batch by another name is only noted."""
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "N"


def batch_fixed_inside(model: onnx.ModelProto) -> None:
    """The interface keeps its promise of any batch, a reshape within does not."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 336], np.int64), "shape"))
    node(model, "flatten1").CopyFrom(helper.make_node("Reshape", ["layernorm1", "shape"], ["flatten1"]))


MUTANTS: dict[str, Mutation] = {
    "instancenorm eps 1e-6": attribute("instancenorm1", "epsilon", 1e-6),
    "layernorm eps 1e-6": attribute("layernorm1", "epsilon", 1e-6),
    "padding on the other side": attribute("conv1", "pads", [1, 1, 0, 0]),
    "shuffle DCR for CRD": attribute("pixelshuffle1", "mode", "DCR"),
    "max pool moved by one": attribute("maxpool1", "pads", [0, 0, 2, 2]),
    "concat in the other order": inputs("concat1", 1, 0),
    "square weight not transposed": attribute("fc2", "transB", 0),
    "one weight rounded to half": stored("fc1.weight", half),
    "one weight off by a hundredth": stored("conv2.weight", nudged),
    "one bias off by a hundredth": stored("fc1.bias", nudged),
    "one slope of prelu off by a hundredth": stored("prelu1.weight", nudged),
    "channels called as the batch": channels_called_as_the_batch,
    "batch fixed inside": batch_fixed_inside,
}
"""Faults in a deep network, whose outputs show them all."""

SPEC_MUTANTS = {
    "the other gelu": ("gelu", 'gelu(approximate="tanh")'),
    "padding not counted": ("padding=1)\n  conv2", "padding=1, count_include_pad=false)\n  conv2"),
    "average for max": ("maxpool(3, stride=2, padding=1)", "avgpool(3, stride=2, padding=1)"),
    "silu for gelu": ("gelu", "silu"),
    "elu slope": ("-> elu", "-> elu(0.99)"),
    "lrn size": ("lrn(3)", "lrn(5)"),
    "lrn alpha not divided by size": ("lrn(3)", "lrn(3, alpha=0.0003)"),
    "padding replicated": ("bias=false", 'bias=false, padding_mode="replicate"'),
    "groupnorm for instancenorm": ("instancenorm", "groupnorm(2)"),
}  # fmt: skip

WEIGHTS = Randomised(3)


NUMBERS = ("zeros", "x 1e3", "x 1e-6", "mean 1000", "spikes")


@pytest.mark.parametrize(
    ("level", "runs"),
    [
        ("full", {("normal", 1), ("normal", 2), ("normal", 7), *((kind, 1) for kind in NUMBERS)}),
        ("quick", {("normal", 1), ("normal", 6), *((kind, 6) for kind in NUMBERS)}),
    ],
)
def test_unbroken_model_passes_at_every_scale(level: Level, runs: set[tuple[str, int]]) -> None:
    graph = graph_of(NETWORK)
    parity = verify(graph, emitted(graph, WEIGHTS).SerializeToString(), WEIGHTS, level=level)
    assert parity.first_failure is None
    measured = [row for row in parity.rows if row.error_onnx is not None]
    assert {(row.case, row.batch) for row in measured} == runs
    assert {row.optimised for row in measured} == {False, True}
    assert len(measured) == 2 * len(runs)
    assert any(row.error_onnx and row.error_torch for row in measured)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str) -> None:
    graph = graph_of(NETWORK)
    model = emitted(graph, WEIGHTS)
    MUTANTS[name](model)
    parity = verify(graph, model.SerializeToString(), WEIGHTS)
    assert not parity.passed
    assert parity.first_failure is not None
    assert parity.first_failure.reason


@pytest.mark.parametrize("name", SPEC_MUTANTS)
def test_model_of_another_spec_is_caught(name: str) -> None:
    old, new = SPEC_MUTANTS[name]
    assert NETWORK.count(old) >= 1
    graph, other = graph_of(NETWORK), graph_of(NETWORK.replace(old, new, 1))
    parity = verify(graph, emitted(other, WEIGHTS).SerializeToString(), WEIGHTS)
    assert not parity.passed


SHALLOW = """
model Shallow : [N, 2, 9, 7] {
  conv(4, 3, padding=1) -> bn1: bn -> leakyrelu -> avgpool(2)
}
"""
SLIGHT = {
    "batchnorm eps 1e-6": attribute("bn1", "epsilon", 1e-6),
    "leaky slope 0.01001": attribute("leakyrelu1", "alpha", 0.01001),
}
"""Faults of a few millionths, which many layers behind them would drown."""


@pytest.mark.parametrize("name", SLIGHT)
@pytest.mark.parametrize("weights", [Randomised(1), Initialised(0)], ids=["randomised", "initialised"])
def test_slight_mutant_is_caught(name: str, weights: Weights) -> None:
    graph = graph_of(SHALLOW)
    model = emitted(graph, weights)
    assert verify(graph, model.SerializeToString(), weights, stress=False).passed
    SLIGHT[name](model)
    assert not verify(graph, model.SerializeToString(), weights, stress=False).passed


def test_wrong_weights_are_caught() -> None:
    graph = graph_of(NETWORK)
    assert not verify(graph, emitted(graph, Randomised(4)).SerializeToString(), WEIGHTS).passed


SMALL = """
model Small : [N, 2, 9, 7] {
  conv(4, 3, padding=1, bias=false) -> bn1: bn -> relu -> conv2: conv(4, 1)
}
"""


RESIDUAL = """
model Residual : [N, 2, 9, 7] {
  add { | _ | conv(2, 3, padding=1, bias=false) -> gelu -> conv(2, 1, bias=false) -> scale(init=1e-6) }
}
"""
ZEROED = """
model Zeroed : [N, 2, 9, 7] {
  conv(2, 3) -> tanh -> OFF
}
"""


def erf_to_tanh(model: onnx.ModelProto) -> None:
    (target,) = (n for n in model.graph.node if n.op_type == "Erf")
    target.op_type = "Tanh"


HIDDEN: dict[str, tuple[str, Mutation, str]] = {
    "scale and variance swapped": (SMALL, inputs("bn1", 0, 4, 2, 3, 1), ""),
    "shift and mean swapped": (SMALL, inputs("bn1", 0, 1, 3, 2, 4), ""),
    "gelu behind a tiny scale": (RESIDUAL, erf_to_tanh, "gelu1"),
    "tanh behind a scale of zero": (
        ZEROED.replace("OFF", "conv(2, 1) -> scale(init=0.0)"),
        replaced("tanh1", "Sigmoid"),
        "tanh1",
    ),
    "tanh behind zero weights": (
        ZEROED.replace("OFF", 'conv(2, 1, init="zeros", bias=false)'),
        replaced("tanh1", "Sigmoid"),
        "tanh1",
    ),
    "tanh behind zeros in the spec": (
        ZEROED.replace("OFF", "conv(1, 1, weight=[[[[0]], [[0]]]], bias=false)"),
        replaced("tanh1", "Sigmoid"),
        "tanh1",
    ),
}
"""Faults that no output shows while scales and variances are 1, others 0 or tiny; the steps that show them even so."""


def hidden(name: str) -> tuple[Graph, onnx.ModelProto, onnx.ModelProto]:
    """The network, its right file and its faulty one."""
    spec, mutate, _ = HIDDEN[name]
    graph = graph_of(spec)
    right, wrong = emitted(graph, Initialised(0)), emitted(graph, Initialised(0))
    mutate(wrong)
    return graph, right, wrong


def check_hidden(name: str, without: Parity, parity: Parity) -> None:
    """A step shows the fault at once; or nothing but the pass with random numbers does."""
    step = HIDDEN[name][2]
    assert without.first_failure is None, "the outputs show the fault, so this shows nothing"
    assert without.passed == (not step)
    if step:
        assert parity.first_divergence is not None
        assert parity.first_divergence.name == step
    else:
        assert parity.first_failure is not None
        assert parity.first_failure.case.startswith("randomised state · ")


@pytest.mark.parametrize("name", HIDDEN)
def test_what_the_initial_state_hides_is_shown(name: str) -> None:
    graph, right, wrong = hidden(name)
    assert verify(graph, right.SerializeToString(), Initialised(0)).passed
    without = verify(graph, wrong.SerializeToString(), Initialised(0), stress=False)
    check_hidden(name, without, verify(graph, wrong.SerializeToString(), Initialised(0)))


@pytest.mark.parametrize("external", [False, True])
@pytest.mark.parametrize("name", HIDDEN)
def test_what_the_files_own_weights_hide_is_shown(name: str, external: bool, tmp_path: Path) -> None:
    graph, right, wrong = hidden(name)
    file = tmp_path / "net.onnx"
    options = {"save_as_external_data": True, "location": "w.data", "size_threshold": 0} if external else {}
    onnx.save(right, file, **options)
    assert verify(graph, file, weights_of(file, graph)).passed
    (tmp_path / "w.data").unlink(missing_ok=True)
    onnx.save(wrong, file, **options)
    without = verify(graph, file, weights_of(file, graph), stress=False)
    check_hidden(name, without, verify(graph, file, weights_of(file, graph)))


CLIPPED = """
model Clipped : [N, 3, 32, 30] {
  conv(4, 3) -> instancenorm -> relu -> conv(2, 3)
}
"""


@pytest.mark.parametrize("weights", [Randomised(0), Initialised(0), Initialised(1)], ids=repr)
def test_threshold_behind_a_norm_is_reached(weights: Weights) -> None:
    """A norm makes inputs of every scale alike; only spikes exceed 6 behind it."""
    graph = graph_of(CLIPPED)
    model = emitted(graph, weights)
    assert verify(graph, model.SerializeToString(), weights).first_failure is None
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.array(limit, np.float32), f"limit{limit}") for limit in (0, 6)]
    )
    target = node(model, "relu1")
    target.CopyFrom(helper.make_node("Clip", [target.input[0], "limit0", "limit6"], ["relu1"]))
    parity = verify(graph, model.SerializeToString(), weights)
    assert not parity.passed
    assert {row.case.removeprefix("randomised state · ") for row in parity.rows if not row.passed} == {"spikes"}


# Every kind of `tests.verify.mutants`, once. `benchmarks/mutants.py` tries many places of each on hundreds of networks.


@cache
def specimen(name: str) -> tuple[Graph, Draft, Evaluation]:
    """A small network; blocks are functions where the name says so."""
    graph = graph_of(specimens.SMALL[name.removesuffix(", functions")])
    model = emitted(graph, WEIGHTS, functions=name.endswith(", functions"))
    return graph, Draft(model, graph), Evaluation(model, graph)


def places(kind: str) -> Iterator[tuple[Graph, Mutant, Evaluation]]:
    """The mutants of a kind in all small networks."""
    for name in sorted(
        [*specimens.SMALL, "blocks, functions", "skips, functions"],
        key=lambda name: len(specimens.SMALL.get(name, " " * 999)),
    ):
        graph, draft, evaluation = specimen(name)
        for mutant in mutants(draft, KINDS[kind]):
            yield graph, mutant, evaluation


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.aim == "function"])
def test_another_function_is_caught_and_located(kind: str) -> None:
    """By the step at fault, and by nothing before it."""
    tries = islice(places(kind), 200)
    graph, mutant, _ = next(t for t in tries if t[2].difference(t[1].model).effect is Effect.CLEAR)
    outcome = tried(mutant, graph, WEIGHTS, None)
    assert outcome.caught_by, f"survived: {mutant.place}"
    assert "steps" not in outcome.caught_by or mutant.first is None or mutant.first in outcome.named


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.aim == "tensor"])
def test_other_numbers_are_caught(kind: str) -> None:
    graph, mutant, evaluation = next(places(kind))
    outcome = tried(mutant, graph, WEIGHTS, evaluation)
    assert outcome.caught_by, f"survived: {mutant.place}"
    assert "steps" not in outcome.caught_by or mutant.first in outcome.named


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.aim == "contract"])
def test_another_contract_is_caught(kind: str) -> None:
    graph, mutant, evaluation = next(places(kind))
    assert "interface" in tried(mutant, graph, WEIGHTS, evaluation).caught_by, f"survived: {mutant.place}"


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.aim == "harmless"])
def test_harmless_change_is_let_pass(kind: str) -> None:
    graph, mutant, evaluation = next(places(kind))
    outcome = tried(mutant, graph, WEIGHTS, evaluation)
    assert not outcome.crash
    assert not outcome.caught_by, f"false alarm: {mutant.place}: {outcome.named}"


def test_small_networks_have_every_operator() -> None:
    used = {node.op.kind for name in specimens.SMALL for node in specimen(name)[0].nodes}
    assert used == {op.kind for op in registry.operators()}


@pytest.mark.parametrize("place", range(4))
def test_random_network_passes(place: int) -> None:
    graph = next(islice(fitting(5), place, None))
    assert not caught_by(proven(emitted(graph, WEIGHTS), graph, WEIGHTS, external=place == 1))


def fitting(seed: int) -> Iterator[Graph]:
    for text in specimens.random_specs(seed):
        try:
            yield graph_of(text)
        except SpecError:
            continue


# The harness: what counts is decided rightly.


def measured(steps: str, kind: str, shape: str = "[N, 2, 6, 5]") -> Effect:
    """The effect of the last mutant of a kind."""
    graph = chain(shape, steps)
    model = emitted(graph, WEIGHTS)
    *_, mutant = mutants(Draft(model, graph), KINDS[kind])
    return Evaluation(model, graph).difference(mutant.model).effect


@pytest.mark.parametrize(
    ("steps", "kind", "effect"),
    [
        ("relu -> relu", "activation left out", Effect.NONE),
        ("conv(2, 1) -> relu", "activation left out", Effect.CLEAR),
        ("conv(2, 3) -> instancenorm", "bias dropped", Effect.NONE),
        ("conv(2, 3) -> tanh", "bias dropped", Effect.CLEAR),
        ("conv(2, 1) -> bn", "epsilon a tenth", Effect.CLEAR),
        ("conv(8, 3) -> tanh", "one number off by one unit in its last place", Effect.SLIGHT),
        ("conv(2, 3)", "an Identity put in", Effect.NONE),
        ("conv(2, 3) -> bn", "the batch fixed inside", Effect.CLEAR),
    ],
)
def test_what_counts_is_measured(steps: str, kind: str, effect: Effect) -> None:
    if kind == "the batch fixed inside":
        steps += " -> flatten(2)"
    assert measured(steps, kind) is effect


def test_steps_are_known_in_flat_files_and_in_functions() -> None:
    """The same mutation at the same steps, whether the block is written out or called."""
    flat, called = (specimen(name)[1] for name in ("blocks", "blocks, functions"))
    for kind in ("epsilon a tenth", "bias dropped"):
        inside = {mutant.first for mutant in mutants(called, KINDS[kind])}
        assert inside, kind
        assert inside <= {mutant.first for mutant in mutants(flat, KINDS[kind])}


def test_a_mutant_changes_its_copy_alone() -> None:
    _, draft, _ = specimen("batchnorm")
    before = draft.model.SerializeToString()
    for kind in KINDS.values():
        for mutant in mutants(draft, kind):
            assert mutant.model.SerializeToString() != before, f"{kind.name}: {mutant.place}"
    assert draft.model.SerializeToString() == before
