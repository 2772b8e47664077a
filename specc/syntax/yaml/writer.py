"""From the syntax tree to YAML: the form that `specc.syntax.yaml.reader` reads as the same tree."""

from __future__ import annotations

import re
from collections.abc import Iterable

from specc.diagnostics import SpecError
from specc.source import Source
from specc.syntax import ast
from specc.syntax.labels import WHOLE
from specc.syntax.lines import after_blank, lines
from specc.syntax.parser import parse
from specc.syntax.printer.expressions import text
from specc.syntax.yaml.layout import WIDTH, Entries, Keys, Out, Word, rendered, word
from specc.syntax.yaml.reader import PIN
from specc.syntax.yaml.words import RESERVED

# Numbers that YAML and the language write alike.
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NULL = Word("")


def to_yaml(source: Source) -> str:
    """A spec of the language in YAML. Its comments are lost, but for the one that pins the version.

    Raises:
        SpecError: as `specc.syntax.parser.parse` does.
    """
    file = parse(source)
    items: list[Out] = [_item(item) for item in file.items]
    apart = {n for n, item in enumerate(file.items) if after_blank(item) or isinstance(item, ast.Block | ast.Model)}
    # The blank line belongs to both: to what follows a block or model, too.
    apart |= {n + 1 for n in apart if isinstance(file.items[n], ast.Block | ast.Model)}
    text = rendered(Entries(items, tall=bool(items), blank=frozenset(apart - {0})))
    pin = PIN.match(source.text)
    if not pin:
        return text
    empty = "\n" if file.items and after_blank(file.items[0]) else ""
    return f"{pin[0].rstrip()}\n{empty}{text}"


def line_in_yaml(text: str) -> str:
    """A line of the language as an entry of a body; empty where the text is no line, or too long to be shown."""
    statements = _statements(text)
    chains = lines(statements)
    entry = _chain(chains[0]) if len(chains) == 1 else _NULL
    return _shown(entry.inner if isinstance(entry, Keys) and entry.bare else entry.flow)


def arguments_in_yaml(text: str) -> str:
    """What stands between the parentheses of a call, as it stands behind a layer; empty for what is nothing such."""
    match _statements(f"layer({text})"):
        case (ast.Call(arguments=arguments),) if arguments:
            return _shown(_arguments(arguments).flow)
    return ""


def _statements(text: str) -> tuple[ast.Statement, ...]:
    """The lines of a body; none where the text is not just that."""
    try:
        items = parse(Source("", f"model M {{\n{text}\n}}\n")).items
    except SpecError:
        return ()
    (first, *others) = items
    return first.body.statements if isinstance(first, ast.Model) and not others else ()


def _shown(text: str | None) -> str:
    return text if text and len(text) <= WIDTH else ""


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
    return _network(item, "model" if isinstance(item, ast.Model) else "block")


def _network(item: ast.Block | ast.Model, kind: str) -> Out:
    pairs: list[tuple[str, Out]] = [(kind, Word(word(item.name)))]
    if item.params:
        pairs.append(("params", Entries([_param(param) for param in item.params])))
    if item.contract:
        pairs.append(("input", _ports(item.contract.inputs)))
        if item.contract.outputs is not None:
            pairs.append(("output", _ports(item.contract.outputs)))
        if item.contract.where:
            pairs.append(("where", Entries([_expression(clause) for clause in item.contract.where])))
    pairs.append(("body", _lines(item.body.statements, tall=True)))
    return Keys(pairs)


def _param(param: ast.Param) -> Out:
    return Keys([(param.name, _value(param.default))]) if param.default else Word(word(param.name))


def _ports(ports: tuple[ast.Port, ...]) -> Out:
    named: list[tuple[str, Out]] = [(port.name, _shape(port.shape)) for port in ports if port.name is not None]
    return Keys(named) if named else _shape(ports[0].shape)


def _shape(shape: ast.Shape) -> Entries:
    return Entries([_expression(dim, tight=True) for dim in shape.dims])


# ---- statements and steps ---------------------------------------------------------------------------
# Whatever nests is written through `map`: a comprehension takes a frame of its own on each level, and with the hundred
# levels that a spec may have, a third of all frames that Python gives.


