"""The JSON Schema of specs in YAML, held against validators that are not ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from specc.ops import operators
from specc.ops.fields import expected
from specc.report.schema import schema, schema_json
from specc.source import Source
from specc.syntax import read
from specc.syntax.yaml.writer import to_yaml
from tests.elaborate.random_specs import Spec
from tests.elaborate.random_specs import specs as random_specs

ROOT = Path(__file__).parents[2]
FITTING = [
    *sorted((ROOT / "examples").rglob("*.cnn")),
    *sorted((ROOT / "tests/elaborate/corpus/accepted").glob("*.cnn")),
    *sorted((ROOT / "tests/networks/others").glob("*.cnn")),
]
HEAD = "- model: M\n  input: [N, 3, 8, 8]\n  body:\n"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def data(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def check_jsonschema(folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "schema.json"
    path.write_text(schema_json(), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(path), *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert json.loads(schema_json()) == schema()


def test_it_is_the_same_in_every_process() -> None:
    code = "import sys; from specc.report.schema import schema_json; sys.stdout.write(schema_json())"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert done.stdout.decode() == schema_json()


def test_examples_with_check_jsonschema(tmp_path: Path) -> None:
    examples = sorted((ROOT / "examples").glob("*.yaml"))
    assert len(examples) > 1
    done = check_jsonschema(tmp_path, *examples)
    assert done.returncode == 0, done.stdout


def test_a_misspelt_argument_with_check_jsonschema(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(f"{HEAD}    - conv: [8, 3, {{paddding: 1}}]\n", encoding="utf-8")
    done = check_jsonschema(tmp_path, bad)
    assert done.returncode == 1
    assert "paddding" in done.stdout


@pytest.mark.parametrize("path", FITTING, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_checks_is_valid(path: Path, validator: Draft202012Validator) -> None:
    assert not list(validator.iter_errors(data(to_yaml(read(path)))))


@settings(deadline=None, max_examples=25)
@given(random_specs())
def test_random_specs_are_valid(validator: Draft202012Validator, spec: Spec) -> None:
    assert validator.is_valid(data(to_yaml(Source("net.cnn", spec.text))))


@pytest.mark.parametrize(
    "line",
    [
        "relu",
        "in",
        "_",
        "relu: []",
        "relu: {}",
        "relu:",
        "{label: x, in: }",
        "{label: 0, bn: }",
        "{label: '0', relu: }",
        "conv: 3",
        "conv: [=c, [3, 5]]",
        "conv: [8, 3, {padding: same}]",
        "conv: {out_channels: 8, kernel: =k}",
        "conv: [8, 3, {padding: '=\"same\" if wide else 0'}]",
        "conv: [8, [=k, 3]]",
        "conv: [8, 3, {padding: [[=k, 0], [1, =2 * k]]}]",
        "{add: , arms: [_, {for_each: [a, b], in: =t, body: relu}]}",
        "permute: [0, 2, 3, 1]",
        "permute: [[0, 2, 3, 1]]",
        "reshape: [=N, =c, -1]",
        "edge: [1, {a: b, c: [1, 2]}, x]",
        "{edge: {a: =b}, arms: [_]}",
        "{call: group, args: [1, {a: b}], arms: [_, relu]}",
        "{call: in}",
        "{call: relu}",
        "{group: relu}",
        "{if: a > b, then: [relu], else: {if: true, then: []}}",
        "[a, b, {c: 1}]",
        "{shared: t, steps: a}",
        "{let: {a: [1, [2]]}}",
        "{assert: params < 3, message: too large}",
        "{for: [a, b], in: =t, body: [[relu, relu]]}",
        "gelu: {approximate: none}",
        "conv: [8, 3, {weight: [[[=a, 1.5]]], bias: false}]",
        "batchnorm: {momentum: null}",
    ],
)
def test_valid_lines(line: str, validator: Draft202012Validator) -> None:
    assert validator.is_valid(data(f"{HEAD}    - {line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "conv: [8, abc]",
        "conv: [8, 3, {paddding: 1}]",
        "conv: {kernell: 1}",
        "relu: [1]",
        "{conv: 3, relu: }",
        "5",
        "[]",
        "conv: [8, 3, {padding: some}]",
        "{repeat: 2}",
        "{repeat: 2, boddy: relu}",
        "{add: , arms: []}",
        "{add: , arms: [[]]}",
        "bn: 64",
        "conv: [8, 3, {bias: 1}]",
        "{conv: 3, body: relu}",
        "[relu, let: {a: 1}]",
        "{label: a.b, relu: }",
        "for",
        "{if: true, then: [conv: [x, 3]]}",
        "conv: [8, {bias: true}, {stride: 2}]",
        "{in: 3}",
        "{label: x}",
        "conv(3)",
        "",
        "{shape: 3}",
        "{let: {a: 1, b: 2}}",
        "{let: 3}",
        "{shared: t}",
        "{for: [], in: [1], body: relu}",
        "conv: -1",
        "{assert: true, mesage: x}",
        "dropout: 1.5",
        "[relu, [relu]]",
        "conv: [8, 3, 1, 1, 1, 1, true, zeros, null, false, null, 1]",
        "{label: 'a b', relu: }",
        "{call: [a]}",
        '{"a b": 3}',
        "conv: {kernel: {a: 1}}",
    ],
)
def test_invalid_lines(line: str, validator: Draft202012Validator) -> None:
    assert not validator.is_valid(data(f"{HEAD}    - {line}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "- model: M\n",
        "- model: M\n  boddy: relu\n",
        "model: M\nbody: relu\n",
        "- relu\n",
        "- default: {conv: {biass: true}}\n",
        "- default: {conv: }\n",
        "- default: {conv: [1]}\n",
        "- {model: M, output: [N], body: relu}\n",
        "- {from: a.cnn}\n",
        "- {model: M, where: a > b, body: relu}\n",
        "- {from: a.cnn, import: b}\n",
        "- {model: M, params: {a: 1}, body: a}\n",
        "- {model: M, input: N, body: a}\n",
        "- {model: M, body: a, block: b}\n",
        "- {block: for, body: a}\n",
        "- {}\n",
        "x\n",
        "- {model: M, input: [N], where: [], body: a}\n",
        "- {model: M, input: {}, body: a}\n",
    ],
)
def test_invalid_files(text: str, validator: Draft202012Validator) -> None:
    assert not validator.is_valid(data(text))


def test_every_argument_of_every_layer() -> None:
    defs = schema()["$defs"]
    layers = defs["step"]["anyOf"][1]["properties"]
    for kind in operators():
        assert all(layers[name] == {"$ref": f"#/$defs/layer-{kind.kind}"} for name in (kind.kind, *kind.aliases))
        stated = defs[f"layer-{kind.kind}-by-name"]["properties"]
        assert list(stated) == list(kind.model_fields)
        for name, field in kind.model_fields.items():
            assert stated[name]["description"].startswith(expected(field))
            if not field.is_required():
                Draft202012Validator({**stated[name], "$defs": defs}).validate(json.loads(json.dumps(field.default)))
