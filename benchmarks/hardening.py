"""What docs/hardening.md shows of the last campaign: the figures of `benchmarks.fuzz` and of `benchmarks.kills`."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT
from benchmarks.tables import grid, seconds
from specc import __version__

PUBLISHED = ROOT / "benchmarks" / "results" / "hardening.json"
DOCUMENT = ROOT / "docs" / "hardening.md"
BEGIN, END = "<!-- measured: make fuzz -->", "<!-- measured -->"

Figures = Mapping[str, Any]


def line(name: str, one: Figures) -> str:
    """A target's figures in a line."""
    faults = sum(fault["count"] for fault in one["faults"].values())
    return (
        f"{name}: {one['inputs']:,} inputs, {one['accepted']:,} accepted, {one['refused']:,} refused, {faults:,} "
        f"faults of {len(one['faults'])} kinds; slowest {one['slowest']:.2f} s, {one['memory'] / 1e6:,.0f} MB at most"
    )


def table(targets: Mapping[str, Figures]) -> str:
    """Of the inputs: a row for each target."""
    rows = [
        [
            name,
            f"{one['inputs']:,}",
            f"{one['accepted']:,}",
            f"{one['refused']:,}",
            str(sum(fault["count"] for fault in one["faults"].values())),
            str(one["mended"]),
            seconds(one["slowest"]),
            f"{one['memory'] / 1e6:,.0f} MB",
        ]
        for name, one in targets.items()
    ]
    sums = [f"{sum(one[key] for one in targets.values()):,}" for key in ("inputs", "accepted", "refused")]
    faults = str(sum(fault["count"] for one in targets.values() for fault in one["faults"].values()))
    mended = str(sum(one["mended"] for one in targets.values()))
    slowest = seconds(max(one["slowest"] for one in targets.values()))
    rows.append(
        ["all", *sums, faults, mended, slowest, f"{max(one['memory'] for one in targets.values()) / 1e6:,.0f} MB"]
    )
    return grid(["target", "inputs", "accepted", "refused", "faults", "mended", "slowest", "memory"], rows)


def kills_table(kills: Mapping[str, Figures]) -> str:
    """Of the runs that were ended: a row for each command."""
    ways = list(next(iter(kills.values()))["ended"])
    rows = [[name, *(str(one["ended"][way]) for way in ways), str(len(one["faults"]))] for name, one in kills.items()]
    rows.append(["all", *(str(sum(one["ended"][way] for one in kills.values())) for way in ways)])
    rows[-1].append(str(sum(len(one["faults"]) for one in kills.values())))
    return grid(["command", *ways, "faults"], rows)


def text(results: Figures) -> str:
    """What stands between the marks."""
    parts = [
        f"specc {results['specc']}, Python {results['python']}, seed {results['seed']}.",
        table(results["targets"]),
    ]
    if results["kills"]:
        parts.append(kills_table(results["kills"]))
    return "\n\n".join(parts) + "\n"


def between(document: str, inner: str, begin: str = BEGIN) -> str:
    """The document with ``inner`` between its marks. Raises ValueError where they do not stand there once."""
    before, mark, rest = document.partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end or begin in after:
        raise ValueError(f"{begin} and {END} must stand there once")
    return f"{before}{begin}\n\n{inner}\n{END}{after}"


def publish(targets: Mapping[str, Figures], into: Path, seed: int) -> None:
    """Into the repository: the figures, and the document's tables."""
    kills = into / "kills.json"
    kept = ("inputs", "accepted", "refused", "slowest", "memory", "faults", "mended")
    results = {
        "specc": __version__,
        "python": platform.python_version(),
        "seed": seed,
        "targets": {name: {key: one[key] for key in kept} for name, one in targets.items()},
        "kills": json.loads(kills.read_text("utf-8")) if kills.exists() else {},
    }
    PUBLISHED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    DOCUMENT.write_text(between(DOCUMENT.read_text("utf-8"), text(results)), encoding="utf-8")
