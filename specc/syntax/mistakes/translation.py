"""Lines of Python that describe a network, as steps: ``F.relu(nn.Conv2d(3, 8, 3)(x))`` is ``conv(8, 3) -> relu``.

What is read is Python's own tree of one line (`ast`). Whatever has no certain meaning here gives no translation at
all: a line that is wrong costs more than a missing one. Words come from `specc.diagnostics.vocabulary`, the order of
their arguments from `specc.diagnostics.signatures`.
"""

from __future__ import annotations

import ast as python
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from specc.diagnostics.vocabulary import squeezed
from specc.syntax.mistakes.renaming import MERGES, GivenArguments, layer_named, rendered, with_number

LONGEST = 1000
"""Characters of a line that is looked at."""

OWNERS = frozenset(
    "nn F torch keras layers tf tensorflow jnp jax flax linen nnx np functional mx gluon paddle ops transforms".split()
)
"""What Python has in front of a layer's name, and a point between; here layers are called by their names alone."""

_SIGNS: dict[type[python.operator], str] = {
    python.Add: "add", python.Sub: "sub", python.Mult: "mul", python.Div: "div", python.MatMult: "matmul",
}  # fmt: skip
_PLAIN_STEP = re.compile(r"[a-z_]\w*(?:\([^(){}]*\))?(?:\s*\{.*\})?")
_ONLY_PASSES = frozenset("contiguous detach clone cuda cpu to float double half identity".split())
_RUNNING = frozenset(
    "x X h y z o out output inputs hidden feat feats features img image images data tensor net".split()
)
"""What programs call the value that passes through their layers."""
_WITHOUT_ARGUMENTS = frozenset(
    "relu relu6 selu sigmoid silu mish tanh hardsigmoid hardswish softsign tanhshrink logsigmoid abs exp log sqrt neg "
    "globalavgpool globalmaxpool flatten identity".split()
)
"""Layers that take none that has a name: what is given to them is a value."""
_CONTAINERS = frozenset("model net network layers modules seq".split())

Meaning = Literal["value", "number", "parameter", ""]
"""What a name is: a value of the network, a number, a parameter of a block, which may be either, or nothing known."""


class NoCounterpart(Exception):
    """A part of the line has no certain meaning here."""


class Translation(NamedTuple):
    """A line as it is written here.

    Attributes:
        text: the steps; empty where it has no certain meaning.
        told: what the input tells, of what was given: ``channels``; empty if nothing.
    """

    text: str = ""
    told: str = ""


def translated(line: str, meaning: Callable[[str], Meaning], channels: int | None = None) -> Translation:
    """A line in the words of the language.

    Args:
        line: an expression or an assignment, with or without steps behind it: ``x + y -> relu``.
        meaning: what a name is at that place.
        channels: of the value that the line takes, or its features, where they are known.
    """
    if len(line) > LONGEST:
        return Translation()
    reader = _Reader(meaning, channels)
    chain: list[str] = []
    try:
        for place, segment in enumerate(_segments(line)):
            chain += reader.segment(segment, is_first=place == 0)
    except (NoCounterpart, ValueError):
        return Translation()
    return Translation(" -> ".join(chain), reader.told)


def _segments(line: str) -> list[str]:
    """The steps between its arrows."""
    segments, depth, start = list[str](), 0, 0
    for at, character in enumerate(line):
        depth += (character in "([{") - (character in ")]}")
        if not depth and line.startswith("->", at):
            segments.append(line[start:at])
            start = at + 2
    return [*segments, line[start:]]


