"""A YAML text as a tree of nodes with offsets, built from PyYAML's events; what no spec needs is refused on the way.

Events, not `yaml.compose`: aliases are refused before anything is built, and no depth of nesting costs a stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source, Span
from specc.syntax.recovery import MOST_MISTAKES, short
from specc.syntax.tokens import DEEPEST as DEEPEST_LANGUAGE
from specc.syntax.tokens import LARGEST_INTEGER

DEEPEST = 4 * DEEPEST_LANGUAGE
"""How deep lists and mappings may nest: one level of the language takes up to four of YAML (an arm is a list of lists
in a list in a mapping)."""

# What some readers of YAML take for the end of a line, or skip, and others do not.
_AMBIGUOUS = re.compile("[\ufeff\u2028\u2029]")
_COMMENT = re.compile("#[^\n]*")
_TAB = re.compile(r"(?P<tab>\t+)|#[^\n]*")
_CLOSER = {"[": "]", "{": "}"}


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


class KeyValue(NamedTuple):
    """A key of a mapping, and its value."""

    key: Scalar
    value: Node


class Mapping:
    """``{key: value}``, or keys on lines of their own."""

    __slots__ = ("end", "pairs", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.pairs: dict[str, KeyValue] = {}

    @property
    def first(self) -> KeyValue:
        return next(iter(self.pairs.values()))


Node = Scalar | List | Mapping


def tree(source: Source) -> Node | None:
    """The one document of a YAML text; None where there is none.

    Raises:
        SpecError: the text is no well-formed YAML, or has anchors, aliases, tags, merge keys, several documents,
            a key twice, a key that is no single value, tabs among its blanks, or nests deeper than `DEEPEST`.
    """
    if ambiguous := _AMBIGUOUS.search(source.text):
        number = f"{ord(ambiguous[0]):04X}"
        message = f"the text contains the character U+{number}, which readers of YAML understand differently"
        help_ = f'inside double quotes it can be written "\\u{number}"'
        raise SpecError([_finding(source, message, *ambiguous.span(), help_, code=Code.UNREADABLE)])
    builder = _TreeBuilder(source)
    builder.read()
    if not builder.findings:
        # libyaml takes some tabs among the blanks; PyYAML's own parser takes none and stops at the first.
        tab = next((match for match in builder.between_scalars(_TAB) if match["tab"]), None)
        if tab:
            builder.findings.append(_finding(source, "a tab is no blank of YAML", *tab.span(), "write spaces"))
    if builder.findings:
        raise SpecError(builder.findings[:MOST_MISTAKES])
    return builder.root


def comments(source: Source) -> tuple[Span, ...]:
    """The comments of a YAML text that `tree` takes, each from its ``#`` to the end of the line."""
    builder = _TreeBuilder(source)
    builder.read()
    return tuple(source.span(*match.span()) for match in builder.between_scalars(_COMMENT))


