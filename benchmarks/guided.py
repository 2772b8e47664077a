"""Inputs chosen by what they run: atheris changes the bytes that make a target's choices, and keeps what runs new
lines.

    python -m benchmarks.guided NAME [--seconds 600] [--into build/fuzz]

What it keeps lies in INTO/corpus/NAME, so that the next run goes on from there; an input with a fault, in INTO.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--into", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        raise SystemExit("atheris is not installed: requirements-bench.txt has it, for Linux on x86-64") from None
    os.environ["SPECC_TRACEBACK"] = "1"
    with atheris.instrument_imports(include=["specc"]):  # nothing of specc is loaded yet
        from tests.fuzz.choices import ChoicesOf
        from tests.fuzz.limits import tried
        from tests.fuzz.targets import TARGETS
    if options.target not in TARGETS:
        raise SystemExit(f"there is no target {options.target}; there are {', '.join(TARGETS)}")
    folder = Path(tempfile.mkdtemp(prefix="specc-fuzz-"))
    tempfile.tempdir = str(folder)
    target = TARGETS[options.target](folder)
    corpus = options.into / "corpus" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    known: set[str] = set()

    def attempt(choices: bytes) -> None:
        data = target.draw(ChoicesOf(choices))
        verdict = tried(target, data)
        if verdict.fault and verdict.fault not in known:
            known.add(verdict.fault)
            place = options.into / f"{target.name}-guided-{len(known)}"
            place.write_bytes(data)
            print(f"{place}: {verdict.fault}\n{verdict.details}", flush=True)

    arguments = [
        f"-max_total_time={options.seconds}",
        "-max_len=2000",
        "-len_control=0",
        "-timeout=60",
        "-rss_limit_mb=4096",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *arguments], attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
