"""The graph written as ONNX, directly: without torch and without tracing."""

from __future__ import annotations

from typing import BinaryIO

from onnx import checker

from specc.backends.onnx.assembly import IR_VERSIONS, Assembly, assemble
from specc.backends.onnx.metadata import claimed_weights, entries_of, is_sealed, metadata_of
from specc.backends.onnx.serialization import (
    PROTOBUF_LIMIT,
    fits_in_one_file,
    largest_tensor,
    serialise,
    size_of,
    varint,
    with_external_data,
    write_data,
    write_model,
)
from specc.backends.onnx.step_nodes import initializer_name, value_names
from specc.ir.graph import Graph
from specc.ir.targets import DEFAULT_OPSET, NEWEST_OPSET
from specc.weights import Weights

__all__ = [
    "DEFAULT_OPSET",
    "IR_VERSIONS",
    "NEWEST_OPSET",
    "PROTOBUF_LIMIT",
    "Assembly",
    "checked",
    "claimed_weights",
    "entries_of",
    "fits_in_one_file",
    "initializer_name",
    "is_sealed",
    "largest_tensor",
    "metadata_of",
    "serialise",
    "size_of",
    "value_names",
    "varint",
    "with_external_data",
    "write",
    "write_data",
    "write_model",
]


def checked(graph: Graph, opset: int = DEFAULT_OPSET, *, functions: bool = False) -> Assembly:
    """The graph in ONNX, passed by onnx's full checker (which compares every declared shape).

    Args:
        functions: keep the blocks of the spec as local functions, instead of one flat graph.

    Raises:
        UsageError: an unsupported opset.
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: our bug.
    """
    assembly = assemble(graph, opset, functions=functions)
    checker.check_model(assembly.skeleton(), full_check=True)
    return assembly


def write(
    graph: Graph, weights: Weights, file: BinaryIO, *, opset: int = DEFAULT_OPSET, functions: bool = False
) -> None:
    """Write ``graph`` with ``weights`` into ``file`` as one self-contained ONNX model (below 2 GB)."""
    write_model(checked(graph, opset, functions=functions), weights, file.write)
