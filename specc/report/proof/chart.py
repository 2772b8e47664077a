"""The error of every step as a picture: an SVG that a page holds, in the colours of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, isfinite, log10

from specc.diagnostics.words import encodable, visible
from specc.report.proof.words import EXACT, number
from specc.report.text import cut
from specc.verify.result import StepRow

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
            yield from self._drawn(place, step)
        yield from self._names()
        yield "</svg>"

    def _about(self) -> str:
        failing = [step for step in self._steps if not step.passed]
        if failing:
            first = _safe(failing[0].name)
            return f"{len(failing)} of {len(self._steps)} steps are beyond the bound; the first is {first}."
        measured = [step for step in self._steps if step.rule != EXACT and step.error_onnx is not None]
        closest = max(measured, key=lambda step: step.error_onnx or 0.0, default=None)
        near = f"; the closest is {_safe(closest.name)}, at {number(closest.error_onnx)} of it" if closest else ""
        judged = sum(step.error_onnx is not None for step in self._steps)
        return f"{judged} of {len(self._steps)} steps were compared, and all are within their bounds{near}."

    def _axes(self) -> Iterator[str]:
        every = max(1, round((self._high - self._low) / 6))
        for exponent in range(self._low, self._high + 1):
            if exponent % every == 0:
                yield self._ruled(10.0**exponent, f"{10.0**exponent:g}", "limit" if exponent == 0 else "grid")
        yield f'<text class="tick" x="{self._right + 6:.1f}" y="{self._y(1.0) + 4:.1f}">bound</text>'
        below = self._bottom + _BAND / 2
        if any(self._y(step.error_onnx) < self._top for step in self._steps if not step.passed):
            yield f'<text class="tick" x="{_LEFT - 8}" y="{self._top - _BEYOND + 4}" text-anchor="end">beyond</text>'
        yield f'<line class="grid" x1="{_LEFT}" x2="{self._right:.1f}" y1="{self._bottom}" y2="{self._bottom}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{below + 4:.1f}" text-anchor="end">exact</text>'

    def _ruled(self, value: float, name: str, kind: str) -> str:
        y = self._y(value)
        line = f'<line class="{kind}" x1="{_LEFT}" x2="{self._right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        return f'{line}<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'

    def _drawn(self, place: int, step: StepRow) -> Iterator[str]:
        """One step: a strip over the whole height that says its numbers, and its marks."""
        x, left = self._x(place), _LEFT + self._slot * place
        size = min(5.0, max(1.8, self._slot / 3))
        top, height = self._top - self._above, self._bottom + _BAND - self._top + self._above
        yield f'<g class="{"step" if step.passed else "step bad"}"><title>{_safe(_told(step))}</title>'
        yield f'<rect class="strip" x="{left:.1f}" y="{top}" width="{self._slot:.1f}" height="{height}"/>'
        if not step.passed:
            yield _cross(x, self._y(step.error_onnx), max(4.0, size))
        elif _is_equal(step):
            side = 2 * min(size, 4.0)
            y = self._bottom + _BAND / 2 - side / 2
            yield f'<rect class="exact" x="{x - side / 2:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}"/>'
        elif step.error_onnx is not None:
            if step.error_torch is not None:
                yield f'<circle class="torch" cx="{x:.1f}" cy="{self._y(step.error_torch):.1f}" r="{size:.1f}"/>'
            yield f'<circle class="onnx" cx="{x:.1f}" cy="{self._y(step.error_onnx):.1f}" r="{0.7 * size:.1f}"/>'
        yield "</g>"

    def _names(self) -> Iterator[str]:
        y = self._bottom + _BAND + 14
        if len(self._steps) > NAMED:
            yield from self._numbers(y)
            return
        for place, step in enumerate(self._steps):
            kind = "tick" if step.passed else "tick bad-name"
            turned = f"translate({self._x(place) + 4:.1f} {y - 4}) rotate(-45)"
            name = _safe(cut(step.name, _LONGEST))
            yield f'<text class="{kind}" text-anchor="end" transform="{turned}">{name}</text>'

    def _numbers(self, below: float) -> Iterator[str]:
        """Steps by number, and the first that fails by name, where all have no room."""
        every = next(each for each in (10, 20, 50, 100, 200, 500, 1000, 10**9) if len(self._steps) / each <= 12)
        for place in range(0, len(self._steps), every):
            yield f'<text class="tick" x="{self._x(place):.1f}" y="{below}" text-anchor="middle">{place + 1}</text>'
        first = next((place for place, step in enumerate(self._steps) if not step.passed), None)
        if first is not None:
            x, anchor = self._x(first), "start" if first < len(self._steps) / 2 else "end"
            name = _safe(cut(self._steps[first].name, 2 * _LONGEST))
            y = self._top - _ABOVE - 6
            yield f'<text class="tick bad-name" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{name}</text>'

    def _x(self, place: int) -> float:
        return _LEFT + self._slot * (place + 0.5)

    def _y(self, error: float | None) -> float:
        """Where an error is drawn; without a number, above the plot."""
        if error is None or not error <= HIGHEST:
            return float(self._top - _BEYOND)
        exponent = log10(max(error, 10.0**self._low))
        return self._top + _PLOT * (self._high - exponent) / (self._high - self._low)


def _cross(x: float, y: float, size: float) -> str:
    corners = (x - size, y - size, x + size, y + size, x - size, y + size, x + size, y - size)
    return '<path class="cross" d="M{:.1f} {:.1f}L{:.1f} {:.1f}M{:.1f} {:.1f}L{:.1f} {:.1f}"/>'.format(*corners)


def _is_equal(step: StepRow) -> bool:
    """Whether the step was equal to the bit."""
    return step.rule == EXACT and step.error_onnx == 0


def _told(step: StepRow) -> str:
    """What hovering over a step says."""
    if not step.passed:
        return f"{step.name}: {step.layer}\nfailed: {step.reason}"
    if _is_equal(step):
        return f"{step.name}: {step.layer}\nexact: equal to the bit"
    onnx, torch = number(step.error_onnx) or "not compared", number(step.error_torch) or "not compared"
    return f"{step.name}: {step.layer}\n{step.rule}\nONNX {onnx}, PyTorch {torch} of what is allowed"


def _safe(text: str) -> str:
    """Text of a spec, which may hold anything, as the page may hold it."""
    return escape(encodable("\n".join(map(visible, text.split("\n")))))
