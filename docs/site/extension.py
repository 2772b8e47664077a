"""What the site has besides Sphinx: codes and commands are links, headings keep their names, Chinese is searched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from click import Context
from docutils import nodes
from pygments.lexer import Lexer
from pygments.lexers.shell import BashLexer
from pygments.token import Generic
from sphinx.application import Sphinx
from sphinx.locale import get_translator
from sphinx.search.zh import SearchChinese
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from docs.site.pages import editions
from specc.cli.commands import cli
from specc.diagnostics import Code
from specc.highlighting.pygments_lexer import SpeccLexer

logger = logging.getLogger(__name__)
CODE = re.compile(r"\bS\d{4}\b")
SHOWN = re.compile(r"\b(error|warning)\[(S\d{4})\]")
EXPLAINED = re.compile(r"specc explain (S\d{4})")
DOCUMENT = re.compile(r"\bdocs/(\w+)\.md\b")
COMMAND = re.compile(r"specc (\w+)\b")
CHINESE = {
    "On this page": "本页内容",
    "Back to top": "回到顶部",
    "Previous": "上一页",
    "Next": "下一页",
    "Home": "首页",
    "Made with": "制作工具：",
    "Skip to content": "跳到正文",
}
COMMANDS = frozenset(cli.list_commands(Context(cli)))


def command_anchor(command: str) -> str:
    """Where docs/cli.md has it: convert and schema share a section."""
    return "convert-schema" if command in ("convert", "schema") else command


class HeadingNames(SphinxTransform):
    """A heading is linked to by its own words, as on GitHub, in every script: docutils would number Chinese ones."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        for section in self.document.findall(nodes.section):
            slug = section.get("slug")
            if slug and slug not in self.document.ids:
                section["ids"].insert(0, slug)
                self.document.ids[slug] = section


class CodeExamples(SphinxTransform):
    """The wrong and the right spec of a code are coloured, too: the document has them as texts, some being broken."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        if self.env.docname == "codes":
            for block in self.document.findall(nodes.literal_block):
                before = block.parent[block.parent.index(block) - 1]
                if before.astext() in ("Wrong:", "Right:"):
                    block["language"] = "cnn"


class SiteLinks(SphinxPostTransform):
    """``site:zh/index.html`` is a page of the site in another language."""

    default_priority = 400

    def run(self, **kwargs: Any) -> None:
        for reference in self.document.findall(nodes.reference):
            uri = reference.get("refuri", "")
            if uri.startswith("site:"):
                reference["refuri"] = up(self.env.docname) + uri.removeprefix("site:")


class PlaygroundLink(SphinxPostTransform):
    """The page about the playground leads to it, where it is a part of this site."""

    default_priority = 390

    def run(self, **kwargs: Any) -> None:
        if self.env.docname == "playground" and self.app.tags.has("playground"):
            link = nodes.reference("", "Open the playground", refuri="site:playground/index.html")
            title = next(self.document.findall(nodes.title))
            title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", "", link))


class CodesAndCommands(SphinxPostTransform):
    """``S0104`` leads to what the code means, ``specc show …`` to the options of the command."""

    default_priority = 410

    def run(self, **kwargs: Any) -> None:
        for node in [*self.document.findall(nodes.literal)]:
            if self.may_be_linked(node) and (target := self.of_literal(node.astext())):
                node.replace_self(self.link(target, node.deepcopy()))
        for text in [*self.document.findall(nodes.Text)]:
            if CODE.search(text) and self.may_be_linked(text) and not isinstance(text.parent, nodes.literal):
                text.parent.replace(text, [*self.of_text(text)])

    def may_be_linked(self, node: nodes.Node) -> bool:
        while node.parent is not None:
            node = node.parent
            if isinstance(node, nodes.reference | nodes.title | nodes.literal_block | nodes.raw):
                return False
        return True

    def of_literal(self, text: str) -> str | None:
        if CODE.fullmatch(text):
            return self.of_code(text)
        if explained := EXPLAINED.fullmatch(text):
            return self.of_code(explained[1])
        called = COMMAND.match(text)
        if called and called[1] in COMMANDS:
            return f"cli.html#{command_anchor(called[1])}"
        return None

    def of_text(self, text: nodes.Text) -> Iterator[nodes.Node]:
        end = 0
        for found in CODE.finditer(text):
            if found.start() > end:
                yield nodes.Text(text[end : found.start()])
            yield self.link(self.of_code(found[0]), nodes.Text(found[0]))
            end = found.end()
        if end < len(text):
            yield nodes.Text(text[end:])

    def of_code(self, code: str) -> str:
        if code not in {known.value for known in Code}:
            logger.warning("there is no code %s", code, location=self.env.docname)
        return f"codes.html#{code.lower()}"

    def link(self, target: str, shown: nodes.Node) -> nodes.reference:
        uri = address(target, self.env.docname, self.config.language)
        return nodes.reference("", "", shown, refuri=uri, internal=True)


def up(page: str) -> str:
    """From a page to the folder that has all languages."""
    return "../" * (page.count("/") + 1)


def address(target: str, page: str, language: str) -> str:
    """From a page to one that there is in English alone, as those of codes and commands."""
    if language != "en":
        return f"{up(page)}en/{target}"
    if target.startswith(f"{page}.html"):
        return target.removeprefix(f"{page}.html")
    return "../" * page.count("/") + target


class SearchPairs(SearchChinese):
    """Chinese in pairs of characters, in the index and in the query.

    Whatever a word is, its pairs are in the index, so that it is found. A dictionary would find the words that it has,
    and the query would have to be split by the same one.
    """

    language_name = "English"  # of the stemmer of Latin words: Sphinx 9.0 asks for a ChineseStemmer, and there is none
    latin: ClassVar[re.Pattern[str]] = re.compile(r"[a-zA-Z0-9_]+")
    han: ClassVar[re.Pattern[str]] = re.compile(r"[\u3400-\u9fff]+")
    js_splitter_code = r"""
