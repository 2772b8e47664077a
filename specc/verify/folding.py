"""Layers that a file may hold together with what stands behind them: a batch norm multiplied into a convolution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specc.ir.graph import Graph, Node
from specc.ir.op import Parameter
from specc.ir.targets import Own, TorchCall, TorchModule, Value
from specc.onnxfile.tensor_index import Values
from specc.weights import Weights, tensor

EPS = 1e-5
"""PyTorch's default for norms, which is not among the arguments of a step that has it."""

FACTOR = TorchCall("torch.mul", (Value(), Own("")))
"""A step that multiplies by a tensor of its own."""

LAYERS = ("nn.Conv", "nn.Linear")
"""What a batch norm can be multiplied into, by the beginning of PyTorch's name."""


@dataclass(frozen=True)
class Fold:
    """A layer, and behind it what only scales and shifts its channels, and alone takes its result: a batch norm,
    an instance norm with running statistics, a learned factor.
    """

    layer: Node
    norm: Node

    @property
    def weight(self) -> tuple[str, Parameter]:
        """Path and parameter of what the norm can be multiplied into."""
        return next((self.layer.path(p), p) for p in self.layer.parameters if p.name == "weight")

    def tensors(self, weights: Weights) -> Mapping[str, tuple[str, Parameter, Values]]:
        """By the names that the formulas use: path, parameter and float64 numbers; what a step lacks is left out."""
        tensors = {}
        for prefix, node in (("", self.layer), ("norm.", self.norm)):
            for parameter in node.parameters:
                if not parameter.integer:
                    path = node.path(parameter)
                    numbers = tensor(weights, path, parameter).astype(np.float64)
                    tensors[prefix + parameter.name] = path, parameter, numbers
        return tensors

    def shift(self, tensors: Mapping[str, object]) -> str:
        """The tensor of ``tensors`` that a wrong folded bias is put down to."""
        return next(name for name in ("norm.bias", "bias", "norm.running_mean", "norm.") if name in tensors)


@dataclass(frozen=True)
class FoldedTensors:
    """What a folded layer must hold.

    Attributes:
        weight: in the layer's shape, float64.
        bias: one number per channel, float64.
        sizes: of all that is added up to each number of ``bias``, which rounding errors are in proportion to.
    """

    weight: Values
    bias: Values
    sizes: Values


def folds(graph: Graph) -> Iterator[Fold]:
    takers = Counter(value for node in graph.nodes for value in node.inputs)
    takers.update(value for _, value in graph.outputs)
    modules = Counter(node.module for node in graph.nodes)
    steps = {node.name: node for node in graph.nodes}
    for norm in graph.nodes:
        layer = steps.get(norm.inputs[0]) if norm.inputs else None
        if layer is None or takers[layer.name] > 1 or max(modules[layer.module], modules[norm.module]) > 1:
            continue
        # A Linear over more axes does not make the channels that a norm scales, but the last axis.
        makes_channels = not _module(layer).startswith("nn.Linear") or len(layer.type.sample) == 1
        if _module(layer).startswith(LAYERS) and makes_channels and _scales_channels(norm):
            yield Fold(layer, norm)


def _scales_channels(norm: Node) -> bool:
    """Whether the step does nothing but scale and shift the channels by tensors of its own."""
    if "running_mean" in {parameter.name for parameter in norm.parameters}:
        return True
    if norm.op.torch(*norm.input_types) != FACTOR:
        return False
    shape, of_input = norm.parameters[0].shape, norm.input_types[0]
    return len(shape) == len(of_input.sample) and shape[0] == of_input.channels


def _module(node: Node) -> str:
    step = node.op.torch(*node.input_types)
    return step.name if isinstance(step, TorchModule) else ""


def _option(node: Node, name: str, default: Any) -> Any:
    """An argument of the step's PyTorch module; ``default`` is PyTorch's, where it is left out."""
    step = node.op.torch(*node.input_types)
    return step.kwargs.get(name, default)


def folded_tensors(fold: Fold, tensors: Mapping[str, tuple[str, Parameter, Values]]) -> FoldedTensors:
    """weight * f and beta + (bias - mean) * f in float64, where f is gamma/sqrt(variance + eps), or the factor."""
    weight = tensors["weight"][2]
    numbers = {name: values.reshape(-1) for name, (_, _, values) in tensors.items()}
    if "norm." in tensors:
        factor = numbers["norm."]
    else:
        factor = numbers.get("norm.weight", 1.0) / np.sqrt(numbers["norm.running_var"] + _option(fold.norm, "eps", EPS))
    nothing = np.zeros_like(factor)
    bias, mean, shift = (numbers.get(name, nothing) for name in ("bias", "norm.running_mean", "norm.bias"))
    sizes = np.abs(shift) + (np.abs(bias) + np.abs(mean)) * np.abs(factor)
    if _module(fold.layer).startswith("nn.ConvTranspose"):  # which has the output channels on its second axis
        groups = _option(fold.layer, "groups", 1)
        grouped = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
        scaled = (grouped * factor.reshape(groups, 1, -1, 1)).reshape(weight.shape)
    else:
        scaled = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    return FoldedTensors(scaled, shift + (bias - mean) * factor, sizes)
