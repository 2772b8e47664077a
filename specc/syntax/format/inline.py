"""Expressions, lists, steps and bodies on one line, with no more parentheses than the same tree needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import TypeGuard

from specc.syntax import ast
from specc.syntax.format.attachment import Attachments, else_if
from specc.syntax.tokens import needs_quotes
from specc.syntax.trivia import Line, lines, start

WIDTH = 100
"""Columns for code; comments may go beyond."""

LOOSEST, DISJUNCTION, CONJUNCTION, NEGATION, COMPARISON, SUM, PRODUCT, SIGNED, POWER, POSTFIX = range(10)
"""How tightly each level of the grammar binds."""

_TIMES = frozenset({"*", "/", "//", "%"})
_BINDING = {"or": DISJUNCTION, "and": CONJUNCTION, "+": SUM, "-": SUM, "**": POWER} | dict.fromkeys(_TIMES, PRODUCT)
_TIGHT = _TIMES | {"**"}
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"})


# ---- expressions ------------------------------------------------------------------------------------


def binding(expr: ast.Expr) -> int:
    """The level of the grammar that the expression belongs to."""
    match expr:
        case ast.Conditional():
            return LOOSEST
        case ast.Binary(operator=operator):
            return _BINDING.get(operator, COMPARISON)
        case ast.Unary(operator=operator):
            return NEGATION if operator == "not" else SIGNED
    return POSTFIX


def operands(expr: ast.Expr) -> Iterator[tuple[str, ast.Expr, int]]:
    """The operands of an expression, each with the operator before it and the loosest level that may stand there.

    Binary operators lean to the left, but for powers; comparisons cannot be chained. None for what has no operators.
    """
    match expr:
        case ast.Conditional():
            yield "", expr.value, DISJUNCTION
            yield "if", expr.test, DISJUNCTION
            yield "else", expr.other, LOOSEST
        case ast.Binary(operator="**"):
            yield "", expr.left, POSTFIX
            yield "**", expr.right, SIGNED
        case ast.Binary(operator=operator):
            level = _BINDING.get(operator, COMPARISON)
            yield "", expr.left, level + (level == COMPARISON)
            yield operator, expr.right, level + 1
        case ast.Unary(operator=operator):
            yield operator, expr.operand, NEGATION if operator == "not" else SIGNED


def before(operator: str, expr: ast.Expr, *, tight: bool) -> str:
    """The operator before an operand of an expression, with its blanks; in a shape (``tight``) ``2*H + 1``."""
    if isinstance(expr, ast.Unary):
        return "not " if operator == "not" else operator
    return operator if not operator or (tight and operator in _TIGHT) else f" {operator} "


def text(expr: ast.Expr, level: int = LOOSEST, *, tight: bool = False) -> str:
    """The expression where the grammar wants one of at least ``level``."""
    match expr:
        case ast.Number():
            return expr.span.text
        case ast.Text():
            return string(expr.value)
        case ast.Name():
            return expr.name
        case ast.Sequence():
            return sequence(expr, tight=tight)
        case ast.Comprehension():
            item = row(expr.item) if is_row(expr.item) else text(expr.item, tight=tight)
            rest = (f" {words}{text(part, DISJUNCTION, tight=tight)}" for words, part in clauses(expr))
            return f"[{item}{''.join(rest)}]"
        case ast.Attribute():
            return f"{text(expr.value, POSTFIX, tight=tight)}.{expr.name}"
        case ast.Index():
            return f"{text(expr.value, POSTFIX, tight=tight)}[{text(expr.place, tight=tight)}]"
        case ast.Sublist():
            return f"{text(expr.value, POSTFIX, tight=tight)}[{between(expr, tight=tight)}]"
        case ast.Apply():
            return text(expr.function, POSTFIX, tight=tight) + arguments(expr.arguments, tight=tight)
    shown = ""
    for operator, operand, loosest in operands(expr):
        shown += before(operator, expr, tight=tight) + text(operand, loosest, tight=tight)
    return f"({shown})" if binding(expr) < level else shown


def between(expr: ast.Sublist, *, tight: bool = False) -> str:
    """What stands between the brackets of a slice, as black has it, without a second colon that says nothing."""
    places = [expr.start, expr.stop, *[expr.step][: expr.step is not None]]
    has_operators = any(part is not None and binding(part) < SIGNED for part in places)
    colon = " : " if has_operators and not tight else ":"
    return colon.join("" if part is None else text(part, tight=tight) for part in places).strip()


def clauses(expr: ast.Comprehension) -> Iterator[tuple[str, ast.Expr]]:
    """What stands behind the item of a computed list: each expression with the words before it."""
    yield f"for {names(expr)} in ", expr.table
    if expr.test is not None:
        yield "if ", expr.test


def is_long(tree: ast.Expr | ast.Argument | ast.Param | ast.PortDeclaration) -> bool:
    """Whether its names, numbers, signs and brackets alone are longer than a line.

    To write it all on each level, only to see that it does not fit, takes long where much is in each other.
    """
    stack: list[object] = [tree]
    length = 0
    while stack and length <= WIDTH:
        part = stack.pop()
        if isinstance(part, str):
            length += len(part)
        elif isinstance(part, ast.Number):
            length += part.span.end - part.span.start
        elif isinstance(part, tuple):
            length += len("[]") if isinstance(part, (ast.Sequence, ast.Index, ast.Sublist, ast.Apply)) else 0
            stack += part
    return length > WIDTH


def string(value: str) -> str:
    return f'"{value.translate(_ESCAPES)}"'


# ---- lists ------------------------------------------------------------------------------------------


def sequence(expr: ast.Sequence, *, tight: bool = False, rows: bool = False) -> str:
    """``[a, b]``; the entries of a table that a loop unpacks (``rows``) are tuples."""
    entries = (row(item) if rows else text(item, tight=tight) for item in expr.items)
    return f"[{', '.join(entries)}]"


def row(entry: ast.Expr) -> str:
    return f"({', '.join(map(text, entry.items))})" if is_row(entry) else text(entry)


def is_row(entry: ast.Expr) -> TypeGuard[ast.Sequence]:
    """A tuple of one would need a comma, which nobody expects."""
    return isinstance(entry, ast.Sequence) and len(entry.items) > 1


def table(loop: ast.For) -> str:
    return sequence(loop.table, rows=len(loop.names) > 1) if isinstance(loop.table, ast.Sequence) else text(loop.table)


def argument(node: ast.Argument, *, equals: str = "=", tight: bool = False) -> str:
    value = text(node.value, tight=tight)
    return f"{node.name}{equals}{value}" if node.name else value


def arguments(nodes: Iterable[ast.Argument], *, equals: str = "=", tight: bool = False) -> str:
    return f"({', '.join(argument(node, equals=equals, tight=tight) for node in nodes)})"


def shape(node: ast.Shape) -> str:
    return f"[{', '.join(text(dim, tight=True) for dim in node.dims)}]"


def dtype(node: ast.PortDeclaration) -> str:
    """What stands in front of the shape of a port, with the blank behind it."""
    return f"{node.dtype.name} " if node.dtype else ""


def port(node: ast.PortDeclaration) -> str:
    return ": ".join(part for part in (node.name, node.shape and dtype(node) + shape(node.shape)) if part)


def ports(nodes: tuple[ast.PortDeclaration, ...]) -> str:
    listed = ", ".join(map(port, nodes))
    return f"({listed})" if nodes[0].name else listed


def param(node: ast.Param) -> str:
    return f"{node.name} = {text(node.default)}" if node.default else node.name


# ---- headers ----------------------------------------------------------------------------------------


def params(item: ast.BlockDefinition | ast.ModelDefinition) -> str:
    return f"({', '.join(map(param, item.params))})" if item.params else ""


def where(contract: ast.Contract) -> str:
    return f"where {', '.join(map(text, contract.where))}"


def header(item: ast.BlockDefinition | ast.ModelDefinition) -> str:
    """What stands before the body of a block or model."""
    shown = f"{kind(item)} {item.name}{params(item)}"
    if contract := item.contract:
        shown += f" : {ports(contract.inputs)}" if contract.inputs else ""
        shown += f" -> {ports(contract.outputs)}" if contract.outputs else ""
        shown += f" {where(contract)}" if contract.where else ""
    return shown


def kind(item: ast.BlockDefinition | ast.ModelDefinition) -> str:
    return "model" if isinstance(item, ast.ModelDefinition) else "block"


def label(step: ast.Step) -> str:
    """With quotes only where it needs them. A number that is no label (`01: …`) stays one."""
    if step.label is None:
        return ""
    name = step.label.name
    is_bare = not needs_quotes(name) or step.label.span.text == name
    return f"{name if is_bare else string(name)}: "


def called(step: ast.Call | ast.Merge | ast.Default, equals: str = "=") -> str:
    """The name and the arguments; ``relu`` and ``relu()`` stay what they are, and a merge without arguments is bare."""
    bare = isinstance(step, ast.Merge) or (isinstance(step, ast.Call) and step.bare)
    return step.name + ("" if bare and not step.arguments else arguments(step.arguments, equals=equals))


def head(step: ast.Group | ast.Repeat | ast.For | ast.If) -> str:
    """What stands before the body of a step, with the blank between."""
    match step:
        case ast.Group(frozen=test) if test:
            return "frozen " if always(test) else f"frozen({text(test)}) "
        case ast.Repeat():
            return f"repeat {text(step.rounds)} "
        case ast.For():
            return f"{each(step)}{names(step)} in {table(step)} "
        case ast.If():
            return f"if {text(step.test)} "
    return ""


def always(test: ast.Expr) -> bool:
    """Whether ``frozen`` needs no more than the word."""
    return isinstance(test, ast.Name) and test.name == "true"


def each(loop: ast.For) -> str:
    return "for each " if loop.is_each else "for "


def names(loop: ast.For | ast.Comprehension) -> str:
    return ", ".join(name.name for name in loop.names)


# ---- statements -------------------------------------------------------------------------------------


class Inline:
    """What a step, a chain or a body is like on one line; None where a comment or a second line is in it.

    However long: whether it fits is for the caller to say.

    Args:
        first: where steps begin that must not stand on the line of the one before.
    """

    def __init__(self, attachments: Attachments, first: Set[int]) -> None:
        self._attachments = attachments
        self._first = first
        self._statements: dict[int, str | None] = {}
        """By where the step begins: of what nests, each level asks for all that is inside of it."""

    def chain(self, line: Line) -> str | None:
        if any(start(step) in self._first for step in line):
            return None
        if len(line) > 1 and self._attachments.inside(line[0].span.start, line[-1].span.end):
            return None
        return _all(" -> ", map(self.statement, line))

    def statement(self, statement: ast.Statement) -> str | None:
        begin = statement.span.start
        if begin not in self._statements:
            inside = self._attachments.inside(begin, statement.span.end)
            self._statements[begin] = None if inside else self._statement(statement)
        return self._statements[begin]

    def body(self, body: ast.Body) -> str | None:
        if self._attachments.inside(body.span.start, body.span.end):
            return None
        if not body.statements:
            return "{}"
        line = self._only_line(body.statements)
        return line and f"{{ {line} }}"

    def _only_line(self, statements: tuple[ast.Statement, ...]) -> str | None:
        chains = lines(statements)
        return self.chain(chains[0]) if len(chains) == 1 else None

    def _statement(self, statement: ast.Statement) -> str | None:
        match statement:
            case ast.Let():
                return f"let {statement.name} = {text(statement.value)}"
            case ast.Assert():
                message = f", {string(statement.message)}" if statement.message is not None else ""
                return f"assert {text(statement.test)}{message}"
            case ast.Shared():
                steps = self.chain(statement.steps)
                return steps and f"shared {statement.name} = {steps}"
        step = self._step(statement)
        return step and label(statement) + step

    def _step(self, step: ast.Step) -> str | None:
        match step:
            case ast.Call():
                return called(step)
            case ast.Merge():
                if sum(len(arm.statements) > 1 for arm in step.arms) > 1:
                    return None  # chains beside each other are read one below the other
                arms = _all(" | ", (self._only_line(arm.statements) for arm in step.arms))
                return arms and f"{called(step)} {{ | {arms} }}"
            case ast.Checkpoint():
                return shape(step.shape)
            case ast.Enclosing():
                return "in"
            case ast.Reference():
                return text(step.value)
        body = self.body(step.body)
        if not body or not isinstance(step, ast.If) or not step.otherwise:
            return body and head(step) + body
        again = else_if(step)
        otherwise = self._step(again) if again else self.body(step.otherwise)
        return otherwise and f"{head(step)}{body} else {otherwise}"


def _all(between: str, parts: Iterable[str | None]) -> str | None:
    """The parts on one line; None at the first that has no line of its own, and no further one is made."""
    shown = []
    for part in parts:
        if not part:
            return None
        shown.append(part)
    return between.join(shown)
