"""Where a name is declared, and where it is read: in its file, and in all files of the project that it comes to."""

from __future__ import annotations

from typing import NamedTuple

from specc.server.declared import is_written
from specc.server.workspace import Workspace
from specc.source import Span


class NamePlace(NamedTuple):
    """A place of a name.

    Attributes:
        declares: it is where the name is given, and not where it is read.
    """

    span: Span
    declares: bool


def references(workspace: Workspace, path: str, at: int) -> list[NamePlace]:
    """Every place of what the name at an offset stands for, importers included; none where no name stands."""
    return _occurrences(workspace, path, at, importers=True)


def highlights(workspace: Workspace, path: str, at: int) -> list[NamePlace]:
    """Those of them that are in the file itself."""
    found = _occurrences(workspace, path, at, importers=False)
    return [one for one in found if one.span.source.name == path]


def declarations(workspace: Workspace, path: str, at: int) -> list[Span]:
    """Where the name at an offset is given; of what is imported, in its own file."""
    return [one.span for one in _occurrences(workspace, path, at, importers=False) if one.declares]


def _occurrences(workspace: Workspace, path: str, at: int, *, importers: bool) -> list[NamePlace]:
    if workspace.tree(path) is None:
        return []
    bindings = workspace.bindings(path, importers=importers)
    here = bindings.at(path, at)
    if here is None:
        return []
    places = [NamePlace(span, True) for span in bindings.declaring(here.things)]
    places += [NamePlace(span, False) for span in bindings.reading(here.things)]
    places = [one for one in places if is_written(one.span, here.things)]
    return sorted(places, key=lambda one: (one.span.source.name != path, one.span.source.name, one.span.start))
