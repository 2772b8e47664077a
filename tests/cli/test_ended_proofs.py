"""A proof that is interrupted or out of memory: said plainly, with an exit code, and nothing is left of it."""

from __future__ import annotations

import importlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from specc.cli.commands import run_command
from tests.signals import heed_signals

SPEC = "model Small : [N, 3, 8, 7] { conv(4, 3) -> bn -> relu -> flatten -> fc(5) }\n"

POINTS = {
    "drawing the weights": ("specc.bundle.delivery.write_model", 1),
    "before the proof": ("specc.verify.parity.as_onnx_file", 1),
    "comparing tensors": ("specc.verify.tensor_comparison._holds", 2),
    "running the network": ("specc.verify.network_proof.run", 2),
    "in float64": ("specc.verify.reference.finite_truth", 1),
    "copying with random numbers": ("specc.verify.stress._numbers", 2),
    "opening a session": ("specc.verify.sessions._captured_stderr", 5),
    "judging a step": ("specc.verify.step_proof.allowed", 2),
    "describing": ("specc.bundle.delivery.golden_pair", 1),
    "ending the file": ("specc.bundle.delivery.metadata_of", 1),
    "writing the sidecar": ("specc.bundle.delivery.sidecar_json", 1),
}
"""Where the signal comes: the function that has it come, and at which of its calls."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a spec and an old file in it, and with all that is temporary in a folder below."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "small.cnn").write_text(SPEC)
    (tmp_path / "small.onnx").write_bytes(b"the old one")
    return tmp_path


def compiled(folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    output = str(folder / "small.onnx")
    monkeypatch.setattr(sys, "argv", ["specc", "compile", str(folder / "small.cnn"), "-o", output, *options])
    return run_command()


def require_as_before(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["small.cnn", "small.onnx", "temporary"]
    assert (folder / "small.onnx").read_bytes() == b"the old one"
    assert list((folder / "temporary").iterdir()) == []


@pytest.fixture
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("point", POINTS)
def test_an_interrupted_proof_leaves_nothing(
    point: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    where, call = POINTS[point]
    module, _, name = where.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    calls = []

    def interrupted(*arguments: object, **options: object) -> object:
        calls.append(name)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return function(*arguments, **options)

    monkeypatch.setattr(where, interrupted)
    assert compiled(folder, monkeypatch) == 130
    out, said = capfd.readouterr()
    assert (out, said.strip()) == ("", "interrupted")  # on a line of its own: the terminal shows ^C
    require_as_before(folder)


FAILURES = {
    "numpy": ("specc.verify.tensor_comparison._holds", MemoryError("Unable to allocate 4.00 TiB for an array")),
    "torch": (
        "specc.verify.step_bounds.functional_call",
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
    ),
    "torch in a network": ("specc.verify.reference.torch.from_numpy", RuntimeError("not enough memory: you tried")),
    "onnxruntime": ("onnxruntime.InferenceSession", RuntimeError("Exception during initialization: std::bad_alloc")),
    "its arena": ("onnxruntime.InferenceSession.run", RuntimeError("BFCArena: Failed to allocate memory for 9 bytes")),
}
"""What the libraries raise, as they do under a limit of the system."""


@pytest.mark.parametrize("library", FAILURES)
def test_out_of_memory(
    library: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    where, error = FAILURES[library]

    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(where, fail, raising=False)
    assert compiled(folder, monkeypatch) == 2
    out, said = capfd.readouterr()
    assert out == ""
    assert said == (
        f"error: not enough memory to prove {folder}/small.onnx: the weights of Small alone take 2.832 KiB, "
        "and a proof several times as much. Nothing was written. Free some memory; or write it with --no-verify, "
        "and prove it where there is more, with specc verify\n"
    )
    require_as_before(folder)


def test_verify_says_it_of_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """No file is called wrong for it."""
    (folder / "small.onnx").unlink()
    assert compiled(folder, monkeypatch, "--no-verify") == 0
    where, error = FAILURES["onnxruntime"]

    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(where, fail)
    file = str(folder / "small.onnx")
    monkeypatch.setattr(sys, "argv", ["specc", "verify", str(folder / "small.cnn"), file, "--proof", "full"])
    capfd.readouterr()
    assert run_command() == 2
    out, said = capfd.readouterr()
    assert out == ""
    assert said.startswith(f"error: not enough memory to prove {file}: the weights of Small alone take ")
    assert said.endswith("Free some memory, or prove it where there is more; --proof quick takes less\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's own memory")
def test_a_real_limit(tmp_path: Path) -> None:
    """What the libraries do raise: of 72 MB of weights, at limits that stop the proof at different places."""
    spec = tmp_path / "big.cnn"
    spec.write_text("model Big : [N, 4000] { fc(4500) -> relu -> fc(10) }")
    output = tmp_path / "out" / "big.onnx"
    output.parent.mkdir()
    for limit in (260, 380):

        def limited(most: int = limit * 2**20) -> None:
            heed_signals()
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))

        command = [sys.executable, "-m", "specc", "compile", str(spec), "-o", str(output)]
        ended = subprocess.run(command, preexec_fn=limited, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout) == (2, ""), (limit, ended.stderr)
        assert ended.stderr.startswith(f"error: not enough memory to prove {output}"), limit
        assert list(output.parent.iterdir()) == [], limit


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("output", ["small.onnx", "small.py"])
@pytest.mark.parametrize("last", [1, 2, 3])
def test_an_interrupt_between_files_parts_no_weights_from_their_model(
    output: str, last: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, puts = Path.replace, []

    def put(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            puts.append(target)
            if len(puts) == last:
                os.kill(os.getpid(), signal.SIGINT)
        return real(self, target)

    files = [folder / name for name in (output, "small.safetensors", "small.specc.json")][
        : 3 if "onnx" in output else 2
    ]
    for file in files:
        file.write_bytes(b"the old one")
    monkeypatch.setattr(Path, "replace", put)
    saved = ("--save-weights", str(folder / "small.safetensors"), "--no-verify")
    command = ["specc", "compile", str(folder / "small.cnn"), "-o", str(folder / output), *saved]
    monkeypatch.setattr(sys, "argv", command)
    if last > len(files):
        assert run_command() == 0
    else:
        assert run_command() == 130
        assert {file.read_bytes() for file in files} == {b"the old one"}
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
