"""Another name for what a name stands for, in all files that have it, and what else is called otherwise by it.

A rename is offered only where it is proven to be one: in the edited texts every name stands for what it stood for, the
findings are the same, and so is every network but for the names in it. A label is the name of weights: which of them
get other names is read off the networks.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from specc.diagnostics import Edit, SpecError, UsageError
from specc.diagnostics.words import listed, plural, visible
from specc.elaborate import Imports, check_file
from specc.elaborate.drafts import LONGEST_LABEL, label_problem
from specc.elaborate.errors import short
from specc.elaborate.model_cache import ModelCache
from specc.elaborate.values import CONSTANTS
from specc.filesystem import FileSystem
from specc.ir.graph import Graph
from specc.ops import find
from specc.project.fixes import applied
from specc.report.remarks import remark
from specc.server.bindings import Bindings, Occupied
from specc.server.buffers import Buffers
from specc.server.declared import DeclaredName, is_written
from specc.server.diagnosis import Diagnosis, diagnosis
from specc.server.workspace import Workspace
from specc.source import Span, is_yaml
from specc.syntax import ast, parse, read
from specc.syntax.tokens import is_name, is_plain_number, keywords, needs_quotes

MOST_FILES = 500
"""Files of one rename: both versions of each are checked."""
_MOST_NAMES = 3
"""Weights that are named in a sentence."""
_WORDS = {
    "parameter": "the parameter",
    "size": "the size",
    "variable": "the loop's variable",
    "shared": "the shared steps",
    "import": "the imported name",
}


class Rename(NamedTuple):
    """Edits of several files, in the order of each.

    Attributes:
        title: what is renamed to what.
        effects: a sentence for each thing outside of the specs that has another name then: weights, inputs, outputs,
            parameters of a model.
    """

    title: str
    edits: tuple[Edit, ...]
    effects: tuple[str, ...]


def renamed(workspace: Workspace, path: str, at: int, name: str) -> Rename:
    """What gives the thing whose name stands at an offset that other name.

    Raises:
        UsageError: it cannot have that name, or not all that reads it is known.
    """
    if len(name) > LONGEST_LABEL:
        raise UsageError(f"a name of {len(name):,} characters is too long: {LONGEST_LABEL} are enough for a label, too")
    bindings, here = _asked(workspace, path, at)
    places = [*bindings.declaring(here.things), *bindings.reading(here.things)]
    _require_whole(workspace, bindings, here.things, places)
    edits = [Edit(span, _written(span, here.things, name)) for span in places if span.text != name]
    edits.sort(key=lambda edit: (edit.span.source.name != path, edit.span.source.name, edit.span.start))
    title = f"{_called(here.things[0])} becomes {name}"
    if not edits:
        return Rename(title, (), ())
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.span.source.name, []).append(edit)
    texts = {one: applied(own[0].span.source.text, own) for one, own in by_file.items()}
    try:
        effects = _proven(bindings, workspace.files, Buffers(texts, workspace.files), by_file)
    except _Differs as difference:
        raise UsageError(_taken(bindings, here, name, path) or difference.sentence(name)) from None
    return Rename(title, tuple(edits), (*effects, *_settings(here.things, name)))


def renamable(workspace: Workspace, path: str, at: int) -> Span:
    """The name at an offset. Raises UsageError where it cannot be renamed."""
    bindings, here = _asked(workspace, path, at)
    _require_whole(workspace, bindings, here.things, [here.span])
    return here.span


def _asked(workspace: Workspace, path: str, at: int) -> tuple[Bindings, Occupied]:
    if workspace.tree(path) is None:
        raise UsageError("nothing of this file can be parsed: mend it first")
    bindings = workspace.bindings(path, importers=True)
    here = bindings.at(path, at)
    if here is None:
        raise UsageError(
            "no name of a spec stands here: layers, their arguments and the words of the language cannot be renamed"
        )
    return bindings, here


def _require_whole(
    workspace: Workspace, bindings: Bindings, things: tuple[DeclaredName, ...], places: Iterable[Span]
) -> None:
    """Raises UsageError where something may read the name that is not known, or could not be edited."""
    first = things[0]
    for thing in things:
        if thing.kind == "import":
            raise UsageError(
                f"{thing.name} is given in another file, which has no such block or let, or cannot be read"
            )
        if thing.kind == "file":
            raise UsageError("the name of a file is not changed here")
        if thing.is_computed:
            raise UsageError(f'the label "{thing.name}" is computed: its formula says what it is called')
    if len(bindings.files) > MOST_FILES:
        raise UsageError(
            f"{_called(first)} may be read in {len(bindings.files):,} files, and that is too many to check"
        )
    for path, finding in workspace.half_written():
        source = workspace.source(path)
        if source is not None and first.name in source.text:
            where = f"{posixpath.basename(path)}, line {finding.primary.span.position[0]}"
            raise UsageError(
                f"{where}, has a mistake of syntax: mend it first, so that no place of {first.name} is missed"
            )
    for span in places:
        if not is_written(span, things):
            where = f"{_line(span)} reads {first.name} within a text in quotes, in which nothing is edited"
            raise UsageError(f"{where}: rename it by hand")


def _written(span: Span, things: tuple[DeclaredName, ...], name: str) -> str:
    """How the name is written at one of its places. Raises UsageError where it cannot stand there."""
    source = span.source
    before = source.text[: span.start].rstrip()[-1:]
    is_label = any(thing.kind == "label" and span in thing.places for thing in things)
    if is_label:
        if problem := label_problem(name):
            raise UsageError(problem)
        if is_yaml(source.name) and not is_name(name):
            raise UsageError(f"{visible(short(name))} is no name, and how YAML writes it as a label is for you to say")
        return f'"{name}"' if needs_quotes(name) else name
    if span.text != things[0].name or span.text.isdigit():  # in brackets
        return name if is_plain_number(name) else f'"{name}"'
    if not is_name(name):
        if name in keywords():
            reason = f"{name} is a word of the language"
        else:
            wrong = visible(short(name))
            reason = f"a name has letters, digits and _, and does not begin with a digit: `{wrong}` is none"
        at = "" if not is_label and span in things[0].places else f", and in {_line(span)} a name must stand"
        raise UsageError(reason + at)
    if before != ".":  # behind a point a label is a label, whatever the word means alone
        if name in CONSTANTS or name == "_":
            raise UsageError(f"{name} is a constant" if name in CONSTANTS else "_ is the current value")
        if find(name) is not None:
            layer = f"{name} is a layer, and {_called(things[0])} would hide it"
            raise UsageError(f"{layer} in {_line(span)}: choose another name")
    return name


# ---- that it is a rename --------------------------------------------------------------------------------------------


class _Differs(Exception):
    """What is not as it was.

    Attributes:
        what: a sentence without the name.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def sentence(self, name: str) -> str:
        return f"it cannot be called {name}: {self.what}"


