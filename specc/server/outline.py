"""The names that a file gives: its models and blocks with the labels in them, its lets."""

from __future__ import annotations

from typing import Literal, NamedTuple

from specc.source import Span
from specc.syntax import ast


class Symbol(NamedTuple):
    """A name, and what it names.

    Attributes:
        whole: the place of all of it.
        place: the name's own.
    """

    name: str
    kind: Literal["model", "block", "let", "label"]
    whole: Span
    place: Span
    inner: tuple[Symbol, ...] = ()


def outline(file: ast.File) -> list[Symbol]:
    """In the order of the file."""
    found = []
    for item in file.items:
        match item:
            case ast.ModelDefinition():
                found.append(Symbol(item.name, "model", item.span, item.name_span, tuple(_labels(item.body))))
            case ast.BlockDefinition():
                found.append(Symbol(item.name, "block", item.span, item.name_span, tuple(_labels(item.body))))
            case ast.Let():
                found.append(Symbol(item.name, "let", item.span, item.name_span))
    return found


def _labels(body: ast.Body) -> list[Symbol]:
    labels = []
    for part in ast.parts(body):
        if isinstance(part, ast.Step) and part.label is not None:
            label = part.label
            labels.append(Symbol(label.name or '""', "label", label.span.to(part.span), label.span))
    return sorted(labels, key=lambda symbol: symbol.place.start)
