"""Items, contracts, lines and steps: from YAML's nodes to segments of the language's text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from specc.syntax.recovery import MOST_MISTAKES, short
from specc.syntax.tokens import is_name, is_number, is_word, keywords, needs_quotes
from specc.syntax.yaml.nodes import KeyValue, List, Mapping, Node, Scalar
from specc.syntax.yaml.operands import (
    BESIDE_LAYER,
    ITEMS,
    REFERENCE,
    RESERVED,
    STATEMENTS,
    STEPS,
    TYPED_SHAPE,
    Form,
    Operands,
    Segment,
    Segments,
    beside,
    did_you_mean,
    is_null,
    joined,
    kind_of,
    mark,
    without_blank,
    without_owner,
)

_A_STEP = "a step is a name, `relu`, or a mapping, `conv: [16, 3]`"
_SIZE = re.compile(r"[A-Za-z0-9_]+(?: *(?:[-+*%]|//) *[A-Za-z0-9_]+)*")


class Translator(Operands):
    """Translates one file."""

    def file(self, node: Node | None) -> Segments:
        if node is None or is_null(node):
            return
        if not isinstance(node, List):
            message = f"a spec in YAML is a list of models, blocks and other items, not {kind_of(node)}"
            first = node.first.key if isinstance(node, Mapping) and node.pairs else node
            self.note(message, first, "begin each of them with `- `")
            return
        yield self._on_lines(node.items, self._item)
        yield mark("\n", node)

    def _on_lines(self, nodes: list[Node], translate: Callable[[Node], Segments]) -> Segments:
        """Each node on a line, with an empty one above where it has one in the YAML."""
        for place, node in enumerate(nodes):
            if place:
                yield mark("\n\n" if after_blank(self.source.text, node) else "\n", node)
            yield translate(node)

    # ---- items --------------------------------------------------------------------------------------

    def _item(self, node: Node) -> Segments:
        known = "`model`, `block`, `let`, `default` and `from`"
        if not isinstance(node, Mapping) or not node.pairs:
            help_ = without_blank(node.value) if isinstance(node, Scalar) else ""
            self.note(f"an item of a spec is a mapping with one of {known}, not {kind_of(node)}", node, help_)
            return
        head = _head(node, ITEMS)
        if not head:
            key = node.first.key
            help_ = did_you_mean(key.value, tuple(ITEMS)) or "steps stand in the `body` of a model"
            self.note(f"an item of a spec has one of {known}, not `{short(key.value)}`", key, help_)
            return
        if not self._has_keys(node, head, ITEMS[head]):
            return
        value = node.pairs[head].value
        match head:
            case "from":
                names = node.pairs["import"].value
                yield _opening("from ", node)
                yield self.text(value, "the path of a file")
                yield mark(" import ", names)
                yield self.names(names, "what is imported")
            case "let":
                yield self._let(node)
            case "default":
                if pair := self._only_pair(value, "default", ITEMS["default"].example):
                    if is_null(pair.value):
                        self.note("`default` gives arguments", pair.key, f"as in {ITEMS['default'].example}")
                    yield _opening("default ", node)
                    yield self.name(pair.key, "a layer")
                    yield self.arguments(pair.value)
            case _:
                yield _opening(f"{head} ", node)
                yield self.name(value, f"what `{head}` is called")
                if "params" in node.pairs:
                    yield self._params(node.pairs["params"].value)
                yield self._contract(node)
                yield mark(" ", node.pairs["body"].value)
                yield self._body(node.pairs["body"].value)

    def _params(self, node: Node) -> Segments:
        if not isinstance(node, List):
            self.note(f"`params` is a list, not {kind_of(node)}", node, "as in `params: [c, {stride: 1}]`")
            return
        yield mark("(", node)
        yield joined(map(self._param, node.items), node)
        yield mark(")", node)

    def _param(self, node: Node) -> Segments:
        if not isinstance(node, Mapping):
            yield self.name(node, "a parameter")
        elif len(node.pairs) != 1:
            wrong = list(node.pairs.values())[1].key if node.pairs else node
            self.note("a parameter is a name, or one pair of its name and default", wrong, "as in `[c, {stride: 1}]`")
        else:
            yield self.pair(node.first.key, "a parameter", " = ", self.value(node.first.value))

    def _contract(self, node: Mapping) -> Segments:
        if "input" not in node.pairs and not ("block" in node.pairs and "output" in node.pairs):
            late = next((node.pairs[key].key for key in ("output", "where") if key in node.pairs), None)
            if late:
                self.note(f"`{late.value}` needs an `input`", late, "as in `input: [N, 3, 32, 32]`")
            return
        for key, sign in (("input", " : "), ("output", " -> ")):
            if key in node.pairs:
                yield mark(sign, node.pairs[key].value)
                yield self._ports(node.pairs[key].value)
        if "where" in node.pairs:
            where = node.pairs["where"].value
            clauses = where.items if isinstance(where, List) else [where]
            if not clauses:
                self.note("`where` lists at least one condition", where, "leave it out where there is none")
            for clause in clauses:
                if not isinstance(clause, Scalar):
                    help_ = 'as in `where: ["H % 8 == 0"]`'
                    self.note(f"a condition is a text, not {kind_of(clause)}", clause, help_)
            yield mark(" where ", where)
            yield joined((self.value(clause, "condition") for clause in clauses if isinstance(clause, Scalar)), where)

    def _ports(self, node: Node) -> Segments:
        if not isinstance(node, Mapping):
            yield self._typed_shape(node)
            return
        if not node.pairs:
            self.note("here stand one or more names, each with its shape", node, "as in `{image: [N, 3, 32, 32]}`")
        yield mark("(", node)
        yield joined(map(self._port, node.pairs.values()), node)
        yield mark(")", node)

    def _port(self, pair: KeyValue) -> Segments:
        """A name with its shape, or with nothing."""
        if is_null(pair.value):
            yield self.name(pair.key, "a port")
        else:
            yield self.pair(pair.key, "a port", ": ", self._typed_shape(pair.value))

    # ---- bodies and lines ---------------------------------------------------------------------------

    def _body(self, node: Node) -> Segments:
        yield mark("{", node)
        yield self._lines(node)
        yield mark("}", node)

    def _lines(self, node: Node) -> Segments:
        if is_null(node):
            self.note("here stands a list of lines, not nothing", node, "a body without steps is `[]`")
            return
        if not isinstance(node, List):
            yield self._line(node)
            return
        yield self._on_lines(node.items, self._line)

    def _line(self, node: Node) -> Segments:
        """Steps with arrows between them; or one step, let, assert or shared."""
        if isinstance(node, List):
            if not node.items:
                self.note("an empty list is no line", node, "`_` passes the current value on")
            sizes = [item for item in node.items if isinstance(item, Scalar) and _SIZE.fullmatch(item.value)]
            numbers = [size for size in sizes if not is_word(size.value)]
            if numbers and len(sizes) == len(node.items):
                help_ = f"a checkpoint is `shape: [{short(', '.join(size.value for size in sizes))}]`"
                self.note(f"a chain has steps, and {kind_of(numbers[0])} is none", numbers[0], help_)
                return
            yield self._chain(node.items)
            return
        head = _head(node, STATEMENTS) if isinstance(node, Mapping) else ""
        if not head or not isinstance(node, Mapping):
            yield self._step(node)
        elif self._has_keys(node, head, STATEMENTS[head]):
            match head:
                case "let":
                    yield self._let(node)
                case "assert":
                    yield _opening("assert ", node)
                    yield self.value(node.pairs["assert"].value, "condition")
                    if "message" in node.pairs:
                        yield mark(", ", node)
                        yield self.text(node.pairs["message"].value, "a message")
                case "shared":
                    yield _opening("shared ", node)
                    yield self.name(node.pairs["shared"].value, "what is shared")
                    yield mark(" = ", node)
                    steps = node.pairs["steps"].value
                    entries = steps.items if isinstance(steps, List) else [steps]
                    if not entries:
                        self.note("what is shared has at least one step", steps)
                    yield self._chain(entries)

    def _chain(self, steps: Iterable[Node]) -> Segments:
        for place, step in enumerate(steps):
            if place:
                yield Segment(" -> ", step.start, step.start)
            yield self._step(step)

    def _let(self, node: Mapping) -> Segments:
        if pair := self._only_pair(node.pairs["let"].value, "let", "{let: {width: 32}}"):
            yield _opening("let ", node)
            yield self.pair(pair.key, "what `let` names", " = ", self.value(pair.value))

    # ---- steps --------------------------------------------------------------------------------------

    def _step(self, node: Node) -> Segments:
        if isinstance(node, Mapping):
            head = _head(node, STEPS)
            if head and self._has_keys(node, head, STEPS[head]):
                yield self._label(node)
                yield self._form(node, head, node.pairs[head].value)
            elif not head and (layer := self._layer(node)):
                yield self._label(node)
                yield self._call(node, layer.key, layer.value)
        elif isinstance(node, List):
            help_ = "a checkpoint is `shape: [N, 16, 5, 5]`; the steps of a chain stand in one list"
            self.note("a step is no list", node, help_)
        elif is_null(node):
            self.note("here a step is missing", node, _A_STEP)
        elif node.value == "in" or is_name(node.value):
            yield self.exact(node)
        elif re.fullmatch(REFERENCE, node.value):
            yield self.exact(node, expression="value")
        elif node.value in keywords():
            yield self.name(node, "a step")
        else:
            # More than these are not shown, and a help takes a parse.
            help_ = _in_yaml(node.value) if len(self.findings) < MOST_MISTAKES else ""
            self.note(f"a step is a name, not {kind_of(node)}", node, help_)

    def _form(self, node: Mapping, head: str, value: Node) -> Segments:
        """A step that is no layer, but is called by a key of its own."""
        match head:
            case "shape":
                yield self._shape(value)
            case "group":
                if "frozen" in node.pairs:
                    test = node.pairs["frozen"].value
                    yield _opening("frozen(", node)
                    yield self.value(test, "condition")
                    yield mark(") ", test)
                yield self._body(value)
            case "repeat":
                yield _opening("repeat ", node)
                yield self.value(value, "value")
                yield mark(" ", value)
                yield self._body(node.pairs["body"].value)
            case "for" | "for_each":
                yield _opening(f"{head.replace('_', ' ')} ", node)
                names = self.names if isinstance(value, List) else self.name
                yield names(value, "a variable of a loop")
                table = node.pairs["in"].value
                yield mark(" in ", table)
                yield self.value(table)
                yield mark(" ", table)
                yield self._body(node.pairs["body"].value)
            case "if":
                yield _opening("if ", node)
                yield self.value(value, "condition")
                yield mark(" ", value)
                yield self._body(node.pairs["then"].value)
                if "else" in node.pairs:
                    other = node.pairs["else"].value
                    again = isinstance(other, Mapping) and "if" in other.pairs and "label" not in other.pairs
                    yield mark(" else ", other)
                    yield self._step(other) if again else self._body(other)
            case "call":
                nothing = Scalar(value.end, value.end, "", plain=True)
                is_alone = "args" not in node.pairs and "arms" not in node.pairs
                if isinstance(value, Scalar) and is_alone and re.fullmatch(REFERENCE, value.value):
                    yield self.exact(value, expression="value")
                elif isinstance(value, Scalar):
                    yield self._call(node, value, node.pairs["args"].value if "args" in node.pairs else nothing)
                else:
                    self.note(f"`call` takes the name of a layer or block, not {kind_of(value)}", value)

    def _layer(self, node: Mapping) -> KeyValue | None:
        """The pair that names the layer, where every other key may stand beside one."""
        others = [pair for pair in node.pairs.values() if pair.key.value not in BESIDE_LAYER]
        if statement := _head(node, STATEMENTS):
            message = f"`{statement}` is no step: it stands on a line of its own"
            help_ = f"write it as an entry of the body: {STATEMENTS[statement].example}"
            self.note(message, node.pairs[statement].key, help_)
        elif not others:
            self.note("this step names no layer", node, _A_STEP)
        elif len(others) > 1:
            # Several keys that may all be layers, or one of them a slip.
            keys = [pair.key for pair in others]
            known = (*STEPS, *STATEMENTS, *BESIDE_LAYER)
            slips = [(key, did_you_mean(key.value, known)) for key in keys if key.value not in RESERVED]
            for key, help_ in (*slips, *((key, beside(key.value)) for key in keys)):
                if help_:
                    self.note(f"a step has no key called `{short(key.value)}` here", key, help_)
                    return None
            names = f"`{short(keys[0].value)}` and `{short(keys[1].value)}`"
            by_name = "arguments by name stand in a mapping behind the others: `conv: [16, 3, {stride: 2}]`"
            help_ = f"each step is an entry of its own: `[conv: [16, 3], relu]`; {by_name}"
            self.note(f"a step is one layer, and this one names {names}", keys[1], help_)
        elif (name := others[0].key.value) in RESERVED - {"in"}:
            help_ = f"{beside(name)}; a block of that name is written `{{call: {name}, args: [16]}}`"
            self.note(f"this step names no layer, and `{name}` is none", others[0].key, help_)
        else:
            return others[0]
        return None

    def _label(self, node: Mapping) -> Segments:
        if "label" not in node.pairs:
            return
        label = node.pairs["label"].value
        # A number that is no label (`01`) stands without quotes, too, to be refused as one.
        if isinstance(label, Scalar) and (
            (label.plain and is_number(label.value)) or not (is_null(label) or needs_quotes(label.value))
        ):
            yield self.exact(label)
        else:
            yield self.text(label, "a label")
        yield Segment(": ", label.end, label.end)

    def _call(self, node: Mapping, name: Scalar, arguments: Node) -> Segments:
        if name.value == "in":
            if not is_null(arguments) or "arms" in node.pairs:
                self.note("`in` takes no arguments", arguments)
            yield self.exact(name)
            return
        yield self.name(name, "a layer")
        yield self.arguments(arguments)
        if "arms" not in node.pairs:
            return
        arms = node.pairs["arms"].value
        if not isinstance(arms, List) or not arms.items:
            self.note(f"`arms` is a list of arms, not {kind_of(arms)}", arms, "write `arms: [_, [conv: [16, 3]]]`")
            return
        yield mark(" {", arms)
        for arm in arms.items:
            if isinstance(arm, List) and not arm.items:
                self.note("an arm cannot be empty", arm, "`_` is an arm that passes the current value on")
            yield mark(" ", arm)
            yield Segment("| ", arm.start, arm.end, whole=True)
            if number := _number_in(arm):
                self.note(
                    f"a step is a name, not {kind_of(number)}", number, _for_number(name.value, number, arms.items)
                )
                continue
            yield self._lines(arm)
        yield mark(" }", arms)

    def _typed_shape(self, node: Node) -> Segments:
        """A shape; or a text with the type of the elements in front of it, ``uint8 [N, 3, H, W]``."""
        typed = TYPED_SHAPE.fullmatch(node.value) if isinstance(node, Scalar) else None
        if typed is None or not isinstance(node, Scalar):
            yield self._shape(node)
        elif self.is_visible(node):
            dtype, shape = (self.exact(node, typed.start(part)) for part in ("dtype", "shape"))
            name = typed["dtype"]
            end = dtype.start + len(name) if dtype.exact else dtype.end
            yield dtype._replace(text=f"{name} ", end=end, exact=False)
            yield shape._replace(text=typed["shape"].replace("\n", " "), expression="value")

    def _shape(self, node: Node) -> Segments:
        if isinstance(node, List):
            yield self.value(node, "value")
        else:
            self.note(f"a shape is a list of sizes, not {kind_of(node)}", node, "write `[N, 3, 32, 32]`")

    # ---- keys ---------------------------------------------------------------------------------------

    def _has_keys(self, node: Mapping, head: str, form: Form) -> bool:
        """Whether a part has the keys that it needs, and no others; what is wrong with them is noted."""
        others = (*form.needs, *form.takes)
        unknown = [pair.key for key, pair in node.pairs.items() if key not in (head, *others)]
        for key in unknown:
            allowed = f"beside `{head}` may stand {', '.join(f'`{word}`' for word in others)}" if others else ""
            help_ = did_you_mean(key.value, others) or allowed or f"written alone: {form.example}"
            if key.value == "frozen" and head in STEPS:
                help_ = f"a group around it is frozen: `{{frozen: true, group: [{{{head}: …}}]}}`"
            self.note(f"`{head}` has no key called `{short(key.value)}`", key, help_)
        missing = [key for key in form.needs if key not in node.pairs]
        if missing and not unknown:  # a key by a wrong name is most likely the one that is missing
            words = " and ".join(f"`{key}`" for key in missing)
            self.note(f"`{head}` needs {words}", node.pairs[head].key, f"as in {form.example}")
        return not (unknown or missing)

    def _only_pair(self, node: Node, what: str, example: str) -> KeyValue | None:
        """The one pair of the mapping behind a key."""
        if isinstance(node, Mapping) and len(node.pairs) == 1:
            return node.first
        if isinstance(node, Mapping) and node.pairs:
            second = list(node.pairs.values())[1].key
            self.note(f"one `{what}` has one name", second, f"write another `{what}` for the next: their order counts")
        else:
            message = f"`{what}` takes one name with what it stands for, not {kind_of(node)}"
            self.note(message, node, f"as in {example}")
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


def _opening(text: str, node: Mapping) -> Segment:
    """The word that begins a statement or an item; its place is all of it but the label."""
    pairs = [pair for key, pair in node.pairs.items() if key != "label"]
    return Segment(text, min(pair.key.start for pair in pairs), max(pair.value.end for pair in pairs), whole=True)


def _number_in(arm: Node) -> Scalar | None:
    """The number that an arm is, alone or in a list."""
    alone = arm.items[0] if isinstance(arm, List) and len(arm.items) == 1 else arm
    return alone if isinstance(alone, Scalar) and is_number(_unsigned(alone)) else None


def _unsigned(number: Scalar) -> str:
    return re.sub(r"\A=? *-?", "", number.value)


def _for_number(merge: str, number: Scalar, arms: Sequence[Node]) -> str:
    """What to write for a number that is an arm, as a help."""
    from specc.syntax.mistakes.habits import for_number
    from specc.syntax.yaml.writer import line_in_yaml

    is_first = _number_in(arms[0]) is number
    is_loop = any(isinstance(arm, Mapping) and "for_each" in arm.pairs for arm in arms)
    text = number.value.removeprefix("=").strip()
    is_pair = len(arms) == 2 and not is_loop
    return for_number(merge, text, is_first, is_pair, lambda steps: f"`{line_in_yaml(steps)}`")


def _in_yaml(text: str) -> str:
    """How a step that was written as in the language is written in YAML, as a help."""
    from specc.syntax.mistakes import step_for_sum
    from specc.syntax.yaml.writer import line_in_yaml

    if is_number(text):
        return f"`affine: {text}` multiplies by a number, `affine: [1, {text}]` adds it"
    if (merge := step_for_sum(text)) and (in_yaml := line_in_yaml(merge)):
        return f"in YAML it is written `{in_yaml}`"
    if not re.match(r"\w+:\w+ *\(", text) and (help_ := without_blank(text)):
        return help_
    if in_yaml := line_in_yaml(text):
        return f"in YAML it is written `{in_yaml}`"
    if "->" in text:
        return "the steps of a chain stand in a list: `[conv: [16, 3], relu]`"
    name, bracket, _ = text.partition("(")
    if bracket and is_word(name.strip()):
        return f"a step with arguments is a mapping: `{name.strip()}: [16, 3]`"
    return without_owner(text) or _A_STEP
