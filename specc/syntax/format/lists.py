"""Expressions and bracketed lists on as many lines as they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, cast

from specc.syntax import ast
from specc.syntax.format import inline
from specc.syntax.format.attachment import Lead, Places
from specc.syntax.format.inline import (
    COMPARISON,
    DISJUNCTION,
    LOOSEST,
    NEGATION,
    POSTFIX,
    SIGNED,
    around,
    binding,
    left_of,
    right_of,
)
from specc.syntax.format.page import INDENT, Page


class Entry(NamedTuple):
    """An entry of a list: where it begins and ends in the source, on one line if that could fit, how to put it else."""

    begin: int
    end: int
    text: str | None
    put: Callable[[int], None]


class Lists:
    """Puts expressions and lists on a page, with the comments that belong to their parts."""

    def __init__(self, page: Page, places: Places) -> None:
        self.page = page
        self.places = places

    # ---- expressions --------------------------------------------------------------------------------

    def expression(self, expr: ast.Expr, indent: int, more: int = 0) -> None:
        """An expression outside of brackets; of operators and too long for the line, in parentheses of its own.

        Args:
            indent: of the line that it begins on.
            more: how many characters will stand behind it.
        """
        if not self._needs_lines(expr, more, tight=False):
            self._part(expr, indent, LOOSEST, more, tight=False)
            return
        self.page.write("(")
        self.page.newline(indent + INDENT)
        self._operands(expr, indent + INDENT, tight=False)
        self.page.newline(indent)
        self.page.write(")")

    def _in_list(self, expr: ast.Expr, indent: int, *, tight: bool) -> None:
        """The same within brackets, where a line may break anywhere."""
        if self._needs_lines(expr, 1, tight=tight):
            self._operands(expr, indent, tight=tight)
        else:
            self._part(expr, indent, LOOSEST, 1, tight=tight)

    def _needs_lines(self, expr: ast.Expr, more: int, *, tight: bool) -> bool:
        """Whether operators are where an expression that is too long can be broken."""
        if binding(expr) >= SIGNED or self._commented(expr):
            return False
        return self._line(expr, LOOSEST, more, tight=tight) is None

    def _line(self, expr: ast.Expr, level: int, more: int, *, tight: bool) -> str | None:
        """The expression on what is left of the line; None where that cannot be."""
        if self._commented(expr) or inline.is_long(expr):
            return None
        written = inline.text(expr, level, tight=tight)
        return written if self.page.fits(written, more) else None

    def _operands(self, expr: ast.Expr, indent: int, *, tight: bool) -> None:
        """One operand a line, the operators in front; operands that are too long in the same way, further in."""
        for i, (operator, operand, level) in enumerate(_operands(expr)):
            if i:
                self.page.newline(indent)
            self.page.write(f"{operator} " if operator else "")
            if binding(operand) >= level and self._needs_lines(operand, 1, tight=tight):
                self._operands(operand, indent + INDENT, tight=tight)
            else:
                self._part(operand, indent, level, 1, tight=tight)

    def _part(self, expr: ast.Expr, indent: int, level: int, more: int, *, tight: bool) -> None:
        written = self._line(expr, level, more, tight=tight)
        if written is not None:
            self.page.write(written)
            return
        bracketed = binding(expr) < level
        self.page.write("(" if bracketed else "")
        self._pieces(expr, indent, more, tight=tight)
        self.page.write(")" if bracketed else "")

    def _pieces(self, expr: ast.Expr, indent: int, more: int, *, tight: bool) -> None:
        """An expression that is no single line: its lists are what is broken."""

        def part(inner: ast.Expr, level: int = LOOSEST) -> None:
            self._part(inner, indent, level, more, tight=tight)

        write = self.page.write
        match expr:
            case ast.Sequence() if expr.items:
                self.sequence(expr, indent, tight=tight)
            case ast.Unary(operator="not"):
                write("not ")
                part(expr.operand, NEGATION)
            case ast.Unary():
                write("-")
                part(expr.operand, SIGNED)
            case ast.Binary(operator=operator):
                part(expr.left, left_of(operator))
                write(around(operator, tight=tight))
                part(expr.right, right_of(operator))
            case ast.Conditional():
                for operator, operand, level in _operands(expr):
                    write(f" {operator} " if operator else "")
                    part(operand, level)
            case ast.Attribute():
                part(expr.value, POSTFIX)
                write(f".{expr.name}")
            case ast.Index():
                part(expr.value, POSTFIX)
                write("[")
                part(expr.place)
                write("]")
            case ast.Apply():
                part(expr.function, POSTFIX)
                self.arguments(expr.arguments, indent, tight=tight)
            case _:
                write(inline.text(expr, tight=tight))

    def _commented(self, part: ast.Expr | ast.Argument) -> bool:
        return self.places.inside(part.span.start, part.span.end)

    # ---- lists --------------------------------------------------------------------------------------

    def table(self, loop: ast.For, indent: int) -> None:
        """What a loop runs over; ``{`` will stand behind it."""
        if not isinstance(loop.table, ast.Sequence):
            self.expression(loop.table, indent, len(" {"))
        elif self._line(loop.table, LOOSEST, len(" {"), tight=False) is not None:
            self.page.write(inline.table(loop))
        else:
            self.sequence(loop.table, indent, rows=inline.has_rows(loop))

    def sequence(self, expr: ast.Sequence, indent: int, *, tight: bool = False, rows: bool = False) -> None:
        """``[…]``, broken: lists one a line, all else filled."""
        entries = [self._entry(item, tight=tight, row=rows) for item in expr.items]
        filled = not any(isinstance(item, ast.Sequence) for item in expr.items)
        self.listed("[]", entries, indent, filled=filled)

    def _entry(self, item: ast.Expr, *, tight: bool, row: bool = False) -> Entry:
        def put(indent: int) -> None:
            if row and inline.is_row(item):
                self.listed("()", [self._entry(part, tight=tight) for part in item.items], indent, filled=True)
            else:
                self._in_list(item, indent, tight=tight)

        written = None
        if not inline.is_long(item):
            written = inline.row(item) if row else inline.text(item, tight=tight)
        return Entry(item.span.start, item.span.end, written, put)

    def arguments(
        self, given: tuple[ast.Argument, ...], indent: int, *, equals: str = "=", tight: bool = False
    ) -> None:
        """``(…)``, broken: one argument a line, unless a list at the end is all that needs several."""
        if self._only_last_is_long(given, tight=tight):
            *others, last = given
            shown = "".join(f"{inline.argument(other, equals=equals, tight=tight)}, " for other in others)
            self.page.write(f"({shown}{last.name}{equals}" if last.name else f"({shown}")
            self.sequence(cast(ast.Sequence, last.value), indent, tight=tight)
            self.page.write(")")
        elif given:
            self.listed("()", [self._given(argument, equals, tight=tight) for argument in given], indent)
        else:
            self.page.write("()")

    def _given(self, argument: ast.Argument, equals: str, *, tight: bool) -> Entry:
        is_long = inline.is_long(argument)
        written = None if is_long else inline.argument(argument, equals=equals, tight=tight)
        put = partial(self._argument, argument, equals=equals, tight=tight)
        return Entry(argument.span.start, argument.span.end, written, put)

    def _argument(self, argument: ast.Argument, indent: int, equals: str, *, tight: bool) -> None:
        self.page.write(f"{argument.name}{equals}" if argument.name else "")
        self._in_list(argument.value, indent, tight=tight)

    def _only_last_is_long(self, given: tuple[ast.Argument, ...], *, tight: bool) -> bool:
        last = given[-1] if given else None
        if not last or not isinstance(last.value, ast.Sequence) or not last.value.items:
            return False
        if self.places.inside(given[0].span.start - 1, last.value.span.start + 1):
            return False
        if last.span.start in self.places.behind or any(map(inline.is_long, given[:-1])):
            return False
        shown = "".join(f"{inline.argument(other, tight=tight)}, " for other in given[:-1])
        return self.page.fits(f"({shown}{last.name or ''}=[")

    def params(self, given: tuple[ast.Param, ...], indent: int) -> None:
        self.listed("()", [self._param(param) for param in given], indent)

    def _param(self, param: ast.Param) -> Entry:
        def put(indent: int) -> None:
            self.page.write(f"{param.name} = ")
            if param.default:
                self._in_list(param.default, indent, tight=False)

        written = None if inline.is_long(param) else inline.param(param)
        return Entry(param.span.start, param.span.end, written, put)

    def ports(self, given: tuple[ast.Port, ...], indent: int) -> None:
        """Where the shape of a bare port, or any of the named ones, needs several lines."""
        if not given[0].name:
            return self.shape(given[0].shape, indent)
        return self.listed("()", [self._port(port) for port in given], indent)

    def _port(self, port: ast.Port) -> Entry:
        def put(indent: int) -> None:
            self.page.write(f"{port.name}: ")
            self.shape(port.shape, indent)

        return Entry(port.span.start, port.span.end, inline.port(port), put)

    def shape(self, shape: ast.Shape, indent: int) -> None:
        entries = [self._entry(dim, tight=True) for dim in shape.dims]
        self.listed("[]", entries, indent, filled=True, key=shape.span.start + 1)

    def listed(
        self, brackets: str, entries: list[Entry], indent: int, *, filled: bool = False, key: int | None = None
    ) -> None:
        """A list on several lines, with its comments.

        Args:
            brackets: the opening and the closing one.
            indent: of the line that the list begins on.
            filled: as many entries on a line as fit, instead of one.
            key: of a list that may be empty: where it opens, and one more.
        """
        key = entries[0].begin if entries else key or 0
        self.page.write(brackets[0])
        if key in self.places.opening:
            self.page.remark(self.places.opening[key])
        for i, entry in enumerate(entries):
            joined = filled and i and self._follows(entry)
            if joined:
                self.page.write(" ")
            else:
                self.page.newline(indent + INDENT)
                self.leads(self.places.before.get(entry.begin, ()), indent + INDENT)
            self._put(entry, indent + INDENT, last=i + 1 == len(entries))
        for lead in self.places.closing.get(key, ()):
            self.page.newline(indent + INDENT)
            self.page.write(lead.text)
        self.page.newline(indent)
        self.page.write(brackets[1])

    def _follows(self, entry: Entry) -> bool:
        """Whether an entry can stand on the line of the one before."""
        commented = entry.begin in self.places.before or self.places.inside(entry.begin, entry.end)
        if commented or self.page.remarked or entry.text is None:
            return False
        return self.page.fits(f" {entry.text},")

    def _put(self, entry: Entry, indent: int, *, last: bool) -> None:
        commented = self.places.inside(entry.begin, entry.end)
        if commented or entry.text is None or not self.page.fits(entry.text, 1):
            entry.put(indent)
        else:
            self.page.write(entry.text)
        self.page.write("" if last else ",")
        if entry.begin in self.places.behind:
            self.page.remark(self.places.behind[entry.begin])

    def leads(self, leads: Iterable[Lead], indent: int) -> None:
        """Comments on their own lines, above what comes next."""
        for lead in leads:
            self.page.write(lead.text)
            self.page.newline(indent)


def _operands(expr: ast.Expr) -> Iterator[tuple[str, ast.Expr, int]]:
    """The operands of the loosest operators, each with the operator before it and the level that it needs.

    ``a + b - c`` has three: the operators lean to the left.
    """
    match expr:
        case ast.Conditional():
            yield "", expr.value, DISJUNCTION
            yield "if", expr.test, DISJUNCTION
            yield "else", expr.other, LOOSEST
        case ast.Binary(operator=operator):
            if binding(expr.left) == binding(expr) != COMPARISON:
                yield from _operands(expr.left)
            else:
                yield "", expr.left, left_of(operator)
            yield operator, expr.right, right_of(operator)
        case ast.Unary(operator="not"):
            yield "not", expr.operand, NEGATION
        case _:
            yield "", expr, LOOSEST
