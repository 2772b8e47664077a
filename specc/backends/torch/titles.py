"""What the classes are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, count

from specc.backends.torch.classes import Family
from specc.backends.torch.names import camel, free


def class_names(families: list[Family], model: str) -> list[str]:
    """A name for every class: what the spec calls it, and where there are several of that name, what tells it apart.

    The plain name is for the one that is used most: ``Bottleneck``, and ``BottleneckDownsample``; for a block rather
    than for a group of that name in it, which is what the author calls a part.
    """
    names = {len(families) - 1: model}
    taken = {model}
    for alike in _by_title(families).values():
        usual = max(alike, key=lambda number: (_is_block(families[number]), len(families[number].instances)))
        numbers = count(2)
        named: list[Family] = []
        for number in sorted(alike, key=lambda number: number != usual):
            title = families[number].body.title
            wanted = _apart(title, families[number], named) if named else [title]
            candidates = chain(map(free, wanted), (free(f"{title}{i}") for i in numbers))
            names[number] = next(name for name in candidates if name not in taken)
            taken.add(names[number])
            named.append(families[number])
    return [names.get(number, "") for number in range(len(families))]


def _by_title(families: list[Family]) -> dict[str, list[int]]:
    alike: dict[str, list[int]] = {}
    for number, family in enumerate(families[:-1]):
        if not family.is_sequence:
            alike.setdefault(family.body.title, []).append(number)
    return alike


def _is_block(family: Family) -> bool:
    block = family.instances[0].use.block
    return block is not None and block.kind == "block"


def _apart(title: str, family: Family, named: list[Family]) -> Iterator[str]:
    """The title with ``Downsample`` for what the usual one, which is named first, lacks; else with ``WithoutAdd``.

    A label that differs in its number alone says it only where it is the one that is new: with ``conv5`` and ``conv6``,
    ``Conv5`` would be half of it.
    """
    usual = named[0]
    if _is_block(usual) and not _is_block(family):
        yield f"{title}Group"
        return
    own, other = _stems(family), _stems(usual)
    yield from (f"{title}{camel(label)}" for label in own if label not in other)
    yield from (f"{title}Without{camel(label)}" for label in other if label not in own)
    known = {label for before in named for label in _labels(before)}
    new = [label for label in _labels(family) if label not in known]
    if len(new) == 1:
        yield f"{title}{camel(new[0])}"
    missing = [label for label in _labels(usual) if label not in _labels(family)]
    if not new and len(missing) == 1:
        yield f"{title}Without{camel(missing[0])}"


def _labels(family: Family) -> dict[str, None]:
    """The labels of its members."""
    values = family.instances[0].labels[family.body.inputs :]
    held = (label for declaration in family.body.declarations for label in declaration.labels)
    return dict.fromkeys(label for label in (*held, *values) if not label.isdigit())


def _stems(family: Family) -> dict[str, None]:
    """The labels without their numbers."""
    return dict.fromkeys(re.sub(r"_?\d+$", "", label) for label in _labels(family))
