"""Nodes for which no run of a file says what the next one gives: they draw at random, or work as in training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from onnx import ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.external_data_helper import uses_external_data

from specc.verify.steps.pieces import constants, everywhere, inlined

DRAWING = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Sampling"}
)
"""Operators that always draw: those of ONNX, and onnxruntime's ``Sampling``."""

DROPPING = {"Dropout": 2, "BitmaskDropout": 2, "BiasDropout": 4, "BitmaskBiasDropout": 4}
"""Operators that draw in training, and which of their inputs turns that on; onnxruntime has all but the first."""


@dataclass(frozen=True, slots=True)
class Unsteady:
    """One such node.

    Attributes:
        operator, name: the node's; what has no name is called after its first output.
        why: it "draws" always; "drops" elements as in training; "normalises" by the batch as in training.
    """

    operator: str
    name: str
    why: Literal["draws", "drops", "normalises"]

    @property
    def case(self) -> str:
        """What the check is called that it fails."""
        return "randomness" if self.why == "draws" else "training"

    def __str__(self) -> str:
        return f'{self.operator} "{self.name}"'


def unsteady_nodes(proto: ModelProto) -> Iterator[Unsteady]:
    """Every such node: in functions that are called and in branches too."""
    nodes = list(everywhere(inlined(proto)))
    known = {tensor.name: tensor for tensor in proto.graph.initializer} | dict(constants(nodes))
    for node in nodes:
        name = node.name or next(filter(None, node.output), "")
        if node.op_type in DRAWING:
            yield Unsteady(node.op_type, name, "draws")
        elif node.op_type in DROPPING and _may_drop(node, known):
            yield Unsteady(node.op_type, name, "drops")
        elif node.op_type == "BatchNormalization" and _by_batch(node):
            yield Unsteady(node.op_type, name, "normalises")


def _may_drop(node: NodeProto, known: Mapping[str, TensorProto]) -> bool:
    """Whether anything but a constant false stands where training is turned on."""
    switch = node.input[DROPPING[node.op_type]] if len(node.input) > DROPPING[node.op_type] else ""
    if not switch:
        return False
    value = known.get(switch)
    return value is None or uses_external_data(value) or bool(numpy_helper.to_array(value).any())


def _by_batch(node: NodeProto) -> bool:
    """By ``training_mode``; before opset 14, by giving out the statistics of the batch too."""
    switched = any(attribute.name == "training_mode" and attribute.i for attribute in node.attribute)
    return switched or any(node.output[1:])
