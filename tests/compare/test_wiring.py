"""Which steps changed: proofs held against PyTorch, and laws that every comparison keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given, settings

from specc.api import Model
from specc.compare import SECTIONS, Difference, compare
from specc.compare.wiring import GraphChange
from specc.diagnostics import SpecError
from specc.elaborate import check_file
from specc.ops import operators
from specc.syntax import parse, read
from tests.compare.test_checkpoint import difference, equal, first, model, pair
from tests.compare.test_corpus import CORPUS, PAIRS
from tests.elaborate.random_specs import Spec, specs
from tests.elaborate.test_graphs import outputs, relaxed, samples

ZOO = sorted((Path(__file__).parents[2] / "examples").glob("**/*.cnn"))


def names(change: GraphChange) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Steps added, steps removed, steps changed."""
    added = {node.name for member in change.added for node in getattr(member, "nodes", (member,))}
    removed = {node.name for member in change.removed for node in getattr(member, "nodes", (member,))}
    return added, removed, {(changed.before.name, changed.after.name) for changed in change.changed_steps}


def is_empty(difference: Difference) -> bool:
    sections = (difference.interface, difference.weights, difference.graph, difference.cost)
    lists = (difference.graph.changed_steps, difference.graph.added, difference.graph.removed, difference.graph.outputs)
    return not any(section.changed for section in sections) and not any(lists) and not difference.changed


@settings(max_examples=20, **relaxed)
@given(specs())
def test_a_spec_and_itself(spec: Spec) -> None:
    found = difference(model(spec.text), model(spec.text))
    assert is_empty(found)
    assert not any(found.fails(section) for section in SECTIONS)


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.stem)
def test_a_network_and_itself(path: Path) -> None:
    for one, other in zip(*(check_file(parse(read(path))) for _ in range(2)), strict=True):
        assert is_empty(compare(one.graph, other.graph))


def hold_both_ways(one: Model, other: Model) -> None:
    """What is added one way is removed the other way."""
    there, back = difference(one, other), difference(other, one)
    added, removed, changed = names(there.graph)
    assert (removed, added, {(b, a) for a, b in changed}) == names(back.graph)
    assert there.graph.proven_same == back.graph.proven_same
    assert {(b, a) for a, b in there.graph.renamed} == set(back.graph.renamed)
    for mine, its in (("added", "lost"), ("lost", "added"), ("resized", "resized"), ("renamed", "renamed")):
        turned = {(t.after, t.before, t.shape_after, t.shape_before) for t in getattr(back.weights, its)}
        assert {tuple(t) for t in getattr(there.weights, mine)} == turned
    assert there.weights.kept == back.weights.kept
    for forth, again in zip(there.cost.numbers, back.cost.numbers, strict=True):
        assert (forth.before, forth.after) == (again.after, again.before)
    assert len(there.interface.changes) == len(back.interface.changes)


@pytest.mark.parametrize("name", PAIRS)
def test_the_way_back_tells_the_same(name: str) -> None:
    hold_both_ways(*pair(name))


@settings(max_examples=20, **relaxed)
@given(specs(), specs())
def test_the_way_back_between_random_specs(one: Spec, other: Spec) -> None:
    hold_both_ways(model(one.text), model(other.text))


