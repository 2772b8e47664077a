"""Places that cannot be reached, numbers that cannot be read: a plain message from every command that is given one."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import numpy as np
import pytest

import specc as library
from specc.diagnostics import UsageError
from specc.options import WeightOptions
from tests.cli.conftest import Specc

SPEC = "model A : [1, 4, H, W] where H >= 6, W >= 6 {\n  conv(3, 3)\n}\n"
LONG = "a" * 300
"""No file system takes a name of more than 255 bytes."""
MANY = "9" * 5000
"""Python reads no number of more than 4,300 digits."""

PLACES = [
    LONG,
    f"{LONG}/x",
    "round/x",
    pytest.param(
        "closed/x", marks=pytest.mark.skipif(os.geteuid() == 0, reason="to this user no folder is closed")
    ),
]  # fmt: skip

COMMANDS = [
    "check {}.cnn", "check --config {}.toml .", "check --baseline {} .", "check --write-baseline {} .", "check -o {} .",
    "check --fix {}.cnn", "fmt {}.cnn", "fmt --config {} .", "show {}.cnn", "explain {}.cnn:conv1", "explain {}:x",
    "diff {}.cnn net.cnn", "diff net.cnn net.cnn -o {}", "compile {}.cnn", "compile net.cnn -o {}.py",
    "compile net.cnn -o {}.onnx --no-verify", "compile net.cnn --no-verify --weights {}.npz",
    "compile net.cnn --labels {}", "compile net.cnn -o x.py --seed 1 --save-weights {}", "verify net.cnn {}.onnx",
    "verify {}.onnx", "verify net.cnn -o {}", "verify net.cnn --repro {}",
    "verify net.onnx --sidecar {}", "inspect {}.onnx", "inspect net.onnx --sidecar {}",
    "convert {}.cnn", "convert net.cnn {}.yaml", "explain {}", "draw {}.cnn", "draw net.cnn -o {}.svg",
    "explain net.cnn:conv1 --as-matrix --at H=6 --at W=6 --weights {}", "import {}.onnx", "import net.onnx -o {}.cnn",
    "import {}.py:Net --input 1,4", "embed {}.onnx --language js", "embed net.onnx --language js --sidecar {}",
    "sweep {}.cnn --set k=1,2", "sweep wide.cnn --set k=1,2 -o {}", "sweep wide.cnn --set k=1,2 --compile {}",
    "sweep wide.cnn --grid {}.yaml",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_places_that_cannot_be_reached(place: str, specc: Specc, here: Path) -> None:
    Path("net.cnn").write_text(SPEC)
    Path("wide.cnn").write_text(SPEC.replace("model A", "model A(k = 3)").replace("conv(3, 3)", "conv(k, 3)"))
    library.loads(SPEC).to_onnx(here / "net.onnx", verify=False)
    Path("round").symlink_to("round")
    Path("closed").mkdir(mode=0o000)
    for command in COMMANDS:
        outcome = specc(*command.format(place).split())
        assert outcome.code == 2, command
        assert len(outcome.err.splitlines()) == 1, command
        assert outcome.err.startswith("error: ")
    Path("closed").chmod(0o700)


@pytest.mark.parametrize(
    "command", ["check .", "check -", "fmt", "show net.cnn", "compile net.cnn", "convert net.cnn x.yaml"]
)
def test_a_present_folder_that_is_gone(
    command: str, specc: Specc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    outcome = specc(*command.split())
    assert outcome.code == 2
    assert outcome.err == "error: the folder that this runs in is gone, or closed to you: go to another one (cd)\n"


@pytest.mark.parametrize(
    "command",
    [
        f"show net.cnn --at H={MANY} --at W=8", f"explain net.cnn:conv1 --at H={MANY} --at W=8",
        f"diff net.cnn net.cnn --at H={MANY} --at W=8", f"show net.cnn --set c={MANY}",
        f"compile net.cnn --set c={MANY}", f"verify net.cnn --set c=[{MANY}]",
        f"compile net.cnn --seed {MANY}", f"compile net.cnn --opset {MANY}",
        f"check --jobs {MANY} .", f"show net.cnn --depth {MANY}", f"diff net.cnn net.cnn --fail-on cost+{MANY}%",
        "check --config large.toml .",
    ],
)  # fmt: skip
def test_numbers_of_thousands_of_digits(command: str, specc: Specc, here: Path) -> None:
    Path("net.cnn").write_text(SPEC.replace("A :", "A(c = 3) :").replace("conv(3", "conv(c"))
    Path("large.toml").write_text(f"[budgets.'*.cnn']\nparams = {MANY}\n")
    outcome = specc(*command.split(" "))
    assert outcome.code == 2
    assert "rror: " in outcome.err


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA])
def test_damaged_npz_files(method: int, tmp_path: Path) -> None:
    """However it is packed, and whatever of it is damaged: Python says so in ten ways."""
    state = library.loads("model A : [1, 4] {\n  fc(3)\n}\n").graph.state
    np.savez(tmp_path / "whole.npz", **{path: np.ones(p.shape, np.float32) for path, p in state})
    packed = tmp_path / "packed.npz"
    with ZipFile(tmp_path / "whole.npz") as whole, ZipFile(packed, "w", method) as other:
        for name in whole.namelist():
            other.writestr(name, whole.read(name))
    data = packed.read_bytes()
    random = Random(7)
    refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(random.choice((1, 1, 2, 4))):
            place = random.randrange(len(damaged))
            match random.randrange(3):
                case 0:
                    damaged[place] = random.choice((0, 8, 12, 14, 127, 128, 255))
                case 1:
                    damaged[place] ^= 1 << random.randrange(8)
                case _:
                    del damaged[place : place + random.choice((1, 4, 30))]
        packed.write_bytes(damaged)
        try:
            weights = WeightOptions(None, str(packed), None).read(state)
            for path, parameter in state:
                assert list(weights.chunks(path, parameter))
        except UsageError:
            refused += 1
    assert refused > 50
    # The version that the directory says is needed to read it.
    packed.write_bytes(data.replace(data[(at := data.index(b"PK\x01\x02")) : at + 8], data[at : at + 6] + b"\xff\x0c"))
    with pytest.raises(UsageError, match=r"packed\.npz: it is no PyTorch or \.npz file, or damaged"):
        WeightOptions(None, str(packed), None).read(state)
