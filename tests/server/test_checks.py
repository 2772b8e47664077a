"""What is checked when a text changes, and what of it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from specc.server import checks, importers
from specc.server.checks import Checks, Shown
from specc.server.documents import Documents
from specc.server.importers import Importers

LIBRARY = "block unit(c) { conv(c, 3, padding=1) -> relu }\n"
SPEC = 'from "lib.cnn" import unit\nmodel Net : [N, 3, 32, 32] {\n  unit(16)\n}\n'


class Editor:
    """Documents with their checks, and what was shown of each: how many findings, the last time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.documents = Documents()
        self.checks = Checks(self.documents, Importers(self.documents.files), self._show)
        self.shown: dict[str, int | str] = {}
        self.all: list[str] = []
        (folder / ".git").mkdir(exist_ok=True)
        self.checks.search([str(folder)])

    def _show(self, path: str, shown: Shown) -> None:
        name = Path(path).name
        self.shown[name] = shown.problem or len(shown.findings)
        self.all.append(name)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def type(self, name: str, text: str) -> None:
        self.checks.later(self.documents.change(self.uri(name), text, 1))

    def close(self, name: str) -> None:
        self.checks.closed(self.documents.close(self.uri(name)))
        self.documents.forget(self.uri(name))

    async def rest(self) -> dict[str, int | str]:
        """What is shown when nothing is left to do."""
        while self.checks.is_busy:
            await asyncio.sleep(0)
        return self.shown


Work = Callable[[Editor], Awaitable[None]]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], None]:
    monkeypatch.setattr(checks, "PAUSE", 0)
    monkeypatch.setattr(checks, "PATIENCE", 0)

    async def run(work: Work) -> None:
        await work(Editor(tmp_path))

    return lambda work: asyncio.run(run(work))


def test_an_importer_that_is_not_open_is_checked_with_what_it_imports(
    tmp_path: Path, edit: Callable[[Work], None]
) -> None:
    for name in ("net.cnn", "build/net.cnn", ".hidden/net.cnn"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SPEC.replace("lib.cnn", "../lib.cnn" if "/" in name else "lib.cnn"))
    (tmp_path / "specc.toml").write_text('exclude = ["build"]\n')
    (tmp_path / "lib.cnn").write_text(LIBRARY)

    async def work(editor: Editor) -> None:
        editor.type("lib.cnn", LIBRARY.replace("unit", "union"))
        assert await editor.rest() == {"lib.cnn": 0, "net.cnn": 1}
        assert editor.all.count("net.cnn") == 1  # neither the excluded nor the hidden one
        editor.type("lib.cnn", LIBRARY)
        assert await editor.rest() == {"lib.cnn": 0, "net.cnn": 0}
        editor.type("lib.cnn", "block union { nonsense }\n")
        await editor.rest()
        editor.close("lib.cnn")  # what is on the disk is right
        assert await editor.rest() == {"lib.cnn": 0, "net.cnn": 0}

    edit(work)


def test_importers_of_importers_are_checked_in_both_forms(tmp_path: Path, edit: Callable[[Work], None]) -> None:
    (tmp_path / "lib.cnn").write_text(LIBRARY)
    (tmp_path / "middle.cnn.yaml").write_text("- {from: lib.cnn, import: [unit]}\n- {block: two, body: [unit: 8]}\n")
    (tmp_path / "net.cnn").write_text('from "middle.cnn.yaml" import two\nmodel M : [N, 3, 8, 8] { two }\n')

    async def work(editor: Editor) -> None:
        editor.type("lib.cnn", LIBRARY.replace("padding=1", "padding=-1"))
        assert (await editor.rest()).keys() == {"lib.cnn", "middle.cnn.yaml", "net.cnn"}
        assert editor.shown["lib.cnn"] == 1

    edit(work)


