"""The numbers of a network: drawn from a seed or read from a file, always in pieces, never all in memory.

`Weights` is a source of them: `Initialised` and `Randomised` draw (`streams`), a `WeightsFile` reads. Start reading at
`weights_file`: it finds out the format (`safetensors`, `npz`, `pytorch`), matches the tensors to the network's
(`matching`), and checks the numbers.
"""

from specc.weights.matching import MATCHES, Match
from specc.weights.safetensors import write_safetensors
from specc.weights.streams import Initialised, Randomised, origin
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
