"""Weights of others from the command line and in Python: as they wrote them, or nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from torch import nn

import specc as compiler
from specc.weights import tensor
from tests.cli.conftest import Specc

SPEC = """
model Tiny : [N, 1, 8, 8] -> [N, 3] {
  conv1: conv(4, kernel=3)
  bn1: batchnorm
  relu
  flatten
  head: fc(3)
}
"""


class Tiny(nn.Module):
    """The spec by hand, with the same names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4 * 6 * 6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(torch.flatten(torch.relu(self.bn1(self.conv1(x))), 1))
        return result


State = dict[str, torch.Tensor]


@pytest.fixture
def tiny() -> Tiny:
    torch.manual_seed(0)
    module = Tiny()
    module(torch.randn(5, 1, 8, 8))
    return module.eval()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.cnn"
    path.write_text(SPEC)
    return path


def renamed(state: State) -> State:
    return {f"net.{i}.{name.rpartition('.')[2]}": value for i, (name, value) in enumerate(state.items())}


def save(state: State, path: Path) -> Path:
    match path.suffix:
        case ".safetensors":
            save_file(state, path)
        case ".npz":
            np.savez(path, **{name: value.numpy() for name, value in state.items()})
        case _:
            torch.save(state, path)
    return path


def stored(path: Path) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def holds(path: Path, state: State) -> bool:
    """Whether an ONNX file has these very numbers under these names; those it has no use for aside."""
    found, kept = stored(path), {name: v.numpy() for name, v in state.items() if "tracked" not in name}
    return all(np.array_equal(found[name], value) for name, value in kept.items())


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz", "w.pt"])
def test_by_name(specc: Specc, tmp_path: Path, spec: Path, tiny: Tiny, name: str) -> None:
    weights, out = save(tiny.state_dict(), tmp_path / name), tmp_path / "tiny.onnx"
    result = specc("compile", spec, "--weights", weights, "-o", out)
    assert (result.code, result.err) == (0, "")
    assert "parity proven" in result.out
    assert holds(out, tiny.state_dict())
    assert specc("verify", spec, out, "--weights", weights).code == 0


@pytest.mark.parametrize("name", ["w.npz", "w.pt"])
def test_by_order(specc: Specc, tmp_path: Path, spec: Path, tiny: Tiny, name: str) -> None:
    weights, out = save(renamed(tiny.state_dict()), tmp_path / name), tmp_path / "tiny.onnx"
    result = specc("compile", spec, "--weights", weights, "-o", out)
    assert result.code == 2
    assert "  missing:\n    conv1.weight [4, 1, 3, 3]\n" in result.err
    assert "--match order" in result.err
    assert not out.exists()
    assert specc("compile", spec, "--weights", weights, "--match", "order", "-o", out).code == 0
    assert holds(out, tiny.state_dict())
    assert specc("verify", spec, out, "--weights", weights, "--match", "order").code == 0
    assert specc("verify", spec, out, "--weights", weights, "--match", "name").code == 2


def test_pytorch_with_its_weights_saved(specc: Specc, tmp_path: Path, spec: Path, tiny: Tiny) -> None:
    weights, saved = save(renamed(tiny.state_dict()), tmp_path / "w.pt"), tmp_path / "saved.safetensors"
    arguments = ("--weights", weights, "--match", "order", "-o", tmp_path / "tiny.py", "--save-weights", saved)
    assert specc("compile", spec, *arguments).code == 0
    fresh = Tiny().eval()
    fresh.load_state_dict(load_file(saved))
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(fresh(x), tiny(x))


def test_what_was_decided_is_said(specc: Specc, tmp_path: Path, spec: Path, tiny: Tiny) -> None:
    state = {name: value for name, value in tiny.state_dict().items() if "tracked" not in name}
    path, out = tmp_path / "w.pt", tmp_path / "tiny.onnx"
    torch.save({"epoch": 7, "state_dict": state}, path)
    notes = [
        f"note: {path}: the weights are its entry state_dict; not read: epoch",
        f"note: {path}: it holds no num_batches_tracked: the network's 1 are 0",
    ]
    assert specc("compile", spec, "--weights", path, "-o", out, "--no-verify").out.splitlines()[-2:] == notes
    lines = specc("verify", spec, out, "--weights", path).out.splitlines()
    assert [line for line in lines if line.startswith(f"note: {path}")] == notes


