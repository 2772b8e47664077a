"""A file on a page: items, statements and steps, on as many lines as they need."""

from __future__ import annotations

import re
from collections.abc import Mapping

from specc.syntax import ast
from specc.syntax.format import inline
from specc.syntax.format.attachment import Lead, Places, body_key, clauses, else_if
from specc.syntax.format.lists import Lists
from specc.syntax.format.oneline import OneLine, called, head, label, names
from specc.syntax.format.page import CONTINUED, INDENT, WIDTH, Page
from specc.syntax.format.suppressions import Held
from specc.syntax.lines import Line, lines, start

_ABOUT_A_LINE = re.compile(r"#\s*specc:\s*ignore\b(?!-file)")


class Layout:
    """Puts a file on a page.

    Args:
        held: what must stand on one line, and what must not.
        remarks: what to write at the end of a line of steps, by where its last step begins.
    """

    def __init__(self, file: ast.File, places: Places, held: Held, remarks: Mapping[int, str]) -> None:
        self.page = Page()
        self._places = places
        self._held = held
        self._remarks = remarks
        self._oneline = OneLine(places, held.first)
        self._lists = Lists(self.page, places)
        self._file(file)

    # ---- the file -----------------------------------------------------------------------------------

    def _file(self, file: ast.File) -> None:
        previous: ast.Item | None = None
        for item in file.items:
            leads = self._places.before.get(item.span.start, [])
            self._above(leads, self._places.after_blank(item.span.start), previous, item)
            self._item(item)
            self.page.newline(0)
            previous = item
        self._above(self._places.final, False, previous, None)

    def _above(self, leads: list[Lead], blank: bool, previous: ast.Item | None, item: ast.Item | None) -> None:
        """The comments above an item, and the empty lines: those that were there, and one around blocks and models."""
        blanks = [*(lead.after_blank for lead in leads), *([blank] if item else [])]
        if not blanks:
            return
        begins = isinstance(item, (ast.Block, ast.Model)) and not any(blanks)
        blanks[0] = bool(previous) and (blanks[0] or begins or isinstance(previous, (ast.Block, ast.Model)))
        for lead, above in zip(leads, blanks, strict=False):
            self._comment(lead.text, above, 0)
        if item and blanks[-1]:
            self.page.blank()

    def _comment(self, text: str, blank: bool, indent: int) -> None:
        if blank:
            self.page.blank()
        self.page.write(text)
        self.page.newline(indent)

    def _behind(self, begin: int) -> None:
        if begin in self._places.behind:
            self.page.remark(self._places.behind[begin])

    def _item(self, item: ast.Item) -> None:
        match item:
            case ast.Let():
                return self._line((item,), 0)
            case ast.Import():
                self._import(item)
            case ast.Default():
                self.page.write("default ")
                self._call(item, 0, equals=" = ")
            case ast.Block() | ast.Model():
                self._definition(item)
        return self._behind(item.span.start)

    def _import(self, item: ast.Import) -> None:
        self.page.write(f"from {inline.string(item.path)} import")
        for i, name in enumerate(item.names):
            comma = "," if i + 1 < len(item.names) else ""
            leads = self._places.before.get(name.span.start, [])
            begin = name.span.start
            fits = begin in self._held.joined or self.page.fits(f" {name.name}{comma}")
            if leads or self.page.remarked or begin in self._held.first or not fits:
                self._continue(leads, CONTINUED)
            else:
                self.page.write(" ")
            self.page.write(name.name + comma)
            self._behind(name.span.start)

    def _continue(self, leads: list[Lead], indent: int) -> None:
        """A new line of something that began above, and the comments in between."""
        self.page.newline(indent)
        self._lists.leads(leads, indent)

    # ---- blocks and models --------------------------------------------------------------------------

    def _definition(self, item: ast.Block | ast.Model) -> None:
        header = _header(item)
        commented = self._places.inside(item.span.start, item.body.span.start)
        silenced = item.span.start in self._held.whole
        body = self._oneline.body(item.body) if silenced or self._is_short(item.body) else None
        if not commented and body and (silenced or self.page.fits(f"{header} {body}")):
            return self.page.write(f"{header} {body}")
        silenced = silenced or item.name_span.start in self._held.whole or self._is_opened_silenced(item.body)
        if not commented and (silenced or self.page.fits(f"{header} {{")):
            self.page.write(header)
        else:
            self._header(item)
        self.page.write(" ")
        return self._body(item.body, 0)

    def _is_short(self, body: ast.Body) -> bool:
        """Whether a block or model may stand on one line: a single call, no body within, nothing to say behind it."""
        calls = all(isinstance(step, ast.Call) and start(step) not in self._remarks for step in body.statements)
        return calls and len(body.statements) < 2

    def _is_opened_silenced(self, body: ast.Body) -> bool:
        return bool(_ABOUT_A_LINE.match(self._places.opening.get(body_key(body), "")))

    def _header(self, item: ast.Block | ast.Model) -> None:
        """What stands before the body, on several lines."""
        contract = item.contract
        self.page.write(f"{_kind(item)} {item.name}")
        params = inline.params(item.params)
        end = contract.span.start if contract else item.body.span.start
        if item.params and (self._places.inside(item.name_span.end, end) or not self._fits(params, contract)):
            self._lists.params(item.params, 0)
        else:
            self.page.write(params)
        if contract:
            self.page.write(" : ")
            self._contract(contract)

    def _fits(self, params: str, contract: ast.Contract | None) -> bool:
        """Whether the parameters fit, with all that must stand on the line where they end."""
        if not contract:
            return self.page.fits(params, len(" {"))
        last = not contract.outputs and not contract.where
        return self.page.fits(f"{params} : {inline.ports(contract.inputs)}", len(" {") if last else 0)

    def _contract(self, contract: ast.Contract) -> None:
        """The clauses: each on the line of the one before, or on a line of its own."""
        begins = clauses(contract)
        brace = len(" {")
        self._ports(contract.inputs, begins[0], 0, 0 if len(begins) > 1 else brace)
        if contract.outputs:
            more = 0 if contract.where else brace
            self._clause(begins[1], f" -> {inline.ports(contract.outputs)}", more)
            self.page.write("-> ")
            self._ports(contract.outputs, begins[1], CONTINUED, more)
        if contract.where:
            self._clause(begins[-1], f" where {_listed(contract.where)}", brace)
            self._where(contract)

    def _clause(self, begin: int, text: str, more: int) -> None:
        leads = self._places.before.get(begin, [])
        if leads or self.page.remarked or not self.page.fits(text, more):
            self._continue(leads, CONTINUED)
        else:
            self.page.write(" ")

    def _ports(self, ports: tuple[ast.Port, ...], begin: int, indent: int, more: int) -> None:
        written = inline.ports(ports)
        end = ports[-1].span.end + bool(ports[0].name)
        if self._places.inside(begin, end) or not self.page.fits(written, more):
            self._lists.ports(ports, indent)
        else:
            self.page.write(written)
        self._behind(begin)

    def _where(self, contract: ast.Contract) -> None:
        self.page.write("where ")
        indent = CONTINUED + len("where ")
        for i, condition in enumerate(contract.where):
            comma = "," if i + 1 < len(contract.where) else " {"
            leads = self._places.before.get(condition.span.start, [])
            full = self.page.remarked or not self.page.fits(f" {inline.text(condition)}{comma}")
            if i and (leads or full):
                self._continue(leads, indent)
            else:
                self.page.write(" " if i else "")
            self._lists.expression(condition, indent, len(comma))
            self.page.write(comma.rstrip(" {"))
            self._behind(condition.span.start)

    # ---- bodies -------------------------------------------------------------------------------------

    def _body(self, body: ast.Body, indent: int) -> None:
        """A body on several lines; an empty one on one."""
        key = body_key(body)
        closing = self._places.closing.get(key, [])
        self.page.write("{")
        self._opening(key)
        self._statements(body.statements, indent + INDENT)
        for i, lead in enumerate(closing):
            self.page.newline(indent + INDENT)
            if lead.after_blank and (i or body.statements):
                self.page.blank()
            self.page.write(lead.text)
        if body.statements or closing or self.page.remarked:
            self.page.newline(indent)
        self.page.write("}")

    def _opening(self, key: int) -> None:
        if key in self._places.opening:
            self.page.remark(self._places.opening[key])

    def _statements(self, statements: tuple[ast.Statement, ...], indent: int, *, begun: bool = False) -> None:
        """The lines of a body. ``begun``: the first one goes on where something stands already, behind a bar."""
        for i, line in enumerate(lines(statements)):
            begin = start(line[0])
            leads = self._places.before.get(begin, [])
            blanks = [*(lead.after_blank for lead in leads), self._places.after_blank(begin)]
            blanks[0] = blanks[0] and i > 0
            if i or not begun:
                self.page.newline(indent)
            for lead, blank in zip(leads, blanks, strict=False):
                self._comment(lead.text, blank, indent)
            if blanks[-1]:
                self.page.blank()
            self._line(line, indent)

    def _line(self, line: Line, indent: int) -> None:
        written = self._oneline.chain(line)
        last = start(line[-1])
        if written and self.page.fits(written):
            self.page.write(written)
        else:
            self._chain(line, indent)
        if last in self._remarks:
            self.page.remark(self._remarks[last])
        self._behind(last)

    # ---- steps --------------------------------------------------------------------------------------

    def _chain(self, line: Line, indent: int) -> None:
        """Steps with arrows: as many on a line as fit, and the arrow in front of those that do not."""
        at, begun = indent, self.page.height
        for i, step in enumerate(line):
            if i:
                closes = self.page.height > begun  # the line holds no more of the step before than its bracket
                self._behind(start(line[i - 1]))
                at = self._arrow(step, indent, at, closes=closes)
            begun = self.page.height
            self._statement(step, at)

    def _arrow(self, step: ast.Statement, indent: int, at: int, *, closes: bool) -> int:
        """The arrow before a step; returns the indent of the line that the step begins on.

        Args:
            closes: the step before took several lines, and only its closing bracket stands on the present one.
        """
        leads = self._places.before.get(start(step), [])
        first = self._oneline.statement(step)
        nests = isinstance(step, (ast.Merge, ast.Group, ast.Repeat, ast.For, ast.If))
        if not first or nests or indent + INDENT + len(f"-> {first}") > WIDTH:
            first = _beginning(step)
        if leads or self.page.remarked or (self._begins(step) and not closes) or not self._stays(step, f" -> {first}"):
            at = indent + INDENT
            self._continue(leads, at)
            self.page.write("-> ")
        else:
            self.page.write(" -> ")
        return at

    def _begins(self, step: ast.Statement) -> bool:
        """Whether a step must not stand on the line of the one before; of several lines, its first says nothing."""
        held = start(step) in self._held.first
        return held and (isinstance(step, ast.Call) or self._oneline.statement(step) is not None)

    def _stays(self, step: ast.Statement, text: str) -> bool:
        return start(step) in self._held.joined or self.page.fits(text)

    def _statement(self, statement: ast.Statement, indent: int) -> None:
        written = self._oneline.statement(statement)
        if written and (start(statement) in self._held.whole or self.page.fits(written)):
            return self.page.write(written)
        if not isinstance(statement, (ast.Let, ast.Assert, ast.Shared)):
            self.page.write(label(statement))
        match statement:
            case ast.Call():
                self._call(statement, indent)
            case ast.Merge():
                self._call(statement, indent)
                self._arms(statement.arms, indent)
            case ast.Checkpoint():
                self._lists.shape(statement.shape, indent)
            case ast.Group():
                self._body(statement.body, indent)
            case ast.Repeat():
                self._headed("repeat", statement.rounds, statement.body, indent)
            case ast.For():
                self._for(statement, indent)
            case ast.If():
                self._if(statement, indent)
            case ast.Let():
                self._let(statement, indent)
            case ast.Assert():
                self._assert(statement, indent)
            case ast.Shared():
                self.page.write(f"shared {statement.name} = ")
                self._chain(statement.steps, indent)
            case ast.Enclosing():
                self.page.write("in")
        return None

    def _call(self, step: ast.Call | ast.Merge | ast.Default, indent: int, *, equals: str = "=") -> None:
        """The name and the arguments."""
        begin = step.name_span.end
        shown = called(step, equals)
        commented = step.arguments and self._places.inside(begin, step.arguments[-1].span.end + 1)
        if not step.arguments or (not commented and self.page.fits(shown)):
            return self.page.write(shown)
        self.page.write(step.name)
        return self._lists.arguments(step.arguments, indent, equals=equals)

    def _arms(self, arms: tuple[ast.Arm, ...], indent: int) -> None:
        key = arms[0].span.start
        self.page.write(" {")
        self._opening(key)
        for arm in arms:
            self.page.newline(indent + INDENT)
            self._lists.leads(self._places.before.get(arm.span.start, []), indent + INDENT)
            self.page.write("| ")
            self._statements(arm.statements, indent + INDENT + len("| "), begun=True)
        for lead in self._places.closing.get(key, []):
            self.page.newline(indent + INDENT)
            self.page.write(lead.text)
        self.page.newline(indent)
        self.page.write("}")

    def _headed(self, word: str, value: ast.Expr, body: ast.Body, indent: int) -> None:
        self.page.write(f"{word} ")
        self._lists.expression(value, indent, len(" {"))
        self.page.write(" ")
        self._body(body, indent)

    def _for(self, step: ast.For, indent: int) -> None:
        self.page.write(f"for {names(step)} in ")
        self._lists.table(step, indent)
        self.page.write(" ")
        self._body(step.body, indent)

    def _if(self, step: ast.If, indent: int) -> None:
        self._headed("if", step.test, step.body, indent)
        if not step.otherwise:
            return
        self.page.write(" else ")
        again = else_if(step)
        if again:
            self._if(again, indent)
        else:
            self._body(step.otherwise, indent)

    def _let(self, let: ast.Let, indent: int) -> None:
        self.page.write(f"let {let.name} = ")
        self._lists.expression(let.value, indent)

    def _assert(self, claim: ast.Assert, indent: int) -> None:
        self.page.write("assert ")
        self._lists.expression(claim.test, indent, 0 if claim.message is None else 1)
        if claim.message is None:
            return
        message = inline.string(claim.message)
        self.page.write(",")
        if self.page.fits(f" {message}"):
            self.page.write(" ")
        else:
            self.page.newline(indent + INDENT)
        self.page.write(message)


def _header(item: ast.Block | ast.Model) -> str:
    contract = f" : {_contract(item.contract)}" if item.contract else ""
    return f"{_kind(item)} {item.name}{inline.params(item.params)}{contract}"


def _contract(contract: ast.Contract) -> str:
    outputs = f" -> {inline.ports(contract.outputs)}" if contract.outputs else ""
    where = f" where {_listed(contract.where)}" if contract.where else ""
    return inline.ports(contract.inputs) + outputs + where


def _kind(item: ast.Block | ast.Model) -> str:
    return "model" if isinstance(item, ast.Model) else "block"


def _listed(conditions: tuple[ast.Expr, ...]) -> str:
    return ", ".join(map(inline.text, conditions))


def _beginning(step: ast.Statement) -> str:
    """As much of a step as must stand on the line of its arrow, where the rest goes on below."""
    match step:
        case ast.Call():
            return f"{label(step)}{step.name}("
        case ast.Merge():
            return f"{label(step)}{called(step)} {{"
        case ast.Group() | ast.Repeat() | ast.For() | ast.If():
            return f"{label(step)}{head(step)}{{"
    return "["
