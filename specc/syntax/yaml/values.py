"""Names, values, expressions and arguments, from YAML's nodes to pieces of the language's text.

A method is a generator of pieces, and of further generators, which `flat` runs in their place: so the nesting of a
file costs no stack. What is wrong is noted and gives no pieces; a text with anything noted is never parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source, Span
from specc.syntax.labels import NAME, WORDS
from specc.syntax.yaml import scalars
from specc.syntax.yaml.nodes import List, Mapping, Node, Scalar
from specc.syntax.yaml.transcript import Piece
from specc.syntax.yaml.words import without_blank, without_owner

Pieces = Iterator["Piece | Pieces"]

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


def flat(pieces: Pieces) -> list[Piece]:
    """The pieces in order, those of the generators among them in their places."""
    done: list[Piece] = []
    waiting = [pieces]
    while waiting:
        for piece in waiting[-1]:
            if not isinstance(piece, Piece):
                waiting.append(piece)
                break
            done.append(piece)
        else:
            waiting.pop()
    return done


def mark(text: str, node: Node) -> Piece:
    """A sign of the language that stands for no characters of the YAML, but for the node as a whole."""
    return Piece(text, node.start, node.end)


def opening(text: str, node: Mapping) -> Piece:
    """The word that begins a statement or an item; its place is all of it but the label."""
    pairs = [pair for key, pair in node.pairs.items() if key != "label"]
    start, end = min(pair.key.start for pair in pairs), max(pair.value.end for pair in pairs)
    return Piece(text, start, end, whole=True)


def is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.value in scalars.NULLS


def kind_of(node: Node) -> str:
    """The node in words, to complete "not …"."""
    if isinstance(node, List):
        return "a list" if node.items else "an empty list"
    if isinstance(node, Mapping):
        return "a mapping" if node.pairs else "an empty mapping"
    if is_null(node):
        return "nothing"
    if not node.value:
        return "an empty text"
    return f"`{short(node.value)}`"


def short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:20]}..."


class Values:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings: list[Diagnostic] = []

    def find(self, message: str, node: Node, help_: str = "", label: str = "", code: Code = Code.SYNTAX) -> None:
        place = Label(self.place(node), label)
        self.findings.append(Diagnostic(code, message, place, helps=(help_,) if help_ else ()))

    def place(self, node: Node) -> Span:
        return self.source.span(node.start, node.end)

    # ---- names ------------------------------------------------------------------------------------

    def name(self, node: Node, what: str) -> Pieces:
        if not isinstance(node, Scalar) or is_null(node):
            self.find(f"{what} is a name, not {kind_of(node)}", node)
        elif node.value in WORDS:
            help_ = f"another name, such as `{node.value}_`, can"
            self.find(f"`{node.value}` is a word of the language and cannot be a name", node, help_)
        elif not NAME.fullmatch(node.value):
            plain = "a name begins with a letter or `_`, and goes on with letters, digits and `_`"
            help_ = without_owner(node.value) or without_blank(node.value) or plain
            self.find(f"{what} is a name, not {kind_of(node)}", node, help_)
        else:
            yield self.exact(node)

    def names(self, node: Node, what: str) -> Pieces:
        """One or more names, separated by commas."""
        if not isinstance(node, List) or not node.items:
            lone = isinstance(node, Scalar) and NAME.fullmatch(node.value)
            help_ = f"one name is a list, too: `[{node.value}]`" if isinstance(node, Scalar) and lone else ""
            self.find(f"here stands a list of names, not {kind_of(node)}", node, help_)
            return
        for place, entry in enumerate(node.items):
            if place:
                yield mark(", ", node)
            yield self.name(entry, what)

    def exact(self, node: Scalar, skip: int = 0, hole: str = "") -> Piece:
        """The scalar's text from character ``skip`` on: each at its own place, where it stands in the YAML as it is."""
        start = node.start + (not node.plain)
        if self.source.text.startswith(node.value, start):
            return Piece(node.value[skip:], start + skip, start + len(node.value), exact=True, hole=hole)
        return Piece(node.value[skip:], node.start, node.end, hole=hole)

    # ---- values -----------------------------------------------------------------------------------

    def value(self, node: Node) -> Pieces:
        """A value: a text begins an expression with ``=``; every other text is a string."""
        return self._any(node, always=False)

    def expression(self, node: Node, hole: str = "value") -> Pieces:
        """A value, where a text is an expression with and without ``=``."""
        return self._any(node, always=True, hole=hole)

    def text(self, node: Node, what: str) -> Pieces:
        """A string, whatever it begins with."""
        if not isinstance(node, Scalar) or is_null(node):
            self.find(f"{what} is a text, not {kind_of(node)}", node)
        else:
            yield from self._string(node)

    def _any(self, node: Node, always: bool, hole: str = "value") -> Pieces:
        if isinstance(node, List):
            yield mark("[", node)
            for place, entry in enumerate(node.items):
                if place:
                    yield mark(", ", node)
                yield self._any(entry, always)
            yield mark("]", node)
        elif isinstance(node, Mapping):
            help_ = "arguments by name stand in one mapping behind the others: `conv: [16, 3, {stride: 2}]`"
            self.find("a mapping is no value", node, help_)
        else:
            yield self._scalar(node, always, hole)

    def _scalar(self, node: Scalar, always: bool, hole: str) -> Pieces:
        literal = self._literal(node) if node.plain else None
        if literal is not None:
            yield self.exact(node) if literal == node.value else Piece(literal, node.start, node.end)
        elif always or node.value.startswith("="):
            yield from self._hole(node, hole)
        else:
            yield from self._string(node)

    def _literal(self, node: Scalar) -> str | None:
        try:
            return scalars.written(node.value)
        except scalars.NoNumber:
            self.find(f"{node.value} is no number of the language", node, "a text of that name stands in quotes")
        except scalars.TooLarge:
            message = f"the number {short(node.value)} is out of range"
            self.find(message, node, label="whole numbers go up to 2^63 - 1", code=Code.LIMIT)
        return ""

    def _hole(self, node: Scalar, hole: str) -> Pieces:
        """An expression. It is text of the file's author: whether it is one expression is asked before it is read."""
        skip = len(node.value) - len(node.value.removeprefix("=").lstrip())
        if skip == len(node.value):
            self.find(
                "here an expression is missing", node, "an empty text as a value is written `'=\"\"'`" if skip else ""
            )
            return
        if self._visible(node):
            piece = self.exact(node, skip, hole)
            yield piece._replace(text=piece.text.replace("\n", " "))

    def _string(self, node: Scalar) -> Pieces:
        if self._visible(node):
            yield Piece(f'"{node.value.translate(_ESCAPES)}"', node.start, node.end)

    def _visible(self, node: Scalar) -> bool:
        """Whether there are no characters that an escape of YAML has made and the language does not let in."""
        found = _HIDDEN.search(node.value)
        if found:
            message = f"the text contains the hidden character U+{ord(found[0]):04X}"
            self.find(message, node, "remove it", code=Code.UNREADABLE)
        return not found

    # ---- arguments --------------------------------------------------------------------------------

    def arguments(self, node: Node) -> Pieces:
        """What stands behind the name of a layer: nothing, one argument, or a list, those by name at the end."""
        if is_null(node):
            return
        entries = node.items if isinstance(node, List) else [node]
        yield mark("(", node)
        for place, entry in enumerate(entries):
            if place and not _is_empty(entry):
                yield mark(", ", node)
            if isinstance(entry, Mapping) and entry is entries[-1]:
                yield self._named(entry)
            else:
                yield self.value(entry)
        yield mark(")", node)

    def _named(self, node: Mapping) -> Pieces:
        for place, pair in enumerate(node.pairs.values()):
            if place:
                yield mark(", ", node)
            yield self.name(pair.key, "an argument")
            yield Piece("=", pair.key.end, pair.key.end)
            yield self.value(pair.value)


def _is_empty(node: Node) -> bool:
    return isinstance(node, Mapping) and not node.pairs
