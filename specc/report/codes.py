"""What the diagnostic codes mean, each with a spec that earns it."""

from __future__ import annotations

import re
from typing import NamedTuple

from specc.diagnostics import Code, SpecError, UsageError
from specc.elaborate import check_file
from specc.report.diagnostics import render
from specc.source import Source
from specc.syntax import parse


class _Entry(NamedTuple):
    """``example`` is refused with this code; None where no text can show it."""

    meaning: str
    example: str | None


_ENTRIES = {
    Code.UNREADABLE: _Entry(
        "The file is not a text that can be read: not UTF-8, with control characters, or too large.", None
    ),
    Code.SYNTAX: _Entry(
        "The text does not follow the language's grammar.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3) relu\n}\n",
    ),
    Code.BRACKETS: _Entry(
        "A bracket or a quotation mark has no partner.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3\n}\n",
    ),
    Code.NO_MODEL: _Entry(
        "The file has neither a model nor blocks, or a model has no steps.",
        "model Net : [N, 3, 8, 8] { }\n",
    ),
    Code.LANGUAGE_VERSION: _Entry(
        "The first line pins another version of the language than this compiler reads.",
        "# specc 2\nmodel Net : [N, 3] { relu }\n",
    ),
    Code.IMPORT: _Entry(
        "An imported file is missing, imports itself, lies outside the project, or has no such block or let.",
        'from "/blocks.cnn" import basic\nmodel Net : [N, 3, 8, 8] { basic(8) }\n',
    ),
    Code.SHAPE: _Entry(
        "A step's attributes give no result of positive size.",
        "model Net : [N, 3, 1, 1] {\n  convtranspose(8, 1, padding=1)\n}\n",
    ),
    Code.RANK: _Entry(
        "A step takes inputs of another number of axes, or another number of inputs.",
        "model Net : [N, 3, 8, 8] {\n  flatten\n  conv(8, 3)\n}\n",
    ),
    Code.NOT_FLAT: _Entry(
        "fc takes flat features, [N, F]; insert flatten before it.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3)\n  fc(10)\n}\n",
    ),
    Code.GROUPS: _Entry(
        "A number of groups does not divide the number of channels.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3, groups=2)\n}\n",
    ),
    Code.KERNEL_TOO_LARGE: _Entry(
        "A window (kernel, or its padding) is larger than what it slides over.",
        "model Net : [N, 3, 8, 8] {\n  maxpool(4)\n  conv(8, kernel=5)\n}\n",
    ),
    Code.ARMS_DIFFER: _Entry(
        "The arms of a merge differ in shape, and merges never broadcast by accident.",
        "model Net : [N, 3, 8, 8] {\n  add { | _ | conv(3, 3) }\n}\n",
    ),
    Code.BATCH_AXIS: _Entry(
        "A step would mix the samples of a batch.",
        "model Net : [N, 3] {\n  softmax(dim=0)\n}\n",
    ),
    Code.SIZE_MISMATCH: _Entry(
        "Given numbers have another shape than the tensor they are for.",
        "model Net : [N, 1, 8, 8] {\n  conv(1, 3, weight=[[1, -1]])\n}\n",
    ),
    Code.UNPROVEN: _Entry(
        "It holds for some of the sizes that the contract allows, or nothing proves it for all: "
        "a where clause says which sizes may come.",
        "model Net : [N, 3, H] {\n  add { | _ | maxpool(2) -> upsample(scale_factor=2) }\n}\n",
    ),
    Code.SHARED: _Entry(
        "Shared steps would not be the same, with the same weights, at every place where they are applied.",
        "model Net : (a: [N, 3], b: [N, 4]) -> [N, 8] {\n  shared look = fc(8)\n  add { | a -> look | b -> look }\n}\n",
    ),
    Code.UNKNOWN_LAYER: _Entry(
        "A step is neither a layer, nor a block, nor an earlier value.",
        "model Net : [N, 3, 8, 8] {\n  cnov(8, 3)\n}\n",
    ),
    Code.UNKNOWN_NAME: _Entry(
        "An expression uses a name that nothing has.",
        "model Net(width = 8) : [N, 3, 8, 8] {\n  conv(widht, 3) -> conv(width, 3)\n}\n",
    ),
    Code.DUPLICATE_LABEL: _Entry(
        "Two things of one scope have the same name.",
        "model Net : [N, 3, 8, 8] {\n  a: conv(8, 3)\n  a: conv(8, 3)\n}\n",
    ),
    Code.BAD_LABEL: _Entry(
        "A label hides a layer or a parameter, is no name, or cannot be an attribute of a PyTorch module.",
        "model Net : [N, 3, 8, 8] {\n  relu: conv(8, 3)\n}\n",
    ),
    Code.UNUSED: _Entry(
        "A value is computed, or an input, a parameter or shared steps are given, and never used.",
        "model Net : [N, 3, 8, 8] {\n  side: conv(8, 3)\n  in -> conv(4, 3)\n}\n",
    ),
    Code.RECURSION: _Entry(
        "A block would contain itself; a network has a fixed depth.",
        "block deep { conv(8, 3) -> deep }\nmodel Net : [N, 3, 8, 8] { deep }\n",
    ),
    Code.UNKNOWN_ARGUMENT: _Entry(
        "A layer or a block has no such argument.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3, paddding=1)\n}\n",
    ),
    Code.MISSING_ARGUMENT: _Entry(
        "A layer, a block or a model lacks an argument that has no default.",
        "model Net : [N, 3, 8, 8] {\n  conv(8)\n}\n",
    ),
    Code.BAD_ARGUMENT: _Entry(
        "An argument's value is not of the kind that the layer takes, or it is given twice.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 2.5)\n}\n",
    ),
    Code.BAD_VALUE: _Entry(
        "An expression has no value here: a wrong type, a division by zero.",
        "model Net(r = 0) : [N, 3, 8, 8] {\n  conv(8 // r, 3)\n}\n",
    ),
    Code.CONTRADICTION: _Entry(
        "Two arguments contradict each other.",
        "model Net : [N, 3, 8, 8] {\n  upsample(16, scale_factor=2)\n}\n",
    ),
    Code.CHECKPOINT: _Entry(
        "A checkpoint states another shape than the network has there.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3)\n  [N, 8, 7, 7]\n}\n",
    ),
    Code.CONTRACT: _Entry(
        "A contract is missing, has no meaning, or is not kept: a model gives another shape, a block is given another.",
        "model Net : [N, 3, 8, 8] -> [N, 10] {\n  flatten -> fc(9)\n}\n",
    ),
    Code.ASSERTION: _Entry(
        "An assert does not hold.",
        "model Net : [N, 3, 8, 8] {\n  conv(8, 3)\n  assert params <= 200\n}\n",
    ),
    Code.LIMIT: _Entry(
        "A number, a list, a tensor, the nesting or the number of steps is beyond the compiler's limits.",
        "model Net : [N, 3, 8, 8] {\n  repeat 2_000_000 { relu }\n}\n",
    ),
}


def meaning(code: str) -> str | None:
    """``S0104: …`` and an example; None for what does not look like a code.

    Raises:
        UsageError: it looks like one, and there is no such code.
    """
    if not re.fullmatch(r"[Ss]\d{4}", code):
        return None
    if code.upper() not in set(Code):
        raise UsageError(f"there is no code {code.upper()}; they go from {min(Code)} to {max(Code)}")
    known = Code(code.upper())
    shown = example(known)
    return f"{known}: {_ENTRIES[known].meaning}" + (f"\n\n{shown}" if shown else "")


def meanings() -> dict[Code, str]:
    """What every code means, in a sentence."""
    return {code: entry.meaning for code, entry in _ENTRIES.items()}


def example(code: Code) -> str | None:
    """What is said of a spec that earns ``code``; None where no text can show it."""
    text = _ENTRIES[code].example
    if text is None:
        return None
    try:
        check_file(parse(Source("example.cnn", text)))
    except SpecError as error:
        return render(finding for finding in error.diagnostics if finding.code == code)
    raise AssertionError(f"the example of {code} is right")
