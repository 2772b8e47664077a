"""What each operator of ATen means, by family; importing it enters the rules."""

from specc.importing.from_torch.rules import (
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
]
