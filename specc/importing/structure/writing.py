"""Bodies become text: how each value is called at each place, how arguments are written, what stands on one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from specc.elaborate.drafts import RESERVED, label_problem
from specc.elaborate.values import CONSTANTS
from specc.importing.network import Argument, Expression, ImportedStep, ValueOf
from specc.importing.structure.body import (
    REQUIRED,
    Block,
    BlockCall,
    EarlierValue,
    LabelledGroup,
    Loop,
    SharedDeclaration,
    Statement,
    When,
    WrittenStep,
    labels_here,
    paths_in,
    read_values,
    result_of,
    statements,
)
from specc.importing.structure.layout import lines
from specc.ops import find
from specc.ops.registry import names as layer_names
from specc.syntax.tokens import is_name, needs_quotes

_NAMED_FIRST = frozenset(("size", "dim", "like", "bias", "mode", "approximate", "init", "eps", "affine", "offset"))
"""First arguments that read better with their names, where the layer can be had without them."""
_MOST_WHOLE = 1_000_000
"""Reals that are whole numbers below it are written as such."""
_SHORT = {"batchnorm": "bn"}


class BodyWriter:
    """Writes a body with all that is in it, as text without layout: only what stands on one line is said.

    Args:
        known: how values from around it are called in it.
        taken: names that nothing in it may have: of parameters, ports, blocks, sizes.
        blocks: those that it calls, by name.
    """

    def __init__(
        self,
        known: Mapping[str, str],
        taken: Iterable[str],
        blocks: Mapping[str, Block] = {},
    ) -> None:
        self._blocks = blocks
        self._called = dict(known)
        self._taken = frozenset(taken)
        self._waiting: list[Counter[str]] = []
        self._labels: Counter[str] = Counter()
        self._hidden: set[tuple[str, str]] = set()
        self._used: set[str] = set()

    def text(self, body: list[Statement], outputs: Mapping[str, str]) -> str:
        """The body between its braces.

        Args:
            outputs: by names that values shall have at its end, which values.
        """
        self._waiting = [Counter([*read_values(body), *outputs.values()])]
        self._labels = Counter(
            s.label for s in statements(body) if isinstance(s, (WrittenStep, LabelledGroup)) and s.label
        )
        self._hidden = {
            (value, label)
            for group in statements(body)
            if isinstance(group, LabelledGroup)
            for value in set(read_values(group.body))
            for label in labels_here(group.body)
        }
        self._used = {
            *self._taken,
            *self._labels,
            *layer_names(),
            *outputs,
            *(s.name for s in statements(body) if isinstance(s, SharedDeclaration)),
        }
        wanted = {value: name for name, value in outputs.items()}
        text = self._lines(body, wanted)
        text += [
            f"let {name} = {self._called[value]}" for name, value in outputs.items() if self._called[value] != name
        ]
        return "\n".join(text)

    # ---- lines -----------------------------------------------------------------------------------------------------

    def _lines(self, body: list[Statement], wanted: Mapping[str, str] = {}) -> list[str]:
        parts: list[tuple[Statement | None, str]] = []
        for statement in body:
            own_line = isinstance(statement, SharedDeclaration)
            parts.append((None if own_line else statement, self._statement(statement, wanted)))
            parts += [(None, text) for text in self._lets(statement)]
        return lines(parts)

    def _statement(self, statement: Statement, wanted: Mapping[str, str]) -> str:
        match statement:
            case EarlierValue():
                return self._name(statement.value)
            case WrittenStep():
                return self._layer(statement, wanted)
            case LabelledGroup():
                return self._group(statement, wanted)
            case When():
                inner = "\n".join(self._lines(statement.body))
                return f"if {self.argument(statement.test)} {{ {inner} }}"
            case Loop():
                return self._loop(statement)
            case SharedDeclaration():
                text = "\n".join(self._lines(statement.body))
                return (
                    f"shared {statement.name} = {text}"
                    if "\n" not in text
                    else f"shared {statement.name} = {{ {text} }}"
                )
        raise AssertionError(statement)

    def _layer(self, layer: WrittenStep, wanted: Mapping[str, str]) -> str:
        value = layer.value
        text = layer.shared or self._call(layer.step, layer.arms is not None)
        if layer.arms is not None:
            arms = ["\n".join(self._lines(arm)) or "_" for arm in layer.arms]
            text += " {" + "".join(f" | {arm}" if "\n" not in arm else f"\n| {arm}" for arm in arms) + "}"
        label = layer.label
        if label is None and self._waiting[0][value]:
            label = wanted.get(value) or self._new_name(
                "x" if layer.step.tensors or layer.shared else layer.step.operator
            )
        if label is None or (layer.is_automatic and not self._waiting[0][value]):
            return text
        layer.label = self._called[value] = label
        return f"{_quoted(label)}: {text}"

    def _group(self, group: LabelledGroup, wanted: Mapping[str, str]) -> str:
        if group.call is not None:
            text = self._block_call(group.call)
        else:
            outside, self._called = self._called, dict(self._called)
            self._waiting.append(Counter(read_values(group.body)))
            text = "\n".join(self._lines(group.body))
            if len(group.body) != 1 or not isinstance(group.body[0], Loop) or group.goes_on:
                text = f"{{ {text} }}"
            self._waiting.pop()
            self._called = outside
        if group.label is None and self._waiting[0][group.value]:
            group.label = wanted.get(group.value) or self._new_name("x")
        for value, path in paths_in([group]):
            if self._waiting[0][value] > 0:
                self._called[value] = _said(path)
        return f"{_quoted(group.label)}: {text}" if group.label and not group.is_automatic else text

    def _loop(self, loop: Loop) -> str:
        rows = loop.table
        head = f"repeat {len(rows)}"
        if loop.names:
            columns = [[self.argument(entry) for entry in column] for column in zip(*rows, strict=True)]
            head = f"for {', '.join(loop.names)} in {_table(columns)}"
        outside, self._called = self._called, self._called | loop.known
        waiting = self._waiting[0]
        if loop.numbered:  # who calls the first round says its number, and its last step needs no name for that
            self._waiting[0] = waiting - Counter({result_of(loop.body): waiting[result_of(loop.body)]})
        self._waiting.append(Counter(read_values(loop.body)))
        text = "\n".join(self._lines(loop.body))
        self._waiting.pop()
        self._waiting[0] = waiting
        self._called = outside
        return f"{head} {{ {text} }}"

    # ---- names -----------------------------------------------------------------------------------------------------

    def _name(self, value: str) -> str:
        for waiting in self._waiting:
            waiting[value] -= 1
        return self._called[value]

    def _lets(self, statement: Statement) -> Iterator[str]:
        """What gives names to values that go on being called and have none that can be said here."""
        if isinstance(statement, (EarlierValue, When, SharedDeclaration)):
            return
        if isinstance(statement, Loop):
            if self._waiting[-1][statement.value] > 0:
                self._called[statement.value] = self._new_name("x")
                yield f"let {self._called[statement.value]} = _"
            return
        made = [statement.value]
        if isinstance(statement, LabelledGroup):
            made += [
                value for value, name in self._called.items() if _head(name) == statement.label and value != made[0]
            ]
        for value in made:
            name = self._called.get(value, "")
            if self._waiting[-1][value] < 1 or not name or self._can_be_said(value, name):
                continue
            inside = name.removeprefix(_head(name))
            self._called[value] = self._new_name("x")
            yield f"let {self._called[value]} = _{inside}"

    def _can_be_said(self, value: str, name: str) -> bool:
        """Whether the name means the value wherever it is called in the present body."""
        head = _head(name)
        usual = is_name(head) and head not in RESERVED and head not in CONSTANTS
        return usual and (value, head) not in self._hidden

    def _new_name(self, stem: str) -> str:
        number = 1
        while f"{stem}{number}" in self._used:
            number += 1
        self._used.add(f"{stem}{number}")
        return f"{stem}{number}"

    # ---- calls -----------------------------------------------------------------------------------------------------

    def _block_call(self, call: BlockCall) -> str:
        arguments: list[str] = []
        for name, default in self._blocks[call.block].parameters:
            if name in call.arguments:
                text = self.argument(call.arguments[name])
                arguments.append(text if default is REQUIRED else f"{name}={text}")
        if arguments:
            return f"{call.block}({', '.join(arguments)})"
        return f"{call.block}()" if self._labels[call.block] else call.block

    def _call(self, step: ImportedStep, is_merge: bool) -> str:
        op = find(step.operator)
        assert op is not None, f"a reader gives operators of the language, and {step.operator} is none"
        arguments: list[str] = []
        is_behind = False
        fields = [name for name in op.model_fields if name in step.arguments]
        for place, name in enumerate(fields):
            argument = step.arguments[name]
            is_required = op.model_fields[name].is_required()
            first = list(op.model_fields)[place] == name and op.positional is None
            by_place = first and not is_behind and (is_required or (place == 0 and name not in _NAMED_FIRST))
            if op.variadic == name and isinstance(argument, tuple):
                arguments += map(self.argument, argument)
                is_behind = True
                continue
            is_behind = is_behind or not by_place
            text = self.argument(argument)
            arguments.append(text if by_place else f"{name}={text}")
        word = _SHORT.get(step.operator, step.operator)
        if arguments:
            return f"{word}({', '.join(arguments)})"
        return word if is_merge or word not in self._labels or self._labels[word] == 0 else f"{word}()"

    def argument(self, argument: Argument) -> str:
        match argument:
            case bool():
                return "true" if argument else "false"
            case None:
                return "none"
            case str():
                return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
            case tuple():
                return "[" + ", ".join(map(self.argument, argument)) + "]"
            case ValueOf():
                return self._name(argument.name)
            case Expression():
                return argument.text
            case float() if argument.is_integer() and abs(argument) < _MOST_WHOLE:
                return str(int(argument))
        return repr(argument)


def _table(columns: list[list[str]]) -> str:
    """What a loop goes through: a range, a list, or a list of rows."""
    first, *others = columns
    numbers = list(map(str, range(len(first))))
    if first == numbers and len(others) < 2:
        return f"enumerate({_listed(others[0])})" if others else f"range({len(first)})"
    if first[0].isdecimal() and not others:
        begin = int(first[0])
        if len(first) > 2 and first == list(map(str, range(begin, begin + len(first)))):
            return f"range({begin}, {begin + len(first)})"
    if not others:
        return _listed(first)
    return "[" + ", ".join(f"({', '.join(row)})" for row in zip(*columns, strict=True)) + "]"


def _listed(entries: list[str]) -> str:
    """A list; a long one of equal entries behind the first is a sum."""
    if len(entries) > 5 and len(set(entries[1:])) == 1:
        return f"[{entries[0]}] + [{entries[1]}] * {len(entries) - 1}"
    return f"[{', '.join(entries)}]"


def label_of(part: str) -> str:
    """What a part of a path becomes as a label: itself, but for characters that no label has."""
    if label_problem(part) is None:
        return part
    text = "".join("_" if label_problem(character) else character for character in part)[:200]
    return text if text and label_problem(text) is None else f"{text or 'step'}_"


def _quoted(label: str) -> str:
    return f'"{label}"' if needs_quotes(label) else label


def _said(path: tuple[str, ...]) -> str:
    """How a value is called that stands under these labels."""
    text = path[0]
    for label in path[1:]:
        if is_name(label):
            text += f".{label}"
        else:
            text += f"[{label}]" if label.isdecimal() else f'["{label}"]'
    return text


def _head(name: str) -> str:
    """The label that a name begins with."""
    ends = [place for mark in ".[" if (place := name.find(mark)) > 0]
    return name[: min(ends)] if ends else name
