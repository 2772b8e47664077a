"""What a workspace takes over from the texts before."""

from __future__ import annotations

import pytest

from specc.elaborate.model_cache import ModelCache
from specc.filesystem import Memory
from specc.server import bindings, workspace
from specc.server.bindings import Bindings
from specc.server.references import declarations
from specc.server.workspace import Workspace
from specc.syntax import parser

LIBRARY = "block unit(c) { conv(c, 3) }\n"
NET = 'from "lib.cnn" import unit\nmodel M : [N, 3, 8, 8] { a: unit(4) -> unit(5) -> a }\n'
PATH = f"{Memory.TOP}/net.cnn"


def test_names_are_looked_into_once_for_a_text_and_what_it_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    count: list[object] = []
    resolution = bindings.Resolution
    monkeypatch.setattr(bindings, "Resolution", lambda *args: [count.append(1), resolution(*args)][1])
    models, known = ModelCache(), dict[str, Bindings]()
    for library, net, anew in (
        (LIBRARY, NET, 1),
        (LIBRARY, NET, 0),
        (LIBRARY, NET.replace("-> a ", "-> "), 1),
        (f"let x = 3\n{LIBRARY}", NET, 1),
        (f"let x = 3\n{LIBRARY}", NET, 0),
        (LIBRARY.replace("unit", "one"), NET, 1),
    ):
        count.clear()
        files = Memory({"lib.cnn": library, "net.cnn": net})
        at = net.index("unit(5)")
        said = [declarations(Workspace(files, (), models, known), PATH, at) for _ in range(2)][1]
        assert len(count) == anew
        fresh = declarations(Workspace(files), PATH, at)
        assert [(span.source.name, span.start) for span in said] == [(span.source.name, span.start) for span in fresh]


def test_of_few_files_it_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "MOST_KNOWN", 2)
    files = Memory({f"{name}.cnn": NET for name in "abc"})
    known: dict[str, Bindings] = {}
    for name in "abcb":
        Workspace(files, (), None, known).bindings(f"{Memory.TOP}/{name}.cnn", importers=False)
    assert list(known) == [f"{Memory.TOP}/{name}.cnn" for name in "bc"]


def test_mistakes_of_syntax_are_explained_to_nobody_who_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    explained: list[object] = []
    mistakes = parser._mistakes
    monkeypatch.setattr(parser, "_mistakes", lambda *args: [explained.append(1), mistakes(*args)][1])
    one = Workspace(Memory({"net.cnn": NET + "model Half : [N, 3, 8, 8] {\n  conv(\n}\n"}))
    assert one.tree(PATH) is not None
    assert declarations(one, PATH, NET.index("a:"))
    assert explained == []
    assert [path for path, _ in one.half_written()] == [PATH]
    assert explained == [1]
