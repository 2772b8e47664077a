"""What pygls leaves open of what goes in and out: messages that are none, or come at a wrong time.

A request is always answered, if only by an error, and whatever cannot be read is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, BinaryIO

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method

MOST_BYTES = 2**28
"""Of one message: a text of 10 MB takes 60 MB where every character of it is escaped."""
_LONGEST_HEADER = 2**12
_LENGTH = re.compile(rb"Content-Length:[ \t]*(\d{1,20})[ \t]*\r?\n", re.IGNORECASE)


class Incoming:
    """The messages of a stream, with headers as pygls reads them, each read to its end.

    pygls takes what it cannot read of a header, and whatever stands before the next, for one of it: it would lose a
    message, or all that come.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._header: list[bytes] = []
        self._body = b""

    def readline(self) -> bytes:
        """A line of a header; nothing where the client has ended."""
        if not self._header:
            length = self._length()
            body = self._stream.read(length)
            if not length or len(body) < length:  # it has ended, maybe in the middle of a message
                return b""
            self._header, self._body = [b"Content-Length: %d\r\n" % length, b"\r\n"], body
        return self._header.pop(0)

    def read(self, _: int) -> bytes:
        body, self._body = self._body, b""
        return body

    def _length(self) -> int:
        """Of the next message that has one that can be right; 0: there is none."""
        length = 0
        while line := self._stream.readline(_LONGEST_HEADER):
            # What stands before it on the line is left of a message that was longer than its header said.
            if found := _LENGTH.search(line):
                length = min(int(found[1]), MOST_BYTES + 1) % (MOST_BYTES + 1)
            elif length and not line.strip():
                return length
        return 0


class Dialogue(LanguageServerProtocol):  # type: ignore[misc]  # pygls is not there for all who check types
    """The order of a session, and an answer to every request.

    Attributes:
        is_over: the client has said that it is going to end.
        is_ended: and has.
    """

    is_begun = False
    is_over = False
    is_ended = False

    # Places are counted in UTF-16, which every client can. pygls would promise what Helix and Neovim like better.
    @lsp_method(lsp.INITIALIZE)  # type: ignore[untyped-decorator]  # the same
    def lsp_initialize(self, params: lsp.InitializeParams) -> Generator[Any, Any, lsp.InitializeResult]:
        if params.capabilities.general is not None:
            params.capabilities.general.position_encodings = None
        self.is_begun = True
        return (yield from super().lsp_initialize(params))

    @lsp_method(lsp.SHUTDOWN)  # type: ignore[untyped-decorator]  # the same
    def lsp_shutdown(self, *args: object) -> Generator[Any, Any, None]:
        self.is_over = True
        yield from super().lsp_shutdown(*args)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message; of a request that makes no sense the answer is sent, and nothing is left of it."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if isinstance(data.get("id"), (int, str)) and "method" in data:
                self._send_response(data["id"], error=error.to_response_error())
                return None
            raise

    def handle_message(self, message: Any) -> None:
        if message is None:
            return
        if not hasattr(message, "jsonrpc"):
            raise ValueError("a message is JSON, but no message of JSON-RPC 2.0")
        method = getattr(message, "method", None)
        refusal = self._refusal(method)
        if refusal is None:
            super().handle_message(message)
            # pygls keeps one of every change, for a request that might be cancelled: a kilobyte for each letter typed.
            for number in [number for number, future in self._request_futures.items() if future.done()]:
                del self._request_futures[number]
        elif hasattr(message, "id"):
            self._send_response(message.id, error=refusal)

    def _refusal(self, method: str | None) -> lsp.ResponseError | None:
        """Why a message comes at a wrong time."""
        if method == lsp.EXIT:
            self.is_ended = self.is_over
            return None
        if self.is_over:
            return lsp.ResponseError(lsp.ErrorCodes.InvalidRequest, "the server was shut down: only exit may follow")
        if not self.is_begun and method != lsp.INITIALIZE:
            return lsp.ResponseError(lsp.ErrorCodes.ServerNotInitialized, "the first request is initialize")
        if self.is_begun and method == lsp.INITIALIZE:
            return lsp.ResponseError(lsp.ErrorCodes.InvalidRequest, "the server was initialized before")
        return None
