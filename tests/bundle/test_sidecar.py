"""Reading what stands beside a file: damaged, foreign, older, newer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from specc.bundle.inspection import inspect
from specc.bundle.sidecar import read_sidecar, sha256_of, sidecar_path, sidecar_schema, unknown
from specc.diagnostics import UsageError
from specc.onnxfile import OnnxFile
from tests.bundle.compiled import compiled

Value = dict[str, Any]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Value:
    model = compiled(tmp_path_factory.mktemp("compiled"))
    value: Value = json.loads(sidecar_path(model).read_text())
    return value


@pytest.fixture
def value(original: Value) -> Value:
    copy: Value = json.loads(json.dumps(original))
    return copy


@pytest.fixture
def written(tmp_path: Path) -> Callable[[object], Path]:
    def write(value: object) -> Path:
        path = tmp_path / "net.specc.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return path

    return write


Write = Callable[[object], Path]


@pytest.mark.parametrize(
    ("model", "sidecar"),
    [
        ("lenet.onnx", "lenet.specc.json"),
        ("nets/a.b.onnx", "nets/a.b.specc.json"),
        ("net", "net.specc.json"),
        ("net.v2", "net.v2.specc.json"),
    ],
)
def test_where_it_stands(model: str, sidecar: str) -> None:
    assert sidecar_path(Path(model)) == Path(sidecar)


def test_what_was_written_is_read(value: Value, written: Write) -> None:
    assert json.loads(read_sidecar(written(value)).model_dump_json()) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON, or is cut short"),
        ('{"format": 1', "is no JSON, or is cut short"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "holds no object"),
        ("{}", "is no sidecar of specc, or is damaged"),
        ('{"version": 1, "findings": []}', "is no sidecar of specc"),
        ('{"format": "1"}', r"format: Input should be 1"),
        ('{"format": 0}', r"format: Input should be 1"),
        ('{"format": true}', r"format: Input should be 1"),
        ('{"format": 1.0}', r"format: Input should be 1"),
        ('{"format": 2, "specc": "9\\u001b[31m"}', r"written by specc 9\\x1b\[31m, and"),
    ],
)
def test_what_is_none(written: Write, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_sidecar(written(text))


def test_not_text_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UsageError, match=r"a\.json is no JSON"):
        read_sidecar(tmp_path / "a.json")
    with pytest.raises(UsageError, match="no such file"):
        read_sidecar(tmp_path / "b.json")
    with pytest.raises(UsageError, match="is a directory"):
        read_sidecar(tmp_path)


def parsed(path: Path) -> object:
    return OnnxFile(path).proto


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("a.json", "a.onnx"):
        os.mkfifo(tmp_path / name)
    for read, name in ((read_sidecar, "a.json"), (sha256_of, "a.onnx"), (inspect, "a.onnx"), (parsed, "a.onnx")):
        with pytest.raises(UsageError, match=f"{name} cannot be read: it is a device, pipe or socket"):
            read(tmp_path / name)


def test_every_cut(original: Value, written: Write) -> None:
    text = json.dumps(original)
    for length in range(0, len(text) - 1, 97):
        with pytest.raises(UsageError, match="cut short"):
            read_sidecar(written(text[:length]))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("file",), None),
        (("file", "sha256"), "abc"),
        (("file", "sha256"), 7),
        (("file", "opset"), "18"),
        (("file", "opset"), True),
        (("spec",), "md5:1"),
        (("weights",), "the best"),
        (("runs_on",), "onnxruntime"),
        (("inputs",), {}),
        (("inputs", 0, "dtype"), "float16"),
        (("inputs", 0, "shape"), [1.5]),
        (("outputs", 0, "range"), [1]),
        (("inputs", 0, "tried"), [None, 1]),
        (("inputs", 0, "normalisation"), {"mean": [0.5], "std": 0.25, "axis": None}),
        (("outputs", 0, "labels"), [1, 2, 3]),
        (("verdict", "passed"), "yes"),
        (("golden", "sizes"), {"H": "20"}),
        (("golden", "inputs", 0, "shape"), [-1, 1, 2, 2]),
        (("golden", "inputs", 0, "data"), None),
        (("golden", "outputs", 0, "allowed"), [float("nan")] * 3),
        (("golden", "outputs", 0, "allowed"), [float("inf")] * 3),
        (("golden", "outputs", 0, "allowed"), [-1e-6] * 3),
    ],
)
def test_wrong_types_are_named_by_their_place(
    value: Value, written: Write, path: tuple[str | int, ...], wrong: object
) -> None:
    part: Any = value
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = wrong
    with pytest.raises(UsageError, match=r"net\.specc\.json is no sidecar of specc, or is damaged") as caught:
        read_sidecar(written(value))
    assert ".".join(map(str, path)) in str(caught.value)


def test_every_field_is_needed(original: Value, written: Write) -> None:
    def without(part: Any, path: tuple[str, ...]) -> None:
        for key in list(part) if isinstance(part, dict) else []:
            if key in ("runs_on", "proof", "tried", "normalisation"):  # added within the format
                continue
            if path and path[-1] in ("settings", "symbols", "versions", "sizes", "at"):
                continue
            lost = part.pop(key)
            with pytest.raises(UsageError, match=key):
                read_sidecar(written(value))
            part[key] = lost
            without(lost[0] if isinstance(lost, list) and lost else lost, (*path, key))

    value = json.loads(json.dumps(original))
    without(value, ())


def test_a_later_specc_may_add_fields(value: Value, written: Write) -> None:
    value["signature"] = "x"
    value["verdict"]["seconds"] = 3
    value["golden"]["outputs"][0]["unit"] = [1]
    read = read_sidecar(written(value))
    assert read.golden is not None
    assert unknown(read) == ["signature", "verdict.seconds", "golden.outputs.0.unit"]


def test_a_later_format_is_told(value: Value, written: Write) -> None:
    value |= {"format": 2, "specc": "9.0"}
    with pytest.raises(UsageError, match=r"has format 2, written by specc 9\.0, and this specc reads format 1"):
        read_sidecar(written(value))


class TestSchema:
    @pytest.fixture
    def validator(self) -> Draft202012Validator:
        schema = json.loads(sidecar_schema())
        Draft202012Validator.check_schema(schema)
        return Draft202012Validator(schema)

    def test_takes_what_is_written(self, validator: Draft202012Validator, value: Value) -> None:
        validator.validate(value)
        validator.validate(value | {"golden": None, "added": 1})

    @pytest.mark.parametrize("key", ["format", "file", "golden", "verdict", "inputs"])
    def test_refuses_what_is_none(self, validator: Draft202012Validator, value: Value, key: str) -> None:
        assert not validator.is_valid({k: v for k, v in value.items() if k != key})
        assert not validator.is_valid(value | {key: "x"})

    def test_describes_what_needs_words(self) -> None:
        schema = json.loads(sidecar_schema())
        assert "largest difference" in schema["$defs"]["GoldenOutput"]["properties"]["allowed"]["description"]
        assert schema["$id"] == "urn:specc:sidecar:1"
