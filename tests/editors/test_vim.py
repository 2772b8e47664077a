"""Vim's syntax file in Vim and in Neovim, against the language's own lexer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from specc.highlighting.roles import roles
from specc.highlighting.vim import GROUPS
from specc.syntax import read
from tests.highlighting.test_roles import CASES, HALF_WRITTEN, ROOT

PLUGIN = ROOT / "editors" / "vim"
HERE = Path(__file__).parent
NEOVIM = shutil.which("nvim", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])) or "nvim"
"""That of requirements-editors.txt, before any other."""

pytestmark = pytest.mark.editor


@pytest.fixture(params=["vim", "nvim"])
def vim(request: pytest.FixtureRequest) -> list[str]:
    """The editor, started without anything of the user's."""
    if request.param == "nvim":
        return [NEOVIM, "--clean", "-n", "-es"]
    if not shutil.which("vim"):
        pytest.skip("Vim is not installed: apt-get install vim")
    return ["vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-es"]


def scripted(vim: list[str], script: Path, **variables: Path) -> None:
    environment = {**os.environ, **{f"SPECC_{name.upper()}": str(path) for name, path in variables.items()}}
    done = subprocess.run(
        [*vim, "-S", script], env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr


def by_lexer(text: str) -> list[tuple[int, int, str]]:
    """The line, the column in bytes, and the role of every character that is no blank."""
    found = []
    for role, start, end in roles(text):
        for place in range(start, end):
            if not text[place].isspace():
                line = text.rfind("\n", 0, place) + 1
                before = len(text[line:place].encode())
                found += [
                    (text.count("\n", 0, place) + 1, before + 1 + byte, role if role in GROUPS else "")
                    for byte in range(len(text[place].encode()))
                ]
    return found


def test_every_character_of_every_spec_has_the_group_of_its_role(vim: list[str], tmp_path: Path) -> None:
    texts = {name: text for name, text in CASES.items() if text.isascii() and len(text) < 6000}
    texts |= {name: text for name, (text, _) in HALF_WRITTEN.items()}
    files = [tmp_path / f"{number}.cnn" for number in range(len(texts))]
    for file, text in zip(files, texts.values(), strict=True):
        file.write_bytes(text.encode())
    (tmp_path / "files").write_text("\n".join(map(str, files)))
    scripted(vim, HERE / "colours.vim", plugin=PLUGIN, files=tmp_path / "files", found=tmp_path / "found")
    wrong = []
    parts = (tmp_path / "found").read_text().split("FILE ")[1:]
    for (name, text), part in zip(texts.items(), parts, strict=True):
        kind, *lines = part.splitlines()
        assert kind == "specc"
        found = {
            (int(line), int(column)): re.sub(r"In[A-Z]\w*$", "", group).removeprefix("specc").lower()
            for line, column, group in (entry.split(" ") for entry in lines)
        }
        for line, column, role in by_lexer(text):
            if found[line, column] != role:
                wrong.append(f"{name}:{line}:{column}: {text.splitlines()[line - 1]!r} {role} {found[line, column]}")
                break
    assert not wrong, "\n".join(wrong)


def test_lines_are_indented_as_specc_fmt_does(vim: list[str], tmp_path: Path) -> None:
    texts = {path.name: read(path).text.rstrip("\n") + "\n" for path in sorted((ROOT / "examples").rglob("*.cnn"))}
    for name, text in texts.items():
        (tmp_path / name).write_text(re.sub(r"(?m)^[ ]+", "", text))
    (tmp_path / "files").write_text("\n".join(str(tmp_path / name) for name in texts))
    scripted(vim, HERE / "indents.vim", plugin=PLUGIN, files=tmp_path / "files")
    assert {name: (tmp_path / name).read_text() for name in texts} == texts
