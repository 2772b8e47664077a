"""The proof as one page that needs nothing else: no network, no script, no font."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files

from specc.diagnostics.words import encodable, plural, visible
from specc.report.parity import UNTRIED, cell, verdict
from specc.report.proof import words
from specc.report.proof.chart import chart
from specc.report.proof.subject import Subject
from specc.report.snippets import Style, render
from specc.verify.result import Parity, Row, StepRow
from specc.version import __version__

FOLDED = 40
"""Rows above which a table is folded away at first."""

MANY = 8
"""Checks of the whole network that hold, above which they are folded away at first."""

NOTE = re.compile(" *= (note|help): ")
"""How the first line below the spec's lines begins."""

LEGEND = (
    ('<circle class="onnx" cx="6" cy="6" r="3.5"/>', "ONNX Runtime"),
    ('<circle class="torch" cx="6" cy="6" r="4.5"/>', "PyTorch in float32"),
    ('<rect class="exact" x="2.5" y="2.5" width="7" height="7"/>', "exact: equal to the bit"),
    ('<path class="cross" d="M2 2L10 10M2 10L10 2"/>', "fails"),
)
"""The marks of the chart, and what they are."""


def html(parity: Parity, subject: Subject, style: Style, everything: bool) -> str:
    """The page. It has every row, and its reader chooses how it looks, whatever ``style`` and ``everything`` say."""
    title = _safe(subject.title)
    css = files(__package__).joinpath("page.css").read_text(encoding="utf-8").rstrip()
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # Whatever a spec is called, the page loads nothing and runs nothing.
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{_word(parity)}: {title}</title>",
            f"<style>\n{css}\n</style>\n</head>\n<body>\n<main>",
            *_body(parity, subject),
            f"<footer>specc {_safe(__version__)}</footer>\n</main>\n</body>\n</html>",
        )
    )


def _body(parity: Parity, subject: Subject) -> Iterator[str]:
    yield f"<h1>{_safe(subject.title)}</h1>"
    kind = "good" if parity.passed else "bad"
    yield f'<p class="verdict {kind}">{_safe(_sentence(verdict(parity, subject)))}</p>'
    yield from (f'<p class="note">Note: {_safe(note)}</p>' for note in parity.notes)
    yield from _cause(parity, subject)
    yield from _first(parity)
    yield from _steps(parity)
    yield from _whole(parity)
    yield from _tensors(parity)
    yield from _ran(parity, subject)


def _word(parity: Parity) -> str:
    if not parity.passed:
        return "Failed"
    return "Proven" if parity.tolerance is None else "Within tolerance"


def _cause(parity: Parity, subject: Subject) -> Iterator[str]:
    lines, title = [line.strip() for line in words.untried(parity)], "Why nothing was run"
    if not lines:
        lines, title = words.cause(parity, subject), "Other weights"
    if lines:
        items = "\n".join(f"<li>{_safe(line)}</li>" for line in lines[1:])
        notes = f"\n<ul>\n{items}\n</ul>" if items else ""
        yield f"<section>\n<h2>{title}</h2>\n<p>{_safe(_sentence(lines[0]))}</p>{notes}\n</section>"


def _first(parity: Parity) -> Iterator[str]:
    found = words.divergence(parity)
    if found is not None:
        shown = _scrolled(f"<pre>{_source(render([found]))}</pre>", "source")
        yield f"<section>\n<h2>The first step that diverges</h2>\n{shown}\n</section>"


def _source(text: str) -> str:
    """A finding: lines of the spec stay as they are, so that the marks below them do; words go on in the next line."""
    lines, is_note = [], False
    for place, line in enumerate(text.split("\n")):
        is_note = is_note or NOTE.match(line) is not None
        lines.append(f'<span class="words">{_safe(line)}</span>' if is_note or place == 0 else _safe(line))
    return "\n".join(lines)


def _steps(parity: Parity) -> Iterator[str]:
    if not parity.steps:
        return
    yield "<section>\n<h2>Every step by itself</h2>"
    yield f"<p>Each step of the file ran on PyTorch's own inputs to it. {_sentence(words.UNIT)}.</p>"
    yield f"<figure>\n{_scrolled(chart(parity.steps), 'chart of errors')}\n{_legend()}\n</figure>"
    count = words.files(parity)
    header = ("step", "layer", "line" if count == 1 else "place", "judged as", "runs", "ONNX", "PyTorch", "result")
    rows = [(_step(step, count), step.passed) for step in parity.steps]
    yield _folded(_table("Errors of the steps, as a part of what is allowed", header, rows, "4 5 6"), len(rows), "step")
    yield "</section>"


