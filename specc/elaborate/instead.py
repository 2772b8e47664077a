"""Where a text stands and something else is taken: what its author most likely meant, tried before it is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from specc.elaborate.errors import Invalid, in_form, short
from specc.elaborate.evaluation import evaluate
from specc.elaborate.scope import Scope, Unknown
from specc.elaborate.values import Evaluated, Value
from specc.ir.op import Op
from specc.ops.fields import expected
from specc.source import Source, Span
from specc.syntax import ast, is_yaml

_TRUTHS = {"yes": True, "on": True, "no": False, "off": False}


def of_text(
    kind: type[Op], name: str, argument: ast.Argument, values: Mapping[str, Value], scope: Scope
) -> tuple[str, ...]:
    """What may be written in place of a text that attribute ``name`` of an operator does not take, as helps.

    Args:
        argument: the attribute's; there is nothing to say where it holds no text.
        values: the operator's attributes, the wrong one among them.
    """
    written = next(_texts(argument.value), None)
    if written is None:
        return ()
    text, span = written
    if "," in text and not isinstance(argument.value, ast.Sequence):
        return of_several(text, span)
    for meaning, advice in _meanings(text, span, scope):
        if _is_taken(kind, name, argument.value, {**values, name: meaning}, scope):
            return (advice,)
    takes_texts = '"' in expected(kind.model_fields[name])
    if is_yaml(span.source.name) and not _is_quoted(span) and not takes_texts and _is_expression(text):
        return (f"{short(text)} is a text here: an expression begins with `=`",)
    return ()


def of_several(text: str, span: Span) -> tuple[str, ...]:
    """What to write for ``conv: 16, 3`` and ``conv("16, 3")``, where one text stands for several arguments."""
    from specc.syntax.yaml.writer import arguments_in_yaml

    in_yaml = arguments_in_yaml(text)
    if not in_yaml:
        return ()
    instead = f"write `{in_yaml}`" if is_yaml(span.source.name) else f"leave out the quotes: {short(text)}"
    return (f'"{short(text)}" is one text: {instead}',)


def lone_text(arguments: tuple[ast.Argument, ...]) -> tuple[str, Span] | None:
    """The text that stands as the only argument."""
    if len(arguments) != 1 or arguments[0].name is not None or isinstance(arguments[0].value, ast.Sequence):
        return None
    return next(_texts(arguments[0].value), None)


def of_unread(name: str, body: ast.Body) -> tuple[str, ...]:
    """What to write where nothing reads a parameter but a text that names it: ``fc: classes`` in YAML."""
    for part in ast.parts(body):
        if not isinstance(part, ast.Text) or not re.search(rf"\b{re.escape(name)}\b", part.value):
            continue
        for text, span in _texts(part):
            if _is_expression(text):
                return (f'"{short(text)}" is a text, and does not read it; {_as_expression(text, span)}',)
    return ()


def gives_arms(call: ast.Call) -> bool:
    """Whether the arguments of a layer that joins values were meant as its arms: ``add: [_, left]``, ``add(a, b)``."""
    return any(argument.name in (None, "arms") for argument in call.arguments)


def of_arms(call: ast.Call) -> tuple[str, ...]:
    """How a layer that joins values is written, as a help."""
    words = [_word(argument.value) for argument in call.arguments if argument.name is None]
    arms = words if len(words) > 1 and all(words) else ["…", "…"]
    language = f"{call.name} {{ | {' | '.join(arms)} }}"
    in_yaml = f"`{{{call.name}: , arms: [{', '.join(arms)}]}}`"
    shape = in_form(call.span, language, in_yaml)
    return (f"{shape} with one arm for each, _ for the current value",)


def _word(written: ast.Expr | Evaluated) -> str:
    """A name, as a name or as the text that it is in YAML; empty for anything else."""
    name = written.name if isinstance(written, ast.Name) else getattr(written, "value", "")
    return name if isinstance(name, str) and len(name) <= 20 and name.isidentifier() else ""


def _texts(written: ast.Expr | Evaluated) -> Iterator[tuple[str, Span]]:
    """The texts that stand in an argument as such, alone or in a list."""
    if isinstance(written, ast.Sequence):
        for item in written.items:
            yield from _texts(item)
    elif isinstance(written, (ast.Text, Evaluated)) and isinstance(written.value, str) and _stands(written):
        yield written.value, written.span


def _stands(written: ast.Text | Evaluated) -> bool:
    """Whether the text itself stands in the file; what `default` gives is evaluated, and may have been a name."""
    return _is_quoted(written.span) or _raw(written.span) == written.value


def _raw(span: Span) -> str:
    """As it stands in the file; of YAML, a span's own text is that of the language."""
    return span.source.text[span.start : span.end]


def _is_quoted(span: Span) -> bool:
    return _raw(span).startswith(("'", '"'))


def _meanings(text: str, span: Span, scope: Scope) -> Iterator[tuple[Value, str]]:
    """What a text may have been meant to be, with what would have to be written."""
    in_yaml = is_yaml(span.source.name)
    if text.lower() in _TRUTHS:
        meant = _TRUTHS[text.lower()]
        word = "true" if meant else "false"
        yield meant, f"write `{word}`: in YAML 1.2 `{text}` is a text" if in_yaml else f"write {word}"
    if text in ("None", "none"):
        yield None, "write `null`" if in_yaml else "write none"
    try:
        meaning = evaluate(_parsed(text), scope)
    except (Invalid, Unknown, ValueError):
        return
    yield meaning, _as_expression(text, span)


def _as_expression(text: str, span: Span) -> str:
    from specc.syntax.yaml import nodes

    if not is_yaml(span.source.name):
        return f"leave out the quotes: {short(text)}"
    if not _is_quoted(span):
        return f"an expression begins with `=`: `={short(text)}`"
    if nodes.literal(text) is not None:
        return f"leave out the quotes: `{short(text)}`"
    return f'an expression begins with `=`: `"={short(text)}"`'


def _is_expression(text: str) -> bool:
    if text in ("None", "null"):
        return False
    try:
        return bool(_parsed(text))
    except ValueError:
        return False


def _parsed(text: str) -> ast.Expr:
    """The expression that a text is. Raises ValueError where it is none, or more."""
    from specc.diagnostics import SpecError
    from specc.syntax.parser import parse
    from specc.syntax.yaml.loader import is_self_contained

    if not is_self_contained(text):
        raise ValueError(text)
    try:
        (item,) = parse(Source("", f"let value = {text}\n")).items
    except SpecError as error:
        raise ValueError(text) from error
    assert isinstance(item, ast.Let), "it was written so"
    return item.value


def _is_taken(kind: type[Op], name: str, written: ast.Expr | Evaluated, values: dict[str, Value], scope: Scope) -> bool:
    """Whether the operator takes the attribute, where every text in it is read as the first of them is meant to be."""
    if isinstance(written, ast.Sequence):
        try:
            values[name] = _read_anew(written, scope)
        except (Invalid, Unknown, ValueError):
            return False
    try:
        kind(**values)
    except ValidationError as error:
        return all(problem["loc"] and problem["loc"][0] != name for problem in error.errors())
    return True


def _read_anew(written: ast.Expr, scope: Scope) -> Value:
    """A list with the texts in it read as expressions."""
    if isinstance(written, ast.Sequence):
        return tuple(_read_anew(item, scope) for item in written.items)
    return evaluate(_parsed(written.value) if isinstance(written, ast.Text) else written, scope)
