"""``specc diff`` of ONNX files, and of one and a spec: each change with the lines that say it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import specc as library
from specc.onnxfile import lean
from tests.cli.conftest import Specc
from tests.cli.test_diff import git
from tests.importing.onnx_files import draw, model, node

WEIGHTS = {
    "features.0.weight": draw(4, 3, 3, 3),
    "features.0.bias": draw(4),
    "fc.weight": draw(5, 16),
    "fc.bias": draw(5),
}
SECTIONS = ("interface", "weights", "graph", "cost", "numbers", "file")
SAME = """\
interface  the same
weights    an old checkpoint loads: all 4 tensors by name
graph      the same
cost       the same
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    onnx.save(network(), "old.onnx")
    return tmp_path


def network(
    weights: dict[str, Any] = WEIGHTS, shape: tuple[int | str, ...] = ("N", 3, 8, 8), **more: Any
) -> ModelProto:
    nodes = [
        node("Conv", "x features.0.weight features.0.bias", "a", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "c", "d"),
        node("Gemm", "d fc.weight fc.bias", "y", transB=1),
    ]
    return model(nodes, shape, weights, **more)


def put(proto: ModelProto, name: str = "new.onnx", **how: Any) -> str:
    onnx.save(proto, name, **how)
    return name


def difference(specc: Specc, *names: str) -> str:
    """What is said below the heading."""
    done = specc("diff", *names)
    assert (done.code, done.err) == (0, "")
    return done.out.partition("\n")[2]


def changed(change: Callable[[ModelProto], object]) -> ModelProto:
    proto = network()
    change(proto)
    return proto


def test_a_file_and_itself(specc: Specc) -> None:
    done = specc("diff", "old.onnx", "./old.onnx", "--fail-on", "interface,weights,graph,cost,numbers,file")
    assert (done.code, done.out) == (0, "old.onnx, net\nnothing has changed\n")


def test_one_attribute(specc: Specc) -> None:
    def wider(proto: ModelProto) -> None:
        pool = proto.graph.node[2]
        del pool.attribute[:]
        pool.attribute.extend(
            helper.make_attribute(k, v) for k, v in (("kernel_shape", [3, 3]), ("strides", [2, 2]), ("pads", [1] * 4))
        )

    put(changed(wider))
    said = difference(specc, "old.onnx", "new.onnx")
    assert "graph      1 step changed\n  changed  maxpool1  kernel 2 -> 3, padding 0 -> 1\n" in said


def test_one_step(specc: Specc) -> None:
    put(changed(lambda proto: setattr(proto.graph.node[2], "op_type", "AveragePool")))
    expected = SAME.replace(
        "graph      the same\n",
        "graph      1 step changed\n  changed  maxpool1 -> avgpool1  maxpool(2) -> avgpool(2)\n",
    )
    assert difference(specc, "old.onnx", "new.onnx") == f"{expected}numbers    the same\nfile       the same\n"


def test_one_weight(specc: Specc) -> None:
    bias = WEIGHTS["fc.bias"].copy()
    bias[3] += 0.25
    put(network(WEIGHTS | {"fc.bias": bias}))
    largest = f"{np.abs(WEIGHTS['fc.bias']).max():.2g}"
    assert difference(specc, "old.onnx", "new.onnx") == (
        f"{SAME}numbers    1 of 4 tensors has others, by 0.25 at most in fc.bias\n"
        f"  changed  fc.bias  1 of 5 elements, by 0.25 at most, where the largest was {largest}\n"
        "file       the same\n"
    )
    codes = {section: specc("diff", "old.onnx", "new.onnx", "--fail-on", section).code for section in SECTIONS}
    assert codes == {"interface": 0, "weights": 0, "graph": 0, "cost": 0, "numbers": 1, "file": 0}


def test_trained_anew(specc: Specc) -> None:
    put(network({name: numbers + np.float32(2**-4) for name, numbers in WEIGHTS.items()}))
    said = difference(specc, "old.onnx", "new.onnx")
    assert "numbers    all 4 tensors have others, as if trained anew, by 0.063 at most in " in said
    value = json.loads(specc("diff", "old.onnx", "new.onnx", "--format", "json").out)
    numbers = value["files"][0]["models"][0]["numbers"]
    assert (numbers["compared"], numbers["left_out"], len(numbers["changed"])) == (4, 0, 4)
    assert {tensor["before"]: tensor["differing"] for tensor in numbers["changed"]} == {
        name: numbers.size for name, numbers in WEIGHTS.items()
    }
    assert all(abs(tensor["largest"] - 2**-4) < 1e-6 for tensor in numbers["changed"])


