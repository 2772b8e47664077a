"""Bodies, lines and steps, from YAML's nodes to pieces of the language's text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeGuard

from specc.syntax.brackets import MOST_MISTAKES
from specc.syntax.labels import NAME, WORDS, needs_quotes
from specc.syntax.yaml.nodes import List, Mapping, Node, Pair, Scalar
from specc.syntax.yaml.transcript import Piece
from specc.syntax.yaml.values import Pieces, Values, is_null, kind_of, mark, opening, short
from specc.syntax.yaml.words import (
    BESIDE_LAYER,
    NUMBER,
    RESERVED,
    STATEMENTS,
    STEPS,
    Form,
    beside,
    did_you_mean,
    without_blank,
    without_owner,
)

_A_STEP = "a step is a name, `relu`, or a mapping, `conv: [16, 3]`"


class Steps:
    def __init__(self, values: Values) -> None:
        self._values = values
        self._find = values.find

    # ---- bodies and lines ---------------------------------------------------------------------------

    def body(self, node: Node) -> Pieces:
        yield mark("{", node)
        yield self._lines(node)
        yield mark("}", node)

    def _lines(self, node: Node) -> Pieces:
        if is_null(node):
            self._find("here stands a list of lines, not nothing", node, "a body without steps is `[]`")
            return
        if not isinstance(node, List):
            yield self._line(node)
            return
        for place, line in enumerate(node.items):
            if place:
                yield mark("\n\n" if after_blank(self._values.source.text, line) else "\n", line)
            yield self._line(line)

    def _line(self, node: Node) -> Pieces:
        """Steps with arrows between them; or one step, let, assert or shared."""
        if isinstance(node, List):
            if not node.items:
                self._find("an empty list is no line", node, "`_` passes the current value on")
            if (number := _of_a_shape(node)) is None:
                return self._chain(node.items)
            sizes = ", ".join(item.value for item in node.items if isinstance(item, Scalar))
            self._find(
                f"a chain has steps, and {kind_of(number)} is none",
                number,
                f"a checkpoint is `shape: [{short(sizes)}]`",
            )
            return iter(())
        if isinstance(node, Mapping) and (head := _head(node, STATEMENTS)):
            return self._statement(node, head)
        return self.step(node)

    def _chain(self, steps: Iterable[Node]) -> Pieces:
        for place, step in enumerate(steps):
            if place:
                yield Piece(" -> ", step.start, step.start)
            yield self.step(step)

    def _statement(self, node: Mapping, head: str) -> Pieces:
        if not self.keys(node, head, STATEMENTS[head]):
            return iter(())
        return {"let": self.let, "assert": self._assert, "shared": self._shared}[head](node)

    def let(self, node: Mapping) -> Pieces:
        pair = node.pairs["let"]
        one = self.only_pair(pair, "let", "{let: {width: 32}}")
        if one:
            yield opening("let ", node)
            yield self._values.name(one.key, "what `let` names")
            yield Piece(" = ", one.key.end, one.key.end)
            yield self._values.value(one.value)

    def _assert(self, node: Mapping) -> Pieces:
        yield opening("assert ", node)
        yield self._values.expression(node.pairs["assert"].value, hole="condition")
        if "message" in node.pairs:
            yield mark(", ", node)
            yield self._values.text(node.pairs["message"].value, "a message")

    def _shared(self, node: Mapping) -> Pieces:
        yield opening("shared ", node)
        yield self._values.name(node.pairs["shared"].value, "what is shared")
        yield mark(" = ", node)
        steps = node.pairs["steps"].value
        entries = steps.items if isinstance(steps, List) else [steps]
        if not entries:
            self._find("what is shared has at least one step", steps)
        yield self._chain(entries)

    # ---- steps --------------------------------------------------------------------------------------

    def step(self, node: Node) -> Pieces:
        if isinstance(node, Scalar):
            return self._bare(node)
        if isinstance(node, Mapping):
            return self._mapping(node)
        help_ = "a checkpoint is `shape: [N, 16, 5, 5]`; the steps of a chain stand in one list"
        self._find("a step is no list", node, help_)
        return iter(())

    def _bare(self, node: Scalar) -> Pieces:
        if is_null(node):
            self._find("here a step is missing", node, _A_STEP)
        elif node.value == "in" or (NAME.fullmatch(node.value) and node.value not in WORDS):
            yield self._values.exact(node)
        elif node.value in WORDS:
            yield self._values.name(node, "a step")
        else:
            self._find(f"a step is a name, not {kind_of(node)}", node, self._instead_of(node.value))

    def _instead_of(self, text: str) -> str:
        """How a step that was written as in the language is written in YAML."""
        if len(self._values.findings) >= MOST_MISTAKES:
            return ""  # more are not shown
        from specc.syntax.mistakes import instead_of_sum
        from specc.syntax.yaml.writer import line_in_yaml

        if NUMBER.fullmatch(text):
            return f"`affine: {text}` multiplies by a number, `affine: [1, {text}]` adds it"
        if entry := re.fullmatch(r"\w+\[.+\]", text):
            return f"give it a name first: `let: {{one: ={entry[0]}}}`, then `one` is a step"
        if (instead := instead_of_sum(text)) and (in_yaml := line_in_yaml(instead)):
            return f"in YAML it is written `{in_yaml}`"
        called = re.match(r"\w+:\w+ *\(", text)
        if not called and (help_ := without_blank(text)):
            return help_
        in_yaml = line_in_yaml(text)
        if in_yaml:
            return f"in YAML it is written `{in_yaml}`"
        if "->" in text:
            return "the steps of a chain stand in a list: `[conv: [16, 3], relu]`"
        name, bracket, _ = text.partition("(")
        if bracket and NAME.fullmatch(name.strip()):
            return f"a step with arguments is a mapping: `{name.strip()}: [16, 3]`"
        return without_owner(text) or _A_STEP

    def _mapping(self, node: Mapping) -> Pieces:
        head = _head(node, STEPS)
        if head:
            if self.keys(node, head, STEPS[head]):
                yield self._label(node)
                yield getattr(self, f"_{head}")(node, node.pairs[head])
            return
        layer = self._layer(node)
        if layer is not None:
            yield self._label(node)
            yield self._called(node, layer.key, layer.value)

    def _layer(self, node: Mapping) -> Pair | None:
        """The pair that names the layer, where every other key may stand beside one."""
        others = [pair for pair in node.pairs.values() if pair.key.value not in BESIDE_LAYER]
        statement = _head(node, STATEMENTS)
        if statement:
            message = f"`{statement}` is no step: it stands on a line of its own"
            self._find(
                message, node.pairs[statement].key, f"write it as an entry of the body: {STATEMENTS[statement].example}"
            )
        elif not others:
            self._find("this step names no layer", node, _A_STEP)
        elif len(others) > 1:
            self._too_many(others)
        elif (name := others[0].key.value) in RESERVED - {"in"}:
            help_ = f"{beside(name)}; a block of that name is written `{{call: {name}, args: [16]}}`"
            self._find(f"this step names no layer, and `{name}` is none", others[0].key, help_)
        else:
            return others[0]
        return None

    def _too_many(self, pairs: list[Pair]) -> None:
        """Several keys that may all be layers, or one of them a slip."""
        keys, known = [pair.key for pair in pairs], (*STEPS, *STATEMENTS, *BESIDE_LAYER)
        slips = [(key, did_you_mean(key.value, known)) for key in keys if key.value not in RESERVED]
        for key, help_ in (*slips, *((key, beside(key.value)) for key in keys)):
            if help_:
                return self._find(f"a step has no key called `{short(key.value)}` here", key, help_)
        names = f"`{short(pairs[0].key.value)}` and `{short(pairs[1].key.value)}`"
        by_name = "arguments by name stand in a mapping behind the others: `conv: [16, 3, {stride: 2}]`"
        help_ = f"each step is an entry of its own: `[conv: [16, 3], relu]`; {by_name}"
        return self._find(f"a step is one layer, and this one names {names}", pairs[1].key, help_)

    def _label(self, node: Mapping) -> Pieces:
        if "label" not in node.pairs:
            return
        label = node.pairs["label"].value
        if isinstance(label, Scalar) and _is_bare_label(label):
            yield self._values.exact(label)
        else:
            yield self._values.text(label, "a label")
        yield Piece(": ", label.end, label.end)

    def _call(self, node: Mapping, pair: Pair) -> Pieces:
        nothing = Scalar(pair.value.end, pair.value.end, "", plain=True)
        arguments = node.pairs["args"].value if "args" in node.pairs else nothing
        if isinstance(pair.value, Scalar):
            return self._called(node, pair.value, arguments)
        self._find(f"`call` takes the name of a layer or block, not {kind_of(pair.value)}", pair.value)
        return iter(())

    def _called(self, node: Mapping, name: Scalar, arguments: Node) -> Pieces:
        if name.value == "in":
            if not is_null(arguments) or "arms" in node.pairs:
                self._find("`in` takes no arguments", arguments)
            yield self._values.exact(name)
            return
        yield self._values.name(name, "a layer")
        yield self._values.arguments(arguments)
        if "arms" in node.pairs:
            yield self._arms(node.pairs["arms"].value)

    def _arms(self, node: Node) -> Pieces:
        if not isinstance(node, List) or not node.items:
            self._find(f"`arms` is a list of arms, not {kind_of(node)}", node, "write `arms: [_, [conv: [16, 3]]]`")
            return
        yield mark(" {", node)
        for arm in node.items:
            if isinstance(arm, List) and not arm.items:
                self._find("an arm cannot be empty", arm, "`_` is an arm that passes the current value on")
            yield mark(" ", arm)
            yield Piece("| ", arm.start, arm.end, whole=True)
            yield self._lines(arm)
        yield mark(" }", node)

    # ---- what is no layer: each called by its key -----------------------------------------------------

    def _shape(self, node: Mapping, pair: Pair) -> Pieces:
        return self.shape(pair.value)

    def shape(self, node: Node) -> Pieces:
        if isinstance(node, List):
            return self._values.expression(node)
        self._find(f"a shape is a list of sizes, not {kind_of(node)}", node, "write `[N, 3, 32, 32]`")
        return iter(())

    def _group(self, node: Mapping, pair: Pair) -> Pieces:
        return self.body(pair.value)

    def _repeat(self, node: Mapping, pair: Pair) -> Pieces:
        yield opening("repeat ", node)
        yield self._values.expression(pair.value)
        yield mark(" ", pair.value)
        yield self.body(node.pairs["body"].value)

    def _for(self, node: Mapping, pair: Pair) -> Pieces:
        yield opening("for ", node)
        what = "a variable of a loop"
        yield (
            self._values.names(pair.value, what)
            if isinstance(pair.value, List)
            else self._values.name(pair.value, what)
        )
        table = node.pairs["in"].value
        yield mark(" in ", table)
        yield self._values.value(table)
        yield mark(" ", table)
        yield self.body(node.pairs["body"].value)

    def _if(self, node: Mapping, pair: Pair) -> Pieces:
        yield opening("if ", node)
        yield self._values.expression(pair.value, hole="condition")
        yield mark(" ", pair.value)
        yield self.body(node.pairs["then"].value)
        if "else" in node.pairs:
            otherwise = node.pairs["else"].value
            yield mark(" else ", otherwise)
            yield self._mapping(otherwise) if _is_else_if(otherwise) else self.body(otherwise)

    # ---- keys -----------------------------------------------------------------------------------------

    def keys(self, node: Mapping, head: str, form: Form) -> bool:
        """Whether a part has the keys that it needs, and no others; what is wrong with them is noted."""
        known = (head, *form.needs, *form.takes)
        unknown = [pair.key for key, pair in node.pairs.items() if key not in known]
        for key in unknown:
            others = known[1:]
            allowed = f"beside `{head}` may stand {', '.join(f'`{word}`' for word in others)}" if others else ""
            help_ = did_you_mean(key.value, others) or allowed or f"written alone: {form.example}"
            self._find(f"`{head}` has no key called `{short(key.value)}`", key, help_)
        missing = [key for key in form.needs if key not in node.pairs]
        if missing and not unknown:  # a key by a wrong name is most likely the one that is missing
            words = " and ".join(f"`{key}`" for key in missing)
            self._find(f"`{head}` needs {words}", node.pairs[head].key, f"as in {form.example}")
        return not (unknown or missing)

    def only_pair(self, pair: Pair, what: str, example: str) -> Pair | None:
        """The one pair of the mapping behind a key."""
        node = pair.value
        if isinstance(node, Mapping) and len(node.pairs) == 1:
            return node.first
        if isinstance(node, Mapping) and node.pairs:
            second = list(node.pairs.values())[1]
            self._find(
                f"one `{what}` has one name", second.key, f"write another `{what}` for the next: their order counts"
            )
        else:
            self._find(
                f"`{what}` takes one name with what it stands for, not {kind_of(node)}", node, f"as in {example}"
            )
        return None


def after_blank(text: str, node: Node) -> bool:
    """Whether an empty line stands before a line of its own in a list; comments before it count as the line's."""
    begin = text.rfind("\n", 0, node.start) + 1
    if text[begin : node.start].strip(" -"):
        return False
    while begin:
        end = begin - 1
        begin = text.rfind("\n", 0, end) + 1
        above = text[begin:end].strip()
        if not above.startswith("#"):
            return not above
    return False


def _head(node: Mapping, forms: dict[str, Form]) -> str:
    """The key that says what the mapping is; empty where it is a layer."""
    return next((key for key in node.pairs if key in forms), "")


def _is_else_if(node: Node) -> TypeGuard[Mapping]:
    return isinstance(node, Mapping) and "if" in node.pairs and "label" not in node.pairs


def _is_bare_label(label: Scalar) -> bool:
    """Whether it stands in the language without quotes. So does a number that is no label, to be refused as one."""
    return not is_null(label) and (
        not needs_quotes(label.value) or (label.plain and NUMBER.fullmatch(label.value) is not None)
    )


_SIZE = re.compile(r"[A-Za-z0-9_]+(?: *(?:[-+*%]|//) *[A-Za-z0-9_]+)*")


def _of_a_shape(chain: List) -> Scalar | None:
    """Of a chain that is most likely a shape, the first size that is no name; None for any other chain."""
    sizes = [item for item in chain.items if isinstance(item, Scalar) and _SIZE.fullmatch(item.value)]
    whole = len(sizes) == len(chain.items)
    return next((size for size in sizes if not NAME.fullmatch(size.value)), None) if whole else None