function splitQuery(query) {
  const words = query.match(/[a-zA-Z0-9_]+/g) || [];
  for (const run of query.match(/[\u3400-\u9fff]+/g) || []) {
    if (run.length === 1) words.push(run);
    for (let i = 0; i + 1 < run.length; i++) words.push(run.slice(i, i + 2));
  }
  return words;
}
"""

    def split(self, input: str) -> list[str]:
        words = self.latin.findall(input)
        self.latin_terms.update(words)
        for run in self.han.findall(input):
            words += [*run, *(run[i : i + 2] for i in range(len(run) - 1))]
        return words

    def word_filter(self, word: str) -> bool:
        return len(word) > 1 or bool(self.han.match(word))


class ConsoleLexer(Lexer):
    """Commands behind ``$`` and what they print: Pygments' own takes a comment in a printed program for a prompt."""

    name = "Commands and what they print"

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        shell, place = BashLexer(), 0
        for line in text.splitlines(keepends=True):
            if line.startswith("$ "):
                yield place, Generic.Prompt, "$ "
                for at, kind, word in shell.get_tokens_unprocessed(line[2:]):
                    yield place + 2 + at, kind, word
            else:
                yield place, Generic.Output, line
            place += len(line)


def speak_chinese(app: Sphinx) -> None:
    """The words of the theme that Sphinx's own translation has not."""
    if not app.config.language.startswith("zh"):
        return

    def translated(text: str) -> str:
        return CHINESE.get(text.strip()) or translator.gettext(text)

    translator = get_translator()
    environment = app.builder.templates.environment  # type: ignore[attr-defined]
    environment.install_gettext_callables(translated, translator.ngettext, newstyle=True)


def add_page_facts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """What `switches.html` shows: the page in the other language, or where that one begins."""
    language = "zh" if app.config.language.startswith("zh") else "en"
    other = editions()["en" if language == "zh" else "zh"]
    page = pagename if pagename in other.pages.values() else "index"
    context["other_language"] = f"{up(pagename)}{other.language}/{page}.html"
    context["language_here"] = language
    context["site_root"] = f"../{up(pagename)}"
    context["playground"] = f"{up(pagename)}playground/index.html" if app.tags.has("playground") else ""


def link_shown_codes(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """What a command prints of a code, in a block, leads to its page as well."""

    def link(found: re.Match[str]) -> str:
        uri = address(f"codes.html#{found[2].lower()}", pagename, app.config.language)
        return f'{found[1]}[<a href="{uri}">{found[2]}</a>]'

    if "body" in context:
        context["body"] = SHOWN.sub(link, context["body"])


def prepare_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """A document that is named becomes a link, and a property begins with a sentence, whatever colons are in it.

    Napoleon takes what stands before a colon for the type of a property, but only in the first line that is not empty:
    that one is now a line end which does not count.
    """
    lines[:] = [DOCUMENT.sub(r":doc:`\1`", line) for line in lines]
    if what in ("attribute", "property"):
        lines.insert(0, "\\")


def leave_out_bare_fields(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """A field of a NamedTuple has no words but Python's own, "Alias for field number 0": its class tells of it."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(HeadingNames)
    app.add_transform(CodeExamples)
    app.add_post_transform(PlaygroundLink)
    app.add_post_transform(SiteLinks)
    app.add_post_transform(CodesAndCommands)
    app.add_search_language(SearchPairs)
    app.add_lexer("cnn", SpeccLexer)
    app.add_lexer("console", ConsoleLexer)
    app.connect("builder-inited", speak_chinese)
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)  # before Napoleon
    app.connect("autodoc-skip-member", leave_out_bare_fields)
    app.connect("html-page-context", add_page_facts)
    app.connect("html-page-context", link_shown_codes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
