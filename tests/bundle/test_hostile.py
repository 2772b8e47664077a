"""Damaged and hostile ONNX files: a plain message for each, without the time and memory that a file of few KB asks for.

What a file says of itself is tried by hand below, kind by kind; what nobody has thought of, at random from one seed.
"""

from __future__ import annotations

import json
import os
import tracemalloc
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper

import specc
from specc.bundle.inspection import inspect
from specc.bundle.recheck import recheck
from specc.bundle.sidecar import read_sidecar, sidecar_path
from specc.diagnostics import ParityError, UsageError
from specc.embedding.program import LANGUAGES, program
from specc.onnxfile import OnnxFile, lean
from specc.report.artifacts import inspection_json, inspection_text, recheck_json, recheck_text
from tests.bundle.compiled import SPEC, compiled
from tests.bundle.mutations import changed_bytes, changed_fields


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled file, and one each with functions, with weights in another file and with sparse ones."""
    path = compiled(tmp_path_factory.mktemp("original"))
    folder = path.parent
    specc.loads(SPEC).to_onnx(folder / "functions.onnx", functions=True)
    onnx.save(onnx.load(path), folder / "apart.onnx", save_as_external_data=True, size_threshold=0, location="w.data")
    proto = onnx.load(path)
    whole = proto.graph.initializer.pop(0)
    numbers = numpy_helper.to_array(whole).reshape(-1)
    values = numpy_helper.from_array(numbers, whole.name)
    places = numpy_helper.from_array(np.arange(numbers.size, dtype=np.int64))
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, list(whole.dims)))
    (folder / "sparse.onnx").write_bytes(proto.SerializeToString())
    return path


def reports(path: Path) -> tuple[str, str]:
    found = inspect(path)
    text = inspection_json(found)
    json.loads(text)
    return inspection_text(found), text


def broken(original: Path, folder: Path, change: Callable[[ModelProto], object]) -> Path:
    proto = onnx.load(original)
    change(proto)
    path = folder / "broken.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        reports(path)
    assert str(caught.value).isprintable()
    return str(caught.value)


# ---- at random ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passed_over", [False, True], ids=["whole", "numbers passed over"])
def test_changes_at_random(passed_over: bool, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 22,000 others, of other seeds, none gave another error when this was written."""
    if passed_over:  # as of a large file
        monkeypatch.setattr(lean, "LARGE_FILE", 0)
        monkeypatch.setattr(lean, "LARGE_TENSOR", 1)
    random = Random(17)
    texts = {path.stem: path.read_bytes() for path in original.parent.glob("*.onnx")}
    sidecar = original.with_name("digits.specc.json").read_bytes()
    (tmp_path / "w.data").write_bytes(original.with_name("w.data").read_bytes())
    network = specc.load(original.with_name("digits.cnn"))
    path = tmp_path / "changed.onnx"
    sidecar_path(path).write_bytes(sidecar)
    outcomes: dict[str, int] = {}
    for trial in range(250):
        change = random.choice((changed_bytes, changed_fields))
        path.write_bytes(change(texts[random.choice(list(texts))], random))

        def check() -> None:
            result = recheck(OnnxFile(path), read_sidecar(sidecar_path(path)), sidecar_path(path))
            assert recheck_text("x", path, result)
            assert recheck_json("x", path, result)

        asked: dict[str, Callable[[], object]] = {"inspect": lambda: reports(path), "recheck": check}
        if trial % 20 == 0:
            asked["prove"] = lambda: network.verify(OnnxFile(path), seed=0)
        for name, ask in asked.items():
            try:
                ask()
                outcome = "passes"
            except (UsageError, ParityError):
                outcome = "is refused"
            outcomes[f"{name} {outcome}"] = outcomes.get(f"{name} {outcome}", 0) + 1
    assert min(outcomes.get(f"inspect {way}", 0) for way in ("passes", "is refused")) > 60, outcomes


def test_changed_sidecars(original: Path, tmp_path: Path) -> None:
    random = Random(18)
    path = tmp_path / "digits.onnx"
    path.write_bytes(original.read_bytes())
    text = original.with_name("digits.specc.json").read_bytes()
    for _ in range(100):
        sidecar_path(path).write_bytes(changed_bytes(text, random))
        reports(path)
        with suppress(UsageError):
            program(path, random.choice([*LANGUAGES]))


# ---- texts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["specc.parity", "specc.sha256", "conv1.weight", "Digits", "Relu", "input"])
def test_texts_that_are_not_utf8(what: str, original: Path, tmp_path: Path) -> None:
    data = original.read_bytes()
    at = data.index(what.encode()) + (
        len(what) + 4 if what == "specc.parity" else 0
    )  # the entry's value; else the name
    path = tmp_path / "broken.onnx"
    path.write_bytes(data[:at] + b"\xff" + data[at + 1 :])
    assert "is no UTF-8" in refusal(path)
    (tmp_path / "digits.specc.json").write_bytes(original.with_name("digits.specc.json").read_bytes())
    with pytest.raises(UsageError, match="is no UTF-8"):
        recheck(OnnxFile(path), read_sidecar(tmp_path / "digits.specc.json"), path)


