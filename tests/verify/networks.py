"""Specs as text, graphs and ONNX models made from them."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

import specc
from specc.backends.onnx import write
from specc.ir.graph import Graph
from specc.weights import Weights


@cache
def graph_of(text: str) -> Graph:
    with TemporaryDirectory() as folder:
        spec = Path(folder, "net.cnn")
        spec.write_text(text, encoding="utf-8")
        return specc.load(spec).graph


def chain(shape: str, steps: str) -> Graph:
    """The network of ``steps`` joined by arrows, on an input of ``shape``."""
    return graph_of(f"model A : {shape} {{\n  {steps}\n}}\n")


def emitted(graph: Graph, weights: Weights, *, functions: bool = False) -> onnx.ModelProto:
    file = BytesIO()
    write(graph, weights, file, functions=functions)
    return onnx.load_from_string(file.getvalue())


NETWORK = """
model Net : [N, 3, 13, 12] {
  conv1: conv(8, 2, padding="same")
  bn1: bn
  gelu
  avgpool(3, stride=2, padding=1)
  conv2: conv(16, 3, padding=1, bias=false)
  leakyrelu
  pixelshuffle(2)
  maxpool(3, stride=2, padding=1)
  concat(dim=1) {
    | in1: conv(4, 3, padding=1) -> instancenorm -> elu
    | in2: conv(4, 3, padding=1) -> lrn(3) -> prelu1: prelu(4)
  }
  layernorm
  flatten
  fc1: fc(24) -> tanh
  fc2: fc(24) -> relu
  fc3: fc(5) -> logsoftmax
}
"""
"""Something of everything that goes wrong in practice; its sizes are not square, one padding is lopsided."""
