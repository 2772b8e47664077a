"""Where the comments of a spec belong: before or behind a part of the tree, or at a bracket.

Only parts that can stand on a line of their own take comments: items, statements, steps, arms, the clauses of a
contract, and the entries of lists. A comment inside such a part, where no list is (``(a + # why``), goes before it.
So none is lost, and they keep their order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple, cast

from specc.syntax import ast
from specc.syntax.tokens import Token, brackets, token_at
from specc.syntax.trivia import Comment, empty_line_above, start, tidy


class LeadingComment(NamedTuple):
    """A comment on its own line, and whether an empty line stands above it."""

    text: str
    after_blank: bool


class _Host(NamedTuple):
    """Something that takes comments, with the lists in it, in the order of the text.

    Attributes:
        last: where what ends with it begins; None: that is itself. An arm ends with its last statement.
    """

    start: int
    end: int
    lists: tuple[_Hosts, ...] = ()
    last: int | None = None


class _Hosts(NamedTuple):
    """Hosts side by side.

    Attributes:
        key: what they are known by: where the first begins; of an empty list, what follows the bracket.
        open: what lies between here and ``close`` belongs to the list; None: it has no brackets.
    """

    key: int
    open: int | None
    close: int
    hosts: tuple[_Host, ...]

    def includes(self, at: int) -> bool:
        return (self.key - 1 if self.open is None else self.open) < at < self.close


class Attachments:
    """The comments of a file by what they belong to.

    Attributes:
        leading: comments on their own lines before a part, by the offset where it begins.
        trailing: the comment on the line where a part ends, by the offset where the part begins.
        opening: the comment on the line of an opening bracket, by the offset where the first part of the list begins
            (of an empty list, by that behind the bracket).
        closing: comments on their own lines before a closing bracket, by the same offset.
        final: those at the end of the file.
    """

    def __init__(self, file: ast.File, comments: tuple[Comment, ...]) -> None:
        self.leading: dict[int, list[LeadingComment]] = {}
        self.trailing: dict[int, str] = {}
        self.opening: dict[int, str] = {}
        self.closing: dict[int, list[LeadingComment]] = {}
        self.final: list[LeadingComment] = []
        self._source = file.source
        self._raised: set[int] = set()
        self._marks: list[int] = []
        if comments:
            items = _HostFinder(file, self).file
            self._distribute(items, comments)
            self.final = self.closing.pop(items.key, self.final)
            self._marks.sort()

    def inside(self, begin: int, end: int) -> bool:
        """Whether a comment must be written somewhere between two offsets."""
        at = bisect_right(self._marks, begin)
        return at < len(self._marks) and self._marks[at] < end

    def after_blank(self, begin: int) -> bool:
        """Whether an empty line stands directly above the part that begins here, below the comments before it."""
        return begin not in self._raised and empty_line_above(self._source, begin)

    @cached_property
    def partners(self) -> dict[int, int]:
        """The offset of every bracket's partner; most files are formatted without them."""
        return brackets(self._source.text)

    def clauses(self, contract: ast.Contract) -> list[int]:
        """Where the inputs, the outputs and the conditions begin, as far as they are there."""
        begins = [contract.span.start]
        following = self._behind(contract.inputs, begins[0])
        if contract.outputs:
            begins.append(token_at(self._source.text, following.end).start)  # it was the arrow
            following = self._behind(contract.outputs, begins[1])
        return [*begins, following.start] if contract.where else begins

    def _behind(self, ports: tuple[ast.PortDeclaration, ...], begin: int) -> Token:
        """What follows ports that begin at an offset."""
        end = self.partners[begin] + 1 if ports[0].name else ports[-1].span.end
        return token_at(self._source.text, end)

    def _distribute(self, hosts: _Hosts, comments: Iterable[Comment]) -> None:
        rest = deque(comments)
        previous: _Host | None = None
        for host in hosts.hosts:
            self._lead(host.start, self._trail(hosts, previous, _taken(rest, host.start)))
            self._into(host, _taken(rest, host.end))
            previous = host
        if leading := self._trail(hosts, previous, rest):
            self.closing[hosts.key] = leading
            self._marks.append(hosts.key)

    def _trail(self, hosts: _Hosts, previous: _Host | None, comments: deque[Comment]) -> list[LeadingComment]:
        """The comments between two hosts that stand on their own lines; the first may follow something on its line."""
        if comments and not comments[0].alone and (previous or hosts.open is not None):
            first = tidy(comments.popleft().text)
            if previous:
                self.trailing[previous.start if previous.last is None else previous.last] = first
                self._marks.append(previous.end)
            else:
                self.opening[hosts.key] = first
                self._marks.append(hosts.key)
        return [LeadingComment(tidy(comment.text), comment.after_blank) for comment in comments]

    def _lead(self, begin: int, leading: list[LeadingComment]) -> None:
        if leading:
            self.leading.setdefault(begin, []).extend(leading)
            self._marks.append(begin)

    def _into(self, host: _Host, comments: deque[Comment]) -> None:
        # What no list includes goes before the host, and so does all that stands before it: the order stays.
        loose = [i for i, c in enumerate(comments) if not any(hosts.includes(c.start) for hosts in host.lists)]
        count = loose[-1] + 1 if loose else 0
        self._raise(host.start, [LeadingComment(tidy(comments.popleft().text), False) for _ in range(count)])
        for hosts in host.lists:
            if inside := _taken(comments, hosts.close):
                self._distribute(hosts, inside)
                if hosts.open is None and hosts.key in self.leading:
                    # What would stand before the first part of a list without a bracket stands before the whole.
                    self._marks.remove(hosts.key)
                    self._raise(host.start, self.leading.pop(hosts.key))

    def _raise(self, begin: int, leading: list[LeadingComment]) -> None:
        """Comments from within a part, now before it: an empty line above the part goes above them."""
        if leading and begin not in self._raised:
            leading = [LeadingComment(leading[0].text, self.after_blank(begin)), *leading[1:]]
            self._raised.add(begin)
        self._lead(begin, leading)


