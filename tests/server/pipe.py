"""A client of `specc server` that is nothing but a pipe: what it sends need not be right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO, Any

ROOT = Path(__file__).parents[2]


class Pipe:
    """A server, and what is written to it and read of it as bytes.

    Args:
        log: what the server has for whoever reads its log goes there.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] = (sys.executable, "-m", "specc", "server"),
        log: IO[bytes] | None = None,
    ) -> None:
        self.folder = folder
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log or subprocess.DEVNULL,
            cwd=folder,
            env=environment,
        )
        self.shown: dict[str, list[Any]] = {}
        self.versions: dict[str, int] = {}
        self.messages: list[str] = []
        self._count = 0
        self._incoming: Queue[dict[str, Any]] = Queue()
        # Without it the server would wait until what it says is read, and the test until the server reads.
        Thread(target=self._listen, daemon=True).start()

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, method: str, params: object = None, **more: object) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def _listen(self) -> None:
        assert self.process.stdout
        length = 0
        for line in self.process.stdout:
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            elif not line.strip():
                self._incoming.put(json.loads(self.process.stdout.read(length)))

    def read(self) -> dict[str, Any]:
        message = self._incoming.get(timeout=30)
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            self.shown[params["uri"]] = params["diagnostics"]
            self.versions[params["uri"]] = params.get("version")
        elif message.get("method") == "window/showMessage":
            self.messages.append(message["params"]["message"])
        return message

    def answer(self, number: object) -> dict[str, Any]:
        while (message := self.read()).get("id") != number or "method" in message:
            pass
        return message

    def ask(self, method: str, params: object = None) -> dict[str, Any]:
        self._count += 1
        self.send(method, params, id=self._count)
        return self.answer(self._count)

    def begin(self) -> None:
        folder = self.folder.as_uri()
        assert self.ask("initialize", {"capabilities": {}, "rootUri": folder})["result"]["capabilities"]
        self.send("initialized", {})

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, uri: str, text: str, version: int = 1) -> None:
        document = {"uri": uri, "languageId": "specc", "version": version, "text": text}
        self.send("textDocument/didOpen", {"textDocument": document})

    def change(self, uri: str, *changes: dict[str, object], version: int = 2) -> None:
        document = {"uri": uri, "version": version}
        self.send("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def hints(self, uri: str, end: int = 2**31 - 1) -> list[str]:
        place = {"start": {"line": 0, "character": 0}, "end": {"line": end, "character": 0}}
        answer = self.ask("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": place})
        return [hint["label"] for hint in answer["result"]]

    def at(self, method: str, uri: str, line: int, character: int) -> Any:
        place = {"line": line, "character": character}
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": uri}, "position": place})["result"]

    def findings(self, uri: str) -> list[str]:
        """What is shown of a file that was not looked at before."""
        while uri not in self.shown:
            self.read()
        return [one["message"] for one in self.shown.pop(uri)]
