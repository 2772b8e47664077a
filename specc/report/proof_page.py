"""The proof as one page that needs nothing else: no network, no script, no font; with the errors as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from math import ceil, floor, isfinite, log10

from specc.diagnostics.words import encodable, plural, visible
from specc.report import proof_wording as wording
from specc.report.notation import cut
from specc.report.proof_wording import UNTRIED, ProofSubject, number, verdict
from specc.report.snippets import Style, snippet
from specc.verify.result import Parity, Row, StepRow
from specc.version import __version__

FOLDED = 40
"""Rows above which a table is folded away at first."""

MANY = 8
"""Checks of the whole network that hold, above which they are folded away at first."""

LEGEND = (
    ('<circle class="onnx" cx="6" cy="6" r="3.5"/>', "ONNX Runtime"),
    ('<circle class="torch" cx="6" cy="6" r="4.5"/>', "PyTorch in float32"),
    ('<rect class="exact" x="2.5" y="2.5" width="7" height="7"/>', "exact: equal to the bit"),
    ('<path class="cross" d="M2 2L10 10M2 10L10 2"/>', "fails"),
)
"""The marks of the chart, and what they are."""


def html(parity: Parity, subject: ProofSubject, style: Style, everything: bool) -> str:
    """The page. It has every row, and its reader chooses how it looks, whatever ``style`` and ``everything`` say."""
    title = _safe(subject.title)
    css = files(__package__).joinpath("page.css").read_text(encoding="utf-8").rstrip()
    word = "Failed" if not parity.passed else "Proven" if parity.tolerance is None else "Within tolerance"
    nodes = [("nodes", f"{provider}: {names}") for provider, names in wording.providers(parity)]
    facts = [(fact, True) for fact in (*wording.identification(subject), *parity.settings, *nodes)]
    parts = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Whatever a spec is called, the page loads nothing and runs nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{word}: {title}</title>",
        f"<style>\n{css}\n</style>\n</head>\n<body>\n<main>",
        f"<h1>{title}</h1>",
        f'<p class="verdict {"good" if parity.passed else "bad"}">{_safe(_sentence(verdict(parity, subject)))}</p>',
        *(f'<p class="note">Note: {_safe(note)}</p>' for note in parity.notes),
        *_reasons(parity, subject),
        *_steps(parity),
        *_checks(parity),
        *_tensors(parity),
        _section("What it ran on", _table("Settings", ("setting", "value"), facts)) if facts else "",
        f"<footer>specc {_safe(__version__)}</footer>\n</main>\n</body>\n</html>",
    )
    return "\n".join(filter(None, parts))


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>"


def _reasons(parity: Parity, subject: ProofSubject) -> Iterator[str]:
    """Why nothing was run, or that the weights are others; and the first step that diverges, at its place."""
    title, untried = "Why nothing was run", [row for row in parity.rows if row.case in UNTRIED]
    lines = [line for row in untried for line in (row.reason, *row.faults)]
    if not lines:
        lines, title = wording.cause(parity, subject), "Other weights"
    if lines:
        items = "\n".join(f"<li>{_safe(line)}</li>" for line in lines[1:])
        notes = f"\n<ul>\n{items}\n</ul>" if items else ""
        yield _section(title, f"<p>{_safe(_sentence(lines[0]))}</p>{notes}")
    divergence = wording.divergence(parity)
    if divergence is not None:
        # Lines of the spec stay as they are, so that the marks below them do; words go on in the next line.
        shown = "\n".join(
            f'<span class="words">{_safe(line)}</span>' if is_words else _safe(line)
            for line, is_words in snippet(divergence)
        )
        source = _scrolled(f"<pre>{shown}</pre>", "source")
        yield _section("The first step that diverges", source)


def _steps(parity: Parity) -> Iterator[str]:
    if not parity.steps:
        return
    yield "<section>\n<h2>Every step by itself</h2>"
    yield f"<p>Each step of the file ran on PyTorch's own inputs to it. {_sentence(wording.UNIT)}.</p>"
    keys = [f'<span class="key"><svg viewBox="0 0 12 12">{mark}</svg>{name}</span>' for mark, name in LEGEND]
    legend = "\n".join(("<figcaption>", *keys, "</figcaption>"))
    yield f"<figure>\n{_scrolled(chart(parity.steps), 'chart of errors')}\n{legend}\n</figure>"
    header, cells = wording.step_table(parity)
    rows = [
        ((*row, step.reason or wording.result(step)), step.passed)
        for row, step in zip(cells, parity.steps, strict=True)
    ]
    header += ("result",)
    yield _folded(_table("Errors of the steps, as a part of what is allowed", header, rows, "4 5 6"), len(rows), "step")
    yield "</section>"


def _checks(parity: Parity) -> Iterator[str]:
    yield "<section>\n<h2>The whole network</h2>"

    def table(checks: Iterable[Row]) -> str:
        rows = []
        for row in checks:
            result = (row.case not in UNTRIED and row.reason) or wording.result(row)
            rows.append(((*wording.check_cells(row), result), row.passed))
        return _table(_sentence(wording.WHOLE), (*wording.CHECK_HEADER, "result"), rows, "1 3 4 5")

    holding = [row for row in parity.rows if row.passed]
    failing = [row for row in parity.rows if not row.passed]
    if len(holding) <= MANY:
        yield table(parity.rows)
    else:
        if failing:
            yield table(failing)
        which = "that hold" if failing else "were made, and all hold"
        yield f"<details>\n<summary>{plural(len(holding), 'check')} {which}</summary>\n{table(holding)}\n</details>"
    yield "</section>"


def _tensors(parity: Parity) -> Iterator[str]:
    if not parity.tensors:
        return
    yield f"<section>\n<h2>Tensors</h2>\n<p>{_safe(wording.tensors(parity))}.</p>"
    rows = [((t.path, t.status, t.detail), t.status != "different") for t in wording.not_same(parity)]
    if rows:
        table = _table("Tensors that are not the same", ("tensor", "status", "detail"), rows)
        yield _folded(table, len(rows), "tensor")
    yield "</section>"


def _folded(table: str, rows: int, what: str) -> str:
    return table if rows <= FOLDED else f"<details>\n<summary>all {plural(rows, what)}</summary>\n{table}\n</details>"


def _table(caption: str, header: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]], right: str = "") -> str:
    """Rows with whether they are well.

    Args:
        right: the columns of numbers, by their places.
    """
    sides = [' class="number"' if str(place) in right.split() else "" for place in range(len(header))]
    head = "".join(f'<th scope="col"{side}>{_safe(name)}</th>' for name, side in zip(header, sides, strict=True))
    body = []
    for cells, passed in rows:
        first, *others = map(_safe, cells)
        rest = "".join(f"<td{side}>{cell}</td>" for cell, side in zip(others, sides[1:], strict=True))
        row = "<tr>" if passed else '<tr class="bad">'
        body.append(f'{row}<th scope="row">{first}</th>{rest}</tr>')
    lines = "\n".join(body)
    top = f"<table>\n<caption>{_safe(caption)}</caption>\n<thead><tr>{head}</tr></thead>"
    return _scrolled(f"{top}\n<tbody>\n{lines}\n</tbody>\n</table>", caption)


def _scrolled(content: str, name: str) -> str:
    """What may be wider than the screen; the keyboard reaches it too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{_safe(name)}">\n{content}\n</div>'


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _safe(text: str) -> str:
    """Text that may hold anything, as the page may hold it."""
    return escape(encodable(visible(text)))


