"""Everything that is measured, in one run: `make bench`.

    python -m benchmarks.bench [--quick] [--rounds N] [--only PART ...] [--anew] [--publish] [--into build/bench]

A run is made of parts (``check``, ``compile/LeNet``, ``latency/ResNet18`` …), each kept in a file as soon as it is
measured: a run that was interrupted goes on behind the last one, for as long as specc, the programs here and the
packages are the same. At the end stand results.json, table.md and the plots. --publish puts them into docs/promises.md
and docs/benchmarks.md, too. --quick measures LeNet alone, once.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx

from benchmarks import latency, speed, tables
from benchmarks.exports import PEERS, SPECC, export, write_module
from benchmarks.processes import ROOT, Cost, Spread, in_turn, ratios
from benchmarks.proofs import NETWORKS

FORMAT = 1
"""Of the results: counted on where a reader of them must change."""
PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "numpy", "nnef", "keras", "torchinfo", "spox", "matplotlib")
PEER_SCRIPTS = {"nnef": "nnef", "Keras": "keras", "torchinfo": "torchinfo"}
"""What reads or builds a LeNet and counts: the name in the table, and the package and its program in peers."""
GROWING = "check,show,compile .onnx,parameters,files"
"""What is measured of growth."""
LONG = {"ResNet50", "DenseNet121", "VGG16", "ResNet152", "DenseNet201"}
"""Measured once: a round takes minutes."""


@dataclass(frozen=True)
class Row:
    """What one tool cost for one network.

    Attributes:
        beside: with which of specc's commands it is compared, in the same rounds.
        ratio: specc's part of its processor time.
        size: bytes of all files written.
        nodes: of the ONNX file.
    """

    what: str
    network: str
    tool: str
    processor: Spread
    wall: Spread
    memory: int
    beside: str = ""
    ratio: Spread | None = None
    size: int | None = None
    nodes: int | None = None


def row(what: str, network: str, tool: str, costs: dict[str, list[Cost]], beside: str, file: Path | None = None) -> Row:
    own = costs[tool]
    files = [*file.parent.glob(f"{file.stem}.*")] if file else []
    return Row(
        what,
        network,
        tool,
        Spread.of(each.processor for each in own),
        Spread.of(each.wall for each in own),
        max(each.memory for each in own),
        beside,
        ratios(costs[beside], own) if beside != tool else None,
        sum(path.stat().st_size for path in files if path.suffix in (".onnx", ".data")) if file else None,
        len(onnx.load(file, load_external_data=False).graph.node) if file else None,
    )


def missing(package: str) -> bool:
    return find_spec(package) is None


def check(rounds: int) -> list[Row]:
    """A LeNet: read and checked, beside what reads or builds one elsewhere."""
    commands = {
        "specc": [*SPECC, "check", "--no-cache", "examples/lenet.cnn"],
        "import torch": [sys.executable, "-c", "import torch"],
    }
    for tool, package in PEER_SCRIPTS.items():
        if not missing(package):
            commands[tool] = [sys.executable, str(PEERS / f"{package}_lenet.py")]
    costs = in_turn(commands, rounds)
    return [row("check", "LeNet", tool, costs, "specc") for tool in commands]


def compile_network(name: str, rounds: int) -> list[Row]:
    """A network as ONNX, by specc with and without its proof, and by the others."""
    network, _ = NETWORKS[name]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        facts = write_module(network, folder)
        files = {tool: folder / f"{place}.onnx" for place, tool in enumerate(PAIRS)}
        commands = {
            "specc --no-verify": network.compile(files["specc --no-verify"], "--no-verify"),
            "specc": network.compile(files["specc"]),
            "TorchScript": export(facts, files["TorchScript"], "script"),
        }
        if not missing("onnxscript"):
            commands["dynamo"] = export(facts, files["dynamo"], "dynamo")
            commands["dynamo, verify"] = export(facts, files["dynamo, verify"], "dynamo", "--verify")
        if name == "LeNet" and not missing("spox"):
            commands["spox"] = [sys.executable, str(PEERS / "spox_lenet.py"), str(files["spox"])]
        costs = in_turn(commands, rounds)
        return [row("compile", name, tool, costs, PAIRS[tool], files[tool]) for tool in commands]


PAIRS = {
    "specc": "specc",
    "specc --no-verify": "specc --no-verify",
    "TorchScript": "specc --no-verify",
    "dynamo": "specc --no-verify",
    "dynamo, verify": "specc",
    "spox": "specc --no-verify",
}
"""Beside which of specc's commands each is set: one that tries its file beside one that proves it."""


def promises(rounds: int) -> list[speed.Promise]:
    return [*speed.promises(rounds)]


def growth() -> Any:
    """By steps, parameters and files."""
    command = [sys.executable, "-m", "benchmarks.growth", "--json", "--only", GROWING]
    return json.loads(subprocess.check_output(command, cwd=ROOT))["growth"]


