"""Names, values, expressions and arguments: from YAML's nodes to segments of the language's text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source
from specc.syntax.format.inline import string
from specc.syntax.tokens import is_word, keywords
from specc.syntax.yaml.forms import without_blank, without_owner
from specc.syntax.yaml.nodes import NULLS, List, Mapping, Node, NotFinite, Scalar, TooLarge, literal, short
from specc.syntax.yaml.source_map import Segment

Segments = Iterator["Segment | Segments"]

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def flat(segments: Segments) -> list[Segment]:
    """The segments in order, those of the generators among them in their places."""
    done: list[Segment] = []
    waiting = [segments]
    while waiting:
        for segment in waiting[-1]:
            if not isinstance(segment, Segment):
                waiting.append(segment)
                break
            done.append(segment)
        else:
            waiting.pop()
    return done


def mark(text: str, node: Node) -> Segment:
    """A sign of the language that stands for no characters of the YAML, but for the node as a whole."""
    return Segment(text, node.start, node.end)


def after(text: str, node: Node) -> Segment:
    """A sign of the language that stands where the node ends."""
    return Segment(text, node.end, node.end)


def is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.value in NULLS


def kind_of(node: Node) -> str:
    """The node in words, to complete "not …"."""
    if isinstance(node, List):
        return "a list" if node.items else "an empty list"
    if isinstance(node, Mapping):
        return "a mapping" if node.pairs else "an empty mapping"
    if is_null(node):
        return "nothing"
    return f"`{short(node.value)}`" if node.value else "an empty text"


class Operands:
    """Translates what the items and steps of one file are made of.

    A method is a generator of segments, and of further generators, which `flat` runs in their place: so the nesting of
    a file costs no stack. What is wrong is noted and gives no segments; a text with a finding is never parsed.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings: list[Diagnostic] = []

    def note(self, message: str, node: Node, help_: str = "", label: str = "", code: Code = Code.SYNTAX) -> None:
        place = Label(self.source.span(node.start, node.end), label)
        self.findings.append(Diagnostic(code, message, place, helps=(help_,) if help_ else ()))

    # ---- names ------------------------------------------------------------------------------------

    def name(self, node: Node, what: str) -> Segments:
        if not isinstance(node, Scalar) or is_null(node):
            self.note(f"{what} is a name, not {kind_of(node)}", node)
        elif node.value in keywords():
            help_ = f"another name, such as `{node.value}_`, can"
            self.note(f"`{node.value}` is a word of the language and cannot be a name", node, help_)
        elif not is_word(node.value):
            plain = "a name begins with a letter or `_`, and goes on with letters, digits and `_`"
            help_ = without_owner(node.value) or without_blank(node.value) or plain
            self.note(f"{what} is a name, not {kind_of(node)}", node, help_)
        else:
            yield self.exact(node)

    def names(self, node: Node, what: str) -> Segments:
        """One or more names, separated by commas."""
        if not isinstance(node, List) or not node.items:
            lone = isinstance(node, Scalar) and is_word(node.value)
            help_ = f"one name is a list, too: `[{node.value}]`" if isinstance(node, Scalar) and lone else ""
            self.note(f"here stands a list of names, not {kind_of(node)}", node, help_)
            return
        for place, entry in enumerate(node.items):
            if place:
                yield mark(", ", node)
            yield self.name(entry, what)

    def exact(self, node: Scalar, skip: int = 0, expression: str = "") -> Segment:
        """The scalar's text from character ``skip`` on: each at its own place, where it stands in the YAML as it is."""
        start = node.start + (not node.plain)
        exact = self.source.text.startswith(node.value, start)
        begin, end = (start + skip, start + len(node.value)) if exact else (node.start, node.end)
        return Segment(node.value[skip:], begin, end, exact=exact, expression=expression)

    # ---- values -----------------------------------------------------------------------------------

    def value(self, node: Node) -> Segments:
        """A value: a text begins an expression with ``=``; every other text is a string."""
        return self._value(node, always=False)

    def expression(self, node: Node, kind: str = "value") -> Segments:
        """A value, where a text is an expression with and without ``=``; ``kind``: "value" or "condition"."""
        return self._value(node, always=True, kind=kind)

    def text(self, node: Node, what: str) -> Segments:
        """A string, whatever it begins with."""
        if not isinstance(node, Scalar) or is_null(node):
            self.note(f"{what} is a text, not {kind_of(node)}", node)
        else:
            yield from self._string(node)

    def _value(self, node: Node, always: bool, kind: str = "value") -> Segments:
        if isinstance(node, List):
            yield mark("[", node)
            for place, entry in enumerate(node.items):
                if place:
                    yield mark(", ", node)
                yield self._value(entry, always)
            yield mark("]", node)
        elif isinstance(node, Mapping):
            help_ = "arguments by name stand in one mapping behind the others: `conv: [16, 3, {stride: 2}]`"
            self.note("a mapping is no value", node, help_)
        elif node.plain and (number := self._literal(node)) is not None:
            yield self.exact(node) if number == node.value else mark(number, node)
        elif always or node.value.startswith("="):
            yield from self._expression(node, kind)
        else:
            yield from self._string(node)

    def _literal(self, node: Scalar) -> str | None:
        try:
            return literal(node.value)
        except NotFinite:
            self.note(f"{node.value} is no number of the language", node, "a text of that name stands in quotes")
        except TooLarge:
            message = f"the number {short(node.value)} is out of range"
            self.note(message, node, label="whole numbers go up to 2^63 - 1", code=Code.LIMIT)
        return ""

    def _expression(self, node: Scalar, kind: str) -> Segments:
        """It is text of the file's author: whether it is one expression is asked before it is parsed."""
        skip = len(node.value) - len(node.value.removeprefix("=").lstrip())
        if skip == len(node.value):
            help_ = "an empty text as a value is written `'=\"\"'`" if skip else ""
            self.note("here an expression is missing", node, help_)
        elif self._is_visible(node):
            segment = self.exact(node, skip, kind)
            yield segment._replace(text=segment.text.replace("\n", " "))

    def _string(self, node: Scalar) -> Segments:
        if self._is_visible(node):
            yield mark(string(node.value), node)

    def _is_visible(self, node: Scalar) -> bool:
        """Whether there are no characters that an escape of YAML has made and the language does not let in."""
        hidden = _HIDDEN.search(node.value)
        if hidden:
            message = f"the text contains the hidden character U+{ord(hidden[0]):04X}"
            self.note(message, node, "remove it", code=Code.UNREADABLE)
        return not hidden

    # ---- arguments --------------------------------------------------------------------------------

    def arguments(self, node: Node) -> Segments:
        """What stands behind the name of a layer: nothing, one argument, or a list, those by name at the end."""
        if is_null(node):
            return
        entries = node.items if isinstance(node, List) else [node]
        yield mark("(", node)
        for place, entry in enumerate(entries):
            if place and not (isinstance(entry, Mapping) and not entry.pairs):
                yield mark(", ", node)
            if isinstance(entry, Mapping) and entry is entries[-1]:
                for number, (key, value) in enumerate(entry.pairs.values()):
                    if number:
                        yield mark(", ", entry)
                    yield self.name(key, "an argument")
                    yield after("=", key)
                    yield self.value(value)
            else:
                yield self.value(entry)
        yield mark(")", node)
