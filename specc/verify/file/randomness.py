"""Nodes that draw at random: no run of such a file says what the next one gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from specc.verify.steps.pieces import constants, everywhere, inlined

DRAWING = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Sampling"}
)
"""Operators that always draw: those of ONNX, and onnxruntime's ``Sampling``."""

DROPPING = {"Dropout": 2, "BitmaskDropout": 2, "BiasDropout": 4, "BitmaskBiasDropout": 4}
"""Operators that draw in training, and which of their inputs turns that on; onnxruntime has all but the first."""


def random_nodes(proto: ModelProto) -> Iterator[str]:
    """Why nothing can be proven of the file, in words, for every node that draws: in functions and branches too."""
    nodes = list(everywhere(inlined(proto)))
    known = {tensor.name: tensor for tensor in proto.graph.initializer} | dict(constants(nodes))
    for node in nodes:
        name = f'{node.op_type} "{node.name or node.output[0]}"'
        if node.op_type in DRAWING:
            yield f"{name} draws at random: what it gives cannot be proven. Take it out of the file"
        elif node.op_type in DROPPING and _may_train(node, known):
            yield f"{name} may drop at random, as in training: export the network after model.eval()"


def _may_train(node: NodeProto, known: Mapping[str, TensorProto]) -> bool:
    """Whether anything but a constant false stands where training is turned on."""
    switch = node.input[DROPPING[node.op_type]] if len(node.input) > DROPPING[node.op_type] else ""
    if not switch:
        return False
    value = known.get(switch)
    return value is None or bool(numpy_helper.to_array(value).any())
