"""From the syntax tree to YAML: the form that `specc.syntax.yaml.loader` reads as the same tree.

Lists and mappings are in brackets where they fit on a line, on lines of their own where not. Readers of YAML 1.1 and
1.2 read the output alike: a text that one of them could take for something else is in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import ast
from specc.syntax.format.inline import dtype, shape, string, text
from specc.syntax.parser import parse
from specc.syntax.tokens import is_plain_number
from specc.syntax.trivia import after_blank, lines, pin
from specc.syntax.yaml.nodes import literal
from specc.syntax.yaml.operands import RESERVED

WIDTH = 100
_PLAIN = re.compile(r"(?:[A-Za-z_=(/0-9]|\.{1,2}/|-(?=[A-Za-z0-9_(]))(?:[A-Za-z0-9_.+*/%<>=!()-]| (?=[^ #]))*")
# Each of these some reader of YAML 1.1 or 1.2 takes for a truth value, a number, a date or a time.
_LIKE_A_NUMBER = re.compile(r"(?=.*[0-9])[-+.0-9][-+.:_0-9A-Fa-foxOX]*")
_LIKE_A_WORD = frozenset("= true false null yes no on off".split())
# Numbers that YAML and the language write alike.
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def to_yaml(source: Source) -> str:
    """A spec of the language in YAML. Its comments are lost, but for the one that pins the version.

    Raises:
        SpecError: as `specc.syntax.parser.parse` does.
    """
    file = parse(source)
    items: list[Out] = [_item(item) for item in file.items]
    # An empty line stands around blocks and models, too.
    definitions = [isinstance(item, ast.BlockDefinition | ast.ModelDefinition) for item in file.items]
    spaced = [after_blank(item) or any(definitions[max(0, n - 1) : n + 1]) for n, item in enumerate(file.items)]
    text = rendered(Entries(items, tall=bool(items), blank=frozenset(n for n in range(1, len(items)) if spaced[n])))
    version = pin(source)
    if not version:
        return text
    empty = "\n" if file.items and after_blank(file.items[0]) else ""
    return f"{version.line}\n{empty}{text}"


def line_in_yaml(text: str) -> str:
    """A line of the language as an entry of a body; empty where the text is no line, or too long to be shown."""
    chains = lines(_statements(text))
    if len(chains) != 1:
        return ""
    entry = _chain(chains[0])
    shown = entry.inner if isinstance(entry, Keys) and entry.bare else entry.flow
    return shown if shown and len(shown) <= WIDTH else ""


def arguments_in_yaml(text: str) -> str:
    """What stands between the parentheses of a call, as it stands behind a layer; empty for what is nothing such."""
    match _statements(f"layer({text})"):
        case (ast.Call(arguments=arguments),) if arguments:
            shown = _arguments(arguments).flow
            return shown if shown and len(shown) <= WIDTH else ""
    return ""


def _statements(text: str) -> tuple[ast.Statement, ...]:
    """The lines of a body; none where the text is not just that."""
    try:
        items = parse(Source("", f"model M {{\n{text}\n}}\n")).items
    except SpecError:
        return ()
    (first, *others) = items
    return first.body.statements if isinstance(first, ast.ModelDefinition) and not others else ()


# ---- YAML as text -----------------------------------------------------------------------------------


class Word:
    """A single value, as it stands in YAML; empty for null."""

    tall: bool = False

    def __init__(self, flow: str) -> None:
        self.flow = flow


class Entries:
    """A list.

    Attributes:
        flow: the list in brackets, on one line; None where it is longer than any line.

    Args:
        tall: its entries stand on lines of their own, whether or not they would fit on one.
        blank: the entries with an empty line before them.
    """

    def __init__(self, items: list[Out], *, tall: bool = False, blank: frozenset[int] = frozenset()) -> None:
        self.items = items
        self.blank = blank
        self.tall: bool = tall or any(item.tall for item in items)
        shown = [item.inner if isinstance(item, Keys) and item.bare else item.flow for item in items]
        self.flow: str | None = _joined("[", shown, "]")


class Keys:
    """A mapping. ``step``: in a list in brackets, one of a single pair stands without braces.

    Attributes:
        flow: the mapping on one line; None where it is longer than any line.
        inner: the same without braces.
    """

    def __init__(self, pairs: list[tuple[str, Out]], *, step: bool = False) -> None:
        self.pairs = pairs
        self.bare = step and len(pairs) == 1
        self.tall: bool = any(value.tall for _, value in pairs)
        shown = [value.flow if value.flow is None else f"{word(key)}: {value.flow}" for key, value in pairs]
        self.inner: str | None = _joined("", shown, "")
        self.flow: str | None = _joined("{", shown, "}")


Out = Word | Entries | Keys
_NULL = Word("")


def _joined(opening: str, parts: list[str | None], closing: str) -> str | None:
    """The parts on one line. One that is too long is not made: on each level it would be longer."""
    shown = [part for part in parts if part is not None]
    length = len(opening) + sum(map(len, shown)) + 2 * (len(shown) - 1) + len(closing)
    return f"{opening}{', '.join(shown)}{closing}" if len(shown) == len(parts) and length <= WIDTH else None


def word(text: str) -> str:
    """A text as a single value, in quotes where it could be taken for anything else."""
    other = text.lower() in _LIKE_A_WORD or _LIKE_A_NUMBER.fullmatch(text) or literal(text) is not None
    if _PLAIN.fullmatch(text) and not other:
        return text
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    # Invisible characters are escaped by their number.
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04X}" if c <= "\uffff" else f"\\U{ord(c):08X}" for c in string(text)
    )


class _Placed(NamedTuple):
    """A node, and where it goes.

    Attributes:
        before: the key or the dash in front of it, on the line where that begins.
        at: the column in which it begins.
        indent: that of its entries or pairs where they stand on lines of their own.
        behind_key: the first of them, too, begins on a line of its own.
    """

    before: str
    node: Out
    at: int
    indent: int
    behind_key: bool = False


def rendered(node: Out) -> str:
    """The text: an explicit stack, since a spec may nest as deep as the parser lets it."""
    text: list[str] = []
    stack = [_Placed("", node, 0, 0)]
    while stack:
        placed = stack.pop()
        text.append(placed.before)
        inline = _inline(placed)
        if inline is None:
            stack += reversed([*_opened(placed)])
        else:
            text.append(inline)
    return "\n".join(line.rstrip() for line in "".join(text).split("\n")) + "\n"


def _inline(placed: _Placed) -> str | None:
    """What goes on from where the node begins; None where its entries or pairs stand on lines of their own."""
    node = placed.node
    if isinstance(node, Word):
        return node.flow
    if isinstance(node, Entries) and not node.items:
        return "[]"
    fits = not node.tall and node.flow is not None and placed.at + len(node.flow) <= WIDTH
    # On a line of its own a pair needs no braces.
    if fits and (placed.behind_key or not (isinstance(node, Keys) and node.bare)):
        return node.flow
    if isinstance(node, Keys) or node.tall or not all(isinstance(item, Word) for item in node.items):
        return None
    # A long list of single values goes on from line to line.
    done, line = "", "["
    margin = "\n" + " " * placed.indent
    for place, item in enumerate(node.items):
        text = (item.flow or "") + ("]" if place + 1 == len(node.items) else ",")
        if line.strip(" [") and len(line) + 1 + len(text) > WIDTH - placed.indent:
            done += line.rstrip() + margin
            line = " "
        line += text + " "
    return (margin if placed.behind_key else "") + done + line.rstrip()


def _opened(placed: _Placed) -> Iterator[_Placed]:
    """The entries or pairs on lines of their own."""
    node, indent = placed.node, placed.indent
    line = "\n" + " " * indent
    before = line if placed.behind_key else ""
    if isinstance(node, Keys):
        for key, value in node.pairs:
            begin = f"{word(key)}: "
            yield _Placed(before + begin, value, indent + len(begin), indent + 2, behind_key=True)
            before = line
    elif isinstance(node, Entries):
        for place, item in enumerate(node.items):
            empty = "\n" if place in node.blank else ""
            yield _Placed(f"{empty}{before}- ", item, indent + 2, indent + 2)
            before = line


# ---- items ------------------------------------------------------------------------------------------


def _item(item: ast.Item) -> Out:
    match item:
        case ast.Import():
            names = Entries([Word(word(label.name)) for label in item.names])
            return Keys([("from", Word(word(item.path))), ("import", names)])
        case ast.Let():
            return _let(item)
        case ast.Default():
            return Keys([("default", Keys([(item.name, _arguments(item.arguments))]))], step=True)
    pairs: list[tuple[str, Out]] = [
        ("model" if isinstance(item, ast.ModelDefinition) else "block", Word(word(item.name)))
    ]
    if item.params:
        params: list[Out] = [
            Keys([(param.name, _value(param.default))]) if param.default else Word(word(param.name))
            for param in item.params
        ]
        pairs.append(("params", Entries(params)))
    if item.contract:
        if item.contract.inputs:
            pairs.append(("input", _ports(item.contract.inputs)))
        if item.contract.outputs is not None:
            pairs.append(("output", _ports(item.contract.outputs)))
        if item.contract.where:
            pairs.append(("where", Entries([_condition(clause) for clause in item.contract.where])))
    return Keys([*pairs, ("body", _lines(item.body.statements, tall=True))])


def _ports(ports: tuple[ast.PortDeclaration, ...]) -> Out:
    named = [(port.name, _typed_shape(port)) for port in ports if port.name is not None]
    return Keys(named) if named else _typed_shape(ports[0])


def _typed_shape(port: ast.PortDeclaration) -> Out:
    if port.shape is None:
        return _NULL
    return Word(word(dtype(port) + shape(port.shape))) if port.dtype else _shape(port.shape)


def _shape(shape: ast.Shape) -> Out:
    return Entries([_expression(dim, tight=True) for dim in shape.dims])


# ---- statements and steps ---------------------------------------------------------------------------
# Whatever nests is translated through `map`: in Python 3.11 a comprehension takes a frame of its own on each level, and
# with the hundred levels that a spec may have, a third of all frames that Python gives.


def _body(statements: tuple[ast.Statement, ...]) -> Out:
    """A single name stands as it is; everything else is a list of lines."""
    return (len(statements) == 1 and _bare_name(statements[0])) or _lines(statements)


def _lines(statements: tuple[ast.Statement, ...], *, tall: bool = False) -> Entries:
    chains = lines(statements)
    spaced = frozenset(n for n, chain in enumerate(chains) if n and after_blank(chain[0]))
    entries = list(map(_chain, chains))
    return Entries(entries, tall=bool(entries) and (tall or len(entries) > 1), blank=spaced)


def _chain(steps: tuple[ast.Statement, ...]) -> Out:
    return _statement(steps[0]) if len(steps) == 1 else Entries(list(map(_statement, steps)))


def _statement(statement: ast.Statement) -> Out:
    match statement:
        case ast.Let():
            return _let(statement)
        case ast.Assert(test=test, message=message):
            words: list[tuple[str, Out]] = [] if message is None else [("message", Word(word(message)))]
            return Keys([("assert", _expression(test)), *words], step=True)
        case ast.Shared(name=name, steps=steps):
            return Keys([("shared", Word(word(name))), ("steps", _chain(steps))])
    if bare := _bare_name(statement):
        return bare
    pairs: list[tuple[str, Out]] = []
    if label := statement.label:
        is_number = label.name[:1].isdigit() and (label.span.text == label.name or is_plain_number(label.name))
        pairs.append(("label", Word(label.name if is_number else word(label.name))))
    return Keys([*pairs, *_pairs(statement)], step=True)


def _let(let: ast.Let) -> Out:
    return Keys([("let", Keys([(let.name, _value(let.value))]))], step=True)


def _bare_name(statement: ast.Statement) -> Word | None:
    """A step that is no more than a name, or a value of the inside of one.

    Asked before a step is written: to write it twice doubles each level.
    """
    match statement:
        case ast.Enclosing(label=None):
            return Word("in")
        case ast.Call(label=None, bare=True, name=name):
            return Word(word(name))
        case ast.Reference(label=None, value=value):
            return Word(word(text(value)))
    return None


def _pairs(step: ast.Step) -> list[tuple[str, Out]]:
    match step:
        case ast.Call():
            return _call(step.name, _NULL if step.bare else _arguments(step.arguments))
        case ast.Merge():
            arms = Entries(list(map(_body, [arm.statements for arm in step.arms])))
            return [*_call(step.name, _arguments(step.arguments) if step.arguments else _NULL), ("arms", arms)]
        case ast.Group(body=body, frozen=test):
            freezes: list[tuple[str, Out]] = [("frozen", _expression(test))] if test else []
            return [*freezes, ("group", _body(body.statements))]
        case ast.Checkpoint(shape=shape):
            return [("shape", _shape(shape))]
        case ast.Enclosing():
            return [("in", _NULL)]
        case ast.Reference(value=value):
            return [("call", Word(word(text(value))))]
        case ast.Repeat(rounds=rounds, body=body):
            return [("repeat", _expression(rounds)), ("body", _body(body.statements))]
        case ast.For():
            names = [Word(word(label.name)) for label in step.names]
            loop = names[0] if len(names) == 1 else Entries([*names])
            return [
                ("for_each" if step.is_each else "for", loop),
                ("in", _value(step.table)),
                ("body", _body(step.body.statements)),
            ]
        case ast.If(test=test, body=body, otherwise=otherwise):
            pairs = [("if", _expression(test)), ("then", _body(body.statements))]
            match otherwise and otherwise.statements:
                case None:
                    return pairs
                case (ast.If(label=None) as further,):
                    return [*pairs, ("else", _statement(further))]
                case statements:
                    return [*pairs, ("else", _body(statements))]


def _call(name: str, arguments: Out) -> list[tuple[str, Out]]:
    if name not in RESERVED:
        return [(name, arguments)]
    args = [] if arguments is _NULL else [("args", arguments)]
    return [("call", Word(word(name))), *args]


def _arguments(arguments: Iterable[ast.Argument]) -> Out:
    by_place = [_value(argument.value) for argument in arguments if argument.name is None]
    by_name = [(argument.name, _value(argument.value)) for argument in arguments if argument.name is not None]
    if not by_place and by_name:
        return Keys(by_name)
    if len(by_place) == 1 and not by_name and isinstance(by_place[0], Word) and by_place[0].flow != "null":
        return by_place[0]
    return Entries([*by_place, *([Keys(by_name)] if by_name else [])])


# ---- values -----------------------------------------------------------------------------------------


def _value(expr: ast.Expr) -> Out:
    """As an argument: an expression begins with ``=``."""
    match expr:
        case ast.Sequence(items=items):
            return Entries([_value(item) for item in items])
        case ast.Text(value=value) if not value.startswith("="):
            return Word(word(value))
        case ast.Name(name="none"):
            return Word("null")
    return _literal(expr) or Word(word(f"={text(expr)}"))


def _expression(expr: ast.Expr, *, tight: bool = False) -> Out:
    """Where a text is an expression anyway."""
    if isinstance(expr, ast.Sequence):
        return Entries([_expression(item, tight=tight) for item in expr.items])
    return _literal(expr) or Word(word(text(expr, tight=tight)))


def _condition(expr: ast.Expr) -> Out:
    """One of a list: a text, though it be that of a list, which no condition is."""
    return _literal(expr) or Word(word(text(expr)))


def _literal(expr: ast.Expr) -> Word | None:
    """A number or truth value that YAML writes as the language does."""
    match expr:
        case ast.Number() if _NUMBER.fullmatch(expr.span.text):
            return Word(expr.span.text)
        case ast.Unary(operator="-", operand=ast.Number() as number) if _NUMBER.fullmatch(number.span.text):
            return Word(f"-{number.span.text}")
        case ast.Name(name="true" | "false" as name):
            return Word(name)
    return None
