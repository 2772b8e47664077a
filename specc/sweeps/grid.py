"""The variants of a sweep: all of a grid, or so many that are drawn from it."""

from __future__ import annotations

import tomllib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import yaml

from specc.atomic import require_regular
from specc.diagnostics import SpecError, UsageError
from specc.diagnostics.spelling import advice
from specc.diagnostics.words import system_reason
from specc.elaborate import Template
from specc.elaborate.errors import Invalid
from specc.elaborate.evaluation import truth
from specc.elaborate.values import Value, literal
from specc.sweeps.axes import Axis
from specc.sweeps.conditions import VariantCondition, names, number_of_network

MOST = 1_000_000
"""Variants of a sweep, unless a limit says otherwise: five hours of two processors for a ResNet."""
_MOST_MISSED = 1000
"""Draws in a row that fulfil no condition, or were drawn before, before the rest is given up."""

Settings = Mapping[str, Value]


class Sample(NamedTuple):
    """Variants that are drawn.

    Attributes:
        number: how many.
        latin: as a Latin hypercube (McKay, Beckman and Conover, "A Comparison of Three Methods for Selecting Values of
            Input Variables", 1979): each axis is cut into as many parts as there are variants, each taken once.
        seed: the same draws for the same number, on any machine.
    """

    number: int
    latin: bool
    seed: int


class VariantGrid:
    """Which variants there are, in their order: the last axis changes fastest.

    Args:
        axes: in their order.
        conditions: on the parameters; combinations that do not meet them are no variants.
        sample: None: all combinations.
        limit: the most variants, before conditions.

    Raises:
        UsageError: there are more; or an axis without an end of values, and no sample.
    """

    def __init__(
        self, axes: Sequence[Axis], conditions: Sequence[VariantCondition], sample: Sample | None, limit: int = MOST
    ) -> None:
        self.axes = tuple(axes)
        self.conditions = tuple(conditions)
        self.sample = sample
        if sample is None:
            self.most = prod(axis.count for axis in axes)
        else:
            discrete = [axis.count for axis in axes if axis.span is None]
            self.most = sample.number if len(discrete) < len(axes) else min(sample.number, prod(discrete))
        if self.most > limit:
            raise UsageError(f"{_product(self)} {_how_many(self.most)}, and the limit is {limit:,}: {_less(self)}")

    def variants(self, template: Template) -> Iterator[Settings]:
        """The values of each variant's parameters.

        Raises:
            UsageError: a condition that cannot be decided; no combination that meets them all.
        """
        axes = [axis.name for axis in self.axes]
        none = True
        for values in self._combinations() if self.sample is None else self._drawn(template):
            settings = dict(zip(axes, values, strict=True))
            if self.sample is not None or self.meets(settings, template):
                none = False
                yield settings
        if none:
            met = " and ".join(condition.text for condition in self.conditions)
            raise UsageError(f"no variant of {self.most:,} meets --when {met}")

    def _combinations(self) -> Iterator[tuple[Value, ...]]:
        for number in range(self.most):
            values, rest = [], number
            for axis in reversed(self.axes):
                rest, place = divmod(rest, axis.count)
                values.append(axis.value(place))
            yield tuple(reversed(values))

    def _drawn(self, template: Template) -> Iterator[tuple[Value, ...]]:
        """Each combination once."""
        assert self.sample is not None, "it is asked for where there is one"
        seen: set[tuple[str, ...]] = set()
        shares = _latin(self.sample, len(self.axes)) if self.sample.latin else _random(self.sample, len(self.axes))
        missed = 0
        for point in shares:
            values = tuple(axis.at(share) for axis, share in zip(self.axes, point, strict=True))
            key = tuple(map(literal, values))
            settings = {axis.name: value for axis, value in zip(self.axes, values, strict=True)}
            if key in seen or not self.meets(settings, template):
                missed += 1
                if missed == _MOST_MISSED and not self.sample.latin:
                    return
                continue
            missed = 0
            seen.add(key)
            yield values
            if len(seen) == self.sample.number:
                return

    def meets(self, settings: Settings, template: Template) -> bool:
        """Whether a combination meets all conditions. Raises SpecError where that cannot be decided."""
        if not self.conditions:
            return True
        scope = names(template, settings)
        for condition in self.conditions:
            try:
                if not truth(condition.test, scope):
                    return False
            except Invalid as problem:
                if (number := number_of_network(condition, scope)) is not None:
                    raise UsageError(
                        f"--when {condition.text}: {number} is a number of the network, and --when has the parameters "
                        "alone, before any network is there: ask for it with --where"
                    ) from None
                raise SpecError([problem.diagnostic]) from None
        return True


def _random(sample: Sample, axes: int) -> Iterator[list[float]]:
    draw = Random(sample.seed).random  # of Random, this alone is the same in every version of Python
    while True:
        yield [draw() for _ in range(axes)]


def _latin(sample: Sample, axes: int) -> Iterator[list[float]]:
    draw = Random(sample.seed).random
    columns = []
    for _ in range(axes):
        parts = sorted((draw(), part) for part in range(sample.number))
        columns.append([(part + draw()) / sample.number for _, part in parts])
    return map(list, zip(*columns, strict=True))


def _product(grid: VariantGrid) -> str:
    if grid.sample is not None:
        return f"{grid.sample.number:,} variants are to be drawn:"
    return " x ".join(f"{axis.count:,} ({axis.name})" for axis in grid.axes) + " ="


def _how_many(number: int) -> str:
    return f"{number:,} variants"


def _less(grid: VariantGrid) -> str:
    raise_it = f"--limit {grid.most} allows them"
    return raise_it if grid.sample is not None else f"--random N or --latin N draws so many of them, and {raise_it}"


# ---- a file ---------------------------------------------------------------------------------------------------------


class GridFile(NamedTuple):
    """What a YAML or TOML file says of a grid."""

    values: Mapping[str, object]
    when: tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """Of a key that is given twice, PyYAML alone would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for place, key in enumerate(keys) if key in keys[:place]), None)
        if twice is not None:
            raise UsageError(f"{self.name}:{node.start_mark.line + 1}: {twice} is given twice")
        return super().construct_mapping(node, deep)


def read_grid(path: str) -> GridFile:
    """A grid as a file: ``set`` with a list or a text for each parameter, and ``when`` with conditions.

    Raises:
        UsageError: the file cannot be read, or says something else.
    """
    require_regular(Path(path))
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {system_reason(error)}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8") from None
    try:
        if path.endswith(".toml"):
            table: object = tomllib.loads(text)
        else:
            loader = _Loader(text)
            loader.name = path
            table = loader.get_single_data()
    except (tomllib.TOMLDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(table, dict) or not isinstance(table.get("set"), dict):
        raise UsageError(f"{path} has no table set, with a list or a text such as 2..6 for each parameter")
    for key in table:
        if key not in ("set", "when"):
            raise UsageError(f"{path}: a grid has no {key}; {advice(str(key), ('set', 'when'))}")
    when = table.get("when", [])
    when = [when] if isinstance(when, str) else when
    if not isinstance(when, list) or not all(isinstance(condition, str) for condition in when):
        raise UsageError(f"{path}: when is a condition in quotes, or a list of such")
    if wrong := next((name for name in table["set"] if not isinstance(name, str)), None):
        raise UsageError(f"{path}: {wrong} is no name of a parameter")
    return GridFile(table["set"], tuple(when))
