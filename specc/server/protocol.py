"""The Language Server Protocol: an editor's requests, and the answers in its terms.

Texts come whole with every change: no edit at a place that a client counts otherwise can make the server's text another
one than the editor's, and a spec is small.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from lsprotocol import types as lsp
from pygls import uris
from pygls.lsp.server import LanguageServer

from specc.diagnostics import Diagnostic, Severity, SpecError, UsageError
from specc.project.fresh import guarded
from specc.report.remarks import remark
from specc.server.buffers import Buffers
from specc.server.completion import offers
from specc.server.diagnosis import Diagnosis, corrections, diagnosis
from specc.server.hints import hints
from specc.server.hover import hover
from specc.server.navigation import Navigation
from specc.server.outline import NamedPlace, outline
from specc.server.positions import position
from specc.server.ranges import lsp_position, lsp_range, offset_of
from specc.source import Source, is_yaml
from specc.syntax import ast, parse, read
from specc.syntax.format import formatted
from specc.syntax.mending import mended
from specc.version import __version__

PAUSE = 0.15
"""Seconds without a change after which a file is checked."""

_SYMBOLS = {
    "model": lsp.SymbolKind.Class,
    "block": lsp.SymbolKind.Function,
    "let": lsp.SymbolKind.Constant,
    "label": lsp.SymbolKind.Field,
}
_OFFERS = {
    "layer": lsp.CompletionItemKind.Class,
    "block": lsp.CompletionItemKind.Function,
    "name": lsp.CompletionItemKind.Variable,
    "argument": lsp.CompletionItemKind.Property,
}
_SEVERITIES = {Severity.ERROR: lsp.DiagnosticSeverity.Error, Severity.WARNING: lsp.DiagnosticSeverity.Warning}


_OPTIONS = {
    lsp.TEXT_DOCUMENT_COMPLETION: lsp.CompletionOptions(trigger_characters=["(", ","]),
    lsp.TEXT_DOCUMENT_CODE_ACTION: lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix]),
}


class Session:
    """What an editor has open, and what is answered to it.

    Attributes:
        server: the server that the answers go through.
        texts: what is open in the editor, by absolute path.
    """

    def __init__(self) -> None:
        self.server = LanguageServer("specc", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.texts: dict[str, str] = {}
        self.files = Buffers(self.texts)
        self.navigation = Navigation(self.server, self.files, self.texts, self.path, self.uri)
        for name, answer in {
            lsp.TEXT_DOCUMENT_DID_OPEN: self.opened,
            lsp.TEXT_DOCUMENT_DID_CHANGE: self.changed,
            lsp.TEXT_DOCUMENT_DID_CLOSE: self.closed,
            lsp.TEXT_DOCUMENT_DID_SAVE: self.saved,
            lsp.TEXT_DOCUMENT_INLAY_HINT: self.inlay_hints,
            lsp.TEXT_DOCUMENT_HOVER: self.hovered,
            lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: self.symbols,
            lsp.TEXT_DOCUMENT_FORMATTING: self.formatting,
            lsp.TEXT_DOCUMENT_COMPLETION: self.complete,
            lsp.TEXT_DOCUMENT_CODE_ACTION: self.actions,
            **self.navigation.answers,
        }.items():
            self.server.feature(name, _OPTIONS.get(name))(
                partial(answer)
            )  # pygls writes on it, and a method takes nothing
        self._uris: dict[str, str] = {}
        self._found: dict[str, Diagnosis] = {}
        self._told: dict[str, set[str]] = {}
        """The URIs at which findings of a file are shown."""
        self._waiting: dict[str, asyncio.TimerHandle] = {}

    # ---- documents ----------------------------------------------------------------------------------

    def path(self, uri: str) -> str:
        """The absolute path of a document; of one that is not saved yet, one in the present folder."""
        path = uris.to_fs_path(uri) if uri.startswith("file:") else None
        name = path or f"{uri.rpartition(':')[2].rpartition('/')[2] or 'untitled'}.cnn"
        return self.files.absolute(name.replace("\0", ""))

    def change(self, uri: str, text: str) -> None:
        path = self.path(uri)
        self.texts[path] = text
        self._uris[path] = uri
        self.later(path)

    def close(self, uri: str) -> None:
        path = self.path(uri)
        self.texts.pop(path, None)
        self._found.pop(path, None)
        if path in self._waiting:
            self._waiting.pop(path).cancel()
        self._publish(self._told.pop(path, set()))
        self._uris.pop(path, None)
        self._check_importers(path)

    def later(self, path: str) -> None:
        """Check a file when nobody has typed for a moment."""
        if path in self._waiting:
            self._waiting[path].cancel()
        self._waiting[path] = asyncio.get_running_loop().call_later(PAUSE, self._check, path)

    def _check(self, path: str) -> None:
        self._waiting.pop(path, None)
        self._diagnose(path)
        self._check_importers(path)

    def _check_importers(self, path: str) -> None:
        for importer, found in list(self._found.items()):
            if path in found.imports and importer != path:
                self._diagnose(importer)

    def _diagnose(self, path: str) -> None:
        answer = guarded(path, lambda: diagnosis(path, self.files))
        found = self._found[path] = Diagnosis(problem=answer) if isinstance(answer, str) else answer
        places = {self.uri(self.files.absolute(one.primary.span.source.name)) for one in found.findings}
        places.add(self.uri(path))
        before = self._told.get(path, set())
        self._told[path] = places
        self._publish(before | places)

    def _publish(self, places: Iterable[str]) -> None:
        """Show at each URI what all open files know of it."""
        for uri in places:
            path = self.path(uri)
            shown: dict[object, lsp.Diagnostic] = {}
            for root, found in self._found.items():
                if found.problem and root == path:
                    shown[found.problem] = lsp.Diagnostic(
                        _START, found.problem, lsp.DiagnosticSeverity.Error, source="specc"
                    )
                for finding in found.findings:
                    if self.files.absolute(finding.primary.span.source.name) == path:
                        shown.setdefault(finding.sort_key, self._diagnostic(finding))
            self.server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, list(shown.values())))

    def uri(self, path: str) -> str:
        """That of a file: as the editor spells it, where it is open."""
        return self._uris.get(path) or uris.from_fs_path(path) or path

    def _diagnostic(self, finding: Diagnostic) -> lsp.Diagnostic:
        told = remark(finding)
        related = [
            lsp.DiagnosticRelatedInformation(
                lsp.Location(self.uri(self.files.absolute(span.source.name)), lsp_range(span)), text
            )
            for span, text in told.related
        ]
        return lsp.Diagnostic(
            range=lsp_range(finding.primary.span),
            message=told.text,
            severity=_SEVERITIES[finding.severity],
            code=str(finding.code),
            source="specc",
            related_information=related or None,
        )

    # ---- what is asked ------------------------------------------------------------------------------

    def source(self, uri: str) -> Source | None:
        """The text of a document as specc reads it; None: it cannot be read."""
        with suppress(SpecError, UsageError):
            return read(self.path(uri), self.files)
        return None

    def tree(self, source: Source) -> ast.File | None:
        """What can be parsed of it."""
        try:
            return parse(source)
        except SpecError:
            return None if is_yaml(source.name) else mended(source)

    def findings(self, uri: str) -> tuple[Diagnostic, ...]:
        return diagnosis(self.path(uri), self.files).findings

    def opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        self.change(params.text_document.uri, params.text_document.text)

    def changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        whole = [
            change
            for change in params.content_changes
            if isinstance(change, lsp.TextDocumentContentChangeWholeDocument)
        ]
        if whole:  # as it was agreed; an edit at a place is not obeyed
            self.change(params.text_document.uri, whole[-1].text)

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        self.close(params.text_document.uri)

    def saved(self, params: lsp.DidSaveTextDocumentParams) -> None:
        self.later(self.path(params.text_document.uri))

    def inlay_hints(self, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        source = self.source(params.text_document.uri)
        file = self.tree(source) if source else None
        if source is None or file is None or is_yaml(source.name):  # YAML has no lines of steps
            return []
        first, last = offset_of(source, params.range.start), offset_of(source, params.range.end)
        return [
            lsp.InlayHint(lsp_position(position(source, hint.offset)), hint.text, padding_left=True)
            for hint in hints(file, self.files)
            if first <= hint.offset <= last
        ]

    def hovered(self, params: lsp.HoverParams) -> lsp.Hover | None:
        source = self.source(params.text_document.uri)
        file = self.tree(source) if source else None
        found = hover(file, offset_of(source, params.position), self.files) if source and file else None
        if found is None:
            return None
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, found.text), lsp_range(found.span))

    def symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        source = self.source(params.text_document.uri)
        file = self.tree(source) if source else None
        return [_symbol(one) for one in outline(file)] if file else []

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
        source = self.source(params.text_document.uri)
        if source is None or is_yaml(source.name):
            return []
        return [
            lsp.CompletionItem(one.word, kind=_OFFERS[one.kind], detail=one.detail, insert_text=one.text)
            for one in offers(source, self.tree(source), offset_of(source, params.position))
        ]

    def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri = params.text_document.uri
        source = self.source(uri)
        if source is None:
            return []
        first, last = offset_of(source, params.range.start), offset_of(source, params.range.end)
        found = []
        for one in corrections(self.findings(uri), self.path(uri), self.files):
            place = one.finding.primary.span
            if place.start > last or place.end < first:
                continue
            edits = [lsp.TextEdit(lsp_range(edit.span), edit.text) for edit in one.edits]
            found.append(
                lsp.CodeAction(
                    f"{one.finding.code}: {one.title}",
                    kind=lsp.CodeActionKind.QuickFix,
                    is_preferred=one.is_safe,
                    edit=lsp.WorkspaceEdit(changes={uri: edits}),
                )
            )
        return found


_START = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 1))


def _symbol(symbol: NamedPlace) -> lsp.DocumentSymbol:
    inner = [_symbol(one) for one in symbol.inner]
    return lsp.DocumentSymbol(
        symbol.name, _SYMBOLS[symbol.kind], lsp_range(symbol.whole), lsp_range(symbol.place), children=inner
    )


def serve() -> None:
    """Answer over standard input and output until the editor ends it."""
    Session().server.start_io()
