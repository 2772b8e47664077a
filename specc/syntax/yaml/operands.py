"""What the items and steps of the YAML form are made of: their keys; names, values, expressions and arguments.

Of a node of the YAML they make segments of the language's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source
from specc.syntax.format.inline import string
from specc.syntax.recovery import short
from specc.syntax.tokens import is_word, keywords
from specc.syntax.yaml.nodes import NULLS, List, Mapping, Node, NotFinite, Scalar, TooLarge, literal

# ---- keys -------------------------------------------------------------------------------------------


class Form(NamedTuple):
    """The keys of an item or a step beside the one that says what it is, and how it is written."""

    needs: tuple[str, ...]
    takes: tuple[str, ...]
    example: str


_CONTRACT = ("params", "input", "output", "where")
ITEMS = {
    "from": Form(("import",), (), "{from: layers.cnn, import: [pair]}"),
    "let": Form((), (), "{let: {width: 32}}"),
    "default": Form((), (), "{default: {conv: {bias: false}}}"),
    "block": Form(("body",), _CONTRACT, "{block: pair, params: [c], body: [[conv: [=c, 3], relu]]}"),
    "model": Form(("body",), _CONTRACT, "{model: Net, input: [N, 3, 32, 32], body: [flatten, fc: 10]}"),
}
STATEMENTS = {
    "let": Form((), (), "{let: {wide: =4 * in.channels}}"),
    "assert": Form((), ("message",), '{assert: params < 200k, message: "too large"}'),
    "shared": Form(("steps",), (), "{shared: head, steps: [flatten, fc: 10]}"),
}
STEPS = {
    "shape": Form((), ("label",), "{shape: [N, 16, 5, 5]}"),
    "group": Form((), ("frozen", "label"), "{group: [[conv: [16, 3], relu]]}"),
    "repeat": Form(("body",), ("label",), "{repeat: 2, body: [[conv: [16, 3], relu]]}"),
    "for": Form(("in", "body"), ("label",), "{for: c, in: [16, 32], body: [[conv: [=c, 3], relu]]}"),
    "for_each": Form(("in", "body"), ("label",), "{for_each: r, in: [1, 2], body: [[conv: [8, 3, {dilation: =r}]]]}"),
    "if": Form(("then",), ("else", "label"), "{if: c > 16, then: [maxpool: 2], else: [relu]}"),
    "call": Form((), ("args", "arms", "label"), "{call: pair, args: [16]}"),
}
BESIDE_LAYER = ("label", "arms")
"""The keys beside a layer."""
RESERVED = frozenset(BESIDE_LAYER).union(
    *((head, *form.needs, *form.takes) for forms in (STEPS, STATEMENTS) for head, form in forms.items())
) - {"frozen"}
"""The words of steps and statements: a block that is called so is written with ``call``.

