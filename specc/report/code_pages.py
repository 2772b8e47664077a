"""What the diagnostic codes mean: a page for each, with a network that earns it and the same network put right.

A page is a file in ``pages``: the meaning in its first line, the reason, and fenced blocks. ``cnn wrong`` and
``cnn right`` are the two specs (``escaped``: with escapes for invisible characters), ``cnn NAME`` is a file
beside the right one, and ``toml`` the configuration that both are checked with.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, SpecError, UsageError
from specc.elaborate import check_file
from specc.lint import lint
from specc.project.budgets import budget_findings, read_budget
from specc.project.selection import IgnoreComments
from specc.report.snippets import render
from specc.source import Source
from specc.syntax import parse

NAME = "example.cnn"
"""What the examples are called."""

WIDTH = 88
"""Characters of a line of prose, here and in the pages."""

_PAGES = Path(__file__).parent / "pages"
_FENCE = re.compile(r"^```(.*)\n((?:(?!```).*\n)*)```\n?", re.MULTILINE)


class Page(NamedTuple):
    """The documentation of a code.

    Attributes:
        meaning: in a sentence.
        reason: why it is a mistake, or worth a warning; paragraphs of lines of at most 88 characters.
        wrong: a spec that earns the code.
        shown: the same as it is printed: with invisible characters as escapes.
        right: the same network put right.
        files: those that the right one imports, by name.
        configuration: the specc part of a pyproject.toml that both are checked with; empty where there is none.
    """

    meaning: str
    reason: str
    wrong: str
    shown: str
    right: str
    files: dict[str, str]
    configuration: str


def page(code: Code) -> Page:
    """The page of ``code``."""
    text = (_PAGES / f"{code}.md").read_text(encoding="utf-8")
    fences = {fence[1]: fence[2] for fence in _FENCE.finditer(text)}
    meaning, _, reason = _FENCE.sub("", text).strip().partition("\n\n")
    # Characters that no editor shows stand in the page as escapes: \u202e.
    escaped = fences.get("cnn wrong escaped", "")
    return Page(
        meaning,
        reason.strip(),
        escaped.encode("ascii").decode("unicode_escape") if escaped else fences["cnn wrong"],
        escaped or fences["cnn wrong"],
        fences["cnn right"],
        {mark.split()[1]: text for mark, text in fences.items() if mark.endswith(".cnn")},
        fences.get("toml", ""),
    )


def meaning(code: str) -> str | None:
    """The page of ``S0104`` for a terminal; None for what does not look like a code.

    Raises:
        UsageError: it looks like one, and there is no such code.
    """
    if not re.fullmatch(r"[Ss]\d{4}", code):
        return None
    if code.upper() not in set(Code):
        raise UsageError(f"there is no code {code.upper()}; they go from {min(Code)} to {max(Code)}")
    known = Code(code.upper())
    return "\n\n".join([fill(f"{known}: {page(known).meaning}", WIDTH), *_parts(known, _indented, str)])


def _parts(code: Code, block: Callable[[str, str], str], message: Callable[[str], str]) -> list[str]:
    """The page below the meaning.

    Args:
        block: the format of a text of a kind of file.
        message: the format of what specc prints.
    """
    about = page(code)
    parts = [about.reason, *([block(about.configuration, "toml")] if about.configuration else [])]
    parts += ["Wrong:", block(about.shown, "text"), message(example(code)), "Right:"]
    # The files that the right example needs come before it, each under its name.
    files = (about.files | {NAME: about.right}).items()
    return parts + [block(f"# {name}\n{text}" if about.files else text, "text") for name, text in files]


def _indented(text: str, kind: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.rstrip().splitlines())


def _fenced(text: str, kind: str = "text") -> str:
    return f"```{kind}\n{text.rstrip()}\n```"


def meanings() -> dict[Code, str]:
    """What every code means, in a sentence."""
    return {code: page(code).meaning for code in Code}


def example(code: Code) -> str:
    """The findings of ``code`` in its wrong example, as text."""
    about = page(code)
    return render(finding for finding in findings(about.wrong, about.configuration) if finding.code == code)


def findings(text: str, configuration: str = "", name: str = NAME) -> list[Diagnostic]:
    """The findings of `specc check` in a spec: errors, or else lints, budgets and comments that ignore nothing."""
    source = Source(name, text)
    try:
        file = parse(source)
        checked = check_file(file)
    except SpecError as error:
        return list(error.diagnostics)
    result = lint(file, checked)
    if configuration:
        budget = read_budget(tomllib.loads(configuration)["tool"]["specc"]["budget"], "pyproject.toml")
        for model, network in zip(file.models, checked, strict=True):
            result += budget_findings(network, model.name_span, budget)
    silence = IgnoreComments()
    shown = [finding for finding in result if not silence.is_silenced(finding)]
    return [*shown, *silence.wrong(source), *silence.unneeded(source, lambda _: True)]


def markdown() -> str:
    """docs/codes.md: every page."""
    head = (
        "# Diagnostic codes\n\nWhat `specc explain CODE` says. Written by `make docs` from the pages in "
        "`specc/report/pages`;\nboth examples of every page are executed in the tests. Codes from S0501 are lints: "
        "warnings about specs that fit.\n"
    )
    pages = ("\n\n".join([f"## {code}", page(code).meaning, *_parts(code, _fenced, _fenced)]) for code in Code)
    return head + "".join(f"\n{text}\n" for text in pages)


if __name__ == "__main__":
    sys.stdout.buffer.write(markdown().encode())
