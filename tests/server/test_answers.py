"""What the server knows, without a protocol: places, half-written texts, hints, hover, completion."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specc.filesystem import DISK
from specc.report.annotation import shapes
from specc.server.buffers import Buffers
from specc.server.completion import offers
from specc.server.diagnosis import diagnosis
from specc.server.documents import Documents
from specc.server.hints import hints
from specc.server.hover import hover
from specc.server.outline import outline
from specc.server.positions import Position, offset, position
from specc.server.references import declarations
from specc.server.workspace import Workspace
from specc.source import Source
from specc.syntax import parse, read
from specc.syntax.mending import mended
from specc.syntax.yaml.writer import to_yaml
from tests.cli.conftest import Specc, specc
from tests.report.test_annotation import EVERYTHING

__all__ = ["specc"]  # which a test asks for

NET = "model Net : [N, 3, 32, 32] -> [N, 10] {\n  stem: conv(8, 3)\n  flatten -> fc(10)\n}\n"


@given(st.text("a\n𝕊é\r"), st.integers(0, 40))
def test_places_are_those_of_utf_16(text: str, at: int) -> None:
    source, at = Source("net.cnn", text), min(at, len(text))
    place = position(source, at)
    line = text[:at].rsplit("\n", maxsplit=1)[-1]
    assert place == (text[:at].count("\n"), len(line.encode("utf-16-le")) // 2)
    if not text[:at].endswith("\r"):  # which ends a line, and is none of its characters
        assert offset(source, place) == at


def test_a_mark_that_a_client_sends_is_a_character_of_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text(NET, encoding="utf-8-sig")
    path = f"{tmp_path}/net.cnn"
    for texts, first in ({}, 0), ({path: f"\ufeff{NET}"}, 1):
        source = read(path, Buffers(texts))
        assert source.text == NET
        for at, place in ((0, (0, first)), (5, (0, 5 + first)), (NET.index("stem"), (1, 2))):
            assert position(source, at) == place
            assert offset(source, Position(*place)) == at
        assert offset(source, Position(0, 0)) == 0
    documents = Documents()
    documents.change(f"file://{path}", f"\ufeff{NET}", 1)
    assert documents.is_current(read(path, documents.files))


@given(st.text("a\n𝕊"), st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40))
def test_no_place_is_outside_of_the_text(text: str, line: int, character: int) -> None:
    assert 0 <= offset(Source("net.cnn", text), Position(line, character)) <= len(text)


def known(text: str) -> dict[str, str]:
    """The hints by the text before them on their line."""
    source = Source("net.cnn", text)
    file = mended(source)
    return {source.before(one.offset).strip(): one.text for one in hints(file, DISK)} if file else {}


def test_of_a_spec_that_fits_the_hints_are_the_shapes_of_fmt() -> None:
    file = parse(Source("net.cnn", EVERYTHING))
    known_shapes = [one.text.partition("  ")[0] for one in hints(file, DISK)]
    assert sorted(known_shapes) == sorted(shapes(file).values())


@pytest.mark.parametrize(
    "written",
    ["conv(", "conv(16, ", 'conv(16, "', "conv(8, 3,,)", "nonsense", "fc(3)", "add { | _ | conv(9, 3) }"],
)
def test_a_half_written_line_leaves_the_hints_before_it_and_takes_those_behind(written: str) -> None:
    found = known(f"model A : [N, 3, 32, 32] {{\n  conv(8, 3)\n  {written}\n  conv(4, 3)\n}}\n{NET}")
    assert found["conv(8, 3)"] == "[N, 8, 30, 30]  224"
    assert "conv(4, 3)" not in found
    assert found["flatten -> fc(10)"] == "[N, 10]  72.01 k"


@pytest.mark.parametrize("behind", ["", "\n", "  # and then\n", "\n\n"])
@pytest.mark.parametrize(
    "open_", ["", "  add {\n    | _\n    | conv(8, 3, padding=1)", "  fc(", "  body.", "  repeat 2 {"]
)
def test_who_writes_a_body_has_not_come_to_its_end(open_: str, behind: str) -> None:
    text = f"let c = 8\nblock b(c) {{ conv(c, 3) }}\nmodel A : [N, 3, 32, 32] {{\n  b(c)\n{open_}{behind}"
    assert known(text)["b(c)"] == "[N, 8, 30, 30]  224"
    source = Source("net.cnn", text)
    assert {"b", "c"} <= {one.word for one in offers(source, mended(source), text.index("b(c)\n"))}


@pytest.mark.parametrize("behind", ["\n\n", "  # and then\n\n\n", "\r\n\r\n"])
def test_a_body_without_an_end_takes_no_other_with_it(behind: str) -> None:
    found = known(f"model A : [N, 3, 32, 32] {{\n  conv(4, 3){behind}{NET}")
    assert found["conv(4, 3)"] == "[N, 4, 30, 30]  112"
    assert found["flatten -> fc(10)"] == "[N, 10]  72.01 k"


@pytest.mark.parametrize(
    "written",
    [
        "body.",
        "conv(8, 3) ->",
        "relu ->  # and then",
        "let c =",
        "for c in",
        "x:",
        "assert params <",
        "shared t =",
        "conv(",
    ],
)
def test_a_last_line_without_its_end_leaves_the_hints_before_it(written: str) -> None:
    found = known(f"model A : [N, 3, 32, 32] {{\n  conv(8, 3)\n  {written}\n}}\n{NET}")
    assert found["conv(8, 3)"] == "[N, 8, 30, 30]  224"
    assert found["flatten -> fc(10)"] == "[N, 10]  72.01 k"


def test_an_arm_or_a_branch_with_a_mistake_has_no_shape_and_neither_has_what_follows() -> None:
    found = known("model A : [N, 3, 8, 8] {\n  if 1 > 0 { conv(8, 33) }\n  relu\n  flatten\n}\n")
    assert found == {}


def test_a_faulty_line_in_the_place_of_another_changes_no_shape_that_is_left() -> None:
    def shapes_at(text: str) -> dict[tuple[int, str], str]:
        source = Source("net.cnn", text)
        file = mended(source)
        assert file
        found = ((source.position(one.offset)[0], source.before(one.offset), one.text) for one in hints(file, DISK))
        return {(line, before): text.partition("  ")[0] for line, before, text in found}

    lines, whole, left = EVERYTHING.split("\n"), shapes_at(EVERYTHING), 0
    for number, line in enumerate(lines):
        if line.startswith("  ") and "{" not in line and "}" not in line:
            faulty = shapes_at("\n".join([*lines[:number], "  nonsense(", *lines[number + 1 :]]))
            both = whole.keys() & faulty.keys()
            assert {key: faulty[key] for key in both} == {key: whole[key] for key in both}, line
            left += len(both)
    assert left > 100


def test_parameters_of_a_line_are_those_of_one_time() -> None:
    text = "model A : [N, 3, 8, 8] {\n  conv(3, 3, padding=1) -> bn\n  repeat 2 { conv(3, 3, padding=1) }\n}\n"
    assert known(text)["conv(3, 3, padding=1) -> bn"] == "[N, 3, 8, 8]  90"  # 3*3*3*3 + 3, and 2*3
    assert hints(parse(Source("net.cnn", text)), DISK)[1].text == "[N, 3, 8, 8]  84"


def test_what_is_open_is_read_before_the_disk(tmp_path: Path) -> None:
    (tmp_path / "lib.cnn").write_text("block b { nonsense }\n")
    net, library = f"{tmp_path}/net.cnn", f"{tmp_path}/lib.cnn"
    files = Buffers(
        {net: 'from "lib.cnn" import b\nmodel M : [N, 3, 8, 8] { b }\n', library: "block b { conv(8, 3) }\n"}
    )
    found = diagnosis(net, files)
    assert (found.findings, found.imports) == ((), {library})
    assert [entry.name for entry in files.entries(str(tmp_path))] == ["lib.cnn", "net.cnn"]


def test_paths_are_told_from_the_folder_of_the_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")  # as the server does
    net = f"{tmp_path}/nets/net.cnn"
    files = Buffers({net: 'from "lib.cnn" import b\nmodel M : [N, 3, 8, 8] { b }\n', f"{tmp_path}/e.cnn": ""})
    (missing,) = diagnosis(net, files).findings
    assert missing.message == f"{tmp_path}/nets/lib.cnn: there is no such file"
    files.folders = ("/elsewhere", str(tmp_path))
    (missing,) = diagnosis(net, files).findings
    assert missing.message == "nets/lib.cnn: there is no such file"
    assert diagnosis(f"{tmp_path}/e.cnn", files).findings[0].message == "e.cnn describes no model: it is empty"


def test_hover_has_the_arithmetic_where_the_file_fits() -> None:
    file = parse(Source("net.cnn", NET))
    found = hover(file, NET.index("conv"), DISK)
    assert found
    assert "8 x 3 x 3 x 3 = 216" in found.text
    assert "| `padding_mode` |" in found.text
    assert hover(file, NET.index("32"), DISK) is None


def test_hover_describes_blocks_of_other_files(tmp_path: Path) -> None:
    net, library = f"{tmp_path}/net.cnn", f"{tmp_path}/lib.cnn"
    text = 'from "lib.cnn" import unit\nmodel M : [N, 8, 8, 8] {\n  repeat 2 { unit(8) }\n}\n'
    files = Buffers({net: text, library: "# Of all\n# the smallest\nblock unit(c, k = 1) { conv(c, k) }\n"})
    workspace = Workspace(files)
    file = workspace.tree(net)
    assert file
    found = hover(file, text.index("unit(8"), files, bindings=lambda: workspace.bindings(net, importers=False))
    assert found
    assert found.text.endswith("and once more\n\n```\n# Of all\n# the smallest\nblock unit(c, k = 1)\n```")


def test_completion_knows_where_it_is() -> None:
    def words(text: str) -> set[str]:
        source = Source("net.cnn", text)
        return {one.word for one in offers(source, mended(source), len(text.partition("|")[0]))}

    assert {"conv", "relu", "stem"} <= words(NET)
    assert "stride" in words("model M : [N, 3, 8, 8] {\n  maxpool(2, ")
    assert words("# conv") == set()


def test_a_name_leads_to_where_it_is_given(tmp_path: Path) -> None:
    net, library = f"{tmp_path}/net.cnn", f"{tmp_path}/lib.cnn"
    text = 'from "lib.cnn" import unit\nlet c = 8\nmodel M : [N, 3, 8, 8] {\n  a: unit(c)\n  relu -> a  # unit\n}\n'
    files = Buffers({net: text, library: "# unit\nblock unit(c) { conv(c, 3) }\n"})

    def place(before: str) -> str | None:
        found = declarations(Workspace(files), net, text.index(before) + len(before))
        return f"{found[0].source.name.rpartition('/')[2]}:{found[0].position}" if found else None

    assert place("a: un") == "lib.cnn:(2, 7)"
    assert place("unit(") == "net.cnn:(2, 5)"
    assert place("-> ") == "net.cnn:(4, 3)"
    assert place("# un") is None
    assert place("  re") is None


def test_without_pygls_it_is_said_what_to_install(specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygls", None)
    result = specc("server")
    assert result.code == 2
    assert "specc server needs pygls, which is not installed: pip install 'specc-nn[lsp]'" in result.err


def in_yaml(text: str) -> Source:
    return Source("net.cnn.yaml", to_yaml(Source("net.cnn", text)))


def beside(source: Source) -> dict[str, str]:
    """The hints of a text by what stands before them on their line."""
    file = mended(source)
    return {source.before(one.offset).strip(" -"): one.text for one in hints(file, DISK)} if file else {}


def test_a_spec_in_yaml_has_the_hints_of_its_lines() -> None:
    text = f"{NET}model A(p = 1) : [N, 4, 8, 8] {{\n  for c in [8, 2] {{ if p > c {{ conv(c, 1) }} -> relu }}\n"
    text += "  add { | _ | conv(4, 1) -> tanh\n    relu }\n  repeat 2 {\n    conv(8, 1)\n    relu\n  }\n}\n"
    assert beside(in_yaml(text)) == {
        "{label: stem, conv: [8, 3]}": "[N, 8, 30, 30]  224",
        "[flatten, fc: 10]": "[N, 10]  72.01 k",
        "{for: c, in: [8, 2], body: [[{if: p > c, then: [conv: [=c, 1]]}, relu]]}": "[N, 4, 8, 8]",
        "add:": "[N, 4, 8, 8]",
        "_": "[N, 4, 8, 8]",
        "[conv: [4, 1], tanh]": "[N, 4, 8, 8]  20",
        "relu": "[N, 8, 8, 8]",
        "repeat: 2": "[N, 8, 8, 8]",
        "conv: [8, 1]": "[N, 8, 8, 8]",
    }


def test_every_hint_of_a_text_in_yaml_is_one_of_the_language() -> None:
    source = in_yaml(EVERYTHING)
    texts = {one.text for one in hints(parse(Source("net.cnn", EVERYTHING)), DISK)}
    found = beside(source)
    assert set(found.values()) <= texts
    assert len(found) > 20


@pytest.mark.parametrize("written", ["conv: [8, 3", "{label: x", "nonsense", "", '"', "conv: {", "conv: [8, 3,, 3]"])
def test_a_half_written_line_of_yaml_leaves_the_hints_before_it(written: str) -> None:
    text = in_yaml("model A : [N, 3, 32, 32] {\n  conv(8, 3)\n  conv(9, 3)\n}\n" + NET).text
    found = beside(Source("net.cnn.yaml", text.replace("conv: [9, 3]", written)))
    assert found["conv: [8, 3]"] == "[N, 8, 30, 30]  224"
    assert found["[flatten, fc: 10]"] == "[N, 10]  72.01 k"


def test_hover_outline_and_completion_know_yaml() -> None:
    source = in_yaml(NET)
    file, text = parse(source), source.text
    found = hover(file, text.index("conv"), DISK)
    assert found
    assert "8 x 3 x 3 x 3 = 216" in found.text
    assert text[found.span.start : found.span.end] == "conv"
    (model,) = outline(file)
    assert [(one.name, text[one.place.start : one.place.end]) for one in (model, *model.inner)] == [
        ("Net", "Net"),
        ("stem", "stem"),
    ]

    def words(line: str) -> dict[str, str]:
        before, text = line.partition("|")[0], f"- {{model: M, input: [N, 3, 8, 8], body: [\n  - {line}"
        at = text.index(line) + len(before)
        source = Source("net.cnn.yaml", text.replace("|", ""))
        return {one.word: one.text for one in offers(source, mended(source), at)}

    assert words("|")["conv"] == "conv: "
    assert words("conv: [8, 3, {|")["padding"] == "padding: "
    assert words("conv: [8, {padding: 1}], maxpool: {|")["stride"] == "stride: "
    assert "conv" in words("[conv: [8, 3], |")
    assert words("relu # conv: {|") == {}
