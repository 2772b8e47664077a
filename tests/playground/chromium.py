"""The playground in Chromium: it is built and served on this machine, and what is seen there is told."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playground.build import Handler

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def served(folder: Path, fresh: set[str] | None = None) -> Iterator[str]:
    """The address that the folder has meanwhile.

    Args:
        fresh: takes the paths that a browser asked for although it might still have them.
    """

    class Listening(Handler):
        def log_request(self, *_: object) -> None:
            if fresh is not None and self.headers["Cache-Control"] == "max-age=0":
                fresh.add(self.path)

    server = ThreadingHTTPServer(("localhost", 0), functools.partial(Listening, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def visited(visits: Mapping[str, Mapping[str, Any]], at_once: int = 2) -> dict[str, Any]:
    """What visits.mjs has seen, by the names of the visits."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser, f"none of {', '.join(BROWSERS)} is installed: apt-get install chromium"
    assert (HERE / "node_modules").is_dir(), "make playground-test installs what this needs"
    task = json.dumps({"browser": browser, "visits": visits, "atOnce": at_once})
    done = subprocess.run(["node", HERE / "visits.mjs"], input=task, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
