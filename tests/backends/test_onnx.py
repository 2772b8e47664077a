"""The ONNX file: its names, its bytes, its size."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own name for it

import specc
from specc import atomic
from specc.api import Model
from specc.backends import onnx as backend
from specc.backends.onnx import serialization
from specc.diagnostics import UsageError
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.ir.op import Parameter
from specc.ir.size import symbol
from specc.source import Source
from specc.syntax import parse
from specc.weights import Initialised, Randomised, ahead, streams, tensors
from specc.weights import tensor as whole
from tests.graphs import Net, encoder, residual, siamese

EXAMPLES = Path(__file__).parents[2] / "examples"
OPSETS = range(backend.DEFAULT_OPSET, backend.NEWEST_OPSET + 1)


def network(steps: str, contract: str = "[N, 3, 8, 8]") -> Model:
    (checked,) = check_file(parse(Source("m.cnn", f"model M : {contract} {{ {steps} }}")))
    return Model(checked)


def emitted(model: Model, opset: int = backend.DEFAULT_OPSET) -> onnx.ModelProto:
    file = io.BytesIO()
    backend.write(model.graph, Initialised(0), file, opset=opset)
    return onnx.load_from_string(file.getvalue())


def test_the_names_are_the_specs() -> None:
    proto = emitted(network("conv(4, 3) -> gate: relu -> layer_scale: scale -> bn", "(image: [N, 3, 8, 8])"))
    assert [port.name for port in proto.graph.input] == ["image"]
    assert [port.name for port in proto.graph.output] == ["output"]
    values = {name for node in proto.graph.node for name in node.output}
    assert values == {"conv1", "gate", "layer_scale", "output"}
    assert {t.name for t in proto.graph.initializer} == {
        "conv1.weight", "conv1.bias", "layer_scale/factor", "batchnorm1.weight", "batchnorm1.bias",
        "batchnorm1.running_mean", "batchnorm1.running_var",
    }  # fmt: skip
    assert {v.name for v in proto.graph.value_info} == {"conv1", "gate", "layer_scale"}


def test_the_batch_keeps_its_name() -> None:
    shape = emitted(network("relu", "[Batch, 3, 8, 8]")).graph.output[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ["Batch", 3, 8, 8]
    fixed = emitted(network("relu", "[5, 3]")).graph.input[0].type.tensor_type.shape
    assert [d.dim_value for d in fixed.dim] == [5, 3]


@pytest.mark.parametrize("opset", OPSETS)
def test_every_opset_loads_and_computes_the_same(opset: int) -> None:
    model = specc.load(EXAMPLES / "birds.cnn")
    proto = emitted(model, opset)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == opset
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).standard_normal((2, 3, 32, 32), dtype=np.float32)
    (got,) = session.run(None, {"input": image})
    expected = model.to_torch()(torch.from_numpy(image)).detach().numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_default_is_opset_18_and_ir_8() -> None:
    proto = emitted(network("relu"))
    assert (proto.ir_version, proto.opset_import[0].version) == (8, 18)


@pytest.mark.parametrize("opset", [17, 24, 0, -1])
def test_other_opsets_are_refused(opset: int) -> None:
    with pytest.raises(specc.UsageError, match=f"opset {opset} is not supported: choose 18 to 23"):
        emitted(network("relu"), opset)


def test_the_streamed_bytes_are_protobufs_own() -> None:
    """The file, written piece by piece, is what protobuf itself writes of the same message."""
    file = io.BytesIO()
    backend.write(network("conv(4, 3) -> reshape(-1, 4, 36)").graph, Initialised(0), file)
    again = onnx.load_from_string(file.getvalue())
    assert len(again.SerializeToString(deterministic=True)) == len(file.getvalue())
    assert again.ByteSize() == len(file.getvalue())


def test_a_skeleton_is_refused_where_the_network_is_wrong() -> None:
    """The full check that every compile makes is not blind without the weights."""
    assembly = backend.checked(network("conv(4, 3) -> flatten -> fc(5)").graph)
    skeleton = assembly.skeleton()
    skeleton.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 6
    with pytest.raises(onnx.shape_inference.InferenceError):
        onnx.checker.check_model(skeleton, full_check=True)


def test_no_path_and_no_shape_nodes(tmp_path: Path) -> None:
    proto = emitted(specc.load(EXAMPLES / "volume.cnn"))
    assert "Shape" not in {node.op_type for node in proto.graph.node}
    assert str(EXAMPLES).encode() not in proto.SerializeToString()


class TestAboveTwoGigabytes:
    """The same path, with the limit put low."""

    @pytest.fixture(autouse=True)
    def low_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serialization, "PROTOBUF_LIMIT", 10_000)

    def test_the_weights_lie_beside_and_are_proven(self, tmp_path: Path) -> None:
        model = specc.load(EXAMPLES / "birds.cnn")
        parity = model.to_onnx(tmp_path / "birds.onnx", seed=4)
        assert parity is not None
        assert parity.passed
        names = sorted(p.name for p in tmp_path.iterdir())
        assert len(names) == 3
        assert names[0].startswith("birds.")
        assert names[0].endswith(".data")
        assert names[1:] == ["birds.onnx", "birds.specc.json"]
        onnx.checker.check_model(str(tmp_path / "birds.onnx"), full_check=True)
        loaded = onnx.load(tmp_path / "birds.onnx")
        stored = {t.name: onnx.numpy_helper.to_array(t) for t in loaded.graph.initializer}
        for path, tensor in model.to_torch(seed=4).state_dict().items():
            if tensor.is_floating_point():
                np.testing.assert_array_equal(stored[path], tensor.numpy())
        assert model.verify(tmp_path / "birds.onnx").passed

    def test_the_same_seed_gives_the_same_files_and_another_leaves_them(self, tmp_path: Path) -> None:
        model = specc.load(EXAMPLES / "birds.cnn")
        model.to_onnx(tmp_path / "birds.onnx", seed=4, verify=False)
        first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
        model.to_onnx(tmp_path / "birds.onnx", seed=4, verify=False)
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first
        model.to_onnx(tmp_path / "birds.onnx", seed=5, verify=False)
        data = next(name for name in first if name.endswith(".data"))
        assert (tmp_path / data).read_bytes() == first[data]

    def test_a_failed_proof_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from specc.ops.activation import Relu

        monkeypatch.setattr(Relu, "onnx", lambda self, build, values, *inputs: build.node("Abs", *values))
        with pytest.raises(specc.ParityError):
            specc.load(EXAMPLES / "birds.cnn").to_onnx(tmp_path / "birds.onnx")
        assert list(tmp_path.iterdir()) == []

    def test_every_number_is_drawn_once_and_written_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model, drawn, written = specc.load(EXAMPLES / "birds.cnn"), [], 0

        class Counted(Initialised):
            def chunks(self, path: str, parameter: Parameter) -> Iterator[np.ndarray]:
                drawn.append(path)
                return super().chunks(path, parameter)

        def write(self: atomic.AtomicFile, data: bytes) -> int:
            nonlocal written
            written += len(memoryview(data).cast("B"))
            return io.BufferedWriter.write(self, data)

        monkeypatch.setattr(atomic.AtomicFile, "write", write, raising=False)
        model.to_onnx(tmp_path / "birds.onnx", weights=Counted(0), verify=False, sidecar=False)
        data, file = sorted(tmp_path.iterdir(), key=lambda path: path.suffix)
        assert sorted(drawn) == sorted(
            path for path, _ in model.graph.state if not path.endswith("num_batches_tracked")
        )
        assert data.stat().st_size <= written <= data.stat().st_size + file.stat().st_size
        digest = hashlib.sha256(data.read_bytes()).hexdigest()
        assert data.name == f"birds.{digest[:16]}.data"

    @pytest.mark.parametrize("error", [MemoryError("no room"), KeyboardInterrupt()])
    @pytest.mark.parametrize("threads", [1, 2])
    def test_what_fails_in_drawing_comes_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, error: BaseException
    ) -> None:
        monkeypatch.setattr(ahead, "_processors", lambda: threads)
        monkeypatch.setattr(tensors, "CHUNK", 1000)
        draws = iter(range(10**9))

        def failing(*_: object, **__: object) -> None:
            if next(draws) == 20:
                raise error

        monkeypatch.setattr(streams, "_uniform", failing)
        with pytest.raises(type(error)) as caught:
            specc.load(EXAMPLES / "birds.cnn").to_onnx(tmp_path / "birds.onnx", verify=False)
        assert caught.value is error
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk(self, tmp_path: Path) -> None:
        """A limit on the size of files stands for the disk."""
        resource = pytest.importorskip("resource", reason="this system has no such limits")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        try:
            with pytest.raises(UsageError, match=r"cannot write .*lenet\.HASH\.data: the file grows beyond"):
                specc.load(EXAMPLES / "lenet.cnn").to_onnx(tmp_path / "lenet.onnx", verify=False)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list(tmp_path.iterdir()) == []


def written(graph: Graph, *, functions: bool = False, opset: int = backend.DEFAULT_OPSET) -> onnx.ModelProto:
    file = io.BytesIO()
    backend.write(graph, Randomised(2), file, functions=functions, opset=opset)
    proto = onnx.load_from_string(file.getvalue())
    assert proto.ByteSize() == len(file.getvalue())
    onnx.checker.check_model(proto, full_check=True)
    return proto


def computed(proto: onnx.ModelProto, *inputs: np.ndarray, optimise: bool = True) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 2
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {port.name: value for port, value in zip(session.get_inputs(), inputs, strict=True)})


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def state(graph: Graph) -> dict[str, torch.Tensor]:
    return {path: torch.from_numpy(whole(Randomised(2), path, parameter)) for path, parameter in graph.state}


def siamese_by_hand(graph: Graph, a: np.ndarray, b: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """`tests.graphs.siamese` as a person would write it in PyTorch."""
    w = state(graph)

    def tower(image: torch.Tensor) -> torch.Tensor:
        x = F.conv2d(image, w["tower.conv1.weight"], w["tower.conv1.bias"], padding=1)
        return (F.prelu(x, w["tower.prelu1.weight"]) * w["tower.scale1"]).mean((2, 3))

    left, right = torch.from_numpy(a), torch.from_numpy(b)
    both = torch.cat((tower(left), tower(right)), 1)
    edge = F.conv2d(left, w["edges.weight"], w["edges.bias"], padding=1)
    return edge, torch.sigmoid(F.linear(both, w["score.weight"], w["score.bias"]))


@pytest.mark.parametrize("functions", [False, True])
@pytest.mark.parametrize("optimise", [False, True])
def test_shared_steps_compute_what_pytorch_computes(functions: bool, optimise: bool) -> None:
    graph = siamese()
    a, b = drawn(2, 1, 12, 10), drawn(2, 1, 12, 10, seed=1)
    got = computed(written(graph, functions=functions), a, b, optimise=optimise)
    for result, expected in zip(got, siamese_by_hand(graph, a, b), strict=True):
        np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-6)


class TestNames:
    """The file has one namespace for values and weights, and the spec's names are in it."""

    def test_shared_weights_are_stored_once_under_their_owners_path(self) -> None:
        proto = written(siamese())
        assert {t.name for t in proto.graph.initializer if "const" not in t.name} == {
            "edges.weight", "edges.bias", "tower.conv1.weight", "tower.conv1.bias", "tower.prelu1.weight",
            "tower.scale1/factor", "score.weight", "score.bias",
        }  # fmt: skip
        users = [n.name for n in proto.graph.node if "tower.conv1.weight" in n.input]
        assert users == ["tower.conv1", "tower@2.conv1"]

    def test_step_named_like_an_output_that_gives_out_another_value(self) -> None:
        proto = written(siamese())
        linear = next(n for n in proto.graph.node if n.op_type == "Gemm")
        assert (linear.name, list(linear.output), linear.input[1]) == ("score", ["score/fc"], "score.weight")
        result = next(n for n in proto.graph.node if n.op_type == "Sigmoid")
        assert (result.name, list(result.output)) == ("sigmoid1", ["score"])
        assert "score/fc" in {v.name for v in proto.graph.value_info}

    def test_value_given_out_twice_and_input_given_out(self) -> None:
        proto = written(encoder())
        assert [port.name for port in proto.graph.output] == ["mask", "features", "image_again", "same_mask"]
        copies = [(n.input[0], n.output[0]) for n in proto.graph.node if n.op_type == "Identity"]
        assert copies == [("image", "image_again"), ("mask", "same_mask")]
        image = drawn(2, 2, 8, 6)
        mask, _, again, same = computed(proto, image)
        np.testing.assert_array_equal(again, image)
        np.testing.assert_array_equal(same, mask)

    def test_output_named_like_the_step_it_gives_out_is_not_renamed(self) -> None:
        """Even where the same value is given out under another name before."""
        net = Net(x=(3,))
        y = net.step("y", "relu", "x")
        proto = written(net.graph(first=y, y=y))
        assert [(n.name, n.output[0]) for n in proto.graph.node] == [("y", "y"), ("first/Identity", "first")]

    def test_every_name_is_there_once(self) -> None:
        for graph in (siamese(), residual(), encoder()):
            proto = written(graph)
            values = [name for node in proto.graph.node for name in node.output]
            names = [*values, *(t.name for t in proto.graph.initializer), *(p.name for p in proto.graph.input)]
            assert len(set(names)) == len(names)
            assert len({node.name for node in proto.graph.node}) == len(proto.graph.node)


