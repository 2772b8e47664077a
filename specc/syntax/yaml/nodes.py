"""A YAML text as a plain tree with places, made from PyYAML's events. What a spec has no use for is refused on the way.

Events, not `yaml.compose`: aliases are refused before anything is built, and no depth of nesting costs a stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source, Span
from specc.syntax.brackets import MOST_MISTAKES
from specc.syntax.lalr import DEEPEST as DEEPEST_LANGUAGE
from specc.syntax.yaml.malformed import explain

DEEPEST = 4 * DEEPEST_LANGUAGE
"""How deep lists and mappings may nest: one level of the language takes up to four of YAML (an arm is a list of lists
in a list in a mapping)."""

# What some readers of YAML take for the end of a line, or skip, and others do not.
_AMBIGUOUS = re.compile("[\ufeff\u2028\u2029]")


class Scalar:
    """A single value; ``value`` is its text, without quotes and with its escapes resolved."""

    __slots__ = ("end", "plain", "start", "value")

    def __init__(self, start: int, end: int, value: str, plain: bool) -> None:
        self.start = start
        self.end = end
        self.value = value
        self.plain = plain


class List:
    """``[a, b]``, or entries behind ``- ``."""

    __slots__ = ("end", "items", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.items: list[Node] = []


class Pair:
    __slots__ = ("key", "value")

    def __init__(self, key: Scalar, value: Node) -> None:
        self.key = key
        self.value = value


class Mapping:
    """``{key: value}``, or keys on lines of their own."""

    __slots__ = ("end", "pairs", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.pairs: dict[str, Pair] = {}

    @property
    def first(self) -> Pair:
        return next(iter(self.pairs.values()))


Node = Scalar | List | Mapping


def tree(source: Source) -> Node | None:
    """The one document of a YAML text; None where there is none.

    Raises:
        SpecError: the text is no well-formed YAML, or has anchors, aliases, tags, merge keys, several documents,
            a key twice, a key that is no single value, tabs among its blanks, or nests deeper than `DEEPEST`.
    """
    _refuse_ambiguous(source)
    reader = _Reader(source)
    reader.read()
    if not reader.findings:
        reader.refuse_tabs()
    if reader.findings:
        raise SpecError(reader.findings[:MOST_MISTAKES])
    return reader.root


def comments(source: Source) -> tuple[Span, ...]:
    """The comments of a YAML text that `tree` takes, each from its ``#`` to the end of the line."""
    reader = _Reader(source)
    reader.read()
    return tuple(reader.comments())


def _refuse_ambiguous(source: Source) -> None:
    found = _AMBIGUOUS.search(source.text)
    if found:
        name = f"U+{ord(found[0]):04X}"
        message = f"the text contains the character {name}, which readers of YAML understand differently"
        help_ = f'inside double quotes it can be written "\\u{ord(found[0]):04X}"'
        place = Label(source.span(found.start(), found.end()))
        raise SpecError([Diagnostic(Code.UNREADABLE, message, place, helps=(help_,))])


