"""Which numbers a network has, in one line: the same for the same numbers, whatever file they come from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import specc
from specc.weights import Initialised, Randomised, origin, read_weights, tensor
from specc.weights import tensors as pieces
from tests.graphs import residual

STATE = residual().state


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The same numbers as .npz, as safetensors and as a PyTorch file."""
    numbers = {path: tensor(Randomised(3), path, parameter) for path, parameter in STATE}
    places = [tmp_path / name for name in ("w.npz", "w.safetensors", "w.pt")]
    np.savez(places[0], **numbers)
    save_file(numbers, places[1])
    torch.save({path: torch.from_numpy(array) for path, array in numbers.items()}, places[2])
    return places


def test_a_seed_is_a_seed() -> None:
    assert origin(STATE, Initialised(12)) == "seed 12"


def test_the_same_numbers_have_one_hash(files: list[Path]) -> None:
    hashes = {origin(STATE, read_weights(path, STATE)) for path in files}
    assert len(hashes) == 1
    assert hashes == {origin(STATE, Randomised(3))}
    assert origin(STATE, Randomised(4)) not in hashes


def test_the_hash_is_what_it_says(tmp_path: Path) -> None:
    """Worked out by hand."""
    path = tmp_path / "net.cnn"
    path.write_text("model M : [N, 2] { fc(1) }")
    np.savez(tmp_path / "w.npz", **{"fc1.bias": np.float32([3]), "fc1.weight": np.float32([[1, -2]])})
    model = specc.load(path)
    weight = b"fc1.weight <f4 [1,2]\n" + np.array([1, -2], "<f4").tobytes()
    bias = b"fc1.bias <f4 [1]\n" + np.array([3], "<f4").tobytes()
    found = origin(model.graph.state, model.weights(file=tmp_path / "w.npz"))
    assert found == f"sha256:{hashlib.sha256(weight + bias).hexdigest()}"


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_the_size_of_the_pieces_makes_no_difference(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    before = origin(STATE, Randomised(3))
    monkeypatch.setattr(pieces, "CHUNK", chunk)
    assert origin(STATE, Randomised(3)) == before


def test_one_number_makes_a_difference(files: list[Path]) -> None:
    before = origin(STATE, read_weights(files[0], STATE))
    numbers = dict(np.load(files[0]))
    numbers["fc.bias"][1] = np.nextafter(numbers["fc.bias"][1], np.float32(9))
    np.savez(files[0], **numbers)
    assert origin(STATE, read_weights(files[0], STATE)) != before
