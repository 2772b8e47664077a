"""The site that `make docs-site` has built: what it links, and what a search in a browser finds."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from docs.site.links import Page, broken_links
from docs.site.links import read as read_page
from docs.site.pages import ROOT
from specc.cli.commands import help_text
from specc.diagnostics import Code
from specc.version import __version__

pytestmark = pytest.mark.published
SITE = ROOT / "build" / "site"
HERE = SITE / __version__
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def page(name: str) -> Page:
    return read_page(HERE / name)


def test_no_link_is_broken() -> None:
    assert broken_links(SITE) == []
    assert len([*HERE.rglob("*.html")]) > 50


def test_every_command_is_linked() -> None:
    commands = re.findall(r"^  (\w+)  ", help_text().partition("Commands:")[2], re.MULTILINE)
    assert len(commands) > 10
    linked = {link for link in page("en/cli.html").links if link.startswith("#")}
    for command in commands:
        assert linked & {f"#{command}", "#convert-schema"}, command
    assert "../cli.html#explain" in page("en/tutorial/05-sizes.html").links
    assert "../../en/cli.html#explain" in page("zh/tutorial/05-sizes.html").links


def test_every_code_is_linked() -> None:
    anchors = page("en/codes.html").anchors
    listed = page("en/language.html").links
    for code in Code:
        assert code.value.lower() in anchors
        assert f"codes.html#{code.value.lower()}" in listed
    assert "codes.html#s0108" in page("en/start.html").links  # in what a command prints
    assert "../../en/codes.html#s0506" in page("zh/tutorial/10-head-and-dropout.html").links


def test_specs_are_coloured() -> None:
    for name in ("en/codes.html", "en/start.html", "zh/language.html"):
        text = (HERE / name).read_text("utf-8")
        assert '<span class="k">model</span>' in text, name


def test_every_public_name_is_in_the_reference() -> None:
    import specc

    anchors = page("en/api.html").anchors
    public = {name for name in specc.__all__ if not name.startswith("_")}
    assert len(public) > 8
    for name in public:
        assert any(anchor.rpartition(".")[2] == name for anchor in anchors), name
    assert any(anchor.endswith("Model.to_onnx") for anchor in anchors)


def test_the_reference_says_what_docstrings_say() -> None:
    """A sentence is no type, even one with a colon; fields of tuples say nothing of themselves."""
    text = unescape(re.sub("<[^>]*>", "", (HERE / "en" / "api.html").read_text("utf-8")))
    assert "Alias for field" not in text
    assert "Bytes that inference needs at once for one sample: at each step" in re.sub(r"\s+", " ", text)
    assert not re.search(r"\bType:", text)


def test_a_page_leads_to_its_twin() -> None:
    assert "../../zh/tutorial/05-sizes.html" in page("en/tutorial/05-sizes.html").links
    assert "../../en/tutorial/05-sizes.html" in page("zh/tutorial/05-sizes.html").links
    assert "../zh/index.html" in page("en/cli.html").links


def test_the_playground_is_a_part_of_it() -> None:
    for name in ("en/index.html", "en/playground.html", "zh/index.html"):
        assert "../playground/index.html" in page(name).links
    assert (HERE / "playground" / "index.html").is_file()


def test_the_first_page_leads_to_the_newest_version() -> None:
    assert "latest/en/index.html" in read_page(SITE / "index.html").links
    assert (SITE / "latest" / "en" / "index.html").read_bytes() == (HERE / "en" / "index.html").read_bytes()
    assert f'"{__version__}"' in (SITE / "versions.json").read_text("utf-8")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=str(HERE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("language", "query", "first"),
    [
        ("en", "receptive field", "8. The receptive field"),
        ("en", "S0104", "Diagnostic codes"),
        (
            "zh",
            "感受野",
            "8. 感受野",
        ),  # a word, and one that is a part of another; two words; what stands in no dictionary
        ("zh", "积核在图", "1. 卷积核在图像上滑动"),
        ("zh", "填充 步幅", "5. 填充与步幅"),
        ("zh", "dropout", "10. 最后一层与 dropout"),
    ],
)
def test_a_search_finds(language: str, query: str, first: str, served: str, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert browser, f"none of {', '.join(BROWSERS)} is installed: apt-get install chromium"
    options = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    flags = [f"--{option}" for option in [*options.split(), "disable-component-update", "disable-sync"]]
    address = f"{served}/{language}/search.html?q={quote(query)}"
    command = [browser, *flags, f"--user-data-dir={tmp_path}", "--virtual-time-budget=20000", "--dump-dom", address]
    done = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    titles = re.findall(r'<li class="kind-\w+"><a [^>]*>(.*?)</a>', done.stdout)
    assert first in [unescape(re.sub("<[^>]*>", "", title)) for title in titles[:2]]