def test_no_number(specc: Specc) -> None:
    bias = WEIGHTS["fc.bias"].copy()
    bias[0] = np.nan
    put(network(WEIGHTS | {"fc.bias": bias}))
    assert "1 of 4 tensors has others, one of them no number in fc.bias" in difference(specc, "old.onnx", "new.onnx")
    value = json.loads(specc("diff", "old.onnx", "new.onnx", "--format", "json").out)
    assert value["files"][0]["models"][0]["numbers"]["changed"][0]["largest"] is None
    assert difference(specc, "new.onnx", "new.onnx") == "nothing has changed\n"


def test_one_name(specc: Specc) -> None:
    """What is no name of the language is told as the file has it; a step may be called as an input is."""

    def rename(proto: ModelProto) -> None:
        proto.graph.input[0].name = proto.graph.node[0].input[0] = "features.0"

    put(changed(rename))
    assert difference(specc, "old.onnx", "new.onnx").startswith(
        "interface  a caller may break\n"
        "  input renamed  features.0  x -> features.0: a caller by name does not find it\n"
        "weights    an old checkpoint loads: all 4 tensors by name\ngraph      the same"
    )
    assert specc("diff", "old.onnx", "new.onnx", "--fail-on", "interface").code == 1


HOSTILE = "a\x1b[31m\n::error::|`<b>\u202eb"
"""Of a colour, a line end, what GitHub's log obeys, what Markdown and HTML mean by themselves, letters backwards."""


def test_names_that_are_obeyed_by_nobody(specc: Specc) -> None:
    def rename(proto: ModelProto) -> None:
        proto.graph.input[0].name = proto.graph.node[0].input[0] = HOSTILE
        proto.graph.output[0].name = proto.graph.node[4].output[0] = f"{HOSTILE}2"
        proto.graph.initializer[3].name = proto.graph.node[4].input[2] = f"{HOSTILE}3"
        proto.graph.initializer[2].name = proto.graph.node[4].input[1] = "2"
        proto.graph.name = HOSTILE
        helper.set_model_props(proto, {HOSTILE: HOSTILE})

    put(changed(rename))
    for names in (("old.onnx", "new.onnx"), ("new.onnx", "old.onnx")):
        for form in ("text", "markdown", "json"):
            done = specc("diff", *names, "--format", form)
            assert (done.code, done.err) == (0, "")
            lines = done.out.split("\n")
            assert all(line.isprintable() for line in lines)
            assert not [line for line in lines if line.lstrip().startswith("::")]
    value = json.loads(specc("diff", "old.onnx", "new.onnx", "--format", "json").out)
    changes = value["files"][0]["models"][0]["interface"]["changes"]
    assert [change["after"] for change in changes] == [HOSTILE, f"{HOSTILE}2"]
    broken = changed(rename)
    broken.graph.node[1].op_type = HOSTILE
    put(broken)
    assert all(line.isprintable() for line in specc("diff", "old.onnx", "new.onnx").out.split("\n"))


def test_one_tensors_name(specc: Specc) -> None:
    put(
        changed(
            lambda proto: (
                [setattr(x, "name", x.name.replace("fc", "head")) for x in proto.graph.initializer]
                + [
                    proto.graph.node[4].input.__setitem__(place, f"head.{own}")
                    for place, own in ((1, "weight"), (2, "bias"))
                ]
            )
        )
    )
    said = difference(specc, "old.onnx", "new.onnx")
    assert "weights    an old checkpoint loads only with --match order; every tensor gets to its own step\n" in said
    assert "  renamed  fc -> head  weight, bias\n" in said
    assert "graph      the same, 1 step under another name\n" in said
    assert "numbers    the same\n" in said


def test_one_shape(specc: Specc) -> None:
    put(network(shape=(1, 3, 8, 8)))
    said = difference(specc, "old.onnx", "new.onnx")
    less = "  input   x  [N, 3, 8, 8] -> [1, 3, 8, 8]: takes less than before\n"
    assert said.startswith(f"interface  a caller may break\n{less}")
    said = difference(specc, "new.onnx", "old.onnx")
    assert "  input   x  [1, 3, 8, 8] -> [N, 3, 8, 8]: takes what it took, and more\n" in said
    put(network(shape=("B", 3, 8, 8)))
    said = difference(specc, "old.onnx", "new.onnx")
    assert said.startswith("interface  changed, and every caller works as before\n")
    assert "[N, 3, 8, 8] -> [B, 3, 8, 8]: takes what it took, its sizes are called otherwise\n" in said