def _parsed(text: str) -> Sequence[python.stmt]:
    """Raises NoCounterpart where it is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes, and of numbers that are called
        try:
            return python.parse(text).body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise NoCounterpart from None


class _Reader:
    """Makes steps of one line.

    Attributes:
        has_step: whether anything in it computes something.
        told: what the input tells, of what was given.
    """

    def __init__(self, meaning: Callable[[str], Meaning], channels: int | None) -> None:
        self._meaning = meaning
        self._channels = channels
        self._running: str | None = None
        self.has_step = False
        self.told = ""

    def segment(self, text: str, *, is_first: bool) -> list[str]:
        """The steps of a part of a chain. Raises NoCounterpart."""
        label = re.match(r"\s*([A-Za-z_]\w*|\"[^\"{}]*\"|\d+)\s*:(?!=)\s*", text)
        step = text[label.end() if label else 0 :].strip()
        try:
            (statement,) = _parsed(re.sub(r"(?<![\w.])in(?!\w)", "_in_", step))
            if is_first:
                chain, target = self.statement(statement)
            else:
                self._channels = None
                chain, target = self._follows(statement), ""
        except NoCounterpart:
            named = re.fullmatch(r"(?:([A-Za-z_]\w*)\s*=\s*)?(.*)", step, re.DOTALL)
            if named is None or not _PLAIN_STEP.fullmatch(named[2]):
                raise
            chain, target, self.has_step = [named[2]], named[1] or "", True  # a step of the language
        if target and not label and not self.has_step:
            raise NoCounterpart  # x = y
        if name := label[1] if label else target:
            if not chain:
                raise NoCounterpart
            chain[-1] = f"{name}: {chain[-1]}"
        return chain

    def _follows(self, statement: python.stmt) -> list[str]:
        """The steps of a part that takes the value of the one before."""
        match statement:
            case python.Expr(python.Name(name)):
                return [name]
            case python.Expr(python.Call() as call):
                self._running = self._the_running_value(call)
                chain = self._called(call)
                return chain[1:] if chain[0] == "_" else chain
        raise NoCounterpart

    def statement(self, statement: python.stmt) -> tuple[list[str], str]:
        """The steps, and the label of the last one if it has one. Raises NoCounterpart."""
        match statement:
            case python.Expr(value):
                if not (isinstance(value, python.Call) and _word(value.func)[0]):
                    self._channels = None  # they are of what a single layer takes
                self._running = self._the_running_value(value)
                return self._whole(value), ""
            case python.Assign([python.Name(target)], value):
                read = {node.id for node in python.walk(value) if isinstance(node, python.Name)}
                self._running = self._the_running_value(value)
                steps = self._whole(value)
                return steps, "" if target in read or self._is_value(target) else target
            case python.AugAssign(python.Name(target), sign, value):
                self._running = None if self._is_value(target) else target
                both = python.BinOp(python.Name(target), sign, value)
                return self._whole(both), ""
            case python.Return(value) if value is not None:
                self._running = self._the_running_value(value)
                return self._whole(value), ""
        raise NoCounterpart

    def _the_running_value(self, value: python.expr) -> str | None:
        """The one name in it that no value has: Python's programs call what passes through them ``x``."""
        names = {
            node.id
            for node in python.walk(value)
            if isinstance(node, python.Name) and node.id in _RUNNING and not self._meaning(node.id)
        }
        return names.pop() if len(names) == 1 else None

    def _is_value(self, name: str) -> bool:
        return self._meaning(name) in ("value", "parameter")

    def _number(self, node: python.expr) -> str:
        """A number, or a formula of numbers; empty for anything else."""
        match node:
            case python.Constant(value) if isinstance(value, (int, float)) and not isinstance(value, bool):
                return python.unparse(node)
            case python.Name(name) if self._meaning(name) == "number":
                return name
            case python.UnaryOp(python.USub(), operand) if text := self._number(operand):
                return f"-{text}"
            case python.BinOp(left, _, right) if self._number(left) and self._number(right):
                return f"({python.unparse(node)})"
        return ""

    def _whole(self, value: python.expr) -> list[str]:
        chain = self._value(value)
        if len(chain) > 1 and chain[0] == "_":
            del chain[0]
        return chain

    # ---- values -----------------------------------------------------------------------------------------------------

    def _value(self, node: python.expr) -> list[str]:
        """The chain of steps that gives a value of the network. Raises NoCounterpart for anything else."""
        match node:
            case python.Name("_in_"):
                return ["in"]
            case python.Name(name):
                if self._meaning(name) == "number":
                    raise NoCounterpart
                return ["_" if name == self._running else name]
            case python.BinOp():
                self.has_step = True
                return self._arithmetic(node)
            case python.UnaryOp(python.USub(), operand):
                self.has_step = True
                return [*self._value(operand), "neg"]
            case python.Call():
                self.has_step = True
                return self._called(node)
        raise NoCounterpart

    def _arithmetic(self, node: python.BinOp) -> list[str]:
        left, right, sign = node.left, node.right, type(node.op)
        for side in (left, right):
            if isinstance(side, python.Name) and self._meaning(side.id) == "parameter":
                raise NoCounterpart  # which of the two it is, the call says
        number = self._number(right)
        if number and sign in (python.Pow, python.BitXor):
            return [*self._value(left), "sqrt" if number == "0.5" else f"pow({_bare(number)})"]
        merge = _SIGNS.get(sign)
        if number and merge and (step := with_number(merge, number)):
            return [*self._value(left), step]
        number = self._number(left)
        if number and merge and (step := with_number(merge, number, is_first=True)):
            return [*self._value(right), step]
        if merge is None or number:
            raise NoCounterpart
        arms = [self._value(right)]
        # Of sums and products any number of values are joined at once: `x + y + z` has three arms.
        while merge in ("add", "mul") and isinstance(left, python.BinOp) and type(left.op) is sign:
            if self._number(left.right) or self._number(left.left):
                break
            arms.append(self._value(left.right))
            left = left.left
        arms.append(self._value(left))
        return [_merge(merge, arms[::-1])]

    def _called(self, call: python.Call) -> list[str]:
        """A call that gives a value: a layer of Keras on its input, a function, or a method."""
        function = call.func
        if isinstance(function, python.Call):  # Conv2D(8, 3)(x), Add()([x, y])
            word, owned = _word(function.func)
            values = call.args
            if call.keywords or len(values) != 1 or word is None or (owned == "self" and not self._is_value(word)):
                raise NoCounterpart
            (value,) = values
            if isinstance(value, (python.List, python.Tuple)):
                return [self._joined(word, value.elts, _arguments(function))]
            return [*self._value(value), *self._layer(function)]
        word, owner = _word(function)
        if word is None:
            if not isinstance(function, python.Attribute):
                raise NoCounterpart
            return self._method(function.value, function.attr, call)
        if owner == "self":
            if not self._is_value(word) or len(call.args) != 1 or call.keywords:
                raise NoCounterpart  # where the layer is made, nobody can tell
            return [*self._value(call.args[0]), word]
        if owner and owner not in OWNERS:
            return self._method(python.Name(owner), word, call)
        if owner or self._takes_value(call):
            return self._function(word, call, is_owned=bool(owner))
        number = self._number(call.args[0]) if len(call.args) == 1 and not call.keywords else ""
        if isinstance(function, python.Name) and (step := with_number(layer_named(word), number)):
            return ["_", step]  # div(255)
        if isinstance(function, python.Name) or word[:1].isupper():
            return ["_", *self._layer(call)]
        raise NoCounterpart

    def _takes_value(self, call: python.Call) -> bool:
        """Whether the first argument of a plain call is a value: ``relu(conv(8, 3)(x))``."""
        if not call.args:
            return False
        first = call.args[0]
        word = call.func.id if isinstance(call.func, python.Name) else ""
        if len(call.args) == 1 and layer_named(word) in _WITHOUT_ARGUMENTS and not self._number(first):
            return isinstance(first, (python.Name, python.Call, python.BinOp))
        if isinstance(first, (python.List, python.Tuple)) and len(first.elts) > 1:
            return all(self._looks_like_value(each) for each in first.elts)
        return self._looks_like_value(first)

    def _looks_like_value(self, node: python.expr) -> bool:
        if isinstance(node, python.Name):
            return node.id in ("_in_", "_") or node.id == self._running or self._is_value(node.id)
        return isinstance(node, python.Call) and (isinstance(node.func, python.Call) or self._takes_value(node))

    def _function(self, word: str, call: python.Call, *, is_owned: bool) -> list[str]:
        """``F.relu(x)``, ``torch.cat([x, y], dim=1)``, ``nn.Conv2d(3, 8, 3)``."""
        layer, arguments = layer_named(word), call.args
        if layer in MERGES:
            if arguments and isinstance(arguments[0], (python.List, python.Tuple)):
                return [self._joined(word, arguments[0].elts, _arguments(call, 1))]
            if len(arguments) == 2 and not call.keywords:
                for place, (number, value) in enumerate((arguments, arguments[::-1])):
                    if step := with_number(layer, self._number(number), is_first=place == 0):
                        return [*self._value(value), step]
                signs = {name: sign for sign, name in _SIGNS.items()}
                if layer in signs:
                    return self._arithmetic(python.BinOp(arguments[0], signs[layer](), arguments[1]))
                return [self._joined(word, arguments, GivenArguments())]
            raise NoCounterpart
        is_class = word[:1].isupper()  # layers are classes, and functions are not
        if is_class or not arguments or not self._may_be_value(arguments[0]):
            return ["_", *self._layer(call)]
        if is_owned and layer_named(word) in ("conv", "convtranspose", "linear"):
            raise NoCounterpart  # F.conv2d(x, weight): as functions these take the weights
        return [*self._value(arguments[0]), *self._rendered(word, _arguments(call, 1))]

    def _may_be_value(self, node: python.expr) -> bool:
        return not self._number(node) and not isinstance(node, (python.Constant, python.List, python.Tuple))

    def _joined(self, word: str, values: Iterable[python.expr], arguments: GivenArguments) -> str:
        layer = layer_named(word)
        if layer not in MERGES:
            raise NoCounterpart
        placed = [*arguments.placed, *(value for name, value in arguments.named if name in ("dim", "axis"))]
        if len(placed) > 1 or any(name not in ("dim", "axis", "name") for name, _ in arguments.named):
            raise NoCounterpart
        if placed and (layer != "concat" or not re.fullmatch(r"\d+", placed[0])):
            raise NoCounterpart  # the last axis is another one where the channels come last
        dim = f"({placed[0]})" if placed and placed[0] != "1" else ""
        if arguments.named and dim and arguments.named[0][0] == "axis":
            raise NoCounterpart
        return _merge(f"{layer}{dim}", [self._value(value) for value in values])

    def _method(self, owner: python.expr, word: str, call: python.Call) -> list[str]:
        """``x.relu()``, ``x.view(x.size(0), -1)``, ``model.add(Dense(10))``"""
        if word in ("add", "append") and isinstance(owner, python.Name) and owner.id in _CONTAINERS:
            if len(call.args) == 1 and isinstance(call.args[0], python.Call) and not call.keywords:
                return ["_", *self._layer(call.args[0])]
            raise NoCounterpart
        if isinstance(owner, python.Name) and not self._looks_like_value(owner):
            raise NoCounterpart
        if isinstance(owner, python.Call) and not self._gives_value(owner):
            value = ["_", *self._layer(owner)]  # conv(8, 3).relu()
        else:
            value = self._value(owner)
        if word in _ONLY_PASSES:
            return value
        layer = layer_named(word)
        if layer in MERGES and len(call.args) == 1 and not call.keywords:
            sign = next((sign for sign, name in _SIGNS.items() if name == layer), None)
            if sign is not None:
                return self._arithmetic(python.BinOp(owner, sign(), call.args[0]))
        if squeezed(word) in ("view", "reshape"):
            if len(call.args) == 2 and _is_batch(call.args[0]) and not call.keywords:
                return [*value, "flatten"]
            raise NoCounterpart
        return [*value, *self._rendered(word, _arguments(call))]

    def _gives_value(self, call: python.Call) -> bool:
        function = call.func
        return isinstance(function, (python.Call, python.Attribute)) or self._takes_value(call)

    def _rendered(self, word: str, arguments: GivenArguments, channels: int | None = None) -> list[str]:
        rendering = rendered(word, arguments, channels)
        if rendering is None:
            raise NoCounterpart
        self.told = self.told or rendering.told
        return [rendering.text] if rendering.text else []

    # ---- layers -----------------------------------------------------------------------------------------------------

    def _layer(self, node: python.expr) -> list[str]:
        """The steps that a layer is: ``nn.Conv2d(3, 8, 3)``, ``nn.Sequential(…)``."""
        channels, self._channels = self._channels, None
        if isinstance(node, python.Name) and not self._is_value(node.id):
            return self._rendered(node.id, GivenArguments())
        if not isinstance(node, python.Call):
            raise NoCounterpart
        word, owner = _word(node.func)
        if word is None or (owner and owner not in OWNERS):
            raise NoCounterpart
        if squeezed(word) == "sequential":
            inner = node.args
            if len(inner) == 1 and isinstance(inner[0], python.List):
                inner = inner[0].elts
            if not inner or node.keywords:
                raise NoCounterpart
            return [step for each in inner for step in self._layer(each)]
        return self._rendered(word, _arguments(node), channels)


