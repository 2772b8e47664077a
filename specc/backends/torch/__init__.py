"""The graph as PyTorch: a readable source file, and the live module made by running that same file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from specc.backends.torch.python_file import torch_source
from specc.diagnostics import MissingDependency
from specc.ir.graph import Graph

if TYPE_CHECKING:
    from torch import nn

    from specc.weights import Weights

__all__ = ["torch_module", "torch_source"]


def torch_module(
    graph: Graph, weights: Weights, settings: Mapping[str, str] | None = None, *, shared: bool = False
) -> nn.Module:
    """The network as PyTorch runs it: what `torch_source` says, float32, on the CPU, in eval mode.

    PyTorch's global random state is left as it is.

    Args:
        settings: as of `torch_source`.
        shared: its large tensors may be those of ``weights``: it is run, and never trained.

    Raises:
        MissingDependency: PyTorch is not installed.
        UsageError: a step name that PyTorch cannot take.
        ValueError: the module and the graph, or the weights and the graph, disagree; our bug.
    """
    try:
        from specc.backends.torch.module import build
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependency("the PyTorch module", "torch", "cpu") from None
    return build(graph, weights, settings, shared=shared)
