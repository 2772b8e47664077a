"""What leads through the files of a project, in the terms of the Language Server Protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

from specc.filesystem import FileSystem
from specc.server.folding import folds
from specc.server.ranges import lsp_range, offset_of
from specc.server.references import declarations, highlights, references
from specc.server.workspace import Workspace
from specc.source import Span

T = TypeVar("T")
_FOLDS = {
    "code": None,
    "comment": lsp.FoldingRangeKind.Comment,
    "imports": lsp.FoldingRangeKind.Imports,
}


class Navigation:
    """The answers to questions about names and parts of files.

    Args:
        texts: what is open in the editor, by absolute path.
        path, uri: which is which.

    Attributes:
        answers: by the name of the request.
    """

    def __init__(
        self,
        server: LanguageServer,
        files: FileSystem,
        texts: Mapping[str, str],
        path: Callable[[str], str],
        uri: Callable[[str], str],
    ) -> None:
        self._server = server
        self._files = files
        self._texts = texts
        self._path = path
        self._uri = uri
        self.answers: dict[str, Callable[[Any], object]] = {
            lsp.TEXT_DOCUMENT_DEFINITION: self.definition,
            lsp.TEXT_DOCUMENT_REFERENCES: self.references,
            lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT: self.highlights,
            lsp.TEXT_DOCUMENT_FOLDING_RANGE: self.folds,
        }

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
        workspace, path = self._workspace(), self._path(params.text_document.uri)
        source = workspace.source(path)
        found = folds(source, workspace.tree(path)) if source else []
        return [lsp.FoldingRange(one.first, one.last, kind=_FOLDS[one.kind]) for one in found]

    def _workspace(self) -> Workspace:
        return Workspace(self._files, self._texts)

    def _at(
        self, answer: Callable[[Workspace, str, int], list[T]], params: lsp.TextDocumentPositionParams | Any
    ) -> list[T]:
        workspace, path = self._workspace(), self._path(params.text_document.uri)
        source = workspace.source(path)
        return answer(workspace, path, offset_of(source, params.position)) if source else []

    def _location(self, span: Span) -> lsp.Location:
        return lsp.Location(self._uri(self._files.absolute(span.source.name)), lsp_range(span))