MUTATIONS = [
    (r"\brelu\b", "softplus"),
    (r"\btanh\b", "relu"),
    (r"leakyrelu\(0\.1\)", "leakyrelu(0.2)"),
    (r"elu\(alpha=0\.5\)", "elu(alpha=0.25)"),
    (r"\bmaxpool\(2\)", "avgpool(2)"),
    (r"groupnorm\(1\)", "groupnorm(1, eps=1e-3)"),
    (r"padding=1, dilation=1", "padding=2, dilation=2"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[new for _, new in MUTATIONS])
@settings(max_examples=12, **relaxed)
@given(specs())
def test_a_step_that_is_another_one_is_found(mutation: tuple[str, str], spec: Spec) -> None:
    """Such a change alters no tensor and no shape: the graph alone can tell."""
    text = re.sub(*mutation, spec.text, count=1)
    assume(text != spec.text)
    before, after = model(spec.text), model(text)
    assume([n.op for n in before.graph.nodes] != [n.op for n in after.graph.nodes])  # the block may never be called
    found = difference(before, after)
    assert found.graph.changed
    added, removed, changed = names(found.graph)
    assert changed or (added and removed)
    assert (found.interface.changed, found.weights.changed) == (False, False)


@settings(max_examples=20, **relaxed)
@given(specs())
def test_another_name_for_every_label_is_no_change_of_the_graph(spec: Spec) -> None:
    """Of the same network with other names, PyTorch computes the same from the same tensors."""
    text = re.sub(r"\b([lge]\d+)\b", r"\1x", spec.text)
    try:
        before, after = model(spec.text), model(text)
    except SpecError:
        assume(False)
    found = difference(before, after)
    assert found.graph.proven_same
    moved = {tensor.before: tensor.after for tensor in (*found.weights.renamed, *found.weights.misplaced)}
    old, new = before.to_torch(seed=1).double(), after.to_torch(seed=2).double()
    new.load_state_dict({moved.get(name, name): tensor for name, tensor in old.state_dict().items()})
    for _, values in samples(spec):
        assert all(map(torch.equal, outputs(old, values), outputs(new, values)))


SAME = "model M : [N, 4, 8, 8] {{ {} }}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: relu -> tanh -> sub { | a | _ }", "a: relu -> tanh -> sub { | _ | a }"),  # another order of inputs
        ("add { | relu | tanh }", "add { | relu | relu }"),
        ("shared t = conv(4, 1) -> t -> t", "conv(4, 1) -> conv(4, 1)"),  # tensors of their own
        ("add { | conv(4, 1) | conv(4, 1) }", "x: conv(4, 1) -> add { | x | x }"),  # one step for two
        ("relu -> tanh", "tanh -> relu"),
        ("slice(0, 2)", "slice(1, 3)"),
        ("conv(4, 1)", "conv(4, 1, init=\"xavier_uniform\")"),
        ("conv(4, 1)", "conv(4, 1, frozen=true)"),
        ("softmax(dim=1)", "softmax(dim=2)"),
    ],
)  # fmt: skip
def test_what_is_not_the_same(before: str, after: str) -> None:
    one, other = (model(SAME.format(text.replace("t = conv(4, 1) ->", "t = conv(4, 1)\n"))) for text in (before, after))
    for found in (difference(one, other), difference(other, one)):
        assert found.graph.changed
        assert any((found.graph.changed_steps, found.graph.added, found.graph.removed, found.graph.outputs))


@pytest.mark.parametrize("arms", ["y | x", "x | y", "y | y"])
def test_one_arm_from_another_step_like_it(arms: str) -> None:
    """Every step has one like it, and only the wires differ."""
    text = """model M : (a: [N, 4, 2], b: [N, 4, 2]) -> (p: [N, 4, 2], q: [N, 8, 2]) {{
      a -> x: relu
      b -> y: relu
      add {{ | x | y }} -> p: tanh
      concat {{ | {} }} -> q: tanh
    }}"""
    before, after = model(text.format("x | x")), model(text.format(arms))
    assert difference(before, after).graph.changed
    assert difference(after, before).graph.changed


def test_another_output_of_the_same_steps() -> None:
    before = model("model M : [N, 4] -> (x: [N, 4], y: [N, 4]) { x: relu -> y: tanh }")
    after = model("model M : [N, 4] -> (y: [N, 4], x: [N, 4]) { y: relu -> x: tanh }")
    found = difference(before, after)
    assert found.graph.changed
    assert {output.name for output in found.graph.outputs} or found.graph.changed_steps


def test_a_step_moved_is_told_by_what_it_takes() -> None:
    before = model("model M : [N, 4] { fc(8) -> drop: dropout(0.5) -> relu -> fc(2) }")
    after = model("model M : [N, 4] { fc(8) -> relu -> drop: dropout(0.5) -> fc(2) }")
    added, removed, changed = names(difference(before, after).graph)
    assert not added
    assert not removed
    assert changed == {("drop", "drop"), ("relu1", "relu1"), ("fc2", "fc2")}


def test_whole_blocks_are_told_as_one() -> None:
    found = difference(first(CORPUS / "blocks" / "before.cnn"), first(CORPUS / "blocks" / "after.cnn"))
    assert [member.name for member in found.graph.added] == ["stage1.2", "stage2.1", "stage2.2"]


