"""The playground as a visitor has it, in headless Chromium: what it shows is what specc says outside of a browser."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.build import build, library
from specc.drawing import layout
from specc.playground import Playground
from tests.playground.chromium import served, visited

pytestmark = pytest.mark.playground

ROOT = Path(__file__).parents[2]
PARTS = ROOT / "build" / "playground-parts"
WRONG = "model M : [N, 3, 32, 32] -> [N, 10] {\n  conv(8, 3)\n  flaten\n  fc(10)\n}\n"
SLOW = "model Slow : [N, 8, 32, 32] {\n  repeat 40000 { conv(8, 3, padding=1) -> relu }\n}\n"
TWO = "model A : [N, 3, 8, 8] {\n  conv(4, 3)\n}\n\nmodel B : [N, 3, 9, 9] {\n  conv(5, 3)\n}\n"
BLOCK = "block b(c) {\n  conv(c, 3)\n}\n"
PLACE = "docs/playground/"
LARGE = "model M : [N, 3, 8, 8] {\n  conv(4, 3)\n}\n" + "# a comment that makes it long\n" * 33_000


def ask(about: str, name: str, text: str, **given: Any) -> Any:
    answers = Playground(library(), layout._graphviz)
    return json.loads(answers.answer(json.dumps({"about": about, "name": name, "text": text, **given})))


def link(spec: object) -> str:
    """The fragment of a link, as the page writes it."""
    squeezed = zlib.compress(json.dumps(spec).encode(), 9, wbits=-15)
    return "#spec=" + base64.urlsafe_b64encode(squeezed).decode().rstrip("=")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of other pages, deep in which the page lies."""
    folder = tmp_path_factory.mktemp("site")
    build(folder / PLACE, PARTS)
    return folder


@pytest.fixture(scope="module")
def fresh() -> set[str]:
    """Paths that were asked for although the browser might still have them."""
    return set()


@pytest.fixture(scope="module")
def address(site: Path, fresh: set[str]) -> Iterator[str]:
    with served(site, fresh) as base:
        yield f"{base}{PLACE}"


NETWORKS = [name for name in library() if name.endswith(".cnn")]


def visits(address: str) -> dict[str, dict[str, Any]]:
    # Most go on in the page of another one: to start the checker takes longer than nearly all of them.
    plain = {"address": address}
    menu = [action for name in NETWORKS for action in (["example", name], ["click", "#tab-pytorch"])]
    return {
        "menu": {**plain, "viewport": {"width": 1280, "height": 4000}, "actions": menu},
        "writing": {
            **plain,
            "rights": ["clipboard-read", "clipboard-write"],
            "actions": [
                ["write", WRONG],
                ["hover", ".cm-lintRange-error"],
                ["click", ".finding .where"],
                ["click", ".fix"],
                ["click", "#share"],
                ["clipboard"],
                ["write", TWO],
                ["keys", "Tab"],
                ["click", "#tab-form"],
                ["click", "#panel button:has-text('Write on')"],
                ["click", "#format"],
                ["saved", "#save"],
                ["undo"],
                ["undo"],
            ],
        },
        "kept": {
            **plain,
            "behind": "writing",
            "actions": [
                ["unclipped", "#share"],
                ["write", WRONG],
                ["another", "zoo/unet.cnn"],
                ["reload"],
                ["example", "lenet.cnn"],
                ["click", "#back"],
            ],
        },
        "panels": {
            **plain,
            "behind": "kept",
            "actions": [
                ["example", "zoo/unet.cnn"],
                ["fill", "#size-H", "64"],
                ["fill", "#size-H", "17"],
                ["keys", "Escape"],
                ["click", "#tab-table"],
                ["keys", "ArrowRight"],
                ["saved", "#panel button:has-text('Save')"],
                ["click", "#tab-picture"],
                ["keys", "End"],
                ["write", TWO],
                ["click", "#tab-table"],
                ["click", "#model"],
                ["keys", "ArrowDown", "Enter"],
                ["type", "model C : [N, 3, 8, 8] { con"],
                ["offers"],
                ["keys", "v", "Escape", "("],
                ["offers"],
                ["elsewhere", "https://example.org/"],
                ["tree"],
                ["write", TWO],
                ["hurry", ["#tab-picture", "#tab-pytorch"], WRONG],
                ["example", "net.cnn"],
                ["write", BLOCK],
                ["example", "zoo/resnet.cnn"],
                ["click", "#tab-table"],
                ["printed"],
            ],
        },
        "stopped": {
            **plain,
            "behind": "panels",
            "actions": [["overtake", SLOW, WRONG], ["example", "lenet.cnn"]],
        },
        "offline": {
            **plain,
            "behind": "linked",
            "actions": [["offline"], ["reload"], ["example", "zoo/fpn.cnn"], ["click", "#tab-picture"]],
        },
        "large": {
            **plain,
            "behind": "phone",
            "viewport": {"width": 1280, "height": 800},
            "actions": [
                ["write", LARGE],
                ["write", LARGE + "#" * 2**17],
                ["write", "("],
                ["write", "#" * 6_000_000],
                ["write", ")"],
            ],
        },
        "linked": {
            **plain,
            "behind": "stopped",
            "actions": [
                ["anew", address + link({"name": "net.cnn", "text": WRONG})],
                ["go", address + "#spec=" + "A" * 60],
                ["go", address + link({"name": "../../x", "text": TWO})],
                ["go", address + link({"name": "net.cnn", "text": "#" * (9 * 2**20)})],
                ["go", address + link({"name": "net.cnn"})],
                ["go", address + "#elsewhere"],
                ["example", "zoo/resnet.cnn"],
            ],
        },
        "phone": {
            **plain,
            "behind": "menu",
            "viewport": {"width": 360, "height": 740},
            "scheme": "dark",
            "actions": [
                ["example", "zoo/googlenet.cnn"],
                ["click", "#tab-picture"],
                ["click", "#tab-pytorch"],
                ["click", "#tab-onnx"],
                ["write", WRONG],
            ],
        },
        "no WebAssembly": {**plain, "without": ["WebAssembly"], "actions": [["write", WRONG], ["saved", "#save"]]},
        "no storage": {**plain, "without": ["storage"], "actions": [["write", TWO]]},
    }


