"""The names of steps and parameters: what a state dict and an ONNX file are read by."""

from __future__ import annotations

import pytest
import torch

from specc.api import Model
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse


def names(steps: str, contract: str = "[N, 8, 8, 8]") -> list[str]:
    (checked,) = check_file(parse(Source("m.cnn", f"model M : {contract} {{ {steps} }}")))
    return [node.name for node in checked.graph.nodes]


def test_a_step_is_named_by_kind_and_place() -> None:
    assert names("conv(8, 1) -> bn -> relu -> conv(8, 1) -> batchnorm -> relu") == [
        "conv1", "batchnorm1", "relu1", "conv2", "batchnorm2", "relu2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "steps",
    [
        "repeat 2 { < conv(8, 1) / } -> repeat 2 { < conv(8, 1) -> a: bn / }",
        "< conv(8, 1) -> body: repeat 2 { < b: conv(8, 1) / } -> a: conv(8, 1) / -> add { | a | body[1].b }",
        "shared t = < conv(8, 1) /\n shared u = < bn -> prelu /\n t -> u -> t -> u",
        "concat { | < conv(8, 1) / | for each i in range(2) { < conv(8, 1) / } }",
        'for i in range(2) { < "l{i}": conv(8, 1) / }',
    ],
)
def test_what_freezes_steps_renames_none(steps: str) -> None:
    """Around a round, shared steps or an arm of one step, too, whose name the step has."""
    assert names(steps.replace("<", "frozen {").replace("/", "}")) == names(steps.replace("<", "").replace("/", ""))


def test_inserting_a_step_without_tensors_renames_no_weight() -> None:
    weights = {"conv1", "instancenorm1", "instancenorm2"}
    short = names("conv(8, 1) -> instancenorm(affine=true) -> instancenorm(affine=true)")
    longer = names(
        "relu -> instancenorm -> conv(8, 1) -> instancenorm(affine=true) -> relu -> instancenorm(affine=true)"
    )
    assert set(short) == weights
    assert weights < set(longer)
    assert len(set(longer)) == 6


def test_labelling_a_step_renames_no_other() -> None:
    assert names("conv(8, 1) -> conv(8, 1) -> conv(8, 1)") == ["conv1", "conv2", "conv3"]
    assert names("conv(8, 1) -> mid: conv(8, 1) -> conv(8, 1)") == ["conv1", "mid", "conv3"]


def test_arms_share_the_numbering() -> None:
    assert names("add { | conv(8, 1) | conv(8, 1) -> conv(8, 1) } -> conv(8, 1)") == [
        "conv1", "conv2", "conv3", "add1", "conv4",
    ]  # fmt: skip


def test_a_free_name_is_found_beside_labels_and_ports() -> None:
    assert names("relu1: relu -> relu") == ["relu1", "relu2"]
    assert names("relu -> relu", "(relu1: [N, 8])") == ["relu2", "relu3"]


BLOCKS = "block two(c) { conv(c, 1) -> relu -> conv(c, 1) }\nblock stage(unit, n) { repeat n { unit(8) } }\n"
PATHS = {
    "two(8) -> two(8)": "two1.conv1 two1.conv2 two2.conv1 two2.conv2",
    "layer1: two(8) -> two(8)": "layer1.conv1 layer1.conv2 two2.conv1 two2.conv2",
    "layer1: stage(two, 2)": "layer1.0.conv1 layer1.0.conv2 layer1.1.conv1 layer1.1.conv2",
    "repeat 2 { conv(8, 1) }": "0 1",
    "repeat 2 { conv(8, 1) -> relu }": "0.conv1 1.conv1",
    "repeat 2 { c: conv(8, 1) }": "0.c 1.c",
    "repeat 2 { conv(8, 1) } -> for c in [8, 8] { conv(c, 1) }": "0 1 2 3",
    "tail: repeat 2 { conv(8, 1) } -> repeat 1 { conv(8, 1) }": "tail.0 tail.1 0",
    "repeat 2 { repeat 2 { conv(8, 1) } }": "0.0 0.1 1.0 1.1",
    "repeat 2 { { conv(8, 1) -> conv(8, 1) } }": "0.conv1 0.conv2 1.conv1 1.conv2",
    "repeat 2 { if true { conv(8, 1) } }": "0 1",
    "g: { conv(8, 1) -> { conv(8, 1) } -> if true { conv(8, 1) } }": "g.conv1 g.conv2 g.conv3",
    "d: { 0: conv(8, 1) -> 1: bn }": "d.0 d.1",
    "conv: conv(8, 1) -> conv(8, 1)": "conv conv2",
    "add { | a: conv(8, 1) | conv(8, 1) -> b: { conv(8, 1) } } -> conv(8, 1)": "a conv2 b.conv1 conv3",
    "shared t = conv(8, 1) -> bn\n t -> t -> conv(8, 1)": "t.conv1 t.batchnorm1 conv1",
    "shared t = conv(8, 1)\n t -> t": "t",
    "g: { shared t = two(8)\n t -> t }": "g.t.conv1 g.t.conv2",
    "g: { shared t = { conv(8, 1) -> conv(8, 1) }\n repeat 2 { t -> t } }": "g.t.conv1 g.t.conv2",
    "if 1 == 1 { conv(8, 1) } else { x: conv(8, 1) }": "conv1",
    "d: if 1 == 2 { conv(8, 1) } else { conv(8, 1) }": "d.conv1",
}


@pytest.mark.parametrize("steps", PATHS)
def test_the_paths_of_tensors(steps: str) -> None:
    """Blocks, labelled groups and loops are scopes; rounds are numbered; shared steps have one path."""
    (checked,) = check_file(parse(Source("m.cnn", f"{BLOCKS}model M : [N, 8, 8, 8] {{ {steps} }}")))
    assert list(dict.fromkeys(key.rpartition(".")[0] for key, _ in checked.graph.state)) == PATHS[steps].split()
    assert list(Model(checked).to_torch(seed=1).state_dict()) == [key for key, _ in checked.graph.state]


@pytest.mark.parametrize("label", ["training", "_"])
def test_a_label_that_would_hide_something_is_refused(label: str) -> None:
    with pytest.raises(SpecError, match="S0204"):
        names(f"{label}: relu")


@pytest.mark.parametrize("label", ["forward", "type", "lambda", "class", "__init__", "_parameters", "x", "torch", "F"])
def test_a_label_that_python_has_plans_for_works(label: str) -> None:
    """The state dict has the label's own name, and the module computes what it should."""
    spec = f"model M : [N, 8] {{ {label}: fc(8) -> add {{ | _ | {label} }} }}"
    (checked,) = check_file(parse(Source("m.cnn", spec)))
    module = Model(checked).to_torch(seed=1)
    assert list(module.state_dict()) == [f"{label}.weight", f"{label}.bias"]
    x = torch.randn(3, 8)
    weight, bias = module.state_dict().values()
    torch.testing.assert_close(module(x), 2 * torch.nn.functional.linear(x, weight, bias))
