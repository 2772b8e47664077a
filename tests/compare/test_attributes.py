"""Spellings of one attribute: no change of the graph, and PyTorch computes the same."""

from __future__ import annotations

import pytest
import torch

from specc.compare.attributes import canonical_attributes
from tests.compare.test_checkpoint import difference, model

IMAGE = "[N, 4, 12, 12]"
SAME = [
    (IMAGE, "conv(4, 3)", "conv(4, [3, 3])"),
    (IMAGE, "conv(4, 3, stride=2)", "conv(4, 3, stride=[2, 2])"),
    (IMAGE, "conv(4, 3, dilation=2)", "conv(4, 3, dilation=[2, 2])"),
    (IMAGE, "conv(4, 3, padding=0)", 'conv(4, 3, padding="valid")'),
    (IMAGE, "conv(4, 3, padding=1)", 'conv(4, 3, padding="same")'),
    (IMAGE, "conv(4, [3, 5], padding=[2, 2], dilation=[2, 1])", 'conv(4, [3, 5], padding="same", dilation=[2, 1])'),
    (IMAGE, "convtranspose(4, 3, stride=2, output_padding=1)", "convtranspose(4, 3, [2, 2], output_padding=[1, 1])"),
    ("[N, 1, 5]", "conv(1, 2, weight=[[[1, -1]]], bias=false)", "conv(1, 2, weight=[[[1.0, -1]]], bias=false)"),
    (IMAGE, "maxpool(2)", "maxpool(2, stride=2)"),
    (IMAGE, "avgpool([3, 2])", "avgpool([3, 2], stride=[3, 2], padding=0)"),
    (IMAGE, "adaptiveavgpool(3)", "adaptiveavgpool([3, 3])"),
    (IMAGE, "adaptiveavgpool([none, 3])", "adaptiveavgpool([12, 3])"),
    (IMAGE, "upsample(scale_factor=2)", "upsample(scale_factor=[2, 2.0])"),
    (IMAGE, 'upsample(size=24, mode="bilinear")', 'upsample(size=[24, 24], mode="bilinear", align_corners=false)'),
    (IMAGE, "softmax(1)", "softmax(-3)"),
    ("[N, 4]", "softmax(1)", "softmax(-1)"),
    (IMAGE, "flatten", "flatten(1, 3)"),
    (IMAGE, "flatten(-2)", "flatten(2, -1)"),
    (IMAGE, "mean([2, 3])", "mean([-1, 2])"),
    (IMAGE, "amax(2)", "amax([2])"),
    (IMAGE, "permute(0, 2, 3, 1)", "permute(0, -2, -1, 1)"),
    (IMAGE, "reshape(-1, 8, 72)", "reshape(N, 8, 72)"),
    (IMAGE, "reshape(N, -1, 72)", "reshape(N, 8, 72)"),
    (IMAGE, "slice(1, 3)", "slice(-3, -1)"),
    (IMAGE, "slice(1, 3, dim=-1)", "slice(1, 3, dim=3)"),
    (IMAGE, "pad(1)", "pad([1, 1, 1, 1])"),
    (IMAGE, "pad([1, 2])", "pad([1, 2, 0, 0])"),
    ("[N, 4]", "layernorm", "layernorm(4)"),
    ("[N, 3, 4]", "layernorm([4])", "layernorm(normalized_shape=4)"),
    ("[N, 4]", "softplus(beta=1)", "softplus(beta=1.0)"),
    (IMAGE, "concat(dim=1) { | relu | tanh }", "concat(dim=-3) { | relu | tanh }"),
    (IMAGE, "scale(dim=1)", "scale(dim=-3)"),
    (IMAGE, "standardize([0.5, 0.5, 0.5, 0.5], 2)", "standardize(0.5, [2, 2, 2, 2], dim=-3)"),
    (IMAGE, "affine([1, 2, 3, 4], 1)", "affine([1, 2, 3, 4], [1, 1, 1, 1], dim=-3)"),
]
OTHER = [
    (IMAGE, "conv(4, 3)", "conv(4, [3, 1])"),
    (IMAGE, "conv(4, 3, padding=1)", 'conv(4, 3, padding="valid")'),
    (IMAGE, "conv(4, 2, padding=1)", 'conv(4, 2, padding="same")'),
    (IMAGE, "maxpool(2)", "maxpool(2, stride=1)"),
    (IMAGE, "softmax(1)", "softmax(-1)"),
    (IMAGE, "mean([2, 3])", "mean([1, 2])"),
    (IMAGE, "permute(0, 2, 3, 1)", "permute(0, 3, 2, 1)"),
    (IMAGE, "pad([1, 1])", "pad([1, 1, 1, 1])"),
    (IMAGE, "pad([0, 0, 1, 1])", "pad([1, 1])"),
    (IMAGE, "slice(1, 3)", "slice(-3, -2)"),
    ("[N, 4, 4]", "layernorm(4)", "layernorm([4, 4])"),
    (IMAGE, "lrn(3)", "lrn(5)"),
    (IMAGE, "flatten(2)", "flatten(1, 2)"),
    (IMAGE, 'upsample(size=24, mode="bilinear")', 'upsample(size=24, mode="bilinear", align_corners=true)'),
    (IMAGE, "conv(4, 3, bias=true)", "conv(4, 3, bias=false)"),
    (IMAGE, "affine([1, 2, 3, 4], 1)", "affine([1, 2, 3, 4], [1, 1, 1, 2])"),
    ("[N, 4, 4]", "affine([1, 2, 3, 4])", "affine([1, 2, 3, 4], dim=2)"),
]


