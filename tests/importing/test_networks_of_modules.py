"""Whole networks of PyTorch as specs: under the names of their parts, in a person's lines, and computing the same."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import specc
from specc.importing.from_torch.exporting import conditions_taken, shapes_taken
from tests.importing.published import NETWORKS as PUBLISHED
from tests.importing.test_tools import Mixed
from tests.networks import by_hand

pytestmark = pytest.mark.imported


@pytest.mark.parametrize("make", PUBLISHED)
def test_names_and_lines(make: type[nn.Module], tmp_path: Path) -> None:
    module = make()
    model = specc.from_torch(module, "Nx3x64x64", tmp_path / "net.cnn", verify=False)
    assert {name for name, _ in model.graph.state} == set(module.state_dict())
    assert len((tmp_path / "net.cnn").read_text().splitlines()) <= PUBLISHED[make]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "mixed": (Mixed, "[N, 3, 8, 8]"),
    "squeeze-and-excite": (by_hand.se_resnet, "[N, 3, H, W]"),
    "mobilenet": (lambda: by_hand.mobilenet_v1(0.25), "[N, 3, H, W]"),
    "unet": (lambda: by_hand.UNet(4, 1, 2), "[N, 1, H, W]"),
    "rhythm": (by_hand.rhythm, "[N, 2, 640]"),
    "clips": (by_hand.clips, "[N, 3, 8, 16, 16]"),
    "superresolution": (lambda: by_hand.espcn(3), "[N, 1, H, W]"),
    "yolo": (lambda: by_hand.TinyYolo(4, 18), "[N, 3, 64, 64]"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_numbers(name: str) -> None:
    """Proven, and loading the module's own state by name."""
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    module = make()
    model = specc.from_torch(module, shape)
    sizes = {symbol.name: 32 for symbol in model.symbols}
    port = (model.at(**sizes) if sizes else model).graph.inputs[0]
    x = torch.rand(2, *port.type.sample)  # type: ignore[arg-type] # all are numbers at these sizes
    ours = model.to_torch(weights=module)
    results, expected = ours(x), module.eval()(x)
    pairs = zip(results, expected, strict=True) if isinstance(expected, tuple) else [(results, expected)]
    assert all(torch.allclose(a, b, atol=1e-5, rtol=1e-4) for a, b in pairs)


SOURCE = """
from torch import nn

def make():
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5)]
    return nn.Sequential(*layers)
"""


class Doubled(nn.Module):
    """Halves an image and doubles it again: a size that is odd it does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 3, 2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.up(self.down(x))


def test_a_stored_program_says_which_sizes_it_takes(tmp_path: Path) -> None:
    """They stand in the contract, and the proof does not run it at others, which it refuses."""
    half = torch.export.Dim("half", min=4, max=100)
    sizes = ({0: torch.export.Dim.DYNAMIC, 2: 2 * half},)
    program = torch.export.export(Doubled().eval(), (torch.rand(2, 3, 16, 18),), dynamic_shapes=sizes)
    shapes = shapes_taken(program)
    conditions = conditions_taken(program, shapes)
    assert conditions == "H % 2 == 0, H >= 8, H <= 200"
    torch.export.save(program, tmp_path / "net.pt2")
    command = [sys.executable, "-m", "specc", "import", "net.pt2"]
    result = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert f"where {conditions}" in (tmp_path / "net.cnn").read_text()


def test_files(tmp_path: Path) -> None:
    """A function of a file, a program as it was exported, and one decomposed into the core of ATen: one network."""
    (tmp_path / "net.py").write_text(SOURCE)
    space: dict[str, Callable[[], nn.Module]] = {}
    exec(SOURCE, space)
    program = torch.export.export(space["make"]().eval(), (torch.rand(2, 3, 8, 8),))
    torch.export.save(program, tmp_path / "whole.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch's own
        torch.export.save(program.run_decompositions(), tmp_path / "core.pt2")
    for source, options in (("net.py:make", ["--input", "2x3x8x8"]), ("whole.pt2", []), ("core.pt2", [])):
        command = [sys.executable, "-m", "specc", "import", source, *options, "-o", f"{source.split('.')[0]}.cnn"]
        result = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert "proven" in result.stdout
    texts = [(tmp_path / f"{name}.cnn").read_text().partition("[")[2] for name in ("net", "whole", "core")]
    assert texts[0].replace("x: ", "") == texts[1].replace("x: ", "") == texts[2].replace("x: ", "")
