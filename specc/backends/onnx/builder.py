"""One step as ONNX nodes: the `specc.ir.onnx.Builder` that operators write through."""

from __future__ import annotations

from math import prod

import numpy as np
from onnx import NodeProto, TensorProto, helper

from specc.ir.graph import Node
from specc.ir.onnx import Nested, Ref
from specc.ir.op import Parameter


def stored_name(path: str, parameter: Parameter) -> str:
    """What a parameter is called in the file: its path in the state dict.

    A step that is its own parameter (scale) has the path that its value goes by, and ONNX has one namespace
    for both.
    """
    return path if parameter.name else f"{path}/factor"


class StepBuilder:
    """Collects what one step adds to the graph.

    Every value is called after the step: ``conv1/Pad``, ``conv1/Pad_2``, constants ``conv1/const``;
    a parameter goes by its state-dict path.
    """

    def __init__(self, step: Node) -> None:
        self._step = step
        self._used: dict[str, int] = {}
        self._parameters = {p.name: p for p in step.parameters}
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.stored: dict[str, tuple[Parameter, tuple[int, ...]]] = {}
        """Parameters in use: state-dict path -> the parameter and the shape it is stored in."""

    def node(self, op_type: str, *inputs: Ref, **attributes: object) -> Ref:
        name = self._fresh(op_type)
        node = helper.make_node(op_type, list(inputs), [name], name=name)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(node)
        return name

    def parameter(self, name: str, shape: tuple[int, ...] | None = None) -> Ref:
        parameter = self._parameters[name]
        stored = parameter.shape if shape is None else shape
        path = self._step.path(parameter)
        earlier = self.stored.setdefault(path, (parameter, stored))
        if prod(stored) != prod(parameter.shape) or earlier[1] != stored:
            raise ValueError(f"{path} of shape {parameter.shape} cannot be stored as {stored}")
        return stored_name(path, parameter)

    def floats(self, values: Nested) -> Ref:
        return self._constant(np.asarray(values, dtype=np.float32))

    def integers(self, values: Nested) -> Ref:
        return self._constant(np.asarray(values, dtype=np.int64))

    def finish(self, result: Ref, name: str) -> None:
        """Call the step's result ``name``; a step that gives its input back becomes an Identity."""
        if not any(result in node.output for node in self.nodes):
            result = self.node("Identity", result)
        for node in self.nodes:
            _rename(node.input, result, name)
            _rename(node.output, result, name)
        self.nodes[-1].name = self._step.name

    def _constant(self, array: np.ndarray) -> Ref:
        name = self._fresh("const")
        self.constants.append(
            TensorProto(
                name=name,
                dims=array.shape,
                data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
                raw_data=array.astype(array.dtype.newbyteorder("<")).tobytes(),
            )
        )
        return name

    def _fresh(self, kind: str) -> str:
        count = self._used[kind] = self._used.get(kind, 0) + 1
        return f"{self._step.name}/{kind}" + (f"_{count}" if count > 1 else "")


def _rename(names: list[str], old: str, new: str) -> None:
    for i, name in enumerate(names):
        if name == old:
            names[i] = new
