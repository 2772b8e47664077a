"""Names and texts from strangers, in every command: neither a terminal nor GitHub's log obeys them.

A file's name, a key or a pattern of settings, a label, a tensor: whatever was not written by specc may hold escapes,
line ends, signs that turn the line around and bytes that are no text.
"""

from __future__ import annotations

import ast
import json
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from unicodedata import category

import numpy as np
import onnx
import pytest
from onnx import StringStringEntryProto, TensorProto, numpy_helper

import specc as library
from tests.cli.conftest import Outcome, Specc

ROOT = Path(__file__).parents[2]
RIGHT = "model A : [1, 4] {\n  fc(3)\n}\n"
WRONG = "model A : [1, 4] -> [1, 5] {\n  fc(3)\n}\n"

HOSTILE = {
    "escapes": "\x1b[31m\x1b]0;x\x07",
    "line ends": "x\n::error file=x::mine\r\x0b\x85\u2028y",
    "a command": "::error ::mine",
    "an old command": "x##[error]mine",
    "turned around": "\u202ex\u2066",
    "another escape": "\x9b31mx",
    "no text": os.fsdecode(b"x\xff\xfe"),
}
"""Each is the name of a file, too."""

hostile = pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())


def assert_inert(outcome: Outcome, *, commands: bool = False) -> None:
    for line in f"{outcome.out}\n{outcome.err}".split("\n"):
        odd = [sign for sign in line if not sign.isprintable() and category(sign) != "Zs"]
        assert not odd, line
        begins = line.lstrip().startswith("::") and not line.startswith(" ::: ")  # which are places of our own
        assert (commands and line.startswith("::")) or not (begins or "##[" in line), line


def test_only_one_place_prints() -> None:
    """What is printed goes through `say` or `echo`, but for texts that are files, as `fmt` gives them."""
    printing = {}
    for path in (ROOT / "specc").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("echo", "secho", "write")
                and re.search(r"^click\.s?echo$|^sys\.std(out|err)\.write$", ast.unparse(node.func))
            ):
                printing.setdefault(path.relative_to(ROOT).as_posix(), []).append(ast.unparse(node))
    assert {*printing} == {"specc/cli/command.py", "specc/cli/output.py", "specc/cli/commands.py", "specc/cli/main.py"}
    assert len(printing["specc/cli/command.py"]) == 2  # `say` and `echo_utf8`
    assert len(printing["specc/cli/output.py"]) == len(printing["specc/cli/commands.py"]) == 1


# ---- names of files -----------------------------------------------------------------------------------------

COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "check": lambda name: ["check", f"{name}.cnn"],
    "check concise": lambda name: ["check", "--format", "concise", "."],
    "check json": lambda name: ["check", "--format", "json", "."],
    "check github": lambda name: ["check", "--format", "github", "."],
    "check gitlab": lambda name: ["check", "--format", "gitlab", "."],
    "check junit": lambda name: ["check", "--format", "junit", "."],
    "check sarif": lambda name: ["check", "--format", "sarif", "."],
    "check statistics": lambda name: ["check", "--statistics", "."],
    "check fix": lambda name: ["check", "--fix", "--unsafe-fixes", "."],
    "check write-baseline": lambda name: ["check", "--write-baseline", f"{name}.json", "."],
    "check baseline": lambda name: ["check", "--baseline", f"{name}.cnn", "."],
    "check config": lambda name: ["check", "--config", f"{name}.cnn", "."],
    "check absent": lambda name: ["check", f"{name}/x.cnn", f"{name}*.none"],
    "check output": lambda name: ["check", "-o", f"{name}/x", "."],
    "check select": lambda name: ["check", "--select", name, "."],
    "fmt": lambda name: ["fmt", "."],
    "fmt check": lambda name: ["fmt", "--check", "."],
    "fmt diff": lambda name: ["fmt", "--diff", "."],
    "fmt annotate": lambda name: ["fmt", "--annotate", "."],
    "fmt absent": lambda name: ["fmt", f"{name}.none", f"{name}.yaml"],
    "show": lambda name: ["show", f"{name}.cnn"],
    "show model": lambda name: ["show", f"{name}.cnn", "--model", name],
    "show set": lambda name: ["show", f"{name}.cnn", "--set", f"{name}=1"],
    "show at": lambda name: ["show", f"{name}.cnn", "--at", f"{name}=1"],
    "explain": lambda name: ["explain", f"{name}.cnn:{name}"],
    "explain nothing": lambda name: ["explain", name],
    "explain matrix": lambda name: ["explain", "--as-matrix", f"{name}.cnn:{name}"],
    "explain weights": lambda name: ["explain", "--as-matrix", f"{name}.right:fc1", "--weights", f"{name}.npz"],
    "draw": lambda name: ["draw", f"{name}.right", "-o", f"{name}.md"],
    "draw field": lambda name: ["draw", f"{name}.right", "-o", "x.md", "--field", f"{name}[{name}]"],
    "diff": lambda name: ["diff", f"{name}.cnn", f"{name}.right"],
    "diff json": lambda name: ["diff", "--format", "json", f"{name}.right", f"{name}.right"],
    "diff markdown": lambda name: ["diff", "--format", "markdown", f"{name}.right", f"{name}.right"],
    "diff text": lambda name: ["diff", f"{name}.right", f"{name}.right"],
    "diff against": lambda name: ["diff", "--against", f"git:{name}", "."],
    "diff against what": lambda name: ["diff", "--against", name, "."],
    "compile": lambda name: ["compile", f"{name}.right", "-o", f"{name}.py"],
    "compile onnx": lambda name: ["compile", f"{name}.right", "--no-verify", "-o", f"{name}.onnx"],
    "compile weights": lambda name: ["compile", f"{name}.right", "--weights", f"{name}.npz"],
    "compile labels": lambda name: ["compile", f"{name}.right", "--labels", name],
    "compile saved": lambda name: ["compile", f"{name}.right", "-o", "x.py", "--seed", "1", "--save-weights", name],
    "compile others": lambda name: ["compile", f"{name}.right", name, name],
    "compile opset": lambda name: ["compile", f"{name}.right", "--opset", name],
    "compile runs-on": lambda name: ["compile", f"{name}.right", "--runs-on", name],
    "verify": lambda name: ["verify", f"{name}.right", f"{name}.onnx"],
    "verify alone": lambda name: ["verify", f"{name}.onnx"],
    "verify sidecar": lambda name: ["verify", "net.onnx", "--sidecar", f"{name}.cnn"],
    "verify rename": lambda name: ["verify", f"{name}.right", "net.onnx", "--rename", name],
    "verify repro": lambda name: ["verify", f"{name}.right", "net.onnx", "--repro", "."],
    "verify output": lambda name: ["verify", f"{name}.right", "net.onnx", "-o", f"{name}.html"],
    "inspect": lambda name: ["inspect", f"{name}.cnn"],
    "inspect json": lambda name: ["inspect", "--format", "json", f"{name}.net.onnx"],
    "inspect text": lambda name: ["inspect", f"{name}.net.onnx"],
    "inspect sidecar": lambda name: ["inspect", "net.onnx", "--sidecar", f"{name}.cnn"],
    "embed": lambda name: ["embed", f"{name}.net.onnx", "--language", "cpp"],
    "embed language": lambda name: ["embed", "net.onnx", "--language", name],
    "embed sidecar": lambda name: ["embed", "net.onnx", "--language", "js", "--sidecar", f"{name}.cnn"],
    "convert": lambda name: ["convert", f"{name}.cnn", f"{name}.right"],
    "convert to": lambda name: ["convert", f"{name}.commented.cnn", f"{name}.yaml"],
    "convert again": lambda name: ["convert", f"{name}.cnn", f"{name}.cnn.yaml"],
    "schema": lambda name: ["schema", name],
    "no command": lambda name: [name],
    "no option": lambda name: ["check", f"--{name}"],
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("compiled") / "net.onnx"
    library.loads(RIGHT).to_onnx(path, verify=False)
    return path.read_bytes()


@hostile
def test_names_of_files(name: str, specc: Specc, here: Path, model: bytes) -> None:
    for command, arguments in COMMANDS.items():
        for path, text in {
            f"{name}.cnn": WRONG,
            f"{name}.fix.cnn": "model A : [1, 4] {\n  fc(3) -> sofmax\n}\n",
            f"{name}.fmt.cnn": "model A : [1, 4] {  fc(3)   }\n",
            f"{name}.commented.cnn": f"# one\n{RIGHT}",
            f"{name}.right": RIGHT,
            f"{name}.cnn.yaml": "models: {",
            f"{name}.npz": "",
        }.items():
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text(text)
        for path in ("net.onnx", f"{name}.net.onnx"):
            Path(path).write_bytes(model)
        outcome = specc(*arguments(name))
        assert_inert(outcome, commands=command == "check github")
        assert outcome.out or outcome.err, command
        if "json" in command and outcome.code < 2:
            json.loads(outcome.out)
        for path in here.iterdir():  # each command has the same folder before it
            if path.is_file():
                path.unlink()


def test_the_log_of_github_has_only_our_commands(specc: Specc, here: Path) -> None:
    Path("::error ::mine.cnn").write_text(WRONG)
    lines = specc("check", "--format", "github", ".").out.splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert len(commands) == 1
    assert commands[0].startswith("::error file=%3A%3Aerror %3A%3Amine.cnn,line=1")


# ---- what is in files ---------------------------------------------------------------------------------------