def test_shared_tensor_wanted_in_two_shapes_is_stored_once() -> None:
    """PReLU's slope is laid along the channels: (C, 1, 1) for images, (C, 1) for signals."""
    net = Net(image=(3, 4, 5), signal=(3, 6))
    net.step("slope1", "prelu", "image", num_parameters=3, owner="slope")
    net.step("slope2", "prelu", "signal", num_parameters=3, owner="slope")
    graph = net.graph(image_out="slope1", signal_out="slope2")
    proto = written(graph)
    assert [(t.name, list(t.dims)) for t in proto.graph.initializer if t.name == "slope.weight"] == [
        ("slope.weight", [3, 1, 1])
    ]
    image, signal = drawn(2, 3, 4, 5), drawn(2, 3, 6)
    for result, value in zip(computed(proto, image, signal), (image, signal), strict=True):
        expected = F.prelu(torch.from_numpy(value), state(graph)["slope.weight"])
        np.testing.assert_array_equal(result, expected.numpy())


def test_two_tensors_of_one_path_are_our_bug() -> None:
    net = Net(x=(3,), y=(4,))
    net.step("fc1", "fc", "x", out_features=2, owner="fc")
    net.step("fc2", "fc", "y", out_features=2, owner="fc")
    with pytest.raises(ValueError, match=r"fc.weight is \(2, 3\) to one step and \(2, 4\) to another"):
        written(net.graph(a="fc1", b="fc2"))