@pytest.mark.parametrize("wrap", [nn.DataParallel, partial(torch.compile, backend="eager")])
def test_the_state_of_a_wrapper(
    specc: Specc, tmp_path: Path, spec: Path, tiny: Tiny, wrap: Callable[[nn.Module], nn.Module]
) -> None:
    weights, out = save(wrap(tiny).cpu().state_dict(), tmp_path / "w.pt"), tmp_path / "tiny.onnx"
    result = specc("compile", spec, "--weights", weights, "-o", out, "--no-verify")
    assert result.out.splitlines()[-1].startswith(f"note: {weights}: all 9 of its names begin with ")
    assert holds(out, tiny.state_dict())


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("target", ["tiny.onnx", "tiny.py"])
@pytest.mark.parametrize("fault", ["missing", "unexpected", "mis-shaped", "NaN in the last tensor", "float64"])
def test_nothing_is_written_where_they_do_not_fit(
    specc: Specc, tmp_path: Path, spec: Path, tiny: Tiny, fault: str, target: str, existing: bool
) -> None:
    state = {name: value.clone() for name, value in tiny.state_dict().items()}
    match fault:
        case "missing":
            del state["head.bias"]
        case "unexpected":
            state["head2.bias"] = torch.zeros(3)
        case "mis-shaped":
            state["head.bias"] = torch.zeros(4)
        case "float64":
            state["head.bias"] = torch.full((3,), 0.1, dtype=torch.float64)
        case _:
            state["head.bias"][2] = float("nan")
    weights = save(state, tmp_path / "w.pt")
    outputs = [tmp_path / target, tmp_path / "saved.safetensors"]
    for output in outputs if existing else []:
        output.write_bytes(b"the old one")
    before = sorted(tmp_path.iterdir())
    result = specc("compile", spec, "--weights", weights, "-o", outputs[0], "--save-weights", outputs[1])
    assert (result.code, result.out) == (2, "")
    assert "w.pt" in result.err
    assert sorted(tmp_path.iterdir()) == before
    assert not existing or {output.read_bytes() for output in outputs} == {b"the old one"}


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("compile", ["--match", "order"], "add --weights FILE"),
        ("compile", ["--match", "name", "--seed", 3], "add --weights FILE"),
        ("verify", ["--match", "order"], "add --weights FILE"),
        ("compile", ["--match", "shape", "--weights", "w.pt"], "'name', 'order'"),
        ("compile", ["--seed", 3, "--weights", "w.pt", "--match", "order"], "leave out one of the two"),
        ("compile", ["--weights", "w.pt", "--match", "order", "--target", "torch"], "add --save-weights FILE"),
        ("verify", ["--seed", -1], "a seed is a whole number from 0 to 2^63 - 1, not -1"),
    ],
)
def test_options_that_mean_nothing(specc: Specc, spec: Path, command: str, options: list[object], words: str) -> None:
    result = specc(command, spec, *options)
    assert result.code == 2
    assert words in result.err


class TestInPython:
    def test_every_way_takes_the_same(self, tmp_path: Path, spec: Path, tiny: Tiny) -> None:
        model, file = compiler.load(spec), save(renamed(tiny.state_dict()), tmp_path / "w.npz")
        read = model.weights(file=file, match="order")
        model.to_onnx(tmp_path / "a.onnx", weights=file, match="order", verify=False)
        model.to_onnx(tmp_path / "b.onnx", weights=read, verify=False)
        assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
        assert holds(tmp_path / "a.onnx", tiny.state_dict())
        for module in (model.to_torch(weights=str(file), match="order"), model.to_torch(weights=read)):
            assert all(torch.equal(value, tiny.state_dict()[name]) for name, value in module.state_dict().items())
        model.save_weights(tmp_path / "w.safetensors", weights=file, match="order")
        assert all(torch.equal(v, tiny.state_dict()[n]) for n, v in load_file(tmp_path / "w.safetensors").items())
        assert model.verify(tmp_path / "a.onnx", weights=file, match="order").passed
        assert not model.verify(tmp_path / "a.onnx", seed=0).passed
        assert np.array_equal(tensor(read, *model.graph.state[0]), tiny.conv1.weight.detach().numpy())

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"match": "order"}, "no file is given"),
            ({"match": "name", "seed": 3}, "no file is given"),
            ({"match": "shape", "weights": "w.npz"}, "match 'shape' is none of name and order"),
            ({"match": "", "weights": "w.npz"}, "match '' is none of name and order"),
            ({"seed": 3, "weights": "w.npz"}, "leave out one of the two"),
            ({"seed": True}, "a seed is a whole number from 0 to 2\\^63 - 1, not True"),
        ],
    )
    def test_arguments_that_mean_nothing(
        self, tmp_path: Path, spec: Path, arguments: dict[str, object], words: str
    ) -> None:
        model = compiler.load(spec)
        for use in (model.to_torch, model.verify, lambda **a: model.to_onnx(tmp_path / "x.onnx", **a)):
            with pytest.raises(compiler.UsageError, match=words):
                use(**arguments)

    def test_what_is_read_already_has_nothing_left_to_match(self, tmp_path: Path, spec: Path) -> None:
        model = compiler.load(spec)
        with pytest.raises(compiler.UsageError, match="leave these out"):
            model.to_torch(weights=model.weights(seed=1), match="order")
        with pytest.raises(compiler.UsageError, match="leave these out"):
            model.to_torch(weights=model.weights(seed=1), seed=2)


def test_a_weight_in_two_parts_is_refused_with_what_to_do(specc: Specc, tmp_path: Path) -> None:
    """Whoever took ``conv.weight_v`` for the weight had a network that is proven, and another one."""
    (tmp_path / "m.cnn").write_text("model M : [N, 8, L] { conv: conv(4, 3, padding=1) }\n")
    parts = {"conv.bias": torch.zeros(4), "conv.weight_g": torch.ones(4, 1, 1), "conv.weight_v": torch.rand(4, 8, 3)}
    torch.save(parts, tmp_path / "wn.pth")
    for match in ("name", "order"):
        result = specc(
            "compile", tmp_path / "m.cnn", "--weights", tmp_path / "wn.pth", "--match", match, "-o", "m.onnx"
        )
        assert result.code == 2
        assert "conv.weight is not in it: torch.nn.utils.weight_norm computes it from" in result.err
        assert "remove_weight_norm(layer, 'weight')" in result.err
        assert "did you mean" not in result.err
