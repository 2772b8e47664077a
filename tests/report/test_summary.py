"""The formats for people, to the character."""

from textwrap import dedent

import pytest

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.project.outcome import FileOutcome, Outcome, Uncalled
from specc.report.formats import outcome_text
from specc.report.snippets import Style
from specc.report.summary import statistics, summary
from specc.source import Source
from tests.report.outcomes import BIAS, DROPPED, KERNEL, MISSING, ONE, SAMPLES, TWO, outcome


def page(text: str) -> str:
    return dedent(text).strip("\n")


def sound(*files: tuple[int, bool]) -> Outcome:
    return Outcome(tuple(FileOutcome(f"{i}.cnn", *file, ()) for i, file in enumerate(files)), (), ())


def held(*names: str) -> Outcome:
    """Files whose only error the baseline holds back, and two beside them: one that fits, one of blocks alone."""
    wrong = [FileOutcome(name, 0, False, (), 1, baselined=(KERNEL,)) for name in names]
    return Outcome((*wrong, FileOutcome("y.cnn", 2, False, ()), FileOutcome("z.cnn", 0, True, ())), (), ())


FIX = "{} a fix: --fix tries it, and keeps it if it helps"


def test_full() -> None:
    assert outcome_text("full", ONE) == page("""
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
    assert outcome_text("concise", TWO) == page("""
        nets/tiny.cnn:4:12: error[S0104] kernel 5 is larger than its input of 2 x 2
        nets/wide.cnn:2:3: warning[S0505] maxpool leaves out the last 2 rows and columns
        nets/wide.cnn:3:3: warning[S0502] the bias of conv changes nothing
        1 error and 2 warnings in 2 of 2 files
        4 findings silenced by comments, the baseline or the selection of codes
        """)


MANY = [
    Diagnostic(Code.INPUT_DROPPED, "no", Label(Source(f"{i:02}.cnn", "x").span(0, 1)), severity=Severity.WARNING)
    for i in range(10)
]


def wrong(number: int) -> list[Diagnostic]:
    return [Diagnostic(Code.SYNTAX, "bad", Label(Source(f"e{i:02}.cnn", "x").span(0, 1))) for i in range(number)]


def test_errors_among_many_warnings_are_named_again() -> None:
    shown = outcome_text("full", outcome(*MANY, *wrong(2)))
    assert shown.endswith(
        page("""
        the errors among them:
          e00.cnn:1:1: error[S0002] bad
          e01.cnn:1:1: error[S0002] bad
        2 errors and 10 warnings in 12 of 12 files
        """)
    )
    assert "the errors among them" not in outcome_text("concise", outcome(*MANY, *wrong(2)))
    assert "\x1b[31m" in outcome_text("full", outcome(*MANY, *wrong(2)), Style(color=True)).split("among them")[1]


def test_of_many_errors_the_first_are_named_again() -> None:
    shown = outcome_text("full", outcome(*MANY, *wrong(30))).split("the errors among them:\n")[1].split("\n")
    assert (len(shown), shown[19:21]) == (22, ["  e19.cnn:1:1: error[S0002] bad", "  and 10 more"])
    assert outcome_text("full", outcome(*MANY, *wrong(20))).split("the errors among them:\n")[1].count("\n") == 20


@pytest.mark.parametrize("findings", [(*MANY[:9], *wrong(1)), MANY, wrong(20), (*MANY, MANY[0])])
def test_errors_are_named_once_where_they_are_not_lost(findings: list[Diagnostic]) -> None:
    assert "the errors among them" not in outcome_text("full", outcome(*findings))


def test_concise_is_one_line_for_each_finding_whatever_it_says() -> None:
    shown = outcome_text("concise", SAMPLES["nasty"]).split("\n")
    assert len(shown) == len(SAMPLES["nasty"].findings) + 2
    assert len(outcome_text("concise", SAMPLES["nasty"]).splitlines()) == len(shown)


def test_a_long_message_is_not_wrapped() -> None:
    long = Diagnostic(Code.SYNTAX, "word " * 200, Label(Source("a.cnn", "x").span(0, 1)))
    assert len(outcome_text("concise", outcome(long)).split("\n")) == 2


def test_colours_are_those_of_the_severity() -> None:
    first, second, *_ = outcome_text("concise", TWO, Style(color=True)).split("\n")
    assert "\x1b[31m\x1b[1merror[S0104]\x1b[0m" in first
    assert "\x1b[33m\x1b[1mwarning[S0505]\x1b[0m" in second


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Outcome((), (), ()), ""),
        (sound((1, False)), "1 file, 1 model: all fit together"),
        (sound((3, False), (4, False)), "2 files, 7 models: all fit together"),
        (sound((0, True)), "1 file of blocks alone, proven where they are called"),
        (
            sound((1, False), (0, True)),
            "2 files, 1 model: all fit together; 1 file of blocks alone, proven where they are called",
        ),
        (outcome(DROPPED), "1 warning in 1 of 1 file\n1 file, 1 model: all fit together"),
        (outcome(KERNEL, KERNEL, BIAS), "2 errors and 1 warning in 2 of 2 files"),
        (Outcome((), (MISSING,), ()), "1 path could not be checked"),
        (outcome(KERNEL, unreadable=(MISSING, MISSING)), "1 error in 1 of 1 file\n2 paths could not be checked"),
        (
            Outcome((FileOutcome("a.cnn", 1, False, (), 1),), (), ()),
            "1 file, 1 model: all fit together\n1 finding silenced by comments, the baseline or the selection of codes",
        ),
        (
            held("a.cnn"),
            "1 of 3 files is wrong, and the baseline holds its errors back; 2 models fit together; "
            "1 file of blocks alone, proven where they are called\n"
            "1 finding silenced by comments, the baseline or the selection of codes",
        ),
        (
            held("a.cnn", "b.cnn")._replace(files=held("a.cnn", "b.cnn").files[:2]),
            "2 of 2 files are wrong, and the baseline holds their errors back; 0 models fit together\n"
            "2 findings silenced by comments, the baseline or the selection of codes",
        ),
        (
            held("a.cnn", "b.cnn")._replace(findings=(KERNEL,)),
            "1 error in 0 of 4 files\nthe baseline holds back errors in 2 files\n"
            "2 findings silenced by comments, the baseline or the selection of codes",
        ),
        (outcome(KERNEL)._replace(fixable=1), "1 error in 1 of 1 file\n" + FIX.format("it has")),
        (
            outcome(KERNEL, BIAS)._replace(fixable=1),
            "1 error and 1 warning in 2 of 2 files\n" + FIX.format("1 of them has"),
        ),
        (
            outcome(DROPPED, BIAS)._replace(fixable=2),
            f"2 warnings in 1 of 1 file\n{FIX.format('2 of them have')}\n1 file, 1 model: all fit together",
        ),
        (
            outcome(KERNEL, BIAS)._replace(fixable=1, unsafe=1),
            f"1 error and 1 warning in 2 of 2 files\n{FIX.format('1 of them has')}\n"
            "1 of them has a fix that may not be what was meant: --fix --unsafe-fixes tries it",
        ),
    ],
)
def test_the_summary(given: Outcome, words: str) -> None:
    assert summary(given) == words
    assert outcome_text("full", given).endswith(words)


def uncalled(number: int) -> Outcome:
    return sound((1, False))._replace(uncalled=tuple(Uncalled(f"b{i}", "nets/a.cnn", 3 + i) for i in range(number)))


def test_blocks_that_were_not_proven_are_named() -> None:
    proven = "1 file, 1 model: all fit together\n"
    one = "1 block is called by no model here, and so not proven: b0 (nets/a.cnn:3)"
    assert summary(uncalled(1)) == proven + one
    assert "2 blocks are called by no model here, and so not proven: b0 (nets/a.cnn:3), b1 (nets/a.cnn:4)" in summary(
        uncalled(2)
    )
    assert summary(uncalled(10)).endswith(", b9 (nets/a.cnn:12)")
    assert summary(uncalled(12)).endswith(", b9 (nets/a.cnn:12), 2 more")


def test_they_are_not_named_where_models_are_wrong_or_missing() -> None:
    """A wrong model may be the one that comes to them; of a run over blocks alone nothing else was to be expected."""
    blocks = uncalled(1).uncalled
    for other in (outcome(KERNEL), held("a.cnn"), sound((0, True))):
        assert "not proven" not in summary(other._replace(uncalled=blocks))


def test_a_finding_of_an_imported_file_counts_where_it_is_met() -> None:
    """Two files import the block that is wrong: one finding, two files that do not fit."""
    files = tuple(FileOutcome(name, 0, False, (KERNEL,)) for name in ("a.cnn", "b.cnn"))
    assert summary(Outcome((*files, FileOutcome("c.cnn", 1, False, ())), (), (KERNEL,))) == "1 error in 2 of 3 files"


def test_statistics_name_the_most_frequent_first() -> None:
    assert statistics(Outcome((), (), ())) == ""
    shown = statistics(outcome(KERNEL, *(SAMPLES["nasty"].findings))).split("\n")
    assert [line.split("  ")[:2] for line in shown] == [["11", "S0002"], [" 1", "S0104"]]
    assert shown[1].endswith("is larger than what it slides over.")


@pytest.mark.parametrize("checked", [True, False])
def test_a_warning_of_an_imported_file_counts_where_it_stands(checked: bool) -> None:
    place = DROPPED.primary.span.source.name
    files = [FileOutcome(name, 1, False, (DROPPED,)) for name in ("u.cnn", "v.cnn", "w.cnn")]
    files += [FileOutcome(place if checked else "x.cnn", 1, False, (DROPPED,) if checked else ())]
    assert summary(Outcome(tuple(files), (), (DROPPED,))).startswith("1 warning in 1 of 4 files\n")
