"""Clients that lie, and what lies around them: the server answers, and lives; over the bare pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.server.pipe import Pipe

pytestmark = pytest.mark.served
NET = "model Net : [N, 3, 32, 32] -> [N, 10] {\n  stem: conv(8, 3)\n  flatten -> fc(10)\n}\n"


def is_alive(pipe: Pipe) -> bool:
    uri = pipe.uri("alive.cnn")
    pipe.open(uri, NET)
    return pipe.hints(uri) == ["[N, 8, 30, 30]  224", "[N, 10]  72.01 k"]


@contextmanager
def served(folder: Path, log: IO[bytes] | None = None) -> Iterator[Pipe]:
    pipe = Pipe(folder, log=log)
    try:
        yield pipe
    finally:
        pipe.process.kill()
        pipe.process.communicate()


def test_what_is_refused_is_no_fault_in_the_log(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log, served(tmp_path, log) as pipe:
        pipe.begin()
        pipe.open(pipe.uri("net.cnn"), NET)
        place = {"textDocument": {"uri": pipe.uri("net.cnn")}, "position": {"line": 0, "character": 1}}
        answer = pipe.ask("textDocument/rename", {**place, "newName": "x"})
        assert "cannot be renamed" in answer["error"]["message"]
    assert (tmp_path / "log").read_bytes() == b""


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
        assert is_alive(pipe)
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
        assert is_alive(pipe)


def test_there_is_an_order_from_the_first_request_to_the_last(tmp_path: Path) -> None:
    with served(tmp_path) as pipe:
        pipe.open(pipe.uri("net.cnn"), NET)
        assert pipe.ask("textDocument/hover", {})["error"]["code"] in (-32002, -32602)
        assert pipe.ask("shutdown")["error"]["code"] == -32002
        pipe.begin()
        assert pipe.ask("initialize", {"capabilities": {}})["error"]["code"] == -32600
        assert is_alive(pipe)
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
        assert is_alive(pipe)


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
        assert is_alive(pipe)


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
        assert is_alive(pipe)


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
        assert is_alive(pipe)