def weights(rounds: int) -> Any:
    """Drawn and written, beside NumPy."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "weights.json")
        command = [sys.executable, "-m", "benchmarks.weights", "--rounds", str(rounds), "--json", str(file)]
        subprocess.run(command, cwd=ROOT, check=False)  # 1 where its promise is not kept, which the table shows
        return json.loads(file.read_text("utf-8"))


def parts(quick: bool, rounds: int | None = None) -> dict[str, Callable[[], Any]]:
    """Every part by its name, and how it is measured.

    Args:
        rounds: of every part; those that fit its length if left out.
    """
    if quick:
        few: dict[str, Callable[[], Any]] = {
            "check": partial(check, 2),
            "compile/LeNet": partial(compile_network, "LeNet", 1),
        }
        return few | ({} if missing("onnxscript") else {"latency/LeNet": partial(latency.latencies, "LeNet", 1)})
    found: dict[str, Callable[[], Any]] = {
        "check": partial(check, rounds or 5),
        "promises": partial(promises, rounds or 3),
    }
    for name in NETWORKS:
        found[f"compile/{name}"] = partial(compile_network, name, rounds or (1 if name in LONG else 3))
    if not missing("onnxscript"):
        for name in latency.NETWORKS:
            found[f"latency/{name}"] = partial(latency.latencies, name, rounds or 3)
    programs: dict[str, Callable[[], Any]] = {"weights": partial(weights, rounds or 3), "growth": growth}
    return found | {name: part for name, part in programs.items() if find_spec(f"benchmarks.{name}")}


def fingerprint() -> str:
    """Of all that a measurement depends on: specc, the programs here, the packages."""
    digest = hashlib.sha256(json.dumps([sys.version, versions()]).encode())
    for folder in ("specc", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name in ("tables.py", "plots.py"):
                continue  # how it is shown
            digest.update(path.read_bytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    found = {"Python": platform.python_version()}
    for package in PACKAGES:
        for name in (package, f"{package}-gpu"):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found


def machine() -> dict[str, str]:
    """In the words of a data sheet."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": str(cores), "memory": f"{memory / 2**30:.0f} GiB", "system": platform.system()}


def plain(value: Any) -> Any:
    """As JSON has it; numbers with as many digits as were measured."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return plain(asdict(value)) if is_dataclass(value) and not isinstance(value, type) else value


def measure(wanted: dict[str, Callable[[], Any]], folder: Path, anew: bool) -> Iterator[tuple[str, Any]]:
    """Every part, as it was kept or as it is now."""
    known = fingerprint()
    started = time.monotonic()
    for name, measured in wanted.items():
        file = folder / "parts" / f"{name.replace('/', '-')}.json"
        kept = json.loads(file.read_text("utf-8")) if file.exists() and not anew else {}
        if kept.get("fingerprint") == known:
            print(f"{name}: as measured before", flush=True)
            yield name, kept["part"]
            continue
        print(f"{time.monotonic() - started:6.0f} s  {name} …", flush=True)
        busy = os.getloadavg()[0]
        part = plain(measured())
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps({"fingerprint": known, "load": busy, "part": part}), encoding="utf-8")
        draft.replace(file)
        yield name, part


def busiest(wanted: Iterable[str], folder: Path) -> float:
    """How many processes wanted to run when a part began, at most."""
    files = [folder / "parts" / f"{name.replace('/', '-')}.json" for name in wanted]
    return max(float(json.loads(file.read_text("utf-8"))["load"]) for file in files)


def joined(found: dict[str, Any], load: float = 0) -> dict[str, Any]:
    """The results as they are published: parts of one kind in one list."""
    kinds: dict[str, Any] = {}
    for name, part in found.items():
        kind, _, network = name.partition("/")
        if network:
            kinds.setdefault(kind, []).extend(part)
        else:
            kinds[kind] = part
    absent = [package for package in PACKAGES if missing(package) and package != "matplotlib"]
    about = {"machine": machine(), "load": load, "versions": versions(), "missing": absent}
    return {"format": FORMAT, **about, **kinds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="LeNet alone, once")
    parser.add_argument("--rounds", type=int, help="of every part, instead of those that fit its length")
    parser.add_argument("--only", nargs="+", metavar="PART", help="parts by the beginning of their names")
    parser.add_argument("--anew", action="store_true", help="measure what has been measured, too")
    parser.add_argument("--publish", action="store_true", help="into docs/benchmarks.md and docs/promises.md, too")
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "bench")
    options = parser.parse_args()
    if options.publish and (options.quick or options.only):
        parser.error("--publish takes a whole run")
    wanted = parts(options.quick, options.rounds)
    if options.only:
        wanted = {name: part for name, part in wanted.items() if name.startswith(tuple(options.only))}
    for package in PACKAGES:
        if missing(package):
            print(f"{package} is not installed: left out (requirements-bench.txt has it)")
    compileall.compile_dir(ROOT / "specc", quiet=1)  # as pip leaves an installed package
    found = dict(measure(wanted, options.into, options.anew))
    results = joined(found, busiest(wanted, options.into))
    tables.write(results, options.into)
    if not missing("matplotlib"):
        from benchmarks import plots

        drawn = plots.draw(results, options.into)
        if options.publish:
            for file in drawn:
                if file.suffix == ".svg":
                    shutil.copy(file, tables.PUBLISHED.parent)
    if options.publish:
        tables.publish(results)
    print(tables.long(results, "."))


if __name__ == "__main__":
    main()
