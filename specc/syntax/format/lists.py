"""Expressions and bracketed lists on as many lines as they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple, cast

from specc.syntax import ast
from specc.syntax.format import inline
from specc.syntax.format.attachment import Attachments, LeadingComment
from specc.syntax.format.inline import DISJUNCTION, LOOSEST, POSTFIX, SIGNED, WIDTH, before, binding, operands

INDENT = 2


class _Line(NamedTuple):
    code: str
    comment: str

    @property
    def is_alone(self) -> bool:
        """Whether its comment is aligned with no other: it closes a bracket, or is too long itself."""
        return self.code.lstrip().startswith(("}", ")", "]")) or len(self.code) > WIDTH


class LineWriter:
    """Text that grows at its end: lines of code, each with the comment behind it.

    Attributes:
        height: how many lines have ended.
    """

    def __init__(self) -> None:
        self._lines: list[_Line] = []
        self._code = ""
        self._comment = ""

    @property
    def height(self) -> int:
        return len(self._lines)

    @property
    def has_comment(self) -> bool:
        """Whether the present line ends in a comment: nothing can follow on it."""
        return bool(self._comment)

    def write(self, text: str) -> None:
        self._code += text

    def fits(self, text: str, more: int = 0) -> bool:
        """Whether the present line can take ``text`` and ``more`` characters behind it."""
        return len(self._code) + len(text) + more <= WIDTH

    def comment(self, comment: str) -> None:
        """A comment at the end of the present line, behind one that it has already."""
        self._comment = f"{self._comment}  {comment}" if self._comment else comment

    def newline(self, indent: int) -> None:
        """End the present line; the next one begins ``indent`` columns in."""
        self._lines.append(_Line(self._code.rstrip(), self._comment))
        self._code, self._comment = " " * indent, ""

    def blank(self) -> None:
        """An empty line above the present one, which must not have begun."""
        self._lines.append(_Line("", ""))

    def text(self) -> str:
        """All lines that have ended; the comments behind consecutive lines stand in one column."""
        text: list[str] = []
        for is_aligned, group in groupby(self._lines, lambda line: line.comment != "" and not line.is_alone):
            lines = list(group)
            width = max(len(line.code) for line in lines) if is_aligned else 0
            text += (f"{code.ljust(width)}  {comment}\n" if comment else f"{code}\n" for code, comment in lines)
        return "".join(text)


class ListEntry(NamedTuple):
    """An entry of a list: where it begins and ends in the source, on one line if that could fit, how to put it else."""

    begin: int
    end: int
    text: str | None
    put: Callable[[int], None]


class ListWriter(LineWriter):
    """Writes expressions and lists, with the comments that belong to their parts."""

    def __init__(self, attachments: Attachments) -> None:
        super().__init__()
        self.attachments = attachments

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
        self.write("(")
        self.newline(indent + INDENT)
        self._operands(expr, indent + INDENT, tight=False)
        self.newline(indent)
        self.write(")")

    def _in_list(self, expr: ast.Expr, indent: int, *, tight: bool) -> None:
        """The same within brackets, where a line may break anywhere."""
        if self._needs_lines(expr, 1, tight=tight):
            self._operands(expr, indent, tight=tight)
        else:
            self._part(expr, indent, LOOSEST, 1, tight=tight)

    def _needs_lines(self, expr: ast.Expr, more: int, *, tight: bool) -> bool:
        """Whether operators are where an expression that is too long can be broken."""
        if binding(expr) >= SIGNED or self.attachments.inside(expr.span.start, expr.span.end):
            return False
        return self._fitting(expr, LOOSEST, more, tight=tight) is None

    def _fitting(self, expr: ast.Expr, level: int, more: int, *, tight: bool) -> str | None:
        """The expression on what is left of the line; None where that cannot be."""
        if self.attachments.inside(expr.span.start, expr.span.end) or inline.is_long(expr):
            return None
        text = inline.text(expr, level, tight=tight)
        return text if self.fits(text, more) else None

    def _operands(self, expr: ast.Expr, indent: int, *, tight: bool) -> None:
        """One operand a line, the operators in front; operands that are too long in the same way, further in."""
        for i, (operator, operand, level) in enumerate(_loosest_operands(expr)):
            if i:
                self.newline(indent)
            self.write(f"{operator} " if operator else "")
            if binding(operand) >= level and self._needs_lines(operand, 1, tight=tight):
                self._operands(operand, indent + INDENT, tight=tight)
            else:
                self._part(operand, indent, level, 1, tight=tight)

    def _part(self, expr: ast.Expr, indent: int, level: int, more: int, *, tight: bool) -> None:
        """On what is left of the line, or with the lists in it broken."""
        text = self._fitting(expr, level, more, tight=tight)
        if text is not None:
            return self.write(text)
        bracketed = binding(expr) < level
        self.write("(" if bracketed else "")
        match expr:
            case ast.Sequence() if expr.items:
                self.sequence(expr, indent, tight=tight)
            case ast.Number() | ast.Text() | ast.Name() | ast.Sequence():
                self.write(inline.text(expr, tight=tight))
            case ast.Comprehension():
                self._comprehension(expr, indent, tight=tight)
            case ast.Attribute():
                self._part(expr.value, indent, POSTFIX, more, tight=tight)
                self.write(f".{expr.name}")
            case ast.Index():
                self._part(expr.value, indent, POSTFIX, more, tight=tight)
                self.write("[")
                self._part(expr.place, indent, LOOSEST, more, tight=tight)
                self.write("]")
            case ast.Sublist():
                self._part(expr.value, indent, POSTFIX, more, tight=tight)
                self.write(f"[{inline.between(expr, tight=tight)}]")
            case ast.Apply():
                self._part(expr.function, indent, POSTFIX, more, tight=tight)
                self.arguments(expr.arguments, indent, tight=tight)
            case _:
                for operator, operand, loosest in operands(expr):
                    self.write(before(operator, expr, tight=tight))
                    self._part(operand, indent, loosest, more, tight=tight)
        return self.write(")" if bracketed else "")

    def _comprehension(self, expr: ast.Comprehension, indent: int, *, tight: bool) -> None:
        """What it is made of, and each of its words, on a line of its own."""

        def clause(words: str, inner: ast.Expr, begin: int) -> ListEntry:
            def put(indent: int) -> None:
                self.write(words)
                self._part(inner, indent, DISJUNCTION, 0, tight=tight)

            text = None if inline.is_long(inner) else words + inline.text(inner, DISJUNCTION, tight=tight)
            return ListEntry(begin, inner.span.end, text, put)

        begins = expr.names[0].span.start, expr.test.span.start if expr.test else 0
        further = [
            clause(words, inner, begin) for (words, inner), begin in zip(inline.clauses(expr), begins, strict=False)
        ]
        self.listed("[]", [self._entry(expr.item, tight=tight, row=True), *further], indent, comma="")

    # ---- lists --------------------------------------------------------------------------------------

    def table(self, loop: ast.For, indent: int) -> None:
        """What a loop runs over; ``{`` will stand behind it."""
        if not isinstance(loop.table, ast.Sequence):
            self.expression(loop.table, indent, len(" {"))
        elif self._fitting(loop.table, LOOSEST, len(" {"), tight=False) is not None:
            self.write(inline.table(loop))
        else:
            self.sequence(loop.table, indent, rows=len(loop.names) > 1)

    def sequence(self, expr: ast.Sequence, indent: int, *, tight: bool = False, rows: bool = False) -> None:
        """``[…]``, broken: lists one a line, all else filled."""
        entries = [self._entry(item, tight=tight, row=rows) for item in expr.items]
        filled = not any(isinstance(item, ast.Sequence) for item in expr.items)
        self.listed("[]", entries, indent, filled=filled)

    def _entry(self, item: ast.Expr, *, tight: bool, row: bool = False) -> ListEntry:
        def put(indent: int) -> None:
            if row and inline.is_row(item):
                self.listed("()", [self._entry(part, tight=tight) for part in item.items], indent, filled=True)
            else:
                self._in_list(item, indent, tight=tight)

        text = None
        if not inline.is_long(item):
            text = inline.row(item) if row else inline.text(item, tight=tight)
        return ListEntry(item.span.start, item.span.end, text, put)

    def _named(self, node: ast.Argument | ast.Param, value: ast.Expr | None, equals: str, *, tight: bool) -> ListEntry:
        """A value with its name, or one of them."""
        name = f"{node.name}{equals}" if node.name and value else node.name or ""

        def put(indent: int) -> None:
            self.write(name)
            if value:
                self._in_list(value, indent, tight=tight)

        text = None if inline.is_long(node) else name + (inline.text(value, tight=tight) if value else "")
        return ListEntry(node.span.start, node.span.end, text, put)

    def arguments(
        self, arguments: tuple[ast.Argument, ...], indent: int, *, equals: str = "=", tight: bool = False
    ) -> None:
        """``(…)``, broken: one argument a line, unless a list at the end is all that needs several."""
        if self._only_last_is_long(arguments, tight=tight):
            *others, last = arguments
            shown = "".join(f"{inline.argument(other, equals=equals, tight=tight)}, " for other in others)
            self.write(f"({shown}{last.name}{equals}" if last.name else f"({shown}")
            self.sequence(cast(ast.Sequence, last.value), indent, tight=tight)
            self.write(")")
        elif arguments:
            self.listed("()", [self._named(node, node.value, equals, tight=tight) for node in arguments], indent)
        else:
            self.write("()")

    def _only_last_is_long(self, arguments: tuple[ast.Argument, ...], *, tight: bool) -> bool:
        last = arguments[-1] if arguments else None
        if not last or not isinstance(last.value, ast.Sequence) or not last.value.items:
            return False
        if self.attachments.inside(arguments[0].span.start - 1, last.value.span.start + 1):
            return False
        if last.span.start in self.attachments.trailing or any(map(inline.is_long, arguments[:-1])):
            return False
        shown = "".join(f"{inline.argument(other, tight=tight)}, " for other in arguments[:-1])
        return self.fits(f"({shown}{last.name or ''}=[")

    def params(self, params: tuple[ast.Param, ...], indent: int) -> None:
        self.listed("()", [self._named(param, param.default, " = ", tight=False) for param in params], indent)

    def ports(self, ports: tuple[ast.PortDeclaration, ...], indent: int) -> None:
        """Where the shape of a bare port, or any of the named ones, needs several lines."""
        if not ports[0].name and ports[0].shape:
            self.write(inline.dtype(ports[0]))
            return self.shape(ports[0].shape, indent)

        def entry(port: ast.PortDeclaration) -> ListEntry:
            def put(indent: int) -> None:
                self.write(f"{port.name}: {inline.dtype(port)}" if port.shape else port.name or "")
                if port.shape:
                    self.shape(port.shape, indent)

            return ListEntry(port.span.start, port.span.end, inline.port(port), put)

        return self.listed("()", list(map(entry, ports)), indent)

    def shape(self, shape: ast.Shape, indent: int) -> None:
        entries = [self._entry(dim, tight=True) for dim in shape.dims]
        self.listed("[]", entries, indent, filled=True, key=shape.span.start + 1)

    def listed(
        self,
        brackets: str,
        entries: list[ListEntry],
        indent: int,
        *,
        filled: bool = False,
        key: int | None = None,
        comma: str = ",",
    ) -> None:
        """A list on several lines, with its comments.

        Args:
            brackets: the opening and the closing one.
            indent: of the line that the list begins on.
            filled: as many entries on a line as fit, not one.
            key: of a list that may be empty: where it opens, and one more.
            comma: what stands between two entries.
        """
        leading, trailing, inside = self.attachments.leading, self.attachments.trailing, self.attachments.inside
        key = entries[0].begin if entries else key or 0
        self.write(brackets[0])
        self.opening_comment(key)
        for i, (begin, end, text, put) in enumerate(entries):
            lines = text is None or inside(begin, end)
            follows = filled and i and not (lines or begin in leading or self.has_comment)
            if follows and self.fits(f" {text},"):
                self.write(" ")
            else:
                self.newline(indent + INDENT)
                self.leading_comments(leading.get(begin, ()), indent + INDENT)
            if text is None or lines or not self.fits(text, 1):
                put(indent + INDENT)
            else:
                self.write(text)
            self.write(comma if i + 1 < len(entries) else "")
            if begin in trailing:
                self.comment(trailing[begin])
        for comment in self.attachments.closing.get(key, ()):
            self.newline(indent + INDENT)
            self.write(comment.text)
        self.newline(indent)
        self.write(brackets[1])

    def opening_comment(self, key: int) -> None:
        """The comment behind an opening bracket, by what the parts of the list are known by."""
        if key in self.attachments.opening:
            self.comment(self.attachments.opening[key])

    def leading_comments(self, leading: Iterable[LeadingComment], indent: int) -> None:
        """Comments on their own lines, above what comes next."""
        for comment in leading:
            self.write(comment.text)
            self.newline(indent)


def _loosest_operands(expr: ast.Expr) -> Iterator[tuple[str, ast.Expr, int]]:
    """The operands of the loosest operators: ``a + b - c`` has three, for the operators lean to the left."""
    for operator, operand, level in operands(expr):
        if isinstance(expr, ast.Binary) and operand is expr.left and binding(operand) == binding(expr) >= level:
            yield from _loosest_operands(operand)
        else:
            yield operator, operand, level