def _loader() -> Any:
    """PyYAML's parser: the C one where it is built, which is ten times as fast, else its twin in Python."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _TreeBuilder:
    """Builds the tree of one text, and notes what is wrong with it."""

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

        event: Any
        try:
            for event in yaml.parse(self._text, Loader=_loader()):
                self._read_event(event, event.start_mark.index, event.end_mark.index)
                if len(self.findings) >= MOST_MISTAKES:
                    return
        except yaml.YAMLError as error:
            self.findings.append(_malformed(self._source, error))

    def between_scalars(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """The matches outside of scalars: there every ``#`` begins a comment."""
        at = 0
        for scalar in self._scalars:
            yield from pattern.finditer(self._text, at, scalar.start)
            at = scalar.end
        yield from pattern.finditer(self._text, at)

    def _read_event(self, event: Any, start: int, end: int) -> None:
        match type(event).__name__:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    message = "a spec is one YAML document, and here a second one begins"
                    raise SpecError([_finding(self._source, message, start, end)])
                if event.tags or event.version not in (None, (1, 2)):
                    message, help_ = "specs are read as YAML 1.2, without tags", "leave the line out"
                    end = start + len(self._text[start:end].partition("\n")[0])
                    place = Label(self._source.span(start, end), "this asks for something else")
                    self.findings.append(Diagnostic(Code.SYNTAX, message, place, helps=(help_,)))
            case "AliasEvent":
                if event.anchor not in self._anchors:  # of the others, the anchor is refused already
                    self._refuse_reference(start, end, "an alias, `*`, stands for what is written elsewhere")
                self._add(Scalar(start, end, "", plain=True))
            case "ScalarEvent":
                self._refuse_properties(event, start)
                # An empty value has no place of its own, and the end mark of a block of text is where the next token
                # begins.
                end = start + len(self._text[start:end].rstrip()) if end > start else len(self._text[:start].rstrip())
                scalar = Scalar(min(start, end), end, event.value, plain=not event.style)
                self._scalars.append(scalar)
                self._add(scalar)
            case "SequenceStartEvent":
                self._begin(event, List(start))
            case "MappingStartEvent":
                self._begin(event, Mapping(start))
            case "SequenceEndEvent" | "MappingEndEvent":
                node, brackets = self._open.pop()
                self._keys.pop()
                parts = node.items if isinstance(node, List) else chain.from_iterable(node.pairs.values())
                # The end mark of a block, too, is where the next token begins.
                node.end = end if brackets else max((part.end for part in parts), default=node.start)

    def _begin(self, event: Any, node: List | Mapping) -> None:
        self._refuse_properties(event, node.start)
        self._add(node)
        self._open.append((node, event.flow_style))
        self._keys.append(None)
        if len(self._open) > DEEPEST:
            message = f"lists and mappings nest deeper than {DEEPEST}"
            place = Label(self._source.span(node.start, node.start + 1), f"level {len(self._open)} begins here")
            raise SpecError([Diagnostic(Code.LIMIT, message, place)])

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
            # Of a key that is given twice, the first counts for what else is wrong.
            collection.pairs.setdefault(key.value, KeyValue(key, node))
            self._keys[-1] = None

    def _key(self, node: Node, mapping: Mapping) -> Scalar:
        if not isinstance(node, Scalar):
            message = "a key is a name, not a list or mapping"
            raise SpecError([_finding(self._source, message, node.start, node.start + 1)])
        if node.plain and node.value == "<<":
            self._refuse_reference(node.start, node.end, "a merge key, `<<`, copies what is written elsewhere")
        elif node.value in mapping.pairs:
            first = mapping.pairs[node.value].key
            message = f"the key `{short(node.value)}` is given twice"
            label = Label(self._source.span(first.start, first.end), "first here")
            self.findings.append(_finding(self._source, message, node.start, node.end, "", label))
        return node

    def _refuse_properties(self, event: Any, start: int) -> None:
        """Anchors and tags."""
        if event.anchor is not None:
            self._anchors.add(event.anchor)
            at = self._text.find(f"&{event.anchor}", start)
            where = (at, at + 1 + len(event.anchor)) if at >= 0 else (start, start + 1)
            self._refuse_reference(*where, "an anchor, `&`, names a part to repeat it elsewhere")
        if event.tag is not None:
            at = max(self._text.find("!", start), start)
            end = at + len(re.match(r"\S*", self._text[at:])[0].rstrip(",]}"))  # type: ignore[index]  # may be empty
            message = "a YAML tag says of what type a value is; in a spec its place says it"
            self.findings.append(_finding(self._source, message, at, max(end, at + 1), "remove it"))

    def _refuse_reference(self, start: int, end: int, what: str) -> None:
        message, help_ = f"{what}; a spec is read as it stands", "name it with `let`, or make it a block"
        self.findings.append(_finding(self._source, message, start, end, help_))


# ---- single values, by the core schema of YAML 1.2 (its section 10.3.2) ---------------------------------

NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {text: word for word in ("true", "false") for text in (word, word.capitalize(), word.upper())}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEX = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)")
_FLOAT = re.compile(r"([-+]?)(\.[0-9]+|[0-9]+(?:\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class NotFinite(ValueError):
    """YAML's infinity or NaN: the language has neither."""


class TooLarge(ValueError):
    """A whole number beyond 2^63 - 1."""


def literal(text: str) -> str | None:
    """What a plain scalar stands for, in the language: a number, `true`, `false` or `none`; None where it is a text.

    Raises:
        NotFinite, TooLarge: it is a number that the language does not have.
    """
    if text in NULLS:
        return "none"
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _DECIMAL.fullmatch(text):
        return text.removeprefix("+")
    if _OCTAL_OR_HEX.fullmatch(text):
        value = int(text[2:], 8 if text[1] == "o" else 16)
        if value > LARGEST_INTEGER:
            raise TooLarge(text)
        return str(value)
    if _NOT_FINITE.fullmatch(text):
        raise NotFinite(text)
    if match := _FLOAT.fullmatch(text):
        sign, digits, exponent = match.groups("")
        whole, point, part = digits.partition(".")
        # A number of the language begins and ends with a digit.
        return f"{sign.removeprefix('+')}{whole or '0'}{point}{(part or '0') if point else ''}{exponent}"
    return None


# ---- texts that are no YAML -----------------------------------------------------------------------------


def _malformed(source: Source, error: Any) -> Diagnostic:
    """The diagnostic of a `yaml.YAMLError`: the scanner's problem in plain words, at its place.

    libyaml and PyYAML's own scanner word the same problem differently; this text does not depend on which of them read.
    """
    text, problem = source.text, str(getattr(error, "problem", None) or "no text of YAML")
    stopped, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    # An error about characters has a position and no marks.
    at = min(int(stopped.index if stopped else getattr(error, "position", 0) or 0), len(text))
    begin = at if context is None else int(context.index)
    character, opener = text[at : at + 1], "" if context is None else text[begin : begin + 1]
    if "escape character" in problem:
        at -= character != "\\"
        message = f"`{text[at : at + 2]}` is no escape of YAML"
        return _finding(source, message, at, at + 2, "write \\\\ for a backslash")
    if opener in ("'", '"') and "end of stream" in problem:
        end = begin + len(text[begin:].partition("\n")[0].rstrip())
        help_ = f"add the missing `{opener}`"
        return _finding(source, "this text is not closed", begin, end, help_, code=Code.BRACKETS)
    if character == "\t":
        return _finding(source, "a tab is no blank of YAML", at, at + 1, "write spaces")
    if "cannot start any token" in problem:
        return _finding(source, f"a text cannot begin with `{character}`", at, at + 1, "put the text in quotes")
    if character and character in "]}" and character != _CLOSER.get(opener):
        return _finding(source, f"`{character}` closes nothing", at, at + 1, "remove it", code=Code.BRACKETS)
    if character == ":" and not text[at + 1 : at + 2].isspace():
        return _finding(source, "a blank is missing behind this colon", at, at + 1, "write `key: value`")
    if opener in _CLOSER:
        return _open_bracket(source, begin, at)
    if "mapping values are not allowed" in problem:
        message = "`:` cannot stand here: the value of a key does not begin another pair on its line"
        help_ = "put the value in braces, `{...}`, or on lines of its own; a text with `: ` in it stands in quotes"
        return _finding(source, message, at, at + 1, help_)
    if "could not find expected ':'" in problem:
        message = "this line is neither an item, `- ...`, nor a pair, `key: value`"
        line = text[begin:].partition("\n")[0]
        return _finding(source, message, begin, begin + max(len(line.rstrip()), 1))
    # Whatever else it is: most likely an indentation that fits nothing above it.
    start, end = _word_from(text, at)
    word = f"`{text[start:end]}`" if end > start else "the end of the file"
    message = f"{word} fits neither the list nor the mapping above it"
    help_ = "what belongs together begins in the same column"
    above = [Label(source.span(begin, begin + 1), "it begins here")] if context and begin < start else []
    return _finding(source, message, start, end, help_, *above)


def _open_bracket(source: Source, begin: int, at: int) -> Diagnostic:
    """Of a bracket at ``begin`` that is not closed where the scanner stopped, ``at``."""
    text, opener = source.text, source.text[begin]
    end = len(text.rstrip())
    if at >= end:
        message, help_ = f"`{opener}` is never closed", f"add the missing `{_CLOSER[opener]}`"
        label = Label(source.span(end, end), "the file ends here")
        return _finding(source, message, begin, begin + 1, help_, label, code=Code.BRACKETS)
    start, end = _word_from(text, at)
    # In `[=sizes[0], 3]` the bracket ends the text that it belongs to, and in `{image: uint8 [N, 3, 8, 8]}`.
    in_text = text[start] in _CLOSER and not text[start - 1].isspace() and text[start - 1] not in ",[{:"
    in_text |= (
        text[start] == "["
        and re.search(r":[ \t]*[A-Za-z_]\w*[ \t]+\Z", text[max(begin, start - 80) : start]) is not None
    )
    help_ = f"a text with `{text[start]}` in it stands in quotes here" if in_text else ""
    message = f"expected `,` or `{_CLOSER[opener]}`, found `{text[start:end]}`"
    return _finding(source, message, start, end, help_, Label(source.span(begin, begin + 1), "opened here"))


def _word_from(text: str, at: int) -> tuple[int, int]:
    """Where the next word begins and ends; of a long one, its first 20 characters."""
    match = re.compile(r"\s*(\S{0,20})").match(text, at)
    assert match, "it matches anything"
    return match.span(1)


def _finding(
    source: Source, message: str, start: int, end: int, help_: str = "", *labels: Label, code: Code = Code.SYNTAX
) -> Diagnostic:
    place = Label(source.span(min(start, len(source.text)), min(end, len(source.text))))
    return Diagnostic(code, message, place, labels, helps=(help_,) if help_ else ())
