"""The keys of the YAML form: which stand in each item, statement and step, and what is said of one that does not."""

from __future__ import annotations

from typing import NamedTuple

from specc.syntax.tokens import is_word


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
    "group": Form((), ("label",), "{group: [[conv: [16, 3], relu]]}"),
    "repeat": Form(("body",), ("label",), "{repeat: 2, body: [[conv: [16, 3], relu]]}"),
    "for": Form(("in", "body"), ("label",), "{for: c, in: [16, 32], body: [[conv: [=c, 3], relu]]}"),
    "if": Form(("then",), ("else", "label"), "{if: c > 16, then: [maxpool: 2], else: [relu]}"),
    "call": Form((), ("args", "arms", "label"), "{call: pair, args: [16]}"),
}
BESIDE_LAYER = ("label", "arms")
"""The keys beside a layer."""
RESERVED = frozenset(BESIDE_LAYER).union(
    *((head, *form.needs, *form.takes) for forms in (STEPS, STATEMENTS) for head, form in forms.items())
)
"""The words of steps and statements: a block that is called so is written with ``call``."""


def without_blank(text: str) -> str:
    """What is missing in ``conv:[16, 3]``, which YAML takes for one text, as a help; empty for others."""
    key, _, value = text.partition(":")
    joined = is_word(key) and 0 < len(value) <= 61 and "\n" not in value and not value[0].isspace()
    return f"a blank is missing behind the colon: `{key}: {value}`" if joined else ""


def without_owner(text: str) -> str:
    """How ``nn.Conv2d`` is written, as a help; empty for others."""
    from specc.syntax.mistakes.habits import OWNERS

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
    return f"`{word}` stands beside {' or '.join(heads)}" if heads else ""
