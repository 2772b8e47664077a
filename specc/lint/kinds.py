"""Operators by what they do to single elements."""

from __future__ import annotations

RESHAPES = ("identity", "flatten", "reshape")
"""Keep every element and their order."""

SELECTS = (
    *RESHAPES,
    "permute",
    "slice",
    "pixelshuffle",
    "pixelunshuffle",
    "channelshuffle",
    "maxpool",
    "adaptivemaxpool",
    "globalmaxpool",
    "amax",
)
"""Every element of the result is one of the input's."""

AVERAGES = ("avgpool", "adaptiveavgpool", "globalavgpool", "mean", "dropout", "stochasticdepth", "upsample")
"""Every element of the result is a sum of the input's with weights of at least 0 (but for bicubic interpolation)."""

CURVES = (
    *("relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh"),
    *("softplus", "softsign", "hardsigmoid", "hardswish", "hardtanh"),
)
"""One function applied to every element."""

SOFTMAXES = ("softmax", "logsoftmax")