class TestSymbolicSizes:
    def test_sizes_are_said_as_formulas(self) -> None:
        net = Net(image=(1, symbol("H", least=8, modulus=4), symbol("W", least=3)))
        net.step("conv1", "conv", "image", out_channels=2, kernel=3, stride=2, padding=1)
        proto = written(net.graph(output=net.step("conv2", "conv", "conv1", out_channels=2, kernel=3, padding=1)))

        def shape(value: onnx.ValueInfoProto) -> list[str | int]:
            return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

        assert shape(proto.graph.input[0]) == ["N", 1, "H", "W"]
        assert shape(proto.graph.value_info[0]) == ["N", 2, "H/2", "floor((W + 1)/2)"]
        assert shape(proto.graph.output[0]) == ["N", 2, "H/2", "floor((W + 1)/2)"]

    @pytest.mark.parametrize(
        ("rule", "text"),
        [
            ({}, ""),
            ({"least": 32}, "H >= 32"),
            ({"modulus": 16}, "H % 16 == 0"),
            ({"modulus": 16, "least": 16}, "H % 16 == 0"),
            ({"modulus": 16, "least": 32, "most": 512}, "H % 16 == 0, H >= 32, H <= 512"),
            ({"modulus": 4, "residue": 3, "least": 3}, "H % 4 == 3"),
            ({"modulus": 4, "residue": 3, "least": 4}, "H % 4 == 3, H >= 4"),
        ],
    )
    def test_inputs_say_which_sizes_the_contract_allows(self, rule: dict[str, int], text: str) -> None:
        net = Net(x=(1, symbol("H", **rule), symbol("W", least=5)), y=(2,))
        graph = net.graph(output=net.step("relu1", "relu", "x"), other=net.step("relu2", "relu", "y"))
        first, second = written(graph).graph.input
        assert first.doc_string == ", ".join(part for part in (text, "W >= 5") if part)
        assert second.doc_string == ""

    def test_conditions_on_the_batch_are_said_too(self) -> None:
        net = Net(batch=symbol("N", modulus=2), x=(3,))
        assert written(net.graph(y=net.step("relu1", "relu", "x"))).graph.input[0].doc_string == "N % 2 == 0"

    @pytest.mark.parametrize("functions", [False, True])
    def test_one_file_takes_every_size_without_a_warning(
        self, functions: bool, capfd: pytest.CaptureFixture[str]
    ) -> None:
        graph = siamese(symbolic=True)
        proto = written(graph, functions=functions)
        for height, width in ((8, 8), (12, 10), (64, 26)):
            a, b = drawn(2, 1, height, width), drawn(2, 1, height, width, seed=1)
            for result, expected in zip(computed(proto, a, b), siamese_by_hand(graph, a, b), strict=True):
                np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-6)
        assert capfd.readouterr().err == ""


