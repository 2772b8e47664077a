"""Layers that a file may hold together with what stands behind them: a batch norm multiplied into a convolution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specc.ir.graph import Graph, Node
from specc.ir.op import Parameter
from specc.ir.torch import Own, TorchCall, TorchModule, Value
from specc.verify.file.stored import Values
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

    def tensors(self, weights: Weights) -> Mapping[str, tuple[str, Parameter, Values]]:
        """By the names that the formulas use: path, parameter and float64 numbers; what a step lacks is left out."""
        found = {}
        for prefix, node in (("", self.layer), ("norm.", self.norm)):
            for parameter in node.parameters:
                if not parameter.integer:
                    path = node.path(parameter)
                    numbers = tensor(weights, path, parameter).astype(np.float64)
                    found[prefix + parameter.name] = path, parameter, numbers
        return found

    def shift(self, given: Mapping[str, object]) -> str:
        """The tensor of ``given`` that a wrong folded bias is put down to."""
        return next(name for name in ("norm.bias", "bias", "norm.running_mean", "norm.") if name in given)


@dataclass(frozen=True)
class Merged:
    """What a fold must be.

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
        if _module(layer).startswith(LAYERS) and _by_channel(layer) and _is_by_channel(norm):
            yield Fold(layer, norm)


def _is_by_channel(norm: Node) -> bool:
    """Whether the step does nothing but scale and shift the channels by tensors of its own."""
    if "running_mean" in {parameter.name for parameter in norm.parameters}:
        return True
    return norm.op.torch(*norm.input_types) == FACTOR and norm.parameters[0].shape[0] == _channels(norm)


def _channels(norm: Node) -> int:
    """Elements that a factor of one number per channel has; 0 where it does not lie along the channels."""
    shape = norm.parameters[0].shape
    return norm.input_types[0].channels if len(shape) == len(norm.input_types[0].sample) else 0


def _module(node: Node) -> str:
    step = node.op.torch(*node.input_types)
    return step.name if isinstance(step, TorchModule) else ""


def _option(node: Node, name: str, default: Any) -> Any:
    """An argument of the step's PyTorch module; ``default`` is PyTorch's, where it is left out."""
    step = node.op.torch(*node.input_types)
    return step.kwargs.get(name, default)


def _by_channel(layer: Node) -> bool:
    """Whether the layer makes the channels that a norm scales; a Linear over more axes makes the last axis instead."""
    return not _module(layer).startswith("nn.Linear") or len(layer.type.sample) == 1


def merged_by(fold: Fold, given: Mapping[str, tuple[str, Parameter, Values]]) -> Merged:
    """weight * f and beta + (bias - mean) * f in float64, where f is gamma/sqrt(variance + eps), or the factor."""
    weight = given["weight"][2]
    numbers = {name: values.reshape(-1) for name, (_, _, values) in given.items()}
    if "norm." in given:
        factor = numbers["norm."]
    else:
        factor = numbers.get("norm.weight", 1.0) / np.sqrt(numbers["norm.running_var"] + _option(fold.norm, "eps", EPS))
    nothing = np.zeros_like(factor)
    bias, mean, shift = (numbers.get(name, nothing) for name in ("bias", "norm.running_mean", "norm.bias"))
    sizes = np.abs(shift) + (np.abs(bias) + np.abs(mean)) * np.abs(factor)
    return Merged(_scaled(fold.layer, weight, factor), shift + (bias - mean) * factor, sizes)


def _scaled(layer: Node, weight: Values, factor: Values) -> Values:
    """The layer's weight times one factor per output channel; a transposed convolution has them on its second axis."""
    if not _module(layer).startswith("nn.ConvTranspose"):
        return weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    groups = _option(layer, "groups", 1)
    parts = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
    return (parts * factor.reshape(groups, 1, -1, 1)).reshape(weight.shape)
