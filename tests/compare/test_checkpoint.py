"""The verdict on an old checkpoint, held against PyTorch's strict load_state_dict and against specc's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

import specc
from specc.api import Model
from specc.compare import Difference, compare
from specc.compare.checkpoint import WeightsChange
from specc.diagnostics import UsageError
from specc.elaborate import check_file
from specc.source import Source
from specc.syntax import parse
from tests.compare.test_corpus import CORPUS, PAIRS
from tests.elaborate.random_specs import Spec, specs
from tests.elaborate.test_graphs import relaxed


def model(text: str) -> Model:
    (one,) = check_file(parse(Source("spec.cnn", text)))
    return Model(one)


def first(path: Path) -> Model:
    return Model(check_file(parse(Source(path.name, path.read_text(encoding="utf-8"))))[0])


def pair(name: str) -> tuple[Model, Model]:
    return first(CORPUS / name / "before.cnn"), first(CORPUS / name / "after.cnn")


def difference(before: Model, after: Model) -> Difference:
    return compare(before.graph, after.graph)


def torch_takes(state: dict[str, Tensor], module: nn.Module) -> bool:
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError:
        return False
    return True


def specc_takes(file: Path, network: Model, match: str) -> bool:
    try:
        network.weights(file=file, match=match)
    except UsageError:
        return False
    return True


def hold(weights: WeightsChange, before: Model, after: Model, folder: Path) -> None:
    """The verdict is what really happens, and every tensor is accounted for."""
    old, new = before.to_torch(seed=1).state_dict(), after.to_torch(seed=2)
    assert (weights.loads == "name") == torch_takes(old, new)
    file = folder / "old.pt"
    torch.save(dict(old), file)
    own = folder / "old.safetensors"
    before.save_weights(own, seed=1)
    for checkpoint in (file, own) if old else ():
        assert (weights.loads == "name") == specc_takes(checkpoint, after, "name")
        if weights.loads != "name":
            assert (weights.loads == "order") == specc_takes(checkpoint, after, "order")
    now = new.state_dict()
    told = [*weights.renamed, *weights.resized]
    same = [name for name in old if name in now and old[name].shape == now[name].shape]
    assert weights.kept == len(same)
    assert weights.kept_elements == sum(old[name].numel() for name in same)
    assert sorted([*same, *(t.before for t in (*told, *weights.lost))]) == sorted(old)  # type: ignore[type-var]
    assert sorted([*same, *(t.after for t in (*told, *weights.added))]) == sorted(now)  # type: ignore[type-var]
    for tensor in (*told, *weights.lost, *weights.added):
        assert tensor.before is None or tensor.shape_before == tuple(old[tensor.before].shape)
        assert tensor.after is None or tensor.shape_after == tuple(now[tensor.after].shape)


@pytest.mark.parametrize("name", PAIRS)
def test_the_verdict_is_what_pytorch_and_specc_do(name: str, tmp_path: Path) -> None:
    for before, after in (pair(name), pair(name)[::-1]):
        hold(difference(before, after).weights, before, after, tmp_path)


@settings(max_examples=25, **relaxed)
@given(specs(), specs())
def test_the_verdict_on_random_specs(tmp_path_factory: Any, one: Spec, other: Spec) -> None:
    before, after = model(one.text), model(other.text)
    hold(difference(before, after).weights, before, after, tmp_path_factory.mktemp("weights"))
    assert difference(before, before).weights.loads == "name"


def equal(before: nn.Module, after: nn.Module, shape: tuple[int, ...]) -> bool:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return torch.equal(before(x), after(x))


def test_tensors_that_load_into_other_steps_are_told() -> None:
    """PyTorch loads them without a word, and computes something else."""
    before, after = pair("swapped_labels")
    weights = difference(before, after).weights
    assert weights.loads == "name"
    assert weights.breaking
    old, new = before.to_torch(seed=1), after.to_torch(seed=2)
    assert torch_takes(old.state_dict(), new)
    assert not equal(old, new, (2, 4, 8, 8))
    new.load_state_dict({t.after: old.state_dict()[t.before] for t in weights.misplaced})
    assert equal(old, new, (2, 4, 8, 8))


SWAP = (
    "model M : [N, 4] -> (o: [N, 4]) {{ {before}{}: fc(4{given}) -> relu -> {between}{}: fc(4) -> {} -> o: identity }}"
)
END = "relu -> fc(4)"
ELSEWHERE = [
    {"before": "dropout(0.1) -> "},
    {"before": "tanh -> "},
    {"between": "tanh -> "},
    {"end": f"{END} -> dropout(0.1)"},
    {"end": "tanh -> fc(4)"},
    {"end": f"softmax -> {END}"},
    {"given": ", frozen=true"},
    {"given": ', init="xavier_uniform"'},
    {"before": "dropout(0.1) -> ", "end": "tanh -> fc(4) -> tanh"},
]


def swap(*labels: str, before: str = "", between: str = "", given: str = "", end: str = END) -> Model:
    return model(SWAP.format(*labels, end, before=before, between=between, given=given))


@pytest.mark.parametrize("change", ELSEWHERE, ids=str)
def test_labels_that_seem_to_have_changed_places(change: dict[str, str]) -> None:
    """Nothing is proven of a network that has changed elsewhere, too; and PyTorch still loads without a word."""
    old = swap("a", "b")
    assert torch_takes(old.to_torch().state_dict(), swap("b", "a", **change).to_torch())
    weights = difference(old, swap("b", "a", **change)).weights
    assert (weights.loads, weights.guessed, weights.breaking) == ("name", True, True)
    homes = {(tensor.before, tensor.after) for tensor in weights.misplaced}
    assert homes == {(f"{a}.{n}", f"{b}.{n}") for a, b in ("ab", "ba") for n in ("weight", "bias")}
    kept = difference(old, swap("a", "b", **change)).weights
    assert (kept.loads, kept.misplaced, kept.breaking) == ("name", (), False)


def test_only_the_labels_that_have_changed_places() -> None:
    """The arms are in another order, too, and that changes nothing."""
    text = "model M : [N, 4] {{ add {{ | {}: fc(4) | {}: fc(4) }} -> {}: fc(4) -> relu -> {}: fc(4) -> {} }}"
    weights = difference(model(text.format(*"xyab", "tanh")), model(text.format(*"yxba", "relu"))).weights
    assert {tensor.before for tensor in weights.misplaced} == {"a.weight", "a.bias", "b.weight", "b.bias"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: fc(4) -> b: fc(4) -> c: fc(4)", "z: fc(4) -> a: fc(4) -> b: fc(4) -> c: fc(2)"),
        ("a: fc(4) -> b: fc(4) -> c: fc(4) -> tanh", "b: fc(4) -> c: fc(4) -> relu"),
        ("fc(4) -> relu -> fc(4) -> relu -> fc(2)", "fc(4) -> relu -> fc(4) -> relu -> fc(4) -> relu -> fc(2) -> tanh"),
        ("a: fc(4) -> relu -> b: fc(8)", "b: fc(4) -> relu -> a: fc(8) -> tanh"),
    ],
)
def test_a_step_put_in_or_taken_out_misplaces_nothing(before: str, after: str) -> None:
    """Each step has one like it before it: it is not taken for that one."""
    one, other = (model(f"model M : [N, 4] {{ {text} }}") for text in (before, after))
    for weights in (difference(one, other).weights, difference(other, one).weights):
        assert not weights.misplaced


TWO = "model M : [N, 4, 8, 8] {{ {}: conv(4, 3) -> relu -> {}: conv(4, 3) }}"


@pytest.mark.parametrize("labels", [("x", "y"), ("b", "z")])
def test_by_order_every_tensor_gets_to_its_step(labels: tuple[str, str], tmp_path: Path) -> None:
    before, after = model(TWO.format("a", "b")), model(TWO.format(*labels))
    weights = difference(before, after).weights
    assert (weights.loads, weights.order_fits, weights.guessed) == ("order", True, False)
    before.save_weights(tmp_path / "a.safetensors", seed=1)
    loaded = after.to_torch(weights=tmp_path / "a.safetensors", match="order")
    assert equal(before.to_torch(seed=1), loaded, (2, 4, 8, 8))


def test_by_order_tensors_may_get_to_other_steps() -> None:
    """The arms are written in another order, under other names: the shapes agree, and the tensors do not."""
    before = model("model M : [N, 4, 8, 8] { a: conv(4, 1) -> in -> b: conv(4, 1) -> add { | a | b } }")
    after = model("model M : [N, 4, 8, 8] { y: conv(4, 1) -> in -> x: conv(4, 1) -> add { | x | y } }")
    found = difference(before, after)
    assert found.graph.proven_same
    assert (found.weights.loads, found.weights.order_fits) == ("order", False)
    renamed = {tensor.before: tensor.after for tensor in found.weights.renamed}
    assert renamed == {"a.weight": "x.weight", "a.bias": "x.bias", "b.weight": "y.weight", "b.bias": "y.bias"}


def test_frozen_and_trainable() -> None:
    before = model("model M : [N, 3, 8, 8] { a: conv(4, 3) -> b: conv(4, 3, frozen=true) }")
    after = model("model M : [N, 3, 8, 8] { a: conv(4, 3, frozen=true) -> c: conv(4, 3) }")
    weights = difference(before, after).weights
    assert weights.frozen == ("a.weight", "a.bias")
    assert weights.trainable == ("c.weight", "c.bias")


def test_networks_without_tensors_fit() -> None:
    weights = difference(model("model M : [N, 4] { relu }"), model("model M : [N, 4] { tanh }")).weights
    assert (weights.loads, weights.changed) == ("name", False)


def test_resnet_18_and_34() -> None:
    """torchvision's have 122 and 218 tensors, and the 122 are among the 218."""
    zoo = Path(__file__).parents[2] / "examples" / "zoo" / "resnet.cnn"
    weights = difference(specc.load(zoo, model="ResNet18"), specc.load(zoo, model="ResNet34")).weights
    assert (weights.kept, len(weights.added), weights.lost, weights.resized) == (122, 96, (), ())
