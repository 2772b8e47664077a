"""Small ONNX files, and what becomes of them: the spec that they are, and the numbers that it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from specc.backends.torch import torch_module
from specc.diagnostics import UsageError
from specc.importing.delivery import ImportedWeights, OriginalFile
from specc.importing.from_onnx.reading import read_network
from specc.importing.structure import Spec, structured
from specc.onnxfile import OnnxFile
from specc.options import ProofOptions
from specc.report.proof_wording import failed_import
from specc.verify.result import Parity

Shape = Sequence[int | str | None]


def node(kind: str, inputs: str, output: str, **attributes: Any) -> NodeProto:
    """``node("Conv", "x w", "y", kernel_shape=[3, 3])``; a ``-`` is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    attributes = {"name": f"{output.split(maxsplit=1)[0]}_node", **attributes}
    return helper.make_node(kind, names, output.split(), domain=attributes.pop("domain", ""), **attributes)


def model(
    nodes: Sequence[NodeProto],
    shape: Shape | Mapping[str, Shape],
    tensors: Mapping[str, Any] | None = None,
    *,
    outputs: Sequence[str] = ("y",),
    opset: int = 18,
) -> ModelProto:
    """A file with the input ``x``, or several, whose nodes give ``y``."""
    shapes = shape if isinstance(shape, Mapping) else {"x": shape}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in shapes.items()]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    stored = [numpy_helper.from_array(_array(numbers), name) for name, numbers in (tensors or {}).items()]
    graph = helper.make_graph(list(nodes), "net", inputs, given, stored)
    domains = {each.domain for each in nodes} - {""}
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in sorted(domains))]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def _array(numbers: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(numbers)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def draw(*shape: int, seed: int = 1) -> np.ndarray[Any, Any]:
    """Normal numbers."""
    return np.random.default_rng((seed, *shape)).standard_normal(shape).astype(np.float32)


def spec_of(proto: ModelProto) -> Spec:
    """The spec of a file."""
    return structured(read_network(OnnxFile(proto.SerializeToString())))


def body(proto: ModelProto) -> str:
    """The steps of the spec of a file, in one line."""
    _, _, rest = spec_of(proto).text.partition("{")
    return " ".join(rest.rsplit("}", 1)[0].split())


def refusal(proto: ModelProto) -> str:
    """What is said of a file that cannot be imported."""
    try:
        spec = spec_of(proto)
    except UsageError as error:
        return "\n".join(error.lines)
    raise AssertionError(f"it is imported: {spec.text}")


def agrees(proto: ModelProto | Path, size: int = 7, atol: float = 1e-5) -> Spec:
    """The spec of a file, whose PyTorch gives what ONNX Runtime gives of the file itself: on two random inputs.

    Where it gives something else, a rule is at fault, and the error names the node that it has misread.

    Args:
        size: what is fed for symbolic sizes.
    """
    data = proto.read_bytes() if isinstance(proto, Path) else proto.SerializeToString()
    network = read_network(OnnxFile(proto if isinstance(proto, Path) else data))
    spec = structured(network)
    module = torch_module(spec.graph, ImportedWeights(network, spec), {}).eval()
    source = str(proto) if isinstance(proto, Path) else data  # what lies beside a file is found from its path
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    for seed in (1, 2):
        fed = {}
        for place, port in enumerate(network.inputs):
            shape = [n if isinstance(n, int) else 2 if axis == 0 else size for axis, n in enumerate(port.shape)]
            numbers = draw(*shape, seed=seed + 10 * place)
            is_bytes = port.dtype == "uint8"
            fed[port.origin] = (100 + 20 * numbers).clip(0, 255).astype(np.uint8) if is_bytes else numbers
        expected = session.run(None, fed)
        with torch.no_grad():
            result = module(*map(torch.from_numpy, fed.values()))
        results = result if isinstance(result, tuple) else (result,)
        try:
            for wanted, given in zip(expected, results, strict=True):
                np.testing.assert_allclose(given.numpy(), wanted, rtol=1e-4, atol=atol)
        except AssertionError as error:
            misread = OriginalFile(network, OnnxFile(data), ProofOptions()).misread(spec)
            told = failed_import(Parity("cpu", ()), misread)
            raise AssertionError(f"{told}\n{error}") from None
    return spec
