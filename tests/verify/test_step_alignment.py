"""Values of a file that are taken for a step's: none is overlooked for being sought by its size."""

from __future__ import annotations

import numpy as np

from specc.verify.step_alignment import CLOSE, _distance, _TensorsBySize


def test_all_that_are_close_are_among_those_of_the_same_size() -> None:
    random = np.random.default_rng(0)
    base = random.standard_normal((2, 3, 4)).astype(np.float32)
    whole = base.copy()
    whole[0, 0, 0], whole[1, 0, 0] = np.inf, np.nan
    tensors = {"zeros": np.zeros_like(base), "other shape": base.reshape(2, 12), "infinite": whole, "negative": -base}
    for place in range(200):
        away = random.standard_normal(base.shape) * random.choice([1e-9, 5e-4, 1e-3, 2e-3, 1.0])
        tensors[f"near {place}"] = (base * random.choice([1.0, 1.0009, 1.0011, 2.0]) + away).astype(np.float32)
    index = _TensorsBySize(tensors)
    for value in (base, whole, np.zeros_like(base), tensors["near 0"], -base):
        alike = {name for name, tensor in tensors.items() if tensor.shape == value.shape}
        close = {name for name in alike if _distance(value, tensors[name]) <= CLOSE}
        assert close
        assert close <= set(index.near(value)) < alike
