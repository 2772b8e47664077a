"""`specc server` with a client of pygls, in a process of its own, over stdio."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lsprotocol import types as lsp

pytestmark = [pytest.mark.served, pytest.mark.filterwarnings("ignore")]  # of other libraries' Python
ROOT = Path(__file__).parents[2]

LIBRARY = "block unit(c) { conv(c, 3, padding=1) -> relu }\n"
SPEC = """\
from "lib.cnn" import unit

model Net : [N, 3, 32, 32] -> [N, 10] {
  stem: conv(8, 3)
  unit(16)
  flatten -> fc(10)
}
"""


class Editor:
    """A client, and the findings that it was sent, by the name of the file."""

    def __init__(self, folder: Path, *, asks: bool = False, options: dict[str, object] | None = None) -> None:
        """Args:
        asks: it says that it asks before edits that are annotated.
        options: those that it starts the server with.
        """
        from lsprotocol import types
        from pygls.lsp.client import LanguageClient

        self.lsp = types
        self.folder = folder
        self.asks = asks
        self.options = options
        self.findings: dict[str, list[lsp.Diagnostic]] = {}
        self.sent = asyncio.Event()
        self.client = LanguageClient("test", "1")
        self.watched: list[str] = []
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(partial(self._published))
        self.client.feature(types.CLIENT_REGISTER_CAPABILITY)(partial(self._registered))

    def _published(self, params: lsp.PublishDiagnosticsParams) -> None:
        self.findings[params.uri.rpartition("/")[2]] = list(params.diagnostics)
        self.sent.set()

    def _registered(self, params: lsp.RegistrationParams) -> None:
        for one in params.registrations:
            options: Any = one.register_options
            self.watched += [watcher["globPattern"] for watcher in options["watchers"]]

    async def start(self) -> None:
        os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        await self.client.start_io(sys.executable, "-m", "specc", "server")
        watches = self.lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
        annotated = self.lsp.ChangeAnnotationsSupportOptions() if self.asks else None
        edits = self.lsp.WorkspaceEditClientCapabilities(
            document_changes=self.asks, change_annotation_support=annotated
        )
        workspace = self.lsp.WorkspaceClientCapabilities(workspace_edit=edits, did_change_watched_files=watches)
        encodings = self.lsp.GeneralClientCapabilities(
            position_encodings=["utf-8", "utf-32", "utf-16"]
        )  # as Helix has it
        capabilities = self.lsp.ClientCapabilities(workspace, general=encodings)
        params = self.lsp.InitializeParams(
            capabilities=capabilities, root_uri=self.folder.as_uri(), initialization_options=self.options
        )
        answer = await self.client.initialize_async(params)
        assert answer.capabilities.position_encoding == "utf-16"
        self.client.initialized(self.lsp.InitializedParams())

    def document(self, name: str) -> lsp.TextDocumentIdentifier:
        return self.lsp.TextDocumentIdentifier((self.folder / name).as_uri())

    def open(self, name: str, text: str) -> None:
        item = self.lsp.TextDocumentItem((self.folder / name).as_uri(), "specc", 1, text)
        self.client.text_document_did_open(self.lsp.DidOpenTextDocumentParams(item))

    def type(self, name: str, text: str) -> None:
        document = self.lsp.VersionedTextDocumentIdentifier(2, (self.folder / name).as_uri())
        change = self.lsp.TextDocumentContentChangeWholeDocument(text)
        self.client.text_document_did_change(self.lsp.DidChangeTextDocumentParams(document, [change]))

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.sent.clear()
            await self.sent.wait()

    async def hints(self, name: str) -> list[tuple[int, str]]:
        whole = self.lsp.Range(self.lsp.Position(0, 0), self.lsp.Position(2**31 - 1, 2**31 - 1))
        params = self.lsp.InlayHintParams(self.document(name), whole)
        found = await self.client.text_document_inlay_hint_async(params)
        return [(one.position.line, str(one.label)) for one in found or ()]

    def at(self, name: str, line: int, character: int) -> dict[str, Any]:
        return {"text_document": self.document(name), "position": self.lsp.Position(line, character)}


def with_editor(
    folder: Path,
    work: Callable[[Editor], Awaitable[None]],
    *,
    asks: bool = False,
    options: dict[str, object] | None = None,
) -> None:
    async def run() -> None:
        editor = Editor(folder, asks=asks, options=options)
        await editor.start()
        try:
            async with asyncio.timeout(60):
                await work(editor)
                await editor.client.shutdown_async(None)
            editor.client.exit(None)
        finally:
            process = editor.client._server
            if sys.exc_info()[0] and process is not None:
                process.kill()
            await editor.client.stop()

    asyncio.run(run())


def test_a_file_and_its_importer_as_they_are_typed(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lib.cnn").write_text(LIBRARY.replace("unit", "other"))  # what is open counts, not this

    async def work(editor: Editor) -> None:
        editor.open("lib.cnn", LIBRARY)
        editor.open("net.cnn", SPEC)
        await editor.until(lambda: editor.findings.get("net.cnn") == [])
        assert await editor.hints("net.cnn") == [
            (3, "[N, 8, 30, 30]  224"),
            (4, "[N, 16, 30, 30]  1,168"),
            (5, "[N, 10]  144 k"),
        ]
        editor.type("lib.cnn", LIBRARY.replace("padding=1", "padding=-1"))
        await editor.until(lambda: bool(editor.findings["lib.cnn"]))
        (finding,) = editor.findings["lib.cnn"]
        assert (finding.range.start.line, finding.code, finding.source) == (0, "S0303", "specc")
        editor.type("lib.cnn", LIBRARY.replace("unit", "union"))
        await editor.until(lambda: bool(editor.findings["net.cnn"]) and not editor.findings["lib.cnn"])
        (finding,) = editor.findings["net.cnn"]
        assert finding.code == "S0006"
        editor.type("lib.cnn", LIBRARY)
        await editor.until(lambda: not editor.findings["net.cnn"])

    with_editor(tmp_path, work)


def test_what_is_asked_of_a_file(tmp_path: Path) -> None:
    text = "model Net : [N, 3, 32, 32] -> [N, 10] {\n  stem: conv(8, 3)\n  # 𝕊\n  flaten -> fc(10)\n}\n"

    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        editor.open("net.cnn", text)
        await editor.until(lambda: bool(editor.findings.get("net.cnn")))
        hover = await client.text_document_hover_async(lsp.HoverParams(**editor.at("net.cnn", 1, 9)))
        assert hover
        assert isinstance(hover.contents, lsp.MarkupContent)
        assert "| `padding_mode` |" in hover.contents.value
        (model,) = await client.text_document_document_symbol_async(
            lsp.DocumentSymbolParams(editor.document("net.cnn"))
        )
        assert (model.name, [label.name for label in model.children or ()]) == ("Net", ["stem"])
        offered = await client.text_document_completion_async(lsp.CompletionParams(**editor.at("net.cnn", 1, 15)))
        assert "padding" in {one.label for one in offered}
        place = lsp.Range(lsp.Position(3, 3), lsp.Position(3, 3))
        context = lsp.CodeActionContext([])
        (action,) = await client.text_document_code_action_async(
            lsp.CodeActionParams(editor.document("net.cnn"), place, context)
        )
        ((edit,),) = action.edit.changes.values()
        assert (edit.new_text, edit.range.start.character, edit.range.end.character) == ("flatten", 2, 8)
        assert (action.is_preferred, [one.code for one in action.diagnostics or ()]) == (True, ["S0201"])
        context = lsp.CodeActionContext([], only=[lsp.CodeActionKind.Source])
        (action,) = await client.text_document_code_action_async(
            lsp.CodeActionParams(editor.document("net.cnn"), place, context)
        )
        ((edit,),) = action.edit.changes.values()
        assert (action.kind, action.title) == ("source.fixAll", "make 1 safe fix")
        assert edit.new_text == text.replace("flaten", "flatten")
        editor.type("net.cnn", text.replace("flaten", "flatten").replace("(8, 3)", "( 8,3 )"))
        options = lsp.FormattingOptions(2, True)
        params = lsp.DocumentFormattingParams(editor.document("net.cnn"), options)
        (edit,) = await client.text_document_formatting_async(params)
        assert edit.new_text == text.replace("flaten", "flatten")
        hover = await client.text_document_hover_async(lsp.HoverParams(**editor.at("net.cnn", 1, 9)))
        assert "8 x 3 x 3 x 3 = 216" in hover.contents.value

    with_editor(tmp_path, work)


def test_the_server_outlives_a_client_that_lies(tmp_path: Path) -> None:
    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        draw = random.Random(7)
        editor.open("net.cnn", SPEC)
        for _ in range(60):
            start = draw.randrange(len(SPEC))
            editor.type(
                "net.cnn",
                SPEC[:start] + draw.choice(["", "\r", "\0", "{", "𝕊", '"']) + SPEC[start + draw.randrange(9) :],
            )
            line, character = draw.choice([0, 3, 999, 2**31 - 1]), draw.choice([0, 5, 2**31 - 1])
            await editor.hints("net.cnn")
            await client.text_document_hover_async(lsp.HoverParams(**editor.at("net.cnn", line, character)))
            await client.text_document_completion_async(lsp.CompletionParams(**editor.at("net.cnn", line, character)))
            await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(editor.document("net.cnn")))
        await client.text_document_hover_async(lsp.HoverParams(**editor.at("nowhere.cnn", 0, 0)))
        editor.type("net.cnn", "#" * 10_000_000)
        await editor.until(lambda: any("too large" in one.message for one in editor.findings.get("net.cnn", ())))
        (tmp_path / "specc.toml").write_text("nonsense = 1\n")
        editor.type("net.cnn", "model M : [N, 3, 8, 8] { conv(8, 3) }\n")
        await editor.until(lambda: any("specc.toml" in one.message for one in editor.findings["net.cnn"]))
        assert await editor.hints("net.cnn") == [(0, "[N, 8, 6, 6]  224")]

    with_editor(tmp_path, work)


def test_files_that_are_not_open_are_watched(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lib.cnn").write_text(LIBRARY)

    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        editor.open("net.cnn", SPEC)
        await editor.until(lambda: editor.findings.get("net.cnn") == [])
        (tmp_path / "lib.cnn").write_text(LIBRARY.replace("unit", "union"))
        event = lsp.FileEvent((tmp_path / "lib.cnn").as_uri(), lsp.FileChangeType.Changed)
        client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([event]))
        await editor.until(lambda: bool(editor.findings["net.cnn"]))
        assert sorted(editor.watched)[:2] == ["**/*.cnn", "**/*.cnn.yaml"]
        assert "**/specc.toml" in editor.watched
        # An edit at a place, which was not agreed.
        (start, end), new = (lsp.Position(0, 22), lsp.Position(0, 26)), "union"
        change = lsp.TextDocumentContentChangePartial(lsp.Range(start, end), new)
        document = lsp.VersionedTextDocumentIdentifier(3, (tmp_path / "net.cnn").as_uri())
        client.text_document_did_change(lsp.DidChangeTextDocumentParams(document, [change]))
        await editor.until(lambda: [one.range.start.line for one in editor.findings["net.cnn"]] == [4])

    with_editor(tmp_path, work)