def _loader() -> Any:
    """PyYAML's parser: the C one where it is built, which is ten times as fast, else its twin in Python."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Reader:
    def __init__(self, source: Source) -> None:
        self.findings: list[Diagnostic] = []
        self.root: Node | None = None
        self._source = source
        self._text = source.text
        self._open: list[tuple[List | Mapping, bool]] = []
        """The collections around, each with whether it stands in brackets."""
        self._keys: list[Scalar | None] = []
        """For every open collection the key that waits for its value."""
        self._scalars: list[Scalar] = []
        self._anchors: set[str] = set()
        self._documents = 0

    def read(self) -> None:
        import yaml

        try:
            for event in yaml.parse(self._text, Loader=_loader()):
                self._see(event)
                if len(self.findings) >= MOST_MISTAKES:
                    return
        except yaml.YAMLError as error:
            self.findings.append(explain(self._source, error))

    def refuse_tabs(self) -> None:
        """A tab among the blanks: libyaml takes some of them, PyYAML's own parser none, which stops at the first."""
        for found in self._outside(re.compile(r"(?P<tab>\t+)|#[^\n]*")):
            if found["tab"]:
                place = Label(self._source.span(*found.span()))
                self._find(Diagnostic(Code.SYNTAX, "a tab is no blank of YAML", place, helps=("write spaces",)))
                return

    def comments(self) -> Iterator[Span]:
        """Where the comments stand: outside of scalars every ``#`` begins one."""
        return (self._source.span(*found.span()) for found in self._outside(re.compile("#[^\n]*")))

    def _outside(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """What is found between the scalars."""
        at = 0
        for scalar in self._scalars:
            yield from pattern.finditer(self._text, at, scalar.start)
            at = scalar.end
        yield from pattern.finditer(self._text, at)

    # ---- events -----------------------------------------------------------------------------------

    def _see(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        match type(event).__name__:
            case "DocumentStartEvent":
                self._document(event, start, end)
            case "AliasEvent":
                if event.anchor not in self._anchors:  # of the others, the anchor has been told
                    self._refuse_reference(start, end, "an alias, `*`, stands for what is written elsewhere")
                self._add(Scalar(start, end, "", plain=True))
            case "ScalarEvent":
                self._refuse_properties(event, start)
                self._add(self._scalar(event, start, end))
            case "SequenceStartEvent":
                self._refuse_properties(event, start)
                self._begin(List(start), event.flow_style)
            case "MappingStartEvent":
                self._refuse_properties(event, start)
                self._begin(Mapping(start), event.flow_style)
            case "SequenceEndEvent" | "MappingEndEvent":
                self._finish(end)

    def _document(self, event: Any, start: int, end: int) -> None:
        self._documents += 1
        if self._documents > 1:
            message = "a spec is one YAML document, and here a second one begins"
            raise SpecError([Diagnostic(Code.SYNTAX, message, Label(self._source.span(start, end)))])
        if event.tags or event.version not in (None, (1, 2)):
            message = "specs are read as YAML 1.2, without tags"
            line = self._text[start:end].partition("\n")[0]
            place = Label(self._source.span(start, start + len(line)), "this asks for something else")
            self._find(Diagnostic(Code.SYNTAX, message, place, helps=("leave the line out",)))

    def _scalar(self, event: Any, start: int, end: int) -> Scalar:
        plain = not event.style
        # An empty value has no place of its own, and the mark behind a block of text is that of the next line's text.
        end = start + len(self._text[start:end].rstrip()) if end > start else len(self._text[:start].rstrip())
        scalar = Scalar(min(start, end), end, event.value, plain)
        self._scalars.append(scalar)
        return scalar

    def _begin(self, node: List | Mapping, brackets: bool) -> None:
        self._add(node)
        self._open.append((node, brackets))
        self._keys.append(None)
        if len(self._open) > DEEPEST:
            message = f"lists and mappings nest deeper than {DEEPEST}"
            place = Label(self._source.span(node.start, node.start + 1), f"level {len(self._open)} begins here")
            raise SpecError([Diagnostic(Code.LIMIT, message, place)])

    def _finish(self, end: int) -> None:
        node, brackets = self._open.pop()
        self._keys.pop()
        # The end mark of a block is where the next token begins.
        node.end = end if brackets else max(_ends(node), default=node.start)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        collection, _ = self._open[-1]
        key = self._keys[-1]
        if isinstance(collection, List):
            collection.items.append(node)
        elif key is None:
            self._keys[-1] = self._key(node, collection)
        else:
            # Of a key that is given twice, the first counts for what else is found.
            collection.pairs.setdefault(key.value, Pair(key, node))
            self._keys[-1] = None

    def _key(self, node: Node, mapping: Mapping) -> Scalar:
        if not isinstance(node, Scalar):
            message = "a key is a name, not a list or mapping"
            raise SpecError([Diagnostic(Code.SYNTAX, message, Label(self._source.span(node.start, node.start + 1)))])
        place = self._source.span(node.start, node.end)
        if node.plain and node.value == "<<":
            self._refuse_reference(node.start, node.end, "a merge key, `<<`, copies what is written elsewhere")
        elif node.value in mapping.pairs:
            first = mapping.pairs[node.value].key
            labels = (Label(self._source.span(first.start, first.end), "first here"),)
            self._find(Diagnostic(Code.SYNTAX, f"the key `{_short(node.value)}` is given twice", Label(place), labels))
        return node

    # ---- what a spec has no use for -----------------------------------------------------------------

    def _refuse_properties(self, event: Any, start: int) -> None:
        if event.anchor is not None:
            self._anchors.add(event.anchor)
            at = self._text.find(f"&{event.anchor}", start)
            where = (at, at + 1 + len(event.anchor)) if at >= 0 else (start, start + 1)
            self._refuse_reference(*where, "an anchor, `&`, names a part to repeat it elsewhere")
        if event.tag is not None:
            at = max(self._text.find("!", start), start)
            end = at + len(re.match(r"\S*", self._text[at:])[0].rstrip(",]}"))  # type: ignore[index]  # may be empty
            message = "a YAML tag says of what type a value is; in a spec its place says it"
            self._find(
                Diagnostic(Code.SYNTAX, message, Label(self._source.span(at, max(end, at + 1))), helps=("remove it",))
            )

    def _refuse_reference(self, start: int, end: int, what: str) -> None:
        self._find(
            Diagnostic(
                Code.SYNTAX,
                f"{what}; a spec is read as it stands",
                Label(self._source.span(start, end)),
                helps=("name it with `let`, or make it a block",),
            )
        )

    def _find(self, finding: Diagnostic) -> None:
        self.findings.append(finding)


def _ends(node: List | Mapping) -> Iterator[int]:
    if isinstance(node, List):
        yield from (item.end for item in node.items)
    else:
        yield from (max(pair.key.end, pair.value.end) for pair in node.pairs.values())


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}..."
