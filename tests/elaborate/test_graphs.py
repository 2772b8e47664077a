"""Random specs, as text, against PyTorch: their shapes at many sizes, their costs, their values, their files.

The oracles are PyTorch's own shapes and counters, ONNX Runtime, and an interpreter of the language that was written
beside the text (see `tests.elaborate.random_specs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from hypothesis import HealthCheck, Phase, given, settings
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from specc.api import Model
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from tests.elaborate.random_specs import Spec, specs

EXAMPLES, FILES, PROOFS = 80, 25, 4
"""Fewer where each costs more; `benchmarks/mutants.py` proves random networks too, by the dozen."""
relaxed: dict[str, Any] = {
    "phases": [Phase.generate],  # a spec is shown as it was drawn: making it smaller takes minutes
    "derandomize": True,
    "database": None,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}


def checked(text: str) -> Model:
    (one,) = check_file(parse(Source("random.cnn", text)))
    return Model(one)


def samples(spec: Spec) -> Iterator[tuple[dict[str, int], list[Tensor]]]:
    """Inputs at every size, of one batch after the other."""
    generator = torch.Generator().manual_seed(0)
    for batch, sizes in enumerate(spec.sizes, start=1):
        axes = [sizes.get(axis, axis) for axis in spec.spatial]
        yield sizes, [torch.randn(batch, c, *axes, generator=generator, dtype=torch.float64) for c in spec.channels]


def randomised(module: nn.Module) -> nn.Module:
    """Running statistics are something else than 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return module.double()


def outputs(module: nn.Module, values: list[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        result = module(*values)
    return list(result) if isinstance(result, (tuple, list)) else [result]


@settings(max_examples=EXAMPLES, **relaxed)
@given(specs())
def test_a_random_spec_is_what_it_says(spec: Spec) -> None:
    network = checked(spec.text)
    module = randomised(network.to_torch(seed=1))
    state = module.state_dict()
    assert list(state) == [name for name, _ in network.graph.state]
    assert sum(p.numel() for p in module.parameters()) == network.params
    for sizes, values in samples(spec):
        at = network.at(**sizes)
        with FlopCounterMode(display=False) as counter:
            results = outputs(module, values)
        batch = len(values[0])
        assert [tuple(r.shape) for r in results] == [(batch, *port.type.sample) for port, _ in at.graph.outputs]
        assert counter.get_total_flops() == 2 * batch * at.macs
        with torch.no_grad():
            expected = spec.run(values, list(state.values()))
        for result, right in zip(results, expected, strict=True):
            torch.testing.assert_close(result, right, rtol=1e-9, atol=1e-12)


@settings(max_examples=FILES, **relaxed)
@given(specs())
def test_a_random_spec_stands_on_its_own(spec: Spec) -> None:
    """The emitted source, imported, is the live module; ONNX Runtime computes the same at every size."""
    network = checked(spec.text)
    live = network.to_torch(seed=1)
    names: dict[str, Any] = {}
    exec(compile(network.torch_source(), "net.py", "exec"), names)
    module = names["Net"]().eval()
    module.load_state_dict(live.state_dict())
    session = ort.InferenceSession(onnx_file(network), providers=["CPUExecutionProvider"])
    for _, values in samples(spec):
        single = [value.float() for value in values]
        expected = outputs(live, single)
        assert all(map(torch.equal, outputs(module, single), expected))
        fed = {name: value.numpy() for name, value in zip(spec.inputs, single, strict=True)}
        named = dict(zip([port.name for port in session.get_inputs()], fed.values(), strict=True))
        for found, right in zip(session.run(None, named), expected, strict=True):
            scale = max(1.0, float(right.abs().max()))
            np.testing.assert_allclose(found, right.numpy(), rtol=1e-3, atol=1e-4 * scale)


def onnx_file(network: Model) -> bytes:
    from io import BytesIO

    from specc.backends.onnx import write
    from specc.weights import Initialised

    file = BytesIO()
    write(network.graph, Initialised(1), file)
    return file.getvalue()


@settings(max_examples=PROOFS, **relaxed)
@given(specs())
def test_a_random_spec_is_at_parity(spec: Spec) -> None:
    from specc.verify import verify_emitted
    from specc.weights import Initialised

    parity = verify_emitted(checked(spec.text).graph, Initialised(1), opset=18)
    assert parity.first_failure is None
    assert parity.passed
