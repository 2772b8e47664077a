"""``specc convert``."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.cli.conftest import Specc

SPEC = """\
# specc 1
# A comment.
model M(c = 8) : [N, 3, 8, 8] {
  conv(c, 3) -> relu  # another

  [N, c, 6, 6]
}
"""
IN_YAML = """\
# specc 1
- model: M
  params: [{c: 8}]
  input: [N, 3, 8, 8]
  body:
    - [conv: [=c, 3], relu]

    - shape: [N, c, 6, 6]
"""
BACK = SPEC.replace("# A comment.\n", "").replace("  # another", "")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.cnn").write_text(SPEC, encoding="utf-8")
    Path("m.yaml").write_text(IN_YAML, encoding="utf-8")


def given(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_to_yaml(specc: Specc) -> None:
    done = specc("convert", "m.cnn")
    assert (done.code, done.out) == (0, IN_YAML)
    assert done.err == "note: m.cnn: 2 comments are left out: the two forms have no common place for them\n"


def test_to_the_language(specc: Specc) -> None:
    done = specc("convert", "m.yaml")
    assert (done.code, done.out.replace("\n\n", "\n"), done.err) == (0, BACK.replace("\n\n", "\n"), "")


def test_files(specc: Specc) -> None:
    assert specc("convert", "m.cnn", "new.yml").out == ""
    assert Path("new.yml").read_text(encoding="utf-8") == IN_YAML
    assert YAML(typ="safe").load(Path("new.yml"))[0]["model"] == "M"
    assert specc("convert", "new.yml", "new.cnn").code == 0
    assert specc("convert", "new.cnn").out == IN_YAML


def test_standard_input(specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    given(SPEC, monkeypatch)
    assert specc("convert", "-", "--from", "cnn").out == IN_YAML
    given(IN_YAML, monkeypatch)
    assert specc("convert", "-", "--from", "yaml").out == specc("convert", "m.yaml").out
    given(SPEC, monkeypatch)
    assert specc("convert", "-", "new.yaml", "--from", "cnn", "--to", "yaml").code == 0
    assert Path("new.yaml").read_text(encoding="utf-8") == IN_YAML


def test_comments_of_yaml_are_counted(specc: Specc) -> None:
    Path("m.yaml").write_text(IN_YAML.replace("relu]", 'relu]  # "one"'), encoding="utf-8")
    assert specc("convert", "m.yaml").err.startswith("note: m.yaml: 1 comment is left out")


def test_names_without_a_suffix(specc: Specc) -> None:
    Path("spec.txt").write_text(SPEC, encoding="utf-8")
    assert specc("convert", "spec.txt", "--from", "cnn").out == IN_YAML
    assert specc("convert", "m.cnn", "out.txt", "--to", "yaml").code == 0
    assert Path("out.txt").read_text(encoding="utf-8") == IN_YAML


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["m.cnn", "m.cnn"], "m.cnn is the language already"),
        (["m.cnn", "n.cnn"], "m.cnn is the language already; --to yaml converts it"),
        (["m.yaml", "-", "--to", "yaml"], "m.yaml is YAML already"),
        (["m.cnn", "./m.cnn", "--to", "yaml"], "contradicts the name"),
        (["-"], "standard input does not say whether it is cnn or yaml: add --from cnn or --from yaml"),
        (["m.txt"], "m.txt does not say whether it is cnn or yaml"),
        (["m.cnn", "m.txt"], "m.txt does not say whether it is cnn or yaml: add --to"),
        (["m.cnn", "--from", "yaml"], "--from yaml contradicts the name of m.cnn"),
        (["none.cnn"], "none.cnn: there is no such file"),
        (["m.cnn", "none/m.yaml"], "the folder none does not exist"),
    ],
)
def test_refused(specc: Specc, arguments: list[str], words: str) -> None:
    done = specc("convert", *arguments)
    assert done.code == 2
    assert words in done.err
    assert Path("m.cnn").read_text(encoding="utf-8") == SPEC
    assert Path("m.yaml").read_text(encoding="utf-8") == IN_YAML


def test_the_input_is_not_overwritten(specc: Specc) -> None:
    Path("link.yaml").symlink_to("m.cnn")
    done = specc("convert", "m.cnn", "link.yaml")
    assert (done.code, done.err) == (2, "error: link.yaml is read by this command: write to another file\n")
    assert Path("m.cnn").read_text(encoding="utf-8") == SPEC


@pytest.mark.parametrize(("name", "text"), [("bad.cnn", "model M { conv( }"), ("bad.yaml", "- model: M\n  boddy: x\n")])
def test_mistakes_of_syntax(specc: Specc, name: str, text: str) -> None:
    Path(name).write_text(text, encoding="utf-8")
    done = specc("convert", name, "out.cnn" if name.endswith("yaml") else "out.yaml")
    assert done.code == 1
    assert f"--> {name}:" in done.err
    assert not list(Path().glob("out*"))


# ---- a file that is there ---------------------------------------------------------------------------


def test_a_file_that_is_there_is_not_overwritten(specc: Specc) -> None:
    done = specc("convert", "m.yaml", "m.cnn")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: m.cnn is there already, and its 3 comments would be lost: --force writes over it\n"
    assert Path("m.cnn").read_text(encoding="utf-8") == SPEC
    assert specc("convert", "m.yaml", "m.cnn", "--force").code == 0
    assert Path("m.cnn").read_text(encoding="utf-8") == specc("convert", "m.yaml").out


def test_what_is_there_may_be_anything(specc: Specc) -> None:
    Path("new.yaml").write_bytes(b"\xff# no text")
    assert specc("convert", "m.cnn", "new.yaml").err == "error: new.yaml is there already: --force writes over it\n"
    Path("other.yaml").write_text("a: [  # one", encoding="utf-8")
    assert specc("convert", "m.cnn", "other.yaml").code == 2


def test_json_is_read_and_not_written(specc: Specc) -> None:
    Path("m.json").write_text(json.dumps(YAML(typ="safe").load(IN_YAML), indent=1), encoding="utf-8")
    assert specc("convert", "m.json").out.replace("\n\n", "\n") == BACK.replace("\n\n", "\n").removeprefix(
        "# specc 1\n"
    )
    done = specc("convert", "m.cnn", "new.json")
    assert (done.code, done.err) == (2, "error: specc writes YAML, and no JSON: call it new.cnn.yaml\n")


# ---- comments that speak to specc -------------------------------------------------------------------

SILENCED = """\
# specc 1
# specc: ignore-file[S0502] published so
block pair(c) {
  conv(c, 3) -> bn  # specc: ignore[S0507] "in" a block
}

