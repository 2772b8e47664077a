"""The names that a file gives: its models and blocks with the labels in them, its lets."""

from __future__ import annotations

from typing import Literal, NamedTuple

from specc.source import Span
from specc.syntax import ast


class NamedPlace(NamedTuple):
    """A name, and what it names.

    Attributes:
        whole: the place of all of it.
        place: the name's own.
    """

    name: str
    kind: Literal["model", "block", "let", "label"]
    whole: Span
    place: Span
    inner: tuple[NamedPlace, ...] = ()


def outline(file: ast.File) -> list[NamedPlace]:
    """In the order of the file."""
    found = []
    for item in file.items:
        match item:
            case ast.ModelDefinition():
                found.append(NamedPlace(item.name, "model", item.span, item.name_span, tuple(_labels(item.body))))
            case ast.BlockDefinition():
                found.append(NamedPlace(item.name, "block", item.span, item.name_span, tuple(_labels(item.body))))
            case ast.Let():
                found.append(NamedPlace(item.name, "let", item.span, item.name_span))
    return found


def _labels(body: ast.Body) -> list[NamedPlace]:
    labels = []
    for part in ast.parts(body):
        if isinstance(part, ast.Step) and part.label is not None:
            label = part.label
            labels.append(NamedPlace(label.name or '""', "label", label.span.to(part.span), label.span))
    return sorted(labels, key=lambda symbol: symbol.place.start)
