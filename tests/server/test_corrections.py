"""Fixes that are offered: those that were tried, with what they change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specc.diagnostics import Edit, Fix, Safety
from specc.elaborate.model_cache import ModelCache
from specc.project.check import Checker
from specc.project.fixes import applied, puts_right
from specc.project.selection import CheckOptions
from specc.project.settings import Configuration
from specc.server import corrections
from specc.server.buffers import Buffers
from specc.server.corrections import Correction, Corrector
from specc.server.diagnosis import diagnosis
from specc.source import Source

NET = "model Net : [N, 3, 32, 32] -> [N, 10] {\n  stem: conv(8, 3)\n  flatten -> fc(10)\n}\n"
PATH = "/project/net.cnn"


def offered(text: str, at: str = "", path: str = PATH) -> list[Correction]:
    """What is offered where a word stands, or in all of the text; each has been applied, and its finding is gone."""
    files, models = Buffers({path: text}), ModelCache()
    place = text.index(at)
    found = Corrector(Source(path, text), files, models).tried(place, place if at else len(text))
    before = [one.sort_key for one in diagnosis(path, files).findings]
    for one in found:
        after = diagnosis(path, Buffers({path: applied(text, one.edits)})).findings
        assert len(after) < len(before)
    return found


def test_a_fix_is_offered_where_its_finding_is() -> None:
    text = NET.replace("flatten", "flaten")
    (one,) = offered(text, "laten")
    assert [(edit.span.text, edit.text) for edit in one.edits] == [("flaten", "flatten")]
    assert (one.is_safe, one.title) == (True, "`flatten` instead of `flaten`")
    assert offered(text, "stem") == []
    assert len(offered("- {model: M, input: [N, 3, 8, 8], body: [flaten]}\n", path="/project/net.cnn.yaml")) == 1


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (NET.replace("flatten -> ", ""), "may not be what was meant"),
        ("model M : [N, 32, 32, 3] {\n  conv(8, 3)\n}\n", "changes the model's input"),
    ],
)
def test_what_an_unsafe_fix_changes_is_said(text: str, title: str) -> None:
    found = [one for one in offered(text) if not one.is_safe]
    assert [one.caution for one in found] == [title]
    assert found[0].title.endswith(f" ({title})")


def test_a_fix_that_changes_names_of_weights_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "model M : [N, 3, 8, 8] {\n  conv(8, 3)\n  relu -> relu\n}\n"
    take = corrections.corrections

    def renaming(*args: object) -> list[Correction]:
        (one,) = take(*args)  # type: ignore[arg-type]
        source = one.edits[0].span.source
        return [one._replace(edits=(Edit(source.span(27, 27), "stem: "),), caution="unsafe")]

    monkeypatch.setattr(corrections, "corrections", renaming)
    monkeypatch.setattr(corrections, "puts_right", lambda *_: True)
    (one,) = Corrector(Source(PATH, text), Buffers({PATH: text}), ModelCache()).tried(0, len(text))
    assert one.caution == "changes the names of weights"


@pytest.mark.parametrize("edit", ["relu -> nonsense", "conv(9, 9)", "relu -> relu -> relu", "relu -> "])
def test_a_fix_that_helps_nothing_or_brings_another_finding_is_not_offered(edit: str) -> None:
    text = "model M : [N, 3, 8, 8] {\n  conv(8, 3)\n  relu -> relu\n}\n"
    source, files = Source(PATH, text), Buffers({PATH: text})
    checker = Checker(CheckOptions(Configuration(files=files)).configuration, files=files)
    result = checker.check(source)
    (finding,) = result.findings
    assert puts_right(finding, source, result, checker)
    place = source.span(text.index("relu"), text.index("\n}"))
    wrong = replace(finding, fix=Fix((Edit(place, edit),), Safety.SAFE))
    assert not puts_right(wrong, source, result, checker)


def test_all_safe_fixes_are_those_of_check_fix() -> None:
    text = NET.replace("flatten", "relu -> relu -> flaten").replace("conv(8", "convv(8")
    repair = Corrector(Source(PATH, text), Buffers({PATH: text}), ModelCache()).repair()
    assert (repair.text, repair.findings) == (NET.replace("flatten", "relu -> flatten"), 3)
    assert Corrector(Source(PATH, NET), Buffers({PATH: NET}), ModelCache()).repair().findings == 0
