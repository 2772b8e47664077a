"""The PyTorch source of the zoo, read as a person reads it: formatted, free of lint, and short."""

from __future__ import annotations

from pathlib import Path

from specc.backends.torch import torch_source
from specc.elaborate import check_file
from specc.syntax import parse, read
from tests.style import check_style

ZOO = Path(__file__).parents[2] / "examples" / "zoo"
MOST_LINES = {
    "ResNet18": 100,
    "ResNet50": 150,
    "ResNet152": 150,
    "DenseNet201": 150,
    "GoogLeNet": 150,
    "UNet": 100,
    "UNet, unet_any_size": 130,  # its rounds give their skips one by one
    "FPN": 150,
    "YOLOv3Tiny": 100,
}


def test_the_zoo_is_formatted_and_short(tmp_path: Path) -> None:
    lines: dict[str, int] = {}
    for path in sorted(ZOO.glob("*.cnn")):
        for checked in check_file(parse(read(path))):
            source = torch_source(checked.graph)
            Path(tmp_path, f"{checked.graph.name}_{path.stem}.py").write_text(source)
            name = checked.graph.name
            lines[name if name not in lines else f"{name}, {path.stem}"] = source.count("\n")
    assert len(lines) >= 19
    check_style(tmp_path, "E,F,I,B")
    assert {name: lines[name] for name, most in MOST_LINES.items() if lines[name] > most} == {}
