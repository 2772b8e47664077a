"""Chromium: a folder is served on this machine, and what is seen there is told."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "examples" / "browser"
MODULES = HERE / "node_modules"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def assembled(model: Path, page: Path, modules: Path = MODULES) -> subprocess.CompletedProcess[str]:
    """What assemble.py says; the page is a folder then."""
    command = [sys.executable, PAGE / "assemble.py", model, "-o", page, "--modules", modules]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def visited(site: Path, visits: Callable[[str], dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """What visits.mjs has seen, by the names of the visits, which are made for the address that the folder has."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser, f"none of {', '.join(BROWSERS)} is installed: apt-get install chromium"
    assert MODULES.is_dir(), "make examples installs what this needs: npm ci --prefix tests/examples"
    server = ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        task = {"browser": browser, "visits": visits(f"http://localhost:{server.server_port}/")}
        command = ["node", HERE / "visits.mjs"]
        done = subprocess.run(command, input=json.dumps(task), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