def _bare(number: str) -> str:
    return number[1:-1] if number.startswith("(") and number.endswith(")") else number


def _merge(layer: str, arms: list[list[str]]) -> str:
    return f"{layer} {{ | {' | '.join(' -> '.join(_without_current(arm)) for arm in arms)} }}"


def _without_current(arm: list[str]) -> list[str]:
    return arm[1:] if len(arm) > 1 and arm[0] == "_" else arm


def _is_batch(node: python.expr) -> bool:
    """``-1``, ``x.size(0)``, ``x.shape[0]``"""
    text = python.unparse(node)
    return text == "-1" or re.fullmatch(r"\w+\.(?:size\(0\)|shape\[0\])|batch_size|N|B|bs", text) is not None


def _word(function: python.expr) -> tuple[str | None, str]:
    """The word that is called, and what stands before its last point: ``tf.keras.layers.Dense`` is ``Dense`` of
    OWNERS.
    """
    if isinstance(function, python.Name):
        return function.id, ""
    path: list[str] = []
    node = function
    while isinstance(node, python.Attribute):
        path.append(node.attr)
        node = node.value
    if not isinstance(node, python.Name):
        return None, ""
    path.append(node.id)
    word, *owners = path
    if owners[-1] == "self" and len(owners) == 1:
        return word, "self"
    if set(owners) <= OWNERS:
        return word, owners[0]
    return (word, owners[0]) if len(owners) == 1 else (None, "")


def _arguments(call: python.Call, first: int = 0) -> GivenArguments:
    """Raises NoCounterpart where they are no plain values."""
    if any(keyword.arg is None for keyword in call.keywords):
        raise NoCounterpart
    placed = tuple(_plain(argument) for argument in call.args[first:])
    return GivenArguments(placed, tuple((keyword.arg or "", _plain(keyword.value)) for keyword in call.keywords))


def _plain(node: python.expr) -> str:
    """An argument as the language has it."""
    match node:
        case python.Constant(bool() | None as value):
            return {True: "true", False: "false", None: "none"}[value]
        case python.Constant(str(text)) if not set(text) & set('"\\\n'):
            return f'"{text}"'
        case python.Constant(int() | float()):
            return python.unparse(node)
        case python.Name("_in_"):
            return "in"
        case python.Name(name):
            return name
        case python.Tuple(items) | python.List(items):
            return f"[{', '.join(map(_plain, items))}]"
        case python.UnaryOp(python.USub(), operand):
            return f"-{_plain(operand)}"
        case python.BinOp():
            return python.unparse(node).replace("_in_", "in")
        case python.Attribute(python.Name(), _):
            return python.unparse(node).replace("_in_", "in")
    raise NoCounterpart