def test_one_opset(specc: Specc) -> None:
    put(network(opset=20))
    newer = "opset  ai.onnx  18 -> 20: a runtime may know no operators so new\n"
    expected = f"{SAME}numbers    the same\nfile       what runs or reads it may break: opset\n  {newer}"
    assert difference(specc, "old.onnx", "new.onnx") == expected
    assert specc("diff", "old.onnx", "new.onnx", "--fail-on", "file").code == 1
    older = specc("diff", "new.onnx", "old.onnx", "--fail-on", "file")
    assert older.code == 0
    assert "opset  ai.onnx  20 -> 18: runtimes that are older know it, too\n" in older.out


def test_metadata(specc: Specc) -> None:
    put(changed(lambda proto: helper.set_model_props(proto, {"names": "cat\ndog", "specc.version": "1"})), "one.onnx")
    put(changed(lambda proto: helper.set_model_props(proto, {"names": "dog\ncat", "specc.version": "2"})), "two.onnx")
    said = difference(specc, "one.onnx", "two.onnx")
    assert "file       what runs or reads it may break: metadata\n" in said
    assert "metadata  names          cat\\ndog -> dog\\ncat: a program that reads it gets something else\n" in said
    assert "metadata  specc.version  1 -> 2\n" in said
    assert specc("diff", "one.onnx", "two.onnx", "--fail-on", "file").code == 1
    assert specc("diff", "old.onnx", "two.onnx", "--fail-on", "file").code == 0
    assert specc("diff", "two.onnx", "old.onnx", "--fail-on", "file").code == 1


def halved(proto: ModelProto) -> None:
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for port in (*proto.graph.input, *proto.graph.output):
        port.type.tensor_type.elem_type = TensorProto.FLOAT16


def test_precision(specc: Specc) -> None:
    put(changed(halved))
    said = difference(specc, "old.onnx", "new.onnx")
    assert "  input type   x  float32 -> float16: a caller must give float16\n" in said
    assert "  output type  y  float32 -> float16: a caller gets float16\n" in said
    assert "graph      the same\n" in said
    assert "numbers    those of 4 of 4 tensors are rounded to float16 on one side, and are the same otherwise\n" in said
    assert "  precision    float32 -> float16: results are rounded otherwise\n" in said
    assert "rounded to float16 on one side" in difference(specc, "new.onnx", "old.onnx")


def test_weights_beside_the_file(specc: Specc) -> None:
    put(network(), save_as_external_data=True, location="new.data", size_threshold=0)
    said = difference(specc, "old.onnx", "new.onnx")
    assert "numbers    the same\nfile       what runs or reads it may break: files beside it\n" in said
    assert "weights in  new.data  none -> beside it: has to lie beside the file\n" in said
    Path("new.data").unlink()
    said = difference(specc, "old.onnx", "new.onnx")
    assert said.startswith(
        "interface  the same\nweights    not compared\ngraph      not compared:\n"
        "  features.0.weight and other weights of new.onnx are in new.data, which is not beside it\n"
        "cost       not compared\nnumbers    not compared\n"
    )
    assert "weights in  new.data  none -> missing: without it the file cannot be run\n" in said


def test_what_cannot_be_read_as_a_network(specc: Specc) -> None:
    """Every node by name; the interface as the files declare it, and all else fails that is asked for."""

    def unknown(proto: ModelProto) -> None:
        proto.graph.node[1].op_type, proto.graph.node[1].domain = "Mystery", "my"
        proto.graph.node[2].op_type, proto.graph.node[2].domain = "Riddle", "my"
        proto.opset_import.append(helper.make_opsetid("my", 1))

    for shape, code in ((("N", 3, 8, 8), 0), (("N", 3, "H", 8), 0), (("N", 1, 8, 8), 1), ((2, 3, 8, 8), 1)):
        proto = network(shape=shape)
        unknown(proto)
        put(proto)
        assert specc("diff", "old.onnx", "new.onnx", "--fail-on", "interface").code == code
        for section in ("weights", "graph", "cost", "numbers"):
            assert specc("diff", "old.onnx", "new.onnx", "--fail-on", section).code == 1
    said = difference(specc, "old.onnx", "new.onnx")
    assert "  input  x  [N, 3, 8, 8] -> [2, 3, 8, 8]: takes less than before\n" in said
    assert (
        "graph      not compared:\n  new.onnx cannot be imported: of 1 node\n"
        "  node 1 b_node (Mystery): specc imports no Mystery of my\n"
    ) in said
    assert "opset  my  none -> 1: a runtime must know its operators\n" in said
    value = json.loads(specc("diff", "old.onnx", "new.onnx", "--format", "json").out)
    compared = value["files"][0]["models"][0]
    assert compared["breaking"] == dict.fromkeys(SECTIONS, True)
    assert compared["unread"][0]["reasons"][1] == "node 1 b_node (Mystery): specc imports no Mystery of my"
    assert {"weights", "graph", "cost", "numbers"}.isdisjoint(compared)
    assert "🔸 graph | not compared" in specc("diff", "old.onnx", "new.onnx", "--format", "markdown").out


