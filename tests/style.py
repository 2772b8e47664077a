"""Emitted PyTorch as a person would have left it: formatted, and free of lint."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ruff import find_ruff_bin

RUFF = find_ruff_bin()
"""The program itself: ``python -m ruff`` starts Python first, which takes three times as long."""


def check_style(path: Path, lint: str = "E,F,I,W") -> None:
    """A file, or all in a folder, as ruff formats it and without what the rules of ``lint`` find."""
    for command in (["format", "--diff"], ["check", "--select", lint]):
        call = [RUFF, *command, "--isolated", "--no-cache", "--line-length", "100", str(path)]
        done = subprocess.run(call, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def check_source_style(source: str, folder: Path) -> None:
    """The same of a text, which is written into a folder that may be written to."""
    file = folder / "net.py"
    file.write_text(source, encoding="utf-8")
    check_style(file)
