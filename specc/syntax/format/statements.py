"""Items, statements and steps on as many lines as they need."""

from __future__ import annotations

from collections.abc import Mapping

from specc.syntax import ast
from specc.syntax.format import inline
from specc.syntax.format.attachment import Attachments, LeadingComment, body_key, else_if
from specc.syntax.format.inline import WIDTH, Inline
from specc.syntax.format.lists import INDENT, ListWriter
from specc.syntax.format.suppressions import LineConstraints
from specc.syntax.trivia import Line, directive, lines, start

CONTINUED = 4
"""How much deeper the second line of a header stands than the first: deeper than the body, which it is no part of."""


class FileWriter(ListWriter):
    """Writes a file.

    Args:
        constraints: what must stand on one line, and what must not.
        remarks: what to write at the end of a line of steps, by where its last step begins.
    """

    def __init__(
        self, file: ast.File, attachments: Attachments, constraints: LineConstraints, remarks: Mapping[int, str]
    ) -> None:
        super().__init__(attachments)
        self._constraints = constraints
        self._remarks = remarks
        self._inline = Inline(attachments, constraints.first)
        previous: ast.Item | None = None
        for item in file.items:
            begin = item.span.start
            self._above_item(attachments.leading.get(begin, []), attachments.after_blank(begin), previous, item)
            self._item(item)
            self.newline(0)
            previous = item
        self._above_item(attachments.final, False, previous, None)

    # ---- comments -----------------------------------------------------------------------------------

    def _above_item(
        self, leading: list[LeadingComment], blank: bool, previous: ast.Item | None, item: ast.Item | None
    ) -> None:
        """The comments above an item, and the empty lines: the author's, and one around blocks and models."""
        blanks = [*(comment.after_blank for comment in leading), *([blank] if item else [])]
        if not blanks:
            return
        begins = isinstance(item, (ast.BlockDefinition, ast.ModelDefinition)) and not any(blanks)
        blanks[0] = bool(previous) and (
            blanks[0] or begins or isinstance(previous, (ast.BlockDefinition, ast.ModelDefinition))
        )
        self._above(leading, blanks, 0)

    def _above(self, leading: list[LeadingComment], blanks: list[bool], indent: int) -> None:
        """Comments above what comes next, each with its empty line or none; the last of them may be for that."""
        for comment, blank in zip(leading, blanks, strict=False):
            if blank:
                self.blank()
            self.write(comment.text)
            self.newline(indent)
        if len(blanks) > len(leading) and blanks[-1]:
            self.blank()

    def _trailing_comment(self, begin: int) -> None:
        if begin in self.attachments.trailing:
            self.comment(self.attachments.trailing[begin])

    def _go_on(self, begin: int, text: str, more: int = 0, *, broken: bool = False, indent: int = CONTINUED) -> bool:
        """Before a part of something that began above: a blank, or a new line with the part's comments above it.

        Args:
            text: what must fit on the present line, the blank included, with ``more`` characters behind it.
            broken: whether a new line begins in any case.

        Returns:
            whether a new line has begun.
        """
        leading = self.attachments.leading.get(begin, [])
        fits = begin in self._constraints.joined or self.fits(text, more)
        if leading or self.has_comment or broken or not fits:
            self.newline(indent)
            self.leading_comments(leading, indent)
            return True
        self.write(" ")
        return False

    # ---- items --------------------------------------------------------------------------------------

    def _item(self, item: ast.Item) -> None:
        match item:
            case ast.Let():
                return self._line((item,), 0)
            case ast.Import():
                self.write(f"from {inline.string(item.path)} import")
                for i, name in enumerate(item.names):
                    begin, text = name.span.start, name.name + ("," if i + 1 < len(item.names) else "")
                    self._go_on(begin, f" {text}", broken=begin in self._constraints.first)
                    self.write(text)
                    self._trailing_comment(begin)
            case ast.Default():
                self.write("default ")
                self._call(item, 0, equals=" = ")
            case ast.BlockDefinition() | ast.ModelDefinition():
                self._definition(item)
        return self._trailing_comment(item.span.start)

    def _definition(self, item: ast.BlockDefinition | ast.ModelDefinition) -> None:
        header = inline.header(item)
        commented = self.attachments.inside(item.span.start, item.body.span.start)
        whole = item.span.start in self._constraints.whole
        # On one line: a single call, no body within, no remark behind it.
        calls = all(isinstance(step, ast.Call) and start(step) not in self._remarks for step in item.body.statements)
        is_short = calls and len(item.body.statements) < 2
        body = self._inline.body(item.body) if whole or is_short else None
        if not commented and body and (whole or self.fits(f"{header} {body}")):
            return self.write(f"{header} {body}")
        opening = directive(self.attachments.opening.get(body_key(item.body), ""))
        suppressed = opening is not None and opening.word == "ignore"
        whole = whole or suppressed or item.name_span.start in self._constraints.whole
        if not commented and (whole or self.fits(f"{header} {{")):
            self.write(header)
        else:
            self._header(item)
        self.write(" ")
        return self._body(item.body, 0)

    def _header(self, item: ast.BlockDefinition | ast.ModelDefinition) -> None:
        """What stands before the body, on several lines."""
        contract = item.contract
        self.write(f"{inline.kind(item)} {item.name}")
        # The parameters stand on one line where they fit, with all that must stand on the line where they end.
        line, more = inline.params(item), len(" {")
        if contract and contract.inputs:
            line += f" : {inline.ports(contract.inputs)}"
            more = 0 if contract.outputs or contract.where else more
        end = contract.span.start if contract else item.body.span.start
        if item.params and (self.attachments.inside(item.name_span.end, end) or not self.fits(line, more)):
            self.params(item.params, 0)
        else:
            self.write(inline.params(item))
        if contract:
            self.write(" : " if contract.inputs else "")
            self._contract(contract)

    def _contract(self, contract: ast.Contract) -> None:
        """The clauses: each on the line of the one before, or on a line of its own."""
        begins = self.attachments.clauses(contract)
        brace = len(" {")
        if contract.inputs:
            self._ports(contract.inputs, begins[0], 0, 0 if len(begins) > 1 else brace)
        if contract.outputs:
            begin, more = begins[len(begins) - 1 - bool(contract.where)], 0 if contract.where else brace
            self._go_on(begin, f" -> {inline.ports(contract.outputs)}", more)
            self.write("-> ")
            self._ports(contract.outputs, begin, CONTINUED, more)
        if contract.where:
            self._go_on(begins[-1], f" {inline.where(contract)}", brace)
            self.write("where")
            indent = CONTINUED + len("where ")
            for i, condition in enumerate(contract.where):
                behind = "," if i + 1 < len(contract.where) else " {"
                begin = condition.span.start
                if i:
                    self._go_on(begin, f" {inline.text(condition)}{behind}", indent=indent)
                else:
                    self.write(" ")
                self.expression(condition, indent, len(behind))
                self.write(behind.rstrip(" {"))
                self._trailing_comment(begin)

    def _ports(self, ports: tuple[ast.PortDeclaration, ...], begin: int, indent: int, more: int) -> None:
        text = inline.ports(ports)
        end = ports[-1].span.end + bool(ports[0].name)
        if self.attachments.inside(begin, end) or not self.fits(text, more):
            self.ports(ports, indent)
        else:
            self.write(text)
        self._trailing_comment(begin)

    # ---- bodies -------------------------------------------------------------------------------------

    def _body(self, body: ast.Body, indent: int) -> None:
        """A body on several lines; an empty one on one."""
        key = body_key(body)
        closing = self.attachments.closing.get(key, [])
        self.write("{")
        self.opening_comment(key)
        self._statements(body.statements, indent + INDENT)
        for i, comment in enumerate(closing):
            self.newline(indent + INDENT)
            if comment.after_blank and (i or body.statements):
                self.blank()
            self.write(comment.text)
        if body.statements or closing or self.has_comment:
            self.newline(indent)
        self.write("}")

    def _statements(self, statements: tuple[ast.Statement, ...], indent: int, *, begun: bool = False) -> None:
        """The lines of a body. ``begun``: the first one goes on where something stands already, behind a bar."""
        for i, line in enumerate(lines(statements)):
            begin = start(line[0])
            leading = self.attachments.leading.get(begin, [])
            blanks = [*(comment.after_blank for comment in leading), self.attachments.after_blank(begin)]
            blanks[0] = blanks[0] and i > 0
            if i or not begun:
                self.newline(indent)
            self._above(leading, blanks, indent)
            self._line(line, indent)

    def _line(self, line: Line, indent: int) -> None:
        text = self._inline.chain(line)
        last = start(line[-1])
        if text and self.fits(text):
            self.write(text)
        else:
            self._chain(line, indent)
        if last in self._remarks:
            self.comment(self._remarks[last])
        self._trailing_comment(last)

    # ---- steps --------------------------------------------------------------------------------------

    def _chain(self, line: Line, indent: int) -> None:
        """Steps with arrows: as many on a line as fit, and the arrow in front of those that do not."""
        at, height = indent, self.height
        for i, step in enumerate(line):
            if i:
                self._trailing_comment(start(line[i - 1]))
                # Where the step before took several lines, the present one holds no more of it than its bracket.
                if self._arrow(step, indent, closes=self.height > height):
                    at = indent + INDENT
            height = self.height
            self._statement(step, at)

    def _arrow(self, step: ast.Statement, indent: int, *, closes: bool) -> bool:
        """The arrow before a step. Returns whether a new line has begun with it.

        Args:
            closes: the step before took several lines, and only its closing bracket is on the present one.
        """
        text = self._inline.statement(step)
        # Of several lines, its first says nothing.
        first = start(step) in self._constraints.first and (isinstance(step, ast.Call) or text is not None)
        nests = isinstance(step, (ast.Merge, ast.Group, ast.Repeat, ast.For, ast.If))
        if not text or nests or indent + INDENT + len(f"-> {text}") > WIDTH:
            text = _beginning(step)
        broken = first and not closes
        new = self._go_on(start(step), f" -> {text}", broken=broken, indent=indent + INDENT)
        self.write("-> ")
        return new

    def _statement(self, statement: ast.Statement, indent: int) -> None:
        text = self._inline.statement(statement)
        if text and (start(statement) in self._constraints.whole or self.fits(text)):
            return self.write(text)
        if not isinstance(statement, (ast.Let, ast.Assert, ast.Shared)):
            self.write(inline.label(statement))
        match statement:
            case ast.Call():
                self._call(statement, indent)
            case ast.Merge():
                self._call(statement, indent)
                self._arms(statement.arms, indent)
            case ast.Checkpoint():
                self.shape(statement.shape, indent)
            case ast.Group():
                self._group(statement, indent)
            case ast.Repeat():
                self._headed("repeat", statement.rounds, statement.body, indent)
            case ast.For():
                self.write(f"{inline.each(statement)}{inline.names(statement)} in ")
                self.table(statement, indent)
                self.write(" ")
                self._body(statement.body, indent)
            case ast.If():
                self._if(statement, indent)
            case ast.Let():
                self.write(f"let {statement.name} = ")
                self.expression(statement.value, indent)
            case ast.Assert():
                self.write("assert ")
                self.expression(statement.test, indent, 0 if statement.message is None else 1)
                if statement.message is not None:
                    message = inline.string(statement.message)
                    self.write(",")
                    if self.fits(f" {message}"):
                        self.write(" ")
                    else:
                        self.newline(indent + INDENT)
                    self.write(message)
            case ast.Shared():
                self.write(f"shared {statement.name} = ")
                self._chain(statement.steps, indent)
            case ast.Enclosing():
                self.write("in")
            case ast.Reference():
                self.expression(statement.value, indent)
        return None

    def _call(self, step: ast.Call | ast.Merge | ast.Default, indent: int, *, equals: str = "=") -> None:
        """The name and the arguments."""
        begin = step.name_span.end
        text = inline.called(step, equals)
        commented = step.arguments and self.attachments.inside(begin, step.arguments[-1].span.end + 1)
        if not step.arguments or (not commented and self.fits(text)):
            return self.write(text)
        self.write(step.name)
        return self.arguments(step.arguments, indent, equals=equals)

    def _arms(self, arms: tuple[ast.Arm, ...], indent: int) -> None:
        key = arms[0].span.start
        self.write(" {")
        self.opening_comment(key)
        for arm in arms:
            self.newline(indent + INDENT)
            self.leading_comments(self.attachments.leading.get(arm.span.start, []), indent + INDENT)
            self.write("| ")
            self._statements(arm.statements, indent + INDENT + len("| "), begun=True)
        for comment in self.attachments.closing.get(key, []):
            self.newline(indent + INDENT)
            self.write(comment.text)
        self.newline(indent)
        self.write("}")

    def _group(self, group: ast.Group, indent: int) -> None:
        if group.frozen is not None:
            self.write("frozen")
            if not inline.always(group.frozen):
                self.write("(")
                self.expression(group.frozen, indent, len(") {"))
                self.write(")")
            self.write(" ")
        self._body(group.body, indent)

    def _headed(self, word: str, value: ast.Expr, body: ast.Body, indent: int) -> None:
        self.write(f"{word} ")
        self.expression(value, indent, len(" {"))
        self.write(" ")
        self._body(body, indent)

    def _if(self, step: ast.If, indent: int) -> None:
        self._headed("if", step.test, step.body, indent)
        if not step.otherwise:
            return
        self.write(" else ")
        again = else_if(step)
        if again:
            self._if(again, indent)
        else:
            self._body(step.otherwise, indent)


def _beginning(step: ast.Statement) -> str:
    """As much of a step as must stand on the line of its arrow, where the rest goes on below."""
    match step:
        case ast.Call():
            return f"{inline.label(step)}{step.name}("
        case ast.Merge():
            return f"{inline.label(step)}{inline.called(step)} {{"
        case ast.Group() | ast.Repeat() | ast.For() | ast.If():
            return f"{inline.label(step)}{inline.head(step)}{{"
    return "["