# ---- the chart: an SVG in the colours of the page ------------------------------------------------------

LOWEST = 1e-4
"""Errors below this part of what is allowed are drawn at the bottom."""

HIGHEST = 1e9
"""Errors above this many times what is allowed, and those without a number, are drawn above the plot."""

LEAST_SLOT, WIDEST_SLOT = 2.0, 52.0
"""Units of width for a step."""

NAMED = 32
"""Steps up to which each has its name below it; of more, every so many have their number."""

_LEFT, _RIGHT, _TOP = 64, 56, 18
_PLOT, _BAND = 240, 34
"""Heights: of the errors that are numbers, and of the row of exact steps below them."""
_NAMES, _NUMBERS = 96, 30
"""Heights below the plot: of slanted names, of numbers."""
_LONGEST = 18
"""Characters of a step's name."""
_USUAL = 960.0
"""Units of width that are filled, if the slots allow it."""
_LEAST = 720
"""Pixels of width below which the page scrolls the chart rather than make its letters smaller."""
_BEYOND, _ABOVE = 20, 40
"""How far above the plot a mark without a number is, and the end of the strips, where a step fails."""


def chart(steps: Sequence[StepRow]) -> str:
    """An SVG element. Dots are ONNX, rings PyTorch in float32, squares exact steps; a cross is what fails."""
    return "\n".join(_Chart(steps).lines())