model M(c = 8) : [N, 3, 11, 11] {
  # specc: ignore[S0505] the border is empty
  conv(c, 3, padding=1) -> maxpool(2)  # specc: ignore[S0504,S0507] so it is
  relu  # specc: ignore[S0504] for the eye
  relu
  pair(c)
}
"""
SILENCED_IN_YAML = """\
# specc 1
# specc: ignore-file[S0502] published so
- block: pair
  params: [c]
  body:
    - [conv: [=c, 3], bn]  # specc: ignore[S0507] "in" a block

- model: M
  params: [{c: 8}]
  input: [N, 3, 11, 11]
  body:
    # specc: ignore[S0505] the border is empty
    - [conv: [=c, 3, {padding: 1}], maxpool: 2]  # specc: ignore[S0504,S0507] so it is
    - relu  # specc: ignore[S0504] for the eye
    - relu
    - pair: =c
"""


def test_comments_that_silence_are_carried_both_ways(specc: Specc) -> None:
    Path("s.cnn").write_text(SILENCED, encoding="utf-8")
    done = specc("convert", "s.cnn", "s.yaml")
    assert (done.code, done.err) == (0, "")
    assert Path("s.yaml").read_text(encoding="utf-8") == SILENCED_IN_YAML
    back = specc("convert", "s.yaml")
    assert (back.out, back.err) == (SILENCED, "")


def warned(specc: Specc, name: str) -> list[str]:
    return re.findall(r"warning\[(S\d+)\]", specc("check", name, "--no-cache", "--format", "concise").out)


def test_what_was_silent_stays_silent(specc: Specc) -> None:
    Path("s.cnn").write_text(SILENCED, encoding="utf-8")
    specc("convert", "s.cnn", "s.yaml")
    assert warned(specc, "s.yaml") == warned(specc, "s.cnn")
    Path("bare.cnn").write_text(re.sub(" *# specc: .*", "", SILENCED), encoding="utf-8")
    assert "S0505" in warned(specc, "bare.cnn")
    assert "S0505" not in warned(specc, "s.yaml")


@pytest.mark.parametrize(
    "body",
    [
        "repeat 2 {\n    conv(3, 1) -> relu  # specc: ignore[S0507] one line of two\n  }",
        f"{'conv(3, 1, padding=0) -> ' * 6}relu  # specc: ignore[S0507] six lines of YAML",
        "conv(3, 1) ->\n    relu  # specc: ignore[S0507] half a chain",
        "add {  # specc: ignore[S0507] of three lines\n    | _\n    | relu\n  }",
    ],
)
def test_a_comment_that_would_silence_more_or_less_is_left_out_and_told(specc: Specc, body: str) -> None:
    Path("s.cnn").write_text(f"model M : [N, 3, 8, 8] {{\n  {body}\n  # Ordinary.\n}}\n", encoding="utf-8")
    done = specc("convert", "s.cnn")
    assert "#" not in done.out
    assert done.err.splitlines() == [
        "note: s.cnn: 1 comment is left out: the two forms have no common place for them",
        "note: s.cnn: 1 comment to specc is left out: what they are about has no line of its own in the other form",
    ]


def test_a_reason_with_a_hash_in_it_is_carried(specc: Specc) -> None:
    text = SILENCED.replace("  # specc: ignore[S0504] for the eye", "").replace("the border", "a # in it: the border")
    Path("s.cnn").write_text(text, encoding="utf-8")
    assert "# specc: ignore[S0505] a # in it: the border is empty\n    - [conv" in specc("convert", "s.cnn").out


def test_from_standard_input(specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    given(SILENCED, monkeypatch)
    assert specc("convert", "-", "--from", "cnn").out == SILENCED_IN_YAML
    given(SILENCED_IN_YAML, monkeypatch)
    assert specc("convert", "-", "--from", "yaml").out == SILENCED
