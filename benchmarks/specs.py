"""Spec files by the hundred: one network of the zoo each, with other widths and another number of classes.

python benchmarks/specs.py FOLDER [--files 500]
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

ZOO = Path(__file__).resolve().parent.parent / "examples" / "zoo"
_MODEL = re.compile(r"^model (\w+)(?:.|\n)*?(?=^model |\Z)", re.MULTILINE)
_WIDTH = re.compile(r"\b(?<![.])(\d+)\b")


def generate(folder: Path, files: int = 500) -> list[Path]:
    """Write so many specs, the networks in turn, their widths from one half to twice the published ones.

    The numbers of channels are multiples of eight in the zoo, and are scaled by eighths; what imports or asserts
    numbers of its own is left out.
    """
    networks = [network for path in sorted(ZOO.glob("*.cnn")) for network in _networks(path.read_text("utf-8"))]
    return [_written(folder, place, networks[place % len(networks)]) for place in range(files)]


def narrow(eighths: int) -> Iterator[tuple[str, str]]:
    """Every network of the zoo with so many eighths of its widths: name and spec."""
    for path in sorted(ZOO.glob("*.cnn")):
        for name, text in _networks(path.read_text("utf-8")):
            yield name, _with_widths(text, eighths)


def _networks(text: str) -> list[tuple[str, str]]:
    """Each model's name, and the file with that model alone; none of a file that needs others beside it."""
    if re.search(r"^from ", text, re.MULTILINE):
        return []
    models = list(_MODEL.finditer(text))
    shared = text[: models[0].start()]
    return [(model[1], shared + model[0]) for model in models]


def _written(folder: Path, place: int, network: tuple[str, str]) -> Path:
    name, text = network
    path = folder / f"{name.lower()}_{place:03}.cnn"
    eighths = 4 + place % 13
    path.write_text(_with_widths(text, eighths).replace("classes = 1000", f"classes = {10 + place}"), encoding="utf-8")
    return path


def _with_widths(text: str, eighths: int) -> str:
    lines = [_scaled(line, eighths) for line in text.splitlines() if not line.strip().startswith("assert")]
    return "\n".join(lines) + "\n"


def _scaled(line: str, eighths: int) -> str:
    if line.startswith(("model", "block", "#")) or " where " in line or line.lstrip().startswith("-> ("):
        return line

    def scale(found: re.Match[str]) -> str:
        number = int(found[1])
        return str(number * eighths // 8) if number >= 16 and number % 8 == 0 else found[1]

    return _WIDTH.sub(scale, line)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--files", type=int, default=500)
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    print(f"{len(generate(given.folder, given.files))} files in {given.folder}")


if __name__ == "__main__":
    main()
