"""That a test sees the same numbers in every run, and that a draw before it could seed is found."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import settings
from torch import nn

from tests import conftest


def test_every_test_begins_with_the_same_generators(pytestconfig: pytest.Config) -> None:
    if pytestconfig.pluginmanager.hasplugin("randomly"):
        pytest.skip("pytest-randomly seeds after us, with other numbers: that is what it is for")
    assert random.random() == random.Random(0).random()
    assert np.random.rand() == np.random.RandomState(0).rand()
    assert torch.rand(()) == torch.rand((), generator=torch.Generator().manual_seed(0))


def test_examples_and_sums_do_not_depend_on_the_machine(pytestconfig: pytest.Config) -> None:
    assert torch.get_num_threads() == 1
    assert pytestconfig.getoption("hypothesis_profile", None) or settings().derandomize


def test_a_draw_while_a_module_is_imported_is_found() -> None:
    conftest.seed()
    assert conftest.drawn() is None
    nn.ReLU()
    assert conftest.drawn() is None
    nn.Linear(2, 2)
    assert conftest.drawn() == "torch"
    conftest.seed()
    np.random.rand()
    assert conftest.drawn() == "numpy.random"
