"""Networks of the zoo in onnxruntime-web in Chromium: what `--runs-on onnxruntime-web` promises, where pages run it.

Operators that pages seldom have (attention, dilated convolutions, resizing), and sizes that are only known while they
run: on the golden pair, on other sizes, and in the program that ``specc embed --language web`` prints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import specc
from benchmarks.specs import narrow
from specc.embedding.program import program
from tests.examples.chromium import assembled, visited

pytestmark = pytest.mark.example

SIZES = {"BoTNet": (48, 64), "DeepLabV3": (33, 24), "UNet": (37, 45)}
"""Of the image, other ones than the golden pair has."""

each_network = pytest.mark.parametrize("name", SIZES)


def image(name: str) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, 3, *SIZES[name]), np.float32)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    zoo = dict(narrow(1))
    for name in SIZES:
        specc.loads(zoo[name]).to_onnx(folder / f"{name}.onnx", runs_on="onnxruntime-web")
    page = folder / "page"
    assembled(folder / "BoTNet.onnx", page).check_returncode()
    for name in SIZES:
        for suffix in ("onnx", "specc.json"):
            (folder / f"{name}.{suffix}").rename(page / f"{name}.{suffix}")
        (page / f"use_{name}.js").write_text(program(page / f"{name}.onnx", "web"), "utf-8")
    return page


@pytest.fixture(scope="module")
def seen(site: Path) -> dict[str, Any]:
    return visited(
        site,
        lambda base: {
            name: {
                "address": base,
                "actions": [
                    ["run", f"{name}.onnx", {"input": [image(name).ravel().tolist(), image(name).shape]}],
                    ["use", f"./use_{name}.js"],
                ],
            }
            for name in SIZES
        },
    )


@each_network
def test_the_golden_pair_and_another_size(seen: dict[str, Any], site: Path, name: str) -> None:
    found = seen[name]["steps"][1]["result"]
    assert 0 <= found["golden"]["off"] <= found["golden"]["allowed"] < 1e-2
    session = onnxruntime.InferenceSession(site / f"{name}.onnx", providers=["CPUExecutionProvider"])
    for port, right in zip(session.get_outputs(), session.run(None, {"input": image(name)}), strict=True):
        numbers, shape = found["outputs"][port.name]
        assert shape == list(right.shape)
        assert np.abs(np.reshape(numbers, shape) - right).max() <= 1e-5 * np.abs(right).max()


@each_network
def test_the_program_for_browsers(seen: dict[str, Any], name: str) -> None:
    assert "run" in seen[name]["steps"][2]["result"]
    assert "golden pair: fits" in seen[name]["logs"]
    assert not seen[name]["errors"]


def test_the_page_takes_the_sizes_that_a_network_leaves_open(seen: dict[str, Any]) -> None:
    first = seen["BoTNet"]["steps"][0]
    assert first["state"] == "ready", first["problem"]
    assert first["status"].startswith("BoTNet fits this browser")
