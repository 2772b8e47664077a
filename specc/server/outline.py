"""The names that a file gives: its models and blocks with the labels in them, its lets; and what each costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from specc.source import Span
from specc.syntax import ast


class NamedPlace(NamedTuple):
    """A name, and what it names.

    Attributes:
        whole: the place of all of it.
        place: the name's own.
        costs: what of it is known to cost something; may be empty.
    """

    name: str
    kind: Literal["model", "block", "let", "label"]
    whole: Span
    place: Span
    costs: str = ""
    inner: tuple[NamedPlace, ...] = ()


def outline(file: ast.File, costs: Mapping[tuple[int, int], str] | None = None) -> list[NamedPlace]:
    """In the order of the file.

    Args:
        costs: in words, by where a part begins and ends.
    """
    costs = costs or {}
    found = []
    for item in file.items:
        if isinstance(item, (ast.ModelDefinition, ast.BlockDefinition)):
            kind: Literal["model", "block"] = "model" if isinstance(item, ast.ModelDefinition) else "block"
            inner = tuple(_labels(item.body, costs))
            found.append(NamedPlace(item.name, kind, item.span, item.name_span, _of(item.span, costs), inner))
        elif isinstance(item, ast.Let):
            found.append(NamedPlace(item.name, "let", item.span, item.name_span))
    return found


def _labels(body: ast.Body, costs: Mapping[tuple[int, int], str]) -> list[NamedPlace]:
    labels = []
    for part in ast.parts(body):
        if isinstance(part, ast.Step) and part.label is not None:
            label = part.label
            whole = label.span.to(part.span)
            labels.append(NamedPlace(label.name or '""', "label", whole, label.span, _of(part.span, costs)))
    return sorted(labels, key=lambda symbol: symbol.place.start)


def _of(span: Span, costs: Mapping[tuple[int, int], str]) -> str:
    return costs.get((span.start, span.end), "")


def has_letters(name: str, letters: str) -> bool:
    """Whether these stand in a name in their order, large or small: `rn50` in `ResNet50`."""
    rest = iter(name.lower())
    return all(letter in rest for letter in letters.lower())
