"""Verdicts on whole models: right ones pass, and what cannot be proven is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from specc.diagnostics import MissingDependency, UsageError
from specc.ir.graph import Graph
from specc.ir.op import Parameter
from specc.verify import parity as module
from specc.verify import verify, verify_emitted, weights_of
from specc.verify.cases import Case
from specc.verify.network_proof import TOLERANCE, judge
from specc.verify.reference import Expected, U
from specc.verify.step_comparison import StepReference
from specc.verify.step_proof import WITH_ALL
from specc.weights import Array, Initialised, Randomised, Weights
from tests.verify.networks import NETWORK, chain, emitted, graph_of
from tests.verify.test_sessions import HAS_CUDA

RIGHT = {
    "activations only": chain("[N, 5]", "sigmoid -> elu -> gelu"),
    "time series": chain("[N, 3, 50]", "conv(8, 5, dilation=2) -> bn -> silu -> globalavgpool -> flatten -> fc(1)"),
    "volume": chain("[N, 1, 6, 7, 8]", "conv(4, 3) -> bn -> elu -> maxpool(2) -> flatten -> fc(3) -> softmax(1)"),
    "groups": chain("[N, 8, 9, 7]", "conv(16, 3, groups=8) -> groupnorm(4) -> mish -> convtranspose(4, 3, stride=2)"),
    "norms": chain("[N, 4, 9, 6]", "instancenorm -> conv(4, 1) -> layernorm -> rmsnorm -> lrn(4) -> globalavgpool"),
    "saturation": chain("[N, 40]", 'fc(30, init="normal") -> gelu -> fc(20, init="normal") -> sigmoid'),
    "fixed batch": chain("[2, 3, 9, 9]", "conv(4, 3) -> relu -> flatten -> fc(5)"),
    "everything": graph_of(NETWORK),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("seed", [0, 1])
def test_right_model_passes(name: str, seed: int) -> None:
    parity = verify_emitted(RIGHT[name], Initialised(seed), opset=18, seed=seed)
    assert parity.first_failure is None
    assert parity.passed
    assert len([row for row in parity.rows if row.error_onnx is not None]) >= 10


def test_the_same_every_time() -> None:
    graph = graph_of(NETWORK)
    model = emitted(graph, Initialised(0)).SerializeToString()
    assert verify(graph, model, Initialised(0)) == verify(graph, model, Initialised(0))


def test_assignment_names_the_steps() -> None:
    parity = verify_emitted(graph_of(NETWORK), Initialised(0), opset=18)
    assert ("conv1", "CPUExecutionProvider") in parity.assignment


def test_stress_is_for_constants_and_for_given_weights(tmp_path: Path) -> None:
    def stressed(graph: Graph, weights: Weights, stress: bool | None = None) -> bool:
        parity = verify_emitted(graph, weights, opset=18, stress=stress)
        return any(row.case.startswith("randomised state · ") for row in parity.rows)

    with_norm, without = chain("[N, 2, 5, 5]", "conv(2, 3) -> bn"), chain("[N, 2, 5, 5]", "conv(2, 3)")
    frozen = chain("[N, 1, 5, 5]", "conv(1, 1, weight=[[0]], bias=false, frozen=true)")
    assert stressed(with_norm, Initialised(0))
    assert not stressed(without, Initialised(0))
    assert not stressed(with_norm, Initialised(0), stress=False)
    assert not stressed(with_norm, Randomised(0))
    assert stressed(with_norm, Randomised(0), stress=True)
    assert stressed(without, from_file(without, tmp_path))
    assert not stressed(frozen, Initialised(0), stress=True), "nothing in it can be another number"


def from_file(graph: Graph, folder: Path) -> Weights:
    file = folder / "net.onnx"
    onnx.save(emitted(graph, Initialised(0)), file)
    return weights_of(file, graph)


def test_large_network_with_given_weights_says_that_they_are_the_only_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("specc.verify.cases.LARGE", "specc.verify.network_proof.LARGE"):
        monkeypatch.setattr(name, 10)
    graph = chain("[N, 2, 5, 5]", "conv(2, 3)")
    parity = verify_emitted(graph, from_file(graph, tmp_path), opset=18)
    assert parity.passed
    assert "a large network: proven with the given weights alone" in parity.notes


@pytest.mark.parametrize("opset", [17, 24])
def test_right_file_of_another_opset_passes(opset: int) -> None:
    """These operators are the same in all of them, and the file given is the one that is proven."""
    graph = chain("[N, 2, 5, 5]", "conv(2, 3) -> bn -> relu -> flatten -> fc(3)")
    model = emitted(graph, Initialised(0))
    model.opset_import[0].version = opset
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.first_failure is None
    assert any(row.case.startswith("randomised state · ") for row in parity.rows)


def folded(norm: str = "bn", steps: str = "") -> tuple[Graph, onnx.ModelProto]:
    """A right file as optimisers write it: the batch norm's scale multiplied into the convolution's weight."""
    graph = chain("[N, 2, 6, 5]", f"conv1: conv(3, 2, bias=false) -> bn1: {norm} -> {steps} conv2: conv(2, 1)")
    model = emitted(graph, Initialised(0))
    stored = {t.name: t for t in model.graph.initializer}
    weight = numpy_helper.to_array(stored["conv1.weight"]).astype(np.float64) / np.sqrt(1 + 1e-5)
    stored["conv1.weight"].CopyFrom(numpy_helper.from_array(weight.astype(np.float32), "conv1.weight"))
    for name, tensor in stored.items():
        if name.startswith("bn1"):
            model.graph.initializer.remove(tensor)
    norm = next(n for n in model.graph.node if n.op_type == "BatchNormalization")
    model.graph.node.remove(norm)
    for node in model.graph.node:
        node.input[:] = ["conv1" if name == "bn1" else name for name in node.input]
    return graph, model


def test_folded_tensors_keep_their_numbers_and_are_noted() -> None:
    graph, model = folded()
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.first_failure is None
    assert parity.notes == (
        "found by their values: 1 of 3 steps by themselves, the others together",
        "randomised state: the file does not hold conv1.weight, bn1.weight, bn1.bias, bn1.running_mean, "
        "bn1.running_var "
        "as the spec does (folded, shared, transposed or renamed?): proven with the given numbers alone",
    )
    assert any(row.case.startswith("randomised state · ") for row in parity.rows), "conv2 is as it was"


@pytest.mark.parametrize("norm", ["bn", "bn(affine=false)"])
def test_ones_of_others_are_not_taken_for_folded_ones(norm: str) -> None:
    """The file has three ones and three zeros of its own, for a norm without factors."""
    graph, model = folded(norm, "instancenorm ->")
    others = [numpy_helper.to_array(t).tolist() for t in model.graph.initializer if list(t.dims) == [3]]
    assert others == [[1, 1, 1], [0, 0, 0]]
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.first_failure is None
    assert any("bn1.running_mean, bn1.running_var as the spec does" in note for note in parity.notes)


def renamed(model: onnx.ModelProto, name: Callable[[str], str]) -> onnx.ModelProto:
    """The file with its tensors under other names."""
    names = {tensor.name: name(tensor.name) for tensor in model.graph.initializer}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.input[:] = [names.get(taken, taken) for taken in node.input]
    return model


def test_equal_numbers_under_any_names_are_noted() -> None:
    """Which of the ones are which cannot be told."""
    graph = chain("[N, 2, 6, 5]", "bn")
    model = renamed(emitted(graph, Initialised(0)), lambda name: name.split(".")[1][::-1])
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.passed
    assert len(parity.notes) == 1
    assert not any(row.case.startswith("randomised state · ") for row in parity.rows)


def constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """The file with its tensors in Constant nodes."""
    for stored in model.graph.initializer:
        model.graph.node.insert(0, helper.make_node("Constant", [], [stored.name], value=stored))
    del model.graph.initializer[:]
    return model


MOVED = {
    "prefixed": lambda model: renamed(model, lambda name: f"net/{name}"),
    "in Constant nodes": constants,
    "of PyTorch's numbers": lambda model: renamed(
        model, lambda name: name if name.startswith("bn1") else f"onnx::Conv_{len(name)}"
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_moved_tensors_are_randomised_too(name: str) -> None:
    graph = chain("[N, 2, 6, 5]", "conv1: conv(3, 2) -> bn1: bn -> relu")
    model = MOVED[name](emitted(graph, Initialised(0)))
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.first_failure is None
    assert any(row.case.startswith("randomised state · ") for row in parity.rows)
    assert not [note for note in parity.notes if "does not hold" in note]


def test_other_external_data_goes_along(tmp_path: Path) -> None:
    """Constants outside the file that are no weights of the spec."""
    graph = chain("[N, 2, 9, 7]", 'bn -> upsample(size=(5, 4), mode="bicubic")')
    file = tmp_path / "net.onnx"
    onnx.save(emitted(graph, Initialised(0)), file, save_as_external_data=True, location="w.data", size_threshold=0)
    stored = onnx.load(file, load_external_data=False).graph.initializer
    assert [t.name for t in stored if t.external_data and not t.name.startswith("bn1.")]
    parity = verify(graph, file, Initialised(0))
    assert parity.first_failure is None
    assert any(row.case.startswith("randomised state · ") for row in parity.rows)


def test_file_and_bytes_are_judged_alike(tmp_path: Path) -> None:
    graph = graph_of(NETWORK)
    model = emitted(graph, Initialised(0))
    file = tmp_path / "net.onnx"
    onnx.save(model, file)
    assert verify(graph, file, Initialised(0)) == verify(graph, model.SerializeToString(), Initialised(0))


def test_external_data(tmp_path: Path) -> None:
    graph = graph_of(NETWORK)
    file = tmp_path / "net.onnx"
    onnx.save(emitted(graph, Initialised(0)), file, save_as_external_data=True, location="net.data", size_threshold=512)
    assert (tmp_path / "net.data").stat().st_size > 10_000
    assert verify(graph, file, Initialised(0)).passed


def test_external_data_when_one_file_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    from specc.backends import onnx as backend

    monkeypatch.setattr(backend, "fits_in_one_file", lambda assembly: False)
    assert verify_emitted(graph_of(NETWORK), Initialised(0), opset=18).passed


def test_constant_output_is_noted() -> None:
    dead = chain("[N, 2]", "fc(2, weight=[[0, 0], [0, 0]], bias=false, frozen=true)")
    parity = verify_emitted(dead, Initialised(0), opset=18)
    assert parity.passed
    assert parity.notes == ("output is 0 for every input: their agreement proves little",)
    assert not verify_emitted(RIGHT["fixed batch"], Initialised(0), opset=18).notes


def test_dead_channels_are_noted() -> None:
    rows = "[[1, 0], [0, 0], [0, 1], [0, 0]]"
    one = chain("[N, 2]", f"fc(4, weight={rows}, bias=false, frozen=true)")
    (note,) = verify_emitted(one, Initialised(0), opset=18).notes
    assert note == "output: 2 of 4 channels (1, 3) are the same for every input: their agreement proves little"
    pixel = chain("[N, 1, 3, 2]", "conv(2, 1, weight=[[1]], bias=false, frozen=true)")
    assert not verify_emitted(pixel, Initialised(0), opset=18).notes


class Overflow:
    """Weights that are all infinite."""

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        yield np.full(parameter.shape, np.inf, np.float32).reshape(-1)


def test_nothing_but_infinity_proves_nothing() -> None:
    graph = chain("[N, 3]", "fc(2)")
    parity = verify(graph, emitted(graph, Overflow()).SerializeToString(), Overflow())
    assert parity.first_failure is not None
    assert parity.first_failure.reason == "output is NaN or infinite for every input, in PyTorch too: nothing is proven"


def test_large_network_says_that_it_had_fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("specc.verify.cases.LARGE", "specc.verify.network_proof.LARGE"):
        monkeypatch.setattr(name, 1000)
    parity = verify_emitted(RIGHT["groups"], Initialised(0), opset=18, level="full")
    assert parity.passed
    assert {row.batch for row in parity.rows} == {None, 1, 2}
    assert parity.notes == ("more than 1e-06 GMACs per sample: proven with batches of 1 and 2, without 7",)


def truth(single: list[float], exact: list[float], allowed: list[float] | None) -> StepReference:
    limit = None if allowed is None else np.array(allowed)
    return StepReference(np.array(exact), np.array(single, np.float32), limit).with_room()


def test_bound_of_a_step_has_room_for_pytorch() -> None:
    """Half of it, unless PyTorch is so far off that the numbers mean nothing."""
    assert truth([1.5, 2.0], [1.0, 2.0], [1.0, 1.0]).widened == 1
    wide = truth([2.0, 2.0], [1.0, 2.0], [1.0, 3.0])
    assert (wide.widened, wide.error(wide.single)) == (2, 0.5)
    assert wide.allowed is not None
    assert wide.allowed.tolist() == [2, 6]
    assert truth([6.0], [1.0], [1.0]).widened == 1
    assert truth([6.0], [1.0], None).widened == 1


def test_what_float32_cannot_compute_is_said() -> None:
    assert truth([1.5], [1.0], [1.0]).beyond_float32 == ""
    assert truth([np.inf], [1.0], None).beyond_float32 == ""
    said = truth([9.0], [1.0], [1.0]).beyond_float32
    assert said == "float32 cannot compute this step here: PyTorch's own error is 8 times the bound"
    said = truth([np.inf, 1.0], [1.0, 1.0], [1.0, 1.0]).beyond_float32
    assert said == "float32 cannot compute this step here: 1 of PyTorch's own 2 elements overflow"


class Constants:
    """The same number in all weights: sums of equal terms."""

    def chunks(self, path: str, parameter: Parameter) -> Iterator[Array]:
        yield np.full(prod(parameter.shape), 1 / 49, np.float32)


def test_equal_weights_are_right() -> None:
    """Errors of equal terms add up, in each step and to the end."""
    graph = graph_of("model M : [N, 512, 6, 6] {\n  tanh -> conv(8, 3, bias=false)\n}")
    parity = verify(graph, emitted(graph, Constants()).SerializeToString(), Constants(), stress=False)
    assert parity.passed


def test_fault_of_the_optimiser_is_reproduced_under_its_own_title(tmp_path: Path) -> None:
    """ONNX Runtime folds zeros in front of a maximum into its padding, of -infinity."""
    weights = Randomised(0)
    graph = chain("[N, 3, 12, 12]", "conv(4, 3) -> pad(1) -> maxpool(3) -> sigmoid")
    model = emitted(graph, weights)
    pad = next(node for node in model.graph.node if node.op_type == "Pad")
    pad.input[:] = [pad.input[0], "pads"]
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads"))
    (bias,) = (tensor for tensor in model.graph.initializer if tensor.name == "conv1.bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(4, -3, np.float32), bias.name))
    file = tmp_path / "net.onnx"
    onnx.save(model, file)
    parity = verify(graph, file, weights_of(file, graph), stress=False)
    assert parity.first_divergence is not None
    assert (parity.first_divergence.name, parity.first_divergence.rule) == ("maxpool1", WITH_ALL)
    assert parity.reproduction is not None
    assert parity.reproduction.row is parity.first_divergence


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x08"])
def test_foreign_file_is_the_users_mistake(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "x.onnx"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="is no ONNX file"):
        verify(graph_of(NETWORK), file, Initialised(0))


def test_missing_and_truncated_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent.onnx cannot be read: No such file"):
        verify(graph_of(NETWORK), tmp_path / "absent.onnx", Initialised(0))
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        verify(graph_of(NETWORK), tmp_path, Initialised(0))
    model = emitted(graph_of(NETWORK), Initialised(0)).SerializeToString()
    for length in (len(model) // 2, len(model) - 1):
        with pytest.raises(UsageError, match="is no ONNX file, or is cut short"):
            verify(graph_of(NETWORK), model[:length], Initialised(0))


def test_model_that_the_runtime_refuses_fails() -> None:
    graph = graph_of(NETWORK)
    model = emitted(graph, Initialised(0))
    model.opset_import[0].version = 999
    parity = verify(graph, model.SerializeToString(), Initialised(0))
    assert parity.first_failure is not None
    assert parity.first_failure.case == "loading"
    assert parity.first_failure.reason.startswith("ONNX Runtime refuses the model: ")


@pytest.mark.parametrize("package", ["torch", "onnxruntime"])
def test_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingDependency, match=rf"{package}, which is not installed: pip install 'specc-nn\[cpu\]'"):
        verify(graph_of(NETWORK), b"", Initialised(0))


@pytest.mark.skipif(HAS_CUDA, reason="CUDA works here, so nothing is refused")
def test_cuda_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("computed something")

    monkeypatch.setattr("specc.verify.network_proof.trials", never)
    with pytest.raises(UsageError, match="CUDA cannot be used"):
        verify_emitted(graph_of(NETWORK), Initialised(0), opset=18, provider="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="ONNX Runtime's CUDA provider does not work on this machine")
@pytest.mark.parametrize("name", RIGHT)
def test_right_model_passes_on_cuda(name: str) -> None:
    parity = verify_emitted(RIGHT[name], Initialised(0), opset=18, provider="cuda")
    assert parity.first_failure is None
    assert {provider for _, provider in parity.assignment} == {"CUDAExecutionProvider"}


ONES = np.ones((1, 3))
PLAIN = Expected(ONES, ONES.astype(np.float32), np.full((1, 3), U))


def verdict(result: np.ndarray, expected: Expected = PLAIN, usual: float = 0.0) -> module.Row:
    return judge(
        Case("normal", 1), True, outputs=["y"], results=[result], expected=[expected], usual=[usual]
    )  # fmt: skip


def test_bound_is_a_multiple_of_pytorch_and_a_rounding() -> None:
    single = (1 + 2 * U * np.array([[1, 0, 0]])).astype(np.float32)
    row = verdict(single, dataclasses.replace(PLAIN, single=single))
    assert (row.error_torch, row.error_onnx, row.bound) == (2, 2, 3 * TOLERANCE)
    assert verdict(single).bound == TOLERANCE
    assert verdict(single, usual=5).bound == 6 * TOLERANCE


def test_error_at_the_bound_passes_and_beyond_fails() -> None:
    wrong = PLAIN.single.copy()
    wrong[0, 1] += 2 * U * (TOLERANCE / 2)
    assert verdict(wrong).passed
    wrong[0, 1] += 2 * U
    row = verdict(wrong)
    assert not row.passed
    assert row.reason == "y is 10 roundings from the truth, PyTorch 0; allowed: 8"


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (np.ones((1, 4), np.float32), "y has shape [1, 4], in PyTorch [1, 3]"),
        (np.ones((1, 3)), "y is float64, not float32"),
        (np.array([[1, np.nan, 1]], np.float32), "y is NaN at other places than in PyTorch: 1 of 3 differ"),
        (np.array([[1, np.inf, 1]], np.float32), "y is +infinity at other places than in PyTorch: 1 of 3 differ"),
        (np.array([[1, -np.inf, 1]], np.float32), "y is -infinity at other places than in PyTorch: 1 of 3 differ"),
    ],
)
def test_structure_comes_first(result: np.ndarray, reason: str) -> None:
    row = verdict(result)
    assert not row.passed
    assert row.reason == reason
    assert row.error_onnx is None


def test_masks_agree_place_by_place() -> None:
    """As many NaN in other places are a difference; in the same places they are none."""
    nan = np.float32(np.nan)
    expected = dataclasses.replace(PLAIN, single=np.array([[nan, 1, 1]], np.float32))
    assert verdict(np.array([[nan, 1, 1]], np.float32), expected).passed
    row = verdict(np.array([[1, nan, 1]], np.float32), expected)
    assert not row.passed
    assert row.reason == "y is NaN at other places than in PyTorch: 2 of 3 differ"


def test_worst_output_is_told() -> None:
    near, far = PLAIN.single + np.float32(2 * U), PLAIN.single + np.float32(1)
    row = judge(
        Case("zeros", 4), False, outputs=["a", "b"], results=[near, far], expected=[PLAIN, PLAIN], usual=[0.0, 0.0]
    )
    assert (row.output, row.case, row.batch, row.optimised, row.passed) == ("b", "zeros", 4, False, False)
