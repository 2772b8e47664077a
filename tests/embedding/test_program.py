"""The text of the programs: what they say of a file, what they quote, and which files they are refused for.

Each of them is run by `tests.embedding.test_languages`; here only Python's, which costs nothing.
"""

from __future__ import annotations

import ast
import base64
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

import specc as library
from specc.bundle.sidecar import sidecar_path
from specc.diagnostics import UsageError
from specc.embedding.program import LANGUAGES, program
from tests.bundle.compiled import compiled, copied
from tests.cli.conftest import Specc, here, specc

__all__ = ["here", "specc"]

HOSTILE = [
    '"',
    "\\",
    "'",
    "*/",
    "a\nb",
    "\r",
    "??/",
    "é",
    "雪",
    "\U0001f600",
    "\u2028",
    "\u202e",
    "\x1b[31m",
    "{{ x }}",
    "${x}",
    "##[error]x",
]

each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def model(original: Path, tmp_path: Path) -> Path:
    return copied(original, tmp_path)


def edited(model: Path, **fields: Any) -> None:
    path = sidecar_path(model)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def run(model: Path) -> None:
    (model.parent / "use.py").write_text(program(model, "python"), encoding="utf-8")
    runpy.run_path(str(model.parent / "use.py"), run_name="__main__")


@each_language
def test_says_what_goes_in_and_comes_out(model: Path, language: str) -> None:
    text = program(model, language)
    for fact in (
        "digits.onnx: Digits, compiled by specc ",
        "input input: float32 [N, 1, H, W], laid out NCHW: batch, channels, rows, columns.",
        "output output: float32 [N, 3], laid out NF: batch, features.",
        "Every number is at least 0 and at most 1.",
        "H may be 6, 7, 8 and so on.",
        "W may be 4, 6, 8 and so on.",
        '"zero", "one", "two"',
        "1.15.0",
    ):
        assert fact in text, fact
    assert all(line == line.rstrip() for line in text.splitlines())