def test_a_file_that_comes_to_be_or_is_written_renews_what_imports_it(
    tmp_path: Path, edit: Callable[[Work], None]
) -> None:
    async def work(editor: Editor) -> None:
        editor.type("net.cnn", SPEC)
        assert await editor.rest() == {"net.cnn": 1}
        (tmp_path / "lib.cnn").write_text(LIBRARY)
        editor.checks.changed_on_disk([str(tmp_path / "lib.cnn")])
        assert (await editor.rest())["net.cnn"] == 0
        (tmp_path / "lib.cnn").unlink()
        editor.checks.changed_on_disk([str(tmp_path / "lib.cnn")])
        assert (await editor.rest())["net.cnn"] == 1
        (tmp_path / "specc.toml").write_text("nonsense = 1\n")
        editor.checks.changed_on_disk([str(tmp_path / "specc.toml")])
        problem = str((await editor.rest())["net.cnn"])
        assert problem.startswith(f"{tmp_path}/specc.toml: there is no setting nonsense; there are ")

    edit(work)


def test_what_was_found_in_an_older_text_is_not_shown(tmp_path: Path, edit: Callable[[Work], None]) -> None:
    """The importer's check has findings in the library, whose text goes on."""
    calls = "block unit(c) { conv(c, 99) }\n"

    async def work(editor: Editor) -> None:
        editor.type("lib.cnn", calls)
        editor.type("net.cnn", SPEC)
        assert (await editor.rest())["lib.cnn"] == 1
        editor.documents.change(editor.uri("lib.cnn"), "\n" + calls, 2)  # and no check was asked for
        editor.checks.later(str(tmp_path / "net.cnn"), is_new=False)
        editor.checks.closed(str(tmp_path / "net.cnn"))
        assert (await editor.rest())["lib.cnn"] == 0

    edit(work)


def test_while_one_types_nothing_is_shown_of_the_file(edit: Callable[[Work], None]) -> None:
    async def work(editor: Editor) -> None:
        editor.type("net.cnn", "model M : [N, 3, 8, 8] { conv(8, 3) }\n")
        await editor.rest()
        editor.all.clear()
        for _ in range(5):
            editor.type("net.cnn", "model M : [N, 3, 8, 8] { conv(8, 33) }\n")
        assert await editor.rest() == {"net.cnn": 1}
        assert editor.all == ["net.cnn"]

    edit(work)


def test_a_search_ends_where_a_folder_has_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importers, "MOST_FOLDERS", 3)
    monkeypatch.setattr(importers, "MOST_FILES", 2)
    for folder in "abcdef":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.cnn").write_text(SPEC.replace("lib.cnn", "../lib.cnn"))
    known = Importers(Documents().files)
    known.search([str(tmp_path)])
    assert known.of(f"{tmp_path}/lib.cnn") == [f"{tmp_path}/a/net.cnn", f"{tmp_path}/b/net.cnn"]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("untitled:Untitled-1", "Untitled-1.cnn"),
        ("untitled:Untitled-1?a[b", "Untitled-1.cnn"),
        ("git:/nowhere/net.cnn?%7B%22ref%22%3A%22HEAD%22%7D", "net.cnn"),
        ("vscode-notebook-cell:/nowhere/book.ipynb#W2sZmlsZQ", "book.ipynbW2sZmlsZQ.cnn"),
        ("untitled:%00", "untitled.cnn"),
        ("", "untitled.cnn"),
        ("http://[", "[.cnn"),
        ("untitled:/" + "a" * 5000, "a" * 100 + ".cnn"),
        ("untitled:net.cnn.yaml", "net.cnn.yaml"),
        ("file:", "untitled.cnn"),
    ],
)
def test_what_is_no_file_has_a_path_of_its_own(tmp_path: Path, uri: str, name: str) -> None:
    documents = Documents()
    documents.files.folders = (str(tmp_path),)
    path = documents.path(uri)
    assert path == documents.change(uri, "text", 1) == documents.path(uri) == f"{tmp_path}/{name}"
    assert documents.uri(path) == uri
    if len(name) < 100:
        assert documents.path(f"other:/nowhere/{name}") == f"{tmp_path}/2-{name}"
    documents.close(uri)
    documents.forget(uri)
    assert documents.path(uri) == path


@pytest.mark.parametrize("uri", ["file:///a/n%C3%A9%20t.cnn", "file://localhost/a/né t.cnn", "file:///a/b/../né t.cnn"])
def test_a_file_has_one_path_however_it_is_spelled(uri: str) -> None:
    assert Documents().path(uri) == "/a/né t.cnn"
