"""Constant factors and shifts."""

from __future__ import annotations

import pytest
import torch

from specc.backends.torch import torch_source
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from tests.twins import check_twin, make


@pytest.mark.parametrize("sample", [(6,), (3, 5), (3, 4, 5), (2, 3, 4, 5)])
@pytest.mark.parametrize(("factor", "offset"), [(0.17, 0.0), (-1.0, 1.0), (0.0, 0.5), (1.0, -1e-3), (3e4, 7.0)])
@pytest.mark.parametrize("opset", [18, 23])
def test_twin(factor: float, offset: float, sample: tuple[int, ...], opset: int) -> None:
    def reference(x: torch.Tensor) -> torch.Tensor:
        return x * factor + offset

    check_twin(make("affine", factor=factor, offset=offset), reference, sample, opset=opset)


def test_it_reads_as_a_person_would_write_it() -> None:
    (checked,) = check_file(parse(Source("m.cnn", "model M : [N, 4] { affine(0.5) -> affine(-1, 1) }")))
    source = torch_source(checked.graph)
    assert "x = x * 0.5  #" in source
    assert "x = (x * -1.0) + 1.0  #" in source
