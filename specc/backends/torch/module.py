"""The live module: the generated source, run, with its weights in place."""

from __future__ import annotations

import linecache
import sys
from hashlib import sha256
from types import ModuleType
from typing import TYPE_CHECKING

from specc.backends.torch.source import class_name, torch_source
from specc.diagnostics import MissingDependency
from specc.ir.graph import Graph
from specc.weights import Weights, tensor

if TYPE_CHECKING:
    from torch import nn


def torch_module(graph: Graph, weights: Weights) -> nn.Module:
    """The network as PyTorch runs it: what `torch_source` says, float32, on the CPU, in eval mode.

    PyTorch's global random state is left as it is.

    Raises:
        MissingDependency: PyTorch is not installed.
        UsageError: a step name that PyTorch cannot take.
        ValueError: the module and the graph, or the weights and the graph, disagree; our bug.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependency("the PyTorch module", "torch", "cpu") from None
    network = getattr(_run(graph.name, torch_source(graph)), class_name(graph))
    with torch.device("meta"):  # nothing is drawn or stored before the weights come
        module: nn.Module = network()
    _require_same_state(graph, module)
    module.to_empty(device="cpu")
    state = module.state_dict()
    for path, parameter in graph.state:
        state[path].copy_(torch.from_numpy(tensor(weights, path, parameter)))
    return module.eval()


def _run(name: str, source: str) -> ModuleType:
    """The source as an imported module: tracebacks and `inspect.getsource` find its lines.

    Equal sources give the same module, so their networks are of one class.
    """
    digest = sha256(source.encode()).hexdigest()[:16]
    full_name = f"specc_{name}_{digest}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    module = ModuleType(full_name)
    module.__file__ = f"<specc {name} {digest}>"
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    sys.modules[full_name] = module
    return module


def _require_same_state(graph: Graph, module: nn.Module) -> None:
    """Raises where the module holds other tensors than the graph says, or in another order."""
    claimed = [
        (path, parameter.shape, not parameter.buffer, parameter.trainable, parameter.integer)
        for path, parameter in graph.state
    ]
    weights = dict(module.named_parameters())
    real = [
        (path, tuple(value.shape), path in weights, value.requires_grad, not value.is_floating_point())
        for path, value in module.state_dict(keep_vars=True).items()
    ]
    unsaved = {path for path, _ in module.named_buffers()} - {path for path, *_ in real}
    if claimed != real or unsaved:
        wrong = sorted({*claimed} ^ {*real}) or "the order"
        raise ValueError(f"graph {graph.name} and its PyTorch module differ in {wrong}, unsaved {sorted(unsaved)}")