def _taken(comments: deque[Comment], end: int) -> deque[Comment]:
    """Those before ``end``, removed from what is left."""
    taken: deque[Comment] = deque()
    while comments and comments[0].start < end:
        taken.append(comments.popleft())
    return taken


class _HostFinder:
    """What takes comments, made from the tree. ``file`` is all of it."""

    def __init__(self, file: ast.File, attachments: Attachments) -> None:
        self._text = file.source.text
        self._partners = attachments.partners
        self._clauses = attachments.clauses
        items = tuple(_host(item, self._in_item(item)) for item in file.items)
        self.file = _Hosts(items[0].start if items else 0, -1, len(file.source.text) + 1, items)

    def _in_item(self, item: ast.Item) -> list[_Hosts]:
        match item:
            case ast.Import():
                return [_loose([_host(name) for name in item.names])]
            case ast.Let():
                return self._in_expr(item.value)
            case ast.Default():
                return self._arguments(item.arguments, item.span.end)
        lists: list[_Hosts] = []
        if item.params:
            params = (_host(param, self._in_expr(param.default) if param.default else ()) for param in item.params)
            lists.append(self._bracketed(token_at(self._text, item.name_span.end).start, params))
        if item.contract:
            lists.append(self._contract(item.contract))
        return [*lists, self._body(item.body)]

    def _contract(self, contract: ast.Contract) -> _Hosts:
        begins = self._clauses(contract)
        hosts = []
        for begin, ports in zip(begins, (contract.inputs, contract.outputs), strict=False):
            if ports:
                hosts_of = self._shape(ports[0].shape)
                if ports[0].name:
                    hosts_of = self._bracketed(begin, (_host(port, [self._shape(port.shape)]) for port in ports))
                hosts.append(_Host(begin, hosts_of.close + 1, (hosts_of,)))
        if contract.where:
            conditions = [_host(condition, self._in_expr(condition)) for condition in contract.where]
            hosts.append(_Host(begins[-1], contract.span.end, (_loose(conditions),)))
        return _loose(hosts)

    # ---- statements ---------------------------------------------------------------------------------

    def _body(self, body: ast.Body) -> _Hosts:
        return self._bracketed(body.span.start, map(self._statement, body.statements))

    def _statement(self, statement: ast.Statement) -> _Host:
        return _Host(start(statement), statement.span.end, tuple(self._in_statement(statement)))

    def _in_statement(self, statement: ast.Statement) -> list[_Hosts]:
        match statement:
            case ast.Call():
                return self._arguments(statement.arguments, statement.span.end)
            case ast.Merge():
                arms = self._bracketed(self._partners[statement.span.end - 1], map(self._arm, statement.arms))
                if not statement.arguments:
                    return [arms]
                close = self._partners[token_at(self._text, statement.name_span.end).start]
                return [*self._arguments(statement.arguments, close + 1), arms]
            case ast.Group():
                return [self._body(statement.body)]
            case ast.Checkpoint():
                return [self._shape(statement.shape)]
            case ast.Repeat():
                return [*self._in_expr(statement.rounds), self._body(statement.body)]
            case ast.For():
                return [*self._in_expr(statement.table), self._body(statement.body)]
            case ast.If():
                return [*self._in_expr(statement.test), *self._branches(statement)]
            case ast.Let():
                return self._in_expr(statement.value)
            case ast.Assert():
                return self._in_expr(statement.test)
            case ast.Shared():
                return [_loose([self._statement(step) for step in statement.steps])]
        return []

    def _arm(self, arm: ast.Arm) -> _Host:
        hosts = _loose([self._statement(statement) for statement in arm.statements])
        return _host(arm, [hosts])._replace(last=hosts.hosts[-1].start)

    def _branches(self, step: ast.If) -> list[_Hosts]:
        """The bodies; what stands between one of them and the next, the test in between too, belongs to the next."""
        lists = [self._body(step.body)]
        while step.otherwise:
            again = else_if(step)
            body = again.body if again else step.otherwise
            lists.append(self._body(body)._replace(open=lists[-1].close))
            if not again:
                break
            step = again
        return lists

    # ---- lists --------------------------------------------------------------------------------------

    def _in_expr(self, expr: ast.Expr) -> list[_Hosts]:
        match expr:
            case ast.Sequence():
                entries = (_host(entry, self._in_expr(entry)) for entry in expr.items)
                return [self._bracketed(expr.span.start, entries)] if expr.items else []
            case ast.Apply():
                return [*self._in_expr(expr.function), *self._arguments(expr.arguments, expr.span.end)]
            case ast.Number() | ast.Text() | ast.Name():
                return []
        parts = [cast(ast.Expr, part) for part in expr if isinstance(part, tuple)]
        return [hosts for part in parts for hosts in self._in_expr(part)]

    def _arguments(self, arguments: tuple[ast.Argument, ...], end: int) -> list[_Hosts]:
        """The list whose closing bracket is the character before ``end``."""
        if not arguments:
            return []
        hosts = (_host(argument, self._in_expr(argument.value)) for argument in arguments)
        return [self._bracketed(self._partners[end - 1], hosts)]

    def _shape(self, shape: ast.Shape) -> _Hosts:
        return self._bracketed(shape.span.start, (_host(dim, self._in_expr(dim)) for dim in shape.dims))

    def _bracketed(self, begin: int, hosts: Iterable[_Host]) -> _Hosts:
        listed = tuple(hosts)
        return _Hosts(listed[0].start if listed else begin + 1, begin, self._partners[begin], listed)


def _host(
    node: ast.Item | ast.Binder | ast.Expr | ast.Argument | ast.Param | ast.PortDeclaration | ast.Arm,
    lists: Iterable[_Hosts] = (),
) -> _Host:
    return _Host(node.span.start, node.span.end, tuple(lists))


def _loose(hosts: list[_Host]) -> _Hosts:
    return _Hosts(hosts[0].start, None, hosts[-1].end, tuple(hosts))


def body_key(body: ast.Body) -> int:
    """What the statements of a body are known by as a list."""
    return start(body.statements[0]) if body.statements else body.span.start + 1


def else_if(step: ast.If) -> ast.If | None:
    """The condition that ``else`` goes on with, where braces around it would say no more and hold no comment."""
    if not step.otherwise or len(step.otherwise.statements) != 1:
        return None
    only, around = step.otherwise.statements[0], step.otherwise.span
    if not isinstance(only, ast.If) or only.label:
        return None
    text = only.span.source.text
    return None if "#" in text[around.start : only.span.start] + text[only.span.end : around.end] else only
