"""The matrix of a linear step, in numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specc.analyses.matrix import StepMatrix
from specc.ir.op import Parameter
from specc.weights.tensors import Weights, tensor


def dense(matrix: StepMatrix, weights: Weights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every entry of it, and what is added to each row.

    Raises:
        UsageError: as ``weights`` does.
    """

    def elements(parameter: Parameter) -> NDArray[np.float64]:
        return tensor(weights, matrix.node.path(parameter), parameter).reshape(-1).astype(np.float64)

    known = None if matrix.weight is None else elements(matrix.weight)
    made, bias = np.zeros((matrix.rows, matrix.columns)), np.zeros(matrix.rows)
    for place, addends in matrix.entries.items():
        made[place] = sum(factor if known is None else factor * known[weight] for weight, factor in addends.items())
    if matrix.bias is not None:
        bias[:] = elements(matrix.bias)[[matrix.bias_of(row) for row in range(matrix.rows)]]
    return made, bias
