"""An ONNX file as it lies on the disk: read and parsed once, and asked for everything.

`OnnxFile` is the one object for a file. What it is asked for is computed on the first question and cached as long as
the object lives: the ports (`PortInfo`), the nodes with function calls inlined, the tensors by name and size, the
metadata and their seal. Tensors in files beside the model are never cached: each is read when it is needed.
Start reading at `specc.onnxfile.file`.

Nothing here knows what a file should hold, but `weights_of`, which takes its tensors for a network's weights.
"""

from __future__ import annotations

from specc.onnxfile.file import FileWeights, OnnxFile, PortInfo, as_onnx_file, weights_of
from specc.onnxfile.inlining import NondeterministicNode

__all__ = ["FileWeights", "NondeterministicNode", "OnnxFile", "PortInfo", "as_onnx_file", "weights_of"]
