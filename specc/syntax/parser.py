"""From the text of the language to its tree: every independent mistake in one run, and one method for each rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

from specc.diagnostics import Code, Diagnostic, Label, SpecError
from specc.source import Source, Span
from specc.syntax import ast
from specc.syntax.lalr import parser
from specc.syntax.reader import refuse_hidden_characters
from specc.syntax.tokens import DEEPEST, NEWLINE, NotInGrammar, OutOfRange, Token, number_value, string_value
from specc.syntax.trivia import pin

_VERSION = "1"
_MOST_REREAD = 2**16
"""Characters that are parsed again to find further mistakes: a mistake in a huge file is answered at once."""

_NESTING = frozenset((
    ast.Binary, ast.Unary, ast.Conditional, ast.Attribute, ast.Index, ast.Sublist, ast.Apply, ast.Sequence,
    ast.Comprehension, ast.Group, ast.Merge, ast.Repeat, ast.For, ast.If,
))  # fmt: skip

_FORMULA = re.compile(r"\{(?P<formula>[^{}]*)\}|[{}]|[^{}]+")
_LET = "let v = "
"""What stands before a formula where it is parsed alone."""


def attempt(source: Source) -> ast.File | None:
    """The tree of a spec; None for one with any mistake, which `parse` would explain: that takes ten times as long."""
    try:
        refuse_hidden_characters(source)
        builder = TreeBuilder(source)
        file: ast.File = parser().parse(source.text + "\n", builder)
    except (NotInGrammar, SpecError):
        return None
    first_line = pin(source)
    return None if builder.findings or (first_line and first_line.is_alone) else file


def parse(source: Source, *, is_expression: bool = False) -> ast.File:
    """The tree of a spec. A file without items gives a File without items.

    Args:
        is_expression: the text was put around an expression of YAML: a message calls it so where it ends too early.

    Raises:
        SpecError: hidden characters, an unknown language version, brackets that do not pair up,
            or every independent mistake of syntax that could be found.
    """
    refuse_hidden_characters(source)
    first_line = pin(source)
    if first_line and first_line.is_alone and (version := first_line.version.text) != _VERSION:
        message = f"this file is written for version {version} of the language; this compiler reads version {_VERSION}"
        raise SpecError([Diagnostic(Code.LANGUAGE_VERSION, message, Label(first_line.version))])
    builder = TreeBuilder(source)
    try:
        file: ast.File = parser().parse(source.text + "\n", builder)
    except NotInGrammar:
        raise SpecError(_mistakes(source, is_expression)) from None
    if builder.findings:
        raise SpecError(builder.findings)
    return file


def _mistakes(source: Source, is_expression: bool) -> list[Diagnostic]:
    """The mistakes of a text that the grammar refuses: a faulty statement is removed and the rest parsed again."""
    # Most files are right: what explains mistakes is imported here only.
    from specc.syntax.mistakes import explain
    from specc.syntax.recovery import MOST_MISTAKES, FaultlessText, flatten

    findings: list[Diagnostic] = []
    rest = FaultlessText(flatten(source, is_expression))
    for _ in range(min(MOST_MISTAKES, 1 + _MOST_REREAD // len(rest.text))):
        builder = TreeBuilder(source)
        try:
            parser().parse(rest.text, builder)
            return findings + builder.findings
        except NotInGrammar as mistake:
            error, finding = mistake, explain(source, rest.text, mistake, is_expression)
        at = finding.primary.span.start
        if error.kind == NEWLINE:
            at = min(at, error.start)  # what is shown may stand in the statement below
        if not rest.follows(at):
            findings.append(finding)
        if not rest.drop(at):
            break
    return findings


# ---- the tree ---------------------------------------------------------------------------------------

_Node = TypeVar("_Node")
Arguments = tuple[ast.Argument, ...]
Params = tuple[ast.Param, ...]
Ports = tuple[ast.PortDeclaration, ...]


class TreeBuilder:
    """One method for each rule of the grammar, called from the leaves up.

    Each gets the offsets where the rule begins and ends, then its parts: nodes already built, tokens, and None for an
    optional part that was left out.

    Attributes:
        findings: what is wrong although the grammar accepts it.
    """

    def __init__(self, source: Source, shift: int = 0) -> None:
        """``shift``: how far behind its offsets what is built stands in the source, where it is only a part of it."""
        self.findings: list[Diagnostic] = []
        self._source = source
        self._shift = shift
        self._nesting = 0

    def _span(self, start: int, end: int) -> Span:
        return self._source.span(start + self._shift, end + self._shift)

    # ---- items ----------------------------------------------------------------------------------

    def start(self, start: int, end: int, *items: ast.Item) -> ast.File:
        """The file; without its items where these nest too deep, which is the only finding then."""
        too_deep = _too_deep(items) if self._nesting > DEEPEST else None
        if too_deep is None:
            return ast.File(self._source, items)
        self.findings = [too_deep]
        return ast.File(self._source, ())

    def import_(self, start: int, end: int, path: Token, *names: Token) -> ast.Import:
        return ast.Import(
            self._span(start, end), self._text(path), self._place(path), self._binders(names, "imported name")
        )

    def let(self, start: int, end: int, name: Token, value: ast.Expr) -> ast.Let:
        return ast.Let(self._span(start, end), name.text, self._place(name), value)

    def default(self, start: int, end: int, name: Token, arguments: Arguments | None) -> ast.Default:
        return ast.Default(self._span(start, end), name.text, self._place(name), arguments or ())

    def block(
        self, start: int, end: int, name: Token, params: Params | None, contract: ast.Contract | None, body: ast.Body
    ) -> ast.BlockDefinition:
        return ast.BlockDefinition(self._span(start, end), name.text, self._place(name), params or (), contract, body)

    def model(
        self, start: int, end: int, name: Token, params: Params | None, contract: ast.Contract | None, body: ast.Body
    ) -> ast.ModelDefinition:
        return ast.ModelDefinition(self._span(start, end), name.text, self._place(name), params or (), contract, body)

    # ---- interfaces -----------------------------------------------------------------------------

    def params(self, start: int, end: int, *params: ast.Param | None) -> Params:
        present = _present(params)
        self._refuse_twice("parameter", [(param.name, param.span) for param in present])
        return present

    def param(self, start: int, end: int, name: Token, default: ast.Expr | None) -> ast.Param:
        return ast.Param(self._span(start, end), name.text, default)

    def contract(
        self, start: int, end: int, inputs: Ports, outputs: Ports | None, where: tuple[ast.Expr, ...] | None
    ) -> ast.Contract:
        return ast.Contract(self._span(start, end), inputs, outputs, where or ())

    def results(self, start: int, end: int, outputs: Ports, where: tuple[ast.Expr, ...] | None) -> ast.Contract:
        return ast.Contract(self._span(start, end), (), outputs, where or ())

    def bare_port(self, start: int, end: int, dtype: Token | None, shape: ast.Shape) -> Ports:
        return (ast.PortDeclaration(self._span(start, end), None, shape, self._dtype(dtype)),)

    def named_ports(self, start: int, end: int, *ports: ast.PortDeclaration) -> Ports:
        self._refuse_twice("port", [(port.name or "", port.span) for port in ports])
        return ports

    def port(
        self, start: int, end: int, name: Token, dtype: Token | None, shape: ast.Shape | None
    ) -> ast.PortDeclaration:
        return ast.PortDeclaration(self._span(start, end), name.text, shape, self._dtype(dtype))

    def _dtype(self, name: Token | None) -> ast.TypeName | None:
        return ast.TypeName(self._place(name), name.text) if name else None

    def shape(self, start: int, end: int, *dims: ast.Expr | None) -> ast.Shape:
        return ast.Shape(self._span(start, end), _present(dims))

    def where(self, start: int, end: int, *tests: ast.Expr) -> tuple[ast.Expr, ...]:
        return tests

    # ---- steps ----------------------------------------------------------------------------------

    def body(self, start: int, end: int, *statements: ast.Statement) -> ast.Body:
        return ast.Body(self._span(start, end), statements)

    def labelled(self, start: int, end: int, name: Token, step: ast.Step) -> ast.Step:
        if not name.text.startswith('"'):
            return step._replace(label=ast.Binder(self._place(name), name.text))
        parts = self._formulas(name) if "{" in name.text or "}" in name.text else ()
        return step._replace(label=ast.Binder(self._place(name), self._text(name), parts))

    def _formulas(self, label: Token) -> tuple[str | ast.Expr, ...]:
        """The texts and formulas of a label, in order: ``denselayer{i + 1}``."""
        parts: list[str | ast.Expr] = []
        for match in _FORMULA.finditer(label.text, 1, len(label.text) - 1):
            formula = match["formula"]
            if formula is not None:
                parts += self._formula(formula, label.start + match.start("formula"))
            elif match[0] in "{}":
                at = label.start + match.start()
                message = "braces hold a formula in a label, and this one has no partner"
                self._find(Code.SYNTAX, message, Label(self._span(at, at + 1)))
            else:
                parts.append(match[0])
        return tuple(parts)

    def _formula(self, text: str, at: int) -> list[ast.Expr]:
        """The expression that begins at that offset; none where it is no expression, which is noted."""
        inner = TreeBuilder(self._source, self._shift + at - len(_LET))
        lets: tuple[ast.Let, ...] = ()
        if not set(text) & set('"\\#'):
            with suppress(NotInGrammar):
                lets = parser().parse(f"{_LET}{text}\n", inner).items
        if len(lets) != 1:
            message = f"`{text}` is no formula" if text.strip() else "here a formula is missing"
            help_ = 'between braces stands an expression of numbers and names: `"layer{i + 1}"`'
            self._find(Code.SYNTAX, message, Label(self._span(at, at + len(text))), help_=help_)
            return []
        self.findings += inner.findings
        self._nesting += inner._nesting
        return [lets[0].value]

    def call(self, start: int, end: int, name: Token, arguments: Arguments | None) -> ast.Call:
        bare = end == start + len(name.text)
        return ast.Call(self._span(start, end), name.text, self._place(name), arguments or (), bare)

    def merge(self, start: int, end: int, name: Token, arguments: Arguments | None, *arms: ast.Arm) -> ast.Merge:
        return ast.Merge(self._nested(start, end), name.text, self._place(name), arguments or (), arms)

    def arm(self, start: int, end: int, *statements: ast.Statement) -> ast.Arm:
        return ast.Arm(self._span(start, end), statements)

    def group(self, start: int, end: int, body: ast.Body) -> ast.Group:
        return ast.Group(self._nested(start, end), body)

    def frozen(self, start: int, end: int, word: Token, arguments: Arguments | None, body: ast.Body) -> ast.Group:
        test: ast.Expr = ast.Name(self._place(word), "true")
        if arguments:
            test = arguments[0].value
            if len(arguments) > 1 or arguments[0].name is not None:
                place = arguments[0].span.to(arguments[-1].span)
                help_ = "`frozen { … }` freezes all that is in it, `frozen(c > 16) { … }` where that is true"
                self._find(Code.SYNTAX, "frozen takes true or false, and nothing else", Label(place), help_=help_)
        return ast.Group(self._nested(start, end), body, frozen=test)

    def checkpoint(self, start: int, end: int, shape: ast.Shape) -> ast.Checkpoint:
        return ast.Checkpoint(self._span(start, end), shape)

    def enclosing(self, start: int, end: int, in_: Token) -> ast.Enclosing:
        return ast.Enclosing(self._span(start, end))

    def reference(self, start: int, end: int, value: ast.Attribute | ast.Index) -> ast.Reference:
        return ast.Reference(self._span(start, end), value)

    def repeat(self, start: int, end: int, rounds: ast.Expr, body: ast.Body) -> ast.Repeat:
        return ast.Repeat(self._nested(start, end), rounds, body)

    def for_(self, start: int, end: int, *parts: Any) -> ast.For:
        *names, _, table, body = parts
        return ast.For(self._nested(start, end), self._binders(names, "loop variable"), table, body)

    def each(self, start: int, end: int, word: Token, *parts: Any) -> ast.For:
        if word.text != "each":
            message = f"expected `each` or `in`, found `{word.text}`"
            help_ = "`| for each c in list { … }` is an arm for each entry, `| for c in list { … }` one arm"
            self._find(Code.SYNTAX, message, Label(self._place(word)), help_=help_)
        return self.for_(start, end, *parts)._replace(is_each=True)

    def if_(self, start: int, end: int, test: ast.Expr, body: ast.Body, otherwise: ast.If | ast.Body | None) -> ast.If:
        if isinstance(otherwise, ast.If):
            otherwise = ast.Body(otherwise.span, (otherwise,))
        return ast.If(self._nested(start, end), test, body, otherwise)

    def assert_(self, start: int, end: int, test: ast.Expr, message: Token | None) -> ast.Assert:
        return ast.Assert(self._span(start, end), test, self._text(message) if message else None)

    def shared(self, start: int, end: int, name: Token, *steps: ast.Step) -> ast.Shared:
        return ast.Shared(self._span(start, end), name.text, self._place(name), steps)

    def args(self, start: int, end: int, *arguments: ast.Argument) -> Arguments:
        named = [argument for argument in arguments if argument.name]
        if named:
            self._refuse_twice("argument", [(argument.name or "", argument.span) for argument in named])
            for argument in arguments[arguments.index(named[0]) :]:
                if not argument.name:
                    message = "an argument without a name cannot follow one with a name"
                    place = Label(argument.span, "which argument this is cannot be told")
                    self._find(Code.SYNTAX, message, place, Label(named[0].span, "this one is named"))
        return arguments

    def arg(self, start: int, end: int, name: Token | None, value: ast.Expr) -> ast.Argument:
        return ast.Argument(self._span(start, end), name.text if name else None, value)

    # ---- expressions ----------------------------------------------------------------------------

    def conditional(self, start: int, end: int, value: ast.Expr, test: ast.Expr, other: ast.Expr) -> ast.Conditional:
        return ast.Conditional(self._nested(start, end), value, test, other)

    def binary(self, start: int, end: int, left: ast.Expr, operator: Token, right: ast.Expr) -> ast.Binary:
        return ast.Binary(self._nested(start, end), operator.text, left, right)

    def unary(self, start: int, end: int, operator: Token, operand: ast.Expr) -> ast.Unary:
        return ast.Unary(self._nested(start, end), operator.text, operand)

    def attribute(self, start: int, end: int, value: ast.Expr, name: Token) -> ast.Attribute:
        return ast.Attribute(self._nested(start, end), value, name.text)

    def index(self, start: int, end: int, value: ast.Expr, place: ast.Expr) -> ast.Index:
        return ast.Index(self._nested(start, end), value, place)

    def slice(self, start: int, end: int, value: ast.Expr, *places: ast.Expr | None) -> ast.Sublist:
        first, last, step = places
        return ast.Sublist(self._nested(start, end), value, first, last, step)

    def apply(self, start: int, end: int, function: ast.Expr, arguments: Arguments | None) -> ast.Apply:
        return ast.Apply(self._nested(start, end), function, arguments or ())

    def sequence(self, start: int, end: int, *items: ast.Expr | None) -> ast.Sequence:
        return ast.Sequence(self._nested(start, end), _present(items))

    def comprehension(self, start: int, end: int, item: ast.Expr, *parts: Any) -> ast.Comprehension:
        *names, _, table, test = parts
        return ast.Comprehension(self._nested(start, end), item, self._binders(names, "variable"), table, test)

    def name(self, start: int, end: int, name: Token) -> ast.Name:
        return ast.Name(self._span(start, end), name.text)

    def string(self, start: int, end: int, text: Token) -> ast.Text:
        return ast.Text(self._span(start, end), self._text(text))

    def number(self, start: int, end: int, number: Token) -> ast.Number:
        span, text = self._span(start, end), number.text
        try:
            return ast.Number(span, number_value(text))
        except OutOfRange as error:
            shown = text if len(text) <= 40 else f"{text[:20]}... ({len(text)} characters)"
            self._find(Code.LIMIT, f"the number {shown} is out of range", Label(span, str(error)))
            return ast.Number(span, 0)

    # ---- parts ----------------------------------------------------------------------------------

    def _nested(self, start: int, end: int) -> Span:
        """The span of a part that nests."""
        # The tree nests no deeper than there are such parts, so the depth of most trees need not be measured,
        # which would take a tenth of the time of parsing.
        self._nesting += 1
        return self._span(start, end)

    def _place(self, token: Token) -> Span:
        return self._span(token.start, token.end)

    def _binders(self, names: Sequence[Token], what: str) -> tuple[ast.Binder, ...]:
        binders = tuple(ast.Binder(self._place(name), name.text) for name in names)
        self._refuse_twice(what, [(binder.name, binder.span) for binder in binders])
        return binders

    def _text(self, token: Token) -> str:
        value, unknown = string_value(token.text)
        for at in unknown:
            span = self._span(token.start + at, token.start + at + 2)
            known = 'the escapes are \\" \\\\ \\n \\t; write \\\\ for a backslash'
            shown = token.text[at : at + 2]
            self._find(Code.SYNTAX, f"`{shown}` is no escape of a string", Label(span), help_=known)
        return value

    # ---- mistakes that the grammar lets pass ------------------------------------------------------

    def _refuse_twice(self, what: str, names: Sequence[tuple[str, Span]]) -> None:
        """``names`` with the span of what each begins."""
        first: dict[str, Span] = {}
        for name, span in names:
            if first.setdefault(name, span) is not span:
                again, before = (Span(self._source, at.start, at.start + len(name)) for at in (span, first[name]))
                self._find(Code.SYNTAX, f"{what} `{name}` is given twice", Label(again), Label(before, "first here"))

    def _find(self, code: Code, message: str, primary: Label, *secondary: Label, help_: str = "") -> None:
        helps = (help_,) if help_ else ()
        self.findings.append(Diagnostic(code, message, primary, secondary, helps=helps))


def _present(nodes: Sequence[_Node | None]) -> tuple[_Node, ...]:
    """Without the None that stands for an empty pair of brackets."""
    return tuple(node for node in nodes if node is not None)


def _too_deep(items: tuple[ast.Item, ...]) -> Diagnostic | None:
    """Whoever walks the tree later may recurse: its depth is bounded here, once, without recursion."""
    stack: list[tuple[Any, int]] = [(items, 0)]
    while stack:
        part, depth = stack.pop()
        if type(part) in _NESTING:
            depth += 1
            if depth > DEEPEST:
                begin = Span(part.span.source, part.span.start, part.span.start + 1)
                message, help_ = f"this nests deeper than {DEEPEST}", "name a part of it with `let`, or make it a block"
                return Diagnostic(Code.LIMIT, message, Label(begin, f"level {depth} begins here"), helps=(help_,))
        stack += [(inner, depth) for inner in part if isinstance(inner, tuple)]
    return None
