"""What specc writes, on other releases of ONNX Runtime: does it load, is it right, and is the table of releases?

    python benchmarks/runtimes.py [1.17.3 1.20.1 …] [--web 1.20.1 …] [--networks 12] [--seed 0] [--keep FOLDER]

Makes an environment for each release with pip (for onnxruntime-web with npm), and runs there what specc writes: every
operator alone, random networks, the zoo at an eighth of its width, as one graph and with functions, at opset 18 and at
the newest that the release reads, on all inputs of `specc verify`, without and with graph optimisation. It is judged as
`specc verify` judges. The onnxruntime that is installed here always runs too.

Then the claims of `specc.backends.onnx.runtimes` and of docs/semantics.md: the newest opset and IR version load and the
next do not, and each defect in `DEFECTS` shows in the releases that are said to have it, and in no other.

Exits with 1 where anything is otherwise. A release needs a wheel for this Python; those of the table have one for
Python 3.11 on x86-64 Linux.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from parity import STEPS, networks
from specs import narrow

from specc.backends import onnx as backend
from specc.backends.onnx.runtimes import NEWEST_IR, TESTED, Release
from specc.backends.torch import torch_module
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.ir.graph import Graph
from specc.source import Source
from specc.syntax import parse
from specc.verify.cases import Case, cases
from specc.verify.network_proof import judge
from specc.verify.reference import Expected, expectations
from specc.weights import Randomised

BYTES = """
block unit(c) { conv(c, 3, padding=1) -> relu }
model Bytes : (image: uint8 [N, H, W, 3], mask: uint8 [N, 1, H, W]) -> (scores: [N, 4], raw)
    where H >= 2, W >= 2 {
  image -> permute(0, 3, 1, 2) -> standardize([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]) -> unit(4)
  mul { | _ | mask -> affine(1 / 255) } -> globalavgpool -> scores: flatten
  mask -> raw: maxpool(2)
}
"""

HERE = Path(__file__).resolve().parent
DEFAULT = ("1.17.3", "1.20.1")
WEIGHTS = Randomised(0)

CORNERS = (
    "maxpool(2, stride=1, padding=1, dilation=5)", "maxpool([2, 3], dilation=[3, 1], padding=1)", "lrn(2)", "lrn(5)",
    "permute(0, 2, 3, 1) -> upsample(size=[5, 1]) -> layernorm", "layernorm(eps=1e-6, bias=false)", "groupnorm(1)",
    "avgpool([3, 1], stride=1, padding=[1, 0])", "avgpool(3, stride=2, padding=1, ceil_mode=true)",
    'pad([1, 2, 2, 1], mode="circular")', 'conv(4, 4, padding="same", padding_mode="replicate")',
    'upsample(size=[7, 5], mode="bilinear", align_corners=true)', "adaptiveavgpool([3, 2])", "lppool(3, 2)",
    "maxpool(3, 2) -> upsample(like=in)", "globalavgpool -> upsample(like=in)",
    *(f'maxpool(3, 2) -> upsample(like=in, mode="{mode}", align_corners={aligned})'
      for mode in ("bilinear", "bicubic") for aligned in ("false", "true")),
    *(f'conv(4, 3) -> maxpool(2) -> upsample(scale_factor=2) -> pad(like=in, mode="{mode}")'
      for mode in ("constant", "reflect", "replicate", "circular")),
    "maxpool(2) -> upsample(scale_factor=3) -> crop(like=in)", "upsample(scale_factor=2) -> crop(like=in, offset=3)",
)  # fmt: skip
"""Steps whose lowering goes round something that some releases do wrongly."""

FIXED, SYMBOLIC = "[N, 4, 8, 6]", "[N, 4, H, W] where H >= 8, W >= 8"

ZOO = (
    "AlexNet", "Clips", "DenseNet121", "GoogLeNet", "MNASNet1_0", "MobileNetV2", "ResNet18", "Rhythm", "SqueezeNet1_1",
    "UNet", "VGG11",
)  # fmt: skip
"""One network of each file."""


# ---- what is run -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    case: Case
    inputs: dict[str, np.ndarray]
    expected: tuple[Expected, ...]


@dataclass(frozen=True)
class Subject:
    """A network, and what it should give."""

    name: str
    graph: Graph
    trials: tuple[Trial, ...]

    def written(self, opset: int, functions: bool) -> bytes:
        file = BytesIO()
        backend.write(self.graph, WEIGHTS, file, opset=opset, functions=functions)
        return file.getvalue()


def subjects(count: int, seed: int) -> Iterator[Subject]:
    for text in (*STEPS, *CORNERS):
        yield subject(text, step(text.format(c=4, k=3, p=1, f=5)))
    yield subject("bytes", graph_of(BYTES))
    for place, network in enumerate(networks(count, seed)):
        yield subject(f"random network {place}", network.graph)
    zoo = dict(narrow(1))
    for name in ZOO:
        yield subject(name, graph_of(zoo[name]))


def step(text: str) -> Graph:
    """The network of one step, at symbolic sizes where the step allows them."""
    try:
        return graph_of(f"model M : {SYMBOLIC} {{ {text} }}")
    except SpecError:
        return graph_of(f"model M : {FIXED} {{ {text} }}")


def graph_of(text: str) -> Graph:
    (checked,) = check_file(parse(Source("network.cnn", text)))
    return checked.graph


def subject(name: str, graph: Graph) -> Subject:
    tried = cases(graph)
    inputs = [case.inputs(graph, 0) for case in tried]
    expected = expectations(torch_module(graph, WEIGHTS), inputs)
    return Subject(name, graph, tuple(map(Trial, tried, inputs, expected)))


# ---- defects -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Defect:
    """Something that releases do wrongly, and that no file of specc relies on.

    Attributes:
        releases: first and last that has it, as tried.
        node: the plain lowering.
        right: what PyTorch gives.
        weights: the node's further inputs.
    """

    name: str
    releases: tuple[str, str]
    node: onnx.NodeProto
    given: np.ndarray
    right: np.ndarray
    opset: int = 18
    weights: tuple[np.ndarray, ...] = ()

    def model(self) -> bytes:
        graph = helper.make_graph(
            [self.node],
            "defect",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, self.given.shape)],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
            [numpy_helper.from_array(w, f"w{place}") for place, w in enumerate(self.weights)],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        return bytes(helper.make_model(graph, ir_version=8, opset_imports=opsets).SerializeToString())

    def shows_in(self, version: str) -> bool:
        first, last = self.releases
        return numbers(first) <= numbers(version) <= numbers(last)


def node(kind: str, *more: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, ["x", *more], ["y"], **attributes)


def filled(value: float, *shape: int) -> np.ndarray:
    return np.full(shape, value, np.float32)


DEFECTS = (
    Defect(
        "MaxPool of a dilated window over nothing but -inf gives the lowest float",
        ("1.15.0", "1.28.0"),
        node("MaxPool", kernel_shape=[2], dilations=[2]),
        filled(-np.inf, 1, 1, 4),
        filled(-np.inf, 1, 1, 2),
    ),
    Defect(
        "AveragePool counts the padding of one axis of two wrongly, from opset 19 on",
        ("1.21.0", "1.24.4"),
        node("AveragePool", kernel_shape=[3, 1], pads=[1, 0, 1, 0], count_include_pad=1),
        filled(3, 1, 1, 4, 2),
        np.array([2, 2, 3, 3, 3, 3, 2, 2], np.float32).reshape(1, 1, 4, 2),
        opset=19,
    ),
    Defect(
        "AveragePool with ceil_mode takes what it adds for padding that counts, before opset 19",
        ("1.15.0", "1.28.0"),
        node("AveragePool", kernel_shape=[2], strides=[2], ceil_mode=1, count_include_pad=1),
        filled(1, 1, 1, 5),
        filled(1, 1, 1, 3),
    ),
    Defect(
        "MaxPool with ceil_mode has a window more, which starts in the padding",
        ("1.15.0", "1.20.1"),
        node("MaxPool", kernel_shape=[3], strides=[4], pads=[1, 1], ceil_mode=1),
        filled(1, 1, 1, 6),
        filled(1, 1, 1, 2),
    ),
    Defect(
        "LayerNormalization refuses to normalise one element",
        ("1.21.0", "1.23.2"),
        node("LayerNormalization", "w0"),
        filled(3, 2, 1),
        filled(0, 2, 1),
        weights=(filled(1, 1),),
    ),
    Defect(
        "LayerNormalization of equal numbers far from 0 gives NaN",
        ("1.15.0", "1.26.0"),
        node("LayerNormalization", "w0"),
        filled(1000.1, 2, 64),
        filled(0, 2, 64),
        weights=(filled(1, 64),),
    ),
)


# ---- environments ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A release and how to run something in it."""

    runtime: str
    release: Release
    command: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.runtime} {self.release.version}"

    @property
    def opset(self) -> int:
        """The newest that it reads and specc writes."""
        return min(self.release.opset, backend.NEWEST_OPSET)

    def run(self, plan: Path) -> dict[str, Any]:
        results = plan.with_suffix(".results")
        results.mkdir()
        runner, *arguments = self.command
        done = subprocess.run(
            [runner, *arguments[:1], plan, results, *arguments[1:]], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{self.name} ended with {done.returncode}: {done.stderr[-2000:]}")
        return {"folder": results} | json.loads((results / "results.json").read_text())


def places(versions: Sequence[str], web: Sequence[str] | None, scratch: Path) -> Iterator[Place]:
    for version in versions:
        yield Place(
            "onnxruntime", release("onnxruntime", version), (*python(version, scratch), str(HERE / "runner.py"))
        )
    if web is not None and not shutil.which("npm"):
        print("onnxruntime-web: skipped, since there is no node and npm here")
        return
    for version in web or ():
        modules = npm(version, scratch)
        command = ("node", str(HERE / "runner.mjs"), str(modules))
        yield Place("onnxruntime-web", release("onnxruntime-web", version), command)


def release(runtime: str, version: str) -> Release:
    known = next((known for known in TESTED[runtime] if known.version == version), None)
    if known is None:
        raise SystemExit(f"{runtime} {version} is not in the table of specc/backends/onnx/runtimes.py: add it there")
    return known


def installed() -> str:
    import onnxruntime

    return str(onnxruntime.__version__)


def python(version: str, scratch: Path) -> tuple[str]:
    """An interpreter with that onnxruntime; this one where it is installed here."""
    if version == installed():
        return (sys.executable,)
    folder = scratch / f"onnxruntime-{version}"
    interpreter = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (folder / "complete").exists():
        # Built against NumPy 1 before 1.19; what else it lists as needed is for its tools.
        numpy = "numpy<2" if numbers(version) < (1, 19) else "numpy"
        quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        call([sys.executable, "-m", "venv", folder])
        call([interpreter, *quiet, "--no-deps", f"onnxruntime=={version}"])
        call([interpreter, *quiet, numpy])
        (folder / "complete").touch()
    return (str(interpreter),)


def npm(version: str, scratch: Path) -> Path:
    """A folder whose node_modules has that onnxruntime-web."""
    folder = scratch / f"onnxruntime-web-{version}"
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        call([*install, f"onnxruntime-web@{version}"], cwd=folder)
        (folder / "complete").touch()
    return folder


def call(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr[-2000:]}")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


# ---- the checks --------------------------------------------------------------------------------------


class Folder:
    """The models and inputs, written once for all releases."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def entry(
        self, name: str, model: bytes, cases: Sequence[Mapping[str, np.ndarray]] = (), variant: object = ""
    ) -> dict[str, Any]:
        """What a plan says of a model; other variants of ``name`` have the same cases."""
        file = f"{name} {variant}.onnx"
        (self.path / file).write_bytes(model)
        stored = [
            {port: self._input(f"{name}.{i}.{port}", value) for port, value in case.items()}
            for i, case in enumerate(cases)
        ]
        return {"file": file, "cases": stored}

    def _input(self, name: str, value: np.ndarray) -> dict[str, Any]:
        file = self.path / f"{name}.{value.dtype}"
        if not file.exists():
            value.astype(value.dtype.newbyteorder("<")).tofile(file)
        return {"shape": value.shape, "type": str(value.dtype), "data": file.name}

    def run(self, place: Place, what: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        plan = self.path / f"{what} {place.name}.json"
        plan.write_text(json.dumps(entries))
        return place.run(plan)


def values(found: dict[str, Any], case: Any) -> list[np.ndarray]:
    def stored(value: dict[str, Any]) -> np.ndarray:
        return np.fromfile(found["folder"] / value["data"], "<f4").reshape(value["shape"])

    return [stored(value) for value in case]


@dataclass(frozen=True)
class Written:
    """A file, as plans list it."""

    subject: Subject
    opset: int
    functions: bool
    entry: dict[str, Any]

    def suits(self, place: Place) -> bool:
        return self.opset in (backend.DEFAULT_OPSET, place.opset) and self.functions <= place.release.functions


def judged(place: Place, folder: Folder, files: list[Written]) -> Iterator[str]:
    """What is wrong in ``place``."""
    suited = [file for file in files if file.suits(place)]
    found = folder.run(place, "networks", [file.entry for file in suited])
    if found["version"] != place.release.version:
        yield f"{place.name} says that it is {found['version']}"
    for file, both in zip(suited, found["models"], strict=True):
        for optimised, outcome in enumerate(both):
            faults = list(faults_of(file.subject, found, outcome, bool(optimised)))
            if faults:
                how = f"opset {file.opset}{' with functions' * file.functions}{', optimised' * optimised}"
                print(f"  {file.subject.name}, {how}: {faults[0]}")
            yield from faults
    print(f"{place.name}: {2 * len(suited)} runs of {len({file.subject.name for file in suited})} networks")


def faults_of(one: Subject, found: dict[str, Any], outcome: dict[str, Any], optimised: bool) -> Iterator[str]:
    if "refused" in outcome:
        yield f"does not load: {outcome['refused']}"
        return
    names = [port.name for port, _ in one.graph.outputs]
    usual = [median(t.expected[i].error(t.expected[i].single) for t in one.trials) for i in range(len(names))]
    for trial, case in zip(one.trials, outcome["cases"], strict=True):
        if isinstance(case, str):
            yield f"does not run: {case}"
            continue
        results = values(found, case)
        row = judge(trial.case, optimised, outputs=names, results=results, expected=trial.expected, usual=usual)
        if not row.passed:
            yield f"{trial.case.title}: {row.reason}"


def limits(place: Place, folder: Folder) -> Iterator[str]:
    """What contradicts the table of `targets`."""
    newest, ir = place.release.opset, NEWEST_IR[place.release.opset]
    claims = [(f"opset {newest}", newest, 8, True), (f"opset {newest + 1}", newest + 1, 8, False)]
    claims += [(f"IR {ir}", 18, ir, True), (f"IR {ir + 1}", 18, ir + 1, False)]
    models = [folder.entry(f"probe {opset} {ir}", probe(opset, ir)) for _, opset, ir, _ in claims]
    found = folder.run(place, "limits", models)
    for (what, _, _, loads), both in zip(claims, found["models"], strict=True):
        if any(("refused" not in outcome) != loads for outcome in both):
            yield f"{what} {'does not load' if loads else 'loads'}"


def functions(place: Place, folder: Folder, files: list[Written]) -> Iterator[str]:
    """Where functions are refused, some file that has them does not load."""
    if place.release.functions:
        return
    found = folder.run(place, "functions", [file.entry for file in files if file.functions])
    if not any("refused" in outcome for both in found["models"] for outcome in both):
        yield "every file with functions loads"


def probe(opset: int, ir: int) -> bytes:
    """A pool, an identity and a change of shape: each came anew with some opset, its kernel not always at once."""
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, 4]) for name in ("x", "y")]
    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("AveragePool", ["same"], ["mean"], kernel_shape=[1]),
        helper.make_node("Reshape", ["mean", "shape"], ["y"]),
    ]
    shape = numpy_helper.from_array(np.array([1, 1, 4]), "shape")
    graph = helper.make_graph(nodes, "probe", ends[:1], ends[1:], [shape])
    model = helper.make_model(graph, ir_version=ir, opset_imports=[helper.make_opsetid("", opset)])
    return bytes(model.SerializeToString())


def defects(place: Place, folder: Folder) -> Iterator[str]:
    """Which of `DEFECTS` show where they should not, or do not where they should."""
    tried = [defect for defect in DEFECTS if defect.opset <= place.release.opset]
    entries = [folder.entry(f"defect {DEFECTS.index(d)}", d.model(), [{"x": d.given}]) for d in tried]
    found = folder.run(place, "defects", entries)
    for defect, both in zip(tried, found["models"], strict=True):
        shows = not all(is_right(defect, found, outcome) for outcome in both)
        if shows != defect.shows_in(place.release.version):
            yield f"{defect.name}: {'shows' if shows else 'does not show'}"


def is_right(defect: Defect, found: dict[str, Any], outcome: dict[str, Any]) -> bool:
    if "refused" in outcome or isinstance(outcome["cases"][0], str):
        return False
    (value,) = values(found, outcome["cases"][0])
    return value.shape == defect.right.shape and np.allclose(value, defect.right, rtol=1e-5, atol=1e-5)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("versions", nargs="*", default=DEFAULT)
    arguments.add_argument("--web", nargs="*", metavar="VERSION", help="releases of onnxruntime-web too")
    arguments.add_argument("--networks", type=int, default=12)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--keep", type=Path, help="make the environments here, and keep them for the next time")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="specc-") as temporary:
        scratch = Path(temporary)
        home = options.keep.resolve() if options.keep else scratch
        tried = list(places((*options.versions, installed()), options.web, home))
        folder = Folder(scratch / "files")
        entries = [*written(options, folder, {18, *(place.opset for place in tried)})]
        faults = [fault for place in tried for fault in of(place, folder, entries)]
    sys.exit(bool(faults))


def written(options: argparse.Namespace, folder: Folder, opsets: set[int]) -> Iterator[Written]:
    for number, one in enumerate(subjects(options.networks, options.seed)):
        inputs = [trial.inputs for trial in one.trials]
        variants = [(opset, False) for opset in sorted(opsets)]
        if one.graph.members != one.graph.nodes:
            variants.append((backend.DEFAULT_OPSET, True))
        for opset, functions in variants:
            model = one.written(opset, functions)
            yield Written(one, opset, functions, folder.entry(str(number), model, inputs, (opset, functions)))


def of(place: Place, folder: Folder, files: list[Written]) -> list[str]:
    claims = [*limits(place, folder), *functions(place, folder, files), *defects(place, folder)]
    for claim in claims:
        print(f"  {place.name}: {claim}, other than specc says")
    return [*judged(place, folder, files), *claims]


if __name__ == "__main__":
    main()
