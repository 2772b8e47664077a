"""The numbers of a network: drawn from a seed or read from a file, always in pieces, never all in memory."""

from specc.weights.digest import origin
from specc.weights.matching import MATCHES, Match
from specc.weights.safetensors import write_safetensors
from specc.weights.stored import StoredWeights, read_weights
from specc.weights.streams import Initialised, Randomised
from specc.weights.tensors import Array, Weights, tensor

__all__ = [
    "MATCHES",
    "Array",
    "Initialised",
    "Match",
    "Randomised",
    "StoredWeights",
    "Weights",
    "origin",
    "read_weights",
    "tensor",
    "write_safetensors",
]