@hostile
@pytest.mark.parametrize(
    "settings",
    [
        "{text} = 1", "[{text}]", "include = [{text}]", "exclude = [{text}]", "baseline = {text}", "select = [{text}]",
        "[severity]\n{text} = 'error'", "[per-file-ignores]\n{text} = ['S0505']", "[budgets.{text}]\nparams = 1",
        "[budgets.'*.cnn']\n{text} = 1", "[budgets.'*.cnn']\nparams = {text}",
    ],
)  # fmt: skip
def test_settings(settings: str, name: str, specc: Specc, here: Path) -> None:
    text = json.dumps(name.encode("utf-8", "backslashreplace").decode()).replace("\x7f", "\\u007f")
    Path("specc.toml").write_text(settings.format(text=text), encoding="utf-8")
    tomllib.loads(Path("specc.toml").read_text(encoding="utf-8"))
    Path("net.cnn").write_text(WRONG)
    for arguments in (["check"], ["check", "--format", "concise"], ["fmt", "--check"]):
        assert_inert(specc(*arguments, "."))


@hostile
def test_baselines(name: str, specc: Specc, here: Path) -> None:
    Path("net.cnn").write_text(WRONG)
    assert specc("check", "--write-baseline", "known.json", ".").code == 0
    document = json.loads(Path("known.json").read_text())
    for changed in ({name: 1}, {**document, name: 1}, {**document, "format": name}, [name], name):
        Path("known.json").write_text(json.dumps(changed))
        assert_inert(specc("check", "--baseline", "known.json", "."))


def test_tensors_of_weights(specc: Specc, here: Path) -> None:
    Path("net.cnn").write_text(RIGHT)
    for name in HOSTILE.values():
        text = name.encode("utf-8", "backslashreplace").decode()
        np.savez("w.npz", **{text: np.zeros((3, 4), np.float32), f"{text}.weight": np.zeros(1, np.float32)})
        for match in ([], ["--match", "order"]):
            outcome = specc("compile", "net.cnn", "-o", "x.onnx", "--no-verify", "--weights", "w.npz", *match)
            assert outcome.code == 2
            assert_inert(outcome)


def test_tensors_and_texts_of_onnx(specc: Specc, here: Path, model: bytes) -> None:
    Path("net.cnn").write_text(RIGHT)
    for name in HOSTILE.values():
        text = name.encode("utf-8", "backslashreplace").decode()
        proto = onnx.ModelProto.FromString(model)
        proto.graph.name = proto.producer_name = proto.graph.input[0].name = text
        proto.metadata_props.append(StringStringEntryProto(key=text, value=text))
        proto.graph.node.add(op_type="RandomNormal", name=text, domain=text, output=[text])
        outside = TensorProto(name=text, data_type=1, dims=[1], data_location=TensorProto.EXTERNAL)
        outside.external_data.add(key="location", value=text.replace("/", ""))
        damaged = TensorProto(name=text, data_type=0, dims=[1])
        for tensor in (None, outside, damaged, numpy_helper.from_array(np.zeros(3, np.float32), text)):
            changed = onnx.ModelProto()
            changed.CopyFrom(proto)
            changed.graph.initializer.extend([tensor] if tensor else [])
            for stored in changed.graph.initializer:
                stored.name = text if stored.name == "fc1.bias" else stored.name
            Path("net.onnx").write_bytes(changed.SerializeToString())
            for arguments in (
                ["inspect", "net.onnx"],
                ["inspect", "--format", "json", "net.onnx"],
                ["verify", "net.cnn", "net.onnx"],
                ["verify", "--format", "json", "--seed", "0", "net.cnn", "net.onnx"],
            ):
                assert_inert(specc(*arguments))


@hostile
def test_sidecars_and_labels(name: str, specc: Specc, here: Path) -> None:
    Path("net.cnn").write_text(RIGHT)
    text = name.encode("utf-8", "backslashreplace").decode()
    Path("labels.txt").write_text(f"{text}\nb\nc\nd\n", encoding="utf-8")
    assert_inert(specc("compile", "net.cnn", "--no-verify", "--labels", "labels.txt"))
    assert specc("compile", "net.cnn", "-o", "net.onnx", "--no-verify").code == 0
    sidecar = json.loads(Path("net.specc.json").read_text())
    for part in ({"weights": name}, {"format": 99, "specc": name}, {name: 1}, {"model": name}, {"file": {name: name}}):
        Path("net.specc.json").write_text(json.dumps({**sidecar, **part}))
        for arguments in (
            ["inspect", "net.onnx"],
            ["inspect", "--format", "json", "net.onnx"],
            ["verify", "net.onnx"],
            ["embed", "net.onnx", "--language", "python"],
        ):
            assert_inert(specc(*arguments))
