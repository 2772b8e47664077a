"""Every program as it is printed, compiled and run: on its golden pair, on one that is wrong, on broken files."""

from __future__ import annotations

import base64
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest

import specc as library
from specc.bundle.golden_pair import decoded
from specc.bundle.sidecar import read_sidecar, sidecar_path
from specc.embedding.program import LANGUAGES, program
from tests.embedding.test_program import HOSTILE, edited, of_every_kind

pytestmark = pytest.mark.example

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "tests" / "examples" / "node_modules"

no_library = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"), reason="the tests know no other library"
)
each_language = pytest.mark.parametrize(
    "language", [pytest.param(name, marks=no_library if name == "cpp" else ()) for name in LANGUAGES]
)


def python(text: str, folder: Path) -> list[str]:
    (folder / "use.py").write_text(text, encoding="utf-8")
    return [sys.executable, "use.py"]


def node(text: str, folder: Path) -> list[str]:
    (folder / "use.mjs").write_text(text, encoding="utf-8")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(MODULES)
    return ["node", "use.mjs"]


def web(text: str, folder: Path) -> list[str]:
    command, module = node(text, folder)
    return [command, "--import", str(Path(__file__).parent / "fetch_files.mjs"), module]


def cpp(text: str, folder: Path) -> list[str]:
    """The headers are those of the framework for Apple's phones, which are the same everywhere."""
    (folder / "use.cpp").write_text(text, encoding="utf-8")
    plugins = MODULES / "com.github.asus4.onnxruntime" / "Plugins"
    (headers,) = plugins.glob("iOS~/*.xcframework/ios-arm64/*/Headers")
    json_headers = Path(str(find_spec("nlohmann_json").origin)).parent / "include"
    library = MODULES / "onnxruntime-node" / "bin" / "napi-v6" / "linux" / "x64"
    found = [f"-I{headers}", f"-I{json_headers}", f"-L{library}", f"-Wl,-rpath,{library}", "-l:libonnxruntime.so.1"]
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(["g++", "-std=c++17", *warnings, "use.cpp", *found, "-o", "use"], cwd=folder, check=True)
    return ["./use"]


WRITTEN: dict[str, Callable[[str, Path], list[str]]] = {"python": python, "js": node, "web": web, "cpp": cpp}
"""How the text of a program is written into a folder, and the command that runs it there."""

SHOWING = {
    "python": "PROGRAM\nprint(json.dumps(labels))\n",
    "js": "PROGRAM\nconsole.log(JSON.stringify(labels));\n",
    "web": "PROGRAM\nconsole.log(JSON.stringify(labels));\n",
    "cpp": "#define main first\nPROGRAM\n#undef main\n"
    "int main(int n, char** a) { return first(n, a) || !(std::cout << nlohmann::json(labels) << std::endl); }\n",
}
"""A program that shows its labels behind what it says."""


def outcome(command: list[str], folder: Path) -> tuple[int, str, str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_every_language_is_run() -> None:
    assert WRITTEN.keys() == SHOWING.keys() == LANGUAGES.keys()


@each_language
def test_it_tests_the_runtime(tmp_path: Path, language: str) -> None:
    model = of_every_kind(tmp_path)
    command = WRITTEN[language](program(model, language), tmp_path)
    assert outcome(command, tmp_path)[:2] == (0, "golden pair: fits\n")

    original = sidecar_path(model).read_bytes()
    golden = json.loads(original)["golden"]
    scores, image = golden["outputs"][:2]
    right = base64.b64decode(image["data"])
    for output, wrong in (
        (scores, {"data": base64.b64encode(b"\0\0\xc0\x7f" * 3).decode()}),  # NaN
        (scores, {"shape": [3, 1]}),
        (image, {"data": base64.b64encode(right[:-4] + b"\0\0\x80\x40").decode()}),  # the last number is 4
    ):
        edited(
            model, golden=golden | {"outputs": [one | (wrong if one is output else {}) for one in golden["outputs"]]}
        )
        code, said, fault = outcome(command, tmp_path)
        assert (code, said) == (1, "")
        assert "golden pair: " in fault
        assert output["name"] in fault
    sidecar_path(model).write_bytes(original)

    # Weights beside the file, as specc writes them above 2 GB: a browser must be told of them.
    printed = program(model, language)
    onnx.save(onnx.load(model), model, save_as_external_data=True, location="several.weights", size_threshold=200)
    hashes = [sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("several.onnx", "several.weights")]
    file = json.loads(original)["file"]
    edited(model, file=file | {"sha256": hashes[0], "data": {"name": "several.weights", "sha256": hashes[1]}})
    again = program(model, language)
    assert (again == printed) == (language != "web")
    if again != printed:
        command = WRITTEN[language](again, tmp_path)
    assert outcome(command, tmp_path)[:2] == (0, "golden pair: fits\n")
    shutil.move(tmp_path / "several.weights", tmp_path / "elsewhere")
    assert outcome(command, tmp_path)[0] == 1

    shutil.move(tmp_path / "elsewhere", tmp_path / "several.weights")
    model.write_bytes(b"no model")
    code, said, fault = outcome(command, tmp_path)
    assert (code, said) == (1, "")
    assert "onnxruntime" in fault
    assert "1." in fault


@each_language
def test_texts_of_any_kind(tmp_path: Path, language: str) -> None:
    """Names of files and labels with what ends a text or a comment in some language, or is unseen in it."""
    labels = [text for text in HOSTILE if text.strip() and "\n" not in text]
    model = tmp_path / "a\"b'\\ \n* ?? é雪\U0001f600\u2028{{ x }}${x}%41?##[x].onnx"
    library.loads(
        f"model M : [N, 3] -> (scores: [N, {len(labels)}]) {{ fc({len(labels)}) -> scores: softmax }}"
    ).to_onnx(model, labels=labels)
    text = SHOWING[language].replace("PROGRAM", program(model, language))
    code, said, fault = outcome(WRITTEN[language](text, tmp_path), tmp_path)
    assert (code, fault) == (0, "")
    pair = decoded(read_sidecar(sidecar_path(model)), model)
    assert pair is not None
    fits, best, shown = said.split("\n", 2)
    assert fits == "golden pair: fits"
    assert best == f"scores: {labels[pair.outputs['scores'].values.argmax()]}"
    assert json.loads(shown) == {"scores": labels}


@each_language
def test_without_a_golden_pair(tmp_path: Path, language: str) -> None:
    library.loads("model M : [N, 3] { fc(2) }").to_onnx(tmp_path / "net.onnx", verify=False, labels=["a", "b"])
    command = WRITTEN[language](program(tmp_path / "net.onnx", language), tmp_path)
    assert outcome(command, tmp_path)[:2] == (0, "net.onnx is loaded, and was not tested: it has no golden pair\n")