def _proven(
    bindings: Bindings, files: FileSystem, edited: FileSystem, edits: Mapping[str, list[Edit]]
) -> tuple[str, ...]:
    """What else has another name, after everything has been found to be what it was. Raises _Differs."""
    trees: dict[str, ast.File] = {}
    for path, tree in bindings.files.items():
        try:
            trees[path] = parse(read(path, edited)) if path in edits else tree
        except SpecError as error:
            raise _Differs(remark(error.diagnostics[0]).message) from None
    shift = _Shift(edits)
    _require_same_names(bindings, Bindings(trees, edited.real), shift)
    effects: list[str] = []
    weights: dict[tuple[str, str], None] = {}
    models: dict[str, None] = {}
    was_known, is_known = ModelCache(), ModelCache()
    for path, tree in bindings.files.items():
        old, new = diagnosis(path, files, was_known), diagnosis(path, edited, is_known)
        _require_same_findings(old, new, shift)
        networks = _networks(tree, files, was_known)
        if len(networks) < len(tree.models):
            effects.append(f"{posixpath.basename(path)} has mistakes: what its weights are called is not known")
        for was, now in zip(networks, _networks(trees[path], edited, is_known), strict=True):
            changes = _weights(was, now)
            weights |= dict.fromkeys(changes)
            models |= dict.fromkeys([now.name] if changes else [])
            effects += _ports(was, now)
    return (*_weights_told(list(weights), list(models)), *dict.fromkeys(effects))


def _require_same_names(old: Bindings, new: Bindings, shift: _Shift) -> None:
    """Raises _Differs where a name stands for something else."""
    before = {shift(*place): tuple(sorted(shift(*one) for one in names)) for place, names in old.table().items()}
    after = new.table()
    for place in sorted(before.keys() | after.keys()):
        if before.get(place) != after.get(place):
            word = new.files[place[0]].source.span(place[1], place[1] + 1)
            raise _Differs(f"{_line(word)} would mean something else")


def _require_same_findings(old: Diagnosis, new: Diagnosis, shift: _Shift) -> None:
    """Raises _Differs where a mistake is new, or gone."""
    known = {(one.code, shift(*_place(one.primary.span))) for one in old.findings}
    for one in new.findings:
        if (one.code, _place(one.primary.span)) not in known:
            raise _Differs(f"{remark(one).message} ({_line(one.primary.span)})")
    if len(old.findings) != len(new.findings) or old.problem != new.problem:
        raise _Differs("there would be other findings")


def _networks(tree: ast.File, files: FileSystem, known: ModelCache) -> list[Graph]:
    """Those of a file; none where they do not fit, before as after."""
    try:
        return [checked.graph for checked in check_file(tree, Imports(files), known)] if tree.models else []
    except SpecError:
        return []


