"""The code of the extension with a stub of what the editor gives it: node --test tests/editors/client.test.cjs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.editor


def test_the_client_with_a_stub_of_the_editor() -> None:
    command = ["node", "--test", Path(__file__).with_name("client.test.cjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0\n" in done.stdout
