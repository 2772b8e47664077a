"""Weights in memory: a state dict or a module, against the numbers of the module itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import specc
from specc.weights import tensor

SPEC = """model Net : [N, 2, 9, 8] -> [N, 3] {
  body: { 0: conv(4, 3) -> 1: bn -> relu }
  flatten
  head: fc(3)
}"""


@pytest.fixture
def model() -> specc.Model:
    return specc.loads(SPEC)


@pytest.fixture
def net() -> nn.Module:
    """The same network by hand, trained elsewhere: no number is one that specc draws."""
    torch.manual_seed(5)
    net = nn.ModuleDict({"body": nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)), "head": nn.Linear(168, 3)})
    with torch.no_grad():
        for value in net.state_dict().values():
            value.copy_(torch.randint(1, 50, value.shape) / 16)
    return net


def numbers(model: specc.Model, weights: Any) -> dict[str, Any]:
    source = model.weights(file=weights)
    return {name: tensor(source, name, parameter) for name, parameter in model.graph.state}


def as_type(net: nn.Module, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in net.state_dict().items()}


def same(found: dict[str, Any], net: nn.Module) -> bool:
    state = net.state_dict()
    return found.keys() == state.keys() and all(np.array_equal(found[name], state[name].numpy()) for name in state)


@pytest.mark.parametrize(
    "given",
    [
        lambda net: net,
        lambda net: net.state_dict(),
        lambda net: {name: value.numpy() for name, value in net.state_dict().items()},
        lambda net: as_type(net, torch.float64),
        lambda net: as_type(net, torch.bfloat16),
        lambda net: dict(net.named_parameters()) | dict(net.named_buffers()),
    ],
    ids=["module", "state dict", "arrays", "float64", "bfloat16", "parameters"],
)
def test_what_is_in_memory_is_taken(model: specc.Model, net: nn.Module, given: Any) -> None:
    assert same(numbers(model, given(net)), net)


def test_the_file_computes_what_the_module_does(model: specc.Model, net: nn.Module, tmp_path: Path) -> None:
    parity = model.to_onnx(tmp_path / "net.onnx", weights=net)
    assert parity is not None
    assert parity.passed
    image = torch.rand(5, 2, 9, 8, generator=torch.Generator().manual_seed(1))
    net.eval()
    with torch.no_grad():
        expected = net["head"](torch.relu(net["body"](image)).flatten(1))
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    assert np.allclose(found, expected.numpy(), rtol=1e-5)
    assert torch.allclose(model.to_torch(weights=net)(image), expected, rtol=1e-5)


def test_training_goes_on(model: specc.Model, net: nn.Module) -> None:
    """What was taken stays what it was."""
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for given in (net, {name: value.numpy() for name, value in net.state_dict().items()}):
        source = model.weights(file=given)
        with torch.no_grad():
            for value in net.state_dict().values():
                value.add_(1)
        for name, parameter in model.graph.state:
            assert np.array_equal(tensor(source, name, parameter), before[name].numpy())
        net.load_state_dict(before)


@pytest.mark.parametrize("prefix", ["module.", "model.", "net."])
def test_a_prefix_is_left_out_with_a_warning(model: specc.Model, net: nn.Module, prefix: str) -> None:
    wrapped = {prefix + name: value for name, value in net.state_dict().items()}
    with pytest.warns(UserWarning, match=f"the state dict: all 9 of its names begin with {prefix}") as caught:
        live = model.to_torch(weights=wrapped)
    assert [Path(warning.filename) for warning in caught] == [Path(__file__)]
    assert all(torch.equal(value, live.state_dict()[name]) for name, value in net.state_dict().items())
    (note,) = model.weights(file=wrapped).notes  # type: ignore[attr-defined]
    assert note.startswith(f"all 9 of its names begin with {prefix}")


def test_modules_in_wrappers(model: specc.Model, net: nn.Module) -> None:
    for wrapped in (nn.DataParallel(net), torch.compile(net, backend="eager")):
        assert same(numbers(model, wrapped), net)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.update({"head.bias": torch.tensor([1.0, float("nan"), 2.0])}), r"head.bias\[1\] is nan"),
        (lambda state: state.pop("head.bias"), r"missing:\n    head.bias \[3\]"),
        (lambda state: state.update(extra=torch.ones(2)), r"not in the network:\n    extra \[2\]"),
        (lambda state: state.update({"head.bias": torch.ones(4)}), r"head.bias is \[4\], needs \[3\]"),
        (lambda state: state.update({"head.bias": torch.ones(3, device="meta")}), "float32 without its numbers"),
        (lambda state: state.update({"head.bias": torch.ones(3).to_sparse()}), "torch.sparse_coo float32"),
        (lambda state: state.update({"head.bias": torch.ones(3, dtype=torch.complex64)}), "is complex64"),
        (lambda state: state.update({"head.bias": torch.tensor([0.1, 0, 0], dtype=torch.float64)}), "no float32 has"),
        (lambda state: state.update({"head.bias": np.ones(3)}), r"\(body.0.weight\) and NumPy arrays \(head.bias\)"),
        (lambda state: state.update(_extra_state={}), "_extra_state is of type dict"),
        (
            lambda state: state.update(state_dict={}),
            r"state_dict is of type dict; of a checkpoint, weights=checkpoint\['state_dict'\]",
        ),
    ],
)
def test_what_cannot_be_taken(model: specc.Model, net: nn.Module, change: Any, said: str) -> None:
    state = net.state_dict()
    change(state)
    with pytest.raises(specc.UsageError, match=said) as caught:
        numbers(model, state)
    assert "file" not in str(caught.value)


def test_another_network(model: specc.Model) -> None:
    with pytest.raises(specc.UsageError, match="the state dict does not fit the network:"):
        model.to_torch(weights=nn.Linear(3, 4))
