"""The TextMate grammar in the engine of Visual Studio Code, against the language's own lexer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from specc.highlighting.roles import Role, roles
from specc.highlighting.textmate import SCOPES
from tests.highlighting.test_roles import CASES, HALF_WRITTEN, ROOT

HERE = Path(__file__).parent
EXTENSION = ROOT / "editors" / "vscode"

pytestmark = pytest.mark.editor


def colours(texts: list[str]) -> list[list[tuple[int, int, int, str]]]:
    task = {
        "grammar": str(EXTENSION / "syntaxes" / "specc.tmLanguage.json"),
        "modules": str(EXTENSION / "node_modules"),
        "texts": texts,
    }
    done = subprocess.run(
        ["node", HERE / "tokenise.mjs"], input=json.dumps(task), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[list[tuple[int, int, int, str]]] = json.loads(done.stdout)
    return found


def by_lexer(text: str) -> list[str]:
    """The scope of each character, as the language's own lexer has it; blanks have none."""
    return [
        "" if character.isspace() else SCOPES.get(role, "")
        for role, start, end in roles(text)
        for character in text[start:end]
    ]


def by_grammar(text: str, tokens: list[tuple[int, int, int, str]]) -> list[str]:
    lines = text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    found = [""] * len(text)
    for line, start, end, scope in tokens:
        for place in range(starts[line] + start, min(starts[line] + end, len(text))):
            found[place] = "" if text[place].isspace() else scope
    return found


def test_every_character_of_every_spec_has_the_scope_of_its_role() -> None:
    texts = {**CASES, **{name: text for name, (text, _) in HALF_WRITTEN.items()}}
    wrong = []
    for (name, text), tokens in zip(texts.items(), colours(list(texts.values())), strict=True):
        for place, (ours, theirs) in enumerate(zip(by_lexer(text), by_grammar(text, tokens), strict=True)):
            if ours != theirs:
                line = text.count("\n", 0, place)
                wrong.append(f"{name}:{line + 1}: {text.splitlines()[line]!r}: {text[place]!r} {ours} {theirs}")
                break
    assert not wrong, "\n".join(wrong)


def test_every_role_is_tried() -> None:
    assert {role for text in CASES.values() for role, *_ in roles(text)} == {*Role} - {Role.UNKNOWN}
