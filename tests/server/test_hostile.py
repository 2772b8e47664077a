"""Clients that lie, and what lies around them: the server answers, and lives; over the bare pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

pytestmark = pytest.mark.served
ROOT = Path(__file__).parents[2]
NET = "model Net : [N, 3, 32, 32] -> [N, 10] {\n  stem: conv(8, 3)\n  flatten -> fc(10)\n}\n"


class Pipe:
    """A server, and what is written to it and read of it as bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "specc", "server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
        )
        self.shown: dict[str, list[Any]] = {}
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
            self.shown[message["params"]["uri"]] = message["params"]["diagnostics"]
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

    def is_alive(self) -> bool:
        return self.hints_of(NET) == ["[N, 8, 30, 30]  224", "[N, 10]  72.01 k"]

    def hints_of(self, text: str) -> list[str]:
        self.open(self.uri("alive.cnn"), text)
        return self.hints(self.uri("alive.cnn"))


@contextmanager
def served(folder: Path) -> Iterator[Pipe]:
    pipe = Pipe(folder)
    try:
        yield pipe
    finally:
        pipe.process.kill()
        pipe.process.communicate()


def test_messages_that_are_none_are_passed_over(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.begin()
        right = b"Content-Length: 2\r\n\r\n{}"
        for wrong in (
            b"Content-Length: x\r\n\r\n{}",
            b"Content-Length: -5\r\n\r\n{}",
            b"Content-Length: 99999999999999999999\r\n\r\n{}",
            b"Content-Length: 0\r\n\r\n",
            b"content-length:2\r\nContent-Type: text\r\n\r\n{}",
            b"\r\n\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\0" * 10_000,
            b"Content-Length: 4\r\n\r\n{no}",
            b"Content-Length: 3\r\n\r\n\xff\xfe\xfd",
            b"Content-Length: 2\r\n\r\n[]",
            b"Content-Length: 4\r\n\r\nnull",
            right,
            b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000,
            b"Content-Length: 1\r\n\r\n" + right + b"\r\n",
        ):
            pipe.write(wrong)
        assert pipe.is_alive()
        assert pipe.messages


def test_a_request_that_makes_no_sense_has_an_error_for_an_answer(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.begin()
        assert pipe.ask("textDocument/hover", {"position": 3})["error"]["code"] == -32602
        assert pipe.ask("textDocument/hover", None)["error"]
        assert pipe.ask("nobody/knowsThis", {})["error"]["code"] == -32601
        pipe.send("$/cancelRequest", {"id": 99})
        pipe.send("$/cancelRequest", {})
        pipe.send("nobody/knowsThis", {})
        pipe.send("textDocument/hover", {"textDocument": {"uri": 7}}, id="a")
        assert pipe.answer("a")["error"]
        assert pipe.is_alive()


def test_there_is_an_order_from_the_first_request_to_the_last(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.open(pipe.uri("net.cnn"), NET)
        assert pipe.ask("textDocument/hover", {})["error"]["code"] in (-32002, -32602)
        assert pipe.ask("shutdown")["error"]["code"] == -32002
        pipe.begin()
        assert pipe.ask("initialize", {"capabilities": {}})["error"]["code"] == -32600
        assert pipe.is_alive()
        assert pipe.ask("shutdown")["result"] is None
        assert pipe.ask("shutdown")["error"]["code"] == -32600
        pipe.send("textDocument/didSave", {"textDocument": {"uri": pipe.uri("net.cnn")}})
        pipe.send("exit")
        assert pipe.process.wait(20) == 0


@pytest.mark.parametrize("end", ["exit", "closed", "middle", "unbegun"])
def test_an_end_without_a_word_is_exit_code_1(tmp_path: Path, end: str) -> None:
    with served(tmp_path) as pipe:
        if end != "unbegun":
            pipe.begin()
        if end == "middle":
            pipe.write(b'Content-Length: 100\r\n\r\n{"jsonrpc":')
        if end in ("exit", "unbegun"):
            pipe.send("exit")
        else:
            assert pipe.process.stdin
            pipe.process.stdin.close()
            pipe.process.stdin = None
        assert pipe.process.wait(20) == 1


def test_texts_that_a_client_counts_otherwise(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.begin()
        uri = pipe.uri("net.cnn")
        pipe.change(uri, {"text": NET})  # was not opened
        text = NET.replace("stem", "# 𝕊\ud800é\n  stem")
        pipe.open(uri, text, version=-7)
        for line, character in ((0, 0), (1, 5), (1, 6), (1, 2**31 - 1), (2**31 - 1, 0), (4, 3)):
            for method in ("hover", "completion", "definition", "signatureHelp", "documentHighlight"):
                pipe.at(method, uri, line, character)
        place = {"start": {"line": 1, "character": 5}, "end": {"line": 1, "character": 6}}  # half of a pair
        pipe.change(uri, {"range": place, "text": ""}, version=-9)
        backwards = {"start": {"line": 2**31 - 1, "character": 9}, "end": {"line": 0, "character": 0}}
        pipe.change(uri, {"range": backwards, "text": NET}, {"text": "x"}, {"text": NET}, version=3)
        pipe.change(uri, version=1)
        assert len(pipe.hints(uri)) == 2
        assert pipe.hints(uri, 1) == []
        pipe.send("textDocument/didClose", {"textDocument": {"uri": pipe.uri("other.cnn")}})
        pipe.send("textDocument/didClose", {"textDocument": {"uri": uri}})
        assert pipe.hints(uri) == []


def test_uris_of_all_kinds(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.begin()
        for uri in (
            "untitled:Untitled-1",
            "git:/nowhere/net.cnn?%7B%22ref%22%3A%22HEAD%22%7D",
            "vscode-notebook-cell:/nowhere/book.ipynb#W2sZmlsZQ%3D%3D",
            "file:///c%3A/Users/me/net.cnn",
            "file:///C:/Users/me/net.cnn",
            "file://server/share/net.cnn",
            f"{tmp_path.as_uri()}/n%C3%A9t%20%23.cnn",
            f"{tmp_path.as_uri()}/" + "a" * 5000 + ".cnn",
            "file:///%00/\ud800.cnn",
            "file:",
            "",
        ):
            pipe.open(uri, NET)
            assert len(pipe.hints(uri)) == 2, uri
            assert pipe.findings(uri) == [], uri
            pipe.send("textDocument/didClose", {"textDocument": {"uri": uri}})
            assert pipe.findings(uri) == []
        pipe.open("http://[", NET)
        assert pipe.is_alive()


def test_texts_without_measure(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.begin()
        for number, text in enumerate(
            ("#" * 10_000_000, "x\n" * 5_000_000, "{" * 1_000_000, "conv(8, 3) -> " * 70_000, "\n" * 1_000_000)
        ):
            uri = pipe.uri(f"net{number}.cnn")
            pipe.open(uri, text)
            pipe.hints(uri)
            pipe.at("completion", uri, 0, 2**31 - 1)
            pipe.at("hover", uri, 0, len(text) // 2)
            assert pipe.findings(uri)
        assert pipe.is_alive()


def test_thousands_of_buffers(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.begin()
        for number in range(2_000):
            pipe.open(pipe.uri(f"net{number}.cnn"), NET.replace("Net", f"Net{number}"))
        assert len(pipe.hints(pipe.uri("net1999.cnn"))) == 2
        while len(pipe.shown) < 2_000:
            pipe.read()
        assert not any(pipe.shown.values())
        for number in range(2_000):
            pipe.send("textDocument/didClose", {"textDocument": {"uri": pipe.uri(f"net{number}.cnn")}})
        assert pipe.is_alive()


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "lib.cnn").write_text("block unit { conv(8, 3) }\n")
    with served(folder) as pipe:
        pipe.begin()
        uri = pipe.uri("net.cnn")
        pipe.open(uri, 'from "lib.cnn" import unit\nmodel M : [N, 3, 8, 8] { unit }\n')
        assert pipe.findings(uri) == []
        (folder / "lib.cnn").unlink()
        folder.rmdir()
        change = {"uri": pipe.uri("lib.cnn"), "type": 3}
        pipe.send("workspace/didChangeWatchedFiles", {"changes": [change]})
        (message,) = pipe.findings(uri)
        assert "lib.cnn" in message
        pipe.open("untitled:Untitled-1", NET)
        assert len(pipe.hints("untitled:Untitled-1")) == 2
        assert pipe.findings("untitled:Untitled-1") == []
        assert pipe.is_alive()
