"""The graph as PyTorch: a readable source file, and the live module made by running that same file."""

from specc.backends.torch.module import torch_module
from specc.backends.torch.source import torch_source

__all__ = ["torch_module", "torch_source"]
