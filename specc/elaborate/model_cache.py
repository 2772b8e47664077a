"""The models that fitted in the texts before: of a text in which somebody types, most models are as they were.

A model is known by its own text, that of every item whose name occurs in it, be it through others, and that of all
files that are imported. One that fits is the same network wherever these stand, so its places alone are renewed. Of a
spec of 300 lines and 14 models that takes a tenth of the time of elaborating all again.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet

from specc.diagnostics import Code, Diagnostic, SpecError
from specc.elaborate.files import Imports
from specc.elaborate.scopes import Environment
from specc.ir.graph import Graph, Node, Region
from specc.source import Source, Span
from specc.syntax import ast, is_yaml, parse
from specc.syntax.mending import mended
from specc.syntax.parser import attempt

T = TypeVar("T")
MOST_TREES = 32
MOST_MENDED = 16
"""Half-written texts whose trees are kept, those that came last."""
MOST_MISFITS = 256
"""Models that do not fit."""
MOST_STEPS = 50_000
"""Steps of all models that are kept: about 40 MB."""
_WORD = re.compile(r"[A-Za-z_]\w*")


_Mistakes = tuple[Diagnostic, ...]
"""Of a text. Not the error, which would keep whatever was at work when it was raised."""


class _Key(NamedTuple):
    """What a model depends on.

    Attributes:
        texts: its own, and those of the items that it may use, in order.
        place: which of them is its own.
        imports: names and texts of imported files.
    """

    name: str
    texts: tuple[str, ...]
    place: int
    imports: tuple[tuple[str, str], ...]


class _Entry(NamedTuple):
    """A model that fits, and where its texts stand.

    Attributes:
        blocks: the names, where they are defined, of the blocks that it calls.
        starts: the offset of each of the texts, in `source`.
        charged: how many entries its lists have.
        notes: by who made them: of what, the offsets of the texts then, and the note.
    """

    graph: Graph
    blocks: tuple[Span, ...]
    source: Source
    starts: tuple[int, ...]
    imports: dict[str, Source]
    charged: int
    notes: dict[str, tuple[object, tuple[int, ...], Any]]


class EarlierModel(NamedTuple):
    """A model with the places that it had in a text before.

    Attributes:
        source: that text.
        now: the offset of each part of the present one that the model depends on.
    """

    graph: Graph
    source: Source
    now: tuple[int, ...]
    entry: _Entry

    def note(self, by: str, make: Callable[[Graph, Source], T], of: object = None) -> tuple[T, Shift]:
        """What somebody finds out about the places of the model, once for all texts in which it is as it was.

        Args:
            by: who does.
            of: what else it depends on: only the last is kept.
        """
        notes = self.entry.notes
        if by not in notes or notes[by][0] != of:
            notes[by] = of, self.entry.starts, make(self.graph, self.source)
        _, starts, found = notes[by]
        return found, Shift(starts, tuple(new - old for old, new in zip(starts, self.now, strict=True)))


class Shift(NamedTuple):
    """From the places of a text to those of a later one.

    Attributes:
        starts: the offset of each part of it, and `by` how much further it stands now.
    """

    starts: tuple[int, ...]
    by: tuple[int, ...]

    def __call__(self, place: tuple[int, int]) -> tuple[int, int]:
        """Where what begins and ends there does so now."""
        by = self.by[max(0, bisect_right(self.starts, place[0]) - 1)]
        return place[0] + by, place[1] + by


class ModelCache:
    """Texts that were parsed, and models that fit, those that were asked for last.

    Attributes:
        quiet: models that no lint has anything to say of.
        steps: of all models.
    """

    def __init__(self) -> None:
        self._trees: OrderedDict[tuple[str, str], ast.File | _Mistakes | None] = OrderedDict()
        self._mended: OrderedDict[tuple[str, str], ast.File | None] = OrderedDict()
        self.quiet: WeakSet[Graph] = WeakSet()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._misfits: OrderedDict[_Key, None] = OrderedDict()
        self.steps = 0

    def tree(self, source: Source) -> ast.File:
        """What is parsed of a text, whose places may lie in another source of the same name and text.

        Raises:
            SpecError: as `specc.syntax.parse` does.
        """
        key = source.name, source.text
        known = self.whole(source) or self._trees[key] or _parsed(source)
        self._trees[key] = known
        if isinstance(known, ast.File):
            return known
        raise SpecError(known)

    def whole(self, source: Source) -> ast.File | None:
        """As `tree`; None where it would raise, or has never been asked and a first look finds something."""
        key = source.name, source.text
        if key in self._trees:
            self._trees.move_to_end(key)
        else:
            self._trees[key] = _attempt(source)
            if len(self._trees) > MOST_TREES:
                self._trees.popitem(last=False)
        tree = self._trees[key]
        return tree if isinstance(tree, ast.File) else None

    def partial(self, source: Source) -> ast.File | None:
        """As `tree`; of a text with mistakes what `specc.syntax.mending` makes of it."""
        tree = self.whole(source)
        if tree is not None:
            return tree
        key = source.name, source.text
        if key not in self._mended:
            self._mended[key] = mended(source)
            if len(self._mended) > MOST_MENDED:
                self._mended.popitem(last=False)
        return self._mended[key]

    def of(self, file: ast.File, names: Environment, imports: Imports) -> FileModels:
        """Those of a file, whose imports have been opened."""
        return FileModels(self, file, names, imports)

    def earlier(self, key: _Key, starts: tuple[int, ...]) -> EarlierModel | None:
        """A model as it was; that its places are not renewed saves half of the time."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return EarlierModel(entry.graph, entry.source, starts, entry)

    def get(self, key: _Key, source: Source, starts: tuple[int, ...], imports: dict[str, Source]) -> _Entry | None:
        """A model, at its places in this text."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        if entry.source is not source or any(imports[name] is not old for name, old in entry.imports.items()):
            moves = _Moves(entry, source, starts, imports)
            old = entry.graph
            graph = Graph(old.name, old.inputs, old.outputs, _moved(old.members, moves))
            if old in self.quiet:
                self.quiet.add(graph)
            blocks = tuple(map(moves, entry.blocks))
            entry = self._entries[key] = _Entry(graph, blocks, source, starts, imports, entry.charged, entry.notes)
        return entry

    def fits_not(self, key: _Key) -> bool:
        """Whether it is known of a model that it does not fit, whatever else is in its file."""
        return key in self._misfits

    def refuse(self, key: _Key) -> None:
        """Remember that a model does not fit."""
        self._misfits[key] = None
        self._misfits.move_to_end(key)
        if len(self._misfits) > MOST_MISFITS:
            self._misfits.popitem(last=False)

    def put(self, key: _Key, entry: _Entry) -> None:
        """Keep a model; others, of which nobody has asked for long, go."""
        before = self._entries.pop(key, None)
        self.steps += len(entry.graph.nodes) - (len(before.graph.nodes) if before else 0)
        self._entries[key] = entry
        while self.steps > MOST_STEPS:
            _, old = self._entries.popitem(last=False)
            self.steps -= len(old.graph.nodes)


def _attempt(source: Source) -> ast.File | _Mistakes | None:
    """The tree; None where it is only known that there is something wrong."""
    return _parsed(source) if is_yaml(source.name) else attempt(source)


def _parsed(source: Source) -> ast.File | _Mistakes:
    try:
        return parse(source)
    except SpecError as error:
        return error.diagnostics


class FileModels:
    """The models of one text, as far as they are known from texts before."""

    def __init__(self, cache: ModelCache, file: ast.File, names: Environment, imports: Imports) -> None:
        self._cache = cache
        self._file = file
        self._names = names
        self._imports = dict(imports.read)
        text = file.source.text
        self._texts = [text[item.span.start : item.span.end] for item in file.items]
        self._words = [frozenset(_WORD.findall(each)) for each in self._texts]
        self._count = 0

    def get(self, model: ast.ModelDefinition) -> tuple[Graph, tuple[Span, ...]] | None:
        """The model's network, and the names of the blocks that it calls; None: it is to be elaborated, and `put`."""
        key, starts = self._key(model)
        entry = self._cache.get(key, self._file.source, starts, self._imports)
        if entry is None:
            self._count = self._entries()
            return None
        self._names.scope.budget.count += entry.charged
        return entry.graph, entry.blocks

    def earlier(self, model: ast.ModelDefinition) -> EarlierModel | None:
        """As `get`, with the places of a text before."""
        found = self._cache.earlier(*self._key(model))
        if found is None:
            self._count = self._entries()
        else:
            self._names.scope.budget.count += found.entry.charged
        return found

    def put(self, model: ast.ModelDefinition, graph: Graph, blocks: tuple[Span, ...]) -> None:
        """Keep a model that fits, which was elaborated since it was asked for."""
        key, starts = self._key(model)
        count = self._entries() - self._count
        self._cache.put(key, _Entry(graph, blocks, self._file.source, starts, self._imports, count, {}))

    def fits_not(self, model: ast.ModelDefinition) -> bool:
        """Whether a model was refused, or it or what it may use is not all written yet."""
        unknown, items = self._file.unknown, self._file.items
        is_half = unknown and any(unknown in ast.names_in(items[place]) for place in self._used(model))
        return bool(is_half) or self._cache.fits_not(self._key(model)[0])

    def refuse(self, model: ast.ModelDefinition, findings: Iterable[Diagnostic]) -> None:
        """Remember that a model does not fit, where that is its own mistake, and not its file's."""
        if not self._names.findings and all(finding.code != Code.LIMIT for finding in findings):
            self._cache.refuse(self._key(model)[0])

    def _entries(self) -> int:
        return sum(budget.count for budget in self._names.budgets())

    def _own(self, model: ast.ModelDefinition) -> int:
        return next(place for place, item in enumerate(self._file.items) if item is model)

    def _used(self, model: ast.ModelDefinition) -> list[int]:
        """The places among the items of a model and of all that it may use."""
        items, own = self._file.items, self._own(model)
        used, words = {own}, set(self._words[own])
        grows = True
        while grows:
            grows = False
            for place, item in enumerate(items):
                if place not in used and not words.isdisjoint(_defined(item)):
                    used.add(place)
                    words |= self._words[place]
                    grows = True
        return sorted(used)

    def _key(self, model: ast.ModelDefinition) -> tuple[_Key, tuple[int, ...]]:
        items, places = self._file.items, self._used(model)
        key = _Key(
            self._file.source.name,
            tuple(self._texts[place] for place in places),
            places.index(self._own(model)),
            tuple((name, source.text) for name, source in self._imports.items()),
        )
        return key, tuple(items[place].span.start for place in places)


