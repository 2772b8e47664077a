"""Another name for a thing: where it is offered the network is the same, and where it is not a sentence says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from specc.diagnostics import UsageError
from specc.elaborate import Imports, check_file
from specc.filesystem import DISK, Memory
from specc.ir.graph import Graph
from specc.project.fixes import applied
from specc.server import rename
from specc.server.bindings import Bindings
from specc.server.buffers import Buffers
from specc.server.rename import Rename, renamable, renamed
from specc.server.workspace import Workspace
from specc.source import Source
from specc.syntax import parse
from tests.report.test_annotation import EVERYTHING

EXAMPLES = Path(__file__).parents[2] / "examples"

LIBRARY = """\
block unit(c, act = relu) { conv: conv(c, 3, padding=1) -> act }
block other(c) { fc: conv(c, 1) }
"""
NET = """\
from "lib.cnn" import unit
let width = 8
block two(c) { a: unit(c) -> b: unit(c) -> add { | a | _ } }
model Net(classes = 10) : (image: [N, 3, H, W]) -> (scores: [N, classes]) where H > 4, W > 4 {
  stem: conv(width, 3) -> two(width) -> unit(4)
  globalavgpool -> flatten -> scores: fc(classes)
  assert macs(H=8, W=8) > 0
}
"""


def asked(before: str, name: str, path: str = "net.cnn", **texts: str) -> Rename:
    """The rename of what stands behind a text of a file."""
    files = {"lib.cnn": LIBRARY, "net.cnn": NET, **{f"{stem}.cnn": text for stem, text in texts.items()}}
    at = files[path].index(before) + len(before)
    return renamed(Workspace(Memory(files)), f"{Memory.TOP}/{path}", at, name)


def edited(rename: Rename) -> dict[str, str]:
    """The texts of the files that it changes, by their paths."""
    texts: dict[str, str] = {}
    for path in {edit.span.source.name for edit in rename.edits}:
        own = [edit for edit in rename.edits if edit.span.source.name == path]
        texts[path] = applied(own[0].span.source.text, own)
    return texts


def graphs(text: str, path: str, files: dict[str, str]) -> list[Graph]:
    return [one.graph for one in check_file(parse(Source(path, text)), Imports(Buffers(files)))]


def weights(graph: Graph) -> list[str]:
    return [node.path(each) for node in graph.nodes for each in node.parameters]


@pytest.mark.served  # each is checked four times: seconds
def test_everything_that_a_spec_names_can_be_called_otherwise_and_back() -> None:
    path = "/nowhere/net.cnn"
    files = Buffers({path: EVERYTHING})
    tried = 0
    for thing in list(Workspace(files).bindings(path, importers=False).things):
        if thing.is_computed:
            continue
        found = renamed(Workspace(files), path, next(iter(thing.places)).start, "zz9")
        text = edited(found)[path]
        old, new = graphs(EVERYTHING, path, {}), graphs(text, path, {})
        assert [len(weights(graph)) for graph in old] == [len(weights(graph)) for graph in new]
        moved = [
            pair for was, now in zip(old, new, strict=True) for pair in zip(weights(was), weights(now), strict=True)
        ]
        changed = {(was, now) for was, now in moved if was != now}
        told = " ".join(found.effects)
        assert (" weight" in told.partition(" get")[0]) == bool(changed), thing.name
        assert all("zz9" in now for _, now in changed)
        again = Buffers({path: text})
        back = renamed(Workspace(again), path, text.index("zz9") + 1, thing.name)
        assert edited(back)[path] == EVERYTHING, thing.name
        tried += 1
    assert tried > 20


def test_a_label_is_the_name_of_weights_and_the_rename_says_which() -> None:
    found = asked("  st", "head")
    assert found.title == "the label stem becomes head"
    assert [(edit.span.text, edit.text) for edit in found.edits] == [("stem", "head")]
    assert found.effects == (
        "2 weights of Net get other names: stem.weight becomes head.weight, stem.bias becomes head.bias. "
        "A checkpoint that has the old ones does not load by name any more, only with --match order",
    )


def test_a_block_that_names_its_unlabelled_calls_does_so_in_the_files_that_import_it() -> None:
    found = asked("block un", "cell", "lib.cnn")
    texts = edited(found)
    assert texts == {
        f"{Memory.TOP}/lib.cnn": LIBRARY.replace("unit", "cell"),
        f"{Memory.TOP}/net.cnn": NET.replace("unit", "cell"),
    }
    assert "unit1.conv.weight becomes cell1.conv.weight" in found.effects[0]


def test_a_label_inside_of_a_block_goes_with_the_words_that_read_it() -> None:
    library = "block back(c) -> (c3, c4) { c3: conv(c, 3) -> c4: conv(c, 3) }\n"
    net = 'from "parts.cnn" import back\nmodel M : [N, 3, 9, 9] { b: back(8) -> add { | b.c4 | _ } -> b.c3 -> relu }\n'
    found = asked("c3: conv(c, 3) -> c", "deep", "parts.cnn", parts=library, net2=net.replace("b.c3 -> relu", "relu"))
    assert edited(found) == {
        f"{Memory.TOP}/parts.cnn": library.replace("c4", "deep"),
        f"{Memory.TOP}/net2.cnn": net.replace("b.c3 -> relu", "relu").replace("c4", "deep"),
    }


def test_what_callers_of_the_model_say_is_told() -> None:
    assert asked("model Net(cl", "kinds").effects == (
        "--set classes=… and specc.load(…, classes=…) say kinds from now on",
    )
    assert asked("(im", "picture").effects == ("the input image of Net is called picture by all who use its files",)
    assert "the output scores of Net is called logits by all who use its files" in asked("(sc", "logits").effects
    assert asked("let w", "broad").effects == ()
    sizes = "model M : [N, 3, H, H] { relu }\n"
    assert asked("3, ", "side", "sizes.cnn", sizes=sizes).effects == ("--at H=… says side=… from now on",)
    assert asked("[", "B", "sizes.cnn", sizes=sizes).effects == ()  # nobody gives the batch


@pytest.mark.parametrize(
    ("before", "name", "path", "sentence"),
    [
        ("{ a", "b", "net.cnn", "b is taken: the label b has it, in line 3"),
        ("{ a", "c", "net.cnn", "c is taken: the parameter c of two has it, in line 3"),
        ("let w", "H", "net.cnn", "H is taken: the size H of Net has it, in line 4"),
        ("let w", "stem", "net.cnn", "stem is taken: the label stem has it, in line 5"),
        ("(im", "stem", "net.cnn", "stem is taken: the label stem has it, in line 5"),
        ("block un", "two", "lib.cnn", "two is taken: the block two has it, in line 3 of net.cnn"),
        ("block un", "Net", "lib.cnn", "Net is taken: the model Net has it, in line 4 of net.cnn"),
        ("unit(c, a", "c", "lib.cnn", "c is taken: the parameter c of unit has it, in line 1"),
        ("{ a", "conv", "net.cnn", "conv is a layer, and the label a would hide it in line 3 of net.cnn"),
        ("block un", "relu", "lib.cnn", "relu is a layer, and the block unit would hide it"),
        ("{ a", "block", "net.cnn", "block is a word of the language, and in line 3 of net.cnn a name must stand"),
        ("let w", "let", "net.cnn", "let is a word of the language"),
        ("let w", "9x", "net.cnn", "a name has letters, digits and _, and does not begin with a digit: `9x` is none"),
        ("let w", "", "net.cnn", "a name has letters, digits and _, and does not begin with a digit: `` is none"),
        ("let w", "true", "net.cnn", "true is a constant"),
        ("let w", "a\n𝕊", "net.cnn", "a name has letters, digits and _, and does not begin with a digit: `a\\n𝕊`"),
        ("let w", "x" * 10**6, "net.cnn", "a name of 1,000,000 characters is too long: 200 are enough"),
        ("let w", "macs", "net.cnn", "it cannot be called macs: line 7 of net.cnn would mean something else"),
        ("  st", "a.b", "net.cnn", "`.` cannot stand in a label: a dot parts a step's name from"),
        (": co", "other", "net.cnn", "no name of a spec stands here: layers, their arguments and"),
    ],
)  # fmt: skip
def test_what_is_no_name_for_it_is_refused(before: str, name: str, path: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        asked(before, name, path)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("before", ["let w", "{ a", "block two(", "Net(cl", "(im", "[N, 3, "])
def test_a_place_that_is_missed_is_found_by_the_proof(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Bindings.reading
    monkeypatch.setattr(Bindings, "reading", lambda self, things: real(self, things)[:-1])
    net = NET.replace("stem: conv", "image -> stem: conv")
    with pytest.raises(UsageError, match="it cannot be called zz9"):
        asked(before, "zz9", net=net)


def test_another_network_is_found_though_every_name_seems_to_be_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    net = "let k = 3\nmodel M : [N, 3, 9, 9] {\n  let j = 5\n  conv(j, 1) -> conv(k, 1)\n}\n"
    monkeypatch.setattr(rename, "_require_same_names", lambda *_: None)
    with pytest.raises(UsageError) as refused:
        asked("let ", "j", net=net)
    assert str(refused.value) == "j is taken: the let j has it, in line 3"
    monkeypatch.setattr(rename, "_taken", lambda *_: None)
    with pytest.raises(UsageError, match="M would be another network: conv2 is not conv2"):
        asked("let ", "j", net=net)


@pytest.mark.parametrize("name", ["conv", "block", "block1-0", "0"])
def test_a_label_that_nothing_reads_can_be_whatever_a_checkpoint_calls_it(name: str) -> None:
    (edit,) = asked("  st", name).edits
    assert edit.text == ('"block1-0"' if name == "block1-0" else name)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"net": NET + "model X {\n conv(\n"}, "net.cnn, line 10, has a mistake of syntax: mend it first"),
        ({"third": 'from "lib.cnn" import unit\nblock {\n'}, "third.cnn, line 2, has a mistake of syntax"),
        (
            {"third": 'from "lib.cnn" import unit\nmodel M : [N, 3, 9] {\n  add(\n}\n'},
            "third.cnn, line 3, has a mistake",
        ),
    ],
)
def test_a_file_that_may_read_it_and_does_not_parse_is_to_be_mended(texts: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        asked("block un", "cell", "lib.cnn", **texts)


def test_mistakes_that_are_there_stay_the_same_and_what_weights_are_called_is_not_known() -> None:
    net = NET.replace("stem: conv(width, 3)", "stem: conv(width, 0)")
    found = asked("block un", "cell", "lib.cnn", net=net)
    assert edited(found)[f"{Memory.TOP}/net.cnn"] == net.replace("unit", "cell")
    assert found.effects == ("net.cnn has mistakes: what its weights are called is not known",)


def test_specs_in_yaml_are_edited_with_those_of_the_language() -> None:
    net = """\
