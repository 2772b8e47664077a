"""What a sweep comes to, on a screen: a row for each variant that is kept, and why others do not fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text

from specc.diagnostics.words import plural, visible
from specc.report.notation import NOTHING, count, field, memory, print_columns, scaled
from specc.report.reasons import FindingSummary
from specc.sweeps.pareto import Front
from specc.sweeps.variant import Variant, shown

_COLUMNS = ("params", "MACs", "memory", "at once", "sees", "depth")
_MOST_ROWS = 50
"""Rows that are printed of more."""


class Summary:
    """What is known of a sweep's variants so far: it takes the same memory however many they are.

    Args:
        front: of which the variants are shown; None: all that are kept, or the first of many.
    """

    def __init__(self, front: Front | None = None) -> None:
        self.front = front
        self.number = self.fit = self.kept = 0
        self._first: list[Variant] = []
        self._reasons: Counter[str] = Counter()
        self._examples: dict[str, tuple[FindingSummary, Variant]] = {}
        self._is_symbolic = False

    def add(self, variant: Variant) -> None:
        self.number += 1
        self.fit += variant.fits
        self.kept += variant.kept
        self._reasons.update({reason.code for reason in variant.reasons})
        for reason in variant.reasons:
            self._examples.setdefault(reason.code, (reason, variant))
        if variant.numbers is not None and variant.numbers.macs is None:
            self._is_symbolic = True
        if not variant.kept:
            return
        if self.front is not None:
            self.front.add(variant)
        elif len(self._first) < _MOST_ROWS:
            self._first.append(variant)

    def print(self, console: Console, latencies: Mapping[int, float]) -> None:
        """Print the table, and what is below it.

        Args:
            latencies: by the number of a variant, in milliseconds; none where they were not asked for.
        """
        rows = self._first if self.front is None else self.front.variants
        if rows:
            _print_table(rows, console, latencies)
        for text in self.lines():
            console.print(Text(visible(text)), soft_wrap=True)

    def lines(self) -> Iterator[str]:
        """What stands below the table."""
        rows = self._first if self.front is None else self.front.variants
        if rows:
            yield ""
        kept = f", {count(self.kept)} of them kept" if self.kept < self.fit else ""
        on_front = f", {count(len(rows))} on the front" if self.front is not None else ""
        yield f"{plural(self.number, 'variant')}: {count(self.fit)} fit{kept}{on_front}"
        if self.front is not None and self.front.unknown:
            yield f"{count(self.front.unknown)} of them lack one of the numbers, and are not on the front"
        if self.front is None and self.kept > len(rows):
            yield f"the first {len(rows)} are shown: --format jsonl has all, and --pareto A,B those that none beats"
        if self._is_symbolic:
            yield "MACs, memory and receptive field depend on the contract's sizes: add --at NAME=SIZE"
        if self.number > self.fit:
            others = self.number - self.fit
            yield f"{count(others)} {'does' if others == 1 else 'do'} not fit:"
        width = max((len(count(number)) for number in self._reasons.values()), default=0)
        for code, number in sorted(self._reasons.items(), key=lambda one: (-one[1], one[0])):
            reason, variant = self._examples[code]
            place = f"{reason.place}: " if reason.place else ""
            yield f"  {code} {count(number):>{width}}  such as {variant.name}: {place}{reason.message}"


def _print_table(variants: list[Variant], console: Console, latencies: Mapping[int, float]) -> None:
    names = [*variants[0].settings]
    margins = [*variants[0].margins]
    header = [*names, *(_apart(name, names) for name in _COLUMNS), *(f"{name} left" for name in margins)]
    rows = [[*(shown(variant.settings[name]) for name in names), *_cells(variant, margins)] for variant in variants]
    if latencies:
        header.append("latency")
        rows = [[*row, f"{latencies[one.number]:.3g} ms"] for row, one in zip(rows, variants, strict=True)]
    numeric = [name for name in names if all(_is_number(variant.settings[name]) for variant in variants)]
    print_columns(console, header, rows, right=[*numeric, *header[len(names) :]], describing=())


def _apart(column: str, names: list[str]) -> str:
    """The name of a column, apart from a parameter's of that name."""
    return f"network's {column}" if column in names else column


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cells(variant: Variant, margins: list[str]) -> list[str]:
    numbers = variant.numbers
    if numbers is None:
        return [NOTHING] * (len(_COLUMNS) + len(margins))
    left = [_left(name, variant.margins.get(name)) for name in margins]
    return [
        count(numbers.params), scaled(numbers.macs), memory(numbers.activation_memory), memory(numbers.peak_memory),
        field(numbers.receptive_field), str(numbers.depth), *left,
    ]  # fmt: skip


def _left(name: str, margin: int | None) -> str:
    if margin is None:
        return NOTHING
    text = memory(abs(margin)) if "memory" in name else scaled(abs(margin))
    return f"-{text}" if margin < 0 else text
