"""The settings that docs/editors.md gives, in the editors, which start the server and show what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.editors.test_vim import NEOVIM
from tests.highlighting.test_roles import ROOT

HERE = Path(__file__).parent
SPEC = """\
model Wrong : [N, 3, 8, 8] {
  conv(4, 3) -> relu
  cnov(4, 3)
}
"""

pytestmark = pytest.mark.editor


def settings(section: str) -> list[str]:
    """The blocks of a section of the document."""
    text = (ROOT / "docs" / "editors.md").read_text("utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def looked(command: list[str | Path], folder: Path) -> dict[str, Any]:
    """What an editor writes of itself, started where `specc` is this one."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    specc = bin_folder / "specc"
    specc.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m specc "$@"\n')
    specc.chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(folder),
        "SPECC_FOUND": str(folder / "found.json"), "SPECC_FILE": str(folder / "net.cnn"),
    }  # fmt: skip
    (folder / "net.cnn").write_text(SPEC)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found


def test_neovim(tmp_path: Path) -> None:
    """The one that requirements-editors.txt brings: Debian's is too old for these settings."""
    _, configuration = settings("Neovim")
    (tmp_path / "init.lua").write_text(f"vim.opt.runtimepath:append('{ROOT / 'editors' / 'vim'}')\n{configuration}")
    command = [NEOVIM, "--headless", "--clean", "-u", tmp_path / "init.lua", "-S", HERE / "look.lua"]
    found = looked([*command, tmp_path / "net.cnn"], tmp_path)
    assert found["findings"] == [[3, "S0201", "no layer is called cnov\nhelp: did you mean conv?"]]
    assert found["hints"] == [[2, "[N, 4, 6, 6]  112"]]
    assert (found["filetype"], found["commentstring"]) == ("specc", "# %s")


def test_emacs(tmp_path: Path) -> None:
    if not shutil.which("emacs"):
        pytest.skip("Emacs is not installed: apt-get install emacs-nox elpa-eglot")
    (configuration,) = settings("Emacs")
    (tmp_path / "init.el").write_text(configuration)
    found = looked(["emacs", "--batch", "-l", tmp_path / "init.el", "-l", HERE / "look.el"], tmp_path)
    assert found == {
        "mode": "specc-mode",
        "comment": "# ",
        "findings": [[3, "specc [S0201]: no layer is called cnov\nhelp: did you mean conv?"]],
    }


def test_the_settings_of_helix_are_toml() -> None:
    """Helix itself has not been had."""
    (configuration,) = settings("Helix")
    languages = tomllib.loads(configuration)
    assert languages["language-server"]["specc"] == {"command": "specc", "args": ["server"]}
    assert languages["language"][0]["language-servers"] == ["specc"]
