"""What leads through files, asked by a client over stdio."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.server.test_protocol import Editor, with_editor

if TYPE_CHECKING:
    from lsprotocol import types as lsp

pytestmark = [pytest.mark.served, pytest.mark.filterwarnings("ignore")]  # of other libraries' Python

LIBRARY = "block unit(c) {\n  conv(c, 3) -> relu\n}\n"
SPEC = """\
from "lib.cnn" import unit
# \U0001d54a
model Net : [N, 3, 32, 32] {
  unit(8) -> "\U0001d54a": unit(16)
}
"""


def test_references_definitions_and_folds_are_those_of_the_buffers(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lib.cnn").write_text("block other(c) { conv(c, 3) }\n")  # what is open counts, not this
    (tmp_path / "third.cnn").write_text('from "lib.cnn" import unit\n')  # and of what is closed the disk

    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        editor.open("lib.cnn", LIBRARY)
        editor.open("net.cnn", SPEC)

        def places(found: object) -> list[tuple[str, int, int, int]]:
            assert isinstance(found, (list, tuple))
            return [
                (one.uri.rpartition("/")[2], one.range.start.line, one.range.start.character, one.range.end.character)
                for one in found
            ]

        (place,) = places(
            await client.text_document_definition_async(lsp.DefinitionParams(**editor.at("net.cnn", 3, 4)))
        )
        assert place == ("lib.cnn", 0, 6, 10)
        uses = [("net.cnn", 0, 22, 26), ("net.cnn", 3, 2, 6), ("net.cnn", 3, 19, 23)]
        for declares in (False, True):
            context = lsp.ReferenceContext(include_declaration=declares)
            params = lsp.ReferenceParams(context=context, **editor.at("net.cnn", 3, 20))
            expected = [*uses, *([place] if declares else []), ("third.cnn", 0, 22, 26)]
            assert places(await client.text_document_references_async(params)) == expected
        params = lsp.DocumentHighlightParams(**editor.at("net.cnn", 3, 20))
        found = await client.text_document_document_highlight_async(params)
        assert [(one.range.start.line, one.range.start.character) for one in found or ()] == [(0, 22), (3, 2), (3, 19)]
        (fold,) = (
            await client.text_document_folding_range_async(lsp.FoldingRangeParams(editor.document("lib.cnn"))) or ()
        )
        assert (fold.start_line, fold.end_line) == (0, 1)

    with_editor(tmp_path, work)


def written(edit: lsp.WorkspaceEdit | None) -> dict[str, list[tuple[int, int, str]]]:
    """The edits of one document each: line, first character and new text."""
    assert edit
    found = {uri: list(edits) for uri, edits in (edit.changes or {}).items()}
    for document in edit.document_changes or ():
        found[document.text_document.uri] = list(document.edits)  # type: ignore[union-attr, arg-type]  # no files
    return {
        uri.rpartition("/")[2]: [(one.range.start.line, one.range.start.character, one.new_text) for one in edits]
        for uri, edits in found.items()
    }


@pytest.mark.parametrize("asks", [False, True])
def test_a_rename_goes_through_all_files_and_says_what_it_does_to_weights(tmp_path: Path, asks: bool) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "lib.cnn").write_text(LIBRARY)

    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        shown: list[str] = []
        client.feature(lsp.WINDOW_SHOW_MESSAGE)(lambda params: shown.append(params.message))
        editor.open("net.cnn", SPEC)
        place = await client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**editor.at("net.cnn", 3, 3)))
        assert isinstance(place, lsp.PrepareRenamePlaceholder)
        assert (place.placeholder, place.range.start.character, place.range.end.character) == ("unit", 2, 6)
        edit = await client.text_document_rename_async(lsp.RenameParams(new_name="cell", **editor.at("net.cnn", 3, 3)))
        assert written(edit) == {
            "lib.cnn": [(0, 6, "cell")],
            "net.cnn": [(0, 22, "cell"), (3, 2, "cell"), (3, 19, "cell")],
        }
        told = "2 weights of Net get other names: unit1.conv1.weight becomes cell1.conv1.weight"
        assert edit
        if asks:
            (annotation,) = (edit.change_annotations or {}).values()
            assert (annotation.label, annotation.needs_confirmation) == ("the block unit becomes cell", True)
            assert (annotation.description or "").startswith(told)
            assert shown == []
        else:
            assert edit.change_annotations is None
            assert told in shown[0]
        with pytest.raises(Exception, match="cannot be renamed"):
            await client.text_document_prepare_rename_async(lsp.PrepareRenameParams(**editor.at("net.cnn", 2, 2)))
        with pytest.raises(Exception, match="conv is a layer, and the block unit would hide it"):
            await client.text_document_rename_async(lsp.RenameParams(new_name="conv", **editor.at("net.cnn", 3, 3)))

    with_editor(tmp_path, work, asks=asks)


def test_costs_stand_above_models_and_beside_symbols_at_the_sizes_that_are_chosen(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "lib.cnn").write_text(LIBRARY)
    text = "model Net : [N, 3, H, W] where H > 4, W > 4 {\n  stem: conv(8, 3)\n}\n"

    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        shown: list[str] = []
        client.feature(lsp.WINDOW_SHOW_MESSAGE)(lambda params: shown.append(params.message))
        editor.open("net.cnn", text)

        async def lens() -> str:
            (found,) = await client.text_document_code_lens_async(lsp.CodeLensParams(editor.document("net.cnn"))) or ()
            assert found.range.start.line == 0
            assert found.command
            return str(found.command.title)

        assert await lens() == "224 parameters, 7,776 MACs at H = 8, W = 8"  # 8 x 3 x 3 x 3 at 6 x 6 places
        for sizes in ({"H": 10, "W": 10}, {"H": "ten"}):
            client.workspace_did_change_configuration(lsp.DidChangeConfigurationParams({"specc": {"sizes": sizes}}))
        assert await lens() == "224 parameters, 13.82 k MACs at H = 10, W = 10"
        assert ["the option sizes must give sizes" in one for one in shown] == [True]
        params = lsp.DocumentSymbolParams(editor.document("net.cnn"))
        (model,) = await client.text_document_document_symbol_async(params) or ()
        assert isinstance(model, lsp.DocumentSymbol)
        assert [(one.name, one.detail) for one in model.children or ()] == [("stem", "224 parameters, 13.82 k MACs")]
        for query, names in {"": ["Net", "unit"], "ut": ["unit"], "x": []}.items():
            known = await client.workspace_symbol_async(lsp.WorkspaceSymbolParams(query)) or ()
            assert [one.name for one in known] == names

    with_editor(tmp_path, work, options={"sizes": {"H": 8, "W": 8}})


def test_places_are_counted_in_utf_16_whatever_the_client_likes_better(tmp_path: Path) -> None:
    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        text = 'model Net : [N, 3, 8, 8] { "\U0001d54a": relu -> stem: conv(8, 3) -> add { | _ | stem } }\n'
        editor.open("net.cnn", text)
        at = editor.at("net.cnn", 0, text.index("stem") + 1)  # the pair before it is two units
        found = await client.text_document_document_highlight_async(lsp.DocumentHighlightParams(**at))
        starts = [one.range.start.character for one in found or ()]
        assert starts == [text.index("stem") + 1, text.rindex("stem") + 1]

    with_editor(tmp_path, work)


def test_a_client_that_lies_is_answered_or_refused_and_the_server_goes_on(tmp_path: Path) -> None:
    (tmp_path / "lib.cnn").write_text(LIBRARY)

    async def work(editor: Editor) -> None:
        client, lsp = editor.client, editor.lsp
        draw = random.Random(11)
        editor.open("net.cnn", SPEC)
        codes: list[int | None] = []
        for _ in range(40):
            start = draw.randrange(len(SPEC))
            faulty = SPEC[:start] + draw.choice(["", "\r", "\0", "{", "\U0001d54a", '"', "("]) + SPEC[start + 5 :]
            editor.type("net.cnn", draw.choice([faulty, SPEC]))
            at = editor.at("net.cnn", draw.choice([0, 3, 4, 2**31 - 1]), draw.choice([0, 3, 19, 2**31 - 1]))
            context = lsp.ReferenceContext(include_declaration=True)
            await client.text_document_references_async(lsp.ReferenceParams(context=context, **at))
            await client.text_document_signature_help_async(lsp.SignatureHelpParams(**at))
            await client.text_document_code_lens_async(lsp.CodeLensParams(at["text_document"]))
            await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(at["text_document"]))
            await client.text_document_folding_range_async(lsp.FoldingRangeParams(at["text_document"]))
            name = draw.choice(["cell", "", "\0", "a b", "\U0001d54a", "x" * 10_000])
            try:
                await client.text_document_rename_async(lsp.RenameParams(new_name=name, **at))
            except Exception as error:  # noqa: BLE001  # pygls has several, all with the code of the answer
                codes.append(getattr(error, "code", None))
        assert len(codes) > 10
        assert set(codes) == {lsp.LSPErrorCodes.RequestFailed}
        nowhere = editor.at("nowhere.cnn", 0, 0)
        assert await client.text_document_rename_async(lsp.RenameParams(new_name="x", **nowhere)) is None
        assert not await client.text_document_code_lens_async(lsp.CodeLensParams(nowhere["text_document"]))

    with_editor(tmp_path, work)
