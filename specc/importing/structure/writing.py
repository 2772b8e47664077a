"""Bodies become text: how each value is called at each place, how arguments are written, what stands on one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from specc.elaborate.drafts import RESERVED, label_problem
from specc.elaborate.values import CONSTANTS
from specc.importing.network import Argument, Expression, ImportedStep, ValueOf
from specc.importing.structure.body import Group, Layer, Statement, Value, labels_here, read_values, statements
from specc.ops import find
from specc.ops.registry import names as layer_names
from specc.syntax.tokens import is_name, needs_quotes

_NAMED_FIRST = frozenset(("size", "dim", "like", "bias", "mode", "approximate", "init", "eps", "affine", "offset"))
"""First arguments that read better with their names, where the layer can be had without them."""
_LONGEST_LINE = 88
_LONGEST_PAIR = 60
"""Characters of a line that holds two layers with weights."""
_LONGEST_CALLS = 80
"""Characters of a line that holds two groups."""
_SHORT = {"batchnorm": "bn"}


class BodyWriter:
    """Writes a body with all that is in it, as text without layout: only what stands on one line is said.

    Args:
        known: how values from around it are called in it.
        taken: names that nothing in it may have: of parameters, ports, blocks, sizes.
        applied: of steps that are shared, what they are called, by their values.
        declared: each such name with the step that it stands for.
    """

    def __init__(
        self,
        known: Mapping[str, str],
        taken: Iterable[str],
        applied: Mapping[str, str] = {},
        declared: Iterable[tuple[str, ImportedStep]] = (),
    ) -> None:
        self._applied = applied
        self._declared = list(declared)
        self._called = dict(known)
        self._paths: dict[str, str] = {}
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
        self._labels = Counter(s.label for s in statements(body) if isinstance(s, (Layer, Group)) and s.label)
        self._hidden = {
            (value, label)
            for group in statements(body)
            if isinstance(group, Group)
            for value in set(read_values(group.body))
            for label in labels_here(group.body)
        }
        self._used = {*self._taken, *self._labels, *layer_names(), *outputs, *self._applied.values()}
        wanted = {value: name for name, value in outputs.items()}
        lines = [f"shared {name} = {self._call(step, False)}" for name, step in self._declared]
        lines += self._lines(body, wanted)
        lines += [
            f"let {name} = {self._called[value]}" for name, value in outputs.items() if self._called[value] != name
        ]
        return "\n".join(lines)

    # ---- lines -----------------------------------------------------------------------------------------------------

    def _lines(self, body: list[Statement], wanted: Mapping[str, str] = {}) -> list[str]:
        lines: list[str] = []
        line = ""
        weights = calls = 0
        for statement in body:
            text = self._statement(statement, wanted)
            is_call, has_weights = isinstance(statement, Group), _has_weights(statement)
            together = len(line) + len(" -> ") + len(text)
            breaks = (
                isinstance(statement, Value)
                or "\n" in line
                or ("\n" in text and bool(line) and not line.endswith(_AFTER_VALUE))
                or together > _LONGEST_LINE
                or (has_weights and weights and together > _LONGEST_PAIR)
                or (is_call and (calls > 1 or weights) and together > 0)
                or (is_call and calls and together > _LONGEST_CALLS)
                or (calls and has_weights)
            )
            if line and breaks and not line.endswith(_AFTER_VALUE):
                lines.append(line)
                line, weights, calls = "", 0, 0
            line = f"{line} -> {text}" if line else text
            line = line.replace(_AFTER_VALUE, "")
            if isinstance(statement, Value):
                line += _AFTER_VALUE
            weights, calls = weights + has_weights, calls + is_call
            lets = list(self._lets(statement))
            if lets:
                lines += [line.replace(_AFTER_VALUE, ""), *lets]
                line, weights, calls = "", 0, 0
        if line:
            lines.append(line.replace(_AFTER_VALUE, ""))
        return lines

    def _statement(self, statement: Statement, wanted: Mapping[str, str]) -> str:
        match statement:
            case Value():
                return self._name(statement.value)
            case Layer():
                return self._layer(statement, wanted)
            case Group():
                return self._group(statement)
        raise AssertionError(statement)

    def _layer(self, layer: Layer, wanted: Mapping[str, str]) -> str:
        value = layer.value
        shared = self._applied.get(value)
        text = shared or self._call(layer.step, layer.arms is not None)
        if layer.arms is not None:
            arms = ["\n".join(self._lines(arm)) or "_" for arm in layer.arms]
            text += " {" + "".join(f" | {arm}" if "\n" not in arm else f"\n| {arm}" for arm in arms) + "}"
        label = layer.label
        if label is None and self._waiting[0][value]:
            label = wanted.get(value) or self._new_name("x" if layer.step.tensors else layer.step.operator)
        if label is None:
            return text
        self._called[value] = self._paths[value] = label
        return f"{_quoted(label)}: {text}"

    def _group(self, group: Group) -> str:
        called, paths = dict(self._called), dict(self._paths)
        self._waiting.append(Counter(read_values(group.body)))
        inner = "\n".join(self._lines(group.body))
        self._waiting.pop()
        seen = {value: _behind(group.label, path) for value, path in self._paths.items() if value not in paths}
        if not group.goes_on:
            seen[group.value] = group.label
        self._called, self._paths = called | seen, paths | seen
        return f"{_quoted(group.label)}: {{ {inner} }}"

    # ---- names -----------------------------------------------------------------------------------------------------

    def _name(self, value: str) -> str:
        for waiting in self._waiting:
            waiting[value] -= 1
        return self._called[value]

    def _lets(self, statement: Statement) -> Iterator[str]:
        """What gives names to values that go on being called and have none that can be said here."""
        if isinstance(statement, Value):
            return
        made = [statement.value]
        if isinstance(statement, Group):
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
                arguments += map(self._argument, argument)
                is_behind = True
                continue
            is_behind = is_behind or not by_place
            text = self._argument(argument)
            arguments.append(text if by_place else f"{name}={text}")
        word = _SHORT.get(step.operator, step.operator)
        if arguments:
            return f"{word}({', '.join(arguments)})"
        return word if is_merge or word not in self._labels or self._labels[word] == 0 else f"{word}()"

    def _argument(self, argument: Argument) -> str:
        match argument:
            case bool():
                return "true" if argument else "false"
            case None:
                return "none"
            case str():
                return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
            case tuple():
                return "[" + ", ".join(map(self._argument, argument)) + "]"
            case ValueOf():
                return self._name(argument.name)
            case Expression():
                return argument.text
        return repr(argument)


_AFTER_VALUE = "\0"


def label_of(part: str) -> str:
    """What a part of a path becomes as a label: itself, but for characters that no label has."""
    if label_problem(part) is None:
        return part
    text = "".join("_" if label_problem(character) else character for character in part)[:200]
    return text if text and label_problem(text) is None else f"{text or 'step'}_"


def _quoted(label: str) -> str:
    return f'"{label}"' if needs_quotes(label) else label


def _behind(label: str, name: str) -> str:
    """The name of a value seen from outside of the group of that label."""
    head, rest = _head(name), name.removeprefix(_head(name))
    if is_name(head):
        return f"{label}.{head}{rest}"
    return f"{label}[{head}]{rest}" if head.isdecimal() else f'{label}["{head}"]{rest}'


def _head(name: str) -> str:
    """The label that a name begins with."""
    ends = [place for mark in ".[" if (place := name.find(mark)) > 0]
    return name[: min(ends)] if ends else name


def _has_weights(statement: Statement) -> bool:
    return (
        isinstance(statement, Layer)
        and bool({"weight", "in_proj_weight"} & set(statement.step.tensors))
        and ("running_mean" not in statement.step.tensors and not statement.step.operator.endswith("norm"))
    )
