"""From Lark's tree to the syntax tree of `specc.syntax.ast`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from lark import Token, Transformer_NonRecursive, Tree, v_args
from lark.tree import Meta

from specc.diagnostics import Code, Diagnostic, Label
from specc.source import Source, Span
from specc.syntax import ast, literals
from specc.syntax.brackets import DEEPEST, skip_blank

Nodes = list[Any]
"""The children of a rule: nodes already built, tokens, and None for an optional part left out."""

_NESTING = frozenset("binary unary conditional attribute index apply sequence group merge repeat for_ if_".split())


def build(tree: Tree[Token], source: Source) -> tuple[ast.File, list[Diagnostic]]:
    """The file, and what is wrong with it although the grammar accepts it."""
    too_deep = _too_deep(tree, source)
    if too_deep:
        return ast.File(source, ()), [too_deep]
    builder = _Builder(source)
    file = builder.transform(tree)
    return file, builder.findings


def _too_deep(tree: Tree[Token], source: Source) -> Diagnostic | None:
    """Whoever walks the tree later may recurse: its depth is bounded here, once, without recursion."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        depth += node.data in _NESTING
        if depth > DEEPEST:
            message = f"this nests deeper than {DEEPEST}"
            start = node.meta.start_pos
            place = Label(source.span(start, start + 1), f"level {depth} begins here")
            return Diagnostic(Code.LIMIT, message, place, helps=("name a part of it with `let`, or make it a block",))
        waiting += [(child, depth) for child in node.children if isinstance(child, Tree)]
    return None


