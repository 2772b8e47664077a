"""Files that others have made of a network: both exporters of PyTorch, simplifiers, quantisers, converters.

Right ones must pass, whatever they have renamed, folded and reordered; wrong ones must fail and say where.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from warnings import catch_warnings, simplefilter

import numpy as np
import onnx
import onnxruntime
import onnxruntime.quantization
import pytest
import torch
from onnx import numpy_helper, version_converter
from onnxruntime.transformers.float16 import convert_float_to_float16

from specc.backends.torch import torch_module
from specc.ir.graph import Graph
from specc.ir.size import Size
from specc.verify import Parity, verify
from specc.verify.result import Tolerance
from specc.weights import Randomised
from tests.verify.networks import emitted, graph_of

pytest.importorskip("onnxscript", reason="torch.onnx.export(dynamo=True) needs onnxscript: requirements-dev.txt")
onnxsim = pytest.importorskip("onnxsim", reason="requirements-dev.txt has it")
onnxslim = pytest.importorskip("onnxslim", reason="requirements-dev.txt has it")

WEIGHTS = Randomised(3)

SIZED = """
model Sized : [N, 3, H, W] where H >= 9, W >= 9 {
  conv1: conv(8, 3, stride=2, bias=false) -> bn1: bn -> relu
  add { | _ | conv2: conv(8, 3, padding=1, groups=2) -> bn2: bn -> gelu }
  up: convtranspose(6, 2, stride=2, groups=2) -> bn3: bn -> relu
  maxpool(4) -> conv3: conv(5, 1)
}
"""
FLAT = """
model Flat : [N, 3, 12, 11] -> [N, 4] {
  conv1: conv(8, 3, padding=1, padding_mode="reflect") -> bn(affine=false) -> groupnorm(2) -> leakyrelu
  conv2: conv(8, 3, stride=2) -> instancenorm(affine=true) -> silu -> lrn(3)
  conv3: conv(6, 1) -> factor: scale -> prelu(6)
  layernorm -> avgpool(2) -> elu
  flatten -> fc1: fc(9) -> bn -> hardswish
  fc2: fc(4, bias=false) -> softmax
}
"""
SPECS = {"sized": SIZED, "flat": FLAT}


@cache
def exported(name: str, exporter: str) -> bytes:
    """The file of an exporter: "legacy" (TorchScript), "dynamo", or specc's own.

    What dynamo is called with is what `specc verify` tells users of PyTorch to write.
    """
    graph = graph_of(SPECS[name])
    if exporter == "specc":
        return emitted(graph, WEIGHTS).SerializeToString()
    names = {"input_names": ["input"], "output_names": ["output"]}
    symbols = axes(graph)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 12, 11), np.float32))
    if exporter == "legacy":
        dynamic = {"input": symbols, "output": {0: "N"}}
        return by_torch(graph, x, dynamo=False, dynamic_axes=dynamic, **names)
    return by_torch(graph, x, dynamo=True, dynamic_shapes=(symbols,), external_data=False, verbose=False, **names)


def axes(graph: Graph) -> dict[int, str]:
    shape = graph.inputs[0].type.shape
    return {axis: str(size) for axis, size in enumerate(shape) if isinstance(size, Size)}


def by_torch(graph: Graph, x: torch.Tensor, **options: object) -> bytes:
    file = BytesIO()
    with quiet():
        program = torch.onnx.export(
            torch_module(graph, WEIGHTS), (x,), file if not options["dynamo"] else None, **options
        )
    return program.model_proto.SerializeToString() if options["dynamo"] else file.getvalue()


class quiet:  # noqa: N801 - read as a word in `with quiet()`
    """Whatever exporters and converters have to say to their own users."""

    def __enter__(self) -> None:
        self.warnings = catch_warnings()
        self.warnings.__enter__()
        simplefilter("ignore")
        logging.disable(logging.WARNING)

    def __exit__(self, *error: object) -> None:
        logging.disable(logging.NOTSET)
        self.warnings.__exit__(*error)


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    result, _ = onnxsim.simplify(model)
    return result


def slimmed(model: onnx.ModelProto) -> onnx.ModelProto:
    with quiet():
        return onnxslim.slim(model)


def optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    """What ONNX Runtime makes of a file for all CPUs: with operators of its own, com.microsoft."""
    return by_runtime(model, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)


def by_runtime(model: onnx.ModelProto, level: object) -> onnx.ModelProto:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 4
    with TemporaryFile() as path:
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


class TemporaryFile:
    def __enter__(self) -> Path:
        from tempfile import TemporaryDirectory

        self.folder = TemporaryDirectory()
        return Path(self.folder.name, "net.onnx")

    def __exit__(self, *error: object) -> None:
        self.folder.cleanup()


RIGHT: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "as exported": lambda model: model,
    "onnxsim": simplified,
    "onnxslim": slimmed,
    "onnxruntime": optimised,
    "opset 21": lambda model: version_converter.convert_version(model, 21),
}


def judged(name: str, model: onnx.ModelProto, tolerance: Tolerance | None = None) -> Parity:
    graph = graph_of(SPECS[name])
    return verify(graph, model.SerializeToString(), WEIGHTS, stress=False, tolerance=tolerance)


def why(parity: Parity) -> list[object]:
    """All that speaks against the file, for the message of a failing test."""
    tensors = [row for row in parity.tensors if row.status == "different"]
    return [*(r for r in parity.rows if not r.passed), *(s for s in parity.steps if not s.passed), *tensors]


@pytest.mark.parametrize("tool", RIGHT)
@pytest.mark.parametrize("exporter", ["legacy", "dynamo", "specc"])
@pytest.mark.parametrize("name", SPECS)
def test_right_files_pass(name: str, exporter: str, tool: str) -> None:
    parity = judged(name, RIGHT[tool](onnx.load_from_string(exported(name, exporter))))
    assert why(parity) == []
    assert parity.passed
    assert Counter(row.status for row in parity.tensors).keys() <= {"same", "reordered", "folded", "absent"}
    assert sum(row.status == "absent" for row in parity.tensors) <= 1


def test_what_is_folded_is_told() -> None:
    parity = judged("sized", onnx.load_from_string(exported("sized", "legacy")))
    status = {row.path: row.status for row in parity.tensors}
    assert {status[f"{step}.{name}"] for step in ("bn1", "bn2") for name in ("weight", "running_var")} == {"folded"}
    assert status["conv1.weight"] == "folded"
    assert status["conv3.weight"] == "same"


def test_sizes_that_the_exporter_has_named_are_noted() -> None:
    parity = judged("sized", onnx.load_from_string(exported("sized", "legacy")))
    assert [note for note in parity.notes if note.startswith("the file calls floor((H - 1)/4)")]
    assert not [
        note for note in judged("sized", onnx.load_from_string(exported("sized", "dynamo"))).notes if "calls" in note
    ]


@pytest.mark.parametrize("dynamo", [False, True])
def test_left_to_itself_the_exporter_fixes_the_sizes(dynamo: bool) -> None:
    graph = graph_of("model Net : [N, 3, 12, 11] {\n  conv(4, 3) -> relu\n}\n")
    options = {"external_data": False, "verbose": False} if dynamo else {}
    parity = verify(graph, by_torch(graph, torch.zeros(1, 3, 12, 11), dynamo=dynamo, **options), WEIGHTS)
    assert {row.case for row in parity.rows} == {"interface"}
    assert parity.rows[-1].reason.endswith(
        'torch.onnx.export(model, x, FILE, input_names=["input"], output_names=["output"], dynamic_shapes=({0: "N"},)) '
        "writes what the spec says"
    )


def initializer(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(t for t in model.graph.initializer if t.name == name)


def one_weight(model: onnx.ModelProto) -> None:
    """A weight that a batch norm was folded into."""
    node = next(n for n in model.graph.node if n.op_type == "Conv")
    stored = initializer(model, node.input[1])
    values = numpy_helper.to_array(stored).copy()
    values[2, 1, 0, 1] *= 1.01
    stored.CopyFrom(numpy_helper.from_array(values, stored.name))


def without_relu(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "Relu")
    node.op_type = "Identity"


def other_pad(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "Conv" and n.input[0] != "input")
    for attribute in node.attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [0, 0, 2, 2]


@pytest.mark.parametrize("exporter", ["legacy", "dynamo"])
def test_a_changed_weight_is_named(exporter: str) -> None:
    model = onnx.load_from_string(exported("sized", exporter))
    one_weight(model)
    parity = judged("sized", model)
    assert not parity.passed
    (row,) = (row for row in parity.tensors if row.status == "different")
    assert row.path == "conv1.weight"
    assert "1 of 216 elements differs, most at [2, 1, 0, 1]" in row.detail


@pytest.mark.parametrize("tool", ["as exported", "onnxsim", "onnxslim"])
@pytest.mark.parametrize("exporter", ["legacy", "dynamo"])
@pytest.mark.parametrize(("change", "step"), [(without_relu, "relu1"), (other_pad, "gelu1")])
def test_a_changed_step_is_named(
    change: Callable[[onnx.ModelProto], None], step: str, exporter: str, tool: str
) -> None:
    model = RIGHT[tool](onnx.load_from_string(exported("sized", exporter)))
    change(model)
    parity = judged("sized", model)
    assert not parity.passed
    assert parity.first_failure is not None
    assert parity.first_divergence is not None
    assert step in parity.first_divergence.steps or parity.first_divergence.name in {"bn2", "conv2"}


@pytest.mark.parametrize("dynamo", [False, True])
def test_a_defect_of_the_exporters_is_found(dynamo: bool) -> None:
    """Both exporters of torch 2.13.0 leave out `divisor_override`, and say nothing."""
    graph = graph_of("model Net : [N, 3, 12, 11] {\n  conv(4, 3) -> relu -> avgpool(2, divisor_override=3)\n}\n")
    options: dict[str, object] = {"dynamic_axes": {"input": {0: "N"}, "output": {0: "N"}}}
    if dynamo:
        options = {"dynamic_shapes": ({0: "N"},), "external_data": False, "verbose": False}
    names = {"input_names": ["input"], "output_names": ["output"]}
    model = by_torch(graph, torch.zeros(2, 3, 12, 11), dynamo=dynamo, **names, **options)
    parity = verify(graph, model, WEIGHTS, stress=False)
    assert parity.first_failure is not None
    assert parity.first_divergence is not None
    assert parity.first_divergence.steps == ("avgpool1",)


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, onnx.ModelProto]:
    """Files with less precise numbers."""
    folder = tmp_path_factory.mktemp("lossy")
    source = folder / "net.onnx"
    source.write_bytes(exported("flat", "specc"))
    model = onnx.load(source)
    with quiet():
        onnxruntime.quantization.quantize_dynamic(source, folder / "dynamic.onnx")
        onnxruntime.quantization.quantize_static(source, folder / "static.onnx", Calibration())
        half = convert_float_to_float16(model, keep_io_types=True)
    dynamic, static = (onnx.load(folder / f"{name}.onnx") for name in ("dynamic", "static"))
    return {"float16": half, "dynamic": dynamic, "static": static}


class Calibration(onnxruntime.quantization.CalibrationDataReader):
    def __init__(self) -> None:
        drawn = np.random.default_rng(0).standard_normal((4, 2, 3, 12, 11)).astype(np.float32)
        self.batches = iter([{"input": batch} for batch in drawn])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.batches, None)


@pytest.mark.parametrize(
    ("name", "words"), [("float16", "stored as float16"), ("dynamic", "quantised to"), ("static", "quantised to int8")]
)
def test_less_precise_files_fail_and_say_why(lossy: dict[str, onnx.ModelProto], name: str, words: str) -> None:
    parity = judged("flat", lossy[name])
    assert not parity.passed
    assert parity.first_failure is not None
    assert words in next(row.detail for row in parity.tensors if row.path == "fc1.weight")


@pytest.mark.parametrize("name", ["float16", "dynamic", "static"])
def test_less_precise_files_are_within_a_tolerance(lossy: dict[str, onnx.ModelProto], name: str) -> None:
    """The network ends in a softmax, so that an atol fits every input; one that is too strict must not pass."""
    fitting = {"float16": 0.05, "dynamic": 0.5, "static": 1.0}[name]
    assert [row for row in judged("flat", lossy[name], Tolerance(atol=fitting)).rows if not row.passed] == []
    assert [row for row in judged("flat", lossy[name], Tolerance(atol=1e-6)).rows if not row.passed]
