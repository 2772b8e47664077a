"""The networks of the zoo with other widths: what mutants are made of, and what start-up is measured on."""

from __future__ import annotations

from math import prod

import pytest

from benchmarks.specs import ZOO, narrow
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse

NARROW = list(narrow(1))


def test_every_network_of_the_zoo_is_there() -> None:
    models = [line for path in ZOO.glob("*.cnn") for line in path.read_text("utf-8").splitlines()]
    assert len(NARROW) == sum(line.startswith("model ") for line in models)


@pytest.mark.parametrize("text", [text for _, text in NARROW], ids=[name for name, _ in NARROW])
def test_a_narrow_network_is_one_without_the_files_beside_it_and_small(text: str) -> None:
    (checked,) = check_file(parse(Source("net.cnn", text)))
    parameters = sum(prod(p.shape) for _, p in checked.graph.state)
    assert 0 < parameters < 3_000_000
