"""The words of a finding are for people: mypy refuses code that reads them back."""

from __future__ import annotations

from pathlib import Path
from shutil import copy, copytree

import pytest

from specc.diagnostics import Code, Diagnostic, ImportFault, Label
from specc.source import Source

ROOT = Path(__file__).parents[2]
READING = """\
import re
from dataclasses import asdict
from specc.diagnostics import Code, Diagnostic, Label, SpecError, Suggestion

def asked(finding: Diagnostic, error: SpecError, label: Label) -> object:
    if finding.code is Code.SHAPE and finding.where and finding.suggestion:
        return finding.suggestion.names, finding.fact, finding.identity, finding.primary.span, label.span
    if str(finding.code) == f"{error.diagnostics[0].code}" and getattr(finding, "fix") is None and str(label.span):
        return str(ValueError("words")), Suggestion("wrod", ("word",), note="a note"), getattr(label, "span")
    return finding.with_note("a note").with_help("a help"), Diagnostic(Code.SHAPE, "words", label, notes=("more",))

def taken_apart(finding: Diagnostic, error: SpecError, label: Label) -> object:
    first = finding.message.split(" ")  # read
    if finding.message == "words" or "words" in label.text:  # read
        return re.match("the", error.diagnostics[0].message)  # read
    if any(note.endswith("!") for note in finding.notes):  # read
        return [text.upper() for text in finding.helps + finding.advice]  # read
    if next(label.text for label in finding.secondary):  # read
        return f"{finding.primary.text}"  # read
    match finding:
        case Diagnostic(message="words"):  # read
            return first
    return None

def by_another_way(finding: Diagnostic, error: SpecError | OSError, near: Suggestion | None, name: str) -> object:
    first = str(error)  # read
    second = f"{error}"  # read
    third = getattr(finding, "message")  # read
    fourth = getattr(finding, name)  # read
    fifth = near.text if near else ""  # read
    sixth = near and near.note  # read
    return first, second, third, fourth, fifth, sixth, repr(finding), asdict(finding)  # read
"""


def test_who_reads_them_back_is_refused(tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    # A package of what the snippet needs: mypy would follow the imports of the whole one.
    (tmp_path / "specc").mkdir()
    (tmp_path / "specc" / "__init__.py").touch()
    copy(ROOT / "specc" / "source.py", tmp_path / "specc")
    copytree(ROOT / "specc" / "diagnostics", tmp_path / "specc" / "diagnostics")
    snippet, settings = tmp_path / "snippet.py", tmp_path / "mypy.ini"
    snippet.write_text(READING, encoding="utf-8")
    settings.write_text(f"[mypy]\nplugins = {ROOT / '.ci' / 'mypy_words.py'}\nmypy_path = {tmp_path}\n")
    out, err, _ = api.run(["--config-file", str(settings), "--cache-dir", str(tmp_path / "cache"), str(snippet)])
    refused = {int(line.rsplit(".py:", 1)[1].split(":")[0]) for line in out.splitlines() if ": error: " in line}
    assert refused == {n for n, line in enumerate(READING.splitlines(), 1) if line.endswith("# read")}, out + err


def test_the_plugin_is_in_use() -> None:
    assert '".ci/mypy_words.py"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_a_finding_is_known_by_its_fact_or_its_words() -> None:
    """Where files have other names, an import has the same fault."""
    here, there = (Label(Source(name, "relu").span(0, 4)) for name in ("a.cnn", "b.cnn"))
    fault = ImportFault("lib.cnn")
    assert (
        Diagnostic(Code.IMPORT, "cannot read x/lib.cnn", here, fact=fault).identity
        == Diagnostic(Code.IMPORT, "cannot read y/lib.cnn", there, fact=fault).identity
    )
    assert Diagnostic(Code.SHAPE, "one", here).identity == Diagnostic(Code.SHAPE, "one", there).identity
    assert Diagnostic(Code.SHAPE, "one", here).identity != Diagnostic(Code.SHAPE, "another", here).identity
