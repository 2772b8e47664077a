"""A network is trained, and its checkpoint compiled; what comes between them loses nothing, and goes on the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

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
    """The exit code."""
    from train import main

    try:
        return main(["--accelerator", "cpu", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)


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


def test_both_accuracies_are_said(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is at its end is compiled anew."""
    assert train("--out", tmp_path, "--epochs", 3, "--batch", 32, "--resume", trained / "last.ckpt") == 0
    said = re.search(
        r"accuracy on 297 test images: PyTorch ([\d.]+%), ONNX ([\d.]+%); 297 answers are the same",
        capsys.readouterr().out,
    )
    assert said is not None
    assert said[1] == said[2]
    assert (tmp_path / "lenet.onnx").read_bytes() == (trained / "lenet.onnx").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to its end, with dropout and a batch norm: the first draws, and the second counts."""
    out = tmp_path_factory.mktemp("undisturbed")
    (out / "small.cnn").write_text(SMALL)
    assert train(*small_run(out)) == 0
    return out


def small_run(out: Path) -> list[object]:
    return ["--spec", out / "small.cnn", "--out", out, "--epochs", 3, "--batch", 200]


def poison(network: nn.Module) -> None:
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = torch.nan


DISTURBANCES: dict[str, tuple[Callable[[nn.Module, Path], object], int, str]] = {
    "Ctrl-C": (
        lambda *_: signal.raise_signal(signal.SIGINT),
        130,
        "stopped in epoch 2 of 3: --resume {checkpoint} goes on with it",
    ),
    "SIGTERM": (
        lambda *_: os.kill(os.getpid(), signal.SIGTERM),
        143,
        "stopped in epoch 2 of 3: --resume {checkpoint} goes on with it",
    ),
    "a full disk": (
        lambda _, checkpoint: checkpoint.with_name("last.ckpt.part").symlink_to("/dev/full"),
        1,
        "cannot write {checkpoint}: No space left on device; {checkpoint} is that of the epoch before, and whole",
    ),
    "a weight that is no number": (
        lambda network, _: poison(network),
        1,
        "error: the loss is nan in epoch 2, batch 3: try a smaller --lr",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize(("disturb", "code", "words"), DISTURBANCES.values(), ids=DISTURBANCES)
def test_a_run_that_was_disturbed_comes_to_the_same_end(
    undisturbed: Path,
    tmp_path: Path,
    disturb: Callable[[nn.Module, Path], object],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from classifier import Classifier

    checkpoint, step = tmp_path / "last.ckpt", Classifier.training_step

    def disturbed(self: Classifier, batch: tuple[torch.Tensor, ...], number: int) -> torch.Tensor:
        if (self.current_epoch, number) == (1, 2):
            disturb(self.network, checkpoint)
        return step(self, batch, number)

    shutil.copy(undisturbed / "small.cnn", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "training_step", disturbed)
        assert train(*small_run(tmp_path)) == code
    assert words.format(checkpoint=checkpoint) in capsys.readouterr().err
    assert torch.load(checkpoint, weights_only=True)["epoch"] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"last.ckpt", "small.cnn"}

    assert train(*small_run(tmp_path), "--resume", checkpoint) == 0
    ours, theirs = tensors(checkpoint), tensors(undisturbed / "last.ckpt")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert (tmp_path / "small.onnx").read_bytes() == (undisturbed / "small.onnx").read_bytes()


def test_stopped_before_any_epoch_was_whole(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from classifier import Classifier

    monkeypatch.setattr(Classifier, "training_step", lambda *_: signal.raise_signal(signal.SIGINT))
    assert train("--spec", small, "--out", tmp_path / "out") == 130
    assert capsys.readouterr().err.endswith("stopped in epoch 1 of 10: no epoch was whole\n")


def of_other_settings(undisturbed: Path, _: Path) -> list[object]:
    return [*small_run(undisturbed), "--resume", undisturbed / "last.ckpt", "--epochs", 5, "--seed", 2]


def over_an_earlier_run(undisturbed: Path, _: Path) -> list[object]:
    return small_run(undisturbed)


def over_another_run(undisturbed: Path, tmp_path: Path) -> list[object]:
    """That goes on, with what it would write over."""
    shutil.copy(undisturbed / "last.ckpt", tmp_path)
    return [*small_run(undisturbed), "--resume", tmp_path / "last.ckpt"]


def of_another_network(undisturbed: Path, tmp_path: Path) -> list[object]:
    return ["--resume", undisturbed / "last.ckpt", "--out", tmp_path / "out"]


def with_a_weight_that_is_no_number(undisturbed: Path, tmp_path: Path) -> list[object]:
    checkpoint = torch.load(undisturbed / "last.ckpt", weights_only=True)
    checkpoint["state_dict"]["network.fc1.bias"][3] = torch.nan
    (tmp_path / "out").mkdir()
    torch.save(checkpoint, tmp_path / "out" / "last.ckpt")
    return [*small_run(undisturbed), "--resume", tmp_path / "out" / "last.ckpt", "--out", tmp_path / "out"]


def of_half_a_checkpoint(undisturbed: Path, tmp_path: Path) -> list[object]:
    whole = (undisturbed / "last.ckpt").read_bytes()
    (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
    return [*small_run(undisturbed), "--resume", tmp_path / "half.ckpt", "--out", tmp_path / "out"]


def of_no_checkpoint(undisturbed: Path, tmp_path: Path) -> list[object]:
    return [*small_run(undisturbed), "--resume", tmp_path / "none.ckpt"]


def of_weights_alone(undisturbed: Path, tmp_path: Path) -> list[object]:
    torch.save(tensors(undisturbed / "last.ckpt"), tmp_path / "weights.pt")
    return [*small_run(undisturbed), "--resume", tmp_path / "weights.pt", "--out", tmp_path / "out"]


def of_a_network_for_other_numbers(_: Path, tmp_path: Path) -> list[object]:
    (tmp_path / "float.cnn").write_text("model M : [N, 1, 32, 32] -> [N, 10] { flatten -> fc(10) }")
    return ["--spec", tmp_path / "float.cnn", "--out", tmp_path / "out"]


def of_nothing(_: Path, tmp_path: Path) -> list[object]:
    return ["--data", tmp_path / "mnist", "--out", tmp_path / "out"]


def into_a_file(undisturbed: Path, tmp_path: Path) -> list[object]:
    (tmp_path / "file").write_text("")
    return [*small_run(undisturbed), "--out", tmp_path / "file"]


def of_two_images(_: Path, tmp_path: Path) -> list[object]:
    (tmp_path / "two.cnn").write_text("model Two : (a: [N, 9], b: [N, 9]) -> [N, 9] { add { | a | b } }")
    return ["--spec", tmp_path / "two.cnn", "--out", tmp_path / "out"]


def by_more_processes_than_images(undisturbed: Path, empty: Path) -> list[object]:
    return ["--devices", 99_999, "--out", empty]


def on_a_device_that_is_not_there(_: Path, tmp_path: Path) -> list[object]:
    return ["--accelerator", "mps", "--out", tmp_path / "out"]


REFUSED: list[tuple[Callable[[Path, Path], list[object]], str]] = [
    (of_other_settings, "error: the checkpoint is of a run with epochs 3, seed 1: it goes on with these alone"),
    (over_an_earlier_run, "/last.ckpt is of an earlier run: --resume "),
    (over_another_run, "/last.ckpt is of an earlier run: --resume "),
    (of_another_network, "last.ckpt does not fit the network:\n  all 9 of its names begin with network.\n"),
    (with_a_weight_that_is_no_number, "last.ckpt: network.fc1.bias[3] is nan; weights must be finite numbers"),
    (of_half_a_checkpoint, "half.ckpt: it is no "),
    (of_no_checkpoint, "none.ckpt: "),
    (of_weights_alone, "weights.pt holds weights, but not the run that they are from"),
    (
        of_a_network_for_other_numbers,
        "error: M is [N, 1, 32, 32] -> [N, 10], and these images need uint8 [N, 1, 32, 32] -> [N, 10]",
    ),
    (of_nothing, "error: there is no folder "),
    (into_a_file, "file: File exists"),
    (of_two_images, "error: Two takes or gives several values; here it is one image, and a score for each class"),
    (by_more_processes_than_images, "error: 99,999 processes would share 1,"),
    (on_a_device_that_is_not_there, "error: `MPSAccelerator` can not run on your system"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=[make.__name__ for make, _ in REFUSED])
def test_what_a_run_cannot_begin_with(
    undisturbed: Path,
    tmp_path: Path,
    arguments: Callable[[Path, Path], list[object]],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {path.name: path.read_bytes() for path in undisturbed.iterdir()}
    assert train(*arguments(undisturbed, tmp_path)) == 1
    assert words in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in undisturbed.iterdir()} == before
    assert not [*tmp_path.rglob("*.onnx")]


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--epochs", "0", "0 is not 1, 2, 3"),
        ("--batch", "2.5", "2.5 is not 1, 2, 3"),
        ("--lr", "nan", "nan is no number above"),
        ("--seed", "-1", "-1 is not 0, 1, 2"),
        ("--seed", "4294967296", "below 4,294,967,296"),
        ("--accelerator", "gpus", "invalid choice: 'gpus'"),
    ],
)
def test_numbers_that_are_none(option: str, text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(option, text) == 2
    assert words in capsys.readouterr().err


def test_two_processes_share_the_images_and_end_together(tmp_path: Path, small: Path) -> None:
    """Over gloo. One that is ended ends the other, and both go on."""
    run = [sys.executable, TRAIN / "train.py", "--accelerator", "cpu", "--devices", "2", "--spec", small]
    run += ["--out", tmp_path / "out", "--epochs", "12", "--batch", "300"]
    checkpoint = tmp_path / "out" / "last.ckpt"
    with subprocess.Popen(run, stdout=subprocess.DEVNULL) as process:
        while not checkpoint.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
    assert process.returncode == 143
    assert torch.load(checkpoint, weights_only=True)["epoch"] < 11

    done = subprocess.run([*run, "--resume", checkpoint], capture_output=True, text=True, check=True)
    assert "297 answers are the same" in done.stdout
    assert torch.load(checkpoint, weights_only=True)["global_step"] == 12 * 3  # of 1,350 images 675 for each


def test_birds_and_planes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--data", "shapes", "--epochs", 2, "--batch", 20, "--out", tmp_path) == 0
    said = re.search(r"accuracy on 500 test images: PyTorch ([\d.]+)%", capsys.readouterr().out)
    assert said is not None
    assert float(said[1]) > 90
    assert json.loads((tmp_path / "birds.specc.json").read_text())["outputs"][0]["labels"] == ["bird", "plane"]


def test_the_command_takes_the_checkpoint(trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "specc", "compile", TRAIN / "lenet.cnn", "--weights", trained / "last.ckpt"]
    command += ["-o", tmp_path / "lenet.onnx", "--no-verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "last.ckpt: all 10 of its names begin with network.: left out" in done.stdout + done.stderr
