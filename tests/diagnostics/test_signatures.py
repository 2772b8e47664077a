"""The arguments of other tools' layers: held against PyTorch's own signatures and against the operators here."""

from __future__ import annotations

import inspect

import pytest
import torch

from specc.diagnostics.signatures import CHANNELS_FIRST, FAMILIAR, SIGNATURES
from specc.diagnostics.vocabulary import ARGUMENTS, LAYERS, squeezed
from specc.ops import find
from tests.diagnostics.test_spelling import DARKNET, KERAS, MXNET

TOLD = {"in_channels": "channels", "in_features": "features", "num_features": "channels", "num_channels": "channels"}
OF_PYTORCH = sorted(word for word in SIGNATURES if word[0].isupper() and word[-2:] in ("1d", "2d", "3d"))


@pytest.mark.parametrize("word", [*OF_PYTORCH, "Linear", "LazyLinear", "GroupNorm", "Dropout"])
def test_the_order_is_that_of_pytorch(word: str) -> None:
    theirs = list(inspect.signature(getattr(torch.nn, word)).parameters)
    for place, argument in enumerate(SIGNATURES[word].places):
        if argument.name:
            name = theirs[place]
            known = {name, TOLD.get(name, ""), *ARGUMENTS.get(name.replace("_", ""), LAYERS["conv"]).names}
            assert argument.name in known, (word, place)


def test_what_is_written_here_is_an_operator_with_these_arguments() -> None:
    for word, signature in {**SIGNATURES, **CHANNELS_FIRST}.items():
        layer = signature.layer.split(" ")[0].split("(")[0]
        kind = find(layer)
        assert kind is not None, word
        kept = [each for each in (*signature.places, *signature.names) if each.role in ("", "rest") and each.name]
        assert {argument.name for argument in kept} <= {*kind.model_fields, "out_channels"}, word
        own = [argument.name for argument in signature.places[: signature.most_placed] if argument.role != "told"]
        if "{" not in signature.layer:
            assert own == list(kind.model_fields)[: len(own)], word


def test_what_is_called_alike_is_a_layer() -> None:
    assert {word for word in FAMILIAR if find(word) is None} == set()


@pytest.mark.parametrize("tool", ["torch", "keras", "darknet", "mxnet"])
def test_every_layer_of_other_tools_has_an_answer(tool: str) -> None:
    """A name here, what it is called, what is done instead, or the knowledge that there is no such layer."""
    kinds = [kind for kind in vars(torch.nn).values() if isinstance(kind, type)]
    modules = {kind.__name__ for kind in kinds if issubclass(kind, torch.nn.Module)}
    words = {"torch": modules, "keras": KERAS, "darknet": DARKNET, "mxnet": MXNET}[tool]
    forms = {word: {word, word.lower().replace("_", ""), squeezed(word)} for word in words}
    unknown = {word for word in words if not any(find(f) or f in LAYERS or f in SIGNATURES for f in forms[word])}
    assert unknown == set()