def spec(given: str, step: str) -> str:
    return f"model M : {given} {{ s: {step} }}"


def sample(given: str) -> torch.Tensor:
    sizes = [int(size) for size in given.strip("[]").split(",")[1:]]
    return torch.randn(2, *sizes, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("given", "one", "other"), SAME)
def test_one_meaning(given: str, one: str, other: str) -> None:
    before, after = model(spec(given, one)), model(spec(given, other))
    old, new = before.to_torch(seed=1), after.to_torch(seed=2)
    new.load_state_dict(old.state_dict())
    assert torch.equal(old(sample(given)), new(sample(given))), "the case is wrong"
    found = difference(before, after)
    assert found.graph.proven_same
    assert not found.changed


@pytest.mark.parametrize(("given", "one", "other"), OTHER)
def test_two_meanings(given: str, one: str, other: str) -> None:
    before, after = model(spec(given, one)), model(spec(given, other))
    for found in (difference(before, after), difference(after, before)):
        (changed,) = found.graph.changed_steps
        assert changed.attributes


def test_only_what_differs_is_told() -> None:
    before, after = (model(spec(IMAGE, step)) for step in ("conv(4, 3, padding=0)", 'conv(4, [3, 1], padding="valid")'))
    (changed,) = difference(before, after).graph.changed_steps
    assert [attribute.name for attribute in changed.attributes] == ["kernel"]


@pytest.mark.parametrize("step", ["softmax(-1)", "reshape(N, -1)", "flatten", "slice(-3, -1)", "layernorm"])
def test_a_step_is_the_same_on_another_input(step: str) -> None:
    """What it means there differs, and what has changed is the input."""
    found = difference(model(spec("[N, 4, 8]", step)), model(spec("[N, 4, 6, 6]", step)))
    assert not found.graph.changed_steps


def test_of_what_a_step_takes_the_sizes_alone() -> None:
    """Any value will do that has them, at every size; numbers that it reads are those of one step."""
    contract = "[N, 4, H, W] where H >= 5, W >= 5"
    text = f"model M : {contract} {{{{ a: conv(4, 3) -> b: relu -> conv(4, 3, padding={{}}) -> upsample(like={{}}) }}}}"
    one, other = (model(text.format(1, like)) for like in "ab")
    old, new = (each.to_torch(seed=1) for each in (one, other))
    assert torch.equal(old(sample(IMAGE)), new(sample(IMAGE))), "the case is wrong"
    assert not difference(one, other).changed
    assert difference(one, model(text.format(1, "in"))).graph.changed
    assert difference(one, model(text.format(0, "a"))).graph.changed


def test_a_step_without_tensors_may_be_applied_again() -> None:
    text = "model M : [N, 4] {{ {}fc(4) -> {} -> fc(4) -> {} }}"
    again = model(text.format("shared act = relu\n", "act", "act"))
    assert difference(model(text.format("", "relu", "relu")), again).graph.proven_same


def test_symbolic_sizes() -> None:
    long = "model M : [N, 4, {}] where {} >= 3 {{ {} }}"
    one, other = long.format("H", "H", "slice(0, -2, dim=2)"), long.format("W", "W", "slice(0, W - 2, dim=-1)")
    assert difference(model(one), model(other)).graph.proven_same
    one, other = long.format("H", "H", "reshape(N, -1)"), long.format("W", "W", "reshape(N, 4*W)")
    assert difference(model(one), model(other)).graph.proven_same


def test_every_attribute_is_compared() -> None:
    """Operators that read an attribute in a way of their own still compare all of them."""
    for given, one, other in [*SAME, *OTHER]:
        for step in (one, other):
            for node in model(spec(given, step)).graph.nodes:
                fields = [name for name in type(node.op).model_fields if name not in node.op.measures]
                assert list(canonical_attributes(node)) == fields
