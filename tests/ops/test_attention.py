"""Attention with learned projections, against torch.nn.MultiheadAttention itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import specc
from specc.diagnostics import SpecError
from specc.ir.size import symbol
from specc.ir.traits import Opaque, Whole
from specc.ir.types import TensorType
from tests.twins import check_sizes, check_twin, make, refusal

N, L, S = map(symbol, "NLS")


class Theirs(nn.MultiheadAttention):
    """Of one input, of a query and what it attends to, or of three; computed with its weights, in their parts."""

    def forward(self, *arms: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        query, keys, values = arms[0], arms[min(1, len(arms) - 1)], arms[-1]
        return super().forward(query, keys, values, need_weights=True)[0]


def theirs(features: int, heads: int, bias: bool = True) -> Theirs:
    torch.manual_seed(0)
    return Theirs(features, heads, bias=bias, batch_first=True)


@pytest.mark.parametrize("opset", [18, 23])
@pytest.mark.parametrize(
    ("samples", "heads", "bias"),
    [
        (((5, 12),), 3, True),
        (((1, 4),), 4, True),
        (((7, 6),), 1, False),
        (((5, 12), (9, 12)), 4, True),
        (((5, 12), (2, 12), (2, 12)), 2, False),
    ],
)
def test_it_is_the_layer_of_pytorch(samples: Any, heads: int, bias: bool, opset: int) -> None:
    """Names and order of the weights, multiply-accumulates of the parts, numbers."""
    op = make("multiheadattention", num_heads=heads, bias=bias)
    check_twin(op, theirs(samples[0][1], heads, bias), *samples, opset=opset, scales=(1.0, 0.01))


def test_sequences_of_any_length() -> None:
    sizes = [{"L": 1, "S": 4}, {"L": 6, "S": 1}, {"L": 9, "S": 5}]
    op = make("multiheadattention", num_heads=2)
    check_sizes(op, theirs(8, 2), (L, 8), sizes=sizes)
    check_sizes(op, theirs(8, 2), (L, 8), (S, 8), sizes=sizes)
    check_sizes(op, theirs(8, 2), (L, 8), (2 * S, 8), (2 * S, 8), sizes=sizes)


def test_costs_by_hand() -> None:
    """Of 5 places and 7 others of 8 features: three projections, the last layer, weights and means."""
    one, two = TensorType(N, (5, 8)), TensorType(N, (7, 8))
    op = make("multiheadattention", num_heads=2)
    assert op.macs(one) == 4 * 5 * 8 * 8 + 2 * 5 * 5 * 8
    assert op.macs(one, two) == op.macs(one, two, two) == 2 * 5 * 8 * 8 + 2 * 7 * 8 * 8 + 2 * 5 * 7 * 8
    assert [p.shape for p in op.parameters(one)] == [(24, 8), (24,), (8, 8), (8,)]
    assert op.arithmetic(one, two) == (
        "heads: 2 of 8/2 = 4 features",
        "macs: 2*(5 + 7)*8*8 of the projections + 2*5*7*8 = 2,096",
    )
    assert op.arithmetic(TensorType(N, (L, 8)))[1] == "macs: 4*L*8*8 of the projections + 2*L*L*8"


def test_every_place_sees_all() -> None:
    one, two = TensorType(N, (5, 8)), TensorType(N, (7, 8))
    assert make("multiheadattention", num_heads=2).window(one) == Whole()
    assert make("multiheadattention", num_heads=2).window(one, two) == Opaque()


@pytest.mark.parametrize(
    ("samples", "code", "words"),
    [
        (((5, 8),), "S0103", "num_heads = 3 does not divide the 8 features of multiheadattention"),
        (((9,),), "S0101", "multiheadattention takes sequences, [N, L, E], and its input is [N, 9]"),
        (((9, 4, 4),), "S0101", "multiheadattention takes sequences, [N, L, E], and its input is [N, 9, 4, 4]"),
        (((4, L),), "S0108", "multiheadattention takes a fixed number of features, and here it is L"),
        (((5, 9), (5, 6)), "S0105", "the arms of multiheadattention have 9 and 6 features"),
        (
            ((5, 9), (5, 9), (4, 9)),
            "S0105",
            "multiheadattention takes a value for each key: [N, 5, 9] and, as arm 3, [N, 4, 9]",
        ),
        (
            ((5, 9), (L, 9), (S, 9)),
            "S0108",
            "multiheadattention finds a value for each key only where L == S: [N, L, 9] and, as arm 3, [N, S, 9]",
        ),
    ],
)
def test_refused_with_the_reason(samples: Any, code: str, words: str) -> None:
    said = refusal(make("multiheadattention", num_heads=3), *samples)
    assert (said.code, said.message) == (code, words)


MODELS = """
model Map(frozen = false) : [N, 3, H, W] -> [N, 8, H, W] {
  top: conv(8, 3, padding=1)
  flatten(2) -> permute(0, 2, 1) -> attn: multiheadattention(4, frozen=frozen)
  permute(0, 2, 1) -> reshape(like=top) -> add { | _ | top }
}
model Cross : (x: [N, L, 8], memory: [N, S, 8]) -> (y: [N, L, 8]) {
  y: multiheadattention(2) { | x | memory }
}
"""


def test_the_emitted_module_is_exported_for_every_size() -> None:
    """And its calls read as people write them."""
    torch.manual_seed(0)
    network, cross = (specc.loads(MODELS, model=name) for name in ("Map", "Cross"))
    assert "self.attn(x, x, x, need_weights=False)[0]" in network.torch_source()
    assert "torch.reshape(x, (-1, 8, top.size(2), top.size(3)))" in network.torch_source()
    assert "self.y(x, memory, memory, need_weights=False)[0]" in cross.torch_source()
    module, x, other = network.to_torch(seed=1).eval(), torch.randn(2, 3, 5, 7), torch.randn(3, 3, 6, 3)
    assert [*module.attn.state_dict()] == [*nn.MultiheadAttention(8, 4).state_dict()]  # type: ignore[union-attr]
    sizes = {axis: torch.export.Dim(name) for axis, name in ((0, "N"), (2, "H"), (3, "W"))}
    exported = torch.export.export(module, (x,), dynamic_shapes=(sizes,)).module()
    torch.testing.assert_close(exported(other), module(other))


def test_frozen_and_counted() -> None:
    network = specc.loads(MODELS, model="Map", frozen=True)
    assert (network.params, network.at(H=5, W=7).macs) == (512, 35 * 8 * 27 + 4 * 35 * 64 + 2 * 35 * 35 * 8)
    trained = {name for name, p in network.to_torch().named_parameters() if p.requires_grad}
    assert trained == {"top.weight", "top.bias"}


@pytest.mark.parametrize(
    ("step", "advice"),
    [
        ("multiheadattention(64, 8)", "the input tells embed_dim, which is not written here: multiheadattention(8)"),
        ("multiheadattention(8, dropout=0.1)", "no attention weights are dropped; dropout behind it drops results"),
        ("multiheadattention(8, attn_mask=none)", "every place attends to all"),
        ("multiheadattention(8, kdim=32)", "linear before it gives keys as many features as the query has"),
        ("multiheadattention(8, batch_first=true)", "leave it out: the batch is first always"),
        ("multiheadattention(5)", "num_heads that divide 64: 2, 4, 8"),
        ("reshape(-1, 64, 4, 4) -> multiheadattention(8)", "flatten(2) -> permute(0, 2, 1) makes a sequence of"),
    ],
)
def test_what_to_write_instead(step: str, advice: str) -> None:
    with pytest.raises(SpecError) as caught:
        specc.loads(f"model M : [N, 16, 64] {{ {step} }}")
    (finding,) = caught.value.diagnostics
    assert finding.helps[0].startswith(advice)


def test_too_many_arms_are_counted() -> None:
    with pytest.raises(SpecError, match="multiheadattention joins up to 3 values, and has 4 arms"):
        specc.loads("model M : [N, 16, 64] { multiheadattention(8) { | _ | _ | _ | _ } }")