def _legend() -> str:
    keys = (f'<span class="key"><svg viewBox="0 0 12 12">{mark}</svg>{name}</span>' for mark, name in LEGEND)
    return "\n".join(("<figcaption>", *keys, "</figcaption>"))


def _step(step: StepRow, count: int) -> tuple[str, ...]:
    numbers = words.number(step.error_onnx), words.number(step.error_torch)
    result = step.reason or ("ok" if step.passed else "failed")
    return (cell(step), step.layer, words.place(step, count), step.rule, str(step.runs), *numbers, result)


def _whole(parity: Parity) -> Iterator[str]:
    yield "<section>\n<h2>The whole network</h2>"
    header = ("case", "batch", "optimised", "ONNX", "PyTorch", "allowed", "result")
    holding = [(_check(row), True) for row in parity.rows if row.passed]
    failing = [(_check(row), False) for row in parity.rows if not row.passed]
    caption = _sentence(words.WHOLE)
    if len(holding) <= MANY:
        yield _table(caption, header, [(_check(row), row.passed) for row in parity.rows], "1 3 4 5")
    else:
        yield from (_table(caption, header, rows, "1 3 4 5") for rows in (failing,) if rows)
        which = "that hold" if failing else "were made, and all hold"
        table = _table(caption, header, holding, "1 3 4 5")
        yield f"<details>\n<summary>{plural(len(holding), 'check')} {which}</summary>\n{table}\n</details>"
    yield "</section>"


def _check(row: Row) -> tuple[str, ...]:
    numbers = map(words.number, (row.error_onnx, row.error_torch, row.bound))
    batch = "" if row.batch is None else str(row.batch)
    reason = "" if row.case in UNTRIED else row.reason
    return (row.case, batch, words.optimised(row), *numbers, reason or ("ok" if row.passed else "failed"))


def _tensors(parity: Parity) -> Iterator[str]:
    if not parity.tensors:
        return
    yield f"<section>\n<h2>Tensors</h2>\n<p>{_safe(words.tensors(parity))}.</p>"
    rows = [((t.path, t.status, t.detail), t.status != "different") for t in words.not_same(parity)]
    if rows:
        yield _folded(
            _table("Tensors that are not the same", ("tensor", "status", "detail"), rows), len(rows), "tensor"
        )
    yield "</section>"


def _ran(parity: Parity, subject: Subject) -> Iterator[str]:
    nodes = [("nodes", f"{provider}: {found}") for provider, found in words.providers(parity)]
    facts = [((name, value), True) for name, value in (*words.evidence(subject), *parity.settings, *nodes)]
    if facts:
        yield f"<section>\n<h2>What it ran on</h2>\n{_table('Settings', ('setting', 'value'), facts)}\n</section>"


def _folded(table: str, rows: int, what: str) -> str:
    return table if rows <= FOLDED else f"<details>\n<summary>all {plural(rows, what)}</summary>\n{table}\n</details>"


def _table(caption: str, header: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]], right: str = "") -> str:
    """``right`` names the columns of numbers."""
    sides = ['class="number"' if str(place) in right.split() else "" for place in range(len(header))]
    head = "".join(f'<th scope="col" {side}>{_safe(name)}</th>' for name, side in zip(header, sides, strict=True))
    body = "\n".join(_line(cells, sides, passed) for cells, passed in rows)
    top = f"<table>\n<caption>{_safe(caption)}</caption>\n<thead><tr>{head}</tr></thead>"
    table = f"{top}\n<tbody>\n{body}\n</tbody>\n</table>"
    return _scrolled(table.replace(" >", ">"), caption)


def _line(cells: Sequence[str], sides: Sequence[str], passed: bool) -> str:
    first, *others = (_safe(cell) for cell in cells)
    rest = "".join(f"<td {side}>{cell}</td>" for cell, side in zip(others, sides[1:], strict=True))
    row = "<tr>" if passed else '<tr class="bad">'
    return f'{row}<th scope="row">{first}</th>{rest}</tr>'


def _scrolled(content: str, name: str) -> str:
    """What may be wider than the screen; the keyboard reaches it too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{_safe(name)}">\n{content}\n</div>'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _safe(text: str) -> str:
    """Text that may hold anything, as the page may hold it."""
    return escape(encodable(visible(text)))
