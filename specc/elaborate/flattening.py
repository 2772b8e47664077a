"""The ``flatten`` that is missing in front of a fully connected layer, as a fix."""

from __future__ import annotations

import re

from specc.diagnostics import Edit, Fix, Safety
from specc.ir.types import TensorType
from specc.source import Span
from specc.syntax import ast, is_yaml

_LABEL_IN_YAML = re.compile(r"\{[ \t]*label:[ \t]*\w+,[ \t]*$")


def flattened(step: ast.Call, given: TensorType | None) -> Fix | None:
    """The fix that inserts ``flatten`` before ``step``; None where it has no place.

    It is safe where the map has one place: flatten and a global pool give the same there. Of any other map most people
    mean flatten (as in LeNet), others a global pool (as in ResNet), or `linear`, which takes every place for itself;
    the three have different weights, so it is for the user to say.
    """
    span = step.name_span.to(step.span)
    edit = (
        _in_yaml(span)
        if is_yaml(span.source.name)
        else Edit(_empty(step.label.span if step.label else span), "flatten -> ")
    )
    if edit is None:
        return None
    is_one_place = given is not None and len(given.spatial) > 1 and all(size == 1 for size in given.spatial)
    return Fix((edit,), Safety.SAFE if is_one_place else Safety.UNSAFE)


def _in_yaml(step: Span) -> Edit | None:
    """An entry of its own before the step's, in the same list."""
    label = _LABEL_IN_YAML.search(step.source.before(step.start))
    start = step.start - (len(label[0]) if label else 0)
    place, before = step.source.span(start, start), step.source.before(start)
    if before.rstrip().endswith(("[", ",")):
        return Edit(place, "flatten, ")
    if not before.strip(" -") and "-" in before:
        dash = before.rindex("-")
        return Edit(place, f"flatten\n{' ' * dash}{before[dash:]}")
    return None


def _empty(span: Span) -> Span:
    """The place in front of it."""
    return span.source.span(span.start, span.start)
