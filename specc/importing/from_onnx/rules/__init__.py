"""What each operator of ONNX means in the language, by family. Importing this enters all rules."""

from __future__ import annotations

from specc.importing.from_onnx.rules import (
    activation,
    arithmetic,
    convolution,
    layout,
    normalisation,
    passing,
    pooling,
    products,
    reduction,
    resizing,
    runtime,
)

__all__ = [
    "activation",
    "arithmetic",
    "convolution",
    "layout",
    "normalisation",
    "passing",
    "pooling",
    "products",
    "reduction",
    "resizing",
    "runtime",
]
