"""What the playground's page is answered, without a browser: `tests/playground` has the page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import specc
from specc.drawing import layout
from specc.playground import CodeUnits, Playground
from specc.source import Source

ZOO = Path(__file__).parents[1] / "examples" / "zoo"
LIBRARY = {path.name: path.read_text("utf-8") for path in ZOO.glob("*.cnn")}
NET = "model Net : [N, 3, 32, 32] -> [N, 10] {\n  stem: conv(8, 3)\n  flatten -> fc(10)\n}\n"


def ask(about: str, text: str, name: str = "net.cnn", **given_: Any) -> Any:
    question = {"about": about, "name": name, "text": text, **given_}
    return json.loads(Playground(LIBRARY, layout._graphviz).answer(json.dumps(question)))


@given(st.text("a\n𝕊é"), st.booleans(), st.integers(-2, 50))
def test_places_are_utf_16_units(text: str, has_mark: bool, unit: int) -> None:
    written = "\ufeff" * has_mark + text
    units = CodeUnits(Source("net.cnn", text), written)
    for at in range(len(text) + 1):
        assert units.unit(at) == len(written[: at + has_mark].encode("utf-16-le")) // 2
        assert units.offset(units.unit(at)) == at
        if at < len(text) and text[at] == "𝕊":  # between its surrogates
            assert units.offset(units.unit(at) + 1) == at
    assert 0 <= units.offset(unit) <= len(text)


def test_findings_and_shapes_stand_at_their_places() -> None:
    text = "\ufeff# 𝕊𝕊\n" + NET.replace("flatten", "flaten")
    found = ask("check", text)
    encoded = text.encode("utf-16-le")

    def at(place: dict[str, int]) -> str:
        return encoded[2 * place["from"] : 2 * place["to"]].decode("utf-16-le")

    (finding,) = found["findings"]
    assert (finding["code"], at(finding["place"]), finding["place"]["line"]) == ("S0201", "flaten", 4)
    (edit,) = finding["fix"]["edits"]
    assert (at(edit), edit["insert"], finding["fix"]["safe"]) == ("flaten", "flatten", True)
    assert finding["fix"]["title"] == "`flatten` instead of `flaten`"
    (hint,) = ask("shapes", text)["hints"]
    assert encoded[: 2 * hint["at"]].decode("utf-16-le").endswith("conv(8, 3)")
    assert hint["text"] == "[N, 8, 30, 30]  224"


def test_a_fix_that_is_taken_leaves_a_spec_that_fits() -> None:
    text = NET.replace("flatten", "flaten")
    (edit,) = ask("check", text)["findings"][0]["fix"]["edits"]
    assert ask("check", text[: edit["from"]] + edit["insert"] + text[edit["to"] :])["findings"] == []


def test_what_is_imported_comes_from_the_library() -> None:
    spec = 'from "resnet.cnn" import basic\nmodel M : [N, 3, 32, 32] { basic(8, stride=1) }\n'
    assert ask("check", spec)["findings"] == []
    wrong = ask("check", spec.replace("32, 32] {", "] {"))["findings"]
    places = [wrong[0]["place"], *(one["place"] for one in wrong[0]["related"])]
    assert {place["file"] for place in places} == {"net.cnn", "resnet.cnn"}
    assert all(("from" in place) == (place["file"] == "net.cnn") for place in places)


def test_the_table_is_that_of_show() -> None:
    model = specc.loads(LIBRARY["unet_any_size.cnn"]).at(H=40, W=33)
    found = ask("table", LIBRARY["unet_any_size.cnn"], sizes={"H": 40, "W": 33})
    shown = model.summary().splitlines()
    assert [[line[:17].strip(), line[19:]] for line in shown[-len(found["totals"]) :]] == found["totals"]
    assert [row[0] for row in found["rows"]] == [line.split()[0] for line in shown[2 : 2 + len(found["rows"])]]
    assert ask("table", LIBRARY["unet_any_size.cnn"])["sizes"] == {"H": 224, "W": 224}
    assert ask("table", NET, sizes={"H": 40}) == ask("table", NET)
    assert ask("table", NET)["sizes"] == {}


def test_a_model_is_chosen_and_one_that_is_gone_is_the_first() -> None:
    two = NET + NET.replace("Net", "Other").replace("10", "7")
    assert ask("shapes", two)["models"] == ["Net", "Other"]
    assert ask("table", two, model="Other")["interface"].endswith("[N, 7]")
    assert ask("table", two, model="Gone")["model"] == "Net"


def test_source_form_and_format_are_those_of_the_commands() -> None:
    assert ask("pytorch", NET) == {"name": "net.py", "text": specc.loads(NET).torch_source()}
    yaml = ask("form", "# a comment\n" + NET)
    assert (yaml["form"], yaml["lost"]) == ("yaml", 1)
    assert specc.loads(yaml["text"], name="net.yaml").params == specc.loads(NET).params
    assert ask("form", yaml["text"], "net.yaml") == {"form": "cnn", "text": NET, "lost": 0}
    assert ask("format", NET.replace("  ", " "))["text"] == NET
    assert ask("format", yaml["text"], "net.yaml")["text"] == yaml["text"]


def test_the_picture_is_that_of_draw(tmp_path: Path) -> None:
    specc.loads(NET).draw(tmp_path / "net.svg")
    assert ask("picture", NET) == {"title": "Net", "svg": (tmp_path / "net.svg").read_text("utf-8")}


def test_hover_and_completion() -> None:
    at = NET.index("conv")
    found = ask("hover", "# 𝕊\n" + NET, at=at + 5)
    assert (found["from"], found["to"]) == (at + 5, at + 9)
    assert "8 x 3 x 3 x 3 = 216" in found["text"]
    assert ask("hover", NET, at=0) == {}
    offers = ask("complete", NET, at=NET.index("3)\n"))["offers"]
    assert {"word": "kernel", "kind": "argument", "detail": "required", "text": "kernel="} in offers


def test_a_spec_in_yaml_has_its_shapes_and_words() -> None:
    yaml = ask("form", NET)["text"]
    shapes = [hint["text"] for hint in ask("shapes", yaml, "net.yaml")["hints"]]
    assert shapes == [hint["text"] for hint in ask("shapes", NET)["hints"]]
    at = yaml.index("flatten")
    assert "flatten" in [one["word"] for one in ask("complete", yaml, "net.yaml", at=at)["offers"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\ud800", "the file is not UTF-8"),
        ("x" * (2**20 + 1), "the file is too large for a spec"),
        ("model M : [N, 3, 8, 8] { conv(", "is never closed"),
        ("(" * 5_000, "nest"),
        ("", "no model"),
    ],
)
def test_what_is_no_spec_is_said_in_words(text: str, said: str) -> None:
    assert said in ask("check", text)["findings"][0]["message"]
    assert said in ask("table", text)["problem"]


def test_sizes_that_are_not_allowed_are_said_in_words() -> None:
    assert "16" in ask("table", LIBRARY["unet.cnn"], sizes={"H": 17, "W": 32})["problem"]


def test_a_network_of_the_zoo_finds_what_it_imports() -> None:
    assert 'from "resnet.cnn"' in LIBRARY["botnet.cnn"]
    assert ask("check", LIBRARY["botnet.cnn"], "botnet.cnn")["findings"] == []


def test_nothing_is_loaded_that_a_browser_does_not_have() -> None:
    program = """
import json, sys
from specc.playground import Playground
text = sys.argv[1]
page = Playground({})
for about in ("check", "shapes", "table", "pytorch", "form", "format"):
    page.answer(json.dumps({"about": about, "name": "net.cnn", "text": text}))
print([name for name in ("numpy", "onnx", "torch", "pygraphviz", "pygls", "lark", "click") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program, NET], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
