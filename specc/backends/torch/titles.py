"""What the classes are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, count

from specc.backends.torch.classes import Family
from specc.backends.torch.names import camel, free


def class_names(families: list[Family], model: str) -> list[str]:
    """A name for every class: what the spec calls it, and where there are several of that name, what tells it apart.

    The plain name is for the one that is used most: ``Bottleneck``, and ``BottleneckDownsample``.
    """
    names = {len(families) - 1: model}
    taken = {model}
    for alike in _by_title(families).values():
        usual = max(alike, key=lambda number: len(families[number].instances))
        numbers = count(2)
        for number in sorted(alike, key=lambda number: number != usual):
            title = families[number].body.title
            wanted = [title] if number == usual else _differences(title, families[number], families[usual])
            candidates = chain(map(free, wanted), (free(f"{title}{i}") for i in numbers))
            names[number] = next(name for name in candidates if name not in taken)
            taken.add(names[number])
    return [names.get(number, "") for number in range(len(families))]


def _by_title(families: list[Family]) -> dict[str, list[int]]:
    alike: dict[str, list[int]] = {}
    for number, family in enumerate(families[:-1]):
        if not family.is_sequence:
            alike.setdefault(family.body.title, []).append(number)
    return alike


def _differences(title: str, family: Family, usual: Family) -> Iterator[str]:
    """The title with ``Downsample`` for what the usual one lacks; ``WithoutAdd`` the other way round."""
    for labels in (_stems, _labels):
        own, other = labels(family), labels(usual)
        yield from (f"{title}{camel(label)}" for label in own if label not in other)
        yield from (f"{title}Without{camel(label)}" for label in other if label not in own)


def _labels(family: Family) -> dict[str, None]:
    """The labels of its members."""
    values = family.instances[0].labels[family.body.inputs :]
    held = (label for declaration in family.body.declarations for label in declaration.labels)
    return dict.fromkeys(label for label in (*held, *values) if not label.isdigit())


def _stems(family: Family) -> dict[str, None]:
    """The labels without their numbers."""
    return dict.fromkeys(re.sub(r"_?\d+$", "", label) for label in _labels(family))
