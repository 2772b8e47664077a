"""What leads through the files of a project, in the terms of the Language Server Protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from specc.diagnostics import UsageError
from specc.server.bindings import Bindings
from specc.server.documents import Documents
from specc.server.folding import folds
from specc.server.importers import MOST_FILES, specs_below
from specc.server.lens import SizedModel, chosen_sizes, details, read_sizes, sized_models
from specc.server.outline import NamedPlace, has_letters, outline
from specc.server.ranges import lsp_range, offset_of
from specc.server.references import declarations, highlights, references
from specc.server.rename import Rename, renamable, renamed
from specc.server.signature import signature_at
from specc.server.workspace import Workspace
from specc.source import Source, Span, is_yaml
from specc.syntax import ast

T = TypeVar("T")
_MOST_NAMES = 500
"""Names of a project in one answer: an editor asks again when more is typed."""
_SYMBOLS = {
    "model": lsp.SymbolKind.Class,
    "block": lsp.SymbolKind.Function,
    "let": lsp.SymbolKind.Constant,
    "label": lsp.SymbolKind.Field,
}
_FOLDS = {
    "code": None,
    "comment": lsp.FoldingRangeKind.Comment,
    "imports": lsp.FoldingRangeKind.Imports,
}

OPTIONS = {
    lsp.TEXT_DOCUMENT_RENAME: lsp.RenameOptions(prepare_provider=True),
    lsp.TEXT_DOCUMENT_SIGNATURE_HELP: lsp.SignatureHelpOptions(["(", ",", "="], [")"]),
}
"""What is said of an answer when the server is asked what it can do."""


class Navigation:
    """The answers to questions about names and parts of files.

    Attributes:
        answers: by the name of the request.
    """

    def __init__(self, server: LanguageServer, documents: Documents) -> None:
        self._server = server
        self._documents = documents
        self._sizes: Mapping[str, int] = {}
        """The sizes at which the editor wants to know what models cost."""
        self._outlines: dict[str, tuple[Source, tuple[NamedPlace, ...]]] = {}
        """By path, of the text that the file had last: an editor asks for names with every letter."""
        self._bindings: dict[str, Bindings] = {}
        """By path, what names stood for when it was asked last."""
        self.answers: dict[str, Callable[[Any], object]] = {
            lsp.TEXT_DOCUMENT_DEFINITION: self.definition,
            lsp.TEXT_DOCUMENT_REFERENCES: self.references,
            lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT: self.highlights,
            lsp.TEXT_DOCUMENT_FOLDING_RANGE: self.folds,
            lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: self.symbols,
            lsp.WORKSPACE_SYMBOL: self.names,
            lsp.TEXT_DOCUMENT_CODE_LENS: self.lenses,
            lsp.INITIALIZE: self.initialize,
            lsp.WORKSPACE_DID_CHANGE_CONFIGURATION: self.configured,
            lsp.TEXT_DOCUMENT_SIGNATURE_HELP: self.signature,
            lsp.TEXT_DOCUMENT_PREPARE_RENAME: self.prepare_rename,
            lsp.TEXT_DOCUMENT_RENAME: self.rename,
        }

    def bindings(self, path: str) -> Bindings:
        """What the names of a file stand for."""
        return self._workspace().bindings(path, importers=False)

    def definition(self, params: lsp.DefinitionParams) -> list[lsp.Location]:
        return [self._location(span) for span in self._at(declarations, params)]

    def references(self, params: lsp.ReferenceParams) -> list[lsp.Location]:
        wanted = params.context.include_declaration
        return [self._location(one.span) for one in self._at(references, params) if wanted or not one.declares]

    def highlights(self, params: lsp.DocumentHighlightParams) -> list[lsp.DocumentHighlight]:
        return [
            lsp.DocumentHighlight(
                lsp_range(one.span), lsp.DocumentHighlightKind.Write if one.declares else lsp.DocumentHighlightKind.Read
            )
            for one in self._at(highlights, params)
        ]

    def folds(self, params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
        workspace, path = self._workspace(), self._documents.path(params.text_document.uri)
        source = workspace.source(path)
        found = folds(source, workspace.tree(path)) if source else []
        return [lsp.FoldingRange(one.first, one.last, kind=_FOLDS[one.kind]) for one in found]

    def signature(self, params: lsp.SignatureHelpParams) -> lsp.SignatureHelp | None:
        workspace, path = self._workspace(), self._documents.path(params.text_document.uri)
        source = workspace.source(path)
        if source is None or is_yaml(path):
            return None
        bindings = workspace.bindings(path, importers=False) if workspace.tree(path) else None
        found = signature_at(source, offset_of(source, params.position), path, bindings)
        if found is None:
            return None
        arguments = [lsp.ParameterInformation(one.text, one.takes or None) for one in found.arguments]
        # Behind the last one there is none: where nothing is said the first would be meant.
        active = len(arguments) if found.active is None else found.active
        one = lsp.SignatureInformation(found.text, found.says or None, arguments, active)
        return lsp.SignatureHelp([one], active_signature=0, active_parameter=active)

    def prepare_rename(self, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        span = self._renaming(params, renamable)
        return None if span is None else lsp.PrepareRenamePlaceholder(lsp_range(span), span.text)

    def rename(self, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        found = self._renaming(params, partial(renamed, name=params.new_name))
        return None if found is None else self._workspace_edit(found)

    def _renaming(self, params: lsp.TextDocumentPositionParams, ask: Callable[[Workspace, str, int], T]) -> T | None:
        """What is found at a place; None in a file that cannot be read."""
        workspace, path = self._workspace(), self._documents.path(params.text_document.uri)
        source = workspace.source(path)
        if source is None:
            return None
        try:
            return ask(workspace, path, offset_of(source, params.position))
        except UsageError as error:
            raise _refused(error) from None

    def _workspace_edit(self, rename: Rename) -> lsp.WorkspaceEdit:
        """Its edits; what else has another name then is asked about where the client can ask, and else shown."""
        edits: dict[str, list[lsp.TextEdit]] = {}
        for one in rename.edits:
            uri = self._location(one.span).uri
            edits.setdefault(uri, []).append(lsp.TextEdit(lsp_range(one.span), one.text))
        if not rename.effects:
            return lsp.WorkspaceEdit(changes=edits)
        told = "\n".join(rename.effects)
        if not self._asks_before_edits:
            self._server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, f"{rename.title}.\n{told}"))
            return lsp.WorkspaceEdit(changes=edits)
        annotation = lsp.ChangeAnnotation(rename.title, needs_confirmation=True, description=told)
        documents = [
            lsp.TextDocumentEdit(
                lsp.OptionalVersionedTextDocumentIdentifier(uri, self._documents.version(self._documents.path(uri))),
                [lsp.AnnotatedTextEdit("rename", one.range, one.new_text) for one in own],
            )
            for uri, own in edits.items()
        ]
        return lsp.WorkspaceEdit(document_changes=documents, change_annotations={"rename": annotation})

    @property
    def _asks_before_edits(self) -> bool:
        workspace = self._server.client_capabilities.workspace
        edit = workspace and workspace.workspace_edit
        return bool(edit and edit.document_changes and edit.change_annotation_support)

    # ---- costs ------------------------------------------------------------------------------------------------------

    def initialize(self, params: lsp.InitializeParams) -> None:
        self._configure(params.initialization_options)

    def configured(self, params: lsp.DidChangeConfigurationParams) -> None:
        settings = params.settings
        if isinstance(settings, dict) and isinstance(settings.get("specc"), dict):
            self._configure(settings["specc"])
            workspace = self._server.client_capabilities.workspace
            if workspace and workspace.code_lens and workspace.code_lens.refresh_support:
                self._server.workspace_code_lens_refresh(None)

    def _configure(self, options: object) -> None:
        """Take the options that are specc's own; an editor may send others."""
        sizes = options.get("sizes") if isinstance(options, dict) else None
        if sizes is None:
            return
        try:
            self._sizes = read_sizes(sizes)
        except UsageError as error:
            self._server.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Warning, str(error)))

    def lenses(self, params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        path = self._documents.path(params.text_document.uri)
        return [
            lsp.CodeLens(lsp_range(one.model.name_span), lsp.Command(one.text, ""))  # a text, and no command
            for one in self._models(path, self._workspace().tree(path))
        ]

    def symbols(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        path = self._documents.path(params.text_document.uri)
        file = self._workspace().tree(path)
        return [_symbol(one) for one in outline(file, details(file, self._models(path, file)))] if file else []

    def names(self, params: lsp.WorkspaceSymbolParams) -> list[lsp.WorkspaceSymbol]:
        """The models, blocks and lets of all specs in the editor's folders whose names have the letters asked for."""
        workspace = self._workspace()
        paths = dict.fromkeys(self._documents.texts)
        paths |= dict.fromkeys(islice(specs_below(self._documents.files.folders, self._documents.files), MOST_FILES))
        found = []
        for path in map(self._documents.files.absolute, paths):
            source = workspace.source(path)
            if source is None:
                self._outlines.pop(path, None)
                continue
            known = self._outlines.get(path)
            if known is None or known[0].text != source.text:
                file = workspace.tree(path)
                self._outlines[path] = known = source, tuple(outline(file)) if file else ()
            found += [
                lsp.WorkspaceSymbol(self._location(one.place), one.name, _SYMBOLS[one.kind])
                for one in known[1]
                if has_letters(one.name, params.query)
            ]
        return found[:_MOST_NAMES]

    def _models(self, path: str, file: ast.File | None) -> list[SizedModel]:
        files = self._documents.files
        sizes = chosen_sizes(path, files, self._sizes)
        return sized_models(file, files, sizes, self._documents.models) if file else []

    # ---- what the answers are made of -------------------------------------------------------------------------------

    def _workspace(self) -> Workspace:
        """The files as they are now."""
        return Workspace(self._documents.files, self._documents.texts, self._documents.models, self._bindings)

    def _at(
        self, answer: Callable[[Workspace, str, int], list[T]], params: lsp.TextDocumentPositionParams | Any
    ) -> list[T]:
        workspace, path = self._workspace(), self._documents.path(params.text_document.uri)
        source = workspace.source(path)
        return answer(workspace, path, offset_of(source, params.position)) if source else []

    def _location(self, span: Span) -> lsp.Location:
        return lsp.Location(self._documents.uri(self._documents.files.absolute(span.source.name)), lsp_range(span))


def _refused(error: UsageError) -> JsonRpcException:
    """What an editor shows in place of an answer."""
    return JsonRpcException(str(error), lsp.LSPErrorCodes.RequestFailed)


def _symbol(symbol: NamedPlace) -> lsp.DocumentSymbol:
    inner = [_symbol(one) for one in symbol.inner]
    whole, place = lsp_range(symbol.whole), lsp_range(symbol.place)
    return lsp.DocumentSymbol(
        symbol.name, _SYMBOLS[symbol.kind], whole, place, detail=symbol.costs or None, children=inner
    )
