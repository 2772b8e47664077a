"""Lints across files: what is imported, and where a finding in an imported block is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from specc.diagnostics import Code, Diagnostic
from specc.elaborate import check_file
from specc.lint import lint
from specc.syntax import parse, read
from tests.lint.test_corpus import linted

LAYERS = """\
let narrow = 8
let wide = 64
block down(c) { conv(c, 3, padding=1) -> relu -> maxpool(2) }
block idle(c) { conv(c, 1) -> dropout(0) -> relu }
block activated { relu -> conv(8, 1) }
block scores(n) { fc(n) -> softmax }
"""


@pytest.fixture(autouse=True)
def _layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("layers.cnn").write_text(LAYERS)


def of_file(text: str) -> list[Diagnostic]:
    Path("net.cnn").write_text(text)
    file = parse(read("net.cnn"))
    return lint(file, check_file(file))


def places(findings: list[Diagnostic]) -> list[tuple[str, str]]:
    return [(finding.code.value, str(finding.primary.span)) for finding in findings]


def test_an_import_that_nothing_uses() -> None:
    text = 'from "layers.cnn" import narrow, wide, down\n\nmodel M : [N, 3, 8, 8] { down(wide) }\n'
    (finding,) = of_file(text)
    assert (finding.code, finding.primary.span.text) == (Code.UNUSED_DEFINITION, "narrow")
    assert finding.message == "nothing in this file uses narrow"
    assert finding.helps == ("leave narrow out of the import, unless another file imports narrow from here",)
    assert finding.fix is None, "another file may take it from here"


@pytest.mark.parametrize(
    "use",
    [
        "conv(narrow, 1)",
        "[N, 3, narrow, 8] -> conv(2, 1)",
        "repeat narrow { conv(2, 1) }",
        "for c in [narrow] { conv(c, 1) }",
        "if narrow > 3 { conv(2, 1) } else { relu }",
        "if false { conv(narrow, 1) } else { relu }",
        "conv(1, 1)\nassert params < narrow",
        "shared s = conv(narrow, 1)\n s",
        "add { | conv(narrow, 1) | conv(8, 1) }",
        "{ let c = narrow\n conv(c, 1) }",
        "conv(max(narrow, 2), 1)",
    ],
)
def test_every_use_of_an_import_counts(use: str) -> None:
    text = f'from "layers.cnn" import narrow\n\nmodel M : [N, 3, 8, 8] {{ {use} }}\n'
    assert places(of_file(text)) == []


@pytest.mark.parametrize(
    "item",
    [
        "let other = 2 * narrow\nmodel M : [N, 3, 8, 8] { conv(2, 1) }",
        "default conv(groups = narrow)\nmodel M : [N, 8, 8, 8] { relu }",
        "block b(c = narrow) { conv(c, 1) }\nmodel M : [N, 3, 8, 8] { relu }",
        "model M(c = narrow) : [N, 3, 8, 8] { conv(c, 1) }",
        "model M : [N, narrow, 8, 8] { conv(2, 1) }",
        "model M : [N, 3, H, H] where H >= narrow { conv(2, 1) }",
    ],
)
def test_uses_outside_of_bodies_count(item: str) -> None:
    assert places(of_file(f'from "layers.cnn" import narrow\n{item}\n')) == []


@pytest.mark.parametrize(
    "hidden",
    [
        "model M(narrow = 4) : [N, 3, 8, 8] { conv(narrow, 1) }",
        "model M : [N, 3, 8, 8] { let narrow = 4\n conv(narrow, 1) }",
        "model M : [N, 3, 8, 8] { for narrow in [4] { conv(narrow, 1) } }",
        "block b(narrow) { conv(narrow, 1) }\nmodel M : [N, 3, 8, 8] { b(4) }",
    ],
)
def test_a_use_of_a_name_that_hides_the_import_does_not_count(hidden: str) -> None:
    assert places(of_file(f'from "layers.cnn" import narrow\n{hidden}\n')) == [("S0508", "net.cnn:1:26")]


def test_an_import_that_another_file_takes_from_here_is_told_of_this_file_alone() -> None:
    Path("middle.cnn").write_text('from "layers.cnn" import down\nmodel M : [N, 3, 8, 8] { relu }\n')
    assert of_file('from "middle.cnn" import down\nmodel M : [N, 3, 8, 8] { down(4) }\n') == []
    (finding,) = of_file(Path("middle.cnn").read_text())
    assert (finding.message, finding.fix) == ("nothing in this file uses down", None)
    assert finding.helps == ("leave the import out, unless another file imports down from here",)


def test_imports_of_a_library_may_be_there_to_be_imported() -> None:
    assert of_file('from "layers.cnn" import narrow, down\nblock mine(c) { conv(c, 1) }\n') == []


def test_a_step_that_is_idle_in_itself_is_told_where_it_stands() -> None:
    text = 'from "layers.cnn" import idle\nmodel M : [N, 3, 8, 8] { idle(8) }\n'
    assert places(of_file(text)) == [("S0501", "layers.cnn:4:31")]


def test_what_depends_on_the_caller_is_no_fault_of_the_imported_block() -> None:
    text = 'from "layers.cnn" import activated\nmodel M : [N, 3, 8, 8] { relu -> activated }\n'
    assert of_file(text) == []


def test_what_the_network_makes_of_an_imported_block_is_told_at_the_call() -> None:
    text = 'from "layers.cnn" import down, scores\nmodel M : [N, 3, 9, 8] {\n  down(8)\n  flatten -> scores(3)\n}\n'
    first, second = of_file(text)
    assert places([first, second]) == [("S0505", "net.cnn:3:3"), ("S0506", "net.cnn:4:14")]
    assert [str(label.span) for label in first.secondary] == ["layers.cnn:3:50"]


def test_a_network_of_one_long_chain_is_gone_through_step_by_step() -> None:
    """No walk back without end, no recursion."""
    steps = " -> ".join(["relu"] * 5_000)
    assert len(linted(f"model M : [N, 3] {{ {steps} }}")) == 4_999
    pools = " -> ".join(["maxpool(3, stride=1, padding=1)"] * 2_000)
    (finding,) = linted(f"model M : [N, 3, 8, 8] {{ relu -> {pools} -> relu -> conv(3, 1) }}")
    assert (finding.code, finding.primary.text) == (Code.NO_EFFECT, "what it takes is at least 0 already")
