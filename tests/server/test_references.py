"""What a name stands for, and where else it is read: in one file, in files that import each other, in half of one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from specc.elaborate.assertions import METRICS
from specc.elaborate.evaluation import FUNCTIONS
from specc.elaborate.values import CONSTANTS
from specc.filesystem import DISK, Memory
from specc.ops import find
from specc.server.references import declarations, highlights, references
from specc.server.workspace import Workspace
from specc.syntax import ast

EXAMPLES = Path(__file__).parents[2] / "examples"


def unmarked(files: dict[str, str]) -> tuple[dict[str, str], set[tuple[str, int, int]]]:
    """The files without the marks, and the places that were marked."""
    texts, places = {}, set()
    for path, marked in files.items():
        text = ""
        for part in re.split(r"(<<.*?>>)", marked):
            if part.startswith("<<"):
                places.add((f"{Memory.TOP}/{path}", len(text), len(text) + len(part) - 4))
            text += part.removeprefix("<<").removesuffix(">>")
        texts[path] = text
    return texts, places


ONE_FILE = {
    "a label inside of a block": """
block backbone(c) -> (c3, <<c4>>) { c3: conv(c, 3) -> <<c4>>: conv(c, 3) }
block neck(features) { features.<<c4>> -> c4: conv(8, 1) }
model M : [N, 3, 32, 32] { body: backbone(8) -> body.<<c4>> -> relu -> neck(body) }
""",
    "another label of that name": """
block backbone(c) -> (c3, c4) { c3: conv(c, 3) -> c4: conv(c, 3) }
block neck(features) { features.c4 -> <<c4>>: conv(8, 1) }
model M : [N, 3, 32, 32] { body: backbone(8) -> neck(body) }
""",
    "rounds, and what hides a name": """
let c = 4
block unit(<<c>>, k = <<c>>) : [N, _, H, W] where <<c>> > 1 {
  { let c = k
    conv(c, 3) }
  conv(<<c>>, k) -> relu
  for <<c>> in [1, 2] { conv(c, 1) }
}
""".replace("for <<c>>", "for c"),
    "a label in a round": """
model U(depth = 2) : [N, 1, H, W] where H % 4 == 0, W % 4 == 0 {
  down: for i in range(depth) { <<skip>>: conv(8, 3, padding=1) -> maxpool(2) }
  for i in reversed(range(depth)) {
    convtranspose(8, 2, stride=2)
    concat { | down[i].<<skip>> | _ } -> conv(8, 1)
  }
}
""",
    "a loop's variable": """
model M : [N, 3, 9, 9] { for i, <<c>> in enumerate([4, 8]) { "x{i + 1}": conv(<<c>> if i else <<c>> + 1, 1) }
  let c = [2 * k for k in [1, 2]]
  conv(c[0], 1) }
""",
    "both branches, and an arm": """
model M(a = true) : [N, 3, 9, 9] {
  if a { <<x>>: conv(4, 1) } else { <<x>>: conv(4, 3, padding=1) }
  add { | <<x>> -> conv(4, 1) | _ }
}
""",
    "a parameter by name, through a let and a default": """
block unit(c, <<act>> = relu) { conv(c, 3) -> <<act>> }
default unit(<<act>> = gelu)
let gated = unit(<<act>>=silu)
block twice(make, act) { make(4) -> make(4, <<act>>=relu) -> act }
model M : [N, 3, 9, 9] { gated(4) -> unit(4, <<act>>=relu6) -> twice(gated, act=relu) }
""",
    "a size": """
model M : (image: [<<N>>, 3, H, W]) -> (mask: [<<N>>, 1, H, W]) where H > 4, W > 4 {
  mask: conv(1, 1)
  assert macs(<<N>>=2, H=8, W=8) > 0
}
""",
    "an input and an output of a block": """
block fuse(c) : (<<fine>>, coarse) -> (sum) { add { | <<fine>> | coarse } -> conv(c, 1) }
model M : [N, 3, 9, 9] { x: conv(4, 1) -> fuse(4) { | x | _ } }
""",
    "an output that is the last value": """
block two(c) -> (a, <<b>>) { a: conv(c, 1) -> conv(c, 1) -> relu }
model M : [N, 3, 9, 9] { t: two(4)
  add { | t.a | t.<<b>> } }
""",
    "a let that only the shape of an output reads": """
block two(c) -> [N, <<both>>, _, _] { let <<both>> = 2 * c
  conv(2 * c, 1) }
model M : [N, 3, 9, 9] -> (y: [N, both, 9, 9]) { let both = 8
  y: two(4) }
""",
    "shared steps": """
model M : (a: [N, 1, 9], b: [N, 1, 9]) { shared <<tower>> = conv(4, 3) -> relu
  concat { | a -> <<tower>> | b -> <<tower>> } }
""",
    "a label in quotes, in brackets": """
model M : [N, 3, 9, 9] { net: { <<"block1-0">>: conv(4, 1) -> relu }
  net[<<"block1-0">>] -> add { | _ | net["block1-0"] } }
""".replace('net["block1-0"] }', 'net[<<"block1-0">>] }'),
    "a parameter that is called like a layer": """
