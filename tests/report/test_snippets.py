"""The look of diagnostics, to the character."""

import re
from textwrap import dedent

import click
import pytest

from specc.diagnostics import Code, Diagnostic, Label, Severity
from specc.report.snippets import PLAIN, Style, render
from specc.source import Source, Span


def place(source: Source, text: str, occurrence: int = 0) -> Span:
    start = -1
    for _ in range(occurrence + 1):
        start = source.text.index(text, start + 1)
    return source.span(start, start + len(text))


def shown(*labels: Label, style: Style = PLAIN) -> str:
    """Everything below the headline."""
    primary, *secondary = labels
    text = render([Diagnostic(Code.SYNTAX, "no", primary, tuple(secondary))], style)
    return text.split("\n", 1)[1]


def page(text: str) -> str:
    return dedent(text).strip("\n")


def test_the_example_of_the_design() -> None:
    source = Source("nets/tiny.cnn", "\n" * 12 + "  maxpool(2)\n  conv(64, kernel=5)\n")
    finding = Diagnostic(
        Code.KERNEL_TOO_LARGE,
        "kernel 5 is larger than its input of 2 x 2",
        Label(place(source, "kernel=5"), "needs at least 5 x 5"),
        (Label(place(source, "maxpool(2)"), "the size has shrunk to 2 x 2 here: 32 > 16 > 8 > 4 > 2"),),
        notes=("(2 + 2*0 - 5)/1 + 1 = -2",),
        helps=("padding=2 keeps 2 x 2",),
    )
    assert render([finding]) == page("""
        error[S0104]: kernel 5 is larger than its input of 2 x 2
          --> nets/tiny.cnn:14:12
           |
        13 |   maxpool(2)
           |   ---------- the size has shrunk to 2 x 2 here: 32 > 16 > 8 > 4 > 2
        14 |   conv(64, kernel=5)
           |            ^^^^^^^^ needs at least 5 x 5
           |
           = note: (2 + 2*0 - 5)/1 + 1 = -2
           = help: padding=2 keeps 2 x 2
        """)


def test_none_and_several() -> None:
    source = Source("a.cnn", "x\ny")
    finding = Diagnostic(Code.UNUSED, "one", Label(place(source, "y")), notes=("a\nb",), severity=Severity.WARNING)
    assert render([]) == ""
    expected = page("""
        warning[S0205]: one
         --> a.cnn:2:1
          |
        2 | y
          | ^
          |
          = note: a
                  b
        """)
    assert render([finding, finding]) == f"{expected}\n\n{expected}"


def test_labels_of_one_line_are_stacked() -> None:
    source = Source("a.cnn", "add(left, middle, right)")
    labels = [
        Label(place(source, "middle"), "the fault"),
        Label(place(source, "left"), "first"),
        Label(place(source, "right"), "last"),
        Label(place(source, "add")),
    ]
    assert shown(*labels) == page("""
         --> a.cnn:1:11
          |
        1 | add(left, middle, right)
          | --- ----  ^^^^^^  ----- last
          |     |     |
          |     |     the fault
          |     first
        """)


def test_labels_that_overlap() -> None:
    source = Source("a.cnn", "conv(3, 5)")
    assert shown(Label(place(source, "3"), "inner"), Label(place(source, "conv(3, 5)"), "outer")) == page("""
         --> a.cnn:1:6
          |
        1 | conv(3, 5)
          | -----^----
          | |    |
          | |    inner
          | outer
        """)
    assert shown(Label(place(source, "conv"), "name"), Label(place(source, "conv(3, 5)"), "call")) == page("""
         --> a.cnn:1:1
          |
        1 | conv(3, 5)
          | ^^^^------ call
          | |
          | name
        """)


def test_gaps_between_lines() -> None:
    source = Source("a.cnn", "one\ntwo\nthree\nfour\nfive\nsix\n")
    labels = [Label(place(source, "six")), Label(place(source, "one")), Label(place(source, "three"))]
    assert shown(*labels) == page("""
         --> a.cnn:6:1
          |
        1 | one
          | ---
        2 | two
        3 | three
          | -----
        ...
        6 | six
          | ^^^
        """)


def test_a_label_in_another_file() -> None:
    here, there = Source("a.cnn", "x\n" * 9 + "here"), Source("lib/b.cnn", "there")
    assert shown(Label(place(here, "here"), "a"), Label(place(there, "there"), "b")) == page("""
          --> a.cnn:10:1
           |
        10 | here
           | ^^^^ a
          ::: lib/b.cnn:1:1
           |
         1 | there
           | ----- b
        """)