def test_documentation_is_not_read(original: Path, tmp_path: Path) -> None:
    path = broken(original, tmp_path, lambda proto: setattr(proto.graph, "doc_string", "Gr~sse"))
    path.write_bytes(path.read_bytes().replace(b"Gr~sse", b"Gr\xfc\xdfe"[:3] + b"sse"))
    assert "Digits" in reports(path)[0]


# ---- tensors ------------------------------------------------------------------------------------------------


def test_a_tensor_of_no_type(original: Path, tmp_path: Path) -> None:
    path = broken(original, tmp_path, lambda proto: setattr(proto.graph.initializer[-1], "data_type", 0))
    reports(path)
    network = specc.load(original.with_name("digits.cnn"))
    assert not network.verify(path, seed=0).passed
    with pytest.raises(UsageError, match=r"fc1\.bias cannot be read: it does not say of which type its numbers are"):
        OnnxFile(path).initializers["fc1.bias"].values()


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        ([2**62] * 30, "no memory holds so many numbers"),
        ([2**62, 0, 2**62], "no memory holds so many numbers"),
        ([1] * 900, "it has 900 axes"),
        ([3, -3, -1], "no size is below 0"),
    ],
)
def test_shapes_that_no_tensor_has(shape: list[int], fault: str, original: Path, tmp_path: Path) -> None:
    tensor = TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=shape)
    assert fault in refusal(broken(original, tmp_path, lambda proto: proto.graph.initializer.append(tensor)))


@pytest.mark.parametrize("place", ["initializer", "constant", "function"])
def test_sparse_tensors_are_written_out_where_they_are_small(place: str, original: Path, tmp_path: Path) -> None:
    """A file of 2 KB whose tensor has two thousand million bytes."""
    values = numpy_helper.from_array(np.ones(1, np.float32), "huge")
    sparse = SparseTensorProto(
        values=values, indices=numpy_helper.from_array(np.zeros(1, np.int64)), dims=[100000, 5000]
    )

    def add(proto: ModelProto) -> None:
        if place == "initializer":
            proto.graph.sparse_initializer.append(sparse)
            return
        nodes = proto.graph.node if place == "constant" else proto.functions.add(name="f", domain="d").node
        nodes.append(helper.make_node("Constant", [], ["k"], sparse_value=sparse))

    path = broken(original, tmp_path, add)
    tracemalloc.start()
    reason = "the sparse tensors up to huge take 2,000,000,000 bytes, and specc writes out 134,217,728 at most"
    assert reason in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


def test_sparse_texts(original: Path, tmp_path: Path) -> None:
    values = TensorProto(name="words", data_type=TensorProto.STRING, dims=[1], string_data=[b"x"])
    sparse = SparseTensorProto(values=values, indices=numpy_helper.from_array(np.zeros(1, np.int64)), dims=[3])
    path = broken(original, tmp_path, lambda proto: proto.graph.sparse_initializer.append(sparse))
    assert refusal(path) == "words cannot be read: of texts there is no sparse tensor"


@pytest.mark.parametrize("kind", [TensorProto.UNDEFINED, TensorProto.BOOL, TensorProto.STRING])
def test_a_switch_that_cannot_be_read(kind: int, original: Path, tmp_path: Path) -> None:
    def add(proto: ModelProto) -> None:
        proto.graph.initializer.append(TensorProto(name="t", data_type=kind, dims=[5], string_data=[b"\xff"]))
        proto.graph.node.append(helper.make_node("Dropout", ["input", "", "t"], ["dropped"]))

    assert "t cannot be read: " in refusal(broken(original, tmp_path, add))


def test_constants_of_nothing(original: Path, tmp_path: Path) -> None:
    """Of wrong types, and without a value to be called by."""

    def add(proto: ModelProto) -> None:
        for name in ("value", "value_float", "value_floats", "value_ints"):
            for outputs in ([], [f"k{name}"]):
                node = helper.make_node("Constant", [], outputs)
                node.attribute.append(AttributeProto(name=name, type=AttributeProto.STRING, s=b"x"))
                proto.graph.node.append(node)

    path = broken(original, tmp_path, add)
    reports(path)
    assert OnnxFile(path).tensors
    assert not specc.load(original.with_name("digits.cnn")).verify(path, seed=0).passed


# ---- other files --------------------------------------------------------------------------------------------


def placed(**entries: str) -> Callable[[ModelProto], None]:
    """The first tensor lies elsewhere."""

    def change(proto: ModelProto) -> None:
        tensor = proto.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=value)

    return change


