"""Small specs, and how they are written down."""

from __future__ import annotations

from pathlib import Path

FINE = "model M : [N, 3, 8, 8] { relu }\n"
BAD = "model M : [N, 3, 8, 8] { rellu6 }\n"
"""A layer's name is misspelt: error S0201."""
FLOOR = "model M : [N, 3, 33, 33] {\n  maxpool(2)\n}\n"
"""A pool leaves rows out: warning S0505, line 2."""
BIAS = "model M : [N, 3, 32, 32] {\n  conv(8, 3) -> bn\n}\n"
"""A bias before a batchnorm: warning S0502, line 2."""
UNUSED = "model M : [N, 3, 32, 32] {\n  let k = 3\n  relu\n}\n"
"""A let that nothing uses."""
BLOCK = "block pair() {\n  conv(8, 3) -> bn\n}\n"
"""A library, with a bias before a batchnorm: warning S0502 in its line 2, where it is called."""
CALLER = 'from "blocks.cnn" import pair\nmodel M : [N, 3, 33, 33] { pair() }\n'


def write(folder: Path, **texts: str) -> None:
    """``write(folder, a=FINE)`` writes a.cnn; a name with ``__`` is a path with a slash."""
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.cnn"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