def test_spans_of_several_lines_and_of_none() -> None:
    source = Source("a.cnn", "let x = [1,\n  2]\n")
    assert shown(Label(source.span(8, 16), "here")) == page("""
         --> a.cnn:1:9
          |
        1 | let x = [1,
          |         ^^^ here
        """)
    assert shown(Label(source.span(11, 11), "end")) == page("""
         --> a.cnn:1:12
          |
        1 | let x = [1,
          |            ^ end
        """)
    assert shown(Label(Source("a.cnn", "").span(0, 0))).endswith("1 |\n  | ^")
    assert shown(Label(source.span(17, 17))).endswith("3 |\n  | ^")


@pytest.mark.parametrize(
    ("line", "fault", "expected", "underline"),
    [
        ("\tx\ty", "y", "    x    y", "         ^"),
        ("let 卷 = y", "y", "let 卷 = y", "         ^"),
        ("卷积 y", "卷积", "卷积 y", "^^^^"),
        ("e\u0301 y", "y", "e\u0301 y", "  ^"),
        ("a\x1b[2J y", "y", r"a\x1b[2J y", "         ^"),
        ("a\u202e\u200by", "y", r"a\u202e\u200by", "             ^"),
        ("\ud800y", "y", r"\ud800y", "      ^"),
        ("x\r\n", "x", "x", "^"),
    ],
)
def test_columns(line: str, fault: str, expected: str, underline: str) -> None:
    rows = shown(Label(place(Source("a.cnn", line), fault))).split("\n")
    assert rows[-2:] == [f"1 | {expected}", f"  | {underline}"]


@pytest.mark.parametrize("at", [0, 79, 300, 5000, 99_999])
def test_long_lines_are_cut_to_a_window_around_the_fault(at: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(100_000))
    source = Source("a.cnn", text[:at] + "!" + text[at + 1 :])
    for unicode, cut in ((True, "…"), (False, "...")):
        *_, line, marks = shown(Label(source.span(at, at + 1), "here"), style=Style(unicode=unicode)).split("\n")
        assert line[marks.index("^")] == "!"
        shown_text = line[4:].removeprefix(cut).removesuffix(cut)
        assert len(shown_text) == 160
        assert shown_text in source.text
        assert line[4:].startswith(cut) == (at > 80)
        assert line.endswith(cut) == (at < 99_900)


def test_long_spans_and_far_labels_of_a_long_line() -> None:
    source = Source("a.cnn", "x" * 1000)
    *_, line, marks = shown(Label(source.span(300, 900)), Label(source.span(5, 6), "far")).split("\n")[:4]
    assert len(line) <= 170
    assert len(marks) <= 170
    assert "^" * 100 in marks


def test_ascii_only_is_added() -> None:
    source = Source("a.cnn", "x" * 500 + "\n" * 9 + "y" * 400)
    finding = Diagnostic(
        Code.SYNTAX, "no", Label(source.span(200, 201), "a"), (Label(source.span(700, 701), "b"),), ("n",), ("h",)
    )
    assert render([finding], Style(unicode=False)).isascii()
    assert not render([finding]).isascii()


def test_nothing_a_terminal_would_obey() -> None:
    source = Source("a\x1b[2J\nb.cnn", "x")
    finding = Diagnostic(Code.SYNTAX, "\x1b[31mred", Label(source.span(0, 1), "\x07"), notes=("\x9b",), helps=("\r",))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", render([finding]))
    assert r"a\x1b[2J\nb.cnn:1:1" in render([finding])


def test_color_adds_nothing_else() -> None:
    source = Source("a.cnn", "one\ntwo three\n")
    labels = [Label(place(source, "three"), "c"), Label(place(source, "two"), "b"), Label(place(source, "one"), "a")]
    finding = Diagnostic(Code.SYNTAX, "no", labels[0], tuple(labels[1:]), ("n",), ("h",))
    colored = render([finding], Style(color=True))
    assert "\x1b[31m" in colored
    assert [line.rstrip() for line in click.unstyle(colored).split("\n")] == render([finding]).split("\n")


def traced(fault: Label, *trace: Label, style: Style = PLAIN) -> str:
    finding = Diagnostic(Code.SYNTAX, "no", fault, notes=("n",), trace=trace)
    return render([finding], style).split("\n", 1)[1]