- {from: lib.cnn, import: [unit]}
- model: Net
  input: [N, 3, 8, 8]
  body:
    - [{label: 0, conv: [4, 1]}, unit: 8, {for: c, in: [2], body: [{label: "x{c}", unit: =c}]}]
"""
    files = Memory({"lib.cnn": LIBRARY, "net.cnn.yaml": net})
    path = f"{Memory.TOP}/net.cnn.yaml"
    found = renamed(Workspace(files), f"{Memory.TOP}/lib.cnn", LIBRARY.index("unit"), "cell")
    assert edited(found) == {
        f"{Memory.TOP}/lib.cnn": LIBRARY.replace("unit", "cell"),
        path: net.replace("unit", "cell"),
    }
    assert "unit1.conv.weight becomes cell1.conv.weight" in found.effects[0]
    stem = renamed(Workspace(files), path, net.index("0, conv"), "stem")
    assert edited(stem) == {path: net.replace("label: 0", "label: stem")}
    for at, name, sentence in (
        (net.index("c, in"), "width", "line 5 of net.cnn.yaml reads c within a text in quotes, in which nothing is"),
        (net.index("0, conv"), "1", "1 is no name, and how YAML writes it as a label is for you to say"),
    ):
        with pytest.raises(UsageError, match=sentence):
            renamed(Workspace(files), path, at, name)


def test_a_label_that_is_computed_and_a_name_from_nowhere_are_not_renamed() -> None:
    text = 'from "gone.cnn" import lost\nmodel M : [N, 3, 9, 9] { for i in [1] { "x{i}": conv(4, 1) } -> lost }\n'
    files = Memory({"net.cnn": text})
    for word, sentence in (("x{i}", "its formula says what it is called"), ("lost", "has no such block or let")):
        with pytest.raises(UsageError, match=sentence):
            renamable(Workspace(files), f"{Memory.TOP}/net.cnn", text.index(word))


@pytest.mark.served
def test_a_name_of_an_example_that_goes_through_files() -> None:
    path = (EXAMPLES / "zoo" / "resnet.cnn").as_posix()
    found = renamed(Workspace(DISK), path, Path(path).read_text().index("block bottleneck") + 8, "narrow")
    assert len(found.edits) > 2
    assert found.title == "the block bottleneck becomes narrow"