@pytest.mark.parametrize(
    "location", ["../../etc/passwd", "/etc/passwd", "a/../../x", "..\\x", "a" * 300, "a/" * 900, "\0", ""]
)
def test_locations_are_judged_before_they_are_looked_at(
    location: str, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = broken(original, tmp_path, placed(location=location))
    looked: list[str] = []
    stat = os.stat

    def watched(path: str | Path, **options: bool) -> os.stat_result:
        looked.append(str(path))
        return stat(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", watched)
    reason = refusal(path)
    assert "leads out of the folder" in reason or "no file has such a name" in reason or "no file is named" in reason
    assert set(looked) <= {str(path)}
    assert len(reason) < 400


def test_links_out_of_the_folder(original: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(1000))
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "w.data").symlink_to("../secret")
    path = broken(original, folder, placed(location="w.data"))
    assert "w.data, which is a link out of its folder" in refusal(path)
    (tensor, *_) = OnnxFile(path).stored
    with pytest.raises(UsageError, match="links lead from there out of the folder"):
        tensor.values()
    (tmp_path / "link.onnx").symlink_to(path)  # a cache of downloads is made of such links
    (tmp_path / "w.data").symlink_to("secret")
    (folder / "w.data").unlink()
    (folder / "w.data").write_bytes(bytes(1000))
    (tmp_path / "w.data").unlink()
    (tmp_path / "w.data").symlink_to("inner/w.data")
    assert "1 of them in w.data" in reports(tmp_path / "link.onnx")[0]


def test_what_onnx_would_warn_of_is_no_matter(original: Path, tmp_path: Path) -> None:
    path = broken(original, tmp_path, placed(location="w.data", **{"\x1b": "x", "basepath": "/etc"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "w.data, which is not there" in reports(path)[0]


def test_no_room_is_made_for_what_is_not_there(original: Path, tmp_path: Path) -> None:
    (tmp_path / "w.data").write_bytes(bytes(100))

    def change(proto: ModelProto) -> None:
        placed(location="w.data")(proto)
        proto.graph.initializer[0].dims[:] = [2**40]

    (tensor, *_) = OnnxFile(broken(original, tmp_path, change)).stored
    with pytest.raises(
        UsageError, match=r"w\.data is cut short: the numbers end at byte [0-9,]+ of it, and it has 100"
    ):
        tensor.values()


def test_a_sidecar_names_no_other_file(original: Path, tmp_path: Path) -> None:
    """It comes from where the file comes from."""
    path = tmp_path / "digits.onnx"
    path.write_bytes(original.read_bytes())
    value = json.loads(original.with_name("digits.specc.json").read_text())
    for name in ("../../etc/passwd", "/etc/passwd", "a" * 300):
        value["file"]["data"] = {"name": name, "size": 1, "sha256": "0" * 64}
        sidecar_path(path).write_text(json.dumps(value))
        text, _ = reports(path)
        assert f"the sidecar has the weights in {name}, and the file has none there" in text


# ---- functions ----------------------------------------------------------------------------------------------


def calling(*bodies: tuple[str, ...]) -> Callable[[ModelProto], None]:
    """Functions of those nodes; the network calls the first."""

    def change(proto: ModelProto) -> None:
        for number, body in enumerate(bodies):
            function = proto.functions.add(name=f"f{number}", domain="d")
            function.node.extend(helper.make_node(called, ["x"], ["y"], domain="d") for called in body)
        proto.graph.node.append(helper.make_node("f0", ["input"], ["z"], domain="d"))

    return change


def test_functions_that_grow_without_end(original: Path, tmp_path: Path) -> None:
    twice = calling(*((f"f{number + 1}",) * 2 for number in range(40)))
    assert "has more than 50,000 nodes" in refusal(broken(original, tmp_path, twice))
    # The last one does nothing, so that no node comes of all the calls.
    nothing = calling(*((f"f{number + 1}",) * 2 for number in range(40)), ())
    assert "has more than 50,000 nodes" in refusal(broken(original, tmp_path, nothing))
    deep = calling(*((f"f{number + 1}",) for number in range(3000)))
    assert "call each other more than 100 deep" in refusal(broken(original, tmp_path, deep))
    reports(broken(original, tmp_path, calling(("f0",))))  # of itself: the call stays as it is


def test_constants_of_functions_are_counted(original: Path, tmp_path: Path) -> None:
    def change(proto: ModelProto) -> None:
        large = numpy_helper.from_array(np.ones(250_000, np.float32))
        function = proto.functions.add(name="f", domain="d")
        function.node.append(helper.make_node("Constant", [], ["k"], value=large))
        proto.graph.node.extend(helper.make_node("f", [], [], domain="d") for _ in range(1000))

    assert "134,217,728 bytes of them" in refusal(broken(original, tmp_path, change))
