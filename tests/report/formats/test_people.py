"""The formats for people, to the character."""

from textwrap import dedent

import pytest

from specc.diagnostics import Code, Diagnostic, Label
from specc.project.outcome import FileOutcome, Outcome
from specc.report.formats import rendered
from specc.report.formats.statistics import statistics
from specc.report.formats.summary import summary
from specc.source import Source
from tests.report.formats.outcomes import BIAS, DROPPED, KERNEL, MISSING, ONE, SAMPLES, TWO, outcome


def page(text: str) -> str:
    return dedent(text).strip("\n")


def sound(*files: tuple[int, bool]) -> Outcome:
    return Outcome(tuple(FileOutcome(f"{i}.cnn", *file, ()) for i, file in enumerate(files)), (), ())


def test_full() -> None:
    assert rendered("full", ONE) == page("""
        error[S0104]: kernel 5 is larger than its input of 2 x 2
         --> nets/tiny.cnn:4:12
          |
        3 |   maxpool(2)
          |   ---------- the size has shrunk to 2 x 2 here: 4 > 2
        4 |   conv(64, kernel=5)
          |            ^^^^^^^^ needs at least 5 x 5
          |
          = note: (2 + 2*0 - 5)/1 + 1 = -2
          = help: padding=2 keeps 2 x 2
        1 error in 1 of 1 file
        """)


def test_concise() -> None:
    assert rendered("concise", TWO) == page("""
        nets/tiny.cnn:4:12: error[S0104] kernel 5 is larger than its input of 2 x 2
        nets/wide.cnn:2:3: warning[S0505] maxpool leaves out the last 2 rows and columns
        nets/wide.cnn:3:3: warning[S0502] the bias of conv changes nothing
        1 error and 2 warnings in 2 of 2 files
        4 findings silenced by comments, the baseline or the selection of codes
        """)


def test_concise_is_one_line_for_each_finding_whatever_it_says() -> None:
    shown = rendered("concise", SAMPLES["nasty"]).split("\n")
    assert len(shown) == len(SAMPLES["nasty"].findings) + 2
    assert len(rendered("concise", SAMPLES["nasty"]).splitlines()) == len(shown)


def test_a_long_message_is_not_wrapped() -> None:
    long = Diagnostic(Code.SYNTAX, "word " * 200, Label(Source("a.cnn", "x").span(0, 1)))
    assert len(rendered("concise", outcome(long)).split("\n")) == 2


def test_colours_are_those_of_the_severity() -> None:
    first, second, *_ = rendered("concise", TWO, color=True).split("\n")
    assert "\x1b[31m\x1b[1merror[S0104]\x1b[0m" in first
    assert "\x1b[33m\x1b[1mwarning[S0505]\x1b[0m" in second


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Outcome((), (), ()), ""),
        (sound((1, False)), "1 file, 1 model: all fit together"),
        (sound((3, False), (4, False)), "2 files, 7 models: all fit together"),
        (sound((0, True)), "1 file of blocks alone, proven where they are imported"),
        (
            sound((1, False), (0, True)),
            "2 files, 1 model: all fit together; 1 file of blocks alone, proven where they are imported",
        ),
        (outcome(DROPPED), "1 warning in 1 of 1 file\n1 file, 1 model: all fit together"),
        (outcome(KERNEL, KERNEL, BIAS), "2 errors and 1 warning in 2 of 2 files"),
        (Outcome((), (MISSING,), ()), "1 path could not be checked"),
        (outcome(KERNEL, unreadable=(MISSING, MISSING)), "1 error in 1 of 1 file\n2 paths could not be checked"),
        (
            Outcome((FileOutcome("a.cnn", 1, False, (), 1),), (), ()),
            "1 file, 1 model: all fit together\n1 finding silenced by comments, the baseline or the selection of codes",
        ),
    ],
)
def test_the_summary(given: Outcome, words: str) -> None:
    assert summary(given) == words
    assert rendered("full", given).endswith(words)


def test_a_finding_of_an_imported_file_counts_where_it_is_met() -> None:
    """Two files import the block that is wrong: one finding, two files that do not fit."""
    files = tuple(FileOutcome(name, 0, False, (KERNEL,)) for name in ("a.cnn", "b.cnn"))
    assert summary(Outcome((*files, FileOutcome("c.cnn", 1, False, ())), (), (KERNEL,))) == "1 error in 2 of 3 files"


def test_statistics_name_the_most_frequent_first() -> None:
    assert statistics(Outcome((), (), ())) == ""
    shown = statistics(outcome(KERNEL, *(SAMPLES["nasty"].findings))).split("\n")
    assert [line.split("  ")[:2] for line in shown] == [["11", "S0002"], [" 1", "S0104"]]
    assert shown[1].endswith("is larger than what it slides over.")
