"""One step against its twin in PyTorch: everything an operator claims, asked of the framework itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn
from torch.backends import mha
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from specc import ops
from specc.backends import onnx as backend
from specc.ir.graph import Graph, Node, Port
from specc.ir.op import Op, Parameter, Refusal
from specc.ir.size import Dim, symbol
from specc.ir.types import TensorType
from specc.source import Source

ROUNDING = 2.0**-24
STEP = "step1"


@dataclass(frozen=True)
class Given:
    """Weights by path, as `specc.weights.Weights`."""

    tensors: dict[str, np.ndarray]

    def chunks(self, path: str, parameter: Parameter) -> Iterator[np.ndarray]:
        yield np.ascontiguousarray(self.tensors[path]).reshape(-1)


def make(kind: str, /, **arguments: Any) -> Op:
    op = ops.find(kind)
    assert op is not None, f"no operator {kind}"
    return op(**arguments)


def graph_of(op: Op, *samples: tuple[Dim, ...]) -> Graph:
    """A network of this one step, its batch symbolic."""
    types = tuple(TensorType(symbol("N"), sample) for sample in samples)
    ports = tuple(Port(f"input{i}", t) for i, t in enumerate(types))
    result = op.infer(*types)
    node = Node(STEP, op, tuple(p.name for p in ports), types, result, Source("twin.cnn", "").span(0, 0))
    return Graph("Twin", ports, ((Port("output", result), STEP),), (node,))


def check_twin(
    op: Op,
    reference: nn.Module | Callable[..., torch.Tensor],
    *samples: tuple[int, ...],
    batch: int = 2,
    seed: int = 0,
    opset: int = 18,
    scales: tuple[float, ...] = (1.0, 1e3, 1e-3),
    allowance: float = 8.0,
    mean: float = 0.0,
) -> None:
    """Shape, parameters, MACs, ONNX and values of ``op`` against ``reference``.

    Values: ONNX Runtime may be ``allowance`` times as far from PyTorch in float64 as PyTorch in float32
    is, plus as many roundings of the largest element.
    """
    generator = torch.Generator().manual_seed(seed)
    graph = graph_of(op, *samples)
    state = _randomise(reference, generator) if isinstance(reference, nn.Module) else {}
    _check_parameters(graph, reference, state)
    model = onnx_bytes(graph, {path: tensor.numpy() for path, tensor in state.items()}, opset)
    sessions = [_session(model, optimised) for optimised in (False, True)]
    _check_macs(graph, reference, [torch.zeros(batch, *sample) for sample in samples])
    for scale in scales:
        inputs = [mean + scale * torch.randn(batch, *sample, generator=generator) for sample in samples]
        exact, single = _run(reference, inputs)
        assert tuple(exact.shape) == (batch, *graph.nodes[0].type.sample), "inferred shape"
        for session in sessions:
            _check_values(_run_session(session, inputs), exact, single, allowance, f"scale {scale}")


def check_sizes(
    op: Op,
    reference: nn.Module | Callable[..., torch.Tensor],
    *samples: tuple[Dim, ...],
    sizes: list[Mapping[str, int]],
    seed: int = 0,
    opset: int = 18,
    allowance: float = 8.0,
) -> None:
    """What ``op`` claims of symbolic samples, at each of ``sizes``: its type, and one ONNX file for all of them.

    The type is that of the operator on the numbers, and of ``reference``; values as in `check_twin`. ``sizes``
    may have values for other symbols too.
    """
    generator = torch.Generator().manual_seed(seed)
    graph = graph_of(op, *samples)
    state = _randomise(reference, generator) if isinstance(reference, nn.Module) else {}
    _check_parameters(graph, reference, state)
    model = onnx_bytes(graph, {path: tensor.numpy() for path, tensor in state.items()}, opset)
    sessions = [_session(model, optimised) for optimised in (False, True)]
    for values in sizes:
        known = {symbol.name: values[symbol.name] for symbol in graph.symbols}
        (node,) = graph.at(known).nodes
        assert node.op.infer(*node.input_types) == node.type, f"at {values}: inferred on numbers"
        inputs = [torch.randn(2, *x.sample, generator=generator) for x in node.input_types]
        exact, single = _run(reference, inputs)
        assert tuple(exact.shape) == (2, *node.type.sample), f"at {values}: PyTorch's shape"
        _check_macs(graph.at(known), reference, inputs)
        for session in sessions:
            _check_values(_run_session(session, inputs), exact, single, allowance, f"at {values}")


def check_verdict(
    op: Op, reference: nn.Module | Callable[..., torch.Tensor], *samples: tuple[int, ...], **options: Any
) -> bool:
    """Whether PyTorch makes something of such inputs: if so, `check_twin`; if not, ``op`` must refuse them too."""
    try:
        with torch.no_grad():
            taken = reference(*[torch.zeros(2, *sample) for sample in samples]).numel() > 0
    except (RuntimeError, ValueError, NotImplementedError, TypeError):
        taken = False
    if not taken:
        with pytest.raises(Refusal):
            op.infer(*[TensorType(symbol("N"), sample) for sample in samples])
        return False
    check_twin(op, reference, *samples, **options)
    return True


def refusal(op: Op, *samples: tuple[Dim, ...]) -> Refusal:
    """What ``op`` says against inputs of these sample shapes."""
    with pytest.raises(Refusal) as caught:
        op.infer(*[TensorType(symbol("N"), sample) for sample in samples])
    return caught.value


def onnx_bytes(graph: Graph, tensors: dict[str, np.ndarray], opset: int = 18) -> bytes:
    file = io.BytesIO()
    backend.write(graph, Given(tensors), file, opset=opset)
    onnx.checker.check_model(file.getvalue(), full_check=True)
    return file.getvalue()


def run_onnx(model: bytes, inputs: list[torch.Tensor], optimised: bool = True) -> np.ndarray:
    return _run_session(_session(model, optimised), inputs)


@lru_cache(maxsize=2)
def _session(model: bytes, optimised: bool) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run_session(session: ort.InferenceSession, inputs: list[torch.Tensor]) -> np.ndarray:
    feed = {port.name: x.numpy() for port, x in zip(session.get_inputs(), inputs, strict=True)}
    return np.asarray(session.run(None, feed)[0])


def _randomise(module: nn.Module, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Nothing may hide behind a statistic of 0 or a weight of 1. Returns the state by specc's paths."""
    module.eval()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(0.5 + noise if name.endswith("running_var") else noise - 0.4)
    return {_path(name): tensor.clone() for name, tensor in module.state_dict().items()}