@pytest.fixture(scope="module")
def seen(address: str) -> dict[str, Any]:
    return visited(visits(address))


def after(seen: dict[str, Any], visit: str, *action: str) -> Any:
    """What was seen after the action that begins so, the first such one of a visit."""
    return next(step for step in seen[visit]["steps"] if step["action"][: len(action)] == list(action))


def test_the_first_visit_shows_a_network_and_its_shapes(seen: dict[str, Any]) -> None:
    first = seen["menu"]["steps"][0]
    text = library()["lenet.cnn"]
    assert (first["state"], first["checked"], first["notice"]) == ("ready", "fits", "")
    assert first["status"] == "All shapes fit"
    assert first["shapes"] == [hint["text"] for hint in ask("shapes", "lenet.cnn", text)["hints"]]
    table = ask("table", "lenet.cnn", text)
    assert first["rows"] == [table["header"], *table["rows"]]
    assert "81,194" in first["panel"]


def test_every_network_of_the_menu_is_what_it_is_elsewhere(seen: dict[str, Any]) -> None:
    steps = seen["menu"]["steps"][1:]
    for name, (chosen, source) in zip(NETWORKS, zip(steps[::2], steps[1::2], strict=True), strict=True):
        text = library()[name]
        assert chosen["checked"] == "fits", name
        assert chosen["shapes"] == [hint["text"] for hint in ask("shapes", name, text)["hints"]], name
        assert source["code"] == ask("pytorch", name, text)["text"], name


def test_nothing_goes_wrong_and_nothing_is_asked_of_others(seen: dict[str, Any], address: str) -> None:
    for name, visit in seen.items():
        assert [one for one in visit["errors"] if "https://example.org/" not in one] == [], name
        foreign = [one for one in visit["requests"] if not one.startswith((address, "blob:", "data:"))]
        assert set(foreign) <= {"https://example.org/"}, name  # which the page was told to ask
    assert after(seen, "panels", "elsewhere")["result"] == ["connect-src", "img-src"]


def test_a_mistake_is_shown_said_and_mended(seen: dict[str, Any]) -> None:
    _, wrong, hovered, found, mended, *_ = seen["writing"]["steps"]
    assert (wrong["checked"], wrong["marks"], wrong["status"]) == ("wrong", ["flaten"], "1 mistake")
    assert "no layer is called flaten" in wrong["findings"][0]
    assert "line 3" in wrong["findings"][0]
    assert wrong["shapes"] == ["[N, 8, 30, 30]  224"]  # of the lines before it
    assert (wrong["stale"], mended["stale"]) == (True, False)
    assert "did you mean flatten?" in hovered["result"]
    assert "cm-content" in found["focus"]
    assert (mended["checked"], mended["findings"]) == ("fits", [])


def test_a_link_carries_the_spec(seen: dict[str, Any], address: str) -> None:
    shared, copied = after(seen, "writing", "click", "#share"), after(seen, "writing", "clipboard")
    assert "The link is copied" in shared["notice"]
    fragment = copied["result"].removeprefix(f"{address}#spec=")
    text = zlib.decompress(base64.urlsafe_b64decode(fragment + "=" * (-len(fragment) % 4)), wbits=-15)
    assert json.loads(text) == {"name": "lenet.cnn", "text": WRONG.replace("flaten", "flatten")}


