"""The documents as the site has them: where each becomes a page, and the links between them.

On GitHub a document is a file beside others; here it is a page of one language, and what it leads to is a page, a page
of the other language, a picture, or a file to download. What is written down is `navigation.toml`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "zh")
UNLISTED = {"docs/pypi.md"}
"""Documents that are no pages: the site begins with more than the package index shows."""

FENCED = re.compile(r"^```.*\n(?:(?!```).*\n)*```$", re.MULTILINE)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?![a-z]+:)([^)#\s]*)(#[^)\s]*)?\)")
SOURCE = re.compile(r'(<img [^>]*\bsrc=")([^"]+)"')


@dataclass(frozen=True)
class Part:
    """A heading of the navigation, and the documents below it."""

    title: str
    documents: list[str]


@dataclass(frozen=True)
class Edition:
    """The site in one language.

    Attributes:
        pages: the name of each document's page, without an ending.
        titles: what the navigation calls a page, where that is not its own title.
    """

    language: str
    index: str
    parts: list[Part]
    pages: dict[str, str]
    titles: dict[str, str] = field(default_factory=dict)


class BrokenLink(Exception):
    """A document leads to what is not there."""


def editions() -> dict[str, Edition]:
    """By language."""
    written = tomllib.loads((Path(__file__).parent / "navigation.toml").read_text(encoding="utf-8"))
    return {language: _edition(language, written) for language in LANGUAGES}


def _edition(language: str, written: dict[str, Any]) -> Edition:
    facts, names = written[language], written["pages"]
    parts, pages = [], {facts["index"]: names[facts["index"]]}
    for part in facts["parts"]:
        documents = list(part["documents"])
        if folder := part.get("chapters"):
            chapters = sorted(path.name for path in (ROOT / folder).glob("[0-9]*.md"))
            documents += [f"{folder}/{name}" for name in chapters]
            pages |= {f"{folder}/{name}": f"tutorial/{name.removesuffix('.md')}" for name in chapters}
        parts.append(Part(part["title"], documents))
        pages |= {name: names.get(name, Path(name).stem.lower()) for name in documents if name not in pages}
    return Edition(language, facts["index"], parts, pages, written["titles"])


def stage(edition: Edition, others: list[Edition], folder: Path) -> None:
    """Write the pages of an edition and all that they show into a folder, for Sphinx to read.

    What is as it was is left as it is, and what no page needs is removed.

    Raises:
        BrokenLink: a document leads to what is not there.
    """
    staging = _Staging(edition, others)
    files = {f"{page}.md": staging.page(document).encode() for document, page in edition.pages.items()}
    files |= {name: source.read_bytes() for name, source in staging.files.items()}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


class _Staging:
    def __init__(self, edition: Edition, others: list[Edition]) -> None:
        self.edition = edition
        self.others = others
        self.files: dict[str, Path] = {}
        """What pages show or offer besides: its name in the folder, and where it is."""

    def page(self, document: str) -> str:
        text = (ROOT / document).read_text(encoding="utf-8")
        parts, end = [], 0
        for fence in FENCED.finditer(text):
            parts += [self.linked(text[end : fence.start()], document), block(fence[0])]
            end = fence.end()
        parts.append(self.linked(text[end:], document))
        text = "".join(parts)
        if document == self.edition.index:
            text += "".join(self.navigation())
        return text

    def navigation(self) -> Iterator[str]:
        for part in self.edition.parts:
            names = "\n".join(map(self.entry, part.documents))
            yield f"\n```{{toctree}}\n:hidden:\n:caption: {part.title}\n\n{names}\n```\n"

    def title(self, document: Path) -> str:
        """What a document is called in a text, which is what the navigation calls it."""
        path = Path(os.path.normpath(ROOT / document))
        if not path.is_file() or not path.is_relative_to(ROOT):
            return document.name
        own = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        return self.edition.titles.get(path.relative_to(ROOT).as_posix(), own)

    def entry(self, document: str) -> str:
        page = f"/{self.edition.pages[document]}"
        title = self.edition.titles.get(document)
        return f"{title} <{page}>" if title else page

    def linked(self, text: str, document: str) -> str:
        """The text with its links as they are on the site."""

        def link(found: re.Match[str]) -> str:
            picture, words, target, anchor = found.groups(default="")
            if not target:
                return found[0]
            if words.rpartition("/")[2] == Path(target).name and target.endswith(".md"):
                words = self.title(Path(document).parent / target)  # a page has no file's name for its reader
            return f"{picture}[{words}]({self.target(target, anchor, document)})"

        def source(found: re.Match[str]) -> str:
            return f'{found[1]}{self.target(found[2], "", document)}"'

        return SOURCE.sub(source, LINK.sub(link, text))

    def target(self, target: str, anchor: str, document: str) -> str:
        path = Path(os.path.normpath(ROOT / Path(document).parent / target))
        if not path.is_relative_to(ROOT) or not path.is_file():
            raise BrokenLink(f"{document} leads to {target}, which is no file of this repository")
        name = path.relative_to(ROOT).as_posix()
        here = Path(self.edition.pages[document]).parent
        if name in self.edition.pages:
            return Path(os.path.relpath(f"{self.edition.pages[name]}.md", here)).as_posix() + anchor
        for other in self.others:
            if name in other.pages:
                return f"site:{other.language}/{other.pages[name]}.html{anchor}"
        if path.suffix == ".md":
            raise BrokenLink(f"{document} leads to {name}, which is no page: navigation.toml")
        self.files[f"files/{name}"] = path
        return Path(os.path.relpath(f"files/{name}", here)).as_posix()


def block(fence: str) -> str:
    """A fenced block as Sphinx reads it: with the name of its file above it."""
    first, _, rest = fence.partition("\n")
    language, *words = first.removeprefix("```").split() or [""]
    if language.startswith("{"):
        return fence
    name = words[-1] if words and words[-1] not in ("steps", "refused") else ""
    if not name:
        return f"```{language}\n{rest}"
    return f"```{{code-block}} {language}\n:caption: {name}\n\n{rest}"
