"""A network is trained, and its checkpoint compiled; what comes between them loses nothing, and goes on the same."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import specc
from tests.examples.conftest import TRAIN

pytestmark = [pytest.mark.example, pytest.mark.filterwarnings("default")]

SMALL = """
model Small : (image: uint8 [N, 1, 32, 32]) -> [N, 10] {
  affine(1 / 255)
  conv(4, 5, stride=4) -> bn -> relu -> dropout(0.2)
  flatten -> fc(10)
}
"""
"""All that a run has to go on with: dropout draws, and the statistics of a batch norm grow."""


def train(*arguments: object) -> int:
    from train import main

    return main(["--accelerator", "cpu", *map(str, arguments)])


def tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return state


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.cnn"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet on digits, as the example does it."""
    out = tmp_path_factory.mktemp("trained")
    assert train("--out", out, "--epochs", 3, "--batch", 32) == 0
    return out


def test_the_file_answers_as_the_trained_network(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By onnxruntime and PyTorch alone."""
    import onnxruntime
    from data import digits

    test = digits().test
    (scores,) = onnxruntime.InferenceSession(trained / "lenet.onnx").run(["output"], {"image": test.pixels})
    net = specc.load(TRAIN / "lenet.cnn").to_torch()
    net.load_state_dict(
        {name.removeprefix("network."): value for name, value in tensors(trained / "last.ckpt").items()}
    )
    with torch.inference_mode():
        right = net(torch.from_numpy(test.pixels)).numpy()
    assert np.allclose(scores, right, rtol=1e-4, atol=1e-4)
    assert (scores.argmax(1) == test.classes).mean() > 0.8
    sidecar = json.loads((trained / "lenet.specc.json").read_text())
    assert sidecar["outputs"][0]["labels"] == list("0123456789")
    assert sidecar["inputs"][0]["dtype"] == "uint8"


def test_both_accuracies_are_said(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is at its end is compiled anew."""
    assert train("--out", trained, "--epochs", 3, "--batch", 32, "--resume", trained / "last.ckpt") == 0
    said = re.search(
        r"accuracy on 297 test images: PyTorch ([\d.]+%), ONNX ([\d.]+%); 297 answers are the same",
        capsys.readouterr().out,
    )
    assert said is not None
    assert said[1] == said[2]


DISTURBANCES: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "Ctrl-C": (
        lambda _: signal.raise_signal(signal.SIGINT),
        130,
        "stopped in epoch 2 of 3: --resume {} goes on with it",
    ),
    "SIGTERM": (lambda _: os.kill(os.getpid(), signal.SIGTERM), 143, "stopped in epoch 2 of 3: --resume {} goes on"),
    "a full disk": (
        lambda path: path.with_name("last.ckpt.part").symlink_to("/dev/full"),
        1,
        "error: cannot write {}: No space left on device; {} is that of the epoch before, and whole",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize(("disturb", "code", "words"), DISTURBANCES.values(), ids=DISTURBANCES)
def test_a_run_that_was_disturbed_comes_to_the_same_end(
    small: Path,
    tmp_path: Path,
    disturb: Callable[[Path], object],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from classifier import Classifier

    run = ["--spec", small, "--epochs", 3, "--batch", 200]
    assert train(*run, "--out", tmp_path / "undisturbed") == 0

    checkpoint, step = tmp_path / "disturbed" / "last.ckpt", Classifier.training_step

    def disturbed(self: Classifier, batch: tuple[torch.Tensor, ...], number: int) -> torch.Tensor:
        if (self.current_epoch, number) == (1, 2):
            disturb(checkpoint)
        return step(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "training_step", disturbed)
        assert train(*run, "--out", tmp_path / "disturbed") == code
    assert words.format(checkpoint, checkpoint) in capsys.readouterr().err
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 0
    assert [path.name for path in checkpoint.parent.iterdir()] == ["last.ckpt"]

    assert train(*run, "--out", tmp_path / "disturbed", "--resume", checkpoint) == 0
    ours, theirs = tensors(checkpoint), tensors(tmp_path / "undisturbed" / "last.ckpt")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    files = [(tmp_path / run / "small.onnx").read_bytes() for run in ("disturbed", "undisturbed")]
    assert files[0] == files[1]