@v_args(meta=True)
class _Builder(Transformer_NonRecursive[Token, ast.File]):
    """One method per rule of the grammar, called from the leaves up."""

    def __init__(self, source: Source) -> None:
        super().__init__(visit_tokens=False)
        self.findings: list[Diagnostic] = []
        self._source = source

    # ---- items ----------------------------------------------------------------------------------

    def start(self, meta: Meta, items: Nodes) -> ast.File:
        return ast.File(self._source, tuple(item for item in items if item))

    def import_(self, meta: Meta, nodes: Nodes) -> ast.Import:
        path, *names = nodes
        labels = self._labels(names, "imported name")
        return ast.Import(self._span(meta), self._text(path), self._token_span(path), labels)

    def let(self, meta: Meta, nodes: Nodes) -> ast.Let:
        name, value = nodes
        return ast.Let(self._span(meta), str(name), self._token_span(name), value)

    def default(self, meta: Meta, nodes: Nodes) -> ast.Default:
        name, arguments = nodes
        return ast.Default(self._span(meta), str(name), self._token_span(name), arguments or ())

    def block(self, meta: Meta, nodes: Nodes) -> ast.Block:
        name, params, contract, body = nodes
        return ast.Block(self._span(meta), str(name), self._token_span(name), params or (), contract, body)

    def model(self, meta: Meta, nodes: Nodes) -> ast.Model:
        name, params, contract, body = nodes
        return ast.Model(self._span(meta), str(name), self._token_span(name), params or (), contract, body)

    # ---- interfaces -----------------------------------------------------------------------------

    def params(self, meta: Meta, nodes: Nodes) -> tuple[ast.Param, ...]:
        params = _present(nodes)
        self._refuse_twice("parameter", [(param.name, self._start(param.span, param.name)) for param in params])
        return params

    def param(self, meta: Meta, nodes: Nodes) -> ast.Param:
        name, default = nodes
        return ast.Param(self._span(meta), str(name), default)

    def contract(self, meta: Meta, nodes: Nodes) -> ast.Contract:
        inputs, outputs, where = nodes
        return ast.Contract(self._span(meta), inputs, outputs, where or ())

    def bare_port(self, meta: Meta, nodes: Nodes) -> tuple[ast.Port, ...]:
        return (ast.Port(self._span(meta), None, nodes[0]),)

    def named_ports(self, meta: Meta, nodes: Nodes) -> tuple[ast.Port, ...]:
        self._refuse_twice("port", [(port.name, self._start(port.span, port.name)) for port in nodes])
        return tuple(nodes)

    def port(self, meta: Meta, nodes: Nodes) -> ast.Port:
        name, shape = nodes
        return ast.Port(self._span(meta), str(name), shape)

    def shape(self, meta: Meta, nodes: Nodes) -> ast.Shape:
        return ast.Shape(self._span(meta), _present(nodes))

    def where(self, meta: Meta, nodes: Nodes) -> tuple[ast.Expr, ...]:
        return tuple(nodes)

    # ---- steps ----------------------------------------------------------------------------------

    def body(self, meta: Meta, nodes: Nodes) -> ast.Body:
        return ast.Body(self._span(meta), _present(nodes))

    def labelled(self, meta: Meta, nodes: Nodes) -> ast.Step:
        name, step = nodes
        return cast(ast.Step, step._replace(label=self._label(name)))

    def call(self, meta: Meta, nodes: Nodes) -> ast.Call:
        name, arguments = nodes
        span, name_span = self._span(meta), self._token_span(name)
        return ast.Call(span, str(name), name_span, arguments or (), bare=span == name_span)

    def merge(self, meta: Meta, nodes: Nodes) -> ast.Merge:
        name, arguments, *arms = nodes
        return ast.Merge(self._span(meta), str(name), self._token_span(name), arguments or (), tuple(arms))

    def arm(self, meta: Meta, nodes: Nodes) -> ast.Arm:
        # The bar's token takes in the lines before it.
        start = skip_blank(self._source.text, meta.start_pos)
        return ast.Arm(self._source.span(start, meta.end_pos), tuple(nodes))

    def group(self, meta: Meta, nodes: Nodes) -> ast.Group:
        return ast.Group(self._span(meta), nodes[0])

    def checkpoint(self, meta: Meta, nodes: Nodes) -> ast.Checkpoint:
        return ast.Checkpoint(self._span(meta), nodes[0])

    def enclosing(self, meta: Meta, nodes: Nodes) -> ast.Enclosing:
        return ast.Enclosing(self._span(meta))

    def repeat(self, meta: Meta, nodes: Nodes) -> ast.Repeat:
        return ast.Repeat(self._span(meta), *nodes)

    def for_(self, meta: Meta, nodes: Nodes) -> ast.For:
        *names, _, table, body = nodes
        return ast.For(self._span(meta), self._labels(names, "loop variable"), table, body)

    def if_(self, meta: Meta, nodes: Nodes) -> ast.If:
        test, body, otherwise = nodes
        if isinstance(otherwise, ast.If):
            otherwise = ast.Body(otherwise.span, (otherwise,))
        return ast.If(self._span(meta), test, body, otherwise)

    def assert_(self, meta: Meta, nodes: Nodes) -> ast.Assert:
        test, message = nodes
        return ast.Assert(self._span(meta), test, self._text(message) if message else None)

    def shared(self, meta: Meta, nodes: Nodes) -> ast.Shared:
        name, *steps = nodes
        return ast.Shared(self._span(meta), str(name), self._token_span(name), tuple(steps))

    def args(self, meta: Meta, nodes: Nodes) -> tuple[ast.Argument, ...]:
        named = [argument for argument in nodes if argument.name]
        self._refuse_twice(
            "argument", [(argument.name, self._start(argument.span, argument.name)) for argument in named]
        )
        for argument in nodes[nodes.index(named[0]) :] if named else ():
            if not argument.name:
                self._refuse_late(argument, named[0])
        return tuple(nodes)

    def arg(self, meta: Meta, nodes: Nodes) -> ast.Argument:
        name, value = nodes
        return ast.Argument(self._span(meta), str(name) if name else None, value)

    # ---- expressions ----------------------------------------------------------------------------

    def conditional(self, meta: Meta, nodes: Nodes) -> ast.Conditional:
        return ast.Conditional(self._span(meta), *nodes)

    def binary(self, meta: Meta, nodes: Nodes) -> ast.Binary:
        left, operator, right = nodes
        return ast.Binary(self._span(meta), str(operator), left, right)

    def unary(self, meta: Meta, nodes: Nodes) -> ast.Unary:
        operator, operand = nodes
        return ast.Unary(self._span(meta), str(operator), operand)

    def attribute(self, meta: Meta, nodes: Nodes) -> ast.Attribute:
        value, name = nodes
        return ast.Attribute(self._span(meta), value, str(name))

    def index(self, meta: Meta, nodes: Nodes) -> ast.Index:
        return ast.Index(self._span(meta), *nodes)

    def apply(self, meta: Meta, nodes: Nodes) -> ast.Apply:
        function, arguments = nodes
        return ast.Apply(self._span(meta), function, arguments or ())

    def sequence(self, meta: Meta, nodes: Nodes) -> ast.Sequence:
        return ast.Sequence(self._span(meta), _present(nodes))

    def name(self, meta: Meta, nodes: Nodes) -> ast.Name:
        return ast.Name(self._span(meta), str(nodes[0]))

    def string(self, meta: Meta, nodes: Nodes) -> ast.Text:
        return ast.Text(self._span(meta), self._text(nodes[0]))

    def number(self, meta: Meta, nodes: Nodes) -> ast.Number:
        span = self._span(meta)
        try:
            return ast.Number(span, literals.number(nodes[0]))
        except literals.OutOfRange as error:
            shown = span.text if len(span.text) <= 40 else f"{span.text[:20]}... ({len(span.text)} characters)"
            self._find(Code.LIMIT, f"the number {shown} is out of range", Label(span, str(error)))
            return ast.Number(span, 0)

    # ---- parts ----------------------------------------------------------------------------------

    def _span(self, meta: Meta) -> Span:
        return self._source.span(meta.start_pos, meta.end_pos)

    def _token_span(self, token: Token) -> Span:
        start = cast(int, token.start_pos)
        return self._source.span(start, start + len(token))

    def _start(self, span: Span, name: str) -> Span:
        return self._source.span(span.start, span.start + len(name))

    def _label(self, name: Token) -> ast.Label:
        return ast.Label(self._token_span(name), str(name))

    def _labels(self, names: Iterable[Token], what: str) -> tuple[ast.Label, ...]:
        labels = tuple(map(self._label, names))
        self._refuse_twice(what, [(label.name, label.span) for label in labels])
        return labels

    def _text(self, token: Token) -> str:
        value, unknown = literals.string(token)
        for at in unknown:
            start = self._token_span(token).start + at
            span = self._source.span(start, start + 2)
            known = 'the escapes are \\" \\\\ \\n \\t; write \\\\ for a backslash'
            self._find(Code.SYNTAX, f"`{span.text}` is no escape of a string", Label(span), help_=known)
        return value

    # ---- mistakes that the grammar lets pass ------------------------------------------------------

    def _refuse_twice(self, what: str, names: Sequence[tuple[str, Span]]) -> None:
        first: dict[str, Span] = {}
        for name, span in names:
            if name in first:
                self._find(
                    Code.SYNTAX, f"{what} `{name}` is given twice", Label(span), Label(first[name], "first here")
                )
            first.setdefault(name, span)

    def _refuse_late(self, argument: ast.Argument, named: ast.Argument) -> None:
        message = "an argument without a name cannot follow one with a name"
        place = Label(argument.span, "which argument this is cannot be told")
        self._find(Code.SYNTAX, message, place, Label(named.span, "this one is named"))

    def _find(self, code: Code, message: str, primary: Label, *secondary: Label, help_: str = "") -> None:
        helps = (help_,) if help_ else ()
        self.findings.append(Diagnostic(code, message, primary, secondary, helps=helps))


def _present(nodes: Nodes) -> tuple[Any, ...]:
    """Without the None that stands for an empty pair of brackets."""
    return tuple(node for node in nodes if node is not None)