def test_the_same_network_in_other_nodes(specc: Specc) -> None:
    nodes = [
        node("Identity", "x", "x2"),
        node("Conv", "x2 features.0.weight features.0.bias", "a", auto_pad="NOTSET", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Clip", "a zero", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        node("Dropout", "c", "c2"),
        node("Reshape", "c2 rows", "d"),
        node("Transpose", "fc.weight", "t", perm=[1, 0]),
        node("MatMul", "d t", "e"),
        node("Add", "fc.bias e", "y"),
    ]
    stored = [numpy_helper.from_array(numbers, name) for name, numbers in WEIGHTS.items()]
    nodes = [*(helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in stored), *nodes]
    put(model(nodes, ["N", 3, 8, 8], {"zero": 0.0, "rows": np.array([0, -1])}))
    done = specc("diff", "old.onnx", "new.onnx", "--fail-on", "interface,weights,graph,cost,numbers")
    assert done.code == 0
    assert done.out.partition("\n")[2].startswith(f"{SAME}numbers    the same\n")


SPEC = """\
model Net(classes = 5) : [N, 3, H, W] -> (y: [N, classes]) where H % 4 == 0, W % 4 == 0, W >= 8 {
  stem: conv(4, 3, stride=2, padding=1) -> bn(momentum=0.2) -> relu -> dropout(0.1)
  maxpool(2, ceil_mode=true) -> dropout -> scale(init=0.5)
  edge: conv(4, [1, 2], groups=4, bias=false, weight=[[1, -1]], frozen=true)
  globalavgpool -> flatten -> fc(classes)
}
"""


def test_a_spec_and_its_file(specc: Specc) -> None:
    """What only training needs is no difference; numbers that the spec fixes are compared."""
    Path("net.cnn").write_text(SPEC, encoding="utf-8")
    library.load("net.cnn").to_onnx("net.onnx", verify=False)
    for names in (("net.cnn", "net.onnx"), ("net.onnx", "net.cnn")):
        assert difference(specc, *names) == "nothing has changed\n"
    Path("net.cnn").write_text(
        SPEC.replace("dropout(0.1)", "relu6").replace("[[1, -1]]", "[[1, -2]]"), encoding="utf-8"
    )
    said = difference(specc, "net.cnn", "net.onnx")
    assert "graph      1 step removed\n  removed  relu61  relu6\n" in said
    assert "numbers    1 of 1 tensor has others, by 1 at most in edge.weight\n" in said
    assert specc("diff", "net.cnn", "net.onnx", "--fail-on", "numbers").code == 1
    said = specc("diff", "net.onnx", "net.cnn", "--set", "classes=7").out
    assert "output  y  [N, 5] -> [N, 7]: a caller gets another shape" in said


def test_which_model_of_a_spec(specc: Specc) -> None:
    two = "model One : [N, 2] -> [N, 3] { fc(3) }\nmodel Two : [N, 2] -> [N, 3] { fc(3) -> relu }\n"
    Path("two.cnn").write_text(two, encoding="utf-8")
    library.load("two.cnn", model="Two").to_onnx("net.onnx", verify=False)
    assert difference(specc, "two.cnn", "net.onnx") == "nothing has changed\n"
    assert "removed  relu1" in difference(specc, "net.onnx", "two.cnn", "--model", "One")
    both = ("--model", "One", "--model", "Two")
    for arguments, message in (
        (("two.cnn", "old.onnx"), "two.cnn has 2 models, and none is called net as the network of the file is: --mod"),
        (("two.cnn", "old.onnx", *both), "--model is given twice, and only two.cnn is a spec"),
        (("old.onnx", "net.onnx", "--model", "One"), "--model is for specs: an ONNX file has one network, as it is"),
        (("old.onnx", "net.onnx", "--set", "a=1"), "--set is for specs"),
        (("two.cnn", "two.cnn", "--fail-on", "numbers"), "--fail-on numbers is for two ONNX files: a spec has no num"),
        (("two.cnn", "net.onnx", "--fail-on", "numbers"), "--fail-on numbers is for two ONNX files"),
        (("two.cnn", "two.cnn", "--fail-on", "file"), "--fail-on file is for ONNX files"),
    ):
        done = specc("diff", *arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"error: {message}")


def test_what_is_no_onnx_file(specc: Specc) -> None:
    Path("cut.onnx").write_bytes(Path("old.onnx").read_bytes()[:-50])
    Path("text.onnx").write_text("model M : [N, 2] { relu }", encoding="utf-8")
    Path("folder.onnx").mkdir()
    for name, message in (
        ("cut.onnx", "cut.onnx is no ONNX file, or is cut short"),
        ("text.onnx", "text.onnx is no ONNX file"),
        ("folder.onnx", "folder.onnx cannot be read: "),
        ("none.onnx", "none.onnx cannot be read: "),
    ):
        for names in (("old.onnx", name), (name, "old.onnx")):
            done = specc("diff", *names)
            assert (done.code, done.out) == (2, "")
            assert done.err.startswith(f"error: {message}")


def test_a_large_file(specc: Specc, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its numbers stay in the file, and are read tensor by tensor."""
    monkeypatch.setattr(lean, "LARGE_FILE", 1)
    monkeypatch.setattr(lean, "LARGE_TENSOR", 16)
    put(network(WEIGHTS | {"fc.weight": WEIGHTS["fc.weight"] * 2}))
    assert "1 of 4 tensors has others" in difference(specc, "old.onnx", "new.onnx")


# ---- against a commit ---------------------------------------------------------------------------------------


@pytest.fixture
def repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    Path("nets").mkdir()
    put(network(), "nets/beside.onnx", save_as_external_data=True, location="beside.data", size_threshold=0)
    Path("pointer.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    Path("cut.onnx").write_bytes(Path("old.onnx").read_bytes()[:-50])
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "first")


@pytest.mark.usefixtures("repository")
def test_against_a_commit(specc: Specc) -> None:
    done = specc("diff", "old.onnx", "--against", "git:main", "--fail-on", "graph,numbers,file")
    assert (done.code, done.out) == (
        0,
        "old.onnx, net\nnothing has changed\n\nnothing has changed since main: 1 file\n",
    )
    put(network(WEIGHTS | {"fc.bias": WEIGHTS["fc.bias"] + 1}), "old.onnx")
    other = {"save_as_external_data": True, "location": "beside.data", "size_threshold": 0}
    Path("nets/beside.data").unlink()
    put(network(WEIGHTS | {"fc.weight": WEIGHTS["fc.weight"] * 2}), "nets/beside.onnx", **other)
    done = specc("diff", "old.onnx", "nets/beside.onnx", "--against", "git:main", "--fail-on", "numbers")
    assert done.code == 1
    assert "old.onnx, net\ninterface  the same\n" in done.out
    assert "numbers    1 of 4 tensors has others, by 1 at most in fc.bias\n" in done.out
    assert "nets/beside.onnx, net\ninterface  the same\n" in done.out
    assert done.out.endswith("\n2 of 2 files have changed since main\n")
    assert not list(Path(tempfile.gettempdir()).glob("specc-*/beside.onnx"))


@pytest.mark.usefixtures("repository")
def test_files_that_are_new_or_gone_or_cannot_be_compared(specc: Specc) -> None:
    put(network(), "new.onnx")
    Path("old.onnx").unlink()
    done = specc("diff", "old.onnx", "new.onnx", "--against", "git:main", "--fail-on", "numbers,file")
    assert done.code == 1
    assert "old.onnx@main, net\ngone\n" in done.out
    assert "new.onnx, net\nnew\n" in done.out
    assert specc("diff", "new.onnx", "--against", "git:main", "--fail-on", "interface,numbers,file").code == 0
    for name, reason in (
        ("pointer.onnx", "pointer.onnx@main is a pointer of Git LFS, and what it points to is not in the repository"),
        ("cut.onnx", "cut.onnx@main is no ONNX file, or is cut short"),
    ):
        put(network(), name)
        done = specc("diff", name, "--against", "git:main")
        assert done.code == 0
        assert f"{name}\ncannot be compared: {reason}\n" in done.out
        assert specc("diff", name, "--against", "git:main", "--fail-on", "file").code == 1
    done = specc("diff", "nowhere.onnx", "--against", "git:main")
    assert (done.code, done.err) == (2, "error: nowhere.onnx: there is no such file, now or in main\n")
