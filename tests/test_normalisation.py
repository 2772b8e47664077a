"""What a network does with its inputs first: the rest of it, fed with what is claimed, gives the same in PyTorch."""

from __future__ import annotations

import pytest
import torch

import specc
from specc.analyses.normalisation import normalisations

LISTS = "[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]"
PHOTO, LAST = "[N, 3, 6, 5]", "[N, 6, 5, 3]"
TO_FIRST = "permute(0, 3, 1, 2)"


@pytest.mark.parametrize(
    ("shape", "first", "rest", "order"),
    [
        (PHOTO, "affine(1 / 255)", "conv(2, 3)", None),
        (PHOTO, "affine(2, 0.5) -> affine(-4, 1)", "conv(2, 3)", None),
        (PHOTO, f"standardize({LISTS})", "conv(2, 3)", None),
        (PHOTO, f"affine(1 / 255) -> standardize({LISTS}) -> affine([1, 2, 4])", "conv(2, 3)", None),
        (PHOTO, "standardize([0.5, 0.25, 1], 2) -> affine(3, [1, 2, 3])", "conv(2, 3)", None),
        (LAST, f"affine(1 / 255) -> {TO_FIRST} -> standardize({LISTS})", "conv(2, 3)", TO_FIRST),
        (LAST, f"standardize({LISTS}, dim=-1) -> {TO_FIRST} -> affine([1, 2, 4])", "conv(2, 3)", TO_FIRST),
        (PHOTO, "standardize(0.5)", "maxpool(2) -> affine(3)", None),
        # Whatever the others read, all of them read what one step has made.
        (PHOTO, "affine(2)", "concat { | conv(2, 1) | affine(3) }", None),
        # Lists along two axes are no normalisation in one: the second is part of the rest.
        (PHOTO, "affine([1, 2, 3])", "affine([1, 2, 3, 4, 5], dim=3) -> conv(2, 1)", None),
    ],
)
def test_the_rest_sees_what_is_claimed(shape: str, first: str, rest: str, order: str | None) -> None:
    between = f"{order} -> " if order else ""
    whole = specc.loads(f"model M : {shape} {{ {first} -> {rest} }}")
    (found,) = normalisations(whole.graph).values()
    assert found is not None
    x = torch.rand(2, *map(int, shape.strip("[]").split(", ")[1:]), generator=torch.Generator().manual_seed(3)) * 9
    column = [1] * (0 if found.axis is None else x.dim() - 2 - found.axis)
    mean, std = (torch.tensor(numbers).reshape(-1, *column) for numbers in (found.mean, found.std))
    module = specc.loads(f"model M : {shape} {{ {between}{rest} }}").to_torch()
    module.load_state_dict(
        dict(zip(module.state_dict(), whole.to_torch().state_dict().values(), strict=True))
    )  # weights are drawn by the names of steps
    torch.testing.assert_close(whole.to_torch()(x), module((x - mean) / std), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (PHOTO, "conv(2, 3)"),
        (PHOTO, "relu -> affine(2)"),
        (PHOTO, "affine(2) -> affine(0.5) -> conv(2, 1)"),
        (PHOTO, "affine(0) -> conv(2, 1)"),
        (PHOTO, "bn -> affine(2)"),
        (PHOTO, "maxpool(2) -> affine(2)"),
        (PHOTO, "scale -> affine(2)"),
        ("[N, 3, 4, 4]", "flatten -> affine(2)"),
        (PHOTO, "concat { | affine(2) | conv(2, 1) }"),  # the other reads the numbers as they come
    ],
)
def test_nothing_is_claimed_otherwise(shape: str, body: str) -> None:
    assert normalisations(specc.loads(f"model M : {shape} {{ {body} }}").graph) == {"input": None}


def test_an_input_that_is_an_output_too() -> None:
    net = specc.loads("model M : (a: [N, 3]) -> (raw: [N, 3], y: [N, 3]) { a -> raw: identity\n a -> y: affine(2) }")
    assert normalisations(net.graph) == {"a": None}


def test_each_input_has_its_own() -> None:
    net = specc.loads("model M : (a: [N, 3], b: [N, 3]) { add { | a -> affine(2) | b -> standardize(1) } }")
    assert {name: found and (found.mean, found.std) for name, found in normalisations(net.graph).items()} == {
        "a": ((0.0,), (0.5,)),
        "b": ((1.0,), (1.0,)),
    }
