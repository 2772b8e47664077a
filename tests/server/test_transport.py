"""What is left of a message when it has been dealt with: nothing."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("pygls")

from specc.server.protocol import Session


class Silent:
    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass


async def futures(changes: int) -> int:
    """How many answers are waited for, or kept, after so many changes of a text."""
    protocol = Session().server.protocol
    protocol.set_writer(Silent())

    def say(method: str, params: object, **more: object) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        protocol.handle_message(protocol.structure_message(message))

    say("initialize", {"capabilities": {}, "processId": None, "rootUri": None}, id=1)
    document = {"uri": "file:///project/net.cnn", "version": 1}
    say("textDocument/didOpen", {"textDocument": {**document, "languageId": "specc", "text": ""}})
    for _ in range(changes):
        say("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": "let a = 1\n"}]})
    say("textDocument/foldingRange", {"textDocument": document}, id=2)
    return len(protocol._request_futures)


def test_nothing_is_kept_of_a_change() -> None:
    assert asyncio.run(futures(10)) == 0
