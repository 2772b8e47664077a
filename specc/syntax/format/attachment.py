"""Where the comments of a spec belong: before or behind a part of the tree, or at a bracket.

Only parts that can stand on a line of their own take comments: items, statements, steps, arms, the clauses of a
contract, and the entries of lists. A comment inside such a part, where no list is (``(a + # why``), goes before it.
So none is lost, and they keep their order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from specc.source import Span
from specc.syntax import ast
from specc.syntax.tokens import Token, scan, token_at
from specc.syntax.trivia import Comment, empty_line_above, start, tidy


class LeadingComment(NamedTuple):
    """A comment on its own line, and whether an empty line stands above it."""

    text: str
    after_blank: bool


class _Host(NamedTuple):
    """Something that takes comments.

    Attributes:
        lists: finds the lists in it, in the order of the text. Only hosts with comments inside are asked, which makes
            `specc fmt` a tenth faster.
        last: where what ends with it begins: that is itself, but an arm ends with its last statement.
    """

    start: int
    end: int
    lists: Callable[[], list[_Hosts]]
    last: int


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
            hosts = self._hosts(file.items)
            items = _Hosts(hosts[0].start if hosts else 0, -1, len(file.source.text) + 1, hosts)
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

    def clauses(self, contract: ast.Contract) -> list[int]:
        """Where the inputs, the outputs and the conditions begin, as far as the contract has them."""
        begins: list[int] = []
        following = token_at(self._source.text, contract.span.start)
        if contract.inputs:
            begins.append(contract.span.start)
            following = self._behind(contract.inputs)
        if contract.outputs:
            begins.append(token_at(self._source.text, following.end).start)  # it was the arrow
            following = self._behind(contract.outputs)
        return [*begins, following.start] if contract.where else begins

    def _behind(self, ports: tuple[ast.PortDeclaration, ...]) -> Token:
        """What follows the ports."""
        return token_at(self._source.text, self._close(ports) + 1)

    def _close(self, ports: tuple[ast.PortDeclaration, ...]) -> int:
        """Where the last bracket of the ports stands."""
        end = ports[-1].span.end
        return self._find("_RPAR", end) if ports[0].name else end - 1

    def _find(self, kind: str, at: int) -> int:
        """Where the first token of a kind begins that stands behind an offset."""
        return next(start for token, start, _ in scan(self._source.text, at) if token == kind)

    # ---- comments -----------------------------------------------------------------------------------

    def _distribute(self, hosts: _Hosts, comments: Iterable[Comment]) -> None:
        rest = deque(comments)
        previous: _Host | None = None
        for host in hosts.hosts:
            self._lead(host.start, self._trail(hosts, previous, _pop_before(rest, host.start)))
            if inside := _pop_before(rest, host.end):
                self._into(host, inside)
            previous = host
        if leading := self._trail(hosts, previous, rest):
            self.closing[hosts.key] = leading
            self._marks.append(hosts.key)

    def _trail(self, hosts: _Hosts, previous: _Host | None, comments: deque[Comment]) -> list[LeadingComment]:
        """The comments between two hosts that stand on their own lines; the first may follow something on its line."""
        if comments and not comments[0].alone and (previous or hosts.open is not None):
            first = tidy(comments.popleft().text)
            if previous:
                self.trailing[previous.last] = first
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
        lists = host.lists()
        loose = [i for i, c in enumerate(comments) if not any(hosts.includes(c.start) for hosts in lists)]
        count = loose[-1] + 1 if loose else 0
        self._raise(host.start, [LeadingComment(tidy(comments.popleft().text), False) for _ in range(count)])
        for hosts in lists:
            if inside := _pop_before(comments, hosts.close):
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

    # ---- what takes comments -------------------------------------------------------------------------

    def _hosts(self, nodes: Iterable[Any]) -> tuple[_Host, ...]:
        return tuple(map(self._host, nodes))

    def _host(self, node: Any) -> _Host:
        begin = start(node)
        last = start(node.statements[-1]) if isinstance(node, ast.Arm) else begin
        return _Host(begin, node.span.end, partial(self._lists, node), last)

    def _lists(self, node: Any) -> list[_Hosts]:
        """The lists in a node, or in a tuple of nodes, in the order of the text."""
        match node:
            case ast.Number() | ast.Text() | ast.Name() | ast.Binder() | ast.TypeName():
                return []
            case ast.Import(names=nodes) | ast.Shared(steps=nodes) | ast.Arm(statements=nodes):
                return [_loose(self._hosts(nodes))]
            case ast.Body(statements=nodes) | ast.Shape(dims=nodes):
                return [self._bracketed(nodes, node.span.start, node.span.end - 1)]
            case ast.Sequence(items=nodes):
                return [self._bracketed(nodes, node.span.start, node.span.end - 1)] if nodes else []
            case ast.Sublist():  # from where to where is always on one line
                return self._lists(node.value)
            case ast.Comprehension():
                begin, table = node.names[0].span.start, node.table
                loop = _Host(begin, table.span.end, partial(self._lists, table), begin)
                hosts = (self._host(node.item), loop, *self._hosts([node.test][: node.test is not None]))
                return [_Hosts(hosts[0].start, node.span.start, node.span.end - 1, hosts)]
            case ast.Call() | ast.Default():
                return self._in_parentheses(node.arguments, node.name_span)
            case ast.Apply():
                return [*self._lists(node.function), *self._in_parentheses(node.arguments, node.function.span)]
            case ast.Merge():
                before = node.arguments[-1].span if node.arguments else node.name_span
                arms = self._bracketed(node.arms, self._find("_LBRACE", before.end), node.span.end - 1)
                return [*self._in_parentheses(node.arguments, node.name_span), arms]
            case ast.If():
                return [*self._lists(node.test), *self._branches(node)]
            case ast.Group():
                return [*(self._lists(node.frozen) if node.frozen else ()), *self._lists(node.body)]
            case ast.BlockDefinition() | ast.ModelDefinition():
                contract = [self._contract(node.contract)] if node.contract else []
                return [*self._in_parentheses(node.params, node.name_span), *contract, *self._lists(node.body)]
        lists = []
        for part in node:
            if isinstance(part, tuple):
                lists += self._lists(part)
        return lists

    def _contract(self, contract: ast.Contract) -> _Hosts:
        begins = self.clauses(contract)
        hosts = []
        for begin, ports in zip(begins, filter(None, (contract.inputs, contract.outputs)), strict=False):
            shape = ports[0].shape
            nodes: Sequence[Any] = ports
            bracket = begin
            if shape and not ports[0].name:
                nodes, bracket = shape.dims, shape.span.start
            clause = self._bracketed(nodes, bracket, self._close(ports))
            hosts.append(_Host(begin, clause.close + 1, partial(list, [clause]), begin))
        if contract.where:
            clause = _loose(self._hosts(contract.where))
            hosts.append(_Host(begins[-1], contract.span.end, partial(list, [clause]), begins[-1]))
        return _loose(tuple(hosts))

    def _branches(self, step: ast.If) -> list[_Hosts]:
        """The bodies; what stands between one of them and the next, the test in between too, belongs to the next."""
        lists = self._lists(step.body)
        while step.otherwise:
            again = else_if(step)
            (body,) = self._lists(again.body if again else step.otherwise)
            lists.append(body._replace(open=lists[-1].close))
            if not again:
                break
            step = again
        return lists

    def _in_parentheses(self, nodes: Sequence[Any], before: Span) -> list[_Hosts]:
        """The list in parentheses behind a name or function; none where it is empty."""
        if not nodes:
            return []
        return [self._bracketed(nodes, self._find("_LPAR", before.end), self._find("_RPAR", nodes[-1].span.end))]

    def _bracketed(self, nodes: Sequence[Any], begin: int, close: int) -> _Hosts:
        hosts = self._hosts(nodes)
        return _Hosts(hosts[0].start if hosts else begin + 1, begin, close, hosts)


def _pop_before(comments: deque[Comment], end: int) -> deque[Comment]:
    """The comments before ``end``, which are removed."""
    before: deque[Comment] = deque()
    while comments and comments[0].start < end:
        before.append(comments.popleft())
    return before


def _loose(hosts: tuple[_Host, ...]) -> _Hosts:
    return _Hosts(hosts[0].start, None, hosts[-1].end, hosts)


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
