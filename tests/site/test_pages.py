"""What of the site needs no Sphinx: every document is a page, links become those of the site, broken ones are found."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from docs.site.links import broken_links
from docs.site.pages import ROOT, UNLISTED, BrokenLink, Edition, Part, block, editions, stage

EDITIONS = editions()


def test_every_document_is_a_page() -> None:
    """A new one goes into docs/site/navigation.toml, where a reader looks for it."""
    patterns = ("*.md", "docs/*.md", "docs/tutorial/**/*.md", "docs/zh/*.md", "examples/*/README.md")
    documents = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)}
    listed = [name for edition in EDITIONS.values() for name in edition.pages]
    assert len(listed) == len({*listed})
    assert {*listed} - {"docs/site/api.md"} == documents - UNLISTED
    for edition in EDITIONS.values():
        assert {*edition.titles} <= {*listed}
        assert len({*edition.pages.values()}) == len(edition.pages)
        assert {*edition.pages} == {edition.index, *(name for part in edition.parts for name in part.documents)}


def test_every_document_is_in_the_list_of_all() -> None:
    """Who reads them on GitHub has no navigation."""
    listed = re.findall(r"\]\(([^)]+)\)", (ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    documents = {os.path.relpath(ROOT / "docs" / name, ROOT) for name in listed}
    pages = {name for edition in EDITIONS.values() for name in edition.pages}
    chapters = {name for name in pages if Path(name).name[0].isdigit()}
    indices = {edition.index for edition in EDITIONS.values()}
    assert pages - chapters - indices - documents == {"docs/README.md", "docs/site/api.md"}


@pytest.mark.parametrize("language", EDITIONS)
def test_the_documents_become_pages(language: str, tmp_path: Path) -> None:
    others = [edition for name, edition in EDITIONS.items() if name != language]
    stage(EDITIONS[language], others, tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")} == {
        f"{page}.md" for page in EDITIONS[language].pages.values()
    }
    index = (tmp_path / "index.md").read_text("utf-8")
    assert all(part.title in index for part in EDITIONS[language].parts)


class TestLinks:
    @pytest.fixture
    def edition(self) -> Edition:
        pages = {"docs/tutorial/en/01-sliding.md": "tutorial/01-sliding", "docs/cli.md": "cli"}
        return Edition("en", "README.md", [Part("All", [*pages])], pages)

    def staged(
        self, edition: Edition, text: str, document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> str:
        root, folder = tmp_path / "root", tmp_path / "pages"
        for name in (*edition.pages, "docs/tutorial/zh/01-sliding.md", "docs/pictures/seen.svg", "examples/a.py"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text if name == document else "# Title\n", encoding="utf-8")
        monkeypatch.setattr("docs.site.pages.ROOT", root)
        chinese = Edition("zh", "README.zh.md", [], {"docs/tutorial/zh/01-sliding.md": "tutorial/01-sliding"})
        stage(edition, [chinese], folder)
        return (folder / f"{edition.pages[document]}.md").read_text("utf-8")

    @pytest.mark.parametrize(
        ("written", "staged"),
        [
            ("[a](../../cli.md#check)", "[a](../cli.md#check)"),
            ("[docs/cli.md](../../cli.md)", "[Title](../cli.md)"),
            ("[a](../zh/01-sliding.md#x)", "[a](site:zh/tutorial/01-sliding.html#x)"),
            ("![a](../../pictures/seen.svg)", "![a](../files/docs/pictures/seen.svg)"),
            ('<img width="3" src="../../pictures/seen.svg">', '<img width="3" src="../files/docs/pictures/seen.svg">'),
            ("[`a[0]`](../../../examples/a.py)", "[`a[0]`](../files/examples/a.py)"),
            ("[a](https://example.org/cli.md)", "[a](https://example.org/cli.md)"),
            ("[a](#here)", "[a](#here)"),
            ("```text\n[a](nowhere.md)\n```", "```text\n[a](nowhere.md)\n```"),
        ],
    )
    def test_they_are_those_of_the_site(
        self, written: str, staged: str, edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = "docs/tutorial/en/01-sliding.md"
        assert self.staged(edition, f"{written}\n", document, tmp_path, monkeypatch) == f"{staged}\n"

    @pytest.mark.parametrize("target", ["nowhere.md", "../../../../outside.md", "pictures", "pypi.md"])
    def test_what_leads_nowhere_is_refused(
        self, target: str, edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "root" / "docs").mkdir(parents=True)
        (tmp_path / "root" / "docs" / "pypi.md").write_text("no page")
        with pytest.raises(BrokenLink, match=r"docs/cli\.md leads to"):
            self.staged(edition, f"[a]({target})\n", "docs/cli.md", tmp_path, monkeypatch)

    def test_what_is_no_page_any_more_goes(
        self, edition: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = tmp_path / "pages" / "old" / "page.md"
        old.parent.mkdir(parents=True)
        old.write_text("# Old\n")
        self.staged(edition, "# New\n", "docs/cli.md", tmp_path, monkeypatch)
        assert not old.parent.exists()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("```cnn\nx\n```", "```cnn\nx\n```"),
        ("```cnn steps\nx\n```", "```cnn\nx\n```"),
        ("```cnn refused\nx\n```", "```cnn\nx\n```"),
        ("```cnn refused net.cnn\nx\n```", "```{code-block} cnn\n:caption: net.cnn\n\nx\n```"),
        ("```python lenet.py\nx\n```", "```{code-block} python\n:caption: lenet.py\n\nx\n```"),
        ("```\nx\n```", "```\nx\n```"),
        ("```{eval-rst}\nx\n```", "```{eval-rst}\nx\n```"),
    ],
)
def test_a_block_has_the_name_of_its_file(written: str, shown: str) -> None:
    assert block(written) == shown


class TestBrokenLinks:
    PAGE = '<h1 id="top">a</h1><a href="b/c.html#x">c</a><a href="b/">b</a><img src="a.svg"><a href="https://example.org">e</a>'

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "b").mkdir()
        (tmp_path / "a.html").write_text(self.PAGE)
        (tmp_path / "a.svg").write_text("<svg/>")
        (tmp_path / "b" / "c.html").write_text('<p id="x"><a href="../a.html#top">a</a><a href="#x">x</a></p>')
        (tmp_path / "b" / "index.html").write_text("")
        return tmp_path

    def test_right_ones(self, folder: Path) -> None:
        assert broken_links(folder) == []

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ("b/c.html#x", "b/c.html#y"),
            ("b/c.html#x", "b/d.html"),
            ('href="b/"', 'href="d/"'),
            ("a.svg", "b.svg"),
            ("https://example.org", "https://example"),
            ("https://example.org", "https://"),
            ("https://example.org", "site:zh/index.html"),
        ],
    )
    def test_broken_ones(self, folder: Path, right: str, wrong: str) -> None:
        assert right in self.PAGE
        (folder / "a.html").write_text(self.PAGE.replace(right, wrong))
        (fault,) = broken_links(folder)
        assert fault.startswith("a.html: ")

    def test_a_file_that_goes(self, folder: Path) -> None:
        shutil.rmtree(folder / "b")
        assert len(broken_links(folder)) == 2