def test_the_calls_and_rounds_that_led_there() -> None:
    library = Source("lib/blocks.cnn", "\n" * 11 + "block unit(c) {\n  conv(c, 0)\n}\n")
    spec = Source("net.cnn", "for c in [8, 16] {\n  unit(c) -> relu\n}\nstage(unit)\n")
    trace = [
        Label(place(spec, "unit(c)"), "in unit(c = 8)"),
        Label(place(spec, "for c in [8, 16] "), "round 1 of 2: c = 8"),
        Label(place(spec, "stage(unit)"), "in stage(make = unit)"),
    ]
    assert traced(Label(place(library, "0"), "the fault"), *trace) == page("""
          --> lib/blocks.cnn:13:11
           |
        13 |   conv(c, 0)
           |           ^ the fault
           |
           = note: n
          ::: net.cnn:2:3
           |
         2 |   unit(c) -> relu
           |   ------- in unit(c = 8)
          ::: net.cnn:1:1
           |
         1 | for c in [8, 16] {
           | ---------------- round 1 of 2: c = 8
          ::: net.cnn:4:1
           |
         4 | stage(unit)
           | ----------- in stage(make = unit)
        """)


def test_calls_and_rounds_of_one_line_are_shown_together() -> None:
    spec = Source("net.cnn", "block unit(c) { repeat 2 { conv(c, 0) } }\nfor c in [8, 16] { unit(c) }\n")
    trace = [
        Label(place(spec, "repeat 2 "), "round 1 of 2"),
        Label(place(spec, "unit(c)", 1), "in unit(c = 8)"),
        Label(place(spec, "for c in [8, 16] "), "round 1 of 2: c = 8"),
    ]
    assert traced(Label(place(spec, "0"), "the fault"), *trace) == page("""
         --> net.cnn:1:36
          |
        1 | block unit(c) { repeat 2 { conv(c, 0) } }
          |                 --------           ^ the fault
          |                 |
          |                 round 1 of 2
          |
          = note: n
         ::: net.cnn:2:20
          |
        2 | for c in [8, 16] { unit(c) }
          | ----------------   ------- in unit(c = 8)
          | |
          | round 1 of 2: c = 8
        """)


@pytest.mark.parametrize(("length", "left_out"), [(1, 0), (8, 0), (9, 0), (10, 2), (100, 92)])
def test_a_long_chain_is_cut_in_the_middle(length: int, left_out: int) -> None:
    source = Source("a.cnn", "fault\n" + "".join(f"call{i}\n" for i in range(length)))
    trace = [Label(place(source, f"call{i}\n"), f"in call {i}") for i in range(length)]
    text = traced(Label(place(source, "fault")), *trace)
    places = [int(number) for number in re.findall(r"in call (\d+)$", text, re.MULTILINE)]
    whole = list(range(length))
    assert places == (whole if not left_out else whole[:5] + whole[-3:])
    assert (f"{left_out} more calls and rounds in between" in text) == bool(left_out)
    assert traced(Label(place(source, "fault")), *trace, style=Style(unicode=False)).isascii()


def test_each_mark_is_in_its_own_colour_and_so_are_its_words() -> None:
    """Red and yellow are for the place at fault, blue for what explains it: also beside and below it."""
    source = Source("net.cnn", "conv(16, 3) -> bn -> relu\n")
    fault, cause = Label(source.span(0, 11), "no use"), Label(source.span(15, 17), "- takes it away")
    for severity, color in ((Severity.WARNING, "yellow"), (Severity.ERROR, "red")):
        shown = render(
            [Diagnostic(Code.SHAPE, "m", fault, (cause,), severity=severity)], Style(color=True)
        ).splitlines()
        at_fault, explained = (click.style("", fg=c, bold=True)[: -len("\x1b[0m")] for c in (color, "blue"))
        assert f"{at_fault}^^^^^^^^^^^" in shown[4]
        assert f"{explained}-- - takes it away" in shown[4]
        assert f"{at_fault}|" in shown[5]
        assert f"{at_fault}no use" in shown[6]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_excerpts_fit_the_screen(width: int) -> None:
    text = " -> ".join(f"conv({i}, 3)" for i in range(10, 60))
    source = Source("net.cnn", text)
    for place in range(0, len(text), 37):
        at = source.span(place, min(place + 4, len(text)))
        _, _, _, line, marks = render([Diagnostic(Code.SHAPE, "m", Label(at))], Style(width=width)).splitlines()
        assert len(line) <= max(width, 40 + len("1 | ……"))
        left = marks.index("^")
        assert line[left : left + len(at.text)] == at.text