ARMS = "model M : [N, 4, 8, 8] {{ {} {{ {} }} }}"
"""A merge of arms, whose steps have the same names wherever they stand."""


@pytest.mark.parametrize("kind", [op.kind for op in operators() if not op.takes_one()])
def test_the_order_of_arms(kind: str) -> None:
    """It is a change where PyTorch then computes something else from the same tensors, and only there."""
    arms = ["| a: conv(4, 3) -> b: relu", "| c: conv(4, 3) -> d: tanh"]
    before, after = (model(ARMS.format(kind, " ".join(order))) for order in (arms, arms[::-1]))
    old, new = before.to_torch(seed=1), after.to_torch(seed=2)
    for tensor in old.parameters():  # which start alike
        torch.nn.init.uniform_(tensor, generator=torch.Generator().manual_seed(tensor.numel()))
    new.load_state_dict(old.state_dict())
    is_same = equal(old, new, (2, 4, 8, 8))
    found = difference(before, after)
    assert found.graph.changed != is_same
    assert found.graph.renamed == ()
    assert found.weights.misplaced == ()


def test_equal_arms_in_another_order() -> None:
    """Their names tell which is which, however deep they lie; PyTorch computes the same from the same tensors."""
    for kind in ("add", "mul", "maximum", "minimum"):
        arms = [
            "| a: conv(4, 3) -> relu",
            "| b: conv(4, 3) -> relu",
            "| relu -> add { | c: conv(4, 3) | d: conv(4, 3) }",
        ]
        turned = [arms[1], "| relu -> add { | d: conv(4, 3) | c: conv(4, 3) }", arms[0]]
        before, after = (model(ARMS.format(kind, " ".join(order))) for order in (arms, turned))
        old, new = before.to_torch(seed=1).double(), after.to_torch(seed=2).double()
        new.load_state_dict(old.state_dict())
        x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)).double()
        assert torch.allclose(old(x), new(x), rtol=1e-12)
        found = difference(before, after)
        assert found.graph.proven_same
        assert (found.weights.misplaced, found.weights.loads) == ((), "name")


def test_equal_arms_of_a_merge_whose_order_counts() -> None:
    arms = ["| a: conv(4, 3) -> relu", "| b: conv(4, 3) -> relu"]
    before, after = (model(ARMS.format("concat", " ".join(order))) for order in (arms, arms[::-1]))
    assert len(difference(before, after).weights.misplaced) == 4


@pytest.mark.parametrize("merges", [("add", "sub"), ("sub", "add")])
def test_arms_that_another_merge_tells_apart(merges: tuple[str, str]) -> None:
    """By their tensors' names the arms of the one merge would be paired crosswise; the other one tells otherwise."""
    text = """model M : (x: [N, 4]) -> (p: [N, 4], q: [N, 4]) {{
      x -> {0}: fc(4) -> s: tanh
      x -> {1}: fc(4) -> t: tanh
      {2} {{ {4} }} -> p: tanh
      {3} {{ {5} }} -> q: tanh
    }}"""
    turned = ["| t | s" if kind == "add" else "| s | t" for kind in merges]
    before = model(text.format("a", "b", *merges, "| s | t", "| s | t"))
    after = model(text.format("b", "a", *merges, *turned))
    found = difference(before, after)
    assert found.graph.proven_same
    assert {(t.before, t.after) for t in found.weights.misplaced} >= {("a.weight", "b.weight")}


def test_arms_put_about_are_no_change_of_their_merge() -> None:
    """Elsewhere something has changed, and nothing is proven."""
    text = "a: conv(4, 1) -> b: conv(4, 3, padding=1) -> add { | a | b } -> relu"
    before, after = model(SAME.format(text)), model(SAME.format(text.replace("| a | b", "| b | a") + " -> tanh"))
    added, removed, changed = names(difference(before, after).graph)
    assert (added, removed, changed) == ({"tanh1"}, set(), set())


def test_names_are_believed_where_they_tell_the_change() -> None:
    """By place a step more would be at the end, and every label would have moved on by one."""
    before = model("model M : [N, 4] { a: fc(4) -> b: fc(4) -> c: fc(4) }")
    after = model("model M : [N, 4] { z: fc(4) -> a: fc(4) -> b: fc(4) -> c: fc(2) }")
    assert names(difference(before, after).graph) == ({"z"}, set(), {("c", "c")})