class TestFunctions:
    """Blocks as local functions."""

    def test_equal_instances_share_one_function(self) -> None:
        proto = written(residual(), functions=True)
        assert [f.name for f in proto.functions] == ["basic", "stage", "basic_2", "stage_2"]
        calls = {f.name: [n.op_type for n in f.node if n.domain == "specc"] for f in proto.functions}
        assert calls["stage"] == ["basic", "basic", "basic"]
        assert calls["stage_2"] == ["basic_2", "basic", "basic"]
        assert [(n.name, n.op_type) for n in proto.graph.node if n.domain] == [
            ("layer1", "stage"), ("layer2", "stage_2")
        ]  # fmt: skip

    def test_groups_are_no_functions(self) -> None:
        (second,) = (f for f in written(residual(), functions=True).functions if f.name == "basic_2")
        assert {"downsample.0", "downsample.1"} <= {n.name for n in second.node}

    def test_names_inside_are_the_blocks_own(self) -> None:
        (tower,) = written(siamese(), functions=True).functions
        assert list(tower.input) == [
            "in", "conv1.weight", "conv1.bias", "prelu1.weight", "scale1/factor"
        ]  # fmt: skip
        assert [n.output[0] for n in tower.node if n.op_type in ("Conv", "PRelu", "Mul")] == [
            "conv1", "prelu1", "scale1"
        ]  # fmt: skip

    def test_shared_block_is_called_with_the_same_weights(self) -> None:
        proto = written(siamese(), functions=True)
        first, second = (n for n in proto.graph.node if n.domain == "specc")
        assert (first.name, second.name) == ("tower", "tower@2")
        assert (first.op_type, first.input[0], second.input[0]) == (second.op_type, "a", "b")
        assert first.input[1:] == second.input[1:]

    def test_values_of_a_block_that_are_used_outside_are_given_out(self) -> None:
        proto = written(encoder(), functions=True)
        down, up = (n for n in proto.graph.node if n.domain == "specc")
        assert (list(down.input[:1]), list(down.output)) == (["image"], ["down.maxpool1", "features"])
        assert (list(up.input[:2]), list(up.output)) == (["down.maxpool1", "features"], ["mask"])

    def test_value_of_a_block_that_is_used_inside_and_given_out(self) -> None:
        net = Net(x=(3,))
        with net.block("unit", "unit", "x"):
            net.step("unit.fc1", "fc", "x", out_features=3)
            net.step("unit.relu1", "relu", "unit.fc1")
        proto = written(net.graph(y="unit.relu1", features="unit.fc1"), functions=True)
        assert [list(n.output) for n in proto.graph.node] == [["y", "features"]]

    def test_block_that_is_one_step_of_its_name(self) -> None:
        net = Net(x=(3,))
        with net.block("layer.0", "act", "x"):
            net.step("layer.0", "relu", "x")
        proto = written(net.graph(y="layer.0"), functions=True)
        assert [(f.name, list(f.output)) for f in proto.functions] == [("act", ["relu"])]
        (result,) = computed(proto, drawn(2, 3))
        np.testing.assert_array_equal(result, np.maximum(drawn(2, 3), 0))

    def test_shared_step_of_an_outer_scope_is_handed_in(self) -> None:
        """One set of weights, used by two blocks that do not own it."""
        net = Net(x=(3,))
        x = "x"
        for name in ("first", "second"):
            with net.block(name, "unit", x):
                x = net.step(f"{name}.mix", "fc", x, out_features=3, owner="mix")
        graph = net.graph(y=x)
        proto = written(graph, functions=True)
        assert [f.name for f in proto.functions] == ["unit"]
        assert [list(n.input) for n in proto.graph.node] == [
            ["x", "mix.weight", "mix.bias"], ["first.mix", "mix.weight", "mix.bias"]
        ]  # fmt: skip
        weight, bias = state(graph).values()
        (result,) = computed(proto, drawn(2, 3))
        expected = F.linear(F.linear(torch.from_numpy(drawn(2, 3)), weight, bias), weight, bias)
        np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-6)

    def test_weight_shared_inside_a_block_or_not_makes_two_functions(self) -> None:
        net = Net(x=(3,))
        x = "x"
        for name, owners in (("first", ("first.a", "first.a")), ("second", ("second.a", "second.b"))):
            with net.block(name, "unit", x):
                for place, owner in zip("ab", owners, strict=True):
                    x = net.step(f"{name}.{place}", "fc", x, out_features=3, bias=False, owner=owner)
        proto = written(net.graph(y=x), functions=True)
        assert [(f.name, list(f.input)) for f in proto.functions] == [
            ("unit", ["in", "a.weight"]), ("unit_2", ["in", "a.weight", "b.weight"])
        ]  # fmt: skip

    def test_names_of_functions_are_free(self) -> None:
        """A block of the spec may be called what another one's second instance would be."""
        net = Net(x=(3,))
        x = "x"
        for name, title, kind in (("a", "unit", "relu"), ("b", "unit_2", "tanh"), ("c", "unit", "tanh")):
            with net.block(name, title, x):
                x = net.step(f"{name}.act", kind, x)
        assert [f.name for f in written(net.graph(y=x), functions=True).functions] == ["unit", "unit_2", "unit_3"]

    @pytest.mark.parametrize("opset", OPSETS)
    def test_every_opset_computes_the_same_as_flat(self, opset: int) -> None:
        image = drawn(2, 2, 13, 12)
        flat = written(residual(), opset=opset)
        kept = written(residual(), opset=opset, functions=True)
        assert {(o.domain, o.version) for o in kept.opset_import} == {("", opset), ("specc", 1)}
        assert kept.ir_version == flat.ir_version
        assert [t.name for t in kept.graph.initializer] == [t.name for t in flat.graph.initializer]
        for optimise in (False, True):
            (expected,), (result,) = (computed(model, image, optimise=optimise) for model in (flat, kept))
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)

    def test_network_without_blocks_is_the_same_file(self) -> None:
        graph = network("conv(4, 3) -> flatten -> fc(5)").graph
        assert written(graph, functions=True) == written(graph)

    def test_weights_beside_the_file(self) -> None:
        graph = residual()
        assembly = backend.checked(graph, functions=True)
        outside = backend.with_external_data(assembly, "model.data")
        assert outside.functions == written(graph, functions=True).functions
        assert {t.name for t in outside.graph.initializer if t.external_data} == {
            path for path, parameter in graph.state if not parameter.integer
        }
