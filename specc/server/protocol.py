"""The Language Server Protocol: an editor's requests, and the answers in its terms.

Texts come whole with every change: no edit at a place that a client counts otherwise can make the server's text another
one than the editor's, and a spec is small.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from specc.diagnostics import Diagnostic, Severity, SpecError, UsageError
from specc.diagnostics.words import plural
from specc.filesystem import SETTINGS
from specc.report.remarks import remark
from specc.server.checks import Checks, Shown
from specc.server.collector import Collector
from specc.server.completion import offers
from specc.server.corrections import Correction, Corrector
from specc.server.documents import Documents
from specc.server.hints import hints
from specc.server.hover import hover
from specc.server.importers import Importers
from specc.server.navigation import OPTIONS, Navigation
from specc.server.positions import Position, edited, position
from specc.server.ranges import lsp_position, lsp_range, offset_of
from specc.server.transport import Dialogue, Incoming
from specc.source import Source, Span, is_yaml
from specc.syntax import SUFFIXES, ast
from specc.syntax.format import formatted
from specc.version import __version__

_OFFERS = {
    "layer": lsp.CompletionItemKind.Class,
    "block": lsp.CompletionItemKind.Function,
    "name": lsp.CompletionItemKind.Variable,
    "argument": lsp.CompletionItemKind.Property,
}
_SEVERITIES = {Severity.ERROR: lsp.DiagnosticSeverity.Error, Severity.WARNING: lsp.DiagnosticSeverity.Warning}


_ACTIONS = [lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]
_OPTIONS = {
    lsp.TEXT_DOCUMENT_COMPLETION: lsp.CompletionOptions(trigger_characters=["(", ",", "."]),
    lsp.TEXT_DOCUMENT_CODE_ACTION: lsp.CodeActionOptions(code_action_kinds=_ACTIONS),
}


class Session:
    """What an editor has open, and what is answered to it.

    Attributes:
        server: the server that the answers go through.
        answers: by the name of the request.
    """

    def __init__(self) -> None:
        self.server = LanguageServer(
            "specc", __version__, protocol_cls=Dialogue, text_document_sync_kind=lsp.TextDocumentSyncKind.Full
        )
        self.collector = Collector()
        self.documents = Documents()
        self.navigation = Navigation(self.server, self.documents)
        self.answers: dict[str, Callable[[Any], object]] = {
            lsp.INITIALIZED: self.initialized,
            lsp.TEXT_DOCUMENT_DID_OPEN: self.opened,
            lsp.TEXT_DOCUMENT_DID_CHANGE: self.changed,
            lsp.TEXT_DOCUMENT_DID_CLOSE: self.closed,
            lsp.TEXT_DOCUMENT_DID_SAVE: self.saved,
            lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES: self.changed_on_disk,
            lsp.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: self.moved,
            lsp.TEXT_DOCUMENT_INLAY_HINT: self.inlay_hints,
            lsp.TEXT_DOCUMENT_HOVER: self.hovered,
            lsp.TEXT_DOCUMENT_FORMATTING: self.formatting,
            lsp.TEXT_DOCUMENT_COMPLETION: self.complete,
            lsp.TEXT_DOCUMENT_CODE_ACTION: self.actions,
            **self.navigation.answers,
        }
        for name, answer in self.answers.items():
            # pygls writes on it, and a method takes nothing.
            self.server.feature(name, {**_OPTIONS, **OPTIONS}.get(name))(partial(self._answer, answer))
        self.checks = Checks(self.documents, Importers(self.documents.files), self.show)

    def _answer(self, answer: Callable[[Any], object], params: Any) -> object:
        try:
            return answer(params)
        finally:
            self.collector.soon()

    # ---- documents ----------------------------------------------------------------------------------

    def initialized(self, params: lsp.InitializedParams) -> None:
        self.search()
        asked = self.server.client_capabilities.workspace
        if asked and asked.did_change_watched_files and asked.did_change_watched_files.dynamic_registration:
            watchers = [lsp.FileSystemWatcher(f"**/{name}") for name in (*(f"*{each}" for each in SUFFIXES), *SETTINGS)]
            options = lsp.DidChangeWatchedFilesRegistrationOptions(watchers)
            what = lsp.Registration("watch", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            self.server.client_register_capability(lsp.RegistrationParams([what]))

    def moved(self, params: lsp.DidChangeWorkspaceFoldersParams) -> None:
        self.search()

    def search(self) -> None:
        """Look for specs in the folders that the editor has now."""
        workspace = self.server.workspace
        found = [folder.uri for folder in workspace.folders.values()] or [workspace.root_uri or ""]
        self.documents.files.folders = tuple(self.documents.path(uri) for uri in found if uri.startswith("file:"))
        self.checks.search(list(self.documents.files.folders))

    def opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        before = self.documents.source(self.documents.path(document.uri))
        path = self.documents.change(document.uri, document.text, document.version)
        self.checks.later(path, is_new=before is None or before.text != document.text)

    def changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        document = params.text_document
        text = self.documents.texts.get(self.documents.path(document.uri))
        if text is None:  # of what is not open nobody knows what is changed
            return
        for change in params.content_changes:
            if isinstance(change, lsp.TextDocumentContentChangePartial):  # it was not agreed, and is obeyed
                start, end = (Position(at.line, at.character) for at in (change.range.start, change.range.end))
                text = edited(text, start, end, change.text)
            else:
                text = change.text
        self.checks.later(self.documents.change(document.uri, text, document.version))

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        self.checks.closed(self.documents.close(uri))
        self.documents.forget(uri)

    def saved(self, params: lsp.DidSaveTextDocumentParams) -> None:
        self.checks.later(self.documents.path(params.text_document.uri), is_new=False)

    def changed_on_disk(self, params: lsp.DidChangeWatchedFilesParams) -> None:
        self.checks.changed_on_disk([self.documents.path(change.uri) for change in params.changes])

    def show(self, path: str, shown: Shown) -> None:
        """Have the editor underline what was found at a path, and nothing else there."""
        found = [self._diagnostic(finding) for finding in shown.findings]
        if shown.problem:
            found.insert(0, lsp.Diagnostic(_START, shown.problem, lsp.DiagnosticSeverity.Error, source="specc"))
        uri, version = self.documents.uri(path), self.documents.version(path)
        self.server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, version))
        self.collector.soon()

    def _diagnostic(self, finding: Diagnostic) -> lsp.Diagnostic:
        remarks = remark(finding)
        related = [
            lsp.DiagnosticRelatedInformation(self._location(span), text)
            for span, text in remarks.related
            if self.documents.is_current(span.source)
        ]
        return lsp.Diagnostic(
            range=lsp_range(finding.primary.span),
            message=remarks.text,
            severity=_SEVERITIES[finding.severity],
            code=str(finding.code),
            source="specc",
            related_information=related or None,
        )

    def _location(self, span: Span) -> lsp.Location:
        return lsp.Location(self.documents.uri(self.documents.files.absolute(span.source.name)), lsp_range(span))

    # ---- what is asked ------------------------------------------------------------------------------

    def source(self, uri: str) -> Source | None:
        """The text of a document as specc reads it; None: it cannot be read."""
        return self.documents.source(self.documents.path(uri))

    def read(self, uri: str) -> tuple[Source, ast.File] | None:
        """A document, and what can be parsed of it; None: nothing can."""
        source, file = self.documents.tree(self.documents.path(uri)) or (None, None)
        return (source, file) if source and file else None

    def inlay_hints(self, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        source, file = self.read(params.text_document.uri) or (None, None)
        if source is None or file is None:
            return []
        first, last = offset_of(source, params.range.start), offset_of(source, params.range.end)
        return [
            lsp.InlayHint(lsp_position(position(source, hint.offset)), hint.text, padding_left=True)
            for hint in hints(file, self.documents.files, self.documents.models)
            if first <= hint.offset <= last
        ]

    def hovered(self, params: lsp.HoverParams) -> lsp.Hover | None:
        source, file = self.read(params.text_document.uri) or (None, None)
        if source is None or file is None:
            return None
        documents, at = self.documents, offset_of(source, params.position)
        bindings = partial(self.navigation.bindings, documents.path(params.text_document.uri))
        found = hover(file, at, documents.files, documents.models, bindings)
        if found is None:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text), lsp_range(found.span))

    def formatting(self, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        source = self.source(params.text_document.uri)
        if source is None or is_yaml(source.name):
            return None
        try:
            text = formatted(source)
        except SpecError:  # its findings say why
            return None
        return [] if text == source.text else [lsp.TextEdit(lsp_range(source.span(0, len(source.text))), text)]

    def complete(self, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        path = self.documents.path(params.text_document.uri)
        known = self.documents.tree(path)
        if known is None:
            return []
        source, file = known
        bindings = self.navigation.bindings(path) if file else None
        return [
            lsp.CompletionItem(one.word, kind=_OFFERS[one.kind], detail=one.detail, insert_text=one.text)
            for one in offers(source, file, offset_of(source, params.position), bindings)
        ]

    def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri, only = params.text_document.uri, params.context.only
        source = self.source(uri)
        if source is None:
            return []
        corrector = Corrector(source, self.documents.files, self.documents.models)
        found = []
        try:
            if only is None or any(_is_kind(lsp.CodeActionKind.QuickFix, one) for one in only):
                first, last = offset_of(source, params.range.start), offset_of(source, params.range.end)
                found += [self._action(uri, one) for one in corrector.tried(first, last)]
            # Only where it is asked for: it may take many checks, and editors ask for actions wherever one goes.
            if only and any(_is_kind(lsp.CodeActionKind.SourceFixAll, one) for one in only):
                repair = corrector.repair()
                if repair.findings:
                    change = lsp.TextEdit(lsp_range(source.span(0, len(source.text))), repair.text)
                    title, kind = f"make {plural(repair.findings, 'safe fix')}", lsp.CodeActionKind.SourceFixAll
                    found.append(lsp.CodeAction(title, kind=kind, edit=lsp.WorkspaceEdit(changes={uri: [change]})))
        except UsageError:  # broken settings, which are shown
            return []
        return found

    def _action(self, uri: str, one: Correction) -> lsp.CodeAction:
        edits = [lsp.TextEdit(lsp_range(edit.span), edit.text) for edit in one.edits]
        return lsp.CodeAction(
            f"{one.finding.code}: {one.title}",
            kind=lsp.CodeActionKind.QuickFix,
            diagnostics=[self._diagnostic(one.finding)],
            is_preferred=one.is_safe,
            edit=lsp.WorkspaceEdit(changes={uri: edits}),
        )


def _is_kind(kind: str, asked: str) -> bool:
    """Whether a kind of action is the one that is asked for, or one of its kinds: `source.fixAll` of `source`."""
    return not asked or kind == asked or kind.startswith(f"{asked}.")


_START = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 1))


def _is_fault(record: logging.LogRecord) -> bool:
    """Whether what pygls has to say is for who reads a log: an editor shows by itself what it was refused."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, JsonRpcException) and error.code == lsp.LSPErrorCodes.RequestFailed)


def serve() -> int:
    """Answer over standard input and output until the editor ends it; the exit code."""
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_fault)
    session = Session()
    server = session.server
    session.collector.begin()
    # All paths are absolute. A present folder that somebody removes would have each of them fail; that of a server on
    # Windows nobody could remove.
    os.chdir(os.path.abspath(os.sep))
    # pygls closes what it writes to, and standard output is not its own.
    server.start_io(Incoming(sys.stdin.buffer), os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    return 0 if server.protocol.is_ended else 1
