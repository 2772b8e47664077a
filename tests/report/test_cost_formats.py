"""The table of `show` in other formats, read back by the readers of others."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

import specc
from specc.report.cost_formats import FORMATS, written

ZOO = Path(__file__).parents[2] / "examples/zoo"


@pytest.fixture(scope="module")
def resnet() -> specc.Model:
    return specc.load(ZOO / "resnet.cnn", model="ResNet18").at(H=224, W=224)


def test_json(resnet: specc.Model) -> None:
    """Counts as torchvision and fvcore give them (11,689,512 parameters), each row of the step it names."""
    (model,) = json.loads(written([resnet.costs], "json", None))["models"]
    assert (model["name"], model["params"], model["macs"]) == ("ResNet18", 11_689_512, 1_814_073_344)
    assert sum(step["params"] for step in model["steps"]) == model["params"]
    assert sum(step["macs"] for step in model["steps"]) == model["macs"]
    assert sum(step["memory"] for step in model["steps"]) == model["activation_memory"]
    first = model["steps"][0]
    assert first == {
        "step": "conv1",
        "layer": "conv(64, 7, stride=2, padding=3, bias=false)",
        "output": "[N, 64, 112, 112]",
        "params": 64 * 3 * 49,
        "shared": False,
        "macs": 64 * 3 * 49 * 112 * 112,
        "memory": 4 * 64 * 112 * 112,
        "receptive_field": [7, 7],
    }


def test_closed_blocks_have_the_sums_of_what_is_in_them(resnet: specc.Model) -> None:
    (whole,) = json.loads(written([resnet.costs], "json", None))["models"]
    (closed,) = json.loads(written([resnet.costs], "json", 1))["models"]
    layer = next(step for step in closed["steps"] if step["step"] == "layer1")
    inside = [step for step in whole["steps"] if step["step"].startswith("layer1.")]
    assert len(inside) > 4
    for number in ("params", "macs", "memory"):
        assert layer[number] == sum(step[number] for step in inside)
    assert layer["output"] == inside[-1]["output"]


def test_what_is_not_known_is_null(resnet: specc.Model) -> None:
    open_sizes = specc.load(ZOO / "resnet.cnn", model="ResNet18")
    (model,) = json.loads(written([open_sizes.costs], "json", 1))["models"]
    assert model["params"] == 11_689_512
    assert {model[number] for number in ("macs", "activation_memory", "receptive_field")} == {None}
    (*_, row) = csv.DictReader(io.StringIO(written([open_sizes.costs], "csv", 1)))
    assert (row["macs"], row["memory"], row["receptive_field"]) == ("", "", "")


def test_csv(resnet: specc.Model) -> None:
    lenet = specc.load(ZOO.parent / "lenet.cnn")
    rows = list(csv.DictReader(io.StringIO(written([lenet.costs, resnet.costs], "csv", None))))
    assert {row["model"] for row in rows} == {"LeNet", "ResNet18"}
    assert sum(int(row["params"]) for row in rows) == 81_194 + 11_689_512
    assert rows[0]["layer"] == "conv(6, 3)"
    assert rows[0]["receptive_field"] == "3x3"


def test_markdown_is_a_table_whatever_the_names(resnet: specc.Model) -> None:
    """As many cells in each row, of which an escaped bar ends none."""
    model = specc.loads('model M : [N, 2] -> [N, 2] { "a|b`": fc(2) -> "*c*": fc(2) }')
    title, _, header, ruler, *rows = written([model.costs], "markdown", None).splitlines()[:6]
    assert title == "`M : input [N, 2] -> output [N, 2]`"
    assert header == "| step | layer | output | params | MACs | memory | sees |" or "sees" not in header
    counts = {len(line.replace(r"\|", "").split("|")) for line in (header, ruler, *rows)}
    assert len(counts) == 1
    assert rows[0].startswith(r"| `` a\|b` `` | `fc(2)` | `[N, 2]` | 6 |")
    assert rows[1].startswith("| `*c*` |")


@pytest.mark.parametrize("form", FORMATS)
def test_every_network_is_in_it(form: str, resnet: specc.Model) -> None:
    text = written([resnet.costs, specc.load(ZOO.parent / "lenet.cnn").costs], form, 1)
    assert "ResNet18" in text
    assert "LeNet" in text
