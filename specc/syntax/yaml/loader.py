"""From YAML to the syntax tree, by way of the language: the tree of the nodes is written out in it, and that is parsed.

So both forms have one grammar and one parser; the places in its tree and its findings are mapped back into the YAML.
What comes from the file's author as text, its expressions, is checked to stay inside of its place first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple, cast

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source, Span
from specc.syntax import ast
from specc.syntax.parser import parse as parse_language
from specc.syntax.reader import refuse_hidden_characters
from specc.syntax.recovery import CLOSING, MOST_MISTAKES, short
from specc.syntax.tokens import CLOSERS, COLON, COMMA, UNKNOWN, scan
from specc.syntax.trivia import pin
from specc.syntax.yaml.nodes import List, Node, Scalar, tree
from specc.syntax.yaml.operands import Segment, flat
from specc.syntax.yaml.translator import Translator, after_blank
from specc.syntax.yaml.writer import line_in_yaml


def parse(source: Source) -> ast.File:
    """The tree of a spec in YAML; every span lies in ``source``.

    Raises:
        SpecError: as `specc.syntax.parser.parse` does, and for what is no YAML or no spec in YAML.
    """
    source_map, file = _parse(source)
    return cast(ast.File, source_map.tree(file))


def language_text(source: Source) -> str:
    """The text of the language that a spec in YAML stands for, without layout. Raises SpecError as `parse` does."""
    return _parse(source)[0].source.text


def _parse(source: Source) -> tuple[SourceMap, ast.File]:
    """The text of the language, and its tree, with the places of that text."""
    refuse_hidden_characters(source)
    translator = Translator(source)
    root = tree(source)
    segments = flat(translator.file(root))
    if version := pin(source):
        # A first line that pins the version means the same in both forms.
        line = version.line
        spaced = isinstance(root, List) and root.items and after_blank(source.text, root.items[0])
        newline = Segment("\n\n" if spaced else "\n", len(line), len(line))
        segments = [Segment(line, 0, len(line), exact=True), newline, *segments]
    expressions = [segment for segment in segments if segment.expression]
    if translator.findings or not all(is_self_contained(segment.text) for segment in expressions):
        wrong = chain.from_iterable(_problems(source, segment) for segment in expressions)
        findings = [*translator.findings, *islice(wrong, MOST_MISTAKES)]
        raise _refused(_without_cuts(source, root, findings))
    source_map = SourceMap(source, segments)
    try:
        return source_map, parse_language(source_map.source)
    except SpecError as error:
        raise _refused(_located(source_map, error)) from None


def _located(source_map: SourceMap, error: SpecError) -> list[Diagnostic]:
    """What is wrong in the expressions, each read alone, for a mistake may surface behind its end; and in the rest."""
    wrong: dict[Segment, list[Diagnostic]] = {}
    findings: list[Diagnostic] = []
    for segment in source_map.segments:
        if segment.expression:
            findings += wrong.setdefault(segment, list(_problems(source_map.yaml, segment)))
        if len(findings) >= MOST_MISTAKES:
            return findings  # more are not shown
    if not findings:
        return list(map(source_map.finding, error.diagnostics))
    rest = [
        segment._replace(text=("[0]" if segment.text.startswith("[") else "0").ljust(len(segment.text)))
        if wrong.get(segment)
        else segment
        for segment in source_map.segments
    ]
    without_wrong = SourceMap(source_map.yaml, rest)
    try:
        parse_language(without_wrong.source)
    except SpecError as further:
        findings += map(without_wrong.finding, further.diagnostics)
    return findings


def _refused(findings: list[Diagnostic]) -> SpecError:
    return SpecError(SpecError(findings).diagnostics[:MOST_MISTAKES])


# ---- places -----------------------------------------------------------------------------------------


class MappedSpan(Span):
    """A place in a YAML source. Its text is that of the language: what messages and reports show of a step."""

    __slots__ = ("_origin",)

    def __init__(self, source: Source, start: int, end: int, origin: Span) -> None:
        super().__init__(source, start, end)
        self._origin = origin

    @property
    def origin(self) -> Span:
        return self._origin

    @property
    def text(self) -> str:
        return self._origin.text

    def moved(self, source: Source, by: int) -> Span:
        return MappedSpan(source, self.start + by, self.end + by, self._origin)

    def to(self, other: Span) -> Span:
        if not isinstance(other, MappedSpan):
            return Span(self.source, self.start, other.end)
        return MappedSpan(self.source, self.start, other.end, self.origin.to(other.origin))


class SourceMap:
    """Segments side by side.

    Attributes:
        yaml: the text in YAML.
        source: the text of the language.
    """

    def __init__(self, yaml: Source, segments: list[Segment]) -> None:
        self.yaml = yaml
        self.segments = segments
        self.source = Source(yaml.name, "".join(segment.text for segment in segments))
        self._starts: list[int] = []
        at = 0
        for segment in segments:
            self._starts.append(at)
            at += len(segment.text)

    def original(self, span: Span) -> Span:
        """The place in the YAML of a place in the text."""
        first = self._index(span.start)
        if self.segments and self.segments[first].whole:
            return MappedSpan(self.yaml, self.segments[first].start, self.segments[first].end, span)
        last = self._index(max(span.start, span.end - 1))
        start, _ = self._range(first, span.start)
        _, end = self._range(last, span.end)
        if end < start:
            # Keys of a mapping may stand in any order.
            around = self.segments[first : last + 1]
            start, end = min(segment.start for segment in around), max(segment.end for segment in around)
        return MappedSpan(self.yaml, start, end, span)

    def tree(self, part: Any) -> Any:
        """A tree of the text with the places of the YAML. It nests no deeper than the parser lets it."""
        if isinstance(part, Span):
            return self.original(part)
        if part is self.source:
            return self.yaml
        if not isinstance(part, tuple):
            return part
        parts = map(self.tree, part)  # no comprehension: it would take half of the frames that Python gives
        return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)

    def finding(self, finding: Diagnostic) -> Diagnostic:
        def label(label: Label) -> Label:
            return replace(label, span=self.original(label.span))

        return replace(
            finding,
            primary=label(finding.primary),
            secondary=tuple(map(label, finding.secondary)),
            trace=tuple(map(label, finding.trace)),
            fix=None,  # it would write the language into YAML
        )

    def _index(self, offset: int) -> int:
        return max(0, bisect_right(self._starts, offset) - 1)

    def _range(self, index: int, offset: int) -> tuple[int, int]:
        """Where ``offset`` is from, as the start of something, and as its end."""
        segment = self.segments[index]
        if not segment.exact:
            return segment.start, segment.end
        at = min(segment.start + offset - self._starts[index], segment.end)
        return at, at


# ---- expressions ------------------------------------------------------------------------------------

_BEFORE = {"value": "let value = ", "condition": "model M {\nassert "}
_AFTER = {"value": "\n", "condition": "\n}\n"}
_IN_EXPRESSIONS = frozenset(
    "NUMBER STRING NAME COMPARE TIMES POWER PLUS MINUS DOT IF _ELSE AND OR NOT IN _LPAR _RPAR _LSQB _RSQB".split()
)
_LONE_EQUALS = re.compile("(?<![=!<>])=(?!=)")


def is_self_contained(text: str) -> bool:
    """Whether a text has only what an expression is made of, with brackets that pair up and no comma outside of them.

    Such a text, put where an expression stands, cannot end it, begin another, or close what is around it: signs that
    part expressions from what is around them (newlines, braces, bars, arrows, comments, the words of statements, and
    outside of brackets commas, colons and `=`) do not occur in it. That it is an expression is left to the parser.
    """
    closers: list[str] = []
    for kind, start, _ in scan(text):
        if kind in CLOSERS:
            closers.append(CLOSERS[kind])
        elif kind in CLOSERS.values() and (not closers or closers.pop() != kind):
            return False
        is_inner = kind in ("EQUAL", COMMA, COLON, "FOR") and closers
        is_bad_number = kind == UNKNOWN and text[start] in "0123456789"
        if not (kind in _IN_EXPRESSIONS or is_inner or is_bad_number):
            return False
    return not closers


def _problems(source: Source, segment: Segment) -> Iterator[Diagnostic]:
    """What is wrong with the text of an expression, parsed alone."""
    # Of `=` for `==` the parser says more where a condition stands; of all else, it would ask for a message there.
    kind = segment.expression if _LONE_EQUALS.search(segment.text) else "value"
    before = Segment(_BEFORE[kind], segment.start, segment.start)
    source_map = SourceMap(source, [before, segment, Segment(_AFTER[kind], segment.end, segment.end)])
    try:
        parse_language(source_map.source, is_expression=True)
    except SpecError as error:
        yield from map(source_map.finding, error.diagnostics)
        return
    if not is_self_contained(segment.text):
        message = "here one expression stands, and nothing besides"
        place = source.span(segment.start, segment.end)
        yield Diagnostic(Code.SYNTAX, message, Label(place, f"`{short(segment.text)}`"))


# ---- texts that a comma has cut: `[=max(16, c), 3]`, where YAML reads `=max(16` and `c)` ---------------

_COMMA = re.compile(r"[ \t]*,")
_BRACKET = re.compile(r"[()\[\]{},\n]")
# Nobody writes longer texts, or more of them that are cut: their messages may be less to the point.
_LONGEST, _MOST_TRIED = 1000, 1000


class _CutText(NamedTuple):
    """Where the text that was meant begins and ends; ``step``: it was written where a step stands."""

    start: int
    end: int
    step: bool


def _without_cuts(source: Source, root: Node | None, findings: list[Diagnostic]) -> list[Diagnostic]:
    """The findings, with one for each text that a comma has cut in place of those about its parts."""
    if not findings:
        return findings
    cuts = list(_cuts(source.text, root, {finding.primary.span.start for finding in findings}))
    begins = [cut.start for cut in cuts]
    seen: set[_CutText] = set()
    rest = []
    for finding in findings:
        at = finding.primary.span.start
        index = bisect_right(begins, at) - 1
        if index >= 0 and at < cuts[index].end:
            seen.add(cuts[index])
        else:
            rest.append(finding)
    for cut in sorted(seen)[:MOST_MISTAKES]:
        place = source.span(cut.start, cut.start + len(source.text[cut.start : cut.end].rstrip()))
        in_yaml = line_in_yaml(place.text) if cut.step else ""
        quoted = f"'{place.text}'" if '"' in place.text else f'"{place.text}"'
        message = (
            f"within brackets a comma ends a text, and here it cuts this {'step' if in_yaml else 'expression'} in two"
        )
        help_ = f"in YAML it is written `{in_yaml}`" if in_yaml else f"put it in quotes: `{quoted}`"
        rest.append(Diagnostic(Code.BRACKETS, message, Label(place), helps=(help_,)))
    return rest


def _cuts(text: str, root: Node | None, starts: set[int]) -> Iterator[_CutText]:
    """The places in the text, in order, none within another."""
    end = tried = 0
    stack = [root]
    while stack and tried < _MOST_TRIED:
        node = stack.pop()
        if isinstance(node, List):
            stack += reversed(node.items)
        elif isinstance(node, Scalar):
            depth = node.value.count("(") - node.value.count(")")
            if node.plain and depth > 0 and _COMMA.match(text, node.end):
                tried += 1
                if node.start >= end and (intended := _intended_end(text, node.end, [")"] * depth)):
                    end = intended
                    yield _CutText(node.start, end, node.start in starts)
        elif node is not None:
            stack += [part for pair in reversed(node.pairs.values()) for part in reversed(pair)]


def _intended_end(text: str, at: int, closers: list[str]) -> int:
    """Where the brackets are closed that are open where a comma stands; 0 where that is not to be seen on its line."""
    for match in _BRACKET.finditer(text, at, at + _LONGEST):
        bracket = match[0]
        if not closers and bracket in ",]}\n":
            return match.start()
        if bracket in CLOSING:
            closers.append(CLOSING[bracket])
        elif bracket != "," and (not closers or closers.pop() != bracket):
            return 0
    return 0
