"""Two files: what a change of the models around a network means for who asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import specc
from specc.compare.difference import FailOn, FileChange, compare_models, parameters
from specc.compare.interface import PortChange
from specc.diagnostics import UsageError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse

ONE = "model M(width = 4, depth = 2) : [N, 4] { fc(width) -> fc(depth) }\n"
OTHER = "model K : [N, 4] { fc(3) }\n"
INTERFACE = FailOn(frozenset({"interface"}))


def compared(before: str, after: str) -> FileChange:
    old, new = (parse(Source("spec.cnn", text)) for text in (before, after))
    graphs = [[checked.graph for checked in check_file(file)] for file in (old, new)]
    models = compare_models(*graphs, None, parameters=(parameters(old), parameters(new)))
    return FileChange("old.cnn", "new.cnn", models)


def interface(before: str, after: str) -> list[PortChange]:
    (found,) = [m.difference for m in compared(before, after).models if m.before == "M" and m.difference is not None]
    return list(found.interface.changes)


def test_a_second_model_breaks_who_names_none(tmp_path: Path) -> None:
    path = tmp_path / "f.cnn"
    path.write_text(ONE, encoding="utf-8")
    assert specc.load(path).name == "M"
    path.write_text(ONE + OTHER, encoding="utf-8")
    with pytest.raises(UsageError, match="several models"):
        specc.load(path)
    (change,) = interface(ONE, ONE + OTHER)
    assert (change.side, change.kind, change.name, change.breaking) == ("model", "added", "K", True)
    assert any(INTERFACE.fails(model, "interface") for model in compared(ONE, ONE + OTHER).models)


def test_a_third_model_breaks_nobody() -> None:
    two = ONE + OTHER
    assert interface(two, two + OTHER.replace("K", "L")) == []
    assert interface(two, ONE) == []


def test_a_parameter_that_is_gone_breaks_who_sets_it(tmp_path: Path) -> None:
    after = ONE.replace("width", "w")
    path = tmp_path / "f.cnn"
    path.write_text(ONE, encoding="utf-8")
    assert specc.load(path, width=8).params != specc.load(path).params
    path.write_text(after, encoding="utf-8")
    with pytest.raises(UsageError, match="width"):
        specc.load(path, width=8)
    gone, new = interface(ONE, after)
    assert (gone.side, gone.kind, gone.name, gone.before, gone.breaking) == (
        "parameter", "removed", "width", "width = 4", True,
    )  # fmt: skip
    assert (new.side, new.kind, new.name, new.after, new.breaking) == ("parameter", "added", "w", "w = 4", False)


def test_another_default_shows_in_the_network() -> None:
    after = ONE.replace("width = 4", "width = 8")
    assert interface(ONE, after) == []
    assert compared(ONE, after).models[0].fails("weights")
    assert interface(ONE, ONE.replace("width = 4, depth = 2", "depth = 2, width = 4")) == []
