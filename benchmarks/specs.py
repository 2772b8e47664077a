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
_IMPORT = re.compile(r'^from "(.+)" import .*\n', re.MULTILINE)
_WIDTH = re.compile(r"(?<![\w./%])(?<![/%=] )(\d+)\b")
_DEFAULT = re.compile(r"(?<=\w = )(\d+)\b")

LEAST = 4
"""Channels that are left at least: what is squeezed to a quarter of them still has one."""


def generate(folder: Path, files: int = 500) -> list[Path]:
    """Write so many specs, the networks in turn, their widths from one half to twice the published ones.

    The numbers of channels are multiples of eight in the zoo, and are scaled by eighths; what asserts numbers of its
    own is left out.
    """
    networks = [network for path in sorted(ZOO.glob("*.cnn")) for network in _networks(path)]
    return [_written(folder, place, networks[place % len(networks)]) for place in range(files)]


def narrow(eighths: int) -> Iterator[tuple[str, str]]:
    """Every network of the zoo with so many eighths of its widths: name and spec."""
    for path in sorted(ZOO.glob("*.cnn")):
        for name, text in _networks(path):
            yield name, _with_widths(text, eighths)


def _networks(path: Path) -> list[tuple[str, str]]:
    """Each model's name, and the file with that model alone: with the blocks themselves where it imports some."""
    text = _IMPORT.sub(lambda found: _blocks(path.with_name(found[1])), path.read_text("utf-8"))
    models = list(_MODEL.finditer(text))
    shared = text[: models[0].start()]
    return [(model[1], shared + model[0]) for model in models]


def _blocks(path: Path) -> str:
    text = path.read_text("utf-8")
    return text[text.index("\nblock ") + 1 : text.index("\nmodel ") + 1]


def _written(folder: Path, place: int, network: tuple[str, str]) -> Path:
    name, text = network
    path = folder / f"{name.lower()}_{place:03}.cnn"
    eighths = 4 + place % 13
    path.write_text(_with_widths(text.replace("classes = 1000", f"classes = {10 + place}"), eighths), encoding="utf-8")
    return path


def _with_widths(text: str, eighths: int) -> str:
    lines = [_scaled(line, eighths) for line in text.splitlines() if not line.strip().startswith("assert")]
    return "\n".join(lines) + "\n"


def _scaled(line: str, eighths: int) -> str:
    """Of the first line of a model or block what its parameters are if nothing is said, and nothing of its shapes."""
    if line.startswith(("#", "    ->", "    where")) or " where " in line:
        return line

    def scale(found: re.Match[str]) -> str:
        number = int(found[1])
        is_width = number >= 16 and number % 8 == 0
        return str(max(number * eighths // 8, LEAST)) if is_width else found[1]

    return (_DEFAULT if line.startswith(("model", "block")) else _WIDTH).sub(scale, line)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--files", type=int, default=500)
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    print(f"{len(generate(given.folder, given.files))} files in {given.folder}")


if __name__ == "__main__":
    main()
