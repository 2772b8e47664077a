"""AlexNet and VGG-16 against the numbers that torchvision's own gave: parameters, GMACs, logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import specc
from specc.backends import onnx as onnx_backend
from specc.backends.torch import torch_module
from tests.networks.published import Published, fill

EXAMPLES = Path(__file__).parents[2] / "examples"
NETWORKS = ["alexnet", pytest.param("vgg16", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", NETWORKS)
def test_counts_are_the_published_ones(name: str) -> None:
    network, facts = specc.load(EXAMPLES / f"{name}.cnn"), Published(name).facts
    assert network.params == facts["params"] == facts["published_params"]
    assert round(network.macs / 1e9, 3) == facts["published_gmacs"]
    claimed = [list(p.shape) for _, p in network.graph.state]
    assert claimed == [shape for _, shape in facts["state"]]


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_torchvisions(name: str, tmp_path: Path) -> None:
    published = Published(name)
    graph = specc.load(EXAMPLES / f"{name}.cnn").graph
    weights = published.weights(graph)
    expected = np.array(published.facts["output_first_10"])
    scale = published.facts["output_absmax"]

    module = torch_module(graph, weights).double()
    with torch.no_grad():
        for path, tensor in module.state_dict().items():
            exact = np.concatenate(list(fill(weights.names[path], tuple(tensor.shape))))
            tensor.copy_(torch.from_numpy(exact).reshape(tensor.shape))
        logits = module(torch.from_numpy(published.input())).numpy()
    del module
    assert list(logits.shape) == published.facts["output_shape"]
    assert np.abs(logits[:, :10] - expected).max() <= 1e-9 * scale
    assert logits.mean() == pytest.approx(published.facts["output_mean"], abs=1e-9 * scale)
    assert logits.std(ddof=1) == pytest.approx(published.facts["output_std"], rel=1e-3)
    assert np.abs(logits).max() == pytest.approx(scale, rel=1e-9)

    path = tmp_path / "network.onnx"
    with path.open("wb") as file:
        onnx_backend.write(graph, weights, file)
    onnx.checker.check_model(str(path), full_check=True)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (single,) = session.run(None, {"input": published.input().astype(np.float32)})
    # Weights and every intermediate value are rounded to float32: about 1e-7 each, over 8 to 16 layers.
    assert np.abs(single - logits).max() <= 2e-6 * scale
