"""``forward`` of one class: its variables, the shapes beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from specc.backends.torch.class_code import IN_TURN, Statement
from specc.backends.torch.classes import ModuleClass
from specc.backends.torch.python import Expr, Hole, Listing, PythonCall, flat, holes, statement
from specc.backends.torch.python_names import free, variables


class Forward:
    """``forward`` of one class: its variables and the shapes that hold in every use.

    Args:
        slots: the values that come out of a layer which is an argument, with its name.
    """

    def __init__(self, family: ModuleClass, slots: Mapping[int, str]) -> None:
        self._family = family
        body = family.body
        self._chained = _chained(family)
        self._names = variables(_inputs(family), _labels(family, slots), self._chained)
        taken: list[str] = list(self._names)
        for path in family.instances[0].use.given:
            taken.append(free(_identifier(path.rpartition(".")[2]), set(taken)))
        self._given = taken[len(self._names) :]
        self._outputs = [self._names[value] for value in body.outputs]

    def name(self, hole: Hole) -> str:
        names = self._names if hole.kind == "value" else self._given
        return names[hole.index] + "".join(map(str, hole.detail))

    def signature(self) -> list[str]:
        body = self._family.body
        values = (f"{name}: torch.Tensor" for name in self._names[: body.inputs])
        given = (f"{name}: {kind}" for name, kind in zip(self._given, body.given, strict=True))
        result = ["torch.Tensor"] * len(self._outputs)
        returns = result[0] if len(result) == 1 else f"tuple[{', '.join(result)}]"
        return statement(PythonCall("def forward", ("self", *values, *given)), 4, after=f" -> {returns}:")

    def line(self, line: Statement, expr: Expr) -> list[str]:
        if isinstance(expr, PythonCall) and expr.head == IN_TURN:
            if any(sum(instance.counts) > 1 for instance in self._family.instances):
                return self._loop(line, flat(expr.items[0]))
            expr = PythonCall("self[0]", expr.items)
        targets = ", ".join(self._names[target] for target in line.targets)
        comment = self._comment(line.targets) if len(line.targets) == 1 else ""
        plain = statement(expr, 8, f"{targets} = ")
        commented = statement(expr, 8, f"{targets} = ", comment)
        # A statement is not broken for the sake of its comment.
        return commented if len(commented) == len(plain) else plain

    def _loop(self, line: Statement, value: str) -> list[str]:
        """All modules of a list, in turn; torch.jit.script writes such a loop out."""
        target, layer = self._names[line.targets[0]], free("layer", {*self._names, *self._given})
        start = [] if value == target else [f"        {target} = {value}"]
        return [*start, f"        for {layer} in self:", f"            {target} = {layer}({target})"]

    def result(self) -> list[str]:
        given = tuple(self._outputs)
        return statement(given[0] if len(given) == 1 else Listing(given, ""), 8, "return ")

    def _comment(self, values: tuple[int, ...]) -> str:
        """The shapes, where they are the same in every use."""
        shapes = [{instance.shapes[value] for instance in self._family.instances} for value in values]
        known = [shape for each in shapes for shape in each if len(each) == 1]
        return f"  # {', '.join(known)}" if len(known) == len(values) else ""


def _identifier(label: str) -> str:
    """The label as a variable: an output of a block goes by its path, and a number by x and the number."""
    name = re.sub(r"\W", "_", label)
    return f"x{name}" if name[:1].isdigit() else name


def _inputs(family: ModuleClass) -> list[str]:
    """What the class calls the values it takes: the first is x, the others go by what all uses call them."""
    body, labels = family.body, [instance.labels for instance in family.instances]
    if body.is_model:
        return ["x"] if body.inputs == 1 else list(map(_identifier, labels[0][: body.inputs]))
    names = ["x"] if body.inputs else []
    for value in range(1, body.inputs):
        stems = {re.sub(r"_?\d+$", "", each[value]) for each in labels}
        same = {each[value] for each in labels}
        found = same if len(same) == 1 else stems
        name = _identifier(found.pop()) if len(found) == 1 else ""
        names.append(name if name and name not in names else _other(names))
    return names


def _other(names: list[str]) -> str:
    return next(name for name in ("y", "z", *(f"x{i}" for i in range(2, len(names) + 3))) if name not in names)


def _labels(family: ModuleClass, slots: Mapping[int, str]) -> list[str]:
    labels = [slots.get(value, label) for value, label in enumerate(family.instances[0].labels)]
    return list(map(_identifier, labels[family.body.inputs :]))


def _chained(family: ModuleClass) -> set[int]:
    """The values that only the very next statement uses (after the last one: the result)."""
    body = family.body
    end = len(body.statements)
    users: dict[int, set[int]] = {}
    for place, line in enumerate(body.statements):
        for hole in holes(line.expr):
            if hole.kind == "value":
                users.setdefault(hole.index, set()).add(place)
    for value in body.outputs:
        users.setdefault(value, set()).add(end)
    following = dict.fromkeys(range(body.inputs), 0)
    # Of several results of one statement, only one can go on in the shared variable.
    following |= {line.targets[0]: place + 1 for place, line in enumerate(body.statements)}
    return {value for value, place in following.items() if users.get(value) == {place}}
