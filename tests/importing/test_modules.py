"""Modules of PyTorch as specs: names, numbers, what is refused, and a proof that finds what was changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import specc
from specc.diagnostics import UsageError
from specc.importing.from_torch.exporting import evaluated, exported, shapes_of
from specc.importing.from_torch.proof import proven
from specc.importing.from_torch.reading import read_program
from specc.importing.structure import structured
from specc.options import ProofOptions


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y += x
        return y


class Net(nn.Module):
    """Changes in place, a buffer, a module under two names, functions, sizes of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2)
        self.layers = nn.Sequential(Block(4), Block(4))
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(4, 4)
        self.again = self.fc
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(self.stem((x - self.mean) / 0.25))
        left, right = torch.chunk(x, 2, dim=1)
        x = functional.adaptive_avg_pool2d(torch.cat([right, left], 1), 1).view(x.size(0), -1)
        return self.again(functional.gelu(self.fc(self.drop(x))))


def network_of(module: nn.Module, inputs: Any) -> Any:
    shapes = shapes_of(inputs)
    with evaluated(module):
        return read_program(exported(module, shapes, "Net"), "Net", "Net", shapes)


def test_a_module(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Net()
    model = specc.from_torch(module, "[N, 3, H, W]", tmp_path / "net.cnn")
    assert module.training, "it is as it was"
    assert module.again.weight is module.fc.weight
    torch.manual_seed(0)
    own = dict(Net().state_dict())  # which nobody has touched
    own = {name: own[name] for name in own if name != "mean" and not name.startswith("fc.")}  # one, under its last name
    ours = model.to_torch(weights=tmp_path / "net.safetensors")
    state = ours.state_dict()
    assert own.keys() <= state.keys()
    assert all(torch.equal(state[name], own[name]) for name in own)
    x = torch.rand(3, 3, 15, 9)
    assert torch.allclose(ours(x), module.eval()(x), atol=1e-6)
    assert "layers: repeat 2 { add {" in (tmp_path / "net.cnn").read_text()
    assert "dropout(0.2)" in (tmp_path / "net.cnn").read_text()


class Unsayable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.LSTM(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cumsum(x, 1) + torch.rand(1)
        return torch.sort(y, 2)[0] + torch.roll(x, 1, 2)


def test_a_size_that_the_code_fixes() -> None:
    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * int(x.shape[2])

    with pytest.raises(UsageError, match=r"does not leave H, axis 2 of x, open: .* 64 in the example"):
        network_of(Fixed(), "[N, 4, H, W]")


def test_code_that_chooses_by_a_size(tmp_path: Path) -> None:
    """The trace knows one way alone; the proof runs the module at sizes where it goes the other one."""

    class Chooses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * 2 if x.shape[2] > 30 else x * 3

    with pytest.raises(specc.ParityError, match="chooses by a size"):
        specc.from_torch(Chooses(), "[N, 4, H, W]", tmp_path / "net.cnn")
    assert not (tmp_path / "net.cnn").exists()


def test_every_call_that_cannot_be_said_is_named() -> None:
    with pytest.raises(UsageError) as raised:
        network_of(Unsayable(), torch.rand(2, 4, 8))
    text = str(raised.value)
    assert "forward: cumsum (cumsum): specc imports no cumsum" in text
    assert "forward: rand (rand): it draws at random" in text
    assert "forward: roll (roll): specc imports no roll" in text


def seen(forward: Any) -> str:
    """What is said of a module with this forward."""

    class Module(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return forward(x)  # type: ignore[no-any-return]

    with pytest.raises(UsageError) as raised:
        network_of(Module(), torch.rand(2, 4, 8, 8))
    return str(raised.value)


def test_nothing_is_overlooked() -> None:
    assert "specc imports no div" in seen(lambda x: torch.div(x, x, rounding_mode="floor"))
    assert "the batch too" in seen(lambda x: functional.adaptive_avg_pool2d(x, 1).squeeze())
    assert "training" in seen(lambda x: functional.dropout(x, 0.5, training=True))
    assert "the same memory" in seen(_changed_behind_a_view)
    assert "comes from outside" in seen(lambda x: x.relu_())
    assert "the batch" in seen(lambda x: x.mean((0, 2, 3), keepdim=True))


def _changed_behind_a_view(x: Tensor) -> Tensor:
    y = x + 1
    part = y[:, :2]
    y.mul_(2)
    return functional.relu(part)


def test_a_changed_argument_is_found() -> None:
    torch.manual_seed(0)
    module = Net().eval()
    network = network_of(module, "[N, 3, 12, 12]")
    assert proven(network, structured(network), module, ProofOptions()).passed
    (place,) = (i for i, step in enumerate(network.steps) if step.name == "layers.1.bn1")
    steps = list(network.steps)
    steps[place] = replace(steps[place], arguments={**steps[place].arguments, "eps": 1e-3})
    wrong = replace(network, steps=tuple(steps))
    parity = proven(wrong, structured(wrong), module, ProofOptions())
    assert not parity.passed


def test_tensors_that_are_tied_alone_are_refused() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    with pytest.raises(UsageError, match="shares all of a step's tensors or none"):
        network_of(module, torch.rand(2, 4))


@pytest.mark.parametrize("text", ["3", "[N, 0, 3]", "N by 3"])
def test_what_is_no_shape(text: str) -> None:
    with pytest.raises(UsageError, match="is no shape"):
        shapes_of(text)


def test_what_arguments_mean() -> None:
    """By the module itself, run by the proof."""

    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 6, 4, padding="same", padding_mode="zeros")

        def forward(self, x: Tensor) -> Tensor:
            x = torch.sub(x, x.sigmoid(), alpha=0.5)
            x = functional.avg_pool2d(functional.pad(self.conv(x), [1, 0]), 3, 2, 1, ceil_mode=True, divisor_override=5)
            first, *others = torch.stack([x, 1 - x], 2).unbind(2)
            x = first / (others[0] * others[0] + 1)
            return (x.amax(1, keepdim=True).expand_as(x) + x[:, :, 1:-1, ::2].mean((2, 3), keepdim=True)).flatten(2)

    torch.manual_seed(0)
    specc.from_torch(Odd(), ("N", 4, 9, 12))