block b(<<pad>>) { pad(<<pad>>) -> conv(4, 3) }
model M : [N, 3, 9, 9] { b(1) }
""",
    "the value of a round before": """
block start(c) -> (<<p3>>, p4) { <<p3>>: conv(c, 3, padding=1) -> p4: conv(c, 3, stride=2, padding=1) }
block fuse(c) : (a, b) -> (<<p3>>, p4) { <<p3>>: add { | a | b -> upsample(like=a) } -> maxpool(2) -> p4: conv(c, 1) }
model M : [N, 3, 8, 8] { start(4) -> repeat 2 { fuse(4) { | _.<<p3>> | _.p4 } } }
""",
    "behind a pair of surrogates, half written": """
# \U0001d54a
model M : [N, 3, 9, 9] { # \U0001d54a
  <<stem>>: conv(4, 1)  # stem
  conv(
  add { | _ | <<stem>> }
}
""",
}


@pytest.mark.parametrize("title", ONE_FILE)
def test_a_name_has_the_places_that_are_marked(title: str) -> None:
    check_marks({"net.cnn": ONE_FILE[title]})


def check_marks(marked: dict[str, str]) -> None:
    texts, marks = unmarked(marked)
    files = Memory(texts)
    for path, start, end in marks:
        for at in (start, end):
            found = references(Workspace(files), path, at)
            assert {(one.span.source.name, one.span.start, one.span.end) for one in found} == marks
            assert any(one.declares for one in found)
            here = {one.span.start for one in highlights(Workspace(files), path, at)}
            assert here == {begin for other, begin, _ in marks if other == path}


LIBRARY = {
    "lib/parts.cnn": "block <<unit>>(c) { conv(c, 3) -> relu }\nblock two(c) { <<unit>>(c) -> <<unit>>(c) }\n",
    "lib/again.cnn": 'from "parts.cnn" import <<unit>>\n',
    "net.cnn": 'from "lib/again.cnn" import <<unit>>\nmodel M : [N, 3, 9, 9] { <<unit>>(4) -> unit: conv(4, 1) }\n',
    "other.cnn": "block unit(c) { conv(c, 3) }\nmodel M : [N, 3, 9, 9] { unit(4) }\n",
    "broken.cnn": 'from "lib/parts.cnn" import <<unit>>\nmodel M : [N, 3, 9, 9] {\n  conv(\n  <<unit>>(4)\n}\n',
}


def test_a_block_is_found_in_the_files_that_import_it_by_whatever_way() -> None:
    check_marks(LIBRARY)


def test_a_name_leads_to_its_own_file_though_nothing_says_who_imports_it() -> None:
    texts, _ = unmarked(LIBRARY)
    path = f"{Memory.TOP}/net.cnn"
    (place,) = declarations(Workspace(Memory(texts)), path, texts["net.cnn"].index("unit(4)"))
    assert (place.source.name, place.start) == (f"{Memory.TOP}/lib/parts.cnn", 6)


def test_the_path_of_an_import_leads_to_the_file_and_to_all_that_import_it() -> None:
    texts, _ = unmarked(LIBRARY)
    path, at = f"{Memory.TOP}/lib/again.cnn", texts["lib/again.cnn"].index("parts")
    (place,) = declarations(Workspace(Memory(texts)), path, at)
    assert (place.source.name, place.start, place.end) == (f"{Memory.TOP}/lib/parts.cnn", 0, 0)
    found = [one.span for one in references(Workspace(Memory(texts)), path, at) if not one.declares]
    assert [(span.source.name.removeprefix(Memory.TOP), span.text) for span in found] == [
        ("/lib/again.cnn", '"parts.cnn"'),
        ("/broken.cnn", '"lib/parts.cnn"'),
    ]


def test_what_is_no_name_of_the_file_has_no_places() -> None:
    files = Memory({"net.cnn": "model M : [N, 3, 9, 9] { # M\n  conv(4, 1, bias=false) }\n"})
    path = f"{Memory.TOP}/net.cnn"
    text = "model M : [N, 3, 9, 9] { # M\n  conv(4, 1, bias=false) }\n"
    for word in ("model", "conv", "bias", "false", "# M", "9"):
        assert references(Workspace(files), path, text.index(word) + len(word)) == [], word
    assert references(Workspace(files), f"{Memory.TOP}/nowhere.cnn", 0) == []


def test_every_name_in_the_examples_that_specc_does_not_have_is_declared() -> None:
    own = {*CONSTANTS, *METRICS, *FUNCTIONS, "_", "in", "height", "width", "channels", "shape", "features"}
    checked = 0
    for example in sorted(EXAMPLES.rglob("*.cnn")):
        bindings = Workspace(DISK).bindings(example.as_posix(), importers=False)
        places = {*bindings.uses, *(place for thing in bindings.things for place in thing.places)}
        for part in ast.parts(bindings.files[example.as_posix()]):
            if isinstance(part, ast.Name):
                name, place = part.name, part.span
            elif isinstance(part, (ast.Call, ast.Merge)):
                name, place = part.name, part.name_span
            else:
                continue
            if name not in own and find(name) is None:
                assert place in places, place
                checked += 1
    assert checked > 300
