"""Which numbers a network has, in one line."""

from __future__ import annotations

from hashlib import sha256

from specc.weights.streams import Initialised
from specc.weights.tensors import State, Weights, element_type, size_in_bytes


def origin(state: State, weights: Weights) -> str:
    """``seed 0``, or of numbers from elsewhere ``sha256:`` and 64 hexadecimal digits.

    The hash is of the tensors as they go into every file: for each, in the order of the state dict, a line with its
    path, type and shape, and then its elements in row-major order, little-endian. So the same numbers have the same
    hash, whatever file they were read from.

    Raises:
        UsageError: where the source cannot give the tensors as they must be.
    """
    if isinstance(weights, Initialised):
        return f"seed {weights.seed}"
    hashed = sha256()
    for path, parameter in state:
        shape = ",".join(map(str, parameter.shape))
        hashed.update(f"{path} {element_type(parameter).str} [{shape}]\n".encode())
        length = 0
        for piece in weights.chunks(path, parameter):
            data = piece.astype(element_type(parameter), copy=False).tobytes()
            hashed.update(data)
            length += len(data)
        if length != size_in_bytes(parameter):
            raise ValueError(f"{path}: {length} bytes came for shape {parameter.shape}")
    return "sha256:" + hashed.hexdigest()
