"""Outcomes to be shown: made by hand, made by specc from wrong specs, and drawn at random."""

from __future__ import annotations

import os

from hypothesis import strategies as st

from specc.diagnostics import Code, Diagnostic, Edit, Fix, Label, Safety, Severity, SpecError, Suggestion
from specc.elaborate import check_file
from specc.project.outcome import FileOutcome, Outcome, Unreadable
from specc.source import Source, Span
from specc.syntax import parse


def place(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return source.span(start, start + len(text))


def outcome(*findings: Diagnostic, unreadable: tuple[Unreadable, ...] = (), silenced: int = 0) -> Outcome:
    """One file for each source of a primary span, a model in each."""
    names = dict.fromkeys(finding.primary.span.source.name for finding in findings)
    files = [FileOutcome(name, 1, False, tuple(of(name, findings)), silenced) for name in names]
    return Outcome(tuple(files), unreadable, findings)


def of(name: str, findings: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    return [finding for finding in findings if finding.primary.span.source.name == name]


TINY = Source("nets/tiny.cnn", "# tiny\nmodel Tiny : [N, 3, 4, 4] {\n  maxpool(2)\n  conv(64, kernel=5)\n}\n")
KERNEL = Diagnostic(
    Code.KERNEL_TOO_LARGE,
    "kernel 5 is larger than its input of 2 x 2",
    Label(place(TINY, "kernel=5"), "needs at least 5 x 5"),
    (Label(place(TINY, "maxpool(2)"), "the size has shrunk to 2 x 2 here: 4 > 2"),),
    notes=("(2 + 2*0 - 5)/1 + 1 = -2",),
    helps=("padding=2 keeps 2 x 2",),
    fix=Fix((Edit(TINY.span(*(2 * [place(TINY, "kernel=5").end])), ", padding=2"),), Safety.SAFE),
)
WIDE = Source("nets/wide.cnn", "model Wide : [N, 3, 8, 8] {\n  maxpool(3)\n  conv(8, 3)\n    -> batchnorm\n}\n")
DROPPED = Diagnostic(
    Code.INPUT_DROPPED,
    "maxpool leaves out the last 2 rows and columns",
    Label(place(WIDE, "maxpool(3)")),
    severity=Severity.WARNING,
)
BIAS = Diagnostic(
    Code.BIAS_BEFORE_NORM,
    "the bias of conv changes nothing",
    Label(place(WIDE, "conv(8, 3)\n    -> batchnorm"), "batchnorm subtracts it\nagain"),
    notes=("8 parameters\nfor nothing",),
    severity=Severity.WARNING,
)
ONE = outcome(KERNEL)
TWO = outcome(KERNEL, DROPPED, BIAS, silenced=2)
MISSING = Unreadable("nets/gone.cnn", "cannot read nets/gone.cnn: no such file or directory")

NASTY = (
    "a%b%0Ac",
    "::error file=x::y",
    "##[add-mask]x",
    "k=v,k2=v2:z;]",
    "<![CDATA[ ]]> & \"quoted\" 'too' <tag/>",
    "line\nline\r\nline\rend",
    "\x1b[31mred\x1b[0m \x07\x00\x08\x0b",
    "emoji \U0001f600, combining e\u0301, right-to-left \u202e, separators \u2028 \u2029, \ufffe \uffff",
    "half \ud800 and \udc80 of characters",
    "{0} of {model} [text](0) C:\\folder\\",
    "tab\tand  spaces ",
)


def file_name(text: str) -> str:
    """A name that a file may have: bytes, where they are no UTF-8 as Python shows them."""
    return os.fsdecode(f"nets/{text}.cnn".encode("utf-8", "surrogatepass").replace(b"\0", b""))


def nasty() -> Outcome:
    """Text that some format could take for its own, in every field that has text."""
    findings = []
    for text in NASTY:
        source = Source(file_name(text), f"# {text}\nmodel 'a': {text}\n")
        label = Label(place(source, "model 'a'"), text)
        edit = Edit(label.span, text)
        findings.append(
            Diagnostic(
                Code.SYNTAX,
                text,
                label,
                (label,),
                (text,),
                (text, ""),
                (label, label),
                text,
                fix=Fix((edit, edit), Safety.SAFE),
            )
        )
    return outcome(*findings, unreadable=tuple(Unreadable(file_name(text), text) for text in NASTY))


def _empty_source() -> Outcome:
    source = Source("large.cnn", "")
    return outcome(Diagnostic(Code.UNREADABLE, "the file is too large for a spec", Label(source.span(0, 0))))


def _stdin() -> Outcome:
    return outcome(Diagnostic(Code.SYNTAX, "no", Label(Source("<stdin>", "x").span(0, 1))))


def _everything_specc_says() -> Outcome:
    """What specc itself says of wrong specs."""
    texts = (
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3) relu\n}\n",
        "model Net : [N, 3, 8, 8] {\n  maxpool(4)\n  conv(8, kernel=5)\n  cnov(3)\n}\n",
        "block b(c) {\n  conv(c, 3) -> fc(c)\n}\nmodel Net : [N, 3, 8, 8] {\n  repeat 2 {\n    b(4)\n  }\n}\n",
        "model Net : [N, 3, 8, 8] {\n  side: conv(8, 3)\n  in -> conv(4, 3)\n}\n",
    )
    findings: list[Diagnostic] = []
    for number, text in enumerate(texts):
        try:
            check_file(parse(Source(f"nets/wrong{number}.cnn", text)))
        except SpecError as error:
            findings += error.diagnostics
    assert len(findings) > len(texts)
    return outcome(*findings)


