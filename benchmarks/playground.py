"""How soon the playground answers, in headless Chromium: ``python -m benchmarks.playground``.

The first check is measured from the moment that the page is opened, without and with what the browser has kept of it; a
keystroke from the key to the findings. Processor time is that of the whole browser, its compiler of WebAssembly too;
for a key with the shapes and the table. Needs what `make playground-test` installs.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playground.build import ROOT, build
from tests.playground.chromium import served, visited


def written(lines: int) -> str:
    """A spec of so many lines, most of three steps."""
    body = [f"  c{i}: conv({8 + i % 5}, 3, padding=1, bias=false) -> bn -> relu" for i in range(lines - 3)]
    return "\n".join(["model Long : [N, 3, 64, 64] -> [N, 10] {", *body, "  globalavgpool -> flatten -> fc(10)", "}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--keys", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), ROOT / "build" / "playground-parts")
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        with served(Path(folder)) as address:
            plans: dict[str, dict[str, Any]] = {}
            for i in range(given.visits):
                kept = [["offline"], ["reload"]]
                keys = [
                    ["write", written(30)],
                    ["keystrokes", given.keys],
                    ["write", written(300)],
                    ["keystrokes", given.keys],
                ]
                plans[str(i)] = {"address": address, "actions": kept + (keys if i == 0 else [])}
            seen = visited(plans, at_once=1)
    print(f"the page: {size / 2**20:.1f} MiB, with all that it needs")
    for name, step in (("first visit", 0), ("again, without a connection", 2)):
        times = [visit["steps"][step]["first"] / 1000 for visit in seen.values()]
        spread = f"{min(times):.2f} to {max(times):.2f}"
        busy = median(visit["steps"][step]["processor"] for visit in seen.values())
        print(f"first check, {name}: {median(times):.2f} s (median of {len(times)}, {spread}), processor {busy:.2f} s")
    for lines, step in ((30, 4), (300, 6)):
        times = seen["0"]["steps"][step]["result"]
        most = f"95 % within {quantiles(times, n=20)[-1]:.0f} ms"
        busy = 1000 * seen["0"]["steps"][step]["processor"] / len(times)
        print(
            f"a key in {lines} lines: {median(times):.0f} ms (median of {len(times)}), {most}, processor {busy:.0f} ms"
        )


if __name__ == "__main__":
    main()
