"""Calls that give what they take, when nothing is trained."""

from __future__ import annotations

from typing import Any

from specc.importing.from_torch.call import CallReader, rule
from specc.importing.program import Unsayable


@rule("clone", "detach", "lift_fresh_copy", "contiguous", "alias")
def same(call: CallReader) -> Any:
    """How the numbers lie in memory is no part of what is computed."""
    call.ignore("memory_format")
    return call["self"]


@rule("to", "_to_copy")
def to(call: CallReader) -> Any:
    call.ignore("non_blocking", "copy", "memory_format", "device", "layout", "pin_memory", "other")
    call.demand("dtype", None, "float32")
    return call["self"]


@rule("dropout")
def dropout(call: CallReader) -> Any:
    return _dropout(call, "dropout")


@rule("alpha_dropout")
def alpha_dropout(call: CallReader) -> Any:
    return _dropout(call, "alphadropout")


@rule("feature_dropout", "feature_alpha_dropout")
def feature_dropout(call: CallReader) -> Any:
    call.note("it drops whole channels in training, and the spec's dropout single elements: the language has no other")
    return _dropout(call, "dropout" if call.name == "feature_dropout" else "alphadropout")


def _dropout(call: CallReader, kind: str) -> Any:
    if call["train"]:
        raise Unsayable("it drops elements at random, as in training: export the module after module.eval()")
    x, p = call["input"], call["p"]
    return call.step(kind, x, p=float(p)) if p and isinstance(x, str) else x
