"""The results of a benchmark as plots, SVG and PNG; needs matplotlib.

python -m benchmarks.plots [RESULTS.json] [--into docs/benchmarks]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.tables import PUBLISHED, Results, networks, rows_of

# The colours of Okabe and Ito, told apart by everyone; a mark of its own says the same in print.
TOOLS = {
    "specc --no-verify": ("specc, no proof", "#56B4E9", "o"),
    "specc": ("specc, proven", "#0072B2", "o"),
    "spox": ("spox, by hand", "#009E73", "D"),
    "TorchScript": ("torch.onnx, TorchScript", "#E69F00", "s"),
    "dynamo": ("torch.onnx, dynamo", "#D55E00", "^"),
    "dynamo, verify": ("torch.onnx, dynamo, verify=True", "#882255", "v"),
}


def costs(
    results: Results, title: str, unit: str, value: Callable[[dict[str, Any]], tuple[float, float, float]]
) -> Figure:
    """A line for every network, a mark for every tool, from the least to the most of its runs."""
    names = networks(results, "compile")
    figure, axes = pyplot.subplots(figsize=(8, 1.6 + 0.36 * len(names)))
    for tool, (label, colour, mark) in TOOLS.items():
        found = [
            (place, *value(row))
            for place, name in enumerate(names)
            for row in rows_of(results, "compile", name)
            if row["tool"] == tool
        ]
        if found:
            places, medians, least, most = zip(*found, strict=True)
            axes.hlines(places, least, most, color=colour, linewidth=1.5)
            axes.plot(medians, places, mark, color=colour, label=label, markersize=6)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(unit)
    _finish(axes, names, title)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    return figure


def latency(results: Results) -> Figure:
    """specc's part of the exporters' time, at both batches."""
    names = networks(results, "latency")
    figure, axes = pyplot.subplots(figsize=(8, 1.6 + 0.36 * len(names)))
    kinds = [(tool, batch) for tool in ("dynamo", "script") for batch in (1, 16)]
    for index, (tool, batch) in enumerate(kinds):
        label, colour, _ = TOOLS["dynamo" if tool == "dynamo" else "TorchScript"]
        for place, name in enumerate(names):
            for row in rows_of(results, "latency", name):
                if (row["tool"], row["batch"], row["fault"]) == (tool, batch, ""):
                    y, ratio = place + 0.16 * (index - 1.5), row["ratio"]
                    axes.hlines(y, ratio["least"], ratio["most"], color=colour, linewidth=1.5)
                    axes.plot(
                        ratio["median"], y, "o" if batch == 1 else "s", color=colour, markersize=4,
                        label=f"of {label}'s, batch {batch}" if place == 0 else None,
                    )  # fmt: skip
    axes.axvline(1, color="black", linewidth=0.8)
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, 0.9), max(right, 1.1))
    axes.set_xlabel("processor time of specc's file, as a part of theirs")
    _finish(axes, names, "ONNX Runtime, one core")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def growth(results: Results) -> Figure:
    """Processor time by steps, by parameters and by files, each where it was measured."""
    kinds = [*dict.fromkeys(each["of"] for each in results["growth"])]
    figure, every = pyplot.subplots(1, len(kinds), figsize=(4 * len(kinds), 4), squeeze=False)
    for axes, kind in zip(every[0], kinds, strict=True):
        for each in results["growth"]:
            if each["of"] == kind:
                axes.plot(each["sizes"], [run["seconds"] for run in each["runs"]], "o-", label=each["command"])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(kind)
        axes.set_ylabel("processor time, seconds")
        axes.grid(color="#dddddd", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize="small")
    return figure


def _finish(axes: Axes, names: list[str], title: str) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, loc="left", fontsize="medium")


def draw(results: Results, folder: Path) -> list[Path]:
    """Every plot that the results have the numbers of; the same results give the same bytes."""
    mpl.use("Agg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "specc", "figure.constrained_layout.use": True})
    figures: dict[str, Figure] = {}
    if "compile" in results:
        figures["time"] = costs(
            results, "From a network to ONNX: processor time", "seconds",
            lambda row: (row["processor"]["median"], row["processor"]["least"], row["processor"]["most"]),
        )  # fmt: skip
        figures["memory"] = costs(
            results, "From a network to ONNX: memory at its largest", "MB", lambda row: (row["memory"] / 1e6,) * 3
        )
    if "latency" in results:
        figures["latency"] = latency(results)
    if "growth" in results:
        figures["growth"] = growth(results)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in figures.items():
        for kind, metadata in (("svg", {"Date": None}), ("png", {})):
            files.append(folder / f"{name}.{kind}")
            figure.savefig(files[-1], metadata=metadata, dpi=120)
        pyplot.close(figure)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?", default=PUBLISHED)
    parser.add_argument("--into", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    for file in draw(json.loads(options.results.read_text("utf-8")), options.into):
        print(file)


if __name__ == "__main__":
    main()