def test_a_spec_is_written_on_in_yaml(seen: dict[str, Any]) -> None:
    two, tabbed, yaml, written, formatted, saved, earlier, first = seen["writing"]["steps"][7:15]
    assert (two["checked"], two["notice"]) == ("fits", "")
    assert "cm-content" not in tabbed["focus"]  # the keyboard leaves the editor
    assert yaml["code"] == ask("form", "net.cnn", TWO)["text"]
    assert written["checked"] == "fits"
    assert written["shapes"] == [hint["text"] for hint in ask("shapes", "net.yaml", yaml["code"])["hints"]]
    assert "cm-content" in written["focus"]
    assert written["code"] == ask("form", "net.yaml", yaml["code"])["text"]
    assert formatted["notice"] == ""
    assert saved["result"] == ["net.yaml", yaml["code"]]
    assert (earlier["code"], earlier["shapes"]) == (yaml["code"], two["shapes"])  # in the language again
    assert first["marks"] == []


def test_what_was_written_is_there_after_a_reload(seen: dict[str, Any], address: str) -> None:
    """Whatever another tab has opened, and though the address had an older text."""
    shared, written, elsewhere, again = seen["kept"]["steps"][1:5]
    assert shared["result"].startswith(f"{address}#spec=")
    assert written["findings"] == elsewhere["result"]["findings"] == again["findings"] != []


def test_what_an_example_has_replaced_comes_back_by_undo(seen: dict[str, Any]) -> None:
    again, example, undone = seen["kept"]["steps"][4:]
    assert (example["checked"], example["notice"]) == ("fits", "What was there has made way for it.")
    assert (undone["findings"], undone["notice"]) == (again["findings"], "")
    assert "cm-content" in undone["focus"]


def test_a_check_that_takes_too_long_is_stopped_with_what_waits_for_it(seen: dict[str, Any]) -> None:
    before, stopped, again = seen["stopped"]["steps"]
    assert (before["checked"], stopped["checked"], stopped["status"]) == ("fits", "problem", "")
    assert stopped["findings"] == ["Stopped. It is checked again when you change it."]
    assert again["checked"] == "fits"


def test_a_late_answer_does_not_pass_for_one_about_the_text(seen: dict[str, Any]) -> None:
    hurried = after(seen, "panels", "hurry")
    assert (hurried["checked"], hurried["stale"]) == ("wrong", True)


def test_nothing_of_another_spec_is_shown_with_one_that_is_wrong(seen: dict[str, Any]) -> None:
    empty = after(seen, "panels", "example", "net.cnn")
    assert (empty["checked"], empty["panel"]) == ("wrong", "It is shown once all shapes fit.")
    assert "net.cnn describes no model" in empty["findings"][0]


def test_a_file_of_blocks_is_no_mistake(seen: dict[str, Any]) -> None:
    blocks = after(seen, "panels", "write", BLOCK)
    assert (blocks["checked"], blocks["findings"]) == ("fits", [])
    assert "There is no model in it" in blocks["panel"]


def test_all_of_it_is_on_paper(seen: dict[str, Any]) -> None:
    printed = after(seen, "panels", "printed")["result"]
    assert printed == {"lines": len(library()["zoo/resnet.cnn"].split("\n")), "cut": []}


def test_the_table_at_sizes(seen: dict[str, Any]) -> None:
    any_size, sized, refused = seen["panels"]["steps"][1:4]
    assert sized["focus"] == "size-H"
    text = library()["zoo/unet.cnn"]
    assert any_size["rows"][1:] == ask("table", "zoo/unet.cnn", text)["rows"]
    table = ask("table", "zoo/unet.cnn", text, sizes={"H": 64, "W": 224})
    assert sized["rows"] == [table["header"], *table["rows"]]
    assert "H % 16 == 0" in refused["panel"]


def test_the_picture_has_every_box_of_draw(seen: dict[str, Any]) -> None:
    name, picture = after(seen, "panels", "saved")["result"]
    native = ask("picture", "zoo/unet.cnn", library()["zoo/unet.cnn"])["svg"]
    texts = re.compile("<text[^>]*>([^<]*)")
    assert name == "unet.svg"
    assert sorted(texts.findall(picture)) == sorted(texts.findall(native))


def test_tabs_go_by_the_arrows_and_the_page_says_what_it_cannot_do(seen: dict[str, Any]) -> None:
    arrow, last = after(seen, "panels", "keys", "ArrowRight"), after(seen, "panels", "keys", "End")
    assert (arrow["focus"], last["focus"]) == ("tab-picture", "tab-onnx")
    assert "specc compile unet.cnn -o unet.onnx" in last["panel"]


