"""What editors read of the grammar, as it is committed."""

from __future__ import annotations

import json

from specc.highlighting import textmate, vim
from specc.version import __version__
from tests.highlighting.test_roles import ROOT

EXTENSION = ROOT / "editors" / "vscode"


def test_the_textmate_grammar_is_that_of_the_language() -> None:
    committed = json.loads((EXTENSION / "syntaxes" / "specc.tmLanguage.json").read_text("utf-8"))
    assert committed == textmate.grammar(), "make grammar"


def test_the_syntax_file_of_vim_is_that_of_the_language() -> None:
    assert (ROOT / "editors" / "vim" / "syntax" / "specc.vim").read_text("utf-8") == vim.syntax(), "make grammar"


def test_the_extension_has_the_version_and_the_licence_of_specc() -> None:
    package = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    locked = json.loads((EXTENSION / "package-lock.json").read_text("utf-8"))
    assert package["version"] == locked["version"] == __version__
    assert (EXTENSION / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
