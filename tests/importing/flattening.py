"""Checked networks as a reader would give them: flat, without their blocks; their steps have their paths, or none."""

from __future__ import annotations

import numpy as np

from specc.importing.network import (
    Argument,
    Expression,
    ImportedNetwork,
    ImportedOutput,
    ImportedPort,
    ImportedStep,
    ImportedTensor,
    ValueOf,
)
from specc.ir.graph import Graph, Node
from specc.ir.size import Dim, Size
from specc.ir.symbols import contract_condition


def flattened(graph: Graph, *, with_paths: bool = True) -> ImportedNetwork:
    """The steps of a network, without the blocks around them.

    Args:
        with_paths: whether they have names.
    """
    values = {name: f"v{index}" for index, name in enumerate(node.name for node in graph.nodes)}
    values |= {port.name: port.name for port in graph.inputs}
    tensors: dict[str, ImportedTensor] = {}
    steps = []
    for index, node in enumerate(graph.nodes):
        own: dict[str, str] = {}
        for parameter in node.parameters:
            if parameter.integer:
                continue
            path = node.path(parameter)
            own[parameter.name] = path if with_paths else f"t{_number(graph, node)}.{parameter.name}"
            numbers = np.zeros(parameter.shape, np.float32)
            tensors[own[parameter.name]] = ImportedTensor(parameter.shape, lambda numbers=numbers: numbers)
        inputs = tuple(values[value] for value in node.inputs)
        arguments = _arguments(node, inputs)
        name = (node.module if node.parameters else node.name) if with_paths else ""
        steps.append(ImportedStep(name, node.op.kind, arguments, inputs, (values[node.name],), own, f"step {index}"))
    inputs = tuple(ImportedPort(p.name, tuple(map(_size, p.type.shape)), p.dtype) for p in graph.inputs)
    outputs = tuple(ImportedOutput(port.name, values[value]) for port, value in graph.outputs)
    where = tuple(str(contract_condition(graph.symbols)).split(", ")) if contract_condition(graph.symbols) else ()
    return ImportedNetwork(graph.name, inputs, outputs, tuple(steps), tensors, where)


def _number(graph: Graph, node: Node) -> int:
    return next(index for index, other in enumerate(graph.nodes) if other.module == node.module)


def _size(size: Dim) -> int | str:
    return size if isinstance(size, int) else str(size)


def _arguments(node: Node, inputs: tuple[str, ...]) -> dict[str, Argument]:
    op = node.op
    fields = type(op).model_fields
    required = [name for name, field in fields.items() if field.is_required() and name not in op.measures]
    given = {name: _argument(getattr(op, name)) for name in required} | {
        name: _argument(value)
        for name, value in op.non_default(*(n for n in fields if n not in required and n not in op.measures)).items()
    }
    measured = dict(zip(op.non_default(*op.measures), map(ValueOf, inputs[len(node.reads) :]), strict=True))
    return {
        name: value for name in fields for value in [(measured | given).get(name)] if name in measured or name in given
    }


def _argument(value: object) -> Argument:
    if isinstance(value, tuple):
        return tuple(map(_argument, value))
    if isinstance(value, Size):
        return Expression(str(value).replace("floor", ""))  # never more than a symbol in the networks here
    assert value is None or isinstance(value, (int, float, bool, str)), value
    return value
