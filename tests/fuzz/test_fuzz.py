"""Some hundred inputs of each target, those that were once a fault, and what sees to it that a fault is seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import fuzz, hardening
from specc.diagnostics import UsageError
from tests.fuzz import limits
from tests.fuzz.choices import ChoicesOf
from tests.fuzz.language import Expressions, Formatter
from tests.fuzz.limits import tried
from tests.fuzz.target import Broken, Target
from tests.fuzz.targets import TARGETS

CORPUS = sorted(path for path in Path(__file__).with_name("corpus").glob("*/*") if path.is_file())
COUNTS = {"expressions": 400, "parser": 150, "arguments": 200, "settings": 100, "yaml": 60, "fmt": 60, "check": 40}
COUNTS |= {"onnx": 15, "sidecar": 15, "git": 4, "proof": 8, "commands": 12, "diff": 20, "pth": 20}
"""Inputs of each target; 40 of every other one. The campaign tries a million."""

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is bounded, and processes are forked, as Linux does it"
)


@pytest.fixture(autouse=True)
def _as_the_campaign(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPECC_TRACEBACK", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_a_fault(name: str, tmp_path: Path) -> None:
    target = TARGETS[name](tmp_path)
    outcomes = {"accepted": 0, "refused": 0}
    for number in range(COUNTS.get(name, 40)):
        verdict = tried(target, target.draw(fuzz.generator(name, 0, number)), twice=number % fuzz.TWICE == 0)
        assert not verdict.fault, f"input {number} of seed 0: {verdict.fault}\n{verdict.details}"
        outcomes[verdict.outcome] += 1
    # What is never taken, or always, tries nothing.
    assert outcomes["accepted"]
    assert outcomes["refused"] or name in ("cache", "sidecar", "commands", "git", "proof")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_a_fault_once(path: Path, tmp_path: Path) -> None:
    verdict = tried(TARGETS[path.parent.name](tmp_path), path.read_bytes(), twice=True)
    assert not verdict.fault, verdict.details


@settings(max_examples=40)
@given(st.binary(max_size=400))
@pytest.mark.parametrize("kind", [Expressions, Formatter])
def test_what_hypothesis_chooses(kind: type[Target], choices: bytes) -> None:
    """It makes a failing choice smaller, and with it the input."""
    target = kind(Path("nowhere"))
    verdict = tried(target, target.draw(ChoicesOf(choices)))
    assert not verdict.fault, verdict.details


@pytest.mark.parametrize("name", ["parser", "yaml", "settings"])
def test_bytes_choose_an_input(name: str, tmp_path: Path) -> None:
    """Other bytes, another input, without end and without one that cannot be drawn."""
    target = TARGETS[name](tmp_path)
    choices = [Random(number).randbytes(number * 3) for number in range(30)]
    inputs = [target.draw(ChoicesOf(each)) for each in choices]
    assert inputs == [target.draw(ChoicesOf(each)) for each in choices]
    assert len(set(inputs)) > 20


# ---- what sees a fault -------------------------------------------------------------------------------------------


class Wrong(Target):
    """Does what its input says, which is Python."""

    name, share = "wrong", 1
    count = 0

    def draw(self, random: Random) -> bytes:
        return b"os._exit(3)" if random.random() < 0.2 else b"None"

    def answer(self, data: bytes) -> object:
        self.count += 1
        exec(
            data.decode(),
            {"os": os, "self": self, "Broken": Broken, "UsageError": UsageError, "subprocess": subprocess},
        )
        return self.count if b"self.count" in data else 0


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("None", ""),
        ("raise UsageError('a refusal')", ""),
        ("raise UsageError('')", "refused without a word"),
        ("{}[0]", "KeyError"),
        ("raise Broken('the tree is another one')", "the tree is another one"),
        ("self.count", "another answer the second time"),
        ("while True: pass", "TooSlow"),
        ("try:\n  while True: pass\nexcept Exception: pass", "TooSlow"),
        ("open('outside', 'w')", "open of a file outside"),
        ("os.open('outside', os.O_RDWR | os.O_CREAT)", "open of a file outside"),
        ("os.mkdir('/tmp/outside')", "os.mkdir of a file outside"),
        ("os.rename(self.folder / 'a', '/tmp/outside')", "os.rename of a file outside"),
        ("open(self.folder / 'inside', 'w').close()", ""),
        ("subprocess.run(['true'])", "subprocess.Popen was called"),
        ("os.system('true')", "os.system was called"),
    ],
)
def test_a_fault_is_seen(code: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.01)
    verdict = tried(Wrong(tmp_path), code.encode(), twice=True)
    assert verdict.fault.split(" (")[0] == fault
    assert (verdict.outcome == "fault") == bool(fault)
    assert fault == "" or "answer" in verdict.details or "tried" in verdict.details


@linux
def test_memory_is_bounded() -> None:
    code = "from tests.fuzz.limits import bound_memory; bound_memory(); b' ' * (2**30 + 2**26)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("MemoryError\n")


@linux
def test_a_campaign_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the inputs that end its process, and where an earlier one has ended."""
    monkeypatch.setitem(TARGETS, "wrong", Wrong)
    deadly = [number for number in range(30) if fuzz.generator("wrong", 5, number).random() < 0.2]
    assert 2 < len(deadly) < 10
    first = fuzz.run("wrong", 5, 10, tmp_path)
    whole = fuzz.run("wrong", 5, 30, tmp_path)
    assert (first["inputs"], whole["inputs"]) == (10, 30)
    assert whole["accepted"] == 30 - len(deadly)
    assert whole["fatal"] == deadly
    assert whole["faults"]["the process ended with 3"]["count"] == len(deadly)
    assert fuzz.run("wrong", 6, 0, tmp_path)["inputs"] == 0  # another seed begins anew


