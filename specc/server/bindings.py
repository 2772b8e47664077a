"""What every name in some files stands for: the places that declare it, and those that read it.

Nothing is run: of `body.c3` it is asked which blocks `body` may be a value of. Where that is several, their labels are
read together, and are one thing to whoever renames it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from specc.server.declared import Applicable, DeclaredName, LabelScope, Value, applicable_as, is_written
from specc.server.resolution import Resolution
from specc.source import Span
from specc.syntax import ast


class Occupied(NamedTuple):
    """A place of a name, and all that the name may stand for there."""

    span: Span
    things: tuple[DeclaredName, ...]


class Bindings:
    """What the names of some files stand for.

    Args:
        files: trees by their absolute paths.
        real: the path that tells whether two are one file.
    """

    def __init__(self, files: Mapping[str, ast.File], real: Callable[[str], str] = str) -> None:
        self.files = files
        self._real = {path: real(path) for path in files}
        found = Resolution(files, real)
        self.uses = found.uses
        """What is read at each place; several where it depends on the call."""
        self.things = tuple(dict.fromkeys(found.things.values()))
        self._same = self._joined()

    def is_of(self, files: Mapping[str, ast.File], real: Callable[[str], str]) -> bool:
        """Whether these trees are the same ones, at the same places."""
        return files.keys() == self.files.keys() and all(
            tree is self.files[path] and real(path) == self._real[path] for path, tree in files.items()
        )

    def at(self, path: str, offset: int) -> Occupied | None:
        """The name at an offset of a file, or else before it, and what it stands for."""
        source = self.files[path].source
        found = [
            Occupied(span, self.together(things))
            for span, things in self._everywhere()
            if span.source is source and span.start <= offset <= span.end
        ]
        found = [one for one in found if is_written(one.span, one.things)]
        return max(found, key=lambda one: one.span.start, default=None)

    def meant(self, path: str, name: str, at: int) -> list[DeclaredName]:
        """What a name may stand for at an offset of a file, whatever stands there: what is given near comes first."""
        file = self.files[path]
        item = next((item for item in file.items if item.span.start <= at <= item.span.end), None)
        named = [thing for thing in self.things if thing.name == name]
        near = [thing for thing in named if item and any(item.span.covers(place) for place in thing.places)]
        read = set().union(*(things for span, things in self.uses.items() if span.source is file.source))
        at_top = [thing for thing in named if not thing.owner and (thing in read or self._is_of(thing, file))]
        return list(dict.fromkeys((*near, *at_top)))

    def applicable(self, path: str, name: str, at: int) -> Applicable | None:
        """The block that a name means at an offset of a file."""
        blocks = (one for thing in self.meant(path, name, at) for one in applicable_as(thing))
        return next((one for one in blocks if one.part.block is not None), None)

    def behind(self, path: str, words: str, at: int) -> list[DeclaredName]:
        """The labels that are seen behind a value, as it is written at an offset: ``body``, ``down[0].inner``."""
        head, *rest = re.findall(r"\w+|\[", words)
        values: Value = set().union(*(thing.value for thing in self.meant(path, head, at)))
        for word in rest:
            parts = [one for one in values if isinstance(one, LabelScope)]
            if word == "[":
                values = set().union(*(one.rounds for one in parts)) or values  # else of a list
            elif (things := [thing for one in parts if (thing := one.seen(word))]) or not word.isdecimal():
                values = set().union(*(thing.value for thing in things))
        seen = [one.labels if one.outputs is None else one.outputs for one in values if isinstance(one, LabelScope)]
        return list(dict.fromkeys(thing for labels in seen for thing in labels.values()))

    def _is_of(self, thing: DeclaredName, file: ast.File) -> bool:
        return any(place.source is file.source for place in thing.places)

    def together(self, things: Iterable[DeclaredName]) -> tuple[DeclaredName, ...]:
        """These, and all that are read where one of them is."""
        found = dict.fromkeys(other for thing in things for other in self._same.get(thing, (thing,)))
        return tuple(sorted(found, key=lambda thing: [(span.source.name, span.start) for span in thing.places]))

    def reading(self, things: Iterable[DeclaredName]) -> list[Span]:
        """The places that read one of them, in the order of the files."""
        wanted = set(things)
        return _in_order(span for span, read in self.uses.items() if not wanted.isdisjoint(read))

    def declaring(self, things: Iterable[DeclaredName]) -> list[Span]:
        return _in_order(place for thing in things for place in thing.places)

    def table(self) -> dict[tuple[str, int], tuple[tuple[str, int], ...]]:
        """The places of all names, and those that declare what stands there: what a rename leaves as it is."""
        rows: dict[tuple[str, int], set[tuple[str, int]]] = {}
        for span, things in self._everywhere():
            places = {(place.source.name, place.start) for thing in self.together(things) for place in thing.places}
            rows.setdefault((span.source.name, span.start), set()).update(places)
        return {place: tuple(sorted(declared)) for place, declared in rows.items()}

    def _everywhere(self) -> Iterator[tuple[Span, set[DeclaredName]]]:
        yield from self.uses.items()
        for thing in self.things:
            for place in thing.places:
                yield place, {thing}

    def _joined(self) -> dict[DeclaredName, set[DeclaredName]]:
        groups: dict[DeclaredName, set[DeclaredName]] = {}
        by_place: dict[Span, set[DeclaredName]] = {}
        for thing in self.things:
            for place in thing.places:
                by_place.setdefault(place, set()).add(thing)
        for things in (*self.uses.values(), *by_place.values()):
            for one, other in pairwise(things):
                both = groups.get(one, {one}) | groups.get(other, {other})
                groups.update(dict.fromkeys(both, both))
        return groups


def _in_order(spans: Iterable[Span]) -> list[Span]:
    return sorted(set(spans), key=lambda span: (span.source.name, span.start, span.end))