def _path(name: str) -> str:
    return f"{STEP}.{name}" if name else STEP


def _check_parameters(graph: Graph, reference: object, state: dict[str, torch.Tensor]) -> None:
    claimed = {path: (p.shape, p.buffer, p.integer) for path, p in graph.state}
    trainable = {_path(n) for n, _ in reference.named_parameters()} if isinstance(reference, nn.Module) else set()
    real = {
        path: (tuple(tensor.shape), path not in trainable, not tensor.is_floating_point())
        for path, tensor in state.items()
    }
    assert list(claimed.items()) == list(real.items()), "parameters"


def _run(reference: Any, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        single = reference(*inputs)
        if isinstance(reference, nn.Module):
            reference.double()
        exact = reference(*[x.double() for x in inputs])
        if isinstance(reference, nn.Module):
            reference.float()
    return exact, single


def _check_macs(graph: Graph, reference: Any, inputs: list[torch.Tensor]) -> None:
    # Attention is counted by its parts; of what is computed at once PyTorch counts nothing.
    in_parts = patch.object(mha, "_is_fastpath_enabled", False), sdpa_kernel(SDPBackend.MATH)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), in_parts[0], in_parts[1]:
        reference(*inputs)
    node = graph.nodes[0]
    assert 2 * node.op.macs(*node.input_types) * inputs[0].shape[0] == counter.get_total_flops(), "macs"


def _check_values(got: np.ndarray, exact: torch.Tensor, single: torch.Tensor, allowance: float, what: str) -> None:
    assert got.shape == tuple(exact.shape)
    assert got.dtype == np.float32
    assert (np.isnan(got) == torch.isnan(single).numpy()).all(), f"{what}: NaN in other places"
    truth = exact.numpy()
    finite = np.isfinite(truth) & np.isfinite(single.numpy())
    assert (np.isfinite(got) == np.isfinite(single.numpy())).all(), f"{what}: infinities in other places"
    if not finite.any():
        return
    error = np.abs(got[finite] - truth[finite]).max()
    theirs = np.abs(single.numpy()[finite] - truth[finite]).max()
    bound = allowance * (theirs + ROUNDING * np.abs(truth[finite]).max())
    assert error <= bound, f"{what}: error {error:.3g}, PyTorch's own {theirs:.3g}, allowed {bound:.3g}"
