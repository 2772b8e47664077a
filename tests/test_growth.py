"""Cost grows with what a spec says by its number, not by the square, whatever is done and however it is written.

Work is counted in calls of Python functions: the same on every machine. `benchmarks/growth.py` measures the time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import Specc, here, specc
from tests.counting import calls

__all__ = ["here", "specc"]

HEAD = "model M : [N, 8, 16, 16] {\n"
FEW, MANY = 40, 80


def _blocks(count: int) -> str:
    unit = "block unit(c) { add { | conv(c, 3, padding=1) -> bn -> relu | _ } }\n"
    return f"{unit}{HEAD}  first: relu\n  repeat {count} {{ unit(8) }}\n}}\n"


def _chained(count: int) -> str:
    return HEAD + "  first: relu\n" + "  conv(8, 1) -> bn -> relu\n" * count + "}\n"


def _labels(count: int) -> str:
    return HEAD + "  first: relu\n" + "".join(f"  s{i}: conv(8, 1)\n" for i in range(count)) + "}\n"


def _arms(count: int) -> str:
    return HEAD + "  first: relu\n  concat {\n" + "    | conv(2, 1)\n" * count + "  }\n}\n"


def _skips(count: int) -> str:
    """Every step's value is used again at the end."""
    steps = "".join(f"  s{i}: tanh\n" for i in range(count))
    return HEAD + "  first: relu\n" + steps + "  add {" + "".join(f" | s{i}" for i in range(count)) + " }\n}\n"


def _definitions(count: int) -> str:
    """As many blocks as calls, each of another text."""
    bodies = [f"conv({8 + i % 2 * 8}, 1) -> relu{'-> tanh' * (i % 3)}" for i in range(count)]
    blocks = "".join(f"block b{i}() {{ {body} }}\n" for i, body in enumerate(bodies))
    return blocks + HEAD + "  first: relu\n" + "".join(f"  b{i}\n" for i in range(count)) + "}\n"


def _arguments(count: int) -> str:
    """One block, and other numbers at every call."""
    calls_ = "".join(f"  b({i + 1}, {i % 3 + 1})\n" for i in range(count))
    return f'block b(c, k) {{ conv(c, k, padding="same") -> relu }}\n{HEAD}  first: relu\n{calls_}}}\n'


def _table(count: int) -> str:
    return f"{HEAD}  first: relu\n  for i in range({count}) {{ conv(i + 1, 1) -> relu }}\n}}\n"


def _shared(count: int) -> str:
    return f"{HEAD}  first: relu\n  shared s = conv(8, 1) -> relu\n" + "  s\n" * count + "}\n"


def _symbolic(count: int) -> str:
    return _blocks(count).replace("16, 16", "H, W")


SPECS = {
    form.__name__[1:]: form
    for form in (_blocks, _chained, _labels, _arms, _skips, _definitions, _arguments, _table, _shared, _symbolic)
}
COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "check": lambda spec: ["check", "--no-cache", spec],
    "show": lambda spec: ["show", spec],
    "show --depth": lambda spec: ["show", spec, "--depth", "1"],
    "explain": lambda spec: ["explain", f"{spec}:first"],
    "fmt": lambda spec: ["fmt", "--diff", spec],
    "fmt --annotate": lambda spec: ["fmt", "--annotate", spec],
    "convert": lambda spec: ["convert", spec, "out.cnn.yaml"],
    "diff": lambda spec: ["diff", spec, f"other_{spec}"],
    "compile .py": lambda spec: ["compile", "--no-verify", spec, "-o", "out.py"],
    "compile .onnx": lambda spec: ["compile", "--no-verify", spec, "-o", "out.onnx"],
    "compile --functions": lambda spec: ["compile", "--no-verify", "--functions", spec, "-o", "out.onnx"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", SPECS)
def test_twice_as_much_takes_twice_as_long(specc: Specc, here: Path, kind: str, command: str) -> None:
    counts = []
    for count in (2, FEW, MANY):  # the first for imports, and for what is remembered
        name, text = f"m{count}.cnn", SPECS[kind](count)
        (here / name).write_text(text)
        (here / f"other_{name}").write_text(text.replace("first: relu", "first: gelu"))
        (here / "out.cnn.yaml").unlink(missing_ok=True)
        codes: list[int] = []
        counts.append(calls(partial(_run, specc, COMMANDS[command](name), codes)))
        assert codes == [0] or (codes == [1] and command == "fmt"), command  # 1: the style is another
    # Something for logarithms; four times would be the square.
    assert counts[2] < 2.2 * counts[1], counts


def _run(specc: Specc, arguments: list[str], codes: list[int]) -> None:
    codes.append(specc(*arguments).code)
