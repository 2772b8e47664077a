"""How much work a proof is, counted instead of timed: what was once made fast stays so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.specs import narrow

ROOT = Path(__file__).parents[2]
# Runs a command and prints how often what costs most was done. A forward pass is a call of a module from outside any.
COUNTING = """
import json, sys
import onnxruntime, torch
from tests.counting import calls

counts, depth = dict.fromkeys(("sessions", "runs", "forward passes"), 0), 0
forward = torch.nn.Module.__call__

class Session(onnxruntime.InferenceSession):
    def __init__(self, *arguments, **options):
        counts["sessions"] += 1
        super().__init__(*arguments, **options)

    def run(self, *arguments, **options):
        counts["runs"] += 1
        return super().run(*arguments, **options)

def called(module, *arguments, **options):
    global depth
    counts["forward passes"] += depth == 0
    depth += 1
    try:
        return forward(module, *arguments, **options)
    finally:
        depth -= 1

def command():
    from specc.cli.main import main
    try:
        main()
    except SystemExit as left:
        assert left.code == 0

onnxruntime.InferenceSession, torch.nn.Module.__call__ = Session, called
sys.argv = ["specc", *sys.argv[1:]]
before = set(sys.modules)
counts["calls"] = calls(command)
counts["modules"] = len(set(sys.modules) - before)
print(json.dumps(counts))
"""
MOST = {"sessions": 110, "runs": 465, "forward passes": 972, "calls": 1_270_000, "modules": 365}
"""A twentieth above what it is: whoever needs more raises it, and knows what for."""


def test_the_default_proof_of_a_resnet18_is_no_more_work_than_it_was(tmp_path: Path) -> None:
    """At an eighth of its width, where sessions and runs are as many as at its full width, and the rest nearly."""
    spec = tmp_path / "resnet18.cnn"
    spec.write_text(dict(narrow(1))["ResNet18"], encoding="utf-8")
    command = [sys.executable, "-c", COUNTING, "compile", str(spec), "-o", str(tmp_path / "resnet18.onnx")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    counts = json.loads(run.stdout.splitlines()[-1])
    assert counts.keys() == MOST.keys()
    assert not {name: (count, MOST[name]) for name, count in counts.items() if count > MOST[name]}
    # A proof that runs nothing would keep every limit.
    assert all(count > MOST[name] / 2 for name, count in counts.items()), counts