def test_a_model_of_several_is_chosen(seen: dict[str, Any]) -> None:
    first, second = after(seen, "panels", "click", "#model"), after(seen, "panels", "keys", "ArrowDown")
    assert "A : input [N, 3, 8, 8]" in first["panel"]
    assert "B : input [N, 3, 9, 9]" in second["panel"]


def test_the_shortest_layer_is_offered_first_and_arguments_in_their_order(seen: dict[str, Any]) -> None:
    layers, arguments = [step["result"] for step in seen["panels"]["steps"] if step["action"] == ["offers"]]
    assert layers == ["conv", "concat", "convtranspose"]
    assert arguments[:4] == ["out_channels", "kernel", "stride", "padding"]


def test_everything_on_the_page_has_a_name(seen: dict[str, Any]) -> None:
    tree = after(seen, "panels", "tree")["result"]
    assert not re.findall(r"- (?:button|combobox|textbox|spinbutton|tab|img)(?=:|$| \[)", tree, re.MULTILINE)
    for part in (
        'combobox "Examples"',
        'textbox "The spec"',
        'tab "Table" [selected]',
        'tabpanel "Table"',
        'region "Findings"',
        "status",
        'link "licenses"',
    ):
        assert part in tree


def test_it_works_without_a_connection(seen: dict[str, Any]) -> None:
    _, _, reloaded, chosen, drawn = seen["offline"]["steps"]
    assert reloaded["checked"] == chosen["checked"] == "fits"
    assert "works without a connection" in reloaded["promise"]
    assert "Save fpn" in drawn["panel"]


def test_no_file_of_another_version_is_kept(seen: dict[str, Any], site: Path, fresh: set[str]) -> None:
    assert seen["offline"]["steps"][2]["checked"] == "fits"  # so all was fetched
    files = {f"/{path.relative_to(site).as_posix()}" for path in site.rglob("*") if path.is_file()}
    assert files - {f"/{PLACE}offline.js"} <= fresh


def test_a_large_spec_is_checked_and_a_larger_one_refused(seen: dict[str, Any]) -> None:
    before, large, larger, small, huge, last = seen["large"]["steps"]
    assert large["checked"] == "fits"
    assert "the file is too large for a spec" in larger["findings"][0]
    assert "never closed" in small["findings"][0]
    assert "does not store what you write" in huge["promise"]
    assert before["promise"] == last["promise"]


def test_links_that_are_no_specs_are_said_and_leave_the_page_usable(seen: dict[str, Any]) -> None:
    _, wrong, broken, climbing, bomb, empty, other, chosen = seen["linked"]["steps"]
    assert wrong["marks"] == ["flaten"]
    assert "The link is broken" in broken["notice"]
    assert broken["marks"] == ["flaten"]
    assert climbing["checked"] == "fits"
    assert "more than 1 MiB" in bomb["notice"]
    assert "The link is broken" in empty["notice"]
    assert other["checked"] == chosen["checked"] == "fits"


def test_nothing_is_wider_than_a_phone(seen: dict[str, Any]) -> None:
    for step in seen["phone"]["steps"]:
        assert step["overflow"] <= 0


def test_a_browser_without_webassembly_is_told_so_and_keeps_what_is_written(seen: dict[str, Any]) -> None:
    first, _, saved = seen["no WebAssembly"]["steps"]
    assert first["state"] == "refused"
    assert "This browser has no WebAssembly" in first["notice"]
    assert "specc check net.cnn" in first["notice"]
    assert saved["result"][1] == WRONG


def test_a_browser_that_stores_nothing_is_told_so(seen: dict[str, Any]) -> None:
    first, written = seen["no storage"]["steps"]
    assert "does not store what you write" in first["promise"]
    assert "without a connection" not in first["promise"]
    assert written["checked"] == "fits"


def test_texts_stand_out_from_what_they_are_on() -> None:
    """By WCAG's contrast of 4.5, in both schemes."""
    light, dark = re.findall(r":root \{(.*?)\}", (ROOT / "playground" / "style.css").read_text("utf-8"), re.DOTALL)
    colours = {**dict(re.findall(r"--([\w-]+): (#\w{6})", light))}
    for scheme in (colours, {**colours, **dict(re.findall(r"--([\w-]+): (#\w{6})", dark))}):
        grounds = [scheme[name] for name in ("ground", "paper", "tint")]
        for name in ("text", "quiet", "accent", "shape", "keyword", "layer", "number", "string", "comment", "label"):
            assert all(contrast(scheme[name], ground) >= 4.5 for ground in grounds), name
        for name in ("error", "warning"):
            assert contrast(scheme[name], scheme[f"{name}-tint"]) >= 4.5, name
        assert contrast(scheme["on-accent"], scheme["accent"]) >= 4.5


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)