def _weights(old: Graph, new: Graph) -> list[tuple[str, str]]:
    """The weights of two networks, step by step the same ones, that have other names. Raises _Differs."""
    called = {was.name: now.name for was, now in zip(old.inputs, new.inputs, strict=True)}
    changes = []
    is_of_sizes = [symbol.name for symbol in old.symbols] != [symbol.name for symbol in new.symbols]
    if len(old.nodes) != len(new.nodes):
        raise _Differs(f"{new.name} would be another network")
    for was, now in zip(old.nodes, new.nodes, strict=True):
        called[was.name] = now.name
        is_same = (was.op == now.op or is_of_sizes) and was.parameters == now.parameters
        if not is_same or [called[value] for value in was.inputs] != list(now.inputs):
            raise _Differs(f"{new.name} would be another network: {was.name} is not {now.name}")
        for one, other in zip(was.parameters, now.parameters, strict=True):
            if was.path(one) != now.path(other):
                changes.append((was.path(one), now.path(other)))
    if [called[value] for _, value in old.outputs] != [value for _, value in new.outputs]:
        raise _Differs(f"{new.name} would give out other values")
    return changes


class _Shift:
    """Where a place of the old texts is in the new ones."""

    def __init__(self, edits: Mapping[str, list[Edit]]) -> None:
        self._starts = {path: [edit.span.start for edit in own] for path, own in edits.items()}
        self._moved: dict[str, list[int]] = {}
        for path, own in edits.items():
            moved = [0]
            for edit in own:
                moved.append(moved[-1] + len(edit.text) - (edit.span.end - edit.span.start))
            self._moved[path] = moved

    def __call__(self, path: str, offset: int) -> tuple[str, int]:
        if path not in self._starts:
            return path, offset
        return path, offset + self._moved[path][bisect_left(self._starts[path], offset)]


# ---- what is said ---------------------------------------------------------------------------------------------------


def _weights_told(changes: list[tuple[str, str]], models: list[str]) -> list[str]:
    if not changes:
        return []
    named = ", ".join(f"{was} becomes {now}" for was, now in changes[:_MOST_NAMES])
    more = f", and {len(changes) - _MOST_NAMES:,} more" if len(changes) > _MOST_NAMES else ""
    get = "gets another name" if len(changes) == 1 else "get other names"
    whose = listed(models) if len(models) <= _MOST_NAMES else f"{len(models):,} models"
    return [
        f"{plural(len(changes), 'weight')} of {whose} {get}: {named}{more}. "
        "A checkpoint that has the old ones does not load by name any more, only with --match order"
    ]


def _ports(old: Graph, new: Graph) -> list[str]:
    names = [("input", was.name, now.name) for was, now in zip(old.inputs, new.inputs, strict=True)]
    pairs = zip(old.outputs, new.outputs, strict=True)
    names += [("output", was.name, now.name) for (was, _), (now, _) in pairs]
    told = [
        f"the {kind} {was} of {new.name} is called {now} by all who use its files"
        for kind, was, now in names
        if was != now
    ]
    sizes = zip(old.symbols, new.symbols, strict=True)  # the batch is none of them: nobody gives it
    return told + [f"--at {was.name}=… says {now.name}=… from now on" for was, now in sizes if was.name != now.name]


def _settings(things: tuple[DeclaredName, ...], name: str) -> list[str]:
    """What is written outside of specs about a model."""
    told = []
    for thing in things:
        if thing.kind == "parameter" and thing.of_model:
            told.append(f"--set {thing.name}=… and specc.load(…, {thing.name}=…) say {name} from now on")
        elif thing.kind == "model":
            told.append(f"--model {thing.name} says {name} from now on, and so do the files that are made of it")
    return told


def _taken(bindings: Bindings, here: Occupied, name: str, path: str) -> str | None:
    """Who has the name, of those that it may be confused with: those of the same body, or of a whole file."""
    owners = {thing.owner for thing in here.things}
    for thing in bindings.things:
        if thing.name == name and (thing.owner in owners or not thing.owner or "" in owners):
            place = bindings.declaring([thing])[0]
            return f"{name} is taken: {_called(thing)} has it, in {_line(place, path)}"
    return None


def _called(thing: DeclaredName) -> str:
    of = f" of {thing.owner}" if thing.owner and thing.kind in ("parameter", "input", "output", "size") else ""
    return f"{_WORDS.get(thing.kind, f'the {thing.kind}')} {thing.name}{of}"


def _line(span: Span, path: str = "") -> str:
    line = f"line {span.position[0]}"
    return line if span.source.name == path else f"{line} of {posixpath.basename(span.source.name)}"


def _place(span: Span) -> tuple[str, int]:
    return span.source.name, span.start
