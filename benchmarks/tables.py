"""The results of a benchmark in words: as Markdown, long and short, and put between the marks of the documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.processes import ROOT

PUBLISHED = ROOT / "benchmarks" / "results" / "results.json"
BEGIN, END = "<!-- measured: make figures -->", "<!-- measured -->"
SHORT = ("LeNet", "ResNet18", "VGG16")
"""What docs/promises.md shows of the networks."""
Results = dict[str, Any]


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; numbers, in all columns but the first, are set to the right."""
    rule = ["---", *("--:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)) + "\n"


def seconds(value: float) -> str:
    """Two digits below ten, none of a fraction above."""
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def milliseconds(value: float) -> str:
    """Three digits."""
    return f"{float(f'{value * 1e3:.3g}'):,g} ms"


def megabytes(size: float) -> str:
    return f"{size / 1e6:.2f} MB" if size < 1e6 else f"{size / 1e6:,.0f} MB"


def spread(found: dict[str, float]) -> str:
    """``0.42 (0.40 to 0.45)``; of a single run the number alone."""
    each = [f"{found[name]:.2f}" for name in ("median", "least", "most")]
    return each[0] if each[1] == each[2] else f"{each[0]} ({each[1]} to {each[2]})"


def setting(results: Results) -> str:
    """The machine, the versions, and what was not there."""
    machine, versions = results["machine"], results["versions"]
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, {machine['system']}"
    text = f"{where}; " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "."
    if results["missing"]:
        text += f" Not installed, and left out: {', '.join(results['missing'])}."
    if results["load"] > 1.5 * int(machine["cores"]):
        text += f" The machine was busy with other work, too: up to {results['load']:.0f} processes wanted its "
        text += f"{machine['cores']} cores, and wall clock says little."
    return text


def rows_of(results: Results, what: str, network: str) -> list[dict[str, Any]]:
    return [row for row in results.get(what, ()) if row["network"] == network]


def networks(results: Results, what: str) -> list[str]:
    return [*dict.fromkeys(row["network"] for row in results.get(what, ()))]


def checked(results: Results) -> str:
    """A LeNet read and checked, by everyone."""
    head = ("LeNet", "processor time", "wall clock", "memory", "specc's part of its processor time")
    return grid(
        head,
        (
            [
                WHAT.get(row["tool"], row["tool"]),
                seconds(row["processor"]["median"]),
                seconds(row["wall"]["median"]),
                megabytes(row["memory"]),
                spread(row["ratio"]) if row["ratio"] else "",
            ]
            for row in results.get("check", ())
        ),
    )


WHAT = {
    "specc": "`specc check`",
    "import torch": "`import torch`, nothing more",
    "nnef": "nnef: parse, infer shapes",
    "Keras": "Keras: build, count parameters",
    "torchinfo": "torchinfo: summary",
}
HOW = {
    "specc --no-verify": "`specc compile --no-verify`",
    "specc": "`specc compile`, with its proof",
    "TorchScript": "`torch.onnx.export(dynamo=False)`",
    "dynamo": "`torch.onnx.export(dynamo=True)`",
    "dynamo, verify": "`torch.onnx.export(dynamo=True, verify=True)`",
    "spox": "spox, by hand",
}


def compiled(results: Results, network: str) -> str:
    """One network as ONNX, by everyone."""
    head = (network, "processor time", "wall clock", "memory", "file", "nodes", "specc's part of its processor time")
    return grid(
        head,
        (
            [
                HOW[row["tool"]],
                seconds(row["processor"]["median"]),
                seconds(row["wall"]["median"]),
                megabytes(row["memory"]),
                megabytes(row["size"]),
                str(row["nodes"]),
                spread(row["ratio"]) if row["ratio"] else "",
            ]
            for row in sorted(rows_of(results, "compile", network), key=lambda row: [*HOW].index(row["tool"]))
        ),
    )


def latencies(results: Results) -> str:
    """specc's file in onnxruntime beside the exporters'."""
    head = (
        "network", "batch", "specc", "dynamo", "TorchScript", "part of dynamo's", "part of TorchScript's",
        "nodes: specc, dynamo, TorchScript",
    )  # fmt: skip
    return grid(head, _latencies(results))


def _latencies(results: Results) -> Iterator[list[str]]:
    for network in networks(results, "latency"):
        rows = rows_of(results, "latency", network)
        for batch in dict.fromkeys(row["batch"] for row in rows):
            tools = {row["tool"]: row for row in rows if row["batch"] == batch}
            each = [tools[tool] for tool in ("specc", "dynamo", "script")]
            times = [row["fault"].partition(":")[0] or milliseconds(row["processor"]["median"]) for row in each]
            parts = ["" if row["fault"] else spread(row["ratio"]) for row in each[1:]]
            nodes = ", ".join(str(row["nodes"][0]) + ("" if row["fault"] else f" → {row['nodes'][1]}") for row in each)
            yield [network, str(batch), *times, *parts, nodes]


def kept(results: Results) -> str:
    """The promises on speed and memory."""
    rows = []
    for each in results.get("promises", ()):
        found, limit = each["found"], each["limit"]
        verdict = "yes" if found["median"] <= limit else "no"
        rows.append([each["name"], spread(found), f"{limit:.3g} {each['unit']}", verdict])
    return grid(("promise", "found", "at most", "kept"), rows)


def drawn(results: Results, title: str) -> str:
    """The weights of a network, by specc and by what does no more than it must."""
    head = (title, "processor time", "wall clock", "memory", "specc's part of its processor time")
    rows = [
        [
            row["name"],
            seconds(row["processor"]["median"]),
            seconds(row["wall"]["median"]),
            megabytes(row["memory"]),
            spread(row["ratio"]) if place else "",
        ]
        for place, row in enumerate(results["weights"][title])
    ]
    return grid(head, rows)


def grown(results: Results) -> str:
    """What each command takes at growing sizes, and how many times as much as at the size before."""
    rows = [
        [
            each["command"],
            f"{size:,} {each['of']}",
            seconds(run["seconds"]),
            f"{ratio:.1f}" if ratio else "",
            f"{run['memory']:,.0f} MB",
        ]
        for each in results.get("growth", ())
        for size, run, ratio in zip(each["sizes"], each["runs"], [None, *each["ratios"]], strict=True)
    ]
    return grid(("command", "size", "processor time", "times the size before", "memory"), rows)


def long(results: Results, plots: str = "../benchmarks/results") -> str:
    """Everything, as docs/benchmarks.md shows it.

    Args:
        plots: the folder that they are in.
    """
    texts = [setting(results)]
    if "check" in results:
        texts += ["### Read and checked", checked(results)]
    if "compile" in results:
        texts += ["### Compiled", f"![Processor time from a network to ONNX]({plots}/time.svg)"]
        texts += [f"![Memory from a network to ONNX]({plots}/memory.svg)"]
        texts += [compiled(results, network) for network in networks(results, "compile")]
    if "latency" in results:
        texts += ["### Run in onnxruntime", f"![Latency in onnxruntime]({plots}/latency.svg)", latencies(results)]
    if "weights" in results:
        texts += ["### Weights written", *(drawn(results, title) for title in results["weights"])]
    if "growth" in results:
        texts += ["### Grown", f"![Processor time by size]({plots}/growth.svg)", grown(results)]
    if "promises" in results:
        texts += ["### Promised", kept(results)]
    return "\n\n".join(text.strip() for text in texts) + "\n"


def short(results: Results) -> str:
    """The lines that a user would ask for, as docs/promises.md shows them."""
    tools = {"specc --no-verify": "specc, no proof", "TorchScript": "TorchScript", "dynamo": "dynamo"}
    proven = {"specc": "specc, proven", "dynamo, verify": "dynamo, `verify=True`"}
    named = tools | proven
    found = {network: {row["tool"]: row for row in rows_of(results, "compile", network)} for network in SHORT}

    def line(title: str, network: str, cell: Any) -> list[str]:
        return [f"{network}, {title}", *(cell(found[network].get(tool)) for tool in named)]

    rows = []
    for network in SHORT:
        if found[network]:
            rows.append(line("processor time", network, lambda row: seconds(row["processor"]["median"]) if row else ""))
            rows.append(line("memory", network, lambda row: megabytes(row["memory"]) if row else ""))
    check = {row["tool"]: seconds(row["processor"]["median"]) for row in results.get("check", ())}
    others = ", ".join(f"{tool} {time}" for tool, time in check.items() if tool != "specc")
    text = grid(("to ONNX", *named.values()), rows)
    text += f"\n`specc check` of LeNet takes {check['specc']} of processor time; beside it: {others}.\n"
    if "latency" in results:
        text += f"\n{latency_line(results)}\n"
    machine, versions = results["machine"], results["versions"]
    named_versions = ", ".join(f"{name} {versions[name]}" for name in ("torch", "onnxruntime") if name in versions)
    return f"{text}\nMeasured on {machine['processor']}, {machine['cores']} cores; {named_versions}.\n"


def latency_line(results: Results) -> str:
    """In one sentence: all files of specc's beside all of the exporters'."""
    names = {"dynamo": "dynamo exporter", "script": "TorchScript exporter"}
    parts = []
    for tool, name in names.items():
        ratios = {
            f"{row['network']}, batch {row['batch']}": row["ratio"]["median"]
            for row in results["latency"]
            if row["tool"] == tool and not row["fault"]
        }
        least, most = min(ratios, key=lambda key: ratios[key]), max(ratios, key=lambda key: ratios[key])
        parts.append(
            f"{median(ratios.values()):.2f} of the {name}'s processor time, {ratios[least]:.2f} ({least}) to "
            f"{ratios[most]:.2f} ({most})"
        )
    count = len(networks(results, "latency"))
    text = f"In onnxruntime, specc's files of {count} networks take {'; and '.join(parts)}."
    faults = {
        (names[row["tool"]], row["network"], row["fault"].partition(":")[0])
        for row in results["latency"]
        if row["fault"]
    }
    return text + "".join(f" The {tool}'s file of {network} {fault}." for tool, network, fault in sorted(faults))


def write(results: Results, folder: Path) -> None:
    """results.json, table.md, and the plots where matplotlib is there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(long(results, "."), encoding="utf-8")


def between(text: str, inner: str) -> str:
    """``text`` with ``inner`` between its marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError("the marks of what is measured must stand there once")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{inner}\n{END}{rest.partition(END)[2]}"


DOCUMENTS = {"docs/promises.md": short, "docs/benchmarks.md": long}


def publish(results: Results) -> None:
    """Into the repository: the results, and the tables of the documents."""
    PUBLISHED.parent.mkdir(exist_ok=True)
    PUBLISHED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for name, words in DOCUMENTS.items():
        file = ROOT / name
        file.write_text(between(file.read_text("utf-8"), words(results)), encoding="utf-8")
