"""`specc draw` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Specc

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "error: -o FILE says what to write: net.svg, net.png or net.md"),
        (["-o", "net.pdf"], "error: net.pdf: the name of a picture ends in .svg, .png or .md"),
        (
            ["-o", "net.md", "--theme", "dark"],
            "error: --theme is for .svg and .png: net.md is drawn by whoever shows it",
        ),
        (["-o", "net.svg", "--at", "H=3"], "error: LeNet has no symbolic size called H"),
        (["-o", "nowhere/net.svg"], "error: cannot write nowhere/net.svg"),
        (["-o", "net.svg", "--field", "conv2[13,0]"], "error: conv2 has 13 rows, 0 to 12, and 13 is none of them"),
        (["-o", "net.md", "--field", "conv9"], "error: LeNet has no step called conv9; there are conv1 and conv2"),
    ],
)
def test_what_it_refuses(
    specc: Specc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = specc("draw", EXAMPLES / "lenet.cnn", *arguments)
    assert done.code == 2
    assert done.err.startswith(said)
    assert not [*tmp_path.iterdir()]


def test_it_does_not_write_over_the_spec(specc: Specc, tmp_path: Path) -> None:
    spec = tmp_path / "net.md"
    spec.write_text((EXAMPLES / "lenet.cnn").read_text())
    assert "is read by this command" in specc("draw", spec, "-o", spec).err


def test_it_writes(specc: Specc, tmp_path: Path) -> None:
    done = specc(
        "draw",
        EXAMPLES / "zoo/resnet.cnn",
        "--model",
        "ResNet18",
        "--at",
        "H=64",
        "--at",
        "W=32",
        "--field",
        "layer1",
        "-o",
        tmp_path / "r.md",
    )
    assert (done.code, done.out) == (0, f"{tmp_path / 'r.md'}: ResNet18\n")
    text = (tmp_path / "r.md").read_text()
    assert '"[N, 64, 32, 16]"' in text
    # Row 8 of 16: 4 to 12 behind four kernels of 3, 7 to 25 behind the pool, and 2*7 - 3 to 2*25 + 3.
    assert "<br>rows 11..53 of 64<br>" in text
