"""The runtimes that a file can be asked to run on. The releases themselves are tried by benchmarks/runtimes.py."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import onnx
import onnxruntime
import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import specc
from specc.api import Model
from specc.backends import onnx as backend
from specc.backends.onnx.runtimes import NEWEST_IR, TESTED, outside, require_readable, require_room, targets
from specc.diagnostics import UsageError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from specc.weights import Randomised

LENET = Path(__file__).parents[2] / "examples" / "lenet.cnn"
OPSETS = range(backend.DEFAULT_OPSET, backend.NEWEST_OPSET + 1)


def names(text: str) -> list[str]:
    """The releases that one requirement means."""
    (target,) = targets([text])
    return [release.version for release in target.releases]


# ---- the table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", TESTED)
def test_releases_stand_in_order_and_read_ever_more(runtime: str) -> None:
    releases = TESTED[runtime]
    versions = [Version(release.version) for release in releases]
    assert versions == sorted(set(versions))
    opsets = [release.opset for release in releases]
    assert opsets == sorted(opsets)


@pytest.mark.parametrize("runtime", TESTED)
def test_every_release_reads_the_default_and_the_ir_of_what_it_reads(runtime: str) -> None:
    """So the default is right for every target, and no file needs another IR version than its opset's."""
    for release in TESTED[runtime]:
        assert release.opset >= backend.DEFAULT_OPSET
        readable = [opset for opset in OPSETS if opset <= release.opset]
        assert max(backend.IR_VERSIONS[opset] for opset in readable) <= NEWEST_IR[release.opset]


def test_the_installed_onnxruntime_is_in_the_table() -> None:
    assert onnxruntime.__version__ in [release.version for release in TESTED["onnxruntime"]]


# ---- requirements ------------------------------------------------------------------------------------


def test_no_version_means_every_tested_release() -> None:
    assert names("onnxruntime") == [release.version for release in TESTED["onnxruntime"]]
    assert names(" ONNXRuntime_Web ") == [release.version for release in TESTED["onnxruntime-web"]]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("onnxruntime==1.20.1", ["1.20.1"]),
        ("onnxruntime == 1.20", ["1.20.0"]),
        ("onnxruntime==1.17.*", ["1.17.0", "1.17.1", "1.17.3"]),
        ("onnxruntime>=1.16.2,<1.17", ["1.16.2", "1.16.3"]),
        ("onnxruntime ~= 1.17.1", ["1.17.1", "1.17.3"]),
        ("onnxruntime>1.30,<=1.31", ["1.31.0"]),
        ("onnxruntime>=1.15,<1.16,!=1.15.0", ["1.15.1"]),
        ("onnxruntime>=1.10,>=1.16,<1.17", ["1.16.0", "1.16.1", "1.16.2", "1.16.3"]),
        ("onnxruntime<1.16.1,==1.16.*", ["1.16.0"]),
        ("onnxruntime-web~=1.29", ["1.29.0", "1.30.0"]),
    ],
)
def test_clauses(text: str, meant: list[str]) -> None:
    assert names(text) == meant


def random_clauses(draw: random.Random) -> list[str]:
    versions = [f"1.{minor}{patch}" for minor in range(15, 33) for patch in ("", ".0", ".1", ".3")]
    clauses = []
    for _ in range(draw.randint(1, 3)):
        operator, version = draw.choice(["~=", "==", "!=", "<=", ">=", "<", ">"]), draw.choice(versions)
        wild = ".*" if operator in ("==", "!=") and draw.random() < 0.5 else ""
        clauses.append(operator + version + wild)
    return clauses


def test_clauses_mean_what_pip_means_by_them() -> None:
    draw, empty, early = random.Random(0), 0, 0
    for _ in range(500):
        clauses = random_clauses(draw)
        wanted = SpecifierSet(",".join(clauses))
        expected = [release.version for release in TESTED["onnxruntime"] if wanted.contains(release.version)]
        text = "onnxruntime" + draw.choice([",", " , "]).join(clauses)
        if expected and (wanted.contains("1.14.1") or wanted.contains("1.0")):
            early += 1
            with pytest.raises(UsageError, match="allows releases before"):
                targets([text])
        elif expected:
            assert names(text) == expected, text
        else:
            empty += 1
            with pytest.raises(UsageError, match="allows no release that is tested"):
                targets([text])
    assert 50 < empty < 300
    assert 50 < early < 300