SAMPLES = {
    "nothing": Outcome((), (), ()),
    "sound": Outcome((FileOutcome("a.cnn", 2, False, ()), FileOutcome("b.cnn", 0, True, ())), (), ()),
    "only unreadable": Outcome((), (MISSING, MISSING, Unreadable("<stdin>", "standard input is closed")), ()),
    "one": ONE,
    "two": TWO,
    "all": outcome(KERNEL, DROPPED, BIAS, unreadable=(MISSING,)),
    "the same twice": outcome(KERNEL, KERNEL),
    "outside": outcome(Diagnostic(Code.SYNTAX, "no", Label(Source("/srv/a b/é.cnn", "x").span(0, 1)))),
    "above": outcome(Diagnostic(Code.SYNTAX, "no", Label(Source("../a:b.cnn", "x").span(0, 1)))),
    "empty source": _empty_source(),
    "standard input": _stdin(),
    "nasty": nasty(),
    "real": _everything_specc_says(),
}

_texts = st.text(st.characters(), max_size=12)
"""Any characters at all, halves of them and control characters too."""
_names = (_texts.map(file_name) | st.binary(min_size=1, max_size=6).map(os.fsdecode)).filter(
    lambda name: "\0" not in name
)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    names = draw(st.lists(_names, min_size=1, max_size=3, unique=True))
    sources = [Source(name, draw(_texts)) for name in names]
    findings = tuple(draw(st.lists(_findings(sources), max_size=4)))
    unreadable = tuple(Unreadable(name, message) for name, message in draw(st.lists(st.tuples(_names, _texts))))
    files = tuple(
        FileOutcome(
            name, draw(st.integers(0, 9)), draw(st.booleans()), tuple(of(name, findings)), draw(st.integers(0, 9))
        )
        for name in names
    )
    return Outcome(files, unreadable, findings)


@st.composite
def _findings(draw: st.DrawFn, sources: list[Source]) -> Diagnostic:
    def label() -> Label:
        source = draw(st.sampled_from(sources))
        start, end = sorted(draw(st.lists(st.integers(0, len(source.text)), min_size=2, max_size=2)))
        return Label(source.span(start, end), draw(_texts))

    def labels() -> tuple[Label, ...]:
        return tuple(label() for _ in range(draw(st.integers(0, 2))))

    edits = tuple(Edit(label.span, label.text) for label in labels())
    return Diagnostic(
        draw(st.sampled_from([Code.SHAPE, Code.SYNTAX])),
        draw(_texts),
        label(),
        labels(),
        tuple(draw(st.lists(_texts, max_size=2))),
        tuple(draw(st.lists(_texts, max_size=2))),
        labels(),
        draw(st.none() | _texts),
        draw(st.sampled_from(Severity)),
        Fix(edits, draw(st.sampled_from(Safety))) if edits else None,
        draw(st.none() | st.builds(Suggestion, _texts, st.tuples(_texts), st.sampled_from(Safety), _texts)),
    )


def text_between(text: str, start: tuple[int, int], end: tuple[int, int]) -> str:
    """What stands between two places (line and column, from 1), counted by hand."""
    lines = [line + "\n" for line in text.split("\n")]

    def offset(place: tuple[int, int]) -> int:
        return len("".join(lines[: place[0] - 1])) + place[1] - 1

    return text[offset(start) : offset(end)]
