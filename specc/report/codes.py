"""What the diagnostic codes mean."""

from __future__ import annotations

import re

from specc.diagnostics import Code, UsageError

_MEANINGS = {
    Code.UNREADABLE: "The file is not a text that can be read: not UTF-8, with control characters, or too large.",
    Code.SYNTAX: "The text does not follow the language's grammar.",
    Code.BRACKETS: "A bracket or a quotation mark has no partner.",
    Code.NO_MODEL: "The file has no model, or a model has no steps.",
    Code.LANGUAGE_VERSION: "The first line pins another version of the language than this compiler reads.",
    Code.SHAPE: "A step's attributes give no result of positive size.",
    Code.RANK: "A step takes inputs of another number of axes, or another number of inputs.",
    Code.NOT_FLAT: "fc takes flat features, [N, F]; insert flatten before it.",
    Code.GROUPS: "A number of groups does not divide the number of channels.",
    Code.KERNEL_TOO_LARGE: "A window (kernel, or its padding) is larger than what it slides over.",
    Code.ARMS_DIFFER: "The arms of a merge differ in shape, and merges never broadcast by accident.",
    Code.BATCH_AXIS: "A step would mix the samples of a batch.",
    Code.SIZE_MISMATCH: "Given numbers have another shape than the tensor they are for.",
    Code.UNKNOWN_LAYER: "A step is neither a layer nor an earlier value.",
    Code.UNKNOWN_NAME: "An expression uses a name that nothing has.",
    Code.DUPLICATE_LABEL: "Two things of one scope have the same name.",
    Code.BAD_LABEL: "A label hides a layer or a parameter, or cannot be an attribute of a PyTorch module.",
    Code.UNUSED: "A value is computed and never used.",
    Code.UNKNOWN_ARGUMENT: "A layer has no such argument.",
    Code.MISSING_ARGUMENT: "A layer or a model lacks an argument that has no default.",
    Code.BAD_ARGUMENT: "An argument's value is not of the kind that the layer takes.",
    Code.BAD_VALUE: "An expression has no value here: a wrong type, a division by zero.",
    Code.CONTRADICTION: "Two arguments contradict each other.",
    Code.CHECKPOINT: "A checkpoint states another shape than the network has there.",
    Code.CONTRACT: "The model's contract is missing, or the model gives another shape.",
    Code.ASSERTION: "An assert does not hold.",
    Code.NOT_YET: "Part of the language that this version does not compile yet.",
    Code.LIMIT: "A number, a list, a tensor or the nesting is beyond the compiler's limits.",
}


def meaning(code: str) -> str | None:
    """``S0104: …``; None for what does not look like a code.

    Raises:
        UsageError: it looks like one, and there is no such code.
    """
    if not re.fullmatch(r"[Ss]\d{4}", code):
        return None
    if code.upper() not in set(Code):
        raise UsageError(f"there is no code {code.upper()}; they go from {min(Code)} to {max(Code)}")
    known = Code(code.upper())
    return f"{known}: {_MEANINGS[known]}"
