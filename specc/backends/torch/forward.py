"""``forward`` of one class: its variables, the shapes beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from specc.backends.torch.class_code import ModuleClass, Statement
from specc.backends.torch.module_tree import ModuleUse
from specc.backends.torch.python import Expr, Hole, Listing, PythonCall, flat, statement
from specc.backends.torch.python_names import free, numbered, stem


class Forward:
    """``forward`` of one class: its variables and the shapes that hold in every use.

    Args:
        slots: the values that come out of a layer which is an argument, with its name.
    """

    def __init__(self, family: ModuleClass, slots: Mapping[int, str]) -> None:
        self._family = family
        body, first = family.body, family.instances[0]
        labels = [_identifier(slots.get(value, label)) for value, label in enumerate(first.labels)]
        self._names = _variables(_inputs(family), labels[body.inputs :], _chained(family))
        self._borrowed: list[str] = []
        for path in first.use.borrowed:
            name = free(_identifier(path.rpartition(".")[2]), {*self._names, *self._borrowed})
            self._borrowed.append(name)
        self._read = {*body.outputs, *(value for line in body.statements for value in line.values)}
        self._outputs = [self._names[value] for value in body.outputs]

    def name(self, hole: Hole) -> str:
        names = self._names if hole.kind == "value" else self._borrowed
        return names[hole.index] + "".join(map(str, hole.detail))

    def signature(self) -> list[str]:
        body = self._family.body
        values = (f"{name}: torch.Tensor" for name in self._names[: body.inputs])
        borrowed = (f"{name}: {kind}" for name, kind in zip(self._borrowed, body.borrowed, strict=True))
        result = ["torch.Tensor"] * len(self._outputs)
        returns = result[0] if len(result) == 1 else f"tuple[{', '.join(result)}]"
        return statement(PythonCall("def forward", ("self", *values, *borrowed)), 4, after=f" -> {returns}:")

    def line(self, line: Statement, expr: Expr) -> list[str]:
        # Of several values that a block gives, what nothing reads has no name.
        is_read = [len(line.targets) == 1 or target in self._read for target in line.targets]
        names = [self._names[target] if read else "_" for target, read in zip(line.targets, is_read, strict=True)]
        targets = ", ".join(names)
        if line.is_in_turn and isinstance(expr, PythonCall):
            if any(sum(instance.counts) > 1 for instance in self._family.instances):
                # torch.jit.script writes such a loop out.
                value, layer = flat(expr.items[0]), free("layer", {*self._names, *self._borrowed})
                start = [] if value == targets else [f"        {targets} = {value}"]
                return [*start, f"        for {layer} in self:", f"            {targets} = {layer}({targets})"]
            expr = PythonCall("self[0]", expr.items)
        shapes = {instance.shapes[line.targets[0]] for instance in self._family.instances}
        comment = f"  # {shapes.pop()}" if len(line.targets) == len(shapes) == 1 else ""
        plain = statement(expr, 8, f"{targets} = ")
        commented = statement(expr, 8, f"{targets} = ", comment)
        # A statement is not broken for the sake of its comment.
        return commented if len(commented) == len(plain) else plain

    def result(self) -> list[str]:
        outputs = tuple(self._outputs)
        return statement(outputs[0] if len(outputs) == 1 else Listing(outputs, ""), 8, "return ")


def _identifier(label: str) -> str:
    """The label as a variable: a value of a block's inside goes by its path, and a number by x and the number."""
    number, _, rest = label.partition(".")
    if number.isdigit() and rest:
        label = numbered(rest, number)
    name = re.sub(r"\W", "_", label)
    return f"x{name}" if name[:1].isdigit() else name


def _inputs(family: ModuleClass) -> list[str]:
    """What the class calls its inputs: the first is x, the others go by what all uses call them."""
    count, labels = family.body.inputs, [instance.labels for instance in family.instances]
    # A block of several inputs has names for them, and so has one that takes nothing but values that are arguments.
    has_own = all(_takes_no_current_value(instance.use) for instance in family.instances)
    if family.body.is_model or (has_own and len({each[:count] for each in labels}) == 1):
        return ["x"] if count == 1 else list(map(_identifier, labels[0][:count]))
    names = ["x"] if count else []
    for value in range(1, count):
        same = {each[value] for each in labels}
        shared = same if len(same) == 1 else {stem(label) for label in same}
        candidates = [
            *map(_identifier, shared if len(shared) == 1 else ()),
            "y",
            "z",
            *(f"x{i}" for i in range(2, count + 2)),
        ]
        names.append(next(name for name in candidates if name not in names))
    return names


def _takes_no_current_value(use: ModuleUse) -> bool:
    block = use.block
    return block is not None and block.kind == "block" and block.input not in use.inputs


def _variables(inputs: Sequence[str], steps: Sequence[str], chained: set[int]) -> list[str]:
    """The local variable of every value of a module.

    Args:
        inputs: what its inputs are called.
        steps: what the values that it makes are called.
        chained: the values, counted from the inputs on, that only what comes next uses: they share one variable.
    """
    names: list[str] = []
    for port in inputs:
        names.append(free(port, names))
    if "x" not in names or names.index("x") in chained:
        chain = "x"
    else:
        chain = free("y", [name for value, name in enumerate(names) if value not in chained])
    used = {chain, *names}
    for value, step in enumerate(steps, len(names)):
        names.append(chain if value in chained else free(step, used))
        used.add(names[-1])
    return names


def _chained(family: ModuleClass) -> set[int]:
    """The values that only the very next statement uses (after the last one: the result)."""
    body = family.body
    users: dict[int, set[int]] = {}
    for place, line in enumerate(body.statements):
        for value in line.values:
            users.setdefault(value, set()).add(place)
    for value in body.outputs:
        users.setdefault(value, set()).add(len(body.statements))
    following = dict.fromkeys(range(body.inputs), 0)
    # Of several results of one statement, only one can go on in the shared variable.
    following |= {line.targets[0]: place + 1 for place, line in enumerate(body.statements) if not line.gives_names}
    return {value for value, place in following.items() if users.get(value) == {place}}