def _body(statements: tuple[ast.Statement, ...]) -> Out:
    """A single name stands as it is; everything else is a list of lines."""
    alone = _name_alone(statements[0]) if len(statements) == 1 else None
    return alone or _lines(statements)


def _lines(statements: tuple[ast.Statement, ...], *, tall: bool = False) -> Entries:
    chains = lines(statements)
    apart = frozenset(n for n, chain in enumerate(chains) if n and after_blank(chain[0]))
    entries = list(map(_chain, chains))
    return Entries(entries, tall=bool(entries) and (tall or len(entries) > 1), blank=apart)


def _chain(steps: tuple[ast.Statement, ...]) -> Out:
    return _statement(steps[0]) if len(steps) == 1 else Entries(list(map(_statement, steps)))


def _statement(statement: ast.Statement) -> Out:
    match statement:
        case ast.Let():
            return _let(statement)
        case ast.Assert(test=test, message=message):
            said: list[tuple[str, Out]] = [] if message is None else [("message", Word(word(message)))]
            return Keys([("assert", _expression(test)), *said], step=True)
        case ast.Shared(name=name, steps=steps):
            return Keys([("shared", Word(word(name))), ("steps", _chain(steps))])
    return _step(statement)


def _let(let: ast.Let) -> Out:
    return Keys([("let", Keys([(let.name, _value(let.value))]))], step=True)


def _step(step: ast.Step) -> Out:
    if alone := _name_alone(step):
        return alone
    label: list[tuple[str, Out]] = [("label", _label(step.label))] if step.label else []
    return Keys([*label, *_pairs(step)], step=True)


def _name_alone(statement: ast.Statement) -> Word | None:
    """A step that is no more than a name. Asked before a step is written: to write it twice doubles each level."""
    match statement:
        case ast.Enclosing(label=None):
            return Word("in")
        case ast.Call(label=None, bare=True, name=name):
            return Word(word(name))
    return None


def _label(label: ast.Label) -> Word:
    is_number = label.name[:1].isdigit() and (label.span.text == label.name or WHOLE.fullmatch(label.name))
    return Word(label.name if is_number else word(label.name))


def _pairs(step: ast.Step) -> list[tuple[str, Out]]:
    match step:
        case ast.Call():
            return _called(step.name, _NULL if step.bare else _arguments(step.arguments))
        case ast.Merge():
            arms = Entries(list(map(_body, [arm.statements for arm in step.arms])))
            given = _arguments(step.arguments) if step.arguments else _NULL
            return [*_called(step.name, given), ("arms", arms)]
        case ast.Group(body=body):
            return [("group", _body(body.statements))]
        case ast.Checkpoint(shape=shape):
            return [("shape", _shape(shape))]
        case ast.Enclosing():
            return [("in", _NULL)]
        case ast.Repeat(rounds=rounds, body=body):
            return [("repeat", _expression(rounds)), ("body", _body(body.statements))]
        case ast.For():
            names = [Word(word(label.name)) for label in step.names]
            loop = names[0] if len(names) == 1 else Entries([*names])
            return [("for", loop), ("in", _value(step.table)), ("body", _body(step.body.statements))]
        case ast.If():
            otherwise = [("else", _else(step.otherwise))] if step.otherwise else []
            return [("if", _expression(step.test)), ("then", _body(step.body.statements)), *otherwise]


def _else(body: ast.Body) -> Out:
    match body.statements:
        case (ast.If(label=None) as further,):
            return _step(further)
    return _body(body.statements)


def _called(name: str, arguments: Out) -> list[tuple[str, Out]]:
    if name in RESERVED:
        given = [] if arguments is _NULL else [("args", arguments)]
        return [("call", Word(word(name))), *given]
    return [(name, arguments)]


def _arguments(arguments: Iterable[ast.Argument]) -> Out:
    given = [_value(argument.value) for argument in arguments if argument.name is None]
    named = [(argument.name, _value(argument.value)) for argument in arguments if argument.name is not None]
    if not given and named:
        return Keys(named)
    if len(given) == 1 and not named and isinstance(given[0], Word) and given[0].flow != "null":
        return given[0]
    return Entries([*given, *([Keys(named)] if named else [])])


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
