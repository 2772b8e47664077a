"""The extension in Visual Studio Code itself, which code-server serves and Chromium shows."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.chromium import BROWSERS
from tests.highlighting.test_roles import ROOT

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
EXTENSION = ROOT / "editors" / "vscode"
BUILT = ROOT / "build" / "editors"
"""What comes out: the extension as one installs it, and a picture of it."""
SPEC = """\
# A small residual network, as one writes it.
block unit(c, stride=1) {
  add {
    | conv(c, 3, stride=stride, padding=1, bias=false) -> bn -> relu
      conv(c, 3, padding=1, bias=false) -> bn
    | if stride != 1 { conv(c, 1, stride=2, bias=false) -> bn }
  } -> relu
}

model Small(classes=10) : [N, 3, 32, 32] -> [N, classes] {
  conv(32, 3, padding=1, bias=false) -> bn -> relu
  unit(32)
  down: unit(64, stride=2)
  globalavgpool -> flatten
  head: fc(classes)
}
"""
SETTINGS = {
    "editor.minimap.enabled": False,
    "editor.fontSize": 13,
    "editor.stickyScroll.enabled": False,
    "extensions.autoCheckUpdates": False,
    "workbench.activityBar.location": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "files.exclude": {"**/.vscode": True},
}

pytestmark = pytest.mark.editor


class Code:
    """code-server: one user, with the extension installed."""

    def __init__(self, folder: Path, extension: Path) -> None:
        self.folder = folder
        user = folder / "user" / "User"
        user.mkdir(parents=True)
        (user / "settings.json").write_text(json.dumps(SETTINGS))
        self.workspace = folder / "nets"
        self.settings = self.workspace / ".vscode" / "settings.json"
        self.settings.parent.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._command = [
            "node", MODULES / "code-server", "--auth", "none", "--bind-addr", self.address,
            "--user-data-dir", folder / "user", "--extensions-dir", folder / "extensions",
            "--disable-telemetry", "--disable-update-check", "--disable-workspace-trust",
        ]  # fmt: skip
        self._environment = {
            **os.environ, "HOME": str(folder), "NODE_OPTIONS": f"--require={HERE / 'without_passwords.cjs'}",
        }  # fmt: skip
        done = subprocess.run(
            [*self._command, "--install-extension", extension],
            env=self._environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "successfully installed" in done.stdout, done.stdout + done.stderr

    def __enter__(self) -> Code:
        self._log = (self.folder / "log.txt").open("wb")
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=self._log, stderr=self._log, start_new_session=True
        )
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://{self.address}/healthz").close()
                return self
            except OSError:
                assert self._process.poll() is None, (self.folder / "log.txt").read_text()
                time.sleep(0.1)
        raise AssertionError((self.folder / "log.txt").read_text())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()

    def visit(self, *steps: dict[str, Any]) -> list[Any]:
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        assert browser, f"none of {', '.join(BROWSERS)} is installed: apt-get install chromium"
        task = {
            "modules": str(MODULES), "browser": browser, "address": f"http://{self.address}/", "steps": steps,
            "failure": str(BUILT / "failure.png"),
        }  # fmt: skip
        done = subprocess.run(
            ["node", HERE / "visit.mjs"], input=json.dumps(task), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + (self.folder / "log.txt").read_text()
        seen: list[Any] = json.loads(done.stdout)
        return seen


@pytest.fixture(scope="module")
def packaged() -> Path:
    """The extension as it is published, made of the files that are in the checkout."""
    BUILT.mkdir(parents=True, exist_ok=True)
    file = BUILT / "specc.vsix"
    command = ["npm", "run", "package", "--prefix", EXTENSION, "--", "--out", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return file


@pytest.fixture
def code(tmp_path: Path, packaged: Path) -> Iterator[Code]:
    with Code(tmp_path / "code", packaged) as code:
        (code.workspace / "net.cnn").write_text(SPEC, encoding="utf-8")
        yield code


def program(folder: Path, name: str, before: str = "pass") -> Path:
    """A specc that notes each of its starts."""
    path = folder / name
    call = f"import sys; {before}; sys.argv[0] = 'specc'; from specc.cli.main import run; run()"
    path.write_text(
        f'#!/bin/sh\necho $$ >> "{folder / name}.starts"\n'
        f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -c "{call}" "$@"\n'
    )
    path.chmod(0o755)
    return path


def test_a_user_installs_it_writes_a_spec_and_is_told_what_is_wrong(code: Code, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    bare = program(tmp_path, "bare", "sys.modules['pygls'] = None")
    whole = program(tmp_path, "specc")
    code.settings.write_text(json.dumps({"specc.path": str(nowhere)}))
    picture = BUILT / "screenshot.png"
    seen = code.visit(
        {"open": "net.cnn", "folder": str(code.workspace)},
        {"notice": "there is no such program"},
        {"status": "error"},
        {"write": str(code.settings), "text": json.dumps({"specc.path": str(bare)})},
        {"notice": "pygls"},
        {"write": str(code.settings), "text": json.dumps({"specc.path": str(whole)})},
        {"status": "check"},
        {"lines": "  head: fc(classes) [N, 10]  650"},
        {"above": "77.87 k parameters, 34.44 M MACs"},
        {"command": "View: Close Primary Side Bar"},
        {"picture": str(picture)},
        {"command": "specc: Restart the Server"},
        {"status": "check"},
        {"type": "model Wrong : [N, 3, 8, 8] {\ncnov(4, 3)\n"},
        {"marks": True},
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert seen[1] == (
        f"{nowhere} cannot be started: there is no such program. Install it (pip install 'specc-nn[lsp]'), or say in "
        "the setting specc.path where it is."
    )
    assert "there is no such program" in seen[2]
    assert seen[4] == "specc server needs pygls, which is not installed: pip install 'specc-nn[lsp]'"
    assert "running" in seen[6]
    assert "  down: unit(64, stride=2) [N, 64, 16, 16]  " in seen[7]
    assert len((tmp_path / "specc.starts").read_text().split()) == 4, "each start is tried before"