@linux
def test_everything_is_tried_in_proportion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: dict[str, int] = {}

    def run(name: str, seed: int, count: int, into: Path) -> dict[str, object]:
        wanted[name] = count
        return {"seed": seed, **fuzz._nothing(), "inputs": count, "mended": 0}

    monkeypatch.setattr(fuzz, "run", run)
    figures = fuzz.everything(Namespace(inputs=1_000_000, seed=1, into=tmp_path))
    assert figures.keys() == TARGETS.keys()
    assert abs(sum(wanted.values()) - 1_000_000) < len(TARGETS)
    assert wanted["expressions"] > 250_000
    assert 100 < wanted["proof"] < 500


# ---- runs that are ended, and what the document says ------------------------------------------------------------


@linux
def test_runs_are_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.kills", "--runs", "14", "--command", "fmt", "--into", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    found = json.loads((tmp_path / "kills.json").read_text("utf-8"))["fmt"]
    assert sum(found["ended"].values()) == 14
    assert min(found["ended"][way] for way in ("SIGKILL", "SIGTERM", "SIGINT", "SIGINT twice")) > 0


def test_the_document_says_what_was_found() -> None:
    """``make fuzz FUZZ="--publish …"`` writes both."""
    published = json.loads(hardening.PUBLISHED.read_text("utf-8"))
    document = hardening.DOCUMENT.read_text("utf-8")
    assert document == hardening.between(document, hardening.text(published))
    assert published["targets"].keys() == TARGETS.keys()
    assert all(f"`{name}`" in document for name in TARGETS)


def test_only_what_is_between_the_marks_changes() -> None:
    text = f"before\n{hardening.BEGIN}\nold\n{hardening.END}\nafter\n"
    assert hardening.between(text, "new\n") == f"before\n{hardening.BEGIN}\n\nnew\n\n{hardening.END}\nafter\n"
    with pytest.raises(ValueError, match="once"):
        hardening.between("no marks", "new")
