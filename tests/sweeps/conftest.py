"""A small model with parameters, on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import here, specc

__all__ = ["here", "specc"]  # which tests ask for

SPEC = """\
let most = 64
block unit(c, act) { conv(c, 3, padding=1) -> bn -> act }

model Net(width = 8, depth = 2, act = relu) : [N, 3, 8, 8] -> [N, 10] {
  repeat depth { unit(width, act) -> maxpool(2) }
  flatten -> fc(10)
}
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """Three poolings by 2 leave one place of 8: a depth of 4 fits no more."""
    path = tmp_path / "net.cnn"
    path.write_text(SPEC)
    return path


def params(width: int, depth: int) -> int:
    """By hand: convolutions with their biases, norms, and the layer behind."""
    convs = [3 * width] + [width * width] * (depth - 1)
    side = 8 // 2**depth
    return sum(9 * pairs + 3 * width for pairs in convs) + (width * side * side + 1) * 10