def _defined(item: ast.Item) -> Iterable[str]:
    """The names that an item has something to say of, but for a model's."""
    match item:
        case ast.Import():
            return [name.name for name in item.names]
        case ast.ModelDefinition():
            return ()
    return (item.name,)


class _Moves:
    """From the places of an entry to those of another text."""

    def __init__(self, entry: _Entry, source: Source, starts: tuple[int, ...], imports: dict[str, Source]) -> None:
        self._old, self._starts = entry.source, entry.starts
        self._new = source
        self._by = [new - old for old, new in zip(entry.starts, starts, strict=True)]
        self._sources = {id(old): imports[name] for name, old in entry.imports.items()}
        self._known: dict[int, Span] = {}

    def __call__(self, span: Span) -> Span:
        # By identity: a step in a loop has one span in all rounds, and to hash it takes longer than to move it.
        known = self._known.get(id(span))
        if known is None:
            if span.source is self._old:
                known = span.moved(self._new, self._by[max(0, bisect_right(self._starts, span.start) - 1)])
            else:
                known = span.moved(self._sources.get(id(span.source), span.source), 0)
            self._known[id(span)] = known
        return known


def _moved(members: tuple[Node | Region, ...], moves: _Moves) -> tuple[Node | Region, ...]:
    return tuple(
        [
            member.moved(moves(member.span))
            if isinstance(member, Node)
            else member.with_members(_moved(member.members, moves), moves(member.span))
            for member in members
        ]
    )
