"""The reference of all operators, made from the registry: ``python -m specc.report.operators > docs/operators.md``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc

from specc.elaborate.arguments import signature
from specc.elaborate.values import display
from specc.ir.op import Op
from specc.ops import operators
from specc.ops.fields import expected

_HEAD = """\
# Operators

Every operator of the language, made from the registry by `make docs`. Arguments carry PyTorch's names, order and
defaults, without what the input tells (`in_channels`, `num_features` …); `kernel` stands for `kernel_size`, `size`
for `output_size`. They may be given by position or by name, and a list may be written `[a, b]` or `(a, b)`.
Axis 0 is always the batch. Where ONNX differs from PyTorch, [semantics.md](semantics.md) says what is written instead.

A default of `none` stands for: the kernel (`stride`); PyTorch's own initialisation (`weight`, `init`); the number of
elements in the window (`divisor_override`); the last axis (`normalized_shape`); false (`align_corners`). Of `size`,
`scale_factor` and `like`, and of `padding` and `like`, exactly one is given, and of `shape` and `like` at least one. A
lone whole number for `normalized_shape` is the size of the last axis.
"""


def operators_markdown() -> str:
    """The text of docs/operators.md."""
    kinds = operators()
    listed = ", ".join(f"[{kind.kind}](#{kind.kind})" for kind in kinds)
    return "\n".join([_HEAD, listed, *(f"\n## {kind.kind}\n\n{documentation(kind)}" for kind in kinds)]) + "\n"


def meaning(kind: type[Op]) -> str:
    """What the operator gives, in a sentence; code between two backquotes each."""
    summary = cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    return summary.partition(": torch.")[0].rstrip(".") + "."


def documentation(kind: type[Op]) -> str:
    """Its signature, what it gives, its counterpart in PyTorch, and its arguments, as Markdown."""
    return "\n".join(_documented(kind))


def _documented(kind: type[Op]) -> Iterator[str]:
    summary, *details = cleandoc(kind.__doc__ or "").split("\n\n")
    counterpart = summary.partition(": torch.")[2]
    yield from (f"`{signature(kind)}`", "", _prose(meaning(kind)))
    for paragraph in details:
        yield from ("", _prose(paragraph))
    torch = _prose(f"torch.{counterpart.rstrip('.')}") if counterpart else "no module or function of its own"
    yield from ("", f"- PyTorch: {torch}")
    if kind.aliases:
        yield f"- Also called {' and '.join(f'`{alias}`' for alias in kind.aliases)}"
    least, most = kind.arity
    if most is None or most > 1:
        alone = "Takes one value, or joins" if kind.takes_one() else "Joins"
        count = f"{max(least, 2)} or more" if most is None else f"up to {most}" if kind.takes_one() else least
        yield f"- {alone} {count} values: `{kind.kind} {{ | … | … }}`"
    if kind.variadic:
        yield f"- `{kind.variadic}` may also be written as several arguments"
    if kind.model_fields:
        yield from ("", "| argument | takes | default |", "|---|---|---|")
    for name, field in kind.model_fields.items():
        default = "required" if field.is_required() else f"`{display(field.default)}`"
        yield f"| `{name}` | {_prose(expected(field))} | {default} |"


def _prose(text: str) -> str:
    """Markdown of a docstring: its code spans, and no emphasis where a product is meant."""
    parts = re.split(r"``(.+?)``", text)
    return "".join(f"`{part}`" if i % 2 else part.replace("*", r"\*") for i, part in enumerate(parts))


if __name__ == "__main__":
    sys.stdout.buffer.write(operators_markdown().encode())
