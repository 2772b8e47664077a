"""The numbers of a network: drawn from a seed, read from a file or taken from memory, and given in pieces.

`Weights` is a source of them: `Initialised` and `Randomised` draw (`streams`), `LoadedWeights` have them from a file or
a state dict in memory. Start reading at `loaded`: it finds out the format (`safetensors`, `npz`, `pytorch`, `memory`),
matches the tensors to the network's (`matching`), and checks the numbers.
"""

from specc.weights.loaded import LoadedWeights, read_weights, take_weights
from specc.weights.matching import MATCHES, Match
from specc.weights.safetensors import write_safetensors
from specc.weights.streams import Initialised, Randomised, origin
from specc.weights.tensors import Array, Weights, tensor

__all__ = [
    "MATCHES",
    "Array",
    "Initialised",
    "LoadedWeights",
    "Match",
    "Randomised",
    "Weights",
    "origin",
    "read_weights",
    "take_weights",
    "tensor",
    "write_safetensors",
]