class _Chart:
    def __init__(self, steps: Sequence[StepRow]) -> None:
        self._steps = steps
        self._slot = min(WIDEST_SLOT, max(LEAST_SLOT, _USUAL / len(steps)))
        self._right = _LEFT + self._slot * len(steps)
        self._above = 0 if all(step.passed for step in steps) else _ABOVE
        self._top = _TOP + self._above
        self._bottom = self._top + _PLOT
        errors = [error for step in steps for error in (step.error_onnx, step.error_torch) if error is not None]
        finite = [error for error in errors if isfinite(error) and 0 < error <= HIGHEST]
        self._low = floor(log10(max(LOWEST, min([*finite, 0.1]))))
        self._high = max(1, ceil(log10(max([*finite, 1.0]))))

    def lines(self) -> Iterator[str]:
        height = self._bottom + _BAND + (_NAMES if len(self._steps) <= NAMED else _NUMBERS)
        width = self._right + _RIGHT
        yield f'<svg viewBox="0 0 {width:.0f} {height}" role="img" aria-labelledby="chart-title chart-about"'
        yield f' style="width: 100%; min-width: {min(width, _LEAST):.0f}px; max-width: {width:.0f}px">'
        yield '<title id="chart-title">Error of every step, as a part of what is allowed</title>'
        yield f'<desc id="chart-about">{self._about()} The table of steps below has the same numbers.</desc>'
        yield from self._axes()
        for place, step in enumerate(self._steps):
            yield from self._step(place, step)
        yield from self._names()
        yield "</svg>"

    def _about(self) -> str:
        failing = [step for step in self._steps if not step.passed]
        if failing:
            first = _safe(failing[0].name)
            return f"{len(failing)} of {len(self._steps)} steps are beyond the bound; the first is {first}."
        measured = [step for step in self._steps if not step.is_exact and step.error_onnx is not None]
        closest = max(measured, key=lambda step: step.error_onnx or 0.0, default=None)
        margin = f"; the closest is {_safe(closest.name)}, at {number(closest.error_onnx)} of it" if closest else ""
        judged = sum(step.error_onnx is not None for step in self._steps)
        return f"{judged} of {len(self._steps)} steps were compared, and all are within their bounds{margin}."

    def _axes(self) -> Iterator[str]:
        every = max(1, round((self._high - self._low) / 6))
        for exponent in range(self._low, self._high + 1):
            if exponent % every == 0:
                value, kind = 10.0**exponent, "limit" if exponent == 0 else "grid"
                y = self._y(value)
                line = f'<line class="{kind}" x1="{_LEFT}" x2="{self._right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
                yield f'{line}<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        yield f'<text class="tick" x="{self._right + 6:.1f}" y="{self._y(1.0) + 4:.1f}">bound</text>'
        below = self._bottom + _BAND / 2
        if any(self._y(step.error_onnx) < self._top for step in self._steps if not step.passed):
            yield f'<text class="tick" x="{_LEFT - 8}" y="{self._top - _BEYOND + 4}" text-anchor="end">beyond</text>'
        yield f'<line class="grid" x1="{_LEFT}" x2="{self._right:.1f}" y1="{self._bottom}" y2="{self._bottom}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{below + 4:.1f}" text-anchor="end">exact</text>'

    def _step(self, place: int, step: StepRow) -> Iterator[str]:
        """One step: a strip over the whole height with its numbers as a tooltip, and its marks."""
        x, left = self._x(place), _LEFT + self._slot * place
        size = min(5.0, max(1.8, self._slot / 3))
        is_equal = step.is_exact and step.error_onnx == 0
        lines = [f"{step.name}: {step.layer}"]
        if not step.passed:
            lines.append(f"failed: {step.reason}")
        elif is_equal:
            lines.append("exact: equal to the bit")
        else:
            onnx, torch = number(step.error_onnx) or "not compared", number(step.error_torch) or "not compared"
            lines += [step.rule, f"ONNX {onnx}, PyTorch {torch} of what is allowed"]
        tooltip = "\n".join(map(_safe, "\n".join(lines).split("\n")))
        top, height = self._top - self._above, self._bottom + _BAND - self._top + self._above
        yield f'<g class="{"step" if step.passed else "step bad"}"><title>{tooltip}</title>'
        yield f'<rect class="strip" x="{left:.1f}" y="{top}" width="{self._slot:.1f}" height="{height}"/>'
        if not step.passed:
            y, half = self._y(step.error_onnx), max(4.0, size)
            top_left, top_right = f"{x - half:.1f} {y - half:.1f}", f"{x + half:.1f} {y - half:.1f}"
            bottom_left, bottom_right = f"{x - half:.1f} {y + half:.1f}", f"{x + half:.1f} {y + half:.1f}"
            yield f'<path class="cross" d="M{top_left}L{bottom_right}M{bottom_left}L{top_right}"/>'
        elif is_equal:
            side = 2 * min(size, 4.0)
            y = self._bottom + _BAND / 2 - side / 2
            yield f'<rect class="exact" x="{x - side / 2:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}"/>'
        elif step.error_onnx is not None:
            if step.error_torch is not None:
                yield f'<circle class="torch" cx="{x:.1f}" cy="{self._y(step.error_torch):.1f}" r="{size:.1f}"/>'
            yield f'<circle class="onnx" cx="{x:.1f}" cy="{self._y(step.error_onnx):.1f}" r="{0.7 * size:.1f}"/>'
        yield "</g>"

    def _names(self) -> Iterator[str]:
        """Below the plot every step by name; of many some by number, and above it the first that fails by name."""
        y = self._bottom + _BAND + 14
        if len(self._steps) <= NAMED:
            for place, step in enumerate(self._steps):
                kind = "tick" if step.passed else "tick bad-name"
                turned = f"translate({self._x(place) + 4:.1f} {y - 4}) rotate(-45)"
                name = _safe(cut(step.name, _LONGEST))
                yield f'<text class="{kind}" text-anchor="end" transform="{turned}">{name}</text>'
            return
        every = next(each for each in (10, 20, 50, 100, 200, 500, 1000, 10**9) if len(self._steps) / each <= 12)
        for place in range(0, len(self._steps), every):
            yield f'<text class="tick" x="{self._x(place):.1f}" y="{y}" text-anchor="middle">{place + 1}</text>'
        first = next((place for place, step in enumerate(self._steps) if not step.passed), None)
        if first is not None:
            anchor = "start" if first < len(self._steps) / 2 else "end"
            at = f'x="{self._x(first):.1f}" y="{self._top - _ABOVE - 6}"'
            name = _safe(cut(self._steps[first].name, 2 * _LONGEST))
            yield f'<text class="tick bad-name" {at} text-anchor="{anchor}">{name}</text>'

    def _x(self, place: int) -> float:
        return _LEFT + self._slot * (place + 0.5)

    def _y(self, error: float | None) -> float:
        """Where an error is drawn; without a number, above the plot."""
        if error is None or not error <= HIGHEST:
            return float(self._top - _BEYOND)
        exponent = log10(max(error, 10.0**self._low))
        return self._top + _PLOT * (self._high - exponent) / (self._high - self._low)
