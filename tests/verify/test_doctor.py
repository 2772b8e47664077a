"""The doctor's findings, on this installation and on broken ones."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib import metadata

import pytest

from specc.verify import doctor
from specc.verify.doctor import Status, diagnose


def findings() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in diagnose()}


def test_tells_what_is_installed() -> None:
    found = findings()
    for name in ("numpy", "onnx", "torch", "click", "lark", "pydantic", "rich", "safetensors"):
        assert found[name].status is Status.OK
        assert found[name].detail == metadata.version(name)
    assert found["python"].status is found["platform"].status is found["onnxruntime"].status is Status.OK


def test_each_provider_is_really_tried() -> None:
    found = findings()
    assert found["provider cpu"].status is Status.OK
    assert found["provider cuda"].status is Status.OK or found["provider cuda"].remedy


def test_provider_that_computes_nonsense_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    model, feeds, _ = doctor._one_node()
    monkeypatch.setattr(doctor, "_one_node", lambda: (model, feeds, [[[2.0, 4.0]]]))
    found = findings()["provider cpu"]
    assert found.status is Status.BROKEN
    assert "[[[-2.0, -4.0]]]" in found.detail


def test_two_runtimes_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name in doctor.RUNTIMES else real(name))
    found = findings()["onnxruntime"]
    assert found.status is Status.BROKEN
    assert "overwrite each other's files" in found.detail
    assert "pip uninstall onnxruntime onnxruntime-gpu" in found.remedy


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
from specc.verify import diagnose
for finding in diagnose():
    print(finding.name, finding.status, finding.detail, finding.remedy, sep="|")
"""


@pytest.mark.parametrize("blocked", [("torch",), ("torch", "onnxruntime"), ("torch", "onnxruntime", "onnx", "numpy")])
def test_works_where_packages_are_missing(blocked: tuple[str, ...]) -> None:
    script = textwrap.dedent(BLOCKED).format(blocked=set(blocked))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    status = {line.split("|")[0]: line.split("|")[1:] for line in done.stdout.splitlines()}
    for name in blocked:
        assert status[name][0] == "missing"
        assert status[name][2].startswith("pip install")
    if "onnxruntime" in blocked:
        assert status["provider cpu"][0] == "missing"
    else:
        assert status["provider cpu"][0] == "ok"


def test_broken_package_is_broken_and_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.import_module

    def broken(name: str) -> object:
        if name == "torch":
            raise OSError("libtorch_cpu.so: undefined symbol")
        return real(name)

    monkeypatch.setattr(doctor, "import_module", broken)
    found = findings()
    assert found["torch"].status is Status.BROKEN
    assert "undefined symbol" in found["torch"].detail
    assert "torch CUDA" not in found
