"""The numbers of a network: drawn from a seed or read from a file, always in pieces, never all in memory."""

from specc.weights.safetensors import read_safetensors, write_safetensors
from specc.weights.streams import Initialised, Randomised
from specc.weights.tensors import Array, Weights, tensor

__all__ = ["Array", "Initialised", "Randomised", "Weights", "read_safetensors", "tensor", "write_safetensors"]
