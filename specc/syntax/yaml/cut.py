"""Texts that a comma has cut: ``[=max(16, c), 3]``, where YAML reads ``=max(16`` and ``c)``."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source
from specc.syntax.brackets import MOST_MISTAKES
from specc.syntax.yaml.nodes import List, Node, Scalar

_COMMA = re.compile(r"[ \t]*,")
_LONGEST, _MOST_TRIED = 1000, 1000
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_SIGN = re.compile(r"[()\[\]{},\n]")


class Cut(NamedTuple):
    """Where the text that was meant begins and ends; ``step``: it was written where a step stands."""

    start: int
    end: int
    step: bool


def without_cuts(source: Source, root: Node | None, findings: list[Diagnostic]) -> list[Diagnostic]:
    """The findings, with one for each text that a comma has cut in place of those about its parts."""
    if not findings:
        return findings
    cuts = list(_cuts(source.text, root, {finding.primary.span.start for finding in findings}))
    begins = [cut.start for cut in cuts]
    seen: set[Cut] = set()
    rest = []
    for finding in findings:
        at = finding.primary.span.start
        place = bisect_right(begins, at) - 1
        if place >= 0 and at < cuts[place].end:
            seen.add(cuts[place])
        else:
            rest.append(finding)
    return [*rest, *(_finding(source, cut) for cut in sorted(seen)[:MOST_MISTAKES])]


def _cuts(text: str, root: Node | None, starts: set[int]) -> Iterator[Cut]:
    """The places in the text, in order, none within another."""
    end = 0
    for scalar in islice(filter(partial(_may_be_cut, text), _scalars(root)), _MOST_TRIED):
        if scalar.start >= end and (meant := _meant_end(text, scalar)):
            end = meant
            yield Cut(scalar.start, end, scalar.start in starts)


def _may_be_cut(text: str, scalar: Scalar) -> bool:
    return scalar.plain and _depth(scalar) > 0 and _COMMA.match(text, scalar.end) is not None


def _depth(scalar: Scalar) -> int:
    return scalar.value.count("(") - scalar.value.count(")")


def _scalars(root: Node | None) -> Iterator[Scalar]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Scalar):
            yield node
        elif isinstance(node, List):
            waiting += reversed(node.items)
        elif node is not None:
            waiting += [part for pair in reversed(node.pairs.values()) for part in (pair.value, pair.key)]


def _meant_end(text: str, scalar: Scalar) -> int:
    """Where a text ends whose parentheses are closed behind the comma that ends it for YAML; 0 where no comma does, or
    where that is not to be seen on its line."""
    waiting = [")"] * _depth(scalar)
    for sign in _SIGN.finditer(text, scalar.end, scalar.end + _LONGEST):
        if not waiting and sign[0] in ",]}\n":
            return sign.start()
        if sign[0] in _CLOSER:
            waiting.append(_CLOSER[sign[0]])
        elif sign[0] != "," and (not waiting or waiting.pop() != sign[0]):
            return 0
    return 0


def _finding(source: Source, cut: Cut) -> Diagnostic:
    from specc.syntax.yaml.writer import line_in_yaml

    place = source.span(cut.start, cut.start + len(source.text[cut.start : cut.end].rstrip()))
    in_yaml = line_in_yaml(place.text) if cut.step else ""
    what = "step" if in_yaml else "expression"
    help_ = f"in YAML it is written `{in_yaml}`" if in_yaml else f"put it in quotes: `{_quoted(place.text)}`"
    message = f"within brackets a comma ends a text, and here it cuts this {what} in two"
    return Diagnostic(Code.BRACKETS, message, Label(place), helps=(help_,))


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
