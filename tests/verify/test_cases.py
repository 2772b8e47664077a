"""The inputs: deterministic, of the sizes promised, for symbolic and fixed batches."""

from __future__ import annotations

import numpy as np
import pytest

from specc.verify.cases import Case, cases
from tests.verify.networks import graph_of

ANY = graph_of("model A : [N, 2, 5, 4] {\n  relu\n}")
FIXED = graph_of("model A : [3, 2, 5, 4] {\n  relu\n}")
LARGE = graph_of("model A : [N, 64, 256, 256] {\n  conv(64, 3)\n}")


def test_symbolic_batch_is_tried_at_three_sizes() -> None:
    assert [(case.name, case.batch) for case in cases(ANY)] == [
        ("normal", 1), ("normal", 2), ("normal", 7), ("zeros", 1), ("x 1e3", 1), ("x 1e-6", 1), ("mean 1000", 1),
        ("spikes", 1),
    ]  # fmt: skip


def test_fixed_batch_is_kept() -> None:
    assert {case.batch for case in cases(FIXED)} == {3}
    assert {case.name for case in cases(FIXED)} == {"normal", "zeros", "x 1e3", "x 1e-6", "mean 1000", "spikes"}


def test_large_network_goes_without_the_large_batch() -> None:
    assert {case.batch for case in cases(LARGE)} == {1, 2}


def test_inputs_are_what_the_names_say() -> None:
    drawn = {case.name: case.inputs(ANY, 0)["input"] for case in cases(ANY) if case.batch == 1}
    assert all(value.shape == (1, 2, 5, 4) and value.dtype == np.float32 for value in drawn.values())
    assert drawn["normal"].min() < 0 < drawn["normal"].max()
    assert not drawn["zeros"].any()
    assert 100 < np.abs(drawn["x 1e3"]).max() < 1e4
    assert 1e-7 < np.abs(drawn["x 1e-6"]).max() < 1e-5
    assert np.all(np.abs(drawn["mean 1000"] - 1000) < 10)
    assert len(np.unique(drawn["mean 1000"])) > 30


@pytest.mark.parametrize(
    ("spec", "channels", "spikes"), [("[N, 3, 40, 30]", (0, 1), 3), ("[N, 3, 5]", (0, 1), 1), ("[N, 20]", (0,), 1)]
)
def test_spikes_are_few_and_in_every_channel(spec: str, channels: tuple[int, ...], spikes: int) -> None:
    graph = graph_of(f"model A : {spec} {{\n  relu\n}}")
    value = np.abs(Case("spikes", 1, spikes=True).inputs(graph, 0)["input"])
    rest = tuple(range(len(channels), value.ndim))
    assert np.all((value > 99).sum(rest) == spikes)
    assert value.max() == 1e6, "more than float16 can hold, whatever the seed"
    assert value[value < 99].max() < 10


def test_inputs_depend_on_seed_and_case_alone() -> None:
    case = Case("normal", 2)
    first, again = case.inputs(ANY, 5)["input"], case.inputs(ANY, 5)["input"]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, case.inputs(ANY, 6)["input"])
    assert not np.array_equal(first[:1], Case("normal", 1).inputs(ANY, 5)["input"])


def test_numbers_never_change() -> None:
    """Written down once: a verdict of today can be repeated tomorrow."""
    value = Case("normal", 1).inputs(ANY, 0)["input"]
    assert value.reshape(-1)[:3].tolist() == [-0.36603787541389465, 0.3260180354118347, -0.5628541111946106]
