"""What a message says to write instead has been tried: in its place it is right, in every corpus of wrong specs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specc.diagnostics import Code, Diagnostic, Edit, Safety, SpecError
from specc.elaborate import check_file
from specc.project.fixes import applied
from specc.source import Source
from specc.syntax import parse

TESTS = Path(__file__).parents[1]
REFUSED = sorted([*TESTS.glob("elaborate/corpus/refused/*.cnn"), *TESTS.glob("syntax/corpus/refused/*.cnn")])
MENDED = {
    "arithmetic_of_values": ["block scaled(c, x) { _ * c }", "x // y"],
    "brackets": [],
    "headers": [],
    "loops_and_conditions": ["model U : [N, 3, 8, 8] { conv(8 if in.channels > 2, 1) }"],
    "signs": [],
    "steps_of_python": ["model F : [N, 4] { tf.keras.layers.Dense(10)(in) }"],
    "words_of_keras": [],
    "words_of_pytorch": ["model Others : [N, 8, 32, 32] { conv2d(3, 16, 3) }"],
}
"""Specs whose lines have one meaning each, with those that have several."""


def findings(source: Source) -> tuple[Diagnostic, ...]:
    try:
        check_file(parse(source))
    except SpecError as error:
        return error.diagnostics
    return ()


def proposals(found: tuple[Diagnostic, ...]) -> list[Edit]:
    edits = {edit for f in found if f.fix and f.fix.safety is Safety.DISPLAY_ONLY for edit in f.fix.edits}
    return sorted(edits, key=lambda edit: edit.span.start)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_each_proposal_mends_what_it_is_for(path: Path) -> None:
    """One by one: the finding is gone, and in what is written nothing else is wrong. (Syntax hides what comes
    later.)
    """
    source = Source(path.name, path.read_bytes().decode())
    found = findings(source)
    known = [finding.identity for finding in found]
    for finding in found:
        for edit in proposals((finding,)):
            after = findings(Source(path.name, applied(source.text, [edit])))
            place = range(edit.span.start, edit.span.start + len(edit.text) + 1)
            inside = [f for f in after if f.primary.span.start in place]
            if finding.code == Code.SYNTAX:
                assert not [f for f in inside if f.code in (Code.SYNTAX, Code.BRACKETS)], edit
            else:
                assert not [f for f in inside if f.identity not in known], edit
            assert [f.identity for f in after].count(finding.identity) < known.count(finding.identity), edit


@pytest.mark.parametrize("name", MENDED)
def test_with_all_proposals_a_spec_checks(name: str) -> None:
    """A second round is for what the syntax of the first has hidden."""
    (path,) = (path for path in REFUSED if path.stem == name)
    source = Source(path.name, path.read_text())
    for _ in range(3):
        source = Source(path.name, applied(source.text, proposals(findings(source))))
    lines = source.text.splitlines()
    assert [lines[f.primary.span.position[0] - 1].strip() for f in findings(source)] == MENDED[name]


def test_with_the_axes_that_are_named_an_image_fits() -> None:
    """What is said of the axes that an input lacks, in place of its shape; a size that is open may be too small."""
    (path,) = (path for path in REFUSED if path.stem == "image_axes")
    lines = path.read_text().splitlines()
    meant: dict[int, str] = {}
    for finding in findings(Source(path.name, path.read_text())):
        for help_ in finding.advice:
            if shape := re.search(r"\bis (\[N, [^\]]*\])", help_):
                meant[finding.primary.span.position[0] - 1] = shape[1]
    assert len(meant) >= 10
    for line, shape in meant.items():
        text = re.sub(r"(?<= : )\[[^\]]*\]", shape, lines[line], count=1)
        assert {finding.code for finding in findings(Source(path.name, text))} <= {Code.UNPROVEN}, text


def test_with_the_weight_or_the_kernel_that_is_named_the_numbers_fit() -> None:
    """In place of the argument, and of the kernel's numbers behind the first."""
    (path,) = (path for path in REFUSED if path.stem == "fixed_weight_brackets")
    text = path.read_text()
    mended = text
    for finding in findings(Source(path.name, text)):
        call = text[text.rindex("\n", 0, finding.primary.span.start) : finding.primary.span.end]
        for help_ in finding.advice:
            if weight := re.search("`(weight=.*)`", help_):
                mended = mended.replace(call, call.replace(finding.primary.span.text, weight[1]))
            elif kernel := re.search("kernel=(.*)", help_):
                mended = mended.replace(call, re.sub(r"(?<=\(\d, )\d", kernel[1], call))
    left = findings(Source(path.name, mended))
    assert [f.primary.span.text for f in left] == ["weight=[[1, 2, 1]]"], mended  # who knows what was meant there