class TestPython:
    def test_the_golden_pair_fits(self, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run(model)
        first, second = capsys.readouterr().out.splitlines()
        assert first == "golden pair: fits"
        assert second in ("output: zero", "output: one", "output: two")

    @pytest.mark.parametrize(("part", "value", "message"), [
        ("allowed", [0.0, 0.0, 0.0], r"golden pair: output\[0, \d\] is 0\.\d+, and 0\.0 is right, give or take 0"),
        ("shape", [3, 1], r"golden pair: output has shape \(1, 3\), and \(3, 1\) is right"),
    ])  # fmt: skip
    def test_a_pair_that_does_not_fit(self, model: Path, part: str, value: object, message: str) -> None:
        (model.parent / "use.py").write_text(program(model, "python"))
        golden = json.loads(sidecar_path(model).read_text())["golden"]
        golden["outputs"][0] |= {part: value, "data": base64.b64encode(bytes(12)).decode()}
        edited(model, golden=golden)
        with pytest.raises(SystemExit, match=message):
            runpy.run_path(str(model.parent / "use.py"))

    def test_a_runtime_that_cannot_read_it(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (model.parent / "use.py").write_text(program(model, "python"))
        model.write_bytes(b"no model")
        with pytest.raises(
            SystemExit, match=r"^onnxruntime 1\..* does not load digits\.onnx \(tested from 1\.15\.0 on\)"
        ):
            runpy.run_path(str(model.parent / "use.py"))

    def test_several_of_every_kind(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run(of_every_kind(tmp_path))
        assert capsys.readouterr().out == "golden pair: fits\n"

    def test_hostile_texts_are_quoted(self) -> None:
        for text in HOSTILE:
            assert ast.literal_eval(LANGUAGES["python"].quoted(text)) == text

    def test_without_a_pair(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        library.loads("model M : [N, 3] { fc(2) }").to_onnx(tmp_path / "net.onnx", verify=False)
        run(tmp_path / "net.onnx")
        assert capsys.readouterr().out == "net.onnx is loaded, and was not tested: it has no golden pair\n"
        for language in LANGUAGES:
            text = program(tmp_path / "net.onnx", language)
            assert "golden.inputs" not in text
            assert "There is no golden pair to test this with: nothing was proven when the file was compiled." in text


def test_a_pair_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specc.bundle.golden_pair.LARGEST", 4)
    library.loads("model M : [N, 3] { fc(2) }").to_onnx(tmp_path / "net.onnx")
    assert "no golden pair to test this with: it would have been too large." in program(tmp_path / "net.onnx", "js")


def of_every_kind(folder: Path) -> Path:
    """A file with bytes and floats, channels first and last, several inputs and outputs."""
    library.loads("""
        model Several : (image: uint8 [N, H, W, 2], mask: [N, 1, H, W]) -> (scores: [N, 3], map: [N, 2, H, W])
                where H >= 6, W >= 4, W % 2 == 0 {
            image -> permute(0, 3, 1, 2) -> affine(1 / 255) -> x: standardize([0.5, 0.4], [0.2, 0.3])
            y: mul { | x | mask }
            y -> conv(4, 3) -> bn -> relu -> globalavgpool -> flatten -> fc(3) -> scores: softmax
            y -> map: conv(2, 1)
        }
    """).to_onnx(folder / "several.onnx")
    return folder / "several.onnx"


@each_language
def test_names_of_files_end_no_text_and_no_comment(original: Path, tmp_path: Path, language: str) -> None:
    name = "a\"b'\\ \n* ?? é雪\U0001f600\u2028{{ x }}${x}"
    for path in original.parent.glob("digits.*"):
        shutil.copy(path, tmp_path / path.name.replace("digits", name))
    model = tmp_path / f"{name}.onnx"
    text = program(model, language)
    assert LANGUAGES[language].quoted(model.name) in text
    assert len(text.splitlines()) == len(program(original, language).splitlines())
    if language == "python":
        run(model)


class TestRefused:
    def refuse(self, message: str, model: Path, language: str = "python", sidecar: Path | None = None) -> None:
        with pytest.raises(UsageError, match=message):
            program(model, language, sidecar)

    def test_a_language(self, model: Path) -> None:
        self.refuse("there is no program in pyhton; did you mean python?", model, "pyhton")
        self.refuse("there is no program in JavaScript; did you mean js?", model, "JavaScript")
        self.refuse("there is no program in fortran; there are ", model, "fortran")
        self.refuse("there is no program in no language; there are ", model, "")

    def test_no_sidecar(self, model: Path) -> None:
        sidecar_path(model).unlink()
        self.refuse(
            r"digits\.specc\.json is not there, .*: specc compile SPEC -o .*digits\.onnx writes both anew", model
        )

    def test_a_damaged_one(self, model: Path) -> None:
        for text in ("", '{"format": 1', "[]", "{}"):
            sidecar_path(model).write_text(text)
            self.refuse(r"digits\.specc\.json is no (.|\n)*writes both anew$", model)

    def test_one_of_a_later_version(self, model: Path) -> None:
        edited(model, format=9, specc="9.0")
        self.refuse(r"has format 9, written by specc 9\.0, .* install a newer one", model)

    def test_one_that_does_not_belong(self, model: Path) -> None:
        proto = onnx.load(model)
        proto.doc_string = "changed"
        onnx.save(proto, model)
        self.refuse(
            r"digits\.specc\.json does not belong to .*(.|\n)*specc verify SPEC .*digits\.onnx says whether", model
        )

    @pytest.mark.parametrize("field", ["name", "shape"])
    def test_one_that_says_something_else_than_the_file(self, model: Path, field: str) -> None:
        inputs = json.loads(sidecar_path(model).read_text())["inputs"]
        edited(model, golden=None, inputs=[inputs[0] | {field: {"name": "image", "shape": ["N", 1, "H", 4]}[field]}])
        self.refuse("does not belong to", model)

    def test_a_damaged_pair(self, model: Path) -> None:
        golden = json.loads(sidecar_path(model).read_text())["golden"]
        golden["inputs"][0]["data"] = "AAAA"
        edited(model, golden=golden)
        self.refuse(r"golden input input has 3 bytes, and float32 .*(.|\n)*writes both anew$", model)

    def test_no_model(self, tmp_path: Path) -> None:
        self.refuse("cannot be read", tmp_path / "none.onnx")
        self.refuse(r"net\.cnn is a spec, .*: specc compile .*net\.cnn -o .*net\.onnx$", tmp_path / "net.cnn")
        (tmp_path / "text.onnx").write_text("no model")
        self.refuse("text.onnx", tmp_path / "text.onnx")


def test_the_command_prints_it(specc: Specc, here: Path, original: Path) -> None:
    copied(original, here)
    result = specc("embed", "digits.onnx", "--language", "js")
    assert (result.code, result.out, result.err) == (0, program(here / "digits.onnx", "js"), "")
    assert specc("embed", "digits.onnx", "--language", "cobol").code == 2
    Path("digits.specc.json").rename("elsewhere.json")
    assert specc("embed", "digits.onnx", "--language", "js").code == 2
    assert "elsewhere.json" in specc("embed", "digits.onnx", "--language", "js", "--sidecar", "elsewhere.json").out
