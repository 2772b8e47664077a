"""What differs between bodies gets names: parameters, as few as say it, and formulas of them for the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from specc.importing.network import Argument, Expression
from specc.importing.structure.body import REQUIRED
from specc.importing.structure.unification import MISSING, Column, Entry, Missing, Option, Unified, same

_CHANNELS = frozenset(("out_channels", "out_features", "groups", "num_features", "c"))
"""Arguments that count channels; ``c`` is that of calls."""
_NAMES = {
    "out_channels": "c",
    "out_features": "c",
    "p": "p",
    "kernel": "kernel",
    "scale_factor": "factor",
    "negative_slope": "slope",
    "init": "start",
}
_TIMES = (2, 3, 4, 6, 8)
_OVER = (2, 3, 4, 8, 16)


@dataclass(slots=True)
class BlockParameter:
    """A name for what differs.

    Attributes:
        stem: what it is called, but for a number behind it where others are called so too.
        values: for each body.
        default: what most of them have, where nothing need be said for it.
    """

    stem: str
    values: list[Entry]
    default: Entry
    is_channels: bool
    name: str = ""


@dataclass(slots=True)
class Sizes:
    """What is known of the values that bodies take and give: their channels, or None."""

    before: Sequence[int | None]
    behind: Sequence[int | None]


def named(
    unified: Unified, sizes: Sizes | None, taken: Collection[str], entry: str = "in.channels"
) -> tuple[list[BlockParameter], dict[Expression, Argument]]:
    """The parameters of a body that stands for several, and the text of everything that differs in it.

    Args:
        sizes: None where formulas of the channels are not to be used.
        taken: names that no parameter may have.
    """
    return _Naming(unified, sizes, taken, entry).run()


class _Naming:
    def __init__(self, unified: Unified, sizes: Sizes | None, taken: Collection[str], entry: str) -> None:
        self._unified = unified
        self._sizes = sizes
        self._taken = set(taken)
        self._entry = entry
        self._parameters: list[BlockParameter] = []
        # The text of everything that differs: with the name of a parameter in braces, which has none yet.
        self._texts: dict[Expression, tuple[str, BlockParameter | None]] = {}
        self._constants: dict[Expression, Argument] = {}
        self._vectors: list[tuple[str, BlockParameter | None, list[Entry]]] = []

    def run(self) -> tuple[list[BlockParameter], dict[Expression, Argument]]:
        for column in self._unified.columns:
            text, parameter = self._column(column)
            if text is None:
                assert not isinstance(column.constant, Missing), "only a constant needs no name"
                self._constants[column.expression] = column.constant
                continue
            self._texts[column.expression] = text, parameter
            if column.name in _CHANNELS:
                self._vectors.append((text, parameter, list(column.values)))
        for option in self._unified.options:
            option_expression = Expression(f"option {len(self._texts)}")
            option.statement.test = option_expression
            self._texts[option_expression] = self._condition(option)
        self._give_names()
        texts = {
            expression: Expression(text.format(parameter.name if parameter else ""))
            for expression, (text, parameter) in self._texts.items()
        }
        return self._parameters, texts | self._constants

    # ---- formulas ---------------------------------------------------------------------------------------------------

    def _column(self, column: Column) -> tuple[str | None, BlockParameter | None]:
        """The text of what differs, and the parameter whose name it has; no text where a constant does."""
        is_channels = column.name in _CHANNELS
        for parameter in self._parameters:
            alike = parameter.is_channels == is_channels and (is_channels or parameter.stem == _stem(column.name))
            alike = alike or {parameter.stem, column.name} == {"padding", "dilation"}
            if alike and _agree(parameter.values, column.values):
                if parameter.default is not MISSING and not same(parameter.default, column.default):
                    parameter.default = REQUIRED
                parameter.values = _joined(parameter.values, column.values)
                return "{0}", parameter
        if is_channels and self._sizes is not None:
            for text, vector in _multiples(list(self._sizes.before), self._entry):
                if _agree(vector, column.values):
                    return text, None
        for parameter in self._parameters:
            if is_channels and parameter.is_channels:
                for text, vector in _multiples(parameter.values, "{0}"):
                    if _agree(vector, column.values) and MISSING not in vector:
                        return text, parameter
            if column.name == "padding" and parameter.stem == "kernel":
                halves: list[Entry] = [value // 2 if type(value) is int else MISSING for value in parameter.values]
                if _agree(halves, column.values) and MISSING not in halves:
                    return "{0} // 2", parameter
        if column.constant is not MISSING:
            return None, None
        stem = _stem(column.name)
        parameter = BlockParameter(stem, list(column.values), column.default, is_channels)
        self._parameters.append(parameter)
        return "{0}", parameter

    def _condition(self, option: Option) -> tuple[str, BlockParameter | None]:
        """A test that is true for just those bodies that have the statements."""
        if self._sizes is not None and None not in self._sizes.before:
            behind = list(self._sizes.behind)
            differ = tuple(a != b for a, b in zip(self._sizes.before, behind, strict=True))
            if differ == option.present:
                for text, parameter, vector in self._vectors:
                    if same(tuple(vector), tuple(behind)):
                        return f"{self._entry} != {text}", parameter
        for parameter in self._parameters:
            moves = tuple(not same(value, 1) for value in parameter.values)
            if parameter.stem == "stride" and MISSING not in parameter.values and moves == option.present:
                return "{0} != 1", parameter
            if type(parameter.values[0]) is bool and tuple(parameter.values) == option.present:
                return "{0}", parameter
        parameter = BlockParameter("more", list(option.present), False, False)
        self._parameters.append(parameter)
        return "{0}", parameter

    # ---- names ------------------------------------------------------------------------------------------------------

    def _give_names(self) -> None:
        for parameter in self._parameters:
            alike = [other for other in self._parameters if other.stem == parameter.stem]
            name, number = parameter.stem, alike.index(parameter) + 1
            if len(alike) > 1:
                name = f"{parameter.stem}{number}"
            while name in self._taken:
                number += 1
                name = f"{parameter.stem}{number}"
            self._taken.add(name)
            parameter.name = name
            known = [value for value in parameter.values if value is not MISSING]
            parameter.values = [known[0] if value is MISSING else value for value in parameter.values]
            default = parameter.default
            usual = sum(same(value, default) for value in parameter.values)
            if default is REQUIRED or default is MISSING or 2 * usual < len(parameter.values):
                parameter.default = REQUIRED
        self._parameters.sort(key=lambda parameter: parameter.default is not REQUIRED)


def _stem(argument: str) -> str:
    return _NAMES.get(argument, argument)


def _agree(one: Sequence[object], other: Sequence[object]) -> bool:
    return all(a is MISSING or b is MISSING or same(a, b) for a, b in zip(one, other, strict=True))


def _joined(one: Sequence[Entry], other: Sequence[Entry]) -> list[Entry]:
    return [b if a is MISSING else a for a, b in zip(one, other, strict=True)]


def _multiples(values: Sequence[Entry], name: str) -> list[tuple[str, list[Entry]]]:
    """The values, their multiples and their parts, each with its text; what is no number agrees with nothing."""
    found: list[tuple[str, list[Entry]]] = [(name, list(values))]
    for factor in _TIMES:
        found.append((f"{factor} * {name}", [v * factor if isinstance(v, int) else None for v in values]))
    for divisor in _OVER:
        found.append((f"{name} // {divisor}", [v // divisor if isinstance(v, int) else None for v in values]))
    return found
