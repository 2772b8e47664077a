"""Where the comments of a spec belong: before or behind a part of the tree, or at a bracket.

Only parts that can stand on a line of their own take comments: items, statements, steps, arms, the clauses of a
contract, and the entries of lists. A comment inside such a part, where no list is (``(a + # why``), goes before it.
So none is lost, and they keep their order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from specc.syntax import ast
from specc.syntax.lines import start
from specc.syntax.tokens import Comment, Tokens, empty_line_above, skip, tidy


class Lead(NamedTuple):
    """A comment on its own line, and whether an empty line stands above it."""

    text: str
    after_blank: bool


class _Part(NamedTuple):
    """Something that takes comments, with the lists in it, in the order of the text.

    Attributes:
        last: where what ends with it begins; None: that is itself. An arm ends with its last statement.
    """

    start: int
    end: int
    lists: tuple[_List, ...] = ()
    last: int | None = None


class _List(NamedTuple):
    """Parts side by side.

    Attributes:
        key: what it is known by: where its first part begins; of an empty list, what follows the bracket.
        open: what lies between here and ``close`` belongs to the list; None: it has no brackets.
    """

    key: int
    open: int | None
    close: int
    parts: tuple[_Part, ...]

    def holds(self, at: int) -> bool:
        return (self.key - 1 if self.open is None else self.open) < at < self.close


class Places:
    """The comments of a file by the place that they belong to.

    Attributes:
        before: comments on their own lines before a part, by the offset where it begins.
        behind: the comment on the line where a part ends, by the offset where the part begins.
        opening: the comment on the line of an opening bracket, by the offset where the first part of the list begins
            (of an empty list, by that behind the bracket).
        closing: comments on their own lines before a closing bracket, by the same offset.
        final: those at the end of the file.
    """

    def __init__(self, file: ast.File, comments: Iterable[Comment]) -> None:
        self.before: dict[int, list[Lead]] = {}
        self.behind: dict[int, str] = {}
        self.opening: dict[int, str] = {}
        self.closing: dict[int, list[Lead]] = {}
        self.final: list[Lead] = []
        self._source = file.source
        self._joined: set[int] = set()
        self._marks: list[int] = []
        comments = tuple(comments)
        if comments:
            items = _Parts(file).file
            self._distribute(items, comments)
            self.final = self.closing.pop(items.key, self.final)
            self._marks.sort()

    def inside(self, begin: int, end: int) -> bool:
        """Whether a comment must be written somewhere between two offsets."""
        at = bisect_right(self._marks, begin)
        return at < len(self._marks) and self._marks[at] < end

    def after_blank(self, begin: int) -> bool:
        """Whether an empty line stands directly above the part that begins here, below the comments before it."""
        return begin not in self._joined and empty_line_above(self._source, begin)

    def _distribute(self, held: _List, comments: Iterable[Comment]) -> None:
        rest = deque(comments)
        previous: _Part | None = None
        for part in held.parts:
            waiting = self._hang(held, previous, _taken(rest, part.start))
            self._lead(part.start, waiting)
            self._into(part, _taken(rest, part.end))
            previous = part
        waiting = self._hang(held, previous, rest)
        if waiting:
            self.closing[held.key] = waiting
            self._marks.append(held.key)

    def _hang(self, held: _List, previous: _Part | None, comments: deque[Comment]) -> list[Lead]:
        """The comments between two parts that stand on their own lines; the first may follow something on its line."""
        if comments and not comments[0].alone and (previous or held.open is not None):
            first = tidy(comments.popleft().text)
            if previous:
                self.behind[previous.start if previous.last is None else previous.last] = first
                self._marks.append(previous.end)
            else:
                self.opening[held.key] = first
                self._marks.append(held.key)
        return [Lead(tidy(comment.text), comment.after_blank) for comment in comments]

    def _lead(self, begin: int, leads: list[Lead]) -> None:
        if leads:
            self.before.setdefault(begin, []).extend(leads)
            self._marks.append(begin)

    def _into(self, part: _Part, comments: deque[Comment]) -> None:
        if not comments:
            return
        # What no list holds goes before the part, and so does all that stands before it: the order stays.
        loose = [i for i, c in enumerate(comments) if not any(held.holds(c.start) for held in part.lists)]
        count = loose[-1] + 1 if loose else 0
        self._join(part.start, [Lead(tidy(comments.popleft().text), False) for _ in range(count)])
        for held in part.lists:
            inside = _taken(comments, held.close)
            if inside:
                self._distribute(held, inside)
                self._rise(part, held)

    def _rise(self, part: _Part, held: _List) -> None:
        """What would stand before the first part of a list without a bracket stands before the part that it begins."""
        if held.open is None and held.key in self.before:
            leads = self.before.pop(held.key)
            self._marks.remove(held.key)
            self._join(part.start, leads)

    def _join(self, begin: int, leads: list[Lead]) -> None:
        """Comments from within a part, now before it: an empty line above the part goes above them."""
        if not leads:
            return
        if begin not in self._joined:
            leads = [Lead(leads[0].text, self.after_blank(begin)), *leads[1:]]
            self._joined.add(begin)
        self._lead(begin, leads)


def _taken(comments: deque[Comment], end: int) -> deque[Comment]:
    """Those before ``end``, removed from what is left."""
    taken: deque[Comment] = deque()
    while comments and comments[0].start < end:
        taken.append(comments.popleft())
    return taken


class _Parts:
    """What takes comments, made from the tree. ``file`` is all of it."""

    def __init__(self, file: ast.File) -> None:
        self._text = file.source.text
        self._partner = Tokens(file.source).partners
        items = tuple(map(self._item, file.items))
        self.file = _List(items[0].start if items else 0, -1, len(self._text) + 1, items)

    # ---- items --------------------------------------------------------------------------------------

    def _item(self, item: ast.Item) -> _Part:
        lists: list[_List] = []
        match item:
            case ast.Import():
                lists = [_loose([_Part(name.span.start, name.span.end) for name in item.names])]
            case ast.Let():
                lists = self._in_expr(item.value)
            case ast.Default():
                lists = self._arguments(item.arguments, item.span.end)
            case ast.Block() | ast.Model():
                lists = [*self._params(item), *self._contract(item.contract), self._body(item.body)]
        return _Part(item.span.start, item.span.end, tuple(lists))

    def _params(self, item: ast.Block | ast.Model) -> list[_List]:
        if not item.params:
            return []
        begin = self._text.index("(", item.name_span.end)
        parts = (_part(param, self._in_expr(param.default) if param.default else []) for param in item.params)
        return [self._bracketed(begin, parts)]

    def _contract(self, contract: ast.Contract | None) -> list[_List]:
        if not contract:
            return []
        begins = clauses(contract)
        parts = [self._ports(begins[0], contract.inputs)]
        if contract.outputs:
            parts.append(self._ports(begins[1], contract.outputs))
        if contract.where:
            conditions = [_part(condition, self._in_expr(condition)) for condition in contract.where]
            parts.append(_Part(begins[-1], contract.span.end, (_loose(conditions),)))
        return [_loose(parts)]

    def _ports(self, begin: int, ports: tuple[ast.Port, ...]) -> _Part:
        held = self._shape(ports[0].shape)
        if ports[0].name:
            held = self._bracketed(begin, (_part(port, [self._shape(port.shape)]) for port in ports))
        return _Part(begin, held.close + 1, (held,))

    # ---- statements ---------------------------------------------------------------------------------

    def _body(self, body: ast.Body) -> _List:
        return self._bracketed(body.span.start, map(self._statement, body.statements))

    def _statement(self, statement: ast.Statement) -> _Part:
        return _Part(start(statement), statement.span.end, tuple(self._in_statement(statement)))

    def _in_statement(self, statement: ast.Statement) -> list[_List]:
        match statement:
            case ast.Call():
                return self._arguments(statement.arguments, statement.span.end)
            case ast.Merge():
                return self._merge(statement)
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

    def _merge(self, merge: ast.Merge) -> list[_List]:
        arms = self._bracketed(self._partner[merge.span.end - 1], map(self._arm, merge.arms))
        if not merge.arguments:
            return [arms]
        close = self._partner[self._text.index("(", merge.name_span.end)]
        return [*self._arguments(merge.arguments, close + 1), arms]

    def _arm(self, arm: ast.Arm) -> _Part:
        held = _loose([self._statement(statement) for statement in arm.statements])
        return _part(arm, [held])._replace(last=held.parts[-1].start)

    def _branches(self, step: ast.If) -> list[_List]:
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

    def _in_expr(self, expr: ast.Expr) -> list[_List]:
        match expr:
            case ast.Sequence():
                parts = (_part(entry, self._in_expr(entry)) for entry in expr.items)
                return [self._bracketed(expr.span.start, parts)] if expr.items else []
            case ast.Unary():
                return self._in_expr(expr.operand)
            case ast.Binary():
                return [*self._in_expr(expr.left), *self._in_expr(expr.right)]
            case ast.Conditional():
                return [found for part in (expr.value, expr.test, expr.other) for found in self._in_expr(part)]
            case ast.Attribute():
                return self._in_expr(expr.value)
            case ast.Index():
                return [*self._in_expr(expr.value), *self._in_expr(expr.place)]
            case ast.Apply():
                return [*self._in_expr(expr.function), *self._arguments(expr.arguments, expr.span.end)]
        return []

    def _arguments(self, arguments: tuple[ast.Argument, ...], end: int) -> list[_List]:
        """The list whose closing bracket is the character before ``end``."""
        if not arguments:
            return []
        parts = (_part(argument, self._in_expr(argument.value)) for argument in arguments)
        return [self._bracketed(self._partner[end - 1], parts)]

    def _shape(self, shape: ast.Shape) -> _List:
        return self._bracketed(shape.span.start, (_part(dim, self._in_expr(dim)) for dim in shape.dims))

    def _bracketed(self, begin: int, parts: Iterable[_Part]) -> _List:
        listed = tuple(parts)
        return _List(listed[0].start if listed else begin + 1, begin, self._partner[begin], listed)


def body_key(body: ast.Body) -> int:
    """What the statements of a body are known by as a list."""
    return start(body.statements[0]) if body.statements else body.span.start + 1


def clauses(contract: ast.Contract) -> list[int]:
    """Where the inputs, the outputs and the conditions begin, as far as they are there."""
    text = contract.span.source.text
    begins = [contract.span.start]
    end = _ports_end(text, contract.inputs)
    if contract.outputs:
        begins.append(skip(text, skip(text, end) + len("->")))
        end = _ports_end(text, contract.outputs)
    if contract.where:
        begins.append(skip(text, end))
    return begins


def _ports_end(text: str, ports: tuple[ast.Port, ...]) -> int:
    end = ports[-1].span.end
    if not ports[0].name:
        return end
    close = skip(text, end)
    if text[close] == ",":
        close = skip(text, close + 1)
    return close + 1


def else_if(step: ast.If) -> ast.If | None:
    """The condition that ``else`` goes on with, where braces around it would say no more and hold no comment."""
    if not step.otherwise or len(step.otherwise.statements) != 1:
        return None
    only, around = step.otherwise.statements[0], step.otherwise.span
    if not isinstance(only, ast.If) or only.label:
        return None
    written = only.span.source.text
    outside = written[around.start : only.span.start] + written[only.span.end : around.end]
    return None if "#" in outside else only


def _part(node: ast.Expr | ast.Argument | ast.Param | ast.Port | ast.Arm, lists: Iterable[_List]) -> _Part:
    return _Part(node.span.start, node.span.end, tuple(lists))


def _loose(parts: list[_Part]) -> _List:
    return _List(parts[0].start, None, parts[-1].end, tuple(parts))