def test_several_are_several_with_commas_or_one_by_one() -> None:
    found = targets(["onnxruntime>=1.16,<1.20,onnxruntime-web", "onnxruntime==1.31.1"])
    assert [str(target) for target in found] == [
        "onnxruntime>=1.16,<1.20 (tested: 1.16.0 to 1.19.2)",
        f"onnxruntime-web (tested: 1.15.0 to {TESTED['onnxruntime-web'][-1].version})",
        "onnxruntime==1.31.1 (tested: 1.31.1)",
    ]
    assert targets([]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ",", ">=1.16", "onnxruntime>=1.16,", "onnxruntime,,onnxruntime-web", "onnxruntime>=",
        "onnxruntime>1.x", "onnxruntime@1.20", "onnxruntime^1.20", "onnxruntime===1.20.1", "onnxruntime>=1.*",
        "onnxruntime~=1", "onnxruntime==1.20.1rc1", "onnxruntime==1.20.1.0", "onnxruntime 1.20", "onnxruntime>=１.16",
        "onnxruntime>=-1",
    ],
)  # fmt: skip
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no list of runtimes and versions: write for example onnxruntime>=1\.16"):
        targets([text])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tensorrt>=8", "tensorrt is not tested: onnxruntime and onnxruntime-web are"),
        ("onnxruntime-gpu", "onnxruntime-gpu is not tested"),
        ("onnxruntime>=1.10", "allows releases before 1.15.0, the oldest that is tested: ask for onnxruntime>=1.15.0"),
        ("onnxruntime~=1.14", "allows releases before 1.15.0"),
        ("onnxruntime>1.14.1,<1.20", "onnxruntime>1.14.1,<1.20 allows releases before 1.15.0"),
        ("onnxruntime<1.20", "before 1.15.0, the oldest that is tested: ask for onnxruntime>=1.15.0,<1.20"),
        ("onnxruntime<2", "ask for onnxruntime>=1.15.0,<2"),
        ("onnxruntime!=1.14", "ask for onnxruntime>=1.15.0"),
        ("onnxruntime!=1.17.0", "ask for onnxruntime>=1.15.0,!=1.17.0"),
        ("onnxruntime==1.*", "ask for onnxruntime>=1.15.0,==1.*"),
        (
            "onnxruntime>=1.18,onnxruntime<1.20",
            "onnxruntime stands twice: write onnxruntime>=1.18,<1.20 for releases that meet both",
        ),
        ("onnxruntime,onnxruntime-web,onnxruntime>=1.18", "stands twice: write onnxruntime>=1.18 for"),
        ("onnxruntime==1.14.1", "allows no release that is tested: the nearest is 1.15.0"),
        ("onnxruntime==1.17.2", "allows no release that is tested: the nearest are 1.17.1 and 1.17.3"),
        ("onnxruntime>=2", "allows no release that is tested: the nearest is "),
        (
            "onnxruntime,onnxruntime-web<1.15",
            "onnxruntime-web<1.15 allows no release that is tested: the nearest is 1.15",
        ),
    ],
)
def test_what_is_not_tested_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        targets([text])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text", ["onnxruntime<1.20", "onnxruntime!=1.14", "onnxruntime~=1.14", "onnxruntime>1.10,!=1.17.0,<1.20"]
)
def test_what_is_asked_for_instead_is_taken(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        targets([text])
    (target,) = targets([str(caught.value).rpartition("ask for ")[2]])
    assert target.releases


def test_the_same_requirement_counts_once() -> None:
    found = targets(["onnxruntime>=1.16", "onnxruntime-web", " ONNXRuntime >= 1.16 "])
    assert [target.text for target in found] == ["onnxruntime>=1.16", "onnxruntime-web"]


def test_the_oldest_release_may_be_named() -> None:
    assert names("onnxruntime>=1.15") == names("onnxruntime")


# ---- opsets ------------------------------------------------------------------------------------------


def test_an_opset_that_some_release_does_not_read_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        require_readable(targets(["onnxruntime>=1.16"]), 21, functions=False)
    assert str(caught.value) == (
        "opset 21 is too new for onnxruntime 1.16.0 to 1.17.3, which onnxruntime>=1.16 allows: "
        "choose an opset up to 19, or ask for onnxruntime>=1.18.0"
    )
    with pytest.raises(UsageError, match=r"opset 20 is too new for onnxruntime-web 1\.16\.3, which"):
        require_readable(targets(["onnxruntime>=1.18", "onnxruntime-web==1.16.3"]), 20, functions=False)


def test_an_opset_that_every_release_reads_is_taken() -> None:
    require_readable(targets(["onnxruntime>=1.18,onnxruntime-web~=1.20"]), 21, functions=True)
    require_readable(targets(["onnxruntime,onnxruntime-web"]), backend.DEFAULT_OPSET, functions=False)


def test_functions_are_refused_where_they_may_not_load() -> None:
    require_readable(targets(["onnxruntime>=1.16", "onnxruntime-web>=1.16"]), 18, functions=True)
    with pytest.raises(UsageError) as caught:
        require_readable(targets(["onnxruntime>=1.16", "onnxruntime-web"]), 18, functions=True)
    assert str(caught.value) == (
        "functions do not always load in onnxruntime-web 1.15.0 to 1.15.1, which onnxruntime-web allows: "
        "leave them out, or ask for onnxruntime-web>=1.16.0"
    )


# ---- what is too large ------------------------------------------------------------------------------

GIB = 2**30


def test_weights_in_a_file_of_their_own_are_refused_for_the_web() -> None:
    """None of four releases runs such a file: three do not load it, and 1.20.1 gives NaN (a network of 2.3 GB)."""
    require_room(targets(["onnxruntime"]), 3 * GIB, GIB, None, beside=True)
    with pytest.raises(UsageError) as caught:
        require_room(targets(["onnxruntime", "onnxruntime-web>=1.20"]), 9 * GIB // 4, GIB, None, beside=True)
    assert str(caught.value) == (
        "the network has 2.25 GiB, which above protobuf's 2 GB go to a file of their own, and onnxruntime-web 1.20.0 "
        f"to {TESTED['onnxruntime-web'][-1].version}, which onnxruntime-web>=1.20 allows, is not shown to run such "
        "files: WebAssembly has 4 GiB for the file, the copies that loading makes of it, and all values"
    )


@pytest.mark.parametrize(
    ("runs_on", "size", "values", "words"),
    [
        ("onnxruntime-web", GIB // 2, GIB, ""),
        ("onnxruntime-web", GIB // 2, None, ""),
        ("onnxruntime-web>=1.17.3", 6 * GIB // 5, GIB, ""),
        ("onnxruntime", 5 * GIB // 4, 9 * GIB, ""),
        (
            "onnxruntime-web",
            6 * GIB // 5,
            GIB,
            "1.15.0 to 1.17.1, which .* allows, is shown to run 921 MiB at most",
        ),
        ("onnxruntime-web", 13 * GIB // 10 - 10**6, GIB, "and all values, or ask for onnxruntime-web>=1.20.1"),
        ("onnxruntime-web~=1.21", 3 * GIB // 2, None, "1.21.0 to .* is shown to run 1.3 GiB at most"),
        (
            "onnxruntime-web",
            GIB // 2,
            4 * GIB,
            "has 512 MiB, and one sample needs 4 GiB at once .* than the 4 GiB",
        ),
    ],
)
def test_what_is_not_shown_to_run_in_the_web_is_refused(
    runs_on: str, size: int, values: int | None, words: str
) -> None:
    if not words:
        require_room(targets([runs_on]), size, GIB // 4, values, beside=False)
        return
    with pytest.raises(UsageError, match=words):
        require_room(targets([runs_on]), size, GIB // 4, values, beside=False)


def test_one_large_tensor_is_refused_for_the_web() -> None:
    """Matrices of 15,600 and of 16,400 a side, in networks that were tried: the first ran, the second did not load."""
    required = targets(["onnxruntime-web>=1.20.1"])
    require_room(required, 1_037_962_497, 4 * 15_600**2, None, beside=False)
    words = (
        r"the network has 1\.07 GiB, 1 GiB of them in one tensor, and loading needs both twice: 4\.13 GiB, and "
        r"onnxruntime-web 1\.20\.1 to .*, which onnxruntime-web>=1\.20\.1 allows, is shown to have room for 3\.75 GiB"
    )
    with pytest.raises(UsageError, match=words):
        require_room(required, 1_143_671_305, 4 * 16_400**2, None, beside=False)


def test_it_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """A network of 2.3 GB: its weights are never drawn, and neither is the limit that decides lowered."""
    (tmp_path / "big.cnn").write_text(
        "model Big : [N, 12000] { fc(12000) -> relu -> fc(12000) -> relu -> fc(12000) -> relu -> fc(12000) }"
    )
    model = specc.load(tmp_path / "big.cnn")
    with pytest.raises(UsageError, match=r"the network has 2\.15 GiB, which above protobuf's 2 GB go to a file"):
        model.to_onnx(tmp_path / "big.onnx", runs_on="onnxruntime-web", verify=False)
    assert [path.name for path in tmp_path.iterdir()] == ["big.cnn"]


# ---- where the proof ran -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs_on", "installed", "named"),
    [
        ("onnxruntime>=1.16", "1.31.1", None),
        ("onnxruntime>=1.16", "1.99.0", None),  # asked for, though not in the table: the proof ran there
        ("onnxruntime>=1.16", "1.32.0.dev20260101+cu12", None),
        ("onnxruntime==1.20.1", "1.31.1", "onnxruntime==1.20.1 (tested: 1.20.1)"),
        ("onnxruntime,onnxruntime-web==1.20.1", "1.31.1", "onnxruntime-web==1.20.1 (tested: 1.20.1)"),
    ],
)
def test_a_proof_elsewhere_is_noted(runs_on: str, installed: str, named: str | None) -> None:
    note = outside(targets([runs_on]), installed)
    assert note == (None if named is None else f"proven in onnxruntime {installed}, not in what was asked for: {named}")


def test_the_api(tmp_path: Path) -> None:
    model = specc.load(LENET)
    parity = model.to_onnx(tmp_path / "a.onnx", runs_on="onnxruntime>=1.16")
    assert parity is not None
    assert not [note for note in parity.notes if "asked for" in note]
    parity = model.to_onnx(tmp_path / "b.onnx", runs_on=["onnxruntime", "onnxruntime-web==1.20.1"])
    assert parity is not None
    assert [note for note in parity.notes if "asked for: onnxruntime-web==1.20.1" in note]
    a, b = (onnx.load(tmp_path / name) for name in ("a.onnx", "b.onnx"))
    asked = [entry.value for file in (a, b) for entry in file.metadata_props if entry.key == "specc.runs_on"]
    assert asked == ["onnxruntime>=1.16", "onnxruntime, onnxruntime-web==1.20.1"]
    for file in (a, b):
        del file.metadata_props[:]
    assert a == b
    for wrong in (
        {"runs_on": "onnxruntime", "opset": 21},
        {"runs_on": "onnxruntime", "functions": True},
        {"runs_on": "onnxruntime>=9"},
        {"runs_on": ""},
    ):
        with pytest.raises(UsageError):
            model.to_onnx(tmp_path / "c.onnx", verify=False, **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "c.onnx").exists()


# ---- what releases do wrongly is not written ---------------------------------------------------------

CORNERS = {
    "lrn(2)": "[N, 4, H, W]",
    "lrn(5)": "[N, 4, 8, 6]",
    "avgpool(3, stride=2, padding=1, ceil_mode=true)": "[N, 4, 8, 6]",
    "avgpool([3, 1], stride=1, padding=[1, 0])": "[N, 4, H, W] where H >= 8",
    "maxpool(3, stride=4, padding=1, ceil_mode=true)": "[N, 4, 6, 6]",
    "maxpool(2, stride=1, padding=1, dilation=2)": "[N, 4, 1, 1]",
    "layernorm": "[N, 4, 3, 1]",
    "layernorm(elementwise_affine=false)": "[N, 4, 3, 2]",
    "adaptiveavgpool([3, 2])": "[N, 4, 7, 5]",
    "lppool(2, 3, ceil_mode=true)": "[N, 4, 8, 8]",
}


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(("steps", "shape"), CORNERS.items())
def test_no_file_relies_on_what_releases_do_wrongly(steps: str, shape: str, opset: int) -> None:
    """The defects of docs/semantics.md, which benchmarks/runtimes.py shows in those releases."""
    (checked,) = check_file(parse(Source("m.cnn", f"model M : {shape} {{ {steps} }}")))
    file = BytesIO()
    backend.write(Model(checked).graph, Randomised(0), file, opset=opset)
    graph = onnx.load_from_string(file.getvalue()).graph
    sizes = {tensor.name: tensor.dims for tensor in graph.initializer}
    for node in graph.node:
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        assert not given.get("ceil_mode")
        assert not given.get("count_include_pad")
        assert max(given.get("dilations", [1])) == 1
        assert node.op_type != "LayerNormalization" or list(sizes[node.input[1]]) != [1]