``frozen`` means something beside ``group`` only: a block may have been called so before.
"""


REFERENCE = r"^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*|\[.+\])+$"
"""A value of the inside of a step as a text: ``body.c3``, ``down[0].skip``."""


TYPED_SHAPE = re.compile(r"(?P<dtype>[A-Za-z_][A-Za-z0-9_]*)\s*(?P<shape>\[.*\])", re.DOTALL)
"""A shape with the type of its elements, as a text."""


def without_blank(text: str) -> str:
    """What is missing in ``conv:[16, 3]``, which YAML takes for one text, as a help; empty for others."""
    key, _, value = text.partition(":")
    joined = is_word(key) and 0 < len(value) <= 61 and "\n" not in value and not value[0].isspace()
    return f"a blank is missing behind the colon: `{key}: {value}`" if joined else ""


def without_owner(text: str) -> str:
    """How ``nn.Conv2d`` is written, as a help; empty for others."""
    from specc.syntax.mistakes.translation import OWNERS

    owner, point, _ = text.partition(".")
    return f"leave out `{owner}.`" if point and owner in OWNERS else ""


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """Which of the known keys a key is most like, as a help; empty where it is like none."""
    from specc.diagnostics.spelling import suggest

    if help_ := without_blank(word):
        return help_
    suggestion = suggest(word, known)
    return f"did you mean `{suggestion.names[0]}`?" if suggestion else ""


def beside(word: str) -> str:
    """Where a word stands that does not begin a step, as a help; empty for others."""
    heads = [
        f"`{head}`"
        for forms in (STEPS, STATEMENTS)
        for head, form in forms.items()
        if word in (*form.needs, *form.takes) and word not in BESIDE_LAYER
    ]
    form = ": `{frozen: true, group: […]}`" if word == "frozen" else ""
    return f"`{word}` stands beside {' or '.join(heads)}{form}" if heads else ""


# ---- segments ---------------------------------------------------------------------------------------


class Segment(NamedTuple):
    """Text of the language, and the place in the YAML that it stands for.

    Attributes:
        exact: character by character; otherwise as a whole.
        whole: it begins a statement or an item, and the place is that of all of it.
        expression: of an expression's text, what it is: "value" or "condition"; empty for all else.
    """

    text: str
    start: int
    end: int
    exact: bool = False
    whole: bool = False
    expression: str = ""


Segments = Iterator["Segment | Segments"]


def flat(segments: Segments) -> list[Segment]:
    """The segments in order, those of the generators among them in their places."""
    done: list[Segment] = []
    stack = [segments]
    while stack:
        for segment in stack[-1]:
            if not isinstance(segment, Segment):
                stack.append(segment)
                break
            done.append(segment)
        else:
            stack.pop()
    return done


def mark(text: str, node: Node) -> Segment:
    """A sign of the language that stands for no characters of the YAML, but for the node as a whole."""
    return Segment(text, node.start, node.end)


def joined(parts: Iterable[Segments], node: Node, sign: str = ", ") -> Segments:
    """The parts with a sign between them."""
    for place, part in enumerate(parts):
        if place:
            yield mark(sign, node)
        yield part


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


# ---- operands ---------------------------------------------------------------------------------------

_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


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
        yield joined((self.name(entry, what) for entry in node.items), node)

    def pair(self, key: Node, what: str, sign: str, value: Segments) -> Segments:
        """A name, a sign, and what the name stands for."""
        yield self.name(key, what)
        yield Segment(sign, key.end, key.end)
        yield value

    def exact(self, node: Scalar, skip: int = 0, expression: str = "") -> Segment:
        """The scalar's text from character ``skip`` on: each at its own place, where it stands in the YAML as it is."""
        start = node.start + (not node.plain)
        exact = self.source.text.startswith(node.value, start)
        begin, end = (start + skip, start + len(node.value)) if exact else (node.start, node.end)
        return Segment(node.value[skip:], begin, end, exact=exact, expression=expression)

    # ---- values -----------------------------------------------------------------------------------

    def text(self, node: Node, what: str) -> Segments:
        """A string, whatever it begins with."""
        if not isinstance(node, Scalar) or is_null(node):
            self.note(f"{what} is a text, not {kind_of(node)}", node)
        else:
            yield from self._string(node)

    def value(self, node: Node, expression: str = "") -> Segments:
        """A value.

        Args:
            expression: what every text is, with and without ``=``: "value" or "condition"; empty: a text begins an
                expression with ``=``, and every other one is a string.
        """
        if isinstance(node, List):
            yield mark("[", node)
            yield joined((self.value(entry, expression and "value") for entry in node.items), node)
            yield mark("]", node)
        elif isinstance(node, Mapping):
            help_ = "arguments by name stand in one mapping behind the others: `conv: [16, 3, {stride: 2}]`"
            self.note("a mapping is no value", node, help_)
        elif node.plain and (number := self._literal(node)) is not None:
            yield self.exact(node) if number == node.value else mark(number, node)
        elif expression or node.value.startswith("="):
            yield from self._expression(node, expression or "value")
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
        """Text of the file's author: the loader checks that it is one expression before it is parsed."""
        skip = len(node.value) - len(node.value.removeprefix("=").lstrip())
        if skip == len(node.value):
            help_ = "an empty text as a value is written `'=\"\"'`" if skip else ""
            self.note("here an expression is missing", node, help_)
        elif self.is_visible(node):
            segment = self.exact(node, skip, kind)
            yield segment._replace(text=segment.text.replace("\n", " "))

    def _string(self, node: Scalar) -> Segments:
        if self.is_visible(node):
            yield mark(string(node.value), node)

    def is_visible(self, node: Scalar) -> bool:
        """Whether it has no characters that an escape of YAML can make and the language refuses."""
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
                pairs = entry.pairs.values()
                yield joined((self.pair(key, "an argument", "=", self.value(value)) for key, value in pairs), entry)
            else:
                yield self.value(entry)
        yield mark(")", node)
