"""``specc convert``."""

from __future__ import annotations

import io
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
