"""The live module: the generated source, run, with its weights in place."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import ModuleType
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from specc.backends.torch.python_file import class_name, torch_source
from specc.ir.graph import Graph
from specc.weights import Weights, tensor

SHARED = 2**25
"""Bytes from which on a tensor may lie in the memory of its source: smaller ones are copied to where PyTorch has its
own, since sums of products may depend on how a tensor is aligned.
"""


def build(
    graph: Graph, weights: Weights, settings: Mapping[str, str] | None = None, *, shared: bool = False
) -> nn.Module:
    """See `specc.backends.torch.torch_module`."""
    network = getattr(_run(graph.name, torch_source(graph, settings)), class_name(graph))
    # Without drawing, VGG16 is made in 5 ms, and not in 620, and PyTorch's global random state stays as it is.
    with torch.device("cpu"), _Undrawn():
        module: nn.Module = network().float()  # whatever the user's default dtype is
    _require_same_state(graph, module)
    state = module.state_dict(keep_vars=True)
    with torch.no_grad(), catch_warnings():
        simplefilter("ignore", UserWarning)  # PyTorch's, that what is only to be read may be written to
        for path, parameter in graph.state:
            numbers = torch.from_numpy(tensor(weights, path, parameter))
            if shared and numbers.nbytes >= SHARED:
                state[path].data = numbers
            else:
                state[path].copy_(numbers)
    return module.eval()


class _Undrawn(TorchFunctionMode):
    """Leaves tensors as they are where a layer would draw random numbers: weights come from elsewhere."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if func in (torch.Tensor.uniform_, torch.Tensor.normal_) or getattr(func, "__module__", "") == nn.init.__name__:
            return args[0] if args else options["tensor"]
        return func(*args, **options)


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
    sys.modules[full_name] = module  # where inspect and pickle look for the module of a class
    return module


def _require_same_state(graph: Graph, module: nn.Module) -> None:
    """Raises where the module has other tensors than the graph, or in another order."""
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
