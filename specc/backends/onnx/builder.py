"""One step as ONNX nodes: the `specc.ir.onnx.Builder` that operators write through."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto, helper

from specc.backends.onnx.scope import Scope
from specc.ir.graph import Node
from specc.ir.onnx import Nested, Ref


class StepBuilder:
    """Collects what one step adds to the graph or function of ``scope``.

    Every value is called after the step: ``conv1/Pad``, ``conv1/Pad_2``, constants ``conv1/const``;
    a parameter goes by its state-dict path.
    """

    def __init__(self, step: Node, scope: Scope) -> None:
        self._step = step
        self._scope = scope
        self._label = scope.label(step)
        self._used: dict[str, int] = {}
        self._parameters = {p.name: p for p in step.parameters}
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, op_type: str, *inputs: Ref, **attributes: object) -> Ref:
        name = self._fresh(op_type)
        node = helper.make_node(op_type, list(inputs), [name], name=name)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(node)
        return name

    def parameter(self, name: str, shape: tuple[int, ...] | None = None) -> Ref:
        """A tensor is stored once, in the shape of its first use; where another one is wanted it is reshaped."""
        parameter = self._parameters[name]
        wanted = parameter.shape if shape is None else shape
        ref, stored = self._scope.weight(self._step, parameter, wanted)
        return ref if stored.shape == wanted else self.node("Reshape", ref, self.integers(wanted))

    def floats(self, values: Nested) -> Ref:
        return self._constant(np.asarray(values, dtype=np.float32))

    def integers(self, values: Nested) -> Ref:
        return self._constant(np.asarray(values, dtype=np.int64))

    def finish(self, result: Ref) -> None:
        """Call the step's result by the step's value; a step that gives its input back becomes an Identity."""
        if not any(result in node.output for node in self.nodes):
            result = self.node("Identity", result)
        name = self._scope.values[self._step.name]
        for node in self.nodes:
            _rename(node.input, result, name)
            _rename(node.output, result, name)
        self.nodes[-1].name = self._label
        self._scope.add(self.nodes, self.constants)

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
        return f"{self._label}/{kind}" + (f"_{count}" if count > 1 else "")


def _rename(names: list[str], old: str, new: str) -> None:
    for i, name in enumerate(names):
        if name == old:
            names[i] = new
