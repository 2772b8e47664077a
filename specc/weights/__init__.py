"""The numbers of a network: drawn from a seed or read from a file, always in pieces, never all in memory."""

from specc.weights.matching import MATCHES, Match
from specc.weights.origin import origin
from specc.weights.safetensors import write_safetensors
from specc.weights.streams import Initialised, Randomised
from specc.weights.tensors import Array, Weights, tensor
from specc.weights.weights_file import WeightsFile, read_weights

__all__ = [
    "MATCHES",
    "Array",
    "Initialised",
    "Match",
    "Randomised",
    "Weights",
    "WeightsFile",
    "origin",
    "read_weights",
    "tensor",
    "write_safetensors",
]
