"""The links of a folder of pages: each must lead to a page, an anchor or a file that is there.

Of what lies on other hosts only the form is looked at: no connection is opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

GENERATED = {"genindex.html", "search.html", "py-modindex.html"}


@dataclass
class Page(HTMLParser):
    """What a page leads to, and the anchors that it has."""

    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value or "")
            elif name in ("href", "src") and value is not None:
                self.links.append(value)


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken_links(folder: Path) -> list[str]:
    """Each as ``page: link: why``, in order."""
    pages = {path: read(path) for path in sorted(folder.rglob("*.html"))}
    return [
        f"{path.relative_to(folder).as_posix()}: {link}: {fault}"
        for path, page in pages.items()
        for link in dict.fromkeys(page.links)
        if (fault := _fault(link, path, pages))
    ]


def _fault(link: str, path: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        well_formed = ("." in parts.netloc or parts.hostname == "localhost") and " " not in link
        return None if well_formed else "no address of a host"
    if parts.scheme in ("data", "mailto"):
        return None
    if parts.scheme:
        return f"a link by {parts.scheme}"
    there = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    if there.is_dir():
        there /= "index.html"
    if not there.is_file():
        return "there is no such file"
    if parts.fragment and there in pages and unquote(parts.fragment) not in pages[there].anchors:
        return "the page has no such anchor"
    return None
